"""A message is carried out once more and rolled back: what would be answered today, and nothing is written.

For a hospital that asks why a message was refused, and for trying out a corrected item or a new policy. Only the record
that somebody looked stays. The message has a number of its own, so that it is not taken for a repeat.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.db import OperationalError
from django.utils import timezone

from yizhan.agency.care.errors import Busy
from yizhan.agency.care.settling import LIMITS, WAIT_SECONDS
from yizhan.agency.gateway import envelope as envelopes
from yizhan.agency.gateway import registry
from yizhan.agency.gateway.door import IN_THE_WAY
from yizhan.agency.gateway.errors import NotReplayed
from yizhan.agency.gateway.models import Caller, Message
from yizhan.agency.gateway.queries import content_of, request_of
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Machine, acting, demand
from yizhan.errors import Problem, Problems


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a message would be answered now."""

    output: Any
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


class _Back(Exception):
    """Leaves the transaction, so that what was done in it is undone."""

    def __init__(self, found: Replayed) -> None:
        self.found = found


def replay(row: Message, *, acting_user: Officer) -> Replayed:
    """Carry out a message and roll it back. Outside any transaction: the first one only records who looked. Raises NotReplayed."""
    with acting(acting_user):
        demand(acting_user, Right.MESSAGE_REPLAY)
        whole = request_of(row)
        content = content_of(row, Caller.objects.filter(institution=row.institution).first())
        if not isinstance(whole, dict) or content is None:
            raise NotReplayed(infno=row.infno)
        record("message.replay", infno=row.infno, message=row.pk, acting_user=acting_user)
    body = envelopes.parsed_as_envelope(whole)
    try:
        transaction = registry.found(row.infno)
        asked = replace(body, msgid=f"~{row.pk}")
        machine = Machine(f"试演 {acting_user.name}"[:60], row.institution.area_path, row.institution_id, row.pk)
        now = timezone.localtime()
        call = registry.Call(asked, row.institution, machine, now, now.date(), content)
        with acting(machine, across_institutions=transaction.alone, limits=LIMITS if transaction.alone else {}):
            demand(machine, transaction.right)
            output = transaction.act(call)
            raise _Back(Replayed(_shown(output), tuple(call.warnings)))
    except _Back as back:
        return back.found
    except Problems as refused:
        return Replayed(None, problems=tuple(refused.problems))
    except Problem as refused:
        return Replayed(None, problems=(refused,))
    except OperationalError as error:
        if isinstance(error.__cause__, IN_THE_WAY):
            return Replayed(None, problems=(Busy(seconds=WAIT_SECONDS),))
        raise


def _shown(output: Any) -> Any:
    return {"bytes": len(output)} if isinstance(output, registry.Download) else output
