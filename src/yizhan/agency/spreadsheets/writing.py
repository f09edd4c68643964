"""Writes tables for people: workbooks, CSV files, and the templates that they fill in.

Text stays text. A name that begins with `=` is neither a formula in a workbook nor, thanks to a leading ', in a CSV file;
an ID number keeps its eighteen digits. Amounts are fen until the last step, which is exact.
"""

from __future__ import annotations

import csv
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, Literal

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from yizhan.agency.spreadsheets.child import EXACT_DIGITS, LONGEST_TEXT, column_letters, guarded
from yizhan.agency.spreadsheets.problems import Cells, CellTooLong
from yizhan.engine.money import yuan
from yizhan.errors import AmountTooLarge

Kind = Literal["text", "amount", "date", "integer"]
Value = str | int | date | None
Target = Path | BinaryIO

MOST_FEN = 10**13
"""The largest amount written, in fen; a workbook holds fifteen digits exactly."""

ROWS_PER_SHEET = 1_048_576
"""Rows that a sheet can have."""

_FORMATS = {"text": "@", "amount": "#,##0.00", "date": "yyyy-mm-dd", "integer": "0"}
_WIDTHS = {"text": 16, "amount": 16, "date": 12, "integer": 10}
_NO_XML = dict.fromkeys([*range(0xD800, 0xE000), 0xFFFE, 0xFFFF])
_BOLD = {"bold": True, "bg_color": "#E8EEF7", "bottom": 1, "valign": "vcenter"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
"""The media type of a workbook."""

_FIRST_1900 = date(1900, 1, 1)


@dataclass(frozen=True)
class Column:
    """A column of a table. Values are str, fen (int), date or int by its kind; None and "" are an empty cell."""

    name: str
    kind: Kind = "text"
    width: int | None = None


@dataclass(frozen=True)
class Sheet:
    """A sheet: rows of one value for each column. `note` stands in a line above the header."""

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Value]]
    note: str = ""


@dataclass(frozen=True)
class TemplateColumn:
    """A column that people fill in: what it means in zh and en, the values it allows, and examples of them."""

    name: str
    zh: str
    en: str
    kind: Kind = "text"
    required: bool = False
    choices: Sequence[str] = ()
    examples: Sequence[str] = ()
    width: int | None = None


class _PlainTextSheet(Worksheet):
    """XlsxWriter puts a text between <r> and </r> into the file as XML, trusting it. Nobody of ours writes such XML."""

    def _xml_rich_inline_string(self, string: str, attributes: Any = ()) -> None:
        self._xml_inline_string(string, False, attributes)

    def drop(self) -> None:
        """Close the working file, if it is still open."""
        if not self.row_data_fh_closed:
            self._opt_close()


class _Book:
    """A workbook being written, with one format for each kind of column."""

    def __init__(self, file: BinaryIO, folder: str) -> None:
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "tmpdir": folder,
        }
        self.book = xlsxwriter.Workbook(file, options)
        self.formats = {kind: self.book.add_format({"num_format": code}) for kind, code in _FORMATS.items()}
        self.bold = self.book.add_format(_BOLD)
        self.wrapped = self.book.add_format({"text_wrap": True, "valign": "top"})
        self._names: set[str] = set()

    def add_sheet(self, name: str, suffix: str = "") -> Worksheet:
        """A new sheet; its name shortened, and freed of what Excel refuses, as far as needed."""
        name = "".join("_" if letter in "[]:*?/\\'" or not letter.isprintable() else letter for letter in name) or "_"
        place = 1
        unique = name[: 31 - len(suffix)] + suffix
        while unique.lower() in self._names | {"history"}:
            place += 1
            unique = name[: 31 - len(suffix) - len(f"_{place}")] + f"_{place}{suffix}"
        self._names.add(unique.lower())
        return self.book.add_worksheet(unique, _PlainTextSheet)

    def set_columns(self, sheet: Worksheet, columns: Sequence[Column | TemplateColumn]) -> None:
        """Give columns their widths and formats, so that what is typed into them stays what it is."""
        for place, column in enumerate(columns):
            width = column.width or max(_WIDTHS[column.kind], _shown_width(column.name) + 2)
            sheet.set_column(place, place, width, self.formats[column.kind])

    def write(self, sheet: Worksheet, row: int, column: int, kind: Kind, value: Value) -> None:
        """Write one value. Raises AmountTooLarge, CellTooLong, and TypeError for a value of another kind."""
        if value is None or value == "":
            return
        if kind == "text":
            write_text(sheet, row, column, value)
        elif kind == "date":
            if not isinstance(value, date):
                raise TypeError(f"not a date: {type(value).__name__}")
            if value < _FIRST_1900:  # before the calendar of Excel
                write_text(sheet, row, column, value.isoformat())
            else:
                sheet.write_datetime(row, column, value, self.formats["date"])
        elif isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"not a whole number: {type(value).__name__}")
        elif kind == "amount":
            # Thirteen digits and a point: the nearest number that a workbook can hold shows every fen.
            sheet.write_number(row, column, Decimal(checked_fen(value)).scaleb(-2), self.formats["amount"])
        elif abs(value) < 10**EXACT_DIGITS:
            sheet.write_number(row, column, value, self.formats["integer"])
        else:
            write_text(sheet, row, column, str(value))


def write_text(sheet: Worksheet, row: int, column: int, value: Value, cell_format: Any = None) -> None:
    """Write text, whole and as text. Raises CellTooLong, and TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"not text: {type(value).__name__}")
    # -2: it was cut.
    if len(value) > LONGEST_TEXT or sheet.write_string(row, column, value.translate(_NO_XML), cell_format) == -2:
        raise CellTooLong(cells=Cells([f"{column_letters(column)}{row + 1}"], 1))


def checked_fen(fen: int) -> int:
    """An amount that a workbook shows exactly. Raises AmountTooLarge."""
    if abs(fen) > MOST_FEN:
        raise AmountTooLarge(value=yuan(fen), most=yuan(MOST_FEN))
    return fen


def _shown_width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


@contextmanager
def _whole(target: Target) -> Iterator[BinaryIO]:
    """A file to write. It takes its place under a path only when all is done."""
    if not isinstance(target, Path):
        yield target
        return
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def _book(target: Target) -> Iterator[_Book]:
    """A workbook to write. Its working files, full of personal data, go with it however that ends."""
    with _whole(target) as file, tempfile.TemporaryDirectory() as folder:
        book = _Book(file, folder)
        try:
            yield book
            book.book.close()
        finally:
            for sheet in book.book.worksheets():
                sheet.drop()


def write_xlsx(target: Target, sheets: Iterable[Sheet], *, rows_per_sheet: int = ROWS_PER_SHEET) -> None:
    """Write a workbook to a path or an open binary file; rows are taken one by one.

    A sheet with more than `rows_per_sheet` rows, header and note included, goes on in a second one of the same shape.
    Raises AmountTooLarge (beyond 10^13 fen) and CellTooLong; then nothing is left under a path.
    """
    with _book(target) as book:
        for sheet in sheets:
            _write_sheet(book, sheet, rows_per_sheet)


def _write_sheet(book: _Book, sheet: Sheet, rows_per_sheet: int) -> None:
    rows = iter(sheet.rows)
    part = 0
    following = next(rows, None)
    while following is not None or part == 0:
        part += 1
        page = book.add_sheet(sheet.name, f" ({part})" if part > 1 else "")
        book.set_columns(page, sheet.columns)
        place = 0
        if sheet.note:
            write_text(page, 0, 0, sheet.note)
            place = 1
        for column, named in enumerate(sheet.columns):
            write_text(page, place, column, named.name, book.bold)
        page.freeze_panes(place + 1, 0)
        while following is not None and place + 1 < rows_per_sheet:
            place += 1
            for column, (named, value) in enumerate(zip(sheet.columns, following, strict=True)):
                book.write(page, place, column, named.kind, value)
            following = next(rows, None)


def write_csv(target: Target, header: Sequence[str | Column], rows: Iterable[Sequence[Value]]) -> None:
    """Write a CSV file that Excel opens, in UTF-8 with its mark. A bare name in the header is a column of text.

    Text that a spreadsheet would take for a formula gets a leading ', which `read_table` takes away again.
    """
    columns = [Column(named) if isinstance(named, str) else named for named in header]
    with _whole(target) as file:
        text = TextIOWrapper(file, encoding="utf-8-sig", newline="")
        try:
            out = csv.writer(text, lineterminator="\r\n")
            out.writerow([guarded(column.name) for column in columns])
            for row in rows:
                out.writerow([_csv_field(column.kind, value) for column, value in zip(columns, row, strict=True)])
        finally:
            text.detach()  # hands over what is left, and leaves the file open to its owner


def _csv_field(kind: Kind, value: Value) -> str:
    if value is None or value == "":
        return ""
    if kind == "text" and isinstance(value, str):
        return guarded(value)
    if kind == "date" and isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int) and not isinstance(value, bool) and kind in ("amount", "integer"):
        return yuan(checked_fen(value)) if kind == "amount" else str(value)
    raise TypeError(f"not {kind}: {type(value).__name__}")


_NOTES = (
    Column("列名 Column", width=20),
    Column("必填 Required", width=14),
    Column("说明", width=50),
    Column("Explanation", width=50),
    Column("可填的值 Allowed values", width=40),
    Column("示例 Examples", width=40),
)


def template_xlsx(
    target: Target, columns: Sequence[TemplateColumn], *, name: str = "名单", rows: int = 200_000
) -> None:
    """Write an empty table for people to fill in, with a sheet that explains each column in Chinese and English.

    Columns with choices get a list to choose from in the first `rows` rows. Examples stand on the sheet of notes, where
    nobody uploads them by mistake. Columns of text keep long numbers as they are typed.
    """
    with _book(target) as book:
        page = book.add_sheet(name)
        book.set_columns(page, columns)
        for place, column in enumerate(columns):
            write_text(page, 0, place, column.name, book.bold)
        page.freeze_panes(1, 0)
        notes = book.add_sheet("说明 Notes")
        for place, heading in enumerate(_NOTES):
            notes.set_column(place, place, heading.width, book.wrapped)
            write_text(notes, 0, place, heading.name, book.bold)
        notes.freeze_panes(1, 0)
        for row, column in enumerate(columns, start=1):
            required = "必填 yes" if column.required else "选填 no"
            allowed, examples = "、".join(column.choices), "、".join(column.examples)
            for place, text in enumerate((column.name, required, column.zh, column.en, allowed, examples)):
                if text:
                    write_text(notes, row, place, text, book.wrapped)
        _add_choices(book, page, columns, rows)


def _add_choices(book: _Book, page: Worksheet, columns: Sequence[TemplateColumn], rows: int) -> None:
    """Lists to choose from. They stand on a hidden sheet: written into the rule itself, they may have 255 letters."""
    listed = [(place, column.choices) for place, column in enumerate(columns) if column.choices]
    if not listed:
        return
    lists = book.add_sheet("choices")
    lists.hide()
    for row in range(max(len(choices) for _, choices in listed)):
        for place, (_, choices) in enumerate(listed):
            if row < len(choices):
                write_text(lists, row, place, choices[row])
    for place, (column, choices) in enumerate(listed):
        page.data_validation(1, column, rows, column, {
            "validate": "list",
            "source": f"=choices!${column_letters(place)}$1:${column_letters(place)}${len(choices)}",
            "error_title": "请选择 Choose",
            "error_message": "请从列表中选择。 Choose one from the list.",
        })  # fmt: skip
