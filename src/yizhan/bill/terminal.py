"""The one bill (一单) for people, in a terminal: the answer first, then who pays, why, and what the year has come to.

The order is fixed, because the eye of an auditor goes to fixed places. Nothing is calculated here: the lines say what
`yizhan.bill.data` holds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from yizhan.bill.data import OneBill
from yizhan.bill.words import word
from yizhan.engine.money import yuan_grouped

WIDTH = 100


def render(bill: OneBill, person: str = "") -> str:
    """The one bill as text of at most WIDTH columns."""
    return "\n".join(printable(line) for line in _Page(bill, person).lines()) + "\n"


def printable(text: str) -> str:
    """A text without control, format and other invisible characters, which could make a terminal lie."""
    return "".join("\ufffd" if unicodedata.category(c).startswith("C") else c for c in text)


def width_of(text: str) -> int:
    """Columns that a text takes in a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def _pad(text: str, width: int, right: bool = False) -> str:
    space = " " * max(0, width - width_of(text))
    return space + text if right else text + space


_TOKEN = re.compile(r"[!-~]+ ?|[^!-~]")


def _wrapped(text: str, width: int, indent: str) -> Iterator[str]:
    """Lines of at most `width` columns; numbers and Latin words are not cut."""
    line = ""
    for token in _TOKEN.findall(text):
        if line and width_of(line + token.rstrip()) > width:
            yield indent + line.rstrip()
            line = ""
        line += token if line or token != " " else ""
    yield indent + line.rstrip()


class _Page:
    """One printed bill."""

    def __init__(self, bill: OneBill, person: str) -> None:
        self.bill, self.person, self.lang = bill, person, bill.lang

    def word(self, key: str, **filled: object) -> str:
        return word(key, self.lang, **filled)

    def lines(self) -> Iterator[str]:
        yield from self.head()
        yield ""
        yield from self.costs()
        yield ""
        yield from self.layers()
        yield ""
        yield from self.why()
        if self.bill.sums:
            yield ""
            yield from self.year()
        yield ""
        yield from self.notes()
        yield "═" * WIDTH

    def head(self) -> Iterator[str]:
        b = self.bill
        yield "═" * WIDTH
        yield b.title
        yield f"▶ {b.answer}{self.word('capitals', words=b.in_words)}"
        if b.held_line:
            yield f"  {b.held_line}"
        identities = "、".join(b.identities) or self.word("none")
        yield f"{self.word('claim')}: {b.claim}   {self.word('who')}: {self.person or '–'}   {self.word('identity')}: {identities}"
        dates = self.word("dates", admitted=b.admitted_on, discharged=b.discharged_on)
        yield from _wrapped(f"{self.word('care')}: {dates}  {' · '.join(b.care)}", WIDTH, "")
        if b.ratio_line:
            yield b.ratio_line

    def costs(self) -> Iterator[str]:
        b = self.bill
        rows = [(pot.name, yuan_grouped(pot.billed), yuan_grouped(pot.yours)) for pot in b.pots if pot.billed]
        rows.append((self.word("total"), yuan_grouped(b.total), yuan_grouped(b.patient)))
        yield from self.table((self.word("cost"), self.word("billed"), self.word("yours")), rows, (40, 20, 20))

    def layers(self) -> Iterator[str]:
        b = self.bill
        rows = [
            (
                p.name,
                "、".join(payer for payer, _ in p.payers),
                yuan_grouped(p.amount),
                yuan_grouped(p.tilt) if p.tilt else "",
                p.articles,
            )
            for p in b.layers
        ]
        rows.append((self.word("patient"), "", yuan_grouped(b.patient), "", ""))
        header = tuple(self.word(k) for k in ("layers", "payer", "amount", "tilt", "by"))
        yield from self.table(header, rows, (22, 30, 14, 13, 21), right=(2, 3))
        if b.unused:
            yield f"  {self.word('unused', layers=('、' if self.lang == 'zh' else ', ').join(b.unused))}"

    def why(self) -> Iterator[str]:
        yield f"{self.word('why')}"
        for p in self.bill.layers:
            yield f" {p.number}. {p.name}  {yuan_grouped(p.amount)}"
            for step in p.steps:
                first, *rest = _wrapped(step.sentence, WIDTH - 6, "")
                yield f"    · {first}"
                yield from (f"      {line}" for line in rest)
            if len(p.payers) > 1:
                yield f"    · {p.payer}"

    def year(self) -> Iterator[str]:
        rows = []
        for s in self.bill.sums:
            of_cap = (
                ("", "") if s.ceiling is None or s.left is None else (yuan_grouped(s.ceiling), yuan_grouped(s.left))
            )
            rows.append((s.name, yuan_grouped(s.before), yuan_grouped(s.now), yuan_grouped(s.after), *of_cap))
        names = [self.word(k) for k in ("before", "now", "after", "ceiling", "left")]
        header = (self.word("year", year=self.bill.year), *names)
        yield from self.table(header, rows, (35, 13, 13, 13, 13, 13), (1, 2, 3, 4, 5))

    def notes(self) -> Iterator[str]:
        b = self.bill
        lines = [*b.advice, *(f"{n.mark} {n.articles}: {n.text}" for n in b.notes)]
        lines += [f"{letter} {name}" for letter, name in b.documents]
        lines += b.rules_line
        yield self.word("notes")
        for line in lines:
            first, *rest = _wrapped(line, WIDTH - 4, "")
            yield f"  ※ {first}"
            yield from (f"    {more}" for more in rest)

    def table(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        widths: Sequence[int],
        right: Sequence[int] = (1, 2, 3),
    ) -> Iterator[str]:
        """A table whose first column grows to hold its words."""
        wide = [
            max(w, *(width_of(r[k]) + 1 for r in (header, *rows))) if k != len(widths) - 1 else w
            for k, w in enumerate(widths)
        ]
        yield "".join(
            _pad(cell, w, k in right) if k in right else _pad(cell, w)
            for k, (cell, w) in enumerate(zip(self._spaced(header, right), wide, strict=True))
        ).rstrip()
        yield "─" * WIDTH
        for row in rows:
            yield "".join(
                _pad(cell, w, k in right)
                for k, (cell, w) in enumerate(zip(self._spaced(row, right), wide, strict=True))
            ).rstrip()

    @staticmethod
    def _spaced(row: Sequence[str], right: Sequence[int]) -> list[str]:
        """Leave a gap between a right-aligned column and a left-aligned one after it."""
        return [("  " + cell) if k - 1 in right and k not in right else cell for k, cell in enumerate(row)]
