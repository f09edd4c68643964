"""The inside of a rule block: items become `engine.scheme.Rule`s, other blocks become what the scheme holds beside them.

The vocabulary is closed: every key and every value is read here, at load, so that nothing can fail at the window. All
mistakes of a block are collected; each names file, line and article, and the nearest known word.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeVar

from yizhan.engine.classes import NTH_SCOPES, PARTS
from yizhan.engine.facts import FACTS, FACTS_ZH, POTS
from yizhan.engine.money import NO_LIMIT, RATIO_ONE
from yizhan.engine.premium import EVENTS
from yizhan.engine.scheme import (
    GENERAL,
    Adjuster,
    Amount,
    Bound,
    Citation,
    Condition,
    Conventions,
    Financing,
    Layer,
    Note,
    PremiumSubsidy,
    Rule,
    TotalLimit,
    YearlyFigure,
)
from yizhan.errors import BadDocument, BadValue, BareNumber, PolicyProblem, RepeatedKey, UnknownPolicyKey
from yizhan.policy import values
from yizhan.policy.document import Article, Document, Listing, Mapping, Node, Text

Read = TypeVar("Read")

LAYER_KINDS = ("基本医保", "大病保险", "补充保险", "医疗救助", "疾病应急救助", "医院减免", "政府兜底", "其他")
BLOCK_KEYS = (
    "定义",
    "次序",
    "层",
    "英文",
    "约定",
    "每年",
    "停止执行",
    "合计上限",
    "要求",
    "参保资助",
    "筹资标准",
    "不存在",
    "病种编码",
)
ITEM_KEYS = ("当", "除", "自", "至", "性质", "例外于", "代用", "读法", "表")
NATURES = {"普惠": "general", "倾斜": "tilt", "处罚": "penalty"}
_CHARGES_ZH = {FACTS[c].zh: c for c in ("registration_fee", "consultation_fee", "drug_markup", "contract_fee")}
_POTS_ZH = {FACTS[p].zh: p for p in POTS}

CHOICES = {
    "计算": ("按次", "年度累计", "月度累计"),
    "分段基准": ("超起付部分", "计入总额"),
    "起付取整": ("分", "角", "元"),
    "计次": NTH_SCOPES,
    "转诊接续": ("补差", "不接续"),
    "分母": ("费用总额", "政策范围内"),
    "不支付": ("是", "否"),
}
RATIOS = ("先自付比例", "比例", "补足到", "保底比例")
AMOUNTS = (
    "起付标准", "个人年度自付上限", "年度起付上限", "单次限额", "每月限额", "年度限额", "单次计入限额", "年度计入限额",
)  # fmt: skip
WORDS = ("累计", "改由", "垫付", "待审")
LISTS = {"计入": _POTS_ZH, "不计入": {p: p for p in PARTS}, "按项目": _CHARGES_ZH}
LAYER_LISTS = ("计为已报", "须有支付")
FIGURES = (*CHOICES, *RATIOS, *AMOUNTS, *WORDS, *LISTS, *LAYER_LISTS, "分段", "折算", "起付次数", "另设限额", "资金")
NOT_PLAIN = ("起付标准", "单次限额")
"""Amounts that may be a share of the bill or a sum per day."""

CONVENTIONS = {
    "政策日期": ("policy_date", {"出院日期": "discharged_on", "入院日期": "admitted_on", "结算日期": "settled_on"}),
    "身份日期": ("identity_date", {"出院日期": "discharged_on", "入院日期": "admitted_on", "结算日期": "settled_on"}),
    "跨年住院": (
        "cross_year",
        {
            "归出院年度": "discharge_year", "归入院年度": "admission_year", "归结算年度": "settlement_year",
            "年末分割": "split", "困难人员年末分割": "split_poor",
        },
    ),
    "费率变化": ("rate_change", {"只管新增": "new_only", "应付减已付": "due_less_paid"}),
    "身份变化": ("identity_change", {"只管新增": "new_only", "应付减已付": "due_less_paid"}),
    "身份取舍": ("identity_choice", {"从高到低": "ranked", "最有利": "best"}),
    "转诊备案": ("referral_above", {"县外就医": "county", "乡镇以上": "township"}),
    "下级规定并存": ("local_rules", {"报错": "error", "就高": "better", "从下级": "local"}),
}  # fmt: skip


_EVENTS_ZH = {zh: code for code, (zh, _) in EVENTS.items() if code not in ("ordinary", "newborn")}
FINANCING_KEYS = (
    "年度", "个人缴费", "财政补助", "集中缴费期", "新生儿", "变动参保", "变动期限", "期后等待", "代用", "读法", "表",
)  # fmt: skip
SUBSIDY_KEYS = (
    "身份", "资助", "不低于", "基数", "出资", "认定", "申请", "自年度", "至年度", "期内新增", "期后新增", "待遇起", "代用", "读法",
)  # fmt: skip
SUBSIDY_CHOICES = {
    "基数": ("个人缴费标准", "当年筹资总额"),
    "期内新增": ("享受", "不享受"),
    "期后新增": ("不享受", "享受"),
    "待遇起": ("", "资助到账日", "参保日"),
}
"""Values of a row of 参保资助; the first is the default."""


@dataclass
class Vocabulary:
    """What the documents of an area declare for each other: names of layers, lists, yearly figures, documents."""

    definitions: dict[str, tuple[str, tuple[Text, ...], str]] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)
    yearly: dict[str, YearlyFigure] = field(default_factory=dict)
    order: tuple[tuple[str, ...], str] = ((), "")
    documents: dict[str, Document] = field(default_factory=dict)
    disease_codes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    english: dict[str, str] = field(default_factory=dict)

    def article(self, document: str, number: str) -> Article | None:
        """An article of one of the area's documents, by any name of the document."""
        found = self.documents.get(document)
        return next((a for a in found.articles if a.number == number), None) if found else None


@dataclass(frozen=True, slots=True)
class Repeal:
    """Articles that end (停止执行), and those for whom they go on until a day."""

    document: str
    article: str
    last_on: date
    kept: tuple[Condition, ...]
    kept_until: date


@dataclass
class Found:
    """What the rule blocks of an area say, put together."""

    rules: list[Rule] = field(default_factory=list)
    limits: list[TotalLimit] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    subsidies: list[PremiumSubsidy] = field(default_factory=list)
    financing: dict[int, Financing] = field(default_factory=dict)
    repeals: list[Repeal] = field(default_factory=list)
    impossible: list[tuple[Condition, ...]] = field(default_factory=list)
    conventions: dict[str, object] = field(default_factory=dict)
    name_en: str = ""


SAME_AS = {
    "起付线": "起付标准", "门槛费": "起付标准", "封顶线": "年度限额", "最高支付限额": "年度限额", "年度封顶线": "年度限额",
    "报销比例": "比例", "支付比例": "比例", "补偿比例": "比例", "人群": "身份", "医疗机构": "医院", "医院级别": "医院等级",
    "医疗机构等级": "医院等级", "就医类型": "医疗类别", "险种": "参保险种", "疾病": "病种", "先行自付比例": "先自付比例", "总费用": "费用总额",
}  # fmt: skip
"""Words that people type, and the ones that the format uses."""


def nearest(word: str, known: Iterable[str]) -> tuple[str, str]:
    """A hint at the nearest known word, in Chinese and English."""
    known = list(known)
    meant = [SAME_AS[word]] if SAME_AS.get(word) in known else []
    close = meant or difflib.get_close_matches(word, known, 1, 0.5)
    return (f"是不是“{close[0]}”？", f"Did you mean “{close[0]}”?") if close else ("", "")


class Reader:
    """Reads the rule blocks of one document. Problems are collected in `problems`."""

    def __init__(self, document: Document, vocabulary: Vocabulary, problems: list[PolicyProblem]) -> None:
        self.document, self.vocabulary, self.problems = document, vocabulary, problems
        self.article = Article("", "", 0)

    def at(self, line: int) -> str:
        """Where an error is."""
        return f"{self.document.file}:{line} {self.document.name} {self.article.number}"

    def bad(self, line: int, zh: str, en: str) -> None:
        """Note a problem."""
        self.problems.append(BadDocument(at=self.at(line), why_zh=zh, why_en=en))

    def bad_value(self, key: str, node: Text, reason: values.Reason) -> None:
        """Note a value that cannot be read."""
        self.problems.append(
            BadValue(at=self.at(node.line), key=key, value=node.text, why_zh=reason.zh, why_en=reason.en)
        )

    def unknown(self, key: Text, known: Iterable[str]) -> None:
        """Note a key that is not known."""
        zh, en = nearest(key.text, known)
        self.problems.append(UnknownPolicyKey(at=self.at(key.line), key=key.text, hint_zh=zh, hint_en=en))

    # --- first pass: what documents declare for each other ------------------------------------------------------------

    def declarations(self) -> None:
        """Read 定义, 层, 每年, 次序 and 病种编码 of every article."""
        for article in self.document.articles:
            self.article = article
            for block in self.article.blocks:
                for key, node in block.items:
                    reader = {
                        "定义": self._definitions, "层": self._layers, "每年": self._yearly, "次序": self._order,
                        "病种编码": self._disease_codes, "英文": self._english,
                    }.get(key.text)  # fmt: skip
                    if reader:
                        reader(node)

    def _entries(self, node: Node, key: str) -> tuple[tuple[Text, Node], ...]:
        if isinstance(node, Mapping):
            return node.items
        self.bad(node.line, f"“{key}”应是“名: …”", f"{key} should be “name: …”")
        return ()

    def _definitions(self, node: Node) -> None:
        for name, body in self._entries(node, "定义"):
            items = self._entries(body, "定义")
            if len(items) != 1 or items[0][0].text not in FACTS_ZH:
                self.bad(
                    name.line,
                    f"定义“{name.text}”应写成 {{事实: [值…]}}",
                    f"write the definition “{name.text}” as {{fact: [values…]}}",
                )
                continue
            fact, listed = items[0]
            found = (FACTS_ZH[fact.text].code, tuple(self._texts(listed)), self.at(name.line))
            known = self.vocabulary.definitions.get(name.text)
            if known and [t.text for t in known[1]] != [t.text for t in found[1]]:
                self.bad(
                    name.line,
                    f"“{name.text}”已在 {known[2]} 定义过，内容不同",
                    f"“{name.text}” is already defined differently at {known[2]}",
                )
            self.vocabulary.definitions[name.text] = found

    def _layers(self, node: Node) -> None:
        for name, body in self._entries(node, "层"):
            said = {k.text: v.text for k, v in self._entries(body, name.text) if isinstance(v, Text)}
            for key, _ in self._entries(body, name.text):
                if key.text not in ("类", "资金", "代码", "英文"):
                    self.unknown(key, ("类", "资金", "代码", "英文"))
            known = self.vocabulary.layers.get(name.text)
            kind = said.get("类", known.kind if known else "")
            if kind not in LAYER_KINDS:
                self.bad(
                    name.line,
                    f"“{name.text}”的类应为 {'、'.join(LAYER_KINDS)}",
                    f"类 of “{name.text}” should be one of {', '.join(LAYER_KINDS)}",
                )
                continue
            self.vocabulary.layers[name.text] = Layer(
                name.text, said.get("英文", known.en if known else name.text), kind,
                said.get("资金", known.payer if known else name.text), said.get("代码", known.code if known else ""),
            )  # fmt: skip

    def _yearly(self, node: Node) -> None:
        for name, body in self._entries(node, "每年"):
            by_year: dict[int, int] = {}
            notes: list[Note] = []
            cite = self.document.cite(self.article, name.line)
            for year, value in self._entries(body, name.text):
                if not isinstance(value, Text):
                    self.bad(year.line, "每年的数字应是“年: 金额”", "a yearly figure should be “year: amount”")
                elif year.text in ("代用", "读法"):
                    notes.append(Note("stand_in" if year.text == "代用" else "reading", value.text, cite))
                elif not re.fullmatch("[12][0-9]{3}", year.text):
                    self.bad(year.line, f"“{year.text}”不是年份", f"“{year.text}” is not a year")
                else:
                    try:
                        number = values.ratio(value.text) if "%" in value.text else values.money(value.text)
                        by_year[int(year.text)] = number
                    except values.Reason as reason:
                        self.bad_value(name.text, value, reason)
            if self.document.about.stand_in:
                notes.append(Note("stand_in", self.document.about.stand_in, cite))
            known = self.vocabulary.yearly.get(name.text)
            if known:
                repeated = set(known.by_year) & set(by_year)
                if repeated:
                    self.problems.append(RepeatedKey(at=self.at(name.line), key=f"{name.text} {min(repeated)}"))
                by_year, notes = {**known.by_year, **by_year}, [*known.notes, *notes]
            self.vocabulary.yearly[name.text] = YearlyFigure(name.text, by_year, cite, tuple(notes))

    def _order(self, node: Node) -> None:
        if isinstance(node, Text):
            names = values.words(node.text)
            if len(set(names)) != len(names):
                self.bad(node.line, "次序里有重复的层", "a layer stands twice in 次序")
            self.vocabulary.order = (names, self.at(node.line))

    def _disease_codes(self, node: Node) -> None:
        for name, codes in self._entries(node, "病种编码"):
            listed = tuple(t.text for t in self._texts(codes))
            for code in listed:
                if not re.fullmatch(r"[A-Z][0-9]{2}(\.[0-9x]{1,3})?", code):
                    self.bad(name.line, f"“{code}”不是 ICD-10 编码", f"“{code}” is not an ICD-10 code")
            self.vocabulary.disease_codes[name.text] = listed

    def _english(self, node: Node) -> None:
        for name, words in self._entries(node, "英文"):
            if isinstance(words, Text):
                self.vocabulary.english[name.text] = words.text

    def _texts(self, node: Node) -> list[Text]:
        if isinstance(node, Text):
            return [Text(word, node.line) for word in values.words(node.text)]
        if isinstance(node, Listing):
            return [t for item in node.items for t in self._texts(item)]
        self.bad(node.line, "应是一个值或一列值", "should be a value or a list of values")
        return []

    # --- second pass: rules -------------------------------------------------------------------------------------------

    def rules(self, found: Found) -> None:
        """Read every rule block of the document into `found`."""
        for article in self.document.articles:
            self.article = article
            for block in self.article.blocks:
                for key, node in block.items:
                    if key.text in BLOCK_KEYS:
                        self._block(key, node, found)
                    else:
                        self._layer_items(key, node, found)

    def _block(self, key: Text, node: Node, found: Found) -> None:
        reader: dict[str, Callable[[Node, Found], None]] = {
            "约定": self._conventions, "停止执行": self._repeals, "合计上限": self._total_limits, "要求": self._bounds,
            "参保资助": self._subsidies, "筹资标准": self._financing, "不存在": self._impossible,
        }  # fmt: skip
        if key.text in reader:
            reader[key.text](node, found)

    def _layer_items(self, key: Text, node: Node, found: Found) -> None:
        layers = values.words(key.text)
        for layer in layers:
            if layer not in self.vocabulary.layers:
                self.unknown(Text(layer, key.line), (*self.vocabulary.layers, *BLOCK_KEYS))
        for item in node.items if isinstance(node, Listing) else (node,):
            if not isinstance(item, Mapping):
                self.bad(item.line, "每一项应是“键: 值”", "each item should be “key: value”")
                continue
            for rule in self._items(item):
                found.rules += [replace(rule, layer=layer) for layer in layers if layer in self.vocabulary.layers]

    def _items(self, item: Mapping) -> list[Rule]:
        table = item.get("表")
        rows: list[list[tuple[Text, Text]]] = [[]]
        if isinstance(table, Text):
            rows = self._table(table)
        return [rule for row in rows if (rule := self._item(item, row)) is not None]

    def _table(self, table: Text) -> list[list[tuple[Text, Text]]]:
        lines = [(table.line + 1 + k, text) for k, text in enumerate(table.text.splitlines()) if text.strip()]
        cells = [(line, [c.strip() for c in text.strip().strip("|").split("|")]) for line, text in lines]
        if len(cells) < 2:
            self.bad(
                table.line,
                "表至少要有表头和一行；写成“表: |”，下一行起缩进",
                "a table needs a header and a row; write “表: |” and indent the lines below",
            )
            return []
        header_line, header = cells[0]
        rows = []
        for line, row in cells[1:]:
            if len(row) != len(header):
                self.bad(
                    line,
                    f"这一行有 {len(row)} 格，表头有 {len(header)} 格；空格写 -",
                    f"this row has {len(row)} cells, the header {len(header)}; write - for an empty one",
                )
                continue
            rows.append([
                (Text(key, header_line), Text(cell, line)) for key, cell in zip(header, row, strict=True) if cell not in ("", "-")
            ])  # fmt: skip
        return rows

    def _item(self, item: Mapping, row: list[tuple[Text, Text]]) -> Rule | None:
        before = len(self.problems)
        when: list[Condition] = []
        unless: list[Condition] = []
        figures: list[tuple[Text, Node]] = []
        meta: dict[str, Text] = {}
        instead: list[tuple[str, str]] = []
        for key, node in (*item.items, *row):
            if key.text == "当":
                when += self.conditions(node)
            elif key.text == "除":
                unless += self.conditions(node)
            elif key.text == "例外于":
                instead += [ref for text in self._texts(node) if (ref := self._reference(text)) is not None]
            elif key.text in ITEM_KEYS:
                if isinstance(node, Text):
                    meta[key.text] = node
            elif key.text in FIGURES:
                figures.append((key, node))
            elif any(key is k for k, _ in row) and key.text in FACTS_ZH:
                when += self._condition(key, node)
            else:
                self.unknown(key, (*FIGURES, *ITEM_KEYS, *(FACTS_ZH if row else ())))
        line = row[0][1].line if row else item.line
        cite = self.document.cite(self.article, line)
        begins, ends = self._life(meta)
        sets: dict[str, object] = {}
        adjusts: dict[str, tuple[Adjuster, ...]] = {}
        for key, node in figures:
            self._figure(key, node, {k.text: v for k, v in figures}, sets, adjusts)
        nature = meta.get("性质", Text("普惠", line))
        if nature.text not in NATURES:
            self.bad(nature.line, f"性质应为 {'、'.join(NATURES)}", f"性质 should be one of {', '.join(NATURES)}")
        if len({c.fact for c in when}) != len(when):
            self.bad(line, "同一事实在“当”里说了两次", "a fact stands twice in 当")
        if len(self.problems) > before:
            return None
        return Rule(
            "", tuple(when), tuple(unless), begins, ends, NATURES[nature.text], tuple(instead), sets, adjusts, cite,
            self.document.depth, self._notes(meta, cite),
        )  # fmt: skip

    def _notes(self, meta: dict[str, Text], cite: Citation) -> tuple[Note, ...]:
        notes = []
        if "代用" in meta:
            notes.append(Note("stand_in", meta["代用"].text, cite))
        elif self.document.about.stand_in:
            notes.append(Note("stand_in", self.document.about.stand_in, cite))
        if "读法" in meta:
            notes.append(Note("reading", meta["读法"].text, cite))
        return tuple(notes)

    def _life(self, meta: dict[str, Text]) -> tuple[date, date]:
        first, last = self.document.about.begins_on, self.document.about.ends_on or date.max
        begins, ends = first, last
        for key in ("自", "至"):
            if key not in meta:
                continue
            try:
                on = values.day(meta[key].text)
            except values.Reason as reason:
                self.bad_value(key, meta[key], reason)
                continue
            if not first <= on <= last:
                self.bad(meta[key].line, f"{key} {on} 不在文件施行期内", f"{key} {on} lies outside the document's life")
            begins, ends = (on, ends) if key == "自" else (begins, on)
        if begins > ends:
            self.bad(meta["至"].line if "至" in meta else 0, "自 晚于 至", "自 is after 至")
        return begins, ends

    def _reference(self, text: Text) -> tuple[str, str] | None:
        if text.text == "一般规定":
            return GENERAL
        name, _, number = text.text.rpartition(" ")
        name = name or self.document.name
        if self.vocabulary.article(name, number) is None:
            self.bad(
                text.line,
                f"没有找到“{text.text}”；写本文件的条号，或“文件简称 条号”",
                f"“{text.text}” is not found; name an article of this file, or “document article”",
            )
            return None
        return (self.vocabulary.documents[name].name, number)

    # --- conditions ---------------------------------------------------------------------------------------------------

    def conditions(self, node: Node) -> list[Condition]:
        """`{身份: [特困, 低保], 费用总额: 不超过9000元}` → conditions."""
        return [c for key, value in self._entries(node, "当") for c in self._condition(key, value)]

    def _condition(self, key: Text, node: Node) -> list[Condition]:
        definition = self.vocabulary.definitions.get(key.text)
        fact = FACTS_ZH.get(key.text)
        if fact is None:
            self.unknown(key, (*FACTS_ZH, *self.vocabulary.definitions) if definition is None else FACTS_ZH)
            return []
        if fact.kind == "number":
            if not isinstance(node, Text):
                self.bad(node.line, "数的条件只能写一个", "a condition on a number is a single text")
                return []
            try:
                low, high = values.number_range(node.text, fact.unit)
            except values.Reason as reason:
                self.bad_value(key.text, node, reason)
                return []
            return [Condition(fact.code, low=low, high=high)]
        codes: set[str] = set()
        for text in self._texts(node):
            codes |= self._codes(fact.code, text, ())
        return [Condition(fact.code, frozenset(codes))] if codes else []

    def _codes(self, fact_code: str, text: Text, path: tuple[str, ...]) -> set[str]:
        fact = FACTS[fact_code]
        definition = self.vocabulary.definitions.get(text.text)
        if definition and definition[0] == fact_code and text.text not in path:
            return {code for t in definition[1] for code in self._codes(fact_code, t, (*path, text.text))}
        if not fact.values:
            return {text.text}
        value = fact.value(text.text)
        if value is None:
            zh, en = nearest(text.text, [v.zh for v in fact.values] + list(self.vocabulary.definitions))
            self.bad(
                text.line,
                f"“{text.text}”不是“{fact.zh}”的值，也没有这个定义。{zh}",
                f"“{text.text}” is neither a value of {fact.en} nor a definition. {en}",
            )
            return set()
        return {value.code}

    # --- figures ------------------------------------------------------------------------------------------------------

    def _figure(
        self,
        key: Text,
        node: Node,
        item: dict[str, Node],
        sets: dict[str, object],
        adjusts: dict[str, tuple[Adjuster, ...]],
    ) -> None:
        name = key.text
        if name in ("分段", "折算", "起付次数", "资金"):
            if not isinstance(node, Mapping):
                self.bad(node.line, f"“{name}”应写成 {{…: …}}", f"{name} should be {{…: …}}")
                return
            pairs: list[tuple[Text, Node]] = [(k, v) for k, v in node.items if isinstance(v, Text)]
            reader = {
                "分段": self._bands,
                "折算": self._weights,
                "起付次数": self._further_stays,
                "资金": self._shares,
            }[name]
            value = reader(pairs, item)
            if value is not None:
                target = "比例" if name == "分段" else name
                if target in sets:
                    self.bad(key.line, "比例和分段只能写一个", "only one of 比例 and 分段 may stand")
                sets[target] = value
        elif name == "另设限额":
            sets[name] = tuple(
                x for part in (node.items if isinstance(node, Listing) else (node,)) for x in self._account(part)
            )
        elif name in LISTS or name in LAYER_LISTS:
            sets[name] = self._listed(name, node)
        elif isinstance(node, Text):
            self._scalar(name, node, sets, adjusts)
        elif name in RATIOS or name in AMOUNTS:
            for part in node.items if isinstance(node, Listing) else ():
                if isinstance(part, Text):
                    self._scalar(name, part, sets, adjusts)
        else:
            self.bad(node.line, f"“{name}”应是一个值", f"{name} should be one value")

    def _scalar(self, name: str, node: Text, sets: dict[str, object], adjusts: dict[str, tuple[Adjuster, ...]]) -> None:
        if re.fullmatch(r"[0-9][0-9,.]*", node.text):
            self.problems.append(BareNumber(at=self.at(node.line), key=name, value=node.text))
            return
        if name in CHOICES:
            if node.text not in CHOICES[name]:
                self.bad(
                    node.line,
                    f"“{name}”应为 {'、'.join(CHOICES[name])}",
                    f"{name} should be one of {', '.join(CHOICES[name])}",
                )
            sets[name] = (
                values.TOTAL_WORDS[node.text] if name == "分母" and node.text in values.TOTAL_WORDS else node.text
            )
            return
        if name in WORDS:
            sets[name] = node.text
            return
        try:
            adjuster = values.adjuster(node.text, name in AMOUNTS)
            if adjuster is not None:
                adjusts[name] = (*adjusts.get(name, ()), adjuster)
            elif name in RATIOS:
                sets[name] = values.ratio(node.text)
            else:
                sets[name] = self._amount(name, node)
        except values.Reason as reason:
            self.bad_value(name, node, reason)

    def _amount(self, name: str, node: Text) -> Amount:
        amount = values.amount(node.text, frozenset(self.vocabulary.yearly))
        if name not in NOT_PLAIN and (amount.per_day or amount.of):
            raise values.Reason("这里只能写金额或不设", "only an amount or 不设 may stand here")
        if name == "起付标准" and amount.fen >= NO_LIMIT:
            raise values.Reason("没有起付标准请写 0元", "write 0元 where there is no deductible")
        return amount

    def _bands(self, pairs: list[tuple[Text, Node]], item: dict[str, Node]) -> object:
        base = item.get("分段基准")
        on_total = isinstance(base, Text) and base.text == "计入总额"
        texts = [(k.text, v.text) for k, v in pairs if isinstance(v, Text)]
        try:
            return values.bands(texts, on_total)
        except values.Reason as reason:
            line = pairs[0][0].line if pairs else 0
            self.bad_value("分段", Text("、".join(f"{k}: {v}" for k, v in texts), line), reason)
            return None

    def _weights(self, pairs: list[tuple[Text, Node]], _: dict[str, Node]) -> object:
        return self._ratios("折算", pairs, _POTS_ZH)

    def _shares(self, pairs: list[tuple[Text, Node]], _: dict[str, Node]) -> object:
        found = self._ratios("资金", pairs, None)
        if found is not None and sum(share for _, share in found) != RATIO_ONE:
            self.bad(pairs[0][0].line, "资金各方的份额合计应为 100%", "the shares of 资金 should sum to 100 %")
        return found

    def _ratios(
        self, key: str, pairs: list[tuple[Text, Node]], known: dict[str, str] | None
    ) -> tuple[tuple[str, int], ...] | None:
        found = []
        for name, value in pairs:
            assert isinstance(value, Text)
            if known is not None and name.text not in known:
                self.unknown(name, known)
                return None
            try:
                found.append((known[name.text] if known else name.text, values.ratio(value.text)))
            except values.Reason as reason:
                self.bad_value(key, value, reason)
                return None
        return tuple(found)

    def _further_stays(self, pairs: list[tuple[Text, Node]], _: dict[str, Node]) -> object:
        said = {k.text: v for k, v in pairs if isinstance(v, Text)}
        factors: dict[int, int] = {}
        fixed: dict[int, int] = {}
        less = least = 0
        for name, value in said.items():
            try:
                if name == "每次递减":
                    less = values.money(value.text)
                elif name == "最低":
                    least = values.money(value.text)
                elif found := re.fullmatch("第([234])次(起)?", name):
                    for k in range(int(found[1]), 5):
                        if k == int(found[1]) or found[2]:
                            factors[k], fixed[k] = self._factor(value.text)
                else:
                    raise values.Reason(
                        "应为 第2次起、第3次、每次递减、最低 等", "should be 第2次起, 第3次, 每次递减, 最低 or the like"
                    )
            except values.Reason as reason:
                self.bad_value("起付次数", Text(f"{name}: {value.text}", value.line), reason)
                return None
        if factors and set(range(min(factors), 5)) - set(factors):
            text = Text("、".join(f"{k}: {v.text}" for k, v in said.items()), pairs[0][0].line)
            self.bad_value(
                "起付次数",
                text,
                values.Reason(
                    "没有说以后各次怎样，最后一项要写“起”", "later stays are left open; the last entry needs 起"
                ),
            )
            return None
        later = (2, 3, 4)
        return (*(factors.get(k, RATIO_ONE) for k in later), less, least, *(fixed.get(k, -1) for k in later))

    @staticmethod
    def _factor(text: str) -> tuple[int, int]:
        """What a further stay makes of the deductible: a factor, or a sum of its own (-1 for none)."""
        if text in ("免", "0元"):
            return 0, -1
        if text.endswith("元") and not text.startswith(("加", "减")):
            return RATIO_ONE, values.money(text)
        by = values.adjuster(text, True)
        if by is None or by.kind != "factor":
            raise values.Reason("应为 减半、按70%、100元 或 免", "should be 减半, 按70%, 100元 or 免")
        return by.value, -1

    def _account(self, node: Node) -> list[tuple[str, str, int]]:
        said = {k.text: v.text for k, v in self._entries(node, "另设限额") if isinstance(v, Text)}
        periods = [k for k in ("年度", "每月") if k in said]
        if "名称" not in said or not periods or set(said) - {"名称", "年度", "每月"}:
            self.bad(
                node.line,
                "另设限额应写成 {名称: …, 年度: …元} 或 {名称: …, 每月: …元}",
                "write 另设限额 as {名称: …, 年度: …元} or {名称: …, 每月: …元}",
            )
            return []
        found: list[tuple[str, str, int]] = []
        for period in periods:
            try:
                found.append((said["名称"], period, values.money(said[period])))
            except values.Reason as reason:
                self.bad_value("另设限额", Text(said[period], node.line), reason)
        return found

    def _listed(self, name: str, node: Node) -> tuple[str, ...]:
        found = []
        for text in self._texts(node):
            if name in LAYER_LISTS:
                known: dict[str, str] = {layer: layer for layer in self.vocabulary.layers}
                if name == "计为已报":
                    known["前面各层"] = "前面各层"
            else:
                known = dict(LISTS[name])
            if text.text not in known:
                self.unknown(text, known)
            else:
                found.append(known[text.text])
        return tuple(found)

    # --- other blocks -------------------------------------------------------------------------------------------------

    def _conventions(self, node: Node, found: Found) -> None:
        for key, body in self._entries(node, "约定"):
            value = body if isinstance(body, Text) else Text("、".join(t.text for t in self._texts(body)), body.line)
            if key.text in found.conventions:
                self.problems.append(RepeatedKey(at=self.at(key.line), key=key.text))
            if key.text in CONVENTIONS:
                name, choices = CONVENTIONS[key.text]
                if value.text not in choices:
                    self.bad(
                        value.line,
                        f"“{key.text}”应为 {'、'.join(choices)}",
                        f"{key.text} should be one of {', '.join(choices)}",
                    )
                else:
                    found.conventions[name] = choices[value.text]
            elif key.text in ("身份从高到低", "年末分割身份"):
                ranked = [c for t in self._texts(value) for c in sorted(self._codes("identity", t, ()))]
                if key.text == "身份从高到低":
                    found.conventions["identity_rank"] = tuple(ranked)
                else:
                    found.conventions["cross_year_identities"] = frozenset(ranked)
            elif key.text == "欠费期限":
                if days := re.fullmatch("([0-9]{1,3})天", value.text):
                    found.conventions["arrears_days"] = int(days[1])
                else:
                    self.bad(value.line, "欠费期限应为天数，如 30天", "欠费期限 should be days: 30天")
            elif key.text == "年度":
                self._year(value, found)
            elif key.text == "英文名":
                found.name_en = value.text
            else:
                self.unknown(key, (*CONVENTIONS, "身份从高到低", "年末分割身份", "年度", "欠费期限", "英文名"))

    def _year(self, value: Text, found: Found) -> None:
        if value.text == "自然年度":
            found.conventions["year_starts"] = (1, 1)
        elif start := re.fullmatch("([0-9]{1,2})月([0-9]{1,2})日起", value.text):
            found.conventions["year_starts"] = (int(start[1]), int(start[2]))
        else:
            self.bad(value.line, "年度应为 自然年度 或 7月1日起", "年度 should be 自然年度 or 7月1日起")

    def _repeals(self, node: Node, found: Found) -> None:
        eve = date.fromordinal(self.document.about.begins_on.toordinal() - 1)
        kept: tuple[Condition, ...]
        for entry in node.items if isinstance(node, Listing) else (node,):
            if isinstance(entry, Text):
                cited, kept, until, last = entry, (), date.min, eve
            elif isinstance(entry, Mapping):
                said = {k.text: v for k, v in entry.items}
                cited_node, until_node, from_node = said.get("规定"), said.get("保留至"), said.get("自")
                kept = tuple(self.conditions(said["保留"])) if "保留" in said else ()
                if not isinstance(cited_node, Text):
                    self.bad(entry.line, "停止执行要写明规定", "停止执行 must name the 规定")
                    continue
                cited, until, last = cited_node, date.max, eve
                try:
                    if isinstance(until_node, Text):
                        until = values.day(until_node.text)
                    if isinstance(from_node, Text):
                        last = date.fromordinal(values.day(from_node.text).toordinal() - 1)
                except values.Reason as reason:
                    self.bad(entry.line, reason.zh, reason.en)
            else:
                continue
            reference = self._reference(cited)
            if reference and reference != GENERAL:
                found.repeals.append(Repeal(reference[0], reference[1], last, kept, until if kept else date.min))

    def _total_limits(self, node: Node, found: Found) -> None:
        for entry in node.items if isinstance(node, Listing) else (node,):
            said = {k.text: v for k, v in self._entries(entry, "合计上限")}
            meta = {k: v for k, v in said.items() if isinstance(v, Text)}
            share, of = meta.get("比例"), meta.get("分母")
            if share is None or of is None or of.text not in values.TOTAL_WORDS:
                self.bad(
                    entry.line,
                    "合计上限要写比例和分母（费用总额或政策范围内）",
                    "合计上限 needs 比例 and 分母 (费用总额 or 政策范围内)",
                )
                continue
            cite = self.document.cite(self.article, entry.line)
            begins, ends = self._life(meta)
            when = tuple(self.conditions(said["当"])) if "当" in said else ()
            try:
                found.limits.append(
                    TotalLimit(
                        when,
                        begins,
                        ends,
                        values.ratio(share.text),
                        values.TOTAL_WORDS[of.text],
                        cite,
                        self._notes(meta, cite),
                    )
                )
            except values.Reason as reason:
                self.bad_value("比例", share, reason)

    def _bounds(self, node: Node, found: Found) -> None:
        for entry in node.items if isinstance(node, Listing) else (node,):
            said = {k.text: v for k, v in self._entries(entry, "要求")}
            meta = {k: v for k, v in said.items() if isinstance(v, Text)}
            layer, figure, must = meta.get("层"), meta.get("量"), meta.get("应")
            if layer is None or figure is None or must is None or figure.text not in (*RATIOS, *AMOUNTS):
                self.bad(entry.line, "要求应写成 {层, 量, 应: 不低于…}", "write 要求 as {层, 量, 应: 不低于…}")
                continue
            try:
                by = values.adjuster(must.text, figure.text in AMOUNTS)
            except values.Reason as reason:
                self.bad_value("应", must, reason)
                continue
            if by is None or by.kind not in ("floor", "ceiling"):
                self.bad(must.line, "应 只能是 不低于… 或 不超过…", "应 can only be 不低于… or 不超过…")
                continue
            begins, ends = self._life(meta)
            when = tuple(self.conditions(said["当"])) if "当" in said else ()
            cite = self.document.cite(self.article, entry.line)
            found.bounds.append(Bound(layer.text, figure.text, by, when, begins, ends, cite))

    def _impossible(self, node: Node, found: Found) -> None:
        for entry in node.items if isinstance(node, Listing) else (node,):
            found.impossible.append(tuple(self.conditions(entry)))

    def _subsidies(self, node: Node, found: Found) -> None:
        for entry in node.items if isinstance(node, Listing) else (node,):
            if not isinstance(entry, Mapping):
                self.bad(entry.line, "参保资助的每一项应是“键: 值”", "each item of 参保资助 should be “key: value”")
                continue
            table = entry.get("表")
            rows = self._table(table) if isinstance(table, Text) else [[]]
            for row in rows:
                said = {k.text: v for k, v in (*entry.items, *row) if k.text != "表"}
                subsidy = self._subsidy(entry.line, said)
                if subsidy:
                    found.subsidies.append(subsidy)

    def _subsidy(self, line: int, said: dict[str, Node]) -> PremiumSubsidy | None:
        for key, node in said.items():
            if key not in SUBSIDY_KEYS:
                self.unknown(Text(key, node.line), SUBSIDY_KEYS)
        text = {k: v for k, v in said.items() if isinstance(v, Text)}
        share = text.get("资助") or text.get("不低于")
        if "身份" not in said or share is None:
            self.bad(line, "参保资助要写身份和资助", "参保资助 needs 身份 and 资助")
            return None
        try:
            ratio = values.ratio(share.text)
        except values.Reason as reason:
            self.bad_value("资助", share, reason)
            return None

        for key, choices in SUBSIDY_CHOICES.items():
            if key in text and text[key].text not in choices:
                shown = [choice for choice in choices if choice]
                self.bad(
                    text[key].line,
                    f"“{key}”应为 {'、'.join(shown)}",
                    f"{key} should be one of {', '.join(shown)}",
                )
        if "不低于" in text and not {"代用", "读法"} & set(text) and not self.document.about.stand_in:
            self.bad(
                share.line,
                "不低于只是下限，资助按下限算；请加一条代用或读法说明",
                "不低于 is only a bound, at which the subsidy is computed; say so in a 代用 or 读法",
            )

        def word(key: str) -> str:
            return text[key].text if key in text else SUBSIDY_CHOICES.get(key, ("",))[0]

        def year(key: str, default: int) -> int:
            if key in text and not re.fullmatch("[12][0-9]{3}", text[key].text):
                self.bad(text[key].line, f"“{text[key].text}”不是年份", f"“{text[key].text}” is not a year")
                return default
            return int(text[key].text) if key in text else default

        codes = {c for t in self._texts(said["身份"]) for c in self._codes("identity", t, ())}
        cite = self.document.cite(self.article, share.line)
        return PremiumSubsidy(
            frozenset(codes), ratio, "不低于" in text, word("基数"), word("出资"), word("认定"), word("申请"),
            year("自年度", self.document.about.begins_on.year),
            year("至年度", (self.document.about.ends_on or date.max).year),
            word("期内新增"), word("期后新增"), word("待遇起"), cite, self._notes(text, cite),
        )  # fmt: skip

    def _financing(self, node: Node, found: Found) -> None:
        for entry in node.items if isinstance(node, Listing) else (node,):
            if not isinstance(entry, Mapping):
                self.bad(entry.line, "筹资标准的每一项应是“键: 值”", "each item of 筹资标准 should be “key: value”")
                continue
            table = entry.get("表")
            rows = self._table(table) if isinstance(table, Text) else [[]]
            for row in rows:
                said = {k.text: v for k, v in (*entry.items, *row)}
                for key, value in said.items():
                    if key not in FINANCING_KEYS:
                        self.unknown(Text(key, value.line), FINANCING_KEYS)
                line = row[0][1].line if row else entry.line
                financing = self._financing_of(line, {k: v for k, v in said.items() if isinstance(v, Text)}, said)
                if financing is None:
                    continue
                if financing.year in found.financing:
                    self.problems.append(RepeatedKey(at=self.at(line), key=f"筹资标准 {financing.year}"))
                found.financing[financing.year] = financing

    def _financing_of(self, line: int, text: dict[str, Text], said: dict[str, Node]) -> Financing | None:
        missing = [key for key in ("年度", "个人缴费", "财政补助", "集中缴费期") if key not in text]
        if missing:
            self.bad(line, f"筹资标准缺少 {'、'.join(missing)}", f"筹资标准 lacks {', '.join(missing)}")
            return None
        changes = frozenset(
            _EVENTS_ZH[t.text] for t in self._texts(said["变动参保"]) if self._known_event(t)
        ) if "变动参保" in said else frozenset()  # fmt: skip
        if ("变动参保" in text) != ("变动期限" in text):
            self.bad(line, "变动参保和变动期限要一起写", "变动参保 and 变动期限 go together")
            return None

        def read(key: str, by: Callable[[str], Read]) -> Read | None:
            if key not in text:
                return None
            try:
                return by(text[key].text)
            except values.Reason as reason:
                self.bad_value(key, text[key], reason)
                return None

        year, period = read("年度", values.year), read("集中缴费期", values.period)
        own, government = read("个人缴费", values.money), read("财政补助", values.money)
        newborn, change, waiting = (read(key, values.days) for key in ("新生儿", "变动期限", "期后等待"))
        if year is None or period is None or own is None or government is None:
            return None
        cite = self.document.cite(self.article, line)
        return Financing(
            year, own, government, *period, newborn, changes, change or 0, waiting, cite, self._notes(text, cite)
        )

    def _known_event(self, text: Text) -> bool:
        if text.text not in _EVENTS_ZH:
            self.unknown(text, _EVENTS_ZH)
        return text.text in _EVENTS_ZH


def conventions_of(found: Found) -> Conventions:
    """The area's conventions, with the defaults of policy-format.md section 9."""
    return Conventions(**found.conventions)  # type: ignore[arg-type]  # keys and values were checked while reading
