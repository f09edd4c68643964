"""The one bill on paper: PDF, one bill or hundreds in a file, the same bytes for the same bills.

The layout is `one_bill.typ`; it gets its texts as JSON and sets them as text, so a name that looks like markup prints as it
stands. Nothing is fetched and no file but the template and the fonts is read. The typesetter is kept between calls: a first
bill takes some 100 ms, the next some 20.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from yizhan.bill.data import LayerLine, OneBill
from yizhan.bill.fonts import FAMILY, coverage, folders, printable
from yizhan.bill.words import WORDS, word
from yizhan.engine.facts import FACTS, POTS
from yizhan.engine.money import yuan_grouped

if TYPE_CHECKING:
    import typst

TEMPLATE = Path(__file__).with_name("one_bill.typ")


@dataclass(frozen=True, slots=True)
class Paper:
    """A bill and what only the office knows of it: who it is for, its verification code, whether it is a reprint or reversed.

    `head` are (label, value) pairs, `mark` a word such as 补打 2 or 红字 that is printed beside the title. `money` is what the patient
    paid and what is still to move, as (label, fen), the last one in bold, under `money_title`.
    """

    bill: OneBill
    head: tuple[tuple[str, str], ...] = ()
    code: str = ""
    mark: str = ""
    money_title: str = ""
    money: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Printed:
    """A PDF, and the characters that no font has: they stand on the paper as codes, and somebody has to be told."""

    pdf: bytes = field(repr=False)
    missing: tuple[str, ...]


def print_bills(papers: Sequence[Paper], size: str = "a4") -> Printed:
    """One PDF of these bills, each beginning on a page of its own. `size` is `a4` or `a5` (lying). Raises FontMissing."""
    missing: list[str] = []
    with _LOCK:
        press = _press(TEMPLATE)
        bills = [_laid_out(paper, press.covered, missing) for paper in papers]
        lang = papers[0].bill.lang if papers else "zh"
        about = {"lang": lang, "size": size, "families": press.families, "bills": bills}
        written = {key: word(key, lang, n="{n}", of="{of}") for key in ("page",)}
        # Tags let a screen reader read a bill; a pile of bills is for the printer, and is a fifth of the size without.
        pdf = _compiled(press, {**about, "words": written | _labels(lang)}, tags=len(papers) == 1)
    return Printed(pdf, tuple(dict.fromkeys(missing)))


def print_sheet(template: Path, texts: Mapping[str, Any], *, lang: str, code: str) -> Printed:
    """One sheet of another layout beside this one: `texts` as they are, with `families`, `lang` and the `qr` of its code."""
    missing: list[str] = []
    with _LOCK:
        press = _press(template)
        safe = _safe(dict(texts), press.covered, missing)
        about = {"lang": lang, "families": press.families, "qr": qr(code), "code": code}
        pdf = _compiled(press, {**safe, **about}, tags=True)
    return Printed(pdf, tuple(dict.fromkeys(missing)))


_LOCK = Lock()  # a typesetter works for one caller at a time
_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""Every PDF says that it was made then: the bill carries its own date, and equal bills are equal bytes."""


@dataclass(frozen=True, slots=True)
class _Press:
    compiler: typst.Compiler
    families: list[str]
    covered: frozenset[int]


def _compiled(press: _Press, data: Mapping[str, Any], *, tags: bool) -> bytes:
    told = {"data": json.dumps(data, ensure_ascii=False)}
    pdf = press.compiler.compile(format="pdf", sys_inputs=told, timestamp=_NO_TIME, pdf_tags=tags)
    assert isinstance(pdf, bytes)
    return pdf


@lru_cache(maxsize=4)
def _press(template: Path) -> _Press:
    import typst

    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(f) for f in folders()]
    )
    used = [f for f in fonts.fonts() if f.family == FAMILY or not f.family.startswith("Noto Sans CJK")]
    families = [FAMILY, *dict.fromkeys(f.family for f in used if f.family != FAMILY)]
    compiler = typst.Compiler(str(template), root=str(template.parent), font_paths=fonts, ignore_system_fonts=True)
    return _Press(compiler, families, coverage(tuple((str(f.path), f.index) for f in used)))


_UNFILLED = (
    "total_cost", "paid_all", "patient", "in_words", "cost", "billed", "yours", "category", "total", "layers", "layer", "payer", "base",
    "rate", "normal", "tilt", "amount", "by", "why", "before", "now", "after", "ceiling", "left", "starts_at", "short", "notes",
    "documents", "on_hold", "kind_normal", "kind_tilt", "verify", "signature", "operator", "seal", "yuan", "care", "identity",
)  # fmt: skip


def _labels(lang: str) -> dict[str, str]:
    pots = {pot: FACTS[pot].zh if lang == "zh" else FACTS[pot].en for pot in POTS}
    return {key: WORDS[key][lang != "zh"] for key in _UNFILLED} | pots


def _money(fen: int | None) -> str:
    return "" if fen is None else yuan_grouped(fen)


def _laid_out(paper: Paper, covered: frozenset[int], missing: list[str]) -> dict[str, Any]:
    """The bill as texts for the template. What cannot be printed becomes its code, and the bill says so at its foot."""
    b, lang = paper.bill, paper.bill.lang
    found: list[str] = []
    told = {
        "title": b.title,
        "mark": paper.mark,
        "head": [list(pair) for pair in paper.head],
        "money_title": paper.money_title,
        "money": [[label, _money(fen)] for label, fen in paper.money],
        "care": " · ".join(b.care),
        "identity": ("、" if lang == "zh" else ", ").join(b.identities) or word("none", lang),
        "total": _money(b.total), "paid": _money(b.paid), "patient": _money(b.patient),
        "in_words": b.in_words,
        "lines": [line for line in (b.held_line, b.ratio_line) if line],
        "bar": bar(b),
        "layers": [_row(layer) for layer in b.layers],
        "unused": word("unused", lang, layers=("、" if lang == "zh" else ", ").join(b.unused)) if b.unused else "",
        "pots": [[p.name, _money(p.billed), _money(p.yours)] for p in b.pots if p.billed],
        "categories": [[c.name, _money(c.total), *(_money(fen) if fen else "" for fen in c.pots)] for c in b.categories],
        "all_pots": [_money(b.total), *(_money(p.billed) for p in b.pots)],
        "own_pots": [_money(b.patient), *(_money(p.yours) for p in b.pots)],
        "year": word("year", lang, year=b.year),
        "sums": [
            [s.name, *(_money(x) for x in (s.before, s.now, s.after, s.ceiling, s.left, s.starts_at, s.short))] for s in b.sums
        ],
        "advice": list(b.advice),
        "notes": [[n.mark, n.articles, n.text] for n in b.notes],
        "documents": [list(pair) for pair in b.documents],
        "rules": list(b.rules_line),
    }  # fmt: skip
    safe = _safe(told, covered, found)
    if found:
        missing += found
        codes = "、".join(f"U+{ord(c):04X}" for c in dict.fromkeys(found))
        safe["advice"].append(word("missing", lang, found=codes))
    return safe | {"qr": qr(paper.code) if paper.code else "", "code": paper.code}


def _safe(value: Any, covered: frozenset[int], missing: list[str]) -> Any:
    if isinstance(value, str):
        return printable(value, covered, missing)
    if isinstance(value, dict):
        return {key: _safe(v, covered, missing) for key, v in value.items()}
    if isinstance(value, list):
        return [_safe(v, covered, missing) for v in value]
    return value


def _row(layer: LayerLine) -> dict[str, Any]:
    return {
        "number": str(layer.number), "name": layer.name, "payer": layer.payer, "base": _money(layer.base), "rate": layer.ratio,
        "normal": _money(layer.normal), "tilt": _money(layer.tilt) if layer.tilt else "", "amount": _money(layer.amount),
        "by": layer.articles, "held": layer.held, "steps": [[s.text, s.told] for s in layer.steps],
    }  # fmt: skip


def bar(b: OneBill) -> list[dict[str, Any]]:
    """The whole bill as one bar: per layer the normal part and the tilt, at the end the patient. Widths are fen."""
    pieces = [
        {"kind": "held" if layer.held else kind, "label": str(layer.number), "fen": fen}
        for layer in b.layers
        for kind, fen in (("normal", layer.normal), ("tilt", layer.tilt))
        if fen
    ]
    return [*pieces, *([{"kind": "patient", "label": "", "fen": b.patient}] if b.patient else [])]


def qr(code: str) -> str:
    """A QR code as SVG."""
    import segno

    out = io.BytesIO()
    # Looking for the prettiest of the eight masks takes four fifths of the time; readers take any.
    segno.make(code, error="m", micro=False, mask=3).save(out, kind="svg", border=2, xmldecl=False, svgns=True)
    return out.getvalue().decode()


def unprintable(texts: Iterable[str]) -> tuple[str, ...]:
    """The characters of these texts that no font has, so that a page can say so before anything is printed."""
    missing: list[str] = []
    with _LOCK:
        covered = _press(TEMPLATE).covered
    for text in texts:
        printable(text, covered, missing)
    return tuple(dict.fromkeys(missing))
