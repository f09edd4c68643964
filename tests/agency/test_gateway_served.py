"""A hospital's system and the served desk, over real connections: answers get lost, messages come twice, many at once."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.agency.caring import BORN, CODE, patient, ready
from tests.agency.conftest import Database
from tests.agency.faults import Desk, at_once, desk, whole
from tests.agency.gateway_calling import ADDRESS, Hospital
from tests.agency.test_gateway import in_bed, settling
from tests.agency.test_gateway_door import csb
from tests.agency.world import World, make_world
from yizhan.agency import crypto
from yizhan.agency.care.models import Settlement
from yizhan.agency.gateway.actions import Granted, grant
from yizhan.agency.gateway.errors import Refused
from yizhan.agency.gateway.his.commands import report, whole_day
from yizhan.agency.gateway.his.days import Item, Patient, Plan
from yizhan.agency.gateway.his.system import System
from yizhan.agency.gateway.his.wire import Faults, Signer, Wire
from yizhan.agency.gateway.models import PROFILES
from yizhan.agency.ledger.verifying import verify
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.staff.scope import System as Operator
from yizhan.agency.staff.scope import acting

pytestmark = pytest.mark.xdist_group("gateway served")

ALL = Operator("tests")


@dataclass
class Wired(Hospital):
    """A system at the other end of a real connection."""

    port: int = 0
    granted: Granted | None = None

    def post(self, body: bytes, *, content_type: str = "text/plain", **headers: str) -> bytes:
        """Send bytes."""
        wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            wire.request("POST", ADDRESS, body, {"Content-Type": content_type, **self.signed(body), **headers})
            answer = wire.getresponse()
            assert answer.status == 200, answer.status
            return answer.read()
        finally:
            wire.close()

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers of the profile."""
        if self.granted is None:
            return {}
        said = csb(self.granted.caller.key_id, self.granted.secret, int(time.time()), json.loads(body)["infno"])
        return {name.removeprefix("HTTP_").lower(): value for name, value in said.items()}


@pytest.fixture
def served(own_database: Database, tmp_path: Path, settings: Any) -> Iterator[tuple[World, Desk, Wired]]:
    """A world that commits, a desk over it, and the system of one of its hospitals."""
    # The desk is told of a key file as a bureau's is; this process has to seal with the same keys.
    crypto.generate(tmp_path / "keys.json")
    settings.YIZHAN_KEY_FILE = str(tmp_path / "keys.json")
    world = make_world()
    ready(world.yuhu.hospital, world.yuhu.area)
    granted = grant(world.yuhu.hospital, profile="csb", terms={"at_once": 64}, acting_user=ALL)
    with desk(own_database.url, tmp_path) as running:
        yield world, running, Wired(world.yuhu.hospital, port=running.port, granted=granted)
    assert not whole()


def played(running: Desk, his: Wired, faults: Faults, private: int = 0) -> System:
    """The hospital as `./yizhan his` plays it, signing with the key that it was given."""
    assert his.granted is not None
    caller = his.granted.caller
    signer = Signer(caller.profile, caller.key_id, his.granted.secret, private)
    wire = Wire(f"http://127.0.0.1:{running.port}", his.institution.code, signer, faults)
    return System(wire, f"{time.time_ns() // 1000}")


def plan(count: int, visits: int) -> Plan:
    """A day for so many patients; five more at the end whom the platform does not know."""
    patients = [Patient(synthetic_id("430302", BORN, k), "试样甲") for k in range(1, count + 6)]
    return Plan(timezone.localdate(), patients, [Item(CODE, 123_456), Item(CODE, 700), Item(CODE, 99_999)], visits)


def test_days_with_lost_answers_and_copies_end_with_equal_totals(served: tuple[World, Desk, Wired]) -> None:
    world, running, his = served
    for sequence in range(1, 7):
        patient(world, sequence)
    faults = Faults(lost=5, repeat=20, reorder=15, seed=11)
    system = played(running, his, faults)
    day = whole_day(system, "inpatient", plan(6, 6))
    assert day.agrees and not system.wrong, list(report(system, day, zh=False))
    assert (day.ours.bills, system.counts["refused"]) == (6, 0)
    assert system.counts["lost"] >= 3 and system.counts["late"] >= 3, system.counts
    # Answers of settlements above all: each of the three ways on is taken.
    faults.lost = 40
    another = played(running, his, faults)
    day = whole_day(another, "outpatient", plan(6, 8))
    assert day.agrees and not another.wrong, list(report(another, day, zh=False))
    counts = another.counts
    assert counts["left"] and counts["undone"] and counts["resent"] and len(day.found) == counts["left"], counts
    assert counts["refused"] == 5, "those whom the platform does not know"
    with acting(ALL):
        assert Settlement.objects.live().count() == day.theirs.bills
        assert not verify().differences


def test_a_day_runs_signed_under_every_profile(served: tuple[World, Desk, Wired]) -> None:
    world, running, his = served
    private, bills = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8, []
    public = {"public_key": crypto.sm2_public_of(private).hex()}
    for sequence, profile in enumerate(PROFILES, 1):
        patient(world, sequence)
        his.granted = grant(his.institution, profile=profile, terms=public, acting_user=ALL)
        system = played(running, his, Faults(lost=4, repeat=25, seed=5), private)
        only = replace(plan(0, 1), patients=[Patient(synthetic_id("430302", BORN, sequence), "试样甲")])
        day = whole_day(system, "inpatient", only)
        assert day.agrees and not system.wrong, [profile, *report(system, day, zh=False)]
        assert system.counts["refused"] == 0 and system.counts["repeated"], (profile, system.counts)
        bills.append(day.ours.bills)
    assert bills == [1, 2, 3, 4, 5]
    # Signed by another's key, nothing is taken.
    with pytest.raises(Refused, match="signature_refused"):
        whole_day(played(running, his, Faults(), private + 1), "outpatient", plan(2, 1))


def test_a_day_goes_on_after_the_desk_was_killed(served: tuple[World, Desk, Wired]) -> None:
    """`kill -9` of all its processes, twice; the system asks until it is answered, and finds the truth."""
    world, running, his = served
    for sequence in range(1, 7):
        patient(world, sequence)
    system = played(running, his, Faults(seed=3, repeat=10))
    with ThreadPoolExecutor(1) as pool:
        day = pool.submit(whole_day, system, "inpatient", plan(6, 6))
        for sent in (16, 40):
            while system.counts["sent"] < sent:
                assert not day.done(), day.exception()
                time.sleep(0.002)
            running.kill()
            running.start()
        evening = day.result()
    assert evening.agrees and not system.wrong, list(report(system, evening, zh=False))
    assert evening.ours.bills == 6 and system.counts["lost"] >= 2, system.counts


def test_one_message_from_many_connections_is_carried_out_once(served: tuple[World, Desk, Wired]) -> None:
    world, _, his = served
    for sequence in (1, 2):
        told = in_bed(his, patient(world, sequence), f"ZY{sequence}")
        body = json.dumps(his.envelope("2304", settling(told, "20000.00"))).encode()
        answers = at_once([partial(his.post, body)] * 24)
        taken = {answer for answer in answers if json.loads(answer)["infcode"] == 0}
        assert len(taken) == 1, answers[:3]
        # Whoever waited longer than a clerk does was told to send it again.
        assert {json.loads(a)["err_msg"].rpartition("[")[2] for a in answers if a not in taken} <= {"person_busy]"}
        assert his.post(body) in taken
    with acting(ALL):
        assert Settlement.objects.count() == 2
