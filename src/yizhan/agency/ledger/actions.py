"""Money into and out of funds: proposed by one officer, approved by another, posted as it is approved.

Nothing here can overdraw a fund or move its money to another purpose, and neither can the database: a fund's balance is
kept by the postings themselves and never falls below zero, and every book balances by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from yizhan.agency.ledger.errors import AmountNeeded, MoreThanOwed, NotProposed, OtherPurpose, Overdrawn, WordsNeeded
from yizhan.agency.ledger.models import Balance, Book, Movement
from yizhan.agency.ledger.posting import FundKey, HospitalKey, Key, Leg, account_id, post
from yizhan.agency.ledger.queries import owed_for_advances, owed_to_hospital, owed_to_person
from yizhan.agency.ledger.verifying import DOCUMENTS, PAGES
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, SamePerson
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.engine.money import yuan_grouped
from yizhan.errors import Problem, Problems


def key_of(book: Book) -> Key:
    """What a book stands for."""
    return HospitalKey(book.institution_id) if book.institution_id is not None else FundKey(book.area_path, book.payer)


def propose(
    kind: str,
    book: Book,
    *,
    fen: int,
    on: date,
    document: str,
    why: str,
    other: Book | None = None,
    income: str = "",
    person_id: int | None = None,
    acting_user: Actor,
) -> Movement:
    """Propose a receipt, a payment to an institution or a person, the clearing of an advance, or a transfer between levels.

    `fen` is positive. Raises NotFound, AmountNeeded, WordsNeeded, OtherPurpose, MoreThanOwed.
    """
    demand(acting_user, Right.TRANSFER_PROPOSE)
    with acting(acting_user):
        if book.kind != "fund" or not _worked_on_by(book, acting_user):
            raise NotFound
        problems: list[Problem] = []
        if fen <= 0:
            problems.append(AmountNeeded())
        if not document.strip() or not why.strip():
            problems.append(WordsNeeded())
        if kind == "between_levels" and other is not None and other.payer != book.payer:
            problems.append(OtherPurpose(fund=book.payer, other=other.payer))
        if problems:
            raise Problems(problems)
        row = Movement(
            kind=kind, book=book, other=other, income=income, person_id=person_id, fen=fen, on=on, document=document.strip(),
            why=why.strip(), area_path=acting_user.area_path,
            made_by=acting_user if isinstance(acting_user, Officer) else None,
        )  # fmt: skip
        _refuse_more_than_owed(row)
        row.save(force_insert=True)
        record(
            "movement.propose", row, person_id=person_id, kind=kind, fen=fen, fund=book.payer, acting_user=acting_user
        )
        return row


def _worked_on_by(book: Book, acting_user: Actor) -> bool:
    """Whether a fund lies in the actor's area, or is that of the city to which the actor's county belongs."""
    return book.area_path.startswith(acting_user.area_path) or acting_user.area_path.startswith(book.area_path)


def decide(movement: Movement, *, approved: bool, why: str = "", acting_user: Actor) -> Movement:
    """Approve a movement, which posts it, or reject it with a reason.

    Raises NotFound, NotProposed, SamePerson, WordsNeeded, Overdrawn, MoreThanOwed.
    """
    demand(acting_user, Right.TRANSFER_APPROVE)
    with acting(acting_user):
        row = (
            Movement.objects.select_for_update(of=("self",))
            .select_related("book", "other")
            .filter(pk=movement.pk)
            .first()
        )
        if row is None:
            raise NotFound
        if row.state != "proposed":
            raise NotProposed(state_zh=row.state_words.zh, state_en=row.state_words.en)
        if row.made_by_id == acting_user.pk:
            raise SamePerson
        if not approved and not why.strip():
            raise WordsNeeded
        row.state = "approved" if approved else "rejected"
        row.decided_at, row.decided_why = timezone.now(), why.strip()
        row.decided_by = acting_user if isinstance(acting_user, Officer) else None
        row.save(update_fields=["state", "decided_at", "decided_by", "decided_why"])
        if approved:
            _lock_owed(row)
            _refuse_more_than_owed(row)
            _post(row, acting_user)
        record(
            f"movement.{'approve' if approved else 'reject'}", row, person_id=row.person_id, kind=row.kind, fen=row.fen,
            fund=row.book.payer, why=why, acting_user=acting_user,
        )  # fmt: skip
        return row


def _lock_owed(row: Movement) -> None:
    """One payment out of a book at a time, so that two do not both pay what is owed once."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [account_id(key_of(row.book), "cash")])


def _refuse_more_than_owed(row: Movement) -> None:
    owed = None
    if row.kind == "to_hospital" and row.other is not None and row.other.institution_id is not None:
        owed = owed_to_hospital(row.book, row.other.institution_id)
    elif row.kind == "to_person" and row.person_id is not None:
        owed = owed_to_person(row.book, row.person_id)
    elif row.kind == "clear_advance" and row.other is not None:
        owed = owed_for_advances(row.book, row.other)
    if owed is not None and row.fen > owed:
        raise MoreThanOwed(owed=yuan_grouped(max(0, owed)), fen=yuan_grouped(row.fen))


def _receipt(row: Movement) -> list[Leg]:
    book = key_of(row.book)
    return [Leg(book, "cash", row.fen), Leg(book, row.income or "income_other", -row.fen)]


def _to_hospital(row: Movement) -> list[Leg]:
    assert row.other is not None
    book, hospital = key_of(row.book), key_of(row.other)
    return [
        Leg(book, "to_hospital", row.fen), Leg(book, "cash", -row.fen),
        Leg(hospital, "cash", row.fen), Leg(hospital, "from_funds", -row.fen),
    ]  # fmt: skip


def _to_person(row: Movement) -> list[Leg]:
    book = key_of(row.book)
    return [Leg(book, "to_person", row.fen), Leg(book, "cash", -row.fen)]


def _clear_advance(row: Movement) -> list[Leg]:
    assert row.other is not None
    book, advancing = key_of(row.book), key_of(row.other)
    return [
        Leg(book, "advance_owed", row.fen), Leg(book, "cash", -row.fen),
        Leg(advancing, "cash", row.fen), Leg(advancing, "advance_given", -row.fen),
    ]  # fmt: skip


def _between_levels(row: Movement) -> list[Leg]:
    assert row.other is not None
    book, other = key_of(row.book), key_of(row.other)
    return [
        Leg(book, "transfer_out", row.fen), Leg(book, "cash", -row.fen),
        Leg(other, "cash", row.fen), Leg(other, "transfer_in", -row.fen),
    ]  # fmt: skip


LEGS: dict[str, Callable[[Movement], list[Leg]]] = {
    "receipt": _receipt,
    "to_hospital": _to_hospital,
    "to_person": _to_person,
    "clear_advance": _clear_advance,
    "between_levels": _between_levels,
}
"""What each kind of movement comes to in the books."""


def _post(row: Movement, acting_user: Actor) -> None:
    try:
        with transaction.atomic():
            post(
                "movement", row.pk, on=row.on, legs=LEGS[row.kind](row), person_id=row.person_id, area_path=row.area_path,
                acting_user=acting_user,
            )  # fmt: skip
    except IntegrityError as error:
        if "fund_not_overdrawn" not in str(error):
            raise
        has = Balance.objects.filter(book=row.book).values_list("fen", flat=True).first() or 0
        raise Overdrawn(fund=row.book.payer, has=yuan_grouped(has), fen=yuan_grouped(row.fen)) from None


def posted_movements() -> Iterator[tuple[int, list[Leg]]]:
    """What every movement should have posted: nothing until it is approved."""
    for row in Movement.objects.select_related("book", "other").order_by("pk").iterator(1_000):
        yield row.pk, LEGS[row.kind](row) if row.state == "approved" else []


def register() -> None:
    """Let verification and statements know of movements."""
    DOCUMENTS["movement"] = posted_movements
    PAGES["movement"] = lambda number: reverse("ledger:movement", args=[number])
