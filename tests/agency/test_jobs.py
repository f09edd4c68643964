"""Background work: progress, cancellation, and each step done once whatever happens to the worker."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests.agency.world import World, make_world
from yizhan.agency.desk.words import Words
from yizhan.agency.jobs import actions
from yizhan.agency.jobs.models import Run
from yizhan.agency.jobs.work import Work, work
from yizhan.agency.jobs.worker import advance, work_off
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotAllowed
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import System, acting
from yizhan.errors import InputProblem

SRC = Path(__file__).resolve().parents[2] / "src"
TITLE = Words("数数", "counting")


class Odd(InputProblem):
    code = "odd"
    zh = "第 {n} 步不行。"
    en = "step {n} will not do."


@work("test.count", right=Right.PERSON_EDIT)
class Count(Work):
    """Writes one audit row a step."""

    def total(self, run: Run) -> int:
        return int(run.about["steps"])

    def step(self, run: Run, position: int) -> None:
        if position == run.about.get("refuse"):
            raise Odd(n=position)
        if position == run.about.get("break"):
            raise RuntimeError("a bug")
        record("test.step", run, n=position, acting_user=System("test", run.area_path))
        time.sleep(run.about.get("seconds", 0))

    def finish(self, run: Run) -> None:
        run.result["counted"] = run.total


def steps_of(run: Run) -> list[int]:
    with acting(System("test")), connection.cursor() as cursor:
        cursor.execute(
            "select (detail->>'n')::int from staff_audit where act = 'test.step' and object_id = %s order by id",
            [str(run.pk)],
        )
        return [n for (n,) in cursor.fetchall()]


def fresh(run: Run) -> Run:
    with acting(System("test")):
        return Run.objects.get(pk=run.pk)


def test_a_run_does_its_steps_in_order_and_reports(world: World) -> None:
    run = actions.start("test.count", title=TITLE, about={"steps": 3}, acting_user=world.yuhu.officer)
    assert work_off() == 4  # beginning, then three steps; finishing ends it
    done = fresh(run)
    assert (done.state, done.position, done.total, done.percent, done.result) == ("done", 3, 3, 100, {"counted": 3})
    assert steps_of(run) == [0, 1, 2]
    assert work_off() == 0


def test_who_lacks_the_right_cannot_start(world: World) -> None:
    with pytest.raises(NotAllowed):
        actions.start("test.count", title=TITLE, about={"steps": 1}, acting_user=world.yuhu.auditor)
    with acting(System("test")):
        assert not Run.objects.exists()


def test_a_refusal_ends_the_run_and_keeps_the_steps_before(world: World) -> None:
    run = actions.start("test.count", title=TITLE, about={"steps": 5, "refuse": 2}, acting_user=world.yuhu.officer)
    work_off()
    failed = fresh(run)
    assert (failed.state, failed.position) == ("failed", 2)
    assert failed.problems == [Odd(n=2).as_dict()]
    assert steps_of(run) == [0, 1]


def test_a_bug_ends_the_run_with_words_and_no_trace(world: World, caplog: pytest.LogCaptureFixture) -> None:
    run = actions.start("test.count", title=TITLE, about={"steps": 2, "break": 1}, acting_user=world.yuhu.officer)
    work_off()
    failed = fresh(run)
    assert failed.state == "failed" and failed.problems[0]["code"] == "run_broken"
    assert "a bug" in caplog.text and "a bug" not in str(failed.problems)


def test_a_right_that_is_lost_stops_the_run(world: World) -> None:
    """L2: a job acts with the rights that its starter has now."""
    run = actions.start("test.count", title=TITLE, about={"steps": 5}, acting_user=world.yuhu.officer)
    assert advance(run.pk) and advance(run.pk)
    world.yuhu.officer.roles = ["auditor"]
    world.yuhu.officer.save(update_fields=["roles"])
    assert not advance(run.pk)
    assert fresh(run).problems[0]["code"] == "starter_gone"
    assert steps_of(run) == [0]


def test_a_run_that_is_asked_to_stop_does_before_its_next_step(world: World) -> None:
    officer = world.yuhu.officer
    run = actions.start("test.count", title=TITLE, about={"steps": 5}, acting_user=officer)
    assert advance(run.pk) and advance(run.pk)
    browser = world.client(officer)
    assert browser.post(f"/jobs/{run.pk}/cancel").status_code == 302
    work_off()
    assert fresh(run).state == "cancelled"
    assert steps_of(run) == [0]
    assert browser.post(f"/jobs/{run.pk}/cancel").status_code == 422


def test_runs_of_other_areas_and_departments_are_not_found(world: World) -> None:
    run = actions.start("test.count", title=TITLE, about={"steps": 1}, acting_user=world.yuhu.officer)
    assert world.client(world.yuhu.reviewer).get(f"/jobs/{run.pk}").status_code == 200
    assert world.client(world.xiangtan.officer).get(f"/jobs/{run.pk}").status_code == 200
    strangers = [world.songshan.officer, world.xiangtan_county.officer, world.yuhu.liaison_civil]
    for stranger in strangers:
        browser = world.client(stranger)
        missing, foreign = browser.get("/jobs/999999999"), browser.get(f"/jobs/{run.pk}")
        assert missing.status_code == foreign.status_code == 404
        assert f'href="/jobs/{run.pk}"'.encode() not in browser.get("/jobs/").content
        assert browser.get(f"/jobs/{run.pk}/file").status_code == 404
    assert f'href="/jobs/{run.pk}"'.encode() in world.client(world.yuhu.officer).get("/jobs/").content


def test_only_who_started_a_run_gets_its_file(world: World) -> None:
    run = actions.start("test.count", title=TITLE, about={"steps": 0}, acting_user=world.yuhu.officer)
    work_off()
    with acting(System("test")):
        Run.objects.filter(pk=run.pk).update(file=b"data", file_name="名单.xlsx")
    answer = world.client(world.yuhu.officer).get(f"/jobs/{run.pk}/file")
    assert b"".join(answer) == b"data" and "attachment" in answer["Content-Disposition"]
    assert world.client(world.yuhu.reviewer).get(f"/jobs/{run.pk}/file").status_code == 404


def test_the_page_of_a_run_that_works_asks_again(world: World) -> None:
    run = actions.start("test.count", title=TITLE, about={"steps": 1}, acting_user=world.yuhu.officer)
    browser = world.client(world.yuhu.officer)
    assert b"hx-trigger" in browser.get(f"/jobs/{run.pk}").content
    work_off()
    assert b"hx-trigger" not in browser.get(f"/jobs/{run.pk}", headers={"HX-Request": "true"}).content


@pytest.fixture
def committed(own_database: object) -> Iterator[World]:
    """A world that other processes see."""
    yield make_world()


def test_two_workers_do_each_step_once(committed: World) -> None:
    runs = [
        actions.start("test.count", title=TITLE, about={"steps": 20}, acting_user=committed.yuhu.officer)
        for _ in range(3)
    ]

    def worker() -> None:
        for _ in range(200):
            work_off()
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for run in runs:
        assert steps_of(run) == list(range(20))
        assert fresh(run).state == "done"


def test_a_killed_worker_loses_no_step_and_repeats_none(committed: World) -> None:
    """L1: each step once, or not at all."""
    run = actions.start(
        "test.count", title=TITLE, about={"steps": 12, "seconds": 0.05}, acting_user=committed.yuhu.officer
    )
    code = "import django; django.setup(); import test_jobs; from yizhan.agency.jobs.worker import work_off; work_off()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SRC), str(SRC.parent), str(Path(__file__).parent)])}
    kills = 0
    while fresh(run).state not in ("done", "failed") and kills < 30:
        process = subprocess.Popen([sys.executable, "-c", code], env=environment)
        before = fresh(run).position
        deadline = time.monotonic() + 20
        while fresh(run).position <= before + 2 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        process.wait()
        kills += 1
    assert kills > 1
    assert fresh(run).state == "done"
    assert steps_of(run) == list(range(12))
