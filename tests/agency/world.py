"""A small country to test in: two counties of one city, a county in each of two other provinces, and who works there.

    def test_a_liaison_sees_no_other_department(world):
        answer = world.client(world.yuhu.liaison_civil).get("/rosters/")

Everybody's password is PASSWORD. Names of people are made up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from yizhan.agency.staff.models import Area, Institution, Officer

PASSWORD = "渡口-lantern-47-orchard"

# code, Chinese name, English name, level; parents come before what lies in them
AREAS = (
    ("000000", "全国", "the nation", "nation", ""),
    ("430000", "湖南省", "Hunan", "province", "000000"),
    ("150000", "内蒙古自治区", "Inner Mongolia", "province", "000000"),
    ("440000", "广东省", "Guangdong", "province", "000000"),
    ("430300", "湘潭市", "Xiangtan", "city", "430000"),
    ("150400", "赤峰市", "Chifeng", "city", "150000"),
    ("440700", "江门市", "Jiangmen", "city", "440000"),
    ("430302", "雨湖区", "Yuhu", "county", "430300"),
    ("430321", "湘潭县", "Xiangtan County", "county", "430300"),
    ("150404", "松山区", "Songshan", "county", "150400"),
    ("440703", "蓬江区", "Pengjiang", "county", "440700"),
    ("430302100", "姜畲镇", "Jiangshe", "township", "430302"),
    ("430302101", "鹤岭镇", "Heling", "township", "430302"),
    ("430321100", "易俗河镇", "Yisuhe", "township", "430321"),
    ("430321101", "花石镇", "Huashi", "township", "430321"),
    ("150404100", "老府镇", "Laofu", "township", "150404"),
    ("150404101", "初头朗镇", "Chutoulang", "township", "150404"),
    ("440703100", "棠下镇", "Tangxia", "township", "440703"),
    ("440703101", "荷塘镇", "Hetang", "township", "440703"),
)

PLACES = {
    "nation": "000000",
    "hunan": "430000",
    "inner_mongolia": "150000",
    "xiangtan": "430300",
    "chifeng": "150400",
    "yuhu": "430302",
    "xiangtan_county": "430321",
    "songshan": "150404",
    "guangdong": "440000",
    "jiangmen": "440700",
    "pengjiang": "440703",
}

# attribute → role, department. `officer` is the one of the place's own level.
_EVERYWHERE = {
    "reviewer": ("reviewer", "healthcare_security"),
    "reviewer_two": ("reviewer", "healthcare_security"),
    "finance": ("finance_officer", "healthcare_security"),
    "supervisor": ("supervisor", "healthcare_security"),
    "policy": ("policy_officer", "healthcare_security"),
    "auditor": ("auditor", "healthcare_security"),
    "system_admin": ("system_admin", "healthcare_security"),
    "security_admin": ("security_admin", "healthcare_security"),
    "audit_admin": ("audit_admin", "healthcare_security"),
}
_IN_COUNTIES = {
    "liaison_civil": ("liaison", "civil_affairs"),
    "liaison_rural": ("liaison", "rural_revitalisation"),
    "liaison_disabled": ("liaison", "disabled_federation"),
    "liaison_tax": ("liaison", "tax"),
    "window": ("window_clerk", "other"),
    "hospital_manager": ("hospital_manager", "other"),
}
_OF_LEVEL = {"province": "province_officer", "city": "city_officer", "county": "county_officer"}

# Surnames and given names from which everybody gets a name of their own.
_SURNAMES = "张王李赵陈刘杨黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = ("文远", "晓岚", "建国", "思齐", "雅琴", "志明", "丽华", "一鸣", "若溪", "春生")


@dataclass(repr=False, eq=False)
class Place:
    """An area with its townships, institutions (in counties), and officers by attribute: `.officer`, `.reviewer` …"""

    area: Area
    townships: list[Area] = field(default_factory=list)
    officer: Officer = field(init=False)
    officer_two: Officer = field(init=False)
    reviewer: Officer = field(init=False)
    reviewer_two: Officer = field(init=False)
    finance: Officer = field(init=False)
    supervisor: Officer = field(init=False)
    policy: Officer = field(init=False)
    auditor: Officer = field(init=False)
    system_admin: Officer = field(init=False)
    security_admin: Officer = field(init=False)
    audit_admin: Officer = field(init=False)
    liaison_civil: Officer = field(init=False)
    liaison_rural: Officer = field(init=False)
    liaison_disabled: Officer = field(init=False)
    liaison_tax: Officer = field(init=False)
    window: Officer = field(init=False)
    hospital_manager: Officer = field(init=False)
    hospital: Institution = field(init=False)
    clinic: Institution = field(init=False)


@dataclass(repr=False, eq=False)
class World:
    """All places, by attribute; `areas` by code. The nation's three administrators stand here too."""

    areas: dict[str, Area]
    nation: Place = field(init=False)
    hunan: Place = field(init=False)
    inner_mongolia: Place = field(init=False)
    xiangtan: Place = field(init=False)
    chifeng: Place = field(init=False)
    yuhu: Place = field(init=False)
    xiangtan_county: Place = field(init=False)
    songshan: Place = field(init=False)
    guangdong: Place = field(init=False)
    jiangmen: Place = field(init=False)
    pengjiang: Place = field(init=False)

    @property
    def system_admin(self) -> Officer:
        """The nation's."""
        return self.nation.system_admin

    @property
    def security_admin(self) -> Officer:
        """The nation's."""
        return self.nation.security_admin

    @property
    def audit_admin(self) -> Officer:
        """The nation's."""
        return self.nation.audit_admin

    @property
    def places(self) -> list[Place]:
        """All of them, the nation first."""
        return [getattr(self, name) for name in PLACES]

    def client(self, officer: Officer, **headers: str) -> Client:
        """A browser in which this officer is signed in."""
        from django.test import Client

        browser = Client(headers=headers or None)
        browser.force_login(officer)
        return browser

    def one_of_each_role(self) -> dict[str, Officer]:
        """Role → an officer who holds just that."""
        yuhu = self.yuhu
        people = [self.xiangtan.officer, self.hunan.officer, yuhu.officer, yuhu.liaison_civil, yuhu.window]
        people += [yuhu.hospital_manager, yuhu.reviewer, yuhu.finance, yuhu.supervisor, yuhu.policy, yuhu.auditor]
        people += [yuhu.system_admin, yuhu.security_admin, yuhu.audit_admin]
        return {officer.roles[0]: officer for officer in people}


@cache
def _hash() -> str:
    """PASSWORD as it is stored, made once for all tests: argon2 takes its time."""
    from django.contrib.auth.hashers import make_password

    return make_password(PASSWORD)


def make_world() -> World:
    """Write the world in a dozen statements. Nothing is recorded: nobody acted."""
    from yizhan.agency.staff.models import Area

    areas: dict[str, Area] = {}
    for level in ("nation", "province", "city", "county", "township"):
        rows = []
        for code, name, name_en, of_level, above in AREAS:
            if of_level == level:
                parent = areas.get(above)
                path = f"{parent.path if parent else ''}{code}."
                rows.append(Area(code=code, name=name, name_en=name_en, level=level, parent=parent, path=path))
        for area in Area.objects.bulk_create(rows):
            areas[area.code] = area
    world = World(areas)
    for attribute, code in PLACES.items():
        towns = [area for area in areas.values() if area.level == "township" and area.code.startswith(code)]
        setattr(world, attribute, Place(areas[code], towns))
    _make_institutions(world)
    _make_officers(world)
    return world


def _make_institutions(world: World) -> None:
    from yizhan.agency.staff.models import Institution

    counties = [place for place in world.places if place.area.level == "county"]
    rows = []
    for place in counties:
        for suffix, name, level, tier in (
            ("01", "人民医院", "level_2", "county"),
            ("02", "卫生院", "level_1", "township"),
        ):
            rows.append(
                Institution(
                    code=f"H{place.area.code}{suffix}",
                    name=f"{place.area.name}{name}",
                    level=level,
                    tier=tier,
                    area=place.area,
                    area_path=place.area.path,
                )
            )
    made = iter(Institution.objects.bulk_create(rows))
    for place in counties:
        place.hospital, place.clinic = next(made), next(made)


def _make_officers(world: World) -> None:
    from django.utils import timezone

    from yizhan.agency.staff.models import Officer

    wanted: list[tuple[Place, str, Officer]] = []
    for place_name in PLACES:
        place: Place = getattr(world, place_name)
        posts = dict(_EVERYWHERE)
        if own := _OF_LEVEL.get(place.area.level):
            posts |= {"officer": (own, "healthcare_security"), "officer_two": (own, "healthcare_security")}
        if place.area.level == "county":
            posts |= _IN_COUNTIES
        for attribute, (role, department) in posts.items():
            number = len(wanted)
            hospital = place.hospital if role in ("window_clerk", "hospital_manager") else None
            officer = Officer(
                username=f"{place_name}.{attribute}".replace("_", "-"),
                name=_SURNAMES[number % len(_SURNAMES)] + _GIVEN[number // len(_SURNAMES) % len(_GIVEN)],
                roles=[role],
                area=place.area,
                area_path=place.area.path,
                department=department,
                institution=hospital,
                password=_hash(),
                password_set_at=timezone.now(),
            )
            wanted.append((place, attribute, officer))
    Officer.objects.bulk_create([officer for _, _, officer in wanted])
    for place, attribute, officer in wanted:
        setattr(place, attribute, officer)


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world, written anew for the test and gone after it.

    The test is one transaction, so what limits a settlement would limit all that the test does after it: on a busy machine,
    two seconds of printing a bill are soon reached. Tests with a database of their own keep the limit.
    """
    from yizhan.agency.care.settling import LIMITS  # needs Django's settings

    monkeypatch.setitem(LIMITS, "idle_in_transaction_session_timeout", "0")
    return make_world()
