"""Who holds supplementary insurance: noted, taken from lists, withdrawn; and what a bill makes of it. XT-4, HN-5."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.agency.enrolling import number_of, people
from tests.agency.past import live, paid, past_settled, past_stay, resident
from tests.agency.test_settling import refused
from tests.agency.world import World
from yizhan.agency.care import queries as care
from yizhan.agency.care.rewriting import settle_anew
from yizhan.agency.enrolment import queries
from yizhan.agency.enrolment.actions.covers import COLUMNS, Taken, record_cover, take_covers, withdraw_cover
from yizhan.agency.enrolment.actions.enrolling import record_elsewhere_insured
from yizhan.agency.enrolment.beneficiaries import beneficiary_of, insurers_at
from yizhan.agency.enrolment.errors import (
    BadCell,
    ColumnMissing,
    CoverOverlaps,
    CoverWithdrawn,
    NoSuchInsurer,
    WhyWithdrawn,
    WrongCoverDays,
)
from yizhan.agency.enrolment.models import Cover
from yizhan.agency.people import merging
from yizhan.agency.people.actions import move_person
from yizhan.agency.people.models import Person
from yizhan.agency.staff.errors import NotAllowed, NotFound
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.scope import System, acting
from yizhan.errors import Problems

INSURER = "商业补充医疗保险"
YEAR = {"first_day": date(2019, 1, 1), "last_day": date(2019, 12, 31)}
SAID: dict[str, Any] = {"insurer": INSURER, **YEAR, "premium_fen": 6_000, "document": "潭特惠保2019-1"}
DISCHARGED = date(2019, 5, 5)
POTS = (1_000_000, 0, 0, 300_000)
"""算例 “六重·自费3000” and “五重·无特惠保”: 10,000 yuan in scope and 3,000 of own cost."""


@pytest.fixture
def person(world: World) -> Person:
    return people(world.yuhu.officer, world.yuhu.townships[0], ["张三"])[0]


def holds(world: World, person: Person, on: date, **more: Any) -> str:
    with acting(world.yuhu.officer):
        found: str = beneficiary_of(person, on=on, **more)["supplementary"]
    return found


def test_a_cover_counts_on_its_days_and_no_record_means_none(world: World, person: Person) -> None:
    assert holds(world, person, DISCHARGED) == "no"
    row = record_cover(person, **SAID, acting_user=world.yuhu.officer)
    with acting(world.yuhu.officer):
        row.refresh_from_db()
    days = (date(2018, 12, 31), date(2019, 1, 1), date(2019, 12, 31), date(2020, 1, 1))
    assert [holds(world, person, day) for day in days] == ["no", "yes", "yes", "no"]
    earlier = row.recorded_at - timedelta(seconds=1)
    assert holds(world, person, DISCHARGED, known_at=earlier) == "no", "not known at that time"
    withdraw_cover(row, why="投保名单有误", acting_user=world.yuhu.officer)
    assert holds(world, person, DISCHARGED) == "no"
    assert holds(world, person, DISCHARGED, known_at=row.recorded_at) == "yes"
    with acting(world.yuhu.officer):
        acts = (
            Audit.objects.filter(person_id=person.pk, act__startswith="cover.")
            .order_by("pk")
            .values_list("act", flat=True)
        )
        assert list(acts) == ["cover.record", "cover.withdraw"]


def test_one_statement_tells_all_of_a_person(world: World, person: Person) -> None:
    record_cover(person, **SAID, acting_user=world.yuhu.officer)
    with acting(world.yuhu.officer), CaptureQueriesContext(connection) as asked:
        beneficiary_of(person, on=DISCHARGED)
    assert len(asked) == 1


def test_the_insurance_of_the_day_counts_not_the_last_one(world: World, person: Person) -> None:
    with acting(world.yuhu.officer):
        for year, scheme in ((2018, "rural_cooperative"), (2019, "employee")):
            record_elsewhere_insured(
                person, year=year, scheme=scheme, since=date(year, 1, 1), until=date(year + 1, 1, 1), place="",
                acting_user=world.yuhu.officer,
            )  # fmt: skip
        found = [beneficiary_of(person, on=date(year, 6, 1)).get("insurance") for year in (2018, 2019, 2025)]
    # The cooperative's premium was never paid: its days do not count, and the last known scheme is told.
    assert found == ["employee", "employee", "employee"]


def test_what_does_not_fit_is_refused(world: World, person: Person) -> None:
    officer = world.yuhu.officer
    row = record_cover(person, **SAID, acting_user=officer)
    refused(CoverOverlaps, lambda: record_cover(person, **SAID, acting_user=officer))
    refused(NoSuchInsurer, lambda: record_cover(person, **{**SAID, "insurer": "某某保险"}, acting_user=officer))
    backwards = {**SAID, "first_day": date(2021, 2, 1), "last_day": date(2021, 1, 31)}
    refused(WrongCoverDays, lambda: record_cover(person, **backwards, acting_user=officer))
    refused(NotAllowed, lambda: record_cover(person, **SAID, acting_user=world.yuhu.finance))
    refused(NotFound, lambda: record_cover(person, **SAID, acting_user=world.songshan.officer))
    refused(WhyWithdrawn, lambda: withdraw_cover(row, why=" ", acting_user=officer))
    refused(NotFound, lambda: withdraw_cover(row, why="x", acting_user=world.songshan.officer))
    withdraw_cover(row, why="退保", acting_user=officer)
    refused(CoverWithdrawn, lambda: withdraw_cover(row, why="再退", acting_user=officer))
    record_cover(person, **SAID, acting_user=officer)  # what was withdrawn stands in nobody's way


def test_the_database_keeps_covers_too(world: World, person: Person) -> None:
    officer = world.yuhu.officer
    row = record_cover(person, **SAID, acting_user=officer)
    other = people(officer, world.yuhu.townships[0], ["李四"], first=1)[0]
    fields = {
        "person": person,
        "area_path": person.area_path,
        "insurer": INSURER,
        "paid_by": "finance",
        "document": "x",
    }
    for wrong in (
        {"valid": DateRange(date(2019, 12, 31), date(2020, 2, 1))},
        {"person": other, "valid": DateRange(date(2019, 1, 1), None)},
        {"person": other, "valid": DateRange(date(2019, 1, 1), date(2019, 1, 1))},
        {"person": other, "valid": DateRange(date(2019, 1, 1), date(2020, 1, 1)), "premium_fen": -1},
        {"person": other, "valid": DateRange(date(2019, 1, 1), date(2020, 1, 1)), "paid_by": "nobody"},
    ):
        with acting(officer), pytest.raises(IntegrityError), transaction.atomic():
            Cover.objects.create(**{**fields, **wrong})
    with acting(officer):
        for change in ({"document": "另一份"}, {"premium_fen": 0}):
            with pytest.raises(DatabaseError), transaction.atomic():
                Cover.objects.filter(pk=row.pk).update(**change)
        with pytest.raises(DatabaseError), transaction.atomic():
            Cover.objects.filter(pk=row.pk).delete()
    with acting(world.songshan.officer):
        assert not Cover.objects.exists()
        with pytest.raises(DatabaseError), transaction.atomic():
            Cover.objects.create(
                **{
                    **fields,
                    "area_path": world.songshan.area.path,
                    "valid": DateRange(date(2022, 1, 1), date(2023, 1, 1)),
                }
            )


def test_a_merged_record_keeps_its_cover_and_a_move_takes_it_along(world: World, person: Person) -> None:
    yuhu = world.yuhu
    double = people(yuhu.officer, yuhu.townships[0], ["张三"], first=7)[0]
    record_cover(double, **SAID, acting_user=yuhu.officer)
    merge = merging.propose_merge(person, dropped=double, why="证件核对为同一人", acting_user=yuhu.officer)
    merging.decide_merge(merge, accept=True, acting_user=yuhu.reviewer)
    assert holds(world, person, DISCHARGED) == "yes"
    refused(CoverOverlaps, lambda: record_cover(person, **SAID, acting_user=yuhu.officer))
    mover = people(yuhu.officer, yuhu.townships[0], ["王五"], first=9)[0]
    record_cover(mover, **SAID, acting_user=yuhu.officer)
    move_person(mover, area=world.xiangtan_county.townships[0], why="全家迁居", acting_user=world.xiangtan.officer)
    with acting(world.xiangtan_county.officer):
        assert queries.covers_of(mover)[0].insurer == INSURER


def test_a_late_cover_touches_the_bill_and_settles_it_as_the_worked_examples_say(world: World) -> None:
    yuhu = world.yuhu
    poor = resident(yuhu, "registered_poor")
    visit = past_stay(yuhu, poor, DISCHARGED, POTS)
    row = past_settled(yuhu, visit)
    assert {layer: fen for (layer, _), fen in paid(yuhu, row).items()} == {
        "基本医保": 799_000, "医疗救助": 140_700, "政府兜底": 165_300,
    }  # fmt: skip
    cover = record_cover(poor, **SAID, acting_user=yuhu.officer)
    with acting(yuhu.officer):
        assert list(care.touched()) == [row]
    settle_anew(poor, [row.pk], why="补登特惠保", acting_user=yuhu.reviewer)
    now = live(yuhu, visit)
    assert {layer: fen for (layer, _), fen in paid(yuhu, now).items()} == {
        "基本医保": 799_000, "扶贫特惠保": 100_500, "医疗救助": 70_350, "政府兜底": 135_150,
    }  # fmt: skip
    assert now.patient_fen == row.patient_fen == 195_000
    with acting(yuhu.officer):
        assert not care.touched().exists()
    withdraw_cover(cover, why="未缴费", acting_user=yuhu.officer)
    with acting(yuhu.officer):
        assert list(care.touched()) == [now]


# --- Lists ------------------------------------------------------------------------------------------------------------

HEADS = "证件号码,姓名,起保日期,终保日期,保费,缴费方,保单号或文号"


def listed(*rows: str) -> bytes:
    return "\n".join((HEADS, *rows)).encode()


def test_a_list_is_taken_whole_and_what_is_known_is_left_alone(world: World, person: Person) -> None:
    second = people(world.yuhu.officer, world.yuhu.townships[0], ["李四"], first=1)[0]
    rows = (
        f"{number_of(0)},张三,2019-01-01,2019-12-31,60,财政,名单1",
        f"{number_of(1)},李四,2019/1/1,2019年12月31日,,本人,名单1",
    )
    assert take_covers(listed(*rows), "a.csv", acting_user=world.yuhu.officer) == Taken(2, 0)
    assert take_covers(listed(*rows), "a.csv", acting_user=world.yuhu.officer) == Taken(0, 2)
    with acting(world.yuhu.officer):
        first, other = Cover.objects.order_by("person_id")
    assert (first.premium_fen, first.paid_by, first.insurer) == (6_000, "finance", INSURER)
    assert (other.person_id, other.premium_fen, other.paid_by, other.last_day) == (
        second.pk,
        None,
        "person",
        YEAR["last_day"],
    )


def test_all_mistakes_of_a_list_are_told_at_once_and_nothing_is_kept(world: World, person: Person) -> None:
    unreadable = listed(
        f"{number_of(0)},张三,2019-01-01,2018-12-31,60,财政,名单1",
        f"{number_of(0)},张三,元旦,2019-12-31,60,财政,名单1",
        "430302190001011234,张三,2019-01-01,2019-12-31,60,财政,名单1",
        f"{number_of(0)},张三,2019-01-01,2019-12-31,六十,财政,名单1",
        f"{number_of(0)},张三,2019-01-01,2019-12-31,60,邻居,名单1",
        f"{number_of(0)},张三,2019-01-01,2019-12-31,60,财政,",
    )
    with pytest.raises(Problems) as told:
        take_covers(unreadable, "a.csv", acting_user=world.yuhu.officer)
    problems = told.value.problems
    assert [type(p) for p in problems] == [BadCell] * 6
    assert [p.text("zh").split("：")[0] for p in problems] == [
        "第 2 行“终保日期”", "第 3 行“起保日期”", "第 4 行“证件号码”", "第 5 行“保费”", "第 6 行“缴费方”", "第 7 行“保单号或文号”",
    ]  # fmt: skip
    assert "430302190001011234" not in problems[2].text("zh")
    record_cover(person, **SAID, acting_user=world.yuhu.officer)
    unfit = listed(
        f"{number_of(5)},王五,2019-01-01,2019-12-31,60,财政,名单1",
        f"{number_of(0)},李四,2019-01-01,2019-12-31,60,财政,名单1",
        f"{number_of(0)},张三,2019-06-01,2020-05-31,60,财政,名单1",
        f"{number_of(0)},张三,2021-01-01,2021-12-31,60,财政,名单1",
    )
    with pytest.raises(Problems) as told:
        take_covers(unfit, "a.csv", acting_user=world.yuhu.officer)
    assert [p.text("en").split(": ")[0] for p in told.value.problems] == [
        "row 2, “证件号码”", "row 3, “姓名”", "row 4, “起保日期”"
    ]  # fmt: skip
    with pytest.raises(Problems) as told:
        take_covers("姓名,证件号码\n张三,1".encode(), "a.csv", acting_user=world.yuhu.officer)
    assert {type(p) for p in told.value.problems} == {ColumnMissing}
    with acting(world.yuhu.officer):
        assert Cover.objects.count() == 1


def test_a_list_of_thousands_takes_few_statements(world: World) -> None:
    def asked(count: int, first: int) -> int:
        people(world.yuhu.officer, world.yuhu.townships[0], [f"人{k}" for k in range(count)], first=first)
        rows = [f"{number_of(first + k)},人{k},2019-01-01,2019-12-31,60,财政,名单1" for k in range(count)]
        with CaptureQueriesContext(connection) as queried:
            take_covers(listed(*rows), "a.csv", acting_user=world.yuhu.officer)
        return len(queried)

    assert asked(5, 0) == asked(500, 1000)


def test_only_insurers_of_the_policies_are_known(world: World) -> None:
    assert insurers_at(world.yuhu.area.path) == (INSURER,)
    assert insurers_at(world.pengjiang.area.path) == ()


# --- Pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_cover_is_noted_shown_and_withdrawn_on_pages(world: World, person: Person, language: str) -> None:
    desk = world.client(world.yuhu.officer)
    desk.cookies["language"] = language
    form = {
        "who": person.number, "insurer": INSURER, "first_day": "2026-01-01", "last_day": "2026-12-31", "premium": "60.50",
        "paid_by": "finance", "document": "保单7",
    }  # fmt: skip
    wrong = desk.post(reverse("enrolment:record_cover"), {**form, "premium": "许多", "last_day": ""})
    assert wrong.status_code == 422
    made = desk.post(reverse("enrolment:record_cover_of", args=[person.pk]), form)
    assert made.status_code == 302
    again = desk.post(reverse("enrolment:record_cover"), form)
    assert again.status_code == 422 and "2026-12-31" in again.content.decode()
    mine = desk.get(made["Location"]).content.decode()
    assert "60.50" in mine and "保单7" in mine
    everyone = desk.get(reverse("enrolment:covers"), {"on": "2026-06-01"}).content.decode()
    assert "保单7" in everyone
    assert "保单7" not in desk.get(reverse("enrolment:covers"), {"on": "2027-06-01"}).content.decode()
    year = desk.get(reverse("enrolment:person", args=[person.pk, 2026])).content.decode()
    assert "2026-01-01 – 2026-12-31" in year
    with acting(world.yuhu.officer):
        row = Cover.objects.get()
    where = reverse("enrolment:withdraw_cover", args=[row.pk])
    assert desk.get(where).status_code == 200 and desk.post(where, {"why": ""}).status_code == 422
    assert desk.post(where, {"why": "退保了"}).status_code == 302
    assert desk.post(where, {"why": "退保了"}).status_code == 422
    assert "退保了" in desk.get(reverse("enrolment:covers_of", args=[person.pk])).content.decode()
    if language == "en":
        assert "登记" not in desk.get(reverse("enrolment:covers")).content.decode().partition("<main")[2]
    elsewhere = world.client(world.songshan.officer)
    assert elsewhere.get(where).status_code == 404
    assert world.client(world.yuhu.finance).get(reverse("enrolment:record_cover")).status_code == 403


def test_a_list_comes_in_by_the_template_that_the_page_offers(world: World, person: Person) -> None:
    desk = world.client(world.yuhu.officer)
    template = desk.get(reverse("enrolment:cover_template"))
    sheet = openpyxl.load_workbook(io.BytesIO(template.content)).worksheets[0]
    heads = [cell.value for cell in next(sheet.iter_rows(max_row=1))]
    assert heads == [column.name for column in COLUMNS]
    where = reverse("enrolment:import_covers")
    bad = desk.post(
        where, {"file": SimpleUploadedFile("a.csv", listed(f"{number_of(0)},李四,2019-01-01,,60,财政,名单1"))}
    )
    assert bad.status_code == 422 and "终保日期" in bad.content.decode()
    good = listed(f"{number_of(0)},张三,2019-01-01,2019-12-31,60,财政,名单1")
    assert desk.post(where, {"file": SimpleUploadedFile("a.csv", good)}).status_code == 302
    assert "名单1" in desk.get(reverse("enrolment:covers")).content.decode()
    assert holds(world, person, DISCHARGED) == "yes"


def test_the_system_may_note_a_cover_without_an_officer(world: World, person: Person) -> None:
    row = record_cover(person, **SAID, acting_user=System("tests"))
    assert row.recorded_by_id is None
