"""Writing a reviewed roster into what is known: all of it in one transaction, or nothing.

The persons are locked in the order of their numbers, the rows judged once more, and only if every judgement is still the
one that was decided and reviewed are the marks written. Otherwise those rows go back to the officer. So of two rosters that
overlap, applied at once, the second finds that the world has changed; it neither overwrites nor doubles what the first did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from yizhan.agency import crypto
from yizhan.agency.people.bulk import NewPerson, register_in_bulk, withdraw_roster_in_bulk
from yizhan.agency.people.identifiers import Identifier
from yizhan.agency.people.sealing import ID_NUMBER, PHONE
from yizhan.agency.rosters.comparing import judge, match_rows
from yizhan.agency.rosters.errors import LaterRosterChanged
from yizhan.agency.rosters.models import Roster
from yizhan.agency.rosters.states import GONE_BACK
from yizhan.agency.staff.scope import Actor
from yizhan.errors import Problems

INCLUDED = (
    "w.state in ('new', 'new_person', 'changed', 'ended', 'conflict') and w.change <> 'none'"
    " and (w.decision = 'take' or (w.decision = '' and not w.needs))"
)
"""The rows that applying carries out."""

REGISTERED_AT_ONCE = 20_000
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What applying came to. `stale` rows were not as they had been; then nothing was written."""

    stale: int = 0
    registered: int = 0
    recorded: int = 0
    withdrawn: int = 0
    past: int = 0


class _Stale(Exception):
    """Leaves the savepoint, so that registered persons and set person numbers are undone."""

    def __init__(self, rows: list[int]) -> None:
        self.rows = rows


def apply_rows(roster: Roster, *, today: date, acting_user: Actor) -> Outcome:
    """Carry out the roster inside the caller's transaction, or find out which rows have to be decided anew."""
    try:
        with transaction.atomic():
            _lock_persons(roster)
            registered = _register(roster, acting_user)
            _lock_persons(roster)
            if stale := _stale_rows(roster):
                raise _Stale(stale)
            return _write(roster, registered, today, acting_user)
    except _Stale as changed:
        _give_back(roster, changed.rows)
        return Outcome(stale=len(changed.rows))


def _lock_persons(roster: Roster) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from (select 1 from people_person p where p.id in"
            f" (select w.person_id from rosters_rosterrow w where w.roster_id = %s and {INCLUDED}) order by p.id for no key update) locked",
            [roster.pk],
        )


def _register(roster: Roster, acting_user: Actor) -> int:
    """Register the persons who are new, and note their numbers in the rows."""
    registered = 0
    for batch in _new_persons(roster):
        ids = register_in_bulk([person for _, person in batch], acting_user=acting_user)
        if absent := [row for (row, _), person in zip(batch, ids, strict=True) if person is None]:
            raise _Stale(absent)
        with connection.cursor() as cursor:
            cursor.execute(
                "update rosters_rosterrow w set person_id = n.person from unnest(%s::bigint[], %s::bigint[]) as n(row, person) where w.id = n.row",
                [[row for row, _ in batch], ids],
            )
        registered += len(batch)
    return registered


def _new_persons(roster: Roster) -> Iterator[list[tuple[int, NewPerson]]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select w.id, w.name, w.id_kind, w.id_sealed, w.sex, w.born_on, w.place_path, w.phone_sealed, w.address from rosters_rosterrow w"
            f" where w.roster_id = %s and {INCLUDED} and w.person_id is null order by w.id_hash",
            [roster.pk],
        )
        rows = cursor.fetchall()
    for start in range(0, len(rows), REGISTERED_AT_ONCE):
        yield [
            (
                row,
                NewPerson(
                    name=name,
                    identifier=Identifier(crypto.unseal(sealed, purpose=ID_NUMBER), kind, born_on, sex),
                    sex=sex,
                    born_on=born_on,
                    area_path=place or roster.area_path,
                    phone=crypto.unseal(phone, purpose=PHONE) if phone else "",
                    address=address,
                ),
            )
            for row, name, kind, sealed, sex, born_on, place, phone, address in rows[start : start + REGISTERED_AT_ONCE]
        ]


def _stale_rows(roster: Roster) -> list[int]:
    """Rows that would now be judged otherwise than when they were decided."""
    judge(roster)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            select w.id from rosters_rosterrow w join judged j on j.id = w.id
            where w.roster_id = %(roster)s and {INCLUDED} and (
                j.pid is distinct from w.person_id or j.change <> w.change or j.target is distinct from w.target or j.basis <> w.basis
                or exists (select 1 from jsonb_array_elements(j.reasons) now where now->>'code' <> 'pending' and not exists
                           (select 1 from jsonb_array_elements(w.reasons) then_ where then_->>'code' = now->>'code')))
            union all
            select w.id from rosters_rosterrow w
            where w.roster_id = %(roster)s and w.number is null and {INCLUDED}
              and not exists (select 1 from people_identitymark m where m.id = w.basis[1] and m.withdrawn_at is null and m.person_id = w.person_id)
            union all
            select w.id from rosters_rosterrow w
            where w.roster_id = %(roster)s and w.number is not null and {INCLUDED}
              and not exists (select 1 from people_person p where p.id = w.person_id and p.merged_into_id is null)
            """,
            {"roster": roster.pk},
        )
        return sorted({row for (row,) in cursor.fetchall()})


def _give_back(roster: Roster, rows: list[int]) -> None:
    """Judge these rows anew and have them decided anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update rosters_rosterrow set decision = '', decided_by_id = null, decided_at = null where id = any(%s)",
            [rows],
        )
        match_rows(roster, rows)
        cursor.execute(
            "update rosters_rosterrow w set needs = true, reasons = w.reasons || %s::jsonb,"
            " state = case when state in ('elsewhere', 'not_found', 'rejected') then state else 'conflict' end"
            " where id = any(%s) and change <> 'none'",
            [f'[{{"code": "{GONE_BACK}"}}]', rows],
        )
        # A known mark that is gone needs no ending any more.
        cursor.execute(
            "delete from rosters_rosterrow w where id = any(%s) and number is null and not exists"
            " (select 1 from people_identitymark m where m.id = w.basis[1] and m.withdrawn_at is null and m.person_id = w.person_id)",
            [rows],
        )


_CARRIED: Mapping[str, str] = {
    "carried": f"""
select w.id, w.person_id, w.identity, w.target, w.change, w.document, w.basis from rosters_rosterrow w
where w.roster_id = %(roster)s and {INCLUDED}
""",
    "carried_marks": "select c.id, unnest(c.basis) as mark from carried c",
    "carried_old": """
select c.id, range_agg(m.valid) as days, min(m.certified_by) as certified_by, min(m.document) as document
from carried_marks c join people_identitymark m on m.id = c.mark group by c.id
""",
}
"""Temporary tables of what is carried out, analysed as in `comparing.judge`."""

_DIFFERENCES = """
select c.person_id, c.identity, coalesce(o.days, '{}') as old, datemultirange(c.target) as new
from carried c left join carried_old o on o.id = c.id
"""

_PAST = """
    insert into rosters_pastchange (roster_id, area_path, department, person_id, identity, kind, period, by_withdrawal)
    select %(roster)s, %(area)s, %(department)s, d.person_id, d.identity, x.kind, piece, %(by_withdrawal)s
    from ({differences}) d
    cross join lateral (values ('gained', coalesce(d.new, '{{}}') - d.old), ('lost', d.old - coalesce(d.new, '{{}}'))) as x(kind, days)
    cross join unnest(x.days * datemultirange(daterange(null, %(today)s::date))) as piece
"""


def _write(roster: Roster, registered: int, today: date, acting_user: Actor) -> Outcome:
    with connection.cursor() as cursor:
        about: dict[str, Any] = {
            "roster": roster.pk, "area": roster.area_path, "department": roster.department, "by": acting_user.pk, "now": _clock(cursor),
            "document": roster.document, "why": f"名单 roster {roster}", "today": today, "by_withdrawal": False,
        }  # fmt: skip
        for table, query in _CARRIED.items():
            cursor.execute(f"drop table if exists {table}")
            cursor.execute(f"create temp table {table} on commit drop as {query}", about)
            cursor.execute(f"analyze {table}")
        cursor.execute(_PAST.format(differences=_DIFFERENCES), about)
        past = cursor.rowcount
        cursor.execute(
            "update people_identitymark m set withdrawn_at = %(now)s, withdrawn_by_id = %(by)s, withdrawn_why = %(why)s,"
            " withdrawn_roster_id = %(roster)s where m.withdrawn_at is null and m.id in (select mark from carried_marks)",
            about,
        )
        withdrawn = cursor.rowcount
        # Who is ended keeps the department and the document that had certified it.
        cursor.execute(
            """
            insert into people_identitymark (person_id, area_path, identity, valid, certified_by, document, roster_id, recorded_at,
                                             recorded_by_id, withdrawn_why)
            select c.person_id, p.area_path, c.identity, c.target,
                   case when c.change = 'end' then o.certified_by else %(department)s end,
                   case when c.change = 'end' then o.document else coalesce(nullif(c.document, ''), %(document)s) end,
                   %(roster)s, %(now)s, %(by)s, ''
            from carried c join people_person p on p.id = c.person_id left join carried_old o on o.id = c.id
            where c.target is not null
            order by c.person_id
            """,
            about,
        )
        return Outcome(registered=registered, recorded=cursor.rowcount, withdrawn=withdrawn, past=past)


def _clock(cursor: Any) -> datetime:
    """The database's clock after the locks were had: nothing known is younger."""
    cursor.execute("select clock_timestamp()")
    return cursor.fetchone()[0]


# --- Taking an applied roster back ------------------------------------------------------------------------------------

_CHANGED_LATER = """
    select m.person_id, m.identity, m.withdrawn_roster_id as other from people_identitymark m
    where m.roster_id = %(roster)s and m.withdrawn_at is not null and m.withdrawn_roster_id is distinct from %(roster)s
      and not exists (select 1 from people_identitymark again where again.roster_id = m.roster_id and again.withdrawn_at is null
                      and again.person_id = m.person_id and again.identity = m.identity and again.valid = m.valid)
    union all
    select m.person_id, m.identity, m.roster_id from people_identitymark gone
    join people_identitymark m on m.person_id = gone.person_id and m.identity = gone.identity and m.withdrawn_at is null
        and m.valid && gone.valid and m.roster_id is distinct from %(roster)s
    where gone.withdrawn_roster_id = %(roster)s
"""


@dataclass(frozen=True, slots=True)
class ChangedLater:
    """A mark of a roster that somebody changed afterwards. `roster` is None where it was done by hand."""

    person_id: int
    identity: str
    roster: int | None


def changed_later(roster: Roster) -> list[ChangedLater]:
    """The marks that stand in the way of taking the roster back."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select distinct person_id, identity, other from ({_CHANGED_LATER}) c order by 1, 2", {"roster": roster.pk}
        )
        return [ChangedLater(*row) for row in cursor.fetchall()]


def refuse_if_changed_later(roster: Roster) -> None:
    """Raises Problems (LaterRosterChanged), naming the rosters that came later."""
    if found := changed_later(roster):
        others = sorted({f"{c.roster:06d}" if c.roster else "手工更正 by hand" for c in found})
        raise Problems([LaterRosterChanged(count=len(found), who="、".join(others[:MOST_NAMED]))])


def take_back(roster: Roster, *, today: date, acting_user: Actor) -> Outcome:
    """Withdraw the marks that the roster brought and record anew what it had withdrawn. Raises Problems (LaterRosterChanged)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from (select 1 from people_person p where p.id in (select person_id from people_identitymark"
            " where roster_id = %(roster)s or withdrawn_roster_id = %(roster)s) order by p.id for no key update) locked",
            {"roster": roster.pk},
        )
        refuse_if_changed_later(roster)
        differences = """
            select person_id, identity, coalesce(range_agg(valid) filter (where roster_id = %(roster)s), '{}') as old,
                   coalesce(range_agg(valid) filter (where roster_id is distinct from %(roster)s), '{}') as new
            from people_identitymark
            where (roster_id = %(roster)s and withdrawn_at is null) or (withdrawn_roster_id = %(roster)s and roster_id is distinct from %(roster)s)
            group by person_id, identity
        """
        cursor.execute(
            _PAST.format(differences=differences),
            {
                "roster": roster.pk,
                "area": roster.area_path,
                "department": roster.department,
                "today": today,
                "by_withdrawal": True,
            },
        )
        past = cursor.rowcount
    done = withdraw_roster_in_bulk(roster.pk, why=roster.withdrawn_why[:200], acting_user=acting_user)
    return Outcome(recorded=done.added, withdrawn=done.withdrawn, past=past)
