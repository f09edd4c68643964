"""The page that an officer signs: complete, safe to open, right in its figures; and what a signature covers."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from yizhan.errors import Problems
from yizhan.policy.areas import Library
from yizhan.policy.checks import signature_problems
from yizhan.policy.review import Html, joined, prose, review_page, sign, study, tag
from yizhan.policy.signatures import CHANGED, SIGNED, UNSIGNED

AREA, FOLDER = "999900", "999900-样例市"
ON, TODAY = date(2020, 6, 1), date(2024, 5, 1)
LAWS = {"约定": ["1"], "办法": ["第1条", "第2条", "第3条", "第4条", "第5条", "第6条"]}

SCHEME = """---
简称: 约定
名称: 约定
英文名: Choices
统筹区: 999900
施行: 2020-01-01
性质: 约定
---
# 样例市

## 1 次序
```rule
次序: 基本医保、医院承担、政府兜底、补充保险
层:
  基本医保: {类: 基本医保, 资金: 医保基金, 英文: basic insurance}
  医院承担: {类: 医院减免, 资金: 定点医疗机构, 英文: borne by the hospital}
  政府兜底: {类: 政府兜底, 资金: 财政, 英文: guarantee}
  补充保险: {类: 补充保险, 资金: 保险公司, 英文: supplementary insurance}
约定:
  英文名: Sample
  政策日期: 出院日期
  身份日期: 出院日期
  年度: 自然年度
  跨年住院: 归出院年度
  费率变化: 只管新增
  身份变化: 只管新增
  身份从高到低: 特困、低保、建档立卡
```
"""

LAW = """---
简称: 办法
名称: 样例办法 <b>粗</b> & "引号"
英文名: Sample <i>law</i>
统筹区: 999900
施行: 2020-01-01
来源: <script>alert("来源")</script>
---
# 样例办法

总则写在条文前面。

## 第1条 住院 <img src=x onerror=alert(1)>

住院起付500元，超过的部分报销70%。**要紧**的是：

- 只算政策范围内；
- 二级医院 <script>alert(1)</script> 照样。

> 不建模：<u>没有</u>数字。

```rule
基本医保:
  当: {医疗类别: 住院}
  计入: 政策范围内
  起付标准: 500元
  比例: 70%
```

## 第2条 低保

低保提高10%。

```rule
基本医保:
  当: {医疗类别: 住院, 身份: 低保}
  性质: 倾斜
  比例: 加10个百分点
  读法: 提高10%读作10个百分点 <b>
```

## 第3条 特困

特困付60%。

```rule
基本医保:
  当: {医疗类别: 住院, 身份: 特困}
  性质: 倾斜
  例外于: 一般规定
  比例: 60%
```

## 第4条 医院

目录外超过费用总额5%的，医院承担。

```rule
医院承担:
  当: {医疗类别: 住院, 身份: 建档立卡}
  计入: 全自费
  起付标准: 费用总额的5%
  比例: 全额
```

## 第5条 兜底

建档立卡的补足到90%。

```rule
政府兜底:
  当: {医疗类别: 住院, 身份: 建档立卡}
  性质: 倾斜
  计入: 全自费、政策范围内
  补足到: 90%
  分母: 费用总额
  计为已报: 前面各层
  读法: 分母是费用总额，医院承担的算已报
```

## 第6条 补充

低保的自付再报一半，到2020年底。

```rule
补充保险:
  当: {医疗类别: 住院, 身份: 低保}
  自: 2021-01-01
  性质: 倾斜
  计入: 政策范围内
  起付标准: 0元
  比例: 50%
```
"""

OTHER = """---
简称: 明年办法
名称: 明年办法
统筹区: 999900
施行: 2021-01-01
---
# 明年办法

## 1 不变

没有数字。
"""

EXAMPLES = """# 算例

| 情形 | 项 | 日期 | 身份 | 医疗类别 | 政策范围内 | 全自费 | 基本医保 | 医院承担 | 政府兜底 | 个人负担 |
|---|---|---|---|---|---|---|---|---|---|---|
| 一般<i> | A-1 | 2020-03-01 | | 住院 | 10500元 | | 7000元 | 无 | 无 | 3500元 |
| 低保 | | 2020-03-01 | 低保 | 住院 | 10500元 | | 8000元 | 无 | 无 | 2500元 |
| 特困 | | 2020-03-01 | 特困 | 住院 | 10500元 | | 6000元 | 无 | 无 | 4500元 |
| 建档立卡 | | 2020-03-01 | 建档立卡 | 住院 | 9500元 | 500元 | 6300元 | 0元 | 2700元 | 1000元 |
| 建档立卡有目录外 | | 2020-03-01 | 建档立卡 | 住院 | 8000元 | 2000元 | 5250元 | 1500元 | 2250元 | 1000元 |
"""


def place(root: Path, *, law: str = LAW, examples: str = EXAMPLES) -> Library:
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("scheme", SCHEME), ("办法", law), ("明年", OTHER), ("算例", examples)):
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return Library(root)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return place(tmp_path)


class Outline(HTMLParser):
    """Checks that a page is well formed and collects what matters about it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value or "" for key, value in attrs if key == "id"]
        self.links += [value or "" for key, value in attrs if key == "href"]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, tag


def text_of(page: str) -> str:
    """What a reader sees."""
    return re.sub(r"<[^>]+>", "", page.split("</style>")[1])


# --- HTML -------------------------------------------------------------------------------------------------------------


def test_text_is_escaped_and_html_is_not() -> None:
    assert tag("p", "<b>", tag("i", "&"), class_='"') == '<p class="&quot;">&lt;b&gt;<i>&amp;</i></p>'
    assert joined("<", Html("<br>"), ["<", Html("<i>")]) == "&lt;<br>&lt;<i>"
    assert tag("details", open=True, hidden=False) == "<details open></details>"


def test_prose_is_paragraphs_lists_and_tables() -> None:
    lines = [
        (1, "一行"),
        (2, "接着。"),
        (4, "另一段 **粗** <b>"),
        (5, "- 甲"),
        (6, "续"),
        (7, "- 乙"),
        (9, "| a | b |"),
        (10, "|---|---|"),
        (11, "| 1 | < |"),
    ]
    assert prose(lines) == (
        '<div class="prose"><p>一行接着。</p><p>另一段 <b>粗</b> &lt;b&gt;</p><ul><li>甲续</li><li>乙</li></ul>'
        '<div class="wide"><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>&lt;</td></tr></tbody></table></div></div>'
    )


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_of_a_document_becomes_html(library: Library, lang: str) -> None:
    sign(library, AREA, ON, "<script>李</script>", TODAY)
    page = review_page(library, AREA, ON, TODAY, lang)
    outline = Outline(page)
    assert not {"script", "img", "u", "i"} & set(outline.tags)
    assert not any(key.startswith("on") for key, _ in outline.attributes)
    for words in (
        'alert("来源")',
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "<u>没有</u>",
        "一般<i>",
        "<script>李</script>",
    ):
        assert words in text_of(page).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"'), words


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(
    ("code", "on"),
    [
        ("430300", "2019-05-05"),
        ("430300", "2021-10-01"),
        ("150400", "2018-10-01"),
        ("210100", "2019-06-01"),
        ("440700", "2019-06-01"),
    ],
)
def test_the_pages_of_the_shipped_places(code: str, on: str, lang: str) -> None:
    page = review_page(Library(), code, date.fromisoformat(on), TODAY, lang)
    outline = Outline(page)
    assert not {"script", "link", "img", "iframe"} & set(outline.tags)
    assert "http" not in page.split("</style>")[0] and "url(" not in page
    assert len(outline.ids) == len(set(outline.ids))
    assert {link.removeprefix("#") for link in outline.links} <= set(outline.ids)
    assert ("lang", "zh-CN") in outline.attributes
    assert page.startswith(f'<!DOCTYPE html>\n<html lang="{"zh-CN" if lang == "zh" else "en"}">')
    assert not re.search(r"None|frozenset|\x00|\{\w*\}", text_of(page).replace("{起付标准", "").replace("None of", ""))
    assert len(page.encode()) < 1_500_000


def test_the_pages_of_places_with_every_mechanism() -> None:
    library = Library(Path(__file__).parent / "places" / "policies")
    for area in library.pooling_areas:
        scheme = library.scheme(area.code)
        for lang in ("zh", "en"):
            Outline(review_page(library, area.code, min(max(scheme.begins_on, ON), scheme.ends_on), TODAY, lang))


# --- What stands on it ------------------------------------------------------------------------------------------------


def test_the_page_says_all_of_an_article(library: Library) -> None:
    shown = text_of(review_page(library, AREA, ON, TODAY))
    for words in (
        "样例市：2020-06-01 的规定，请审阅",
        "5 个算例全部重新计算，结果和写的一致。",
        "总则写在条文前面。",
        "住院起付500元，超过的部分报销70%。要紧的是：",
        "住院，基本医保计入政策范围内费用，起付标准500元，超过的部分支付70%。",
        "住院、低保人员，基本医保支付比例提高10个百分点。 倾斜",
        "读法：提高10%读作10个百分点",
        "（10,500.00 − 500.00）× 80% = 8,000.00 元〔比例：A 第1条，加10个百分点 A 第2条〕",
        "费用 10,500.00 − 支付 8,000.00 = 个人负担 2,500.00 元",
        "基本医保 8,000.00 ✓",
        "明年办法 明年办法 (2021-01-01 –)",
        f"./yizhan review {AREA} --on 2020-06-01 --sign 姓名",
    ):
        assert words in shown, words


def test_rules_of_other_days_are_folded_away(library: Library) -> None:
    page = review_page(library, AREA, ON, TODAY)
    sentence = "住院、低保人员，补充保险计入政策范围内费用，不设起付标准，支付50%。"
    before = page[: page.index(sentence)]
    assert before.rindex("这一天不施行的规则（1 句）") > before.rindex("</article>")
    assert "这一条在这一天没有施行的规则。" in page


def test_the_rules_as_written_are_there_but_closed(library: Library) -> None:
    page = review_page(library, AREA, ON, TODAY)
    folded = re.findall(r"<details><summary>程序里的写法</summary><pre lang=\"zh-CN\">(.*?)</pre>", page, re.DOTALL)
    assert len(folded) == sum(map(len, LAWS.values()))
    assert any("起付标准: 费用总额的5%" in block for block in folded)


def test_an_example_that_does_not_come_out_stands_first(tmp_path: Path) -> None:
    library = place(
        tmp_path, examples=EXAMPLES.replace("| 8000元 | 无 | 无 | 2500元 |", "| 8000.01元 | 无 | 无 | 2500元 |")
    )
    shown = text_of(review_page(library, AREA, ON, TODAY))
    assert shown.index("1 个算例和写的不一样：低保") < shown.index("总则写在条文前面")
    assert "基本医保 应为 8000.01元，算得 8,000.00 ✗" in shown
    english = text_of(review_page(library, AREA, ON, TODAY, "en"))
    assert "basic insurance should be 8000.01元, is 8,000.00 ✗" in english


def test_a_tilt_that_lowers_a_figure_is_pointed_out(library: Library) -> None:
    """特困: 60 % instead of 70 % of 10,000: the patient pays 4,500 instead of 3,500."""
    (low,) = study(library, AREA, ON).lowered["办法", "第3条"]
    assert (low.figure, low.tilted, low.general, low.ours, low.without) == ("比例", 6000, 7000, 450_000, 350_000)
    assert low.by is not None and low.by.article == "第1条"
    told = "⚠ 基本医保：一般规定（A 第1条）支付比例是 70%，这条倾斜是 60%，反而更差。算例“特困”个人负担 4,500.00 元；没有这条是 3,500.00 元（这条使个人多付 1,000.00 元）。"
    assert text_of(review_page(library, AREA, ON, TODAY)).count(told) == 2  # at the top and under the article


def test_examples_under_the_other_reading(library: Library) -> None:
    """低保: 77 % of 10,000 leaves 2,800. 建档立卡: 90 % of the in-scope 8,000 is 7,200, of which 6,750 is paid: 450 more,
    the patient keeps 2,800. Without what the hospital bears: 9,000 − 5,250 = 3,750, but only 3,250 is left: nothing to pay.
    """
    told = study(library, AREA, ON).other_readings
    shown = {
        (place[1], found.label[0]): [(s.example.name, s.ours, s.other) for s in found.changed]
        for place, readings in told.items() for found in readings
    }  # fmt: skip
    assert shown == {
        ("第2条", "百分点改读作原比例的百分之几（70%提高10%得77%，不是80%）"): [("低保", 250_000, 280_000)],
        ("第5条", "补足的分母改为政策范围内"): [("建档立卡有目录外", 100_000, 280_000), ("建档立卡", 100_000, 145_000)],
        ("第5条", "医院承担和减免的部分不算已报"): [("建档立卡有目录外", 100_000, 0)],
    }
    assert "个人负担 2,500.00 → 2,800.00 元" in text_of(review_page(library, AREA, ON, TODAY))


def test_examples_under_the_other_choice_of_scheme_md(tmp_path: Path) -> None:
    """Admitted in May, discharged in July, when the ratio is 50 %: 10,500 leaves 5,500, by the day of admission 3,500."""
    law = LAW.replace("  起付标准: 500元\n  比例: 70%", "  起付标准: 500元").replace(
        "## 第2条", "```rule\n基本医保:\n  - 当: {医疗类别: 住院}\n    至: 2020-06-30\n    比例: 70%\n"
        "  - 当: {医疗类别: 住院}\n    自: 2020-07-01\n    比例: 50%\n```\n\n## 第2条", 1,
    )  # fmt: skip
    examples = "| 情形 | 日期 | 入院日期 | 医疗类别 | 政策范围内 | 个人负担 |\n|---|---|---|---|---|---|\n| 跨日 | 2020-07-02 | 2020-05-30 | 住院 | 10500元 | 5500元 |\n"
    library = place(tmp_path, law=law, examples=examples)
    choices = study(library, AREA, ON).choices
    assert [(c.label[0], c.changed[0].ours, c.changed[0].other) for c in choices] == [
        ("用入院那天的规定", 550_000, 350_000)
    ]
    assert "换一种选择来算" in text_of(review_page(library, AREA, ON, TODAY))


def test_a_day_without_a_policy_is_refused(library: Library) -> None:
    with pytest.raises(Problems) as refused:
        review_page(library, AREA, date(2019, 12, 31), TODAY)
    assert [p.code for p in refused.value.problems] == ["no_policy_for_date"]


# --- Signatures -------------------------------------------------------------------------------------------------------


def states(library: Library) -> dict[str, str]:
    return {place[1]: state.kind for place, state in study(library, AREA, ON).states.items() if place[0] == "办法"}


def test_signing_and_changing(library: Library) -> None:
    assert set(states(library).values()) == {UNSIGNED}
    path = library.root / FOLDER / "签署.md"
    assert sign(library, AREA, ON, " 李  经办 ", TODAY) == [path]
    assert set(states(library).values()) == {SIGNED}
    rows = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert rows[0] == "| 文件 | 条 | 摘要 | 签署人 | 日期 |"
    assert [tuple(row.strip("| ").split(" | "))[:2] for row in rows[2:]] == [
        (d, a) for d in sorted(LAWS, reverse=True) for a in LAWS[d]
    ]
    assert all(row.endswith("| 李 经办 | 2024-05-01 |") for row in rows[2:])
    changed = Library(library.root)
    (library.root / FOLDER / "办法.md").write_text(LAW.replace("特困付60%", "特困付六成"), encoding="utf-8")
    assert {number for number, kind in states(changed).items() if kind == CHANGED} == {"第3条"}
    assert "1 条在签署以后改过，要重读：A 第3条" in text_of(review_page(changed, AREA, ON, TODAY))
    assert "签署后改过：李 经办 2024-05-01" in text_of(review_page(changed, AREA, ON, TODAY))


@pytest.mark.parametrize(
    ("old", "new", "touched"),
    [
        ("比例: 60%", "比例: 65%", {"第3条"}),
        ("> 不建模：<u>没有</u>数字。", "> 不建模：没有数字。", {"第1条"}),
        ("## 第4条 医院", "## 第4条 医院承担", {"第4条"}),
        ("施行: 2020-01-01", "施行: 2020-02-01", set(LAWS["办法"])),
        ("来源: ", "来源: 网站 ", set()),
    ],
)
def test_what_a_signature_covers(library: Library, old: str, new: str, touched: set[str]) -> None:
    sign(library, AREA, ON, "李经办", TODAY)
    (library.root / FOLDER / "办法.md").write_text(LAW.replace(old, new, 1), encoding="utf-8")
    changed = states(Library(library.root))
    assert {number for number, kind in changed.items() if kind == CHANGED} == touched


def test_a_second_officer_adds_and_the_same_replaces(library: Library) -> None:
    path = library.root / FOLDER / "签署.md"
    path.write_text("# 我们的签署\n\n说明。\n", encoding="utf-8")
    sign(library, AREA, ON, "李经办", TODAY)
    once = path.read_text(encoding="utf-8")
    assert once.startswith("# 我们的签署\n\n说明。\n| 文件 |")
    sign(library, AREA, ON, "李经办", TODAY)
    assert path.read_text(encoding="utf-8") == once
    sign(library, AREA, ON, "王复核", date(2024, 6, 1))
    twice = path.read_text(encoding="utf-8")
    assert twice.count("李经办") == twice.count("王复核") == sum(map(len, LAWS.values()))
    sign(library, AREA, ON, "李经办", date(2024, 7, 1))
    assert path.read_text(encoding="utf-8").count("| 李经办 | 2024-07-01 |") == sum(map(len, LAWS.values()))
    last = study(library, AREA, ON).states["办法", "第1条"].last
    assert last is not None and (last.by, last.on) == ("李经办", "2024-07-01")


def test_check_sees_the_same_signatures(library: Library) -> None:
    sign(library, AREA, ON, "李经办", TODAY)
    documents = [d for d in library.documents(library.area(AREA)) if d.name in LAWS]
    assert signature_problems(library.root / FOLDER, documents) == ([], [])


def test_only_what_the_page_shows_is_signed(library: Library) -> None:
    sign(library, AREA, ON, "李经办", TODAY)
    assert "明年办法" not in (library.root / FOLDER / "签署.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("officer", ["", "  ", "李|王"])
def test_a_name_that_cannot_stand_in_a_table_is_refused(library: Library, officer: str) -> None:
    with pytest.raises(Problems) as refused:
        sign(library, AREA, ON, officer, TODAY)
    assert [p.code for p in refused.value.problems] == ["bad_code"]
    assert not (library.root / FOLDER / "签署.md").exists()


def test_signatures_that_cannot_be_read_are_not_overwritten(library: Library) -> None:
    path = library.root / FOLDER / "签署.md"
    path.write_text(
        "| 文件 | 条 | 摘要 | 签署人 | 日期 |\n|---|---|---|---|---|\n| 办法 | 第1条 | 李经办 |\n", encoding="utf-8"
    )
    before = path.read_bytes()
    for call in (lambda: sign(library, AREA, ON, "王复核", TODAY), lambda: review_page(library, AREA, ON, TODAY)):
        with pytest.raises(Problems) as refused:
            call()
        assert [p.at.rpartition(":")[2] for p in refused.value.problems] == ["3"]
    assert path.read_bytes() == before
