"""Rosters' marks by the thousand: added, ended, taken back, by several at once, each once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.agency.world import World, make_world
from yizhan.agency.people.bulk import (
    EndRow,
    MarkRow,
    NewPerson,
    add_marks_in_bulk,
    end_marks_in_bulk,
    register_in_bulk,
    withdraw_roster_in_bulk,
)
from yizhan.agency.people.identifiers import read_identifier, synthetic_id
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.staff.models import Area, Officer
from yizhan.agency.staff.scope import acting

TODAY = date(2026, 11, 2)
LOW, POOR = "subsistence", "extremely_poor"


def somebody(number: int, area: Area, *, name: str = "张三") -> NewPerson:
    """The synthetic person of this number."""
    born_on = date(1930, 1, 1) + timedelta(days=number // 400)
    identifier = read_identifier("resident_id", synthetic_id("430302", born_on, number % 400 * 2 + 1), TODAY)
    return NewPerson(name, identifier, identifier.sex, born_on, area.path)


def register(count: int, officer: Officer, area: Area, *, first: int = 0) -> list[int]:
    """Ids of that many new persons."""
    ids = register_in_bulk([somebody(first + k, area) for k in range(count)], acting_user=officer)
    return [person_id for person_id in ids if person_id is not None]


def known(person_id: int, officer: Officer) -> list[tuple[str, date, date | None]]:
    """What is believed now of one person: identity, first day, first day no longer."""
    with acting(officer):
        marks = IdentityMark.objects.known().filter(person=person_id)
        return sorted((m.identity, m.valid.lower, m.valid.upper) for m in marks)


@pytest.fixture
def officer(world: World) -> Officer:
    return world.yuhu.officer


@pytest.fixture
def person(world: World, officer: Officer) -> int:
    return register(1, officer, world.yuhu.area)[0]


def add(officer: Officer, *rows: MarkRow, roster: int = 1) -> int:
    return add_marks_in_bulk(
        rows, roster_id=roster, department="civil_affairs", document="民低〔2026〕1号", acting_user=officer
    ).added


def test_marks_are_added_with_department_document_and_roster(officer: Officer, person: int) -> None:
    assert add(officer, MarkRow(person, LOW, date(2026, 1, 1), date(2026, 6, 30))) == 1
    assert known(person, officer) == [(LOW, date(2026, 1, 1), date(2026, 7, 1))]
    with acting(officer):
        mark = IdentityMark.objects.get()
    assert (mark.certified_by, mark.document, mark.roster_id) == ("civil_affairs", "民低〔2026〕1号", 1)
    assert mark.recorded_by == officer


def test_only_the_days_that_are_not_known_yet_are_added(officer: Officer, person: int) -> None:
    add(officer, MarkRow(person, LOW, date(2026, 3, 1), date(2026, 4, 30)))
    assert add(officer, MarkRow(person, LOW, date(2026, 3, 1), date(2026, 4, 30)), roster=2) == 0
    assert add(officer, MarkRow(person, LOW, date(2026, 1, 1)), roster=3) == 2
    days = [(a, b) for _, a, b in known(person, officer)]
    assert days == [
        (date(2026, 1, 1), date(2026, 3, 1)),
        (date(2026, 3, 1), date(2026, 5, 1)),
        (date(2026, 5, 1), None),
    ]


def test_rows_of_one_roster_that_overlap_become_one_mark(officer: Officer, person: int) -> None:
    rows = [MarkRow(person, LOW, date(2026, 1, 1), date(2026, 3, 31)), MarkRow(person, LOW, date(2026, 3, 1))]
    assert add(officer, *rows) == 1
    assert known(person, officer) == [(LOW, date(2026, 1, 1), None)]


def test_ending_withdraws_what_was_believed_and_records_the_rest_anew(officer: Officer, person: int) -> None:
    add(officer, MarkRow(person, LOW, date(2026, 1, 1)), MarkRow(person, POOR, date(2026, 1, 1)))
    done = end_marks_in_bulk(
        [EndRow(person, LOW, date(2026, 8, 31))], roster_id=2, why="名单无此人", acting_user=officer
    )
    assert (done.added, done.withdrawn) == (1, 1)
    assert known(person, officer) == [(POOR, date(2026, 1, 1), None), (LOW, date(2026, 1, 1), date(2026, 9, 1))]
    with acting(officer):
        old = IdentityMark.objects.get(withdrawn_at__isnull=False)
        new = IdentityMark.objects.known().get(identity=LOW)
    assert (old.withdrawn_by, old.withdrawn_why, old.withdrawn_roster_id) == (officer, "名单无此人", 2)
    assert old.withdrawn_at == new.recorded_at, "at no instant was nothing known"


@pytest.mark.parametrize(
    ("last_day", "left"),
    [
        (date(2025, 12, 31), []),
        (date(2026, 1, 1), [(LOW, date(2026, 1, 1), date(2026, 1, 2))]),
        (date(2026, 6, 30), [(LOW, date(2026, 1, 1), date(2026, 7, 1))]),
        (date(2026, 7, 31), [(LOW, date(2026, 1, 1), date(2026, 7, 1))]),
    ],
    ids=["before it began", "on its first day", "on its last day", "after it ended"],
)
def test_a_mark_is_ended(officer: Officer, person: int, last_day: date, left: list[object]) -> None:
    add(officer, MarkRow(person, LOW, date(2026, 1, 1), date(2026, 6, 30)))
    end_marks_in_bulk([EndRow(person, LOW, last_day)], roster_id=2, why="停发", acting_user=officer)
    assert known(person, officer) == left


def test_a_roster_taken_back_leaves_what_was_known_before_it(officer: Officer, world: World) -> None:
    ids = register(20, officer, world.yuhu.area)
    add(officer, *(MarkRow(p, LOW, date(2026, 1, 1)) for p in ids[:10]))
    before = [known(p, officer) for p in ids]
    add(officer, *(MarkRow(p, POOR, date(2026, 8, 1)) for p in ids), roster=2)
    end_marks_in_bulk([EndRow(p, LOW, date(2026, 7, 31)) for p in ids], roster_id=2, why="转特困", acting_user=officer)
    end_marks_in_bulk([EndRow(p, LOW, date(2025, 1, 1)) for p in ids[:3]], roster_id=2, why="从未", acting_user=officer)
    done = withdraw_roster_in_bulk(2, why="名单有误", acting_user=officer)
    assert [known(p, officer) for p in ids] == before
    assert done.withdrawn == 27 and done.added == 10


def test_persons_of_another_area_are_passed_over_and_named(world: World, officer: Officer) -> None:
    (elsewhere,) = register(1, world.songshan.officer, world.songshan.area, first=900)
    for foreign in (elsewhere, 999_999_999):
        rows = [MarkRow(foreign, LOW, date(2026, 1, 1))]
        done = add_marks_in_bulk(rows, roster_id=1, department="civil_affairs", acting_user=officer)
        assert (done.added, done.absent) == (0, (foreign,))
        ended = end_marks_in_bulk([EndRow(foreign, LOW, TODAY)], roster_id=1, why="", acting_user=officer)
        assert (ended.withdrawn, ended.absent) == (0, (foreign,))


def test_a_number_is_registered_once_and_tells_nothing_of_other_areas(world: World, officer: Officer) -> None:
    here, there = world.yuhu.area, world.songshan.area
    first = register_in_bulk([somebody(1, here), somebody(2, here), somebody(1, here)], acting_user=officer)
    assert first[0] == first[2] and None not in first
    assert register_in_bulk([somebody(1, here)], acting_user=officer) == first[:1]
    assert register_in_bulk([somebody(1, there), somebody(3, there)], acting_user=world.songshan.officer)[0] is None
    assert register_in_bulk([somebody(4, there)], acting_user=officer) == [None]
    with acting(world.nation.auditor):
        assert Person.objects.count() == 3


# --- At once ----------------------------------------------------------------------------------------------------------


def at_once(*works: Callable[[], object]) -> None:
    """Run these in threads of their own, started together; what fails fails the test."""
    gate = threading.Barrier(len(works))
    failures: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            gate.wait()
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def test_rosters_applied_at_once_lose_no_change_and_double_no_mark(own_database: object) -> None:
    world = make_world()
    officer, other = world.yuhu.officer, world.yuhu.officer_two
    ids = register(600, officer, world.yuhu.area)
    add(officer, *(MarkRow(p, LOW, date(2026, 1, 1)) for p in ids[:300]), roster=1)

    def one() -> None:
        add_marks_in_bulk(
            [MarkRow(p, POOR, date(2026, 5, 1)) for p in ids[:400]],
            roster_id=2,
            department="civil_affairs",
            acting_user=officer,
        )

    def two() -> None:
        add_marks_in_bulk(
            [MarkRow(p, POOR, date(2026, 4, 1)) for p in reversed(ids[200:])],
            roster_id=3,
            department="civil_affairs",
            acting_user=other,
        )

    def three() -> None:
        end_marks_in_bulk(
            [EndRow(p, LOW, date(2026, 6, 30)) for p in reversed(ids)], roster_id=4, why="停发", acting_user=other
        )

    def four() -> None:
        end_marks_in_bulk(
            [EndRow(p, LOW, date(2026, 5, 31)) for p in ids[:100]], roster_id=5, why="停发", acting_user=officer
        )

    at_once(one, two, three, four)
    with acting(officer):
        found: dict[int, list[tuple[str, date, date | None]]] = {p: [] for p in ids}
        for mark in IdentityMark.objects.known():
            found[mark.person_id].append((mark.identity, mark.valid.lower, mark.valid.upper))
    for place, person_id in enumerate(ids):
        poor = [(a, b) for identity, a, b in sorted(found[person_id], key=lambda m: m[1]) if identity == POOR]
        first = date(2026, 5, 1) if place < 200 else date(2026, 4, 1)
        assert poor[0][0] == first and poor[-1][1] is None
        assert all(one[1] == two[0] for one, two in pairwise(poor)), "no gap, no overlap"
        low = [(a, b) for identity, a, b in found[person_id] if identity == LOW]
        until = date(2026, 6, 1) if place < 100 else date(2026, 7, 1)
        assert low == ([(date(2026, 1, 1), until)] if place < 300 else [])


def test_the_same_people_registered_at_once_stand_once(own_database: object) -> None:
    world = make_world()
    people = [somebody(k, world.yuhu.area) for k in range(500)]
    works = [
        lambda: register_in_bulk(people, acting_user=world.yuhu.officer),
        lambda: register_in_bulk(people[::-1], acting_user=world.yuhu.officer_two),
    ]
    at_once(*works)
    with acting(world.yuhu.officer):
        assert Person.objects.count() == 500


def test_a_thousand_marks_take_as_many_statements_as_ten(own_database: object) -> None:
    officer = (world := make_world()).yuhu.officer
    counts = []
    for first, many in ((0, 10), (10, 1_000)):
        ids = register(many, officer, world.yuhu.area, first=first)
        with CaptureQueriesContext(connection) as caught:
            assert add(officer, *(MarkRow(p, LOW, date(2026, 1, 1)) for p in ids)) == many
            rows = [EndRow(p, LOW, date(2026, 6, 30)) for p in ids]
            done = end_marks_in_bulk(rows, roster_id=2, why="停发", acting_user=officer)
        assert done.withdrawn == done.added == many
        counts.append(len(caught))
    assert counts[0] == counts[1]
