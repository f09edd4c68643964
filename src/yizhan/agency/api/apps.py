"""The app's place among the others."""

from __future__ import annotations

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Shows an officer's keys on the own account and to the security administrator."""

    name = "yizhan.agency.api"

    def ready(self) -> None:
        """Register the panel of keys."""
        from yizhan.agency.api.views import panel
        from yizhan.agency.staff import panels

        panels.add(panel)
