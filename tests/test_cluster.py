"""Runs and tables on a real local Spark: the same fen as on one machine.

Spark is half a gigabyte, so it is not among the packages of the tests: `pip install pandas\\<3 pyspark` and Java 17 bring
these tests to life, and they are skipped where it is missing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from yizhan.batch.cluster import ORDER, settle_spark
from yizhan.batch.table import settle_table
from yizhan.simulation import run as running
from yizhan.simulation.cluster import on_spark
from yizhan.simulation.population import BUCKET, Part, Population
from yizhan.simulation.profile import load

pyspark = pytest.importorskip("pyspark")
POPULATION = Population((Part(load("chifeng-2018"), BUCKET + 100),), 1)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        pyspark.sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false").config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "4").getOrCreate()
    )  # fmt: skip
    yield session
    session.stop()


def test_a_run_on_spark_finds_the_same_fen(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "CHUNK", 1)
    alone = running.run(POPULATION).tallies[0]
    spread = running.run(POPULATION, spread_out=on_spark(spark)).tallies[0]
    for name in ("bills", "persons", "months", "limits", "share_bins", "amount_bins", "by_bucket"):
        assert np.array_equal(getattr(alone, name), getattr(spread, name)), name


def test_a_shuffled_table_on_spark_is_settled_to_the_same_fen(spark: Any, tmp_path: Path) -> None:
    drawn = POPULATION.bills(0, 2018).drop_columns(["setting"])
    words = [pa.types.is_dictionary(field.type) for field in drawn.schema]
    columns = [c.cast(pa.string()) if word else c for c, word in zip(drawn.columns, words, strict=True)]
    bills = pa.table(dict(zip(drawn.column_names, columns, strict=True)))
    shuffled = np.random.default_rng(1).permutation(bills.num_rows)
    pq.write_table(bills.take(pa.array(shuffled)), tmp_path / "bills.parquet")
    alone = settle_table(bills)
    spread = settle_spark(spark.read.parquet(str(tmp_path / "bills.parquet"))).toArrow()
    spread = spread.sort_by([(name, "ascending") for name in ORDER])
    assert spread.num_rows == alone.num_rows > 60_000
    for name in alone.column_names:
        assert alone[name].to_pylist() == spread[name].to_pylist(), name
