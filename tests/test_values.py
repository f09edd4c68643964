"""The form of a value says what it does. One table for each form, and one for what is refused and in which words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from yizhan.engine.money import MOST_FEN, NO_LIMIT, RATIO_ONE
from yizhan.engine.scheme import Adjuster, Amount, Band
from yizhan.policy import values

YEARLY = frozenset({"上年居民人均可支配收入"})

NOT_AN_AMOUNT = ("不是金额，应写成 500元 或 1.5万元", "not an amount; write 500元 or 1.5万元")
NOT_A_RATIO = ("不是比例，应写成 60% 或 全额", "not a ratio; write 60% or 全额")
OVER_100 = ("比例超过 100%", "the ratio exceeds 100 %")
FINER_THAN_A_FEN = ("比分还细", "finer than a fen")
FINER_THAN_A_RATIO = ("比万分之一还细", "finer than 0.01 %")
TOO_LARGE = ("金额太大", "the amount is too large")
POINTS_OR_SHARE = (
    "“提高5%”可能是5个百分点，也可能是原比例的5%；请写“加5个百分点”并加读法",
    "“提高5%” may mean 5 points or 5 % of the ratio; write 加5个百分点 and a 读法",
)


def refusal(read: Callable[..., object], *given: object) -> tuple[str, str]:
    """The reason, in Chinese and English, for which something is refused."""
    with pytest.raises(values.Reason) as refused:
        read(*given)
    return refused.value.zh, refused.value.en


# --- Money ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("500元", 50_000),
        ("0元", 0),
        ("免", 0),
        ("0.01元", 1),
        ("7.5元", 750),
        ("1.5万元", 1_500_000),
        ("16,901元", 1_690_100),
        ("1,000,000.50元", 100_000_050),
        ("12万元", 12_000_000),
        ("0.0001万元", 100),
        ("1.234567万元", 1_234_567),
        ("1亿元", 10_000_000_000),
        ("100亿元", MOST_FEN),
    ],
)
def test_money_is_read_to_the_fen(text: str, fen: int) -> None:
    assert values.money(text) == fen


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("500", NOT_AN_AMOUNT),
        ("元", NOT_AN_AMOUNT),
        ("", NOT_AN_AMOUNT),
        ("-5元", NOT_AN_AMOUNT),
        ("五百元", NOT_AN_AMOUNT),
        ("５００元", NOT_AN_AMOUNT),
        ("500 元", NOT_AN_AMOUNT),
        ("500块", NOT_AN_AMOUNT),
        ("3万", NOT_AN_AMOUNT),
        ("60%", NOT_AN_AMOUNT),
        ("1,5万元", NOT_AN_AMOUNT),  # a comma for a point
        ("1,50,000元", NOT_AN_AMOUNT),
        ("1.元", NOT_AN_AMOUNT),
        ("0.001元", FINER_THAN_A_FEN),
        ("1.2345678万元", FINER_THAN_A_FEN),
        ("101亿元", TOO_LARGE),
        ("10000000000.01元", TOO_LARGE),
    ],
)
def test_money_is_refused(text: str, reason: tuple[str, str]) -> None:
    assert refusal(values.money, text) == reason


# --- Ratios -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("60%", 6000),
        ("60％", 6000),
        ("0%", 0),
        ("0.2%", 20),
        ("0.01%", 1),
        ("82.35%", 8235),
        ("100%", RATIO_ONE),
        ("全额", RATIO_ONE),
    ],
)
def test_a_ratio_is_read_to_the_ten_thousandth(text: str, ratio: int) -> None:
    assert values.ratio(text) == ratio


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("60", NOT_A_RATIO),
        ("0.6", NOT_A_RATIO),
        ("六成", NOT_A_RATIO),
        ("60元", NOT_A_RATIO),
        ("-5%", NOT_A_RATIO),
        ("60%左右", NOT_A_RATIO),
        ("100.01%", OVER_100),
        ("0.005%", FINER_THAN_A_RATIO),
        ("提高5%", POINTS_OR_SHARE),
        ("降低20%", POINTS_OR_SHARE),
        ("加5%", POINTS_OR_SHARE),
        ("减5%", POINTS_OR_SHARE),
    ],
)
def test_a_ratio_is_refused(text: str, reason: tuple[str, str]) -> None:
    assert refusal(values.ratio, text) == reason


# --- Amounts that differ from bill to bill -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "amount", "printed"),
    [
        ("600元", Amount(60_000), "600.00元"),
        ("0元", Amount(0), "0.00元"),
        ("不设", Amount(NO_LIMIT), "不设"),
        ("每日150元", Amount(per_day=15_000), "每日150.00元"),
        ("费用总额的5%", Amount(share=500, of="total"), "费用总额的5%"),
        ("政策范围内的10%", Amount(share=1000, of="in_scope"), "政策范围内的10%"),
        ("上年居民人均可支配收入的25%", Amount(share=2500, yearly="上年居民人均可支配收入"), "上年居民人均可支配收入的25%"),
        ("上年居民人均可支配收入的1.5倍", Amount(share=15_000, yearly="上年居民人均可支配收入"), "上年居民人均可支配收入的150%"),
    ],
)  # fmt: skip
def test_an_amount_may_be_a_share_or_by_the_day(text: str, amount: Amount, printed: str) -> None:
    assert values.amount(text, YEARLY) == amount
    assert amount.text() == printed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("全自费的5%", ("“全自费”没有在“每年”里定义", "“全自费” is not defined under 每年")),
        ("去年收入的25%", ("“去年收入”没有在“每年”里定义", "“去年收入” is not defined under 每年")),
        ("费用总额的5", NOT_AN_AMOUNT),
        ("费用总额的105%", OVER_100),
        ("费用总额的2倍", OVER_100),
        ("上年居民人均可支配收入的101倍", ("超过100倍", "more than 100 times")),
        ("上年居民人均可支配收入的0.00001倍", FINER_THAN_A_RATIO),
        ("每日150", NOT_AN_AMOUNT),
        ("每天150元", NOT_AN_AMOUNT),
        ("无", NOT_AN_AMOUNT),
    ],
)
def test_such_an_amount_is_refused(text: str, reason: tuple[str, str]) -> None:
    assert refusal(values.amount, text, YEARLY) == reason


# --- Adjusters --------------------------------------------------------------------------------------------------------

OF_MONEY, OF_RATIO = True, False


@pytest.mark.parametrize(
    ("text", "of_money", "adjuster"),
    [
        ("减半", OF_MONEY, Adjuster("factor", 5000)),
        ("按50%", OF_MONEY, Adjuster("factor", 5000)),
        ("按70%", OF_RATIO, Adjuster("factor", 7000)),
        ("加100元", OF_MONEY, Adjuster("add", 10_000)),
        ("减100元", OF_MONEY, Adjuster("add", -10_000)),
        ("加5个百分点", OF_RATIO, Adjuster("add", 500)),
        ("减20个百分点", OF_RATIO, Adjuster("add", -2000)),
        ("加0.5个百分点", OF_RATIO, Adjuster("add", 50)),
        ("加10个百分点至多90%", OF_RATIO, Adjuster("add_capped", 1000, 9000)),
        ("每岁加0.2个百分点", OF_RATIO, Adjuster("add_by_age", 20)),
        ("每岁减0.1个百分点", OF_RATIO, Adjuster("add_by_age", -10)),
        ("提高到80%", OF_RATIO, Adjuster("raise", 8000)),
        ("提高到30万元", OF_MONEY, Adjuster("raise", 30_000_000)),
        ("提高到不设", OF_MONEY, Adjuster("raise", NO_LIMIT)),
        ("降低到8000元", OF_MONEY, Adjuster("lower", 800_000)),
        ("降低到60%", OF_RATIO, Adjuster("lower", 6000)),
        ("不低于55%", OF_RATIO, Adjuster("floor", 5500)),
        ("不低于100元", OF_MONEY, Adjuster("floor", 10_000)),
        ("不超过90%", OF_RATIO, Adjuster("ceiling", 9000)),
        ("不超过9000元", OF_MONEY, Adjuster("ceiling", 900_000)),
    ],
)
def test_an_adjuster_changes_what_another_rule_sets(text: str, of_money: bool, adjuster: Adjuster) -> None:
    found = values.adjuster(text, of_money)
    assert found is not None
    assert (found.kind, found.value, found.cap) == (adjuster.kind, adjuster.value, adjuster.cap)
    assert found.text == text


@pytest.mark.parametrize(("text", "of_money"), [("80%", OF_RATIO), ("全额", OF_RATIO), ("500元", OF_MONEY), ("免", OF_MONEY), ("不设", OF_MONEY)])  # fmt: skip
def test_a_plain_value_sets_and_is_no_adjuster(text: str, of_money: bool) -> None:
    assert values.adjuster(text, of_money) is None


@pytest.mark.parametrize(
    ("text", "of_money", "reason"),
    [
        ("加5个百分点", OF_MONEY, ("金额不能加减百分点", "points cannot be added to an amount")),
        ("提高到80%", OF_MONEY, NOT_AN_AMOUNT),
        ("提高到8000元", OF_RATIO, NOT_A_RATIO),
        ("加100", OF_MONEY, NOT_AN_AMOUNT),
        ("按一半", OF_MONEY, NOT_A_RATIO),
        ("加0.001个百分点", OF_RATIO, FINER_THAN_A_RATIO),
        ("加10个百分点至多190%", OF_RATIO, OVER_100),
        ("不超过", OF_RATIO, NOT_A_RATIO),
    ],
)
def test_an_adjuster_is_refused(text: str, of_money: bool, reason: tuple[str, str]) -> None:
    assert refusal(values.adjuster, text, of_money) == reason


# --- Conditions on numbers --------------------------------------------------------------------------------------------

INCLUDED_OR_NOT = (
    "“以下”“以上”没有说明是否含本数；请写 不超过、低于、超过 或 不低于，并加读法",
    "以下/以上 leaves open whether the number is included; write 不超过, 低于, 超过 or 不低于 and a 读法",
)
NOT_A_CONDITION = (
    "不是数的条件；请写 不超过9000元、超过3万元且不超过7万元、年满18岁 之类",
    "not a condition on a number; write 不超过9000元, 超过3万元且不超过7万元, 年满18岁 or the like",
)
UNIT_MISSING = ("应写明单位（天、岁）", "the unit (天, 岁) is missing")


@pytest.mark.parametrize(
    ("text", "unit", "lowest", "highest"),
    [
        ("不超过9000元", "fen", 0, 900_000),
        ("低于9000元", "fen", 0, 899_999),
        ("少于9000元", "fen", 0, 899_999),
        ("超过3万元", "fen", 3_000_001, NO_LIMIT),
        ("多于3万元", "fen", 3_000_001, NO_LIMIT),
        ("不低于3万元", "fen", 3_000_000, NO_LIMIT),
        ("不少于3万元", "fen", 3_000_000, NO_LIMIT),
        ("超过3万元且不超过7万元", "fen", 3_000_001, 7_000_000),
        ("不超过7万元，超过3万元", "fen", 3_000_001, 7_000_000),
        ("不低于0元", "fen", 0, NO_LIMIT),
        ("年满18岁", "years", 18, NO_LIMIT),
        ("年满60周岁", "years", 60, NO_LIMIT),
        ("不满18岁", "years", 0, 17),
        ("年满6岁且不满18岁", "years", 6, 17),
        ("超过60岁", "years", 61, NO_LIMIT),
        ("不超过30天", "days", 0, 30),
        ("超过30天", "days", 31, NO_LIMIT),
        ("不少于3日", "days", 3, NO_LIMIT),
    ],
)
def test_a_condition_on_a_number_says_whether_the_number_is_included(
    text: str, unit: str, lowest: int, highest: int
) -> None:
    assert values.number_range(text, unit) == (lowest, highest)


@pytest.mark.parametrize(
    ("text", "unit", "reason"),
    [
        ("9000元以下", "fen", INCLUDED_OR_NOT),
        ("3万元以上", "fen", INCLUDED_OR_NOT),
        ("超过3万元且7万元以下", "fen", INCLUDED_OR_NOT),
        ("60岁以上", "years", INCLUDED_OR_NOT),
        ("9000元", "fen", NOT_A_CONDITION),
        ("大于9000元", "fen", NOT_A_CONDITION),
        ("年满18岁", "days", NOT_A_CONDITION),
        ("超过30", "days", UNIT_MISSING),
        ("超过18", "years", UNIT_MISSING),
        ("不超过9000", "fen", NOT_AN_AMOUNT),
        ("低于0元", "fen", ("没有数能满足", "no number meets it")),
        ("超过7万元且不超过3万元", "fen", ("没有数能满足", "no number meets it")),
    ],
)
def test_a_condition_on_a_number_is_refused(text: str, unit: str, reason: tuple[str, str]) -> None:
    assert refusal(values.number_range, text, unit) == reason


# --- Bands ------------------------------------------------------------------------------------------------------------

ON_EXCESS, ON_TOTAL = False, True
CITY_BANDS = [("0至3万元", "55%"), ("3万元至8万元", "65%"), ("8万元以上", "75%")]


def test_bands_touch_and_leave_nothing_out() -> None:
    assert values.bands(CITY_BANDS, ON_EXCESS) == (
        Band(0, 3_000_000, 5500),
        Band(3_000_000, 8_000_000, 6500),
        Band(8_000_000, NO_LIMIT, 7500),
    )


def test_the_first_band_may_start_at_the_deductible() -> None:
    from_deductible = [("起付标准至3万元", "60%"), ("3万元以上", "70%")]
    assert values.bands(from_deductible, ON_TOTAL) == (Band(0, 3_000_000, 6000), Band(3_000_000, NO_LIMIT, 7000))


@pytest.mark.parametrize(
    ("bands", "measured_on", "reason"),
    [
        ([], ON_EXCESS, ("最后一段必须是“以上”", "the last band must be 以上")),
        (CITY_BANDS[:2], ON_EXCESS, ("最后一段必须是“以上”", "the last band must be 以上")),
        (CITY_BANDS[1:], ON_EXCESS, ("各段必须首尾相接", "each band must start where the last one ended")),
        (
            [("0至3万元", "55%"), ("4万元以上", "65%")],
            ON_EXCESS,
            ("各段必须首尾相接", "each band must start where the last one ended"),
        ),
        (
            [("0至3万元", "55%"), ("3万元至3万元", "60%"), ("3万元以上", "65%")],
            ON_EXCESS,
            ("这一段的上限不高于下限", "the band ends before it begins"),
        ),
        (
            [("0元以上", "55%"), ("3万元以上", "65%")],
            ON_EXCESS,
            ("“以上”之后不能再有一段", "no band may follow the one that is 以上"),
        ),
        (
            [("3万元", "55%")],
            ON_EXCESS,
            (
                "“3万元”看不懂：应写成 3万元至8万元，最后一段 8万元以上",
                "“3万元” is no band: write 3万元至8万元, and 8万元以上 for the last one",
            ),
        ),
        (
            [("起付标准至3万元", "60%"), ("3万元以上", "70%")],
            ON_EXCESS,
            (
                "“起付标准至…”只能是第一段，且分段基准为计入总额",
                "起付标准至… can only be the first band, with 分段基准: 计入总额",
            ),
        ),
        (
            [("0至3万元", "60%"), ("起付标准至8万元", "70%")],
            ON_TOTAL,
            (
                "“起付标准至…”只能是第一段，且分段基准为计入总额",
                "起付标准至… can only be the first band, with 分段基准: 计入总额",
            ),
        ),
        ([("0至3万", "55%"), ("3万元以上", "65%")], ON_EXCESS, NOT_AN_AMOUNT),
        ([("0至3万元", "55"), ("3万元以上", "65%")], ON_EXCESS, NOT_A_RATIO),
    ],
)
def test_bands_are_refused(bands: list[tuple[str, str]], measured_on: bool, reason: tuple[str, str]) -> None:
    assert refusal(values.bands, bands, measured_on) == reason


# --- Days and lists ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day"), [("2019-10-01", date(2019, 10, 1)), ("2020-02-29", date(2020, 2, 29)), ("2000-01-01", date(2000, 1, 1))]
)  # fmt: skip
def test_a_day_is_written_in_digits(text: str, day: date) -> None:
    assert values.day(text) == day


NOT_A_DAY = ("不是日期，应写成 2019-10-01", "not a date; write 2019-10-01")
NO_SUCH_DAY = ("没有这一天", "there is no such day")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2019-10-1", NOT_A_DAY),
        ("2019/10/01", NOT_A_DAY),
        ("2019年10月1日", NOT_A_DAY),
        ("", NOT_A_DAY),
        ("2019-02-29", NO_SUCH_DAY),
        ("2019-13-01", NO_SUCH_DAY),
        ("0000-01-01", NO_SUCH_DAY),
    ],
)
def test_a_day_is_refused(text: str, reason: tuple[str, str]) -> None:
    assert refusal(values.day, text) == reason


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("基本医保、大病保险", ("基本医保", "大病保险")),
        ("特困", ("特困",)),
        ("特困、 低保、", ("特困", "低保")),
        ("", ()),
    ],
)
def test_words_are_joined_by_the_enumeration_comma(text: str, parts: tuple[str, ...]) -> None:
    assert values.words(text) == parts
