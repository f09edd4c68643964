"""Pages of the exchange with the tax office: lists out, receipts in, differences, refunds."""

from __future__ import annotations

import django_tables2 as tables
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from yizhan.agency.desk.tables import Fen, List, Number, in_pages
from yizhan.agency.desk.templatetags.desk import state as shown
from yizhan.agency.desk.words import later, say
from yizhan.agency.enrolment import queries
from yizhan.agency.enrolment.actions import enrolling, files, receipts, refunds, tax
from yizhan.agency.enrolment.models import (
    DECISIONS,
    DIFFERENCES,
    LIST_KINDS,
    REFUND_REASONS,
    REFUND_STATES,
    Difference,
    ListFile,
    Refund,
    TaxList,
)
from yizhan.agency.enrolment.queries import kept
from yizhan.agency.enrolment.views.choosing import (
    PersonColumn,
    again,
    attachment,
    chosen,
    file_name,
    has_rules,
    officer_of,
    pooling_areas,
    xlsx,
)
from yizhan.agency.people.models import Person
from yizhan.agency.people.queries import shown_name
from yizhan.agency.spreadsheets import Column
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.pages import page
from yizhan.agency.staff.rights import Right
from yizhan.errors import Problem, Problems

MOST_AT_ONCE = 200
"""Refunds proposed by one press."""


class TaxLists(List):
    """Lists handed out."""

    number = tables.Column(verbose_name=later("名单", "List"))
    kind = tables.Column(verbose_name=later("类别", "Kind"))
    rows = Number(verbose_name=later("人数", "People"))
    fen = Fen(verbose_name=later("金额（元）", "Sum (yuan)"))
    digest = tables.Column(verbose_name=later("文件摘要", "Digest"), orderable=False, default="—")
    made_by = tables.Column(verbose_name=later("生成", "Made by"), accessor="made_by__name")
    made_at = tables.DateTimeColumn(verbose_name=later("时间", "At"), format="Y-m-d H:i")

    class Meta(List.Meta):
        empty_text = later(
            "还没有名单。选好县区，点“生成征缴名单”。", "No lists yet. Choose the county and press “Make a list”."
        )

    def render_number(self, record: TaxList) -> SafeString:
        """A link to the list."""
        return format_html('<a href="{}">{}</a>', reverse("enrolment:tax_list", args=[record.pk]), record.number)

    def render_kind(self, record: TaxList) -> str:
        """In words."""
        return str(record.words)

    def render_digest(self, value: str) -> SafeString:
        """Its beginning; the whole stands on the list's page."""
        return format_html("<code>{}…</code>", value[:12])


def _frame(request: HttpRequest, tab: str) -> dict[str, object]:
    asked = chosen(request)
    return {
        "asked": asked, "tab": tab, "counties": queries.counties(officer_of(request).area_path),
        "open": queries.differences(asked.year, asked.area.path).count(), "may_decide": officer_of(request).may(Right.SUBSIDY_APPROVE),
        "to_approve": queries.refunds(asked.year, asked.area.path, "proposed").count(),
        "may_exchange": officer_of(request).may(Right.TAX_EXCHANGE), "sums": queries.year_sums(asked.year, asked.area.path),
    }  # fmt: skip


@page(Right.TAX_EXCHANGE)
def lists(request: HttpRequest) -> HttpResponse:
    """Lists handed to the tax office."""
    frame = _frame(request, "lists")
    asked = chosen(request)
    table = in_pages(request, TaxLists(queries.tax_lists(asked.year, asked.area.path)))
    return render(request, "enrolment/tax_lists.html", {**frame, "table": table, "kinds": LIST_KINDS})


@page(Right.TAX_EXCHANGE)
@require_POST
def make_list(request: HttpRequest) -> HttpResponse:
    """Make the next list of a county."""
    officer = officer_of(request)
    area = queries.area_of(request.POST.get("area", ""), officer.area_path)
    kind = request.POST.get("kind", "")
    if kind not in LIST_KINDS:
        raise NotFound()
    made = tax.make_list(kind, area, year=chosen(request).year, acting_user=officer)
    return redirect("jobs:run", number=made.run_id)


class TaxRows(List):
    """People of a list."""

    person = PersonColumn(verbose_name=later("姓名", "Name"), order_by=("name",))
    number = tables.Column(verbose_name=later("人员编号", "Person"), accessor="person__number", orderable=False)
    id_mask = tables.Column(verbose_name=later("证件号码", "Number"), orderable=False)
    fen = Fen(verbose_name=later("金额（元）", "Sum (yuan)"))


@page(Right.TAX_EXCHANGE)
def tax_list(request: HttpRequest, number: int) -> HttpResponse:
    """One list, its digest and its people."""
    found = queries.tax_list(number)
    table = TaxRows(found.lines.select_related("person__merged_into").order_by("id"))
    table.year = found.year
    return render(request, "enrolment/tax_list.html", {"list": found, "table": in_pages(request, table)})


@page(Right.TAX_EXCHANGE)
@require_POST
def hand_over(request: HttpRequest, number: int) -> HttpResponse:
    """The file itself, with full numbers, for the tax office."""
    found = queries.tax_list(number)
    content = tax.hand_over(found, acting_user=officer_of(request))
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = attachment(f"{found.number}.csv")
    return response


# --- Receipts ---------------------------------------------------------------------------------------------------------


class ReceiptFiles(List):
    """Files of receipts."""

    name = tables.Column(verbose_name=later("文件", "File"))
    rows = Number(verbose_name=later("笔数", "Rows"))
    fen = Fen(verbose_name=later("金额（元）", "Sum (yuan)"))
    uploaded_by = tables.Column(verbose_name=later("上传", "Uploaded by"), accessor="uploaded_by__name")
    uploaded_at = tables.DateTimeColumn(verbose_name=later("时间", "At"), format="Y-m-d H:i")

    class Meta(List.Meta):
        empty_text = later(
            "还没有回执。税务返回的文件在上面上传。", "No receipts yet. Upload the tax office's file above."
        )

    def render_name(self, record: ListFile) -> SafeString:
        """A link to its rows."""
        return format_html('<a href="{}">{}</a>', reverse("enrolment:file", args=[record.pk]), record.name)


class ReceiptForm(forms.Form):
    """A file of receipts."""

    year = forms.IntegerField(label=later("年度", "Year"), min_value=2000, max_value=2100)
    file = forms.FileField(label=later("回执文件（xlsx 或 csv）", "File of receipts (xlsx or csv)"))


@page(Right.TAX_EXCHANGE)
def receipt_files(request: HttpRequest) -> HttpResponse:
    """Upload receipts, and see what came in."""
    frame = _frame(request, "receipts")
    asked = chosen(request)
    officer = officer_of(request)
    form = ReceiptForm(request.POST or None, request.FILES or None, initial={"year": asked.year})
    areas = pooling_areas(asked.area)
    if request.method == "POST" and not areas and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            file = files.take_file(
                "receipts", content=upload.read(), filename=upload.name, year=form.cleaned_data["year"],
                area=None if has_rules(officer.area_path) else asked.area, acting_user=officer,
            )  # fmt: skip
        except (Problem, Problems) as refused:
            again(form, refused)
        else:
            return redirect("jobs:run", number=file.run_id)
    table = in_pages(request, ReceiptFiles(queries.files(asked.year, "receipts")))
    status = 422 if form.errors else 200
    return render(request, "enrolment/receipts.html", {
        **frame, "form": form, "table": table, "pooling_areas": areas,
    }, status=status)  # fmt: skip


# --- Differences ------------------------------------------------------------------------------------------------------


class Differences(List):
    """Receipts that do not fit."""

    kind = tables.Column(verbose_name=later("差异", "Difference"))
    name = tables.Column(verbose_name=later("回执上的姓名", "Name on the receipt"), accessor="row__name")
    number = tables.Column(verbose_name=later("证件号码", "Number"), empty_values=(), orderable=False)
    receipt_number = tables.Column(
        verbose_name=later("回执号", "Receipt"), accessor="row__cells__number", orderable=False
    )
    paid_on = tables.Column(verbose_name=later("缴费日期", "Paid on"), accessor="row__cells__paid_on", orderable=False)
    expected = Fen(verbose_name=later("应缴（元）", "Owed (yuan)"), default="—")
    found = Fen(verbose_name=later("实缴（元）", "Paid (yuan)"))
    decision = tables.Column(verbose_name="", empty_values=(), orderable=False)

    class Meta(List.Meta):
        empty_text = later("没有待处理的差异。", "No differences are waiting.")

    def render_kind(self, record: Difference) -> str:
        """In words."""
        return str(record.words)

    def render_number(self, record: Difference) -> str:
        """As the receipt has it, else that of the account."""
        return record.row.id_mask or (kept(record.charge.person).id_mask if record.charge else "—")

    def render_decision(self, record: Difference) -> object:
        """What was decided, or a link to decide it."""
        if record.decision:
            return f"{DECISIONS[record.decision]} · {record.decided_by.name if record.decided_by else ''}"
        url = reverse("enrolment:difference", args=[record.pk])
        return format_html('<a class="button" href="{}">{}</a>', url, say("处理", "Decide"))


@page(Right.TAX_EXCHANGE)
def differences(request: HttpRequest) -> HttpResponse:
    """The working list of differences."""
    frame = _frame(request, "differences")
    asked = chosen(request)
    decided, kind = request.GET.get("decided") == "yes", request.GET.get("kind", "")
    rows = queries.differences(asked.year, asked.area.path, decided=decided, kind=kind if kind in DIFFERENCES else "")
    table = in_pages(request, Differences(rows))
    return render(request, "enrolment/differences.html", {
        **frame, "table": table, "decided": decided, "kind": kind, "kinds": DIFFERENCES,
    })  # fmt: skip


class DecisionForm(forms.Form):
    """What becomes of a receipt."""

    decision = forms.ChoiceField(label=later("处理", "Decision"))
    person = forms.CharField(
        label=later("人员编号", "Person number"), required=False, max_length=12,
        help_text=later("要记到某人名下时填写；与回执上的证件号码一致的可不填。", "To count it for somebody; may stay empty where the number on the receipt is right."),
    )  # fmt: skip
    note = forms.CharField(label=later("说明", "Note"), required=False, max_length=200)

    def __init__(self, *args: object, allowed: tuple[str, ...], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as it came
        self.fields["decision"].choices = [(code, DECISIONS[code]) for code in allowed]  # type: ignore[attr-defined]  # a ChoiceField
        if "assign" not in allowed:
            del self.fields["person"]


@page(Right.TAX_EXCHANGE)
def difference(request: HttpRequest, number: int) -> HttpResponse:
    """One difference: what was expected, what came, and what becomes of it."""
    found = queries.difference(number)
    form = DecisionForm(request.POST or None, allowed=found.allowed)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            person = _person_named(asked.get("person", ""))
            receipts.decide_difference(
                found, decision=asked["decision"], person=person, note=asked["note"], acting_user=officer_of(request)
            )
        except (Problem, Problems) as refused:
            again(form, refused)
        else:
            messages.success(request, say("已处理。", "Decided."))
            return redirect("enrolment:differences")
    person = kept(found.charge.person) if found.charge else None
    return render(request, "enrolment/difference.html", {
        "difference": found, "form": form, "person": person, "name": shown_name(person, officer_of(request)) if person else "",
        "decision": DECISIONS.get(found.decision),
    }, status=422 if form.errors else 200)  # fmt: skip


def _person_named(text: str) -> Person | None:
    if not text:
        return None
    if not text.isdecimal():
        raise NotFound()
    return queries.person(int(text))


# --- Refunds ----------------------------------------------------------------------------------------------------------


class Refunds(List):
    """Refunds."""

    person = PersonColumn(verbose_name=later("姓名", "Name"), accessor="charge__person", orderable=False)
    reason = tables.Column(verbose_name=later("原因", "Reason"))
    fen = Fen(verbose_name=later("退费（元）", "Refund (yuan)"))
    proposed_by = tables.Column(verbose_name=later("提请", "Proposed by"), accessor="proposed_by__name")
    state = tables.Column(verbose_name=later("状态", "State"))
    tax_list = tables.Column(verbose_name=later("退费名单", "List"), accessor="tax_list__number", default="—")
    choose = tables.Column(verbose_name="", empty_values=(), orderable=False)

    class Meta(List.Meta):
        empty_text = later("没有退费。", "No refunds.")

    def render_reason(self, record: Refund) -> str:
        """In words."""
        return str(record.reason_words)

    def render_state(self, record: Refund) -> SafeString:
        """As a mark."""
        return shown(record.shown_state)

    def render_choose(self, record: Refund) -> object:
        """A box to approve it, for those who may."""
        officer = self.request.user
        if record.state != "proposed" or not officer.may(Right.SUBSIDY_APPROVE) or record.proposed_by_id == officer.pk:
            return ""
        return format_html(
            '<input type="checkbox" name="refund" value="{}" form="decide" class="pick" aria-label="{}">',
            record.pk,
            say("选", "pick"),
        )


class Overpaid(List):
    """Accounts on which too much lies."""

    person = PersonColumn(verbose_name=later("姓名", "Name"), orderable=False)
    received = Fen(verbose_name=later("已缴（元）", "Paid (yuan)"))
    refundable = Fen(verbose_name=later("可退（元）", "To refund (yuan)"), orderable=False)

    class Meta(List.Meta):
        empty_text = later("没有多缴的人。", "Nobody has paid too much.")


@page(Right.TAX_EXCHANGE)
def refund_list(request: HttpRequest) -> HttpResponse:
    """Refunds, who paid too much, and who died before the year began."""
    frame = _frame(request, "refunds")
    asked = chosen(request)
    state = request.GET.get("state", "")
    path = asked.area.path
    table = in_pages(request, Refunds(queries.refunds(asked.year, path, state if state in REFUND_STATES else "")))
    too_much = in_pages(request, Overpaid(queries.overpaid(asked.year, path), prefix="o-"))
    officer = officer_of(request)
    died = [
        (row, kept(row.person), shown_name(kept(row.person), officer))
        for row in queries.died_before(asked.year, path)[:50]
    ]
    return render(request, "enrolment/refunds.html", {
        **frame, "table": table, "too_much": too_much, "died": died, "state": state, "states": REFUND_STATES,
        "may_edit": officer.may(Right.ENROLMENT_EDIT), "reasons": REFUND_REASONS,
    })  # fmt: skip


@page(Right.TAX_EXCHANGE)
@require_POST
def propose_refunds(request: HttpRequest) -> HttpResponse:
    """Propose to pay back what lies too much on the accounts of an area, for one reason."""
    asked = chosen(request)
    accounts = list(queries.overpaid(asked.year, asked.area.path)[:MOST_AT_ONCE])
    for account in accounts:
        refunds.propose_refund(
            account, fen=account.refundable, reason=request.POST.get("reason", ""), acting_user=officer_of(request)
        )
    messages.success(request, say("已提请 {n} 笔退费。", "{n} refunds are proposed.", n=len(accounts)))
    return redirect(f"{reverse('enrolment:refunds')}?{asked.query}")


@page(Right.SUBSIDY_APPROVE)
@require_POST
def decide_refunds(request: HttpRequest) -> HttpResponse:
    """Approve or send back the refunds that were picked, all or none of them."""
    approved = request.POST.get("decision") == "approve"
    picked = [int(pk) for pk in request.POST.getlist("refund") if pk.isdecimal()]
    for pk in sorted(picked):
        refunds.decide_refund(
            queries.refund(pk), approved=approved, why=request.POST.get("why", ""), acting_user=officer_of(request)
        )
    messages.success(request, say("已办 {n} 笔。", "{n} decided.", n=len(picked)))
    return redirect("enrolment:refunds")


@page(Right.ENROLMENT_EDIT)
@require_POST
def end_for_death(request: HttpRequest, number: int) -> HttpResponse:
    """End the enrolment of somebody who died before it began, and propose to pay back what was paid."""
    officer = officer_of(request)
    asked = chosen(request)
    row = queries.died_before(asked.year, officer.area_path).filter(pk=number).first()
    if row is None or row.insured is None:
        raise NotFound()
    charge = enrolling.end_enrolment(
        row, from_on=row.insured.lower, why=say("年度开始前去世", "died before the year"), acting_user=officer
    )
    if charge is not None and charge.refundable:
        refunds.propose_refund(charge, fen=charge.refundable, reason="died", acting_user=officer)
    messages.success(request, say("参保已终止。", "The enrolment is ended."))
    return redirect("enrolment:refunds")


@page(Right.TAX_EXCHANGE)
@require_POST
def export_differences(request: HttpRequest) -> HttpResponse:
    """Differences that wait, as a workbook for the tax office, numbers masked."""
    asked = chosen(request)
    rows = queries.differences(asked.year, asked.area.path)
    heads = (
        say("回执号", "Receipt"),
        say("姓名", "Name"),
        say("证件号码", "Number"),
        say("缴费日期", "Paid on"),
        say("差异", "Difference"),
    )
    columns = [
        *(Column(h) for h in heads),
        Column(say("应缴", "Owed"), "amount"),
        Column(say("实缴", "Paid"), "amount"),
    ]
    lines = (
        (r.row.cells["number"], r.row.name, r.row.id_mask, r.row.cells["paid_on"], str(r.words), r.expected, r.found)
        for r in rows.iterator(chunk_size=2000)
    )
    name = file_name(say("差异", "differences"), asked.area.code, asked.year)
    return xlsx(request, name, columns, lines, act="difference.export", count=rows.count(), year=asked.year)
