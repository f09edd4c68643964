"""Areas and institutions: for the system administrator."""

from __future__ import annotations

import io

import django_tables2 as tables
from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render

from yizhan.agency.desk.tables import List, Number, in_pages
from yizhan.agency.desk.words import later, say
from yizhan.agency.spreadsheets import TemplateColumn, read_table, template_xlsx
from yizhan.agency.staff import actions, forms, queries
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import AREA_LEVELS, Area, Institution
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.views.searching import remembered
from yizhan.engine.facts import FACTS
from yizhan.errors import Problem, Problems

SHOWN_MISTAKES = 100
"""Of a table's mistakes on the page; how many there are in all is said."""


class Areas(List):
    """Areas in the order of the division."""

    code = tables.Column(verbose_name=later("代码", "Code"), order_by="path")
    name = tables.Column(verbose_name=later("名称", "Name"), attrs={"td": {"class": "name"}})
    name_en = tables.Column(verbose_name=later("英文名称", "In English"), default="—")
    level = tables.Column(verbose_name=later("级别", "Level"))
    institutions = Number(verbose_name=later("定点机构", "Institutions"))
    officers = Number(verbose_name=later("用户", "Officers"))

    class Meta(List.Meta):
        empty_text = later(
            "没有符合条件的区划。可以逐个新增，或用表格导入。", "No area matches. Add one, or import a table."
        )

    def render_level(self, record: Area) -> str:
        """In words."""
        return str(AREA_LEVELS.get(record.level, record.level))


class Institutions(List):
    """Institutions by area."""

    code = tables.Column(verbose_name=later("代码", "Code"))
    name = tables.Column(verbose_name=later("名称", "Name"), attrs={"td": {"class": "name"}})
    level = tables.Column(verbose_name=later("医院等级", "Grade"))
    tier = tables.Column(verbose_name=later("医院归属", "Tier"))
    area = tables.Column(verbose_name=later("区划", "Area"), order_by="area_path")

    class Meta(List.Meta):
        empty_text = later(
            "还没有定点机构。可以逐家新增，或用表格导入。", "No institutions yet. Add one, or import a table."
        )

    def render_level(self, record: Institution) -> str:
        """In words."""
        return dict(_choices("institution_level")).get(record.level, record.level)

    def render_tier(self, record: Institution) -> str:
        """In words."""
        return dict(_choices("institution_tier")).get(record.tier, record.tier)


@page(Right.AREA_MANAGE)
def areas(request: Request) -> HttpResponse:
    """All areas within the administrator's."""
    form = remembered(request, "areas", forms.AreaSearch)
    if request.method == "POST" and form.is_valid():
        return redirect("staff:areas")
    found = queries.areas(request.user, **form.cleaned_data) if form.is_valid() else queries.areas(request.user)
    context = {"form": form, "table": in_pages(request, Areas(found)), "tab": "areas"}
    return render(request, "staff/areas.html", context, status=422 if form.errors else 200)


@page(Right.AREA_MANAGE)
def institutions(request: Request) -> HttpResponse:
    """All institutions within the administrator's area."""
    form = remembered(request, "institutions", forms.InstitutionSearch)
    if request.method == "POST" and form.is_valid():
        return redirect("staff:institutions")
    search = form.cleaned_data["search"] if form.is_valid() else ""
    context = {
        "form": form,
        "table": in_pages(request, Institutions(queries.institutions(request.user, search=search))),
    }
    return render(request, "staff/areas.html", context | {"tab": "institutions"}, status=422 if form.errors else 200)


@page(Right.AREA_MANAGE)
def new_area(request: Request) -> HttpResponse:
    """Add an area."""
    form = forms.NewArea(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data
        try:
            parent = queries.area(request.user, typed["parent"])
            actions.create_area(
                typed["code"],
                name=typed["name"],
                level=typed["level"],
                parent=parent,
                name_en=typed["name_en"],
                acting_user=request.user,
            )
        except forms.REFUSALS as refused:
            forms.show_problems(form, refused, field="parent" if isinstance(refused, NotFound) else None)
        else:
            messages.success(request, say("已新增。", "Added."))
            return redirect("staff:areas")
    return render(request, "staff/new_area.html", {"form": form, "tab": "areas"}, status=422 if form.errors else 200)


@page(Right.AREA_MANAGE)
def new_institution(request: Request) -> HttpResponse:
    """Add an institution."""
    form = forms.NewInstitution(
        request.POST if request.method == "POST" else None,
        levels=_choices("institution_level"),
        tiers=_choices("institution_tier"),
    )
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data
        try:
            actions.create_institution(
                typed["code"],
                name=typed["name"],
                level=typed["level"],
                tier=typed["tier"],
                area=queries.area(request.user, typed["area"]),
                acting_user=request.user,
            )
        except forms.REFUSALS as refused:
            forms.show_problems(form, refused, field="area" if isinstance(refused, NotFound) else None)
        else:
            messages.success(request, say("已新增。", "Added."))
            return redirect("staff:institutions")
    return render(
        request, "staff/new_area.html", {"form": form, "tab": "institutions"}, status=422 if form.errors else 200
    )


@page(Right.AREA_MANAGE)
def import_table(request: Request, what: str) -> HttpResponse:
    """Import areas or institutions from a table; all mistakes are shown at once, and then nothing is written."""
    form = forms.Upload(request.POST or None, request.FILES or None)
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        take_in = actions.import_areas if what == "areas" else actions.import_institutions
        try:
            new, changed = take_in(read_table(file.read(), file.name), acting_user=request.user)
        except Problems as refused:
            problems = refused.problems
        else:
            messages.success(
                request, say("导入完成：新增 {n}，更新 {m}。", "Imported: {n} new, {m} changed.", n=new, m=changed)
            )
            return redirect(f"staff:{what}")
    context = {"form": form, "tab": what, "problems": problems[:SHOWN_MISTAKES], "mistakes": len(problems)}
    return render(request, "staff/import_table.html", context, status=422 if form.errors or problems else 200)


@page(Right.AREA_MANAGE)
def template(request: Request, what: str) -> FileResponse:
    """An empty table to fill in."""
    target = io.BytesIO()
    template_xlsx(target, TEMPLATES[what]())
    target.seek(0)
    return FileResponse(
        target,
        as_attachment=True,
        filename=say("区划导入表.xlsx", "areas.xlsx")
        if what == "areas"
        else say("机构导入表.xlsx", "institutions.xlsx"),
    )


def _area_columns() -> list[TemplateColumn]:
    levels = [words.zh for words in AREA_LEVELS.values()]
    return [
        TemplateColumn(
            "代码",
            "行政区划代码，6、9 或 12 位",
            "code of the area, 6, 9 or 12 digits",
            required=True,
            examples=["430302"],
        ),
        TemplateColumn("名称", "区划名称", "name", required=True, examples=["雨湖区"]),
        TemplateColumn("级别", "省级、市级、县级、乡镇街道、村社区", "level", required=True, choices=levels),
        TemplateColumn(
            "上级代码",
            "上一级的代码，写在同一张表里时排在前面",
            "code of the area above; in one table, above comes first",
            required=True,
            examples=["430300"],
        ),
        TemplateColumn("英文名称", "可不填", "name in English, optional", examples=["Yuhu"]),
    ]


def _institution_columns() -> list[TemplateColumn]:
    return [
        TemplateColumn("代码", "定点机构代码", "code of the institution", required=True, examples=["H43030200001"]),
        TemplateColumn("名称", "机构名称", "name", required=True, examples=["雨湖区人民医院"]),
        TemplateColumn(
            "医院等级",
            "一级、二级、三级等",
            "grade",
            required=True,
            choices=[v.zh for v in FACTS["institution_level"].values],
        ),
        TemplateColumn(
            "医院归属", "乡镇、县级等", "tier", required=True, choices=[v.zh for v in FACTS["institution_tier"].values]
        ),
        TemplateColumn(
            "区划代码", "机构所在区划的代码", "code of the area it lies in", required=True, examples=["430302"]
        ),
    ]


TEMPLATES = {"areas": _area_columns, "institutions": _institution_columns}


def _choices(fact: str) -> list[tuple[str, str]]:
    return [(value.code, say(value.zh, value.en)) for value in FACTS[fact].values]
