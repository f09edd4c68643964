"""Who calls: each profile checks the proof that a message carries, before anything of its input is looked at.

The window of time keeps old messages out; that a message is carried out once is another matter, kept by its number
(`door`). A message sent again after the window is signed anew under the same number.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from yizhan.agency import crypto
from yizhan.agency.gateway.envelope import member, parsed
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
    content: Any = None
    envelope: Mapping[str, Any] = field(default_factory=dict, repr=False)


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


@dataclass(frozen=True, slots=True)
class Opened:
    """The input as the sender wrote it, and whether the answer's output is encrypted with a key."""

    content: Any
    sealed_with: bytes = b""


def check(profile: str, key: Key, proof: Proof) -> Opened:
    """Raises NotFromHere, SignatureRefused, OutsideWindow; MessageUnreadable where an input cannot be opened."""
    return _CHECKS[profile](key, proof) or Opened(proof.content)


def _refuse(zh: str, en: str) -> SignatureRefused:
    return SignatureRefused(why_zh=zh, why_en=en)


_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED")
_FOR = re.compile(r"for=\"?\[?([^;,\"\]]+)", re.IGNORECASE)


def _none(key: Key, proof: Proof) -> None:
    """Every address on the way has to be a private one: a proxy of ours lets in whoever comes from outside. And no browser: a
    page of somebody else would write with its reader's address.
    """
    if origin := str(proof.headers.get("HTTP_ORIGIN", "")):
        raise NotFromHere(source=f"Origin {origin[:60]}")
    named = [proof.source]
    for header in _FORWARDED:
        said = str(proof.headers.get(header, ""))
        named += _FOR.findall(said) if header == "HTTP_FORWARDED" else said.split(",") if said else []
    for source in named:
        if not _is_private(source.strip()):
            raise NotFromHere(source=source.strip()[:45] or "?")


def _is_private(source: str) -> bool:
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return False
    # An IPv4 address may come in the clothes of IPv6, all of which count as private.
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_private


_CSB = ("_api_access_key", "_api_name", "_api_timestamp", "_api_version")


def _csb(key: Key, proof: Proof) -> None:
    said = {name: str(proof.headers.get(f"HTTP_{name.upper()}", "")) for name in (*_CSB, "_api_signature")}
    if not said["_api_signature"] or said["_api_access_key"] != key.key_id:
        raise _refuse("_api_access_key 不是本机构的", "_api_access_key is not the institution's")
    signed = "&".join(f"{name}={said[name]}" for name in _CSB if said[name]).encode()
    _one_of(
        key, said["_api_signature"], "_api_signature", lambda k: base64.b64encode(crypto.machine().hmac_sha1(k, signed))
    )
    if _NUMBER.fullmatch(said["_api_name"]) and said["_api_name"] != str(proof.envelope.get("infno")):
        raise _refuse("_api_name 与 infno 不符", "_api_name is not the infno of the body")
    _within(said["_api_timestamp"], proof.at)


_NUMBER = re.compile("[0-9]{4}[A-Z]?")
"""Some clients name the transaction in _api_name, which is signed: then the body has to be of that one. Others name a service."""


def _one_of(key: Key, given: str, name: str, made: Callable[[bytes], bytes]) -> None:
    """Refuse a value that none of the keys makes."""
    if not any(crypto.same_bytes(made(secret), given.encode()) for secret in key.secrets()):
        raise _refuse(f"{name} 不符", f"{name} differs")


def _within(stamp: str, now: datetime) -> None:
    """Seconds or milliseconds since 1970."""
    if not stamp.isascii() or not stamp.isdecimal() or len(stamp) not in (10, 13):
        raise _refuse("时间戳不对", "its time is no time")
    at = datetime.fromtimestamp(int(stamp[:10]), UTC)
    if abs((now - at).total_seconds()) > WINDOW_MINUTES * 60:
        raise OutsideWindow(minutes=WINDOW_MINUTES)


# Neither time nor nonce of this profile covers the body, so a nonce is good for one message only (`door`).
def _tif(key: Key, proof: Proof) -> None:
    said = {
        name: str(proof.headers.get(f"HTTP_X_TIF_{name.upper()}", ""))
        for name in ("paasid", "timestamp", "nonce", "signature")
    }
    if said["paasid"] != key.key_id or not said["nonce"] or len(said["nonce"]) > LONGEST_NONCE:
        raise _refuse("x-tif-paasid 或 x-tif-nonce 不对", "x-tif-paasid or x-tif-nonce is wrong")
    time, nonce = said["timestamp"].encode(), said["nonce"].encode()
    _one_of(
        key, said["signature"].lower(), "x-tif-signature",
        lambda token: crypto.digest(time + token + nonce + time).hex().encode(),
    )  # fmt: skip
    _within(said["timestamp"], proof.at)


LONGEST_NONCE = 64


def nonce_of(profile: str, headers: Mapping[str, Any]) -> str:
    """The nonce of a message that was checked; "" where its profile has none."""
    return str(headers.get("HTTP_X_TIF_NONCE", "")) if profile == "tif" else ""


def _ca(key: Key, proof: Proof) -> None:
    stamp, _, given = str(proof.headers.get("HTTP_X_CA_SIGNATURE", "")).partition(":")
    if str(proof.headers.get("HTTP_X_CA_KEY", "")) != key.key_id:
        raise _refuse("x-ca-key 不是本机构的", "x-ca-key is not the institution's")
    signed = f"{stamp}\n".encode() + proof.body
    _one_of(key, given.lower(), "x-ca-signature", lambda k: crypto.machine().hmac_sm3(k, signed).hex().encode())
    _within(stamp, proof.at)


# --- Token, SM2 and SM4 -----------------------------------------------------------------------------------------------


def _token(key: Key, proof: Proof) -> Opened:
    """The bearer token was checked by `door`, which asks the database. Here: the signature, and the input in clear."""
    machine, client = crypto.machine(), key.key_id.encode()
    content, text, sealed_with = proof.content, "", b""
    if isinstance(content, str) and content and not content.lstrip().startswith("{"):
        sealed_with = client[:16]
        try:
            text = machine.sm4_open(sealed_with, base64.b64decode(content, validate=True)).decode()
        except ValueError:
            raise _refuse("input 解不开（SM4）", "input cannot be opened (SM4)") from None
        content = parsed(text)
    else:
        text = member(proof.body.decode("utf-8", errors="replace"), "input")
    if key.public_key:
        given = str(proof.envelope.get("cainfo") or "")
        try:
            public, signature = bytes.fromhex(key.public_key), base64.b64decode(given, validate=True)
        except ValueError:
            raise _refuse("cainfo 不是 Base64", "cainfo is no base64") from None
        if not machine.sm2_verify(public, client, text.encode(), signature):
            raise _refuse("cainfo（SM2 签名）不符", "cainfo (SM2 signature) differs")
    return Opened(content, sealed_with)


_CHECKS: Mapping[str, Callable[[Key, Proof], Opened | None]] = {
    "none": _none, "csb": _csb, "tif": _tif, "ca": _ca, "token": _token,
}  # fmt: skip
