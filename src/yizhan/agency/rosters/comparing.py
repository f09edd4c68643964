"""What a roster would change: each row against what is known, in a few statements over the whole list.

`judge` is the one judgement. The comparison stores what it says; applying asks it again, after the persons are locked,
and goes on only if it still says the same. So what an officer decided on is what is done.

A row's `change` is what applying it does (add, change, end, none), `basis` the marks that it withdraws, `target` the period
that it records instead. Its `state` is for people: a row with a reason against it is a conflict, whatever its change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from yizhan.agency import crypto
from yizhan.agency.people.identifiers import typo_variants
from yizhan.agency.people.names import name_similarity
from yizhan.agency.people.sealing import ID_NUMBER, resident_hashes
from yizhan.agency.rosters.models import Roster
from yizhan.agency.rosters.states import PENDING

INCOMPATIBLE: tuple[frozenset[str], ...] = (
    # One household's means are judged once: extremely poor, then the allowance, then its margin（社会救助暂行办法）.
    frozenset({"extremely_poor", "subsistence", "low_income_margin"}),
    # A minor who is both extremely poor and an orphan is kept as an orphan（民发〔2021〕43号《特困人员认定办法》）.
    frozenset({"extremely_poor", "orphan"}),
    frozenset({"orphan", "unsupported_child"}),
    # Lifted out of poverty for good excludes being watched for a return to it（湘潭 三（一））.
    *(
        frozenset({"stably_lifted", other})
        for other in ("unstable_lifted", "returned_to_poverty", "monitored", "marginal_prone")
    ),
)
"""Categories that nobody holds at once."""

MOST_CANDIDATES = 5
MOST_GUESSED = 5_000
"""Rows for which variants of a number are looked up; beyond this something else is wrong with the list."""

LIKE_ENOUGH = 50
"""Similarity of names, 0 to 100, above which a variant of the number is worth showing."""


def against(identity: str) -> list[str]:
    """The categories that cannot hold together with this one."""
    return sorted({other for group in INCOMPATIBLE if identity in group for other in group} - {identity})


_JUDGING: Mapping[str, str] = {
    # The rows, each with the person that its number means, and the days that it speaks of.
    "judging": """
select w.id, w.identity, w.act, w.name_matched, w.name, w.from_on, w.to_on, w.id_hash,
       p.id as pid, p.name_matched as known_name, p.name as known_full, p.died_on,
       case when w.act = 'leave' then daterange(coalesce(w.to_on, %(effective)s::date - 1) + 1, null)
            when w.from_on is null and w.to_on is null then daterange(%(effective)s::date, null)
            else daterange(coalesce(w.from_on, least(%(effective)s::date, w.to_on)), w.to_on + 1) end as wanted
from rosters_rosterrow w
left join people_person h on h.id_hash = w.id_hash and w.named_person_id is null
left join people_person p on p.id = coalesce(w.named_person_id, h.merged_into_id, h.id)
where w.roster_id = %(roster)s and w.number is not null and (w.state <> 'rejected' or w.named_person_id is not null)
  and (%(all)s or w.id = any(%(rows)s))
""",
    # What else the list says of these persons; the other rows have been judged where only some are judged again.
    "judging_others": """
select pid, identity, act from judging where pid is not null
union
select w.person_id, w.identity, w.act from rosters_rosterrow w
where not %(all)s and w.roster_id = %(roster)s and w.number is not null and w.state <> 'rejected'
  and w.person_id in (select pid from judging) and w.id <> all(%(rows)s)
""",
    # The known marks of the same category that a row is about, together.
    "judging_known": """
select j.id, count(*) as n, array_agg(m.id order by m.id) as marks,
       min(m.certified_by) filter (where m.certified_by <> %(department)s) as other,
       min(lower(m.valid)) as first, case when not bool_or(upper_inf(m.valid)) then max(upper(m.valid)) end as until
from judging j
join people_identitymark m on m.person_id = j.pid and m.identity = j.identity and m.withdrawn_at is null and m.valid && j.wanted
group by j.id
""",
    # What the row would do, and the period that it would leave. A column that the file lacks leaves the known day as it is.
    "judging_changes": """
select a.*,
       case when a.act = 'leave' then case when a.n = 0 then 'none' else 'end' end
            when a.n = 0 then 'add'
            when a.n = 1 and a.target = daterange(a.first, a.until) and a.other is null then 'none'
            else 'change' end as change
from (
    select j.*, coalesce(k.n, 0) as n, coalesce(k.marks, '{}'::bigint[]) as marks, k.other, k.first, k.until,
           case when j.act = 'leave' then case when k.n = 1 and k.first < lower(j.wanted) then daterange(k.first, lower(j.wanted)) end
                else daterange(coalesce(j.from_on, case when k.n = 1 then k.first end, lower(j.wanted)),
                               case when j.to_on is not null then j.to_on + 1
                                    when %(has_to)s or k.n is distinct from 1 then null else k.until end)
           end as target
    from judging j left join judging_known k on k.id = j.id
) a
""",
    "judging_clashes": """
select j.id, min(m.identity) as identity, min(m.certified_by) as department
from judging_changes j
join people_identitymark m on m.person_id = j.pid and m.withdrawn_at is null and m.identity <> j.identity and m.valid && j.wanted
join unnest(%(one)s::text[], %(two)s::text[]) as c(one, two) on c.one = j.identity and c.two = m.identity
left join judging_others o on o.pid = j.pid and o.identity = m.identity
where j.act = 'join' and j.change in ('add', 'change')
  -- unless this very list ends the other mark
  and not (m.certified_by = %(department)s and (coalesce(o.act = 'leave', false)
           or (%(complete)s and m.identity = any(%(identities)s) and o.pid is null)))
group by j.id
""",
    "judging_pending": """
with others as materialized (
    select o.person_id, o.id_hash, o.identity, o.roster_id
    from rosters_roster q join rosters_rosterrow o on o.roster_id = q.id
    where q.id <> %(roster)s and q.state = any(%(pending)s) and o.change in ('add', 'change', 'end')
      and o.decision not in ('keep', 'exclude') and o.state not in ('rejected', 'elsewhere', 'not_found')
)
select f.id, min(f.roster_id) as roster
from (
    select j.id, j.identity, o.identity as theirs, o.roster_id from judging_changes j join others o on o.person_id = j.pid where j.change <> 'none'
    union all
    select j.id, j.identity, o.identity, o.roster_id from judging_changes j join others o on o.id_hash = j.id_hash where j.pid is null
) f
left join unnest(%(one)s::text[], %(two)s::text[]) as c(one, two) on c.one = f.identity and c.two = f.theirs
where f.theirs = f.identity or c.one is not null
group by f.id
""",
    "judged": """
select j.id, j.pid, j.change, case when j.change = 'none' then null else j.target end as target,
       case when j.change = 'none' then '{}'::bigint[] else j.marks end as basis,
       case when j.pid is null and j.act = 'leave' then 'not_found'
            when j.pid is null then 'new_person'
            when j.act = 'leave' and j.n = 0 then 'not_found'
            when j.change = 'add' then 'new' when j.change = 'change' then 'changed' when j.change = 'end' then 'ended'
            else 'unchanged' end as state,
       jsonb_path_query_array(jsonb_build_array(
           case when j.pid is null and j.act = 'leave' then jsonb_build_object('code', 'unknown_person') end,
           case when j.pid is not null and j.act = 'leave' and j.n = 0 then jsonb_build_object('code', 'not_marked') end,
           case when j.pid is not null and j.known_name <> j.name_matched
                then jsonb_build_object('code', 'name_differs', 'known', j.known_full, 'found', j.name) end,
           case when j.other is not null then jsonb_build_object('code', 'other_department', 'department', j.other) end,
           case when j.n > 1 then jsonb_build_object('code', 'dates_overlap', 'count', j.n) end,
           case when j.act = 'join' and j.died_on < lower(j.wanted) then jsonb_build_object('code', 'person_died', 'died', j.died_on) end,
           case when c.id is not null then jsonb_build_object('code', 'incompatible', 'identity', c.identity, 'department', c.department) end,
           case when g.id is not null then jsonb_build_object('code', 'pending', 'roster', lpad(g.roster::text, 6, '0')) end
       ), '$[*] ? (@ != null)') as reasons
from judging_changes j left join judging_clashes c on c.id = j.id left join judging_pending g on g.id = j.id
""",
}
"""Temporary tables in their order, each analysed before the next is made: without figures about them PostgreSQL takes a
list of a hundred thousand for one of a thousand, and compares each row with each."""

# A known mark of a complete list's categories, on its day, of somebody whom the list lacks.
_MISSING = """
select m.id as mark, m.person_id, m.identity, lower(m.valid) as first
from people_identitymark m
where m.withdrawn_at is null and m.certified_by = %(department)s and m.identity = any(%(identities)s) and m.valid @> %(effective)s::date
  and m.area_path >= %(area)s and m.area_path < %(area)s || '~'
  and not exists (select 1 from rosters_rosterrow w where w.roster_id = %(roster)s and w.number is not null
                  and w.state <> 'rejected' and w.person_id = m.person_id and w.identity = m.identity)
"""


def values(roster: Roster) -> dict[str, Any]:
    """What the statements about a roster need to know."""
    pairs = sorted({(one, two) for group in INCOMPATIBLE for one in group for two in group if one != two})
    return {
        "roster": roster.pk, "department": roster.department, "effective": roster.effective_on, "area": roster.area_path,
        "identities": roster.identities, "complete": roster.kind == "initial", "has_to": "to_on" in roster.mapping,
        "one": [one for one, _ in pairs], "two": [two for _, two in pairs], "pending": list(PENDING),
    }  # fmt: skip


def judge(roster: Roster, rows: Sequence[int] | None = None) -> None:
    """Judge the rows as things are now, all or those given by id; the table `judged` lasts as long as the transaction."""
    about = {**values(roster), "all": rows is None, "rows": list(rows or [])}
    with connection.cursor() as cursor:
        for table, query in _JUDGING.items():
            cursor.execute(f"drop table if exists {table}")
            cursor.execute(f"create temp table {table} on commit drop as {query}", about)
            cursor.execute(f"analyze {table}")


def match_rows(roster: Roster, rows: Sequence[int] | None = None) -> int:
    """Judge the rows and store it; all of them, or those given by id. Returns how many."""
    judge(roster, rows)
    with connection.cursor() as cursor:
        cursor.execute(
            "update rosters_rosterrow w set person_id = j.pid, change = j.change, target = j.target, basis = j.basis, reasons = j.reasons,"
            " state = case when j.reasons <> '[]' and j.state <> 'not_found' then 'conflict' else j.state end,"
            " needs = j.reasons <> '[]' from judged j where w.id = j.id and w.roster_id = %s",
            [roster.pk],
        )
        judged = cursor.rowcount
        _mark_elsewhere(roster, cursor)
        _reject_doubles(roster, cursor)
    return judged


def _reject_doubles(roster: Roster, cursor: Any) -> None:
    """Rows that mean one person by two numbers: the second one and those after it are rejected."""
    cursor.execute(
        "update rosters_rosterrow w set state = 'rejected', change = 'none', target = null, basis = '{}', needs = false,"
        " reasons = w.reasons || jsonb_build_array(jsonb_build_object('code', 'duplicate', 'other', d.first))"
        " from (select id, number, min(number) over (partition by person_id, identity) as first from rosters_rosterrow"
        "       where roster_id = %s and number is not null and person_id is not null and state <> 'rejected' and decision <> 'exclude') d"
        " where w.id = d.id and d.number > d.first",
        [roster.pk],
    )


def _mark_elsewhere(roster: Roster, cursor: Any) -> None:
    """Rows whose number is registered in another area. The function tells no more than that (migration 0002)."""
    cursor.execute(
        "update rosters_rosterrow w set state = 'elsewhere', change = 'none', target = null, needs = true,"
        """ reasons = '[{"code": "person_elsewhere"}]'"""
        " where w.id in (select rosters_elsewhere(%s))",
        [roster.pk],
    )


def match_rejected(roster: Roster) -> None:
    """Remember whom rejected rows name, so that nobody's mark is ended because of a row that has to be corrected."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update rosters_rosterrow w set person_id = coalesce(p.merged_into_id, p.id) from people_person p"
            " where w.roster_id = %s and w.state = 'rejected' and w.valid_id and p.id_hash = w.id_hash",
            [roster.pk],
        )


def find_missing(roster: Roster) -> None:
    """Of a complete list: add a row for each known mark that it lacks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "delete from rosters_rosterrow where roster_id = %s and number is null and decision = ''", [roster.pk]
        )
        if roster.kind != "initial":
            return
        cursor.execute(
            f"""
            insert into rosters_rosterrow (roster_id, area_path, department, name, name_matched, id_kind, id_mask, id_sealed, sex, born_on,
                phone_sealed, phone_mask, address, place_path, identity, act, document, valid_id, person_id, state, change, target, basis,
                reasons, warnings, candidates, needs, decision, note)
            select %(roster)s, %(area)s, %(department)s, p.name, p.name_matched, p.id_kind, p.id_mask, '', p.sex, p.born_on,
                '', '', '', '', g.identity, 'leave', '', true, p.id,
                case when x.number is null then 'ended' else 'conflict' end, 'end',
                case when g.first < %(effective)s::date then daterange(g.first, %(effective)s::date) end, array[g.mark],
                case when x.number is null then '[]'::jsonb else jsonb_build_array(jsonb_build_object('code', 'row_rejected', 'row', x.number)) end,
                '[]', '[]', x.number is not null, '', ''
            from ({_MISSING}) g join people_person p on p.id = g.person_id
            left join lateral (select min(w.number) as number from rosters_rosterrow w where w.roster_id = %(roster)s and w.state = 'rejected'
                               and w.person_id = g.person_id and w.identity in (g.identity, '')) x on true
            where not exists (select 1 from rosters_rosterrow o where o.roster_id = %(roster)s and o.number is null
                              and o.person_id = g.person_id and o.identity = g.identity)
            order by p.name_key, p.id
            """,
            values(roster),
        )


def find_candidates(roster: Roster) -> int:
    """Look for the person whom a row with an unknown or wrong number may mean. Returns the rows that have candidates.

    The known number hides behind its hash, so nearness is asked the other way round: which right numbers could have been
    mistyped into this one? Of those some ten, a hash finds the person.
    """
    rows = _doubtful(roster)
    by_variant = _persons_by_variants(rows)
    found = 0
    with connection.cursor() as cursor:
        for row in rows:
            candidates: dict[int, dict[str, Any]] = {}
            for person, name in by_variant.get(row["id"], ()):
                score = name_similarity(row["name"], name)
                if score >= LIKE_ENOUGH:
                    candidates[person] = {"person": person, "why": "typo", "score": 100 + score}
            for person, same_birth in row["namesakes"]:
                if person not in candidates and (same_birth or row["state"] == "rejected"):
                    candidates[person] = {
                        "person": person,
                        "why": "same_name_birth" if same_birth else "same_name",
                        "score": 90 if same_birth else 50,
                    }
            best = sorted(candidates.values(), key=lambda c: -c["score"])[:MOST_CANDIDATES]
            if best:
                found += 1
                _store_candidates(cursor, roster, row, best)
    return found


def _store_candidates(cursor: Any, roster: Roster, row: dict[str, Any], best: list[dict[str, Any]]) -> None:
    new = row["state"] == "new_person"
    reasons = row["reasons"] + ([{"code": "maybe_known"}] if new else [])
    cursor.execute(
        "update rosters_rosterrow set candidates = %s, reasons = %s, state = case when state = 'new_person' then 'conflict' else state end,"
        " needs = needs or %s where id = %s",
        [json.dumps(best), json.dumps(reasons), new, row["id"]],
    )
    # Whoever may be meant by the row is not simply missing from the list.
    cursor.execute(
        "update rosters_rosterrow set state = 'conflict', needs = true, reasons = reasons || %s::jsonb"
        " where roster_id = %s and number is null and person_id = any(%s) and decision = '' and state = 'ended'",
        [json.dumps([{"code": "maybe_in_row", "row": row["number"]}]), roster.pk, [c["person"] for c in best]],
    )


def _doubtful(roster: Roster) -> list[dict[str, Any]]:
    """Rows without a person, with the namesakes that nobody else in the list is."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select w.id, w.number, w.name, w.state, w.reasons, w.id_sealed, w.valid_id,
                   coalesce(jsonb_agg(jsonb_build_array(p.id, p.born_on is not distinct from w.born_on) order by p.id) filter (where p.id is not null), '[]')
            from rosters_rosterrow w
            left join people_person p on p.name_matched = w.name_matched and p.merged_into_id is null and w.name_matched <> ''
                and (p.born_on = w.born_on or w.born_on is null or w.sex = p.sex)
                and not exists (select 1 from rosters_rosterrow o where o.roster_id = w.roster_id and o.number is not null
                                and o.person_id = p.id and o.identity = w.identity)
            where w.roster_id = %s and w.number is not null and w.named_person_id is null
              and (w.state in ('new_person', 'not_found') or (w.state = 'rejected' and not w.valid_id)) and w.decision = ''
              and (w.person_id is null)
            group by w.id
            having count(p.id) > 0 or w.state in ('rejected', 'not_found')
            order by w.number limit %s
            """,
            [roster.pk, MOST_GUESSED],
        )
        names = ("id", "number", "name", "state", "reasons", "id_sealed", "valid_id", "namesakes")
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        row["reasons"], row["namesakes"] = json.loads(row["reasons"]), json.loads(row["namesakes"])
    return rows


def _persons_by_variants(rows: Sequence[dict[str, Any]]) -> dict[int, list[tuple[int, str]]]:
    """Row id → (person, name) whose number is one slip away from the row's."""
    wanted: dict[bytes, list[int]] = {}
    for row in rows:
        if row["id_sealed"]:
            number = crypto.unseal(row["id_sealed"], purpose=ID_NUMBER)
            for hashed in resident_hashes(typo_variants(number)):
                wanted.setdefault(hashed, []).append(row["id"])
    found: dict[int, list[tuple[int, str]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "select p.id_hash, k.id, k.name from people_person p join people_person k on k.id = coalesce(p.merged_into_id, p.id)"
            " where p.id_hash = any(%s)",
            [list(wanted)],
        )
        for hashed, person, name in cursor.fetchall():
            for row_id in wanted[bytes(hashed)]:
                found.setdefault(row_id, []).append((person, name))
    return found


def person_is_named(roster: Roster, number: int | None, person_id: int) -> None:
    """After a row was said to mean a person: nobody misses that person any more, and nobody else is meant by the row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "delete from rosters_rosterrow m using rosters_rosterrow w where m.roster_id = %(roster)s and m.number is null"
            " and m.person_id = %(person)s and w.roster_id = %(roster)s and w.number = %(number)s and w.identity = m.identity",
            {"roster": roster.pk, "person": person_id, "number": number},
        )
        cursor.execute(
            """
            update rosters_rosterrow m set reasons = x.left, needs = x.left <> '[]', state = case when x.left = '[]' then 'ended' else m.state end
            from (select o.id, coalesce((select jsonb_agg(r) from jsonb_array_elements(o.reasons) r
                                         where not (r->>'code' = 'maybe_in_row' and (r->>'row')::int = %(number)s)), '[]') as left
                  from rosters_rosterrow o where o.roster_id = %(roster)s and o.number is null and o.state = 'conflict') x
            where x.id = m.id and x.left <> m.reasons
            """,
            {"roster": roster.pk, "number": number},
        )


def count_states(roster: Roster) -> dict[str, int]:
    """Row state → how many rows are in it now."""
    with connection.cursor() as cursor:
        cursor.execute("select state, count(*) from rosters_rosterrow where roster_id = %s group by state", [roster.pk])
        return dict(cursor.fetchall())
