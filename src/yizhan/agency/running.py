"""Running the agency on one machine: the database, the desk, the worker, and what has to be there before they start.

`serve` is a supervisor: it starts the desk (granian) and the worker as processes of their own, starts one again that
died, also a private database that was killed, and ends all of them when it is asked to end. A child whose supervisor was
killed ends by itself. Each process opens its own connections; nothing is inherited but the environment.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from yizhan.agency.database_url import connection_settings
from yizhan.agency.embedded import APP, OWNER, Server, default_home
from yizhan.errors import InputProblem

SETTINGS = "yizhan.agency.settings"
GRACE_SECONDS = 10
LOOK_SECONDS = 0.5
"""How often the supervisor looks after its children."""
LONGEST_PAUSE = 30.0
"""Between two starts of a child that dies again and again, in seconds."""


class PortTaken(InputProblem):
    code = "port_taken"
    zh = "端口 {port} 已被占用。请用 --port 换一个，或停掉占用它的程序。"
    en = "port {port} is taken. Choose another with --port, or stop what uses it."


class DemoNeedsItsOwn(InputProblem):
    code = "demo_needs_its_own"
    zh = "演示要用自己的数据库，不能用 DATABASE_URL 指定的。请先取消这个环境变量：unset DATABASE_URL。"
    en = "the demonstration uses a database of its own, not the one in DATABASE_URL. Unset that variable first."


class OwnerUrlNeeded(InputProblem):
    code = "owner_url_needed"
    zh = "建表要用表的所有者的账号：请设 DATABASE_URL_OWNER（运行用的账号没有建表的权限，这是有意的）。"
    en = "making tables needs the account that owns them: set DATABASE_URL_OWNER (the runtime account may not make tables, on purpose)."


class DatabaseUnreachable(InputProblem):
    code = "database_unreachable"
    zh = "连不上数据库：{why}。请检查 DATABASE_URL、网络和数据库服务。"
    en = "the database cannot be reached: {why}. Check DATABASE_URL, the network and the server."


class NotMigrated(InputProblem):
    code = "not_migrated"
    zh = "数据表还没有建立，或者比程序旧。请先运行 ./yizhan migrate"
    en = "the tables are missing or older than the program. Run ./yizhan migrate first"


class MigrationFailed(InputProblem):
    code = "migration_failed"
    zh = "建表没有成功，原有数据没有改动：{why}"
    en = "the tables could not be made, and nothing was changed: {why}"


def home() -> Path:
    """The data folder: YIZHAN_HOME, else where the private server lies by default."""
    given = os.environ.get("YIZHAN_HOME", "")
    return Path(given).absolute() if given else default_home()


def demo_home() -> Path:
    """Where the demonstration keeps its data: apart from an agency's own."""
    return home().with_name(f"{home().name}-demo")


def secrets_home() -> Path:
    """Where the session secret and the keys lie, where nobody names another place."""
    return home() / "secrets"


@contextmanager
def database(*, demo: bool = False) -> Iterator[Server | None]:
    """The database for this process and its children: the one in DATABASE_URL, else the private server of this machine.

    Yields the private server. Raises DemoNeedsItsOwn, DatabaseUnreachable, and what the private server refuses.
    """
    from django.db import OperationalError

    with suppress(ValueError):  # not the main thread: then somebody else looks after signals
        signal.signal(signal.SIGTERM, _interrupted)
    own = os.environ.get("DATABASE_URL")
    inherited = own is not None and os.environ.get("YIZHAN_DEMO") == "1" and own == Server(demo_home()).url(APP)
    if own is not None and not inherited and (demo or os.environ.get("YIZHAN_DEMO") == "1"):
        raise DemoNeedsItsOwn
    try:
        if own is not None:
            _settings(demo=inherited)
            _connect()
            yield None
            return
        with Server(demo_home() if demo else home()) as server:
            os.environ["DATABASE_URL"] = server.url(APP)
            os.environ["DATABASE_URL_OWNER"] = server.url(OWNER)
            try:
                _settings(demo=demo)
                yield server
            finally:
                _disconnect()
                del os.environ["DATABASE_URL"], os.environ["DATABASE_URL_OWNER"]
    except OperationalError as refused:
        raise DatabaseUnreachable(why=_said(refused)) from refused


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _said(refused: Exception) -> str:
    """The first line of what the database said; libpq names the host, never the password."""
    return next(iter(str(refused).strip().splitlines()), "?")[:300]


def _settings(*, demo: bool) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    if demo:
        os.environ["YIZHAN_DEMO"] = "1"
    else:
        os.environ.setdefault("YIZHAN_SECRET_FILE", str(secrets_home() / "session"))
        os.environ.setdefault("YIZHAN_KEY_FILE", str(secrets_home() / "keys.json"))
    import django

    django.setup()


def _connect() -> None:
    from django.db import connection

    connection.ensure_connection()


def _disconnect() -> None:
    from django.db import connections

    connections.close_all()


def make_secrets() -> list[Path]:
    """Make the session secret and the key file where they are missing; returns what was made. Never replaces one."""
    from yizhan.agency import crypto

    made = []
    session = Path(os.environ.get("YIZHAN_SECRET_FILE") or secrets_home() / "session")
    keys = Path(os.environ.get("YIZHAN_KEY_FILE") or secrets_home() / "keys.json")
    for folder in (session.parent, keys.parent):
        if folder == secrets_home():
            # The private server's home as it makes it itself: nobody else writes there, root's account passes through.
            folder.parent.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not session.exists():
        descriptor = os.open(session, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(64))
        made.append(session)
    if not keys.exists():
        crypto.generate(keys)
        made.append(keys)
    return made


# --- Tables -----------------------------------------------------------------------------------------------------------

_ONE_MIGRATION = 0x5EA0
"""Key of the advisory lock: who comes second waits, and finds everything done."""


def migrate(*, verbosity: int = 1) -> None:
    """Make or bring up to date all tables, as the account that owns them, and the row of the nation.

    Raises OwnerUrlNeeded, DatabaseUnreachable, MigrationFailed.
    """
    from django.core.management import call_command
    from django.db import DatabaseError, OperationalError, connection

    url = os.environ.get("DATABASE_URL_OWNER")
    if not url:
        raise OwnerUrlNeeded
    runtime = dict(connection.settings_dict)
    owner = connection_settings(url, at="DATABASE_URL_OWNER")
    connection.close()
    connection.settings_dict.update(owner)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(%s)", [_ONE_MIGRATION])
            call_command("migrate", verbosity=verbosity, interactive=False)
    except OperationalError:
        raise
    except DatabaseError as refused:
        raise MigrationFailed(why=_said(refused)) from refused
    finally:
        connection.close()
        connection.settings_dict.update(runtime)
    _make_nation()


def _make_nation() -> None:
    """All other areas lie in it, so that nobody could enter one without it."""
    from yizhan.agency.staff.actions import create_area
    from yizhan.agency.staff.models import NATION, Area
    from yizhan.agency.staff.scope import System

    code = NATION.rstrip(".")
    if not Area.objects.filter(code=code).exists():
        create_area(code, name="全国", name_en="the nation", level="nation", parent=None, acting_user=System("migrate"))


def refuse_unmigrated() -> None:
    """Raises NotMigrated: a table is missing, or a migration has not been run."""
    from django.db import ProgrammingError, connection
    from django.db.migrations.loader import MigrationLoader

    try:
        loader = MigrationLoader(connection)
    except ProgrammingError:
        raise NotMigrated from None
    if set(loader.disk_migrations) - set(loader.applied_migrations):
        raise NotMigrated


# --- Desk and worker --------------------------------------------------------------------------------------------------


def free_port(host: str, port: int, *, tries: int = 1) -> int:
    """The first port from `port` on that nobody uses. Raises PortTaken after `tries`."""
    for candidate in range(port, port + tries):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind((host, candidate))
                return candidate
    raise PortTaken(port=port)


class _Stopped(Exception):
    """Somebody asked the supervisor to end."""


@dataclass
class _Child:
    """A process that is kept running."""

    arguments: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    """In a row, each soon after the start."""

    def look_after(self) -> None:
        """Start it, or start it again if it died: at once, then after longer and longer pauses."""
        now = time.monotonic()
        if self.process is not None:
            if self.process.poll() is None:
                if now - self.started > LONGEST_PAUSE:
                    self.deaths = 0
                return
            self.kill()
            if now - self.started < min(LONGEST_PAUSE, 2.0**self.deaths - 1):
                return
            self.deaths += 1
            print(f"yizhan: 重新启动 starting again: {self.arguments[-1]}", file=sys.stderr, flush=True)
        # A group of its own: Ctrl-C reaches the supervisor alone, which then ends the children in order.
        self.process = subprocess.Popen(
            [sys.executable, "-P", *self.arguments], process_group=0, stdin=subprocess.DEVNULL
        )
        self.started = now

    def end(self, deadline: float) -> None:
        """Wait for it until the deadline; whatever is left then is killed."""
        if self.process is None:
            return
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=max(0.1, deadline - time.monotonic()))
        self.kill()

    def kill(self) -> None:
        """End all processes of its group, also those that it left behind."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.poll()


_DESK = "import sys; from yizhan.agency.running import desk; desk(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))"


def serve(host: str, port: int, *, workers: int = 2, server: Server | None = None) -> None:
    """Serve the desk and work off jobs until SIGINT or SIGTERM. Whatever dies is started again, `server` as well."""
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise _Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    children = [
        _Child(["-c", _DESK, host, str(port), str(workers), "desk"]),
        _Child(["-m", "yizhan.cli", "worker"]),
    ]
    try:
        while True:
            if server is not None:
                _revive(server)
            for child in children:
                child.look_after()
            time.sleep(LOOK_SECONDS)
    except _Stopped:
        pass
    finally:
        asked = True
        for child in children:
            if child.process is not None:
                child.process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in children:
            child.end(deadline)
        for number, handler in before.items():
            signal.signal(number, handler)


def _revive(server: Server) -> None:
    """Start a private server that was killed; of one that runs, only the socket is asked."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(server.socket))
        except OSError:
            with Server(server.home):
                print("yizhan: 重新启动数据库 starting the database again", file=sys.stderr, flush=True)


def desk(host: str, port: int, workers: int) -> None:
    """Serve pages, in a process of its own, until SIGTERM or until the supervisor is gone."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    parent = os.getppid()
    end_with(lambda: os.getppid() != parent, lambda: os.kill(os.getpid(), signal.SIGTERM))
    Granian(
        "yizhan.agency.wsgi:application", address=host, port=port, interface=Interfaces.WSGI, workers=workers,
        blocking_threads=4, log_access=False, log_level=LogLevels.warning, workers_kill_timeout=5,
        respawn_failed_workers=True, respawn_interval=0.5,
    ).serve()  # fmt: skip


def end_with(gone: Callable[[], bool], end: Callable[[], object]) -> None:
    """Call `end` once `gone` is true; asks every half second, in a thread that holds nothing up."""

    def watch() -> None:
        while not gone():
            time.sleep(LOOK_SECONDS)
        end()

    threading.Thread(target=watch, daemon=True, name="end_with").start()


def work() -> None:
    """Work off background jobs until SIGINT or SIGTERM; a step that has begun is finished first."""
    from yizhan.agency.jobs.worker import work_forever
    from yizhan.agency.staff import seals

    ending = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal ending
        ending = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    parent = os.getppid()
    # Without its supervisor the worker ends too, so that a killed `serve` leaves nothing behind.
    work_forever(lambda: ending or os.getppid() != parent, between=seals.seal)
