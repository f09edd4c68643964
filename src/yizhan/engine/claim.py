"""What comes in: a beneficiary, claims, and the year so far.

A claim's bill falls into four pots (see `facts.POTS`): in-scope, first-pay, over-limit, fully own; their sum is the bill.
All amounts are fen. Facts are keyed by their English codes and hold English codes of closed values, a frozenset for
facts that may hold several, whole numbers for ages and days. A fact that is absent is *not known*; if a rule needs it, the
claim is refused and the fact is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

Pots = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class IdentityMark:
    """A category (身份) that a department certified, with its first and last day (None: still valid)."""

    identity: str
    from_on: date
    to_on: date | None = None
    certified_by: str = ""

    def holds_on(self, on: date) -> bool:
        """Whether the mark is valid on this day."""
        return self.from_on <= on and (self.to_on is None or on <= self.to_on)


@dataclass(frozen=True, slots=True)
class Beneficiary:
    """The insured person (参保人), as far as rules look at persons.

    `facts` holds sex, insurance, tier, insured_county and supplementary where known. `insured` are the periods with
    entitlement; None means that enrolment was not asked about.
    """

    person: str = ""
    born_on: date | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    identities: tuple[IdentityMark, ...] = ()
    insured: tuple[tuple[date, date | None], ...] | None = None

    def identities_on(self, on: date) -> frozenset[str]:
        """The identities held on a day."""
        return frozenset(mark.identity for mark in self.identities if mark.holds_on(on))

    def identities_changed(self, begins_on: date, on: date) -> bool:
        """Whether any mark began or ended after `begins_on`, up to and including `on`."""
        return any(
            begins_on < mark.from_on <= on or (mark.to_on is not None and begins_on <= mark.to_on < on)
            for mark in self.identities
        )

    def age_on(self, on: date) -> int | None:
        """Age in completed years; 0 on a day before birth, as for a newborn whose mother was admitted first."""
        if self.born_on is None:
            return None
        years = on.year - self.born_on.year - ((on.month, on.day) < (self.born_on.month, self.born_on.day))
        return max(0, years)


@dataclass(frozen=True, slots=True)
class Given:
    """A payment of a layer that was settled elsewhere, and the deductible charged there if known."""

    amount: int
    deductible: int | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """The cost of a claim or of one year's part of it: the four pots, and charges inside them that rules single out."""

    pots: Pots
    charges: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def total(self) -> int:
        """The bill."""
        return sum(self.pots)


@dataclass(frozen=True, slots=True)
class Claim:
    """One bill of one visit. `by_year` gives the costs of each year where a stay crosses the year's end."""

    number: str
    admitted_on: date
    discharged_on: date
    settled_on: date
    costs: Costs
    facts: Mapping[str, object] = field(default_factory=dict)
    given: Mapping[str, Given] = field(default_factory=dict)
    by_year: Mapping[int, Costs] = field(default_factory=dict)

    def day(self, convention: str) -> date:
        """The day that a convention names: admitted_on, discharged_on or settled_on."""
        return {"admitted_on": self.admitted_on, "discharged_on": self.discharged_on, "settled_on": self.settled_on}[
            convention
        ]


@dataclass(frozen=True, slots=True)
class YearState:
    """What a person's policy year has come to so far (年度累计状态), between two claims.

    `sums` are named amounts in fen, `stays` counts of stays by scope (`不分级`, `同级:三级`, `同院:…`). `structure` is the
    fingerprint of the scheme's sums: a state of another structure is refused, because its sums mean other things.
    """

    structure: str
    year: int
    sums: Mapping[str, int] = field(default_factory=dict)
    stays: Mapping[str, int] = field(default_factory=dict)
    last_on: date | None = None
