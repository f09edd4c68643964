"""A person as settlement knows one: identities, insured periods, supplementary insurance, area. One statement, because every
bill asks.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from yizhan.agency.enrolment.errors import NoPolicyThere
from yizhan.agency.enrolment.models import RESIDENT
from yizhan.agency.people.models import Person
from yizhan.agency.statements import prepared
from yizhan.engine.facts import DEPARTMENTS
from yizhan.engine.settlement import resolver_of
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


COVERING = "补充保险"
"""The kind of layer that supplementary insurance pays."""


def insurers_at(area_path: str) -> tuple[str, ...]:
    """Who pays supplementary insurance in a place, as its policies name them. Raises NoPolicyThere."""
    scheme = load_scheme(pooling_area(area_path))
    payers = resolver_of(scheme).payers
    return tuple(dict.fromkeys(p for layer in scheme.layers if layer.kind == COVERING for p in payers[layer.name]))


# A resident's year counts once nothing is owed for it, as `queries.insured_periods` has it. "offset 0" keeps the planner from
# reading all enrolments of the area: row security lets it believe that they are few.
_KNOWN = """
    select
        (select json_agg(json_build_array(m.identity, lower(m.valid), upper(m.valid) - 1, m.certified_by)
                         order by m.valid, m.identity)
         from people_identitymark m
         where m.person_id = %(person)s::bigint and m.recorded_at <= coalesce(%(at)s::timestamptz, 'infinity')
         and (m.withdrawn_at is null or m.withdrawn_at > %(at)s::timestamptz)),
        (select json_agg(json_build_array(e.scheme, lower(e.insured), upper(e.insured) - 1, e.tier) order by e.insured, e.id)
         from unnest(%(person)s::bigint || array(
             select id from people_person where merged_into_id = %(person)s::bigint)) person(id)
         cross join lateral (select * from enrolment_enrolment e where e.person_id = person.id offset 0) e
         left join lateral (
             select * from enrolment_charge c where c.person_id = e.person_id and c.year = e.year offset 0) c on true
         where e.withdrawn_at is null and e.insured is not null
         and (not e.scheme = any(%(resident)s) or (c.balance <= 0 and not c.void))),
        (select a.name from staff_area a where a.code = %(county)s),
        exists (select 1 from unnest(%(person)s::bigint || array(
                    select id from people_person where merged_into_id = %(person)s::bigint)) person(id)
                cross join lateral (select * from enrolment_cover c where c.person_id = person.id offset 0) c
                where c.valid @> %(on)s::date and c.recorded_at <= coalesce(%(at)s::timestamptz, 'infinity')
                and (c.withdrawn_at is null or c.withdrawn_at > %(at)s::timestamptz))
"""


def beneficiary_of(person: Person, *, on: date, known_at: datetime | None = None) -> dict[str, Any]:
    """The person as docs/settle.md describes a beneficiary, by what was known at an instant; now, if none is given.

    Facts of which a bill has one value（insurance, tier, supplementary insurance）are those of `on`, the day whose rules the
    area lets count: who has no cover on record for that day holds none.
    """
    county = ".".join(person.area_path.split(".")[3:4])
    asked = {"person": person.pk, "at": known_at, "on": on, "resident": list(RESIDENT), "county": county}
    with prepared() as cursor:
        cursor.execute(_KNOWN, asked)
        marks, periods, name, covered = cursor.fetchone()
    marks, periods = _read(marks), _read(periods)
    known: dict[str, Any] = {
        "person": person.number,
        "born_on": person.born_on.isoformat(),
        "sex": person.sex,
        "supplementary": "yes" if covered else "no",
        "identities": [
            {"identity": identity, "from": begins, "to": ends, "certified_by": by if by in DEPARTMENTS else "other"}
            for identity, begins, ends, by in marks
        ],
    }
    if name:
        known["insured_county"] = name
    if periods:
        day = on.isoformat()
        there = (p for p in reversed(periods) if p[1] <= day and (p[2] is None or day <= p[2]))
        scheme, _, _, tier = next(there, periods[-1])
        known["insurance"] = scheme
        if tier:
            known["tier"] = tier
        known["insured"] = [{"from": begins, "to": ends} for _, begins, ends, _ in periods]
    return known


def _read(value: Any) -> list[Any]:
    return json.loads(value) if isinstance(value, str) else value or []
