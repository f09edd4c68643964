"""Bill = receipt = ledger = settlement record, to the fen, on every path that a settlement can take.

One property, `everything_agrees`, is asked after each path: settled, taken and given back, reversed and settled again, returned,
corrected, released after review, settled anew, recomputed behind another, found in default, reimbursed on paper.
"""

from __future__ import annotations

import io
from collections import Counter
from datetime import date
from typing import Any

import pytest
from django.utils import timezone
from pypdf import PdfReader

from tests.agency.caring import DAY, patient, settled, stay
from tests.agency.past import past_settled, past_stay, resident
from tests.agency.test_care import corrected
from tests.agency.world import World
from yizhan.agency.care import actions, queries, rewriting
from yizhan.agency.care.booking import HOSPITALS
from yizhan.agency.care.models import PatientPayment, Settlement, Visit
from yizhan.agency.ledger.models import Posting
from yizhan.agency.staff.scope import System, acting
from yizhan.bill.data import one_bill
from yizhan.engine.money import parse_yuan, yuan_grouped

SYSTEM = System("tests")
TODAY = timezone.localdate


def everything_agrees(world: World, visit: Visit) -> Settlement:
    """The record of a visit that holds, its payments, its bill on the page and on paper, and the books say the same."""
    with acting(SYSTEM):
        row = Settlement.objects.live().select_related("visit").get(visit=visit)
        chain = list(Settlement.objects.filter(visit=visit).values_list("pk", flat=True))
        payments = list(row.payments.all())
        money = sum(PatientPayment.objects.filter(visit=visit).values_list("fen", flat=True))
        lines = queries.line_sums(visit)
        account = queries.patient_account(visit)
        books = books_of(chain, list(PatientPayment.objects.filter(visit=visit).values_list("pk", flat=True)))
    # The record.
    assert row.total_fen == row.paid_fen + row.patient_fen == (lines.total if lines.count else row.total_fen)
    assert sum(p.amount_fen for p in payments) == row.paid_fen
    assert sum(p.amount_fen for p in payments if p.held) == row.held_fen
    assert sum(p.person_fen for p in payments) == row.person_fen
    assert all(p.amount_fen == p.normal_fen + p.tilt_fen for p in payments)
    # The bill that prints from it.
    for lang in ("zh", "en"):
        bill = one_bill(row.result, lang)
        assert (bill.total, bill.paid, bill.patient, bill.held) == (
            row.total_fen,
            row.paid_fen,
            row.patient_fen,
            row.held_fen,
        )
        assert sum(pot.billed for pot in bill.pots) == bill.total
        assert sum(pot.yours for pot in bill.pots) == bill.patient
    by_layer: Counter[str] = Counter()
    for p in payments:
        by_layer[p.layer] += p.amount_fen
    stored = {p["layer"]: 0 for p in row.result["payments"]}
    for p in row.result["payments"]:
        stored[p["layer"]] += parse_yuan(p["amount"])
    assert {k: v for k, v in stored.items() if v} == {k: v for k, v in by_layer.items() if v}
    # The page and the paper.
    client = world.client(
        world.yuhu.officer if row.area_path.startswith(world.xiangtan.area.path) else world.pengjiang.officer
    )
    page = client.get(f"/care/{row.pk}").content.decode()
    paper = PdfReader(io.BytesIO(client.post(f"/care/{row.pk}/zh.pdf").content)).pages[0].extract_text()
    for fen in (row.total_fen, row.paid_fen, row.patient_fen):
        assert yuan_grouped(fen) in page
        assert yuan_grouped(fen) in paper
    # The books: of the institution, of the funds, and of the patient's account there.
    if row.institution_id is not None:
        assert -books["hospital", "billed"] == row.total_fen
        assert books["hospital", "cash"] == money == account.paid_fen
        assert books["hospital", "patient"] == row.due_fen - money == account.arrears_fen
        held = sum(p.amount_fen - p.person_fen for p in payments if p.held and p.payer not in HOSPITALS)
        assert books["hospital", "held"] == held
        assert books["hospital", "from_funds"] + books["hospital", "borne"] + held == row.total_fen - row.due_fen
    benefits = sum(fen for (book, account_kind), fen in books.items() if book == "fund" and account_kind == "benefit")
    ours = [p for p in payments if not p.held and p.payer not in HOSPITALS]
    assert benefits == sum(p.amount_fen if row.institution_id else p.person_fen for p in ours)
    assert not sum(fen for (book, _), fen in books.items() if book == "fund")
    return row


def books_of(settlements: list[int], payments: list[int]) -> Counter[tuple[str, str]]:
    """(kind of book, account) → fen of everything that these documents posted."""
    found: Counter[tuple[str, str]] = Counter()
    for kind, numbers in (("settlement", settlements), ("patient_payment", payments)):
        rows = Posting.objects.filter(entry__document_kind=kind, entry__document_id__in=numbers)
        for book, account, fen in rows.values_list("account__book__kind", "account__kind", "fen"):
            found[book, account] += fen
    return found


def test_settled_taken_and_given_back(world: World) -> None:
    visit = stay(world.yuhu, patient(world))
    actions.take_money(visit.pk, kind="deposit", fen=900_000, method="card", on=TODAY(), acting_user=world.yuhu.window)
    actions.check_out(
        visit.pk, on=TODAY(), message_id="m", expected_fen=None, method="cash", acting_user=world.yuhu.window
    )
    everything_agrees(world, visit)
    with acting(SYSTEM):
        assert queries.patient_account(visit).arrears_fen == 0


def test_reversed_and_settled_again(world: World) -> None:
    visit = stay(world.yuhu, patient(world))
    settled(world.yuhu, visit)
    rewriting.reverse(visit.pk, on=TODAY(), why="录错", acting_user=world.yuhu.window)
    with acting(SYSTEM):
        books = books_of(list(Settlement.objects.values_list("pk", flat=True)), [])
    assert not any(books.values()), "a reversal leaves nothing in the books"
    settled(world.yuhu, visit)
    everything_agrees(world, visit)


def test_returned_corrected_and_recomputed_behind(world: World) -> None:
    yuhu, person = world.yuhu, patient(world)
    first = stay(yuhu, person, days_ago=20, yuan=60_000, lines=6)
    second = stay(yuhu, person, yuan=60_000)
    settled(yuhu, first)
    settled(yuhu, second)
    actions.refund_lines(first.pk, {1: 10_000, 2: 5_000}, on=TODAY(), why="未使用", acting_user=yuhu.officer)
    assert everything_agrees(world, first).kind == "corrected"
    assert everything_agrees(world, second).kind == "replayed"
    actions.correct_visit(first.pk, {"diagnoses": ["C16.9"]}, on=TODAY(), why="漏诊断", acting_user=yuhu.officer)
    everything_agrees(world, first)
    everything_agrees(world, second)


def test_settled_anew_for_an_identity_that_came_late(world: World) -> None:
    yuhu, person = world.yuhu, patient(world)
    visit = stay(yuhu, person, days_ago=20, yuan=60_000)
    row = settled(yuhu, visit)
    corrected(world, person, "subsistence", row.identity_on - 30 * DAY, None, applied_on=row.identity_on + DAY)
    rewriting.settle_anew(person, [row.pk], why="低保补报", acting_user=yuhu.reviewer)
    now = everything_agrees(world, visit)
    assert now.kind == "resettled"
    assert now.person_fen > 0
    assert now.due_fen == row.due_fen, "the hospital's account with the patient is closed"


@pytest.mark.parametrize("passed", [True, False])
def test_held_and_decided(world: World, passed: bool) -> None:
    """JM-3."""
    place = world.pengjiang
    visit = past_stay(
        place, resident(place, "key_aid"), date(2019, 5, 6), (1_090_000, 0, 0, 1_000_001), facts={"institution_level": "level_3"}
    )  # fmt: skip
    past_settled(place, visit)
    assert everything_agrees(world, visit).held_fen == 1_000_001
    rewriting.decide_held(visit.pk, passed=passed, why="专家意见", acting_user=place.reviewer)
    now = everything_agrees(world, visit)
    assert (now.kind, now.held_fen) == ("released", 0)
    assert (now.patient_fen == 0) == passed


def test_advanced_by_another_fund(world: World) -> None:
    """JM-4."""
    place = world.pengjiang
    visit = past_stay(place, resident(place, "key_aid"), date(2019, 5, 6), (1_060_000, 50_000, 0, 100_000))
    past_settled(place, visit)
    everything_agrees(world, visit)


@pytest.mark.parametrize("yuan", [1, 799, 800, 801, 19_999, 150_000, 400_000])
def test_small_and_large_bills_at_their_thresholds(world: World, yuan: int) -> None:
    visit = stay(world.yuhu, patient(world), yuan=yuan)
    settled(world.yuhu, visit)
    found: Any = everything_agrees(world, visit)
    assert found.total_fen == yuan * 100
