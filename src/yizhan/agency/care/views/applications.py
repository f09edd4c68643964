"""The page on which a reviewer approves the application for assistance of a visit, or withdraws the approval."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from yizhan.agency.care import applications, queries
from yizhan.agency.care.applications import Effect
from yizhan.agency.care.models import Settlement
from yizhan.agency.care.rewriting import Planned
from yizhan.agency.care.views.shared import Refusal, kept, layer_words
from yizhan.agency.desk.words import later, say
from yizhan.agency.enrolment.views.choosing import again
from yizhan.agency.people.queries import shown_name
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.sign_in import require_fresh
from yizhan.engine.facts import FACTS
from yizhan.errors import Problem, Problems


class ApprovalForm(forms.Form):
    """By what an application is approved."""

    document = forms.CharField(label=later("批准文号或编号", "Number of the approval"), max_length=120)
    why = forms.CharField(label=later("事实和依据", "Facts and reasons"), max_length=200)


class WithdrawalForm(forms.Form):
    """Why an approval is withdrawn."""

    why = forms.CharField(label=later("撤销原因", "Why it is withdrawn"), max_length=200)


@page(Right.SETTLEMENT_APPROVE)
def application(request: Request, visit: int) -> HttpResponse:
    """One visit: what approving would come to, and the decision; whoever decides has just proved who they are."""
    require_fresh(request)
    found = queries.visit(visit)
    standing = applications.standing_approval(found)
    form = (ApprovalForm if standing is None else WithdrawalForm)(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            if standing is None:
                applications.approve_application(visit, **form.cleaned_data, acting_user=request.user)
            else:
                applications.withdraw_application(visit, **form.cleaned_data, acting_user=request.user)
        except Refusal as refused:
            again(form, refused)
        else:
            done = say("已批准。", "Approved.") if standing is None else say("已撤销。", "Withdrawn.")
            messages.success(request, done)
            live = Settlement.objects.live().filter(visit=visit).first()
            return redirect("care:bill", number=live.pk) if live else redirect("care:application", visit=visit)
    effect, problems = _effect(visit, request, approved=standing is None)
    context = {
        "visit": found, "standing": standing, "ended": applications.approvals(found).exclude(ended_at=None), "form": form,
        "effect": effect, "payers": [(layer_words(key, found.area_path), fen) for key, fen in effect.by_payer.items()] if effect else [],
        "bills": [_bill(p) for p in effect.planned] if effect else [], "problems": problems,
        "year": applications.year_of(found), "asked_for": applications.asked_for(found),
        "name": shown_name(kept(found.person), request.user), "registered": found.made_by_id == request.user.pk,
        "care": FACTS["care"].word(found.care, say("zh", "en")), "live": Settlement.objects.live().filter(visit=visit).first(),
    }  # fmt: skip
    return render(request, "care/application.html", context, status=422 if request.method == "POST" else 200)


def _bill(planned: Planned) -> dict[str, Any]:
    outcome = planned.answered.outcome if planned.answered else None
    return {
        "old": planned.old, "now": outcome.patient_share if outcome else 0, "difference": planned.difference_fen,
        "place": planned.old.visit.where,
    }  # fmt: skip


def _effect(visit: int, request: Request, *, approved: bool) -> tuple[Effect | None, tuple[Problem, ...]]:
    try:
        return applications.effect_of(visit, approved=approved, acting_user=request.user), ()
    except Problems as refused:
        return None, refused.problems
