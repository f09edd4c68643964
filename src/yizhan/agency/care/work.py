"""Long work on bills: settling a file of past bills, one after another."""

from __future__ import annotations

from yizhan.agency.care.actions import settle_bill
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
