"""A rule as a sentence, in Chinese and in English, for an official who reads law and knows no YAML.

    住院、贫困人口（建档立卡、稳定脱贫）、没有按规定转诊、非急诊，基本医保和大病保险支付比例降低20个百分点。（处罚）
    ※ 我们的读法：降低20%读作20个百分点

One item of a document becomes one `Sentence`: whom it is for, which layer, what each figure becomes, its nature, what it
takes the place of, since when, and the readings and stand-ins behind it. The rows of a table stay a small table under
one sentence. The other blocks (定义, 次序, 参保资助 …) are said as well.

Whoever signs a rule has to be able to read all of it, so every key of the format has its words in one of the tables
here, and a test walks the keys. Names that only the documents know (hospitals, lists, accounts) stay as they are unless
the documents give an English word (英文).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from yizhan.engine.facts import FACTS, FACTS_ZH
from yizhan.engine.money import NO_LIMIT, RATIO_ONE, percent, yuan_grouped
from yizhan.engine.premium import EVENTS
from yizhan.engine.scheme import (
    GENERAL,
    Adjuster,
    Amount,
    Band,
    Bound,
    Citation,
    Condition,
    Financing,
    Note,
    Rule,
    Scheme,
    TotalLimit,
)
from yizhan.policy.document import Article, Document, Listing, Node, Text
from yizhan.policy.document import Mapping as Entries
from yizhan.policy.rules import BLOCK_KEYS, Found, Reader, Vocabulary

Pair = tuple[str, str]
"""A wording in Chinese and in English."""

LONGEST_LIST = 6
"""A list of the documents with more members than this is called by its name and their number."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One item or block of a document, in words.

    `text` is the sentence itself; `header` and `rows` a table under it. `life` is said where the rule is in force for
    less than its document, `instead` where it takes another's place. `notes` are (kind, reason) of its readings and
    stand-ins; `rules` are the rules that it says.
    """

    text: str
    nature: str = ""
    instead: str = ""
    life: str = ""
    notes: tuple[tuple[str, str], ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    rules: tuple[Rule, ...] = ()

    def plain(self, lang: str = "zh", table: bool = True) -> str:
        """All of it on one line, and a line for each row of the table."""
        marks = [self.text, *([f"（{self.nature}）" if lang == "zh" else f" ({self.nature})"] if self.nature else [])]
        marks += [f"（{self.life}）" if lang == "zh" else f" ({self.life})"] if self.life else []
        marks += [f"{self.instead}。" if lang == "zh" else f" {self.instead}."] if self.instead else []
        notes = [f"※ {NOTE_WORDS[kind][lang != 'zh']}{'：' if lang == 'zh' else ': '}{why}" for kind, why in self.notes]
        lines = ["　".join(["".join(marks), *notes])]
        if table and self.rows:
            lines += ["    " + " | ".join(row) for row in (self.header, *self.rows)]
        return "\n".join(lines)


NOTE_WORDS = {"reading": ("我们的读法", "our reading"), "stand_in": ("代用数字", "stand-in figure")}
NATURES = {"general": ("", ""), "tilt": ("倾斜", "tilt"), "penalty": ("处罚", "penalty")}

# --- Conditions -------------------------------------------------------------------------------------------------------

CONDITIONS: dict[str, Pair] = {
    "identity": ("{}", "{}"),
    "sex": ("{}性", "{}"),
    "insurance": ("参加{}", "in {}"),
    "tier": ("按{}缴费", "in premium {}"),
    "insured_county": ("参保地在{}", "insured in {}"),
    "care": ("{}", "{}"),
    "institution_level": ("{}医院", "{} hospital"),
    "institution_tier": ("{}医院", "{} hospital"),
    "institution": ("在{}就医", "at {}"),
    "diagnoses": ("病种为{}", "with {}"),
    "audit": ("审核为{}", "audited as {}"),
}
"""How a fact with its values is said; the braces take the values, joined by 或."""

ON_LIST: dict[str, Pair] = {
    "diagnoses": ("病种在“{}”名单内（{}种）", "with a disease on the list “{}” ({})"),
    "institution": ("在“{}”名单内的医院就医（{}家）", "at a hospital on the list “{}” ({})"),
    "insured_county": ("参保地在“{}”名单内（{}个）", "insured in one of “{}” ({})"),
}
"""How a fact is said whose values are a long list of the documents: its name and how many it has."""

TIER_AND_LEVEL: Pair = ("{}的{}医院", "{} {} hospital")
"""Who runs a hospital and its grade, said together."""

SAID: dict[str, dict[str, Pair]] = {
    "supplementary": {
        "yes": ("买了补充保险", "with supplementary insurance"),
        "no": ("没有买补充保险", "without supplementary insurance"),
    },
    "tcm": {"yes": ("中医医院", "hospital of Chinese medicine"), "no": ("非中医医院", "not a hospital of Chinese medicine")},
    "designated": {"yes": ("定点机构", "designated institution"), "no": ("非定点机构", "not a designated institution")},
    "place": {
        "own_county": ("在本县就医", "in the own county"),
        "own_city": ("在本市其他县区就医", "elsewhere in the city"),
        "own_province": ("在本省其他市就医", "elsewhere in the province"),
        "elsewhere": ("在外省就医", "in another province"),
    },
    "referral": {
        "by_rule": ("按规定转诊", "referred by the rules"),
        "none": ("没有按规定转诊", "not referred by the rules"),
        "forged": ("伪造转诊手续", "with a forged referral"),
    },
    "emergency": {"yes": ("急诊", "emergency"), "no": ("非急诊", "no emergency")},
    "linked": {"yes": ("转诊后接续住院", "stay linked to an earlier one"), "no": ("不是接续住院", "stay not linked to another")},
    "quota_chronic": {
        "yes": ("慢性病纳入定额管理", "chronic disease under a quota"),
        "no": ("慢性病没有纳入定额管理", "chronic disease not under a quota"),
    },
    "severe_programme": {
        "yes": ("纳入专项救治", "in the severe-disease programme"),
        "no": ("没有纳入专项救治", "not in the severe-disease programme"),
    },
    "special_drug": {"yes": ("高值药品", "high-value negotiated drug"), "no": ("不是高值药品", "no high-value drug")},
    "application": {
        "approved": ("救助申请已批准", "assistance approved"),
        "not_applied": ("没有申请救助", "assistance not applied for"),
    },
    "expert_review": {
        "pending": ("还没有专家评审", "expert review pending"),
        "passed": ("专家评审通过", "passed by expert review"),
        "rejected": ("专家评审不通过", "rejected by expert review"),
    },
    "wilful_default": {"yes": ("恶意拖欠自付费用", "in wilful default"), "no": ("没有恶意拖欠", "not in wilful default")},
    "year_end_part": {
        "yes": ("跨年住院在年末以后的部分", "part of a stay after the year's end"),
        "no": ("不是跨年住院的后一部分", "not the later part of a stay cut at the year's end"),
    },
    "identity_changed": {
        "yes": ("身份在年内变过", "identities changed within the year"),
        "no": ("身份在年内没有变", "identities unchanged within the year"),
    },
}  # fmt: skip
"""Values that are said as a whole phrase."""

TOGETHER: dict[tuple[str, frozenset[str]], Pair] = {
    ("place", frozenset({"own_county", "own_city"})): ("在市域内就医", "in the city"),
    ("place", frozenset({"own_county", "own_city", "own_province"})): ("在省内就医", "in the province"),
    ("place", frozenset({"own_city", "own_province"})): (
        "在本县以外、省内就医",
        "in the province outside the own county",
    ),
    ("place", frozenset({"own_city", "own_province", "elsewhere"})): ("在本县以外就医", "outside the own county"),
    ("place", frozenset({"own_province", "elsewhere"})): ("在市外就医", "outside the city"),
}
"""Values that have one word when they stand together."""

ENGLISH_VALUES: dict[str, str] = {
    "chronic": "chronic/special outpatient",
    "marginal_prone": "marginal and prone to poverty",
}
"""Values whose English words would be misread in a list."""

NUMBERS: dict[str, Pair] = {
    "layer_base": ("进入本层的费用", "cost that enters the layer"),
    "own_this_month": ("当月全自费（含本次）", "fully own cost of the month with this bill"),
    "days": ("住院", "stay"),
}
"""Names of numbers that read better than the fact's own."""

BOUNDS = {
    "over": ("超过", "over {}"),
    "least": ("不低于", "{} or more"),
    "under": ("低于", "under {}"),
    "most": ("不超过", "up to {}"),
}

# --- Figures ----------------------------------------------------------------------------------------------------------

FIGURE_NAMES: dict[str, Pair] = {
    "计入": ("计入", "counts"),
    "折算": ("折算", "weight"),
    "按项目": ("按项目", "charges"),
    "不计入": ("不计入", "leaves out"),
    "须有支付": ("须有支付", "requires payment by"),
    "计算": ("计算", "computed"),
    "累计": ("累计", "sum of its own"),
    "先自付比例": ("先自付比例", "share set aside"),
    "起付标准": ("起付标准", "deductible"),
    "起付取整": ("起付取整", "deductible rounded to"),
    "起付次数": ("再次住院的起付", "deductible of further stays"),
    "计次": ("计次", "stays counted"),
    "转诊接续": ("转诊接续", "linked stays"),
    "年度起付上限": ("年度起付上限", "yearly ceiling of deductibles"),
    "比例": ("支付比例", "ratio"),
    "分段": ("支付比例", "ratio"),
    "分段基准": ("分段基准", "bands measured on"),
    "补足到": ("补足到", "target"),
    "分母": ("分母", "target's base"),
    "计为已报": ("计为已报", "counted as paid"),
    "个人年度自付上限": ("个人年度自付上限", "yearly cap of the own burden"),
    "保底比例": ("保底比例", "least ratio"),
    "单次计入限额": ("单次计入限额", "cost ceiling per bill"),
    "年度计入限额": ("年度计入限额", "yearly cost ceiling"),
    "单次限额": ("单次限额", "ceiling per bill"),
    "每月限额": ("每月限额", "monthly ceiling"),
    "年度限额": ("年度限额", "yearly ceiling"),
    "另设限额": ("另设限额", "named ceiling"),
    "资金": ("资金", "payers"),
    "改由": ("改由", "payer instead"),
    "垫付": ("垫付", "advanced by"),
    "待审": ("待审", "waits for"),
    "不支付": ("不支付", "pays nothing"),
}
"""Every figure's name as a column or before an adjustment, in the order in which a sentence says them."""

CHOICE_WORDS: dict[str, Pair] = {
    "按次": ("每次单独计算", "computes each bill by itself"),
    "年度累计": ("按全年累计计算", "computes on the year's sum"),
    "月度累计": ("按当月累计计算", "computes on the month's sum"),
    "超起付部分": ("各段按超过起付标准的部分划分", "measures the bands on what exceeds the deductible"),
    "计入总额": (
        "各段按计入费用的总额划分（起付标准占最低一段）",
        "measures the bands on the whole sum counted (the deductible eats the lowest)",
    ),
    "分": ("调整后的起付标准取整到分", "rounds an adjusted deductible to the fen"),
    "角": ("调整后的起付标准取整到角", "rounds an adjusted deductible to ten fen"),
    "元": ("调整后的起付标准取整到元", "rounds an adjusted deductible to the yuan"),
    "不分级": ("住院次数不分医院级别", "counts stays in any hospital"),
    "同级": ("住院次数按同级医院数", "counts stays in hospitals of the same grade"),
    "同院": ("住院次数按同一家医院数", "counts stays in the same hospital"),
    "同病种": ("住院次数按同一病种数", "counts stays for the same disease"),
    "补差": (
        "转诊接续的住院只补起付标准的差额、不另算一次",
        "charges a linked stay only the difference of deductibles, and does not count it as a further stay",
    ),
    "不接续": ("转诊接续的住院另付起付标准", "charges a linked stay a deductible of its own"),
    "是": ("不支付", "pays nothing"),
    "否": ("照付", "does pay"),
}

PART_WORDS: dict[str, Pair] = {
    "起付部分": ("起付部分", "the deductible part"),
    "超封顶部分": ("超过封顶线的部分", "what exceeded a ceiling"),
    "转外自付部分": ("转外先自付的部分", "the part set aside for going elsewhere"),
    "降比部分": ("因处罚少付的部分", "what a penalty took"),
}

LIMIT_WORDS: dict[str, Pair] = {
    "单次限额": ("每次最多支付{}", "pays at most {} a bill"),
    "每月限额": ("每月最多支付{}", "pays at most {} a month"),
    "年度限额": ("一年最多支付{}", "pays at most {} a year"),
    "单次计入限额": ("每次最多计入费用{}", "counts at most {} of cost a bill"),
    "年度计入限额": ("一年最多计入费用{}", "counts at most {} of cost a year"),
    "年度起付上限": ("全年的起付合计最多{}", "charges at most {} of deductibles a year"),
    "个人年度自付上限": ("个人一年自付超过{}的部分全部支付", "pays whatever exceeds an own burden of {} a year"),
}

ADJUSTED: dict[str, Pair] = {
    "raise": ("{name}提高到{value}（已经更高的不降）", "raises the {name} to {value} (never lowers it)"),
    "lower": ("{name}降低到{value}（已经更低的不升）", "lowers the {name} to {value} (never raises it)"),
    "factor": ("{name}按{value}执行", "multiplies the {name} by {value}"),
    "add": ("{name}{up}{change}", "{ups} the {name} by {change}"),
    "add_by_age": ("{name}每岁{up}{change}", "{ups} the {name} by {change} for each year of age"),
    "add_capped": ("{name}{up}{change}，至多{cap}（已经更高的不降）", "{ups} the {name} by {change}, to at most {cap}"),
    "floor": ("{name}不低于{value}", "keeps the {name} at {value} or more"),
    "ceiling": ("{name}不超过{value}", "keeps the {name} at {value} or less"),
}

CONVENTION_WORDS: dict[str, dict[str, Pair]] = {
    "政策日期": {
        "出院日期": ("用出院那天的规定", "the rules in force on the day of discharge apply"),
        "入院日期": ("用入院那天的规定", "the rules in force on the day of admission apply"),
        "结算日期": ("用结算那天的规定", "the rules in force on the day of settlement apply"),
    },
    "身份日期": {
        "出院日期": ("身份看出院那天", "identities are those held on the day of discharge"),
        "入院日期": ("身份看入院那天", "identities are those held on the day of admission"),
        "结算日期": ("身份看结算那天", "identities are those held on the day of settlement"),
    },
    "跨年住院": {
        "归出院年度": ("跨年的住院整笔算在出院那年", "a stay across the year's end belongs to the year of discharge"),
        "归入院年度": ("跨年的住院整笔算在入院那年", "a stay across the year's end belongs to the year of admission"),
        "归结算年度": ("跨年的住院整笔算在结算那年", "a stay across the year's end belongs to the year of settlement"),
        "年末分割": (
            "跨年的住院在年末切开，起付和次数接着算",
            "a stay across the year's end is cut there; deductible and count of stays carry on",
        ),
        "困难人员年末分割": (
            "困难人员跨年的住院在年末切开，后一段不设起付；其他人归出院那年",
            "a stay across the year's end is cut there for listed identities, without a second deductible; others belong to the year of discharge",
        ),
    },
    "费率变化": {
        "只管新增": ("年内改了比例，只管以后新增的费用", "a rate that changes within the year applies to new cost only"),
        "应付减已付": (
            "年内改了比例，照新规定算全年应付、减去已付",
            "when a rate changes within the year, the whole year is due under the new one, less what was paid",
        ),
    },
    "身份变化": {
        "只管新增": ("年内换了身份，只管以后新增的费用", "an identity that changes within the year applies to new cost only"),
        "应付减已付": (
            "年内换了身份，照新身份算全年应付、减去已付（多付的不追回）",
            "when identities change within the year, the whole year is due under the new ones, less what was paid (nothing is claimed back)",
        ),
    },
    "身份取舍": {
        "从高到低": ("一人有几种身份、数字互相冲突时，取排在前面的", "of several identities with different figures the one ranked first counts"),
        "最有利": ("一人有几种身份，逐一计算，取个人负担最少的", "of several identities the one that leaves least to the patient counts"),
    },
    "转诊备案": {
        "县外就医": ("到本县以外就医的要转诊备案", "care outside the own county needs a referral on record"),
        "乡镇以上": ("到乡镇以上的医院住院都要转诊备案，本县医院也要", "a stay above a township hospital needs a referral on record, in the own county as well"),
    },
    "下级规定并存": {
        "报错": ("上下级规定了同一个数字，报错、由人决定", "figures set at two levels of area are an error for people to decide"),
        "就高": ("上下级规定了同一个数字，取对患者有利的", "of figures set at two levels of area the better one for the patient counts"),
        "从下级": ("上下级规定了同一个数字，取下级的", "of figures set at two levels of area the lower level's counts"),
    },
}  # fmt: skip

COLUMN_WORDS: dict[str, str] = {
    "身份": "identity", "资助": "subsidy", "不低于": "at least", "基数": "of", "出资": "paid by", "认定": "certified by",
    "申请": "applied for by", "待遇起": "entitled from", "层": "layer", "类": "class", "代码": "national code",
    "英文": "English", "病种": "disease", "编码": "ICD-10 prefixes", "名称": "name", "年份": "year",
    "年度": "year", "个人缴费": "own premium", "财政补助": "government part", "集中缴费期": "collection period",
}  # fmt: skip
ENTITLED: dict[str, str] = {"享受": "entitled", "不享受": "not entitled"}
SUBSIDY_WORDS: dict[str, str] = {
    "个人缴费标准": "own premium", "当年筹资总额": "the year's whole financing", "资助到账日": "the day on which the subsidy arrives",
    "参保日": "the day of enrolment",
}  # fmt: skip
KIND_WORDS: dict[str, str] = {
    "基本医保": "basic insurance", "大病保险": "critical illness insurance", "补充保险": "supplementary insurance",
    "医疗救助": "medical assistance", "疾病应急救助": "emergency relief", "医院减免": "hospital waiver",
    "政府兜底": "government guarantee", "其他": "other",
}  # fmt: skip


def notes_of(notes: Iterable[Note]) -> tuple[tuple[str, str], ...]:
    """Distinct (kind, reason) of notes."""
    return tuple(dict.fromkeys((note.kind, note.reason) for note in notes))


def money_words(fen: int, lang: str) -> str:
    """An amount as a document would print it: 16万元, 1,200元, 0.01元; 1,200 yuan.

    >>> money_words(16_000_000, "zh"), money_words(120_000, "zh"), money_words(120_001, "en")
    ('16万元', '1,200元', '1,200.01 yuan')
    """
    grouped = yuan_grouped(fen).removesuffix(".00")
    if lang == "en":
        return f"{grouped} yuan"
    return f"{fen // 1_000_000:,}万元" if fen >= 1_000_000 and fen % 1_000_000 == 0 else f"{grouped}元"


def citation_words(document: str, article: str, lang: str) -> str:
    """`潭医保发〔2021〕26号 三（二）2`; in English 第15条 is art. 15."""
    number = article if lang == "zh" else re.sub("^第([0-9]+)条$", r"art. \1", article)
    return f"{document} {number}".strip()


def in_english(text: str, scheme: Scheme) -> str:
    """A sentence of the engine with the documents' own English words for payers and layers."""
    for zh in sorted(scheme.english, key=len, reverse=True):
        text = text.replace(zh, scheme.english[zh])
    for layer in sorted(scheme.layers, key=lambda x: -len(x.name)):
        text = text.replace(layer.name, layer.en)
    return text


class Words:
    """How the documents of one area are said in one language. Build it once for a page."""

    def __init__(self, scheme: Scheme, documents: Sequence[Document], lang: str = "zh") -> None:
        self.scheme, self.lang = scheme, lang
        self.documents = {document.name: document for document in documents}
        self.files = {document.file: document for document in documents}
        self.vocabulary = Vocabulary()
        for document in documents:
            self.vocabulary.documents |= dict.fromkeys(document.nicknames, document)
        for document in documents:
            Reader(document, self.vocabulary, []).declarations()
        self.lists = [(name, *self._members(name)) for name in self.vocabulary.definitions]
        self.place = {word: n for n, word in enumerate(w for _, _, members in self.lists for w in members)}
        self.items = {place: item for d in documents for a in d.articles for place, item in _item_lines(d, a)}
        self.repealed: dict[tuple[str, str], list[tuple[date, str]]] = {}
        for document in documents:
            for article in document.articles:
                for repeal in self._read(document, article).repeals:
                    by = citation_words(document.name, article.number, lang)
                    self.repealed.setdefault((repeal.document, repeal.article), []).append((repeal.last_on, by))

    def pick(self, pair: Pair) -> str:
        """The wording of this language."""
        return pair[0] if self.lang == "zh" else pair[1]

    def said(self, zh: str, en: str) -> str:
        """As `pick`, for two wordings."""
        return zh if self.lang == "zh" else en

    def money(self, fen: int) -> str:
        """An amount in words."""
        return money_words(fen, self.lang)

    def named(self, name: str) -> str:
        """A name that only the documents know."""
        return name if self.lang == "zh" else self.scheme.english.get(name, f"“{name}”")

    def layer(self, name: str) -> str:
        """A layer's name."""
        return name if self.lang == "zh" else next((x.en for x in self.scheme.layers if x.name == name), name)

    def _any(self, words: Sequence[str]) -> str:
        return self.said("或", " or ").join(words)

    def _all(self, words: Sequence[str]) -> str:
        return self.said("、", ", ").join(words)

    def _read(self, document: Document, article: Article) -> Found:
        found = Found()
        Reader(replace(document, articles=[article]), self.vocabulary, []).rules(found)
        return found

    # --- conditions ---------------------------------------------------------------------------------------------------

    def _members(self, name: str) -> tuple[str, tuple[str, ...]]:
        """A list's fact and its members, in the order in which the document gives them."""
        fact, texts, _ = self.vocabulary.definitions[name]
        members: list[str] = []
        for text in texts:
            inner = self.vocabulary.definitions.get(text.text)
            value = FACTS[fact].value(text.text)
            if inner and inner[0] == fact and text.text != name:
                members += self._members(text.text)[1]
            else:
                members.append(value.code if value else text.text)
        return fact, tuple(dict.fromkeys(members))

    def list_of(self, condition: Condition, context: str) -> str:
        """The name of the list that a condition stands for, if the article's rule says that name."""
        for name, fact, members in self.lists:
            if fact == condition.fact and frozenset(members) == condition.values and name in context:
                return name
        return ""

    def values(self, condition: Condition) -> list[str]:
        """The values of a condition as words, in the order of the fact's table or of the documents' lists."""
        fact = FACTS[condition.fact]
        order = {value.code: n for n, value in enumerate(fact.values)} or self.place
        codes = sorted(condition.values, key=lambda code: (order.get(code, len(order)), code))
        if not fact.values:
            return [self.named(c) for c in codes]
        return [self.said(fact.word(c, "zh"), ENGLISH_VALUES.get(c, fact.word(c, "en"))) for c in codes]

    def condition(self, condition: Condition, context: str = "") -> str:
        """One condition as a phrase. `context` is the text of the article's rules, to find the name of a list."""
        fact, codes = FACTS[condition.fact], condition.values
        if fact.kind == "number":
            return self._number(condition)
        if (fact.code, codes) in TOGETHER:
            return self.pick(TOGETHER[fact.code, codes])
        phrases = SAID.get(fact.code, {})
        if codes <= set(phrases):
            return self._any([self.pick(phrases[v.code]) for v in fact.values if v.code in codes])
        name = self.list_of(condition, context)
        if name and len(codes) > LONGEST_LIST and fact.code in ON_LIST:
            return self.pick(ON_LIST[fact.code]).format(name, len(codes))
        return self.pick(CONDITIONS[fact.code]).format(self._listed(condition, context))

    def _listed(self, condition: Condition, context: str) -> str:
        members = self.values(condition)
        name = self.list_of(condition, context)
        if name and len(members) > 1 and self.lang == "zh":
            return f"{name}（{self._all(members)}）"
        person = condition.fact == "identity" and self.lang == "zh" and not members[-1].endswith(("儿", "童", "象"))
        return self._any(members) + ("人员" if person else "")

    def _number(self, condition: Condition) -> str:
        fact = FACTS[condition.fact]
        low, high = condition.low, condition.high
        if fact.unit == "years":
            bounds = [self.said(f"年满{low}岁", f"aged {low} or over")] if low else []
            bounds += [self.said(f"不满{high + 1}岁", f"under {high + 1} years of age")] if high < NO_LIMIT else []
            return self.said("、", " and ").join(bounds)
        found: list[tuple[str, int]] = []
        if low > 0:
            exact = fact.unit == "fen" and low % 100 != 1
            found.append(("least", low) if exact else ("over", low - 1))
        if high < NO_LIMIT:
            found.append(("under", high + 1) if fact.unit == "fen" and high % 100 == 99 else ("most", high))
        name = self.pick(NUMBERS.get(fact.code, (fact.zh, fact.en)))
        shown = [(word, self.money(n) if fact.unit == "fen" else self.said(f"{n}天", f"{n} days")) for word, n in found]
        if self.lang == "zh":
            return name + "且".join(BOUNDS[word][0] + number for word, number in shown)
        return f"{name} " + " and ".join(BOUNDS[word][1].format(number) for word, number in shown)

    def cell(self, condition: Condition | None, context: str) -> str:
        """A condition as a cell of a table whose column is the fact."""
        if condition is None:
            return self.said("不限", "any")
        fact = FACTS[condition.fact]
        if fact.kind == "number":
            name = self.pick(NUMBERS.get(fact.code, (fact.zh, fact.en)))
            return self._number(condition).removeprefix(name).strip()
        name = self.list_of(condition, context)
        if name and len(condition.values) > LONGEST_LIST:
            return self.said(f"{name}（{len(condition.values)}个）", f"“{name}” ({len(condition.values)})")
        return self._all(self.values(condition))

    def conditions(self, conditions: Iterable[Condition], context: str = "") -> str:
        """All conditions as the beginning of a sentence."""
        by_fact = {c.fact: c for c in conditions}
        told = []
        for fact, condition in by_fact.items():
            if fact == "institution_level" and "institution_tier" in by_fact:
                continue
            if fact == "institution_tier" and "institution_level" in by_fact:
                told.append(
                    self.pick(TIER_AND_LEVEL).format(
                        *(self._any(self.values(by_fact[f])) for f in (fact, "institution_level"))
                    )
                )
            else:
                told.append(self.condition(condition, context))
        return self._all(told)

    def who(self, when: Iterable[Condition], unless: Sequence[Condition], context: str = "") -> str:
        """Whom a rule is for, and who is excepted."""
        but = self.conditions(unless, context)
        return self.conditions(when, context) + (self.said(f"（{but}的除外）", f" (except {but})") if but else "")

    # --- figures ------------------------------------------------------------------------------------------------------

    def value(self, key: str, value: object) -> str:
        """What a setter gives, in as few words as a table's cell has."""
        if isinstance(value, Amount):
            return self.amount(value)
        if isinstance(value, int):
            return percent(value)
        if isinstance(value, tuple) and value and isinstance(value[0], Band):
            return self.bands(cast(tuple[Band, ...], value))
        if key in ("计入", "不计入", "按项目"):
            words = [
                PART_WORDS[v] if v in PART_WORDS else (FACTS[v].zh, FACTS[v].en) for v in cast(tuple[str, ...], value)
            ]
            return self._all([self.pick(word) for word in words])
        if key in ("计为已报", "须有支付"):
            return self._all([self._layer_word(v) for v in cast(tuple[str, ...], value)])
        if key in ("折算", "资金"):
            return self._all([
                f"{self.pick((FACTS[n].zh, FACTS[n].en)) if n in FACTS else self.named(n)}{self.said('', ' ')}{percent(s)}"
                for n, s in cast(tuple[tuple[str, int], ...], value)
            ])  # fmt: skip
        if key == "另设限额":
            return self._all([self._account(*account) for account in cast(tuple[tuple[str, str, int], ...], value)])
        if key == "起付次数":
            return self._further(cast(tuple[int, ...], value))
        if key == "分母":
            return self.pick((FACTS[cast(str, value)].zh, FACTS[cast(str, value)].en))
        word = cast(str, value)
        if key in ("累计", "改由", "垫付", "待审"):
            return self.named(word)
        return self.said(word, CHOICE_WORDS[word][1])

    def _layer_word(self, name: str) -> str:
        return self.said("前面各层", "all layers before it") if name == "前面各层" else self.layer(name)

    def amount(self, amount: Amount) -> str:
        """A sum of money as a rule states it."""
        if amount.yearly:
            return self.said(
                f"{amount.yearly}的{percent(amount.share)}", f"{percent(amount.share)} of {self.named(amount.yearly)}"
            )
        if amount.share:
            of = FACTS[amount.of]
            return self.said(
                f"{of.zh}的{percent(amount.share)}", f"{percent(amount.share)} of the {of.en.removeprefix('the ')}"
            )
        if amount.per_day:
            return self.said(f"每日{self.money(amount.per_day)}", f"{self.money(amount.per_day)} a day")
        return self.said("不设", "none") if amount.fen >= NO_LIMIT else self.money(amount.fen)

    def bands(self, bands: tuple[Band, ...]) -> str:
        """`3万元以内55%、3万元至8万元65%、超过8万元75%`."""
        told = []
        for band in bands:
            low, high = self.money(band.low), self.money(band.high)
            if band.high >= NO_LIMIT:
                told.append(f"{self.said('超过', 'above ')}{low}{self.said('', ': ')}{percent(band.ratio)}")
            elif band.low == 0:
                told.append(f"{self.said(f'{high}以内', f'up to {high}: ')}{percent(band.ratio)}")
            else:
                told.append(f"{low}{self.said('至', ' to ')}{high}{self.said('', ': ')}{percent(band.ratio)}")
        return self._all(told)

    def _account(self, name: str, period: str, cap: int) -> str:
        return self.said(
            f"“{name}”{'一年' if period == '年度' else '每月'}合计最多{self.money(cap)}",
            f"at most {self.money(cap)} {'a year' if period == '年度' else 'a month'} under “{name}”",
        )

    def _further(self, value: tuple[int, ...]) -> str:
        factors, less, least = value[:3], value[3], value[4]
        if less:
            return self.said(
                f"同一年每多住一次减{self.money(less)}，最低{self.money(least)}",
                f"{self.money(less)} less for each further stay of the year, down to {self.money(least)}",
            )
        told = []
        for n, factor in enumerate(factors):
            if n and factor == factors[n - 1]:
                continue
            onwards = all(f == factor for f in factors[n:])
            change = {0: ("免", "none"), RATIO_ONE // 2: ("减半", "half"), RATIO_ONE: ("不变", "unchanged")}.get(
                factor, (f"按{percent(factor)}", f"{percent(factor)} of it")
            )
            told.append(
                self.said(
                    f"第{n + 2}次{'起' if onwards else ''}{change[0]}",
                    f"stay {n + 2}{' onwards' if onwards else ''}: {change[1]}",
                )
            )
        return self._all(told)

    def adjusted(self, key: str, by: Adjuster) -> str:
        """An adjuster as a phrase: 支付比例降低20个百分点."""
        name = self.pick(FIGURE_NAMES[key])
        of_money = key in LIMIT_WORDS or key == "起付标准"

        def shown(number: int) -> str:
            if of_money and number < NO_LIMIT:
                return self.money(number)
            return self.said("不设", "no limit") if number >= NO_LIMIT else percent(number)

        if by.kind == "factor" and by.value == RATIO_ONE // 2:
            return self.said(f"{name}减半", f"halves the {name}")
        number = percent(abs(by.value))[:-1]
        points = self.said(f"{number}个百分点", f"{number} point{'' if number == '1' else 's'}")
        up = by.value >= 0
        return self.pick(ADJUSTED[by.kind]).format(
            name=name, value=percent(by.value) if by.kind == "factor" else shown(by.value), cap=percent(by.cap),
            change=points if not of_money else shown(abs(by.value)), up="提高" if up else "降低", ups="raises" if up else "lowers",
        )  # fmt: skip

    def figures(self, sets: Mapping[str, object], adjusts: Mapping[str, tuple[Adjuster, ...]]) -> list[str]:
        """Every figure of an item as a phrase, in the order of FIGURE_NAMES."""
        told = []
        for key in FIGURE_NAMES:
            if key in sets:
                told.append(FIGURE_PHRASES[key](self, sets))
            told += [self.adjusted(key, by) for by in adjusts.get(key, ())]
        return [phrase for phrase in told if phrase]

    # --- one item -----------------------------------------------------------------------------------------------------

    def grouped(self, rules: Iterable[Rule]) -> list[list[Rule]]:
        """Rules put together by the item that they come from (a table is one item), in the order of the documents.

        Of a repealed item that some keep (保留) there are two: what ended, and what goes on.
        """
        groups: dict[tuple[object, ...], list[Rule]] = {}
        for rule in rules:
            item = self.items.get((rule.citation.file, rule.citation.line), rule.citation.line)
            groups.setdefault((rule.citation.file, item, rule.begins_on, rule.ends_on), []).append(rule)
        return list(groups.values())

    def context(self, citation: Citation) -> str:
        """The rule text of the cited article."""
        document = self.files.get(citation.file)
        found = next((a for a in document.articles if a.number == citation.article), None) if document else None
        return "\n".join(found.block_text) if found else ""

    def item(self, rules: Sequence[Rule]) -> Sentence:
        """The rules of one item as one sentence, the rows of its table as a table."""
        first = rules[0]
        layers = list(dict.fromkeys(rule.layer for rule in rules))
        rows = [rule for rule in rules if rule.layer == layers[0]]
        context = self.context(first.citation)
        shared = [c for c in first.when if all(c in rule.when for rule in rows)]
        facts = list(dict.fromkeys(c.fact for rule in rows for c in rule.when if c not in shared))
        keys = [k for k in FIGURE_NAMES if any(k in r.sets or k in r.adjusts for r in rows)]
        same = [k for k in keys if all(_same_figure(k, r, first) for r in rows)]
        vary = [k for k in keys if k not in same]
        phrases = self.figures(
            {k: first.sets[k] for k in same if k in first.sets},
            {k: first.adjusts[k] for k in same if k in first.adjusts},
        )
        table = tuple(
            (
                *(self.cell(next((c for c in rule.when if c.fact == f), None), context) for f in facts),
                *(self._figure_cell(k, rule) for k in vary),
            )
            for rule in rows
        )
        header = (
            *(self.pick((FACTS[f].zh, FACTS[f].en)) for f in facts),
            *(self.pick(FIGURE_NAMES[k]) for k in vary),
        )
        return Sentence(
            self._text(first, shared, layers, phrases, [self.pick(FIGURE_NAMES[k]) for k in vary], len(rows) > 1, context),
            self.pick(NATURES[first.nature]), self._instead(first), self.life(first.begins_on, first.ends_on, first.citation),
            notes_of(note for rule in rules for note in rule.notes),
            header if len(rows) > 1 else (), table if len(rows) > 1 else (), tuple(rules),
        )  # fmt: skip

    def _text(
        self,
        rule: Rule,
        shared: list[Condition],
        layers: list[str],
        phrases: list[str],
        vary: list[str],
        table: bool,
        context: str,
    ) -> str:
        who = self.who(shared, rule.unless, context)
        by_table = (
            self.said(f"{'、'.join(vary)}见下表", f"takes its {' and '.join(vary)} from the table below")
            if vary
            else ""
        )
        if table and not vary:
            who = self._all([*([who] if who else []), self.said("下表所列的情形", "in the cases of the table below")])
        what = self.said("，", "; ").join([*phrases, *([by_table] if by_table else [])])
        names = [self.layer(name) for name in layers]
        if self.lang == "zh":
            return f"{who}，{'和'.join(names)}{what}。" if who else f"{'和'.join(names)}一律{what}。"
        each = f"{' and '.join(names)}{', each,' if len(names) > 1 else ''} {what}"
        return f"{_capital(who)}: {each}." if who else f"Always: {each}."

    def _figure_cell(self, key: str, rule: Rule) -> str:
        if key in rule.sets:
            return self.value(key, rule.sets[key])
        told = [
            by.text if self.lang == "zh" and by.text else self.adjusted(key, by) for by in rule.adjusts.get(key, ())
        ]
        return self._all(told) if told else "–"

    def _instead(self, rule: Rule) -> str:
        if not rule.instead_of:
            return ""
        names = [
            self.said("一般规定", "the general rule") if ref == GENERAL
            else citation_words(ref[0] if ref[0] != rule.citation.document else self.said("本文件", "this document's"), ref[1], self.lang)
            for ref in rule.instead_of
        ]  # fmt: skip
        return self.said("代替", "Instead of ") + self._all(names)

    def life(self, begins_on: date, ends_on: date, citation: Citation) -> str:
        """The days of a rule, where they are fewer than its document's; and what ended it."""
        document = self.files.get(citation.file)
        begins, ends = (document.about.begins_on, document.about.ends_on) if document else (date.min, None)
        told = []
        if begins_on > begins:
            told.append(self.said(f"{begins_on}起", f"from {begins_on}"))
        if ends_on < (ends or date.max):
            told.append(self.said(f"至{ends_on}止", f"until {ends_on}"))
            by = [
                name for last, name in self.repealed.get((citation.document, citation.article), []) if last == ends_on
            ]
            told += [self.said(f"由{name}停止执行", f"ended by {name}") for name in by]
        return self.said("，", ", ").join(told)

    # --- an article ---------------------------------------------------------------------------------------------------

    def article(self, document: Document, article: Article) -> list[Sentence]:
        """Everything that the rule blocks of an article say, in their order; rules that have ended are said too."""
        here = [
            r for r in self.scheme.rules if (r.citation.file, r.citation.article) == (document.file, article.number)
        ]
        told: list[Sentence] = []
        for block in article.blocks:
            for key, node in block.items:
                if key.text in BLOCK_KEYS:
                    alone = replace(article, blocks=[Entries(((key, node),), block.line)])
                    told += BLOCK_PHRASES[key.text](self, node, document, self._read(document, alone))
                else:
                    lines = _lines_of(node)
                    rules = [r for r in here if r.citation.line in lines and r.layer in key.text.split("、")]
                    told += [self.item(group) for group in self.grouped(rules)]
        return told

    def column(self, key: str) -> str:
        """A column of a block's table."""
        return self.said(key, COLUMN_WORDS.get(key, key))


def _same_figure(key: str, one: Rule, other: Rule) -> bool:
    return one.sets.get(key) == other.sets.get(key) and one.adjusts.get(key) == other.adjusts.get(key)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lines_of(node: Node) -> set[int]:
    """The lines that rules of one layer's items cite."""
    return {line for item in (node.items if isinstance(node, Listing) else (node,)) for line in _item(item)}


def _item(item: Node) -> list[int]:
    table = item.get("表") if isinstance(item, Entries) else None
    if isinstance(table, Text):
        return [table.line + 1 + k for k, text in enumerate(table.text.splitlines()) if text.strip()]
    return [item.line]


def _item_lines(document: Document, article: Article) -> Iterable[tuple[tuple[str, int], int]]:
    """For each line that a rule may cite, the line of its item."""
    for block in article.blocks:
        for key, node in block.items:
            if key.text not in BLOCK_KEYS:
                for item in node.items if isinstance(node, Listing) else (node,):
                    yield from (((document.file, line), item.line) for line in _item(item))


# --- Phrases of figures -----------------------------------------------------------------------------------------------

Sets = Mapping[str, object]


def _counts(w: Words, sets: Sets) -> str:
    pots = cast(tuple[str, ...], sets["计入"])
    named = w.value("计入", pots)
    if len(pots) == 1:
        return w.said(f"计入{named}费用", f"counts {named}")
    return w.said(f"依次计入{named}", f"counts {named}, emptied in this order")


def _own_sum(w: Words, sets: Sets) -> str:
    name = cast(str, sets["累计"])
    return w.said(f"另立累计“{name}”", f"keeps a yearly sum of its own “{name}”")


def _deductible(w: Words, sets: Sets) -> str:
    amount = cast(Amount, sets["起付标准"])
    if amount == Amount():
        return w.said("不设起付标准", "has no deductible")
    if amount.plain:
        return w.said(f"起付标准{w.amount(amount)}", f"has a deductible of {w.amount(amount)}")
    return w.said(f"起付标准为{w.amount(amount)}", f"has a deductible of {w.amount(amount)}")


def _ratio(w: Words, sets: Sets) -> str:
    value = sets["比例"]
    beyond = sets.get("起付标准", Amount()) != Amount()
    if isinstance(value, tuple):
        return w.said(f"分段支付：{w.bands(value)}", f"pays in bands ({w.bands(value)})")
    share = cast(int, value)
    if share == RATIO_ONE:
        return w.said(
            "超过的部分全额支付" if beyond else "全额支付", "pays all of what exceeds it" if beyond else "pays in full"
        )
    return w.said(
        f"{'超过的部分' if beyond else ''}支付{percent(share)}",
        f"pays {percent(share)}{' of what exceeds it' if beyond else ''}",
    )


def _top_up(w: Words, sets: Sets) -> str:
    of = w.value("分母", sets["分母"]) if "分母" in sets else ""
    counted = w.value("计为已报", sets["计为已报"]) if "计为已报" in sets else ""
    target = percent(cast(int, sets["补足到"]))
    text = w.said(
        f"补足到{of}的{target}" if of else f"补足到{target}", f"tops up to {target}" + (f" of the {of}" if of else "")
    )
    if not counted:
        return text
    return text + w.said(f"（{counted}付的算作已报）", f" (what {counted} paid counts)")


def _lone(key: str, zh: str, en: str, main: str) -> Callable[[Words, Sets], str]:
    """A figure that is said with its main one, and by itself only where an item gives it alone."""

    def phrase(w: Words, sets: Sets) -> str:
        return "" if main in sets else w.said(zh, en).format(w.value(key, sets[key]))

    return phrase


def _limit(key: str) -> Callable[[Words, Sets], str]:
    def phrase(w: Words, sets: Sets) -> str:
        amount = cast(Amount, sets[key])
        if amount.fen >= NO_LIMIT:
            return w.said(f"不设{key}", f"has no {FIGURE_NAMES[key][1]}")
        return w.pick(LIMIT_WORDS[key]).format(w.amount(amount))

    return phrase


def _choice(key: str) -> Callable[[Words, Sets], str]:
    return lambda w, sets: w.pick(CHOICE_WORDS[cast(str, sets[key])])


def _plainly(key: str, zh: str, en: str) -> Callable[[Words, Sets], str]:
    return lambda w, sets: w.said(zh, en).format(w.value(key, sets[key]))


def _accounts(w: Words, sets: Sets) -> str:
    return w.value("另设限额", sets["另设限额"]) if w.lang == "zh" else f"pays {w.value('另设限额', sets['另设限额'])}"


def _further_stays(w: Words, sets: Sets) -> str:
    value = cast(tuple[int, ...], sets["起付次数"])
    return w.said(
        f"再次住院的起付：{w.value('起付次数', value)}",
        f"sets the deductible of further stays: {w.value('起付次数', value)}",
    )


def _aside(w: Words, sets: Sets) -> str:
    share = cast(int, sets["先自付比例"])
    if share == 0:
        return w.said("不用先自付", "sets nothing aside first")
    return w.said(f"个人先自付{percent(share)}", f"leaves the first {percent(share)} to the patient")


def _payers(w: Words, sets: Sets) -> str:
    shares = cast(tuple[tuple[str, int], ...], sets["资金"])
    if len(shares) == 1:
        return w.said(f"由{w.named(shares[0][0])}承担", f"is borne by {w.named(shares[0][0])}")
    return w.said(f"由{w.value('资金', shares)}分担", f"is shared by {w.value('资金', shares)}")


FIGURE_PHRASES: dict[str, Callable[[Words, Sets], str]] = {
    "计入": _counts,
    "折算": _plainly("折算", "其中{}折算", "weights {}"),
    "按项目": _plainly("按项目", "只算{}", "of these only the {}"),
    "不计入": _plainly("不计入", "不算{}", "does not count {}"),
    "须有支付": _plainly("须有支付", "{}先有支付才支付", "pays only after {} has paid"),
    "计算": _choice("计算"),
    "累计": _own_sum,
    "先自付比例": _aside,
    "起付标准": _deductible,
    "起付取整": _choice("起付取整"),
    "起付次数": _further_stays,
    "计次": _choice("计次"),
    "转诊接续": _choice("转诊接续"),
    "年度起付上限": _limit("年度起付上限"),
    "比例": _ratio,
    "分段": _ratio,
    "分段基准": _choice("分段基准"),
    "补足到": _top_up,
    "分母": _lone("分母", "补足以{}为分母", "tops up to a share of the {}", "补足到"),
    "计为已报": _lone("计为已报", "{}付的算作已报", "counts what {} paid", "补足到"),
    "个人年度自付上限": _limit("个人年度自付上限"),
    "保底比例": _plainly("保底比例", "至少支付计入费用的{}", "pays at least {} of what it counts"),
    "单次计入限额": _limit("单次计入限额"),
    "年度计入限额": _limit("年度计入限额"),
    "单次限额": _limit("单次限额"),
    "每月限额": _limit("每月限额"),
    "年度限额": _limit("年度限额"),
    "另设限额": _accounts,
    "资金": _payers,
    "改由": _plainly("改由", "改由{}承担", "is borne by {} instead"),
    "垫付": _plainly("垫付", "先由{}垫付", "is advanced by {}"),
    "待审": _plainly("待审", "待{}通过才拨付", "waits for {} before it is released"),
    "不支付": lambda w, sets: (
        w.said("不支付", "pays nothing") if sets["不支付"] == "是" else w.said("照付", "does pay")
    ),
}
"""How each figure that an item sets is said; what belongs to one thought is said once, with its main figure."""

# --- Phrases of the other blocks --------------------------------------------------------------------------------------


def _entries(node: Node) -> list[tuple[str, Node]]:
    return [(key.text, value) for key, value in node.items] if isinstance(node, Entries) else []


def _texts(node: Node) -> list[str]:
    if isinstance(node, Text):
        return [word.strip() for word in node.text.split("、")]
    return [t for item in node.items for t in _texts(item)] if isinstance(node, Listing) else []


def _definitions(w: Words, node: Node, document: Document, found: Found) -> list[Sentence]:
    told = []
    for name, body in _entries(node):
        for fact_zh, listed in _entries(body):
            fact = FACTS_ZH[fact_zh]
            words = _texts(listed)
            shown = [w.pick((v.zh, v.en)) if (v := fact.value(word)) else w.named(word) for word in words]
            count = w.said(f"，共{len(words)}个", f" ({len(words)})") if len(words) > LONGEST_LIST else ""
            told.append(Sentence(w.said(
                f"“{name}”指{fact.zh}为{'、'.join(shown)}的{count}。" if not count else f"“{name}”指{fact.zh}：{'、'.join(shown)}{count}。",
                f"“{name}” means {fact.en}: {', '.join(shown)}{count}.",
            )))  # fmt: skip
    return told


def _order(w: Words, node: Node, document: Document, found: Found) -> list[Sentence]:
    names = [w.layer(name) for name in _texts(node)]
    return [
        Sentence(
            w.said(f"各层按这个次序支付：{' → '.join(names)}。", f"The layers pay in this order: {' → '.join(names)}.")
        )
    ]


def _layers(w: Words, node: Node, document: Document, found: Found) -> list[Sentence]:
    rows = []
    for name, body in _entries(node):
        said = {key: value.text for key, value in _entries(body) if isinstance(value, Text)}
        kind = said.get("类", "")
        rows.append((
            w.said(name, said.get("英文", name)), w.said(kind, KIND_WORDS.get(kind, kind)), w.named(said.get("资金", name)),
            said.get("代码", "–"), *([said.get("英文", "–")] if w.lang == "zh" else []),
        ))  # fmt: skip
    header = [w.column("层"), w.column("类"), w.column("出资"), w.column("代码"), *(["英文"] if w.lang == "zh" else [])]
    return [
        Sentence(
            w.said("层的名称、归类和出资：", "Layers, their classes and payers:"),
            header=tuple(header),
            rows=tuple(rows),
        )
    ]


def _english(w: Words, node: Node, document: Document, found: Found) -> list[Sentence]:
    rows = tuple(
        (f"“{name}”" if w.lang == "en" else name, value.text)
        for name, value in _entries(node)
        if isinstance(value, Text)
    )
    return [
        Sentence(
            w.said("英文单据上的用词：", "Words on bills in English:"),
            header=(w.column("名称"), w.column("英文")),
            rows=rows,
        )
    ]


def _conventions(w: Words, node: Node, document: Document, found: Found) -> list[Sentence]:
    told = []
    for key, value in _entries(node):
        text = value.text if isinstance(value, Text) else "、".join(_texts(value))
        if key in CONVENTION_WORDS:
            told.append(w.pick(CONVENTION_WORDS[key][text]))
        elif key in ("身份从高到低", "年末分割身份"):
            ranked = [
                v.zh if w.lang == "zh" else v.en for word in text.split("、") if (v := FACTS["identity"].value(word))
            ]
            told.append(w.said(
                f"{'身份从高到低' if key == '身份从高到低' else '年末切开的身份'}：{'、'.join(ranked)}",
                f"{'identities from the highest' if key == '身份从高到低' else 'identities whose stays are cut'}: {', '.join(ranked)}",
            ))  # fmt: skip
        elif key == "欠费期限":
            told.append(
                w.said(
                    f"个人负担结算后{text}内没有交清的才算欠费到期",
                    f"the own share is overdue when it is not paid within {text.removesuffix('天')} days of settling",
                )
            )
        elif key == "年度":
            told.append(
                w.said(
                    f"年度为{text}",
                    "the policy year is the calendar year"
                    if text == "自然年度"
                    else f"the policy year begins on {_day_en(text)}",
                )
            )
        elif key == "英文名":
            told.append(w.said(f"英文名：{text}", f"English name: {text}"))
    return [Sentence(w.said(f"{line}。", f"{_capital(line)}.")) for line in told]


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def _day_en(text: str) -> str:
    found = re.fullmatch("([0-9]{1,2})月([0-9]{1,2})日起", text)
    return f"{int(found[2])} {_MONTHS[int(found[1]) - 1]}" if found else text


def _yearly(w: Words, node: Node, document: Document, found: Found) -> list[Sentence]:
    told = []
    for name, body in _entries(node):
        said = [(key, value.text) for key, value in _entries(body) if isinstance(value, Text)]
        years = [(key, value) for key, value in said if key not in ("代用", "读法")]
        figure = w.scheme.yearly.get(name)
        notes = [("stand_in" if key == "代用" else "reading", value) for key, value in said if key in ("代用", "读法")]
        by_year = figure.by_year if figure else {}
        cells = tuple(
            percent(by_year[int(year)]) if "%" in text else yuan_grouped(by_year[int(year)]).removesuffix(".00") + w.said("元", "")
            for year, text in years if int(year) in by_year
        )  # fmt: skip
        told.append(Sentence(
            w.said(f"{name}，每年的数字：", f"Yearly figure {w.named(name)}:"), notes=tuple(notes),
            header=tuple(w.said(f"{year}年", year) for year, _ in years), rows=(cells,),
        ))  # fmt: skip
    return told


def _repeals(w: Words, node: Node, document: Document, found: Found) -> list[Sentence]:
    told = []
    for repeal in found.repeals:
        article = w.vocabulary.article(repeal.document, repeal.article)
        title = f"（{article.title}）" if article and article.title and w.lang == "zh" else ""
        cited = citation_words(repeal.document, repeal.article, w.lang)
        last = date.fromordinal(repeal.last_on.toordinal() + 1)
        text = w.said(f"{cited}{title}自{last}起停止执行", f"{cited} is no longer in force from {last}")
        if repeal.kept:
            kept = w.conditions(repeal.kept)
            endless = repeal.kept_until == date.max
            text += w.said(
                f"；{kept}的继续享受" + ("" if endless else f"到{repeal.kept_until}"),
                f"; {kept} keep it" + ("" if endless else f" until {repeal.kept_until}"),
            )
        told.append(Sentence(text + w.said("。", ".")))
    return told


def total_limit_text(w: Words, limit: TotalLimit) -> str:
    """A running limit on all layers together (合计上限)."""
    of, share = w.pick((FACTS[limit.of].zh, FACTS[limit.of].en)), percent(limit.ratio)
    who = w.conditions(limit.when, w.context(limit.citation))
    if w.lang == "zh":
        return f"{f'{who}，' if who else ''}各层合计最多支付{of}的{share}。"
    text = f"all layers together pay at most {share} of the {of.removeprefix('the ')}."
    return f"{_capital(who)}: {text}" if who else _capital(text)


def bound_text(w: Words, bound: Bound) -> str:
    """A bound on the figures of areas below (要求)."""
    who = w.conditions(bound.when, w.context(bound.citation))
    name, least = w.pick(FIGURE_NAMES[bound.figure]), bound.adjuster.kind == "floor"
    of_money = bound.figure in (*LIMIT_WORDS, "起付标准")
    limit = w.amount(Amount(bound.adjuster.value)) if of_money else percent(bound.adjuster.value)
    if w.lang == "zh":
        text = f"要求{f'{who}，' if who else ''}{bound.layer}的{name}{'不低于' if least else '不超过'}{limit}"
        return f"{text}（对各地规定的要求，用来检查，不参与计算）。"
    text = f"Required{f', {who}' if who else ''}: {w.layer(bound.layer)}, {name} {'at least' if least else 'at most'} {limit}"
    return f"{text} (a bound on local rules: checked, not computed with)."


def _total_limits(w: Words, node: Node, document: Document, found: Found) -> list[Sentence]:
    return [
        Sentence(total_limit_text(w, x), life=w.life(x.begins_on, x.ends_on, x.citation), notes=notes_of(x.notes))
        for x in found.limits
    ]


def _bounds(w: Words, node: Node, document: Document, found: Found) -> list[Sentence]:
    return [Sentence(bound_text(w, x), life=w.life(x.begins_on, x.ends_on, x.citation)) for x in found.bounds]


def _subsidies(w: Words, node: Node, document: Document, found: Found) -> list[Sentence]:
    told = []
    groups: dict[tuple[object, ...], list[int]] = {}
    for n, row in enumerate(found.subsidies):
        groups.setdefault((row.from_year, row.to_year, row.in_period, row.late, row.begins), []).append(n)
    for (first, last, in_period, late, begins), members in groups.items():
        rows = [found.subsidies[n] for n in members]
        last_known = cast(int, last) < date.max.year
        zh = f"参保资助，{first}年度{'起' if not last_known else f'至{last}年度'}"
        en = f"Premium subsidy, {f'from {first}' if not last_known else f'{first} to {last}'}"
        for word, text in (("集中缴费期内新增的", in_period), ("期后新增的", late)):
            zh += f"；{word}{text}" if text else ""
        for word, text in (("people added within the collection period", in_period), ("added later", late)):
            en += f"; {word}: {ENTITLED.get(cast(str, text), w.named(cast(str, text)))}" if text else ""
        zh += f"；期后参保的自{begins}起享受待遇" if begins else ""
        en += f"; those enrolled later are insured from {SUBSIDY_WORDS[cast(str, begins)]}" if begins else ""
        table = tuple((
            w.cell(Condition("identity", row.identities), ""),
            w.said("不低于", "at least ") * row.at_least + (w.said("全额", "all") if row.ratio == RATIO_ONE else percent(row.ratio)),
            w.said(row.base, SUBSIDY_WORDS[row.base]),
            *(w.named(word) if word else "–" for word in (row.paid_by, row.certified_by, row.applied_by)),
        ) for row in rows)  # fmt: skip
        notes = notes_of(note for row in rows for note in row.notes)
        header = tuple(w.column(key) for key in ("身份", "资助", "基数", "出资", "认定", "申请"))
        told.append(Sentence(w.said(f"{zh}：", f"{en}:"), notes=notes, header=header, rows=table))
    return told


def financing_text(w: Words, financing: Financing) -> str:
    """Who may come in when, outside the collection period (筹资标准)."""
    told = []
    if financing.newborn_days is not None:
        days = financing.newborn_days
        told.append(w.said(
            f"新生儿出生后{days}天内参保的，从出生那天起享受",
            f"a newborn enrolled within {days} days of birth is insured from birth",
        ))  # fmt: skip
    if financing.changes:
        days, events = financing.change_days, [pair for code, pair in EVENTS.items() if code in financing.changes]
        told.append(w.said(
            f"{'、'.join(zh for zh, _ in events)}的，{days}天内参保，从参保那天起享受",
            f"after {' or '.join(en for _, en in events)} one may enrol within {days} days and is insured from then",
        ))  # fmt: skip
    if financing.waiting_days is None:
        told.append(w.said("期后不能再参保", "nobody else may enrol after the collection period"))
    else:
        days = financing.waiting_days
        told.append(w.said(f"期后参保的等待{days}天", f"others who enrol after the collection period wait {days} days"))
    return w.said("；", "; ").join(told)


def _financing(w: Words, node: Node, document: Document, found: Found) -> list[Sentence]:
    groups: dict[tuple[object, ...], list[Financing]] = {}
    for financing in found.financing.values():
        groups.setdefault((financing_text(w, financing), notes_of(financing.notes)), []).append(financing)
    told = []
    for members in groups.values():
        rows = tuple((
            str(f.year), money_words(f.own_premium, w.lang), money_words(f.government_part, w.lang),
            w.said(f"{f.period_from}至{f.period_to}", f"{f.period_from} to {f.period_to}"),
        ) for f in members)  # fmt: skip
        text = financing_text(w, members[0])
        told.append(Sentence(
            w.said(f"筹资标准；{text}：", f"Premiums; {text}:"), notes=notes_of(members[0].notes),
            header=tuple(w.column(key) for key in ("年度", "个人缴费", "财政补助", "集中缴费期")), rows=rows,
        ))  # fmt: skip
    return told


def _impossible(w: Words, node: Node, document: Document, found: Found) -> list[Sentence]:
    told = [w.conditions(conditions) for conditions in found.impossible]
    return [Sentence(w.said(f"实际上没有：{who}。", f"Does not occur: {who}.")) for who in told]


def _disease_codes(w: Words, node: Node, document: Document, found: Found) -> list[Sentence]:
    rows = tuple(
        (w.named(name), "、".join(_texts(codes)) if w.lang == "zh" else ", ".join(_texts(codes)))
        for name, codes in _entries(node)
    )
    text = w.said(
        f"诊断编码以这些开头的，算这种病（{len(rows)}种）：",
        f"Diagnosis codes that begin so count as the disease ({len(rows)}):",
    )
    return [Sentence(text, header=(w.column("病种"), w.column("编码")), rows=rows)]


BLOCK_PHRASES: dict[str, Callable[[Words, Node, Document, Found], list[Sentence]]] = {
    "定义": _definitions,
    "次序": _order,
    "层": _layers,
    "英文": _english,
    "约定": _conventions,
    "每年": _yearly,
    "停止执行": _repeals,
    "合计上限": _total_limits,
    "要求": _bounds,
    "参保资助": _subsidies,
    "筹资标准": _financing,
    "不存在": _impossible,
    "病种编码": _disease_codes,
}
"""How each block that is no layer is said."""
