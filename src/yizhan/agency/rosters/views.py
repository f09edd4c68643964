"""Pages of rosters, deadlines and gaps."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from yizhan.agency.desk.tables import in_pages
from yizhan.agency.desk.words import say
from yizhan.agency.people.models import IDENTITIES
from yizhan.agency.rosters import actions, applying, columns, queries, returning, tables
from yizhan.agency.rosters import duties as due
from yizhan.agency.rosters.forms import DutyForm, GapForm, MappingForm, UploadForm, identity_words, months
from yizhan.agency.rosters.gaps import GAPS
from yizhan.agency.rosters.models import Roster, RosterRow
from yizhan.agency.rosters.past import touched_periods, touched_settlements
from yizhan.agency.rosters.reasons import WORDS as REASON_WORDS
from yizhan.agency.rosters.reasons import text_of
from yizhan.agency.rosters.states import DECIDABLE, DECISIONS, KINDS, ROSTER_STATES, ROW_STATES
from yizhan.agency.spreadsheets import XLSX
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import DEPARTMENTS, Officer
from yizhan.agency.staff.pages import page
from yizhan.agency.staff.rights import Right
from yizhan.errors import InputProblem, Problem, Problems


def officer_of(request: HttpRequest) -> Officer:
    """Who is signed in: `page` has seen to it."""
    assert isinstance(request.user, Officer)
    return request.user


@page(Right.ROSTER_SEE)
def rosters(request: HttpRequest) -> HttpResponse:
    """All rosters, and how many wait for whom."""
    found = queries.rosters(officer_of(request))
    state, department = request.GET.get("state", ""), request.GET.get("department", "")
    if state in ROSTER_STATES:
        found = found.filter(state=state)
    if department in DEPARTMENTS:
        found = found.filter(department=department)
    today = timezone.localdate()
    return render(request, "rosters/rosters.html", {
        "table": in_pages(request, tables.Rosters(found)),
        "counts": queries.state_counts(officer_of(request)),
        "overdue": queries.overdue_count(officer_of(request), today),
        "states": ROSTER_STATES, "departments": DEPARTMENTS, "state": state, "department": department,
        "may_upload": officer_of(request).may(Right.ROSTER_UPLOAD),
    })  # fmt: skip


@page(Right.ROSTER_UPLOAD)
def upload(request: HttpRequest) -> HttpResponse:
    """Send a list."""
    officer = officer_of(request)
    form = UploadForm(request.POST or None, request.FILES or None, viewer=officer)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        sent = form.cleaned_data
        try:
            made = actions.upload(
                sent["file"].read(), file_name=sent["file"].name, area=sent["area"], department=sent["department"],
                identities=sent["identities"], kind=sent["kind"], effective_on=sent["effective_on"], document=sent["document"],
                acting_user=officer,
            )  # fmt: skip
            return redirect("rosters:roster", number=made.pk)
        except Problems as refused:
            problems = refused.problems
    status = 422 if request.method == "POST" else 200
    known = {"kinds": KINDS, "identities": [(code, identity_words(code)) for code in IDENTITIES]}
    return render(request, "rosters/upload.html", {"form": form, "problems": problems, **known}, status=status)


@page(Right.ROSTER_UPLOAD)
def template(request: HttpRequest) -> FileResponse:
    """An empty list to fill in, for a kind of list and its categories."""
    kind = request.GET.get("kind", "initial")
    identities = [code for code in request.GET.getlist("identity") if code in IDENTITIES] or list(
        columns.CERTIFIES.get(officer_of(request).department, tuple(IDENTITIES))
    )
    target = io.BytesIO()
    returning.write_template(target, kind=kind if kind in KINDS else "initial", identities=identities)
    target.seek(0)
    return FileResponse(
        target, as_attachment=True, filename=say("名单模板.xlsx", "roster template.xlsx"), content_type=XLSX
    )


@page(Right.ROSTER_UPLOAD)
def mapping(request: HttpRequest, number: int) -> HttpResponse:
    """Say which column is which."""
    found = queries.roster(number, officer_of(request))
    if found.state != "mapping":
        return redirect("rosters:roster", number=number)
    form = MappingForm(request.POST or None, roster=found)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        try:
            actions.confirm_columns(found, mapping=form.cleaned_data, acting_user=officer_of(request))
            return redirect("rosters:roster", number=number)
        except Problems as refused:
            problems = refused.problems
    context = {"roster": found, "form": form, "problems": problems, "about": _about(found)}
    return render(request, "rosters/mapping.html", context, status=422 if request.method == "POST" else 200)


def _about(found: Roster) -> dict[str, Any]:
    return {
        "department": DEPARTMENTS[found.department], "kind": KINDS[found.kind],
        "identities": say("、", ", ").join(identity_words(code) for code in found.identities),
    }  # fmt: skip


@page(Right.ROSTER_SEE)
def roster(request: HttpRequest, number: int) -> HttpResponse:
    """A roster: what it would change, row by row."""
    officer = officer_of(request)
    found = queries.roster(number, officer)
    summary = queries.summary(found)
    state = request.GET.get("state", "") if request.GET.get("state", "") in summary else _first_tab(summary)
    only = request.GET.get("only", "") if request.GET.get("only") in ("undecided", "decided") else ""
    reason = request.GET.get("reason", "") if request.GET.get("reason") in REASON_WORDS else ""
    name = request.POST.get("name", "").strip()[:60]
    rows = queries.rows(found, state=state, only=only, reason=reason, name=name)
    choosable = found.state in DECIDABLE and officer.may(Right.ROSTER_DECIDE) and bool(actions.POSSIBLE.get(state))
    table = tables.Rows(rows, marks={}, choosable=choosable, names=officer.may(Right.PERSON_SEE))
    in_pages(request, table)
    if table.page:
        table.marks = queries.basis_marks([shown.record for shown in table.page.object_list])
    return render(request, "rosters/roster.html", {
        "roster": found, "about": _about(found), "summary": summary, "states": ROW_STATES, "state": state, "only": only, "reason": reason,
        "name": name, "table": table, "choosable": choosable,
        "reasons": [(code, text_of_code(code), n) for code, n in queries.reason_counts(found, state).items()] if state else [],
        "possible": [(code, DECISIONS[code]) for code in actions.POSSIBLE.get(state, ())],
        "ends_many": queries.ends_many(summary) if found.kind == "initial" else 0,
        "undecided": sum(entry["undecided"] for entry in summary.values()),
        "returned_rows": summary.get("rejected", {}).get("rows", 0) + sum(entry["left"] for entry in summary.values()),
        "past": touched_periods(found).count() if found.state in ("applied", "withdrawn") else 0,
        "may": {
            "decide": officer.may(Right.ROSTER_DECIDE) and found.state in DECIDABLE,
            "review": officer.may(Right.ROSTER_REVIEW) and found.state == "review",
            "withdraw": officer.may(Right.ROSTER_WITHDRAW) and found.state == "applied",
            "drop": officer.may(Right.ROSTER_UPLOAD) and found.may_become("dropped"),
            "map": officer.may(Right.ROSTER_UPLOAD) and found.state == "mapping",
            "returned": officer.may(Right.ROSTER_UPLOAD),
        },
    })  # fmt: skip


def text_of_code(code: str) -> str:
    """The words of a reason, without what was found."""
    return text_of(
        {
            "code": code,
            **dict.fromkeys(
                (
                    "known",
                    "other",
                    "count",
                    "row",
                    "roster",
                    "died",
                    "from_on",
                    "to_on",
                    "field_zh",
                    "field_en",
                    "identity",
                    "department",
                ),
                "…",
            ),
        }
    )


def _first_tab(summary: dict[str, dict[str, int]]) -> str:
    for code, entry in summary.items():
        if entry["undecided"]:
            return code
    return next(iter(summary), "")


@page(Right.ROSTER_DECIDE)
@require_POST
def decide(request: HttpRequest, number: int) -> HttpResponse:
    """Decide the chosen rows, or all that the filter shows."""
    found = queries.roster(number, officer_of(request))
    state, only, reason = (request.POST.get(name, "") for name in ("state", "only", "reason"))
    rows = queries.rows(
        found, state=state if state in ROW_STATES else "", only=only, reason=reason if reason in REASON_WORDS else ""
    )
    if request.POST.get("scope") != "all":
        rows = rows.filter(pk__in=[int(pk) for pk in request.POST.getlist("rows") if pk.isdecimal()])
    decision = request.POST.get("decision", "")
    if decision not in ("", *DECISIONS):
        raise NotFound
    count = actions.decide(
        found, rows, decision=decision, note=request.POST.get("note", ""), acting_user=officer_of(request)
    )
    messages.success(request, say("已决定 {n} 行。", "{n} rows decided.", n=count))
    back = redirect("rosters:roster", number=number)
    back["Location"] += "?" + "&".join(
        f"{key}={value}" for key, value in (("state", state), ("only", only), ("reason", reason)) if value
    )
    return back


@page(Right.ROSTER_SEE)
def row(request: HttpRequest, number: int, row_number: int) -> HttpResponse:
    """One row: what the file says, what is known, whom it may mean."""
    officer = officer_of(request)
    found = queries.roster(number, officer)
    one = queries.row(found, row_number)
    if request.method == "POST":
        if request.POST.get("person", "").isdecimal():
            actions.name_person(
                one, person_id=int(request.POST["person"]), note=request.POST.get("note", ""), acting_user=officer
            )
        else:
            only_this = RosterRow.objects.filter(pk=one.pk)
            decision = request.POST.get("decision", "")
            if decision not in ("", *DECISIONS):
                raise NotFound
            actions.decide(found, only_this, decision=decision, note=request.POST.get("note", ""), acting_user=officer)
        messages.success(request, say("已记下。", "Noted."))
        return redirect("rosters:row", number=number, row_number=row_number)
    return render(request, "rosters/row.html", {
        "roster": found, "row": one, "about": _about(found),
        "identity": identity_words(one.identity), "reasons": [text_of(reason, names=officer.may(Right.PERSON_SEE)) for reason in one.reasons],
        "warnings": [text_of(warning) for warning in one.warnings],
        "known": [(mark, tables.period(mark.valid), DEPARTMENTS[mark.certified_by]) for mark in queries.basis_marks([one]).values()],
        "target": tables.period(one.target) if one.target else (say("整段撤销", "none of it") if one.change == "end" else "—"),
        "candidates": [{**c, "why": REASON_WORDS[c["why"]]} for c in queries.candidates(one)] if officer.may(Right.PERSON_SEE) else [],
        "possible": [(code, DECISIONS[code]) for code in actions.POSSIBLE.get(one.state, ())],
        "may_see": officer.may(Right.PERSON_SEE),
        "decision": DECISIONS.get(one.decision),
        "may_decide": officer.may(Right.ROSTER_DECIDE) and found.state in DECIDABLE,
    })  # fmt: skip


@page(Right.ROSTER_DECIDE)
@require_POST
def again(request: HttpRequest, number: int) -> HttpResponse:
    """Compare once more."""
    actions.compare_again(queries.roster(number, officer_of(request)), acting_user=officer_of(request))
    return redirect("rosters:roster", number=number)


@page(Right.ROSTER_UPLOAD)
@require_POST
def drop(request: HttpRequest, number: int) -> HttpResponse:
    """Give the roster up."""
    actions.drop(queries.roster(number, officer_of(request)), acting_user=officer_of(request))
    messages.success(request, say("名单已作废。", "The roster was dropped."))
    return redirect("rosters:list")


@page(Right.ROSTER_DECIDE)
@require_POST
def send(request: HttpRequest, number: int) -> HttpResponse:
    """Hand the roster to a reviewer."""
    actions.send_to_review(
        queries.roster(number, officer_of(request)), note=request.POST.get("note", ""), acting_user=officer_of(request)
    )
    messages.success(request, say("已送复核。", "Sent to review."))
    return redirect("rosters:roster", number=number)


@page(Right.ROSTER_REVIEW)
def review(request: HttpRequest, number: int) -> HttpResponse:
    """The reviewer's page: what applying would do; approve, or return with a reason."""
    found = queries.roster(number, officer_of(request))
    problems: tuple[InputProblem, ...] = ()
    if request.method == "POST":
        try:
            if request.POST.get("verdict") == "approve":
                actions.approve(found, acting_user=officer_of(request))
            else:
                actions.return_to_officer(found, why=request.POST.get("why", ""), acting_user=officer_of(request))
            return redirect("rosters:roster", number=number)
        except InputProblem as refused:
            problems = (refused,)
    summary = queries.summary(found)
    return render(request, "rosters/review.html", {
        "roster": found, "about": _about(found), "problems": problems, "why": request.POST.get("why", ""),
        "summary": [(ROW_STATES[code], entry) for code, entry in summary.items()],
        "ends_many": queries.ends_many(summary) if found.kind == "initial" else 0,
        "total": sum(entry["rows"] for entry in summary.values()),
    }, status=422 if problems else 200)  # fmt: skip


@page(Right.ROSTER_WITHDRAW)
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    """Take an applied roster back; where later rosters stand in the way, say which."""
    found = queries.roster(number, officer_of(request))
    problems: tuple[Problem, ...] = ()
    if request.method == "POST":
        try:
            actions.withdraw(found, why=request.POST.get("why", ""), acting_user=officer_of(request))
            return redirect("rosters:roster", number=number)
        except Problems as refused:
            problems = refused.problems
        except InputProblem as refused:
            problems = (refused,)
    later_changes = queries.described(applying.changed_later(found)[:200])
    return render(
        request, "rosters/withdraw.html", {"roster": found, "about": _about(found), "problems": problems, "later": later_changes, "why": request.POST.get("why", "")},
        status=422 if problems else 200,
    )  # fmt: skip


@page(Right.ROSTER_UPLOAD)
def returned(request: HttpRequest, number: int) -> FileResponse:
    """The rows that go back to the department, with their reasons."""
    found = queries.roster(number, officer_of(request))
    target = io.BytesIO()
    returning.write_returned(found, target, acting_user=officer_of(request))
    target.seek(0)
    name = say("名单{number}退回.xlsx", "roster {number} returned.xlsx", number=found)
    return FileResponse(target, as_attachment=True, filename=name, content_type=XLSX)


@page(Right.ROSTER_SEE)
def past(request: HttpRequest, number: int) -> HttpResponse:
    """The periods of the past that the roster changed, and the settlements in them."""
    found = queries.roster(number, officer_of(request))
    table = in_pages(request, tables.PastChanges(touched_periods(found), officer=officer_of(request)))
    return render(
        request,
        "rosters/past.html",
        {
            "roster": found,
            "about": _about(found),
            "table": table,
            "settlements": touched_settlements(found) if officer_of(request).may(Right.SETTLEMENT_SEE) else [],
        },
    )


# --- Deadlines --------------------------------------------------------------------------------------------------------


@page(Right.ROSTER_SEE)
def deadlines(request: HttpRequest) -> HttpResponse:
    """What is due, what came, and who is responsible."""
    officer = officer_of(request)
    today = timezone.localdate()
    chosen = next(
        (month for month in months(today) if month.isoformat()[:7] == request.GET.get("month")), today.replace(day=1)
    )
    board = queries.deadlines(officer, month=chosen, today=today)
    counts = {code: sum(entry.state.code == code for entry in board) for code in due.DUE_STATES}
    editable = officer.may(Right.ROSTER_DECIDE)
    return render(request, "rosters/deadlines.html", {
        "table": in_pages(request, tables.Deadlines(board, editable=editable)), "states": due.DUE_STATES, "counts": counts,
        "months": list(months(today)), "chosen": chosen, "editable": editable, "empty": not board,
        "known": next((days for code, days in due.KNOWN.items() if f".{code}." in f".{officer.area_path}"), None),
    })  # fmt: skip


@page(Right.ROSTER_DECIDE)
@require_POST
def adopt(request: HttpRequest) -> HttpResponse:
    """Take over the days that the area's policy document prints."""
    count = actions.adopt_known_duties(officer_of(request).area, acting_user=officer_of(request))
    messages.success(request, say("已登记 {n} 条报送时限。", "{n} deadlines entered.", n=count))
    return redirect("rosters:deadlines")


@page(Right.ROSTER_DECIDE)
def duty(request: HttpRequest, duty_number: int | None = None) -> HttpResponse:
    """Enter or change a deadline."""
    officer = officer_of(request)
    found = queries.duty(duty_number, officer) if duty_number else None
    initial = {"from_on": timezone.localdate(), "area": officer.area_id, "due_day": 31}
    form = DutyForm(request.POST or None, instance=found, viewer=officer, initial=None if found else initial)
    problems: tuple[InputProblem, ...] = ()
    if request.method == "POST" and form.is_valid():
        try:
            actions.set_duty(found, **{name: form.cleaned_data[name] for name in form.Meta.fields}, acting_user=officer)
            return redirect("rosters:deadlines")
        except InputProblem as refused:
            problems = (refused,)
    context = {"form": form, "duty": found, "problems": problems}
    return render(request, "rosters/duty.html", context, status=422 if request.method == "POST" else 200)


# --- Gaps -------------------------------------------------------------------------------------------------------------


@page(Right.GAP_SEE)
def gaps(request: HttpRequest) -> HttpResponse:
    """Every kind of gap with what is open, unassigned and overdue."""
    counts = queries.gap_counts(officer_of(request), timezone.localdate())
    zero = {"all": 0, "nobody": 0, "late": 0, "mine": 0}
    kinds = [(code, gap, counts.get(code, zero)) for code, gap in GAPS.items()]
    totals = {name: sum(entry[name] for _, _, entry in kinds) for name in zero}
    return render(
        request,
        "rosters/gaps.html",
        {"kinds": kinds, "totals": totals, "may_work": officer_of(request).may(Right.GAP_WORK)},
    )


def _kind(kind: str) -> Any:
    if kind not in GAPS:
        raise NotFound
    return GAPS[kind]


@page(Right.GAP_SEE)
def gap(request: HttpRequest, kind: str) -> HttpResponse:
    """The working list of one kind of gap."""
    return _gap_page(request, kind)


def _gap_page(request: HttpRequest, kind: str, problems: tuple[InputProblem, ...] = ()) -> HttpResponse:
    officer = officer_of(request)
    about = _kind(kind)
    whose = request.GET.get("whose", "") if request.GET.get("whose") in ("mine", "nobody", "late") else ""
    closed = request.GET.get("closed") == "1"
    may_work = officer.may(Right.GAP_WORK) and not closed
    items = queries.gap_items(officer, kind=kind, whose=whose, closed=closed)
    table = tables.Gaps(items, choosable=may_work, closed=closed, today=timezone.localdate(), officer=officer)
    form = GapForm(
        request.POST or None,
        viewer=officer,
        initial={"responsible": officer.pk, "due_on": timezone.localdate() + _days(about.days)},
    )
    return render(request, "rosters/gap.html", {
        "kind": kind, "gap": about, "table": in_pages(request, table), "whose": whose, "closed": closed, "may_work": may_work, "form": form,
        "problems": problems,
    }, status=422 if problems else 200)  # fmt: skip


def _days(count: int) -> Any:
    return date.resolution * count


@page(Right.GAP_WORK)
@require_POST
def gap_act(request: HttpRequest, kind: str) -> HttpResponse:
    """Assign or close the chosen gaps."""
    _kind(kind)
    items = queries.gap_items(officer_of(request), kind=kind).filter(
        pk__in=[int(pk) for pk in request.POST.getlist("items") if pk.isdecimal()]
    )
    form = GapForm(request.POST, viewer=officer_of(request))
    try:
        form.is_valid()
        note = form.cleaned_data.get("note", "")
        if request.POST.get("act") == "close":
            count = actions.close_gaps(
                items, why=form.cleaned_data.get("why", ""), note=note, acting_user=officer_of(request)
            )
        else:
            count = actions.assign_gaps(
                items,
                responsible=form.cleaned_data.get("responsible"),
                due_on=form.cleaned_data.get("due_on"),
                note=note,
                acting_user=officer_of(request),
            )
    except InputProblem as refused:
        return _gap_page(request, kind, (refused,))
    messages.success(request, say("已处理 {n} 项。", "{n} items changed.", n=count))
    return redirect("rosters:gap", kind=kind)


@page(Right.GAP_WORK)
@require_POST
def census(request: HttpRequest) -> HttpResponse:
    """Look for gaps now."""
    return redirect("jobs:run", number=actions.start_census(acting_user=officer_of(request)))
