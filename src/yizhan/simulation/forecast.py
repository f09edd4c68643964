"""Income and outlay of the basic fund by month and year, and when it runs dry; budgets of the other funds.

    growth = path(Growth(stays=1.03, cost=1.06), years=3)
    outcome = run(population, [PRESENT], (2018, 2019, 2020), growth=growth)
    forecast(outcome, Funding.of(profile), ...)

Outlay is what the rules pay for the drawn bills, month by month, scaled to the insured of the profile where fewer were
drawn. Income is funding per head times the insured, by the months in which it comes in. Nothing else is guessed: growth is
what the caller says it is.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yizhan.engine.money import parse_yuan
from yizhan.errors import Problems
from yizhan.simulation.errors import ActualsUnreadable
from yizhan.simulation.population import Growth
from yizhan.simulation.profile import Profile
from yizhan.simulation.reports import spread
from yizhan.simulation.run import Outcome
from yizhan.simulation.tables import Column, Table

BASIC = "基本医保"
"""The layer that the basic fund pays."""

SURE = 1.96
"""Standard errors on either side of the middle within which 95 of 100 outcomes lie."""


@dataclass(frozen=True)
class Funding:
    """What comes into the basic fund: fen per head in the first year, its growth, shares of the months, what was carried in."""

    per_head: int
    carried: int
    months: tuple[float, ...]
    growth: float = 1.0
    insured_growth: float = 1.0

    @classmethod
    def of(cls, profile: Profile, growth: float = 1.0, insured_growth: float = 1.0) -> Funding:
        """As the profile has it."""
        return cls(
            profile["funding.per_head"],
            profile["funding.carried"],
            tuple(profile["funding.months"]),
            growth,
            insured_growth,
        )


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the basic fund, in fen. `reserve` is how many months of the last year's mean outlay the balance covers."""

    year: int
    month: int
    income: int
    outlay: int
    balance: int
    reserve: float


@dataclass(frozen=True)
class Forecast:
    """The months in order, the first in which the fund is empty (None if it never is), and each year's error of outlay."""

    months: tuple[Month, ...]
    dry: tuple[int, int] | None
    errors: Mapping[int, float | None]


def path(growth: Growth, years: int) -> tuple[Growth, ...]:
    """The growth of each year beside the first: none, once, twice …"""
    return tuple(Growth(growth.stays**k, growth.visits**k, growth.cost**k) for k in range(years))


def scale_of(outcome: Outcome) -> float:
    """How many insured of the profile one drawn person stands for."""
    return float(outcome.population.parts[0].profile["persons.insured"]) / outcome.population.size


def forecast(outcome: Outcome, funding: Funding, scenario: int = 0) -> Forecast:
    """The basic fund month by month under one scenario of a run."""
    tally, scale = outcome.tallies[scenario], scale_of(outcome)
    measure = tally.measures.index(BASIC)
    outlays = tally.months[..., measure].sum(axis=2) * scale
    insured = int(outcome.population.parts[0].profile["persons.insured"])
    balance, dry, months = funding.carried, None, []
    for y, year in enumerate(outcome.axes.years):
        outlay_of_year = outlays[y] * funding.insured_growth**y
        mean = float(outlay_of_year.mean())
        income_of_year = funding.per_head * funding.growth**y * insured * funding.insured_growth**y
        for month in range(12):
            income, outlay = round(income_of_year * funding.months[month]), round(outlay_of_year[month])
            balance += income - outlay
            dry = (year, month + 1) if dry is None and balance < 0 else dry
            months.append(Month(year, month + 1, income, outlay, balance, balance / mean if mean else 0.0))
    errors = {}
    for year in outcome.axes.years:
        error = spread(outcome, scenario, BASIC, year)
        errors[year] = None if error is None else error * scale
    return Forecast(tuple(months), dry, errors)


def months_table(found: Forecast) -> Table:
    """The fund by month."""
    return Table("fund", "基本医保基金，逐月", "The basic fund by month", (
        Column("年度", "year", "text"), Column("月", "month", "text"), Column("收入（万元）", "income (10,000 yuan)", "wan"),
        Column("支出（万元）", "outlay (10,000 yuan)", "wan"), Column("结余（万元）", "balance (10,000 yuan)", "wan"),
        Column("可支付月数", "months of reserve", "number"),
    ), tuple((m.year, m.month, m.income, m.outlay, m.balance, m.reserve) for m in found.months))  # fmt: skip


def years_table(found: Forecast) -> Table:
    """The fund by year, with the range in which outlay lies in 95 of 100 draws."""
    rows = []
    for year in dict.fromkeys(m.year for m in found.months):
        of = [m for m in found.months if m.year == year]
        income, outlay, error = sum(m.income for m in of), sum(m.outlay for m in of), found.errors[year]
        low, high = (None, None) if error is None else (outlay - SURE * error, outlay + SURE * error)
        rows.append((year, income, outlay, low, high, income - outlay, of[-1].balance, of[-1].reserve))
    dry_zh = f"第一次用完：{found.dry[0]}年{found.dry[1]}月。" if found.dry else "预测期内没有用完。"
    dry_en = f"First empty in {found.dry[0]}-{found.dry[1]:02d}." if found.dry else "Never empty in the years forecast."
    return Table("fund_years", "基本医保基金，逐年", "The basic fund by year", (
        Column("年度", "year", "text"), Column("收入（万元）", "income (10,000 yuan)", "wan"),
        Column("支出（万元）", "outlay (10,000 yuan)", "wan"), Column("支出下限", "outlay, low", "wan"), Column("支出上限", "outlay, high", "wan"),
        Column("当年结余（万元）", "of the year (10,000 yuan)", "wan"), Column("累计结余（万元）", "carried on (10,000 yuan)", "wan"),
        Column("可支付月数", "months of reserve", "number"),
    ), tuple(rows), dry_zh, dry_en)  # fmt: skip


def budget(outcome: Outcome, scenario: int = 0) -> Table:
    """What each fund needs in each county and year: its outlay for the county's people. Counties' sums are the city's."""
    tally, scale, rows = outcome.tallies[scenario], scale_of(outcome), []
    layers = [name for name, paid in outcome.layers(scenario).items() if paid]
    for y, year in enumerate(outcome.axes.years):
        by_county = {layer: tally.months[y, ..., tally.measures.index(layer)].sum(axis=0) * scale for layer in layers}
        for c, county in enumerate(outcome.axes.counties):
            rows.append((year, county, *(round(by_county[layer][c]) for layer in layers)))
        rows.append((year, "合计", *(round(by_county[layer].sum()) for layer in layers)))
    return Table("budget", "各资金预算建议，按参保地", "Budget of each fund by county", (
        Column("年度", "year", "text"), Column("旗县区", "county", "text"),
        *(Column(f"{layer}（万元）", f"{layer} (10,000 yuan)", "wan") for layer in layers),
    ), tuple(rows))  # fmt: skip


# --- What then happened ------------------------------------------------------------------------------------------------------

Actuals = Mapping[tuple[int, int], int]
"""(year, month) → fen that the basic fund paid."""


def read_actuals(file: Path) -> Actuals:
    """A CSV file with the columns year, month, outlay (yuan). Raises Problems: ActualsUnreadable, all mistakes at once."""
    problems, found = [], {}
    with file.open(encoding="utf-8-sig", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), 2):
            try:
                month = int(row["month"])
                if not 1 <= month <= 12:
                    raise ValueError(row["month"])
                found[int(row["year"]), month] = parse_yuan(row["outlay"])
            except (KeyError, TypeError, ValueError, Problems) as error:
                problems.append(ActualsUnreadable(at=f"{file.name}:{number}", why=str(error)))
    if problems or not found:
        raise Problems(problems or [ActualsUnreadable(at=file.name, why="空 empty")])
    return found


def against(found: Forecast, actuals: Actuals) -> Table:
    """The forecast beside what then happened, for the months that are known; the last row is their sum."""
    rows = [
        (m.year, m.month, m.outlay, actuals[m.year, m.month], m.outlay - actuals[m.year, m.month], m.outlay / actuals[m.year, m.month] - 1)
        for m in found.months if actuals.get((m.year, m.month))
    ]  # fmt: skip
    sums: Sequence[int] = np.array([[r[2], r[3]] for r in rows]).sum(axis=0).tolist() if rows else (0, 0)
    total = [("合计", "", sums[0], sums[1], sums[0] - sums[1], sums[0] / sums[1] - 1)] if rows else []
    return Table("against", "预测与实际", "Forecast and fact", (
        Column("年度", "year", "text"), Column("月", "month", "text"), Column("预测（万元）", "forecast (10,000 yuan)", "wan"),
        Column("实际（万元）", "fact (10,000 yuan)", "wan"), Column("相差（万元）", "difference (10,000 yuan)", "wan"),
        Column("相差", "relative", "share"),
    ), (*rows, *total))  # fmt: skip
