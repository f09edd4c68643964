"""The long work of enrolment: subsidies, lists for the tax office, tables that came in."""

from __future__ import annotations

from django.urls import reverse

from yizhan.agency.enrolment import gaps
from yizhan.agency.enrolment.actions import files, receipts, subsidies, tax
from yizhan.agency.enrolment.models import ListFile, SubsidyBatch, TaxList
from yizhan.agency.enrolment.years import year_at
from yizhan.agency.jobs.models import Run
from yizhan.agency.jobs.work import Work, work
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, System

gaps.register()


def _actor(run: Run) -> Actor:
    return run.officer or System(run.kind, run.area_path)


@work("enrolment.subsidies", right=Right.SUBSIDY_PROPOSE)
class Subsidies(Work):
    """Computes the lines of a batch, `STEP` people at a time, in the order of their numbers."""

    def total(self, run: Run) -> int:
        """Notes where each step begins."""
        batch = self._batch(run)
        ids = subsidies.candidates(batch, year_at(batch.area_path, batch.year))
        run.result = {"steps": [ids[at : at + subsidies.STEP] for at in range(0, len(ids), subsidies.STEP)]}
        return len(run.result["steps"])

    def step(self, run: Run, position: int) -> None:
        """Some people."""
        subsidies.compute(self._batch(run), run.result["steps"][position], acting_user=_actor(run))

    def finish(self, run: Run) -> None:
        """The batch waits for approval."""
        batch = self._batch(run)
        subsidies.computed(batch)
        run.result = {"next": reverse("enrolment:batch", args=[batch.pk]), **batch.counts}

    def given_up(self, run: Run) -> None:
        """The batch is void."""
        subsidies.give_up(self._batch(run))

    def _batch(self, run: Run) -> SubsidyBatch:
        return SubsidyBatch.objects.select_for_update(of=("self",)).get(pk=run.about["batch"])


@work("enrolment.tax_list", right=Right.TAX_EXCHANGE)
class MakeTaxList(Work):
    """Collects the rows of a list and computes its digest; all in one step, because a list is one statement of truth."""

    def total(self, run: Run) -> int:
        """One."""
        return 1

    def step(self, run: Run, position: int) -> None:
        """All rows."""
        tax.fill(TaxList.objects.get(pk=run.about["list"]))

    def finish(self, run: Run) -> None:
        """Back to the list."""
        run.result = {"next": reverse("enrolment:tax_list", args=[run.about["list"]])}


class _FileWork(Work):
    """A table that came in, a few hundred rows at a time."""

    def total(self, run: Run) -> int:
        """One step for `STEP` rows."""
        return -(-ListFile.objects.get(pk=run.about["file"]).rows // files.STEP)

    def finish(self, run: Run) -> None:
        """To the rows and what became of them."""
        run.result = {"next": reverse("enrolment:file", args=[run.about["file"]])}


@work("enrolment.residents", right=Right.ENROLMENT_EDIT)
class Residents(_FileWork):
    """Enrols the people of a list."""

    def step(self, run: Run, position: int) -> None:
        """Some rows."""
        files.enrol_rows(ListFile.objects.get(pk=run.about["file"]), position, acting_user=_actor(run))


@work("enrolment.employees", right=Right.ENROLMENT_EDIT)
class Employees(_FileWork):
    """Notes who is insured as an employee, and opens cases where a resident is."""

    def step(self, run: Run, position: int) -> None:
        """Some rows."""
        files.note_employees(ListFile.objects.get(pk=run.about["file"]), position, acting_user=_actor(run))


@work("enrolment.receipts", right=Right.TAX_EXCHANGE)
class Receipts(_FileWork):
    """Counts the payments that the tax office confirmed."""

    def step(self, run: Run, position: int) -> None:
        """Some rows."""
        receipts.count_rows(ListFile.objects.get(pk=run.about["file"]), position, acting_user=_actor(run))
