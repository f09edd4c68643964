"""SY-7: a district whose rules are more generous than the city's keeps them (下级规定并存: 就高).

The district is fictitious, so it does not ship; it is put under the city's folder for the test, with the city's real documents.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from yizhan.policy.areas import Library
from yizhan.policy.examples import Outcome, read_examples, run

pytestmark = pytest.mark.xdist_group("local rules")

ROOT = Path(__file__).parents[1]
DISTRICT = "210199-样例区"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    """The district's examples, settled."""
    policies = tmp_path_factory.mktemp("policies")
    for name in ("000000-国家", "210100-沈阳"):
        shutil.copytree(ROOT / "policies" / name, policies / name)
    shutil.copytree(ROOT / "tests/places/local-over-city" / DISTRICT, policies / "210100-沈阳" / DISTRICT)
    library = Library(policies)
    scheme = library.scheme("210199")
    return list(run(read_examples(library.area("210199"), policies, scheme), scheme))


def test_the_better_of_both_rules_is_paid(outcomes: list[Outcome]) -> None:
    assert len(outcomes) >= 10
    assert any("SY-7" in outcome.example.row for outcome in outcomes)
    assert [p.text("en") for outcome in outcomes for p in outcome.problems] == []
