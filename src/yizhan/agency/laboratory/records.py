"""The agency's people and bills for the laboratory, without anything that names them: `./yizhan records`.

    persons.parquet, bills.parquet      as simulation.recorded reads them

A person becomes a random number that is kept nowhere, a day of birth an age, an institution its tier and grade. What the
register does not know (incomes) is 0, and the laboratory then says nothing about catastrophic spending. Rare combinations
can still point to somebody: the files are for the bureau's own machines, and making them stands in the audit trail.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from django.db.models import Q

from yizhan.agency.care.models import Settlement
from yizhan.agency.enrolment.beneficiaries import pooling_area
from yizhan.agency.laboratory.errors import NoBillsThere
from yizhan.agency.people.models import HouseholdMember, IdentityMark, Person
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.models import Area
from yizhan.agency.staff.scope import Actor, System, acting
from yizhan.engine.facts import CHARGES, FACTS, POTS
from yizhan.engine.money import parse_yuan

OPERATOR = System("records")
LEFT_OUT = ("institution",)
"""Facts that would tell where somebody was treated. Rules that name one hospital then find another."""

UNKNOWN = 0
"""An income that the register does not have."""


def export(folder: Path, area_code: str, year: int, *, acting_user: Actor = OPERATOR) -> tuple[int, int]:
    """Write the people and the standing bills of a pooling area and year of discharge. Returns how many of each.

    Raises NoBillsThere, OSError where the folder exists or cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with acting(acting_user):
        area = Area.objects.filter(code=area_code).first()
        if area is None:
            raise NoBillsThere(area=area_code, year=year)
        persons = list(_persons(area.path, date(year, 12, 31)))
        numbers = list(range(1, len(persons) + 1))
        secrets.SystemRandom().shuffle(numbers)
        number_of = {person.pop("pk"): number for person, number in zip(persons, numbers, strict=True)}
        bills = [bill for bill in _bills(area.path, year) if bill["person"] in number_of]
        if not bills:
            raise NoBillsThere(area=area_code, year=year)
        record(
            "laboratory.export",
            area_path=area.path,
            year=year,
            persons=len(persons),
            bills=len(bills),
            acting_user=acting_user,
        )
    for person, number in zip(persons, numbers, strict=True):
        person["person"] = number
    for sequence, bill in enumerate(bills):
        bill |= {"person": number_of[bill["person"]], "sequence": sequence}
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(sorted(persons, key=lambda p: p["person"])), folder / "persons.parquet")
    bills.sort(key=lambda b: (b["person"], b["discharged_on"], b["sequence"]))
    pq.write_table(pa.Table.from_pylist(bills), folder / "bills.parquet")
    return len(persons), len(bills)


def _persons(path: str, on: date) -> Iterator[dict[str, Any]]:
    """Everybody of an area who lived on a day, with the identities and the household of that day."""
    living = Person.objects.filter(area_path__startswith=path, merged_into=None, born_on__lte=on)
    living = living.filter(Q(died_on=None) | Q(died_on__gt=date(on.year - 1, 12, 31)))
    held: dict[int, set[str]] = {}
    for person, identity in (
        IdentityMark.objects.known().on(on).filter(person__in=living).values_list("person_id", "identity")
    ):
        held.setdefault(person, set()).add(identity)
    homes = dict(
        HouseholdMember.objects.filter(withdrawn_at=None, valid__contains=on, person__in=living).values_list("person_id", "household_id")
    )  # fmt: skip
    counties = dict(Area.objects.filter(path__startswith=path).values_list("path", "name"))
    alone = 0
    for pk, born_on, sex, area_path in living.values_list("pk", "born_on", "sex", "area_path").order_by("pk"):
        alone -= 1
        yield {
            "pk": pk, "household": homes.get(pk, alone), "age": on.year - born_on.year, "sex": sex,
            "identities": ";".join(sorted(held.get(pk, ()))), "insured_county": _county(area_path, counties), "income": UNKNOWN,
        }  # fmt: skip


def _county(area_path: str, counties: dict[str, str]) -> str:
    """The county of a path: its fourth level, else the area itself."""
    parts = area_path.rstrip(".").split(".")
    return counties.get(".".join(parts[:4]) + ".", counties.get(area_path, ""))


def _bills(path: str, year: int) -> Iterator[dict[str, Any]]:
    rows = Settlement.objects.live().filter(area_path__startswith=path, discharged_on__year=year)
    for row in rows.order_by("settled_on", "ordinal").iterator(chunk_size=1000):
        claim = row.claim
        parts = claim.get("lines") or [claim["amounts"]]
        facts = {
            code: _word(claim[code]) for code, fact in FACTS.items()
            if fact.about == "claim" and code in claim and code not in (*LEFT_OUT, "diagnoses", "days")
        }  # fmt: skip
        insured = {
            code: _word(row.beneficiary[code])
            for code in ("sex", "insurance", "insured_county", "supplementary", "tier")
            if row.beneficiary.get(code) is not None
        }
        born = date.fromisoformat(row.beneficiary["born_on"])
        yield {
            "area": pooling_area(row.area_path), "person": row.person_id, "admitted_on": row.admitted_on,
            "discharged_on": row.discharged_on, "settled_on": row.settled_on, "identities": ";".join(row.identities),
            "age": row.identity_on.year - born.year - ((row.identity_on.month, row.identity_on.day) < (born.month, born.day)),
            "diagnoses": ";".join(claim.get("diagnoses", ())), **facts, **insured,
            **{pot: sum(parse_yuan(part[pot]) for part in parts) for pot in POTS},
            **{c: parse_yuan(claim.get("charges", {}).get(c, "0.00")) for c in CHARGES},
        }  # fmt: skip


def _word(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
