"""The list of filings."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from yizhan.agency.desk.tables import in_pages
from yizhan.agency.filings import queries, tables
from yizhan.agency.filings.kinds import KINDS
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right


@page(Right.FILING_SEE)
def filings(request: Request) -> HttpResponse:
    """Filings by kind and state; what waits for this officer is one of the views."""
    officer, today = request.user, timezone.localdate()
    kind, state = request.GET.get("kind", ""), request.GET.get("state", "")
    search = request.POST.get("q", "").strip()[:60]
    kind, state = kind if kind in KINDS else "", state if state in queries.VIEWS else ""
    rows = queries.listed(officer, today=today, kind=kind, state=state, search=search)
    return render(request, "filings/filings.html", {
        "table": in_pages(request, tables.Filings(rows, officer=officer, today=today)), "kinds": KINDS, "kind": kind,
        "views": queries.VIEWS, "state": state, "search": search, "counts": queries.counts(officer, today=today),
        "may_make": officer.may(Right.FILING_MAKE),
    })  # fmt: skip
