"""A run beside what the documents say happened: what fits, what does not, and by how much.

The figures stand in the profile under `[validation]`, each with its source and what it is compared with. They were not used
to draw the population, so they can fail.
"""

from __future__ import annotations

from yizhan.simulation.forecast import scale_of
from yizhan.simulation.run import Outcome
from yizhan.simulation.tables import Column, Table


def validation(outcome: Outcome, scenario: int = 0) -> Table:
    """Each figure of the profile's `[validation]`, what the run came to for the whole area, and the difference."""
    profile = outcome.population.parts[0].profile
    scale = scale_of(outcome)
    year = outcome.axes.years[0]
    rows = []
    for path, figure in profile.figures.items():
        if not path.startswith("validation."):
            continue
        reached = round(_measured(outcome, scenario, year, figure.more["measure"], scale))
        rows.append((
            (figure.more["zh"], figure.more["en"]), figure.value, reached, reached / figure.value - 1, figure.source,
        ))  # fmt: skip
    return Table("validation", "与文件所载相比", "Beside what the documents say", (
        Column("数字", "figure", "said"), Column("文件（万元）", "document (10,000 yuan)", "wan"),
        Column("实验室（万元）", "laboratory (10,000 yuan)", "wan"), Column("相差", "difference", "share"),
        Column("来源", "source", "text"),
    ), tuple(rows))  # fmt: skip


def _measured(outcome: Outcome, scenario: int, year: int, measure: str, scale: float) -> float:
    """`income`, or `LAYER、LAYER·part·identity、identity` summed over the year."""
    profile = outcome.population.parts[0].profile
    if measure == "income":
        return float(profile["funding.per_head"] * profile["persons.insured"])
    layers, part, identities = ([*measure.split("·"), "", ""])[:3]
    found = 0
    for layer in layers.split("、"):
        name = f"{layer}·{part}" if part else layer
        if name not in outcome.tallies[scenario].measures:
            continue
        by_identity = outcome.bills(scenario, name, "identity", year=year)
        wanted = identities.split("、") if identities else outcome.axes.identities
        found += sum(int(by_identity[outcome.axes.identities.index(code)]) for code in wanted)
    return found * scale
