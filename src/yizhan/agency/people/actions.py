"""Every write about a person: registering and correcting, the household, marks of identity.

Each locks the person first, and then looks. Audit rows hold numbers masked; the full ones are sealed in the database alone.
Merging two persons is in `merging`, writing by the thousand in `bulk`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils import timezone

from yizhan.agency import crypto
from yizhan.agency.people.errors import (
    AlreadyRegistered,
    BirthNeeded,
    DayInFuture,
    DaysReversed,
    HeadTaken,
    InAHousehold,
    MarkOverlaps,
    MarkWithdrawn,
    MergedAway,
    NameNeeded,
    NotAnArea,
    NothingChanged,
    NotWithinMark,
    NumberDisagrees,
    ReasonNeeded,
    RegisteredElsewhere,
    SameArea,
    TooLong,
)
from yizhan.agency.people.identifiers import Identifier, mask_name, read_account, read_mobile
from yizhan.agency.people.models import IDENTITIES, SEXES, Account, Household, HouseholdMember, IdentityMark, Person
from yizhan.agency.people.names import normalise_name, pinyin_initials, pinyin_key
from yizhan.agency.people.sealing import (
    ACCOUNT,
    ID_NUMBER,
    PHONE,
    number_hash,
    stored_account,
    stored_number,
    stored_phone,
)
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.ceilings import use
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import DEPARTMENTS, Area
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.errors import DatesOutOfOrder, UnknownValue

DAY = timedelta(days=1)
LEAST_REASON = 4
"""Characters of a reason that can be understood later."""

LEVELS = ("county", "township", "village")
"""Levels of areas that answer for persons."""


# --- Registering and correcting ---------------------------------------------------------------------------------------


def register_person(
    name: str,
    *,
    identifier: Identifier,
    area: Area,
    sex: str = "",
    born_on: date | None = None,
    phone: str = "",
    address: str = "",
    acting_user: Actor,
) -> Person:
    """Register somebody. Sex and day of birth may be left out where the number tells them.

    Raises NotAllowed, NotFound (area out of scope), NotAnArea, NameNeeded, TooLong, BirthNeeded, NumberDisagrees,
    DayInFuture, BadMobile, AlreadyRegistered, RegisteredElsewhere.
    """
    demand(acting_user, Right.PERSON_EDIT)
    with acting(acting_user):
        _responsible(area, acting_user)
        values = _named(name) | _born(identifier, sex, born_on) | _phone(phone)
        values |= {"address": _short(address, "address"), "area_path": area.path}
        person = Person(**values, **_numbered(identifier))
        _save_new_number(person, identifier)
        record("person.register", person, person_id=person.pk, acting_user=acting_user, number=person.id_mask)
    return person


def correct_person(
    person: Person,
    *,
    name: str | None = None,
    sex: str | None = None,
    born_on: date | None = None,
    identifier: Identifier | None = None,
    phone: str | None = None,
    address: str | None = None,
    why: str,
    acting_user: Actor,
) -> Person:
    """Correct what is given; the rest stays. A new resident ID brings its own sex and day of birth.

    Raises what `register_person` raises, and ReasonNeeded, MergedAway, NothingChanged.
    """
    demand(acting_user, Right.PERSON_EDIT)
    why = reason(why)
    with acting(acting_user):
        person = locked(person)
        values: dict[str, Any] = {}
        if name is not None:
            values |= _named(name)
        if identifier is not None:
            found = number_hash(identifier)
            if found != bytes(person.id_hash) or identifier.kind != person.id_kind:
                values |= _numbered(identifier)
        if sex or born_on or "id_hash" in values:
            number = identifier or Identifier("", person.id_kind, *_told_by(person))
            own_sex = sex or ("" if identifier and identifier.sex else person.sex)
            own_birth = born_on or (None if identifier and identifier.born_on else person.born_on)
            values |= _born(number, own_sex, own_birth)
        if phone is not None and _unlike(phone, person.phone_sealed):
            values |= _phone(phone)
        if address is not None:
            values["address"] = _short(address, "address")
        before = {key: getattr(person, key) for key in values}
        changed = {key for key, value in values.items() if value != before[key]}
        if not changed:
            raise NothingChanged()
        for key in changed:
            setattr(person, key, values[key])
        if "id_hash" in changed and identifier is not None:
            _save_new_number(person, identifier)
        else:
            person.save(update_fields=sorted(changed))
        record(
            "person.correct", person, person_id=person.pk, acting_user=acting_user, why=why,
            before={key: _audited(key, before[key]) for key in sorted(changed & AUDITED)},
            after={key: _audited(key, values[key]) for key in sorted(changed & AUDITED)},
        )  # fmt: skip
    return person


AUDITED = {"name", "sex", "born_on", "id_kind", "id_mask", "phone_mask", "address", "died_on"}
"""Columns whose value before and after goes into the audit trail; what is sealed or derived does not."""


def _audited(key: str, value: object) -> str:
    if key == "name":
        return mask_name(str(value))
    return str(value) if value is not None else ""


def set_account(person: Person, *, number: str, holder: str, bank: str, why: str, acting_user: Actor) -> Account:
    """The bank account for back-payments, in place of the present one. Raises NotAllowed, BadAccount, TooLong, ReasonNeeded."""
    demand(acting_user, Right.PERSON_EDIT)
    why = reason(why)
    digits, _ = read_account(number)
    with acting(acting_user):
        person = locked(person)
        stored = stored_account(digits)
        before = person.accounts.filter(withdrawn_at=None).first()
        same = before is not None and crypto.unseal(before.account_sealed, purpose=ACCOUNT) == digits
        if before is not None and same and (before.holder, before.bank) == (holder, bank):
            raise NothingChanged()
        if before is not None:
            Account.objects.filter(pk=before.pk).update(withdrawn_at=instant())
        account = Account.objects.create(
            person=person, area_path=person.area_path, holder=_short(holder, "holder"), bank=_short(bank, "bank"),
            account_sealed=stored.sealed, account_mask=stored.mask, recorded_at=instant(),
        )  # fmt: skip
        record(
            "person.account", person, person_id=person.pk, acting_user=acting_user, why=why,
            before=before.account_mask if before else "", after=stored.mask,
        )  # fmt: skip
    return account


def move_person(person: Person, *, area: Area, why: str, acting_user: Actor) -> Person:
    """Let another area answer for the person: within the officer's own. What belongs to the person goes along.

    Raises NotAllowed, NotFound, NotAnArea, SameArea, ReasonNeeded, MergedAway.
    """
    demand(acting_user, Right.PERSON_EDIT)
    why = reason(why)
    with acting(acting_user):
        person = locked(person)
        _responsible(area, acting_user)
        if person.area_path == area.path:
            raise SameArea(area=area.name)
        before, person.area_path = person.area_path, area.path
        person.save(update_fields=["area_path"])
        # Recorded where both the old and the new area's auditors can read it: in their common part.
        record(
            "person.move", person, person_id=person.pk, area_path=common_area(before, area.path), acting_user=acting_user,
            why=why, before=before, after=area.path,
        )  # fmt: skip
    return person


def record_death(person: Person, *, died_on: date | None, why: str, acting_user: Actor) -> Person:
    """The day of death; None takes a wrong one back. Marks stay: they were true until then.

    Raises NotAllowed, DayInFuture, DatesOutOfOrder, NothingChanged, ReasonNeeded, MergedAway.
    """
    demand(acting_user, Right.PERSON_EDIT)
    why = reason(why)
    with acting(acting_user):
        person = locked(person)
        if died_on and died_on > timezone.localdate():
            raise DayInFuture(what_zh="死亡日期", what_en="day of death", day=died_on)
        if died_on and died_on < person.born_on:
            raise DatesOutOfOrder(
                first_zh="出生日期", first=person.born_on, first_en="the day of birth",
                second_zh="死亡日期", second=died_on, second_en="the day of death",
            )  # fmt: skip
        before, person.died_on = person.died_on, died_on
        if before == died_on:
            raise NothingChanged()
        person.save(update_fields=["died_on"])
        record(
            "person.death", person, person_id=person.pk, acting_user=acting_user, why=why,
            before=_audited("died_on", before), after=_audited("died_on", died_on),
        )  # fmt: skip
    return person


# --- Unmasking --------------------------------------------------------------------------------------------------------

UNMASKED = ("id_number", "phone", "account", "name")
"""What can be shown in full, one at a time."""


def unmask(person: Person, *, field: str, purpose: str, acting_user: Actor) -> str:
    """The full value of one field, once, for a stated purpose. Counted against the officer's ceiling of the day.

    Empty where nothing is recorded. Raises NotAllowed, NotFound, ReasonNeeded, OverCeiling.
    """
    demand(acting_user, Right.PERSON_UNMASK)
    purpose = reason(purpose, zh="用途", en="what it is needed for")
    if field not in UNMASKED:
        raise NotFound()
    with acting(acting_user):
        found = Person.objects.filter(pk=person.pk).first()
        if found is None:
            raise NotFound()
        account = found.accounts.filter(withdrawn_at=None).first() if field == "account" else None
        use("unmask", acting_user=acting_user)
        record("person.unmask", found, person_id=found.pk, acting_user=acting_user, field=field, purpose=purpose)
        if field == "name":
            return found.name
        if field == "id_number":
            return crypto.unseal(found.id_sealed, purpose=ID_NUMBER)
        if field == "phone":
            return crypto.unseal(found.phone_sealed, purpose=PHONE) if found.phone_sealed else ""
        return crypto.unseal(account.account_sealed, purpose=ACCOUNT) if account else ""


# --- Households -------------------------------------------------------------------------------------------------------


def create_household(*, area: Area, address: str = "", acting_user: Actor) -> Household:
    """A household without members. Its number is given here, so that it cannot tell of households elsewhere.

    Raises NotAllowed, NotFound, NotAnArea, TooLong.
    """
    demand(acting_user, Right.PERSON_EDIT)
    with acting(acting_user):
        _responsible(area, acting_user)
        with connection.cursor() as cursor:
            cursor.execute("select nextval(pg_get_serial_sequence('people_household', 'id'))")
            key = cursor.fetchone()[0]
        household = Household.objects.create(
            pk=key, number=f"H{area.code[:6]}{key:08d}", area_path=area.path, address=_short(address, "address")
        )
        record("household.create", household, acting_user=acting_user, number=household.number)
    return household


def household_of(
    person: Person, *, area: Area, address: str = "", relation: str, first_day: date, acting_user: Actor
) -> Household:
    """A household with its first member. Raises what `create_household` and `add_member` raise."""
    with acting(acting_user):
        household = create_household(area=area, address=address, acting_user=acting_user)
        add_member(household, person=person, relation=relation, first_day=first_day, acting_user=acting_user)
    return household


def add_member(
    household: Household,
    *,
    person: Person,
    relation: str,
    first_day: date,
    last_day: date | None = None,
    acting_user: Actor,
) -> HouseholdMember:
    """Somebody belongs to the household from a day on. One household at a time, one head at a time.

    Raises NotAllowed, NotFound, UnknownValue, DaysReversed, InAHousehold, HeadTaken, MergedAway.
    """
    demand(acting_user, Right.PERSON_EDIT)
    days = days_from(first_day, last_day)
    if relation not in HouseholdMember.RELATIONS:
        raise UnknownValue(
            value=relation, fact_zh="与户主关系", fact_en="relation to the head",
            allowed_zh="、".join(words.zh for words in HouseholdMember.RELATIONS.values()), allowed_en=", ".join(HouseholdMember.RELATIONS),
        )  # fmt: skip
    with acting(acting_user):
        if not Household.objects.select_for_update(no_key=True).filter(pk=household.pk).exists():
            raise NotFound()
        person = locked(person)
        current = HouseholdMember.objects.filter(withdrawn_at=None, valid__overlap=days)
        other = current.filter(person=person).select_related("household").first()
        if other is not None:
            raise InAHousehold(number=other.household.number)
        if relation == "head" and current.filter(household=household, relation="head").exists():
            raise HeadTaken()
        member = HouseholdMember.objects.create(
            household=household,
            person=person,
            area_path=person.area_path,
            relation=relation,
            valid=days,
            recorded_at=instant(),
        )
        record(
            "household.add_member", household, person_id=person.pk, acting_user=acting_user,
            relation=relation, first_day=first_day, last_day=last_day,
        )  # fmt: skip
    return member


def remove_member(member: HouseholdMember, *, last_day: date | None, why: str, acting_user: Actor) -> None:
    """The last day in the household; None where the person never belonged to it.

    Raises NotAllowed, NotFound, NotWithinMark, ReasonNeeded.
    """
    demand(acting_user, Right.PERSON_EDIT)
    why = reason(why)
    with acting(acting_user):
        found = HouseholdMember.objects.select_related("household").filter(pk=member.pk, withdrawn_at=None).first()
        if found is None:
            raise NotFound()
        locked(found.person)
        if last_day is not None and not _ends_earlier(found.valid, last_day):
            raise NotWithinMark(first=found.valid.lower, last=last_day)
        now = instant()
        if not HouseholdMember.objects.filter(pk=found.pk, withdrawn_at=None).update(withdrawn_at=now):
            raise NotFound()
        if last_day is not None:
            HouseholdMember.objects.create(
                household=found.household, person_id=found.person_id, area_path=found.area_path, relation=found.relation,
                valid=days_from(found.valid.lower, last_day), recorded_at=now,
            )  # fmt: skip
        record(
            "household.remove_member", found.household, person_id=found.person_id, acting_user=acting_user,
            why=why, last_day=last_day,
        )  # fmt: skip


# --- Marks ------------------------------------------------------------------------------------------------------------


def add_mark(
    person: Person,
    *,
    identity: str,
    first_day: date,
    last_day: date | None = None,
    department: str,
    document: str,
    acting_user: Actor,
) -> IdentityMark:
    """Mark somebody by a document that a department issued（身份标识）.

    Raises NotAllowed, NotFound, UnknownValue (identity, department), DaysReversed, ReasonNeeded (document), TooLong,
    MarkOverlaps, MergedAway.
    """
    demand(acting_user, Right.MARK_EDIT)
    if identity not in IDENTITIES:
        raise UnknownValue(
            value=identity, fact_zh="身份", fact_en="identity",
            allowed_zh="、".join(i.zh for i in IDENTITIES.values()), allowed_en=", ".join(IDENTITIES),
        )  # fmt: skip
    if department not in DEPARTMENTS:
        raise UnknownValue(
            value=department, fact_zh="认定部门", fact_en="certifying department",
            allowed_zh="、".join(d.zh for d in DEPARTMENTS.values()), allowed_en=", ".join(DEPARTMENTS),
        )  # fmt: skip
    days = days_from(first_day, last_day)
    document = _short(reason(document, zh="认定文件的文号", en="the number of the certifying document"), "document")
    with acting(acting_user):
        person = locked(person)
        other = IdentityMark.objects.known().filter(person=person, identity=identity, valid__overlap=days).first()
        if other is not None:
            raise _overlap(other)
        mark = IdentityMark.objects.create(
            person=person, area_path=person.area_path, identity=identity, valid=days, certified_by=department,
            document=document, recorded_by_id=acting_user.pk, recorded_at=instant(),
        )  # fmt: skip
        record(
            "mark.add", mark, person_id=person.pk, acting_user=acting_user, identity=identity, first_day=first_day,
            last_day=last_day, department=department, document=document,
        )  # fmt: skip
    return mark


def end_mark(mark: IdentityMark, *, last_day: date, why: str, acting_user: Actor) -> IdentityMark:
    """The person belonged to the category until this day: what is believed of later days is withdrawn.

    Raises NotAllowed, NotFound, NotWithinMark, MarkWithdrawn, ReasonNeeded. Returns the mark that stands instead.
    """
    demand(acting_user, Right.MARK_EDIT)
    why = reason(why)
    with acting(acting_user):
        mark = _known_mark(mark)
        if not _ends_earlier(mark.valid, last_day):
            raise NotWithinMark(first=mark.valid.lower, last=last_day)
        now = _withdrawn(mark, why, acting_user)
        ended = IdentityMark.objects.create(
            person_id=mark.person_id, area_path=mark.area_path, identity=mark.identity,
            valid=days_from(mark.valid.lower, last_day), certified_by=mark.certified_by, document=mark.document,
            roster_id=mark.roster_id, recorded_by_id=acting_user.pk, recorded_at=now,
        )  # fmt: skip
        record(
            "mark.end", ended, person_id=mark.person_id, acting_user=acting_user, identity=mark.identity, why=why,
            before=mark.valid.upper - DAY if mark.valid.upper else None, after=last_day,
        )  # fmt: skip
    return ended


def withdraw_mark(mark: IdentityMark, *, why: str, acting_user: Actor) -> None:
    """It was never true. What was believed, and until when, stays on record.

    Raises NotAllowed, NotFound, MarkWithdrawn, ReasonNeeded.
    """
    demand(acting_user, Right.MARK_EDIT)
    why = reason(why)
    with acting(acting_user):
        mark = _known_mark(mark)
        _withdrawn(mark, why, acting_user)
        record(
            "mark.withdraw", mark, person_id=mark.person_id, acting_user=acting_user, identity=mark.identity, why=why,
            first_day=mark.valid.lower, last_day=mark.valid.upper - DAY if mark.valid.upper else None,
        )  # fmt: skip


def _known_mark(mark: IdentityMark) -> IdentityMark:
    """The mark as it is now, its person locked."""
    found = IdentityMark.objects.select_related("person").filter(pk=mark.pk).first()
    if found is None:
        raise NotFound()
    locked(found.person)
    found.refresh_from_db()
    if found.withdrawn_at is not None:
        raise MarkWithdrawn()
    return found


def _withdrawn(mark: IdentityMark, why: str, acting_user: Actor) -> datetime:
    now = instant()
    IdentityMark.objects.filter(pk=mark.pk).update(withdrawn_at=now, withdrawn_by=acting_user.pk, withdrawn_why=why)
    return now


def _overlap(mark: IdentityMark) -> MarkOverlaps:
    word, last = IDENTITIES[mark.identity], mark.valid.upper - DAY if mark.valid.upper else None
    return MarkOverlaps(
        first=mark.valid.lower, identity_zh=word.zh, identity_en=word.en,
        until_zh=f"至 {last} " if last else "", until_en=f" to {last}" if last else "",
    )  # fmt: skip


# --- What they share --------------------------------------------------------------------------------------------------


def locked(person: Person) -> Person:
    """The person as it is now, locked until the end of the transaction. Raises NotFound, MergedAway."""
    found = Person.objects.select_for_update(no_key=True).filter(pk=person.pk).first()
    if found is None:
        raise NotFound()
    if found.merged_into_id is not None:
        raise MergedAway(number=f"{found.merged_into_id:010d}")
    return found


def reason(text: str, *, zh: str = "理由", en: str = "why") -> str:
    """A reason that can be understood later. Raises ReasonNeeded, TooLong."""
    text = text.strip()
    if len(text) < LEAST_REASON:
        raise ReasonNeeded(what_zh=zh, what_en=en, least=LEAST_REASON)
    if len(text) > 200:
        raise TooLong(what_zh=zh, what_en="text", most=200)
    return text


def instant() -> datetime:
    """The database's clock now: after the locks were had, so that nothing known is younger."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        return cursor.fetchone()[0]


def days_from(first_day: date, last_day: date | None) -> DateRange:
    """From the first to the last day, both included. Raises DaysReversed."""
    if last_day is not None and last_day < first_day:
        raise DaysReversed(first=first_day, last=last_day)
    return DateRange(first_day, last_day + DAY if last_day else None)


def common_area(one: str, other: str) -> str:
    """The path of the smallest area that holds both.

    >>> common_area("000000.430000.430300.430302.", "000000.430000.430300.430321.")
    '000000.430000.430300.'
    """
    shared = []
    for a, b in zip(one.split(".")[:-1], other.split(".")[:-1], strict=False):
        if a != b:
            break
        shared.append(a)
    return "".join(f"{code}." for code in shared)


def _ends_earlier(valid: DateRange, last_day: date) -> bool:
    return last_day >= valid.lower and (valid.upper is None or last_day + DAY < valid.upper)


def _responsible(area: Area, actor: Actor) -> None:
    if not area.path.startswith(actor.area_path):
        raise NotFound()
    if area.level not in LEVELS:
        raise NotAnArea()


_LONGEST = {"address": ("地址", 200), "holder": ("户名", 60), "bank": ("开户行", 80), "document": ("文号", 120)}


def _short(text: str, what: str) -> str:
    zh, most = _LONGEST[what]
    text = text.strip()
    if len(text) > most:
        raise TooLong(what_zh=zh, what_en=what, most=most)
    return text


def _named(name: str) -> dict[str, str]:
    name = name.strip()
    matched = normalise_name(name)
    if not matched or len(name) > 60:
        raise NameNeeded(most=60)
    return {"name": name, "name_key": pinyin_key(name), "initials": pinyin_initials(name), "name_matched": matched}


def _born(identifier: Identifier, sex: str, born_on: date | None) -> dict[str, Any]:
    """Sex and day of birth, which the number must not contradict."""
    sex, day = sex or identifier.sex, born_on or identifier.born_on
    if sex not in SEXES or day is None:
        raise BirthNeeded()
    if identifier.sex and sex != identifier.sex:
        told = SEXES[identifier.sex]
        raise NumberDisagrees(what_zh="性别", what_en="sex", found_zh=told.zh, found_en=told.en)
    if identifier.born_on and day != identifier.born_on:
        raise NumberDisagrees(
            what_zh="出生日期", what_en="day of birth", found_zh=identifier.born_on, found_en=identifier.born_on
        )
    if day > timezone.localdate():
        raise DayInFuture(what_zh="出生日期", what_en="day of birth", day=day)
    return {"sex": sex, "born_on": day}


def _told_by(person: Person) -> tuple[date | None, str]:
    """Day of birth and sex that the number on record tells; other kinds of numbers tell nothing."""
    number = crypto.unseal(person.id_sealed, purpose=ID_NUMBER)[:18]
    if len(number) == 18 and number[:17].isdigit():
        return person.born_on, person.sex
    return None, ""


def _numbered(identifier: Identifier) -> dict[str, Any]:
    stored = stored_number(identifier)
    return {
        "id_kind": identifier.kind, "id_sealed": stored.sealed, "id_mask": stored.mask, "id_hash": number_hash(identifier),
    }  # fmt: skip


def _phone(phone: str) -> dict[str, str]:
    stored = stored_phone(read_mobile(phone) if phone.strip() else "")
    return {"phone_sealed": stored.sealed, "phone_mask": stored.mask}


def _unlike(phone: str, sealed: str) -> bool:
    now = crypto.unseal(sealed, purpose=PHONE) if sealed else ""
    return (read_mobile(phone) if phone.strip() else "") != now


def _save_new_number(person: Person, identifier: Identifier) -> None:
    """Save, or say that the number is taken: by whom, only if the officer may see that person."""
    other = Person.objects.filter(id_hash=number_hash(identifier)).exclude(pk=person.pk).first()
    if other is not None:
        raise AlreadyRegistered(number=f"{other.merged_into_id or other.pk:010d}")
    try:
        with transaction.atomic():
            person.save()
    except IntegrityError as error:
        if "one_person_a_number" not in str(error):
            raise
        raise RegisteredElsewhere() from None
