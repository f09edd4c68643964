"""Settling a visit: everything that is known about one bill is read, the engine answers, and the answer is written once.

    presettle(visit) -> Settled      reads and calculates; writes nothing
    settle(visit)    -> Settlement   the same under the person's lock, written in the same transaction

The statements of a settlement are few and the same for one line or a thousand: the lines come as sums by day. They are
plain SQL where the ORM would spend more time on building a statement than the database on answering it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.db import InternalError, OperationalError
from django.utils import timezone
from psycopg.errors import DeadlockDetected, IdleInTransactionSessionTimeout, LockNotAvailable, QueryCanceled

from yizhan.agency import crypto
from yizhan.agency.care.booking import HOSPITALS, Booked, Paid, booked, difference
from yizhan.agency.care.claims import DaySum, claim_of, policy_day
from yizhan.agency.care.errors import (
    AlreadySettled,
    Busy,
    CareNotCovered,
    CutTooEarly,
    DischargeAhead,
    FiguresChanged,
    FirstPartOpen,
    LaterBillSettled,
    LinesOutsideStay,
    MessageReused,
    NoAgreement,
    NotDischarged,
    NothingToSettle,
    NotRegisteredDisease,
    PersonDead,
    StayOverlaps,
    VisitCancelled,
    VisitNotApproved,
)
from yizhan.agency.care.models import Settlement, SettlementPayment, Visit
from yizhan.agency.care.years import Answered, Asked, States, answer, computed_states, read_states
from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.beneficiaries import beneficiary_of, pooling_area, pooling_path
from yizhan.agency.filings.facts import Found, facts_for
from yizhan.agency.ledger.posting import post
from yizhan.agency.people.models import Person
from yizhan.agency.providers.queries import Standing, standing
from yizhan.agency.providers.splitting import Charge, split_lines
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Institution, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand, institution_of
from yizhan.agency.statements import Columns, insert, prepared
from yizhan.engine.facts import FACTS
from yizhan.engine.money import yuan
from yizhan.engine.settlement import Settlement as Outcome
from yizhan.errors import Problem, Problems
from yizhan.policy.areas import load_scheme

MAY_SETTLE = {
    "window": Right.SETTLEMENT_SETTLE,
    "gateway": Right.SETTLEMENT_SETTLE,
    "import": Right.SETTLEMENT_IMPORT,
    "manual": Right.SETTLEMENT_APPROVE,
}
"""Which right settles a visit that came in this way."""

# --- One person at a time ---------------------------------------------------------------------------------------------

PERSON_LOCK = 0x5EA3 << 44
"""Together with a person's number, the key of the lock under which that person's year is read and written."""

WAIT_SECONDS = 3
"""How long a clerk waits for somebody else who works on the same person."""

IDLE_SECONDS = 2
"""How long a process that stopped in the middle may hold a person's lock before the database ends its transaction."""

LIMITS = {
    "lock_timeout": f"{WAIT_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    # All statements look up by keys, so that a plan fits whatever its values; comparing plans each time would cost more.
    "plan_cache_mode": "force_generic_plan",
}
"""Settings of the database while a person's year is read and written."""


_BUSY = (LockNotAvailable, QueryCanceled, DeadlockDetected, IdleInTransactionSessionTimeout)
"""What the database ends a transaction with where the person, or the machine, is too busy; nothing was written."""


# The record itself first: whoever merges it, or undoes a merge, waits for us or we for him, and then we see what he did.
_LOCK = f"""
    with record as materialized (
        select coalesce(merged_into_id, id) kept from people_person where id = ({{person}}) for share)
    select kept, pg_advisory_xact_lock({PERSON_LOCK} + kept) from record
"""


@contextmanager
def writing(actor: Actor, person: str, number: int) -> Iterator[int]:
    """A transaction that writes a person's year, one at a time. `person` is a query for the person's number, given one.

    Records merged into a person are locked with it. Yields the number of the person that is locked, 0 where there is none.
    Raises Busy, also where somebody else holds what is asked for inside: nothing was written then.
    """
    try:
        with acting(actor, across_institutions=True, limits=LIMITS):
            with prepared() as cursor:
                cursor.execute(_LOCK.format(person=person), [number])
                found = cursor.fetchone()
            yield found[0] if found else 0
    except (OperationalError, InternalError) as error:
        if isinstance(error.__cause__, _BUSY):
            raise Busy(seconds=WAIT_SECONDS) from error
        raise


# --- Reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a visit stands among the settlements: the head of its chain, the message, and what else the person has."""

    known_until: datetime
    next_id: int
    head_id: int | None
    head_kind: str
    head_ordinal: int | None
    message_row: int | None
    message_digest: str
    latest_on: date | None
    first_part: str | None
    goes_on: bool
    overlap: tuple[date, date, str] | None


_VISITS, _INSTITUTIONS = Columns(Visit, "v"), Columns(Institution, "i")
_PERSONS, _KEPT = Columns(Person, "p"), Columns(Person, "k")

# Row security lets the planner believe that an area holds a two-hundredth of the rows, whatever it holds; so in every
# statement here a person's rows are looked up number by number behind an "offset 0", which it does not look through. A list
# of numbers, or an "or" between two columns, it answers by reading all rows of the area.
_VISIT = f"""
    select {_VISITS.sql}, {_PERSONS.sql}, {_KEPT.sql}, {_INSTITUTIONS.sql},
           one.numbers, array(
               select a.year from unnest(one.numbers) person(id) cross join lateral (
                   select * from care_assistanceapproval a where a.person_id = person.id and a.ended_at is null offset 0) a)
    from care_visit v join people_person p on p.id = v.person_id left join people_person k on k.id = p.merged_into_id
    left join staff_institution i on i.id = v.institution_id
    cross join lateral (select coalesce(p.merged_into_id, p.id) || array(
        select m.id from unnest(array[p.id, p.merged_into_id]) kept(id) cross join lateral (
            select m.id from people_person m where m.merged_into_id = kept.id offset 0) m) as numbers) one
    where v.id = %s
"""

_LIVE = "s.kind <> 'reversed' and not exists (select 1 from care_settlement n where n.replaces_id = s.id)"

_HOLDING = f"""unnest(%(persons)s::bigint[]) person(id) cross join lateral (
            select * from care_settlement s where s.person_id = person.id and {_LIVE} offset 0) s"""

# What is being written while we read is not seen, and is recorded with an instant before it is. So the knowledge of a bill
# ends where the oldest transaction begins that is writing now: what it brings counts as learned later (`queries.touched`).
_KNOWN_UNTIL = """least(statement_timestamp(), (
        select min(a.xact_start) - interval '1 microsecond' from pg_stat_activity a
        where a.datname = current_database() and a.backend_xid is not null and a.pid <> pg_backend_pid()))"""

_SITUATION = f"""
    select {_KNOWN_UNTIL}, {{number}}, head.id, head.kind, head.ordinal, m.id, m.message_digest, latest.settled_on,
           (select f.number from care_visit f where f.id = %(continues)s
            and not exists (select 1 from care_settlement s where s.visit_id = f.id and {_LIVE})),
           exists (select 1 from care_visit g where g.continues_id = %(visit)s and g.state <> 'cancelled'),
           o.admitted_on, o.discharged_on, o.name
    from (select 1) one
    left join lateral (
        select s.id, s.kind, s.ordinal from care_settlement s where s.visit_id = %(visit)s
        and not exists (select 1 from care_settlement n where n.replaces_id = s.id)) head on true
    left join lateral (
        select s.id, s.message_digest from unnest(%(persons)s::bigint[]) person(id) cross join lateral (
            select * from care_settlement s where s.person_id = person.id and s.message_id = %(message)s
            and s.institution_id is not distinct from %(institution)s offset 0) s
        where %(message)s <> '' limit 1) m on true
    left join lateral (
        select s.settled_on from {_HOLDING} order by s.settled_on desc, s.ordinal desc limit 1) latest on true
    left join lateral (
        select s.admitted_on, s.discharged_on, coalesce(i.name, '') as name from {_HOLDING}
        left join staff_institution i on i.id = s.institution_id
        where %(care)s = 'inpatient' and s.care = 'inpatient' and s.visit_id <> %(visit)s
        and s.admitted_on < %(discharged)s and s.discharged_on > %(admitted)s limit 1) o on true
"""

_STATES = f"""
    select distinct on (y, area) s.states -> y::text, split_part(s.states -> y::text ->> 'structure', '-', 1) area
    from {_HOLDING} cross join unnest(s.years) y
    where true {{more}} order by y, area, s.settled_on desc, s.ordinal desc
"""

_SUMS = """
    select "on", charge, sum(in_scope)::bigint, sum(first_pay)::bigint, sum(over_limit)::bigint, sum(own)::bigint,
           bool_or(special_drug), count(*), category
    from care_billline where visit_id = %s group by "on", charge, category order by "on", charge, category
"""

_BILLS = f"""
    select s.area_path, s.beneficiary, s.claim from {_HOLDING} where true {{more}} order by s.settled_on, s.ordinal
"""


@dataclass(frozen=True, slots=True)
class Known:
    """All that the platform knows about one bill, on the day of settling."""

    visit: Visit
    person: Person
    persons: tuple[int, ...]
    institution: Institution | None
    situation: Situation
    sums: tuple[DaySum, ...]
    standing: Standing | None
    found: Found
    on: date


def read_visit(number: int, *, locked: bool = False, acting_user: Actor) -> Visit:
    """A visit with its person and institution; of the staff of an institution, only its own. Raises NotFound.

    `persons` are the numbers under which the person's bills stand: its own, and those of records merged into it.
    """
    with prepared() as cursor:
        cursor.execute(f"{_VISIT} for update of v" if locked else _VISIT, [number])
        row = cursor.fetchone()
    found = _visit(row) if row is not None else None
    if found is None or institution_of(acting_user) not in (None, found.institution_id):
        raise NotFound
    return found


def _visit(row: Sequence[Any]) -> Visit:
    """The visit of a row of `_VISIT`, with what belongs to it."""
    values = iter(row)
    visit, person = _VISITS.read(values), _PERSONS.read(values)
    kept, institution = _KEPT.read(values), _INSTITUTIONS.read(values)
    assert visit is not None and person is not None
    person.merged_into, visit.person, visit.institution = kept, person, institution
    visit.persons, visit.approved_years = next(values), next(values)
    return visit


def know(visit: Visit, *, on: date, message_id: str = "", writing: bool = False) -> Known:
    """Read what is known about a visit. Inside `acting(…, across_institutions=True)`."""
    persons = tuple(visit.persons)
    number = "nextval('care_settlement_id_seq')" if writing else "0"
    until = visit.discharged_on or max(on, visit.admitted_on)
    with prepared() as cursor:
        cursor.execute(
            _SITUATION.format(number=number),
            {
                "continues": visit.continues_id, "visit": visit.pk, "message": message_id, "persons": list(persons), "institution": visit.institution_id,
                "care": visit.care, "admitted": visit.admitted_on, "discharged": until,
            },
        )  # fmt: skip
        row = cursor.fetchone()
        cursor.execute(_SUMS, [visit.pk])
        sums = tuple(
            DaySum(day, charge, (a, b, c, d), drug, n, category)
            for day, charge, a, b, c, d, drug, n, category in cursor.fetchall()
        )
    situation = Situation(
        row[0],
        row[1],
        row[2],
        row[3] or "",
        row[4],
        row[5],
        row[6] or "",
        row[7],
        row[8],
        row[9],
        row[10:] if row[10] else None,
    )
    institution = visit.institution
    found = Found({}, ())
    if institution is not None and visit.source != "import":
        found = facts_for(
            persons, institution=institution, care=visit.care, admitted_on=visit.admitted_on, discharged_on=until,
            diagnoses=visit.diagnoses, on=on,
        )  # fmt: skip
    return Known(
        visit, visit.person.merged_into or visit.person, persons, institution, situation, sums,
        standing(institution.pk, until) if institution is not None and visit.source != "import" else None, found, on,
    )  # fmt: skip


def known_until() -> datetime:
    """The instant up to which everything that was recorded is visible in what is read from now on. Inside `acting`."""
    with prepared() as cursor:
        cursor.execute(f"select {_KNOWN_UNTIL}")
        found: datetime = cursor.fetchone()[0]
    return found


def year_states(persons: Sequence[int], area: str, *, before: tuple[date, int] | None = None) -> States:
    """The policy years so far, as the bills that hold left them; those before a place in the order, if one is given.

    Of merged records each bill knew only its own record's sums, so that no bill left those of both: they are computed anew.
    """
    scheme = load_scheme(area)
    more = "and (s.settled_on, s.ordinal) < (%(day)s::date, %(ordinal)s::bigint)" if before else ""
    day, ordinal = before or (None, None)
    where = {"persons": list(persons), "day": day, "ordinal": ordinal}
    with prepared() as cursor:
        cursor.execute(_STATES.format(more=more), where)
        states = read_states([_json(row[0]) for row in cursor.fetchall()], scheme) if len(persons) == 1 else None
        if states is None:
            cursor.execute(_BILLS.format(more=more), where)
            bills = [
                Asked(pooling_area(path), _json(person), _json(claim)) for path, person, claim in cursor.fetchall()
            ]
            states = computed_states(bill for bill in bills if bill.area == scheme.area)
    return states


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


# --- Calculating ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settled:
    """A bill that is calculated and not written: what was asked, what the engine answered, who pays what."""

    known: Known
    asked: Asked
    answered: Answered
    payments: tuple[Paid, ...] = field(default=())

    @property
    def outcome(self) -> Outcome:
        """The engine's answer."""
        return self.answered.outcome


def refusals(known: Known, *, message_id: str = "", message_digest: str = "", bureau: bool = False) -> list[Problem]:
    """Why this visit cannot be settled now, in the order of `errors.ORDER`.

    Where somebody was treated elsewhere is told to the bureau only (`bureau`): a hospital's clerk has no need of it.
    """
    visit, situation, number = known.visit, known.situation, known.visit.number
    found: list[Problem] = []
    if situation.message_row is not None and situation.message_digest != message_digest:
        return [MessageReused(message=message_id)]
    if visit.state == "cancelled":
        return [VisitCancelled(visit=number)]
    if visit.state == "planned" or visit.discharged_on is None:
        return [NotDischarged(visit=number)]
    if visit.discharged_on > known.on:
        found.append(DischargeAhead(visit=number, day=visit.discharged_on, today=known.on))
    if situation.head_id is not None and situation.head_kind != "reversed":
        where = known.institution.name if known.institution else visit.facts.get("institution", "")
        return [*found, AlreadySettled(visit=number, institution=where, settlement=situation.head_id)]
    if known.standing is not None and known.institution is not None:
        if not known.standing.active:
            why = {"why_zh": known.standing.why_zh, "why_en": known.standing.why_en}
            found.append(NoAgreement(institution=known.institution.name, on=visit.discharged_on, **why))
        elif known.standing.cares and visit.care not in known.standing.cares:
            care = FACTS["care"]
            words = {"care_zh": care.word(visit.care, "zh"), "care_en": care.word(visit.care, "en")}
            found.append(CareNotCovered(institution=known.institution.name, **words))
    died = known.person.died_on
    if died is not None and died < visit.discharged_on:
        found.append(PersonDead(died=died, discharged=visit.discharged_on))
    if visit.care == "chronic" and visit.source in ("window", "gateway") and not known.found.registered:
        found.append(NotRegisteredDisease(visit=number, diagnoses="、".join(visit.diagnoses) or "–"))
    if visit.amounts is None:
        if not sum(sum(day.pots) for day in known.sums):
            found.append(NothingToSettle(visit=number))
        outside = [day for day in known.sums if not visit.admitted_on <= day.on <= visit.discharged_on]
        if outside:
            found.append(
                LinesOutsideStay(
                    visit=number, count=sum(day.count for day in outside), first=outside[0].on, admitted=visit.admitted_on,
                    discharged=visit.discharged_on,
                )
            )  # fmt: skip
    if situation.first_part is not None:
        found.append(FirstPartOpen(visit=number, first=situation.first_part))
    if situation.overlap is not None:
        admitted, discharged, where = situation.overlap
        words = {"where_zh": where, "where_en": where} if bureau else {"where_zh": "另一笔", "where_en": "another bill"}
        found.append(StayOverlaps(admitted=admitted, discharged=discharged, **words))
    if situation.latest_on is not None and situation.latest_on > known.on:
        found.append(LaterBillSettled(on=situation.latest_on, visit=number, day=known.on))
    return found


def calculate(
    known: Known,
    *,
    facts: Mapping[str, str] | None = None,
    beneficiary: Mapping[str, Any] | None = None,
    before: tuple[date, int] | None = None,
) -> Settled:
    """Settle what is known, without writing. Raises Problems.

    `facts` are set in place of those found; `beneficiary` is the person as known at another time; `before` a place in the
    order of the year to settle at, instead of its end.
    """
    area = pooling_area(known.visit.area_path)
    scheme = load_scheme(area)
    claim = claim_of(
        known.visit, institution=known.institution, sums=known.sums, filed=known.found.facts, on=known.on, scheme=scheme
    )
    person = beneficiary or beneficiary_of(known.person, on=policy_day(claim, scheme))
    asked = Asked(area, person, claim | dict(facts or {}))
    answered = answer(asked, year_states(known.persons, area, before=before))
    return Settled(known, asked, answered, paid_by(answered.outcome, through_person=known.institution is None))


def refuse_early_cut(settled: Settled) -> None:
    """A stay is cut only where its first part bears its whole deductible: else two short parts would bear less than one
    stay. Raises Problems with CutTooEarly.
    """
    known = settled.known
    if (
        known.situation.goes_on
        and known.visit.care == "inpatient"
        and not any(p.amount for p in settled.outcome.payments[:1])
    ):
        raise Problems([CutTooEarly(visit=known.visit.number)])


def paid_by(outcome: Outcome, *, through_person: bool = False) -> tuple[Paid, ...]:
    """The payments of an outcome, one for each layer, year and payer that pays something.

    A layer's tilt is divided among its payers in proportion to what they pay. `through_person`: the money goes to the
    person, as for a paper bill; but not what was paid elsewhere already, nor what a hospital has to bear: that it owes the
    patient itself, and no fund pays it.
    """
    found = []
    for p in outcome.payments:
        before = tilted = 0
        for payer, fen in p.by_payer:
            before += fen
            tilt = p.tilt * before // p.amount - tilted if p.amount else 0
            tilted += tilt
            if fen:
                found.append(
                    Paid(
                        p.layer.name, p.layer.kind, p.layer.code, payer, p.year, fen, fen - tilt, tilt,
                        fen if through_person and not p.given and payer not in HOSPITALS else 0, p.held, p.advanced_by,
                    )
                )  # fmt: skip
    return tuple(found)


def presettle(
    visit_id: int,
    *,
    on: date,
    facts: Mapping[str, str] | None = None,
    draft: Sequence[Charge] = (),
    acting_user: Actor,
) -> Settled:
    """What a visit would come to, without writing anything. Raises NotFound, and Problems with all that stands against it.

    A visit that is not discharged yet is settled as if it were discharged on `on`. `draft` are lines that are not entered yet.
    """
    demand(acting_user, Right.VISIT_SEE)
    with acting(acting_user, across_institutions=True):
        visit = read_visit(visit_id, acting_user=acting_user)
        if visit.discharged_on is None and visit.state == "admitted":
            visit.discharged_on = max(on, visit.admitted_on)
        known = know(visit, on=max(on, visit.discharged_on or on))
        if draft:
            known = replace(known, sums=(*known.sums, *_sums_of(draft, visit)))
        if problems := refusals(known, bureau=institution_of(acting_user) is None):
            raise Problems(problems)
        settled = calculate(known, facts=facts)
        refuse_early_cut(settled)
        return settled


def _sums_of(draft: Sequence[Charge], visit: Visit) -> list[DaySum]:
    """Lines that are not entered yet, as sums. Raises Problems with all that is wrong in them."""
    if visit.institution is None:
        raise NotFound
    splits, problems = split_lines(draft, institution=visit.institution, area_path=visit.area_path)
    if problems:
        raise Problems(problems)
    return [
        DaySum(charge.on, split.charge, split.pots, split.special_drug, 1, split.category)
        for charge, split in zip(draft, splits, strict=True)
    ]


# --- Writing ----------------------------------------------------------------------------------------------------------


def settle(
    visit_id: int,
    *,
    on: date,
    message_id: str = "",
    content: str = "",
    expected_fen: int | None = None,
    expected_total_fen: int | None = None,
    acting_user: Actor,
) -> Settlement:
    """Settle a discharged visit and keep it, in one transaction; a repeated message gets the first answer.

    `message_id` is the asking program's number of the request (a window's page has one, too), `content` whatever else it
    said; `expected_fen` the patient's share that was shown before, `expected_total_fen` the whole bill. Raises NotFound, NotAllowed, Busy, and Problems with
    the refusals of `errors.ORDER` and of the engine.
    """
    with writing(acting_user, "select person_id from care_visit where id = %s", visit_id):
        visit = read_visit(visit_id, locked=True, acting_user=acting_user)
        demand(acting_user, MAY_SETTLE[visit.source])
        # Not the day: a message that is sent again after midnight is still the same.
        digest = crypto.digest(f"{visit.pk}\n{content}".encode()).hex() if message_id else ""
        known = know(visit, on=on, message_id=message_id, writing=True)
        if known.situation.message_row is not None and known.situation.message_digest == digest:
            first = Settlement.objects.get(pk=known.situation.message_row)
            first.repeated = True
            return first
        if visit.state == "proposed":
            raise Problems([VisitNotApproved(visit=visit.number)])
        bureau = institution_of(acting_user) is None
        if problems := refusals(known, message_id=message_id, message_digest=digest, bureau=bureau):
            raise Problems(problems)
        settled = calculate(known)
        refuse_early_cut(settled)
        for words, expected, now_fen in (
            (Words("总费用", "the bill"), expected_total_fen, settled.outcome.costs.total),
            (Words("个人负担", "the patient's share"), expected_fen, settled.outcome.patient_share),
        ):
            if expected is not None and expected != now_fen:
                found = {"what_zh": words.zh, "what_en": words.en, "before": yuan(expected), "now": yuan(now_fen)}
                raise Problems([FiguresChanged(**found)])
        now = timezone.now()
        head = known.situation.head_id
        row = row_of(
            settled.asked, settled.answered, settled.payments, kind="settled", visit=visit, person=known.person,
            known_at=known.situation.known_until, recorded_at=now, number=known.situation.next_id, replaces_id=head, filings=list(known.found.filings),
            categories=by_category(known.sums), acting_user=acting_user,
        )  # fmt: skip
        row.message_id, row.message_digest = message_id, digest
        write(row, settled.payments, before=Booked(), acting_user=acting_user)
        record(
            "settlement.settle", row, person_id=known.person.pk, total=row.total_fen, paid=row.paid_fen,
            acting_user=acting_user,
        )  # fmt: skip
        return row


def row_of(
    asked: Asked,
    answered: Answered,
    payments: Sequence[Paid],
    *,
    kind: str,
    visit: Visit,
    person: Person,
    known_at: datetime,
    recorded_at: datetime,
    number: int,
    replaces_id: int | None,
    ordinal: int | None = None,
    filings: Sequence[int] = (),
    categories: Sequence[Sequence[Any]] = (),
    why: str = "",
    acting_user: Actor,
) -> Settlement:
    """A row of a chain, ready to be written. Without an `ordinal` it is a new act of settling, and its place its own."""
    outcome = answered.outcome
    claim = answered.request.claims[0]
    return Settlement(
        id=number, person=person, area_path=visit.area_path, visit=visit, institution_id=visit.institution_id, kind=kind,
        replaces_id=replaces_id, ordinal=ordinal or number, care=visit.care, department=visit.department, admitted_on=claim.admitted_on,
        discharged_on=claim.discharged_on, identity_on=outcome.identity_on, settled_on=claim.settled_on,
        identities=sorted(outcome.identities), total_fen=outcome.costs.total, paid_fen=outcome.paid, held_fen=outcome.held,
        person_fen=sum(p.person for p in payments), patient_fen=outcome.patient_share, payment_count=len(payments), claim=dict(asked.claim),
        beneficiary=dict(asked.beneficiary), result=answered.result, categories=list(categories), years=[state.year for state in outcome.states],
        states=answered.states, filings=list(filings), digest=answered.request.scheme.digest, why=why, known_at=known_at,
        recorded_at=recorded_at, recorded_by=acting_user if isinstance(acting_user, Officer) else None,
    )  # fmt: skip


def by_category(sums: Iterable[DaySum]) -> list[list[Any]]:
    """The costs by national fee category as a settlement keeps them, for its paper: later lines are another bill's."""
    found: dict[str, list[int]] = {}
    for day in sums:
        pots = found.setdefault(day.category, [0, 0, 0, 0])
        for k, fen in enumerate(day.pots):
            pots[k] += fen
    return [[category, *pots] for category, pots in sorted(found.items())]


def write(row: Settlement, payments: Sequence[Paid], *, before: Booked, acting_user: Actor) -> None:
    """Write a row, its payments, and what it changes in the books. `before`: how the row it replaces stands there."""
    insert([row])
    insert([
        SettlementPayment(
            settlement=row, person_id=row.person_id, institution_id=row.institution_id, area_path=row.area_path, position=k,
            layer=p.layer, kind=p.kind, code=p.code, payer=p.payer, year=p.year, amount_fen=p.amount, normal_fen=p.normal,
            tilt_fen=p.tilt, person_fen=p.person, held=p.held, advanced_by=p.advanced_by,
        )
        for k, p in enumerate(payments)
    ])  # fmt: skip
    post(
        "settlement", row.pk, on=timezone.localdate(row.recorded_at), legs=difference(books_of(row, payments), before),
        person_id=row.person_id, area_path=row.area_path, acting_user=acting_user,
    )  # fmt: skip


def books_of(row: Settlement, payments: Sequence[Paid]) -> Booked:
    """How a row stands in the books."""
    return booked(
        payments, total_fen=row.total_fen, pool=pooling_path(row.area_path), institution_id=row.institution_id
    )
