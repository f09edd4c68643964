"""What a run keeps of millions of bills: sums over cells, histograms, and the few most striking persons.

Sums are whole fen, so they can be added in any order and by any worker. A tally becomes bytes where a run is kept step by step.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from yizhan.engine.scheme import Scheme
from yizhan.simulation.population import CARES, Ints

DECILES = 10
CATASTROPHIC = (10, 25, 40)
"""Shares of a household's yearly income, in percent, from which on what it pays for care is called catastrophic (SDG 3.8.2
names 10 and 25; 40 is the share of what is left after food in the WHO's older measure, here taken of the whole income)."""

SHARE_BINS = 1000
"""Own share of a person's year, in steps of a thousandth."""
AMOUNT_BINS = 400
AMOUNT_BASE = 1.05
"""Own payment of a person's year: bin k begins at 1.05^k yuan."""

CASES = 20
"""Persons who win or lose most, kept for each comparison and direction."""

CELL = ("year", "care", "setting", "identity", "decile", "county")
"""What sums of bills are kept by. Persons are kept by year, identity, decile and county."""

PERSON_MEASURES = (
    "persons", "with_bills", "with_stays", "total", "patient", "poorer",
    *(f"catastrophic_{share}" for share in CATASTROPHIC),
)  # fmt: skip
"""Sums over persons and years. Catastrophic: persons of households that pay so much; poorer: after paying, the household's
income per head is below half of the ordinary household's mean."""

PERSON_AXES = ("year", "identity", "decile", "county")
BILL_MEASURES = ("bills", "total", "in_scope", "patient", "patient_in_scope", "days")

GAIN_GROUPS = ("winners", "losers", "gained", "lost")
"""Per year, identity and decile: persons who pay less and more than under the first scenario, and by how many fen in all."""


@dataclass(frozen=True)
class Axes:
    """The words of each axis of the cells: years, kinds of care, settings, identities, deciles, counties."""

    years: tuple[int, ...]
    settings: tuple[str, ...]
    identities: tuple[str, ...]
    counties: tuple[str, ...]
    decile_edges: tuple[int, ...]

    @property
    def of_bills(self) -> tuple[int, ...]:
        return (len(self.years), len(CARES), len(self.settings), len(self.identities), DECILES, len(self.counties))

    @property
    def of_persons(self) -> tuple[int, ...]:
        return (len(self.years), len(self.identities), DECILES, len(self.counties))


@dataclass
class Case:
    """A person whose year differs between two scenarios, in fen."""

    person: int
    year: int
    identity: str
    total: int
    before: int
    after: int

    @property
    def gain(self) -> int:
        return self.before - self.after


COHORT_MEASURES = ("persons", "with_stays", "total", "patient", "in_scope", "patient_in_scope")
"""Sums over persons by year, by the identity that the profile gave them, and by the one they hold in the year."""

SUMS = ("bills", "persons", "months", "share_bins", "amount_bins", "limits", "by_bucket", "gains", "cohorts")
"""The arrays of a tally, which are added element by element."""

CASE_LISTS = ("winners", "losers")


@dataclass
class Tally:
    """Sums of one scenario. `bills` has the axes of bills and one more for `measures`; `persons` likewise."""

    measures: tuple[str, ...]
    bills: Ints
    persons: Ints
    months: Ints
    share_bins: Ints
    amount_bins: Ints
    limits: Ints
    by_bucket: Ints
    gains: Ints
    cohorts: Ints
    winners: list[Case] = field(default_factory=list)
    losers: list[Case] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add what another worker found."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.winners += other.winners
        self.losers += other.losers
        self.keep_most()

    def keep_most(self) -> None:
        """Of the persons who win and lose, keep the most striking."""
        self.winners, self.losers = _most(self.winners), _most(self.losers)


def _most(cases: list[Case]) -> list[Case]:
    return sorted(cases, key=lambda c: (-abs(c.gain), c.person, c.year))[:CASES]


def measures_of(schemes: Iterable[Scheme]) -> tuple[str, ...]:
    """What is summed over bills: `BILL_MEASURES`, then each layer and its parts (基本医保, 基本医保·tilt …)."""
    layers = dict.fromkeys(layer.name for scheme in schemes for layer in scheme.layers)
    return (
        *BILL_MEASURES,
        *(name + part for name in layers for part in ("", "·tilt", "·penalty", "·deductible", "·held")),
    )


def empty(measures: tuple[str, ...], axes: Axes, buckets: int) -> Tally:
    """A tally of nothing yet."""
    years, identities = len(axes.years), len(axes.identities)
    layers = sum("·" not in m for m in measures[len(BILL_MEASURES) :])

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, dtype=np.int64)

    return Tally(
        measures, zeros(*axes.of_bills, len(measures)), zeros(*axes.of_persons, len(PERSON_MEASURES)),
        zeros(years, 12, len(axes.counties), len(measures)), zeros(years, identities, SHARE_BINS + 1),
        zeros(years, identities, AMOUNT_BINS), zeros(years, identities, layers), zeros(buckets, years, len(measures)),
        zeros(years, identities, DECILES, len(GAIN_GROUPS)), zeros(years, identities, identities, len(COHORT_MEASURES)),
    )  # fmt: skip


def merged(found: Iterable[tuple[Tally, ...]]) -> tuple[Tally, ...]:
    """The tallies of all chunks together, one for each scenario. There is at least one chunk."""
    chunks = iter(found)
    whole = next(chunks)
    for more in chunks:
        for mine, other in zip(whole, more, strict=True):
            mine.add(other)
    return whole


def written(tallies: Sequence[Tally]) -> bytes:
    """Tallies as a compressed NumPy archive; words and cases as JSON inside it."""
    arrays = {f"{n}.{name}": getattr(tally, name) for n, tally in enumerate(tallies) for name in SUMS}
    words = [
        {"measures": t.measures, **{side: [asdict(case) for case in getattr(t, side)] for side in CASE_LISTS}} for t in tallies
    ]  # fmt: skip
    out = io.BytesIO()
    text = np.frombuffer(json.dumps(words, default=int).encode(), dtype=np.uint8)
    np.savez_compressed(out, words=text, allow_pickle=False, **arrays)
    return out.getvalue()


def read(part: bytes) -> tuple[Tally, ...]:
    """The tallies that `written` made."""
    with np.load(io.BytesIO(part), allow_pickle=False) as archive:
        words: list[Mapping[str, Any]] = json.loads(archive["words"].tobytes())
        found = []
        for n, said in enumerate(words):
            sums = {name: archive[f"{n}.{name}"] for name in SUMS}
            winners, losers = ([Case(**case) for case in said[side]] for side in CASE_LISTS)
            found.append(Tally(tuple(said["measures"]), **sums, winners=winners, losers=losers))
        return tuple(found)
