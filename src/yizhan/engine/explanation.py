"""Why a layer pays what it pays: the steps of its calculation, as sentences in Chinese and English.

A step carries the figures that arose while the layer was settled (`LayerRun`) and the rules that gave its ratios and
deductibles. Nothing is calculated again here: the sentence prints what the settlement used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from yizhan.engine.facts import CHARGES, FACTS, POTS
from yizhan.engine.money import NO_LIMIT, RATIO_ONE, half_up, percent, yuan_grouped
from yizhan.engine.scheme import Adjuster, Citation, Cited, TotalLimit
from yizhan.engine.steps import CUMULATIVE, OWN_CAP, RATIO, TOP_UP, Bill, Figures, LayerRun, deductible_of

if TYPE_CHECKING:
    from yizhan.engine.resolution import LayerCase


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a layer's calculation.

    `amount` is its result in fen, `numbers` the figures in it (fen; `ratio` in ten-thousandths), `words` what is
    named in it (keys end in `_zh` and `_en`), `story` how each figure came about.
    """

    op: str
    amount: int
    numbers: Mapping[str, int] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    story: tuple[Cited, ...] = ()

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The rules behind the step."""
        return tuple(dict.fromkeys(c for s in self.story for c in (s.setter, *(by for _, by in s.adjusters))))

    def sentence(self, lang: str = "zh", cite: Callable[[Citation], str] | None = None) -> str:
        """The step in words. `cite` writes a citation; without it, document and article in full."""
        zh, en = SENTENCES[self.op]
        shown = {name: percent(n) if name == "ratio" else yuan_grouped(n) for name, n in self.numbers.items()}
        words = {name[:-3]: text for name, text in self.words.items() if name.endswith(f"_{lang}")}
        text = (zh if lang == "zh" else en).format(amount=yuan_grouped(self.amount), **shown, **words)
        written = cite or (lambda c: c.text(lang))
        told = [story_text(s, lang, written) for s in self.story]
        joint = "；" if lang == "zh" else "; "
        return f"{text}〔{joint.join(told)}〕" if told else text


SENTENCES = {
    "base": ("计入{pots}，共 {amount} 元", "counts {pots}: {amount} yuan"),
    "aside": ("先自付 {ratio}，即 {aside} 元，余 {amount} 元", "first {ratio}, {aside} yuan, is set aside; {amount} yuan remain"),
    "barred": ("这种情形不支付", "nothing is paid in this case"),
    "required": ("须先有{layers}支付，本次没有，所以不支付", "pays only after {layers} has paid, which it has not"),
    "cost_ceiling": ("超过计入限额的不算，计入 {amount} 元", "cost above the ceiling does not count; {amount} yuan do"),
    "deductible": ("起付标准 {printed} 元{because}，本次扣除 {amount} 元", "deductible {printed} yuan{because}; {amount} yuan are taken off this bill"),
    "outside": ("{printed} 元以内不归这一层{because}，本次扣除 {amount} 元", "the first {printed} yuan are not this layer's{because}; {amount} yuan are taken off"),
    "share": ("{counted} × {ratio} = {amount} 元", "{counted} × {ratio} = {amount} yuan"),
    "ratio": ("（{counted} − {deductible}）× {ratio} = {amount} 元", "({counted} − {deductible}) × {ratio} = {amount} yuan"),
    "bands": ("{bands} = {amount} 元", "{bands} = {amount} yuan"),
    "cumulative": (
        "累计 {sum} 元（其中本次 {counted} 元），累计起付 {printed} 元，累计应付 {bands} = {due} 元，减{before_is} {before} 元 = {amount} 元",
        "year's sum {sum} yuan ({counted} of it now), deductible {printed} yuan; it gives {bands} = {due} yuan, less {before_is} {before} yuan = {amount} yuan",
    ),
    "below": (
        "累计 {sum} 元（其中本次 {counted} 元），未到起付 {printed} 元，还差 {short} 元",
        "year's sum {sum} yuan ({counted} of it now) is below the deductible of {printed} yuan by {short} yuan",
    ),
    "top_up": (
        "{of} {base} 元 × {ratio} = {due} 元，前面已报 {before} 元，差额 {amount} 元",
        "{of} {base} yuan × {ratio} = {due} yuan; {before} yuan were paid already; the difference is {amount} yuan",
    ),
    "own_cap": (
        "今年已自付 {before} 元，加本次共 {due} 元，超过 {cap} 元的部分为 {amount} 元",
        "own burden this year {before} yuan, {due} yuan with this bill; above {cap} yuan: {amount} yuan",
    ),
    "floor": ("不低于 {ratio}，应付 {amount} 元", "at least {ratio}: {amount} yuan"),
    "ceiling": ("限额以内还可付 {allowed} 元，支付 {amount} 元", "{allowed} yuan are left under the ceiling; pays {amount} yuan"),
    "room": ("只剩 {room} 元未付，支付 {amount} 元", "only {room} yuan are left unpaid; pays {amount} yuan"),
    "total_limit": (
        "各层合计最多付到限额，还能付 {room} 元，支付 {amount} 元",
        "all layers together may pay up to a limit, {room} yuan more; pays {amount} yuan",
    ),
    "tilt": ("其中倾斜多付 {amount} 元（一般支付 {normal} 元）", "{amount} yuan of it through the tilt (normally {normal} yuan)"),
    "penalty": ("因处罚少付 {amount} 元", "{amount} yuan less because of a penalty"),
    "split": ("由{who}分担", "borne by {who}"),
    "instead": ("由{who}承担", "borne by {who}"),
    "advance": ("先由{who}垫付", "advanced by {who}"),
    "held": ("待{who}，{amount} 元暂不拨付", "{amount} yuan wait for {who}"),
    "given": ("由别处结算，已付 {amount} 元", "settled elsewhere: {amount} yuan"),
}  # fmt: skip

_KEY_EN = {
    "比例": "ratio", "起付标准": "deductible", "年度限额": "yearly ceiling", "单次限额": "ceiling per bill",
    "每月限额": "monthly ceiling", "补足到": "target", "先自付比例": "share set aside", "保底比例": "floor",
    "个人年度自付上限": "cap of own burden", "年度起付上限": "yearly deductible ceiling", "年度计入限额": "yearly cost ceiling",
    "单次计入限额": "cost ceiling per bill", "计入": "counts", "不计入": "leaves out", "不支付": "not paid", "资金": "payers",
    "改由": "payer instead", "垫付": "advance", "待审": "review", "起付次数": "further stays", "转诊接续": "linked stays",
    "另设限额": "named ceiling", "合计上限": "limit on all layers", "须有支付": "requires", "折算": "weight", "按项目": "charges",
}  # fmt: skip

_MONEY_KEYS = frozenset(k for k in _KEY_EN if "限额" in k or k in ("起付标准", "年度起付上限", "个人年度自付上限"))


def adjuster_text(key: str, by: Adjuster, lang: str) -> str:
    """An adjuster in words: 加5个百分点, +5 points."""
    if lang == "zh":
        return by.text

    def shown(number: int) -> str:
        return f"{yuan_grouped(number)} yuan" if key in _MONEY_KEYS else percent(number)

    def points(number: int) -> str:
        return f"{percent(abs(number))[:-1]} points"

    sign = "+" if by.value >= 0 else "−"
    return {
        "raise": f"raised to {shown(by.value)}",
        "lower": f"lowered to {shown(by.value)}",
        "factor": f"× {percent(by.value)}",
        "add": f"{sign}{shown(abs(by.value)) if key in _MONEY_KEYS else points(by.value)}",
        "add_by_age": f"{sign}{points(by.value)} for each year of age",
        "add_capped": f"{sign}{points(by.value)}, to at most {percent(by.cap)}",
        "floor": f"at least {shown(by.value)}",
        "ceiling": f"at most {shown(by.value)}",
    }[by.kind]


def story_text(cited: Cited, lang: str, cite: Callable[[Citation], str]) -> str:
    """How a figure came about: who set it, what adjusted it."""
    name = cited.key if lang == "zh" else _KEY_EN.get(cited.key, cited.key)
    parts = [f"{name}：{cite(cited.setter)}" if lang == "zh" else f"{name}: {cite(cited.setter)}"]
    for by, citation in cited.adjusters:
        parts.append(f"{adjuster_text(cited.key, by, lang)} {cite(citation)}")
    return ("，" if lang == "zh" else ", ").join(parts)


def _named(codes: Sequence[str], lang: str) -> str:
    words = [FACTS[c].zh if lang == "zh" else FACTS[c].en for c in codes]
    return "、".join(words) if lang == "zh" else " + ".join(words)


_PART_WORDS = (
    ("起付部分", "the deductible part"),
    ("超封顶部分", "what exceeded a ceiling"),
    ("转外自付部分", "the part set aside for going elsewhere"),
    ("降比部分", "what a penalty took"),
)


def explain(
    case: LayerCase,
    run: LayerRun,
    bill: Bill,
    normal: int,
    penalty: int,
    order: Sequence[int],
    names: Sequence[str],
    left: int,
    limit: TotalLimit | None,
) -> tuple[Step, ...]:
    """The steps of one layer's run, in order.

    `order` is the drawing order of the pots, `names` the layers' names, `left` what the layer's pots held, `limit` the
    ceiling on all layers together, if there is one.
    """
    f = case.figures
    if f.barred and not f.bands and f.formula == RATIO:
        return (Step("barred", 0, story=_told(case, "不支付")), *_consequences(case, run, normal, penalty))
    steps = [_base(case, run, order)]
    if f.aside:
        steps.append(
            Step("aside", run.base - run.aside, {"ratio": f.aside, "aside": run.aside}, story=_told(case, "先自付比例"))
        )
    if f.barred:
        steps.append(Step("barred", 0, story=_told(case, "不支付")))
        return (*steps, *_consequences(case, run, normal, penalty))
    if f.requires and run.counted == 0 and run.base > run.aside:
        needed = "、".join(names[k] for k, flag in enumerate(f.requires) if flag)
        steps.append(
            Step("required", 0, words={"layers_zh": needed, "layers_en": needed}, story=_told(case, "须有支付"))
        )
        return (*steps, *_consequences(case, run, normal, penalty))
    if run.counted < run.base - run.aside:
        steps.append(Step("cost_ceiling", run.counted, story=_told(case, "单次计入限额", "年度计入限额")))
    steps += _formula(case, run, bill)
    if f.floor:
        steps.append(Step("floor", run.raw, {"ratio": f.floor}, story=_told(case, "保底比例")))
    if run.allowed < run.raw:
        told = _told(case, "单次限额", "每月限额", "年度限额", "另设限额")
        steps.append(Step("ceiling", min(run.raw, run.allowed), {"allowed": run.allowed}, story=told))
    if run.pay < min(run.raw, run.allowed):
        limited = limit is not None and run.room < left
        story = (Cited("合计上限", percent(limit.ratio), limit.citation),) if limit is not None and limited else ()
        steps.append(Step("total_limit" if limited else "room", run.pay, {"room": max(0, run.room)}, story=story))
    return (*steps, *_consequences(case, run, normal, penalty))


@lru_cache(maxsize=8192)
def _told(case: LayerCase, *keys: str) -> tuple[Cited, ...]:
    return tuple(story for story in case.story if story.key in keys)


def _base(case: LayerCase, run: LayerRun, order: Sequence[int]) -> Step:
    return Step(
        "base", run.base, words=_base_words(case, tuple(order)), story=_told(case, "计入", "不计入", "折算", "按项目")
    )


@lru_cache(maxsize=8192)
def _base_words(case: LayerCase, order: tuple[int, ...]) -> Mapping[str, str]:
    """What a layer draws on, in words; the same for every bill of a case."""
    f = case.figures
    codes: list[str] = [POTS[p] for p in order if f.weight[p]]
    if f.by_charge:
        codes = [c for c, flag in zip(CHARGES, f.charge, strict=True) if flag]
    words = {"pots_zh": _named(codes, "zh"), "pots_en": _named(codes, "en")}
    for p in order:
        if f.weight[p] not in (0, RATIO_ONE):
            words["pots_zh"] += f"（{FACTS[POTS[p]].zh}按{percent(f.weight[p])}）"
            words["pots_en"] += f" ({FACTS[POTS[p]].en} at {percent(f.weight[p])})"
    left_out = [part for part, flag in zip(_PART_WORDS, f.leaves_out, strict=True) if flag]
    if left_out:
        words["pots_zh"] += f"（不计{'、'.join(zh for zh, _ in left_out)}）"
        words["pots_en"] += f" (without {' and '.join(en for _, en in left_out)})"
    return words


def _bands_words(f: Figures, amount: int, deductible: int, due: int) -> Mapping[str, str]:
    """The bands that an amount reaches, each with its cost and ratio; they must give what the layer found due."""
    terms = []
    for low, high, ratio in f.bands:
        if f.on_total:
            cost = max(0, min(high, amount) - max(low, deductible))
        else:
            cost = max(0, min(high, amount - deductible) - low)
        if cost:
            terms.append((cost, ratio))
    assert half_up(sum(cost * ratio for cost, ratio in terms), RATIO_ONE) == due
    text = " + ".join(f"{yuan_grouped(cost)} × {percent(ratio)}" for cost, ratio in terms) or yuan_grouped(0)
    return {"bands_zh": text, "bands_en": text}


_SCOPES = (
    ("今年", "this year"), ("今年在同级医院", "this year in hospitals of this grade"), ("今年在这家医院", "this year in this hospital"),
    ("今年为这个病种", "this year for this disease"),
)  # fmt: skip
"""What further stays are counted by, in the order of `Figures.nth_scope`."""


def _because(f: Figures, run: LayerRun, bill: Bill) -> Mapping[str, str]:
    """Why another deductible is taken off than the one that is printed: a further or linked stay, the ceiling of the year."""
    zh, en = [], []
    nth = bill.stays[f.nth_scope] - (f.chained == 2)
    if f.chained == 1:
        zh.append("转诊接续的住院，前面扣过的不再扣")
        en.append("a stay that continues another after a referral, what was taken off before is not taken off again")
    elif nth >= 1:
        k = min(nth, 3) - 1
        after: tuple[str, str] | None = None
        if f.nth_fixed[k] >= 0:
            after = f"{yuan_grouped(f.nth_fixed[k])} 元", f"{yuan_grouped(f.nth_fixed[k])} yuan"
        elif f.nth_less > 0:
            less, least = yuan_grouped(f.nth_less * nth), yuan_grouped(f.nth_least)
            after = f"减 {less} 元，最低 {least} 元", f"less {less} yuan, at least {least} yuan"
        elif f.nth[k] != RATIO_ONE:
            after = f"按 {percent(f.nth[k])} 算", f"at {percent(f.nth[k])}"
        if after is not None:
            zh.append(f"{_SCOPES[f.nth_scope][0]}第 {nth + 1} 次住院，{after[0]}")
            en.append(f"stay no. {nth + 1} {_SCOPES[f.nth_scope][1]}, {after[1]}")
    if not f.chained and f.deductible_annual < NO_LIMIT:
        alone = deductible_of(replace(f, deductible_annual=NO_LIMIT), bill, ())
        if run.deductible < min(alone, run.counted):
            zh.append(f"全年起付最多 {yuan_grouped(f.deductible_annual)} 元")
            en.append(f"at most {yuan_grouped(f.deductible_annual)} yuan in the year")
    return {"because_zh": "".join(f"（{t}）" for t in zh), "because_en": "".join(f" ({t})" for t in en)}


def _formula(case: LayerCase, run: LayerRun, bill: Bill) -> list[Step]:
    f = case.figures
    if f.formula == RATIO:
        printed = f.deductible + f.deductible_per_day * bill.days
        of = bill.in_scope if f.deductible_of else bill.total
        printed += (2 * of * f.deductible_share + RATIO_ONE) // (2 * RATIO_ONE)
        told = _told(case, "起付标准", "起付次数", "转诊接续", "年度起付上限")
        steps = []
        if printed or run.deductible:
            op = "deductible" if case.insures else "outside"
            steps.append(Step(op, run.deductible, {"printed": printed}, _because(f, run, bill), told))
        if len(f.bands) == 1:
            numbers = {"counted": run.counted, "deductible": run.deductible, "ratio": f.bands[0][2]}
            steps.append(Step("ratio" if run.deductible else "share", run.due, numbers, story=_told(case, "比例")))
        else:
            steps.append(
                Step("bands", run.due, {}, _bands_words(f, run.counted, run.deductible, run.due), _told(case, "比例"))
            )
        return steps
    if f.formula == CUMULATIVE:
        total = run.base_before + run.counted
        if total < f.deductible and not run.raw:
            below = {"sum": total, "counted": run.counted, "printed": f.deductible, "short": f.deductible - total}
            return [Step("below", 0, below, story=_told(case, "起付标准"))]
        paid_before = bool(f.due_less_paid)
        words = {
            **_bands_words(f, total, f.deductible, run.due),
            "before_is_zh": "已付" if paid_before else "此前累计应付",
            "before_is_en": "paid before" if paid_before else "what it gave before",
        }
        numbers = {"sum": total, "counted": run.counted, "printed": f.deductible, "due": run.due, "before": run.before}
        return [Step("cumulative", run.raw, numbers, words, _told(case, "起付标准", "比例"))]
    if f.formula == TOP_UP:
        fact = FACTS["in_scope" if f.top_up_of else "total"]
        numbers = {
            "base": bill.in_scope if f.top_up_of else bill.total, "ratio": f.top_up, "due": run.due,
            "before": run.before,
        }  # fmt: skip
        return [Step("top_up", run.raw, numbers, {"of_zh": fact.zh, "of_en": fact.en}, _told(case, "补足到"))]
    assert f.formula == OWN_CAP
    numbers = {"before": run.before, "due": run.due, "cap": f.own_cap}
    return [Step("own_cap", run.raw, numbers, story=_told(case, "个人年度自付上限"))]


def _consequences(case: LayerCase, run: LayerRun, normal: int, penalty: int) -> list[Step]:
    f = case.figures
    steps = []
    if run.pay != normal:
        steps.append(Step("tilt", run.pay - normal, {"normal": normal}))
    if penalty:
        steps.append(Step("penalty", penalty))
    borne = [(payer, share) for payer, share in zip(case.payers, f.share, strict=False) if share]
    if len(borne) > 1:
        who = "、".join(f"{payer} {percent(share)}" for payer, share in borne)
        steps.append(Step("split", run.pay, words={"who_zh": who, "who_en": who}, story=_told(case, "资金")))
    elif case.cited("改由"):
        steps.append(
            Step("instead", run.pay, words={"who_zh": borne[0][0], "who_en": borne[0][0]}, story=_told(case, "改由"))
        )
    if case.advanced_by:
        who = case.advanced_by
        steps.append(Step("advance", run.pay, words={"who_zh": who, "who_en": who}, story=_told(case, "垫付")))
    if f.held and run.pay:
        who = case.reviewer
        steps.append(Step("held", run.pay, words={"who_zh": who, "who_en": who}, story=_told(case, "待审")))
    return steps
