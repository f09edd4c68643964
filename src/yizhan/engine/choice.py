"""The choice of figures for one layer in one case: which rule sets each, what adjusts it, and what the row comes to.

For each figure: exceptions displace like by like; identity rank and area level break ties between setters; two setters
that are left are a conflict, never "the last wins"; adjusters act in their fixed order. What was chosen is remembered with
its citations, because the bill prints it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from math import prod
from typing import TYPE_CHECKING, Any, cast

from yizhan.engine.classes import (
    BASIC,
    MISSING,
    NTH_SCOPES,
    PARTS,
    SCOPE_FACTS,
    Case,
    case_text,
    fact_needed,
)
from yizhan.engine.facts import CHARGES, FACTS, POTS
from yizhan.engine.money import NO_LIMIT, RATIO_ONE, half_up, percent
from yizhan.engine.scheme import (
    ADJUSTER_ORDER,
    GENERAL,
    Adjuster,
    Amount,
    Band,
    Cited,
    Condition,
    Layer,
    Note,
    Rule,
)
from yizhan.engine.steps import CUMULATIVE, DUE_LESS_PAID, NEW_ONLY, OWN_CAP, RATIO, TOP_UP, Figures
from yizhan.errors import BadDocument, Problems, RuleMissing, RulesConflict, YearlyFigureMissing

if TYPE_CHECKING:
    from yizhan.engine.resolution import Resolver


class Choice:
    """Chooses the figures of one layer in one case, and remembers where each comes from."""

    def __init__(
        self, resolver: Resolver, layer: Layer, live: Sequence[Rule], case: Case, on: date, twin: bool = False
    ) -> None:
        self.resolver, self.layer, self.live, self.case, self.on, self.twin = resolver, layer, live, case, on, twin
        self.story: list[Cited] = []
        self.notes: list[Note] = []
        keys = {key for rule in live for key in rule.sets}
        self.barring = [r for r in self._undisplaced("不支付", lambda rule: rule.sets) if r.sets["不支付"] == "是"]
        barred = bool(self.barring)
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
        for adjuster, by in _factors_together(adjusted):
            changed = _adjust_amount(value, adjuster, unit) if value.plain or adjuster.kind == "factor" else None
            if changed is None:
                raise Problems([_not_plain(key, value, adjuster, by)])
            value = changed
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
        for adjuster, by in _factors_together(adjusted):
            if adjuster.kind == "add_by_age" and age is MISSING:
                raise Problems([fact_needed(self.layer.name, by, Condition("age"))])
            years = age[0] if isinstance(age, tuple) else 0
            bands = tuple(Band(b.low, b.high, _adjust_ratio(b.ratio, adjuster, years)) for b in bands)
        bands = tuple(Band(b.low, b.high, max(0, min(RATIO_ONE, b.ratio))) for b in bands)
        self._tell(key, "、".join(percent(b.ratio) for b in bands), rule, adjusted)
        return bands

    # --- the row ------------------------------------------------------------------------------------------------------

    def figures(self) -> Figures:
        """The finished row. Raises Problems where a figure that the case needs is missing or set twice."""
        if self.barring:
            for rule in self.barring:
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
        if formula["formula"] == CUMULATIVE:
            self._refuse_per_bill(amount)
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

    def _refuse_per_bill(self, amount: Amount) -> None:
        """A cumulative layer has one deductible for the period; what differs from bill to bill has no meaning there."""
        keys = [k for k in ("起付次数", "年度起付上限", "转诊接续") if any(k in rule.sets for rule in self.live)]
        if amount.plain and not keys:
            return
        key = "、".join(keys) or f"起付标准: {amount.text()}"
        raise Problems([
            BadDocument(
                at=self.live[0].citation.place,
                why_zh=f"“{self.layer.name}”按年度或月度累计，只有一个起付，不能写“{key}”",
                why_en=f"“{self.layer.name}” accumulates over the year or month and has one deductible; “{key}” cannot stand there",
            )
        ])  # fmt: skip

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
            raise Problems([fact_needed(self.layer.name, rule, Condition(fact))])
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
        if way is not None and monthly and any("年度计入限额" in rule.sets for rule in self.live):
            raise Problems([
                BadDocument(
                    at=way.citation.place,
                    why_zh=f"“{self.layer.name}”按月累计，只记得当月的费用，不能写“年度计入限额”",
                    why_en=f"“{self.layer.name}” accumulates by the month and knows that month's cost only; 年度计入限额 cannot stand there",
                )
            ])  # fmt: skip
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


def _plain_text(value: object) -> str:
    if isinstance(value, tuple):
        return "、".join(_plain_text(v) for v in value)
    if isinstance(value, str) and value in FACTS:
        return FACTS[value].zh
    return str(value)


def _factors_together(adjusted: Sequence[tuple[Adjuster, Rule]]) -> list[tuple[Adjuster, Rule]]:
    """Adjusters with all factors multiplied into one, so that a figure is rounded once whatever their order."""
    factors = [pair for pair in adjusted if pair[0].kind == "factor"]
    if len(factors) < 2:
        return list(adjusted)
    product = Adjuster(
        "factor", prod(a.value for a, _ in factors), RATIO_ONE ** len(factors), "、".join(a.text for a, _ in factors)
    )
    at = adjusted.index(factors[0])
    rest = [pair for pair in adjusted if pair[0].kind != "factor"]
    return [*rest[:at], (product, factors[0][1]), *rest[at:]]


def _adjust_amount(value: Amount, by: Adjuster, unit: int) -> Amount | None:
    match by.kind:
        case "factor":
            return value.scaled(by.value, by.whole, unit)
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
            return half_up(ratio * by.value, by.whole)
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


def _not_plain(key: str, value: Amount, adjuster: Adjuster, rule: Rule) -> BadDocument:
    return BadDocument(
        at=rule.citation.place,
        why_zh=f"“{key}: {value.text()}”每单不同，不能再“{adjuster.text}”；只有不必取整的 减半 或 按…% 可以，否则请直接写打折后的数",
        why_en=f"“{key}: {value.text()}” differs from bill to bill, so “{adjuster.text}” cannot change it; only a factor that leaves nothing to round can. Write the scaled figure instead",
    )
