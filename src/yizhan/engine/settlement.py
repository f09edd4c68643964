"""Settle one claim: who pays how much of it, why, and what the year has come to.

    settle(claim, beneficiary, year_state, scheme) -> Settlement

Nothing is written and nothing is looked up: the same input gives the same settlement for ever. Layers are taken in the
scheme's order; each draws on what is left in the pots, so payments + patient = bill by construction, and it is asserted.
The steps are those of `engine.steps`; what they found is what the settlement explains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import cast

from yizhan.engine.claim import Beneficiary, Claim, Costs, Given, YearState
from yizhan.engine.classes import NTH_SCOPES
from yizhan.engine.explanation import Step, explain
from yizhan.engine.facts import FACTS, POTS
from yizhan.engine.money import NO_LIMIT, share_of, yuan
from yizhan.engine.resolution import LayerCase, Resolved, Resolver, interval_number
from yizhan.engine.scheme import Citation, Layer, Note, Scheme, TotalLimit
from yizhan.engine.steps import (
    DEDUCTIBLE_PART,
    OVER_CEILING_PART,
    PENALTY_PART,
    SET_ASIDE_PART,
    Bill,
    Figures,
    LayerRun,
    base_of,
    draw,
    pay_layer,
    record_layer,
    split,
)
from yizhan.errors import (
    AmountsDisagree,
    ClaimsOutOfOrder,
    DatesOutOfOrder,
    EngineFault,
    GivenDeductibleNeeded,
    GivenTooLarge,
    NoPolicyForDate,
    NotInsured,
    Problem,
    Problems,
    StateOfOtherScheme,
    YearSplitNeeded,
)


@dataclass(frozen=True, slots=True)
class Payment:
    """What one layer pays of one claim, and why. Amounts in fen.

    `normal` is what it would pay without the tilts (never more than `amount`), `tilt` the rest. `by_payer` splits the
    amount over those who bear it. `held` says that the money waits for a review.
    """

    layer: Layer
    year: int
    amount: int
    normal: int
    tilt: int
    penalty: int
    deductible: int
    by_payer: tuple[tuple[str, int], ...]
    held: bool
    reviewer: str
    advanced_by: str
    given: bool
    steps: tuple[Step, ...]
    citations: tuple[Citation, ...]
    run: LayerRun | None = None
    case: LayerCase | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """The one bill (一单): every layer's payment and what is left to the patient, pot by pot, in fen.

    `unused` names the layers that pay nothing because no rule of theirs fits. `notes` are the stand-ins and readings
    that touched a figure. `unmatched` are names (of a disease, a hospital, a county) that no rule of the area mentions although
    its rules look at such names: perhaps rightly, perhaps a name written differently. `digest` identifies the documents, `policy_on` and `identity_on` the days that selected them.
    `states` are the sums after it of each policy year that the claim falls into; the last of them is `year_state`.
    """

    claim: str
    area: str
    area_name: str
    costs: Costs
    payments: tuple[Payment, ...]
    patient: tuple[int, int, int, int]
    year_state: YearState
    year_before: YearState
    notes: tuple[Note, ...]
    unused: tuple[str, ...]
    unmatched: tuple[tuple[str, str], ...]
    digest: str
    policy_on: date
    identity_on: date
    identities: frozenset[str]
    slots: tuple[str, ...] = ()
    states: tuple[YearState, ...] = ()

    @property
    def paid(self) -> int:
        """Sum of all payments."""
        return sum(p.amount for p in self.payments)

    @property
    def patient_share(self) -> int:
        """What is left to the patient."""
        return sum(self.patient)

    @property
    def held(self) -> int:
        """The part of the payments that waits for a review."""
        return sum(p.amount for p in self.payments if p.held)

    def payment(self, layer: str) -> int | None:
        """What a layer pays, over all years of the claim; None if it is silent."""
        amounts = [p.amount for p in self.payments if p.layer.name == layer]
        return sum(amounts) if amounts else None


@dataclass(frozen=True, slots=True)
class Part:
    """A claim, or one year's part of it, ready to be settled. `counts_on` is the day that puts it into a year and month."""

    claim: Claim
    costs: Costs
    year: int
    policy_on: date
    identity_on: date
    begins_on: date
    ends_on: date
    counts_on: date
    continues: bool
    given: Mapping[str, Given] = field(default_factory=dict)


YEAR_DAYS = {"admission_year": "admitted_on", "settlement_year": "settled_on"}
"""The day that puts a whole stay into a policy year; discharge where nothing else is chosen."""


@lru_cache(maxsize=64)
def resolver_of(scheme: Scheme) -> Resolver:
    """The scheme's resolver, built once."""
    return Resolver(scheme)


def looked_at(scheme: Scheme) -> dict[str, list[str]]:
    """For each kind of care that rules speak of, the facts of person and claim that they may look at (codes)."""
    found: dict[str, set[str]] = {}
    kinds = [value.code for value in FACTS["care"].values]
    for rule in scheme.rules:
        conditions = (*rule.when, *rule.unless)
        cares = next((c.values for c in rule.when if c.fact == "care"), frozenset(kinds))
        facts = {c.fact for c in conditions if FACTS[c.fact].about in ("person", "claim")}
        facts |= {"linked"} if rule.sets.get("转诊接续") == "补差" else set()
        facts |= {"expert_review"} if "待审" in rule.sets else set()
        for care in cares:
            found.setdefault(care, set()).update(facts)
    spoken = {care for rule in scheme.rules for c in rule.when if c.fact == "care" for care in c.values}
    return {care: [code for code in FACTS if code in found[care]] for care in kinds if care in spoken}


def structure_of(scheme: Scheme) -> str:
    """Fingerprint of the sums that a year state of this scheme holds."""
    names = "\n".join((scheme.area, *resolver_of(scheme).slots.names))
    return f"{scheme.area}-{sha256(names.encode()).hexdigest()[:12]}"


def settle(
    claim: Claim,
    beneficiary: Beneficiary,
    year_state: YearState | Mapping[int, YearState] | None,
    scheme: Scheme,
) -> Settlement:
    """Settle one claim.

    `year_state` is the `year_state` of the settlement before it in the same policy year, None at its beginning; or, where
    bills arrive late, the last state of each policy year, so that a bill of the old year is settled on the old year's
    sums. Raises Problems: facts missing, dates without a policy, a state of another scheme, rules in conflict.

    Source: the order of layers and every figure come from the scheme's documents; the order of steps from
    docs/architecture.md.
    """
    parts = _parts(claim, beneficiary, scheme)
    years = dict(year_state) if isinstance(year_state, Mapping) else {}
    before = None if isinstance(year_state, Mapping) else year_state
    payments: list[Payment] = []
    left_over = [0, 0, 0, 0]
    notes: list[Note] = []
    silent: list[set[str]] = []
    states: list[YearState] = []
    first_state: YearState | None = None
    for part in parts:
        state = open_year(_of_year(years, part.year) if years else before, part, scheme)
        first_state = first_state or state
        outcome = settle_best(part, facts_of(part, beneficiary, scheme), state, scheme)
        payments += outcome.payments
        left_over = [a + b for a, b in zip(left_over, outcome.left, strict=True)]
        notes += outcome.notes
        silent.append(outcome.silent)
        before = outcome.state
        states.append(before)
        if years:
            years[part.year] = before
    settlement = Settlement(
        claim=claim.number,
        area=scheme.area,
        area_name=scheme.name,
        costs=claim.costs,
        payments=tuple(payments),
        patient=(left_over[0], left_over[1], left_over[2], left_over[3]),
        year_state=cast(YearState, before),
        year_before=cast(YearState, first_state),
        notes=tuple({id(n): n for n in notes}.values()),
        unused=tuple(layer.name for layer in scheme.layers if all(layer.name in s for s in silent)),
        unmatched=_unmatched(claim, beneficiary, scheme),
        digest=scheme.digest,
        policy_on=parts[-1].policy_on,
        identity_on=parts[-1].identity_on,
        identities=beneficiary.identities_on(parts[-1].identity_on),
        slots=tuple(resolver_of(scheme).slots.names),
        states=tuple(states),
    )
    _assert_conserved(settlement)
    return settlement


def _unmatched(claim: Claim, beneficiary: Beneficiary, scheme: Scheme) -> tuple[tuple[str, str], ...]:
    named = resolver_of(scheme).classes.named
    found = []
    for fact in ("diagnoses", "institution", "insured_county"):
        said = claim.facts.get(fact, beneficiary.facts.get(fact))
        words = sorted(said) if isinstance(said, frozenset) else [str(said)] if said else []
        found += [(fact, word) for word in words if fact in named and word not in named[fact]]
    return tuple(found)


def _assert_conserved(settlement: Settlement) -> None:
    paid, patient, total = settlement.paid, settlement.patient_share, settlement.costs.total
    if paid + patient != total or min(settlement.patient) < 0:
        raise EngineFault(what=f"{yuan(paid)} + {yuan(patient)} ≠ {yuan(total)}")
    for payment in settlement.payments:
        if sum(amount for _, amount in payment.by_payer) != payment.amount or payment.amount < 0:
            raise EngineFault(what=f"{payment.layer.name}: {payment.by_payer} ≠ {yuan(payment.amount)}")


# --- Years and days ---------------------------------------------------------------------------------------------------


def _parts(claim: Claim, beneficiary: Beneficiary, scheme: Scheme) -> tuple[Part, ...]:
    conventions = scheme.conventions
    first, last = conventions.year_of(claim.admitted_on), conventions.year_of(claim.discharged_on)
    policy_on, identity_on = claim.day(conventions.policy_date), claim.day(conventions.identity_date)
    _check_dates(claim, beneficiary, scheme, policy_on)
    cut = conventions.cross_year == "split" or (
        conventions.cross_year == "split_poor"
        and bool(beneficiary.identities_on(identity_on) & conventions.cross_year_identities)
    )
    if first == last or not cut or claim.facts.get("care") != "inpatient":
        counts_on = claim.day(YEAR_DAYS.get(conventions.cross_year, "discharged_on"))
        return (
            Part(
                claim, claim.costs, conventions.year_of(counts_on), policy_on, identity_on, claim.admitted_on,
                claim.discharged_on, counts_on, False, claim.given,
            ),
        )  # fmt: skip
    summed = sum(costs.total for costs in claim.by_year.values())
    if claim.by_year and summed != claim.costs.total:
        raise Problems([
            AmountsDisagree(
                at=claim.number, total=yuan(claim.costs.total), parts=yuan(summed),
                gap=yuan(claim.costs.total - summed), what_zh="各年的费用", what_en="the years' costs",
            )
        ])  # fmt: skip
    if set(claim.by_year) != set(range(first, last + 1)) or claim.given:
        raise Problems(
            [
                YearSplitNeeded(
                    at=claim.number, area=scheme.name, admitted=claim.admitted_on, discharged=claim.discharged_on
                )
            ]
        )
    parts = []
    for year in range(first, last + 1):
        begins = max(claim.admitted_on, date(year, *conventions.year_starts))
        ends = min(claim.discharged_on, date(year + 1, *conventions.year_starts) - timedelta(days=1))
        days = {"admitted_on": begins, "discharged_on": ends, "settled_on": ends}
        parts.append(
            Part(
                claim, claim.by_year[year], year, days[conventions.policy_date], days[conventions.identity_date],
                begins, ends, ends, year > first,
            )
        )  # fmt: skip
    return tuple(parts)


def _check_dates(claim: Claim, beneficiary: Beneficiary, scheme: Scheme, policy_on: date) -> None:
    problems: list[Problem] = []
    if beneficiary.born_on is not None and beneficiary.born_on > claim.discharged_on:
        problems.append(
            DatesOutOfOrder(
                at=claim.number, first_zh="出生", first_en="birth", first=beneficiary.born_on, second_zh="出院",
                second_en="discharge", second=claim.discharged_on,
            )
        )  # fmt: skip
    if not scheme.begins_on <= policy_on <= scheme.ends_on:
        endless = scheme.ends_on == date.max
        problems.append(
            NoPolicyForDate(
                at=claim.number, area=scheme.name, first=scheme.begins_on, on=policy_on,
                until_zh="" if endless else f"至 {scheme.ends_on} 止",
                until_en="" if endless else f" and end on {scheme.ends_on}",
            )
        )  # fmt: skip
    if beneficiary.insured is not None and not any(
        begins <= policy_on and (ends is None or policy_on <= ends) for begins, ends in beneficiary.insured
    ):
        periods = "、".join(f"{begins}–{ends or ''}" for begins, ends in beneficiary.insured) or "–"
        problems.append(NotInsured(at=claim.number, on=policy_on, periods=periods))
    if problems:
        raise Problems(problems)


def _of_year(states: Mapping[int, YearState], year: int) -> YearState | None:
    """The state on which a part of this policy year builds: that year's, else the latest before it."""
    known = [y for y in states if y <= year]
    return states[max(known)] if known else None


def open_year(state: YearState | None, part: Part, scheme: Scheme) -> YearState:
    """The year's sums before this part. A new year starts empty; what a linked or cut stay carries over stays."""
    structure = structure_of(scheme)
    if state is None:
        return YearState(structure, part.year)
    if state.structure != structure:
        raise Problems([StateOfOtherScheme(at=part.claim.number, found=state.structure, expected=structure)])
    if state.year > part.year:
        raise Problems([ClaimsOutOfOrder(at=part.claim.number, on=part.year, before=state.year)])
    if state.year == part.year:
        return state
    chains = {name: fen for name, fen in state.sums.items() if name.endswith(".chain")}
    stays = state.stays if part.continues and scheme.conventions.cross_year == "split" else {}
    return YearState(structure, part.year, chains, stays)


# --- One part ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What settling one part came to: payments, what is left in each pot, the year's sums, notes, silent layers."""

    payments: tuple[Payment, ...]
    left: tuple[int, ...]
    state: YearState
    notes: tuple[Note, ...]
    silent: set[str]


def facts_of(part: Part, beneficiary: Beneficiary, scheme: Scheme) -> dict[str, object]:
    """All facts that rules may look at, for one part of a claim."""
    claim, costs = part.claim, part.costs
    changed = beneficiary.identities_changed(date(part.year, *scheme.conventions.year_starts), part.identity_on)
    return {
        **beneficiary.facts,
        **claim.facts,
        "identity": beneficiary.identities_on(part.identity_on),
        "age": beneficiary.age_on(part.identity_on),
        "days": days_of(part),
        "total": costs.total,
        **dict(zip(POTS, costs.pots, strict=True)),
        "registration_fee": costs.charges[0],
        "consultation_fee": costs.charges[1],
        "drug_markup": costs.charges[2],
        "contract_fee": costs.charges[3],
        "year_end_part": "yes" if part.continues else "no",
        "identity_changed": "yes" if changed else "no",
    }


def days_of(part: Part) -> int:
    """Days of the stay, or of its part; a day at which a stay is cut belongs to the part that it ends."""
    claim = part.claim
    if (part.begins_on, part.ends_on) == (claim.admitted_on, claim.discharged_on) and "days" in claim.facts:
        return cast(int, claim.facts["days"])
    return max(1, (part.ends_on - part.begins_on).days + (part.ends_on < claim.discharged_on))


def stay_keys(facts: Mapping[str, object]) -> tuple[str, str, str, str]:
    """Under which names this stay counts, for 不分级, 同级, 同院 and 同病种."""
    diseases = "、".join(sorted(cast(frozenset[str], facts.get("diagnoses") or frozenset())))
    return (
        NTH_SCOPES[0],
        f"{NTH_SCOPES[1]}:{facts.get('institution_level', '')}",
        f"{NTH_SCOPES[2]}:{facts.get('institution', '')}",
        f"{NTH_SCOPES[3]}:{diseases}",
    )


def ranked(identities: Iterable[str], scheme: Scheme) -> list[str]:
    """Identities from the highest in 身份从高到低; those that are not listed follow by name."""
    rank = scheme.conventions.identity_rank
    return sorted(identities, key=lambda i: (rank.index(i) if i in rank else len(rank), i))


def settle_best(part: Part, facts: Mapping[str, object], state: YearState, scheme: Scheme) -> Outcome:
    """Settle one part; under 身份取舍 最有利 once for each identity, and keep what leaves least to the patient."""
    named = resolver_of(scheme).classes.named.get("identity", set())
    held = frozenset(cast(frozenset[str], facts["identity"] or frozenset()) & named)
    if scheme.conventions.identity_choice != "best" or len(held) < 2:
        return settle_part(part, facts, state, scheme)
    outcomes = [settle_part(part, {**facts, "identity": frozenset({i})}, state, scheme) for i in ranked(held, scheme)]
    return min(outcomes, key=lambda o: sum(o.left))


def settle_part(part: Part, facts: Mapping[str, object], state: YearState, scheme: Scheme) -> Outcome:
    """Settle one part under facts that are already gathered. Raises Problems as `settle` does."""
    resolver = resolver_of(scheme)
    try:
        resolved = resolver.resolve(resolver.key_of(facts, part.policy_on))
    except Problems as found:
        for problem in found.problems:
            problem.at = problem.at or part.claim.number
        raise
    year = [state.sums.get(name, 0) for name in resolver.slots.names]
    keys = stay_keys(facts)
    continues = facts.get("linked") == "yes" or part.continues
    bill = Bill(
        total=part.costs.total,
        in_scope=part.costs.pots[0],
        days=cast(int, facts["days"]),
        month=part.counts_on.month - 1,
        linked=int(continues),
        stays=(state.stays.get(keys[0], 0), state.stays.get(keys[1], 0), state.stays.get(keys[2], 0), state.stays.get(keys[3], 0)),
        charges=part.costs.charges,
        ceiling=_ceiling(resolved, part.costs),
    )  # fmt: skip
    month_own = resolver.slots.known("全自费.month")
    if month_own >= 0:
        year[month_own + bill.month] += part.costs.pots[3]
    run = _Run(part, scheme, resolver, bill, year, resolved.ceiling)
    for index, cases in enumerate(resolved.layers):
        run.layer(index, cases, year[month_own + bill.month] if month_own >= 0 else 0)
    stays = dict(state.stays)
    if facts.get("care") == "inpatient" and not continues:
        for key in keys:
            stays[key] = stays.get(key, 0) + 1
    sums = {name: fen for name, fen in zip(resolver.slots.names, year, strict=True) if fen}
    notes = (*run.notes, *(resolved.ceiling.notes if resolved.ceiling else ()))
    after = replace(state, sums=sums, stays=stays, last_on=part.ends_on)
    return Outcome(tuple(run.payments), tuple(run.left), after, notes, run.silent)


def _ceiling(resolved: Resolved, costs: Costs) -> int:
    limit = resolved.ceiling
    if limit is None:
        return NO_LIMIT
    return share_of(costs.pots[0] if limit.of == "in_scope" else costs.total, limit.ratio)


class _Run:
    """The layers of one part, one after the other."""

    def __init__(
        self, part: Part, scheme: Scheme, resolver: Resolver, bill: Bill, year: list[int], limit: TotalLimit | None
    ) -> None:
        self.limit = limit
        self.part, self.scheme, self.resolver, self.bill, self.year = part, scheme, resolver, bill, year
        self.left = list(part.costs.pots)
        self.parts = [0, 0, 0, 0]
        self.paid = [0] * len(scheme.layers)
        self.payments: list[Payment] = []
        self.notes: list[Note] = []
        self.silent: set[str] = set()

    def layer(self, index: int, cases: Sequence[LayerCase], own_this_month: int) -> None:
        """Settle one layer and remember what it did."""
        layer = self.scheme.layers[index]
        given = self.part.given.get(layer.name)
        if not cases and given is None:
            self.silent.add(layer.name)
            return
        if given is not None:
            self._given(index, layer, cases, given)
            return
        case = self._chosen(layer, cases, own_this_month)
        if not case.cites and case.figures.barred:
            self.silent.add(layer.name)
            return
        self._check_given_parts(layer, case)
        left = sum(fen for fen, weight in zip(self.left, case.figures.weight, strict=True) if weight)
        gross = base_of(case.figures, self.bill, self.left, self.parts)
        run = self._pay(case.figures, gross)
        normal = run.pay if case.normal is case.figures else min(run.pay, self._twin(case.normal).pay)
        whole = run.raw if case.unpenalised is case.figures else self._twin(case.unpenalised).raw
        penalty = max(0, whole - run.raw)
        if case.figures.parts_from:
            self.parts[DEDUCTIBLE_PART] += run.deductible
            self.parts[OVER_CEILING_PART] += run.over
            self.parts[SET_ASIDE_PART] += run.aside
        self.parts[PENALTY_PART] += penalty
        record_layer(case.figures, self.bill, self.year, run, run.pay, run.deductible)
        self._draw(layer, case.figures, run.pay)
        self.paid[index] = run.pay
        self.notes += case.notes
        self.payments.append(
            Payment(
                layer=layer, year=self.part.year, amount=run.pay, normal=normal, tilt=run.pay - normal, penalty=penalty,
                deductible=run.deductible, by_payer=_by_payer(case, run.pay), held=bool(case.figures.held and run.pay),
                reviewer=case.reviewer, advanced_by=case.advanced_by, given=False,
                steps=explain(
                    case, run, self.bill, normal, penalty, self.resolver.order[layer.name], self.resolver.layer_names, left,
                    self.limit,
                ),
                citations=case.cites, run=run, case=case,
            )
        )  # fmt: skip

    def _chosen(self, layer: Layer, cases: Sequence[LayerCase], own_this_month: int) -> LayerCase:
        index = 0
        for cuts in self.resolver.runtime[layer.name]:
            measured = (
                own_this_month
                if cuts.fact == "own_this_month"
                else base_of(cases[0].figures, self.bill, self.left, self.parts)
            )
            index = index * (len(cuts.cuts) + 1) + interval_number(cuts.cuts, measured)
        return cases[index]

    def _pay(self, figures: Figures, gross: int) -> LayerRun:
        return pay_layer(figures, self.bill, self.year, gross, self.left, self.paid, sum(self.paid))

    def _twin(self, figures: Figures | None) -> LayerRun:
        """The same layer under other figures, on the same pots and the same year."""
        if figures is None:
            return LayerRun(*[0] * len(LayerRun._fields))
        return self._pay(figures, base_of(figures, self.bill, self.left, self.parts))

    def _draw(self, layer: Layer, figures: Figures, pay: int) -> None:
        if draw(figures, self.left, self.resolver.order[layer.name], pay) != 0:
            raise EngineFault(what=f"{layer.name}: {yuan(pay)} could not be drawn from the pots")

    def _given(self, index: int, layer: Layer, cases: Sequence[LayerCase], given: Given) -> None:
        """A payment made elsewhere: it counts towards the year and empties the pots, but has no tilt and no parts."""
        figures = cases[0].figures if cases else Figures(weight=(10_000, 0, 0, 0))
        room = sum(left for left, weight in zip(self.left, figures.weight, strict=True) if weight)
        base = base_of(figures, self.bill, self.left, self.parts)
        if (given.deductible or 0) > base:
            raise Problems([
                GivenTooLarge(
                    at=self.part.claim.number, layer=layer.name, given=yuan(given.deductible or 0), room=yuan(base)
                )
            ])  # fmt: skip
        if given.amount > room:
            raise Problems([
                GivenTooLarge(at=self.part.claim.number, layer=layer.name, given=yuan(given.amount), room=yuan(room))
            ])  # fmt: skip
        run = LayerRun(base, 0, base, 0, given.deductible or 0, 0, 0, given.amount, NO_LIMIT, room, 0, given.amount)
        if figures.parts_from:
            self.parts[DEDUCTIBLE_PART] += given.deductible or 0
        record_layer(figures, self.bill, self.year, run, given.amount, given.deductible or 0)
        self._draw(layer, figures, given.amount)
        self.paid[index] = given.amount
        self.payments.append(
            Payment(
                layer=layer, year=self.part.year, amount=given.amount, normal=given.amount, tilt=0, penalty=0,
                deductible=given.deductible or 0, by_payer=((layer.payer, given.amount),), held=False, reviewer="",
                advanced_by="", given=True, steps=(Step("given", given.amount),),
                citations=(), run=None, case=None,
            )
        )  # fmt: skip

    def _check_given_parts(self, layer: Layer, case: LayerCase) -> None:
        if not case.figures.leaves_out[DEDUCTIBLE_PART]:
            return
        for payment in self.payments:
            known = self.part.given.get(payment.layer.name)
            if payment.given and known is not None and known.deductible is None:
                story = case.cited("不计入")
                raise Problems([
                    GivenDeductibleNeeded(
                        at=self.part.claim.number, layer=payment.layer.name,
                        needed_by=story.setter.text() if story else layer.name,
                    )
                ])  # fmt: skip


def _by_payer(case: LayerCase, pay: int) -> tuple[tuple[str, int], ...]:
    amounts = split(case.figures, pay)
    return tuple((payer, amounts[k]) for k, payer in enumerate(case.payers) if case.figures.share[k] > 0)
