"""Enrolling people, ending what fell away, and the bureau's own figures of a year."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils import timezone

from yizhan.agency.enrolment import queries
from yizhan.agency.enrolment.errors import (
    AlreadyEnrolled,
    DayNotInYear,
    EnrolledElsewhere,
    PeriodNotLonger,
    PersonDied,
)
from yizhan.agency.enrolment.models import RESIDENT, SCHEMES, Charge, Enrolment, Extension, Population
from yizhan.agency.enrolment.years import Year, insured_range, marks_of, premium_on, told, year_at
from yizhan.agency.people.models import Person
from yizhan.agency.people.names import normalise_name
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Area
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.engine.premium import Entry, Premium
from yizhan.errors import Problem, Problems


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody to be enrolled, and how."""

    person: Person
    enrolled_on: date
    scheme: str = "resident"
    event: str = "ordinary"
    event_on: date | None = None
    tier: str = ""
    received_on: date | None = None


def enrol(
    person: Person,
    *,
    year: int,
    enrolled_on: date,
    scheme: str = "resident",
    event: str = "ordinary",
    event_on: date | None = None,
    tier: str = "",
    acting_user: Actor,
) -> Enrolment:
    """Enrol one person for a year and open the account of the premium.

    Raises NotAllowed, NotFound, AlreadyEnrolled, EnrolledElsewhere, PersonDied; Problems: no figures, or too late.
    """
    demand(acting_user, Right.ENROLMENT_EDIT)
    with acting(acting_user):
        there = Person.objects.living_rows().filter(pk=person.pk).first()
        if there is None:
            raise NotFound()
        wish = Wish(there, enrolled_on, scheme, event, event_on, tier)
        found = enter([wish], year_at(there.area_path, year), acting_user=acting_user)[0]
        if isinstance(found, Exception):
            raise found
        record("enrolment.enrol", found, person_id=there.pk, year=year, event=event, acting_user=acting_user)
        return found


def enter(wishes: Sequence[Wish], year: Year, *, acting_user: Actor) -> list[Enrolment | Problem | Problems]:
    """Enrol many, each once at most; for each the enrolment, or why not. About ten statements however many they are.

    Called inside `acting`, by actions that checked the right; all persons must lie in the year's pooling area.
    """
    ids = sorted({wish.person.pk for wish in wishes})
    # Whoever enrols the same people at the same time waits here, and then sees what was done.
    list(Person.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").values_list("pk"))
    insured: dict[int, Enrolment] = {}
    live = Enrolment.objects.live().filter(queries.of_persons(ids), year=year.year)
    for row in live.select_related("person").order_by("-id"):
        insured[queries.kept_id(row)] = row
    elsewhere = queries.elsewhere(ids, year.year)
    marks = marks_of(ids)
    charges = queries.accounts(ids, year.year)
    outcomes: list[Enrolment | Problem | Problems] = []
    rows: list[Enrolment] = []
    opened: list[Charge] = []
    void: list[int] = []
    for wish in wishes:
        person = wish.person
        problem = _why_not(wish, year, insured.get(person.pk), elsewhere.get(person.pk, []))
        if problem is not None:
            outcomes.append(problem)
            continue
        charge = charges.get(person.pk)
        try:
            premium = premium_on(
                year, marks.get(person.pk, ()), today=timezone.localdate(), entry=Entry(wish.event, wish.event_on),
                enrolled_on=wish.enrolled_on, received_on=wish.received_on, granted=charge.subsidised if charge else 0,
            )  # fmt: skip
        except Problems as refused:
            outcomes.append(refused)
            continue
        if charge is None:
            charges[person.pk] = charge = charge_of(person, premium)
            opened.append(charge)
        elif charge.void:
            void.append(charge.pk)
        row = _enrolment(wish, charge.person, year, premium, acting_user)
        insured[person.pk] = row
        rows.append(row)
        outcomes.append(row)
    Enrolment.objects.bulk_create(rows, batch_size=500)
    Charge.objects.bulk_create(opened, batch_size=500)
    Charge.objects.filter(pk__in=void).update(void=False)
    return outcomes


def _why_not(wish: Wish, year: Year, known: Enrolment | None, elsewhere: list[queries.Elsewhere]) -> Problem | None:
    person = wish.person
    if person.died_on is not None and person.died_on < max(wish.enrolled_on, year.first_day):
        return PersonDied(name=person.name, died_on=person.died_on)
    if known is not None and _covers(known, year):
        words = SCHEMES[known.scheme]
        since = known.insured.lower if known.insured else known.enrolled_on
        return AlreadyEnrolled(name=person.name, year=year.year, scheme_zh=words.zh, scheme_en=words.en, since=since)
    for other in elsewhere:
        words = SCHEMES[other.scheme]
        return EnrolledElsewhere(
            name=person.name,
            year=year.year,
            scheme_zh=words.zh,
            scheme_en=words.en,
            since=other.since or year.first_day,
        )
    return None


def _covers(known: Enrolment, year: Year) -> bool:
    """Whether it stands in the way: a resident's does for the year, another as long as it has not ended."""
    if known.scheme in RESIDENT:
        return True
    return known.insured is None or known.insured.upper is None or known.insured.upper > year.last_day


def _enrolment(wish: Wish, record: Person, year: Year, premium: Premium, acting_user: Actor) -> Enrolment:
    return Enrolment(
        person=record, area_path=wish.person.area_path, year=year.year, scheme=wish.scheme, tier=wish.tier,
        event=wish.event, event_on=wish.event_on, enrolled_on=wish.enrolled_on, insured=insured_range(premium),
        start=premium.start, recorded_by_id=acting_user.pk,
    )  # fmt: skip


def signer(acting_user: Actor) -> int:
    """The officer who signs. The platform itself proposes nothing and decides nothing."""
    assert acting_user.pk is not None
    return acting_user.pk


def charge_of(person: Person, premium: Premium) -> Charge:
    """A new account of a person's year, not written yet."""
    return Charge(
        person=person, area_path=person.area_path, year=premium.year, own_premium=premium.own_premium,
        government_part=premium.financing.government_part, digest=premium.scheme.digest, explanation=told(premium),
    )  # fmt: skip


def replace_enrolment(
    known: Enrolment, *, insured: DateRange | None, why: str, acting_user: Actor, **changed: object
) -> Enrolment:
    """Withdraw an enrolment and record it anew with other insured days. Called inside `acting`, by other actions."""
    withdraw_enrolment(known, why=why, acting_user=acting_user)
    fields = {
        "person_id": known.person_id, "area_path": known.area_path, "year": known.year, "scheme": known.scheme,
        "tier": known.tier, "event": known.event, "event_on": known.event_on, "enrolled_on": known.enrolled_on,
        "start": known.start, "place": known.place, **changed,
    }  # fmt: skip
    return Enrolment.objects.create(**fields, insured=insured, recorded_by_id=acting_user.pk)


def withdraw_enrolment(known: Enrolment, *, why: str, acting_user: Actor) -> None:
    """Say that an enrolment is no longer believed. Raises NotFound: somebody did already."""
    changed = Enrolment.objects.live().filter(pk=known.pk).update(
        withdrawn_at=timezone.now(), withdrawn_by_id=acting_user.pk, withdrawn_why=why[:200]
    )  # fmt: skip
    if not changed:
        raise NotFound()


def end_enrolment(known: Enrolment, *, from_on: date, why: str, acting_user: Actor) -> Charge | None:
    """End an enrolment from a day on. If nothing is left of it, nothing is due any more; the account then says so.

    Returns the account, whose `refundable` is what was paid for nothing. Raises NotAllowed, NotFound, DayNotInYear.
    """
    demand(acting_user, Right.ENROLMENT_EDIT)
    with acting(acting_user):
        row = Enrolment.objects.select_for_update().live().filter(pk=known.pk).first()
        if row is None:
            raise NotFound()
        year = year_at(row.area_path, row.year)
        if from_on > year.last_day:
            raise DayNotInYear(on=from_on, first=year.first_day, last=year.last_day)
        kept = row.insured is not None and row.insured.lower < from_on
        if kept:
            replace_enrolment(row, insured=DateRange(row.insured.lower, from_on), why=why, acting_user=acting_user)
        else:
            withdraw_enrolment(row, why=why, acting_user=acting_user)
        charge = Charge.objects.select_for_update().filter(person_id=row.person_id, year=row.year).first()
        if charge is not None and not kept and row.scheme in RESIDENT:
            Charge.objects.filter(pk=charge.pk).update(void=True)
            charge.refresh_from_db()
        record("enrolment.end", row, person_id=row.person_id, from_on=from_on, why=why, acting_user=acting_user)
        return charge


def record_elsewhere_insured(
    person: Person, *, year: int, scheme: str, since: date, until: date | None, place: str, acting_user: Actor
) -> Enrolment | None:
    """Note that a person is insured under another scheme, as its list says. None: it was known. Inside `acting`."""
    insured = DateRange(since, until)
    rows = Enrolment.objects.live().filter(queries.of_person(person), scheme=scheme, year=year)
    same = rows.filter(insured__startswith=since).first()
    if same is not None and same.insured == insured:
        return None
    if same is not None:
        return replace_enrolment(
            same, insured=insured, why="更新的名单 newer list", acting_user=acting_user, place=place
        )
    return Enrolment.objects.create(
        person=person, area_path=person.area_path, year=year, scheme=scheme, enrolled_on=since, insured=insured,
        start="enrolled", place=place[:100], recorded_by_id=acting_user.pk,
    )  # fmt: skip


def extend_period(area: Area, *, year: int, period_to: date, document: str, acting_user: Actor) -> Extension:
    """Make the collection period of a pooling area longer, by a document. `area` is the pooling area itself.

    Raises NotAllowed, NotFound (an area out of scope), PeriodNotLonger; Problems: no policies, no figures.
    """
    demand(acting_user, Right.ENROLMENT_EDIT)
    with acting(acting_user):
        found = year_at(area.path, year)
        if not area.path.startswith(acting_user.area_path) or found.scheme.area != area.code:
            raise NotFound()
        if period_to <= found.financing.period_to:
            raise PeriodNotLonger(year=year, now=found.financing.period_to)
        extension = Extension.objects.create(
            area_code=area.code, area_path=area.path, year=year, period_to=period_to, document=document,
            recorded_by_id=signer(acting_user),
        )  # fmt: skip
        record(
            "enrolment.extend_period",
            extension,
            year=year,
            period_to=period_to,
            document=document,
            acting_user=acting_user,
        )
        return extension


def record_population(
    area: Area, *, year: int, heads: int, counted_on: date, source: str, acting_user: Actor
) -> Population:
    """Enter the resident population of an area, with where it was read. Raises NotAllowed, NotFound."""
    demand(acting_user, Right.ENROLMENT_EDIT)
    with acting(acting_user):
        if not area.path.startswith(acting_user.area_path):
            raise NotFound()
        population = Population.objects.create(
            area=area, area_path=area.path, year=year, heads=heads, counted_on=counted_on, source=source,
            recorded_by_id=signer(acting_user),
        )  # fmt: skip
        record("enrolment.population", population, year=year, heads=heads, source=source, acting_user=acting_user)
        return population


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a list names: a record, which may have been merged into another since."""

    record: Person

    @property
    def person(self) -> Person:
        """The person of the record as known now."""
        return queries.kept(self.record)

    def is_called(self, name: str) -> bool:
        """Whether this is the name of the record, or of the one that was kept."""
        return normalise_name(name) in (self.record.name_matched, self.person.name_matched)


def named_by_hash(hashes: Iterable[bytes]) -> dict[bytes, Named]:
    """Visible persons by the hash of their number, as lists name them."""
    found = Person.objects.select_related("merged_into").filter(id_hash__in=list(hashes))
    return {bytes(person.id_hash): Named(person) for person in found}
