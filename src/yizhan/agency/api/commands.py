"""`./yizhan key`: keys of the API made, listed and ended by the operator, where an officer's program is set up without a browser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from yizhan.agency.api import operations
from yizhan.agency.api.actions import end_key, make_key
from yizhan.agency.api.models import Key
from yizhan.agency.api.service import SCOPES
from yizhan.agency.staff.errors import BadStaffCode, NotFound
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.scope import System, acting

OPERATOR = System("./yizhan key")


def key(options: argparse.Namespace) -> Iterator[str]:
    """Lines to print. Raises BadStaffCode, NotFound, TooManyKeys, Problems."""
    zh = options.lang == "zh"
    if options.end:
        with acting(OPERATOR):
            found = Key.objects.filter(pk=options.end).first()
        if found is None:
            raise NotFound
        end_key(found, acting_user=OPERATOR)
        yield f"密钥 {found.pk} 已停用。" if zh else f"key {found.pk} was ended."
    elif options.username:
        yield from _made(options, zh)
    else:
        yield from _listed(zh)


def _made(options: argparse.Namespace, zh: bool) -> Iterator[str]:
    officer = Officer.objects.filter(username=options.username).first()
    if officer is None:
        raise BadStaffCode(code=options.username, what_zh="用户名", what_en="the name of a user")
    operations.load()
    made = make_key(
        officer, name=options.name, scopes=options.scope or [str(right) for right in SCOPES if right in officer.rights],
        ends_on=timezone.localdate() + timedelta(days=options.days), networks=options.network, acting_user=OPERATOR,
    )  # fmt: skip
    yield f"{made.key.pk}  {officer.username}  {made.key.name}  {' '.join(made.key.scopes)}"
    yield made.secret
    yield (
        "密钥只显示这一次，请存入调用它的系统。"
        if zh
        else "The key is shown this once; keep it in the system that calls."
    )


def _listed(zh: bool) -> Iterator[str]:
    today = timezone.localdate()
    with acting(OPERATOR):
        for row in Key.objects.select_related("officer").order_by("officer__username", "id"):
            state = str(row.ends_on) if row.holds_on(today) else row.state.zh if zh else row.state.en
            used = f"{timezone.localtime(row.used_at):%Y-%m-%d %H:%M} {row.used_from}" if row.used_at else "—"
            yield f"{row.pk}  {row.officer.username}  {row.name}  {' '.join(row.scopes)}  {state or row.ends_on}  {used}"
