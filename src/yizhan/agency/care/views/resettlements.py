"""Pages of bills that have to be settled anew, and of the batches that do it: proposed, computed, decided, carried out."""

from __future__ import annotations

import re
from typing import Any

import django_tables2 as tables
from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from yizhan.agency.care import queries, resettling
from yizhan.agency.care.fields import number_in
from yizhan.agency.care.models import Resettlement, ResettlementLine, Settlement
from yizhan.agency.care.views.shared import (
    DecideForm,
    NameColumn,
    Refusal,
    StateColumn,
    identity_words,
    kept,
    layer_words,
)
from yizhan.agency.desk.fields import DayField
from yizhan.agency.desk.tables import PAGE, Day, Fen, List, Number, in_pages
from yizhan.agency.desk.words import lang, later, say
from yizhan.agency.enrolment.views.choosing import again, day_input, xlsx
from yizhan.agency.jobs.models import Run
from yizhan.agency.people.queries import areas_below, shown_name
from yizhan.agency.rosters.models import Roster
from yizhan.agency.spreadsheets import Column
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.sign_in import require_fresh
from yizhan.engine.money import yuan_grouped


def _asked_roster(request: Request) -> int | None:
    roster = request.GET.get("roster", "")
    return number_in(roster)


@page(Right.SETTLEMENT_SEE)
def touched(request: Request) -> HttpResponse:
    """Bills that a correction of the past touches, a page of them calculated; from here they are proposed as a batch."""
    roster = _asked_roster(request)
    paging = Paginator(queries.touched(roster), PAGE).get_page(request.GET.get("page"))
    found = queries.settled_anew(list(paging), acting_user=request.user)
    rows = [
        {
            "r": r,
            "name": shown_name(r.settlement.person, request.user),
            "was": identity_words(r.settlement.identities),
            "now": identity_words(r.identities),
            "changes": [(layer_words(key, r.settlement.area_path), fen) for key, fen in r.planned.by_payer.items()]
            if r.planned
            else [],
        }
        for r in found
    ]
    context = {
        "rows": rows,
        "page": paging,
        "roster": roster,
        "may_propose": request.user.may(Right.SETTLEMENT_RESETTLE),
    }
    return render(request, "care/touched.html", context)


MOST_EXPORTED = 500
"""Bills that the list of what is touched exports; the batch has them all."""


@page(Right.SETTLEMENT_SEE)
@require_POST
def export_touched(request: Request) -> HttpResponse:
    """The same as a spreadsheet."""
    rows = queries.touched(_asked_roster(request))[:MOST_EXPORTED]
    found = queries.settled_anew(rows, acting_user=request.user)
    columns = [
        Column(say("单号", "Claim")), Column(say("姓名", "Name")), Column(say("医院", "Hospital")), Column(say("出院", "Discharged"), kind="date"),
        Column(say("原身份", "Settled as")), Column(say("现身份", "Now")), Column(say("总费用", "Bill"), kind="amount"),
        Column(say("原个人负担", "Patient then"), kind="amount"), Column(say("现个人负担", "Patient now"), kind="amount"),
        Column(say("应补", "Difference"), kind="amount"),
    ]  # fmt: skip
    lines = [
        (
            r.settlement.visit.number, shown_name(r.settlement.person, request.user), _hospital(r.settlement),
            r.settlement.discharged_on, identity_words(r.settlement.identities), identity_words(r.identities),
            r.settlement.total_fen, r.settlement.patient_fen, r.patient_fen, r.difference,
        )
        for r in found
    ]  # fmt: skip
    name = say("待重新结算.xlsx", "to-settle-anew.xlsx")
    return xlsx(request, name, columns, lines, act="settlement.export_touched", count=len(lines))


def _hospital(row: Settlement) -> str:
    return row.institution.name if row.institution else str(row.claim.get("institution", ""))


# --- Batches ----------------------------------------------------------------------------------------------------------


class Batches(List):
    """Batches of bills to settle anew."""

    id = tables.Column(verbose_name=later("批次", "Batch"))
    why = tables.Column(verbose_name=later("原因", "Why"), attrs={"td": {"class": "name"}})
    bills = Number(verbose_name=later("账单", "Bills"), accessor="sums__bills", orderable=False)
    persons = Number(verbose_name=later("人数", "Persons"), accessor="sums__persons", orderable=False)
    due = Fen(verbose_name=later("应补给个人（元）", "Due to persons"), accessor="sums__due", orderable=False)
    owed = Fen(verbose_name=later("个人应退（元）", "Owed by persons"), accessor="sums__owed", orderable=False)
    made_by = tables.Column(verbose_name=later("提出", "Proposed by"), accessor="made_by__name")
    made_at = Day(verbose_name=later("提出日期", "On"))
    shown_state = StateColumn()

    class Meta(List.Meta):
        empty_text = later(
            "还没有重新结算的批次。从“待重新结算”提出。", "No batches yet. Propose one from “To settle anew”."
        )

    def render_id(self, record: Resettlement) -> SafeString:
        """A link."""
        return format_html('<a href="{}">{}</a>', reverse("care:resettlement", args=[record.pk]), record.pk)

    def render_made_at(self, value: Any) -> str:
        """The local day."""
        return timezone.localdate(value).isoformat()


@page(Right.LEDGER_SEE)
def resettlements(request: Request) -> HttpResponse:
    """All batches."""
    rows = Resettlement.objects.select_related("made_by").defer("asked").order_by("-id")
    context = {"table": in_pages(request, Batches(rows)), "may_propose": request.user.may(Right.SETTLEMENT_RESETTLE)}
    return render(request, "care/resettlements.html", context)


class ProposeForm(forms.Form):
    """Which bills, and why."""

    kind = forms.ChoiceField(label=later("哪些账单", "Which bills"))
    roster = forms.IntegerField(label=later("名单号", "Roster no."), required=False, min_value=1)
    persons = forms.CharField(
        label=later("人员编号", "Person numbers"), required=False, max_length=20_000, widget=forms.Textarea({"rows": 2}),
        help_text=later("一行一个，或用逗号分开。", "One a line, or separated by commas."),
    )  # fmt: skip
    begins = DayField(label=later("政策日期自", "Policy day from"), required=False, widget=day_input())
    ends = DayField(label=later("至", "until"), required=False, widget=day_input())
    area = forms.ChoiceField(label=later("区划", "Area"), required=False)
    why = forms.CharField(label=later("原因", "Why"), max_length=200)
    document = forms.CharField(label=later("依据文号", "Document"), max_length=120, required=False)

    def __init__(self, data: Any, request: Request, **options: Any) -> None:
        super().__init__(data, **options)
        choices = [(key, str(words)) for key, words in resettling.SELECTIONS.items()]
        self.fields["kind"].choices = choices  # type: ignore[attr-defined]
        areas = [(area.path, str(area)) for area in areas_below(request.user)]
        self.fields["area"].choices = areas  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """What the kind of selection needs."""
        found = super().clean() or self.cleaned_data
        needed = {"roster": ("roster",), "persons": ("persons",), "period": ("begins", "ends", "area")}
        for name in needed.get(found.get("kind", ""), ()):
            if not found.get(name) and name not in self.errors:
                self.add_error(name, say("请填写。", "Fill this in."))
        if found.get("kind") == "persons" and found.get("persons"):
            texts = [t for t in re.split(r"[\s,，、;；]+", found["persons"]) if t]
            wrong = [t for t in texts if not re.fullmatch(r"[0-9]{1,10}", t)]
            if wrong:
                self.add_error("persons", say("不是人员编号：{wrong}", "not a person number: {wrong}", wrong=wrong[0]))
            found["numbers"] = [int(t) for t in texts if t not in wrong]
        if found.get("begins") and found.get("ends") and found["ends"] < found["begins"]:
            self.add_error("ends", say("不能早于开始日期。", "Not before the first day."))
        return found


@page(Right.SETTLEMENT_RESETTLE)
def new_resettlement(request: Request) -> HttpResponse:
    """Propose a batch."""
    first = {"kind": "roster" if _asked_roster(request) else "touched", "roster": _asked_roster(request)}
    form = ProposeForm(request.POST or None, request, initial=first)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            selection = resettling.checked_selection(
                given["kind"], roster=given["roster"], persons=given.get("numbers", ()), begins=given["begins"],
                ends=given["ends"], area=given["area"], acting_user=request.user,
            )  # fmt: skip
            batch = resettling.propose(
                selection, why=given["why"], document=given["document"], acting_user=request.user
            )
        except NotFound:
            form.add_error("roster", say("没有这份名单。", "There is no such roster."))
        except Refusal as refused:
            again(form, refused)
        else:
            return redirect("care:resettlement", number=batch.pk)
    status = 422 if request.method == "POST" else 200
    return render(request, "care/resettlement_new.html", {"form": form}, status=status)


class Lines(List):
    """Lines of a batch."""

    visit = tables.Column(verbose_name=later("单号", "Claim"), accessor="settlement__visit__number")
    person = NameColumn()
    discharged = Day(verbose_name=later("出院", "Discharged"), accessor="settlement__discharged_on")
    was = tables.Column(verbose_name=later("身份", "Identity"), empty_values=(), orderable=False)
    patient_was = Fen(verbose_name=later("原负担", "Bore"))
    patient_now = Fen(verbose_name=later("现负担", "Would bear"))
    difference_fen = Fen(verbose_name=later("差额", "Difference"))
    changes = tables.Column(verbose_name=later("哪一层变了", "Which layers"), orderable=False)
    shown_state = StateColumn()

    def render_visit(self, record: ResettlementLine) -> SafeString:
        """A link to the bill, and whether it only follows."""
        number = record.new_settlement_id or record.settlement_id
        mark = format_html(' <span class="quiet">{}</span>', say("后续单", "follows")) if record.follows else ""
        url = reverse("care:bill", args=[number])
        return format_html('<a href="{}">{}</a>{}', url, record.settlement.visit.number, mark)

    def render_was(self, record: ResettlementLine) -> str:
        """低保 or 无 → 低保."""
        was, now = identity_words(record.identities_was), identity_words(record.identities_now)
        return was if was == now else f"{was} → {now}"

    def render_changes(self, record: ResettlementLine) -> str:
        """Layers and payers, or why it cannot be computed."""
        if record.problems:
            return str(record.problems[0][lang()])
        return (
            say("；", "; ").join(
                f"{layer_words(key, record.area_path)} {yuan_grouped(fen)}" for key, fen in record.changes.items()
            )
            or "—"
        )


def _batch(number: int) -> Resettlement:
    rows = Resettlement.objects.select_related("made_by", "decided_by").defer("asked")
    found = rows.filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def _selection_words(batch: Resettlement) -> str:
    asked = batch.selection
    words = str(resettling.SELECTIONS[asked["kind"]])
    if asked["kind"] == "roster":
        return f"{words}（{Roster.objects.filter(pk=asked['roster']).first() or asked['roster']}）"
    if asked["kind"] == "persons":
        return f"{words}（{say('{n} 人', '{n} persons', n=len(asked['persons']))}）"
    if asked["kind"] == "period":
        return f"{words}（{asked['from']} – {asked['to']}）"
    return words


@page(Right.LEDGER_SEE)
def resettlement(request: Request, number: int) -> HttpResponse:
    """One batch: sums, by fund, lines with reasons, and what may be done."""
    batch = _batch(number)
    kind = request.GET.get("kind", "")
    rows = batch.lines.select_related("person__merged_into", "settlement__visit").order_by("person_id", "id")
    if kind == "due":
        rows = rows.filter(difference_fen__gt=0)
    elif kind == "owed":
        rows = rows.filter(difference_fen__lt=0)
    elif kind in ("problem", "changed", "unchanged"):
        rows = rows.filter(state=kind)
    run = Run.objects.filter(pk=batch.carry_run_id or batch.compute_run_id or 0).first()
    officer = request.user
    checker = officer.may(Right.SETTLEMENT_APPROVE) and batch.made_by_id != officer.pk
    context = {
        "batch": batch, "table": in_pages(request, Lines(rows)), "kind": kind, "run": run, "selection": _selection_words(batch),
        "funds": _funds(batch), "may_decide": checker and batch.state == "proposed",
        "may_go_on": checker and batch.state == "approved" and run is not None and run.state in ("failed", "cancelled"),
        "may_withdraw": officer.may(Right.SETTLEMENT_RESETTLE) and batch.state == "proposed",
    }  # fmt: skip
    return render(request, "care/resettlement.html", context)


def _funds(batch: Resettlement) -> list[tuple[str, int]]:
    """What each layer and payer pays more by a batch, in words."""
    return [(layer_words(key, batch.area_path), fen) for key, fen in batch.sums.get("funds", {}).items()]


@page(Right.SETTLEMENT_APPROVE)
def decide_resettlement(request: Request, number: int) -> HttpResponse:
    """Approve a batch or send it back; whoever does so has just proved who they are."""
    require_fresh(request)
    batch = _batch(number)
    choices = [("approve", say("核定，开始办理", "Approve and carry out")), ("reject", say("退回", "Send back"))]
    form = DecideForm(request.POST or None, choices)
    if request.method == "POST" and form.is_valid():
        act = resettling.approve if form.cleaned_data["decision"] == "approve" else resettling.reject
        try:
            act(number, why=form.cleaned_data["why"], acting_user=request.user)
        except Refusal as refused:
            again(form, refused)
        else:
            return redirect("care:resettlement", number=number)
    status = 422 if request.method == "POST" else 200
    context = {"batch": batch, "form": form, "funds": _funds(batch), "selection": _selection_words(batch)}  # fmt: skip
    return render(request, "care/resettlement_decide.html", context, status=status)


@page(Right.SETTLEMENT_APPROVE)
@require_POST
def go_on_resettlement(request: Request, number: int) -> HttpResponse:
    """Go on with a batch whose run stopped."""
    require_fresh(request)
    resettling.go_on(number, acting_user=request.user)
    return redirect("care:resettlement", number=number)


@page(Right.SETTLEMENT_RESETTLE)
@require_POST
def withdraw_resettlement(request: Request, number: int) -> HttpResponse:
    """Take a batch back."""
    resettling.withdraw(number, acting_user=request.user)
    return redirect("care:resettlement", number=number)


@page(Right.LEDGER_SEE)
@require_POST
def export_resettlement(request: Request, number: int) -> HttpResponse:
    """The lines of a batch as a workbook."""
    batch = _batch(number)
    rows = batch.lines.select_related("person__merged_into", "settlement__visit", "settlement__institution")
    columns = [
        Column(say("单号", "Claim")), Column(say("人员编号", "Person no.")), Column(say("姓名", "Name")), Column(say("医院", "Hospital")),
        Column(say("出院", "Discharged"), "date"), Column(say("原身份", "Settled as")), Column(say("现身份", "Now")),
        Column(say("原个人负担", "Patient then"), "amount"), Column(say("现个人负担", "Patient now"), "amount"),
        Column(say("差额", "Difference"), "amount"), Column(say("变动", "Changes"), width=40), Column(say("状态", "State")),
    ]  # fmt: skip
    lines = (
        (
            r.settlement.visit.number, kept(r.person).number, shown_name(kept(r.person), request.user), _hospital(r.settlement),
            r.settlement.discharged_on, identity_words(r.identities_was), identity_words(r.identities_now), r.patient_was,
            r.patient_now, r.difference_fen, say("；", "; ").join(f"{layer_words(key, r.area_path)} {yuan_grouped(fen)}" for key, fen in r.changes.items()),
            str(r.shown_state.words),
        )
        for r in rows.order_by("person_id", "id")
    )  # fmt: skip
    name = say("重新结算-{n}.xlsx", "resettlement-{n}.xlsx", n=number)
    return xlsx(request, name, columns, lines, act="resettlement.export", count=batch.lines.count(), batch=number)
