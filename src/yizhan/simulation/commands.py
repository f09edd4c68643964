"""The laboratory's commands, as `yizhan.cli` calls them: simulate, compare."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table as RichTable

from yizhan.simulation import reports
from yizhan.simulation.population import Part, Population
from yizhan.simulation.profile import load
from yizhan.simulation.run import PRESENT, Outcome, Progress, Scenario, run
from yizhan.simulation.scenarios import changed, parse_change


def simulate(options: argparse.Namespace) -> int:
    """Settle a made-up population under the present rules; print what was found."""
    with _progress(options.lang) as progress:
        outcome = run(
            _population(options), (Scenario(PRESENT.name, PRESENT.name_en, options.policies),), options.years, options.workers,
            progress=progress,
        )  # fmt: skip
    return _print(outcome, reports.tables(outcome), options)


def compare(options: argparse.Namespace) -> int:
    """Settle a made-up population under the present rules and under a reform; print the differences."""
    population = _population(options)
    area = population.parts[0].profile.area
    with tempfile.TemporaryDirectory(prefix="yizhan-reform-") as folder:
        reform = options.reform or options.policies
        if options.change:
            changes = [parse_change(text, area, reform) for text in options.change]
            reform = changed(reform, changes, Path(folder) / "policies")
        scenarios = (Scenario(PRESENT.name, PRESENT.name_en, options.policies), Scenario("改革方案", "reform", reform))
        with _progress(options.lang) as progress:
            outcome = run(population, scenarios, options.years, options.workers, progress=progress)
    found = [reports.changes_of_outlay(outcome, 1), reports.winners_and_losers(outcome, 1), reports.cases(outcome, 1)]
    return _print(outcome, found, options)


def _population(options: argparse.Namespace) -> Population:
    profile = load(options.profile)
    return Population((Part(profile, options.persons or int(profile["persons.insured"])),), options.seed)


@contextmanager
def _progress(lang: str) -> Iterator[Progress]:
    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task("结算" if lang == "zh" else "settling", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield show


def _print(outcome: Outcome, tables: Sequence[reports.Table], options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps([_as_json(table) for table in tables], ensure_ascii=False, indent=2))
        return 0
    console = Console()
    profile = outcome.population.parts[0].profile
    zh = options.lang == "zh"
    stand_ins = len(profile.stand_ins)
    console.print(
        f"{profile.name}，{outcome.population.size:,} 人（人造，种子 {outcome.population.seed}）；画像里有 {stand_ins} 个拟的数"
        if zh
        else f"{profile.name_en}, {outcome.population.size:,} persons (made up, seed {outcome.population.seed}); "
        f"{stand_ins} figures of the profile are stand-ins"
    )
    for table in tables:
        console.print(_as_rich(table, options.lang))
    return 0


def _as_rich(table: reports.Table, lang: str) -> RichTable:
    zh = lang == "zh"
    shown = RichTable(title=table.zh if zh else table.en, caption=(table.note_zh if zh else table.note_en) or None)
    for column in table.columns:
        shown.add_column(
            column.zh if zh else column.en, justify="left" if column.kind in ("text", "identity") else "right"
        )
    for row in table.rows:
        shown.add_row(*(
            reports.identity_words(value, lang) if column.kind == "identity" else reports.shown(column.kind, value)
            for column, value in zip(table.columns, row, strict=True)
        ))  # fmt: skip
    return shown


def _as_json(table: reports.Table) -> dict[str, object]:
    return {
        "key": table.key,
        "columns": [column.en for column in table.columns],
        "rows": [list(row) for row in table.rows],
    }
