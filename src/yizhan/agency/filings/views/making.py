"""Making a filing: whose, of which kind, and what it says, with its effect shown before it is made.

An officer of a bureau finds the person as on other pages. A hospital's clerk checks one person by full number and name, and
may then make a filing for that person for a while: no page lets a clerk browse.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from yizhan.agency.desk.words import say
from yizhan.agency.enrolment.beneficiaries import pooling_area
from yizhan.agency.filings import queries
from yizhan.agency.filings.actions import filing as actions
from yizhan.agency.filings.drafting import drafted, first_state
from yizhan.agency.filings.effects import effect_of, sample_for
from yizhan.agency.filings.forms import FilingForm, WhoseForm
from yizhan.agency.filings.kinds import KINDS, STATES
from yizhan.agency.filings.models import Filing
from yizhan.agency.filings.views.one import about_person
from yizhan.agency.people import queries as people
from yizhan.agency.people.forms import LookUpForm
from yizhan.agency.people.models import Person
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Area, Officer
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, institution_of
from yizhan.engine.settlement import resolver_of
from yizhan.errors import InputProblem, Problem, Problems
from yizhan.policy.areas import load_scheme

CHECKED = "filings.checked"
CHECKED_SECONDS = 30 * 60
"""How long a clerk who checked somebody may make filings for that person."""

FOUND = 20
"""Persons listed to choose from."""


# --- Whose ------------------------------------------------------------------------------------------------------------


@page(Right.FILING_MAKE)
def whose(request: Request) -> HttpResponse:
    """Find the person: a clerk by full number and name, an officer as everywhere."""
    if institution_of(request.user) is not None:
        return _check(request)
    form = WhoseForm(request.POST or None)
    found: list[tuple[Person, str]] = []
    asked = request.method == "POST" and form.is_valid()
    if asked:
        words = people.read_words(form.cleaned_data["q"])
        rows = list(people.search(request.user, people.Criteria(words=words))[: FOUND + 1])
        if len(rows) == 1:
            return redirect("filings:kind", person=rows[0].number)
        found = [(row, people.shown_name(row, request.user)) for row in rows[:FOUND]]
    more = len(found) == FOUND
    return render(request, "filings/whose.html", {"form": form, "asked": asked, "found": found, "more": more})


def _check(request: Request) -> HttpResponse:
    form = LookUpForm(request.POST or None)
    form.fields["id_number"].widget.attrs["autofocus"] = True
    asked = request.method == "POST" and form.is_valid() and form.identifier is not None
    if asked and form.identifier is not None:
        found = people.look_up(form.identifier, form.cleaned_data["name"], acting_user=request.user)
        if found is not None:
            now = int(timezone.now().timestamp())
            kept = {k: at for k, at in request.session.get(CHECKED, {}).items() if at > now - CHECKED_SECONDS}
            request.session[CHECKED] = kept | {str(found.person.pk): now}
            return redirect("filings:kind", person=found.person.number)
    status = 422 if request.method == "POST" and not asked else 200
    return render(request, "filings/whose.html", {"form": form, "asked": asked, "clerk": True}, status=status)


def _person(request: Request, number: str) -> Person:
    """The person for whom this officer may make a filing. Raises NotFound."""
    if institution_of(request.user) is None:
        found = people.person(number, request.user)
        return found.merged_into or found
    key = str(int(number)) if number.isdecimal() and len(number) < 19 else ""
    at = request.session.get(CHECKED, {}).get(key)
    if at is None or at <= int(timezone.now().timestamp()) - CHECKED_SECONDS:
        raise NotFound
    person = Person.objects.filter(pk=int(key), merged_into=None).first()
    if person is None:
        raise NotFound
    return person


# --- What -------------------------------------------------------------------------------------------------------------


@page(Right.FILING_MAKE)
def kind(request: Request, person: str) -> HttpResponse:
    """Choose the kind, beside what the person has already."""
    found = _person(request, person)
    today = timezone.localdate()
    row = Filing(person=found, area_path=found.area_path)
    mine = [(f, f.holds_on(today)) for f in queries.of_person(found)[:FOUND]]
    kinds = [(code, each) for code, each in KINDS.items() if each.by_hospital or institution_of(request.user) is None]
    return render(
        request, "filings/kind.html", {**about_person(row, request.user, today), "kinds": kinds, "filings": mine}
    )


@page(Right.FILING_MAKE)
def make(request: Request, person: str, kind: str) -> HttpResponse:
    """Fill in a filing; try its effect first, if wanted, which keeps nothing."""
    officer, today = request.user, timezone.localdate()
    own = officer.institution if institution_of(officer) else None
    if kind not in KINDS or (own is not None and not KINDS[kind].by_hospital):
        raise NotFound
    found = _person(request, person)
    form = FilingForm(request.POST or None, kind=kind, officer=officer)
    problems: tuple[Problem, ...] = ()
    effect = None
    if request.method == "POST" and form.is_valid():
        try:
            if "preview" in request.POST:
                effect = _tried(form, kind, found, officer)
            else:
                row = actions.make(kind, found, **form.said(), acting_user=officer)
                messages.success(request, say("已提出，编号 {n}。", "Made: number {n}.", n=row.number))
                return redirect("filings:filing", number=row.pk)
        except Problems as refused:
            problems = refused.problems
        except NotFound:
            raise
        except InputProblem as refused:
            problems = (refused,)
    if problems:
        match = request.resolver_match
        record(
            match.view_name if match else "filings", found, person_id=found.pk, outcome="refused", acting_user=officer,
            codes=[p.code for p in problems],
        )  # fmt: skip
    context = {
        **about_person(Filing(person=found, area_path=found.area_path), officer, today), "form": form, "problems": problems,
        "effect": effect, "kind": KINDS[kind], "kind_code": kind, "begins": STATES[first_state(kind, own)].words,
        "term": queries.term_on(found.area_path, kind, today), **_suggested(form, found),
    }  # fmt: skip
    status = 422 if request.method == "POST" and effect is None else 200
    return render(request, "filings/make.html", context, status=status)


def _tried(form: FilingForm, kind: str, person: Person, officer: Officer) -> Any:
    today = timezone.localdate()
    row = drafted(kind, person, **form.said(), acting_user=officer)
    fen = form.cleaned_data.get("sample")
    sample = sample_for(row, today=today, **({"fen": fen} if fen else {}))
    with acting(officer, across_institutions=True):
        return effect_of(row, sample, on=today)


def _suggested(form: FilingForm, person: Person) -> dict[str, Any]:
    """What the browser suggests while a name is typed; only the fields that are there."""
    found: dict[str, Any] = {}
    if "to_institution" in form.fields:
        found["institutions"] = queries.hospitals_near(person.area_path)[:300]
    if "place" in form.fields:
        found["places"] = Area.objects.filter(level__in=("province", "city")).order_by("code")[:500]
    if "disease" in form.fields:
        found["diseases"] = _diseases(person)
    return found


def _diseases(person: Person) -> list[str]:
    """The diseases that rules of the person's area name."""
    try:
        named = resolver_of(load_scheme(pooling_area(person.area_path))).classes.named.get("diagnoses", set())
    except (InputProblem, Problems):
        return []
    return sorted(named)
