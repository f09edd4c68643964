"""Pages of double enrolment."""

from __future__ import annotations

import django_tables2 as tables
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from yizhan.agency.desk.fields import DayField
from yizhan.agency.desk.tables import Day, List, in_pages
from yizhan.agency.desk.words import Words, later, say
from yizhan.agency.enrolment import queries
from yizhan.agency.enrolment.actions import doubles
from yizhan.agency.enrolment.models import KEEPS, RESIDENT, SCHEMES, Double, Enrolment
from yizhan.agency.enrolment.queries import kept
from yizhan.agency.enrolment.views.choosing import NumberColumn, PersonColumn, again, chosen, day_input, officer_of
from yizhan.agency.enrolment.views.people import span
from yizhan.agency.people.queries import area_names, shown_name
from yizhan.agency.staff.pages import page
from yizhan.agency.staff.rights import Right
from yizhan.errors import Problem, Problems

FOUND_IN = {"list": later("职工名单", "list of employees"), "platform": later("平台比对", "comparison on the platform")}


class Doubles(List):
    """Cases."""

    person = PersonColumn(verbose_name=later("姓名", "Name"), order_by=("person__name_key", "id"))
    number = NumberColumn()
    other_scheme = tables.Column(verbose_name=later("另参加", "Also insured as"))
    other_since = Day(verbose_name=later("起", "Since"), default="—")
    found_in = tables.Column(verbose_name=later("发现于", "Found by"))
    decide = tables.Column(verbose_name="", empty_values=(), orderable=False)

    class Meta(List.Meta):
        empty_text = later(
            "没有重复参保。导入职工名单，或点“全平台比对”来查找。",
            "No double enrolment. Import a list of employees, or compare with the whole platform.",
        )

    def render_other_scheme(self, value: str) -> str:
        """In words."""
        return str(SCHEMES[value])

    def render_found_in(self, value: str) -> str:
        """In words."""
        return str(FOUND_IN[value])

    def render_decide(self, record: Double) -> object:
        """What was decided, or a link to decide it."""
        if record.keeps:
            return f"{KEEPS[record.keeps]} · {record.from_on} · {record.decided_by.name if record.decided_by else ''}"
        url = reverse("enrolment:double", args=[record.pk])
        return format_html('<a class="button" href="{}">{}</a>', url, say("处理", "Decide"))


@page(Right.ENROLMENT_SEE)
def cases(request: HttpRequest) -> HttpResponse:
    """Cases of double enrolment."""
    asked = chosen(request)
    decided = request.GET.get("decided") == "yes"
    table = in_pages(request, Doubles(queries.doubles(asked.year, asked.area.path, decided=decided)))
    return render(request, "enrolment/doubles.html", {
        "asked": asked, "table": table, "decided": decided, "may_edit": officer_of(request).may(Right.ENROLMENT_EDIT),
    })  # fmt: skip


@page(Right.ENROLMENT_EDIT)
@require_POST
def look(request: HttpRequest) -> HttpResponse:
    """Compare with the whole platform."""
    asked = chosen(request)
    opened = doubles.look_for_doubles(asked.area, year=asked.year, acting_user=officer_of(request))
    messages.success(request, say("比对完成，新发现 {n} 人。", "Compared; {n} new cases.", n=opened))
    return redirect(f"{reverse('enrolment:doubles')}?{asked.query}")


class DoubleForm(forms.Form):
    """Which enrolment stays."""

    keeps = forms.ChoiceField(label=later("保留", "Which stays"), choices=list(KEEPS.items()))
    from_on = DayField(
        label=later("另一个从哪天起终止", "The other ends on"), widget=day_input(),
        help_text=later("从这天起不再享受。", "From this day on it no longer holds."),
    )  # fmt: skip
    note = forms.CharField(label=later("说明", "Note"), required=False, max_length=200)


@page(Right.ENROLMENT_SEE)
def case(request: HttpRequest, number: int) -> HttpResponse:
    """One case: both enrolments beside each other, and which of them stays."""
    found = queries.double(number)
    form = DoubleForm(request.POST or None, initial={"from_on": found.other_since})
    if request.method == "POST" and form.is_valid():
        try:
            doubles.decide_double(found, **form.cleaned_data, acting_user=officer_of(request))
        except (Problem, Problems) as refused:
            again(form, refused)
        else:
            messages.success(request, say("已处理。", "Decided."))
            return redirect("enrolment:doubles")
    person = kept(found.person)
    account = queries.account(person, found.year)
    here: list[tuple[Enrolment, Words, str]] = []
    there: list[tuple[Enrolment, Words, str]] = []
    for row in account.enrolments:
        is_other = (row.scheme in RESIDENT) == (found.other_scheme in RESIDENT)
        (there if is_other else here).append((row, SCHEMES[row.scheme], span(row)))
    places = area_names([e.area_path for e in account.elsewhere if e.area_path])
    return render(request, "enrolment/double.html", {
        "case": found, "person": person, "form": form, "name": shown_name(person, officer_of(request)),
        "scheme": SCHEMES[found.other_scheme], "own": here, "others": there, "charge": account.charge,
        "elsewhere": [(e, SCHEMES[e.scheme], places.get(e.area_path or "", "")) for e in account.elsewhere],
        "keeps": KEEPS.get(found.keeps), "may_edit": officer_of(request).may(Right.ENROLMENT_EDIT),
    }, status=422 if form.errors else 200)  # fmt: skip
