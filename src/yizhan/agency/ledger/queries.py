"""The books as pages show them. Everybody sees the postings of the own area; hospitals only their own book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.db.models import QuerySet, Sum
from django.db.models.functions import Left
from django.urls import reverse

from yizhan.agency.desk.words import Words
from yizhan.agency.ledger.models import (
    ACCOUNTS,
    FUND_ACCOUNTS,
    INCOMES,
    NO_FUNDS,
    SHARES,
    Account,
    Balance,
    Book,
    Entry,
    Movement,
    Posting,
)
from yizhan.agency.ledger.verifying import PAGES, RECORDS
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.home import Waiting, waits
from yizhan.agency.staff.models import Area, Officer
from yizhan.agency.staff.rights import Right
from yizhan.engine.scheme import Scheme
from yizhan.engine.settlement import resolver_of
from yizhan.errors import Problems
from yizhan.policy.areas import load_scheme


@dataclass(frozen=True, slots=True)
class FundAtAGlance:
    """A fund today, in fen: what it has, owes and is owed, and what this year brought and took."""

    book: Book
    cash: int
    to_hospital: int
    to_person: int
    advance_owed: int
    advance_given: int
    benefit: int
    income: int

    @property
    def name(self) -> str:
        """The fund's name."""
        return book_name(self.book)

    @property
    def shortfall(self) -> int:
        """By how much what is owed exceeds the money and the advances that come back."""
        return max(0, self.to_hospital + max(0, self.to_person) + self.advance_owed - self.cash - self.advance_given)


def sums(*, books: Sequence[Book], since: date | None = None, until: date | None = None) -> dict[tuple[int, str], int]:
    """(book, account) → fen of the postings in a range of days. One statement."""
    rows = Posting.objects.filter(account__book__in=list(books))
    if since is not None:
        rows = rows.filter(on__gte=since)
    if until is not None:
        rows = rows.filter(on__lte=until)
    found = rows.values_list("account__book_id", "account__kind").annotate(fen=Sum("fen")).order_by()
    return {(book, kind): fen for book, kind, fen in found}


def funds_named(scheme: Scheme) -> list[str]:
    """Who pays or advances money by the policies of an area, in the order of its layers; without the institutions themselves."""
    payers = resolver_of(scheme).payers
    named = [payer for layer in scheme.layers for payer in payers[layer.name]]
    named += [str(rule.sets["垫付"]) for rule in scheme.rules if "垫付" in rule.sets]
    return [payer for payer in dict.fromkeys(named) if payer not in NO_FUNDS]


def funds(path: str) -> list[Book]:
    """The funds of pooling areas within an area, or to which it belongs; by area, in the order in which they pay."""
    within = Book.objects.filter(kind="fund", area_path__gte=path, area_path__lt=path + "~")
    above = [path[: k + 1] for k, c in enumerate(path) if c == "."]
    found = within | Book.objects.filter(kind="fund", area_path__in=above)
    return sorted(found, key=lambda book: (book.area_path, _place(book), book.payer))


def _scheme(of: Book) -> Scheme | None:
    try:
        return load_scheme(of.area_path.rstrip(".").rpartition(".")[2])
    except Problems:
        return None


def _place(of: Book) -> int:
    """Where a fund stands among those that pay; one that the policies no longer name stands last."""
    scheme = _scheme(of)
    named = funds_named(scheme) if scheme is not None else []
    return named.index(of.payer) if of.payer in named else len(named)


def hospitals(path: str) -> list[Book]:
    """The books of institutions within an area."""
    rows = Book.objects.filter(kind="hospital", institution__area_path__gte=path, institution__area_path__lt=path + "~")
    return list(rows.select_related("institution").order_by("institution__name"))


def overview(path: str, *, on: date) -> list[FundAtAGlance]:
    """Every fund of an area at a glance; of a county, what its people came to. Two statements and one for the funds."""
    books = funds(path)
    now = sums(books=books, until=on)
    year = sums(books=books, since=on.replace(month=1, day=1), until=on)
    balances = dict(Balance.objects.filter(book__in=books).values_list("book_id", "fen"))
    return [
        FundAtAGlance(
            book, balances.get(book.pk, 0), -now.get((book.pk, "to_hospital"), 0), -now.get((book.pk, "to_person"), 0),
            -now.get((book.pk, "advance_owed"), 0), now.get((book.pk, "advance_given"), 0),
            year.get((book.pk, "benefit"), 0), -sum(year.get((book.pk, kind), 0) for kind in INCOMES),
        )
        for book in books
    ]  # fmt: skip


def book(number: int) -> Book:
    """One. Raises NotFound."""
    found = Book.objects.select_related("institution").filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def book_names(of: Book) -> Words:
    """The fund's name in the policies, or the institution's."""
    if of.institution is not None:
        return Words(of.institution.name, of.institution.name)
    scheme = _scheme(of)
    return Words(of.payer, scheme.word(of.payer, "en") if scheme is not None else of.payer)


def book_name(of: Book) -> str:
    """The same in the language of the request."""
    return str(book_names(of))


@dataclass(frozen=True, slots=True)
class Line:
    """One account in a trial balance, in fen: debit and credit of the period, and what it stands at. `sum`: debit less credit."""

    book: Book
    account: int
    kind: str
    words: Words
    opening: int
    debit: int
    credit: int

    @property
    def closing(self) -> int:
        """Debit positive."""
        return self.opening + self.debit - self.credit


def trial_balance(books: Sequence[Book], *, since: date, until: date) -> list[Line]:
    """Every account that moved or stands: opening, debits, credits. Each book's closing sums are zero in total."""
    opening: dict[int, int] = {}
    rows = Posting.objects.filter(account__book__in=list(books))
    for account, fen in rows.filter(on__lt=since).values_list("account").annotate(fen=Sum("fen")).order_by():
        opening[account] = fen
    within = rows.filter(on__gte=since, on__lte=until)
    debit = dict(within.filter(fen__gt=0).values_list("account").annotate(fen=Sum("fen")).order_by())
    credit = dict(within.filter(fen__lt=0).values_list("account").annotate(fen=Sum("fen")).order_by())
    accounts = Account.objects.filter(book__in=list(books)).select_related("book__institution")
    found = [
        Line(
            a.book,
            a.pk,
            a.kind,
            ACCOUNTS[a.book.kind][a.kind],
            opening.get(a.pk, 0),
            debit.get(a.pk, 0),
            -credit.get(a.pk, 0),
        )
        for a in accounts
    ]
    order = [kind for kinds in ACCOUNTS.values() for kind in kinds]
    moved = [line for line in found if line.opening or line.debit or line.credit]
    places = {book.pk: place for place, book in enumerate(books)}
    return sorted(moved, key=lambda x: (places[x.book.pk], order.index(x.kind)))


def account(number: int, path: str) -> Account:
    """One of an area's books. Raises NotFound."""
    found = Account.objects.select_related("book__institution").filter(pk=number).first()
    if found is None or not _of_area(found.book, path):
        raise NotFound
    return found


def _of_area(of: Book, path: str) -> bool:
    """Whether a book is one of those that an area looks at: see `funds` and `hospitals`."""
    if of.institution is not None:
        return of.institution.area_path.startswith(path)
    return of.area_path.startswith(path) or path.startswith(of.area_path)


def postings(of: Account, *, since: date, until: date) -> QuerySet[Posting]:
    """The postings of an account in a range of days, by day and document."""
    rows = Posting.objects.filter(account=of, on__gte=since, on__lte=until).select_related("entry")
    return rows.order_by("on", "id")


def opening(of: Account, *, since: date) -> int:
    """What an account stood at before a day."""
    return Posting.objects.filter(account=of, on__lt=since).aggregate(fen=Sum("fen"))["fen"] or 0


def by_day(of: Account, *, since: date, until: date) -> list[tuple[date, int, int, int]]:
    """(day, documents, debit, credit) of an account."""
    found: dict[date, list[int]] = {}
    for on, fen in Posting.objects.filter(account=of, on__gte=since, on__lte=until).values_list("on", "fen"):
        day = found.setdefault(on, [0, 0, 0])
        day[0] += 1
        day[1 if fen > 0 else 2] += abs(fen)
    return [(on, *values) for on, values in sorted(found.items())]  # type: ignore[misc]  # three values each


def entry(kind: str, number: int) -> tuple[Entry, list[Posting]]:
    """What a document came to in the books, by book. Raises NotFound: also where nothing of it may be seen."""
    found = Entry.objects.filter(document_kind=kind, document_id=number).first()
    if found is None:
        raise NotFound
    rows = Posting.objects.filter(entry=found).select_related("account__book__institution")
    return found, sorted(rows, key=lambda p: (p.account.book.kind != "fund", p.account.book_id, -p.fen))


def has_entry(kind: str, number: int) -> bool:
    """Whether a document came to anything in the books."""
    return Entry.objects.filter(document_kind=kind, document_id=number).exists()


def page_of(kind: str, number: int) -> str:
    """The address of a document's page, or ""."""
    found = PAGES.get(kind)
    return found(number) if found else ""


# --- What is owed -----------------------------------------------------------------------------------------------------


def owed_to_hospital(fund: Book, institution_id: int) -> int:
    """What a fund still owes an institution, in fen."""
    return -_stands(fund, "to_hospital", institution_id=institution_id)


def owed_to_person(fund: Book, person_id: int) -> int:
    """What a fund still owes a person directly, in fen; negative: the person owes it."""
    return -_stands(fund, "to_person", persons=records_of(person_id))


def records_of(person_id: int) -> list[int]:
    """The records of one person, by the number of one of them: what was merged counts for one."""
    return sorted({person_id}.union(*(ask(person_id) for ask in RECORDS)))


def owed_for_advances(fund: Book, advancing: Book) -> int:
    """What a fund owes another for what it advanced: no more than either book says. Negative: was cleared too much."""
    owes, gave = -_stands(fund, "advance_owed"), _stands(advancing, "advance_given")
    return min(owes, gave, key=abs) if owes * gave > 0 else 0


def _stands(of: Book, kind: str, *, institution_id: int | None = None, persons: Sequence[int] | None = None) -> int:
    """What an account stands at, in fen, towards an institution or a person: by what the actor sees or by the whole book,
    whichever is nearer to zero. What another level of the bureau paid, the actor may not see; it must not be paid twice.
    """
    rows = Posting.objects.filter(account__book=of, account__kind=kind)
    if institution_id is not None:
        rows = rows.filter(entry__institution_id=institution_id)
    if persons is not None:
        rows = rows.filter(person_id__in=persons)
    seen = rows.aggregate(fen=Sum("fen"))["fen"] or 0
    with connection.cursor() as cursor:
        cursor.execute(
            "select ledger_stands(%s, %s, %s, %s::bigint[])",
            [of.pk, kind, institution_id, list(persons) if persons is not None else None],
        )
        whole = cursor.fetchone()[0]
    return int(min(seen, whole, key=abs)) if seen * whole > 0 else 0


@dataclass(frozen=True, slots=True)
class Debt:
    """What a fund owes an institution or, for advances, another fund, in fen; negative: has to come back."""

    book: Book
    other: Book
    fen: int


def debts_to_hospitals(path: str) -> list[Debt]:
    """What each fund of an area owes each institution, the largest first. Three statements."""
    books = {book.pk: book for book in funds(path)}
    rows = Posting.objects.filter(account__book__in=list(books), account__kind="to_hospital")
    sums = rows.values_list("account__book_id", "entry__institution_id").annotate(fen=Sum("fen")).order_by()
    found = [(book, institution, -fen) for book, institution, fen in sums if fen and institution is not None]
    others = Book.objects.select_related("institution").filter(
        institution__in={institution for _, institution, _ in found}
    )
    by_institution = {other.institution_id: other for other in others}
    debts = [
        Debt(books[book], by_institution[institution], fen)
        for book, institution, fen in found
        if institution in by_institution
    ]
    return sorted(debts, key=lambda debt: -debt.fen)


def debts_for_advances(path: str) -> list[Debt]:
    """Which fund of an area owes which for what it advanced."""
    books = funds(path)
    found = [Debt(owes, gave, owed_for_advances(owes, gave)) for owes in books for gave in books
             if owes.area_path == gave.area_path and owes.pk != gave.pk]  # fmt: skip
    return [debt for debt in found if debt.fen]


# --- Shares of cities and counties ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Borne:
    """What one city or county put into a fund in a year, and what the fund paid for its people meanwhile, in fen."""

    book: Book
    giver: Area
    income: Words
    given: int
    benefit: int


def shares(path: str, *, year: int) -> list[Borne]:
    """What cities and counties bore of the area's funds, by fund. Three statements.

    Who gave nothing stands there too, once somebody gave to that fund or something was paid for its people.
    """
    since, until = date(year, 1, 1), date(year, 12, 31)
    books = {book.pk: book for book in funds(path)}
    given: dict[tuple[int, int], int] = {}
    rows = Movement.objects.filter(
        state="approved", book__in=list(books), income__in=list(SHARES), on__gte=since, on__lte=until
    )
    for book, giver, fen in rows.values_list("book_id", "giver_id").annotate(fen=Sum("fen")).order_by():
        given[book, giver] = fen
    spent: dict[tuple[int, str], int] = {}
    paid = Posting.objects.filter(account__book__in=list(books), account__kind="benefit", on__gte=since, on__lte=until)
    for book, county, fen in (
        paid.values_list("account__book_id", Left("area_path", COUNTY)).annotate(fen=Sum("fen")).order_by()
    ):
        spent[book, county] = fen
    shared = {book for book, _ in given}
    areas = Area.objects.filter(level__in=list(SHARES.values())).order_by("path")
    within = [area for area in areas if any(area.path.startswith(books[pk].area_path) for pk in shared)]
    incomes = {level: kind for kind, level in SHARES.items()}
    return [
        Borne(
            book, area, FUND_ACCOUNTS[incomes[area.level]], given.get((pk, area.pk), 0),
            sum(fen for (of, county), fen in spent.items() if of == pk and county.startswith(area.path)),
        )
        for pk, book in books.items() if pk in shared
        for area in within
        if area.path.startswith(book.area_path) and (area.path.startswith(path) or (pk, area.pk) in given)
    ]  # fmt: skip


def givers(path: str) -> QuerySet[Area]:
    """The cities and counties of an area, which may bear a share of a fund."""
    return Area.objects.filter(path__gte=path, path__lt=path + "~", level__in=list(SHARES.values())).order_by("path")


COUNTY = 28
"""Characters of a path that name a county."""


# --- Movements --------------------------------------------------------------------------------------------------------


def movements(path: str) -> QuerySet[Movement]:
    """Proposed and decided movements of an area, latest first."""
    rows = Movement.objects.filter(area_path__gte=path, area_path__lt=path + "~")
    return rows.select_related("book", "other__institution", "giver", "made_by", "decided_by").order_by("-id")


def movement(number: int, path: str) -> Movement:
    """One. Raises NotFound."""
    found = movements(path).filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


@waits
def movements_to_decide(officer: Officer) -> Waiting | None:
    """Movements that wait for a reviewer."""
    if not officer.may(Right.TRANSFER_APPROVE):
        return None
    count = movements(officer.area_path).filter(state="proposed").count()
    return Waiting(Words("待复核的拨款和支付", "movements of money to approve"), count, reverse("ledger:movements"))
