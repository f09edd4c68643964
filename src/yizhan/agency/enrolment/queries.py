"""What is known about enrolment. Everything is asked inside `acting`, so the database shows the actor's area only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse

from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.errors import BothEnrolled
from yizhan.agency.enrolment.models import (
    RESIDENT,
    Charge,
    Cover,
    Difference,
    Double,
    Enrolment,
    Entry,
    ListFile,
    ListRow,
    Population,
    Refund,
    SubsidyBatch,
    SubsidyLine,
    TaxList,
)
from yizhan.agency.people.models import IDENTITIES, Person
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.home import Waiting, waits
from yizhan.agency.staff.models import Area, Officer
from yizhan.agency.staff.rights import Right
from yizhan.errors import Problem


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An enrolment of a person in another county. `area_path` is known to those responsible for both."""

    scheme: str
    since: date | None
    until: date | None
    area_path: str | None


def elsewhere(person_ids: Sequence[int], year: int) -> dict[int, list[Elsewhere]]:
    """Who of these visible persons is insured in another county, too. One statement."""
    found: dict[int, list[Elsewhere]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "select person_id, scheme, since, until, other_path from enrolment_elsewhere(%s, %s)",
            [list(person_ids), year],
        )
        for person_id, scheme, since, until, path in cursor.fetchall():
            found.setdefault(person_id, []).append(Elsewhere(scheme, since, until, path))
    return found


@dataclass(frozen=True, slots=True)
class InsuredPeriod:
    """Days on which somebody is insured; `to_on` None: until further notice."""

    scheme: str
    from_on: date
    to_on: date | None
    tier: str
    year: int


def of_person(person: Person) -> Q:
    """Rows of a person and of those merged into the person: what they had stays in their name, and counts for one."""
    return Q(person=person) | Q(person__merged_into=person)


def of_persons(ids: Sequence[int]) -> Q:
    """The same for many persons, by their numbers."""
    return Q(person_id__in=ids) | Q(person__merged_into__in=ids)


def kept(person: Person) -> Person:
    """The person itself, or the one into whom it was merged."""
    return person.merged_into or person


def kept_id(row: Enrolment | Charge | Double) -> int:
    """Whose row it is now. The row comes with its person."""
    return row.person.merged_into_id or row.person_id


def residents(ids: Sequence[int], year: int) -> dict[int, Enrolment]:
    """The resident enrolment that stands in a year, by kept person. One statement."""
    rows = Enrolment.objects.live().resident().filter(of_persons(ids), year=year).select_related("person")
    return {kept_id(row): row for row in rows.order_by("-id")}


def accounts(ids: Sequence[int], year: int, *, locked: bool = False) -> dict[int, Charge]:
    """The one account of each kept person's year; of several that merging brought together, the one that is in use.

    An enrolment and its account always stand in the same record, so that both go back together if a merge is undone.
    """
    alive = Enrolment.objects.live().resident().filter(person=OuterRef("person"), year=OuterRef("year"))
    rows = Charge.objects.filter(of_persons(ids), year=year).select_related("person").annotate(alive=Exists(alive))
    if locked:
        rows = rows.select_for_update(of=("self",)).order_by("pk")

    def in_use(row: Charge) -> tuple[int, ...]:
        moved = bool(row.subsidised or row.received or row.refunded)
        return getattr(row, "alive", False), moved, not row.void, row.person.merged_into_id is None, row.pk

    return {kept_id(row): row for row in sorted(rows, key=in_use)}


def both_enrolled(kept: Person, dropped: Person) -> list[Problem]:
    """What stands against merging two records: a year in which both are enrolled, had money, or have it proposed."""
    years: dict[int, set[int]] = {}
    for person in (kept, dropped):
        rows = Enrolment.objects.live().resident().filter(of_person(person))
        money = Charge.objects.filter(of_person(person)).exclude(subsidised=0, received=0, refunded=0)
        lines = SubsidyLine.objects.filter(of_person(person), open=True)
        years[person.pk] = {year for found in (rows, money, lines) for year in found.values_list("year", flat=True)}
    both = years[kept.pk] & years[dropped.pk]
    for person, other in ((kept, dropped), (dropped, kept)):
        # What one of them has in a county that the actor does not see.
        for year in years[other.pk] - both:
            if any(there.scheme in RESIDENT for there in elsewhere([person.pk], year).get(person.pk, ())):
                both.add(year)
    return [BothEnrolled(years="、".join(map(str, sorted(both))))] if both else []


def insured_periods(person: Person, scheme: str | None = None) -> list[InsuredPeriod]:
    """When a person is insured, earliest first: periods whose premium is settled. What settlement asks.

    A resident's year counts once nothing is owed for it; other schemes count as their lists say.
    """
    charge = Charge.objects.filter(person=OuterRef("person"), year=OuterRef("year"))
    rows = Enrolment.objects.live().filter(of_person(person), insured__isnull=False)
    rows = rows.filter(~Q(scheme__in=RESIDENT) | Exists(charge.filter(balance__lte=0, void=False)))
    if scheme is not None:
        rows = rows.filter(scheme=scheme)
    return [
        InsuredPeriod(
            row.scheme, row.insured.lower, row.insured.upper - timedelta(days=1) if row.insured.upper else None, row.tier,
            row.year,
        )
        for row in rows.order_by("insured", "id")
    ]  # fmt: skip


def covers(path: str, *, on: date | None = None) -> QuerySet[Cover]:
    """Covers recorded in an area, withdrawn ones too, latest first; with `on`, those that hold on that day."""
    rows = Cover.objects.filter(within(path)).select_related("person__merged_into", "recorded_by", "withdrawn_by")
    if on is not None:
        rows = rows.live().filter(valid__contains=on)
    return rows.order_by("-id")


def covers_of(person: Person) -> list[Cover]:
    """All covers of a person, those of merged records and withdrawn ones too, latest first."""
    rows = Cover.objects.filter(of_person(person)).select_related("recorded_by", "withdrawn_by")
    return list(rows.order_by("-valid", "-id"))


def cover(number: int) -> Cover:
    """One. Raises NotFound."""
    found = Cover.objects.select_related("person__merged_into").filter(pk=number).first()
    if found is None:
        raise NotFound()
    return found


def within(path: str, column: str = "area_path") -> Q:
    """What lies in an area. A range, because that is what an index can answer under row security."""
    return Q(**{f"{column}__gte": path, f"{column}__lt": path + "~"})


# --- Enrolments and accounts ------------------------------------------------------------------------------------------

STATES = ("insured", "owing", "waiting", "ended")


def enrolments(*, year: int, path: str, scheme: str = "", state: str = "", on: date) -> QuerySet[Enrolment]:
    """Live enrolments of a year in an area, with the person and what is owed. `on` tells who is insured by now."""
    charge = Charge.objects.filter(person=OuterRef("person"), year=OuterRef("year"))
    rows = Enrolment.objects.live().filter(within(path), year=year).select_related("person__merged_into")
    rows = rows.annotate(balance=Subquery(charge.values("balance")[:1]))
    if scheme:
        rows = rows.filter(scheme=scheme)
    settled = Q(balance__lte=0) | Q(balance=None)
    if state == "insured":
        rows = rows.filter(settled, insured__contains=on)
    elif state == "owing":
        rows = rows.filter(balance__gt=0)
    elif state == "waiting":
        rows = rows.filter(settled, Q(insured=None) | Q(insured__startswith__gt=on))
    elif state == "ended":
        rows = rows.filter(insured__endswith__lte=on)
    return rows.order_by("person__name_key", "person_id")


def shown_state(row: Enrolment, balance: int | None, on: date) -> str:
    """Where an enrolment stands: one of `STATES`."""
    if balance is not None and balance > 0 and row.scheme in RESIDENT:
        return "owing"
    if row.insured is None or row.insured.lower > on:
        return "waiting"
    return "ended" if row.insured.upper is not None and row.insured.upper <= on else "insured"


def person(person_id: int) -> Person:
    """One person; whose number was merged into another leads to that one. Raises NotFound."""
    found = Person.objects.select_related("merged_into").filter(pk=person_id).first()
    if found is None:
        raise NotFound()
    return kept(found)


def area_of(code: str, path: str) -> Area:
    """The area with this code within `path`. Raises NotFound."""
    found = Area.objects.filter(within(path, "path"), code=code).first()
    if found is None:
        raise NotFound()
    return found


def pooling_area(code: str) -> Area:
    """The pooling area of this code, wherever it lies: its rules bind all below it. Raises NotFound."""
    found = Area.objects.filter(code=code).first()
    if found is None:
        raise NotFound()
    return found


def above_counties(path: str) -> list[Area]:
    """Cities and provinces within a path, itself left out: among them are the pooling areas."""
    rows = Area.objects.filter(within(path, "path"), level__in=("province", "city")).exclude(path=path)
    return list(rows.order_by("code"))


def parts_of(area: Area) -> list[Area]:
    """The areas right below one."""
    return list(area.parts.order_by("code"))


def counties(path: str) -> list[Area]:
    """The counties within a path."""
    return list(Area.objects.filter(within(path, "path"), level="county").order_by("code"))


@dataclass(frozen=True, slots=True)
class Account:
    """Everything about one person's year."""

    enrolments: list[Enrolment]
    withdrawn: list[Enrolment]
    charge: Charge | None
    entries: list[Entry]
    refunds: list[Refund]
    differences: list[Difference]
    elsewhere: list[Elsewhere]

    @property
    def resident(self) -> Enrolment | None:
        """The resident enrolment that stands."""
        return next((row for row in self.enrolments if row.scheme in RESIDENT), None)


def account(person: Person, year: int) -> Account:
    """A person's enrolments, money and open questions of a year."""
    rows = list(Enrolment.objects.filter(of_person(person), year=year).order_by("-id"))
    charge = accounts([person.pk], year).get(person.pk)
    entries, refunds, differences = [], [], []
    if charge is not None:
        entries = list(charge.entries.select_related("receipt", "line__batch", "refund").order_by("on", "id"))
        refunds = list(charge.refunds.select_related("proposed_by", "decided_by").order_by("id"))
        differences = list(charge.differences.select_related("row").order_by("id"))
    return Account(
        [row for row in rows if row.withdrawn_at is None], [row for row in rows if row.withdrawn_at is not None], charge, entries,
        refunds, differences, elsewhere([person.pk], year).get(person.pk, []),
    )  # fmt: skip


# --- Subsidies --------------------------------------------------------------------------------------------------------


def batches(year: int, path: str) -> QuerySet[SubsidyBatch]:
    """Batches of a year, latest first, with their sums."""
    return (
        SubsidyBatch.objects.filter(within(path), year=year)
        .select_related("area", "proposed_by", "decided_by")
        .annotate(people=Count("lines__person", distinct=True), fen=Sum("lines__fen"))
        .order_by("-id")
    )


def batch(number: int) -> SubsidyBatch:
    """One batch. Raises NotFound."""
    found = SubsidyBatch.objects.select_related("area", "proposed_by", "decided_by").filter(pk=number).first()
    if found is None:
        raise NotFound()
    return found


@dataclass(frozen=True, slots=True)
class PayerTotal:
    """What one payer gives and takes back."""

    payer: str
    people: int
    given: int
    taken_back: int

    @property
    def net(self) -> int:
        """Given less taken back."""
        return self.given + self.taken_back


def payer_totals(found: SubsidyBatch) -> list[PayerTotal]:
    """The sums of a batch by payer."""
    return _by_payer(found.lines.all())


def paid_by_payer(year: int, path: str) -> list[PayerTotal]:
    """What each payer gave for a year, over all approved batches."""
    return _by_payer(SubsidyLine.objects.filter(within(path), year=year, entry__isnull=False))


def _by_payer(lines: QuerySet[SubsidyLine]) -> list[PayerTotal]:
    sums = lines.values("payer").annotate(
        people=Count("person", distinct=True), given=Sum("fen", filter=Q(fen__gt=0), default=0),
        back=Sum("fen", filter=Q(fen__lt=0), default=0),
    )  # fmt: skip
    return [PayerTotal(s["payer"], s["people"], s["given"], s["back"]) for s in sums.order_by("-given", "payer")]


def lines(found: SubsidyBatch, *, payer: str = "", identity: str = "", kind: str = "") -> QuerySet[SubsidyLine]:
    """The lines of a batch, by payer, identity, and kind (given, taken_back, enrols)."""
    rows = found.lines.select_related("person__merged_into").order_by("person__name_key", "id")
    if payer:
        rows = rows.filter(payer=payer)
    if identity:
        rows = rows.filter(identity=identity)
    if kind == "given":
        rows = rows.filter(fen__gt=0)
    elif kind == "taken_back":
        rows = rows.filter(fen__lt=0)
    elif kind == "enrols":
        rows = rows.filter(enrols=True)
    return rows


def applicants(found: SubsidyBatch) -> list[tuple[str, int]]:
    """Which department applies for how many people of a batch."""
    rows = found.lines.filter(fen__gt=0).exclude(applied_by="").values_list("applied_by")
    return list(rows.annotate(people=Count("person", distinct=True)).order_by("applied_by"))


# --- Tax office -------------------------------------------------------------------------------------------------------


def tax_lists(year: int, path: str) -> QuerySet[TaxList]:
    """Lists handed out, latest first."""
    return TaxList.objects.filter(within(path), year=year).select_related("area", "made_by").order_by("-id")


def tax_list(number: int) -> TaxList:
    """One list. Raises NotFound."""
    found = TaxList.objects.select_related("area", "made_by").filter(pk=number).first()
    if found is None:
        raise NotFound()
    return found


def files(year: int, *kinds: str) -> QuerySet[ListFile]:
    """Tables that came in, latest first."""
    return ListFile.objects.filter(year=year, kind__in=kinds).select_related("uploaded_by").order_by("-id")


def file(number: int) -> ListFile:
    """One of them. Raises NotFound."""
    found = ListFile.objects.select_related("uploaded_by").filter(pk=number).first()
    if found is None:
        raise NotFound()
    return found


def outcomes(found: ListFile) -> dict[str, int]:
    """Outcome → rows."""
    return dict(found.lines.values_list("outcome").annotate(n=Count("id")).order_by("outcome"))


def file_rows(found: ListFile, outcome: str | None = None) -> QuerySet[ListRow]:
    """Rows of a table, in its order."""
    rows = found.lines.order_by("place")
    return rows if outcome is None else rows.filter(outcome=outcome)


def differences(year: int, path: str, *, decided: bool = False, kind: str = "") -> QuerySet[Difference]:
    """Differences that wait, or that were decided."""
    rows = Difference.objects.filter(within(path), year=year).select_related(
        "row", "charge__person__merged_into", "decided_by"
    )
    rows = rows.exclude(decision="") if decided else rows.filter(decision="")
    return (rows.filter(kind=kind) if kind else rows).order_by("-id")


def difference(number: int) -> Difference:
    """One difference. Raises NotFound."""
    found = Difference.objects.select_related("row", "charge__person__merged_into", "receipt").filter(pk=number).first()
    if found is None:
        raise NotFound()
    return found


def refunds(year: int, path: str, state: str = "") -> QuerySet[Refund]:
    """Refunds, latest first."""
    rows = Refund.objects.filter(within(path, "charge__area_path"), year=year)
    rows = rows.filter(state=state) if state else rows
    return rows.select_related("charge__person__merged_into", "proposed_by", "decided_by", "tax_list").order_by("-id")


def refund(number: int) -> Refund:
    """One refund. Raises NotFound."""
    found = Refund.objects.select_related("charge__person").filter(pk=number).first()
    if found is None:
        raise NotFound()
    return found


def overpaid(year: int, path: str) -> QuerySet[Charge]:
    """Accounts on which too much lies, and for which no refund waits."""
    waiting = Refund.objects.filter(charge=OuterRef("pk"), state="proposed")
    rows = Charge.objects.filter(within(path), ~Exists(waiting), year=year, balance__lt=0)
    return rows.select_related("person__merged_into").order_by("person__name_key", "id")


def charge(number: int) -> Charge:
    """One account. Raises NotFound."""
    found = Charge.objects.select_related("person__merged_into").filter(pk=number).first()
    if found is None:
        raise NotFound()
    return found


def died_before(year: int, path: str) -> QuerySet[Enrolment]:
    """People who are enrolled although they died before their insurance began."""
    rows = Enrolment.objects.live().resident().filter(within(path), year=year)
    rows = rows.annotate(died_on=Coalesce("person__merged_into__died_on", "person__died_on"))
    rows = rows.filter(insured__startswith__gt=F("died_on"))
    return rows.select_related("person__merged_into").order_by("person__name_key")


def year_sums(year: int, path: str) -> dict[str, int]:
    """The year's money in an area: due = covered + paid + owed − too much."""
    return Charge.objects.filter(within(path), year=year).aggregate(
        people=Count("id", filter=Q(void=False)), due=Sum("due", default=0), covered=Sum("covered", default=0),
        subsidised=Sum("subsidised", default=0), received=Sum("received", default=0), refunded=Sum("refunded", default=0),
        owed=Sum("balance", filter=Q(balance__gt=0), default=0), too_much=-Sum("balance", filter=Q(balance__lt=0), default=0),
    )  # fmt: skip


# --- Doubles ----------------------------------------------------------------------------------------------------------


def doubles(year: int, path: str, *, decided: bool = False) -> QuerySet[Double]:
    """Cases of double enrolment that wait, or that were decided."""
    rows = Double.objects.filter(within(path), year=year).select_related("person__merged_into", "decided_by")
    return (rows.exclude(keeps="") if decided else rows.filter(keeps="")).order_by("-id")


def double(number: int) -> Double:
    """One case. Raises NotFound."""
    found = Double.objects.select_related("person__merged_into").filter(pk=number).first()
    if found is None:
        raise NotFound()
    return found


# --- Coverage ---------------------------------------------------------------------------------------------------------

GOAL_CERTIFIED, GOAL_RESIDENTS = 10_000, 9_500
"""ID-3: all of the certified, 95 % of the residents. Ten-thousandths."""


@dataclass(slots=True)
class Coverage:
    """How many of an area, or of a category in it, are insured. `people` None: not known."""

    people: int | None = 0
    insured: int = 0

    @property
    def ratio(self) -> int | None:
        """Ten-thousandths, rounded down, so that 100 % means everybody; None without a denominator."""
        return self.insured * 10_000 // self.people if self.people else None

    @property
    def missing(self) -> int:
        """Who is not insured."""
        return (self.people or 0) - self.insured


@dataclass(slots=True)
class AreaCoverage:
    """One area's line: residents, the certified together, and by category. `area` None: those in no part of it."""

    area: Area | None
    residents: Coverage = field(default_factory=lambda: Coverage(None))
    certified: Coverage = field(default_factory=Coverage)
    by_identity: dict[str, Coverage] = field(default_factory=dict)
    population: Population | None = None


_INSURED = """
    select distinct coalesce(p.merged_into_id, p.id) as person_id
      from enrolment_enrolment e
      join people_person p on p.id = e.person_id
      left join enrolment_charge c on c.person_id = e.person_id and c.year = e.year
     where e.withdrawn_at is null and e.year = %(year)s and e.insured @> %(on)s
       and (e.scheme <> all(%(schemes)s) or (c.balance <= 0 and not c.void))
"""

_ELSEWHERE = """
    select e.person_id from enrolment_elsewhere(array(
        select distinct m.person_id from people_identitymark m
         where m.withdrawn_at is null and m.valid @> %(on)s and m.area_path >= %(path)s and m.area_path < %(path)s || '~'),
        %(year)s) e
     where e.settled and e.since <= %(on)s and (e.until is null or e.until > %(on)s)
"""
"""The certified who are insured in another county: they are not missing."""

_COVERAGE = f"""
with insured as materialized ({_INSURED} union {_ELSEWHERE}),
marked as (
    select distinct m.person_id, m.identity from people_identitymark m
     where m.withdrawn_at is null and m.valid @> %(on)s and m.identity = any(%(identities)s)),
people as (
    select p.id, split_part(p.area_path, '.', %(depth)s) as part, i.person_id is not null as insured
      from people_person p left join insured i on i.person_id = p.id
     where p.merged_into_id is null and (p.died_on is null or p.died_on >= %(on)s)
       and p.area_path >= %(path)s and p.area_path < %(path)s || '~')
select part, null as identity, count(*) filter (where insured) as n, 0 as insured from people group by part
union all
select part, identity, count(*), count(*) filter (where insured) from people join marked on person_id = id group by part, identity
union all
select part, '', count(*), count(*) filter (where insured) from people
 where id in (select person_id from marked) group by part
"""


def coverage(area: Area, *, year: int, on: date) -> tuple[AreaCoverage, list[AreaCoverage]]:
    """Coverage of an area and of the areas right below it on a day. Five statements however many they are."""
    parts = parts_of(area)
    rows = {part.code: AreaCoverage(part) for part in parts}
    whole, rest = AreaCoverage(area), AreaCoverage(None)
    depth = area.path.count(".") + 1
    values: dict[str, Any] = {
        "year": year, "on": on, "schemes": list(RESIDENT), "depth": depth, "path": area.path, "identities": list(IDENTITIES),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_COVERAGE, values)
        for part, identity, people, insured in cursor.fetchall():
            for line in (rows.get(part, rest), whole):
                if identity is None:
                    line.residents.insured += people
                    continue
                counted = line.by_identity.setdefault(identity, Coverage()) if identity else line.certified
                counted.people = (counted.people or 0) + people
                counted.insured += insured
    populations: dict[int, Population] = {}
    for row in Population.objects.filter(area__in=[area, *parts], year=year).order_by("id"):
        populations[row.area_id] = row
    for line in (whole, *rows.values()):
        if line.area is not None and (known := populations.get(line.area.pk)):
            line.population, line.residents.people = known, known.heads
    lines = list(rows.values())
    if rest.certified.people or rest.residents.insured:
        lines.append(rest)
    return whole, lines


_MISSING = f"""
    select distinct m.person_id from people_identitymark m
     where m.withdrawn_at is null and m.valid @> %(on)s and m.area_path >= %(path)s and m.area_path < %(path)s || '~'
       and (%(identity)s = '' or m.identity = %(identity)s)
    except ({_INSURED}) except ({_ELSEWHERE})
"""


def missing(path: str, *, year: int, on: date, identity: str = "") -> QuerySet[Person]:
    """Certified people who are not insured on a day, with what is owed where that is why."""
    values: dict[str, Any] = {
        "path": path, "year": year, "on": on, "identity": identity, "schemes": list(RESIDENT),
    }  # fmt: skip
    with connection.cursor() as cursor:
        # As sets: joined row by row it takes half a minute as long as the database has no statistics of a new list.
        cursor.execute(_MISSING, values)
        ids = [row[0] for row in cursor.fetchall()]
    theirs = Q(person=OuterRef("pk")) | Q(person__merged_into=OuterRef("pk"))
    known = Enrolment.objects.live().filter(theirs, year=year)
    alive = Enrolment.objects.live().resident().filter(person=OuterRef("person"), year=year)
    own = Charge.objects.filter(theirs, Exists(alive), year=year)
    persons = Person.objects.living_rows().filter(within(path), Q(died_on=None) | Q(died_on__gte=on), pk__in=ids)
    persons = persons.annotate(enrolled=Exists(known), balance=Subquery(own.values("balance")[:1]))
    return persons.order_by("name_key", "id")


def line(found: SubsidyBatch, number: int) -> SubsidyLine:
    """One line of a batch. Raises NotFound."""
    row = found.lines.select_related("person__merged_into").filter(pk=number).first()
    if row is None:
        raise NotFound()
    return row


# --- The home page ----------------------------------------------------------------------------------------------------


@waits
def subsidies_to_approve(officer: Officer) -> Waiting | None:
    """Batches that wait for finance."""
    if not officer.may(Right.SUBSIDY_APPROVE):
        return None
    count = SubsidyBatch.objects.filter(within(officer.area_path), state="proposed").count()
    return Waiting(Words("待核定的资助", "subsidies to approve"), count, reverse("enrolment:subsidies"))


@waits
def refunds_to_approve(officer: Officer) -> Waiting | None:
    """Refunds that wait for finance."""
    if not officer.may(Right.SUBSIDY_APPROVE):
        return None
    count = Refund.objects.filter(within(officer.area_path), state="proposed").count()
    return Waiting(Words("待核定的退费", "refunds to approve"), count, reverse("enrolment:refunds"))


@waits
def differences_to_decide(officer: Officer) -> Waiting | None:
    """Receipts of the tax office that do not fit."""
    if not officer.may(Right.TAX_EXCHANGE):
        return None
    count = Difference.objects.filter(within(officer.area_path), decision="").count()
    return Waiting(Words("税务回执差异", "differences with the tax office"), count, reverse("enrolment:differences"))


@waits
def doubles_to_decide(officer: Officer) -> Waiting | None:
    """People who are insured twice."""
    if not officer.may(Right.ENROLMENT_EDIT):
        return None
    count = Double.objects.filter(within(officer.area_path), keeps="").count()
    return Waiting(Words("待处理的重复参保", "double enrolments to decide"), count, reverse("enrolment:doubles"))
