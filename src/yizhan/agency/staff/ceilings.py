"""How much a rightful officer may look at in a day, so that nobody carries the register home page by page.

A query or action calls `use` before it shows what is counted. Beyond the ceiling it refuses and raises an alarm in the
audit trail; a reviewer or the security administrator may grant more for the day.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from yizhan.agency.desk.words import Words
from yizhan.agency.staff.errors import OverCeiling
from yizhan.agency.staff.models import DailyUse, Officer
from yizhan.agency.staff.scope import Actor


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What is counted, and how much of it a day holds."""

    words: Words
    most: int


CEILINGS = {
    "unmask": Ceiling(Words("查看完整号码", "full numbers seen"), 200),
    "person_page": Ceiling(Words("打开人员页面", "pages of persons opened"), 1_000),
    "bill_page": Ceiling(Words("打开就诊和账单页面", "pages of visits and bills opened"), 3_000),
    "look_up": Ceiling(Words("核对身份", "persons checked"), 1_000),
    "export_rows": Ceiling(Words("导出行数", "rows exported"), 50_000),
    # A city's whole list in a day is rightful work: this one is there to be seen, and to stop what is beyond all work.
    "tax_rows": Ceiling(Words("交税务的名单行数", "rows handed to the tax office"), 2_000_000),
}
"""By kind; a bureau that needs others changes them here and says so in its own security page."""


def use(kind: str, count: int = 1, *, acting_user: Actor) -> None:
    """Count what an officer is about to see. `count` is of the ceiling's own things: numbers, pages, rows.

    The platform itself is not counted. Raises OverCeiling: nothing was counted. The page that refuses records it, as every
    refusal; `alarms` finds such rows by their code.
    """
    if not isinstance(acting_user, Officer):
        return
    ceiling = CEILINGS[kind]
    with transaction.atomic():
        row = count_of(acting_user, kind)
        most = ceiling.most + row.granted
        if row.used + count > most:
            raise OverCeiling(what_zh=ceiling.words.zh, what_en=ceiling.words.en, used=row.used, most=most, asked=count)
        row.used += count
        row.save(update_fields=["used"])


def used_today(officer: Officer) -> dict[str, tuple[int, int]]:
    """Kind → (used, ceiling with what was granted)."""
    rows = {row.kind: row for row in DailyUse.objects.filter(officer=officer, day=timezone.localdate())}
    return {
        kind: (rows[kind].used, ceiling.most + rows[kind].granted) if kind in rows else (0, ceiling.most)
        for kind, ceiling in CEILINGS.items()
    }


def count_of(officer: Officer, kind: str) -> DailyUse:
    """Today's count, locked for a change."""
    day = timezone.localdate()
    DailyUse.objects.bulk_create([DailyUse(officer=officer, kind=kind, day=day)], ignore_conflicts=True)
    return DailyUse.objects.select_for_update().get(officer=officer, kind=kind, day=day)
