"""From a catalogue's file to its items: every cell checked, all that is wrong named at once, the rows loaded in one piece."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from yizhan.agency.providers.columns import (
    CLASS_ALSO,
    Column,
    item_columns,
    limit_code,
    places,
    read_fen,
    read_ratio,
    read_yes,
    reader,
)
from yizhan.agency.providers.errors import CellWrong, CodeTwice, FileEmpty, MoreProblems
from yizhan.agency.providers.kinds import CHARGE_WORDS, CLASSES, FEES, FEES_OF, LEVELS
from yizhan.agency.spreadsheets import Table
from yizhan.engine.money import RATIO_ONE
from yizhan.errors import Problem, Problems

MOST_PROBLEMS = 100
"""Problems of a file that are listed; the others are counted."""

_LONGEST = {"code": 30, "name": 200, "spec": 200, "unit": 30, "restriction": 500}
_FIELDS = (
    "code", "name", "spec", "unit", "payment_class", "first_pay", "limits", "restriction", "negotiated", "rehabilitation", "fee",
    "charge",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the rows of one catalogue. `problems` grows; what was wrong has no row."""

    kind: str
    columns: Mapping[str, Column]
    places: Mapping[str, int]
    problems: list[Problem]

    def read(self, number: int, cells: tuple[str, ...]) -> tuple[Any, ...] | None:
        """The values of _FIELDS, or None."""
        before = len(self.problems)
        text = {code: cells[place].strip() for code, place in self.places.items()}
        for code, longest in _LONGEST.items():
            if len(text.get(code, "")) > longest:
                self.refuse(number, code, f"超过{longest}个字", f"more than {longest} characters")
        for code in ("code", "name"):
            if not text[code]:
                self.refuse(number, code, "不能空着", "may not be empty")
        payment_class = self._word(number, "class", _CLASS_OF(text["class"]), "应为甲类、乙类或丙类", "class A, B or C")
        first_pay = self._ratio(number, payment_class, text.get("ratio", ""))
        limits = {}
        for level in LEVELS:
            if cell := text.get(limit_code(level), ""):
                fen = read_fen(cell)
                if fen is None:
                    self.refuse(
                        number,
                        limit_code(level),
                        f"“{cell}”不是元数（最多两位小数）",
                        f"“{cell}” is no amount of yuan with at most two decimals",
                    )
                limits[level] = fen
        fee = (
            FEES_OF[self.kind][0]
            if not text.get("fee") and len(FEES_OF[self.kind]) == 1
            else _FEE_OF(text.get("fee", ""))
        )
        if fee not in FEES_OF[self.kind]:
            allowed = [FEES[code] for code in FEES_OF[self.kind]]
            self.refuse(
                number, "fee", "应为" + "、".join(words.zh for words in allowed), "one of " + ", ".join(words.en for words in allowed)
            )  # fmt: skip
        charge = ""
        if text.get("charge"):
            charge = self._word(number, "charge", _CHARGE_OF(text["charge"]), "不认识这种单列收费", "unknown charge")
        flags = {}
        for code in ("negotiated", "rehabilitation"):
            flag = read_yes(text.get(code, ""))
            if flag is None:
                self.refuse(number, code, "应为“是”或“否”", "是 or 否")
            flags[code] = flag
        if len(self.problems) > before:
            return None
        return (
            text["code"], text["name"], text.get("spec", ""), text.get("unit", ""), payment_class, first_pay, json.dumps(limits),
            text.get("restriction", ""), flags["negotiated"], flags["rehabilitation"], fee, charge,
        )  # fmt: skip

    def refuse(self, number: int, code: str, why_zh: str, why_en: str) -> None:
        """Note what is wrong with a cell."""
        words = self.columns[code].words
        self.problems.append(
            CellWrong(row=number, column_zh=words.zh, column_en=words.en, why_zh=why_zh, why_en=why_en)
        )

    def _word(self, number: int, code: str, found: str | None, why_zh: str, why_en: str) -> str:
        if found is None:
            self.refuse(number, code, why_zh, why_en)
        return found or ""

    def _ratio(self, number: int, payment_class: str, cell: str) -> int:
        due = {"a": 0, "c": RATIO_ONE}.get(payment_class)
        if not cell:
            if payment_class == "b":
                self.refuse(number, "ratio", "乙类必须写先付比例", "class B needs its first-pay ratio")
            return due or 0
        ratio = read_ratio(cell)
        if ratio is None:
            self.refuse(number, "ratio", f"“{cell}”不是比例，请写成10%", f"“{cell}” is no ratio; write it as 10%")
        elif due is not None and ratio != due:
            self.refuse(number, "ratio", "甲类应为0，丙类应为100%", "0 in class A, 100% in class C")
        return ratio or 0


_CLASS_OF = reader(CLASSES, also=CLASS_ALSO)
_FEE_OF = reader(FEES)
_CHARGE_OF = reader(CHARGE_WORDS)


def listed(problems: list[Problem]) -> list[Problem]:
    """The first problems, and how many more there are."""
    left = len(problems) - MOST_PROBLEMS
    return [*problems[:MOST_PROBLEMS], MoreProblems(count=left)] if left > 0 else problems


def load_items(version: int, kind: str, table: Table) -> int:
    """Put the rows of a file into a version that is being read. Returns how many. Raises Problems: all that is wrong.

    COPY goes into a temporary table: into one with row security PostgreSQL refuses it.
    """
    columns = item_columns(kind)
    found = _Reader(kind, columns, places(table.columns, columns), [])
    if not len(table.rows):
        raise Problems([FileEmpty()])
    names = ", ".join(_FIELDS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"create temp table catalogue_rows on commit drop as select {names} from providers_item with no data"
        )
        with cursor.copy(f"copy catalogue_rows ({names}) from stdin") as copy:
            for row in _rows(found, table):
                copy.write_row(row)
        if found.problems:
            raise Problems(listed(found.problems))
        cursor.execute("delete from providers_item where version_id = %s", [version])
        cursor.execute(
            f"insert into providers_item (version_id, {names}) select %s, {names} from catalogue_rows order by code",
            [version],
        )
        count = cursor.rowcount
        cursor.execute("drop table catalogue_rows")
    return count


def _rows(found: _Reader, table: Table) -> Iterator[tuple[Any, ...]]:
    seen: dict[str, int] = {}
    for number, cells in table.rows:
        row = found.read(number, cells)
        if row is None:
            continue
        if (other := seen.setdefault(row[0], number)) != number:
            found.problems.append(CodeTwice(row=number, found=row[0], other=other))
        else:
            yield row
