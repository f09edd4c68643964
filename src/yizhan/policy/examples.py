"""Worked examples (算例): tables that an official can check with a pocket calculator, and the engine must meet.

One row is one bill. `read_examples` turns the tables of an area into claims and expectations, `run` settles them and says
where the engine and the row differ. The same rows are tests, the officer's review page, and the proof that every
threshold has an example below, at and above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from yizhan.engine.claim import Beneficiary, Claim, Costs, Given, IdentityMark, YearState
from yizhan.engine.classes import BASIC
from yizhan.engine.facts import CHARGES, FACTS, FACTS_ZH, POTS
from yizhan.engine.money import yuan
from yizhan.engine.scheme import Scheme
from yizhan.engine.settlement import Settlement, settle
from yizhan.errors import BadDocument, ExampleWrong, PolicyProblem, Problems
from yizhan.policy import values
from yizhan.policy.areas import EXAMPLES, AreaFolder

SILENT = "无"
_PLAIN = (
    "情形",
    "项",
    "人",
    "日期",
    "入院日期",
    "结算日期",
    "出生日期",
    "起付",
    "待审金额",
    "个人负担",
    "拒绝",
    "说明",
)


@dataclass(frozen=True)
class Example:
    """One row: a person, a claim, and what should come out (column → text). `sequence` joins the rows of one 人."""

    name: str
    row: str
    file: str
    line: int
    sequence: str
    beneficiary: Beneficiary
    claim: Claim
    expected: dict[str, str]

    @property
    def at(self) -> str:
        """file:line."""
        return f"{self.file}:{self.line}"


@dataclass
class Outcome:
    """What an example came to: the settlement, or the refusal, and where that differs from the row."""

    example: Example
    settlement: Settlement | None = None
    refused: tuple[str, ...] = ()
    problems: list[PolicyProblem] = field(default_factory=list)


def read_examples(area: AreaFolder, root: Path, scheme: Scheme) -> list[Example]:
    """All examples of an area's own folder. Raises Problems: every cell that cannot be read."""
    problems: list[PolicyProblem] = []
    examples: list[Example] = []
    for path in sorted(area.path.glob(f"{EXAMPLES}*.md")):
        file = str(path.relative_to(root))
        for number, (header, rows) in enumerate(_tables(path.read_text(encoding="utf-8"))):
            reader = _Row(file, header, scheme, problems)
            for line, cells in rows:
                example = reader.read(line, cells, f"{file}#{number}")
                if example:
                    examples.append(example)
    if problems:
        raise Problems(problems)
    return examples


def _tables(text: str) -> Iterator[tuple[list[str], list[tuple[int, list[str]]]]]:
    header: list[str] = []
    rows: list[tuple[int, list[str]]] = []
    for line, content in enumerate([*text.splitlines(), ""], start=1):
        if content.startswith("|"):
            cells = [c.strip() for c in content.strip().strip("|").split("|")]
            if not header:
                header = cells
            elif not all(re.fullmatch(":?-+:?", c) for c in cells):
                rows.append((line, cells))
        elif header:
            if "情形" in header:
                yield header, rows
            header, rows = [], []


class _Row:
    """Reads the rows of one table."""

    def __init__(self, file: str, header: list[str], scheme: Scheme, problems: list[PolicyProblem]) -> None:
        self.file, self.header, self.scheme, self.problems = file, header, scheme, problems
        self.layers = [layer.name for layer in scheme.layers]

    def bad(self, line: int, zh: str, en: str) -> None:
        self.problems.append(BadDocument(at=f"{self.file}:{line}", why_zh=zh, why_en=en))

    def read(self, line: int, cells: list[str], table: str) -> Example | None:
        if len(cells) != len(self.header):
            self.bad(
                line,
                f"这一行有 {len(cells)} 格，表头有 {len(self.header)} 格",
                f"this row has {len(cells)} cells, the header {len(self.header)}",
            )
            return None
        said = {key: cell for key, cell in zip(self.header, cells, strict=True) if cell}
        before = len(self.problems)
        days = {key: self._day(key, said, line) for key in ("日期", "入院日期", "结算日期", "出生日期")}
        on = days["日期"]
        if on is None:
            self.bad(line, "缺少日期", "日期 is missing")
            return None
        facts, person, identities = self._facts(said, line)
        pots = [self._fen(said.get(FACTS[p].zh), line) for p in POTS]
        charges = [self._fen(said.get(FACTS[c].zh), line) for c in CHARGES]
        given = self._given(said, line)
        expected = {k: v for k, v in said.items() if self._is_expected(k, line)}
        if len(self.problems) > before:
            return None
        age = said.get("年龄")
        born = days["出生日期"] or (date(on.year - int(age), 1, 1) if age else None)
        name = said.get("情形", "")
        return Example(
            name, said.get("项", ""), self.file, line, f"{table}:{said.get('人', f'{line}')}",
            Beneficiary(said.get("人", ""), born, person, tuple(IdentityMark(i, date.min) for i in sorted(identities))),
            Claim(
                name, days["入院日期"] or on, on, days["结算日期"] or on,
                Costs((pots[0], pots[1], pots[2], pots[3]), (charges[0], charges[1], charges[2], charges[3])), facts, given,
            ),
            expected,
        )  # fmt: skip

    def _is_expected(self, key: str, line: int) -> bool:
        base = key.split("·", maxsplit=1)[0]
        if base in self.layers or key in ("起付", "待审金额", "个人负担", "拒绝"):
            return True
        known = key in _PLAIN or key in FACTS_ZH or key.startswith(("给定：", "给定起付："))
        if not known:
            self.bad(line, f"不认识的列“{key}”", f"unknown column “{key}”")
        return False

    def _day(self, key: str, said: dict[str, str], line: int) -> date | None:
        if key not in said:
            return None
        try:
            return values.day(said[key])
        except values.Reason as reason:
            self.bad(line, f"{key}：{reason.zh}", f"{key}: {reason.en}")
            return None

    def _fen(self, text: str | None, line: int) -> int:
        if not text:
            return 0
        try:
            return values.money(text)
        except values.Reason as reason:
            self.bad(line, f"“{text}”{reason.zh}", f"“{text}”: {reason.en}")
            return 0

    def _facts(self, said: dict[str, str], line: int) -> tuple[dict[str, object], dict[str, object], frozenset[str]]:
        claim: dict[str, object] = {"diagnoses": frozenset()}
        person: dict[str, object] = {}
        identities: frozenset[str] = frozenset()
        for key, cell in said.items():
            fact = FACTS_ZH.get(key)
            if fact is None or fact.about in ("amount", "engine") or fact.code == "age":
                continue
            found: object = int(re.sub("[^0-9]", "", cell) or 0) if fact.kind == "number" else cell
            if fact.values:
                codes = [fact.value(word) for word in values.words(cell)]
                if None in codes:
                    self.bad(line, f"“{cell}”不是“{key}”的值", f"“{cell}” is not a value of {fact.en}")
                    continue
                named = [v.code for v in codes if v is not None]
                found = frozenset(named) if fact.several else named[0]
            elif fact.several:
                found = frozenset(values.words(cell))
            if fact.code == "identity":
                identities = found if isinstance(found, frozenset) else frozenset()
            elif fact.about == "person":
                person[fact.code] = found
            else:
                claim[fact.code] = found
        return {"care": "inpatient", **claim}, person, identities

    def _given(self, said: dict[str, str], line: int) -> dict[str, Given]:
        given = {}
        for key, cell in said.items():
            if key.startswith("给定："):
                layer = key[3:]
                deductible = said.get(f"给定起付：{layer}")
                given[layer] = Given(self._fen(cell, line), self._fen(deductible, line) if deductible else None)
        return given


def run(examples: list[Example], scheme: Scheme) -> Iterator[Outcome]:
    """Settle examples in order; rows of one 人 share their year."""
    states: dict[str, YearState] = {}
    people: dict[str, tuple[IdentityMark, ...]] = {}
    for example in examples:
        outcome = Outcome(example)
        people[example.sequence] = _identities_until(
            people.get(example.sequence, ()), example.sequence in people, example
        )
        beneficiary = replace(example.beneficiary, identities=people[example.sequence])
        try:
            outcome.settlement = settle(example.claim, beneficiary, states.get(example.sequence), scheme)
            states[example.sequence] = outcome.settlement.year_state
        except Problems as found:
            outcome.refused = tuple(p.code for p in found.problems)
            if example.expected.get("拒绝") not in outcome.refused:
                outcome.problems += [
                    ExampleWrong(at=example.at, name=example.name, what="结果", expected="可结算", found=p.text("zh"))
                    for p in found.problems
                ]
        if outcome.settlement is not None:
            outcome.problems += _differences(example, outcome.settlement)
        yield outcome


def _identities_until(known: tuple[IdentityMark, ...], seen: bool, example: Example) -> tuple[IdentityMark, ...]:
    """A person's marks up to a row: those of the rows before it end on the eve of the row where they are gone."""
    held = {mark.identity for mark in example.beneficiary.identities}
    begins = example.claim.admitted_on
    ended = tuple(
        replace(mark, to_on=begins - timedelta(days=1)) if mark.to_on is None and mark.identity not in held else mark
        for mark in known
    )
    open_marks = {mark.identity for mark in ended if mark.to_on is None}
    return (*ended, *(IdentityMark(i, begins if seen else date.min) for i in sorted(held - open_marks)))


def _differences(example: Example, settlement: Settlement) -> Iterator[PolicyProblem]:
    for column, text in example.expected.items():
        found = observed(settlement, column)
        if text == SILENT:
            if found is not None:
                yield ExampleWrong(at=example.at, name=example.name, what=column, expected=SILENT, found=yuan(found))
        elif found is None or column == "拒绝" or values.money(text) != found:
            shown = SILENT if found is None else yuan(found)
            yield ExampleWrong(at=example.at, name=example.name, what=column, expected=text, found=shown)


def observed(settlement: Settlement, column: str) -> int | None:
    """What a settlement says under a column of an example table, in fen; None where the layer is silent."""
    if column == "个人负担":
        return settlement.patient_share
    if column == "待审金额":
        return settlement.held
    if column == "起付":
        return sum(p.deductible for p in settlement.payments if p.layer.kind == BASIC)
    layer, _, part = column.partition("·")
    payments = [p for p in settlement.payments if p.layer.name == layer]
    if not payments:
        return None
    if part == "倾斜":
        return sum(p.tilt for p in payments)
    if part == "降比":
        return sum(p.penalty for p in payments)
    if part:
        return sum(amount for p in payments for payer, amount in p.by_payer if payer == part)
    return sum(p.amount for p in payments)
