"""What changed between two days and for whom, on a place with two versions of its rules that a calculator can follow."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from yizhan.errors import Problems
from yizhan.policy.areas import Library
from yizhan.policy.diff import (
    BEGAN,
    ENDED,
    FIGURES_CHANGED,
    MOVED,
    PERSONS_CHANGED,
    Difference,
    compare,
    diff_schemes,
    moved_to,
)
from yizhan.policy.examples import read_examples

AREA = "999900"
LAST, FIRST = date(2020, 12, 31), date(2021, 1, 1)

SCHEME = """---
简称: 约定
名称: 约定
统筹区: 999900
施行: 2020-01-01
性质: 约定
---
# 样例市

## 1 次序
```rule
次序: 基本医保、医疗救助
层:
  基本医保: {类: 基本医保, 资金: 医保基金, 英文: basic insurance}
  医疗救助: {类: 医疗救助, 资金: 救助资金, 英文: assistance}
约定:
  英文名: Sample
  政策日期: 出院日期
  身份日期: 入院日期
  年度: 自然年度
  跨年住院: 归出院年度
  费率变化: 只管新增
  身份变化: 只管新增
  身份从高到低: 特困、低保
```
"""

OLD = """---
文号: 样发〔2020〕1号
名称: 旧办法
统筹区: 999900
施行: 2020-01-01
废止: 2020-12-31
---
# 旧办法

## 第1条 住院
```rule
基本医保:
  - 当: {医疗类别: 住院}
    计入: 政策范围内
    年度限额: 1万元
  - 当: {医疗类别: 住院}
    起付标准: 500元
    比例: 70%
  - 当: {医疗类别: 住院, 身份: 低保}
    性质: 倾斜
    比例: 加10个百分点
  - 当: {医疗类别: 门诊慢特病}
    计入: 政策范围内
    起付标准: 0元
    比例: 50%
```
"""

NEW = """---
文号: 样发〔2020〕9号
名称: 新办法
统筹区: 999900
施行: 2021-01-01
---
# 新办法

## 第1条 住院
```rule
基本医保:
  - 当: {医疗类别: 住院}
    计入: 政策范围内
    年度限额: 1万元
  - 当: {医疗类别: 住院}
    起付标准: 600元
    比例: 75%
  - 当: {医疗类别: 住院, 身份: [特困, 低保]}
    性质: 倾斜
    比例: 加10个百分点
医疗救助:
  当: {医疗类别: 住院, 身份: 特困, 急诊: 否}
  性质: 倾斜
  计入: 政策范围内
  起付标准: 0元
  比例: 50%
```
"""

EXAMPLES = """# 算例

| 情形 | 人 | 日期 | 入院日期 | 身份 | 年龄 | 医疗类别 | 急诊 | 政策范围内 |
|---|---|---|---|---|---|---|---|---|
| 一般 | | 2020-03-10 | 2020-03-01 | | 14 | 住院 | 否 | 10500元 |
| 一般·新 | | 2021-05-10 | 2021-05-01 | | 14 | 住院 | 否 | 10500元 |
| 低保 | | 2020-03-10 | | 低保 | | 住院 | 否 | 10500元 |
| 特困 | | 2021-03-10 | | 特困 | | 住院 | 否 | 10500元 |
| 慢病 | | 2020-03-10 | | | | 门诊慢特病 | 否 | 1000元 |
| 没写急诊 | | 2020-03-10 | | 特困 | | 住院 | | 10500元 |
| 两次之一 | 甲 | 2020-02-01 | | | | 住院 | 否 | 10500元 |
| 两次之二 | 甲 | 2020-03-01 | | | | 住院 | 否 | 10500元 |
| 换身份之一 | 乙 | 2020-02-01 | | | | 住院 | 否 | 1000元 |
| 换身份之二 | 乙 | 2020-03-01 | | 低保 | | 住院 | 否 | 1000元 |
"""


@pytest.fixture
def library(tmp_path: Path) -> Library:
    folder = tmp_path / f"{AREA}-样例市"
    folder.mkdir()
    for name, text in (("scheme", SCHEME), ("旧办法", OLD), ("新办法", NEW), ("算例", EXAMPLES)):
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return Library(tmp_path)


@pytest.fixture
def difference(library: Library) -> Difference:
    return compare(library, AREA, LAST, FIRST)


def test_rules_are_paired(difference: Difference) -> None:
    told = [(c.kind, len(c.before), len(c.after)) for c in difference.changes]
    assert told == [(FIGURES_CHANGED, 1, 1), (PERSONS_CHANGED, 1, 1), (ENDED, 1, 0), (BEGAN, 0, 1), (MOVED, 1, 1)]
    figures, persons = difference.changes[0], difference.changes[1]
    assert (figures.before[0].sets["比例"], figures.after[0].sets["比例"]) == (7000, 7500)
    assert (persons.before[0].identities, persons.after[0].identities) == (
        {"subsistence"},
        {"subsistence", "extremely_poor"},
    )
    assert [d.name for d in difference.ended] == ["样发〔2020〕1号"]
    assert [d.name for d in difference.began] == ["样发〔2020〕9号"]


def test_items_that_are_cut_otherwise_are_still_one_change(library: Library) -> None:
    """The new document says in one item what the old one said in two."""
    joined = NEW.replace(
        "    年度限额: 1万元\n  - 当: {医疗类别: 住院}\n    起付标准", "    年度限额: 2万元\n    起付标准"
    )
    (library.root / f"{AREA}-样例市" / "新办法.md").write_text(joined, encoding="utf-8")
    told = diff_schemes(Library(library.root), AREA, LAST, FIRST)
    line = "原：起付标准500元，超过的部分支付70%，一年最多支付1万元；现：起付标准600元，超过的部分支付75%，一年最多支付2万元"
    assert told.count(line) == 1
    assert [c.kind for c in compare(Library(library.root), AREA, LAST, FIRST).changes] == [
        FIGURES_CHANGED,
        PERSONS_CHANGED,
        ENDED,
        BEGAN,
    ]


def test_effects_are_those_of_a_calculator(difference: Difference) -> None:
    """Ordinary: 10,500 − 70 % × 10,000 = 3,500; then 10,500 − 75 % × 9,900 = 3,075. 低保: 2,500; 10,500 − 85 % × 9,900 =
    2,085. 特困: 3,500; the same 2,085, half of it assistance: 1,042.50. 慢病: 500; no rule any more: 1,000. Two stays of one
    person: 7,000 and the 3,000 left under the ceiling, either way: 11,000.
    """
    found = {e.examples[0].name: (*e.shares, e.count) for e in difference.effects}
    assert found == {
        "一般": (350_000, 307_500, 2),
        "低保": (250_000, 208_500, 1),
        "特困": (350_000, 104_250, 1),
        "慢病": (50_000, 100_000, 1),
        "两次之一": (1_100_000, 1_100_000, 1),
    }
    assert [e.examples[0].name for e in difference.gains] == ["特困", "一般", "低保"]
    assert [e.examples[0].name for e in difference.losses] == ["慢病"]
    assert difference.gains[0].layers == (("基本医保", 141_500), ("医疗救助", 104_250))


def test_examples_that_cannot_be_compared_are_counted_with_the_reason(difference: Difference) -> None:
    assert sorted((zh, count) for (zh, _), count in difference.refused.items()) == [
        ("2021-01-01 的规定要看“急诊”，算例没有写", 1),
        ("身份在各张单子之间变过的人，换了日子就失去原意", 2),
    ]
    assert (
        sum(difference.refused.values()) + sum(e.count * len(e.examples) for e in difference.effects)
        == difference.examples
    )


def test_a_moved_example_keeps_age_and_length(library: Library) -> None:
    scheme = library.scheme(AREA)
    first = read_examples(library.area(AREA), library.root, scheme)[0]
    for on in (date(2020, 2, 29), date(2024, 12, 31), date(2021, 1, 1)):
        moved = moved_to(first, on, scheme)
        assert moved.claim.discharged_on == on
        assert moved.claim.discharged_on - moved.claim.admitted_on == timedelta(days=9)
        assert moved.beneficiary.age_on(on) == 14


def test_what_people_read(library: Library) -> None:
    told = diff_schemes(library, AREA, LAST, FIRST).splitlines()
    for line in (
        "样例市：2020-12-31 和 2021-01-01 的规定有什么不同",
        "▶ 规则：数字改变 1，对象或条件改变，数字不变 1，停止 1，新增 1，换了依据，内容不变 1",
        "▶ 个人负担：多付 1 种，少付 3 种，不变 1 种。",
        "  · 住院，基本医保 [样发〔2020〕1号 第1条 → 样发〔2020〕9号 第1条]",
        "      原：起付标准500元，超过的部分支付70%；现：起付标准600元，超过的部分支付75%",
        "  · 住院，基本医保支付比例提高10个百分点。（倾斜）",
        "      原：低保人员 [样发〔2020〕1号 第1条]",
        "      现：特困或低保人员 [样发〔2020〕9号 第1条]",
        "  · 门诊慢特病，基本医保计入政策范围内费用，不设起付标准，支付50%。 [样发〔2020〕1号 第1条]",
        "    · 个人负担 500.00 → 1,000.00 元（+500.00）　没有身份　慢病",
        "    · 个人负担 3,500.00 → 1,042.50 元（−2,457.50）　特困　特困",
        "        住院；政策范围内 10,500.00",
        "        基本医保 +1,415.00，医疗救助 +1,042.50",
    ):
        assert line in told, line


def test_what_people_read_in_english(library: Library) -> None:
    told = diff_schemes(library, AREA, LAST, FIRST, "en").splitlines()
    for line in (
        "Sample: what is different between 2020-12-31 and 2021-01-01",
        "      was: has a deductible of 500 yuan, pays 70% of what exceeds it; now: has a deductible of 600 yuan, pays 75% of what exceeds it",
        "      now: extremely poor or on subsistence allowance [样发〔2020〕9号 art. 1]",
        "    · patient share 3,500.00 → 1,042.50 yuan (−2,457.50)　extremely poor　“特困”",
        "        basic insurance +1,415.00, assistance +1,042.50",
    ):
        assert line in told, line


def test_two_days_under_the_same_rules_do_not_differ(library: Library) -> None:
    same = compare(library, AREA, date(2020, 5, 1), date(2020, 6, 1))
    assert not same.changes and not same.losses and not same.gains
    assert "没有不同。" in diff_schemes(library, AREA, date(2020, 5, 1), date(2020, 6, 1))


def test_a_day_without_a_policy_is_refused(library: Library) -> None:
    with pytest.raises(Problems) as refused:
        compare(library, AREA, date(2019, 12, 31), FIRST)
    assert [p.code for p in refused.value.problems] == ["no_policy_for_date"]


@pytest.mark.parametrize(
    ("area", "first", "second", "lines"),
    [
        (
            "430300", date(2021, 9, 30), date(2021, 10, 1),
            ["      原：农村贫困人口（特困、低保、建档立卡） [湘潭旧兜底 4]", "      现：特困或低保或返贫致贫人员 [潭医保发〔2021〕26号 三（二）2]"],
        ),
        ("150400", date(2018, 9, 30), date(2018, 10, 1), ["      原：支付比例提高10个百分点；现：支付比例提高5个百分点"]),
        ("430300", date(2019, 9, 30), date(2019, 10, 1), ["  · 住院或门诊慢特病，大病保险 [湘潭大病2019 1]"]),
        ("430300", date(2022, 12, 31), date(2023, 1, 1), ["      县级或市级的二级医院：原：起付标准600元；现：起付标准800元"]),
        ("210100", date(2018, 12, 31), date(2019, 1, 1), ["  · 低保：没有规定 → 个人缴费标准的100%（医疗救助资金出）"]),
    ],
)  # fmt: skip
def test_the_great_days_of_the_shipped_places(area: str, first: date, second: date, lines: list[str]) -> None:
    library = Library()
    told = diff_schemes(library, area, first, second)
    for line in lines:
        assert line in told.splitlines(), line
    english = diff_schemes(library, area, first, second, "en")
    assert not re.search(r"None|frozenset|[{}]", told + english)
    assert compare(library, area, first, second).effects
