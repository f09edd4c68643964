"""Starting long work, and asking it to stop."""

from __future__ import annotations

from typing import Any

from yizhan.agency.desk.words import Words
from yizhan.agency.jobs.errors import RunEnded
from yizhan.agency.jobs.models import UNFINISHED, Run
from yizhan.agency.jobs.work import work_of
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotAllowed
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, department_of


def start(kind: str, *, title: Words, about: dict[str, Any], acting_user: Actor) -> Run:
    """Start long work. It begins once the caller's transaction is committed, and does not exist if that is rolled back.

    Raises NotAllowed: the officer lacks the right that this kind of work needs.
    """
    right = work_of(kind).right
    if not acting_user.may(right):
        raise NotAllowed(right_zh=right.words.zh, right_en=right.words.en)
    with acting(acting_user):
        run = Run.objects.create(
            kind=kind, title_zh=title.zh, title_en=title.en, about=about, area_path=acting_user.area_path,
            officer=acting_user if isinstance(acting_user, Officer) else None, department=department_of(acting_user),
        )  # fmt: skip
        record("run.start", run, kind=kind, acting_user=acting_user)
        return run


def cancel(run: Run, *, acting_user: Actor) -> None:
    """Ask a run to stop. It stops before its next step; what it has done so far is its work's business.

    For who started it, for others who may do such work, and for the system administrator. Raises NotAllowed, RunEnded.
    """
    right = work_of(run.kind).right
    if run.officer_id != acting_user.pk and not (acting_user.may(right) or acting_user.may(Right.AREA_MANAGE)):
        raise NotAllowed(right_zh=right.words.zh, right_en=right.words.en)
    with acting(acting_user):
        asked = Run.objects.filter(pk=run.pk, state__in=UNFINISHED).update(cancel_asked=True)
        if not asked:
            run.refresh_from_db()
            words = run.shown_state.words
            raise RunEnded(state_zh=words.zh, state_en=words.en)
        record("run.cancel", run, kind=run.kind, acting_user=acting_user)
