"""Acting for somebody: what the database shows and lets be written depends on it.

`acting(officer)` opens a transaction and tells PostgreSQL, for that transaction only, in which area, for which department
and for which institution we work. The policies of row-level security compare it; outside `acting` they show no row at all.

A hospital treats whoever of the city comes, so its staff work in the whole city; but visits, bills and filings they see
and write of their own institution only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from django.db import connection, transaction

from yizhan.agency.staff.errors import NotAllowed
from yizhan.agency.staff.models import NATION, NO_MEANS, Officer
from yizhan.agency.staff.rights import Right, Role, rights_of
from yizhan.agency.statements import prepared


class Actor(Protocol):
    """Somebody who acts: an officer, or the system itself. `means` is what the audit trail says besides: by which message or
    key, where it is not a person at a page."""

    @property
    def name(self) -> str: ...
    @property
    def area_path(self) -> str: ...
    @property
    def pk(self) -> int | None: ...
    @property
    def means(self) -> Mapping[str, object]: ...
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

    @property
    def means(self) -> Mapping[str, object]:
        """Nothing: its name says it."""
        return NO_MEANS

    def may(self, right: Right) -> bool:
        """The operator who starts a command has all rights already."""
        return True


_OF_MACHINES = rights_of([Role.WINDOW, Role.HOSPITAL])


@dataclass(frozen=True, slots=True)
class Machine:
    """A hospital's own system, which acts for its operators over the national interface（医院接口）, as far as the hospital's
    staff may. `message` is the number under which its message is kept: the audit trail names it.
    """

    name: str
    area_path: str
    institution_id: int
    message: int = 0

    @property
    def pk(self) -> int | None:
        """None: it is no officer."""
        return None

    @property
    def means(self) -> Mapping[str, object]:
        """The message."""
        return {"message": self.message}

    def may(self, right: Right) -> bool:
        """What a window clerk and a hospital manager may."""
        return right in _OF_MACHINES


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
    return actor.institution_id if isinstance(actor, Officer | Machine) else None


def officer_of(actor: Actor) -> Officer | None:
    """The officer who acts; None where the system or a hospital's own system does, which the audit trail names."""
    return actor if isinstance(actor, Officer) else None


_SETTINGS = ("yizhan.area", "yizhan.department", "yizhan.institution")
_SET = ", ".join(f"set_config('{name}', %s, true)" for name in _SETTINGS)
_READ = ", ".join(f"current_setting('{name}', true)" for name in _SETTINGS)

_in_force: ContextVar[tuple[str, ...] | None] = ContextVar("scope", default=None)
"""The scope of the innermost `acting`: who acts in the same once more need not tell the database again."""

_limits: ContextVar[Mapping[str, str] | None] = ContextVar("limits", default=None)
"""The settings that an `acting` around this one asked for; they hold to the end of its transaction."""


@contextmanager
def acting(
    actor: Actor, *, across_institutions: bool = False, limits: Mapping[str, str] = MappingProxyType({})
) -> Iterator[None]:
    """A transaction in which the database shows what `actor` may see. May be nested: leaving restores the outer scope.

    `across_institutions` is for settling: a bill builds on what other institutions settled before it, and reversing one
    changes theirs. Who does so answers no page with what it read, and checks the institution itself. `limits` are settings
    of the database, such as lock_timeout. They hold until the outermost transaction ends, as the locks do that they are for.
    """
    institution = None if across_institutions else institution_of(actor)
    scope = (area_of(actor), department_of(actor), str(institution or ""))
    # A transaction of its own ends with its settings; only a nested one has an outer scope to return to.
    nested = connection.in_atomic_block
    before = _in_force.get() if nested else None
    known = _limits.get() if nested else None
    limits = {} if limits == known else limits
    with transaction.atomic():
        if scope != before or limits:
            limited = "".join(f", set_config('{name}', '{value}', true)" for name, value in limits.items())
            read = f"{_READ}, " if nested and before is None else ""
            with prepared() as cursor:
                cursor.execute(f"select {read}{_SET}{limited}", scope)
                if read:
                    before = tuple(value or "" for value in cursor.fetchone()[: len(_SETTINGS)])
        token, limits_token = _in_force.set(scope), _limits.set(limits or known)
        try:
            yield
        finally:
            _in_force.reset(token)
            _limits.reset(limits_token)
        # After an error the savepoint's rollback does this; then the statement below would be refused.
        if nested and scope != before:
            with prepared() as cursor:
                cursor.execute(f"select {_SET}", before)
