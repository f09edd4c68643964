"""What people learn from enrolment: which records must not be merged."""

from __future__ import annotations

from django.apps import AppConfig


class EnrolmentConfig(AppConfig):
    """Registers enrolment's obstacle to merging, whoever asks: a page, a run, or a command."""

    name = "yizhan.agency.enrolment"

    def ready(self) -> None:
        """Register."""
        from yizhan.agency.enrolment.queries import both_enrolled
        from yizhan.agency.people.merging import OBSTACLES

        OBSTACLES.append(both_enrolled)
