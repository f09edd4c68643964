"""The long work of rosters: reading and comparing a file, applying it, taking it back. Each step is one transaction."""

from __future__ import annotations

from base64 import b64decode

from django.db import connection
from django.urls import reverse
from django.utils import timezone

from yizhan.agency import crypto
from yizhan.agency.jobs.models import Run
from yizhan.agency.jobs.work import Work, work
from yizhan.agency.rosters import applying, columns, comparing, gaps, reading
from yizhan.agency.rosters.models import FILE_PURPOSE, Roster, RosterColumns, RosterFile
from yizhan.agency.spreadsheets import read_table
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import System, acting


def locked_roster(run: Run) -> Roster:
    """The roster that a run is about; for the rest of the step, statements are planned for whole lists.

    Row security and figures that lag behind an import make PostgreSQL expect one row where there are a hundred thousand,
    and join them one by one: minutes instead of a second.
    """
    with connection.cursor() as cursor:
        cursor.execute("set local enable_nestloop = off; set local jit = off")
    return Roster.objects.select_for_update().get(pk=run.about["roster"])


@work("roster.compare", right=Right.ROSTER_UPLOAD)
class Compare(Work):
    """Reads the file, then compares its rows. About: roster; `again` leaves the reading out.

    Whoever uploads sees one department; rosters of others must be seen to find conflicts, so the comparison itself runs
    for the area.
    """

    STEPS = ("_read", "_match", "_missing", "_candidates")

    def total(self, run: Run) -> int:
        return len(self.STEPS) - (1 if run.about.get("again") else 0)

    def step(self, run: Run, position: int) -> None:
        roster = locked_roster(run)
        name = self.STEPS[position + (1 if run.about.get("again") else 0)]
        with acting(System("roster.compare", roster.area_path)):
            getattr(self, name)(run, roster)

    def _read(self, run: Run, roster: Roster) -> None:
        stored = RosterFile.objects.get(roster=roster)
        table = read_table(
            b64decode(crypto.unseal(stored.sealed, purpose=FILE_PURPOSE, row=str(roster.pk))), roster.file_name
        )
        roster.columns, roster.rows = reading.heads(table), len(table.rows)
        if not roster.mapping:
            roster.mapping = self._mapping(roster)
        if not roster.mapping:
            roster.state = "mapping"
            run.total = 1
            run.result["next"] = reverse("rosters:mapping", args=[roster.pk])
        else:
            reading.load_rows(roster, table, today=timezone.localdate())
        roster.save(update_fields=["columns", "rows", "mapping", "state"])

    def _mapping(self, roster: Roster) -> dict[str, str]:
        """The mapping that was confirmed for this header, or one that is certain; {} if somebody has to say."""
        known = RosterColumns.objects.filter(
            area_path=roster.area_path, department=roster.department, signature=columns.signature(roster.columns)
        ).first()
        if known:
            mapping = {field: column for field, column in known.mapping.items() if column in roster.columns}
            if all(field in mapping for field in columns.required(roster.kind, roster.identities)):
                return mapping
        guessed = columns.guess(roster.columns)
        return guessed if columns.sure(roster.columns, guessed, roster.kind, roster.identities) else {}

    def _match(self, run: Run, roster: Roster) -> None:
        comparing.match_rejected(roster)
        comparing.match_rows(roster)

    def _missing(self, run: Run, roster: Roster) -> None:
        comparing.find_missing(roster)

    def _candidates(self, run: Run, roster: Roster) -> None:
        comparing.find_candidates(roster)

    def finish(self, run: Run) -> None:
        roster = locked_roster(run)
        if roster.state != "reading":
            return
        roster.counts, roster.compared_at, roster.state = comparing.count_states(roster), timezone.now(), "open"
        roster.save(update_fields=["counts", "compared_at", "state"])
        run.result |= {"counts": roster.counts, "next": reverse("rosters:roster", args=[roster.pk])}
        record("roster.compared", roster, counts=roster.counts, acting_user=System("roster.compare", roster.area_path))

    def given_up(self, run: Run) -> None:
        Roster.objects.filter(pk=run.about["roster"], state="reading").update(state="unreadable", problems=run.problems)


@work("roster.apply", right=Right.ROSTER_REVIEW)
class Apply(Work):
    """Applies a roster: one step, so that it is all or nothing. About: roster."""

    def total(self, run: Run) -> int:
        return 1

    def step(self, run: Run, position: int) -> None:
        roster = locked_roster(run)
        if roster.state != "applying":
            return
        actor = run.officer or System("roster.apply", roster.area_path)
        outcome = applying.apply_rows(roster, today=timezone.localdate(), acting_user=actor)
        if outcome.stale:
            roster.state, roster.decided_by, roster.decided_at = "open", None, None
            roster.counts = comparing.count_states(roster)
            record("roster.gone_back", roster, stale=outcome.stale, acting_user=actor)
        else:
            roster.state, roster.applied_at = "applied", timezone.now()
            record(
                "roster.applied", roster, registered=outcome.registered, recorded=outcome.recorded, withdrawn=outcome.withdrawn,
                past=outcome.past, acting_user=actor,
            )  # fmt: skip
        roster.save(update_fields=["state", "decided_by", "decided_at", "counts", "applied_at"])
        run.result |= {
            "stale": outcome.stale, "registered": outcome.registered, "recorded": outcome.recorded, "withdrawn": outcome.withdrawn,
            "past": outcome.past, "next": reverse("rosters:roster", args=[roster.pk]),
        }  # fmt: skip

    def given_up(self, run: Run) -> None:
        Roster.objects.filter(pk=run.about["roster"], state="applying").update(
            state="review", decided_by=None, decided_at=None
        )


@work("roster.withdraw", right=Right.ROSTER_WITHDRAW)
class Withdraw(Work):
    """Takes an applied roster back: one step. About: roster."""

    def total(self, run: Run) -> int:
        return 1

    def step(self, run: Run, position: int) -> None:
        roster = locked_roster(run)
        if roster.state != "withdrawing":
            return
        actor = run.officer or System("roster.withdraw", roster.area_path)
        outcome = applying.take_back(roster, today=timezone.localdate(), acting_user=actor)
        roster.state, roster.withdrawn_at = "withdrawn", timezone.now()
        roster.save(update_fields=["state", "withdrawn_at"])
        record(
            "roster.withdrawn",
            roster,
            withdrawn=outcome.withdrawn,
            recorded=outcome.recorded,
            past=outcome.past,
            acting_user=actor,
        )
        run.result |= {
            "withdrawn": outcome.withdrawn,
            "recorded": outcome.recorded,
            "next": reverse("rosters:roster", args=[roster.pk]),
        }

    def given_up(self, run: Run) -> None:
        Roster.objects.filter(pk=run.about["roster"], state="withdrawing").update(
            state="applied", withdrawn_by=None, withdrawn_why="", problems=run.problems
        )


@work("gaps.census", right=Right.GAP_WORK)
class Census(Work):
    """Looks for gaps: one kind a step."""

    def total(self, run: Run) -> int:
        return len(gaps.GAPS)

    def step(self, run: Run, position: int) -> None:
        code = list(gaps.GAPS)[position]
        area_path = str(run.about["area_path"])
        with acting(System("gaps.census", area_path)):
            run.result[code] = gaps.census(code, area_path=area_path, today=timezone.localdate())

    def finish(self, run: Run) -> None:
        run.result["next"] = reverse("rosters:gaps")
