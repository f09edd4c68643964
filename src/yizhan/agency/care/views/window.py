"""The window: the day's visits, finding or registering a patient, and the page on which a visit is entered and settled.

The page of a visit has one question: what does this patient owe? Lines stand on the left, the bill they come to on the
right, and it is calculated anew while they are typed. One confirmation settles all layers. The page carries a number of its
own for that confirmation, so a double click, a reload and a lost answer are one settlement.
"""

from __future__ import annotations

import secrets
from datetime import date
from typing import Any

import django_tables2 as tables
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from yizhan.agency.care import actions, queries
from yizhan.agency.care.applications import asked_for
from yizhan.agency.care.fields import number_in
from yizhan.agency.care.models import PatientPayment, Settlement, Visit
from yizhan.agency.care.previews import Preview, preview
from yizhan.agency.care.queries import WORKLIST
from yizhan.agency.care.views.forms import LineForm, RegisterForm
from yizhan.agency.care.views.shared import NameColumn, Refusal, opened
from yizhan.agency.desk.tables import Day, Fen, List, in_pages
from yizhan.agency.desk.templatetags.desk import decimals
from yizhan.agency.desk.words import lang, later, say
from yizhan.agency.enrolment.views.choosing import again
from yizhan.agency.filings.facts import needs_referral
from yizhan.agency.filings.queries import holds_certificate
from yizhan.agency.people.models import Person
from yizhan.agency.people.queries import counted_identity, look_up, read_words, shown_name
from yizhan.agency.providers.queries import standing
from yizhan.agency.providers.splitting import Charge, sentence
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, institution_of
from yizhan.bill.data import one_bill
from yizhan.bill.picture import waterfall
from yizhan.engine.facts import FACTS
from yizhan.errors import Problem, Problems

LINES_SHOWN = 40
"""Of a visit's lines, the latest on its page; all of them have a page of their own."""


class Visits(List):
    """Visits of the window's day."""

    number = tables.Column(verbose_name=later("就诊号", "Visit"))
    person = NameColumn()
    institution = tables.Column(verbose_name=later("医院", "Hospital"), accessor="institution__name")
    care = tables.Column(verbose_name=later("类别", "Care"))
    department = tables.Column(verbose_name=later("科室", "Department"), default="—")
    admitted_on = Day(verbose_name=later("入院", "Admitted"))
    discharged_on = Day(verbose_name=later("出院", "Discharged"), default="—")
    total = Fen(verbose_name=later("费用（元）", "Cost (yuan)"), default="—")
    state = tables.Column(verbose_name=later("状态", "State"))

    class Meta(List.Meta):
        empty_text = later(
            "这里没有就诊。扫证件或按 F2 找人、登记。",
            "No visits here. Scan a certificate, or press F2 to find or register.",
        )

    def render_number(self, record: Visit) -> SafeString:
        """A link."""
        return format_html('<a href="{}">{}</a>', reverse("care:visit", args=[record.pk]), record.number)

    def render_care(self, value: str) -> str:
        """In words."""
        return FACTS["care"].word(value, lang())

    def render_state(self, record: Visit) -> str:
        """In words; a visit with a settlement that holds is settled."""
        return say("已结算", "settled") if record.is_settled else str(record.state_words)  # type: ignore[attr-defined]  # annotated


@page(Right.VISIT_SEE)
def visits(request: Request) -> HttpResponse:
    """The day's visits, by what is to be done."""
    part = request.GET.get("part", "to_settle")
    return _list(request, part if part in WORKLIST else "to_settle")


def _list(request: Request, part: str, *, typed: str = "", status: int = 200) -> HttpResponse:
    today = timezone.localdate()
    rows = queries.found_visits(typed) if typed else queries.worklist(part, today)
    table = Visits(queries.with_cost(rows))
    if institution_of(request.user):
        table.columns.hide("institution")
    context = {
        "table": in_pages(request, table), "part": "" if typed else part, "typed": bool(typed), "may_register": _may_register(request),
        "parts": [(code, words, queries.worklist(code, today).count() if code != "all" else None) for code, words in WORKLIST.items()],
    }  # fmt: skip
    return render(request, "care/visits.html", context, status=status)


def _may_register(request: Request) -> bool:
    return request.user.may(Right.PERSON_LOOK_UP) and institution_of(request.user) is not None


@page(Right.VISIT_SEE)
@require_POST
def find(request: Request) -> HttpResponse:
    """From what a reader or a clerk typed to the visit. Somebody without one is registered."""
    typed = " ".join(request.POST.get("q", "").split())[:60]
    if not typed:
        return redirect("care:visits")
    found = list(queries.found_visits(typed)[:20])
    open_ones = [
        visit for visit in found if visit.state in ("admitted", "discharged") and not queries.is_settled(visit)
    ]
    only = open_ones[0] if len(open_ones) == 1 else found[0] if len(found) == 1 else None
    if only is not None:
        return redirect("care:visit", number=only.pk)
    if not found and read_words(typed).form == "certificate" and _may_register(request):
        messages.info(
            request, say("没有这个证件的未结就诊，请登记。", "No open visit of this certificate; register one.")
        )
        return _registration(request, RegisterForm(initial=_initial() | {"id_number": typed}, cares=_cares(request)))
    return _list(request, "all", typed=typed)


# --- Registering ------------------------------------------------------------------------------------------------------


def _initial() -> dict[str, Any]:
    return {"admitted_on": timezone.localdate(), "care": "inpatient", "id_kind": "resident_id"}


def _cares(request: Request) -> tuple[str, ...]:
    """What the institution's agreement covers; all, where none says."""
    own = institution_of(request.user)
    return tuple(standing(own, timezone.localdate()).cares) if own else ()


def _registration(
    request: Request, form: RegisterForm, *, others: tuple[Visit, ...] = (), status: int = 200
) -> HttpResponse:
    return render(request, "care/visit_new.html", {"form": form, "others": others}, status=status)


@page(Right.PERSON_LOOK_UP)
def new_visit(request: Request) -> HttpResponse:
    """Register a visit of somebody whose certificate lies on the counter."""
    if request.method != "POST":
        return _registration(request, RegisterForm(initial=_initial(), cares=_cares(request)))
    form = RegisterForm(request.POST, cares=_cares(request))
    if form.is_valid() and form.identifier is not None:
        found = look_up(form.identifier, form.cleaned_data["name"], acting_user=request.user)
        if found is None:
            form.add_error(None, say(
                "本市没有号码和姓名同时相符的参保人。请核对证件。在外地参保的，这里查不到参保记录，不能在本窗口结算：请病人先向参保地医保局办异地就医备案，走异地直接结算；不能直接结算的，留好发票、清单和出院记录，回参保地手工报销。",
                "Nobody insured in this city matches both number and name. Check the certificate. Of somebody insured in another city nothing is on record here, so this window cannot settle: let the patient file care elsewhere with the insuring bureau and be settled by its direct settlement; where that fails, keep invoice, list of charges and discharge record, and claim by paper there.",
            ))  # fmt: skip
            return _registration(request, form, status=422)
        others = tuple(queries.worklist("in_house", timezone.localdate()).filter(person=found.person))
        if others and "again" not in request.POST and form.cleaned_data["care"] == "inpatient":
            return _registration(request, form, others=others, status=422)
        try:
            visit = actions.register_visit(
                found.person, institution=request.user.institution, number=form.cleaned_data["number"].strip(),
                planned=form.cleaned_data["planned"], **form.visit, acting_user=request.user,
            )  # fmt: skip
        except Refusal as refused:
            again(form, refused)
        else:
            return redirect("care:visit", number=visit.pk)
    return _registration(request, form, status=422)


# --- The page of a visit ----------------------------------------------------------------------------------------------


@page(Right.VISIT_SEE)
def visit(request: Request, number: int) -> HttpResponse:
    """A visit: its lines and what they come to, or, once settled, the bill and the money."""
    if not request.headers.get("HX-Request"):
        opened(request, queries.visit(number))
    return visit_page(request, number)


def visit_page(
    request: Request,
    number: int,
    *,
    line: LineForm | None = None,
    problems: tuple[Problem, ...] = (),
    status: int = 200,
) -> HttpResponse:
    """The page, with what was refused last. To an htmx request it answers with the part that changes."""
    found = queries.visit(number)
    live = queries.live_settlement(found)
    may_enter = editable(request, found, live)
    shown = None
    if live is None:
        shown = preview(
            found, on=timezone.localdate(), lang=lang(), open_line=line is not None, acting_user=request.user
        )
    form = line or LineForm(initial=_line_initial(request, found)) if may_enter else None
    context = _context(request, found) | {
        "form": form, "position": number_in(str(form["position"].value() or "")) if form else None, "editable": may_enter, "live": live, "preview": shown, "problems": problems,
        **_lines(found),
    }  # fmt: skip
    if live is None:
        context |= {
            "message": secrets.token_hex(16), "may_settle": _may_settle(request, found, shown), "reversed": queries.last_reversal(found),
        }  # fmt: skip
    else:
        context |= _settled(found, live)
    if request.headers.get("HX-Request"):
        return render(request, "care/visit_work.html", context, status=status)
    return render(request, "care/visit.html", context, status=status)


def editable(request: Request, found: Visit, live: Settlement | None) -> bool:
    """Whether who asks may enter and change the lines of a visit: a clerk of the hospital, before it is settled."""
    open_ = live is None and found.state in ("admitted", "discharged")
    return open_ and request.user.may(Right.VISIT_EDIT) and institution_of(request.user) is not None


def _may_settle(request: Request, found: Visit, shown: Preview | None) -> bool:
    return bool(shown and shown.ready and found.state == "discharged" and request.user.may(Right.SETTLEMENT_SETTLE))


def _context(request: Request, found: Visit) -> dict[str, Any]:
    """Who, where, when: what does not change while lines are entered."""
    officer, person, today = request.user, found.person.merged_into or found.person, timezone.localdate()
    counted = counted_identity(person, found.admitted_on)
    identities = [(FACTS["identity"].word(code, lang()), code == counted.identity) for code in counted.ranked]
    account = queries.patient_account(found)
    days = ((found.discharged_on or today) - found.admitted_on).days
    return {
        "visit": found, "person": person, "name": shown_name(person, officer), "age": person.age_on(found.admitted_on),
        "identities": identities, "care": FACTS["care"].word(found.care, lang()), "days": max(days, 1), "account": account,
        "referral_needed": found.care == "inpatient" and found.institution is not None and needs_referral(person.area_path, found.institution),
        "may_edit": officer.may(Right.VISIT_EDIT), "may_file": officer.may(Right.FILING_MAKE),
        "may_approve": officer.may(Right.SETTLEMENT_APPROVE) and asked_for(found), "may_take": officer.may(Right.PATIENT_MONEY), "may_reverse": officer.may(Right.SETTLEMENT_REVERSE),
        "certificate": found.state in ("admitted", "discharged") and _certificate(officer, person, today),
        "pay_later": _treats_first(found), "methods": [(code, words) for code, words in PatientPayment.METHODS.items()],
    }  # fmt: skip


def _certificate(officer: Officer, person: Person, today: date) -> bool:
    """Whether the patient, whose ID card lies here, has a relief certificate to lay beside it（江门 二（三））."""
    if institution_of(officer) is None or not officer.may(Right.FILING_SEE):
        return False
    with acting(officer, across_institutions=True):
        return holds_certificate(person, today)


def _treats_first(found: Visit) -> bool:
    """Whether the institution's agreement lets the patient pay later."""
    return found.institution_id is not None and standing(found.institution_id, found.admitted_on).treat_first


def _line_initial(request: Request, found: Visit) -> dict[str, Any]:
    asked = request.GET.get("line", "")
    if asked.isdecimal() and len(asked) < 6:
        row = queries.lines(found).filter(position=int(asked)).first()
        if row is not None:
            return {
                "position": row.position, "code": row.code, "name": row.name, "on": row.on, "quantity": decimals(row.quantity), "price": decimals(row.price),
                "signed": row.own_signed,
            }  # fmt: skip
    return {"on": found.discharged_on or timezone.localdate(), "quantity": "1"}


def _lines(found: Visit) -> dict[str, Any]:
    rows = queries.lines(found)
    latest = list(rows.reverse()[:LINES_SHOWN])
    told = [(row, sentence(row.why, (row.in_scope, row.first_pay, row.over_limit, row.own), lang())) for row in latest]
    return {"lines": told, "line_sums": queries.line_sums(found)}


def _settled(found: Visit, live: Settlement) -> dict[str, Any]:
    payments = list(PatientPayment.objects.filter(visit=found).order_by("pk"))
    bill = one_bill(live.result, lang())
    return {
        "bill": bill,
        "picture": waterfall(bill),
        "payments": [(p, PatientPayment.KINDS[p.kind], PatientPayment.METHODS[p.method]) for p in payments],
    }


@page(Right.VISIT_SEE)
@require_POST
def visit_preview(request: Request, number: int) -> HttpResponse:
    """What the bill comes to with the line that is being typed, if it can be read already."""
    found = queries.visit(number)
    form = LineForm(request.POST)
    draft: tuple[Charge, ...] = (form.charge(),) if form.is_valid() and not form.cleaned_data["position"] else ()
    open_line = form.begun and not draft
    shown = preview(
        found, on=timezone.localdate(), lang=lang(), draft=draft, open_line=open_line, acting_user=request.user
    )
    context = _context(request, found) | {
        "preview": shown, "may_settle": _may_settle(request, found, shown), "line_sums": queries.line_sums(found),
    }  # fmt: skip
    return render(request, "care/visit_preview.html", context)


@page(Right.SETTLEMENT_SETTLE, own_transaction=True)
@require_POST
def settle_visit(request: Request, number: int) -> HttpResponse:
    """The confirmation: all layers at once, and the patient's money if it is taken now."""
    expected, message = request.POST.get("expected", ""), request.POST.get("message", "")[:60]
    method = request.POST.get("method", "")
    try:
        actions.check_out(
            number, on=timezone.localdate(), message_id=message, expected_fen=number_in(expected),
            expected_total_fen=number_in(request.POST.get("expected_total", "")),
            method=method if method in PatientPayment.METHODS else "", acting_user=request.user,
        )  # fmt: skip
    except Problems as refused:
        with acting(request.user):
            return visit_page(request, number, problems=refused.problems, status=422)
    messages.success(request, say("已结算。", "Settled."))
    return redirect("care:visit", number=number)
