"""The house rules, as tests. A failure names file and line, and says what to do instead.

A rule that reads one file at a time is a `Rule`: which files it is about, what it finds, and lines that it must accept
and refuse, so that the rules are tested too. Rules that compare files follow below them. A place that may break a rule
stands in `EXCEPTIONS` with its reason; an exception that no longer applies is a failure as well.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
THIS_FILE = "tests/test_architecture.py"

MAY_IMPORT = {
    "errors": set(),
    "engine": {"errors"},
    "batch": {"policy", "engine", "errors"},
    "policy": {"engine", "errors"},
    "exchange": {"policy", "engine", "errors"},
    "bill": {"engine", "errors"},
    "simulation": {"policy", "batch", "engine", "errors"},
    "agency": {"policy", "batch", "simulation", "bill", "exchange", "engine", "errors"},
    "cli": {"agency", "batch", "bill", "engine", "errors", "exchange", "policy", "simulation"},
    "": {"batch", "engine", "policy"},
    "__main__": {"cli"},
}
"""The parts of yizhan, and which other parts each may import. Of the agency only its app `laboratory` uses the simulation, and
loads what is heavy in it when a study is computed: pages show stored results without the extra `batch`."""

_APPS = (
    "desk", "staff", "jobs", "providers", "people", "rosters", "enrolment", "filings", "care", "assistance", "supervision",
    "reports", "laboratory", "api", "gateway",
)  # fmt: skip
APP_MAY_IMPORT = {
    **{app: set(_APPS[:place]) for place, app in enumerate(_APPS)},
    "ledger": {"desk", "staff", "jobs"},
}
"""The apps of the agency: each uses only those before it. The ledger knows no person, roster or bill."""
for _app in ("enrolment", "care", "assistance", "api"):
    APP_MAY_IMPORT[_app].add("ledger")

MODULES_ABOVE = {
    "models": {"actions", "queries", "views"},
    "queries": {"views"},
    "actions": {"views"},
}
"""views → actions, queries → models: what each of them must not import from its own app."""

HEAVY = {"numba", "numpy", "pyarrow", "typst"}
HEAVY_AT_TOP = ("src/yizhan/batch/", "src/yizhan/simulation/")

LONGEST_FUNCTION = 70

EXCEPTIONS = {
    ("cryptography in one place", "src/yizhan/agency/demonstration/population.py", "import random"): (
        "made-up people are drawn with a fixed seed, so that they are the same everywhere; nothing of them is secret"
    ),
    ("cryptography in one place", "src/yizhan/agency/gateway/his/wire.py", "import random"): (
        "the faults of a played hospital are drawn with a seed, so that they can be had again; nothing of them is secret"
    ),
    ("long functions", "src/yizhan/engine/steps.py", "pay_layer"): (
        "the steps of a layer, in their order: one list, read from top to bottom, and the source of the compiled loop"
    ),
}
"""(rule, file, what was found) → why it may stay."""


@dataclass(frozen=True)
class Finding:
    """What breaks a rule, and on which line."""

    line: int
    what: str


@dataclass(frozen=True)
class Rule:
    """A rule that can be judged one file at a time. `good` and `bad` are (file, text) pairs."""

    name: str
    about: Callable[[str], bool]
    find: Callable[[str, str], Iterator[Finding]]
    instead: str
    good: tuple[tuple[str, str], ...]
    bad: tuple[tuple[str, str], ...]

    def findings(self, path: str, text: str) -> list[Finding]:
        """What in this file breaks the rule."""
        return list(self.find(path, text)) if self.about(path) else []


# --- Reading imports --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """One imported thing by its full dotted name. `at_top`: carried out when the module is loaded."""

    line: int
    name: str
    at_top: bool


def module_name(path: str) -> str:
    """`src/yizhan/engine/money.py` → `yizhan.engine.money`."""
    return path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(path: str, tree: ast.AST, at_top: bool = True) -> Iterator[Import]:
    """All imports below a node; relative ones made absolute."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name, at_top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                parts = module_name(path).split(".")
                parts = parts[: len(parts) - node.level + path.endswith("/__init__.py")]
                source = ".".join([*parts, source]) if source else ".".join(parts)
            yield from (Import(node.lineno, f"{source}.{alias.name}", at_top) for alias in node.names)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            yield from imports(path, node, at_top and not inside and not for_types)


def ours(name: str) -> list[str]:
    """The dotted name below `yizhan`, in pieces; empty for names of others."""
    pieces = name.split(".")
    return pieces[1:] if pieces[0] == "yizhan" else []


# --- The rules --------------------------------------------------------------------------------------------------------


def _python(path: str) -> bool:
    return path.endswith(".py")


def _source(path: str) -> bool:
    return path.startswith("src/") and _python(path)


def _engine(path: str) -> bool:
    return path.startswith("src/yizhan/engine/") and _python(path)


def _engine_or_policy(path: str) -> bool:
    return _engine(path) or (path.startswith("src/yizhan/policy/") and _python(path))


def _own_text(path: str) -> bool:
    return path != THIS_FILE  # this file has to name what it refuses


def _part(path: str) -> str:
    pieces = ours(module_name(path))
    return pieces[0] if pieces else ""


def find_part_imports(path: str, text: str) -> Iterator[Finding]:
    """Imports between the parts of yizhan that the table does not allow."""
    part = _part(path)
    if part and part not in MAY_IMPORT:
        yield Finding(1, f"{part} is no part of yizhan")
        return
    for found in imports(path, ast.parse(text)):
        pieces = ours(found.name)
        if not pieces or pieces[0] == part or pieces[0].startswith("__"):
            continue
        if pieces[0] not in MAY_IMPORT.get(part, set()):
            yield Finding(found.line, f"{part or 'yizhan/__init__'} imports {pieces[0]}")
        elif part == "agency" and pieces[0] == "simulation" and "/agency/laboratory/" not in path:
            yield Finding(found.line, "only the app laboratory imports simulation")


WRITING = {"create", "bulk_create", "get_or_create", "update_or_create", "bulk_update", "update", "delete", "save"}


def find_foreign_writing(path: str, text: str) -> Iterator[Finding]:
    """Rows of other apps that the gateway makes, changes or removes itself: it translates, and actions decide."""
    tree = ast.parse(text)
    foreign = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and str(node.module).endswith(".models")
        and "gateway" not in str(node.module)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITING):
            continue
        if foreign & {name.id for name in ast.walk(node.func) if isinstance(name, ast.Name)}:
            yield Finding(node.lineno, ast.unparse(node.func))


def find_app_imports(path: str, text: str) -> Iterator[Finding]:
    """Imports between and inside the apps of the agency that the tables do not allow."""
    app, module = ([*ours(module_name(path))[1:], "", ""])[:2]
    if app not in APP_MAY_IMPORT:
        return
    for found in imports(path, ast.parse(text)):
        pieces = ours(found.name)
        if len(pieces) < 2 or pieces[0] != "agency":
            continue
        other = pieces[1]
        if other != app and other in APP_MAY_IMPORT and other not in APP_MAY_IMPORT[app]:
            yield Finding(found.line, f"{app} imports {other}")
        if other == app and set(pieces[2:3]) & MODULES_ABOVE.get(module, set()):
            yield Finding(found.line, f"{app}.{module} imports {pieces[2]}")


IMPURE_MODULES = {
    "asyncio", "glob", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil", "signal",
    "socket", "sqlite3", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
    "django", "psycopg", "rich", "yaml",
}  # fmt: skip
IMPURE_NAMES = {"open", "print", "input"}
IMPURE_ATTRIBUTES = {"now", "today", "utcnow"}


def find_impurity(path: str, text: str) -> Iterator[Finding]:
    """What makes a result depend on anything but the arguments."""
    tree = ast.parse(text)
    for found in imports(path, tree):
        if found.name.split(".")[0] in IMPURE_MODULES:
            yield Finding(found.line, f"import {found.name.split('.')[0]}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in IMPURE_NAMES:
            yield Finding(node.lineno, f"{node.id}()")
        if isinstance(node, ast.Attribute) and node.attr in IMPURE_ATTRIBUTES:
            yield Finding(node.lineno, f".{node.attr}()")


def find_heavy_imports(path: str, text: str) -> Iterator[Finding]:
    """numba, numpy or pyarrow imported as soon as the module is loaded."""
    for found in imports(path, ast.parse(text)):
        if found.at_top and found.name.split(".")[0] in HEAVY:
            yield Finding(found.line, f"import {found.name.split('.')[0]}")


INEXACT_MODULES = {"decimal", "fractions", "statistics"}
INEXACT_ATTRIBUTES = {"divide", "true_divide", "mean", "average"}


def find_inexact(path: str, text: str) -> Iterator[Finding]:
    """Floats, Decimals, true division, and Python's own rounding (half to even)."""
    tree = ast.parse(text)
    for found in imports(path, tree):
        if found.name.split(".")[0] in INEXACT_MODULES:
            yield Finding(found.line, f"import {found.name.split('.')[0]}")
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield Finding(line, f"{node.value!r}")
        elif isinstance(node, ast.Name) and node.id in ("float", "round", "Decimal"):
            yield Finding(line, node.id)
        elif isinstance(node, ast.Attribute) and (node.attr.startswith("float") or node.attr in INEXACT_ATTRIBUTES):
            yield Finding(line, f".{node.attr}")
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield Finding(line, "/")


CRYPTOGRAPHY = {"hashlib", "hmac", "cryptography", "random", "uuid"}


def find_cryptography(path: str, text: str) -> Iterator[Finding]:
    """Algorithms and random numbers outside the module that keeps their register."""
    for found in imports(path, ast.parse(text)):
        if found.name.split(".")[0] in CRYPTOGRAPHY:
            yield Finding(found.line, f"import {found.name.split('.')[0]}")


def find_long_functions(path: str, text: str) -> Iterator[Finding]:
    """Functions that do not fit on a screen."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield Finding(node.lineno, node.name)


def find_star_imports(path: str, text: str) -> Iterator[Finding]:
    """`from x import *`."""
    for found in imports(path, ast.parse(text)):
        if found.name.endswith(".*"):
            yield Finding(found.line, f"from {found.name[:-2]} import *")


_DUMPING_GROUND = re.compile(r"(?:^|/)(common|util|utils|helper|helpers|misc)(?:/|\.py$)")


def find_dumping_ground(path: str, text: str) -> Iterator[Finding]:
    """Modules whose name does not say what they are for."""
    if found := _DUMPING_GROUND.search(path):
        yield Finding(1, found[1])


_TOP_FOLDERS = ("work", "root", "tmp", r"home/\w+", r"Users/\w+")
_MACHINE_PATH = re.compile(rf"(?<![\w.:~-])/(?:{'|'.join(_TOP_FOLDERS)})(?![\w-])")
_UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")


def _find_text(pattern: re.Pattern[str]) -> Callable[[str, str], Iterator[Finding]]:
    def find(path: str, text: str) -> Iterator[Finding]:
        for number, line in enumerate(text.splitlines(), start=1):
            for found in pattern.finditer(line):
                yield Finding(number, found[0])

    return find


ENGINE_FILE = "src/yizhan/engine/money.py"
POLICY_FILE = "src/yizhan/policy/values.py"
GATEWAY_FILE = "src/yizhan/agency/gateway/transactions/stays.py"

RULES = (
    Rule(
        "parts",
        _source,
        find_part_imports,
        "Move what is needed into a part that may be imported, or pass it in as an argument. The table is MAY_IMPORT "
        "in this file.",
        good=(
            (POLICY_FILE, "from yizhan.engine.money import half_up"),
            (POLICY_FILE, "from . import values\nfrom ..errors import BadValue"),
            ("src/yizhan/cli.py", "def main():\n    from yizhan.simulation import run"),
            ("src/yizhan/engine/__init__.py", "from yizhan.engine.settlement import settle\nfrom .money import yuan"),
            ("src/yizhan/agency/laboratory/bench.py", "def f():\n    from yizhan.simulation.run import run"),
        ),
        bad=(
            (ENGINE_FILE, "from yizhan.policy import values"),
            (ENGINE_FILE, "from yizhan import policy"),
            (ENGINE_FILE, "from ..policy.values import money"),
            (ENGINE_FILE, "from yizhan.batch import compiling"),
            (POLICY_FILE, "def f():\n    from yizhan.agency.care import actions"),
            ("src/yizhan/agency/care/queries.py", "from yizhan.simulation import scenarios"),
            ("src/yizhan/errors.py", "import yizhan.engine.money"),
            ("src/yizhan/__init__.py", "from yizhan.agency import running"),
            ("src/yizhan/gateway/transactions.py", ""),
            ("src/yizhan/platform/run.py", ""),
        ),
    ),
    Rule(
        "the gateway writes nothing of others",
        lambda path: path.startswith("src/yizhan/agency/gateway/") and _python(path),
        find_foreign_writing,
        "Call the action that the window calls; add one to the app whose row it is.",
        good=(
            (GATEWAY_FILE, "from yizhan.agency.care.models import Visit\nVisit.objects.filter(pk=1).first()"),
            (GATEWAY_FILE, "from yizhan.agency.gateway.models import Told\nTold.objects.create(sn=1)"),
        ),
        bad=(
            (GATEWAY_FILE, "from yizhan.agency.care.models import Visit\nVisit.objects.create(number='1')"),
            (GATEWAY_FILE, "from yizhan.agency.care.models import Visit\nVisit.objects.filter(pk=1).update(bed='2')"),
            (GATEWAY_FILE, "from yizhan.agency.people.models import Person\nPerson(name='a').save()"),
        ),
    ),
    Rule(
        "apps",
        lambda path: path.startswith("src/yizhan/agency/") and _python(path),
        find_app_imports,
        "An app uses only the apps before it, and inside an app views → actions, queries → models. Let the later app "
        "call the earlier one, or move the function to the app whose subject it is.",
        good=(
            (
                "src/yizhan/agency/care/actions.py",
                "from yizhan.agency.ledger.actions import post\nfrom . import models",
            ),
            ("src/yizhan/agency/settings.py", "from yizhan.agency.reports import views"),
        ),
        bad=(
            ("src/yizhan/agency/people/queries.py", "from yizhan.agency.care.models import Visit"),
            ("src/yizhan/agency/ledger/actions.py", "from yizhan.agency.people import queries"),
            ("src/yizhan/agency/supervision/views.py", "from ..ledger import queries"),
            ("src/yizhan/agency/care/models.py", "from .actions import settle_visit"),
        ),
    ),
    Rule(
        "pure engine",
        _engine,
        find_impurity,
        "The engine computes from its arguments only: pass in the day, the text or the random seed, and let policy, "
        "batch, simulation or cli read, print and look at the clock.",
        good=((ENGINE_FILE, "from datetime import date\n\ndef day(on: date) -> int:\n    return on.year"),),
        bad=(
            (ENGINE_FILE, "from pathlib import Path"),
            (ENGINE_FILE, "def f():\n    import os.path"),
            (ENGINE_FILE, "from datetime import date\non = date.today()"),
            (ENGINE_FILE, "print(1)"),
            (ENGINE_FILE, "text = open('a').read()"),
        ),
    ),
    Rule(
        "heavy imports",
        lambda path: _source(path) and not path.startswith(HEAVY_AT_TOP),
        find_heavy_imports,
        "Import it inside the function that needs it: one bill at the window must not wait a second for the compiler, "
        "and must work without the extra `batch`.",
        good=(
            ("src/yizhan/batch/tables.py", "import numba"),
            ("src/yizhan/simulation/run.py", "import numpy as np"),
            ("src/yizhan/cli.py", "def batch():\n    import pyarrow.parquet as pq"),
            (ENGINE_FILE, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy as np"),
        ),
        bad=(
            ("src/yizhan/cli.py", "import pyarrow.parquet"),
            (ENGINE_FILE, "try:\n    import numba\nexcept ImportError:\n    numba = None"),
        ),
    ),
    Rule(
        "integers only",
        _engine,
        find_inexact,
        "Count fen and ten-thousandths in whole numbers; divide with money.half_up, or with // where no rounding is "
        "meant (docs/adr/0004-integers-only.md).",
        good=((ENGINE_FILE, "def half(fen: int, /) -> int:\n    return fen // 2"),),
        bad=(
            (ENGINE_FILE, "rate = 0.7"),
            (ENGINE_FILE, "half = fen / 2"),
            (ENGINE_FILE, "fen /= 2"),
            (ENGINE_FILE, "share = float(fen)"),
            (ENGINE_FILE, "def f(x: float) -> int: ..."),
            (ENGINE_FILE, "fen = round(fen, -2)"),
            (ENGINE_FILE, "from decimal import Decimal"),
            (ENGINE_FILE, "import numpy as np\ncolumn = column.astype(np.float64)"),
            (ENGINE_FILE, "middle = amounts.mean()"),
        ),
    ),
    Rule(
        "cryptography in one place",
        lambda path: path.startswith("src/yizhan/agency/") and _python(path) and not path.endswith("/agency/crypto.py"),
        find_cryptography,
        "Call agency.crypto, whose REGISTRY names every algorithm and its use (docs/crypto.md); secrets come from the module `secrets`.",
        good=(
            ("src/yizhan/agency/crypto.py", "import hashlib"),
            ("src/yizhan/agency/staff/seals.py", "import secrets\nfrom yizhan.agency import crypto"),
        ),
        bad=(
            ("src/yizhan/agency/staff/seals.py", "from hashlib import sha256"),
            ("src/yizhan/agency/people/sealing.py", "from cryptography.hazmat import primitives"),
            ("src/yizhan/agency/staff/factors.py", "import random"),
        ),
    ),
    Rule(
        "long functions",
        _engine_or_policy,
        find_long_functions,
        f"A function of the engine or of policy has at most {LONGEST_FUNCTION} lines: give its paragraphs names. If it is "
        "one table or one ladder of cases that reads best in one piece, add it to EXCEPTIONS with that reason.",
        good=((ENGINE_FILE, "def f():\n" + "    a = 1\n" * (LONGEST_FUNCTION - 1)),),
        bad=(
            (ENGINE_FILE, "def f():\n" + "    a = 1\n" * LONGEST_FUNCTION),
            (POLICY_FILE, "class A:\n    def f(self):\n" + "        a = 1\n" * LONGEST_FUNCTION),
        ),
    ),
    Rule(
        "star imports",
        _python,
        find_star_imports,
        "Name what you import, so that a reader can see where a name comes from.",
        good=((ENGINE_FILE, "from yizhan.engine.money import half_up"),),
        bad=(
            (ENGINE_FILE, "from yizhan.engine.money import *"),
            ("tests/test_money.py", "from yizhan.engine import *"),
        ),
    ),
    Rule(
        "dumping grounds",
        _python,
        find_dumping_ground,
        "Move each function to the noun that it serves; a function used once moves back to its caller.",
        good=((ENGINE_FILE, ""), ("src/yizhan/engine/common_ratio.py", "")),
        bad=(("src/yizhan/utils.py", ""), ("src/yizhan/agency/common/models.py", ""), ("tests/helpers.py", "")),
    ),
    Rule(
        "machine paths",
        _own_text,
        _find_text(_MACHINE_PATH),
        "Name files from the folder of the project; in tests use tmp_path.",
        good=(
            ("docs/a.md", "see docs/home/li/a.md and https://example.org/Users/li/a"),
            (ENGINE_FILE, "# in/home/li or ~/Users/li, /homework/li"),
        ),
        bad=(
            *(("docs/a.md", f"see /{folder}/a") for folder in _TOP_FOLDERS[:3]),
            ("policies/a.md", "> /Users/li/a"),
            ("README.md", "`/home/li/yizhan`"),
        ),
    ),
    Rule(
        "stopwatches",
        lambda path: "/test_" in path and path != "tests/test_architecture.py",
        _find_text(re.compile(r"\bperf_counter\(")),
        "A busy machine is slow: count statements or steps, and measure with ./yizhan bench.",
        good=(("tests/test_money.py", "assert len(statements) == 3"),),
        bad=(("tests/agency/test_care.py", "started = time.perf_counter()"),),
    ),
    Rule(
        "days without ends",
        lambda path: path.startswith("src/yizhan/agency/") and path != "src/yizhan/agency/desk/fields.py",
        _find_text(re.compile(r"forms\.DateField\(")),
        "Use DayField (desk.fields): the calendar's own ends have no day before or after them.",
        good=(("src/yizhan/agency/people/forms.py", 'on = DayField(label="")'),),
        bad=(("src/yizhan/agency/people/forms.py", "on = forms.DateField()"),),
    ),
    Rule(
        "unfinished",
        _own_text,
        _find_text(_UNFINISHED),
        "Finish it, leave it out, or say in words what is not done and why (policy documents: > 不建模：…).",
        good=((ENGINE_FILE, "# todos los casos"),),
        bad=((ENGINE_FILE, "# TODO: round"), ("docs/a.md", "FIXME"), ("policies/a.md", "起付标准 XXX 元")),
    ),
)
BY_NAME = {rule.name: rule for rule in RULES}


# --- The files --------------------------------------------------------------------------------------------------------

_SINGLE_FILES = ("README.md", "README.en.md", "CHANGELOG.md", "pyproject.toml", "yizhan", ".ci/run")
_SUFFIXES = {".py", ".md", ".toml", ".json", ".html", ".css", ".js", ".sql", ".txt", ".csv"}


@cache
def files() -> Mapping[str, str]:
    """Every text of ours, by its path in the project."""
    found = [ROOT / name for name in _SINGLE_FILES]
    for folder in ("src", "tests", "policies", "docs"):
        found += [path for path in sorted((ROOT / folder).rglob("*")) if path.suffix in _SUFFIXES]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in found if path.is_file()}


# --- The tests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BY_NAME)
def test_rule_accepts_good_lines(name: str) -> None:
    for path, text in BY_NAME[name].good:
        assert not BY_NAME[name].findings(path, text), (path, text)


@pytest.mark.parametrize("name", BY_NAME)
def test_rule_refuses_bad_lines(name: str) -> None:
    for path, text in BY_NAME[name].bad:
        assert BY_NAME[name].findings(path, text), (path, text)


@pytest.mark.parametrize("name", BY_NAME)
def test_rule_is_kept(name: str) -> None:
    rule = BY_NAME[name]
    broken = [
        f"{path}:{finding.line}: {finding.what}"
        for path, text in files().items()
        for finding in rule.findings(path, text)
        if (name, path, finding.what) not in EXCEPTIONS
    ]
    assert not broken, "\n".join([f"house rule “{name}”:", *broken, rule.instead])


def test_no_exception_is_stale() -> None:
    for name, path, what in EXCEPTIONS:
        found = {finding.what for finding in BY_NAME[name].findings(path, files().get(path, ""))}
        assert what in found, f"{path} keeps rule “{name}” again as to {what}: take it out of EXCEPTIONS"


# Loaded by name by Django or Python itself, so that no import shows it.
_FOUND_BY_NAME = re.compile(
    r"(?:^|\.)(?:cli|__main__|settings|urls|wsgi|asgi|apps|admin|migrations(?:\.\w+)?|templatetags\.\w+"
    r"|work|management\.commands\.\w+)$"
)


def unused_modules(sources: Mapping[str, str]) -> list[str]:
    """Modules that no other module imports, or names in a string (as Django settings do)."""
    modules = {module_name(path): path for path in sources}
    used: set[str] = set()
    for path, text in sources.items():
        tree = ast.parse(text)
        names = [found.name for found in imports(path, tree)]
        names += [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        for name in names:
            pieces = name.split(".") if name.startswith("yizhan.") else []
            used |= {".".join(pieces[:k]) for k in range(len(pieces), 0, -1)} - {module_name(path)}
    return sorted(
        path
        for module, path in modules.items()
        if module not in used and not path.endswith("/__init__.py") and not _FOUND_BY_NAME.search(module)
    )


def test_unused_modules_are_found() -> None:
    sources = {
        "src/yizhan/cli.py": "from yizhan.engine import money\nAPP = 'yizhan.agency.jobs.run'",
        "src/yizhan/agency/jobs.py": "",
        "src/yizhan/engine/__init__.py": "",
        "src/yizhan/engine/money.py": "from yizhan.engine.money import half_up",
        "src/yizhan/engine/ratio.py": "from yizhan.engine.ratio import itself",
    }
    assert unused_modules(sources) == ["src/yizhan/engine/ratio.py"]


def test_every_module_is_imported_by_another() -> None:
    unused = unused_modules({path: text for path, text in files().items() if _source(path)})
    assert not unused, f"nothing imports {', '.join(unused)}: use it, or delete it (tests alone do not keep code alive)"


def test_starting_loads_no_compiler() -> None:
    code = f"import sys, yizhan.cli; print(*sorted({HEAVY!r} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.strip()
    assert not loaded, f"importing yizhan.cli loads {loaded}. {BY_NAME['heavy imports'].instead}"


# --- Decisions and locks ----------------------------------------------------------------------------------------------

ADR_HEADINGS = ["Context", "Decision", "Consequences", "Kept true by"]
_TEST_NAMED = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")


def adr_faults(name: str, text: str, sources: Mapping[str, str]) -> list[str]:
    """What is wrong with one decision record."""
    faults = []
    number = name[:4]
    if not re.fullmatch(r"[0-9]{4}-[a-z0-9-]+\.md", name):
        faults.append("the file's name should be 0001-words-like-these.md")
    if not text.startswith(f"# {number.lstrip('0')}. "):
        faults.append(f"the first line should be “# {number.lstrip('0')}. Title”")
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    if headings != ADR_HEADINGS:
        faults.append(f"the headings should be {ADR_HEADINGS}, found {headings}")
    for path, test in _TEST_NAMED.findall(text.partition("## Kept true by")[2]):
        if path not in sources:
            faults.append(f"{path} does not exist")
        elif test and f"def {test}(" not in sources[path]:
            faults.append(f"{path} has no {test}")
    return faults


def test_adr_faults_are_found() -> None:
    body = "".join(f"## {heading}\nText.\n" for heading in ADR_HEADINGS)
    sources = {"tests/test_a.py": "def test_b() -> None: ..."}
    assert not adr_faults("0012-a.md", f"# 12. A\n{body}tests/test_a.py::test_b", sources)
    assert adr_faults("12-a.md", f"# 12. A\n{body}", sources)
    assert adr_faults("0012-a.md", f"# A\n{body}", sources)
    assert adr_faults("0012-a.md", "# 12. A\n## Context\n## Decision\n", sources)
    assert adr_faults("0012-a.md", f"# 12. A\n{body}tests/test_a.py::test_c", sources)
    assert adr_faults("0012-a.md", f"# 12. A\n{body}tests/test_z.py", sources)


def test_decisions_are_complete() -> None:
    records = {path.rpartition("/")[2]: text for path, text in files().items() if path.startswith("docs/adr/")}
    faults = [
        f"docs/adr/{name}: {fault}" for name, text in records.items() for fault in adr_faults(name, text, files())
    ]
    assert not faults, "\n".join(faults)
    numbers = [int(name[:4]) for name in sorted(records)]
    assert numbers == list(range(1, len(numbers) + 1)), f"decision numbers should run from 1 without gaps: {numbers}"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_have_hashes_and_name_no_host(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text, f"{name} names a host: renew it as docs/development.md says"
    entries = re.split(r"\n(?=[a-z0-9])", text)
    unhashed = [entry.split()[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry]
    assert not unhashed, f"{name}: {unhashed} without hashes: renew it as docs/development.md says"
