"""Letting hospitals' systems in, changing their keys, shutting them out. Done by the operator (`./yizhan access`)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from yizhan.agency import crypto
from yizhan.agency.gateway.models import PROFILES, Caller
from yizhan.agency.gateway.profiles import SECRET
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import UnknownWord
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.scope import Actor, acting

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
    public_key: str = "",
    former_days: int = FORMER_DAYS,
    terms: Mapping[str, Any] | None = None,
    acting_user: Actor,
) -> Granted:
    """Let an institution's system in, or change its profile or key. The former key of the same profile holds for some days. `terms` are other columns of `Caller`: bounds, checks.

    Raises UnknownWord.
    """
    if profile not in PROFILES:
        raise UnknownWord(what_zh="验签方式", what_en="profile", word=profile, known="、".join(PROFILES))
    with acting(acting_user):
        before = Caller.objects.select_for_update().filter(institution=institution).first()
        row = before or Caller(institution=institution, area_path=institution.area_path)
        secret = "" if profile == "none" else secrets.token_urlsafe(32)
        same = before is not None and before.profile == profile
        row.former_sealed = row.secret_sealed if same else ""
        row.former_until = timezone.now() + timedelta(days=former_days) if same else None
        row.key_id = row.key_id if same and row.key_id else "" if profile == "none" else secrets.token_hex(8)
        row.secret_sealed = crypto.seal(secret, purpose=SECRET, row=institution.code) if secret else ""
        row.profile, row.is_active, row.keyed_at = profile, True, timezone.now()
        row.public_key = public_key or row.public_key
        for name, value in (terms or {}).items():
            setattr(row, name, value)
        row.save()
        act = "access.rotate" if same else "access.grant"
        record(act, institution, institution=institution.code, profile=profile, acting_user=acting_user)
        return Granted(row, secret)


def stop(institution: Institution, *, acting_user: Actor) -> None:
    """Shut an institution's system out, at once."""
    with acting(acting_user):
        Caller.objects.filter(institution=institution).update(is_active=False, former_sealed="", former_until=None)
        record("access.stop", institution, institution=institution.code, acting_user=acting_user)
