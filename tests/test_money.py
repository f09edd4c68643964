"""Money is whole fen, a ratio whole ten-thousandths, and there is one rounding rule."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan.engine.money import (
    MOST_FEN,
    NO_LIMIT,
    RATIO_ONE,
    capitals,
    half_up,
    parse_yuan,
    percent,
    share_of,
    yuan,
    yuan_grouped,
)

AMOUNTS = st.integers(min_value=0, max_value=MOST_FEN)
RATIOS = st.integers(min_value=0, max_value=RATIO_ONE)


# --- Rounding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [
        (0, 10, 0),
        (4, 10, 0),
        (5, 10, 1),
        (6, 10, 1),
        (14, 10, 1),
        (15, 10, 2),
        (25, 10, 3),  # half to even would give 2
        (1, 3, 0),
        (2, 3, 1),
        (4999, RATIO_ONE, 0),
        (5000, RATIO_ONE, 1),
        (MOST_FEN * RATIO_ONE, RATIO_ONE, MOST_FEN),
    ],
)
def test_half_up_rounds_the_half_away_from_zero(numerator: int, denominator: int, rounded: int) -> None:
    assert half_up(numerator, denominator) == rounded


@given(numerator=st.integers(min_value=0, max_value=10**17), denominator=st.integers(min_value=1, max_value=10**6))
def test_half_up_is_the_nearest_whole_number(numerator: int, denominator: int) -> None:
    gap = half_up(numerator, denominator) - Fraction(numerator, denominator)
    assert Fraction(-1, 2) < gap <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("fen", "ratio", "share"),
    [
        (1_000_001, 8000, 800_001),  # 80 % of 10,000.01: 8,000.008
        (1, 5000, 1),  # half a fen
        (1, 4999, 0),
        (33, 5000, 17),
        (1_690_100, 5000, 845_050),  # the halved deductible that Chongqing keeps at 8,450.50
        (627_000, 5000, 313_500),
        (99_999, RATIO_ONE, 99_999),
        (99_999, 0, 0),
        (MOST_FEN, 45, 45 * MOST_FEN // RATIO_ONE),  # a ratio printed as 0.45 %
    ],
)
def test_a_share_is_rounded_to_the_fen(fen: int, ratio: int, share: int) -> None:
    assert share_of(fen, ratio) == share


@given(fen=AMOUNTS, ratio=RATIOS)
def test_a_share_and_the_rest_make_the_whole(fen: int, ratio: int) -> None:
    share = share_of(fen, ratio)
    assert 0 <= share <= fen
    assert (
        abs(share + share_of(fen, RATIO_ONE - ratio) - fen) <= 1
    )  # so the last payer takes the rest, not its own share


def test_bounds_leave_room_in_64_bits() -> None:
    assert 2 * MOST_FEN * RATIO_ONE + RATIO_ONE < 2**63
    assert NO_LIMIT > MOST_FEN


# --- Text for machines and people -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fen", "machine", "people"),
    [
        (0, "0.00", "0.00"),
        (5, "0.05", "0.05"),
        (100, "1.00", "1.00"),
        (-5, "-0.05", "-0.05"),
        (123_450, "1234.50", "1,234.50"),
        (-123_456_789, "-1234567.89", "-1,234,567.89"),
        (MOST_FEN, "10000000000.00", "10,000,000,000.00"),
    ],
)
def test_yuan_are_written_with_two_decimals(fen: int, machine: str, people: str) -> None:
    assert (yuan(fen), yuan_grouped(fen)) == (machine, people)


@given(fen=st.integers(min_value=-MOST_FEN, max_value=MOST_FEN))
def test_what_is_written_can_be_read_back(fen: int) -> None:
    assert parse_yuan(yuan(fen)) == fen


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.5", "1.500", ".50", "1.", "01.00", "00.10", "1,000.00", "1 000.00", " 1.00", "1.00\n", "+1.00", "--1.00", "1e3", "1.0O", "１.００", "壹元"],
)  # fmt: skip
def test_yuan_are_refused_in_any_other_form(text: str) -> None:
    with pytest.raises(ValueError):
        parse_yuan(text)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0, "0%"), (1, "0.01%"), (10, "0.1%"), (45, "0.45%"), (2050, "20.5%"), (7000, "70%"), (RATIO_ONE, "100%")],
)
def test_a_ratio_is_written_without_needless_zeros(ratio: int, text: str) -> None:
    assert percent(ratio) == text


# --- Capitals (大写) ---------------------------------------------------------------------------------------------------

CAPITALS = [
    ("0.00", "零元整"),
    ("0.01", "壹分"),
    ("0.05", "伍分"),
    ("0.10", "壹角整"),
    ("0.50", "伍角整"),
    ("0.56", "伍角陆分"),
    ("1.00", "壹元整"),
    ("1.05", "壹元零伍分"),
    ("1.50", "壹元伍角整"),
    ("10.00", "壹拾元整"),
    ("10.01", "壹拾元零壹分"),
    ("10.10", "壹拾元壹角整"),
    ("11.11", "壹拾壹元壹角壹分"),
    ("20.00", "贰拾元整"),
    ("100.00", "壹佰元整"),
    ("101.00", "壹佰零壹元整"),
    ("110.00", "壹佰壹拾元整"),
    ("325.04", "叁佰贰拾伍元零肆分"),
    ("1000.00", "壹仟元整"),
    ("1001.00", "壹仟零壹元整"),
    ("1010.00", "壹仟零壹拾元整"),
    ("1100.00", "壹仟壹佰元整"),
    ("1409.50", "壹仟肆佰零玖元伍角整"),
    ("1680.32", "壹仟陆佰捌拾元叁角贰分"),
    ("6007.14", "陆仟零柒元壹角肆分"),
    ("9999.99", "玖仟玖佰玖拾玖元玖角玖分"),
    ("10000.00", "壹万元整"),
    ("10001.00", "壹万零壹元整"),
    ("10100.00", "壹万零壹佰元整"),
    ("11000.00", "壹万壹仟元整"),
    ("100000.00", "壹拾万元整"),
    ("100010.01", "壹拾万零壹拾元零壹分"),
    ("107000.53", "壹拾万柒仟元伍角叁分"),
    ("1000000.00", "壹佰万元整"),
    ("1000001.10", "壹佰万零壹元壹角整"),
    ("10000000.00", "壹仟万元整"),
    ("100000000.00", "壹亿元整"),
    ("100000005.00", "壹亿零伍元整"),
    ("100010000.00", "壹亿零壹万元整"),
    ("100100000.00", "壹亿零壹拾万元整"),
    ("110000000.00", "壹亿壹仟万元整"),
    ("123456789.12", "壹亿贰仟叁佰肆拾伍万陆仟柒佰捌拾玖元壹角贰分"),
    ("10000000000.00", "壹佰亿元整"),
    ("-0.05", "（负）伍分"),
    ("-830.00", "（负）捌佰叁拾元整"),
]


@pytest.mark.parametrize(("amount", "words"), CAPITALS)
def test_capitals_follow_the_rules_for_receipts(amount: str, words: str) -> None:
    assert capitals(parse_yuan(amount)) == words


@given(fen=st.one_of(AMOUNTS, st.integers(0, 10**7), st.integers(0, 10**8).map(lambda n: n * 10_000)))
def test_capitals_say_the_amount_and_nothing_else(fen: int) -> None:
    words = capitals(fen)
    assert fen_in(words) == fen
    assert "零零" not in words
    assert words.endswith("整") == (fen % 10 == 0)


def fen_in(words: str) -> int:
    """Capitals read back, the simple way: each digit times its place, each section times its unit."""
    digits = {word: n for n, word in enumerate("零壹贰叁肆伍陆柒捌玖")}
    places = {"拾": 10, "佰": 100, "仟": 1000}
    whole = section = digit = fen = 0
    for word in words.removesuffix("整"):
        if word in digits:
            digit = digits[word]
        elif word in places:
            section, digit = section + digit * places[word], 0
        elif word in ("万", "亿"):
            unit = 10_000 if word == "万" else 100_000_000
            whole, section, digit = whole + (section + digit) * unit, 0, 0
        elif word == "元":
            fen, section, digit = (whole + section + digit) * 100, 0, 0
        else:
            fen, digit = fen + digit * {"角": 10, "分": 1}[word], 0
    return fen
