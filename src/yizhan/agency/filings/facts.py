"""What filings tell about a bill: referral, emergency, registrations. One statement; the rest is decided in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from yizhan.agency.enrolment.beneficiaries import pooling_area
from yizhan.agency.enrolment.errors import NoPolicyThere
from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Institution
from yizhan.agency.statements import prepared
from yizhan.engine.claim import YearState
from yizhan.engine.scheme import Conventions, Scheme
from yizhan.policy.areas import load_scheme

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
    """The facts that filings tell（codes of engine.facts）, and the filings that were looked at.

    `other_disease` are registrations that hold and do not count, as the visit names no diagnosis of their disease;
    `registered`: one of a chronic or special outpatient disease holds and is of a diagnosis of the visit.
    """

    facts: dict[str, str]
    filings: tuple[int, ...]
    other_disease: tuple[int, ...] = ()
    registered: bool = False


@dataclass(frozen=True, slots=True)
class Filed:
    """A filing as far as a bill looks at it, and whether its period has the day of admission, and of discharge."""

    number: int
    kind: str
    state: str
    to_institution: int | None
    place: str
    disease: str
    diagnoses: Sequence[str] = field(default_factory=tuple)
    from_stay: bool = False
    emergency_on: date | None = None
    due_on: date | None = None
    on_admission: bool = True
    at_end: bool = True

    @property
    def filed(self) -> bool:
        """Approved; that it ended later is seen from its period."""
        return self.state in ("approved", "ended")


@dataclass(frozen=True, slots=True)
class Stay:
    """What decides which filings count: where, when, for which diagnoses, and on which day it is settled."""

    institution: Institution
    admitted_on: date
    discharged_on: date
    diagnoses: Sequence[str]
    on: date


_FILED = """
    select p.area_path, f.id, f.kind, f.state, f.to_institution_id, coalesce(a.path, ''), f.disease, f.diagnoses, f.from_stay,
           f.emergency_on, f.due_on, f.valid @> %(admitted)s::date, f.valid @> %(discharged)s::date
    from people_person p
    left join filings_filing f on f.person_id = any(%(persons)s::bigint[])
        and f.state in ('approved', 'ended', 'forged', 'evidence', 'decision', 'returned')
        and f.valid && daterange(%(admitted)s::date, %(discharged)s::date, '[]')
    left join staff_area a on a.id = f.place_id
    where p.id = any(%(persons)s::bigint[]) and p.merged_into_id is null
    order by f.id
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

    `person_ids` are the person's and those of the records merged into it.
    """
    stay = Stay(institution, admitted_on, discharged_on, diagnoses, on)
    path, filed = filed_for(person_ids, admitted_on=admitted_on, discharged_on=discharged_on)
    return told(filed, person_path=path, stay=stay)


def filed_for(person_ids: Sequence[int], *, admitted_on: date, discharged_on: date) -> tuple[str, list[Filed]]:
    """The area that answers for a person, and the filings that a stay of these days may look at. One statement."""
    with prepared() as cursor:
        cursor.execute(_FILED, {"persons": list(person_ids), "admitted": admitted_on, "discharged": discharged_on})
        rows = cursor.fetchall()
    return (rows[0][0] if rows else ""), [Filed(*row[1:]) for row in rows if row[1] is not None]


def told(filed: Sequence[Filed], *, person_path: str, stay: Stay) -> Found:
    """What these filings tell about a stay. Pure.

    A referral is by the rules if one to this institution holds on admission; none is needed in a township hospital or the own
    county's, nor where the person is filed as living. One that was forged stays so, whatever was filed later. An emergency
    counts once its evidence is there, and before that while it is still in time. A registration counts if it holds at
    discharge and the stay names its disease.
    """
    here = [f for f in filed if f.kind == "referral" and f.to_institution == stay.institution.pk and f.on_admission]
    forged = next((f for f in here if f.state == "forged"), None)
    referrals = sorted((f for f in here if f.filed), key=lambda f: not f.from_stay)
    referral = referrals[0] if referrals and not forged else None
    lives_there = next((f for f in filed if _lives_there(f, stay.institution)), None)
    emergency = next((f for f in filed if _is_emergency(f, stay)), None)
    facts = {"referral": "none"}
    if forged:
        facts["referral"] = "forged"
    elif referral or lives_there or not needs_referral(person_path, stay.institution):
        facts["referral"] = "by_rule"
    if referral and referral.from_stay:
        facts["linked"] = "yes"
    if emergency:
        facts["emergency"] = "yes"
    used = [f for f in (forged, referral, lives_there, emergency) if f]
    missed: list[Filed] = []
    registered = False
    for kind, fact in (("severe", "severe_programme"), ("chronic", "quota_chronic"), ("special", "")):
        held = [f for f in filed if f.kind == kind and f.filed and f.at_end]
        if fitting := [f for f in held if is_of_disease(f, stay.diagnoses, person_path)]:
            facts |= {fact: "yes"} if fact else {}
            used += fitting
            registered |= kind != "severe"
        missed += [f for f in held if f not in fitting]
    return Found(facts, tuple(f.number for f in used), tuple(f.number for f in missed), registered)


def needs_referral(person_path: str, institution: Institution) -> bool:
    """Whether a stay in this institution needs a referral: none in a township's hospital, nor, unless the area's policies
    want one above the township already（约定: 转诊备案）, in the own county's.
    """
    if institution.tier == "township":
        return False
    county = ".".join(person_path.split(".")[:4]) + "."
    own = institution.tier == "county" and person_path.count(".") > 3 and institution.area_path.startswith(county)
    return not own or _above(person_path) == "township"


def _above(person_path: str) -> str:
    try:
        return load_scheme(pooling_area(person_path)).conventions.referral_above
    except NoPolicyThere:
        return Conventions().referral_above


def is_of_disease(filed: Filed, diagnoses: Sequence[str], person_path: str) -> bool:
    """Whether one of these diagnoses is the disease of a registration: by its name or code, or a code below it, or one that
    the area's policies count as the same disease（病种编码）."""
    registered = {part for word in (filed.disease, *filed.diagnoses) for part in _parts(word)}
    said = {part for word in diagnoses for part in _parts(word)}
    if registered & said or any(d.startswith(tuple(f"{code}." for code in registered)) for d in said):
        return True
    try:
        scheme = load_scheme(pooling_area(person_path))
    except NoPolicyThere:
        return False
    return bool(scheme.diseases(registered) & scheme.diseases(said))


def _parts(word: str) -> Iterator[str]:
    """A diagnosis as it is written, and, where it is a code followed by a name（N18.5 慢性肾脏病5期）, each of the two."""
    plain = word.strip().upper().replace("。", ".")
    if plain:
        yield plain
    if both := _CODE_AND_NAME.fullmatch(plain):
        yield from both.groups()


_CODE_AND_NAME = re.compile(r"([A-Z][0-9]{2}(?:\.[0-9A-Z]{1,5})?)[ \t]+(.+)")


def _lives_there(f: Filed, institution: Institution) -> bool:
    there = bool(f.place) and institution.area_path.startswith(f.place)
    return f.kind == "offsite" and f.filed and f.on_admission and there


def _is_emergency(f: Filed, stay: Stay) -> bool:
    if f.kind != "emergency" or f.to_institution != stay.institution.pk or f.emergency_on is None:
        return False
    in_time = f.state == "decision" or (
        f.state in ("evidence", "returned") and (f.due_on is None or stay.on <= f.due_on)
    )
    return (f.filed or in_time) and stay.admitted_on <= f.emergency_on <= stay.discharged_on


# --- What records tell about an institution ---------------------------------------------------------------------------


def place_of(person_path: str, institution_path: str) -> str:
    """Where care was given, seen from where the person is insured: own_county, own_city, own_province, elsewhere."""
    mine, theirs = person_path.split("."), institution_path.split(".")
    for depth, place in ((4, "own_county"), (3, "own_city"), (2, "own_province")):
        if len(mine) > depth and len(theirs) > depth and mine[:depth] == theirs[:depth]:
            return place
    return "elsewhere"


def institution_facts(institution: Institution, person_path: str) -> dict[str, Any]:
    """What a bill says about its institution, in the codes of engine.facts."""
    return {
        "institution": institution.name,
        "institution_level": institution.level,
        "institution_tier": institution.tier,
        "designated": "yes",
        "tcm": "yes" if institution.kind == "tcm_hospital" else "no",
        "place": place_of(person_path, institution.area_path),
    }
