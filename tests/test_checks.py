"""What `check` finds: for every kind of error and warning a small place that has it, and the same place without it.

The base is one city with two articles and six worked examples in which nothing is wrong. A test changes a few words of
it. Every finding must say file, line and article, in Chinese and in English.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from yizhan.errors import Problem, Problems
from yizhan.policy import numbers
from yizhan.policy.areas import Library
from yizhan.policy.checks import KINDS, Report, check, check_against, conflicts, print_report

TODAY = date(2024, 6, 1)
AREA = "999900-样例市"

SCHEME = """---
简称: 样例约定
名称: 样例市通用的选择
统筹区: 999900
施行: 2020-01-01
性质: 约定
---
# 样例市

## 1 次序
```rule
次序: 基本医保、医疗救助
层:
  基本医保: {类: 基本医保, 资金: 医保基金}
  医疗救助: {类: 医疗救助, 资金: 救助资金}
约定:
  政策日期: 出院日期
  身份日期: 出院日期
  年度: 自然年度
  跨年住院: 归出院年度
  费率变化: 只管新增
  身份变化: 只管新增
  身份从高到低: 特困、低保
```
"""

LAW = """---
简称: 样例办法
名称: 样例市居民医疗保险办法
统筹区: 999900
施行: 2020-01-01
来源: 虚构
---
# 样例市居民医疗保险办法

## 第1条 住院

住院起付500元，超过的部分报销80%，一年最多8000元。

```rule
基本医保:
  当: {医疗类别: 住院}
  计入: 政策范围内
  起付标准: 500元
  比例: 80%
  年度限额: 8000元
```

## 第2条 救助

特困人员剩下的范围内自付，全额救助。

```rule
医疗救助:
  当: {医疗类别: 住院, 身份: 特困}
  性质: 倾斜
  计入: 政策范围内
  起付标准: 0元
  比例: 全额
```
"""

EXAMPLES = """# 算例

| 情形 | 日期 | 身份 | 政策范围内 | 基本医保 | 个人负担 |
|---|---|---|---|---|---|
| 起付下 | 2020-03-01 | | 499.99元 | 0元 | 499.99元 |
| 起付正 | 2020-03-01 | | 500元 | 0元 | 500元 |
| 起付上 | 2020-03-01 | | 500.01元 | 0.01元 | 500元 |
| 限额下 | 2020-03-01 | 特困 | 10499.99元 | 7999.99元 | 0元 |
| 限额正 | 2020-03-01 | | 10500元 | 8000元 | 2500元 |
| 限额上 | 2020-03-01 | | 10500.02元 | 8000元 | 2500.02元 |
"""


def place(root: Path, *, law: str = LAW, scheme: str = SCHEME, examples: str = EXAMPLES, **others: str) -> Library:
    """Write the small place, with `others` as further documents of it."""
    folder = root / AREA
    folder.mkdir(parents=True)
    files = {"scheme": scheme, "办法": law, "算例": examples, **others}
    for name, text in files.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return Library(root)


def document(name: str, *articles: str, front: str = "") -> str:
    """A further document with these articles (each from its `##` on)."""
    head = f"---\n简称: {name}\n名称: {name}\n统筹区: 999900\n施行: 2020-01-01\n{front}---\n# {name}\n\n"
    return head + "\n\n".join(articles) + "\n"


def rule(block: str, prose: str = "见规则。", heading: str = "第9条 补充") -> str:
    """One article."""
    return f"## {heading}\n\n{prose}\n\n```rule\n{block}\n```"


def with_article(block: str, prose: str = "见规则。", heading: str = "第9条 补充") -> str:
    """The law of the base with one more article."""
    return f"{LAW}\n{rule(block, prose, heading)}\n"


def report_on(root: Path, **changed: str) -> Report:
    return check(place(root, **changed), today=TODAY)


def of_code(problems: list[Problem], code: str) -> list[Problem]:
    return [problem for problem in problems if problem.code == code]


def the(
    problems: list[Problem], code: str, root: Path, file: str, line_with: str, name: str, article: str = ""
) -> Problem:
    """The one problem of a code, which must point in both languages to a line of a file and to its article: to the first
    line of the article that has these words in it.
    """
    found = of_code(problems, code)
    assert len(found) == 1, [p.text() for p in problems]
    lines = (root / AREA / f"{file}.md").read_text(encoding="utf-8").splitlines()
    heading = next((k for k, text in enumerate(lines) if article and text.startswith(f"## {article}")), 0)
    number = next(k for k, text in enumerate(lines, start=1) if k > heading and line_with in text)
    at = f"{AREA}/{file}.md:{number} {name}{f' {article}' if article else ''}"
    assert found[0].at == at
    assert found[0].text("zh").startswith(f"{at}：")
    assert found[0].text("en").startswith(f"{at}: ")
    assert "{" not in found[0].text("zh") + found[0].text("en")
    return found[0]


# --- A place in which nothing is wrong --------------------------------------------------------------------------------


def sign(library: Library) -> None:
    """Sign everything as it stands."""
    rows = ["| 文件 | 条 | 摘要 | 签署人 | 日期 |", "|---|---|---|---|---|"]
    for found in library.documents(library.areas["999900"]):
        rows += [f"| {found.name} | {a.number} | {a.digest} | 李经办 | 2024-05-01 |" for a in found.articles]
    (library.root / AREA / "签署.md").write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_a_signed_place_without_faults_has_nothing_to_report(tmp_path: Path) -> None:
    library = place(tmp_path)
    sign(library)
    report = check(library, today=TODAY)
    assert (report.errors, report.warnings, report.exit_status) == ([], [], 0)
    assert [zh for zh, _ in report.enumerated] == [
        "样例市·基本医保：事实的组合 8 种，分得开的情形 1 种，全部解出",
        "样例市·医疗救助：事实的组合 16 种，分得开的情形 1 种，全部解出",
    ]


# --- Loading ----------------------------------------------------------------------------------------------------------


def test_every_mistake_of_every_file_is_reported_at_once(tmp_path: Path) -> None:
    law = LAW.replace("起付标准: 500元", "起付标准: 500").replace("比例: 全额", "比率: 全额")
    report = report_on(tmp_path, law=law, 补充=document("补充", rule("基本医保:\n  比例: 提高5%")))
    found = {(p.code, p.at.partition(":")[0]) for p in report.errors}
    laws, more = f"{AREA}/办法.md", f"{AREA}/补充.md"
    assert found >= {("bare_number", laws), ("unknown_policy_key", laws), ("bad_value", more)}
    assert report.exit_status == 1


def test_mistakes_outside_the_rule_blocks_are_reported_for_all_files(tmp_path: Path) -> None:
    report = report_on(tmp_path, law=LAW.replace("施行: 2020-01-01", "施行: 2020年"), 补充="没有文件头")
    assert len(of_code(report.errors, "bad_document")) >= 2
    assert {p.at.partition(":")[0] for p in report.errors} == {f"{AREA}/办法.md", f"{AREA}/补充.md"}


def test_unreadable_examples_are_reported(tmp_path: Path) -> None:
    report = report_on(tmp_path, examples=EXAMPLES.replace("| 500元 |", "| 五百 |"))
    (found,) = of_code(report.errors, "bad_document")
    assert "五百" in found.text("zh")
    assert found.at.startswith(f"{AREA}/算例.md:6")


def test_an_unknown_area_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problems) as raised:
        check(place(tmp_path), ["330000"], today=TODAY)
    assert [p.code for p in raised.value.problems] == ["no_policy_for_area"]


# --- Numbers and words of an article ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "另付300元", "不超过3.5万元", "到2亿元为止", "超过6万的部分", "两千元以内", "付35%", "百分之九十", "加3个百分点",
        "自2021年5月1日起", "自2021-05-01起", "5月1日前", "2021年起", "共12种", "九种病", "3类人", "11家医院", "第2次", "18岁",
        "30天", "6个月", "5年以后", "40人", "减半", "一半", "翻倍",
    ],
)  # fmt: skip
def test_a_number_of_the_text_that_no_rule_says_is_an_error(tmp_path: Path, words: str) -> None:
    report = report_on(tmp_path, law=LAW.replace("一年最多8000元。", f"一年最多8000元。{words}。"))
    found = the(report.errors, "number_not_modelled", tmp_path, "办法", words, "样例办法", "第1条")
    assert str(found.found["number"]) in words


@pytest.mark.parametrize(
    ("words", "block"),
    [
        ("付50%", "起付标准: 减半"),
        ("减半", "起付标准: 按50%"),
        ("一半", "起付标准: 减半"),
        ("降到原来的70%，即少30%", "起付标准: 按70%"),
        ("3万", "年度限额: 提高到3万元"),
        ("30,000元", "年度限额: 提高到3万元"),
        ("三万元", "年度限额: 提高到30000元"),
        ("加5%", "比例: 加5个百分点"),
        ("五个百分点", "比例: 加5个百分点"),
        ("自2021年5月1日起", "比例: 加5个百分点\n  自: 2021-05-01"),
        ("5月1日起", "比例: 加5个百分点\n  自: 2021-05-01"),
        ("2021年起", "比例: 加5个百分点\n  自: 2021-05-01"),
        ("14周岁及更小", "除: {年龄: 不满15岁}\n  比例: 加5个百分点"),
        ("另有7%", "比例: 加5个百分点\n  读法: 7%是另一份文件的数"),
        ("另有7%", "比例: 加5个百分点\n  代用: 7%没有印"),
        ("2020年1月1日", "比例: 加5个百分点"),
    ],
)
def test_a_number_may_be_said_in_another_form(tmp_path: Path, words: str, block: str) -> None:
    law = with_article(f"基本医保:\n  当: {{医疗类别: 住院, 身份: 低保}}\n  {block}", f"低保户{words}。")
    assert not of_code(report_on(tmp_path, law=law).errors, "number_not_modelled")


def test_lists_say_their_length(tmp_path: Path) -> None:
    block = "定义:\n  县级: {医院: [甲, 乙, 丙]}\n  市级: {医院: 丁、戊}\n  定点: {医院: [县级, 市级]}"
    assert not of_code(
        report_on(tmp_path / "a", law=with_article(block, "县级3家、市级2家，共5家医院。")).errors,
        "number_not_modelled",
    )
    report = report_on(tmp_path / "b", law=with_article(block, "县级3家、市级2家，共6家医院。"))
    assert (
        the(report.errors, "number_not_modelled", tmp_path / "b", "办法", "6家", "样例办法", "第9条").found["number"]
        == "6家"
    )


def test_a_number_may_be_declared_not_modelled(tmp_path: Path) -> None:
    law = LAW.replace("一年最多8000元。", "一年最多8000元。每人筹资50元。\n\n> 不建模：筹资50元不影响一次结算。")
    assert not report_on(tmp_path, law=law).errors


@pytest.mark.parametrize("words", ["起付线以上", "三级以下", "提高5%", "降低 10%", "25%左右", "原则上"])
def test_words_that_leave_something_open_need_a_reading(tmp_path: Path, words: str) -> None:
    block = "基本医保:\n  当: {医疗类别: 住院, 身份: 低保}\n  比例: 加5个百分点\n  年度限额: 加10元"
    numbers_said = "> 参见：略"
    law = with_article(block, f"低保户{words}的，照规则。\n\n{numbers_said}")
    report = report_on(tmp_path / "bad", law=law)
    found = the(report.errors, "reading_needed", tmp_path / "bad", "办法", words, "样例办法", "第9条")
    assert str(found.found["word"]) in words
    read = with_article(f"{block}\n  读法: 5%、10%、25% 都照字面", f"低保户{words}的，照规则。")
    assert not of_code(report_on(tmp_path / "read", law=read).errors, "reading_needed")
    noted = with_article(block, f"低保户{words}的，照规则。\n\n> 不建模：5%、10%、25% 不影响一次结算。")
    assert not of_code(report_on(tmp_path / "noted", law=noted).errors, "reading_needed")


def test_only_the_text_of_the_law_needs_readings(tmp_path: Path) -> None:
    stand_in = document(
        "代用",
        rule("基本医保:\n  当: {医疗类别: 住院, 身份: 低保}\n  比例: 加5个百分点", "原则上加5个百分点。"),
        front="性质: 代用\n代用: 没有找到\n",
    )
    assert not of_code(report_on(tmp_path, 代用=stand_in).errors, "reading_needed")


def test_numbers_are_read_as_the_law_writes_them() -> None:
    def meant(text: str) -> list[tuple[str, int]]:
        scale = {"money": numbers.UNIT, "ratio": numbers.UNIT, "count": numbers.UNIT}
        return [(n.kind, n.value // scale.get(n.kind, 1)) for n in numbers.numbers(text)]

    assert meant("0至3万元55%，3万至8万元６５％") == [
        ("money", 30000),
        ("ratio", 55),
        ("money", 30000),
        ("money", 80000),
        ("ratio", 65),
    ]
    assert meant("一万五千元、百分之八十、五个百分点") == [("money", 15000), ("ratio", 80), ("ratio", 5)]
    assert meant("2万人、5万余户、第39号、一年、一种、几十种、2021年13月40日") == [("count", 20000), ("year", 2021)]
    assert meant("500，70%") == [("ratio", 70)]


# --- Conflicts and gaps -----------------------------------------------------------------------------------------------


def test_two_setters_for_one_case_are_a_conflict(tmp_path: Path) -> None:
    law = with_article("基本医保:\n  当: {医疗类别: 住院, 医院等级: 三级}\n  比例: 75%", "三级医院75%。")
    report = report_on(tmp_path, law=law)
    found = the(report.errors, "rules_conflict", tmp_path, "办法", "当: {医疗类别: 住院}", "样例办法", "第1条")
    assert found.found["figure"] == "比例"
    assert found.found["case"] == "医疗类别: 住院；医院等级: 三级"
    assert "样例办法 第9条" in found.text("en")


def test_an_exception_or_a_day_resolves_a_conflict(tmp_path: Path) -> None:
    exception = with_article(
        "基本医保:\n  当: {医疗类别: 住院, 医院等级: 三级}\n  例外于: 第1条\n  比例: 75%", "三级医院75%。"
    )
    assert not of_code(report_on(tmp_path / "a", law=exception).errors, "rules_conflict")
    ended = with_article(
        "停止执行: 样例办法 第1条\n基本医保:\n  当: {医疗类别: 住院}\n  计入: 政策范围内\n  起付标准: 0元\n  比例: 75%",
        "75%。",
    )
    later = document("新办法", ended.partition("## 第9条")[1] + ended.partition("## 第9条")[2]).replace(
        "施行: 2020-01-01", "施行: 2022-01-01"
    )
    assert not of_code(report_on(tmp_path / "b", 新办法=later).errors, "rules_conflict")


def test_identities_are_enumerated_in_pairs_and_the_order_decides(tmp_path: Path) -> None:
    block = "医疗救助:\n  当: {医疗类别: 住院, 身份: 低保}\n  计入: 政策范围内\n  起付标准: 0元\n  比例: 70%"
    ranked = with_article(block, "低保70%。")
    assert not of_code(report_on(tmp_path / "ranked", law=ranked).errors, "rules_conflict")
    unranked = SCHEME.replace("  身份从高到低: 特困、低保\n", "")
    report = report_on(tmp_path / "unranked", law=ranked, scheme=unranked)
    found = the(report.errors, "rules_conflict", tmp_path / "unranked", "办法", "身份: 特困", "样例办法", "第2条")
    assert found.found["case"] == "医疗类别: 住院；身份: 特困、低保"
    best = SCHEME.replace("  身份从高到低: 特困、低保\n", "  身份取舍: 最有利\n")
    assert not of_code(report_on(tmp_path / "best", law=ranked, scheme=best).errors, "rules_conflict")


def test_a_missing_figure_is_a_gap(tmp_path: Path) -> None:
    report = report_on(tmp_path, law=LAW.replace("  起付标准: 0元\n", ""))
    found = the(report.errors, "rule_missing", tmp_path, "办法", "身份: 特困", "样例办法", "第2条")
    assert (found.found["layer"], found.found["figure"]) == ("医疗救助", "起付标准")
    assert "医疗类别: 住院；身份: 特困" in found.text("zh")


LEVELS = """基本医保:
  - 当: {医疗类别: 住院}
    计入: 政策范围内
  - 当: {医疗类别: 住院}
    表: |
      医院等级         | 起付标准 | 比例
      一级、未定级     | 500元    | 80%
      二级、三级       | 500元    | 70%"""


def test_a_kind_of_hospital_without_a_ratio_is_a_gap_unless_it_does_not_exist(tmp_path: Path) -> None:
    law = LAW[: LAW.index("## 第1条")] + rule(LEVELS, "起付500元，80%和70%。", "第1条 住院") + "\n"
    report = report_on(tmp_path / "a", law=law)
    found = the(report.errors, "rule_missing", tmp_path / "a", "办法", "- 当: {医疗类别: 住院}", "样例办法", "第1条")
    assert found.found["figure"] == "比例"
    assert found.found["case"] == "医疗类别: 住院；医院等级: 特三级"
    none_such = law.replace("```rule\n", "```rule\n不存在:\n  - {医院等级: 特三级}\n", 1)
    assert not of_code(report_on(tmp_path / "b", law=none_such).errors, "rule_missing")


def test_a_fact_that_only_a_figure_asks_for_is_no_finding(tmp_path: Path) -> None:
    law = LAW.replace("  年度限额: 8000元\n", "  年度限额: 8000元\n  起付次数: {第2次起: 减半}\n  计次: 同院\n")
    examples = EXAMPLES.replace("| 情形 |", "| 情形 | 医院 |").replace("|---|", "|---|---|", 1)
    examples = (
        "\n".join(line.replace("| 2020-03-01", "| 甲医院 | 2020-03-01", 1) for line in examples.splitlines()) + "\n"
    )
    assert not report_on(tmp_path, law=law, examples=examples).errors


def test_a_finding_is_told_once_for_each_pair_of_articles(tmp_path: Path) -> None:
    block = "基本医保:\n  当: {医疗类别: 住院}\n  表: |\n    医院等级 | 比例\n    二级 | 75%\n    三级 | 65%"
    assert len(of_code(report_on(tmp_path, law=with_article(block, "75%和65%。")).errors, "rules_conflict")) == 1


def test_too_many_cases_are_enumerated_figure_by_figure_and_the_report_says_so(tmp_path: Path) -> None:
    blocks = [f"  - 当: {{医疗类别: 住院, {fact}: 是}}\n    {figure}" for fact, figure in (
        ("急诊", "比例: 75%"), ("定点", "年度限额: 9000元"), ("中医医院", "单次限额: 9000元"), ("专项救治", "先自付比例: 5%"),
    )]  # fmt: skip
    library = place(tmp_path, law=with_article("基本医保:\n" + "\n".join(blocks)))
    whole, told = conflicts(library.scheme("999900"), TODAY)
    split, told_split = conflicts(library.scheme("999900"), TODAY, most=4)
    figures = {"比例", "年度限额"}
    assert {str(p.found["figure"]) for p in whole} == figures
    assert {str(p.found["figure"]) for p in split} == figures
    assert "全部解出" in told[0][0]
    assert "逐个数字" in told_split[0][0]
    nothing, given_up = conflicts(library.scheme("999900"), TODAY, most=0)
    assert not nothing
    assert any("没有枚举" in zh and "not enumerated" in en for zh, en in given_up)


YEARLY = "每年:\n  上年收入: {{{years}}}\n医疗救助:\n  当: {{医疗类别: 住院, 身份: 低保}}\n  计入: 政策范围内\n  起付标准: 上年收入的25%\n  比例: 50%"


def test_a_yearly_figure_missing_in_a_year_gone_by_is_an_error_and_this_year_a_warning(tmp_path: Path) -> None:
    law = with_article(YEARLY.format(years="2020: 3万元, 2022: 3万元, 2023: 3万元"), "收入的25%，50%。")
    report = report_on(tmp_path, law=law)
    assert (
        the(report.errors, "yearly_figure_missing", tmp_path, "办法", "身份: 低保", "样例办法", "第9条").found["year"]
        == 2021
    )
    due = the(report.warnings, "yearly_figure_due", tmp_path, "办法", "上年收入: {", "样例办法", "第9条")
    assert (due.found["last"], due.found["year"]) == (2023, 2024)
    whole = with_article(
        YEARLY.format(years=", ".join(f"{year}: 3万元" for year in range(2020, 2025))), "收入的25%，50%。"
    )
    report = report_on(tmp_path / "whole", law=whole)
    assert not of_code([*report.errors, *report.warnings], "yearly_figure_missing")
    assert not of_code(report.warnings, "yearly_figure_due")


# --- Bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "broken"),
    [
        ("量: 比例, 应: 不低于85%", "80%"),
        ("量: 比例, 应: 不低于80%", ""),
        ("量: 年度限额, 应: 不低于1万元", "8,000.00元"),
        ("量: 年度限额, 应: 不低于8000元", ""),
        ("量: 起付标准, 应: 不超过400元", "500.00元"),
        ("量: 单次限额, 应: 不超过1万元", ""),
        ("量: 比例, 应: 不低于85%, 当: {医疗类别: 普通门诊}", ""),
        ("量: 比例, 应: 不低于85%, 至: 2019-12-31", ""),
    ],
)
def test_figures_must_meet_the_bounds_of_the_folders_above(tmp_path: Path, bound: str, broken: str) -> None:
    front = "施行: 2015-01-01"
    province = document("省方案", rule(f"要求:\n  - {{层: 基本医保, {bound}}}", "> 见规则"), front="").replace(
        "施行: 2020-01-01", front
    )
    (tmp_path / "000000-国家").mkdir()
    (tmp_path / "000000-国家" / "省方案.md").write_text(
        province.replace("统筹区: 999900", "统筹区: 000000"), encoding="utf-8"
    )
    report = report_on(tmp_path)
    if not broken:
        assert not of_code(report.errors, "bound_not_met")
        return
    found = the(report.errors, "bound_not_met", tmp_path, "办法", "当: {医疗类别: 住院}", "样例办法", "第1条")
    assert (found.found["value"], found.found["by"]) == (broken, "省方案 第9条")
    assert "kind of care: inpatient" in found.text("en")


# --- Examples ---------------------------------------------------------------------------------------------------------


def test_an_example_that_does_not_come_out_is_an_error(tmp_path: Path) -> None:
    report = report_on(tmp_path, examples=EXAMPLES.replace("| 8000元 | 2500元 |", "| 7000元 | 3500元 |"))
    wrong = of_code(report.errors, "example_wrong")
    assert [(p.found["name"], p.found["expected"], p.found["found"]) for p in wrong] == [
        ("限额正", "7000元", "8000.00"), ("限额正", "3500元", "2500.00"),
    ]  # fmt: skip
    assert all(p.at == f"{AREA}/算例.md:9" for p in wrong)


@pytest.mark.parametrize(
    ("row", "figure", "side"),
    [
        ("起付下", "起付标准", ("低于", "below")),
        ("起付正", "起付标准", ("正好", "at")),
        ("限额下", "年度限额", None),  # smaller bills are below as well
        ("限额正", "年度限额", ("正好", "at")),
        ("限额上", "年度限额", ("高于", "above")),
    ],
)
def test_a_threshold_of_the_law_needs_examples_below_at_and_above(
    tmp_path: Path, row: str, figure: str, side: tuple[str, str] | None
) -> None:
    examples = "\n".join(line for line in EXAMPLES.splitlines() if row not in line) + "\n"
    report = report_on(tmp_path, examples=examples)
    if side is None:
        assert not of_code(report.errors, "examples_missing")
        return
    found = the(report.errors, "examples_missing", tmp_path, "办法", "当: {医疗类别: 住院}", "样例办法", "第1条")
    assert (found.found["figure"], found.found["sides_zh"], found.found["sides_en"]) == (figure, *side)


def table(*rows: str, columns: str = "") -> str:
    """Further examples: 情形 | 日期 | 政策范围内 and more columns."""
    names = [c for c in columns.split(" ") if c]
    head = "| " + " | ".join(["情形", "日期", "政策范围内", *names]) + " |"
    return EXAMPLES + f"\n{head}\n|{'---|' * (3 + len(names))}\n" + "\n".join(f"| {row} |" for row in rows) + "\n"


THRESHOLDS = {
    "分段": (
        "基本医保:\n  当: {医疗类别: 普通门诊}\n  计入: 政策范围内\n  起付标准: 0元\n  分段: {0至100元: 50%, 100元以上: 60%}",
        "门诊100元以内50%，超过的60%。",
        ("下 | 2020-03-01 | 99元 | 普通门诊", "正 | 2020-03-01 | 100元 | 普通门诊", "上 | 2020-03-01 | 101元 | 普通门诊"),
        "医疗类别",
    ),
    "年龄": (
        "基本医保:\n  当: {医疗类别: 住院, 年龄: 不满18岁}\n  比例: 加5个百分点",
        "不满18岁的加5个百分点。",
        ("下 | 2020-03-01 | 400元 | 17", "正 | 2020-03-01 | 400元 | 18", "上 | 2020-03-01 | 400元 | 19"),
        "年龄",
    ),
    "住院天数": (
        "基本医保:\n  当: {医疗类别: 住院, 住院天数: 超过30天}\n  比例: 加5个百分点",
        "超过30天的加5个百分点。",
        ("下 | 2020-03-01 | 400元 | 29", "正 | 2020-03-01 | 400元 | 30", "上 | 2020-03-01 | 400元 | 31"),
        "住院天数",
    ),
    "费用总额": (
        "基本医保:\n  当: {医疗类别: 住院, 费用总额: 低于1000元}\n  比例: 加5个百分点",
        "低于1000元的加5个百分点。",
        ("下 | 2020-03-01 | 999.99元", "正 | 2020-03-01 | 1000元", "上 | 2020-03-01 | 1000.01元"),
        "",
    ),
    "全自费": (
        "医疗救助:\n  当: {医疗类别: 住院, 身份: 特困, 全自费: 超过100元}\n  待审: 专家",
        "自费超过100元的要审。",
        (
            "下 | 2020-03-01 | 1元 | 特困 | 99元 | 未评审",
            "正 | 2020-03-01 | 1元 | 特困 | 100元 | 未评审",
            "上 | 2020-03-01 | 1元 | 特困 | 101元 | 未评审",
        ),
        "身份 全自费 评审",
    ),
    "补足到": (
        "医疗救助:\n  当: {医疗类别: 住院, 身份: 低保}\n  计入: 政策范围内\n  补足到: 70%\n  分母: 费用总额\n  计为已报: 前面各层",
        "低保补足到70%。",
        # the basic layer pays 80 % of what exceeds 500: 70 % of the bill from 4,000 yuan on
        ("下 | 2020-03-01 | 3000元 | 低保", "正 | 2020-03-01 | 4000元 | 低保", "上 | 2020-03-01 | 5000元 | 低保"),
        "身份",
    ),
    "单次限额": (
        "医疗救助:\n  当: {医疗类别: 住院, 身份: 低保}\n  计入: 政策范围内\n  起付标准: 0元\n  比例: 全额\n  单次限额: 100元",
        "低保一次100元。",
        ("下 | 2020-03-01 | 99元 | 低保", "正 | 2020-03-01 | 100元 | 低保", "上 | 2020-03-01 | 101元 | 低保"),
        "身份",
    ),
    "另设限额·门诊": (
        "基本医保:\n  当: {医疗类别: 普通门诊}\n  计入: 政策范围内\n  起付标准: 0元\n  比例: 全额\n  另设限额: {名称: 门诊, 年度: 300元}",
        "门诊一年300元。",
        ("下 | 2020-03-01 | 299元 | 普通门诊", "正 | 2020-03-01 | 300元 | 普通门诊", "上 | 2020-03-01 | 301元 | 普通门诊"),
        "医疗类别",
    ),
    "起付标准": (  # a halved deductible is a threshold of the article that halves it
        "基本医保:\n  当: {医疗类别: 住院, 身份: 低保}\n  性质: 倾斜\n  起付标准: 减半",
        "低保减半。",
        ("下 | 2020-03-01 | 249.99元 | 低保", "正 | 2020-03-01 | 250元 | 低保", "上 | 2020-03-01 | 250.01元 | 低保"),
        "身份",
    ),
}  # fmt: skip


@pytest.mark.parametrize("figure", THRESHOLDS)
def test_each_kind_of_threshold_is_measured(tmp_path: Path, figure: str) -> None:
    block, prose, rows, columns = THRESHOLDS[figure]
    law = with_article(block, prose)

    def missing(name: str, kept: tuple[str, ...]) -> list[tuple[object, object]]:
        library = place(tmp_path / name, law=law, examples=_complete(table(*kept, columns=columns), block))
        found = of_code(check(library, today=TODAY).errors, "examples_missing")
        return [(p.found["figure"], p.found["sides_zh"]) for p in found if p.at.endswith("第9条")]

    shown = SHOWN_BY_BASE.get(figure, "")
    assert missing("all", rows) == []
    assert missing("not at", (rows[0], rows[2])) == [(figure, "正好")]
    assert missing("not below", rows[1:]) == ([] if "低于" in shown else [(figure, "低于")])
    assert missing("not above", rows[:2]) == ([] if "高于" in shown else [(figure, "高于")])


SHOWN_BY_BASE = {"年龄": "高于", "住院天数": "低于", "费用总额": "低于、高于", "全自费": "低于"}
"""Sides on which the six examples of the base stand already."""


def _complete(examples: str, block: str) -> str:
    """Give the base's examples the facts that a further rule asks for."""
    for fact, value in (("年龄", "40"), ("住院天数", "1"), ("评审", "未评审")):
        if fact in block or (fact == "评审" and "待审" in block):
            base = examples.partition("\n\n| 情形 | 日期 | 政策范围内")
            lines = [
                line + (f" {fact} |" if line.startswith("| 情形") else "---|" if line.startswith("|---") else f" {value} |")
                if line.startswith("|") else line
                for line in base[0].splitlines()
            ]  # fmt: skip
            examples = "\n".join(lines) + base[1] + base[2]
    return examples


def test_cumulated_sums_are_measured_as_sums(tmp_path: Path) -> None:
    block = "医疗救助:\n  当: {医疗类别: 住院, 身份: 低保}\n  计入: 政策范围内\n  计算: 年度累计\n  起付标准: 600元\n  比例: 50%"
    law = with_article(block, "低保一年累计超过600元的部分50%。")
    head = "\n| 情形 | 人 | 日期 | 身份 | 政策范围内 | 医疗救助 |\n|---|---|---|---|---|---|\n"
    rows = "| 一 | 甲 | 2020-03-01 | 低保 | 400元 | 0元 |\n| 二 | 甲 | 2020-04-01 | 低保 | 200元 | 0元 |\n"
    above = "| 三 | 甲 | 2020-05-01 | 低保 | 0.02元 | 0.01元 |\n"
    assert not report_on(tmp_path / "all", law=law, examples=EXAMPLES + head + rows + above).errors
    report = report_on(tmp_path / "two", law=law, examples=EXAMPLES + head + rows)
    found = the(report.errors, "examples_missing", tmp_path / "two", "办法", "身份: 低保", "样例办法", "第9条")
    assert found.found["sides_zh"] == "高于"


def test_the_day_on_which_figures_change_needs_an_example_on_either_side(tmp_path: Path) -> None:
    law = with_article(
        "基本医保:\n  当: {医疗类别: 住院}\n  自: 2022-01-01\n  比例: 加5个百分点", "2022年1月1日起加5个百分点。"
    )
    report = report_on(tmp_path / "none", law=law)
    found = the(report.errors, "examples_missing", tmp_path / "none", "办法", "当: ", "样例办法", "第9条")
    assert (found.found["figure"], found.found["value"], found.found["sides_zh"]) == (
        "自",
        "2022-01-01",
        "前一天、当天",
    )
    assert found.found["sides_en"] == "on the day before, on the day"
    both = table("前 | 2021-12-31 | 100元", "后 | 2022-01-01 | 100元")
    assert not report_on(tmp_path / "both", law=law, examples=both).errors
    near = table("前 | 2021-12-30 | 100元", "后 | 2022-01-02 | 100元")
    assert len(of_code(report_on(tmp_path / "near", law=law, examples=near).errors, "examples_missing")) == 1


def test_the_first_day_of_a_document_is_one_threshold_for_each_layer(tmp_path: Path) -> None:
    articles = [
        rule(
            f"基本医保:\n  当: {{医疗类别: 住院, 医院等级: {level}}}\n  比例: 加5个百分点", "加5个百分点。", f"第{k}条"
        )
        for k, level in enumerate(("一级", "二级"))
    ]
    later = document("新办法", *articles).replace("施行: 2020-01-01", "施行: 2022-01-01")
    examples = _with_level(EXAMPLES)
    report = report_on(tmp_path / "none", 新办法=later, examples=examples)
    found = the(report.errors, "examples_missing", tmp_path / "none", "新办法", "施行: 2022-01-01", "新办法")
    assert (found.found["layer"], found.found["figure"]) == ("基本医保", "施行")
    days = "\n| 情形 | 日期 | 医院等级 | 政策范围内 |\n|---|---|---|---|\n| 前 | 2021-12-31 | 一级 | 400元 |\n| 后 | 2022-01-01 | 二级 | 400元 |\n"
    assert not report_on(tmp_path / "both", 新办法=later, examples=examples + days).errors


def _with_level(examples: str) -> str:
    lines = [
        line + (" 医院等级 |" if line.startswith("| 情形") else "---|" if line.startswith("|---") else " 三级 |") if line.startswith("|") else line
        for line in examples.splitlines()
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def test_a_day_on_which_nothing_changes_is_no_threshold(tmp_path: Path) -> None:
    block = LAW.partition("```rule\n")[2].partition("```")[0].rstrip()
    again = f"停止执行: 样例办法 第1条\n{block}"
    later = document("新办法", rule(again, "同旧办法：500元、80%、8000元。", "第1条")).replace(
        "施行: 2020-01-01", "施行: 2022-01-01"
    )
    report = report_on(tmp_path, 新办法=later)
    assert {str(p.found["figure"]) for p in of_code(report.errors, "examples_missing")} == {"起付标准", "年度限额"}


def test_examples_of_a_county_count_for_the_city_above_it(tmp_path: Path) -> None:
    library = place(tmp_path, examples="# 算例\n")
    assert len(of_code(check(library, today=TODAY).errors, "examples_missing")) == 2
    county = tmp_path / AREA / "999901-样例县"
    county.mkdir()
    scheme = document("样例县约定", "## 1 沿用\n\n照市里。", front="性质: 约定\n").replace("999900", "999901")
    (county / "scheme.md").write_text(scheme, encoding="utf-8")
    (county / "算例.md").write_text(EXAMPLES, encoding="utf-8")
    assert not check(Library(tmp_path), today=TODAY).errors
    assert not check(Library(tmp_path), ["999900"], today=TODAY).errors


def test_thresholds_of_stand_ins_are_one_warning_for_the_file(tmp_path: Path) -> None:
    law = LAW.replace("来源: 虚构", "性质: 代用\n代用: 没有找到原文")
    report = report_on(
        tmp_path, law=law, examples=EXAMPLES.replace("| 限额正 | 2020-03-01 | | 10500元 | 8000元 | 2500元 |\n", "")
    )
    assert not report.errors
    found = the(report.warnings, "thresholds_unshown", tmp_path, "办法", "当: {医疗类别: 住院}", "样例办法", "第1条")
    assert (found.found["total"], found.found["count"]) == (2, 1)
    assert "年度限额 8,000.00元（正好）" in found.text("en")


# --- Warnings ---------------------------------------------------------------------------------------------------------


def test_a_document_that_has_ended_is_a_warning(tmp_path: Path) -> None:
    old = document("旧办法", "## 第1条 旧\n\n无。", front="废止: 2024-05-31\n")
    report = report_on(tmp_path, 旧办法=old)
    assert the(report.warnings, "document_expired", tmp_path, "旧办法", "废止", "旧办法").found["ended"] == date(
        2024, 5, 31
    )
    last_day = report_on(tmp_path / "b", 旧办法=old.replace("2024-05-31", "2024-06-01"))
    assert not of_code(last_day.warnings, "document_expired")


def test_articles_that_are_not_signed_or_changed_since_are_warnings(tmp_path: Path) -> None:
    library = place(tmp_path)
    unsigned = of_code(check(library, today=TODAY).warnings, "not_signed")
    assert [(p.found["name"], p.found["count"]) for p in unsigned] == [("样例约定", 1), ("样例办法", 2)]
    sign(library)
    signed = check(Library(tmp_path), today=TODAY)
    assert not signed.warnings
    path = tmp_path / AREA / "办法.md"
    path.write_text(LAW.replace("比例: 80%", "比例: 80%  # 数字照旧"), encoding="utf-8")
    changed = the(
        check(Library(tmp_path), today=TODAY).warnings,
        "changed_since_signed",
        tmp_path,
        "办法",
        "## 第1条",
        "样例办法",
        "第1条",
    )
    assert changed.found["by"] == "李经办"
    assert "2024-05-01" in changed.text("en")


def test_the_last_signature_of_an_article_counts_and_bad_rows_are_errors(tmp_path: Path) -> None:
    library = place(tmp_path)
    sign(library)
    path = tmp_path / AREA / "签署.md"
    rows = path.read_text(encoding="utf-8")
    older = rows.replace("| 样例办法 | 第1条 | ", "| 样例办法 | 第1条 | 0000")
    path.write_text(older + rows.partition("|---|---|---|---|---|\n")[2], encoding="utf-8")
    assert not check(Library(tmp_path), today=TODAY).warnings
    path.write_text(rows + "| 样例办法 | 第7条 | abc | 李 | 2024-05-01 |\n| 样例办法 | 第1条 |\n", encoding="utf-8")
    bad = of_code(check(Library(tmp_path), today=TODAY).errors, "bad_document")
    assert [p.at for p in bad] == [f"{AREA}/签署.md:6", f"{AREA}/签署.md:7"]


def test_stand_ins_and_readings_are_listed_once(tmp_path: Path) -> None:
    block = (
        "医疗救助:\n  当: {医疗类别: 住院, 身份: 低保}\n  计入: 政策范围内\n  起付标准: 0元\n  代用: 比例没有印\n"
        "  读法: 自付只算范围内\n  表: |\n    医院等级 | 比例\n    二级 | 60%\n    三级 | 70%"
    )
    report = report_on(tmp_path, law=with_article(block, "低保60%、70%。"), examples=_with_level(EXAMPLES))
    assert (
        the(report.warnings, "stand_in_used", tmp_path, "办法", "二级 | 60%", "样例办法", "第9条").found["reason"]
        == "比例没有印"
    )
    assert (
        the(report.warnings, "reading_taken", tmp_path, "办法", "二级 | 60%", "样例办法", "第9条").found["reason"]
        == "自付只算范围内"
    )
    whole = LAW.replace("来源: 虚构", "性质: 代用\n代用: 没有找到原文")
    report = report_on(tmp_path / "whole", law=whole)
    assert the(report.warnings, "stand_in_used", tmp_path / "whole", "办法", "代用: 没有找到原文", "样例办法")


@pytest.mark.parametrize(
    ("condition", "number", "above", "gain"),
    [
        ("费用总额: 不超过9000元", "9000.00", "9000.01", "850.00"),
        ("费用总额: 低于9000元", "9000.00", "9000.00", "850.00"),
    ],
)
def test_a_notch_is_found_and_named_with_what_it_gains(
    tmp_path: Path, condition: str, number: str, above: str, gain: str
) -> None:
    law = with_article(
        f"基本医保:\n  当: {{医疗类别: 住院, {condition}}}\n  比例: 减10个百分点", "9000元以内的减10个百分点。"
    )
    report = report_on(tmp_path, law=law)
    found = the(report.warnings, "notch", tmp_path, "办法", condition, "样例办法", "第9条")
    assert (found.found["value"], found.found["above"], found.found["gain"]) == (number, above, gain)
    assert "no identity" in found.text("en")
    assert f"个人少负担 {gain} 元" in found.text("zh")
    better = law.replace("减10个百分点", "加10个百分点")
    assert not of_code(report_on(tmp_path / "other way", law=better).warnings, "notch")


def test_a_notch_on_the_base_of_a_layer_is_found_by_the_bill_that_reaches_it(tmp_path: Path) -> None:
    block = "医疗救助:\n  当: {医疗类别: 住院, 身份: 低保}\n  计入: 政策范围内\n  起付标准: 0元\n  表: |\n    本层基数 | 比例\n    不超过1000元 | 50%\n    超过1000元 | 90%"
    law = with_article(block, "低保1000元以内50%，超过的90%。")
    (found,) = of_code(report_on(tmp_path, law=law).warnings, "notch")
    assert (found.found["fact_zh"], found.found["value"]) == ("本层基数", "1000.00")
    # of 3,000.03 yuan the basic layer leaves 1,000.01
    assert (found.found["before"], found.found["gain"]) == ("500.00", "400.00")


def test_a_tilt_that_pays_less_is_a_warning(tmp_path: Path) -> None:
    block = "基本医保:\n  当: {医疗类别: 住院, 身份: 低保}\n  性质: 倾斜\n  例外于: 一般规定\n  起付标准: 0元\n  比例: {share}"
    rows = table("低保 | 2020-03-01 | 1000元 | 低保", columns="身份")
    worse = report_on(tmp_path / "worse", law=with_article(block.replace("{share}", "60%"), "低保60%。"), examples=rows)
    found = the(worse.warnings, "tilt_worse", tmp_path / "worse", "办法", "身份: 低保", "样例办法", "第9条")
    assert (found.found["base"], found.found["tilted"], found.found["normal"]) == ("10000.00", "6000.00", "7600.00")
    assert "on subsistence allowance" in found.text("en")
    better = report_on(
        tmp_path / "better", law=with_article(block.replace("{share}", "85%"), "低保85%。"), examples=rows
    )
    assert not of_code(better.warnings, "tilt_worse")


def test_an_exception_that_mixes_setters_and_adjusters_is_a_warning(tmp_path: Path) -> None:
    block = "基本医保:\n  当: {医疗类别: 住院, 身份: 低保}\n  例外于: 一般规定\n  年度限额: 不设\n  比例: 加5个百分点"
    found = the(
        report_on(tmp_path / "a", law=with_article(block)).warnings,
        "mixed_exception",
        tmp_path / "a",
        "办法",
        "身份: 低保",
        "样例办法",
        "第9条",
    )
    assert (found.found["sets"], found.found["adjusts"]) == ("年度限额", "比例")
    without = with_article(block.replace("  例外于: 一般规定\n", "").replace("  年度限额: 不设\n", ""))
    assert not of_code(report_on(tmp_path / "b", law=without).warnings, "mixed_exception")


STACKED = "基本医保:\n  - 当: {医疗类别: 住院, 身份: 特困}\n    性质: 倾斜\n    比例: 加5个百分点\n  - 当: {医疗类别: CARE, 身份: 低保}\n    性质: NATURE\n    比例: FIGURE"


@pytest.mark.parametrize(
    ("care", "nature", "figure", "warned"),
    [
        ("住院", "倾斜", "加5个百分点", True),
        ("普通门诊", "倾斜", "加5个百分点", False),
        ("住院", "处罚", "减5个百分点", False),
        ("住院", "倾斜", "提高到90%", False),
    ],
)
def test_adjusters_by_identity_that_add_up_are_a_warning(
    tmp_path: Path, care: str, nature: str, figure: str, warned: bool
) -> None:
    block = STACKED.replace("CARE", care).replace("NATURE", nature).replace("FIGURE", figure)
    report = report_on(tmp_path, law=with_article(block))
    if not warned:
        assert not of_code(report.warnings, "adjusters_stack")
        return
    found = the(report.warnings, "adjusters_stack", tmp_path, "办法", "身份: 低保", "样例办法", "第9条")
    assert (found.found["both_zh"], found.found["one_text"]) == ("特困、低保", "加5个百分点")


def test_a_layer_without_rules_is_a_warning(tmp_path: Path) -> None:
    scheme = SCHEME.replace("次序: 基本医保、医疗救助", "次序: 基本医保、补充保险、医疗救助").replace(
        "层:\n", "层:\n  补充保险: {类: 补充保险}\n"
    )
    found = the(
        report_on(tmp_path, scheme=scheme).warnings, "empty_layer", tmp_path, "scheme", "次序: ", "样例约定", "1"
    )
    assert found.found["layer"] == "补充保险"


def test_an_identity_that_stands_higher_and_is_worse_is_a_warning(tmp_path: Path) -> None:
    block = "医疗救助:\n  当: {医疗类别: 住院, 身份: 低保}\n  计入: 政策范围内\n  起付标准: 0元\n  比例: 70%"
    law = with_article(block, "低保70%。")
    assert not of_code(report_on(tmp_path / "right", law=law).warnings, "rank_not_monotone")
    upside_down = SCHEME.replace("身份从高到低: 特困、低保", "身份从高到低: 低保、特困")
    report = report_on(tmp_path / "wrong", law=law, scheme=upside_down)
    found = the(report.warnings, "rank_not_monotone", tmp_path / "wrong", "scheme", "身份从高到低", "样例约定", "1")
    assert (found.found["higher_zh"], found.found["lower_zh"]) == ("低保", "特困")
    assert (found.found["both"], found.found["alone"]) == ("750.01", "0.00")
    best = upside_down.replace("  身份从高到低", "  身份取舍: 最有利\n  身份从高到低")
    assert not of_code(report_on(tmp_path / "best", law=law, scheme=best).warnings, "rank_not_monotone")


# --- Official texts ---------------------------------------------------------------------------------------------------

NUMBERED = LAW.replace("简称: 样例办法", "文号: 样医保发〔2020〕1号\n简称: 样例办法")
OFFICIAL = """样 医保发[2020]1号
关于印发《样例市居民医疗
保险办法》的通知
第一条 住院起付标准500 元，超过部分支付百分之八十，年度限额8,000元。
第二条 特困人员救助100%。
附件：2019年共支出3.5亿元，占6%。
"""


def official(root: Path, text: str = OFFICIAL, law: str = NUMBERED, name: str | None = None) -> list[Problem]:
    return check_against(place(root, law=law), text, name).errors


def test_numbers_of_the_official_text_must_be_modelled_or_declared(tmp_path: Path) -> None:
    found = official(tmp_path)
    assert [(p.code, p.found["number"]) for p in found] == [
        ("official_number_missing", "3.5亿元"),
        ("official_number_missing", "6%"),
    ]
    assert found[0].at == f"{AREA}/办法.md:1 样医保发〔2020〕1号"
    assert "附件：2019年共支出3.5亿元，占6%。" in found[0].text("zh")
    assert "neither modelled" in found[0].text("en")


@pytest.mark.parametrize(
    "note",
    [
        "［自“附 件”至文末］：统计数字",
        "［自“附件”至“占6%”］：统计，占6%",
        "［自“附件：”］：统计数字",
        "：3.5亿元和6%是统计数字",
    ],
)
def test_a_stretch_of_the_official_text_may_be_left_out(tmp_path: Path, note: str) -> None:
    law = NUMBERED.replace("## 第2条", f"> 不建模{note}\n\n## 第2条")
    assert not official(tmp_path, law=law)


def test_a_stretch_that_the_official_text_does_not_have_is_an_error(tmp_path: Path) -> None:
    law = NUMBERED.replace("## 第2条", "> 不建模［自“附表”至文末］：统计数字\n\n## 第2条")
    found = the(
        official(tmp_path, law=law),
        "official_stretch_missing",
        tmp_path,
        "办法",
        "附表",
        "样医保发〔2020〕1号",
        "第1条",
    )
    assert found.found["words"] == "附表"


def test_the_document_is_found_by_number_or_title_or_name(tmp_path: Path) -> None:
    by_title = OFFICIAL.partition("\n")[2]
    assert len(official(tmp_path / "title", by_title)) == 2
    assert [p.code for p in official(tmp_path / "none", "另一份通知，付70%。")] == ["official_document_unknown"]
    assert len(official(tmp_path / "named", "付70%。", name="样例办法")) == 1
    (unknown,) = official(tmp_path / "unknown", OFFICIAL, name="别的办法")
    assert "别的办法" in unknown.text("en")


# --- Printing ---------------------------------------------------------------------------------------------------------


def test_the_report_prints_errors_by_file_then_warnings_by_kind(tmp_path: Path) -> None:
    law = LAW.replace("一年最多8000元。", "一年最多8000元，共30天、12种。")
    report = report_on(tmp_path, law=law, examples=EXAMPLES.replace("| 0.01元 | 500元 |", "| 0.02元 | 500元 |"))
    zh, en = print_report(report).splitlines(), print_report(report, "en").splitlines()
    assert zh[0] == "错误 3 项"
    assert en[0] == "3 errors"
    assert [line for line in zh if line and not line.startswith(" ")] == [
        "错误 3 项", f"{AREA}/办法.md", f"{AREA}/算例.md", "提醒 2 项", "没有签署 2", "看过的范围",
    ]  # fmt: skip
    assert [line for line in en if line and not line.startswith(" ")] == [
        "3 errors", f"{AREA}/办法.md", f"{AREA}/算例.md", "2 warnings", "not signed 2", "what was looked at",
    ]  # fmt: skip
    assert sum(line.startswith("  ") for line in zh) == 3 + 2 + 2


def test_every_warning_has_a_kind_to_print_under() -> None:
    shipped = check(Library(), today=TODAY)
    assert {problem.code for problem in shipped.warnings} <= set(KINDS)
    printed = print_report(shipped, "en")
    assert all(problem.text("en") in printed for problem in (*shipped.errors, *shipped.warnings))


def test_the_notch_and_the_worse_tilt_of_the_shipped_law_are_named() -> None:
    shipped = check(Library(), ["150400", "210100"], today=TODAY)
    notch = next(p for p in of_code(shipped.warnings, "notch") if "没有身份" in p.text("zh"))
    assert (notch.found["value"], notch.found["gain"]) == ("9000.00", "390.00")
    assert "第8条" in notch.at
    (tilt,) = of_code(shipped.warnings, "tilt_worse")
    assert "二（二）2" in tilt.at
