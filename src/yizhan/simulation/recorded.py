"""People and bills that a bureau has on record, in the place of made-up ones: a folder with two Parquet files.

    persons.parquet   person (whole number), household (whole number), age, sex, identities, insured_county, income (fen per head)
    bills.parquet     the columns of docs/batch.md, whole fen, sorted by person, day of discharge and sequence

Nothing in them names anybody: a person is a number of this folder. `write` makes such a folder of a made-up population,
`./yizhan records` of the agency's database. Where no income is known (all 0), catastrophic spending is not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from yizhan.engine.facts import FACTS, POTS
from yizhan.errors import Problems
from yizhan.simulation.errors import RecordsUnusable
from yizhan.simulation.population import BUCKET, STEADY, Growth, Part, Persons, Population, identities_of
from yizhan.simulation.profile import Figure, Profile, Setting

PERSONS, BILLS = "persons.parquet", "bills.parquet"
PERSON_COLUMNS = ("person", "household", "age", "sex", "identities", "insured_county", "income")
PLACE = ("institution_tier", "institution_level", "place")


@dataclass(frozen=True)
class Recorded(Population):
    """A population that is read, not drawn. Years without bills have none; growth leaves what is on record as it is."""

    folder: Path = Path()

    @classmethod
    def open(cls, folder: Path, year: int) -> Recorded:
        """Read what there is, not the bills themselves. Raises Problems: RecordsUnusable."""
        for name, needed in ((PERSONS, PERSON_COLUMNS), (BILLS, ("person", "discharged_on", "area", *PLACE))):
            path = folder / name
            if not path.is_file():
                raise Problems([RecordsUnusable(at=str(path), why="没有这个文件 no such file")])
            missing = set(needed) - set(pq.read_schema(path).names)
            if missing:
                raise Problems(
                    [RecordsUnusable(at=str(path), why=f"缺少列 columns missing: {', '.join(sorted(missing))}")]
                )
        profile = _profile(folder, year)
        return cls((Part(profile, int(profile["persons.insured"])),), 0, folder)

    @cached_property
    def _everybody(self) -> pa.Table:
        return pq.read_table(self.folder / PERSONS).sort_by("person")

    def persons(self, bucket: int) -> Persons:
        """Who is on record in a bucket; persons are numbered in the order of their numbers."""
        profile = self.parts[0].profile
        first = bucket * BUCKET
        table = self._everybody.slice(first, self.persons_in(bucket))
        identity = _coded(table["identities"], identities_of(profile))
        count = table.num_rows
        return Persons(
            0, first, table["household"].to_numpy(), table["age"].to_numpy().astype(np.int64),
            pc.equal(table["sex"], "female").to_numpy(zero_copy_only=False), (identity > 0).astype(np.int64), identity,
            _coded(table["insured_county"], list(profile.counties)), np.maximum(1, table["income"].to_numpy()),
            np.zeros(count, np.int64), np.zeros(count), np.zeros(count, bool),
        )  # fmt: skip

    def bills(self, bucket: int, year: int, growth: Growth = STEADY, persons: Persons | None = None) -> pa.Table:
        """The bills on record of a bucket and year of discharge."""
        numbers = self._everybody["person"].slice(bucket * BUCKET, self.persons_in(bucket)).to_numpy()
        table = pq.read_table(self.folder / BILLS, filters=[
            ("person", ">=", int(numbers[0])), ("person", "<=", int(numbers[-1])),
            ("discharged_on", ">=", date(year, 1, 1)), ("discharged_on", "<=", date(year, 12, 31)),
        ])  # fmt: skip
        at = np.searchsorted(numbers, table["person"].to_numpy())
        table = table.set_column(table.column_names.index("person"), "person", pa.array(bucket * BUCKET + at))
        settings = self.parts[0].profile.settings
        places = _coded(_place(table), [s.key for s in settings])
        for name in table.column_names:
            if pa.types.is_string(table.schema.field(name).type):
                values = table[name].combine_chunks().dictionary_encode()
                table = table.set_column(table.column_names.index(name), name, values)
        if "sequence" not in table.column_names:
            table = table.append_column("sequence", pa.array(np.arange(table.num_rows)))
        if "admitted_on" not in table.column_names:
            table = table.append_column("admitted_on", table["discharged_on"])
        for pot in POTS:
            if pot not in table.column_names:
                table = table.append_column(pot, pa.array(np.zeros(table.num_rows, np.int64)))
        return table.append_column("setting", pa.array(places))


def _place(table: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(*(table[name].cast(pa.string()) for name in PLACE), "·")


def _coded(values: pa.ChunkedArray, words: Sequence[str]) -> np.ndarray:
    """The number of each word in the list."""
    found = pc.index_in(values.cast(pa.string()), pa.array(list(words), pa.string()))
    return np.asarray(pc.fill_null(found, 0).to_numpy()).astype(np.int64)


def _nearness(place: str) -> tuple[int, ...]:
    """Places of care from the nearest on, as the words of each fact are ordered."""
    return tuple(
        [value.code for value in FACTS[fact].values].index(code)
        for fact, code in zip(PLACE, place.split("·"), strict=True)
    )


def _profile(folder: Path, year: int) -> Profile:
    """A profile with what is on record: places of care, identities, counties, and no more."""
    persons = pq.read_table(folder / PERSONS)
    bills = pq.read_table(folder / BILLS, columns=["area", *PLACE])
    places = [key for key in pc.unique(_place(bills)).to_pylist() if key is not None]
    settings = tuple(
        Setting(key, tier, level, place, 1.0, 1.0, 0.0, 0.0, {})
        for key in sorted(places, key=_nearness) for tier, level, place in (key.split("·"),)
    )  # fmt: skip
    areas = pc.unique(bills["area"].cast(pa.string())).to_pylist()
    if len(areas) != 1:
        raise Problems([RecordsUnusable(at=str(folder / BILLS), why=f"要只有一个统筹区 one area is needed: {areas}")])
    identities = sorted(i for i in pc.unique(persons["identities"].cast(pa.string())).to_pylist() if i)
    counties = sorted(c for c in pc.unique(persons["insured_county"].cast(pa.string())).to_pylist() if c is not None)
    known: dict[str, Any] = {
        "persons.insured": persons.num_rows, "households.income_ordinary": int(pc.mean(persons["income"]).as_py() or 0),
        **{f"identities.{code}": 0.0 for code in identities},
    }  # fmt: skip
    figures = {path: Figure(path, value, "记录 on record", "") for path, value in known.items()}
    name = folder.name
    return Profile(name, name, name, str(areas[0]), year, dict.fromkeys(counties or ["—"], 0.0), settings, figures)


def write(population: Population, years: Sequence[int], folder: Path) -> int:
    """Write a made-up population as a folder that `Recorded` reads. Returns the number of bills."""
    folder.mkdir(parents=True, exist_ok=False)
    written = 0
    person_writer: pq.ParquetWriter | None = None
    bill_writer: pq.ParquetWriter | None = None
    for bucket in range(population.buckets):
        who = population.persons(bucket)
        profile = population.profile(bucket)
        of = pa.table({
            "person": who.first + np.arange(len(who)), "household": who.household, "age": who.age,
            "sex": pa.array(np.where(who.female, "female", "male")),
            "identities": pa.array(np.array(identities_of(profile))[who.identity]),
            "insured_county": pa.array(np.array(list(profile.counties))[who.county]), "income": who.income,
        })  # fmt: skip
        tables = [population.bills(bucket, year, persons=who) for year in years]
        bills = pa.concat_tables(tables).drop_columns(["setting"])
        if len(years) > 1:
            bills = bills.sort_by([("person", "ascending"), ("discharged_on", "ascending"), ("sequence", "ascending")])
        person_writer = person_writer or pq.ParquetWriter(folder / PERSONS, of.schema)
        bill_writer = bill_writer or pq.ParquetWriter(folder / BILLS, bills.schema)
        person_writer.write_table(of)
        bill_writer.write_table(bills)
        written += bills.num_rows
    for writer in (person_writer, bill_writer):
        if writer is not None:
            writer.close()
    return written
