"""Keys as pages show them, and the one that a call presents."""

from __future__ import annotations

from django.db import connection
from django.db.models import QuerySet

from yizhan.agency.api.models import Bearer, Key
from yizhan.agency.crypto import digest
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Officer


def keys_of(officer: Officer) -> QuerySet[Key]:
    """An officer's keys, the latest first; those that may still be used before the others."""
    return Key.objects.filter(officer=officer).select_related("ended_by").order_by("-ended_at", "-id")


def key_of(officer: Officer, number: int) -> Key:
    """One of them. Raises NotFound."""
    found = Key.objects.filter(officer=officer, pk=number).first()
    if found is None:
        raise NotFound
    return found


_COLUMNS = (
    "id",
    "officer_id",
    "area_path",
    "name",
    "scopes",
    "networks",
    "ends_on",
    "used_at",
    "used_from",
    "ended_at",
    "ended_why",
)


def presented(secret: str) -> Bearer | None:
    """Whose key this is, whatever its state; None: nobody's. Asked before anybody acts."""
    with connection.cursor() as cursor:
        cursor.execute(f"select {', '.join(_COLUMNS)} from api_door(%s)", [digest(secret.encode())])
        row = cursor.fetchone()
    if row is None:
        return None
    key = Key(**dict(zip(_COLUMNS, row, strict=True)))
    bearer = Bearer.objects.select_related("area", "institution").get(pk=key.officer_id)
    bearer.key = key
    return bearer
