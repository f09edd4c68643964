"""Pages of what is not settled in full: parts held for review, arrears of patients, findings of wilful default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import django_tables2 as tables
from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from yizhan.agency.care import defaults, queries
from yizhan.agency.care.errors import NotHeld
from yizhan.agency.care.fields import number_in
from yizhan.agency.care.models import DefaultFinding, Settlement
from yizhan.agency.care.rewriting import decide_held
from yizhan.agency.care.views.shared import (
    DecideForm,
    NameColumn,
    Refusal,
    StateColumn,
    kept,
)
from yizhan.agency.desk.tables import PAGE, Day, Fen, List, in_pages
from yizhan.agency.desk.words import later, say
from yizhan.agency.enrolment.views.choosing import again
from yizhan.agency.people.models import Person
from yizhan.agency.people.queries import shown_name
from yizhan.agency.staff.errors import NotFound, SamePerson
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import demand, institution_of
from yizhan.agency.staff.sign_in import is_fresh, require_fresh
from yizhan.engine.money import parse_yuan


def _reviewer(row: Settlement) -> str:
    held = [p for p in row.result.get("payments", []) if p.get("held")]
    return "、".join(dict.fromkeys(p["reviewer"] for p in held if p.get("reviewer")))


@page(Right.SETTLEMENT_SEE)
def held(request: Request) -> HttpResponse:
    """Settlements with a part that waits for a review, the longest first."""
    today = timezone.localdate()
    rows = (
        Settlement.objects.live().filter(held_fen__gt=0).select_related("visit", "person__merged_into", "institution")
    )
    paging = Paginator(rows.order_by("recorded_at", "id"), PAGE).get_page(request.GET.get("page"))
    context = {
        "rows": [
            {
                "s": row, "name": shown_name(kept(row.person), request.user), "reviewer": _reviewer(row),
                "days": (today - timezone.localdate(row.recorded_at)).days,
            }
            for row in paging
        ],
        "page": paging, "may_decide": request.user.may(Right.SETTLEMENT_APPROVE),
    }  # fmt: skip
    return render(request, "care/held.html", context)


class HeldForm(DecideForm):
    """How the review ended."""

    document = forms.CharField(label=later("评审意见文号", "Document of the review"), max_length=80)
    field_order = ["decision", "document", "why"]


@page(Right.SETTLEMENT_APPROVE)
def decide_held_part(request: Request, visit: int) -> HttpResponse:
    """Pay out a held part, or not."""
    require_fresh(request)
    rows = Settlement.objects.live().select_related("visit", "person__merged_into", "institution")
    row = rows.filter(visit=visit).first()
    if row is None:
        raise NotFound
    if not row.held_fen:
        raise NotHeld
    choices = [
        ("passed", say("通过：付清暂存部分", "Passed: the held part is paid")),
        ("rejected", say("不通过：不付，由个人负担", "Not passed: it stays with the patient")),
    ]
    form = HeldForm(request.POST or None, choices)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        why = f"{given['why'].strip()}（{given['document'].strip()}）"
        try:
            decide_held(visit, passed=given["decision"] == "passed", why=why[:200], acting_user=request.user)
        except Refusal as refused:
            again(form, refused)
        else:
            messages.success(request, say("已办理。", "Done."))
            return redirect("care:held")
    payments = [
        {"layer": say(p["layer"], p["layer_en"]), "payer": one["payer"], "fen": parse_yuan(one["amount"])}
        for p in row.result.get("payments", [])
        if p.get("held")
        for one in p["payers"]
    ]
    context = {"row": row, "form": form, "name": shown_name(kept(row.person), request.user), "payments": payments, "reviewer": _reviewer(row)}  # fmt: skip
    return render(request, "care/held_decide.html", context, status=422 if request.method == "POST" else 200)


# --- Arrears and default ----------------------------------------------------------------------------------------------


@page(Right.SETTLEMENT_SEE)
def arrears_page(request: Request) -> HttpResponse:
    """Treat first, pay later: who owes, for how long."""
    today = timezone.localdate()
    asked = request.GET.get("institution", "")
    found = defaults.arrears(institution_id=number_in(asked), acting_user=request.user)
    paging = Paginator(found, PAGE).get_page(request.GET.get("page"))
    persons = Person.objects.in_bulk({row.person_id for row in paging})
    hospitals = Institution.objects.in_bulk({row.institution_id for row in found})
    context = {
        "rows": [
            {
                "a": row, "days": row.days(today), "late": row.overdue(today), "hospital": hospitals[row.institution_id],
                "name": shown_name(persons[row.person_id], request.user) if row.person_id in persons else "—",
            }
            for row in paging
        ],
        "page": paging, "sum": sum(row.fen for row in found), "count": len(found),
        "overdue": sum(row.overdue(today) for row in found), "overdue_days": defaults.days_to_pay(request.user.area_path),
        "hospitals": sorted(hospitals.values(), key=lambda h: h.code), "institution": asked,
        "whole": institution_of(request.user) is None, "may_propose": request.user.may(Right.VISIT_EDIT),
    }  # fmt: skip
    return render(request, "care/arrears.html", context)


@page(Right.SETTLEMENT_SEE)
def notice(request: Request, visit: int) -> HttpResponse:
    """A reminder to print."""
    found = defaults.notice_of(visit, acting_user=request.user)
    name = shown_name(kept(found["visit"].person), request.user)
    return render(request, "care/notice.html", {**found, "name": name})


class EvidenceForm(forms.Form):
    """Why somebody is thought not to want to pay."""

    evidence = forms.CharField(
        label=later("事实和依据", "Facts and evidence"), max_length=500, widget=forms.Textarea({"rows": 4}),
        help_text=later(
            "催缴的日期和方式、本人答复、支付能力的依据。交不起的不是恶意拖欠。",
            "Days and ways of reminding, what the person answered, evidence of means. Who cannot pay is not in wilful default.",
        ),
    )  # fmt: skip


@page(Right.VISIT_EDIT)
def propose_finding(request: Request, visit: int) -> HttpResponse:
    """Propose a finding of wilful default."""
    found = queries.visit(visit)
    form = EvidenceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = defaults.propose_default(
                visit, evidence=form.cleaned_data["evidence"], on=timezone.localdate(), acting_user=request.user
            )
        except Refusal as refused:
            again(form, refused)
        else:
            return redirect("care:finding", number=row.pk)
    context = {"form": form, "visit": found, "account": queries.patient_account(found), "name": shown_name(kept(found.person), request.user)}  # fmt: skip
    return render(request, "care/default_propose.html", context, status=422 if request.method == "POST" else 200)


class Findings(List):
    """Findings of wilful default."""

    id = tables.Column(verbose_name=later("编号", "No."))
    person = NameColumn()
    visit = tables.Column(verbose_name=later("就诊号", "Visit"), accessor="visit__number")
    institution = tables.Column(verbose_name=later("医院", "Hospital"), accessor="institution__name")
    arrears_fen = Fen(verbose_name=later("提请时欠费（元）", "Owed when proposed"))
    cost_fen = Fen(verbose_name=later("不再支付（元）", "No longer paid"))
    made_at = Day(verbose_name=later("提请", "Proposed"))
    shown_state = StateColumn()

    class Meta(List.Meta):
        empty_text = later("没有认定。从“欠费”提请。", "None. Propose one from “Arrears”.")

    def render_id(self, record: DefaultFinding) -> SafeString:
        """A link."""
        return format_html('<a href="{}">{}</a>', reverse("care:finding", args=[record.pk]), record.pk)

    def render_made_at(self, value: Any) -> str:
        """The local day."""
        return timezone.localdate(value).isoformat()


@page(Right.SETTLEMENT_SEE)
def defaults_page(request: Request) -> HttpResponse:
    """All findings."""
    return render(request, "care/defaults.html", {"table": in_pages(request, Findings(defaults.findings()))})


@page(Right.SETTLEMENT_SEE)
def finding(request: Request, number: int) -> HttpResponse:
    """One finding: the evidence, the account now, and the reviewer's decision or withdrawal."""
    row = defaults.findings().filter(pk=number).first()
    if row is None:
        raise NotFound
    officer = request.user
    checker = officer.may(Right.SETTLEMENT_APPROVE) and row.made_by_id != officer.pk
    form = None
    if request.method == "POST":
        demand(officer, Right.SETTLEMENT_APPROVE)
        if row.made_by_id == officer.pk:
            raise SamePerson
    if checker and row.state in ("proposed", "decided"):
        if request.method == "POST" or request.GET.get("decide"):
            require_fresh(request)
        if is_fresh(request):
            form = DecideForm(request.POST or None, _finding_choices(row))
        if form is not None and request.method == "POST" and form.is_valid():
            try:
                _decide(row, form.cleaned_data, request)
            except Refusal as refused:
                again(form, refused)
            else:
                return redirect("care:finding", number=number)
    account = queries.patient_account(row.visit)
    context = {
        "row": row, "form": form, "account": account, "may_decide": checker and row.state in ("proposed", "decided"), "name": shown_name(kept(row.person), officer),
        "paid_up": account.paid_fen >= row.due_fen,
    }  # fmt: skip
    return render(request, "care/finding.html", context, status=422 if request.method == "POST" else 200)


def _finding_choices(row: DefaultFinding) -> list[tuple[str, str]]:
    if row.state == "decided":
        return [("withdraw", say("撤销认定，按没有拖欠重新结算", "Withdraw; settle the bill without it"))]
    return [
        ("found", say("认定恶意拖欠，按政策停付", "Wilful default; the policies' consequence follows")),
        ("not_found", say("不予认定", "Not a wilful default")),
    ]


def _decide(row: DefaultFinding, given: Mapping[str, Any], request: Request) -> None:
    if given["decision"] == "withdraw":
        defaults.withdraw_default(row.pk, why=given["why"], acting_user=request.user)
    else:
        defaults.decide_default(row.pk, found=given["decision"] == "found", why=given["why"], acting_user=request.user)
