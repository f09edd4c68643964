"""What a population came out as, beside what its profile asks for: target, reached, difference.

A population whose fit is not shown proves nothing. The targets are the figures of the profile; what was reached is counted
from a run over the whole population, not from a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from yizhan.simulation.profile import GROUPS, Profile
from yizhan.simulation.run import Outcome


@dataclass(frozen=True)
class Fit:
    """One figure: what the profile asks for, what the population reached, and whether the figure is a stand-in."""

    path: str
    zh: str
    en: str
    target: float
    reached: float
    unit: str
    source: str
    is_stand_in: bool

    @property
    def difference(self) -> float:
        """Relative to the target; the reached value itself where the target is nothing."""
        return self.reached / self.target - 1 if self.target else self.reached


def fit(outcome: Outcome, scenario: int = 0) -> list[Fit]:
    """The fit of the first year of a run over a population of one profile."""
    profile = outcome.population.parts[0].profile
    year = outcome.axes.years[0]
    poor = np.array([bool(code) for code in outcome.axes.identities])
    rows: list[Fit] = []

    def add(path: str, zh: str, en: str, reached: Any, unit: str, target: float | None = None) -> None:
        figure = profile.figures[path]
        value = float(figure.value) if target is None else target
        rows.append(
            Fit(path, zh, en, value, float(reached), unit, figure.source or figure.stand_in, figure.is_stand_in)
        )

    persons = outcome.persons(scenario, "persons", "identity", year=year)
    stays = outcome.bills(scenario, "bills", "identity", year=year, care="inpatient")
    cost = outcome.bills(scenario, "total", "identity", year=year, care="inpatient")
    days = outcome.bills(scenario, "days", "identity", year=year, care="inpatient")
    with_stays = outcome.persons(scenario, "with_stays", "identity", year=year)
    add(
        "persons.poor_share",
        "困难人员占参保",
        "poor, share of the insured",
        persons[poor].sum() / persons.sum(),
        "share",
    )
    moved = any(profile.year < t.year <= year for t in profile.transitions)
    for code, count in zip(outcome.axes.identities, persons, strict=True):
        if f"identities.{code}" in profile.figures and not moved:
            add(
                f"identities.{code}",
                f"困难人员中的 {code}",
                f"{code}, share of the poor",
                count / persons[poor].sum(),
                "share",
            )
    add("admissions.all", "住院率", "stays per insured", stays.sum() / persons.sum(), "share")
    add(
        "admissions.poor_stays_share",
        "困难人员占住院人次",
        "the poor's share of stays",
        stays[poor].sum() / stays.sum(),
        "share",
    )
    for group, which in zip(GROUPS, (~poor, poor), strict=True):
        zh, en = {"ordinary": ("普通人群", "others"), "poor": ("困难人员", "the poor")}[group]
        n = stays[which].sum()
        add(
            f"admissions.repeat_{group}",
            f"重复住院占比，{zh}",
            f"repeat stays, {en}",
            1 - with_stays[which].sum() / n,
            "share",
        )
        add(f"stays.cost_{group}", f"次均住院费用，{zh}", f"cost of a stay, {en}", cost[which].sum() / n, "fen")
        add(f"stays.days_{group}", f"平均住院日，{zh}", f"days of a stay, {en}", days[which].sum() / n, "days")
        rows += _settings(outcome, scenario, profile, year, which, group, zh, en)
    for care, stem, zh, en in (
        ("outpatient", "outpatient", "普通门诊人次", "outpatient visits"),
        ("chronic", "chronic", "门诊慢特病人次", "chronic visits"),
    ):
        visits = outcome.bills(scenario, "bills", year=year, care=care)
        add(f"{stem}.visits", f"{zh}，每参保人", f"{en} per insured", visits / persons.sum(), "visits")
        add(
            f"{stem}.cost",
            f"{zh}次均费用",
            f"cost of {en}",
            outcome.bills(scenario, "total", year=year, care=care) / visits,
            "fen",
        )
    return rows


def _settings(
    outcome: Outcome, scenario: int, profile: Profile, year: int, which: np.ndarray, group: str, zh: str, en: str
) -> list[Fit]:
    counted = outcome.bills(scenario, "bills", "setting", "identity", year=year, care="inpatient")[:, which].sum(axis=1)
    rows = []
    for setting in profile.settings:
        figure = profile.figures[f"settings.{setting.key}.{group}"]
        reached = counted[outcome.axes.settings.index(setting.key)] / counted.sum()
        rows.append(Fit(
            figure.path, f"住院地，{setting.words[0]}，{zh}", f"stays in {setting.words[1]}, {en}", setting.share[group], float(reached),
            "share", figure.source or figure.stand_in, figure.is_stand_in,
        ))  # fmt: skip
    return rows
