"""Who gets how much of the premium from whom (SUB-1 … SUB-3), as the documents say it."""

from __future__ import annotations

import pytest

from yizhan import load_scheme
from yizhan.engine.money import RATIO_ONE
from yizhan.engine.scheme import PremiumSubsidy


def of(area: str, identity: str, year: int) -> list[PremiumSubsidy]:
    """The rows that speak of an identity in an enrolment year."""
    rows = load_scheme(area).subsidies
    return [r for r in rows if identity in r.identities and r.from_year <= year <= r.to_year]


@pytest.mark.parametrize(
    ("identity", "ratio", "certified_by"),
    [
        ("extremely_poor", RATIO_ONE, "民政"),
        ("severely_disabled", RATIO_ONE, "残联"),
        ("orphan", RATIO_ONE, "民政"),
        ("unsupported_child", RATIO_ONE, "民政"),
        ("subsistence", RATIO_ONE // 2, "民政"),
        ("monitored", RATIO_ONE // 2, "乡村振兴"),
        ("returned_to_poverty", RATIO_ONE // 2, "乡村振兴"),
        ("stably_lifted", 0, "乡村振兴"),
    ],
)
def test_xiangtan_subsidises_by_category_from_2022(identity: str, ratio: int, certified_by: str) -> None:
    """SUB-1, SUB-2, SUB-3: 潭医保发〔2021〕26号 三（一）."""
    rows = [r for r in of("430300", identity, 2022) if r.citation.document == "潭医保发〔2021〕26号"]
    assert {r.ratio for r in rows} == {ratio}
    assert all(certified_by in r.certified_by for r in rows)
    assert all((r.in_period, r.late) == ("享受", "不享受") for r in rows if ratio)
    assert not [r for r in of("430300", identity, 2021) if r.citation.document == "潭医保发〔2021〕26号"]


def test_hunan_enrols_the_late_with_the_full_years_financing() -> None:
    """SUB-2: people found poor after the collection period."""
    rows = [r for r in of("430300", "registered_poor", 2019) if r.base == "当年筹资总额"]
    assert [r.ratio for r in rows] == [RATIO_ONE]
    assert "政府" in rows[0].paid_by and rows[0].late == "享受"


def test_shenyang_pays_the_whole_premium() -> None:
    for identity in ("registered_poor", "extremely_poor", "subsistence"):
        assert [r.ratio for r in of("210100", identity, 2019)] == [RATIO_ONE]


def test_chifeng_pays_at_least_thirty_percent() -> None:
    """SUB-2: a bound for the counties, not a figure."""
    rows = of("150400", "registered_poor", 2018)
    assert [(r.ratio, r.at_least) for r in rows] == [(3000, True)]
