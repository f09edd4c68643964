"""Faults, and what has to be true whatever happened: for the tests that kill, stop and crowd the desk.

`whole` looks at the database alone and knows nothing of who wrote it. `Clerks` is the other side: what was asked, what was
answered, and what nobody knows because the connection ended first. A request without an answer is sent again as the same
message until it is answered.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection, connections

from tests.agency.served import environment, free_port, wait_for
from yizhan.agency.bench.clerks import Browser, NotAnswered
from yizhan.agency.care.errors import Busy
from yizhan.agency.care.models import Settlement
from yizhan.agency.care.years import Asked, computed_states, read_states
from yizhan.agency.embedded import Server
from yizhan.agency.enrolment.beneficiaries import pooling_area
from yizhan.agency.ledger.verifying import verify
from yizhan.agency.staff.scope import System, acting
from yizhan.policy.areas import load_scheme

# --- What has to be true ----------------------------------------------------------------------------------------------

_PARTS = """
    select s.id from care_settlement s
    left join (select settlement_id, sum(amount_fen) paid, coalesce(sum(person_fen), 0) person,
                      coalesce(sum(amount_fen) filter (where held), 0) held
               from care_settlementpayment group by 1) p on p.settlement_id = s.id
    where (coalesce(p.paid, 0), coalesce(p.person, 0), coalesce(p.held, 0)) <> (s.paid_fen, s.person_fen, s.held_fen)
       or s.paid_fen + s.patient_fen <> s.total_fen
"""
_BILLS = """
    select s.id from care_settlement s join care_visit v on v.id = s.visit_id and v.amounts is null
    left join (select visit_id, sum(amount_fen) fen from care_billline group by 1) l on l.visit_id = s.visit_id
    where s.kind <> 'reversed' and not exists (select from care_settlement n where n.replaces_id = s.id)
      and s.total_fen <> coalesce(l.fen, 0)
"""
_LIVE_TWICE = """
    select s.visit_id from care_settlement s where s.kind <> 'reversed'
    and not exists (select from care_settlement n where n.replaces_id = s.id) group by 1 having count(*) > 1
"""
_MESSAGES = """
    select message_id from care_settlement where message_id <> '' group by person_id, institution_id, message_id
    having count(*) > 1
"""
# The row that a correction takes back has no act of its own: the act is the correction.
_UNRECORDED = """
    select s.id from care_settlement s left join staff_audit a
        on a.object_kind = 'settlement' and a.object_id = s.id::text and a.outcome = 'done'
        and a.act <> 'settlement.see'
    where not exists (select from care_settlement n where n.replaces_id = s.id and n.kind = 'corrected')
    group by s.id having count(a.id) <> 1
"""
RULES = {
    "payments and patient make up the bill": _PARTS,
    "the lines make up the bill": _BILLS,
    "one settlement of a visit holds": _LIVE_TWICE,
    "a message was answered once": _MESSAGES,
    "each act is recorded once": _UNRECORDED,
}


def whole() -> list[str]:
    """What is wrong with the settlements of a database, in words; nothing, if all is as it should be."""
    found = []
    with acting(System("faults")):
        with connection.cursor() as cursor:
            for rule, query in RULES.items():
                cursor.execute(query)
                if rows := cursor.fetchall():
                    found.append(f"not so: {rule}: {[row[0] for row in rows[:5]]}")
        found += [f"books: {d.kind} {d.number}: {d.words.en}" for d in verify().differences]
        records: dict[int, set[int]] = {}
        for person, kept in Settlement.objects.values_list("person", "person__merged_into").distinct():
            records.setdefault(kept or person, set()).add(person)
        found += [problem for persons in records.values() for problem in year_problems(sorted(persons))]
    return found


def year_problems(persons: Sequence[int]) -> list[str]:
    """Where the year that the last bill left is not what the engine makes of the bills that hold, in their order, and where a
    sum is above its ceiling. Inside `acting`.
    """
    rows = list(Settlement.objects.live().filter(person__in=persons).order_by("settled_on", "ordinal"))
    if not rows:
        return []
    area = pooling_area(rows[0].area_path)
    replayed = computed_states(Asked(area, row.beneficiary, row.claim) for row in rows)
    stored: dict[int, Any] = {}
    for row in rows:
        stored.update({state["year"]: state for state in row.states.values()})
    found = []
    if read_states(stored.values(), load_scheme(area)) != replayed:
        found.append(f"person {persons}: the year is not what a replay gives")
    for row in rows:
        for s in row.result["bill"]["sums"]:
            if s["ceiling"] is not None and _fen(s["after"]) > _fen(s["ceiling"]):
                found.append(f"settlement {row.pk}: {s['sum']} {s['after']} is above {s['ceiling']}")
    return found


def _fen(text: str) -> int:
    return int(text.replace(".", ""))


# --- Many at once, in this process ------------------------------------------------------------------------------------


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Carry out all acts at the same moment, each on a connection of its own; what each returned or raised."""
    outcomes: list[Any] = [None] * len(acts)
    together = threading.Barrier(len(acts))

    def run(place: int) -> None:
        together.wait()
        try:
            outcomes[place] = acts[place]()
        except Exception as error:
            outcomes[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def patiently(act: Callable[[], Any]) -> Any:
    """What a clerk does who is told to try again: so."""
    while True:
        try:
            return act()
        except Busy:
            continue


# --- A desk and a database that may be killed -------------------------------------------------------------------------


@contextmanager
def durable_server() -> Iterator[Server]:
    """A server of this test alone, as at a bureau: what it answered is on the disk. Its data are gone afterwards."""
    home = Path(tempfile.gettempdir()) / f"yizhan-faults-{os.getpid()}"
    try:
        with Server(home) as server:
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)


def crash(server: Server) -> None:
    """What `pg_ctl stop -m immediate` does: no checkpoint, connections cut; then start it, which recovers it."""
    pid = int((server.data / "postmaster.pid").read_text(encoding="utf-8").partition("\n")[0])
    os.kill(pid, signal.SIGQUIT)
    while (server.data / "postmaster.pid").exists():
        time.sleep(0.005)
    with Server(server.home):
        pass


_SECRETS = "from yizhan.agency.running import make_secrets; make_secrets()"
_DESK = "import sys; from yizhan.agency.running import desk; desk('127.0.0.1', int(sys.argv[1]), 2)"


@dataclass
class Desk:
    """The desk's processes over a database. The test is their supervisor: it starts them again at once."""

    environment: dict[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, if it does not run. It answers some moments later."""
        if self._process is not None and self._process.poll() is None:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _DESK, str(self.port)], env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill_one(self, draw: random.Random) -> None:
        """`kill -9` one of the processes that answer requests, in the middle of whatever it does; the desk starts another."""
        assert self._process is not None
        listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        pairs = [(int(pid), int(parent)) for pid, parent in (line.split() for line in listed.splitlines())]
        if found := [pid for pid, parent in pairs if parent == self._process.pid]:
            with suppress(ProcessLookupError):
                os.kill(draw.choice(found), signal.SIGKILL)

    def kill(self) -> None:
        """`kill -9` all of them at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def desk(url: str, folder: Path) -> Iterator[Desk]:
    """A desk over this database, once it answers."""
    told = environment(url, folder)
    subprocess.run([sys.executable, "-P", "-c", _SECRETS], env=told, check=True)
    found = Desk(told, folder / "desk.log")
    try:
        found.start()
        wait_for(f"http://127.0.0.1:{found.port}/sign-in")
        yield found
    finally:
        found.kill()


@dataclass
class Clerks:
    """Clerks at their windows, each settling one visit after another until told to stop, and what they know afterwards."""

    port: int
    answered: dict[int, str] = field(default_factory=dict)
    """Visit → "settled", or the codes of what was refused."""
    tries: dict[int, int] = field(default_factory=dict)
    """Visit → how often the message was sent."""
    stopping: threading.Event = field(default_factory=threading.Event)

    def wait_for_more(self, count: int, desk: Desk, *, patience: float) -> None:
        """Return when so many more are answered, by a desk that is started whenever it ends. Fails where they are not."""
        enough, deadline = len(self.answered) + count, time.monotonic() + patience
        while len(self.answered) < enough:
            desk.start()
            assert time.monotonic() < deadline, "nothing is answered any more"
            time.sleep(0.02)

    def work(self, cookies: dict[str, str], visits: Iterator[tuple[int, str]]) -> None:
        """Settle (visit, share that was shown) until there are none; an open one is carried through also after the stop."""
        browser = Browser(self.port, dict(cookies))
        while not self.stopping.is_set() and (found := next(visits, None)) is not None:
            visit, share = found
            while visit not in self.answered:
                self.tries[visit] = self.tries.get(visit, 0) + 1
                with suppress(NotAnswered):
                    status, body = browser.post(
                        f"/care/visits/{visit}/settle", message=f"message-{visit}", expected=share
                    )
                    browser.cookies.pop("messages", None)
                    if status in (302, 303):
                        self.answered[visit] = "settled"
                    elif status < 500:
                        self.answered[visit] = f"{status} {body[-2000:]}"
                if visit not in self.answered:
                    time.sleep(0.2)
        browser.close()
