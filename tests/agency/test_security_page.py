"""The table of controls names tests that exist, and every test that names a control stands in the table."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = (HERE.parents[1] / "docs/security.md").read_text(encoding="utf-8")
TESTS = {
    name
    for path in HERE.glob("test_*.py")
    for name in re.findall(r"^(?:    )?def (test_\w+)\(", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
}
NAMED = set(re.findall(r"\btest_\w+", PAGE.replace("tests/agency/test_security_page.py", "")))


def test_every_test_that_the_page_names_exists() -> None:
    assert NAMED <= TESTS, sorted(NAMED - TESTS)


def test_every_test_that_names_a_control_is_on_the_page() -> None:
    of_controls = {name for name in TESTS if re.match(r"test_[a-em]\d_|test_k\d_", name)}
    assert of_controls <= NAMED, sorted(of_controls - NAMED)


def test_every_row_has_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if re.match(r"\| [A-Z]\d", line)]
    assert len(rows) > 30
    assert all("test_" in row.rpartition("|")[0].rpartition("|")[2] for row in rows)
