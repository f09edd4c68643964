"""What people learn from filings: a panel on a person's page, and a part of the print of everything held."""

from __future__ import annotations

from django.apps import AppConfig


class FilingsConfig(AppConfig):
    """Tells people about filings."""

    name = "yizhan.agency.filings"

    def ready(self) -> None:
        """Register what is shown elsewhere."""
        from yizhan.agency.filings import panels
        from yizhan.agency.people.panels import add, add_held

        add(panels.filings_of)
        add_held(panels.held_filings)
