"""Filings, step by step: who made it gives opinions, evidence and completions; a bureau's officer decides, another than the maker.

Each act moves the filing from one state to the next (kinds.FOLLOWS) and leaves a row of `Step`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils import timezone

from yizhan.agency import crypto
from yizhan.agency.filings.errors import (
    AlreadyRegistered,
    EvidenceLate,
    EvidenceUnreadable,
    FilingIncomplete,
    NotItsTurn,
    ReasonNeeded,
)
from yizhan.agency.filings.kinds import FOLLOWS, KINDS
from yizhan.agency.filings.models import Evidence, Filing, Step, Term
from yizhan.agency.filings.queries import term_on
from yizhan.agency.people.models import Person
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, SamePerson
from yizhan.agency.staff.models import Area, Institution, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, demand, institution_of
from yizhan.errors import Problem, Problems

DAY = timedelta(days=1)
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
    acting_user: Officer,
) -> Filing:
    """Ask for a filing. It holds from `from_on` to `to_on`; without `to_on` as long as the area's documents say.

    A referral made by a township's institution goes to a county hospital for its opinion (`opinion_of`), every other to the
    bureau; an emergency waits for evidence. Raises NotFound, AlreadyRegistered, Problems with all that is missing.
    """
    demand(acting_user, Right.FILING_MAKE)
    own = acting_user.institution if institution_of(acting_user) else None
    if own is not None and not KINDS[kind].by_hospital:
        raise NotFound
    with acting(acting_user):
        person = Person.objects.select_related("merged_into").get(pk=person.pk)
        person = person.merged_into or person
        term = term_on(person.area_path, kind, from_on)
        if to_on is None and term is not None and term.days_valid:
            to_on = from_on + (term.days_valid - 1) * DAY
        state = _first_state(kind, own)
        if problems := _missing(
            kind, own=own, state=state, to_institution=to_institution, opinion_of=opinion_of, place=place, disease=disease,
            emergency_on=emergency_on, from_on=from_on, to_on=to_on, why=why,
        ):  # fmt: skip
            raise Problems(problems)
        due = None
        if kind == "emergency" and emergency_on is not None and term is not None and term.days_evidence:
            due = emergency_on + term.days_evidence * DAY
        row = Filing(
            number=_number(kind, from_on), kind=kind, person=person, area_path=person.area_path, institution=own,
            opinion_of=opinion_of if state == "opinion" else None, to_institution=to_institution, place=place, state=state,
            valid=DateRange(from_on, to_on + DAY if to_on else None), diagnoses=list(diagnoses), disease=disease.strip(),
            from_stay=from_stay, emergency_on=emergency_on, due_on=due, why=why.strip(), made_by=acting_user,
        )  # fmt: skip
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            if "one_registration_a_disease" not in str(error):
                raise
            raise AlreadyRegistered(
                kind_zh=row.kind_words.zh,
                kind_en=row.kind_words.en,
                disease=row.disease,
                number=_standing_in_the_way(row),
            ) from None
        name = "township_opinion" if state == "opinion" else "made"
        _step(row, name, words=why, acting_user=acting_user)
        record("filing.make", row, person_id=person.pk, kind=kind, number=row.number, acting_user=acting_user)
        return row


def _first_state(kind: str, own: Institution | None) -> str:
    if kind == "emergency":
        return "evidence"
    return "opinion" if kind == "referral" and own is not None and own.tier == "township" else "decision"


def _missing(kind: str, *, own: Institution | None, state: str, **said: Any) -> list[Problem]:
    wanted: list[tuple[bool, tuple[str, str], tuple[str, str]]] = [
        (not said["why"].strip(), ("事由", "the reason"), ("病情或理由", "the condition or the reason")),
        (
            kind == "referral" and said["to_institution"] is None,
            ("转入医院", "the hospital to go to"), ("转诊要写明去哪里", "a referral names where the patient goes"),
        ),
        (
            state == "opinion" and said["opinion_of"] is None,
            ("县级医院", "the county hospital"), ("乡镇转诊要经它出具意见", "it gives its opinion on a township's referral"),
        ),
        (kind == "offsite" and said["place"] is None, ("居住地", "the place"), ("异地居住要写明地方", "where the person lives")),
        (
            bool(KINDS[kind].named) and not said["disease"].strip(),
            ("病种", "the disease"), ("按病种登记", "the registration is for one disease"),
        ),
        (
            kind == "emergency" and said["emergency_on"] is None,
            ("急诊日期", "the day of the emergency"), ("从这一天算补交证明的期限", "the evidence is due from that day"),
        ),
        (
            said["to_on"] is not None and said["to_on"] < said["from_on"],
            ("截止日期", "the last day"), ("不能早于起始日期", "it may not be before the first"),
        ),
    ]  # fmt: skip
    return [
        FilingIncomplete(field_zh=field[0], field_en=field[1], why_zh=why[0], why_en=why[1])
        for missing, field, why in wanted
        if missing
    ]


def _number(kind: str, on: date) -> str:
    with connection.cursor() as cursor:
        cursor.execute("select nextval('filings_filing_id_seq')")
        return f"{_NUMBERS.get(kind, 'DJ')}{on:%Y}{cursor.fetchone()[0]:08d}"


def _standing_in_the_way(row: Filing) -> str:
    same = Filing.objects.filter(person=row.person, kind=row.kind, disease=row.disease, valid__overlap=row.valid)
    found = same.filter(state__in=["decision", "returned", "approved"]).first()
    return found.number if found else "–"


def _step(row: Filing, name: str, *, words: str, acting_user: Officer) -> None:
    Step.objects.create(
        filing=row,
        name=name,
        outcome=row.state,
        words=words.strip(),
        officer=acting_user,
        institution=acting_user.institution,
    )


def _moved(filing: Filing, state: str, *, act: tuple[str, str], acting_user: Officer, **changes: Any) -> Filing:
    """The filing, locked and moved to a state. Raises NotFound, NotItsTurn."""
    row = Filing.objects.select_for_update(of=("self",)).filter(pk=filing.pk).first()
    if row is None:
        raise NotFound
    if state not in FOLLOWS.get(row.state, ()):
        now = row.shown_state.words
        raise NotItsTurn(now_zh=now.zh, now_en=now.en, act_zh=act[0], act_en=act[1])
    row.state = state
    for name, value in changes.items():
        setattr(row, name, value)
    try:
        with transaction.atomic():
            row.save(update_fields=["state", *changes])
    except IntegrityError as error:
        if "one_registration_a_disease" not in str(error):
            raise
        raise AlreadyRegistered(
            kind_zh=row.kind_words.zh, kind_en=row.kind_words.en, disease=row.disease, number=_standing_in_the_way(row)
        ) from None
    return row


_OPINIONS: Mapping[str, str] = {"agree": "decision", "refuse": "rejected", "return": "returned"}


def opine(filing: Filing, *, opinion: str, words: str, acting_user: Officer) -> Filing:
    """The county hospital's opinion on a township's referral: agree, refuse, or return. Raises NotFound, NotItsTurn, ReasonNeeded."""
    demand(acting_user, Right.FILING_OPINE)
    if not words.strip():
        raise ReasonNeeded
    with acting(acting_user):
        if filing.opinion_of_id != institution_of(acting_user):
            raise NotFound
        row = _moved(filing, _OPINIONS[opinion], act=("出具意见", "give an opinion"), acting_user=acting_user)
        _step(row, "county_opinion", words=words, acting_user=acting_user)
        record("filing.opine", row, person_id=row.person_id, outcome=row.state, acting_user=acting_user)
        return row


_DECISIONS: Mapping[str, str] = {"approve": "approved", "refuse": "rejected", "return": "returned"}


def decide(filing: Filing, *, decision: str, words: str = "", acting_user: Officer) -> Filing:
    """The bureau files it, refuses it or returns it（备案）. Raises NotFound, NotItsTurn, SamePerson, ReasonNeeded."""
    demand(acting_user, Right.FILING_DECIDE)
    if decision != "approve" and not words.strip():
        raise ReasonNeeded
    with acting(acting_user):
        if filing.made_by_id == acting_user.pk:
            raise SamePerson
        decided = {"decided_at": timezone.now(), "decided_by": acting_user} if decision == "approve" else {}
        row = _moved(filing, _DECISIONS[decision], act=("备案", "decide"), acting_user=acting_user, **decided)
        _step(row, "decision", words=words, acting_user=acting_user)
        record("filing.decide", row, person_id=row.person_id, outcome=row.state, acting_user=acting_user)
        return row


def complete(filing: Filing, *, words: str, acting_user: Officer) -> Filing:
    """What was returned is completed by the side that made it. Raises NotFound, NotItsTurn, ReasonNeeded."""
    demand(acting_user, Right.FILING_MAKE)
    if not words.strip():
        raise ReasonNeeded
    with acting(acting_user):
        _refuse_others(filing, acting_user)
        row = _moved(filing, "decision", act=("补正", "complete"), acting_user=acting_user)
        _step(row, "completed", words=words, acting_user=acting_user)
        record("filing.complete", row, person_id=row.person_id, acting_user=acting_user)
        return row


def withdraw(filing: Filing, *, words: str, acting_user: Officer) -> Filing:
    """The side that made it takes it back before it is decided. Raises NotFound, NotItsTurn, ReasonNeeded."""
    demand(acting_user, Right.FILING_MAKE)
    if not words.strip():
        raise ReasonNeeded
    with acting(acting_user):
        _refuse_others(filing, acting_user)
        row = _moved(filing, "withdrawn", act=("撤回", "withdraw"), acting_user=acting_user)
        _step(row, "withdrawn", words=words, acting_user=acting_user)
        record("filing.withdraw", row, person_id=row.person_id, acting_user=acting_user)
        return row


def _refuse_others(filing: Filing, acting_user: Officer) -> None:
    if institution_of(acting_user) != filing.institution_id:
        raise NotFound


def revoke(
    filing: Filing, *, forged: bool = False, last: date | None = None, words: str, acting_user: Officer
) -> Filing:
    """End a filing that holds: from the day after `last`, or as if it had never been where its papers were forged.

    Raises NotFound, NotItsTurn, ReasonNeeded, FilingIncomplete where `last` lies before it begins.
    """
    demand(acting_user, Right.FILING_DECIDE)
    if not words.strip():
        raise ReasonNeeded
    with acting(acting_user):
        changes: dict[str, Any] = {}
        if not forged and last is not None:
            if last < filing.valid.lower:
                raise FilingIncomplete(
                    field_zh="最后一天",
                    field_en="the last day",
                    why_zh="不能早于起始日期",
                    why_en="it may not be before the first",
                )
            changes["valid"] = DateRange(filing.valid.lower, last + DAY)
        state = "forged" if forged else "revoked"
        row = _moved(filing, state, act=("撤销", "revoke"), acting_user=acting_user, **changes)
        _step(row, "revoked", words=words, acting_user=acting_user)
        record("filing.revoke", row, person_id=row.person_id, forged=forged, acting_user=acting_user)
        return row


# --- Evidence ---------------------------------------------------------------------------------------------------------

MOST_BYTES = 5 << 20
_SIGNS = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


def add_evidence(filing: Filing, *, name: str, content: bytes, on: date, acting_user: Officer) -> Evidence:
    """Hand in a paper; an emergency that waits for it goes to the bureau.

    Raises NotFound, EvidenceUnreadable, EvidenceLate, NotItsTurn.
    """
    demand(acting_user, Right.FILING_MAKE)
    kind = next((kind for sign, kind in _SIGNS.items() if content.startswith(sign)), "")
    if not kind or len(content) > MOST_BYTES:
        raise EvidenceUnreadable(name=name[:60], most=MOST_BYTES >> 20)
    with acting(acting_user):
        row = Filing.objects.select_for_update(of=("self",)).filter(pk=filing.pk).first()
        if row is None:
            raise NotFound
        _refuse_others(row, acting_user)
        if row.lapsed_on(on):
            raise EvidenceLate(due=row.due_on)
        digest = crypto.digest(content)
        made = Evidence.objects.create(
            filing=row, name=name[:200], kind=kind, sealed=crypto.seal(content.hex(), purpose="filing_evidence", row=digest.hex()),
            digest=digest, size=len(content), added_by=acting_user,
        )  # fmt: skip
        if row.state == "evidence":
            row = _moved(row, "decision", act=("补交证明", "hand in evidence"), acting_user=acting_user)
        _step(row, "evidence", words=name, acting_user=acting_user)
        record("filing.evidence", row, person_id=row.person_id, size=len(content), acting_user=acting_user)
        return made


def open_evidence(evidence: Evidence, *, acting_user: Officer) -> bytes:
    """A paper's content, recorded as seen."""
    demand(acting_user, Right.FILING_SEE)
    with acting(acting_user):
        record("filing.see_evidence", evidence.filing, person_id=evidence.filing.person_id, acting_user=acting_user)
        digest = bytes(evidence.digest)
        return bytes.fromhex(crypto.unseal(evidence.sealed, purpose="filing_evidence", row=digest.hex()))


# --- Terms ------------------------------------------------------------------------------------------------------------


def set_term(
    area: Area,
    *,
    kind: str,
    from_on: date,
    days_valid: int | None,
    days_evidence: int | None,
    document: str,
    article: str = "",
    stand_in: bool = False,
    acting_user: Officer,
) -> Term:
    """Put on record how long filings of a kind hold in an area, and by which document. Raises NotFound, FilingIncomplete."""
    demand(acting_user, Right.FILING_DECIDE)
    if not document.strip():
        raise FilingIncomplete(
            field_zh="文号", field_en="the document", why_zh="期限要有出处；没有的，请勾选“暂定”并写明由谁决定",
            why_en="a term has a source; without one, mark it as provisional and say who decided",
        )  # fmt: skip
    with acting(acting_user):
        if not area.path.startswith(acting_user.area_path):
            raise NotFound
        row = Term.objects.create(
            area=area, area_path=area.path, kind=kind, from_on=from_on, days_valid=days_valid, days_evidence=days_evidence,
            document=document.strip(), article=article, stand_in=stand_in, made_by=acting_user,
        )  # fmt: skip
        record("filing.set_term", row, kind=kind, acting_user=acting_user)
        return row
