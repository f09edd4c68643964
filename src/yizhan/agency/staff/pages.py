"""A page: who may open it, and on whose behalf it reads and writes.

`@page(Right.PERSON_SEE)` is the only way to make one. It runs the view inside `acting(officer)`, turns a refusal into a
page that says what to do, and records the refusal. A view without it is refused by the middleware: what is not
granted is denied.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import get_user
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from yizhan.agency.staff.audit import record, source
from yizhan.agency.staff.errors import NotAllowed, NotFound, NotFresh
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting
from yizhan.agency.staff.sessions import ENDED_WHY
from yizhan.agency.staff.sign_in import unfinished
from yizhan.errors import InputProblem, Problem, Problems

View = Callable[..., HttpResponseBase]


class Request(HttpRequest):
    """A request of somebody who has signed in: what every view behind a right or SIGNED_IN is given."""

    user: Officer


SIGNED_IN = "signed_in"
"""Instead of a right: every officer may open the page."""

PUBLIC = "public"
"""Instead of a right: nobody need sign in."""

MACHINE = "machine"
"""Instead of a right: a program calls, and shows by its message who it is; what it may do is decided message by message."""


def machine(view: View) -> View:
    """Mark a view as one that programs call: no session, no form, its own proof of who calls."""
    view.right = MACHINE  # type: ignore[attr-defined]  # read by PageMiddleware and by the tests of rights
    return csrf_exempt(view)


def page(
    right: Right | str, *, while_unfinished: bool = False, own_transaction: bool = False
) -> Callable[[View], View]:
    """Mark a view as a page, and say which right opens it: a `Right`, SIGNED_IN or PUBLIC.

    `while_unfinished`: also open to an officer who first has to change the password or set up the second factor.
    `own_transaction`: the view calls one action, which acts in a transaction of its own; what else it reads it reads in
    `acting` itself.
    """

    def mark(view: View) -> View:
        @wraps(view)
        def opened(request: HttpRequest, **where: Any) -> HttpResponseBase:
            if right == PUBLIC:
                return _answered(view, request, where)
            request.user = officer = get_user(request)  # itself: each look through Django's lazy wrapper takes its time
            if not isinstance(officer, Officer):
                return _to_sign_in(request)
            if not while_unfinished and (first := unfinished(officer)):
                return redirect(first)
            if isinstance(right, Right) and not officer.may(right):
                return _refused(
                    request, officer, [NotAllowed(right_zh=right.words.zh, right_en=right.words.en)], act=str(right)
                )
            try:
                with nullcontext() if own_transaction else acting(officer):
                    return _answered(view, request, where)
            except _Refusal as refusal:
                if request.method == "GET" and any(isinstance(p, NotFresh) for p in refusal.problems):
                    return redirect(f"{reverse('staff:confirm')}?{urlencode({'next': request.get_full_path()})}")
                return _refused(request, officer, refusal.problems, act=str(right))

        opened.right = right  # type: ignore[attr-defined]  # read by PageMiddleware and by the tests of rights
        return opened

    return mark


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    why = getattr(request.session, "ended_why", "")
    if why in ENDED_WHY:
        messages.warning(request, str(ENDED_WHY[why]))
    if request.headers.get("HX-Request"):
        # A part of a page would otherwise show the sign-in form inside itself.
        return HttpResponse(headers={"HX-Redirect": reverse(settings.LOGIN_URL)})
    back = request.get_full_path() if request.method == "GET" and request.path != reverse("staff:home") else ""
    return redirect_to_login(back, settings.LOGIN_URL) if back else redirect(settings.LOGIN_URL)


class _Refusal(Exception):
    """Leaves `acting`, so that the transaction is rolled back before the refusal is recorded."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems


def _answered(view: View, request: HttpRequest, where: dict[str, Any]) -> HttpResponseBase:
    try:
        return view(request, **where)
    except Problems as refused:
        problems = refused.problems
    except InputProblem as refused:
        problems = (refused,)
    if request.user.is_authenticated:
        raise _Refusal(problems) from None
    return _page_of(request, problems)


def _refused(
    request: HttpRequest, officer: Officer, problems: list[Problem] | tuple[Problem, ...], *, act: str
) -> HttpResponse:
    with transaction.atomic():
        record(act, outcome="refused", acting_user=officer, path=request.path, codes=[p.code for p in problems])
    return _page_of(request, problems)


def _page_of(request: HttpRequest, problems: list[Problem] | tuple[Problem, ...]) -> HttpResponse:
    status = 422
    if any(isinstance(p, NotFound) for p in problems):
        status = 404
    elif any(isinstance(p, NotAllowed | NotFresh) for p in problems):
        status = 403
    confirm = any(isinstance(p, NotFresh) for p in problems)
    return render(
        request, "desk/refused.html", {"problems": problems, "status": status, "confirm": confirm}, status=status
    )


def _too_long(request: HttpRequest) -> HttpResponse | None:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) <= LONGEST_OF_STRANGERS:
        return None
    if int(length) <= LONGEST_OF_PROGRAMS and request.path.startswith(PROGRAMS):
        return None
    if int(length) <= LONGEST_REQUEST and request.user.is_authenticated:
        return None
    return HttpResponse(render_to_string("staff/bad_request.html"), status=413)


def source_of(request: HttpRequest) -> str:
    """The address that a request came from. Behind a TLS proxy on this machine, the last that the proxy added."""
    address = request.META.get("REMOTE_ADDR", "")
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    if settings.HTTPS and forwarded and address in ("127.0.0.1", "::1", ""):
        return forwarded[:45]
    return address


LONGEST_REQUEST = 64 << 20
LONGEST_OF_STRANGERS = 1 << 20
"""Bytes of a request: more than any list has; of somebody who has not signed in, more than any form at the door."""

PROGRAMS = ("/fsi/api/", "/mbs/fmi/fsi/api/", "/eapdomain/", "/CSB", "/auth/oauth/", "/api/v1/")
LONGEST_OF_PROGRAMS = 16 << 20
"""Where programs call (`machine`), and bytes of their longest message: a file that travels as a list of numbers."""


class PageMiddleware:
    """Denies views that are no pages, remembers where a request came from, and keeps answers out of caches."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = source.set(source_of(request))
        try:
            # Before anything is read: what is uploaded goes to the disk first, and whose it is is asked later.
            response = _too_long(request) or self.get_response(request)
        finally:
            source.reset(token)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response

    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        """Refuse what nobody marked as a page, and acts that another site started: its forms have no token of ours, and
        browsers say so themselves."""
        if not hasattr(view, "right"):
            return _page_of(request, [NotFound()])
        # A report of the browser (csrf_exempt) is no form, and has not been read yet.
        forms = (request.GET,) if getattr(view, "csrf_exempt", False) else (request.GET, request.POST)
        asked = [value for form in forms for _, values in form.lists() for value in values]
        if any("\0" in str(value) for value in (*asked, *kwargs.values())):
            # No form of ours sends it, and the database knows no such text.
            return HttpResponse(render_to_string("staff/bad_request.html"), status=400)
        foreign = request.headers.get("Sec-Fetch-Site", "") in ("cross-site", "same-site")
        if foreign and request.method not in ("GET", "HEAD", "OPTIONS"):
            return render(request, "staff/forged.html", status=403)
        return None
