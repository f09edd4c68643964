"""Studies that an officer may see, and the figures that they can change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from django.db.models import Q, QuerySet

from yizhan.agency.laboratory.bench import demand_laboratory
from yizhan.agency.laboratory.errors import NothingYet
from yizhan.agency.laboratory.models import Result, Study
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Area, Officer
from yizhan.agency.staff.rights import Right
from yizhan.errors import Problems
from yizhan.policy.areas import Library
from yizhan.simulation.scenarios import PrintedFigure, figures

Place = PrintedFigure | Mapping[str, Any]


def studies(officer: Officer) -> QuerySet[Study]:
    """The officer's own studies, and those of the area that are shown; latest first."""
    shown = Study.objects.filter(Q(made_by=officer) | Q(shared=True)).exclude(state="removed")
    return shown.select_related("made_by", "run").order_by("-pk")


def study(officer: Officer, number: int) -> Study:
    """One of them. Raises NotFound."""
    found = studies(officer).filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def result(study: Study, *, cells: bool = False) -> Result:
    """What a study found, without its file of sums unless asked for. Raises Problems: NothingYet."""
    rows = Result.objects.filter(study=study)
    found = (rows if cells else rows.defer("cells")).first()
    if found is None:
        words = study.shown_state.words
        raise Problems([NothingYet(state_zh=words.zh, state_en=words.en)])
    return found


@dataclass(frozen=True, slots=True)
class Known:
    """A shipped profile as a form offers it: key, names, area, year, insured, and how many of its figures are stand-ins."""

    key: str
    name: str
    name_en: str
    area: str
    year: int
    insured: int
    stand_ins: int
    figures: int


@lru_cache(maxsize=1)
def profiles() -> tuple[Known, ...]:
    """The shipped profiles of areas that have rules. Raises Problems: NoLaboratory."""
    demand_laboratory()
    from yizhan.simulation.profile import load, shipped

    areas = {area.code for area in Library().pooling_areas}
    found = [load(key) for key in shipped()]
    return tuple(
        Known(p.key, p.name, p.name_en, p.area, p.year, int(p["persons.insured"]), len(p.stand_ins), len(p.figures))
        for p in found if p.area in areas
    )  # fmt: skip


def areas_on_record(officer: Officer) -> list[Area]:
    """The pooling areas of the officer whose own people and bills a study may look at; none without the right."""
    if not officer.may(Right.LABORATORY_RECORDS):
        return []
    codes = [area.code for area in Library().pooling_areas]
    return list(Area.objects.filter(code__in=codes, path__startswith=officer.area_path).order_by("code"))


# --- Figures beside their articles --------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def printed(area: str) -> tuple[PrintedFigure, ...]:
    """Every figure that the rules of an area print."""
    return tuple(figures(None, area))


def place_of(found: Place) -> str:
    """Where a figure stands, as the name of a field: file:line:column."""
    of = found if isinstance(found, Mapping) else asdict(found)
    return f"{of['file']}:{of['line']}:{of['column']}"


def change_of(figure: PrintedFigure, new: str) -> dict[str, Any]:
    """A changed figure as a study keeps it."""
    of = asdict(figure)
    return {key: of[key] for key in ("file", "line", "column", "document", "article", "title", "context")} | {
        "old": figure.text, "new": new,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """A figure within a line: the text before it, its place, the figure, what stands there now, how wide its field is."""

    before: str
    place: str
    old: str
    now: str
    size: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a rule, cut at its figures, and the text after the last of them."""

    pieces: tuple[Piece, ...]
    rest: str


@dataclass(frozen=True, slots=True)
class Rules:
    """An article with its prose and the blocks of its rules, line by line."""

    document: str
    document_title: str
    number: str
    title: str
    prose: str
    stand_in: bool
    changed: bool
    blocks: tuple[tuple[Line, ...], ...]


def articles(area: str, changes: Sequence[Mapping[str, Any]], search: str = "") -> list[Rules]:
    """The articles of an area that print figures, and what a study makes of them; with `search` those that hold every word."""
    now = {place_of(change): str(change["new"]) for change in changes}
    figures: dict[tuple[str, int], list[PrintedFigure]] = {}
    for figure in printed(area):
        figures.setdefault((figure.file, figure.line), []).append(figure)
    found = []
    for file, number in dict.fromkeys((figure.file, figure.article) for figure in printed(area)):
        text = _texts(area)[file, number]
        lines = (line for block in text.blocks for _, line in block)
        words = " ".join([text.name, number, text.document, text.title, text.prose, *lines])
        if not all(word in words for word in search.split()):
            continue
        blocks = tuple(
            tuple(_cut(line, figures.get((file, at), []), now) for at, line in block)
            for block in text.blocks if any((file, at) in figures for at, _ in block)
        )  # fmt: skip
        changed = any(piece.now != piece.old for block in blocks for line in block for piece in line.pieces)
        found.append(Rules(text.name, text.document, number, text.title, text.prose, text.stand_in, changed, blocks))
    return found


def _cut(text: str, figures: Sequence[PrintedFigure], now: Mapping[str, str]) -> Line:
    pieces, end = [], 0
    for figure in figures:
        place = place_of(figure)
        wide = sum(2 if letter > "\u2e80" else 1 for letter in figure.text)
        shown = now.get(place, figure.text)
        pieces.append(Piece(text[end : figure.column], place, figure.text, shown, max(6, wide + 1)))
        end = figure.column + len(figure.text)
    return Line(tuple(pieces), text[end:])


@dataclass(frozen=True, slots=True)
class _Text:
    """An article as its file has it; a block is (line number from 1, line) pairs."""

    name: str
    document: str
    title: str
    prose: str
    stand_in: bool
    blocks: tuple[tuple[tuple[int, str], ...], ...]


@lru_cache(maxsize=8)
def _texts(area: str) -> Mapping[tuple[str, str], _Text]:
    """(file, article) → the article."""
    library = Library()
    found = {}
    for document in library.documents(library.area(area)):
        lines = list(enumerate(document.path.read_text(encoding="utf-8").splitlines(), 1))
        ends = [*(article.line for article in document.articles[1:]), len(lines) + 1][: len(document.articles)]
        for article, end in zip(document.articles, ends, strict=True):
            about, blocks = document.about, tuple(_blocks(lines[article.line - 1 : end - 1]))
            found[document.file, article.number] = _Text(
                document.name, about.title, article.title, article.text, bool(about.stand_in), blocks
            )
    return found


def _blocks(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[tuple[int, str], ...]]:
    """The rule blocks among the lines of an article."""
    block: list[tuple[int, str]] | None = None
    for at, line in lines:
        if line.startswith("```"):
            if block:
                yield tuple(block)
            block = [] if line.startswith("```rule") else None
        elif block is not None:
            block.append((at, line))
