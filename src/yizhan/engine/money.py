"""Money and ratios as integers, and the one rounding rule.

Money is a whole number of fen (分); a ratio (支付比例) is a whole number of ten-thousandths (万分之一, so 70 % is 7000).
There is no float and no Decimal anywhere in the engine: a float cannot hold 0.1, and two systems that round at
different places pay two different amounts. Every division in the engine goes through `half_up`.

Amounts are bounded by `MOST_FEN`, so that base × ratio stays far inside 64 bits in the compiled kernel as well.
`NO_LIMIT` stands for "no ceiling"; it is compared with, never multiplied.
"""

from __future__ import annotations

import re

RATIO_ONE = 10_000
"""A ratio of 100 %."""

MOST_FEN = 10**12
"""Largest amount accepted (ten billion yuan). Bound: 2 × MOST_FEN × RATIO_ONE < 2^63."""

NO_LIMIT = 10**15
"""No ceiling (不设). Larger than any sum of amounts; only ever compared."""

_YUAN = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]{2}")


def half_up(numerator: int, denominator: int) -> int:
    """Divide and round half up, for a numerator that is not negative.

    >>> half_up(5, 10), half_up(4, 10), half_up(15, 10)
    (1, 0, 2)
    """
    return (2 * numerator + denominator) // (2 * denominator)


def share_of(fen: int, ratio: int) -> int:
    """A ratio of an amount, to the fen.

    >>> share_of(1_000_001, 8000)
    800001
    """
    return half_up(fen * ratio, RATIO_ONE)


def parse_yuan(text: str) -> int:
    """Yuan as text with two decimals, to fen. Raises ValueError for anything else.

    >>> parse_yuan("1234.50")
    123450
    """
    if not _YUAN.fullmatch(text):
        raise ValueError(text)
    whole, fraction = text.lstrip("-").split(".")
    fen = int(whole) * 100 + int(fraction)
    return -fen if text.startswith("-") else fen


def yuan(fen: int) -> str:
    """Fen as yuan with two decimals, as machines write it.

    >>> yuan(-123450)
    '-1234.50'
    """
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def yuan_grouped(fen: int) -> str:
    """Fen as yuan for people, with thousands separators.

    >>> yuan_grouped(123456789)
    '1,234,567.89'
    """
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def percent(ratio: int) -> str:
    """A ratio as people write it.

    >>> percent(7000), percent(2050), percent(45)
    ('70%', '20.5%', '0.45%')
    """
    whole, rest = divmod(ratio, 100)
    return f"{whole}%" if rest == 0 else f"{whole}.{rest:02d}".rstrip("0") + "%"


_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_SECTIONS = ("", "万", "亿", "兆")


def _section(number: int) -> str:
    """Four digits in capitals, zeros between digits said once, zeros at the end not at all."""
    words, zero = "", False
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit == 0:
            zero = bool(words)
            continue
        words += ("零" if zero else "") + _DIGITS[digit] + _PLACES[place]
        zero = False
    return words


def capitals(fen: int) -> str:
    """An amount in Chinese capitals (大写), as receipts require.

    >>> capitals(0), capitals(1000), capitals(10001001)
    ('零元整', '壹拾元整', '壹拾万零壹拾元零壹分')
    """
    if fen < 0:
        return "（负）" + capitals(-fen)
    whole, cents = divmod(fen, 100)
    words, gap = "", False
    for index in (3, 2, 1, 0):
        number = whole // 10 ** (4 * index) % 10**4
        if number == 0:
            gap = bool(words)
            continue
        words += ("零" if words and (gap or number < 1000) else "") + _section(number) + _SECTIONS[index]
        gap = False
    words = words + "元" if words else ""
    jiao, rest = divmod(cents, 10)
    if cents == 0:
        return (words or "零元") + "整"
    words += _DIGITS[jiao] + "角" if jiao else ("零" if words else "")
    return words + (_DIGITS[rest] + "分" if rest else "整")
