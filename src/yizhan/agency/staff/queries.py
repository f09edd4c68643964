"""Reads about areas, institutions, officers and the audit trail: each within the scope of who asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from django.db.models import Count, Exists, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from yizhan.agency.desk.words import Words
from yizhan.agency.staff.ceilings import CEILINGS
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.home import Waiting, waits
from yizhan.agency.staff.models import Area, Audit, AuditLeaf, DailyUse, Institution, Officer
from yizhan.agency.staff.rights import Right

M = TypeVar("M", bound=Model)

UNUSED_AFTER = timedelta(days=90)
"""Accounts that nobody has signed in to for so long are listed for suspension（GB/T 22239 8.1.4.2 c）."""


def areas(actor: Officer, *, search: str = "", level: str = "") -> QuerySet[Area]:
    """Areas within the actor's, with how many institutions and officers belong to each."""
    found = _within(Area.objects.all(), "path", actor.area_path)
    if search:
        found = found.filter(Q(name__icontains=search) | Q(code__startswith=search))
    if level:
        found = found.filter(level=level)
    return found.annotate(
        institutions=Count("institution", distinct=True), officers=Count("officer", distinct=True)
    ).order_by("path")


def area(actor: Officer, code: str) -> Area:
    """One area within the actor's. Raises NotFound."""
    return _one(_within(Area.objects.filter(code=code), "path", actor.area_path))


def institutions(actor: Officer, *, search: str = "") -> QuerySet[Institution]:
    """Institutions within the actor's area."""
    found = _within(Institution.objects.select_related("area"), "area_path", actor.area_path)
    if search:
        found = found.filter(Q(name__icontains=search) | Q(code__startswith=search))
    return found.order_by("area_path", "code")


def officers(
    actor: Officer, *, search: str = "", role: str = "", state: str = "", now: datetime | None = None
) -> QuerySet[Officer]:
    """Officers within the actor's area. `state`: active, suspended or unused (for 90 days)."""
    found = _within(Officer.objects.select_related("area", "institution"), "area_path", actor.area_path)
    if search:
        found = found.filter(
            Q(name__icontains=search) | Q(username__icontains=search) | Q(area__name__icontains=search)
        )
    if role:
        found = found.filter(roles__contains=[role])
    if state == "suspended":
        found = found.filter(is_active=False)
    elif state == "active":
        found = found.filter(is_active=True)
    elif state == "unused":
        found = unused(found, now=now)
    return found.order_by("area_path", "username")


def unused(found: QuerySet[Officer], *, now: datetime | None = None) -> QuerySet[Officer]:
    """Those of the officers who may sign in and have not for 90 days."""
    since = (now or timezone.now()) - UNUSED_AFTER
    return found.filter(is_active=True).annotate(last=Coalesce("last_login", "created_at")).filter(last__lt=since)


def officer(actor: Officer, number: int) -> Officer:
    """One officer within the actor's area. Raises NotFound."""
    found = Officer.objects.select_related("area", "institution").filter(pk=number)
    return _one(_within(found, "area_path", actor.area_path))


def officer_named(actor: Officer, username: str) -> Officer:
    """One officer within the actor's area, by user name. Raises NotFound."""
    return _one(_within(Officer.objects.filter(username=username.strip().lower()), "area_path", actor.area_path))


def used_today(actor: Officer) -> list[dict[str, object]]:
    """What officers of the actor's area looked at today, the most first: {officer, words, used, most}."""
    rows = DailyUse.objects.select_related("officer", "granted_by").filter(
        day=timezone.localdate(), officer__area_path__gte=actor.area_path, officer__area_path__lt=f"{actor.area_path}~"
    )
    return [
        {
            "officer": row.officer,
            "words": CEILINGS[row.kind].words,
            "used": row.used,
            "most": CEILINGS[row.kind].most + row.granted,
            "granted_by": row.granted_by,
        }
        for row in rows.order_by("-used")[:100]
    ]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What of the audit trail is looked for."""

    officer: str = ""
    act: str = ""
    person_id: int | None = None
    outcome: str = ""
    since: date | None = None
    until: date | None = None


def audit(actor: Officer, asked: AuditFilter) -> QuerySet[Audit]:
    """Rows of the trail within the actor's area, the latest first."""
    found = _within(Audit.objects.all(), "area_path", actor.area_path)
    if asked.officer:
        found = found.filter(Q(officer_name=asked.officer) | Q(officer__username=asked.officer))
    if asked.act:
        found = found.filter(act__startswith=asked.act)
    if asked.person_id is not None:
        found = found.filter(person_id=asked.person_id)
    if asked.outcome == "alarm":
        found = found.filter(outcome="refused", detail__codes__contains=["over_ceiling"])
    elif asked.outcome:
        found = found.filter(outcome=asked.outcome)
    if asked.since:
        found = found.filter(at__gte=_midnight(asked.since))
    if asked.until:
        found = found.filter(at__lt=_midnight(asked.until + timedelta(days=1)))
    return found.order_by("-at", "-id")


def sealed_since(actor: Officer, *, seal: int, row: int, most: int) -> list[tuple[Audit, AuditLeaf]]:
    """The sealed rows within the actor's area that come after a row of a seal, in the order of the seals, with their leaves.

    What is sealed later comes later: who goes on from the last row that was read misses none and reads none twice.
    """
    after = Q(seal__number__gt=seal) | Q(seal__number=seal, audit_id__gt=row)
    visible = _within(Audit.objects.filter(pk=OuterRef("audit_id")), "area_path", actor.area_path)
    leaves = (
        AuditLeaf.objects.filter(after, Exists(visible)).select_related("seal").order_by("seal__number", "audit_id")
    )
    found = list(leaves[:most])
    rows = Audit.objects.in_bulk([leaf.audit_id for leaf in found])
    return [(rows[leaf.audit_id], leaf) for leaf in found if leaf.audit_id in rows]


def acts() -> list[str]:
    """All kinds of acts that the trail within the present scope holds, for the filter."""
    return list(Audit.objects.order_by("act").values_list("act", flat=True).distinct())


def report(year: int) -> dict[str, list[tuple[str, int]]]:
    """What the yearly audit of handling personal information asks (个人信息保护法 54): by officer, by act, by purpose.

    Counts what the present scope shows; call it inside `acting`.
    """
    rows = Audit.objects.filter(at__gte=_midnight(date(year, 1, 1)), at__lt=_midnight(date(year + 1, 1, 1)))
    about = rows.filter(person_id__isnull=False)
    return {
        "persons_by_officer": _counted(about, "officer_name", Count("person_id", distinct=True)),
        "acts": _counted(rows.filter(outcome="done"), "act", Count("id")),
        "refused": _counted(rows.filter(outcome="refused"), "act", Count("id")),
        "unmaskings_by_purpose": _counted(
            rows.filter(act="person.unmask", outcome="done"), "detail__purpose", Count("id")
        ),
        "exports_by_officer": _counted(
            rows.filter(act__contains=".export", outcome="done"), "officer_name", Count("id")
        ),
    }


@waits
def unused_accounts(actor: Officer) -> Waiting | None:
    """For the security administrator."""
    if not actor.may(Right.OFFICER_MANAGE):
        return None
    count = unused(_within(Officer.objects.all(), "area_path", actor.area_path)).count()
    return Waiting(
        Words("九十天没有登录的账号", "accounts unused for 90 days"), count, f"{reverse('staff:officers')}?state=unused"
    )


@waits
def alarms(actor: Officer) -> Waiting | None:
    """For who reads the audit trail."""
    if not actor.may(Right.AUDIT_SEE):
        return None
    today = timezone.localdate()
    count = audit(actor, AuditFilter(outcome="alarm", since=today)).count()
    url = f"{reverse('staff:audit')}?outcome=alarm&since={today.isoformat()}"
    return Waiting(Words("今天超过查看上限的告警", "alarms today: ceilings passed"), count, url, late=True)


def _counted(rows: QuerySet[Audit], by: str, what: Count) -> list[tuple[str, int]]:
    return [(str(name or "—"), count) for name, count in rows.values_list(by).annotate(n=what).order_by("-n", by)]


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _within(found: QuerySet[M], column: str, path: str) -> QuerySet[M]:
    """Rows whose path begins with this one, as a range that an index serves."""
    return found.filter(**{f"{column}__gte": path, f"{column}__lt": f"{path}~"})


def _one(found: QuerySet[M]) -> M:
    row = found.first()
    if row is None:
        raise NotFound()
    return row
