"""Where rules draw lines: the cases that they tell apart, their thresholds, and bills on either side of each.

    distinct_cases     the combinations of facts that bring different rules into play, one case for each
    Threshold          an amount, age, number of days or date from which on something else holds
    Observer           on which side of which threshold a worked example stands, from what its settlement measured
    notches            cuts at which one fen more of cost leaves the patient better off

The full product of a real scheme's facts does not finish. But facts matter only through the rules that they let in, so
the product is walked fact by fact, and combinations that have let in the same rules so far go on as one: nothing is
lost, and a few thousand cases stand for many millions of combinations.

A threshold is named by where it is printed (document and article), its layer, its figure and its value. It is measured
on the finished figures: if a tilt halves a deductible of 400 yuan, a bill of 200 yuan stands at the threshold 减半 of
the tilt's article, not at the 400 yuan of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import combinations
from math import prod
from typing import cast

from yizhan.engine.claim import Costs, IdentityMark, Pots
from yizhan.engine.classes import OTHER, Case, Classes, all_hold, holds
from yizhan.engine.facts import CHARGES, FACTS, POTS, RUNTIME
from yizhan.engine.money import NO_LIMIT, RATIO_ONE, half_up, percent, yuan_grouped
from yizhan.engine.resolution import LayerCase, Resolver
from yizhan.engine.scheme import Amount, Band, Condition, Layer, Rule, Scheme
from yizhan.engine.settlement import Part, Payment, Settlement, facts_of, resolver_of, settle, stay_keys
from yizhan.engine.steps import CUMULATIVE, OWN_CAP, RATIO, TOP_UP, Bill, Figures, deductible_of, record_layer
from yizhan.errors import FactNeeded, Problems
from yizhan.policy.document import Document
from yizhan.policy.examples import Example, Outcome

MOST_CASES = 200_000
"""More distinct cases of one layer than this are not enumerated as a whole."""

EVERYDAY: Case = {
    "age": (40, 40), "linked": "no", "expert_review": "passed", "identity_changed": "no", "year_end_part": "no",
}  # fmt: skip
"""What decides through a figure rather than a condition, for cases in which no rule names it."""


def resolved(resolver: Resolver, layer: Layer, case: Case, on: date) -> tuple[LayerCase, ...]:
    """The figures of a layer in a case in which rules name no other facts.

    A figure may ask for a fact that no condition names, such as the hospital for 同院; it gets one that nobody names.
    Raises Problems: rules in conflict, figures missing.
    """
    facts = {**EVERYDAY, **case}
    while True:
        try:
            return resolver.layer_cases(layer, facts, on)
        except Problems as found:
            needed = {str(p.found["key"]) for p in found.problems if isinstance(p, FactNeeded)} - facts.keys()
            if not needed:
                raise
            facts |= {fact: _anything(fact) for fact in needed}


def _anything(fact: str) -> object:
    about = FACTS[fact]
    if about.kind == "number":
        return (0, 0)
    return about.values[0].code if about.kind == "closed" else frozenset() if about.several else OTHER


# --- Cases ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cases:
    """The distinct cases of some rules; `combinations` is how many combinations of classes they stand for."""

    found: tuple[Case, ...]
    combinations: int


def distinct_cases(
    scheme: Scheme, classes: Classes, rules: Sequence[Rule], must: tuple[Condition, ...] = (), most: int = MOST_CASES
) -> Cases | None:
    """One case for each set of these rules that can be in play at once; None if there are more than `most`.

    Persons hold no identity, one or two; bills no disease, one or two. Combinations that do not exist (不存在) are left
    out, and so are those in which `must` does not hold. Where two identities come out differently in 身份从高到低, they
    are two cases. Amounts that are known only while settling are left open.
    """
    facts = list(dict.fromkeys(c.fact for cs in ([must], *((r.when, r.unless) for r in rules)) for x in cs for c in x))
    facts = [fact for fact in facts if fact not in RUNTIME]
    ruled_out = [cs for cs in scheme.impossible if {c.fact for c in cs} <= set(facts)]
    conjunctions = [*(r.when for r in rules), *(r.unless for r in rules), must, *ruled_out]
    n = len(rules)
    in_play, held = (1 << n) - 1, 1 << 2 * n
    excused = sum(1 << n + k for k, r in enumerate(rules) if r.unless and not any(c.fact in RUNTIME for c in r.unless))
    start = in_play | excused | held | sum(1 << 2 * n + 1 + k for k in range(len(ruled_out)))
    states: dict[tuple[int, tuple[int, ...]], tuple[object, ...]] = {(start, ()): ()}
    sizes = []
    for fact in facts:
        options, size = _options(scheme, classes, fact, conjunctions, rules)
        sizes.append(size)
        further: dict[tuple[int, tuple[int, ...]], tuple[object, ...]] = {}
        for (mask, order), values in states.items():
            for value, option, ranks in options:
                left = mask & option
                if left & in_play and left & held:
                    further.setdefault((left, ranks or order), (*values, value))
        if len(further) > most:
            return None
        states = further
    found: dict[tuple[int, tuple[int, ...]], Case] = {}
    for (mask, order), values in states.items():
        live = mask & in_play & ~(mask >> n)
        if live and not mask >> 2 * n + 1:
            found.setdefault((live, order), dict(zip(facts, values, strict=True)))
    return Cases(tuple(found.values()), prod(sizes))


def _options(
    scheme: Scheme, classes: Classes, fact: str, conjunctions: Sequence[tuple[Condition, ...]], rules: Sequence[Rule]
) -> tuple[list[tuple[object, int, tuple[int, ...]]], int]:
    """The classes of one fact that these conditions tell apart: value, what it leaves possible, order of identities."""
    told = [[c for c in cs if c.fact == fact] for cs in conjunctions]
    values = _values(scheme, classes, fact, [c for cs in told for c in cs])
    found: dict[tuple[int, tuple[int, ...]], object] = {}
    for value in values:
        mask = sum(1 << k for k, cs in enumerate(told) if all(holds(c, {fact: value}) for c in cs))
        ranks = _ranks(scheme, rules, cast(frozenset[str], value)) if fact == "identity" else ()
        found.setdefault((mask, ranks), value)
    return [(value, mask, ranks) for (mask, ranks), value in found.items()], len(values)


def _values(scheme: Scheme, classes: Classes, fact: str, conditions: Sequence[Condition]) -> list[object]:
    about = FACTS[fact]
    if about.kind == "number":
        return [classes.interval(fact, edge) for edge in (0, *classes.cuts.get(fact, ()))]
    if about.kind == "closed":
        return [value.code for value in about.values]
    named = frozenset().union(*(c.values for c in conditions))
    order = [v.code for v in about.values if v.code in named] or sorted(named)
    if not about.several:
        return [*order, OTHER]
    if fact != "identity":  # of forty diseases, those that stand in the same lists are one
        order = list({tuple(v in c.values for c in conditions): v for v in reversed(order)}.values())
    pairs = [] if fact == "identity" and scheme.conventions.identity_choice == "best" else combinations(order, 2)
    return [frozenset(), *(frozenset({v}) for v in order), *(frozenset(pair) for pair in pairs)]


def _ranks(scheme: Scheme, rules: Sequence[Rule], held: frozenset[str]) -> tuple[int, ...]:
    """In which order 身份从高到低 puts the rules that look at these identities: all that it decides."""
    rank = scheme.conventions.identity_rank
    best = [
        min((rank.index(i) for i in r.identities & held if i in rank), default=len(rank))
        for r in rules
        if r.identities & held
    ]
    places = sorted(set(best))
    return tuple(places.index(b) for b in best)


def figures_change(resolver: Resolver, layer: Layer, rules: Iterable[Rule], on: date) -> bool:
    """Whether a layer's figures differ between a day and its eve, in some case in which one of these rules holds."""
    eve = on - timedelta(days=1)
    about = [r for r in resolver.rules[layer.name] if r.in_force(on) or r.in_force(eve)]
    for rule in rules:
        cases = distinct_cases(resolver.scheme, resolver.classes, about, rule.when)
        if cases is None:
            return True
        for case in cases.found:
            if _rows(resolver, layer, case, on) != _rows(resolver, layer, case, eve):
                return True
    return False


def _rows(resolver: Resolver, layer: Layer, case: Case, on: date) -> tuple[Figures, ...] | None:
    try:
        return tuple(found.figures for found in resolved(resolver, layer, case, on))
    except Problems:
        return None


# --- Thresholds -------------------------------------------------------------------------------------------------------

SIDES = ("below", "at", "above")
_SIDE_WORDS = {
    "": (("低于", "below"), ("正好", "at"), ("高于", "above")),
    "施行": (("前一天", "on the day before"), ("当天", "on the day"), ("", "")),
    "废止": (("当天", "on the day"), ("后一天", "on the day after"), ("", "")),
}
_SIDE_WORDS |= {"自": _SIDE_WORDS["施行"], "至": _SIDE_WORDS["废止"]}


@dataclass(frozen=True, slots=True)
class Threshold:
    """One line that a document draws. `at` is `file:line document article` and does not count for equality."""

    document: str
    article: str
    layer: str
    figure: str
    value: str
    at: str = field(default="", compare=False)

    def sides(self, which: Iterable[str], lang: str = "zh") -> str:
        """Sides of this threshold in words; a day has two, the last of the old and the first of the new."""
        words = dict(zip(SIDES, _SIDE_WORDS.get(self.figure, _SIDE_WORDS[""]), strict=True))
        told = [words[side][0 if lang == "zh" else 1] for side in which]
        return ("、" if lang == "zh" else ", ").join(word for word in told if word)


def _threshold(rule: Rule, figure: str, value: str) -> Threshold:
    cite = rule.citation
    return Threshold(cite.document, cite.article, rule.layer, figure, value, cite.place)


LIMITS = ("单次限额", "每月限额", "年度限额", "单次计入限额", "年度计入限额", "年度起付上限", "个人年度自付上限")


def cutting_rules(scheme: Scheme) -> list[Rule]:
    """The rules of a scheme, and its ceilings on all layers together (合计上限) as rules without figures."""
    limits = [
        Rule("合计上限", x.when, (), x.begins_on, x.ends_on, "general", (), {}, {}, x.citation, 0)
        for x in scheme.limits
    ]
    return [*scheme.rules, *limits]


def _in_rule(rule: Rule) -> Iterator[tuple[str, str]]:
    for condition in (*rule.when, *rule.unless):
        for number in cut_numbers(condition):
            yield FACTS[condition.fact].zh, cut_text(condition.fact, number)
    for key in ("起付标准", *LIMITS):
        if key in rule.sets and _is_line(cast(Amount, rule.sets[key])):
            yield key, cast(Amount, rule.sets[key]).text()
        yield from ((key, adjuster.text) for adjuster in rule.adjusts.get(key, ()))
    for edge in _edges(rule):
        yield "分段", f"{yuan_grouped(edge)}元"
    for name, _, cap in cast(tuple[tuple[str, str, int], ...], rule.sets.get("另设限额", ())):
        yield f"另设限额·{name}", f"{yuan_grouped(cap)}元"
    if "补足到" in rule.sets:
        yield "补足到", percent(cast(int, rule.sets["补足到"]))
    yield from (("补足到", adjuster.text) for adjuster in rule.adjusts.get("补足到", ()))


def _is_line(amount: Amount) -> bool:
    return not amount.plain or 0 < amount.fen < NO_LIMIT


def _edges(rule: Rule) -> list[int]:
    bands = rule.sets.get("比例")
    return [cast(Band, b).high for b in bands[:-1]] if isinstance(bands, tuple) else []


def cut_numbers(condition: Condition) -> list[int]:
    """The numbers at which a condition cuts, as the law would print them.

    `不超过9000元` and `超过9000元` cut above 9,000.00, `低于9000元` below it: of the two fen around a cut the rounder is
    the printed one. Years of age are printed as 年满 or 不满, days as 超过 or 不超过.
    """
    if FACTS[condition.fact].kind != "number":
        return []
    cuts = [cut for cut in (condition.low, condition.high + 1) if 0 < cut < NO_LIMIT]
    unit = FACTS[condition.fact].unit
    if unit == "fen":
        return [cut if _roundness(cut) >= _roundness(cut - 1) else cut - 1 for cut in cuts]
    return [cut if unit == "years" else cut - 1 for cut in cuts]


def _roundness(fen: int) -> int:
    return len(str(fen)) - len(str(fen).rstrip("0")) if fen else 0


def cut_text(fact: str, number: int) -> str:
    """A number of a condition with its unit."""
    unit = FACTS[fact].unit
    return f"{yuan_grouped(number)}元" if unit == "fen" else f"{number}{'岁' if unit == 'years' else '天'}"


@dataclass(frozen=True, slots=True)
class Change:
    """A day on which a layer's figures change, and the rules that begin on it or ended on its eve."""

    threshold: Threshold
    on: date
    rules: tuple[Rule, ...]


def changes_of(scheme: Scheme, documents: Sequence[Document]) -> list[Change]:
    """The days within the scheme's life on which figures change, as a document's 施行 and 废止 or an item's 自 and 至.

    A document's first and last day are printed once, so they are one threshold for each layer that changes.
    """
    resolver = resolver_of(scheme)
    about = {document.name: document for document in documents}
    groups: dict[Threshold, tuple[date, list[Rule]]] = {}
    for rule in scheme.rules:
        document = about[rule.citation.document]
        ends_after = rule.ends_on + timedelta(days=1) if rule.ends_on < date.max else date.max
        last = document.about.ends_on
        for key, on, whole in (
            ("自", rule.begins_on, "施行" if rule.begins_on == document.about.begins_on else ""),
            ("至", ends_after, "废止" if rule.ends_on == last else ""),
        ):
            if not scheme.begins_on < on <= scheme.ends_on:
                continue
            shown = str(on if key == "自" else rule.ends_on)
            threshold = _threshold(rule, key, shown)
            if whole:
                line = document.front[whole].line if whole in document.front else 1
                threshold = replace(threshold, article="", figure=whole, at=f"{document.file}:{line} {document.name}")
            groups.setdefault(threshold, (on, []))[1].append(rule)
    layers = {layer.name: layer for layer in scheme.layers}
    return [
        Change(threshold, on, tuple(rules))
        for threshold, (on, rules) in groups.items()
        if figures_change(resolver, layers[threshold.layer], rules, on)
    ]


# --- What worked examples show ----------------------------------------------------------------------------------------


def _side(number: int, edge: int) -> str:
    return "below" if number < edge else "at" if number == edge else "above"


Sight = tuple[Threshold, str]
"""A threshold and the side on which a bill stands."""


class Observer:
    """Says for a settled bill on which side of which thresholds it stands. Build it once for a scheme.

    `thresholds` are all that the scheme's rules draw: numeric conditions, deductibles, bands, ceilings, targets, days.
    """

    def __init__(self, scheme: Scheme, documents: Sequence[Document]) -> None:
        self.scheme = scheme
        self.resolver = resolver_of(scheme)
        self.changes = changes_of(scheme, documents)
        cutting = cutting_rules(scheme)
        alive = [r for r in cutting if r.begins_on <= scheme.ends_on and r.ends_on >= scheme.begins_on]
        drawn = [_threshold(rule, *spot) for rule in alive for spot in _in_rule(rule)]
        self.thresholds = tuple(dict.fromkeys((*drawn, *(change.threshold for change in self.changes))))
        self.by_place: dict[tuple[str, str, int], list[Rule]] = {}
        for rule in scheme.rules:
            self.by_place.setdefault((rule.layer, rule.citation.file, rule.citation.line), []).append(rule)
        self.cutting = [
            (rule, c) for rule in cutting for c in (*rule.when, *rule.unless) if FACTS[c.fact].kind == "number"
        ]

    def sights(self, example: Example, settlement: Settlement) -> Iterator[Sight]:
        """What one example shows. A stay cut at the year's end shows nothing: it is two bills."""
        if len({payment.year for payment in settlement.payments}) > 1:
            return
        facts = facts_of_example(example, settlement, self.scheme)
        year = [settlement.year_before.sums.get(name, 0) for name in settlement.slots]
        bill = _bill(example, settlement, facts)
        month_own = self.resolver.slots.known("全自费.month")
        if month_own >= 0:
            year[month_own + bill.month] += example.claim.costs.pots[3]
            facts["own_this_month"] = year[month_own + bill.month]
        case = case_of(self.resolver.classes, facts)
        yield from self._cuts(case, facts, settlement)
        yield from self._days(case, settlement.policy_on)
        for payment in settlement.payments:
            if payment.run is None or payment.case is None:
                continue
            measured = _Measured(self, payment, case, settlement.policy_on, bill, year)
            yield from measured.sights()
            record_layer(payment.case.figures, bill, year, payment.run, payment.run.pay, payment.run.deductible)

    def _cuts(self, case: Case, facts: Mapping[str, object], settlement: Settlement) -> Iterator[Sight]:
        bases = {p.layer.name: p.run.base for p in settlement.payments if p.run is not None}
        for rule, condition in self.cutting:
            found = bases.get(rule.layer) if condition.fact == "layer_base" else facts.get(condition.fact)
            if found is None or not rule.in_force(settlement.policy_on):
                continue
            others = tuple(
                c for c in (*rule.when, *(rule.unless if condition in rule.unless else ())) if c != condition
            )
            if all_hold(others, case):
                for number in cut_numbers(condition):
                    spot = _threshold(rule, FACTS[condition.fact].zh, cut_text(condition.fact, number))
                    yield spot, _side(cast(int, found), number)

    def _days(self, case: Case, on: date) -> Iterator[Sight]:
        for change in self.changes:
            if change.on - timedelta(days=1) <= on <= change.on and any(
                all_hold(r.when, case) and not (r.unless and all_hold(r.unless, case)) for r in change.rules
            ):
                yield change.threshold, "below" if on < change.on else "at"
                if on == change.on:
                    yield change.threshold, "above"


def facts_of_example(example: Example, settlement: Settlement, scheme: Scheme) -> dict[str, object]:
    """The facts under which an example was settled."""
    claim = example.claim
    marks = tuple(IdentityMark(i, date.min) for i in sorted(settlement.identities))
    part = Part(
        claim, claim.costs, settlement.year_state.year, settlement.policy_on, settlement.identity_on, claim.admitted_on,
        claim.discharged_on, claim.discharged_on, False, claim.given,
    )  # fmt: skip
    return facts_of(part, replace(example.beneficiary, identities=marks), scheme)


def case_of(classes: Classes, facts: Mapping[str, object]) -> dict[str, object]:
    """The case that facts are of."""
    wanted = (*classes.facts, *(f for f in RUNTIME if f in classes.cuts))
    return {fact: classes.class_of(fact, facts.get(fact)) for fact in wanted}


def _bill(example: Example, settlement: Settlement, facts: Mapping[str, object]) -> Bill:
    costs, stays = example.claim.costs, settlement.year_before.stays
    keys = stay_keys(facts)
    return Bill(
        total=costs.total, in_scope=costs.pots[0], days=cast(int, facts["days"]),
        month=example.claim.discharged_on.month - 1, linked=int(facts.get("linked") == "yes"),
        stays=(stays.get(keys[0], 0), stays.get(keys[1], 0), stays.get(keys[2], 0), stays.get(keys[3], 0)),
        charges=costs.charges, ceiling=NO_LIMIT,
    )  # fmt: skip


class _Measured:
    """What one layer measured of one bill. `year` holds the sums before the layer."""

    def __init__(
        self, observer: Observer, payment: Payment, case: Case, on: date, bill: Bill, year: Sequence[int]
    ) -> None:
        assert payment.run is not None and payment.case is not None
        self.observer, self.layer, self.case, self.on, self.bill, self.year = (
            observer,
            payment.layer.name,
            case,
            on,
            bill,
            year,
        )
        self.run, self.row = payment.run, payment.case
        self.f = payment.case.figures

    def sights(self) -> Iterator[Sight]:
        """Deductible, bands, ceilings, target. A layer that is barred measures nothing."""
        if self.f.barred or (self.f.requires and self.run.counted == 0 and self.run.base > 0):
            return
        if self.run.counted > 0:
            yield from self._deductible()
            yield from self._bands()
            yield from self._ceilings()
            yield from self._accounts()
        if self.f.formula == TOP_UP and self.run.due > 0:
            for rule, text in self._printed("补足到", (self.f.top_up,)):
                yield _threshold(rule, "补足到", text), _side(self.run.before, self.run.due)

    def _printed(self, key: str, effective: tuple[int, ...]) -> Iterator[tuple[Rule, str]]:
        """The rules that print the line which a figure draws here: the setter, or the adjusters that moved it.

        Rules that set the same value in the same case all print it.
        """
        cited = self.row.cited(key)
        if cited is None:
            return
        layer_rules = self.observer.by_place
        own = next(
            (r.sets[key] for r in layer_rules[self.layer, cited.setter.file, cited.setter.line] if key in r.sets), None
        )
        if cited.adjusters and effective and _moved(key, own, effective):
            for adjuster, where in cited.adjusters:
                for rule in layer_rules[self.layer, where.file, where.line]:
                    if adjuster in rule.adjusts.get(key, ()):
                        yield rule, adjuster.text
            return
        for rule in self.observer.resolver.rules[self.layer]:
            if rule.in_force(self.on) and key in rule.sets and rule.sets[key] == own and all_hold(rule.when, self.case):
                yield rule, own.text() if isinstance(own, Amount) else percent(own) if isinstance(own, int) else ""

    def _deductible(self) -> Iterator[Sight]:
        f, run = self.f, self.run
        printed = (f.deductible, f.deductible_per_day, f.deductible_share)
        if not any(printed) or f.formula not in (RATIO, CUMULATIVE):
            return
        if f.formula == CUMULATIVE:
            number, edge = run.base_before + run.counted, f.deductible
        else:
            number, edge = run.counted, deductible_of(f, self.bill, self.year)
            uncapped = deductible_of(replace(f, deductible_annual=NO_LIMIT), self.bill, self.year)
            if f.deductible_annual < NO_LIMIT:
                left = f.deductible_annual - self.year[f.deductible_slot]
                for rule, text in self._printed("年度起付上限", (f.deductible_annual,)):
                    yield _threshold(rule, "年度起付上限", text), _side(min(uncapped, run.counted), left)
        for rule, text in self._printed("起付标准", printed) if edge > 0 else ():
            yield _threshold(rule, "起付标准", text), _side(number, edge)

    def _bands(self) -> Iterator[Sight]:
        f, run = self.f, self.run
        if len(f.bands) < 2:
            return
        amount = run.base_before + run.counted if f.formula == CUMULATIVE else run.counted
        less = f.deductible if f.formula == CUMULATIVE else run.deductible
        measured = amount if f.on_total else amount - less
        for rule, _ in self._printed("比例", ()):
            for edge in _edges(rule):
                yield _threshold(rule, "分段", f"{yuan_grouped(edge)}元"), _side(measured, edge)

    def _ceilings(self) -> Iterator[Sight]:
        f, run, year, bill = self.f, self.run, self.year, self.bill
        share = half_up((bill.in_scope if f.single_of else bill.total) * f.single_share, RATIO_ONE)
        single = min(f.single, f.single_per_day * bill.days or NO_LIMIT, share or NO_LIMIT)
        base = run.base - run.aside
        lines: list[tuple[str, tuple[int, ...], int, int]] = [
            ("单次限额", (f.single, f.single_per_day, f.single_share), run.raw, single),
            ("单次计入限额", (f.cost_single,), base, f.cost_single),
        ]
        if f.annual < NO_LIMIT:
            lines.append(("年度限额", (f.annual,), run.raw, f.annual - year[f.annual_slot]))
        if f.monthly < NO_LIMIT:
            lines.append(("每月限额", (f.monthly,), run.raw, f.monthly - year[f.month_paid_slot + bill.month]))
        if f.cost_annual < NO_LIMIT:
            lines.append(("年度计入限额", (f.cost_annual,), base, f.cost_annual - run.base_before))
        if f.formula == OWN_CAP:
            lines.append(("个人年度自付上限", (f.own_cap,), run.due, f.own_cap))
        for key, effective, number, edge in lines:
            if edge < NO_LIMIT:
                for rule, text in self._printed(key, effective):
                    yield _threshold(rule, key, text), _side(number, edge)

    def _accounts(self) -> Iterator[Sight]:
        f = self.f
        for rule, _ in self._printed("另设限额", ()):
            accounts = cast(tuple[tuple[str, str, int], ...], rule.sets["另设限额"])
            for k, (name, _, cap) in enumerate(accounts):
                used = self.year[f.account_slot[k] + self.bill.month * f.account_monthly[k]]
                yield _threshold(rule, f"另设限额·{name}", f"{yuan_grouped(cap)}元"), _side(self.run.raw, cap - used)


def _moved(key: str, own: object, effective: tuple[int, ...]) -> bool:
    """Whether adjusters made another line of what the setter gave."""
    if not isinstance(own, Amount):
        return (own,) != effective
    if own.yearly:
        return True
    if key == "单次限额":
        return (own.fen if own.plain else NO_LIMIT, own.per_day, own.share) != effective
    return (own.fen, own.per_day, own.share)[: len(effective)] != effective


# --- Notches ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Probe:
    """One kind of bill that occurs in the examples: the largest of those whose facts fall into the same classes."""

    example: Example
    settlement: Settlement
    case: Case

    def resettled(self, scheme: Scheme, pots: Pots, identities: Iterable[str]) -> Settlement | None:
        """The same visit with other costs and identities, as the first of the year; None if it is refused."""
        marks = tuple(IdentityMark(i, date.min) for i in identities)
        claim = replace(self.example.claim, costs=Costs(pots), given={}, by_year={})
        try:
            return settle(claim, replace(self.example.beneficiary, identities=marks), None, scheme)
        except Problems:
            return None


def probes(scheme: Scheme, outcomes: Iterable[Outcome]) -> list[Probe]:
    """The kinds of bills that occur in the examples: facts apart from amounts and identities."""
    resolver = resolver_of(scheme)
    found: dict[object, Probe] = {}
    for outcome in outcomes:
        settlement, example = outcome.settlement, outcome.example
        if settlement is None or example.claim.given:
            continue
        case = case_of(resolver.classes, facts_of_example(example, settlement, scheme))
        kind = {f: v for f, v in case.items() if f != "identity" and FACTS[f].unit != "fen"}
        key = (resolver.classes.period(settlement.policy_on), tuple(kind.values()))
        known = found.get(key)
        if known is None or known.settlement.costs.total < settlement.costs.total:
            found[key] = Probe(example, settlement, case)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class FoundNotch:
    """A cut at which the patient bears less of a larger bill: `before` of `below`, `after` of `above`, all in fen."""

    rule: Rule
    fact: str
    number: int
    below: int
    above: int
    before: int
    after: int
    case: Case

    @property
    def gain(self) -> int:
        """How much better off one fen more of cost leaves the patient."""
        return self.before - self.after


def notches(scheme: Scheme, found: Sequence[Probe]) -> list[FoundNotch]:
    """At each cut on an amount, the largest notch for each identity; identities that gain the same are one."""
    resolver = resolver_of(scheme)
    named = sorted(resolver.classes.named.get("identity", ()), key=_rank_in(scheme))
    largest: dict[tuple[str, int, frozenset[str]], FoundNotch] = {}
    for rule in cutting_rules(scheme):
        for condition in (c for c in (*rule.when, *rule.unless) if FACTS[c.fact].unit == "fen"):
            for probe in found:
                others = tuple(c for c in rule.when if c.fact != "identity" and FACTS[c.fact].unit != "fen")
                if not rule.in_force(probe.settlement.policy_on) or not all_hold(others, probe.case):
                    continue
                for held in dict.fromkeys((frozenset(), *(frozenset({i}) for i in named), probe.settlement.identities)):
                    for number in cut_numbers(condition):
                        notch = _notch(scheme, rule, condition, number, probe, held)
                        key = (condition.fact, number, held)
                        if notch and (key not in largest or largest[key].gain < notch.gain):
                            largest[key] = notch
    same: dict[tuple[str, int, int], list[FoundNotch]] = {}
    for (fact, number, _), notch in largest.items():
        same.setdefault((fact, number, notch.gain), []).append(notch)
    once = []
    for alike in same.values():
        held_by = [cast(frozenset[str], n.case["identity"]) for n in alike]
        anybody = (
            frozenset()
            if frozenset() in held_by
            else frozenset().union(*(h for h in held_by if len(h) == 1)) or held_by[0]
        )
        once.append(replace(alike[0], case={**alike[0].case, "identity": anybody}))
    return sorted(once, key=lambda n: (n.rule.citation.place, n.number, len(cast(frozenset[str], n.case["identity"]))))


def _rank_in(scheme: Scheme) -> Callable[[str], tuple[int, str]]:
    rank = scheme.conventions.identity_rank
    return lambda identity: (rank.index(identity) if identity in rank else len(rank), identity)


def _notch(
    scheme: Scheme, rule: Rule, condition: Condition, number: int, probe: Probe, held: frozenset[str]
) -> FoundNotch | None:
    cut = condition.low if condition.low in (number, number + 1) else condition.high + 1
    if condition.fact == "layer_base":
        found = _amount_that_reaches(scheme, rule.layer, cut, probe, held)
        if found is None:
            return None
        cut, pot = found, 0
    else:
        pot = POTS.index(condition.fact) if condition.fact in POTS else 3 if condition.fact == "own_this_month" else 0
    if condition.fact in CHARGES:
        return None
    below = probe.resettled(scheme, _only(pot, cut - 1), held)
    above = probe.resettled(scheme, _only(pot, cut), held)
    if below is None or above is None or above.patient_share >= below.patient_share:
        return None
    told = {c.fact: probe.case[c.fact] for c in rule.when if FACTS[c.fact].unit != "fen" and c.fact in probe.case}
    return FoundNotch(
        rule, condition.fact, number, cut - 1, cut, below.patient_share, above.patient_share, {**told, "identity": held}
    )


def _only(pot: int, fen: int) -> Pots:
    return (fen if pot == 0 else 0, fen if pot == 1 else 0, fen if pot == 2 else 0, fen if pot == 3 else 0)


def _amount_that_reaches(scheme: Scheme, layer: str, base: int, probe: Probe, held: frozenset[str]) -> int | None:
    """The smallest in-scope bill of which a layer's base reaches an amount, if a bill up to ten times that does."""

    def reaches(fen: int) -> bool:
        settlement = probe.resettled(scheme, _only(0, fen), held)
        runs = [p.run for p in settlement.payments if p.layer.name == layer] if settlement else []
        return any(run is not None and run.base >= base for run in runs)

    low, high = base - 1, 10 * base
    if not reaches(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high
