"""A visit as a claim: what the platform knows about it, in the words of docs/settle.md. Pure.

Three sources, the later ones winning: what having no record means, what records tell (institution, areas, agreement,
filings), and what somebody stated with the visit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from yizhan.agency.care.errors import RefundsExceedBill
from yizhan.agency.care.models import Visit
from yizhan.agency.filings.facts import NOTHING_ON_RECORD, institution_facts
from yizhan.agency.staff.models import Institution
from yizhan.engine.facts import CHARGES, FACTS, POTS
from yizhan.engine.money import yuan
from yizhan.engine.scheme import Scheme
from yizhan.errors import Problems

STATED = ("special_drug",)
"""Facts that a hospital may state. An emergency, a referral or an approved application is nobody's word: a filing or a
decision of the bureau has to be on record."""

APPROVED_ONLY = ("application",)
"""Facts that nobody states of a visit, the bureau's own staff neither: an `AssistanceApproval` has to be on record."""


@dataclass(frozen=True, slots=True)
class DaySum:
    """The lines of one day, charge（"" for most）and fee category, summed: pots in fen, and how many lines."""

    on: date
    charge: str
    pots: tuple[int, int, int, int]
    special_drug: bool
    count: int
    category: str = ""


def claim_of(
    visit: Visit,
    *,
    institution: Institution | None,
    sums: Iterable[DaySum],
    filed: Mapping[str, str],
    on: date,
    scheme: Scheme,
) -> dict[str, Any]:
    """The claim of a discharged visit, settled on a day. `filed` are the facts that filings tell.

    Raises Problems where refunds exceed what was charged.
    """
    assert visit.discharged_on is not None
    facts: dict[str, Any] = dict(NOTHING_ON_RECORD)
    if institution is not None:
        facts |= institution_facts(institution, visit.area_path)
    facts |= filed
    sums = list(sums)
    if any(day.special_drug for day in sums):
        facts["special_drug"] = "yes"
    if visit.continues_id is not None:
        facts["linked"] = "yes"
    stated = {FACTS_BY_WORD.get(key, key): value for key, value in visit.facts.items()}
    facts |= stated
    claim: dict[str, Any] = {
        "claim": visit.number,
        "care": visit.care,
        "admitted_on": visit.admitted_on.isoformat(),
        "discharged_on": visit.discharged_on.isoformat(),
        "settled_on": on.isoformat(),
        "diagnoses": list(visit.diagnoses),
        **facts,
    }
    if scheme.conventions.year_of(policy_day(claim, scheme)) in visit.approved_years:
        claim["application"] = "approved"
    return claim | (visit.amounts if visit.amounts is not None else amounts_of(visit, sums, scheme))


def policy_day(claim: Mapping[str, Any], scheme: Scheme) -> date:
    """The day whose rules settle a claim, by the area's choice（政策日期）: what the person held on that day counts."""
    return date.fromisoformat(claim[scheme.conventions.policy_date])


FACTS_BY_WORD = {fact.zh: code for code, fact in FACTS.items()}


def amounts_of(visit: Visit, sums: Sequence[DaySum], scheme: Scheme) -> dict[str, Any]:
    """What a claim says of the lines of a discharged visit: one sum, or where they fall into two years the lines by year.

    Raises Problems where refunds exceed what was charged.
    """
    year_of = scheme.conventions.year_of
    assert visit.discharged_on is not None
    if year_of(visit.admitted_on) == year_of(visit.discharged_on):
        pots = [sum(day.pots[p] for day in sums) for p in range(4)]
        charges = {c: sum(sum(day.pots) for day in sums if day.charge == c) for c in CHARGES}
        _refuse_negative(visit, pots)
        return {"amounts": _pots(pots), "charges": {c: yuan(max(0, fen)) for c, fen in charges.items() if fen > 0}}
    lines: dict[tuple[int, str], list[DaySum]] = {}
    for day in sums:
        lines.setdefault((year_of(day.on), day.charge), []).append(day)
    for year in {year for year, _ in lines}:
        _refuse_negative(visit, [sum(d.pots[p] for d in sums if year_of(d.on) == year) for p in range(4)])
    return {
        "lines": [
            {"on": max(d.on for d in days).isoformat(), **_pots([sum(d.pots[p] for d in days) for p in range(4)])}
            | ({"charge": charge} if charge else {})
            for (_, charge), days in sorted(lines.items())
        ]
    }


def _refuse_negative(visit: Visit, pots: list[int]) -> None:
    problems = [
        RefundsExceedBill(visit=visit.number, pot_zh=FACTS[pot].zh, pot_en=FACTS[pot].en, amount=yuan(fen))
        for pot, fen in zip(POTS, pots, strict=True)
        if fen < 0
    ]
    if problems:
        raise Problems(problems)


def _pots(pots: list[int]) -> dict[str, str]:
    return {"total": yuan(sum(pots)), **{pot: yuan(fen) for pot, fen in zip(POTS, pots, strict=True)}}
