"""What changing a settled bill comes to, for every bill that it touches: shown before it is confirmed.

A correction or a return is shown by carrying it out and taking it back, in one transaction: so what is shown is what comes,
by the same code, and nothing of it stays, neither rows nor bookings nor the trail. A reversal is only planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from yizhan.agency import crypto
from yizhan.agency.care.booking import Paid
from yizhan.agency.care.models import Settlement, Visit
from yizhan.agency.care.rewriting import REVERSE, holding, live_of, payments_of, place, plan
from yizhan.agency.care.settling import read_visit
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.scope import acting, institution_of

Layer = tuple[str, str]
"""A layer and who pays it."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One bill before and after, in fen. `total_now` and `patient_now` are None where it is taken back whole.

    `payers`: (layer, payer) → what it paid and what it would pay.
    """

    old: Settlement
    asked: bool
    total_now: int | None
    patient_now: int | None
    payers: Mapping[Layer, tuple[int, int]]

    @property
    def figures(self) -> str:
        """All amounts, as a text that is the same for the same effect."""
        paid = sorted(f"{layer} {payer} {now}" for (layer, payer), (_, now) in self.payers.items())
        return f"{self.old.pk} {self.total_now} {self.patient_now} {paid}"


@dataclass(frozen=True, slots=True)
class Effects:
    """The bills that a change touches, as an officer may see them; `elsewhere` are further ones of other institutions.

    `later`: bills of the person that stand after this one in the year, so that it would come after them if it were settled again.
    """

    bills: tuple[Effect, ...]
    elsewhere: int = 0
    later: int = 0

    @property
    def token(self) -> str:
        """What a page sends back to say that this is what was looked at."""
        return crypto.digest("\n".join([*(b.figures for b in self.bills), str(self.elsewhere)]).encode()).hex()


def reversal(found: Visit, *, acting_user: Officer) -> Effects:
    """What reversing a settled visit comes to. Writes nothing. Raises NotFound, NotSettled, Problems."""
    with acting(acting_user, across_institutions=True):
        visit = read_visit(found.pk, acting_user=acting_user)
        live = live_of(visit, act=("撤销", "reversed"))
        rows = [
            _effect(p.old, p.old_payments, p.payments, asked=p.old.pk == live.pk)
            if p.answered is None
            else _effect(
                p.old, p.old_payments, p.payments, asked=False, total=p.old.total_fen, patient=p.answered.outcome.patient_share
            )
            for p in plan(visit.persons, {live.pk: REVERSE})
        ]  # fmt: skip
        later = sum(place(row) > place(live) for row in holding(visit.persons))
    return _shown(rows, later, acting_user)


def carried_out(
    act: Callable[[], Sequence[Settlement]], *, seen: str, acting_user: Officer
) -> tuple[Effects | None, bool]:
    """Do what changes a settled visit, if it comes to what was `seen`; else take it back whole, to be looked at first.

    Returns what it comes to, None where no settlement is touched, and whether it was done. Raises what the act raises.
    """
    with acting(acting_user, across_institutions=True), transaction.atomic():
        written = act()
        found = _shown(_written(written), 0, acting_user) if written else None
        done = found is None or found.token == seen
        if not done:
            transaction.set_rollback(True)
    return found, done


def _written(rows: Sequence[Settlement]) -> list[Effect]:
    """The effects of rows that stand written: of every chain, the row before the first and the last of them."""
    numbers = {row.pk for row in rows}
    first = {row.visit_id: row for row in reversed(rows) if row.replaces_id not in numbers}
    last = {row.visit_id: row for row in rows}
    old = Settlement.objects.select_related("visit", "institution").in_bulk([row.replaces_id for row in first.values()])
    paid = payments_of([*old.values(), *last.values()])
    found = []
    for visit_id, begin in first.items():
        before, now = old[begin.replaces_id], last[visit_id]
        kept = {} if now.kind == "reversed" else {"total": now.total_fen, "patient": now.patient_fen}
        found.append(_effect(before, paid[before.pk], paid[now.pk], asked=begin.kind != "replayed", **kept))
    return found


def _effect(
    old: Settlement,
    before: Iterable[Paid],
    after: Iterable[Paid],
    *,
    asked: bool,
    total: int | None = None,
    patient: int | None = None,
) -> Effect:
    payers: dict[Layer, tuple[int, int]] = {}
    for k, payments in enumerate((before, after)):
        for p in payments:
            was, now = payers.get((p.layer, p.payer), (0, 0))
            payers[p.layer, p.payer] = (was, now + p.amount) if k else (was + p.amount, now)
    return Effect(old, asked, total, patient, payers)


def _shown(rows: Sequence[Effect], later: int, officer: Officer) -> Effects:
    """Where else somebody was treated is not told to a hospital: only that bills of others follow."""
    own = institution_of(officer)
    mine = tuple(row for row in rows if own is None or row.old.institution_id == own)
    return Effects(tuple(sorted(mine, key=lambda row: not row.asked)), len(rows) - len(mine), later)
