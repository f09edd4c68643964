"""What the funds owe persons directly, or persons owe the funds（回补款）: by paper bills and by what changed after discharge.

A person's sum is that of the payments of the bills that hold, less what has been paid to the person. Held parts are not due
yet, and what a hospital bears is no business of a fund.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from django.db import connection

from yizhan.agency import crypto
from yizhan.agency.care.booking import HOSPITALS
from yizhan.agency.care.errors import NothingDue
from yizhan.agency.enrolment.beneficiaries import pooling_path
from yizhan.agency.ledger.actions import propose
from yizhan.agency.ledger.models import Book, Movement
from yizhan.agency.ledger.posting import FundKey, book_id
from yizhan.agency.people.models import Account, Person
from yizhan.agency.people.sealing import ACCOUNT
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.ceilings import use
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, demand

_DUES = """
    select coalesce(q.merged_into_id, q.id) person, p.payer, sum(p.person_fen)::bigint fen, max(s.recorded_at) latest,
        array_agg(distinct s.id) bills
    from care_settlementpayment p
    join care_settlement s on s.id = p.settlement_id
    join people_person q on q.id = s.person_id
    where p.person_fen <> 0 and not p.held and p.payer <> all(%s)
        and s.kind <> 'reversed' and not exists (select 1 from care_settlement n where n.replaces_id = s.id)
        and (%s::bigint[] is null or coalesce(q.merged_into_id, q.id) = any(%s::bigint[]))
    group by 1, 2 order by 1, 2
"""


@dataclass(slots=True)
class Due:
    """One person's account with the funds, in fen: positive is due to the person, negative is owed by the person."""

    person: Person
    by_payer: dict[str, int] = field(default_factory=dict)
    bills: set[int] = field(default_factory=set)
    account: Account | None = None

    @property
    def fen(self) -> int:
        """The sum over all funds."""
        return sum(self.by_payer.values())


_PAID = """
    select coalesce(q.merged_into_id, q.id) person, b.payer, sum(l.fen)::bigint
    from ledger_posting l
    join ledger_entry e on e.id = l.entry_id and e.document_kind = 'movement'
    join ledger_account a on a.id = l.account_id and a.kind = 'to_person'
    join ledger_book b on b.id = a.book_id
    join people_person q on q.id = l.person_id
    where %s::bigint[] is null or coalesce(q.merged_into_id, q.id) = any(%s::bigint[])
    group by 1, 2
"""


def paid_to_persons(persons: list[int] | None) -> Mapping[tuple[int, str], int]:
    """(kept person, payer) → fen that the books say were paid out to the person, less what the person paid back."""
    with connection.cursor() as cursor:
        cursor.execute(_PAID, [persons, persons])
        return {(person, payer): fen for person, payer, fen in cursor.fetchall()}


def dues(*, persons: list[int] | None = None) -> list[Due]:
    """Persons with a sum that is not zero, those who get most first. Four statements. Inside `acting`."""
    with connection.cursor() as cursor:
        cursor.execute(_DUES, [list(HOSPITALS), persons, persons])
        rows = cursor.fetchall()
    known = Person.objects.in_bulk({row[0] for row in rows})
    found: dict[int, Due] = {}
    for person, payer, fen, _, bills in rows:
        if person in known:
            due = found.setdefault(person, Due(known[person]))
            due.by_payer[payer] = due.by_payer.get(payer, 0) + fen
            due.bills.update(bills)
    for (person, payer), fen in paid_to_persons(persons).items():
        if person in found:
            found[person].by_payer[payer] = found[person].by_payer.get(payer, 0) - fen
    for account in Account.objects.filter(person__in=list(found), withdrawn_at=None):
        found[account.person_id].account = account
    for due in found.values():
        due.by_payer = {payer: fen for payer, fen in due.by_payer.items() if fen}
    return sorted((due for due in found.values() if due.by_payer), key=lambda due: (-due.fen, due.person.pk))


@dataclass(frozen=True, slots=True)
class Transfer:
    """A line for the bank: who gets how much from which fund, into which account."""

    person: Person
    holder: str
    bank: str
    account: str
    payer: str
    fen: int


def for_the_bank(*, purpose: str, acting_user: Officer) -> tuple[list[Transfer], list[Due]]:
    """What is due to persons with an account, as lines for the bank with full numbers, and those without an account.

    Who owes on balance gets nothing; else each fund pays what it owes, for funds do not pay for each other. Raises NotAllowed, OverCeiling.
    """
    demand(acting_user, Right.TRANSFER_PROPOSE)
    with acting(acting_user):
        owed = [due for due in dues() if due.fen > 0]
        lines = [
            Transfer(due.person, due.account.holder, due.account.bank, number, payer, fen)
            for due in owed
            if due.account is not None and (number := crypto.unseal(due.account.account_sealed, purpose=ACCOUNT))
            for payer, fen in due.by_payer.items()
            if fen > 0
        ]
        use("export_rows", len(lines), acting_user=acting_user)
        record(
            "dues.bank", rows=len(lines), fen=sum(line.fen for line in lines), purpose=purpose,
            acting_user=acting_user,
        )  # fmt: skip
        return lines, [due for due in owed if due.account is None]


MOST_AT_ONCE = 2_000
"""Payments proposed at once; the rest by another document."""


def propose_payments(*, on: date, document: str, why: str, acting_user: Officer) -> int:
    """Propose to pay out what is due to persons with an account, as the file for the bank has it; how many.

    The payments share a document, by which a reviewer decides them together. What waits for a reviewer already is left out.
    Raises NotAllowed, NothingDue, and what `ledger.actions.propose` raises.
    """
    demand(acting_user, Right.TRANSFER_PROPOSE)
    with acting(acting_user):
        waiting = set(
            Movement.objects.filter(kind="to_person", state="proposed").values_list("person_id", "book__payer")
        )
        owed = [due for due in dues() if due.fen > 0 and due.account is not None]
        lines = [
            (due.person, payer, fen)
            for due in owed
            for payer, fen in due.by_payer.items()
            if fen > 0 and (due.person.pk, payer) not in waiting
        ][:MOST_AT_ONCE]
        if not lines:
            raise NothingDue
        for person, payer, fen in lines:
            propose(
                "to_person", Book.objects.get(pk=book_id(FundKey(pooling_path(person.area_path), payer))), fen=fen, on=on,
                document=document, why=why, person_id=person.pk, acting_user=acting_user,
            )  # fmt: skip
        return len(lines)
