"""Reads one uploaded table, in a process of its own that can be lost.

An upload may be made to exhaust or crash its reader, so whoever parses it must have nothing to lose. This file is run as a
script (`reading.py` starts it), knows the standard library alone, and gives up every right before it looks at the first
byte: no more memory than allowed, no further file, socket or process. The upload is its standard input. Rows leave on
standard output, one JSON line each; the last line of standard error says how it ended:

    {"columns": [...], "rows": 2} or {"problems": [["formula_in_cell", {...}], ...]}

There is one parser, and it streams: what is checked is what is read, and a cell in the last row of the sheet costs nothing.
A cell becomes the text that a person sees in it. The codes are those of `problems.py`.
"""

from __future__ import annotations

import codecs
import csv
import json
import os
import posixpath
import re
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from io import TextIOWrapper
from typing import Any, BinaryIO
from xml.parsers import expat

with suppress(ImportError):  # Windows has no such limits; sizes are counted there too, and the parent watches the clock
    import resource

CHUNK = 1 << 16
LONGEST_TEXT = 32_767
"""Characters that Excel lets into one cell."""

HEADER_WITHIN = 10
"""The header stands in the first ten rows; rosters begin with a title and a line about who sends them."""

SHOWN = 20
"""Cells that a problem names; it counts the others."""

EXACT_DIGITS = 15
"""Digits that Excel keeps of a number; it replaces the others by zeros."""

Limits = dict[str, int]
Emit = Callable[[int, list[str]], None]


class Refused(Exception):
    """Reading ends here: this upload can say nothing more."""

    def __init__(self, code: str, **found: object) -> None:
        self.code = code
        self.found = found
        super().__init__(code)


# --- Text ------------------------------------------------------------------------------------------------------------

# Control characters, and characters that take no room or turn the direction of writing: nobody sees them, and in an
# ID number copied from a chat they make two equal numbers differ. Joiners stay, as scripts of minorities need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_SCIENTIFIC = re.compile(r"[1-9](?:\.[0-9]+)?E\+[0-9]{2}")
_LITERAL = re.compile(r'="([^"]*)"')  # how systems keep a spreadsheet from taking ="0123" for a number
_LEADING = re.compile(r"\A['\s]+")
_FORMULA_STARTS = (*"=+-@＝＋－＠",)
_BREAKS = (*"\t\r\n",)


def seen_text(text: str) -> str:
    """A text without what nobody sees: control characters, and spaces or line ends around it."""
    if not text.isprintable():
        text = _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.strip()


def guarded(text: str) -> str:
    """A text for a CSV file: with ' in front where a spreadsheet would take it for a formula.

    What is guarded already is guarded once more, so that `unguarded` gives back the same text.
    """
    seen = _UNSEEN.sub("", text).lstrip("'")
    formula = _LEADING.sub("", seen)[:1] in _FORMULA_STARTS or seen[:1] in _BREAKS or text[:1] == "\0"
    return f"'{text}" if seen.strip() and formula else text


def unguarded(text: str) -> str:
    """The text that `guarded` was given."""
    return text[1:] if text.startswith("'") and guarded(text[1:]) == text else text


def column_letters(index: int) -> str:
    """0 → A, 25 → Z, 26 → AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


COLUMNS = {column_letters(index): index for index in range(16_384)}


# --- The table -------------------------------------------------------------------------------------------------------


class TableReader:
    """Finds the header in rows as they come, emits the rows below it, and collects what is wrong with them."""

    def __init__(self, limits: Limits, emit: Emit) -> None:
        self.limits = limits
        self.emit = emit
        self.columns: list[str] = []
        self.rows = 0
        self._named: dict[str, list[str]] = {}
        self._counted: dict[str, int] = {}
        self._more: list[tuple[str, dict[str, object]]] = []

    def note(self, code: str, cell: str) -> None:
        """Remember a cell that is wrong; the first ones by name."""
        self._counted[code] = self._counted.get(code, 0) + 1
        named = self._named.setdefault(code, [])
        if len(named) < SHOWN:
            named.append(cell)

    def outside(self, row: int, column: int) -> None:
        """Remember a cell beyond the largest table accepted."""
        self._counted["cell_outside"] = self._counted.get("cell_outside", 0) + 1
        if self._counted["cell_outside"] <= SHOWN:
            self._more.append(("cell_outside", {"row": row, "column": column_letters(column)}))

    def row(self, number: int, cells: list[str]) -> None:
        """Take the next row. Empty rows are passed over."""
        filled = [column for column, text in enumerate(cells) if text]
        if not filled:
            return
        for column in filled:
            if len(cells[column]) > LONGEST_TEXT:
                self.note("cell_too_long", f"{column_letters(column)}{number}")
            elif _SCIENTIFIC.fullmatch(cells[column]):
                self.note("number_lost_digits", f"{column_letters(column)}{number}")
        if number > self.limits["rows"] + HEADER_WITHIN and self.rows < self.limits["rows"]:
            self.outside(number, filled[0])
            return
        if not self.columns:
            self._before_header(number, cells, filled)
            return
        self.rows += 1
        if self.rows > self.limits["rows"]:
            self._more.append(("too_many_rows", {"most": self.limits["rows"]}))
            raise Ended
        width = len(self.columns)
        for column in filled:
            if column >= width or not self.columns[column]:
                self.note("column_without_name", f"{column_letters(column)}{number}")
        self.emit(number, cells[:width] + [""] * (width - len(cells)))

    def _before_header(self, number: int, cells: list[str], filled: list[int]) -> None:
        if number > HEADER_WITHIN:
            self._more.append(("no_header", {"within": HEADER_WITHIN}))
            raise Ended
        if len(filled) >= 2:
            self.columns = cells[: filled[-1] + 1]
            names = [name for name in self.columns if name]
            for name in dict.fromkeys(names):
                if names.count(name) > 1:
                    self._more.append(("column_named_twice", {"column": name[:100]}))

    def problems(self) -> list[tuple[str, dict[str, object]]]:
        """All that was found; after the last row."""
        if not self.columns and not self._more and not self._named:
            self._more.append(("no_header", {"within": HEADER_WITHIN}))
        found = list(self._more)
        for code, cells in self._named.items():
            found.append((code, {"cells": cells, "count": self._counted[code]}))
        return found


class Ended(Exception):
    """No more rows are wanted: what was found already refuses the table."""


# --- CSV -------------------------------------------------------------------------------------------------------------


def read_csv(file: BinaryIO, limits: Limits, table: TableReader) -> None:
    """Feed the rows of a CSV file, in UTF-8 or GB18030, to a table. Row numbers are those that Excel shows."""
    encoding = _encoding(file)
    file.seek(0)
    csv.field_size_limit(limits["line_characters"])
    reader = csv.reader(_lines(file, encoding, limits["line_characters"]), strict=True)
    number = 0
    try:
        for number, fields in enumerate(reader, start=1):
            table.row(number, _csv_row(number, fields, limits, table))
    except csv.Error as fault:
        # A field can be too long only by passing over line ends, in search of its closing mark.
        raise Refused("bad_quotes", row=number + 1) from fault


def _csv_row(number: int, fields: list[str], limits: Limits, table: TableReader) -> list[str]:
    cells = []
    for column, field in enumerate(fields):
        text = seen_text(field)
        if text.startswith("="):
            literal = _LITERAL.fullmatch(text)
            if not literal:
                table.note("formula_in_cell", f"{column_letters(column)}{number}")
            text = literal[1] if literal else ""
        text = seen_text(unguarded(text))
        if column >= limits["columns"]:
            if text:
                table.outside(number, column)
            continue
        cells.append(text)
    return cells


def _encoding(file: BinaryIO) -> str:
    start = file.read(8)
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")):
        raise Refused("not_a_csv")
    for encoding in ("utf-8-sig", "gb18030"):
        file.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            while chunk := file.read(CHUNK):
                if b"\0" in chunk:
                    raise Refused("not_a_csv")
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise Refused("not_a_csv")


def _lines(file: BinaryIO, encoding: str, longest: int) -> Iterator[str]:
    text = TextIOWrapper(file, encoding=encoding, newline="")
    try:
        line = 0
        while read := text.readline(longest + 1):
            line += 1
            if len(read) > longest:
                raise Refused("line_too_long", row=line, most=longest)
            yield read
    finally:
        text.detach()


# --- The parts of a workbook -----------------------------------------------------------------------------------------


def read_xlsx(file: BinaryIO, limits: Limits, sheet: str | None, table: TableReader) -> None:
    """Feed the rows of a workbook's first visible sheet, or the one named, to a table."""
    start = file.read(8)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise Refused("old_workbook")
    if not start.startswith(b"PK\x03\x04"):
        raise Refused("not_a_workbook")
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            package = Package(archive, limits)
            package.check()
            Workbook(package).read(sheet, table)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, expat.ExpatError) as fault:
        raise Refused("unreadable_workbook") from fault


class Package:
    """The parts of a workbook, none of which can be unpacked beyond its limit."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._archive = archive
        self._limits = limits
        self._infos = {info.filename: info for info in archive.infolist()}
        self._left = limits["unpacked_bytes"]

    def check(self) -> None:
        """Refuse what the directory already shows, and any part with a document type."""
        infos = self._archive.infolist()
        if len(infos) > self._limits["members"]:
            raise Refused("too_many_parts", found=len(infos), most=self._limits["members"])
        unpacked = sum(info.file_size for info in infos)
        packed = sum(info.compress_size for info in infos)
        if unpacked > self._left or unpacked > packed * self._limits["ratio"]:
            raise Refused(
                "unpacks_too_large", found_mb=unpacked >> 20, most_mb=self._left >> 20, ratio=self._limits["ratio"]
            )
        if len(self._infos) != len(infos) or any(_strange(info) for info in infos):
            raise Refused("unreadable_workbook")
        names = [name.lower() for name in self._infos]
        if any("vbaproject" in name or "macrosheets/" in name for name in names):
            raise Refused("macro_refused")
        if any("externallinks/" in name for name in names):
            raise Refused("external_link_refused")
        for name in self._infos:
            self._check_prolog(name)

    def _check_prolog(self, name: str) -> None:
        """A document type declares entities, which can unpack without end or name other files; no workbook needs one."""
        if not name.lower().endswith((".xml", ".rels", ".vml")):
            return
        started: list[str] = []

        def refuse(*_declared: object) -> None:
            raise Refused("doctype_refused", part=name[:100])

        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = refuse
        parser.StartElementHandler = lambda element, _attributes: started.append(element)
        with self._archive.open(name) as part:
            while not started and (chunk := part.read(4096)):
                self._spend(len(chunk))
                try:
                    parser.Parse(chunk, False)
                except expat.ExpatError:
                    if not started:
                        raise

    def _spend(self, read: int) -> None:
        self._left -= read
        if self._left < 0:
            limits = self._limits
            raise Refused(
                "unpacks_too_large", found_mb=0, most_mb=limits["unpacked_bytes"] >> 20, ratio=limits["ratio"]
            )

    def parse(self, name: str, start: Any, end: Any = None, text: Any = None) -> None:
        """Parse one part as a stream. Absent parts are empty."""
        if name not in self._infos:
            return
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        with self._archive.open(name) as part:
            while chunk := part.read(CHUNK):
                self._spend(len(chunk))
                parser.Parse(chunk, False)
        parser.Parse(b"", True)

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """Parts that a part names: id → (last word of the kind, name of the part). `""` is the whole package."""
        folder, base = posixpath.split(name)
        found: dict[str, tuple[str, str]] = {}

        def start(element: str, attributes: dict[str, str]) -> None:
            if _local(element) == "Relationship" and attributes.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
                kind = attributes.get("Type", "").rpartition("/")[2]
                found[attributes.get("Id", "")] = (kind, target.lstrip("/"))

        self.parse(posixpath.join(folder, "_rels", f"{base}.rels"), start)
        return found

    def macro_enabled(self) -> bool:
        """Whether the package says of itself that it holds macros."""
        found: list[str] = []
        self.parse("[Content_Types].xml", lambda _element, attributes: found.append(attributes.get("ContentType", "")))
        return any("macroenabled" in kind.lower() or "vbaproject" in kind.lower() for kind in found)


def _strange(info: zipfile.ZipInfo) -> bool:
    encrypted = bool(info.flag_bits & 0x1)
    outside = info.filename.startswith("/") or "\\" in info.filename or ".." in info.filename.split("/")
    link = (info.external_attr >> 16) & 0o170000 == 0o120000
    unusual = info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    return encrypted or outside or link or unusual


def _local(name: str) -> str:
    return name.rpartition(":")[2]


# --- Numbers as they are shown ---------------------------------------------------------------------------------------

_DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_TIME_FORMATS = {18, 19, 20, 21, 45, 46, 47}
_PERCENT_FORMATS = {9, 10}
_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][-+]?[0-9]{1,3})?")
_AS_SHOWN = Context(
    prec=EXACT_DIGITS, rounding=ROUND_HALF_UP
)  # Excel keeps fifteen digits, so 0.30000000000000004 is 0.3


def format_kind(code: str) -> str:
    """What a number format makes of a number: `date`, `time`, `percent`, `0000` (leading zeros), or nothing special."""
    bare = _QUOTED.sub("", code.partition(";")[0]).lower()
    if "general" in bare or "@" in bare:
        return ""
    if "%" in bare:
        return "percent"
    if re.search("[yd]|e(?![+-])", bare):
        return "date"
    if re.search("[hs]", bare):
        return "time"
    if "m" in bare:
        return "date"
    return bare if re.fullmatch("0{2,}", bare) else ""


def shown(raw: str, kind: str, date1904: bool) -> str | None:
    """A stored number as a person sees it; None where digits were lost. Raises ValueError on what is no number."""
    if not kind and raw.isascii() and raw.isdigit() and len(raw) <= EXACT_DIGITS and (raw[0] != "0" or raw == "0"):
        return raw
    if not _NUMBER.fullmatch(raw):
        raise ValueError(raw)
    number = _AS_SHOWN.create_decimal(raw)
    if kind in ("date", "time"):
        return _moment(number, kind, date1904)
    if kind == "percent":
        return f"{_plain(number.scaleb(2))}%"
    if number.adjusted() >= EXACT_DIGITS:
        return None
    text = _plain(number)
    return text.zfill(len(kind)) if kind and text.isdigit() else text


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _moment(number: Decimal, kind: str, date1904: bool) -> str:
    days, rest = divmod(number, 1)
    seconds = int((rest * 86_400).quantize(Decimal(1), ROUND_HALF_UP))
    day = int(days) + seconds // 86_400
    seconds %= 86_400
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if kind == "time" and day <= 0:
        return clock
    if day < 0 or (not date1904 and day in (0, 60)):  # 60 is a 29 February 1900 that never was; Excel counts it
        raise ValueError(number)
    epoch = date(1904, 1, 1) if date1904 else date(1899, 12, 31 if day < 60 else 30)
    try:
        shown_day = (epoch + timedelta(days=day)).isoformat()
    except OverflowError as fault:
        raise ValueError(number) from fault
    return f"{shown_day} {clock}" if seconds else shown_day


# --- The workbook ----------------------------------------------------------------------------------------------------


class Workbook:
    """A workbook's sheets, its shared texts, and what its styles make of numbers."""

    def __init__(self, package: Package) -> None:
        self._package = package
        if package.macro_enabled():
            raise Refused("macro_refused")
        main = next((part for kind, part in package.related("").values() if kind == "officeDocument"), "")
        self._parts = package.related(main)
        self.sheets: list[tuple[str, str, bool]] = []  # name, part, visible
        self.date1904 = False
        package.parse(main, self._workbook_element)
        if not self.sheets:
            raise Refused("unreadable_workbook")

    def _workbook_element(self, element: str, attributes: dict[str, str]) -> None:
        local = _local(element)
        if local == "workbookPr":
            self.date1904 = attributes.get("date1904", "0") in ("1", "true")
        elif local == "sheet":
            id_ = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            kind, part = self._parts.get(id_, ("", ""))
            if kind == "worksheet":
                self.sheets.append((attributes.get("name", ""), part, attributes.get("state", "visible") == "visible"))

    def _part(self, kind: str) -> str:
        return next((part for found, part in self._parts.values() if found == kind), "")

    def read(self, sheet: str | None, table: TableReader) -> None:
        """Feed the rows of the named sheet, or of the first visible one, to a table."""
        for name, part, visible in self.sheets:
            if visible and sheet in (None, name):
                texts, kinds = self._shared_texts(), self._format_kinds()
                reader = SheetReader(table, texts, kinds, self.date1904)
                with suppress(Ended):
                    self._package.parse(part, reader.start, reader.end, reader.characters)
                return
        raise Refused("sheet_missing", sheet=sheet or "", known=[name for name, _, visible in self.sheets if visible])

    def _shared_texts(self) -> list[str]:
        texts: list[str] = []
        pieces: list[str] = []
        inside = phonetic = False

        def start(element: str, _attributes: dict[str, str]) -> None:
            nonlocal inside, phonetic
            local = _local(element)
            if local == "t":
                inside = not phonetic
            elif local == "rPh":  # the reading of a text, which is shown above it at most
                phonetic = True

        def end(element: str) -> None:
            nonlocal inside, phonetic
            local = _local(element)
            if local == "t":
                inside = False
            elif local == "rPh":
                phonetic = False
            elif local == "si":
                texts.append(stored_text("".join(pieces)))
                pieces.clear()

        def characters(data: str) -> None:
            if inside:
                pieces.append(data)

        self._package.parse(self._part("sharedStrings"), start, end, characters)
        return texts

    def _format_kinds(self) -> list[str]:
        """What each cell style makes of numbers, by its index."""
        codes: dict[int, str] = {}
        kinds: list[str] = []
        in_cells = False

        def kind(number: int) -> str:
            if number in codes:
                return format_kind(codes[number])
            if number in _PERCENT_FORMATS:
                return "percent"
            return "time" if number in _TIME_FORMATS else "date" if number in _DATE_FORMATS else ""

        def start(element: str, attributes: dict[str, str]) -> None:
            nonlocal in_cells
            local = _local(element)
            if local == "numFmt":
                codes[_whole(attributes.get("numFmtId", ""))] = attributes.get("formatCode", "")
            elif local == "cellXfs":
                in_cells = True
            elif local == "xf" and in_cells:
                kinds.append(kind(_whole(attributes.get("numFmtId", "0"))))

        def end(element: str) -> None:
            nonlocal in_cells
            in_cells = in_cells and _local(element) != "cellXfs"

        self._package.parse(self._part("styles"), start, end)
        return kinds


def stored_text(text: str) -> str:
    """A text of a workbook without its escapes: `_x000D_` stands for a character that XML cannot hold."""
    if "_x" in text:
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return seen_text(text)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused("unreadable_workbook")
    return int(text)


class SheetReader:
    """Takes the XML of a sheet as it streams by, and hands complete rows to a table."""

    def __init__(self, table: TableReader, texts: list[str], kinds: list[str], date1904: bool) -> None:
        self._table = table
        self._texts = texts
        self._kinds = kinds
        self._date1904 = date1904
        self._columns = table.limits["columns"]
        self._row = 0
        self._row_name = ""
        self._cells: list[str] = []
        self._column = -1
        self._kind = self._style = ""
        self._formula = self._wanted = False
        self._phonetic = self._in_cell = False
        self._pieces: list[str] = []

    def start(self, element: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if ":" in element:
            element = _local(element)
        if element == "c":
            self._start_cell(attributes)
        elif element in ("v", "t"):
            self._wanted = self._in_cell and not self._phonetic
        elif element == "f":
            self._formula = True
        elif element == "rPh":
            self._phonetic = True
        elif element == "row":
            row = _whole(attributes["r"]) if "r" in attributes else self._row + 1
            if row <= self._row:
                raise Refused("unreadable_workbook")
            self._row, self._row_name = row, str(row)
            self._cells, self._column = [], -1

    def _start_cell(self, attributes: dict[str, str]) -> None:
        name = attributes.get("r", "")
        if name:
            column = COLUMNS.get(name[: -len(self._row_name)], -1) if name.endswith(self._row_name) else -1
            if column <= self._column:  # out of order, twice, or of another row: readers would differ on what it says
                raise Refused("unreadable_workbook")
        else:
            column = self._column + 1
        self._column = column
        self._kind = attributes.get("t", "n")
        self._style = attributes.get("s", "")
        self._formula, self._in_cell = False, True
        self._pieces.clear()

    def characters(self, data: str) -> None:
        """Text between elements."""
        if self._wanted:
            self._pieces.append(data)

    def end(self, element: str) -> None:
        """An element ends."""
        if ":" in element:
            element = _local(element)
        if element in ("v", "t"):
            self._wanted = False
        elif element == "c":
            self._in_cell = False
            if self._pieces or self._formula:
                self._end_cell()
        elif element == "rPh":
            self._phonetic = False
        elif element == "row" and self._cells:
            self._table.row(self._row, self._cells)

    def _end_cell(self) -> None:
        column = self._column
        if self._formula:
            self._table.note("formula_in_cell", f"{column_letters(column)}{self._row_name}")
            return
        text = self._text("".join(self._pieces))
        if not text:
            return
        if column >= self._columns:
            self._table.outside(self._row, column)
            return
        cells = self._cells
        if len(cells) < column:
            cells.extend([""] * (column - len(cells)))
        cells.append(text)

    def _text(self, raw: str) -> str:
        kind = self._kind
        if kind == "s":
            index = _whole(raw)
            if index >= len(self._texts):
                raise Refused("unreadable_workbook")
            return self._texts[index]
        if kind in ("inlineStr", "str"):
            return stored_text(raw)
        if kind == "b":
            return "TRUE" if raw == "1" else "FALSE"
        cell = f"{column_letters(self._column)}{self._row_name}"
        if kind == "e":
            self._table.note("error_in_cell", cell)
            return ""
        if kind == "d":
            return raw.removesuffix("T00:00:00")
        style = _whole(self._style) if self._style else 0
        try:
            text = shown(raw.strip(), self._kinds[style] if style < len(self._kinds) else "", self._date1904)
        except (ValueError, InvalidOperation):
            self._table.note("error_in_cell", cell)
            return ""
        if text is None:
            self._table.note("number_lost_digits", cell)
            return ""
        return text


# --- The process -----------------------------------------------------------------------------------------------------


def read(file: BinaryIO, kind: str, sheet: str | None, limits: Limits, emit: Emit) -> dict[str, object]:
    """Read a table of `kind` `xlsx` or `csv`, and say how it ended, as the last line of standard error does."""
    table = TableReader(limits, emit)
    try:
        if kind == "csv":
            with suppress(Ended):
                read_csv(file, limits, table)
        else:
            read_xlsx(file, limits, sheet, table)
        problems = table.problems()
    except Refused as refused:
        problems = [(refused.code, refused.found)]
    except MemoryError:
        problems = [("upload_needs_too_much", {})]
    return {"problems": problems} if problems else {"columns": table.columns, "rows": table.rows}


def confine(limits: Limits) -> None:
    """Give up every right that reading does not need, for good. Files that are open stay open."""
    if "resource" not in sys.modules:
        return
    for name, most in (
        ("RLIMIT_AS", limits["memory_bytes"]),
        ("RLIMIT_CPU", limits["cpu_seconds"]),
        ("RLIMIT_FSIZE", limits["unpacked_bytes"] + (1 << 20)),
        ("RLIMIT_NOFILE", 3),  # the standard streams; neither a file nor a socket can be opened any more
        ("RLIMIT_NPROC", 0),
        ("RLIMIT_CORE", 0),  # a dump would put personal data on the disk
    ):
        if hasattr(resource, name):
            limit = getattr(resource, name)
            allowed = resource.getrlimit(limit)[1]
            least = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
            resource.setrlimit(limit, (least, least))


def main() -> None:
    """Read standard input as the request in the first argument asks."""
    request = json.loads(sys.argv[1])
    limits: Limits = request["limits"]
    for encoding in ("utf-8-sig", "gb18030", "cp437"):  # the last for the names of parts
        codecs.lookup(encoding)  # loads them, while files can still be opened
    confine(limits)
    output = sys.stdout.buffer
    left = limits["unpacked_bytes"]
    encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode

    def emit(number: int, cells: list[str]) -> None:
        nonlocal left
        line = encode([number, cells]).encode()
        left -= len(line) + 1
        if left < 0:  # one long text may be shown in many cells
            raise Refused(
                "unpacks_too_large", found_mb=0, most_mb=limits["unpacked_bytes"] >> 20, ratio=limits["ratio"]
            )
        output.write(line)
        output.write(b"\n")

    outcome = read(sys.stdin.buffer, request["kind"], request["sheet"], limits, emit)
    output.flush()
    sys.stderr.buffer.write(b"\n" + json.dumps(outcome).encode() + b"\n")
    sys.stderr.buffer.flush()
    os._exit(0)  # what was read need not be taken apart


if __name__ == "__main__":
    main()
