"""What a filing changes, shown before it is decided: a sample bill of the person, settled with the filing and without it.

Both are the real engine's answers: the person's identities, insured periods and year so far, every other filing that counts,
the rules in force on the day. Only the bill is a sample. Nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.beneficiaries import beneficiary_of, pooling_area
from yizhan.agency.filings import facts
from yizhan.agency.filings.kinds import KINDS
from yizhan.agency.filings.models import Filing
from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Area, Institution
from yizhan.engine.claim import YearState
from yizhan.engine.facts import FACTS
from yizhan.engine.money import yuan, yuan_grouped
from yizhan.engine.scheme import Scheme
from yizhan.engine.settlement import Payment, Settlement, looked_at, settle
from yizhan.errors import InputProblem, Problem, Problems
from yizhan.exchange import read_request
from yizhan.policy.areas import load_scheme

SAMPLE_FEN = 10_000_00
"""What a sample bill has in scope where nothing else is asked."""

MOST_FEN = 10_000_000_00
DAYS = 7
"""Days of a sample stay, shorter where the filing or the policy year ends before."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The bill that is tried: all of it in scope, at one institution, from one day to another."""

    institution: Institution
    fen: int
    admitted_on: date
    discharged_on: date
    care: str

    @property
    def yuan(self) -> str:
        """The amount, in yuan."""
        return yuan(self.fen)


@dataclass(frozen=True, slots=True)
class LayerEffect:
    """What a layer pays with the filing and without it, in fen, and the articles behind either."""

    name: Words
    with_it: int
    without: int
    articles: tuple[Words, ...] = ()

    @property
    def more(self) -> int:
        """What it pays more with the filing; negative where it pays less."""
        return self.with_it - self.without

    @property
    def signed(self) -> str:
        """The same in yuan, with its sign."""
        return _signed(self.more)


@dataclass(frozen=True, slots=True)
class Effect:
    """A sample bill with and without a filing. `why_none` says why both are the same, where they are.

    `changed` are the facts that the filing changes for this bill: (name, without, with). `problems`: why there is no answer.
    """

    sample: Sample | None
    layers: tuple[LayerEffect, ...] = ()
    patient_with: int = 0
    patient_without: int = 0
    changed: tuple[tuple[Words, Words, Words], ...] = ()
    why_none: Words | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def saved(self) -> int:
        """How much less the patient pays with the filing, in fen."""
        return self.patient_without - self.patient_with

    @property
    def patient_more(self) -> str:
        """What the patient pays more with the filing, in yuan with its sign."""
        return _signed(-self.saved)


def _signed(fen: int) -> str:
    return f"{'+' if fen > 0 else '−'}{yuan_grouped(abs(fen))}"


def sample_for(
    row: Filing, *, today: date, fen: int = SAMPLE_FEN, institution: Institution | None = None
) -> Sample | None:
    """A sample bill on a day on which the filing holds; None where no hospital is known that it could be for."""
    where = institution or _where(row)
    if where is None:
        return None
    first = max(row.valid.lower, today)
    if row.last_day is not None and row.last_day < first:
        first = row.last_day
    if row.emergency_on is not None:
        first = row.emergency_on
    last = first + (DAYS - 1) * timedelta(days=1)
    if row.last_day is not None and row.emergency_on is None:
        last = max(first, min(last, row.last_day))
    try:
        year_of = load_scheme(pooling_area(row.person.area_path)).conventions.year_of
        while year_of(last) != year_of(first):
            last -= timedelta(days=1)
    except InputProblem:
        pass  # no policy there: the effect says so
    return Sample(where, fen, first, last, KINDS[row.kind].care)


def _where(row: Filing) -> Institution | None:
    """The hospital of a filing; of one that names none, a grade-3 hospital of its place, or the own county's hospital."""
    if row.to_institution is not None:
        return row.to_institution
    if row.place is not None:
        return _hospital_of(row.place)
    county = ".".join(row.person.area_path.split(".")[:4]) + "."
    own = Institution.objects.filter(area_path__gte=county, area_path__lt=county + "~", ended_on=None)
    return own.filter(tier="county").order_by("code").first() or own.order_by("code").first()


def _hospital_of(place: Area) -> Institution:
    there = Institution.objects.filter(area_path__gte=place.path, area_path__lt=place.path + "~", ended_on=None)
    found = there.exclude(tier="township").order_by("-level", "code").first()
    # Most places far away have no institution on record: a sample needs none.
    name = f"{place.name}的三级医院"
    return found or Institution(name=name, code="", level="level_3", tier="municipal", area=place, area_path=place.path)


def effect_of(row: Filing, sample: Sample | None, *, on: date) -> Effect:
    """The sample bill with the filing as if approved, and without it, settled on `on` or at discharge, whichever is later.

    `row` need not be saved. A few statements, whatever the filing; inside `acting(…, across_institutions=True)`: a bill
    builds on what other institutions settled before it.
    """
    if sample is None:
        why = Words("没有可以试算的医院。", "There is no hospital to try a bill at.")
        return Effect(None, why_none=why)
    try:
        return _compared(row, sample, on)
    except Problems as found:
        return Effect(sample, problems=found.problems)
    except InputProblem as found:
        return Effect(sample, problems=(found,))


def _compared(row: Filing, sample: Sample, on: date) -> Effect:
    person = row.person.merged_into or row.person
    scheme = load_scheme(pooling_area(person.area_path))
    numbers = [person.pk, *Person.objects.filter(merged_into=person).values_list("pk", flat=True)]
    path, filed = facts.filed_for(numbers, admitted_on=sample.admitted_on, discharged_on=sample.discharged_on)
    others = [f for f in filed if f.number != row.pk]
    diagnoses = [*row.diagnoses, *([row.disease] if row.disease else [])]
    settled_on = max(on, sample.discharged_on)
    stay = facts.Stay(sample.institution, sample.admitted_on, sample.discharged_on, diagnoses, settled_on)
    known = {
        "with": facts.told([*others, _as_filed(row, sample)], person_path=path, stay=stay).facts,
        "without": facts.told(others, person_path=path, stay=stay).facts,
    }
    states: dict[int, YearState] = {}
    for year_states in facts.YEAR_STATE:
        states |= year_states(person, scheme)
    days = {"admitted_on": sample.admitted_on, "discharged_on": sample.discharged_on, "settled_on": settled_on}
    beneficiary = beneficiary_of(person, on=days[scheme.conventions.policy_date])
    answers = {
        key: _settled(scheme, beneficiary, states, sample, diagnoses, settled_on, path, told)
        for key, told in known.items()
    }
    changed = _changed(known["without"], known["with"])
    layers = _layers(scheme, answers["without"], answers["with"])
    return Effect(
        sample, layers, answers["with"].patient_share, answers["without"].patient_share, changed,
        None if any(layer.more for layer in layers) else _why_none(row, scheme, sample, changed, answers["with"].policy_on),
    )  # fmt: skip


def _as_filed(row: Filing, sample: Sample) -> facts.Filed:
    last = row.last_day
    return facts.Filed(
        row.pk or 0, row.kind, "approved", row.to_institution_id, row.place.path if row.place else "", row.disease,
        row.diagnoses, row.from_stay, row.emergency_on, row.due_on,
        on_admission=row.valid.lower <= sample.admitted_on, at_end=last is None or sample.discharged_on <= last,
    )  # fmt: skip


def _settled(
    scheme: Scheme,
    beneficiary: Mapping[str, Any],
    states: Mapping[int, YearState],
    sample: Sample,
    diagnoses: Sequence[str],
    settled_on: date,
    path: str,
    told: Mapping[str, str],
) -> Settlement:
    amount = yuan(sample.fen)
    pots = {"in_scope": amount, "first_pay": "0.00", "over_limit": "0.00", "own": "0.00"}
    claim = {
        "claim": "试算", "care": sample.care, "admitted_on": sample.admitted_on, "discharged_on": sample.discharged_on,
        "settled_on": settled_on, "diagnoses": list(diagnoses), **facts.NOTHING_ON_RECORD,
        **facts.institution_facts(sample.institution, path), **told, "amounts": {"total": amount, **pots},
    }  # fmt: skip
    asked = {"area": scheme.area, "beneficiary": beneficiary, "claims": [claim]}
    request = read_request(json.dumps(asked, ensure_ascii=False, default=str))
    return settle(request.claims[0], request.beneficiary, states, request.scheme)


def _changed(without: Mapping[str, str], with_it: Mapping[str, str]) -> tuple[tuple[Words, Words, Words], ...]:
    def word(code: str, said: Mapping[str, str]) -> Words:
        value = said.get(code, facts.NOTHING_ON_RECORD.get(code, "none"))
        return Words(FACTS[code].word(value, "zh"), FACTS[code].word(value, "en"))

    codes = [code for code in FACTS if without.get(code) != with_it.get(code)]
    return tuple((Words(FACTS[code].zh, FACTS[code].en), word(code, without), word(code, with_it)) for code in codes)


def _layers(scheme: Scheme, without: Settlement, with_it: Settlement) -> tuple[LayerEffect, ...]:
    found = []
    for layer in scheme.layers:
        before, after = (
            sum(p.amount for p in outcome.payments if p.layer.name == layer.name) for outcome in (without, with_it)
        )
        payments = [p for outcome in (with_it, without) for p in outcome.payments if p.layer.name == layer.name]
        if before or after:
            name = Words(layer.name, layer.en or layer.name)
            found.append(LayerEffect(name, after, before, _articles_of(payments)))
    return tuple(found)


def _articles_of(payments: Sequence[Payment]) -> tuple[Words, ...]:
    cited = [c for p in payments for c in (*p.citations, *(c for step in p.steps for c in step.citations))]
    return tuple(dict.fromkeys(Words(c.text("zh"), c.text("en")) for c in cited))


def _why_none(row: Filing, scheme: Scheme, sample: Sample, changed: Sequence[object], policy_on: date) -> Words:
    """Why a filing makes no difference to a bill, in the order in which one would ask."""
    fact = KINDS[row.kind].fact
    if not fact:
        return Words(
            "本地没有任何规定看这一项：它不改变报销。", "no rule of this area looks at it: it changes no bill."
        )
    in_force = replace(scheme, rules=tuple(rule for rule in scheme.rules if rule.in_force(policy_on)))
    if fact not in looked_at(in_force).get(sample.care, []):
        return Words(
            f"本地当日对“{FACTS['care'].word(sample.care, 'zh')}”没有任何规定看“{FACTS[fact].zh}”：它不改变报销。",
            f"No rule of this area in force that day looks at “{FACTS[fact].en}” for “{FACTS['care'].word(sample.care, 'en')}”: it changes no bill.",
        )
    if not changed:
        return Words(
            "这家医院、这些日子，没有这项备案也已经符合规定：不需要它，或者别的备案已经算数。",
            "At this hospital, on these days, the rules are met without it: none is needed, or another filing counts already.",
        )
    return Words(
        "当日的规定会看这一项，但对这张账单没有差别：此人的身份、病种、医院或金额不在规定所指之内。",
        "Rules of that day look at it, but not for this bill: the person's identity, disease, hospital or amount is not what they mean.",
    )
