"""Pictures of a study, from its tables: whole units of a drawing, so that a template draws them without arithmetic.

Black and white is enough to read them: before and after are told apart by hatching, every bar has its figure beside it, and
every picture is told in a sentence for those who cannot see it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yizhan.agency.desk.words import say
from yizhan.simulation.tables import shown

WIDTH = 480
"""Of the part of a picture in which bars lie."""

ROW = 30
PAIR = 44
HEIGHT = 180
"""Of pictures with two axes."""

WAN = 1_000_000
"""Fen of ten thousand yuan."""

JsonTable = Mapping[str, Any]


def _named(title: str, scenario: int, of: int) -> str:
    """A title that says under which rules, where there are two."""
    if of < 2:
        return title
    return say("{title}：{which}", "{title}: {which}", title=title, which=say("改后", "after") if scenario else say("现行", "present rules"))  # fmt: skip


def wan(fen: float) -> str:
    """1,234.50, in ten thousand yuan."""
    return f"{fen / WAN:,.2f}"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: kind (before, after, whole, normal, patient), place, size, and the figure beside it with its place."""

    kind: str
    x: int
    y: int
    width: int
    height: int
    text: str = ""
    text_x: int = 0


@dataclass(frozen=True, slots=True)
class Bars:
    """A picture of bars: labels (text, x, y) and bars."""

    title: str
    told: str
    height: int
    labels: tuple[tuple[str, int, int], ...]
    bars: tuple[Bar, ...]


def _paid(outlay: JsonTable) -> dict[str, list[int]]:
    """Layer → fen under each scenario, over all years, in the order of the rules; 个人 last."""
    scenarios = list(dict.fromkeys(row[0] for row in outlay["rows"]))
    found: dict[str, list[int]] = {}
    for name, _, layer, fen, *_ in outlay["rows"]:
        found.setdefault(layer, [0] * len(scenarios))[scenarios.index(name)] += fen
    found["个人"] = found.pop("个人")
    return found


def outlays(outlay: JsonTable, english: Mapping[str, str]) -> Bars:
    """What each layer and the patients pay: one bar each, two where there is a reform."""
    paid = _paid(outlay)
    most = max(1, *(fen for fens in paid.values() for fen in fens))
    labels, bars, told, y = [], [], [], 0
    for layer, fens in paid.items():
        name = say(layer, english.get(layer, layer))
        labels.append((name, 0, y + 19))
        for n, fen in enumerate(fens):
            width = round(fen * WIDTH / most)
            kind = "before" if n == 0 else "after"
            bars.append(Bar(kind, 230, y + 5 + n * 18, width, 15, wan(fen), 230 + width + 6))
        told.append(f"{name} {' → '.join(wan(fen) for fen in fens)}")
        y += PAIR if len(fens) > 1 else ROW
    title = say("各层支出（万元）", "Outlay of each layer (10,000 yuan)")
    return Bars(title, say("；", "; ").join(told), y + 6, tuple(labels), tuple(bars))


def waterfall(outlay: JsonTable, english: Mapping[str, str], scenario: int) -> Bars:
    """From the whole cost down, layer by layer, to what is left to patients."""
    both = _paid(outlay)
    paid = {layer: fens[scenario] for layer, fens in both.items()}
    left = whole = max(1, sum(paid.values()))
    rows = [(say("总费用", "whole cost"), 0, whole, "whole")]
    for layer, fen in paid.items():
        left -= fen
        rows.append((
            say(layer, english.get(layer, layer)), left if layer != "个人" else 0, fen, "normal" if layer != "个人" else "patient",
        ))  # fmt: skip
    labels = [(name, 0, k * ROW + 19) for k, (name, *_) in enumerate(rows)]
    bars = [
        Bar(kind, 230 + round(start * WIDTH / whole), k * ROW + 4, max(1, round(fen * WIDTH / whole)), 20, wan(fen), 830)
        for k, (_, start, fen, kind) in enumerate(rows)
    ]  # fmt: skip
    told = say("；", "; ").join(f"{name} {wan(fen)} ({fen / whole:.1%})" for name, _, fen, _ in rows)
    title = say("从总费用到个人负担（万元）", "From the whole cost to the patients (10,000 yuan)")
    title = _named(title, scenario, len(both["个人"]))
    return Bars(title, told, len(rows) * ROW + 4, tuple(labels), tuple(bars))


# --- Own shares -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Histogram:
    """Shares of persons by own share: bars of the present rules, a stepped line of the reform, marks of both axes."""

    title: str
    told: str
    bars: tuple[Bar, ...]
    path: str
    marks: tuple[tuple[int, str], ...]
    heights: tuple[tuple[int, str], ...]


def own_shares(table: JsonTable) -> list[Histogram]:
    """One picture for each group of persons."""
    groups = list(dict.fromkeys(tuple(row[0]) for row in table["rows"]))
    return [_histogram(group, [row for row in table["rows"] if tuple(row[0]) == group]) for group in groups]


def _histogram(group: tuple[str, str], rows: Sequence[Sequence[Any]]) -> Histogram:
    step = WIDTH // len(rows)
    parts = [[row[2 + n] / max(1, sum(r[2 + n] for r in rows)) for row in rows] for n in range(len(rows[0]) - 2)]
    most = max(0.01, *(share for of in parts for share in of))
    tall = [[round(share * HEIGHT / most) for share in of] for of in parts]
    bars = tuple(Bar("before", 40 + k * step, 10 + HEIGHT - h, step - 2, h) for k, h in enumerate(tall[0]))
    path = ""
    if len(tall) > 1:
        path = f"M40 {10 + HEIGHT}" + "".join(f"V{10 + HEIGHT - h}H{40 + (k + 1) * step}" for k, h in enumerate(tall[1])) + f"V{10 + HEIGHT}"  # fmt: skip
    half = [next((row[1] for row, upto in _running(rows, n) if upto >= 0.5), 0) for n in range(len(parts))]
    told = say(
        "一半的人自负比例不到 {shares} %", "half of them keep less than {shares} %",
        shares=" % → ".join(str(int(low) + 100 // len(rows)) for low in half),
    )  # fmt: skip
    marks = tuple((40 + k * step, f"{k * 100 // len(rows)}%") for k in range(0, len(rows) + 1, 4))
    heights = ((10 + HEIGHT, "0"), (10, f"{most:.0%}"))
    return Histogram(say(*group), told, bars, path, marks, heights)


def _running(rows: Sequence[Sequence[Any]], n: int) -> list[tuple[Sequence[Any], float]]:
    total, upto, found = max(1, sum(row[2 + n] for row in rows)), 0, []
    for row in rows:
        upto += row[2 + n]
        found.append((row, upto / total))
    return found


# --- Curves -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Curve:
    """Lines over two axes: (class, points of a polyline), marks of both axes, and a vertical mark with its words."""

    title: str
    told: str
    lines: tuple[tuple[str, str], ...]
    marks: tuple[tuple[int, str], ...]
    heights: tuple[tuple[int, str], ...]
    zero: int
    edge: int
    edge_text: str


def cliff(found: Mapping[str, Any]) -> Curve:
    """What the patient pays by the size of the bill; of a step that is no amount, on both its sides."""
    curves = found["curves"]
    xs = [x for curve in curves for x, _ in curve]
    ys = [y for curve in curves for _, y in curve]
    left, right, top = min(xs), max(xs), max(1, *ys)

    def at_x(fen: int) -> int:
        return 70 + round((fen - left) * WIDTH / max(1, right - left))

    def at_y(fen: float) -> int:
        return 10 + HEIGHT - round(fen * HEIGHT / top)

    lines = tuple(
        ("before" if n == 0 else "after", " ".join(f"{at_x(x)},{at_y(y)}" for x, y in curve))
        for n, curve in enumerate(curves)
    )
    marks = tuple((at_x(fen), f"{fen // 100:,}") for fen in (left, (left + right) // 2, right))
    heights = tuple((at_y(top * k / 2), f"{round(top * k / 2) // 100:,}") for k in range(3))
    edge = at_x(found["at"]) if found["at"] else 0
    told = say(
        "{step}：全年个人负担从 {a} 元变为 {b} 元",
        "{step}: the patient pays {b} instead of {a} yuan in the year",
        step=say(found["zh"], found["en"]), a=f"{found['pays'][0] / 100:,.2f}", b=f"{found['pays'][1] / 100:,.2f}",
    )  # fmt: skip
    title = say("个人负担（元）随费用（元）的变化", "What the patient pays (yuan) by the cost of the stay (yuan)")
    return Curve(
        title, told, lines, marks, heights, 10 + HEIGHT, edge, f"{found['at'] / 100:,.2f}" if found["at"] else ""
    )


def fund(tables: Sequence[JsonTable]) -> Curve:
    """The balance of the basic fund by month under each set of rules, with the month in which it is first below nothing."""
    series = [[(row[0], row[1], row[4]) for row in table["rows"]] for table in tables]
    months = [(year, month) for year, month, _ in series[0]]
    balances = [fen for of in series for _, _, fen in of]
    low, high = min(0, *balances), max(0, *balances)

    def at_x(k: int) -> int:
        return 90 + round(k * WIDTH / max(1, len(months) - 1))

    def at_y(fen: float) -> int:
        return 10 + HEIGHT - round((fen - low) * HEIGHT / max(1, high - low))

    lines = tuple(
        ("before" if n == 0 else "after", " ".join(f"{at_x(k)},{at_y(fen)}" for k, (_, _, fen) in enumerate(of)))
        for n, of in enumerate(series)
    )
    marks = tuple(
        (at_x(k), f"{year}-{month:02d}") for k, (year, month) in enumerate(months) if month == 1 or k == len(months) - 1
    )
    heights = tuple((at_y(fen), wan(fen)) for fen in dict.fromkeys((low, 0, high)))
    dry = next(((k, year, month) for k, (year, month, fen) in enumerate(series[-1]) if fen < 0), None)
    told = say("；", "; ").join(
        f"{year}-{month:02d} {say('结余', 'balance')} {wan(fen)}"
        for of in series
        for year, month, fen in (of[0], of[-1])
    )
    title = say("基本医保基金逐月结余（万元）", "Balance of the basic fund by month (10,000 yuan)")
    edge, edge_text = (
        (at_x(dry[0]), say("{y}年{m}月用完", "empty in {y}-{m:02d}", y=dry[1], m=dry[2])) if dry else (0, "")
    )
    return Curve(title, told, lines, marks, heights, at_y(0), edge, edge_text)


# --- Counties as tiles --------------------------------------------------------------------------------------------------------

SHADES = 5
ACROSS = 6
TILE = (128, 66)


@dataclass(frozen=True, slots=True)
class Tile:
    """A county: its place in the grid, its shade from 0 (least) to SHADES - 1, and its words."""

    x: int
    y: int
    shade: int
    name: str
    figure: str
    more: str


@dataclass(frozen=True, slots=True)
class Tiles:
    """Counties side by side, in the order of the profile: no map, since no geographic data is at hand."""

    title: str
    told: str
    tiles: tuple[Tile, ...]
    height: int
    key: tuple[tuple[int, str], ...]


MEASURES = {"share": 0, "outlay": 1}
"""What tiles can be shaded by, and its place among the columns of a set of rules."""


def tiles(counties: JsonTable, measure: str, scenario: int) -> Tiles:
    """The counties, shaded by own share or by outlay per head."""
    column = 2 + 2 * scenario + MEASURES[measure]
    rows = [row for row in counties["rows"] if row[column] is not None]
    values = [row[column] for row in rows]
    low, high = min(values, default=0), max(values, default=0)
    width, height = TILE
    kind = "share" if measure == "share" else "fen"

    def shade(value: float) -> int:
        return min(SHADES - 1, int((value - low) * SHADES / (high - low))) if high > low else 0

    found = tuple(
        Tile(
            k % ACROSS * (width + 6), k // ACROSS * (height + 6), shade(row[column]), str(row[0]), shown(kind, row[column], say("zh", "en")),
            say("{n} 人年", "{n} person-years", n=f"{row[1]:,}"),
        )
        for k, row in enumerate(rows)
    )  # fmt: skip
    step = (high - low) / SHADES
    key = tuple((k, shown(kind, low + k * step, say("zh", "en"))) for k in range(SHADES)) if high > low else ()
    title = (
        say("各旗县区自负比例", "Own share by county")
        if measure == "share"
        else say("各旗县区人均基金支出（元）", "Outlay per head by county (yuan)")
    )
    title = _named(title, scenario, (len(counties["rows"][0]) - 2) // 2)
    told = say("；", "; ").join(f"{tile.name} {tile.figure}" for tile in found)
    return Tiles(title, told, found, (len(found) + ACROSS - 1) // ACROSS * (height + 6), key)
