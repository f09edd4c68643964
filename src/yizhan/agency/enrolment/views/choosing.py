"""What every page of enrolment asks first: which year, which area. Also what their tables have in common."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import django_tables2 as tables
from django.forms import DateInput, Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString

from yizhan.agency.desk.words import lang, later, say
from yizhan.agency.enrolment.queries import above_counties, area_of, kept
from yizhan.agency.enrolment.years import day_of, scheme_at, years_at
from yizhan.agency.people.models import IDENTITIES, Person
from yizhan.agency.people.queries import areas_below, shown_name
from yizhan.agency.spreadsheets import XLSX, Column, Sheet, write_xlsx
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.ceilings import use
from yizhan.agency.staff.errors import NotAllowed, NotFound
from yizhan.agency.staff.models import Area, Officer
from yizhan.errors import InputProblem, Problem, Problems


@dataclass(frozen=True, slots=True)
class Chosen:
    """The year and area of a page, and what else could be chosen."""

    year: int
    years: list[int]
    area: Area
    areas: list[Area]
    on: date

    @property
    def query(self) -> str:
        """For links that keep the choice."""
        return f"year={self.year}&area={self.area.code}"


def chosen(request: HttpRequest) -> Chosen:
    """Year and area as the request asks, else this year and the officer's area. Raises NotFound: an area out of scope."""
    officer = officer_of(request)
    asked = request.GET
    area = area_of(asked["area"], officer.area_path) if asked.get("area") else officer.area
    today = timezone.localdate()
    years = years_at(area.path) or list(range(today.year + 1, today.year - 6, -1))
    text = asked.get("year", "")
    if text.isdecimal() and 2000 <= int(text) <= 2100:
        year = int(text)
    else:
        year = today.year if today.year in years else years[0]
    if year not in years:
        years = sorted({*years, year}, reverse=True)
    return Chosen(year, years, area, areas_below(officer), day_of(year, today))


@dataclass(frozen=True, slots=True)
class PoolingArea:
    """An area whose rules are its own; `known` tells whether its policies are here."""

    area: Area
    known: bool


def pooling_areas(area: Area) -> list[PoolingArea]:
    """What to choose from where `area` lies above the pooling areas, as a province does; empty where it lies in one."""
    if has_rules(area.path):
        return []
    rows = [PoolingArea(part, has_rules(part.path)) for part in above_counties(area.path)]
    return [row for row in rows if row.known or row.area.level == "city"]


def has_rules(path: str) -> bool:
    """Whether a place has rules of premiums: its own, or those of the pooling area in which it lies."""
    try:
        scheme_at(path)
    except Problems:
        return False
    return True


def choose_pooling_area(request: HttpRequest, asked: Chosen, areas: list[PoolingArea]) -> HttpResponse:
    """A page to choose the pooling area first; it leads back to the same page."""
    return render(request, "enrolment/choose.html", {"asked": asked, "pooling_areas": areas})


def day_input() -> DateInput:
    """A field for a day, as browsers want its value."""
    return DateInput({"type": "date"}, format="%Y-%m-%d")


def file_name(*pieces: object) -> str:
    """A name for a download."""
    return "-".join(str(piece) for piece in pieces) + ".xlsx"


def xlsx(
    request: HttpRequest,
    name: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Any]],
    *,
    act: str,
    count: int,
    **about: Any,
) -> HttpResponse:
    """A list as a workbook. Counted against the officer's ceiling of the day, and recorded. Raises OverCeiling."""
    use("export_rows", count, acting_user=officer_of(request))
    record(act, acting_user=officer_of(request), rows=count, file=name, **about)
    out = io.BytesIO()
    write_xlsx(out, [Sheet(name.removesuffix(".xlsx"), columns, rows)])
    response = HttpResponse(out.getvalue(), content_type=XLSX)
    response.headers["Content-Disposition"] = attachment(name)
    return response


def attachment(name: str) -> str:
    """The header that lets a browser keep a file under a Chinese name (RFC 6266)."""
    return content_disposition_header(True, name) or "attachment"


def again(form: Form, refused: Problem | Problems) -> None:
    """Show why an action refused above the form that asked for it. Raises what no form can mend."""
    problems = refused.problems if isinstance(refused, Problems) else (refused,)
    for problem in problems:
        if isinstance(problem, NotFound | NotAllowed) or not isinstance(problem, InputProblem):
            raise refused
        form.add_error(None, problem.text(lang()))


class PersonColumn(tables.Column):
    """A person's name, leading to the account of the year. `accessor` names the person."""

    def __init__(self, year: str = "year", **options: Any) -> None:
        self.year = year
        super().__init__(attrs={"td": {"class": "name"}}, **options)

    def render(self, value: Person, record: Any, table: tables.Table) -> SafeString:
        """A link. Who was merged into another stands under that one's name."""
        year = getattr(record, self.year, None) or getattr(table, "year", None)
        person = kept(value)
        url = reverse("enrolment:person", args=[person.pk, year])
        return format_html('<a href="{}">{}</a>', url, shown_name(person, table.request.user))


class NumberColumn(tables.Column):
    """The masked number of a person's certificate. `accessor` names the person."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{"verbose_name": later("证件号码", "Number"), "accessor": "person", "orderable": False, **options}
        )

    def render(self, value: Person) -> str:
        """As `PersonColumn` names the person."""
        return kept(value).id_mask


def identity_words(code: str) -> str:
    """The category in the language of the request."""
    value = IDENTITIES.get(code)
    return say(value.zh, value.en) if value else code


def payer_words(payer: str, area_path: str) -> str:
    """A payer in the language of the request, as the area's documents name it."""
    if not payer:
        return say("（文件没有写明）", "(not said in the document)")
    try:
        return scheme_at(area_path).word(payer, say("zh", "en"))
    except Problems:
        return payer


def officer_of(request: HttpRequest) -> Officer:
    """Who is signed in."""
    assert isinstance(request.user, Officer)
    return request.user
