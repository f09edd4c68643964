"""A person as settlement knows one: identities, insured periods, area. One statement, because every bill asks."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.db import connection

from yizhan.agency.enrolment.errors import NoPolicyThere
from yizhan.agency.enrolment.models import RESIDENT
from yizhan.agency.people.models import Person
from yizhan.engine.facts import DEPARTMENTS
from yizhan.errors import Problems
from yizhan.policy.areas import load_scheme


def pooling_area(area_path: str) -> str:
    """The code of the pooling area to which a path belongs. Raises NoPolicyThere."""
    county = area_path.split(".")[3] if area_path.count(".") > 3 else area_path.rstrip(".").rpartition(".")[2]
    try:
        return load_scheme(county[:6]).area
    except Problems:
        raise NoPolicyThere(area=county) from None


def pooling_path(area_path: str) -> str:
    """The path of the pooling area to which a path belongs: whose funds pay. Raises NoPolicyThere."""
    code = pooling_area(area_path)
    return area_path[: area_path.index(f"{code}.") + len(code) + 1]


# A resident's year counts once nothing is owed for it, as `queries.insured_periods` has it.
_KNOWN = """
    select
        (select json_agg(json_build_array(m.identity, lower(m.valid), upper(m.valid) - 1, m.certified_by)
                         order by m.valid, m.identity)
         from people_identitymark m
         where m.person_id = %(person)s and m.recorded_at <= coalesce(%(at)s::timestamptz, 'infinity')
         and (m.withdrawn_at is null or m.withdrawn_at > %(at)s::timestamptz)),
        (select json_agg(json_build_array(e.scheme, lower(e.insured), upper(e.insured) - 1, e.tier) order by e.insured, e.id)
         from enrolment_enrolment e join people_person p on p.id = e.person_id
         where (p.id = %(person)s or p.merged_into_id = %(person)s) and e.withdrawn_at is null and e.insured is not null
         and (not e.scheme = any(%(resident)s) or exists (
             select 1 from enrolment_charge c
             where c.person_id = e.person_id and c.year = e.year and c.balance <= 0 and not c.void))),
        (select a.name from staff_area a where a.code = %(county)s)
"""


def beneficiary_of(person: Person, known_at: datetime | None = None) -> dict[str, Any]:
    """The person as docs/settle.md describes a beneficiary, by the identities known at an instant; now, if none is given."""
    county = ".".join(person.area_path.split(".")[3:4])
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"person": person.pk, "at": known_at, "resident": list(RESIDENT), "county": county})
        marks, periods, name = cursor.fetchone()
    marks, periods = _read(marks), _read(periods)
    known: dict[str, Any] = {
        "person": person.number,
        "born_on": person.born_on.isoformat(),
        "sex": person.sex,
        "identities": [
            {"identity": identity, "from": begins, "to": ends, "certified_by": by if by in DEPARTMENTS else "other"}
            for identity, begins, ends, by in marks
        ],
    }
    if name:
        known["insured_county"] = name
    if periods:
        scheme, _, _, tier = periods[-1]
        known["insurance"] = scheme
        if tier:
            known["tier"] = tier
        known["insured"] = [{"from": begins, "to": ends} for _, begins, ends, _ in periods]
    return known


def _read(value: Any) -> list[Any]:
    return json.loads(value) if isinstance(value, str) else value or []
