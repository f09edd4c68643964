"""Pages of coverage (ID-3): how many of the certified and of all residents are insured, down to the names of the missing."""

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

from yizhan.agency.desk.fields import DayField
from yizhan.agency.desk.tables import List, in_pages
from yizhan.agency.desk.words import later, say
from yizhan.agency.enrolment import queries
from yizhan.agency.enrolment.actions import enrolling
from yizhan.agency.enrolment.views.choosing import again, chosen, day_input, file_name, identity_words, officer_of, xlsx
from yizhan.agency.people.models import IDENTITIES, Person
from yizhan.agency.people.queries import area_names, identities_of, shown_name
from yizhan.agency.spreadsheets import Column
from yizhan.agency.staff.pages import page
from yizhan.agency.staff.rights import Right
from yizhan.engine.money import percent, yuan_grouped
from yizhan.errors import Problem, Problems


def _ratio(coverage: queries.Coverage, goal: int) -> dict[str, object]:
    ratio = coverage.ratio
    return {
        "people": coverage.people, "insured": coverage.insured, "missing": coverage.missing, "ratio": percent(ratio) if ratio is not None else "—",
        "tone": "plain" if ratio is None else "good" if ratio >= goal else "bad",
    }  # fmt: skip


@page(Right.COVERAGE_SEE)
def coverage(request: HttpRequest) -> HttpResponse:
    """An area's coverage, by the areas in it and by category."""
    asked = chosen(request)
    whole, parts = queries.coverage(asked.area, year=asked.year, on=asked.on)
    lines = [
        {
            "area": part.area, "certified": _ratio(part.certified, queries.GOAL_CERTIFIED),
            "residents": _ratio(part.residents, queries.GOAL_RESIDENTS), "population": part.population,
        }
        for part in parts
    ]  # fmt: skip
    identities = [
        {"code": code, "words": identity_words(code), **_ratio(whole.by_identity[code], queries.GOAL_CERTIFIED)}
        for code in IDENTITIES if code in whole.by_identity
    ]  # fmt: skip
    return render(request, "enrolment/coverage.html", {
        "asked": asked, "lines": lines, "identities": identities, "certified": _ratio(whole.certified, queries.GOAL_CERTIFIED),
        "residents": _ratio(whole.residents, queries.GOAL_RESIDENTS), "population": whole.population,
        "may_edit": officer_of(request).may(Right.ENROLMENT_EDIT), "may_names": officer_of(request).may(Right.ENROLMENT_SEE),
        "may_gaps": officer_of(request).may(Right.GAP_SEE), "above": asked.area.parent if asked.area.pk != officer_of(request).area_id else None,
    })  # fmt: skip


class Missing(List):
    """Certified people without insurance."""

    name = tables.Column(verbose_name=later("姓名", "Name"), order_by=("name_key", "id"))
    id_mask = tables.Column(verbose_name=later("证件号码", "Number"), orderable=False)
    area_path = tables.Column(verbose_name=later("所在地", "Where"))
    identities = tables.Column(verbose_name=later("身份", "Category"), empty_values=(), orderable=False)
    why = tables.Column(verbose_name=later("情况", "Why"), empty_values=(), orderable=False)

    class Meta(List.Meta):
        empty_text = later("没有遗漏：有身份的人都已参保。", "Nobody is missing: all certified people are insured.")

    held: dict[int, list[str]]
    names: dict[str, str]
    year: int

    def render_name(self, record: Person) -> SafeString:
        """A link to the person's year."""
        url = reverse("enrolment:person", args=[record.pk, self.year])
        return format_html('<a href="{}">{}</a>', url, shown_name(record, self.request.user))

    def render_area_path(self, value: str) -> str:
        """County and township."""
        return self.names.get(value, "")

    def render_identities(self, record: Person) -> str:
        """In words."""
        return say("、", ", ").join(identity_words(code) for code in self.held.get(record.pk, ()))

    def render_why(self, record: Person) -> str:
        """Not enrolled, or enrolled and owing."""
        return why_missing(record)


def why_missing(person: Person) -> str:
    """Why somebody is not insured. `person` comes from `queries.missing`."""
    enrolled, balance = getattr(person, "enrolled", False), getattr(person, "balance", None)
    if not enrolled:
        return say("没有参保登记", "not enrolled")
    if balance is not None and balance > 0:
        return say("已登记，欠缴 {fen} 元", "enrolled, owes {fen} yuan", fen=yuan_grouped(balance))
    return say("已登记，待遇期未开始或已结束", "enrolled, but not on this day")


@page(Right.ENROLMENT_SEE)
def missing(request: HttpRequest) -> HttpResponse:
    """The names of the certified who are not insured."""
    asked = chosen(request)
    identity = request.GET.get("identity", "")
    rows = queries.missing(
        asked.area.path, year=asked.year, on=asked.on, identity=identity if identity in IDENTITIES else ""
    )
    table = in_pages(request, Missing(rows))
    here = [row.record for row in table.page.object_list] if table.page else []
    table.held, table.names, table.year = (
        identities_of(here, asked.on),
        area_names({p.area_path for p in here}),
        asked.year,
    )
    return render(request, "enrolment/missing.html", {
        "asked": asked, "table": table, "identity": identity, "identity_words": identity_words(identity) if identity else "",
        "identities": [(code, identity_words(code)) for code in IDENTITIES], "may_gaps": officer_of(request).may(Right.GAP_SEE),
    })  # fmt: skip


@page(Right.ENROLMENT_SEE)
@require_POST
def export_missing(request: HttpRequest) -> HttpResponse:
    """The missing as a workbook, numbers masked."""
    asked = chosen(request)
    officer = officer_of(request)
    identity = request.GET.get("identity", "")
    rows = list(
        queries.missing(
            asked.area.path, year=asked.year, on=asked.on, identity=identity if identity in IDENTITIES else ""
        )
    )
    held, names = identities_of(rows, asked.on), area_names({p.area_path for p in rows})
    heads = (
        say("人员编号", "Person"),
        say("姓名", "Name"),
        say("证件号码", "Number"),
        say("所在地", "Where"),
        say("身份", "Category"),
        say("情况", "Why"),
    )
    lines = (
        (p.number, shown_name(p, officer), p.id_mask, names.get(p.area_path, ""),
         say("、", ", ").join(identity_words(c) for c in held.get(p.pk, ())), why_missing(p))
        for p in rows
    )  # fmt: skip
    name = file_name(say("未参保", "not-insured"), asked.area.code, asked.year)
    return xlsx(
        request, name, [Column(h) for h in heads], lines, act="coverage.export", count=len(rows), year=asked.year
    )


class PopulationForm(forms.Form):
    """Resident population of an area."""

    heads = forms.IntegerField(label=later("常住人口（人）", "Resident population"), min_value=1)
    counted_on = DayField(label=later("统计日期", "Counted on"), widget=day_input())
    source = forms.CharField(label=later("来源", "Source"), max_length=120)


@page(Right.ENROLMENT_EDIT)
def population(request: HttpRequest) -> HttpResponse:
    """Enter the resident population of an area, with its source."""
    asked = chosen(request)
    form = PopulationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            enrolling.record_population(
                asked.area, year=asked.year, **form.cleaned_data, acting_user=officer_of(request)
            )
        except (Problem, Problems) as refused:
            again(form, refused)
        else:
            messages.success(request, say("人口数已登记。", "The figure is recorded."))
            return redirect(f"{reverse('enrolment:coverage')}?{asked.query}")
    return render(
        request, "enrolment/population.html", {"asked": asked, "form": form}, status=422 if form.errors else 200
    )
