"""The steps by which one layer pays: the heart of the engine, written once.

A layer is settled by four functions, in this order:

    base_of        what the layer draws on
    pay_layer      deductible, formula, floor, ceilings: what it pays, with every intermediate figure
    draw           empties the pots by what was paid
    (year sums)    `record_layer` adds to the year

They are ordinary Python on whole numbers, so one bill is settled by calling them. `engine.kernel` reads the source of the
same functions and makes one loop over millions of bills of it: figures become columns of an array, and what a scheme
does not use falls away. Both therefore give the same fen, by construction. That is why these functions keep to a few
forms: whole numbers, `if`, `min`, `max`, `half_up`, loops over a fixed range, and one `return` at the end.

`f` is a row of finished figures, `year` the sums of the year so far, `left` what earlier layers left in each pot,
`parts` the parts of the in-scope rest that a later layer may leave out, `paid` what each earlier layer paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from yizhan.engine.money import NO_LIMIT, RATIO_ONE, half_up

DEDUCTIBLE_PART, OVER_CEILING_PART, SET_ASIDE_PART, PENALTY_PART = range(4)
"""Parts of the in-scope rest: 起付部分 超封顶部分 转外自付部分 降比部分."""

RATIO, CUMULATIVE, TOP_UP, OWN_CAP = range(4)
"""Formulas: 比例/分段 per bill or per month/year, 补足到, 个人年度自付上限."""

NEW_ONLY, DUE_LESS_PAID = 0, 1
"""How a cumulative layer treats a change of rate or identity: 只管新增, 应付减已付."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The finished figures of one layer for one combination of facts: a row of integers.

    Amounts are fen, ratios ten-thousandths. A slot is an index into the year's sums, -1 for none; a monthly sum has
    twelve slots in a row. The defaults are neutral: they change nothing.
    """

    weight: tuple[int, ...] = (0, 0, 0, 0)
    charge: tuple[int, ...] = (0, 0, 0, 0)
    by_charge: int = 0
    leaves_out: tuple[int, ...] = (0, 0, 0, 0)
    aside: int = 0
    barred: int = 0
    requires: tuple[int, ...] = ()

    deductible: int = 0
    deductible_per_day: int = 0
    deductible_share: int = 0
    deductible_of: int = 0
    deductible_unit: int = 1
    nth: tuple[int, ...] = (RATIO_ONE, RATIO_ONE, RATIO_ONE)
    nth_fixed: tuple[int, ...] = (-1, -1, -1)
    nth_scope: int = 0
    nth_less: int = 0
    nth_least: int = 0
    chained: int = 0
    deductible_annual: int = NO_LIMIT

    cost_single: int = NO_LIMIT
    cost_annual: int = NO_LIMIT
    formula: int = RATIO
    on_total: int = 0
    due_less_paid: int = 0
    bands: tuple[tuple[int, int, int], ...] = ()
    top_up: int = 0
    top_up_of: int = 0
    counts: tuple[int, ...] = ()
    own_cap: int = NO_LIMIT
    floor: int = 0

    single: int = NO_LIMIT
    single_per_day: int = 0
    single_share: int = 0
    single_of: int = 0
    annual: int = NO_LIMIT
    monthly: int = NO_LIMIT
    account_cap: tuple[int, ...] = ()
    account_slot: tuple[int, ...] = ()
    account_monthly: tuple[int, ...] = ()

    base_slot: int = -1
    paid_slot: int = -1
    sums_monthly: int = 0
    annual_slot: int = -1
    month_paid_slot: int = -1
    deductible_slot: int = -1
    chain_slot: int = -1
    stay: int = 0
    parts_from: int = 0

    share: tuple[int, ...] = (RATIO_ONE,)
    held: int = 0


class Bill(NamedTuple):
    """What the steps need to know of a bill besides its pots, in fen and whole numbers.

    `stays` are the earlier stays of the year, counted 不分级, 同级, 同院, 同病种; `linked` says that the stay continues one.
    """

    total: int
    in_scope: int
    days: int
    month: int
    linked: int
    stays: tuple[int, int, int, int]
    charges: tuple[int, int, int, int]
    ceiling: int


class LayerRun(NamedTuple):
    """Every figure that arose while a layer was settled, in fen, in the order in which it arose."""

    base: int
    aside: int
    counted: int
    base_before: int
    deductible: int
    before: int
    due: int
    raw: int
    allowed: int
    room: int
    over: int
    pay: int


def banded(f: Figures, amount: int, deductible: int) -> int:
    """Sum over the bands of (cost inside the band × ratio), rounded once."""
    total = 0
    for k in range(len(f.bands)):
        if f.on_total == 1:
            total += max(0, min(f.bands[k][1], amount) - max(f.bands[k][0], deductible)) * f.bands[k][2]
        else:
            total += max(0, min(f.bands[k][1], amount - deductible) - f.bands[k][0]) * f.bands[k][2]
    return half_up(total, RATIO_ONE)


def base_of(f: Figures, bill: Bill, left: Sequence[int], parts: Sequence[int]) -> int:
    """BASE: what earlier layers left in the pots that this layer draws on, less the parts it leaves out.

    A part is subtracted in full although earlier layers may have paid into it: following it pro rata would need a
    second rounding. Hence the clamp at zero.
    """
    base = 0
    for p in range(4):
        base += left[p] if f.weight[p] == RATIO_ONE else half_up(left[p] * f.weight[p], RATIO_ONE)
    if f.by_charge == 1:
        charged = 0
        for k in range(4):
            charged += bill.charges[k] * f.charge[k]
        base = min(base, charged)
    for q in range(4):
        base -= parts[q] * f.leaves_out[q]
    return max(0, base)


def deductible_of(f: Figures, bill: Bill, year: Sequence[int]) -> int:
    """DEDUCTIBLE: the figure, then what a linked or a further stay makes of it, then the year's ceiling on the sum.

    `chained` is 1 for a stay that continues another after a referral, 2 for the part of a stay after the year's end: that
    part is counted already, so its number is still that of the stay, and only a sum that is due once has been charged before.
    """
    deductible = f.deductible + f.deductible_per_day * bill.days
    if f.deductible_share > 0:
        share_base = bill.in_scope if f.deductible_of == 1 else bill.total
        deductible += half_up(share_base * f.deductible_share, RATIO_ONE)
    if f.chained != 1:
        nth = bill.stays[0]
        if f.nth_scope == 1:
            nth = bill.stays[1]
        if f.nth_scope == 2:
            nth = bill.stays[2]
        if f.nth_scope == 3:
            nth = bill.stays[3]
        if f.chained == 2:
            nth = max(0, nth - 1)
        factor = f.nth[2] if nth >= 3 else f.nth[1] if nth == 2 else f.nth[0] if nth == 1 else RATIO_ONE
        if factor != RATIO_ONE:
            deductible = half_up(deductible * factor, RATIO_ONE * f.deductible_unit) * f.deductible_unit
        fixed = f.nth_fixed[2] if nth >= 3 else f.nth_fixed[1] if nth == 2 else f.nth_fixed[0] if nth == 1 else -1
        if fixed >= 0:
            deductible = fixed
        if f.nth_less > 0:
            deductible = max(min(deductible, f.nth_least), deductible - f.nth_less * nth)
    if f.chained == 1:
        deductible = max(0, deductible - year[f.chain_slot])
    if f.chained == 2 and f.deductible_per_day == 0 and f.deductible_share == 0:
        deductible = max(0, deductible - year[f.chain_slot])
    if f.deductible_annual < NO_LIMIT:
        deductible = min(deductible, max(0, f.deductible_annual - year[f.deductible_slot]))
    return deductible


def pay_layer(
    f: Figures, bill: Bill, year: Sequence[int], gross: int, left: Sequence[int], paid: Sequence[int], paid_sum: int
) -> LayerRun:
    """What the layer pays of `gross`, its base: set aside, deductible, cost ceilings, formula, floor, ceilings, room."""
    aside = half_up(gross * f.aside, RATIO_ONE)
    base = gross - aside
    room = 0
    for p in range(4):
        room += left[p] if f.weight[p] > 0 else 0
    room = min(room, bill.ceiling - paid_sum)

    blocked = f.barred
    for j in range(len(f.requires)):
        blocked = 1 if f.requires[j] == 1 and paid[j] == 0 else blocked

    month = bill.month * f.sums_monthly
    base_before = year[f.base_slot + month] if f.base_slot >= 0 else 0
    paid_before = year[f.paid_slot + month] if f.paid_slot >= 0 else 0
    counted = 0
    if blocked == 0:
        counted = max(0, min(base, f.cost_single, f.cost_annual - base_before))
    over = base - counted if blocked == 0 else 0

    deductible = 0
    before = 0
    due = 0
    raw = 0
    if f.formula == RATIO:
        deductible = deductible_of(f, bill, year)
        deductible = min(deductible, counted)
        due = banded(f, counted, deductible)
        raw = due
    if f.formula == CUMULATIVE:
        full = f.deductible
        deductible = min(full, base_before + counted) - min(full, base_before)
        before = banded(f, base_before, full)
        if f.due_less_paid == 1:
            before = paid_before
        due = banded(f, base_before + counted, full)
        raw = max(0, due - before)
    if f.formula == TOP_UP:
        due = half_up((bill.in_scope if f.top_up_of == 1 else bill.total) * f.top_up, RATIO_ONE)
        for j in range(len(f.counts)):
            before += paid[j] * f.counts[j]
        raw = max(0, due - before)
    if f.formula == OWN_CAP:
        before = max(0, base_before - paid_before)
        due = before + counted
        raw = max(0, due - f.own_cap)
    if f.floor > 0:
        raw = max(raw, half_up(counted * f.floor, RATIO_ONE))
    if blocked == 1:
        raw = 0

    allowed = f.single
    if f.single_per_day > 0:
        allowed = min(allowed, f.single_per_day * bill.days)
    if f.single_share > 0:
        single_base = bill.in_scope if f.single_of == 1 else bill.total
        allowed = min(allowed, half_up(single_base * f.single_share, RATIO_ONE))
    if f.annual < NO_LIMIT:
        allowed = min(allowed, f.annual - year[f.annual_slot])
    if f.monthly < NO_LIMIT:
        allowed = min(allowed, f.monthly - year[f.month_paid_slot + bill.month])
    for k in range(len(f.account_cap)):
        if f.account_cap[k] < NO_LIMIT:
            allowed = min(allowed, f.account_cap[k] - year[f.account_slot[k] + bill.month * f.account_monthly[k]])
    allowed = max(0, allowed)
    over += max(0, raw - allowed)
    pay = max(0, min(raw, allowed, room))
    return LayerRun(gross, aside, counted, base_before, deductible, before, due, raw, allowed, room, over, pay)


def draw(f: Figures, left: list[int], order: Sequence[int], pay: int) -> int:
    """Empty the pots by what was paid, in the layer's order. Returns what could not be drawn: always 0."""
    rest = pay
    for k in range(4):
        if f.weight[order[k]] > 0:
            taken = min(left[order[k]], rest)
            left[order[k]] -= taken
            rest -= taken
    return rest


def record_layer(f: Figures, bill: Bill, year: list[int], run: LayerRun, pay: int, deductible: int) -> None:
    """Add what the layer counted, charged and paid to the year's sums."""
    month = bill.month * f.sums_monthly
    if f.base_slot >= 0:
        year[f.base_slot + month] += run.counted
    if f.paid_slot >= 0:
        year[f.paid_slot + month] += pay
    if f.annual_slot >= 0 and f.annual_slot != f.paid_slot:
        year[f.annual_slot] += pay
    if f.month_paid_slot >= 0:
        year[f.month_paid_slot + bill.month] += pay
    if f.deductible_slot >= 0 and f.deductible_annual < NO_LIMIT:
        year[f.deductible_slot] += deductible
    if f.chain_slot >= 0 and f.stay == 1:
        year[f.chain_slot] = deductible + (year[f.chain_slot] if bill.linked == 1 else 0)
    for k in range(len(f.account_cap)):
        if f.account_cap[k] < NO_LIMIT:
            year[f.account_slot[k] + bill.month * f.account_monthly[k]] += pay


def split(f: Figures, pay: int) -> list[int]:
    """What each payer of the layer bears: shares rounded half up, the last that has a share takes the rest."""
    amounts = [0] * len(f.share)
    rest = pay
    last = max(k for k in range(len(f.share)) if f.share[k] > 0)
    for k in range(last):
        amounts[k] = half_up(pay * f.share[k], RATIO_ONE)
        rest -= amounts[k]
    amounts[last] = rest
    return amounts
