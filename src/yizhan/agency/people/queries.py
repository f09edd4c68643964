"""Reading persons: finding them, what they are marked as on a day, and everything that is held about one.

What was typed into the search field decides by its form how it is looked for; a search is a range or an equality that
an index answers under row security. A number held in another area is found neither more nor less, nor later, than one
that nobody holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from yizhan.agency.desk.words import Words, say
from yizhan.agency.people.identifiers import Identifier, check_character, mask_identifier, mask_name, typo_variants
from yizhan.agency.people.models import IDENTITIES, Account, HouseholdMember, IdentityMark, Merge, Person
from yizhan.agency.people.names import normalise_name, same_name
from yizhan.agency.people.sealing import number_hash, possible_hashes, resident_hashes
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.ceilings import use
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.home import Waiting, waits
from yizhan.agency.staff.models import Area, Audit, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, System, acting, demand
from yizhan.engine.scheme import Citation, Scheme
from yizhan.engine.settlement import ranked
from yizhan.errors import Problems
from yizhan.policy.areas import load_scheme

CHILD_UNTIL = 14
"""Years of age below which a person's data have rules of their own (个人信息保护法 28、31)."""

# --- Finding persons --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Typed:
    """How a search is carried out: by which column, and with what. Holds no full number, so a session may keep it.

    `form` is one of everybody, number, certificate, letters, name. `shown` is what the search field shows again.
    """

    form: str = "everybody"
    shown: str = ""
    key: str = ""
    hashes: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()


_LETTERS = re.compile(r"[a-z]{1,12}")
LAST = "\U0010ffff"
"""Sorts after every character: the end of a range of names that begin alike."""


def read_words(typed: str) -> Typed:
    """What was typed, told apart by its form: resident ID, other certificate, person number, pinyin initials, name.

    >>> read_words("zhs").form, read_words("张三").form, read_words("0000000012").key
    ('letters', 'name', '12')
    """
    typed = " ".join(typed.split())
    value = normalise_name(typed).replace(" ", "").replace("-", "")
    if not value:
        return Typed()
    if re.fullmatch(r"[0-9]{1,10}", value):
        return Typed("number", value, key=str(int(value)))
    if re.fullmatch(r"[0-9]{15}", value):
        first17 = f"{value[:6]}19{value[6:]}"
        value = first17 + check_character(first17)
    if re.fullmatch(r"[0-9]{17}[0-9X]", value):
        own, *others = [h.hex() for h in resident_hashes([value, *typo_variants(value)])]
        return Typed("certificate", mask_identifier(value), hashes=(own,), variants=tuple(others))
    if re.search(r"[0-9]", value) and all(c.isalnum() or c in "()/" for c in value):
        return Typed("certificate", mask_identifier(value), hashes=tuple(h.hex() for h in possible_hashes(value)))
    if _LETTERS.fullmatch(typed.lower()) and typed.isascii():
        return Typed("letters", typed, key=typed.lower())
    return Typed("name", typed, key=normalise_name(typed))


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a list shows: the words, and filters of a part of the area, an identity held today, a certifying department."""

    words: Typed = field(default_factory=Typed)
    area: str = ""
    identity: str = ""
    department: str = ""
    state: str = ""

    @property
    def any(self) -> bool:
        """Whether anything narrows the list."""
        return self != Criteria()


STATES = {
    "living": Words("在世", "living"),
    "dead": Words("已故", "deceased"),
    "child": Words("不满 14 周岁", "under 14"),
}


def search(officer: Officer, criteria: Criteria) -> QuerySet[Person]:
    """Those whom the criteria name, in the order of their names. Somebody merged is found as who was kept."""
    found = _in_area(officer, criteria.area).living_rows()
    words = criteria.words
    if words.form == "number":
        found = found.filter(pk__in=_kept(Q(pk=int(words.key))))
    elif words.form == "certificate":
        found = found.filter(pk__in=_kept(_by_hash(words.hashes)))
    elif words.form == "letters":
        named = words.key.upper()
        found = found.filter(
            Q(initials__gte=words.key, initials__lt=words.key + LAST)
            | Q(name_matched__gte=named, name_matched__lt=named + LAST)
        )
    elif words.form == "name":
        found = found.filter(name_matched__gte=words.key, name_matched__lt=words.key + LAST)
    if criteria.identity or criteria.department:
        held = IdentityMark.objects.known().on(timezone.localdate()).filter(person=OuterRef("pk"))
        if criteria.identity:
            held = held.filter(identity=criteria.identity)
        if criteria.department:
            held = held.filter(certified_by=criteria.department)
        found = found.filter(Exists(held))
    if criteria.state == "dead":
        found = found.filter(died_on__isnull=False)
    elif criteria.state == "living":
        found = found.filter(died_on__isnull=True)
    elif criteria.state == "child":
        found = found.filter(born_on__gt=_years_ago(timezone.localdate(), CHILD_UNTIL))
    return found.order_by("name_key", "pk")


def did_you_mean(officer: Officer, criteria: Criteria) -> list[Person]:
    """Persons whose resident ID differs from the one typed by one character or one swap of neighbours."""
    if not criteria.words.variants:
        return []
    keys = _kept(_by_hash(criteria.words.variants))
    return list(_in_area(officer, "").living_rows().filter(pk__in=keys).order_by("name_key", "pk")[:10])


def _in_area(officer: Officer, part: str) -> Any:
    """Persons of the officer's area, or of a part of it."""
    path = part if part.startswith(officer.area_path) else officer.area_path
    return Person.objects.filter(area_path__gte=path, area_path__lt=path + "~")


def _by_hash(hashes: Sequence[str]) -> Q:
    return Q(id_hash__in=[bytes.fromhex(h) for h in hashes])


def _kept(which: Q) -> list[int]:
    """The persons who stand for these: themselves, or those who were kept when they were merged."""
    return list(Person.objects.filter(which).values_list(Coalesce("merged_into_id", "pk"), flat=True)[:50])


def _years_ago(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 3, 1)


def shown_name(person: Person, officer: Officer, today: date | None = None) -> str:
    """The name as lists and exports show it. That of a child is masked for those who do not work on persons' records."""
    if officer.may(Right.PERSON_EDIT) or person.age_on(today or timezone.localdate()) >= CHILD_UNTIL:
        return person.name
    return mask_name(person.name)


def areas_below(officer: Officer) -> list[Area]:
    """The officer's area and what lies in it, down to townships, in the order of the codes; of a province, its counties."""
    inside = Area.objects.filter(path__gte=officer.area_path, path__lt=officer.area_path + "~")
    levels = ["province", "city", "county"]
    if officer.area_path.count(".") >= 3:
        levels.append("township")
    return list(inside.filter(level__in=levels).order_by("path"))


def responsible_areas(officer: Officer) -> list[Area]:
    """Areas of the officer's scope to which a person may belong."""
    inside = Area.objects.filter(path__gte=officer.area_path, path__lt=officer.area_path + "~")
    return list(inside.filter(level__in=("county", "township", "village")).order_by("path"))


def area_names(paths: Iterable[str]) -> dict[str, str]:
    """Path → the last two names in the language of the request, such as 雨湖区姜畲镇; of a county, its own."""
    paths = set(paths)
    codes = {code for path in paths for code in path.split(".")[-3:-1]}
    areas = {area.code: area for area in Area.objects.filter(code__in=codes)}
    named = {}
    for path in paths:
        own = [areas[code] for code in path.split(".")[-3:-1] if code in areas]
        own = [a for a in own if a.level not in ("city", "province", "nation")]
        named[path] = say("".join(a.name for a in own), ", ".join(a.name_en or a.name for a in reversed(own)))
    return named


# --- One person -------------------------------------------------------------------------------------------------------


def person(number: str | int, officer: Officer) -> Person:
    """The person of this number in the officer's area, also one who was merged. Raises NotFound."""
    try:
        key = int(number)
    except ValueError:
        raise NotFound() from None
    found = _in_area(officer, "").filter(pk=key).first() if 0 < key < 2**63 else None
    if found is None:
        raise NotFound()
    return found


def identities_on(person: Person, day: date, known_at: datetime | None = None) -> list[IdentityMark]:
    """The marks that hold on a day, as known at an instant (now, where none is given)."""
    return list(IdentityMark.objects.known(known_at).on(day).filter(person=person).order_by("identity"))


def identities_of(persons: Iterable[Person], day: date) -> dict[int, list[str]]:
    """Person → codes of the identities known to hold on a day. One statement for all."""
    found: dict[int, list[str]] = {}
    marks = IdentityMark.objects.known().on(day).filter(person__in=[p.pk for p in persons])
    for person_id, identity in marks.order_by("identity").values_list("person_id", "identity"):
        found.setdefault(person_id, []).append(identity)
    return found


def end_of(day: date) -> datetime | None:
    """The instant at which a day ends; None for today and later, which means now."""
    if day >= timezone.localdate():
        return None
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min)) - timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Counted:
    """Which identity counts on a day, why, and the articles of that day's rules that speak of it.

    `identity` is empty where none counts or where the policy decides bill by bill. `ranked` has those held, highest first.
    """

    identity: str
    ranked: tuple[str, ...]
    why: Words
    articles: tuple[Citation, ...] = ()
    policy: Words | None = None


def counted_identity(person: Person, day: date, known_at: datetime | None = None) -> Counted:
    """Which identity counts where several hold: the engine's ranking, under the scheme of the person's area."""
    held = sorted({mark.identity for mark in identities_on(person, day, known_at)})
    return counted_of(held, person.area_path, day)


def counted_of(held: Sequence[str], area_path: str, day: date) -> Counted:
    """`counted_identity` of identities that are known already."""
    if not held:
        return Counted("", (), Words("当日没有身份标识", "no mark holds on this day"))
    try:
        scheme = load_scheme(area_path.split(".")[-2][:6])
    except Problems:
        return Counted(
            "",
            tuple(held),
            Words(
                "本地没有录入政策，不能判断以哪个为准",
                "no policy of this area is in the library, so none can be chosen",
            ),
        )
    policy = Words(scheme.name, scheme.name_en or scheme.name)
    order = ranked(held, scheme)
    named = _named_on(scheme, day)
    counting = [identity for identity in order if identity in named]
    if not scheme.begins_on <= day <= scheme.ends_on:
        why = Words("当日不在本地政策的适用期内", "the area's rules do not cover this day")
        return Counted("", tuple(order), why, policy=policy)
    if not counting:
        why = Words("本地当日适用的规定没有提到这些身份", "no rule of this day names any of these identities")
        return Counted("", tuple(order), why, policy=policy)
    if scheme.conventions.identity_choice != "ranked" and len(counting) > 1:
        why = Words("每次结算取对患者最有利的一个", "each bill takes the one that leaves least to the patient")
        return Counted("", tuple(order), why, policy=policy)
    first = counting[0]
    why = (
        Words("只有这一个身份有适用的规定", "the only one for which there are rules")
        if len(counting) == 1
        else Words("按本地“身份从高到低”的次序，它排在最前", "it ranks highest in the area's order of identities")
    )
    return Counted(first, tuple(order), why, _articles(scheme, day, first), policy)


@lru_cache(maxsize=512)
def _named_on(scheme: Scheme, day: date) -> frozenset[str]:
    """The identities that some rule in force on a day is for."""
    return frozenset().union(*(rule.identities for rule in scheme.rules if rule.in_force(day)))


@lru_cache(maxsize=2048)
def _articles(scheme: Scheme, day: date, identity: str) -> tuple[Citation, ...]:
    rules = (rule for rule in scheme.rules if identity in rule.identities and rule.in_force(day))
    return tuple({(r.citation.document, r.citation.article): r.citation for r in rules}.values())


def marks_of(person: Person) -> list[IdentityMark]:
    """All that was ever believed of a person's identities, in the order of the days."""
    marks = IdentityMark.objects.filter(person=person).select_related("recorded_by", "withdrawn_by")
    return sorted(marks, key=lambda m: (list(IDENTITIES).index(m.identity), m.valid.lower, m.recorded_at, m.pk))


def account_of(person: Person) -> Account | None:
    """The present bank account."""
    return person.accounts.filter(withdrawn_at=None).first()


def membership_of(person: Person, day: date) -> HouseholdMember | None:
    """The household that the person belongs to on a day."""
    return (
        HouseholdMember.objects.select_related("household")
        .filter(person=person, withdrawn_at=None, valid__contains=day)
        .first()
    )


def members_of(household_id: int) -> list[HouseholdMember]:
    """All memberships that are believed, former ones too; the head first."""
    members = HouseholdMember.objects.select_related("person").filter(household=household_id, withdrawn_at=None)
    return sorted(
        members, key=lambda m: (m.valid.upper is not None, list(m.RELATIONS).index(m.relation), m.valid.lower)
    )


def merges_of(person: Person) -> list[Merge]:
    """Merges that this person is or was part of, latest first."""
    about = Merge.objects.filter(Q(kept=person) | Q(dropped=person))
    return list(about.select_related("kept", "dropped", "proposed_by", "decided_by").order_by("-pk"))


def history(person: Person, most: int = 100) -> list[Audit]:
    """Who did and saw what about this person, latest first; as far as the officer's area shows it."""
    return list(Audit.objects.filter(person_id=person.pk).order_by("-pk")[:most])


# --- Merges -----------------------------------------------------------------------------------------------------------


def merges(officer: Officer) -> QuerySet[Merge]:
    """Merges of the officer's area, those that wait first."""
    inside = Merge.objects.filter(area_path__gte=officer.area_path, area_path__lt=officer.area_path + "~")
    return inside.select_related("kept", "dropped", "proposed_by", "decided_by").order_by("-pk")


def merge(key: int, officer: Officer) -> Merge:
    """One merge of the officer's area. Raises NotFound."""
    found = merges(officer).filter(pk=key).first()
    if found is None:
        raise NotFound()
    return found


# --- At the hospital's window -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What a window may know of somebody whose certificate it has seen: the identities that hold on the day."""

    person: Person
    identities: tuple[str, ...]
    counted: Counted


def look_up(identifier: Identifier, name: str, *, acting_user: Actor) -> LookedUp | None:
    """Somebody by full number and full name, both right, for today. None: a wrong name answers as an unknown number does.

    Looks in the whole city, whose counties' people a hospital treats; everything else stays in the clerk's own area.
    Counted against the ceiling of the day, and recorded whatever came of it. Raises NotAllowed, OverCeiling.
    """
    demand(acting_user, Right.PERSON_LOOK_UP)
    city = "".join(f"{code}." for code in acting_user.area_path.split(".")[:3] if code)
    with acting(acting_user):
        use("look_up", acting_user=acting_user)
        counted = None
        with acting(System("people.look_up", city)):
            row = Person.objects.filter(id_hash=number_hash(identifier)).select_related("merged_into").first()
            found = row if row is not None and same_name(row.name, name) else None
            if found is not None:
                found = found.merged_into or found
                counted = counted_identity(found, timezone.localdate())
        record(
            "person.look_up",
            found,
            person_id=found.pk if found else None,
            acting_user=acting_user,
            found=found is not None,
        )
        return None if found is None or counted is None else LookedUp(found, counted.ranked, counted)


# --- The home page ----------------------------------------------------------------------------------------------------


@waits
def merges_to_decide(officer: Officer) -> Waiting | None:
    """Merges that wait for a reviewer."""
    if not officer.may(Right.PERSON_MERGE_DECIDE):
        return None
    path = officer.area_path
    count = Merge.objects.filter(state="proposed", area_path__gte=path, area_path__lt=path + "~").count()
    return Waiting(Words("待复核的合并", "merges to decide"), count, reverse("people:merges"))
