"""Lists: sorted by a click, in pages, saved as a spreadsheet. The columns are declared once for both."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import django_tables2 as tables
from django.core.paginator import InvalidPage
from django.http import HttpRequest
from django_tables2 import RequestConfig

from yizhan.agency.desk.words import later
from yizhan.engine.money import yuan_grouped

PAGE = 50
"""Rows on a page."""


class List(tables.Table):
    """A list of the desk. `table.html` draws it."""

    class Meta:
        template_name = "desk/table.html"
        empty_text = later("没有符合条件的记录。", "Nothing matches.")
        attrs: dict[str, Any] = {}


class Number(tables.Column):
    """A count, right-aligned."""

    def __init__(self, **options: Any) -> None:
        super().__init__(attrs={"td": {"class": "number"}, "th": {"class": "number"}}, **options)


class Fen(Number):
    """An amount in fen, shown in yuan."""

    def render(self, value: int) -> str:
        """1,234.50"""
        return yuan_grouped(value)


class Day(tables.Column):
    """A date as 2026-11-02."""

    def __init__(self, **options: Any) -> None:
        super().__init__(attrs={"td": {"class": "tight"}}, **options)

    def render(self, value: Any) -> str:
        """2026-11-02"""
        return value.isoformat()


def in_pages(request: HttpRequest, table: tables.Table) -> tables.Table:
    """The table, sorted and cut to the page that the request asks for. A page beyond the last shows the last.

    How many rows a page has is not for the request to say: `?per_page=` would carry a register home at once.
    """
    asked = request.GET.get(table.prefixed_page_field, "")
    RequestConfig(request, paginate=False).configure(table)
    with suppress(InvalidPage):
        table.paginate(page=asked, per_page=PAGE)
        return table
    table.page = table.paginator.get_page(asked)
    return table
