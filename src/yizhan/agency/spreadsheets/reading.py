"""Reads tables that people send, without ever opening one: `child.py` does, in a process that may be lost.

The parent gives the child an open file and nothing else (no environment, no other file, a clock), and takes what it wrote
once it has ended well. However it ends otherwise, the sender is told in words.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from yizhan.agency.spreadsheets import child
from yizhan.agency.spreadsheets.problems import (
    MacroRefused,
    MalwareSuspected,
    OldWorkbook,
    ScanFailed,
    UnknownKind,
    UnreadableWorkbook,
    UploadNeedsTooMuch,
    UploadTooLarge,
    problem_from_child,
)
from yizhan.errors import InputProblem, Problems


@dataclass(frozen=True)
class Limits:
    """The largest table accepted. A CSV file is not packed, so `unpacked_bytes` is its limit."""

    packed_bytes: int = 20 << 20
    unpacked_bytes: int = 200 << 20
    ratio: int = 100
    members: int = 50
    rows: int = 200_000
    columns: int = 100
    line_characters: int = 1_000_000
    memory_bytes: int = 1 << 30
    cpu_seconds: int = 60
    wall_seconds: int = 120


LIMITS = Limits()
SCAN_SECONDS = 120


class Rows:
    """Rows of a table in the order of the file: (row number as Excel shows it, texts). Read lazily, as often as wanted."""

    def __init__(self, file: IO[bytes], count: int) -> None:
        self._file = file
        self._count = count
        weakref.finalize(self, file.close)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        place = 0
        while True:
            self._file.seek(place)
            lines = self._file.readlines(child.CHUNK)
            if not lines:
                return
            place = self._file.tell()
            for line in lines:
                number, cells = json.loads(line)
                yield number, tuple(cells)


@dataclass(frozen=True)
class Table:
    """A table as somebody sent it. Each row has one text for each column; an empty cell is an empty text."""

    columns: tuple[str, ...]
    rows: Rows


def read_table(
    source: Path | bytes, filename: str, *, limits: Limits = LIMITS, sheet: str | None = None,
    scan_command: str | None = None,
) -> Table:  # fmt: skip
    """Read the first visible sheet of a workbook, or the one named `sheet`, or a CSV file.

    `filename` is the sender's: only its ending counts. The header is the first row with two filled cells within the first
    ten rows; empty rows are left out. Cells are text as a person sees it: dates as 2019-10-01, whole numbers without
    decimals, no spaces around. `scan_command` is run on the file first and must end with 0; without it, what
    YIZHAN_SCAN_COMMAND says. Raises Problems: all that is wrong with the file.
    """
    kind = _kind(filename)
    with tempfile.NamedTemporaryFile(suffix=f".{kind}") if isinstance(source, bytes) else source.open("rb") as file:
        if isinstance(source, bytes):
            file.write(source)
            file.flush()
        size = os.fstat(file.fileno()).st_size
        most = limits.packed_bytes if kind == "xlsx" else limits.unpacked_bytes
        if size > most:
            raise Problems([UploadTooLarge(found_mb=-(-size >> 20), most_mb=most >> 20)])
        scan(Path(file.name), os.environ.get("YIZHAN_SCAN_COMMAND", "") if scan_command is None else scan_command)
        file.seek(0)
        return read_in_child(file, {"kind": kind, "sheet": sheet, "limits": asdict(limits)}, limits.wall_seconds)


def _kind(filename: str) -> str:
    ending = Path(filename).suffix.lower()
    if ending in (".xlsx", ".csv"):
        return ending[1:]
    if ending in (".xls", ".et"):
        raise Problems([OldWorkbook()])
    if ending in (".xlsm", ".xltm", ".xlsb", ".xlam"):
        raise Problems([MacroRefused()])
    raise Problems([UnknownKind()])


def scan(file: Path, command: str) -> None:
    """Let the bureau's scanner look at a file: `command`, split as a shell would, with the file's path behind it.

    An empty command is no scan. Raises Problems where the scanner ends with anything but 0, or does not end.
    """
    if not command:
        return
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    try:
        done = subprocess.run(
            [*shlex.split(command), str(file.resolve())], check=False, timeout=SCAN_SECONDS, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.TimeoutExpired) as fault:
        raise Problems([ScanFailed()]) from fault
    if done.returncode:
        raise Problems([MalwareSuspected()])


def read_in_child(
    file: IO[bytes], request: dict[str, object], wall_seconds: int, script: Path = Path(child.__file__)
) -> Table:
    """Let `script`, in a process of its own, read the open file as `request` asks, and take the table that it found.

    Raises Problems: those that it found, or one about how it ended.
    """
    with ExitStack() as kept, tempfile.TemporaryFile() as says:
        rows = kept.enter_context(tempfile.TemporaryFile())
        # -I and -S: neither the environment, nor the folder, nor any installed package is looked at.
        command = [sys.executable, "-I", "-P", "-S", "-X", "utf8", str(script), json.dumps(request)]
        with subprocess.Popen(command, stdin=file, stdout=rows, stderr=says, env={}, cwd=os.sep) as process:
            try:
                process.wait(wall_seconds)
            except BaseException as fault:
                process.kill()
                if isinstance(fault, subprocess.TimeoutExpired):
                    raise Problems([UploadNeedsTooMuch()]) from fault
                raise
        says.seek(max(0, says.seek(0, os.SEEK_END) - child.CHUNK))
        outcome = _outcome(process.returncode, says.read())
        if problems := outcome.get("problems"):
            raise Problems([problem_from_child(code, found) for code, found in problems])
        kept.pop_all()  # the rows stay open as long as somebody holds them
        return Table(tuple(outcome["columns"]), Rows(rows, outcome["rows"]))


def _outcome(returncode: int, said: bytes) -> dict:
    """What the child said at its end."""
    if returncode == 0:
        return json.loads(said.splitlines()[-1])
    too_much = returncode in (-signal.SIGXCPU, -signal.SIGKILL)  # the system kills what passes its limit of seconds
    problem: InputProblem = UploadNeedsTooMuch() if too_much else UnreadableWorkbook()
    raise Problems([problem])
