"""Patients, stays and settlements for tests, made by the actions that clerks use. All items are made up."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils import timezone

from tests.agency.world import Place, World
from yizhan.agency.care import actions
from yizhan.agency.care.models import Settlement, Visit
from yizhan.agency.care.settling import settle
from yizhan.agency.people.actions import register_person
from yizhan.agency.people.identifiers import read_identifier, synthetic_id
from yizhan.agency.people.models import Person
from yizhan.agency.providers.models import Agreement, Item, Version
from yizhan.agency.providers.splitting import Charge
from yizhan.agency.staff.models import Area, Institution, Officer
from yizhan.agency.staff.scope import System, acting
from yizhan.engine.facts import FACTS

BORN = date(1960, 3, 5)
DAY = timedelta(days=1)
SINCE = date(2015, 1, 1)
CODE = "XA9001"
"""National code of an item of class A, without a price limit."""


def ready(institution: Institution, area: Area) -> None:
    """An agreement with an institution, and a catalogue of its city with one item of class A, if they are missing."""
    with acting(System("tests")):
        if not Agreement.objects.filter(institution=institution).exists():
            Agreement.objects.create(
                institution=institution, area_path=institution.area_path, number=f"演协{institution.code}",
                valid=DateRange(SINCE, None), signed_to=date(2099, 12, 31), cares=[v.code for v in FACTS["care"].values],
                treat_first=True, signed_on=SINCE, signed_for_bureau="张演", signed_for_institution="李示", made_by=_maker(area),
            )  # fmt: skip
        city = area.parent if area.level == "county" else area
        assert city is not None
        if not Item.objects.filter(code=CODE, version__area=city).exists():
            version = Version.objects.create(
                area=city, area_path=city.path, kind="supply", from_on=SINCE, document="演示目录", file_name="演示.csv",
                state="reading", rows=1, made_by=_maker(area),
            )  # fmt: skip
            Item.objects.create(version=version, code=CODE, name="演示项目", payment_class="a", first_pay=0, fee="08")
            Version.objects.filter(pk=version.pk).update(state="draft")
            applied = {"state": "applied", "applied_by": _checker(area), "applied_at": timezone.now()}
            Version.objects.filter(pk=version.pk).update(**applied)


def _maker(area: Area) -> Officer:
    return Officer.objects.filter(area=area, roles__overlap=["county_officer", "city_officer"]).order_by("pk")[0]


def _checker(area: Area) -> Officer:
    return Officer.objects.filter(area=area, roles__contains=["reviewer"]).order_by("pk")[0]


def patient(world: World, sequence: int = 1, name: str = "试样甲") -> Person:
    number = read_identifier("resident_id", synthetic_id("430302", BORN, sequence), date(2026, 11, 2))
    return register_person(name, identifier=number, area=world.yuhu.area, acting_user=world.yuhu.officer)


def stay(
    place: Place, person: Person, *, days_ago: int = 0, length: int = 5, yuan: int = 20_000, lines: int = 1, **more: Any
) -> Visit:
    """A stay that ended some days ago, with lines of equal amounts that sum to `yuan`."""
    ready(place.hospital, place.area)
    end = timezone.localdate() - days_ago * DAY
    visit = actions.register_visit(
        person, institution=place.hospital, care="inpatient", admitted_on=end - length * DAY, discharged_on=end,
        acting_user=place.window, **more,
    )  # fmt: skip
    each = yuan * 100 // lines
    charges = [Charge(end, CODE, f"演示项目{k}", 10_000, each * 100, each) for k in range(lines)]
    actions.add_lines(visit.pk, charges, acting_user=place.window)
    return visit


def settled(place: Place, visit: Visit, **more: Any) -> Settlement:
    return settle(visit.pk, on=timezone.localdate(), acting_user=place.window, **more)
