"""Settling a visit, and what becomes of it: reversal, correction, review, settling anew. Amounts come from the engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.agency.caring import patient, settled, stay
from tests.agency.past import past_stay, resident
from tests.agency.test_care import corrected
from tests.agency.world import Place, World
from yizhan.agency.care import actions, queries, rewriting
from yizhan.agency.care.errors import (
    AlreadySettled,
    FiguresChanged,
    MessageReused,
    NotToday,
    StayOverlaps,
    VisitFrozen,
    WhyNeeded,
)
from yizhan.agency.care.models import BillLine, PatientPayment, Settlement, Visit
from yizhan.agency.care.settling import presettle, settle
from yizhan.agency.ledger.verifying import verify
from yizhan.agency.people.merging import decide_merge, propose_merge
from yizhan.agency.people.models import Person
from yizhan.agency.staff.errors import NotAllowed, NotFound
from yizhan.agency.staff.scope import System, acting
from yizhan.errors import Problems

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def books_say_what_the_documents_say(world: World) -> Iterator[None]:
    """After every test here: each settlement and payment is in the books as it should be, and nothing else is."""
    yield
    with acting(System("verify")):
        assert not verify().differences


def refused(kind: type[Exception], act: Any) -> None:
    """The act is refused for this reason, among others or alone."""
    with pytest.raises((kind, Problems)) as found:
        act()
    if isinstance(found.value, Problems):
        assert kind in [type(p) for p in found.value.problems], found.value


def holds(world: World, person: Person) -> list[Settlement]:
    with acting(world.yuhu.officer):
        return list(queries.of_person(person))


def test_a_visit_is_settled_at_the_window_once(world: World) -> None:
    yuhu = world.yuhu
    visit = stay(yuhu, patient(world))
    shown = presettle(visit.pk, on=timezone.localdate(), acting_user=yuhu.window)
    with acting(yuhu.officer):
        assert not Settlement.objects.exists()
    row = settled(yuhu, visit, message_id="m-1", expected_fen=shown.outcome.patient_share)
    assert (row.total_fen, row.patient_fen) == (2_000_000, shown.outcome.patient_share)
    with acting(yuhu.officer):
        payments = list(row.payments.order_by("position"))
    assert sum(p.amount_fen for p in payments) == row.paid_fen == sum(p.normal_fen + p.tilt_fen for p in payments)
    assert settled(yuhu, visit, message_id="m-1").pk == row.pk
    refused(MessageReused, lambda: settled(yuhu, visit, message_id="m-1", content="another"))
    refused(AlreadySettled, lambda: settled(yuhu, visit, message_id="m-2"))


def test_figures_that_changed_since_the_preview_are_not_settled(world: World) -> None:
    visit = stay(world.yuhu, patient(world))
    refused(FiguresChanged, lambda: settled(world.yuhu, visit, expected_fen=1))
    assert not holds(world, visit.person)


def test_a_settled_visit_is_frozen_in_code_and_in_the_database(world: World) -> None:
    yuhu = world.yuhu
    visit = stay(yuhu, patient(world))
    settled(yuhu, visit)
    refused(VisitFrozen, lambda: actions.change_visit(visit.pk, bed="9", acting_user=yuhu.window))
    refused(VisitFrozen, lambda: actions.clear_lines(visit.pk, acting_user=yuhu.window))
    for act in (
        lambda: Visit.objects.filter(pk=visit.pk).update(bed="9"),
        lambda: BillLine.objects.filter(visit=visit).update(amount_fen=0, in_scope=0),
        lambda: BillLine.objects.filter(visit=visit).delete(),
        lambda: BillLine.objects.filter(visit=visit).update(visit=visit),
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), acting(yuhu.window):
            act()


def test_another_hospital_neither_sees_nor_settles_a_visit(world: World) -> None:
    visit = stay(world.yuhu, patient(world))
    stranger = world.xiangtan_county.window
    refused(NotFound, lambda: settle(visit.pk, on=timezone.localdate(), acting_user=stranger))
    refused(NotFound, lambda: presettle(visit.pk, on=timezone.localdate(), acting_user=stranger))
    with acting(stranger):
        assert not Visit.objects.exists() and not BillLine.objects.exists()
    settled(world.yuhu, visit)
    with acting(stranger):
        assert not Settlement.objects.exists()


def test_the_year_goes_on_across_hospitals(world: World) -> None:
    person = patient(world)
    first = settled(world.yuhu, stay(world.yuhu, person, days_ago=20, yuan=60_000))
    second = settled(world.xiangtan_county, stay(world.xiangtan_county, person, yuan=60_000))
    alone = settled(world.xiangtan_county, stay(world.xiangtan_county, patient(world, 2, "试样乙"), yuan=60_000))
    assert second.patient_fen != alone.patient_fen and first.patient_fen > 0
    overlapping = stay(world.xiangtan_county, person, days_ago=21, yuan=1_000)
    refused(StayOverlaps, lambda: settled(world.xiangtan_county, overlapping))


def test_reversing_the_first_bill_leaves_the_second_as_if_it_were_alone(world: World) -> None:
    yuhu, person = world.yuhu, patient(world)
    visit = stay(yuhu, person, days_ago=20, yuan=60_000)
    first = settled(yuhu, visit)
    second = settled(yuhu, stay(yuhu, person, yuan=60_000))
    alone = settled(yuhu, stay(yuhu, patient(world, 2, "试样乙"), yuan=60_000))
    rows = rewriting.reverse(visit.pk, on=timezone.localdate(), why="费用录错", acting_user=yuhu.window)
    assert [row.kind for row in rows] == ["reversed", "replayed"]
    (now,) = holds(world, person)
    assert now.replaces_id == second.pk
    assert (now.paid_fen, now.patient_fen) == (alone.paid_fen, alone.patient_fen)
    assert strip(now.states) == strip(alone.states)
    assert now.person_fen == now.paid_fen - second.paid_fen and now.due_fen == second.due_fen
    again = settled(yuhu, visit)
    assert again.replaces_id == rows[0].pk and again.ordinal > first.ordinal
    assert len(holds(world, person)) == 2


def strip(states: Any) -> list[Any]:
    return [{k: v for k, v in state.items() if k not in ("person", "last_on")} for state in states.values()]


def test_the_window_reverses_only_what_it_settled_today(world: World) -> None:
    yuhu = world.yuhu
    visit = stay(yuhu, patient(world))
    settled(yuhu, visit)
    today = timezone.localdate()
    refused(NotAllowed, lambda: rewriting.reverse(visit.pk, on=today, why="x", acting_user=yuhu.auditor))
    refused(WhyNeeded, lambda: rewriting.reverse(visit.pk, on=today, why=" ", acting_user=yuhu.window))
    late: dict[str, Any] = {"on": today + DAY, "why": "录错"}
    refused(NotToday, lambda: rewriting.reverse(visit.pk, acting_user=yuhu.window, **late))
    assert [r.kind for r in rewriting.reverse(visit.pk, acting_user=yuhu.officer, **late)] == ["reversed"]


def test_a_partial_refund_settles_again_in_the_old_place(world: World) -> None:
    yuhu, person = world.yuhu, patient(world)
    visit = stay(yuhu, person, days_ago=20, yuan=60_000, lines=6)
    first = settled(yuhu, visit)
    second = settled(yuhu, stay(yuhu, person, yuan=60_000))
    rows = actions.refund_lines(visit.pk, {1: 10_000}, on=timezone.localdate(), why="未使用", acting_user=yuhu.window)
    assert [row.kind for row in rows][:2] == ["reversed", "corrected"]
    held = holds(world, person)
    assert [row.total_fen for row in held] == [5_000_000, 6_000_000]
    assert held[0].ordinal == first.ordinal
    # As if it had been so from the beginning.
    other = patient(world, 2, "试样乙")
    same = [settled(yuhu, stay(yuhu, other, days_ago=20, yuan=50_000)), settled(yuhu, stay(yuhu, other, yuan=60_000))]
    assert [row.patient_fen for row in held] == [row.patient_fen for row in same]
    assert held[1].person_fen == held[1].paid_fen - second.paid_fen


def test_a_late_identity_is_paid_back_to_the_person(world: World) -> None:
    yuhu, person = world.yuhu, patient(world)
    first = settled(yuhu, stay(yuhu, person, days_ago=20, yuan=60_000))
    second = settled(yuhu, stay(yuhu, person, yuan=60_000))
    applied_on = first.identity_on + DAY
    corrected(world, person, "subsistence", first.identity_on - 30 * DAY, None, applied_on=applied_on)
    with acting(yuhu.officer):
        asked = [row.pk for row in queries.touched()]
        anew = queries.settled_anew(queries.touched(), acting_user=yuhu.officer)
    # The second bill was settled after the correction's period; it only follows, on what was known then.
    assert asked == [first.pk] and [row.settlement.pk for row in anew] == [first.pk, second.pk]
    expected = [row.difference for row in anew]
    assert expected[0] and expected[0] > 0
    rows = rewriting.settle_anew(person, asked, why="低保身份补报", acting_user=yuhu.reviewer)
    assert [row.kind for row in rows] == ["resettled", "replayed"]
    assert [row.person_fen for row in rows] == expected
    assert [row.due_fen for row in rows] == [first.due_fen, second.due_fen]
    with acting(yuhu.officer):
        assert not list(queries.touched())
    assert rewriting.settle_anew(person, [rows[0].pk], why="再来", acting_user=yuhu.reviewer) == []


def test_deposits_and_payments_make_up_the_patients_account(world: World) -> None:
    yuhu = world.yuhu
    visit = stay(yuhu, patient(world))
    today = timezone.localdate()
    actions.take_money(visit.pk, kind="deposit", fen=100_000, method="cash", on=today, acting_user=yuhu.window)
    row = settled(yuhu, visit)
    with acting(yuhu.window):
        account = queries.patient_account(visit)
        assert account.arrears_fen == row.patient_fen - 100_000
        assert PatientPayment.objects.count() == 1


def test_a_settlement_takes_the_same_few_statements_however_many_lines(world: World) -> None:
    yuhu = world.yuhu
    first = stay(yuhu, patient(world, 2, "试样乙"), yuan=10_000)
    visits = {
        lines: stay(yuhu, patient(world, sequence, "试样丙"), yuan=20_000, lines=lines)
        for sequence, lines in enumerate((10, 1000), start=3)
    }
    settled(yuhu, first)  # what is cached is there
    counts = {}
    for lines, visit in visits.items():
        with CaptureQueriesContext(connection) as found:
            settled(yuhu, visit, message_id="m")
        # Savepoints are Django's, since a test is a transaction already. What is prepared is counted without its text.
        counts[lines] = len([q for q in found if "SAVEPOINT" not in str(q["sql"])])
    assert counts[10] == counts[1000] <= 15


def test_a_message_that_is_sent_again_after_midnight_gets_the_first_answer(world: World) -> None:
    yuhu = world.yuhu
    visit = stay(yuhu, patient(world))
    first = settled(yuhu, visit, message_id="m-1")
    again = settle(visit.pk, on=timezone.localdate() + DAY, message_id="m-1", acting_user=yuhu.window)
    assert again.pk == first.pk


def test_a_message_used_for_something_else_is_named(world: World) -> None:
    yuhu, person = world.yuhu, patient(world)
    settled(yuhu, stay(yuhu, person, days_ago=20), message_id="m-1")
    with pytest.raises(Problems) as found:
        settled(yuhu, stay(yuhu, person), message_id="m-1")
    assert [p.code for p in found.value.problems] == ["message_reused"]
    assert "m-1" in found.value.problems[0].text("en")


def test_merged_records_go_on_with_the_sums_of_both(world: World) -> None:
    """Each bill knew its own record's year only; the next one knows both, as if they had been one from the beginning."""
    yuhu = world.yuhu
    kept, dropped, whole = patient(world), patient(world, 2, "试样乙"), patient(world, 3, "试样丙")
    settled(yuhu, stay(yuhu, dropped, days_ago=40, yuan=90_000))
    settled(yuhu, stay(yuhu, kept, days_ago=20, yuan=90_000))
    merge = propose_merge(kept, dropped=dropped, why="同一人重复登记", acting_user=yuhu.officer)
    decide_merge(merge, accept=True, acting_user=yuhu.reviewer)
    last = settled(yuhu, stay(yuhu, kept, yuan=90_000))
    for days in (40, 20):
        settled(yuhu, stay(yuhu, whole, days_ago=days, yuan=90_000))
    expected = settled(yuhu, stay(yuhu, whole, yuan=90_000))
    assert (last.paid_fen, last.patient_fen, strip(last.states)) == (
        expected.paid_fen, expected.patient_fen, strip(expected.states),
    )  # fmt: skip


def test_a_bill_of_another_pooling_area_leaves_the_year_of_this_one_alone(world: World) -> None:
    yuhu, songshan = world.yuhu, world.songshan
    moved, stayed = resident(yuhu), resident(yuhu, sequence=2)
    pots = (9_000_000, 0, 0, 0)

    def bill(place: Place, person: Person, on: date) -> Settlement:
        visit = past_stay(place, person, on, pots, facts={"audit": "normal"})
        return settle(visit.pk, on=on, acting_user=System("sees both areas"))

    for person in (moved, stayed):
        bill(yuhu, person, date(2019, 3, 5))
    with acting(System("tests")):
        Person.objects.filter(pk=moved.pk).update(area_path=songshan.area.path)
    bill(songshan, moved, date(2019, 5, 5))
    with acting(System("tests")):
        Person.objects.filter(pk=moved.pk).update(area_path=yuhu.area.path)
    bills = [bill(yuhu, person, date(2019, 8, 5)) for person in (moved, stayed)]
    assert bills[0].patient_fen == bills[1].patient_fen
    assert strip(bills[0].states) == strip(bills[1].states)
