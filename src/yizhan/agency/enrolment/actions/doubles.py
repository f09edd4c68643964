"""Double enrolment: looked for on the platform, decided case by case."""

from __future__ import annotations

from datetime import date

from django.db.models.functions import Coalesce
from django.utils import timezone

from yizhan.agency.enrolment import queries
from yizhan.agency.enrolment.actions.enrolling import end_enrolment, replace_enrolment, withdraw_enrolment
from yizhan.agency.enrolment.actions.refunds import propose_refund
from yizhan.agency.enrolment.errors import OtherBureau
from yizhan.agency.enrolment.models import KEEPS, RESIDENT, SCHEMES, Double, Enrolment
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
        paths = dict(live.values_list(Coalesce("person__merged_into_id", "person_id"), "person__area_path"))
        ids = sorted(paths)
        for place in range(0, len(ids), CHUNK):
            found = queries.elsewhere(ids[place : place + CHUNK], year)
            opened_for = Double.objects.filter(queries.of_persons(list(found)), year=year).select_related("person")
            known = {(queries.kept_id(row), row.other_scheme, row.other_since) for row in opened_for}
            Double.objects.bulk_create(
                [
                    Double(person_id=person_id, area_path=paths[person_id], year=year, other_scheme=other.scheme,
                           other_since=other.since, other_until=other.until, found_in="platform")
                    for person_id, others in found.items() for other in others
                    if (person_id, other.scheme, other.since) not in known
                ],
                ignore_conflicts=True,
            )  # fmt: skip
        opened = Double.objects.filter(year=year).count() - before
        record("double.look", area, area_path=area.path, year=year, opened=opened, acting_user=acting_user)
        return opened


def decide_double(double: Double, *, keeps: str, from_on: date, note: str = "", acting_user: Actor) -> None:
    """Say which enrolment stays. The other ends on `from_on`.

    What was paid for nothing is proposed for refund, and what was subsidised is taken back by the next computation. An
    enrolment that lies beyond the actor's area is ended by those who are responsible for both: across counties the city,
    across cities the province. Raises NotAllowed, NotFound, Outdated, OtherBureau, DayNotInYear.
    """
    demand(acting_user, Right.ENROLMENT_EDIT)
    with acting(acting_user):
        row = Double.objects.select_for_update(of=("self",)).select_related("person").filter(pk=double.pk).first()
        if row is None or keeps not in KEEPS:
            raise NotFound()
        if row.keeps:
            words = KEEPS[row.keeps]
            raise Outdated(now_zh=words.zh, now_en=words.en)
        person_id = queries.kept_id(row)
        ending = _ending(row, person_id, own=keeps == "other")
        if not ending:
            _demand_none_elsewhere(row, person_id, own=keeps == "other")
        for enrolment in ending:
            if enrolment.scheme in RESIDENT:
                _end_resident(enrolment, from_on, acting_user)
            else:
                _end_other(enrolment, from_on, acting_user)
        row.keeps, row.from_on, row.note = keeps, from_on, note[:200]
        row.decided_by_id, row.decided_at = acting_user.pk, timezone.now()
        row.save(update_fields=["keeps", "from_on", "note", "decided_by", "decided_at"])
        record(
            "double.decide", row, person_id=person_id, keeps=keeps, from_on=from_on, note=note, ended=len(ending),
            acting_user=acting_user,
        )  # fmt: skip


def _is_other(row: Double, scheme: str, since: date | None) -> bool:
    return scheme == row.other_scheme and since == row.other_since


def _ending(row: Double, person_id: int, *, own: bool) -> list[Enrolment]:
    """The enrolments to end: the other one of the case, or those of the other kind. A record is a resident once a year."""
    live = Enrolment.objects.live().filter(queries.of_persons([person_id]), year=row.year).order_by("id")
    if own:
        return [e for e in live if (e.scheme in RESIDENT) != (row.other_scheme in RESIDENT)]
    return [e for e in live if _is_other(row, e.scheme, e.insured.lower if e.insured else None)]


def _demand_none_elsewhere(row: Double, person_id: int, *, own: bool) -> None:
    """Raises OtherBureau: what is to be ended stands, beyond the actor's area."""
    for other in queries.elsewhere([person_id], row.year).get(person_id, ()):
        of_the_case = _is_other(row, other.scheme, other.since)
        if of_the_case is not own:
            words = SCHEMES[other.scheme]
            raise OtherBureau(scheme_zh=words.zh, scheme_en=words.en)


def _end_resident(enrolment: Enrolment, from_on: date, acting_user: Actor) -> None:
    charge = end_enrolment(enrolment, from_on=from_on, why="重复参保 insured twice", acting_user=acting_user)
    if charge is not None and charge.refundable:
        propose_refund(
            charge, fen=charge.refundable, reason="insured_elsewhere", note=f"退 {yuan(charge.refundable)}",
            acting_user=acting_user,
        )  # fmt: skip


def _end_other(other: Enrolment, from_on: date, acting_user: Actor) -> None:
    if other.insured is not None and other.insured.lower < from_on:
        kept = type(other.insured)(other.insured.lower, from_on)
        replace_enrolment(other, insured=kept, why="重复参保 insured twice", acting_user=acting_user)
    else:
        withdraw_enrolment(other, why="重复参保 insured twice", acting_user=acting_user)
