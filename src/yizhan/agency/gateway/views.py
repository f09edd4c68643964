"""One view for all messages: bytes in, bytes out, HTTP 200 whatever comes of it, as hospitals' systems expect it."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from yizhan.agency.gateway.door import Incoming, handle
from yizhan.agency.gateway.tokens import SECONDS, give_token
from yizhan.agency.staff.pages import LONGEST_OF_PROGRAMS, machine, source_of
from yizhan.errors import InputProblem

log = logging.getLogger(__name__)


@machine
def service(request: HttpRequest, service: str = "") -> HttpResponse:
    """Take one message."""
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    body = request.read(LONGEST_OF_PROGRAMS + 1)
    if len(body) > LONGEST_OF_PROGRAMS:
        return HttpResponse(status=413)
    lang = "en" if request.headers.get("Accept-Language", "").lower().startswith("en") else "zh"
    charset = request.content_params.get("charset", "") if request.content_params else ""
    reply = handle(Incoming(body, request.path, request.META, source_of(request), lang, charset))
    return HttpResponse(reply.body, content_type=reply.content_type)


@machine
def token(request: HttpRequest) -> HttpResponse:
    """A token for user name, password and the Basic header of client id and key, as OAuth2 writes them."""
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    basic = request.headers.get("Authorization", "").removeprefix("Basic ").strip()
    name, password = request.POST.get("username", ""), request.POST.get("password", "")
    if any(not one or len(one) > 200 or "\0" in one for one in (name, password)):
        return JsonResponse({"error": "invalid_request"}, status=400)
    try:
        made = give_token(name, password, basic, now=timezone.now())
    except InputProblem as refused:
        log.warning("no token: institution %s: %s", name[:30], refused.code)
        return JsonResponse({"error": "invalid_grant", "error_description": refused.text("zh")}, status=401)
    return JsonResponse({"access_token": made, "token_type": "bearer", "expires_in": SECONDS, "scope": "server"})
