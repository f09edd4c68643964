"""The door for tables: what is read from people's files, what is refused, and what they get back.

Workbooks are made here part by part where a program of good will would not make them; openpyxl is the second reader.
"""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sys
import threading
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yizhan.agency.spreadsheets import (
    LIMITS,
    Column,
    Limits,
    Sheet,
    Table,
    TemplateColumn,
    child,
    problems,
    read_table,
    reading,
    template_xlsx,
    write_csv,
    write_xlsx,
)
from yizhan.errors import AmountTooLarge, InputProblem, Problems

# --- Workbooks made by hand ------------------------------------------------------------------------------------------

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def relationships(*targets: tuple[str, str]) -> str:
    rows = [
        f'<Relationship Id="r{n}" Type="{KINDS}/{kind}" Target="{part}"/>' for n, (kind, part) in enumerate(targets)
    ]
    return f'<Relationships xmlns="{PACKAGE}/relationships">{"".join(rows)}</Relationships>'


def workbook(
    rows: str = "", *, sheet: str = "", styles: str = "", shared: str = "", more: dict[str, Any] | None = None
) -> bytes:
    """A workbook of one sheet with these rows in XML; other parts may be added or replaced."""
    parts: dict[str, Any] = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": relationships(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{KINDS}"><sheets><sheet name="A" sheetId="1" r:id="r0"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relationships(
            ("worksheet", "worksheets/sheet1.xml"), ("styles", "styles.xml"), ("sharedStrings", "/xl/sharedStrings.xml")
        ),
        "xl/worksheets/sheet1.xml": sheet or f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{shared}</sst>',
        **(more or {}),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def text_cell(name: str, text: str) -> str:
    return f'<c r="{name}" t="inlineStr"><is><t>{text}</t></is></c>'


HEADER = f'<row r="1">{text_cell("A1", "姓名")}{text_cell("B1", "值")}</row>'


def one_value(cell: str, **parts: Any) -> str:
    """The text that a cell B2 comes back as."""
    return texts(read(workbook(f'{HEADER}<row r="2">{cell}</row>', **parts)))[0][1]


def read(content: bytes, filename: str = "名单.xlsx", **options: Any) -> Table:
    return read_table(content, filename, scan_command="", **options)


def texts(table: Table) -> list[tuple[str, ...]]:
    return [row for _, row in table.rows]


def refused(content: bytes | Path, filename: str = "名单.xlsx", **options: Any) -> list[InputProblem]:
    with pytest.raises(Problems) as raised:
        read_table(content, filename, **{"scan_command": "", **options})
    for problem in raised.value.problems:
        assert problem.text("zh") and problem.text("en")
        assert "{" not in problem.text("zh") + problem.text("en")
    return list(raised.value.problems)  # type: ignore[arg-type]  # all of them are about the input


def codes(found: Iterable[InputProblem]) -> list[str]:
    return [problem.code for problem in found]


def saved(book: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def filled(*rows: Sequence[Any]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return book


# --- What is read ----------------------------------------------------------------------------------------------------


def test_cells_are_the_text_a_person_sees() -> None:
    book = filled(
        ["姓名", "身份证号", "人数", "金额", "出生日期", "已婚"],
        [" 张三\n", "11010119900307123X", 3, 280.5, date(1990, 3, 7), True],
        ["李\u200b四", "１２３", 3.0, 0.1 + 0.2, date(1900, 1, 1), False],
    )
    table = read(saved(book))
    assert table.columns == ("姓名", "身份证号", "人数", "金额", "出生日期", "已婚")
    assert list(table.rows) == [
        (2, ("张三", "11010119900307123X", "3", "280.5", "1990-03-07", "TRUE")),
        (3, ("李四", "１２３", "3", "0.3", "1900-01-01", "FALSE")),
    ]
    assert len(table.rows) == 2
    assert list(table.rows) == list(table.rows)


@pytest.mark.parametrize(
    ("raw", "code", "seen"),
    [
        ("43739", 'yyyy"年"m"月"d"日"', "2019-10-01"),
        ("43739", "[$-804]aaaa;@", "43739"),
        ("43739.5", "yyyy-mm-dd hh:mm", "2019-10-01 12:00:00"),
        ("0.75", "h:mm:ss", "18:00:00"),
        ("59", "yyyy-mm-dd", "1900-02-28"),
        ("61", "yyyy-mm-dd", "1900-03-01"),
        ("10203", "000000", "010203"),
        ("0.5", "0.00%", "50%"),
        ("0.57", '0%"已付"', "57%"),
        ("1234.5", "#,##0.00", "1234.5"),
        ("12", '"第"0"天"', "12"),
        ("-0", "0", "0"),
        ("1E2", "General", "100"),
        ("1.0000000000000001E-2", "General", "0.01"),
        ("123456789012345", "General", "123456789012345"),
    ],
)
def test_number_is_read_as_its_format_shows_it(raw: str, code: str, seen: str) -> None:
    code = code.replace('"', "&quot;")
    styles = f'<numFmts><numFmt numFmtId="170" formatCode="{code}"/></numFmts><cellXfs><xf numFmtId="170"/></cellXfs>'
    assert one_value(f'<c r="B2" s="0"><v>{raw}</v></c>', styles=styles) == seen


def test_days_can_be_counted_from_1904() -> None:
    book = filled(["姓名", "出生"], ["张三", date(1990, 3, 7)])
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    assert texts(read(saved(book))) == [("张三", "1990-03-07")]


def test_rich_text_is_joined_and_its_reading_left_out() -> None:
    shared = "<si><r><t>张</t></r><r><t>三</t></r><rPh><t>zhang</t></rPh></si>"
    assert one_value('<c r="B2" t="s"><v>0</v></c>', shared=shared) == "张三"


def test_names_with_a_prefix_are_the_same_names() -> None:
    sheet = (
        f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row><x:c t="inlineStr"><x:is><x:t>甲</x:t></x:is></x:c><x:c><x:v>1</x:v></x:c>'
        "</x:row><x:row><x:c><x:v>2</x:v></x:c></x:row></x:sheetData></x:worksheet>"
    )
    table = read(workbook(sheet=sheet))
    assert (table.columns, list(table.rows)) == (("甲", "1"), [(2, ("2", ""))])


def test_header_is_found_below_titles_and_empty_rows_are_left_out() -> None:
    book = filled(
        ["某县低保对象名单"], [], ["姓名", "电话", None, "备注"], ["张三", "1"], [], ["李四", "2"], [None], ["  "]
    )
    book.active.merge_cells("A1:D1")
    table = read(saved(book))
    assert table.columns == ("姓名", "电话", "", "备注")
    assert list(table.rows) == [(4, ("张三", "1", "", "")), (6, ("李四", "2", "", ""))]


def test_first_visible_sheet_is_read_unless_another_is_named() -> None:
    book = filled(["隐藏", "的"])
    book.active.sheet_state = "hidden"
    for name in ("甲", "乙"):
        book.create_sheet(name).append([name, "列"])
    assert read(saved(book)).columns == ("甲", "列")
    assert read(saved(book), sheet="乙").columns == ("乙", "列")
    (problem,) = refused(saved(book), sheet="Sheet")
    assert (problem.code, problem.found["known"]) == ("sheet_missing", "甲、乙")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_is_read_in_the_encodings_of_excel_and_wps(encoding: str) -> None:
    content = '名单\r\n姓名,地址\r\n\r\n 张三 ,"一,\r\n二"\r\n𠮷,〇\r\n'.encode(encoding)
    table = read(content, "名单.CSV")
    assert table.columns == ("姓名", "地址")
    assert list(table.rows) == [(4, ("张三", "一,\n二")), (5, ("𠮷", "〇"))]


def test_csv_formulas_are_refused_unless_they_only_quote_a_number() -> None:
    assert texts(read('姓名,证号\n张三,="0012"\n'.encode(), "a.csv")) == [("张三", "0012")]
    (problem,) = refused("姓名,证号\n张三,=1+1\n".encode(), "a.csv")
    assert problem.text("zh").startswith("B2 是公式")


def test_table_of_a_path_is_read(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(b"a,b\n1,2\n")
    assert texts(read_table(path, "x.csv", scan_command="")) == [("1", "2")]


# --- What is refused: cells ------------------------------------------------------------------------------------------


def test_formulas_are_refused_with_their_cells() -> None:
    book = filled(["姓名", "值"], *(["张三", f"=A{n}+1"] for n in range(30)))
    (problem,) = refused(saved(book))
    assert problem.code == "formula_in_cell"
    assert problem.text("zh").startswith("B2、B3、") and "B21等 30 处 是公式" in problem.text("zh").replace(" 等", "等")
    assert "B21 and others (30 in all) hold formulas" in problem.text("en")


def test_long_numbers_stored_as_numbers_are_refused() -> None:
    book = filled(
        ["姓名", "身份证号"], ["甲", 110101199003071234], ["乙", "110101199003071234"], ["丙", 999_999_999_999_999]
    )
    (problem,) = refused(saved(book))
    assert (problem.code, str(problem.found["cells"])) == ("number_lost_digits", "B2")
    assert "末几位已丢失" in problem.text("zh")


def test_numbers_that_csv_shows_shortened_are_refused() -> None:
    assert codes(refused("姓名,证号\n张三,1.10101E+17\n".encode(), "a.csv")) == ["number_lost_digits"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    rows = (
        f'<row r="2">{text_cell("A2", "甲")}<c r="B2" t="e"><v>#N/A</v></c>{text_cell("C2", "多")}</row>'
        f'<row r="3"><c r="A3"><f>1</f><v>1</v></c><c r="B3"><v>1234567890123456</v></c>{text_cell("CW3", "远")}</row>'
    )
    found = refused(workbook(HEADER + rows))
    expected = ["cell_outside", "column_without_name", "error_in_cell", "formula_in_cell", "number_lost_digits"]
    assert sorted(codes(found)) == expected


def test_cell_in_the_last_place_of_a_sheet_is_named_and_costs_nothing() -> None:
    content = workbook(f'{HEADER}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    (problem,) = refused(content)
    assert problem.text("zh").startswith("第 1048576 行 XFD 列在模板之外")
    (problem,) = refused(
        workbook('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    )
    assert problem.text("en").startswith("row 1048576, column XFD is outside the template")


def test_empty_cells_far_away_are_no_cells() -> None:
    rows = f'{HEADER}<row r="2">{text_cell("A2", "甲")}</row><row r="1048576"><c r="XFD1048576" s="0"/></row>'
    assert texts(read(workbook(rows))) == [("甲", "")]


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_rows_are_limited(kind: str) -> None:
    limits = Limits(rows=3)

    def table(rows: int) -> bytes:
        file = io.BytesIO()
        values = [["张", "1"]] * rows
        if kind == "csv":
            write_csv(file, ["a", "b"], values)
        else:
            write_xlsx(file, [Sheet("A", [Column("a"), Column("b")], values)])
        return file.getvalue()

    assert len(read(table(2), f"a.{kind}", limits=limits).rows) == 2
    assert len(read(table(3), f"a.{kind}", limits=limits).rows) == 3
    assert codes(refused(table(4), f"a.{kind}", limits=limits)) == ["too_many_rows"]


def test_columns_are_limited() -> None:
    def table(columns: int) -> bytes:
        return ",".join(f"c{n}" for n in range(columns)).encode()

    assert len(read(table(100), "a.csv").columns) == 100
    assert codes(refused(table(101), "a.csv")) == ["cell_outside"]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([["名单"], ["甲"], ["乙"]], "no_header"),
        ([["只有标题"]] * 10 + [["姓名", "值"]], "no_header"),
        ([], "no_header"),
        ([["姓名", "姓名"]], "column_named_twice"),
        ([["姓名", "值"], ["张三", "字" * 32_768]], "cell_too_long"),
    ],
)
def test_table_of_another_shape_is_refused(rows: list[list[str]], code: str) -> None:
    content = "\n".join(",".join(row) for row in rows).encode()
    assert codes(refused(content, "a.csv")) == [code]


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="B3"><v>1</v></c>',  # of another row
        '<c r="B2"><v>1</v></c><c r="A2"><v>1</v></c>',  # out of order
        '<c r="B2"><v>1</v></c><c r="B2"><v>2</v></c>',  # twice
        '<c r="B2" t="s"><v>7</v></c>',  # no such text
        '<c r="B2"><v>1</v>',  # not closed
    ],
)
def test_sheet_on_which_readers_could_differ_is_refused(cell: str) -> None:
    assert codes(refused(workbook(f'{HEADER}<row r="2">{cell}</row>'))) == ["unreadable_workbook"]


@pytest.mark.parametrize("raw", ["1E999", "nan", "0x10", "1" * 1000, "", " "])
def test_strange_numbers_are_no_text(raw: str) -> None:
    content = workbook(f'{HEADER}<row r="2">{text_cell("A2", "甲")}<c r="B2"><v>{raw}</v></c></row>')
    if raw == "":
        assert texts(read(content)) == [("甲", "")]
    else:
        assert codes(refused(content))[0] in ("error_in_cell", "number_lost_digits")


# --- What is refused: files ------------------------------------------------------------------------------------------


def bomb(megabytes: int) -> bytes:
    file = io.BytesIO(workbook(HEADER))
    row = b'<row><c t="inlineStr"><is><t>' + b"0" * 1000 + b"</t></is></c></row>"
    with (
        zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet2.xml", "w") as part,
    ):
        for _ in range(megabytes):
            part.write(row * (2**20 // len(row)))
    return file.getvalue()


def test_zip_bomb_is_refused_from_its_directory() -> None:
    assert codes(refused(bomb(210))) == ["unpacks_too_large"]


def test_bomb_of_six_megabytes_and_seven_hundred_unpacked_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    noise = os.urandom(5 << 20)  # so that the ratio over the whole file does not give it away
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/media/noise.bin", noise)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(700):
                part.write(b"<row/>" * ((1 << 20) // 6))
    assert codes(refused(path, "a.xlsx")) == ["unpacks_too_large"]


def test_bomb_whose_directory_lies_is_refused() -> None:
    content = bytearray(workbook("<row/>" * 200_000))
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size.to_bytes(4, "little")
    while (place := content.find(size)) >= 0:
        content[place : place + 4] = (1000).to_bytes(4, "little")
    assert codes(refused(bytes(content))) == ["unreadable_workbook"]


def test_ratio_and_members_are_limited() -> None:
    content = workbook("<row/>" * 200_000)
    assert codes(refused(content)) == ["unpacks_too_large"]
    more = {f"xl/media/{n}.bin": b"0" for n in range(43)}
    assert len(read(workbook(HEADER, more=more)).rows) == 0
    assert codes(refused(workbook(HEADER, more={**more, "xl/media/last.bin": b""}))) == ["too_many_parts"]


def test_upload_is_limited_before_anything_reads_it() -> None:
    limits = Limits(packed_bytes=1000, unpacked_bytes=1000)
    assert codes(refused(b"PK\x03\x04" + bytes(997), limits=limits)) == ["upload_too_large"]
    assert codes(refused(b"a" * 1001, "a.csv", limits=limits)) == ["upload_too_large"]


LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("doctype", [LAUGHS, EXTERNAL, '<?xml version="1.0"?><!-- a --><!DOCTYPE l>'])
@pytest.mark.parametrize(
    "part", ["xl/worksheets/sheet1.xml", "xl/styles.xml", "docProps/core.xml", "xl/drawings/a.VML"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_document_type_is_refused_in_any_part(doctype: str, part: str, encoding: str) -> None:
    content = f"{doctype}<worksheet>&a;</worksheet>".encode(encoding)
    (problem,) = refused(workbook(HEADER, more={part: content}))
    assert (problem.code, problem.found["part"]) == ("doctype_refused", part)


@pytest.mark.parametrize(
    ("content", "filename", "code"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "a.xlsx", "old_workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "a.xls", "old_workbook"),
        (workbook(HEADER), "a.xlsm", "macro_refused"),
        (workbook(HEADER, more={"xl/vbaProject.bin": b"0"}), "a.xlsx", "macro_refused"),
        (workbook(HEADER, more={"[Content_Types].xml": '<Types><Override ContentType="application/vnd.ms-excel.sheet.macroEnabled.main+xml"/></Types>'}), "a.xlsx", "macro_refused"),
        (workbook(HEADER, more={"xl/externalLinks/externalLink1.xml": "<a/>"}), "a.xlsx", "external_link_refused"),
        (workbook(HEADER, more={"../../a": "b"}), "a.xlsx", "unreadable_workbook"),
        (workbook(HEADER)[:-300], "a.xlsx", "unreadable_workbook"),
        (workbook(sheet="<worksheet"), "a.xlsx", "unreadable_workbook"),
        (b"PK\x03\x04", "a.xlsx", "unreadable_workbook"),
        (b"a,b\n1,2\n", "a.xlsx", "not_a_workbook"),
        (b"", "a.xlsx", "not_a_workbook"),
        (workbook(HEADER), "a.csv", "not_a_csv"),
        ("姓名,值\n".encode("utf-16"), "a.csv", "not_a_csv"),
        (b"a,b\n\xff\xff\n", "a.csv", "not_a_csv"),
        (b'a,b\n"1,2\n', "a.csv", "bad_quotes"),
        (b"%PDF-1.7", "a.pdf", "unknown_kind"),
        (b"a,b", "", "unknown_kind"),
    ],
)  # fmt: skip
def test_file_of_another_kind_is_refused(content: bytes, filename: str, code: str) -> None:
    assert codes(refused(content, filename)) == [code]


def test_csv_of_one_endless_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" + b"x" * (100 << 20))
    (problem,) = refused(path, "a.csv")
    assert (problem.code, problem.found["row"]) == ("line_too_long", 2)


# --- The process that reads ------------------------------------------------------------------------------------------

_SCRIPTS = {
    "aborts": "import os; os.abort()",
    "spins": "while True: pass",
    "sleeps": "import time; time.sleep(60)",
    "takes memory": "bytes(1 << 29)",
    "writes without end": "import sys\nwhile True: sys.stdout.buffer.write(bytes(1 << 20))",
    "says nonsense": "import sys; sys.exit(3)",
    "opens a file": "open('/etc/hosts')",
    "opens a socket": "import _socket; _socket.socket()",
}


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of a process are those of Linux")
@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("aborts", "unreadable_workbook"),
        ("spins", "upload_needs_too_much"),
        ("sleeps", "upload_needs_too_much"),
        ("takes memory", "unreadable_workbook"),
        ("writes without end", "unreadable_workbook"),
        ("says nonsense", "unreadable_workbook"),
        ("opens a file", "unreadable_workbook"),
        ("opens a socket", "unreadable_workbook"),
    ],
)
def test_parent_survives_a_child_that(what: str, code: str, tmp_path: Path) -> None:
    limits = {"memory_bytes": 1 << 28, "cpu_seconds": 1, "unpacked_bytes": 1 << 20}
    script = tmp_path / "child.py"
    before = f"import runpy; runpy.run_path({child.__file__!r})['confine']({limits!r})\n"
    script.write_text(before + _SCRIPTS[what] + "\n", encoding="utf-8")
    with (tmp_path / "empty").open("w+b") as file, pytest.raises(Problems) as raised:
        reading.read_in_child(file, {}, 2 if what == "sleeps" else 20, script)
    assert [problem.code for problem in raised.value.problems] == [code]


def test_memory_is_limited_and_said_to_be(tmp_path: Path) -> None:
    shared = "".join(f"<si><t>{n}</t></si>" for n in range(1_000_000))
    content = workbook(HEADER, shared=shared)
    assert codes(refused(content, limits=Limits(memory_bytes=64 << 20))) == ["upload_needs_too_much"]


def test_one_text_in_many_cells_is_counted_each_time() -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(2, 2000))
    content = workbook(HEADER + rows, shared=f"<si><t>{'字' * 10_000}</t></si>")
    assert codes(refused(content, limits=Limits(unpacked_bytes=10 << 20, ratio=1000))) == ["unpacks_too_large"]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
def test_killed_child_is_a_problem_and_not_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.write(b"a,b\n")
        for _ in range(100):
            file.write(b"x" * 400_000 + b"\n")
    found: list[InputProblem] = []

    def attempt() -> None:
        found.extend(refused(path, "a.csv"))

    thread = threading.Thread(target=attempt)
    thread.start()
    children: list[str] = []
    while thread.is_alive() and not children:
        tasks = Path("/proc/self/task")
        children = (tasks / str(thread.native_id) / "children").read_text(encoding="ascii").split()
    for pid in children:
        os.kill(int(pid), signal.SIGKILL)
    thread.join()
    assert codes(found) == ["upload_needs_too_much"]


def test_child_sees_neither_environment_nor_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "secret")
    script = tmp_path / "child.py"
    script.write_text(
        "import json, os, sys\n"
        "open_files = [n for n in range(3, 64) if os.path.exists(f'/dev/fd/{n}')]\n"
        "sys.stderr.write(json.dumps({'columns': [*os.environ, os.getcwd(), *map(str, open_files)], 'rows': 0}))\n",
        encoding="utf-8",
    )
    with (tmp_path / "secret").open("w+b") as file:
        os.set_inheritable(file.fileno(), True)
        table = reading.read_in_child(file, {}, 20, script)
    assert [name for name in table.columns if name != "LC_CTYPE"] == [os.sep]  # Python sets LC_CTYPE itself


def test_every_code_of_the_child_has_its_words() -> None:
    source = Path(child.__file__).read_text(encoding="utf-8")
    named = {code for code in problems.BY_CODE if f'"{code}"' in source}
    assert named == {code for code in problems.BY_CODE if code not in _CODES_OF_THE_PARENT}


_CODES_OF_THE_PARENT = {"upload_too_large", "unknown_kind", "malware_suspected", "scan_failed"}


# --- The malware scan ------------------------------------------------------------------------------------------------

EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@pytest.fixture
def scanner(tmp_path: Path) -> str:
    script = tmp_path / "a scanner.py"
    script.write_text(
        "import sys\nsys.exit('EICAR-STANDARD-ANTIVIRUS-TEST-FILE' in open(sys.argv[-1], encoding='utf-8').read())\n",
        encoding="utf-8",
    )
    return f"{sys.executable} -I '{script}'"


def test_scan_comes_before_reading(scanner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = f"a,b\n1,{EICAR}\n".encode(), b"a,b\n1,2\n"
    assert texts(read_table(good, "a.csv", scan_command=scanner)) == [("1", "2")]
    assert codes(refused(bad, "a.csv", scan_command=scanner)) == ["malware_suspected"]
    assert codes(refused(bad, "a.xlsx", scan_command=scanner)) == ["malware_suspected"]
    monkeypatch.setenv("YIZHAN_SCAN_COMMAND", scanner)
    assert codes(refused(bad, "a.csv", scan_command=None)) == ["malware_suspected"]


@pytest.mark.parametrize("command", ["no-such-scanner-anywhere", "unclosed '"])
def test_scan_that_cannot_run_lets_nothing_pass(command: str) -> None:
    assert codes(refused(b"a,b\n", "a.csv", scan_command=command)) == ["scan_failed"]


# --- What is written -------------------------------------------------------------------------------------------------

NAMES = [
    '=HYPERLINK("http://x","y")', "@SUM(1)", "+1", "-1", "\tx", "'=1", "'x", "{=1}", "<r><t>x</t></r>", "_x0041_",
    "http://a.example", "mailto:a@b", "00123", "110101199003071234", "1E5", "TRUE", "#N/A", "a\nb", "＝1", "𠮷", '"',
]  # fmt: skip


def test_text_stays_text_in_a_workbook() -> None:
    file = io.BytesIO()
    write_xlsx(file, [Sheet("名单", [Column("姓名"), Column("=列")], [(name, "x") for name in NAMES])])
    sheet = openpyxl.load_workbook(file)["名单"]
    cells = [row[0] for row in sheet.iter_rows(min_row=2)]
    assert {cell.data_type for cell in cells} == {"s"}
    assert {cell.hyperlink for cell in cells} == {None}
    escaped = {"_x0041_": "_x005F_x0041_"}  # openpyxl shows the escape
    assert [cell.value for cell in cells] == [escaped.get(name, name) for name in NAMES]
    assert sheet["B1"].data_type == "s"
    assert [row[0] for row in texts(read(file.getvalue()))] == [name.strip() for name in NAMES]


def test_text_stays_text_in_csv() -> None:
    file = io.BytesIO()
    write_csv(file, ["姓名", "=列"], [(name, "x") for name in NAMES])
    assert file.getvalue().startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(file.getvalue().decode("utf-8-sig"), newline="")))
    assert rows[0] == ["姓名", "'=列"]
    assert rows[1][0] == '\'=HYPERLINK("http://x","y")'
    assert not [field for row in rows for field in row if field[:1] in "=+-@\t\0＝"]
    table = read(file.getvalue(), "a.csv")
    assert table.columns == ("姓名", "=列")
    assert [row[0] for row in texts(table)] == [name.strip() for name in NAMES]


def test_nul_at_the_front_of_a_csv_field_is_guarded() -> None:
    assert child.guarded("\0=1") == "'\0=1"


FEN = [0, 1, -1, 29, 57, 58, 113, 115, 99_999_999_999_99, 10**13 - 1, 10**13, -(10**13), 4_503_599_627_37]


def test_amounts_are_exact_to_the_fen() -> None:
    drawn = [*FEN, *(10**13 - 7 * n * n - n for n in range(2000)), *range(1000)]
    columns = [Column("编号", "integer"), Column("金额", "amount")]
    rows = list(enumerate(drawn))
    file = io.BytesIO()
    write_xlsx(file, [Sheet("A", columns, rows)])
    for cell, fen in zip(openpyxl.load_workbook(file)["A"]["B"][1:], drawn, strict=True):
        assert cell.number_format == "#,##0.00"
        assert f"{cell.value:.2f}" == yuan_text(fen)
    read_back = [text for _, text in texts(read(file.getvalue()))]
    assert [_as_fen(text) for text in read_back] == drawn
    file = io.BytesIO()
    write_csv(file, columns, rows)
    assert [text for _, text in texts(read(file.getvalue(), "a.csv"))] == [yuan_text(fen) for fen in drawn]


def yuan_text(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02}"


def _as_fen(text: str) -> int:
    whole, _, cents = text.lstrip("-").partition(".")
    return (int(whole) * 100 + int(cents.ljust(2, "0"))) * (-1 if text.startswith("-") else 1)


@pytest.mark.parametrize("writes", ["xlsx", "csv"])
def test_refused_values_leave_no_file(writes: str, tmp_path: Path) -> None:
    def write(kind: Any, value: Any) -> None:
        columns = [Column("a"), Column("b", kind)]
        if writes == "csv":
            write_csv(tmp_path / "a", columns, [("x", value)])
        else:
            write_xlsx(tmp_path / "a", [Sheet("A", columns, [("x", value)])])

    for kind, value in [
        ("amount", 1.5),
        ("amount", True),
        ("amount", "1"),
        ("text", 1),
        ("date", "x"),
        ("integer", 1.0),
    ]:
        with pytest.raises(TypeError):
            write(kind, value)
    with pytest.raises(AmountTooLarge):
        write("amount", 10**13 + 1)
    if writes == "xlsx":
        with pytest.raises(problems.CellTooLong, match="B2"):
            write("text", "字" * 32_768)
    assert not list(tmp_path.iterdir())
    write("text", None)
    assert (tmp_path / "a").exists()


def test_dates_and_whole_numbers_come_back() -> None:
    days = [
        date(1899, 12, 31),
        date(1900, 1, 1),
        date(1900, 2, 28),
        date(1900, 3, 1),
        date(2019, 10, 1),
        date(9999, 12, 31),
    ]
    numbers = [0, -5, 10**15 - 1, 10**15, 10**18, 7]
    columns = [Column("日", "date"), Column("数", "integer")]
    for write, name in ((_xlsx, "a.xlsx"), (_csv, "a.csv")):
        content = write(columns, list(zip(days, numbers, strict=True)))
        assert texts(read(content, name)) == [
            (day.isoformat(), str(number)) for day, number in zip(days, numbers, strict=True)
        ]


def _xlsx(columns: Sequence[Column], rows: Sequence[Sequence[Any]], **options: Any) -> bytes:
    file = io.BytesIO()
    write_xlsx(file, [Sheet("名单", columns, rows)], **options)
    return file.getvalue()


def _csv(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> bytes:
    file = io.BytesIO()
    write_csv(file, columns, rows)
    return file.getvalue()


def test_sheet_that_is_full_goes_on_in_another() -> None:
    columns = [Column("a"), Column("b", "integer")]
    file = io.BytesIO()
    rows = [("x", n) for n in range(5)]
    write_xlsx(file, [Sheet("名单", columns, iter(rows), note="说明"), Sheet("名单", columns, [])], rows_per_sheet=4)
    book = openpyxl.load_workbook(file)
    assert book.sheetnames == ["名单", "名单 (2)", "名单 (3)", "名单_2"]
    held = [[cell.value for cell in book[name]["B"][2:]] for name in book.sheetnames]
    assert held == [[0, 1], [2, 3], [4], []]
    for name in book.sheetnames[:3]:
        assert (book[name]["A1"].value, book[name]["B2"].value, book[name].freeze_panes) == ("说明", "b", "A3")
        assert book[name]["A2"].font.bold
    assert book["名单_2"].freeze_panes == "A2"


@pytest.mark.parametrize("name", ["a/b:c*d?[e]\\", "'x'", "History", "很" * 50, ""])
def test_any_sheet_name_is_made_fit(name: str) -> None:
    file = io.BytesIO()
    write_xlsx(file, [Sheet(name, [Column("a"), Column("b")], [("1", "2")] * 2)] * 2, rows_per_sheet=2)
    assert len(openpyxl.load_workbook(file).sheetnames) == 4


def test_template_explains_its_columns_and_is_read_as_an_empty_table() -> None:
    columns = [
        TemplateColumn("身份证号", "十八位", "eighteen digits", required=True, examples=["11010119900307123X"]),
        TemplateColumn(
            "类别", "困难身份", "identity", choices=["低保", "特困", "=x", *(f"第{n}类" for n in range(200))]
        ),
        TemplateColumn("认定日期", "第一天", "first day", kind="date"),
    ]
    file = io.BytesIO()
    template_xlsx(file, columns)
    table = read(file.getvalue())
    assert table.columns == ("身份证号", "类别", "认定日期")
    assert len(table.rows) == 0
    book = openpyxl.load_workbook(file)
    assert book.sheetnames == ["名单", "说明 Notes", "choices"]
    assert [cell.value for cell in book["说明 Notes"][2]] == [
        "身份证号", "必填 yes", "十八位", "eighteen digits", None, "11010119900307123X",
    ]  # fmt: skip
    (rule,) = book["名单"].data_validations.dataValidation
    assert (rule.type, str(rule.sqref), rule.formula1) == ("list", "B2:B200001", "choices!$A$1:$A$203")
    assert [cell.value for cell in book["choices"]["A"]][:3] == ["低保", "特困", "=x"]
    assert book["choices"].sheet_state == "hidden"
    assert book["名单"].column_dimensions["A"].number_format == "@"


# --- Both ways -------------------------------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=20) | st.text("'=+\t\n\u3000\u200b\"x,_ ", max_size=8)
TABLES = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(ANY_TEXT, min_size=width, max_size=width), max_size=6)
)


def in_this_process(content: bytes, kind: str) -> list[list[str]]:
    rows: list[list[str]] = []
    outcome = child.read(io.BytesIO(content), kind, None, vars(LIMITS), lambda _, cells: rows.append(cells))
    assert "problems" not in outcome, outcome
    return rows


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
@settings(max_examples=150)
@given(table=TABLES)
def test_any_text_written_comes_back(kind: str, table: list[list[str]]) -> None:
    columns = [Column(f"c{n}") for n in range(len(table[0]) if table else 2)]
    seen = [[child.seen_text(text) for text in row] for row in table]
    if kind == "csv":
        table = [[text.replace("\0", "") for text in row] for row in table]
        content = _csv(columns, table)
    else:
        content = _xlsx(columns, table)
    assert in_this_process(content, kind) == [row for row in seen if any(row)]


@settings(max_examples=200)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_a_table_or_a_problem(content: bytes) -> None:
    for kind, start in (("csv", b""), ("xlsx", b"PK\x03\x04")):
        outcome = child.read(io.BytesIO(start + content), kind, None, vars(LIMITS), lambda _number, _cells: None)
        assert json.dumps(outcome)
