"""Tables of bills settled on a cluster by PySpark, with `mapInArrow` and the same fen as `settle_table`.

    settled = settle_spark(bills)          a DataFrame with the columns of docs/batch.md → a DataFrame of results

A year's sums run from bill to bill of one person, so all bills of a person must meet in one place and in their order.
Spark brings them together by hash of the person and sorts within each partition, where the settler carries the year from
batch to batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from yizhan.batch.table import PATIENT, TableSettler, check_columns, result_columns
from yizhan.policy.areas import load_scheme

ORDER = ("area", "person", "discharged_on", "sequence")


def settle_spark(bills: Any, policies: Path | None = None) -> Any:
    """Settle a Spark DataFrame of bills (docs/batch.md); the result has the columns of `settle_table` for its areas.

    Raises Problems in the driver for columns that are not known; bills that cannot be settled fail the job with the reason.
    """
    from pyspark.sql.pandas.types import to_arrow_schema

    schema = to_arrow_schema(bills.schema)
    check_columns(schema)
    areas = [row["area"] for row in bills.select("area").distinct().collect()]
    columns = result_columns([load_scheme(area, policies) for area in sorted(areas)])

    def settle(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        settler = TableSettler(policies, sample=1)
        for batch in batches:
            if batch.num_rows:
                yield from settler.settle(pa.Table.from_batches([batch]), columns).to_batches()

    order = [name for name in ORDER if name in bills.columns]
    keys = [bills.schema[name].simpleString().replace(":", " ", 1) for name in order]
    amounts = [f"`{name}` bigint" for name in (*columns, *PATIENT)]
    whole = bills.repartition("person").sortWithinPartitions(*order)
    return whole.mapInArrow(settle, ", ".join([*keys, *amounts]))
