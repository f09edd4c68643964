"""What several pages of settled bills have in common: words of layers and identities, columns, the form of a decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import django_tables2 as tables
from django import forms
from django.utils.safestring import SafeString

from yizhan.agency.care.effects import Effects, carried_out
from yizhan.agency.care.models import Settlement, Visit
from yizhan.agency.desk.templatetags.desk import state as state_mark
from yizhan.agency.desk.words import lang, later, say
from yizhan.agency.enrolment.years import scheme_at
from yizhan.agency.people.models import Person
from yizhan.agency.people.queries import shown_name
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.ceilings import use
from yizhan.agency.staff.pages import Request
from yizhan.engine.facts import FACTS
from yizhan.errors import InputProblem, Problems

Refusal = (Problems, InputProblem)


def opened(request: Request, what: Visit | Settlement) -> None:
    """Count and record that somebody looks at what a patient was treated for and what it cost. Raises OverCeiling."""
    use("bill_page", acting_user=request.user)
    act = "settlement.see" if isinstance(what, Settlement) else "visit.see"
    record(act, what, person_id=what.person_id, acting_user=request.user)


def identity_words(codes: Iterable[str]) -> str:
    """特困、低保; a dash for none."""
    return say("、", ", ").join(FACTS["identity"].word(code, lang()) for code in codes) or "—"


def layer_words(key: str | tuple[str, str], area_path: str) -> str:
    """A layer and who pays it, in the language of the request, as the area's documents name them. `key`: "layer payer"."""
    layer, payer = key if isinstance(key, tuple) else key.split(" ", 1)
    try:
        scheme = scheme_at(area_path)
    except Problems:
        return f"{layer} · {payer}"
    english = {known.name: known.en for known in scheme.layers}
    return f"{say(layer, english.get(layer, layer))} · {scheme.word(payer, lang())}"


class ToBeSeen(Exception):
    """Nothing was done: what it would come to has to be looked at first."""

    def __init__(self, effects: Effects) -> None:
        super().__init__()
        self.effects = effects


def once_seen(request: Request, act: Callable[[], Sequence[Settlement]]) -> None:
    """Change a settled visit as the page last showed it. Raises ToBeSeen where it comes to something else, or was not shown."""
    found, done = carried_out(act, seen=request.POST.get("seen", ""), acting_user=request.user)
    if found is not None and not done:
        raise ToBeSeen(found)


def shown_effects(found: Effects) -> dict[str, Any]:
    """The effects as `care/effects.html` shows them."""
    bills = [
        {
            "number": b.old.visit.number, "where": b.old.visit.where, "discharged_on": b.old.discharged_on, "asked": b.asked,
            "total": b.old.total_fen, "total_now": b.total_now or 0, "patient": b.old.patient_fen, "patient_now": b.patient_now or 0,
            "payers": [(layer_words(key, b.old.area_path), was, now) for key, (was, now) in b.payers.items()],
        }
        for b in found.bills
    ]  # fmt: skip
    return {"bills": bills, "elsewhere": found.elsewhere, "later": found.later, "token": found.token}


def kept(person: Person) -> Person:
    """Who stands for a person whose record was merged."""
    return person.merged_into or person


class StateColumn(tables.Column):
    """A coloured mark of anything with `shown_state`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(verbose_name=later("状态", "State"), accessor="shown_state", order_by=("state",), **options)

    def render(self, value: Any) -> SafeString:
        """A mark."""
        return state_mark(value)


class NameColumn(tables.Column):
    """A person's name as the officer may see it. `accessor` names the person."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            verbose_name=later("姓名", "Name"),
            order_by=("person__name_key",),
            attrs={"td": {"class": "name"}},
            **options,
        )

    def render(self, value: Person, table: tables.Table) -> str:
        """The name."""
        return shown_name(kept(value), table.request.user)


class DecideForm(forms.Form):
    """Yes or no, and why."""

    decision = forms.ChoiceField(label=later("决定", "Decision"), widget=forms.RadioSelect)
    why = forms.CharField(label=later("意见", "Reason"), max_length=200)

    def __init__(self, data: Any, choices: Iterable[tuple[str, str]], **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["decision"].choices = list(choices)  # type: ignore[attr-defined]
