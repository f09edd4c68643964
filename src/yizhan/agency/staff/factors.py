"""The second factor: one-time passwords of an authenticator app (TOTP, RFC 6238). A code works once.

密评 accepts certified SM products only; such a key (UKey) signs in through a gateway in front of the desk
(docs/security.md).
"""

from __future__ import annotations

from datetime import datetime

import pyotp
import segno
from django.conf import settings
from django.utils import timezone

from yizhan.agency.crypto import same_bytes, seal, unseal
from yizhan.agency.staff.models import Officer

STEP = 30
"""Seconds."""
DRIFT = 1
"""Steps by which a phone's clock may be off, both ways."""
_PURPOSE = "staff.totp"


def is_required(officer: Officer) -> bool:
    """Whether some role of this officer must sign in with two factors (YIZHAN_TOTP_ROLES)."""
    return bool(set(officer.roles) & set(settings.YIZHAN_TOTP_ROLES))


def new_secret() -> str:
    """160 random bits, in base32."""
    return pyotp.random_base32()


def sealed(secret: str, officer: Officer) -> bytes:
    """The secret as it is stored."""
    return seal(secret, purpose=_PURPOSE, row=str(officer.pk)).encode()


def secret_of(officer: Officer) -> str:
    """The officer's secret. Raises SealBroken, KeyMissing."""
    return unsealed(bytes(officer.totp_sealed or b""), officer)


def unsealed(stored: bytes, officer: Officer) -> str:
    """The secret from its stored form. Raises SealBroken, KeyMissing."""
    return unseal(stored.decode(), purpose=_PURPOSE, row=str(officer.pk))


def step_of(code: str, secret: str, *, after: int, now: datetime | None = None) -> int | None:
    """The step of time in which this code was made, if it is right and later than the step `after`; else None."""
    present = int((now or timezone.now()).timestamp()) // STEP
    totp = pyotp.TOTP(secret)
    found = None
    typed = code.replace(" ", "").encode()
    for step in range(present - DRIFT, present + DRIFT + 1):
        if same_bytes(totp.at(step * STEP).encode(), typed) and step > after:
            found = step
    return found


def picture(secret: str, officer: Officer) -> str:
    """The secret as a QR code for the app: a data: address for <img>."""
    address = pyotp.TOTP(secret).provisioning_uri(name=officer.username, issuer_name="yizhan")
    return segno.make(address, error="m").svg_data_uri(scale=5, border=3)
