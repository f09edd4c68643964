"""Changing what was settled: reversal, correction, release after review, settling anew. One core for all of them.

A year is a sequence of bills, each settled on the sums that those before it left. When one of them changes, it and all bills
after it are calculated again in their order, and wherever the answer differs a further row is written and the difference
posted. Bills that only follow are recomputed on what was known when they were settled; what is known now counts for those
that somebody asked to settle anew.

`plan` calculates and writes nothing, so that a difference can be shown before it is approved; `carry_out` plans again under
the person's lock and writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from django.db import connection
from django.utils import timezone

from yizhan.agency.care.booking import HOSPITALS, Booked, Paid
from yizhan.agency.care.claims import policy_day
from yizhan.agency.care.errors import (
    ContinuationStands,
    DifferenceChanged,
    LaterBillSettled,
    NotHeld,
    NotSettled,
    NotToday,
    ReplayRefused,
    WhyNeeded,
)
from yizhan.agency.care.models import Settlement, SettlementPayment, Visit
from yizhan.agency.care.settling import (
    books_of,
    by_category,
    calculate,
    know,
    known_until,
    paid_by,
    read_visit,
    refusals,
    refuse_early_cut,
    row_of,
    write,
    writing,
    year_states,
)
from yizhan.agency.care.years import Answered, Asked, States, answer, go_on
from yizhan.agency.enrolment.beneficiaries import beneficiary_of, pooling_area
from yizhan.agency.people.models import Person
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.errors import Problem, Problems
from yizhan.policy.areas import load_scheme


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of one settlement that holds.

    `kind` is that of the row to be written. `facts` replace facts of its claim; `anew`: what is known now about the person
    counts. `by_person`: a difference goes to or is owed by the person, because the institution's account with the patient
    is closed; else the institution settles it with the patient.
    """

    kind: str
    facts: Mapping[str, str] = field(default_factory=dict)
    anew: bool = False
    by_person: bool = True


REVERSE = Change("reversed", by_person=False)
REPLAY = Change("replayed")

FOUND_LATER = ("wilful_default",)
"""Facts that somebody found of a bill after it was settled. A correction keeps them; reversing the bill ends them."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A row that would be written: the settlement that holds, and what it would come to. `answered` None: reversed."""

    old: Settlement
    old_payments: tuple[Paid, ...]
    change: Change
    asked: Asked
    answered: Answered | None
    payments: tuple[Paid, ...]

    @property
    def difference_fen(self) -> int:
        """What the patient is better off by: more is paid for the same bill. Negative: he owes it. 0 for a reversal."""
        return self.old.patient_fen - self.answered.outcome.patient_share if self.answered else 0

    @property
    def by_payer(self) -> dict[tuple[str, str], int]:
        """(layer, payer) → what it pays more, in fen, where it pays something else."""
        sums: Counter[tuple[str, str]] = Counter()
        for paid in self.payments:
            sums[paid.layer, paid.payer] += paid.amount
        for paid in self.old_payments:
            sums[paid.layer, paid.payer] -= paid.amount
        return {key: fen for key, fen in sums.items() if fen}


# --- Planning ---------------------------------------------------------------------------------------------------------


def person_ids(person_id: int) -> list[int]:
    """The numbers under which a kept person's bills stand, its own first; none of a record that was merged away."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select id from people_person where id = %s and merged_into_id is null"
            " union all select id from people_person where merged_into_id = %s",
            [person_id, person_id],
        )
        return [row[0] for row in cursor.fetchall()]


def place(row: Settlement) -> tuple[date, int]:
    """A bill's place in the order of the person's year."""
    return row.settled_on, row.ordinal


def holding(persons: Sequence[int]) -> list[Settlement]:
    """The settlements of a person that hold, in the order of the year, with their visits."""
    rows = Settlement.objects.live().filter(person_id__in=list(persons))
    return list(rows.select_related("visit", "institution", "person__merged_into").order_by("settled_on", "ordinal"))


def payments_of(rows: Iterable[Settlement]) -> dict[int, tuple[Paid, ...]]:
    """The payments of settlements, by settlement. One statement."""
    found: dict[int, list[Paid]] = {row.pk: [] for row in rows}
    for p in SettlementPayment.objects.filter(settlement__in=list(found)).order_by("settlement_id", "position"):
        found[p.settlement_id].append(
            Paid(
                p.layer, p.kind, p.code, p.payer, p.year, p.amount_fen, p.normal_fen, p.tilt_fen, p.person_fen, p.held,
                p.advanced_by,
            )
        )  # fmt: skip
    return {number: tuple(paid) for number, paid in found.items()}


def plan(
    persons: Sequence[int], changes: Mapping[int, Change], *, after: tuple[date, int] | None = None
) -> list[Planned]:
    """The rows that these changes (by settlement) and all that follows from them come to. Writes nothing.

    `after`: a place in the order of the year (`place`) after which bills have to be looked at again in any case. Inside
    `acting(…, across_institutions=True)`. Raises Problems, each led by the visit that cannot be calculated.
    """
    rows = holding(persons)
    moved = (k for k, row in enumerate(rows) if row.pk in changes or (after is not None and place(row) > after))
    first = next(moved, None)
    if first is None:
        return []
    rows = rows[first:]
    paid = payments_of(rows)
    states: dict[str, States] = {}
    planned = []
    for row in rows:
        area = pooling_area(row.area_path)
        if area not in states:
            states[area] = year_states(persons, area, before=place(rows[0]))
        change = changes.get(row.pk, REPLAY)
        found = _planned(row, paid[row.pk], change, area, states[area])
        if found.answered is not None:
            go_on(states[area], found.answered.outcome)
        if row.pk in changes or _differs(found):
            planned.append(found)
    return [found for found in planned if found.change.kind != "resettled" or _differs(found)]


def _planned(row: Settlement, old: tuple[Paid, ...], change: Change, area: str, states: States) -> Planned:
    claim = {**row.claim, **change.facts}
    person = row.beneficiary
    if change.anew:
        person = beneficiary_of(row.person.merged_into or row.person, on=policy_day(claim, load_scheme(area)))
    asked = Asked(area, person, claim)
    if change.kind == "reversed":
        return Planned(row, old, change, asked, None, ())
    try:
        answered = answer(asked, states)
    except Problems as refused:
        raise Problems([
            ReplayRefused(visit=row.visit.number, why=problem.text("zh")) if change.kind == "replayed" else _at(problem, row)
            for problem in refused.problems
        ]) from None  # fmt: skip
    if row.institution_id is None:  # a paper bill: everything goes to the person
        return Planned(row, old, change, asked, answered, paid_by(answered.outcome, through_person=True))
    return Planned(row, old, change, asked, answered, channelled(paid_by(answered.outcome), old, change))


def _at(problem: Problem, row: Settlement) -> Problem:
    problem.at = row.visit.number
    return problem


def channelled(paid: Sequence[Paid], old: Sequence[Paid], change: Change) -> tuple[Paid, ...]:
    """Say of each payment what goes through the institution and what directly to the person.

    A payer that paid before and pays nothing now stays with a payment of nothing while money has to come back directly.
    """
    through = {p.key: p.through_institution for p in old}
    directly = {p.key: p.person for p in old}
    found = []
    for p in paid:
        if change.by_person and p.payer not in HOSPITALS:
            found.append(replace(p, person=p.amount - through.get(p.key, 0)))
        else:
            found.append(replace(p, person=directly.get(p.key, 0)))
    gone = [p for p in old if p.key not in {new.key for new in paid}]
    for p in gone:
        back = -p.through_institution if change.by_person and p.payer not in HOSPITALS else p.person
        if back:
            found.append(replace(p, amount=0, normal=0, tilt=0, person=back, held=False))
    return tuple(found)


def _differs(found: Planned) -> bool:
    if found.answered is None:
        return True
    row, outcome = found.old, found.answered.outcome
    now = (outcome.paid, outcome.patient_share, outcome.held, sorted(outcome.identities), list(found.answered.states))
    was = (row.paid_fen, row.patient_fen, row.held_fen, row.identities, list(row.states))
    if now != was or found.payments != found.old_payments or found.answered.states != row.states:
        return True
    # A finding that costs nothing today stands in the claim, because it may once the bill is settled anew.
    return any(row.claim.get(fact) != value for fact, value in found.change.facts.items())


# --- Writing ----------------------------------------------------------------------------------------------------------


def carry_out(
    persons: Sequence[int],
    changes: Mapping[int, Change],
    *,
    after: tuple[date, int] | None = None,
    why: str,
    acting_user: Actor,
) -> list[Settlement]:
    """Write what `plan` finds. Inside `writing`. Returns the rows written, those asked for and those that follow."""
    return [_write(found, why=why, acting_user=acting_user) for found in plan(persons, changes, after=after)]


def _write(found: Planned, *, known_at: datetime | None = None, why: str, acting_user: Actor) -> Settlement:
    """Write a planned row. `known_at` is the instant whose knowledge counted for those that are settled anew."""
    old, now = found.old, timezone.now()
    if found.answered is None:
        row = _reversed(old, why=why, now=now, acting_user=acting_user)
    else:
        row = row_of(
            found.asked, found.answered, found.payments, kind=found.change.kind, visit=old.visit, person=old.person,
            known_at=known_at if known_at and found.change.anew else old.known_at, recorded_at=now, number=_next_number(), replaces_id=old.pk,
            ordinal=old.ordinal, filings=old.filings, categories=old.categories, why=why, acting_user=acting_user,
        )  # fmt: skip
    write(row, found.payments, before=books_of(old, found.old_payments), acting_user=acting_user)
    record(
        f"settlement.{row.kind}", row, person_id=row.person_id, before=old.pk, paid=row.paid_fen, was=old.paid_fen,
        why=why, acting_user=acting_user,
    )  # fmt: skip
    return row


def _reversed(old: Settlement, *, why: str, now: datetime, acting_user: Actor) -> Settlement:
    return Settlement(
        id=_next_number(), person=old.person, area_path=old.area_path, visit=old.visit, institution_id=old.institution_id,
        kind="reversed", replaces=old, ordinal=old.ordinal, care=old.care, department=old.department, admitted_on=old.admitted_on,
        discharged_on=old.discharged_on, identity_on=old.identity_on, settled_on=old.settled_on, identities=[], total_fen=0,
        paid_fen=0, patient_fen=0, claim=old.claim, beneficiary=old.beneficiary, result={}, categories=old.categories, years=[], states={},
        digest=old.digest, why=why, known_at=old.known_at, recorded_at=now,
        recorded_by=acting_user if isinstance(acting_user, Officer) else None,
    )  # fmt: skip


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select nextval('care_settlement_id_seq')")
        return int(cursor.fetchone()[0])


PERSON_OF_VISIT = "select person_id from care_visit where id = %s"


def live_of(visit: Visit, *, act: tuple[str, str]) -> Settlement:
    """The settlement of a visit that holds. `act` says in zh and en what needs one. Raises NotSettled."""
    found = Settlement.objects.live().filter(visit=visit).select_related("visit", "institution", "person").first()
    if found is None:
        raise NotSettled(visit=visit.number, act_zh=act[0], act_en=act[1])
    return found


def reverse(visit_id: int, *, on: date, why: str, acting_user: Actor) -> list[Settlement]:
    """Take back a visit's settlement（撤销）; later bills of the person are recomputed, their differences posted.

    The window reverses on the day of settling, the bureau also later. `on` is today. Returns the rows written. Raises
    NotFound, NotAllowed, NotSettled, NotToday, WhyNeeded, Busy, Problems where a later bill cannot be recomputed.
    """
    demand(acting_user, Right.SETTLEMENT_REVERSE)
    with writing(acting_user, PERSON_OF_VISIT, visit_id):
        visit = read_visit(visit_id, locked=True, acting_user=acting_user)
        live = live_of(visit, act=("撤销", "reversed"))
        _check_taking_back(live, on=on, why=why, acting_user=acting_user)
        refuse_without_continuation(visit, act=("撤销", "reversed"), settled=True)
        return carry_out(visit.persons, {live.pk: REVERSE}, why=why.strip(), acting_user=acting_user)


def refuse_without_continuation(visit: Visit, *, act: tuple[str, str], settled: bool = False) -> None:
    """Refuse to take away what another stay continues（中途结算）; with `settled` only where that one is settled.

    Raises ContinuationStands.
    """
    found = Visit.objects.filter(continues=visit).exclude(state="cancelled").first()
    if found is None or (settled and not Settlement.objects.live().filter(visit=found).exists()):
        return
    raise ContinuationStands(visit=visit.number, next=found.number, act_zh=act[0], act_en=act[1])


def _check_taking_back(live: Settlement, *, on: date, why: str, acting_user: Actor) -> None:
    if not why.strip():
        raise WhyNeeded
    day = timezone.localdate(live.recorded_at)
    if day != on and not acting_user.may(Right.SETTLEMENT_REVERSE_LATER):
        raise NotToday(on=day)


def correct(
    visit_id: int, edit: Callable[[Visit], None], *, on: date, why: str, acting_user: Actor
) -> list[Settlement]:
    """Change a settled visit or its lines, and settle it again in its old place（更正、部分退费）, all or nothing.

    `edit` makes the change; it is given the visit, which is not settled at that moment. The person counts as known when
    the visit was first settled. Later bills are recomputed. Raises what `reverse` and `settle` raise.
    """
    demand(acting_user, Right.SETTLEMENT_REVERSE)
    with writing(acting_user, PERSON_OF_VISIT, visit_id):
        visit = read_visit(visit_id, locked=True, acting_user=acting_user)
        live = live_of(visit, act=("更正", "corrected"))
        _check_taking_back(live, on=on, why=why, acting_user=acting_user)
        old = payments_of([live])[live.pk]
        gone = _reversed(live, why=why, now=timezone.now(), acting_user=acting_user)
        write(gone, (), before=books_of(live, old), acting_user=acting_user)
        edit(visit)
        visit = read_visit(visit_id, acting_user=acting_user)
        known = know(visit, on=live.settled_on, writing=True)
        if visit.amounts is None and known.sums and not sum(sum(day.pots) for day in known.sums):
            # Everything was returned: nothing is left to settle, and the stay counts no more.
            refuse_without_continuation(visit, act=("全部退费", "returned whole"), settled=True)
            return [gone, *carry_out(visit.persons, {}, after=place(live), why=why, acting_user=acting_user)]
        if problems := [p for p in refusals(known) if not isinstance(p, LaterBillSettled)]:
            raise Problems(problems)
        kept = {fact: live.claim[fact] for fact in FOUND_LATER if fact in live.claim}
        settled = calculate(known, facts=kept, beneficiary=live.beneficiary, before=place(live))
        refuse_early_cut(settled)
        paid = settled.payments
        if live.institution_id is not None:
            paid = channelled(paid, old, Change("corrected", by_person=False))
        row = row_of(
            settled.asked, settled.answered, paid, kind="corrected", visit=visit, person=live.person, known_at=live.known_at,
            recorded_at=timezone.now(), number=known.situation.next_id, replaces_id=gone.pk, ordinal=live.ordinal,
            filings=known.found.filings, categories=by_category(known.sums), why=why, acting_user=acting_user,
        )  # fmt: skip
        write(row, paid, before=Booked(), acting_user=acting_user)
        record(
            "settlement.corrected", row, person_id=row.person_id, before=live.pk, paid=row.paid_fen, was=live.paid_fen,
            why=why, acting_user=acting_user,
        )  # fmt: skip
        return [gone, row, *carry_out(visit.persons, {}, after=place(row), why=why, acting_user=acting_user)]


def decide_held(visit_id: int, *, passed: bool, why: str, acting_user: Actor) -> list[Settlement]:
    """Say how the review of a held part ended: paid out, or not paid and asked of the patient（评审放行）.

    Raises NotFound, NotAllowed, NotSettled, NotHeld, WhyNeeded, Busy, Problems.
    """
    demand(acting_user, Right.SETTLEMENT_APPROVE)
    with writing(acting_user, PERSON_OF_VISIT, visit_id):
        visit = read_visit(visit_id, locked=True, acting_user=acting_user)
        live = live_of(visit, act=("评审", "reviewed"))
        if not live.held_fen:
            raise NotHeld
        if not why.strip():
            raise WhyNeeded
        outcome = "passed" if passed else "rejected"
        change = Change("released", facts={"expert_review": outcome}, by_person=False)
        return carry_out(visit.persons, {live.pk: change}, why=why.strip(), acting_user=acting_user)


Approved = Mapping[int, tuple[int, Mapping[str, int]]]
"""Settlement → what the patient is better off by, and what each "layer payer" pays more: as somebody approved it."""


def approval_of(planned: Iterable[Planned]) -> dict[int, tuple[int, dict[str, int]]]:
    """What would be approved, in the form in which `settle_anew` compares it."""
    return {
        found.old.pk: (
            found.difference_fen,
            {f"{layer} {payer}": fen for (layer, payer), fen in sorted(found.by_payer.items())},
        )
        for found in planned
    }


def settle_anew(
    person: Person,
    settlements: Iterable[int],
    *,
    facts: Mapping[str, str] | None = None,
    approved: Approved | None = None,
    why: str,
    acting_user: Actor,
) -> list[Settlement]:
    """Settle these bills of a person by what is known now（重新结算、回补）; differences go to or are owed by the person.

    Those that no longer hold are left out. With `approved`, exactly that is carried out or nothing. Raises NotAllowed,
    Busy, DifferenceChanged, Problems.
    """
    demand(acting_user, Right.SETTLEMENT_APPROVE)
    change = Change("resettled", facts=facts or {}, anew=True)
    with writing(acting_user, "%s::bigint", person.pk) as locked:
        persons = person_ids(locked)
        known_at = known_until()
        planned = plan(persons, dict.fromkeys(settlements, change))
        if approved is not None and approval_of(planned) != {
            key: (fen, dict(by)) for key, (fen, by) in approved.items()
        }:
            raise DifferenceChanged
        return [_write(found, known_at=known_at, why=why, acting_user=acting_user) for found in planned]


def find_default(visit_id: int, *, default: bool, why: str, acting_user: Actor) -> list[Settlement]:
    """Settle a bill with the finding that its own share was wilfully not paid（恶意拖欠）, or without it.

    The person counts as known before: nothing else changes. What a fund pays less the patient owes the institution.
    Raises NotFound, NotAllowed, NotSettled, WhyNeeded, Busy, Problems.
    """
    demand(acting_user, Right.SETTLEMENT_APPROVE)
    if not why.strip():
        raise WhyNeeded
    with writing(acting_user, PERSON_OF_VISIT, visit_id):
        visit = read_visit(visit_id, locked=True, acting_user=acting_user)
        live = live_of(visit, act=("认定恶意拖欠", "found in default"))
        change = Change("resettled", facts={"wilful_default": "yes" if default else "no"}, by_person=False)
        return carry_out(visit.persons, {live.pk: change}, why=why.strip(), acting_user=acting_user)


def planned_anew(person_id: int, settlements: Iterable[int], *, acting_user: Actor) -> list[Planned]:
    """What settling these bills anew would come to, without writing. Raises Problems."""
    with acting(acting_user, across_institutions=True):
        changes = dict.fromkeys(settlements, Change("resettled", anew=True))
        return plan(person_ids(person_id), changes)
