"""The columns of files about catalogues and mappings: their headings, what a cell may hold, and the templates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from yizhan.agency.desk.words import Words
from yizhan.agency.providers.errors import ColumnAbsent, ColumnStrange
from yizhan.agency.providers.kinds import CHARGE_WORDS, CLASSES, FEES, FEES_OF, LEVELS
from yizhan.agency.spreadsheets import TemplateColumn
from yizhan.engine.money import RATIO_ONE
from yizhan.errors import Problem, Problems


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its headings, the first of which the template has."""

    code: str
    words: Words
    headings: tuple[str, ...]
    help: Words
    required: bool = False
    choices: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


def limit_code(level: str) -> str:
    """The column of a hospital grade's price limit."""
    return f"limit_{level}"


def item_columns(kind: str) -> dict[str, Column]:
    """The columns of a catalogue of this kind."""
    fees = FEES_OF[kind]
    found = [
        Column("code", Words("国家编码", "national code"), ("国家编码", "国家医保编码", "编码", "医保编码", "目录编码"),
               Words("国家医保编码，不超过30位。", "The national code, at most 30 characters."), True, examples=("XA01ABD075A002010100483",)),
        Column("name", Words("名称", "name"), ("名称", "通用名", "项目名称", "药品名称", "耗材名称"), Words("", ""), True, examples=("演示片",)),
        Column("spec", Words("规格", "specification"), ("规格", "剂型规格", "规格型号", "项目内涵"), Words("规格、剂型或内涵。", "Strength, dosage form or content.")),
        Column("unit", Words("单位", "unit"), ("单位", "计价单位", "最小计价单位"), Words("限价按这个单位计。", "Price limits are per this unit."), examples=("片",)),
        Column("class", Words("类别", "class"), ("类别", "甲乙丙类", "收费项目等级", "医保类别"), Words("甲类、乙类或丙类。", "Class A, B or C."), True,
               tuple(words.zh for words in CLASSES.values())),
        Column("ratio", Words("先付比例", "first-pay ratio"), ("先付比例", "先行自付比例", "自付比例"),
               Words("乙类必填，如10%；甲类为0，丙类为100%，可不填。", "Required in class B, such as 10%; 0 in class A and 100% in class C, which may be left out."), examples=("10%",)),
        *(
            Column(limit_code(level), Words(f"{words.zh}限价", f"limit, {words.en}"), (f"{words.zh}限价", f"{words.zh}医院限价"),
                   Words("每单位的元数；空着表示不限价。", "Yuan a unit; empty means no limit."), examples=("12.50",))
            for level, words in LEVELS.items()
        ),
        Column("restriction", Words("限定支付范围", "restriction"), ("限定支付范围", "限制使用", "备注"), Words("限用的病种、人群、医院等；没有就空着。", "Diseases, persons or hospitals to which use is restricted; else empty.")),
        Column("negotiated", Words("谈判药品", "negotiated"), ("谈判药品", "谈判高值药品", "高值药品"), Words("国家谈判的高值药品写“是”。", "是 for a nationally negotiated high-value drug."), choices=("是", "否")),
        Column("rehabilitation", Words("康复项目", "rehabilitation"), ("康复项目", "医疗康复"), Words("医疗康复项目写“是”。", "是 for medical rehabilitation."), choices=("是", "否")),
        Column("fee", Words("费用类别", "category of cost"), ("费用类别", "收费类别", "医疗收费项目类别"), Words("结算单上归入哪一类费用。", "Under which category it stands on the bill."),
               len(fees) > 1, tuple(FEES[fee].zh for fee in fees)),
        Column("charge", Words("单列收费", "single charge"), ("单列收费", "收费项目"), Words("政策单独规定的收费；一般空着。", "A charge that policies single out; usually empty."),
               choices=tuple(words.zh for words in CHARGE_WORDS.values())),
    ]  # fmt: skip
    left_out = {
        "drug": {"rehabilitation"},
        "service": {"negotiated"},
        "supply": {"negotiated", "rehabilitation", "charge"},
    }
    return {column.code: column for column in found if column.code not in left_out[kind]}


MAPPING_COLUMNS: Mapping[str, Column] = {
    column.code: column
    for column in (
        Column("code", Words("医院编码", "hospital code"), ("医院编码", "院内编码", "医院项目编码"), Words("医院自己的项目编码。", "The hospital's own code."), True, examples=("Y0001",)),
        Column("name", Words("医院名称", "hospital name"), ("医院名称", "院内名称", "医院项目名称"), Words("医院自己的项目名称。", "The hospital's own name."), True, examples=("演示片",)),
        Column("unit", Words("单位", "unit"), ("单位", "计价单位"), Words("", "")),
        Column("national_code", Words("国家编码", "national code"), ("国家编码", "国家医保编码", "医保编码"), Words("对应的国家医保编码。", "The national code that it is."), True),
        Column("first", Words("起始日期", "first day"), ("起始日期", "开始日期"), Words("自哪天起这样对应。", "From which day it holds."), True, examples=("2026-01-01",)),
        Column("last", Words("截止日期", "last day"), ("截止日期", "结束日期"), Words("最后一天；空着表示一直有效。", "The last day; empty means until further notice.")),
    )
}  # fmt: skip

_NOISE = re.compile(r"[\s*＊:：（）()]")


def _cleaned(heading: str) -> str:
    return _NOISE.sub("", unicodedata.normalize("NFKC", heading)).lower()


def places(columns: Sequence[str], known: Mapping[str, Column]) -> dict[str, int]:
    """Column code → its place in the file. Raises Problems: what is missing, and what nobody knows."""
    by_heading = {_cleaned(heading): column.code for column in known.values() for heading in column.headings}
    found: dict[str, int] = {}
    problems: list[Problem] = []
    for place, heading in enumerate(columns):
        code = by_heading.get(_cleaned(heading))
        if heading and (code is None or code in found):
            problems.append(ColumnStrange(column=heading))
        elif code is not None:
            found[code] = place
    problems += [
        ColumnAbsent(column_zh=column.words.zh, column_en=column.words.en)
        for column in known.values()
        if column.required and column.code not in found
    ]
    if problems:
        raise Problems(problems)
    return found


def template(known: Mapping[str, Column]) -> list[TemplateColumn]:
    """The columns of the template."""
    return [
        TemplateColumn(
            column.headings[0], column.help.zh, column.help.en, "date" if column.code in ("first", "last") else "text",
            column.required, column.choices, column.examples,
        )
        for column in known.values()
    ]  # fmt: skip


# --- Cells ------------------------------------------------------------------------------------------------------------

_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?%")
_SHARE = re.compile(r"(?:0(?:\.([0-9]{1,4}))?|1(?:\.0{1,4})?)")
_YUAN = re.compile(r"([0-9]{1,8})(?:\.([0-9]{1,2}))?元?")


def read_ratio(text: str) -> int | None:
    """A share in ten-thousandths from 10%, 12.5% or 0.1; None: it is none.

    >>> read_ratio("10%"), read_ratio("12.5%"), read_ratio("0.1"), read_ratio("1"), read_ratio("10"), read_ratio("120%")
    (1000, 1250, 1000, 10000, None, None)
    """
    text = unicodedata.normalize("NFKC", text).strip()
    if found := _PERCENT.fullmatch(text):
        ratio = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
        return ratio if ratio <= RATIO_ONE else None
    if found := _SHARE.fullmatch(text):
        return RATIO_ONE if text.startswith("1") else int((found[1] or "").ljust(4, "0"))
    return None


def read_fen(text: str) -> int | None:
    """A price in fen from yuan; None: it is none.

    >>> read_fen("12.5"), read_fen("1,200元"), read_fen("12.345"), read_fen("-1")
    (1250, 120000, None, None)
    """
    text = unicodedata.normalize("NFKC", text).replace(",", "").strip()
    found = _YUAN.fullmatch(text)
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else None


_YES = {
    "是": True,
    "有": True,
    "1": True,
    "yes": True,
    "y": True,
    "否": False,
    "0": False,
    "": False,
    "no": False,
    "n": False,
}


def read_yes(text: str) -> bool | None:
    """Yes or no; None: neither."""
    return _YES.get(text.strip().lower())


def reader(words: Mapping[str, Words], *, also: Mapping[str, str] | None = None) -> Callable[[str], str | None]:
    """A function from a cell to a code of a closed table, by its words or the code itself; None: it is none."""
    known = {text: code for code, value in words.items() for text in (code, value.zh, value.en)} | dict(also or {})
    return known.get


CLASS_ALSO = {"甲": "a", "乙": "b", "丙": "c", "01": "a", "02": "b", "03": "c", "自费": "c"}
"""How lists call the classes; 01 to 03 are the national codes（chrgitm_lv）."""
