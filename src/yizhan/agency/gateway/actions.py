"""Letting hospitals' systems in, changing their keys, shutting them out, by the operator (`./yizhan access`); and what hospitals
leave with the platform that no other app keeps: settlement lists, applications for clearing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils import timezone

from yizhan.agency import crypto
from yizhan.agency.care import actions as care
from yizhan.agency.care.models import Settlement
from yizhan.agency.care.queries import is_settled
from yizhan.agency.care.settling import read_visit
from yizhan.agency.desk.words import Words
from yizhan.agency.gateway.errors import ChangedSince, ClearingThere, ClearingUnknown, NoAccessYet, SettledStays
from yizhan.agency.gateway.models import PROFILES, Caller, Change, Clearing, SettlementList, Token, Told
from yizhan.agency.gateway.profiles import SECRET
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import UnknownWord
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, Machine, acting, demand

FORMER_DAYS = 7
"""How long the former key holds after a change, unless another time is named."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A caller, and its key: shown once, here."""

    caller: Caller
    secret: str


def grant(
    institution: Institution,
    *,
    profile: str,
    former_days: int = FORMER_DAYS,
    terms: Mapping[str, Any] | None = None,
    acting_user: Actor,
) -> Granted:
    """Let an institution's system in, or change its profile or key. The former key of the same profile holds for some days. `terms` are other columns of `Caller`: bounds, checks, the hospital's public key.

    Raises UnknownWord.
    """
    if profile not in PROFILES:
        raise UnknownWord(what_zh="验签方式", what_en="profile", word=profile, known="、".join(PROFILES))
    with acting(acting_user):
        before = Caller.objects.select_for_update().filter(institution=institution).first()
        row = before or Caller(institution=institution, area_path=institution.area_path)
        secret = "" if profile == "none" else secrets.token_urlsafe(32)
        # A key of somebody who was shut out, perhaps because it leaked, does not come back.
        same = before is not None and before.profile == profile and before.is_active
        row.former_sealed = row.secret_sealed if same else ""
        row.former_until = timezone.now() + timedelta(days=former_days) if same else None
        if not same or former_days <= 0:
            Token.objects.filter(institution=institution).delete()
        kept = before is not None and before.profile == profile and before.key_id
        row.key_id = "" if profile == "none" else kept or secrets.token_hex(8)
        row.secret_sealed = crypto.seal(secret, purpose=SECRET, row=institution.code) if secret else ""
        row.profile, row.is_active, row.keyed_at = profile, True, timezone.now()
        for name, value in (terms or {}).items():
            setattr(row, name, value)
        row.save()
        act = "access.rotate" if same else "access.grant"
        record(act, institution, institution=institution.code, profile=profile, acting_user=acting_user)
        return Granted(row, secret)


def change_terms(institution: Institution, *, terms: Mapping[str, Any], acting_user: Actor) -> Caller:
    """Change bounds, checks or the public key of a caller; its key stays. Raises NoAccessYet."""
    with acting(acting_user):
        row = Caller.objects.select_for_update().select_related("institution").filter(institution=institution).first()
        if row is None:
            raise NoAccessYet(institution=institution.code)
        for name, value in terms.items():
            setattr(row, name, value)
        if terms:
            row.save(update_fields=list(terms))
            record("access.terms", institution, institution=institution.code, **terms, acting_user=acting_user)
        return row


def stop(institution: Institution, *, acting_user: Actor) -> None:
    """Shut an institution's system out, at once."""
    with acting(acting_user):
        Caller.objects.filter(institution=institution).update(is_active=False, former_sealed="", former_until=None)
        Token.objects.filter(institution=institution).delete()
        record("access.stop", institution, institution=institution.code, acting_user=acting_user)


# --- Changes of a visit -----------------------------------------------------------------------------------------------

_TOLD = "told."
_DAYS = ("admitted_on", "discharged_on")
_NAMES = {
    "admitted_on": Words("入院日期", "day of admission"), "discharged_on": Words("出院日期", "day of discharge"),
    "diagnoses": Words("诊断", "diagnoses"), "department": Words("科室", "department"), "doctor": Words("医师", "doctor"),
    "bed": Words("床位", "bed"), "care": Words("医疗类别", "kind of care"), "told.med_type": Words("医疗类别", "kind of care"),
    "told.more": Words("离院方式", "way of leaving"),
}  # fmt: skip
"""What may be changed, in words."""


def _named(names: Iterable[str]) -> dict[str, str]:
    """what_zh and what_en of a refusal."""
    words = list(dict.fromkeys(_NAMES[name] for name in names))
    return {"what_zh": "、".join(word.zh for word in words), "what_en": ", ".join(word.en for word in words)}


def change(
    told: Told, *, told_too: Mapping[str, Any] | None = None, stays: Mapping[str, Any] | None = None,
    acting_user: Machine, **changes: Any,
) -> None:  # fmt: skip
    """Change a visit by `care.change_visit`, and what was told of it (`told_too`), and keep what was before.

    What a message says again is kept as well, and `stays` is what it said and found settled so: who reverses an earlier
    message must not undo what a later one confirmed. Raises what `care.change_visit` raises.
    """
    with acting(acting_user):
        said: dict[str, list[Any]] = {name: [_written(value)] * 2 for name, value in (stays or {}).items()}
        if changes:
            # Read under the lock, so that what is kept as before is what this message found.
            visit = read_visit(told.visit_id, locked=True, acting_user=acting_user)
            before = {name: _written(getattr(visit, name)) for name in changes}
            after = care.change_visit(told.visit_id, acting_user=acting_user, **changes)
            said |= {name: [was, _written(getattr(after, name))] for name, was in before.items()}
        for name, value in (told_too or {}).items():
            said[f"{_TOLD}{name}"] = [getattr(told, name), value]
            setattr(told, name, value)
        if told_too:
            told.save(update_fields=list(told_too))
        _keep_change(told, said, acting_user=acting_user)


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _keep_change(told: Told, changed: Mapping[str, Any], *, undoes: Change | None = None, acting_user: Machine) -> None:
    """A message keeps one row a visit."""
    if changed:
        Change.objects.create(
            visit_id=told.visit_id, institution_id=told.institution_id, area_path=told.area_path, changed=dict(changed),
            message_id=acting_user.message, undoes=undoes,
        )  # fmt: skip


def put_back(told: Told, *, message: int, acting_user: Machine) -> None:
    """Undo what a message changed of a visit, if it still stands as the message left it. Nothing, where it changed nothing.

    Raises SettledStays where the visit is settled, ChangedSince where a later message or the desk changed the same.
    """
    with acting(acting_user):
        visit = read_visit(told.visit_id, locked=True, acting_user=acting_user)
        row = Change.objects.filter(visit=told.visit_id, message_id=message).first()
        if row is None:
            return
        own = [name for name in row.changed if not name.startswith(_TOLD)]
        if own and is_settled(visit):
            raise SettledStays(mdtrt_id=told.mdtrt, **_named(own))
        # What was undone since, and what undid it, are both gone.
        later = Change.objects.filter(visit=told.visit_id, pk__gt=row.pk, undoes=None, undone_by=None)
        touched = {name for one in later for name in one.changed}
        now = {
            name: _written(getattr(told if name.startswith(_TOLD) else visit, name.removeprefix(_TOLD)))
            for name in row.changed
        }
        if moved := [name for name, (_, left) in row.changed.items() if name in touched or now[name] != left]:
            raise ChangedSince(mdtrt_id=told.mdtrt, **_named(moved))
        back = {name: was for name, (was, _) in row.changed.items()}
        if own:
            days = {name: date.fromisoformat(back[name]) for name in own if name in _DAYS and back[name]}
            care.change_visit(told.visit_id, acting_user=acting_user, **{name: back[name] for name in own} | days)
        words = {name.removeprefix(_TOLD): back[name] for name in back if name not in own}
        for name, value in words.items():
            setattr(told, name, value)
        if words:
            told.save(update_fields=list(words))
        _keep_change(
            told, {name: [left, was] for name, (was, left) in row.changed.items()}, undoes=row, acting_user=acting_user
        )


# --- What hospitals leave ---------------------------------------------------------------------------------------------

LIST = "gateway.settlement_list"
"""Purpose of the seal."""


def keep_list(row: Settlement, content: str, *, infno: str, acting_user: Machine) -> SettlementList:
    """Keep a settlement list that agrees with its settlement. Several may come; the last counts."""
    demand(acting_user, Right.SETTLEMENT_SETTLE)
    with acting(acting_user):
        institution = Institution.objects.get(pk=acting_user.institution_id)
        made = SettlementList.objects.create(
            institution=institution, area_path=institution.area_path, settlement=row, infno=infno,
            sealed=crypto.seal(content, purpose=LIST, row=str(row.pk)), message_id=acting_user.message,
        )  # fmt: skip
        record("settlement_list.keep", made, person_id=row.person_id, settlement=row.pk, acting_user=acting_user)
        return made


@dataclass(frozen=True, slots=True)
class Sums:
    """Bills of some days together: how many, and fen."""

    bills: int
    cost: int
    funds: int
    cash: int


def apply_for_clearing(kind: str, sums: Sums, *, first: date, last: date, acting_user: Machine) -> Clearing:
    """Ask for the bills of these days to be cleared. Raises ClearingThere."""
    demand(acting_user, Right.SETTLEMENT_SETTLE)
    with acting(acting_user):
        # One at a time, so that the refusal names the application in the way.
        institution = Institution.objects.select_for_update().get(pk=acting_user.institution_id)
        days = DateRange(first, last + timedelta(days=1))
        there = Clearing.objects.filter(
            institution=institution, kind=kind, withdrawn_at=None, days__overlap=days
        ).first()
        if there is not None:
            ends = there.days.upper - timedelta(days=1)
            raise ClearingThere(first=there.days.lower, last=ends, number=there.number)
        made = Clearing.objects.create(
            institution=institution, area_path=institution.area_path, number=acting_user.message, kind=kind, days=days,
            bills=sums.bills, cost_fen=sums.cost, funds_fen=sums.funds, cash_fen=sums.cash,
        )  # fmt: skip
        record("clearing.apply", made, number=made.number, bills=sums.bills, fen=sums.funds, acting_user=acting_user)
        return made


def withdraw_clearing(number: int, *, acting_user: Machine) -> None:
    """Take an application back. Raises ClearingUnknown."""
    demand(acting_user, Right.SETTLEMENT_SETTLE)
    with acting(acting_user):
        rows = Clearing.objects.select_for_update().filter(institution=acting_user.institution_id, withdrawn_at=None)
        made = rows.filter(number=number).first()
        if made is None:
            raise ClearingUnknown(number=number)
        made.withdrawn_at = timezone.now()
        made.save(update_fields=["withdrawn_at"])
        record("clearing.withdraw", made, number=number, acting_user=acting_user)
