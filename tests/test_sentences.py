"""Every key of the format has its words, in both languages, and nothing of the machine shows through them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from yizhan.engine.facts import FACTS
from yizhan.engine.scheme import ADJUSTER_ORDER, Condition
from yizhan.policy.areas import Library, shipped_policies
from yizhan.policy.rules import BLOCK_KEYS, CHOICES, CONVENTIONS, FIGURES, LAYER_KINDS
from yizhan.policy.sentences import (
    ADJUSTED,
    BLOCK_PHRASES,
    CHOICE_WORDS,
    CONVENTION_WORDS,
    FIGURE_NAMES,
    FIGURE_PHRASES,
    KIND_WORDS,
    Sentence,
    Words,
    in_english,
)

PLACES = (shipped_policies(), Path(__file__).parent / "places" / "policies")
LIBRARIES = [Library(root) for root in PLACES]
AREAS = [pytest.param(library, area.code, id=area.name) for library in LIBRARIES for area in library.pooling_areas]
CHINESE = re.compile("[\u4e00-\u9fff]")

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
次序: 基本医保、大病保险、政府兜底
层:
  基本医保: {类: 基本医保, 资金: 医保基金, 英文: basic insurance}
  大病保险: {类: 大病保险, 资金: 大病资金, 英文: critical illness insurance}
  政府兜底: {类: 政府兜底, 资金: 财政, 英文: guarantee}
约定:
  政策日期: 出院日期
  身份日期: 入院日期
  跨年住院: 年末分割
  费率变化: 应付减已付
  身份变化: 只管新增
  身份从高到低: 特困、低保
  年度: 7月1日起
英文: {医保基金: the fund, 财政: the treasury, 专家: the experts}
```
"""


def place(root: Path, block: str, front: str = "") -> Library:
    """A place with one article with these rules."""
    folder = root / "999900-样例市"
    folder.mkdir(parents=True)
    (folder / "scheme.md").write_text(SCHEME, encoding="utf-8")
    head = f"---\n简称: 办法\n名称: 办法\n统筹区: 999900\n施行: 2020-01-01\n{front}---\n# 办法\n\n"
    (folder / "办法.md").write_text(f"{head}## 第1条 规则\n\n见规则。\n\n```rule\n{block}\n```\n", encoding="utf-8")
    return Library(root)


def said(
    library: Library, lang: str, document: str = "办法", number: str = "第1条", code: str = "999900"
) -> list[Sentence]:
    """The sentences of one article."""
    documents = library.documents(library.area(code))
    words = Words(library.scheme(code), documents, lang)
    found = next(d for d in documents if d.name == document)
    return words.article(found, next(a for a in found.articles if a.number == number))


def both(root: Path, block: str, front: str = "") -> tuple[str, str]:
    """All sentences of an article in Chinese and in English, one a line."""
    library = place(root, block, front)
    zh, en = ("\n".join(s.plain(lang) for s in said(library, lang)) for lang in ("zh", "en"))
    return zh, en


# --- Nothing is forgotten ---------------------------------------------------------------------------------------------


def test_every_figure_has_a_phrase_and_a_name() -> None:
    assert set(FIGURE_PHRASES) == set(FIGURE_NAMES) == set(FIGURES)


def test_every_other_block_has_a_phrase() -> None:
    assert set(BLOCK_PHRASES) == set(BLOCK_KEYS)


def test_every_choice_and_adjuster_has_its_words() -> None:
    assert set(CHOICE_WORDS) == {v for key, values in CHOICES.items() if key != "分母" for v in values}
    assert set(ADJUSTED) == set(ADJUSTER_ORDER)
    assert set(KIND_WORDS) == set(LAYER_KINDS)


def test_every_convention_has_its_words() -> None:
    assert {key: set(words) for key, words in CONVENTION_WORDS.items()} == {
        key: set(v) for key, (_, v) in CONVENTIONS.items()
    }


@pytest.mark.parametrize("code", FACTS)
def test_every_fact_can_be_a_condition(code: str) -> None:
    fact = FACTS[code]
    words = {lang: Words(LIBRARIES[0].scheme("150400"), [], lang) for lang in ("zh", "en")}
    if fact.kind == "number":
        conditions = [Condition(code, low=101), Condition(code, high=1500), Condition(code, low=200, high=299)]
    else:
        conditions = [Condition(code, frozenset({v})) for v in ([value.code for value in fact.values] or ["somebody"])]
    for condition in conditions:
        zh, en = (words[lang].condition(condition) for lang in ("zh", "en"))
        assert zh and en and not CHINESE.search(en), (zh, en)
        assert not fact.values or not re.search("[a-z_]", zh), zh


@pytest.mark.parametrize(("library", "code"), AREAS)
def test_every_rule_is_said_once(library: Library, code: str) -> None:
    area = library.area(code)
    scheme, documents = library.scheme(code), library.documents(area)
    words = Words(scheme, documents)
    told = [rule for d in documents for a in d.articles for s in words.article(d, a) for rule in s.rules]
    assert sorted(map(id, told)) == sorted(map(id, scheme.rules))


def texts(sentence: Sentence) -> list[str]:
    """Everything that a sentence shows but the reasons of its notes, which are prose of the document."""
    cells = [cell for row in (sentence.header, *sentence.rows) for cell in row]
    return [text for text in (sentence.text, sentence.instead, sentence.life, *cells) if text]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(("library", "code"), AREAS)
def test_nothing_of_the_machine_shows(library: Library, code: str, lang: str) -> None:
    """No sentence holds codes, and English ones hold no Chinese but names that only the documents know."""
    documents = library.documents(library.area(code))
    words = Words(library.scheme(code), documents, lang)
    names = [name for d in documents for name in (*d.nicknames, *(a.number for a in d.articles))]
    cited = re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)))
    for text in (t for d in documents for a in d.articles for s in words.article(d, a) for t in texts(s)):
        assert not re.search(r"None|frozenset|Amount|[{}_]|999999", text), text
        assert lang == "zh" or not CHINESE.search(cited.sub("", re.sub("“[^”]*”", "", text))), text


def test_layers_and_payers_are_said_in_english() -> None:
    scheme = LIBRARIES[0].scheme("440700")
    assert (
        in_english("由医疗保障精准扶贫资金 80%、定点医疗机构 20%", scheme)
        == "由poverty-relief medical fund 80%、the hospital 20%"
    )
    assert in_english("自费分担", scheme) == "shared own-expense part"


# --- What an officer reads --------------------------------------------------------------------------------------------


def test_a_penalty_with_its_reading() -> None:
    first = said(LIBRARIES[0], "zh", "赤卫计发〔2018〕39号", "第15条", "150400")[0]
    assert (
        first.text
        == "住院、贫困人口（建档立卡、稳定脱贫）、没有按规定转诊、非急诊，基本医保和大病保险支付比例降低20个百分点。"
    )
    assert first.nature == "处罚"
    assert first.notes[0][0] == "reading"
    assert first.plain().startswith(f"{first.text}（处罚）　※ 我们的读法：降低20%读作20个百分点")
    english = said(LIBRARIES[0], "en", "赤卫计发〔2018〕39号", "第15条", "150400")[0]
    assert english.text == (
        "Inpatient, registered poor or stably lifted, not referred by the rules, no emergency: basic medical insurance and "
        "critical illness insurance, each, lowers the ratio by 20 points."
    )
    assert english.plain("en").startswith(f"{english.text} (penalty)　※ our reading: ")


def test_a_table_stays_a_table(tmp_path: Path) -> None:
    block = """基本医保:
  - 当: {医疗类别: 住院}
    计入: 政策范围内
    例外于: 一般规定
    表: |
      医院归属   | 医院等级     | 起付标准 | 比例
      乡镇       | 未定级、一级 | 免       | 90%
      县级、市级 | -            | 600元    | 加5个百分点"""
    zh, en = both(tmp_path, block)
    assert zh.splitlines() == [
        "住院，基本医保计入政策范围内费用，起付标准、支付比例见下表。代替一般规定。",
        "    医院归属 | 医院等级 | 起付标准 | 支付比例",
        "    乡镇 | 一级、未定级 | 0元 | 90%",
        "    县级、市级 | 不限 | 600元 | 加5个百分点",
    ]
    assert en.splitlines() == [
        "Inpatient: basic insurance counts in-scope cost; takes its deductible and ratio from the table below. Instead of the general rule.",
        "    hospital tier | hospital grade | deductible | ratio",
        "    township | grade 1, ungraded | 0 yuan | 90%",
        "    county, municipal | any | 600 yuan | raises the ratio by 5 points",
    ]


FORMS = [
    ("计入: 全自费、政策范围内", "依次计入全自费、政策范围内", "counts fully own cost, in-scope cost, emptied in this order"),
    ("折算: {全自费: 60%}", "其中全自费60%折算", "weights fully own cost 60%"),
    ("按项目: 挂号费", "只算挂号费", "of these only the registration fee"),
    ("不计入: 起付部分、降比部分", "不算起付部分、因处罚少付的部分", "does not count the deductible part, what a penalty took"),
    ("先自付比例: 15%", "个人先自付15%", "leaves the first 15% to the patient"),
    ("先自付比例: 0%", "不用先自付", "sets nothing aside first"),
    ("起付标准: 500元", "起付标准500元", "has a deductible of 500 yuan"),
    ("起付标准: 免", "不设起付标准", "has no deductible"),
    ("起付标准: 费用总额的5%", "起付标准为费用总额的5%", "has a deductible of 5% of the total of the bill"),
    ("起付标准: 每日150元", "起付标准为每日150元", "has a deductible of 150 yuan a day"),
    ("起付标准: 减半", "起付标准减半", "halves the deductible"),
    ("起付标准: 按70%", "起付标准按70%执行", "multiplies the deductible by 70%"),
    ("起付标准: 减100元", "起付标准降低100元", "lowers the deductible by 100 yuan"),
    ("比例: 70%", "支付70%", "pays 70%"),
    ("比例: 全额", "全额支付", "pays in full"),
    ("比例: 加5个百分点", "支付比例提高5个百分点", "raises the ratio by 5 points"),
    ("比例: 减1个百分点", "支付比例降低1个百分点", "lowers the ratio by 1 point"),
    ("比例: 加10个百分点至多90%", "支付比例提高10个百分点，至多90%（已经更高的不降）", "raises the ratio by 10 points, to at most 90%"),
    ("比例: 每岁加0.2个百分点", "支付比例每岁提高0.2个百分点", "raises the ratio by 0.2 points for each year of age"),
    ("比例: 提高到80%", "支付比例提高到80%（已经更高的不降）", "raises the ratio to 80% (never lowers it)"),
    ("比例: 降低到50%", "支付比例降低到50%（已经更低的不升）", "lowers the ratio to 50% (never raises it)"),
    ("比例: 不低于55%", "支付比例不低于55%", "keeps the ratio at 55% or more"),
    ("比例: 不超过90%", "支付比例不超过90%", "keeps the ratio at 90% or less"),
    ("分段: {0至3万元: 55%, 3万元至8万元: 65%, 8万元以上: 75%}", "分段支付：3万元以内55%、3万元至8万元65%、超过8万元75%",
     "pays in bands (up to 30,000 yuan: 55%, 30,000 yuan to 80,000 yuan: 65%, above 80,000 yuan: 75%)"),
    ("分段基准: 计入总额", "各段按计入费用的总额划分（起付标准占最低一段）", "measures the bands on the whole sum counted (the deductible eats the lowest)"),
    ("补足到: 85%\n  分母: 费用总额\n  计为已报: 前面各层", "补足到费用总额的85%（前面各层付的算作已报）",
     "tops up to 85% of the total of the bill (what all layers before it paid counts)"),
    ("分母: 政策范围内", "补足以政策范围内为分母", "tops up to a share of the in-scope cost"),
    ("个人年度自付上限: 5000元", "个人一年自付超过5,000元的部分全部支付", "pays whatever exceeds an own burden of 5,000 yuan a year"),
    ("计算: 年度累计", "按全年累计计算", "computes on the year's sum"),
    ("计算: 月度累计", "按当月累计计算", "computes on the month's sum"),
    ("累计: 门诊救助", "另立累计“门诊救助”", "keeps a yearly sum of its own “门诊救助”"),
    ("保底比例: 45%", "至少支付计入费用的45%", "pays at least 45% of what it counts"),
    ("起付取整: 元", "调整后的起付标准取整到元", "rounds an adjusted deductible to the yuan"),
    ("起付次数: {第2次: 按70%, 第3次起: 免}", "再次住院的起付：第2次按70%、第3次起免",
     "sets the deductible of further stays: stay 2: 70% of it, stay 3 onwards: none"),
    ("起付次数: {每次递减: 100元, 最低: 800元}", "再次住院的起付：同一年每多住一次减100元，最低800元",
     "sets the deductible of further stays: 100 yuan less for each further stay of the year, down to 800 yuan"),
    ("计次: 同院", "住院次数按同一家医院数", "counts stays in the same hospital"),
    ("转诊接续: 补差", "转诊接续的住院只补起付标准的差额、不另算一次",
     "charges a linked stay only the difference of deductibles, and does not count it as a further stay"),
    ("年度起付上限: 2300元", "全年的起付合计最多2,300元", "charges at most 2,300 yuan of deductibles a year"),
    ("单次限额: 每日150元", "每次最多支付每日150元", "pays at most 150 yuan a day a bill"),
    ("每月限额: 0.01元", "每月最多支付0.01元", "pays at most 0.01 yuan a month"),
    ("年度限额: 不设", "不设年度限额", "has no yearly ceiling"),
    ("年度限额: 提高到30万元", "年度限额提高到30万元（已经更高的不降）", "raises the yearly ceiling to 300,000 yuan (never lowers it)"),
    ("单次计入限额: 1万元", "每次最多计入费用1万元", "counts at most 10,000 yuan of cost a bill"),
    ("年度计入限额: 9万元", "一年最多计入费用9万元", "counts at most 90,000 yuan of cost a year"),
    ("另设限额: {名称: 慢病, 每月: 400元}", "“慢病”每月合计最多400元", "pays at most 400 yuan a month under “慢病”"),
    ("须有支付: 基本医保、大病保险", "基本医保、大病保险先有支付才支付", "pays only after basic insurance, critical illness insurance has paid"),
    ("资金: {财政: 80%, 医保基金: 20%}", "由财政80%、医保基金20%分担", "is shared by the treasury 80%, the fund 20%"),
    ("资金: {财政: 100%}", "由财政承担", "is borne by the treasury"),
    ("改由: 医保基金", "改由医保基金承担", "is borne by the fund instead"),
    ("垫付: 财政", "先由财政垫付", "is advanced by the treasury"),
    ("待审: 专家", "待专家通过才拨付", "waits for the experts before it is released"),
    ("不支付: 是", "不支付", "pays nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("figure", "zh", "en"), FORMS)
def test_figures_are_said(tmp_path: Path, figure: str, zh: str, en: str) -> None:
    assert both(tmp_path, f"政府兜底:\n  当: {{医疗类别: 住院}}\n  {figure}") == (
        f"住院，政府兜底{zh}。",
        f"Inpatient: guarantee {en}.",
    )


def test_the_forms_name_every_figure() -> None:
    named = {key for figure, _, _ in FORMS for key in re.findall(r"^\s*([^\s:]+):", figure, re.MULTILINE)}
    assert named == set(FIGURES)


CONDITIONS = [
    ("身份: [特困, 低保]", "特困或低保人员", "Extremely poor or on subsistence allowance"),
    ("身份: 孤儿", "孤儿", "Orphan"),
    ("年龄: 年满7岁且不满18岁", "年满7岁、不满18岁", "Aged 7 or over and under 18 years of age"),
    (
        "医院归属: 市级, 医院等级: [三级, 特三级]",
        "市级的三级或特三级医院",
        "Municipal grade 3 or grade 3 special hospital",
    ),
    ("就医地: [本县, 本市]", "在市域内就医", "In the city"),
    ("就医地: [本市, 本省, 外省]", "在本县以外就医", "Outside the own county"),
    ("就医地: [本县, 外省]", "在本县就医或在外省就医", "In the own county or in another province"),
    ("转诊: [未按规定, 伪造]", "没有按规定转诊或伪造转诊手续", "Not referred by the rules or with a forged referral"),
    ("费用总额: 不超过9000元", "费用总额不超过9,000元", "Total of the bill up to 9,000 yuan"),
    ("费用总额: 低于9000元", "费用总额低于9,000元", "Total of the bill under 9,000 yuan"),
    (
        "费用总额: 超过3万元且不超过7万元",
        "费用总额超过3万元且不超过7万元",
        "Total of the bill over 30,000 yuan and up to 70,000 yuan",
    ),
    ("费用总额: 不低于3万元", "费用总额不低于3万元", "Total of the bill 30,000 yuan or more"),
    ("住院天数: 超过30天", "住院超过30天", "Stay over 30 days"),
    ("医院: 甲医院", "在甲医院就医", "At “甲医院”"),
    ("恶意拖欠: 是", "恶意拖欠自付费用", "In wilful default"),
    ("参保险种: 新农合", "参加新农合", "In rural cooperative scheme"),
]


@pytest.mark.parametrize(("when", "zh", "en"), CONDITIONS)
def test_conditions_are_said(tmp_path: Path, when: str, zh: str, en: str) -> None:
    found = both(tmp_path, f"基本医保:\n  当: {{{when}}}\n  比例: 70%")
    assert found == (f"{zh}，基本医保支付70%。", f"{en}: basic insurance pays 70%.")


def test_a_rule_for_everybody_says_so(tmp_path: Path) -> None:
    assert both(tmp_path, "基本医保:\n  比例: 70%") == ("基本医保一律支付70%。", "Always: basic insurance pays 70%.")


def test_lists_are_called_by_name_where_they_are_long(tmp_path: Path) -> None:
    block = """定义:
  贫困人口: {身份: [低保, 特困]}
  大病: {病种: [甲, 乙, 丙, 丁, 戊, 己, 庚]}
基本医保:
  当: {身份: 贫困人口, 病种: 大病}
  除: {急诊: 是}
  比例: 70%"""
    zh, en = both(tmp_path, block)
    assert zh.splitlines() == [
        "“贫困人口”指身份为低保、特困的。",
        "“大病”指病种：甲、乙、丙、丁、戊、己、庚，共7个。",
        "贫困人口（特困、低保）、病种在“大病”名单内（7种）（急诊的除外），基本医保支付70%。",
    ]
    assert en.splitlines()[2] == (
        "Extremely poor or on subsistence allowance, with a disease on the list “大病” (7) (except emergency): basic insurance pays 70%."
    )


def test_days_and_their_end_are_said(tmp_path: Path) -> None:
    block = """停止执行: [{规定: 第1条, 自: 2022-01-01, 保留: {身份: 特困}, 保留至: 2022-06-30}]
基本医保:
  当: {医疗类别: 住院}
  比例: 70%
大病保险:
  当: {医疗类别: 住院}
  自: 2020-05-01
  至: 2020-12-31
  比例: 10%"""
    zh, _ = both(tmp_path, block)
    assert zh.splitlines() == [
        "办法 第1条（规则）自2022-01-01起停止执行；特困人员的继续享受到2022-06-30。",
        "住院，基本医保支付70%。（至2021-12-31止，由办法 第1条停止执行）",
        "住院、特困人员，基本医保支付70%。（2022-01-01起，至2022-06-30止）",
        "住院，大病保险支付10%。（2020-05-01起，至2020-12-31止）",
    ]


def test_the_other_blocks_are_said(tmp_path: Path) -> None:
    block = """合计上限: {当: {就医地: 外省}, 比例: 90%, 分母: 费用总额, 读法: 留一成}
要求:
  - {层: 大病保险, 量: 比例, 应: 不低于55%, 当: {身份: 低保}, 自: 2021-01-01}
  - {层: 基本医保, 量: 年度限额, 应: 不超过10万元}
每年: {上年收入: {2021: 30000元, 2022: 32000元, 代用: 公报待核}}
不存在: [{医院归属: 乡镇, 医院等级: 三级}]
病种编码: {胃癌: [C16, C17]}
参保资助:
  - 自年度: 2020
    期内新增: 享受
    期后新增: 不享受
    表: |
      身份 | 资助 | 出资 | 认定
      特困 | 全额 | 财政 | 民政
      低保 | 50%  | 财政 | 民政"""
    zh, en = both(tmp_path, block)
    assert zh.splitlines() == [
        "在外省就医，各层合计最多支付费用总额的90%。　※ 我们的读法：留一成",
        "要求低保人员，大病保险的支付比例不低于55%（对各地规定的要求，用来检查，不参与计算）。（2021-01-01起）",
        "要求基本医保的年度限额不超过10万元（对各地规定的要求，用来检查，不参与计算）。",
        "上年收入，每年的数字：　※ 代用数字：公报待核",
        "    2021年 | 2022年",
        "    30,000元 | 32,000元",
        "实际上没有：乡镇的三级医院。",
        "诊断编码以这些开头的，算这种病（1种）：",
        "    病种 | 编码",
        "    胃癌 | C16、C17",
        "参保资助，2020年度起；集中缴费期内新增的享受；期后新增的不享受：",
        "    身份 | 资助 | 基数 | 出资 | 认定 | 申请",
        "    特困 | 全额 | 个人缴费标准 | 财政 | 民政 | –",
        "    低保 | 50% | 个人缴费标准 | 财政 | 民政 | –",
    ]
    assert en.splitlines()[:3] == [
        "In another province: all layers together pay at most 90% of the total of the bill.　※ our reading: 留一成",
        "Required, on subsistence allowance: critical illness insurance, ratio at least 55% (a bound on local rules: checked, not computed with). (from 2021-01-01)",
        "Required: basic insurance, yearly ceiling at most 100,000 yuan (a bound on local rules: checked, not computed with).",
    ]
    assert (
        en.splitlines()[10]
        == "Premium subsidy, from 2020; people added within the collection period: entitled; added later: not entitled:"
    )


def test_the_choices_of_an_area_are_said(tmp_path: Path) -> None:
    library = place(tmp_path, "基本医保:\n  比例: 70%")
    zh, en = ([s.text for s in said(library, lang, "约定", "1")] for lang in ("zh", "en"))
    assert zh == [
        "各层按这个次序支付：基本医保 → 大病保险 → 政府兜底。", "层的名称、归类和出资：", "用出院那天的规定。",
        "身份看入院那天。", "跨年的住院在年末切开，起付和次数接着算。", "年内改了比例，照新规定算全年应付、减去已付。",
        "年内换了身份，只管以后新增的费用。", "身份从高到低：特困、低保。", "年度为7月1日起。", "英文单据上的用词：",
    ]  # fmt: skip
    assert en == [
        "The layers pay in this order: basic insurance → critical illness insurance → guarantee.",
        "Layers, their classes and payers:", "The rules in force on the day of discharge apply.",
        "Identities are those held on the day of admission.",
        "A stay across the year's end is cut there; deductible and count of stays carry on.",
        "When a rate changes within the year, the whole year is due under the new one, less what was paid.",
        "An identity that changes within the year applies to new cost only.",
        "Identities from the highest: extremely poor, on subsistence allowance.", "The policy year begins on 1 July.",
        "Words on bills in English:",
    ]  # fmt: skip
