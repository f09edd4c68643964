"""Who is at the door: name and password, second factor, and whether it is still the same person."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import check_password, make_password
from django.http import HttpRequest
from django.utils import timezone

from yizhan.agency.staff import factors, passwords
from yizhan.agency.staff.errors import NotFresh
from yizhan.agency.staff.models import Area, Institution, Officer
from yizhan.agency.statements import Columns, prepared

FRESH = timedelta(minutes=5)
"""How long after giving the password again one may do what is grave."""
HALFWAY = timedelta(minutes=5)
_FRESH_AT = "fresh_at"
_HALF = "half"


_OFFICERS, _AREAS, _INSTITUTIONS = Columns(Officer, "o"), Columns(Area, "a"), Columns(Institution, "i")
_OFFICER = f"""
    select {_OFFICERS.sql}, {_AREAS.sql}, {_INSTITUTIONS.sql} from staff_officer o join staff_area a on a.id = o.area_id
    left join staff_institution i on i.id = o.institution_id where o.id = %s::bigint and o.is_active
"""


class Backend(BaseBackend):
    """Signs officers in by user name and password."""

    def authenticate(
        self, request: HttpRequest | None, username: str = "", password: str = "", **other: Any
    ) -> Officer | None:
        """The officer with this name and password, or None. An unknown name takes as long as a wrong password."""
        officer = Officer.objects.filter(username=username.strip().lower()).first()
        usable = officer is not None and officer.has_usable_password()
        stored = officer.password if officer is not None and usable else _nobodys_password()
        right = check_password(password[: passwords.LONGEST + 1], stored)
        return officer if right and usable and officer is not None and officer.is_active else None

    def get_user(self, user_id: int) -> Officer | None:
        """The officer of a session; None once suspended. Rights are read anew with each request."""
        with prepared() as cursor:
            cursor.execute(_OFFICER, [user_id])
            values = iter(cursor.fetchone() or [None])
        officer = _OFFICERS.read(values)
        if officer is not None:
            area = _AREAS.read(values)
            assert area is not None
            officer.area, officer.institution = area, _INSTITUTIONS.read(values)
        return officer


@cache
def _nobodys_password() -> str:
    return make_password("no password matches this")


# --- Halfway: the password was right, the second factor is missing ------------------------------------------------------


def stand_halfway(request: HttpRequest, officer: Officer) -> None:
    """Remember who gave the right password, under a new session key."""
    request.session.flush()
    request.session[_HALF] = [officer.pk, timezone.now().isoformat()]


def who_stands_halfway(request: HttpRequest) -> Officer | None:
    """Who gave the right password within the last minutes."""
    pk, since = request.session.get(_HALF) or (None, "")
    if pk is None or timezone.now() - datetime.fromisoformat(since) > HALFWAY:
        return None
    return Officer.objects.filter(pk=pk, is_active=True).first()


# --- Still the same person ----------------------------------------------------------------------------------------------


def mark_fresh(request: HttpRequest) -> None:
    """The officer has just proved who they are."""
    request.session[_FRESH_AT] = timezone.now().isoformat()


def is_fresh(request: HttpRequest) -> bool:
    """Whether the officer proved within five minutes who they are."""
    since = request.session.get(_FRESH_AT)
    return since is not None and timezone.now() - datetime.fromisoformat(since) <= FRESH


def require_fresh(request: HttpRequest) -> None:
    """For what is grave: call it in the view, for GET as for POST. Raises NotFresh; the page then asks for the password."""
    if not is_fresh(request):
        raise NotFresh()


def unfinished(officer: Officer) -> str:
    """The page on which this officer must first finish signing in, or "": a password to change, a factor to set up."""
    if passwords.is_old(officer):
        return "staff:change_password"
    if officer.totp_sealed is None and factors.is_required(officer):
        return "staff:factor"
    return ""
