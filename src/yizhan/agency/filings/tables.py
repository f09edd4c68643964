"""The list of filings."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import django_tables2 as tables
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from yizhan.agency.desk.tables import List
from yizhan.agency.desk.templatetags.desk import state
from yizhan.agency.desk.words import later, say
from yizhan.agency.filings.models import Filing
from yizhan.agency.filings.queries import turn
from yizhan.agency.people.queries import shown_name
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right


def about(row: Filing) -> str:
    """What a filing is about in a few words: hospital, place, disease, diagnoses."""
    where = row.to_institution.name if row.to_institution else str(row.place) if row.place else ""
    pieces = (f"→ {where}" if row.kind == "referral" and where else where, row.disease, "、".join(row.diagnoses))
    return " · ".join(piece for piece in pieces if piece)


def deadline(row: Filing, today: date, moved_at: datetime | None) -> SafeString | str:
    """What presses: days left for evidence or over them, else how long a filing has waited for its next step."""
    if row.state == "evidence" and row.due_on is not None:
        left = (row.due_on - today).days
        if left < 0:
            return format_html('<span class="mark mark-bad">{}</span>', say("逾期 {n} 天", "{n} days over", n=-left))
        tone = "wait" if left <= 2 else "plain"
        return format_html('<span class="mark mark-{}">{}</span>', tone, say("还剩 {n} 天", "{n} days left", n=left))
    if not row.shown_state.turn or moved_at is None:
        return "—"
    waited = (today - timezone.localtime(moved_at).date()).days
    return say("已等 {n} 天", "waiting {n} days", n=waited) if waited else say("今天送来", "since today")


def period(row: Filing) -> str:
    """First and last day; of an emergency, its day."""
    if row.emergency_on is not None:
        return row.emergency_on.isoformat()
    return f"{row.valid.lower} — {row.last_day or say('长期', 'open')}"


class Filings(List):
    """Filings: what, whose, where it stands, whose turn it is."""

    number = tables.Column(verbose_name=later("编号", "Number"), attrs={"td": {"class": "tight"}}, order_by="pk")
    kind = tables.Column(verbose_name=later("种类", "Kind"))
    person = tables.Column(verbose_name=later("姓名", "Name"), order_by="person__name_key")
    about = tables.Column(verbose_name=later("内容", "What"), empty_values=(), orderable=False)
    valid = tables.Column(verbose_name=later("有效期", "Period"), attrs={"td": {"class": "tight"}})
    state = tables.Column(verbose_name=later("状态", "State"))
    turn = tables.Column(verbose_name=later("轮到谁", "Whose turn"), empty_values=(), orderable=False)
    due_on = tables.Column(verbose_name=later("期限", "Deadline"), empty_values=(), attrs={"td": {"class": "tight"}})

    class Meta(List.Meta):
        empty_text = later("没有符合条件的备案。", "No such filing.")

    def __init__(self, *args: Any, officer: Officer, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.officer, self.today = officer, today

    def render_number(self, record: Filing) -> SafeString:
        """A link to its page."""
        return format_html('<a href="{}">{}</a>', reverse("filings:filing", args=[record.pk]), record.number)

    def render_kind(self, record: Filing) -> str:
        """Its words."""
        return str(record.kind_words)

    def render_person(self, record: Filing) -> SafeString:
        """The name as this officer may see it."""
        person = record.person.merged_into or record.person
        name = shown_name(person, self.officer, self.today)
        if not self.officer.may(Right.PERSON_SEE):
            return format_html('{} <span class="quiet">{}</span>', name, person.number)
        return format_html('<a href="{}">{}</a>', reverse("people:person", args=[person.number]), name)

    def render_about(self, record: Filing) -> str:
        """Hospital, place, disease."""
        return about(record) or "—"

    def render_valid(self, record: Filing) -> str:
        """First and last day."""
        return period(record)

    def render_state(self, record: Filing) -> SafeString:
        """As a mark."""
        return state(record.shown_state)

    def render_turn(self, record: Filing) -> str:
        """Who has to do something."""
        return str(turn(record) or "—")

    def render_due_on(self, record: Filing) -> SafeString | str:
        """What presses."""
        return deadline(record, self.today, record.moved_at)  # type: ignore[attr-defined]  # of the list's query
