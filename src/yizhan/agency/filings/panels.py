"""A person's filings on the pages of people."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from django.utils import timezone

from yizhan.agency.desk.words import Words
from yizhan.agency.filings.models import Evidence, Filing
from yizhan.agency.filings.queries import of_person, turn
from yizhan.agency.filings.tables import about
from yizhan.agency.people.models import Person
from yizhan.agency.people.panels import Held
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right

SHOWN = 20
"""Filings on a person's page; all of them are in the print."""


def filings_of(person: Person, officer: Officer) -> tuple[str, dict[str, Any]] | None:
    """A person's latest filings, those of merged records included, and a way to make one."""
    if not officer.may(Right.FILING_SEE):
        return None
    today = timezone.localdate()
    rows = [(row, turn(row), row.holds_on(today), about(row)) for row in of_person(person)[:SHOWN]]
    return "filings/panel.html", {"filings": rows, "person": person, "may_make": officer.may(Right.FILING_MAKE)}


def held_filings(person: Person) -> Held:
    """All filings of a person with their steps, for the print of everything held."""
    header = (
        Words("编号", "Number"), Words("种类", "Kind"), Words("状态", "State"), Words("有效期", "Period"), Words("内容", "What"),
        Words("经过", "Steps"), Words("证明材料", "Evidence"),
    )  # fmt: skip
    rows = of_person(person).prefetch_related(
        "steps__officer", "steps__institution", Prefetch("evidence", Evidence.objects.defer("sealed"))
    )
    return Held(
        Words("备案、登记和救助证", "Filings, registrations and relief certificates"), header, [_told(row) for row in rows],
        ("filings_filing", "filings_filingstep", "filings_evidence", "filings_printing"),
    )  # fmt: skip


def _told(row: Filing) -> tuple[str, ...]:
    pieces = (
        row.disease, "、".join(row.diagnoses), row.to_institution.name if row.to_institution else "",
        str(row.place) if row.place else "", row.why,
    )  # fmt: skip
    steps = (
        f"{timezone.localtime(step.at):%Y-%m-%d} {step.name_words} {step.institution or ''} {step.officer or ''} {step.words}"
        for step in sorted(row.steps.all(), key=lambda s: s.pk)
    )
    return (
        row.number, str(row.kind_words), str(row.shown_state.words), f"{row.valid.lower} – {row.last_day or ''}",
        "；".join(piece for piece in pieces if piece), "；".join(" ".join(step.split()) for step in steps),
        "、".join(paper.name for paper in row.evidence.all()),
    )  # fmt: skip
