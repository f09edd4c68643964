"""Classes of facts: what the rules of a scheme tell apart.

Each fact that some rule looks at is cut into *classes*: the values that rules name, and one class for all others; numbers
into the intervals between the cuts that rules name; days at every day on which something begins or ends. All bills of one
combination of classes, a `Case`, have the same figures.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TypeVar, cast

from yizhan.engine.facts import FACTS, RUNTIME
from yizhan.engine.money import NO_LIMIT
from yizhan.engine.scheme import (
    Condition,
    Rule,
    Scheme,
    TotalLimit,
)
from yizhan.errors import FactNeeded

OTHER = "*"
"""Class of every value that no rule names."""

MISSING = None
"""Class of a fact that the claim does not give."""

PARTS = ("起付部分", "超封顶部分", "转外自付部分", "降比部分")

NTH_SCOPES = ("不分级", "同级", "同院", "同病种")

SCOPE_FACTS = ("", "institution_level", "institution", "diagnoses")
"""The fact by which each scope tells stays apart."""

BASIC = "基本医保"

Case = Mapping[str, object]
"""One class combination: fact → a value, OTHER, MISSING, a frozenset, or an interval (low, high)."""


class Classes:
    """The cuts of one scheme: which values of each fact are told apart."""

    def __init__(self, scheme: Scheme) -> None:
        self.named: dict[str, set[str]] = {}
        self.cuts: dict[str, list[int]] = {}
        cut_sets: dict[str, set[int]] = {}
        days = {scheme.begins_on}
        for conditions in all_conditions(scheme):
            for c in conditions:
                if FACTS[c.fact].kind == "number":
                    cut_sets.setdefault(c.fact, set()).update(x for x in (c.low, c.high + 1) if 0 < x < NO_LIMIT)
                else:
                    self.named.setdefault(c.fact, set()).update(c.values)
        for rule in scheme.rules:
            if any(a.kind == "add_by_age" for adjusters in rule.adjusts.values() for a in adjusters):
                cut_sets.setdefault("age", set()).update(range(1, 131))
            if counted := SCOPE_FACTS[scope_of(rule)]:
                self.named.setdefault(counted, set()).update(v.code for v in FACTS[counted].values)
        for fact in engine_facts(scheme):
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


def all_conditions(scheme: Scheme) -> Iterable[tuple[Condition, ...]]:
    for rule in scheme.rules:
        yield rule.when
        yield rule.unless
    for limit in scheme.limits:
        yield limit.when
    yield from scheme.impossible


def engine_facts(scheme: Scheme) -> Iterable[str]:
    """Facts that decide without standing in a condition: linked stays, reviews, cut stays, changes of identity."""
    if any(rule.sets.get("转诊接续") == "补差" for rule in scheme.rules):
        yield "linked"
        yield "care"
    if any("待审" in rule.sets for rule in scheme.rules):
        yield "expert_review"
    if scheme.conventions.cross_year in ("split", "split_poor"):
        yield "care"
        yield "year_end_part"
    if scheme.conventions.identity_change == "due_less_paid":
        yield "identity_changed"


def scope_of(rule: Rule) -> int:
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


def fact_needed(layer: str, rule: Rule | TotalLimit, condition: Condition) -> FactNeeded:
    fact = FACTS[condition.fact]
    return FactNeeded(
        fact_zh=fact.zh, fact_en=fact.en, key=fact.code, layer=layer, needed_by=rule.citation.text("zh"), at=""
    )


T = TypeVar("T")


def distinct(items: Iterable[T]) -> list[T]:
    seen: dict[str, T] = {}
    for item in items:
        seen.setdefault(repr(item), item)
    return list(seen.values())
