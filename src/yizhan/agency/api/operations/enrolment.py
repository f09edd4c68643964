"""Enrolment: coverage, the year's enrolments, premium subsidies, differences with the tax office."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from django.utils import timezone
from ninja import Field, Path, Query

from yizhan.agency.api.door import Request
from yizhan.agency.api.service import operation
from yizhan.agency.api.shapes import (
    LARGEST,
    Code,
    Coded,
    Day,
    OneOf,
    Paging,
    Place,
    Rows,
    Shape,
    Somebody,
    by_number,
    by_place,
    code_of,
    coded,
    handed_out,
    last_day,
    name_of,
    place,
    somebody,
)
from yizhan.agency.enrolment import queries
from yizhan.agency.enrolment.models import (
    BATCH_STATES,
    DECISIONS,
    DIFFERENCES,
    EVENTS,
    SCHEMES,
    Difference,
    Enrolment,
    SubsidyBatch,
    SubsidyLine,
)
from yizhan.agency.enrolment.years import day_of
from yizhan.agency.people.models import IDENTITIES, IDENTITY_WORDS
from yizhan.agency.staff.models import Area
from yizhan.agency.staff.rights import Right

Scheme = Annotated[str, OneOf(tuple(SCHEMES))]
YEAR = Query(None, ge=2000, le=2100, description="参保年度，默认今年 / enrolment year; this one by default")
AREA = Query(None, description="地区代码，默认本区 / code of an area; the own by default")


def _area(request: Request, code: str | None) -> Area:
    """The area asked for. Raises NotFound: out of scope."""
    return queries.area_of(code, request.bearer.area_path) if code else request.bearer.area


class Covered(Shape):
    """How many, and how many of them are insured. `people` null: the denominator is not known. Ratio in ten-thousandths."""

    people: int | None
    insured: int
    ratio: int | None


class CoveredIdentity(Covered):
    """Of one category."""

    identity: Coded


class AreaCovered(Shape):
    """One area; null for people who are in none of its parts."""

    area: Place | None
    residents: Covered
    certified: Covered
    by_identity: list[CoveredIdentity]


class CoverageOut(Shape):
    """Coverage of an area, and of the areas right below it."""

    year: int
    on: date
    whole: AreaCovered
    parts: list[AreaCovered]


def _covered(found: queries.Coverage) -> Covered:
    return Covered(people=found.people, insured=found.insured, ratio=found.ratio)


def _area_covered(line: queries.AreaCoverage) -> AreaCovered:
    return AreaCovered(
        area=place(line.area) if line.area else None, residents=_covered(line.residents), certified=_covered(line.certified),
        by_identity=[
            CoveredIdentity(
                identity=coded(code, IDENTITY_WORDS[code]), people=line.by_identity[code].people,
                insured=line.by_identity[code].insured, ratio=line.by_identity[code].ratio,
            )
            for code in IDENTITIES if code in line.by_identity
        ],
    )  # fmt: skip


@operation("GET", "enrolment/coverage", Right.COVERAGE_SEE, CoverageOut, said=("参保覆盖", "coverage"))
def coverage(
    request: Request, year: int | None = YEAR, area: Code | None = AREA,
    on: Day | None = Query(None, description="哪一天，默认今天或年末 / the day; today, or the year's last"),
) -> CoverageOut:  # fmt: skip
    """How many of the certified and of all residents are insured."""
    today = timezone.localdate()
    chosen = year or today.year
    day = on or day_of(chosen, today)
    whole, parts = queries.coverage(_area(request, area), year=chosen, on=day)
    return CoverageOut(year=chosen, on=day, whole=_area_covered(whole), parts=[_area_covered(part) for part in parts])


class EnrolmentOut(Shape):
    """One enrolment of a year."""

    number: int
    person: Somebody
    area: str
    scheme: Coded
    event: Coded
    enrolled_on: date
    insured_from: date | None
    insured_to: date | None
    state: Annotated[str, OneOf(queries.STATES)]
    balance_fen: int | None = Field(description="欠缴为正，可退为负 / owed above zero, refundable below")


@operation(
    "GET", "enrolment/enrolments", Right.ENROLMENT_SEE, Rows[EnrolmentOut], said=("参保登记", "enrolments of a year")
)
def enrolments(
    request: Request, page: Query[Paging], year: int | None = YEAR, area: Code | None = AREA, scheme: Scheme | None = Query(None),
    state: Literal["insured", "owing", "waiting", "ended"] | None = Query(None),
) -> dict[str, object]:  # fmt: skip
    """In the order of names. Counted as rows exported."""
    today = timezone.localdate()
    path = _area(request, area).path
    found = queries.enrolments(year=year or today.year, path=path, scheme=scheme or "", state=state or "", on=today)

    def shape(row: Enrolment) -> EnrolmentOut:
        balance = getattr(row, "balance", None)
        return EnrolmentOut(
            number=row.pk, person=somebody(row.person, request.bearer), area=code_of(row.area_path),
            scheme=coded(row.scheme, SCHEMES.get(row.scheme)), event=coded(row.event, EVENTS.get(row.event)),
            enrolled_on=row.enrolled_on, insured_from=row.insured.lower if row.insured else None, insured_to=last_day(row.insured),
            state=queries.shown_state(row, balance, today), balance_fen=balance,
        )  # fmt: skip

    return handed_out(request, "enrolment", by_place(found, page, shape))


class BatchOut(Shape):
    """A batch of premium subsidies."""

    number: int
    name: str = Field(description="批次号 / as the desk prints it")
    area: Place
    year: int
    state: Coded
    document: str
    computed_on: date
    people: int
    total_fen: int
    proposed_by: str | None
    decided_by: str | None
    decided_at: datetime | None
    money_on: date | None


@operation(
    "GET", "enrolment/subsidies", Right.SUBSIDY_SEE, Rows[BatchOut], said=("资助批次", "batches of premium subsidies")
)
def subsidies(
    request: Request, page: Query[Paging], year: int | None = YEAR, area: Code | None = AREA
) -> dict[str, object]:
    """The latest first."""
    found = queries.batches(year or timezone.localdate().year, _area(request, area).path)

    def shape(row: SubsidyBatch) -> BatchOut:
        return BatchOut(
            number=row.pk, name=row.number, area=place(row.area), year=row.year, state=coded(row.state, BATCH_STATES[row.state].words),
            document=row.document, computed_on=row.computed_on, people=getattr(row, "people", 0), total_fen=getattr(row, "fen", 0) or 0,
            proposed_by=name_of(row.proposed_by), decided_by=name_of(row.decided_by), decided_at=row.decided_at, money_on=row.money_on,
        )  # fmt: skip

    return by_number(found, page, shape)


class SubsidyLineOut(Shape):
    """What one payer gives for one person, or takes back (negative)."""

    number: int
    person: Somebody
    payer: str
    identity: Coded | None
    fen: int
    enrols: bool
    certified_by: str
    citation: str
    stand_in: bool


@operation(
    "GET",
    "enrolment/subsidies/{number}/lines",
    Right.SUBSIDY_SEE,
    Rows[SubsidyLineOut],
    said=("资助明细", "lines of a batch"),
)
def subsidy_lines(
    request: Request, number: Annotated[int, Path(..., ge=1, le=LARGEST)], page: Query[Paging],
    kind: Literal["given", "taken_back", "enrols"] | None = Query(None),
) -> dict[str, object]:  # fmt: skip
    """In the order of names. Counted as rows exported."""
    batch = queries.batch(number)

    def shape(row: SubsidyLine) -> SubsidyLineOut:
        return SubsidyLineOut(
            number=row.pk, person=somebody(row.person, request.bearer), payer=row.payer,
            identity=coded(row.identity, IDENTITY_WORDS.get(row.identity)) if row.identity else None, fen=row.fen, enrols=row.enrols,
            certified_by=row.certified_by, citation=row.citation, stand_in=row.stand_in,
        )  # fmt: skip

    return handed_out(request, "subsidy", by_place(queries.lines(batch, kind=kind or ""), page, shape))


class DifferenceOut(Shape):
    """A receipt of the tax office that does not fit."""

    number: int
    kind: Coded
    name: str
    id_mask: str
    expected_fen: int | None
    found_fen: int
    recorded_at: datetime
    decision: Coded | None
    decided_at: datetime | None
    note: str


@operation(
    "GET",
    "enrolment/tax-differences",
    Right.TAX_EXCHANGE,
    Rows[DifferenceOut],
    said=("税务回执差异", "differences with the tax office"),
)
def tax_differences(
    request: Request,
    page: Query[Paging],
    year: int | None = YEAR,
    area: Code | None = AREA,
    decided: bool = Query(False),
) -> dict[str, object]:
    """Those that wait, or with `decided` those that were decided. Counted as rows exported."""
    found = queries.differences(year or timezone.localdate().year, _area(request, area).path, decided=decided)

    def shape(row: Difference) -> DifferenceOut:
        return DifferenceOut(
            number=row.pk, kind=coded(row.kind, DIFFERENCES.get(row.kind)), name=row.row.name, id_mask=row.row.id_mask,
            expected_fen=row.expected, found_fen=row.found, recorded_at=row.recorded_at,
            decision=coded(row.decision, DECISIONS.get(row.decision)) if row.decision else None, decided_at=row.decided_at, note=row.note,
        )  # fmt: skip

    return handed_out(request, "tax_difference", by_number(found, page, shape))
