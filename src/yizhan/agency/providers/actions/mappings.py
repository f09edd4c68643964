"""Every write about mappings: a hospital proposes them, the bureau decides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import QuerySet
from django.utils import timezone

from yizhan.agency.providers import queries
from yizhan.agency.providers.columns import MAPPING_COLUMNS, places
from yizhan.agency.providers.errors import (
    CellWrong,
    CodeTwice,
    EventOutside,
    FileEmpty,
    MappingNotOpen,
    MappingReplacesAll,
    NationalCodeUnknown,
    NothingSelected,
    NotOfInstitution,
    ReasonMissing,
    TooManyMappings,
)
from yizhan.agency.providers.models import Mapping
from yizhan.agency.providers.reading import listed
from yizhan.agency.spreadsheets import Table
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, SamePerson
from yizhan.agency.staff.models import Institution, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand, institution_of, officer_of
from yizhan.errors import Problem, Problems

MOST_ROWS = 20_000
"""Mappings of one file; more than a large hospital has items."""

_DAY = timedelta(days=1)
_LONGEST = {"code": 50, "name": 200, "unit": 30, "national_code": 30}
_DATE = re.compile(r"([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})日?")


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a hospital says of one of its items. `row` is the row of the file; `last` the last day, None is open."""

    code: str
    name: str
    unit: str
    national_code: str
    first: date
    last: date | None = None
    row: int = 1


def propose_file(table: Table, *, acting_user: Officer) -> int:
    """Propose the mappings of a file. Returns how many. Raises NotAllowed, Problems: all that is wrong with the file."""
    demand(acting_user, Right.MAPPING_EDIT)
    if not len(table.rows):
        raise Problems([FileEmpty()])
    if len(table.rows) > MOST_ROWS:
        raise Problems([TooManyMappings(most=MOST_ROWS, found=len(table.rows))])
    where = places(table.columns, MAPPING_COLUMNS)
    problems: list[Problem] = []
    proposals = []
    for number, cells in table.rows:
        text = {code: cells[place].strip() for code, place in where.items()}
        before = len(problems)
        first, last = (_day(number, code, text.get(code, ""), problems) for code in ("first", "last"))
        if len(problems) == before and first is not None:
            proposals.append(
                Proposal(text["code"], text["name"], text.get("unit", ""), text["national_code"], first, last, number)
            )
    return propose(proposals, problems=problems, acting_user=acting_user)


def propose(proposals: Sequence[Proposal], *, problems: Sequence[Problem] = (), acting_user: Actor) -> int:
    """Send mappings in for the institution of who acts. One that waits for the same item is replaced. Returns how many.

    Raises NotAllowed, Problems (NotOfInstitution, CellWrong, CodeTwice, NationalCodeUnknown; and `problems`, found before).
    """
    demand(acting_user, Right.MAPPING_EDIT)
    own = institution_of(acting_user)
    if own is None:
        raise Problems([NotOfInstitution()])
    with acting(acting_user):
        # One at a time: of two files with the same item, the later replaces the earlier.
        institution = Institution.objects.select_for_update().get(pk=own)
        found = [*problems, *_faults(proposals, institution)]
        if found:
            raise Problems(listed(found))
        waiting = Mapping.objects.filter(institution=own, state="proposed", code__in=[p.code for p in proposals])
        waiting.update(state="withdrawn")
        Mapping.objects.bulk_create(
            [
                Mapping(
                    institution=institution, area_path=institution.area_path, code=p.code, name=p.name, unit=p.unit,
                    national_code=p.national_code, valid=DateRange(p.first, p.last + _DAY if p.last else None),
                    proposed_by=officer_of(acting_user),
                )
                for p in proposals
            ],
            batch_size=2000,
        )  # fmt: skip
        record(
            "mapping.propose",
            institution,
            count=len(proposals),
            area_path=institution.area_path,
            acting_user=acting_user,
        )
    return len(proposals)


def withdraw(codes: Sequence[str], *, acting_user: Actor) -> list[str]:
    """Take back what the institution has sent in and nobody has decided. Returns the codes of which nothing waited.

    Raises NotAllowed, Problems (NotOfInstitution).
    """
    demand(acting_user, Right.MAPPING_EDIT)
    own = institution_of(acting_user)
    if own is None:
        raise Problems([NotOfInstitution()])
    with acting(acting_user):
        waiting = Mapping.objects.select_for_update().filter(institution=own, state="proposed", code__in=codes)
        found = {mapping.pk: mapping.code for mapping in waiting}
        Mapping.objects.filter(pk__in=found).update(state="withdrawn")
        record("mapping.withdraw", count=len(found), mappings=list(found)[:100], acting_user=acting_user)
    return [code for code in codes if code not in found.values()]


def _day(number: int, code: str, text: str, problems: list[Problem]) -> date | None:
    words = MAPPING_COLUMNS[code].words
    if not text:
        if code == "first":
            problems.append(_cell(number, code, "不能空着", "may not be empty"))
        return None
    if found := _DATE.fullmatch(text.split(" ", maxsplit=1)[0]):
        try:
            return date(*map(int, found.groups()))
        except ValueError:
            pass
    problems.append(
        CellWrong(
            row=number, column_zh=words.zh, column_en=words.en, why_zh=f"“{text}”不是日期，请写成2026-01-01",
            why_en=f"“{text}” is no day; write it as 2026-01-01",
        )
    )  # fmt: skip
    return None


def _cell(number: int, code: str, why_zh: str, why_en: str) -> CellWrong:
    words = MAPPING_COLUMNS[code].words
    return CellWrong(row=number, column_zh=words.zh, column_en=words.en, why_zh=why_zh, why_en=why_en)


def _faults(proposals: Sequence[Proposal], institution: Institution) -> list[Problem]:
    """All that is wrong with proposals that could be read."""
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    known = queries.known_codes(
        institution.area_path, [p.national_code for p in proposals], [p.first for p in proposals]
    )
    for p in proposals:
        for code, longest in _LONGEST.items():
            text = getattr(p, code)
            if not text and code != "unit":
                problems.append(_cell(p.row, code, "不能空着", "may not be empty"))
            elif len(text) > longest:
                problems.append(_cell(p.row, code, f"超过{longest}个字", f"more than {longest} characters"))
        if p.last is not None and p.last < p.first:
            problems.append(_cell(p.row, "last", "早于起始日期", "before the first day"))
        if (other := seen.setdefault(p.code, p.row)) != p.row:
            problems.append(CodeTwice(row=p.row, found=p.code, other=other))
        if p.national_code and (p.national_code, p.first) not in known:
            problems.append(NationalCodeUnknown(row=p.row, found=p.national_code, on=p.first))
    return problems


def approve(chosen: QuerySet[Mapping], *, acting_user: Officer) -> int:
    """Approve mappings that wait; an older one of the same item ends the day before. Returns how many.

    Raises NotAllowed, Problems (NothingSelected, MappingNotOpen, SamePerson, MappingReplacesAll).
    """
    demand(acting_user, Right.MAPPING_REVIEW)
    with acting(acting_user):
        waiting = _waiting(chosen, acting_user)
        _end_older([mapping.pk for mapping in waiting])
        _decide(waiting, "approved", "", acting_user)
        record("mapping.approve", count=len(waiting), mappings=[m.pk for m in waiting[:100]], acting_user=acting_user)
    return len(waiting)


def reject(chosen: QuerySet[Mapping], *, why: str, acting_user: Officer) -> int:
    """Send mappings back to the hospital. Returns how many. Raises NotAllowed, Problems (ReasonMissing and as `approve`)."""
    demand(acting_user, Right.MAPPING_REVIEW)
    if not why.strip():
        raise Problems([ReasonMissing()])
    with acting(acting_user):
        waiting = _waiting(chosen, acting_user)
        _decide(waiting, "rejected", why.strip()[:300], acting_user)
        record(
            "mapping.reject",
            count=len(waiting),
            why=why.strip()[:300],
            mappings=[m.pk for m in waiting[:100]],
            acting_user=acting_user,
        )
    return len(waiting)


def end(mapping: Mapping, *, last: date, why: str, acting_user: Officer) -> None:
    """Let an approved mapping end after its last day; a last day before its first withdraws it altogether.

    Raises NotAllowed, NotFound, Problems (ReasonMissing, EventOutside, MappingNotOpen).
    """
    demand(acting_user, Right.MAPPING_REVIEW)
    with acting(acting_user):
        found = Mapping.objects.select_for_update().filter(pk=mapping.pk).first()
        if found is None:
            raise NotFound
        problems: list[Problem] = [] if why.strip() else [ReasonMissing()]
        if found.state != "approved":
            problems.append(MappingNotOpen())
        elif found.last_day is not None and last > found.last_day:
            problems.append(EventOutside(on=last, first=found.valid.lower, last=found.last_day))
        if problems:
            raise Problems(problems)
        if last < found.valid.lower:
            found.state = "withdrawn"
        else:
            found.valid = DateRange(found.valid.lower, last + _DAY)
        found.decided_why = why.strip()[:300]
        found.save(update_fields=["state", "valid", "decided_why"])
        record("mapping.end", found, last=last, why=found.decided_why, acting_user=acting_user)


def _waiting(chosen: QuerySet[Mapping], acting_user: Officer) -> list[Mapping]:
    found = list(chosen.select_related(None).order_by("id").select_for_update())
    if not found:
        raise Problems([NothingSelected()])
    if any(mapping.state != "proposed" for mapping in found):
        raise Problems([MappingNotOpen()])
    if any(mapping.proposed_by_id == acting_user.pk for mapping in found):
        raise Problems([SamePerson()])
    return found


def _end_older(numbers: Sequence[int]) -> None:
    """Shorten the approved mappings that these replace. Raises Problems: one would be left with no day at all."""
    overlapping = (
        "from providers_mapping n where n.id = any(%s) and o.state = 'approved' and o.institution_id = n.institution_id"
        " and o.code = n.code and o.valid && n.valid"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "select n.code, n.name, lower(o.valid), lower(n.valid) from providers_mapping o, providers_mapping n"
            f" {overlapping.removeprefix('from providers_mapping n')} and lower(n.valid) <= lower(o.valid) order by n.code limit 100",
            [list(numbers)],
        )
        problems = [
            MappingReplacesAll(found=code, item=name, first=first, from_on=from_on)
            for code, name, first, from_on in cursor.fetchall()
        ]
        if problems:
            raise Problems(problems)
        cursor.execute(
            f"update providers_mapping o set valid = daterange(lower(o.valid), lower(n.valid)) {overlapping}",
            [list(numbers)],
        )


def _decide(waiting: Sequence[Mapping], state: str, why: str, acting_user: Officer) -> None:
    Mapping.objects.filter(pk__in=[mapping.pk for mapping in waiting]).update(
        state=state, decided_by=acting_user, decided_at=timezone.now(), decided_why=why
    )
