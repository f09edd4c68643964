"""The commands as an operator types them: real processes, a private server of their own, signals and `kill -9`."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.agency.conftest import Database
from tests.agency.served import ROOT, environment, free_port, wait_for
from yizhan.agency.embedded import OWNER, SUPERUSER, Server
from yizhan.cli import main

RUN = [sys.executable, "-P", "-m", "yizhan.cli"]
GOOD = "tangerine-coast-93-mill"


def told(*arguments: str, env: dict[str, str], typed: str = "", status: int = 0) -> str:
    """Run a command to its end; what it printed, of a refused one what it said to standard error."""
    done = subprocess.run(
        [*RUN, *arguments], env=env, input=typed, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if status else done.stdout


def refused(*arguments: str, env: dict[str, str], code: str, typed: str = "", lang: str = "zh") -> None:
    """It must end with status 2, a code, words of the language chosen, and show no password."""
    said = told(*arguments, "--lang", lang, env=env, typed=typed, status=2)
    assert f"[{code}]" in said and {"zh": "没有写入", "en": "nothing was written"}[lang] in said
    assert bool(re.search("[一-龥]", said)) is (lang == "zh"), said
    assert "secretword" not in said


@pytest.fixture
def own(own_database: Database, tmp_path: Path) -> dict[str, str]:
    """The environment of an operator with a migrated database and no secrets yet."""
    return environment(own_database.url, tmp_path) | {"DATABASE_URL_OWNER": own_database.owner_url}


def test_an_operator_gets_from_nothing_to_a_desk(own: dict[str, str]) -> None:
    refused("serve", env=own, code="secret_needed", lang="en")
    assert "session" in told("serve", "--init", env=own)
    keys = Path(own["YIZHAN_KEY_FILE"])
    before = keys.read_bytes()
    assert keys.stat().st_mode & 0o077 == 0
    told("serve", "--init", env=own)
    assert keys.read_bytes() == before, "keys are never replaced"
    told("migrate", env=own)
    refused("serve", env=own, code="not_ready")
    make = ("user", "create", "anquan", "--name", "安全员", "--role", "security_admin")
    refused(*make, env=own, code="weak_password", typed="short\n")
    assert "anquan" not in told("user", "list", env=own), "a refused password makes no officer"
    assert "全国" in told(*make, env=own, typed=f"{GOOD}\n")
    refused("user", "create", env=own, code="username_needed")
    refused("serve", "--host", "0.0.0.0", env=own, code="not_ready")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused("serve", "--port", str(taken.getsockname()[1]), env=own, code="port_taken")
    assert "与封存一致" in told("audit", "verify", env=own)
    with started("serve", env=own) as (process, port):
        assert read(port, "/sign-in") == 200
        assert end(process) == 0


def test_bad_databases_are_refused_with_words(
    own: dict[str, str], database_server: Server, own_database: Database
) -> None:
    told("serve", "--init", env=own)
    told("migrate", env=own)
    for url, code in (
        ("mysql://somebody:secretword@127.0.0.1/x", "database_url_unreadable"),
        ("postgresql://somebody:secretword@127.0.0.1:1/x", "database_unreachable"),
        ("postgresql://somebody:secretword@db.invalid/x?sslmode=prefer", "database_connection_not_verified"),
    ):
        refused("serve", env=own | {"DATABASE_URL": url}, code=code, lang="en")
    refused("demo", "--no-serve", env=own, code="demo_needs_its_own")
    refused("serve", env=own | {"YIZHAN_DEMO": "1"}, code="demo_needs_its_own")
    without_owner = {name: value for name, value in own.items() if name != "DATABASE_URL_OWNER"}
    refused("migrate", env=without_owner, code="owner_url_needed")
    told("user", "create", "anquan", "--role", "security_admin", env=own, typed=f"{GOOD}\n")
    for role in (OWNER, SUPERUSER):
        refused("serve", env=own | {"DATABASE_URL": database_server.url(role, own_database.name)}, code="not_ready")
    with psycopg.connect(own_database.owner_url, autocommit=True) as owner:
        owner.execute("delete from django_migrations where app = 'people'")
    refused("serve", env=own, code="not_migrated")
    refused("user", "list", env=own, code="not_migrated", lang="en")


def test_a_command_that_is_interrupted_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("yizhan.cli.load_scheme", interrupted)
    assert main(["facts", "430300"]) == 130


@contextmanager
def started(*arguments: str, env: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command that serves, once it answers, and its port."""
    port = free_port()
    process = subprocess.Popen([*RUN, *arguments, "--port", str(port)], env=env, stdin=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/sign-in", process, patience=120)
        yield process, port
    finally:
        if process.poll() is None:
            end(process)


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    """Ask it to end; its status."""
    process.send_signal(number)
    return process.wait(timeout=30)


def read(port: int, path: str) -> int:
    """The status of a page."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        return int(connection.recv(64).split()[1])


def children(pid: int) -> dict[str, int]:
    """The desk's and the worker's processes of a supervisor, by name."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    found = {int(row[0]): row[2] for row in rows if int(row[1]) == pid}
    return {"worker" if "worker" in line else "desk": number for number, line in found.items() if "yizhan" in line}


def gone(*pids: int) -> bool:
    """Whether these have ended within a few seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        lives = subprocess.run(
            ["ps", "-o", "stat=", "-p", ",".join(map(str, pids))], capture_output=True, text=True, check=False
        )
        if not [line for line in lives.stdout.split() if not line.startswith("Z")]:
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def private() -> Iterator[dict[str, str]]:
    """The environment of somebody without a database, with a data folder of its own (a socket's path has to be short)."""
    with tempfile.TemporaryDirectory(prefix="yz-") as folder:
        Path(folder).chmod(0o755)  # started by root, the server runs as an account that has to get there
        yield {"PATH": os.environ["PATH"], "YIZHAN_HOME": f"{folder}/data", "PYTHONPATH": str(ROOT / "src")}


def test_whatever_is_killed_comes_back_and_nothing_is_left_behind(own: dict[str, str]) -> None:
    told("serve", "--init", env=own)
    told("migrate", env=own)
    told("user", "create", "anquan", "--role", "security_admin", env=own, typed=f"{GOOD}\n")
    with started("serve", env=own) as (process, port):
        before = children(process.pid)
        assert set(before) == {"desk", "worker"}
        for number in before.values():
            os.kill(number, signal.SIGKILL)
        assert gone(*before.values())
        # Not the page first: a process of the killed desk may answer once more before it notices.
        deadline = time.monotonic() + 30
        while set(children(process.pid)) != {"desk", "worker"} and time.monotonic() < deadline:
            time.sleep(0.1)
        wait_for(f"http://127.0.0.1:{port}/sign-in", process, patience=30)
        again = children(process.pid)
        assert set(again) == {"desk", "worker"} and not set(again.values()) & set(before.values())
        process.kill()
        process.wait()
        assert gone(*again.values()), "children outlived a killed supervisor"
    with started("serve", env=own) as (process, _):
        assert end(process, signal.SIGINT) == 0


def test_the_demonstration_runs_twice_at_once_and_outlives_its_server(private: dict[str, str]) -> None:
    with started("demo", env=private) as (first, port), started("demo", "--lang", "en", env=private) as (second, other):
        assert end(second, signal.SIGINT) == 0
        assert read(port, "/sign-in") == 200, "the first keeps the server"
        postmaster = next(Path(private["YIZHAN_HOME"]).parent.rglob("postmaster.pid"))
        os.kill(int(postmaster.read_text(encoding="utf-8").split()[0]), signal.SIGKILL)
        time.sleep(2)
        wait_for(f"http://127.0.0.1:{port}/sign-in", first, patience=30)
        assert end(first) == 0
        assert other != port
    assert not list(Path(private["YIZHAN_HOME"]).parent.rglob("postmaster.pid")), "who leaves last stops the server"


def test_every_command_of_the_operations_page_exists() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    commands = {line.split("#")[0].strip() for line in re.findall(r"^\./yizhan (.+)$", text, re.M)}
    commands |= {
        part for row in re.findall(r"^\| (`.+?`) \|", text, re.M) for part in re.findall(r"`([a-z][^`]*)`", row)
    }
    commands |= set(re.findall(r"`\./yizhan ([^`]+)`", text))
    parser = __import__("yizhan.cli", fromlist=["_parser"])._parser()
    known = 0
    for command in sorted(commands):
        words = [word.replace("N", "2026") if word == "N" else word for word in shlex.split(command)]
        if words[:1] and words[0] in ("user", "serve", "migrate", "worker", "audit", "stop", "demo"):
            assert parser.parse_args(words).run, command
            known += 1
    assert known > 12
