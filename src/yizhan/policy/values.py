"""Values as documents write them: `80%`, `1.5万元`, `加5个百分点`, `超过3万元且不超过7万元`.

The form of a value says what it does: it sets a figure, or it adjusts one that another rule sets. Every function takes the
text and returns the meaning, or raises ValueError with the reason in Chinese and English (a `Reason`), which the caller
turns into an error with file and line.
"""

from __future__ import annotations

import re
from datetime import date

from yizhan.engine.money import MOST_FEN, NO_LIMIT, RATIO_ONE
from yizhan.engine.scheme import Adjuster, Amount, Band

_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,6}|[0-9]{1,18})(?:\.[0-9]{1,8})?"
_MONEY = re.compile(rf"({_NUMBER})(万|亿)?元")
_PERCENT = re.compile(rf"({_NUMBER})[%％]")
_TIMES = re.compile(rf"({_NUMBER})倍")
_POINTS = re.compile(rf"(加|减)({_NUMBER})个百分点(?:至多({_NUMBER}%))?")
_BY_AGE = re.compile(rf"每岁(加|减)({_NUMBER})个百分点")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_SCALE = {None: 1, "万": 10_000, "亿": 100_000_000}

TOTAL_WORDS = {"费用总额": "total", "政策范围内": "in_scope"}


class Reason(ValueError):
    """Why a value cannot be read, in Chinese and English."""

    def __init__(self, zh: str, en: str) -> None:
        self.zh, self.en = zh, en
        super().__init__(en)


def _scaled(digits: str, scale: int, unit_zh: str, unit_en: str) -> int:
    whole, _, fraction = digits.replace(",", "").partition(".")
    value = int(whole) * scale
    if fraction:
        part = int(fraction) * scale
        if part % 10 ** len(fraction):
            raise Reason(f"比{unit_zh}还细", f"finer than {unit_en}")
        value += part // 10 ** len(fraction)
    return value


def money(text: str) -> int:
    """`500元`, `1.5万元`, `16,901元`, `0元`, `免` → fen."""
    if text == "免":
        return 0
    found = _MONEY.fullmatch(text)
    if not found:
        raise Reason("不是金额，应写成 500元 或 1.5万元", "not an amount; write 500元 or 1.5万元")
    fen = _scaled(found[1], 100 * _SCALE[found[2]], "分", "a fen")
    if fen > MOST_FEN:
        raise Reason("金额太大", "the amount is too large")
    return fen


def ratio(text: str) -> int:
    """`60%`, `0.2%`, `全额` → ten-thousandths."""
    if text == "全额":
        return RATIO_ONE
    found = _PERCENT.fullmatch(text)
    if not found:
        if re.fullmatch(r"(提高|降低|加|减)" + _NUMBER + "[%％]", text):
            raise Reason(
                "“提高5%”可能是5个百分点，也可能是原比例的5%；请写“加5个百分点”并加读法",
                "“提高5%” may mean 5 points or 5 % of the ratio; write 加5个百分点 and a 读法",
            )
        raise Reason("不是比例，应写成 60% 或 全额", "not a ratio; write 60% or 全额")
    value = _scaled(found[1], 100, "万分之一", "0.01 %")
    if value > RATIO_ONE:
        raise Reason("比例超过 100%", "the ratio exceeds 100 %")
    return value


def amount(text: str, yearly: frozenset[str]) -> Amount:
    """A sum of money as a rule states it: an amount, `不设`, a share of the bill or of a yearly figure, per day."""
    if text == "不设":
        return Amount(NO_LIMIT)
    if text.startswith("每日"):
        return Amount(per_day=money(text[2:]))
    base, of, share = text.partition("的")
    if of and (times := _TIMES.fullmatch(share) or _PERCENT.fullmatch(share)):
        part = _scaled(times[1], RATIO_ONE if share.endswith("倍") else 100, "万分之一", "0.01 %")
        if base in TOTAL_WORDS and part > RATIO_ONE:
            raise Reason("比例超过 100%", "the ratio exceeds 100 %")
        if base in yearly and part > 100 * RATIO_ONE:
            raise Reason("超过100倍", "more than 100 times")
        if base in TOTAL_WORDS:
            return Amount(share=part, of=TOTAL_WORDS[base])
        if base in yearly:
            return Amount(share=part, yearly=base)
        raise Reason(f"“{base}”没有在“每年”里定义", f"“{base}” is not defined under 每年")
    return Amount(money(text))


def adjuster(text: str, of_money: bool) -> Adjuster | None:
    """An adjuster, or None if the text sets a value. `of_money` tells amounts from ratios."""
    number = money if of_money else ratio
    if text == "减半":
        return Adjuster("factor", RATIO_ONE // 2, text=text)
    if text.startswith("按"):
        return Adjuster("factor", ratio(text[1:]), text=text)
    for word, kind in (("提高到", "raise"), ("降低到", "lower"), ("不低于", "floor"), ("不超过", "ceiling")):
        if text.startswith(word):
            value = NO_LIMIT if text[3:] == "不设" else number(text[3:])
            return Adjuster(kind, value, text=text)
    if found := _BY_AGE.fullmatch(text):
        sign = 1 if found[1] == "加" else -1
        return Adjuster("add_by_age", sign * _scaled(found[2], 100, "万分之一", "0.01 %"), text=text)
    if found := _POINTS.fullmatch(text):
        if of_money:
            raise Reason("金额不能加减百分点", "points cannot be added to an amount")
        points = (1 if found[1] == "加" else -1) * _scaled(found[2], 100, "万分之一", "0.01 %")
        if found[3]:
            return Adjuster("add_capped", points, ratio(found[3]), text=text)
        return Adjuster("add", points, text=text)
    if of_money and text[:1] in ("加", "减"):
        return Adjuster("add", (1 if text[0] == "加" else -1) * money(text[1:]), text=text)
    return None


def number_range(text: str, unit: str) -> tuple[int, int]:
    """A condition on a number → the lowest and highest whole number that meet it, both included."""
    low, high = 0, NO_LIMIT
    for piece in re.split("且|，", text):
        if piece.endswith(("以下", "以上")):
            raise Reason(
                "“以下”“以上”没有说明是否含本数；请写 不超过、低于、超过 或 不低于，并加读法",
                "以下/以上 leaves open whether the number is included; write 不超过, 低于, 超过 or 不低于 and a 读法",
            )
        low, high = _narrow(piece, unit, low, high)
    if low > high:
        raise Reason("没有数能满足", "no number meets it")
    return low, high


def _narrow(piece: str, unit: str, low: int, high: int) -> tuple[int, int]:
    if unit == "years" and (found := re.fullmatch(r"(年满|不满)([0-9]+)(?:周)?岁", piece)):
        return (max(low, int(found[2])), high) if found[1] == "年满" else (low, min(high, int(found[2]) - 1))
    for word, step in (
        ("不超过", 0),
        ("不低于", 0),
        ("不少于", 0),
        ("低于", -1),
        ("少于", -1),
        ("超过", 1),
        ("多于", 1),
    ):
        if piece.startswith(word):
            number = _count(piece[len(word) :], unit)
            if word in ("不超过", "低于", "少于"):
                return low, min(high, number + step)
            return max(low, number + step), high
    raise Reason(
        "不是数的条件；请写 不超过9000元、超过3万元且不超过7万元、年满18岁 之类",
        "not a condition on a number; write 不超过9000元, 超过3万元且不超过7万元, 年满18岁 or the like",
    )


def _count(text: str, unit: str) -> int:
    if unit == "fen":
        return money(text)
    found = re.fullmatch(r"([0-9]+)(天|日|周?岁)", text)
    if not found:
        raise Reason("应写明单位（天、岁）", "the unit (天, 岁) is missing")
    return int(found[1])


def bands(pairs: list[tuple[str, str]], on_total: bool) -> tuple[Band, ...]:
    """`[("0至3万元", "55%"), ("3万元以上", "65%")]` → bands that touch each other and leave nothing out."""
    found: list[Band] = []
    end = 0
    for position, (stretch, share) in enumerate(pairs):
        if end == NO_LIMIT:
            raise Reason("“以上”之后不能再有一段", "no band may follow the one that is 以上")
        lower, word, upper = stretch.partition("至")
        if not word:
            if not stretch.endswith("以上"):
                raise Reason(
                    f"“{stretch}”看不懂：应写成 3万元至8万元，最后一段 8万元以上",
                    f"“{stretch}” is no band: write 3万元至8万元, and 8万元以上 for the last one",
                )
            lower, upper = stretch[:-2], ""
        if lower == "起付标准":
            if position or not on_total:
                raise Reason(
                    "“起付标准至…”只能是第一段，且分段基准为计入总额",
                    "起付标准至… can only be the first band, with 分段基准: 计入总额",
                )
            low = 0
        else:
            low = 0 if lower in ("0", "0元") else money(lower)
        if low != end:
            raise Reason("各段必须首尾相接", "each band must start where the last one ended")
        end = money(upper) if upper else NO_LIMIT
        if end <= low:
            raise Reason("这一段的上限不高于下限", "the band ends before it begins")
        found.append(Band(low, end, ratio(share)))
    if not found or end != NO_LIMIT:
        raise Reason("最后一段必须是“以上”", "the last band must be 以上")
    return tuple(found)


def day(text: str) -> date:
    """`2019-10-01`."""
    found = _DATE.fullmatch(text)
    if not found:
        raise Reason("不是日期，应写成 2019-10-01", "not a date; write 2019-10-01")
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise Reason("没有这一天", "there is no such day") from None


def period(text: str) -> tuple[date, date]:
    """`2021-09-01至2022-02-28` → its first and last day."""
    first, word, last = text.partition("至")
    if not word:
        raise Reason("不是一段日子，应写成 2021-09-01至2022-02-28", "not a period; write 2021-09-01至2022-02-28")
    found = day(first.strip()), day(last.strip())
    if found[0] > found[1]:
        raise Reason("最后一天早于第一天", "the last day is before the first")
    return found


def year(text: str) -> int:
    """`2022`."""
    if not re.fullmatch("[12][0-9]{3}", text):
        raise Reason("不是年份", "not a year")
    return int(text)


def days(text: str) -> int:
    """`90天` → 90."""
    found = re.fullmatch("([0-9]{1,3})(天|日)", text)
    if not found:
        raise Reason("不是天数，应写成 90天", "not a number of days; write 90天")
    return int(found[1])


def words(text: str) -> tuple[str, ...]:
    """`基本医保、大病保险` → its parts."""
    return tuple(w.strip() for w in text.split("、") if w.strip())
