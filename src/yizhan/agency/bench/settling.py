"""`./yizhan bench settle`: the desk as it is served, with every guard on, settling as fast as clerks ask it to.

The database is a private server of its own in a temporary folder, durable: each answered settlement is on the disk. Two
processes serve the desk. What is measured is one request, from the form that is sent to the answer: session, token against
forgery, row security, person's lock, settlement, books, audit row, commit. Figures of a shared machine are only worth
their ratios, so the machine's load stands beside them, and what one durable commit and one round trip take.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from yizhan.agency import running
from yizhan.agency.bench.clerks import HOST, Browser, NotAnswered
from yizhan.agency.embedded import APP, DATABASE, OWNER, Server

CLIENTS = (8, 16, 32)
PERSONS = 3_000
LONE = 200
"""Settlements of the clerk who works alone."""

LONG = 1_000
FEW = 50
"""Lines of a long bill, and how many there are."""

MOST_A_SECOND = 500
"""Settlements for which stays are made."""

WARMING = 4.0
"""Seconds of work before anything is measured."""

PATIENCE = 60.0

PARTS = (("平台", "the desk"), ("数据库", "the database"), ("窗口或医院", "clerks or hospital"))
"""Whose processor time is told apart."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure: what, how much, and in which unit."""

    zh: str
    en: str
    value: float
    unit: str


def measure(*, seconds: float = 10.0, workers: int = 2, clients: Sequence[int] = CLIENTS) -> Iterator[Figure]:
    """Make the county, serve the desk, and measure for some seconds with each number of clients."""
    yield Figure("机器负载（开始时，1分钟）", "load of the machine at the start (1 minute)", os.getloadavg()[0], "")
    with private_server() as server, running.database(demo=True):
        yield from _references(server)
        running.migrate(verbosity=0)
        from yizhan.agency.bench import world
        from yizhan.agency.demonstration.country import officer

        names = world.make_county(max(clients))
        persons = world.make_people(PERSONS, acting_user=officer("yuhu.officer"))
        weeks = 1 + int(MOST_A_SECOND * (seconds * len(clients) + WARMING) + LONE) // PERSONS
        stays = [v for week in range(1, 1 + weeks) for v in world.make_stays(persons, lines=10, weeks_ago=week)]
        longs = world.make_stays(persons[: 2 * FEW], lines=LONG, weeks_ago=52)
        long, sent_long = longs[:FEW], longs[FEW:]
        sent = world.make_stays(persons, lines=10, weeks_ago=weeks + 1)
        _analyze(server)
        with desk(workers) as (port, process):
            clerks = Clerks(port, names, stays, (process, _postmaster(server)))
            clerks.work(8, seconds=WARMING)  # what is read once is read, what is planned once is planned
            _analyze(server)
            yield from _alone(clerks, "10 行", "10 lines", LONE)
            clerks.stays = long
            yield from _alone(clerks, "1000 行", "1,000 lines", FEW - 1)
            clerks.stays = stays
            for count in clients:
                yield from _together(clerks, count, seconds)
            yield from _over_the_interface(port, clerks.processes, sent, sent_long, seconds)
        yield from _statements(stays[-1], 10)
        yield from _statements(long[-1], LONG)
    yield Figure("机器负载（结束时，1分钟）", "load of the machine at the end (1 minute)", os.getloadavg()[0], "")


@contextmanager
def private_server() -> Iterator[Server]:
    """A durable server of this process alone, whose data are gone afterwards; `running` takes it for the demonstration's."""
    home = Path(tempfile.gettempdir()) / f"yizhan-bench-{os.getpid()}"
    kept = {name: os.environ.pop(name, None) for name in ("DATABASE_URL", "DATABASE_URL_OWNER", "YIZHAN_HOME")}
    os.environ["YIZHAN_HOME"] = str(home)
    try:
        with Server(running.demo_home()) as server:
            yield server
    finally:
        shutil.rmtree(running.demo_home(), ignore_errors=True)
        del os.environ["YIZHAN_HOME"]
        os.environ.update({name: value for name, value in kept.items() if value is not None})


def _analyze(server: Server) -> None:
    """What autovacuum does within minutes of a change, at once."""
    with psycopg.connect(server.url(OWNER, DATABASE), autocommit=True) as owner:
        owner.execute("analyze")


def _references(server: Server) -> Iterator[Figure]:
    with psycopg.connect(server.url(APP, DATABASE), autocommit=True) as connection:
        trip = _each(lambda: connection.execute("select 1", prepare=True), 1_000)
    with psycopg.connect(server.url(OWNER, DATABASE), autocommit=True) as connection:
        connection.execute("create table bench_commit (n bigint)")
        commit = _each(lambda: connection.execute("insert into bench_commit values (1)"), 200)
        connection.execute("drop table bench_commit")
    yield Figure("一次数据库往返（参照）", "one round trip to the database (reference)", trip, "ms")
    yield Figure("一次落盘的提交（参照）", "one commit on the disk (reference)", commit, "ms")


def _each(act: Callable[[], object], times: int) -> float:
    begin = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - begin) * 1000 / times


def _postmaster(server: Server) -> int:
    return int((server.data / "postmaster.pid").read_text(encoding="utf-8").partition("\n")[0])


def processor_seconds(root: int) -> float:
    """Processor time of a process and all below it so far, in seconds; 0 where the system does not tell (/proc)."""
    used: dict[int, tuple[int, float]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            used[int(path.parent.name)] = int(fields[1]), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    below, found = {root}, {root}
    while below:
        below = {pid for pid, (parent, _) in used.items() if parent in below}
        found |= below
    return sum(used[pid][1] for pid in found if pid in used)


_DESK = (
    "import sys; from yizhan.agency import running\n"
    "with running.database(): running.serve(sys.argv[1], int(sys.argv[2]), workers=int(sys.argv[3]))"
)


@contextmanager
def desk(workers: int) -> Iterator[tuple[int, int]]:
    """The desk with that many processes, and the worker, over the database of the environment. Yields the port, and the
    process that looks after them.
    """
    port = running.free_port(HOST, 8100, tries=200)
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _DESK, HOST, str(port), str(workers)], stdin=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(NotAnswered):
                Browser(port).get("/sign-in")
                break
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def _signed_in(port: int, name: str) -> Browser:
    from yizhan.agency.demonstration.country import PASSWORD

    browser = Browser(port)
    if not browser.sign_in(name, PASSWORD):
        raise RuntimeError(f"{name} could not sign in")
    browser.close()
    return browser


@dataclass(frozen=True, slots=True)
class Done:
    """What clerks did: milliseconds of each settlement, the shortest first; how many a second; and the processor time of
    one, in milliseconds, that the desk, the database and the clerks' own process took.
    """

    milliseconds: list[float]
    a_second: float
    processor: tuple[float, ...]

    def share(self, percent: int) -> float:
        """What so many percent of the settlements do not exceed."""
        return self.milliseconds[min(len(self.milliseconds) - 1, len(self.milliseconds) * percent // 100)]


class Clerks:
    """Signed-in clerks of a desk, and the stays that wait for them."""

    def __init__(self, port: int, names: Sequence[str], stays: list[int], processes: Sequence[int]) -> None:
        self.stays = stays
        self._port = port
        self.processes = processes
        self._cookies = [_signed_in(port, name).cookies for name in names]

    def work(self, count: int, *, seconds: float, most: int = 0) -> Done:
        """Let so many settle at once."""
        job = {
            "port": self._port, "seconds": seconds, "clerks": self._cookies[:count],
            "visits": self.stays[: most or None],
        }  # fmt: skip
        before = [processor_seconds(pid) for pid in self.processes]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "yizhan.agency.bench.clerks"], input=json.dumps(job), capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        found = _done(json.loads(done.stdout), before, self.processes)
        del self.stays[: len(found.milliseconds)]
        return found


def _done(day: dict[str, Any], before: Sequence[float], processes: Sequence[int]) -> Done:
    """A day as it was printed, with the processor time since `before`."""
    if day["other"]:
        raise RuntimeError(f"not settled: {day['other'][0]}")
    after = [processor_seconds(pid) for pid in processes]
    times = sorted(day["milliseconds"])
    spent = tuple((b - a) * 1000 / len(times) for a, b in zip(before, after, strict=True))
    return Done(times, len(times) / day["seconds"], (*spent, day["processor_seconds"] * 1000 / len(times)))


AT_ONCE = 8
"""Messages of the hospital's system under way at once, beside as many clerks."""


def _over_the_interface(
    port: int, processes: Sequence[int], stays: list[int], long: list[int], seconds: float
) -> Iterator[Figure]:
    """The same settlements as signed messages of the national interface（2304）: alone, of long bills, and several at once."""
    from yizhan.agency.bench import world
    from yizhan.agency.demonstration.country import officer
    from yizhan.agency.gateway.commands import OPERATOR

    key_id, secret = world.connect_hospital(acting_user=OPERATOR)
    job = {"port": port, "institution": world.HOSPITAL, "key_id": key_id, "secret": secret}

    def sent(told: list[tuple[int, str, str]], at_once: int, seconds: float) -> Done:
        before = [processor_seconds(pid) for pid in processes]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "yizhan.agency.bench.hospitals"],
            input=json.dumps({**job, "stays": told, "at_once": at_once, "seconds": seconds}), capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return _done(json.loads(done.stdout), before, processes)

    told = world.tell(stays, acting_user=officer("yuhu.officer"))
    told_long = world.tell(long, acting_user=officer("yuhu.officer"))
    for zh, en, rows in (("10 行", "10 lines", told[:LONE]), ("1000 行", "1,000 lines", told_long[:-1])):
        done = sent(rows, 1, PATIENCE)
        yield Figure(
            f"医院接口一条一条发，{zh}：一半不超过",
            f"interface, one by one, {en}: half take at most",
            done.share(50),
            "ms",
        )
        yield Figure(
            f"医院接口一条一条发，{zh}：百分之九十九不超过",
            f"interface, one by one, {en}: 99% take at most",
            done.share(99),
            "ms",
        )
    done = sent(told[LONE:-1], AT_ONCE, seconds)
    yield from _figures(done, f"医院接口 {AT_ONCE} 条同时", f"interface, {AT_ONCE} at once")
    yield from _statements_of_message(world.HOSPITAL, key_id, secret, told[-1], 10)
    yield from _statements_of_message(world.HOSPITAL, key_id, secret, told_long[-1], LONG)


def _statements_of_message(
    institution: str, key_id: str, secret: str, stay: tuple[int, str, str], lines: int
) -> Iterator[Figure]:
    """How many statements one message sends, from its bytes to its answer."""
    from django.db import connection

    from yizhan.agency.gateway.door import Incoming, handle
    from yizhan.agency.gateway.sending import message, signed

    body = message(institution, *stay)
    pairs = (
        one.partition(": ")
        for one in signed(body, key_id=key_id, secret=secret, at=int(time.time())).split("\r\n")
        if one
    )
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, _, value in pairs}
    said: list[str] = []

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        said.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(count):
        reply = handle(Incoming(body, "/", headers, HOST))
    if b'"infcode":0' not in reply.body:
        raise RuntimeError(reply.body.decode()[:2000])
    yield Figure(f"一条 2304 的语句数，{lines} 行", f"statements of a 2304, {lines} lines", len(said), "")


def _alone(clerks: Clerks, zh: str, en: str, most: int) -> Iterator[Figure]:
    done = clerks.work(1, seconds=PATIENCE, most=most)
    yield Figure(f"一个窗口，{zh}：一半不超过", f"one clerk, {en}: half take at most", done.share(50), "ms")
    yield Figure(f"一个窗口，{zh}：百分之九十九不超过", f"one clerk, {en}: 99% take at most", done.share(99), "ms")


def _together(clerks: Clerks, count: int, seconds: float) -> Iterator[Figure]:
    yield from _figures(clerks.work(count, seconds=seconds), f"{count} 个窗口", f"{count} clerks")


def _figures(done: Done, who_zh: str, who_en: str) -> Iterator[Figure]:
    """What many settle at once: how many a second, how long each, and whose processor time one takes."""
    yield Figure(f"{who_zh}：每秒结算", f"{who_en}: settlements a second", done.a_second, "/s")
    yield Figure(f"{who_zh}：一半不超过", f"{who_en}: half take at most", done.share(50), "ms")
    yield Figure(f"{who_zh}：百分之九十九不超过", f"{who_en}: 99% take at most", done.share(99), "ms")
    whole = sum(done.processor)
    if whole:
        for (zh, en), spent in zip(PARTS, done.processor, strict=True):
            yield Figure(f"{who_zh}：一次的处理器时间，{zh}", f"{who_en}: processor time of one, {en}", spent, "ms")
        # What others do on the machine costs time, and no processor time of ours.
        rate = 1000 * (os.cpu_count() or 1) / whole
        yield Figure(f"{who_zh}：处理器全归本程序时每秒", f"{who_en}: a second, had we all processors", rate, "/s")


def _statements(visit: int, lines: int) -> Iterator[Figure]:
    """How many statements one settlement sends, those of the action and those of the whole request."""
    from django.db import connection
    from django.utils import timezone

    from yizhan.agency.care.settling import settle
    from yizhan.agency.demonstration.country import officer

    clerk = officer("yuhu.window")
    said: list[str] = []

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        said.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(count):
        settle(visit, on=timezone.localdate(), message_id="bench-statements", acting_user=clerk)
    yield Figure(f"一次结算的语句数，{lines} 行", f"statements of a settlement, {lines} lines", len(said), "")
