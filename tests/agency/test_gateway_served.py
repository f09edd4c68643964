"""A hospital's system and the served desk, over real connections: answers get lost, messages come twice, many at once."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.agency.caring import BORN, patient, ready
from tests.agency.conftest import Database
from tests.agency.faults import Desk, at_once, desk, whole
from tests.agency.gateway_calling import ADDRESS, Hospital
from tests.agency.test_gateway import admission, discharged, fee, in_bed, settling
from tests.agency.test_gateway_door import csb
from tests.agency.world import World, make_world
from yizhan.agency import crypto
from yizhan.agency.care.models import Settlement
from yizhan.agency.gateway.actions import Granted, grant
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.staff.scope import System, acting

ALL = System("tests")


@dataclass
class Wired(Hospital):
    """A system at the other end of a real connection. Of some messages it loses the answer, and sends them again."""

    port: int = 0
    granted: Granted | None = None
    loses: float = 0.0
    draw: random.Random = field(default_factory=lambda: random.Random(7))
    lost: int = 0

    def post(self, body: bytes, *, content_type: str = "text/plain", **headers: str) -> bytes:
        """Send until an answer is read."""
        while True:
            wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                wire.request("POST", ADDRESS, body, {"Content-Type": content_type, **self.signed(body), **headers})
                if self.draw.random() < self.loses:
                    self.lost += 1
                    continue
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


def test_days_with_lost_answers_end_with_equal_totals(served: tuple[World, Desk, Wired]) -> None:
    world, _, his = served
    persons = [patient(world, sequence) for sequence in (1, 2, 3, 4)]
    his.loses, today = 0.25, timezone.localdate()
    his.ask("9001", {"signIn": {"opter_no": "0001", "ip": "10.0.0.8"}})
    settled: list[dict[str, Any]] = []
    for sequence, person in enumerate(persons, 1):
        number = synthetic_id("430302", BORN, sequence)
        known = his.ask("1101", {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": number}})
        assert known["baseinfo"]["psn_no"] == person.number
        output = his.ask("2401", admission(person, today, f"ZY{sequence}"))
        told = {"mdtrt_id": output["result"]["mdtrt_id"], "psn_no": person.number}
        his.ask("2301", {"feedetail": [fee(f"F{k}", told, today, "5000.00") for k in range(4)]})
        his.ask("2303", settling(told, "20000.00"))
        discharged(his, told, today)
        settled.append(his.ask("2304", settling(told, "20000.00"))["setlinfo"])
    his.ask(
        "2305",
        {
            "data": {
                "setl_id": settled[0]["setl_id"],
                "mdtrt_id": settled[0]["mdtrt_id"],
                "psn_no": settled[0]["psn_no"],
            }
        },
    )
    kept = settled[1:]
    sums = {
        "medfee_sumamt": sum(one["medfee_sumamt"] for one in kept), "acct_pay": 0, "fixmedins_setl_cnt": len(kept),
        "fund_pay_sumamt": f"{sum(one['fund_pay_sumamt'] for one in kept):.2f}",
    }  # fmt: skip
    about = {
        "insutype": "",
        "clr_type": "21",
        "setl_optins": "430300",
        "stmt_begndate": str(today),
        "stmt_enddate": str(today),
    }
    assert his.ask("3201", {"data": {**about, **sums}})["stmtinfo"]["stmt_rslt"] == "0"
    assert his.lost > 3, "answers were lost"
    with acting(ALL):
        assert Settlement.objects.count() == len(persons) + 1


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
