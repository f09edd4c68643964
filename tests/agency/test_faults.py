"""`kill -9` of the desk and an immediate stop of the database while clerks settle: what was answered is there, whole, once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from tests.agency.caring import patient, stay
from tests.agency.conftest import _database, _pointed_at
from tests.agency.faults import Clerks, crash, desk, durable_server, whole
from tests.agency.world import PASSWORD, World, make_world
from yizhan.agency.bench.clerks import Browser
from yizhan.agency.bench.world import copies, make_people
from yizhan.agency.care.models import Settlement
from yizhan.agency.care.settling import presettle
from yizhan.agency.embedded import OWNER, SUPERUSER, Server
from yizhan.agency.staff.scope import System, acting

ROUNDS = 4
"""Faults of each kind. 25 of each are fifty in all, and take some minutes."""

CLERKS = 8
PERSONS = 200 * ROUNDS
PATIENCE = 60.0
"""Seconds for the clerks to get their answers after a fault."""

BETWEEN = 12
"""Settlements that are answered between two faults: whatever was killed, the work goes on."""


@pytest.fixture
def bureau(django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[Server, World, str]]:
    """A durable server with a migrated database, a world in it, and the runtime role's URL."""
    with django_db_blocker.unblock(), durable_server() as server:
        server.create_database("faults")
        database = _database(server, "faults")
        with _pointed_at(database, role=OWNER):
            call_command("migrate", verbosity=0)
        with _pointed_at(database):
            yield server, make_world(), database.url


def test_killed_desks_and_databases_lose_and_double_nothing(bureau: tuple[Server, World, str], tmp_path: Path) -> None:
    server, world, url = bureau
    yuhu = world.yuhu
    today = timezone.localdate()
    one = patient(world)
    patterns = [stay(yuhu, one, days_ago=days, yuan=60_000, lines=10).pk for days in (30, 10)]
    persons = make_people(PERSONS, acting_user=yuhu.officer)
    first, second = (
        copies(pattern, persons, prefix=f"F{pattern}", acting_user=yuhu.window) for pattern in patterns
    )  # fmt: skip
    # What the window shows before the first bill of a year: the same for all with the same identities.
    shown = [presettle(visit, on=today, acting_user=yuhu.window).outcome.patient_share for visit in first[:2]]
    share = {visit: shown[place % 8 > 0] for place, visit in enumerate(first)}

    with psycopg.connect(server.url(SUPERUSER, "faults"), autocommit=True) as superuser:
        superuser.execute("checkpoint")  # so that what is recovered is what clerks do
    with desk(url, tmp_path) as served:
        browser = Browser(served.port)
        assert browser.sign_in(yuhu.window.username, PASSWORD)
        browser.close()
        clerks = Clerks(served.port)
        waiting = iter([*((visit, str(share[visit])) for visit in first), *((visit, "") for visit in second)])
        work = partial(clerks.work, browser.cookies, waiting)
        threads = [threading.Thread(target=work, daemon=True) for _ in range(CLERKS)]
        for thread in threads:
            thread.start()
        draw = random.Random(4)
        faults = ["desk", "database"] * ROUNDS
        draw.shuffle(faults)
        for place, fault in enumerate(faults):
            clerks.wait_for_more(BETWEEN, served, patience=PATIENCE)
            time.sleep(draw.random() / 5)  # somewhere in the middle of the next ones
            if fault == "database":
                crash(server)
            elif place % 2:
                served.kill()
            else:
                served.kill_one(draw)
        clerks.wait_for_more(BETWEEN, served, patience=PATIENCE)
        clerks.stopping.set()
        deadline = time.monotonic() + PATIENCE
        for thread in threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
    connections.close_all()  # cut by the database's stops

    assert not whole()
    with acting(System("faults")):
        stored = {row.visit_id: row for row in Settlement.objects.all()}
    assert not {visit: said for visit, said in clerks.answered.items() if said != "settled"}
    assert set(clerks.answered) == set(clerks.tries) == set(stored), "answered ⊆ stored ⊆ asked"
    assert all(stored[visit].patient_fen == fen for visit, fen in share.items() if visit in stored)
    assert all(stored[visit].message_id == f"message-{visit}" for visit in stored)
    unknown = sum(tries - 1 for tries in clerks.tries.values())
    assert len(stored) > CLERKS and unknown > 0, "the faults came while clerks were settling"
    print(f"{len(faults)} faults, {len(stored)} settlements, {unknown} sent again")
