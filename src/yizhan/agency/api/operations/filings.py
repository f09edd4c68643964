"""Filings: referrals, emergencies, residence elsewhere, registrations."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.utils import timezone
from ninja import Field, Path, Query

from yizhan.agency.api.door import Request
from yizhan.agency.api.service import operation
from yizhan.agency.api.shapes import (
    LARGEST,
    Coded,
    OneOf,
    Paging,
    Place,
    Rows,
    Shape,
    Somebody,
    Where,
    by_place,
    code_of,
    coded,
    handed_out,
    name_of,
    place,
    somebody,
    where,
)
from yizhan.agency.filings import queries
from yizhan.agency.filings.kinds import KINDS
from yizhan.agency.filings.models import Filing, FilingStep
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.rights import Right

Kind = Annotated[str, OneOf(tuple(KINDS))]
State = Annotated[str, OneOf(tuple(queries.VIEWS))]


class FilingOut(Shape):
    """A filing."""

    number: int
    name: str = Field(description="备案号 / as the desk prints it")
    kind: Coded
    state: Coded
    person: Somebody
    area: str
    institution: Where | None
    to_institution: Where | None
    place: Place | None
    from_on: date
    to_on: date | None
    due_on: date | None
    made_at: datetime
    decided_at: datetime | None


class StepOut(Shape):
    """Something that was done about it."""

    at: datetime
    name: Coded
    state: Coded
    officer: str | None
    institution: Where | None
    words: str


class FilingWhole(FilingOut):
    """A filing with what was done about it."""

    diagnoses: list[str]
    disease: str
    emergency_on: date | None
    why: str
    steps: list[StepOut]


def _fields(row: Filing, request: Request) -> dict[str, Any]:
    return {
        "number": row.pk, "name": row.number, "kind": coded(row.kind, row.kind_words), "state": coded(row.state, row.shown_state.words),
        "person": somebody(row.person, request.bearer), "area": code_of(row.area_path), "institution": where(row.institution),
        "to_institution": where(row.to_institution), "place": place(row.place) if row.place else None, "from_on": row.valid.lower,
        "to_on": row.last_day, "due_on": row.due_on, "made_at": row.made_at, "decided_at": row.decided_at,
    }  # fmt: skip


@operation("GET", "filings", Right.FILING_SEE, Rows[FilingOut], said=("备案", "filings"))
def filings(
    request: Request, page: Query[Paging], kind: Kind | None = Query(None), state: State | None = Query(None)
) -> dict[str, object]:
    """The latest first, open ones by what is due. Counted as rows exported."""
    found = queries.listed(request.bearer, today=timezone.localdate(), kind=kind or "", state=state or "")
    return handed_out(request, "filing", by_place(found, page, lambda row: FilingOut(**_fields(row, request))))


def _step(step: FilingStep) -> StepOut:
    return StepOut(
        at=step.at, name=coded(step.name, step.name_words), state=coded(step.outcome, step.shown_outcome.words),
        officer=name_of(step.officer), institution=where(step.institution), words=step.words,
    )  # fmt: skip


@operation("GET", "filings/{number}", Right.FILING_SEE, FilingWhole, said=("一份备案", "one filing"))
def filing(request: Request, number: Annotated[int, Path(..., ge=1, le=LARGEST)]) -> FilingWhole:
    """With the steps that led to where it stands. Recorded, as the page is."""
    row = queries.filing(number)
    record("filing.see", row, person_id=row.person_id, acting_user=request.bearer)
    return FilingWhole(
        **_fields(row, request), diagnoses=row.diagnoses, disease=row.disease, emergency_on=row.emergency_on, why=row.why,
        steps=[_step(step) for step in queries.steps_of(row)],
    )  # fmt: skip
