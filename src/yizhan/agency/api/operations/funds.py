"""The books of the funds: at a glance, trial balance, statements, movements of money."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from django.utils import timezone
from ninja import Field, Path, Query

from yizhan.agency.api.door import Request
from yizhan.agency.api.service import operation
from yizhan.agency.api.shapes import (
    LARGEST,
    Coded,
    Day,
    Paging,
    Place,
    Rows,
    Said,
    Shape,
    Where,
    by_number,
    by_place,
    code_of,
    coded,
    name_of,
    place,
    where,
)
from yizhan.agency.desk.words import Words
from yizhan.agency.ledger import queries
from yizhan.agency.ledger.models import ACCOUNTS, FUND_ACCOUNTS, Book, Movement, Posting
from yizhan.agency.staff.rights import Right

AccountNumber = Annotated[int, Path(..., ge=-LARGEST, le=LARGEST, description="科目号 / number of the account")]
SINCE = Query(None, description="自，默认今年 1 月 1 日 / from; the first day of this year by default")
UNTIL = Query(None, description="至，默认今天 / to; today by default")


class BookOut(Shape):
    """The books of one fund of a pooling area, or of one institution."""

    number: str
    area: str | None
    payer: Said | None = Field(description="基金 / the fund, as the policies name it")
    institution: Where | None


def _book(book: Book) -> BookOut:
    names = queries.book_names(book)
    return BookOut(
        number=str(book.pk), area=code_of(book.area_path) if book.area_path else None,
        payer=Said(zh=names.zh, en=names.en) if book.institution is None else None, institution=where(book.institution),
    )  # fmt: skip


class FundOut(Shape):
    """A fund on a day: what it has, owes and is owed; what the year brought and took until then."""

    book: BookOut
    cash_fen: int
    to_hospital_fen: int
    to_person_fen: int
    advance_owed_fen: int
    advance_given_fen: int
    benefit_fen: int
    income_fen: int
    shortfall_fen: int


@operation("GET", "funds", Right.LEDGER_SEE, list[FundOut], said=("基金一览", "funds at a glance"))
def funds(request: Request) -> list[FundOut]:
    """Today, in the order in which they pay."""
    return [
        FundOut(
            book=_book(f.book), cash_fen=f.cash, to_hospital_fen=f.to_hospital, to_person_fen=f.to_person, advance_owed_fen=f.advance_owed,
            advance_given_fen=f.advance_given, benefit_fen=f.benefit, income_fen=f.income, shortfall_fen=f.shortfall,
        )
        for f in queries.overview(request.bearer.area_path, on=timezone.localdate())
    ]  # fmt: skip


class AccountLine(Shape):
    """One account: debit positive. closing = opening + debit − credit."""

    account: str
    book: BookOut
    kind: Coded
    opening_fen: int
    debit_fen: int
    credit_fen: int
    closing_fen: int


class Trial(Shape):
    """The trial balance. The closing amounts of each book sum to zero."""

    since: date
    until: date
    lines: list[AccountLine]


def _range(since: date | None, until: date | None) -> tuple[date, date]:
    today = timezone.localdate()
    first, last = since or today.replace(month=1, day=1), until or today
    return first, max(first, last)


@operation("GET", "funds/trial-balance", Right.LEDGER_SEE, Trial, said=("试算平衡", "trial balance"))
def trial_balance(
    request: Request,
    since: Day | None = SINCE,
    until: Day | None = UNTIL,
    books: Literal["fund", "hospital"] = Query("fund"),
) -> Trial:
    """Every account that moved or stands."""
    first, last = _range(since, until)
    path = request.bearer.area_path
    found = queries.hospitals(path) if books == "hospital" else queries.funds(path)
    shown = {book.pk: _book(book) for book in found}
    return Trial(since=first, until=last, lines=[
        AccountLine(
            account=str(x.account), book=shown[x.book.pk], kind=coded(x.kind, x.words), opening_fen=x.opening, debit_fen=x.debit,
            credit_fen=x.credit, closing_fen=x.closing,
        )
        for x in queries.trial_balance(found, since=first, until=last)
    ])  # fmt: skip


class DayOut(Shape):
    """What moved on a day."""

    on: date
    documents: int
    debit_fen: int
    credit_fen: int


class Statement(AccountLine):
    """An account by day."""

    since: date
    until: date
    days: list[DayOut]


@operation(
    "GET", "funds/accounts/{number}", Right.LEDGER_SEE, Statement, said=("科目明细账", "statement of an account")
)
def statement(
    request: Request, number: AccountNumber, since: Day | None = SINCE, until: Day | None = UNTIL
) -> Statement:
    """Opening, by day, closing."""
    first, last = _range(since, until)
    account = queries.account(number, request.bearer.area_path)
    days = queries.by_day(account, since=first, until=last)
    opening = queries.opening(account, since=first)
    debit, credit = sum(d[2] for d in days), sum(d[3] for d in days)
    return Statement(
        account=str(account.pk), book=_book(account.book), kind=coded(account.kind, ACCOUNTS[account.book.kind][account.kind]), since=first,
        until=last, opening_fen=opening, debit_fen=debit, credit_fen=credit, closing_fen=opening + debit - credit,
        days=[DayOut(on=on, documents=n, debit_fen=d, credit_fen=c) for on, n, d, c in days],
    )  # fmt: skip


class PostingOut(Shape):
    """One posting: debit positive, credit negative; the document that brought it."""

    number: int
    on: date
    document_kind: str
    document: int
    fen: int


@operation(
    "GET",
    "funds/accounts/{number}/postings",
    Right.LEDGER_SEE,
    Rows[PostingOut],
    said=("科目分录", "postings of an account"),
)
def postings(
    request: Request, number: AccountNumber, page: Query[Paging], since: Day | None = SINCE, until: Day | None = UNTIL
) -> dict[str, object]:
    """By day and document."""
    first, last = _range(since, until)
    account = queries.account(number, request.bearer.area_path)

    def shape(row: Posting) -> PostingOut:
        kind, document = row.entry.document_kind, row.entry.document_id
        return PostingOut(number=row.pk, on=row.on, document_kind=kind, document=document, fen=row.fen)

    return by_place(queries.postings(account, since=first, until=last), page, shape)


class MovementOut(Shape):
    """Money into or out of a fund."""

    number: int
    kind: Coded
    state: Coded
    book: BookOut
    other: BookOut | None
    income: Coded | None
    giver: Place | None
    person: str | None = Field(description="人员编号 / person number")
    fen: int
    on: date
    document: str
    why: str
    made_by: str
    made_at: datetime
    decided_by: str | None
    decided_at: datetime | None


@operation("GET", "funds/movements", Right.LEDGER_SEE, Rows[MovementOut], said=("拨款和支付", "movements of money"))
def movements(
    request: Request, page: Query[Paging], state: Literal["proposed", "approved", "rejected"] | None = Query(None)
) -> dict[str, object]:
    """The latest first."""
    found = queries.movements(request.bearer.area_path)
    if state:
        found = found.filter(state=state)

    def shape(row: Movement) -> MovementOut:
        income: Words | None = FUND_ACCOUNTS.get(row.income)
        return MovementOut(
            number=row.pk, kind=coded(row.kind, row.kind_words), state=coded(row.state, row.shown_state.words), book=_book(row.book),
            other=_book(row.other) if row.other else None, income=coded(row.income, income) if income else None,
            giver=place(row.giver) if row.giver else None, person=f"{row.person_id:010d}" if row.person_id else None, fen=row.fen, on=row.on,
            document=row.document, why=row.why, made_by=row.made_by.name, made_at=row.made_at, decided_by=name_of(row.decided_by),
            decided_at=row.decided_at,
        )  # fmt: skip

    return by_number(found, page, shape)
