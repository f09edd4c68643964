"""Rosters that change the past: whose category is now known to have been different, and when.

A bill that was settled in such a period may have been settled on a wrong belief, and is settled again（回补）. Which bills
those are is known to the app of care: it adds a finder to `FINDERS`, and the page of a roster names what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet

from yizhan.agency.rosters.models import PastChange, Roster


@dataclass(frozen=True, slots=True)
class Touched:
    """A settlement whose day lies in a changed period."""

    person_id: int
    settlement: str
    settled_on: date
    page: str = ""


Finder = Callable[[Roster], Iterable[Touched]]

FINDERS: dict[str, Finder] = {}
"""Finders of settlements, by the app that offers them."""


def touched_periods(roster: Roster) -> QuerySet[PastChange]:
    """The persons and periods before the day of applying that this roster changed, its withdrawal included."""
    return (
        PastChange.objects.filter(roster=roster)
        .select_related("person")
        .order_by("person__name_key", "person_id", "period", "id")
    )


def touched_settlements(roster: Roster) -> list[Touched]:
    """The settlements that may have to be settled again, as far as an app is there to name them."""
    return [found for finder in FINDERS.values() for found in finder(roster)]
