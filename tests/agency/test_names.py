"""Names: matching, pinyin, likeness."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan.agency.people import names
from yizhan.agency.people.names import (
    HOMOPHONES,
    name_similarity,
    normalise_name,
    pinyin_initials,
    pinyin_key,
    same_name,
)

any_name = st.text(
    st.one_of(
        st.sampled_from("张王李欧阳单万俟买提艾力㛃𠅤𬎆䶮·•. 　Aé"), st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=60,
)  # fmt: skip


def test_docstrings_show_what_happens() -> None:
    result = doctest.testmod(names)
    assert result.attempted > 2 and not result.failed


# --- Matching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", "·•‧・．.∙⋅･")
def test_every_separator_between_han_is_one_separator(separator: str) -> None:
    for typed in (f"买买提{separator}艾力", f"买买提 {separator} 艾力"):
        assert normalise_name(typed) == "买买提·艾力"


@pytest.mark.parametrize(
    ("given_as", "expected"),
    [
        ("张 三", "张三"),
        (" 张　三\n", "张三"),
        ("张\u200b三\ufeff", "张三"),
        ("葛\U000e0100明", "葛明"),
        ("刘\ue863", "刘䶮"),
        ("\uf9b4明", "領明"),
        ("john  smith", "JOHN SMITH"),
        ("Ｊｏｈｎ　Ｓｍｉｔｈ", "JOHN SMITH"),
        ("J. SMITH", "J. SMITH"),
        ("Jose\u0301", "JOSÉ"),
        ("张三 John", "张三JOHN"),
        ("", ""),
    ],
)
def test_a_name_is_normalised(given_as: str, expected: str) -> None:
    assert normalise_name(given_as) == expected
    assert same_name(given_as, expected)


@given(name=any_name)
def test_normalising_twice_changes_nothing(name: str) -> None:
    assert normalise_name(normalise_name(name)) == normalise_name(name)


def test_other_names_are_other_names() -> None:
    assert not same_name("张三", "张山") and not same_name("买买提·艾力", "买买提艾力")


# --- Pinyin -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("单雄信", "sxx"), ("曾国", "zg"), ("仇英", "qy"), ("解珍", "xz"), ("区明", "om"), ("朴明", "pm"), ("查明", "zm"),
        ("尉迟恭", "ycg"), ("万俟雪", "mqx"), ("黑明", "hm"), ("盖明", "gm"), ("缪明", "mm"), ("翟明", "zm"), ("覃明", "qm"),
        ("乐明", "ym"), ("任明", "rm"), ("宁明", "nm"), ("折明", "sm"), ("召明", "sm"), ("繁明", "pm"), ("冼明", "xm"),
        ("员明", "ym"), ("种明", "cm"), ("重明", "cm"), ("秘明", "bm"), ("万明", "wm"), ("长孙明", "zsm"), ("乐正明", "yzm"),
        ("单于", "sy"), ("单于明", "cym"), ("欧阳", "oy"), ("欧阳娜娜", "oynn"), ("王单", "wd"), ("区", "o"), ("吕布", "lb"),
    ],
)  # fmt: skip
def test_initials_read_surnames_as_surnames(name: str, initials: str) -> None:
    assert pinyin_initials(name) == initials


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("买买提·艾力", "mmtal"), ("解热·买买提", "jrmmt"), ("阿卜杜热合曼•买买提尼亚孜", "abdrhmmmtnyz"), ("John Smith", "js"),
        ("JOSÉ García", "jg"), ("Al-Sayed", "as"), ("张JIE", "zj"), ("", ""), ("·", ""),
    ],
)  # fmt: skip
def test_initials_of_names_that_are_not_han_chinese(name: str, initials: str) -> None:
    assert pinyin_initials(name) == initials


@pytest.mark.parametrize("character", "㛃𠅤𬎆䶮")
def test_rare_characters_have_stable_initials_and_keys(character: str) -> None:
    name = f"张{character}"
    assert len(pinyin_initials(name)) == 2 and pinyin_initials(name)[0] == "z"
    assert pinyin_key(name).startswith("zhang1张") and pinyin_key(name).endswith(character)


def test_a_character_without_a_reading_stands_for_itself_and_sorts_last() -> None:
    unread = "\U0003134a"
    assert pinyin_initials(f"张{unread}") == f"z{unread}"
    assert pinyin_key(f"张{unread}") > pinyin_key("张座")


def test_keys_sort_as_a_register_does() -> None:
    in_order = [
        "艾力",
        "陈明",
        "黎明",
        "李华",
        "李明",
        "李明明",
        "林冲",
        "欧阳娜娜",
        "单雄信",
        "尉迟恭",
        "张三",
        "赵四",
    ]
    assert sorted(set(in_order), key=lambda name: pinyin_key(name).encode()) == in_order


def test_names_of_one_surname_stand_together() -> None:
    mixed = sorted(["李安", "黎安", "李波", "黎波", "里安", "李曹"], key=lambda name: pinyin_key(name).encode())
    surnames = [name[0] for name in mixed]
    assert surnames == sorted(surnames, key=surnames.index)


@given(name=any_name)
def test_every_name_has_initials_and_a_key_that_ignore_how_it_was_typed(name: str) -> None:
    assert pinyin_initials(name) == pinyin_initials(normalise_name(name))
    assert pinyin_key(name) == pinyin_key(normalise_name(name))
    assert not any(c.isspace() for c in pinyin_initials(name))


def test_long_names_are_read_whole() -> None:
    assert len(pinyin_initials("买" * 60)) == 60


# --- Likeness ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("张三", "张 三", 100),
        ("买买提艾力", "买买提·艾力", 98),
        ("张伟", "张炜", HOMOPHONES),
        ("王小明", "王晓明", HOMOPHONES),
        ("刘䶮", "刘YAN", HOMOPHONES),
        ("王小明", "王明", 66),
        ("张三", "李四", 0),
        ("", "张三", 0),
        ("", "", 0),
    ],
)
def test_likeness_of_names(one: str, other: str, likeness: int) -> None:
    assert name_similarity(one, other) == name_similarity(other, one) == likeness


@given(one=any_name, other=any_name)
def test_likeness_is_symmetric_and_between_0_and_100(one: str, other: str) -> None:
    found = name_similarity(one, other)
    assert found == name_similarity(other, one) and 0 <= found <= 100
    if normalise_name(one):
        assert (found == 100) == same_name(one, other)
