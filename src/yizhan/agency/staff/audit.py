"""The record of what was done: one row an act, in the transaction of the act itself.

`record` is called by every action. If its row cannot be written the act fails too, so nobody can act unrecorded. What a
refusal undid is recorded by the page that refused (`staff.pages`).
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from typing import Any

from django.db import models
from django.utils import timezone

from yizhan.agency.desk.logs import masked_text
from yizhan.agency.staff.scope import Actor
from yizhan.agency.statements import prepared

source: ContextVar[str] = ContextVar("source", default="")
"""The network address that the request at hand came from."""


def record(
    act: str,
    on: models.Model | None = None,
    *,
    person_id: int | None = None,
    area_path: str | None = None,
    outcome: str = "done",
    acting_user: Actor,
    **detail: Any,
) -> None:
    """Write one row: who, what, on what, from where. `detail` holds words and numbers, never a full identifier: one that
    somebody typed into a reason or an address is masked.

    `area_path` defaults to that of the object, else to the actor's; it decides who may read the row.
    """
    path = area_path or getattr(on, "area_path", "") or acting_user.area_path
    detail = {**acting_user.means, **detail}
    # Not through the ORM: its `returning id` would be refused for a row that the actor may write but not read.
    with prepared() as cursor:
        cursor.execute(
            "insert into staff_audit (at, officer_id, officer_name, source, act, outcome, object_kind, object_id, person_id,"
            " area_path, detail) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                timezone.now(), acting_user.pk, acting_user.name, source.get(), act, outcome,
                on._meta.model_name if on is not None else "", str(on.pk) if on is not None else "", person_id, path,
                masked_text(json.dumps(detail, ensure_ascii=False, default=str)),
            ],
        )  # fmt: skip
