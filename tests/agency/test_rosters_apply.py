"""A reviewed list is applied whole or not at all, once, and can be taken back."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from tests.agency.listing import (
    EFFECTIVE,
    EVERYBODY,
    SINCE,
    apply,
    codes,
    decide,
    fresh,
    line,
    mark,
    marks,
    name_of,
    number_of,
    register,
    rows_of,
    send,
    states,
)
from tests.agency.world import World, make_world
from yizhan.agency.jobs.models import Run
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.people.bulk import EndRow, end_marks_in_bulk
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.rosters import actions, returning
from yizhan.agency.rosters.errors import DecisionNotPossible, Undecided, WrongState
from yizhan.agency.rosters.models import PastChange, Roster, RosterRow
from yizhan.agency.rosters.past import FINDERS, Touched, touched_periods, touched_settlements
from yizhan.agency.spreadsheets import read_table
from yizhan.agency.staff.errors import NotAllowed, SamePerson
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.scope import acting
from yizhan.errors import Problems


def test_applying_writes_what_was_reviewed_and_withdrawing_restores_what_was_known(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    same, changed, missing = register(officer, place.area, ["周同", "吴改", "郑缺"])
    mark(officer, same, changed, missing)
    rows = [line(0, "周同"), line(1, "吴改", "2025-03-01"), line(4, "钱新", "2026-08-01", "2027-07-31")]
    roster = apply(send(place.liaison_civil, place.area, rows), maker=officer, checker=place.reviewer)
    assert roster.state == "applied"
    with acting(EVERYBODY):
        new = Person.objects.get(name="钱新")
    after = {
        same: [(SINCE, None)], changed: [(date(2025, 3, 1), None)], missing: [(SINCE, EFFECTIVE)],
        new.pk: [(date(2026, 8, 1), date(2027, 8, 1))],
    }  # fmt: skip
    assert marks(same, changed, missing, new.pk) == after
    with acting(EVERYBODY):
        brought = IdentityMark.objects.known().get(person=new)
        assert (brought.certified_by, brought.document, brought.roster_id) == (
            "civil_affairs",
            "民〔2026〕9号",
            roster.pk,
        )
        ended = IdentityMark.objects.known().get(person=missing)
        assert ended.document == "民〔2025〕1号"
    actions.withdraw(roster, why="报错了月份", acting_user=place.reviewer_two)
    work_off()
    assert fresh(roster).state == "withdrawn"
    before = {same: [(SINCE, None)], changed: [(SINCE, None)], missing: [(SINCE, None)], new.pk: []}
    assert marks(same, changed, missing, new.pk) == before


def test_every_act_is_in_the_audit_trail(world: World) -> None:
    place = world.yuhu
    roster = apply(
        send(place.liaison_civil, place.area, [line(4, "钱新")]), maker=place.officer, checker=place.reviewer
    )
    with acting(EVERYBODY):
        acts = list(
            Audit.objects.filter(object_kind="roster", object_id=str(roster.pk))
            .order_by("id")
            .values_list("act", flat=True)
        )
    assert acts == ["roster.upload", "roster.compared", "roster.send_to_review", "roster.approve", "roster.applied"]


def test_who_made_it_does_not_check_it_and_the_database_holds_to_it(world: World) -> None:
    place = world.yuhu
    both = place.officer
    both.roles = ["county_officer", "reviewer"]
    both.save(update_fields=["roles"])
    roster = send(both, place.area, [line(4, "钱新")])
    actions.send_to_review(roster, acting_user=both)
    with pytest.raises(SamePerson):
        actions.approve(roster, acting_user=both)
    with pytest.raises(SamePerson):
        actions.return_to_officer(roster, why="不行", acting_user=both)
    with pytest.raises(DatabaseError, match="roster_maker_is_not_checker"), acting(EVERYBODY), transaction.atomic():
        Roster.objects.filter(pk=roster.pk).update(state="applying", decided_by=both)
    assert fresh(roster).state == "review"


def test_no_step_is_skipped_not_even_in_sql(world: World) -> None:
    place = world.yuhu
    roster = send(place.liaison_civil, place.area, [line(4, "钱新")])
    with pytest.raises(WrongState):
        actions.approve(roster, acting_user=place.reviewer)
    for state in ("applying", "applied", "withdrawn", "mapping"):
        with pytest.raises(DatabaseError), acting(EVERYBODY), transaction.atomic():
            Roster.objects.filter(pk=roster.pk).update(
                state=state,
                decided_by=place.reviewer,
                sent_by=place.officer,
                withdrawn_by=place.reviewer,
                withdrawn_why="x",
            )
    with pytest.raises(NotAllowed):
        actions.send_to_review(roster, acting_user=place.liaison_civil)


def test_nothing_undecided_goes_to_review(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    (person,) = register(officer, place.area, ["周名"])
    roster = send(place.liaison_civil, place.area, [line(0, "周铭"), line(4, "钱新")])
    with pytest.raises(Undecided):
        actions.send_to_review(roster, acting_user=officer)
    with pytest.raises(DatabaseError, match="undecided"), acting(EVERYBODY), transaction.atomic():
        Roster.objects.filter(pk=roster.pk).update(state="review", sent_by=officer)
    with pytest.raises(DecisionNotPossible):
        decide(roster, officer, "take", state="new_person")
    with pytest.raises(NotAllowed):
        decide(roster, place.liaison_civil, "take", state="conflict")
    assert decide(roster, officer, "take", state="conflict") == 1
    roster = apply(roster, maker=officer, checker=place.reviewer)
    assert marks(person) == {person: [(EFFECTIVE, None)]}
    with pytest.raises(DatabaseError, match="not to be decided"), acting(EVERYBODY), transaction.atomic():
        RosterRow.objects.filter(roster=roster, state="conflict").update(decision="exclude")


@pytest.mark.parametrize(
    ("decision", "by", "until"), [("take", "civil_affairs", None), ("keep", "rural_revitalisation", None)]
)
def test_a_conflict_goes_the_way_that_was_decided(world: World, decision: str, by: str, until: date | None) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    (person,) = register(officer, place.area, ["周他"])
    mark(officer, person, department="rural_revitalisation")
    roster = send(place.liaison_civil, place.area, [line(0, "周他")])
    decide(roster, officer, decision, state="conflict")
    apply(roster, maker=officer, checker=place.reviewer)
    with acting(EVERYBODY):
        known = IdentityMark.objects.known().get(person=person)
    assert (known.certified_by, known.valid.lower, known.valid.upper) == (by, SINCE, until)


def test_a_returned_roster_is_decided_and_sent_again(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    roster = send(place.liaison_civil, place.area, [line(4, "钱新")])
    actions.send_to_review(roster, acting_user=officer)
    actions.return_to_officer(roster, why="缺少文号", acting_user=place.reviewer)
    assert (fresh(roster).state, fresh(roster).return_why) == ("returned", "缺少文号")
    assert apply(roster, maker=officer, checker=place.reviewer).state == "applied"


def test_what_changed_between_review_and_applying_is_decided_anew(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    touched, untouched = register(officer, place.area, ["周变", "吴稳"])
    mark(officer, touched, untouched)
    roster = send(place.liaison_civil, place.area, [line(0, "周变", "2025-03-01"), line(1, "吴稳", "2025-03-01")])
    actions.send_to_review(roster, acting_user=officer)
    end_marks_in_bulk(
        [EndRow(touched, "subsistence", date(2026, 6, 30))], roster_id=None, why="另有决定", acting_user=officer
    )
    actions.approve(roster, acting_user=place.reviewer)
    work_off()
    roster = fresh(roster)
    assert (roster.state, roster.decided_by) == ("open", None)
    assert marks(touched, untouched) == {touched: [(SINCE, date(2026, 7, 1))], untouched: [(SINCE, None)]}
    (row,) = rows_of(roster, needs=True)
    assert row.person_id == touched and "changed_since" in codes(row) and row.undecided
    decide(roster, officer, "take", pk=row.pk)
    assert apply(roster, maker=officer, checker=place.reviewer).state == "applied"
    assert marks(touched, untouched) == {touched: [(date(2025, 3, 1), None)], untouched: [(date(2025, 3, 1), None)]}


def test_a_roster_is_not_withdrawn_over_a_later_one(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    register(officer, place.area, ["周后"])
    first = apply(send(place.liaison_civil, place.area, [line(0, "周后")]), maker=officer, checker=place.reviewer)
    header = ("姓名", "身份证号", "变动", "退出日期")
    leaving = [("周后", number_of(0), "退出", "2026-10-31")]
    later = send(
        place.liaison_civil, place.area, leaving, header=header, kind="monthly", effective_on=date(2026, 11, 1)
    )
    apply(later, maker=officer, checker=place.reviewer)
    with pytest.raises(Problems) as refused:
        actions.withdraw(first, why="试", acting_user=place.reviewer)
    assert str(later) in refused.value.problems[0].text("zh")
    page = world.client(place.reviewer).get(f"/rosters/{first.pk}/withdraw").content.decode()
    assert "周后" in page and str(later) in page
    actions.withdraw(later, why="先撤后来的", acting_user=place.reviewer)
    work_off()
    actions.withdraw(first, why="再撤这一份", acting_user=place.reviewer)
    work_off()
    assert fresh(first).state == "withdrawn"


def test_changes_of_the_past_are_listed_with_the_settlements_they_touch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    shorter, longer = register(officer, place.area, ["周短", "吴长"])
    mark(officer, shorter, longer)
    rows = [line(0, "周短", "2025-03-01"), line(1, "吴长", "2024-06-01"), line(4, "钱新", "2025-05-01", "2025-05-31")]
    roster = apply(send(place.liaison_civil, place.area, rows), maker=officer, checker=place.reviewer)
    with acting(EVERYBODY):
        found = [(c.person.name, c.kind, c.period.lower, c.period.upper) for c in touched_periods(roster)]
    assert sorted(found) == [
        ("吴长", "gained", date(2024, 6, 1), SINCE),
        ("周短", "lost", SINCE, date(2025, 3, 1)),
        ("钱新", "gained", date(2025, 5, 1), date(2025, 6, 1)),
    ]
    monkeypatch.setitem(FINDERS, "care", lambda r: [Touched(shorter, "JS-1", date(2025, 2, 1))])
    assert [t.settlement for t in touched_settlements(roster)] == ["JS-1"]
    assert "JS-1" in world.client(officer).get(f"/rosters/{roster.pk}/past").content.decode()
    with pytest.raises(DatabaseError), acting(EVERYBODY), transaction.atomic():
        PastChange.objects.filter(roster=roster).delete()


def test_rows_go_back_with_their_columns_and_reasons(world: World) -> None:
    place, officer = world.yuhu, world.yuhu.officer
    register(officer, place.area, ["周名"])
    header = ("姓名", "身份证号", "村里的备注")
    rows = [("", number_of(5), "=1+1"), ("周铭", number_of(0), "乙"), ("钱新", number_of(6), "丙")]
    roster = send(place.liaison_civil, place.area, rows, header=header)
    decide(roster, officer, "exclude", state="conflict")
    target = io.BytesIO()
    with acting(place.liaison_civil):
        assert returning.write_returned(fresh(roster), target, acting_user=place.liaison_civil) == 2
    table = read_table(target.getvalue(), "退回.xlsx")
    assert table.columns == (*header, "退回原因", "Reason")
    (_, first), (_, second) = list(table.rows)
    assert first[:3] == ("", number_of(5), "=1+1") and first[3] == "没有姓名" and first[4] == "the name is missing"
    assert second[0] == "周铭" and "剔除此行" in second[3] and "周*" in second[3] and "已核实" in second[3]


# --- With real commits, connections and threads -----------------------------------------------------------------------


@pytest.fixture
def committed(own_database: object) -> Iterator[World]:
    """A world that other connections see."""
    yield make_world()


def test_two_overlapping_rosters_applied_at_once_lose_nothing_and_double_nothing(committed: World) -> None:
    place, officer = committed.yuhu, committed.yuhu.officer
    people = register(officer, place.area, [name_of(k) for k in range(40)])
    mark(officer, *people[:20])
    header = ("姓名", "身份证号", "变动", "起始日期")
    one = [(name_of(k), number_of(k), "新增", "2025-02-01") for k in range(30)] + [
        (name_of(100 + k), number_of(100 + k), "新增", "") for k in range(10)
    ]
    two = [(name_of(k), number_of(k), "新增", "2025-03-01") for k in range(10, 40)] + [
        (name_of(100 + k), number_of(100 + k), "新增", "") for k in range(5, 15)
    ]
    rosters = [
        send(uploader, place.area, rows, header=header, kind="monthly", effective_on=date(2026, 9, 1), work=False)
        for uploader, rows in ((place.liaison_civil, one), (officer, two))
    ]
    work_off()
    for roster in rosters:
        undecided = rows_of(roster, needs=True)
        if undecided:
            decide(roster, officer, "take", state="conflict", needs=True)
        actions.send_to_review(roster, acting_user=officer)
        actions.approve(roster, acting_user=place.reviewer)

    def worker() -> None:
        work_off()
        connection.close()

    threads = [threading.Thread(target=worker) for _ in rosters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work_off()
    after = sorted(fresh(roster).state for roster in rosters)
    assert after == ["applied", "open"]  # the second found the world changed
    loser = next(roster for roster in rosters if fresh(roster).state == "open")
    again = rows_of(loser, needs=True, decision="")
    assert again and all("changed_since" in codes(row) or row.change == "none" for row in again)
    with acting(EVERYBODY):
        assert Run.objects.filter(kind="roster.apply", state="done").count() == 2
        known = IdentityMark.objects.known().filter(identity="subsistence")
        assert known.count() == known.values("person").distinct().count()  # nobody has two
    actions.compare_again(loser, acting_user=officer)
    work_off()
    if rows_of(loser, needs=True, decision=""):
        decide(loser, officer, "take", state="conflict", needs=True)
    assert apply(loser, maker=officer, checker=place.reviewer).state == "applied"
    with acting(EVERYBODY):
        ids = list(Person.objects.values_list("pk", flat=True))
    periods = marks(*ids)
    assert len(ids) == 40 + 15
    assert all(len(found) == 1 for found in periods.values())


def test_one_roster_approved_by_two_at_once_is_applied_once(committed: World) -> None:
    place = committed.yuhu
    roster = send(place.liaison_civil, place.area, [line(4, "钱新")])
    actions.send_to_review(roster, acting_user=place.officer)
    outcomes: list[str] = []

    def approve(reviewer: object) -> None:
        try:
            actions.approve(roster, acting_user=reviewer)  # type: ignore[arg-type]  # an officer of the world
            outcomes.append("approved")
        except WrongState:
            outcomes.append("too late")
        finally:
            connection.close()

    threads = [threading.Thread(target=approve, args=[who]) for who in (place.reviewer, place.reviewer_two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work_off()
    assert sorted(outcomes) == ["approved", "too late"]
    assert fresh(roster).state == "applied"
    assert states(roster) == {"new_person": 1}
