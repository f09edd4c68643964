"""What later apps add to a person's page, and to the print of everything that is held about somebody.

    panels.add(lambda person, officer: ("enrolment/panel.html", {"years": …}))
    panels.add_held(lambda person: Held(Words("参保", "Enrolment"), header, rows))

Called when an app's urls are loaded; a panel that answers None is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from yizhan.agency.desk.words import Words
from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Officer

Panel = Callable[[Person, Officer], tuple[str, dict[str, Any]] | None]


@dataclass(frozen=True, slots=True)
class Held:
    """A table of the print: its heading, columns, and rows of texts. `tables` names the database tables it shows."""

    words: Words
    columns: Sequence[Words]
    rows: Sequence[Sequence[str]]
    tables: tuple[str, ...] = ()


_panels: list[Panel] = []
_held: list[Callable[[Person], Held]] = []


def add(panel: Panel) -> None:
    """Show a panel on every person's page."""
    if panel not in _panels:
        _panels.append(panel)


def add_held(part: Callable[[Person], Held]) -> None:
    """Show a table in the print of everything held about a person."""
    if part not in _held:
        _held.append(part)


def shown(person: Person, officer: Officer) -> list[tuple[str, dict[str, Any]]]:
    """The panels for this person and officer: template and context."""
    found = (panel(person, officer) for panel in _panels)
    return [panel for panel in found if panel is not None]


def held(person: Person) -> list[Held]:
    """What later apps hold about a person."""
    return [part(person) for part in _held]
