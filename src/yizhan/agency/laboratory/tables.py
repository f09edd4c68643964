"""The list of studies, and tables of results as pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html

from yizhan.agency.desk.tables import List, Number
from yizhan.agency.desk.templatetags.desk import instant, state
from yizhan.agency.desk.words import lang, later, say
from yizhan.agency.laboratory.models import Study
from yizhan.simulation.tables import in_english, of_data, shown


class Studies(List):
    """Studies: what is asked, of whom, by whom, how far it is."""

    id = tables.Column(verbose_name=later("编号", "No."), order_by="pk")
    name = tables.Column(verbose_name=later("名称", "Name"), attrs={"td": {"class": "name"}})
    profile = tables.Column(verbose_name=later("画像", "Profile"))
    persons = Number(verbose_name=later("人数", "Persons"))
    years = tables.Column(verbose_name=later("年度", "Years"), attrs={"td": {"class": "tight"}})
    changes = Number(verbose_name=later("改动的数", "Changes"), orderable=False)
    state = tables.Column(verbose_name=later("状态", "State"))
    shared = tables.Column(verbose_name=later("给谁看", "Shown to"))
    made_by = tables.Column(verbose_name=later("建立", "Made by"), accessor="made_by__name")
    made_at = tables.Column(verbose_name=later("时间", "When"), attrs={"td": {"class": "tight"}})

    class Meta(List.Meta):
        empty_text = later(
            "还没有测算。新建一项：选一个地区，改一两个数，看花多少钱、谁得谁失。",
            "No studies yet. Make one: choose an area, change a figure or two, and see what it costs, who wins and who loses.",
        )

    def render_name(self, record: Study) -> str:
        """A link to the study."""
        return format_html('<a href="{}">{}</a>', reverse("laboratory:study", args=[record.pk]), record.name)

    def render_profile(self, record: Study) -> str:
        """The key of the profile, or that the bureau's own records are looked at."""
        return say("本单位的记录", "own records") if record.on_record else record.profile

    def render_persons(self, record: Study) -> str:
        """262,144"""
        return "—" if record.on_record else record.persons_text

    def render_years(self, record: Study) -> str:
        """2019–2021"""
        return record.years_text

    def render_changes(self, record: Study) -> str:
        """How many figures are changed; none means that the present rules are looked at."""
        return str(len(record.changes))

    def render_state(self, record: Study) -> str:
        """The state as a mark."""
        return state(record.shown_state)

    def render_shared(self, record: Study) -> str:
        """Who may see it."""
        return say("本地区", "the area") if record.shared else say("只有本人", "its maker")

    def render_made_at(self, record: Study) -> str:
        """2026-11-02 14:05"""
        return instant(record.made_at)


@dataclass(frozen=True, slots=True)
class Shown:
    """A table of a result in the language of the request: its heads and cells, each with whether it is a number."""

    key: str
    title: str
    note: str
    heads: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[tuple[str, bool], ...], ...]


_TEXTS = ("text", "said", "identity", "flag")


def shown_table(data: Mapping[str, Any] | None, english: Mapping[str, str]) -> Shown | None:
    """A stored table for a page; None for none. `english` are the names of layers and of scenarios."""
    if data is None:
        return None
    table, tongue = of_data(data), lang()
    if tongue == "en":
        table = in_english(table, english)
    return Shown(
        table.key, say(table.zh, table.en), say(table.note_zh, table.note_en),
        tuple((say(c.zh, c.en), c.kind not in _TEXTS) for c in table.columns),
        tuple(tuple((shown(c.kind, cell, tongue), c.kind not in _TEXTS) for c, cell in zip(table.columns, row, strict=True)) for row in table.rows),
    )  # fmt: skip
