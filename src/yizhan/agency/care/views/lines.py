"""Entering bill lines: one by one, from a file, corrected, removed; and finding the item that a clerk means."""

from __future__ import annotations

import io

import django_tables2 as tables
from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from yizhan.agency.care import actions, queries
from yizhan.agency.care.fields import read_ten_thousandths
from yizhan.agency.care.line_files import MOST_LINES, read_day, read_lines, template_columns
from yizhan.agency.care.models import BillLine
from yizhan.agency.care.views.forms import LineForm, LinesFile, WhyForm
from yizhan.agency.care.views.shared import Refusal, ToBeSeen, once_seen, opened, shown_effects
from yizhan.agency.care.views.window import editable, visit_page
from yizhan.agency.desk.tables import Day, Fen, List, in_pages
from yizhan.agency.desk.templatetags.desk import decimals
from yizhan.agency.desk.words import lang, later, say
from yizhan.agency.enrolment.views.choosing import again
from yizhan.agency.people.queries import shown_name
from yizhan.agency.providers.kinds import FEES
from yizhan.agency.providers.queries import chargeable
from yizhan.agency.providers.splitting import sentence
from yizhan.agency.spreadsheets import XLSX, template_xlsx
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.errors import Problem, Problems


def _back(request: Request, number: int) -> HttpResponse:
    """Where a change of lines leads: the changed part of the page, or the page."""
    return visit_page(request, number) if request.headers.get("HX-Request") else redirect("care:visit", number=number)


@page(Right.VISIT_EDIT)
@require_POST
def enter_line(request: Request, number: int) -> HttpResponse:
    """Enter a line, or put it in the place of another. What was typed stays where it is refused."""
    form = LineForm(request.POST)
    problems: tuple[Problem, ...] = ()
    if form.is_valid():
        position = form.cleaned_data["position"]
        try:
            if position:
                actions.replace_line(number, position=position, charge=form.charge(), acting_user=request.user)
            else:
                actions.add_lines(number, [form.charge()], acting_user=request.user)
        except Problems as refused:
            problems = refused.problems
        else:
            answer = _back(request, number)
            if request.headers.get("HX-Request"):
                answer.headers["HX-Trigger"] = "line-entered"
            return answer
    return visit_page(request, number, line=form, problems=problems, status=422)


@page(Right.VISIT_EDIT)
@require_POST
def remove_line(request: Request, number: int, position: int) -> HttpResponse:
    """Remove one line."""
    actions.replace_line(number, position=position, charge=None, acting_user=request.user)
    return _back(request, number)


@page(Right.VISIT_EDIT)
@require_POST
def clear(request: Request, number: int) -> HttpResponse:
    """Remove all lines."""
    count = actions.clear_lines(number, acting_user=request.user)
    messages.success(request, say("已清空 {n} 条费用。", "{n} lines removed.", n=count))
    return redirect("care:visit", number=number)


@page(Right.VISIT_EDIT)
def import_lines(request: Request, number: int) -> HttpResponse:
    """Take in a file of lines: all or none."""
    visit = queries.visit(number)
    form = LinesFile(request.POST or None, request.FILES or None)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        sent = form.cleaned_data["file"]
        try:
            charges = read_lines(sent, sent.name)
            actions.take_in_lines(number, charges, replace=form.cleaned_data["replace"], acting_user=request.user)
        except Problems as refused:
            problems = refused.problems
        else:
            messages.success(request, say("已录入 {n} 条费用。", "{n} lines entered.", n=len(charges)))
            return redirect("care:visit", number=number)
    context = {"form": form, "visit": visit, "name": shown_name(visit.person, request.user), "problems": problems}
    return render(request, "care/lines_import.html", context, status=422 if request.method == "POST" else 200)


@page(Right.VISIT_EDIT)
def lines_template(request: Request) -> FileResponse:
    """An empty sheet to fill in."""
    target = io.BytesIO()
    template_xlsx(target, template_columns(), name="费用明细", rows=MOST_LINES)
    target.seek(0)
    name = say("费用明细模板.xlsx", "bill-lines.xlsx")
    return FileResponse(target, as_attachment=True, filename=name, content_type=XLSX)


@page(Right.VISIT_EDIT)
def items(request: Request, number: int) -> HttpResponse:
    """What the letters typed so far may mean."""
    visit = queries.visit(number)
    typed = " ".join(request.GET.get("code", "").split())[:50]
    on = read_day(request.GET.get("on", "")[:10])
    found = []
    if typed and visit.institution is not None:
        found = chargeable(
            visit.institution, visit.area_path, on=on or visit.discharged_on or timezone.localdate(), search=typed
        )
    return render(request, "care/items.html", {"items": found, "typed": typed})


# --- All lines of a visit ---------------------------------------------------------------------------------------------


class Lines(List):
    """The lines of a visit, with their split and why."""

    position = tables.Column(verbose_name="#")
    on = Day(verbose_name=later("日期", "Day"))
    code = tables.Column(verbose_name=later("编码", "Code"))
    name = tables.Column(verbose_name=later("项目", "Item"), attrs={"td": {"class": "name"}})
    category = tables.Column(verbose_name=later("类别", "Category"))
    quantity = tables.Column(
        verbose_name=later("数量", "Quantity"), attrs={"td": {"class": "number"}, "th": {"class": "number"}}
    )
    amount_fen = Fen(verbose_name=later("金额（元）", "Amount (yuan)"))
    in_scope = Fen(verbose_name=later("政策范围内", "In scope"))
    first_pay = Fen(verbose_name=later("先行自付", "First-pay"))
    over_limit = Fen(verbose_name=later("超限价", "Over limit"))
    own = Fen(verbose_name=later("全自费", "Own cost"))
    why = tables.Column(verbose_name=later("为什么", "Why"), orderable=False, attrs={"td": {"class": "name"}})
    change = tables.Column(verbose_name="", orderable=False, empty_values=(), attrs={"td": {"class": "tight"}})

    def render_category(self, value: str) -> str:
        """The national category of cost."""
        return str(FEES[value])

    def render_quantity(self, value: int) -> str:
        """Without zeros that say nothing."""
        return decimals(value)

    def render_why(self, record: BillLine) -> str:
        """The sentence."""
        pots = (record.in_scope, record.first_pay, record.over_limit, record.own)
        return sentence(record.why, pots, lang())

    def render_change(self, record: BillLine) -> SafeString:
        """Where the line is changed or removed."""
        where = reverse("care:visit", args=[record.visit_id])
        return format_html('<a href="{}?line={}#line">{}</a>', where, record.position, say("改、删", "change"))


@page(Right.VISIT_SEE)
def all_lines(request: Request, number: int) -> HttpResponse:
    """Every line of a visit, in pages, or those that were asked for; each leads to where it is changed."""
    visit = queries.visit(number)
    opened(request, visit)
    typed = request.GET.get("find", "").strip()[:100]
    table = Lines(queries.lines_named(visit, typed))
    if not editable(request, visit, queries.live_settlement(visit)):
        table.columns.hide("change")
    context = {
        "table": in_pages(request, table), "visit": visit, "name": shown_name(visit.person, request.user), "typed": typed,
        "sums": queries.line_sums(visit),
    }  # fmt: skip
    return render(request, "care/lines.html", context)


# --- Returning what was charged ---------------------------------------------------------------------------------------


@page(Right.SETTLEMENT_REVERSE)
def refund(request: Request, number: int) -> HttpResponse:
    """Return quantities of lines; a settled bill is settled again in its old place."""
    visit = queries.visit(number)
    if visit.institution is None:
        raise NotFound
    form = WhyForm(request.POST or None)
    table = in_pages(request, Lines(queries.lines(visit)))
    rows = list(table.page.object_list) if table.page else []
    shown = [(row.record, request.POST.get(f"back-{row.record.position}", "")) for row in rows]
    settled, effects = queries.is_settled(visit), None
    if request.method == "POST" and form.is_valid():
        try:
            back, why = _quantities(request), form.cleaned_data["why"]
            once_seen(
                request,
                lambda: actions.refund_lines(number, back, on=timezone.localdate(), why=why, acting_user=request.user),
            )
        except ToBeSeen as first:
            effects = shown_effects(first.effects)
        except Refusal as refused:
            again(form, refused)
        except ValueError:
            form.add_error(
                None,
                say(
                    "退的数量应为数字，最多四位小数。",
                    "What is returned should be a number with at most four decimals.",
                ),
            )
        else:
            text = (
                say("已退费，重新结算。", "Returned, and settled again.") if settled else say("已退费。", "Returned.")
            )
            messages.success(request, text)
            return redirect("care:visit", number=number)
    context = {
        "form": form,
        "page": table.page,
        "rows": shown,
        "visit": visit,
        "name": shown_name(visit.person, request.user),
        "back": reverse("care:visit", args=[number]),
        "settled": settled,
        "effects": effects,
    }
    again_asked = request.method == "POST" and effects is None
    return render(request, "care/refund.html", context, status=422 if again_asked else 200)


def _quantities(request: Request) -> dict[int, int]:
    """Position → quantity to return（1/10,000）. Raises ValueError."""
    found = {}
    for key in request.POST:
        name, _, position = key.partition("-")
        typed = str(request.POST[key]).strip()
        if name == "back" and position.isdecimal() and typed:
            found[int(position)] = read_ten_thousandths(typed)
    return found
