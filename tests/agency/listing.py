"""People and lists for the tests of rosters. All made up."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from yizhan.agency.jobs.worker import work_off
from yizhan.agency.people.bulk import MarkRow, NewPerson, add_marks_in_bulk, register_in_bulk
from yizhan.agency.people.identifiers import read_identifier, synthetic_id
from yizhan.agency.people.models import IdentityMark
from yizhan.agency.rosters import actions, queries
from yizhan.agency.rosters.models import Roster, RosterRow
from yizhan.agency.spreadsheets import Column, Sheet, write_csv, write_xlsx
from yizhan.agency.staff.models import Area, Officer
from yizhan.agency.staff.scope import System, acting

EFFECTIVE = date(2026, 9, 1)
SINCE = date(2025, 1, 1)
HEADER = ("姓名", "身份证号", "起始日期", "截止日期")
EVERYBODY = System("test")


def number_of(k: int) -> str:
    """The synthetic resident ID of person k."""
    return synthetic_id("430302", date(1960, 1, 1) + timedelta(days=k // 400), k % 400 * 2 + 1)


def name_of(k: int) -> str:
    """A name of person k that no other person has."""
    return "周吴郑王冯陈褚卫"[k % 8] + chr(0x4E00 + k // 8 % 4000) + chr(0x5E00 + k // 32_000)


def register(officer: Officer, area: Area, names: Sequence[str], *, first: int = 0) -> list[int]:
    """Register people of these names; their numbers are number_of(first), …"""
    people = []
    for k, name in enumerate(names, start=first):
        identifier = read_identifier("resident_id", number_of(k), date(2026, 1, 1))
        assert identifier.born_on is not None
        people.append(NewPerson(name, identifier, identifier.sex, identifier.born_on, area.path))
    return [pk for pk in register_in_bulk(people, acting_user=officer) if pk is not None]


def mark(
    officer: Officer,
    *people: int,
    identity: str = "subsistence",
    since: date = SINCE,
    until: date | None = None,
    department: str = "civil_affairs",
) -> None:
    """Certify a category for these persons, before any roster."""
    rows = [MarkRow(person, identity, since, until) for person in people]
    add_marks_in_bulk(rows, roster_id=None, department=department, document="民〔2025〕1号", acting_user=officer)


def xlsx(rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> bytes:
    """A workbook with these rows of text."""
    target = io.BytesIO()
    write_xlsx(target, [Sheet("名单", [Column(name) for name in header], rows)])
    return target.getvalue()


def csv(rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> bytes:
    """A CSV file with these rows of text."""
    target = io.BytesIO()
    write_csv(target, header, rows)
    return target.getvalue()


def line(k: int, name: str, first: str = "", last: str = "") -> tuple[str, str, str, str]:
    """A row of a list about person k."""
    return name, number_of(k), first, last


def send(
    officer: Officer, area: Area, rows: Sequence[Sequence[str]], *, header: Sequence[str] = HEADER, kind: str = "initial",
    identities: Sequence[str] = ("subsistence",), department: str = "civil_affairs", effective_on: date = EFFECTIVE, work: bool = True,
) -> Roster:  # fmt: skip
    """Upload a list and let it be compared."""
    roster = actions.upload(
        xlsx(rows, header), file_name="名单.xlsx", area=area, department=department, identities=identities, kind=kind,
        effective_on=effective_on, document="民〔2026〕9号", acting_user=officer,
    )  # fmt: skip
    if work:
        work_off()
    return fresh(roster)


def fresh(roster: Roster) -> Roster:
    """The roster as it is now."""
    with acting(EVERYBODY):
        return Roster.objects.select_related("area").get(pk=roster.pk)


def states(roster: Roster) -> dict[str, int]:
    """Row state → rows."""
    with acting(EVERYBODY):
        return {code: entry["rows"] for code, entry in queries.summary(roster).items()}


def rows_of(roster: Roster, **conditions: object) -> list[RosterRow]:
    """Rows of a roster that meet these conditions."""
    with acting(EVERYBODY):
        return list(
            RosterRow.objects.filter(roster=roster, **conditions).select_related("person").order_by("number", "id")
        )


def codes(row: RosterRow) -> list[str]:
    """The codes of a row's reasons."""
    return [reason["code"] for reason in row.reasons]


def decide(roster: Roster, officer: Officer, decision: str, **conditions: object) -> int:
    """Decide all rows that meet these conditions."""
    with acting(officer):
        rows = RosterRow.objects.filter(roster=roster, **conditions)
        return actions.decide(roster, rows, decision=decision, note="已核实", acting_user=officer)


def apply(roster: Roster, *, maker: Officer, checker: Officer) -> Roster:
    """Send to review, approve, and let it be applied."""
    actions.send_to_review(roster, acting_user=maker)
    actions.approve(roster, acting_user=checker)
    work_off()
    return fresh(roster)


def marks(*people: int, identity: str = "subsistence") -> Mapping[int, list[tuple[date, date | None]]]:
    """What is believed now: person → periods, half-open."""
    found: dict[int, list[tuple[date, date | None]]] = {person: [] for person in people}
    with acting(EVERYBODY):
        for known in IdentityMark.objects.known().filter(person__in=people, identity=identity).order_by("valid"):
            found[known.person_id].append((known.valid.lower, known.valid.upper))
    return found
