"""From the sums of a run to what a study keeps: tables, the bills of a few persons, the cliffs with both their sides.

Every table is one of simulation.tables, so that pages, workbook and brief read the same. Bills of single persons are
settled here once more by the engine that settles at the window, and kept as a window keeps them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yizhan.agency.laboratory.bench import Bench
from yizhan.exchange import as_json, read_request, settle_request
from yizhan.policy.areas import load_scheme
from yizhan.simulation.tables import Column, Table, as_data, of_data

if TYPE_CHECKING:
    from yizhan.simulation.cliffs import Cliff, Search
    from yizhan.simulation.run import Outcome
    from yizhan.simulation.tallies import Case

SHOWN_CASES = 8
"""Persons who gain most, and as many who lose most, whose bills are kept."""

SHOWN_CLIFFS = 10
"""Cliffs under each set of rules whose two sides are kept."""

BINS = 20
"""Bars of the picture of own shares: five points each."""

CURVE_POINTS = 121

AFTER = "_after"
"""What the key of a table under the reform ends in, where there is one of the same under the present rules."""


def about(bench: Bench, outcome: Outcome) -> dict[str, Any]:
    """What a study was computed with, and what it stands for."""
    from yizhan.simulation.forecast import scale_of

    profile = bench.profile
    schemes = [load_scheme(profile.area, scenario.policies) for scenario in bench.scenarios]
    return {
        "version": _version(), "rules": [scheme.digest for scheme in schemes],
        "profile": ["本单位的记录", "the bureau's own records"] if bench.study.on_record else [profile.name, profile.name_en], "profile_year": profile.year, "area": [schemes[0].name, schemes[0].name_en],
        "persons": outcome.population.size, "buckets": outcome.population.buckets,
        "insured": int(profile["persons.insured"]), "scale": scale_of(outcome), "figures": len(profile.figures),
        "stand_ins": len(profile.stand_ins), "stand_in_documents": sorted({d.name for d in schemes[0].documents if d.stand_in}),
        "english": outcome.english, "layers": list(outcome.layer_names),
    }  # fmt: skip


def _version() -> str:
    """The version that is installed; "" in a checkout."""
    try:
        return version("yizhan")
    except PackageNotFoundError:
        return ""


def tables(bench: Bench, outcome: Outcome, cliffs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every table of a study, as JSON; `cliffs` are those of cliffs, one for each set of rules."""
    from yizhan.simulation import forecast, reports
    from yizhan.simulation.validation import validation

    study, reform = bench.study, len(bench.scenarios) > 1
    if study.on_record:
        return [as_data(table) for table in _on_record(outcome, cliffs)]
    funding = forecast.Funding.of(
        bench.profile, 1 + float(study.growth_funding) / 100, 1 + float(study.growth_insured) / 100
    )
    found: list[Table] = [reports.outlay(outcome)]
    if reform:
        found += [
            reports.changes_of_outlay(outcome, 1),
            # With behaviour the bills differ, and nobody can be compared with himself.
            *([] if study.behaves else [reports.winners_and_losers(outcome, 1), reports.cases(outcome, 1)]),
        ]
    found += [_own_shares(outcome), _counties(outcome)]
    for number in range(len(bench.scenarios)):
        funds = forecast.forecast(outcome, funding, number)
        of = [
            reports.burden(outcome, number), *([reports.transition(outcome, number)] if len(study.years) > 1 else []), *(reports.by_axis(outcome, axis, number) for axis in ("setting", "county", "decile")),
            forecast.years_table(funds), forecast.months_table(funds), forecast.budget(outcome, number),
            of_data(cliffs[number]),
        ]  # fmt: skip
        found += [_under_reform(table) for table in of] if number else of
    found += [
        reports.ceilings(outcome),
        reports.fit_table(outcome),
        validation(outcome),
        _stand_ins(bench),
    ]
    return [as_data(table) for table in found]


def _on_record(outcome: Outcome, cliffs: Sequence[Mapping[str, Any]]) -> list[Table]:
    """The tables that need no profile: no forecast, no fit, no incomes, and nobody by himself."""
    from yizhan.simulation import reports

    found = [reports.outlay(outcome)]
    if len(outcome.scenarios) > 1:
        found += [reports.changes_of_outlay(outcome, 1), reports.winners_and_losers(outcome, 1)]
    found += [_own_shares(outcome), _counties(outcome)]
    for number in range(len(outcome.scenarios)):
        of = [reports.burden(outcome, number), reports.by_axis(outcome, "setting", number), reports.by_axis(outcome, "county", number), of_data(cliffs[number])]  # fmt: skip
        found += [_under_reform(table) for table in of] if number else of
    return [*found, reports.ceilings(outcome)]


def _under_reform(table: Table) -> Table:
    return replace(table, key=f"{table.key}{AFTER}", zh=f"{table.zh}（改后）", en=f"{table.en}, after")


def _own_shares(outcome: Outcome) -> Table:
    """How many persons with a stay keep which share of their year's cost, by group."""
    import numpy as np

    from yizhan.simulation.tallies import SHARE_BINS

    identities = np.array([bool(code) for code in outcome.axes.identities])
    rows = []
    for group, which in ((("普通人群", "others"), ~identities), (("困难人员", "the poor"), identities)):
        counted = []
        for tally in outcome.tallies:
            bins = tally.share_bins[:, which].sum(axis=(0, 1))
            bins[SHARE_BINS - 1] += bins[SHARE_BINS]
            counted.append(bins[:SHARE_BINS].reshape(BINS, -1).sum(axis=1).tolist())
        rows += [(group, k * 100 // BINS, *(found[k] for found in counted)) for k in range(BINS)]
    names = [Column("人数", "persons", "count")]
    if len(outcome.tallies) > 1:
        names = [Column("改前人数", "persons before", "count"), Column("改后人数", "persons after", "count")]
    return Table("own_shares", "自负比例的分布", "How own shares are spread", (
        Column("人群", "group", "said"), Column("自负比例自（%）", "own share from (%)", "text"), *names,
    ), tuple(rows), "当年住过院的人；每档 5 个百分点。", "Persons with a stay in the year; five points each.")  # fmt: skip


def _counties(outcome: Outcome) -> Table:
    """Own share and outlay per head of each county under each set of rules, over all years."""
    rows = []
    for county in outcome.axes.counties:
        persons = int(outcome.persons(0, "persons", county=county))
        if not persons:
            continue
        row: list[Any] = [county, persons]
        for number in range(len(outcome.tallies)):
            total = int(outcome.persons(number, "total", county=county))
            patient = int(outcome.persons(number, "patient", county=county))
            row += [patient / total if total else None, (total - patient) // persons]
        rows.append(tuple(row))
    pairs = (("", ""),) if len(outcome.tallies) == 1 else (("改前", " before"), ("改后", " after"))
    return Table("counties", "各旗县区", "Counties", (
        Column("旗县区", "county", "text"), Column("人年", "person-years", "count"),
        *(column for zh, en in pairs for column in (
            Column(f"{zh}自负比例", f"own share{en}", "share"), Column(f"{zh}人均基金支出（元）", f"outlay per head{en} (yuan)", "fen"),
        )),
    ), tuple(rows), "人均支出是各层合计，按参保人年。", "Outlay of all layers, per insured person and year.")  # fmt: skip


def _stand_ins(bench: Bench) -> Table:
    """The figures of the profile that nobody published."""
    rows = tuple((f.path, _short(f.value), f.stand_in) for f in bench.profile.stand_ins)
    return Table("stand_ins", "画像里拟的数", "Stand-ins of the profile", (
        Column("数字", "figure", "text"), Column("值", "value", "text"), Column("按什么拟的", "chosen by", "text"),
    ), rows)  # fmt: skip


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


# --- Single persons ---------------------------------------------------------------------------------------------------------


def cases(bench: Bench, outcome: Outcome) -> list[dict[str, Any]]:
    """The most striking persons of each direction, with the bills of the year settled under both sets of rules."""
    if bench.reform is None:
        return []
    tally = outcome.tallies[1]
    chosen = [*tally.winners[:SHOWN_CASES], *tally.losers[:SHOWN_CASES]]
    bills = _bills_of(bench, chosen)
    found = []
    for case in chosen:
        own = bills[case.person, case.year]
        found.append({
            "person": case.person, "year": case.year, "identity": case.identity, "total": case.total, "before": case.before,
            "after": case.after,
            "settled": [_settled(own, bench.profile.area, scenario.policies) for scenario in bench.scenarios],
        })  # fmt: skip
    return [json.loads(json.dumps(case, default=int)) for case in found]


def _bills_of(bench: Bench, chosen: Iterable[Case]) -> dict[tuple[int, int], tuple[dict[str, Any], ...]]:
    """(person, year) → the person's bills of the year, drawn again."""
    import pyarrow.compute as pc

    from yizhan.simulation.population import BUCKET

    wanted: dict[tuple[int, int], list[int]] = {}
    for case in chosen:
        wanted.setdefault((case.person // BUCKET, case.year), []).append(case.person)
    found = {}
    for (bucket, year), people in sorted(wanted.items()):
        growth = bench.task.growth[bench.study.years.index(year)]
        drawn = bench.population.bills(bucket, year, growth)
        for person in people:
            found[person, year] = tuple(drawn.filter(pc.equal(drawn["person"], person)).to_pylist())
    return found


def _settled(bills: tuple[dict[str, Any], ...], area: str, policies: Path | None) -> list[dict[str, Any]]:
    """One person's bills as the window would settle and store them."""
    from yizhan.simulation.cliffs import as_request

    request = read_request(json.dumps(as_request(bills, area)), policies)
    stored: list[dict[str, Any]] = as_json(request, settle_request(request))["settlements"]
    return stored


def cliffs(bench: Bench, number: int, search: Search, found: Sequence[Cliff]) -> dict[str, Any]:
    """The cliffs that a search found under one set of rules: their table, and the heaviest in words, as a curve, with the neighbours' bills."""
    from yizhan.simulation.cliffs import cliffs_table

    scenario, area = bench.scenarios[number], bench.profile.area
    kept = []
    for cliff in sorted(found, key=lambda c: (c.meant, -c.loss))[:SHOWN_CLIFFS]:
        sides = [cliff]
        if cliff.kind != "amount":
            sides.append(replace(cliff, example=replace(cliff.example, before=cliff.example.after)))
        kept.append({
            "scenario": number, "zh": cliff.zh, "en": cliff.en, "kind": cliff.kind, "articles": list(cliff.edge.articles),
            "meant": cliff.meant, "affected": cliff.affected, "loss": cliff.loss, "mean": cliff.mean, "largest": cliff.largest,
            "at": cliff.edge.at if cliff.kind == "amount" else None,
            "pays": [cliff.example.pays_before, cliff.example.pays_after], "changed": cliff.example.changed,
            "curves": [search.curve(side, CURVE_POINTS) for side in sides],
            "settled": [_settled(bills, area, scenario.policies) for bills in (cliff.example.before, cliff.example.after)],
        })  # fmt: skip
    said: dict[str, Any] = json.loads(json.dumps({"table": as_data(cliffs_table(found)), "kept": kept}, default=int))
    return said


# --- All sums ---------------------------------------------------------------------------------------------------------------


def cells(outcome: Outcome) -> bytes:
    """The sums over bills as a Parquet file: one row for each cell that is not empty, the words of its axes, its measures in fen."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from yizhan.simulation.population import CARES
    from yizhan.simulation.tallies import CELL, DECILES

    axes = outcome.axes
    words: dict[str, Sequence[Any]] = {
        "year": axes.years, "care": CARES, "setting": axes.settings, "identity": axes.identities,
        "decile": range(1, DECILES + 1), "county": axes.counties,
    }  # fmt: skip
    made = []
    measures = list(dict.fromkeys(m for tally in outcome.tallies for m in tally.measures))
    for scenario, tally in zip(outcome.scenarios, outcome.tallies, strict=True):
        at = np.nonzero(tally.bills[..., tally.measures.index("bills")])
        columns: dict[str, Any] = {"scenario": pa.array([scenario.name] * len(at[0]))}
        for axis, index in zip(CELL, at, strict=True):
            columns[axis] = pa.array([words[axis][int(k)] for k in index])
        for measure in measures:
            known = measure in tally.measures
            columns[measure] = (
                tally.bills[(*at, tally.measures.index(measure))] if known else np.zeros(len(at[0]), np.int64)
            )
        made.append(pa.table(columns))
    out = io.BytesIO()
    pq.write_table(pa.concat_tables(made), out, compression="zstd")
    return out.getvalue()
