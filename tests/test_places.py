"""Fictitious places that between them use every mechanism of docs/policy-format.md, with examples computed by hand.

The places lie in tests/places/policies. What an 算例.md cannot say is below: the cost of each year of a stay that is cut
at the year's end, who advances or reviews a payment, how a city and a county meet.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from yizhan.engine.claim import Beneficiary, Claim, Costs, Given, IdentityMark
from yizhan.engine.money import yuan
from yizhan.engine.scheme import Scheme
from yizhan.engine.settlement import Settlement, settle
from yizhan.errors import Problems
from yizhan.policy.areas import Library, shipped_policies
from yizhan.policy.examples import Outcome, read_examples, run
from yizhan.policy.rules import BLOCK_KEYS, CHOICES, CONVENTIONS, FIGURES, FINANCING_KEYS, ITEM_KEYS, SUBSIDY_KEYS

PLACES = Path(__file__).parent / "places"
LIBRARY = Library(PLACES / "policies")


def test_example(outcome: Outcome | Problems) -> None:
    assert isinstance(outcome, Outcome), outcome
    assert not outcome.problems, "\n".join(problem.text("zh") for problem in outcome.problems)
    if outcome.settlement is not None:
        assert outcome.settlement.paid + outcome.settlement.patient_share == outcome.example.claim.costs.total


def test_a_county_keeps_what_is_better_than_the_citys(tmp_path: Path) -> None:
    shutil.copytree(shipped_policies(), tmp_path / "policies")
    city = next((tmp_path / "policies").glob("210100-*"))
    county = next((PLACES / "local-over-city").iterdir())
    shutil.copytree(county, city / county.name)
    library = Library(tmp_path / "policies")
    scheme = library.scheme(county.name[:6])
    outcomes = list(run(read_examples(library.areas[county.name[:6]], library.root, scheme), scheme))
    assert len(outcomes) >= 15
    assert not [problem.text("zh") for outcome in outcomes for problem in outcome.problems]


# --- Nothing of the format is left out --------------------------------------------------------------------------------

_RULE = re.compile(r"^```rule$(.*?)^```$", re.MULTILINE | re.DOTALL)
WORDS = frozenset(
    word
    for path in LIBRARY.root.rglob("*.md")
    for block in _RULE.findall(path.read_text(encoding="utf-8"))
    for word in re.findall(r"[\u4e00-\u9fff（）]+", block)
)
ELSEWHERE = {
    "定义", "英文", "病种编码",  # used by the shipped areas; no bill is computed with them
}  # fmt: skip


EVERY_KEY = (*FIGURES, *BLOCK_KEYS, *ITEM_KEYS, *FINANCING_KEYS, *SUBSIDY_KEYS)


@pytest.mark.parametrize("key", [k for k in dict.fromkeys(EVERY_KEY) if k not in ELSEWHERE])
def test_every_key_is_used_by_some_place(key: str) -> None:
    assert key in WORDS


@pytest.mark.parametrize(
    ("key", "choice"),
    [(k, c) for k, (_, choices) in CONVENTIONS.items() for c in choices if k not in ("政策日期", "身份日期")],
)
def test_every_convention_is_used_by_some_place(key: str, choice: str) -> None:
    assert key in WORDS and choice in WORDS


@pytest.mark.parametrize(("key", "choice"), [(k, c) for k, choices in CHOICES.items() for c in choices if c != "按次"])
def test_every_way_of_a_mechanism_is_used_by_some_place(key: str, choice: str) -> None:
    assert key in WORDS and choice in WORDS


# --- Stays that cross the year's end ----------------------------------------------------------------------------------

EXTREMELY_POOR = (IdentityMark("extremely_poor", date.min),)
SUBSISTENCE_UNTIL_2020 = (IdentityMark("subsistence", date.min, date(2020, 12, 31)),)


def stay(admitted: str, discharged: str, *in_scope: int, **facts: object) -> Claim:
    """A stay; two amounts in yuan are the cost of 2020 and of 2021."""
    first, last = date.fromisoformat(admitted), date.fromisoformat(discharged)
    years = {2020 + k: Costs((fen * 100, 0, 0, 0)) for k, fen in enumerate(in_scope)} if len(in_scope) > 1 else {}
    costs = Costs((sum(in_scope) * 100, 0, 0, 0))
    return Claim(f"{admitted}/{discharged}", first, last, last, costs, {"care": "inpatient", **facts}, by_year=years)


def settled(scheme: Scheme, person: Beneficiary, *claims: Claim) -> list[Settlement]:
    """The claims of a person, one after the other."""
    found: list[Settlement] = []
    for claim in claims:
        found.append(settle(claim, person, found[-1].year_state if found else None, scheme))
    return found


def amounts(settlement: Settlement) -> list[str]:
    """`2020 基本医保 1650.00/250.00` for each payment: what is paid and which deductible was charged; then the patient."""
    paid = [f"{p.year} {p.layer.name} {yuan(p.amount)}/{yuan(p.deductible)}" for p in settlement.payments]
    return [*paid, f"个人 {yuan(settlement.patient_share)}"]


def test_a_stay_cut_at_the_years_end_carries_its_deductible_and_its_number_on() -> None:
    """江一 is 特困. The cut stay is her second of 2020, so its deductible is 250 (half of 500), charged once.

    2020: (3000 − 250) × 60 % = 1650; CII: 2300 + 1350 = 3650 this year, 650 × 50 % = 325; supplement (1025 − 1000) × 50 %.
    2021: no deductible is left; 2000 × 60 % = 1200; CII starts again; supplement (800 − 0) × 50 % = 400.
    In January the count of stays goes on, so the deductible is halved again.
    """
    scheme = LIBRARY.scheme("996400")
    december, cut, january = settled(
        scheme,
        Beneficiary("江一", identities=EXTREMELY_POOR),
        stay("2020-12-01", "2020-12-05", 5000),
        stay("2020-12-28", "2021-01-05", 3000, 2000),
        stay("2021-01-10", "2021-01-20", 5000),
    )
    assert amounts(december) == [
        "2020 基本医保 2700.00/500.00", "2020 大病保险 0.00/2300.00", "2020 补充保险 650.00/1000.00", "个人 1650.00",
    ]  # fmt: skip
    assert amounts(cut) == [
        "2020 基本医保 1650.00/250.00", "2020 大病保险 325.00/700.00", "2020 补充保险 12.50/1000.00",
        "2021 基本医保 1200.00/0.00", "2021 大病保险 0.00/800.00", "2021 补充保险 400.00/0.00", "个人 1412.50",
    ]  # fmt: skip
    assert amounts(january) == [
        "2021 基本医保 2850.00/250.00", "2021 大病保险 0.00/2150.00", "2021 补充保险 575.00/1000.00", "个人 1575.00",
    ]  # fmt: skip


def test_what_the_first_part_could_not_charge_is_charged_in_the_second() -> None:
    """Only 100 of the 500 fell on 2020; 400 are left for 2021: (4900 − 400) × 60 % = 2700. Ceilings are those of each year."""
    (cut,) = settled(LIBRARY.scheme("996400"), Beneficiary(), stay("2020-12-28", "2021-01-05", 100, 4900))
    assert amounts(cut) == [
        "2020 基本医保 0.00/100.00", "2020 大病保险 0.00/100.00", "2021 基本医保 2700.00/400.00",
        "2021 大病保险 0.00/2200.00", "个人 2300.00",
    ]  # fmt: skip


def test_a_stay_over_three_years_is_cut_twice() -> None:
    claim = stay("2020-12-30", "2022-01-02", 1000, 1000, 1000)
    (cut,) = settled(LIBRARY.scheme("996400"), Beneficiary(), claim)
    assert [(p.year, p.amount, p.deductible) for p in cut.payments if p.layer.name == "基本医保"] == [
        (2020, 30_000, 50_000),
        (2021, 60_000, 0),
        (2022, 60_000, 0),
    ]


def test_the_poor_pay_no_deductible_after_the_years_end_but_the_yearly_one() -> None:
    """低保 and 特困. 2021: 3000 × 60 % = 1800 without deductible; the supplement has none either; the CII counts its own 3000."""
    marks = (*EXTREMELY_POOR, IdentityMark("subsistence", date.min))
    cut, february = settled(
        LIBRARY.scheme("996500"),
        Beneficiary("江二", identities=marks),
        stay("2020-12-28", "2021-01-05", 5000, 3000),
        stay("2021-02-01", "2021-02-05", 5000),
    )
    assert amounts(cut) == [
        "2020 基本医保 2700.00/500.00", "2020 大病保险 0.00/2300.00", "2020 补充保险 650.00/1000.00",
        "2021 基本医保 1800.00/0.00", "2021 大病保险 0.00/1200.00", "2021 补充保险 600.00/0.00", "个人 2250.00",
    ]  # fmt: skip
    assert amounts(february) == [
        "2021 基本医保 2700.00/500.00", "2021 大病保险 250.00/1800.00", "2021 补充保险 525.00/1000.00", "个人 1525.00",
    ]  # fmt: skip


def test_each_part_has_the_identity_of_its_own_first_day() -> None:
    """低保 until New Year's Eve: the stay is cut, and in the second part she is nobody's case any more."""
    person = Beneficiary("江三", identities=(*SUBSISTENCE_UNTIL_2020, IdentityMark("extremely_poor", date(2021, 1, 1))))
    (cut,) = settled(LIBRARY.scheme("996500"), person, stay("2020-12-28", "2021-01-05", 5000, 3000))
    assert [(p.year, p.layer.name) for p in cut.payments] == [
        (2020, "基本医保"),
        (2020, "大病保险"),
        (2021, "基本医保"),
        (2021, "大病保险"),
        (2021, "补充保险"),
    ]


def test_a_daily_deductible_counts_each_night_once() -> None:
    """白河市 with stays cut at the year's end: 28 December to 3 January are 6 nights, 4 of them before New Year."""
    baihe = LIBRARY.scheme("999911")
    scheme = replace(baihe, conventions=replace(baihe.conventions, cross_year="split"))
    facts = {"institution_level": "level_2", "institution_tier": "county"}
    whole = stay("2020-12-20", "2020-12-26", 20_000, **facts)
    cut = stay("2020-12-28", "2021-01-03", 10_000, 10_000, **facts)
    for claim in (cut, replace(cut, facts={**cut.facts, "days": 6})):
        before, after = settled(scheme, Beneficiary(), whole, claim)
        assert [p.deductible for p in before.payments] == [6 * 15_000]
        assert [p.deductible for p in after.payments] == [4 * 15_000, 2 * 15_000]


@pytest.mark.parametrize(
    "claim",
    [
        stay("2020-12-28", "2021-01-05", 5000),
        replace(stay("2020-12-28", "2021-01-05", 5000, 3000), by_year={2021: Costs((800_000, 0, 0, 0))}),
    ],
    ids=["no years given", "a year is missing"],
)
def test_a_stay_that_must_be_cut_needs_the_cost_of_each_year(claim: Claim) -> None:
    with pytest.raises(Problems) as refused:
        settle(claim, Beneficiary(), None, LIBRARY.scheme("996400"))
    assert [problem.code for problem in refused.value.problems] == ["year_split_needed"]


# --- Dates and identities ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity_date", "held"), [("admitted_on", "low"), ("discharged_on", "high"), ("settled_on", "high")]
)
def test_the_convention_says_which_day_selects_the_identities(identity_date: str, held: str) -> None:
    """严六 became 低保 on the third day of the stay: 救助 pays 50 % of the rest, or nothing."""
    xidu = LIBRARY.scheme("999932")
    scheme = replace(xidu, conventions=replace(xidu.conventions, identity_date=identity_date))
    person = Beneficiary("严六", identities=(IdentityMark("subsistence", date(2020, 3, 3)),))
    (found,) = settled(scheme, person, stay("2020-03-01", "2020-03-05", 10_000, diagnoses=frozenset({"肺炎"})))
    assert found.payment("医疗救助") == {"low": None, "high": 200_000}[held]


def test_an_identity_that_came_and_went_within_the_year_has_changed() -> None:
    """身份应付市: without 低保 on both days, yet what is due is measured against what was paid."""
    scheme = LIBRARY.scheme("995300")
    person = Beneficiary("新", identities=(IdentityMark("subsistence", date(2020, 2, 1), date(2020, 2, 29)),))
    months = [stay(f"2020-0{m}-10", f"2020-0{m}-12", 12_000) for m in (1, 2, 3)]
    january, february, march = settled(scheme, person, *months)
    assert january.payment("大病保险") == 100_000
    assert february.payment("大病保险") == 950_000 - 100_000
    assert march.payment("大病保险") == 1_300_000 - 950_000


def test_a_bill_before_the_first_document_is_not_settled_by_the_last() -> None:
    """Between the start of scheme.md and the first rule no layer speaks."""
    scheme = replace(LIBRARY.scheme("999921"), begins_on=date(2010, 1, 1))
    (found,) = settled(scheme, Beneficiary(), stay("2018-12-30", "2018-12-31", 50_000))
    assert found.payments == () and found.patient_share == 5_000_000


# --- What a bill says besides amounts ---------------------------------------------------------------------------------


def test_a_bill_names_who_advances_who_reviews_and_who_is_silent() -> None:
    person = Beneficiary("李二", identities=(IdentityMark("subsistence", date.min),))
    claim = replace(
        stay("2020-03-01", "2020-03-05", 10_000, referral="by_rule", expert_review="pending"),
        costs=Costs((1_000_000, 0, 0, 1_000_001)),
    )
    (found,) = settled(LIBRARY.scheme("999902"), person, claim)
    by_layer = {payment.layer.name: payment for payment in found.payments}
    assert by_layer["医疗救助"].advanced_by == "帮扶资金"
    assert by_layer["医疗救助"].by_payer == (("医疗救助资金", 200_000),)
    assert (by_layer["自费分担"].held, by_layer["自费分担"].reviewer) == (True, "专家评审")
    assert by_layer["自费分担"].by_payer == (("定点医疗机构", 200_000), ("帮扶资金", 800_001))
    assert found.held == 1_000_001
    assert found.unused == ("大病保险", "补充保险")


def test_a_conflict_names_both_documents_and_the_case() -> None:
    claim = stay("2020-03-01", "2020-03-05", 10_000, institution_level="level_2")
    with pytest.raises(Problems) as refused:
        settle(claim, Beneficiary(), None, LIBRARY.scheme("997301"))
    (conflict, *_) = refused.value.problems
    for words in ("并存省办法 1", "报错县办法 1", "医院等级: 二级", "例外于"):
        assert words in conflict.text("zh")


def test_every_missing_fact_is_named_with_the_article_that_needs_it() -> None:
    with pytest.raises(Problems) as refused:
        settle(stay("2020-03-01", "2020-03-05", 10_000), Beneficiary(), None, LIBRARY.scheme("999941"))
    told = [problem.text("zh") for problem in refused.value.problems]
    for fact in ("医院等级", "转诊", "急诊", "病种", "医院", "参保险种"):
        assert any(f"缺少“{fact}”" in text and "中原办法" in text for text in told), (fact, told)


def test_the_most_favourable_identity_is_the_higher_one_where_both_pay_the_same() -> None:
    """特困 has a ceiling of 3,000, 建档立卡 none; on a small bill both pay 1,000."""
    marks = (*EXTREMELY_POOR, IdentityMark("registered_poor", date.min))
    (found,) = settled(LIBRARY.scheme("998100"), Beneficiary(identities=marks), stay("2020-03-01", "2020-03-05", 5000))
    aid = found.payments[-1]
    assert aid.amount == 100_000
    assert aid.run is not None and aid.run.allowed == 300_000


def test_a_given_payment_of_a_silent_layer_is_taken_from_the_in_scope_cost() -> None:
    claim = replace(stay("2020-03-01", "2020-03-05", 10_000), given={"大病保险": Given(150_000)})
    (found,) = settled(LIBRARY.scheme("996100"), Beneficiary(), claim)
    assert [(p.layer.name, p.amount, p.given) for p in found.payments] == [
        ("基本医保", 500_000, False),
        ("大病保险", 150_000, True),
    ]
    assert found.patient == (350_000, 0, 0, 0)


# --- What would be silently wrong is refused --------------------------------------------------------------------------


def changed(tmp_path: Path, file: str, old: str, new: str) -> Library:
    """The places with one passage of one file replaced."""
    shutil.copytree(LIBRARY.root, tmp_path / "policies")
    path = tmp_path / "policies" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return Library(tmp_path / "policies")


def refusal(library: Library, code: str, *claims: Claim, identity: str = "") -> str:
    """The one problem that an area's documents, or a claim, are refused with."""
    marks = (IdentityMark(identity, date.min),) if identity else ()
    with pytest.raises(Problems) as refused:
        settled(library.scheme(code), Beneficiary(identities=marks), *claims)
    (problem,) = refused.value.problems
    return f"{problem.code} {problem.text('zh')}"


def test_further_stays_may_not_be_left_open(tmp_path: Path) -> None:
    library = changed(tmp_path, "999914-三江/办法.md", "第3次起: 200元", "第3次: 200元")
    assert "没有说以后各次怎样" in refusal(library, "999914")


def test_a_share_of_the_bill_has_no_floor_in_yuan(tmp_path: Path) -> None:
    library = changed(tmp_path, "999911-白河/办法.md", "起付标准: 减半", "起付标准: 不低于100元")
    bill = stay("2020-03-01", "2020-03-05", 10_000, institution_level="level_1", institution_tier="county")
    told = refusal(library, "999911", bill, identity="subsistence")
    assert "费用总额的5%" in told and "不低于100元" in told


def test_two_rules_may_not_leave_the_rest_to_each_other(tmp_path: Path) -> None:
    shares = "{定点医疗机构: 50%, 帮扶资金: 50%}"
    library = changed(tmp_path, "999902-石桥/办法.md", shares, "{帮扶资金: 50%, 定点医疗机构: 50%}")
    assert refusal(library, "999902").startswith("rules_conflict")


def test_two_total_ceilings_of_one_bill_need_one_denominator(tmp_path: Path) -> None:
    old, new = "就医地: 外省}, 比例: 95%, 分母: 费用总额", "就医地: 本省}, 比例: 95%, 分母: 政策范围内"
    library = changed(tmp_path, "999931-北岭/办法.md", old, new)
    bill = stay("2020-03-01", "2020-03-05", 10_000, institution_level="level_1", place="own_province")
    assert "合计上限·分母" in refusal(library, "999931", bill)


def test_a_monthly_layer_has_no_yearly_ceiling_on_cost(tmp_path: Path) -> None:
    library = changed(tmp_path, "999921-南屏/办法.md", "年度限额: 500元", "年度计入限额: 500元")
    bill = replace(stay("2020-03-01", "2020-03-01", 300), facts={"care": "outpatient"})
    assert "年度计入限额" in refusal(library, "999921", bill)
