"""What a list would change: every row in its state, and nothing decided behind anybody's back."""

from __future__ import annotations

from datetime import date

import pytest

from tests.agency.listing import EFFECTIVE, SINCE, codes, fresh, line, mark, number_of, register, rows_of, send, states
from tests.agency.world import World
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.rosters import actions
from yizhan.errors import Problems


def test_a_complete_list_is_told_apart_into_new_changed_ended_and_unchanged(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    same, other_dates, missing, unmarked = register(officer, place.area, ["周同", "吴改", "郑缺", "王无"])
    mark(officer, same, other_dates, missing)
    rows = [line(0, "周同"), line(1, "吴改", "2025-03-01"), line(3, "王无"), line(4, "钱新", "2026-08-01")]
    roster = send(place.liaison_civil, place.area, rows)
    assert roster.state == "open"
    assert states(roster) == {"new": 1, "new_person": 1, "changed": 1, "ended": 1, "unchanged": 1}
    by_name = {row.name: row for row in rows_of(roster)}
    changed, ended, new = by_name["吴改"], by_name["郑缺"], by_name["王无"]
    assert (changed.target.lower, changed.target.upper, len(changed.basis)) == (date(2025, 3, 1), None, 1)
    assert (ended.number, ended.person_id, ended.target.lower, ended.target.upper) == (None, missing, SINCE, EFFECTIVE)
    assert (new.person_id, new.target.lower) == (unmarked, EFFECTIVE)
    assert not any(row.needs for row in by_name.values())


def test_a_monthly_list_ends_only_what_it_names(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    leaving, staying, never_marked = register(officer, place.area, ["周退", "吴留", "郑无"])
    mark(officer, leaving, staying)
    header = ("姓名", "身份证号", "变动类型", "退出日期")
    rows = [
        ("周退", number_of(0), "退出", "2026-08-31"),
        ("郑无", number_of(2), "退出", ""),
        ("钱不知", number_of(9), "退出", ""),
        ("孙增", number_of(8), "新增", ""),
    ]
    roster = send(place.liaison_civil, place.area, rows, header=header, kind="monthly")
    assert states(roster) == {"not_found": 2, "new_person": 1, "ended": 1}
    assert rows_of(roster, state="ended")[0].target.upper == date(2026, 9, 1)
    assert [codes(row) for row in rows_of(roster, state="not_found")] == [["not_marked"], ["unknown_person"]]
    assert never_marked == rows_of(roster, name="郑无")[0].person_id


def test_a_wrong_row_is_rejected_with_all_of_its_reasons(world: World) -> None:
    header = ("姓名", "身份证号", "性别", "起始日期", "截止日期")
    wrong = number_of(1)[:17] + ("0" if number_of(1)[17] != "0" else "1")
    rows = [
        ("", wrong, "男", "2026-02-30", ""),
        ("周女", number_of(2), "女", "2026-05-01", "2026-01-01"),
        ("吴好", number_of(3), "男", "", "长期"),
        ("吴好", number_of(3), "男", "", ""),
        ("郑早", number_of(4), "男", "1950-01-01", ""),
    ]
    roster = send(world.yuhu.liaison_civil, world.yuhu.area, rows, header=header)
    assert states(roster) == {"new_person": 1, "rejected": 4}
    first, second, twin, early = rows_of(roster, state="rejected")
    assert codes(first) == ["name_empty", "bad_id_number", "date_unreadable"]
    assert codes(second) == ["sex_differs", "dates_turned"]
    assert twin.reasons == [{"code": "duplicate", "other": 4}]
    assert codes(early) == ["date_implausible"]


def test_another_department_another_category_another_list_and_another_name_are_conflicts(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    by_others, poorer, renamed, pending = register(officer, place.area, ["周他", "吴困", "郑名", "王待"])
    mark(officer, by_others, department="rural_revitalisation")
    mark(officer, poorer, identity="extremely_poor")
    send(
        officer,
        place.area,
        [line(3, "王待")],
        header=("姓名", "身份证号", "起始日期", "截止日期"),
        effective_on=date(2026, 8, 1),
    )
    roster = send(place.liaison_civil, place.area, [line(0, "周他"), line(1, "吴困"), line(2, "郑铭"), line(3, "王待")])
    found = {row.name: codes(row) for row in rows_of(roster, state="conflict")}
    assert found == {
        "周他": ["other_department"], "吴困": ["incompatible"], "郑铭": ["name_differs"], "王待": ["pending"],
    }  # fmt: skip
    assert all(row.undecided for row in rows_of(roster, state="conflict"))
    assert {renamed, pending} <= {row.person_id for row in rows_of(roster)}


def test_moving_somebody_from_one_category_to_another_in_one_list_is_no_conflict(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    (person,) = register(officer, place.area, ["周变"])
    mark(officer, person)
    header = ("姓名", "身份证号", "类别", "变动类型")
    rows = [("周变", number_of(0), "低保", "退出"), ("周变", number_of(0), "特困", "新增")]
    roster = send(
        place.liaison_civil,
        place.area,
        rows,
        header=header,
        kind="monthly",
        identities=("subsistence", "extremely_poor"),
    )
    assert states(roster) == {"new": 1, "ended": 1}


def test_a_mistyped_number_leads_to_the_person_meant_and_does_not_end_their_mark(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    (person,) = register(officer, place.area, ["周误"])
    mark(officer, person)
    swapped = number_of(0)[:15] + number_of(0)[16] + number_of(0)[15] + number_of(0)[17]
    roster = send(place.liaison_civil, place.area, [("周误", swapped, "", "")])
    wrong, missing = rows_of(roster, number__isnull=False)[0], rows_of(roster, number=None)[0]
    assert wrong.state == "rejected" and [c["person"] for c in wrong.candidates] == [person]
    assert codes(missing) == ["maybe_in_row"] and missing.undecided
    actions.name_person(wrong, person_id=person, acting_user=officer)
    assert states(roster) == {"unchanged": 1}


def test_a_namesake_born_the_same_day_is_offered(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    (person,) = register(officer, place.area, ["周像"])
    other = synthetic_id("430321", date(1960, 1, 1), 501)
    roster = send(place.liaison_civil, place.area, [("周像", other, "", "")])
    (row,) = rows_of(roster)
    assert (row.state, codes(row), row.candidates[0]["person"]) == ("conflict", ["maybe_known"], person)


def test_somebody_of_another_area_is_told_without_saying_where(world: World) -> None:
    register(world.xiangtan_county.officer, world.xiangtan_county.area, ["周远"])
    roster = send(world.yuhu.liaison_civil, world.yuhu.area, [line(0, "周远")])
    (row,) = rows_of(roster)
    assert (row.state, row.person_id, row.reasons) == ("elsewhere", None, [{"code": "person_elsewhere"}])


def test_a_header_that_is_unclear_is_asked_once_and_remembered(world: World) -> None:
    place = world.yuhu
    header = ("称呼", "号码", "起始日期", "截止日期")
    roster = send(place.liaison_civil, place.area, [line(1, "周一")], header=header)
    assert roster.state == "mapping"
    with pytest.raises(Problems) as refused:
        actions.confirm_columns(roster, mapping={"name": "称呼", "from_on": "称呼"}, acting_user=place.liaison_civil)
    assert [p.code for p in refused.value.problems] == ["column_needed", "column_chosen_twice"]
    actions.confirm_columns(
        roster,
        mapping={"name": "称呼", "id_number": "号码", "from_on": "", "to_on": ""},
        acting_user=place.liaison_civil,
    )
    work_off()
    assert fresh(roster).state == "open"
    assert send(place.liaison_civil, place.area, [line(2, "周二")], header=header).state == "open"


def test_a_file_that_cannot_be_read_says_why(world: World) -> None:
    place = world.yuhu
    roster = actions.upload(
        b"PK\x03\x04 no workbook", file_name="x.xlsx", area=place.area, department="civil_affairs", identities=["subsistence"],
        kind="initial", effective_on=EFFECTIVE, acting_user=place.liaison_civil,
    )  # fmt: skip
    work_off()
    roster = fresh(roster)
    assert roster.state == "unreadable" and roster.problems[0]["code"] == "unreadable_workbook"
    assert {"zh", "en"} <= set(roster.problems[0])
