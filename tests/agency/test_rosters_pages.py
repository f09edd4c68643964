"""The pages of rosters, deadlines and gaps, as each role meets them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.agency.listing import (
    EFFECTIVE,
    EVERYBODY,
    apply,
    decide,
    fresh,
    line,
    mark,
    name_of,
    number_of,
    register,
    rows_of,
    send,
    xlsx,
)
from tests.agency.world import World
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.people.actions import add_member, create_household
from yizhan.agency.people.models import Person
from yizhan.agency.rosters import actions, queries
from yizhan.agency.rosters.duties import board, day_in
from yizhan.agency.rosters.models import GapItem, Roster, RosterDuty
from yizhan.agency.spreadsheets import read_table
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.scope import acting


def form(world: World, **other: object) -> dict[str, object]:
    """What the upload page sends."""
    content = xlsx([line(4, "钱新")])
    return {
        "file": SimpleUploadedFile("名单.xlsx", content), "kind": "initial", "effective_on": EFFECTIVE.isoformat(),
        "department": "civil_affairs", "area": world.yuhu.area.pk, "identities": ["subsistence"], "document": "", **other,
    }  # fmt: skip


def test_from_upload_to_applied_over_http(world: World) -> None:
    place = world.yuhu
    (known,) = register(place.officer, place.area, ["周名"])
    liaison, officer, reviewer = (world.client(who) for who in (place.liaison_civil, place.officer, place.reviewer))
    sent = form(
        world, file=SimpleUploadedFile("九月.xlsx", xlsx([line(4, "钱新"), line(0, "周铭"), ("孙错", "123", "", "")]))
    )
    answer = liaison.post("/rosters/upload", sent)
    assert answer.status_code == 302
    where = answer["Location"]
    assert "hx-trigger" in liaison.get(where).content.decode()
    work_off()
    page = liaison.get(where).content.decode()
    assert "待核对" in page
    assert number_of(0) not in page
    assert f"{where}/send" not in page
    assert liaison.post(f"{where}/decide", {"state": "conflict", "scope": "all", "decision": "take"}).status_code == 403
    assert liaison.get(f"{where}/review").status_code == 403
    assert officer.post(f"{where}/send").status_code == 422
    assert (
        officer.post(
            f"{where}/decide", {"state": "conflict", "scope": "all", "decision": "take", "note": "同音字"}
        ).status_code
        == 302
    )
    assert officer.post(f"{where}/send", {"note": "请复核"}).status_code == 302
    assert officer.post(f"{where}/review", {"verdict": "approve"}).status_code == 403
    assert "请复核" in reviewer.get(f"{where}/review").content.decode()
    assert reviewer.post(f"{where}/review", {"verdict": "return", "why": ""}).status_code == 422
    assert reviewer.post(f"{where}/review", {"verdict": "approve"}).status_code == 302
    work_off()
    assert "已应用" in officer.get(where).content.decode()
    back = b"".join(liaison.get(f"{where}/returned"))
    assert [cells[0] for _, cells in read_table(back, "x.xlsx").rows] == ["孙错"]
    assert reviewer.post(f"{where}/withdraw", {"why": ""}).status_code == 422
    assert reviewer.post(f"{where}/withdraw", {"why": "报错"}).status_code == 302
    work_off()
    assert "已撤回" in liaison.get(where).content.decode()
    with acting(EVERYBODY):
        assert Person.objects.get(pk=known).name == "周名"


def test_an_upload_with_mistakes_is_shown_again_with_what_was_typed(world: World) -> None:
    liaison = world.client(world.yuhu.liaison_civil)
    answer = liaison.post("/rosters/upload", form(world, kind="monthly", effective_on="2026-09-15", document="民字7号"))
    assert (
        answer.status_code == 422
        and "民字7号" in answer.content.decode()
        and "first_of_month" in answer.content.decode()
    )
    assert liaison.post("/rosters/upload", form(world, file="")).status_code == 422
    assert liaison.post("/rosters/upload", form(world, department="disabled_federation")).status_code == 422
    assert liaison.post("/rosters/upload", form(world, area=world.xiangtan_county.area.pk)).status_code == 422
    assert world.client(world.yuhu.window).get("/rosters/upload").status_code == 403
    content = xlsx([line(4, "钱新")])  # once: a workbook holds the second in which it was written
    first, second = (form(world, file=SimpleUploadedFile("名单.xlsx", content)) for _ in range(2))
    assert liaison.post("/rosters/upload", first).status_code == 302
    assert "file_sent_twice" in liaison.post("/rosters/upload", second).content.decode()


@pytest.mark.parametrize("page", ["", "/columns", "/review", "/withdraw", "/past", "/returned"])
def test_other_areas_and_departments_find_nothing(world: World, page: str) -> None:
    roster = send(world.yuhu.liaison_civil, world.yuhu.area, [line(4, "钱新")])
    strangers = (world.songshan, world.xiangtan_county)
    officers: list[Officer] = [
        getattr(place, who) for place in strangers for who in ("officer", "reviewer", "liaison_civil")
    ]
    for stranger in (*officers, world.yuhu.liaison_disabled):
        browser = world.client(stranger)
        foreign, missing = browser.get(f"/rosters/{roster.pk}{page}"), browser.get(f"/rosters/999999{page}")
        assert foreign.status_code == missing.status_code in (403, 404)
        assert f"/rosters/{roster.pk}" not in browser.get("/rosters/").content.decode()


def test_a_liaison_writes_nothing_of_another_department_even_in_sql(world: World) -> None:
    roster = send(world.yuhu.liaison_civil, world.yuhu.area, [line(4, "钱新")])
    with acting(world.yuhu.liaison_disabled):
        assert not Roster.objects.exists()
        assert Roster.objects.filter(pk=roster.pk).update(state="dropped") == 0
    assert queries.rosters(world.yuhu.liaison_disabled).count() == 0


def statements(client: object, url: str) -> int:
    """How many SQL statements a page needs."""
    with CaptureQueriesContext(connection) as found:
        assert client.get(url).status_code == 200  # type: ignore[attr-defined]  # a test client
    return len(found)


def test_pages_need_no_more_statements_for_more_rows(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    people = register(officer, place.area, [name_of(k) for k in range(45)])
    mark(officer, *people)
    browser = world.client(officer)
    few = send(place.liaison_civil, place.area, [line(k, name_of(k), "2025-03-01") for k in range(3)])
    actions.adopt_known_duties(place.area, acting_user=officer)
    urls = ("/rosters/", "/rosters/deadlines", "/rosters/gaps")
    before = [statements(browser, url) for url in urls]
    first = statements(browser, f"/rosters/{few.pk}?state=changed")
    many = send(
        place.liaison_civil,
        place.area,
        [line(k, name_of(k), "2025-04-01") for k in range(45)],
        effective_on=date(2026, 8, 1),
    )
    for k in range(5):
        send(place.liaison_civil, place.area, [line(k, name_of(k))], effective_on=date(2026, 7, 1) + timedelta(days=k))
    assert statements(browser, f"/rosters/{many.pk}?state=conflict") <= first
    assert [statements(browser, url) for url in urls] == before


def test_every_page_opens_in_both_languages(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    register(officer, place.area, ["周名"])
    roster = send(place.liaison_civil, place.area, [line(0, "周铭"), line(4, "钱新")])
    unclear = send(place.liaison_civil, place.area, [line(5, "孙甲")], header=("甲", "乙", "丙", "丁"))
    (row,) = rows_of(roster, state="conflict")
    actions.adopt_known_duties(place.area, acting_user=officer)
    with acting(EVERYBODY):
        duty = RosterDuty.objects.earliest("id")
    seen = {
        officer: ["/rosters/", "/rosters/upload", f"/rosters/{roster.pk}", f"/rosters/{roster.pk}/rows/{row.pk}", "/rosters/deadlines",
                  "/rosters/deadlines/new", f"/rosters/deadlines/{duty.pk}", "/rosters/gaps", "/rosters/gaps/duplicates",
                  f"/rosters/{unclear.pk}/columns", f"/rosters/{roster.pk}/past"],
        place.reviewer: [f"/rosters/{roster.pk}/review", f"/rosters/{roster.pk}/withdraw"],
    }  # fmt: skip
    for who, urls in seen.items():
        browser = world.client(who)
        for url in urls:
            browser.cookies["language"] = "zh-hans"
            chinese = browser.get(url)
            browser.cookies["language"] = "en"
            english = browser.get(url)
            assert chinese.status_code == english.status_code == 200, url
            assert "名单" in chinese.content.decode() and "oster" in english.content.decode()


def test_the_template_offers_the_categories_and_can_be_uploaded(world: World) -> None:
    liaison = world.client(world.yuhu.liaison_civil)
    content = b"".join(liaison.get("/rosters/template?kind=monthly&identity=subsistence"))
    columns = read_table(content, "模板.xlsx").columns
    assert columns[:2] == ("姓名", "证件号码") and "变动" in columns


def test_deadlines_of_the_article_are_taken_over_and_overdue_ones_stand_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    monkeypatch.setattr(timezone, "localdate", lambda value=None: date(2026, 9, 20))
    browser = world.client(officer)
    assert "9月10日" in browser.get("/rosters/deadlines").content.decode()
    assert browser.post("/rosters/deadlines/adopt").status_code == 302
    with acting(officer):
        yearly = [
            d
            for d in queries.deadlines(officer, month=date(2026, 9, 1), today=date(2026, 9, 20))
            if d.duty.kind == "initial"
        ]
    assert (
        len(yearly) == 10
        and {d.due_on for d in yearly} == {date(2026, 9, 10)}
        and {d.state.code for d in yearly} == {"overdue"}
    )
    page = browser.get("/rosters/deadlines").content.decode()
    assert "逾期未报" in page and "潭医保发〔2021〕26号" in page
    assert world.client(world.songshan.officer).post("/rosters/deadlines/adopt").status_code == 422
    assert world.client(place.liaison_civil).post("/rosters/deadlines/adopt").status_code == 403
    own = world.client(place.liaison_civil).get("/rosters/deadlines").content.decode()
    assert "残联" not in own.split("<main")[1]


@pytest.mark.parametrize(
    ("uploaded", "expected"),
    [(date(2026, 9, 9), "on_time"), (date(2026, 9, 10), "on_time"), (date(2026, 9, 11), "late")],
)
def test_a_list_is_late_from_the_day_after(world: World, uploaded: date, expected: str) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    actions.adopt_known_duties(place.area, acting_user=officer)
    roster = send(place.liaison_civil, place.area, [line(4, "钱新")])
    roster.uploaded_at = datetime(
        uploaded.year, uploaded.month, uploaded.day, 23, tzinfo=timezone.get_current_timezone()
    )
    with acting(officer):
        rows = board(queries.duties_of(officer), [roster], month=date(2026, 9, 1), today=date(2026, 9, 20))
    found = {
        row.duty.identity: row.state.code
        for row in rows
        if row.duty.kind == "initial" and row.duty.department == "civil_affairs"
    }
    assert found["subsistence"] == expected and found["orphan"] == "overdue"


def test_the_31st_is_the_last_day_of_the_month() -> None:
    assert day_in(2026, 2, 31) == date(2026, 2, 28)


def test_gaps_are_found_assigned_closed_and_not_found_again(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    today = timezone.localdate()
    ending, lost, alone, marked = register(officer, place.area, ["周到", "吴失", "郑户", "王户"])
    mark(officer, ending, until=today + timedelta(days=20))
    mark(officer, lost, until=today - timedelta(days=40))
    mark(officer, marked)
    with acting(officer):
        household = create_household(area=place.area, address="一组", acting_user=officer)
        for person, relation in ((marked, "head"), (alone, "spouse")):
            add_member(
                household,
                person=Person.objects.get(pk=person),
                relation=relation,
                first_day=date(2025, 1, 1),
                last_day=None,
                acting_user=officer,
            )
    browser = world.client(officer)
    assert browser.post("/rosters/gaps/census").status_code == 302
    work_off()
    with acting(EVERYBODY):
        own = ("ending_soon", "used_to_be_marked", "part_of_household", "duplicates", "never_found")
        found = {(item.kind, item.person_id) for item in GapItem.objects.filter(closed_at=None, kind__in=own)}
    assert found == {("ending_soon", ending), ("used_to_be_marked", lost), ("part_of_household", alone)}
    with acting(EVERYBODY):
        item = GapItem.objects.get(kind="ending_soon")
        other = GapItem.objects.get(kind="used_to_be_marked")
    due_on = (today + timedelta(days=10)).isoformat()
    where = "/rosters/gaps/ending_soon/act"
    assert (
        browser.post(where, {"items": [item.pk], "act": "assign", "responsible": "", "due_on": due_on}).status_code
        == 422
    )
    assert (
        browser.post(
            where, {"items": [item.pk], "act": "assign", "responsible": officer.pk, "due_on": due_on}
        ).status_code
        == 302
    )
    assert officer.name in browser.get("/rosters/gaps/ending_soon").content.decode()
    assert (
        browser.post(
            "/rosters/gaps/used_to_be_marked/act", {"items": [other.pk], "act": "close", "why": "right"}
        ).status_code
        == 302
    )
    assert world.client(place.supervisor).get("/rosters/gaps/ending_soon").status_code == 200
    assert (
        world.client(place.supervisor).post(where, {"items": [item.pk], "act": "close", "why": "right"}).status_code
        == 403
    )
    assert "周到" not in world.client(world.songshan.officer).get("/rosters/gaps/ending_soon").content.decode()
    mark(officer, ending, since=today + timedelta(days=21))
    actions.start_census(acting_user=officer)
    work_off()
    with acting(EVERYBODY):
        assert GapItem.objects.get(pk=item.pk).close_why == "gone"
        assert GapItem.objects.filter(kind="used_to_be_marked").count() == 1


def test_who_is_never_found_becomes_a_gap(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    header = ("姓名", "身份证号", "变动")
    roster = send(place.liaison_civil, place.area, [("周无", number_of(7), "退出")], header=header, kind="monthly")
    decide(roster, officer, "exclude", state="not_found")
    assert apply(roster, maker=officer, checker=place.reviewer).state == "applied"
    actions.start_census(acting_user=officer)
    work_off()
    assert fresh(roster).state == "applied"
    page = world.client(officer).get("/rosters/gaps/never_found").content.decode()
    assert "周无" in page and number_of(7) not in page


@pytest.mark.parametrize(("missing", "warned"), [(9, False), (10, True)])
def test_a_complete_list_that_lacks_many_is_questioned(world: World, missing: int, warned: bool) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    people = register(officer, place.area, [name_of(k) for k in range(missing + 10)])
    mark(officer, *people)
    roster = send(place.liaison_civil, place.area, [line(k, name_of(k)) for k in range(10)])
    assert ("请确认这是完整名单" in world.client(officer).get(f"/rosters/{roster.pk}").content.decode()) is warned


def test_a_liaison_does_not_learn_whose_number_it_is(world: World) -> None:
    place = world.yuhu
    register(place.officer, place.area, ["周真名"])
    roster = send(place.liaison_civil, place.area, [line(0, "周假名")])
    (row,) = rows_of(roster)
    for page in (f"/rosters/{roster.pk}", f"/rosters/{roster.pk}/rows/{row.pk}"):
        assert "周真名" in world.client(place.officer).get(page).content.decode()
        assert "周真名" not in world.client(place.liaison_civil).get(page).content.decode()
