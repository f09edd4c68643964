"""Pages of catalogues: versions, what they change, and items on a day."""

from __future__ import annotations

import io

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from yizhan.agency.desk.tables import PAGE, in_pages
from yizhan.agency.desk.words import say
from yizhan.agency.providers import comparing, queries, tables
from yizhan.agency.providers.actions import catalogues as actions
from yizhan.agency.providers.columns import item_columns
from yizhan.agency.providers.columns import template as template_of
from yizhan.agency.providers.forms import CatalogueForm, ItemSearch
from yizhan.agency.providers.kinds import CATALOGUES, CHANGES, VERSION_STATES
from yizhan.agency.spreadsheets import XLSX, template_xlsx
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.errors import InputProblem, Problem, Problems


@page(Right.CATALOGUE_SEE)
def versions(request: Request) -> HttpResponse:
    """The catalogues in force, and all versions."""
    today = timezone.localdate()
    kind, state = request.GET.get("kind", ""), request.GET.get("state", "")
    found = queries.versions(request.user)
    if kind in CATALOGUES:
        found = found.filter(kind=kind)
    if state in VERSION_STATES:
        found = found.filter(state=state)
    in_force = queries.all_in_force(request.user.area_path, today)
    return render(request, "providers/catalogues.html", {
        "table": in_pages(request, tables.Versions(found, in_force={one.pk for one in in_force.values()})),
        "in_force": [(words, in_force.get(code)) for code, words in CATALOGUES.items()], "today": today,
        "kinds": CATALOGUES, "kind": kind, "states": VERSION_STATES, "state": state, "may_import": request.user.may(Right.CATALOGUE_IMPORT),
    })  # fmt: skip


@page(Right.CATALOGUE_IMPORT)
def import_version(request: Request) -> HttpResponse:
    """Import a complete catalogue."""
    form = CatalogueForm(request.POST or None, request.FILES or None)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        sent = form.cleaned_data
        try:
            made = actions.import_version(
                sent["file"].read(), file_name=sent["file"].name, area=request.user.area, kind=sent["kind"], from_on=sent["from_on"],
                document=sent["document"], acting_user=request.user,
            )  # fmt: skip
            return redirect("providers:version", number=made.pk)
        except Problems as refused:
            problems = refused.problems
    context = {"form": form, "problems": problems, "kinds": CATALOGUES}
    return render(request, "providers/import.html", context, status=422 if request.method == "POST" else 200)


@page(Right.CATALOGUE_IMPORT)
def template(request: Request) -> FileResponse:
    """An empty catalogue to fill in."""
    kind = request.GET.get("kind", "drug")
    target = io.BytesIO()
    words = CATALOGUES.get(kind, CATALOGUES["drug"])
    template_xlsx(target, template_of(item_columns(kind if kind in CATALOGUES else "drug")), name=words.zh)
    target.seek(0)
    name = say("{kind}目录模板.xlsx", "{kind} template.xlsx", kind=words)
    return FileResponse(target, as_attachment=True, filename=name, content_type=XLSX)


@page(Right.CATALOGUE_SEE)
def version(request: Request, number: int) -> HttpResponse:
    """A version: what it changes against the one before it."""
    found = queries.version(number, request.user)
    base = found.compared_with
    change = request.GET.get("change", "")
    if change not in CHANGES:
        change = next((code for code in CHANGES if found.counts.get(code)), "added")
    total = found.counts.get(change, 0)
    paper = Paginator(range(total), PAGE).get_page(request.GET.get("page", "1"))
    shown = found.state in ("draft", "applied", "withdrawn")
    rows = comparing.differences(found, change, first=(paper.number - 1) * PAGE, most=PAGE) if shown and total else []
    own = found.area_path.startswith(request.user.area_path)
    now_base = comparing.base_of(found) if found.state == "draft" else base
    return render(request, "providers/version.html", {
        "version": found, "kind": CATALOGUES[found.kind], "base": base, "change": change, "paper": paper, "shown": shown,
        "changes": [(code, words, found.counts.get(code, 0)) for code, words in CHANGES.items()],
        "table": tables.Differences(rows), "removes_many": comparing.removes_many(found, base.rows) if base else 0,
        "moved": now_base != base, "past": found.state == "draft" and found.from_on < timezone.localdate(),
        "may": {
            "apply": own and found.state == "draft" and request.user.may(Right.CATALOGUE_APPLY) and found.made_by_id != request.user.pk,
            "drop": own and found.state in ("draft", "unreadable") and (request.user.may(Right.CATALOGUE_IMPORT) or request.user.may(Right.CATALOGUE_APPLY)),
            "withdraw": own and found.state == "applied" and request.user.may(Right.CATALOGUE_APPLY),
            "compare": own and found.state == "draft" and (request.user.may(Right.CATALOGUE_IMPORT) or request.user.may(Right.CATALOGUE_APPLY)),
        },
    })  # fmt: skip


@page(Right.CATALOGUE_APPLY)
@require_POST
def apply(request: Request, number: int) -> HttpResponse:
    """Put a version into force."""
    base = request.POST.get("base", "")
    found = queries.version(number, request.user)
    actions.apply(found, seen_base=int(base) if base.isdecimal() else None, acting_user=request.user)
    messages.success(
        request,
        say(
            "已启用，{on} 起的费用明细按它划分。",
            "In force: bill lines from {on} on are split by it.",
            on=found.from_on,
        ),
    )
    return redirect("providers:version", number=number)


@page(Right.CATALOGUE_SEE)
@require_POST
def compare(request: Request, number: int) -> HttpResponse:
    """Compare a draft with what is in force by now."""
    if not (request.user.may(Right.CATALOGUE_IMPORT) or request.user.may(Right.CATALOGUE_APPLY)):
        raise NotFound
    actions.compare_again(queries.version(number, request.user), acting_user=request.user)
    return redirect("providers:version", number=number)


@page(Right.CATALOGUE_SEE)
@require_POST
def end(request: Request, number: int) -> HttpResponse:
    """Drop a version that is not in force, or withdraw one that is."""
    found = queries.version(number, request.user)
    act = actions.withdraw if found.state == "applied" else actions.drop
    act(found, why=request.POST.get("why", ""), acting_user=request.user)
    messages.success(request, say("已办理。", "Done."))
    return redirect("providers:version", number=number)


@page(Right.CATALOGUE_SEE)
def items(request: Request) -> HttpResponse:
    """Items in force on a day, by the beginning of code or name."""
    # What was asked stays in the session: pages of the answer are links, and words stand in no address.
    asked = request.POST if request.method == "POST" else request.session.get("providers.items", {})
    form = ItemSearch(asked or None)
    problems: tuple[InputProblem, ...] = ()
    table, on = None, timezone.localdate()
    if form.is_valid():
        if request.method == "POST":
            request.session["providers.items"] = {key: request.POST.get(key, "") for key in ("q", "on", "kind")}
        on = form.cleaned_data["on"] or on
        found = queries.items(
            request.user.area_path, on=on, search=form.cleaned_data["q"], kind=form.cleaned_data["kind"]
        )
        table = in_pages(request, tables.Items(found))
    context = {"form": form, "table": table, "on": on, "kinds": CATALOGUES, "problems": problems}
    return render(request, "providers/items.html", context, status=200 if not form.errors else 422)
