"""Combinations of classes in a table: numbered as they occur, each resolved once; or all of them foreseen from its words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from yizhan.batch.columns import (
    Ints,
)
from yizhan.engine.classes import engine_facts
from yizhan.engine.facts import FACTS
from yizhan.engine.resolution import LayerCase, Resolved
from yizhan.engine.scheme import Condition, Layer, Scheme
from yizhan.engine.settlement import ranked, resolver_of
from yizhan.engine.steps import Figures
from yizhan.errors import (
    Problem,
    Problems,
)
from yizhan.policy.thresholds import distinct_cases, resolved


@dataclass
class Registry:
    """The distinct rows of figures of one layer, in the order in which they occurred."""

    index: dict[tuple[tuple[Figures, Figures | None, Figures | None], ...], int]
    cases: list[LayerCase]
    known: dict[int, int]

    def find(self, cases: Sequence[LayerCase]) -> int:
        """First row of a layer's cases, -1 for a silent layer."""
        if not cases:
            return -1
        found = self.known.get(id(cases))
        if found is None:
            found = self.known[id(cases)] = self.keep(cases)
        return found

    def keep(self, cases: Sequence[LayerCase]) -> int:
        """First row of the cases of a layer that is not silent; kept once, however many cases have these figures."""
        key = tuple((c.figures, c.normal, c.unpenalised) for c in cases)
        if key not in self.index:
            self.index[key] = len(self.cases)
            self.cases += cases
        return self.index[key]


class Combinations:
    """Numbers the class combinations of an area as they occur, and keeps what each one resolves to.

    A combination keeps its number from chunk to chunk. `table` finds it from the key of a row; it is made anew when a chunk
    brings a class that was not there before, because the same key would then mean another combination.
    """

    MOST = 1 << 24
    """Largest look-up table, in keys; beyond it the keys of a chunk are hashed."""

    def __init__(self, scheme: Scheme, registries: Sequence[Registry]) -> None:
        self.scheme, self.registries = scheme, registries
        self.resolver = resolver_of(scheme)
        self.known: dict[tuple[object, ...], int] = {}
        self.classes: list[tuple[object, ...]] = []
        self.table: NDArray[np.int32] = np.zeros(0, np.int32)
        self.resolved: list[Resolved] = []
        self.first: list[int] = []
        self.count: list[int] = []
        self.alternatives: list[int] = [0]
        self._arrays: tuple[Ints, ...] = ()
        facts = self.resolver.classes.facts
        best = scheme.conventions.identity_choice == "best" and "identity" in facts
        self.identity_at = 1 + facts.index("identity") if best else 0

    def number(
        self, key: NDArray[Any], sizes: tuple[int, ...], classes: Sequence[Sequence[object]]
    ) -> tuple[NDArray[np.int32], dict[str, tuple[Problem, NDArray[np.bool_]]]]:
        """The number of every row's combination, and the problems of those that cannot be resolved with their rows."""
        refused: dict[str, tuple[Problem, NDArray[np.bool_]]] = {}

        def find(code: int, at: NDArray[np.bool_] | None) -> int:
            try:
                return self._find(digits(code, sizes, classes))
            except Problems as found:
                where = key == code if at is None else at
                for problem in found.problems:
                    known = refused.get(repr(problem))
                    refused[repr(problem)] = (problem, where if known is None else where | known[1])
                return 0

        if prod(sizes) > self.MOST:
            coded = pa.array(key).dictionary_encode()
            numbers = np.array([find(int(code), None) for code in coded.dictionary.to_numpy()], dtype=np.int32)
            return numbers[coded.indices.to_numpy()], refused
        listed = [tuple(options) for options in classes]
        if listed != self.classes or len(self.table) != prod(sizes):
            self.classes, self.table = listed, np.full(prod(sizes), -1, dtype=np.int32)
        combo = self.table[key]
        missing = combo < 0
        if missing.any():
            for code in np.unique(key[missing]):
                self.table[code] = find(int(code), None)
            combo = self.table[key]
        if refused:
            self.classes = []
        return combo, refused

    def _find(self, case: tuple[object, ...]) -> int:
        number = self.known.get(case)
        if number is not None:
            return number
        held = case[self.identity_at] if self.identity_at else frozenset()
        others: list[int] = []
        if isinstance(held, frozenset) and len(held) > 1:
            at = self.identity_at
            others = [self._find((*case[:at], frozenset({i}), *case[at + 1 :])) for i in ranked(held, self.scheme)]
        resolved = self.resolved[others[0]] if others else self.resolver.resolve(case)
        self.first.append(len(self.alternatives))
        self.count.append(max(1, len(others)))
        self.alternatives += others
        self.resolved.append(resolved)
        self.known[case] = len(self.resolved) - 1
        return len(self.resolved) - 1

    def arrays(self) -> tuple[Ints, ...]:
        """What the loop looks up by a combination: rows by layer, ceiling ratio and base, alternatives and where they are."""
        done = len(self._arrays[0]) if self._arrays else 0
        if done < len(self.resolved) or not self._arrays:
            new = [
                [registry.find(cases) for registry, cases in zip(self.registries, r.layers, strict=True)]
                for r in self.resolved[done:]
            ]
            rows = np.array(new, dtype=np.int64).reshape(len(new), len(self.registries))
            rows = np.concatenate([self._arrays[0], rows]) if done else rows
            limits = [r.ceiling for r in self.resolved]
            ratio = np.array([-1 if x is None else x.ratio for x in limits], dtype=np.int64)
            of = np.array([int(x is not None and x.of == "in_scope") for x in limits], dtype=np.int64)
            lists = [np.array(x, dtype=np.int64) for x in (self.alternatives, self.first, self.count)]
            self._arrays = (rows, ratio, of, *lists)
        return self._arrays


MOST_FORESEEN = 5_000
"""Cases of one layer and period that are worth foreseeing; where there are more, figures are found as they occur."""


def foreseen(
    scheme: Scheme, layer: Layer, words: Mapping[str, Sequence[object]], first: date, last: date
) -> Iterator[tuple[LayerCase, ...]]:
    """The figures of a layer in every case that bills with these classes of facts, of these days, can come to.

    Identities and diseases may be held together, so more cases are found than bills have; cases that the rules leave open are
    left out.
    """
    resolver = resolver_of(scheme)
    classes = resolver.classes
    for begins, ends in zip(classes.days, [*classes.days[1:], date.max], strict=True):
        if begins > last or ends <= first:
            continue
        rules = [
            rule for rule in resolver.rules[layer.name]
            if rule.in_force(begins) and all(_possible(c, words.get(c.fact)) for c in rule.when)
        ]  # fmt: skip
        named = {c.fact for rule in rules for c in (*rule.when, *rule.unless)}
        must = tuple(
            Condition(fact, frozenset(str(word) for word in given)) for fact, given in words.items()
            if fact in named and not FACTS[fact].several and None not in given
        )  # fmt: skip
        # What decides through a figure instead of a condition (whether a bill is a stay, a linked one) is told apart as well.
        apart = [fact for fact in dict.fromkeys(("care", *engine_facts(scheme))) if fact in words]
        for values in product(*(words[fact] for fact in apart)):
            told = dict(zip(apart, values, strict=True))
            only = tuple(Condition(f, frozenset({str(v)})) for f, v in told.items() if f in named and v is not None)
            cases = distinct_cases(scheme, classes, rules, (*must, *only), MOST_FORESEEN) if rules else None
            for case in cases.found if cases is not None else ():
                try:
                    found = resolved(resolver, layer, {**told, **case}, begins)
                except Problems:
                    continue
                if found:
                    yield found


def _possible(condition: Condition, words: Sequence[object] | None) -> bool:
    """Whether a condition can hold of one of these classes; None are all."""
    if words is None:
        return True
    return any(bool(w & condition.values) if isinstance(w, frozenset) else w in condition.values for w in words)


def digits(code: int, sizes: Sequence[int], classes: Sequence[Sequence[object]]) -> tuple[object, ...]:
    digits: list[object] = []
    for size, options in zip(reversed(sizes[1:]), reversed(classes), strict=True):
        code, digit = divmod(code, size)
        digits.append(options[digit])
    return (code, *reversed(digits))
