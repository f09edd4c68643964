"""Pages about keys, and the page that documents the API, made from its own OpenAPI document."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import get_user
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from yizhan.agency.api import actions, documenting, queries, service
from yizhan.agency.api.door import answer, proven
from yizhan.agency.api.forms import NewKey
from yizhan.agency.desk.words import lang, say
from yizhan.agency.staff.forms import REFUSALS, show_problems
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.pages import SIGNED_IN, Request, machine, page
from yizhan.agency.staff.queries import officer as officer_in_scope
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.sign_in import require_fresh, unfinished
from yizhan.errors import InputProblem


def panel(found: Officer, viewer: Officer) -> tuple[str, dict[str, Any]] | None:
    """An officer's keys, on the own account and on the officer's page; there only if there are any."""
    own, today = found.pk == viewer.pk, timezone.localdate()
    keys = [
        {"key": key, "holds": found.is_active and key.holds_on(today), "scopes": _words(key.scopes)}
        for key in queries.keys_of(found)[:20]
    ]
    may_make = own and any(right in found.rights for right in service.SCOPES)
    if not keys and not may_make:
        return None
    return "api/panel.html", {"keys": keys, "own": own, "may_make": may_make, "officer": found}


def _words(scopes: list[str]) -> str:
    return say("、", ", ").join(str(Right(scope).words) for scope in scopes if scope in set(Right))


@page(SIGNED_IN)
def new_key(request: Request) -> HttpResponse:
    """Make a key, and show it this once."""
    require_fresh(request)
    form = NewKey(request.POST if request.method == "POST" else None, of=request.user)
    made = None
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.make_key(request.user, **form.cleaned_data, acting_user=request.user)
        except REFUSALS as refused:
            show_problems(form, refused)
    context = {
        "form": form,
        "made": made,
        "scopes": _words(made.key.scopes) if made else "",
        "host": request.build_absolute_uri("/")[:-1],
    }
    return render(request, "api/new_key.html", context, status=422 if form.errors else 200)


@page(SIGNED_IN)
@require_POST
def end_key(request: Request, number: int) -> HttpResponse:
    """End one of my keys."""
    actions.end_key(queries.key_of(request.user, number), acting_user=request.user)
    messages.success(request, say("密钥已停用，立即生效。", "The key was ended, with effect at once."))
    return redirect("staff:account")


@page(Right.OFFICER_MANAGE)
@require_POST
def end_key_of(request: Request, officer: int, number: int) -> HttpResponse:
    """End somebody else's key."""
    found = officer_in_scope(request.user, officer)
    actions.end_key(queries.key_of(found, number), acting_user=request.user)
    messages.success(request, say("密钥已停用，立即生效。", "The key was ended, with effect at once."))
    return redirect("staff:officer", number=officer)


@page(SIGNED_IN)
def documentation(request: Request) -> HttpResponse:
    """What the API serves: operation by operation, in the language of the request."""
    sections = documenting.groups(service.schema(), lang())
    refusals = [(status, words) for status, words in service.REFUSALS.items()]
    limits = service.schema()["x-limits"]
    return render(request, "api/documentation.html", {
        "sections": sections, "refusals": refusals, "limits": limits, "host": request.build_absolute_uri("/")[:-1]
    })  # fmt: skip


@machine
def document(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document: for who is signed in or has a key; in the demonstration for everybody."""
    officer = get_user(request)
    if not settings.DEMO and not (isinstance(officer, Officer) and not unfinished(officer)):
        try:
            proven(request)
        except InputProblem as refused:
            return answer([refused])
    return JsonResponse(service.schema(), json_dumps_params={"ensure_ascii": False})
