"""The same example under the other reading, and tilts that lower a figure: what an officer has to decide, in yuan.

A reading (读法) is a choice that we made where the text allows several. For the kinds of doubt that come up again and
again the other choice can be computed: the rules of the article are replaced in a copy of the scheme, and the examples
that the reading touches are settled again.

    percentage points          or a percentage of the ratio          提高10%
    top-up of the whole bill   or of the in-scope cost               补足到, 分母
    what hospitals bear counts as paid, or does not                  计为已报
    after three layers         or only if all three paid             须有支付
    with cost out of scope     or without                            含目录外
    a penalty is made good     or is not                             不由救助来补
    the number itself belongs below the threshold, or above          9000元以下

The choices of scheme.md (which day, which year, changes in mid-year) are switched in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, cast

from yizhan.engine.classes import BASIC
from yizhan.engine.facts import FACTS
from yizhan.engine.money import NO_LIMIT, RATIO_ONE, percent
from yizhan.engine.resolution import LayerCase
from yizhan.engine.scheme import Adjuster, Citation, Condition, Rule, Scheme
from yizhan.engine.settlement import Payment
from yizhan.engine.steps import TOP_UP, Figures
from yizhan.policy.examples import Example, Outcome, run
from yizhan.policy.rules import CONVENTIONS

Pair = tuple[str, str]
Place = tuple[str, str]
"""Document and article."""


@dataclass(frozen=True, slots=True)
class OtherReading:
    """One other way to read an article: in words, and the scheme that it makes. `touches` are the rules it changes."""

    label: Pair
    scheme: Scheme
    touches: frozenset[Citation] = frozenset()


@dataclass(frozen=True, slots=True)
class Shift:
    """The patient share of one example, under our reading and under the other, in fen."""

    example: Example
    ours: int
    other: int

    @property
    def rise(self) -> int:
        """What the other reading adds to the patient share."""
        return self.other - self.ours


@dataclass(frozen=True, slots=True)
class Shifts:
    """What another reading does to the examples: those that change, how many it touches, how many it refuses."""

    label: Pair
    changed: tuple[Shift, ...]
    touched: int
    refused: int


@dataclass(frozen=True, slots=True)
class Lowered:
    """A tilt that makes a figure worse than the rule it replaces, in the case of an example.

    `tilted` and `general` are the two figures (ten-thousandths, or fen), `by` where the general one stands. `ours` and
    `without` are the patient shares with this article's tilt and without it.
    """

    place: Place
    layer: str
    figure: str
    tilted: int
    general: int
    by: Citation | None
    example: Example
    ours: int
    without: int


# --- Other readings of an article -------------------------------------------------------------------------------------

Change = tuple[Pair, Rule]


def _points(rule: Rule, reason: str, scheme: Scheme) -> Iterator[Change]:
    if not re.search("[0-9]%.*百分点", reason):
        return
    changed: dict[str, tuple[Adjuster, ...]] = {}
    for key, adjusters in rule.adjusts.items():
        if key in ("比例", "补足到", "保底比例") and any(by.kind == "add" for by in adjusters):
            changed[key] = tuple(_as_share(by) if by.kind == "add" else by for by in adjusters)
    if changed:
        label = (
            "百分点改读作原比例的百分之几（70%提高10%得77%，不是80%）",
            "points are read as a percentage of the ratio (70% raised by 10% gives 77%, not 80%)",
        )
        yield label, replace(rule, adjusts={**rule.adjusts, **changed})


def _as_share(by: Adjuster) -> Adjuster:
    factor = RATIO_ONE + by.value
    return Adjuster("factor", factor, text=f"按{percent(factor)}")


def _denominator(rule: Rule, reason: str, scheme: Scheme) -> Iterator[Change]:
    if "补足到" in rule.sets and "分母" in rule.sets:
        other = "in_scope" if rule.sets["分母"] == "total" else "total"
        fact = FACTS[other]
        label = (f"补足的分母改为{fact.zh}", f"the top-up is measured on the {fact.en.removeprefix('the ')}")
        yield label, replace(rule, sets={**rule.sets, "分母": other})


def _counted(rule: Rule, reason: str, scheme: Scheme) -> Iterator[Change]:
    counted = cast("tuple[str, ...]", rule.sets.get("计为已报", ()))
    if "补足到" not in rule.sets or not counted:
        return
    names = [layer.name for layer in scheme.layers]
    before = scheme.layers[: names.index(rule.layer)]
    hospital = [layer.name for layer in before if layer.kind == "医院减免" or layer.payer == "定点医疗机构"]
    live = [name for name in hospital if scheme.rules_of(name)]
    if not live:
        return
    if counted == ("前面各层",):
        rest = tuple(layer.name for layer in before if layer.name not in hospital)
        yield (
            ("医院承担和减免的部分不算已报", "what hospitals bear or waive does not count as paid"),
            _counting(rule, rest),
        )
    elif not set(live) & set(counted):
        yield (
            ("医院承担和减免的部分也算已报", "what hospitals bear or waive counts as paid too"),
            _counting(rule, (*counted, *live)),
        )


def _counting(rule: Rule, names: tuple[str, ...]) -> Rule:
    return replace(rule, sets={**rule.sets, "计为已报": names})


def _all_paid(rule: Rule, reason: str, scheme: Scheme) -> Iterator[Change]:
    if not re.search("不要求.*付过", reason) or not {"比例", "补足到", "计入"} & set(rule.sets):
        return
    names = [layer.name for layer in scheme.layers]
    before = scheme.layers[: names.index(rule.layer)]
    three = tuple(layer.name for layer in before if layer.kind in (BASIC, "大病保险", "医疗救助"))
    yield (
        ("前面各层保险和救助都付过钱才支付", "pays only where the insurances and assistance before it all paid"),
        replace(rule, sets={**rule.sets, "须有支付": three}),
    )


def _in_scope_only(rule: Rule, reason: str, scheme: Scheme) -> Iterator[Change]:
    pots = cast("tuple[str, ...]", rule.sets.get("计入", ()))
    if "含目录外" in reason and "in_scope" in pots and len(pots) > 1:
        label = ("只算政策范围内，不含目录外", "only in-scope cost counts")
        yield label, replace(rule, sets={**rule.sets, "计入": ("in_scope",)})


def _penalty_made_good(rule: Rule, reason: str, scheme: Scheme) -> Iterator[Change]:
    left_out = cast("tuple[str, ...]", rule.sets.get("不计入", ()))
    if "不由救助来补" in reason and "降比部分" in left_out:
        rest = tuple(part for part in left_out if part != "降比部分")
        sets = {key: value for key, value in rule.sets.items() if key != "不计入"} | ({"不计入": rest} if rest else {})
        yield ("因处罚少付的部分也由这一层来补", "this layer makes good what a penalty took"), replace(rule, sets=sets)


def _number_itself(rule: Rule, reason: str, scheme: Scheme) -> Iterator[Change]:
    if not re.search("含[0-9.]+万?元|元整", reason):
        return
    when = tuple(_other_side(c) if FACTS[c.fact].unit == "fen" else c for c in rule.when)
    if when != rule.when:
        yield (
            ("界限上的那个数归到另一边", "the number itself belongs to the other side of the threshold"),
            replace(rule, when=when),
        )


def _other_side(c: Condition) -> Condition:
    low = c.low - c.low % 100 if c.low % 100 == 1 else c.low + 1 if c.low and c.low % 100 == 0 else c.low
    high = (
        c.high
        if c.high >= NO_LIMIT
        else c.high - 1
        if c.high % 100 == 0
        else c.high + 1
        if c.high % 100 == 99
        else c.high
    )
    return replace(c, low=low, high=high)


KINDS: tuple[Callable[[Rule, str, Scheme], Iterator[Change]], ...] = (
    _points, _denominator, _counted, _all_paid, _in_scope_only, _penalty_made_good, _number_itself,
)  # fmt: skip
"""The kinds of doubt of which the other side can be computed."""


def other_readings(scheme: Scheme, place: Place, on: date) -> list[OtherReading]:
    """The other readings of an article that can be computed, as far as its rules are in force on a day.

    A kind of doubt changes all rules of the article at once.
    """
    found: dict[Pair, dict[int, Rule]] = {}
    for rule in scheme.rules:
        if (rule.citation.document, rule.citation.article) != place or not rule.in_force(on):
            continue
        reason = "；".join(note.reason for note in rule.notes if note.kind == "reading")
        for kind in KINDS if reason else ():
            for label, changed in kind(rule, reason, scheme):
                found.setdefault(label, {})[id(rule)] = changed
    return [
        OtherReading(label, _with(scheme, changed), frozenset(r.citation for r in scheme.rules if id(r) in changed))
        for label, changed in found.items()
    ]


def _with(scheme: Scheme, changed: Mapping[int, Rule | None]) -> Scheme:
    rules = (changed.get(id(rule), rule) for rule in scheme.rules)
    return replace(scheme, rules=tuple(rule for rule in rules if rule is not None))


# --- Other choices of scheme.md ---------------------------------------------------------------------------------------

SWITCHED = ("政策日期", "身份日期", "跨年住院", "费率变化", "身份变化", "身份取舍")


def other_choices(scheme: Scheme) -> Iterator[tuple[str, str, Scheme]]:
    """Each choice of scheme.md that can be switched: its key, the other value, and the scheme with it."""
    for key in SWITCHED:
        attribute, values = CONVENTIONS[key]
        for word, code in values.items():
            if code in ("split", "split_poor") or getattr(scheme.conventions, attribute) == code:
                continue  # a stay that is cut needs its cost by year, which examples do not give
            changed = cast("dict[str, Any]", {attribute: code})
            yield key, word, replace(scheme, conventions=replace(scheme.conventions, **changed))


def may_differ(key: str, rows: Sequence[Example], scheme: Scheme) -> bool:
    """Whether a choice can make a difference to one person's bills; saves settling the others."""
    year_of = scheme.conventions.year_of
    claims = [example.claim for example in rows]
    if key in ("政策日期", "身份日期"):
        return any(c.admitted_on != c.discharged_on or c.settled_on != c.discharged_on for c in claims)
    if key == "跨年住院":
        return any(year_of(c.admitted_on) != year_of(max(c.discharged_on, c.settled_on)) for c in claims)
    if key == "身份取舍":
        return any(len(example.beneficiary.identities) > 1 for example in rows)
    return len(rows) > 1


# --- What it comes to -------------------------------------------------------------------------------------------------


def shifts(
    label: Pair, scheme: Scheme, outcomes: Sequence[Outcome], touched: Callable[[Sequence[Outcome]], bool]
) -> Shifts:
    """Settle the persons that are `touched` under another scheme; the largest changes first."""
    persons: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        persons.setdefault(outcome.example.sequence, []).append(outcome)
    chosen = [outcome for rows in persons.values() if touched(rows) for outcome in rows]
    changed: list[Shift] = []
    refused = 0
    again = run([replace(outcome.example, expected={}) for outcome in chosen], scheme)
    for outcome, other in zip(chosen, again, strict=True):
        if outcome.settlement is None or other.settlement is None:
            refused += outcome.settlement is not None
        elif outcome.settlement.patient_share != other.settlement.patient_share:
            changed.append(Shift(outcome.example, outcome.settlement.patient_share, other.settlement.patient_share))
    return Shifts(label, tuple(sorted(changed, key=lambda s: -abs(s.rise))), len(chosen), refused)


def cites(outcome: Outcome, citations: Iterable[Citation]) -> bool:
    """Whether a settled example rests on one of these rules."""
    wanted = frozenset(citations)
    return outcome.settlement is not None and any(wanted & set(p.citations) for p in outcome.settlement.payments)


def shifts_of(reading: OtherReading, outcomes: Sequence[Outcome]) -> Shifts:
    """What another reading of an article does to the examples that rest on it."""
    return shifts(reading.label, reading.scheme, outcomes, lambda rows: any(cites(o, reading.touches) for o in rows))


# --- Tilts that lower a figure ----------------------------------------------------------------------------------------


def lowered(scheme: Scheme, outcomes: Sequence[Outcome], first: Callable[[Outcome], bool]) -> list[Lowered]:
    """Tilts that make a figure worse in a case of the examples, each once. Examples for which `first` holds are preferred."""
    tilts = {(r.layer, r.citation): r for r in scheme.rules if r.nature == "tilt"}
    found: dict[tuple[object, ...], tuple[Outcome, Payment]] = {}
    for outcome in sorted(outcomes, key=lambda o: not first(o)):
        for payment in outcome.settlement.payments if outcome.settlement else ():
            if payment.case is None or payment.case.normal is None:
                continue
            for figure, tilted, general in _worse(payment.case.figures, payment.case.normal):
                for citation in _tilted_by(payment.case, figure):
                    if (payment.layer.name, citation) in tilts:
                        key = (citation.document, citation.article, payment.layer.name, figure, tilted, general)
                        found.setdefault(key, (outcome, payment))
    return [_without(scheme, outcomes, key, outcome) for key, (outcome, _) in found.items()]


def _tilted_by(case: LayerCase, figure: str) -> Iterator[Citation]:
    for story in case.story:
        if story.key == figure:
            yield story.setter
            yield from (citation for _, citation in story.adjusters)


def _worse(tilted: Figures, general: Figures) -> Iterator[tuple[str, int, int]]:
    """Figures that are worse for the patient in the first row: (key, tilted, general)."""
    if tilted.bands and general.bands:
        edges = sorted({band[0] for band in (*tilted.bands, *general.bands)})
        pairs = [(_ratio_at(tilted, edge), _ratio_at(general, edge)) for edge in edges]
        yield from (("比例", a, b) for a, b in pairs[:1] + [p for p in pairs[1:] if p != pairs[0]] if a < b)
    if tilted.formula == general.formula == TOP_UP and tilted.top_up < general.top_up:
        yield "补足到", tilted.top_up, general.top_up
    if tilted.deductible > general.deductible:
        yield "起付标准", tilted.deductible, general.deductible
    if tilted.annual < general.annual < NO_LIMIT:
        yield "年度限额", tilted.annual, general.annual


def _ratio_at(figures: Figures, fen: int) -> int:
    return next(ratio for low, high, ratio in reversed(figures.bands) if fen >= low)


def _without(scheme: Scheme, outcomes: Sequence[Outcome], key: tuple[object, ...], outcome: Outcome) -> Lowered:
    """The example once more, without the article's tilts on the layer."""
    document, article, layer, figure, tilted, general = cast("tuple[str, str, str, str, int, int]", key)
    gone: dict[int, Rule | None] = {
        id(r): None for r in scheme.rules
        if r.nature == "tilt" and r.layer == layer and (r.citation.document, r.citation.article) == (document, article)
    }  # fmt: skip
    rows = [o.example for o in outcomes if o.example.sequence == outcome.example.sequence]
    again = {o.example.line: o.settlement for o in run([replace(e, expected={}) for e in rows], _with(scheme, gone))}
    assert outcome.settlement is not None
    ours = outcome.settlement.patient_share
    other = again[outcome.example.line]
    by: Citation | None = None
    for payment in other.payments if other else ():
        story = payment.case.cited(figure) if payment.case and payment.layer.name == layer else None
        by = story.setter if story else by
    share = other.patient_share if other else ours
    return Lowered((document, article), layer, figure, tilted, general, by, outcome.example, ours, share)
