"""Tables that answer a question, for the terminal, a page, a workbook; kept as JSON and read again without what made them.

A cell is a whole number of fen, a share, a count or a word; the kind stands with the column, and each reader prints it its
own way. Nothing heavy is loaded here, so that a page can show what a run found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from yizhan.engine.facts import FACTS
from yizhan.engine.money import yuan_grouped


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading, and its kind: text, said (a pair, zh and en), identity, flag, count,
    fen, wan (ten-thousand yuan, kept in fen), share or number."""

    zh: str
    en: str
    kind: str


@dataclass(frozen=True)
class Table:
    """A question, its columns, and the rows that answer it. A cell may be None where there is nothing to say."""

    key: str
    zh: str
    en: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    note_zh: str = ""
    note_en: str = ""


ALL_OF_THEM = ("全部", "all of them")
"""What stands for everybody in a column of kind `said`."""


def shown(kind: str, value: Any, lang: str) -> str:
    """A cell as people read it."""
    zh = lang == "zh"
    if value is None:
        return "—"
    if kind == "said":
        return str(value[0 if zh else 1])
    if kind == "identity":
        return identity_words(value, lang)
    if kind == "flag":
        return ("是" if zh else "yes") if value else ""
    if kind == "fen":
        return yuan_grouped(int(value))
    if kind == "wan":
        return f"{value / 1_000_000:,.2f}"
    if kind == "share":
        return f"{value:.2%}"
    if kind == "count":
        return f"{int(value):,}"
    return f"{value:,.3f}" if kind == "number" else str(value)


def identity_words(code: str, lang: str) -> str:
    """特困; for none, 普通人群."""
    return FACTS["identity"].word(code, lang) if code else ("普通人群" if lang == "zh" else "no identity of need")


def in_english(table: Table, english: Mapping[str, str]) -> Table:
    """A table whose words of kind `text`, and the layers in its headings, are in English where `english` knows them."""

    def head(en: str) -> str:
        layer = next((name for name in english if en.startswith(name)), "")
        return en.replace(layer, english[layer], 1) if layer else en

    kinds = [column.kind for column in table.columns]
    return replace(
        table, columns=tuple(replace(column, en=head(column.en)) for column in table.columns),
        rows=tuple(
            tuple(english.get(cell, cell) if kind == "text" and isinstance(cell, str) else cell for kind, cell in zip(kinds, row, strict=True))
            for row in table.rows
        ),
    )  # fmt: skip


def as_data(table: Table) -> dict[str, Any]:
    """A table as JSON keeps it: {key, zh, en, note_zh, note_en, columns: [[zh, en, kind]], rows}."""
    return {
        "key": table.key, "zh": table.zh, "en": table.en, "note_zh": table.note_zh, "note_en": table.note_en,
        "columns": [[c.zh, c.en, c.kind] for c in table.columns], "rows": [[plain(cell) for cell in row] for row in table.rows],
    }  # fmt: skip


def plain(cell: Any) -> Any:
    """A cell without NumPy's kinds of numbers, which JSON does not know."""
    if isinstance(cell, tuple | list):
        return [plain(part) for part in cell]
    return cell.item() if hasattr(cell, "item") else cell


def of_data(data: Mapping[str, Any]) -> Table:
    """The table that `as_data` kept."""
    return Table(
        data["key"], data["zh"], data["en"], tuple(Column(*column) for column in data["columns"]),
        tuple(tuple(row) for row in data["rows"]), data["note_zh"], data["note_en"],
    )  # fmt: skip
