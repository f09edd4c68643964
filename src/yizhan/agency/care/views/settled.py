"""Pages of settled bills, and of those that have to be settled anew because the past was corrected."""

from __future__ import annotations

from datetime import date
from typing import Any

import django_tables2 as tables
from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from yizhan.agency.care import queries
from yizhan.agency.care.models import Settlement
from yizhan.agency.care.reading import MOST_BYTES, read_bills
from yizhan.agency.care.refusals import rows as refusals_in_order
from yizhan.agency.desk.tables import Day, Fen, List, in_pages
from yizhan.agency.desk.words import Words, lang, later, say
from yizhan.agency.enrolment.views.choosing import has_rules, pooling_areas
from yizhan.agency.enrolment.years import scheme_at
from yizhan.agency.jobs.actions import start
from yizhan.agency.people.models import Person
from yizhan.agency.people.queries import shown_name
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.engine.facts import FACTS
from yizhan.engine.scheme import Scheme
from yizhan.errors import Problems
from yizhan.policy.endings import ended, ending


class Bills(List):
    """Settled bills."""

    number = tables.Column(verbose_name=later("就诊号", "Visit"), accessor="visit__number")
    person = tables.Column(verbose_name=later("姓名", "Name"), order_by=("person__name_key",))
    institution = tables.Column(verbose_name=later("医院", "Hospital"), accessor="institution__name")
    care = tables.Column(verbose_name=later("类别", "Care"))
    discharged_on = Day(verbose_name=later("出院", "Discharged"))
    identities = tables.Column(verbose_name=later("按何身份", "Settled as"), orderable=False, empty_values=())
    total_fen = Fen(verbose_name=later("总费用（元）", "Bill (yuan)"))
    paid_fen = Fen(verbose_name=later("各方支付", "Paid"))
    patient_fen = Fen(verbose_name=later("个人负担", "Patient"))

    class Meta(List.Meta):
        empty_text = later("还没有结算记录。可以录入以往的账单。", "No settled bills yet. Past bills can be entered.")

    def render_number(self, record: Settlement) -> str:
        """A link to the bill."""
        gone = (
            format_html(' <span class="mark mark-bad">{}</span>', str(record.kind_words))
            if record.kind == "reversed"
            else ""
        )
        return format_html('<a href="{}">{}</a>{}', reverse("care:bill", args=[record.pk]), record.visit.number, gone)

    def render_person(self, value: Person) -> str:
        """The name, a child's masked for those who do not work on persons' records."""
        return shown_name(value, self.request.user)

    def render_care(self, value: str) -> str:
        """The kind of care in words."""
        return FACTS["care"].word(value, lang())

    def render_identities(self, record: Settlement) -> str:
        """The identities that counted."""
        return identities_in_words(record.identities)


def identities_in_words(codes: list[str] | tuple[str, ...]) -> str:
    """特困、低保; a dash for none."""
    return say("、", ", ").join(FACTS["identity"].word(code, lang()) for code in codes) or "—"


@page(Right.SETTLEMENT_SEE)
def bills(request: Request) -> HttpResponse:
    """All settled bills of the area."""
    return render(request, "care/bills.html", {"table": in_pages(request, Bills(queries.settlements()))})


class BillsFile(forms.Form):
    """A file of past bills."""

    file = forms.FileField(
        label=later("账单文件（JSON）", "File of bills (JSON)"),
        help_text=later(
            "每单：证件号、姓名、医院编码，以及 docs/settle.md 里的 claim。",
            "Each with ID number, name, hospital code, and a claim as in docs/settle.md.",
        ),
    )


@page(Right.SETTLEMENT_IMPORT)
def import_bills(request: Request) -> HttpResponse:
    """Enter past bills from a file; they are settled in the background, in their order."""
    form = BillsFile(request.POST or None, request.FILES or None)
    problems: tuple[Any, ...] = ()
    if request.method == "POST" and form.is_valid():
        try:
            found = read_bills(form.cleaned_data["file"].read(MOST_BYTES + 1), date.today())
        except Problems as refused:
            problems = refused.problems
        else:
            title = Words(f"结算以往账单 {len(found)} 单", f"settling {len(found)} past bills")
            run = start("care.import", title=title, about={"bills": found}, acting_user=request.user)
            return redirect("jobs:run", number=run.pk)
    status = 422 if request.method == "POST" else 200
    return render(request, "care/import.html", {"form": form, "problems": problems}, status=status)


@page(Right.SETTLEMENT_SEE)
def policies(request: Request) -> HttpResponse:
    """The documents of the officer's area, or of each pooling area below it: their days, and which end without a successor."""
    area, today = request.user.area, timezone.localdate()
    paths = [area.path] if has_rules(area.path) else [part.area.path for part in pooling_areas(area) if part.known]
    shown = [_documents(scheme_at(path), today) for path in paths]
    return render(request, "care/policies.html", {"areas": shown})


def _documents(scheme: Scheme, today: date) -> dict[str, Any]:
    """An area's name and its documents, those that somebody has to look at first."""
    gone, soon = ended(scheme, today), ending(scheme, today)
    rows = [
        {
            "name": d.name, "title": say(d.title, d.title_en or d.title), "begins_on": d.begins_on, "ends_on": d.ends_on, "stand_in": d.stand_in,
            "state": "ended" if d in gone else "ending" if d in soon else "over" if d.ends_on and d.ends_on < today else "",
        }
        for d in sorted(scheme.documents, key=lambda d: (d not in gone, d not in soon, d.nature != "正文", d.begins_on))
    ]  # fmt: skip
    return {"name": say(scheme.name, scheme.name_en), "rows": rows}


@page(Right.VISIT_SEE)
def refusals(request: Request) -> HttpResponse:
    """Why a settlement is refused, in the order in which it is checked: for clerks and for who writes a hospital's software."""
    return render(request, "care/refusals.html", {"rows": refusals_in_order()})
