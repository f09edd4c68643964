"""The page that an officer reads and signs: `yizhan review AREA --on DAY -o page.html`.

    review_page(library, area, on, today, lang) -> str     one HTML file that needs nothing else
    sign(library, area, on, officer, today) -> [Path]      see `policy.signatures`

For each article: the text, what is not modelled, the rules as sentences, what was read into them, what a tilt makes worse,
and worked examples recomputed step by step, also under another reading. An officer who knows no YAML must be able to
say from this page alone whether the rules are the law. What needs a decision stands first.

What goes into the page is a `str` and is escaped, or `Html` and was built by `tag`: forgetting to escape is not possible.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from html import escape

from yizhan.engine.facts import FACTS, POTS
from yizhan.engine.money import percent, yuan_grouped
from yizhan.engine.scheme import Citation, Condition, Scheme
from yizhan.engine.settlement import Payment, Settlement, ranked, resolver_of
from yizhan.policy import values
from yizhan.policy.areas import Library
from yizhan.policy.diff import check_day, telling
from yizhan.policy.document import Article, Document
from yizhan.policy.examples import SILENT, Example, Outcome, observed, read_examples, run
from yizhan.policy.readings import (
    Lowered,
    Shift,
    Shifts,
    lowered,
    may_differ,
    other_choices,
    other_readings,
    shifts,
    shifts_of,
)
from yizhan.policy.sentences import CONVENTION_WORDS, FIGURE_NAMES, Pair, Sentence, Words, citation_words, in_english
from yizhan.policy.signatures import CHANGED, SIGNED, UNSIGNED, State, in_force, sign, signatures_of, state_of

IN_FULL, OPEN, IN_TABLE, OTHERS = 6, 1, 30, 3
"""Examples of an article shown step by step, of these unfolded, shown as a row; examples shown for another reading."""

Place = tuple[str, str]


# --- HTML -------------------------------------------------------------------------------------------------------------


class Html(str):
    """Text that is HTML already. Every other text is escaped when it enters a tag."""

    __slots__ = ()


def tag(name: str, /, *children: str | Iterable[str], **attributes: str | bool) -> Html:
    """An element. `class_` is the attribute class; children that are not `Html` are escaped.

    >>> tag("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    said = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not False and value != ""
    )
    inside = joined(*children)
    return Html(f"<{name}{said}>" if name in ("br", "meta") else f"<{name}{said}>{inside}</{name}>")


def joined(*children: str | Iterable[str]) -> Html:
    """Children one after the other, escaped where they are not HTML."""
    parts = []
    for child in children:
        if isinstance(child, str):
            parts.append(child if isinstance(child, Html) else escape(child))
        else:
            parts.append(joined(*child))
    return Html("".join(parts))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], class_: str = "", numbers: Sequence[int] = ()) -> Html:
    """A table; the columns in `numbers` are aligned to the right."""
    head = tag("tr", [tag("th", cell, class_="n" if k in numbers else "") for k, cell in enumerate(header)])
    body = [tag("tr", [tag("td", c, class_="n" if k in numbers else "") for k, c in enumerate(row)]) for row in rows]
    return tag("div", tag("table", tag("thead", head), tag("tbody", body), class_=class_), class_="wide")


# --- What the page shows ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Study:
    """All that a page shows of one area on one day, computed before anything is written."""

    scheme: Scheme
    on: date
    documents: tuple[Document, ...]
    others: tuple[Document, ...]
    outcomes: tuple[Outcome, ...]
    by_article: dict[Place, list[Outcome]]
    other_readings: dict[Place, list[Shifts]]
    choices: list[Shifts]
    lowered: dict[Place, list[Lowered]]
    states: dict[Place, State] = field(default_factory=dict)

    @property
    def wrong(self) -> list[Outcome]:
        """Examples that do not come out as they say."""
        return [outcome for outcome in self.outcomes if outcome.problems]


def study(library: Library, area_code: str, on: date) -> Study:
    """Compute what a page shows. Raises Problems: an unknown area or day, documents or signatures that cannot be read."""
    area = library.area(area_code)
    scheme = library.scheme(area.code)
    check_day(scheme, on)
    everything = library.documents(area)
    live = [document for document in everything if in_force(document, scheme, on)]
    rank = {"正文": 0, "代用": 1, "约定": 2}
    live.sort(key=lambda d: (rank[d.about.nature], -d.depth, d.about.begins_on))
    outcomes = tuple(run(read_examples(area, library.root, scheme), scheme))
    by_article: dict[Place, list[Outcome]] = {}
    for outcome in outcomes:
        cited = {(c.document, c.article) for p in _payments(outcome) for c in p.citations}
        for place in cited:
            by_article.setdefault(place, []).append(outcome)
    period = resolver_of(scheme).classes.period
    then = period(on)

    def same_rules(outcome: Outcome) -> bool:
        return outcome.settlement is not None and period(outcome.settlement.policy_on) == then

    for place, found in by_article.items():
        found.sort(key=lambda o: (not o.problems, not same_rules(o), not o.example.row, not _pays(o, place)))
    places = [(d.name, a.number) for d in live for a in d.articles]
    low: dict[Place, list[Lowered]] = {}
    for item in lowered(scheme, outcomes, same_rules):
        low.setdefault(item.place, []).append(item)
    signed = signatures_of(everything)
    return Study(
        scheme, on, tuple(live), tuple(d for d in everything if d not in live), outcomes, by_article,
        {place: told for place in places if (told := [shifts_of(o, outcomes) for o in other_readings(scheme, place, on)])},
        list(_choices(scheme, outcomes)), low, {(d.name, a.number): state_of(d, a, signed) for d in live for a in d.articles},
    )  # fmt: skip


def _choices(scheme: Scheme, outcomes: Sequence[Outcome]) -> Iterator[Shifts]:
    for key, word, other in other_choices(scheme):

        def touched(rows: Sequence[Outcome], key: str = key) -> bool:
            return may_differ(key, [row.example for row in rows], scheme)

        found = shifts(CONVENTION_WORDS[key][word], other, outcomes, touched)
        if found.changed:
            yield found


def _pays(outcome: Outcome, place: Place) -> bool:
    """Whether a layer that rests on the article pays something."""
    return any(p.amount for p in _payments(outcome) if any((c.document, c.article) == place for c in p.citations))


def _payments(outcome: Outcome) -> tuple[Payment, ...]:
    return outcome.settlement.payments if outcome.settlement else ()


def review_page(library: Library, area_code: str, on: date, today: date, lang: str = "zh") -> str:
    """The page as one HTML file. Raises Problems as `study` does."""
    found = study(library, area_code, on)
    words = Words(found.scheme, [*found.documents, *found.others], lang)
    return "<!DOCTYPE html>\n" + _Page(found, words, today).html() + "\n"


# --- Words of the page ------------------------------------------------------------------------------------------------

_TEXT: dict[str, Pair] = {
    "title": ("{area}：{on} 的规定，请审阅", "{area}: the rules of {on}, for review"),
    "made": ("{today} 生成，政策版本 {digest}。按 {on} 施行的规定列出；算例每次生成都重新计算。", "Made on {today}, policy version {digest}. It lists the rules in force on {on}; examples are computed anew each time."),
    "how": ("怎么看", "How to read it"),
    "how_text": (
        "每一条先是条文的意思，再是程序照着算的规则，最后是算例。请对照文件原文，看规则这几句话说得对不对；觉得哪里不对，记下文件和条号就行，不用管程序怎么写。",
        "Each article gives its meaning, then the rules that the program follows, then worked examples. Compare the sentences with the official text. If something is wrong, note document and article; you need not know how it is written.",
    ),
    "tilt": ("倾斜", "tilt"),
    "tilt_why": ("对困难人员多给的", "what people in hardship get beyond the general rule"),
    "penalty": ("处罚", "penalty"),
    "penalty_why": ("不按规定做要少给的", "what breaking a rule costs"),
    "stand_in": ("代用", "stand-in"),
    "stand_in_why": ("手头的文件没有印这个数字，是借来的或拟的", "the figure is not printed in the documents at hand; it was borrowed or drafted"),
    "reading": ("读法", "reading"),
    "as_above": ("{kind}同上", "{kind} as above"),
    "reading_why": ("文件印了，但意思是我们选的", "the document prints it, but its meaning was chosen by us"),
    "warn_why": ("倾斜反而把数字变差了", "a tilt makes a figure worse"),
    "decide": ("先看这些", "What needs a decision"),
    "nothing": ("没有要先决定的事。", "Nothing needs a decision."),
    "wrong": ("{count} 个算例和写的不一样：", "{count} examples do not come out as written: "),
    "right": ("{count} 个算例全部重新计算，结果和写的一致。", "All {count} examples were computed again and come out as written."),
    "warn": (
        "⚠ {layer}：{by}{figure}是 {general}，这条倾斜是 {tilted}，反而更差。算例“{name}”个人负担 {ours} 元；没有这条是 {without} 元（{effect}）。",
        "⚠ {layer}: {by}the {figure} is {general}; this tilt makes it {tilted}, which is worse. In the example “{name}” the patient pays {ours} yuan; without this tilt {without} yuan ({effect}).",
    ),
    "warn_by": ("一般规定（{cite}）", "by the general rule ({cite}) "),
    "warn_none": ("没有这条时", "without it "),
    "costs_more": ("这条使个人多付 {fen} 元", "the tilt costs the patient {fen} yuan"),
    "costs_less": ("合起来个人仍少付 {fen} 元", "taken together the patient still pays {fen} yuan less"),
    "costs_same": ("个人负担不变", "the patient share is the same"),
    "other": ("换一种读法来算", "Computed under another reading"),
    "other_count": ("涉及 {touched} 个算例，{changed} 个有变化", "{changed} of {touched} examples differ"),
    "other_refused": ("，{refused} 个不能结算", ", {refused} cannot be settled"),
    "other_none": ("涉及 {touched} 个算例，个人负担都不变", "none of {touched} examples differs"),
    "choices": ("换一种选择来算", "Computed under another choice"),
    "ours": ("现在的读法（元）", "our reading (yuan)"),
    "theirs": ("另一种读法（元）", "other reading (yuan)"),
    "gap": ("相差（元）", "difference (yuan)"),
    "count_changed": ("{count} 条在签署以后改过，要重读：", "{count} articles changed since they were signed: "),
    "count_unsigned": ("{count} 条还没有人签署。", "{count} articles are not signed yet."),
    "stand_ins": ("{count} 份文件整份是代用：", "{count} documents are stand-ins as a whole: "),
    "contents": ("目录", "Contents"),
    "overview": ("概况", "Overview"),
    "documents": ("文件", "documents"),
    "articles": ("条", "articles"),
    "rules": ("施行的规则", "rules in force"),
    "examples": ("算例", "examples"),
    "readings": ("读法", "readings"),
    "signed_count": ("已签署", "signed"),
    "nature_正文": ("文件", "documents of government"),
    "nature_代用": ("代用的文件", "stand-ins"),
    "nature_约定": ("全区通用的选择", "choices of the area"),
    "title_in": ("", "Official title: "),
    "days": ("{begins} 起施行", "in force from {begins}"),
    "until": ("，至 {ends}", " to {ends}"),
    "source": ("来源：", "Source: "),
    "whole": ("整份代用：", "A stand-in as a whole: "),
    "prose": ("条文的意思", "The article"),
    "sentences": ("规则", "The rules"),
    "no_rules": ("这一条在这一天没有施行的规则。", "No rule of this article is in force on this day."),
    "past": ("这一天不施行的规则（{count} 句）", "rules not in force on this day ({count})"),
    "not_modelled": ("不建模", "not modelled"),
    "left_out": ("原文自“{begins}”{ends}", "official text from “{begins}”{ends}"),
    "left_to": ("至“{ends}”", " to “{ends}”"),
    "left_end": ("至文末", " to the end"),
    "yaml": ("程序里的写法", "as the program reads it"),
    "worked": ("算例（{count} 个用到这一条）", "Examples ({count} rest on this article)"),
    "no_example": ("没有算例用到这一条。", "No example rests on this article."),
    "more": ("其余 {count} 个算例，{right} 个与所写一致", "{count} more examples, {right} as written"),
    "only": ("（列出前 {count} 个）", " (the first {count} are listed)"),
    "date": ("日期", "date"),
    "identity": ("身份", "identity"),
    "nobody": ("无", "none"),
    "example": ("情形", "example"),
    "total": ("费用", "cost"),
    "share": ("个人负担", "patient share"),
    "paid": ("各层支付", "payments"),
    "checked": ("与所写一致", "as written"),
    "ok": ("一致", "as written"),
    "bad": ("应为 {expected}，算得 {found}", "should be {expected}, is {found}"),
    "refused": ("拒绝结算：{codes}", "refused: {codes}"),
    "cost_line": ("费用 {total} 元：{pots}", "cost {total} yuan: {pots}"),
    "given": ("给定（别处结算）{layer} {fen} 元", "given (settled elsewhere): {layer} {fen} yuan"),
    "silent": ("不涉及", "not concerned"),
    "elsewhere": ("（与本条无关，步骤略）", " (not by this article, steps left out)"),
    "tilted": ("其中倾斜 {fen}", "of it tilt {fen}"),
    "penalised": ("因处罚少付 {fen}", "{fen} less by a penalty"),
    "answer": ("费用 {total} − 支付 {paid} = 个人负担 {patient} 元", "cost {total} − paid {paid} = patient share {patient} yuan"),
    "check": ("核对：", "check: "),
    "other_documents": ("这一天不施行、或各条都已停止的文件", "Documents not in force on this day, or all of whose rules were ended"),
    "signing": ("签署", "Signatures"),
    "signing_text": ("签署的是条文、规则、不建模说明和文件的起止日期；改动任何一个字，状态就变成“改过”。签署用：", "A signature covers the article's text, its rules, its notes and the document's days; any change shows as “changed”. To sign:"),
    "by_hand": ("在纸上签署：本页政策版本 {digest}　签署人＿＿＿＿＿＿＿　日期＿＿＿＿＿＿＿", "On paper: policy version {digest}　officer ______________　date ______________"),
    "file": ("文件", "document"),
    "article": ("条", "article"),
    "digest": ("摘要", "digest"),
    "officer": ("签署人", "officer"),
    "state": ("状态", "state"),
    SIGNED: ("已签署", "signed"),
    CHANGED: ("签署后改过", "changed since signed"),
    UNSIGNED: ("未签署", "not signed"),
    "back": ("回到目录", "contents"),
}  # fmt: skip


class _Page:
    """One page. Methods follow the order of the page."""

    def __init__(self, found: Study, words: Words, today: date) -> None:
        self.found, self.words, self.today = found, words, today
        self.scheme, self.lang = found.scheme, words.lang
        documents = [*found.documents, *found.others]
        self.letters = {d.name: chr(ord("A") + n) if n < 26 else f"A{n - 25}" for n, d in enumerate(documents)}
        self.anchors = {
            (d.name, a.number): f"{self.letters[d.name]}-{n}" for d in documents for n, a in enumerate(d.articles, 1)
        }
        self.live = {d.name for d in found.documents}

    def word(self, key: str, **filled: object) -> str:
        return self.words.pick(_TEXT[key]).format(**filled)

    def in_chinese(self, *children: str | Iterable[str], name: str = "span") -> Html:
        """What stands in Chinese on a page in English."""
        return (
            tag(name, *children, lang="zh-CN")
            if self.lang == "en"
            else tag(name, *children)
            if name != "span"
            else joined(*children)
        )

    def html(self) -> Html:
        area = self.scheme.name if self.lang == "zh" else self.scheme.name_en
        title = self.word("title", area=area, on=self.found.on)
        head = tag(
            "head", tag("meta", charset="utf-8"), tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("title", title), tag("style", Html(_STYLE)),
        )  # fmt: skip
        main = tag("main", self.top(title), self.decide(), self.documents(), self.other_documents(), self.signatures())
        return tag("html", head, tag("body", self.contents(title), main), lang="zh-CN" if self.lang == "zh" else "en")

    # --- the beginning ------------------------------------------------------------------------------------------------

    def top(self, title: str) -> Html:
        legend = [
            tag("li", tag("span", self.word(key), class_=f"mark {key}"), " ", self.word(f"{key}_why"))
            for key in ("tilt", "penalty", "reading", "stand_in")
        ]
        legend.append(tag("li", tag("span", "⚠", class_="mark warn"), " ", self.word("warn_why")))
        made = self.word("made", today=self.today, digest=self.scheme.digest, on=self.found.on)
        return tag(
            "header", tag("h1", title, id="top"), tag("p", made, class_="made"), self.overview(),
            tag("section", tag("h2", self.word("how")), tag("p", self.word("how_text")), tag("ul", legend, class_="legend")),
        )  # fmt: skip

    def overview(self) -> Html:
        articles = [(d, a) for d in self.found.documents for a in d.articles]
        names = [d.name for d in self.found.documents]
        live = [r for r in self.scheme.rules if r.in_force(self.found.on) and r.citation.document in names]
        readings = {
            (n.citation.document, n.citation.article, n.reason) for r in live for n in r.notes if n.kind == "reading"
        }
        signed = sum(state.kind == SIGNED for state in self.found.states.values())
        cells = (
            (str(len(names)), "documents"), (str(len(articles)), "articles"), (str(len(live)), "rules"),
            (str(len(readings)), "readings"), (f"{len(self.found.outcomes) - len(self.found.wrong)} / {len(self.found.outcomes)}", "examples"),
            (f"{signed} / {len(articles)}", "signed_count"),
        )  # fmt: skip
        return tag(
            "ul",
            [tag("li", tag("b", number), " ", self.word(key)) for number, key in cells],
            class_="counts",
            aria_label=self.word("overview"),
        )

    def contents(self, title: str) -> Html:
        parts: list[Html] = []
        for nature in ("正文", "代用", "约定"):
            documents = [d for d in self.found.documents if d.about.nature == nature]
            if documents:
                parts.append(tag("h3", self.word(f"nature_{nature}")))
                parts += [self.contents_of(d) for d in documents]
        top = tag(
            "p",
            tag("a", self.word("decide"), href="#decide"),
            tag("br"),
            tag("a", self.word("signing"), href="#signing"),
        )
        on_paper = tag("p", title, class_="on-paper", aria_hidden="true")
        return tag(
            "nav",
            on_paper,
            tag("h2", self.word("contents"), id="contents"),
            top,
            parts,
            aria_label=self.word("contents"),
        )

    def contents_of(self, document: Document) -> Html:
        marks = {SIGNED: "✓", CHANGED: "✎", UNSIGNED: ""}
        items = []
        for article in document.articles:
            place = (document.name, article.number)
            flags = "⚠" * (place in self.found.lowered) + marks[self.found.states[place].kind]
            text = self.in_chinese(f"{article.number} {article.title}".strip())
            items.append(tag("li", tag("a", text, href=f"#{self.anchors[place]}"), f" {flags}" if flags else ""))
        name = joined(f"{self.letters[document.name]} ", self.in_chinese(document.name))
        return tag("details", tag("summary", name), tag("ol", items), open=document.about.nature == "正文")

    def decide(self) -> Html:
        """What an officer should look at first, the hard things before the soft ones."""
        items: list[Html] = []
        if self.found.wrong:
            names = [self.in_chinese(f"{o.example.name}（{o.example.at}）") for o in self.found.wrong]
            items.append(
                tag("li", self.word("wrong", count=len(names)), _list(names, self.words.said("、", ", ")), class_="bad")
            )
        else:
            items.append(tag("li", self.word("right", count=len(self.found.outcomes)), class_="good"))
        for place, found in self.found.lowered.items():
            if place[0] in self.live:
                items += [tag("li", self.link(place), " ", self.warning(low), class_="warn") for low in found]
        items += self.decide_readings()
        changed = [place for place, state in self.found.states.items() if state.kind == CHANGED]
        if changed:
            links = _list([self.link(place) for place in changed], self.words.said("、", ", "))
            items.append(tag("li", self.word("count_changed", count=len(changed)), links, class_="bad"))
        stand_ins = [d for d in self.found.documents if d.about.stand_in]
        if stand_ins:
            links = _list(
                [tag("a", self.letters[d.name], href=f"#{self.letters[d.name]}") for d in stand_ins],
                self.words.said("、", ", "),
            )
            items.append(tag("li", self.word("stand_ins", count=len(stand_ins)), links))
        unsigned = sum(state.kind == UNSIGNED for state in self.found.states.values())
        if unsigned:
            items.append(tag("li", self.word("count_unsigned", count=unsigned)))
        return tag("section", tag("h2", self.word("decide"), id="decide"), tag("ul", items, class_="decide"))

    def decide_readings(self) -> list[Html]:
        every = [(place, found) for place, told in self.found.other_readings.items() for found in told if found.changed]
        every.sort(key=lambda pair: -abs(pair[1].changed[0].rise))
        items = []
        for place, found in every:
            first = found.changed[0]
            count = self.word("other_count", touched=found.touched, changed=len(found.changed))
            items.append(tag(
                "li", self.link(place), " ", tag("span", self.word("reading"), class_="mark reading"), " ", self.words.pick(found.label),
                f"{self.words.said('：', ': ')}{count}{self.words.said('。例如', '. For example ')}“", self.in_chinese(first.example.name),
                f"”{self.words.said('个人负担', ', patient share ')} {yuan_grouped(first.ours)} → {yuan_grouped(first.other)} {self.words.said('元', 'yuan')}",
            ))  # fmt: skip
        return items

    # --- documents ----------------------------------------------------------------------------------------------------

    def documents(self) -> list[Html]:
        return [self.document(document) for document in self.found.documents]

    def document(self, document: Document) -> Html:
        about = document.about
        days = self.word("days", begins=about.begins_on) + (
            self.word("until", ends=about.ends_on) if about.ends_on else ""
        )
        title = self.in_chinese(about.title) if self.lang == "zh" or not about.title_en else joined(about.title_en)
        head = [
            tag("h2", tag("span", self.letters[document.name], class_="letter"), " ", title),
            tag("p", self.in_chinese(document.name), self.words.said("　", " · "), days, class_="days"),
        ]
        if self.lang == "en" and about.title_en:
            head.append(tag("p", self.word("title_in"), self.in_chinese(about.title)))
        if about.source:
            head.append(tag("p", self.word("source"), self.in_chinese(about.source), class_="source"))
        if about.stand_in:
            head.append(
                tag("p", tag("b", self.word("whole")), self.in_chinese(about.stand_in), class_="banner stand_in")
            )
        preamble = self.in_chinese(prose(_preamble(document)), name="div")
        articles = [self.article(document, article) for article in document.articles]
        return tag(
            "section", tag("header", head), preamble, articles, class_="document", id=self.letters[document.name]
        )

    def article(self, document: Document, article: Article) -> Html:
        place = (document.name, article.number)
        sentences = self.words.article(document, article)
        heading = tag(
            "h3", tag("a", self.letters[document.name], href=f"#{self.letters[document.name]}", class_="letter"), " ",
            self.in_chinese(f"{article.number} {article.title}".strip()), " ", self.badge(place),
        )  # fmt: skip
        text = [(line.line, line.text) for line in article.prose]
        parts: list[Html] = [heading, self.in_chinese(prose(text), name="div")]
        parts += [self.not_modelled(article)] if article.not_modelled else []
        live = [s for s in sentences if not s.rules or any(r.in_force(self.found.on) for r in s.rules)]
        past = [s for s in sentences if s not in live]
        if live:
            parts.append(tag("h4", self.word("sentences")))
            said: set[str] = set()
            parts.append(tag("ul", [tag("li", self.sentence(s, document, said)) for s in live], class_="rules"))
        elif article.blocks:
            parts.append(tag("p", self.word("no_rules"), class_="quiet"))
        parts += [tag("p", self.warning(low), class_="banner warn") for low in self.found.lowered.get(place, [])]
        if past:
            told = tag("ul", [tag("li", self.sentence(s, document, set())) for s in past], class_="rules past")
            parts.append(tag("details", tag("summary", self.word("past", count=len(past))), told))
        if article.block_text:
            code = "\n\n".join(article.block_text)
            parts.append(tag("details", tag("summary", self.word("yaml")), tag("pre", code, lang="zh-CN")))
        parts += self.other_ways(place, article)
        if any(s.rules for s in live):
            parts += self.examples(place)
        return tag("article", parts, id=self.anchors[place])

    def badge(self, place: Place) -> Html:
        state = self.found.states[place]
        who = f"{self.words.said('：', ': ')}{state.last.by} {state.last.on}" if state.last else ""
        return tag("span", self.word(state.kind), who, class_=f"badge {state.kind}")

    def not_modelled(self, article: Article) -> Html:
        notes = []
        for note in article.not_modelled:
            stretch = ""
            if note.begins:
                ends = (
                    self.word("left_end")
                    if note.ends == "文末"
                    else self.word("left_to", ends=note.ends)
                    if note.ends
                    else ""
                )
                stretch = f"［{self.word('left_out', begins=note.begins, ends=ends)}］"
            notes.append(
                tag(
                    "p",
                    tag("b", self.word("not_modelled")),
                    stretch,
                    self.words.said("：", ": "),
                    self.in_chinese(note.reason),
                )
            )
        return tag("div", notes, class_="left-out")

    def sentence(self, sentence: Sentence, document: Document, said: set[str]) -> Html:
        """A sentence with its marks, its table, and its notes as call-outs. `said` holds the reasons given above it."""
        natures = sorted({r.nature for r in sentence.rules} & {"tilt", "penalty"})
        marks = [tag("span", self.word(nature), class_=f"mark {nature}") for nature in natures]
        marks += [tag("span", text, class_="aside") for text in (sentence.instead, sentence.life) if text]
        told = [joined(sentence.text, *((" ", mark) for mark in marks))]
        if sentence.rows:
            told.append(table(sentence.header, sentence.rows, "figures"))
        for kind, reason in sentence.notes:
            if kind == "stand_in" and reason == document.about.stand_in:
                continue  # said once, at the head of the document
            name = tag("b", self.word(kind), self.words.said("：", ": "))
            if reason in said:
                told[0] = joined(
                    told[0], " ", tag("span", self.word("as_above", kind=self.word(kind)), class_=f"mark {kind}")
                )
            else:
                told.append(tag("p", name, self.in_chinese(reason), class_=f"note {kind}"))
            said.add(reason)
        return joined(told)

    def warning(self, low: Lowered) -> Html:
        of_ratio = low.figure in ("比例", "补足到")
        shown = percent if of_ratio else lambda fen: f"{yuan_grouped(fen)}"
        gap = low.ours - low.without
        effect = self.word(
            "costs_more" if gap > 0 else "costs_less" if gap < 0 else "costs_same", fen=yuan_grouped(abs(gap))
        )
        by = self.word("warn_by", cite="\0") if low.by else self.word("warn_none")
        text = self.word(
            "warn", layer=self.words.layer(low.layer), by=by, figure=self.words.pick(FIGURE_NAMES[low.figure]),
            general=shown(low.general), tilted=shown(low.tilted), name=low.example.name, ours=yuan_grouped(low.ours),
            without=yuan_grouped(low.without), effect=effect,
        )  # fmt: skip
        before, _, after = text.partition("\0")
        return joined(before, self.cite(low.by), after) if low.by else joined(text)

    def other_ways(self, place: Place, article: Article) -> list[Html]:
        """The examples under another reading, and for scheme.md under other choices."""
        parts: list[Html] = []
        every = self.found.other_readings.get(place, [])
        if every:
            parts.append(tag("h4", self.word("other")))
            parts.append(tag("div", [self.other_way(found) for found in every], class_="others"))
        if self.found.choices and any(key.text == "约定" for block in article.blocks for key, _ in block.items):
            parts.append(tag("h4", self.word("choices")))
            parts.append(tag("div", [self.other_way(found) for found in self.found.choices], class_="others"))
        return parts

    def other_way(self, found: Shifts) -> Html:
        count = self.word(
            "other_count" if found.changed else "other_none", touched=found.touched, changed=len(found.changed)
        )
        count += self.word("other_refused", refused=found.refused) if found.refused else ""
        head = tag(
            "p", tag("b", self.words.pick(found.label)), self.words.said("。", ". "), count, self.words.said("。", ".")
        )
        if not found.changed:
            return head
        rows = [self.shift(shift) for shift in _telling_shifts(found.changed)]
        header = [self.word(key) for key in ("example", "date", "identity", "ours", "theirs", "gap")]
        return joined(head, table(header, rows, numbers=(3, 4, 5)))

    def shift(self, shift: Shift) -> list[str]:
        sign_ = "+" if shift.rise > 0 else "−"
        return [
            self.in_chinese(shift.example.name), str(shift.example.claim.discharged_on), self.identities_of(shift.example),
            yuan_grouped(shift.ours), yuan_grouped(shift.other), f"{sign_}{yuan_grouped(abs(shift.rise))}",
        ]  # fmt: skip

    # --- examples -----------------------------------------------------------------------------------------------------

    def examples(self, place: Place) -> list[Html]:
        found = self.found.by_article.get(place, [])
        if not found:
            return [tag("p", self.word("no_example"), class_="quiet")]
        full = _telling(found, place)
        rest = [outcome for outcome in found if outcome not in full]
        parts = [tag("h4", self.word("worked", count=len(found)))]
        parts += [self.example(outcome, place, n < OPEN or bool(outcome.problems)) for n, outcome in enumerate(full)]
        if rest:
            right = sum(not outcome.problems for outcome in rest)
            head = self.word("more", count=len(rest), right=right) + (
                self.word("only", count=IN_TABLE) if len(rest) > IN_TABLE else ""
            )
            header = [self.word(k) for k in ("example", "date", "identity", "total", "paid", "share", "checked")]
            rows = [self.row(outcome) for outcome in rest[:IN_TABLE]]
            parts.append(tag("details", tag("summary", head), table(header, rows, "compact", numbers=(3, 5))))
        return parts

    def row(self, outcome: Outcome) -> list[str]:
        example, settlement = outcome.example, outcome.settlement
        first = [
            self.in_chinese(example.name),
            str(example.claim.discharged_on),
            self.identities_of(example),
            yuan_grouped(example.claim.costs.total),
        ]
        if settlement is None:
            return [*first, self.word("refused", codes=", ".join(outcome.refused)), "", _mark(outcome)]
        paid = self.words.said("，", ", ").join(
            f"{self.words.layer(p.layer.name)} {yuan_grouped(p.amount)}" for p in settlement.payments if p.amount
        )
        return [*first, paid, yuan_grouped(settlement.patient_share), _mark(outcome)]

    def identities_of(self, example: Example) -> str:
        held = ranked((mark.identity for mark in example.beneficiary.identities), self.scheme)
        return self.words.said("、", ", ").join(FACTS["identity"].word(i, self.lang) for i in held) or self.word(
            "nobody"
        )

    def example(self, outcome: Outcome, place: Place, unfolded: bool) -> Html:
        """One example, step by step as far as this article goes."""
        example, settlement = outcome.example, outcome.settlement
        parts: list[Html] = [
            tag("p", self.facts(example), class_="facts"),
            tag("p", self.costs(example), class_="facts"),
        ]
        if settlement is None:
            share = self.word("refused", codes=", ".join(outcome.refused))
        else:
            share = f"{self.word('share')} {yuan_grouped(settlement.patient_share)} {self.words.said('元', 'yuan')}"
            parts.append(tag("ol", [self.payment(p, settlement, place) for p in settlement.payments], class_="layers"))
            answer = self.word(
                "answer", total=yuan_grouped(settlement.costs.total), paid=yuan_grouped(settlement.paid),
                patient=yuan_grouped(settlement.patient_share),
            )  # fmt: skip
            parts.append(tag("p", tag("b", answer), class_="answer"))
            parts.append(self.expected(example, settlement))
        item = f"{self.words.said('　', ' ')}{example.row}" if example.row else ""
        head = tag(
            "summary", tag("b", self.in_chinese(example.name)), f"{item}{self.words.said('　', ' · ')}{example.claim.discharged_on}",
            f"{self.words.said('　', ' · ')}{self.identities_of(example)}{self.words.said('　', ' · ')}{share} ", _mark(outcome),
        )  # fmt: skip
        return tag("details", head, parts, class_="example", open=unfolded)

    def facts(self, example: Example) -> str:
        claim, person = example.claim, example.beneficiary
        told = [Condition("identity", frozenset(m.identity for m in person.identities))] if person.identities else []
        phrases = [self.words.conditions([*told, *telling(claim)])]
        age = person.age_on(claim.discharged_on)
        phrases += [self.words.said(f"{age}岁", f"aged {age}")] if age is not None else []
        person_facts = [(f, str(v)) for f, v in person.facts.items() if (f, v) != ("supplementary", "no")]
        phrases += [self.words.condition(Condition(f, frozenset({v}))) for f, v in person_facts]
        if claim.admitted_on != claim.discharged_on:
            phrases.append(self.words.said(f"{claim.admitted_on}入院", f"admitted {claim.admitted_on}"))
        return self.words.said("、", ", ").join(phrase for phrase in phrases if phrase)

    def costs(self, example: Example) -> str:
        claim = example.claim
        pots = [
            f"{self.words.pick((FACTS[pot].zh, FACTS[pot].en))} {yuan_grouped(fen)}"
            for pot, fen in zip(POTS, claim.costs.pots, strict=True) if fen
        ]  # fmt: skip
        told = [
            self.word("cost_line", total=yuan_grouped(claim.costs.total), pots=self.words.said("，", ", ").join(pots))
        ]
        told += [
            self.word("given", layer=self.words.layer(n), fen=yuan_grouped(g.amount)) for n, g in claim.given.items()
        ]
        return self.words.said("；", "; ").join(told)

    def payment(self, payment: Payment, settlement: Settlement, place: Place) -> Html:
        here = any((c.document, c.article) == place for c in payment.citations)
        aside = [self.word("tilted", fen=yuan_grouped(payment.tilt))] if payment.tilt else []
        aside += [self.word("penalised", fen=yuan_grouped(payment.penalty))] if payment.penalty else []
        more = self.words.said("（{}）", " ({})").format(self.words.said("，", ", ").join(aside)) if aside else ""
        head = tag("b", f"{self.words.layer(payment.layer.name)} {yuan_grouped(payment.amount)}")
        if not here:
            return tag("li", head, more, tag("span", self.word("elsewhere"), class_="quiet"))
        steps = [tag("li", self.step(step.sentence)) for step in payment.steps]
        if len(payment.by_payer) > 1:
            steps.append(
                tag(
                    "li",
                    " + ".join(f"{self.words.named(payer)} {yuan_grouped(fen)}" for payer, fen in payment.by_payer),
                )
            )
        return tag("li", head, more, tag("ul", steps))

    def step(self, sentence: Callable[[str, Callable[[Citation], str]], str]) -> Html:
        """A step's sentence with its citations as links."""
        links: list[Html] = []

        def marker(citation: Citation) -> str:
            links.append(self.cite(citation))
            return f"\0{len(links) - 1}\0"

        text = sentence(self.lang, marker)
        text = in_english(text, self.scheme) if self.lang == "en" else text
        parts = text.split("\0")
        return joined(*(links[int(part)] if n % 2 else part for n, part in enumerate(parts)))

    def expected(self, example: Example, settlement: Settlement) -> Html:
        if not example.expected:
            return Html("")
        chips = []
        for column, text in example.expected.items():
            found = observed(settlement, column)
            shown = SILENT if found is None else yuan_grouped(found)
            name = self.column(column)
            right = _as_written(text, found)
            value = (
                self.word("silent")
                if found is None and right
                else shown
                if right
                else self.word("bad", expected=text, found=shown)
            )
            chips.append(tag("span", f"{name} {value} {'✓' if right else '✗'}", class_="chip" if right else "chip bad"))
        return tag("p", self.word("check"), _list(chips, " "), class_="expected")

    def column(self, column: str) -> str:
        layer, dot, part = column.partition("·")
        names = {
            "个人负担": self.word("share"),
            "起付": self.words.pick(FIGURE_NAMES["起付标准"]),
            "待审金额": self.words.said("待审金额", "held"),
        }
        parts = {"倾斜": self.word("tilt"), "降比": self.words.said("降比", "penalty")}
        return names.get(column) or self.words.layer(layer) + (
            dot + parts.get(part, self.words.named(part)) if dot else ""
        )

    # --- links, other documents, signatures ---------------------------------------------------------------------------

    def cite(self, citation: Citation) -> Html:
        return self.link((citation.document, citation.article))

    def link(self, place: Place) -> Html:
        text = citation_words(self.letters.get(place[0], place[0]), place[1], self.lang)
        if place[0] in self.live and place in self.anchors:
            return tag("a", text, href=f"#{self.anchors[place]}")
        return tag("a", text, href=f"#{self.letters[place[0]]}") if place[0] in self.letters else joined(text)

    def other_documents(self) -> Html:
        if not self.found.others:
            return Html("")
        items = []
        for document in self.found.others:
            about = document.about
            days = f"{about.begins_on} – {about.ends_on or ''}".strip()
            title = about.title if self.lang == "zh" or not about.title_en else about.title_en
            name = tag("span", self.letters[document.name], class_="letter")
            items.append(
                tag(
                    "li",
                    name,
                    " ",
                    self.in_chinese(document.name),
                    f" {title} ({days})",
                    id=self.letters[document.name],
                )
            )
        return tag("section", tag("h2", self.word("other_documents")), tag("ul", items))

    def signatures(self) -> Html:
        rows = []
        for document in self.found.documents:
            for article in document.articles:
                place = (document.name, article.number)
                state = self.found.states[place]
                by, on = (state.last.by, state.last.on) if state.last else ("", "")
                mark = tag("span", self.word(state.kind), class_=f"badge {state.kind}")
                name = joined(f"{self.letters[document.name]} ", self.in_chinese(document.name))
                number = tag("a", self.in_chinese(article.number), href=f"#{self.anchors[place]}")
                rows.append([name, number, tag("code", article.digest), by, on, mark])
        header = [self.word(key) for key in ("file", "article", "digest", "officer", "date", "state")]
        command = f"./yizhan review {self.scheme.area} --on {self.found.on} --sign {self.words.said('姓名', 'NAME')}"
        return tag(
            "section", tag("h2", self.word("signing"), id="signing"),
            tag("p", self.word("signing_text"), " ", tag("code", command)), table(header, rows, "compact"),
            tag("p", self.word("by_hand", digest=self.scheme.digest), class_="by-hand"),
        )  # fmt: skip


# --- Small things -----------------------------------------------------------------------------------------------------


def _list(parts: Sequence[Html], joint: str) -> Html:
    return Html(escape(joint).join(parts))


def _mark(outcome: Outcome) -> Html:
    return tag("span", "✗" if outcome.problems else "✓", class_="no" if outcome.problems else "yes")


def _as_written(text: str, found: int | None) -> bool:
    return found is None if text == SILENT else found is not None and values.money(text) == found


def _telling(found: Sequence[Outcome], place: Place) -> list[Outcome]:
    """A few examples that show the article from different sides: one of each way in which it was calculated."""
    chosen: list[Outcome] = []
    seen: set[tuple[object, ...]] = set()
    for outcome in found:
        ways = tuple(
            (p.layer.name, tuple(step.op for step in p.steps))
            for p in _payments(outcome) if any((c.document, c.article) == place for c in p.citations)
        )  # fmt: skip
        held = frozenset(mark.identity for mark in outcome.example.beneficiary.identities)
        if (ways, held) not in seen or outcome.problems:
            seen.add((ways, held))
            chosen.append(outcome)
    return (
        chosen[:IN_FULL]
        if not any(o.problems for o in chosen)
        else sorted(chosen, key=lambda o: not o.problems)[:IN_FULL]
    )


def _telling_shifts(changed: Sequence[Shift]) -> list[Shift]:
    """The largest changes; examples around one threshold, which differ by a fen, count once."""
    alike: dict[tuple[object, ...], Shift] = {}
    for shift in changed:
        facts = tuple(sorted((k, str(v)) for k, v in shift.example.claim.facts.items() if k != "diagnoses"))
        held = frozenset(mark.identity for mark in shift.example.beneficiary.identities)
        alike.setdefault((facts, held), shift)
    return list(alike.values())[:OTHERS]


def _preamble(document: Document) -> list[tuple[int, str]]:
    """The lines between the title and the first article, which belong to no article."""
    lines = document.path.read_text(encoding="utf-8").splitlines()
    last = document.articles[0].line - 1 if document.articles else len(lines)
    first = next((n for n, line in enumerate(lines) if line.startswith("# ")), last)
    return [(n + 1, line.strip()) for n, line in enumerate(lines) if first < n < last and line.strip()]


def prose(lines: Sequence[tuple[int, str]]) -> Html:
    """The little Markdown that articles use: paragraphs, lists, tables, bold."""
    parts: list[Html] = []
    block: list[str] = []
    kind, last = "", 0

    def close() -> None:
        if block and kind == "ul":
            parts.append(tag("ul", [tag("li", _bold(text)) for text in block]))
        elif block and kind == "table":
            rows = [
                [cell.strip() for cell in row.strip("|").split("|")]
                for row in block
                if not re.fullmatch(r"[|:\- ]+", row)
            ]
            parts.append(table(rows[0], rows[1:]))
        elif block:
            parts.append(tag("p", _bold("".join(block))))
        block.clear()

    for number, text in lines:
        found = "ul" if text.startswith(("- ", "* ")) else "table" if text.startswith("|") else "p"
        if found != kind or (found == "p" and number != last + 1):
            if kind == "ul" and found == "p" and number == last + 1 and block:
                block[-1] += text  # a list item that goes on
                last = number
                continue
            close()
        kind, last = found, number
        block.append(text[2:] if found == "ul" else text)
    close()
    return tag("div", parts, class_="prose") if parts else Html("")


def _bold(text: str) -> Html:
    pieces = re.split(r"\*\*(.+?)\*\*", text)
    return joined(*(tag("b", piece) if n % 2 else piece for n, piece in enumerate(pieces)))


_STYLE = """
:root { --ink: #1d2329; --quiet: #5c6770; --line: #d5dbe0; --paper: #fff; --soft: #f5f7f9; --blue: #14539a; --green: #1d6b3a;
  --red: #a3241c; --amber: #7a5200; --violet: #59318f; }
* { box-sizing: border-box; }
html { scroll-padding-top: .75rem; }
body { margin: 0; display: grid; grid-template-columns: 17rem minmax(0, 1fr); color: var(--ink); background: var(--paper);
  font: 16px/1.65 "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", sans-serif; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1rem; background: var(--soft);
  border-right: 1px solid var(--line); font-size: .875rem; line-height: 1.5; }
.on-paper { display: none; font-size: 18pt; font-weight: 700; }
nav h2 { margin: 0 0 .5rem; font-size: 1rem; } nav h3 { margin: 1rem 0 .25rem; font-size: .8rem; color: var(--quiet); }
nav ol { margin: .25rem 0 .5rem; padding-left: 1rem; list-style: none; } nav summary { font-weight: 600; }
main { padding: 1.5rem 2rem 4rem; max-width: 64rem; min-width: 0; }
a { color: var(--blue); text-decoration: none; } a:hover, a:focus { text-decoration: underline; }
a:focus-visible, summary:focus-visible { outline: 3px solid #f0b429; outline-offset: 1px; }
h1 { font-size: 1.7rem; line-height: 1.3; margin: 0 0 .25rem; } h2 { font-size: 1.3rem; margin: 2rem 0 .5rem; line-height: 1.35; }
h3 { font-size: 1.1rem; margin: 0 0 .5rem; line-height: 1.4; } h4 { font-size: .95rem; margin: 1.1rem 0 .35rem; color: var(--quiet); }
p { margin: .35rem 0; } ul, ol { margin: .35rem 0; padding-left: 1.4rem; }
.made, .quiet, .source, .days { color: var(--quiet); } .source, .made { font-size: .875rem; }
.counts { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .5rem; }
.counts li { padding: .35rem .8rem; background: var(--soft); border: 1px solid var(--line); border-radius: .3rem; } .counts b { font-size: 1.15rem; }
.legend, .decide { list-style: none; padding: 0; } .legend li { display: inline-block; margin-right: 1.5rem; }
.decide li { padding: .5rem .75rem; margin: .4rem 0; border-left: 4px solid var(--line); background: var(--soft); }
.decide .warn { border-color: #d9822b; background: #fff6e8; } .decide .bad { border-color: var(--red); background: #fdeeec; }
.decide .good { border-color: var(--green); background: #eef7f0; }
.mark, .badge { display: inline-block; padding: 0 .45em; border-radius: .25em; font-size: .8em; line-height: 1.6; white-space: nowrap; }
.mark.tilt { background: #e2f2e6; color: var(--green); } .mark.penalty { background: #fbe3e0; color: var(--red); }
.mark.reading { background: #ece4f7; color: var(--violet); } .mark.stand_in { background: #fdf0d2; color: var(--amber); }
.mark.warn { background: #fff0dc; color: #9a4b00; }
.badge { border: 1px solid var(--line); color: var(--quiet); font-weight: 400; }
.badge.signed { border-color: var(--green); color: var(--green); } .badge.changed { background: var(--red); border-color: var(--red); color: #fff; }
.letter { display: inline-block; min-width: 1.5em; text-align: center; border-radius: .25em; background: #e3ecf6; color: var(--blue); font-weight: 600; }
.document { border-top: 3px solid var(--ink); margin-top: 3rem; } .document > header { margin-bottom: 1rem; } .document h2 { margin-top: .75rem; }
article { border: 1px solid var(--line); border-radius: .4rem; padding: 1rem 1.25rem; margin: 1rem 0; }
.prose { border-left: 3px solid var(--line); padding-left: .9rem; } .left-out { color: var(--quiet); font-size: .875rem; margin-top: .5rem; }
.rules { padding-left: 1.2rem; } .rules > li { margin: .5rem 0; } .past { color: var(--quiet); }
.aside { color: var(--quiet); font-size: .875rem; }
.note, .banner { padding: .35rem .7rem; border-left: 4px solid; font-size: .9rem; margin: .3rem 0; }
.note.reading { border-color: #8a63c4; background: #f6f1fc; } .note.stand_in, .banner.stand_in { border-color: #e0a526; background: #fdf6e3; }
.banner.warn { border-color: #d9822b; background: #fff6e8; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .4rem 0; font-size: .875rem; }
th, td { border: 1px solid var(--line); padding: .2rem .6rem; text-align: left; vertical-align: top; } th { background: var(--soft); font-weight: 600; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
details { margin: .4rem 0; } summary { cursor: pointer; } details > summary { color: var(--quiet); } .example > summary { color: var(--ink); }
.example { border: 1px solid var(--line); border-radius: .3rem; padding: .35rem .75rem; } .example[open] > summary { margin-bottom: .35rem; }
.facts { font-size: .875rem; color: var(--quiet); margin: .15rem 0; } .layers { font-size: .9rem; } .layers ul { padding-left: 1.1rem; }
.answer { margin: .5rem 0 .25rem; } .expected { font-size: .8rem; line-height: 1.9; }
.chip { display: inline-block; padding: 0 .5em; border: 1px solid #b9d6c2; border-radius: .25em; background: #f2f9f4; white-space: nowrap; }
.chip.bad { border-color: var(--red); background: #fdeeec; color: var(--red); font-weight: 600; } .yes { color: var(--green); } .no { color: var(--red); font-weight: 700; }
pre { background: var(--soft); border: 1px solid var(--line); padding: .75rem; overflow-x: auto; font-size: .8rem; line-height: 1.5; }
code { font-family: "Noto Sans Mono CJK SC", "DejaVu Sans Mono", Consolas, monospace; font-size: .875em; }
.by-hand { margin-top: 2rem; padding: 1rem; border: 1px dashed var(--quiet); }
@media (max-width: 60rem) { body { display: block; } nav { position: static; height: auto; border-right: 0; } main { padding: 1rem; } }
@media print { body { display: block; font-size: 10.5pt; } nav { position: static; height: auto; background: none; border: 0; }
  nav { break-after: page; } .on-paper { display: block; }
  main { max-width: none; padding: 0; } .example, tr, .note { break-inside: avoid; } h2, h3, h4 { break-after: avoid; } a { color: inherit; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
"""

__all__ = ["Study", "review_page", "sign", "study"]
