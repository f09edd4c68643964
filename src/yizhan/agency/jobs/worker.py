"""Who does the work: a loop that takes an unfinished run and does one step of it after another.

Nothing is leased and no heart beats. A step holds a transaction's advisory lock on its run; a killed worker's connection
closes, PostgreSQL lets go of the lock, and the next worker goes on at the step that was not committed (docs/adr/0009).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.db import OperationalError, connection
from django.utils import timezone

from yizhan.agency.jobs.errors import Broken, StarterGone
from yizhan.agency.jobs.models import UNFINISHED, Run
from yizhan.agency.jobs.work import Work, work_of
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.scope import Actor, System, acting
from yizhan.errors import Problem, Problems

_WORKER = System("worker")
_LOCKS = 7_201
"""First key of the advisory locks on runs; the second is the run's number."""

log = logging.getLogger(__name__)


def work_off(stop: Callable[[], bool] = lambda: False) -> int:
    """Do all unfinished work that no other worker is doing; returns the number of steps done."""
    steps = 0
    for number in _unfinished():
        while not stop() and advance(number):
            steps += 1
    return steps


def work_forever(stop: Callable[[], bool], *, between: Callable[[], object], pause_seconds: float = 0.5) -> None:
    """Work until `stop()`, looking for new runs every `pause_seconds`. A database that went away is waited for.

    `between` is done each time round: what the platform itself has to do regularly.
    """
    while not stop():
        try:
            between()
            done = work_off(stop)
        except OperationalError:
            log.warning("the database cannot be reached; trying again")
            connection.close()
            done = 0
        if not done:
            time.sleep(pause_seconds)


def _unfinished() -> list[int]:
    with acting(_WORKER):
        return list(Run.objects.filter(state__in=UNFINISHED).order_by("id").values_list("id", flat=True))


def advance(number: int) -> bool:
    """Do one step of a run, in one transaction. False: it is finished, or another worker is at it."""
    try:
        with acting(_WORKER):
            if not _locked(number):
                return False
            run = Run.objects.select_related("officer").get(pk=number)
            if run.finished:
                return False
            if run.cancel_asked:
                return _end(run, "cancelled")
            _step(run)
            return not run.finished
    except OperationalError:
        raise
    except Problems as refused:
        return _fail(number, list(refused.problems))
    except Problem as refused:
        return _fail(number, [refused])
    except Exception:
        log.exception("run %s failed", number)
        return _fail(number, [])


def _locked(number: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, %s)", [_LOCKS, number])
        return bool(cursor.fetchone()[0])


def _actor(run: Run, work: Work) -> Actor:
    """On whose behalf the run acts. Raises StarterGone: rights are those of now, not of when it was started."""
    if run.officer is None:
        return System(run.kind, run.area_path)
    if not run.officer.may(work.right):
        words = work.right.words
        raise StarterGone(right_zh=words.zh, right_en=words.en, position=run.position)
    return run.officer


def _step(run: Run) -> None:
    """Begin, do the next step, or finish."""
    work = work_of(run.kind)
    with acting(_actor(run, work)):
        if run.state == "waiting":
            run.total = work.total(run)
            run.state, run.started_at = "running", timezone.now()
        elif run.position < (run.total or 0):
            work.step(run, run.position)
            run.position += 1
        else:
            work.finish(run)
            run.state, run.ended_at = "done", timezone.now()
            record("run.done", run, kind=run.kind, acting_user=_actor(run, work))
    run.save(
        update_fields=[
            "total",
            "state",
            "started_at",
            "position",
            "ended_at",
            "result",
            "problems",
            "file",
            "file_name",
        ]
    )


def _end(run: Run, state: str, problems: list[Problem] | None = None) -> bool:
    """Give a run up: cancelled or failed. Its work tidies up as far as it can."""
    run.state, run.ended_at = state, timezone.now()
    run.problems = [p.as_dict() for p in problems or []]
    run.save(update_fields=["state", "ended_at", "problems"])
    actor: Officer | System = run.officer or System(run.kind, run.area_path)
    with acting(actor):
        work_of(run.kind).given_up(run)
        record(f"run.{state}", run, kind=run.kind, codes=[p["code"] for p in run.problems], acting_user=actor)
    return False


def _fail(number: int, problems: list[Problem]) -> bool:
    """Mark a run as failed, after the transaction of its step was rolled back."""
    with acting(_WORKER):
        if _locked(number):
            run = Run.objects.select_related("officer").get(pk=number)
            if not run.finished:
                _end(run, "failed", problems or [Broken(position=run.position, run=run.pk)])
    return False
