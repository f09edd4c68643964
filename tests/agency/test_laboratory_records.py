"""What the agency gives the laboratory: its people and bills without names, and bills that come to the same fen."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.utils import timezone

from tests.agency.caring import BORN, patient, settled, stay
from tests.agency.world import World
from yizhan.agency.laboratory.errors import NoBillsThere
from yizhan.agency.laboratory.records import export
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.scope import System, acting
from yizhan.batch.single import settle_rows
from yizhan.policy.areas import load_scheme
from yizhan.simulation.recorded import Recorded

YEAR = timezone.localdate().year


def test_bills_on_record_are_settled_to_the_same_fen_and_name_nobody(world: World, tmp_path: Path) -> None:
    someone, other = patient(world), patient(world, 2, "试样乙")
    rows = [
        settled(world.yuhu, stay(world.yuhu, someone, yuan=20_000, days_ago=9)),
        settled(world.yuhu, stay(world.yuhu, someone, yuan=9_000)),
        settled(world.yuhu, stay(world.yuhu, other, yuan=3_000)),
    ]
    folder = tmp_path / "records"
    persons, bills = export(folder, "430300", YEAR)
    assert bills == 3
    assert persons >= 2
    found = Recorded.open(folder, YEAR).bills(0, YEAR)
    scheme = load_scheme("430300")
    owed = [
        sum(left)
        for person in dict.fromkeys(found["person"].to_pylist())
        for _, left in settle_rows(found.filter([p == person for p in found["person"].to_pylist()]), scheme)
    ]
    assert sorted(owed) == sorted(row.patient_fen for row in rows)
    table = pq.read_table(folder / "persons.parquet").to_pylist()
    assert sorted(row["person"] for row in table) == list(range(1, persons + 1)), "numbers of this folder only"
    text = (folder / "persons.parquet").read_bytes() + (folder / "bills.parquet").read_bytes()
    for named in ("试样甲", someone.id_mask, BORN.isoformat(), world.yuhu.hospital.name, world.yuhu.hospital.code):
        assert named.encode() not in text, named
    with acting(System("tests")):
        assert Audit.objects.get(act="laboratory.export").detail["bills"] == 3


def test_an_area_without_bills_is_refused_and_nothing_is_written(world: World, tmp_path: Path) -> None:
    with pytest.raises(NoBillsThere):
        export(tmp_path / "records", "430300", YEAR)
    assert not (tmp_path / "records").exists()
