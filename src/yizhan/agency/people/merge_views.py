"""Pages of merging: who is proposed to be one with whom, side by side; the decision; undoing it."""

from __future__ import annotations

import django_tables2 as tables
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from yizhan.agency.desk.tables import List, in_pages
from yizhan.agency.desk.templatetags.desk import instant
from yizhan.agency.desk.words import Words, later, say
from yizhan.agency.people import merging, queries
from yizhan.agency.people.forms import MergeForm, WhyForm
from yizhan.agency.people.models import Merge, Person
from yizhan.agency.people.views import answered
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right


class Merges(List):
    """Merges, latest first."""

    kept = tables.Column(verbose_name=later("保留", "Kept"), orderable=False)
    dropped = tables.Column(verbose_name=later("并入", "Merged into it"), orderable=False)
    proposed_by = tables.Column(verbose_name=later("申请人", "Proposed by"), orderable=False)
    proposed_at = tables.Column(verbose_name=later("申请时间", "Proposed"))
    decided_by = tables.Column(verbose_name=later("复核人", "Decided by"), orderable=False, default="—")
    state = tables.Column(verbose_name=later("状态", "State"))

    class Meta(List.Meta):
        empty_text = later(
            "没有合并申请。发现同一个人登记了两次时，在其中一人的页面上提出。",
            "No merges. Where one human being is registered twice, propose it on the page of one of the two.",
        )

    def told(self, officer: Officer) -> Merges:
        """With names masked as this officer needs."""
        self.officer = officer
        return self

    def render_kept(self, record: Merge) -> str:
        """A link to the merge."""
        return format_html(
            '<a href="{}">{}</a> {}',
            reverse("people:merge", args=[record.pk]),
            self._name(record.kept),
            record.kept.number,
        )

    def render_dropped(self, record: Merge) -> str:
        """Name and number."""
        return f"{self._name(record.dropped)} {record.dropped.number}"

    def _name(self, person: Person) -> str:
        return queries.shown_name(person, self.officer)

    def render_proposed_at(self, record: Merge) -> str:
        """To the minute."""
        return instant(record.proposed_at)

    def render_state(self, record: Merge) -> str:
        """A coloured mark."""
        words, tone = Merge.STATES[record.state]
        return format_html('<span class="mark mark-{}">{}</span>', tone, words)


@page(Right.PERSON_SEE)
def merges(request: Request) -> HttpResponse:
    """All merges of the area."""
    table = in_pages(request, Merges(queries.merges(request.user))).told(request.user)
    return render(request, "people/merges.html", {"table": table})


@page(Right.PERSON_MERGE)
def propose(request: Request, number: str) -> HttpResponse:
    """Propose that another record is the same person."""
    kept = queries.person(number, request.user)
    form = MergeForm(request.POST or None)

    def act() -> tuple[str, str]:
        dropped = queries.person(form.cleaned_data["number"], request.user)
        merge = merging.propose_merge(kept, dropped=dropped, why=form.cleaned_data["why"], acting_user=request.user)
        return reverse("people:merge", args=[merge.pk]), say("已提出，等待复核。", "Proposed; it waits for review.")

    return answered(
        request,
        form,
        act,
        heading=Words("合并重复人员", "Merge a duplicate"),
        about=kept,
        button=Words("提请复核", "Send for review"),
    )


@page(Right.PERSON_SEE)
def merge(request: Request, key: int) -> HttpResponse:
    """Two records side by side."""
    found, officer = queries.merge(key, request.user), request.user
    today = timezone.localdate()
    areas = queries.area_names([found.kept.area_path, found.dropped.area_path])
    sides = [
        {
            "person": person, "name": queries.shown_name(person, officer, today), "area": areas[person.area_path],
            "age": person.age_on(today), "marks": [m for m in queries.marks_of(person) if m.withdrawn_at is None],
            "account": queries.account_of(person), "household": queries.membership_of(person, today),
        }
        for person in (found.kept, found.dropped)
    ]  # fmt: skip
    decider = officer.may(Right.PERSON_MERGE_DECIDE)
    words, tone = Merge.STATES[found.state]
    context = {
        "merge": found, "kept": sides[0], "dropped": sides[1], "state_words": words, "state_tone": tone, "form": WhyForm(),
        "may_decide": decider and found.state == "proposed" and found.proposed_by_id != officer.pk,
        "own": found.state == "proposed" and found.proposed_by_id == officer.pk,
        "may_undo": decider and found.state == "merged",
    }  # fmt: skip
    return render(request, "people/merge.html", context)


@page(Right.PERSON_MERGE_DECIDE)
@require_POST
def decide(request: Request, key: int) -> HttpResponse:
    """Merge, or refuse to."""
    accept = request.POST.get("decision") == "merge"
    found = merging.decide_merge(queries.merge(key, request.user), accept=accept, acting_user=request.user)
    messages.success(request, say("已合并。", "Merged.") if accept else say("已退回。", "Refused."))
    return redirect("people:merge", key=found.pk)


@page(Right.PERSON_MERGE_DECIDE)
@require_POST
def undo(request: Request, key: int) -> HttpResponse:
    """Make two of one again."""
    found = merging.undo_merge(
        queries.merge(key, request.user), why=request.POST.get("why", ""), acting_user=request.user
    )
    messages.success(request, say("合并已撤销。", "The merge is undone."))
    return redirect("people:merge", key=found.pk)
