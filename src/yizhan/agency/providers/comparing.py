"""What a catalogue version changes against the one in force before it: counted once, and listed in pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection

from yizhan.agency.providers import queries
from yizhan.agency.providers.kinds import CHANGES
from yizhan.agency.providers.models import Version

_TELLS = (
    "payment_class",
    "first_pay",
    "limits",
    "name",
    "spec",
    "unit",
    "restriction",
    "negotiated",
    "rehabilitation",
    "fee",
    "charge",
)

# In class C the ratio says nothing of its own: it follows from the class.
_IS = {
    "added": "o.id is null",
    "removed": "n.id is null",
    "class": "o.payment_class <> n.payment_class",
    "ratio": "o.first_pay <> n.first_pay and o.payment_class = n.payment_class",
    "limit": "o.limits <> n.limits",
    "other": "(o.name, o.spec, o.unit, o.restriction, o.negotiated, o.rehabilitation, o.fee, o.charge) is distinct from"
    " (n.name, n.spec, n.unit, n.restriction, n.negotiated, n.rehabilitation, n.fee, n.charge) and o.id is not null and n.id is not null",
}
assert tuple(_IS) == tuple(CHANGES)

_BOTH = (
    "(select * from providers_item where version_id = %s) o full join (select * from providers_item where version_id = %s) n"
    " on n.code = o.code"
)

MANY_PERCENT = 20
"""A complete catalogue that lacks so many items of the one before it may be only a part of one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An item as it was and as it is to be; None where there is none."""

    code: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def base_of(version: Version) -> Version | None:
    """The version that this one follows: the one in force on the day before its first, in its area or above."""
    return queries.in_force(version.area_path, version.kind, version.from_on - timedelta(days=1))


def count_changes(version: Version, base: Version | None) -> dict[str, int]:
    """Change → items."""
    sums = ", ".join(f"count(*) filter (where {condition})" for condition in _IS.values())
    with connection.cursor() as cursor:
        # Without figures of the rows just loaded PostgreSQL would join them one by one.
        cursor.execute("set local enable_nestloop = off; set local jit = off")
        cursor.execute(f"select {sums} from {_BOTH}", [base.pk if base else None, version.pk])
        row = cursor.fetchone()
        cursor.execute("set local enable_nestloop = on")
    return dict(zip(_IS, row, strict=True))


def differences(version: Version, change: str, *, first: int, most: int) -> list[Difference]:
    """Items under a change (a key of CHANGES), by code, from place `first`."""
    old, new = (", ".join(f"{side}.{name}" for name in _TELLS) for side in ("o", "n"))
    with connection.cursor() as cursor:
        cursor.execute("set local enable_nestloop = off; set local jit = off")
        cursor.execute(
            f"select coalesce(n.code, o.code), o.id, n.id, {old}, {new} from {_BOTH} where {_IS[change]}"
            " order by coalesce(n.code, o.code) limit %s offset %s",
            [version.compared_with_id, version.pk, most, first],
        )
        rows = cursor.fetchall()
        cursor.execute("set local enable_nestloop = on")
    return [
        Difference(row[0], _item(row[1], row[3 : 3 + len(_TELLS)]), _item(row[2], row[3 + len(_TELLS) :]))
        for row in rows
    ]


def _item(number: int | None, values: Sequence[Any]) -> dict[str, Any] | None:
    if number is None:
        return None
    found = dict(zip(_TELLS, values, strict=True))
    # Django's connection hands JSON over as text.
    return found | {"limits": json.loads(found["limits"])}


def removes_many(version: Version, base_rows: int) -> int:
    """Percent of the items before that this version lacks, where that is suspiciously many; else 0."""
    share = version.counts.get("removed", 0) * 100 // base_rows if base_rows else 0
    return share if share >= MANY_PERCENT else 0
