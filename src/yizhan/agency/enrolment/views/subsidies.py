"""Pages of premium subsidies: propose, look at each person and why, approve, totals by payer."""

from __future__ import annotations

import django_tables2 as tables
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from yizhan.agency.desk.fields import DayField
from yizhan.agency.desk.tables import Fen, List, Number, in_pages
from yizhan.agency.desk.templatetags.desk import state as shown
from yizhan.agency.desk.words import Words, later, say
from yizhan.agency.enrolment import queries
from yizhan.agency.enrolment.actions import subsidies
from yizhan.agency.enrolment.models import SubsidyBatch, SubsidyLine
from yizhan.agency.enrolment.queries import kept
from yizhan.agency.enrolment.views.choosing import (
    NumberColumn,
    PersonColumn,
    again,
    chosen,
    day_input,
    file_name,
    identity_words,
    officer_of,
    payer_words,
    xlsx,
)
from yizhan.agency.people.queries import shown_name
from yizhan.agency.spreadsheets import Column
from yizhan.agency.staff.pages import page
from yizhan.agency.staff.rights import Right
from yizhan.errors import Problem, Problems

COUNTS = {
    "granted": Words("拟资助", "to be subsidised"),
    "taken_back": Words("拟追回", "to be taken back"),
    "unchanged": Words("已资助，没有变动", "subsidised already, unchanged"),
    "nothing": Words("身份没有资助", "no subsidy for the category"),
    "not_enrolled": Words("没有参保登记", "not enrolled"),
    "insured_otherwise": Words("参加职工医保等", "insured as employees or elsewhere"),
    "closed": Words("期后不能参保", "too late to be enrolled"),
    "died": Words("年度开始前去世", "died before the year"),
}
"""What the computation found about those whom it looked at."""


class Batches(List):
    """Batches of a year."""

    number = tables.Column(verbose_name=later("批次", "Batch"))
    area = tables.Column(verbose_name=later("县区", "County"), accessor="area__name")
    people = Number(verbose_name=later("人数", "People"))
    fen = Fen(verbose_name=later("金额（元）", "Sum (yuan)"), default="—")
    proposed_by = tables.Column(verbose_name=later("提请", "Proposed by"), accessor="proposed_by__name")
    decided_by = tables.Column(verbose_name=later("核定", "Decided by"), accessor="decided_by__name", default="—")
    state = tables.Column(verbose_name=later("状态", "State"))

    class Meta(List.Meta):
        empty_text = later(
            "还没有资助批次。登记参保后，点“测算资助”。",
            "No batches yet. Once people are enrolled, press “Compute subsidies”.",
        )

    def render_number(self, record: SubsidyBatch) -> SafeString:
        """A link to the batch."""
        return format_html('<a href="{}">{}</a>', reverse("enrolment:batch", args=[record.pk]), record.number)

    def render_state(self, record: SubsidyBatch) -> SafeString:
        """As a mark."""
        return shown(record.shown_state)


@page(Right.SUBSIDY_SEE)
def batches(request: HttpRequest) -> HttpResponse:
    """Batches of a year, and what each payer gave."""
    asked = chosen(request)
    table = in_pages(request, Batches(queries.batches(asked.year, asked.area.path)))
    totals = [(payer_words(t.payer, asked.area.path), t) for t in queries.paid_by_payer(asked.year, asked.area.path)]
    return render(request, "enrolment/subsidies.html", {
        "asked": asked, "table": table, "totals": totals, "sum": sum(t.net for _, t in totals),
        "counties": queries.counties(officer_of(request).area_path), "may_propose": officer_of(request).may(Right.SUBSIDY_PROPOSE),
    })  # fmt: skip


@page(Right.SUBSIDY_PROPOSE)
@require_POST
def propose(request: HttpRequest) -> HttpResponse:
    """Compute the subsidies of a county and propose them."""
    officer = officer_of(request)
    area = queries.area_of(request.POST.get("area", ""), officer.area_path)
    year = forms.IntegerField(min_value=2000, max_value=2100).clean(request.POST.get("year") or "2000")
    batch = subsidies.propose_subsidies(
        area, year=year, document=request.POST.get("document", "")[:120], acting_user=officer
    )
    return redirect("jobs:run", number=batch.run_id)


class Lines(List):
    """People of a batch."""

    person = PersonColumn(verbose_name=later("姓名", "Name"), order_by=("person__name_key", "id"))
    number = NumberColumn()
    identity = tables.Column(verbose_name=later("身份", "Category"), default="—")
    payer = tables.Column(verbose_name=later("出资", "Payer"), empty_values=())
    fen = Fen(verbose_name=later("本批（元）", "This batch (yuan)"))
    before = Fen(verbose_name=later("此前（元）", "Before (yuan)"))
    why = tables.Column(verbose_name="", empty_values=(), orderable=False)

    def render_identity(self, value: str) -> str:
        """In words."""
        return identity_words(value)

    def render_payer(self, value: str, record: SubsidyLine) -> str:
        """In words."""
        return payer_words(value, record.area_path)

    def render_why(self, record: SubsidyLine) -> SafeString:
        """Marks, and a link to the reason."""
        marks = (
            format_html('<span class="mark mark-wait">{}</span> ', say("代用", "stand-in")) if record.stand_in else ""
        )
        enrols = format_html('<span class="mark">{}</span> ', say("同时参保", "enrols")) if record.enrols else ""
        url = reverse("enrolment:line", args=[record.batch_id, record.pk])
        return format_html('{}{}<a href="{}">{}</a>', marks, enrols, url, say("为什么", "why"))


class DecideForm(forms.Form):
    """Approving: when the money arrives, and the application where a department has to apply."""

    money_on = DayField(label=later("资助到账日", "The money arrives on"), widget=day_input())
    document = forms.CharField(
        label=later("部门申请文号", "The departments' application"), max_length=120, required=False
    )


@page(Right.SUBSIDY_SEE)
def batch(request: HttpRequest, number: int) -> HttpResponse:
    """A batch: totals by payer, whom it looked at, its people."""
    return _batch_page(request, queries.batch(number))


def _batch_page(
    request: HttpRequest, found: SubsidyBatch, form: DecideForm | None = None, status: int = 200
) -> HttpResponse:
    payer, kind = request.GET.get("payer", ""), request.GET.get("kind", "")
    table = in_pages(request, Lines(queries.lines(found, payer=payer, kind=kind)))
    officer = officer_of(request)
    totals = [(payer_words(t.payer, found.area_path), t) for t in queries.payer_totals(found)]
    own = found.proposed_by_id == officer.pk
    return render(request, "enrolment/batch.html", {
        "batch": found, "table": table, "totals": totals, "sum": sum(t.net for _, t in totals),
        "people": sum(n for code, n in found.counts.items() if code in ("granted", "taken_back")),
        "counts": [(COUNTS[code], n) for code, n in found.counts.items() if code in COUNTS],
        "applicants": [(payer_words(by, found.area_path), n) for by, n in queries.applicants(found)],
        "payer": payer, "kind": kind, "form": form or DecideForm(initial={"money_on": timezone.localdate(), "document": found.document}),
        "may_decide": found.state == "proposed" and officer.may(Right.SUBSIDY_APPROVE) and not own,
        "may_withdraw": found.state == "proposed" and officer.may(Right.SUBSIDY_PROPOSE),
    }, status=status)  # fmt: skip


@page(Right.SUBSIDY_SEE)
def line(request: HttpRequest, number: int, line: int) -> HttpResponse:
    """Why somebody gets, or loses, a subsidy: the premium in words, with articles."""
    found = queries.batch(number)
    row = queries.line(found, line)
    return render(request, "enrolment/line.html", {
        "batch": found, "line": row, "name": shown_name(kept(row.person), officer_of(request)), "identity": identity_words(row.identity),
        "sentences": row.explanation.get(say("zh", "en"), ()), "payer": payer_words(row.payer, row.area_path),
        "applied_by": payer_words(row.applied_by, row.area_path) if row.applied_by else "",
    })  # fmt: skip


@page(Right.SUBSIDY_APPROVE)
@require_POST
def approve(request: HttpRequest, number: int) -> HttpResponse:
    """Approve a batch."""
    found = queries.batch(number)
    form = DecideForm(request.POST)
    if form.is_valid():
        try:
            subsidies.approve(found, **form.cleaned_data, acting_user=officer_of(request))
        except (Problem, Problems) as refused:
            again(form, refused)
        else:
            messages.success(
                request, say("批次 {n} 已核定入账。", "Batch {n} is approved and entered.", n=found.number)
            )
            return redirect("enrolment:batch", number=found.pk)
    return _batch_page(request, found, form, status=422)


@page(Right.SUBSIDY_APPROVE)
@require_POST
def refuse(request: HttpRequest, number: int) -> HttpResponse:
    """Send a batch back."""
    found = queries.batch(number)
    subsidies.refuse(found, why=request.POST.get("why", ""), acting_user=officer_of(request))
    messages.success(request, say("批次已退回。", "The batch is sent back."))
    return redirect("enrolment:batch", number=found.pk)


@page(Right.SUBSIDY_PROPOSE)
@require_POST
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    """Take a batch back."""
    found = queries.batch(number)
    subsidies.withdraw(found, acting_user=officer_of(request))
    messages.success(request, say("批次已撤回。", "The batch is withdrawn."))
    return redirect("enrolment:batch", number=found.pk)


@page(Right.SUBSIDY_SEE)
@require_POST
def export_batch(request: HttpRequest, number: int) -> HttpResponse:
    """The people of a batch as a workbook, numbers masked."""
    found = queries.batch(number)
    officer = officer_of(request)
    rows = queries.lines(found)
    heads = (
        say("人员编号", "Person"), say("姓名", "Name"), say("证件号码", "Number"), say("身份", "Category"), say("认定", "Certified by"),
        say("申请", "Applied by"), say("出资", "Payer"), say("依据", "Article"),
    )  # fmt: skip
    columns = [*(Column(head) for head in heads), Column(say("金额（元）", "Sum (yuan)"), "amount")]
    lines = (
        (kept(row.person).number, shown_name(kept(row.person), officer), kept(row.person).id_mask, identity_words(row.identity), row.certified_by,
         row.applied_by, payer_words(row.payer, row.area_path), row.citation, row.fen)
        for row in rows.iterator(chunk_size=2000)
    )  # fmt: skip
    return xlsx(
        request, file_name(found.number), columns, lines, act="subsidy.export", count=rows.count(), batch=found.number
    )
