"""Numbers of certificates, phones and accounts. All of them are made up."""

from __future__ import annotations

import doctest
from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from yizhan.agency.people import identifiers
from yizhan.agency.people.identifiers import (
    KINDS,
    OLDEST,
    PROVINCES,
    BadAccount,
    BadCertificateNumber,
    BadMobile,
    check_character,
    mask_account,
    mask_identifier,
    mask_name,
    mask_phone,
    read_account,
    read_identifier,
    read_mobile,
    synthetic_id,
    typo_variants,
)
from yizhan.errors import BadIdNumber, InputProblem, UnknownValue

TODAY = date(2026, 11, 22)
NUMBER = synthetic_id("110000", date(1950, 6, 1), 1)

numbers = st.builds(
    synthetic_id,
    st.one_of(st.just("990000"), st.from_regex(r"\A[1-9][0-9]{5}\Z")),
    st.dates(date(1906, 11, 23), TODAY),
    st.integers(0, 999),
)


def warned(kind: str, text: str, divisions: frozenset[str] = frozenset()) -> list[str]:
    return [warning.code for warning in read_identifier(kind, text, TODAY, divisions=divisions).warnings]


def test_docstrings_show_what_happens() -> None:
    result = doctest.testmod(identifiers)
    assert result.attempted > 5 and not result.failed


# --- Resident ID ------------------------------------------------------------------------------------------------------


@given(number=numbers)
def test_every_right_number_is_read(number: str) -> None:
    found = read_identifier("resident_id", number, TODAY)
    assert found.value == number
    assert found.born_on == date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    assert found.sex == ("male" if int(number[16]) % 2 else "female")
    assert {warning.code for warning in found.warnings} <= {"division_unknown", "other_kind"}
    assert number not in repr(found)


@given(number=numbers, place=st.integers(0, 17), character=st.sampled_from("0123456789X"))
def test_one_wrong_character_is_refused_and_the_variants_hold_the_right_number(
    number: str, place: int, character: str
) -> None:
    assume(number[place] != character)
    typed = number[:place] + character + number[place + 1 :]
    with pytest.raises(BadIdNumber) as refusal:
        read_identifier("resident_id", typed, TODAY)
    assert typed not in refusal.value.text("zh") + refusal.value.text("en") + str(refusal.value.as_dict())
    if character != "X" or place == 17:
        assert number in typo_variants(typed)


@given(number=numbers, place=st.integers(0, 16))
def test_a_swap_of_neighbours_is_refused_and_the_variants_hold_the_right_number(number: str, place: int) -> None:
    assume(number[place] != number[place + 1])
    typed = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    with pytest.raises(BadIdNumber):
        read_identifier("resident_id", typed, TODAY)
    if "X" not in typed[:17]:
        assert number in typo_variants(typed)


@given(number=numbers, place=st.integers(0, 16), digit=st.sampled_from("0123456789"))
def test_every_variant_is_a_number_that_could_exist(number: str, place: int, digit: str) -> None:
    variants = typo_variants(number[:place] + digit + number[place + 1 :])
    assert len(variants) == len(set(variants)) <= 35
    for variant in variants:
        assert check_character(variant[:17]) == variant[17]
        date(int(variant[6:10]), int(variant[10:12]), int(variant[12:14]))


@pytest.mark.parametrize("text", ["", "123", "99000019500101001", "E12345678", "9" * 19, "X" * 18])
def test_what_is_no_resident_id_has_no_variants(text: str) -> None:
    assert typo_variants(text) == []


def test_a_number_may_be_typed_in_full_width_small_letters_and_pieces() -> None:
    number = next(n for k in range(100) if (n := synthetic_id("110000", date(1950, 6, 1), k)).endswith("X"))
    full_width = "".join(chr(ord(c) + 0xFEE0) for c in number)
    for typed in (
        number.lower(),
        full_width,
        full_width.lower(),
        f" {number}\t",
        f"\ufeff{number}\u200b",
        f"'{number}",
    ):
        assert read_identifier("resident_id", typed, TODAY).value == number
    assert read_identifier("resident_id", f"{number[:6]} {number[6:14]}-{number[14:]}", TODAY).value == number


def test_an_old_number_of_15_digits_is_upgraded_with_a_note() -> None:
    old = NUMBER[:6] + NUMBER[8:17]
    found = read_identifier("resident_id", old, TODAY)
    assert found.value == NUMBER and [w.code for w in found.warnings] == ["number_upgraded"]
    assert NUMBER not in found.warnings[0].text("zh")


@pytest.mark.parametrize(
    ("typed", "zh", "en"),
    [
        ("", "没有填写", "empty"),
        ("12345", "应为18位，实为5位", "has 5"),
        (NUMBER + "1", "实为19位", "has 19"),
        ("110***********0019", "脱敏", "masked"),
        ("1.10000195006E+17", "科学计数法", "scientific"),
        ("110000195006010000", "末三位都是0", "spreadsheet"),
        (synthetic_id("010000", date(1950, 6, 1), 1), "不以0开头", "not beginning with 0"),
        ("11000019500601001A", "17位数字加校验码", "check character"),
        ("110000195013010016", "校验码不对", "does not fit"),
        ("11000019500230001" + check_character("11000019500230001"), "出生日期不存在", "does not exist"),
        ("11000019500001001" + check_character("11000019500001001"), "出生日期不存在", "does not exist"),
        (synthetic_id("110000", TODAY + timedelta(1), 1), "今天以后", "future"),
    ],
)  # fmt: skip
def test_a_refusal_says_why_and_masks(typed: str, zh: str, en: str) -> None:
    with pytest.raises(BadIdNumber) as refusal:
        read_identifier("resident_id", typed, TODAY)
    assert zh in refusal.value.text("zh") and en in refusal.value.text("en")
    assert not typed or len(typed) < 8 or "*" in typed or typed not in str(refusal.value)


def test_who_is_born_today_is_read() -> None:
    assert read_identifier("resident_id", synthetic_id("110000", TODAY, 1), TODAY).born_on == TODAY


def test_an_unlikely_age_is_a_warning() -> None:
    for born_on, expected in ((date(1905, 11, 23), []), (date(1905, 11, 22), ["very_old"])):
        assert warned("resident_id", synthetic_id("110000", born_on, 1)) == expected
    assert OLDEST == 120


def test_an_unknown_division_is_a_warning_and_never_a_refusal() -> None:
    assert len(PROVINCES) == 34
    assert warned("resident_id", NUMBER) == []
    assert warned("resident_id", NUMBER, frozenset({"430302"})) == ["division_unknown"]
    assert warned("resident_id", NUMBER, frozenset({"110000"})) == []
    assert warned("resident_id", synthetic_id("990000", date(1950, 6, 1), 1)) == ["division_unknown"]


# --- Other certificates -----------------------------------------------------------------------------------------------


def test_the_number_of_another_kind_is_noticed() -> None:
    permit = synthetic_id("810000", date(1990, 1, 1), 2)
    foreign = synthetic_id("911156", date(1990, 1, 1), 3)
    assert warned("resident_id", permit) == ["other_kind"]
    assert warned("hk_macao_residence", permit) == []
    assert warned("taiwan_residence", permit) == ["other_kind"]
    assert warned("taiwan_residence", synthetic_id("830000", date(1990, 1, 1), 2)) == []
    assert warned("hk_macao_residence", NUMBER) == ["unusual_form"]
    assert warned("resident_id", foreign) == ["other_kind"]
    assert warned("foreign_permanent", foreign) == []
    assert warned("foreign_permanent", "USA110012345678") == []


@pytest.mark.parametrize("kind", ["hk_macao_residence", "taiwan_residence", "foreign_permanent", "household_register"])
def test_numbers_made_like_the_resident_id_are_checked_like_it(kind: str) -> None:
    division = {"hk_macao_residence": "820000", "taiwan_residence": "830000", "foreign_permanent": "944392"}
    number = synthetic_id(division.get(kind, "110000"), date(1990, 1, 1), 2)
    found = read_identifier(kind, number, TODAY)
    assert (found.born_on, found.sex, found.warnings) == (date(1990, 1, 1), "female", ())
    with pytest.raises(BadIdNumber):
        read_identifier(kind, number[:16] + str((int(number[16]) + 1) % 10) + number[17], TODAY)


def test_a_certificate_of_disability_holds_a_resident_id() -> None:
    found = read_identifier("disability", f"{NUMBER}43", TODAY)
    assert (found.value, found.born_on, found.warnings) == (f"{NUMBER}43", date(1950, 6, 1), ())
    with pytest.raises(BadIdNumber):
        read_identifier("disability", f"{NUMBER[:16]}7{NUMBER[17]}43", TODAY)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("passport", "E12345678"),
        ("birth_certificate", "A330000001"),
        ("officer", "军字第2001988号"),
        ("armed_police", "武字第00123456号"),
        ("hk_macao_travel", "H12345678"),
        ("taiwan_travel", "12345678"),
        ("household_register", "012345678"),
        ("other", "XJ/2020(1)"),
    ],
)
def test_usual_numbers_of_other_certificates_are_read_without_a_warning(kind: str, number: str) -> None:
    found = read_identifier(kind, f" {number.lower()} ", TODAY)
    assert (found.value, found.born_on, found.sex, found.warnings) == (number, None, "", ())


def test_an_unusual_number_is_a_warning_in_both_languages() -> None:
    found = read_identifier("birth_certificate", "330000001", TODAY)
    assert [w.code for w in found.warnings] == ["unusual_form"]
    assert "出生医学证明" in found.warnings[0].text("zh") and "certificate of birth" in found.warnings[0].text("en")


@pytest.mark.parametrize("typed", ["", "   ", "E1", "E1234****", "ABCDEFGH", "E12345678;", "1" * 31])
def test_what_cannot_be_a_number_is_refused(typed: str) -> None:
    with pytest.raises(BadCertificateNumber) as refusal:
        read_identifier("passport", typed, TODAY)
    assert "护照" in refusal.value.text("zh")


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownValue, match="resident_id"):
        read_identifier("library card", "1", TODAY)


@given(kind=st.sampled_from(sorted(KINDS)), text=st.text(max_size=40))
def test_any_text_is_read_or_refused_in_words(kind: str, text: str) -> None:
    try:
        found = read_identifier(kind, text, TODAY)
    except InputProblem as problem:
        assert problem.text("zh") and problem.text("en")
    else:
        assert read_identifier(kind, found.value, TODAY).value == found.value


# --- Phones and accounts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed", ["13800001234", "138 0000 1234", "+86 138-0000-1234", "008613800001234", "１３８００００１２３４"]
)
def test_a_mobile_number_is_read_in_every_spelling(typed: str) -> None:
    assert read_mobile(typed) == "13800001234"


@pytest.mark.parametrize("typed", ["", "1380000123", "138000012345", "12800001234", "23800001234", "1380000123a"])
def test_what_is_no_mobile_number_is_refused(typed: str) -> None:
    with pytest.raises(BadMobile) as refusal:
        read_mobile(typed)
    assert not typed or typed not in refusal.value.text("zh")


def test_an_account_that_fails_the_check_of_cards_is_a_warning() -> None:
    assert read_account("6200 0000 0000 0005") == ("6200000000000005", ())
    value, warnings = read_account("6200000000000006")
    assert value == "6200000000000006" and [w.code for w in warnings] == ["account_unproven"]
    assert value not in warnings[0].text("zh") + warnings[0].text("en")


@pytest.mark.parametrize("typed", ["", "1234567", "1" * 33, "62000000000000a5"])
def test_what_is_no_account_is_refused(typed: str) -> None:
    with pytest.raises(BadAccount):
        read_account(typed)


# --- Masks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("masked", "expected"),
    [
        (mask_identifier("430000195001011234"), "430***********1234"),
        (mask_identifier(""), ""),
        (mask_phone("13812345678"), "138****5678"),
        (mask_phone("0731"), "****"),
        (mask_phone(""), ""),
        (mask_account("6222000000001234"), "****1234"),
        (mask_account(""), ""),
        (mask_name("张三丰"), "张*"),
        (mask_name("John Smith"), "J*"),
        (mask_name("𠅤明"), "𠅤*"),
        (mask_name("葛\U000e0100明"), "葛\U000e0100*"),
        (mask_name(" 张 "), "*"),
        (mask_name(""), ""),
    ],
)
def test_a_mask_shows_what_the_rule_allows(masked: str, expected: str) -> None:
    assert masked == expected


@given(value=st.text(st.sampled_from("0123456789X"), max_size=40))
def test_a_mask_hides_at_least_half_of_a_number_and_four_digits_of_a_phone(value: str) -> None:
    assert len(mask_identifier(value)) == len(mask_phone(value)) == len(value)
    assert 2 * mask_identifier(value).count("*") >= len(value)
    assert mask_phone(value).count("*") >= min(len(value), 3 if len(value) < 11 else 4)
    assert 2 * sum(c != "*" for c in mask_account(value)) <= len(value)
