"""What a run found, as tables: for the terminal, a page, a workbook. One table is one question.

A cell is a whole number of fen, a share, a count or a word; the kind stands with the column, and each reader prints it its
own way. Nothing is settled here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from yizhan.simulation.fit import fit
from yizhan.simulation.population import Ints
from yizhan.simulation.run import Outcome
from yizhan.simulation.tables import ALL_OF_THEM, Column, Table, identity_words
from yizhan.simulation.tallies import AMOUNT_BASE, BILL_MEASURES, CATASTROPHIC, SHARE_BINS

RESAMPLES = 1000
LEAST_BUCKETS = 8
"""Fewer buckets than this tell nothing about the spread of a sum."""


def spread(outcome: Outcome, scenario: int, measure: str, year: int) -> float | None:
    """Standard error of a year's total, in its own unit, by drawing buckets anew; None where there are too few.

    What is drawn anew is the mean per person, because the last bucket is smaller. Seeded: the same run says the same.
    """
    tally, population = outcome.tallies[scenario], outcome.population
    sums = tally.by_bucket[:, outcome.axes.years.index(year), tally.measures.index(measure)]
    sizes = np.array([population.persons_in(bucket) for bucket in range(population.buckets)])
    if len(sums) < LEAST_BUCKETS:
        return None
    drawn = np.random.default_rng(7).integers(0, len(sums), (RESAMPLES, len(sums)))
    return float(np.std(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), ddof=1) * sizes.sum())


def outlay(outcome: Outcome) -> Table:
    """What each layer pays under each scenario and in each year."""
    rows = []
    for number, scenario in enumerate(outcome.scenarios):
        for of_year in outcome.axes.years:
            for layer, paid in outcome.layers(number, year=of_year).items():
                if not paid and not any(
                    outcome.layers(n, year=of_year).get(layer) for n in range(len(outcome.scenarios))
                ):
                    continue
                parts = [
                    int(outcome.bills(number, f"{layer}·{part}", year=of_year)) for part in ("tilt", "penalty", "held")
                ]
                error = spread(outcome, number, layer, of_year)
                rows.append((scenario.name, of_year, layer, paid, *parts, error))
            patient = int(outcome.bills(number, "patient", year=of_year))
            error = spread(outcome, number, "patient", of_year)
            rows.append((scenario.name, of_year, "个人", patient, None, None, None, error))
    return Table("outlay", "各层支出", "Outlay of each layer", (
        Column("方案", "scenario", "text"), Column("年度", "year", "text"), Column("层", "layer", "text"),
        Column("支出（万元）", "outlay (10,000 yuan)", "wan"), Column("其中倾斜", "of which tilt", "wan"),
        Column("处罚少付", "taken by penalties", "wan"), Column("待评审", "held", "wan"), Column("标准误", "standard error", "wan"),
    ), tuple(rows), "标准误由按桶重抽样得出；桶太少时没有。", "Standard errors come from drawing buckets anew; too few buckets give none.")  # fmt: skip


def percentile(bins: Ints, share: float) -> int | None:
    """The first bin at which the counts reach this share of all; None if there are none."""
    total = int(bins.sum())
    return int(np.searchsorted(np.cumsum(bins), share * total)) if total else None


def burden(outcome: Outcome, scenario: int = 0) -> Table:
    """What is left to whom: own share and own payment of persons with a stay, catastrophic spending, by identity."""
    rows = []
    tally = outcome.tallies[scenario]
    # A register may know no incomes; then nothing can be said that is measured by them.
    incomes = outcome.population.parts[0].profile["households.income_ordinary"] > 0
    for y, year in enumerate(outcome.axes.years):
        for i, code in enumerate(outcome.axes.identities):
            persons = int(outcome.persons(scenario, "persons", year=year, identity=code))
            if not persons:
                continue
            total = int(outcome.persons(scenario, "total", year=year, identity=code))
            patient = int(outcome.persons(scenario, "patient", year=year, identity=code))
            in_scope = int(outcome.bills(scenario, "in_scope", year=year, identity=code))
            left = int(outcome.bills(scenario, "patient_in_scope", year=year, identity=code))
            shares, amounts = tally.share_bins[y, i], tally.amount_bins[y, i]
            own = [percentile(shares, q) for q in (0.5, 0.9, 0.99)]
            paid = [percentile(amounts, q) for q in (0.5, 0.9, 0.99)]
            rows.append((
                year, code, persons, int(outcome.persons(scenario, "with_stays", year=year, identity=code)), total, patient,
                1 - patient / total if total else None, 1 - left / in_scope if in_scope else None,
                *(None if q is None else q / SHARE_BINS for q in own),
                *(None if q is None else round(AMOUNT_BASE**q * 100) for q in paid),
                *(
                    outcome.persons(scenario, measure, year=year, identity=code) / persons if incomes else None
                    for measure in (*(f"catastrophic_{c}" for c in CATASTROPHIC), "poorer")
                ),
            ))  # fmt: skip
    return Table("burden", "个人负担", "What is left to patients", (
        Column("年度", "year", "text"), Column("身份", "identity", "identity"), Column("人数", "persons", "count"),
        Column("住过院", "with a stay", "count"), Column("费用（万元）", "cost (10,000 yuan)", "wan"),
        Column("个人（万元）", "left to patients (10,000 yuan)", "wan"), Column("实际报销比例", "actual ratio", "share"),
        Column("政策范围内报销比例", "ratio within scope", "share"),
        *(Column(f"自负比例 P{q}", f"own share, P{q}", "share") for q in (50, 90, 99)),
        *(Column(f"年自负 P{q}（元）", f"own payment of the year, P{q} (yuan)", "fen") for q in (50, 90, 99)),
        *(Column(f"灾难性支出 {c}%", f"catastrophic, {c} %", "share") for c in CATASTROPHIC),
        Column("付费后人均收入不足一半", "below half the mean income after paying", "share"),
    ), tuple(rows), "自负比例和年自负只看当年住过院的人；灾难性支出按户计，占全年收入。",
       "Own shares and payments are of persons with a stay in the year; catastrophic spending is a household's, of its whole yearly income.")  # fmt: skip


def by_axis(outcome: Outcome, axis: str, scenario: int = 0) -> Table:
    """Inpatient bills by setting, county or decile: how many, what they cost, who paid."""
    zh, en = {
        "setting": ("住院地", "place of the stay"),
        "county": ("旗县区", "county"),
        "decile": ("收入十分位", "decile of income"),
    }[axis]
    called = {setting.key: setting.words for part in outcome.population.parts for setting in part.profile.settings}
    words: Sequence[Any] = {
        "setting": [called[key] for key in outcome.axes.settings], "county": outcome.axes.counties, "decile": range(1, 11),
    }[axis]  # fmt: skip
    layers = [name for name, paid in outcome.layers(scenario).items() if paid]
    columns: dict[str, Ints] = {
        m: outcome.bills(scenario, m, axis, care="inpatient") for m in (*BILL_MEASURES, *layers)
    }
    rows = []
    for k, word in enumerate(words):
        count, total = int(columns["bills"][k]), int(columns["total"][k])
        if not count:
            continue
        rows.append((
            word, count, count / int(columns["bills"].sum()), total // count, int(columns["days"][k]) / count,
            1 - int(columns["patient"][k]) / total, *(int(columns[layer][k]) for layer in layers),
        ))  # fmt: skip
    return Table(f"by_{axis}", f"住院，按{zh}", f"Stays by {en}", (
        Column(zh, en, "said" if axis == "setting" else "text"), Column("人次", "stays", "count"), Column("占比", "share", "share"),
        Column("次均费用（元）", "cost of a stay (yuan)", "fen"), Column("平均住院日", "days", "number"),
        Column("实际报销比例", "actual ratio", "share"), *(Column(f"{layer}（万元）", f"{layer} (10,000 yuan)", "wan") for layer in layers),
    ), tuple(rows))  # fmt: skip


def ceilings(outcome: Outcome) -> Table:
    """How many persons a layer's ceilings cut off, under each scenario."""
    rows = []
    for number, scenario in enumerate(outcome.scenarios):
        tally = outcome.tallies[number]
        names = [m for m in tally.measures[len(BILL_MEASURES) :] if "·" not in m]
        for y, year in enumerate(outcome.axes.years):
            for n, layer in enumerate(names):
                for i, code in enumerate(outcome.axes.identities):
                    if tally.limits[y, i, n]:
                        rows.append((scenario.name, year, layer, code, int(tally.limits[y, i, n])))
    return Table("ceilings", "碰到限额的人", "Persons whom ceilings cut off", (
        Column("方案", "scenario", "text"), Column("年度", "year", "text"), Column("层", "layer", "text"),
        Column("身份", "identity", "identity"), Column("人数", "persons", "count"),
    ), tuple(rows))  # fmt: skip


def fit_table(outcome: Outcome) -> Table:
    """The population beside the figures of its profile."""
    rows = tuple(((f.zh, f.en), f.target, f.reached, f.difference, f.source, f.is_stand_in) for f in fit(outcome))
    return Table("fit", "人口与画像", "Population and profile", (
        Column("数字", "figure", "said"), Column("目标", "target", "number"),
        Column("达到", "reached", "number"), Column("相差", "difference", "share"), Column("来源", "source", "text"),
        Column("是拟的", "stand-in", "flag"),
    ), rows)  # fmt: skip


def transition(outcome: Outcome, scenario: int = 0) -> Table:
    """Year beside year, what is left to those who held an identity at first, and of them to those who hold one in the year.

    The layers that pay anything in a year tell what stretch of a transition it lies in. People are the same in every year, the
    bills of each year are drawn anew.
    """
    tally, axes, rows = outcome.tallies[scenario], outcome.axes, []
    paying = {year: [name for name, paid in outcome.layers(scenario, year=year).items() if paid] for year in axes.years}
    for i, first in enumerate(axes.identities):
        for y, year in enumerate(axes.years):
            whole = tally.cohorts[y, i].sum(axis=0)
            held = [k for k in range(len(axes.identities)) if tally.cohorts[y, i, k, 0]]
            if not whole[0]:
                continue
            of = (
                [(None, whole)]
                if held == [i]
                else [(None, whole), *((axes.identities[k], tally.cohorts[y, i, k]) for k in held)]
            )
            for now, sums in of:
                persons, stays, total, patient, in_scope, left = (int(x) for x in sums)
                rows.append((
                    first, year, len(paying[year]), ALL_OF_THEM if now is None else (identity_words(now, "zh"), identity_words(now, "en")),
                    persons, stays, patient / total if total else None, left / in_scope if in_scope else None,
                    patient // persons,
                ))  # fmt: skip
    note = [f"{year}：{'、'.join(paying[year])}" for year in axes.years]
    return Table("transition", "各年过渡", "Transition by year", (
        Column("起初的身份", "identity at first", "identity"), Column("年度", "year", "text"),
        Column("付钱的层数", "layers that pay", "count"), Column("当年的身份", "identity in the year", "said"),
        Column("人数", "persons", "count"), Column("住过院", "with a stay", "count"),
        Column("自负比例", "own share", "share"), Column("政策范围内自负比例", "own share within scope", "share"),
        Column("人均自负（元）", "own payment, each (yuan)", "fen"),
    ), tuple(rows), f"各年是同一批人，账单各年另造。付钱的层：{'；'.join(note)}。",
       "The same people in every year; each year's bills are drawn anew.")  # fmt: skip


def changes_of_outlay(outcome: Outcome, scenario: int) -> Table:
    """What a reform costs: each layer and the patients, before, after, difference."""
    rows = []
    for year in outcome.axes.years:
        before, after = outcome.layers(0, year=year), outcome.layers(scenario, year=year)
        pairs = {layer: (before.get(layer, 0), after.get(layer, 0)) for layer in {**before, **after}}
        pairs["个人"] = (
            int(outcome.bills(0, "patient", year=year)),
            int(outcome.bills(scenario, "patient", year=year)),
        )
        rows += [(year, name, b, a, a - b, a / b - 1 if b else None) for name, (b, a) in pairs.items() if a or b]
    return Table("changes", "改前与改后", "Before and after", (
        Column("年度", "year", "text"), Column("层", "layer", "text"), Column("改前（万元）", "before (10,000 yuan)", "wan"),
        Column("改后（万元）", "after (10,000 yuan)", "wan"), Column("增减（万元）", "difference (10,000 yuan)", "wan"),
        Column("增减", "relative", "share"),
    ), tuple(rows))  # fmt: skip


def winners_and_losers(outcome: Outcome, scenario: int) -> Table:
    """Who pays less and who pays more after a reform, and by how much, by identity."""
    tally, rows = outcome.tallies[scenario], []
    for y, year in enumerate(outcome.axes.years):
        for i, code in enumerate(outcome.axes.identities):
            won, lost, gained, given = (int(x) for x in tally.gains[y, i].sum(axis=0))
            persons = int(outcome.persons(0, "persons", year=year, identity=code))
            if persons:
                rows.append(
                    (
                        year,
                        code,
                        persons,
                        won,
                        gained // won if won else None,
                        lost,
                        given // lost if lost else None,
                        gained - given,
                    )
                )
    return Table("winners", "谁少付、谁多付", "Who pays less, who more", (
        Column("年度", "year", "text"), Column("身份", "identity", "identity"), Column("人数", "persons", "count"),
        Column("少付的人", "pay less", "count"), Column("人均少付（元）", "less, each (yuan)", "fen"),
        Column("多付的人", "pay more", "count"), Column("人均多付（元）", "more, each (yuan)", "fen"),
        Column("合计少付（万元）", "less, in all (10,000 yuan)", "wan"),
    ), tuple(rows))  # fmt: skip


def cases(outcome: Outcome, scenario: int) -> Table:
    """The persons who win or lose most. A person is a number; `simulate --person` shows his or her bills."""
    tally = outcome.tallies[scenario]
    rows = tuple(
        (c.person, c.year, c.identity, c.total, c.before, c.after, c.gain) for c in (*tally.winners, *tally.losers)
    )
    return Table("cases", "变化最大的人", "The most striking cases", (
        Column("人", "person", "text"), Column("年度", "year", "text"), Column("身份", "identity", "identity"),
        Column("费用（元）", "cost (yuan)", "fen"), Column("改前自付（元）", "paid before (yuan)", "fen"),
        Column("改后自付（元）", "paid after (yuan)", "fen"), Column("少付（元）", "less (yuan)", "fen"),
    ), rows)  # fmt: skip


def by_area(found: Sequence[tuple[Sequence[str], float, Outcome]], scenario: int = 0) -> list[Table]:
    """Pooling areas beside each other and in all: (names, how many insured one drawn person stands for, outcome) of each.

    Amounts are of all the insured. One table has what is paid and left, the other what each layer pays.
    """
    rows, layers, sums = [], [], np.zeros(5)
    whole: dict[tuple[int, str], float] = {}
    for names, scale, outcome in found:
        total, patient, in_scope, left = (
            int(outcome.bills(scenario, m)) * scale for m in ("total", "patient", "in_scope", "patient_in_scope")
        )
        of = np.array([outcome.population.size * scale, total, patient, in_scope, left])
        sums += of
        rows.append(_of_area(names, outcome.population.size, of))
        for year in outcome.axes.years:
            for layer, paid in outcome.layers(scenario, year=year).items():
                if paid:
                    layers.append((names, year, layer, round(paid * scale)))
                    whole[year, layer] = whole.get((year, layer), 0.0) + paid * scale
    together = ("合计", "in all")
    rows.append(_of_area(together, sum(outcome.population.size for *_, outcome in found), sums))
    layers += [
        (together, year, layer, round(paid)) for (year, layer), paid in sorted(whole.items(), key=lambda x: x[0][0])
    ]
    return [
        Table("areas", "各统筹区", "Pooling areas", (
            Column("统筹区", "area", "said"), Column("参保人数", "insured", "count"), Column("造出的人", "persons drawn", "count"),
            Column("费用（万元）", "cost (10,000 yuan)", "wan"), Column("各资金支出（万元）", "paid by the funds (10,000 yuan)", "wan"),
            Column("个人（万元）", "left to patients (10,000 yuan)", "wan"), Column("自负比例", "own share", "share"),
            Column("政策范围内自负比例", "own share within scope", "share"),
        ), tuple(rows), "金额按参保人数放大，各年合计。", "Amounts are scaled to the insured, all years together."),
        Table("area_layers", "各统筹区各层支出", "Layers of each pooling area", (
            Column("统筹区", "area", "said"), Column("年度", "year", "text"), Column("层", "layer", "text"),
            Column("支出（万元）", "outlay (10,000 yuan)", "wan"),
        ), tuple(layers)),
    ]  # fmt: skip


def _of_area(names: Sequence[str], drawn: int, of: Any) -> tuple[Any, ...]:
    insured, total, patient, in_scope, left = (float(x) for x in of)
    return (
        tuple(names), round(insured), drawn, round(total), round(total) - round(patient), round(patient),
        patient / total if total else None, left / in_scope if in_scope else None,
    )  # fmt: skip


def tables(outcome: Outcome) -> list[Table]:
    """Every table of a run but its fit; those that compare, for each scenario after the first."""
    found = [
        outlay(outcome),
        burden(outcome),
        *(by_axis(outcome, axis) for axis in ("setting", "county", "decile")),
        ceilings(outcome),
    ]
    if len(outcome.axes.years) > 1:
        found.append(transition(outcome))
    for scenario in range(1, len(outcome.scenarios)):
        reports: list[Callable[[Outcome, int], Table]] = [changes_of_outlay, winners_and_losers, burden, cases]
        found += [report(outcome, scenario) for report in reports]
    return found
