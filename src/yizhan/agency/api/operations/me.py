"""Whose key it is, what it may, and how much of the day's ceilings is left."""

from __future__ import annotations

from datetime import date

from yizhan.agency.api.door import A_SECOND, AT_ONCE, Request
from yizhan.agency.api.service import operation
from yizhan.agency.api.shapes import Coded, Place, Shape, Where, coded, place, said, where
from yizhan.agency.staff.ceilings import CEILINGS, used_today
from yizhan.agency.staff.models import DEPARTMENTS
from yizhan.agency.staff.rights import Right


class Scope(Coded):
    """A right that the key was made for; `granted` is false where its officer does not have it now."""

    granted: bool


class Ceiling(Coded):
    """What is counted, how much was used today, and how much a day holds."""

    used: int
    most: int


class Me(Shape):
    """Key and officer."""

    key: int
    name: str
    ends_on: date
    networks: list[str]
    officer: str
    area: Place
    department: Coded
    institution: Where | None
    scopes: list[Scope]
    ceilings: list[Ceiling]
    calls_a_second: int
    calls_at_once: int


@operation("GET", "me", None, Me, said=("密钥和所有人", "the key and whose it is"))
def me(request: Request) -> Me:
    """What this key is good for."""
    bearer = request.bearer
    key, used = bearer.key, used_today(bearer)
    scopes = [Right(scope) for scope in key.scopes if scope in set(Right)]
    return Me(
        key=key.pk, name=key.name, ends_on=key.ends_on, networks=key.networks, officer=bearer.username, area=place(bearer.area),
        department=coded(bearer.department, DEPARTMENTS.get(bearer.department)), institution=where(bearer.institution),
        scopes=[Scope(code=str(right), words=said(right.words), granted=bearer.may(right)) for right in scopes],
        ceilings=[
            Ceiling(code=kind, words=said(CEILINGS[kind].words), used=count, most=most) for kind, (count, most) in used.items()
        ],
        calls_a_second=A_SECOND, calls_at_once=AT_ONCE,
    )  # fmt: skip
