"""Searching among many: what an index answers under row security, and what the time it takes does not tell.

Also that two officers who work on one person at once lose nothing, and that row security alone keeps areas apart.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.agency.conftest import Database
from tests.agency.world import World, make_world
from yizhan.agency.people import actions, merging, queries
from yizhan.agency.people.bulk import MarkRow, NewPerson, add_marks_in_bulk, register_in_bulk
from yizhan.agency.people.errors import MarkOverlaps, MergedAway
from yizhan.agency.people.identifiers import read_identifier, synthetic_id
from yizhan.agency.people.models import Account, Household, HouseholdMember, IdentityMark, Merge, Person
from yizhan.agency.staff.models import Area, Officer
from yizhan.agency.staff.scope import acting
from yizhan.errors import Problem

TODAY = date(2026, 11, 2)
SURNAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方"
)
GIVEN = "明华丽强伟芳娜静敏杰涛军勇艳秀兰英桂珍凤玉梅春红霞平刚辉玲波"
DIVISIONS = {"430302": 0, "430321": 1, "150404": 2}


def number(k: int, division: str) -> str:
    return synthetic_id(division, date(1940, 1, 1) + timedelta(days=k // 400), k % 400 * 2)


def persons(count: int, area: Area) -> list[NewPerson]:
    """That many people of a county, with ordinary names."""
    made = []
    for k in range(count):
        read = read_identifier("resident_id", number(k, area.code[:6]), TODAY)
        name = SURNAMES[k % 60 % len(SURNAMES)] + GIVEN[k // 60 % len(GIVEN)] + GIVEN[k // 1800 % len(GIVEN)]
        assert read.born_on is not None
        made.append(NewPerson(name, read, read.sex, read.born_on, area.path))
    return made


@pytest.fixture
def crowd(own_database: Database) -> Iterator[World]:
    """A world with 8,000 people in each county, one in ten on subsistence allowance."""
    world = make_world()
    for place in (world.yuhu, world.xiangtan_county, world.songshan):
        ids = register_in_bulk(persons(8_000, place.area), acting_user=place.officer)
        rows = [MarkRow(i, "subsistence", date(2026, 1, 1)) for i in ids[::10] if i is not None]
        add_marks_in_bulk(rows, roster_id=None, department="civil_affairs", acting_user=place.officer)
    with psycopg.connect(own_database.owner_url, autocommit=True) as owner:
        owner.execute("analyze")
    yield world


def test_every_search_is_answered_by_an_index_under_row_security(crowd: World) -> None:
    officer = crowd.yuhu.officer
    for typed in (number(70, "430302"), "E12345678", "0000000012", "zhm", "zm", "赵明华", "张", "孙丽"):
        words = queries.read_words(typed)
        with acting(officer):
            plans = [queries.search(officer, queries.Criteria(words)).explain()]
            if words.hashes:
                plans.append(Person.objects.filter(queries._by_hash(words.hashes)).explain())
            if words.variants:
                plans.append(Person.objects.filter(queries._by_hash(words.variants)).explain())
        for plan in plans:
            assert "Seq Scan" not in plan, (typed, plan)
    with acting(officer):
        person = queries.search(officer, queries.Criteria(queries.read_words("赵明明")))[0]
        assert "Seq Scan" not in IdentityMark.objects.known().on(TODAY).filter(person=person).explain()


def test_writing_a_row_about_a_person_looks_at_that_person_alone(crowd: World) -> None:
    """The policy of the row asks for the person; read all persons of the area into a table, and a city grinds to a halt."""
    with acting(crowd.yuhu.officer), connection.cursor() as cursor:
        cursor.execute("explain insert into care_settlement (person_id) values (1)")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "using people_person_pkey on people_person" in plan, plan


def test_the_work_of_a_search_does_not_tell_whether_a_number_is_held_elsewhere(crowd: World) -> None:
    """D3: for a number held in another area the database does what it does for one that nobody has."""
    officer = crowd.yuhu.officer
    held, free = (queries.read_words(number(k, "150404")) for k in (0, 9000))
    plans, statements = [], []
    with acting(officer):
        for words in (held, free):
            with CaptureQueriesContext(connection) as caught:
                assert not list(queries.search(officer, queries.Criteria(words)))
                assert not queries.did_you_mean(officer, queries.Criteria(words))
            statements.append(len(caught))
            plans.append(
                Person.objects.filter(queries._by_hash(words.hashes)).explain(
                    analyze=True, costs=False, timing=False, summary=False, buffers=False
                )
            )
    assert statements[0] == statements[1]
    hashes = re.compile(r"\\x[0-9a-f]+")
    assert hashes.sub("#", plans[0]) == hashes.sub("#", plans[1])
    assert "Rows Removed" not in plans[0], "the area is part of what the index is asked, so no foreign row is looked at"


# --- At once ----------------------------------------------------------------------------------------------------------


def outcomes(*works: Callable[[], object]) -> list[str]:
    """Run these in threads of their own, started together: `done`, or what was refused, in their order."""
    gate = threading.Barrier(len(works))
    found: dict[int, str] = {}

    def run(place: int, work: Callable[[], object]) -> None:
        try:
            gate.wait()
            work()
            found[place] = "done"
        except Problem as refused:
            found[place] = refused.code
        except BaseException as error:
            found[place] = repr(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[k] for k in range(len(works))]


A_MARK: dict[str, Any] = {
    "identity": "subsistence",
    "first_day": date(2026, 1, 1),
    "department": "civil_affairs",
    "document": "民低〔2026〕1号",
}


def test_two_officers_on_one_person_at_once(own_database: Database) -> None:
    world = make_world()
    one, two = world.yuhu.officer, world.yuhu.officer_two
    ids = register_in_bulk(persons(12, world.yuhu.area), acting_user=one)
    with acting(one):
        people = [Person.objects.get(pk=i) for i in ids if i]
    for person in people[:6]:
        assert sorted(
            outcomes(
                lambda p=person: actions.add_mark(p, **A_MARK, acting_user=one),  # type: ignore[misc]  # bound at once
                lambda p=person: actions.add_mark(p, **A_MARK, acting_user=two),  # type: ignore[misc]  # bound at once
            )
        ) == ["done", MarkOverlaps.code]
    with acting(one):
        marks = [IdentityMark.objects.get(person=person) for person in people[:6]]
    for mark in marks:
        told = outcomes(
            lambda m=mark: actions.end_mark(m, last_day=date(2026, 3, 31), why="收入超过标准", acting_user=one),  # type: ignore[misc]  # bound at once
            lambda m=mark: actions.withdraw_mark(m, why="认错了人", acting_user=two),  # type: ignore[misc]  # bound at once
        )
        assert sorted(told) == ["done", "mark_withdrawn"]
    pair = people[6:8]
    merge = merging.propose_merge(pair[0], dropped=pair[1], why="同一人两张户口", acting_user=one)
    told = outcomes(
        lambda: merging.decide_merge(merge, accept=True, acting_user=world.yuhu.reviewer),
        lambda: merging.decide_merge(merge, accept=True, acting_user=world.yuhu.reviewer_two),
        lambda: actions.add_mark(pair[1], **A_MARK, acting_user=two),
    )
    assert sorted(told[:2]) == ["done", "merge_not_open"] and told[2] in ("done", MergedAway.code)
    with acting(one):
        assert not IdentityMark.objects.known().filter(person=pair[1]).exists()
        assert IdentityMark.objects.known().filter(person=pair[0]).count() == (told[2] == "done")


# --- Row security alone -----------------------------------------------------------------------------------------------


def test_the_database_itself_shows_and_takes_nothing_of_other_areas(world: World) -> None:
    mine, theirs = world.yuhu.officer, world.songshan.officer
    ids = register_in_bulk(persons(2, world.songshan.area), acting_user=theirs)
    with acting(theirs):
        one, two = (Person.objects.get(pk=i) for i in ids if i)
    actions.add_mark(one, **A_MARK, acting_user=theirs)
    actions.set_account(
        one, number="6222000000000012", holder="张三", bank="农商行", why="本人提供", acting_user=theirs
    )
    actions.household_of(one, area=world.songshan.area, relation="head", first_day=date(2020, 1, 1), acting_user=theirs)
    merging.propose_merge(one, dropped=two, why="同一人两张户口", acting_user=theirs)
    tables = (Person, IdentityMark, Account, Household, HouseholdMember, Merge)
    for table in tables:
        with acting(theirs):
            row = table._base_manager.first()
        assert row is not None
        with transaction.atomic():
            assert not table._base_manager.exists(), "with no area set, nothing is shown"
        with acting(mine):
            assert not table._base_manager.exists()
        row.pk = None
        with pytest.raises(ProgrammingError, match="row-level security"), acting(mine):
            row.save(force_insert=True)
        if table not in (Person, Household):
            row.area_path = mine.area_path  # a claim that the person is ours
            with pytest.raises(ProgrammingError, match="row-level security"), acting(mine):
                row.save(force_insert=True)


@pytest.mark.parametrize("table", ["people_identitymark", "people_householdmember", "people_account", "people_person"])
def test_nothing_of_a_person_is_removed_and_no_belief_rewritten(world: World, officer: Officer, table: str) -> None:
    with pytest.raises(ProgrammingError), acting(officer), connection.cursor() as cursor:
        cursor.execute(f"delete from {table}")
    column = {"people_person": "id_hash"}.get(table, "recorded_at")
    if table != "people_person":
        with pytest.raises(ProgrammingError), acting(officer), connection.cursor() as cursor:
            cursor.execute(f"update {table} set {column} = {column}")


@pytest.fixture
def officer(world: World) -> Officer:
    return world.yuhu.officer
