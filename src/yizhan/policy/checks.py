"""What a computer can find wrong with policies before a bill meets them: `yizhan check`.

    check(library, today=…)          every document, rule and example of some or all areas → Report
    check_against(library, text)     one document against the official text that a bureau has → Report
    print_report(report, lang)       the report as people read it

    errors      mistakes of a document, numbers of the law that were forgotten, words that need a reading, cases in which
                rules conflict or say too little, bounds not met, examples that do not come out, thresholds without any
    warnings    what somebody has to know or to decide: expiry, signatures, stand-ins, readings, notches, tilts that make
                it worse, and ways of writing that seldom mean what they do

Nothing here is sampled: cases are enumerated (`policy.thresholds`), and the report says how many. The clock is an
argument. Every problem names file, line and article, and is found once, however many areas inherit the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from typing import cast

from yizhan.engine.claim import Pots
from yizhan.engine.classes import OTHER, Case, case_text
from yizhan.engine.facts import FACTS
from yizhan.engine.money import NO_LIMIT, percent, yuan, yuan_grouped
from yizhan.engine.resolution import LayerCase, Resolver
from yizhan.engine.scheme import GENERAL, Amount, Bound, Citation, Condition, Layer, Note, Rule, Scheme
from yizhan.engine.settlement import resolver_of
from yizhan.engine.steps import Bill, Figures, base_of, pay_layer
from yizhan.errors import (
    AdjustersStack,
    BadDocument,
    BoundNotMet,
    ChangedSinceSigned,
    DocumentExpired,
    EmptyLayer,
    ExamplesMissing,
    FinancingDue,
    MixedException,
    Notch,
    NotSigned,
    NumberNotModelled,
    OfficialDocumentUnknown,
    OfficialNumberMissing,
    OfficialStretchMissing,
    Problem,
    Problems,
    RankNotMonotone,
    ReadingNeeded,
    ReadingTaken,
    RulesConflict,
    StandInUsed,
    ThresholdsUnshown,
    TiltWorse,
    YearlyFigureDue,
    YearlyFigureMissing,
)
from yizhan.policy import numbers
from yizhan.policy.areas import NATION, SIGNATURES, AreaFolder, Library
from yizhan.policy.document import Article, Document, Mapping, Node
from yizhan.policy.examples import Outcome, read_examples, run
from yizhan.policy.thresholds import (
    MOST_CASES,
    SIDES,
    Observer,
    Probe,
    Threshold,
    distinct_cases,
    notches,
    probes,
    resolved,
)


@dataclass
class Report:
    """What was found. `enumerated` says what was looked at: the cases of each layer, or the numbers of an official text."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    enumerated: list[tuple[str, str]] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """1 if there are errors, else 0; warnings do not count."""
        return 1 if self.errors else 0

    def once(self) -> Report:
        """The same without repetitions, sorted by file and line."""
        return Report(_once(self.errors), _once(self.warnings), list(dict.fromkeys(self.enumerated)))


def _once(problems: Iterable[Problem]) -> list[Problem]:
    found = {(p.code, p.text("zh")): p for p in problems}
    return sorted(found.values(), key=lambda p: _place(p.at))


def _place(at: str) -> tuple[str, int, str]:
    file, _, rest = at.partition(":")
    line = rest.split(" ", 1)[0]
    return file, int(line) if line.isdigit() else 0, rest


def check(library: Library, areas: Sequence[str] | None = None, *, today: date) -> Report:
    """Check the documents, rules and examples of these areas (six-digit codes), or of all.

    An area is checked with everything that it inherits. Raises Problems for an area that does not exist.
    """
    if areas is None:
        chosen = list(library.areas.values())
    else:
        chosen = [library.areas[code] if code in library.areas else library.area(code) for code in areas]
    report = Report()
    shown = _Shown()
    linted: set[str] = set()
    for area in chosen:
        try:
            documents = library.documents(area)
            _check_texts(report, documents, linted, today)
            if area.settles:
                _check_area(report, library, area, documents, shown, today)
        except Problems as found:
            report.errors += cast(Iterable[Problem], found.problems)
    for area in library.pooling_areas:
        if area not in chosen and any(_related(area, other) for other in chosen):
            _show_examples_of(library, area, shown)
    _check_thresholds(report, shown)
    return report.once()


def _related(one: AreaFolder, other: AreaFolder) -> bool:
    """Whether two areas inherit a document of the same folder, the nation's apart."""
    return any(folder in other.chain for folder in one.chain if not folder.name.startswith(f"{NATION}-"))


def _check_area(
    report: Report, library: Library, area: AreaFolder, documents: list[Document], shown: _Shown, today: date
) -> None:
    scheme = library.scheme(area.code)
    found_conflicts, enumerated = conflicts(scheme, today)
    report.errors += found_conflicts
    report.enumerated += enumerated
    report.errors += [problem for bound in scheme.bounds for problem in bound_problems(scheme, bound)]
    report.warnings += _notes(scheme, documents)
    report.warnings += _empty_layers(scheme, documents)
    report.warnings += _yearly_due(scheme, today)
    report.warnings += _mixed_exceptions(scheme)
    report.warnings += stacking(scheme)
    outcomes = list(run(read_examples(area, library.root, scheme), scheme))
    report.errors += [problem for outcome in outcomes for problem in outcome.problems]
    shown.add(scheme, documents, outcomes)
    found = probes(scheme, outcomes)
    report.warnings += notch_problems(scheme, found)
    report.warnings += worse_tilts(scheme, outcomes)
    report.warnings += rank_problems(scheme, found, _block_place(documents, "约定", "身份从高到低"))


# --- Documents --------------------------------------------------------------------------------------------------------


def _at(document: Document, article: Article | None, line: int) -> str:
    return f"{document.file}:{line} {document.name}{f' {article.number}' if article else ''}"


def _check_texts(report: Report, documents: list[Document], linted: set[str], today: date) -> None:
    """What can be seen in documents alone. A document that several areas inherit is looked at once."""
    known = numbers.definitions(documents)
    for document in documents:
        if document.file in linted:
            continue
        linted.add(document.file)
        for article in document.articles:
            for number, line in numbers.unspoken(document, article, known):
                report.errors.append(NumberNotModelled(at=_at(document, article, line), number=number.text))
            if document.about.nature == "正文":
                for word, line in numbers.open_words(article):
                    report.errors.append(ReadingNeeded(at=_at(document, article, line), word=word))
        ended = document.about.ends_on
        if ended is not None and ended < today:
            at = _at(document, None, document.front["废止"].line)
            report.warnings.append(DocumentExpired(at=at, name=document.name, ended=ended, today=today))
    for folder in dict.fromkeys(document.path.parent for document in documents):
        own = [document for document in documents if document.path.parent == folder]
        errors, warnings = signature_problems(folder, own)
        report.errors += errors
        report.warnings += warnings


@dataclass(frozen=True, slots=True)
class Signature:
    """One row of 签署.md: somebody read an article and its rules as they stood on a day."""

    document: str
    article: str
    digest: str
    by: str
    on: str
    line: int


SIGNATURE_COLUMNS = ["文件", "条", "摘要", "签署人", "日期"]


def read_signatures(folder: Path) -> tuple[list[Signature], list[int]]:
    """The rows of an area's 签署.md, and the lines that cannot be read."""
    path = folder / SIGNATURES
    if not path.exists():
        return [], []
    signed, bad = [], []
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        cells = [c.strip() for c in text.strip().strip("|").split("|")] if text.startswith("|") else []
        if not cells or cells == SIGNATURE_COLUMNS or not "".join(cells).strip("-: "):
            continue
        if len(cells) != len(SIGNATURE_COLUMNS) or not all(cells):
            bad.append(line)
        else:
            signed.append(Signature(cells[0], cells[1], cells[2], cells[3], cells[4], line))
    return signed, bad


def signature_problems(folder: Path, documents: Sequence[Document]) -> tuple[list[Problem], list[Problem]]:
    """Errors in an area's 签署.md; warnings for articles that nobody signed, or that changed since. The last row counts."""
    errors: list[Problem] = []
    warnings: list[Problem] = []
    signed, bad = read_signatures(folder)
    file = str(Path(documents[0].file).parent / SIGNATURES)
    for line in bad:
        why = " | ".join(SIGNATURE_COLUMNS)
        errors.append(
            BadDocument(
                at=f"{file}:{line}",
                why_zh=f"签署的一行应写成 | {why} |",
                why_en=f"a signature should be written as | {why} |",
            )
        )
    latest: dict[tuple[str, str], Signature] = {}
    for signature in signed:
        document = next((d for d in documents if signature.document in d.nicknames), None)
        if document is None or all(a.number != signature.article for a in document.articles):
            words = f"“{signature.document} {signature.article}”"
            errors.append(
                BadDocument(
                    at=f"{file}:{signature.line}",
                    why_zh=f"签署的{words}不在这个文件夹里",
                    why_en=f"{words} was signed, but is not in this folder",
                )
            )
        else:
            latest[document.name, signature.article] = signature
    for document in documents:
        unsigned = [a for a in document.articles if (document.name, a.number) not in latest]
        if unsigned:
            which = "、".join(a.number for a in unsigned)
            warnings.append(
                NotSigned(
                    at=_at(document, None, unsigned[0].line), name=document.name, count=len(unsigned), which=which
                )
            )
        for article in document.articles:
            last = latest.get((document.name, article.number))
            if last is not None and last.digest != article.digest:
                warnings.append(
                    ChangedSinceSigned(
                        at=_at(document, article, article.line),
                        by=last.by,
                        on=last.on,
                        signed=last.digest,
                        now=article.digest,
                    )
                )
    return errors, warnings


def _notes(scheme: Scheme, documents: Sequence[Document]) -> Iterator[Problem]:
    """Stand-ins and readings, each once: that of a whole file at its head, those of an item at the first item."""
    whole = {document.name: document.about.stand_in for document in documents}
    for document in documents:
        if document.about.stand_in:
            yield StandInUsed(at=_at(document, None, document.front["代用"].line), reason=document.about.stand_in)
    notes = [note for rule in scheme.rules for note in rule.notes] + [note for x in scheme.limits for note in x.notes]
    notes += [note for x in scheme.yearly.values() for note in x.notes]
    notes += [note for x in scheme.subsidies for note in x.notes]
    notes += [note for x in scheme.financing.values() for note in x.notes]
    seen: dict[tuple[str, str, str, str], Note] = {}
    for note in notes:
        if note.reason != whole[note.citation.document]:
            seen.setdefault((note.citation.document, note.citation.article, note.kind, note.reason), note)
    for note in seen.values():
        yield (StandInUsed if note.kind == "stand_in" else ReadingTaken)(at=note.citation.place, reason=note.reason)


def _block_place(documents: Sequence[Document], *keys: str) -> str:
    """Where the innermost of these nested keys of a rule block stands last."""
    place = ""
    for document in documents:
        for article in document.articles:
            for block in article.blocks:
                node: Node | None = block
                for key in keys:
                    name = (
                        next((k for k, _ in node.items if k.text == key), None) if isinstance(node, Mapping) else None
                    )
                    if name is None or not isinstance(node, Mapping):
                        break
                    node = node.get(key)
                else:
                    assert name is not None
                    place = _at(document, article, name.line)
    return place


def _empty_layers(scheme: Scheme, documents: Sequence[Document]) -> Iterator[Problem]:
    for layer in scheme.layers:
        if not scheme.rules_of(layer.name):
            yield EmptyLayer(at=_block_place(documents, "次序"), layer=layer.name)


def _mixed_exceptions(scheme: Scheme) -> Iterator[Problem]:
    for rule in scheme.rules:
        if rule.instead_of and rule.sets and rule.adjusts:
            yield MixedException(at=rule.citation.place, sets="、".join(rule.sets), adjusts="、".join(rule.adjusts))


def _yearly_due(scheme: Scheme, today: date) -> Iterator[Problem]:
    """Yearly figures and premiums without today's year, in areas whose bills can still be settled today."""
    if not scheme.begins_on <= today <= scheme.ends_on:
        return
    for figure in scheme.yearly.values():
        if figure.by_year and today.year not in figure.by_year:
            yield YearlyFigureDue(at=figure.citation.place, name=figure.name, last=max(figure.by_year), year=today.year)
    year = scheme.conventions.year_of(today)
    if scheme.financing and year not in scheme.financing:
        last = max(scheme.financing)
        yield FinancingDue(at=scheme.financing[last].citation.place, last=last, year=year)


# --- Conflicts, gaps, bounds ------------------------------------------------------------------------------------------


def _days(scheme: Scheme, rules: Sequence[Rule], today: date) -> Iterator[tuple[date, list[Rule]]]:
    """The first day of every stretch of the scheme's life in which other rules are in force, with those rules."""
    days = {scheme.begins_on}
    for rule in rules:
        days |= {rule.begins_on, rule.ends_on + timedelta(days=1) if rule.ends_on < date.max else rule.begins_on}
    yearly = any(isinstance(v, Amount) and v.yearly for rule in rules for v in rule.sets.values())
    if yearly:
        days |= {date(year, 1, 1) for year in range(min(days).year, today.year)}
    before: list[Rule] | None = None
    for on in sorted(day for day in days if scheme.begins_on <= day <= scheme.ends_on):
        live = [rule for rule in rules if rule.in_force(on)]
        if live and (live != before or yearly):
            yield on, live
        before = live


Enumerated = list[tuple[str, str]]
"""What was enumerated, a line each, in Chinese and English."""


def conflicts(scheme: Scheme, today: date, most: int = MOST_CASES) -> tuple[list[Problem], Enumerated]:
    """Cases in which two rules set one figure, or a layer's rules speak but not of all that it needs.

    For every layer and every stretch of days, all cases that its setting rules tell apart are resolved. If they are more
    than `most`, each figure is enumerated for itself, over the facts of the rules that set it and the kind of care, and
    only conflicts are looked for. Of one layer, figure and pair of articles, one case is told.
    """
    found: dict[tuple[object, ...], Problem] = {}
    enumerated: Enumerated = []
    for layer in scheme.layers:
        rules = [rule for rule in scheme.rules_of(layer.name) if rule.sets]
        counted = combined = 0
        split = False
        for on, live in _days(scheme, rules, today):
            for group in _groups(scheme, layer, live, most):
                resolver = Resolver(replace(scheme, rules=group.rules, limits=()))
                cases = distinct_cases(scheme, resolver.classes, group.facts_of, most=most)
                split = split or group.figure != ""
                if cases is None:
                    enumerated.append(_not_enumerated(scheme, layer, group.figure, most))
                    continue
                counted, combined = counted + len(cases.found), combined + cases.combinations
                for case in cases.found:
                    for problem in _unresolved(resolver, layer, case, on, group.figure, today):
                        key, told = _told(problem, case, live)
                        found.setdefault(key, told)
        if counted:
            how_zh, how_en = (
                ("情形太多，逐个数字找冲突，没有找缺漏", "too many, so conflicts figure by figure and no gaps")
                if split
                else ("全部解出", "all resolved")
            )
            enumerated.append((
                f"{scheme.name}·{layer.name}：事实的组合 {combined:,} 种，分得开的情形 {counted:,} 种，{how_zh}",
                f"{scheme.name}, {layer.name}: {combined:,} combinations of facts, {counted:,} cases that differ, {how_en}",
            ))  # fmt: skip
    return list(found.values()), enumerated


def _not_enumerated(scheme: Scheme, layer: Layer, figure: str, most: int) -> tuple[str, str]:
    return (
        f"{scheme.name}·{layer.name}·{figure}：分得开的情形多于 {most:,} 种，没有枚举",
        f"{scheme.name}, {layer.name}, {figure}: more than {most:,} cases that differ, not enumerated",
    )


@dataclass(frozen=True, slots=True)
class _Group:
    """Rules to be resolved together. `facts_of` are the rules whose facts are enumerated; `figure` is empty for all."""

    figure: str
    rules: tuple[Rule, ...]
    facts_of: tuple[Rule, ...]


_NOWHERE = Citation("", "")


def _groups(scheme: Scheme, layer: Layer, live: Sequence[Rule], most: int) -> Iterator[_Group]:
    """All rules in force as one group, or one group for each figure where their cases are too many."""
    if distinct_cases(scheme, resolver_of(scheme).classes, live, most=most) is not None:
        yield _Group("", tuple(live), tuple(live))
        return
    for figure in dict.fromkeys(key for rule in live for key in rule.sets):
        about = tuple(rule for rule in live if figure in rule.sets)
        rest: dict[str, object] = {"计入": ("in_scope",), "起付标准": Amount(), "比例": 0}
        if figure in ("补足到", "分母", "计为已报"):
            rest = {"计入": ("in_scope",), "补足到": 0, "分母": "total", "计为已报": ()}
        if figure == "个人年度自付上限":
            rest = {"计入": ("in_scope",)}
        others = {key: value for key, value in rest.items() if key != figure}
        only = tuple(replace(rule, sets={figure: rule.sets[figure]}) for rule in about)
        assumed = Rule(layer.name, (), (), date.min, date.max, "general", (), others, {}, _NOWHERE, 0)
        care = replace(assumed, when=tuple(c for rule in about for c in rule.when if c.fact == "care")[:1])
        yield _Group(figure, (*only, assumed), (*only, care))


def _unresolved(resolver: Resolver, layer: Layer, case: Case, on: date, figure: str, today: date) -> Iterator[Problem]:
    """What is wrong in one case. A yearly figure of this year or later may still come: `_yearly_due` asks for it."""
    try:
        resolved(resolver, layer, case, on)
    except Problems as found:
        for problem in found.problems:
            to_come = isinstance(problem, YearlyFigureMissing) and cast(int, problem.found["year"]) >= today.year
            if not to_come and (not figure or isinstance(problem, RulesConflict)):
                yield problem


def _told(problem: Problem, case: Case, rules: Sequence[Rule]) -> tuple[tuple[object, ...], Problem]:
    """What makes a finding the same as another, and the finding with no more of its case than is needed."""
    found = dict(problem.found)
    if isinstance(problem, RulesConflict):
        places = (str(found["one"]), str(found["other"]))
        speaking = [rule for rule in rules if rule.citation.place in places]
        facts = {c.fact for rule in speaking for c in (*rule.when, *rule.unless)}
        found["case"] = case_text({fact: value for fact, value in case.items() if fact in facts})
        articles = frozenset(place.partition(" ")[2] for place in places)
        return (problem.code, found["layer"], found["figure"], articles), type(problem)(at=problem.at, **found)
    if isinstance(problem, YearlyFigureMissing):
        return (problem.code, found["name"], found["year"]), problem
    if "case" in found:
        found["case"] = case_text(case)
    return (problem.code, found.get("layer"), found.get("figure"), problem.at.partition(" ")[2]), type(problem)(
        at=problem.at, **found
    )


_ROW: dict[str, Callable[[Figures], list[int]]] = {
    "比例": lambda f: [band[2] for band in f.bands],
    "补足到": lambda f: [f.top_up],
    "保底比例": lambda f: [f.floor],
    "先自付比例": lambda f: [f.aside],
    "起付标准": lambda f: [f.deductible],
    "年度起付上限": lambda f: [f.deductible_annual],
    "个人年度自付上限": lambda f: [f.own_cap],
    "单次限额": lambda f: [f.single],
    "每月限额": lambda f: [f.monthly],
    "年度限额": lambda f: [f.annual],
    "单次计入限额": lambda f: [f.cost_single],
    "年度计入限额": lambda f: [f.cost_annual],
}
"""Where a figure that a bound (要求) may speak of stands in a finished row."""


def bound_problems(scheme: Scheme, bound: Bound) -> list[Problem]:
    """Figures of this area that do not meet a bound, in the cases for which the bound is made and in which the layer pays."""
    layer = next((layer for layer in scheme.layers if layer.name == bound.layer), None)
    if layer is None:
        return []
    resolver = resolver_of(scheme)
    found: dict[tuple[object, ...], Problem] = {}
    first, last = max(bound.begins_on, scheme.begins_on), min(bound.ends_on, scheme.ends_on)
    for on in sorted({first, *resolver.classes.days}):
        if not first <= on <= last:
            continue
        live = [rule for rule in scheme.rules_of(bound.layer) if rule.in_force(on)]
        cases = distinct_cases(scheme, resolver.classes, live, bound.when)
        for case in cases.found if cases else ():
            for row in _rows(resolver, layer, case, on):
                story = row.cited(bound.figure)
                broken = [n for n in _ROW[bound.figure](row.figures) if _breaks(bound, n)]
                if story and broken and not row.figures.barred:
                    worst = min(broken) if bound.adjuster.kind == "floor" else max(broken)
                    key = (bound.citation, story.setter.document, story.setter.article, worst)
                    found.setdefault(key, _bound_not_met(bound, story.setter, worst, case))
    return list(found.values())


def _rows(resolver: Resolver, layer: Layer, case: Case, on: date) -> tuple[LayerCase, ...]:
    try:
        return resolved(resolver, layer, case, on)
    except Problems:
        return ()  # a conflict or a gap, which `conflicts` reports


def _breaks(bound: Bound, number: int) -> bool:
    return number < bound.adjuster.value if bound.adjuster.kind == "floor" else number > bound.adjuster.value


def _bound_not_met(bound: Bound, setter: Citation, worst: int, case: Case) -> BoundNotMet:
    ratio = bound.figure in ("比例", "补足到", "保底比例", "先自付比例")
    shown = percent(worst) if ratio else "不设" if worst >= NO_LIMIT else f"{yuan_grouped(worst)}元"
    return BoundNotMet(
        at=setter.place, layer=bound.layer, figure=bound.figure, value=shown, by=bound.citation.text(),
        bound=bound.adjuster.text, case_zh=case_text(case), case_en=case_text(case, "en"),
    )  # fmt: skip


# --- Examples ---------------------------------------------------------------------------------------------------------


@dataclass
class _Shown:
    """Thresholds of all areas that were checked, and the sides of each on which some example stands."""

    natures: dict[Threshold, str] = field(default_factory=dict)
    sides: dict[Threshold, set[str]] = field(default_factory=dict)

    def add(self, scheme: Scheme, documents: list[Document], outcomes: Iterable[Outcome], wanted: bool = True) -> None:
        """Take in an area. An area that is not `wanted` only lends its examples."""
        observer = Observer(scheme, documents)
        natures = {document.name: document.about.nature for document in documents}
        if wanted:
            self.natures |= {threshold: natures[threshold.document] for threshold in observer.thresholds}
        for outcome in outcomes:
            if outcome.settlement is not None:
                for threshold, side in observer.sights(outcome.example, outcome.settlement):
                    self.sides.setdefault(threshold, set()).add(side)

    def missing(self, threshold: Threshold) -> list[str]:
        """The sides on which no example stands."""
        return [side for side in SIDES if side not in self.sides.get(threshold, ())]


def _show_examples_of(library: Library, area: AreaFolder, shown: _Shown) -> None:
    try:
        scheme = library.scheme(area.code)
        outcomes = run(read_examples(area, library.root, scheme), scheme)
        shown.add(scheme, library.documents(area), outcomes, wanted=False)
    except Problems:
        return  # not one of the areas that were asked about


def _check_thresholds(report: Report, shown: _Shown) -> None:
    """A threshold of the law without an example on one of its sides is an error; of a stand-in, one warning for the file."""
    stand_ins: dict[str, list[Threshold]] = {}
    for threshold, nature in shown.natures.items():
        missing = shown.missing(threshold)
        if nature == "代用":
            stand_ins.setdefault(threshold.document, []).append(threshold)
        elif missing:
            report.errors.append(
                ExamplesMissing(
                    at=threshold.at, layer=threshold.layer, figure=threshold.figure, value=threshold.value,
                    sides_zh=threshold.sides(missing), sides_en=threshold.sides(missing, "en"),
                )
            )  # fmt: skip
    for thresholds in stand_ins.values():
        unshown = [t for t in thresholds if shown.missing(t)]
        if unshown:
            which = "；".join(
                f"{t.article} {t.layer}·{t.figure} {t.value}（{t.sides(shown.missing(t))}）".strip() for t in unshown
            )
            report.warnings.append(
                ThresholdsUnshown(at=unshown[0].at, total=len(thresholds), count=len(unshown), which=which)
            )


# --- What settled bills show ------------------------------------------------------------------------------------------


def _in_words(case: Case, lang: str) -> str:
    words = case_text({fact: value for fact, value in case.items() if value != OTHER}, lang)
    if case.get("identity") == frozenset():
        nobody = "没有身份" if lang == "zh" else "no identity"
        words += ("；" if lang == "zh" else "; ") + nobody if words else nobody
    return words


def notch_problems(scheme: Scheme, found: Sequence[Probe]) -> Iterator[Problem]:
    """The notches that the kinds of bills in the examples show."""
    for notch in notches(scheme, found):
        fact = FACTS[notch.fact]
        yield Notch(
            at=notch.rule.citation.place, fact_zh=fact.zh, fact_en=fact.en, value=yuan(notch.number),
            below=yuan(notch.below), above=yuan(notch.above), before=yuan(notch.before), after=yuan(notch.after),
            gain=yuan(notch.gain), case_zh=_in_words(notch.case, "zh"), case_en=_in_words(notch.case, "en"),
        )  # fmt: skip


_BASES = tuple(fen * 100 for fen in (10_000, 1_000, 3_000, 30_000, 100_000, 300_000))


def worse_tilts(scheme: Scheme, outcomes: Iterable[Outcome]) -> Iterator[Problem]:
    """Tilts under which a layer pays less than without them, on some in-scope base, in a case of the examples."""
    resolver = resolver_of(scheme)
    tilts = {(rule.layer, rule.citation) for rule in scheme.rules if rule.nature == "tilt"}
    told: set[tuple[object, ...]] = set()
    for outcome in outcomes:
        for payment in outcome.settlement.payments if outcome.settlement else ():
            row = payment.case
            if row is None or row.normal is None or row.normal is row.figures:
                continue
            for base in _BASES:
                tilted, normal = (_pays(f, base, resolver) for f in (row.figures, row.normal))
                if tilted >= normal:
                    continue
                places = _tilted_by(payment.layer.name, row, tilts)
                key = (payment.layer.name, *((place.document, place.article) for place in places))
                if key not in told:
                    told.add(key)
                    yield _tilt_worse(scheme, payment.layer, outcome, places, base, tilted, normal)
                break


def _pays(f: Figures, base: int, resolver: Resolver) -> int:
    left, nothing = (base, 0, 0, 0), (0, 0, 0, 0)
    bill = Bill(base, base, 1, 0, 0, nothing, nothing, NO_LIMIT)
    year = [0] * len(resolver.slots.names)
    paid = [int(bool(f.requires))] * len(resolver.scheme.layers)
    return pay_layer(f, bill, year, base_of(f, bill, left, nothing), left, paid, 0).pay


def _tilted_by(layer: str, row: LayerCase, tilts: set[tuple[str, Citation]]) -> tuple[Citation, ...]:
    """The tilts behind a row: those that set its ratio or another figure, before those that only adjust one."""
    setters = [story.setter for story in sorted(row.story, key=lambda s: s.key != "比例")]
    adjusters = [where for story in row.story for _, where in story.adjusters]
    return tuple(dict.fromkeys(c for c in (*setters, *adjusters) if (layer, c) in tilts))


def _tilt_worse(
    scheme: Scheme, layer: Layer, outcome: Outcome, places: tuple[Citation, ...], base: int, tilted: int, normal: int
) -> TiltWorse:
    rules = [rule for rule in scheme.rules if rule.layer == layer.name and rule.citation in places]
    claim = outcome.example.claim
    facts: dict[str, object] = {**outcome.example.beneficiary.facts, **claim.facts}
    assert outcome.settlement is not None
    facts["identity"] = outcome.settlement.identities
    told = {c.fact: facts.get(c.fact) for rule in rules for c in rule.when if FACTS[c.fact].kind != "number"}
    return TiltWorse(
        at=places[0].place if places else layer.name, layer=layer.name, base=yuan(base), tilted=yuan(tilted),
        normal=yuan(normal), loss=yuan(normal - tilted), case_zh=_in_words(told, "zh"), case_en=_in_words(told, "en"),
    )  # fmt: skip


def rank_problems(scheme: Scheme, found: Sequence[Probe], at: str) -> list[Problem]:
    """Pairs of identities of which the higher in 身份从高到低 makes a person who holds both worse off, on the bills of the
    examples. Identities that stand in the same rules are one; bills with a penalty are left out, because it may fall on
    one of the two identities for reasons that have nothing to do with the order. `at` is where the order stands.
    """
    rank = scheme.conventions.identity_rank
    if scheme.conventions.identity_choice == "best":
        return []
    same: dict[tuple[bool, ...], str] = {}
    for identity in rank:
        named = tuple(identity in c.values for r in scheme.rules for c in (*r.when, *r.unless) if c.fact == "identity")
        if any(named):
            same.setdefault(named, identity)
    worst: dict[tuple[str, str], tuple[int, Problem | None]] = {}
    for probe in found:
        pots = probe.settlement.costs.pots
        alone = {identity: _own_share(scheme, probe, pots, {identity}) for identity in same.values()}
        for higher, lower in combinations(same.values(), 2):
            both, only = _own_share(scheme, probe, pots, {higher, lower}), alone[lower]
            if both is None or only is None or both - only <= worst.get((higher, lower), (0, None))[0]:
                continue
            worst[higher, lower] = both - only, _rank_problem(scheme, probe, at, (higher, lower), (both, only))
    return [problem for _, problem in worst.values() if problem]


def _own_share(scheme: Scheme, probe: Probe, pots: Pots, identities: set[str]) -> int | None:
    settlement = probe.resettled(scheme, pots, identities)
    if settlement is None or any(p.case and p.case.unpenalised is not p.case.figures for p in settlement.payments):
        return None
    return settlement.patient_share


def _rank_problem(
    scheme: Scheme, probe: Probe, at: str, pair: tuple[str, str], shares: tuple[int, int]
) -> RankNotMonotone:
    rules = [r for r in scheme.rules if r.identities & set(pair) and r.in_force(probe.settlement.policy_on)]
    told = {c.fact: probe.case[c.fact] for r in rules for c in r.when if c.fact in probe.case and c.fact != "identity"}
    zh, en = ([FACTS["identity"].word(code, lang) for code in pair] for lang in ("zh", "en"))
    return RankNotMonotone(
        at=at, higher_zh=zh[0], higher_en=en[0], lower_zh=zh[1], lower_en=en[1], both=yuan(shares[0]),
        alone=yuan(shares[1]), example=probe.example.name, case_zh=_in_words(told, "zh"), case_en=_in_words(told, "en"),
    )  # fmt: skip


# --- Adjusters that add up --------------------------------------------------------------------------------------------

_ADDS_UP = ("factor", "add", "add_by_age", "add_capped")


def stacking(scheme: Scheme) -> list[Problem]:
    """Two items that adjust one figure by identity, of the same nature, and can hold for one person at once.

    A tilt and a penalty are meant to meet; two tilts often are not (two articles with 加5个百分点 for two identities).
    """
    found: dict[tuple[object, ...], Problem] = {}
    by_identity = [rule for rule in scheme.rules if rule.adjusts and rule.identities]
    for one, other in combinations(by_identity, 2):
        if one.layer != other.layer or one.nature != other.nature or one.citation == other.citation:
            continue
        for figure in one.adjusts.keys() & other.adjusts.keys():
            texts = [next((a.text for a in r.adjusts[figure] if a.kind in _ADDS_UP), "") for r in (one, other)]
            if not all(texts) or not _meet(one, other) or _displaces(one, other) or _displaces(other, one):
                continue
            shared = sorted(one.identities & other.identities)
            pair = shared[:1] or [sorted(one.identities)[0], sorted(other.identities)[0]]
            places = (one.citation.document, one.citation.article), (other.citation.document, other.citation.article)
            found.setdefault(
                (one.layer, figure, *places),
                AdjustersStack(
                    at=other.citation.place, layer=one.layer, figure=figure, one=one.citation.place,
                    other=other.citation.place, one_text=texts[0], other_text=texts[1],
                    both_zh="、".join(FACTS["identity"].word(i, "zh") for i in pair),
                    both_en=" and ".join(FACTS["identity"].word(i, "en") for i in pair),
                ),
            )  # fmt: skip
    return list(found.values())


def _meet(one: Rule, other: Rule) -> bool:
    """Whether two rules can be in play at once."""
    if one.begins_on > other.ends_on or other.begins_on > one.ends_on:
        return False
    for a in one.when:
        for b in other.when:
            if a.fact != b.fact or FACTS[a.fact].several:
                continue
            if FACTS[a.fact].kind == "number":
                if a.low > b.high or b.low > a.high:
                    return False
            elif not a.values & b.values:
                return False
    return not _excused(one, other) and not _excused(other, one)


def _excused(rule: Rule, where: Rule) -> bool:
    """Whether a rule's 除 holds wherever another rule is in play."""

    def follows(c: Condition) -> bool:
        return any(w.fact == c.fact and w.values and w.values <= c.values for w in where.when)

    return bool(rule.unless) and all(follows(c) for c in rule.unless)


def _displaces(rule: Rule, other: Rule) -> bool:
    return (GENERAL in rule.instead_of and not other.instead_of) or (
        (other.citation.document, other.citation.article) in rule.instead_of
    )


# --- Official texts ---------------------------------------------------------------------------------------------------


def check_against(library: Library, official_text: str, document_name: str | None = None) -> Report:
    """Every amount, percentage and number of points of an official text that its document neither models nor declares.

    The document is the one whose 文号 or 名称 stands first in the text, or the one that `document_name` names.
    """
    report = Report()
    official = numbers.Squeezed(official_text)
    documents: dict[str, tuple[Document, numbers.Definitions]] = {}
    for area in library.areas.values():
        try:
            inherited = library.documents(area)
        except Problems as found:
            report.errors += cast(Iterable[Problem], found.problems)
            continue
        known = numbers.definitions(inherited)
        for document in inherited:
            documents.setdefault(document.file, (document, known))
    document_found = _official_document(official, [d for d, _ in documents.values()], document_name)
    if document_found is None:
        named = "、".join(d.name for d, _ in documents.values() if d.about.nature == "正文")
        asked = f"（“{document_name}”）" if document_name else ""
        report.errors.append(OfficialDocumentUnknown(asked_zh=asked, asked_en=asked, known=named))
        return report.once()
    document, known = documents[document_found.file]
    said = {number for article in document.articles for number in numbers.spoken(document, article, known)}
    stretches, lost = numbers.left_out(official, document)
    for article, words, line in lost:
        report.errors.append(OfficialStretchMissing(at=_at(document, article, line), words=words))
    found_numbers = list(numbers.official_numbers(official, stretches))
    everything = len(list(numbers.official_numbers(official, [])))
    report.enumerated.append((
        f"与“{document.name}”核对：原文有 {everything} 处金额、比例和百分点，{len(found_numbers)} 处逐一核对，"
        f"其余在 {len(stretches)} 段声明不建模的文字里",
        f"compared with {document.name}: of {everything} amounts, percentages and points {len(found_numbers)} were compared, "
        f"the others lie in {len(stretches)} stretches declared 不建模",
    ))  # fmt: skip
    for number in found_numbers:
        if not numbers.is_spoken(number, said):
            context = official.around(number.start, number.start + len(number.text))
            report.errors.append(OfficialNumberMissing(at=_at(document, None, 1), number=number.text, context=context))
    return report.once()


def _official_document(official: numbers.Squeezed, documents: list[Document], named: str | None) -> Document | None:
    """The document that is named, or else the one whose 文号 stands first in the text, or else whose 名称 does."""

    def names(document: Document) -> tuple[str, ...]:
        return (*document.nicknames, document.about.title)

    if named:
        wanted = numbers.Squeezed(named).text
        exact = [d for d in documents if named in names(d)]
        return next(
            iter(exact + [d for d in documents if any(wanted in numbers.Squeezed(n).text for n in names(d))]), None
        )
    laws = [d for d in documents if d.about.nature == "正文"]
    numbered = [(official.find(d.front["文号"].text), d) for d in laws if "文号" in d.front]
    titled = [(official.find(d.about.title), d) for d in laws]
    for candidates in (numbered, titled):
        found = [(place, d) for place, d in candidates if place is not None]
        if found:
            return min(found, key=lambda pair: pair[0])[1]
    return None


# --- Printing ---------------------------------------------------------------------------------------------------------

KINDS = {
    "document_expired": ("期满的文件", "documents that have ended"),
    "not_signed": ("没有签署", "not signed"),
    "changed_since_signed": ("签署以后改过", "changed since signed"),
    "yearly_figure_due": ("每年的数字没有更新", "yearly figures not renewed"),
    "financing_due": ("筹资标准没有更新", "premiums not renewed"),
    "stand_in_used": ("代用", "stand-ins"),
    "reading_taken": ("读法", "readings"),
    "notch": ("跳跃", "notches"),
    "tilt_worse": ("倾斜反而变差", "tilts that make it worse"),
    "mixed_exception": ("一个例外里既给定又调整", "exceptions that mix setters and adjusters"),
    "adjusters_stack": ("按身份的调整会叠加", "adjusters by identity that add up"),
    "empty_layer": ("没有规则的层", "layers without rules"),
    "rank_not_monotone": ("身份次序不单调", "identity order not monotone"),
    "thresholds_unshown": ("代用文件的界限缺少算例", "thresholds of stand-ins without examples"),
}
"""The kinds of warnings, in the order in which they are printed."""


def print_report(report: Report, lang: str = "zh") -> str:
    """The report as text: errors by file, then warnings by kind, then what was enumerated."""
    zh = lang == "zh"
    lines = [f"错误 {len(report.errors)} 项" if zh else f"{len(report.errors)} errors"]
    file = None
    for problem in report.errors:
        if problem.at.partition(":")[0] != file:
            file = problem.at.partition(":")[0]
            lines += ["", file]
        lines.append(f"  {problem.text(lang)}")
    lines += ["", f"提醒 {len(report.warnings)} 项" if zh else f"{len(report.warnings)} warnings"]
    for code, words in KINDS.items():
        of_kind = [problem for problem in report.warnings if problem.code == code]
        if of_kind:
            lines += [
                "",
                f"{words[0 if zh else 1]} {len(of_kind)}",
                *(f"  {problem.text(lang)}" for problem in of_kind),
            ]
    if report.enumerated:
        lines += ["", "看过的范围" if zh else "what was looked at"]
        lines += [f"  {words[0 if zh else 1]}" for words in report.enumerated]
    return "\n".join(lines) + "\n"
