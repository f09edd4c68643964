"""Certified people without insurance, for the census of gaps (ID-3): each becomes work with a person and a due date."""

from __future__ import annotations

from yizhan.agency.desk.words import Words
from yizhan.agency.rosters.gaps import GAPS, Gap

NOT_INSURED = Gap(
    Words("有身份，没有参保", "certified, not insured"),
    Words(
        "核实后办理参保登记；登记了还没有缴费的，催缴或者纳入资助；在别处参保的，按重复参保核对。",
        "Check and enrol; who is enrolled and owes is asked to pay or subsidised; who is insured elsewhere is compared there.",
    ),
    """
    select p.id, p.area_path, 'not insured', jsonb_build_object('identity', m.identity)
      from people_person p
      join lateral (select min(k.identity) as identity from people_identitymark k
                     where k.person_id = p.id and k.withdrawn_at is null and k.valid @> %(today)s::date) m on m.identity is not null
     where p.merged_into_id is null and p.died_on is null
       and p.area_path >= %(area)s and p.area_path < %(area)s || '~'
       and not exists (select 1 from (select p.id union all select k.id from people_person k where k.merged_into_id = p.id) same
                        join enrolment_enrolment e on e.person_id = same.id
                        left join enrolment_charge c on c.person_id = e.person_id and c.year = e.year
                        where e.withdrawn_at is null and e.insured @> %(today)s::date
                          and (e.scheme = 'employee' or (c.balance <= 0 and not c.void)))
       and not exists (select 1 from enrolment_elsewhere(array[p.id], extract(year from %(today)s::date)::int) o
                        where o.settled and o.since <= %(today)s and (o.until is null or o.until > %(today)s))
    """,
    30,
)


def register() -> None:
    """Add the gap to the census."""
    GAPS.setdefault("certified_not_insured", NOT_INSURED)
