"""Who calls: each profile checks the proof that a message carries, before anything of its input is looked at.

The window of time keeps old messages out; that a message is carried out once is another matter, kept by its number
(`door`). A message sent again after the window is signed anew under the same number.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from yizhan.agency import crypto
from yizhan.agency.gateway.errors import NotFromHere, OutsideWindow, SignatureRefused

WINDOW_MINUTES = 5
"""How far the time of a signature may be off ours."""

SECRET = "gateway.secret"
"""Purpose of the seal of a caller's key."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a message shows of its sender: headers as WSGI has them, body, source, and the time at which it came."""

    headers: Mapping[str, Any]
    body: bytes
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Key:
    """A caller's keys: the present one, and the former while it holds."""

    institution: str
    key_id: str
    sealed: tuple[str, ...] = field(repr=False)
    public_key: str = ""

    def secrets(self) -> list[bytes]:
        """The keys that hold now, unsealed."""
        return [crypto.unseal(one, purpose=SECRET, row=self.institution).encode() for one in self.sealed if one]


def check(profile: str, key: Key, proof: Proof) -> None:
    """Raises NotFromHere, SignatureRefused, OutsideWindow."""
    _CHECKS[profile](key, proof)


def _none(key: Key, proof: Proof) -> None:
    try:
        address = ipaddress.ip_address(proof.source)
    except ValueError:
        raise NotFromHere(source=proof.source or "?") from None
    if not (address.is_loopback or address.is_private):
        raise NotFromHere(source=proof.source)


_CSB = ("_api_access_key", "_api_name", "_api_timestamp", "_api_version")


def _csb(key: Key, proof: Proof) -> None:
    said = {name: str(proof.headers.get(f"HTTP_{name.upper()}", "")) for name in (*_CSB, "_api_signature")}
    if not said["_api_signature"] or said["_api_access_key"] != key.key_id:
        raise SignatureRefused(why_zh="_api_access_key 不是本机构的", why_en="_api_access_key is not the institution's")
    signed = "&".join(f"{name}={said[name]}" for name in _CSB if said[name])
    given = said["_api_signature"].encode()
    right = any(
        crypto.same_bytes(base64.b64encode(crypto.hmac_sha1(secret, signed.encode())), given)
        for secret in key.secrets()
    )
    if not right:
        raise SignatureRefused(why_zh="_api_signature 不符", why_en="_api_signature differs")
    _within(said["_api_timestamp"], proof.at)


def _within(stamp: str, now: datetime) -> None:
    """Seconds or milliseconds since 1970."""
    if not stamp.isdecimal() or len(stamp) not in (10, 13):
        raise SignatureRefused(why_zh="时间戳不对", why_en="its time is no time")
    at = datetime.fromtimestamp(int(stamp[:10]), UTC)
    if abs((now - at).total_seconds()) > WINDOW_MINUTES * 60:
        raise OutsideWindow(minutes=WINDOW_MINUTES)


_CHECKS: Mapping[str, Callable[[Key, Proof], None]] = {"none": _none, "csb": _csb}
