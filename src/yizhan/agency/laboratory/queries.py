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
from yizhan.agency.staff.models import Officer
from yizhan.errors import Problems
from yizhan.policy.areas import Library
from yizhan.simulation.scenarios import PrintedFigure, figures

Place = PrintedFigure | Mapping[str, Any]


def studies(officer: Officer) -> QuerySet[Study]:
    """The officer's own studies, and those of the area that are shown; latest first."""
    return Study.objects.filter(Q(made_by=officer) | Q(shared=True)).select_related("made_by", "run").order_by("-pk")


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
class Line:
    """A line of a rule, cut at its figures: (text before, place, figure, what stands there now), and the text after the last."""

    pieces: tuple[tuple[str, str, str, str], ...]
    rest: str


@dataclass(frozen=True, slots=True)
class Rules:
    """An article with its prose and the lines of its rules that print figures."""

    document: str
    document_title: str
    number: str
    title: str
    prose: str
    stand_in: bool
    changed: bool
    lines: tuple[Line, ...]


def articles(area: str, changes: Sequence[Mapping[str, Any]], search: str = "") -> list[Rules]:
    """The articles of an area that print figures, and what a study makes of them; with `search` those that hold every word."""
    now = {place_of(change): str(change["new"]) for change in changes}
    by_article: dict[tuple[str, str], list[PrintedFigure]] = {}
    for figure in printed(area):
        by_article.setdefault((figure.file, figure.article), []).append(figure)
    found = []
    for (file, number), of in by_article.items():
        texts = _texts(area)[file, number]
        words = " ".join([of[0].document, number, *texts[:3], *(f.context for f in of), *(f.text for f in of)])
        if all(word in words for word in search.split()):
            changed = any(place_of(f) in now for f in of)
            found.append(
                Rules(of[0].document, texts[0], number, *texts[1:3], bool(texts[3]), changed, tuple(_lines(of, now)))
            )
    return found


def _lines(of: Sequence[PrintedFigure], now: Mapping[str, str]) -> Iterator[Line]:
    """The lines of one article, each cut at its figures. Columns count from the line in the file, contexts are without margins."""
    lines: dict[int, list[PrintedFigure]] = {}
    for figure in of:
        lines.setdefault(figure.line, []).append(figure)
    for here in lines.values():
        text = here[0].context
        margin = here[0].column - text.index(here[0].text)
        pieces, end = [], 0
        for figure in here:
            begin = figure.column - margin
            place = place_of(figure)
            pieces.append((text[end:begin], place, figure.text, now.get(place, figure.text)))
            end = begin + len(figure.text)
        yield Line(tuple(pieces), text[end:])


@lru_cache(maxsize=8)
def _texts(area: str) -> Mapping[tuple[str, str], tuple[str, str, str, str]]:
    """(file, article) → title of the document, title of the article, its prose, and the document's word that it is a stand-in."""
    library = Library()
    return {
        (document.file, article.number): (
            document.about.title, article.title, article.text, document.about.stand_in,
        )
        for document in library.documents(library.area(area)) for article in document.articles
    }  # fmt: skip
