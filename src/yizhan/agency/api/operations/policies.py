"""Policies: the documents in force, and what their articles say, in sentences."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Annotated

from django.utils import timezone
from ninja import Field, Path, Query

from yizhan.agency.api.door import Request
from yizhan.agency.api.service import operation
from yizhan.agency.api.shapes import Day, Paging, Rows, Said, Shape, Text, by_place
from yizhan.policy.areas import Library, library_of
from yizhan.policy.document import Article, Document
from yizhan.policy.sentences import Sentence, Words
from yizhan.policy.signatures import in_force

AreaCode = Annotated[str, Path(..., pattern=r"^[0-9]{6}$", description="统筹区代码 / code of the pooling area")]
ON = Query(None, description="哪一天，默认今天 / the day; today by default")


class AreaOut(Shape):
    """A pooling area whose policies are here. The same digest gives the same payments for ever."""

    code: str
    name: Said
    digest: str
    begins_on: date
    ends_on: date | None
    documents: int


class DocumentOut(Shape):
    """A document of an area, or of one above it."""

    name: str = Field(description="文号 / by which it is cited")
    title: Said
    area: str
    begins_on: date
    ends_on: date | None
    nature: str
    stand_in: str = Field(description="整份代用的理由 / why it is a stand-in as a whole, if it is")
    source: str
    digest: str
    in_force: bool
    articles: int


class Table(Shape):
    """The table under a sentence, empty where there is none. Chinese may have a column more, for the English names."""

    header: list[str]
    rows: list[list[str]]


class Tables(Shape):
    """The table in both languages."""

    zh: Table
    en: Table


class Rule(Shape):
    """One rule of an article as a sentence."""

    said: Said
    nature: Said
    notes: list[Said]
    table: Tables


class ArticleOut(Shape):
    """An article: what it says in our words, and the rules that hold on the day."""

    document: str
    number: str
    title: str
    text: str
    digest: str
    rules: list[Rule]
    not_modelled: list[str]


@operation("GET", "policies", None, list[AreaOut], said=("有政策的统筹区", "areas with policies"))
def areas(request: Request) -> list[AreaOut]:
    """All pooling areas of this installation."""
    library = library_of()
    found = []
    for folder in library.pooling_areas:
        scheme = library.scheme(folder.code)
        found.append(
            AreaOut(
                code=scheme.area, name=Said(zh=scheme.name, en=scheme.name_en or scheme.name), digest=scheme.digest,
                begins_on=scheme.begins_on, ends_on=None if scheme.ends_on == date.max else scheme.ends_on,
                documents=len(scheme.documents),
            )
        )  # fmt: skip
    return found


@operation("GET", "policies/{area}", None, list[DocumentOut], said=("统筹区的文件", "documents of an area"))
def documents(request: Request, area: AreaCode, on: Day | None = ON) -> list[DocumentOut]:
    """All that the area has and inherits, with their days and digests; `in_force` tells of the day asked for."""
    day, library = on or timezone.localdate(), library_of()
    scheme = library.scheme(area)
    return [
        DocumentOut(
            name=d.name, title=Said(zh=d.about.title, en=d.about.title_en or d.about.title), area=d.about.area, begins_on=d.about.begins_on,
            ends_on=d.about.ends_on, nature=d.about.nature, stand_in=d.about.stand_in, source=d.about.source, digest=d.about.digest,
            in_force=in_force(d, scheme, day), articles=len(d.articles),
        )
        for d in library.documents(library.area(area))
    ]  # fmt: skip


@operation("GET", "policies/{area}/articles", None, Rows[ArticleOut], said=("条文和规则", "articles and rules"))
def articles(
    request: Request, area: AreaCode, page: Query[Paging], on: Day | None = ON,
    document: Text | None = Query(None, description="文号 / name of one document"),
) -> dict[str, object]:  # fmt: skip
    """Of the documents in force on the day, each rule as the sentence that an officer signs, in both languages."""
    day, library = on or timezone.localdate(), library_of()
    scheme = library.scheme(area)
    live = [d for d in library.documents(library.area(area)) if in_force(d, scheme, day)]
    found = [(d, a) for d in live if document in (None, d.name) for a in d.articles]
    return by_place(found, page, lambda row: _article(library, scheme.area, row[0], row[1], day))


@lru_cache(maxsize=32)
def _words(library: Library, area: str, lang: str) -> Words:
    return Words(library.scheme(area), library.documents(library.area(area)), lang)


def _article(library: Library, area: str, document: Document, article: Article, on: date) -> ArticleOut:
    both = zip(*(_words(library, area, lang).article(document, article) for lang in ("zh", "en")), strict=True)
    live = [(zh, en) for zh, en in both if not zh.rules or any(rule.in_force(on) for rule in zh.rules)]
    return ArticleOut(
        document=document.name, number=article.number, title=article.title, text=article.text, digest=article.digest,
        rules=[_rule(zh, en) for zh, en in live], not_modelled=[note.reason for note in article.not_modelled],
    )  # fmt: skip


def _rule(zh: Sentence, en: Sentence) -> Rule:
    return Rule(
        said=Said(zh=_sentence(zh, "zh"), en=_sentence(en, "en")), nature=Said(zh=zh.nature, en=en.nature),
        notes=[Said(zh=a[1], en=b[1]) for a, b in zip(zh.notes, en.notes, strict=True)], table=Tables(zh=_table(zh), en=_table(en)),
    )  # fmt: skip


def _sentence(sentence: Sentence, lang: str) -> str:
    """Without its notes and table, which stand beside it."""
    return replace(sentence, notes=()).plain(lang, table=False)


def _table(sentence: Sentence) -> Table:
    return Table(header=list(sentence.header), rows=[list(row) for row in sentence.rows])
