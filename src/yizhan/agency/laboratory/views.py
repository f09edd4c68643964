"""Pages of the laboratory: studies, the figures they change, what they found."""

from __future__ import annotations

import io
from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from yizhan.agency.desk.tables import in_pages
from yizhan.agency.desk.words import Words, lang, say
from yizhan.agency.laboratory import actions, exports, pictures, queries, summary
from yizhan.agency.laboratory.bench import available
from yizhan.agency.laboratory.forms import StudyForm
from yizhan.agency.laboratory.models import Result, Study
from yizhan.agency.laboratory.tables import Studies, shown_table
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.bill.data import one_bill
from yizhan.errors import Problem, Problems

PARTS = {
    "": ("概览", "Overview"),
    "people": ("谁得谁失", "Who wins, who loses"),
    "places": ("地区", "Places"),
    "cliffs": ("悬崖", "Cliffs"),
    "fund": ("基金", "The fund"),
    "fit": ("人口与画像", "Population and profile"),
}
"""The parts of a result, each a page."""

MADE_UP = ("fund", "fit")
"""Those that need a profile: a study on record has none."""


@page(Right.LABORATORY_SEE)
def studies(request: Request) -> HttpResponse:
    """The officer's studies and those that are shown to the area."""
    table = in_pages(request, Studies(queries.studies(request.user)))
    may = request.user.may(Right.LABORATORY_RUN)
    return render(request, "laboratory/studies.html", {"table": table, "may_run": may, "available": available()})


@page(Right.LABORATORY_RUN)
def new(request: Request) -> HttpResponse:
    """Make a study; then its figures are changed."""
    if not available():
        return render(request, "laboratory/settings.html", {"form": None})
    return _settings(request, None)


@page(Right.LABORATORY_RUN)
def settings(request: Request, number: int) -> HttpResponse:
    """Change what a draft is made with."""
    return _settings(request, queries.study(request.user, number))


def _settings(request: Request, found: Study | None) -> HttpResponse:
    form = StudyForm(request.POST or None, officer=request.user, study=found)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        try:
            if found is None:
                made = actions.create(form.cleaned_data, acting_user=request.user)
            else:
                actions.amend(found, form.cleaned_data, acting_user=request.user)
                made = found
            return redirect("laboratory:figures", number=made.pk)
        except Problems as refused:
            problems = refused.problems
    context = {"form": form, "study": found, "problems": problems}
    return render(request, "laboratory/settings.html", context, status=422 if request.method == "POST" else 200)


FIELD = "at:"
"""What the name of a figure's field begins with."""


@page(Right.LABORATORY_RUN)
def figures(request: Request, number: int) -> HttpResponse:
    """The printed figures of the area beside their articles, each of which may be changed."""
    found = queries.study(request.user, number)
    search = request.GET.get("q", "").strip()[:60]
    problems: tuple[Problem, ...] = ()
    if request.method == "POST":
        given = {name.removeprefix(FIELD): str(value) for name, value in request.POST.items() if name.startswith(FIELD)}
        try:
            count = actions.set_figures(found, given, acting_user=request.user)
        except Problems as refused:
            problems = refused.problems
        else:
            messages.success(request, say("共改动 {n} 个数。", "{n} figures are changed.", n=count))
            return redirect(request.get_full_path())
    rules = queries.articles(found.area_code, found.changes, search)
    documents: dict[tuple[str, str], list[queries.Rules]] = {}
    for of in rules:
        documents.setdefault((of.document, of.document_title), []).append(of)
    context = {
        "study": found, "documents": list(documents.items()), "count": len(rules), "search": search, "problems": problems,
        "typed": given if problems else {}, "mine": found.made_by_id == request.user.pk and found.state == "draft",
    }  # fmt: skip
    return render(request, "laboratory/figures.html", context, status=422 if problems else 200)


@page(Right.LABORATORY_RUN)
@require_POST
def run(request: Request, number: int) -> HttpResponse:
    """Have a draft computed."""
    started = actions.run(queries.study(request.user, number), acting_user=request.user)
    return redirect("jobs:run", number=started.pk)


@page(Right.LABORATORY_RUN)
@require_POST
def again(request: Request, number: int) -> HttpResponse:
    """Change and run again: a new draft."""
    made = actions.again(queries.study(request.user, number), acting_user=request.user)
    return redirect("laboratory:settings", number=made.pk)


@page(Right.LABORATORY_RUN)
@require_POST
def share(request: Request, number: int) -> HttpResponse:
    """Show a study to the area, or no longer."""
    found = queries.study(request.user, number)
    actions.share(found, shared=request.POST.get("shared") == "yes", acting_user=request.user)
    return redirect("laboratory:study", number=number)


@page(Right.LABORATORY_RUN)
@require_POST
def remove(request: Request, number: int) -> HttpResponse:
    """Put a draft away."""
    found = queries.study(request.user, number)
    actions.remove(found, acting_user=request.user)
    messages.success(
        request, say("已删除测算 {n}“{name}”。", "Study {n}, “{name}”, was deleted.", n=found.pk, name=found.name)
    )
    return redirect("laboratory:list")


# --- Results ----------------------------------------------------------------------------------------------------------------


@page(Right.LABORATORY_SEE)
def study(request: Request, number: int) -> HttpResponse:
    """A study: a draft with what it will ask, or one part of what it found."""
    found = queries.study(request.user, number)
    mine = found.made_by_id == request.user.pk and request.user.may(Right.LABORATORY_RUN)
    context: dict[str, Any] = {"study": found, "mine": mine, "may_run": request.user.may(Right.LABORATORY_RUN)}
    if found.state != "done":
        return render(request, "laboratory/waiting.html", context)
    result = queries.result(found)
    part = request.GET.get("part", "")
    parts = {key: words for key, words in PARTS.items() if not (found.on_record and key in MADE_UP)}
    part = part if part in parts else ""
    context |= {
        "result": result, "part": part, "parts": [(key, say(*words)) for key, words in parts.items()],
        "headlines": summary.headlines(found, result), "cautions": summary.cautions(found, result),
        **_PART[part](result),
    }  # fmt: skip
    return render(request, "laboratory/study.html", context)


def _tables(result: Result, *keys: str) -> dict[str, Any]:
    english = result.about["english"]
    wanted = [shown_table(result.table(key), english) for key in (k for key in keys for k in (key, f"{key}_after"))]
    return {"tables": [table for table in wanted if table is not None]}


def _overview(result: Result) -> dict[str, Any]:
    outlay, english = result.table("outlay"), result.about["english"]
    assert outlay is not None
    scenarios = range(len(dict.fromkeys(row[0] for row in outlay["rows"])))
    return _tables(result, "changes", "outlay", "ceilings") | {
        "outlays": pictures.outlays(outlay, english),
        "waterfalls": [pictures.waterfall(outlay, english, n) for n in scenarios],
    }


def _people(result: Result) -> dict[str, Any]:
    shares = result.table("own_shares")
    assert shares is not None
    return _tables(result, "transition", "winners", "burden", "by_decile") | {
        "histograms": pictures.own_shares(shares),
        "cases": list(enumerate(result.cases)),
    }


def _places(result: Result) -> dict[str, Any]:
    counties = result.table("counties")
    assert counties is not None
    scenarios = range((len(counties["columns"]) - 2) // 2)
    return _tables(result, "counties", "by_setting", "by_county") | {
        "tiles": [pictures.tiles(counties, measure, n) for measure in pictures.MEASURES for n in scenarios],
    }


def _cliffs(result: Result) -> dict[str, Any]:
    told = [(k, cliff, pictures.cliff(cliff)) for k, cliff in enumerate(result.cliffs)]
    return _tables(result, "cliffs") | {"drawn": [row for row in told if not row[1]["meant"]]}


_FUNDS = {"fund_years": Words("现行政策", "Present rules"), "fund_years_after": Words("改革方案", "Reform")}


def _fund(result: Result) -> dict[str, Any]:
    months = [table for key in ("fund", "fund_after") if (table := result.table(key)) is not None]
    dry = [(str(words), summary.dry(result, key)) for key, words in _FUNDS.items()]
    return _tables(result, "fund_years", "budget", "fund") | {
        "fund": pictures.fund(months), "dry": [(words, told) for words, told in dry if told],
    }  # fmt: skip


def _fit(result: Result) -> dict[str, Any]:
    return _tables(result, "fit", "validation", "stand_ins")


_PART = {"": _overview, "people": _people, "places": _places, "cliffs": _cliffs, "fund": _fund, "fit": _fit}


@page(Right.LABORATORY_SEE)
def case(request: Request, number: int, place: int) -> HttpResponse:
    """One person under both sets of rules: bill beside bill."""
    found = queries.study(request.user, number)
    cases = queries.result(found).cases
    if place >= len(cases):
        raise NotFound
    told = cases[place]
    sides = (
        (say("现行政策", "Present rules"), told["settled"][0], told["before"]),
        (say("改革方案", "Reform"), told["settled"][1], told["after"]),
    )
    context = {"study": found, "told": told, "sides": [_side(*side) for side in sides]}
    return render(request, "laboratory/case.html", context)


@page(Right.LABORATORY_SEE)
def cliff(request: Request, number: int, place: int) -> HttpResponse:
    """Both sides of one cliff: the picture, and the neighbours' bills."""
    found = queries.study(request.user, number)
    cliffs = queries.result(found).cliffs
    if place >= len(cliffs):
        raise NotFound
    told = cliffs[place]
    sides = (
        (say("现在这样", "As it is"), told["settled"][0], told["pays"][0]),
        (say("差这一步", "With the step taken"), told["settled"][1], told["pays"][1]),
    )
    context = {"study": found, "cliff": told, "title": say(told["zh"], told["en"]), "curve": pictures.cliff(told), "sides": [_side(*side) for side in sides]}  # fmt: skip
    return render(request, "laboratory/cliff.html", context)


def _side(words: str, settled: list[dict[str, Any]], pays: int) -> dict[str, Any]:
    """A year's bills under one set of rules, layer by layer."""
    bills = [one_bill(stored, lang()) for stored in settled]
    largest = max(range(len(bills)), key=lambda n: bills[n].total, default=0)
    return {
        "words": words,
        "pays": pays,
        "bills": [(n + 1, bill, n == largest) for n, bill in enumerate(bills)],
        "agrees": sum(bill.patient for bill in bills) == pays,
    }


# --- Files ------------------------------------------------------------------------------------------------------------------


@page(Right.LABORATORY_SEE)
@require_POST
def workbook(request: Request, number: int) -> FileResponse:
    """Every table as a workbook."""
    found = queries.study(request.user, number)
    book = exports.workbook(found, queries.result(found))
    actions.take_out(found, form="xlsx", acting_user=request.user)
    return FileResponse(book, as_attachment=True, filename=f"study-{found.pk}.xlsx")


@page(Right.LABORATORY_SEE)
@require_POST
def cells(request: Request, number: int) -> FileResponse:
    """All sums as Parquet."""
    found = queries.study(request.user, number)
    result = queries.result(found, cells=True)
    if found.on_record:
        raise NotFound  # cells of few people would show single ones
    actions.take_out(found, form="parquet", acting_user=request.user)
    return FileResponse(io.BytesIO(bytes(result.cells)), as_attachment=True, filename=f"study-{found.pk}.parquet")


@page(Right.LABORATORY_SEE)
@require_POST
def brief(request: Request, number: int) -> HttpResponse:
    """Two pages for who decides."""
    found = queries.study(request.user, number)
    printed = exports.brief(found, queries.result(found))
    actions.take_out(found, form="pdf", acting_user=request.user)
    headers = {"Content-Disposition": f'inline; filename="study-{found.pk}.pdf"'}
    return HttpResponse(printed.pdf, content_type="application/pdf", headers=headers)
