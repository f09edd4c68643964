"""The audit trail, for a bureau's own collection of logs: sealed rows, each once, in an order to which only is added."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from ninja import Field, Query

from yizhan.agency.api.door import Request
from yizhan.agency.api.service import operation
from yizhan.agency.api.shapes import MOST_ROWS, Said, Shape
from yizhan.agency.staff.acts import said_of
from yizhan.agency.staff.queries import sealed_since
from yizhan.agency.staff.rights import Right

Cursor = Annotated[
    str,
    Query(
        pattern=r"^[0-9]{1,18}(\.[0-9]{1,18})?$",
        description="上一页回答里的 next；从头取写 0 / `next` of the answer before; 0 for the beginning",
    ),
]


class ActOut(Shape):
    """One act, done or refused; `seal` and `digest` are those by which `./yizhan audit verify` proves the row."""

    number: int
    at: datetime
    officer: str
    source: str
    act: str
    words: Said
    outcome: str
    object_kind: str
    object: str
    person: str | None = Field(description="人员编号 / person number")
    area_path: str
    detail: dict[str, Any]
    seal: int
    digest: str


class Acts(Shape):
    """Acts in their order. `next` goes on after them, now or when more are sealed; `more` says whether there are more now."""

    items: list[ActOut]
    next: str
    more: bool


@operation("GET", "audit", Right.AUDIT_SEE, Acts, said=("审计日志", "audit trail"))
def audit(request: Request, since: Cursor = "0", size: int = Query(200, ge=1, le=MOST_ROWS)) -> Acts:
    """What was sealed after `since`. Rows appear once they are sealed, some moments after the act; none is left out or told twice."""
    seal, _, row = since.partition(".")
    found = sealed_since(request.bearer, seal=int(seal), row=int(row or 0), most=size + 1)
    shown = found[:size]
    items = [
        ActOut(
            number=a.pk, at=a.at, officer=a.officer_name, source=a.source, act=a.act, words=Said(zh=said_of(a.act).zh, en=said_of(a.act).en),
            outcome=a.outcome, object_kind=a.object_kind, object=a.object_id, person=f"{a.person_id:010d}" if a.person_id else None,
            area_path=a.area_path, detail=a.detail, seal=leaf.seal.number, digest=bytes(leaf.digest).hex(),
        )
        for a, leaf in shown
    ]  # fmt: skip
    return Acts(items=items, next=f"{items[-1].seal}.{items[-1].number}" if items else since, more=len(found) > size)
