"""One loop over millions of bills, made from the source of `engine.steps`.

The steps are ordinary Python functions. Here their syntax trees are specialised for one scheme's *structure*: figures
(`f.deductible`) become columns of an array, or constants where every row agrees on a neutral value or a shape; loops of
fixed length are unrolled; what then cannot happen falls away; calls between steps are put in line. What is left is one
function without objects, which Numba compiles. Its figures stay in arrays, so another reform is another array and costs no
compilation; the same structure always makes the same source, and the compiled code is kept under the source's hash.

Because both come from one source, a bill settled alone and among millions gets the same fen; tests compare them anyway.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, cached_property

from yizhan.engine import steps
from yizhan.engine.facts import CHARGES
from yizhan.engine.money import NO_LIMIT, RATIO_ONE
from yizhan.engine.steps import Bill, Figures, LayerRun

NAMED_CONSTANTS = {
    "RATIO_ONE": RATIO_ONE, "NO_LIMIT": NO_LIMIT, "RATIO": steps.RATIO, "CUMULATIVE": steps.CUMULATIVE,
    "TOP_UP": steps.TOP_UP, "OWN_CAP": steps.OWN_CAP,
}  # fmt: skip

SHAPE = frozenset({
    "weight", "charge", "by_charge", "leaves_out", "requires", "counts", "formula", "on_total", "due_less_paid", "top_up_of",
    "deductible_of", "single_of", "deductible_unit", "nth_scope", "account_slot", "account_monthly", "base_slot", "paid_slot",
    "annual_slot", "sums_monthly", "month_paid_slot", "deductible_slot", "chain_slot", "parts_from", "stay", "chained",
})  # fmt: skip
"""Figures that say *how* a layer pays. Where all rows agree on one it is written into the source; the others are numbers."""

_NEUTRAL = Figures()


@dataclass(frozen=True)
class LayerPlan:
    """How one layer's figures lie in its array.

    `columns` maps a figure's path (`deductible`, `bands.0.2`) to its column; `constants` maps the others to their value.
    `bands`, `accounts` are the largest numbers of them in any row.
    """

    columns: Mapping[str, int]
    constants: Mapping[str, int]
    bands: int
    accounts: int
    order: tuple[int, ...]
    payers: int
    runtime: tuple[tuple[str, tuple[int, ...]], ...]
    tilts: bool
    penalties: bool
    barred_only: bool


def flatten(row: Figures, bands: int, accounts: int, layers: int) -> dict[str, int]:
    """A row of figures by path, padded to the given numbers of bands and accounts."""
    flat: dict[str, int] = {}
    for field in fields(Figures):
        value = getattr(row, field.name)
        if isinstance(value, int):
            flat[field.name] = value
            continue
        if field.name == "bands":
            for k in range(bands):
                band = value[k] if k < len(value) else (NO_LIMIT, NO_LIMIT, 0)
                flat |= {f"bands.{k}.{m}": band[m] for m in range(3)}
            continue
        length = {"account_cap": accounts, "account_slot": accounts, "account_monthly": accounts}.get(field.name, len(value))
        filler = NO_LIMIT if field.name == "account_cap" else 0
        if field.name in ("requires", "counts"):
            length = layers
        flat |= {f"{field.name}.{k}": value[k] if k < len(value) else filler for k in range(length)}
    return flat


def plan_layer(
    rows: Sequence[Figures], order: tuple[int, ...], payers: int, layers: int,
    runtime: tuple[tuple[str, tuple[int, ...]], ...], tilts: bool, penalties: bool,
) -> tuple[LayerPlan, list[dict[str, int]]]:  # fmt: skip
    """Decide which figures of a layer become columns. Returns the plan and the flattened rows."""
    bands = max((len(r.bands) for r in rows), default=0)
    accounts = max((len(r.account_cap) for r in rows), default=0)
    flat = [flatten(r, bands, accounts, layers) for r in rows]
    columns: dict[str, int] = {}
    constants: dict[str, int] = {}
    neutral = flatten(_NEUTRAL, bands, accounts, layers)
    for path in flat[0] if flat else ():
        found = {row[path] for row in flat}
        if len(found) == 1 and (path.split(".")[0] in SHAPE or found == {neutral.get(path)}):
            constants[path] = found.pop()
        else:
            columns[path] = len(columns)
    barred_only = all(r.barred and not r.bands and r.formula == steps.RATIO for r in rows)
    plan = LayerPlan(columns, constants, bands, accounts, order, payers, runtime, tilts, penalties, barred_only)
    return plan, flat


# --- Specialising the steps -------------------------------------------------------------------------------------------


@cache
def _source_of(name: str) -> ast.FunctionDef:
    tree = ast.parse(inspect.getsource(getattr(steps, name)))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    return function


class _Specialise(ast.NodeTransformer):
    """Replaces figures by columns or constants, unrolls loops, and drops what cannot happen."""

    def __init__(self, plan: LayerPlan, array: str, row: str, bound: Mapping[str, int]) -> None:
        self.plan, self.array, self.row, self.bound = plan, array, row, dict(bound)

    # names and figures

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load):
            if node.id in self.bound:
                return ast.Constant(self.bound[node.id])
            if node.id in NAMED_CONSTANTS:
                return ast.Constant(NAMED_CONSTANTS[node.id])
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        assert isinstance(node.value, ast.Name)
        if node.value.id == "f":
            return self._figure(node.attr)
        return ast.Name(f"{node.value.id}_{node.attr}", ast.Load())

    def _figure(self, path: str) -> ast.expr:
        if path in self.plan.constants:
            return ast.Constant(self.plan.constants[path])
        if path not in self.plan.columns:
            return ast.Constant(0)
        return ast.parse(f"{self.array}[{self.row}, {self.plan.columns[path]}]", mode="eval").body

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        index = self.visit(node.slice)
        base = node.value
        if isinstance(base, ast.Name) and base.id == "order":
            return ast.Constant(self.plan.order[index.value])
        if isinstance(base, ast.Name) and base.id == "year":
            return ast.Subscript(base, index, node.ctx)
        if isinstance(base, ast.Name):
            assert isinstance(index, ast.Constant), ast.unparse(node)
            return ast.Name(f"{base.id}{index.value}", node.ctx)
        path = self._path(base)
        assert isinstance(index, ast.Constant), ast.unparse(node)
        if path.startswith("f."):
            return self._figure(f"{path[2:]}.{index.value}")
        return ast.Name(f"{path.replace('.', '_')}{index.value}", node.ctx)

    def _path(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            return f"{self._path(node.value)}.{node.attr}"
        assert isinstance(node, ast.Subscript)
        index = self.visit(node.slice)
        assert isinstance(index, ast.Constant)
        return f"{self._path(node.value)}.{index.value}"

    # folding

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "len":
            path = self._path(node.args[0]).removeprefix("f.")
            return ast.Constant(self._length(path))
        if name in ("banded", "deductible_of", "LayerRun"):
            return ast.Call(node.func, [a if isinstance(a, ast.Name) and a.id in ("f", "bill", "year") else self.visit(a) for a in node.args], [])
        args = [self.visit(a) for a in node.args]
        if name == "half_up" and isinstance(args[0], ast.Constant) and args[0].value == 0:
            return ast.Constant(0)
        if name == "min":
            limited = [a for a in args if not _is_no_limit(a)]
            args = limited or args[:1]
        if name == "max":
            args = [a for k, a in enumerate(args) if not (_is_zero(a) and any(_is_zero(b) for b in args[:k]))]
        return args[0] if name in ("min", "max") and len(args) == 1 else ast.Call(node.func, args, [])

    def _length(self, path: str) -> int:
        if path == "bands":
            return self.plan.bands
        if path == "account_cap":
            return self.plan.accounts
        known = {**self.plan.constants, **self.plan.columns}
        found = [int(p.split(".")[1]) for p in known if p.startswith(f"{path}.")]
        live = [k for k in found if self.plan.constants.get(f"{path}.{k}") != 0]
        return max(live, default=-1) + 1

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(left, ast.Constant) and isinstance(right, ast.Constant):
            return ast.Constant(eval(compile(ast.Expression(ast.fix_missing_locations(ast.BinOp(left, node.op, right))), "", "eval")))
        if isinstance(node.op, ast.Mult) and (_is_zero(left) or _is_zero(right)):
            return ast.Constant(0)
        if isinstance(node.op, ast.Mult) and _is_one(right):
            return left
        if isinstance(node.op, ast.Mult) and _is_one(left):
            return right
        if isinstance(node.op, (ast.Add, ast.Sub)) and _is_zero(right):
            return left
        if isinstance(node.op, ast.Add) and _is_zero(left):
            return right
        if isinstance(node.op, ast.Sub) and _is_no_limit(left):
            return left
        return ast.BinOp(left, node.op, right)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.comparators[0])
        folded = ast.Compare(left, node.ops, [right])
        if isinstance(left, ast.Constant) and isinstance(right, ast.Constant):
            return ast.Constant(bool(eval(compile(ast.Expression(ast.fix_missing_locations(folded)), "", "eval"))))
        return folded

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test = self.visit(node.test)
        if isinstance(test, ast.Constant):
            return self.visit(node.body if test.value else node.orelse)
        return ast.IfExp(test, self.visit(node.body), self.visit(node.orelse))

    # statements

    def visit_If(self, node: ast.If) -> list[ast.stmt] | ast.stmt:
        test = self.visit(node.test)
        if isinstance(test, ast.Constant):
            return self.statements(node.body if test.value else node.orelse)
        body = self.statements(node.body)
        orelse = self.statements(node.orelse)
        return ast.If(test, body or [ast.Pass()], orelse) if body or orelse else []

    def visit_For(self, node: ast.For) -> list[ast.stmt]:
        assert isinstance(node.iter, ast.Call) and isinstance(node.target, ast.Name)
        count = self.visit(node.iter.args[0])
        assert isinstance(count, ast.Constant)
        unrolled: list[ast.stmt] = []
        for k in range(count.value):
            self.bound[node.target.id] = k
            unrolled += self.statements(node.body)
        self.bound.pop(node.target.id, None)
        return unrolled

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt | list[ast.stmt]:
        value = self.visit(node.value)
        if _is_zero(value):
            return []
        return ast.AugAssign(self.visit(node.target), node.op, value)

    def statements(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        """Specialise copies of some statements."""
        found: list[ast.stmt] = []
        for statement in body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            result = self.visit(ast.parse(ast.unparse(statement)).body[0])
            found += result if isinstance(result, list) else [result]
        return found


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1


def _is_no_limit(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value >= NO_LIMIT


class _Rename(ast.NodeTransformer):
    """Gives the local names of a function put in line a prefix of their own."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


class _Inline:
    """Writes a step into the loop: specialised, its locals renamed, its calls to other steps written in line too."""

    def __init__(self, plan: LayerPlan, array: str, row: str, prefix: str) -> None:
        self.plan, self.array, self.row, self.prefix = plan, array, row, prefix
        self.calls = 0

    def call(self, name: str, given: Mapping[str, str]) -> tuple[list[ast.stmt], ast.expr | None]:
        """The statements of a step and the expression it returns. `given` renames its parameters."""
        self.calls += 1
        function = _source_of(name)
        special = _Specialise(self.plan, self.array, self.row, {})
        body = special.statements(function.body)
        tag = f"{self.prefix}{self.calls}_"
        names = {n: f"{tag}{n}" for n in _assigned(body) if not _is_shared(n)}
        names |= given
        body = [_Rename(names).visit(s) for s in body]
        out: list[ast.stmt] = []
        returned: ast.expr | None = None
        for statement in body:
            if isinstance(statement, ast.Return):
                returned = statement.value
            else:
                out += self._with_calls(statement)
        return out, returned

    def _with_calls(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, ast.If):
            body = [s for inner in statement.body for s in self._with_calls(inner)]
            orelse = [s for inner in statement.orelse for s in self._with_calls(inner)]
            return [ast.If(statement.test, body, orelse)]
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            called = statement.value.func.id if isinstance(statement.value.func, ast.Name) else ""
            if called in ("banded", "deductible_of"):
                function = _source_of(called)
                given = {}
                setup: list[ast.stmt] = []
                for parameter, argument in zip(function.args.args, statement.value.args, strict=True):
                    if parameter.arg in ("f", "bill", "year"):
                        continue
                    name = f"{self.prefix}{self.calls + 1}_{parameter.arg}"
                    setup.append(ast.Assign([ast.Name(name, ast.Store())], argument))
                    given[parameter.arg] = name
                body, returned = self.call(called, given)
                assert returned is not None
                return [*setup, *body, ast.Assign(statement.targets, returned)]
        return [statement]


_SHARED = ("left", "part", "parts", "paid", "bill_", "year")


def _is_shared(name: str) -> bool:
    return name.startswith(_SHARED) and name not in ("paid_before",)


def _assigned(body: Sequence[ast.stmt]) -> set[str]:
    return {n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


# --- The loop ---------------------------------------------------------------------------------------------------------


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

    @property
    def active(self) -> tuple[int, ...]:
        """The layers that can pay anything."""
        return tuple(j for j, plan in enumerate(self.plans) if plan is not None and not plan.barred_only)

    @property
    def outputs(self) -> tuple[tuple[int, str], ...]:
        """The columns that the loop writes: (layer, what), where `what` is a word of OUTPUTS or `payer.k`."""
        return tuple((j, what) for j in self.active for what in _outputs_of(self.plans[j]))

    @cached_property
    def source(self) -> str:
        """The loop as Python source. The same structure always gives the same source."""
        return _write_loop(self)


OUTPUTS = ("pay", "tilt", "penalty", "deductible", "held")
"""What the loop may write for each layer, in fen, beside each payer's part."""


def _outputs_of(plan: LayerPlan | None) -> list[str]:
    assert plan is not None
    wanted = {"pay": True, "tilt": plan.tilts, "penalty": plan.penalties, "deductible": plan.constants.get("parts_from") != 0,
              "held": plan.constants.get("held") != 0}  # fmt: skip
    payers = [f"payer.{k}" for k in range(plan.payers)] if plan.payers > 1 else []
    return [what for what in OUTPUTS if wanted[what]] + payers


def _lines(body: Sequence[ast.stmt], indent: int) -> list[str]:
    module = ast.fix_missing_locations(ast.Module(list(body), []))
    text = ast.unparse(module)
    return [" " * indent + line for line in text.splitlines()]


def _write_loop(s: Structure) -> str:
    active = s.active
    twins: list[str] = []
    body: list[str] = []
    pad = 12 if s.best_of else 8
    for j in active:
        plan = s.plans[j]
        assert plan is not None
        body += _write_layer(s, j, plan, pad, twins)
    text = "\n".join(body)
    used_bill = {f"bill_{field}" for field in Bill._fields if f"bill_{field}" in text + "".join(twins)}
    lines = [
        '"""Written by yizhan.engine.kernel from yizhan.engine.steps. Do not edit."""',
        "import numba", "from numba import int64", "",
        "@numba.njit(inline='always')", "def half_up(n, m):", "    return (2 * n + m) // (2 * m)", "",
        *twins,
        "@numba.njit(nogil=True, cache=True, error_model='numpy')",
        "def loop(first, last, combo, alt_first, alt_count, alternatives, opens, pots, month, days, linked, stays, charges,",
        "         rows, ceil_ratio, ceil_of, tables, normals, wholes, tilted, penalised, year, scratch, group,",
        "         out, patient, sums):",
    ]  # fmt: skip
    for j in active:
        lines += [f"    F{j} = tables[{j}]", f"    N{j} = normals[{j}]", f"    U{j} = wholes[{j}]", f"    T{j} = tilted[{j}]", f"    P{j} = penalised[{j}]"]
    lines += [
        "    for i in range(first, last):",
        "        if opens[i] > 0:",
        "            for k in range(year.shape[0]):",
        "                keep = False",
        *[f"                keep = keep or k == {slot}" for slot in s.chain_slots],
        "                if opens[i] == 1 or not keep:",
        "                    year[k] = 0",
    ]
    if s.month_own_slot >= 0:
        lines += [f"        year[{s.month_own_slot} + month[i]] += pots[3, i]"]
    if s.best_of:
        lines += [
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
    else:
        lines += ["        c = combo[i]"]
    inner = [f"left{p} = pots[{p}, i]" for p in range(4)]
    inner += ["bill_total = left0 + left1 + left2 + left3"]
    if "bill_in_scope" in used_bill or s.ceilings:
        inner += ["bill_in_scope = left0"]
    for name in ("month", "days", "linked"):
        if f"bill_{name}" in used_bill:
            inner += [f"bill_{name} = int64({name}[i])"]
    inner += [f"bill_stays{k} = int64(stays[{k}, i])" for k in range(4) if f"bill_stays{k}" in text + "".join(twins)]
    inner += [f"bill_charges{k} = charges[{k}, i]" for k in range(len(CHARGES)) if f"bill_charges{k}" in text + "".join(twins)]
    inner += [f"parts{q} = int64(0)" for q in range(4)]
    inner += [f"paid{j} = int64(0)" for j in range(len(s.plans))] + ["paid_sum = int64(0)"]
    if s.ceilings:
        inner += [
            f"bill_ceiling = int64({NO_LIMIT})",
            "if ceil_ratio[c] >= 0:",
            f"    bill_ceiling = half_up((bill_in_scope if ceil_of[c] == 1 else bill_total) * ceil_ratio[c], {RATIO_ONE})",
        ]
    else:
        inner += [f"bill_ceiling = int64({NO_LIMIT})"]
    lines += [" " * pad + line for line in inner]
    lines += body
    closing = ["rest = left0 + left1 + left2 + left3", "if rest + paid_sum != bill_total or left0 < 0 or left1 < 0 or left2 < 0 or left3 < 0:", "    return i"]
    lines += [" " * pad + line for line in closing]
    if s.best_of:
        lines += [
            "            if attempt + 1 < attempts and (least < 0 or rest < least):",
            "                least = rest",
            "                best = attempt",
        ]
    if s.sums_only:
        lines += [f"        sums[group[i], {len(active) + p}] += left{p}" for p in range(4)]
        lines += [f"        sums[group[i], {len(active) + 4}] += 1"]
    else:
        lines += [f"        patient[{p}, i] = left{p}" for p in range(4)]
    lines += ["    return -1", ""]
    return "\n".join(lines)


def _write_layer(s: Structure, j: int, plan: LayerPlan, pad: int, twins: list[str]) -> list[str]:
    lines = [f"r = rows[c, {j}]", "if r >= 0:"]
    inline = _Inline(plan, f"F{j}", "r", f"a{j}_")
    base_body, base_value = inline.call("base_of", {})
    assert base_value is not None
    inner: list[str] = [*_lines(base_body, 0), f"gross = {ast.unparse(base_value)}"]
    if plan.runtime:
        inner.append("offset = int64(0)")
        for fact, cuts in plan.runtime:
            measured = f"year[{s.month_own_slot} + month[i]]" if fact == "own_this_month" else "gross"
            inner.append(f"offset *= {len(cuts) + 1}")
            inner += [f"if {measured} >= {cut}:\n    offset += 1" for cut in cuts]
        inner.append("r += offset")
    pay_body, run = inline.call("pay_layer", {"gross": "gross"})
    assert isinstance(run, ast.Call)
    result = dict(zip(LayerRun._fields, (ast.unparse(a) for a in run.args), strict=True))
    settle = _lines(pay_body, 0) + [f"pay = {result['pay']}"]
    record = _Inline(plan, f"F{j}", "r", f"b{j}_")
    inner += settle
    if plan.tilts:
        inner += ["normal = pay", f"if T{j}[r] == 2:", "    normal = int64(0)", f"elif T{j}[r] == 1:"]
        inner += [f"    normal = min(pay, {_twin_call(s, j, plan, f'N{j}', 'pay', twins)})"]
    if plan.penalties:
        inner += [f"whole = {result['raw']}", f"if P{j}[r] == 2:", "    whole = int64(0)", f"elif P{j}[r] == 1:"]
        inner += [f"    whole = {_twin_call(s, j, plan, f'U{j}', 'raw', twins)}"]
        inner += [f"penalty = max(0, whole - {result['raw']})", "parts3 += penalty"]
    if plan.constants.get("parts_from") != 0:
        added = [f"parts0 += {result['deductible']}", f"parts1 += {result['over']}", f"parts2 += {result['aside']}"]
        inner += [*added] if plan.constants.get("parts_from") == 1 else [f"if F{j}[r, {plan.columns['parts_from']}] == 1:", *["    " + a for a in added]]
    record_body, _ = record.call("record_layer", {"pay": "pay", "deductible": "deductible_now", "run_counted": "counted_now"})
    inner += [f"deductible_now = {result['deductible']}", f"counted_now = {result['counted']}", *_lines(record_body, 0)]
    draw_body, _ = record.call("draw", {"pay": "pay"})
    inner += _lines(draw_body, 0)
    inner += [f"paid{j} = pay", "paid_sum += pay"]
    columns = {what: n for n, (layer, what) in enumerate(s.outputs) if layer == j}
    if s.sums_only:
        write = [f"sums[group[i], {s.active.index(j)}] += pay"]
    else:
        value = {"pay": "pay", "tilt": "pay - normal", "penalty": "penalty", "deductible": "deductible_now", "held": "pay"}
        if "held" in plan.columns:
            value["held"] = f"pay * F{j}[r, {plan.columns['held']}]"
        write = [f"out[{n}, i] = {value[what]}" for what, n in columns.items() if what in value]
        if plan.payers > 1:
            write += _write_split(j, plan, columns)
    if s.best_of and s.sums_only:
        write = ["if attempt + 1 == attempts:", *["    " + w for w in write]]
    inner += write
    silent = [] if s.sums_only else [f"out[{n}, i] = 0" for n in columns.values()]
    text = list(lines)
    text += ["    " + x for x in _split_lines(inner)]
    if silent:
        text += ["else:", *["    " + x for x in silent]]
    return [" " * pad + line for line in text]


def _split_lines(blocks: Sequence[str]) -> list[str]:
    return [line for block in blocks for line in block.splitlines()]


def _write_split(j: int, plan: LayerPlan, outputs: Mapping[str, int]) -> list[str]:
    """Shares of the payers: rounded half up, the last that has a share takes the rest."""
    columns = [f"F{j}[r, {plan.columns[f'share.{k}']}]" if f"share.{k}" in plan.columns else str(plan.constants[f"share.{k}"]) for k in range(plan.payers)]
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


def _twin_call(s: Structure, j: int, plan: LayerPlan, array: str, wanted: str, twins: list[str]) -> str:
    """A call of the same layer under other figures; writes the function for it when it is first needed."""
    name = f"twin{j}_{wanted}"
    inline = _Inline(plan, "F", "r", "t_")
    base_body, base_value = inline.call("base_of", {})
    pay_body, run = inline.call("pay_layer", {"gross": "gross"})
    assert isinstance(run, ast.Call) and base_value is not None
    result = dict(zip(LayerRun._fields, run.args, strict=True))
    body = [*base_body, ast.Assign([ast.Name("gross", ast.Store())], base_value), *pay_body]
    returned = ast.Return(result[wanted])
    used = {n.id for st in [*body, returned] for n in ast.walk(st) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    parameters = sorted(used - _assigned(body) - {"F", "r", "min", "max", "half_up", "int64"})
    if not any(t.startswith(f"def {name}(") for t in twins):
        twins += [
            "@numba.njit(error_model='numpy')",
            f"def {name}(F, r, {', '.join(parameters)}):",
            *_lines([*body, returned], 4),
            "",
        ]
    return f"{name}({array}, r, {', '.join(parameters)})"
