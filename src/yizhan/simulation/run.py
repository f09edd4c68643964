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
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa

from yizhan.batch.table import Settler
from yizhan.engine.scheme import Scheme
from yizhan.engine.statement import english_names
from yizhan.policy.areas import load_scheme
from yizhan.simulation.adding import Places, add, compare
from yizhan.simulation.population import (
    CARES,
    Growth,
    Ints,
    Persons,
    Population,
    identities_of,
)
from yizhan.simulation.tallies import (
    BILL_MEASURES,
    CELL,
    DECILES,
    PERSON_AXES,
    PERSON_MEASURES,
    Axes,
    Tally,
    empty,
    measures_of,
    merged,
)

CHUNK = 8
"""Buckets that are settled at a time."""


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

    @property
    def english(self) -> dict[str, str]:
        """Chinese words of its tables → English: layers, scenarios, patients, sums."""
        area = self.population.parts[0].profile.area
        known = english_names(load_scheme(area, self.scenarios[0].policies))
        names = {layer: known.get(layer, layer) for layer in self.layer_names}
        return names | {"个人": "patients", "合计": "in all", **{s.name: s.name_en for s in self.scenarios}}

    @cached_property
    def layer_names(self) -> tuple[str, ...]:
        """The layers of all scenarios, in the order in which they pay."""
        named = dict.fromkeys(m for t in self.tallies for m in t.measures[len(BILL_MEASURES) :] if "·" not in m)
        return tuple(named)


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
    worked = _worked(task, chunks, workers) if spread_out is None else _elsewhere(task, chunks, spread_out)
    tallies = merged(_told(worked, population.buckets, progress))
    return Outcome(population, tuple(scenarios), axes, tallies)


def _told(
    worked: Iterable[tuple[int, tuple[Tally, ...]]], buckets: int, progress: Progress | None
) -> Iterator[tuple[Tally, ...]]:
    for done, found in worked:
        if progress is not None:
            progress(done, buckets)
        yield found


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
        self.measures = [measures_of(schemes.values()) for schemes in self.schemes]
        self.first = True

    def settle(self, chunk: range) -> tuple[Tally, ...]:
        """The tallies of a chunk, one for each scenario."""
        tallies = tuple(empty(measures, self.task.axes, self.task.population.buckets) for measures in self.measures)
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
            settler = self._settler(number, area, bills)
            result = settler.settle(bills)
            owed = add(tally, places, settler.scheme, result.outputs, result.out, result.patient, bucket_of)
            if before is None:
                before = owed
            elif growth == (self.task.scenarios[0].growth or self.task.growth):
                compare(tally, places, before, owed)

    def _drawn(self, buckets: list[int], growth: tuple[Growth, ...]) -> tuple[pa.Table, Places, Ints]:
        """The bills of some buckets under some growth, where each belongs, and each person's bucket."""
        population, axes = self.task.population, self.task.axes
        found = [self._draw(bucket, growth) for bucket in buckets]
        bills = pa.concat_tables([table for _, table in found])
        held = np.concatenate(
            [
                [population.identities(bucket, year, who) for year in axes.years]
                for bucket, (who, _) in zip(buckets, found, strict=True)
            ],
            axis=1,
        )
        places = Places(axes, population.profile(buckets[0]), _joined([who for who, _ in found]), held, bills)
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

    def _settler(self, scenario: int, area: str, bills: pa.Table) -> Settler:
        """A settler whose sums begin anew: chunks come in any order. The figures found so far are kept."""
        settler = self.settlers.get((scenario, area))
        if settler is None:
            settler = settler_for(self.schemes[scenario][area], bills, self.task.axes.years)
            self.settlers[scenario, area] = settler
        settler.begin()
        return settler


def settler_for(scheme: Scheme, bills: pa.Table, years: Sequence[int]) -> Settler:
    """A settler for bills that are drawn like these, in these years: its loop is compiled once, whoever is drawn.

    It says what ceilings cut off also where nobody asks, so that runs and the search for cliffs share a loop.
    """
    settler = Settler(scheme, sample=2, over=True)
    settler.foresee(bills, date(min(years), 1, 1), date(max(years), 12, 31))
    return settler


def _joined(parts: list[Persons]) -> Persons:
    """Persons of several buckets as one; households are numbered apart already."""
    if len(parts) == 1:
        return parts[0]
    columns = {
        name: np.concatenate([getattr(p, name) for p in parts])
        for name in Persons.__annotations__ if name not in ("part", "first")
    }  # fmt: skip
    return Persons(parts[0].part, parts[0].first, **columns)
