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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, cast

from yizhan.engine.choice import Choice
from yizhan.engine.classes import (
    BASIC,
    SCOPE_FACTS,
    Case,
    Classes,
    all_conditions,
    all_hold,
    case_text,
    distinct,
    engine_facts,
    fact_needed,
    holds,
    scope_of,
)
from yizhan.engine.facts import FACTS, POTS, RUNTIME
from yizhan.engine.money import RATIO_ONE
from yizhan.engine.scheme import (
    Citation,
    Cited,
    Layer,
    Note,
    Rule,
    Scheme,
    TotalLimit,
)
from yizhan.engine.steps import Figures
from yizhan.errors import Problem, Problems, RuleMissing, RulesConflict

FORMULAS = frozenset({"比例", "补足到", "个人年度自付上限"})

HOSPITAL_FACTS = frozenset({"institution_level", "institution_tier", "institution", "place", "tcm", "designated"})

TOTAL_LIMIT = "合计上限"


@dataclass(frozen=True, slots=True, eq=False)
class LayerCase:
    """What resolution found for one layer in one case: three rows of figures and where they come from.

    `normal` is the row without tilts, `unpenalised` the one without penalties; None where the layer would be silent, the
    same object as `figures` where nothing differs. `insures` is false for what a hospital bears or waives: what its rule calls a
    deductible is no burden of the patient.
    """

    figures: Figures
    normal: Figures | None
    unpenalised: Figures | None
    story: tuple[Cited, ...]
    notes: tuple[Note, ...]
    payers: tuple[str, ...]
    advanced_by: str = ""
    reviewer: str = ""
    insures: bool = True
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
        self.scopes = frozenset(scope_of(rule) for rule in scheme.rules if {"起付次数", "计次"} & rule.sets.keys())
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
        if any(c.fact == "own_this_month" for cs in all_conditions(self.scheme) for c in cs):
            self.slots.find("全自费.month", True)

    def _runtime_cuts(self, layer: str) -> tuple[RuntimeCuts, ...]:
        mentioned = {c.fact for rule in self.rules[layer] for c in (*rule.when, *rule.unless)}
        return tuple(RuntimeCuts(f, tuple(self.classes.cuts[f])) for f in RUNTIME if f in mentioned)

    def _facts_of(self, layer: str) -> tuple[str, ...]:
        """The facts on which a layer's figures can depend; others need not be told apart for it."""
        rules = self.rules[layer]
        found = {c.fact for rule in rules for c in (*rule.when, *rule.unless)} | {"care", *engine_facts(self.scheme)}
        if any(a.kind == "add_by_age" for rule in rules for by in rule.adjusts.values() for a in by):
            found.add("age")
        found |= {SCOPE_FACTS[scope_of(rule)] for rule in rules}
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
            raise Problems(distinct(problems))
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
            raise Problems(distinct(fact_needed(TOTAL_LIMIT, x, c) for x, c in unknown))
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
            raise Problems(distinct(fact_needed(layer, rule, c) for rule, c in needed))
        return live

    def _layer_case(self, layer: Layer, case: Case, on: date) -> LayerCase | None:
        live = self.in_play(layer.name, case, on)
        main = Choice(self, layer, live, case, on)
        if main.silent:
            if layer.kind == BASIC:
                self._refuse_other_hospital(layer, case, on)
            return None
        figures = main.figures()
        normal = self._without("tilt", layer, live, case, on, figures)
        unpenalised = self._without("penalty", layer, live, case, on, figures)
        cites = tuple(distinct(c for story in main.story for c in (story.setter, *(a[1] for a in story.adjusters))))
        return LayerCase(
            figures, normal, unpenalised, tuple(main.story), tuple(distinct(main.notes)), self.payers[layer.name],
            cast(str, main.plain("垫付", "")), cast(str, main.plain("待审", "")),
            layer.kind not in ("医院减免", "其他"), cites,
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
        choice = Choice(self, layer, rest, case, on, twin=True)
        if choice.silent:
            return None
        twin = choice.figures()
        return figures if twin == figures else twin


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
                at=asking[0].place,
                layer=layer.name,
                figure="资金",
                case="",
                one=asking[0].text(),
                other=asking[-1].text(),
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


def interval_number(cuts: Sequence[int], number: int) -> int:
    """Which interval a runtime amount lies in, counted from 0."""
    return bisect_right(cuts, number)
