"""The same runs on a cluster: chunks of a population settled by PySpark or Ray, with the same fen as on one machine.

    outcome = run(population, scenarios, spread_out=on_spark(spark))
    outcome = run(population, scenarios, spread_out=on_ray())

Each chunk is drawn where it is settled, so nothing but its sums travels. Every machine needs yizhan with the extra `batch`
and, for a reform, its folder of policies under the same path. docs/laboratory.md says how to start. Neither library is
needed otherwise: the extras `spark` and `ray` bring them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yizhan.simulation.run import Spread, Task, Worker
from yizhan.simulation.tallies import Tally

_KNOWN: list[tuple[Task, Worker]] = []


def settle_chunk(task: Task, first: int, last: int) -> tuple[Tally, ...]:
    """The tallies of the buckets from `first` up to, not including, `last`. A process keeps the worker of its task."""
    if not _KNOWN or _KNOWN[0][0] != task:
        _KNOWN[:] = [(task, Worker(task))]
    return _KNOWN[0][1].settle(range(first, last))


def on_spark(spark: Any) -> Spread:
    """Chunks as tasks of a Spark session."""

    def spread_out(task: Task, chunks: list[range]) -> Iterator[tuple[Tally, ...]]:
        shared = spark.sparkContext.broadcast(task)
        ranges = [(chunk.start, chunk.stop) for chunk in chunks]
        rows = spark.sparkContext.parallelize(ranges, len(ranges))
        yield from rows.map(lambda chunk: settle_chunk(shared.value, *chunk)).toLocalIterator(prefetchPartitions=True)

    return spread_out


def on_ray() -> Spread:
    """Chunks as tasks of the Ray cluster that this process is connected to, or of one of this machine."""
    import ray

    def spread_out(task: Task, chunks: list[range]) -> Iterator[tuple[Tally, ...]]:
        settle = ray.remote(settle_chunk)
        shared = ray.put(task)
        waiting = [settle.remote(shared, chunk.start, chunk.stop) for chunk in chunks]
        for found in waiting:
            yield ray.get(found)

    return spread_out
