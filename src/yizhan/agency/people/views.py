"""Pages of persons: the list, one person, the household, the window's check, everything that is held about somebody.

Words and numbers that were searched for stay in the session, never in an address. Pages of merging are in `merge_views`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Any

import django_tables2 as tables
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_POST

from yizhan.agency.desk.fields import read_day
from yizhan.agency.desk.tables import List, Number, in_pages
from yizhan.agency.desk.words import Words, lang, later, say
from yizhan.agency.people import actions, holding, panels, queries
from yizhan.agency.people.forms import (
    AccountForm,
    CorrectForm,
    DeathForm,
    EndForm,
    HouseholdForm,
    LookUpForm,
    MarkForm,
    MemberForm,
    MoveForm,
    RegisterForm,
    RevealForm,
    WhyForm,
)
from yizhan.agency.people.models import IDENTITY_WORDS, Household, HouseholdMember, IdentityMark, Person
from yizhan.agency.people.timeline import picture
from yizhan.agency.spreadsheets import XLSX, Column, Sheet, write_xlsx
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.ceilings import use
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import DEPARTMENTS, Officer
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.errors import InputProblem, Problems

CRITERIA = "people.criteria"

# --- The list ---------------------------------------------------------------------------------------------------------


class Persons(List):
    """Persons, in the order of their names. `told` fills in what is not in the row itself."""

    name = tables.Column(
        verbose_name=later("姓名", "Name"), order_by=("name_key", "pk"), attrs={"td": {"class": "name"}}
    )
    number = tables.Column(verbose_name=later("人员编号", "Person no."), order_by="pk")
    sex = tables.Column(verbose_name=later("性别", "Sex"), orderable=False)
    age = Number(verbose_name=later("年龄", "Age"), order_by="-born_on", empty_values=())
    id_mask = tables.Column(verbose_name=later("证件号码", "Certificate"), orderable=False)
    identities = tables.Column(verbose_name=later("今日身份", "Identity today"), orderable=False, empty_values=())
    area = tables.Column(verbose_name=later("区划", "Area"), order_by=("area_path", "name_key"), empty_values=())

    class Meta(List.Meta):
        empty_text = later(
            "没有符合条件的人员。证件号码请核对每一位；姓名可只写前几个字，或用拼音首字母。",
            "Nobody matches. Check each digit of a number; of a name, the first characters or the pinyin initials are enough.",
        )

    def told(self, officer: Officer) -> Persons:
        """With names masked as this officer needs, identities of today, and names of areas: for the rows of the page."""
        rows = [row.record for row in self.paginated_rows]
        self.today = timezone.localdate()
        self.officer = officer
        self.held = queries.identities_of(rows, self.today)
        self.areas = queries.area_names(row.area_path for row in rows)
        return self

    def render_name(self, record: Person) -> str:
        """A link to the person."""
        mark = format_html(' <span class="mark">{}</span>', say("已故", "deceased")) if record.died_on else ""
        name = queries.shown_name(record, self.officer, self.today)
        return format_html('<a href="{}">{}</a>{}', reverse("people:person", args=[record.number]), name, mark)

    def render_sex(self, record: Person) -> str:
        """Female or male."""
        return str(record.sex_words)

    def render_age(self, record: Person) -> int:
        """Completed years today, or on the day of death."""
        return record.age_on(record.died_on or self.today)

    def render_identities(self, record: Person) -> str:
        """Marks."""
        words = ((IDENTITY_WORDS[code],) for code in self.held.get(record.pk, ()))
        return format_html_join(" ", '<span class="mark">{}</span>', words)

    def render_area(self, record: Person) -> str:
        """County and township."""
        return self.areas[record.area_path]


def _criteria(request: Request) -> queries.Criteria:
    kept = request.session.get(CRITERIA, {})
    words: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in kept.get("words", {}).items()}
    return queries.Criteria(**{**kept, "words": queries.Typed(**words)})


@page(Right.PERSON_SEE)
def people(request: Request) -> HttpResponse:
    """Persons of the area: all, or those who were searched for."""
    officer = request.user
    if request.method == "POST":
        asked = request.POST
        criteria = queries.Criteria(
            words=queries.read_words(asked.get("q", "")[:60]),
            area=asked.get("area", "")[:200],
            identity=asked.get("identity", "") if asked.get("identity") in IDENTITY_WORDS else "",
            department=asked.get("department", "") if asked.get("department") in DEPARTMENTS else "",
            state=asked.get("state", "") if asked.get("state") in queries.STATES else "",
        )
        request.session[CRITERIA] = asdict(criteria)
        if criteria.words.form in ("number", "certificate"):
            found = list(queries.search(officer, criteria)[:2])
            if len(found) == 1:
                return redirect("people:person", number=found[0].number)
        return redirect("people:list")
    criteria = _criteria(request)
    table = in_pages(request, Persons(queries.search(officer, criteria))).told(officer)
    alike = queries.did_you_mean(officer, criteria) if not table.page.paginator.count else []
    context = {
        "table": table, "criteria": criteria, "areas": queries.areas_below(officer), "identities": IDENTITY_WORDS,
        "departments": DEPARTMENTS, "states": queries.STATES, "today": timezone.localdate(),
        "alike": [(p, queries.shown_name(p, officer)) for p in alike],
        "may_register": officer.may(Right.PERSON_EDIT), "may_export": officer.may(Right.PERSON_EXPORT),
    }  # fmt: skip
    return render(request, "people/people.html", context)


@page(Right.PERSON_EXPORT)
@require_POST
def export(request: Request) -> HttpResponse:
    """The list as a workbook, numbers masked."""
    officer, criteria = request.user, _criteria(request)
    persons = queries.search(officer, criteria)
    count = persons.count()
    use("export_rows", count, acting_user=officer)
    record(
        "person.export",
        acting_user=officer,
        rows=count,
        form=criteria.words.form,
        filters=[criteria.area, criteria.identity, criteria.department],
    )
    rows = list(persons)
    today, areas = timezone.localdate(), queries.area_names(p.area_path for p in rows)
    held = queries.identities_of(rows, today)
    columns = [
        Column(say("人员编号", "Person no."), width=14), Column(say("姓名", "Name")), Column(say("性别", "Sex"), width=8),
        Column(say("出生日期", "Born"), "date"), Column(say("证件类型", "Certificate")), Column(say("证件号码", "Number"), width=22),
        Column(say("今日身份", "Identity today"), width=28), Column(say("区划", "Area"), width=24), Column(say("死亡日期", "Died"), "date"),
    ]  # fmt: skip
    lines = (
        (
            p.number, queries.shown_name(p, officer, today), str(p.sex_words), p.born_on, str(p.kind_words), p.id_mask,
            say("、", ", ").join(str(IDENTITY_WORDS[code]) for code in held.get(p.pk, ())), areas[p.area_path], p.died_on,
        )
        for p in rows
    )  # fmt: skip
    note = say(
        "{name} 于 {day} 导出，{n} 人；证件号码已脱敏。",
        "Exported by {name} on {day}, {n} persons; numbers are masked.",
        name=officer.name,
        day=today,
        n=count,
    )
    return workbook([Sheet(say("人员", "People"), columns, lines, note)], f"people-{today}.xlsx")


def workbook(sheets: list[Sheet], name: str) -> HttpResponse:
    """Sheets as a file to save."""
    file = io.BytesIO()
    write_xlsx(file, sheets)
    return HttpResponse(
        file.getvalue(), content_type=XLSX, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


# --- One person -------------------------------------------------------------------------------------------------------


@page(Right.PERSON_SEE)
def person(request: Request, number: str) -> HttpResponse:
    """Everything an officer needs of one person, on one page."""
    officer = request.user
    found = queries.person(number, officer)
    if found.merged_into_id is not None:
        messages.info(request, say("人员 {n} 已并入此人。", "Person {n} was merged into this one.", n=found.number))
        return redirect("people:person", number=f"{found.merged_into_id:010d}")
    use("person_page", acting_user=officer)
    record("person.see", found, person_id=found.pk, acting_user=officer)
    today = timezone.localdate()
    day = read_day(request.GET.get("day", "")) or today
    known_on = read_day(request.GET.get("known", "")) or today
    known_at = queries.end_of(known_on)
    marks = queries.marks_of(found)
    holding_now = [m for m in marks if _believed(m, known_at) and _holds(m, day)]
    member = queries.membership_of(found, today)
    context = {
        "person": found, "name": queries.shown_name(found, officer, today), "age": found.age_on(found.died_on or today),
        "is_child": found.age_on(today) < queries.CHILD_UNTIL, "today": today, "day": day, "known_on": known_on,
        "area": queries.area_names([found.area_path])[found.area_path], "account": queries.account_of(found),
        "marks": marks, "holding": holding_now,
        "counted": queries.counted_of(sorted({m.identity for m in holding_now}), found.area_path, day),
        "identity_words": IDENTITY_WORDS, "picture": picture(marks, day, known_at),
        "household": member, "members": _named(queries.members_of(member.household_id), officer) if member else [],
        "merges": queries.merges_of(found), "panels": panels.shown(found, officer),
        "history": queries.history(found) if officer.may(Right.AUDIT_SEE) else None,
        "may_edit": officer.may(Right.PERSON_EDIT), "may_mark": officer.may(Right.MARK_EDIT),
        "may_unmask": officer.may(Right.PERSON_UNMASK), "may_merge": officer.may(Right.PERSON_MERGE),
        "may_print": officer.may(Right.PERSON_EXPORT),
    }  # fmt: skip
    return render(request, "people/person.html", context)


def _believed(mark: IdentityMark, at: Any) -> bool:
    if at is None:
        return mark.withdrawn_at is None
    return mark.recorded_at <= at and (mark.withdrawn_at is None or mark.withdrawn_at > at)


def _holds(mark: IdentityMark, day: date) -> bool:
    return mark.valid.lower <= day and (mark.valid.upper is None or day < mark.valid.upper)


def _named(members: list[HouseholdMember], officer: Officer) -> list[tuple[HouseholdMember, str]]:
    return [(m, queries.shown_name(m.person, officer)) for m in members]


@page(Right.PERSON_UNMASK)
@require_POST
def reveal(request: Request, number: str) -> HttpResponse:
    """One field in full, once, for a purpose."""
    found = queries.person(number, request.user)
    form = RevealForm(request.POST)
    asked = form.cleaned_data if form.is_valid() else {"field": request.POST.get("field", "")[:20], "purpose": ""}
    value, problem = "", None
    try:
        value = actions.unmask(found, field=asked["field"], purpose=asked["purpose"], acting_user=request.user)
    except NotFound:
        raise
    except InputProblem as refused:
        problem = refused
    template = "people/_revealed.html" if request.headers.get("HX-Request") else "people/revealed.html"
    # htmx shows a part of a page only if it was answered with 200.
    status = 422 if problem and not request.headers.get("HX-Request") else 200
    return render(
        request, template, {"person": found, "field": asked["field"], "value": value, "problem": problem}, status=status
    )


@page(Right.PERSON_EXPORT)
def held(request: Request, number: str) -> HttpResponse:
    """Everything that is held about a person, to be printed for them (个人信息保护法 45)."""
    found = queries.person(number, request.user)
    use("export_rows", acting_user=request.user)
    record("person.print_held", found, person_id=found.pk, acting_user=request.user)
    context = {
        "person": found,
        "parts": holding.everything(found),
        "today": timezone.localdate(),
        "name": queries.shown_name(found, request.user),
    }
    return render(request, "people/held.html", context)


# --- Forms ------------------------------------------------------------------------------------------------------------


def answered(
    request: Request,
    form: forms.Form,
    act: Callable[[], tuple[str, str]],
    *,
    heading: Words,
    about: Person | None = None,
    button: Words | None = None,
    note: Words | None = None,
) -> HttpResponse:
    """Show a form; when it was sent, carry out `act`, which answers with the next page and what to say there.

    What the action refuses stands above the form, with what was typed, and is recorded.
    """
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                target, said = act()
            except NotFound:
                raise
            except (InputProblem, Problems) as refused:
                problems = refused.problems if isinstance(refused, Problems) else (refused,)
                for problem in problems:
                    form.add_error(None, problem.text(lang()))
                match = request.resolver_match
                record(
                    match.view_name if match else "people", about, person_id=about.pk if about else None, outcome="refused",
                    acting_user=request.user, codes=[p.code for p in problems],
                )  # fmt: skip
            else:
                messages.success(request, said)
                return redirect(target)
    name = queries.shown_name(about, request.user) if about else ""
    context = {
        "form": form,
        "heading": heading,
        "about": about,
        "name": name,
        "button": button or Words("保存", "Save"),
        "note": note,
    }
    return render(request, "people/fill.html", context, status=status)


def _to(found: Person) -> str:
    return reverse("people:person", args=[found.number])


@page(Right.PERSON_EDIT)
def register(request: Request) -> HttpResponse:
    """Register somebody."""
    form = RegisterForm(request.POST or None, areas=queries.responsible_areas(request.user))

    def act() -> tuple[str, str]:
        typed = form.cleaned_data
        assert form.identifier is not None
        made = actions.register_person(
            typed["name"], identifier=form.identifier, area=form.chosen, sex=typed["sex"], born_on=typed["born_on"],
            phone=typed["phone"], address=typed["address"], acting_user=request.user,
        )  # fmt: skip
        for warning in form.identifier.warnings:
            messages.warning(request, warning.text(lang()))
        return _to(made), say("已登记，人员编号 {n}。", "Registered as person {n}.", n=made.number)

    return answered(
        request, form, act, heading=Words("登记人员", "Register a person"), button=Words("登记", "Register")
    )


@page(Right.PERSON_EDIT)
def correct(request: Request, number: str) -> HttpResponse:
    """Correct what is recorded of somebody."""
    found = queries.person(number, request.user)
    initial = {
        "name": found.name,
        "sex": found.sex,
        "born_on": found.born_on,
        "id_kind": found.id_kind,
        "address": found.address,
    }
    form = CorrectForm(request.POST or None, initial=initial)

    def act() -> tuple[str, str]:
        typed = form.cleaned_data
        changed = {key: typed[key] for key in ("name", "sex", "born_on", "address") if typed[key] != initial[key]}
        if typed["phone"] or typed["no_phone"]:
            changed["phone"] = "" if typed["no_phone"] else typed["phone"]
        actions.correct_person(found, **changed, identifier=form.identifier, why=typed["why"], acting_user=request.user)
        return _to(found), say("已更正。", "Corrected.")

    return answered(request, form, act, heading=Words("更正信息", "Correct the record"), about=found)


@page(Right.PERSON_EDIT)
def account(request: Request, number: str) -> HttpResponse:
    """Set the bank account."""
    found = queries.person(number, request.user)
    form = AccountForm(request.POST or None, initial={"holder": found.name})

    def act() -> tuple[str, str]:
        actions.set_account(found, **form.cleaned_data, acting_user=request.user)
        return _to(found), say("账户已登记。", "The account is recorded.")

    return answered(request, form, act, heading=Words("回补账户", "Account for back-payments"), about=found)


@page(Right.PERSON_EDIT)
def move(request: Request, number: str) -> HttpResponse:
    """Let another area answer for somebody."""
    found = queries.person(number, request.user)
    form = MoveForm(
        request.POST or None,
        areas=queries.responsible_areas(request.user),
        initial={"area": found.area_path.split(".")[-2]},
    )

    def act() -> tuple[str, str]:
        actions.move_person(found, area=form.chosen, why=form.cleaned_data["why"], acting_user=request.user)
        return _to(found), say("已迁到{area}。", "Moved to {area}.", area=form.chosen)

    note = Words(
        "只能在您的管辖范围内迁移；跨县（市、区）的由市级办理。",
        "Only inside your own area; between counties the city does it.",
    )
    return answered(request, form, act, heading=Words("迁移区划", "Move to another area"), about=found, note=note)


@page(Right.PERSON_EDIT)
def death(request: Request, number: str) -> HttpResponse:
    """Record the day of death."""
    found = queries.person(number, request.user)
    form = DeathForm(request.POST or None, initial={"died_on": found.died_on})

    def act() -> tuple[str, str]:
        actions.record_death(found, **form.cleaned_data, acting_user=request.user)
        return _to(found), say("已登记。", "Recorded.")

    return answered(request, form, act, heading=Words("死亡登记", "Record a death"), about=found)


@page(Right.MARK_EDIT)
def add_mark(request: Request, number: str) -> HttpResponse:
    """Mark somebody by a document."""
    found = queries.person(number, request.user)
    form = MarkForm(request.POST or None)

    def act() -> tuple[str, str]:
        actions.add_mark(found, **form.cleaned_data, acting_user=request.user)
        return _to(found), say("已标识。", "Marked.")

    return answered(request, form, act, heading=Words("增加身份标识", "Add a mark"), about=found)


def _mark(request: Request, number: str, key: int) -> tuple[Person, IdentityMark]:
    found = queries.person(number, request.user)
    mark = IdentityMark.objects.filter(person=found, pk=key).first()
    if mark is None:
        raise NotFound()
    return found, mark


@page(Right.MARK_EDIT)
def end_mark(request: Request, number: str, key: int) -> HttpResponse:
    """End a mark on a day."""
    found, mark = _mark(request, number, key)
    form = EndForm(request.POST or None)

    def act() -> tuple[str, str]:
        actions.end_mark(mark, **form.cleaned_data, acting_user=request.user)
        return _to(found), say("标识已终止。", "The mark is ended.")

    words = mark.words
    heading = Words(f"终止“{words.zh}”（{mark.valid.lower} 起）", f"End “{words.en}” (from {mark.valid.lower})")
    return answered(request, form, act, heading=heading, about=found, button=Words("终止", "End"))


@page(Right.MARK_EDIT)
def withdraw_mark(request: Request, number: str, key: int) -> HttpResponse:
    """Withdraw a mark that was never true."""
    found, mark = _mark(request, number, key)
    form = WhyForm(request.POST or None)

    def act() -> tuple[str, str]:
        actions.withdraw_mark(mark, why=form.cleaned_data["why"], acting_user=request.user)
        return _to(found), say("标识已撤回。", "The mark is withdrawn.")

    words = mark.words
    return answered(
        request, form, act, heading=Words(f"撤回“{words.zh}”（{mark.valid.lower} 起）", f"Withdraw “{words.en}” (from {mark.valid.lower})"),
        about=found, button=Words("撤回", "Withdraw"),
        note=Words("撤回表示从来不属实；曾经属实、现已不符合的，请用“终止”。", "Withdrawing says that it was never true. If it was true and no longer is, end it."),
    )  # fmt: skip


# --- Households -------------------------------------------------------------------------------------------------------


@page(Right.PERSON_EDIT)
def new_household(request: Request, number: str) -> HttpResponse:
    """A household with this person as its first member."""
    found = queries.person(number, request.user)
    initial = {"area": found.area_path.split(".")[-2], "address": found.address, "first_day": timezone.localdate()}
    form = HouseholdForm(request.POST or None, areas=queries.responsible_areas(request.user), initial=initial)

    def act() -> tuple[str, str]:
        typed = form.cleaned_data
        household = actions.household_of(
            found, area=form.chosen, address=typed["address"], relation=typed["relation"], first_day=typed["first_day"],
            acting_user=request.user,
        )  # fmt: skip
        return reverse("people:household", args=[household.number]), say("已建户。", "The household is made.")

    return answered(request, form, act, heading=Words("建立家庭户", "Make a household"), about=found)


def _household(number: str) -> Household:
    found = Household.objects.filter(number=number).first()
    if found is None:
        raise NotFound()
    return found


@page(Right.PERSON_SEE)
def household(request: Request, number: str) -> HttpResponse:
    """A household and its members over time."""
    found, officer = _household(number), request.user
    members = queries.members_of(found.pk)
    held = queries.identities_of([m.person for m in members], timezone.localdate())
    rows = [(m, name, [IDENTITY_WORDS[c] for c in held.get(m.person_id, ())]) for m, name in _named(members, officer)]
    context = {
        "household": found, "rows": rows, "today": timezone.localdate(), "may_edit": officer.may(Right.PERSON_EDIT),
        "area": queries.area_names([found.area_path])[found.area_path],
    }  # fmt: skip
    return render(request, "people/household.html", context)


@page(Right.PERSON_EDIT)
def add_member(request: Request, number: str) -> HttpResponse:
    """Somebody joins a household."""
    found = _household(number)
    form = MemberForm(request.POST or None, initial={"first_day": timezone.localdate()})

    def act() -> tuple[str, str]:
        typed = form.cleaned_data
        joining = queries.person(typed["number"], request.user)
        actions.add_member(
            found, person=joining, relation=typed["relation"], first_day=typed["first_day"], acting_user=request.user
        )
        return reverse("people:household", args=[number]), say("已加入本户。", "Added to the household.")

    return answered(request, form, act, heading=Words(f"户 {number} 增加成员", f"Add a member to household {number}"))


@page(Right.PERSON_EDIT)
def remove_member(request: Request, number: str, key: int) -> HttpResponse:
    """Somebody leaves a household."""
    found = _household(number)
    member = HouseholdMember.objects.select_related("person").filter(household=found, pk=key, withdrawn_at=None).first()
    if member is None:
        raise NotFound()
    form = EndForm(request.POST or None)
    form.fields["last_day"].required = False
    form.fields["last_day"].help_text = later("从未属于本户的，留空", "empty if the person never belonged here")

    def act() -> tuple[str, str]:
        actions.remove_member(member, **form.cleaned_data, acting_user=request.user)
        return reverse("people:household", args=[number]), say("已退出本户。", "Removed from the household.")

    heading = Words(f"退出户 {number}", f"Leave household {number}")
    return answered(request, form, act, heading=heading, about=member.person)


# --- At the hospital's window -----------------------------------------------------------------------------------------


@page(Right.PERSON_LOOK_UP)
def look_up(request: Request) -> HttpResponse:
    """What a window may know of somebody whose certificate it has seen."""
    form = LookUpForm(request.POST or None)
    asked = request.method == "POST" and form.is_valid() and form.identifier is not None
    found = None
    if asked and form.identifier is not None:
        found = queries.look_up(form.identifier, form.cleaned_data["name"], acting_user=request.user)
    context = {"form": form, "asked": asked, "found": found, "today": timezone.localdate(), "words": IDENTITY_WORDS}
    return render(
        request, "people/look_up.html", context, status=422 if request.method == "POST" and not asked else 200
    )
