"""`yizhan batch`: Parquet files in and out, through the command line and with the plug pulled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from yizhan.batch import files
from yizhan.batch.bench import synthetic_bills
from yizhan.cli import main

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def bills() -> pa.Table:
    """Sorted bills of one area."""
    return synthetic_bills("440700", 3_000, seed=5)


def written(folder: Path, table: pa.Table, name: str = "in.parquet") -> Path:
    """The table as a file."""
    path = folder / name
    pq.write_table(table, path, row_group_size=700)
    return path


def test_a_file_is_settled_and_its_sums_agree(
    bills: pa.Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = written(tmp_path, bills), tmp_path / "out.parquet"
    assert main(["batch", str(source), str(target), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    result = pq.read_table(target)
    cost = sum(sum(bills[p].to_pylist()) for p in ("in_scope", "first_pay", "over_limit", "own"))
    layers = ["窗口减免", "基本医保", "大病保险", "医疗救助", "精准扶贫资金", "自费分担"]
    assert sum(sum(result[c].to_pylist()) for c in (*layers, "patient")) == cost
    assert told["bills"] == result.num_rows == 3_000 and told["sorted_first"] is False
    assert told["sums"]["440700"]["patient"] == f"{sum(result['patient'].to_pylist()) / 100:.2f}"
    assert list(tmp_path.glob(".yizhan-*")) == []


def test_an_unsorted_file_is_sorted_first_and_settled_alike(
    bills: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BUCKET", 1_000)
    backwards = bills.take(pa.array(range(bills.num_rows - 1, -1, -1)))
    files.settle_file(written(tmp_path, bills), tmp_path / "one.parquet")
    result = files.settle_file(written(tmp_path, backwards, "back.parquet"), tmp_path / "two.parquet")
    assert result.sorted_first
    one, two = (pq.read_table(tmp_path / name) for name in ("one.parquet", "two.parquet"))
    assert one.equals(two)


def test_chunks_do_not_matter(bills: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = written(tmp_path, bills)
    files.settle_file(source, tmp_path / "whole.parquet")
    monkeypatch.setattr(files, "CHUNK", 333)
    files.settle_file(source, tmp_path / "pieces.parquet", threads=2)
    assert pq.read_table(tmp_path / "whole.parquet").equals(pq.read_table(tmp_path / "pieces.parquet"))


def spoiled(table: pa.Table, column: str, row: int, value: object) -> pa.Table:
    """The table with one cell changed."""
    cells = table[column].to_pylist()
    cells[row] = value
    kind = table.schema.field(column).type
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return table.set_column(table.column_names.index(column), column, pa.array(cells, plain))


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("in_scope", -1, "rows_refused"),
        ("in_scope", 10**13, "rows_refused"),
        ("care", "住 院", "unknown_value"),
        ("identities", "贫困", "unknown_value"),
        ("area", "990000", "no_policy_for_area"),
        ("area", None, "missing_column"),
        ("care", None, "rows_refused"),
    ],
)
def test_one_bad_cell_refuses_the_file_and_leaves_nothing(
    column: str, value: object, code: str, bills: pa.Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path, spoiled(bills, column, 1234, value))
    assert main(["batch", str(source), str(tmp_path / "out.parquet")]) == 2
    assert f"[{code}]" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["in.parquet"]


def test_what_is_no_table_of_bills_is_refused(
    bills: pa.Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.parquet").write_text("no parquet", encoding="utf-8")
    cases = {
        str(tmp_path / "absent.parquet"): "unreadable",
        str(tmp_path / "text.parquet"): "unreadable",
        str(written(tmp_path, bills.drop_columns(["person"]), "a.parquet")): "missing_column",
        str(written(tmp_path, bills.append_column("wards", bills["age"]), "b.parquet")): "unknown_key",
        str(written(tmp_path, bills.set_column(0, "area", bills["age"]), "c.parquet")): "bad_column",
    }
    for source, code in cases.items():
        assert main(["batch", source, str(tmp_path / "out.parquet")]) == 2
        assert f"[{code}]" in capsys.readouterr().err
    backwards = written(tmp_path, bills.take(pa.array([1, 0])), "d.parquet")
    assert main(["batch", str(backwards), str(tmp_path / "out.parquet"), "--sorted"]) == 2
    assert "[not_sorted]" in capsys.readouterr().err
    assert not (tmp_path / "out.parquet").exists()


def test_a_killed_run_leaves_no_result(tmp_path: Path) -> None:
    """kill -9 while rows are being settled: OUT.parquet is not there, and a second run makes it."""
    source = written(tmp_path, synthetic_bills("440700", 400_000, seed=6))
    target = tmp_path / "out.parquet"
    command = [sys.executable, "-m", "yizhan", "batch", str(source), str(target)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    waited = time.monotonic() + 60
    while not list(tmp_path.glob(".yizhan-*/out.parquet")) and process.poll() is None and time.monotonic() < waited:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not target.exists()
    assert main(["batch", str(source), str(target)]) == 0
    assert pq.read_metadata(target).num_rows == 400_000
