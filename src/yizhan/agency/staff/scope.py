"""Acting for somebody: what the database shows and lets be written depends on it.

`acting(officer)` opens a transaction and tells PostgreSQL, for that transaction only, in which area, for which department
and for which institution we work. The policies of row-level security compare it; outside `acting` they show no row at all.

A hospital treats whoever of the city comes, so its staff work in the whole city; but visits, bills and filings they see
and write of their own institution only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from django.db import connection, transaction

from yizhan.agency.staff.errors import NotAllowed
from yizhan.agency.staff.models import NATION, Officer
from yizhan.agency.staff.rights import Right


class Actor(Protocol):
    """Somebody who acts: an officer, or the system itself."""

    @property
    def name(self) -> str: ...
    @property
    def area_path(self) -> str: ...
    @property
    def pk(self) -> int | None: ...
    def may(self, right: Right) -> bool: ...


@dataclass(frozen=True, slots=True)
class System:
    """The platform itself: scheduled work, commands of the operator. Named in the audit trail by what it does."""

    name: str
    area_path: str = NATION

    @property
    def pk(self) -> int | None:
        """None: the system is no officer."""
        return None

    def may(self, right: Right) -> bool:
        """The operator who starts a command has all rights already."""
        return True


def demand(actor: Actor, right: Right) -> None:
    """Raises NotAllowed unless some role of the actor grants the right."""
    if not actor.may(right):
        raise NotAllowed(right_zh=right.words.zh, right_en=right.words.en)


def department_of(actor: Actor) -> str:
    """The department to whose business this actor is confined; "" for those of healthcare security."""
    return actor.department if isinstance(actor, Officer) and actor.is_liaison else ""


def area_of(actor: Actor) -> str:
    """The area in which the database lets an actor work: the whole city for the staff of an institution in it."""
    if institution_of(actor):
        return "".join(f"{code}." for code in actor.area_path.split(".")[:3] if code)
    return actor.area_path


def institution_of(actor: Actor) -> int | None:
    """The institution to whose visits and bills this actor is confined; None for everybody but its staff."""
    return actor.institution_id if isinstance(actor, Officer) else None


_SETTINGS = ("yizhan.area", "yizhan.department", "yizhan.institution")
_SET = ", ".join(f"set_config('{name}', %s, true)" for name in _SETTINGS)
_READ = ", ".join(f"current_setting('{name}', true)" for name in _SETTINGS)


@contextmanager
def acting(
    actor: Actor, *, across_institutions: bool = False, limits: Mapping[str, str] = MappingProxyType({})
) -> Iterator[None]:
    """A transaction in which the database shows what `actor` may see. May be nested: leaving restores the outer scope.

    `across_institutions` is for settling: a bill builds on what other institutions settled before it, and reversing one
    changes theirs. Who does so answers no page with what it read, and checks the institution itself. `limits` are
    time-outs of the database, such as lock_timeout, in force until it is left.
    """
    institution = None if across_institutions else institution_of(actor)
    scope = [area_of(actor), department_of(actor), str(institution or "")]
    nested = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        # A transaction of its own ends with its settings; only a nested one has an outer scope to return to.
        limited = "".join(f", set_config('{name}', '{value}', true)" for name, value in limits.items())
        cursor.execute((f"select {_READ}, {_SET}" if nested else f"select {_SET}") + limited, scope)
        before = cursor.fetchone()[: len(_SETTINGS)]
        yield
        # After an error the savepoint's rollback does this; then the statement below would be refused.
        if nested:
            unlimited = "".join(f", set_config('{name}', '0', true)" for name in limits)
            cursor.execute(f"select {_SET}{unlimited}", [value or "" for value in before])
