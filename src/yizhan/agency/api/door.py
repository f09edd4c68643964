"""The door: who calls, by which key, from where, how often. Whoever passes acts as the key's officer.

Every refusal, whatever refused it, is answered in one form: `application/problem+json` with the problems in both languages.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from yizhan.agency.api.errors import (
    ApiFault,
    BadParameter,
    KeyNeeded,
    KeyRefused,
    MethodNotServed,
    NetworkRefused,
    NoSuchAddress,
    NotInScope,
    RequestTooLong,
    RequestUnclear,
    TooManyCalls,
)
from yizhan.agency.api.models import Bearer, Key
from yizhan.agency.api.queries import presented
from yizhan.agency.jobs.errors import RunEnded
from yizhan.agency.rosters.errors import FileSentTwice, WrongState
from yizhan.agency.staff.audit import record, source
from yizhan.agency.staff.errors import AlreadyThere, NotAllowed, NotFound, NotFresh, Outdated, OverCeiling
from yizhan.agency.staff.limits import within
from yizhan.agency.staff.pages import LONGEST_OF_PROGRAMS, machine
from yizhan.agency.staff.scope import acting
from yizhan.errors import InputProblem, Problem, Problems

log = logging.getLogger(__name__)

ROOT = "/api/v1/"
PROBLEM_TYPE = "application/problem+json"
A_SECOND, AT_ONCE = 20, 4
"""Calls of one key that each serving process takes."""

TOUCH = timedelta(minutes=1)
"""How old the note of a key's last use may grow before it is written again."""

STATUS: tuple[tuple[int, tuple[type[Problem], ...]], ...] = (
    (404, (NotFound, NoSuchAddress)),
    (401, (KeyNeeded, KeyRefused)),
    (403, (NotAllowed, NotFresh, NotInScope, NetworkRefused)),
    (429, (OverCeiling, TooManyCalls)),
    (409, (AlreadyThere, Outdated, FileSentTwice, WrongState, RunEnded)),
    (405, (MethodNotServed,)),
    (413, (RequestTooLong,)),
    (400, (RequestUnclear,)),
    (500, (ApiFault,)),
)
"""Which status answers which refusal; any other is 422."""


UNRECORDED = (TooManyCalls, BadParameter, RequestUnclear)
"""Slips of a program, not attempts at what is not its own; too many calls would be the work saved."""


class Request(HttpRequest):
    """A call that has passed the door."""

    bearer: Bearer


def answer(problems: Sequence[Problem], status: int = 0) -> HttpResponse:
    """A refusal."""
    status = status or next((code for code, kinds in STATUS if any(isinstance(p, kinds) for p in problems)), 422)
    response = JsonResponse(body(problems, status), status=status, json_dumps_params={"ensure_ascii": False})
    response.headers["Content-Type"] = PROBLEM_TYPE
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="yizhan"'
    if status == 429:
        response.headers["Retry-After"] = str(max(_wait(problem) for problem in problems))
    return response


def body(problems: Sequence[Problem], status: int) -> dict[str, Any]:
    """What a refusal says (RFC 9457)."""
    told = [{"code": p.code, "at": p.at, "zh": p.text("zh"), "en": p.text("en")} for p in problems]
    return {"title": HTTPStatus(status).phrase, "status": status, "problems": told}


def _wait(problem: Problem) -> int:
    """Seconds after which asking again may help: until the next call, or until tomorrow where the day's ceiling is reached."""
    if isinstance(problem, TooManyCalls):
        return int(str(problem.found["seconds"]))
    now = timezone.localtime()
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1, int((midnight - now).total_seconds()))


def door(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view behind the door: what refuses inside it is answered, recorded where somebody known was refused, and changes nothing."""

    @machine
    @wraps(view)
    def opened(request: Request, **where: Any) -> HttpResponseBase:
        bearer = None
        try:
            bearer = _known(request)
            with within(("key", bearer.key.pk), a_second=A_SECOND, at_once=AT_ONCE, refuse=_too_many):
                request.bearer = _admitted(bearer)
                return view(request, **where)
        except (Problems, InputProblem) as refused:
            problems = refused.problems if isinstance(refused, Problems) else (refused,)
            if bearer is not None and not all(isinstance(problem, UNRECORDED) for problem in problems):
                note(problems, request, bearer)
            return answer(problems)

    return opened


def _known(request: HttpRequest) -> Bearer:
    """Whose key the request bears. Raises KeyNeeded, KeyRefused."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        raise KeyNeeded
    bearer = presented(secret.strip())
    if bearer is None:
        log.warning("a key that nobody has, from %s", source.get())
        raise KeyRefused(why_zh="没有这个密钥", why_en="there is none like it")
    return bearer


def proven(request: HttpRequest) -> Bearer:
    """Who calls, where nothing but that is asked. Raises KeyNeeded, KeyRefused, NetworkRefused."""
    return _admitted(_known(request))


def _admitted(bearer: Bearer) -> Bearer:
    """The same, and that the key was used is noted. Raises KeyRefused, NetworkRefused."""
    key, now = bearer.key, timezone.now()
    if key.ended_at is not None:
        raise KeyRefused(why_zh=f"已停用（{key.state.zh}）", why_en=f"it was ended ({key.state.en})")
    if not bearer.is_active:
        raise KeyRefused(why_zh="账号已停用", why_en="the account is suspended")
    if not key.holds_on(timezone.localdate()):
        raise KeyRefused(why_zh=f"已于 {key.ends_on} 到期", why_en=f"it ended on {key.ends_on}")
    if key.networks and not _inside(source.get(), key.networks):
        raise NetworkRefused(source=source.get() or "?")
    _touch(bearer, now)
    return bearer


def _inside(address: str, networks: Sequence[str]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(network) for network in networks)


def _touch(bearer: Bearer, now: datetime) -> None:
    key = bearer.key
    if key.used_at is None or now - key.used_at > TOUCH or key.used_from != source.get():
        with acting(bearer):
            Key.objects.filter(pk=key.pk, ended_at=None).update(used_at=now, used_from=source.get())


def _too_many(seconds: int) -> Problem:
    return TooManyCalls(seconds=seconds)


def note(problems: Sequence[Problem], request: HttpRequest, bearer: Bearer) -> None:
    """Record a refusal: what was asked, and why not."""
    with acting(bearer):
        record(
            "key.refuse", bearer.key, outcome="refused", method=request.method, path=request.path,
            codes=[problem.code for problem in problems], acting_user=bearer,
        )  # fmt: skip


class AnswersMiddleware:
    """Answers in one form, too, where something before or behind the operations refused; and reads no cookie."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(ROOT):
            return self.get_response(request)
        request.META.pop("HTTP_COOKIE", None)
        response = self.get_response(request)
        if response.status_code >= 400 and response.headers.get("Content-Type") != PROBLEM_TYPE:
            told = answer([_refusal(response.status_code, request)], response.status_code)
            # The headers that others have set stay.
            response.content = told.content
            response.headers["Content-Type"] = PROBLEM_TYPE
            response.headers["Content-Length"] = str(len(told.content))
        return response


def _refusal(status: int, request: HttpRequest) -> Problem:
    if status >= 500:
        number = secrets.token_hex(4).upper()
        log.error("fault %s at %s %s", number, request.method, request.path)
        return ApiFault(number=number)
    if status == 404:
        return NoSuchAddress()
    if status == 405:
        return MethodNotServed(method=request.method)
    if status == 413:
        return RequestTooLong(most=LONGEST_OF_PROGRAMS >> 20)
    return RequestUnclear()
