"""People and bills of years in which other areas' documents were in force, for tests: Jiangmen 2019, Chifeng 2018."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange

from tests.agency.world import Place
from yizhan.agency.care import actions
from yizhan.agency.care.models import BillLine, Settlement, Visit
from yizhan.agency.care.settling import settle
from yizhan.agency.people.actions import register_person
from yizhan.agency.people.identifiers import read_identifier, synthetic_id
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.staff.scope import acting

TODAY = date(2026, 11, 2)
BORN = date(1960, 3, 5)


def resident(place: Place, *identities: str, sequence: int = 1, name: str = "试样甲") -> Person:
    """Somebody of this county, with identities that hold since 2016."""
    number = read_identifier("resident_id", synthetic_id(place.area.code[:6], BORN, sequence), TODAY)
    person = register_person(name, identifier=number, area=place.area, acting_user=place.officer)
    with acting(place.officer):
        for identity in identities:
            IdentityMark.objects.create(
                person=person, area_path=person.area_path, identity=identity, valid=DateRange(date(2016, 1, 1), None),
                certified_by="other",
            )  # fmt: skip
    return person


Pots = tuple[int, int, int, int]


def past_stay(
    place: Place,
    person: Person,
    on: date,
    pots: Pots,
    *,
    charges: Sequence[tuple[str, Pots]] = (),
    facts: Mapping[str, Any] | None = None,
    care: str = "inpatient",
    diagnoses: Sequence[str] = (),
) -> Visit:
    """A visit that ended on this day at the county's hospital, with lines of these pots and charges, in fen."""
    begins = on - timedelta(days=5) if care == "inpatient" else on
    visit = actions.register_visit(
        person, institution=place.hospital, care=care, admitted_on=begins, discharged_on=on, source="import",
        facts={"referral": "by_rule", **(facts or {})}, diagnoses=diagnoses, acting_user=place.officer,
    )  # fmt: skip
    lines = [("", pots), *charges]
    with acting(place.officer):
        BillLine.objects.bulk_create(
            BillLine(
                visit=visit, person=person, institution=place.hospital, area_path=visit.area_path, position=k, on=on, code=f"演示{k}",
                name=f"演示项目{k}", category="14", quantity=10_000, price=sum(p) * 100, amount_fen=sum(p), in_scope=p[0],
                first_pay=p[1], over_limit=p[2], own=p[3], charge=charge,
            )
            for k, (charge, p) in enumerate(lines)
        )  # fmt: skip
    return visit


def past_settled(place: Place, visit: Visit) -> Settlement:
    """Settled on its last day."""
    assert visit.discharged_on is not None
    return settle(visit.pk, on=visit.discharged_on, acting_user=place.officer)


def live(place: Place, visit: Visit) -> Settlement:
    """What holds for a visit."""
    with acting(place.officer):
        return Settlement.objects.live().get(visit=visit)


def paid(place: Place, row: Settlement) -> dict[tuple[str, str], int]:
    """(layer, payer) → fen."""
    with acting(place.officer):
        return {(p.layer, p.payer): p.amount_fen for p in row.payments.all() if p.amount_fen}
