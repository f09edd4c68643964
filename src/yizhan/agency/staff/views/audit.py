"""The audit trail: who did what. For the audit administrator and auditors, of their own area."""

from __future__ import annotations

import json

import django_tables2 as tables
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.safestring import SafeString

from yizhan.agency.desk.tables import List, in_pages
from yizhan.agency.desk.templatetags.desk import instant
from yizhan.agency.desk.words import later, say
from yizhan.agency.staff import actions, forms, queries, seals
from yizhan.agency.staff.acts import words_of
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.views.searching import remembered


class Trail(List):
    """Rows of the trail, the latest first."""

    id = tables.Column(verbose_name=later("编号", "No."), orderable=False)
    at = tables.Column(verbose_name=later("时间", "When"), attrs={"td": {"class": "tight"}})
    officer_name = tables.Column(verbose_name=later("操作人", "Who"))
    source = tables.Column(verbose_name=later("来源", "From"), default="—", orderable=False)
    act = tables.Column(verbose_name=later("操作", "Act"))
    outcome = tables.Column(verbose_name=later("结果", "Outcome"))
    object_kind = tables.Column(verbose_name=later("对象", "On what"), empty_values=(), orderable=False)
    detail = tables.Column(verbose_name=later("细节", "Detail"), orderable=False)

    class Meta(List.Meta):
        empty_text = later(
            "没有符合条件的记录。放宽时间或操作人再查。", "Nothing matches. Widen the dates or the officer."
        )

    def render_at(self, record: Audit) -> str:
        """In local time."""
        return instant(record.at)

    def render_act(self, record: Audit) -> SafeString:
        """In words, with the code by which it is searched."""
        return format_html("{} <code>{}</code>", words_of(record.act), record.act)

    def render_outcome(self, record: Audit) -> SafeString:
        """As a mark."""
        done = record.outcome == "done"
        words = say("办成", "done") if done else say("拒绝", "refused")
        return format_html('<span class="mark mark-{}">{}</span>', "good" if done else "bad", words)

    def render_object_kind(self, record: Audit) -> str:
        """The thing acted upon, by its kind and number."""
        person = say("人员 {n}", "person {n}", n=record.person_id) if record.person_id else ""
        return " · ".join(filter(None, (person, f"{record.object_kind} {record.object_id}".strip()))) or "—"

    def render_detail(self, record: Audit) -> SafeString:
        """What was written down, in one line."""
        shown = "；".join(
            f"{key}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
            for key, value in record.detail.items()
        )
        return format_html('<span class="quiet">{}</span>', shown[:300])


@page(Right.AUDIT_SEE)
def audit(request: Request) -> HttpResponse:
    """The trail, filtered, with the state of its seals."""
    form = remembered(request, "audit", forms.AuditSearch)
    if request.method == "POST" and form.is_valid():
        return redirect("staff:audit")
    asked = queries.AuditFilter(**form.cleaned_data) if form.is_valid() else queries.AuditFilter()
    table = in_pages(request, Trail(queries.audit(request.user, asked)))
    context = {
        "form": form,
        "table": table,
        "acts": [(act, words_of(act)) for act in queries.acts()],
        "head": seals.head(),
    }
    return render(request, "staff/audit.html", context, status=422 if form.errors else 200)


@page(Right.AUDIT_SEE)
def head(request: Request) -> HttpResponse:
    """The head of the chain as a line of text, to print and keep elsewhere."""
    line = seals.head()
    actions.take_head(line, acting_user=request.user)
    answer = HttpResponse(line + "\n", content_type="text/plain; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="yizhan-audit-head.txt"'
    return answer
