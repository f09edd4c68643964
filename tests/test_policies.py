"""The policies that ship with yizhan: they can be read, and every row of every 算例.md comes out."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from yizhan.errors import Problems
from yizhan.policy.areas import AreaFolder, Library, load_scheme
from yizhan.policy.endings import ended, ending
from yizhan.policy.examples import Outcome

LIBRARY = Library()
LOCAL_OVER_CITY = Path(__file__).parent / "places" / "local-over-city"
AREAS = [pytest.param(area, id=area.name) for area in LIBRARY.pooling_areas]

REQUIREMENTS = [
    *(f"HN-{n}" for n in range(1, 9)),
    *(f"SY-{n}" for n in range(1, 9)),
    *(f"XT-{n}" for n in range(1, 6)),
    *(f"CF-{n}" for n in range(1, 11)),
    *(f"JM-{n}" for n in range(1, 6)),
]
"""What issue 1 asks of the five documents, by place: Hunan, Shenyang, Xiangtan, Chifeng, Jiangmen."""


def test_example(outcome: Outcome | Problems) -> None:
    assert isinstance(outcome, Outcome), outcome
    assert not outcome.problems, "\n".join(problem.text("zh") for problem in outcome.problems)
    if outcome.settlement is not None:
        assert outcome.settlement.paid + outcome.settlement.patient_share == outcome.example.claim.costs.total


@pytest.mark.parametrize("area", AREAS)
def test_the_documents_load(area: AreaFolder) -> None:
    scheme = LIBRARY.scheme(area.code)
    assert re.fullmatch("[0-9a-f]{16}", scheme.digest)
    assert {document.file for document in scheme.documents} >= {f"{area.path.relative_to(LIBRARY.root)}/scheme.md"}
    assert scheme.rules and scheme.layers
    assert scheme.name_en != scheme.area


def test_every_area_has_a_digest_of_its_own() -> None:
    digests = {LIBRARY.scheme(area.code).digest for area in LIBRARY.pooling_areas}
    assert len(digests) == len(LIBRARY.pooling_areas) >= 4


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_every_requirement_is_shown_by_a_row(requirement: str) -> None:
    assert requirement in shown_requirements()


@cache
def shown_requirements() -> frozenset[str]:
    """What stands in the column 项 of the shipped areas, and of the county that keeps what is better than Shenyang's."""
    shown = set()
    for path in [*LIBRARY.root.rglob("算例*.md"), *LOCAL_OVER_CITY.rglob("算例*.md")]:
        header: list[str] = []
        for line in path.read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
            header = header if header and cells else cells
            if "项" in header and cells:
                shown |= set(cells[header.index("项")].split("、"))
    return frozenset(shown)


def test_a_document_is_missed_from_the_day_after_its_last_until_another_begins() -> None:
    scheme = load_scheme("430300")
    names = lambda found: [d.name for d in found]  # noqa: E731
    assert names(ended(scheme, date(2026, 10, 1))) == []
    assert names(ended(scheme, date(2026, 10, 2))) == ["潭医保发〔2021〕26号"]
    assert names(ending(scheme, date(2026, 7, 2))) == []
    assert names(ending(scheme, date(2026, 7, 3))) == ["潭医保发〔2021〕26号"]
    assert names(ending(scheme, date(2026, 10, 2))) == []
    assert names(ended(load_scheme("440700"), date(2021, 1, 1))) == ["江人社发〔2017〕16号"]
