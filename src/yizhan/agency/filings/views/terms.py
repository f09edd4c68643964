"""Pages of terms: how long filings hold, and by which document."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from yizhan.agency.desk.words import say
from yizhan.agency.filings import queries
from yizhan.agency.filings.actions.terms import set_term
from yizhan.agency.filings.forms import TermForm
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.errors import Problem, Problems


@page(Right.FILING_SEE)
def terms(request: Request) -> HttpResponse:
    """The terms in force in the officer's area, kind by kind, and those before and after them."""
    today = timezone.localdate()
    rows = queries.terms(request.user.area_path, today)
    context = {"terms": rows, "today": today, "may_set": request.user.may(Right.FILING_DECIDE)}
    return render(request, "filings/terms.html", context)


@page(Right.FILING_DECIDE)
def new_term(request: Request) -> HttpResponse:
    """Set a term of the officer's area."""
    form = TermForm(
        request.POST or None, initial={"kind": request.GET.get("kind", ""), "from_on": timezone.localdate()}
    )
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        try:
            set_term(request.user.area, **form.cleaned_data, acting_user=request.user)
        except Problems as refused:
            problems = refused.problems
        else:
            messages.success(request, say("期限已设定。", "The term is set."))
            return redirect("filings:terms")
    context = {"form": form, "problems": problems}
    return render(request, "filings/term.html", context, status=422 if request.method == "POST" else 200)
