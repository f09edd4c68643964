"""From a sent file to rows that can be compared: every cell checked by itself, and every reason collected.

A row that cannot be right is rejected with all of its reasons. Whatever can be compared is hashed, masked and sealed
here; no full number is left in the staging table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice
from typing import Any

from django.db import connection

from yizhan.agency import crypto
from yizhan.agency.desk.logs import masked_text
from yizhan.agency.people.identifiers import Identifier, mask_identifier, read_identifier, read_mobile
from yizhan.agency.people.names import normalise_name
from yizhan.agency.people.sealing import ID_NUMBER, number_hashes, stored_phone
from yizhan.agency.rosters.columns import ACTS, CERTIFICATE_WORDS, FIELDS, IDENTITY_WORDS, SEX_WORDS
from yizhan.agency.rosters.models import Roster
from yizhan.agency.rosters.reasons import from_problem
from yizhan.agency.spreadsheets import Table
from yizhan.agency.staff.models import Area
from yizhan.errors import Problem

EARLIEST = date(1990, 1, 1)
"""No certified category of today is older: the minimum living allowance began in the 1990s."""

LATEST_YEARS = 10
_NAME = re.compile(r"[^\W\d_][^\d<>&\"]*")
_LONGEST_NUMBER = 30
_LONGEST = {"name": 60, "document": 120, "address": 200}


@dataclass(frozen=True, slots=True)
class About:
    """What holds for all rows of a roster."""

    identities: Sequence[str]
    kind: str
    effective_on: date
    today: date
    places: Mapping[str, str]
    """Name of each township and village → its area path."""
    divisions: Collection[str] = ()


@dataclass(slots=True)
class Line:
    """One row of a file, read."""

    number: int
    name: str = ""
    id_kind: str = "resident_id"
    value: str = field(default="", repr=False)
    valid_id: bool = False
    sex: str = ""
    born_on: date | None = None
    phone: str = field(default="", repr=False)
    address: str = ""
    place_path: str = ""
    identity: str = ""
    act: str = ""
    from_on: date | None = None
    to_on: date | None = None
    document: str = ""
    reasons: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, code: str, **found: object) -> None:
        """Reject the row, for one reason more."""
        self.reasons.append({"code": code, **_without_numbers(found)})

    def doubt(self, code: str, **found: object) -> None:
        """Let the row pass with a remark."""
        self.warnings.append({"code": code, **_without_numbers(found)})


def _without_numbers(found: Mapping[str, object]) -> dict[str, object]:
    """What was found, masked where it is a certificate's number that stands in the wrong column."""
    return {key: masked_text(value) if isinstance(value, str) else value for key, value in found.items()}


def read_day(text: str) -> date | None:
    """A day as people write it: 2026-09-01, 2026/9/1, 2026年9月1日, 20260901; 2026-09 is the first. None: no day.

    >>> read_day("2026年9月1日"), read_day("20260901"), read_day("2026.9"), read_day("长期")
    (datetime.date(2026, 9, 1), datetime.date(2026, 9, 1), datetime.date(2026, 9, 1), None)
    """
    text = text.strip().split(" ")[0]
    if re.fullmatch(r"[0-9]{8}", text):
        parts = [text[:4], text[4:6], text[6:]]
    else:
        parts = [part for part in re.split(r"[-/.年月日]", text) if part]
    if not 2 <= len(parts) <= 3 or not all(part.isascii() and part.isdigit() for part in parts) or len(parts[0]) != 4:
        return None
    try:
        return date(int(parts[0]), int(parts[1]), int(parts[2]) if len(parts) == 3 else 1)
    except ValueError:
        return None


def read_line(number: int, cells: Mapping[str, str], about: About) -> Line:
    """One row, from field → text. Never raises: what is wrong stands in `reasons`."""
    line = Line(number)
    for code, longest in _LONGEST.items():
        if len(cells.get(code, "")) > longest:
            line.refuse("too_long", field_zh=FIELDS[code].words.zh, field_en=FIELDS[code].words.en)
    _read_name(line, cells)
    _read_number(line, cells, about)
    _read_category(line, cells, about)
    _read_dates(line, cells, about)
    line.document = masked_text(cells.get("document", ""))[:120]
    line.address = masked_text(cells.get("address", ""))[:200]
    if phone := cells.get("phone", ""):
        try:
            line.phone = read_mobile(phone)
        except Problem:
            line.doubt("phone_bad")
    if place := cells.get("place", ""):
        line.place_path = about.places.get(place, "")
        if not line.place_path:
            line.doubt("place_unknown", found=place[:60])
    return line


def _read_name(line: Line, cells: Mapping[str, str]) -> None:
    line.name = masked_text(cells.get("name", ""))[:60]
    if not line.name:
        line.refuse("name_empty")
    elif not _NAME.fullmatch(normalise_name(line.name)):
        line.refuse("name_strange", found=line.name[:20])


def _read_number(line: Line, cells: Mapping[str, str], about: About) -> None:
    kind = cells.get("id_kind", "")
    line.id_kind = CERTIFICATE_WORDS.get(kind, "") if kind else "resident_id"
    line.value = cells.get("id_number", "").strip().upper()
    if not line.id_kind:
        line.id_kind = "other"
        line.refuse("id_kind_unknown", found=kind[:20])
        return
    if not line.value:
        line.refuse("id_empty")
        return
    try:
        read = read_identifier(line.id_kind, line.value, about.today, divisions=about.divisions)
    except Problem as wrong:
        line.reasons.append(from_problem(wrong))
        return
    line.value, line.valid_id = read.value, True
    line.sex, line.born_on = read.sex, read.born_on
    line.warnings += [from_problem(warning) for warning in read.warnings]
    _compare_birth_and_sex(line, cells, read)


def _compare_birth_and_sex(line: Line, cells: Mapping[str, str], read: Identifier) -> None:
    if sex := cells.get("sex", ""):
        found = SEX_WORDS.get(sex.upper(), "")
        if not found:
            line.refuse("sex_unknown", found=sex[:10])
        elif read.sex and found != read.sex:
            line.refuse("sex_differs", found=sex)
        line.sex = read.sex or found
    if text := cells.get("born_on", ""):
        day = read_day(text)
        if day is None:
            line.refuse("date_unreadable", field_zh="出生日期", field_en="date of birth", found=text[:20])
        elif (
            read.born_on
            and day != read.born_on
            and not (day.day == 1 and (day.year, day.month) == (read.born_on.year, read.born_on.month))
        ):
            # 出生年月 gives the month alone, which read_day makes its first day.
            line.refuse("birth_differs", found=day.isoformat())
        line.born_on = read.born_on or day
    if line.born_on is None and not cells.get("born_on"):
        line.refuse("birth_needed")
    if not line.sex and not cells.get("sex"):
        line.refuse("sex_needed")


def _read_category(line: Line, cells: Mapping[str, str], about: About) -> None:
    word = cells.get("identity", "")
    if not word:
        if len(about.identities) == 1:
            line.identity = about.identities[0]
        else:
            line.refuse("identity_empty")
    else:
        line.identity = IDENTITY_WORDS.get(word, "")
        if not line.identity:
            line.refuse("identity_unknown", found=word[:20])
        elif line.identity not in about.identities:
            line.refuse("identity_outside", found=word[:20])
    line.act = "join"
    if about.kind == "monthly":
        word = cells.get("act", "")
        line.act = ACTS.get(word, "")
        if not word:
            line.refuse("act_empty")
        elif not line.act:
            line.refuse("act_unknown", found=word[:20])


_FOREVER = ("长期", "无", "至今", "永久", "-", "—", "/")


def _read_dates(line: Line, cells: Mapping[str, str], about: About) -> None:
    for code in ("from_on", "to_on"):
        text = cells.get(code, "")
        if not text or (code == "to_on" and (text in _FOREVER or text.startswith("9999"))):
            continue
        words = FIELDS[code].words
        day = read_day(text)
        if day is None:
            line.refuse("date_unreadable", field_zh=words.zh, field_en=words.en, found=text[:20])
        elif not EARLIEST <= day <= about.effective_on + timedelta(days=366 * LATEST_YEARS):
            line.refuse("date_implausible", field_zh=words.zh, field_en=words.en, found=day.isoformat())
        else:
            setattr(line, code, day)
    first = line.from_on or (about.effective_on if line.act == "join" and line.to_on is None else None)
    if line.from_on and line.to_on and line.from_on > line.to_on:
        line.refuse("dates_turned", from_on=line.from_on.isoformat(), to_on=line.to_on.isoformat())
    elif line.act == "join" and not line.from_on and line.to_on and line.to_on < about.effective_on:
        line.refuse("dates_turned", from_on=about.effective_on.isoformat(), to_on=line.to_on.isoformat())
    if first and line.born_on and first < line.born_on:
        line.refuse("before_birth", found=first.isoformat())


BATCH = 5_000

COLUMNS = (
    "number", "name", "name_matched", "id_kind", "id_hash", "id_mask", "id_sealed", "sex", "born_on", "phone_sealed", "phone_mask",
    "address", "place_path", "identity", "act", "from_on", "to_on", "document", "valid_id", "state", "reasons", "warnings",
)  # fmt: skip


def copy_rows(lines: Sequence[Line]) -> Iterator[tuple[Any, ...]]:
    """The lines as values of COLUMNS, with numbers hashed and sealed."""
    valid = [Identifier(line.value, line.id_kind) for line in lines if line.valid_id]
    hashes = iter(number_hashes(valid))
    for line in lines:
        number = crypto.seal(line.value[:_LONGEST_NUMBER], purpose=ID_NUMBER) if line.value else ""
        phone = stored_phone(line.phone)
        yield (
            line.number, line.name, normalise_name(line.name), line.id_kind, next(hashes) if line.valid_id else None,
            mask_identifier(line.value[:_LONGEST_NUMBER]), number, line.sex, line.born_on, phone.sealed, phone.mask,
            line.address, line.place_path, line.identity, line.act, line.from_on, line.to_on, line.document,
            line.valid_id, "rejected" if line.reasons else "", json.dumps(line.reasons), json.dumps(line.warnings),
        )  # fmt: skip


def heads(table: Table) -> list[str]:
    """The header as it is kept. Of a list without one it is somebody's row, whose number is masked."""
    return [masked_text(word) for word in table.columns]


def load_rows(roster: Roster, table: Table, *, today: date) -> int:
    """Put the rows of a file into the staging table, those that cannot be right rejected. Returns how many there are.

    COPY goes into a temporary table: into one with row security PostgreSQL refuses it.
    """
    about = about_roster(roster, today)
    words = heads(table)
    places = {code: words.index(column) for code, column in roster.mapping.items()}
    with connection.cursor() as cursor:
        cursor.execute("delete from rosters_rosterrow where roster_id = %s", [roster.pk])
        cursor.execute(
            f"create temp table roster_lines on commit drop as select {', '.join(COLUMNS)} from rosters_rosterrow with no data"
        )
        with cursor.copy(f"copy roster_lines ({', '.join(COLUMNS)}) from stdin") as copy:
            for batch in _batches(table):
                lines = [
                    read_line(number, {code: cells[place] for code, place in places.items()}, about)
                    for number, cells in batch
                ]
                for values in copy_rows(lines):
                    copy.write_row(values)
        cursor.execute("analyze roster_lines")
        cursor.execute(
            f"""
            insert into rosters_rosterrow ({", ".join(COLUMNS)}, roster_id, area_path, department, change, basis, candidates, needs,
                                           decision, note)
            select {", ".join(f"l.{c}" for c in COLUMNS if c not in ("state", "reasons", "warnings"))},
                   case when l.number > d.first then 'rejected' else l.state end,
                   case when l.number > d.first then l.reasons || jsonb_build_array(jsonb_build_object('code', 'duplicate', 'other', d.first))
                        else l.reasons end,
                   l.warnings, %s, %s, %s, 'none', '{{}}', '[]', false, '', ''
            from roster_lines l
            left join (select number, min(number) over (partition by id_hash, identity) as first from roster_lines
                       where valid_id and identity <> '') d on d.number = l.number
            order by l.number
            """,
            [roster.pk, roster.area_path, roster.department],
        )
        count = cursor.rowcount
        cursor.execute("drop table roster_lines")
    return count


def about_roster(roster: Roster, today: date) -> About:
    """What holds for all rows: its categories, its day, the places in its area."""
    inside = Area.objects.filter(path__gte=roster.area_path, path__lt=roster.area_path + "~")
    places = {area.name: area.path for area in inside}
    return About(roster.identities, roster.kind, roster.effective_on, today, places)


def _batches(table: Table) -> Iterator[list[tuple[int, tuple[str, ...]]]]:
    rows = iter(table.rows)
    while batch := list(islice(rows, BATCH)):
        yield batch
