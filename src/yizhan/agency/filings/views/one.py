"""One filing: where it stands, what it would change, what was done, and what this officer may do now."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from yizhan.agency.desk.fields import read_day
from yizhan.agency.desk.words import say
from yizhan.agency.filings import queries, tables
from yizhan.agency.filings.actions import evidence as papers
from yizhan.agency.filings.actions import filing as actions
from yizhan.agency.filings.effects import Effect, effect_of, sample_for
from yizhan.agency.filings.errors import FilingIncomplete
from yizhan.agency.filings.forms import IssueForm, SampleForm
from yizhan.agency.filings.kinds import OPEN
from yizhan.agency.filings.models import Filing
from yizhan.agency.people.models import IDENTITY_WORDS
from yizhan.agency.people.queries import area_names, counted_identity, shown_name
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting
from yizhan.errors import InputProblem, Problem, Problems

EFFECT_SHOWN = (*OPEN, "approved")
"""States in which it is of use to know what a filing changes."""


def about_person(row: Filing, officer: Officer, today: date) -> dict[str, Any]:
    """Whose filing it is, and which identities hold today."""
    person = row.person.merged_into or row.person
    counted = counted_identity(person, today)
    return {
        "person": person, "name": shown_name(person, officer, today), "area": area_names([person.area_path])[person.area_path],
        "identities": [(IDENTITY_WORDS[code], code == counted.identity) for code in counted.ranked],
        "may_see_person": officer.may(Right.PERSON_SEE),
    }  # fmt: skip


def shown_effect(request: Request, row: Filing, today: date) -> dict[str, Any]:
    """The effect of a filing by the sample bill that the request asks for."""
    form = SampleForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {"amount": None, "institution": None}
    hospitals = list(queries.hospitals_near(row.area_path)[:200])
    chosen = next((h for h in hospitals if h.pk == asked["institution"]), None)
    sample = sample_for(row, today=today, institution=chosen, **({"fen": asked["amount"]} if asked["amount"] else {}))
    # What other institutions settled counts towards the year; the page shows the sample bill alone.
    with acting(request.user, across_institutions=True):
        effect: Effect = effect_of(row, sample, on=today)
    return {"effect": effect, "sample_form": form, "hospitals": hospitals, "filing": row}


def _page(
    request: Request, row: Filing, *, problems: tuple[Problem, ...] = (), typed: str = "", status: int = 200
) -> HttpResponse:
    officer, today = request.user, timezone.localdate()
    context: dict[str, Any] = {
        "filing": row, **about_person(row, officer, today), "today": today, "about": tables.about(row), "period": tables.period(row),
        "deadline": tables.deadline(row, today, row.moved_at),  # type: ignore[attr-defined]  # of the query
        "lapsed": row.lapsed_on(today), "turn": queries.turn(row), "steps": queries.steps_of(row),
        "evidence": queries.evidence_of(row), "acts": queries.acts_of(row, officer, today), "problems": problems, "typed": typed,
        "backdated": (timezone.localtime(row.made_at).date() - row.valid.lower).days, "holds": row.holds_on(today),
        "printings": queries.printings_of(row) if row.kind == "certificate" else [], "issue_form": IssueForm(),
    }  # fmt: skip
    if row.state in EFFECT_SHOWN:
        context |= shown_effect(request, row, today)
    return render(request, "filings/filing.html", context, status=status)


@page(Right.FILING_SEE)
def filing(request: Request, number: int) -> HttpResponse:
    """One filing."""
    row = queries.filing(number)
    record("filing.see", row, person_id=row.person_id, acting_user=request.user)
    return _page(request, row)


@page(Right.FILING_SEE)
def effect(request: Request, number: int) -> HttpResponse:
    """The effect alone, for another sample bill: a part of the page above."""
    row = queries.filing(number)
    return render(request, "filings/effect.html", shown_effect(request, row, timezone.localdate()))


# --- Acts -------------------------------------------------------------------------------------------------------------


def _acted(request: Request, number: int, act: Callable[[Filing, str], str]) -> HttpResponse:
    """Carry out an act, which answers with what to say; what it refuses stands above the filing, with what was typed."""
    row = queries.filing(number)
    typed = request.POST.get("words", "")[:300]
    try:
        said = act(row, typed)
    except NotFound:
        raise
    except (InputProblem, Problems) as refused:
        problems = refused.problems if isinstance(refused, Problems) else (refused,)
        match = request.resolver_match
        record(
            match.view_name if match else "filings", row, person_id=row.person_id, outcome="refused", acting_user=request.user,
            codes=[p.code for p in problems],
        )  # fmt: skip
        return _page(request, queries.filing(number), problems=problems, typed=typed, status=422)
    messages.success(request, said)
    return redirect("filings:filing", number=number)


def _choice(request: Request, name: str, among: tuple[str, ...]) -> str:
    chosen = request.POST.get(name, "")
    if chosen not in among:
        raise NotFound
    return chosen


@page(Right.FILING_OPINE)
@require_POST
def opine(request: Request, number: int) -> HttpResponse:
    """The county hospital's opinion."""
    opinion = _choice(request, "opinion", ("agree", "refuse", "return"))

    def act(row: Filing, words: str) -> str:
        actions.opine(row, opinion=opinion, words=words, acting_user=request.user)
        return say("意见已出具。", "The opinion is given.")

    return _acted(request, number, act)


@page(Right.FILING_DECIDE)
@require_POST
def decide(request: Request, number: int) -> HttpResponse:
    """The bureau's decision."""
    decision = _choice(request, "decision", ("approve", "refuse", "return"))

    def act(row: Filing, words: str) -> str:
        made = actions.decide(row, decision=decision, words=words, acting_user=request.user)
        return say("已决定：{state}。", "Decided: {state}.", state=made.shown_state.words)

    return _acted(request, number, act)


@page(Right.FILING_MAKE)
@require_POST
def complete(request: Request, number: int) -> HttpResponse:
    """Complete what was returned."""

    def act(row: Filing, words: str) -> str:
        actions.complete(row, words=words, acting_user=request.user)
        return say("已补正，送回办理。", "Completed and sent back.")

    return _acted(request, number, act)


@page(Right.FILING_MAKE)
@require_POST
def withdraw(request: Request, number: int) -> HttpResponse:
    """Take a filing back."""

    def act(row: Filing, words: str) -> str:
        actions.withdraw(row, words=words, acting_user=request.user)
        return say("已撤回。", "Withdrawn.")

    return _acted(request, number, act)


@page(Right.FILING_DECIDE)
@require_POST
def end(request: Request, number: int) -> HttpResponse:
    """Let a filing end on a day."""

    def act(row: Filing, words: str) -> str:
        last = read_day(request.POST.get("last", ""))
        if last is None:
            raise _incomplete("最后一天", "the last day")
        actions.end(row, last=last, words=words, acting_user=request.user)
        return say("已终止，{d} 为最后一天。", "Ended; {d} is its last day.", d=last)

    return _acted(request, number, act)


@page(Right.FILING_DECIDE)
@require_POST
def revoke(request: Request, number: int) -> HttpResponse:
    """Revoke a filing, as forged where it was."""
    forged = request.POST.get("forged") == "yes"

    def act(row: Filing, words: str) -> str:
        actions.revoke(row, forged=forged, words=words, acting_user=request.user)
        return say("已撤销。", "Revoked.")

    return _acted(request, number, act)


@page(Right.FILING_MAKE)
@require_POST
def add_evidence(request: Request, number: int) -> HttpResponse:
    """Hand in a paper."""

    def act(row: Filing, _: str) -> str:
        sent = request.FILES.get("file")
        if sent is None:
            raise _incomplete("文件", "the file")
        papers.add_evidence(
            row, name=sent.name or "", content=sent.read(papers.MOST_BYTES + 1), on=timezone.localdate(),
            acting_user=request.user,
        )  # fmt: skip
        return say("证明已收下。", "The evidence was taken in.")

    return _acted(request, number, act)


def _incomplete(zh: str, en: str) -> FilingIncomplete:
    return FilingIncomplete(field_zh=zh, field_en=en, why_zh="这一项不能空", why_en="it may not be empty")


@page(Right.FILING_SEE)
def evidence(request: Request, number: int, key: int) -> FileResponse:
    """A paper that was handed in, to be saved: never shown by the desk itself."""
    found = queries.evidence(number, key)
    content = papers.open_evidence(found, acting_user=request.user)
    return FileResponse(io.BytesIO(content), as_attachment=True, filename=found.name, content_type=found.kind)
