"""Tokens of callers whose profile asks for one: given for the key, good for a while, kept as digests."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from yizhan.agency import crypto
from yizhan.agency.gateway.envelope import stored
from yizhan.agency.gateway.errors import NotConnected, SignatureRefused
from yizhan.agency.gateway.models import Token
from yizhan.agency.gateway.profiles import Key
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.scope import Machine, acting

SECONDS = 7_200
"""How long a token is good."""


def give_token(username: str, password: str, basic: str, *, now: datetime) -> str:
    """A token for an institution's code, its key, and the Basic header of client id and key. Raises NotConnected, SignatureRefused."""
    with connection.cursor() as cursor:
        cursor.execute("select caller::text, institution::text, former_holds from gateway_door(%s, '')", [username])
        row = cursor.fetchone()
    caller, institution = (stored(row[0]), stored(row[1])) if row else ({}, {})
    if row is None or caller["profile"] != "token":
        raise NotConnected(institution=username)
    key = Key(
        institution["code"], caller["key_id"], (caller["secret_sealed"], caller["former_sealed"] if row[2] else "")
    )
    given = [password, basic]
    for secret in key.secrets():
        pair = base64.b64encode(key.key_id.encode() + b":" + secret).decode()
        if all(crypto.same_bytes(a.encode(), b.encode()) for a, b in zip(given, (secret.decode(), pair), strict=True)):
            break
    else:
        raise SignatureRefused(
            why_zh="用户名、密码或 clientId 不对", why_en="user name, password or client id is wrong"
        )
    token = secrets.token_urlsafe(32)
    machine = Machine("医院系统 token", institution["area_path"], institution["id"])
    with acting(machine):
        Token.objects.filter(institution_id=institution["id"], ends_at__lt=now).delete()
        Token.objects.create(
            institution_id=institution["id"], area_path=institution["area_path"],
            digest=crypto.digest(token.encode()).hex(), ends_at=now + timedelta(seconds=SECONDS),
        )  # fmt: skip
        record("access.token", institution=institution["code"], acting_user=machine)
    return token


def refuse_token(institution: Institution, headers: Mapping[str, Any], now: datetime) -> None:
    """Raises SignatureRefused unless the request bears a token of the institution that is still good."""
    kind, _, token = str(headers.get("HTTP_AUTHORIZATION", "")).partition(" ")
    digest = crypto.digest(token.strip().encode()).hex()
    with acting(Machine("医院系统 token", institution.area_path, institution.pk)):
        good = Token.objects.filter(institution=institution, digest=digest, ends_at__gt=now).exists()
    if kind.lower() != "bearer" or not good:
        raise SignatureRefused(
            why_zh="令牌无效或已过期，请重新获取", why_en="the token is not valid any more; ask for another"
        )
