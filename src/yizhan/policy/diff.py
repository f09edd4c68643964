"""What changed between two days, and for whom: `yizhan diff AREA DAY1 DAY2`.

    compare(library, "430300", first, second)    the changes as data → Difference
    diff_schemes(library, …, lang)               the same, as people read it in a terminal

Two questions are answered. *Which rules are different?* A rule that ended and one that began are put together where they
speak of the same layer and the same persons, so that a reader sees “+10 points became +5 points” and not two lists.
*What does it come to?* The claim of every worked example is settled as if on either day, and its patient shares are
compared. Examples are not a population: they show direction and size for single bills, never totals.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import cast

from yizhan.engine.claim import Claim
from yizhan.engine.facts import FACTS, POTS
from yizhan.engine.money import percent, yuan_grouped
from yizhan.engine.scheme import Bound, Condition, DocumentFacts, Financing, PremiumSubsidy, Rule, Scheme, TotalLimit
from yizhan.engine.settlement import Settlement, ranked, settle
from yizhan.errors import FactNeeded, NoPolicyForDate, Problems
from yizhan.policy.areas import Library
from yizhan.policy.examples import Example, read_examples, run
from yizhan.policy.sentences import (
    FIGURE_NAMES,
    SUBSIDY_WORDS,
    Words,
    bound_text,
    citation_words,
    financing_text,
    total_limit_text,
)

ENDED, BEGAN, FIGURES_CHANGED, PERSONS_CHANGED, MOVED = "ended", "began", "figures", "persons", "moved"
KINDS = (FIGURES_CHANGED, PERSONS_CHANGED, ENDED, BEGAN, MOVED)
"""Kinds of change, in the order in which they are told. MOVED: the same rule now rests on another article."""

LONGEST = 8
"""How many examples are told of each group."""


@dataclass(frozen=True, slots=True)
class Change:
    """Rules that ended, began, or took the place of others: those of one item, on either side."""

    kind: str
    before: tuple[Rule, ...]
    after: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """The bills of one person in the examples (mostly one bill), settled as if on either day.

    `count` examples ask this same question.
    """

    examples: tuple[Example, ...]
    before: tuple[Settlement, ...]
    after: tuple[Settlement, ...]
    count: int = 1

    @property
    def shares(self) -> tuple[int, int]:
        """The patient shares of the bills together, on either day, in fen."""
        return sum(s.patient_share for s in self.before), sum(s.patient_share for s in self.after)

    @property
    def rise(self) -> int:
        """By how much the patient share rises, in fen; negative where the patient gains."""
        return self.shares[1] - self.shares[0]

    @property
    def layers(self) -> tuple[tuple[str, int], ...]:
        """By how much each layer's payments rise, where they change."""
        names = dict.fromkeys(p.layer.name for s in (*self.before, *self.after) for p in s.payments)
        moved = (
            (n, sum(s.payment(n) or 0 for s in self.after) - sum(s.payment(n) or 0 for s in self.before)) for n in names
        )
        return tuple((name, fen) for name, fen in moved if fen)

    @property
    def identities(self) -> frozenset[str]:
        """The identities held at the last bill."""
        return self.after[-1].identities


@dataclass(frozen=True)
class Difference:
    """Everything that is different between two days in one area.

    `refused` counts examples whose claim cannot be settled on one of the days, by the reason.
    """

    scheme: Scheme
    first: date
    second: date
    ended: tuple[DocumentFacts, ...]
    began: tuple[DocumentFacts, ...]
    changes: tuple[Change, ...]
    limits: tuple[tuple[str, TotalLimit | Bound], ...]
    subsidies: tuple[tuple[str, PremiumSubsidy | None, PremiumSubsidy | None], ...]
    yearly: tuple[tuple[str, int | None, int | None], ...]
    financing: tuple[Financing | None, Financing | None]
    effects: tuple[Effect, ...]
    examples: int
    refused: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def losses(self) -> tuple[Effect, ...]:
        """Where the patient pays more, the largest first."""
        return tuple(sorted((e for e in self.effects if e.rise > 0), key=lambda e: -e.rise))

    @property
    def gains(self) -> tuple[Effect, ...]:
        """Where the patient pays less, the largest first."""
        return tuple(sorted((e for e in self.effects if e.rise < 0), key=lambda e: e.rise))


def compare(library: Library, area_code: str, first: date, second: date) -> Difference:
    """What is different between two days. Raises Problems: an unknown area, a day without a policy, bad documents."""
    area = library.area(area_code)
    scheme = library.scheme(area.code)
    for on in (first, second):
        check_day(scheme, on)
    words = Words(scheme, library.documents(area))
    examples = read_examples(area, library.root, scheme)
    effects, refused = effects_of(examples, scheme, first, second)

    def alive(document: DocumentFacts, on: date) -> bool:
        return document.begins_on <= on and (document.ends_on is None or on <= document.ends_on)

    return Difference(
        scheme, first, second,
        tuple(d for d in scheme.documents if alive(d, first) and not alive(d, second)),
        tuple(d for d in scheme.documents if alive(d, second) and not alive(d, first)),
        tuple(_changes(scheme.rules, first, second, words.grouped)), tuple(_limits(scheme, first, second)),
        tuple(_subsidies(scheme, first, second)), tuple(_yearly(scheme, first, second)),
        (scheme.financing.get(scheme.conventions.year_of(first)), scheme.financing.get(scheme.conventions.year_of(second))),
        effects, len(examples), refused,
    )  # fmt: skip


def check_day(scheme: Scheme, on: date) -> None:
    """Raises Problems if bills of this day cannot be settled."""
    if not scheme.begins_on <= on <= scheme.ends_on:
        endless = scheme.ends_on == date.max
        raise Problems([
            NoPolicyForDate(
                at=scheme.area, area=scheme.name, first=scheme.begins_on, on=on,
                until_zh="" if endless else f"至 {scheme.ends_on} 止",
                until_en="" if endless else f" and end on {scheme.ends_on}",
            )
        ])  # fmt: skip


# --- Rules ------------------------------------------------------------------------------------------------------------


def _changes(
    rules: Iterable[Rule], first: date, second: date, grouped: Callable[[Iterable[Rule]], list[list[Rule]]]
) -> Iterator[Change]:
    """Rules in force on one of the days only, put together where some take others' place: the closest resemblance first."""
    rules = list(rules)
    item = {id(rule): n for n, group in enumerate(grouped(rules)) for rule in group}
    ended = [r for r in rules if r.in_force(first) and not r.in_force(second)]
    began = [r for r in rules if r.in_force(second) and not r.in_force(first)]
    told: list[Change] = []
    for kind, match in ((MOVED, _moved), (FIGURES_CHANGED, _figures_replaced), (PERSONS_CHANGED, _persons_replaced)):
        together: dict[object, tuple[list[Rule], list[Rule]]] = {}
        for old, new in list(match(ended, began)):
            key: object = tuple(frozenset(item[id(rule)] for rule in side) for side in (old, new))
            before, after = together.setdefault(id(old[0]) if kind == PERSONS_CHANGED else key, ([], []))
            before += old
            after += new
            ended = [r for r in ended if all(r is not o for o in old)]
            began = [r for r in began if all(r is not n for n in new)]
        told += [Change(kind, tuple(before), tuple(after)) for before, after in together.values()]
    told += [Change(ENDED, tuple(group), ()) for group in grouped(ended)]
    told += [Change(BEGAN, (), tuple(group)) for group in grouped(began)]
    yield from sorted(told, key=lambda c: KINDS.index(c.kind))


Pairs = Iterator[tuple[list[Rule], list[Rule]]]


def _moved(ended: list[Rule], began: list[Rule]) -> Pairs:
    """The same rule for the same persons."""
    left = list(began)
    for old in list(ended):
        new = next((r for r in left if _for(r) == _for(old) and _says_the_same(old, r)), None)
        if new is not None:
            left = [r for r in left if r is not new]
            yield [old], [new]


def _figures_replaced(ended: list[Rule], began: list[Rule]) -> Pairs:
    """All rules of a layer for the same persons, where old and new speak of a common figure."""
    for whom in dict.fromkeys(_for(rule) for rule in ended):
        old, new = ([r for r in side if _for(r) == whom] for side in (ended, began))
        figures = [{key for rule in side for key in (*rule.sets, *rule.adjusts)} for side in (old, new)]
        if figures[0] & figures[1]:
            yield old, new


def _persons_replaced(ended: list[Rule], began: list[Rule]) -> Pairs:
    """The same figures for persons who differ in one fact, or who become more or fewer."""
    left = list(began)
    for old in list(ended):
        new = [r for r in left if r.layer == old.layer and _says_the_same(old, r) and _for_similar(old, r)]
        left = [r for r in left if all(r is not n for n in new)]
        if new:
            yield [old], new


def _for(rule: Rule) -> tuple[object, ...]:
    return rule.layer, rule.nature, frozenset(rule.when), frozenset(rule.unless)


def _by_fact(rule: Rule) -> dict[str, Condition]:
    return {c.fact: c for c in rule.when}


def _says_the_same(old: Rule, new: Rule) -> bool:
    return old.nature == new.nature and dict(old.sets) == dict(new.sets) and dict(old.adjusts) == dict(new.adjusts)


def _for_similar(old: Rule, new: Rule) -> bool:
    one, other = _by_fact(old), _by_fact(new)
    differing = [fact for fact in {*one, *other} if one.get(fact) != other.get(fact)]
    return len(differing) == 1 or one.items() <= other.items() or other.items() <= one.items()


def _limits(scheme: Scheme, first: date, second: date) -> Iterator[tuple[str, TotalLimit | Bound]]:
    every: tuple[TotalLimit | Bound, ...] = (*scheme.limits, *scheme.bounds)
    for limit in every:
        before, after = (limit.begins_on <= on <= limit.ends_on for on in (first, second))
        if before != after:
            yield (ENDED if before else BEGAN, limit)


def _subsidies(
    scheme: Scheme, first: date, second: date
) -> Iterator[tuple[str, PremiumSubsidy | None, PremiumSubsidy | None]]:
    """By identity: the premium subsidy of either year, where it differs."""
    years = [scheme.conventions.year_of(on) for on in (first, second)]

    def of(identity: str, year: int) -> list[PremiumSubsidy]:
        return [s for s in scheme.subsidies if identity in s.identities and s.from_year <= year <= s.to_year]

    held = {i for s in scheme.subsidies for i in s.identities}
    for identity in ranked(held, scheme):
        before, after = (of(identity, year) for year in years)
        bases = dict.fromkeys(s.base for s in (*before, *after))
        for base in bases:
            old = next((s for s in before if s.base == base), None)
            new = next((s for s in after if s.base == base), None)
            if _terms(old) != _terms(new):
                yield identity, old, new


def _terms(subsidy: PremiumSubsidy | None) -> tuple[object, ...]:
    if subsidy is None:
        return ()
    return (subsidy.ratio, subsidy.at_least, subsidy.paid_by, subsidy.in_period, subsidy.late, subsidy.begins)


def _yearly(scheme: Scheme, first: date, second: date) -> Iterator[tuple[str, int | None, int | None]]:
    if first.year != second.year:
        for figure in scheme.yearly.values():
            before, after = figure.by_year.get(first.year), figure.by_year.get(second.year)
            if before != after:
                yield figure.name, before, after


# --- Examples ---------------------------------------------------------------------------------------------------------


def moved_to(example: Example, on: date, scheme: Scheme) -> Example:
    """An example as if it had happened on this day: the same length of stay, the same age, nothing asserted."""
    claim, person = example.claim, example.beneficiary
    then = claim.day(scheme.conventions.policy_date)
    shift = on - then
    age = person.age_on(then)
    return replace(
        example,
        claim=replace(
            claim, admitted_on=claim.admitted_on + shift, discharged_on=claim.discharged_on + shift,
            settled_on=claim.settled_on + shift,
        ),
        beneficiary=replace(person, born_on=None if age is None else date(on.year - age, 1, 1)),
        expected={},
    )  # fmt: skip


def effects_of(
    examples: Sequence[Example], scheme: Scheme, first: date, second: date
) -> tuple[tuple[Effect, ...], dict[tuple[str, str], int]]:
    """Every distinct person of the examples, settled as if on either day; and why others were refused (zh, en).

    The bills of one person keep their order and share the year, so a ceiling is reached as the example meant it.
    """
    settled = [list(run([moved_to(e, on, scheme) for e in examples], scheme)) for on in (first, second)]
    persons: dict[str, list[int]] = {}
    for n, example in enumerate(examples):
        persons.setdefault(example.sequence, []).append(n)
    found: dict[tuple[object, ...], Effect] = {}
    refused: Counter[tuple[str, str]] = Counter()
    for rows in persons.values():
        if len({frozenset(mark.identity for mark in examples[n].beneficiary.identities) for n in rows}) > 1:
            refused[IDENTITY_CHANGES] += len(rows)
            continue
        outcomes = [[day[n].settlement for n in rows] for day in settled]
        key = tuple(_same_claim(examples[n], scheme) for n in rows)
        for on, bills in zip((first, second), outcomes, strict=True):
            if None in bills:
                refused[_why_refused(examples[rows[bills.index(None)]], on, scheme)] += len(rows)
                break
        else:
            before, after = (tuple(s for s in bills if s is not None) for bills in outcomes)
            known = found.get(key)
            new = Effect(tuple(examples[n] for n in rows), before, after)
            found[key] = replace(known, count=known.count + 1) if known else new
    return tuple(found.values()), dict(refused.most_common())


IDENTITY_CHANGES = (
    "身份在各张单子之间变过的人，换了日子就失去原意",
    "persons whose identities change between their bills: on another day that means something else",
)


def _same_claim(example: Example, scheme: Scheme) -> tuple[object, ...]:
    """What two examples share that ask the same question on any given day."""
    claim, person = example.claim, example.beneficiary
    facts = (frozenset(person.facts.items()), frozenset(claim.facts.items()))
    identities = frozenset(mark.identity for mark in person.identities)
    stay = (claim.discharged_on - claim.admitted_on, claim.settled_on - claim.discharged_on)
    age = person.age_on(claim.day(scheme.conventions.policy_date))
    return (*facts, identities, age, claim.costs, frozenset(claim.given.items()), stay)


def _why_refused(example: Example, on: date, scheme: Scheme) -> tuple[str, str]:
    """The first reason, in as few words as a count needs."""
    moved = moved_to(example, on, scheme)
    try:
        settle(moved.claim, moved.beneficiary, None, scheme)
    except Problems as found:
        problem = found.problems[0]
        if isinstance(problem, FactNeeded):
            zh, en = cast(str, problem.found["fact_zh"]), cast(str, problem.found["fact_en"])
            return (
                f"{on} 的规定要看“{zh}”，算例没有写",
                f"the rules of {on} look at {en}, which the example does not give",
            )
        return f"{on}：{problem.text('zh')}", f"{on}: {problem.text('en')}"
    return f"{on}：同一人前面的单子被拒绝", f"{on}: an earlier bill of the same person was refused"


# --- As people read it ------------------------------------------------------------------------------------------------

_TEXT = {
    "title": ("{area}：{first} 和 {second} 的规定有什么不同", "{area}: what is different between {first} and {second}"),
    "documents": ("一、文件", "1. Documents"),
    "document_began": ("开始施行", "in force now"),
    "document_ended": ("不再施行", "no longer in force"),
    "rules": ("二、规则", "2. Rules"),
    "figures": ("数字改变", "Figures changed"),
    "persons": ("对象或条件改变，数字不变", "The persons or conditions changed, the figures did not"),
    "ended": ("停止", "Ended"),
    "began": ("新增", "Began"),
    "moved": ("换了依据，内容不变", "The same rule, now resting on another article"),
    "subsidies": ("参保资助", "Premium subsidies"),
    "yearly": ("每年的数字", "Yearly figures"),
    "financing": ("筹资标准", "Premiums"),
    "own_premium": ("个人缴费", "own premium"),
    "government_part": ("财政补助", "government part"),
    "collection": ("集中缴费期", "collection period"),
    "coming_in": ("中途参保", "coming in later"),
    "was": ("原：", "was: "),
    "now": ("现：", "now: "),
    "unsaid": ("没有规定", "no rule"),
    "none": ("没有不同。", "Nothing is different."),
    "effects": ("三、对算例的影响", "3. What it does to the worked examples"),
    "method": (
        "把 {examples} 个算例的单子分别当作 {first} 和 {second} 的来算，条件相同的合成一种，共 {cases} 种。算例不是人口，只看方向和单笔的大小。",
        "The bills of {examples} examples are settled as if on {first} and on {second}; those that ask the same are one, which leaves {cases}. Examples are no population: they show direction and size, not totals.",
    ),
    "counts": ("个人负担：多付 {up} 种，少付 {down} 种，不变 {same} 种。", "Patient share: rises in {up}, falls in {down}, unchanged in {same}."),
    "rules_counted": ("规则：{counts}", "Rules: {counts}"),
    "most_lose": ("多付的多是：{who}（种）", "Those who pay more are mostly: {who} (cases)"),
    "most_gain": ("少付的多是：{who}（种）", "Those who pay less are mostly: {who} (cases)"),
    "refused": ("另有 {count} 个算例没有比较：", "{count} more examples are not compared:"),
    "by_identity": ("按身份", "By identity"),
    "identity": ("身份", "identity"),
    "nobody": ("没有身份", "no identity"),
    "up": ("多付", "rises"),
    "down": ("少付", "falls"),
    "same": ("不变", "unchanged"),
    "most_up": ("最多多付（元）", "largest rise"),
    "most_down": ("最多少付（元）", "largest fall"),
    "losses": ("多付最多的", "The largest rises"),
    "gains": ("少付最多的", "The largest falls"),
    "share": ("个人负担 {before} → {after} 元（{rise}）", "patient share {before} → {after} yuan ({rise})"),
    "more": ("……还有 {count} 种", "… and {count} more"),
    "bills": ("{count} 张单子：", "{count} bills: "),
    "alike": ("（同类的还有 {count} 种）", " ({count} more of the kind)"),
}  # fmt: skip


def diff_schemes(library: Library, area_code: str, first: date, second: date, lang: str = "zh") -> str:
    """What changed between two days and for whom, as text for a terminal. Raises Problems as `compare` does."""
    difference = compare(library, area_code, first, second)
    words = Words(difference.scheme, library.documents(library.area(area_code)), lang)
    return "\n".join(_Report(difference, words).lines()) + "\n"


def width_of(text: str) -> int:
    """Columns that a text takes in a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class _Report:
    """A difference in words."""

    def __init__(self, difference: Difference, words: Words) -> None:
        self.difference, self.words = difference, words

    def word(self, key: str, **filled: object) -> str:
        return self.words.pick(_TEXT[key]).format(**filled)

    def lines(self) -> Iterator[str]:
        d = self.difference
        area = d.scheme.name if self.words.lang == "zh" else d.scheme.name_en
        yield self.word("title", area=area, first=d.first, second=d.second)
        yield "═" * 100
        yield from self.summary()
        yield from self.documents()
        yield self.word("rules")
        told = [*self.rules()]
        yield from told or [f"  {self.word('none')}"]
        yield ""
        yield from self.effects()

    def summary(self) -> Iterator[str]:
        """The answer first: how much changed, and who feels it most."""
        d = self.difference
        counts = [(kind, sum(c.kind == kind for c in d.changes)) for kind in KINDS]
        told = [f"{self.word(kind)} {count}" for kind, count in counts if count]
        if told:
            yield f"▶ {self.word('rules_counted', counts=self.words.said('，', '; ').join(told))}"
        up, down = len(d.losses), len(d.gains)
        if up or down:
            yield f"▶ {self.word('counts', up=up, down=down, same=len(d.effects) - up - down)}"
        for key, effects in (("most_lose", d.losses), ("most_gain", d.gains)):
            if effects:
                names = Counter(self.identities(e) for e in effects).most_common(3)
                yield f"▶ {self.word(key, who=self.words.said('，', ', ').join(f'{name} {count}' for name, count in names))}"
        yield ""

    def documents(self) -> Iterator[str]:
        d = self.difference
        if d.began or d.ended:
            yield self.word("documents")
            for key, documents in (("document_ended", d.ended), ("document_began", d.began)):
                for document in documents:
                    title = document.title if self.words.lang == "zh" else document.title_en or document.title
                    days = f"{document.begins_on} – {document.ends_on or ''}".strip()
                    yield f"  {self.word(key)}　{document.name}　{title}（{days}）"
            yield ""

    # --- rules --------------------------------------------------------------------------------------------------------

    def rules(self) -> Iterator[str]:
        for kind in KINDS:
            changes = [change for change in self.difference.changes if change.kind == kind]
            limits = [limit for k, limit in self.difference.limits if k == kind]
            if changes or limits:
                yield f"  【{self.word(kind)}】"
            for change in changes:
                yield from self.change(change)
            for limit in limits:
                text = (
                    total_limit_text(self.words, limit)
                    if isinstance(limit, TotalLimit)
                    else bound_text(self.words, limit)
                )
                yield f"  · {text} [{self.cited(limit)}]"
        yield from self.yearly()
        yield from self.financing()

    def cited(self, rule: Rule | TotalLimit | Bound) -> str:
        return citation_words(rule.citation.document, rule.citation.article, self.words.lang)

    def change(self, change: Change) -> Iterator[str]:
        if change.kind in (ENDED, BEGAN):
            rules = change.before or change.after
            sentence = self.words.item(rules)
            ended = change.kind == ENDED
            first, *table = (
                replace(sentence, notes=(), life="" if ended else sentence.life).plain(self.words.lang).split("\n")
            )
            by = [
                name
                for last, name in self.words.repealed.get((rules[0].citation.document, rules[0].citation.article), [])
                if last == rules[0].ends_on
            ]
            why = (
                "".join(self.words.said(f"，由 {name} 停止执行", f", ended by {name}") for name in by) if ended else ""
            )
            yield f"  · {first} [{self.cited(rules[0])}{why}]"
            yield from (f"  {line}" for line in table)
        elif change.kind == MOVED:
            sentence = replace(self.words.item(change.after), notes=(), life="")
            first, *table = sentence.plain(self.words.lang).split("\n")
            yield f"  · {first} [{self.cited(change.before[0])} → {self.cited(change.after[0])}]"
            yield from (f"  {line}" for line in table)
        elif change.kind == PERSONS_CHANGED:
            yield from self.persons(change)
        else:
            yield from self.figures(change)

    def persons(self, change: Change) -> Iterator[str]:
        old = change.before[0]
        shared = [c for c in old.when if all(c in r.when for r in change.after)]
        who = self.words.conditions(shared, self.words.context(old.citation))
        phrases = self.words.said("，", "; ").join(self.words.figures(old.sets, old.adjusts))
        lead = self.words.said(f"{who}，" if who else "", f"{who[:1].upper()}{who[1:]}: " if who else "")
        yield f"  · {lead}{self.words.layer(old.layer)}{self.words.said('', ' ')}{phrases}{self.words.said('。', '.')}{self.nature(old)}"
        for key, rule in (("was", old), *(("now", r) for r in change.after)):
            rest = [c for c in rule.when if c not in shared]
            text = self.words.who(rest, rule.unless, self.words.context(rule.citation))
            text = text or self.words.said("（没有别的条件）", "(no further condition)")
            life = self.words.life(rule.begins_on, rule.ends_on, rule.citation) if key == "now" else ""
            days = self.words.said(f"（{life}）", f" ({life})") if life else ""
            yield f"      {self.word(key)}{text}{days} [{self.cited(rule)}]"

    def nature(self, rule: Rule) -> str:
        name = {"tilt": ("（倾斜）", " (tilt)"), "penalty": ("（处罚）", " (penalty)")}.get(rule.nature, ("", ""))
        return self.words.pick(name)

    def figures(self, change: Change) -> Iterator[str]:
        """Old and new figures side by side, a line for each group of persons."""
        new = change.after[0]
        context = self.words.context(new.citation)
        shared = [c for c in new.when if all(c in r.when for r in change.after)]
        who = self.words.who(shared, new.unless, context)
        lead = who[:1].upper() + who[1:]
        sides = ["、".join(dict.fromkeys(self.cited(rule) for rule in side)) for side in (change.before, change.after)]
        cites = " → ".join(dict.fromkeys(sides))
        yield f"  · {lead or self.words.said('一律', 'Always')}{self.words.said('，', ': ')}{self.words.layer(new.layer)}{self.nature(new)} [{cites}]"
        for when in dict.fromkeys(rule.when for rule in change.after):
            rest = self.words.conditions([c for c in when if c not in shared], context)
            was, now = self.replaced(
                *([r for r in side if set(r.when) == set(when)] for side in (change.before, change.after))
            )
            lead = f"{rest}{self.words.said('：', ': ')}" if rest else ""
            yield f"      {lead}{self.word('was')}{was}{self.words.said('；', '; ')}{self.word('now')}{now}"

    def replaced(self, before: Sequence[Rule], after: Sequence[Rule]) -> tuple[str, str]:
        """The figures that differ between two groups of rules, as either says them."""
        sides = []
        for rules in (before, after):
            sets = {key: value for rule in rules for key, value in rule.sets.items()}
            sides.append((sets, {key: by for rule in rules for key, by in rule.adjusts.items()}))
        keys = [
            k for k in FIGURE_NAMES if len({(repr(sets.get(k)), repr(adjusts.get(k))) for sets, adjusts in sides}) > 1
        ]
        told = [
            self.words.figures(
                {k: v for k, v in sets.items() if k in keys}, {k: v for k, v in adjusts.items() if k in keys}
            )
            for sets, adjusts in sides
        ]
        was, now = (self.words.said("，", ", ").join(phrases) or self.word("unsaid") for phrases in told)
        return was, now

    def yearly(self) -> Iterator[str]:
        if self.difference.subsidies:
            yield f"  【{self.word('subsidies')}】"
            for identity, old, new in self.difference.subsidies:
                name = FACTS["identity"].word(identity, self.words.lang)
                yield f"  · {name}{self.words.said('：', ': ')}{self.subsidy(old)} → {self.subsidy(new)}"
        if self.difference.yearly:
            yield f"  【{self.word('yearly')}】"
            for figure, before, after in self.difference.yearly:
                shown = [yuan_grouped(n) if n is not None else self.word("unsaid") for n in (before, after)]
                yield f"  · {self.words.named(figure)}{self.words.said('：', ': ')}{shown[0]} → {shown[1]}"

    def financing(self) -> Iterator[str]:
        before, after = self.difference.financing
        if before == after:
            return
        yield f"  【{self.word('financing')}】"
        rows: tuple[tuple[str, Callable[[Financing], str]], ...] = (
            ("own_premium", lambda f: yuan_grouped(f.own_premium)),
            ("government_part", lambda f: yuan_grouped(f.government_part)),
            ("collection", lambda f: self.words.said(f"{f.period_from}至{f.period_to}", f"{f.period_from} to {f.period_to}")),
            ("coming_in", lambda f: financing_text(self.words, f)),
        )  # fmt: skip
        for name, shown in rows:
            was, now = (shown(f) if f is not None else self.word("unsaid") for f in (before, after))
            if was != now:
                yield f"  · {self.word(name)}{self.words.said('：', ': ')}{was} → {now}"

    def subsidy(self, subsidy: PremiumSubsidy | None) -> str:
        if subsidy is None:
            return self.word("unsaid")
        least = self.words.said("不低于", "at least ") if subsidy.at_least else ""
        by = (
            self.words.said(f"（{subsidy.paid_by}出）", f" (paid by {self.words.named(subsidy.paid_by)})")
            if subsidy.paid_by
            else ""
        )
        return f"{self.words.said(subsidy.base, SUBSIDY_WORDS[subsidy.base])}{self.words.said('的', ': ')}{least}{percent(subsidy.ratio)}{by}"

    # --- examples -----------------------------------------------------------------------------------------------------

    def effects(self) -> Iterator[str]:
        d = self.difference
        yield self.word("effects")
        yield f"  {self.word('method', examples=d.examples, first=d.first, second=d.second, cases=len(d.effects))}"
        up, down = len(d.losses), len(d.gains)
        yield f"  {self.word('counts', up=up, down=down, same=len(d.effects) - up - down)}"
        if d.refused:
            yield f"  {self.word('refused', count=sum(d.refused.values()))}"
            for reason, count in list(d.refused.items())[:6]:
                yield f"    · {count}: {self.words.pick(reason)}"
        if up or down:
            yield ""
            yield from self.by_identity()
        for key, effects in (("losses", d.losses), ("gains", d.gains)):
            if effects:
                yield ""
                yield f"  【{self.word(key)}】"
                yield from self.largest(effects)

    def largest(self, effects: Sequence[Effect]) -> Iterator[str]:
        """The largest effect of each kind of case: examples around one threshold differ by a fen and are told once."""
        alike: dict[tuple[object, ...], list[Effect]] = {}
        for effect in effects:
            facts = self.words.conditions(c for c in telling(effect.examples[0].claim) if c.fact != "diagnoses")
            alike.setdefault((effect.identities, facts, tuple(n for n, _ in effect.layers)), []).append(effect)
        for group in list(alike.values())[:LONGEST]:
            yield from self.effect(group[0], len(group) - 1)
        told = sum(len(group) for group in list(alike.values())[:LONGEST])
        if told < len(effects):
            yield f"    {self.word('more', count=len(effects) - told)}"

    def by_identity(self) -> Iterator[str]:
        groups: dict[str, list[Effect]] = {}
        for effect in self.difference.effects:
            groups.setdefault(self.identities(effect), []).append(effect)
        rows = [tuple(self.word(k) for k in ("identity", "up", "down", "same", "most_up", "most_down"))]
        for name, effects in sorted(groups.items(), key=lambda g: -max(abs(e.rise) for e in g[1])):
            rises = [e.rise for e in effects]
            if any(rises):
                most, least = max(rises), min(rises)
                rows.append((
                    name, str(sum(r > 0 for r in rises)), str(sum(r < 0 for r in rises)), str(rises.count(0)),
                    yuan_grouped(most) if most > 0 else "–", yuan_grouped(-least) if least < 0 else "–",
                ))  # fmt: skip
        wide = [max(width_of(row[k]) for row in rows) + 2 for k in range(len(rows[0]))]
        yield f"  【{self.word('by_identity')}】"
        for row in rows:
            cells = [
                cell + " " * (w - width_of(cell)) if k == 0 else " " * (w - width_of(cell)) + cell
                for k, (cell, w) in enumerate(zip(row, wide, strict=True))
            ]
            yield "    " + "".join(cells).rstrip()

    def identities(self, effect: Effect) -> str:
        held = ranked(effect.identities, self.difference.scheme)
        joint = self.words.said("兼", " + ")
        return joint.join(FACTS["identity"].word(i, self.words.lang) for i in held) or self.word("nobody")

    def facts(self, effect: Effect) -> str:
        """The facts of the person's first bill that tell it apart."""
        return self.words.conditions(telling(effect.examples[0].claim))

    def effect(self, effect: Effect, alike: int) -> Iterator[str]:
        before, after = effect.shares
        rise = f"{'+' if effect.rise > 0 else '−'}{yuan_grouped(abs(effect.rise))}"
        share = self.word("share", before=yuan_grouped(before), after=yuan_grouped(after), rise=rise)
        name = self.words.said("{}", "“{}”").format(effect.examples[0].name)
        more = self.word("alike", count=alike) if alike else ""
        yield f"    · {share}　{self.identities(effect)}　{name}{more}"
        bills = self.word("bills", count=len(effect.examples)) if len(effect.examples) > 1 else ""
        yield f"        {bills}{self.facts(effect)}{self.words.said('；', '; ')}{self.costs(effect)}"
        layers = [
            f"{self.words.layer(n)} {'+' if fen > 0 else '−'}{yuan_grouped(abs(fen))}" for n, fen in effect.layers
        ]
        yield f"        {self.words.said('，', ', ').join(layers)}"

    def costs(self, effect: Effect) -> str:
        claims = [example.claim for example in effect.examples]
        pots = [sum(claim.costs.pots[k] for claim in claims) for k in range(len(POTS))]
        told = [
            f"{self.words.pick((FACTS[p].zh, FACTS[p].en))} {yuan_grouped(fen)}"
            for p, fen in zip(POTS, pots, strict=True)
            if fen
        ]
        given = Counter({layer: 0 for claim in claims for layer in claim.given})
        for claim in claims:
            given.update({layer: payment.amount for layer, payment in claim.given.items()})
        told += [
            f"{self.words.said('给定', 'given ')}{self.words.layer(n)} {yuan_grouped(fen)}" for n, fen in given.items()
        ]
        return self.words.said("，", ", ").join(told)


TELLING = (
    "care", "institution_tier", "institution_level", "institution", "tcm", "designated", "place", "referral", "emergency",
    "linked", "diagnoses", "severe_programme", "quota_chronic", "special_drug", "application", "expert_review",
    "wilful_default", "audit",
)  # fmt: skip
"""Facts of a claim that people want to see, in this order."""

ORDINARY = frozenset({
    ("designated", "yes"), ("referral", "by_rule"), ("emergency", "no"), ("linked", "no"), ("severe_programme", "no"),
    ("special_drug", "no"), ("application", "not_applied"), ("wilful_default", "no"), ("audit", "normal"),
})  # fmt: skip
"""Values that go without saying."""


def telling(claim: Claim) -> list[Condition]:
    """A claim's facts as conditions, without those that are as usual."""
    told = []
    for fact in TELLING:
        value = claim.facts.get(fact)
        if value and (fact, value) not in ORDINARY:
            told.append(Condition(fact, value if isinstance(value, frozenset) else frozenset({str(value)})))
    return told
