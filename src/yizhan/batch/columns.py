"""The columns of a table of bills: which there may be, and how each is read into arrays of numbers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NoReturn, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from yizhan.engine.facts import CHARGES, FACTS, POTS
from yizhan.engine.scheme import Scheme
from yizhan.engine.settlement import resolver_of
from yizhan.errors import (
    BadColumn,
    MissingColumn,
    Problem,
    Problems,
    RowsRefused,
    UnknownKey,
    UnknownValue,
)

Ints = NDArray[np.int64]

EPOCH = date(1970, 1, 1)

Coded = tuple[Ints, NDArray[Any]]
"""A column of classes: for each code of the column its class, and the code of each row."""

KEYS = ("area", "person", "discharged_on", "sequence")
"""Columns that identify a bill; they are copied to the result. `sequence` may be absent."""

COLUMNS: dict[str, str] = {
    "area": "six-digit code or name of the pooling area 统筹区",
    "person": "any identifier of the insured person; text or whole number 个人标识",
    "discharged_on": "date 出院日期 (or the day of care)",
    "admitted_on": "date 入院日期; discharged_on if absent",
    "settled_on": "date 结算日期; discharged_on if absent",
    "sequence": "whole number, order of bills of one day 同日序号",
    "identities": "codes or terms joined by ; — as held on the area's identity date 身份",
    "identity_changed": "yes/no: identities changed within the policy year 身份年内变化",
    "year_end_part": "yes/no: the part after the year's end of a stay that was cut 年末续住",
    "born_on": "date 出生日期; or give age",
    "diagnoses": "disease names or ICD-10 codes joined by ; 病种",
    **{pot: f"whole fen: {FACTS[pot].zh}" for pot in POTS},
    **{charge: f"whole fen: {FACTS[charge].zh} (inside the pots)" for charge in CHARGES},
    **{
        f.code: f"{f.zh}" + (f": {'/'.join(v.code for v in f.values)}" if f.values else "")
        for f in FACTS.values()
        if f.about in ("person", "claim") and f.code not in ("identity", "diagnoses")
    },
}
"""Every column that a table of bills may have, with its meaning."""


def check_columns(schema: pa.Schema) -> None:
    """Refuse a table that lacks a needed column, or has one that is not known or of another type. Raises Problems."""
    problems: list[Problem] = []
    for name in ("area", "person", "discharged_on", "in_scope"):
        if name not in schema.names:
            problems.append(MissingColumn(column=name, meaning=COLUMNS[name]))
    for field in schema:
        if schema.names.count(field.name) > 1:
            problems.append(BadColumn(column=field.name, expected_zh="只有一列", expected_en="there once", found="2"))
        if field.name not in COLUMNS:
            problems.append(
                UnknownKey(
                    key=field.name,
                    hint_zh=f"可用的列：{'、'.join(COLUMNS)}。",
                    hint_en=f"Known columns: {', '.join(COLUMNS)}.",
                )
            )
            continue
        problems += _check_type(field)
    if problems:
        raise Problems(problems)


def _check_type(field: pa.Field) -> list[Problem]:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    whole = pa.types.is_integer(kind)
    if field.name.endswith("_on"):
        good, zh, en = pa.types.is_date32(kind), "日期（date32）", "a date (date32)"
    elif field.name in (*POTS, *CHARGES, "sequence", "age", "days"):
        good, zh, en = whole, "整数（金额以分计）", "a whole number (amounts in fen)"
    elif field.name == "person":
        good, zh, en = text or whole, "文本或整数", "text or a whole number"
    else:
        good, zh, en = text, "文本", "text"
    return [] if good else [BadColumn(column=field.name, expected_zh=zh, expected_en=en, found=str(field.type))]


def refuse_nulls(column: pa.Array, name: str) -> NoReturn:
    """Raise Problems naming the first row without a value: nothing is taken for granted, not even zero."""
    row = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
    raise Problems(
        [
            RowsRefused(
                at=name,
                count=column.null_count,
                row=row,
                why="没有值，请填写（没有就写0） has no value; write one (0 for none)",
            )
        ]
    )


def whole(table: pa.Table, name: str, default: int | None = None) -> Ints:
    if name not in table.column_names:
        return np.full(table.num_rows, default or 0, dtype=np.int64)
    column = table[name].combine_chunks()
    if column.null_count:
        refuse_nulls(column, name)
    try:
        return np.ascontiguousarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        raise Problems(
            [BadColumn(column=name, expected_zh="64位整数", expected_en="a 64-bit whole number", found="> 2^63")]
        ) from None


def day_numbers(table: pa.Table, name: str, instead: Ints | None = None) -> Ints:
    if name not in table.column_names:
        assert instead is not None
        return instead
    column = table[name].combine_chunks().cast(pa.int32())
    if column.null_count:
        if instead is None:
            refuse_nulls(column, name)
        column = pc.if_else(column.is_null(), pa.array(instead.astype(np.int32)), column)
    return column.to_numpy(zero_copy_only=False).astype(np.int64)


def coded(table: pa.Table, name: str) -> tuple[NDArray[np.int32], list[Any]]:
    """A text column as (code of each row, the texts); missing values get the code of None."""
    column = table[name].combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    texts = column.dictionary.to_pylist()
    codes = column.indices
    if codes.null_count:
        codes = pc.fill_null(codes, len(texts))
        texts.append(None)
    return codes.to_numpy(zero_copy_only=False).astype(np.int32), texts


def value_of(fact: str, text: str | None, scheme: Scheme) -> object:
    """A cell of a table as the engine's value of a fact. Raises Problems with UnknownValue."""
    if text is None or (text == "" and not FACTS[fact].several):
        return frozenset() if FACTS[fact].several else None
    described = FACTS[fact]
    words = [w.strip() for w in text.replace("、", ";").split(";") if w.strip()] if described.several else [text]
    if fact == "diagnoses":
        return scheme.diseases(words)
    if not described.values:
        return text
    codes = []
    for word in words:
        value = described.value(word)
        if value is None:
            raise Problems([
                UnknownValue(
                    at=fact, value=word, fact_zh=described.zh, fact_en=described.en,
                    allowed_zh="、".join(v.zh for v in described.values), allowed_en=", ".join(v.code for v in described.values),
                )
            ])  # fmt: skip
        codes.append(value.code)
    return frozenset(codes) if described.several else codes[0]


def ages(table: pa.Table, policy: Ints) -> Ints | None:
    if "born_on" in table.column_names:
        born = day_numbers(table, "born_on").astype("datetime64[D]")
        on = policy.astype("datetime64[D]")
        months = on.astype("datetime64[M]").astype(np.int64) - born.astype("datetime64[M]").astype(np.int64)
        day = (on - on.astype("datetime64[M]")).astype(np.int64) - (born - born.astype("datetime64[M]")).astype(
            np.int64
        )
        return cast(Ints, np.maximum(0, (months - (day < 0)) // 12))
    return whole(table, "age") if "age" in table.column_names else None


class Calendar:
    """Year, month and policy period of every day that occurs, by look-up."""

    def __init__(self, scheme: Scheme, first: int, last: int) -> None:
        days = [EPOCH + timedelta(days=int(n)) for n in range(first, last + 1)]
        classes = resolver_of(scheme).classes
        self.first = first
        self.year = np.array([scheme.conventions.year_of(d) for d in days], dtype=np.int64)
        self.month = np.array([d.month - 1 for d in days], dtype=np.int8)
        self.period = np.array([classes.period(d) for d in days], dtype=np.int64)
        self.alive = np.array([scheme.begins_on <= d <= scheme.ends_on for d in days], dtype=bool)
