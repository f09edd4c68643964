"""Rosters of departments: sent, followed, read row by row; deadlines and gaps."""

from __future__ import annotations

import io
from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.http import FileResponse
from django.utils import timezone
from ninja import Body, Field, File, Form, Path, Query
from ninja.files import UploadedFile

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
    Said,
    Shape,
    Somebody,
    Text,
    Told,
    by_number,
    by_place,
    code_of,
    coded,
    fact,
    handed_out,
    identities,
    last_day,
    name_of,
    place,
    said,
    somebody,
)
from yizhan.agency.people.models import IDENTITIES, IDENTITY_WORDS
from yizhan.agency.rosters import actions, queries, returning
from yizhan.agency.rosters.columns import FIELDS
from yizhan.agency.rosters.gaps import GAPS
from yizhan.agency.rosters.models import GapItem, Roster, RosterRow
from yizhan.agency.rosters.reasons import text_of
from yizhan.agency.rosters.states import DECISIONS, KINDS, ROSTER_STATES, ROW_STATES
from yizhan.agency.spreadsheets import XLSX
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import DEPARTMENTS
from yizhan.agency.staff.rights import Right

RosterNumber = Annotated[int, Path(..., ge=1, le=LARGEST, description="名单号 / number of the roster")]
State = Annotated[str, OneOf(tuple(ROSTER_STATES))]
Kind = Annotated[str, OneOf(tuple(KINDS))]
RowState = Annotated[str, OneOf(tuple(ROW_STATES))]
Department = Annotated[str, OneOf(tuple(DEPARTMENTS))]
Identity = Annotated[str, OneOf(tuple(IDENTITIES))]
GapKind = Annotated[str, OneOf(tuple(GAPS))]


class RosterOut(Shape):
    """A roster."""

    number: int
    area: Place
    department: Coded
    kind: Coded
    identities: list[Coded]
    effective_on: date
    document: str
    file_name: str
    state: Coded
    hint: Said = Field(description="接下来由谁做什么 / what is to be done next")
    rows: int
    uploaded_by: str
    uploaded_at: datetime
    decided_by: str | None
    applied_at: datetime | None
    return_why: str
    job: int | None = Field(description="后台任务号 / number of the job that works on it")


class Count(Coded):
    """Rows in one state; `undecided` hold up the review."""

    rows: int
    undecided: int
    taken: int
    left_out: int


class RosterWhole(RosterOut):
    """A roster with what came of reading and comparing it."""

    columns: list[str] = Field(description="文件的表头 / header of the file")
    mapping: dict[str, str] = Field(description="认出的列：字段 → 表头 / columns recognised: field → header")
    problems: list[Told] = Field(description="文件读不了的原因 / why the file could not be read")
    counts: list[Count]


def _roster(row: Roster) -> RosterOut:
    return RosterOut(**_fields(row))


def _fields(row: Roster) -> dict[str, Any]:
    return {
        "number": row.pk, "area": place(row.area), "department": coded(row.department, DEPARTMENTS.get(row.department)),
        "kind": coded(row.kind, KINDS.get(row.kind)), "identities": identities(row.identities), "effective_on": row.effective_on,
        "document": row.document, "file_name": row.file_name, "state": coded(row.state, row.shown_state.words),
        "hint": said(row.shown_state.hint), "rows": row.rows, "uploaded_by": row.uploaded_by.name, "uploaded_at": row.uploaded_at,
        "decided_by": name_of(row.decided_by), "applied_at": row.applied_at, "return_why": row.return_why, "job": row.run_id,
    }  # fmt: skip


def _whole(row: Roster) -> RosterWhole:
    counts = [
        Count(
            code=code, words=said(ROW_STATES[code].words), rows=n["rows"], undecided=n["undecided"], taken=n["taken"], left_out=n["left"]
        )
        for code, n in queries.summary(row).items()
    ]  # fmt: skip
    problems = [Told(code=p.get("code", ""), zh=p.get("zh", ""), en=p.get("en", "")) for p in row.problems]
    return RosterWhole(**_fields(row), columns=row.columns, mapping=row.mapping, problems=problems, counts=counts)


@operation("GET", "rosters", Right.ROSTER_SEE, Rows[RosterOut], said=("名单", "rosters"))
def rosters(
    request: Request,
    page: Query[Paging],
    state: State | None = Query(None),
    department: Department | None = Query(None),
) -> dict[str, object]:
    """The latest first; a department's own to its liaison."""
    found = queries.rosters(request.bearer)
    if state:
        found = found.filter(state=state)
    if department:
        found = found.filter(department=department)
    return by_number(found, page, _roster)


class Sent(Shape):
    """What a list is about."""

    kind: Kind = Field(description="initial 完整名单，monthly 月度变动 / a complete list, or the changes of a month")
    effective_on: Day = Field(description="生效日期，月度变动填 1 日 / holds from; of changes, the first of the month")
    area: str = Field(max_length=12, description="地区代码 / code of the area")
    department: Department = Field(description="认定部门 / department")
    identities: list[Identity] = Field(min_length=1, description="身份类别 / categories")
    document: str = Field("", max_length=120, description="文号 / number of the document")


@operation("POST", "rosters", Right.ROSTER_UPLOAD, {201: RosterWhole}, said=("上传名单", "send a roster"))
def upload(request: Request, sent: Form[Sent], file: UploadedFile = File(..., description=".xlsx, .csv")) -> object:
    """The file becomes a job that reads and compares it; ask for the roster until its state is no longer `reading`."""
    bearer = request.bearer
    area = queries.areas_below(bearer).filter(code=sent.area).first()
    if area is None:
        raise NotFound
    made = actions.upload(
        file.read(), file_name=file.name or "", area=area, department=sent.department, identities=sent.identities, kind=sent.kind,
        effective_on=sent.effective_on, document=sent.document, acting_user=bearer,
    )  # fmt: skip
    return _whole(queries.roster(made.pk, bearer))


class DueOut(Shape):
    """A list that has to come in the month, and the first that came."""

    area: Place
    department: Coded
    identity: Coded
    kind: Coded
    due_on: date
    state: Coded
    roster: int | None
    citation: str


@operation("GET", "rosters/deadlines", Right.ROSTER_SEE, list[DueOut], said=("报送时限", "deadlines"))
def deadlines(
    request: Request,
    month: Day | None = Query(None, description="该月任一天，默认本月 / any day of the month; this one by default"),
) -> list[DueOut]:
    """What is overdue comes first."""
    today = timezone.localdate()
    return [
        DueOut(
            area=place(due.duty.area), department=coded(due.duty.department, DEPARTMENTS.get(due.duty.department)),
            identity=coded(due.duty.identity, IDENTITY_WORDS.get(due.duty.identity)), kind=coded(due.duty.kind, KINDS.get(due.duty.kind)),
            due_on=due.due_on, state=coded(due.state.code, due.state.words), roster=due.roster.pk if due.roster else None,
            citation=due.duty.citation,
        )
        for due in queries.deadlines(request.bearer, month=month or today, today=today)
    ]  # fmt: skip


@operation("GET", "rosters/{number}", Right.ROSTER_SEE, RosterWhole, said=("一份名单", "one roster"))
def roster(request: Request, number: RosterNumber) -> RosterWhole:
    """Its state, what is to be done next, and how many rows are in which state."""
    return _whole(queries.roster(number, request.bearer))


class Columns(Shape):
    """Which column is which."""

    mapping: dict[Annotated[str, OneOf(tuple(FIELDS))], Text] = Field(description="字段 → 表头 / field → header")


@operation(
    "POST", "rosters/{number}/columns", Right.ROSTER_UPLOAD, RosterWhole, said=("确认列", "say which column is which")
)
def confirm_columns(request: Request, number: RosterNumber, asked: Body[Columns]) -> RosterWhole:
    """Where its state is `mapping`. It is remembered for this department and header, and the file is read on."""
    found = queries.roster(number, request.bearer)
    actions.confirm_columns(found, mapping=asked.mapping, acting_user=request.bearer)
    return _whole(queries.roster(number, request.bearer))


@operation("POST", "rosters/{number}/drop", Right.ROSTER_UPLOAD, RosterWhole, said=("作废名单", "drop a roster"))
def drop(request: Request, number: RosterNumber) -> RosterWhole:
    """One that was not applied."""
    actions.drop(queries.roster(number, request.bearer), acting_user=request.bearer)
    return _whole(queries.roster(number, request.bearer))


class RowOut(Shape):
    """A row of the file and what it would change. `row` is null for somebody known whom a complete list lacks."""

    row: int | None
    name: str
    id_mask: str
    identity: Coded
    state: Coded
    change: str
    from_on: date | None
    to_on: date | None
    decision: Coded | None
    note: str
    reasons: list[Told]
    warnings: list[Told]


def _row(row: RosterRow, *, names: bool) -> RowOut:
    def told(found: list[dict[str, object]]) -> list[Told]:
        return [
            Told(code=str(r["code"]), zh=text_of(r, "zh", names=names), en=text_of(r, "en", names=names)) for r in found
        ]

    target = row.target
    return RowOut(
        row=row.number, name=row.name, id_mask=row.id_mask, identity=coded(row.identity, IDENTITY_WORDS.get(row.identity)),
        state=coded(row.state, ROW_STATES[row.state].words if row.state else None), change=row.change,
        from_on=target.lower if target else row.from_on, to_on=last_day(target) if target else row.to_on,
        decision=coded(row.decision, DECISIONS[row.decision]) if row.decision else None, note=row.note, reasons=told(row.reasons),
        warnings=told(row.warnings),
    )  # fmt: skip


@operation("GET", "rosters/{number}/rows", Right.ROSTER_SEE, Rows[RowOut], said=("名单的行", "the rows of a roster"))
def rows(
    request: Request, number: RosterNumber, page: Query[Paging], state: RowState | None = Query(None),
    only: Literal["undecided", "decided"] | None = Query(None),
) -> dict[str, object]:  # fmt: skip
    """With the reason of each that is rejected or contradicts what is known. Counted as rows exported."""
    bearer = request.bearer
    found = queries.rows(queries.roster(number, bearer), state=state or "", only=only or "")
    names = bearer.may(Right.PERSON_SEE)
    return handed_out(request, "roster", by_place(found, page, lambda row: _row(row, names=names)))


@operation(
    "GET", "rosters/{number}/returned", Right.ROSTER_UPLOAD, None, said=("退回的名单", "the rows returned"),
    by={XLSX: {"schema": {"type": "string", "format": "binary"}}},
)  # fmt: skip
def returned(request: Request, number: RosterNumber) -> FileResponse:
    """The rejected and left-out rows as a workbook, with the reason of each and the numbers that the department itself sent."""
    target = io.BytesIO()
    returning.write_returned(queries.roster(number, request.bearer), target, acting_user=request.bearer)
    target.seek(0)
    return FileResponse(target, as_attachment=True, filename=f"roster-{number}-returned.xlsx", content_type=XLSX)


# --- Gaps -------------------------------------------------------------------------------------------------------------


class GapCount(Coded):
    """How many open gaps of a kind there are, how many of them nobody has, and how many are late."""

    advice: Said
    all: int
    nobody: int
    late: int


@operation("GET", "gaps", Right.GAP_SEE, list[GapCount], said=("缺口数量", "gaps, counted"))
def gaps(request: Request) -> list[GapCount]:
    """Every kind, those without any too."""
    counts = queries.gap_counts(request.bearer, timezone.localdate())
    zero = {"all": 0, "nobody": 0, "late": 0}
    return [
        GapCount(
            code=code, words=said(gap.words), advice=said(gap.advice), **{k: counts.get(code, zero)[k] for k in zero}
        )
        for code, gap in GAPS.items()
    ]


class GapOut(Shape):
    """One gap."""

    number: int
    person: Somebody | None
    area: str
    identity: Coded | None
    day: date | None
    found_at: datetime
    due_on: date | None
    responsible: str | None
    note: str
    closed_at: datetime | None
    close_why: str


def _gap(row: GapItem, request: Request) -> GapOut:
    identity, day = row.detail.get("identity"), row.detail.get("day")
    return GapOut(
        number=row.pk, person=somebody(row.person, request.bearer) if row.person else None, area=code_of(row.area_path),
        identity=fact("identity", identity) if identity in IDENTITIES else None, day=date.fromisoformat(day) if day else None,
        found_at=row.found_at, due_on=row.due_on, responsible=name_of(row.responsible), note=row.note, closed_at=row.closed_at,
        close_why=row.close_why,
    )  # fmt: skip


@operation("GET", "gaps/{kind}", Right.GAP_SEE, Rows[GapOut], said=("缺口清单", "gaps of a kind"))
def gap(
    request: Request, kind: Annotated[GapKind, Path(...)], page: Query[Paging],
    whose: Literal["nobody", "late"] | None = Query(None), closed: bool = Query(False),
) -> dict[str, object]:  # fmt: skip
    """What is due first comes first. Counted as rows exported."""
    found = queries.gap_items(request.bearer, kind=kind, whose=whose or "", closed=closed)
    return handed_out(request, "gap", by_place(found, page, lambda row: _gap(row, request)))
