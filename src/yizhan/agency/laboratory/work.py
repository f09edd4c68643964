"""The long work of the laboratory: a study, a few buckets of people at a time, then its cliffs, then what it comes to."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from django.urls import reverse

from yizhan.agency.jobs.models import Run
from yizhan.agency.jobs.work import Work, work
from yizhan.agency.laboratory import bench, findings
from yizhan.agency.laboratory.models import Part, Result, Study
from yizhan.agency.laboratory.records import export
from yizhan.agency.staff.rights import Right
from yizhan.simulation.tables import Table, as_data


class _Asked(Exception):
    """Somebody asked the run to stop while it looked for cliffs."""


@work("laboratory.study", right=Right.LABORATORY_RUN)
class Compute(Work):
    """Settles the people of a study bucket by bucket, then looks for the cliffs of each set of rules."""

    def total(self, run: Run) -> int:
        """Steps of settling, and one for the cliffs of each set of rules."""
        at_hand = bench.bench_of(self._study(run))
        return len(at_hand.chunks) + len(at_hand.scenarios)

    def step(self, run: Run, position: int) -> None:
        """Some buckets, or the cliffs of one set of rules."""
        study = self._study(run)
        at_hand = bench.bench_of(study)
        number = position - len(at_hand.chunks)
        if number < 0:
            found = at_hand.settle(position)
        else:
            try:
                search = at_hand.search(number)
                cliffs = search.cliffs(progress=lambda done, of: _stop_if_asked(run))
            except _Asked:
                return  # the worker ends the run before the next step
            found = json.dumps(findings.cliffs(at_hand, number, search, cliffs), ensure_ascii=False).encode()
        Part.objects.create(study=study, position=position, found=found)

    def finish(self, run: Run) -> None:
        """Add up, settle the bills of a few persons, keep the result."""
        study = self._study(run)
        at_hand = bench.bench_of(study)
        parts = [bytes(part.found) for part in study.parts.order_by("position")]
        settled, searched = parts[: len(at_hand.chunks)], [json.loads(part) for part in parts[len(at_hand.chunks) :]]
        outcome = at_hand.outcome(settled)
        Result.objects.create(
            study=study, about=findings.about(at_hand, outcome),
            tables=findings.tables(at_hand, outcome, [found["table"] for found in searched]),
            cases=findings.cases(at_hand, outcome), cliffs=[cliff for found in searched for cliff in found["kept"]],
            cells=findings.cells(outcome),
        )  # fmt: skip
        self._end(study, "done")
        run.result = {"next": reverse("laboratory:study", args=[study.pk])}

    def given_up(self, run: Run) -> None:
        """The study has no result."""
        self._end(self._study(run), "stopped")

    def _study(self, run: Run) -> Study:
        return Study.objects.get(pk=run.about["study"])

    def _end(self, study: Study, state: str) -> None:
        study.parts.all().delete()
        study.state = state
        study.save(update_fields=["state"])
        bench.clear()


@work("laboratory.records", right=Right.LABORATORY_RECORDS)
class ComputeOnRecord(Compute):
    """One step: the records are written, settled and removed again, so that nothing of them lies about between two steps."""

    def total(self, run: Run) -> int:
        """One."""
        return 1

    def step(self, run: Run, position: int) -> None:
        """All of it; on record is only what a bureau's own tables may show, sums and counts."""
        study = self._study(run)
        bench.demand_laboratory()
        assert run.officer is not None
        with TemporaryDirectory(prefix="yizhan-records-") as place:
            folder = Path(place) / "records"
            export(folder, study.area_code, study.years[0], acting_user=run.officer)
            at_hand = bench.Bench(study, folder)
            try:
                outcome = at_hand.outcome([at_hand.settle(k) for k in range(len(at_hand.chunks))])
                searched = [as_data(_cliffs_of(at_hand, n)) for n in range(len(at_hand.scenarios))]
                Result.objects.create(
                    study=study, about=findings.about(at_hand, outcome), tables=findings.tables(at_hand, outcome, searched),
                    cases=[], cliffs=[], cells=b"",
                )  # fmt: skip
            finally:
                at_hand.close()

    def finish(self, run: Run) -> None:
        """The result is there already."""
        study = self._study(run)
        self._end(study, "done")
        run.result = {"next": reverse("laboratory:study", args=[study.pk])}


def _cliffs_of(at_hand: bench.Bench, number: int) -> Table:
    """The cliffs under one set of rules as a table."""
    from yizhan.simulation.cliffs import cliffs_table

    return cliffs_table(at_hand.search(number).cliffs())


def _stop_if_asked(run: Run) -> None:
    if Run.objects.filter(pk=run.pk, cancel_asked=True).exists():
        raise _Asked
