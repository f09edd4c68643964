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

from yizhan.agency.desk.words import Words
from yizhan.agency.ledger.errors import (
    AmountNeeded,
    DayAhead,
    GiverNeeded,
    IncomeNeeded,
    MoreThanOwed,
    NoFundsHere,
    NotProposed,
    OtherPurpose,
    Overdrawn,
    SideNeeded,
    WordsNeeded,
)
from yizhan.agency.ledger.models import FUND_ACCOUNTS, INCOMES, SHARES, Balance, Book, Movement, Posting
from yizhan.agency.ledger.posting import FundKey, HospitalKey, Key, Leg, account_id, book_id, post
from yizhan.agency.ledger.queries import funds_named, owed_for_advances, owed_to_hospital, owed_to_person, records_of
from yizhan.agency.ledger.verifying import DOCUMENTS, PAGES, Document
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, SamePerson
from yizhan.agency.staff.models import AREA_LEVELS, Area, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.engine.money import yuan_grouped
from yizhan.engine.scheme import Scheme
from yizhan.errors import Problem, Problems
from yizhan.policy.areas import load_scheme


def key_of(book: Book) -> Key:
    """What a book stands for."""
    return HospitalKey(book.institution_id) if book.institution_id is not None else FundKey(book.area_path, book.payer)


def open_books(*, acting_user: Actor) -> list[Book]:
    """Open the books of all funds that the policies of the actor's pooling areas name, so that money can come in before the
    first bill is settled. Returns those that are new. Raises NotAllowed, NoFundsHere.
    """
    demand(acting_user, Right.TRANSFER_PROPOSE)
    with acting(acting_user):
        keys = [
            FundKey(path, payer)
            for path, scheme in _pooling_areas(acting_user.area_path)
            for payer in funds_named(scheme)
        ]
        if not keys:
            area = Area.objects.filter(path=acting_user.area_path).first()
            raise NoFundsHere(area=area.name if area else acting_user.area_path)
        new = Book.objects.bulk_create(
            (
                Book(id=book_id(key), kind="fund", area_path=key.area_path, payer=key.payer)
                for key in keys
                if not Book.objects.filter(pk=book_id(key)).exists()
            ),
            ignore_conflicts=True,
        )
        if new:
            record("ledger.open_books", funds=[book.payer for book in new], acting_user=acting_user)
        return new


def _pooling_areas(path: str) -> list[tuple[str, Scheme]]:
    """The pooling areas in which a path lies or that lie in it, with their policies."""
    found: dict[str, Scheme] = {}
    for area in Area.objects.filter(path__gte=path, path__lt=path + "~", level__in=("city", "county")).order_by("path"):
        try:
            scheme = load_scheme(area.code)
        except Problems:
            continue
        found[area.path[: area.path.index(f"{scheme.area}.") + len(scheme.area) + 1]] = scheme
    return list(found.items())


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
    giver: Area | None = None,
    person_id: int | None = None,
    acting_user: Officer,
) -> Movement:
    """Propose a receipt, a payment to an institution or a person or what one of them pays back, the clearing of an advance
    or the return of one cleared too much, or a transfer between levels.

    `fen` is positive; `giver` is the city or county whose share a receipt is. Raises NotFound, and Problems with AmountNeeded,
    WordsNeeded, DayAhead, SideNeeded, IncomeNeeded, GiverNeeded, OtherPurpose, MoreThanOwed.
    """
    demand(acting_user, Right.TRANSFER_PROPOSE)
    with acting(acting_user):
        if book.kind != "fund" or kind not in LEGS or not _worked_on_by(book, acting_user):
            raise NotFound
        problems: list[Problem] = []
        if fen <= 0:
            problems.append(AmountNeeded())
        if not document.strip() or not why.strip():
            problems.append(WordsNeeded())
        if on > timezone.localdate():
            problems.append(DayAhead(on=on))
        problems += _wrong_side(kind, book, other, person_id)
        if kind == "receipt":
            problems += _wrong_income(book, income, giver, acting_user)
        if problems:
            raise Problems(problems)
        row = Movement(
            kind=kind, book=book, other=other, income=income if kind == "receipt" else "",
            giver=giver if kind == "receipt" and income in SHARES else None, person_id=person_id, fen=fen, on=on,
            document=document.strip(), why=why.strip(), area_path=acting_user.area_path,
            made_by=acting_user,
        )  # fmt: skip
        _refuse_more_than_owed(row)
        row.save(force_insert=True)
        record(
            "movement.propose", row, person_id=person_id, kind=kind, fen=fen, fund=book.payer, acting_user=acting_user
        )
        return row


_SIDES = {
    "to_hospital": Words("一家医疗机构", "an institution"),
    "to_person": Words("一个人（人员编号）", "a person (by number)"),
    "from_hospital": Words("一家医疗机构", "an institution"),
    "from_person": Words("一个人（人员编号）", "a person (by number)"),
    "clear_advance": Words("垫付的那个基金", "the fund that advanced the money"),
    "return_advance": Words("多还了的那个基金", "the fund that cleared too much"),
    "between_levels": Words("同一基金的另一级", "the same fund of another level"),
    "receipt": Words("空的：收入只写收入科目", "left empty: a receipt names its income"),
}


def _wrong_side(kind: str, book: Book, other: Book | None, person_id: int | None) -> list[Problem]:
    """Why the other side of a movement is not of its kind; nothing if it is."""
    found = other.kind if other is not None else "person" if person_id is not None else ""
    wanted = "" if kind == "receipt" else kind.partition("_")[2]
    wanted = wanted if wanted in ("hospital", "person", "") else "fund"
    both = other is not None and person_id is not None
    if found != wanted or both or (other is not None and other.pk == book.pk):
        words, side = Movement.KINDS[kind], _SIDES[kind]
        return [SideNeeded(kind_zh=words.zh, kind_en=words.en, side_zh=side.zh, side_en=side.en)]
    if kind == "between_levels" and other is not None and other.payer != book.payer:
        return [OtherPurpose(fund=book.payer, other=other.payer)]
    return []


def _wrong_income(book: Book, income: str, giver: Area | None, acting_user: Actor) -> list[Problem]:
    if income not in INCOMES:
        return [IncomeNeeded()]
    level = SHARES.get(income)
    if level is None:
        return []
    fits = giver is not None and giver.level == level
    if not fits or not all(
        giver.path.startswith(p) for p in (book.area_path, acting_user.area_path) if giver is not None
    ):
        words, kind = AREA_LEVELS[level], FUND_ACCOUNTS[income]
        return [GiverNeeded(income_zh=kind.zh, income_en=kind.en, level_zh=words.zh, level_en=words.en)]
    return []


def _worked_on_by(book: Book, acting_user: Actor) -> bool:
    """Whether a fund lies in the actor's area, or is that of the city to which the actor's county belongs."""
    return book.area_path.startswith(acting_user.area_path) or acting_user.area_path.startswith(book.area_path)


def decide(movement: Movement, *, approved: bool, why: str = "", acting_user: Officer) -> Movement:
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
            raise NotProposed(state_zh=row.shown_state.words.zh, state_en=row.shown_state.words.en)
        if row.made_by_id == acting_user.pk:
            raise SamePerson
        if not approved and not why.strip():
            raise WordsNeeded
        row.state = "approved" if approved else "rejected"
        row.decided_at, row.decided_why = timezone.now(), why.strip()
        row.decided_by = acting_user
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


def decide_together(document: str, *, approved: bool, why: str = "", acting_user: Officer) -> int:
    """Decide all movements that were proposed with one document, all or none; how many. For lists that the bank pays at once.

    Raises what `decide` raises; NotFound where there are none.
    """
    demand(acting_user, Right.TRANSFER_APPROVE)
    with acting(acting_user):
        rows = list(Movement.objects.filter(state="proposed", document=document).order_by("pk"))
        if not rows:
            raise NotFound
        for row in rows:
            decide(row, approved=approved, why=why, acting_user=acting_user)
        return len(rows)


def _lock_owed(row: Movement) -> None:
    """One payment out of a book at a time, so that two do not both pay what is owed once."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [account_id(key_of(row.book), "cash")])


def _refuse_more_than_owed(row: Movement) -> None:
    owed = None
    if row.kind in ("to_hospital", "from_hospital") and row.other is not None and row.other.institution_id is not None:
        owed = owed_to_hospital(row.book, row.other.institution_id)
    elif row.kind in ("to_person", "from_person") and row.person_id is not None:
        owed = owed_to_person(row.book, row.person_id)
    elif row.kind == "clear_advance" and row.other is not None:
        owed = owed_for_advances(row.book, row.other)
    elif row.kind == "return_advance" and row.other is not None:
        owed = owed_for_advances(row.other, row.book)
    if owed is not None and row.kind in ("from_hospital", "from_person", "return_advance"):
        owed = -owed
    if owed is not None and row.fen > owed:
        raise MoreThanOwed(owed=yuan_grouped(max(0, owed)), fen=yuan_grouped(row.fen))


def _receipt(row: Movement) -> list[Leg]:
    book = key_of(row.book)
    return [Leg(book, "cash", row.fen), Leg(book, row.income, -row.fen)]


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


def _back(legs: Callable[[Movement], list[Leg]]) -> Callable[[Movement], list[Leg]]:
    """The same postings the other way round: money that comes back."""
    return lambda row: [Leg(book, account, -fen) for book, account, fen in legs(row)]


def _return_advance(row: Movement) -> list[Leg]:
    assert row.other is not None
    advancing, owing = key_of(row.book), key_of(row.other)
    return [
        Leg(advancing, "advance_given", row.fen), Leg(advancing, "cash", -row.fen),
        Leg(owing, "cash", row.fen), Leg(owing, "advance_owed", -row.fen),
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
    "from_hospital": _back(_to_hospital),
    "from_person": _back(_to_person),
    "clear_advance": _clear_advance,
    "return_advance": _return_advance,
    "between_levels": _between_levels,
}
"""What each kind of movement comes to in the books."""


def _post(row: Movement, acting_user: Actor) -> None:
    area_path = row.area_path
    if row.person_id is not None:
        # Where the person's own postings stand, so that whoever sees what is owed also sees that it was paid.
        owed = Posting.objects.filter(
            account__book=row.book, account__kind="to_person", person_id__in=records_of(row.person_id)
        )
        area_path = owed.order_by("-id").values_list("area_path", flat=True).first() or area_path
    try:
        with transaction.atomic():
            post(
                "movement", row.pk, on=row.on, legs=LEGS[row.kind](row), person_id=row.person_id, area_path=area_path,
                acting_user=acting_user,
            )  # fmt: skip
    except IntegrityError as error:
        if "fund_not_overdrawn" not in str(error):
            raise
        has = Balance.objects.filter(book=row.book).values_list("fen", flat=True).first() or 0
        raise Overdrawn(fund=row.book.payer, has=yuan_grouped(has), fen=yuan_grouped(row.fen)) from None


def posted_movements() -> Iterator[Document]:
    """What every movement should have posted: nothing until it is approved."""
    for row in Movement.objects.select_related("book", "other").order_by("pk").iterator(1_000):
        legs = LEGS[row.kind](row) if row.state == "approved" else []
        yield Document(row.pk, legs, row.on, row.person_id, None if row.person_id is not None else row.area_path)


def register() -> None:
    """Let verification and statements know of movements."""
    DOCUMENTS["movement"] = posted_movements
    PAGES["movement"] = lambda number: reverse("ledger:movement", args=[number])
