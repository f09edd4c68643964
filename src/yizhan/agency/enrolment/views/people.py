"""Pages of enrolling: the list of a year, one person's year, lists that come in, the year's figures."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import django_tables2 as tables
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from yizhan.agency.desk.fields import DayField
from yizhan.agency.desk.tables import Fen, List, in_pages
from yizhan.agency.desk.templatetags.desk import state as shown
from yizhan.agency.desk.words import Words, later, say
from yizhan.agency.enrolment import queries
from yizhan.agency.enrolment.actions import enrolling, files, refunds
from yizhan.agency.enrolment.models import (
    EVENTS,
    FILE_KINDS,
    REFUND_REASONS,
    RESIDENT,
    ROW_OUTCOMES,
    SCHEMES,
    TIERS,
    Charge,
    Enrolment,
    ListRow,
    State,
)
from yizhan.agency.enrolment.queries import kept
from yizhan.agency.enrolment.views.choosing import (
    XLSX,
    NumberColumn,
    PersonColumn,
    again,
    attachment,
    choose_pooling_area,
    chosen,
    day_input,
    file_name,
    identity_words,
    officer_of,
    payer_words,
    pooling_areas,
    xlsx,
)
from yizhan.agency.enrolment.years import day_of, entry_of, marks_of, premium_on, scheme_at, year_at
from yizhan.agency.people.models import Person
from yizhan.agency.people.queries import area_names, shown_name
from yizhan.agency.people.sealing import possible_hashes
from yizhan.agency.spreadsheets import Column, template_xlsx
from yizhan.agency.staff.errors import NotAllowed, NotFound
from yizhan.agency.staff.pages import page
from yizhan.agency.staff.rights import Right
from yizhan.engine.money import percent
from yizhan.engine.premium import Premium
from yizhan.errors import Problem, Problems

SHOWN_STATES = {
    "insured": State(Words("参保有效", "insured"), "good"),
    "owing": State(Words("待缴费", "to be paid"), "wait"),
    "waiting": State(Words("待遇未开始", "not begun"), "plain"),
    "ended": State(Words("已终止", "ended"), "bad"),
}


class Enrolments(List):
    """Enrolments of a year."""

    person = PersonColumn(verbose_name=later("姓名", "Name"), order_by=("person__name_key", "person_id"))
    number = NumberColumn()
    place = tables.Column(verbose_name=later("参保地", "Where"), accessor="area_path", order_by="area_path")
    scheme = tables.Column(verbose_name=later("险种", "Scheme"))
    event = tables.Column(verbose_name=later("参保事由", "Why"))
    insured = tables.Column(
        verbose_name=later("待遇期", "Insured"), default="—", order_by="insured", attrs={"td": {"class": "tight"}}
    )
    balance = Fen(verbose_name=later("欠缴（元）", "Owed (yuan)"), default="—")
    state = tables.Column(verbose_name=later("状态", "State"), empty_values=(), orderable=False)

    class Meta(List.Meta):
        empty_text = later(
            "还没有参保登记。可逐人办理，或导入参保名单。",
            "Nobody is enrolled yet. Enrol one by one, or import a list.",
        )

    def __init__(self, *args: Any, on: Any, names: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on, self.names = on, names or {}

    def render_place(self, value: str) -> str:
        """County and township."""
        return self.names.get(value, "")

    def render_scheme(self, value: str) -> str:
        """In words."""
        return str(SCHEMES[value])

    def render_event(self, value: str) -> str:
        """In words."""
        return str(EVENTS[value])

    def render_insured(self, record: Enrolment) -> str:
        """First to last day."""
        return span(record)

    def render_state(self, record: Enrolment) -> SafeString:
        """As a mark."""
        balance = getattr(record, "balance", None)
        return shown(SHOWN_STATES[queries.shown_state(record, balance, self.on)])


def span(record: Enrolment) -> str:
    """First and last insured day."""
    if not record.insured:
        return "—"
    last = record.last_day
    return f"{record.insured.lower} – {last}" if last else say("{day} 起", "from {day}", day=record.insured.lower)


@page(Right.ENROLMENT_SEE)
def enrolments(request: HttpRequest) -> HttpResponse:
    """Who is enrolled in a year."""
    asked = chosen(request)
    scheme, state = request.GET.get("scheme", ""), request.GET.get("state", "")
    rows = queries.enrolments(
        year=asked.year, path=asked.area.path, scheme=scheme if scheme in SCHEMES else "",
        state=state if state in queries.STATES else "", on=asked.on,
    )  # fmt: skip
    table = in_pages(request, Enrolments(rows, on=asked.on))
    table.names = area_names({row.record.area_path for row in table.page.object_list}) if table.page else {}
    return render(request, "enrolment/enrolments.html", {
        "asked": asked, "table": table, "scheme": scheme, "state": state, "schemes": SCHEMES, "states": SHOWN_STATES,
        "may_edit": officer_of(request).may(Right.ENROLMENT_EDIT), "sums": queries.year_sums(asked.year, asked.area.path),
    })  # fmt: skip


@page(Right.ENROLMENT_SEE)
@require_POST
def export_enrolments(request: HttpRequest) -> HttpResponse:
    """The list as a workbook, numbers masked."""
    if not officer_of(request).may(Right.PERSON_EXPORT):
        words = Right.PERSON_EXPORT.words
        raise NotAllowed(right_zh=words.zh, right_en=words.en)
    asked = chosen(request)
    officer = officer_of(request)
    rows = queries.enrolments(
        year=asked.year, path=asked.area.path, scheme=request.GET.get("scheme", ""), state=request.GET.get("state", ""),
        on=asked.on,
    )  # fmt: skip
    names = area_names(rows.order_by().values_list("area_path", flat=True).distinct())
    heads = (
        say("人员编号", "Person"), say("姓名", "Name"), say("证件号码", "Number"), say("参保地", "Where"), say("险种", "Scheme"),
        say("参保事由", "Why"), say("参保日期", "Enrolled"), say("待遇期", "Insured"), say("状态", "State"),
    )  # fmt: skip
    columns = [*(Column(head) for head in heads), Column(say("欠缴（元）", "Owed (yuan)"), "amount")]
    lines = (
        (kept(row.person).number, shown_name(kept(row.person), officer), kept(row.person).id_mask, names.get(row.area_path, ""),
         str(SCHEMES[row.scheme]), str(EVENTS[row.event]), row.enrolled_on.isoformat(), span(row),
         str(SHOWN_STATES[queries.shown_state(row, getattr(row, "balance", None), asked.on)].words), getattr(row, "balance", None))
        for row in rows.iterator(chunk_size=2000)
    )  # fmt: skip
    name = file_name(say("参保登记", "enrolment"), asked.area.code, asked.year)
    return xlsx(
        request, name, columns, lines, act="enrolment.export", count=rows.count(), year=asked.year, area=asked.area.code
    )


# --- One person -------------------------------------------------------------------------------------------------------


class EnrolForm(forms.Form):
    """Somebody to be enrolled."""

    who = forms.CharField(
        label=later("人员编号或证件号码", "Person number or ID number"), max_length=40,
        help_text=later("没有登记过的人，先在“人员”里登记。", "Register unknown people under “People” first."),
    )  # fmt: skip
    year = forms.IntegerField(label=later("年度", "Year"), min_value=2000, max_value=2100)
    enrolled_on = DayField(label=later("参保日期", "Day of enrolment"), widget=day_input())
    event = forms.ChoiceField(label=later("参保事由", "Why"), choices=list(EVENTS.items()))
    event_on = DayField(
        label=later("事由日期", "Day of that"), required=False, widget=day_input(),
        help_text=later("出生、迁入等发生的日期；一般参保不填。", "of birth, of moving in; empty for ordinary enrolment."),
    )  # fmt: skip
    scheme = forms.ChoiceField(label=later("险种", "Scheme"), choices=[(code, SCHEMES[code]) for code in RESIDENT])
    tier = forms.ChoiceField(label=later("档次", "Tier"), required=False, choices=[("", "—"), *TIERS.items()])


def meant(text: str) -> Person:
    """The person of a person number or a full certificate number. Raises NotFound."""
    text = "".join(text.split()).upper()
    found = None
    if text.isdecimal() and len(text) <= 10:
        found = Person.objects.select_related("merged_into").filter(pk=int(text)).first()
    if found is None:
        found = Person.objects.select_related("merged_into").filter(id_hash__in=possible_hashes(text)).first()
    if found is None:
        raise NotFound()
    return kept(found)


@page(Right.ENROLMENT_EDIT)
def enrol(request: HttpRequest, person: int | None = None) -> HttpResponse:
    """Enrol one person."""
    officer = officer_of(request)
    initial: dict[str, object] = {
        "year": chosen(request).year,
        "enrolled_on": timezone.localdate(),
        "scheme": "resident",
    }
    if person is not None:
        initial["who"] = queries.person(person).number
    form = EnrolForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            there = meant(asked["who"])
            enrolling.enrol(
                there, year=asked["year"], enrolled_on=asked["enrolled_on"], scheme=asked["scheme"], event=asked["event"],
                event_on=asked["event_on"], tier=asked["tier"], acting_user=officer,
            )  # fmt: skip
        except (Problem, Problems) as refused:
            again(form, refused)
        else:
            messages.success(request, say("{name} 已参保登记。", "{name} is enrolled.", name=there.name))
            return redirect("enrolment:person", person=there.pk, year=asked["year"])
    return render(request, "enrolment/enrol.html", {"form": form}, status=422 if form.errors else 200)


class EndForm(forms.Form):
    """From when on somebody is no longer insured, and why."""

    from_on = DayField(label=later("从哪天起不再参保", "No longer insured from"), widget=day_input())
    why = forms.CharField(label=later("原因", "Why"), max_length=200)


class RefundForm(forms.Form):
    """Why something is paid back."""

    reason = forms.ChoiceField(label=later("退费原因", "Reason"), choices=list(REFUND_REASONS.items()))
    note = forms.CharField(label=later("说明", "Note"), max_length=200, required=False)


@page(Right.ENROLMENT_SEE)
def person_year(request: HttpRequest, person: int, year: int) -> HttpResponse:
    """One person's year: insured when, the premium and why, who paid what."""
    there = queries.person(person)
    if there.pk != person:
        return redirect("enrolment:person", person=there.pk, year=year)
    return _person_page(request, there, year)


def _person_page(
    request: HttpRequest, there: Person, year: int, *, end: EndForm | None = None, status: int = 200
) -> HttpResponse:
    account = queries.account(there, year)
    today = timezone.localdate()
    premium: Premium | None = None
    problems: tuple[Problem, ...] = ()
    try:
        rules = year_at(there.area_path, year)
        known = account.resident
        granted = account.charge.subsidised if account.charge else 0
        premium = premium_on(
            rules, marks_of([there.pk]).get(there.pk, ()), today=today, entry=entry_of(known),
            enrolled_on=known.enrolled_on if known else None, granted=granted,
        )  # fmt: skip
    except Problems as refused:
        problems = refused.problems
    lang = say("zh", "en")
    balance = account.charge.balance if account.charge else None
    return render(request, "enrolment/person.html", {
        "person": there, "name": shown_name(there, officer_of(request)), "year": year, "account": account, "charge": account.charge,
        "problems": problems, "premium": premium,
        "sentences": premium.sentences(lang) if premium else (),
        "stand_ins": [note for note in premium.notes if note.kind == "stand_in"] if premium else (), "lang": lang,
        "identities": [identity_words(m.identity) for m in marks_of([there.pk]).get(there.pk, ()) if m.holds_on(day_of(year, today))],
        "rows": [(row, SCHEMES[row.scheme], EVENTS[row.event], span(row), SHOWN_STATES[queries.shown_state(row, balance, day_of(year, today))]) for row in account.enrolments],
        "entries": [(entry, payer_words(entry.payer, there.area_path) if entry.kind == "subsidy" else "") for entry in account.entries],
        "elsewhere": [(other, SCHEMES[other.scheme], area_names([other.area_path]).get(other.area_path, "") if other.area_path else "") for other in account.elsewhere],
        "schemes": SCHEMES, "may_edit": officer_of(request).may(Right.ENROLMENT_EDIT), "may_see": officer_of(request).may(Right.PERSON_SEE), "may_refund": officer_of(request).may(Right.TAX_EXCHANGE),
        "covers": [(row, payer_words(row.insurer, row.area_path)) for row in queries.covers_of(there) if row.withdrawn_at is None and row.valid.lower.year <= year <= row.last_day.year],
        "end": end or EndForm(), "refund": RefundForm(), "years": sorted({*_years(there), year}, reverse=True),
    }, status=status)  # fmt: skip


def _years(there: Person) -> list[int]:
    try:
        return sorted(scheme_at(there.area_path).financing)[-5:]
    except Problems:
        return []


@page(Right.ENROLMENT_EDIT)
@require_POST
def end(request: HttpRequest, person: int, year: int) -> HttpResponse:
    """End somebody's resident enrolment."""
    there = queries.person(person)
    form = EndForm(request.POST)
    if not form.is_valid():
        return _person_page(request, there, year, end=form, status=422)
    known = queries.account(there, year).resident
    if known is None:
        raise NotFound()
    charge = enrolling.end_enrolment(known, **form.cleaned_data, acting_user=officer_of(request))
    messages.success(request, say("参保已终止。", "The enrolment is ended."))
    if charge is not None and charge.refundable:
        messages.warning(request, say("多缴的钱可以提请退费。", "What was paid too much can be proposed for refund."))
    return redirect("enrolment:person", person=there.pk, year=year)


@page(Right.TAX_EXCHANGE)
@require_POST
def propose_refund(request: HttpRequest, charge: int) -> HttpResponse:
    """Propose to pay back all that somebody paid too much."""
    account = queries.charge(charge)
    form = RefundForm(request.POST)
    if not form.is_valid():
        raise NotFound()
    refunds.propose_refund(account, fen=account.refundable, **form.cleaned_data, acting_user=officer_of(request))
    messages.success(request, say("已提请退费，等待财务核定。", "The refund is proposed and waits for finance."))
    return redirect("enrolment:person", person=kept(account.person).pk, year=account.year)


# --- Lists that come in -----------------------------------------------------------------------------------------------


class FileForm(forms.Form):
    """A table to take in."""

    kind = forms.ChoiceField(
        label=later("名单", "List"), choices=[(k, FILE_KINDS[k]) for k in ("residents", "employees")]
    )
    year = forms.IntegerField(label=later("年度", "Year"), min_value=2000, max_value=2100)
    file = forms.FileField(label=later("文件（xlsx 或 csv）", "File (xlsx or csv)"))


@page(Right.ENROLMENT_EDIT)
def import_list(request: HttpRequest) -> HttpResponse:
    """Take in a list of residents to enrol, or of insured employees."""
    form = FileForm(request.POST or None, request.FILES or None, initial={"year": chosen(request).year})
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            file = files.take_file(
                asked["kind"], content=asked["file"].read(), filename=asked["file"].name, year=asked["year"],
                acting_user=officer_of(request),
            )  # fmt: skip
        except (Problem, Problems) as refused:
            again(form, refused)
        else:
            return redirect("jobs:run", number=file.run_id)
    recent = queries.files(chosen(request).year, "residents", "employees")[:20]
    return render(
        request, "enrolment/import.html", {"form": form, "recent": recent}, status=422 if form.errors else 200
    )


@page(Right.ENROLMENT_SEE)
def template(request: HttpRequest, kind: str) -> HttpResponse:
    """An empty table to fill in, each column explained."""
    if kind not in files.COLUMNS:
        raise NotFound()
    out = io.BytesIO()
    template_xlsx(out, files.COLUMNS[kind], name=FILE_KINDS[kind].zh)
    response = HttpResponse(out.getvalue(), content_type=XLSX)
    response.headers["Content-Disposition"] = attachment(file_name(FILE_KINDS[kind].zh))
    return response


class FileRows(List):
    """Rows of a table that came in, and what became of them."""

    row = tables.Column(verbose_name=later("行", "Row"))
    name = tables.Column(verbose_name=later("姓名", "Name"))
    id_mask = tables.Column(verbose_name=later("证件号码", "Number"), orderable=False, default="—")
    outcome = tables.Column(verbose_name=later("结果", "Outcome"), empty_values=())
    why = tables.Column(verbose_name=later("原因", "Why"), orderable=False, empty_values=())

    def render_outcome(self, record: ListRow) -> SafeString:
        """As a mark."""
        return shown(record.shown_outcome)

    def render_why(self, record: ListRow) -> str:
        """In the language of the request."""
        return record.why.get(say("zh", "en"), "")


@page(Right.ENROLMENT_SEE)
def file(request: HttpRequest, number: int) -> HttpResponse:
    """What became of a table's rows."""
    found = queries.file(number)
    outcome = request.GET.get("outcome")
    table = in_pages(request, FileRows(queries.file_rows(found, outcome)))
    counts = [(code, ROW_OUTCOMES[code], n) for code, n in queries.outcomes(found).items()]
    return render(request, "enrolment/file.html", {"file": found, "table": table, "counts": counts, "outcome": outcome})


@page(Right.ENROLMENT_SEE)
@require_POST
def export_file(request: HttpRequest, number: int) -> HttpResponse:
    """The rows that need somebody's attention, with the reason of each."""
    found = queries.file(number)
    rows = queries.file_rows(found).filter(outcome__in=("refused", "not_found", "different", "double"))
    heads = (
        say("行", "Row"),
        say("姓名", "Name"),
        say("证件号码", "Number"),
        say("结果", "Outcome"),
        say("原因", "Why"),
    )
    lang = say("zh", "en")
    lines = (
        (str(row.row), row.name, row.id_mask, str(row.shown_outcome.words), row.why.get(lang, ""))
        for row in rows.iterator()
    )
    return xlsx(
        request, file_name(say("退回", "returned"), found.pk), [Column(head) for head in heads], lines,
        act="enrolment.export_file", count=rows.count(), list_file=found.pk,
    )  # fmt: skip


# --- The year ---------------------------------------------------------------------------------------------------------


class ExtendForm(forms.Form):
    """A longer collection period."""

    period_to = DayField(label=later("延长到", "Until"), widget=day_input())
    document = forms.CharField(label=later("依据文号", "Document"), max_length=120)


@page(Right.ENROLMENT_SEE)
def year_page(request: HttpRequest, year: int) -> HttpResponse:
    """What the year costs, until when one may come in, who is subsidised; each with its document."""
    asked = replace(chosen(request), year=year)
    if areas := pooling_areas(asked.area):
        return choose_pooling_area(request, asked, areas)
    found = year_at(asked.area.path, year)
    pooling = queries.pooling_area(found.scheme.area)
    form = ExtendForm(request.POST or None)
    may_extend = officer_of(request).may(Right.ENROLMENT_EDIT) and pooling.path.startswith(
        officer_of(request).area_path
    )
    if request.method == "POST" and form.is_valid():
        try:
            enrolling.extend_period(pooling, year=year, **form.cleaned_data, acting_user=officer_of(request))
        except (Problem, Problems) as refused:
            again(form, refused)
        else:
            messages.success(request, say("集中缴费期已延长。", "The collection period is longer now."))
            return redirect(f"{reverse('enrolment:year', args=[year])}?{asked.query}")
    lang = say("zh", "en")
    word = found.scheme.word
    subsidies = [
        {
            "identities": say("、", ", ").join(identity_words(i) for i in sorted(row.identities)), "row": row,
            "ratio": percent(row.ratio), "payer": word(row.paid_by, lang), "by": word(row.certified_by, lang),
            "applicant": word(row.applied_by, lang), "cite": row.citation.text("zh"),
            "stand_in": any(n.kind == "stand_in" for n in row.notes),
            "in_time": row.in_period == "享受", "later": row.late == "享受", "of_whole": row.base == "当年筹资总额",
        }
        for row in found.scheme.subsidies if row.from_year <= year <= row.to_year
    ]  # fmt: skip
    return render(request, "enrolment/year.html", {
        "asked": asked, "year": year, "found": found, "financing": found.financing, "cite": found.financing.citation.text(lang),
        "changes": say("、", ", ").join(str(EVENTS[c]) for c in sorted(found.financing.changes)), "subsidies": subsidies, "pooling": pooling,
        "notes": found.financing.notes, "form": form, "may_extend": may_extend, "years": asked.years,
    }, status=422 if form.errors else 200)  # fmt: skip


def panel(person: Person, officer: Any) -> tuple[str, dict[str, Any]] | None:
    """Enrolment on a person's page: when insured, and a link to each year's account."""
    if not officer.may(Right.ENROLMENT_SEE):
        return None
    rows = Enrolment.objects.live().filter(queries.of_person(person)).order_by("-year", "-id")[:6]
    today = timezone.localdate()
    sums = {(c.person_id, c.year): c.balance for c in Charge.objects.filter(queries.of_person(person))}
    shown_rows = [
        (
            row,
            SCHEMES[row.scheme],
            span(row),
            SHOWN_STATES[queries.shown_state(row, sums.get((row.person_id, row.year)), today)],
        )
        for row in rows
    ]
    url = reverse("enrolment:enrol_person", args=[person.pk]) if officer.may(Right.ENROLMENT_EDIT) else ""
    return "enrolment/panel.html", {"enrolments": shown_rows, "enrol_url": url, "person": person}
