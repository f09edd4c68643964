"""A list of thousands: the worker may be killed anywhere, and each row is compared and applied once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agency.listing import EVERYBODY, fresh, line, mark, marks, name_of, register, rows_of, send, states
from tests.agency.world import World, make_world
from yizhan.agency.jobs.models import Run
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.rosters import actions
from yizhan.agency.rosters.models import Roster
from yizhan.agency.staff.scope import acting

SRC = Path(__file__).resolve().parents[2] / "src"
ROWS = 5_000
KNOWN = 4_000
WORKER = "import django; django.setup(); from yizhan.agency.jobs.worker import work_off; work_off()"


@pytest.fixture
def committed(own_database: object) -> Iterator[World]:
    """A world that other processes see."""
    yield make_world()


def work_and_kill(pauses: tuple[float, ...]) -> int:
    """Start a worker and kill it after each of these seconds, then let one finish. Returns how many were killed at work."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(SRC),
        "YIZHAN_DEMO": "1",
        "DJANGO_SETTINGS_MODULE": "yizhan.agency.settings",
    }
    killed = 0
    for pause in pauses:
        process = subprocess.Popen([sys.executable, "-c", WORKER], env=environment)
        _wait_for_work(process)
        time.sleep(pause)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    subprocess.run([sys.executable, "-c", WORKER], env=environment, check=True, timeout=300)
    return killed


def _wait_for_work(process: subprocess.Popen[bytes]) -> None:
    """Until the worker holds a lock on a run, so that it is killed in the middle of its work."""
    from django.db import connection

    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "select count(*) from pg_locks where locktype = 'advisory' and granted and pid <> pg_backend_pid()"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.005)


def test_a_large_roster_survives_kills_and_is_applied_exactly_once(committed: World) -> None:
    place, officer = committed.yuhu, committed.yuhu.officer
    people = register(officer, place.area, [name_of(k) for k in range(KNOWN)])
    mark(officer, *people[: KNOWN // 2])
    rows = [line(k, name_of(k), "2025-06-01" if k % 10 == 0 else "") for k in range(100, 100 + ROWS)]
    roster = send(place.liaison_civil, place.area, rows, work=False)
    assert work_and_kill((0.1, 0.6, 0.2)) > 0
    expected = {"new": 2_000, "new_person": 1_100, "changed": 190, "ended": 100, "unchanged": 1_710}
    assert fresh(roster).state == "open"
    assert states(roster) == expected
    actions.send_to_review(roster, acting_user=officer)
    actions.approve(roster, acting_user=place.reviewer)
    assert work_and_kill((0.1, 0.3, 0.5)) > 0
    assert fresh(roster).state == "applied"
    with acting(EVERYBODY):
        run = Run.objects.get(kind="roster.apply")
        assert run.result["recorded"] == 2_000 + 1_100 + 190 + 100
        assert Person.objects.count() == KNOWN + 1_100
        assert IdentityMark.objects.filter(roster_id=roster.pk).count() == run.result["recorded"]
        assert IdentityMark.objects.filter(withdrawn_roster_id=roster.pk).count() == 190 + 100
        assert Roster.objects.count() == 1
    periods = marks(*people)
    assert all(len(periods[person]) == 1 for person in people)
    assert not rows_of(roster, needs=True)
