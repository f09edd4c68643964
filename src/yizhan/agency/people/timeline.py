"""The picture of a person's identities over time: where each bar stands, computed here and drawn by a template.

    lane  低保      ████████████▶        what is believed
                    ▒▒▒▒▒▒▒▒▒▒▒▒▒▒       what was believed and has been withdrawn, hatched, below it

Days become whole units of the picture. Nothing is drawn here, so that no name or document can turn into markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from yizhan.agency.desk.words import Words
from yizhan.agency.people.models import IDENTITY_WORDS, IdentityMark

WIDTH = 960
LABELS = 176
"""Units on the left for the names of the categories."""
TOP, BAR, THIN, GAP = 24, 16, 9, 6
MOST_THIN = 5
"""Rows of withdrawn beliefs in a lane; older ones stand in the table below the picture only."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A mark. `open` has no last day."""

    mark: IdentityMark
    x: int
    y: int
    width: int
    height: int
    known: bool
    open: bool

    @property
    def arrow(self) -> str:
        """Points of the arrow at the right end of an open bar."""
        right, middle = self.x + self.width, self.y + self.height // 2
        return f"{right},{self.y} {right + 8},{middle} {right},{self.y + self.height}"


@dataclass(frozen=True, slots=True)
class Lane:
    """A category: its words, where they stand, and where the lane ends."""

    words: Words
    y: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Tick:
    """The first day of a year."""

    x: int
    year: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All that a template needs to draw."""

    lanes: tuple[Lane, ...]
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    day_x: int
    height: int
    hidden: int
    width: int = WIDTH
    labels: int = LABELS


def picture(marks: Sequence[IdentityMark], day: date, known_at: datetime | None) -> Picture | None:
    """Marks (in lanes by category, as `queries.marks_of` sorts them) as known at an instant, with a line at `day`.

    None where there is nothing to draw.
    """
    if known_at is not None:
        marks = [mark for mark in marks if mark.recorded_at <= known_at]
    if not marks:
        return None
    first = date(min(day, *(mark.valid.lower for mark in marks)).year, 1, 1)
    ends = [mark.valid.upper or mark.valid.lower for mark in marks]
    last = date(max(day + timedelta(days=60), *ends).year + 1, 1, 1)
    span, room = (last - first).days, WIDTH - LABELS - 14

    def x_of(when: date) -> int:
        return LABELS + (min(max(when, first), last) - first).days * room // span

    lanes: list[Lane] = []
    bars: list[Bar] = []
    hidden, y = 0, TOP
    for identity in dict.fromkeys(mark.identity for mark in marks):
        own = [mark for mark in marks if mark.identity == identity]
        known = [mark for mark in own if _known(mark, known_at)]
        rows = _stacked([mark for mark in own if not _known(mark, known_at)])
        hidden += sum(map(len, rows[MOST_THIN:]))
        places = [(mark, y, BAR, True) for mark in known]
        for number, row in enumerate(rows[:MOST_THIN]):
            places += [(mark, y + BAR + 3 + number * (THIN + 2), THIN, False) for mark in row]
        for mark, top, height, is_known in places:
            x, right = x_of(mark.valid.lower), x_of(mark.valid.upper or last)
            bars.append(Bar(mark, x, top, max(right - x, 2), height, is_known, mark.valid.upper is None))
        bottom = y + BAR + min(len(rows), MOST_THIN) * (THIN + 2) + GAP
        lanes.append(Lane(IDENTITY_WORDS[identity], y + 12, bottom))
        y = bottom + GAP
    years = last.year - first.year
    step = 1 + years // 14
    ticks = tuple(Tick(x_of(date(year, 1, 1)), year) for year in range(first.year, last.year, step))
    return Picture(tuple(lanes), tuple(bars), ticks, x_of(day), y, hidden)


def _known(mark: IdentityMark, at: datetime | None) -> bool:
    return mark.withdrawn_at is None or (at is not None and mark.withdrawn_at > at)


def _stacked(marks: Sequence[IdentityMark]) -> list[list[IdentityMark]]:
    """Marks in rows so that none covers another; the one withdrawn last stands in the first row."""
    rows: list[list[IdentityMark]] = []
    for mark in sorted(marks, key=lambda m: (m.withdrawn_at, m.pk), reverse=True):
        for row in rows:
            if not any(_overlap(mark, other) for other in row):
                row.append(mark)
                break
        else:
            rows.append([mark])
    return rows


def _overlap(one: IdentityMark, other: IdentityMark) -> bool:
    ends_before = one.valid.upper is not None and one.valid.upper <= other.valid.lower
    begins_after = other.valid.upper is not None and other.valid.upper <= one.valid.lower
    return not (ends_before or begins_after)
