"""Officers and what they may do: for the security administrator."""

from __future__ import annotations

import django_tables2 as tables
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from yizhan.agency.desk.tables import List, in_pages
from yizhan.agency.desk.templatetags.desk import instant
from yizhan.agency.desk.words import later, say
from yizhan.agency.staff import actions, ceilings, forms, panels, queries, sessions
from yizhan.agency.staff.models import DEPARTMENTS, Officer
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right, Role
from yizhan.agency.staff.sign_in import require_fresh
from yizhan.agency.staff.views.searching import remembered


class Officers(List):
    """Officers, by area."""

    name = tables.Column(verbose_name=later("姓名", "Name"), attrs={"td": {"class": "name"}})
    username = tables.Column(verbose_name=later("用户名", "User name"))
    roles = tables.Column(verbose_name=later("岗位", "Roles"))
    area = tables.Column(verbose_name=later("区划", "Area"), order_by="area_path")
    department = tables.Column(verbose_name=later("部门或机构", "Department or institution"))
    last_login = tables.Column(verbose_name=later("最近登录", "Last sign-in"), default="—")
    is_active = tables.Column(verbose_name=later("状态", "State"))

    class Meta(List.Meta):
        empty_text = later(
            "没有符合条件的用户。换个条件，或新增用户。", "Nobody matches. Change the search, or add an officer."
        )

    def render_name(self, record: Officer) -> SafeString:
        """A link to the officer."""
        return format_html('<a href="{}">{}</a>', reverse("staff:officer", args=[record.pk]), record.name)

    def render_roles(self, record: Officer) -> str:
        """The roles in words."""
        return say("、", ", ").join(str(Role(role).words) for role in record.roles)

    def render_department(self, record: Officer) -> str:
        """The hospital of hospital staff, the department of others."""
        return (
            str(record.institution)
            if record.institution
            else str(DEPARTMENTS.get(record.department, record.department))
        )

    def render_last_login(self, record: Officer) -> str:
        """In local time."""
        return instant(record.last_login)

    def render_is_active(self, record: Officer) -> SafeString:
        """As a mark."""
        return mark(record)


def mark(officer: Officer) -> SafeString:
    """Whether an officer may sign in."""
    if not officer.is_active:
        return format_html('<span class="mark mark-bad">{}</span>', say("已停用", "suspended"))
    if not officer.has_usable_password():
        return format_html('<span class="mark mark-wait">{}</span>', say("待设密码", "no password yet"))
    return format_html('<span class="mark mark-good">{}</span>', say("在用", "active"))


@page(Right.OFFICER_MANAGE)
def officers(request: Request) -> HttpResponse:
    """All officers of the area."""
    form = remembered(request, "officers", forms.OfficerSearch)
    if request.method == "POST" and form.is_valid():
        return redirect("staff:officers")
    found = queries.officers(request.user, **form.cleaned_data) if form.is_valid() else queries.officers(request.user)
    table = in_pages(request, Officers(found))
    return render(request, "staff/officers.html", {"form": form, "table": table}, status=422 if form.errors else 200)


@page(Right.OFFICER_MANAGE)
def new_officer(request: Request) -> HttpResponse:
    """Add an officer."""
    form = forms.NewOfficer(request.POST if request.method == "POST" else None, of=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.create_officer(
                form.cleaned_data["username"],
                name=form.cleaned_data["name"],
                roles=form.cleaned_data["roles"],
                area=form.cleaned_data["area"],
                department=form.cleaned_data["department"],
                institution=form.cleaned_data["institution"],
                acting_user=request.user,
            )
        except forms.REFUSALS as refused:
            forms.show_problems(form, refused)
        else:
            messages.success(
                request, say("已新增。请开一次性重置码交给本人。", "Added. Make a one-time code and hand it over.")
            )
            return redirect("staff:officer", number=made.pk)
    return render(request, "staff/new_officer.html", {"form": form}, status=422 if form.errors else 200)


@page(Right.OFFICER_MANAGE)
def officer(request: Request, number: int) -> HttpResponse:
    """One officer: roles, state, sessions, and what may be done."""
    found = queries.officer(request.user, number)
    return _page(request, found, forms.Roles(initial={"roles": found.roles}))


def _page(request: Request, found: Officer, form: forms.Roles, *, code: str = "", status: int = 200) -> HttpResponse:
    context = {
        "officer": found,
        "roles": [Role(role).words for role in found.roles],
        "department": DEPARTMENTS.get(found.department, found.department),
        "mark": mark(found),
        "form": form,
        "code": code,
        "own": found.pk == request.user.pk,
        "living": sessions.living_sessions(found),
        "panels": panels.shown(found, request.user),
        "used": [
            {"kind": kind, "words": ceilings.CEILINGS[kind].words, "used": used, "most": most}
            for kind, (used, most) in ceilings.used_today(found).items()
            if used
        ],
    }
    return render(request, "staff/officer.html", context, status=status)


@page(Right.OFFICER_MANAGE)
@require_POST
def change_roles(request: Request, number: int) -> HttpResponse:
    """Give an officer other roles."""
    found = queries.officer(request.user, number)
    form = forms.Roles(request.POST)
    if form.is_valid():
        try:
            actions.change_roles(found, form.cleaned_data["roles"], acting_user=request.user)
        except forms.REFUSALS as refused:
            forms.show_problems(form, refused, field="roles")
        else:
            messages.success(request, say("岗位已改，立即生效。", "Roles changed, with effect at once."))
            return redirect("staff:officer", number=number)
    return _page(request, found, form, status=422)


@page(Right.OFFICER_MANAGE)
@require_POST
def suspend(request: Request, number: int) -> HttpResponse:
    """Suspend an officer."""
    found = queries.officer(request.user, number)
    actions.suspend_officer(found, why=request.POST.get("why", ""), acting_user=request.user)
    messages.success(request, say("已停用，会话已全部结束。", "Suspended; all sessions ended."))
    return redirect("staff:officer", number=number)


@page(Right.OFFICER_MANAGE)
@require_POST
def resume(request: Request, number: int) -> HttpResponse:
    """Let an officer sign in again."""
    actions.resume_officer(queries.officer(request.user, number), acting_user=request.user)
    messages.success(request, say("已恢复。", "Resumed."))
    return redirect("staff:officer", number=number)


@page(Right.OFFICER_MANAGE)
@require_POST
def reset_code(request: Request, number: int) -> HttpResponse:
    """Make a one-time code and show it, this once."""
    require_fresh(request)
    found = queries.officer(request.user, number)
    code = actions.make_reset_code(found, acting_user=request.user)
    return _page(request, found, forms.Roles(initial={"roles": found.roles}), code=code)


@page(Right.OFFICER_MANAGE)
@require_POST
def drop_factor(request: Request, number: int) -> HttpResponse:
    """Forget a lost authenticator app."""
    require_fresh(request)
    actions.drop_factor(queries.officer(request.user, number), acting_user=request.user)
    messages.success(request, say("已解除，本人下次登录后可重新绑定。", "Removed; the officer can set up another."))
    return redirect("staff:officer", number=number)


@page(Right.CEILING_GRANT)
def grants(request: Request) -> HttpResponse:
    """Who of the area has used how much today, and raising a ceiling."""
    rows = queries.used_today(request.user)
    form = forms.Grant(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            typed = form.cleaned_data
            colleague = queries.officer_named(request.user, typed["username"])
            actions.grant_more(
                colleague, kind=typed["kind"], count=typed["count"], why=typed["why"], acting_user=request.user
            )
        except forms.REFUSALS as refused:
            forms.show_problems(form, refused)
        else:
            messages.success(request, say("当日上限已放宽，记入审计日志。", "Raised for today, and recorded."))
            return redirect("staff:grants")
    return render(request, "staff/grants.html", {"rows": rows, "form": form}, status=422 if form.errors else 200)
