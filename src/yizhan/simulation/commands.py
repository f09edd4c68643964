"""The laboratory's commands, as `yizhan.cli` calls them: simulate, compare, cliffs, forecast."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table as RichTable

from yizhan.errors import PackageNeeded, Problems
from yizhan.policy.areas import Library, load_scheme
from yizhan.simulation import forecast as forecasting
from yizhan.simulation import reports
from yizhan.simulation.behaviour import Behaviour, respond
from yizhan.simulation.cliffs import as_request, cliffs_table, find_cliffs
from yizhan.simulation.errors import NoProfileBelow, RecordsUnusable
from yizhan.simulation.population import Growth, Part, Population
from yizhan.simulation.profile import load, shipped
from yizhan.simulation.recorded import Recorded
from yizhan.simulation.run import PRESENT, Progress, Scenario, Spread, run
from yizhan.simulation.scenarios import changed, parse_change
from yizhan.simulation.speed import speed
from yizhan.simulation.tables import Table, as_data, in_english, shown
from yizhan.simulation.validation import validation

WIDE = 240
"""Columns of a table that goes to a file."""


def simulate(options: argparse.Namespace) -> int:
    """Settle a made-up population under the present rules; print what was found."""
    if options.area:
        return _province(options)
    with _progress(options.lang) as progress:
        outcome = run(
            _population(options), (_present(options),), options.years, options.workers,
            progress=progress, spread_out=_spread_out(options),
        )  # fmt: skip
    found = reports.tables(outcome)
    if not options.records:
        found += [reports.fit_table(outcome), validation(outcome)]
    if options.stats:
        found.append(speed(outcome.population, _present(options), outcome.axes.years[0]))
    return _print(outcome.population, found, options, outcome.english)


def _province(options: argparse.Namespace) -> int:
    """Every pooling area below a code, one after another: each with its profile and its rules, then all together.

    An area's people are those that it has alone, so that a province is the sum of what its areas print.
    """
    if options.records:
        why = "一省按各地的画像算，不用记录 areas of a province are drawn by their profiles"
        raise Problems([RecordsUnusable(at="--area", why=why)])
    stem = options.area
    while stem.endswith("00"):
        stem = stem[:-2]
    profiles = [load(key) for key in shipped()]
    profiles = [
        p
        for p in profiles
        if p.area.startswith(stem) and p.area in {a.code for a in Library(options.policies).pooling_areas}
    ]
    if not profiles:
        raise Problems([NoProfileBelow(given=options.area, known=", ".join(f"{load(k).area} {k}" for k in shipped()))])
    insured = [int(p["persons.insured"]) for p in profiles]
    found = []
    for profile, people in zip(profiles, insured, strict=True):
        persons = max(1, round(options.persons * people / sum(insured))) if options.persons else people
        population = Population((Part(profile, persons),), options.seed)
        years = options.years or (profile.year,)
        with _progress(options.lang) as progress:
            outcome = run(
                population,
                (_present(options),),
                years,
                options.workers,
                progress=progress,
                spread_out=_spread_out(options),
            )
        scheme = load_scheme(profile.area, options.policies)
        found.append(((scheme.name, scheme.name_en), people / persons, outcome))
    tables = reports.by_area(found)
    if not options.json:
        for *_, outcome in found[:-1]:
            _say_who(outcome.population, options)
    english = {zh: en for *_, outcome in found for zh, en in outcome.english.items()}
    return _print(found[-1][-1].population, tables, options, english)


def compare(options: argparse.Namespace) -> int:
    """Settle a made-up population under the present rules and under a reform; print the differences."""
    population = _population(options)
    area = population.parts[0].profile.area
    with tempfile.TemporaryDirectory(prefix="yizhan-reform-") as folder:
        reform = options.reform or options.policies
        if options.change:
            changes = [parse_change(text, area, reform) for text in options.change]
            reform = changed(reform, changes, Path(folder) / "policies")
        scenarios: tuple[Scenario, ...] = (
            _present(options),
            Scenario("改革方案", "reform", reform),
        )
        if options.elasticity or options.nearer:
            if options.records:
                why = "记录在案的账单不会随行为变化 bills on record do not follow behaviour"
                raise Problems([RecordsUnusable(at="--elasticity, --nearer", why=why)])
            scenarios = respond(population, scenarios, Behaviour(options.elasticity, options.nearer), options.years)
        with _progress(options.lang) as progress:
            outcome = run(
                population,
                scenarios,
                options.years,
                options.workers,
                progress=progress,
                spread_out=_spread_out(options),
            )
    found = [reports.changes_of_outlay(outcome, 1)]
    if not scenarios[1].growth:
        found += [reports.winners_and_losers(outcome, 1), reports.cases(outcome, 1)]
    return _print(population, found, options, outcome.english)


def _spread_out(options: argparse.Namespace) -> Spread | None:
    """Where chunks are settled: None for processes of this machine. Raises Problems with PackageNeeded."""
    if not options.cluster:
        return None
    from yizhan.simulation import cluster

    try:
        if options.cluster == "ray":
            return cluster.on_ray()
        from pyspark.sql import SparkSession

        return cluster.on_spark(SparkSession.builder.appName("yizhan").getOrCreate())
    except ModuleNotFoundError as error:
        raise Problems([PackageNeeded(package=error.name, extra=options.cluster)]) from None


def cliffs(options: argparse.Namespace) -> int:
    """Find where a small step makes a patient better or worse off; the neighbouring cases go to a folder, for `settle`."""
    population = _population(options)
    profile = population.parts[0].profile
    year = options.years[0] if options.years else profile.year
    with _progress(options.lang) as progress:
        found = find_cliffs(
            population,
            _present(options),
            year,
            round(options.least * 100),
            progress,
        )
    if options.cases:
        options.cases.mkdir(parents=True, exist_ok=True)
        for number, cliff in enumerate(found, 1):
            for side, bills in (("a", cliff.example.before), ("b", cliff.example.after)):
                text = json.dumps(as_request(bills, profile.area), ensure_ascii=False, indent=2)
                (options.cases / f"{number:02d}{side}.json").write_text(text + "\n", encoding="utf-8")
    return _print(population, [cliffs_table(found)], options)


def forecast(options: argparse.Namespace) -> int:
    """Forecast the basic fund by month and year, and propose budgets."""
    population = _population(options)
    profile = population.parts[0].profile
    years = tuple(options.years) or tuple(range(profile.year, profile.year + 3))
    growth = forecasting.path(Growth(options.stays, options.stays, options.cost), len(years))
    actuals = forecasting.read_actuals(options.actual) if options.actual else {}
    with _progress(options.lang) as progress:
        outcome = run(
            population,
            (_present(options),),
            years,
            options.workers,
            growth,
            progress,
        )
    found = forecasting.forecast(outcome, forecasting.Funding.of(profile, options.funding, options.insured))
    tables = [forecasting.years_table(found), forecasting.months_table(found), forecasting.budget(outcome)]
    if actuals:
        tables.append(forecasting.against(found, actuals))
    return _print(population, tables, options, outcome.english)


def _present(options: argparse.Namespace) -> Scenario:
    """The present rules: the shipped policies, or the folder of --policies."""
    return replace(PRESENT, policies=options.policies)


def _population(options: argparse.Namespace) -> Population:
    if getattr(options, "records", None):
        return Recorded.open(options.records, options.years[0] if options.years else date.today().year)
    profile = load(options.profile)
    return Population((Part(profile, options.persons or int(profile["persons.insured"])),), options.seed)


@contextmanager
def _progress(lang: str) -> Iterator[Progress]:
    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task("结算" if lang == "zh" else "settling", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield show


def _print(
    population: Population, tables: Sequence[Table], options: argparse.Namespace, english: Mapping[str, str] | None = None
) -> int:  # fmt: skip
    """As JSON, else for people: who they are, then the tables; `english` are the names of layers and scenarios."""
    if options.json:
        print(json.dumps([as_data(table) for table in tables], ensure_ascii=False, indent=2))
        return 0
    _say_who(population, options)
    console = _console()
    for table in tables:
        said = in_english(table, english or {}) if options.lang == "en" else table
        console.print(_as_rich(said, options.lang))
    return 0


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDE)


def _say_who(population: Population, options: argparse.Namespace) -> None:
    profile = population.parts[0].profile
    zh = options.lang == "zh"
    size, stand_ins = f"{population.size:,}", len(profile.stand_ins)
    if isinstance(population, Recorded):
        told = f"{profile.name}：记录在案的 {size} 人" if zh else f"{profile.name_en}: {size} persons on record"
    elif zh:
        told = f"{profile.name}，{size} 人（人造，种子 {population.seed}）；画像里有 {stand_ins} 个拟的数"
    else:
        told = (
            f"{profile.name_en}, {size} persons (made up, seed {population.seed}); "
            f"{stand_ins} figures of the profile are stand-ins"
        )
    _console().print(told)


def _as_rich(table: Table, lang: str) -> RichTable:
    zh = lang == "zh"
    drawn = RichTable(title=table.zh if zh else table.en, caption=(table.note_zh if zh else table.note_en) or None)
    for column in table.columns:
        drawn.add_column(
            column.zh if zh else column.en, justify="left" if column.kind in ("text", "said", "identity") else "right"
        )
    for row in table.rows:
        drawn.add_row(*(shown(c.kind, value, lang) for c, value in zip(table.columns, row, strict=True)))
    return drawn
