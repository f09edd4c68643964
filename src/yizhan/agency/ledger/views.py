"""Pages of the books: funds at a glance, statements, trial balance, and movements of money with their two persons."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import django_tables2 as tables
from django import forms
from django.contrib import messages
from django.db.models import Sum
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from yizhan.agency.desk.fields import DayField, YuanField, read_day
from yizhan.agency.desk.tables import Day, Fen, List, in_pages
from yizhan.agency.desk.templatetags.desk import state as state_mark
from yizhan.agency.desk.words import Words, lang, later, say
from yizhan.agency.ledger import actions, queries
from yizhan.agency.ledger.models import FUND_ACCOUNTS, INCOMES, Book, Movement, Posting
from yizhan.agency.ledger.queries import book_name
from yizhan.agency.spreadsheets import Column, Sheet, write_xlsx
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.ceilings import use
from yizhan.agency.staff.models import Area
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.sign_in import require_fresh
from yizhan.engine.money import yuan
from yizhan.errors import Problem, Problems

DOCUMENTS = {
    "settlement": Words("结算", "settlement"),
    "patient_payment": Words("个人缴费", "patient's payment"),
    "movement": Words("拨款支付", "movement"),
}


def _range(request: Request) -> tuple[date, date]:
    """The days that were asked for; this year up to today where none were."""
    today = timezone.localdate()
    found = []
    for name, otherwise in (("since", today.replace(month=1, day=1)), ("until", today)):
        found.append(read_day(request.GET.get(name, "")) or otherwise)
    return found[0], max(found)


@page(Right.LEDGER_SEE)
def overview(request: Request) -> HttpResponse:
    """Every fund: what it has, owes, and lacks."""
    today = timezone.localdate()
    found = queries.overview(request.user.area_path, on=today)
    context = {
        "funds": found,
        "on": today,
        "owed": sum(f.to_hospital + max(0, f.to_person) for f in found),
        "cash": sum(f.cash for f in found),
        "short": [f for f in found if f.shortfall],
        "may_propose": request.user.may(Right.TRANSFER_PROPOSE),
    }
    return render(request, "ledger/overview.html", context)


@page(Right.TRANSFER_PROPOSE)
@require_POST
def open_books(request: Request) -> HttpResponse:
    """Open the books of all funds that the policies name."""
    new = actions.open_books(acting_user=request.user)
    if new:
        messages.success(request, say("新开 {n} 个基金的账：{names}。", "Books of {n} funds are open now: {names}.",
                                      n=len(new), names="、".join(book.payer for book in new)))  # fmt: skip
    else:
        messages.info(
            request, say("政策里写到的基金都已经有账。", "All funds that the policies name have books already.")
        )
    return redirect("ledger:overview")


@page(Right.LEDGER_SEE)
def shares(request: Request) -> HttpResponse:
    """What the city and its counties bore of each fund in a year, beside what was paid for their people."""
    today = timezone.localdate()
    asked = request.GET.get("year", "")
    year = int(asked) if asked.isdecimal() and 2000 <= int(asked) <= 2100 else today.year
    found = queries.shares(request.user.area_path, year=year)
    groups: dict[str, list[queries.Borne]] = {}
    for row in found:
        groups.setdefault(book_name(row.book), []).append(row)
    context = {
        "groups": [(payer, rows, sum(r.given for r in rows)) for payer, rows in groups.items()],
        "year": year,
        "years": sorted({*range(today.year, today.year - 8, -1), year}, reverse=True),
        "may_propose": request.user.may(Right.TRANSFER_PROPOSE),
    }
    return render(request, "ledger/shares.html", context)


@page(Right.LEDGER_SEE)
def trial_balance(request: Request) -> HttpResponse:
    """Every account of the area's books: opening, debits, credits, closing; zero in total."""
    since, until = _range(request)
    kind = request.GET.get("books", "fund")
    lines = _trial(request, kind, since, until)
    context = {
        "groups": _grouped(lines), "since": since, "until": until, "kind": kind,
        "total": {
            "opening": sum(x.opening for x in lines), "debit": sum(x.debit for x in lines),
            "credit": sum(x.credit for x in lines), "closing": sum(x.closing for x in lines),
        },
    }  # fmt: skip
    return render(request, "ledger/trial_balance.html", context)


def _trial(request: Request, kind: str, since: date, until: date) -> list[queries.Line]:
    books = queries.hospitals(request.user.area_path) if kind == "hospital" else queries.funds(request.user.area_path)
    return queries.trial_balance(books, since=since, until=until)


def _grouped(lines: list[queries.Line]) -> list[dict[str, Any]]:
    books: dict[int, dict[str, Any]] = {}
    for line in lines:
        group = books.setdefault(line.book.pk, {"name": book_name(line.book), "lines": [], "closing": 0})
        group["lines"].append(line)
        group["closing"] += line.closing
    return list(books.values())


@page(Right.LEDGER_SEE)
@require_POST
def export_trial_balance(request: Request) -> FileResponse:
    """The same as a spreadsheet."""
    since, until = _range(request)
    lines = _trial(request, request.GET.get("books", "fund"), since, until)
    use("export_rows", len(lines), acting_user=request.user)
    columns = [
        Column(say("账套", "Book")), Column(say("科目", "Account")), Column(say("期初", "Opening"), kind="amount"),
        Column(say("借方", "Debit"), kind="amount"), Column(say("贷方", "Credit"), kind="amount"),
        Column(say("期末", "Closing"), kind="amount"),
    ]  # fmt: skip
    rows = [
        (book_name(x.book), x.words.zh if lang() == "zh" else x.words.en, x.opening, x.debit, x.credit, x.closing)
        for x in lines
    ]
    target = io.BytesIO()
    write_xlsx(target, [Sheet(say("试算平衡", "Trial balance"), columns, rows)])
    record("ledger.export", rows=len(rows), acting_user=request.user)
    target.seek(0)
    name = say("试算平衡", "trial-balance")
    return FileResponse(target, as_attachment=True, filename=f"{name}-{since}-{until}.xlsx")


class Statement(List):
    """The postings of an account."""

    on = Day(verbose_name=later("日期", "Day"))
    document = tables.Column(verbose_name=later("单据", "Document"), empty_values=(), orderable=False)
    debit = Fen(verbose_name=later("借方（元）", "Debit (yuan)"), empty_values=(), orderable=False)
    credit = Fen(verbose_name=later("贷方（元）", "Credit (yuan)"), empty_values=(), orderable=False)

    class Meta(List.Meta):
        empty_text = later("这段时间没有发生额。", "Nothing moved in these days.")

    def render_document(self, record: Posting) -> str:
        """What posted it, leading to its page."""
        kind, number = record.entry.document_kind, record.entry.document_id
        words = f"{DOCUMENTS.get(kind, kind)} {number}"
        whole = format_html('<a href="{}">{}</a>', reverse("ledger:entry", args=[kind, number]), say("分录", "entry"))
        address = queries.page_of(kind, number)
        return (
            format_html('<a href="{}">{}</a> · {}', address, words, whole)
            if address
            else format_html("{} · {}", words, whole)
        )

    def render_debit(self, record: Posting) -> str:
        """Positive amounts."""
        return Fen.render(self.columns["debit"].column, record.fen) if record.fen > 0 else ""

    def render_credit(self, record: Posting) -> str:
        """Negative amounts, without their sign."""
        return Fen.render(self.columns["credit"].column, -record.fen) if record.fen < 0 else ""


@page(Right.LEDGER_SEE)
def statement(request: Request, number: int) -> HttpResponse:
    """One account: opening, by day and by document, closing."""
    since, until = _range(request)
    account = queries.account(number, request.user.area_path)
    days = queries.by_day(account, since=since, until=until)
    opening = queries.opening(account, since=since)
    debit, credit = sum(d[2] for d in days), sum(d[3] for d in days)
    kind = queries.ACCOUNTS[account.book.kind][account.kind]
    context = {
        "account": account, "name": book_name(account.book), "words": kind, "since": since, "until": until,
        "opening": opening, "debit": debit, "credit": credit, "closing": opening + debit - credit, "days": days[-62:],
        "table": in_pages(request, Statement(queries.postings(account, since=since, until=until))),
    }  # fmt: skip
    return render(request, "ledger/statement.html", context)


# --- Movements --------------------------------------------------------------------------------------------------------


class Movements(List):
    """Movements of money."""

    on = Day(verbose_name=later("日期", "Day"))
    kind = tables.Column(verbose_name=later("类别", "Kind"))
    book = tables.Column(verbose_name=later("基金", "Fund"), order_by="book__payer")
    other = tables.Column(verbose_name=later("对方、科目", "Other side"), empty_values=(), orderable=False)
    fen = Fen(verbose_name=later("金额（元）", "Amount (yuan)"))
    document = tables.Column(verbose_name=later("凭证", "Document"))
    made_by = tables.Column(verbose_name=later("提出", "Proposed by"), accessor="made_by__name", default="—")
    state = tables.Column(verbose_name=later("状态", "State"))

    class Meta(List.Meta):
        empty_text = later("还没有拨款和支付。", "No movements yet.")

    def render_kind(self, record: Movement) -> str:
        """In words, leading to the page."""
        return format_html('<a href="{}">{}</a>', reverse("ledger:movement", args=[record.pk]), str(record.kind_words))

    def render_book(self, value: Book) -> str:
        """The fund."""
        return book_name(value)

    def render_other(self, record: Movement) -> str:
        """Fund, institution, person, or which income."""
        if record.other is not None:
            return book_name(record.other)
        if record.person_id is not None:
            return f"{record.person_id:010d}"
        giver = (
            say("：{area}", ": {area}", area=say(record.giver.name, record.giver.name_en or record.giver.name))
            if record.giver
            else ""
        )
        return f"{FUND_ACCOUNTS[record.income]}{giver}"

    def render_state(self, record: Movement) -> SafeString:
        """As a mark."""
        return state_mark(record.shown_state)


@page(Right.LEDGER_SEE)
def movements(request: Request) -> HttpResponse:
    """Receipts, payments and transfers, those to be approved first by their state."""
    rows = queries.movements(request.user.area_path)
    state = request.GET.get("state", "")
    table = in_pages(request, Movements(rows.filter(state=state) if state in Movement.STATES else rows))
    context = {
        "table": table,
        "state": state,
        "states": [(code, shown.words) for code, shown in Movement.STATES.items()],
        "may_propose": request.user.may(Right.TRANSFER_PROPOSE),
    }
    return render(request, "ledger/movements.html", context)


class MovementForm(forms.Form):
    """A movement of one kind to be proposed: only the fields that this kind has."""

    book = forms.TypedChoiceField(label=later("基金", "Fund"), coerce=int)
    income = forms.ChoiceField(label=later("收入科目", "Income"))
    giver = forms.ModelChoiceField(
        Area.objects.none(), label=later("由谁承担", "Borne by"), required=False, empty_label="—",
        help_text=later("市级、县级承担收入时选。", "Of a share of the city or a county."),
    )  # fmt: skip
    other = forms.TypedChoiceField(label=later("对方", "Other side"), coerce=int)
    person = forms.CharField(label=later("人员编号", "Person number"))
    amount = YuanField(label=later("金额（元）", "Amount (yuan)"), required=True)
    on = DayField(label=later("到账或付出日期", "Day the money moved"), widget=forms.DateInput(attrs={"type": "date"}))
    document = forms.CharField(label=later("文号或凭证号", "Document or voucher"), max_length=100)
    why = forms.CharField(label=later("事由", "Reason"), max_length=200)

    def __init__(self, *args: Any, kind: str, path: str, **options: Any) -> None:
        super().__init__(*args, **options)
        funds = queries.funds(path)
        fields: dict[str, Any] = self.fields
        fields["book"].choices = [(b.pk, book_name(b)) for b in funds]
        fields["income"].choices = [(kind, str(FUND_ACCOUNTS[kind])) for kind in INCOMES]
        fields["giver"].queryset = queries.givers(path)
        others = queries.hospitals(path) if kind.endswith("_hospital") else funds
        fields["other"].choices = [(b.pk, book_name(b)) for b in others]
        if kind in SIDES:
            fields["book"].label, fields["other"].label = (str(words) for words in SIDES[kind])
        needed = {"receipt": {"income", "giver"}}.get(kind, {"person"} if kind.endswith("_person") else {"other"})
        for name in {"income", "giver", "other", "person"} - needed:
            del fields[name]

    def clean_person(self) -> int | None:
        """The number of the person."""
        said = self.cleaned_data["person"].strip()
        if said and not said.isdecimal():
            raise forms.ValidationError(say("人员编号是十位数字", "ten digits"))
        return int(said) if said else None


SIDES = {
    "clear_advance": (Words("欠款的基金", "Fund that owes"), Words("垫付的基金", "Fund that advanced")),
    "return_advance": (
        Words("多收的基金", "Fund that got too much"),
        Words("多还的基金", "Fund that cleared too much"),
    ),
    "between_levels": (Words("划出的基金", "From"), Words("划入的基金", "To")),
}
"""What the two funds of a movement are to each other, where the kind alone does not say it."""


@page(Right.TRANSFER_PROPOSE)
def propose(request: Request) -> HttpResponse:
    """Propose a movement of the kind that is chosen above the form; what is owed stands beside it."""
    path = request.user.area_path
    asked = request.POST.get("kind") or request.GET.get("kind") or "receipt"
    kind = asked if asked in Movement.KINDS else "receipt"
    initial = {"on": timezone.localdate().isoformat()} | {
        k: request.GET.get(k) for k in ("book", "other", "person", "amount")
    }
    form = MovementForm(request.POST or None, kind=kind, path=path, initial=initial)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            row = actions.propose(
                kind, queries.book(said["book"]), fen=said["amount"], on=said["on"], document=said["document"],
                why=said["why"], other=queries.book(said["other"]) if said.get("other") else None, income=said.get("income", ""),
                giver=said.get("giver"), person_id=said.get("person"), acting_user=request.user,
            )  # fmt: skip
        except Problems as refused:
            problems = refused.problems
        except Problem as refused:
            problems = (refused,)
        else:
            messages.success(request, say("已提出，待复核。", "Proposed; a reviewer decides."))
            return redirect("ledger:movement", number=row.pk)
    status = 422 if request.method == "POST" else 200
    context = {
        "form": form, "problems": problems, "kind": kind, "kinds": Movement.KINDS.items(), "debts": _debts(kind, path),
        "opened": bool(form.fields["book"].choices),  # type: ignore[attr-defined]  # of a choice field
    }  # fmt: skip
    return render(request, "ledger/propose.html", context, status=status)


def _debts(kind: str, path: str) -> list[dict[str, Any]]:
    """What could be paid by a movement of this kind: who to whom, how much."""
    back = kind in ("from_hospital", "return_advance")
    if kind.endswith("_hospital"):
        found = queries.debts_to_hospitals(path)
    elif kind.endswith("_advance"):
        found = queries.debts_for_advances(path)
    else:
        return []
    rows = [
        (d.other, d.book, -d.fen) if kind == "return_advance" else (d.book, d.other, -d.fen if back else d.fen)
        for d in found
    ]
    return [
        {"book": book, "other": other, "from": book_name(book), "to": book_name(other), "fen": fen, "yuan": yuan(fen)}
        for book, other, fen in rows if fen > 0
    ]  # fmt: skip


@page(Right.LEDGER_SEE)
def entry(request: Request, kind: str, number: int) -> HttpResponse:
    """What one document came to in the books."""
    found, rows = queries.entry(kind, number)
    lines: list[dict[str, Any]] = [
        {
            "name": book_name(p.account.book), "account": p.account_id, "words": queries.ACCOUNTS[p.account.book.kind][p.account.kind],
            "debit": p.fen if p.fen > 0 else None, "credit": -p.fen if p.fen < 0 else None, "day": p.on,
        }
        for p in rows
    ]  # fmt: skip
    context = {
        "entry": found, "lines": lines, "words": f"{DOCUMENTS.get(kind, kind)} {number}", "page": queries.page_of(kind, number),
        "debit": sum(line["debit"] or 0 for line in lines), "credit": sum(line["credit"] or 0 for line in lines),
    }  # fmt: skip
    return render(request, "ledger/entry.html", context)


@page(Right.LEDGER_SEE)
def movement(request: Request, number: int) -> HttpResponse:
    """One movement, and the reviewer's decision."""
    found = queries.movement(number, request.user.area_path)
    may = found.state == "proposed" and request.user.may(Right.TRANSFER_APPROVE) and found.made_by_id != request.user.pk
    context = {
        "m": found,
        "fund": book_name(found.book),
        "other": book_name(found.other) if found.other else "",
        "income": FUND_ACCOUNTS.get(found.income, ""),
        "together": queries.movements(request.user.area_path).filter(state="proposed", document=found.document).count()
        if may
        else 0,
        "may_decide": may,
    }
    return render(request, "ledger/movement.html", context)


@page(Right.TRANSFER_APPROVE)
def decide_document(request: Request) -> HttpResponse:
    """All movements that were proposed with one document, decided together."""
    require_fresh(request)
    document = request.POST.get("document", "") or request.GET.get("document", "")
    rows = queries.movements(request.user.area_path).filter(state="proposed", document=document)
    if request.method == "POST":
        approved = request.POST.get("decision") == "approve"
        count = actions.decide_together(
            document, approved=approved, why=request.POST.get("why", ""), acting_user=request.user
        )
        done = (
            say("{n} 笔已入账。", "{n} are posted.", n=count)
            if approved
            else say("{n} 笔已退回。", "{n} are rejected.", n=count)
        )
        messages.success(request, done)
        return redirect("ledger:movements")
    context = {
        "document": document, "table": in_pages(request, Movements(rows)), "count": rows.count(),
        "sum": rows.aggregate(fen=Sum("fen"))["fen"] or 0, "own": rows.filter(made_by=request.user).exists(),
    }  # fmt: skip
    return render(request, "ledger/document.html", context)


@page(Right.TRANSFER_APPROVE)
@require_POST
def decide(request: Request, number: int) -> HttpResponse:
    """Approve or reject."""
    require_fresh(request)
    found = queries.movement(number, request.user.area_path)
    approved = request.POST.get("decision") == "approve"
    actions.decide(found, approved=approved, why=request.POST.get("why", ""), acting_user=request.user)
    messages.success(request, say("已入账。", "Posted.") if approved else say("已退回。", "Rejected."))
    return redirect("ledger:movement", number=number)
