"""Settling many bills anew（重新结算、回补）: proposed by one officer, computed as a run, approved by another, carried out.

    propose(selection)   → a batch, which a run computes: one person a step, one line a bill
    approve, reject      → the reviewer's decision; approving starts the run that carries out
    carry_person         → exactly what was approved for a person, or nothing: then the line says `changed`

Nothing here knows amounts: `rewriting` plans and writes, this keeps what was planned until somebody has looked at it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone

from yizhan.agency.care.errors import (
    AreaOutside,
    Busy,
    NobodyTouched,
    PersonsUnknown,
    TooManyPersons,
    WhyNeeded,
)
from yizhan.agency.care.models import Resettlement, ResettlementLine, Settlement
from yizhan.agency.care.queries import touched
from yizhan.agency.care.rewriting import Planned, approval_of, planned_anew, settle_anew
from yizhan.agency.desk.words import Words
from yizhan.agency.jobs.actions import start
from yizhan.agency.jobs.models import Run
from yizhan.agency.people.models import Person
from yizhan.agency.rosters.models import Roster
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, Outdated, SamePerson
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.errors import Problem, Problems

MOST_PERSONS = 20_000
"""Persons of one batch; a reviewer looks at the whole of it."""

SELECTIONS = {
    "touched": Words("名单更正过去身份涉及的全部账单", "all bills touched by corrections of the past"),
    "roster": Words("一份名单涉及的账单", "bills touched by one roster"),
    "persons": Words("指定人员的全部账单", "all bills of named persons"),
    "period": Words("一段时间和区划内的账单（政策、资金迟到）", "bills of a period and area (late policies or funds)"),
}
"""How bills are selected. Of persons and periods, all that hold; of the others, those that a correction touches."""

TRIES = 3
"""How often carrying out waits for somebody who works on the same person, before the line is left."""


def selected(selection: Mapping[str, Any]) -> QuerySet[Settlement]:
    """The bills that a selection asks for, without those that wait in an open batch. Inside `acting`."""
    kind = selection["kind"]
    if kind == "touched":
        rows = touched()
    elif kind == "roster":
        rows = touched(selection["roster"])
    elif kind == "persons":
        ids = selection["persons"]
        rows = Settlement.objects.live().filter(Q(person__in=ids) | Q(person__merged_into__in=ids))
    else:
        rows = Settlement.objects.live().annotate(policy_on=KeyTextTransform("policy_on", "result"))
        rows = rows.filter(
            area_path__gte=selection["area"], area_path__lt=selection["area"] + "~",
            policy_on__gte=selection["from"], policy_on__lte=selection["to"],
        )  # fmt: skip
    return rows.filter(~Exists(ResettlementLine.objects.filter(settlement=OuterRef("pk"), state="open")))


def persons_of(selection: Mapping[str, Any]) -> dict[int, list[int]]:
    """Kept person → the bills asked for, persons in the order of their numbers. One statement."""
    found: dict[int, list[int]] = {}
    rows = selected(selection).order_by("person_id", "settled_on", "ordinal")
    for settlement, person, kept in rows.values_list("pk", "person_id", "person__merged_into_id"):
        found.setdefault(kept or person, []).append(settlement)
    return dict(sorted(found.items()))


def checked_selection(
    kind: str,
    *,
    roster: int | None = None,
    persons: Sequence[int] = (),
    begins: date | None = None,
    ends: date | None = None,
    area: str = "",
    acting_user: Actor,
) -> dict[str, Any]:
    """A selection in the form in which a batch keeps it. Raises NotFound, PersonsUnknown, AreaOutside."""
    with acting(acting_user):
        if kind == "roster":
            if roster is None or not Roster.objects.filter(pk=roster).exists():
                raise NotFound
            return {"kind": kind, "roster": roster}
        if kind == "persons":
            known = dict(Person.objects.filter(pk__in=list(persons)).values_list("pk", "merged_into_id"))
            if unknown := sorted(set(persons) - set(known)):
                raise PersonsUnknown(numbers="、".join(f"{number:010d}" for number in unknown[:10]))
            return {"kind": kind, "persons": sorted({kept or number for number, kept in known.items()})}
        if kind == "period":
            assert begins is not None
            assert ends is not None
            if not area.startswith(acting_user.area_path):
                raise AreaOutside(area=area)
            return {"kind": kind, "from": begins.isoformat(), "to": ends.isoformat(), "area": area}
        assert kind == "touched", kind
        return {"kind": kind}


def propose(selection: Mapping[str, Any], *, why: str, document: str = "", acting_user: Officer) -> Resettlement:
    """Propose to settle bills anew; a run computes what they would come to.

    Raises NotAllowed, WhyNeeded, NobodyTouched, TooManyPersons.
    """
    demand(acting_user, Right.SETTLEMENT_RESETTLE)
    if not why.strip():
        raise WhyNeeded
    with acting(acting_user):
        count = selected(selection).values("person_id").distinct().count()
        if not count:
            raise NobodyTouched
        if count > MOST_PERSONS:
            raise TooManyPersons(most=MOST_PERSONS, found=count)
        batch = Resettlement.objects.create(
            area_path=acting_user.area_path, why=why.strip(), document=document.strip(), selection=dict(selection),
            made_by=acting_user,
        )  # fmt: skip
        title = Words(f"测算重新结算第 {batch.pk} 批", f"computing re-settlement batch {batch.pk}")
        run = start("care.resettle", title=title, about={"batch": batch.pk}, acting_user=acting_user)
        batch.compute_run_id = run.pk
        batch.save(update_fields=["compute_run_id"])
        record("resettlement.propose", batch, selection=selection["kind"], persons=count, acting_user=acting_user)
        return batch


# --- Computing --------------------------------------------------------------------------------------------------------


def compute_person(batch: Resettlement, person_id: int, asked: Sequence[int], *, acting_user: Actor) -> None:
    """Add the lines of one person: the bills asked for and those that change with them. Called by the run."""
    bills = {
        row.pk: row
        for row in Settlement.objects.live()
        .filter(Q(person=person_id) | Q(person__merged_into=person_id))
        .select_related("institution")
    }
    asked = [number for number in asked if number in bills]  # what was reversed meanwhile is left out
    lines: list[ResettlementLine] = []
    try:
        planned = planned_anew(person_id, asked, acting_user=acting_user)
    except Problems as refused:
        problems = [p.as_dict() for p in refused.problems]
        lines = [_line(batch, person_id, bills[n], state="problem", problems=problems) for n in asked]
    except Problem as refused:
        lines = [_line(batch, person_id, bills[n], state="problem", problems=[refused.as_dict()]) for n in asked]
    else:
        lines = [_planned_line(batch, person_id, found, follows=found.old.pk not in asked) for found in planned]
        moved = {line.settlement_id for line in lines}
        lines += [_line(batch, person_id, bills[n], state="unchanged") for n in asked if n not in moved]
    try:
        with transaction.atomic():
            ResettlementLine.objects.bulk_create(lines)
    except IntegrityError as error:
        if "one_open_batch_a_bill" not in str(error):
            raise
        # A bill that follows stands in another open batch, whose outcome decides what this one comes to.
        words = {"code": "in_another_batch", "zh": "这个人的账单在另一批待办理中。请等那一批办结。", "en": "bills of this person wait in another batch; wait until it is done."}  # fmt: skip
        ResettlementLine.objects.bulk_create(
            _line(batch, person_id, bills[n], state="problem", problems=[words]) for n in asked
        )


def _line(batch: Resettlement, person_id: int, row: Settlement, **more: Any) -> ResettlementLine:
    known = {
        "identities_was": row.identities, "identities_now": row.identities, "paid_was": row.paid_fen, "paid_now": row.paid_fen,
        "patient_was": row.patient_fen, "patient_now": row.patient_fen,
    }  # fmt: skip
    return ResettlementLine(
        batch=batch, person_id=person_id, settlement=row, area_path=row.area_path, **{**known, **more}
    )


def _planned_line(batch: Resettlement, person_id: int, found: Planned, *, follows: bool) -> ResettlementLine:
    assert found.answered is not None
    outcome = found.answered.outcome
    ((difference, changes),) = approval_of([found]).values()
    return _line(
        batch, person_id, found.old, follows=follows, identities_now=sorted(outcome.identities), paid_now=outcome.paid,
        patient_now=outcome.patient_share, difference_fen=difference, changes=changes,
    )  # fmt: skip


def computed(batch: Resettlement) -> None:
    """The run is through: the batch waits for its reviewer; closed at once where nothing changes."""
    batch.sums = sums_of(batch)
    batch.state = "proposed" if batch.lines.filter(state="open").exists() else "withdrawn"
    batch.save(update_fields=["sums", "state"])


def sums_of(batch: Resettlement) -> dict[str, Any]:
    """Bills, persons, what is due to and owed by persons, and what each fund pays more, in fen. Two statements."""
    by_person: Counter[int] = Counter()
    by_fund: Counter[str] = Counter()
    states: Counter[str] = Counter()
    for person, state, difference, changes in batch.lines.values_list(
        "person_id", "state", "difference_fen", "changes"
    ).iterator():
        states[state] += 1
        if state not in ("problem", "unchanged"):
            by_person[person] += difference
            for key, fen in changes.items():
                by_fund[key] += fen
    return {
        "bills": states.total() - states["problem"] - states["unchanged"],
        "persons": len(by_person),
        "problems": states["problem"],
        "unchanged": states["unchanged"],
        "due": sum(fen for fen in by_person.values() if fen > 0),
        "owed": -sum(fen for fen in by_person.values() if fen < 0),
        "persons_due": sum(fen > 0 for fen in by_person.values()),
        "persons_owing": sum(fen < 0 for fen in by_person.values()),
        "funds": {key: fen for key, fen in sorted(by_fund.items()) if fen},
    }


def give_up(batch: Resettlement) -> None:
    """Computing failed or was cancelled: nothing of the batch counts."""
    batch.lines.filter(state="open").update(state="dropped")
    Resettlement.objects.filter(pk=batch.pk, state="computing").update(state="withdrawn")


# --- Deciding ---------------------------------------------------------------------------------------------------------


def _locked(number: int, *states: str) -> Resettlement:
    batch = Resettlement.objects.select_for_update(of=("self",)).filter(pk=number).first()
    if batch is None:
        raise NotFound
    if batch.state not in states:
        words = batch.shown_state.words
        raise Outdated(now_zh=words.zh, now_en=words.en)
    return batch


def approve(number: int, *, why: str = "", acting_user: Officer) -> Resettlement:
    """Approve a batch: a run carries it out, person by person.

    Raises NotFound, NotAllowed, SamePerson, Outdated.
    """
    demand(acting_user, Right.SETTLEMENT_APPROVE)
    with acting(acting_user):
        batch = _locked(number, "proposed")
        if batch.made_by_id == acting_user.pk:
            raise SamePerson
        batch.state, batch.decided_by, batch.decided_at = "approved", acting_user, timezone.now()
        batch.decided_why = why.strip()
        batch.save(update_fields=["state", "decided_by", "decided_at", "decided_why"])
        record("resettlement.approve", batch, **_told(batch), acting_user=acting_user)
        return _carry(batch, acting_user)


def go_on(number: int, *, acting_user: Officer) -> Resettlement:
    """Go on with an approved batch whose run stopped. Raises NotFound, NotAllowed, SamePerson, Outdated."""
    demand(acting_user, Right.SETTLEMENT_APPROVE)
    with acting(acting_user):
        batch = _locked(number, "approved")
        if batch.made_by_id == acting_user.pk:
            raise SamePerson
        if not Run.objects.filter(pk=batch.carry_run_id or 0, state__in=("failed", "cancelled")).exists():
            raise Outdated(now_zh=batch.shown_state.words.zh, now_en=batch.shown_state.words.en)
        return _carry(batch, acting_user)


def _carry(batch: Resettlement, acting_user: Officer) -> Resettlement:
    title = Words(f"办理重新结算第 {batch.pk} 批", f"carrying out re-settlement batch {batch.pk}")
    run = start("care.resettle_carry", title=title, about={"batch": batch.pk}, acting_user=acting_user)
    batch.carry_run_id = run.pk
    batch.save(update_fields=["carry_run_id"])
    return batch


def _told(batch: Resettlement) -> dict[str, Any]:
    return {key: batch.sums.get(key) for key in ("bills", "persons", "due", "owed")}


def reject(number: int, *, why: str, acting_user: Officer) -> Resettlement:
    """Send a batch back: nothing is carried out. Raises NotFound, NotAllowed, SamePerson, Outdated, WhyNeeded."""
    demand(acting_user, Right.SETTLEMENT_APPROVE)
    if not why.strip():
        raise WhyNeeded
    with acting(acting_user):
        batch = _locked(number, "proposed")
        if batch.made_by_id == acting_user.pk:
            raise SamePerson
        batch.lines.filter(state="open").update(state="dropped")
        batch.state, batch.decided_by, batch.decided_at = "rejected", acting_user, timezone.now()
        batch.decided_why = why.strip()
        batch.save(update_fields=["state", "decided_by", "decided_at", "decided_why"])
        record("resettlement.reject", batch, why=why, acting_user=acting_user)
        return batch


def withdraw(number: int, *, acting_user: Officer) -> Resettlement:
    """Take a batch back that nobody has decided yet. Raises NotFound, NotAllowed, Outdated."""
    demand(acting_user, Right.SETTLEMENT_RESETTLE)
    with acting(acting_user):
        batch = _locked(number, "proposed")
        batch.lines.filter(state="open").update(state="dropped")
        batch.state = "withdrawn"
        batch.save(update_fields=["state"])
        record("resettlement.withdraw", batch, acting_user=acting_user)
        return batch


# --- Carrying out -----------------------------------------------------------------------------------------------------


def carry_person(batch: Resettlement, person_id: int, *, acting_user: Actor) -> None:
    """Carry out what was approved for one person, or mark the lines `changed`. Called by the run."""
    lines = list(batch.lines.filter(person=person_id, state="open").select_related("person"))
    if not lines:
        return
    approved = {line.settlement_id: (line.difference_fen, line.changes) for line in lines}
    asked = [line.settlement_id for line in lines if not line.follows]
    try:
        rows = _settled(lines[0].person, asked, approved, batch=batch, acting_user=acting_user)
    except Problems as refused:
        _leave(lines, [p.as_dict() for p in refused.problems])
        return
    except Problem as refused:
        _leave(lines, [refused.as_dict()])
        return
    new = {row.replaces_id: row.pk for row in rows}
    for line in lines:
        line.state, line.new_settlement_id = "done", new[line.settlement_id]
    ResettlementLine.objects.bulk_update(lines, ["state", "new_settlement"])


def _settled(
    person: Person,
    asked: Sequence[int],
    approved: Mapping[int, tuple[int, Mapping[str, int]]],
    *,
    batch: Resettlement,
    acting_user: Actor,
) -> list[Settlement]:
    why = f"{batch.why}（第 {batch.pk} 批）"[:200]
    for left in range(TRIES - 1, -1, -1):
        try:
            return settle_anew(person, asked, approved=approved, why=why, acting_user=acting_user)
        except Busy:
            if not left:
                raise
    raise AssertionError


def _leave(lines: list[ResettlementLine], problems: list[dict[str, Any]]) -> None:
    for line in lines:
        line.state, line.problems = "changed", problems
    ResettlementLine.objects.bulk_update(lines, ["state", "problems"])


def carried_out(batch: Resettlement) -> dict[str, Any]:
    """The run is through. Returns how many lines were done and left, and their sums."""
    batch.state = "done"
    done = batch.lines.filter(state="done").aggregate(
        due=Sum("difference_fen", filter=Q(difference_fen__gt=0)),
        owed=Sum(-F("difference_fen"), filter=Q(difference_fen__lt=0)),
    )
    counts = Counter(batch.lines.values_list("state", flat=True))
    batch.sums = {**batch.sums, "done": counts["done"], "changed": counts["changed"]}
    batch.save(update_fields=["state", "sums"])
    return {"done": counts["done"], "changed": counts["changed"], "due": done["due"] or 0, "owed": done["owed"] or 0}
