"""`./yizhan access`: who may call over the hospital interface, and how each shows who it is."""

from __future__ import annotations

import argparse
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from yizhan.agency import crypto
from yizhan.agency.gateway.actions import change_terms, grant, stop
from yizhan.agency.gateway.errors import NoSuchKey
from yizhan.agency.gateway.models import PROFILES, SIGN_CHECKS, Caller
from yizhan.agency.staff.errors import BadStaffCode
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.scope import System, acting

OPERATOR = System("./yizhan access")


def access(options: argparse.Namespace) -> Iterator[str]:
    """Lines to print. With a profile a new key is made; without one only the terms change. Raises BadStaffCode, UnknownWord,
    NoSuchKey, NoAccessYet.
    """
    zh = options.lang == "zh"
    if not options.code:
        yield from _listed(zh)
        return
    institution = Institution.objects.filter(code=options.code).first()
    if institution is None:
        raise BadStaffCode(code=options.code, what_zh="机构编码", what_en="the code of an institution")
    if options.stop:
        stop(institution, acting_user=OPERATOR)
        yield f"{institution.code} {institution.name}：接口已停用。" if zh else f"{institution.code}: shut out."
        return
    terms = _terms(options)
    if not options.profile:
        yield from _shown(change_terms(institution, terms=terms, acting_user=OPERATOR), zh)
        return
    granted = grant(
        institution, profile=options.profile, former_days=options.former_days, terms=terms, acting_user=OPERATOR
    )
    yield from _shown(granted.caller, zh)
    if granted.secret:
        yield f"key id  {granted.caller.key_id}"
        yield f"secret  {granted.secret}"
        yield "密钥只显示这一次，请安全地交给医院。" if zh else "The key is shown this once; hand it over safely."
    if granted.caller.profile == "token" and not granted.caller.public_key:
        yield (
            "没有登记 SM2 公钥（--public-key），报文的签名不核对。"
            if zh
            else "No SM2 public key is on record (--public-key): messages' own signatures are not checked."
        )


def _shown(caller: Caller, zh: bool) -> Iterator[str]:
    words, check = PROFILES[caller.profile], SIGN_CHECKS[caller.sign_check]
    yield (
        f"{caller.institution.code} {caller.institution.name}：{words.zh}"
        if zh
        else f"{caller.institution.code}: {words.en}"
    )
    yield (
        f"{check.zh}；每秒 {caller.a_second} 条，同时 {caller.at_once} 条"
        if zh
        else f"{check.en}; {caller.a_second} messages a second, {caller.at_once} at once"
    )


def public_key(said: str) -> str:
    """A public key in hexadecimal, from that or a PEM file as OpenSSL writes it. Raises NoSuchKey."""
    path = Path(said)
    try:
        if path.is_file():
            lines = path.read_text(encoding="utf-8-sig").strip().splitlines()
            # Whatever stands before it in the DER, the point of the curve is at the end.
            found = base64.b64decode("".join(line for line in lines if not line.startswith("-----")))[-64:]
        else:
            found = bytes.fromhex(said)
    except (ValueError, OSError):
        found = b""
    if not crypto.sm2_is_public(found):
        raise NoSuchKey(where=said[:60], what_zh="公钥", what_en="public key")
    return found.hex()


def _terms(options: argparse.Namespace) -> dict[str, Any]:
    said = {"sign_check": options.sign_check, "a_second": options.a_second, "at_once": options.at_once}
    if options.text_code:
        said["code_as_text"] = options.text_code == "yes"
    if options.public_key:
        said["public_key"] = public_key(options.public_key)
    return {name: value for name, value in said.items() if value is not None}


def _listed(zh: bool) -> Iterator[str]:
    with acting(OPERATOR):
        for row in Caller.objects.select_related("institution").order_by("institution__code"):
            words = PROFILES[row.profile].zh if zh else PROFILES[row.profile].en
            state = ("" if row.is_active else "（已停用）") if zh else "" if row.is_active else " (shut out)"
            yield f"{row.institution.code}  {row.institution.name}  {words}{state}"
