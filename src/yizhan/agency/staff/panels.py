"""What later apps show on an officer's page and on everybody's own account.

    panels.add(lambda found, viewer: ("api/panel.html", {"keys": …}))

Called when an app is loaded; `viewer` looks at `found`, who may be the same. A panel that answers None is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from yizhan.agency.staff.models import Officer

Panel = Callable[[Officer, Officer], tuple[str, dict[str, Any]] | None]
_panels: list[Panel] = []


def add(panel: Panel) -> None:
    """Show a panel on every officer's page and account."""
    if panel not in _panels:
        _panels.append(panel)


def shown(found: Officer, viewer: Officer) -> list[tuple[str, dict[str, Any]]]:
    """The panels about an officer: template and context."""
    return [panel for panel in (panel(found, viewer) for panel in _panels) if panel is not None]
