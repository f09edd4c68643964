"""Attacks on money by somebody who has the desk's own connection to the database: the runtime role, and no program between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from tests.agency.caring import patient, settled, stay
from tests.agency.test_ledger import ASSISTANCE, BASIC, fund, moved
from tests.agency.world import World
from yizhan.agency.care import actions
from yizhan.agency.care.models import BillLine, PatientPayment, Settlement, SettlementPayment
from yizhan.agency.ledger.actions import key_of, propose
from yizhan.agency.ledger.models import Book, Entry, Movement, Posting
from yizhan.agency.ledger.posting import FundKey, HospitalKey, Leg, post
from yizhan.agency.staff.scope import Actor, acting

TODAY = timezone.localdate


def refused_by_the_database(words: str, act: Callable[[], Any], actor: Actor) -> None:
    """Not at once, or else at commit."""
    with pytest.raises(DatabaseError, match=words), transaction.atomic(), acting(actor):
        act()
        sql("set constraints all immediate")


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.fixture
def row(world: World) -> Settlement:
    """A settled bill that the policies pay a part of."""
    found = settled(world.yuhu, stay(world.yuhu, patient(world), yuan=60_000))
    assert found.paid_fen and found.payment_count
    sql("set constraints all immediate")
    sql("set constraints all deferred")
    return found


def copied(row: Settlement, **changes: Any) -> Settlement:
    """The same settlement once more, in the place of the first."""
    with acting(row.recorded_by):  # type: ignore[arg-type]
        again = Settlement.objects.get(pk=row.pk)
    again.pk, again.replaces_id, again.kind, again.message_id = None, row.pk, "replayed", ""
    for name, value in changes.items():
        setattr(again, name, value)
    return again


# --- Settlements ------------------------------------------------------------------------------------------------------


def test_a_settlement_is_not_written_without_payments_or_entry(world: World, row: Settlement) -> None:
    officer = world.yuhu.officer

    def alone() -> None:
        copied(row).save(force_insert=True)

    def without_entry(**changes: Any) -> None:
        again = copied(row, **changes)
        again.save(force_insert=True)
        paid = list(SettlementPayment.objects.filter(settlement=row).order_by("position"))
        for p in paid:
            p.pk, p.settlement = None, again
        less = row.paid_fen - again.paid_fen
        paid[0].amount_fen, paid[0].normal_fen = paid[0].amount_fen - less, paid[0].normal_fen - less
        SettlementPayment.objects.bulk_create(paid)

    refused_by_the_database("has no payments", alone, officer)
    fen = {"paid_fen": row.paid_fen - 100, "patient_fen": row.patient_fen + 100}
    refused_by_the_database("has no entry", lambda: without_entry(**fen), officer)
    refused_by_the_database("has no payments", lambda: copied(row, payment_count=0).save(force_insert=True), officer)
    with acting(officer):  # nothing moves: nothing has to be posted
        without_entry()
        sql("set constraints all immediate")


def test_nothing_is_added_to_a_settlement_that_was_written(world: World, row: Settlement) -> None:
    officer = world.yuhu.officer

    def payments(*persons: int) -> None:
        SettlementPayment.objects.bulk_create(
            SettlementPayment(
                settlement=row, person_id=row.person_id, institution_id=row.institution_id, area_path=row.area_path, position=50 + k,
                layer="基本医保", kind="x", payer=BASIC, year=2026, amount_fen=0, normal_fen=0, tilt_fen=0, person_fen=fen,
            )
            for k, fen in enumerate(persons)
        )  # fmt: skip

    refused_by_the_database("not those that it says", lambda: payments(0), officer)
    refused_by_the_database("not those that it says", lambda: payments(100, -100), officer)
    with acting(officer):
        entry = Entry.objects.get(document_kind="settlement", document_id=row.pk)
        account = Posting.objects.filter(entry=entry, institution_id=None).values_list("account_id", flat=True)[0]

    def posting(*amounts: int) -> None:
        for fen in amounts:
            Posting.objects.create(entry=entry, account_id=account, area_path=entry.area_path, on=entry.on, fen=fen)

    refused_by_the_database("sums to|these are not its postings", lambda: posting(100), officer)
    values = "(%s, %s, %s, now(), 5), (%s, %s, %s, now(), -5)"
    refused_by_the_database(
        "written already|these are not its postings",
        lambda: sql(
            f'insert into ledger_posting (entry_id, account_id, area_path, "on", fen) values {values}',
            *[entry.pk, account, entry.area_path] * 2,
        ),
        officer,
    )


@pytest.mark.parametrize("wrong", ["nothing", "amount", "person", "area", "fund", "no document"])
def test_an_entry_says_what_its_settlement_says(world: World, row: Settlement, wrong: str) -> None:
    """A settlement that holds nothing yet in the books: whatever else is posted for it is refused."""
    officer, other = world.yuhu.officer, patient(world, 2, "试样乙")
    path = world.xiangtan.area.path
    with acting(officer):
        posted = Posting.objects.filter(entry__document_kind="settlement", entry__document_id=row.pk).select_related(
            "account__book"
        )
        legs = [Leg(key_of(p.account.book), p.account.kind, p.fen) for p in posted]
    again = copied(row, total_fen=row.total_fen * 2, paid_fen=row.paid_fen * 2, patient_fen=row.patient_fen * 2)
    said: dict[str, Any] = {"person_id": row.person_id, "area_path": row.area_path}
    if wrong == "amount":
        legs = [leg._replace(fen=leg.fen * 2) for leg in legs]
    elif wrong == "person":
        said["person_id"] = other.pk
    elif wrong == "area":
        said["area_path"] = path
    elif wrong == "fund":
        legs = [
            leg._replace(book=FundKey(path, ASSISTANCE)) if leg.book == FundKey(path, BASIC) else leg for leg in legs
        ]

    def write(number: int) -> None:
        post("settlement", number, on=TODAY(), legs=legs, acting_user=officer, **said)

    def both() -> None:
        again.save(force_insert=True)
        paid = list(SettlementPayment.objects.filter(settlement=row))
        for p in paid:
            p.pk, p.settlement = None, again
            p.amount_fen, p.normal_fen, p.tilt_fen = p.amount_fen * 2, p.normal_fen * 2, p.tilt_fen * 2
        SettlementPayment.objects.bulk_create(paid)
        write(again.pk)

    if wrong == "nothing":
        with acting(officer):
            both()
            sql("set constraints all immediate")
        return
    act = both if wrong != "no document" else lambda: write(987_654_321)
    refused_by_the_database("these are not its postings|row-level security", act, officer)


def test_no_line_is_moved_into_a_settled_visit(world: World, row: Settlement) -> None:
    yuhu = world.yuhu
    other = stay(yuhu, patient(world, 2, "试样乙"), yuan=500)
    refused_by_the_database(
        "is settled: reverse it first",
        lambda: BillLine.objects.filter(visit=other).update(visit_id=row.visit_id, position=77),
        yuhu.window,
    )


# --- Patients' money --------------------------------------------------------------------------------------------------


def test_a_payment_is_of_its_visit_and_moves(world: World, row: Settlement) -> None:
    yuhu, other = world.yuhu, patient(world, 2, "试样乙")

    def pay(**changes: Any) -> None:
        about: dict[str, Any] = {
            "visit_id": row.visit_id, "person_id": row.person_id, "institution_id": row.institution_id, "area_path": row.area_path,
            "kind": "payment", "method": "cash", "receipt": "R1", "on": TODAY(), "fen": 100,
        }  # fmt: skip
        PatientPayment.objects.create(**about | changes)

    refused_by_the_database("person and the institution of its visit", lambda: pay(person_id=other.pk), yuhu.officer)
    elsewhere = {"institution_id": world.xiangtan_county.hospital.pk}
    refused_by_the_database("person and the institution of its visit", lambda: pay(**elsewhere), yuhu.officer)
    refused_by_the_database("has no entry", pay, yuhu.window)
    taken = actions.take_money(
        row.visit_id, kind="payment", fen=100, method="cash", on=TODAY(), acting_user=yuhu.window
    )
    with acting(yuhu.window):
        sql("set constraints all immediate")
    again = [Leg(HospitalKey(yuhu.hospital.pk), "cash", 5), Leg(HospitalKey(yuhu.hospital.pk), "patient", -5)]
    refused_by_the_database(
        "these are not its postings|one_entry_a_document",
        lambda: post("patient_payment", taken.pk + 1, on=TODAY(), legs=again, person_id=row.person_id, area_path=row.area_path,
                     acting_user=yuhu.window),
        yuhu.window,
    )  # fmt: skip


# --- Money of funds ---------------------------------------------------------------------------------------------------


def asked(world: World, book: Book, **changes: Any) -> Movement:
    about: dict[str, Any] = {
        "kind": "receipt", "book": book, "income": "income_premium", "fen": 100, "on": TODAY(), "document": "演财1号", "why": "拨入",
        "area_path": world.yuhu.area.path, "made_by": world.yuhu.finance,
    }  # fmt: skip
    return Movement(**about | changes)


def test_a_movement_is_proposed_first_and_decided_once_by_another(world: World, row: Settlement) -> None:
    yuhu, book = world.yuhu, fund(world.yuhu)
    decided = {"state": "approved", "decided_by": yuhu.reviewer, "decided_at": timezone.now()}
    refused_by_the_database("proposed, and then decided", asked(world, book, **decided).save, yuhu.finance)
    refused_by_the_database("movement_two_persons", asked(world, book, decided_by=yuhu.reviewer).save, yuhu.finance)
    refused_by_the_database("made_by_id", asked(world, book, made_by=None).save, yuhu.finance)
    about: dict[str, Any] = {"on": TODAY(), "document": "演财1号", "why": "拨入", "acting_user": yuhu.finance}
    waits = propose("receipt", book, fen=100, income="income_premium", **about)

    def decide(number: int, **changes: Any) -> None:
        Movement.objects.filter(pk=number).update(**decided | changes)

    for changes in ({"decided_by": yuhu.finance}, {"decided_by": None}, {"decided_at": None}):
        refused_by_the_database("movement_two_persons", partial(decide, waits.pk, **changes), yuhu.finance)
    done = moved(yuhu, "receipt", book, 100, income="income_premium")
    refused_by_the_database("proposed, and then decided", lambda: decide(done.pk, state="rejected"), yuhu.reviewer)


@pytest.mark.parametrize(
    "how", ["another fund's cash", "no cash", "no movement", "not approved", "another amount", "another fund"]
)
def test_the_money_of_a_fund_moves_only_as_an_approved_movement_says(world: World, row: Settlement, how: str) -> None:
    """Above all: what one fund has does not turn up in another as a donation."""
    yuhu = world.yuhu
    basic, assistance = fund(yuhu), fund(yuhu, ASSISTANCE)
    moved(yuhu, "receipt", basic, 100_000, income="income_premium")
    a, b = FundKey(basic.area_path, BASIC), FundKey(assistance.area_path, ASSISTANCE)
    given = [Leg(b, "cash", 500), Leg(b, "income_other", -500)]
    number, kind = 0, "movement"
    with acting(yuhu.finance):
        waits = asked(world, assistance, income="income_other", fen=500)
        waits.save()
        if how != "not approved":
            decided = {"state": "approved", "decided_by": yuhu.reviewer, "decided_at": timezone.now()}
            Movement.objects.filter(pk=waits.pk).update(**decided)
        number = waits.pk
    if how == "another fund's cash":
        given += [Leg(a, "cash", -500), Leg(a, "benefit", 500)]
    elif how == "no cash":
        given, kind = [Leg(b, "benefit", 500), Leg(b, "income_other", -500)], "test"
    elif how == "no movement":
        kind = "test"
    elif how == "another amount":
        given = [leg._replace(fen=leg.fen * 2) for leg in given]
    elif how == "another fund":
        given = [leg._replace(book=a) for leg in given]

    def write(legs: list[Leg]) -> None:
        post(kind, number, on=TODAY(), legs=legs, person_id=None, area_path=yuhu.area.path, acting_user=yuhu.finance)

    refused_by_the_database("no approved movement says so", lambda: write(given), yuhu.finance)
    if how == "another fund's cash":
        with acting(yuhu.finance):
            write(given[:2])


def test_a_hospital_sees_no_movement_of_funds(world: World, row: Settlement) -> None:
    moved(world.yuhu, "receipt", fund(world.yuhu), 100, income="income_premium", on=TODAY() - timedelta(days=1))
    with acting(world.yuhu.finance):
        assert Movement.objects.count() == 1
    with acting(world.yuhu.window):
        assert Movement.objects.count() == 0
