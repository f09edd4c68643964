"""Pages of paper bills from elsewhere（手工报销）: entering one with its calculation beside it, and the review."""

from __future__ import annotations

from typing import Any

import django_tables2 as tables
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from yizhan.agency.care import paper as papers
from yizhan.agency.care.fields import DiagnosesField, YuanField, choices_of
from yizhan.agency.care.models import PaperBill
from yizhan.agency.care.settling import Settled, presettle
from yizhan.agency.care.views.shared import DecideForm, NameColumn, Refusal, StateColumn, identity_words, kept
from yizhan.agency.desk.fields import DayField
from yizhan.agency.desk.tables import Day, Fen, List, in_pages
from yizhan.agency.desk.words import lang, later, say
from yizhan.agency.enrolment.views.choosing import again, attachment, day_input
from yizhan.agency.people import queries as people
from yizhan.agency.people.models import Person
from yizhan.agency.people.queries import account_of, shown_name
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.sign_in import require_fresh
from yizhan.engine.facts import CHARGES, FACTS, POTS
from yizhan.engine.money import parse_yuan, yuan
from yizhan.errors import Problems


class Papers(List):
    """Paper bills."""

    id = tables.Column(verbose_name=later("编号", "No."))
    person = NameColumn()
    hospital = tables.Column(verbose_name=later("医院", "Hospital"), attrs={"td": {"class": "name"}})
    discharged_on = Day(verbose_name=later("出院", "Discharged"), accessor="visit__discharged_on")
    total = Fen(verbose_name=later("总费用（元）", "Bill (yuan)"), accessor="visit__amounts", orderable=False)
    made_by = tables.Column(verbose_name=later("经办", "Entered by"), accessor="made_by__name")
    shown_state = StateColumn()

    class Meta(List.Meta):
        empty_text = later("还没有手工报销。", "No paper bills yet.")

    def render_id(self, record: PaperBill) -> SafeString:
        """A link."""
        return format_html('<a href="{}">{}</a>', reverse("care:paper_bill", args=[record.pk]), record.pk)

    def render_total(self, value: Any) -> str:
        """The total on the invoice."""
        return str(value["amounts"]["total"])


@page(Right.LEDGER_SEE)
def paper_bills(request: Request) -> HttpResponse:
    """All paper bills of the area."""
    rows = papers.papers()
    if request.GET.get("state") == "proposed":
        rows = rows.filter(state="proposed")
    context = {
        "table": in_pages(request, Papers(rows)), "state": request.GET.get("state", ""),
        "may_enter": request.user.may(Right.SETTLEMENT_MANUAL),
    }  # fmt: skip
    return render(request, "care/papers.html", context)


# --- Entering ---------------------------------------------------------------------------------------------------------


class WhoseForm(forms.Form):
    """Whose bill it is."""

    number = forms.CharField(
        label=later("证件号码或人员编号", "Certificate or person number"), max_length=30,
        widget=forms.TextInput({"autofocus": True, "autocomplete": "off"}),
    )  # fmt: skip


@page(Right.SETTLEMENT_MANUAL)
def whose(request: Request) -> HttpResponse:
    """Find the person first, by a full number."""
    form = WhoseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        words = people.read_words(form.cleaned_data["number"].strip())
        if words.form in ("number", "certificate"):
            found = list(people.search(request.user, people.Criteria(words=words))[:2])
            if len(found) == 1:
                return redirect("care:enter_paper", person=found[0].pk)
        form.add_error(
            "number",
            say("本辖区没有这个号码的人。请核对每一位。", "Nobody in your area has this number. Check each digit."),
        )
    status = 422 if request.method == "POST" else 200
    return render(request, "care/paper_whose.html", {"form": form}, status=status)


_STATED = ("institution_level", "institution_tier", "place", "referral", "emergency", "designated")
_FURTHER = ("quota_chronic", "severe_programme", "special_drug", "tcm")
_LAYERS = {"basic": "基本医保", "cii": "大病保险", "ma": "医疗救助"}


class PaperForm(forms.Form):
    """What stands on the papers."""

    hospital = forms.CharField(label=later("医院全称", "Hospital"), max_length=100)
    hospital_code = forms.CharField(label=later("医院编码", "Its code"), max_length=20, required=False)
    institution_level = forms.ChoiceField(label=later("医院等级", "Grade"))
    institution_tier = forms.ChoiceField(label=later("医院归属", "Tier"))
    place = forms.ChoiceField(label=later("就医地", "Place of care"))
    designated = forms.ChoiceField(label=later("当地定点", "Designated there"))
    care = forms.ChoiceField(label=later("医疗类别", "Care"))
    referral = forms.ChoiceField(label=later("转诊", "Referral"))
    emergency = forms.ChoiceField(label=later("急诊", "Emergency"))
    admitted_on = DayField(label=later("入院（就诊）", "Admitted"), widget=day_input())
    discharged_on = DayField(label=later("出院", "Discharged"), widget=day_input())
    diagnoses = DiagnosesField(
        label=later("诊断", "Diagnoses"),
        help_text=later("编码或名称，主要诊断在前，用逗号分开。", "Codes or names, the main one first, separated by commas."),
    )  # fmt: skip
    invoice = forms.CharField(label=later("发票号码", "Invoice no."), max_length=60)
    total = YuanField(label=later("发票总额", "Total of the invoice"), required=True)
    in_scope = YuanField(label=later("政策范围内", "In scope"))
    first_pay = YuanField(label=later("先行自付", "First-pay"))
    over_limit = YuanField(label=later("超限价", "Over limit"))
    own = YuanField(label=later("全自费", "Own cost"))
    registration_fee = YuanField(label=later("其中挂号费", "of it registration fee"))
    consultation_fee = YuanField(label=later("其中诊查费", "of it consultation fee"))
    drug_markup = YuanField(label=later("其中药品加价", "of it drug mark-up"))
    basic_paid = YuanField(label=later("别处已付：基本医保", "Paid elsewhere: basic"))
    basic_deductible = YuanField(label=later("其起付线", "its deductible"))
    cii_paid = YuanField(label=later("别处已付：大病保险", "Paid elsewhere: critical illness"))
    ma_paid = YuanField(label=later("别处已付：医疗救助", "Paid elsewhere: assistance"))
    quota_chronic = forms.ChoiceField(label=later("慢病定额", "Quota chronic disease"))
    severe_programme = forms.ChoiceField(label=later("专项救治", "Severe-disease programme"))
    special_drug = forms.ChoiceField(label=later("高值药品", "High-value drug"))
    tcm = forms.ChoiceField(label=later("中医医院", "Chinese medicine"))
    direct_why = forms.CharField(
        label=later("直接结算机构手工报销的原因", "Why by hand, if settled directly"), max_length=200, required=False
    )
    twice_why = forms.CharField(
        label=later("有相近账单时：怎样核对过", "If a similar bill is there: how checked"),
        max_length=200,
        required=False,
    )

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["care"].choices = choices_of("care")  # type: ignore[attr-defined]
        for name in (*_STATED, *_FURTHER):
            self.fields[name].choices = choices_of(name)  # type: ignore[attr-defined]
        if not self.is_bound and not options.get("initial"):
            self.initial = {
                "institution_level": "level_3", "institution_tier": "municipal", "place": "own_province", "designated": "yes",
                "emergency": "no", **dict.fromkeys(_FURTHER, "no"),
            }  # fmt: skip

    def paper(self) -> papers.Paper:
        """What was entered."""
        given = self.cleaned_data
        elsewhere = {
            layer: (given[f"{name}_paid"], given.get(f"{name}_deductible"))
            for name, layer in _LAYERS.items()
            if given[f"{name}_paid"] is not None
        }
        return papers.Paper(
            hospital=given["hospital"].strip(), hospital_code=given["hospital_code"].strip(), invoice=given["invoice"].strip(),
            care=given["care"], admitted_on=given["admitted_on"], discharged_on=given["discharged_on"], total=given["total"],
            pots=tuple(given[p] or 0 for p in POTS),  # type: ignore[arg-type]  # four of them
            facts={name: given[name] for name in (*_STATED, *_FURTHER)}, diagnoses=given["diagnoses"],
            charges={c: given[c] for c in CHARGES if given.get(c)}, given=elsewhere, direct_why=given["direct_why"].strip(),
            twice_why=given["twice_why"].strip(),
        )  # fmt: skip


def _initial(found: papers.Paper) -> dict[str, Any]:
    amounts = {"total": found.total, **dict(zip(POTS, found.pots, strict=True)), **found.charges}
    for name, layer in _LAYERS.items():
        if layer in found.given:
            amounts[f"{name}_paid"] = found.given[layer][0]
            if found.given[layer][1] is not None:
                amounts[f"{name}_deductible"] = found.given[layer][1] or 0
    return {
        "hospital": found.hospital, "hospital_code": found.hospital_code, "invoice": found.invoice, "care": found.care,
        "admitted_on": found.admitted_on, "discharged_on": found.discharged_on, "diagnoses": ", ".join(found.diagnoses),
        "direct_why": found.direct_why, "twice_why": found.twice_why, **found.facts,
        **{name: yuan(fen) for name, fen in amounts.items()},
    }  # fmt: skip


def _shown(settled: Settled) -> dict[str, Any]:
    """The calculation as the pages show it."""
    parts = papers.shares(settled)
    payments = [
        {**p, "fen": parse_yuan(p["amount"]), "tilt_fen": parse_yuan(p["tilt"])}
        for p in settled.answered.result["payments"]
    ]
    return {"parts": parts, "payments": payments, "identities": identity_words(sorted(settled.outcome.identities))}


def _about(person: Person, request: Request) -> dict[str, Any]:
    who = kept(person)
    return {"person": who, "name": shown_name(who, request.user), "account": account_of(who)}


@page(Right.SETTLEMENT_MANUAL)
def enter_paper(request: Request, person: int) -> HttpResponse:
    """Enter a bill. One button calculates and keeps nothing, the other keeps a draft."""
    found = people.person(person, request.user)
    form = PaperForm(request.POST or None)
    shown = None
    if request.method == "POST" and form.is_valid():
        try:
            if "preview" in request.POST:
                shown = _shown(papers.preview(found, form.paper(), acting_user=request.user))
            else:
                row = papers.enter_bill(found, form.paper(), acting_user=request.user)
                return redirect("care:paper_bill", number=row.pk)
        except Refusal as refused:
            again(form, refused)
    status = 422 if request.method == "POST" and shown is None else 200
    context = {"form": form, "shown": shown, "new": True, **_about(found, request)}
    return render(request, "care/paper_form.html", context, status=status)


@page(Right.SETTLEMENT_MANUAL)
def change_paper(request: Request, number: int) -> HttpResponse:
    """Change a draft or a bill that was sent back."""
    row = papers.paper(number)
    form = PaperForm(request.POST or None, initial=_initial(papers.paper_of(row)))
    if request.method == "POST" and form.is_valid():
        try:
            papers.change(number, form.paper(), acting_user=request.user)
        except Refusal as refused:
            again(form, refused)
        else:
            return redirect("care:paper_bill", number=number)
    context = {"form": form, "row": row, **_about(row.person, request)}
    return render(request, "care/paper_form.html", context, status=422 if request.method == "POST" else 200)


# --- One bill ---------------------------------------------------------------------------------------------------------


def _calculated(row: PaperBill, request: Request) -> tuple[dict[str, Any] | None, Any]:
    if row.state not in ("draft", "proposed", "returned"):
        return None, ()
    try:
        return _shown(presettle(row.visit_id, on=timezone.localdate(), acting_user=request.user)), ()
    except Problems as refused:
        return None, refused.problems


@page(Right.LEDGER_SEE)
def paper_bill(request: Request, number: int) -> HttpResponse:
    """One paper bill: what was entered, the calculation, similar bills, attachments, what may be done."""
    row = papers.paper(number)
    shown, problems = _calculated(row, request) if request.user.may(Right.VISIT_SEE) else (None, ())
    officer, entered = request.user, papers.paper_of(row)
    mine = officer.may(Right.SETTLEMENT_MANUAL)
    live = row.visit.settlements.order_by("-id").first() if row.state == "approved" else None
    context = {
        "row": row, "paper": entered, "shown": shown, "problems": problems, "live": live, "care": FACTS["care"].word(row.visit.care, lang()),
        "facts": [(FACTS[k].zh if lang() == "zh" else FACTS[k].en, FACTS[k].word(v, lang())) for k, v in entered.facts.items() if k in _STATED],
        "pots": [(FACTS[p].zh if lang() == "zh" else FACTS[p].en, fen) for p, fen in zip(POTS, entered.pots, strict=True)],
        "charges": [(FACTS[c].zh if lang() == "zh" else FACTS[c].en, fen) for c, fen in entered.charges.items()],
        "given": [(layer, paid) for layer, (paid, _) in entered.given.items()],
        "similar": papers.similar_bills(row.person, entered, without=row.visit_id), "files": row.files.all(),
        "may_change": mine and row.state in ("draft", "returned"), "may_send": mine and row.state == "draft" and shown is not None,
        "may_decide": officer.may(Right.SETTLEMENT_APPROVE) and row.state == "proposed" and row.made_by_id != officer.pk,
        **_about(row.person, request),
    }  # fmt: skip
    return render(request, "care/paper.html", context)


@page(Right.SETTLEMENT_MANUAL)
@require_POST
def send_paper(request: Request, number: int) -> HttpResponse:
    """To the reviewer."""
    papers.send(number, acting_user=request.user)
    messages.success(request, say("已送复核。", "Sent for review."))
    return redirect("care:paper_bill", number=number)


@page(Right.SETTLEMENT_MANUAL)
@require_POST
def attach_file(request: Request, number: int) -> HttpResponse:
    """Keep pictures of the papers."""
    for file in request.FILES.getlist("files"):
        content = file.read(papers.MOST_BYTES + 1)
        papers.attach(number, name=file.name or "", content=content, acting_user=request.user)
    return redirect("care:paper_bill", number=number)


@page(Right.LEDGER_SEE)
def open_file(request: Request, number: int, file: int) -> HttpResponse:
    """An attachment, always as a file to save: nothing of it runs or shows in the desk."""
    found, content = papers.read_file(number, file, acting_user=request.user)
    answer = HttpResponse(content, content_type=found.kind)
    answer.headers["Content-Disposition"] = attachment(found.name)
    return answer


@page(Right.SETTLEMENT_APPROVE)
def decide_paper(request: Request, number: int) -> HttpResponse:
    """Approve and settle, send back, or refuse; whoever does so has just proved who they are."""
    require_fresh(request)
    row = papers.paper(number)
    if row.state != "proposed":
        raise NotFound
    choices = [
        ("approve", say("核定并结算", "Approve and settle")), ("return", say("退回修改", "Send back")),
        ("reject", say("不予报销", "Refuse")),
    ]  # fmt: skip
    form = DecideForm(request.POST or None, choices)
    shown, problems = _calculated(row, request)
    if request.method == "POST" and form.is_valid():
        given, seen = form.cleaned_data, request.POST.get("share", "")
        try:
            if given["decision"] == "approve":
                expected = int(seen) if seen.isdecimal() else -1
                papers.approve_paper(number, expected_fen=expected, why=given["why"], acting_user=request.user)
            else:
                papers.send_back(
                    number, why=given["why"], final=given["decision"] == "reject", acting_user=request.user
                )
        except Refusal as refused:
            again(form, refused)
        else:
            return redirect("care:paper_bill", number=number)
    context = {"row": row, "form": form, "shown": shown, "problems": problems, **_about(row.person, request)}
    return render(request, "care/paper_decide.html", context, status=422 if request.method == "POST" else 200)
