"""Pages of supplementary insurance: who holds it, noting one, taking in a list, withdrawing one."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import django_tables2 as tables
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from yizhan.agency.desk.fields import DayField, YuanField, read_day
from yizhan.agency.desk.tables import Day, Fen, List, in_pages
from yizhan.agency.desk.templatetags.desk import state as shown
from yizhan.agency.desk.words import Words, later, say
from yizhan.agency.enrolment import queries
from yizhan.agency.enrolment.actions import covers as actions
from yizhan.agency.enrolment.beneficiaries import insurers_at
from yizhan.agency.enrolment.models import PAID_BY, Cover, State
from yizhan.agency.enrolment.queries import kept
from yizhan.agency.enrolment.views.choosing import (
    XLSX,
    NumberColumn,
    again,
    attachment,
    chosen,
    day_input,
    file_name,
    officer_of,
    payer_words,
)
from yizhan.agency.enrolment.views.people import meant
from yizhan.agency.people.models import Person
from yizhan.agency.people.queries import shown_name
from yizhan.agency.spreadsheets import template_xlsx
from yizhan.agency.staff.pages import page
from yizhan.agency.staff.rights import Right
from yizhan.errors import Problem, Problems

_WITHDRAWN = State(Words("已撤销", "withdrawn"), "bad")
_HOLDS = State(Words("有效", "holds"), "good")
_ENDED = State(Words("已到期", "ended"), "plain")
_AHEAD = State(Words("未开始", "not begun"), "plain")


def state_of(row: Cover, on: date) -> State:
    """Where a cover stands on a day."""
    if row.withdrawn_at is not None:
        return _WITHDRAWN
    if on < row.valid.lower:
        return _AHEAD
    return _HOLDS if on < row.valid.upper else _ENDED


class Covers(List):
    """Covers, the latest first."""

    person = tables.Column(
        verbose_name=later("姓名", "Name"), order_by=("person__name_key", "-id"), attrs={"td": {"class": "name"}}
    )
    number = NumberColumn()
    insurer = tables.Column(verbose_name=later("承保资金", "Insurer"))
    first = Day(verbose_name=later("起保", "From"), accessor="valid__lower", order_by="valid")
    last_day = Day(verbose_name=later("终保", "To"), orderable=False)
    premium_fen = Fen(verbose_name=later("保费（元）", "Premium (yuan)"), default="—")
    paid_by = tables.Column(verbose_name=later("缴费方", "Paid by"))
    document = tables.Column(verbose_name=later("依据", "Document"))
    state = tables.Column(verbose_name=later("状态", "State"), empty_values=(), orderable=False)

    class Meta(List.Meta):
        empty_text = later(
            "还没有登记补充保险。没有登记的人，结算时按“没有参保”算。",
            "No supplementary insurance on record. Who has none on record is settled as holding none.",
        )

    def render_person(self, value: Person) -> SafeString:
        """A link to the person's covers."""
        person = kept(value)
        url = reverse("enrolment:covers_of", args=[person.pk])
        return format_html('<a href="{}">{}</a>', url, shown_name(person, self.request.user))

    def render_insurer(self, record: Cover) -> str:
        """In the language of the request."""
        return payer_words(record.insurer, record.area_path)

    def render_paid_by(self, value: str) -> str:
        """In words."""
        return str(PAID_BY[value])

    def render_state(self, record: Cover) -> SafeString:
        """As a mark."""
        return shown(state_of(record, timezone.localdate()))


@page(Right.ENROLMENT_SEE)
def covers(request: HttpRequest) -> HttpResponse:
    """Who holds supplementary insurance: on a day, or all that was ever noted."""
    asked = chosen(request)
    on = read_day(request.GET.get("on", ""))
    table = in_pages(request, Covers(queries.covers(asked.area.path, on=on)))
    return render(request, "enrolment/covers.html", {
        "asked": asked, "table": table, "on": on, "may_edit": officer_of(request).may(Right.ENROLMENT_EDIT),
    })  # fmt: skip


class CoverForm(forms.Form):
    """A cover to note."""

    who = forms.CharField(
        label=later("人员编号或证件号码", "Person number or ID number"), max_length=40,
        help_text=later("没有登记过的人，先在“人员”里登记。", "Register unknown people under “People” first."),
    )  # fmt: skip
    insurer = forms.ChoiceField(label=later("承保资金", "Insurer"))
    first_day = DayField(label=later("起保日期", "First day"), widget=day_input())
    last_day = DayField(label=later("终保日期", "Last day"), widget=day_input())
    premium = YuanField(
        label=later("保费（元）", "Premium (yuan)"), help_text=later("不知道可不填。", "Empty where it is not known.")
    )
    paid_by = forms.ChoiceField(label=later("缴费方", "Paid by"), choices=list(PAID_BY.items()), initial="finance")
    document = forms.CharField(label=later("保单号或文号", "Policy or document number"), max_length=100)

    def __init__(self, *args: Any, insurers: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["insurer"].choices = insurers  # type: ignore[attr-defined]  # of a choice field


@page(Right.ENROLMENT_EDIT)
def record_cover(request: HttpRequest, person: int | None = None) -> HttpResponse:
    """Note that somebody holds supplementary insurance."""
    officer = officer_of(request)
    there = queries.person(person) if person is not None else None
    path = there.area_path if there else officer.area_path
    year = chosen(request).year
    initial: dict[str, object] = {"first_day": date(year, 1, 1), "last_day": date(year, 12, 31)}
    if there is not None:
        initial["who"] = there.number
    insurers = _insurers(path)
    form = CoverForm(request.POST or None, initial=initial, insurers=[(p, payer_words(p, path)) for p in insurers])
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            whose = meant(said["who"])
            actions.record_cover(
                whose, insurer=said["insurer"], first_day=said["first_day"], last_day=said["last_day"],
                premium_fen=said["premium"], paid_by=said["paid_by"], document=said["document"], acting_user=officer,
            )  # fmt: skip
        except (Problem, Problems) as refused:
            again(form, refused)
        else:
            messages.success(request, say("已登记补充保险。", "The supplementary insurance is noted."))
            return redirect("enrolment:covers_of", person=whose.pk)
    return render(
        request, "enrolment/cover_record.html", {"form": form, "insurers": insurers}, status=422 if form.errors else 200
    )


def _insurers(path: str) -> tuple[str, ...]:
    """Those of a place; of a place above the pooling areas, those of all below."""
    try:
        return insurers_at(path)
    except Problem:
        below = [part.path for part in queries.above_counties(path)]
        found: dict[str, None] = {}
        for part in below:
            try:
                found |= dict.fromkeys(insurers_at(part))
            except Problem:
                continue
        return tuple(found)


class CoverFileForm(forms.Form):
    """A list to take in."""

    file = forms.FileField(label=later("文件（xlsx 或 csv）", "File (xlsx or csv)"))


@page(Right.ENROLMENT_EDIT)
def import_covers(request: HttpRequest) -> HttpResponse:
    """Take in a list of who holds supplementary insurance."""
    form = CoverFileForm(request.POST or None, request.FILES or None)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            taken = actions.take_covers(file.read(), file.name, acting_user=officer_of(request))
        except Problems as refused:
            problems = refused.problems
        except Problem as refused:
            problems = (refused,)
        else:
            messages.success(request, say(
                "新登记 {added} 份，另有 {known} 行此前已登记。", "{added} covers are noted; {known} rows were known already.",
                added=taken.added, known=taken.known,
            ))  # fmt: skip
            return redirect("enrolment:covers")
    status = 422 if problems or form.errors else 200
    context = {"form": form, "problems": problems, "columns": actions.COLUMNS}
    return render(request, "enrolment/cover_import.html", context, status=status)


@page(Right.ENROLMENT_SEE)
def cover_template(request: HttpRequest) -> HttpResponse:
    """An empty list to fill in, each column explained."""
    out = io.BytesIO()
    template_xlsx(out, actions.COLUMNS, name="补充保险名单")
    response = HttpResponse(out.getvalue(), content_type=XLSX)
    response.headers["Content-Disposition"] = attachment(file_name("补充保险名单"))
    return response


@page(Right.ENROLMENT_SEE)
def covers_of(request: HttpRequest, person: int) -> HttpResponse:
    """A person's covers, also those that were withdrawn and why."""
    there = queries.person(person)
    today = timezone.localdate()
    return render(request, "enrolment/covers_of.html", {
        "person": there, "name": shown_name(there, officer_of(request)), "rows": cover_rows(there, today), "year": today.year,
        "may_edit": officer_of(request).may(Right.ENROLMENT_EDIT), "may_see": officer_of(request).may(Right.PERSON_SEE),
    })  # fmt: skip


def cover_rows(person: Person, on: date) -> list[dict[str, Any]]:
    """A person's covers in words."""
    return [
        {
            "row": row, "insurer": payer_words(row.insurer, row.area_path), "paid_by": PAID_BY[row.paid_by],
            "state": state_of(row, on), "last_day": row.last_day,
        }
        for row in queries.covers_of(person)
    ]  # fmt: skip


class WithdrawForm(forms.Form):
    """Why somebody does not hold it after all."""

    why = forms.CharField(label=later("撤销原因", "Why it is withdrawn"), max_length=200)


@page(Right.ENROLMENT_EDIT)
def withdraw_cover(request: HttpRequest, number: int) -> HttpResponse:
    """Withdraw a cover that was noted wrongly."""
    found = queries.cover(number)
    there = kept(found.person)
    form = WithdrawForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.withdraw_cover(found, why=form.cleaned_data["why"], acting_user=officer_of(request))
        except (Problem, Problems) as refused:
            again(form, refused)
        else:
            messages.success(
                request,
                say("已撤销。已结算的账单列入“待重新结算”。", "Withdrawn. Settled bills stand under “To settle anew”."),
            )
            return redirect("enrolment:covers_of", person=there.pk)
    context = {
        "form": form, "cover": found, "person": there, "name": shown_name(there, officer_of(request)),
        "insurer": payer_words(found.insurer, found.area_path), "paid_by": PAID_BY[found.paid_by],
    }  # fmt: skip
    return render(request, "enrolment/cover_withdraw.html", context, status=422 if form.errors else 200)
