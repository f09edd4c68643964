"""Pages of long work: what runs, how far, what came of it."""

from __future__ import annotations

import io

import django_tables2 as tables
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from yizhan.agency.desk.tables import List, in_pages
from yizhan.agency.desk.templatetags.desk import instant, state
from yizhan.agency.desk.words import later, say
from yizhan.agency.jobs import actions, queries
from yizhan.agency.jobs.models import Run
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right


class Runs(List):
    """Runs, latest first."""

    id = tables.Column(verbose_name=later("编号", "No."))
    title = tables.Column(verbose_name=later("任务", "Work"), order_by="kind", empty_values=())
    officer = tables.Column(verbose_name=later("发起人", "Started by"), default="—", accessor="officer__name")
    created_at = tables.Column(verbose_name=later("发起时间", "Started"))
    state = tables.Column(verbose_name=later("状态", "State"))
    position = tables.Column(verbose_name=later("进度", "Progress"), orderable=False)

    class Meta(List.Meta):
        empty_text = later(
            "还没有后台任务。导入、比对、导出时会出现在这里。",
            "No runs yet. Imports, comparisons and exports appear here.",
        )

    def render_title(self, record: Run) -> str:
        """A link to the run."""
        return format_html('<a href="{}">{}</a>', reverse("jobs:run", args=[record.pk]), record.title)

    def render_created_at(self, record: Run) -> str:
        """When it was started."""
        return instant(record.created_at)

    def render_state(self, record: Run) -> str:
        """The state as a mark."""
        return state(record.shown_state)

    def render_position(self, record: Run) -> str:
        """A bar."""
        return format_html('<progress max="100" value="{0}">{0}%</progress>', record.percent)


@page(Right.JOB_SEE)
def runs(request: Request) -> HttpResponse:
    """All runs of the area."""
    return render(request, "jobs/runs.html", {"table": in_pages(request, Runs(queries.runs()))})


@page(Right.JOB_SEE)
def run(request: Request, number: int) -> HttpResponse:
    """One run; while it works, its part of the page asks again every second."""
    found = queries.run(number)
    part = "jobs/progress.html" if request.headers.get("HX-Request") else "jobs/run.html"
    return render(request, part, {"run": found, "next": next_page(found)})


def next_page(run: Run) -> str:
    """Where the officer goes on when the work is done, as its work has left it in the result; "" otherwise."""
    return str(run.result.get("next", "")) if run.state == "done" else ""


@page(Right.JOB_SEE)
@require_POST
def cancel(request: Request, number: int) -> HttpResponse:
    """Ask a run to stop."""
    actions.cancel(queries.run(number), acting_user=request.user)
    return redirect("jobs:run", number=number)


@page(Right.JOB_SEE)
def download(request: Request, number: int) -> FileResponse:
    """The file that a run made; only for who started it."""
    found, content = queries.file_of(number, request.user)
    record("run.download", found, file=found.file_name, acting_user=request.user)
    return FileResponse(io.BytesIO(content), as_attachment=True, filename=found.file_name or say("结果", "result"))
