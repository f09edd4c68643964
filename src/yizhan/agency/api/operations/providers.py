"""Institutions with how they stand, and the catalogues."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from django.utils import timezone
from ninja import Field, Path, Query

from yizhan.agency.api.door import Request
from yizhan.agency.api.service import operation
from yizhan.agency.api.shapes import (
    LARGEST,
    Coded,
    Day,
    OneOf,
    Paging,
    Place,
    Rows,
    Shape,
    Text,
    by_place,
    coded,
    fact,
    place,
)
from yizhan.agency.providers import queries
from yizhan.agency.providers.kinds import CATALOGUES, CLASSES, FEES, LEVELS, STANDINGS, VERSION_STATES
from yizhan.agency.providers.models import Item, Version
from yizhan.agency.staff.models import INSTITUTION_KINDS, Institution
from yizhan.agency.staff.rights import Right

Standing = Annotated[str, OneOf(tuple(STANDINGS))]
Kind = Annotated[str, OneOf(tuple(INSTITUTION_KINDS))]
Catalogue = Annotated[str, OneOf(tuple(CATALOGUES))]


class InstitutionOut(Shape):
    """An institution, and how it stands on the day."""

    code: str
    name: str
    kind: Coded
    level: Coded
    tier: Coded
    area: Place
    standing: Coded
    agreement: str | None
    agreement_to: date | None = Field(description="协议最后一天；空：没有期限 / last day of the agreement; null: open")


@operation("GET", "institutions", Right.PROVIDER_SEE, Rows[InstitutionOut], said=("定点机构", "institutions"))
def institutions(
    request: Request, page: Query[Paging], on: Day | None = Query(None), search: Text = Query("", description="名称的一部分，或编码开头 / part of the name, or beginning of the code"),
    kind: Kind | None = Query(None), standing: Standing | None = Query(None),
) -> dict[str, object]:  # fmt: skip
    """Of the area, by code; to an institution's staff their own."""
    day = on or timezone.localdate()
    found = queries.institutions(request.bearer, on=day, search=search, kind=kind or "", state=standing or "")

    def shape(row: Institution) -> InstitutionOut:
        ends: date | None = getattr(row, "agreement_end", None)
        state = STANDINGS[getattr(row, "standing_code", "none")]
        return InstitutionOut(
            code=row.code, name=row.name, kind=coded(row.kind, INSTITUTION_KINDS.get(row.kind)), level=fact("institution_level", row.level),
            tier=fact("institution_tier", row.tier), area=place(row.area), standing=coded(state.code, state.words),
            agreement=getattr(row, "agreement_number", None), agreement_to=date.fromordinal(ends.toordinal() - 1) if ends else None,
        )  # fmt: skip

    return by_place(found, page, shape)


class VersionOut(Shape):
    """All items of one kind that an area covers from a day on."""

    number: int
    kind: Coded
    area: Place
    from_on: date
    document: str
    state: Coded
    items: int
    applied_at: datetime | None


@operation("GET", "catalogues", Right.CATALOGUE_SEE, Rows[VersionOut], said=("目录版本", "catalogue versions"))
def versions(request: Request, page: Query[Paging], kind: Catalogue | None = Query(None)) -> dict[str, object]:
    """Of the area, of all above it and in it; the latest first."""
    found = queries.versions(request.bearer)
    if kind:
        found = found.filter(kind=kind)

    def shape(row: Version) -> VersionOut:
        return VersionOut(
            number=row.pk, kind=coded(row.kind, CATALOGUES.get(row.kind)), area=place(row.area), from_on=row.from_on, document=row.document,
            state=coded(row.state, VERSION_STATES[row.state].words), items=row.rows, applied_at=row.applied_at,
        )  # fmt: skip

    return by_place(found, page, shape)


class Limit(Shape):
    """The most that is counted of a unit at hospitals of a grade."""

    level: Coded
    fen: int


class ItemOut(Shape):
    """A drug, service or supply, and how it is paid."""

    code: str
    name: str
    spec: str
    unit: str
    payment_class: Coded
    first_pay: int = Field(description="先自付比例，万分比 / first-pay ratio in ten-thousandths")
    limits: list[Limit]
    restriction: str
    negotiated: bool
    fee: Coded


@operation(
    "GET",
    "catalogues/{number}/items",
    Right.CATALOGUE_SEE,
    Rows[ItemOut],
    said=("目录项目", "items of a catalogue version"),
)
def items(
    request: Request, number: Annotated[int, Path(..., ge=1, le=LARGEST)], page: Query[Paging],
    search: Text = Query("", description="编码或名称的开头 / beginning of code or name"),
) -> dict[str, object]:  # fmt: skip
    """By code."""
    found = queries.items_of(queries.version(number, request.bearer), search=search)

    def shape(row: Item) -> ItemOut:
        return ItemOut(
            code=row.code, name=row.name, spec=row.spec, unit=row.unit, payment_class=coded(row.payment_class, CLASSES.get(row.payment_class)),
            first_pay=row.first_pay, limits=[Limit(level=coded(k, LEVELS.get(k)), fen=fen) for k, fen in sorted(row.limits.items())],
            restriction=row.restriction, negotiated=row.negotiated, fee=coded(row.fee, FEES.get(row.fee)),
        )  # fmt: skip

    return by_place(found, page, shape)
