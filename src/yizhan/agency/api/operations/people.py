"""People: checked by number and name, one by the person number, and the enrolment of a year."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from django.utils import timezone
from ninja import Body, Field, Path, Query

from yizhan.agency.api.door import Request
from yizhan.agency.api.service import operation
from yizhan.agency.api.shapes import (
    LARGEST,
    Coded,
    Day,
    OneOf,
    Said,
    Shape,
    Somebody,
    Year,
    code_of,
    coded,
    identities,
    last_day,
    said,
    somebody,
)
from yizhan.agency.enrolment import queries as enrolled
from yizhan.agency.enrolment.models import EVENTS, SCHEMES, Charge
from yizhan.agency.people import queries
from yizhan.agency.people.identifiers import FEMALE, KINDS, MALE, read_identifier
from yizhan.agency.people.models import IDENTITIES, IDENTITY_WORDS
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.ceilings import use
from yizhan.agency.staff.models import DEPARTMENTS
from yizhan.agency.staff.rights import Right

PersonNumber = Annotated[int, Path(..., ge=1, le=LARGEST, description="人员编号 / person number")]


class Asked(Shape):
    """A certificate and the name on it."""

    id_kind: Annotated[str, OneOf(tuple(KINDS))] = Field("resident_id", description="证件类型 / kind of certificate")
    id_number: str = Field(max_length=40, description="完整证件号 / the full number")
    name: str = Field(max_length=60, description="完整姓名 / the full name")


class LookedUp(Shape):
    """Whether number and name belong together, and which categories hold today."""

    found: bool
    on: date
    number: str | None = Field(description="人员编号 / person number")
    id_mask: str | None
    identities: list[Coded]
    counts: str | None = Field(description="以哪个身份为准 / the identity that counts")
    why: Said | None


@operation("POST", "people/look-up", Right.PERSON_LOOK_UP, LookedUp, said=("核对身份", "check a person"))
def look_up(request: Request, asked: Body[Asked]) -> LookedUp:
    """Both have to be right, or nobody is found. Each check is counted and recorded, as at the window."""
    today = timezone.localdate()
    identifier = read_identifier(asked.id_kind, asked.id_number, today)
    found = queries.look_up(identifier, asked.name, acting_user=request.bearer)
    if found is None:
        return LookedUp(found=False, on=today, number=None, id_mask=None, identities=[], counts=None, why=None)
    return LookedUp(
        found=True, on=today, number=found.person.number, id_mask=found.person.id_mask, identities=identities(found.identities),
        counts=found.counted.identity or None, why=said(found.counted.why),
    )  # fmt: skip


class Mark(Shape):
    """One identity of the person."""

    identity: Coded
    from_on: date
    to_on: date | None
    certified_by: Coded
    document: str


class PersonOut(Shape):
    """A person as the own page shows one first."""

    person: Somebody
    sex: Annotated[str, OneOf((FEMALE, MALE))]
    age: int
    born_on: date
    died_on: date | None
    area: str
    on: date
    marks: list[Mark] = Field(description="当日的身份标识 / marks that hold on the day")
    counts: str | None
    why: Said


@operation(
    "GET",
    "people/{number}",
    Right.PERSON_SEE,
    PersonOut,
    said=("一个人和当日身份", "a person, and the identities of a day"),
)
def person(
    request: Request, number: PersonNumber, on: Day | None = Query(None, description="哪一天 / the day")
) -> PersonOut:
    """Counted and recorded, as the person's page is. Who was merged leads to who was kept."""
    bearer = request.bearer
    found = queries.person(number, bearer)
    found = found.merged_into or found
    use("person_page", acting_user=bearer)
    record("person.see", found, person_id=found.pk, acting_user=bearer)
    today = timezone.localdate()
    day = on or today
    marks = queries.identities_on(found, day)
    counted = queries.counted_of(sorted({m.identity for m in marks}), found.area_path, day)
    return PersonOut(
        person=somebody(found, bearer), sex=found.sex, age=max(0, found.age_on(found.died_on or today)), born_on=found.born_on,
        died_on=found.died_on, area=code_of(found.area_path), on=day,
        marks=[
            Mark(
                identity=coded(m.identity, IDENTITY_WORDS.get(m.identity)), from_on=m.valid.lower, to_on=last_day(m.valid),
                certified_by=coded(m.certified_by, DEPARTMENTS.get(m.certified_by)), document=m.document,
            )
            for m in marks if m.identity in IDENTITIES
        ],
        counts=counted.identity or None, why=said(counted.why),
    )  # fmt: skip


class Enrolled(Shape):
    """One enrolment of the year."""

    scheme: Coded
    tier: str
    event: Coded
    enrolled_on: date
    insured_from: date | None
    insured_to: date | None
    state: Annotated[str, OneOf(enrolled.STATES)]


class Premium(Shape):
    """The account of the year's premium. due = covered + paid + balance."""

    own_premium_fen: int
    government_part_fen: int
    due_fen: int
    covered_fen: int
    received_fen: int
    refunded_fen: int
    balance_fen: int = Field(description="欠缴为正，可退为负 / owed above zero, refundable below")


class PersonYear(Shape):
    """A person's enrolments and premium of a year."""

    person: Somebody
    year: int
    enrolments: list[Enrolled]
    premium: Premium | None
    elsewhere: bool = Field(description="在别的县也参保 / insured in another county, too")


def _premium(charge: Charge) -> Premium:
    return Premium(
        own_premium_fen=charge.own_premium, government_part_fen=charge.government_part, due_fen=charge.due, covered_fen=charge.covered,
        received_fen=charge.received, refunded_fen=charge.refunded, balance_fen=charge.balance,
    )  # fmt: skip


@operation(
    "GET",
    "people/{number}/enrolments/{year}",
    Right.ENROLMENT_SEE,
    PersonYear,
    said=("一个人一年的参保", "a person's enrolment of a year"),
)
def person_year(request: Request, number: PersonNumber, year: Annotated[Year, Path(...)]) -> PersonYear:
    """Who is insured since when, and what of the premium is settled."""
    bearer, today = request.bearer, timezone.localdate()
    found = enrolled.person(number)
    use("person_page", acting_user=bearer)
    record("person.see", found, person_id=found.pk, acting_user=bearer)
    account = enrolled.account(found, year)
    charge = account.charge
    rows = [
        Enrolled(
            scheme=coded(row.scheme, SCHEMES.get(row.scheme)), tier=row.tier, event=coded(row.event, EVENTS.get(row.event)),
            enrolled_on=row.enrolled_on, insured_from=row.insured.lower if row.insured else None, insured_to=last_day(row.insured),
            state=enrolled.shown_state(row, charge.balance if charge else None, today),
        )
        for row in account.enrolments
    ]  # fmt: skip
    premium = _premium(charge) if charge is not None else None
    return PersonYear(
        person=somebody(found, bearer), year=year, enrolments=rows, premium=premium, elsewhere=bool(account.elsewhere)
    )
