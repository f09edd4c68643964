"""Double enrolment: looked for on the platform, decided case by case."""

from __future__ import annotations

from datetime import date

from django.utils import timezone

from yizhan.agency.enrolment import queries
from yizhan.agency.enrolment.actions.enrolling import end_enrolment, replace_enrolment, withdraw_enrolment
from yizhan.agency.enrolment.actions.refunds import propose_refund
from yizhan.agency.enrolment.models import KEEPS, Double, Enrolment
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, Outdated
from yizhan.agency.staff.models import Area
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.engine.money import yuan

CHUNK = 5_000


def look_for_doubles(area: Area, *, year: int, acting_user: Actor) -> int:
    """Look on the whole platform for people of this area who are insured in another county, too.

    Opens a case for each that has none; returns how many. Raises NotAllowed, NotFound.
    """
    demand(acting_user, Right.ENROLMENT_EDIT)
    with acting(acting_user):
        if not area.path.startswith(acting_user.area_path):
            raise NotFound()
        before = Double.objects.filter(year=year).count()
        live = Enrolment.objects.live().filter(queries.within(area.path), year=year)
        ids = list(live.order_by("person_id").values_list("person_id", flat=True).distinct())
        paths = dict(live.values_list("person_id", "person__area_path"))
        for place in range(0, len(ids), CHUNK):
            found = queries.elsewhere(ids[place : place + CHUNK], year)
            Double.objects.bulk_create(
                [
                    Double(person_id=person_id, area_path=paths[person_id], year=year, other_scheme=other.scheme,
                           other_since=other.since, other_until=other.until, found_in="platform")
                    for person_id, others in found.items() for other in others
                ],
                ignore_conflicts=True,
            )  # fmt: skip
        opened = Double.objects.filter(year=year).count() - before
        record("double.look", area, area_path=area.path, year=year, opened=opened, acting_user=acting_user)
        return opened


def decide_double(double: Double, *, keeps: str, from_on: date, note: str = "", acting_user: Actor) -> None:
    """Say which enrolment stays. The other ends on `from_on`, as far as it is in the actor's area.

    `other`: the resident enrolment here ends; what was paid for nothing is proposed for refund, and what was subsidised is
    taken back by the next computation. `own`: an enrolment that a list brought here is ended; one in another county is for
    those responsible there, who see it as their own case. Raises NotAllowed, NotFound, Outdated, DayNotInYear.
    """
    demand(acting_user, Right.ENROLMENT_EDIT)
    with acting(acting_user):
        row = Double.objects.select_for_update(of=("self",)).filter(pk=double.pk).first()
        if row is None or keeps not in KEEPS:
            raise NotFound()
        if row.keeps:
            words = KEEPS[row.keeps]
            raise Outdated(now_zh=words.zh, now_en=words.en)
        live = Enrolment.objects.live().filter(person_id=row.person_id, year=row.year)
        if keeps == "other":
            own = live.resident().first()
            if own is not None:
                _end_own(row, own, from_on, acting_user)
        else:
            for other in live.filter(scheme=row.other_scheme, insured__startswith=row.other_since):
                if other.scheme != "resident":
                    _end_other(other, from_on, acting_user)
        row.keeps, row.from_on, row.note = keeps, from_on, note[:200]
        row.decided_by_id, row.decided_at = acting_user.pk, timezone.now()
        row.save(update_fields=["keeps", "from_on", "note", "decided_by", "decided_at"])
        record(
            "double.decide",
            row,
            person_id=row.person_id,
            keeps=keeps,
            from_on=from_on,
            note=note,
            acting_user=acting_user,
        )


def _end_own(row: Double, own: Enrolment, from_on: date, acting_user: Actor) -> None:
    charge = end_enrolment(own, from_on=from_on, why="重复参保 insured twice", acting_user=acting_user)
    if charge is not None and charge.refundable:
        propose_refund(
            charge,
            fen=charge.refundable,
            reason="insured_elsewhere",
            note=f"退 {yuan(charge.refundable)}",
            acting_user=acting_user,
        )


def _end_other(other: Enrolment, from_on: date, acting_user: Actor) -> None:
    if other.insured is not None and other.insured.lower < from_on:
        kept = type(other.insured)(other.insured.lower, from_on)
        replace_enrolment(other, insured=kept, why="重复参保 insured twice", acting_user=acting_user)
    else:
        withdraw_enrolment(other, why="重复参保 insured twice", acting_user=acting_user)
