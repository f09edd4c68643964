"""Bill lines from a file: a spreadsheet of the hospital, or JSON from its system. All that is wrong is named at once."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import IO, Any

from yizhan.agency.care.errors import LinesTooLarge, LinesUnreadable, LineUnreadable, NoLines, TooManyLines
from yizhan.agency.care.fields import read_ten_thousandths
from yizhan.agency.desk.words import Words
from yizhan.agency.providers.columns import Column, places, read_yes, template
from yizhan.agency.providers.splitting import TEN_THOUSANDTHS, Charge
from yizhan.agency.spreadsheets import TemplateColumn, read_table
from yizhan.engine.money import half_up
from yizhan.errors import Problem, Problems

MOST_LINES = 5_000
"""Lines of one visit."""

MOST_JSON = 4 << 20
"""Bytes: several times what so many lines need."""

MOST_PROBLEMS = 100

COLUMNS: Mapping[str, Column] = {
    column.code: column
    for column in (
        Column("on", Words("费用日期", "day"), ("费用日期", "日期", "发生日期", "收费日期"), Words("费用发生的日子，如2026-01-01。", "The day of the charge, such as 2026-01-01."), True, examples=("2026-01-01",)),
        Column("code", Words("项目编码", "code"), ("项目编码", "医院编码", "编码", "院内编码", "国家编码"), Words("医院自己的编码，或国家编码。", "The hospital's own code, or the national one."), True, examples=("Y1001",)),
        Column("name", Words("项目名称", "name"), ("项目名称", "名称", "收费项目"), Words("", ""), True, examples=("演示片",)),
        Column("quantity", Words("数量", "quantity"), ("数量",), Words("退费写负数。", "Negative for a refund."), True, examples=("2",)),
        Column("price", Words("单价", "price"), ("单价", "价格"), Words("每单位的元数，最多四位小数。", "Yuan a unit, at most four decimals."), True, examples=("12.50",)),
        Column("amount", Words("金额", "amount"), ("金额", "总价", "费用"), Words("可不填：数量乘单价。", "May be left out: quantity times price."), examples=("25.00",)),
        Column("signed", Words("自费签字", "own cost signed"), ("自费签字", "自费同意"), Words("病人签字自费的写“是”。", "是 where the patient signed to pay it alone."), choices=("是", "否")),
    )
}  # fmt: skip

_DATE = re.compile(r"([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})日?")


def template_columns() -> list[TemplateColumn]:
    """The columns of an empty sheet to fill in."""
    return template(COLUMNS)


def amount_of(quantity: int, price: int) -> int:
    """Quantity × price, both in 1/10,000, in fen, half up."""
    per_fen = TEN_THOUSANDTHS * TEN_THOUSANDTHS // 100
    fen = half_up(abs(quantity * price), per_fen)
    return -fen if quantity * price < 0 else fen


def read_lines(file: IO[bytes], name: str) -> list[Charge]:
    """The lines of an uploaded .xlsx, .csv or .json. Raises Problems with everything that is wrong in it."""
    rows = _from_json(file.read(MOST_JSON + 1)) if name.lower().endswith(".json") else _from_table(file, name)
    if not rows:
        raise Problems([NoLines()])
    if len(rows) > MOST_LINES:
        raise Problems([TooManyLines(most=MOST_LINES, lines=len(rows))])
    problems: list[Problem] = []
    charges = [_charge(number, cells, problems) for number, cells in rows]
    if problems:
        raise Problems(problems[:MOST_PROBLEMS])
    return [charge for charge in charges if charge is not None]


def _from_table(file: IO[bytes], name: str) -> list[tuple[int, dict[str, str]]]:
    table = read_table(file.read(), name)
    where = places(table.columns, COLUMNS)
    return [(number, {code: cells[place].strip() for code, place in where.items()}) for number, cells in table.rows]


def _from_json(content: bytes) -> list[tuple[int, dict[str, str]]]:
    if len(content) > MOST_JSON:
        raise Problems([LinesTooLarge(most=MOST_JSON >> 20)])
    try:
        body = json.loads(content, parse_float=str, parse_int=str)  # a number is what its digits say
        rows = body["lines"] if isinstance(body, dict) else body
        assert isinstance(rows, list)
        assert all(isinstance(row, dict) for row in rows)
    except (ValueError, KeyError, AssertionError, RecursionError):
        raise Problems([LinesUnreadable()]) from None
    yes = {True: "是", False: "否", None: ""}

    def text(value: Any) -> str:
        return yes[value] if value is None or isinstance(value, bool) else str(value).strip()

    return [(number, {code: text(row.get(code)) for code in COLUMNS}) for number, row in enumerate(rows, start=1)]


def _charge(number: int, cells: Mapping[str, str], problems: list[Problem]) -> Charge | None:
    before = len(problems)

    def refuse(code: str, zh: str, en: str) -> None:
        words = COLUMNS[code].words
        problems.append(LineUnreadable(row=number, column_zh=words.zh, column_en=words.en, why_zh=zh, why_en=en))

    for code in ("code", "name"):
        if not cells.get(code):
            refuse(code, "不能空着", "may not be empty")
    for code, longest in (("code", 50), ("name", 200)):
        if len(cells.get(code, "")) > longest:
            refuse(code, f"超过{longest}个字", f"more than {longest} characters")
        if any(unicodedata.category(c) in ("Cc", "Cs") for c in cells.get(code, "")):
            refuse(code, "有不能保存的字符", "has characters that cannot be kept")
    on = read_day(cells.get("on", ""))
    if on is None:
        refuse(
            "on",
            f"“{cells.get('on', '')[:20]}”不是日期，请写成2026-01-01",
            f"“{cells.get('on', '')[:20]}” is no day; write it as 2026-01-01",
        )
    numbers: dict[str, int] = {}
    for code in ("quantity", "price", "amount"):
        typed = cells.get(code, "")
        if code == "amount" and not typed:
            continue
        try:
            numbers[code] = read_ten_thousandths(typed)
        except ValueError:
            refuse(
                code, f"“{typed[:20]}”不是数字，最多四位小数", f"“{typed[:20]}” is no number with at most four decimals"
            )
    if numbers.get("amount", 0) % 100:
        refuse("amount", "金额最多两位小数", "an amount has at most two decimals")
    signed = read_yes(cells.get("signed", ""))
    if signed is None:
        refuse("signed", "应为是或否", "should be 是 or 否")
    if len(problems) > before or on is None or signed is None:
        return None
    quantity, price = numbers["quantity"], numbers["price"]
    amount = numbers["amount"] // 100 if "amount" in numbers else amount_of(quantity, price)
    return Charge(on, cells["code"], cells["name"], quantity, price, amount, signed)


def read_day(text: str) -> date | None:
    """A day as people write it; None where it is none."""
    found = _DATE.fullmatch(text.split(" ", maxsplit=1)[0])
    if found is None:
        return None
    try:
        return date(*map(int, found.groups()))
    except ValueError:
        return None
