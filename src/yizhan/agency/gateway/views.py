"""One view for all messages: bytes in, bytes out, HTTP 200 whatever comes of it, as hospitals' systems expect it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from yizhan.agency.gateway.door import Incoming, handle
from yizhan.agency.staff.pages import LONGEST_OF_PROGRAMS, machine, source_of


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
