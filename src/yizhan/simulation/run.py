"""Settle a population under one or more schemes, and keep sums: what each layer pays, for whom, and what is left to whom.

    outcome = run(population, [PRESENT, reform], years=(2018,), workers=2)
    outcome.layers(scenario=1, year=2018)       what each layer pays, in fen

Bills are drawn, settled and added up a few buckets at a time, so memory does not grow with the population. All scenarios
meet the same bills in the same pass, so that the first of them can be compared with each of the others person by person.
The years of one person are settled in one go: what a policy year carries over, it carries over here.

Everything that is kept is a sum over cells (`CELL`), a histogram, or the few most striking persons; sums are whole fen and
do not depend on the number of workers or the order of buckets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa

from yizhan.batch.table import Settler
from yizhan.engine.scheme import Scheme
from yizhan.policy.areas import load_scheme
from yizhan.simulation.population import (
    CARES,
    INPATIENT,
    Growth,
    Ints,
    Persons,
    Population,
    identities_of,
)
from yizhan.simulation.profile import Profile

CHUNK = 8
"""Buckets that are settled at a time."""

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


@dataclass(frozen=True)
class Scenario:
    """Rules to settle by: the shipped policies, or another folder of them.

    `growth` is how people behave under it, year by year, where that differs from the others (see `behaviour`); its bills are
    then others, and persons cannot be compared one by one.
    """

    name: str
    name_en: str
    policies: Path | None = None
    growth: tuple[Growth, ...] = ()


PRESENT = Scenario("现行政策", "present rules")

CELL = ("year", "care", "setting", "identity", "decile", "county")
"""What sums of bills are kept by. Persons are kept by year, identity, decile and county."""

PERSON_MEASURES = (
    "persons", "with_bills", "with_stays", "total", "patient", "poorer",
    *(f"catastrophic_{share}" for share in CATASTROPHIC),
)  # fmt: skip
"""Sums over persons and years. Catastrophic: persons of households that pay so much; poorer: after paying, the household's
income per head is below half of the ordinary household's mean."""


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
    winners: list[Case] = field(default_factory=list)
    losers: list[Case] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add what another worker found."""
        for name in ("bills", "persons", "months", "share_bins", "amount_bins", "limits", "by_bucket", "gains"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.winners = _most([*self.winners, *other.winners])
        self.losers = _most([*self.losers, *other.losers])


def _most(cases: list[Case]) -> list[Case]:
    return sorted(cases, key=lambda c: (-abs(c.gain), c.person, c.year))[:CASES]


GAIN_GROUPS = ("winners", "losers", "gained", "lost")
"""Per year, identity and decile: persons who pay less and more than under the first scenario, and by how many fen in all."""


@dataclass
class Outcome:
    """What a run found: one tally for each scenario, over the same axes."""

    population: Population
    scenarios: tuple[Scenario, ...]
    axes: Axes
    tallies: tuple[Tally, ...]

    def bills(self, scenario: int, measure: str, *by: str, **only: int | str) -> Ints:
        """A measure of bills, kept along the axes `by` and summed over the others; `only` picks words of an axis."""
        tally = self.tallies[scenario]
        return _along(tally.bills[..., tally.measures.index(measure)], CELL, self.axes, by, only)

    def persons(self, scenario: int, measure: str, *by: str, **only: int | str) -> Ints:
        """A measure of persons, likewise."""
        found = self.tallies[scenario].persons[..., PERSON_MEASURES.index(measure)]
        return _along(found, PERSON_AXES, self.axes, by, only)

    def layers(self, scenario: int, **only: int | str) -> dict[str, int]:
        """What each layer pays, in fen, in the order of the scheme."""
        return {
            m: int(self.bills(scenario, m, **only)) for m in self.tallies[scenario].measures if m in self.layer_names
        }

    @cached_property
    def layer_names(self) -> tuple[str, ...]:
        """The layers of all scenarios, in the order in which they pay."""
        named = dict.fromkeys(m for t in self.tallies for m in t.measures[len(BILL_MEASURES) :] if "·" not in m)
        return tuple(named)


PERSON_AXES = ("year", "identity", "decile", "county")
BILL_MEASURES = ("bills", "total", "in_scope", "patient", "patient_in_scope", "days")


def _words(axes: Axes, axis: str) -> Sequence[int | str]:
    words: dict[str, Sequence[int | str]] = {
        "year": axes.years, "care": CARES, "setting": axes.settings, "identity": axes.identities,
        "decile": range(DECILES), "county": axes.counties,
    }  # fmt: skip
    return words[axis]


def _along(values: Ints, names: Sequence[str], axes: Axes, by: Sequence[str], only: dict[str, int | str]) -> Ints:
    """Sum over the axes not in `by`, after picking `only`. A key that is no axis raises ValueError."""
    for axis in (*by, *only):
        if axis not in names:
            raise ValueError(f"{axis}: {', '.join(names)}")
    pick: tuple[slice | int, ...] = tuple(
        list(_words(axes, axis)).index(only[axis]) if axis in only else slice(None) for axis in names
    )
    left = [axis for axis in names if axis not in only]
    found = values[pick]
    found = found.sum(axis=tuple(n for n, axis in enumerate(left) if axis not in by))
    kept = [axis for axis in left if axis in by]
    return np.asarray(np.moveaxis(found, [kept.index(axis) for axis in by], range(len(by))) if by else found)


# --- Running ---------------------------------------------------------------------------------------------------------------

Progress = Callable[[int, int], None]
"""Called with buckets done and buckets in all."""


def run(
    population: Population, scenarios: Sequence[Scenario] = (PRESENT,), years: Sequence[int] = (), workers: int = 1,
    growth: Sequence[Growth] = (), progress: Progress | None = None, spread_out: Spread | None = None,
) -> Outcome:  # fmt: skip
    """Settle `population` under each scenario. `years` default to the profile's; `growth` says how each differs from it.
    `spread_out` settles chunks elsewhere than in processes of this machine (see `cluster`).

    Raises Problems: a scenario without policies for a year or area, wrong documents; EngineFault where a check fails.
    """
    years = tuple(years) or (population.parts[0].profile.year,)
    growth = tuple(growth) or tuple(Growth() for _ in years)
    axes = axes_of(population, years)
    task = Task(population, tuple(scenarios), axes, growth)
    chunks = [range(k, min(k + CHUNK, population.buckets)) for k in range(0, population.buckets, CHUNK)]
    tallies: tuple[Tally, ...] | None = None
    worked = _worked(task, chunks, workers) if spread_out is None else _elsewhere(task, chunks, spread_out)
    for number, found in worked:
        tallies = tallies or found
        if found is not tallies:
            for mine, more in zip(tallies, found, strict=True):
                mine.add(more)
        if progress is not None:
            progress(number, population.buckets)
    assert tallies is not None
    return Outcome(population, tuple(scenarios), axes, tallies)


def _worked(task: Task, chunks: list[range], workers: int) -> Iterator[tuple[int, tuple[Tally, ...]]]:
    """(buckets done, tallies of a chunk), in the order of chunks whatever the number of workers."""
    done = 0
    if workers <= 1 or len(chunks) == 1:
        worker = Worker(task)
        for chunk in chunks:
            done += len(chunk)
            yield done, worker.settle(chunk)
        return
    # The first chunk is settled here, so that the loops are compiled once and found in the cache by every worker.
    yield len(chunks[0]), Worker(task).settle(chunks[0])
    done = len(chunks[0])
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (task,)) as pool:
        for chunk, found in zip(chunks[1:], pool.map(_go_on, chunks[1:]), strict=True):
            done += len(chunk)
            yield done, found


Spread = Callable[["Task", list[range]], "Iterator[tuple[Tally, ...]]"]
"""Settles the chunks of a task, in any place, and gives their tallies in the order of the chunks."""


def _elsewhere(task: Task, chunks: list[range], spread_out: Spread) -> Iterator[tuple[int, tuple[Tally, ...]]]:
    done = 0
    for chunk, found in zip(chunks, spread_out(task, chunks), strict=True):
        done += len(chunk)
        yield done, found


_WORKER: list[Worker] = []


def _begin(task: Task) -> None:
    _WORKER[:] = [Worker(task)]


def _go_on(chunk: range) -> tuple[Tally, ...]:
    return _WORKER[0].settle(chunk)


def axes_of(population: Population, years: Sequence[int]) -> Axes:
    """The axes of a population's cells. Deciles of income are those of its first bucket."""
    profiles = [part.profile for part in population.parts]
    settings = dict.fromkeys(s.key for p in profiles for s in p.settings)
    identities = dict.fromkeys(code for p in profiles for code in identities_of(p))
    counties = dict.fromkeys(county for p in profiles for county in p.counties)
    incomes = population.persons(0).income
    edges = np.quantile(incomes, [k / DECILES for k in range(1, DECILES)], method="lower")
    return Axes(tuple(years), tuple(settings), tuple(identities), tuple(counties), tuple(int(e) for e in edges))


@dataclass(frozen=True)
class Task:
    """What every worker knows: whom to draw, what to settle by, and the axes of the sums."""

    population: Population
    scenarios: tuple[Scenario, ...]
    axes: Axes
    growth: tuple[Growth, ...]


class Worker:
    """Draws, settles and adds up chunks of buckets, in any order; keeps a settler for each scenario and area."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.settlers: dict[tuple[int, str], Settler] = {}
        areas = dict.fromkeys(part.profile.area for part in task.population.parts)
        self.schemes = [{area: load_scheme(area, s.policies) for area in areas} for s in task.scenarios]
        self.measures = [_measures(schemes.values()) for schemes in self.schemes]
        self.first = True

    def settle(self, chunk: range) -> tuple[Tally, ...]:
        """The tallies of a chunk, one for each scenario."""
        tallies = tuple(_empty(measures, self.task) for measures in self.measures)
        parts: dict[int, list[int]] = {}
        for bucket in chunk:
            parts.setdefault(self.task.population.part_of(bucket), []).append(bucket)
        for buckets in parts.values():
            self._settle_part(buckets, tallies)
        return tallies

    def _settle_part(self, buckets: list[int], tallies: tuple[Tally, ...]) -> None:
        """Buckets of one part. Scenarios whose people behave alike meet the same bills."""
        area = self.task.population.profile(buckets[0]).area
        drawn: dict[tuple[Growth, ...], tuple[pa.Table, Places, Ints]] = {}
        before: Ints | None = None
        for number, tally in enumerate(tallies):
            growth = self.task.scenarios[number].growth or self.task.growth
            if growth not in drawn:
                drawn[growth] = self._drawn(buckets, growth)
            bills, places, bucket_of = drawn[growth]
            settler = self._settler(number, area)
            result = settler.settle(bills)
            owed = _add(tally, places, settler.scheme, result.outputs, result.out, result.patient, bucket_of)
            if before is None:
                before = owed
            elif growth == (self.task.scenarios[0].growth or self.task.growth):
                _compare(tally, places, before, owed)

    def _drawn(self, buckets: list[int], growth: tuple[Growth, ...]) -> tuple[pa.Table, Places, Ints]:
        """The bills of some buckets under some growth, where each belongs, and each person's bucket."""
        found = [self._draw(bucket, growth) for bucket in buckets]
        bills = pa.concat_tables([table for _, table in found])
        places = Places(self.task, self.task.population.profile(buckets[0]), _joined([who for who, _ in found]), bills)
        return bills, places, np.repeat(buckets, [len(who) for who, _ in found])

    def _draw(self, bucket: int, growth: tuple[Growth, ...]) -> tuple[Persons, pa.Table]:
        persons = self.task.population.persons(bucket)
        years = [
            self.task.population.bills(bucket, year, of_year, persons)
            for year, of_year in zip(self.task.axes.years, growth, strict=True)
        ]
        if len(years) == 1:
            return persons, years[0]
        table = pa.concat_tables(years)
        day = table["discharged_on"].combine_chunks().cast(pa.int32()).to_numpy()
        order = np.lexsort((table["sequence"].to_numpy(), day, table["person"].to_numpy()))
        return persons, table.take(pa.array(order))

    def _settler(self, scenario: int, area: str) -> Settler:
        """A settler whose sums begin anew: chunks come in any order. The figures found so far are kept."""
        settler = self.settlers.get((scenario, area))
        if settler is None:
            settler = Settler(self.schemes[scenario][area], sample=2, over=True)
            self.settlers[scenario, area] = settler
        settler.begin()
        return settler


def _measures(schemes: Iterable[Scheme]) -> tuple[str, ...]:
    """What is summed over bills: `BILL_MEASURES`, then each layer and its parts (基本医保, 基本医保·tilt …)."""
    layers = dict.fromkeys(layer.name for scheme in schemes for layer in scheme.layers)
    return (
        *BILL_MEASURES,
        *(name + part for name in layers for part in ("", "·tilt", "·penalty", "·deductible", "·held")),
    )


def _empty(measures: tuple[str, ...], task: Task) -> Tally:
    axes, buckets = task.axes, task.population.buckets
    years, identities = len(axes.years), len(axes.identities)
    layers = sum("·" not in m for m in measures[len(BILL_MEASURES) :])

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, dtype=np.int64)

    return Tally(
        measures, zeros(*axes.of_bills, len(measures)), zeros(*axes.of_persons, len(PERSON_MEASURES)),
        zeros(years, 12, len(axes.counties), len(measures)), zeros(years, identities, SHARE_BINS + 1),
        zeros(years, identities, AMOUNT_BINS), zeros(years, identities, layers), zeros(buckets, years, len(measures)),
        zeros(years, identities, DECILES, len(GAIN_GROUPS)),
    )  # fmt: skip


def _joined(parts: list[Persons]) -> Persons:
    """Persons of several buckets as one; households are numbered apart already."""
    if len(parts) == 1:
        return parts[0]
    columns = {
        name: np.concatenate([getattr(p, name) for p in parts])
        for name in Persons.__annotations__ if name not in ("part", "first")
    }  # fmt: skip
    return Persons(parts[0].part, parts[0].first, **columns)


class Places:
    """Where each bill and each person-year of a chunk belongs: cells as flat numbers."""

    def __init__(self, task: Task, profile: Profile, who: Persons, bills: pa.Table) -> None:
        axes = task.axes
        self.axes, self.who = axes, who
        self.person = bills["person"].to_numpy() - who.first
        day = bills["discharged_on"].combine_chunks().cast(pa.int32()).to_numpy().astype("datetime64[D]")
        year = day.astype("datetime64[Y]").astype(int) + 1970
        self.year = year - axes.years[0] if _consecutive(axes.years) else np.searchsorted(axes.years, year)
        self.month = day.astype("datetime64[M]").astype(int) % 12
        self.care = bills["care"].combine_chunks().indices.to_numpy()
        setting = np.array([axes.settings.index(s.key) for s in profile.settings])[bills["setting"].to_numpy()]
        identity = np.array([axes.identities.index(code) for code in identities_of(profile)])[who.identity]
        county = np.array([axes.counties.index(name) for name in profile.counties])[who.county]
        decile = np.searchsorted(axes.decile_edges, who.income, side="right")
        self.identity, self.county, self.decile = identity, county, decile
        at = (self.year, self.care, setting, identity[self.person], decile[self.person], county[self.person])
        self.bill_cell = np.ravel_multi_index(at, axes.of_bills)
        self.month_cell = np.ravel_multi_index(
            (self.year, self.month, county[self.person]), (len(axes.years), 12, len(axes.counties))
        )
        self.total = sum(bills[p].to_numpy() for p in ("in_scope", "first_pay", "over_limit", "own"))
        self.in_scope = bills["in_scope"].to_numpy()
        stay = day - bills["admitted_on"].combine_chunks().cast(pa.int32()).to_numpy().astype("datetime64[D]")
        self.days = stay.astype(int)
        self.persons = len(who)
        self.poverty_line = int(profile["households.income_ordinary"])
        self.person_year = self.year * self.persons + self.person
        self.household = np.unique(who.household, return_inverse=True)[1]

    def per_person(self, values: Ints) -> Ints:
        """(year, person) → sum over the person's bills."""
        size = len(self.axes.years) * self.persons
        return _summed(self.person_year, values, size).reshape(len(self.axes.years), self.persons)


def _consecutive(years: Sequence[int]) -> bool:
    return list(years) == list(range(years[0], years[0] + len(years)))


def _summed(cell: Ints, values: Ints, size: int) -> Ints:
    """Sums by cell. Exact: a chunk's sums stay below 2^53 fen, which is 90 million million yuan."""
    return np.bincount(cell, weights=values, minlength=size).astype(np.int64)


def _add(
    tally: Tally,
    places: Places,
    scheme: Scheme,
    outputs: Sequence[tuple[int, str]],
    out: Ints,
    patient: Ints,
    bucket_of: Ints,
) -> Ints:
    """Add a settled chunk to a tally. Returns what each person paid in each year, (year, person)."""
    axes = places.axes
    paid = patient.sum(axis=0)
    columns: dict[str, Ints] = {
        "bills": np.ones(len(paid), np.int64), "total": places.total, "in_scope": places.in_scope, "patient": paid,
        "patient_in_scope": patient[0], "days": places.days,
    }  # fmt: skip
    over: dict[int, Ints] = {}
    for (layer, what), values in zip(outputs, out, strict=True):
        name = scheme.layers[layer].name
        if what == "over":
            over[layer] = values
        elif not what.startswith("payer."):
            columns[name if what == "pay" else f"{name}·{what}"] = values
    size, months = int(np.prod(axes.of_bills)), len(axes.years) * 12 * len(axes.counties)
    in_bucket = bucket_of[places.person] * len(axes.years) + places.year
    for measure, values in columns.items():
        n = tally.measures.index(measure)
        tally.bills[..., n] += _summed(places.bill_cell, values, size).reshape(axes.of_bills)
        tally.months[..., n] += _summed(places.month_cell, values, months).reshape(tally.months.shape[:-1])
        sums = _summed(in_bucket, values, tally.by_bucket.shape[0] * len(axes.years))
        tally.by_bucket[..., n] += sums.reshape(tally.by_bucket.shape[:-1])
    owed = places.per_person(paid)
    _add_persons(tally, places, owed)
    names = [m for m in tally.measures[len(BILL_MEASURES) :] if "·" not in m]
    for layer, values in over.items():
        reached = places.per_person(values) > 0
        at = names.index(scheme.layers[layer].name)
        for year in range(len(axes.years)):
            tally.limits[year, :, at] += np.bincount(places.identity[reached[year]], minlength=len(axes.identities))
    return owed


def _add_persons(tally: Tally, places: Places, owed: Ints) -> None:
    axes, who = places.axes, places.who
    total = places.per_person(places.total)
    bills = places.per_person(np.ones(len(places.person), np.int64))
    stays = places.per_person((places.care == INPATIENT).astype(np.int64))
    size = np.bincount(places.household)
    income = np.zeros(len(size), np.int64)
    income[places.household] = who.income
    for year in range(len(axes.years)):
        of_home = np.bincount(places.household, weights=owed[year]).astype(np.int64)
        measures = {
            "persons": np.ones(places.persons, np.int64), "with_bills": bills[year] > 0, "with_stays": stays[year] > 0,
            "total": total[year], "patient": owed[year],
            "poorer": ((income * size - of_home) * 2 < places.poverty_line * size)[places.household],
            **{
                f"catastrophic_{share}": (of_home * 100 >= share * income * size)[places.household]
                & (of_home[places.household] > 0)
                for share in CATASTROPHIC
            },
        }  # fmt: skip
        cell = np.ravel_multi_index((places.identity, places.decile, places.county), axes.of_persons[1:])
        for measure, values in measures.items():
            n = PERSON_MEASURES.index(measure)
            found = _summed(cell, values, int(np.prod(axes.of_persons[1:])))
            tally.persons[year, ..., n] += found.reshape(axes.of_persons[1:])
        ill = stays[year] > 0
        share = owed[year][ill] * SHARE_BINS // np.maximum(1, total[year][ill])
        amount = np.log(np.maximum(1.0, owed[year][ill] / 100)) / np.log(AMOUNT_BASE)
        of = places.identity[ill]
        np.add.at(tally.share_bins[year], (of, share), 1)
        np.add.at(tally.amount_bins[year], (of, np.minimum(AMOUNT_BINS - 1, amount.astype(np.int64))), 1)


def _compare(tally: Tally, places: Places, before: Ints, after: Ints) -> None:
    """Who pays less and who more than under the first scenario, and the most striking of them."""
    axes = places.axes
    total = None
    for year, gain in enumerate(before - after):
        won, lost = gain > 0, gain < 0
        if not (won.any() or lost.any()):
            continue
        cell = places.identity * DECILES + places.decile
        for n, values in enumerate((won, lost, np.where(won, gain, 0), np.where(lost, -gain, 0))):
            found = _summed(cell, values, len(axes.identities) * DECILES)
            tally.gains[year, ..., n] += found.reshape(len(axes.identities), DECILES)
        total = places.per_person(places.total) if total is None else total
        for cases, size in ((tally.winners, gain), (tally.losers, -gain)):
            for person in np.argsort(-size, kind="stable")[:CASES]:
                if size[person] > 0:
                    cases.append(Case(
                        places.who.first + int(person), axes.years[year], axes.identities[places.identity[person]],
                        int(total[year][person]), int(before[year][person]), int(after[year][person]),
                    ))  # fmt: skip
    tally.winners, tally.losers = _most(tally.winners), _most(tally.losers)
