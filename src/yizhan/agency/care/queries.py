"""Visits and settled bills as pages show them, and what a change of the past touches. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from django.db.models import Count, DateField, Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Greatest
from django.utils import timezone

from yizhan.agency.care.models import BillLine, PatientPayment, ResettlementLine, Settlement, Visit
from yizhan.agency.care.rewriting import Planned, planned_anew
from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.models import Cover
from yizhan.agency.people.models import Person
from yizhan.agency.people.queries import LAST, read_words
from yizhan.agency.rosters.models import PastChange
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.scope import Actor
from yizhan.errors import Problems


def visits() -> QuerySet[Visit]:
    """Visits of the officer's area or institution, latest first."""
    return Visit.objects.select_related("person__merged_into", "institution").order_by("-id")


def visit(number: int) -> Visit:
    """One. Raises NotFound."""
    found = visits().filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


WORKLIST = {
    "to_settle": Words("待结算", "to settle"),
    "in_house": Words("就诊中", "under treatment"),
    "planned": Words("预约", "planned"),
    "settled": Words("今日已结算", "settled today"),
    "all": Words("全部", "all"),
}
"""The parts of a window's day."""


def worklist(part: str, on: date) -> QuerySet[Visit]:
    """The visits of one part of the day, those that wait longest first; of all, the latest first."""
    rows = Visit.objects.filter(institution__isnull=False).select_related("person__merged_into", "institution")
    if part == "to_settle":
        return rows.unsettled().filter(state="discharged").order_by("discharged_on", "pk")
    if part == "in_house":
        return rows.filter(state="admitted").order_by("admitted_on", "pk")
    if part == "planned":
        return rows.filter(state="planned").order_by("admitted_on", "pk")
    if part == "settled":
        day = timezone.make_aware(datetime.combine(on, time()))
        live = Settlement.objects.live().filter(visit=OuterRef("pk"), recorded_at__gte=day)
        return rows.filter(Exists(live)).exclude(source="import").order_by("-pk")
    return rows.order_by("-pk")


def with_cost(rows: QuerySet[Visit]) -> QuerySet[Visit]:
    """Visits with the cost of their lines, or what was settled, as `total`, and whether they are settled."""
    live = Settlement.objects.live().filter(visit=OuterRef("pk"))
    entered = (
        BillLine.objects.filter(visit=OuterRef("pk")).values("visit").annotate(sum=Sum("amount_fen")).values("sum")
    )
    return rows.annotate(
        total=Coalesce(Subquery(live.values("total_fen")[:1]), Subquery(entered)), is_settled=Exists(live)
    )


def is_settled(found: Visit) -> bool:
    """Whether a settlement of the visit holds."""
    return Settlement.objects.live().filter(visit=found).exists()


def last_reversal(found: Visit) -> Settlement | None:
    """The reversal after which a visit has no settlement that holds."""
    return Settlement.objects.latest_rows().filter(visit=found, kind="reversed").select_related("recorded_by").first()


def live_settlement(found: Visit) -> Settlement | None:
    """The settlement of the visit that holds."""
    return Settlement.objects.live().filter(visit=found).select_related("recorded_by").first()


@dataclass(frozen=True, slots=True)
class LineSums:
    """The lines of a visit together: how many, and their pots in fen; `unknown` are those that no catalogue knows."""

    count: int
    total: int
    in_scope: int
    first_pay: int
    over_limit: int
    own: int
    unknown: int
    unknown_fen: int


_UNKNOWN = Q(why__key__in=("no_mapping", "mapping_proposed", "mapping_rejected", "not_listed")) & ~Q(
    why__has_key="refunds"
)
"""Lines that no catalogue knows, by the reasons of providers.splitting; what was returned is left out."""


def line_sums(found: Visit) -> LineSums:
    """All lines of a visit in one row."""
    fields = ("amount_fen", "in_scope", "first_pay", "over_limit", "own")
    sums = BillLine.objects.filter(visit=found).aggregate(
        count=Count("pk"), unknown=Count("pk", filter=_UNKNOWN), unknown_fen=Sum("amount_fen", filter=_UNKNOWN),
        **{f"sum_{f}": Sum(f) for f in fields},
    )  # fmt: skip
    pots = [sums[f"sum_{field}"] or 0 for field in fields]
    return LineSums(
        sums["count"], pots[0], pots[1], pots[2], pots[3], pots[4], sums["unknown"], sums["unknown_fen"] or 0
    )


def found_visits(typed: str) -> QuerySet[Visit]:
    """Visits that somebody's words name: their number, the patient's certificate, number, name or pinyin initials."""
    words = read_words(typed)
    named = Q(number__iexact=typed.strip())
    if words.form == "number":
        named |= Q(person_id=int(words.key)) | Q(person__merged_into_id=int(words.key))
    elif words.form == "certificate":
        hashes = [bytes.fromhex(found) for found in words.hashes]
        named |= Q(person__id_hash__in=hashes) | Q(person__merged__id_hash__in=hashes)
    elif words.form == "letters":
        named |= Q(person__initials__gte=words.key, person__initials__lt=words.key + LAST)
    elif words.form == "name":
        named |= Q(person__name_matched__gte=words.key, person__name_matched__lt=words.key + LAST)
    return worklist("all", timezone.localdate()).filter(named).distinct()


def lines(found: Visit) -> QuerySet[BillLine]:
    """The lines of a visit in the order of entry."""
    return BillLine.objects.filter(visit=found).order_by("position")


def lines_named(found: Visit, typed: str) -> QuerySet[BillLine]:
    """The lines that somebody means by their number, code, or a part of their name; all where nothing is typed."""
    words = " ".join(typed.split())
    if not words:
        return lines(found)
    named = Q(name__icontains=words) | Q(code__istartswith=words) | Q(national_code__istartswith=words)
    if words.isascii() and words.isdecimal() and len(words) < 6:
        named |= Q(position=int(words))
    return lines(found).filter(named)


def of_person(person: Person) -> QuerySet[Settlement]:
    """All bills of a person that hold, those of persons merged into this one included, in the order of the year."""
    rows = Settlement.objects.live().filter(Q(person=person) | Q(person__merged_into=person))
    return rows.select_related("visit__institution", "institution").order_by("settled_on", "ordinal")


def settlements() -> QuerySet[Settlement]:
    """Settlements of the officer's area or institution that hold or were reversed, latest first: the last of each chain."""
    return (
        Settlement.objects.latest_rows()
        .select_related("visit__institution", "person__merged_into", "institution")
        .order_by("-id")
    )


def settlement(number: int) -> Settlement:
    """One row of a chain, also one that was replaced. Raises NotFound."""
    rows = Settlement.objects.select_related(
        "visit__institution", "person__merged_into", "institution", "recorded_by", "replaced_by"
    )
    found = rows.filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def printed(number: int) -> Settlement | None:
    """The row that a printed bill names, whatever became of it; None where the officer does not see it."""
    return Settlement.objects.select_related("visit", "replaced_by").filter(pk=number).exclude(kind="reversed").first()


def chain(found: Visit) -> QuerySet[Settlement]:
    """All rows of a visit's chain, oldest first."""
    return Settlement.objects.filter(visit=found).select_related("recorded_by").order_by("id")


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a row of a chain: another stands in its place, or it was taken back; `row` is what did it."""

    row: Settlement

    @property
    def reversed(self) -> bool:
        """It was taken back, and nothing stands in its place."""
        return self.row.kind == "reversed"


def fate(found: Settlement) -> Fate | None:
    """What became of a row that holds no more, read by `settlement`; None where it is the last of its chain."""
    if not hasattr(found, "replaced_by"):
        return None
    return Fate(Settlement.objects.latest_rows().get(visit=found.visit_id))


@dataclass(frozen=True, slots=True)
class PatientAccount:
    """What an institution asks of a patient for a visit, and what was paid, in fen."""

    due_fen: int
    paid_fen: int
    deposits_fen: int = 0
    refunds_fen: int = 0

    @property
    def payments_fen(self) -> int:
        """What was paid besides deposits, before anything was given back."""
        return self.paid_fen - self.deposits_fen + self.refunds_fen

    @property
    def arrears_fen(self) -> int:
        """Owed; negative: to be given back."""
        return self.due_fen - self.paid_fen


def patient_account(found: Visit) -> PatientAccount:
    """The patient's account of a visit: before it is settled, nothing is due."""
    live = Settlement.objects.live().filter(visit=found).first()
    paid = PatientPayment.objects.filter(visit=found).aggregate(**_paid("fen", "kind"))
    return _account(live.due_fen if live else 0, paid)


def _paid(fen: str, kind: str) -> dict[str, Sum]:
    return {
        "paid": Sum(fen),
        "deposits": Sum(fen, filter=Q(**{kind: "deposit"})),
        "refunds": Sum(fen, filter=Q(**{kind: "refund"})),
    }


def _account(due: int, paid: Mapping[str, Any]) -> PatientAccount:
    return PatientAccount(due, paid["paid"] or 0, paid["deposits"] or 0, -(paid["refunds"] or 0))


def accounts_of(rows: Iterable[Settlement]) -> dict[int, PatientAccount]:
    """The patients' accounts of those of these bills that hold and an institution asked for, by settlement. One statement.

    Of a bill of the time before the platform nothing is known unless money of the patient is on record.
    """
    sums = _paid("visit__patient_payments__fen", "visit__patient_payments__kind")
    known = Q(visit__patient_payments__isnull=False) | ~Q(visit__source="import")
    found = Settlement.objects.live().filter(known, pk__in=[row.pk for row in rows], institution__isnull=False)
    return {
        row["pk"]: _account(row["total_fen"] - row["paid_fen"] + row["person_fen"], row)
        for row in found.values("pk", "total_fen", "paid_fen", "person_fen").annotate(**sums)
    }


# --- What a change of the past touches --------------------------------------------------------------------------------


def touched(roster_id: int | None = None) -> QuerySet[Settlement]:
    """Bills that hold, whose identity day lies in a period in which we now know better, or on whose policy day we now know
    better who holds supplementary insurance; and that were settled, or looked at in a batch without finding a difference, on
    what we knew before. With `roster_id` only those that this roster touched.
    """
    changes = PastChange.objects.filter(
        Q(person=OuterRef("person")) | Q(person=OuterRef("person__merged_into")),
        period__contains=OuterRef("identity_on"),
        recorded_at__gt=Greatest(OuterRef("known_at"), OuterRef("looked_at")),
    )
    if roster_id is not None:
        changes = changes.filter(roster_id=roster_id)
    looked = ResettlementLine.objects.filter(settlement=OuterRef("pk"), state="unchanged").order_by("-made_at")
    rows = settlements().exclude(kind="reversed").annotate(looked_at=Subquery(looked.values("made_at")[:1]))
    if roster_id is not None:
        rows = rows.filter(Exists(changes))
    else:
        rows = rows.annotate(policy_on=Cast(KeyTextTransform("policy_on", "result"), DateField()))
        rows = rows.filter(Exists(changes) | Exists(_covers_of_the_bill()))
    return rows.order_by("person__name_key", "person_id", "settled_on", "ordinal")


def _covers_of_the_bill() -> QuerySet[Cover]:
    """Covers of the person on the bill's policy day that were noted or withdrawn after it was settled or looked at."""
    kept = Coalesce(OuterRef("person__merged_into"), OuterRef("person"))
    looked = Greatest(OuterRef("known_at"), OuterRef("looked_at"))
    rows = Cover.objects.filter(Q(person=kept) | Q(person__merged_into=kept), valid__contains=OuterRef("policy_on"))
    return rows.filter(
        Q(recorded_at__gt=looked, withdrawn_at=None) | Q(recorded_at__lte=looked, withdrawn_at__gt=looked)
    )


@dataclass(frozen=True, slots=True)
class Anew:
    """A bill that holds, and what it would come to with what is known now. `problem` says why it cannot be said."""

    settlement: Settlement
    planned: Planned | None = None
    problem: Problems | None = None

    @property
    def identities(self) -> tuple[str, ...]:
        """Those that would count."""
        if self.planned is None or self.planned.answered is None:
            return tuple(self.settlement.identities)
        return tuple(sorted(self.planned.answered.outcome.identities))

    @property
    def patient_fen(self) -> int | None:
        """What would be left to the patient; None where it cannot be said."""
        if self.problem is not None:
            return None
        if self.planned is None or self.planned.answered is None:
            return self.settlement.patient_fen
        return self.planned.answered.outcome.patient_share

    @property
    def difference(self) -> int | None:
        """What the patient would get back (more was paid for him), in fen; negative: he would owe it."""
        return None if self.patient_fen is None else self.settlement.patient_fen - self.patient_fen


def settled_anew(rows: Iterable[Settlement], *, acting_user: Actor) -> list[Anew]:
    """What these bills and those that follow from them would come to now; the asked ones come first, in their order.

    A bill that follows and would change, too, stands after the asked ones of its person.
    """
    rows = list(rows)
    asked: dict[int, list[int]] = {}
    for row in rows:
        asked.setdefault(row.person.merged_into_id or row.person_id, []).append(row.pk)
    found: dict[int, Anew] = {}
    follow: list[Anew] = []
    for person_id, numbers in asked.items():
        try:
            planned = planned_anew(person_id, numbers, acting_user=acting_user)
        except Problems as problem:
            found |= {number: Anew(row, problem=problem) for number in numbers for row in rows if row.pk == number}
            continue
        for plan in planned:
            if plan.old.pk in numbers:
                found[plan.old.pk] = Anew(plan.old, plan)
            else:
                follow.append(Anew(plan.old, plan))
    return [found.get(row.pk, Anew(row)) for row in rows] + follow
