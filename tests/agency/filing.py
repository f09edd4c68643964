"""Filings for tests: a township's clerk and a hospital of the city beside the world's, and filings in every state."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from tests.agency.world import PASSWORD, Place, World
from yizhan.agency.filings.actions import filing as actions
from yizhan.agency.filings.models import Filing
from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Institution, Officer

DAY = timedelta(days=1)
PDF = b"%PDF-1.7 made up"


def today() -> date:
    return timezone.localdate()


def clerk_of(institution: Institution, username: str, name: str = "测试员") -> Officer:
    """A window clerk of an institution."""
    made = Officer(
        username=username, name=name, roles=["window_clerk"], area=institution.area, area_path=institution.area_path,
        department="other", institution=institution, password_set_at=timezone.now(),
    )  # fmt: skip
    made.set_password(PASSWORD)
    made.save()
    return made


def city_hospital(world: World) -> Institution:
    """A hospital of the city, to which people of its counties need a referral."""
    area = world.xiangtan.area
    found = Institution.objects.filter(code="H43030001").first()
    return found or Institution.objects.create(
        code="H43030001", name="湘潭市中心医院", level="level_3", tier="municipal", area=area, area_path=area.path
    )


def asked(world: World, person: Person, kind: str = "referral", *, by: Officer | None = None, **said: Any) -> Filing:
    """A filing as somebody asks for it; by default a bureau's officer, for today."""
    about: dict[str, Any] = {"from_on": today(), "why": "病情需要"}
    if kind in ("referral", "emergency", "choice"):
        about["to_institution"] = city_hospital(world)
    if kind == "emergency":
        about["emergency_on"] = today()
    if kind == "offsite":
        about["place"] = world.songshan.area
    if kind in ("chronic", "special", "severe"):
        about["disease"] = "终末期肾病"
    return actions.make(kind, person, **about | said, acting_user=by or world.yuhu.officer)


def approved(world: World, person: Person, kind: str = "referral", **said: Any) -> Filing:
    """A filing that a bureau approved."""
    return actions.decide(asked(world, person, kind, **said), decision="approve", acting_user=world.yuhu.reviewer)


def township(world: World, person: Person, place: Place | None = None, **said: Any) -> tuple[Filing, Officer]:
    """A referral that a township's clerk made, and the clerk."""
    clinic = (place or world.yuhu).clinic
    clerk = Officer.objects.filter(institution=clinic).first() or clerk_of(clinic, "clinic.window", "卫生员")
    row = asked(world, person, by=clerk, opinion_of=(place or world.yuhu).hospital, **said)
    return row, clerk
