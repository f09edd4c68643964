"""Whether the books say what the documents say: entry by entry, both ways; and whether the documents are right themselves.

Each kind of document has a source that yields, in the order of their ids, what every document should have posted. The
entries are read beside it, both as streams, so that a county's year needs no more memory than a day. What an app has to say
about its own documents it adds to `CHECKS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any, NamedTuple, Protocol

from django.db import connection

from yizhan.agency.desk.words import Words
from yizhan.agency.ledger.errors import Unbalanced
from yizhan.agency.ledger.posting import HospitalKey, Leg, account_id, summed


class Document(NamedTuple):
    """What a document should have posted, and what its entry and each of its postings should say besides.

    `area_path` None: not told by the document alone, and not compared.
    """

    number: int
    legs: list[Leg]
    on: date
    person_id: int | None
    area_path: str | None


Source = Callable[[], Iterator[Document]]

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
    replayed: int = 0
    """Settlements that the engine calculated again and found as they stand."""
    not_replayed: Counter[str] = field(default_factory=Counter)
    """Digest of policies that are no longer installed → settlements that nothing but those could calculate again."""
    differences: tuple[Difference, ...] = ()


class Check(Protocol):
    """What an app looks for in its own documents. `replay`: also what has to be calculated again. Counts in `seen`."""

    def __call__(self, seen: Verified, *, replay: bool) -> Iterator[Difference]: ...


CHECKS: list[Check] = []

MOST_NAMED = 200
"""Differences that are named; where there are more, something else is wrong."""


def verify(*, replay: bool = True) -> Verified:
    """Compare all entries that the actor sees with their documents, and the documents with what they were made from.

    Without `replay` nothing is calculated again. Inside `acting`; reads only.
    """
    seen = Verified()
    seen.differences = tuple(islice(_differences(seen, replay=replay), MOST_NAMED))
    return seen


def _differences(seen: Verified, *, replay: bool) -> Iterator[Difference]:
    yield from _wrong_balances()
    yield from _unbalanced_books()
    with connection.cursor() as cursor:
        cursor.execute("select distinct document_kind from ledger_entry")
        kinds = {row[0] for row in cursor.fetchall()} | set(DOCUMENTS)
    for kind in sorted(kinds):
        for document, entry in _side_by_side(kind):
            if entry is not None:
                seen.entries += 1
                seen.postings += entry.postings
            if words := _difference(document, entry):
                number = document.number if document is not None else entry.document_id if entry is not None else 0
                yield Difference(kind, number, words)
    for check in CHECKS:
        yield from check(seen, replay=replay)


def _side_by_side(kind: str) -> Iterator[tuple[Document | None, _Entry | None]]:
    """The documents of a kind and their entries, by document; None where one side has nothing."""
    expected = iter(DOCUMENTS.get(kind, lambda: iter(()))())
    booked = _booked(kind)
    left, right = next(expected, None), next(booked, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.number < right.document_id):
            yield left, None
            left = next(expected, None)
        elif left is None or right.document_id < left.number:
            yield None, right
            right = next(booked, None)
        else:
            yield left, right
            left, right = next(expected, None), next(booked, None)


def _keyed(legs: list[Leg]) -> dict[int, int]:
    try:
        return {account_id(book, kind): fen for (book, kind), fen in summed(legs).items()}
    except Unbalanced:
        return {-1: 0}


CHUNK = 2_000


class _Entry(NamedTuple):
    """An entry as it stands. `strays` are its postings that say another person, day, area or institution than they should."""

    document_id: int
    on: date
    person_id: int | None
    institution_id: int | None
    area_path: str
    legs: dict[int, int]
    postings: int
    strays: int


_ENTRIES = """
    select e.document_id, e."on", e.person_id, e.institution_id, e.area_path, array_agg(p.account_id order by p.id),
           array_agg(p.fen order by p.id), count(p.id),
           count(*) filter (where p.id is not null and (p."on", p.person_id, p.area_path, p.institution_id)
                            is distinct from (e."on", e.person_id, e.area_path, b.institution_id))
    from (select * from ledger_entry where document_kind = %s and document_id > %s order by document_id limit %s) e
    left join ledger_posting p on p.entry_id = e.id left join ledger_account a on a.id = p.account_id
    left join ledger_book b on b.id = a.book_id
    group by e.id, e.document_id, e."on", e.person_id, e.institution_id, e.area_path order by e.document_id
"""


def _booked(kind: str) -> Iterator[_Entry]:
    after = -1
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_ENTRIES, [kind, after, CHUNK])
            rows = cursor.fetchall()
        for number, on, person, institution, area, accounts, amounts, count, strays in rows:
            legs: dict[int, int] = {}
            for account, fen in zip(accounts, amounts, strict=True):
                if account is not None:
                    legs[account] = legs.get(account, 0) + fen
            yield _Entry(number, on, person, institution, area, legs, count, strays)
        if len(rows) < CHUNK:
            return
        after = rows[-1][0]


def _difference(document: Document | None, entry: _Entry | None) -> Words | None:
    said = _keyed(document.legs) if document is not None else {}
    if entry is None:
        return Words("单据没有入账", "the document has no entry") if said else None
    if document is None or not said:
        return Words("账上有、单据没有（或单据不应入账）", "an entry without a document that should have one")
    booked = entry.legs
    wrong = [
        (_name(a), said.get(a, 0), booked.get(a, 0)) for a in {**said, **booked} if said.get(a, 0) != booked.get(a, 0)
    ]
    found = [
        Words(f"{name} 应为 {was} 分，账上 {now} 分", f"{name} should be {was} fen, is {now}")
        for name, was, now in wrong
    ]
    found += [
        Words(f"{zh}应为 {was}，账上 {now}", f"{en} should be {was}, is {now}")
        for (zh, en), was, now in _heads(document, entry)
        if was != now
    ]
    if entry.strays:
        found.append(
            Words(
                f"{entry.strays} 条分录的人、日期、区划或机构与凭证、账套不一致",
                f"{entry.strays} postings name another person, day, area or institution than their entry and book",
            )
        )
    return Words("；".join(w.zh for w in found), "; ".join(w.en for w in found)) if found else None


def _heads(document: Document, entry: _Entry) -> Iterator[tuple[tuple[str, str], object, object]]:
    """(what, as it should be, as it is) of what an entry says besides its postings."""
    hospitals = {leg.book.institution_id for leg in document.legs if leg.fen and isinstance(leg.book, HospitalKey)}
    yield ("日期", "the day"), document.on, entry.on
    yield ("人员", "the person"), document.person_id, entry.person_id
    yield ("机构", "the institution"), min(hospitals, default=None), entry.institution_id
    if document.area_path is not None:
        yield ("区划", "the area"), document.area_path, entry.area_path


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
