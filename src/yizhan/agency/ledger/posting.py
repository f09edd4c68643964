"""Posting an entry: one statement, all legs at once, each book summing to zero.

Books and accounts are made when first used. Their keys are digests of what they stand for, so nothing has to be looked up
and two clerks who are the first at the same time agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from yizhan.agency import crypto
from yizhan.agency.ledger.errors import Unbalanced, UnknownAccount
from yizhan.agency.ledger.models import ACCOUNTS
from yizhan.agency.staff.scope import Actor
from yizhan.agency.statements import prepared


class FundKey(NamedTuple):
    """The book of a fund: path of the pooling area, name of the fund in the policies."""

    area_path: str
    payer: str


class HospitalKey(NamedTuple):
    """The book of an institution."""

    institution_id: int


Key = FundKey | HospitalKey


class Leg(NamedTuple):
    """One line of an entry: debit positive, in fen."""

    book: Key
    account: str
    fen: int


def _digest(text: str) -> int:
    return int.from_bytes(crypto.digest(text.encode())[:8], "big") >> 1


@lru_cache(maxsize=4096)
def book_id(key: Key) -> int:
    """The key of a book in the database."""
    return _digest("\n".join(map(str, ("fund" if isinstance(key, FundKey) else "hospital", *key))))


@lru_cache(maxsize=16384)
def account_id(key: Key, kind: str) -> int:
    """The key of an account in the database. Raises UnknownAccount."""
    if kind not in ACCOUNTS["fund" if isinstance(key, FundKey) else "hospital"]:
        raise UnknownAccount(account=kind)
    return _digest(f"{book_id(key)}\n{kind}")


_POST = """
    with b as (
        insert into ledger_book (id, kind, area_path, payer, institution_id)
        select * from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[]) on conflict do nothing),
    a as (
        insert into ledger_account (id, book_id, kind)
        select * from unnest(%s::bigint[], %s::bigint[], %s::text[]) on conflict do nothing),
    e as (
        insert into ledger_entry (document_kind, document_id, "on", person_id, institution_id, area_path, recorded_by_id)
        values (%s, %s, %s, %s, %s, %s, %s) returning id)
    insert into ledger_posting (entry_id, account_id, person_id, institution_id, area_path, "on", fen)
    select e.id, p.account_id, %s, p.institution_id, %s, %s, p.fen
    from e, unnest(%s::bigint[], %s::bigint[], %s::bigint[]) p(account_id, institution_id, fen)
"""


def post(
    document_kind: str,
    document_id: int,
    *,
    on: date,
    legs: Iterable[Leg],
    person_id: int | None,
    area_path: str,
    acting_user: Actor,
) -> None:
    """Write the entry of a document, in one statement inside the caller's transaction; nothing if no money moves.

    `area_path` is that of the person, or of the fund where no person is concerned. The caller records the act. Raises
    Unbalanced, UnknownAccount; IntegrityError where the document has an entry already.
    """
    sums = summed(legs)
    if not sums:
        return
    # In one order whoever posts, so that two who are the first to use two books do not wait for each other.
    sums = dict(sorted(sums.items(), key=lambda item: account_id(*item[0])))
    books = sorted({book for book, _ in sums}, key=book_id)
    institutions = [book.institution_id if isinstance(book, HospitalKey) else None for book in books]
    of_entry = next((i for i in institutions if i is not None), None)
    accounts = [account_id(book, kind) for book, kind in sums]
    funds = [book if isinstance(book, FundKey) else FundKey("", "") for book in books]
    with prepared() as cursor:
        cursor.execute(
            _POST,
            [
                [book_id(book) for book in books], ["fund" if isinstance(book, FundKey) else "hospital" for book in books],
                [fund.area_path for fund in funds], [fund.payer for fund in funds], institutions,
                accounts, [book_id(book) for book, _ in sums], [kind for _, kind in sums],
                document_kind, document_id, on, person_id, of_entry, area_path, acting_user.pk,
                person_id, area_path, on, accounts,
                [book.institution_id if isinstance(book, HospitalKey) else None for book, _ in sums], list(sums.values()),
            ],
        )  # fmt: skip


def summed(legs: Iterable[Leg]) -> dict[tuple[Key, str], int]:
    """(book, account) → fen, without zeros. Raises Unbalanced where a book does not sum to zero."""
    sums: Counter[tuple[Key, str]] = Counter()
    of_book: Counter[Key] = Counter()
    for book, account, fen in legs:
        sums[book, account] += fen
        of_book[book] += fen
    for book, fen in of_book.items():
        if fen:
            raise Unbalanced(book=book.payer if isinstance(book, FundKey) else str(book.institution_id), fen=fen)
    return {key: fen for key, fen in sums.items() if fen}
