"""Pages about the interface, for a hospital's staff and the bureau: messages, reconciliation, callers, replay."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from yizhan.agency.desk.tables import in_pages
from yizhan.agency.desk.words import Words
from yizhan.agency.gateway import queries
from yizhan.agency.gateway.models import PROFILES, SIGN_CHECKS, Caller, Message
from yizhan.agency.gateway.registry import TRANSACTIONS
from yizhan.agency.gateway.replaying import Replayed, replay
from yizhan.agency.gateway.tables import Messages
from yizhan.agency.staff.acts import words_of
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.pages import Request, page
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, institution_of

OUTCOMES = {"taken": Words("已办理", "taken"), "refused": Words("退回", "refused")}
STATES = {
    "none": (Words("无业务", "nothing"), "plain"),
    "open": (Words("还没有对账", "not reconciled yet"), "wait"),
    "equal": (Words("平", "equal"), "good"),
    "differs": (Words("不平", "differs"), "bad"),
}


@page(Right.MESSAGE_SEE)
def messages(request: Request) -> HttpResponse:
    """The last messages, by transaction, outcome, institution, day, number."""
    asked = {name: request.GET.get(name, "").strip()[:40] for name in ("infno", "outcome", "institution", "msgid")}
    if asked["outcome"] not in OUTCOMES:
        asked["outcome"] = ""
    on = _day(request.GET.get("on", ""))
    rows = queries.messages(**asked, on=on)
    of_hospital = institution_of(request.user) is not None
    return render(request, "gateway/messages.html", {
        "table": in_pages(request, Messages(rows, of_hospital=of_hospital)), "asked": asked, "on": on,
        "outcomes": OUTCOMES, "transactions": {k: f"{k} {t.words}" for k, t in sorted(TRANSACTIONS.items())},
        "callers": () if of_hospital else queries.callers(), "filtered": any(asked.values()) or on,
    })  # fmt: skip


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@page(Right.MESSAGE_SEE)
def message(request: Request, number: int) -> HttpResponse:
    """One message: what was asked and answered, masked; why it was refused; what it did."""
    row = queries.message(number)
    record("message.see", infno=row.infno, seen=row.pk, acting_user=request.user)
    return _message(request, row)


def _message(request: Request, row: Message, replayed: Replayed | None = None) -> HttpResponse:
    whole = queries.request_of(row)
    answer = queries.answer_of(row) if row.taken else None
    return render(request, "gateway/message.html", {
        "row": row, "name": queries.name_of(row.infno), "asked": queries.printed(whole) if whole is not None else "",
        "answer": queries.printed(answer) if answer is not None else "", "why": queries.explained(row),
        "acts": [(act, words_of(act.act)) for act in queries.trail(row)], "replayed": replayed,
        "replay_output": queries.printed(replayed.output) if replayed and not replayed.problems else "",
        "may_replay": request.user.may(Right.MESSAGE_REPLAY), "may_see_visit": request.user.may(Right.VISIT_SEE),
    })  # fmt: skip


@page(Right.MESSAGE_REPLAY, own_transaction=True)
@require_POST
def replay_message(request: Request, number: int) -> HttpResponse:
    """Carry out a message once more, roll it back, and show what was answered."""
    with acting(request.user):
        row = queries.message(number)
    found = replay(row, acting_user=request.user)
    with acting(request.user):
        return _message(request, row, found)


@page(Right.MESSAGE_SEE)
def reconciliation(request: Request) -> HttpResponse:
    """Day by day what each side has; of one day the bills that differ, and what to do about each."""
    own = institution_of(request.user)
    callers = list(queries.callers())
    code = request.GET.get("institution", "")
    chosen = next((c for c in callers if c.institution_id == own or (own is None and c.institution.code == code)), None)
    if chosen is None and own is None and callers:
        chosen = callers[0]
    context: dict[str, Any] = {"callers": () if own else callers, "chosen": chosen}
    if chosen is not None:
        context |= _of_institution(chosen.institution, _day(request.GET.get("on", "")))
    return render(request, "gateway/reconciliation.html", context)


def _of_institution(institution: Institution, on: date | None) -> dict[str, Any]:
    days = queries.days(institution, timezone.localdate())
    shown = next((day for day in days if day.on == on), None)
    found: dict[str, Any] = {
        "days": [(day, *STATES[day.state]) for day in days if day.state != "none" or day is days[0]]
    }
    if shown is not None:
        found |= {
            "day": shown, "bills": queries.bills_of(institution, shown.on, shown.on),
            "differing": queries.differing(shown.compared) if shown.compared else (),
        }  # fmt: skip
    return found


@page(Right.MESSAGE_SEE)
def callers(request: Request) -> HttpResponse:
    """Who may call: profile, age of the key, the former one while it holds, bounds."""
    now = timezone.now()
    rows = [_shown(caller, now) for caller in queries.callers()]
    return render(request, "gateway/callers.html", {"rows": rows})


OLD_KEY_DAYS = 365
"""From this age on a key is marked."""


def _shown(caller: Caller, now: Any) -> dict[str, Any]:
    age = (now - caller.keyed_at).days
    return {
        "caller": caller, "profile": PROFILES[caller.profile], "check": SIGN_CHECKS[caller.sign_check], "age": age,
        "old": caller.profile != "none" and age >= OLD_KEY_DAYS,
        "former": caller.former_until if caller.former_until and caller.former_until > now else None,
    }  # fmt: skip
