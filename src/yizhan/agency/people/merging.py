"""Two records of one human being become one: proposed by one officer, decided by another, undone if it was wrong.

Of the two, one is kept. What the other had goes to it: marks and memberships for the days on which the kept one has none
of the kind, the account if the kept one has none. Nothing is overwritten. What was moved is withdrawn there and recorded
anew here, and the merge remembers both, so that undoing it gives everybody back what was true before.

A merged person is no end of a path: whoever was merged into it leads to the one who was kept, always in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection
from django.utils import timezone

from yizhan.agency.people.actions import common_area, instant, reason
from yizhan.agency.people.errors import (
    ChangedSinceMerge,
    LaterMergeFirst,
    MergedAway,
    MergeNotOpen,
    MergeOpen,
    NotMerged,
    SameRecord,
)
from yizhan.agency.people.models import IDENTITIES, Account, Household, HouseholdMember, IdentityMark, Merge, Person
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, SamePerson
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.errors import Problem, Problems

Obstacle = Callable[[Person, Person], Sequence[Problem]]

OBSTACLES: list[Obstacle] = []
"""What later apps have against a merge of (kept, dropped): asked when it is proposed and again when it is decided."""


def propose_merge(kept: Person, *, dropped: Person, why: str, acting_user: Officer) -> Merge:
    """Propose that both are one, and that `kept` stays. Somebody else decides.

    Raises NotAllowed, NotFound, SameRecord, MergedAway, MergeOpen, ReasonNeeded; Problems: an obstacle.
    """
    demand(acting_user, Right.PERSON_MERGE)
    why = reason(why)
    if kept.pk == dropped.pk:
        raise SameRecord()
    with acting(acting_user):
        kept, dropped = _both(kept.pk, dropped.pk)
        _not_merged(kept, dropped)
        _unhindered(kept, dropped)
        waiting = Merge.objects.filter(state="proposed")
        if (waiting.filter(kept__in=(kept, dropped)) | waiting.filter(dropped__in=(kept, dropped))).exists():
            raise MergeOpen()
        merge = Merge.objects.create(
            kept=kept, dropped=dropped, area_path=common_area(kept.area_path, dropped.area_path), why=why,
            proposed_by_id=acting_user.pk, proposed_at=instant(),
        )  # fmt: skip
        record("person.merge_propose", merge, person_id=kept.pk, acting_user=acting_user, why=why, dropped=dropped.pk)
    return merge


def decide_merge(merge: Merge, *, accept: bool, acting_user: Actor) -> Merge:
    """Merge, or refuse to. Raises NotAllowed, NotFound, SamePerson, MergeNotOpen, MergedAway; Problems: an obstacle."""
    demand(acting_user, Right.PERSON_MERGE_DECIDE)
    with acting(acting_user):
        merge = _locked(merge)
        if merge.state != "proposed":
            raise MergeNotOpen()
        if merge.proposed_by_id == acting_user.pk:
            raise SamePerson()
        merge.decided_by_id, merge.decided_at = acting_user.pk, timezone.now()
        merge.state = "merged" if accept else "refused"
        if accept:
            kept, dropped = _both(merge.kept_id, merge.dropped_id)
            _not_merged(kept, dropped)
            _unhindered(kept, dropped)
            now = instant()
            merge.moved, merge.decided_at = _moved(kept, dropped, now, acting_user), now
        merge.save()
        record(
            "person.merge_decide", merge, person_id=merge.kept_id, acting_user=acting_user, accepted=accept,
            dropped=merge.dropped_id, marks=len(merge.moved.get("marks_withdrawn", ())),
        )  # fmt: skip
    return merge


def undo_merge(merge: Merge, *, why: str, acting_user: Actor) -> Merge:
    """The two are two after all: each is known as it was before.

    What the kept person gained since by other ways stays. Raises NotAllowed, NotFound, NotMerged, LaterMergeFirst,
    ChangedSinceMerge, ReasonNeeded.
    """
    demand(acting_user, Right.PERSON_MERGE_DECIDE)
    why = reason(why)
    with acting(acting_user):
        merge = _locked(merge)
        if merge.state != "merged":
            raise NotMerged()
        kept, dropped = _both(merge.kept_id, merge.dropped_id)
        if kept.merged_into_id is not None:
            raise LaterMergeFirst(number=f"{kept.merged_into_id:010d}")
        came = _came(merge)
        now = instant()
        moved = merge.moved
        IdentityMark.objects.filter(pk__in=came["identitymark"]).update(
            withdrawn_at=now,
            withdrawn_by=acting_user.pk,
            withdrawn_why=f"撤销合并 {merge.pk} · merge {merge.pk} undone",
        )
        HouseholdMember.objects.filter(pk__in=came["householdmember"]).update(withdrawn_at=now)
        Account.objects.filter(pk__in=came["account"]).update(withdrawn_at=now)
        for key, sql in _BACK.items():
            _ids(sql, {"ids": moved[key], "now": now, "by": acting_user.pk})
        Person.objects.filter(pk__in=moved["redirected"], merged_into=kept).update(merged_into=dropped)
        Person.objects.filter(pk=dropped.pk).update(merged_into=None, area_path=moved["area_before"])
        merge.state = "undone"
        merge.save(update_fields=["state"])
        record("person.merge_undo", merge, person_id=kept.pk, acting_user=acting_user, why=why, dropped=dropped.pk)
    return merge


def _locked(merge: Merge) -> Merge:
    found = Merge.objects.select_for_update(no_key=True).filter(pk=merge.pk).first()
    if found is None:
        raise NotFound()
    return found


def _both(kept: int, dropped: int) -> tuple[Person, Person]:
    """The two persons, locked in the order of their numbers, as `bulk` does. Raises NotFound."""
    found = {
        p.pk: p for p in Person.objects.select_for_update(no_key=True).filter(pk__in=(kept, dropped)).order_by("pk")
    }
    if len(found) != 2:
        raise NotFound()
    return found[kept], found[dropped]


def _unhindered(kept: Person, dropped: Person) -> None:
    """Raises Problems: what later apps have against it."""
    problems = [problem for obstacle in OBSTACLES for problem in obstacle(kept, dropped)]
    if problems:
        raise Problems(problems)


def _not_merged(*persons: Person) -> None:
    for person in persons:
        if person.merged_into_id is not None:
            raise MergedAway(number=f"{person.merged_into_id:010d}")


# The days of the dropped person's rows that no row of the kept person covers: ranges minus ranges gives no overlap.
_FREE = """
    left join lateral (select range_agg(m.valid) as days from people_{table} m
                       where m.person_id = %(kept)s and m.withdrawn_at is null {alike}) held on true
    cross join unnest(datemultirange(gone.valid) - coalesce(held.days, '{{}}')) as piece
    where gone.person_id = %(dropped)s and gone.withdrawn_at is null order by gone.id returning id
"""
_MARKS_OVER = """
    insert into people_identitymark (person_id, area_path, identity, valid, certified_by, document, roster_id, recorded_at,
                                     recorded_by_id, withdrawn_why)
    select %(kept)s, %(area)s, gone.identity, piece, gone.certified_by, gone.document, gone.roster_id, %(now)s, %(by)s, ''
    from people_identitymark gone
""" + _FREE.format(table="identitymark", alike="and m.identity = gone.identity")
_MEMBERS_OVER = """
    insert into people_householdmember (household_id, person_id, area_path, relation, valid, recorded_at)
    select gone.household_id, %(kept)s, %(area)s, gone.relation, piece, %(now)s from people_householdmember gone
""" + _FREE.format(table="householdmember", alike="")
_ACCOUNT_OVER = """
    insert into people_account (person_id, area_path, holder, bank, account_sealed, account_mask, recorded_at)
    select %(kept)s, %(area)s, holder, bank, account_sealed, account_mask, %(now)s from people_account gone
    where person_id = %(dropped)s and withdrawn_at is null
      and not exists (select 1 from people_account where person_id = %(kept)s and withdrawn_at is null) returning id
"""
_MARKS_GONE = """
    update people_identitymark set withdrawn_at = %(now)s, withdrawn_by_id = %(by)s, withdrawn_why = %(why)s
    where person_id = %(dropped)s and withdrawn_at is null returning id
"""
_MEMBERS_GONE = "update people_householdmember set withdrawn_at = %(now)s where person_id = %(dropped)s and withdrawn_at is null returning id"
_ACCOUNTS_GONE = "update people_account set withdrawn_at = %(now)s where person_id = %(dropped)s and withdrawn_at is null returning id"
_MARKS_BACK = """
    insert into people_identitymark (person_id, area_path, identity, valid, certified_by, document, roster_id, recorded_at,
                                     recorded_by_id, withdrawn_why)
    select person_id, area_path, identity, valid, certified_by, document, roster_id, %(now)s, %(by)s, ''
    from people_identitymark where id = any(%(ids)s) order by id returning id
"""
_MEMBERS_BACK = """
    insert into people_householdmember (household_id, person_id, area_path, relation, valid, recorded_at)
    select household_id, person_id, area_path, relation, valid, %(now)s from people_householdmember
    where id = any(%(ids)s) order by id returning id
"""
_ACCOUNTS_BACK = """
    insert into people_account (person_id, area_path, holder, bank, account_sealed, account_mask, recorded_at)
    select person_id, area_path, holder, bank, account_sealed, account_mask, %(now)s from people_account
    where id = any(%(ids)s) order by id returning id
"""

_BACK = {
    "marks_withdrawn": _MARKS_BACK,
    "householdmembers_withdrawn": _MEMBERS_BACK,
    "accounts_withdrawn": _ACCOUNTS_BACK,
}


def _moved(kept: Person, dropped: Person, now: object, actor: Actor) -> dict[str, Any]:
    """Let everything of the dropped person go to the kept one; the ids of what was written and withdrawn."""
    values = {
        "kept": kept.pk, "dropped": dropped.pk, "area": kept.area_path, "now": now, "by": actor.pk,
        "why": f"并入 {kept.number} · merged into {kept.number}",
    }  # fmt: skip
    moved: dict[str, Any] = {
        "marks_added": _ids(_MARKS_OVER, values),
        "marks_withdrawn": _ids(_MARKS_GONE, values),
        "householdmembers_added": _ids(_MEMBERS_OVER, values),
        "householdmembers_withdrawn": _ids(_MEMBERS_GONE, values),
        "accounts_added": _ids(_ACCOUNT_OVER, values),
        "accounts_withdrawn": _ids(_ACCOUNTS_GONE, values),
        "area_before": dropped.area_path,
        "redirected": list(Person.objects.filter(merged_into=dropped).order_by("pk").values_list("pk", flat=True)),
    }
    # In the kept person's area: only who may see the one should find it by the other's number.
    gone = Person.objects.filter(pk__in=[dropped.pk, *moved["redirected"]])
    gone.update(merged_into=kept, area_path=kept.area_path)
    return moved


# What came with a merge may have gone on to a third person and come back, with other ids: content tells it.
_SAME = {
    "identitymark": "now.identity = added.identity and now.valid = added.valid and now.certified_by = added.certified_by"
    " and now.document = added.document",
    "householdmember": "now.household_id = added.household_id and now.valid = added.valid and now.relation = added.relation",
    "account": "now.account_sealed = added.account_sealed",
}
_CAME = """
    select now.id from people_{table} added
    join people_{table} now on now.person_id = added.person_id and now.withdrawn_at is null and {same}
    where added.id = any(%(ids)s)
"""
_CHANGED = """
    select distinct later.{what} from people_{table} added
    join people_{table} later on later.person_id = added.person_id and later.{what} = added.{what}
         and later.valid && added.valid and later.withdrawn_at is null
    where added.id = any(%(ids)s) and not later.id = any(%(came)s) order by 1
"""


def _came(merge: Merge) -> dict[str, list[int]]:
    """The rows that came with the merge and stand as they came, by table.

    Raises ChangedSinceMerge while some stand changed: nobody could say to whom they belong.
    """
    came = {}
    for table, same in _SAME.items():
        came[table] = _ids(_CAME.format(table=table, same=same), {"ids": merge.moved[f"{_PLURAL[table]}_added"]})
    values = {"ids": merge.moved["marks_added"], "came": came["identitymark"]}
    if marks := _ids(_CHANGED.format(table="identitymark", what="identity"), values):
        which = "、".join(f"{IDENTITIES[mark].zh} {IDENTITIES[mark].en}" for mark in marks)
        raise ChangedSinceMerge(what_zh="身份标识", what_en="identity marks", which=which)
    values = {"ids": merge.moved["householdmembers_added"], "came": came["householdmember"]}
    if households := _ids(_CHANGED.format(table="householdmember", what="household_id"), values):
        numbers = Household.objects.filter(pk__in=households).order_by("pk").values_list("number", flat=True)
        raise ChangedSinceMerge(what_zh="户成员关系", what_en="memberships of households", which="、".join(numbers))
    return came


_PLURAL = {"identitymark": "marks", "householdmember": "householdmembers", "account": "accounts"}


def _ids(sql: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [row[0] for row in cursor.fetchall()]
