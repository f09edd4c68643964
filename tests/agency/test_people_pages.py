"""The pages of persons, over HTTP: every flow, what is refused, and what nobody may find out."""

from __future__ import annotations

import io
import random
import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape
from python_calamine import CalamineWorkbook

from tests.agency.world import World
from yizhan.agency.people import actions, holding, merging
from yizhan.agency.people.errors import ChangedSinceMerge, LaterMergeFirst
from yizhan.agency.people.identifiers import Identifier, read_identifier, synthetic_id
from yizhan.agency.people.models import Account, Household, HouseholdMember, IdentityMark, Merge, Person
from yizhan.agency.people.queries import counted_identity, counted_of, identities_on
from yizhan.agency.staff import ceilings
from yizhan.agency.staff.errors import SamePerson
from yizhan.agency.staff.models import Area, Audit, Officer
from yizhan.agency.staff.scope import acting

TODAY = date(2026, 11, 2)
NASTY = "'\"><svg onload=alert(1)>{{7*7}}${7*7}"
LONG = "阿卜杜热合曼·" + "买买提艾力江" * 7 + "甲"
FULL_ID = re.compile(r"(?<![0-9])[1-9][0-9]{16}[0-9X](?![0-9])")


def number(k: int, born_on: date = date(1960, 5, 1), division: str = "430302") -> str:
    """A synthetic resident ID."""
    return synthetic_id(division, born_on, k)


def identifier(k: int, **how: Any) -> Identifier:
    return read_identifier("resident_id", number(k, **how), TODAY)


def registered(officer: Officer, area: Area, k: int, name: str = "张三", **how: Any) -> Person:
    """A person, registered by an officer."""
    return actions.register_person(name, identifier=identifier(k, **how), area=area, acting_user=officer)


def at(person: Person, what: str = "") -> str:
    return f"/people/{person.number}{'/' + what if what else ''}"


def audited(officer: Officer, act: str) -> list[Audit]:
    with acting(officer):
        return list(Audit.objects.filter(act=act).order_by("pk"))


def now(officer: Officer, person: Person) -> Person:
    """The person as the database has it."""
    with acting(officer):
        return Person.objects.get(pk=person.pk)


@pytest.fixture
def officer(world: World) -> Officer:
    return world.yuhu.officer


@pytest.fixture
def desk(world: World, officer: Officer) -> Client:
    return world.client(officer)


@pytest.fixture
def person(world: World, officer: Officer) -> Person:
    return registered(officer, world.yuhu.townships[0], 1)


@pytest.fixture
def foreign(world: World) -> Person:
    """Somebody of a county in another province."""
    return registered(world.songshan.officer, world.songshan.townships[0], 1, "李四", division="150404")


# --- Registering and correcting ---------------------------------------------------------------------------------------


def form_of(place: Area, k: int = 7, **changed: str) -> dict[str, str]:
    form = {
        "name": "王五",
        "id_kind": "resident_id",
        "id_number": number(k),
        "area": place.code,
        "sex": "",
        "born_on": "",
    }
    return form | {"phone": "", "address": ""} | changed


def test_an_officer_registers_a_person(world: World, desk: Client, officer: Officer) -> None:
    answer = desk.post(
        "/people/register", form_of(world.yuhu.townships[0], phone="13812345678", address="河边路1号"), follow=True
    )
    assert answer.status_code == 200
    html = answer.content.decode()
    assert "王五" in html and "430***********" in html and "138****5678" in html and not FULL_ID.search(html)
    with acting(officer):
        found = Person.objects.get(name="王五")
    assert (found.sex, found.born_on, found.initials) == ("male", date(1960, 5, 1), "ww")
    assert number(7) not in str(vars(found)) and "13812345678" not in str(vars(found))
    assert audited(officer, "person.register")[0].detail == {"number": found.id_mask}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id_number": number(7)[:-1] + ("0" if number(7)[-1] != "0" else "1")}, "校验码不对"),
        ({"name": "  "}, "这个字段是必填项"),
        ({"sex": "female"}, "性别与证件号码不一致"),
        ({"born_on": "1961-05-01"}, "出生日期与证件号码不一致"),
        ({"id_kind": "passport", "id_number": "E12345678"}, "请另外填写"),
        ({"phone": "12345"}, "不是手机号"),
        ({"area": "150404100"}, "不在可用的选项中"),
        ({"id_kind": "nonsense"}, "不在可用的选项中"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_form_with_a_mistake_comes_back_with_what_was_typed(
    world: World, desk: Client, changed: dict[str, str], said: str
) -> None:
    answer = desk.post("/people/register", form_of(world.yuhu.townships[0], **changed))  # type: ignore[arg-type]  # fields by name
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert 'value="王五"' in answer.content.decode() or "name" in changed


def test_a_number_known_here_names_the_person(world: World, desk: Client, person: Person) -> None:
    answer = desk.post("/people/register", form_of(world.yuhu.area, 1))
    assert answer.status_code == 422 and person.number in answer.content.decode()


def test_a_number_known_elsewhere_reveals_nothing_else(
    world: World, officer: Officer, desk: Client, foreign: Person
) -> None:
    answer = desk.post("/people/register", form_of(world.yuhu.area, id_number=number(1, division="150404")))
    html = answer.content.decode()
    assert answer.status_code == 422 and "已在别处登记" in html
    assert foreign.number not in html and "李四" not in html and "松山" not in html
    refused = [row for row in audited(officer, "people:register") if row.outcome == "refused"]
    assert refused[0].detail["codes"] == ["registered_elsewhere"]


def test_further_keys_of_a_form_are_ignored(world: World, desk: Client, officer: Officer) -> None:
    form = form_of(world.yuhu.townships[0], area_path="000000.", id_mask="1", merged_into="1", died_on="2020-01-01")
    assert desk.post("/people/register", form).status_code == 302
    with acting(officer):
        found = Person.objects.get(name="王五")
    assert found.area_path == world.yuhu.townships[0].path and found.died_on is None and found.merged_into is None


def correction(person: Person, **changed: str) -> dict[str, str]:
    form = {
        "name": person.name,
        "sex": person.sex,
        "born_on": str(person.born_on),
        "id_kind": "resident_id",
        "id_number": "",
    }
    return form | {"phone": "", "address": person.address, "why": "与户口簿核对"} | changed


def test_a_correction_is_audited_masked_with_its_reason(desk: Client, officer: Officer, person: Person) -> None:
    answer = desk.post(
        at(person, "correct"),
        correction(person, name="张叁", id_number=number(3, born_on=date(1962, 1, 2)), born_on=""),
    )
    assert answer.status_code == 422, "the day of birth is a field that must be there"
    answer = desk.post(at(person, "correct"), correction(person, name="张叁", id_number=number(3)))
    assert answer.status_code == 302
    found = now(officer, person)
    assert (found.name, found.name_matched, found.initials) == ("张叁", "张叁", "zs")
    row = audited(officer, "person.correct")[0]
    assert row.detail["why"] == "与户口簿核对"
    assert row.detail["before"]["name"] == "张*" and row.detail["after"]["id_mask"] == found.id_mask
    assert not FULL_ID.search(str(row.detail))


def test_a_new_number_brings_its_own_day_of_birth(officer: Officer, person: Person) -> None:
    new = identifier(4, born_on=date(1962, 1, 2))
    actions.correct_person(person, identifier=new, why="证件号码录错", acting_user=officer)
    found = now(officer, person)
    assert (found.born_on, found.sex) == (date(1962, 1, 2), "female")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "没有改动"),
        ({"why": "错"}, "请写明理由"),
        ({"sex": "female"}, "性别与证件号码不一致"),
        ({"born_on": "1999-01-01"}, "出生日期与证件号码不一致"),
    ],
    ids=["nothing", "no reason", "sex", "birth"],
)
def test_a_correction_is_refused(
    desk: Client, officer: Officer, person: Person, changed: dict[str, str], said: str
) -> None:
    answer = desk.post(at(person, "correct"), correction(person, **changed))
    assert answer.status_code == 422 and said in answer.content.decode()
    assert vars(now(officer, person))["name"] == "张三" and not audited(officer, "person.correct")


def test_a_phone_is_set_and_removed(desk: Client, officer: Officer, person: Person) -> None:
    desk.post(at(person, "correct"), correction(person, phone="+86 138 1234 5678"))
    assert now(officer, person).phone_mask == "138****5678"
    desk.post(at(person, "correct"), correction(person, no_phone="on"))
    assert now(officer, person).phone_sealed == ""


def test_an_account_replaces_the_one_before(desk: Client, officer: Officer, person: Person) -> None:
    form = {"holder": "张三", "bank": "农商行", "number": "6222000000000012", "why": "本人提供存折"}
    assert desk.post(at(person, "account"), form).status_code == 302
    assert "没有改动" in desk.post(at(person, "account"), form).content.decode()
    assert desk.post(at(person, "account"), form | {"number": "6222000000000020"}).status_code == 302
    with acting(officer):
        assert list(Account.objects.filter(withdrawn_at=None).values_list("account_mask", flat=True)) == ["****0020"]
        assert Account.objects.count() == 2
    assert [row.detail["after"] for row in audited(officer, "person.account")] == ["****0012", "****0020"]
    assert desk.post(at(person, "account"), form | {"number": "12"}).status_code == 422


def test_a_death_is_recorded_and_taken_back(desk: Client, officer: Officer, person: Person) -> None:
    assert desk.post(at(person, "death"), {"died_on": "2026-10-01", "why": "死亡医学证明"}).status_code == 302
    assert "2026-10-01" in desk.get(at(person)).content.decode()
    tomorrow = timezone.localdate() + timedelta(days=1)
    for day, why in ((str(tomorrow), "证明"), ("1950-01-01", "死亡医学证明"), ("2026-10-01", "死亡医学证明")):
        assert desk.post(at(person, "death"), {"died_on": day, "why": why}).status_code == 422
    assert desk.post(at(person, "death"), {"died_on": "", "why": "误登记，系同名"}).status_code == 302
    assert now(officer, person).died_on is None


# --- Moving -----------------------------------------------------------------------------------------------------------


def test_a_county_moves_people_inside_itself_and_the_city_between_counties(
    world: World, desk: Client, person: Person
) -> None:
    other = world.yuhu.townships[1]
    assert desk.post(at(person, "move"), {"area": other.code, "why": "户籍迁移"}).status_code == 302
    beyond = world.xiangtan_county.townships[0]
    assert desk.post(at(person, "move"), {"area": beyond.code, "why": "户籍迁移"}).status_code == 422
    city = world.client(world.xiangtan.officer)
    assert city.post(at(person, "move"), {"area": beyond.code, "why": "户籍迁移"}).status_code == 302
    assert desk.get(at(person)).status_code == 404
    assert world.client(world.xiangtan_county.officer).get(at(person)).status_code == 200


def test_what_belongs_to_a_person_moves_along(world: World, officer: Officer, person: Person) -> None:
    mark = actions.add_mark(person, **A_MARK, acting_user=officer)
    actions.end_mark(mark, last_day=date(2026, 5, 31), why="停发低保", acting_user=officer)
    actions.set_account(
        person, number="6222000000000012", holder="张三", bank="农商行", why="本人提供", acting_user=officer
    )
    actions.household_of(
        person, area=world.yuhu.townships[0], relation="head", first_day=date(2020, 1, 1), acting_user=officer
    )
    target = world.xiangtan_county.townships[0]
    actions.move_person(person, area=target, why="户籍迁移", acting_user=world.xiangtan.officer)
    with acting(world.xiangtan_county.officer):
        assert (
            IdentityMark.objects.count() == 2 and Account.objects.count() == 1 and HouseholdMember.objects.count() == 1
        )
    with acting(officer):
        assert (
            not IdentityMark.objects.exists() and not Account.objects.exists() and not HouseholdMember.objects.exists()
        )


# --- Marks ------------------------------------------------------------------------------------------------------------

A_MARK: dict[str, Any] = {
    "identity": "subsistence", "first_day": date(2026, 1, 1), "department": "civil_affairs", "document": "民低〔2026〕1号",
}  # fmt: skip


def test_a_mark_is_added_ended_and_withdrawn_and_each_belief_is_kept(
    desk: Client, officer: Officer, person: Person
) -> None:
    form = {key: str(value) for key, value in A_MARK.items()}
    assert desk.post(at(person, "marks/add"), form).status_code == 302
    with acting(officer):
        mark = IdentityMark.objects.get()
    assert (
        desk.post(at(person, f"marks/{mark.pk}/end"), {"last_day": "2026-06-30", "why": "收入超过标准"}).status_code
        == 302
    )
    with acting(officer):
        ended = IdentityMark.objects.known().get()
    assert ended.last_day == date(2026, 6, 30) and (ended.certified_by, ended.document) == (
        "civil_affairs",
        "民低〔2026〕1号",
    )
    assert desk.post(at(person, f"marks/{ended.pk}/withdraw"), {"why": "认错了人"}).status_code == 302
    with acting(officer):
        assert not IdentityMark.objects.known().exists() and IdentityMark.objects.count() == 2
    html = desk.get(at(person)).content.decode()
    assert "收入超过标准" in html and "认错了人" in html and html.count('class="withdrawn"') == 2
    assert [row.act for row in audited(officer, "mark.end")] == ["mark.end"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"first_day": "2026-12-01", "last_day": "2026-11-01"}, "晚于末日"),
        ({"document": "  "}, "必填"),
        ({"identity": "rich"}, "不在可用的选项中"),
        ({"first_day": "2026-02-30"}, "有效的日期"),
    ],
    ids=["reversed", "no document", "unknown", "no day"],
)
def test_a_mark_is_refused(desk: Client, person: Person, changed: dict[str, str], said: str) -> None:
    form = {key: str(value) for key, value in A_MARK.items()} | changed
    answer = desk.post(at(person, "marks/add"), form)
    assert answer.status_code == 422 and said in answer.content.decode()


@pytest.mark.parametrize(
    ("first", "last", "status"),
    [
        ("2025-01-01", "2025-12-31", 302),
        ("2025-01-01", "2026-01-01", 422),
        ("2026-06-30", "", 422),
        ("2026-07-01", "", 302),
    ],
    ids=["up to the day before", "one day over", "from its last day", "from the day after"],
)
def test_marks_of_one_identity_touch_but_never_overlap(
    desk: Client, officer: Officer, person: Person, first: str, last: str, status: int
) -> None:
    actions.add_mark(person, **A_MARK, last_day=date(2026, 6, 30), acting_user=officer)
    form = {key: str(value) for key, value in A_MARK.items()} | {"first_day": first, "last_day": last}
    assert desk.post(at(person, "marks/add"), form).status_code == status


def test_a_mark_that_was_withdrawn_meanwhile_cannot_be_changed(desk: Client, officer: Officer, person: Person) -> None:
    mark = actions.add_mark(person, **A_MARK, acting_user=officer)
    actions.withdraw_mark(mark, why="认错了人", acting_user=officer)
    answer = desk.post(at(person, f"marks/{mark.pk}/end"), {"last_day": "2026-06-30", "why": "收入超过标准"})
    assert answer.status_code == 422 and "已经撤回" in answer.content.decode()


@pytest.mark.parametrize("last_day", ["2025-12-31", "2026-06-30", "2026-07-01"])
def test_a_mark_ends_within_itself_only(desk: Client, officer: Officer, person: Person, last_day: str) -> None:
    mark = actions.add_mark(person, **A_MARK, last_day=date(2026, 6, 30), acting_user=officer)
    assert (
        desk.post(at(person, f"marks/{mark.pk}/end"), {"last_day": last_day, "why": "收入超过标准"}).status_code == 422
    )


def test_what_was_known_on_a_day_can_be_asked_later(desk: Client, officer: Officer, person: Person) -> None:
    mark = actions.add_mark(person, **A_MARK, acting_user=officer)
    with acting(officer):
        before = actions.instant()
    actions.withdraw_mark(mark, why="认错了人", acting_user=officer)
    with acting(officer):
        assert not identities_on(person, date(2026, 3, 1))
        assert [m.pk for m in identities_on(person, date(2026, 3, 1), before)] == [mark.pk]
    html = desk.get(at(person), {"day": "2026-03-01", "known": "2026-01-15"}).content.decode()
    assert "按 2026-01-15 当时所知" in html and "当日没有身份标识" in html
    assert desk.get(at(person), {"day": "x", "known": "0000-00-00"}).status_code == 200


def test_the_identity_that_counts_is_the_engines_choice(
    world: World, desk: Client, officer: Officer, person: Person
) -> None:
    actions.add_mark(person, **A_MARK, acting_user=officer)
    actions.add_mark(person, **(A_MARK | {"identity": "extremely_poor"}), acting_user=officer)
    with acting(officer):
        counted = counted_identity(person, date(2026, 6, 1))
    assert counted.identity == "extremely_poor" and counted.ranked == ("extremely_poor", "subsistence")
    assert (
        "从高到低" in counted.why.zh and counted.articles and counted.policy is not None and counted.policy.zh == "湘潭"
    )
    html = desk.get(at(person), {"day": "2026-06-01"}).content.decode()
    assert "<b>特困</b>" in html and "从高到低" in html and "湘潭" in html


def test_an_area_without_policy_says_so(world: World) -> None:
    counted = counted_of(["subsistence"], "000000.650000.650100.650102.", date(2026, 6, 1))
    assert not counted.identity and "没有录入政策" in counted.why.zh


# --- Unmasking --------------------------------------------------------------------------------------------------------


def test_a_full_number_is_shown_once_for_a_purpose_and_recorded(desk: Client, officer: Officer, person: Person) -> None:
    answer = desk.post(at(person, "reveal"), {"field": "id_number", "purpose": "与银行核对账户"})
    assert answer.status_code == 200 and number(1) in answer.content.decode()
    assert answer.headers["Cache-Control"] == "no-store"
    row = audited(officer, "person.unmask")[0]
    assert row.detail == {"field": "id_number", "purpose": "与银行核对账户"} and row.person_id == person.pk
    assert number(1) not in desk.get(at(person)).content.decode()
    part = desk.post(at(person, "reveal"), {"field": "phone", "purpose": "联系本人"}, headers={"HX-Request": "true"})
    assert part.status_code == 200 and "没有登记" in part.content.decode() and "<html" not in part.content.decode()


def test_a_number_is_not_shown_without_purpose_or_right(
    world: World, desk: Client, officer: Officer, person: Person
) -> None:
    answer = desk.post(at(person, "reveal"), {"field": "id_number", "purpose": ""})
    assert answer.status_code == 422 and number(1) not in answer.content.decode()
    assert desk.post(at(person, "reveal"), {"field": "id_sealed", "purpose": "看看内容"}).status_code == 404
    assert (
        world.client(world.yuhu.auditor)
        .post(at(person, "reveal"), {"field": "id_number", "purpose": "审计抽查"})
        .status_code
        == 403
    )
    assert [row.outcome for row in audited(officer, "person.unmask")] == ["refused", "refused"]


def test_unmasking_is_counted_and_ends_at_the_ceiling(
    desk: Client, officer: Officer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ceilings.CEILINGS, "unmask", ceilings.Ceiling(ceilings.CEILINGS["unmask"].words, 2))
    form = {"field": "id_number", "purpose": "与银行核对账户"}
    assert [desk.post(at(person, "reveal"), form).status_code for _ in range(3)] == [200, 200, 422]


# --- Households -------------------------------------------------------------------------------------------------------


def test_a_household_is_made_joined_and_left(world: World, desk: Client, officer: Officer, person: Person) -> None:
    area = world.yuhu.townships[0]
    form = {"area": area.code, "relation": "head", "first_day": "2020-01-01", "address": "河边路1号"}
    answer = desk.post(at(person, "household"), form, follow=True)
    assert answer.status_code == 200 and "户主" in answer.content.decode()
    with acting(officer):
        household = Household.objects.get()
    spouse = registered(officer, area, 2, "李梅")
    where = f"/people/households/{household.number}"
    joining = {"number": spouse.number, "relation": "spouse", "first_day": "2021-01-01"}
    assert desk.post(f"{where}/add", joining | {"relation": "head"}).status_code == 422
    assert desk.post(f"{where}/add", joining).status_code == 302
    assert desk.post(f"{where}/add", joining).status_code == 422, "one household at a time"
    with acting(officer):
        member = HouseholdMember.objects.get(person=spouse)
    assert desk.post(f"{where}/{member.pk}/remove", {"last_day": "2020-12-31", "why": "离异迁出"}).status_code == 422
    assert desk.post(f"{where}/{member.pk}/remove", {"last_day": "2026-08-31", "why": "离异迁出"}).status_code == 302
    assert "2026-08-31" in desk.get(where).content.decode()
    assert desk.get(at(person)).content.decode().count("李梅") == 0, "who has left is not listed on the person's page"


# --- Merging ----------------------------------------------------------------------------------------------------------


def believed(reader: Officer, *persons: Person) -> list[object]:
    """All that is known now of these persons."""
    with acting(reader):
        marks = IdentityMark.objects.known().filter(person__in=persons)
        members = HouseholdMember.objects.filter(withdrawn_at=None, person__in=persons)
        accounts = Account.objects.filter(withdrawn_at=None, person__in=persons)
        return [
            sorted(
                (m.person_id, m.identity, m.valid.lower, str(m.valid.upper), m.certified_by, m.document) for m in marks
            ),
            sorted((m.person_id, m.household_id, m.relation, m.valid.lower, str(m.valid.upper)) for m in members),
            sorted((a.person_id, a.account_mask, a.holder) for a in accounts),
            list(
                Person.objects.filter(pk__in=[p.pk for p in persons])
                .order_by("pk")
                .values_list("pk", "merged_into", "area_path")
            ),
        ]


def test_a_merge_is_proposed_decided_by_another_and_undone(
    world: World, desk: Client, officer: Officer, person: Person
) -> None:
    other = registered(officer, world.yuhu.townships[1], 2, "张三")
    actions.add_mark(person, **A_MARK, last_day=date(2026, 3, 31), acting_user=officer)
    actions.add_mark(
        other, **(A_MARK | {"first_day": date(2025, 7, 1), "document": "民低〔2025〕9号"}), acting_user=officer
    )
    before = believed(officer, person, other)
    answer = desk.post(at(person, "merge"), {"number": other.number, "why": "同一人两张户口"})
    assert answer.status_code == 302
    where = answer.headers["Location"]
    assert "等待另一位复核员" in desk.get(where).content.decode()
    assert desk.post(f"{where}/decide", {"decision": "merge"}).status_code == 403
    reviewer = world.client(world.yuhu.reviewer)
    assert reviewer.post(f"{where}/decide", {"decision": "merge"}).status_code == 302
    with acting(officer):
        marks = IdentityMark.objects.known().filter(person=person).order_by("valid")
        days = [(m.valid.lower, m.valid.upper, m.document) for m in marks]
        assert not IdentityMark.objects.known().filter(person=other).exists()
    assert days == [
        (date(2025, 7, 1), date(2026, 1, 1), "民低〔2025〕9号"),
        (date(2026, 1, 1), date(2026, 4, 1), "民低〔2026〕1号"),
        (date(2026, 4, 1), None, "民低〔2025〕9号"),
    ]
    assert desk.get(at(other)).headers["Location"] == at(person)
    assert desk.post("/people/", {"q": number(2)}).headers["Location"] == at(person), (
        "the other number leads to who was kept"
    )
    assert desk.post(at(other, "marks/add"), {k: str(v) for k, v in A_MARK.items()}).status_code == 422
    assert reviewer.post(f"{where}/decide", {"decision": "merge"}).status_code == 422
    assert reviewer.post(f"{where}/undo", {"why": "并非同一人"}).status_code == 302
    assert believed(officer, person, other) == before
    assert reviewer.post(f"{where}/undo", {"why": "并非同一人"}).status_code == 422


def test_a_merge_is_refused_and_may_be_proposed_again(
    world: World, desk: Client, officer: Officer, person: Person
) -> None:
    other = registered(officer, world.yuhu.townships[1], 2)
    form = {"number": other.number, "why": "同一人两张户口"}
    assert desk.post(at(person, "merge"), form | {"number": person.number}).status_code == 422
    where = desk.post(at(person, "merge"), form).headers["Location"]
    assert desk.post(at(other, "merge"), form | {"number": person.number}).status_code == 422, "one at a time"
    reviewer = world.client(world.yuhu.reviewer)
    assert reviewer.post(f"{where}/decide", {"decision": "refuse"}).status_code == 302
    assert "已退回" in reviewer.get("/people/merges").content.decode()
    assert desk.post(at(person, "merge"), form).status_code == 302


def test_the_maker_of_a_merge_is_not_its_checker(world: World, officer: Officer, person: Person) -> None:
    other = registered(officer, world.yuhu.townships[1], 2)
    merge = merging.propose_merge(person, dropped=other, why="同一人两张户口", acting_user=officer)
    officer.roles = [*officer.roles, "reviewer"]
    with pytest.raises(SamePerson):
        merging.decide_merge(merge, accept=True, acting_user=officer)


def test_a_merge_is_not_undone_while_what_came_with_it_stands_changed(
    world: World, officer: Officer, person: Person
) -> None:
    other = registered(officer, world.yuhu.townships[1], 2)
    actions.add_mark(other, **A_MARK, acting_user=officer)
    before = believed(officer, person, other)
    merge = merging.propose_merge(person, dropped=other, why="同一人两张户口", acting_user=officer)
    merging.decide_merge(merge, accept=True, acting_user=world.yuhu.reviewer)
    with acting(officer):
        moved = IdentityMark.objects.known().get(person=person)
    ended = actions.end_mark(moved, last_day=date(2026, 5, 31), why="收入超过标准", acting_user=officer)
    with pytest.raises(ChangedSinceMerge):
        merging.undo_merge(merge, why="并非同一人", acting_user=world.yuhu.reviewer)
    actions.withdraw_mark(ended, why="先撤回再撤销合并", acting_user=officer)
    merging.undo_merge(merge, why="并非同一人", acting_user=world.yuhu.reviewer)
    assert believed(officer, person, other) == before


def test_merges_in_a_row_lead_to_the_last_and_are_undone_backwards(
    world: World, officer: Officer, person: Person
) -> None:
    second, third = registered(officer, world.yuhu.area, 2), registered(officer, world.yuhu.area, 3)
    actions.add_mark(person, **A_MARK, acting_user=officer)
    before = believed(officer, person, second, third)
    reviewer = world.yuhu.reviewer
    one = merging.propose_merge(second, dropped=person, why="同一人两张户口", acting_user=officer)
    merging.decide_merge(one, accept=True, acting_user=reviewer)
    two = merging.propose_merge(third, dropped=second, why="同一人两张户口", acting_user=officer)
    merging.decide_merge(two, accept=True, acting_user=reviewer)
    assert now(officer, person).merged_into_id == now(officer, second).merged_into_id == third.pk
    with pytest.raises(LaterMergeFirst):
        merging.undo_merge(one, why="并非同一人", acting_user=reviewer)
    merging.undo_merge(two, why="并非同一人", acting_user=reviewer)
    merging.undo_merge(one, why="并非同一人", acting_user=reviewer)
    assert believed(officer, person, second, third) == before


@pytest.mark.parametrize("seed", range(12))
def test_merge_then_undo_gives_what_was_known(world: World, officer: Officer, person: Person, seed: int) -> None:
    drawn = random.Random(seed)
    other = registered(officer, world.yuhu.townships[1], 2)
    for one in (person, other):
        for identity in ("subsistence", "severely_disabled", "monitored"):
            first = date(2024, 1, 1)
            for _ in range(drawn.randrange(3)):
                first += timedelta(days=drawn.randrange(1, 300))
                last = first + timedelta(days=drawn.randrange(300)) if drawn.random() < 0.7 else None
                actions.add_mark(
                    one, **(A_MARK | {"identity": identity, "first_day": first, "last_day": last}), acting_user=officer
                )
                if last is None:
                    break
                first = last + timedelta(days=1)
        if drawn.random() < 0.6:
            actions.household_of(
                one,
                area=world.yuhu.area,
                relation="head",
                first_day=date(2023, drawn.randrange(1, 12), 1),
                acting_user=officer,
            )
        if drawn.random() < 0.6:
            actions.set_account(
                one,
                number="622200000000001" + str(drawn.randrange(10)),
                holder="张三",
                bank="农商行",
                why="本人提供",
                acting_user=officer,
            )
    before = believed(officer, person, other)
    held = {(i, d) for _, i, d in days_held(officer, person, other)}
    merge = merging.propose_merge(person, dropped=other, why="同一人两张户口", acting_user=officer)
    merging.decide_merge(merge, accept=True, acting_user=world.yuhu.reviewer)
    assert {(i, d) for _, i, d in days_held(officer, person)} == held, "no day is lost, none is gained"
    merging.undo_merge(merge, why="并非同一人", acting_user=world.yuhu.reviewer)
    assert believed(officer, person, other) == before


def days_held(reader: Officer, *persons: Person) -> set[tuple[int, str, date]]:
    """Person, identity and each tenth day on which it holds, up to 2029."""
    with acting(reader):
        marks = list(IdentityMark.objects.known().filter(person__in=persons))
    days = [date(2024, 1, 1) + timedelta(days=k) for k in range(0, 2000, 3)]
    return {
        (m.person_id, m.identity, d)
        for m in marks
        for d in days
        if m.valid.lower <= d and (m.valid.upper is None or d < m.valid.upper)
    }


# --- Searching --------------------------------------------------------------------------------------------------------


def found(desk: Client, typed: str, **filters: str) -> str:
    """The page to which a search leads."""
    return desk.post("/people/", {"q": typed, **filters}, follow=True).content.decode()


def test_people_are_found_by_what_an_officer_has_at_hand(world: World, desk: Client, officer: Officer) -> None:
    area = world.yuhu.townships[0]
    one = registered(officer, area, 1, "张思远")
    registered(officer, area, 2, "张伟")
    uighur = registered(officer, area, 3, "买买提·艾力")
    for typed in (
        number(1),
        number(1)[:6] + number(1)[8:17],
        one.number,
        str(one.pk),
        f" {number(1)[:6]} {number(1)[6:]} ",
    ):
        assert desk.post("/people/", {"q": typed}).headers["Location"] == at(one), typed
    for typed in ("张思远", "张思", "zsy", "ZSY", "张 思远"):
        html = found(desk, typed)
        assert "张思远" in html and "张伟" not in html, typed
    html = found(desk, "张")
    assert html.index("张思远") < html.index("张伟"), "in the order of pinyin"
    for typed in ("买买提•艾力", "买买提・艾", "mmtal"):
        assert uighur.name in found(desk, typed), typed
    assert "清除条件" in found(desk, "张思远") and "共 3 条" in found(desk, "")


def test_a_mistyped_number_finds_who_was_meant(desk: Client, person: Person) -> None:
    right = number(1)
    swapped = right[:8] + right[9] + right[8] + right[10:]
    mistyped = right[:16] + str((int(right[16]) + 2) % 10) + right[17]
    for typed in (swapped, mistyped):
        html = found(desk, typed)
        assert "是不是下面这位" in html and "张三" in html and typed not in html


def test_what_was_searched_for_stands_in_no_address_and_in_full_in_no_session(desk: Client, person: Person) -> None:
    answer = desk.post("/people/", {"q": number(8)})
    assert answer.headers["Location"] == "/people/"
    assert number(8) not in str(dict(desk.session)) and number(8) not in desk.get("/people/").content.decode()


def test_filters_narrow_the_list(world: World, desk: Client, officer: Officer) -> None:
    east, west = world.yuhu.townships
    one, two = registered(officer, east, 1, "甲某"), registered(officer, west, 2, "乙某")
    actions.add_mark(one, **A_MARK, acting_user=officer)
    actions.record_death(two, died_on=date(2026, 10, 1), why="死亡证明", acting_user=officer)
    for filters, name, other in (
        ({"area": east.path}, "甲某", "乙某"),
        ({"identity": "subsistence"}, "甲某", "乙某"),
        ({"department": "civil_affairs"}, "甲某", "乙某"),
        ({"state": "dead"}, "乙某", "甲某"),
    ):
        html = found(desk, "", **filters)
        assert name in html and other not in html, filters
    for filters in ({"area": world.songshan.area.path}, {"area": "x"}, {"identity": "x"}, {"state": "x"}):
        assert "甲某" in found(desk, "", **filters), "what is no filter of ours narrows nothing"


def test_the_list_sorts_and_pages_without_asking_more_of_the_database(
    world: World, desk: Client, officer: Officer
) -> None:
    def statements(path: str) -> int:
        desk.get(path)
        with CaptureQueriesContext(connection) as caught:
            assert desk.get(path).status_code == 200
        return len(caught)

    for k in range(3):
        actions.add_mark(registered(officer, world.yuhu.townships[0], k, f"甲{k}"), **A_MARK, acting_user=officer)
    few = [statements(path) for path in ("/people/", "/people/?sort=-age", "/people/merges")]
    for k in range(3, 60):
        one = registered(officer, world.yuhu.townships[k % 2], k, f"乙{k}")
        actions.add_mark(one, **A_MARK, acting_user=officer)
    many = [statements(path) for path in ("/people/", "/people/?sort=-age", "/people/merges")]
    assert few == many and max(many) <= 25
    assert (
        "甲0" in desk.get("/people/?page=1").content.decode()
        and desk.get("/people/?page=99&sort=nonsense").status_code == 200
    )


def test_the_pages_of_a_person_and_household_do_not_ask_more_for_more(
    world: World, desk: Client, officer: Officer, person: Person
) -> None:
    household = actions.household_of(
        person, area=world.yuhu.area, relation="head", first_day=date(2020, 1, 1), acting_user=officer
    )
    where = f"/people/households/{household.number}"

    def statements() -> list[int]:
        counts = []
        for path in (at(person), where):
            with CaptureQueriesContext(connection) as caught:
                assert desk.get(path).status_code == 200
            counts.append(len(caught))
        return counts

    statements()
    few = statements()
    for k in range(10, 30):
        member = registered(officer, world.yuhu.area, k, f"成员{k}")
        actions.add_member(household, person=member, relation="child", first_day=date(2020, 1, 1), acting_user=officer)
        mark = actions.add_mark(
            person,
            **(A_MARK | {"first_day": date(2000 + k, 1, 1), "last_day": date(2000 + k, 6, 1)}),
            acting_user=officer,
        )
        actions.end_mark(mark, last_day=date(2000 + k, 5, 1), why="收入超过标准", acting_user=officer)
    assert statements() == few


# --- What nobody may find out -----------------------------------------------------------------------------------------

GETS = (
    "",
    "correct",
    "account",
    "move",
    "death",
    "household",
    "merge",
    "held",
    "marks/add",
    "marks/{mark}/end",
    "marks/{mark}/withdraw",
)
POSTS = (*(g for g in GETS if g and g != "held"), "reveal")


def plain(answer: Any) -> str:
    """The page without the token that differs each time, and without the address that was asked for."""
    html = re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": )"[^"]+"', "", answer.content.decode())
    return re.sub(r'name="next" value="[^"]*"', "", html)


@pytest.mark.parametrize("method", ["get", "post"])
def test_persons_elsewhere_answer_as_persons_who_do_not_exist(
    world: World, desk: Client, foreign: Person, method: str
) -> None:
    mark = actions.add_mark(foreign, **A_MARK, acting_user=world.songshan.officer)
    answers = {}
    desk.get("/people/")
    for who, key in (("unknown", "0999999999"), ("foreign", foreign.number), ("nonsense", "abc"), ("huge", "9" * 30)):
        for what in GETS if method == "get" else POSTS:
            path = f"/people/{key}" + (f"/{what.format(mark=mark.pk)}" if what else "")
            with CaptureQueriesContext(connection) as caught:
                answer = getattr(desk, method)(path, {"why": "理由理由", "field": "id_number", "purpose": "理由理由"})
            assert answer.status_code == 404, path
            answers[who, what] = (plain(answer), len(caught))
    for (who, what), answer in answers.items():
        assert answer[0] == answers["unknown", what][0]
        if who == "foreign":
            assert answer[1] == answers["unknown", what][1]


def test_ids_sent_in_forms_reach_nobody_elsewhere(
    world: World, desk: Client, officer: Officer, person: Person, foreign: Person
) -> None:
    household = actions.household_of(
        person, area=world.yuhu.area, relation="head", first_day=date(2020, 1, 1), acting_user=officer
    )
    theirs = world.songshan.officer
    other = actions.household_of(
        foreign, area=world.songshan.area, relation="head", first_day=date(2020, 1, 1), acting_user=theirs
    )
    mark = actions.add_mark(foreign, **A_MARK, acting_user=theirs)
    for key in (foreign.number, "0999999999"):
        joining = {"number": key, "relation": "child", "first_day": "2021-01-01"}
        assert desk.post(f"/people/households/{household.number}/add", joining).status_code == 404
        assert desk.post(at(person, "merge"), {"number": key, "why": "同一人两张户口"}).status_code == 404
    for mark_key in (mark.pk, 999_999):
        assert (
            desk.post(
                at(person, f"marks/{mark_key}/end"), {"last_day": "2026-06-30", "why": "收入超过标准"}
            ).status_code
            == 404
        )
    with acting(theirs):
        member = HouseholdMember.objects.get(household=other)
    for household_number in (other.number, "H1"):
        assert desk.get(f"/people/households/{household_number}").status_code == 404
        assert (
            desk.post(f"/people/households/{household_number}/{member.pk}/remove", {"why": "离异迁出"}).status_code
            == 404
        )
    with acting(theirs):
        assert (
            HouseholdMember.objects.filter(withdrawn_at=None).count() == 1 and IdentityMark.objects.known().count() == 1
        )


def test_merges_elsewhere_are_not_found(world: World, foreign: Person) -> None:
    theirs = world.songshan.officer
    merge = merging.propose_merge(
        foreign,
        dropped=registered(theirs, world.songshan.area, 2, division="150404"),
        why="同一人两张户口",
        acting_user=theirs,
    )
    reviewer = world.client(world.yuhu.reviewer)
    for key in (merge.pk, 999_999):
        assert reviewer.get(f"/people/merges/{key}").status_code == 404
        assert reviewer.post(f"/people/merges/{key}/decide", {"decision": "merge"}).status_code == 404
        assert reviewer.post(f"/people/merges/{key}/undo", {"why": "并非同一人"}).status_code == 404
    assert "李四" not in reviewer.get("/people/merges").content.decode()
    with acting(theirs):
        assert Merge.objects.get().state == "proposed"


def test_a_number_held_elsewhere_is_searched_as_one_that_nobody_holds(
    desk: Client, person: Person, foreign: Person
) -> None:
    desk.get("/people/")
    seen = []
    for typed in (number(1, division="150404"), number(9, division="150404")):
        with CaptureQueriesContext(connection) as caught:
            answer = desk.post("/people/", {"q": typed}, follow=True)
        shown = re.sub(r"150\*+[0-9X]{4}", "", plain(answer))
        seen.append((shown, len(caught), answer.redirect_chain))
    assert seen[0] == seen[1]


def test_nobody_else_is_exported(world: World, desk: Client, officer: Officer, person: Person, foreign: Person) -> None:
    found(desk, "", area=world.songshan.area.path)
    rows = exported(desk)
    assert "张三" in str(rows) and "李四" not in str(rows)


@pytest.mark.parametrize("role", ["liaison_civil", "hospital_manager", "finance", "system_admin", "window", "policy"])
def test_who_has_no_business_with_persons_sees_none(world: World, person: Person, role: str) -> None:
    desk = world.client(getattr(world.yuhu, role))
    for path in ("/people/", at(person), at(person, "held"), "/people/merges", "/people/register"):
        assert desk.get(path).status_code == 403, path
    assert desk.post("/people/export").status_code == 403


# --- Exports ----------------------------------------------------------------------------------------------------------


def exported(desk: Client) -> list[list[Any]]:
    answer = desk.post("/people/export")
    assert answer.status_code == 200
    return CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()


def test_an_export_is_masked_audited_and_keeps_text_as_text(world: World, desk: Client, officer: Officer) -> None:
    for k, name in enumerate(("=HYPERLINK(1)", NASTY, LONG)):
        registered(officer, world.yuhu.townships[0], k, name)
    rows = exported(desk)
    cells = [str(cell) for row in rows for cell in row]
    assert {"=HYPERLINK(1)", NASTY, LONG} <= set(cells)
    assert not FULL_ID.search(" ".join(cells))
    row = audited(officer, "person.export")[0]
    assert row.detail["rows"] == 3


def test_an_export_beyond_the_ceiling_is_refused(
    world: World, desk: Client, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ceilings.CEILINGS, "export_rows", ceilings.Ceiling(ceilings.CEILINGS["export_rows"].words, 1))
    assert desk.post("/people/export").status_code == 200
    assert desk.post("/people/export").status_code == 422
    assert world.client(world.yuhu.reviewer).post("/people/export").status_code == 403


# --- Children ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born_days", "masked"), [(-1, False), (0, False), (1, True)], ids=["14 since yesterday", "14 today", "14 tomorrow"]
)
def test_the_name_of_a_child_is_masked_until_the_fourteenth_birthday(
    world: World, officer: Officer, born_days: int, masked: bool
) -> None:
    today = timezone.localdate()
    birthday = date(today.year - 14, today.month, min(today.day, 28)) + timedelta(days=today.day - min(today.day, 28))
    child = registered(officer, world.yuhu.townships[0], 1, "赵小童", born_on=birthday + timedelta(days=born_days))
    auditor = world.client(world.yuhu.auditor)
    for path in ("/people/", at(child)):
        html = auditor.get(path).content.decode()
        assert ("赵小童" not in html and "赵*" in html) == masked, path
    assert "赵小童" in world.client(officer).get("/people/").content.decode(), "who keeps the record needs the name"
    province = world.client(world.hunan.officer)
    assert ("赵小童" not in str(exported(province))) == masked
    reviewer = world.client(world.yuhu.reviewer)
    shown = reviewer.post(at(child, "reveal"), {"field": "name", "purpose": "复核合并申请"}).content.decode()
    assert "赵小童" in shown


# --- The window -------------------------------------------------------------------------------------------------------


def test_the_window_learns_the_identities_of_whom_it_can_name(world: World, officer: Officer, person: Person) -> None:
    actions.add_mark(person, **A_MARK, acting_user=officer)
    window = world.client(world.yuhu.window)
    form = {"id_kind": "resident_id", "id_number": number(1), "name": "张 三"}
    html = window.post("/people/look-up", form).content.decode()
    assert "相符" in html and "低保" in html
    answer = html[html.index('class="panel answer"') :]
    assert person.number not in html and "430***" not in answer and "1960" not in answer and "姜畲" not in html
    assert audited(officer, "person.look_up")[0].person_id == person.pk


def test_the_window_knows_the_people_of_the_whole_city_and_no_more(world: World, foreign: Person) -> None:
    neighbour = registered(world.xiangtan_county.officer, world.xiangtan_county.townships[0], 7, "赵七")
    window = world.client(world.yuhu.window)
    form = {"id_kind": "resident_id", "id_number": number(7), "name": "赵七"}
    assert "相符" in window.post("/people/look-up", form).content.decode()
    assert audited(world.xiangtan_county.officer, "person.look_up")[0].person_id == neighbour.pk
    form = {"id_kind": "resident_id", "id_number": number(1, division="150404"), "name": foreign.name}
    assert "没有同时相符" in window.post("/people/look-up", form).content.decode()


def test_a_wrong_name_answers_as_an_unknown_number(world: World, person: Person, foreign: Person) -> None:
    window = world.client(world.yuhu.window)
    window.get("/people/look-up")
    seen = []
    for key, name in ((number(1), "张四"), (number(5), "张三"), (number(1, division="150404"), "李四")):
        with CaptureQueriesContext(connection) as caught:
            answer = window.post("/people/look-up", {"id_kind": "resident_id", "id_number": key, "name": name})
        html = plain(answer)
        seen.append((html[html.index('class="panel answer"') :], answer.status_code, len(caught)))
    assert seen[0] == seen[1] == seen[2] and "没有同时相符" in seen[0][0]
    assert (
        window.post("/people/look-up", {"id_kind": "resident_id", "id_number": "1", "name": "张三"}).status_code == 422
    )


# --- Everything that is held ------------------------------------------------------------------------------------------


NOT_PRINTED = {
    "rosters_rosterrow": "what a department sent, on its way; what came of it stands as marks, with the roster's number",
    "rosters_gapitem": "a note to work on that somebody may be missing; closed by what it led to",
    "rosters_pastchange": "which earlier days a mark corrected; the mark itself is printed",
}
"""Tables with a person that the print leaves out, and why."""


def tables_about(tables: set[str]) -> set[str]:
    """Tables of all apps with a key to one of these."""
    return {
        model._meta.db_table
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.related_model and field.related_model._meta.db_table in tables
    }


def test_the_print_holds_every_table_that_carries_a_person(
    world: World, desk: Client, officer: Officer, person: Person
) -> None:
    actions.add_mark(person, **A_MARK, acting_user=officer)
    actions.set_account(
        person, number="6222000000000012", holder="张三", bank="农商行", why="本人提供", acting_user=officer
    )
    html = desk.get(at(person, "held")).content.decode()
    assert "民低〔2026〕1号" in html and "****0012" in html and "打印全部信息" in html and not FULL_ID.search(html)
    carrying = tables_about({Person._meta.db_table})
    accounts = tables_about({"enrolment_charge"})
    with acting(officer):
        shown = {table for part in holding.everything(person) for table in part.tables}
    assert set(NOT_PRINTED) <= carrying, "a reason outlived its table"
    # A row of an uploaded table names its person by the hash of a number alone.
    wanted = carrying | accounts | {"people_person", "staff_audit", "enrolment_listrow"}
    assert wanted - set(NOT_PRINTED) <= shown
    assert audited(officer, "person.print_held")


def test_who_looked_is_shown_to_auditors(world: World, desk: Client, person: Person) -> None:
    desk.get(at(person))
    assert "打开页面" in world.client(world.yuhu.auditor).get(at(person)).content.decode()
    assert "打开页面" not in desk.get(at(person)).content.decode()


# --- Dark corners -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [NASTY, LONG, "𠅤𬎆䶮", "张", "买买提·艾力", "㛃"], ids=["markup", "long", "rare", "one", "uighur", "ext a"]
)
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_any_name_stands_on_every_page_as_it_is(
    world: World, desk: Client, officer: Officer, name: str, language: str
) -> None:
    one = registered(officer, world.yuhu.townships[0], 1, name)
    other = registered(officer, world.yuhu.townships[0], 2, name)
    mark = actions.add_mark(one, **(A_MARK | {"document": NASTY}), acting_user=officer)
    household = actions.household_of(
        one, area=world.yuhu.area, address=NASTY, relation="head", first_day=date(2020, 1, 1), acting_user=officer
    )
    merge = merging.propose_merge(one, dropped=other, why=NASTY, acting_user=officer)
    desk.cookies["language"] = language
    paths = [at(one, what.format(mark=mark.pk)) for what in GETS]
    paths += ["/people/", "/people/merges", f"/people/merges/{merge.pk}", f"/people/households/{household.number}"]
    for path in paths:
        answer = desk.get(path)
        html = answer.content.decode()
        assert answer.status_code == 200 and escape(name) in html, path
        assert "<svg onload" not in html and ">49" not in html, path
        assert number(1) not in html
    assert escape(name) in desk.post("/people/", {"q": name}, follow=True).content.decode()


def test_an_empty_county_says_what_to_do_next(desk: Client, world: World, person: Person) -> None:
    empty = world.client(world.xiangtan_county.officer)
    assert "从部门名单导入" in empty.get("/people/").content.decode()
    assert "没有合并申请" in empty.get("/people/merges").content.decode()
    html = desk.get(at(person)).content.decode()
    assert "没有身份标识" in html and "没有登记家庭户" in html
    assert "没有符合条件" in found(desk, "欧阳无")
