"""The people of the demonstration: invented names, numbers of divisions that do not exist, households of every shape.

Drawn from a fixed seed, so that everybody's demonstration shows the same people. Whoever stands in `SHOWN` is there for
a dark corner: a separator, a rare character, a name of forty letters, a name of one character after the surname.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from yizhan.agency.demonstration.country import COUNTIES, officer
from yizhan.agency.people.actions import add_member, create_household, register_person
from yizhan.agency.people.bulk import NewPerson, register_in_bulk
from yizhan.agency.people.identifiers import read_identifier, synthetic_id
from yizhan.agency.people.models import Person
from yizhan.agency.people.sealing import number_hashes
from yizhan.agency.staff.models import Area, Officer
from yizhan.agency.staff.scope import acting

SIZES = {"yuhu": 84, "xiangtan-county": 36, "songshan": 50}
"""Households of each county."""

_SHAPES = (
    ("head", "spouse", "child"),
    ("head",),
    ("head", "spouse", "child", "parent"),
    ("head", "parent"),
    ("head", "spouse", "child", "child"),
    ("head", "child"),
    ("head", "spouse"),
)
_DRAWN_IN = 2025
"""The year of their ages, so that their numbers are the same whenever they are drawn."""

_AGES = {"head": (33, 58), "spouse": (32, 57), "child": (3, 17), "parent": (66, 88)}
_SURNAMES = "谭柳聂傅齐贺简楚阮祝邬巫尹毕乐向阳龙曾彭胡易欧颜喻成左文邹汤"
_MEN = (
    "长青",
    "望山",
    "树声",
    "远帆",
    "知行",
    "守田",
    "广源",
    "立秋",
    "禾",
    "劲松",
    "景行",
    "怀谷",
    "舟",
    "水根",
    "满仓",
    "一苇",
)
_WOMEN = (
    "春桃",
    "月娥",
    "若兰",
    "秋菊",
    "小满",
    "清荷",
    "禾",
    "素心",
    "玉簪",
    "晚晴",
    "雪见",
    "听雨",
    "棠",
    "采薇",
    "冬梅",
    "云岫",
)
_STEPPE_MEN = ("巴特尔", "朝鲁", "那日苏", "阿拉坦", "宝音", "呼斯楞", "额尔敦", "特木尔")
_STEPPE_WOMEN = ("其其格", "乌云", "萨仁", "苏布德", "娜仁", "塔娜", "托娅", "阿茹娜")

SHOWN = {
    ("yuhu", 0): ("买买提·艾力", True),
    ("yuhu", 1): ("阿依古丽·吐尔逊", False),
    ("yuhu", 3): ("谭㛃", False),
    ("yuhu", 4): ("易䶮", True),
    ("yuhu", 8): ("欧阳禾", False),
    ("yuhu", 10): ("柳𬭚", True),
    ("yuhu", 12): ("阿卜杜热依木·麦麦提图尔荪尼亚孜·艾合买提江", True),
    ("yuhu", 14): ("解单", True),
    ("songshan", 0): ("孛儿只斤·额尔敦朝鲁", True),
    ("songshan", 2): ("乌兰图雅", False),
}
"""(county, number in it) → name, and whether it is a man's."""


@dataclass(frozen=True, slots=True)
class Made:
    """Somebody, before the register knows of it. `household` counts within the county; `place` within the household."""

    name: str
    number: str
    born_on: date
    sex: str
    township: str
    household: int
    relation: str
    phone: str
    address: str


def division(code: str) -> str:
    """A division that does not exist, in the province of a real one: such a number is nobody's.

    >>> division("430302")
    '439902'
    """
    return f"{code[:2]}99{code[4:]}"


def drawn(county: str) -> list[Made]:
    """The people of a county, household after household. The same ones whenever it is asked."""
    rng = random.Random(f"yizhan {county}")
    code = COUNTIES[county]
    townships = _townships(code)
    found: list[Made] = []
    for household in range(SIZES[county]):
        surname = rng.choice(_SURNAMES)
        town, town_name = townships[household % len(townships)]
        street = f"{town_name}演示路{household + 1}号"
        for relation in _SHAPES[household % len(_SHAPES)]:
            place = len(found)
            age = rng.randint(*_AGES[relation])
            born_on = date(_DRAWN_IN - age, 1, 1) + timedelta(days=rng.randrange(365))
            man = rng.random() < 0.5 if relation != "spouse" else found[-1].sex == "female"
            shown, man = SHOWN.get((county, place), ("", man))
            number = synthetic_id(division(code), born_on, place * 2 % 1000 + (1 if man else 0))
            name = shown or _name(rng, county, surname if relation != "spouse" else "", man)
            phone = f"199{rng.randrange(10**8):08d}" if relation in ("head", "spouse") and rng.random() < 0.7 else ""
            found.append(
                Made(name, number, born_on, "male" if man else "female", town, household, relation, phone, street)
            )
    return found


def _townships(code: str) -> list[tuple[str, str]]:
    found = Area.objects.filter(level="township", parent__code=code).order_by("code")
    return list(found.values_list("code", "name"))


def _name(rng: random.Random, county: str, surname: str, man: bool) -> str:
    if county == "songshan" and rng.random() < 0.4:
        return rng.choice(_STEPPE_MEN if man else _STEPPE_WOMEN)
    return (surname or rng.choice(_SURNAMES)) + rng.choice(_MEN if man else _WOMEN)


def register(county: str, today: date) -> None:
    """Register everybody of a county, as its officer does with a list."""
    towns = {area.code: area.path for area in Area.objects.filter(level="township")}
    persons = [
        NewPerson(
            m.name,
            read_identifier("resident_id", m.number, today),
            m.sex,
            m.born_on,
            towns[m.township],
            m.phone,
            m.address,
        )
        for m in drawn(county)
    ]
    register_in_bulk(persons, acting_user=officer(f"{county}.officer"))


def known(county: str, made: list[Made], today: date) -> list[Person]:
    """The registered persons for these, in their order."""
    hashes = number_hashes(read_identifier("resident_id", m.number, today) for m in made)
    with acting(officer(f"{county}.officer")):
        found = {bytes(p.id_hash): p for p in Person.objects.filter(id_hash__in=hashes)}
    return [found[h] for h in hashes]


def settle_down(county: str, today: date) -> None:
    """Bring those together who live together."""
    acting_user = officer(f"{county}.officer")
    made = drawn(county)
    persons = known(county, made, today)
    towns = {area.code: area for area in Area.objects.filter(level="township")}
    with acting(acting_user):
        for members in _by_household(list(zip(made, persons, strict=True))):
            head = members[0][0]
            if len(members) == 1:
                continue
            household = create_household(area=towns[head.township], address=head.address, acting_user=acting_user)
            for m, person in members:
                since = max(m.born_on, date(today.year - 9, 3, 1))
                add_member(household, person=person, relation=m.relation, first_day=since, acting_user=acting_user)


def _by_household(pairs: list[tuple[Made, Person]]) -> Iterator[list[tuple[Made, Person]]]:
    for number in range(pairs[-1][0].household + 1):
        yield [pair for pair in pairs if pair[0].household == number]


def again(m: Made, sequence: int, *, acting_user: Officer, today: date) -> Person:
    """Register the same human being a second time, by a wrong number."""
    number = synthetic_id(division(COUNTIES["yuhu"]), m.born_on, sequence + (1 if m.sex == "male" else 0))
    township = Area.objects.get(code=m.township)
    return register_person(
        m.name,
        identifier=read_identifier("resident_id", number, today),
        area=township,
        address=m.address,
        acting_user=acting_user,
    )
