"""From rules to finished figures, for one combination of facts. Only this stage knows documents.

Each fact that the scheme's rules look at is cut into *classes*: the values that some rule names, and one class for all
others; numbers into the intervals between the cuts that rules name; days at every day on which something begins or
ends. All bills of one class combination have the same figures, so a row of figures is found once and remembered.
Combinations are resolved as they occur, never as a full product (for one real scheme that product does not finish).

For each layer, in order: which rules are in play; which of them an exception displaces; the one setter that is left for
each figure; the adjusters, in their fixed order. Two setters left for one figure are a conflict, never "the last wins".
Three rows come of it: with all rules, without the tilts (倾斜), without the penalties (处罚). What a tilt or a penalty
is worth is the difference of two runs of the same steps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, TypeVar, cast

from yizhan.engine.facts import CHARGES, FACTS, POTS, RUNTIME
from yizhan.engine.money import NO_LIMIT, RATIO_ONE, half_up, percent
from yizhan.engine.scheme import (
    ADJUSTER_ORDER,
    GENERAL,
    Adjuster,
    Amount,
    Band,
    Citation,
    Cited,
    Condition,
    Layer,
    Note,
    Rule,
    Scheme,
    TotalLimit,
)
from yizhan.engine.steps import CUMULATIVE, DUE_LESS_PAID, NEW_ONLY, OWN_CAP, RATIO, TOP_UP, Figures
from yizhan.errors import BadDocument, FactNeeded, Problem, Problems, RuleMissing, RulesConflict, YearlyFigureMissing

T = TypeVar("T")

OTHER = "*"
"""Class of every value that no rule names."""

MISSING = None
"""Class of a fact that the claim does not give."""

PARTS = ("起付部分", "超封顶部分", "转外自付部分", "降比部分")
NTH_SCOPES = ("不分级", "同级", "同院", "同病种")
SCOPE_FACTS = ("", "institution_level", "institution", "diagnoses")
"""The fact by which each scope tells stays apart."""

BASIC = "基本医保"
FORMULAS = frozenset({"比例", "补足到", "个人年度自付上限"})
HOSPITAL_FACTS = frozenset({"institution_level", "institution_tier", "institution", "place", "tcm", "designated"})
TOTAL_LIMIT = "合计上限"

Case = Mapping[str, object]
"""One class combination: fact → a value, OTHER, MISSING, a frozenset, or an interval (low, high)."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerCase:
    """What resolution found for one layer in one case: three rows of figures and where they come from.

    `normal` is the row without tilts, `unpenalised` the one without penalties; None where the layer would be silent, the
    same object as `figures` where nothing differs.
    """

    figures: Figures
    normal: Figures | None
    unpenalised: Figures | None
    story: tuple[Cited, ...]
    notes: tuple[Note, ...]
    payers: tuple[str, ...]
    advanced_by: str = ""
    reviewer: str = ""
    barred_by: tuple[Citation, ...] = ()
    cites: tuple[Citation, ...] = ()

    def cited(self, key: str) -> Cited | None:
        """The story of one figure."""
        return next((c for c in self.story if c.key == key), None)


@dataclass(frozen=True, slots=True)
class RuntimeCuts:
    """Where a layer's figures depend on an amount known only while settling: first values of the intervals after 0."""

    fact: str
    cuts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The figures of a whole bill: per layer one LayerCase, or several by runtime interval, or none (silent)."""

    layers: tuple[tuple[LayerCase, ...], ...]
    ceiling: TotalLimit | None


@dataclass
class Slots:
    """Names of the year's sums, in the order of their indices. A monthly sum takes twelve in a row."""

    names: list[str] = field(default_factory=list)

    def find(self, name: str, monthly: bool = False) -> int:
        """Index of a sum; registers it when it is new."""
        first = f"{name}.01" if monthly else name
        if first not in self.names:
            self.names += [f"{name}.{m:02d}" for m in range(1, 13)] if monthly else [name]
        return self.names.index(first)

    def known(self, name: str) -> int:
        """Index of a sum, or -1."""
        if name in self.names:
            return self.names.index(name)
        return self.names.index(f"{name}.01") if f"{name}.01" in self.names else -1


class Classes:
    """The cuts of one scheme: which values of each fact are told apart."""

    def __init__(self, scheme: Scheme) -> None:
        self.named: dict[str, set[str]] = {}
        self.cuts: dict[str, list[int]] = {}
        cut_sets: dict[str, set[int]] = {}
        days = {scheme.begins_on}
        for conditions in _all_conditions(scheme):
            for c in conditions:
                if FACTS[c.fact].kind == "number":
                    cut_sets.setdefault(c.fact, set()).update(x for x in (c.low, c.high + 1) if 0 < x < NO_LIMIT)
                else:
                    self.named.setdefault(c.fact, set()).update(c.values)
        for rule in scheme.rules:
            if any(a.kind == "add_by_age" for adjusters in rule.adjusts.values() for a in adjusters):
                cut_sets.setdefault("age", set()).update(range(1, 131))
            if counted := SCOPE_FACTS[_scope_of(rule)]:
                self.named.setdefault(counted, set()).update(v.code for v in FACTS[counted].values)
        for fact in _engine_facts(scheme):
            self.named.setdefault(fact, set()).update(value.code for value in FACTS[fact].values)
        dated_things: tuple[Rule | TotalLimit, ...] = (*scheme.rules, *scheme.limits)
        for dated in dated_things:
            days.add(dated.begins_on)
            if dated.ends_on < date.max:
                days.add(dated.ends_on + timedelta(days=1))
        if scheme.yearly:
            years = {y for figure in scheme.yearly.values() for y in figure.by_year}
            days.update(date(y, 1, 1) for y in range(min(years), max(years) + 2))
        self.cuts = {fact: sorted(cuts) for fact, cuts in cut_sets.items()}
        self.days = sorted(days)
        self.facts = tuple(f for f in (*self.named, *self.cuts) if f not in RUNTIME)

    def class_of(self, fact: str, value: object) -> object:
        """The class of one value, as it stands in a Case."""
        if value is None:
            return MISSING
        if fact in self.cuts:
            return self.interval(fact, cast(int, value))
        named = self.named[fact]
        if isinstance(value, (frozenset, set)):
            return frozenset(value & named)
        return value if value in named else OTHER

    def interval(self, fact: str, number: int) -> tuple[int, int]:
        """The interval between two cuts in which a number lies, both ends included."""
        cuts = self.cuts[fact]
        k = bisect_right(cuts, number)
        return (cuts[k - 1] if k else 0, cuts[k] - 1 if k < len(cuts) else NO_LIMIT)

    def period(self, on: date) -> int:
        """Which stretch between two changes of the rules a day lies in; -1 before the first."""
        return bisect_right(self.days, on) - 1


def _all_conditions(scheme: Scheme) -> Iterable[tuple[Condition, ...]]:
    for rule in scheme.rules:
        yield rule.when
        yield rule.unless
    for limit in scheme.limits:
        yield limit.when
    yield from scheme.impossible


def _engine_facts(scheme: Scheme) -> Iterable[str]:
    """Facts that decide without standing in a condition: linked stays, reviews, cut stays, changes of identity."""
    if any(rule.sets.get("转诊接续") == "补差" for rule in scheme.rules):
        yield "linked"
    if any("待审" in rule.sets for rule in scheme.rules):
        yield "expert_review"
    if scheme.conventions.cross_year in ("split", "split_poor"):
        yield "year_end_part"
    if scheme.conventions.identity_change == "due_less_paid":
        yield "identity_changed"


def _scope_of(rule: Rule) -> int:
    return NTH_SCOPES.index(cast(str, rule.sets.get("计次", "不分级")))


def holds(condition: Condition, case: Case) -> bool | None:
    """Whether a condition holds in a case; None if the case does not say."""
    found = case.get(condition.fact)
    if found is MISSING:
        return None
    if isinstance(found, frozenset):
        return bool(found & condition.values)
    if isinstance(found, tuple):
        return bool(condition.low <= found[0] and found[1] <= condition.high)
    return found in condition.values


def all_hold(conditions: Sequence[Condition], case: Case) -> bool | None:
    """Whether all conditions hold: False as soon as one does not, None if one that matters is not known."""
    answers = [holds(c, case) for c in conditions]
    if False in answers:
        return False
    return None if None in answers else True


class Resolver:
    """Finds and remembers the figures of one scheme. Build it once; it is used for one bill and for millions."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self.classes = Classes(scheme)
        self.rules = {layer.name: scheme.rules_of(layer.name) for layer in scheme.layers}
        self.layer_names = tuple(layer.name for layer in scheme.layers)
        self.payers = {layer.name: _payers(layer, self.rules[layer.name]) for layer in scheme.layers}
        self.order = {layer.name: _pot_order(layer, self.rules[layer.name]) for layer in scheme.layers}
        self.slots = Slots()
        self._register_slots()
        self.runtime = {layer.name: self._runtime_cuts(layer.name) for layer in scheme.layers}
        self.scopes = frozenset(_scope_of(rule) for rule in scheme.rules if {"起付次数", "计次"} & rule.sets.keys())
        self.looked_at = {layer.name: self._facts_of(layer.name) for layer in scheme.layers}
        self._memo: dict[object, Resolved] = {}
        self._layer_memo: dict[object, tuple[LayerCase, ...]] = {}

    # --- what a scheme uses -------------------------------------------------------------------------------------------

    def _register_slots(self) -> None:
        for layer in self.scheme.layers:
            rules = self.rules[layer.name]
            speaks = {key for rule in rules for key in (*rule.sets, *rule.adjusts)}
            ways = {rule.sets.get("计算") for rule in rules}
            # A figure and the name of its sums may stand in different rules, so every name gets what the layer uses.
            for sums in dict.fromkeys(
                (layer.name, *(cast(str, rule.sets["累计"]) for rule in rules if "累计" in rule.sets))
            ):
                if "年度累计" in ways or speaks & {"年度计入限额", "个人年度自付上限"}:
                    self.slots.find(f"{sums}.base")
                    self.slots.find(f"{sums}.paid")
                if "月度累计" in ways:
                    self.slots.find(f"{sums}.month_base", True)
                    self.slots.find(f"{sums}.month_paid", True)
                if "年度限额" in speaks:
                    self.slots.find(f"{sums}.paid")
                if "每月限额" in speaks:
                    self.slots.find(f"{sums}.paid_in_month", True)
            if "年度起付上限" in speaks:
                self.slots.find(f"{layer.name}.deductible")
            cut = self.scheme.conventions.cross_year == "split" and "起付标准" in speaks
            if cut or any(rule.sets.get("转诊接续") == "补差" for rule in rules):
                self.slots.find(f"{layer.name}.chain")
            for rule in rules:
                for name, period, _ in cast(tuple[tuple[str, str, int], ...], rule.sets.get("另设限额", ())):
                    self.slots.find(f"另设·{name}{'·月' if period == '每月' else ''}", period == "每月")
        if any(c.fact == "own_this_month" for cs in _all_conditions(self.scheme) for c in cs):
            self.slots.find("全自费.month", True)

    def _runtime_cuts(self, layer: str) -> tuple[RuntimeCuts, ...]:
        mentioned = {c.fact for rule in self.rules[layer] for c in (*rule.when, *rule.unless)}
        return tuple(RuntimeCuts(f, tuple(self.classes.cuts[f])) for f in RUNTIME if f in mentioned)

    def _facts_of(self, layer: str) -> tuple[str, ...]:
        """The facts on which a layer's figures can depend; others need not be told apart for it."""
        rules = self.rules[layer]
        found = {c.fact for rule in rules for c in (*rule.when, *rule.unless)} | {"care", *_engine_facts(self.scheme)}
        if any(a.kind == "add_by_age" for rule in rules for by in rule.adjusts.values() for a in by):
            found.add("age")
        found |= {SCOPE_FACTS[_scope_of(rule)] for rule in rules}
        return tuple(f for f in self.classes.facts if f in found)

    # --- one case -----------------------------------------------------------------------------------------------------

    def key_of(self, facts: Mapping[str, object], on: date) -> tuple[object, ...]:
        """The class combination of a claim's facts on the policy date, hashable."""
        class_of = self.classes.class_of
        return (self.classes.period(on), *[class_of(f, facts.get(f)) for f in self.classes.facts])

    def resolve(self, key: tuple[object, ...]) -> Resolved:
        """The figures of one class combination. Raises Problems: facts missing, or rules in conflict."""
        found = self._memo.get(key)
        if found is None:
            on = self.classes.days[cast(int, key[0])]
            found = self._memo[key] = self.resolve_case(dict(zip(self.classes.facts, key[1:], strict=True)), on)
        return found

    def resolve_case(self, case: Case, on: date) -> Resolved:
        """As `resolve`, for a case and a day."""
        problems: list[Problem] = []
        layers = []
        for layer in self.scheme.layers:
            key = (layer.name, on, *[case.get(f) for f in self.looked_at[layer.name]])
            cases = self._layer_memo.get(key)
            if cases is None:
                try:
                    cases = self._layer_memo[key] = self.layer_cases(layer, case, on)
                except Problems as found:
                    problems += found.problems
                    continue
            layers.append(cases)
        ceiling = None
        try:
            ceiling = self._ceiling(case, on)
        except Problems as found:
            problems += found.problems
        if problems:
            raise Problems(_distinct(problems))
        return Resolved(tuple(layers), ceiling)

    def layer_cases(self, layer: Layer, case: Case, on: date) -> tuple[LayerCase, ...]:
        """The layer's figures in one case: one, several by runtime interval, or none."""
        cases: list[dict[str, object]] = [dict(case)]
        for runtime in self.runtime[layer.name]:
            edges = (0, *runtime.cuts)
            cases = [{**c, runtime.fact: self.classes.interval(runtime.fact, edge)} for c in cases for edge in edges]
        found = [self._layer_case(layer, c, on) for c in cases]
        if all(f is None for f in found):
            return ()
        base = next(f.figures for f in found if f is not None)
        drawn: dict[str, Any] = {
            "weight": base.weight,
            "charge": base.charge,
            "by_charge": base.by_charge,
            "leaves_out": base.leaves_out,
        }
        row = replace(self.barred_row(layer), **drawn)  # the layer's base is measured with it as well
        silent = LayerCase(row, None, None, (), (), self.payers[layer.name])
        return tuple(f or silent for f in found)

    def barred_row(self, layer: Layer) -> Figures:
        """The row of a layer that pays nothing."""
        return Figures(barred=1, share=tuple(RATIO_ONE * (name == layer.payer) for name in self.payers[layer.name]))

    def _ceiling(self, case: Case, on: date) -> TotalLimit | None:
        limits = [(x, all_hold(x.when, case)) for x in self.scheme.limits if x.begins_on <= on <= x.ends_on]
        unknown = [(x, c) for x, answer in limits if answer is None for c in x.when if holds(c, case) is None]
        if unknown:
            raise Problems(_distinct(_fact_needed(TOTAL_LIMIT, x, c) for x, c in unknown))
        live = sorted((x for x, answer in limits if answer), key=lambda x: x.ratio)
        for other in live[1:]:
            if other.of != live[0].of:
                raise Problems([
                    RulesConflict(
                        at=live[0].citation.place, layer=TOTAL_LIMIT, figure="分母", case=case_text(case),
                        one=live[0].citation.place, other=other.citation.place,
                    )
                ])  # fmt: skip
        return live[0] if live else None

    def in_play(self, layer: str, case: Case, on: date) -> list[Rule]:
        """The layer's rules whose facts hold on this day. Raises Problems naming every fact that is missing."""
        live, needed = [], []
        for rule in self.rules[layer]:
            if not rule.in_force(on):
                continue
            answer = all_hold(rule.when, case)
            if answer and rule.unless:
                answer = {True: False, False: True, None: None}[all_hold(rule.unless, case)]
            if answer is None:
                needed += [(rule, c) for c in (*rule.when, *rule.unless) if holds(c, case) is None]
            elif answer:
                live.append(rule)
        if needed:
            raise Problems(_distinct(_fact_needed(layer, rule, c) for rule, c in needed))
        return live

    def _layer_case(self, layer: Layer, case: Case, on: date) -> LayerCase | None:
        live = self.in_play(layer.name, case, on)
        main = _Choice(self, layer, live, case, on)
        if main.silent:
            if layer.kind == BASIC:
                self._refuse_other_hospital(layer, case, on)
            return None
        figures = main.figures()
        normal = self._without("tilt", layer, live, case, on, figures)
        unpenalised = self._without("penalty", layer, live, case, on, figures)
        cites = tuple(_distinct(c for story in main.story for c in (story.setter, *(a[1] for a in story.adjusters))))
        return LayerCase(
            figures, normal, unpenalised, tuple(main.story), tuple(_distinct(main.notes)), self.payers[layer.name],
            cast(str, main.plain("垫付", "")), cast(str, main.plain("待审", "")),
            tuple(r.citation for r in live if r.sets.get("不支付") == "是"), cites,
        )  # fmt: skip

    def _refuse_other_hospital(self, layer: Layer, case: Case, on: date) -> None:
        """Basic insurance may be silent for a kind of care, but not because a table forgot a kind of hospital."""
        for rule in self.rules[layer.name]:
            if not rule.in_force(on) or not FORMULAS & set(rule.sets):
                continue
            others = [c for c in rule.when if c.fact not in HOSPITAL_FACTS]
            if len(others) < len(rule.when) and all_hold(others, case):
                missing = RuleMissing(at=rule.citation.place, layer=layer.name, figure="比例", case=case_text(case))
                raise Problems([missing])

    def _without(
        self, nature: str, layer: Layer, live: list[Rule], case: Case, on: date, figures: Figures
    ) -> Figures | None:
        rest = [rule for rule in live if rule.nature != nature]
        if len(rest) == len(live):
            return figures
        choice = _Choice(self, layer, rest, case, on, twin=True)
        if choice.silent:
            return None
        twin = choice.figures()
        return figures if twin == figures else twin


def _fact_needed(layer: str, rule: Rule | TotalLimit, condition: Condition) -> FactNeeded:
    fact = FACTS[condition.fact]
    return FactNeeded(
        fact_zh=fact.zh, fact_en=fact.en, key=fact.code, layer=layer, needed_by=rule.citation.text("zh"), at=""
    )


def _not_plain(key: str, value: Amount, adjuster: Adjuster, rule: Rule) -> BadDocument:
    return BadDocument(
        at=rule.citation.place,
        why_zh=f"“{key}: {value.text()}”每单不同，不能再“{adjuster.text}”，只能 减半 或 按…%",
        why_en=f"“{key}: {value.text()}” differs from bill to bill, so “{adjuster.text}” cannot change it; only 减半 or 按…% can",
    )


def _distinct(items: Iterable[T]) -> list[T]:
    seen: dict[str, T] = {}
    for item in items:
        seen.setdefault(repr(item), item)
    return list(seen.values())


def _payers(layer: Layer, rules: Sequence[Rule]) -> tuple[str, ...]:
    """Everybody who may pay for a layer. Whom a rule lists last stands after the others of that rule: he takes the rest.

    Raises RulesConflict where two rules ask for opposite orders.
    """
    waiting = [layer.payer]
    before: set[tuple[str, str]] = set()
    for rule in sorted(rules, key=lambda r: (r.citation.file, r.citation.line)):
        listed = [name for name, _ in cast(tuple[tuple[str, int], ...], rule.sets.get("资金", ()))]
        before |= {(first, listed[-1]) for first in listed[:-1]}
        waiting += [*listed, *([cast(str, rule.sets["改由"])] if "改由" in rule.sets else ())]
    waiting = list(dict.fromkeys(waiting))
    payers: list[str] = []
    while waiting:
        free = [name for name in waiting if not any((other, name) in before for other in waiting)]
        if not free:
            asking = [rule.citation for rule in rules if "资金" in rule.sets]
            raise RulesConflict(
                at=asking[0].place, layer=layer.name, figure="资金", case="", one=asking[0].text(), other=asking[-1].text()
            )
        payers.append(free[0])
        waiting.remove(free[0])
    return tuple(payers)


def _pot_order(layer: Layer, rules: Sequence[Rule]) -> tuple[int, ...]:
    """The order in which the layer empties pots, merged over its rules. Raises RulesConflict where two disagree."""
    before: set[tuple[str, str]] = set()
    for rule in rules:
        drawn = cast(tuple[str, ...], rule.sets.get("计入", ()))
        for i, first in enumerate(drawn):
            for second in drawn[i + 1 :]:
                if (second, first) in before:
                    raise RulesConflict(
                        at=rule.citation.place, layer=layer.name, figure="计入", case="", one=rule.citation.text(),
                        other=f"另一处相反的次序（{FACTS[second].zh}、{FACTS[first].zh}）",
                    )  # fmt: skip
                before.add((first, second))
    rank = {pot: sum((other, pot) in before for other in POTS) for pot in POTS}
    return tuple(sorted(range(4), key=lambda p: (rank[POTS[p]], p)))


class _Choice:
    """Chooses the figures of one layer in one case, and remembers where each comes from."""

    def __init__(
        self, resolver: Resolver, layer: Layer, live: Sequence[Rule], case: Case, on: date, twin: bool = False
    ) -> None:
        self.resolver, self.layer, self.live, self.case, self.on, self.twin = resolver, layer, live, case, on, twin
        self.story: list[Cited] = []
        self.notes: list[Note] = []
        keys = {key for rule in live for key in rule.sets}
        barred = any(rule.sets.get("不支付") == "是" for rule in live)
        self.silent = not barred and not keys & {"比例", "补足到", "个人年度自付上限"}
        if self.silent and layer.kind == BASIC and keys & {"起付标准", "计入"} and not twin:
            raise Problems([self._missing("比例")])

    # --- one figure ---------------------------------------------------------------------------------------------------

    def setter(self, key: str) -> Rule | None:
        """The one rule that sets a figure. Raises Problems with a RulesConflict where two are left."""
        found = self._undisplaced(key, lambda rule: rule.sets)
        if len(found) > 1:
            found = self._by_identity(found)
        if len(found) > 1 and self.resolver.scheme.conventions.local_rules != "error":
            found = self._by_area(key, found)
        if len(found) > 1 and any(rule.sets[key] != found[0].sets[key] for rule in found):
            raise Problems([self._conflict(key, found[0], found[1])])
        return found[0] if found else None

    def _undisplaced(self, key: str, figures: Callable[[Rule], Mapping[str, object]]) -> list[Rule]:
        speaking = [rule for rule in self.live if key in figures(rule)]
        displaced = set()
        for rule in speaking:
            for other in speaking:
                if other is rule:
                    continue
                general = GENERAL in rule.instead_of and not other.instead_of
                if general or (other.citation.document, other.citation.article) in rule.instead_of:
                    displaced.add(id(other))
        return [rule for rule in speaking if id(rule) not in displaced]

    def _by_identity(self, found: list[Rule]) -> list[Rule]:
        rank = self.resolver.scheme.conventions.identity_rank
        held = cast(frozenset[str], self.case.get("identity") or frozenset())
        if not all(rule.identities for rule in found):
            return found
        place = {
            id(rule): min((rank.index(i) for i in rule.identities & held if i in rank), default=len(rank))
            for rule in found
        }
        best = min(place.values())
        return [rule for rule in found if place[id(rule)] == best]

    def _by_area(self, key: str, found: list[Rule]) -> list[Rule]:
        if len({rule.depth for rule in found}) == 1:
            return found
        if self.resolver.scheme.conventions.local_rules == "local":
            deepest = max(rule.depth for rule in found)
            return [rule for rule in found if rule.depth == deepest]
        worth = _better_for_patient(key)
        if worth is None or any(isinstance(v, Amount) and not v.plain for v in (rule.sets[key] for rule in found)):
            return found
        best = max(worth(rule.sets[key]) for rule in found)
        return [rule for rule in found if worth(rule.sets[key]) == best]

    def _adjusters(self, key: str) -> list[tuple[Adjuster, Rule]]:
        rules = self._undisplaced(key, lambda rule: rule.adjusts)
        pairs = [(adjuster, rule) for rule in rules for adjuster in rule.adjusts[key]]
        return sorted(pairs, key=lambda pair: ADJUSTER_ORDER.index(pair[0].kind))

    def _tell(self, key: str, text: str, rule: Rule, adjusted: Sequence[tuple[Adjuster, Rule]] = ()) -> None:
        self.story.append(Cited(key, text, rule.citation, tuple((a, r.citation) for a, r in adjusted)))
        self.notes += rule.notes
        for _, other in adjusted:
            self.notes += other.notes

    def plain(self, key: str, default: object) -> object:
        """A figure that is only ever set."""
        rule = self.setter(key)
        if rule is None:
            return default
        self._tell(key, _plain_text(rule.sets[key]), rule)
        return rule.sets[key]

    def amount(self, key: str, default: Amount, unit: int = 1) -> Amount:
        """A sum of money with its adjusters."""
        rule = self.setter(key)
        if rule is None:
            return default
        value = self._in_year(cast(Amount, rule.sets[key]), rule)
        adjusted = self._adjusters(key)
        for adjuster, by in adjusted:
            if not value.plain and adjuster.kind != "factor":
                raise Problems([_not_plain(key, value, adjuster, by)])
            value = _adjust_amount(value, adjuster, unit)
        self._tell(key, value.text() if value.fen != 0 or not value.plain else "0元", rule, adjusted)
        return value

    def limit(self, key: str) -> int:
        """A ceiling in fen."""
        value = self.amount(key, Amount(NO_LIMIT))
        return value.fen

    def _in_year(self, value: Amount, rule: Rule) -> Amount:
        if not value.yearly:
            return value
        figure = self.resolver.scheme.yearly.get(value.yearly)
        year = self.on.year
        if figure is None or year not in figure.by_year:
            raise Problems([YearlyFigureMissing(at=rule.citation.place, name=value.yearly, year=year)])
        self.notes += figure.notes
        return Amount(half_up(figure.by_year[year] * value.share, RATIO_ONE))

    def ratio(self, key: str, default: int) -> int:
        """A ratio with its adjusters, as one number."""
        bands = self.bands(key)
        return bands[0].ratio if bands else default

    def bands(self, key: str) -> tuple[Band, ...]:
        """A ratio with its adjusters, in bands (one band for a flat ratio)."""
        rule = self.setter(key)
        if rule is None:
            return ()
        value = rule.sets[key]
        bands = value if isinstance(value, tuple) else (Band(0, NO_LIMIT, cast(int, value)),)
        adjusted = self._adjusters(key)
        age = self.case.get("age")
        for adjuster, by in adjusted:
            if adjuster.kind == "add_by_age" and age is MISSING:
                raise Problems([_fact_needed(self.layer.name, by, Condition("age"))])
            years = age[0] if isinstance(age, tuple) else 0
            bands = tuple(Band(b.low, b.high, _adjust_ratio(b.ratio, adjuster, years)) for b in bands)
        bands = tuple(Band(b.low, b.high, max(0, min(RATIO_ONE, b.ratio))) for b in bands)
        self._tell(key, "、".join(percent(b.ratio) for b in bands), rule, adjusted)
        return bands

    # --- the row ------------------------------------------------------------------------------------------------------

    def figures(self) -> Figures:
        """The finished row. Raises Problems where a figure that the case needs is missing or set twice."""
        if any(rule.sets.get("不支付") == "是" for rule in self.live):
            for rule in self.live:
                if rule.sets.get("不支付") == "是":
                    self._tell("不支付", "不支付", rule)
            if not any(key in rule.sets for rule in self.live for key in ("比例", "补足到", "个人年度自付上限")):
                return self.resolver.barred_row(self.layer)
            return self._row(barred=1)
        return self._row(barred=0)

    def _row(self, barred: int) -> Figures:
        drawn = cast(tuple[str, ...], self.plain("计入", ()))
        if not drawn:
            raise Problems([self._missing("计入")])
        weights = dict(cast(tuple[tuple[str, int], ...], self.plain("折算", ())))
        charges = cast(tuple[str, ...], self.plain("按项目", ()))
        leaves_out = cast(tuple[str, ...], self.plain("不计入", ()))
        formula = self._formula()
        return Figures(
            weight=tuple(weights.get(pot, RATIO_ONE) if pot in drawn else 0 for pot in POTS),
            charge=tuple(int(c in charges) for c in CHARGES),
            by_charge=int(bool(charges)),
            leaves_out=tuple(int(p in leaves_out) for p in PARTS),
            aside=self.ratio("先自付比例", 0),
            barred=barred,
            requires=self._flags("须有支付"),
            floor=self.ratio("保底比例", 0),
            held=self._held(),
            parts_from=int(self.layer.kind == BASIC),
            share=self._shares(),
            **formula,
            **self._deductible(formula),
            **self._ceilings(),
            **self._sums(),
        )

    def _formula(self) -> dict[str, Any]:
        keys = [k for k in ("比例", "补足到", "个人年度自付上限") if any(k in rule.sets for rule in self.live)]
        if len(keys) > 1:
            rules = [next(rule for rule in self.live if key in rule.sets) for key in keys[:2]]
            raise Problems([self._conflict("、".join(keys), *rules)])
        if keys == ["补足到"]:
            of, counted = self.plain("分母", None), self.plain("计为已报", None)
            if of is None or counted is None:
                raise Problems([self._missing("分母" if of is None else "计为已报")])
            return {
                "formula": TOP_UP, "top_up": self.ratio("补足到", 0), "top_up_of": int(of == "in_scope"),
                "counts": self._counts(cast(tuple[str, ...], counted)),
            }  # fmt: skip
        if keys == ["个人年度自付上限"]:
            return {"formula": OWN_CAP, "own_cap": self.limit("个人年度自付上限")}
        cumulative = self.plain("计算", "按次") != "按次"
        bands = self.bands("比例")
        return {
            "formula": CUMULATIVE if cumulative else RATIO,
            "bands": tuple((b.low, b.high, b.ratio) for b in bands),
            "on_total": int(self.plain("分段基准", "超起付部分") == "计入总额"),
            "due_less_paid": self._change() if cumulative else 0,
        }

    def _change(self) -> int:
        conventions = self.resolver.scheme.conventions
        if conventions.rate_change == "due_less_paid":
            return DUE_LESS_PAID
        changed = self.case.get("identity_changed") == "yes"
        return DUE_LESS_PAID if changed and conventions.identity_change == "due_less_paid" else NEW_ONLY

    def _deductible(self, formula: Mapping[str, object]) -> dict[str, Any]:
        if formula["formula"] not in (RATIO, CUMULATIVE):
            return {}
        if not any("起付标准" in rule.sets for rule in self.live):
            raise Problems([self._missing("起付标准")])
        unit = {"分": 1, "角": 10, "元": 100}[cast(str, self.plain("起付取整", "分"))]
        amount = self.amount("起付标准", Amount(), unit)
        chained = self.plain("转诊接续", "不接续") == "补差" and self._linked()
        found: dict[str, Any] = {
            "deductible": amount.fen, "deductible_per_day": amount.per_day, "deductible_share": amount.share,
            "deductible_of": int(amount.of == "in_scope"), "deductible_unit": unit, "chained": int(chained),
            "deductible_annual": self.limit("年度起付上限"),
        }  # fmt: skip
        if self.case.get("year_end_part") == "yes" and formula["formula"] == RATIO:
            if self.resolver.scheme.conventions.cross_year == "split":
                found["chained"] = 2
            else:
                found |= {"deductible": 0, "deductible_per_day": 0, "deductible_share": 0}
        further = cast(tuple[int, ...] | None, self.plain("起付次数", None))
        if further is not None:
            found |= {"nth": further[:3], "nth_less": further[3], "nth_least": further[4], "nth_fixed": further[5:]}
            scope = found["nth_scope"] = NTH_SCOPES.index(cast(str, self.plain("计次", "不分级")))
            if SCOPE_FACTS[scope]:
                self._needed("计次", SCOPE_FACTS[scope])
        return found

    def _linked(self) -> bool:
        return self._needed("转诊接续", "linked") == "yes"

    def _held(self) -> int:
        return int(bool(self.plain("待审", "")) and self._needed("待审", "expert_review") != "passed")

    def _needed(self, key: str, fact: str) -> object:
        """A fact that decides through a figure; refused by name where the claim does not give it."""
        found = self.case.get(fact)
        if found is MISSING and not self.twin:
            rule = self.setter(key)
            assert rule is not None
            raise Problems([_fact_needed(self.layer.name, rule, Condition(fact))])
        return found

    def _ceilings(self) -> dict[str, Any]:
        single = self.amount("单次限额", Amount(NO_LIMIT))
        accounts = cast(tuple[tuple[str, str, int], ...], self.plain("另设限额", ()))
        slots = self.resolver.slots
        names = [f"另设·{name}{'·月' if period == '每月' else ''}" for name, period, _ in accounts]
        return {
            "single": single.fen if single.plain else NO_LIMIT,
            "single_per_day": single.per_day,
            "single_share": single.share,
            "single_of": int(single.of == "in_scope"),
            "annual": self.limit("年度限额"),
            "monthly": self.limit("每月限额"),
            "cost_single": self.limit("单次计入限额"),
            "cost_annual": self.limit("年度计入限额"),
            "account_cap": tuple(cap for _, _, cap in accounts),
            "account_slot": tuple(slots.known(name) for name in names),
            "account_monthly": tuple(int(period == "每月") for _, period, _ in accounts),
        }

    def _sums(self) -> dict[str, Any]:
        slots = self.resolver.slots
        name = cast(str, self.plain("累计", self.layer.name))
        way = self.setter("计算")
        monthly = way is not None and way.sets["计算"] == "月度累计"
        return {
            "base_slot": slots.known(f"{name}.month_base" if monthly else f"{name}.base"),
            "paid_slot": slots.known(f"{name}.month_paid" if monthly else f"{name}.paid"),
            "sums_monthly": int(monthly),
            "annual_slot": slots.known(f"{name}.paid"),
            "month_paid_slot": slots.known(f"{name}.paid_in_month"),
            "deductible_slot": slots.known(f"{self.layer.name}.deductible"),
            "chain_slot": slots.known(f"{self.layer.name}.chain"),
            "stay": int(self.case.get("care") == "inpatient"),
        }

    def _flags(self, key: str) -> tuple[int, ...]:
        names = cast(tuple[str, ...], self.plain(key, ()))
        return tuple(int(layer.name in names) for layer in self.resolver.scheme.layers) if names else ()

    def _counts(self, names: tuple[str, ...]) -> tuple[int, ...]:
        layers = [layer.name for layer in self.resolver.scheme.layers]
        if names == ("前面各层",):
            return tuple(int(k < layers.index(self.layer.name)) for k in range(len(layers)))
        return tuple(int(name in names) for name in layers)

    def _shares(self) -> tuple[int, ...]:
        payers = self.resolver.payers[self.layer.name]
        instead = self.plain("改由", None)
        if instead is not None:
            return tuple(RATIO_ONE if p == instead else 0 for p in payers)
        shares = dict(cast(tuple[tuple[str, int], ...], self.plain("资金", ((self.layer.payer, RATIO_ONE),))))
        return tuple(shares.get(p, 0) for p in payers)

    # --- what may be wrong --------------------------------------------------------------------------------------------

    def case_text(self) -> str:
        """The case in words, for an error."""
        return case_text(self.case)

    def _conflict(self, key: str, one: Rule, other: Rule) -> RulesConflict:
        return RulesConflict(
            at=one.citation.place, layer=self.layer.name, figure=key, case=self.case_text(),
            one=one.citation.place, other=other.citation.place,
        )  # fmt: skip

    def _missing(self, key: str) -> RuleMissing:
        at = self.live[0].citation.place if self.live else ""
        return RuleMissing(at=at, layer=self.layer.name, figure=key, case=self.case_text())


def case_text(case: Case, lang: str = "zh") -> str:
    """A case in words: only the facts that it gives."""
    words = []
    for code, found in case.items():
        if found is MISSING or found in (OTHER, frozenset()):
            continue
        if isinstance(found, tuple):
            words.append(Condition(code, low=found[0], high=found[1]).text(lang))
        else:
            values = found if isinstance(found, frozenset) else frozenset({cast(str, found)})
            words.append(Condition(code, values).text(lang))
    return "；".join(words) if lang == "zh" else "; ".join(words)


def _plain_text(value: object) -> str:
    if isinstance(value, tuple):
        return "、".join(_plain_text(v) for v in value)
    if isinstance(value, str) and value in FACTS:
        return FACTS[value].zh
    return str(value)


def _adjust_amount(value: Amount, by: Adjuster, unit: int) -> Amount:
    match by.kind:
        case "factor":
            return value.scaled(by.value, unit)
        case "raise" | "floor":
            return (
                value
                if value.fen >= NO_LIMIT
                else Amount(max(value.fen, by.value), value.per_day, value.share, value.of)
            )
        case "lower" | "ceiling":
            return Amount(min(value.fen, by.value), value.per_day, value.share, value.of)
        case _:
            return Amount(max(0, value.fen + by.value), value.per_day, value.share, value.of)


def _adjust_ratio(ratio: int, by: Adjuster, age: int) -> int:
    match by.kind:
        case "factor":
            return half_up(ratio * by.value, RATIO_ONE)
        case "raise" | "floor":
            return max(ratio, by.value)
        case "lower" | "ceiling":
            return min(ratio, by.value)
        case "add_by_age":
            return ratio + by.value * age
        case "add_capped":
            return max(ratio, min(ratio + by.value, by.cap))
        case _:
            return ratio + by.value


def _better_for_patient(key: str) -> Callable[[object], int] | None:
    """A number that is larger the better a figure is for the patient; None where that is not one number."""
    if key in ("比例", "补足到", "保底比例"):
        return lambda v: min(b.ratio for b in v) if isinstance(v, tuple) else cast(int, v)
    if key in ("年度限额", "单次限额", "每月限额", "年度计入限额", "单次计入限额"):
        return lambda v: cast(Amount, v).fen
    if key in ("起付标准", "年度起付上限", "个人年度自付上限"):
        return lambda v: -cast(Amount, v).fen
    if key == "先自付比例":
        return lambda v: -cast(int, v)
    return None


def interval_number(cuts: Sequence[int], number: int) -> int:
    """Which interval a runtime amount lies in, counted from 0."""
    return bisect_right(cuts, number)
