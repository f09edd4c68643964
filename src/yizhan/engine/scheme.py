"""A scheme: the rules of one pooling area (统筹区), as data that the engine can settle with.

The nouns, from the outside in:

    Scheme       all rules of an area over all of its dates, the order of its layers, its conventions
    Layer        one tier of protection (基本医保, 大病保险, 医疗救助 …) with its class and who pays
    Rule         when these facts hold, these figures are so; with its citation
    Setter       gives a figure a value              比例: 80%
    Adjuster     changes a value that others gave     比例: 加5个百分点
    Citation     document and article: where a rule stands

Documents are read into these by `yizhan.policy`; `engine.resolution` turns them into finished figures for one case.
Nothing here reads a file or knows a figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from unicodedata import normalize

from yizhan.engine.facts import FACTS
from yizhan.engine.money import NO_LIMIT, RATIO_ONE, half_up, percent, yuan_grouped


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a rule stands: document, article, and the line of the file."""

    document: str
    article: str
    title: str = ""
    document_en: str = ""
    file: str = ""
    line: int = 0

    def text(self, lang: str = "zh") -> str:
        """`赤卫计发〔2018〕39号 第15条`, or with the document's English name."""
        document = self.document if lang == "zh" or not self.document_en else self.document_en
        return f"{document} {self.article}"

    @property
    def place(self) -> str:
        """`file:line document article`, as errors begin."""
        return f"{self.file}:{self.line} {self.document} {self.article}"


@dataclass(frozen=True, slots=True)
class Note:
    """What a bill must say about a figure: a stand-in (代用) or a reading (读法), with the reason."""

    kind: str
    reason: str
    citation: Citation


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum of money as a rule may state it: fen + per_day × days + share of an amount of the bill.

    `share` is in ten-thousandths of the bill's `of` (`total` or `in_scope`), rounded half up. A yearly figure's share
    (`上年居民人均可支配收入的25%`) carries the figure's name in `yearly` until the year is known.
    """

    fen: int = 0
    per_day: int = 0
    share: int = 0
    of: str = ""
    yearly: str = ""

    @property
    def plain(self) -> bool:
        """Whether this is a sum of fen and nothing else."""
        return not (self.per_day or self.share or self.yearly)

    def scaled(self, numerator: int, denominator: int, unit: int) -> Amount | None:
        """Times a fraction; fen are rounded half up to `unit` fen, once.

        None for a share or a sum per day that would have to be rounded before the bill is known.
        """
        fen = self.fen if self.fen >= NO_LIMIT else half_up(self.fen * numerator, denominator * unit) * unit
        per_day, rest = divmod(self.per_day * numerator, denominator)
        share, more = divmod(self.share * numerator, denominator)
        if rest or more or (unit > 1 and not self.plain):
            return None
        return Amount(fen, per_day, share, self.of)

    def text(self) -> str:
        """As a document would write it."""
        if self.yearly:
            return f"{self.yearly}的{percent(self.share)}"
        if self.share:
            return f"{FACTS[self.of].zh}的{percent(self.share)}"
        if self.per_day:
            return f"每日{yuan_grouped(self.per_day)}元"
        return "不设" if self.fen >= NO_LIMIT else f"{yuan_grouped(self.fen)}元"


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of cost paid at one ratio: from `low` (excluded) to `high` (included), in fen."""

    low: int
    high: int
    ratio: int


@dataclass(frozen=True, slots=True)
class Condition:
    """One fact that must hold: one of `values`, or a number between `low` and `high`, both included."""

    fact: str
    values: frozenset[str] = frozenset()
    low: int = 0
    high: int = NO_LIMIT

    def text(self, lang: str = "zh") -> str:
        """`身份: 特困、低保`."""
        fact = FACTS[self.fact]
        if fact.kind == "number":
            return f"{fact.zh if lang == 'zh' else fact.en}: {self._range(fact.unit)}"
        words = [fact.word(v, lang) for v in sorted(self.values)]
        return f"{fact.zh}: {'、'.join(words)}" if lang == "zh" else f"{fact.en}: {' or '.join(words)}"

    def _range(self, unit: str) -> str:
        def show(number: int) -> str:
            return yuan_grouped(number) if unit == "fen" else str(number)

        if self.low <= 0:
            return f"≤ {show(self.high)}"
        return f"≥ {show(self.low)}" if self.high >= NO_LIMIT else f"{show(self.low)} – {show(self.high)}"


@dataclass(frozen=True, slots=True)
class Adjuster:
    """A change to a figure. `kind`, in the order in which they act:

    raise, lower (to `value`), factor (ten-thousandths), add (points in ten-thousandths, or fen), add_by_age (points for
    each year of age), add_capped (`value` points, never above `cap`), floor, ceiling.
    """

    kind: str
    value: int
    cap: int = 0
    text: str = ""

    @property
    def whole(self) -> int:
        """What a factor is a fraction of: RATIO_ONE, or `cap` for several factors taken together."""
        return self.cap or RATIO_ONE


@dataclass(frozen=True, slots=True)
class Cited:
    """A finished figure's story: the rule that set it and what adjusted it, each with its citation."""

    key: str
    text: str
    setter: Citation
    adjusters: tuple[tuple[Adjuster, Citation], ...] = ()


ADJUSTER_ORDER = ("raise", "lower", "factor", "add", "add_by_age", "add_capped", "floor", "ceiling")

Setting = object
"""What a setter gives: int, str, Amount, tuple of Bands, or a tuple of these; each figure knows its own form."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One item of a document: when these facts hold on these days, these figures are so.

    `sets` and `adjusts` are keyed by the figure's Chinese key. `instead_of` holds what 例外于 names: `一般规定`, or
    (document, article) pairs. `depth` is the level of the area whose document it is (0 the nation).
    """

    layer: str
    when: tuple[Condition, ...]
    unless: tuple[Condition, ...]
    begins_on: date
    ends_on: date
    nature: str
    instead_of: tuple[tuple[str, str], ...]
    sets: Mapping[str, Setting]
    adjusts: Mapping[str, tuple[Adjuster, ...]]
    citation: Citation
    depth: int
    notes: tuple[Note, ...] = ()

    @property
    def identities(self) -> frozenset[str]:
        """The identities that this rule is for; empty if it is for everybody."""
        return frozenset().union(*(c.values for c in self.when if c.fact == "identity"))

    def in_force(self, on: date) -> bool:
        """Whether the rule's days include this one."""
        return self.begins_on <= on <= self.ends_on


GENERAL = ("", "")
"""What `例外于: 一般规定` names: every rule that is no exception itself."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One tier of protection. `payer` is who pays unless a rule says otherwise; `code` the national fund code."""

    name: str
    en: str
    kind: str
    payer: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class TotalLimit:
    """The layers together pay at most this share of an amount of the bill (合计上限)."""

    when: tuple[Condition, ...]
    begins_on: date
    ends_on: date
    ratio: int
    of: str
    citation: Citation
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound that the figures of areas below must meet (要求). Checked, never computed with."""

    layer: str
    figure: str
    adjuster: Adjuster
    when: tuple[Condition, ...]
    begins_on: date
    ends_on: date
    citation: Citation


@dataclass(frozen=True, slots=True)
class PremiumSubsidy:
    """One row of 参保资助: who gets how much of which premium from whom (SUB-1 … SUB-3).

    `ratio` in ten-thousandths of `base` (个人缴费标准 or 当年筹资总额); `at_least` marks a bound rather than a figure.
    `in_period` and `late` are 享受 or 不享受: for people marked until the end of the collection period, and after it.
    `begins` is the day on which the insurance of somebody enrolled late begins: 资助到账日, 参保日, or empty.
    """

    identities: frozenset[str]
    ratio: int
    at_least: bool
    base: str
    paid_by: str
    certified_by: str
    applied_by: str
    from_year: int
    to_year: int
    in_period: str
    late: str
    begins: str
    citation: Citation
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Financing:
    """What a resident's insurance costs in one enrolment year, and until when one may come in (筹资标准).

    Amounts are fen; days include both ends. `changes` are the events (codes of `engine.premium.EVENTS`) after which a
    person may still come in for `change_days`, as a newborn may for `newborn_days`. `waiting_days` is what everybody
    else waits who comes after the collection period; None: they may not come in any more.
    """

    year: int
    own_premium: int
    government_part: int
    period_from: date
    period_to: date
    newborn_days: int | None
    changes: frozenset[str]
    change_days: int
    waiting_days: int | None
    citation: Citation
    notes: tuple[Note, ...] = ()

    @property
    def total(self) -> int:
        """Own premium and government part together (当年筹资总额)."""
        return self.own_premium + self.government_part


@dataclass(frozen=True, slots=True)
class YearlyFigure:
    """A figure renewed each year (每年): fen or ten-thousandths by year."""

    name: str
    by_year: Mapping[int, int]
    citation: Citation
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Conventions:
    """The area's scheme-wide choices (约定); dates and years as policy-format.md section 9 explains."""

    policy_date: str = "discharged_on"
    identity_date: str = "discharged_on"
    year_starts: tuple[int, int] = (1, 1)
    cross_year: str = "discharge_year"
    cross_year_identities: frozenset[str] = frozenset()
    rate_change: str = "new_only"
    identity_change: str = "new_only"
    identity_choice: str = "ranked"
    identity_rank: tuple[str, ...] = ()
    local_rules: str = "error"
    referral_above: str = "county"
    arrears_days: int = 0

    def year_of(self, on: date) -> int:
        """The policy year of a day: the calendar year in which it began."""
        return on.year if (on.month, on.day) >= self.year_starts else on.year - 1


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What a document says of itself; the digest of a scheme covers these and every rule."""

    name: str
    title: str
    title_en: str
    file: str
    area: str
    begins_on: date
    ends_on: date | None
    source: str
    nature: str
    stand_in: str
    digest: str


@dataclass(frozen=True, eq=False)
class Scheme:
    """All rules of one pooling area over all of its dates.

    `digest` identifies the documents: the same digest gives the same payments for ever. Bills can be settled from
    `begins_on` to `ends_on`, the life of the area's scheme.md.
    """

    area: str
    name: str
    name_en: str
    layers: tuple[Layer, ...]
    rules: tuple[Rule, ...]
    conventions: Conventions
    digest: str
    begins_on: date = date.min
    ends_on: date = date.max
    documents: tuple[DocumentFacts, ...] = ()
    limits: tuple[TotalLimit, ...] = ()
    bounds: tuple[Bound, ...] = ()
    yearly: Mapping[str, YearlyFigure] = field(default_factory=dict)
    subsidies: tuple[PremiumSubsidy, ...] = ()
    financing: Mapping[int, Financing] = field(default_factory=dict)
    impossible: tuple[tuple[Condition, ...], ...] = ()
    disease_codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    english: Mapping[str, str] = field(default_factory=dict)

    def word(self, name: str, lang: str) -> str:
        """A payer, disease or other name of the documents, in English where they give it (英文)."""
        return self.english.get(name, name) if lang == "en" else name

    def rules_of(self, layer: str) -> tuple[Rule, ...]:
        """The rules that speak of one layer."""
        return tuple(rule for rule in self.rules if rule.layer == layer)

    def diseases(self, words: Iterable[str]) -> frozenset[str]:
        """Diseases as rules name them: the words themselves, and what ICD-10 codes among them stand for (病种编码)."""
        found = set()
        for written in words:
            word = normalize("NFKC", written).strip()
            code = word.upper().replace("。", ".")
            named = [name for name, codes in self.disease_codes.items() if code.startswith(codes)]
            found.update(named or ([word] if word else []))
        return frozenset(found)
