"""Pages of what funds owe persons, or persons owe funds, and of the bank file that pays it."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from yizhan.agency.care import dues
from yizhan.agency.care.views.shared import (
    Refusal,
)
from yizhan.agency.desk.fields import DayField
from yizhan.agency.desk.tables import PAGE
from yizhan.agency.desk.words import later, say
from yizhan.agency.enrolment.views.choosing import again, attachment, day_input, payer_words, xlsx
from yizhan.agency.people.queries import shown_name
from yizhan.agency.spreadsheets import Column
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.sign_in import require_fresh


@page(Right.LEDGER_SEE)
def dues_page(request: Request) -> HttpResponse:
    """What the funds owe persons, and persons the funds."""
    found = dues.dues()
    kind = request.GET.get("kind", "")
    shown = [due for due in found if (due.fen < 0) == (kind == "owed")]
    paging = Paginator(shown, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": paging,
        "kind": kind,
        "rows": [
            (
                due,
                shown_name(due.person, request.user),
                [(payer_words(p, due.person.area_path), fen) for p, fen in due.by_payer.items()],
            )
            for due in paging
        ],
        "due": sum(due.fen for due in found if due.fen > 0),
        "owed": -sum(due.fen for due in found if due.fen < 0),
        "persons": sum(due.fen > 0 for due in found),
        "no_account": sum(due.fen > 0 and due.account is None for due in found),
        "may_pay": request.user.may(Right.TRANSFER_PROPOSE),
    }
    return render(request, "care/dues.html", context)


@page(Right.LEDGER_SEE)
@require_POST
def export_dues(request: Request) -> HttpResponse:
    """The list as a workbook, accounts masked."""
    rows = [
        (due.person.number, shown_name(due.person, request.user), payer_words(payer, due.person.area_path), fen, due.account.account_mask if due.account else "")
        for due in dues.dues()
        for payer, fen in due.by_payer.items()
    ]  # fmt: skip
    columns = [
        Column(say("人员编号", "Person no.")), Column(say("姓名", "Name")), Column(say("出资", "Payer"), width=28),
        Column(say("应补（应退为负）", "Due (owed below zero)"), "amount"), Column(say("账号", "Account"), width=24),
    ]  # fmt: skip
    return xlsx(request, say("回补款.xlsx", "back-payments.xlsx"), columns, rows, act="dues.export", count=len(rows))


class PurposeForm(forms.Form):
    """Why the full account numbers are needed."""

    purpose = forms.CharField(label=later("用途", "Purpose"), max_length=200)


class PaymentsForm(forms.Form):
    """By what and when the bank paid."""

    document = forms.CharField(label=later("文号或凭证号", "Document or voucher"), max_length=100)
    on = DayField(label=later("付出日期", "Day of payment"), widget=day_input())
    why = forms.CharField(label=later("事由", "Reason"), max_length=200)


@page(Right.TRANSFER_PROPOSE)
def propose_dues(request: Request) -> HttpResponse:
    """Propose all that is due to persons with an account, under one document."""
    form = PaymentsForm(
        request.POST or None, initial={"on": timezone.localdate(), "why": say("回补款", "back-payments")}
    )
    if request.method == "POST" and form.is_valid():
        try:
            count = dues.propose_payments(**form.cleaned_data, acting_user=request.user)
        except Refusal as refused:
            again(form, refused)
        else:
            messages.success(
                request, say("已提出 {n} 笔付款，待复核。", "{n} payments are proposed; a reviewer decides.", n=count)
            )
            return redirect("ledger:movements")
    status = 422 if request.method == "POST" else 200
    return render(request, "care/dues_propose.html", {"form": form}, status=status)


@page(Right.TRANSFER_PROPOSE)
def bank_file(request: Request) -> HttpResponse:
    """A file for the bank, with full account numbers; whoever takes it has just proved who they are."""
    require_fresh(request)
    form = PurposeForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render(request, "care/bank_file.html", {"form": form}, status=status)
    lines, without = dues.for_the_bank(purpose=form.cleaned_data["purpose"], acting_user=request.user)
    columns = [
        Column(say("户名", "Holder")), Column(say("开户行", "Bank"), width=24), Column(say("账号", "Account"), width=28),
        Column(say("金额", "Amount"), "amount"), Column(say("出资", "Payer"), width=28), Column(say("人员编号", "Person no.")),
    ]  # fmt: skip
    rows = [(line.holder, line.bank, line.account, line.fen, line.payer, line.person.number) for line in lines]
    name = say("回补款-银行.xlsx", "back-payments-bank.xlsx")
    answer = xlsx(request, name, columns, rows, act="dues.export", count=0, without_account=len(without))
    answer.headers["Content-Disposition"] = attachment(name)
    return answer
