"""Rosters, their rows, deadlines and gaps that an officer may see."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from yizhan.agency.desk.words import Words
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.rosters import duties
from yizhan.agency.rosters.applying import ChangedLater
from yizhan.agency.rosters.models import GapItem, Roster, RosterDuty, RosterRow
from yizhan.agency.rosters.states import ROW_STATES
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.home import Waiting, waits
from yizhan.agency.staff.models import Area, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, department_of

MANY_ENDED, MANY_PERCENT = 10, 20
"""A complete list that lacks so many known persons may be a list of changes, or a part of one."""


def rosters(viewer: Actor) -> QuerySet[Roster]:
    """The rosters of the viewer's area, of one department for its liaison; latest first."""
    found = Roster.objects.filter(area_path__gte=viewer.area_path, area_path__lt=viewer.area_path + "~")
    if department := department_of(viewer):
        found = found.filter(department=department)
    return found.select_related("area", "uploaded_by", "sent_by", "decided_by").order_by("-id")


def roster(number: int, viewer: Actor) -> Roster:
    """One roster. Raises NotFound."""
    found = rosters(viewer).select_related("withdrawn_by").filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def state_counts(viewer: Actor) -> dict[str, int]:
    """Roster state → how many."""
    return dict(rosters(viewer).order_by().values_list("state").annotate(n=Count("id")))


def rows(of: Roster, *, state: str = "", only: str = "", reason: str = "", name: str = "") -> QuerySet[RosterRow]:
    """Rows of a roster. `only` is `undecided` or `decided`; `name` the beginning of a name."""
    found = RosterRow.objects.filter(roster=of)
    if state:
        found = found.filter(state=state)
    if only == "undecided":
        found = found.filter(needs=True, decision="")
    elif only == "decided":
        found = found.exclude(decision="")
    if reason:
        found = found.filter(reasons__contains=[{"code": reason}])
    if name:
        found = found.filter(name__gte=name, name__lt=name + "\U0010ffff")
    return found.select_related("person").order_by("number", "id")


def row(of: Roster, number: int) -> RosterRow:
    """One row by id. Raises NotFound."""
    found = RosterRow.objects.filter(roster=of, pk=number).select_related("person", "decided_by").first()
    if found is None:
        raise NotFound
    return found


def summary(of: Roster) -> dict[str, dict[str, int]]:
    """Row state → {rows, undecided, taken, left}: what an officer and a reviewer see first."""
    found = (
        RosterRow.objects.filter(roster=of)
        .values("state")
        .annotate(
            rows=Count("id"),
            open=Count("id", filter=Q(needs=True, decision="")),
            taken=Count("id", filter=Q(decision="take")),
            left=Count("id", filter=Q(decision__in=["keep", "exclude"])),
        )
    )
    by_state = {
        entry["state"]: {
            "rows": entry["rows"],
            "undecided": entry["open"],
            "taken": entry["taken"],
            "left": entry["left"],
        }
        for entry in found
    }
    return {code: by_state[code] for code in ROW_STATES if code in by_state}


def ends_many(found: dict[str, dict[str, int]]) -> int:
    """Percent of the known marks that a list would end, if that is suspiciously many; else 0. Takes what `summary` gives."""
    ended, kept = (
        sum(found.get(code, {}).get("rows", 0) for code in codes) for codes in (("ended",), ("unchanged", "changed"))
    )
    percent = ended * 100 // (ended + kept) if ended else 0
    return percent if ended >= MANY_ENDED and percent >= MANY_PERCENT else 0


def reason_counts(of: Roster, state: str) -> dict[str, int]:
    """Reason code → rows of this state that have it, the commonest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select r->>'code', count(*) from rosters_rosterrow w, jsonb_array_elements(w.reasons) r"
            " where w.roster_id = %s and w.state = %s group by 1 order by 2 desc, 1 limit 12",
            [of.pk, state],
        )
        return dict(cursor.fetchall())


def candidates(of_row: RosterRow) -> list[dict[str, Any]]:
    """The persons whom a row may mean, best first, as far as they are still there."""
    ids = [candidate["person"] for candidate in of_row.candidates]
    persons = {person.pk: person for person in Person.objects.filter(pk__in=ids, merged_into=None)}
    return [
        {**candidate, "person": persons[candidate["person"]]}
        for candidate in of_row.candidates
        if candidate["person"] in persons
    ]


def basis_marks(of_rows: list[RosterRow]) -> dict[int, IdentityMark]:
    """Known marks that these rows would withdraw, by id; one statement for a page of rows."""
    ids = {mark for found in of_rows for mark in found.basis}
    return IdentityMark.objects.in_bulk(ids) if ids else {}


def areas_below(viewer: Actor) -> QuerySet[Area]:
    """The areas for which a roster may be sent: the viewer's own and those below, down to the county."""
    return Area.objects.filter(
        path__gte=viewer.area_path, path__lt=viewer.area_path + "~", level__in=["city", "county"]
    ).order_by("path")


# --- Deadlines --------------------------------------------------------------------------------------------------------


def duties_of(viewer: Actor) -> QuerySet[RosterDuty]:
    """The duties of the area; of one department for its liaison."""
    found = RosterDuty.objects.filter(area_path__gte=viewer.area_path, area_path__lt=viewer.area_path + "~")
    if department := department_of(viewer):
        found = found.filter(department=department)
    return found.select_related("area", "responsible").order_by("area_path", "department", "identity", "kind")


def duty(number: int, viewer: Actor) -> RosterDuty:
    """One duty. Raises NotFound."""
    found = duties_of(viewer).filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def deadlines(viewer: Actor, *, month: date, today: date) -> list[duties.Due]:
    """How the duties of a month stand, those overdue first."""
    sent = list(
        rosters(viewer)
        .exclude(state__in=["dropped", "unreadable"])
        .filter(uploaded_at__year__gte=month.year - 1)
        .order_by("uploaded_at")
    )
    return duties.board(duties_of(viewer), sent, month=month, today=today)


def overdue_count(viewer: Actor, today: date) -> int:
    """How many lists are overdue today."""
    return sum(due.state.code == "overdue" for due in deadlines(viewer, month=today, today=today))


# --- Gaps -------------------------------------------------------------------------------------------------------------


def gap_items(viewer: Actor, *, kind: str = "", whose: str = "", closed: bool = False) -> QuerySet[GapItem]:
    """Work items of the area. `whose` is `mine`, `nobody` or `late`."""
    found = GapItem.objects.filter(
        area_path__gte=viewer.area_path, area_path__lt=viewer.area_path + "~", closed_at__isnull=not closed
    )
    if kind:
        found = found.filter(kind=kind)
    if whose == "mine":
        found = found.filter(responsible_id=viewer.pk)
    elif whose == "nobody":
        found = found.filter(responsible__isnull=True)
    elif whose == "late":
        found = found.filter(due_on__lt=timezone.localdate())
    return found.select_related("person", "responsible", "closed_by").order_by("due_on", "id")


def gap_counts(viewer: Actor, today: date) -> dict[str, dict[str, int]]:
    """Kind → {all, nobody, late, mine}."""
    found = (
        gap_items(viewer)
        .order_by()
        .values("kind")
        .annotate(
            all=Count("id"),
            nobody=Count("id", filter=Q(responsible=None)),
            late=Count("id", filter=Q(due_on__lt=today)),
            mine=Count("id", filter=Q(responsible_id=viewer.pk)),
        )
    )
    return {entry["kind"]: {name: entry[name] for name in ("all", "nobody", "late", "mine")} for entry in found}


def colleagues(viewer: Actor) -> QuerySet[Officer]:
    """Officers who can be made responsible: those of the viewer's area who work on gaps."""
    return Officer.objects.filter(
        is_active=True,
        area_path__gte=viewer.area_path,
        area_path__lt=viewer.area_path + "~",
        roles__overlap=["county_officer", "city_officer"],
    ).order_by("name", "id")


def described(changes: list[ChangedLater]) -> list[dict[str, Any]]:
    """Marks that stand in the way of withdrawing, with the names of the persons."""
    persons = Person.objects.in_bulk({change.person_id for change in changes})
    return [
        {
            "person": persons.get(change.person_id),
            "identity": change.identity,
            "roster": change.roster,
            "number": f"{change.roster or 0:06d}",
        }
        for change in changes
    ]


# --- The home page ----------------------------------------------------------------------------------------------------


@waits
def lists_overdue(officer: Officer) -> Waiting | None:
    """Lists that should have come by today."""
    if not officer.may(Right.ROSTER_UPLOAD):
        return None
    count = overdue_count(officer, timezone.localdate())
    return Waiting(Words("逾期未报的名单", "rosters overdue"), count, reverse("rosters:deadlines"), late=True)


@waits
def rosters_to_check(officer: Officer) -> Waiting | None:
    """Rosters whose differences have to be decided."""
    if not officer.may(Right.ROSTER_DECIDE):
        return None
    count = rosters(officer).filter(state__in=["open", "returned"]).count()
    return Waiting(Words("待核对的名单", "rosters to check"), count, f"{reverse('rosters:list')}?state=open")


@waits
def rosters_to_review(officer: Officer) -> Waiting | None:
    """Rosters that wait for this reviewer, who has not made them."""
    if not officer.may(Right.ROSTER_REVIEW):
        return None
    count = rosters(officer).filter(state="review").exclude(uploaded_by=officer).exclude(sent_by=officer).count()
    return Waiting(Words("待复核的名单", "rosters to review"), count, f"{reverse('rosters:list')}?state=review")


@waits
def rosters_to_mend(officer: Officer) -> Waiting | None:
    """The department's own rosters that cannot be read yet."""
    if not officer.may(Right.ROSTER_UPLOAD) or officer.may(Right.ROSTER_DECIDE):
        return None
    count = rosters(officer).filter(state__in=["mapping", "unreadable"]).count()
    return Waiting(Words("要确认列或重新上传的名单", "rosters to mend"), count, reverse("rosters:list"))


@waits
def gaps_of_mine(officer: Officer) -> Waiting | None:
    """Gaps that this officer is responsible for."""
    if not officer.may(Right.GAP_WORK):
        return None
    return Waiting(
        Words("由我负责的缺口", "gaps of mine"), gap_items(officer, whose="mine").count(), reverse("rosters:gaps")
    )
