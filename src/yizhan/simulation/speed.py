"""How long drawing and settling a population take, next to reading and writing the same bills as Parquet without settling.

The machine is rarely alone, so seconds of processor time stand beside those of the clock; what is worth something are ratios.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from yizhan.policy.areas import load_scheme
from yizhan.simulation.population import Population
from yizhan.simulation.run import CHUNK, Scenario, settler_for
from yizhan.simulation.tables import Column, Table

_STEPS = {"draw": ("造人和账单", "drawing persons and bills"), "settle": ("结算", "settling"), "file": ("同一张表只读写 Parquet", "the same table to Parquet and back")}  # fmt: skip


def speed(population: Population, scenario: Scenario, year: int) -> Table:
    """Draw, settle, and write and read without settling, chunk by chunk on one core; compiling is not counted.

    Raises Problems: no policies for the area or year.
    """
    spent = {step: [0.0, 0.0] for step in _STEPS}
    area = population.parts[0].profile.area
    first = population.bills(0, year)
    settler = settler_for(load_scheme(area, scenario.policies), first, (year,))
    settler.settle(first)
    bills = 0

    def timed(step: str, act: Callable[[], Any]) -> Any:
        clock, processor = time.perf_counter(), time.process_time()
        found = act()
        spent[step][0] += time.perf_counter() - clock
        spent[step][1] += time.process_time() - processor
        return found

    with tempfile.TemporaryDirectory(prefix="yizhan-speed-") as folder:
        path = Path(folder) / "bills.parquet"
        for k in range(0, population.buckets, CHUNK):
            buckets = range(k, min(k + CHUNK, population.buckets))
            table = timed("draw", partial(_drawn, population, buckets, year))
            settler.begin()
            timed("settle", partial(settler.settle, table))
            timed("file", partial(_there_and_back, table, path))
            bills += table.num_rows
    rows = tuple(
        (words, clock, processor, bills / processor / 1e6 if processor else None, processor / spent["file"][1])
        for (clock, processor), words in zip(spent.values(), _STEPS.values(), strict=True)
    )
    return Table("speed", "用时", "Time", (
        Column("步骤", "step", "said"), Column("秒", "seconds", "number"), Column("处理器秒", "seconds of processor", "number"),
        Column("百万单/秒", "million bills a second", "number"), Column("相当于读写的", "beside reading and writing", "share"),
    ), rows, f"{population.size:,} 人，{bills:,} 单，一个核。", f"{population.size:,} persons, {bills:,} bills, one core.")  # fmt: skip


def _drawn(population: Population, buckets: range, year: int) -> pa.Table:
    return pa.concat_tables([population.bills(bucket, year) for bucket in buckets])


def _there_and_back(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path)
    pq.read_table(path)
