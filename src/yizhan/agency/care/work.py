"""Long work on bills: settling a file of past bills, computing and carrying out batches that settle bills anew."""

from __future__ import annotations

from django.urls import reverse

from yizhan.agency.care import resettling
from yizhan.agency.care.actions import settle_bill
from yizhan.agency.care.models import Resettlement
from yizhan.agency.jobs.models import Run
from yizhan.agency.jobs.work import Work, work
from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, System
from yizhan.errors import Problem, Problems


@work("care.import", right=Right.SETTLEMENT_IMPORT)
class ImportBills(Work):
    """`run.about["bills"]`: [{person, institution, claim}] with ids. A bill that is refused does not stop the others."""

    def total(self, run: Run) -> int:
        """One step a bill."""
        run.result = {"settled": 0, "refused": []}
        return len(run.about["bills"])

    def step(self, run: Run, position: int) -> None:
        """Settle one bill, or note why not."""
        bill = run.about["bills"][position]
        acting_user: Actor = run.officer or System(run.kind, run.area_path)
        try:
            settle_bill(
                Person.objects.get(pk=bill["person"]),
                institution=Institution.objects.get(pk=bill["institution"]),
                claim=bill["claim"],
                acting_user=acting_user,
            )
            run.result["settled"] += 1
        except Problems as refused:
            self._note(run, bill, list(refused.problems))
        except Problem as refused:
            self._note(run, bill, [refused])

    def _note(self, run: Run, bill: dict[str, object], problems: list[Problem]) -> None:
        claim = bill["claim"]
        number = claim.get("claim", "") if isinstance(claim, dict) else ""
        run.result["refused"].append({"claim": number, "problems": [p.as_dict() for p in problems]})
        run.problems = [
            {**p, "zh": f"{r['claim']}：{p['zh']}", "en": f"{r['claim']}: {p['en']}"}
            for r in run.result["refused"]
            for p in r["problems"]
        ][:200]

    def finish(self, run: Run) -> None:
        """Lead on to the list."""
        run.result["next"] = "/care/"


class _BatchWork(Work):
    """One step a person: a killed worker goes on with the person it was at, and nobody is done twice."""

    def _batch(self, run: Run) -> Resettlement:
        return Resettlement.objects.select_for_update(of=("self",)).get(pk=run.about["batch"])

    def _actor(self, run: Run) -> Actor:
        return run.officer or System(run.kind, run.area_path)


@work("care.resettle", right=Right.SETTLEMENT_RESETTLE)
class Compute(_BatchWork):
    """Computes what the bills of a batch would come to. Writes lines, no settlement."""

    def total(self, run: Run) -> int:
        """Notes whose bills were selected when the work began."""
        batch = self._batch(run)
        # With the batch, because what a run remembers is written again at every step.
        batch.asked = [[person, bills] for person, bills in resettling.persons_of(batch.selection).items()]
        batch.save(update_fields=["asked"])
        return len(batch.asked)

    def step(self, run: Run, position: int) -> None:
        """One person."""
        batch = self._batch(run)
        person, bills = batch.asked[position]
        resettling.compute_person(batch, person, bills, acting_user=self._actor(run))

    def finish(self, run: Run) -> None:
        """The batch waits for its reviewer."""
        batch = self._batch(run)
        resettling.computed(batch)
        run.result = {"next": reverse("care:resettlement", args=[batch.pk])}

    def given_up(self, run: Run) -> None:
        """The batch is withdrawn."""
        resettling.give_up(self._batch(run))


@work("care.resettle_carry", right=Right.SETTLEMENT_APPROVE)
class CarryOut(_BatchWork):
    """Settles anew what was approved. Given up, the rest stays open until a reviewer goes on with it."""

    def total(self, run: Run) -> int:
        """One step a person with an open line."""
        return self._batch(run).lines.filter(state="open").values("person_id").distinct().count()

    def step(self, run: Run, position: int) -> None:
        """The next person; afterwards no line of that person is open."""
        batch = self._batch(run)
        if (line := batch.lines.filter(state="open").order_by("person_id").first()) is not None:
            resettling.carry_person(batch, line.person_id, acting_user=self._actor(run))

    def finish(self, run: Run) -> None:
        """Back to the batch."""
        batch = self._batch(run)
        told = resettling.carried_out(batch)
        run.result = {"next": reverse("care:resettlement", args=[batch.pk]), **told}
