"""The page of refusals: in which order a settlement is checked, and what each refusal says. Written from the classes."""

from __future__ import annotations

import re

from yizhan import errors as engine_errors
from yizhan.agency.care import errors
from yizhan.errors import Problem

ENGINE = (
    engine_errors.NoPolicyForDate,
    engine_errors.NotInsured,
    engine_errors.FactNeeded,
    engine_errors.YearSplitNeeded,
    engine_errors.AmountsDisagree,
)
"""What the engine most often refuses of a bill that came so far; docs/settle.md has them all."""

_HEAD = """# 结算为什么会被拒绝　Why a settlement is refused

按检查的先后排列。能同时查出的（例如没有协议、没有费用、时间重叠）一次全部列出。被拒绝的结算什么也不写入。
花括号里是当时的具体内容。`code` 供程序使用，不会改变。本页由 `src/yizhan/agency/care/errors.py` 生成。

In the order in which they are checked. What can be found at once (no agreement, no cost, an overlap) is reported at once.
A settlement that is refused writes nothing. Braces hold what was found; `code` is for programs and does not change. This page
is written from `src/yizhan/agency/care/errors.py`.

| | code | 中文 | English |
|---|---|---|---|
"""


def rows() -> list[tuple[str, str, str, str]]:
    """(place, code, zh, en) of every refusal of a settlement, in order, those of the engine after ours."""
    ours = [(str(k), error) for k, error in enumerate(errors.ORDER, start=1)]
    return [(place, e.code, e.zh, e.en) for place, e in [*ours, *(("", error) for error in ENGINE)]]


def as_page() -> str:
    """docs/refusals.md."""
    after = [error for error in errors.__dict__.values() if _is_refusal(error) and error not in errors.ORDER]
    settling = _HEAD + "".join(_row(str(k), error) for k, error in enumerate(errors.ORDER, start=1))
    engine = "".join(_row("引擎 engine", error) for error in ENGINE)
    title = "\n## 撤销、更正和录入　Reversing, correcting, entering\n\n| code | 中文 | English |\n|---|---|---|\n"
    return settling + engine + title + "".join(_row("", error).removeprefix("|  ") for error in after)


def _is_refusal(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, Problem) and found.__module__ == errors.__name__


def _row(place: str, error: type[Problem]) -> str:
    zh, en = (re.sub(r"\s+", " ", text).replace("|", "\\|") for text in (error.zh, error.en))
    return f"| {place} | `{error.code}` | {zh} | {en} |\n"
