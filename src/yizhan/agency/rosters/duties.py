"""Until when which department has to send which list, and whether it did.

The days come from the law and stand in `RosterDuty`, which officers keep. `KNOWN` are the days that a shipped policy
document prints; an area takes them over with their citation.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from yizhan.agency.desk.words import Words
from yizhan.agency.rosters.models import Roster, RosterDuty
from yizhan.agency.rosters.states import State


@dataclass(frozen=True, slots=True)
class KnownDays:
    """What an article says about rosters. A monthly list without a printed day is due by the end of its month, which is a reading."""

    citation: str
    from_on: date
    departments: Mapping[str, tuple[str, ...]]
    month: int
    day: int
    monthly_day: int
    note: Words


KNOWN: Mapping[str, KnownDays] = {
    "430300": KnownDays(
        "潭医保发〔2021〕26号 三（一）",
        date(2021, 10, 1),
        {
            "civil_affairs": ("extremely_poor", "subsistence", "orphan", "unsupported_child"),
            "disabled_federation": ("severely_disabled",),
            "rural_revitalisation": ("returned_to_poverty", "monitored", "unstable_lifted", "marginal_prone", "sudden_hardship"),
        },
        9, 10, 31,
        Words(
            "9月10日前移交第一批名单，以后每月报变化；每月几日条文没有印，按月末。文件有效期到2026年10月1日，续发后请核对。",
            "first lists by 10 September, changes every month; the article prints no day of the month, read as its end. Valid until 1 October 2026; check the document that renews it.",
        ),
    )
}  # fmt: skip
"""Area code → the days that its document prints."""

DUE_STATES = {
    "on_time": State("on_time", Words("按时", "on time"), "good"),
    "late": State("late", Words("迟报", "late"), "wait"),
    "overdue": State("overdue", Words("逾期未报", "overdue"), "bad"),
    "soon": State("soon", Words("将到期", "due soon"), "wait"),
    "waiting": State("waiting", Words("未到期", "not due yet"), "plain"),
}
SOON = timedelta(days=10)
_BEFORE, _AFTER = timedelta(days=92), timedelta(days=273)
"""A yearly list sent in the quarter before its day, or in the three after it, is the one of that year."""


@dataclass(frozen=True, slots=True)
class Due:
    """One list that has to come, and the first roster that came."""

    duty: RosterDuty
    due_on: date
    roster: Roster | None
    state: State


def day_in(year: int, month: int, day: int) -> date:
    """This day of the month, or its last one."""
    return date(year, month, min(day, monthrange(year, month)[1]))


def due_on(duty: RosterDuty, month: date) -> date | None:
    """The day on which the duty falls due in the month; a yearly one in the year of that month. None: it did not hold."""
    day = day_in(month.year, duty.due_month or month.month, duty.due_day)
    return day if duty.from_on <= day and (duty.to_on is None or day <= duty.to_on) else None


def answers(roster: Roster, duty: RosterDuty, day: date) -> bool:
    """Whether this roster is what the duty asked for by that day."""
    if (roster.area_id, roster.department, roster.kind) != (duty.area_id, duty.department, duty.kind):
        return False
    if duty.identity not in roster.identities:
        return False
    if duty.kind == "monthly":
        return (roster.effective_on.year, roster.effective_on.month) == (day.year, day.month)
    return day - _BEFORE <= roster.uploaded_at.date() < day + _AFTER


def judge(day: date, received: date | None, today: date) -> State:
    """How a duty stands."""
    if received is not None:
        return DUE_STATES["on_time" if received <= day else "late"]
    if today > day:
        return DUE_STATES["overdue"]
    return DUE_STATES["soon" if day - today <= SOON else "waiting"]


def board(duties: Iterable[RosterDuty], rosters: Iterable[Roster], *, month: date, today: date) -> list[Due]:
    """What was due in a month, or in its year, with the first roster that came for it; what is overdue comes first."""
    sent = list(rosters)
    rows = []
    for duty in duties:
        day = due_on(duty, month)
        if day is None:
            continue
        first = next((roster for roster in sent if answers(roster, duty, day)), None)
        rows.append(Due(duty, day, first, judge(day, first.uploaded_at.date() if first else None, today)))
    order = list(DUE_STATES)
    return sorted(
        rows,
        key=lambda row: (row.state.code != "overdue", row.due_on, row.duty.department, order.index(row.state.code)),
    )
