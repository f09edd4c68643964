"""Filings, step by step: who made it gives opinions and completions; a bureau's officer decides, another than the maker.

Each act moves the filing from one state to the next (kinds.FOLLOWS) and leaves a row of `FilingStep`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils import timezone

from yizhan.agency.filings.drafting import DAY, drafted
from yizhan.agency.filings.errors import AlreadyRegistered, FilingIncomplete, NotItsTurn, ReasonNeeded
from yizhan.agency.filings.kinds import FOLLOWS, MAKING, REGISTRATIONS
from yizhan.agency.filings.models import Filing, FilingStep
from yizhan.agency.filings.queries import of_person
from yizhan.agency.people.models import Person
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, SamePerson
from yizhan.agency.staff.models import Area, Institution, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand, institution_of, officer_of
from yizhan.errors import Problems

_NUMBERS = {"certificate": "JZ", "referral": "ZZ", "emergency": "JJ", "offsite": "YD"}


def make(
    kind: str,
    person: Person,
    *,
    from_on: date,
    to_on: date | None = None,
    to_institution: Institution | None = None,
    opinion_of: Institution | None = None,
    place: Area | None = None,
    diagnoses: Sequence[str] = (),
    disease: str = "",
    from_stay: bool = False,
    emergency_on: date | None = None,
    why: str,
    acting_user: Actor,
) -> Filing:
    """Ask for a filing. It holds from `from_on` to `to_on`; without `to_on` as long as the area's documents say.

    A referral made by a township's institution goes to a county hospital for its opinion (`opinion_of`), every other to the
    bureau; an emergency waits for evidence. An institution's emergency is its own. Raises NotFound, Problems with all that is
    missing or in the way.
    """
    demand(acting_user, Right.FILING_MAKE)
    with acting(acting_user):
        row = drafted(
            kind, person, from_on=from_on, to_on=to_on, to_institution=to_institution, opinion_of=opinion_of, place=place,
            diagnoses=diagnoses, disease=disease, from_stay=from_stay, emergency_on=emergency_on, why=why,
            acting_user=acting_user,
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute("select nextval('filings_filing_id_seq')")
            row.pk = cursor.fetchone()[0]
        row.number = f"{_NUMBERS.get(kind, 'DJ')}{from_on:%Y}{row.pk:08d}"
        _refuse_doubles(row)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            raise _registered(row, error) from None
        add_step(row, "township_opinion" if row.state == "opinion" else "made", words=why, acting_user=acting_user)
        record("filing.make", row, person_id=row.person_id, kind=kind, number=row.number, acting_user=acting_user)
        return row


def _refuse_doubles(row: Filing) -> None:
    """The database refuses two registrations of one record; this, those of records that were merged, too."""
    if row.kind in REGISTRATIONS and (number := _in_the_way(row)):
        raise _double(row, number)


def _in_the_way(row: Filing) -> str:
    same = of_person(row.person).filter(kind=row.kind, disease=row.disease, valid__overlap=row.valid)
    found = same.filter(state__in=["decision", "returned", "approved", "ended"]).exclude(pk=row.pk).first()
    return found.number if found else ""


def _double(row: Filing, number: str) -> Problems:
    words = row.kind_words
    return Problems([AlreadyRegistered(kind_zh=words.zh, kind_en=words.en, disease=row.disease, number=number)])


def _registered(row: Filing, error: IntegrityError) -> Exception:
    """What to raise where the database refused a row."""
    return _double(row, _in_the_way(row) or "–") if "one_registration_a_disease" in str(error) else error


def add_step(row: Filing, name: str, *, words: str, acting_user: Actor) -> None:
    """Note what was done, by whom, and the state that it led to."""
    FilingStep.objects.create(
        filing=row, name=name, outcome=row.state, words=words.strip()[:300], officer=officer_of(acting_user),
        institution_id=institution_of(acting_user),
    )  # fmt: skip


def locked(filing: Filing, *, acting_user: Actor, maker: bool = False) -> Filing:
    """The filing as it is now, kept from others until the end. `maker`: only for the side that made it. Raises NotFound."""
    row = Filing.objects.select_for_update(of=("self",)).select_related("person").filter(pk=filing.pk).first()
    if row is None or (maker and institution_of(acting_user) != row.institution_id):
        raise NotFound
    return row


def moved(row: Filing, state: str, *, act: tuple[str, str], **changes: Any) -> Filing:
    """Move a locked filing to a state. Raises NotItsTurn, and Problems where another registration is in the way."""
    if state not in FOLLOWS.get(row.state, ()):
        raise not_its_turn(row, act)
    row.state = state
    for name, value in changes.items():
        setattr(row, name, value)
    try:
        with transaction.atomic():
            row.save(update_fields=["state", *changes])
    except IntegrityError as error:
        raise _registered(row, error) from None
    return row


def not_its_turn(row: Filing, act: tuple[str, str]) -> NotItsTurn:
    """The refusal of an act that does not fit the state."""
    now = row.shown_state.words
    return NotItsTurn(now_zh=now.zh, now_en=now.en, act_zh=act[0], act_en=act[1])


_OPINIONS: Mapping[str, str] = {"agree": "decision", "refuse": "rejected", "return": "returned"}


def opine(filing: Filing, *, opinion: str, words: str, acting_user: Officer) -> Filing:
    """The county hospital's opinion on a township's referral: agree, refuse, or return. Raises NotFound, NotItsTurn, ReasonNeeded."""
    demand(acting_user, Right.FILING_OPINE)
    if not words.strip():
        raise ReasonNeeded
    with acting(acting_user):
        row = locked(filing, acting_user=acting_user)
        if row.opinion_of_id is None or row.opinion_of_id != institution_of(acting_user):
            raise NotFound
        act = ("出具意见", "give an opinion")
        if row.state != "opinion":
            raise not_its_turn(row, act)
        row = moved(row, _OPINIONS[opinion], act=act)
        add_step(row, "county_opinion", words=words, acting_user=acting_user)
        record("filing.opine", row, person_id=row.person_id, outcome=row.state, acting_user=acting_user)
        return row


_DECISIONS: Mapping[str, str] = {"approve": "approved", "refuse": "rejected", "return": "returned"}


def decide(filing: Filing, *, decision: str, words: str = "", acting_user: Officer) -> Filing:
    """The bureau files it, refuses it or returns it（备案）; an emergency whose evidence did not come in time it may refuse.

    Raises NotFound, NotItsTurn, SamePerson (also to who completed it or handed in evidence), ReasonNeeded.
    """
    demand(acting_user, Right.FILING_DECIDE)
    if decision != "approve" and not words.strip():
        raise ReasonNeeded
    with acting(acting_user):
        row = locked(filing, acting_user=acting_user)
        if row.made_by_id == acting_user.pk or row.steps.filter(officer=acting_user, name__in=MAKING).exists():
            raise SamePerson
        act = ("备案", "decide")
        lapsed = decision == "refuse" and row.lapsed_on(timezone.localdate())
        if row.state != "decision" and not lapsed:
            raise not_its_turn(row, act)
        decided = {"decided_at": timezone.now(), "decided_by": acting_user} if decision == "approve" else {}
        row = moved(row, _DECISIONS[decision], act=act, **decided)
        add_step(row, "decision", words=words, acting_user=acting_user)
        record("filing.decide", row, person_id=row.person_id, outcome=row.state, acting_user=acting_user)
        return row


def complete(filing: Filing, *, words: str, acting_user: Officer) -> Filing:
    """What was returned is completed by the side that made it, and goes back to who returned it.

    Raises NotFound, NotItsTurn, ReasonNeeded.
    """
    demand(acting_user, Right.FILING_MAKE)
    if not words.strip():
        raise ReasonNeeded
    with acting(acting_user):
        row = locked(filing, acting_user=acting_user, maker=True)
        agreed = row.steps.filter(name="county_opinion", outcome="decision").exists()
        to = "opinion" if row.opinion_of_id is not None and not agreed else "decision"
        act = ("补正", "complete")
        if row.state != "returned":
            raise not_its_turn(row, act)
        row = moved(row, to, act=act)
        add_step(row, "completed", words=words, acting_user=acting_user)
        record("filing.complete", row, person_id=row.person_id, acting_user=acting_user)
        return row


def withdraw(filing: Filing, *, words: str, acting_user: Actor) -> Filing:
    """The side that made it takes it back before it is decided. Raises NotFound, NotItsTurn, ReasonNeeded."""
    demand(acting_user, Right.FILING_MAKE)
    if not words.strip():
        raise ReasonNeeded
    with acting(acting_user):
        row = locked(filing, acting_user=acting_user, maker=True)
        row = moved(row, "withdrawn", act=("撤回", "withdraw"))
        add_step(row, "withdrawn", words=words, acting_user=acting_user)
        record("filing.withdraw", row, person_id=row.person_id, acting_user=acting_user)
        return row


def end(filing: Filing, *, last: date, words: str, acting_user: Officer) -> Filing:
    """Let a filing end: it counts until its last day, `last`. Raises NotFound, NotItsTurn, ReasonNeeded, FilingIncomplete."""
    demand(acting_user, Right.FILING_DECIDE)
    if not words.strip():
        raise ReasonNeeded
    with acting(acting_user):
        row = locked(filing, acting_user=acting_user)
        if last < row.valid.lower or (row.last_day is not None and last > row.last_day):
            raise FilingIncomplete(
                field_zh="最后一天", field_en="the last day",
                why_zh=f"应在 {row.valid.lower} 和 {row.last_day or '…'} 之间；从来不该有的，请用“撤销”",
                why_en=f"between {row.valid.lower} and {row.last_day or '…'}; what should never have been is revoked",
            )  # fmt: skip
        row = moved(row, "ended", act=("终止", "end"), valid=DateRange(row.valid.lower, last + DAY))
        add_step(row, "ended", words=words, acting_user=acting_user)
        record("filing.end", row, person_id=row.person_id, last=last.isoformat(), acting_user=acting_user)
        return row


def revoke(filing: Filing, *, forged: bool = False, words: str, acting_user: Officer) -> Filing:
    """A filing never counts, on no day: it should not have been approved, or its papers were forged, which rules may punish.

    Raises NotFound, NotItsTurn, ReasonNeeded.
    """
    demand(acting_user, Right.FILING_DECIDE)
    if not words.strip():
        raise ReasonNeeded
    with acting(acting_user):
        row = locked(filing, acting_user=acting_user)
        row = moved(row, "forged" if forged else "revoked", act=("撤销", "revoke"))
        add_step(row, "revoked", words=words, acting_user=acting_user)
        record("filing.revoke", row, person_id=row.person_id, forged=forged, acting_user=acting_user)
        return row
