"""One loop over millions of bills, written for one scheme's structure from the specialised steps of `engine.kernel`.

The loop has no objects: Numba compiles it. Its figures stay in arrays, so a reform is other arrays and costs no compilation;
the same structure always makes the same source, and compiled code is kept under the source's hash. Because one bill and
millions are settled by one source, both get the same fen; tests and every batch compare them all the same.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from yizhan.engine.facts import CHARGES
from yizhan.engine.kernel import Inline, LayerPlan, assigned
from yizhan.engine.money import NO_LIMIT, RATIO_ONE
from yizhan.engine.steps import PENALTY_PART, LayerRun


@dataclass(frozen=True)
class Structure:
    """What decides the source of a loop: the layers' plans and which columns of a bill they need."""

    plans: tuple[LayerPlan | None, ...]
    slots: int
    month_own_slot: int
    chain_slots: tuple[int, ...]
    ceilings: bool
    best_of: bool
    sums_only: bool
    over: bool = False

    @property
    def active(self) -> tuple[int, ...]:
        """The layers that can pay anything."""
        return tuple(j for j, plan in enumerate(self.plans) if plan is not None and not plan.barred_only)

    @property
    def counts_stays(self) -> bool:
        """Whether some deductible depends on how many stays came before."""
        plans = [p.constants for p in self.plans if p is not None]
        neutral = {
            "nth_less": 0,
            **{f"nth.{k}": RATIO_ONE for k in range(3)},
            **{f"nth_fixed.{k}": -1 for k in range(3)},
        }
        return any(c.get(path) != value for c in plans for path, value in neutral.items())

    @property
    def penalty_part(self) -> bool:
        """Whether some layer leaves out the part that penalties took (降比部分)."""
        return any(p is not None and p.constants.get(f"leaves_out.{PENALTY_PART}") != 0 for p in self.plans)

    @property
    def outputs(self) -> tuple[tuple[int, str], ...]:
        """The columns that the loop writes: (layer, what), where `what` is a word of OUTPUTS or `payer.k`."""
        return tuple((j, what) for j in self.active for what in _outputs_of(self.plans[j], self.over))

    @cached_property
    def source(self) -> str:
        """The loop as Python source. The same structure always gives the same source."""
        return _write_loop(self)


OUTPUTS = ("pay", "tilt", "penalty", "deductible", "held", "over")
"""What the loop may write for each layer, in fen, beside each payer's part. `over` is what ceilings cut off, if asked for."""


def _outputs_of(plan: LayerPlan | None, over: bool) -> list[str]:
    assert plan is not None
    wanted = {"pay": True, "tilt": plan.tilts, "penalty": plan.penalties, "deductible": plan.constants.get("parts_from") != 0,
              "held": plan.constants.get("held") != 0, "over": over}  # fmt: skip
    payers = [f"payer.{k}" for k in range(plan.payers)] if plan.payers > 1 else []
    return [what for what in OUTPUTS if wanted[what]] + payers


def _lines(body: Sequence[ast.stmt], indent: int) -> list[str]:
    module = ast.fix_missing_locations(ast.Module(list(body), []))
    text = ast.unparse(module)
    return [" " * indent + line for line in text.splitlines()]


def _write_loop(s: Structure) -> str:
    twins: list[str] = []
    pad = 12 if s.best_of else 8
    layers = [line for j in s.active for line in _write_layer(s, j, pad, twins)]
    used = "\n".join([*layers, *twins])
    return "\n".join([
        *_write_head(s, twins),
        *_write_opening(s),
        *(_BEST_OF if s.best_of else ["        c = combo[i]"]),
        *[" " * pad + line for line in _write_bill(s, used)],
        *layers,
        *[" " * pad + line for line in _CONSERVED],
        *_write_closing(s),
        "    return -1",
        "",
    ])  # fmt: skip


def _write_head(s: Structure, twins: Sequence[str]) -> list[str]:
    """Imports, the functions of the twins, and the loop's signature.

    `half_up` is written without signs, which is a quarter faster: no numerator is negative, and every denominator in the
    steps is a multiple of RATIO_ONE, hence even, so that (n + m/2) // m rounds half up exactly as `money.half_up` does.
    """
    lines = [
        '"""Written by yizhan.engine.loop from yizhan.engine.steps. Do not edit."""',
        "import numba", "from numba import int64, uint64", "",
        "@numba.njit(inline='always')", "def half_up(n, m):", "    return int64(uint64(n + (m >> 1)) // uint64(m))", "",
        *twins,
        "@numba.njit(nogil=True, cache=True, error_model='numpy')",
        "def loop(first, last, combo, alt_first, alt_count, alternatives, opens, pots, month, days, linked, stays, charges,",
        "         rows, ceil_ratio, ceil_of, tables, normals, wholes, tilted, penalised, year, scratch, group,",
        "         out, patient, sums):",
    ]  # fmt: skip
    for j in s.active:
        lines += [f"    F{j} = tables[{j}]", f"    N{j} = normals[{j}]", f"    U{j} = wholes[{j}]"]
        lines += [f"    T{j} = tilted[{j}]", f"    P{j} = penalised[{j}]"]
    return lines


def _write_opening(s: Structure) -> list[str]:
    """Per bill: a person or year that opens clears the sums; what a linked or cut stay carries outlives the year."""
    kept = " or ".join(f"k == {slot}" for slot in s.chain_slots) or "False"
    lines = [
        "    for i in range(first, last):",
        "        if opens[i] > 0:",
        "            for k in range(year.shape[0]):",
        f"                if opens[i] == 1 or not ({kept}):",
        "                    year[k] = 0",
    ]
    if s.month_own_slot >= 0:
        lines.append(f"        year[{s.month_own_slot} + month[i]] += pots[3, i]")
    return lines


_BEST_OF = [
    "        least = int64(-1)",
    "        best = int64(0)",
    "        real = year",
    "        attempts = alt_count[combo[i]] + 1 if alt_count[combo[i]] > 1 else 1",
    "        for attempt in range(attempts):",
    "            if attempt + 1 < attempts:",
    "                scratch[:] = real",
    "                year = scratch",
    "                c = alternatives[alt_first[combo[i]] + attempt]",
    "            else:",
    "                year = real",
    "                c = alternatives[alt_first[combo[i]] + best] if attempts > 1 else combo[i]",
]
"""最有利: try each identity on a copy of the year, then settle the bill with the best of them."""

_CONSERVED = [
    "rest = left0 + left1 + left2 + left3",
    "if rest + paid_sum != bill_total or left0 < 0 or left1 < 0 or left2 < 0 or left3 < 0:",
    "    return i",
]
"""Payments + patient = bill, or the loop stops and names the row."""


def _write_bill(s: Structure, used: str) -> list[str]:
    """What the layers need of a bill, in local variables; only what `used` mentions."""
    lines = [f"left{p} = pots[{p}, i]" for p in range(4)]
    lines.append("bill_total = left0 + left1 + left2 + left3")
    if "bill_in_scope" in used or s.ceilings:
        lines.append("bill_in_scope = left0")
    lines += [f"bill_{name} = int64({name}[i])" for name in ("month", "days", "linked") if f"bill_{name}" in used]
    stays = "int64(stays[{}, i])" if s.counts_stays else "int64(0)"  # the array is empty where nothing counts them
    lines += [f"bill_stays{k} = {stays.format(k)}" for k in range(4) if f"bill_stays{k}" in used]
    charge = "charges[{}, min(i, charges.shape[1] - 1)]"  # one column of zeros where the table names no charges
    lines += [f"bill_charges{k} = {charge.format(k)}" for k in range(len(CHARGES)) if f"bill_charges{k}" in used]
    lines += [f"parts{q} = int64(0)" for q in range(4)]
    lines += [f"paid{j} = int64(0)" for j in range(len(s.plans))]
    lines += ["paid_sum = int64(0)", f"bill_ceiling = int64({NO_LIMIT})"]
    if s.ceilings:
        share = f"half_up((bill_in_scope if ceil_of[c] == 1 else bill_total) * ceil_ratio[c], {RATIO_ONE})"
        lines += ["if ceil_ratio[c] >= 0:", f"    bill_ceiling = {share}"]
    return lines


def _write_closing(s: Structure) -> list[str]:
    """What is left to the patient, by pot; and under 最有利 which attempt was the best so far."""
    lines = []
    if s.best_of:
        lines += [
            "            if attempt + 1 < attempts and (least < 0 or rest < least):",
            "                least = rest",
            "                best = attempt",
        ]
    if s.sums_only:
        n = len(s.active)
        lines += [f"        sums[group[i], {n + p}] += left{p}" for p in range(4)]
        return [*lines, f"        sums[group[i], {n + 4}] += 1"]
    return [*lines, *[f"        patient[{p}, i] = left{p}" for p in range(4)]]


def _write_layer(s: Structure, j: int, pad: int, twins: list[str]) -> list[str]:
    """One layer of one bill: its row, its steps in line, its twins, its sums, and what it writes."""
    plan = s.plans[j]
    assert plan is not None
    inline = Inline(plan, f"F{j}", "r", f"a{j}_")
    base_body, base_value = inline.call("base_of", {})
    assert base_value is not None
    inner = [*_lines(base_body, 0), f"gross = {ast.unparse(base_value)}", *_write_offset(s, plan)]
    pay_body, run = inline.call("pay_layer", {"gross": "gross"})
    assert isinstance(run, ast.Call)
    result = dict(zip(LayerRun._fields, (ast.unparse(a) for a in run.args), strict=True))
    inner += [*_lines(pay_body, 0), f"pay = {result['pay']}", *_write_twins(s, j, plan, result, twins)]
    inner += _write_parts(j, plan, result)
    record = Inline(plan, f"F{j}", "r", f"b{j}_")
    given = {"pay": "pay", "deductible": "deductible_now", "run_counted": "counted_now"}
    record_body, _ = record.call("record_layer", given)
    inner += [f"deductible_now = {result['deductible']}", f"counted_now = {result['counted']}", *_lines(record_body, 0)]
    draw_body, _ = record.call("draw", {"pay": "pay"})
    inner += [*_lines(draw_body, 0), f"paid{j} = pay", "paid_sum += pay", *_write_outputs(s, j, plan, result)]
    columns = [n for n, (layer, _) in enumerate(s.outputs) if layer == j]
    silent = [] if s.sums_only else [f"out[{n}, i] = 0" for n in columns]
    lines = [f"r = rows[c, {j}]", "if r >= 0:", *["    " + x for x in _split_lines(inner)]]
    if silent:
        lines += ["else:", *["    " + x for x in silent]]
    return [" " * pad + line for line in lines]


def _write_offset(s: Structure, plan: LayerPlan) -> list[str]:
    """Which of a layer's rows applies, where that depends on an amount known only here."""
    if not plan.runtime:
        return []
    lines = ["offset = int64(0)"]
    for fact, cuts in plan.runtime:
        measured = f"year[{s.month_own_slot} + month[i]]" if fact == "own_this_month" else "gross"
        lines.append(f"offset *= {len(cuts) + 1}")
        lines += [f"if {measured} >= {cut}:\n    offset += 1" for cut in cuts]
    return [*lines, "r += offset"]


def _write_twins(s: Structure, j: int, plan: LayerPlan, result: Mapping[str, str], twins: list[str]) -> list[str]:
    """What the layer would pay without tilts, and what it would owe without penalties, where that differs.

    Sums need no tilt, and a penalty only where some layer leaves out what penalties took.
    """
    lines: list[str] = []
    if plan.tilts and not s.sums_only:
        lines += ["normal = pay", f"if T{j}[r] == 2:", "    normal = int64(0)", f"elif T{j}[r] == 1:"]
        lines += [f"    normal = min(pay, {_twin_call(j, plan, f'N{j}', 'pay', twins)})"]
    if plan.penalties and (s.penalty_part or not s.sums_only):
        lines += [f"whole = {result['raw']}", f"if P{j}[r] == 2:", "    whole = int64(0)", f"elif P{j}[r] == 1:"]
        lines += [f"    whole = {_twin_call(j, plan, f'U{j}', 'raw', twins)}"]
        lines += [f"penalty = max(0, whole - {result['raw']})", "parts3 += penalty"]
    return lines


def _write_parts(j: int, plan: LayerPlan, result: Mapping[str, str]) -> list[str]:
    """The parts of the in-scope rest that a later layer may leave out; only basic layers make them."""
    added = [f"parts0 += {result['deductible']}", f"parts1 += {result['over']}", f"parts2 += {result['aside']}"]
    if "parts_from" in plan.columns:
        return [f"if F{j}[r, {plan.columns['parts_from']}] == 1:", *["    " + a for a in added]]
    return added if plan.constants.get("parts_from") == 1 else []


def _write_outputs(s: Structure, j: int, plan: LayerPlan, result: Mapping[str, str]) -> list[str]:
    columns = {what: n for n, (layer, what) in enumerate(s.outputs) if layer == j}
    if s.sums_only:
        line = f"sums[group[i], {s.active.index(j)}] += pay"
        return ["if attempt + 1 == attempts:", f"    {line}"] if s.best_of else [line]
    held = f"pay * F{j}[r, {plan.columns['held']}]" if "held" in plan.columns else "pay"
    value = {
        "pay": "pay", "tilt": "pay - normal", "penalty": "penalty", "deductible": "deductible_now", "held": held,
        "over": result["over"],
    }  # fmt: skip
    lines = [f"out[{n}, i] = {value[what]}" for what, n in columns.items() if what in value]
    return [*lines, *(_write_split(j, plan, columns) if plan.payers > 1 else [])]


def _split_lines(blocks: Sequence[str]) -> list[str]:
    return [line for block in blocks for line in block.splitlines()]


def _write_split(j: int, plan: LayerPlan, outputs: Mapping[str, int]) -> list[str]:
    """Shares of the payers: rounded half up, the last that has a share takes the rest."""
    columns = [
        f"F{j}[r, {plan.columns[f'share.{k}']}]" if f"share.{k}" in plan.columns else str(plan.constants[f"share.{k}"])
        for k in range(plan.payers)
    ]
    lines = ["rest = pay", "final = int64(0)"]
    lines += [f"if {columns[k]} > 0:\n    final = {k}" for k in range(plan.payers)]
    for k in range(plan.payers):
        lines += [
            f"bears = half_up(pay * {columns[k]}, {RATIO_ONE}) if {k} < final else int64(0)",
            f"if {k} == final:\n    bears = rest",
            "rest -= bears",
            f"out[{outputs[f'payer.{k}']}, i] = bears",
        ]
    return lines


def _twin_call(j: int, plan: LayerPlan, array: str, wanted: str, twins: list[str]) -> str:
    """A call of the same layer under other figures; writes the function for it when it is first needed."""
    name = f"twin{j}_{wanted}"
    inline = Inline(plan, "F", "r", "t_")
    base_body, base_value = inline.call("base_of", {})
    pay_body, run = inline.call("pay_layer", {"gross": "gross"})
    assert isinstance(run, ast.Call) and base_value is not None
    result = dict(zip(LayerRun._fields, run.args, strict=True))
    body = [*base_body, ast.Assign([ast.Name("gross", ast.Store())], base_value), *pay_body]
    returned = ast.Return(result[wanted])
    used = {
        n.id
        for st in [*body, returned]
        for n in ast.walk(st)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }
    parameters = sorted(used - assigned(body) - {"F", "r", "min", "max", "half_up", "int64"})
    if not any(t.startswith(f"def {name}(") for t in twins):
        twins += [
            "@numba.njit(error_model='numpy')",
            f"def {name}(F, r, {', '.join(parameters)}):",
            *_lines([*body, returned], 4),
            "",
        ]
    return f"{name}({array}, r, {', '.join(parameters)})"
