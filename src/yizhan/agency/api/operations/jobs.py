"""Background jobs: how far they are, and the file that one made."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Annotated

from django.http import FileResponse
from ninja import Field, Path, Query

from yizhan.agency.api.door import Request
from yizhan.agency.api.service import operation
from yizhan.agency.api.shapes import LARGEST, Coded, Paging, Rows, Said, Shape, Told, by_number, coded, name_of
from yizhan.agency.jobs import queries
from yizhan.agency.jobs.models import Run
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.rights import Right

JobNumber = Annotated[int, Path(..., ge=1, le=LARGEST, description="任务号 / number of the job")]


class JobOut(Shape):
    """A job."""

    number: int
    kind: str
    title: Said
    state: Coded
    percent: int
    started_by: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    problems: list[Told]
    file_name: str = Field(description="空：没有文件 / empty: it made none")


def _job(row: Run) -> JobOut:
    return JobOut(
        number=row.pk, kind=row.kind, title=Said(zh=row.title_zh, en=row.title_en), state=coded(row.state, row.shown_state.words),
        percent=row.percent, started_by=name_of(row.officer), created_at=row.created_at, started_at=row.started_at, ended_at=row.ended_at,
        problems=[Told(code=p.get("code", ""), zh=p.get("zh", ""), en=p.get("en", "")) for p in row.problems], file_name=row.file_name,
    )  # fmt: skip


@operation("GET", "jobs", Right.JOB_SEE, Rows[JobOut], said=("后台任务", "jobs"))
def jobs(request: Request, page: Query[Paging]) -> dict[str, object]:
    """The latest first."""
    return by_number(queries.runs(), page, _job)


@operation("GET", "jobs/{number}", Right.JOB_SEE, JobOut, said=("一个任务", "one job"))
def job(request: Request, number: JobNumber) -> JobOut:
    """State and progress."""
    return _job(queries.run(number))


@operation(
    "GET", "jobs/{number}/file", Right.JOB_SEE, None, said=("任务的文件", "the file of a job"),
    by={"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
)  # fmt: skip
def file(request: Request, number: JobNumber) -> FileResponse:
    """Only for whose officer started it."""
    found, content = queries.file_of(number, request.bearer)
    record("run.download", found, file=found.file_name, acting_user=request.bearer)
    return FileResponse(
        io.BytesIO(content),
        as_attachment=True,
        filename=found.file_name or "result",
        content_type="application/octet-stream",
    )
