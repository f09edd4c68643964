"""What a settlement comes to in the books: payments → postings. Pure; the same function posts and verifies.

A row of a chain has absolute values, so what is posted for it is the booking of the row less the booking of the row it
replaces. Debits are positive. In the institution's book the bill is what the payers and the patient owe; in a fund's book a
benefit is owed to the institution, or to the person where something changed after discharge. What waits for a review stands
in the institution's book only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from yizhan.agency.ledger.models import NO_FUNDS
from yizhan.agency.ledger.posting import FundKey, HospitalKey, Leg

HOSPITALS = NO_FUNDS
"""Payers that are the institution itself: what it waives."""


Booked = Counter[tuple[FundKey | HospitalKey, str]]
"""(book, account) → fen."""


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment as `SettlementPayment` keeps it, in fen."""

    layer: str
    kind: str
    code: str
    payer: str
    year: int
    amount: int
    normal: int
    tilt: int
    person: int = 0
    held: bool = False
    advanced_by: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        """What stays the same when a bill is settled anew."""
        return self.layer, self.payer, self.year

    @property
    def through_institution(self) -> int:
        """The part that the institution advanced to the patient and gets from the payer."""
        return self.amount - self.person


def booked(payments: Iterable[Paid], *, total_fen: int, pool: str, institution_id: int | None) -> Booked:
    """(book, account) → fen of one settlement as it stands; zero for a reversed one. `pool` is the pooling area's path."""
    legs: Booked = Counter()
    through = 0
    for paid in payments:
        through += paid.through_institution
        if institution_id is not None:
            kind = "borne" if paid.payer in HOSPITALS else "held" if paid.held else "from_funds"
            legs[HospitalKey(institution_id), kind] += paid.through_institution
        if paid.held or paid.payer in HOSPITALS:
            continue
        # Of a paper bill only what goes to the person: the rest was settled elsewhere, and is booked there.
        amount = paid.amount if institution_id is not None else paid.person
        fund = FundKey(pool, paid.payer)
        legs[fund, "benefit"] += amount
        owing = fund
        if paid.advanced_by:
            # The fund that advances the money owes the institution; between the funds it is cleared later (江门 JM-4).
            owing = FundKey(pool, paid.advanced_by)
            legs[fund, "advance_owed"] -= amount
            legs[owing, "advance_given"] += amount
        if institution_id is not None:
            legs[owing, "to_hospital"] -= paid.through_institution
        legs[owing, "to_person"] -= paid.person
    if institution_id is not None:
        book = HospitalKey(institution_id)
        legs[book, "billed"] -= total_fen
        legs[book, "patient"] += total_fen - through
    return legs


def difference(new: Booked, old: Booked) -> list[Leg]:
    """What is posted when a settlement comes to `new` instead of `old`."""
    return [
        Leg(book, account, fen)
        for (book, account) in {**old, **new}
        if (fen := new[book, account] - old[book, account])
    ]
