"""What operations have in common: words in two languages, pages of rows, how a thing of the desk is said in JSON.

Amounts are whole fen (`…_fen`), ratios ten-thousandths, days ISO dates, instants with their offset.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Generic, TypeVar

from django.db.models import QuerySet
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError, core_schema

from yizhan.agency.api.door import Request
from yizhan.agency.desk.fields import FIRST_DAY, LAST_DAY
from yizhan.agency.desk.words import Words
from yizhan.agency.people.models import IDENTITY_WORDS, Person
from yizhan.agency.people.queries import shown_name
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.ceilings import use
from yizhan.agency.staff.models import Area, Institution, Officer
from yizhan.engine.facts import FACTS

LARGEST = 2**63 - 1
MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class OneOf:
    """That a text is one of these codes, which are the keys of a table."""

    codes: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        """As of a Literal."""
        return core_schema.literal_schema(list(self.codes))


def _iso(value: object) -> object:
    """Pydantic alone would take a number for the seconds since 1970."""
    if isinstance(value, str) and not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise PydanticCustomError("date_form", "should be a date such as 2026-11-02")
    return value


Day = Annotated[date, BeforeValidator(_iso), Field(ge=FIRST_DAY, le=LAST_DAY)]
Year = Annotated[int, Field(ge=2000, le=2100)]
Code = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._-]{1,40}$")]
Text = Annotated[str, StringConstraints(max_length=200)]


class Shape(BaseModel):
    """An object with these fields and no others."""

    model_config = ConfigDict(extra="forbid")


class Said(Shape):
    """Words in both languages."""

    zh: str
    en: str


class Told(Shape):
    """Something that was found wrong, in words."""

    code: str
    zh: str
    en: str


class Place(Shape):
    """An area."""

    code: str
    name: Said


class Coded(Shape):
    """A code with its words."""

    code: str
    words: Said


class Somebody(Shape):
    """A person as lists show one: the certificate number masked, a child's name too."""

    number: str = Field(description="人员编号 / person number, ten digits")
    name: str
    id_mask: str = Field(description="证件号码（脱敏） / number of the certificate, masked")


class Where(Shape):
    """An institution."""

    code: str
    name: str


class Paging(BaseModel):
    """Which page."""

    cursor: int = Field(
        0,
        ge=0,
        le=LARGEST - MOST_ROWS - 1,
        description="上一页回答里的 next；第一页不写 / `next` of the answer before; none for the first page",
    )
    size: int = Field(50, ge=1, le=MOST_ROWS, description="行数 / rows")


T = TypeVar("T")
R = TypeVar("R")


class Rows(Shape, Generic[T]):
    """A page of rows. `next` is the cursor of the next page; null: there is none."""

    items: list[T]
    next: int | None


def by_number(found: QuerySet[Any], page: Paging, shape: Callable[[Any], R]) -> dict[str, Any]:
    """A page of rows that are in the order of their numbers, the latest first: what comes in meanwhile shifts nothing."""
    if page.cursor:
        found = found.filter(pk__lt=page.cursor)
    rows = list(found[: page.size + 1])
    shown = rows[: page.size]
    return {"items": [shape(row) for row in shown], "next": shown[-1].pk if len(rows) > page.size else None}


def by_place(found: Any, page: Paging, shape: Callable[[Any], R]) -> dict[str, Any]:
    """A page of rows in another stable order, by their place in it."""
    rows = list(found[page.cursor : page.cursor + page.size + 1])
    more = len(rows) > page.size
    return {"items": [shape(row) for row in rows[: page.size]], "next": page.cursor + page.size if more else None}


def handed_out(request: Request, what: str, page: dict[str, Any]) -> dict[str, Any]:
    """A page with people in it, counted as rows exported and recorded. Raises OverCeiling."""
    rows = len(page["items"])
    if rows:
        use("export_rows", rows, acting_user=request.bearer)
        record("key.rows", what=what, rows=rows, acting_user=request.bearer)
    return page


# --- How things are said ----------------------------------------------------------------------------------------------


def said(words: Words) -> Said:
    """Words."""
    return Said(zh=words.zh, en=words.en)


def coded(code: str, words: Words | None) -> Coded:
    """A code with its words; one that no table knows stands for itself."""
    return Coded(code=code, words=said(words or Words(code, code)))


def place(area: Area) -> Place:
    """An area."""
    return Place(code=area.code, name=Said(zh=area.name, en=area.name_en or area.name))


def code_of(path: str) -> str:
    """The code of the area that a path leads to."""
    return path.split(".")[-2]


def somebody(person: Person, officer: Officer) -> Somebody:
    """A person, as this officer may see one; who was merged is shown as who was kept."""
    person = person.merged_into or person
    return Somebody(number=person.number, name=shown_name(person, officer), id_mask=person.id_mask)


def where(institution: Institution | None) -> Where | None:
    """An institution, if there is one."""
    return Where(code=institution.code, name=institution.name) if institution else None


def identities(codes: Iterable[str]) -> list[Coded]:
    """Categories of hardship."""
    return [coded(code, IDENTITY_WORDS.get(code)) for code in codes]


def fact(name: str, code: str) -> Coded:
    """A value of one of the engine's facts."""
    known = FACTS[name]
    return Coded(code=code, words=Said(zh=known.word(code, "zh"), en=known.word(code, "en")))


def last_day(period: Any) -> date | None:
    """The last day of a period; None while it is open."""
    return date.fromordinal(period.upper.toordinal() - 1) if period is not None and period.upper else None


def name_of(officer: Any) -> str | None:
    """Who did something."""
    return officer.name if officer is not None else None
