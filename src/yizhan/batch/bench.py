"""The figures of speed: what the engine reaches on this machine, in one run, beside what its memory can do.

Bills are synthetic and follow a seed: a year of a county's residents, most of them ordinary, an eighth poor, with the mix of
hospital levels that the statistics bulletins print. Figures of a shared machine are only worth their ratios, so each is
shown next to the time of copying the same columns in memory, and with the machine's load.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from yizhan.batch.columns import EPOCH
from yizhan.batch.files import settle_file
from yizhan.batch.single import settle_rows
from yizhan.batch.table import Settler
from yizhan.policy.areas import load_scheme

YEARS = {"150400": 2019, "210100": 2019, "430300": 2019, "440700": 2019}


@dataclass(frozen=True)
class Figure:
    """One measured figure: what, how much, and in which unit."""

    zh: str
    en: str
    value: float
    unit: str


def synthetic_bills(area: str, bills: int, seed: int = 1, first_person: int = 0) -> pa.Table:
    """A sorted table of synthetic bills of one area and one year, about two for each person. Names are numbers."""
    rng = np.random.default_rng(seed)
    start = (date(YEARS[area], 1, 1) - EPOCH).days
    persons = np.sort(rng.integers(0, max(1, bills // 2), bills)) + first_person
    days = rng.integers(0, 350, bills)
    days = days[np.lexsort((days, persons))] + start
    inpatient = rng.random(bills) < 0.45
    place = rng.choice(5, bills, p=[0.22, 0.48, 0.17, 0.08, 0.05])
    poor = (np.unique(persons, return_inverse=True)[1] * 2654435761 % 1000) < 125
    stay = np.where(inpatient, rng.integers(1, 20, bills), 0)

    def pick(words: Sequence[str], codes: np.ndarray) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(list(words)))

    def draw(words: Sequence[str], odds: Sequence[float]) -> pa.DictionaryArray:
        return pick(words, rng.choice(len(words), bills, p=odds))

    base = np.exp(rng.normal(np.where(inpatient, 8.2, 5.2) + 0.35 * place * inpatient, 0.8)) * 100
    own = base * rng.beta(1, 12, bills)
    identity = np.where(poor, rng.choice([1, 2, 3], bills, p=[0.7, 0.25, 0.05]), 0)
    return pa.table({
        "area": pick([area], np.zeros(bills)), "person": persons, "sequence": np.arange(bills),
        "admitted_on": pa.array((days - stay).astype(np.int32)).cast(pa.date32()),
        "discharged_on": pa.array(days.astype(np.int32)).cast(pa.date32()),
        "identities": pick(["", "registered_poor", "subsistence", "extremely_poor"], identity),
        "age": rng.integers(0, 95, bills), "care": pick(["inpatient", "outpatient", "chronic"], np.where(inpatient, 0, rng.choice([1, 2], bills, p=[0.8, 0.2]))),
        "institution": draw(["县医院", "市医院", "康平县人民医院"], [0.6, 0.3, 0.1]),
        "institution_tier": pick(["township", "county", "municipal", "municipal", "provincial"], place),
        "institution_level": pick(["ungraded", "level_2", "level_2", "level_3", "level_3"], place),
        "place": pick(["own_county", "own_county", "own_city", "own_city", "own_province"], place),
        "referral": draw(["by_rule", "none"], [0.93, 0.07]), "emergency": draw(["no", "yes"], [0.95, 0.05]),
        "linked": draw(["no", "yes"], [0.97, 0.03]), "diagnoses": draw(["", "胃癌", "肺癌", "终末期肾病"], [0.94, 0.02, 0.02, 0.02]),
        "quota_chronic": draw(["yes", "no"], [0.7, 0.3]), "severe_programme": draw(["no", "yes"], [0.98, 0.02]),
        "special_drug": draw(["no"], [1.0]), "application": draw(["not_applied"], [1.0]), "expert_review": draw(["pending", "passed"], [0.5, 0.5]),
        "wilful_default": draw(["no", "yes"], [0.999, 0.001]), "audit": draw(["normal"], [1.0]),
        "supplementary": draw(["yes", "no"], [0.8, 0.2]), "insured_county": draw(["康平县", "某区"], [0.3, 0.7]), "designated": draw(["yes"], [1.0]),
        "tcm": draw(["no"], [1.0]), "tier": draw(["tier_1"], [1.0]), "insurance": draw(["resident"], [1.0]), "sex": draw(["female", "male"], [0.5, 0.5]),
        "in_scope": base.astype(np.int64), "first_pay": (base * 0.05).astype(np.int64), "over_limit": np.zeros(bills, np.int64),
        "own": own.astype(np.int64),
    })  # fmt: skip


def _best(run: Callable[[], object], times: int = 3) -> float:
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        found.append(time.perf_counter() - begin)
    return min(found)


def measure(areas: Sequence[str], bills: int, policies: Path | None = None) -> Iterator[Figure]:
    """Measure each area's loop, the single settlement, and a file from end to end."""
    load = os.getloadavg()[0]
    yield Figure("机器负载（开始时，1分钟）", "load of the machine at the start (1 minute)", load, "")
    yield _copying(bills)
    for area in areas:
        scheme = load_scheme(area, policies)
        table = synthetic_bills(area, bills)
        for sums_only in (False, True):
            rate, compiling = _loop(Settler(scheme, sample=0), table, sums_only)
            what_zh, what_en = ("只求和", "sums only") if sums_only else ("逐单全部", "every bill, all columns")
            if not sums_only:
                yield Figure(
                    f"{scheme.name}：第一次编译（有缓存时为读入）",
                    f"{scheme.name_en}: first compilation (or loading from the cache)",
                    compiling,
                    "s",
                )
            yield Figure(
                f"{scheme.name}：单核循环，{what_zh}",
                f"{scheme.name_en}: loop on one core, {what_en}",
                rate / 1e6,
                "M bills/s",
            )
        yield Figure(
            f"{scheme.name}：单次结算并说明",
            f"{scheme.name_en}: one explained settlement",
            _single(scheme.area, table, policies),
            "µs",
        )
    yield from _file(areas, bills, policies)


def _copying(bills: int) -> Figure:
    """The machine's memory: bytes read and written a second by copying as much as the loop touches."""
    source = np.ones((20, bills), dtype=np.int64)
    target = np.empty_like(source)
    seconds = _best(lambda: np.copyto(target, source))
    return Figure("内存复制（参照）", "copying memory (reference)", 2 * source.nbytes / seconds / 1e9, "GB/s")


def _loop(settler: Settler, table: pa.Table, sums_only: bool) -> tuple[float, float]:
    prepared = settler.prepare(table)
    structure = settler.plan(sums_only)
    n = 0 if sums_only else table.num_rows
    out = np.zeros((len(structure.outputs), n), dtype=np.int64)
    patient = np.zeros((4, n), dtype=np.int64)
    sums = np.zeros((1, len(structure.active) + 5), dtype=np.int64)
    begin = time.perf_counter()
    settler.run(structure, prepared, out, patient, sums)
    compiling = time.perf_counter() - begin
    return table.num_rows / _best(lambda: settler.run(structure, prepared, out, patient, sums)), compiling


def _single(area: str, table: pa.Table, policies: Path | None) -> float:
    """Microseconds of one explained settlement, figures memoised, on bills of poor patients."""
    scheme = load_scheme(area, policies)
    rows = table.filter(pa.compute.equal(table["identities"].cast(pa.string()), "registered_poor")).slice(0, 300)
    persons = [rows.slice(k, 1) for k in range(rows.num_rows)]
    for person in persons:
        settle_rows(person, scheme)
    seconds = _best(lambda: [settle_rows(person, scheme) for person in persons])
    reading = _best(lambda: [person.to_pylist() for person in persons])
    return (seconds - reading) / len(persons) * 1e6


def _file(areas: Sequence[str], bills: int, policies: Path | None) -> Iterator[Figure]:
    """A Parquet file of all areas, read, settled and written; sorted, and shuffled."""
    with tempfile.TemporaryDirectory(prefix="yizhan-bench-") as folder:
        tables = [synthetic_bills(area, bills, first_person=k * bills) for k, area in enumerate(areas)]
        table = pa.concat_tables(tables, promote_options="permissive").unify_dictionaries()
        sorted_path, shuffled, out = (Path(folder) / n for n in ("sorted.parquet", "shuffled.parquet", "out.parquet"))
        pq.write_table(table, sorted_path, row_group_size=1_000_000)
        pq.write_table(
            table.take(pa.array(np.random.default_rng(2).permutation(table.num_rows))),
            shuffled,
            row_group_size=1_000_000,
        )
        for path, zh, en in ((sorted_path, "已排序", "sorted"), (shuffled, "未排序", "not sorted")):
            settle_file(path, out, policies)
            seconds = _best(partial(settle_file, path, out, policies), 1)
            yield Figure(
                f"文件：读、结算、写（{zh}）",
                f"file: read, settle, write ({en})",
                table.num_rows / seconds / 1e6,
                "M bills/s",
            )
        begin = time.perf_counter()
        pq.write_table(pq.read_table(sorted_path), out)
        yield Figure(
            "同一文件只读写不结算（参照）",
            "reading and writing the same file without settling (reference)",
            table.num_rows / (time.perf_counter() - begin) / 1e6,
            "M bills/s",
        )
