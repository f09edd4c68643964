"""9001, 9002: operators sign in and out."""

from __future__ import annotations

import secrets
from typing import Any

from django.utils import timezone

from yizhan.agency.gateway.models import SignIn
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.staff.rights import Right


@transaction("9001", "签到", "sign-in", Right.PROVIDER_SEE)
def sign_in(call: Call) -> Any:
    """A number that the operator's later messages carry."""
    with call.reading() as root:
        node = root.node("signIn")
        operator = node.text("opter_no", most=50) or call.envelope.operator
        address = f"{node.text('ip', most=40)} {node.text('mac', most=20)}".strip()
    row = SignIn.objects.create(
        institution=call.institution, area_path=call.institution.area_path, operator=operator,
        number=f"{call.received:%Y%m%d}{secrets.token_hex(8).upper()}", address=address, at=call.received,
    )  # fmt: skip
    return {"signinoutb": {"sign_time": f"{call.received:%Y-%m-%d %H:%M:%S}", "sign_no": row.number}}


@transaction("9002", "签退", "sign-out", Right.PROVIDER_SEE)
def sign_out(call: Call) -> Any:
    """End a sign-in; one that is over, or never was, ends as well."""
    with call.reading() as root:
        node = root.node("signOut") if root.mapping.get("signOut") else root
        number = node.text("sign_no", most=60) or call.envelope.sign_no
    SignIn.objects.filter(institution=call.institution, number=number, ended_at=None).update(ended_at=timezone.now())
    return {"signinoutb": {"sign_time": f"{call.received:%Y-%m-%d %H:%M:%S}"}}
