"""Marks and persons by the hundred thousand: what applying a roster does, in a few statements.

Each function locks the persons it is about in the order of their numbers, looks at what is known after that, and writes
what is still missing. So of two rosters that overlap, applied at once, the second waits and then adds to the first: no
change is lost and no mark is doubled. Persons who were merged since the roster was compared stand for the one who was
kept. Persons out of the actor's scope are passed over and named in the answer; the caller decides what that means.

Rights are not asked here: they are those of the caller's act (to apply a roster). Every call writes one audit row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from yizhan.agency.people.identifiers import Identifier
from yizhan.agency.people.names import normalise_name, pinyin_initials, pinyin_key
from yizhan.agency.people.sealing import number_hashes, stored_number, stored_phone
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.scope import Actor, acting

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MarkRow:
    """A mark to add: first and last day; no last day means until further notice."""

    person_id: int
    identity: str
    first_day: date
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class EndRow:
    """Marks to end: the last day on which the person belongs to the category."""

    person_id: int
    identity: str
    last_day: date


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody to register. `area_path` is that of the township or county responsible."""

    name: str
    identifier: Identifier
    sex: str
    born_on: date
    area_path: str
    phone: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done: marks written and withdrawn, and the persons that were not found."""

    added: int = 0
    withdrawn: int = 0
    absent: tuple[int, ...] = ()


def add_marks_in_bulk(
    rows: Iterable[MarkRow], *, roster_id: int | None, department: str, document: str = "", acting_user: Actor
) -> Applied:
    """Add marks, leaving out the days on which the person is known to have the mark already.

    `department` certifies, `document` is its number. What is known stays as it is, so that nothing is withdrawn; a mark
    that lasts longer than the known one is added for the further days.
    """
    staged = (
        (row.person_id, row.identity, row.first_day, row.last_day + DAY if row.last_day else None) for row in rows
    )
    with acting(acting_user), _staged(staged) as absent:
        now = _now()
        added = _run(
            """
            insert into people_identitymark (person_id, area_path, identity, valid, certified_by, document, roster_id,
                                             recorded_at, recorded_by_id, withdrawn_why)
            select wanted.person_id, p.area_path, wanted.identity, piece, %s, %s, %s, %s, %s, ''
            from (select person_id, identity, range_agg(daterange(first_day, until)) as days from staged
                  group by person_id, identity) wanted
            join people_person p on p.id = wanted.person_id
            left join (select m.person_id, m.identity, range_agg(m.valid) as days from people_identitymark m
                       where m.withdrawn_at is null and m.person_id in (select person_id from staged)
                       group by m.person_id, m.identity) held
                 on held.person_id = wanted.person_id and held.identity = wanted.identity
            cross join unnest(wanted.days - coalesce(held.days, '{}')) as piece
            order by wanted.person_id
            """,
            [department, document, roster_id, now, acting_user.pk],
        )
        record("mark.add_in_bulk", acting_user=acting_user, roster=roster_id, department=department, added=added)
    return Applied(added=added, absent=absent)


def end_marks_in_bulk(rows: Iterable[EndRow], *, roster_id: int | None, why: str, acting_user: Actor) -> Applied:
    """End marks on a day: what is known of later days is withdrawn, and what came before recorded anew.

    The part recorded anew keeps its department and document, and carries the roster that ended it.
    """
    staged = ((row.person_id, row.identity, None, row.last_day + DAY) for row in rows)
    with acting(acting_user), _staged(staged) as absent:
        now = _now()
        with connection.cursor() as cursor:
            cursor.execute(
                """
                with gone as (
                    update people_identitymark m
                    set withdrawn_at = %(now)s, withdrawn_by_id = %(by)s, withdrawn_why = %(why)s, withdrawn_roster_id = %(roster)s
                    from (select person_id, identity, min(until) as until from staged group by person_id, identity) s
                    where m.person_id = s.person_id and m.identity = s.identity and m.withdrawn_at is null
                      and (upper_inf(m.valid) or upper(m.valid) > s.until)
                    returning m.person_id, m.area_path, m.identity, m.valid, m.certified_by, m.document, s.until
                ), anew as (
                    insert into people_identitymark (person_id, area_path, identity, valid, certified_by, document, roster_id,
                                                     recorded_at, recorded_by_id, withdrawn_why)
                    select person_id, area_path, identity, daterange(lower(valid), until), certified_by, document, %(roster)s,
                           %(now)s, %(by)s, ''
                    from gone where lower(valid) < until
                    returning 1
                ) select (select count(*) from anew), (select count(*) from gone)
                """,
                {"now": now, "by": acting_user.pk, "why": why, "roster": roster_id},
            )
            added, withdrawn = cursor.fetchone()
        record("mark.end_in_bulk", acting_user=acting_user, roster=roster_id, withdrawn=withdrawn, added=added)
    return Applied(added=added, withdrawn=withdrawn, absent=absent)


def withdraw_roster_in_bulk(roster_id: int, *, why: str, acting_user: Actor) -> Applied:
    """Take a roster back: withdraw the marks that it brought, and record anew what it had withdrawn.

    What others have recorded since then stays: of the marks recorded anew, only the days that are free.
    """
    about = (
        "select person_id, identity, null::date, null::date from people_identitymark"
        " where roster_id = %s or withdrawn_roster_id = %s"
    )
    with acting(acting_user), connection.cursor() as cursor:
        cursor.execute(about, [roster_id, roster_id])
        with _staged(cursor.fetchall()):
            now = _now()
            withdrawn = _run(
                "update people_identitymark set withdrawn_at = %s, withdrawn_by_id = %s, withdrawn_why = %s"
                " where roster_id = %s and withdrawn_at is null",
                [now, acting_user.pk, why, roster_id],
            )
            added = _run(
                """
                insert into people_identitymark (person_id, area_path, identity, valid, certified_by, document, roster_id,
                                                 recorded_at, recorded_by_id, withdrawn_why)
                select coalesce(p.merged_into_id, p.id), p.area_path, gone.identity, piece, gone.certified_by, gone.document,
                       gone.roster_id, %s, %s, ''
                from people_identitymark gone
                join people_person p on p.id = gone.person_id
                left join (select m.person_id, m.identity, range_agg(m.valid) as days from people_identitymark m
                           where m.withdrawn_at is null and m.person_id in (select person_id from staged)
                           group by m.person_id, m.identity) held
                     on held.person_id = coalesce(p.merged_into_id, p.id) and held.identity = gone.identity
                cross join unnest(datemultirange(gone.valid) - coalesce(held.days, '{}')) as piece
                where gone.withdrawn_roster_id = %s and gone.roster_id is distinct from %s
                order by gone.person_id
                """,
                [now, acting_user.pk, roster_id, roster_id],
            )
            record("mark.withdraw_roster", acting_user=acting_user, roster=roster_id, withdrawn=withdrawn, added=added)
    return Applied(added=added, withdrawn=withdrawn)


def register_in_bulk(persons: Sequence[NewPerson], *, acting_user: Actor) -> list[int | None]:
    """Register persons; the answer has their ids in the order given.

    Somebody whose number is known already, also twice in the list, is not registered again: the answer has the id that
    stands for the number. None: the number is registered out of the actor's scope, or the area is.
    """
    hashes = number_hashes(person.identifier for person in persons)
    rows = []
    for person, id_hash in sorted(zip(persons, hashes, strict=True), key=lambda pair: pair[1]):
        if not person.area_path.startswith(acting_user.area_path):
            continue
        number, phone = stored_number(person.identifier), stored_phone(person.phone)
        rows.append(
            (
                person.name, pinyin_key(person.name), pinyin_initials(person.name), normalise_name(person.name), person.sex,
                person.born_on, person.identifier.kind, number.sealed, id_hash, number.mask, phone.sealed, phone.mask,
                person.address, person.area_path,
            )
        )  # fmt: skip
    with acting(acting_user), connection.cursor() as cursor:
        cursor.execute(
            f"create temp table new_persons on commit drop as select {_PERSON_COLUMNS} from people_person with no data"
        )
        with cursor.copy(f"copy new_persons ({_PERSON_COLUMNS}) from stdin") as copy:
            for row in rows:
                copy.write_row(row)
        # In the order of the hashes, so that two who register the same people at once do not wait for each other.
        cursor.execute(
            f"insert into people_person ({_PERSON_COLUMNS}) select {_PERSON_COLUMNS} from new_persons order by id_hash"
            " on conflict do nothing"
        )
        registered = cursor.rowcount
        cursor.execute("drop table new_persons")
        cursor.execute(
            "select id_hash, coalesce(merged_into_id, id) from people_person where id_hash = any(%s)",
            [list(set(hashes))],
        )
        ids = {bytes(id_hash): person_id for id_hash, person_id in cursor.fetchall()}
        record("person.register_in_bulk", acting_user=acting_user, asked=len(persons), registered=registered)
    return [ids.get(id_hash) for id_hash in hashes]


_PERSON_COLUMNS = (
    "name, name_key, initials, name_matched, sex, born_on, id_kind, id_sealed, id_hash, id_mask, phone_sealed, phone_mask,"
    " address, area_path"
)

Staged = tuple[int, str, date | None, date | None]


@contextmanager
def _staged(rows: Iterable[Staged]) -> Iterator[tuple[int, ...]]:
    """A temporary table of (person_id, identity, first_day, until), its persons found and locked; yields those not found."""
    with connection.cursor() as cursor:
        cursor.execute(
            "create temp table staged (person_id bigint, identity text, first_day date, until date) on commit drop"
        )
        with cursor.copy("copy staged from stdin") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute("analyze staged")
        _lock_staged(cursor)
        cursor.execute(
            "select distinct person_id from staged s"
            " where not exists (select 1 from people_person p where p.id = s.person_id) order by 1"
        )
        absent = tuple(row[0] for row in cursor.fetchall())
        yield absent
        cursor.execute("drop table staged")


def _lock_staged(cursor: Any) -> None:
    """Lock the persons of `staged`, in the order of their numbers; the merged stand for those who were kept."""
    while True:
        cursor.execute(
            "update staged s set person_id = p.merged_into_id from people_person p"
            " where p.id = s.person_id and p.merged_into_id is not null"
        )
        moved = cursor.rowcount
        cursor.execute(
            "select count(*) from (select 1 from people_person where id in (select person_id from staged)"
            " order by id for no key update) locked"
        )
        if not moved and _nobody_merged(cursor):
            return


def _nobody_merged(cursor: Any) -> bool:
    """Whether, now that they are locked, none of them has been merged meanwhile."""
    cursor.execute(
        "select not exists (select 1 from staged s join people_person p on p.id = s.person_id where p.merged_into_id is not null)"
    )
    return cursor.fetchone()[0]


def _now() -> datetime:
    """The database's clock, read after the locks were had, so that nothing known is younger."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        return cursor.fetchone()[0]


def _run(sql: str, values: Sequence[Any]) -> int:
    """Carry out a statement; how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.rowcount
