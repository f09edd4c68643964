"""A bill line in its pots: whole, symmetric, by the version and the mapping of its day, with a reason."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agency.providing import DRUGS, SERVICES, SINCE, applied, catalogues_of, mapped, set_up
from tests.agency.world import World
from yizhan.agency.providers.actions import catalogues, mappings
from yizhan.agency.providers.kinds import LEVELS
from yizhan.agency.providers.models import Mapping
from yizhan.agency.providers.splitting import (
    WHY,
    CatalogueItem,
    Charge,
    Split,
    explain,
    faults_of,
    sentence,
    split_charge,
    split_lines,
)
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.scope import acting
from yizhan.engine.money import MOST_FEN, RATIO_ONE, half_up

DAY = date(2026, 3, 2)
_PER_FEN = 10**6


def item(payment_class: str = "b", first_pay: int = 1000, limit: int | None = None, **other: Any) -> CatalogueItem:
    values: dict[str, Any] = {"restriction": "", "negotiated": False, "fee": "09", "charge": "", **other}
    return CatalogueItem(
        "XA0002",
        "drug",
        payment_class,
        first_pay,
        limit,
        version=7,
        document="演示〔2026〕1号",
        from_on=SINCE,
        **values,
    )


def charge(code: str = "Y1", yuan: int = 5000, *, units: int = 1, on: date = DAY, **other: Any) -> Charge:
    """A line of whole units at a price in fen."""
    return Charge(on, code, f"项目{code}", units * 10_000, yuan * 100, units * yuan, **other)


items = st.one_of(
    st.none(),
    st.builds(
        lambda cls, ratio, limit, words: item(cls, 0 if cls == "a" else RATIO_ONE if cls == "c" else ratio, limit, restriction=words),
        st.sampled_from("abc"), st.integers(0, RATIO_ONE), st.none() | st.integers(0, 10**7), st.sampled_from(["", "限演示病种"]),
    ),
)  # fmt: skip


@given(st.integers(1, 10**8), st.integers(0, 10**9), items, st.booleans(), st.sampled_from(list(LEVELS)))
@settings(max_examples=400, deadline=None)
def test_the_pots_add_up_none_is_of_the_other_sign_and_a_refund_is_the_charge_turned(
    quantity: int, price: int, found: CatalogueItem | None, consent: bool, level: str
) -> None:
    amount = min(half_up(quantity * price, _PER_FEN), MOST_FEN)
    line = Charge(DAY, "Y1", "演示", quantity, price, amount, consent)
    split = split_charge(line, found, level=level)
    assert sum(split.pots) == amount
    assert min(split.pots) >= 0
    back = split_charge(Charge(DAY, "Y1", "演示", -quantity, price, -amount, consent), found, level=level)
    assert back.pots == tuple(-pot for pot in split.pots)
    assert {**back.why} == {**split.why}
    assert split.why["key"] in WHY
    for lang in ("zh", "en"):
        assert explain(split, lang)


@given(st.integers(1, 10**7), st.integers(1, 10**8), st.integers(-3, 3))
def test_an_amount_may_differ_from_quantity_times_price_by_one_fen_and_no_more(
    quantity: int, price: int, off: int
) -> None:
    exact = quantity * price
    amount = exact // _PER_FEN + off
    if amount <= 0:
        return
    line = Charge(DAY, "Y1", "演示", quantity, price, amount)
    allowed = abs(exact - amount * _PER_FEN) <= _PER_FEN
    assert (faults_of(line, 1) == []) == allowed
    assert (faults_of(Charge(DAY, "Y1", "演示", -quantity, price, -amount), 1) == []) == allowed


def test_a_wrong_amount_is_named_with_line_and_both_numbers() -> None:
    (problem,) = faults_of(Charge(DAY, "Y1", "演示片", 20_000, 25_000, 502), 3)
    assert problem.code == "amount_not_price"
    assert "第3行" in problem.text("zh") and "5.02" in problem.text("zh") and "5.00" in problem.text("zh")
    assert "line 3" in problem.text("en")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (Charge(DAY, "Y1", "演示", 0, 10_000, 0), "line_empty"),
        (Charge(DAY, "Y1", "演示", 10_000, 10_000, -100), "line_signs"),
        (Charge(DAY, "Y1", "演示", 10_000, -10_000, -100), "line_signs"),
        (Charge(DAY, "Y1", "演示", 10**12, 10**12, MOST_FEN + 1), "line_too_large"),
    ],
)
def test_lines_that_cannot_be_are_refused(line: Charge, code: str) -> None:
    assert [problem.code for problem in faults_of(line, 1)] == [code]


def test_a_free_item_is_no_fault() -> None:
    assert faults_of(Charge(DAY, "Y1", "演示", 10_000, 0, 0), 1) == []


@pytest.mark.parametrize(
    ("amount", "pots"), [(2999, (2999, 0, 0, 0)), (3000, (3000, 0, 0, 0)), (3001, (3000, 0, 1, 0))]
)
def test_the_limit_below_at_and_above(amount: int, pots: tuple[int, ...]) -> None:
    assert split_charge(charge(yuan=amount), item("a", 0, 3000), level="level_2").pots == pots


def test_the_first_pay_share_is_of_what_is_within_the_limit_rounded_half_up() -> None:
    split = split_charge(charge(yuan=3505), item("b", 1000, 3005), level="level_2")
    assert split.pots == (2704, 301, 500, 0)  # 10 % of 3,005 is 300.5
    assert explain(split, "zh") == (
        "乙类，先付10%（3.01元），其余27.04元计入政策范围内。二级医院限价每单位30.05元，超出的5.00元计入超限价。依据：演示〔2026〕1号（自2026-01-01）。"
    )
    assert "10% paid first (3.01 yuan)" in explain(split, "en")


def test_a_restricted_item_is_own_where_the_patient_signed_and_covered_where_not() -> None:
    restricted = item("b", 1000, restriction="限演示病种")
    assert split_charge(charge(own_expense_signed=True), restricted, level="level_2").pots == (0, 0, 0, 5000)
    covered = split_charge(charge(), restricted, level="level_2")
    assert covered.pots == (4500, 500, 0, 0)
    assert "限定支付：限演示病种" in explain(covered, "zh")
    # A signature does not take away what the catalogue covers without conditions.
    assert split_charge(charge(own_expense_signed=True), item(), level="level_2").pots == (4500, 500, 0, 0)


def test_class_c_is_own_and_says_when_no_consent_is_on_record() -> None:
    own = item("c", RATIO_ONE)
    assert "没有自费知情同意" in explain(split_charge(charge(), own, level="level_2"), "zh")
    assert "没有自费" not in explain(split_charge(charge(own_expense_signed=True), own, level="level_2"), "zh")


# --- From the database ------------------------------------------------------------------------------------------------


def lines(world: World, *charges: Charge, institution: Institution | None = None, area_path: str = "") -> list[Split]:
    """The splits as the window clerk of Yuhu gets them."""
    with acting(world.yuhu.window):
        splits, problems = split_lines(
            charges, institution=institution or world.yuhu.hospital, area_path=area_path or world.yuhu.area.path
        )
    assert problems == []
    return splits


def test_each_class_as_a_hospital_bills_it(world: World) -> None:
    set_up(world)
    a, b, c, special, fee, training = lines(
        world, charge("Y1"), charge("Y2"), charge("Y3"), charge("Y4"), charge("F1", 1200), charge("F2", 4000)
    )
    assert (a.pots, b.pots, c.pots) == ((5000, 0, 0, 0), (4500, 500, 0, 0), (0, 0, 0, 5000))
    assert special.special_drug and special.pots == (3500, 1500, 0, 0)
    assert not a.special_drug
    # Yuhu's hospital is of grade two: 10 yuan a consultation.
    assert fee.pots == (1000, 0, 200, 0) and fee.charge == "consultation_fee" and fee.category == "02"
    assert training.pots == (2850, 150, 1000, 0) and training.kind == "service"
    assert a.national_code == "XA0001" and a.why["mapping"]


def test_the_limit_is_that_of_the_hospitals_grade(world: World) -> None:
    catalogues_of(world.xiangtan)
    (at_clinic,) = lines(world, charge("001102", 1200), institution=Institution(level="level_1"))
    (at_centre,) = lines(world, charge("001102", 1200), institution=Institution(level="level_3"))
    (elsewhere,) = lines(world, charge("001102", 1200), institution=Institution(level="ungraded"))
    assert [s.pots[2] for s in (at_clinic, at_centre, elsewhere)] == [700, 0, 0]


def test_the_version_in_force_on_the_lines_own_day(world: World) -> None:
    set_up(world)
    changed = [dict(row, 先付比例="20%") if row["国家编码"] == "XA0002" else row for row in DRUGS]
    applied(world.xiangtan, changed, from_on=date(2026, 3, 3))
    before, on, after = lines(world, *(charge("Y2", on=DAY + timedelta(days=n)) for n in range(3)))
    assert [s.pots[1] for s in (before, on, after)] == [500, 1000, 1000]
    assert before.why["version"] != on.why["version"] == after.why["version"]
    (long_ago,) = lines(world, charge("XA0002", on=date(2025, 12, 31)))
    assert long_ago.pots == (0, 0, 0, 5000)


def test_a_citys_own_catalogue_goes_before_the_provinces(world: World) -> None:
    applied(world.hunan, [dict(row, 类别="丙类", 先付比例="") for row in DRUGS])
    (as_province,) = lines(world, charge("XA0001"))
    assert as_province.pots == (0, 0, 0, 5000)
    applied(world.xiangtan, DRUGS, from_on=date(2026, 3, 3))
    (still,), (own,) = lines(world, charge("XA0001")), lines(world, charge("XA0001", on=date(2026, 3, 3)))
    assert (still.pots, own.pots) == ((0, 0, 0, 5000), (5000, 0, 0, 0))
    # What the city left out is not taken from the province: a version is complete.
    applied(world.xiangtan, DRUGS[1:], from_on=date(2026, 4, 1))
    (left_out,) = lines(world, charge("XA0001", on=date(2026, 4, 1)))
    assert left_out.pots == (0, 0, 0, 5000)
    (far,) = lines(world, charge("XA0001", on=date(2026, 4, 1)), area_path=world.songshan.area.path)
    assert far.why["key"] == "no_mapping"


def test_lines_without_an_approved_mapping_are_own_and_say_what_to_do(world: World) -> None:
    set_up(world)
    manager, officer = world.yuhu.hospital_manager, world.yuhu.officer
    first = mappings.Proposal("N1", "新", "", "XA0001", SINCE)
    mappings.propose([first, mappings.Proposal("N2", "旧", "", "XA0002", SINCE, None, 3)], acting_user=manager)
    with acting(officer):
        mappings.reject(Mapping.objects.filter(code="N2"), why="不是同一种药", acting_user=officer)
    waiting, rejected, unknown = lines(world, charge("N1"), charge("N2"), charge("N3", fee="09"))
    assert [s.why["key"] for s in (waiting, rejected, unknown)] == [
        "mapping_proposed",
        "mapping_rejected",
        "no_mapping",
    ]
    assert {s.pots for s in (waiting, rejected, unknown)} == {(0, 0, 0, 5000)}
    assert "审核" in explain(waiting, "zh") and "重新上报" in explain(rejected, "zh") and "N3" in explain(unknown, "zh")
    assert (waiting.category, unknown.category) == ("14", "09")
    # A bill line keeps the reason as JSON and its pots, and says the same from them.
    for split in (waiting, *lines(world, charge("F1", 1200))):
        assert sentence(json.loads(json.dumps(split.why)), split.pots, "en") == explain(split, "en")
    with acting(officer):
        mappings.approve(Mapping.objects.filter(code="N1"), acting_user=officer)
    assert lines(world, charge("N1"))[0].pots == (5000, 0, 0, 0)


def test_a_mapping_holds_on_its_own_days_only(world: World) -> None:
    catalogues_of(world.xiangtan)
    mapped(world.yuhu, {"Y1": "XA0001"}, first=date(2026, 3, 1))
    mapped(world.yuhu, {"Y1": "XA0002"}, first=date(2026, 3, 3))
    before, last, first = lines(world, *(charge("Y1", on=on) for on in (date(2026, 2, 28), DAY, date(2026, 3, 3))))
    assert [s.pots for s in (before, last, first)] == [(0, 0, 0, 5000), (5000, 0, 0, 0), (4500, 500, 0, 0)]


def test_a_withdrawn_version_splits_nothing_and_the_one_before_it_counts_again(world: World) -> None:
    set_up(world)
    later = applied(world.xiangtan, DRUGS[:1], from_on=date(2026, 3, 1))
    assert lines(world, charge("Y2"))[0].why["key"] == "not_listed"
    catalogues.withdraw(later, why="发错了文件", acting_user=world.xiangtan.reviewer)
    assert lines(world, charge("Y2"))[0].pots == (4500, 500, 0, 0)


def test_a_bureau_whose_area_the_hospital_lies_outside_gets_the_same_split(world: World) -> None:
    set_up(world)
    with acting(world.xiangtan_county.officer):
        assert not Mapping.objects.exists()
        splits, _ = split_lines(
            [charge("Y2")], institution=world.yuhu.hospital, area_path=world.xiangtan_county.area.path
        )
    assert splits[0].pots == (4500, 500, 0, 0)
    # The staff of one hospital do not read another's.
    with acting(world.xiangtan_county.window):
        splits, _ = split_lines(
            [charge("Y2")], institution=world.yuhu.hospital, area_path=world.xiangtan_county.area.path
        )
    assert splits[0].why["key"] == "no_mapping"


def test_three_statements_for_any_number_of_lines_over_two_versions(world: World) -> None:
    set_up(world)
    applied(world.xiangtan, DRUGS, from_on=date(2026, 3, 3))
    applied(world.xiangtan, SERVICES, kind="service", from_on=date(2026, 3, 3))
    some = [charge(f"Y{n % 6}", on=DAY + timedelta(days=n % 4)) for n in range(5000)]
    for few in (some[:3], some):
        with acting(world.yuhu.window), CaptureQueriesContext(connection) as seen:
            splits, _ = split_lines(few, institution=world.yuhu.hospital, area_path=world.yuhu.area.path)
        assert len(seen) == 3
        assert len(splits) == len(few)
