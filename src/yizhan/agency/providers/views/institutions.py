"""Pages of institutions: who treats insured people, on which terms, since when and until when."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from yizhan.agency.desk.tables import in_pages
from yizhan.agency.desk.words import say
from yizhan.agency.providers import queries, tables
from yizhan.agency.providers.actions import agreements
from yizhan.agency.providers.forms import AgreementForm, DesignationForm, EndForm, EventForm
from yizhan.agency.providers.kinds import CARES, DESIGNATIONS, LEVELS, STANDINGS
from yizhan.agency.providers.models import Designation
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import INSTITUTION_KINDS
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import institution_of
from yizhan.engine.facts import FACTS
from yizhan.errors import InputProblem, Problem, Problems


@page(Right.PROVIDER_SEE)
def institutions(request: Request) -> HttpResponse:
    """All institutions of the area, and how they stand today. An institution's staff see their own at once."""
    own = institution_of(request.user)
    if own is not None:
        return redirect("providers:institution", number=own)
    today = timezone.localdate()
    kind, state = request.GET.get("kind", ""), request.GET.get("state", "")
    search = request.POST.get("q", "").strip()[:60]
    found = queries.institutions(
        request.user,
        on=today,
        search=search,
        kind=kind if kind in INSTITUTION_KINDS else "",
        state=state if state in STANDINGS else "",
    )
    counts = queries.standing_counts(request.user, on=today)
    return render(request, "providers/institutions.html", {
        "table": in_pages(request, tables.Institutions(found, today=today)), "states": [(s, counts[s.code]) for s in STANDINGS.values()],
        "kinds": INSTITUTION_KINDS, "kind": kind, "state": state, "search": search,
    })  # fmt: skip


@page(Right.PROVIDER_SEE)
def institution(request: Request, number: int) -> HttpResponse:
    """One institution: how it stands, its agreements, what it is designated for, what happened."""
    found = queries.institution(number, request.user)
    today = timezone.localdate()
    return render(request, "providers/institution.html", {
        **_about(found), "today": today, "standing": queries.standing(found.pk, today), "agreements": queries.agreements(found),
        "cares": CARES, "designations": queries.designations(found), "designated": DESIGNATIONS,
        "timeline": queries.timeline(found), "kinds": INSTITUTION_KINDS, "may_edit": request.user.may(Right.AGREEMENT_EDIT),
    })  # fmt: skip


def _about(found: Any) -> dict[str, Any]:
    tier = FACTS["institution_tier"].value(found.tier)
    return {
        "institution": found, "shown": STANDINGS[found.standing_code], "kind": INSTITUTION_KINDS.get(found.kind, found.kind),
        "level": LEVELS.get(found.level, found.level), "tier": say(tier.zh, tier.en) if tier else found.tier,
    }  # fmt: skip


@page(Right.AGREEMENT_EDIT)
@require_POST
def set_kind(request: Request, number: int) -> HttpResponse:
    """Say what kind of institution it is."""
    found = queries.institution(number, request.user)
    agreements.set_kind(found, kind=request.POST.get("kind", ""), acting_user=request.user)
    messages.success(request, say("已保存。", "Saved."))
    return redirect("providers:institution", number=number)


@page(Right.AGREEMENT_EDIT)
def agreement(request: Request, number: int) -> HttpResponse:
    """Enter an agreement."""
    found = queries.institution(number, request.user)
    form = AgreementForm(request.POST or None)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        try:
            agreements.sign(found, **form.cleaned_data, acting_user=request.user)
            messages.success(request, say("协议已登记。", "The agreement was entered."))
            return redirect("providers:institution", number=number)
        except Problems as refused:
            problems = refused.problems
    context = {**_about(found), "form": form, "problems": problems}
    return render(request, "providers/agreement.html", context, status=422 if request.method == "POST" else 200)


@page(Right.AGREEMENT_EDIT)
def event(request: Request, number: int, agreement_number: int) -> HttpResponse:
    """Suspend, resume, terminate or withdraw an agreement."""
    found = queries.institution(number, request.user)
    made = queries.agreement(found, agreement_number)
    suspended = queries.standing(found.pk, timezone.localdate()).state == "suspended"
    form = EventForm(request.POST or None, initial={"kind": "resumed" if suspended else "suspended"})
    problems: tuple[Problem, ...] = ()
    if request.method == "POST":
        try:
            if request.POST.get("act") == "withdraw":
                agreements.withdraw(made, why=request.POST.get("why", ""), acting_user=request.user)
                messages.success(request, say("协议已作废。", "The agreement was withdrawn."))
                return redirect("providers:institution", number=number)
            if form.is_valid():
                agreements.change_standing(made, **form.cleaned_data, acting_user=request.user)
                messages.success(request, say("已记下。", "Noted."))
                return redirect("providers:institution", number=number)
        except Problems as refused:
            problems = refused.problems
        except InputProblem as refused:
            problems = (refused,)
    if request.POST.get("act") == "withdraw":
        form = EventForm()
    context = {
        **_about(found),
        "agreement": made,
        "form": form,
        "problems": problems,
        "why": request.POST.get("why", ""),
    }
    return render(request, "providers/event.html", context, status=422 if request.method == "POST" else 200)


@page(Right.AGREEMENT_EDIT)
def designate(request: Request, number: int) -> HttpResponse:
    """Choose an institution for something."""
    found = queries.institution(number, request.user)
    form = DesignationForm(request.POST or None)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        try:
            agreements.designate(found, **form.cleaned_data, acting_user=request.user)
            messages.success(request, say("定点资格已登记。", "The designation was entered."))
            return redirect("providers:institution", number=number)
        except Problems as refused:
            problems = refused.problems
    context = {**_about(found), "form": form, "problems": problems, "what": say("登记定点资格", "Designate")}
    return render(request, "providers/fill.html", context, status=422 if request.method == "POST" else 200)


@page(Right.AGREEMENT_EDIT)
def end_designation(request: Request, number: int, designation_number: int) -> HttpResponse:
    """Let a designation end."""
    found = queries.institution(number, request.user)
    chosen: Designation | None = queries.designations(found).filter(pk=designation_number, withdrawn_at=None).first()
    if chosen is None:
        raise NotFound
    form = EndForm(request.POST or None)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        try:
            agreements.end_designation(chosen, **form.cleaned_data, acting_user=request.user)
            messages.success(request, say("已记下。", "Noted."))
            return redirect("providers:institution", number=number)
        except Problems as refused:
            problems = refused.problems
    context = {
        **_about(found), "form": form, "problems": problems,
        "what": say("终止“{what}”", "End: {what}", what=DESIGNATIONS[chosen.kind]),
        "about": tables.period_text(chosen.valid.lower, chosen.last_day),
    }  # fmt: skip
    return render(request, "providers/fill.html", context, status=422 if request.method == "POST" else 200)
