"""Every write about rosters, duties and gaps. Whatever changes many rows is started here and done in `work.py`."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from yizhan.agency import crypto
from yizhan.agency.desk.logs import masked_text
from yizhan.agency.desk.words import Words
from yizhan.agency.jobs.actions import start
from yizhan.agency.people.models import IDENTITIES
from yizhan.agency.rosters import applying, columns, comparing, duties, queries
from yizhan.agency.rosters.errors import (
    CategoryNeeded,
    CloseReasonNeeded,
    DecisionNotPossible,
    DueNeeded,
    DutyExists,
    EffectiveOutside,
    FileMissing,
    FileSentTwice,
    FirstOfMonth,
    NoKnownDates,
    NoSuchCandidate,
    NothingChosen,
    NotYourDepartment,
    ReasonNeeded,
    Undecided,
    WrongState,
)
from yizhan.agency.rosters.gaps import CLOSED
from yizhan.agency.rosters.models import (
    FILE_PURPOSE,
    GapItem,
    Roster,
    RosterColumns,
    RosterDuty,
    RosterFile,
    RosterRow,
)
from yizhan.agency.rosters.states import DECIDABLE, DECISIONS, KINDS
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, SamePerson
from yizhan.agency.staff.models import DEPARTMENTS, Area, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand, department_of
from yizhan.errors import Problem, Problems

PAST_YEARS, COMING_DAYS = 3, 400
"""How far from today a list may take effect."""

POSSIBLE: Mapping[str, tuple[str, ...]] = {
    "conflict": ("take", "keep", "exclude"),
    "new": ("exclude",),
    "new_person": ("exclude",),
    "changed": ("keep", "exclude"),
    "ended": ("keep",),
    "not_found": ("exclude",),
    "elsewhere": ("exclude",),
    "unchanged": (),
    "rejected": (),
}
"""Row state → what may be decided about it."""


# --- Sending a list ---------------------------------------------------------------------------------------------------


def upload(
    content: bytes, *, file_name: str, area: Area, department: str, identities: Sequence[str], kind: str, effective_on: date,
    document: str = "", acting_user: Officer,
) -> Roster:  # fmt: skip
    """Take a list in, sealed, and start reading and comparing it.

    Raises NotAllowed, NotFound (area out of scope), Problems (NotYourDepartment, CategoryNeeded, FirstOfMonth,
    EffectiveOutside, FileMissing, FileSentTwice).
    """
    demand(acting_user, Right.ROSTER_UPLOAD)
    with acting(acting_user):
        if not area.path.startswith(acting_user.area_path):
            raise NotFound
        problems = _upload_problems(content, department, identities, kind, effective_on, acting_user)
        if problems:
            raise Problems(problems)
        digest = crypto.digest(content)
        twin = (
            Roster.objects.filter(
                area=area, department=department, kind=kind, effective_on=effective_on, file__digest=digest
            )
            .exclude(state__in=["dropped", "unreadable", "withdrawn"])
            .first()
        )
        if twin is not None:
            words = twin.shown_state.words
            raise Problems([FileSentTwice(number=twin, state_zh=words.zh, state_en=words.en)])
        roster = Roster.objects.create(
            area=area, area_path=area.path, department=department, identities=sorted(set(identities), key=list(IDENTITIES).index),
            kind=kind, effective_on=effective_on, document=document, file_name=masked_text(file_name)[-200:], uploaded_by=acting_user,
        )  # fmt: skip
        sealed = crypto.seal(b64encode(content).decode("ascii"), purpose=FILE_PURPOSE, row=str(roster.pk))
        RosterFile.objects.create(
            roster=roster, area_path=area.path, department=department, sealed=sealed, digest=digest
        )
        record(
            "roster.upload",
            roster,
            department=department,
            kind=kind,
            identities=roster.identities,
            bytes=len(content),
            acting_user=acting_user,
        )
        _start_comparing(roster, acting_user)
    return roster


def _upload_problems(
    content: bytes, department: str, identities: Sequence[str], kind: str, effective_on: date, acting_user: Officer
) -> list[Problem]:
    problems: list[Problem] = []
    own = department_of(acting_user)
    if department not in DEPARTMENTS or kind not in KINDS:
        raise NotFound
    if own and department != own:
        problems.append(NotYourDepartment(department_zh=DEPARTMENTS[own].zh, department_en=DEPARTMENTS[own].en))
    if not identities or not set(identities) <= set(IDENTITIES):
        problems.append(CategoryNeeded())
    today = timezone.localdate()
    first, last = date(today.year - PAST_YEARS, 1, 1), today + timedelta(days=COMING_DAYS)
    if not first <= effective_on <= last:
        problems.append(EffectiveOutside(found=effective_on, first=first, last=last))
    elif kind == "monthly" and effective_on.day != 1:
        problems.append(FirstOfMonth(found=effective_on))
    if not content:
        problems.append(FileMissing())
    return problems


def _start_comparing(roster: Roster, acting_user: Officer, **about: Any) -> None:
    title = Words(f"比对名单 {roster}", f"compare roster {roster}")
    run = start("roster.compare", title=title, about={"roster": roster.pk, **about}, acting_user=acting_user)
    roster.run_id = run.pk
    roster.save(update_fields=["run_id", "state", "mapping"])


def confirm_columns(roster: Roster, *, mapping: Mapping[str, str], acting_user: Officer) -> None:
    """Say which column is which, remember it for this header, and go on reading.

    Raises NotAllowed, WrongState, Problems (ColumnNeeded, ColumnUnknown, ColumnChosenTwice).
    """
    demand(acting_user, Right.ROSTER_UPLOAD)
    with acting(acting_user):
        roster = _locked(roster, acting_user, "mapping")
        chosen = columns.check_mapping(roster.columns, mapping, roster.kind, roster.identities)
        RosterColumns.objects.update_or_create(
            area_path=roster.area_path, department=roster.department, signature=columns.signature(roster.columns),
            defaults={"mapping": chosen, "confirmed_by": acting_user, "confirmed_at": timezone.now()},
        )  # fmt: skip
        roster.mapping, roster.state = chosen, "reading"
        record("roster.columns", roster, mapping=chosen, acting_user=acting_user)
        _start_comparing(roster, acting_user)


def compare_again(roster: Roster, *, acting_user: Officer) -> None:
    """Compare once more with what is known now. Decisions are asked anew, but not whom a row means.

    Raises NotAllowed, WrongState.
    """
    demand(acting_user, Right.ROSTER_DECIDE)
    with acting(acting_user):
        roster = _locked(roster, acting_user, *DECIDABLE)
        RosterRow.objects.filter(roster=roster).exclude(decision="").update(
            decision="", decided_by=None, decided_at=None
        )
        roster.state = "reading"
        record("roster.compare_again", roster, acting_user=acting_user)
        _start_comparing(roster, acting_user, again=True)


def drop(roster: Roster, *, acting_user: Officer) -> None:
    """Give a roster up that was not applied. Raises NotAllowed, WrongState."""
    demand(acting_user, Right.ROSTER_UPLOAD)
    with acting(acting_user):
        roster = _locked(roster, acting_user, "mapping", "unreadable", *DECIDABLE)
        roster.state = "dropped"
        roster.save(update_fields=["state"])
        record("roster.drop", roster, acting_user=acting_user)


def _locked(roster: Roster, viewer: Actor, *states: str) -> Roster:
    """The roster, locked and as it is now. Raises NotFound, WrongState."""
    found = queries.rosters(viewer).select_related(None).select_for_update().filter(pk=roster.pk).first()
    if found is None:
        raise NotFound
    if states and found.state not in states:
        words = found.shown_state.words
        raise WrongState(now_zh=words.zh, now_en=words.en)
    return found


# --- Deciding ---------------------------------------------------------------------------------------------------------


def decide(roster: Roster, rows: QuerySet[RosterRow], *, decision: str, note: str = "", acting_user: Officer) -> int:
    """Decide rows of the roster: `take`, `keep`, `exclude`, or "" to take a decision back. Returns how many.

    Rows of which it cannot be said are passed over. Raises NotAllowed, WrongState, NothingChosen, and DecisionNotPossible
    where it can be said of none.
    """
    demand(acting_user, Right.ROSTER_DECIDE)
    with acting(acting_user):
        roster = _locked(roster, acting_user, *DECIDABLE)
        chosen = rows.filter(roster=roster).order_by().select_related(None)
        first = chosen.first()
        if first is None:
            raise NothingChosen
        if decision:
            chosen = chosen.filter(state__in=[state for state, possible in POSSIBLE.items() if decision in possible])
        decided = chosen.update(
            decision=decision,
            note=note[:300],
            decided_by=acting_user if decision else None,
            decided_at=timezone.now() if decision else None,
        )
        if not decided:
            words, state = DECISIONS[decision], first.shown_state.words
            raise DecisionNotPossible(decision_zh=words.zh, decision_en=words.en, state_zh=state.zh, state_en=state.en)
        record("roster.decide", roster, decision=decision, rows=decided, note=note[:300], acting_user=acting_user)
    return decided


def name_person(row: RosterRow, *, person_id: int, note: str = "", acting_user: Officer) -> None:
    """Say that a row with a wrong or unknown number means this known person; the row is judged anew.

    Raises NotAllowed, WrongState, NoSuchCandidate.
    """
    demand(acting_user, Right.ROSTER_DECIDE)
    with acting(acting_user):
        roster = _locked(row.roster, acting_user, *DECIDABLE)
        row = RosterRow.objects.select_for_update().get(pk=row.pk)
        if person_id not in {candidate["person"] for candidate in row.candidates}:
            raise NoSuchCandidate
        RosterRow.objects.filter(pk=row.pk).update(
            named_person_id=person_id, note=note[:300], decision="", decided_by=acting_user, decided_at=timezone.now()
        )
        comparing.match_rows(roster, [row.pk])
        comparing.person_is_named(roster, row.number, person_id)
        roster.counts = comparing.count_states(roster)
        roster.save(update_fields=["counts"])
        record(
            "roster.name_person", roster, person_id=person_id, row=row.number, note=note[:300], acting_user=acting_user
        )


def send_to_review(roster: Roster, *, note: str = "", acting_user: Officer) -> None:
    """Hand the roster to a reviewer. Raises NotAllowed, WrongState, Undecided."""
    demand(acting_user, Right.ROSTER_DECIDE)
    with acting(acting_user):
        roster = _locked(roster, acting_user, *DECIDABLE)
        undecided = RosterRow.objects.filter(roster=roster, needs=True, decision="").count()
        if undecided:
            raise Undecided(count=undecided)
        roster.state, roster.sent_by, roster.sent_at, roster.sent_note = (
            "review",
            acting_user,
            timezone.now(),
            note[:300],
        )
        roster.return_why, roster.decided_by, roster.decided_at = "", None, None
        roster.save(
            update_fields=["state", "sent_by", "sent_at", "sent_note", "return_why", "decided_by", "decided_at"]
        )
        record("roster.send_to_review", roster, note=note[:300], acting_user=acting_user)


# --- Reviewing --------------------------------------------------------------------------------------------------------


def _refuse_makers(roster: Roster, acting_user: Officer) -> None:
    decided = RosterRow.objects.filter(roster=roster, decided_by=acting_user)
    if acting_user.pk in (roster.uploaded_by_id, roster.sent_by_id) or decided.exists():
        raise SamePerson


def approve(roster: Roster, *, acting_user: Officer) -> None:
    """Approve and start applying. Raises NotAllowed, WrongState, SamePerson."""
    demand(acting_user, Right.ROSTER_REVIEW)
    with acting(acting_user):
        roster = _locked(roster, acting_user, "review")
        _refuse_makers(roster, acting_user)
        run = start(
            "roster.apply",
            title=Words(f"应用名单 {roster}", f"apply roster {roster}"),
            about={"roster": roster.pk},
            acting_user=acting_user,
        )
        roster.state, roster.decided_by, roster.decided_at, roster.run_id = (
            "applying",
            acting_user,
            timezone.now(),
            run.pk,
        )
        roster.save(update_fields=["state", "decided_by", "decided_at", "run_id"])
        record("roster.approve", roster, acting_user=acting_user)


def return_to_officer(roster: Roster, *, why: str, acting_user: Officer) -> None:
    """Send the roster back with a reason. Raises NotAllowed, WrongState, SamePerson, ReasonNeeded."""
    demand(acting_user, Right.ROSTER_REVIEW)
    with acting(acting_user):
        roster = _locked(roster, acting_user, "review")
        _refuse_makers(roster, acting_user)
        if not why.strip():
            raise ReasonNeeded
        roster.state, roster.return_why = "returned", why.strip()[:300]
        roster.decided_by, roster.decided_at = acting_user, timezone.now()
        roster.save(update_fields=["state", "return_why", "decided_by", "decided_at"])
        record("roster.return", roster, why=roster.return_why, acting_user=acting_user)


def withdraw(roster: Roster, *, why: str, acting_user: Officer) -> None:
    """Take an applied roster back, as a further record. Raises NotAllowed, WrongState, ReasonNeeded, Problems (LaterRosterChanged)."""
    demand(acting_user, Right.ROSTER_WITHDRAW)
    with acting(acting_user):
        roster = _locked(roster, acting_user, "applied")
        if not why.strip():
            raise ReasonNeeded
        applying.refuse_if_changed_later(roster)
        run = start(
            "roster.withdraw",
            title=Words(f"撤回名单 {roster}", f"withdraw roster {roster}"),
            about={"roster": roster.pk},
            acting_user=acting_user,
        )
        roster.state, roster.withdrawn_by, roster.withdrawn_why, roster.run_id = (
            "withdrawing",
            acting_user,
            why.strip()[:300],
            run.pk,
        )
        roster.problems = []
        roster.save(update_fields=["state", "withdrawn_by", "withdrawn_why", "run_id", "problems"])
        record("roster.withdraw", roster, why=roster.withdrawn_why, acting_user=acting_user)


# --- Duties -----------------------------------------------------------------------------------------------------------


def adopt_known_duties(area: Area, *, acting_user: Actor) -> int:
    """Take over the days that the policy documents of an area print. Returns how many were added.

    Raises NotAllowed, NotFound (area out of scope), NoKnownDates.
    """
    demand(acting_user, Right.ROSTER_DECIDE)
    with acting(acting_user):
        if not area.path.startswith(acting_user.area_path):
            raise NotFound
        known = next((days for code, days in duties.KNOWN.items() if f".{code}." in f".{area.path}"), None)
        if known is None:
            raise NoKnownDates
        wanted = [
            RosterDuty(
                area=area, area_path=area.path, department=department, identity=identity, kind=kind,
                due_month=known.month if kind == "initial" else None, due_day=known.day if kind == "initial" else known.monthly_day,
                citation=known.citation, note=str(known.note), from_on=known.from_on,
            )
            for department, identities in known.departments.items()
            for identity in identities
            for kind in ("initial", "monthly")
        ]  # fmt: skip
        before = RosterDuty.objects.filter(area=area).count()
        RosterDuty.objects.bulk_create(wanted, ignore_conflicts=True)
        added = RosterDuty.objects.filter(area=area).count() - before
        record("duty.adopt", area, area_path=area.path, citation=known.citation, added=added, acting_user=acting_user)
    return added


def set_duty(
    duty: RosterDuty | None, *, area: Area, department: str, identity: str, kind: str, due_month: int | None, due_day: int,
    responsible: Officer | None, citation: str, note: str, from_on: date, to_on: date | None, acting_user: Officer,
) -> RosterDuty:  # fmt: skip
    """Add a duty, or change one. Raises NotAllowed, NotFound (area out of scope), DutyExists."""
    demand(acting_user, Right.ROSTER_DECIDE)
    with acting(acting_user):
        if not area.path.startswith(acting_user.area_path):
            raise NotFound
        twin = RosterDuty.objects.filter(area=area, department=department, identity=identity, kind=kind, to_on=None)
        if to_on is None and twin.exclude(pk=duty.pk if duty else 0).exists():
            raise DutyExists
        duty = duty or RosterDuty()
        duty.area, duty.area_path, duty.department, duty.identity, duty.kind = (
            area,
            area.path,
            department,
            identity,
            kind,
        )
        duty.due_month, duty.due_day = (due_month if kind == "initial" else None), due_day
        duty.responsible, duty.citation, duty.note = responsible, citation, note
        duty.from_on, duty.to_on = from_on, to_on
        duty.save()
        record(
            "duty.set",
            duty,
            department=department,
            identity=identity,
            kind=kind,
            month=due_month,
            day=due_day,
            acting_user=acting_user,
        )
    return duty


# --- Gaps -------------------------------------------------------------------------------------------------------------


def start_census(*, acting_user: Officer) -> int:
    """Look for gaps in the officer's area. Returns the number of the run. Raises NotAllowed."""
    demand(acting_user, Right.GAP_WORK)
    title = Words("排查缺口", "census of gaps")
    return start("gaps.census", title=title, about={"area_path": acting_user.area_path}, acting_user=acting_user).pk


def assign_gaps(
    items: QuerySet[GapItem], *, responsible: Officer | None, due_on: date | None, note: str = "", acting_user: Officer
) -> int:
    """Say who sees to these gaps, and until when. Raises NotAllowed, NothingChosen, DueNeeded."""
    demand(acting_user, Right.GAP_WORK)
    with acting(acting_user):
        if responsible is None or due_on is None or due_on < timezone.localdate():
            raise DueNeeded
        changed = items.filter(closed_at=None).order_by().select_related(None)
        values: dict[str, Any] = {"responsible": responsible, "due_on": due_on}
        count = changed.update(**values, **({"note": note[:300]} if note else {}))
        if not count:
            raise NothingChosen
        record("gap.assign", to=responsible.name, due=due_on, items=count, acting_user=acting_user)
    return count


def close_gaps(items: QuerySet[GapItem], *, why: str, note: str = "", acting_user: Officer) -> int:
    """Close these gaps. Raises NotAllowed, NothingChosen, CloseReasonNeeded."""
    demand(acting_user, Right.GAP_WORK)
    with acting(acting_user):
        if why not in CLOSED or why == "gone":
            raise CloseReasonNeeded
        changed = items.filter(closed_at=None).order_by().select_related(None)
        values: dict[str, Any] = {"closed_at": timezone.now(), "closed_by": acting_user, "close_why": why}
        count = changed.update(**values, **({"note": note[:300]} if note else {}))
        if not count:
            raise NothingChosen
        record("gap.close", why=why, items=count, note=note[:300], acting_user=acting_user)
    return count
