"""Relief certificates: printed by a bureau, checked at a hospital."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from yizhan.agency.desk.words import lang, say
from yizhan.agency.filings import queries
from yizhan.agency.filings.actions.certificates import check_certificate, issue_certificate, print_again
from yizhan.agency.filings.certificates import code_of
from yizhan.agency.filings.forms import CodeForm
from yizhan.agency.filings.models import Filing, Printing
from yizhan.agency.filings.tables import period
from yizhan.agency.people.identifiers import mask_name
from yizhan.agency.people.models import IDENTITY_WORDS
from yizhan.agency.people.queries import area_names, identities_on
from yizhan.agency.staff.models import DEPARTMENTS, Area
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.bill.certificate import Certificate, print_certificate
from yizhan.errors import Problems


def _pdf(request: Request, row: Filing, made: Printing) -> HttpResponse:
    printed = print_certificate(_on_paper(row, made), lang())
    if printed.missing:
        codes = "、".join(f"U+{ord(c):04X}" for c in printed.missing)
        messages.warning(request, say("刚才打印的救助证里有字库没有的字：{codes}，请手写补正。",
                                      "the certificate just printed has characters that no font has: {codes}; add them by hand.", codes=codes))  # fmt: skip
    headers = {"Content-Disposition": f'inline; filename="certificate-{row.number}.pdf"'}
    return HttpResponse(printed.pdf, content_type="application/pdf", headers=headers)


def _on_paper(row: Filing, made: Printing) -> Certificate:
    person, on = row.person.merged_into or row.person, timezone.localdate(made.at)
    marks = identities_on(person, on)
    places = Area.objects.filter(code__in=person.area_path.split(".")[2:4]).order_by("path")
    identities = say("、", ", ").join(
        f"{IDENTITY_WORDS[m.identity]}（{DEPARTMENTS.get(m.certified_by, m.certified_by)}）" for m in marks
    )
    counted = say("第 {i} 本", "no. {i}", i=made.issue)
    if made.copy > 1:
        counted += say("，第 {c} 次打印", ", printing {c}", c=made.copy)
    rows = (
        (say("姓名", "Name"), person.name),
        (say("性别、出生", "Sex, born"), f"{person.sex_words}，{person.born_on}"),
        (say("证件", "Certificate"), f"{person.kind_words} {person.id_mask}"),
        (say("人员编号", "Person no."), person.number),
        (say("住所", "Area"), area_names([person.area_path])[person.area_path]),
        (say("发证时身份", "Identity when issued"), identities or say("无", "none")),
        (say("有效期", "Valid"), period(row)),
        (say("发证", "Issued"), f"{on} {counted}"),
    )
    mark = "" if made.why == "first" else str(made.why_words)
    return Certificate(say("", " ").join(str(place) for place in places), row.number, rows, code_of(made), mark)


@page(Right.FILING_MAKE)
@require_POST
def issue(request: Request, number: int) -> HttpResponse:
    """Issue a certificate on new paper, and print it."""
    row = queries.filing(number)
    made = issue_certificate(
        row, why=request.POST.get("why", "first"), words=request.POST.get("words", ""), acting_user=request.user
    )
    return _pdf(request, row, made)


@page(Right.FILING_MAKE)
@require_POST
def reprint(request: Request, number: int) -> HttpResponse:
    """Print the same certificate again."""
    row = queries.filing(number)
    return _pdf(request, row, print_again(row, acting_user=request.user))


@page(Right.FILING_SEE)
def check(request: Request) -> HttpResponse:
    """Is a certificate genuine and in force, whose is it, and which identities hold today?"""
    form = CodeForm(request.POST or None)
    shown: dict[str, Any] = {"form": form, "today": timezone.localdate()}
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                found = check_certificate(form.cleaned_data["code"], acting_user=request.user)
            except Problems as refused:
                shown["problems"] = refused.problems
            else:
                shown |= {
                    "found": found,
                    "form": CodeForm(),
                    "name": mask_name(found.person.name) if found.person else "",
                }
                held = found.counted.ranked if found.counted else ()
                counted = found.counted.identity if found.counted else ""
                shown["identities"] = [(IDENTITY_WORDS[code], code == counted) for code in held]
                status = 200
    return render(request, "filings/check.html", shown, status=status)
