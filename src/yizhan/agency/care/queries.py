"""Settled bills, those that a change of the past touches, and what they would come to now. Nothing here writes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from yizhan.agency.care.errors import NoPolicyThere
from yizhan.agency.care.models import Settlement
from yizhan.agency.enrolment.queries import insured_periods
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.rosters.models import PastChange
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Area
from yizhan.engine.money import parse_yuan
from yizhan.errors import Problems
from yizhan.exchange import as_json, read_request, settle_request
from yizhan.policy.areas import load_scheme

DAY = timedelta(days=1)


def pooling_area(area_path: str) -> str:
    """The code of the pooling area to which a path belongs. Raises NoPolicyThere."""
    county = area_path.split(".")[3] if area_path.count(".") > 3 else area_path.rstrip(".").rpartition(".")[2]
    try:
        return load_scheme(county[:6]).area
    except Problems:
        raise NoPolicyThere(area=county) from None


def beneficiary_of(person: Person, known_at: datetime | None = None) -> dict[str, Any]:
    """The person as `docs/settle.md` describes a beneficiary, by what was known at an instant; now, if none is given."""
    marks = IdentityMark.objects.filter(person=person).known(known_at).order_by("valid", "identity")
    periods = insured_periods(person)
    county = Area.objects.filter(code=".".join(person.area_path.split(".")[3:4])).values_list("name", flat=True).first()
    known: dict[str, Any] = {
        "person": person.number,
        "born_on": person.born_on.isoformat(),
        "sex": person.sex,
        "identities": [
            {
                "identity": mark.identity,
                "from": mark.valid.lower.isoformat(),
                "to": (mark.valid.upper - DAY).isoformat() if mark.valid.upper else None,
                "certified_by": mark.certified_by if mark.certified_by in _DEPARTMENTS else "other",
            }
            for mark in marks
        ],
    }
    if county:
        known["insured_county"] = county
    if periods:
        known["insurance"] = periods[-1].scheme
        known["insured"] = [
            {"from": p.from_on.isoformat(), "to": p.to_on.isoformat() if p.to_on else None} for p in periods
        ]
    return known


_DEPARTMENTS = ("civil_affairs", "rural_revitalisation", "poverty_office", "disabled_federation", "healthcare_security")


def of_person(person: Person) -> QuerySet[Settlement]:
    """All bills of a person, those of persons merged into this one included, in the order of the year."""
    return Settlement.objects.filter(Q(person=person) | Q(person__merged_into=person)).order_by("settled_on", "id")


def settlements() -> QuerySet[Settlement]:
    """Settled bills of the officer's area, latest first."""
    return Settlement.objects.select_related("person__merged_into", "institution").order_by("-id")


def settlement(number: int) -> Settlement:
    """One. Raises NotFound."""
    found = settlements().filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def touched(roster_id: int | None = None) -> QuerySet[Settlement]:
    """Bills whose identity day lies in a period in which we now know better, and that were settled before we did.

    With `roster_id` only those that this roster touched.
    """
    changes = PastChange.objects.filter(
        Q(person=OuterRef("person")) | Q(person=OuterRef("person__merged_into")),
        period__contains=OuterRef("identity_on"),
        recorded_at__gt=OuterRef("recorded_at"),
    )
    if roster_id is not None:
        changes = changes.filter(roster_id=roster_id)
    return settlements().filter(Exists(changes)).order_by("person__name_key", "person_id", "settled_on", "id")


@dataclass(frozen=True, slots=True)
class Resettled:
    """A bill as it was settled, and as it would be with what is known now. `problem` says why it cannot be said."""

    settlement: Settlement
    identities: tuple[str, ...] = ()
    patient_fen: int | None = None
    payments: tuple[tuple[str, str, int], ...] = ()
    problem: Problems | None = None

    @property
    def difference(self) -> int | None:
        """What the patient would get back (more was paid for him), in fen; negative: he would owe it."""
        return None if self.patient_fen is None else self.settlement.patient_fen - self.patient_fen

    @property
    def changes(self) -> tuple[tuple[str, str, int], ...]:
        """(layer, its English name, what it would pay more) where it would pay something else."""
        was = {p["layer"]: parse_yuan(p["amount"]) for p in self.settlement.result["payments"]}
        now = {layer: fen for layer, _, fen in self.payments}
        english = {p["layer"]: p["layer_en"] for p in self.settlement.result["payments"]}
        english |= {layer: en for layer, en, _ in self.payments}
        moved = [(layer, english[layer], now.get(layer, 0) - was.get(layer, 0)) for layer in english]
        return tuple(change for change in moved if change[2])


def resettled(rows: Iterable[Settlement]) -> list[Resettled]:
    """What these bills would come to now. Each year of a person is settled anew from its beginning, in its order."""
    rows = list(rows)
    people = {person.pk: person for row in rows for person in [row.person.merged_into or row.person]}
    every: dict[int, list[Settlement]] = {}
    theirs = Settlement.objects.filter(Q(person__in=people) | Q(person__merged_into__in=people))
    for row in theirs.select_related("person").order_by("settled_on", "id"):
        every.setdefault(row.person.merged_into_id or row.person_id, []).append(row)
    found: dict[int, Resettled] = {}
    for person_id, bills in every.items():
        found |= _anew(people[person_id], bills)
    return [found.get(row.pk, Resettled(row)) for row in rows]


def _anew(person: Person, bills: list[Settlement]) -> dict[int, Resettled]:
    asked = {
        "area": pooling_area(bills[0].area_path),
        "beneficiary": beneficiary_of(person),
        "claims": [bill.claim for bill in bills],
    }
    try:
        request = read_request(json.dumps(asked, ensure_ascii=False))
        answer = as_json(request, settle_request(request))
    except Problems as problem:
        return {bill.pk: Resettled(bill, problem=problem) for bill in bills}
    return {
        bill.pk: Resettled(
            bill,
            tuple(new["identities"]),
            parse_yuan(new["patient"]["total"]),
            tuple((p["layer"], p["layer_en"], parse_yuan(p["amount"])) for p in new["payments"]),
        )
        for bill, new in zip(bills, answer["settlements"], strict=True)
    }
