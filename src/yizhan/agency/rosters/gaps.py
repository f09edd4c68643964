"""Gaps: what should not be so, found by a query and kept as work until somebody has seen to it.

A later app adds its own to `GAPS`, as `enrolment` does with certified people who are not enrolled. The query of a gap gets
`area`, `today` and gives (person_id, area_path, key, detail); the key says which findings are one and the same. A gap that a
later census no longer finds is closed by itself; one that an officer called right is not found again for half a year.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection

from yizhan.agency.desk.words import Words


@dataclass(frozen=True, slots=True)
class Gap:
    """A kind of gap: its words, what to do about it, the query, and days in which it should be closed."""

    words: Words
    advice: Words
    sql: str
    days: int = 30


CLOSED = {
    "handled": Words("已办理", "dealt with"),
    "right": Words("核实无误，不用处理", "checked, and right as it is"),
    "moved": Words("已转其他地区", "moved to another area"),
    "died": Words("已死亡", "died"),
    "gone": Words("已不存在（系统）", "no longer so (found by the system)"),
}
"""How a gap may be closed; officers choose among all but the last."""

SUPPRESSED = ("right", "moved", "died")
"""Closed for such a reason, it is not found again for a while."""

HOUSEHOLD_IDENTITIES = ("subsistence", "low_income_margin")
"""Categories that are certified for whole households."""

_IN_AREA = "{0}.area_path >= %(area)s and {0}.area_path < %(area)s || '~'"

GAPS: dict[str, Gap] = {
    "ending_soon": Gap(
        Words("30天内到期", "ending within 30 days"),
        Words("向认定部门核实：续期的在下月名单里报新增，不续的到期后按普通居民参保。", "Ask the department: whoever continues stands in next month's list, whoever does not is insured as others are."),
        f"""
        select m.person_id, m.area_path, m.identity || ' ' || upper(m.valid)::text,
               jsonb_build_object('identity', m.identity, 'day', (upper(m.valid) - 1)::text, 'department', m.certified_by)
        from people_identitymark m
        where m.withdrawn_at is null and upper(m.valid) > %(today)s and upper(m.valid) <= %(today)s::date + 30 and {_IN_AREA.format('m')}
          and not exists (select 1 from people_identitymark f where f.person_id = m.person_id and f.identity = m.identity
                          and f.withdrawn_at is null and lower(f.valid) >= upper(m.valid))
        """,
        14,
    ),
    "used_to_be_marked": Gap(
        Words("曾有身份，现在没有", "used to be marked"),
        Words("一年内失去全部身份的人：核实是否真的退出，防止漏报致贫。", "Lost every category within a year: make sure that they really left it."),
        f"""
        select m.person_id, min(m.area_path), 'lost ' || max(upper(m.valid))::text,
               jsonb_build_object('identity', (array_agg(m.identity order by upper(m.valid) desc))[1], 'day', (max(upper(m.valid)) - 1)::text)
        from people_identitymark m join people_person p on p.id = m.person_id
        where m.withdrawn_at is null and {_IN_AREA.format('m')} and p.died_on is null and p.merged_into_id is null
        group by m.person_id
        having bool_and(coalesce(upper(m.valid) <= %(today)s, false)) and max(upper(m.valid)) > %(today)s::date - 366
        """,
    ),
    "never_found": Gap(
        Words("名单里的人一直没有找到", "in a roster, never found"),
        Words("名单写了退出或要转移，系统里没有这个人：请与部门核对证件号。", "A roster names somebody whom nobody knows here: check the number with the department."),
        """
        select null::bigint, w.area_path, 'row ' || w.id_hash::text || ' ' || w.identity,
               jsonb_build_object('roster', w.roster_id, 'row', w.number, 'name', w.name, 'mask', w.id_mask, 'identity', w.identity)
        from (select distinct on (w.area_path, w.id_hash, w.identity) w.* from rosters_rosterrow w join rosters_roster q on q.id = w.roster_id
              where q.state = 'applied' and w.state in ('not_found', 'elsewhere') and w.person_id is null and w.id_hash is not null
                and w.area_path >= %(area)s and w.area_path < %(area)s || '~'
              order by w.area_path, w.id_hash, w.identity, w.id desc) w
        where not exists (select 1 from people_person p where p.id_hash = w.id_hash)
        """,
    ),
    "part_of_household": Gap(
        Words("同户有人没有身份", "household marked in part"),
        Words("低保等按户认定：同户有人有、有人没有，请与民政核对成员。", "Such a category is certified for households: ask civil affairs about the other members."),
        f"""
        select other.person_id, other.area_path, 'household ' || h.number || ' ' || m.identity,
               jsonb_build_object('household', h.number, 'identity', m.identity, 'with', m.person_id)
        from people_householdmember other
        join people_household h on h.id = other.household_id
        join lateral (select k.identity, min(k.person_id) as person_id from people_householdmember mine
              join people_identitymark k on k.person_id = mine.person_id and k.withdrawn_at is null and k.valid @> %(today)s::date
              where mine.household_id = other.household_id and mine.withdrawn_at is null and mine.valid @> %(today)s::date
                and k.identity = any('{{{','.join(HOUSEHOLD_IDENTITIES)}}}') group by k.identity) m on true
        where other.withdrawn_at is null and other.valid @> %(today)s::date and {_IN_AREA.format('other')}
          and not exists (select 1 from people_identitymark k where k.person_id = other.person_id and k.withdrawn_at is null
                          and k.valid @> %(today)s::date and k.identity = m.identity)
        """,
    ),
    "duplicates": Gap(
        Words("疑似重复人员", "suspected duplicates"),
        Words("同名、同出生日期、同性别的两个人：核实后在“重复人员”里提出合并。", "Two persons with the same name, birth and sex: check, then propose to merge them."),
        f"""
        select p.id, p.area_path, 'same as ' || o.id::text, jsonb_build_object('other', o.id)
        from people_person p
        join people_person o on o.name_matched = p.name_matched and o.born_on = p.born_on and o.sex = p.sex and o.id < p.id and o.merged_into_id is null
        where p.merged_into_id is null and {_IN_AREA.format('p')}
        """,
        60,
    ),
}  # fmt: skip
"""Every kind of gap, by code. Apps that come later add their own when they are loaded."""

_STORE = """
insert into rosters_gapitem (kind, area_path, person_id, key, detail, found_at, seen_at, note, close_why)
select %(kind)s, f.area_path, f.person_id, left(coalesce(f.person_id::text, '') || ' ' || f.key, 120), f.detail, %(now)s, %(now)s, '', ''
from ({sql}) f (person_id, area_path, key, detail)
where not exists (select 1 from rosters_gapitem c where c.kind = %(kind)s and c.area_path = f.area_path
                  and c.key = left(coalesce(f.person_id::text, '') || ' ' || f.key, 120)
                  and c.close_why = any(%(suppressed)s) and c.closed_at > %(now)s::timestamptz - interval '180 days')
on conflict (kind, area_path, key) where closed_at is null do update set seen_at = excluded.seen_at, detail = excluded.detail
"""


def census(code: str, *, area_path: str, today: date) -> int:
    """Look for one kind of gap in an area, inside the caller's transaction. Returns how many there are."""
    about: dict[str, Any] = {"kind": code, "area": area_path, "today": today, "suppressed": list(SUPPRESSED)}
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        about["now"] = cursor.fetchone()[0]
        cursor.execute(_STORE.format(sql=GAPS[code].sql), about)
        found = cursor.rowcount
        cursor.execute(
            "update rosters_gapitem set closed_at = %(now)s, close_why = 'gone' where kind = %(kind)s and closed_at is null"
            " and area_path >= %(area)s and area_path < %(area)s || '~' and seen_at < %(now)s",
            about,
        )
        return found
