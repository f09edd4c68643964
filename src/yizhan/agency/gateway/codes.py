"""Code tables: our words and the codes of the interface, by area and by day. Data: files of the folder `codes`.

A file is named by an area and holds tables; what a county says goes before its city's, province's and the nation's, code by
code. A table that was not found in any public source is a stand-in, and says so (docs/gateway.md lists them).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).parent / "codes"


@dataclass(frozen=True, slots=True)
class Table:
    """One table of one area, in force from a day until the next of its kind."""

    area: str
    kind: str
    from_on: date
    source: str
    stand_in: bool
    values: Mapping[str, str]


@lru_cache(maxsize=1)
def tables() -> tuple[Table, ...]:
    """All tables of all areas, those of a kind and area in the order of their days."""
    found = []
    for path in sorted(HERE.glob("*.toml")):
        for row in tomllib.loads(path.read_text(encoding="utf-8"))["table"]:
            values = {str(key): str(value) for key, value in row["values"].items()}
            found.append(Table(path.stem, row["kind"], row["from"], row["source"], row.get("stand_in", False), values))
    return tuple(sorted(found, key=lambda t: (t.area, t.kind, t.from_on)))


@lru_cache(maxsize=2048)
def table(area_path: str, kind: str, on: date) -> Mapping[str, str]:
    """The codes of a kind in an area on a day."""
    whole: dict[str, str] = {}
    for area in area_path.split("."):
        in_force = [t for t in tables() if (t.area, t.kind) == (area, kind) and t.from_on <= on]
        if in_force:
            whole |= in_force[-1].values
    return whole


def code(area_path: str, kind: str, value: str, on: date) -> str:
    """What a table has for a value; "" where it has nothing."""
    return table(area_path, kind, on).get(value, "")


def by_prefix(area_path: str, kind: str, value: str, on: date) -> str:
    """The same for a code that may be longer than the table's: local codes begin with the national ones."""
    found = table(area_path, kind, on)
    for length in range(len(value), 0, -1):
        if value[:length] in found:
            return found[value[:length]]
    return ""


def division(area_path: str) -> str:
    """The six digits of the county in which an area lies; of what lies in none, its own."""
    parts = area_path.strip(".").split(".")
    return parts[min(3, len(parts) - 1)][:6]
