"""Pages of the one bill: the bill itself, its PDF, many bills in one PDF, and the check of a printed code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from yizhan.agency.care import one_bill, queries
from yizhan.agency.care.actions import count_printing
from yizhan.agency.care.applications import asked_for
from yizhan.agency.care.models import Settlement
from yizhan.agency.care.verification import read_code, standing
from yizhan.agency.care.views.shared import opened
from yizhan.agency.desk.words import lang, later, say
from yizhan.agency.ledger.queries import has_entry
from yizhan.agency.people.queries import shown_name
from yizhan.agency.staff.ceilings import use
from yizhan.agency.staff.codes import LONGEST
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.bill.paper import unprintable
from yizhan.bill.words import word
from yizhan.engine.facts import FACTS
from yizhan.errors import Problems

LANGUAGES = ("zh", "en")
SIZES = ("a4", "a5")


def _context(
    found: Settlement, lang: str, officer: Officer, *, mark: str = "", account: queries.PatientAccount | None = None
) -> dict[str, Any]:
    return one_bill.context(
        found, found.visit, lang, name=shown_name(found.person, officer), mark=mark, account=account
    )


@page(Right.SETTLEMENT_SEE)
def bill(request: Request, number: int) -> HttpResponse:
    """One bill: who paid what and why, what became of it, and what it would come to now."""
    found = queries.settlement(number)
    opened(request, found)
    rows = list(queries.chain(found.visit))
    # A reversal holds nothing: what it took back is shown.
    printed = next(row for row in reversed(rows) if row.pk <= found.pk and row.kind != "reversed")
    printed.person, printed.visit = found.person, found.visit
    anew = queries.settled_anew([found], acting_user=request.user)[0] if found.pk == rows[-1].pk else None
    account = queries.accounts_of([printed]).get(printed.pk)
    shown = _context(printed, lang(), request.user, account=account)
    shown |= {
        "bill": found,
        "fate": queries.fate(found),
        "printed": printed,
        "name": shown_name(found.person, request.user),
        "anew": anew,
        "rows": rows,
    }
    shown["may_see_books"] = request.user.may(Right.LEDGER_SEE) and has_entry("settlement", found.pk)
    shown["may_approve"] = request.user.may(Right.SETTLEMENT_APPROVE) and asked_for(found.visit)
    shown |= {"was": _identities(found.identities), "now": _identities(anew.identities if anew else ())}
    shown["unprintable"] = "、".join(f"U+{ord(c):04X}" for c in unprintable(value for _, value in shown["head"]))
    return render(request, "care/bill.html", shown)


def _identities(codes: Sequence[str]) -> str:
    return say("、", ", ").join(FACTS["identity"].word(code, lang()) for code in codes) or "—"


@page(Right.SETTLEMENT_SEE)
@require_POST
def bill_pdf(request: Request, number: int, lang: str) -> HttpResponse:
    """One bill on paper. Sent, not fetched: whatever a browser fetches beforehand is no copy."""
    if lang not in LANGUAGES:
        raise Problems([NotFound()])
    found = queries.settlement(number)
    if found.kind == "reversed":
        raise Problems([NotFound()])
    use("bill_page", acting_user=request.user)
    size = request.GET.get("size", "a4")
    return _pdf(request, [found], lang, size=size if size in SIZES else "a4", void=one_bill.void_words(found, lang))


@page(Right.SETTLEMENT_SEE)
@require_POST
def print_bills(request: Request) -> HttpResponse:
    """Many bills in one PDF, in the order in which they were asked for; each name counts towards the daily ceiling."""
    asked = [int(n) for n in request.POST.getlist("bill")[: one_bill.AT_ONCE] if n.isdecimal() and len(n) < 19]
    rows = {row.pk: row for row in queries.settlements().filter(pk__in=asked).exclude(kind="reversed")}
    if not rows or set(asked) - set(rows):
        raise Problems([NotFound()])
    use("export_rows", len(rows), acting_user=request.user)
    return _pdf(request, [rows[n] for n in dict.fromkeys(asked)], lang())


def _pdf(request: Request, rows: Sequence[Settlement], lang: str, *, size: str = "a4", void: str = "") -> HttpResponse:
    marks = count_printing(rows, lang=lang, acting_user=request.user)
    accounts = queries.accounts_of(rows)
    contexts = []
    for row in rows:
        mark = [void] if void else []
        if before := marks[row.pk]:
            mark.append(word("reprint", lang, n=before))
        contexts.append(_context(row, lang, request.user, mark=" · ".join(mark), account=accounts.get(row.pk)))
    printed = one_bill.printed(contexts, lang, size)
    if printed.missing:
        codes = "、".join(f"U+{ord(c):04X}" for c in printed.missing)
        messages.warning(request, say("刚才打印的结算单里有字库没有的字：{codes}，请手写补正。",
                                      "the bills just printed have characters that no font has: {codes}; add them by hand.", codes=codes))  # fmt: skip
    name = rows[0].visit.number if len(rows) == 1 else f"{len(rows)}"
    return HttpResponse(
        printed.pdf,
        content_type="application/pdf",
        headers={
            "Content-Disposition": f'inline; filename="yizhan-{"".join(c for c in name if c.isascii() and c.isalnum())}.pdf"'
        },
    )


class CodeForm(forms.Form):
    """What a scanner types, or a clerk."""

    code = forms.CharField(
        label=later("核验码", "Verification code"),
        max_length=LONGEST,
        help_text=later(
            "用扫码枪扫单据上的二维码，或照着输入；大小写、全角半角都可以。",
            "Scan the QR code of the bill, or type it; small letters and full-width ones are fine.",
        ),
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false", "whole": True}),
    )


@page(Right.SETTLEMENT_SEE)
def verify(request: Request) -> HttpResponse:
    """Is a printed bill genuine, and is it still in force?"""
    form = CodeForm(request.POST or None)
    shown: dict[str, Any] = {"form": form}
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                code = read_code(form.cleaned_data["code"])
            except Problems as refused:
                shown["problems"] = refused.problems
            else:
                row = queries.printed(code.settlement)
                superseded = row is not None and hasattr(row, "replaced_by")
                shown |= {"code": code, "row": row, "standing": standing(code, row, superseded=superseded)}
                status = 200
    return render(request, "care/bill_verify.html", shown, status=status)
