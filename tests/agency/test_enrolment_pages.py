"""Pages of enrolment over HTTP: who may open which, what is refused, and how many statements a page takes."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.agency.enrolling import IN_PERIOD, mark, number_of, people, set_today
from tests.agency.world import World
from yizhan.agency.enrolment import queries
from yizhan.agency.enrolment.actions import doubles, enrolling, files, subsidies, tax
from yizhan.agency.enrolment.models import Charge, Difference, Double, Enrolment, ListFile, Refund, SubsidyBatch
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.people import merging
from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Area, Audit, Officer
from yizhan.agency.staff.scope import System, acting

YEAR = 2026


@pytest.fixture(autouse=True)
def in_the_collection_period(monkeypatch: pytest.MonkeyPatch) -> None:
    set_today(monkeypatch, IN_PERIOD)


@pytest.fixture
def person(world: World) -> Person:
    return people(world.yuhu.officer, world.yuhu.townships[0], ["张三"])[0]


def enrol(world: World, *persons: Person) -> None:
    for one in persons:
        enrolling.enrol(one, year=YEAR, enrolled_on=IN_PERIOD, acting_user=world.yuhu.officer)


def text(answer: Any) -> str:
    return answer.content.decode()


PAGES = {
    "enrolment:list": [], "enrolment:year": [YEAR], "enrolment:subsidies": [], "enrolment:tax": [], "enrolment:receipts": [],
    "enrolment:differences": [], "enrolment:refunds": [], "enrolment:doubles": [], "enrolment:coverage": [],
    "enrolment:missing": [], "enrolment:import": [], "enrolment:enrol": [], "enrolment:population": [],
    "enrolment:covers": [], "enrolment:import_covers": [], "enrolment:record_cover": [], "enrolment:cover_template": [],
}  # fmt: skip

OPENS = {
    "county_officer": set(PAGES),
    "city_officer": set(PAGES),
    "province_officer": set(PAGES) - {"enrolment:tax", "enrolment:receipts", "enrolment:differences", "enrolment:refunds"},
    "finance_officer": set(PAGES)
    - {"enrolment:import", "enrolment:enrol", "enrolment:population", "enrolment:import_covers", "enrolment:record_cover"},
    "supervisor": {"enrolment:coverage"},
    "policy_officer": {"enrolment:coverage"},
    "liaison": set(),
    "window_clerk": set(),
    "hospital_manager": set(),
    "system_admin": set(),
}  # fmt: skip


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("role", OPENS)
def test_pages_open_for_those_who_hold_the_right(world: World, person: Person, role: str, language: str) -> None:
    mark(world.yuhu.officer, person, "subsistence")
    enrol(world, person)
    client = world.client(world.one_of_each_role()[role])
    client.cookies["language"] = language
    for page, where in PAGES.items():
        answer = client.get(reverse(page, args=where), {"year": YEAR})
        assert answer.status_code == (200 if page in OPENS[role] else 403), (page, role)
        if answer.status_code == 200 and language == "en" and not page.endswith("template"):
            main = text(answer).partition("<main")[2]
            assert "还没有" not in main and "年度" not in main, page


def test_nobody_opens_a_page_without_signing_in(world: World, client: Any) -> None:
    for page, where in PAGES.items():
        assert client.get(reverse(page, args=where)).status_code == 302


def test_what_lies_elsewhere_fails_like_what_does_not_exist(world: World, person: Person) -> None:
    mark(world.yuhu.officer, person, "subsistence")
    enrol(world, person)
    made = subsidies.propose_subsidies(world.yuhu.area, year=YEAR, acting_user=world.yuhu.officer)
    work_off()
    tax_list = tax.make_list("due", world.yuhu.area, year=YEAR, acting_user=world.yuhu.officer)
    content = f"回执号,人员编号,姓名,缴费金额,缴费日期\nT1,{person.number},张三,999,2026-01-08".encode()
    file = files.take_file("receipts", content=content, filename="a.csv", year=YEAR, acting_user=world.yuhu.officer)
    work_off()
    with acting(world.yuhu.officer):
        line, account, difference = made.lines.get().pk, Charge.objects.get().pk, Difference.objects.get().pk
        case = Double.objects.create(
            person=person, area_path=person.area_path, year=YEAR, other_scheme="employee", found_in="list"
        )
    pages = {
        "enrolment:person": [person.pk, YEAR], "enrolment:batch": [made.pk], "enrolment:line": [made.pk, line],
        "enrolment:tax_list": [tax_list.pk], "enrolment:file": [file.pk], "enrolment:difference": [difference],
        "enrolment:double": [case.pk], "enrolment:enrol_person": [person.pk],
    }  # fmt: skip
    acts = {
        "enrolment:end": [person.pk, YEAR], "enrolment:propose_refund": [account], "enrolment:withdraw": [made.pk],
        "enrolment:hand_over": [tax_list.pk], "enrolment:export_batch": [made.pk], "enrolment:export_file": [file.pk],
    }  # fmt: skip
    here, there = world.client(world.yuhu.officer), world.client(world.songshan.officer)
    for page, where in pages.items():
        nowhere = [10**9, *where[1:]]
        assert here.get(reverse(page, args=where)).status_code == 200, page
        foreign, missing = there.get(reverse(page, args=where)), there.get(reverse(page, args=nowhere))
        assert (foreign.status_code, missing.status_code) == (404, 404), page
        assert text(foreign).partition("<main")[2] == text(missing).partition("<main")[2]
    form = {"from_on": "2026-01-01", "why": "x", "reason": "other"}
    for page, where in acts.items():
        assert there.post(reverse(page, args=where), form).status_code == 404, page
    assert there.get(reverse("enrolment:list"), {"area": "430302"}).status_code == 404
    finance = world.client(world.songshan.finance)
    assert finance.post(reverse("enrolment:approve", args=[made.pk]), {"money_on": "2026-01-15"}).status_code == 404
    with acting(world.nation.system_admin):
        assert SubsidyBatch.objects.get(pk=made.pk).state == "proposed"


MOST = {
    "enrolment:list": 14, "enrolment:missing": 12, "enrolment:coverage": 13, "enrolment:doubles": 11,
    "enrolment:differences": 14, "enrolment:refunds": 18, "enrolment:subsidies": 13,
}  # fmt: skip
"""Statements of a page."""


def test_statements_do_not_grow_with_rows(world: World) -> None:
    client = world.client(world.yuhu.officer)
    counts: dict[str, list[int]] = {page: [] for page in MOST}
    for first, count in ((0, 3), (3, 45)):
        new = people(world.yuhu.officer, world.yuhu.townships[first % 2], ["张三"] * count, first=first)
        missing = people(world.yuhu.officer, world.yuhu.townships[first % 2], ["李四"] * count, first=500 + first)
        for one in (*new[:2], *missing[:2]):
            mark(world.yuhu.officer, one, "subsistence")
        enrol(world, *new)
        rows = "\n".join(f"T{p.pk},{p.number},张三,500,2026-01-08" for p in new)
        content = f"回执号,人员编号,姓名,缴费金额,缴费日期\n{rows}".encode()
        files.take_file("receipts", content=content, filename="a.csv", year=YEAR, acting_user=world.yuhu.officer)
        work_off()
        with acting(world.yuhu.officer):
            Double.objects.bulk_create(
                [
                    Double(person=p, area_path=p.area_path, year=YEAR, other_scheme="employee", found_in="list")
                    for p in new
                ]
            )
        for page in MOST:
            client.get(reverse(page), {"year": YEAR})
            with CaptureQueriesContext(connection) as captured:
                answer = client.get(reverse(page), {"year": YEAR})
            assert answer.status_code == 200, page
            counts[page].append(len(captured))
    for page, (few, many) in counts.items():
        assert few == many <= MOST[page], page


# --- Enrolling --------------------------------------------------------------------------------------------------------


def form(**given: object) -> dict[str, object]:
    return {"year": YEAR, "enrolled_on": "2025-11-03", "event": "ordinary", "scheme": "resident", **given}


def test_an_officer_enrols_somebody_by_number(world: World, person: Person) -> None:
    client = world.client(world.yuhu.officer)
    url = reverse("enrolment:enrol")
    answer = client.post(url, form(who=number_of(0)))
    assert answer.status_code == 302 and answer["Location"] == reverse("enrolment:person", args=[person.pk, YEAR])
    page = text(client.get(answer["Location"]))
    assert "400.00" in page and "代用" in page and number_of(0) not in page
    again = client.post(url, form(who=person.number))
    assert again.status_code == 422 and "已经参加" in text(again) and f'value="{person.number}"' in text(again)
    assert client.post(url, form(who="430302199001010014")).status_code == 404
    assert client.post(url, form(who=person.number, enrolled_on="昨天")).status_code == 422
    with acting(world.yuhu.officer):
        assert Enrolment.objects.count() == 1
        assert Audit.objects.filter(act="enrolment.enrol", person_id=person.pk).count() == 1


def test_a_reader_enrols_nobody(world: World, person: Person) -> None:
    for officer in (world.yuhu.reviewer, world.yuhu.finance, world.yuhu.auditor):
        assert world.client(officer).post(reverse("enrolment:enrol"), form(who=person.number)).status_code == 403
    with acting(world.yuhu.officer):
        assert not Enrolment.objects.exists()


def workbook(*rows: tuple[str, ...]) -> io.BytesIO:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    out.seek(0)
    out.name = "名单.xlsx"
    return out


def upload(officer: Officer, world: World, kind: str, *rows: tuple[str, ...]) -> ListFile:
    data = {"kind": kind, "year": YEAR, "file": workbook(*rows)}
    answer = world.client(officer).post(reverse("enrolment:import"), data)
    assert answer.status_code == 302, text(answer)
    work_off()
    with acting(officer):
        return ListFile.objects.latest("id")


def test_a_list_of_residents_is_enrolled_and_what_is_wrong_comes_back(world: World, person: Person) -> None:
    officer = world.yuhu.officer
    file = upload(
        officer, world, "residents",
        ("证件号码", "姓名", "参保日期"),
        (number_of(0), "张三", "2025-11-03"), (number_of(1), "没登记过", ""), (number_of(0), "张三", ""),
        (number_of(1), "别的名字", ""), ("123", "坏号码", ""),
    )  # fmt: skip
    with acting(officer):
        assert [row.outcome for row in file.lines.order_by("place")] == [
            "enrolled",
            "enrolled",
            "already",
            "refused",
            "refused",
        ]
    client = world.client(officer)
    assert "坏号码" in text(client.get(reverse("enrolment:file", args=[file.pk]), {"outcome": "refused"}))
    back = client.post(reverse("enrolment:export_file", args=[file.pk]))
    sheet = openpyxl.load_workbook(io.BytesIO(back.content)).active
    assert [row[1].value for row in sheet.iter_rows(min_row=2)] == ["别的名字", "坏号码"]
    assert world.client(world.yuhu.reviewer).post(reverse("enrolment:import")).status_code == 403


def test_a_file_without_the_columns_is_refused_with_what_is_needed(world: World) -> None:
    data = {"kind": "employees", "year": YEAR, "file": workbook(("号码", "姓名"), ("1", "张三"))}
    answer = world.client(world.yuhu.officer).post(reverse("enrolment:import"), data)
    assert answer.status_code == 422 and "开始日期" in text(answer)


@pytest.mark.parametrize("kind", files.COLUMNS)
def test_templates_can_be_downloaded_and_taken_back(world: World, kind: str) -> None:
    answer = world.client(world.yuhu.officer).get(reverse("enrolment:template", args=[kind]))
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
    assert [cell.value for cell in sheet[1]] == [column.name for column in files.COLUMNS[kind]]


def test_an_export_is_masked_recorded_and_counted(world: World, person: Person) -> None:
    enrol(world, person)
    answer = world.client(world.yuhu.officer).post(f"{reverse('enrolment:export')}?year={YEAR}")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    values = [cell.value for row in sheet.iter_rows() for cell in row]
    assert "张三" in values and number_of(0) not in values
    with acting(world.yuhu.officer):
        assert Audit.objects.get(act="enrolment.export").detail["rows"] == 1
    assert world.client(world.yuhu.finance).post(reverse("enrolment:export")).status_code == 403


# --- Subsidies, lists, receipts, refunds, by page ----------------------------------------------------------------------


def test_the_year_from_list_to_receipt(world: World, person: Person) -> None:
    officer, finance = world.client(world.yuhu.officer), world.client(world.yuhu.finance)
    mark(world.yuhu.officer, person, "subsistence")
    enrol(world, person)
    assert finance.post(reverse("enrolment:propose"), {"area": "430302", "year": YEAR}).status_code == 403
    assert officer.post(reverse("enrolment:propose"), {"area": "430321", "year": YEAR}).status_code == 404
    assert officer.post(reverse("enrolment:propose"), {"area": "430302", "year": YEAR}).status_code == 302
    work_off()
    with acting(world.yuhu.officer):
        batch = SubsidyBatch.objects.get()
        line = batch.lines.get()
    page = text(officer.get(reverse("enrolment:batch", args=[batch.pk])))
    assert "200.00" in page and "医疗救助资金" in page and "核定入账" not in page
    assert "潭医保发〔2021〕26号" in text(officer.get(reverse("enrolment:line", args=[batch.pk, line.pk])))
    approve = reverse("enrolment:approve", args=[batch.pk])
    assert officer.post(approve, {"money_on": "2026-01-15"}).status_code == 403
    assert finance.post(approve, {"money_on": ""}).status_code == 422
    assert finance.post(approve, {"money_on": "2026-01-15"}).status_code == 302
    assert finance.post(approve, {"money_on": "2026-01-15"}).status_code == 422
    assert "200.00" in text(officer.get(reverse("enrolment:subsidies"), {"year": YEAR}))
    assert (
        officer.post(f"{reverse('enrolment:make_list')}?year={YEAR}", {"area": "430302", "kind": "due"}).status_code
        == 302
    )
    work_off()
    with acting(world.yuhu.officer):
        (made,) = queries.tax_lists(YEAR, world.yuhu.area.path)
    assert made.digest in text(officer.get(reverse("enrolment:tax_list", args=[made.pk])))
    handed = finance.post(reverse("enrolment:hand_over", args=[made.pk]))
    assert number_of(0) in handed.content.decode("utf-8-sig")
    data = {
        "year": YEAR,
        "file": workbook(
            ("回执号", "人员编号", "姓名", "缴费金额", "缴费日期"), ("T1", person.number, "张三", "250", "2026-01-08")
        ),
    }
    assert officer.post(reverse("enrolment:receipts"), data).status_code == 302
    work_off()
    with acting(world.yuhu.officer):
        difference = Difference.objects.get()
    url = reverse("enrolment:difference", args=[difference.pk])
    assert "250.00" in text(officer.get(url))
    assert officer.post(url, {"decision": "assign"}).status_code == 422
    assert officer.post(url, {"decision": "refund"}).status_code == 302
    assert officer.post(url, {"decision": "refund"}).status_code == 422
    with acting(world.yuhu.officer):
        refund = Refund.objects.get()
    decide = reverse("enrolment:decide_refunds")
    assert officer.post(decide, {"refund": refund.pk, "decision": "approve"}).status_code == 403
    assert finance.post(decide, {"refund": refund.pk, "decision": "approve"}).status_code == 302
    with acting(world.yuhu.officer):
        account = Charge.objects.get()
        acts = set(Audit.objects.values_list("act", flat=True))
    assert (account.covered, account.paid, account.balance) == (200_00, 200_00, 0)
    assert {"subsidy.propose", "subsidy.approved", "tax_list.make", "tax_list.hand_over", "refund.approved"} <= acts


def test_the_years_page_says_where_its_figures_come_from_and_a_city_makes_the_period_longer(world: World) -> None:
    url = reverse("enrolment:year", args=[YEAR])
    page = text(world.client(world.yuhu.officer).get(url))
    assert "400.00" in page and "1,100.00" in page and "潭医保发〔2021〕26号" in page and "代用" in page
    data = {"period_to": "2026-06-30", "document": "潭医保〔2026〕9号"}
    assert world.client(world.yuhu.officer).post(url, data).status_code == 404
    city = world.client(world.xiangtan.officer)
    assert city.post(url, {**data, "period_to": "2026-01-31"}).status_code == 422
    assert city.post(url, data).status_code == 302
    assert "潭医保〔2026〕9号" in text(world.client(world.yuhu.officer).get(url))


def test_above_the_pooling_areas_one_is_chosen_first(world: World) -> None:
    url = reverse("enrolment:year", args=[YEAR])
    page = text(world.client(world.hunan.officer).get(url))
    assert "先选统筹区" in page and f"?area=430300&amp;year={YEAR}" in page and "雨湖" not in page.partition("<main")[2]
    assert "400.00" in text(world.client(world.hunan.officer).get(url, {"area": "430300"}))
    data = {"period_to": "2026-06-30", "document": "湘医保〔2026〕9号"}
    answer = world.client(world.hunan.officer).post(f"{url}?area=430300", data)
    assert answer.status_code == 302 and "area=430300" in answer.headers["Location"]
    finance = world.client(world.hunan.finance)
    receipts = reverse("enrolment:receipts")
    assert "先选统筹区" in text(finance.get(receipts, {"year": YEAR}))
    assert "先选统筹区" not in text(finance.get(f"{receipts}?year={YEAR}&area=430300"))


def test_a_provinces_finance_takes_receipts_for_a_pooling_area(world: World, person: Person) -> None:
    enrol(world, person)
    rows = f"回执号,人员编号,姓名,缴费金额,缴费日期\nT1,{person.number},张三,400,2026-01-08"
    url = f"{reverse('enrolment:receipts')}?year={YEAR}&area=430300"
    upload = SimpleUploadedFile("a.csv", rows.encode())
    assert world.client(world.hunan.finance).post(url, {"year": YEAR, "file": upload}).status_code == 302
    work_off()
    with acting(world.yuhu.officer):
        assert Charge.objects.get().received == 400_00


def test_a_provinces_list_of_residents_is_judged_row_by_row(world: World, person: Person) -> None:
    file = upload(world.hunan.officer, world, "residents", ("证件号码", "姓名"), (number_of(0), "张三"))
    with acting(world.hunan.officer):
        assert [row.outcome for row in file.lines.all()] == ["enrolled"]


def test_who_was_merged_leads_to_who_was_kept(world: World, person: Person) -> None:
    (dropped,) = people(world.yuhu.officer, world.yuhu.area, ["张叁"], first=1)
    mark(world.yuhu.officer, dropped, "subsistence")
    enrol(world, dropped)
    made = subsidies.propose_subsidies(world.yuhu.area, year=YEAR, acting_user=world.yuhu.officer)
    work_off()
    merge = merging.propose_merge(person, dropped=dropped, why="同一人两条记录", acting_user=world.yuhu.officer)
    merging.decide_merge(merge, accept=True, acting_user=world.yuhu.reviewer)
    client = world.client(world.yuhu.officer)
    mine = reverse("enrolment:person", args=[person.pk, YEAR])
    for page in (reverse("enrolment:list"), reverse("enrolment:batch", args=[made.pk])):
        shown = text(client.get(page, {"year": YEAR}))
        assert mine in shown and "张三" in shown and "张叁" not in shown.partition("<main")[2], page
    answer = client.get(reverse("enrolment:person", args=[dropped.pk, YEAR]))
    assert (answer.status_code, answer.headers["Location"]) == (302, mine)
    shown = text(client.get(reverse("people:person", args=[person.number])))
    assert "待缴费" in shown


# --- Doubles ----------------------------------------------------------------------------------------------------------


def moved(world: World, person: Person, path: str) -> None:
    """The person now belongs elsewhere; done for all, as a transfer between provinces is."""
    with acting(System("transfer")):
        Person.objects.filter(pk=person.pk).update(area_path=path)


def test_a_list_of_employees_opens_cases_and_the_decision_ends_the_other(world: World, person: Person) -> None:
    officer = world.yuhu.officer
    enrol(world, person)
    content = f"回执号,人员编号,姓名,缴费金额,缴费日期\nT1,{person.number},张三,400,2026-01-08".encode()
    files.take_file("receipts", content=content, filename="a.csv", year=YEAR, acting_user=officer)
    file = upload(
        officer,
        world,
        "employees",
        ("证件号码", "姓名", "开始日期", "参保地或单位"),
        (number_of(0), "张三", "2026-01-01", "长沙"),
    )
    with acting(officer):
        assert [row.outcome for row in file.lines.all()] == ["double"]
        case = Double.objects.get()
        assert len(queries.insured_periods(person)) == 2
    assert (
        world.client(world.yuhu.finance)
        .post(reverse("enrolment:double", args=[case.pk]), {"keeps": "other", "from_on": "2026-01-01"})
        .status_code
        == 403
    )
    url = reverse("enrolment:double", args=[case.pk])
    assert world.client(officer).post(url, {"keeps": "other", "from_on": "2026-01-01"}).status_code == 302
    assert world.client(officer).post(url, {"keeps": "own", "from_on": "2026-01-01"}).status_code == 422
    with acting(officer):
        (period,) = queries.insured_periods(person)
        assert (period.scheme, period.from_on) == ("employee", date(2026, 1, 1))
        assert Refund.objects.get().fen == 400_00


def test_keeping_the_resident_enrolment_ends_the_employees(world: World, person: Person) -> None:
    officer = world.yuhu.officer
    enrol(world, person)
    upload(officer, world, "employees", ("证件号码", "姓名", "开始日期"), (number_of(0), "张三", "2025-05-01"))
    with acting(officer):
        case = Double.objects.get()
    assert (
        world.client(officer)
        .post(reverse("enrolment:double", args=[case.pk]), {"keeps": "own", "from_on": "2026-01-01"})
        .status_code
        == 302
    )
    with acting(officer):
        other = Enrolment.objects.live().get(scheme="employee")
        assert other.last_day == date(2025, 12, 31)


def test_who_is_insured_in_another_province_is_told_without_where(
    world: World, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A county sees that, since when and which scheme; those responsible for both see where."""
    enrol(world, person)
    moved(world, person, world.songshan.area.path)
    there = world.songshan.officer
    with acting(there):
        (other,) = queries.elsewhere([person.pk], YEAR)[person.pk]
    assert (other.scheme, other.since, other.area_path) == ("resident", date(2026, 1, 1), None)
    page = text(world.client(there).get(reverse("enrolment:person", args=[person.pk, YEAR])))
    assert "另在别的县区参加" in page and "雨湖" not in page
    with acting(System("nation")):
        (other,) = queries.elsewhere([person.pk], YEAR)[person.pk]
    assert other.area_path == world.yuhu.townships[0].path
    with acting(world.yuhu.officer):
        assert queries.elsewhere([person.pk], YEAR) == {}
    set_today(monkeypatch, date(2020, 1, 10))
    enrolling.enrol(person, year=2020, enrolled_on=date(2020, 1, 10), acting_user=there)


def test_the_platform_is_searched_for_who_is_an_employee_elsewhere(world: World, person: Person) -> None:
    """Insured as an employee in Songshan, then as a resident in Yuhu: Yuhu finds it, and it counts as insured."""
    moved(world, person, world.songshan.area.path)
    upload(
        world.songshan.officer,
        world,
        "employees",
        ("证件号码", "姓名", "开始日期"),
        (number_of(0), "张三", "2026-01-01"),
    )
    moved(world, person, world.yuhu.area.path)
    mark(world.yuhu.officer, person, "subsistence")
    officer = world.yuhu.officer
    refused = world.client(officer).post(reverse("enrolment:enrol"), form(who=person.number))
    assert refused.status_code == 422 and "职工医保" in text(refused)
    with acting(officer):
        Enrolment.objects.create(
            person=person, area_path=person.area_path, year=YEAR, scheme="resident", enrolled_on=IN_PERIOD
        )
        whole, _ = queries.coverage(world.yuhu.area, year=YEAR, on=date(2026, 3, 1))
        assert whole.certified.missing == 0
        assert not queries.missing(world.yuhu.area.path, year=YEAR, on=date(2026, 3, 1)).exists()
    url = f"{reverse('enrolment:look')}?year={YEAR}"
    assert world.client(world.yuhu.finance).post(url).status_code == 403
    for opened in (1, 0):
        answer = world.client(officer).post(url, follow=True)
        assert f"新发现 {opened} 人" in text(answer)


def test_the_province_decides_what_lies_in_two_cities(world: World, person: Person) -> None:
    """An employee in Zhuzhou and a resident in Yuhu: neither the county nor the city reaches what is to be ended."""
    zhuzhou = Area.objects.create(
        code="430200", name="株洲市", level="city", parent=world.hunan.area, path=f"{world.hunan.area.path}430200."
    )
    tianyuan = Area.objects.create(
        code="430211", name="天元区", level="county", parent=zhuzhou, path=f"{zhuzhou.path}430211."
    )
    moved(world, person, tianyuan.path)
    upload(
        world.hunan.officer, world, "employees", ("证件号码", "姓名", "开始日期"), (number_of(0), "张三", "2025-05-01")
    )
    moved(world, person, world.yuhu.area.path)
    with acting(world.yuhu.officer):
        Enrolment.objects.create(
            person=person, area_path=person.area_path, year=YEAR, scheme="resident", enrolled_on=IN_PERIOD
        )
    assert doubles.look_for_doubles(world.yuhu.area, year=YEAR, acting_user=world.yuhu.officer) == 1
    with acting(world.yuhu.officer):
        url = reverse("enrolment:double", args=[Double.objects.get().pk])
    data = {"keeps": "own", "from_on": "2026-01-01"}
    for officer in (world.yuhu.officer, world.xiangtan.officer):
        refused = world.client(officer).post(url, data)
        assert refused.status_code == 422 and "跨市由省级" in text(refused)
    answers = [
        world.client(place.officer).post(url, data) for place in (world.songshan, world.chifeng, world.inner_mongolia)
    ]
    missing = world.client(world.songshan.officer).post(reverse("enrolment:double", args=[10**9]), data)
    mains = {text(answer).partition("<main")[2] for answer in (*answers, missing)}
    assert {answer.status_code for answer in answers} == {404} and len(mains) == 1
    assert world.client(world.hunan.reviewer).post(url, data).status_code == 403
    assert world.client(world.hunan.officer).post(url, data).status_code == 302
    with acting(world.hunan.officer):
        case = Double.objects.get()
        assert (case.keeps, case.decided_by) == ("own", world.hunan.officer)
        assert Enrolment.objects.live().get(scheme="employee").last_day == date(2025, 12, 31)
        assert Enrolment.objects.live().resident().exists()


def test_who_moves_inside_the_city_takes_the_enrolment_along(world: World, person: Person) -> None:
    enrol(world, person)
    moved(world, person, world.xiangtan_county.area.path)
    with acting(world.xiangtan_county.officer):
        assert Enrolment.objects.live().get().area_path == world.xiangtan_county.area.path
        assert Charge.objects.get().person_id == person.pk
        assert queries.elsewhere([person.pk], YEAR) == {}
    with acting(world.yuhu.officer):
        assert not Charge.objects.exists()


# --- Coverage ---------------------------------------------------------------------------------------------------------


def test_coverage_counts_the_certified_and_the_residents_down_to_the_names(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: 4 certified of whom 2 insured (one fully subsidised, one has paid), 1 owes, 1 is not enrolled."""
    officer = world.yuhu.officer
    free, paid, owes, absent, ordinary = people(
        officer, world.yuhu.townships[0], ["免缴", "已缴", "欠缴", "未登记", "普通"]
    )
    mark(officer, free, "extremely_poor")
    for one in (paid, owes, absent):
        mark(officer, one, "subsistence")
    enrol(world, free, paid, owes, ordinary)
    made = subsidies.propose_subsidies(world.yuhu.area, year=YEAR, acting_user=officer)
    work_off()
    subsidies.approve(made, money_on=date(2026, 1, 15), acting_user=world.yuhu.finance)
    rows = "\n".join([f"T1,{paid.number},已缴,200,2026-01-08", f"T2,{ordinary.number},普通,400,2026-01-08"])
    content = f"回执号,人员编号,姓名,缴费金额,缴费日期\n{rows}".encode()
    files.take_file("receipts", content=content, filename="a.csv", year=YEAR, acting_user=officer)
    work_off()
    client = world.client(officer)
    data = {"heads": 4, "counted_on": "2025-12-31", "source": "统计公报"}
    assert client.post(f"{reverse('enrolment:population')}?year={YEAR}&area=430302", data).status_code == 302
    with acting(officer):
        whole, parts = queries.coverage(world.yuhu.area, year=YEAR, on=date(2026, 3, 1))
    assert (whole.certified.people, whole.certified.insured, whole.certified.ratio) == (4, 2, 5000)
    assert (whole.residents.people, whole.residents.insured, whole.residents.ratio) == (4, 3, 7500)
    assert {k: (c.people, c.insured) for k, c in whole.by_identity.items()} == {
        "extremely_poor": (1, 1),
        "subsistence": (3, 1),
    }
    assert [(p.area.code, p.certified.people) for p in parts if p.area] == [("430302100", 4), ("430302101", 0)]
    set_today(monkeypatch, date(2026, 3, 1))
    page = text(client.get(reverse("enrolment:coverage"), {"year": YEAR}))
    assert "50%" in page and "75%" in page and "统计公报" in page
    names = text(client.get(reverse("enrolment:missing"), {"year": YEAR}))
    assert "未登记" in names and "欠缴 200.00 元" in names and "免缴" not in names
    assert "未登记" not in text(
        world.client(world.xiangtan_county.officer).get(reverse("enrolment:missing"), {"year": YEAR})
    )
    city = text(world.client(world.xiangtan.officer).get(reverse("enrolment:coverage"), {"year": YEAR}))
    assert "雨湖区" in city and "50%" in city
    back = client.post(f"{reverse('enrolment:export_missing')}?year={YEAR}")
    sheet = openpyxl.load_workbook(io.BytesIO(back.content)).active
    assert {row[1].value for row in sheet.iter_rows(min_row=2)} == {"欠缴", "未登记"}


def test_the_missing_become_work_in_the_census_of_gaps(world: World, person: Person) -> None:
    from yizhan.agency.rosters.gaps import GAPS, census

    mark(world.yuhu.officer, person, "extremely_poor")
    assert "certified_not_insured" in GAPS
    with acting(world.yuhu.officer):
        assert census("certified_not_insured", area_path=world.yuhu.area.path, today=date(2026, 3, 1)) == 1


def test_who_is_insured_under_a_merged_record_is_no_gap(world: World, person: Person) -> None:
    from yizhan.agency.rosters.gaps import census

    (dropped,) = people(world.yuhu.officer, world.yuhu.area, ["张叁"], first=1)
    mark(world.yuhu.officer, dropped, "extremely_poor")
    made = subsidies.propose_subsidies(world.yuhu.area, year=YEAR, acting_user=world.yuhu.officer)
    work_off()
    subsidies.approve(made, money_on=date(2026, 1, 15), acting_user=world.yuhu.finance)
    merge = merging.propose_merge(person, dropped=dropped, why="同一人两条记录", acting_user=world.yuhu.officer)
    merging.decide_merge(merge, accept=True, acting_user=world.yuhu.reviewer)
    with acting(world.yuhu.officer):
        assert census("certified_not_insured", area_path=world.yuhu.area.path, today=date(2026, 3, 1)) == 0
