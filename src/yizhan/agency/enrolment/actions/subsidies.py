"""Premium subsidies: computed for a county and year, proposed by one officer, approved by another.

A run looks at everybody with a mark that may count, and at everybody who was given something. It proposes the difference
between what the rules give by the marks known now and what the account has had: the first run gives everything, a later
one only what changed, and takes back (below zero) what a withdrawn mark had brought. Nothing is ever edited.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.actions.enrolling import Wish, charge_of, enter, replace_enrolment, signer
from yizhan.agency.enrolment.errors import (
    AccountChanged,
    BatchNotReady,
    BatchOpen,
    CountyNeeded,
    DocumentNeeded,
    NothingToDecide,
)
from yizhan.agency.enrolment.models import RESIDENT, Charge, Enrolment, Entry, SubsidyBatch, SubsidyLine
from yizhan.agency.enrolment.queries import accounts, elsewhere, kept, kept_id, of_persons, within
from yizhan.agency.enrolment.years import Year, entry_of, insured_range, marks_of, premium_on, told, year_at
from yizhan.agency.jobs.actions import start
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, SamePerson
from yizhan.agency.staff.models import Area
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.engine.claim import IdentityMark as Mark
from yizhan.engine.premium import Premium
from yizhan.errors import Problems

STEP = 500
"""People looked at in one transaction."""


def county(area: Area, acting_user: Actor) -> Area:
    """The area, if it is a county in the actor's scope. Raises NotFound, CountyNeeded."""
    if not area.path.startswith(acting_user.area_path):
        raise NotFound()
    if area.level != "county":
        raise CountyNeeded(name=area.name)
    return area


def propose_subsidies(area: Area, *, year: int, document: str = "", acting_user: Actor) -> SubsidyBatch:
    """Compute the subsidies of a county for a year, as a run, and propose them as a batch.

    Raises NotAllowed, NotFound, CountyNeeded, BatchOpen; Problems: no policies, no figures.
    """
    demand(acting_user, Right.SUBSIDY_PROPOSE)
    with acting(acting_user):
        county(area, acting_user)
        year_at(area.path, year)
        count = SubsidyBatch.objects.filter(area=area, year=year).count()
        try:
            with transaction.atomic():
                batch = SubsidyBatch.objects.create(
                    number=f"{area.code}-{year}-Z{count + 1:03d}", area=area, area_path=area.path, year=year,
                    document=document, computed_on=timezone.localdate(), proposed_by_id=signer(acting_user),
                )  # fmt: skip
        except IntegrityError:
            raise BatchOpen(name=area.name, year=year) from None
        title = Words(f"{area.name} {year} 年度参保资助测算", f"premium subsidies {year}, {area.name_en or area.name}")
        run = start("enrolment.subsidies", title=title, about={"batch": batch.pk}, acting_user=acting_user)
        batch.run_id = run.pk
        batch.save(update_fields=["run_id"])
        record("subsidy.propose", batch, year=year, acting_user=acting_user)
        return batch


# --- Computing --------------------------------------------------------------------------------------------------------


def candidates(batch: SubsidyBatch, year: Year) -> list[int]:
    """Whom the computation looks at: people with a mark that touches the year or its collection period, and people
    who were given something."""
    first = min(year.financing.period_from, year.first_day)
    marks = IdentityMark.objects.known().filter(person=OuterRef("pk"), valid__overlap=(first, None))
    given = Charge.objects.filter(year=year.year, subsidised__gt=0)
    whose = given.values(whose=Coalesce("person__merged_into_id", "person_id"))
    persons = Person.objects.living_rows().filter(within(batch.area_path))
    return list(persons.filter(Exists(marks) | Q(pk__in=whose)).order_by("pk").values_list("pk", flat=True))


def compute(batch: SubsidyBatch, ids: Sequence[int], *, acting_user: Actor) -> None:
    """Add the lines of these persons to a batch that is being computed. Called inside `acting`, by the run."""
    year = year_at(batch.area_path, batch.year)
    today = batch.computed_on
    persons = {p.pk: p for p in Person.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")}
    marks = marks_of(ids)
    # What a record had before it was merged into another counts for the one that was kept.
    live = list(
        Enrolment.objects.live().filter(of_persons(ids), year=batch.year).select_related("person").order_by("-id")
    )
    resident = {kept_id(row): row for row in live if row.scheme in RESIDENT}
    otherwise = {kept_id(row) for row in live if row.scheme not in RESIDENT} | elsewhere(ids, batch.year).keys()
    charges = accounts(ids, batch.year)
    given = _given([c.pk for c in charges.values() if c.subsidised])
    counts: Counter[str] = Counter(batch.counts)
    lines: list[SubsidyLine] = []
    opened: list[Charge] = []
    for person in persons.values():
        charge, known = charges.get(person.pk), resident.get(person.pk)
        why, premium = _judged(person, year, marks.get(person.pk, []), known, person.pk in otherwise, charge, today)
        before = charge.subsidised if charge else 0
        entitled = premium.subsidy.fen if premium and premium.subsidy else 0
        if entitled == before:
            counts[why or ("unchanged" if before else "nothing")] += 1
            continue
        if entitled < before and charge is not None:
            counts["taken_back"] += 1
            lines += _taken_back(batch, person, charge, before - entitled, given[charge.pk], premium)
            continue
        assert premium is not None
        if charge is None:
            charge = charge_of(person, premium)
            charge.void = known is None  # nothing is due before the approval enrols
            opened.append(charge)
        counts["granted"] += 1
        lines.append(_granted(batch, person, charge, premium, before, enrols=known is None))
    Charge.objects.bulk_create(opened)
    for line in lines:
        line.charge_id = line.charge.pk  # those made a moment ago have their number only now
    # A line that is open in another county, for somebody who moved, stays the only one.
    SubsidyLine.objects.bulk_create(lines, ignore_conflicts=True, batch_size=500)
    batch.counts = dict(counts)
    batch.save(update_fields=["counts"])
    record("subsidy.compute", batch, looked_at=len(persons), lines=len(lines), acting_user=acting_user)


def _judged(
    person: Person,
    year: Year,
    marks: list[Mark],
    known: Enrolment | None,
    otherwise: bool,
    charge: Charge | None,
    today: date,
) -> tuple[str, Premium | None]:
    """What the rules give, or an empty premium and why nobody is subsidised here."""
    if person.died_on is not None and person.died_on < year.first_day:
        return "died", None
    if known is None and otherwise:
        return "insured_otherwise", None
    enrolled_on = known.enrolled_on if known else today
    granted = charge.subsidised if charge else 0
    try:
        premium = premium_on(year, marks, today=today, entry=entry_of(known), enrolled_on=enrolled_on, granted=granted)
    except Problems:
        return "closed", None
    if known is None and premium.person > 0:
        return "not_enrolled", None
    return "", premium


def _given(charge_ids: list[int]) -> dict[int, list[tuple[str, int]]]:
    """Payers and what is left of their subsidies, by account, latest first."""
    found: dict[int, list[tuple[str, int]]] = {}
    rows = (
        Entry.objects.filter(charge_id__in=charge_ids, kind="subsidy")
        .values("charge_id", "payer")
        .annotate(sum=Sum("fen"))
    )
    for row in rows.order_by("charge_id", "payer"):
        found.setdefault(row["charge_id"], []).append((row["payer"], row["sum"]))
    return found


def _granted(
    batch: SubsidyBatch, person: Person, charge: Charge, premium: Premium, before: int, *, enrols: bool
) -> SubsidyLine:
    assert premium.subsidy is not None
    row = premium.subsidy.row
    return SubsidyLine(
        batch=batch, area_path=person.area_path, person=person, year=batch.year, charge=charge, payer=row.paid_by,
        identity=premium.identity, fen=premium.grant, before=before, enrols=enrols, applied_by=row.applied_by,
        certified_by=row.certified_by, citation=row.citation.text("zh"),
        stand_in=any(note.kind == "stand_in" for note in premium.notes), explanation=told(premium),
    )  # fmt: skip


_FELL_AWAY = {
    "zh": ["现在没有可以享受资助的参保或身份，追回已给的资助。"],
    "en": ["No enrolment or identity entitles to a subsidy any more; what was given is taken back."],
}


def _taken_back(
    batch: SubsidyBatch, person: Person, charge: Charge, fen: int, given: list[tuple[str, int]], premium: Premium | None
) -> list[SubsidyLine]:
    lines = []
    for payer, left in given:
        part = min(left, fen)
        fen -= part
        if part:
            lines.append(
                SubsidyLine(
                    batch=batch, area_path=person.area_path, person=person, year=batch.year, charge=charge, payer=payer,
                    identity=premium.identity if premium else "", fen=-part, before=charge.subsidised,
                    citation=premium.subsidy.row.citation.text("zh") if premium and premium.subsidy else "",
                    explanation=told(premium) if premium else _FELL_AWAY,
                )
            )  # fmt: skip
    return lines


def computed(batch: SubsidyBatch) -> None:
    """The run is through: the batch waits for approval, or is closed where nobody's subsidy changed."""
    batch.state = "proposed" if batch.lines.exists() else "withdrawn"
    batch.save(update_fields=["state"])


def give_up(batch: SubsidyBatch) -> None:
    """The run failed or was cancelled: nothing of the batch counts."""
    batch.lines.filter(open=True).update(open=False)
    SubsidyBatch.objects.filter(pk=batch.pk, state="computing").update(state="withdrawn")


# --- Deciding ---------------------------------------------------------------------------------------------------------


def _locked(batch: SubsidyBatch, *, state: str) -> SubsidyBatch:
    found = SubsidyBatch.objects.select_for_update(of=("self",)).filter(pk=batch.pk).first()
    if found is None:
        raise NotFound()
    if found.state != state:
        words = found.shown_state.words
        raise BatchNotReady(number=found.number, state_zh=words.zh, state_en=words.en)
    return found


def approve(batch: SubsidyBatch, *, money_on: date, document: str = "", acting_user: Actor) -> None:
    """Approve a batch: every line enters the person's account, and whom the subsidy enrols is enrolled.

    `money_on` is the day on which the money arrives, with which some people's insurance begins. Raises NotAllowed,
    NotFound, BatchNotReady, SamePerson, DocumentNeeded, AccountChanged, NothingToDecide.
    """
    demand(acting_user, Right.SUBSIDY_APPROVE)
    with acting(acting_user):
        batch = _locked(batch, state="proposed")
        if batch.proposed_by_id == acting_user.pk:
            raise SamePerson()
        batch.document = document or batch.document
        _demand_application(batch)
        ids = set(batch.lines.values_list("charge_id", flat=True))
        seen = list(Charge.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))
        # An account that is no longer seen went to another county with its person.
        if changed := batch.lines.exclude(before=F("charge__subsidised")).count() + len(ids) - len(seen):
            raise AccountChanged(number=batch.number, count=changed)
        if not _enter_lines(batch, money_on, acting_user):
            raise NothingToDecide(number=batch.number)
        _enrol_subsidised(batch, money_on, acting_user)
        batch.lines.filter(open=True).update(open=False)
        _decide(batch, "approved", acting_user, money_on=money_on)


def _demand_application(batch: SubsidyBatch) -> None:
    """SY 二（一）1: departments apply for the people whom they look after; the bureau's own rows need no paper."""
    applicants = set(batch.lines.exclude(applied_by="").values_list("applied_by", flat=True)) - {"医保局"}
    if applicants and not batch.document:
        scheme = year_at(batch.area_path, batch.year).scheme
        zh = "、".join(sorted(applicants))
        raise DocumentNeeded(who_zh=zh, who_en=", ".join(scheme.word(a, "en") for a in sorted(applicants)))


def _enter_lines(batch: SubsidyBatch, on: date, acting_user: Actor) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            'insert into enrolment_entry (charge_id, area_path, kind, fen, payer, "on", line_id, recorded_by_id)'
            " select charge_id, area_path, 'subsidy', fen, payer, %s, id, %s from enrolment_subsidyline"
            " where batch_id = %s and open order by charge_id, id",
            [on, acting_user.pk, batch.pk],
        )
        return cursor.rowcount


def _enrol_subsidised(batch: SubsidyBatch, money_on: date, acting_user: Actor) -> None:
    """Enrol whom the subsidy enrols, and date the insurance of those who waited for the money."""
    year = year_at(batch.area_path, batch.year)
    named = Person.objects.filter(pk__in=batch.lines.filter(enrols=True).values("person_id")).select_related(
        "merged_into"
    )
    persons = {kept(person).pk: kept(person) for person in named}
    wishes = [Wish(persons[pk], batch.computed_on, received_on=money_on) for pk in sorted(persons)]
    for place in range(0, len(wishes), STEP):
        enter(wishes[place : place + STEP], year, acting_user=acting_user)
    given = batch.lines.filter(fen__gt=0).values("charge__person_id")
    dated = Enrolment.objects.live().resident().filter(person_id__in=given, year=batch.year, insured=None)
    waiting = list(dated.select_related("person"))
    marks = marks_of([kept_id(row) for row in waiting])
    for row in waiting:
        premium = premium_on(
            year, marks.get(kept_id(row), ()), today=batch.computed_on, entry=entry_of(row),
            enrolled_on=row.enrolled_on, received_on=money_on,
        )  # fmt: skip
        if premium.insured_from is not None:
            replace_enrolment(
                row,
                insured=insured_range(premium),
                why="资助到账 subsidy arrived",
                start=premium.start,
                acting_user=acting_user,
            )


def refuse(batch: SubsidyBatch, *, why: str, acting_user: Actor) -> None:
    """Send a batch back; nothing of it counts. Raises NotAllowed, NotFound, BatchNotReady, SamePerson."""
    demand(acting_user, Right.SUBSIDY_APPROVE)
    with acting(acting_user):
        batch = _locked(batch, state="proposed")
        if batch.proposed_by_id == acting_user.pk:
            raise SamePerson()
        batch.lines.filter(open=True).update(open=False)
        _decide(batch, "refused", acting_user, why=why)


def withdraw(batch: SubsidyBatch, *, acting_user: Actor) -> None:
    """Take a proposed batch back before it is decided. Raises NotAllowed, NotFound, BatchNotReady."""
    demand(acting_user, Right.SUBSIDY_PROPOSE)
    with acting(acting_user):
        batch = _locked(batch, state="proposed")
        batch.lines.filter(open=True).update(open=False)
        _decide(batch, "withdrawn", acting_user)


def _decide(
    batch: SubsidyBatch, state: str, acting_user: Actor, *, why: str = "", money_on: date | None = None
) -> None:
    batch.state, batch.decided_why, batch.money_on = state, why[:200], money_on
    batch.decided_by_id, batch.decided_at = acting_user.pk, timezone.now()
    batch.save(update_fields=["state", "decided_by", "decided_at", "decided_why", "money_on", "document"])
    record(f"subsidy.{state}", batch, number=batch.number, why=why, acting_user=acting_user)
