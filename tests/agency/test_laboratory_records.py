"""What the agency gives the laboratory: its people and bills without names, and bills that come to the same fen."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.utils import timezone

from tests.agency.caring import BORN, patient, settled, stay
from tests.agency.test_laboratory import FORM, SETTINGS
from tests.agency.world import World
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.laboratory import actions
from yizhan.agency.laboratory.errors import NoBillsThere
from yizhan.agency.laboratory.models import Result
from yizhan.agency.laboratory.records import export
from yizhan.agency.staff.errors import NotAllowed, NotFound
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


def test_a_study_on_record_needs_its_right_and_keeps_sums_only(world: World) -> None:
    """The form offers the city its own records; the county's officer and the policy officer are not offered them."""
    someone = patient(world)
    rows = [
        settled(world.yuhu, stay(world.yuhu, someone, yuan=20_000, days_ago=9)),
        settled(world.yuhu, stay(world.yuhu, someone, yuan=9_000)),
    ]
    city, policy = world.client(world.xiangtan.officer), world.client(world.xiangtan.policy)
    given = FORM | {"profile": "records:430300", "count": "1"}
    assert "records:430300" in city.get("/laboratory/new").content.decode()
    assert "records:430300" not in policy.get("/laboratory/new").content.decode()
    assert policy.post("/laboratory/new", given).status_code == 422
    assert city.post("/laboratory/new", given | {"count": "2"}).status_code == 422
    with pytest.raises(NotAllowed):
        actions.create(SETTINGS | {"profile": "records:430300"}, acting_user=world.xiangtan.policy)
    with pytest.raises(NotFound):
        actions.create(SETTINGS | {"profile": "records:150400"}, acting_user=world.xiangtan.officer)
    where = city.post("/laboratory/new", given)["Location"].removesuffix("/figures")
    assert city.post(f"{where}/run").status_code == 302
    work_off()
    page = city.get(where).content.decode()
    assert "记录在案" in page and "明细合计" not in page
    for part in ("people", "places", "cliffs", "fund"):
        assert city.get(f"{where}?part={part}").status_code == 200, part
    assert city.post(f"{where}/cells").status_code == 404
    assert city.post(f"{where}/workbook").status_code == 200
    assert city.post(f"{where}/brief").status_code == 200
    with acting(world.xiangtan.officer):
        result = Result.objects.get()
        outlay = result.table("outlay")
        assert outlay is not None
        assert sum(row[3] for row in outlay["rows"] if row[2] == "个人") == sum(r.patient_fen for r in rows)
        assert (result.cases, result.cliffs, bytes(result.cells)) == ([], [], b"")
        audit = Audit.objects.get(act="laboratory.export")
        assert (audit.detail["bills"], audit.officer_id) == (2, world.xiangtan.officer.pk)


def test_an_area_without_bills_is_refused_and_nothing_is_written(world: World, tmp_path: Path) -> None:
    with pytest.raises(NoBillsThere):
        export(tmp_path / "records", "430300", YEAR)
    assert not (tmp_path / "records").exists()
