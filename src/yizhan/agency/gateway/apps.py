"""The app's place among the others."""

from __future__ import annotations

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """The gateway shows nothing on pages of other apps."""

    name = "yizhan.agency.gateway"

    def ready(self) -> None:
        """Load every transaction, so that the register of their numbers is whole."""
        from yizhan.agency.gateway import transactions

        transactions.load()
