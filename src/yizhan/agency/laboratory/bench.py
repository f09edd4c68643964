"""Where a study is computed: its population, its two sets of rules, and what one step of the run finds.

A step settles a few buckets of people under both sets of rules; sums do not depend on how buckets are grouped, so that a
run goes on from any step. What stands here is kept between the steps of one run and made anew wherever it is missing.
Everything heavy is loaded inside the functions: a page is shown without the compiler.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from yizhan.agency.laboratory.errors import NoLaboratory
from yizhan.agency.laboratory.models import Study
from yizhan.errors import Problems
from yizhan.simulation.scenarios import Change, changed

if TYPE_CHECKING:
    from yizhan.simulation.cliffs import Search
    from yizhan.simulation.run import Outcome, Scenario

STEP = 2
"""Buckets that one step settles: some seconds, after which a run can be stopped."""

_NEEDED = ("numba", "numpy", "pyarrow")


def available() -> bool:
    """Whether this installation can compute studies."""
    return all(find_spec(name) for name in _NEEDED)


def demand_laboratory() -> None:
    """Raises Problems: NoLaboratory."""
    if not available():
        raise Problems([NoLaboratory()])


def changes_of(study: Study) -> list[Change]:
    """The changes of figures as the laboratory takes them."""
    return [Change(c["file"], c["line"], c["column"], c["old"], c["new"]) for c in study.changes]


class Bench:
    """A study, ready to be computed; on record in `folder`, as `records.export` wrote it.

    Raises Problems: changes that do not fit the documents, no policies.
    """

    def __init__(self, study: Study, folder: Path | None = None) -> None:
        from yizhan.simulation import forecast
        from yizhan.simulation.behaviour import Behaviour, respond
        from yizhan.simulation.population import Growth, Part, Population
        from yizhan.simulation.profile import load
        from yizhan.simulation.recorded import Recorded
        from yizhan.simulation.run import PRESENT, Scenario, Task, Worker, axes_of

        self.study = study
        self.population = (
            Population((Part(load(study.profile), study.persons),), study.seed) if folder is None
            else Recorded.open(folder, study.years[0])
        )  # fmt: skip
        self.profile = self.population.parts[0].profile
        self.folder = TemporaryDirectory(prefix="yizhan-study-")
        self.reform: Path | None = None
        scenarios: tuple[Scenario, ...] = (PRESENT,)
        if study.changes:
            self.reform = changed(None, changes_of(study), Path(self.folder.name) / "policies")
            scenarios = (PRESENT, Scenario("改革方案", "reform", self.reform))
        cost, stays = 1 + float(study.growth_cost) / 100, 1 + float(study.growth_stays) / 100
        growth = forecast.path(Growth(stays, stays, cost), len(study.years))
        if study.behaves:
            how = Behaviour(float(study.elasticity), float(study.nearer) / 100)
            scenarios = respond(self.population, scenarios, how, study.years, growth)
        self.task = Task(self.population, scenarios, axes_of(self.population, study.years), growth)
        self.worker = Worker(self.task)

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """The present rules, and the reform if there is one."""
        return self.task.scenarios

    @property
    def chunks(self) -> list[range]:
        """The buckets of each step."""
        buckets = self.population.buckets
        return [range(k, min(k + STEP, buckets)) for k in range(0, buckets, STEP)]

    def settle(self, step: int) -> bytes:
        """What one step finds, as bytes."""
        from yizhan.simulation.tallies import written

        return written(self.worker.settle(self.chunks[step]))

    def search(self, scenario: int) -> Search:
        """Where the cliffs of one set of rules are looked for, in the first year."""
        from yizhan.simulation.cliffs import Search

        return Search(self.population, self.scenarios[scenario], self.study.years[0], self.study.years)

    def outcome(self, parts: Iterable[bytes]) -> Outcome:
        """All steps together."""
        from yizhan.simulation.run import Outcome
        from yizhan.simulation.tallies import merged, read

        tallies = merged(read(part) for part in parts)
        return Outcome(self.population, self.scenarios, self.task.axes, tallies)

    def close(self) -> None:
        """Remove the changed documents."""
        self.folder.cleanup()


_AT_HAND: dict[int, Bench] = {}
"""The bench of the run that this process works at: one."""


def bench_of(study: Study) -> Bench:
    """The bench of a study, made if it is not at hand. Raises Problems."""
    demand_laboratory()
    if study.pk not in _AT_HAND:
        clear()
        _AT_HAND[study.pk] = Bench(study)
    return _AT_HAND[study.pk]


def clear() -> None:
    """Put away what is at hand."""
    while _AT_HAND:
        _AT_HAND.popitem()[1].close()
