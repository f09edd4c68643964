"""What an auditor and an attacker tried: each a small place, a bill or a file, and what must come of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from yizhan.batch.compiling import cache_folder
from yizhan.batch.table import settle_table
from yizhan.bill.data import one_bill
from yizhan.bill.terminal import render
from yizhan.engine.claim import Beneficiary, Claim, Costs, Given, IdentityMark
from yizhan.engine.scheme import Scheme
from yizhan.engine.settlement import Settlement, settle
from yizhan.errors import Problems
from yizhan.exchange import read_request, settle_request, settlement_as_json
from yizhan.policy.areas import Library, shipped_policies

HEAD = "---\n简称: 试\n名称: 虚构\n统筹区: 999900\n施行: 2018-01-01\n来源: 虚构\n性质: 约定\n---\n# 虚构\n\n## 1 规则\n\n```rule\n"
CHOICES = {
    "政策日期": "出院日期",
    "身份日期": "出院日期",
    "跨年住院": "归出院年度",
    "费率变化": "只管新增",
    "身份变化": "只管新增",
}

Place = Callable[..., Scheme]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Makes a place of one rule block."""

    def make(rules: str, **choices: str) -> Scheme:
        chosen = "".join(f"  {key}: {value}\n" for key, value in {**CHOICES, **choices}.items())
        root = tmp_path / "policies"
        for folder in ("000000-国家", "999900-试"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        nation = (shipped_policies() / "000000-国家/层.md").read_text(encoding="utf-8")
        (root / "000000-国家/层.md").write_text(nation, encoding="utf-8")
        text = f"{HEAD}次序: 基本医保、大病保险\n约定:\n{chosen}{rules}```\n"
        (root / "999900-试/scheme.md").write_text(text, encoding="utf-8")
        return Library(root).scheme("999900")

    return make


def bill(
    scheme: Scheme, in_scope: int, on: date = date(2019, 5, 1), admitted: date | None = None,
    before: Settlement | None = None, settled: date | None = None, given: dict[str, Given] | None = None, **facts: str,
) -> Settlement:  # fmt: skip
    """Settle a stay of so many fen in scope."""
    claim = Claim(
        "1", admitted or on, on, settled or on, Costs((in_scope, 0, 0, 0)), {"care": "inpatient", **facts}, given or {}
    )
    return settle(claim, Beneficiary(), before.year_state if before else None, scheme)


def test_factors_act_in_any_order(place: Place) -> None:
    """103 × 80 % × 50 % = 41.20, rounded once to 41 yuan."""
    base = "基本医保:\n  - {计入: 政策范围内, 起付标准: 103元, 起付取整: 元, 比例: 100%}\n"
    for first, second in (("按80%", "按50%"), ("按50%", "按80%")):
        scheme = place(f"{base}  - 起付标准: {first}\n  - 起付标准: {second}\n")
        assert bill(scheme, 100_000).payments[0].deductible == 4_100


@pytest.mark.parametrize("figure", ["费用总额的2.25%", "每日0.33元"])
def test_a_scaled_share_that_would_need_rounding_is_refused(place: Place, figure: str) -> None:
    scheme = place(f"基本医保:\n  - {{计入: 政策范围内, 起付标准: {figure}, 比例: 100%}}\n  - 起付标准: 减半\n")
    with pytest.raises(Problems) as refused:
        bill(scheme, 100_000)
    assert "直接写打折后的数" in refused.value.problems[0].text("zh")


@pytest.mark.parametrize("extra", ["起付标准: 费用总额的10%", "起付标准: 100元\n  起付次数: {第2次起: 免}"])
def test_what_differs_from_bill_to_bill_cannot_stand_in_a_yearly_sum(place: Place, extra: str) -> None:
    scheme = place(f"基本医保:\n  计入: 政策范围内\n  计算: 年度累计\n  比例: 100%\n  {extra}\n")
    with pytest.raises(Problems) as refused:
        bill(scheme, 100_000)
    assert "只有一个起付" in refused.value.problems[0].text("zh")


def test_a_linked_stay_is_known_where_no_rule_names_the_kind_of_care(place: Place) -> None:
    scheme = place(
        "基本医保:\n  当: {医院等级: 三级}\n  计入: 政策范围内\n  起付标准: 1000元\n  比例: 100%\n  转诊接续: 补差\n"
    )
    first = bill(scheme, 500_000, institution_level="level_3", linked="no")
    second = bill(scheme, 500_000, before=first, institution_level="level_3", linked="yes")
    assert [first.payments[0].deductible, second.payments[0].deductible] == [100_000, 0]


def test_a_stay_counts_in_the_month_of_the_day_that_chose_its_year(place: Place) -> None:
    """归入院年度: a stay from December 2019 to January 2020 belongs to December 2019."""
    scheme = place("基本医保: {计入: 政策范围内, 起付标准: 0元, 比例: 100%, 每月限额: 1000元}\n", 跨年住院="归入院年度")
    january = bill(scheme, 100_000, date(2019, 1, 5))
    stay = bill(scheme, 100_000, date(2020, 1, 10), admitted=date(2019, 12, 20), before=january)
    assert (january.paid, stay.paid) == (100_000, 100_000)


def test_an_exception_may_pay_where_the_general_rule_does_not(place: Place) -> None:
    """不支付: 是 wins over everything, but an exception that names it."""
    rules = (
        "基本医保: {计入: 政策范围内, 起付标准: 0元, 比例: 0%}\n大病保险:\n  - 不支付: 是\n"
        "  - {当: {急诊: 是}, 例外于: 一般规定, 不支付: 否, 计入: 政策范围内, 起付标准: 0元, 比例: 50%}\n"
    )
    scheme = place(rules)
    assert [bill(scheme, 1_000, emergency=said).payment("大病保险") for said in ("no", "yes")] == [0, 500]


def test_a_given_deductible_is_no_more_than_the_cost(place: Place) -> None:
    scheme = place("基本医保: {计入: 政策范围内, 起付标准: 0元, 比例: 50%}\n")
    with pytest.raises(Problems) as refused:
        bill(scheme, 600_000, given={"基本医保": Given(100, 999_999_900)})
    assert refused.value.problems[0].code == "given_too_large"


def test_nobody_is_settled_before_birth(place: Place) -> None:
    scheme = place("基本医保: {计入: 政策范围内, 起付标准: 0元, 比例: 50%}\n")
    claim = Claim(
        "1", date(2019, 5, 1), date(2019, 5, 2), date(2019, 5, 2), Costs((100, 0, 0, 0)), {"care": "inpatient"}
    )
    with pytest.raises(Problems):
        settle(claim, Beneficiary(born_on=date(2019, 5, 3)), None, scheme)
    assert settle(claim, Beneficiary(born_on=date(2019, 5, 2)), None, scheme).paid == 50


def table(**columns: list[object]) -> pa.Table:
    """Bills of 江门; every cell that is not named is harmless."""
    n = len(next(iter(columns.values())))
    plain: dict[str, list[object]] = {
        "area": ["440700"] * n, "person": [f"虚构{k:03d}" for k in range(n)], "discharged_on": [date(2019, 5, 1)] * n,
        "identities": [""] * n, "care": ["inpatient"] * n, "institution_level": ["level_2"] * n, "place": ["own_county"] * n,
        "institution_tier": ["county"] * n, "referral": ["by_rule"] * n, "in_scope": [1_000_000] * n,
    }  # fmt: skip
    return pa.table({**plain, **columns})


@pytest.mark.parametrize(
    "columns",
    [
        {"in_scope": [1, None]},
        {"days": [3, None]},
        {"days": [-5, 3]},
        {"person": ["甲", None]},
        {"registration_fee": [2**62, 1]},
        {"discharged_on": [date(2019, 5, 1), date(9999, 1, 1)]},
    ],
    ids=lambda c: next(iter(c)),
)
def test_a_missing_or_absurd_number_is_never_taken_for_zero(columns: dict[str, list[object]]) -> None:
    with pytest.raises(Problems) as refused:
        settle_table(table(**columns))
    assert {p.code for p in refused.value.problems} <= {"rows_refused", "not_sorted"}


def test_two_codes_of_one_pooling_area_are_one_area() -> None:
    """Counties of one city, in turn: sorted by person, and settled together."""
    mixed = settle_table(table(area=["440703", "440704", "440703"]))
    assert mixed["基本医保"].to_pylist() == settle_table(table(area=["440700"] * 3))["基本医保"].to_pylist()


def test_a_name_cannot_move_the_cursor(place: Place) -> None:
    scheme = place("基本医保: {计入: 政策范围内, 起付标准: 0元, 比例: 50%}\n")
    name = "甲\x1b[2J\n▶ 您应付 0.00 元\u202e"
    claim = Claim(
        name, date(2019, 5, 1), date(2019, 5, 1), date(2019, 5, 1), Costs((100, 0, 0, 0)), {"care": "inpatient"}
    )
    person = Beneficiary(name, identities=(IdentityMark("subsistence", date.min),))
    page = render(one_bill(settlement_as_json(settle(claim, person, None, scheme), claim, person, scheme)))
    assert not {"\x1b", "\u202e"} & set(page)
    assert sum(line.startswith("▶") for line in page.splitlines()) == 1


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        ({"year_state": {"structure": "?", "year": 2018, "sums": {"大病保险.bsae": "1.00"}}}, "unknown_key"),
        (
            {"beneficiary": {"identities": [{"identity": "低保", "from": "2018-01-01", "certified_by": []}]}},
            "wrong_shape",
        ),
        ({"area": "\ud800"}, "not_json"),
    ],
)
def test_odd_requests_are_refused_with_a_code(edit: dict[str, object], code: str) -> None:
    body = json.loads((shipped_policies().parent / "src/yizhan/cases/chifeng.json").read_text(encoding="utf-8"))
    if code == "unknown_key":
        request = read_request(json.dumps(body))
        edit["year_state"] = {**edit["year_state"], "structure": settle_request(request)[0].year_state.structure}  # type: ignore[dict-item]
    with pytest.raises(Problems) as refused:
        read_request(json.dumps(body | edit))
    assert code in {p.code for p in refused.value.problems}


def test_a_number_of_five_thousand_digits_is_no_number() -> None:
    with pytest.raises(Problems) as refused:
        read_request('{"area": ' + "9" * 5_000 + "}")
    assert refused.value.problems[0].code == "not_json"


@pytest.mark.parametrize(
    "rules",
    [
        "基本医保: &a {比例: *a}\n",
        "定义: " + "[" * 3_000 + "]" * 3_000 + "\n",
        "基本医保: {比例: " + "9" * 9_000 + "%}\n",
    ],
)
def test_rule_blocks_that_would_exhaust_the_reader_are_refused(place: Place, rules: str) -> None:
    with pytest.raises(Problems):
        place(rules)


def test_an_area_has_one_folder(tmp_path: Path) -> None:
    for name in ("999900-甲", "999900-乙"):
        (tmp_path / name).mkdir()
    with pytest.raises(Problems) as refused:
        Library(tmp_path)
    assert "一个地区只能有一个文件夹" in refused.value.problems[0].text("zh")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="folders have no owner here")
def test_a_cache_into_which_others_can_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YIZHAN_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path / "yizhan" / "kernels"
    (tmp_path / "yizhan" / "kernels").chmod(0o777)
    assert tmp_path not in cache_folder().parents
