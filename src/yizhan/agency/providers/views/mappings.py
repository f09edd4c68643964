"""Pages of mappings: what a hospital calls its items, sent in by it and reviewed by the bureau."""

from __future__ import annotations

import io

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from yizhan.agency.desk.tables import in_pages
from yizhan.agency.desk.words import say
from yizhan.agency.providers import queries, tables
from yizhan.agency.providers.actions import mappings as actions
from yizhan.agency.providers.columns import MAPPING_COLUMNS
from yizhan.agency.providers.columns import template as template_of
from yizhan.agency.providers.forms import EndForm, MappingFile, MappingForm
from yizhan.agency.providers.kinds import MAPPING_STATES
from yizhan.agency.providers.models import Mapping
from yizhan.agency.spreadsheets import XLSX, read_table, template_xlsx
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import institution_of
from yizhan.errors import Problem, Problems


@page(Right.CATALOGUE_SEE)
def mappings(request: Request) -> HttpResponse:
    """The mappings, by state and institution; those that wait can be decided in bulk."""
    officer = request.user
    state, where = request.GET.get("state", ""), request.GET.get("institution", "")
    search = request.POST.get("q", "").strip()[:60]
    found = queries.mappings(
        officer, state=state if state in MAPPING_STATES else "", institution_id=int(where) if where.isdecimal() and len(where) < 18 else None,
        search=search,
    )  # fmt: skip
    counts = queries.mapping_counts(officer)
    choosable = officer.may(Right.MAPPING_REVIEW) and state == "proposed"
    table = tables.Mappings(
        found, items={}, choosable=choosable, own=bool(institution_of(officer)), ends=officer.may(Right.MAPPING_REVIEW)
    )
    in_pages(request, table)
    if table.page:
        codes = [row.record.national_code for row in table.page.object_list]
        table.items = queries.national_items(officer.area_path, codes, timezone.localdate())
    return render(request, "providers/mappings.html", {
        "table": table, "states": [(s, counts.get(s.code, 0)) for s in MAPPING_STATES.values()], "state": state, "where": where,
        "institutions": [] if institution_of(officer) else queries.institutions(officer, on=timezone.localdate()),
        "search": search, "choosable": choosable, "may_edit": officer.may(Right.MAPPING_EDIT), "total": table.page.paginator.count if table.page else 0,
    })  # fmt: skip


@page(Right.MAPPING_EDIT)
def propose(request: Request) -> HttpResponse:
    """Send in one mapping, or a file of them."""
    one = MappingForm(request.POST if "code" in request.POST else None)
    many = MappingFile(
        *((request.POST, request.FILES) if request.method == "POST" and "code" not in request.POST else ())
    )
    problems: tuple[Problem, ...] = ()
    count = 0
    if request.method == "POST":
        try:
            if one.is_bound and one.is_valid():
                count = actions.propose([actions.Proposal(**one.cleaned_data)], acting_user=request.user)
            elif many.is_bound and many.is_valid():
                sent = many.cleaned_data["file"]
                count = actions.propose_file(read_table(sent.read(), sent.name), acting_user=request.user)
        except Problems as refused:
            problems = refused.problems
    if count:
        messages.success(
            request, say("已上报 {n} 条，等医保局审核。", "{n} sent in; the bureau reviews them.", n=count)
        )
        return redirect(f"{reverse('providers:mappings')}?state=proposed")
    context = {"one": one, "many": many, "problems": problems}
    return render(request, "providers/propose.html", context, status=422 if request.method == "POST" else 200)


@page(Right.MAPPING_EDIT)
def template(request: Request) -> FileResponse:
    """An empty list of mappings to fill in."""
    target = io.BytesIO()
    template_xlsx(target, template_of(MAPPING_COLUMNS), name="对照", rows=actions.MOST_ROWS)
    target.seek(0)
    return FileResponse(
        target, as_attachment=True, filename=say("目录对照模板.xlsx", "mapping template.xlsx"), content_type=XLSX
    )


@page(Right.MAPPING_REVIEW)
@require_POST
def decide(request: Request) -> HttpResponse:
    """Approve or reject the chosen mappings, or all that wait under the filter."""
    where = request.POST.get("institution", "")
    found = queries.mappings(
        request.user, state="proposed", institution_id=int(where) if where.isdecimal() and len(where) < 18 else None
    )
    if request.POST.get("scope") != "all":
        chosen = [int(pk) for pk in request.POST.getlist("mappings") if pk.isdecimal() and len(pk) < 18]
        # Not by state: what somebody else decided meanwhile is said so.
        found = Mapping.objects.filter(
            pk__in=chosen, area_path__gte=request.user.area_path, area_path__lt=request.user.area_path + "~"
        )
    if request.POST.get("verdict") == "approve":
        count = actions.approve(found, acting_user=request.user)
        messages.success(request, say("已通过 {n} 条。", "{n} approved.", n=count))
    else:
        count = actions.reject(found, why=request.POST.get("why", ""), acting_user=request.user)
        messages.success(request, say("已退回 {n} 条。", "{n} rejected.", n=count))
    return redirect(f"{reverse('providers:mappings')}?state=proposed&institution={where if where.isdecimal() else ''}")


@page(Right.MAPPING_REVIEW)
def end(request: Request, number: int) -> HttpResponse:
    """Let an approved mapping end."""
    found = queries.mapping(number, request.user)
    form = EndForm(request.POST or None)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        try:
            actions.end(found, **form.cleaned_data, acting_user=request.user)
            messages.success(request, say("已终止。", "Ended."))
            return redirect("providers:mappings")
        except Problems as refused:
            problems = refused.problems
    context = {
        "form": form, "problems": problems, "institution": found.institution, "what": say("终止目录对照", "End a mapping"), "of_mapping": True,
        "about": f"{found.code} {found.name} → {found.national_code} · {tables.period_text(found.valid.lower, found.last_day)}",
    }  # fmt: skip
    return render(request, "providers/fill.html", context, status=422 if request.method == "POST" else 200)
