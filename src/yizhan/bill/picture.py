"""The picture of a bill: a waterfall from the whole cost, layer by layer, down to what is left to the patient.

Positions are whole units of the drawing, so that a template can draw it without arithmetic. Black and white: the normal part,
the tilt and what waits are told apart by hatching, and every bar has its amount in figures beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from yizhan.bill.data import OneBill
from yizhan.bill.words import word
from yizhan.engine.money import half_up, yuan_grouped

WIDTH = 480
ROW = 30
"""Height of a row, in the same units."""

KEYS = {"normal": "kind_normal", "tilt": "kind_tilt", "held": "on_hold", "patient": "patient"}
"""The hatchings that need a key, and their words."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: from `x`, `width` wide; `kind` is whole, normal, tilt, held or patient."""

    kind: str
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the waterfall. `starts` and `fen` are fen: what is left after the layer, and what it pays; the next row
    hangs from `left`."""

    label: str
    amount: str
    starts: int
    fen: int
    y: int
    left: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """The rows from top to bottom, and the picture in one sentence for those who cannot see it."""

    title: str
    told: str
    rows: tuple[Row, ...]
    height: int
    kinds: tuple[tuple[str, str], ...]


def waterfall(bill: OneBill) -> Picture:
    """The picture of a bill."""
    whole = max(1, bill.total)

    def at(fen: int) -> int:
        return half_up(fen * WIDTH, whole)

    def row(label: str, fen: int, starts: int, *parts: tuple[str, int, int]) -> None:
        rows.append(Row(label, yuan_grouped(fen), starts, fen, ROW * len(rows), at(starts), _bars(at, *parts)))

    rows: list[Row] = []
    row(word("total_cost", bill.lang), bill.total, 0, ("whole", 0, bill.total))
    left = bill.total
    for layer in bill.layers:
        left -= layer.amount
        normal, tilt = ("held", "held") if layer.held else ("normal", "tilt")
        row(
            f"{layer.number}. {layer.name}",
            layer.amount,
            left,
            (normal, left + layer.tilt, layer.normal),
            (tilt, left, layer.tilt),
        )
    row(word("patient", bill.lang), left, 0, ("patient", 0, left))
    joint = "；" if bill.lang == "zh" else "; "
    told = joint.join(f"{r.label} {r.amount} {word('yuan', bill.lang)}" for r in rows)
    used = {bar.kind for r in rows for bar in r.bars}
    kinds = tuple((kind, word(key, bill.lang)) for kind, key in KEYS.items() if kind in used)
    return Picture(word("picture", bill.lang), told, tuple(rows), ROW * len(rows), kinds)


def _bars(at: Callable[[int], int], *parts: tuple[str, int, int]) -> tuple[Bar, ...]:
    return tuple(Bar(kind, at(start), at(start + fen) - at(start)) for kind, start, fen in parts if fen)
