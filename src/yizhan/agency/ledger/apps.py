"""What the ledger brings along: its own documents for verification."""

from __future__ import annotations

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """Registers movements as documents."""

    name = "yizhan.agency.ledger"

    def ready(self) -> None:
        """Register."""
        from yizhan.agency.ledger import actions

        actions.register()
