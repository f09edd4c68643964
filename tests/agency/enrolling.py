"""People, marks and days for the tests of enrolment. All made up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from yizhan.agency.people.bulk import MarkRow, NewPerson, add_marks_in_bulk, register_in_bulk
from yizhan.agency.people.identifiers import read_identifier, synthetic_id
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.staff.models import Area, Officer
from yizhan.agency.staff.scope import acting

IN_PERIOD = date(2025, 11, 3)
"""A day in Xiangtan's collection period for 2026 (2025-09-01 to 2026-02-28)."""


def number_of(k: int, division: str = "430302") -> str:
    """The synthetic resident ID number k."""
    return synthetic_id(division, date(1960, 1, 1) + timedelta(days=k // 400), k % 400 * 2 + 1)


def people(officer: Officer, area: Area, names: Sequence[str], *, first: int = 0) -> list[Person]:
    """Register people of these names, in their order."""
    today = date(2025, 1, 1)
    rows = []
    for k, name in enumerate(names, start=first):
        identifier = read_identifier("resident_id", number_of(k), today)
        assert identifier.born_on is not None
        rows.append(NewPerson(name, identifier, identifier.sex, identifier.born_on, area.path))
    ids = register_in_bulk(rows, acting_user=officer)
    with acting(officer):
        found = Person.objects.in_bulk([pk for pk in ids if pk])
    return [found[pk] for pk in ids if pk]


def mark(
    officer: Officer, person: Person, identity: str, since: date = date(2025, 1, 1), *, until: date | None = None
) -> None:
    """Certify a category."""
    add_marks_in_bulk(
        [MarkRow(person.pk, identity, since, until)], roster_id=1, department="civil_affairs", document="民〔2025〕1号",
        acting_user=officer,
    )  # fmt: skip


def set_today(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    """Let it be this day for everything that asks Django for the day."""
    monkeypatch.setattr(timezone, "localdate", lambda value=None: value.date() if value else day)


def withdraw_marks(officer: Officer, person: Person, identity: str) -> None:
    """Say that a category was never true."""
    with acting(officer):
        IdentityMark.objects.known().filter(person=person, identity=identity).update(
            withdrawn_at=Now(), withdrawn_by=officer, withdrawn_why="误标"
        )
