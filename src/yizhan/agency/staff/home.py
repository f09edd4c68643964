"""What waits for an officer today: each app says what it has, the home page puts it together.

    @waits
    def rosters_to_review(officer: Officer) -> Waiting | None: ...

stands in an app's queries and is called inside `acting(officer)`. A function is one statement or two: the home page is
opened often.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from yizhan.agency.desk.words import Words
from yizhan.agency.staff.models import Officer


@dataclass(frozen=True, slots=True)
class Waiting:
    """Some work: how many, what, and the page on which it is done. `late` stands out."""

    words: Words
    count: int
    url: str
    late: bool = False


Waits = Callable[[Officer], Waiting | None]
_ALL: list[Waits] = []


def waits(function: Waits) -> Waits:
    """Let the home page ask this function, in the order in which the apps are loaded."""
    _ALL.append(function)
    return function


def waiting_for(officer: Officer) -> list[Waiting]:
    """All that waits for this officer; what is late comes first, nothing with a count of none."""
    found = [waiting for function in _ALL if (waiting := function(officer)) is not None and waiting.count]
    return sorted(found, key=lambda waiting: not waiting.late)
