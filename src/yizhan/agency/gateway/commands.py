"""`./yizhan access`: who may call over the hospital interface, and how each shows who it is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from yizhan.agency.gateway.actions import grant, stop
from yizhan.agency.gateway.models import PROFILES, Caller
from yizhan.agency.staff.errors import BadStaffCode
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.scope import System, acting

OPERATOR = System("./yizhan access")


def access(options: argparse.Namespace) -> Iterator[str]:
    """Lines to print. Raises BadStaffCode, UnknownWord."""
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
    granted = grant(
        institution, profile=options.profile, public_key=options.public_key, former_days=options.former_days,
        terms=_terms(options), acting_user=OPERATOR,
    )  # fmt: skip
    words = PROFILES[granted.caller.profile]
    yield f"{institution.code} {institution.name}：{words.zh}" if zh else f"{institution.code}: {words.en}"
    if granted.secret:
        yield f"key id  {granted.caller.key_id}"
        yield f"secret  {granted.secret}"
        yield "密钥只显示这一次，请安全地交给医院。" if zh else "The key is shown this once; hand it over safely."


def _terms(options: argparse.Namespace) -> dict[str, Any]:
    said = {"sign_check": options.sign_check, "a_second": options.a_second, "at_once": options.at_once}
    if options.text_code:
        said["code_as_text"] = options.text_code == "yes"
    return {name: value for name, value in said.items() if value is not None}


def _listed(zh: bool) -> Iterator[str]:
    with acting(OPERATOR):
        for row in Caller.objects.select_related("institution").order_by("institution__code"):
            words = PROFILES[row.profile].zh if zh else PROFILES[row.profile].en
            state = ("" if row.is_active else "（已停用）") if zh else "" if row.is_active else " (shut out)"
            yield f"{row.institution.code}  {row.institution.name}  {words}{state}"
