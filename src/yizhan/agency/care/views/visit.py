"""What else happens to a visit: its days and diagnoses, a bed that became free, a stay cut in two, money, reversal, correction."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from yizhan.agency.care import actions, effects, queries, rewriting
from yizhan.agency.care.models import Settlement, Visit
from yizhan.agency.care.views.forms import CorrectForm, DayForm, MoneyForm, VisitForm, WhyForm
from yizhan.agency.care.views.shared import Refusal, ToBeSeen, once_seen, shown_effects
from yizhan.agency.desk.words import Words, say
from yizhan.agency.enrolment.views.choosing import again
from yizhan.agency.people.queries import shown_name
from yizhan.agency.providers.queries import standing
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.engine.money import yuan


def _asked(
    request: Request,
    found: Visit,
    form: forms.Form,
    act: Callable[[], str],
    *,
    heading: Words,
    button: Words,
    hint: Words | None = None,
    danger: bool = False,
    shown: dict[str, Any] | None = None,
) -> HttpResponse:
    """A page with one form; once it is filled in rightly the act is done, and the visit is shown with what it says.

    An act that raises ToBeSeen was not done: the page shows what it would come to, and asks again.
    """
    if request.method == "POST" and form.is_valid():
        try:
            said = act()
        except ToBeSeen as first:
            shown, button = shown_effects(first.effects), Words("确认", "Confirm")
        except Refusal as refused:
            again(form, refused)
        else:
            messages.success(request, said)
            return redirect("care:visit", number=found.pk)
    context = {
        "form": form, "visit": found, "name": shown_name(found.person, request.user), "heading": heading, "button": button, "hint": hint,
        "danger": danger, "effects": shown,
    }  # fmt: skip
    again_asked = request.method == "POST" and not form.is_valid()
    return render(request, "care/visit_form.html", context, status=422 if again_asked else 200)


def _cares(found: Visit) -> tuple[str, ...]:
    """What the institution's agreement covers, and what the visit is; all, where none says."""
    covered = standing(found.institution_id, found.admitted_on).cares if found.institution_id else ()
    return (*covered, found.care) if covered else ()


def _known(found: Visit) -> dict[str, Any]:
    names = ("care", "admitted_on", "discharged_on", "department", "doctor", "bed")
    return {name: getattr(found, name) for name in names} | {"diagnoses": "，".join(found.diagnoses)}


@page(Right.VISIT_EDIT)
def change(request: Request, number: int) -> HttpResponse:
    """Days, diagnoses, department of a visit that is not settled."""
    found = queries.visit(number)
    form = VisitForm(request.POST or None, initial=_known(found), cares=_cares(found))

    def act() -> str:
        actions.change_visit(number, **form.visit, acting_user=request.user)
        return say("已更改。", "Changed.")

    return _asked(
        request, found, form, act, heading=Words("更改就诊", "Change the visit"), button=Words("保存", "Save")
    )


@page(Right.VISIT_EDIT)
def discharge(request: Request, number: int) -> HttpResponse:
    """Record the day of discharge."""
    found = queries.visit(number)
    form = DayForm(request.POST or None, first=found.admitted_on)

    def act() -> str:
        actions.change_visit(number, discharged_on=form.cleaned_data["on"], acting_user=request.user)
        return say("已登记出院，可以结算。", "Discharge recorded; the visit can be settled.")

    return _asked(
        request, found, form, act, heading=Words("登记出院", "Record the discharge"), button=Words("出院", "Discharge")
    )


@page(Right.VISIT_EDIT)
def admit(request: Request, number: int) -> HttpResponse:
    """A planned admission takes place."""
    found = queries.visit(number)
    form = DayForm(request.POST or None)

    def act() -> str:
        actions.admit(number, on=form.cleaned_data["on"], acting_user=request.user)
        return say("已入院。", "Admitted.")

    return _asked(request, found, form, act, heading=Words("办理入院", "Admit"), button=Words("入院", "Admit"))


@page(Right.VISIT_EDIT)
def cut(request: Request, number: int) -> HttpResponse:
    """Settle mid-stay: what lies after the day goes on as a stay of its own."""
    found = queries.visit(number)
    form = DayForm(request.POST or None, first=found.admitted_on)

    def act() -> str:
        rest = actions.cut_stay(number, on=form.cleaned_data["on"], acting_user=request.user)
        return say(
            "本段可以结算；以后的费用在就诊 {n}。",
            "This part can be settled; later charges belong to visit {n}.",
            n=rest.number,
        )

    hint = Words(
        "到这一天为止的费用在本单结算，以后的转到接续的就诊。",
        "Charges up to that day are settled here; later ones go to the stay that continues it.",
    )
    return _asked(
        request, found, form, act, heading=Words("中途结算", "Settle mid-stay"), button=Words("截断", "Cut"), hint=hint
    )


@page(Right.VISIT_EDIT)
def cancel(request: Request, number: int) -> HttpResponse:
    """Cancel a visit that is not settled."""
    found = queries.visit(number)
    form = WhyForm(request.POST or None)

    def act() -> str:
        actions.cancel_visit(number, why=form.cleaned_data["why"], acting_user=request.user)
        return say("已取消。", "Cancelled.")

    return _asked(
        request,
        found,
        form,
        act,
        heading=Words("取消就诊", "Cancel the visit"),
        button=Words("取消就诊", "Cancel it"),
        danger=True,
    )


@page(Right.PATIENT_MONEY)
def money(request: Request, number: int) -> HttpResponse:
    """Take a deposit or a payment, or give money back."""
    found = queries.visit(number)
    owed = queries.patient_account(found).arrears_fen
    live = queries.is_settled(found)
    kind = "deposit" if not live else "refund" if owed < 0 else "payment"
    form = MoneyForm(
        request.POST or None, initial={
            "kind": kind, "fen": yuan(abs(owed)) if live and owed else "", "method": "cash",
            "message_id": secrets.token_hex(16),
        },
    )  # fmt: skip

    def act() -> str:
        actions.take_money(number, **form.cleaned_data, on=timezone.localdate(), acting_user=request.user)
        return say("已记账。", "Booked.")

    return _asked(request, found, form, act, heading=Words("收退款", "Money"), button=Words("确认", "Confirm"))


@page(Right.SETTLEMENT_REVERSE)
def reverse_settlement(request: Request, number: int) -> HttpResponse:
    """Take back the settlement. Later bills of the person are recomputed."""
    found = queries.visit(number)
    form = WhyForm(request.POST or None)

    def act() -> str:
        rows = rewriting.reverse(
            number, on=timezone.localdate(), why=form.cleaned_data["why"], acting_user=request.user
        )
        if len(rows) > 1:
            return say("已撤销；后面 {n} 单重新计算。", "Reversed; {n} later bills were recomputed.", n=len(rows) - 1)
        return say("已撤销，可以更改后重新结算。", "Reversed; change the visit and settle it again.")

    shown = shown_effects(effects.reversal(found, acting_user=request.user)) if queries.is_settled(found) else None
    hint = Words(
        "全部支付退回，就诊可以更改后重新结算；已收的钱不动，差额另行收退。",
        "All payments are taken back and the visit can be changed and settled again; money that was taken stays until the difference is paid.",
    )
    return _asked(
        request,
        found,
        form,
        act,
        heading=Words("撤销结算", "Reverse the settlement"),
        button=Words("撤销", "Reverse"),
        hint=hint,
        danger=True,
        shown=shown,
    )


@page(Right.SETTLEMENT_REVERSE)
def correct(request: Request, number: int) -> HttpResponse:
    """Correct what was wrong in a settled visit; it is settled again in its old place."""
    found = queries.visit(number)
    form = CorrectForm(request.POST or None, initial=_known(found), cares=_cares(found))

    def correction() -> list[Settlement]:
        why = form.cleaned_data["why"]
        return actions.correct_visit(number, form.visit, on=timezone.localdate(), why=why, acting_user=request.user)

    def act() -> str:
        once_seen(request, correction)
        return say("已更正，重新结算。", "Corrected, and settled again.")

    hint = Words(
        "先看影响，再确认。本单按更正后的内容在原来的位置重新结算，后面的账单随之重算，差额如实记账。",
        "The effect is shown before you confirm. The bill is settled again in its old place; later bills follow, and the differences are booked.",
    )
    return _asked(
        request,
        found,
        form,
        act,
        heading=Words("更正已结算的就诊", "Correct a settled visit"),
        button=Words("看影响", "Show the effect"),
        hint=hint,
    )
