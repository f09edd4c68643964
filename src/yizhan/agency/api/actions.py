"""Making keys and ending them."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from yizhan.agency.api.errors import BadKeyTerms, NotInScope, TooManyKeys
from yizhan.agency.api.models import Key
from yizhan.agency.crypto import digest
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.errors import Problem, Problems

LONGEST_DAYS = 366
MOST_KEYS = 10
MOST_NETWORKS = 20
PREFIX = "yizhan_"
"""Every key begins with it, so that one that lies in a file is known for what it is."""


@dataclass(frozen=True, slots=True)
class Made:
    """A key, and what proves it: shown once, here."""

    key: Key
    secret: str


def make_key(
    officer: Officer,
    *,
    name: str,
    scopes: Iterable[str],
    ends_on: date,
    networks: Iterable[str] = (),
    acting_user: Actor,
) -> Made:
    """Make a key for an officer: by that officer, or by the operator for him.

    Raises NotFound (somebody else's), TooManyKeys, Problems (all that is wrong with the terms).
    """
    if isinstance(acting_user, Officer) and acting_user.pk != officer.pk:
        raise NotFound
    asked = sorted(set(scopes))
    wanted = [network.strip() for network in networks if network.strip()]
    with acting(acting_user):
        today = timezone.localdate()
        Officer.objects.select_for_update().get(pk=officer.pk)
        living = Key.objects.filter(officer=officer, ended_at=None, ends_on__gte=today).count()
        if living >= MOST_KEYS:
            raise TooManyKeys(count=living)
        if problems := _problems(officer, name, asked, ends_on, wanted, today):
            raise Problems(problems)
        secret = PREFIX + secrets.token_urlsafe(32)
        made = Key.objects.create(
            officer=officer, area_path=officer.area_path, name=name.strip(), digest=digest(secret.encode()), scopes=asked,
            networks=[str(ipaddress.ip_network(network, strict=False)) for network in wanted], ends_on=ends_on,
        )  # fmt: skip
        record(
            "key.make", made, username=officer.username, name=made.name, scopes=asked, networks=made.networks,
            ends_on=ends_on, acting_user=acting_user,
        )  # fmt: skip
    return Made(made, secret)


def _problems(
    officer: Officer, name: str, scopes: list[str], ends_on: date, networks: list[str], today: date
) -> list[Problem]:
    problems: list[Problem] = []
    if not name.strip() or len(name.strip()) > 60:
        problems.append(
            BadKeyTerms(what_zh="请写明用途，最多 60 字", what_en="say what it is for, in at most 60 characters")
        )
    if not scopes:
        problems.append(BadKeyTerms(what_zh="至少选一项权限", what_en="choose at least one right"))
    for scope in scopes:
        if scope not in officer.rights:
            words = Right(scope).words if scope in set(Right) else None
            problems.append(
                NotInScope(right=scope, right_zh=words.zh if words else "?", right_en=words.en if words else "?")
            )
    if not today <= ends_on <= today + timedelta(days=LONGEST_DAYS):
        problems.append(
            BadKeyTerms(
                what_zh="最后一天应在今天到一年以内", what_en="the last day lies between today and a year from now"
            )
        )
    if len(networks) > MOST_NETWORKS:
        problems.append(
            BadKeyTerms(what_zh=f"最多 {MOST_NETWORKS} 个网络", what_en=f"at most {MOST_NETWORKS} networks")
        )
    for network in networks:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            problems.append(
                BadKeyTerms(
                    what_zh=f"“{network}”不是网络，应写成 10.1.2.0/24 或 10.1.2.3",
                    what_en=f"“{network}” is no network; write 10.1.2.0/24 or 10.1.2.3",
                )
            )
    return problems


def end_key(key: Key, *, acting_user: Actor) -> Key:
    """Let a key be used no more: by its owner, by a security administrator of the area, or by the operator. Ended once is ended.

    Raises NotAllowed.
    """
    own = key.officer_id == acting_user.pk
    if not own:
        demand(acting_user, Right.OFFICER_MANAGE)
    with acting(acting_user):
        row = Key.objects.select_for_update().filter(pk=key.pk).first()
        if row is None:
            raise NotFound
        if row.ended_at is None:
            by = acting_user if isinstance(acting_user, Officer) else None
            row.ended_at, row.ended_by = timezone.now(), by
            row.ended_why = "owner" if own else "administrator" if by else "operator"
            row.save(update_fields=["ended_at", "ended_by", "ended_why"])
            record("key.end", row, name=row.name, why=row.ended_why, acting_user=acting_user)
    return row
