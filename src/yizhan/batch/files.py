"""Settle a Parquet file of bills into another, with memory bounded by chunks.

The file is read chunk by chunk; each area's year goes on from one chunk to the next. Rows must be sorted by person, date and
sequence within an area. If they are not, the file is first sorted into buckets by person, on disk, so that no more than one
bucket is in memory. The result is written under another name and takes its own only when all is done: a file that was
refused, or a process that was killed, leaves nothing half written.
"""

from __future__ import annotations

import os
import queue
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from yizhan.batch.columns import check_columns
from yizhan.batch.table import PATIENT, TableSettler, result_columns
from yizhan.errors import MissingColumn, NotSorted, Problems, Unreadable, Unwritable
from yizhan.policy.areas import load_scheme

CHUNK = 1_000_000
"""Bills settled at a time."""

BUCKET = 4_000_000
"""Bills sorted at a time where a file is not sorted."""

Progress = Callable[[str, int, int], None]
"""Called with a stage (`sort`, `settle`), bills done, and bills in all."""


@dataclass
class FileResult:
    """What settling a file came to: bills, whether it had to be sorted, and fen by area and column."""

    bills: int = 0
    sorted_first: bool = False
    sums: dict[str, dict[str, int]] = field(default_factory=dict)


def settle_file(
    source: Path, target: Path | None, policies: Path | None = None, *, already_sorted: bool = False,
    threads: int | None = None, progress: Progress | None = None,
) -> FileResult:  # fmt: skip
    """Settle every bill of a Parquet file; without a `target` only the sums.

    `already_sorted` refuses an unsorted file instead of sorting it. Raises Problems: columns, values, facts that are wrong
    or missing, rows out of order. Nothing is written then.
    """
    threads = threads or os.cpu_count() or 1
    file = _open(source)
    check_columns(file.schema_arrow)
    total = file.metadata.num_rows
    if total == 0:
        raise Problems([Unreadable(at=str(source), why="一张账单也没有 there is not one bill in it")])
    try:
        beside = tempfile.TemporaryDirectory(prefix=".yizhan-", dir=(target.parent if target else None))
    except OSError as error:
        raise Problems([Unwritable(at=str(target), why=error.strerror or "?")]) from None
    with beside as folder:
        unfinished = Path(folder) / "out.parquet" if target else None
        try:
            result = _settle(_chunks(file), _areas(file), unfinished, policies, threads, total, progress)
        except Problems as refused:
            if already_sorted or not all(isinstance(p, NotSorted) for p in refused.problems):
                raise
            buckets = _sorted_buckets(file, Path(folder), total, progress)
            result = _settle(buckets, _areas(file), unfinished, policies, threads, total, progress)
            result.sorted_first = True
        if target is not None and unfinished is not None:
            try:
                unfinished.replace(target)
            except OSError as error:
                raise Problems([Unwritable(at=str(target), why=error.strerror or "?")]) from None
    return result


def _open(source: Path) -> pq.ParquetFile:
    try:
        names = pq.read_schema(source)
        texts = [f.name for f in names if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
        return pq.ParquetFile(source, read_dictionary=[t for t in texts if t != "person"], memory_map=True)
    except (OSError, pa.ArrowInvalid) as error:
        raise Problems([Unreadable(at=str(source), why=str(error).splitlines()[0][:200])]) from None


def _chunks(file: pq.ParquetFile) -> Iterator[pa.Table]:
    for batch in file.iter_batches(batch_size=CHUNK):
        yield pa.Table.from_batches([batch])


def _areas(file: pq.ParquetFile) -> list[str]:
    areas: dict[str, None] = {}
    for batch in file.iter_batches(batch_size=CHUNK, columns=["area"]):
        for area in pc.unique(batch.column(0)).to_pylist():
            if area is None:
                raise Problems([MissingColumn(column="area", meaning="统筹区有空值 some rows have no area")])
            areas[area] = None
    return list(areas)


def _settle(
    chunks: Iterator[pa.Table], areas: list[str], target: Path | None, policies: Path | None, threads: int, total: int,
    progress: Progress | None,
) -> FileResult:  # fmt: skip
    """Read ahead, settle, and write behind: three stages, at most two chunks waiting between them."""
    columns = result_columns([load_scheme(area, policies) for area in areas])
    settler = TableSettler(policies, threads)
    spelled: dict[str, list[str]] = {}
    for area in areas:
        spelled.setdefault(load_scheme(area, policies).area, []).append(area)
    result = FileResult(sums={area: {} for area in spelled})
    with _ReadAhead(chunks) as ahead, _WriteBehind(target) as behind:
        for chunk in ahead:
            settled = settler.settle(chunk, columns)
            _add_sums(result.sums, spelled, settled, [*columns, *PATIENT])
            behind.write(settled)
            result.bills += chunk.num_rows
            if progress:
                progress("settle", result.bills, total)
    return result


def _add_sums(
    sums: dict[str, dict[str, int]], spelled: dict[str, list[str]], settled: pa.Table, columns: list[str]
) -> None:
    """Add a chunk to the sums of each pooling area; `spelled` are the codes and names by which the file calls it."""
    for area, known in sums.items():
        of_area = (
            settled
            if len(sums) == 1
            else settled.filter(pc.is_in(settled["area"].cast(pa.string()), pa.array(spelled[area])))
        )
        known["bills"] = known.get("bills", 0) + of_area.num_rows
        for name in columns:
            known[name] = known.get(name, 0) + (pc.sum(of_area[name]).as_py() or 0)


# --- Sorting on disk --------------------------------------------------------------------------------------------------


def _sorted_buckets(file: pq.ParquetFile, folder: Path, total: int, progress: Progress | None) -> Iterator[pa.Table]:
    """The file's bills, all of a person together and in order: spread into buckets by person, each sorted in memory.

    Buckets are ranges of persons, so that the persons ascend over the whole result.
    """
    count = max(1, -(-total // BUCKET))
    edges = _edges(file, count)
    writers: dict[int, pq.ParquetWriter] = {}
    done = 0
    try:
        for chunk in _chunks(file):
            places = (
                np.searchsorted(edges, _person_keys(chunk), side="right")
                if len(edges)
                else np.zeros(chunk.num_rows, np.int64)
            )
            for k in np.unique(places):
                part = chunk.filter(pa.array(places == k)) if count > 1 else chunk
                if int(k) not in writers:
                    writers[int(k)] = pq.ParquetWriter(folder / f"bucket-{k}.parquet", part.schema, compression="lz4")
                writers[int(k)].write_table(part)
            done += chunk.num_rows
            if progress:
                progress("sort", done, total)
    finally:
        for writer in writers.values():
            writer.close()
    texts = [f.name for f in file.schema_arrow if pa.types.is_string(f.type) and f.name != "person"]
    for k in sorted(writers):
        path = folder / f"bucket-{k}.parquet"
        table = pq.read_table(path, read_dictionary=texts)
        keys = [(name, "ascending") for name in ("person", "discharged_on", "sequence") if name in table.column_names]
        table = table.take(pc.sort_indices(table, keys))
        path.unlink()
        for start in range(0, table.num_rows, CHUNK):
            yield table.slice(start, CHUNK)


def _person_keys(chunk: pa.Table) -> np.ndarray:
    persons = chunk["person"].combine_chunks()
    if pa.types.is_integer(persons.type):
        return persons.to_numpy(zero_copy_only=False)
    return np.asarray(persons.to_pylist(), dtype=object)


def _edges(file: pq.ParquetFile, count: int) -> np.ndarray:
    """Persons that cut the file into about equal ranges, from a sample of its row groups."""
    if count == 1:
        return np.array([])
    sample = np.concatenate([
        np.sort(_person_keys(pa.Table.from_batches([b])))[:: max(1, b.num_rows // 2000)] for b in file.iter_batches(batch_size=CHUNK, columns=["person"])
    ])  # fmt: skip
    sample.sort()
    return np.unique(sample[[len(sample) * k // count for k in range(1, count)]])


# --- Reading ahead and writing behind ---------------------------------------------------------------------------------


class _ReadAhead:
    """Reads the next chunk while this one is settled."""

    def __init__(self, chunks: Iterator[pa.Table]) -> None:
        self.chunks, self.waiting = chunks, queue.Queue[pa.Table | BaseException | None](maxsize=2)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        last: BaseException | None = None
        try:
            for chunk in self.chunks:
                self._put(chunk)
                if self.stopped.is_set():
                    return
        except BaseException as error:  # handed over to the caller's thread
            last = error
        self._put(last)

    def _put(self, item: pa.Table | BaseException | None) -> None:
        while not self.stopped.is_set():
            try:
                self.waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def __enter__(self) -> Iterator[pa.Table]:
        self.thread.start()
        return self._items()

    def _items(self) -> Iterator[pa.Table]:
        while True:
            item = self.waiting.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join()


class _WriteBehind:
    """Writes settled chunks while the next one is settled."""

    def __init__(self, target: Path | None) -> None:
        self.target = target
        self.writer: pq.ParquetWriter | None = None
        self.waiting: queue.Queue[pa.Table | None] = queue.Queue(maxsize=2)
        self.failed: BaseException | None = None
        self.thread = threading.Thread(target=self._write, daemon=True)

    def _write(self) -> None:
        while (table := self.waiting.get()) is not None:
            if self.failed:
                continue
            try:
                if self.writer is None:
                    self.writer = pq.ParquetWriter(
                        self.target, table.schema, compression="lz4", use_dictionary=False, write_statistics=False
                    )
                self.writer.write_table(table, row_group_size=CHUNK)
            except BaseException as error:  # raised in the caller's thread
                self.failed = error

    def write(self, table: pa.Table) -> None:
        """Hand over a chunk. Raises what writing an earlier one raised."""
        if self.failed:
            raise self.failed
        if self.target is not None:
            self.waiting.put(table)

    def __enter__(self) -> _WriteBehind:
        if self.target is not None:
            self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.target is None:
            return
        self.waiting.put(None)
        self.thread.join()
        if self.writer is not None:
            self.writer.close()
        if self.failed and kind is None:
            raise self.failed
