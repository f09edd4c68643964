"""Persons and their years of bills, drawn at random: every fact that a scheme looks at is given, and possible.

A `Draw` draws for one scheme. Facts come from the closed vocabulary and from the names that the scheme's documents use;
combinations that cannot exist (不存在) are drawn again. Amounts are a mixture: small change, ordinary bills, every amount
that a rule names and one fen beside it, and bills that reach the ceilings. The randomness is an argument: `random.Random`
for tables of bills, Hypothesis' own for properties.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from random import Random

from yizhan.engine.claim import Beneficiary, Claim, Costs, IdentityMark, Pots
from yizhan.engine.classes import all_hold
from yizhan.engine.facts import FACTS
from yizhan.engine.money import NO_LIMIT, RATIO_ONE
from yizhan.engine.scheme import Amount, Scheme
from yizhan.engine.settlement import resolver_of

LAST_DAY = date(2025, 12, 31)
"""No bill is drawn after this day: yearly figures end somewhere."""


@dataclass(frozen=True)
class PersonYear:
    """A person and some bills, in the order of settling."""

    person: Beneficiary
    claims: tuple[Claim, ...]


class Draw:
    """Draws persons and bills for one scheme."""

    def __init__(self, scheme: Scheme, random: Random) -> None:
        self.scheme, self.random = scheme, random

    @cached_property
    def _thresholds(self) -> list[int]:
        """Amounts that rules name: cuts of conditions, deductibles, ceilings, ends of bands."""
        found: set[int] = set()
        for rule in self.scheme.rules:
            found |= {x for c in rule.when if FACTS[c.fact].unit == "fen" for x in (c.low, c.high)}
            for value in rule.sets.values():
                if isinstance(value, Amount):
                    found.add(value.fen)
                elif isinstance(value, tuple):
                    found |= {getattr(band, "high", 0) for band in value}
        return sorted(x for x in found if 0 < x < NO_LIMIT) or [100_000]

    @cached_property
    def _facts(self) -> tuple[str, ...]:
        """The facts of a claim that the scheme looks at; kind of care and emergency always stand on a bill."""
        looked_at = resolver_of(self.scheme).classes.facts
        return tuple(f for f in FACTS if FACTS[f].about == "claim" and (f in looked_at or f in ("care", "emergency")))

    def years(self, persons: int, bills: int) -> Iterator[PersonYear]:
        """Several persons with up to so many bills each."""
        for number in range(persons):
            yield self.person_year(f"p{number:05d}", self.random.randint(1, bills))

    def person_year(self, name: str, bills: int) -> PersonYear:
        """One person with bills on ascending days, most of them in one year."""
        first = max(self.scheme.begins_on, date(2017, 1, 1)) + timedelta(days=40)
        last = min(self.scheme.ends_on, LAST_DAY)
        day = first + timedelta(days=self.random.randrange((last - first).days))
        person = self._person(name, day)
        claims: list[Claim] = []
        for number in range(bills):
            free_from = claims[-1].discharged_on if claims else self.scheme.begins_on
            claims.append(self._claim(f"{name}-{number}", free_from, day))
            day = min(last, day + timedelta(days=self.random.choice((0, 1, 9, 31, 90))))
        return PersonYear(person, tuple(claims))

    def _person(self, name: str, day: date) -> Beneficiary:
        named = sorted(resolver_of(self.scheme).classes.named.get("identity", ()))
        held = self.random.sample(named, min(len(named), self.random.choice((0, 1, 1, 1, 2, 3))))
        marks = tuple(self._mark(identity, day) for identity in held)
        years = self.random.choice((0, 7, 13, 14, 15, 17, 18, 40, 59, 60, 61, 85))
        born_on = date(day.year - years, day.month, min(day.day, 28)) - timedelta(days=self.random.choice((0, 1, 200)))
        facts = {
            f.code: self._value(f.code)
            for f in FACTS.values()
            if f.about == "person" and f.kind in ("closed", "name")
        }  # fmt: skip
        return Beneficiary(name, born_on, facts, marks)

    def _mark(self, identity: str, day: date) -> IdentityMark:
        begins = self.random.choice((date(2010, 1, 1), date(2010, 1, 1), day + timedelta(days=20)))
        ends = self.random.choice((None, None, None, day + timedelta(days=50)))
        return IdentityMark(identity, begins, ends)

    def _value(self, fact: str) -> object:
        named = sorted(resolver_of(self.scheme).classes.named.get(fact, ()))
        if FACTS[fact].values:
            return self.random.choice([v.code for v in FACTS[fact].values])
        if FACTS[fact].kind == "names":
            known = [*named, "别的病"]
            return frozenset(self.random.sample(known, self.random.choice((1, 1, 2)) if len(known) > 1 else 1))
        return self.random.choice([*named, "别处"])

    def _claim(self, number: str, free_from: date, day: date) -> Claim:
        admitted = max(free_from, day - timedelta(days=self.random.choice((0, 1, 3, 10, 31))))
        if self._is_cut(admitted, day):
            admitted = day
        return Claim(number, admitted, day, day, self._costs(), self._possible_facts())

    def _is_cut(self, admitted: date, discharged: date) -> bool:
        """Whether the scheme may cut a stay of these days at the year's end: that takes the cost of each year."""
        conventions = self.scheme.conventions
        cuts = conventions.cross_year in ("split", "split_poor")
        return cuts and conventions.year_of(admitted) != conventions.year_of(discharged)

    def _possible_facts(self) -> dict[str, object]:
        while True:
            facts = {fact: self._value(fact) for fact in self._facts if FACTS[fact].kind != "number"}
            if self.random.random() < 0.5:
                facts["care"] = "inpatient"
            if not any(all_hold(conditions, facts) for conditions in self.scheme.impossible):
                return facts

    def _amount(self) -> int:
        kind = self.random.randrange(6)
        if kind == 0:
            return self.random.randint(0, 200)
        if kind == 1:
            return self.random.randint(0, 100_000)
        if kind == 2:
            return self.random.randint(0, 5_000_000)
        if kind == 3:
            return self.random.randint(0, 100_000_000)
        threshold = self.random.choice(self._thresholds)
        if kind == 4:
            return max(0, threshold + self.random.choice((-1, 0, 1)))
        return threshold * RATIO_ONE // self.random.choice((5000, 6000, 7000, 8000, 9000)) + self.random.choice((0, 1))

    def _costs(self) -> Costs:
        pots: Pots = (
            self._amount(),
            self.random.choice((0, 0, self._amount())),
            self.random.choice((0, 0, 0, self._amount())),
            self.random.choice((0, 0, self._amount())),
        )
        total = sum(pots)
        fee = self.random.choice((0, 1, 500, 3_000))
        charges = (fee, 2 * fee, 0, 4 * fee) if 7 * fee <= total else (0, 0, 0, 0)
        return Costs(pots, charges)
