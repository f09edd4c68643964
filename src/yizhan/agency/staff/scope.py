"""Acting for somebody: what the database shows and lets be written depends on it.

`acting(officer)` opens a transaction and tells PostgreSQL, for that transaction only, in which area and for which
department we work. The policies of row-level security compare it; outside `acting` they show no row at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """A transaction in which the database shows what `actor` may see. May be nested: leaving restores the outer scope."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select current_setting('yizhan.area', true), current_setting('yizhan.department', true),"
            " set_config('yizhan.area', %s, true), set_config('yizhan.department', %s, true)",
            [actor.area_path, department_of(actor)],
        )
        before = cursor.fetchone()[:2]
        yield
        # After an error the savepoint's rollback does this; then the statement below would be refused.
        cursor.execute(
            "select set_config('yizhan.area', %s, true), set_config('yizhan.department', %s, true)",
            [value or "" for value in before],
        )
