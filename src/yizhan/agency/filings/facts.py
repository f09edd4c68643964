"""What filings tell about a bill: referral, emergency, registrations. One statement; the rest is decided in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import connection

from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Institution
from yizhan.engine.claim import YearState
from yizhan.engine.scheme import Scheme

NOTHING_ON_RECORD: Mapping[str, str] = {
    "emergency": "no",
    "linked": "no",
    "tcm": "no",
    "severe_programme": "no",
    "quota_chronic": "no",
    "special_drug": "no",
    "application": "not_applied",
    "expert_review": "pending",
    "wilful_default": "no",
    "audit": "normal",
}
"""What a fact is while no filing, registration, review or finding says otherwise."""

YEAR_STATE: list[Callable[[Person, Scheme], Mapping[int, YearState]]] = []
"""Filled by care: a person's policy years so far, for the effect of a filing shown before it is decided."""


@dataclass(frozen=True, slots=True)
class Found:
    """The facts that filings tell（codes of engine.facts）, and the filings that were looked at."""

    facts: dict[str, str]
    filings: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Filed:
    number: int
    kind: str
    state: str
    to_institution: int | None
    institution: int | None
    place: str
    from_stay: bool
    emergency_on: date | None
    due_on: date | None
    on_admission: bool
    at_end: bool


_FILED = """
    select p.area_path, f.id, f.kind, f.state, f.to_institution_id, f.institution_id, coalesce(a.path, ''), f.from_stay,
           f.emergency_on, f.due_on, f.valid @> %(admitted)s::date, f.valid @> %(discharged)s::date
    from people_person p
    left join filings_filing f on f.person_id = any(%(persons)s)
        and f.state in ('approved', 'forged', 'evidence', 'decision', 'opinion')
        and f.valid && daterange(%(admitted)s::date, %(discharged)s::date, '[]')
    left join staff_area a on a.id = f.place_id
    where p.id = any(%(persons)s) and p.merged_into_id is null
"""


def facts_for(
    person_ids: Sequence[int],
    *,
    institution: Institution,
    care: str,
    admitted_on: date,
    discharged_on: date,
    diagnoses: Sequence[str],
    on: date,
) -> Found:
    """What is on record about a visit on the day of settling `on`. One statement; inside `acting`.

    A referral is by the rules if one to this institution holds on admission; none is needed in the own township or county
    hospital, or where the person is filed as living. An emergency counts while its evidence is still in time.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FILED, {"persons": list(person_ids), "admitted": admitted_on, "discharged": discharged_on})
        rows = cursor.fetchall()
    path = rows[0][0] if rows else ""
    filed = [_Filed(*row[1:]) for row in rows if row[1] is not None]

    def one(kind: str, state: str, *, at_end: bool = False) -> _Filed | None:
        return next(
            (f for f in filed if (f.kind, f.state) == (kind, state) and (f.at_end if at_end else f.on_admission)), None
        )

    here = [f for f in filed if f.kind == "referral" and f.to_institution == institution.pk and f.on_admission]
    forged = next((f for f in here if f.state == "forged"), None)
    referral = next((f for f in here if f.state == "approved"), None)
    lives_there = _lives_there(filed, institution)
    emergency = next((f for f in filed if _emergency(f, institution, admitted_on, discharged_on, on)), None)
    severe, chronic = one("severe", "approved", at_end=True), one("chronic", "approved", at_end=True)
    facts = {"referral": "none"}
    if forged:
        facts["referral"] = "forged"
    elif referral or lives_there or not needs_referral(path, institution):
        facts["referral"] = "by_rule"
    if referral and referral.from_stay:
        facts["linked"] = "yes"
    for fact, filing in (("emergency", emergency), ("severe_programme", severe), ("quota_chronic", chronic)):
        if filing:
            facts[fact] = "yes"
    used = [f.number for f in (forged, referral, lives_there, emergency, severe, chronic) if f]
    return Found(facts, tuple(used))


def needs_referral(person_path: str, institution: Institution) -> bool:
    """Whether going to this institution needs a referral: not in a township hospital, nor in the own county's hospital."""
    if institution.tier == "township":
        return False
    county = ".".join(person_path.split(".")[:4]) + "."
    return not (
        institution.tier == "county" and person_path.count(".") > 3 and institution.area_path.startswith(county)
    )


def _lives_there(filed: Sequence[_Filed], institution: Institution) -> _Filed | None:
    def holds(f: _Filed) -> bool:
        return f.kind == "offsite" and f.state == "approved" and f.on_admission and bool(f.place)

    return next((f for f in filed if holds(f) and institution.area_path.startswith(f.place)), None)


def _emergency(f: _Filed, institution: Institution, admitted_on: date, discharged_on: date, on: date) -> bool:
    if f.kind != "emergency" or f.institution != institution.pk or f.emergency_on is None:
        return False
    in_time = f.state == "decision" or (f.state == "evidence" and (f.due_on is None or on <= f.due_on))
    return (f.state == "approved" or in_time) and admitted_on <= f.emergency_on <= discharged_on
