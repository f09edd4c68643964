"""Runs that an officer may see."""

from __future__ import annotations

from django.db.models import QuerySet

from yizhan.agency.jobs.models import Run
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Officer


def runs() -> QuerySet[Run]:
    """The runs of the officer's area, latest first, without their files."""
    return Run.objects.select_related("officer").defer("file").order_by("-id")


def run(number: int) -> Run:
    """One run. Raises NotFound."""
    found = runs().filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def file_of(number: int, officer: Officer) -> tuple[Run, bytes]:
    """The file that a run made; only for who started it. Raises NotFound."""
    found = Run.objects.filter(pk=number, officer=officer, file__isnull=False).first()
    if found is None or found.file is None:
        raise NotFound
    return found, bytes(found.file)
