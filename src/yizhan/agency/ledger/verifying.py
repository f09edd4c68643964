"""Whether the books say what the documents say: entry by entry, both ways.

Each kind of document has a source that yields, in the order of their ids, what every document should have posted. The
entries are read beside it, both as streams, so that a county's year needs no more memory than a day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from yizhan.agency.desk.words import Words
from yizhan.agency.ledger.errors import Unbalanced
from yizhan.agency.ledger.posting import Leg, account_id, summed

Source = Callable[[], Iterator[tuple[int, list[Leg]]]]

DOCUMENTS: dict[str, Source] = {}
"""Kind of document → what its documents should have posted, by ascending id. Those that post nothing are yielded, too."""

PAGES: dict[str, Callable[[int], str]] = {}
"""Kind of document → the address of a document's page."""


RECORDS: list[Callable[[int], list[int]]] = []
"""Who knows which records are one person's: the number of one → the numbers of all."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the books and the documents do not both say. `kind` "" where no document is concerned."""

    kind: str
    number: int
    words: Words


@dataclass(slots=True)
class Verified:
    """What was looked at, and what was found to differ."""

    entries: int = 0
    postings: int = 0
    differences: tuple[Difference, ...] = ()


MOST_NAMED = 200
"""Differences that are named; where there are more, something else is wrong."""


def verify() -> Verified:
    """Compare all entries that the actor sees with their documents. Inside `acting`; reads only."""
    found: list[Difference] = []
    seen = Verified()
    with connection.cursor() as cursor:
        cursor.execute("select distinct document_kind from ledger_entry")
        kinds = {row[0] for row in cursor.fetchall()} | set(DOCUMENTS)
    for kind in sorted(kinds):
        for number, said, booked in _side_by_side(kind):
            if len(found) >= MOST_NAMED:
                break
            if booked is not None:
                seen.entries += 1
                seen.postings += len(booked)
            if difference := _difference(kind, number, said, booked):
                found.append(difference)
    found += _unbalanced_books()
    found += _wrong_balances()
    seen.differences = tuple(found[:MOST_NAMED])
    return seen


def _side_by_side(kind: str) -> Iterator[tuple[int, dict[int, int] | None, dict[int, int] | None]]:
    """(document, what it should have posted, what stands in the books) by document; None where one side has nothing."""
    expected = iter(DOCUMENTS.get(kind, lambda: iter(()))())
    booked = _booked(kind)
    left, right = next(expected, None), next(booked, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None
            yield left[0], _keyed(left[1]), None
            left = next(expected, None)
        elif left is None or right[0] < left[0]:
            yield right[0], None, right[1]
            right = next(booked, None)
        else:
            yield left[0], _keyed(left[1]), right[1]
            left, right = next(expected, None), next(booked, None)


def _keyed(legs: list[Leg]) -> dict[int, int] | None:
    try:
        return {account_id(book, kind): fen for (book, kind), fen in summed(legs).items()} or None
    except Unbalanced:
        return {-1: 0}


CHUNK = 2_000


def _booked(kind: str) -> Iterator[tuple[int, dict[int, int]]]:
    after = -1
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "select e.document_id, array_agg(p.account_id order by p.id), array_agg(p.fen order by p.id)"
                " from (select id, document_id from ledger_entry where document_kind = %s and document_id > %s"
                " order by document_id limit %s) e left join ledger_posting p on p.entry_id = e.id"
                " group by e.document_id order by e.document_id",
                [kind, after, CHUNK],
            )
            rows = cursor.fetchall()
        for number, accounts, amounts in rows:
            legs: dict[int, int] = {}
            for account, fen in zip(accounts, amounts, strict=True):
                if account is not None:
                    legs[account] = legs.get(account, 0) + fen
            yield number, legs
        if len(rows) < CHUNK:
            return
        after = rows[-1][0]


def _difference(
    kind: str, number: int, said: dict[int, int] | None, booked: dict[int, int] | None
) -> Difference | None:
    if said == booked:
        return None
    if booked is None:
        words = Words("单据没有入账", "the document has no entry")
    elif said is None:
        words = Words("账上有、单据没有（或单据不应入账）", "an entry without a document that should have one")
    else:
        accounts = {**said, **booked}
        wrong = [(a, said.get(a, 0), booked.get(a, 0)) for a in accounts if said.get(a, 0) != booked.get(a, 0)]
        zh = "；".join(f"{_name(a)} 应为 {was} 分，账上 {now} 分" for a, was, now in wrong)
        en = "; ".join(f"{_name(a)} should be {was} fen, is {now}" for a, was, now in wrong)
        words = Words(zh, en)
    return Difference(kind, number, words)


def _name(account: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(nullif(b.payer, ''), i.name), a.kind from ledger_account a join ledger_book b on b.id = a.book_id"
            " left join staff_institution i on i.id = b.institution_id where a.id = %s",
            [account],
        )
        row: Any = cursor.fetchone()
    return f"{row[0]}·{row[1]}" if row else str(account)


def _unbalanced_books() -> list[Difference]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select e.document_kind, e.document_id, coalesce(nullif(b.payer, ''), b.institution_id::text), sum(p.fen)"
            " from ledger_posting p join ledger_entry e on e.id = p.entry_id join ledger_account a on a.id = p.account_id"
            " join ledger_book b on b.id = a.book_id group by 1, 2, 3, b.id having sum(p.fen) <> 0 limit %s",
            [MOST_NAMED],
        )
        rows = cursor.fetchall()
    return [
        Difference(kind, number, Words(f"{book} 合计 {fen} 分，不是零", f"{book} sums to {fen} fen, not to zero"))
        for kind, number, book, fen in rows
    ]


def _wrong_balances() -> list[Difference]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select b.payer, coalesce(l.fen, 0), coalesce(sum(p.fen), 0) from ledger_book b"
            " left join ledger_balance l on l.book_id = b.id"
            " left join ledger_account a on a.book_id = b.id and a.kind = 'cash'"
            " left join ledger_posting p on p.account_id = a.id where b.kind = 'fund'"
            " group by b.id, b.payer, l.fen having coalesce(l.fen, 0) <> coalesce(sum(p.fen), 0)"
        )
        rows = cursor.fetchall()
    return [
        Difference(
            "",
            0,
            Words(f"{payer} 结余 {has} 分，分录合计 {sums} 分", f"{payer} has {has} fen, its postings sum to {sums}"),
        )
        for payer, has, sums in rows
    ]
