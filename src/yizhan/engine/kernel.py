"""The steps of `engine.steps`, specialised: the same functions with everything that a scheme does not use taken out.

Their syntax trees are read from the source. Figures (`f.deductible`) become columns of an array, or constants where every
row agrees on a neutral value or on a shape; loops of fixed length are unrolled; what then cannot happen falls away; calls
between steps are put in line. `engine.loop` makes one loop over millions of bills of the result.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache

from yizhan.engine import steps
from yizhan.engine.money import NO_LIMIT, RATIO_ONE
from yizhan.engine.steps import Figures

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
        length = {"account_cap": accounts, "account_slot": accounts, "account_monthly": accounts}.get(
            field.name, len(value)
        )
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
            return ast.Constant(self.plan.order[_whole(index)])
        if isinstance(base, ast.Name) and base.id == "year":
            return ast.Subscript(base, index, node.ctx)
        if isinstance(base, ast.Name):
            return ast.Name(f"{base.id}{_whole(index)}", node.ctx)
        path = self._path(base)
        if path.startswith("f."):
            return self._figure(f"{path[2:]}.{_whole(index)}")
        return ast.Name(f"{path.replace('.', '_')}{_whole(index)}", node.ctx)

    def _path(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            return f"{self._path(node.value)}.{node.attr}"
        assert isinstance(node, ast.Subscript)
        index = self.visit(node.slice)
        return f"{self._path(node.value)}.{_whole(index)}"

    # folding

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "len":
            path = self._path(node.args[0]).removeprefix("f.")
            return ast.Constant(self._length(path))
        if name in ("banded", "deductible_of", "LayerRun"):
            return ast.Call(
                node.func,
                [a if isinstance(a, ast.Name) and a.id in ("f", "bill", "year") else self.visit(a) for a in node.args],
                [],
            )
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
        left: ast.expr = self.visit(node.left)
        right: ast.expr = self.visit(node.right)
        if isinstance(left, ast.Constant) and isinstance(right, ast.Constant):
            return ast.Constant(
                eval(compile(ast.Expression(ast.fix_missing_locations(ast.BinOp(left, node.op, right))), "", "eval"))
            )
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
            chosen: ast.expr = self.visit(node.body if test.value else node.orelse)
            return chosen
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
        unrolled: list[ast.stmt] = []
        for k in range(_whole(count)):
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


def _whole(node: ast.expr) -> int:
    """The whole number that an expression was folded to; the steps are written so that it always is one."""
    assert isinstance(node, ast.Constant) and isinstance(node.value, int), ast.unparse(node)
    return node.value


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


class Inline:
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
        names = {n: f"{tag}{n}" for n in assigned(body) if not _is_shared(n)}
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


def assigned(body: Sequence[ast.stmt]) -> set[str]:
    """Names that some statements assign."""
    return {n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
