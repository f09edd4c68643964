"""What one person's premium comes to (SUB-1, SUB-2, SUB-3, ID-4): every figure here was computed by hand."""

from __future__ import annotations

import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan import load_scheme
from yizhan.cli import main
from yizhan.engine.claim import IdentityMark
from yizhan.engine.facts import FACTS
from yizhan.engine.premium import EVENTS, STARTS, WHY_NOT, Entry, Premium, premium_of
from yizhan.errors import Problems
from yizhan.policy.areas import Library
from yizhan.policy.checks import check
from yizhan.policy.diff import diff_schemes
from yizhan.policy.sentences import Words

XIANGTAN, SHENYANG, CHIFENG, JIANGMEN = (load_scheme(code) for code in ("430300", "210100", "150400", "440700"))
PLACES = Path(__file__).parent / "places" / "policies"
QINGSHI = Library(PLACES).scheme("999901")
LONG_AGO = date(2015, 1, 1)


def day(text: str) -> date:
    return date.fromisoformat(text)


def mark(identity: str, since: str | date = LONG_AGO, until: str | None = None) -> IdentityMark:
    """`mark("低保", "2021-10-05")`."""
    value = FACTS["identity"].value(identity)
    assert value is not None
    return IdentityMark(value.code, day(since) if isinstance(since, str) else since, day(until) if until else None)


def paid(premium: Premium) -> tuple[int, int]:
    """What is granted now and what the person pays, in yuan."""
    assert premium.grant % 100 == premium.person % 100 == 0
    return premium.grant // 100, premium.person // 100


def why(premium: Premium) -> dict[str, str]:
    """Why each identity brings nothing, by its Chinese name."""
    return {FACTS["identity"].word(n.identity, "zh"): n.reason for n in premium.not_applied}


# --- Who gets how much from whom: SUB-1, SUB-3 -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "granted", "person", "payer", "certifier", "applicant"),
    [
        ("特困", 320, 0, "医疗救助资金", "民政局", "医保局"),
        ("孤儿", 320, 0, "医疗救助资金", "民政局", "医保局"),
        ("事实无人抚养儿童", 320, 0, "医疗救助资金", "民政局", "医保局"),
        ("重度残疾", 320, 0, "医疗救助资金", "残联", "医保局"),
        ("低保", 160, 160, "医疗救助资金", "民政局", "医保局"),
        ("返贫致贫", 160, 160, "县级财政资金", "乡村振兴局", "乡村振兴局"),
        ("监测对象", 160, 160, "县级财政资金", "乡村振兴局", "乡村振兴局"),
        ("突发严重困难", 160, 160, "县级财政资金", "乡村振兴局", "乡村振兴局"),
    ],
)
def test_xiangtan_pays_by_category(
    identity: str, granted: int, person: int, payer: str, certifier: str, applicant: str
) -> None:
    """潭医保发〔2021〕26号 三（一）: 320 yuan own premium in 2022."""
    premium = premium_of(XIANGTAN, 2022, marks=[mark(identity)])
    assert paid(premium) == (granted, person)
    assert premium.subsidy is not None
    row = premium.subsidy.row
    assert (row.paid_by, row.certified_by, row.applied_by) == (payer, certifier, applicant)
    assert row.citation.text() == "潭医保发〔2021〕26号 三（一）"
    assert premium.government == 610_00


def test_the_stably_lifted_and_everybody_else_pay_for_themselves() -> None:
    lifted = premium_of(XIANGTAN, 2022, marks=[mark("稳定脱贫")])
    assert paid(lifted) == (0, 320) and why(lifted) == {"稳定脱贫": "nothing"}
    nobody = premium_of(XIANGTAN, 2022)
    assert paid(nobody) == (0, 320) and not nobody.not_applied and not nobody.identity
    assert why(premium_of(XIANGTAN, 2022, marks=[mark("五保")])) == {"五保": "no_row"}


@pytest.mark.parametrize(
    ("identity", "payer"), [("建档立卡", "扶贫资金"), ("特困", "医疗救助资金"), ("低保", "医疗救助资金")]
)
@pytest.mark.parametrize(("year", "own"), [(2019, 250), (2020, 280), (2021, 320)])
def test_shenyang_pays_all_of_it(identity: str, payer: str, year: int, own: int) -> None:
    """沈医保发〔2019〕78号 二（一）1."""
    premium = premium_of(SHENYANG, year, marks=[mark(identity)])
    assert paid(premium) == (own, 0)
    assert premium.subsidy is not None and premium.subsidy.row.paid_by == payer


@pytest.mark.parametrize("identity", ["建档立卡", "稳定脱贫"])
def test_chifeng_pays_the_bound_of_thirty_percent_and_says_that_it_is_one(identity: str) -> None:
    """赤卫计发〔2018〕39号 第10条: 30 % of 210 yuan."""
    premium = premium_of(CHIFENG, 2018, marks=[mark(identity)])
    assert paid(premium) == (63, 147)
    assert premium.subsidy is not None and premium.subsidy.row.paid_by == "旗县区财政"
    assert premium.financing.total == 700_00
    assert any(n.kind == "stand_in" and "下限" in n.reason for n in premium.notes)
    assert "至少 30% = 63.00 元" in premium.sentences()[0]
    assert "at least 30% = 63.00 yuan" in premium.sentences("en")[0]


def test_jiangmen_has_no_subsidy() -> None:
    premium = premium_of(JIANGMEN, 2019, marks=[mark("重点帮扶对象")])
    assert paid(premium) == (0, 220) and why(premium) == {"重点帮扶对象": "no_row"}


# --- Before, at and after the end of the collection period: SUB-2 ----------------------------------------------------


@pytest.mark.parametrize(
    ("since", "granted"), [("2021-08-31", 160), ("2022-02-27", 160), ("2022-02-28", 160), ("2022-03-01", 0)]
)
def test_xiangtan_subsidises_whoever_is_marked_inside_the_collection_period(since: str, granted: int) -> None:
    premium = premium_of(XIANGTAN, 2022, marks=[mark("低保", since)])
    assert paid(premium) == (granted, 320 - granted)
    assert why(premium) == ({} if granted else {"低保": "marked_late"})


def test_hunan_enrols_the_late_poor_with_the_whole_financing_from_the_day_the_money_arrives() -> None:
    """湖南三年行动 二（一）3: 220 yuan own premium and 520 of government in 2019."""
    late = [mark("建档立卡", "2019-01-01")]
    awaiting = premium_of(XIANGTAN, 2019, marks=late, enrolled_on=day("2019-04-10"))
    assert paid(awaiting) == (740, 0) and awaiting.government == 0
    assert awaiting.subsidy is not None and awaiting.subsidy.row.paid_by == "地方政府"
    assert (awaiting.insured_from, awaiting.start) == (None, "awaited")
    arrived = premium_of(
        XIANGTAN, 2019, marks=late, enrolled_on=day("2019-04-10"), received_on=day("2019-05-01")
    )  # fmt: skip
    assert (arrived.insured_from, arrived.insured_to, arrived.start) == (
        day("2019-05-01"), day("2019-12-31"), "received",
    )  # fmt: skip
    assert "2019年度筹资总额 740.00 元（个人缴费 220.00 元、财政补助 520.00 元）" in arrived.sentences()[0]


def test_hunan_pays_no_whole_financing_for_people_who_are_enrolled_or_were_marked_in_time() -> None:
    enrolled = premium_of(XIANGTAN, 2019, marks=[mark("建档立卡", "2019-01-01")], enrolled_on=day("2018-12-31"))
    assert paid(enrolled) == (0, 220)
    assert [n.reason for n in enrolled.not_applied] == ["enrolled", "marked_late"]
    in_time = premium_of(XIANGTAN, 2019, marks=[mark("建档立卡", "2018-12-31")])
    assert paid(in_time) == (110, 110) and [n.reason for n in in_time.not_applied] == ["only_late"]
    after_2020 = premium_of(XIANGTAN, 2021, marks=[mark("建档立卡", "2021-01-01")], enrolled_on=day("2021-02-01"))
    assert paid(after_2020) == (0, 280)


@pytest.mark.parametrize("since", ["2018-12-30", "2018-12-31", "2019-01-01", "2019-12-31"])
def test_shenyang_subsidises_the_late_as_well(since: str) -> None:
    premium = premium_of(SHENYANG, 2019, marks=[mark("低保", since)])
    assert paid(premium) == (250, 0)


def test_somebody_subsidised_late_in_shenyang_does_not_wait() -> None:
    poor = premium_of(SHENYANG, 2019, marks=[mark("低保", "2019-05-01")], enrolled_on=day("2019-05-06"))
    assert (poor.insured_from, poor.start) == (day("2019-05-06"), "enrolled")
    other = premium_of(SHENYANG, 2019, enrolled_on=day("2019-05-06"))
    assert (other.insured_from, other.start) == (day("2019-08-04"), "waited")


@pytest.mark.parametrize("since", ["2018-02-27", "2018-02-28", "2018-03-01"])
def test_chifeng_makes_no_difference_between_early_and_late(since: str) -> None:
    assert paid(premium_of(CHIFENG, 2018, marks=[mark("建档立卡", since)])) == (63, 147)


def test_a_mark_after_the_year_counts_nowhere() -> None:
    assert why(premium_of(SHENYANG, 2019, marks=[mark("低保", "2020-01-01")])) == {"低保": "after_year"}


def test_a_mark_that_ended_inside_the_period_counts_and_one_that_ended_before_does_not() -> None:
    assert paid(premium_of(XIANGTAN, 2022, marks=[mark("低保", until="2021-09-01")])) == (160, 160)
    before = premium_of(XIANGTAN, 2022, marks=[mark("低保", until="2021-08-31")])
    assert paid(before) == (0, 320) and why(before) == {"低保": "ended"}
    again = premium_of(XIANGTAN, 2022, marks=[mark("低保", until="2021-08-31"), mark("低保", "2022-01-10")])
    assert paid(again) == (160, 160)


def test_a_mark_counts_once_it_is_known() -> None:
    marks = [mark("低保", "2021-10-05")]
    assert why(premium_of(XIANGTAN, 2022, marks=marks, as_known_on=day("2021-10-04"))) == {"低保": "not_known"}
    assert paid(premium_of(XIANGTAN, 2022, marks=marks, as_known_on=day("2021-10-05"))) == (160, 160)


# --- Newborns, movers, the late ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("enrolled", "begins", "start"),
    [
        ("2022-06-29", "2022-04-01", "birth"),
        ("2022-06-30", "2022-04-01", "birth"),
        ("2022-07-01", "2022-09-29", "waited"),
    ],
)
def test_a_newborn_is_insured_from_birth_if_enrolled_within_ninety_days(enrolled: str, begins: str, start: str) -> None:
    born = Entry("newborn", day("2022-04-01"))
    premium = premium_of(XIANGTAN, 2022, entry=born, enrolled_on=day(enrolled))
    assert (premium.insured_from, premium.start) == (day(begins), start)
    assert paid(premium) == (0, 320)


@pytest.mark.parametrize(("since", "granted"), [("2022-06-30", 160), ("2022-07-01", 0)])
def test_a_newborns_ninety_days_are_its_own_collection_period(since: str, granted: int) -> None:
    born = Entry("newborn", day("2022-04-01"))
    premium = premium_of(XIANGTAN, 2022, marks=[mark("低保", since)], entry=born, enrolled_on=day("2022-06-30"))
    assert paid(premium) == (granted, 320 - granted)


def test_a_newborn_of_december_may_be_enrolled_in_the_new_year_for_both_years() -> None:
    born = Entry("newborn", day("2021-12-20"))
    old, new = (premium_of(XIANGTAN, y, entry=born, enrolled_on=day("2022-03-20")) for y in (2021, 2022))
    assert (old.insured_from, old.insured_to) == (day("2021-12-20"), day("2021-12-31"))
    assert (new.insured_from, new.insured_to) == (day("2022-01-01"), day("2022-12-31"))


@pytest.mark.parametrize(
    ("moved", "enrolled", "begins"),
    [
        ("2021-12-01", "2022-02-28", "2022-01-01"),
        ("2021-12-20", "2022-03-10", "2022-03-10"),
        ("2022-01-10", "2022-02-01", "2022-02-01"),
        ("2022-04-01", "2022-06-30", "2022-06-30"),
        ("2022-04-01", "2022-07-01", "2022-09-29"),
    ],
)
def test_who_moves_in_is_insured_from_enrolment_within_ninety_days(moved: str, enrolled: str, begins: str) -> None:
    premium = premium_of(XIANGTAN, 2022, entry=Entry("moved_in", day(moved)), enrolled_on=day(enrolled))
    assert premium.insured_from == day(begins)


def test_who_would_wait_beyond_the_year_is_not_insured_in_it() -> None:
    last = premium_of(XIANGTAN, 2022, enrolled_on=day("2022-10-02"))
    assert (last.insured_from, last.start) == (day("2022-12-31"), "waited")
    late = premium_of(XIANGTAN, 2022, enrolled_on=day("2022-10-03"))
    assert (late.insured_from, late.start) == (None, "too_late")


def test_where_the_policy_gives_no_wait_the_late_are_refused() -> None:
    assert premium_of(QINGSHI, 2021, enrolled_on=day("2020-12-31")).insured_from == day("2021-01-01")
    with pytest.raises(Problems) as refused:
        premium_of(QINGSHI, 2021, enrolled_on=day("2021-01-01"))
    assert [p.code for p in refused.value.problems] == ["enrolment_closed"]
    poor = premium_of(QINGSHI, 2021, marks=[mark("建档立卡")], enrolled_on=day("2021-01-01"))
    assert (poor.insured_from, paid(poor)) == (day("2021-01-01"), (96, 224))


@pytest.mark.parametrize(
    ("born", "enrolled"), [("2022-04-02", "2022-04-01"), ("2023-01-01", "2023-01-02"), ("2023-01-01", None)]
)
def test_days_that_do_not_fit_are_refused(born: str, enrolled: str | None) -> None:
    with pytest.raises(Problems) as refused:
        premium_of(
            XIANGTAN, 2022, entry=Entry("newborn", day(born)), enrolled_on=day(enrolled) if enrolled else None
        )  # fmt: skip
    assert [p.code for p in refused.value.problems] == ["enrolment_dates"]


# --- Several identities, rounding, never twice: ID-4 ------------------------------------------------------------------


def test_of_several_identities_the_one_that_gives_most_counts_once() -> None:
    premium = premium_of(XIANGTAN, 2022, marks=[mark("低保"), mark("重度残疾"), mark("监测对象")])
    assert paid(premium) == (320, 0) and premium.identity == "severely_disabled"
    assert why(premium) == {"低保": "less", "监测对象": "less"}
    both = premium_of(SHENYANG, 2019, marks=[mark("建档立卡"), mark("低保")])
    assert paid(both) == (250, 0) and both.identity == "subsistence"


def test_of_equal_rows_the_identity_ranked_higher_decides_who_pays() -> None:
    for marks in (["低保", "监测对象"], ["监测对象", "低保"]):
        premium = premium_of(XIANGTAN, 2022, marks=[mark(name) for name in marks])
        assert premium.subsidy is not None and premium.subsidy.row.paid_by == "医疗救助资金"


def test_what_is_held_in_time_counts_where_what_is_more_came_too_late() -> None:
    premium = premium_of(XIANGTAN, 2022, marks=[mark("低保"), mark("特困", "2022-03-01")])
    assert paid(premium) == (160, 160) and why(premium) == {"特困": "marked_late"}


def test_a_subsidy_is_rounded_half_up_to_the_fen() -> None:
    """33.33 % of 320 yuan is 106.656; 80 % of 800.50 is 640.40, of which 340.40 are government's part."""
    premium = premium_of(QINGSHI, 2021, marks=[mark("低保")])
    assert (premium.grant, premium.person) == (106_66, 213_34)
    late = premium_of(QINGSHI, 2020, marks=[mark("低保", "2020-02-11")], enrolled_on=day("2020-02-20"))
    assert (late.grant, late.own_covered, late.person, late.government) == (640_40, 300_00, 0, 160_10)


def test_what_was_granted_before_is_taken_off() -> None:
    marks = [mark("低保"), mark("特困", "2021-11-01")]
    more = premium_of(XIANGTAN, 2022, marks=marks, granted=160_00)
    assert paid(more) == (160, 0)
    assert "此前已资助 160.00 元，这次补 160.00 元；您付 0.00 元" in more.sentences()[0]
    assert paid(premium_of(XIANGTAN, 2022, marks=marks, granted=320_00)) == (0, 0)
    less = premium_of(XIANGTAN, 2022, marks=[mark("低保")], granted=320_00)
    assert paid(less) == (0, 0) and less.own_covered == 320_00


@pytest.mark.parametrize("granted", [-1, 930_01])
def test_impossible_earlier_grants_are_refused(granted: int) -> None:
    with pytest.raises(Problems) as refused:
        premium_of(XIANGTAN, 2022, granted=granted)
    assert [p.code for p in refused.value.problems] == ["grants_too_large"]


SCHEMES = (XIANGTAN, SHENYANG, CHIFENG, JIANGMEN, QINGSHI)
IDENTITIES = [value.code for value in FACTS["identity"].values]
DAYS = st.dates(date(2017, 6, 1), date(2023, 6, 30))


@st.composite
def questions(draw: st.DrawFn) -> tuple[object, ...]:
    scheme = draw(st.sampled_from(SCHEMES))
    year = draw(st.sampled_from(sorted(scheme.financing)))
    marks = [
        IdentityMark(identity, since, draw(st.none() | st.just(since + timedelta(days=draw(st.integers(0, 900))))))
        for identity, since in draw(st.lists(st.tuples(st.sampled_from(IDENTITIES), DAYS), max_size=4))
    ]
    event = draw(st.sampled_from(list(EVENTS)))
    entry = Entry(event, None if event == "ordinary" else draw(DAYS))
    granted = draw(st.integers(0, scheme.financing[year].total))
    return scheme, year, marks, entry, draw(st.none() | DAYS), draw(st.none() | DAYS), granted


@given(questions())
def test_every_fen_of_a_premium_has_one_payer(question: tuple[object, ...]) -> None:
    scheme, year, marks, entry, enrolled, received, granted = question
    told = {"marks": marks, "entry": entry, "enrolled_on": enrolled, "received_on": received}
    try:
        premium = premium_of(scheme, year, **told)  # type: ignore[arg-type]
        after = premium_of(scheme, year, granted=granted, **told)  # type: ignore[arg-type]
    except Problems as refused:
        assert {p.code for p in refused.problems} <= {"enrolment_closed", "enrolment_dates"}
        return
    for p in (premium, after):
        assert p.own_premium == p.own_covered + p.person
        assert p.financing.total == p.granted + p.grant + p.person + p.government
        assert min(p.grant, p.person, p.government, p.own_covered) >= 0
        assert p.insured_from is None or p.insured_from <= p.insured_to
        assert not re.search("None|[{}]", "".join(p.sentences() + p.sentences("en")))
        identities = {p.identity} | {n.identity for n in p.not_applied}
        assert {m.identity for m in marks} == identities - {""}  # type: ignore[attr-defined]
    assert after.granted + after.grant == max(premium.grant, granted)  # type: ignore[call-overload]
    shuffled = premium_of(scheme, year, **{**told, "marks": marks[::-1]})  # type: ignore[arg-type, index]
    assert (shuffled.subsidy, shuffled.not_applied) == (premium.subsidy, premium.not_applied)


# --- In words ---------------------------------------------------------------------------------------------------------


def test_the_premium_is_explained_in_both_languages() -> None:
    marks = [mark("低保", "2021-10-05"), mark("稳定脱贫"), mark("特困", "2022-03-01")]
    premium = premium_of(XIANGTAN, 2022, marks=marks)
    assert premium.sentences() == (
        "2022年度个人缴费 320.00 元，低保资助 50% = 160.00 元，由医疗救助资金付〔潭医保发〔2021〕26号 三（一）〕；您付 160.00 元。",
        "低保由民政局认定；资助由医保局申请。",
        "2022-01-01 至 2022-12-31 享受待遇，从年度第一天起。",
        "特困没有资助：2022-02-28 以后才认定，当年不享受〔潭医保发〔2021〕26号 三（一）〕。",
        "稳定脱贫没有资助：规定不资助〔潭医保发〔2021〕26号 三（一）〕。",
    )
    cite = "〔Xiangtan, Plan linking poverty-relief health security with rural revitalisation (2021, No. 26) 三（一）〕"
    assert premium.sentences("en") == (
        f"own premium for 2022: 320.00 yuan, subsidy (on subsistence allowance): 50% = 160.00 yuan, paid by medical assistance fund {cite}; you pay 160.00 yuan.",
        "certified by civil affairs (on subsistence allowance); the medical insurance bureau applies for the subsidy.",
        "insured from 2022-01-01 to 2022-12-31, from the first day of the year.",
        f"no subsidy (extremely poor): marked after 2022-02-28: not entitled this year{cite}.",
        f"no subsidy (stably lifted): the rule gives nothing{cite}.",
    )


def test_stand_ins_and_readings_are_told() -> None:
    kinds = {(note.kind, note.citation.document) for note in premium_of(XIANGTAN, 2022, marks=[mark("低保")]).notes}
    assert ("stand_in", "湘潭年度数字") in kinds and ("reading", "潭医保发〔2021〕26号") in kinds


def test_all_words_are_there_in_both_languages() -> None:
    for zh, en in (*WHY_NOT.values(), *STARTS.values(), *EVENTS.values()):
        assert re.search("[\u4e00-\u9fff]", zh) and not re.search("[\u4e00-\u9fff]", en)


def test_a_year_without_figures_is_refused_in_both_languages() -> None:
    with pytest.raises(Problems) as refused:
        premium_of(JIANGMEN, 2023)
    (problem,) = refused.value.problems
    assert problem.code == "financing_missing"
    assert problem.text("zh").startswith("江门没有 2023 年度的筹资标准（已有：2019, 2020）")
    assert problem.text("en").startswith("Jiangmen has no premium figures for 2023")


def test_the_command_prints_the_premium(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["premium", "430300", "2022", "--identity", "低保", "--from", "2021-10-05"]) == 0
    printed = capsys.readouterr().out
    assert "低保资助 50% = 160.00 元" in printed and "※ 代用：" in printed and "※ 读法：" in printed
    shown = (Path(__file__).parents[1] / "docs/premium.md").read_text(encoding="utf-8")
    sentences = [line for line in printed.splitlines() if not line.startswith("※")]
    assert "\n".join(sentences) in shown
    words = [
        "--event",
        "新生儿",
        "--event-on",
        "2022-04-01",
        "--enrolled",
        "2022-05-01",
        "--granted",
        "1.00",
        "--lang",
        "en",
    ]
    assert main(["premium", "湘潭", "2022", *words]) == 0
    english = capsys.readouterr().out
    assert "you pay 319.00 yuan" in english and "from birth" in english and "stand-in: " in english
    assert main(["premium", "430300", "2022", "--identity", "贫困"]) == 2
    assert "unknown_value" in capsys.readouterr().err
    assert main(["premium", "440700", "2030"]) == 2
    assert "financing_missing" in capsys.readouterr().err
    for wrong in (["--event", "出生"], ["--granted", "1"]):
        with pytest.raises(SystemExit):
            main(["premium", "430300", "2022", *wrong])


# --- The figures in the policies --------------------------------------------------------------------------------------


def test_every_shipped_area_has_figures_for_every_year_of_its_subsidies() -> None:
    assert sorted(XIANGTAN.financing) == list(range(2018, 2027))
    assert sorted(SHENYANG.financing) == [2019, 2020, 2021]
    assert sorted(CHIFENG.financing) == [2018, 2019, 2020]
    assert sorted(JIANGMEN.financing) == [2019, 2020]
    for scheme in SCHEMES[:4]:
        for year, financing in scheme.financing.items():
            assert financing.notes, "no shipped figure is printed whole in a source"
            assert financing.period_from.year == year - 1 and financing.period_to >= date(year - 1, 12, 31)


def altered(tmp_path: Path, old: str, new: str) -> Library:
    """The fictitious place with one change in its law."""
    for name in ("000000-国家", "999901-青石"):
        shutil.copytree(PLACES / name, tmp_path / name)
    law = tmp_path / "999901-青石/办法.md"
    text = law.read_text(encoding="utf-8")
    assert old in text
    law.write_text(text.replace(old, new, 1), encoding="utf-8")
    return Library(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("个人缴费: 300元", "个人缴费: 300", "bad_value"),
        ("  - 年度: 2020\n", "  - 年度: 二〇二〇\n", "bad_value"),
        ("2019-10-01至2020-02-10", "2019-10-01到2020-02-10", "bad_value"),
        ("2019-10-01至2020-02-10", "2020-10-01至2020-02-10", "bad_value"),
        ("新生儿: 60天", "新生儿: 两个月", "bad_value"),
        ("期后等待: 45天", "期后等候: 45天", "unknown_policy_key"),
        ("变动参保: 迁入", "变动参保: 结婚", "unknown_policy_key"),
        ("    变动期限: 30天\n", "", "bad_document"),
        ("    财政补助: 500.50元\n", "", "bad_document"),
        ("年度: 2021\n    个人缴费", "年度: 2020\n    个人缴费", "repeated_key"),
        ("待遇起: 参保日", "待遇起: 次日", "bad_document"),
        ("期后新增: 享受", "期后新增: 是", "bad_document"),
        ("基数: 当年筹资总额", "基数: 总额", "bad_document"),
        ("    代用: 只有下限，按下限算\n", "", "bad_document"),
        ("自年度: 2020", "自年度: 今年", "bad_document"),
        ("出资: 县财政", "付款: 县财政", "unknown_policy_key"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, old: str, new: str, code: str) -> None:
    with pytest.raises(Problems) as refused:
        altered(tmp_path, old, new).scheme("999901")
    assert {problem.code for problem in refused.value.problems} == {code}
    for problem in refused.value.problems:
        assert re.match(r"999901-青石/办法\.md:\d+ 青石办法 [34]", problem.at)


def test_premiums_are_said_in_both_languages() -> None:
    library = Library(PLACES)
    area = library.areas["999901"]
    documents = library.documents(area)
    document = next(d for d in documents if d.name == "青石办法")
    article = next(a for a in document.articles if a.number == "3")
    zh, en = (
        [s.plain(lang) for s in Words(QINGSHI, documents, lang).article(document, article)] for lang in ("zh", "en")
    )
    assert zh[0].splitlines() == [
        "筹资标准；新生儿出生后60天内参保的，从出生那天起享受；迁入、刑满释放的，30天内参保，从参保那天起享受；期后参保的等待45天：　※ 我们的读法：天数从出生或变动的第二天数起",
        "    年度 | 个人缴费 | 财政补助 | 集中缴费期",
        "    2020 | 300元 | 500.50元 | 2019-10-01至2020-02-10",
    ]
    assert zh[1].splitlines()[0] == "筹资标准；期后不能再参保：　※ 代用数字：虚构"
    assert en[0].splitlines()[0] == (
        "Premiums; a newborn enrolled within 60 days of birth is insured from birth; after moving in or release from prison one may "
        "enrol within 30 days and is insured from then; others who enrol after the collection period wait 45 days:　※ our reading: 天数从出生或变动的第二天数起"
    )
    assert en[1].splitlines()[2] == "    2021 | 320 yuan | 600 yuan | 2020-10-01 to 2020-12-31"


def test_subsidies_are_said_in_both_languages() -> None:
    library = Library(PLACES)
    documents = library.documents(library.areas["999901"])
    document = next(d for d in documents if d.name == "青石办法")
    article = next(a for a in document.articles if a.number == "4")
    zh, en = (
        [s.plain(lang).splitlines() for s in Words(QINGSHI, documents, lang).article(document, article)]
        for lang in ("zh", "en")
    )
    assert [s[0] for s in zh] == [
        "参保资助，2020年度至2021年度；集中缴费期内新增的享受；期后新增的不享受：",
        "参保资助，2020年度至2021年度；集中缴费期内新增的享受；期后新增的享受；期后参保的自参保日起享受待遇：　※ 代用数字：只有下限，按下限算",
        "参保资助，2020年度至2021年度；集中缴费期内新增的不享受；期后新增的享受；期后参保的自资助到账日起享受待遇：",
    ]
    assert [s[2] for s in zh] == [
        "    特困 | 全额 | 个人缴费标准 | 救助资金 | 民政局 | 医保局",
        "    建档立卡 | 不低于30% | 个人缴费标准 | 县财政 | 扶贫办 | –",
        "    低保 | 80% | 当年筹资总额 | 县财政 | – | –",
    ]
    assert en[2][0].endswith("those enrolled later are insured from the day on which the subsidy arrives:")
    assert "the year's whole financing" in en[2][2]


def test_what_changes_from_year_to_year_is_told() -> None:
    told = diff_schemes(Library(), "430300", day("2021-12-31"), day("2022-01-01")).splitlines()
    at = told.index("  【筹资标准】")
    assert told[at + 1 : at + 4] == [
        "  · 个人缴费：280.00 → 320.00",
        "  · 财政补助：580.00 → 610.00",
        "  · 集中缴费期：2020-09-01至2020-12-31 → 2021-09-01至2022-02-28",
    ]
    english = diff_schemes(Library(), "430300", day("2021-12-31"), day("2022-01-01"), "en")
    assert "  · own premium: 280.00 → 320.00" in english
    same = diff_schemes(Library(), "430300", day("2022-03-01"), day("2022-04-01"))
    assert "【筹资标准】" not in same


def test_a_year_without_premiums_is_due() -> None:
    report = check(Library(), ["430300"], today=day("2027-03-01"))
    due = [p for p in report.warnings if p.code == "financing_due"]
    assert [(p.found["last"], p.found["year"]) for p in due] == [(2026, 2027)]
    assert "代用-年度数字.md" in due[0].at
    assert not [p for p in check(Library(), ["430300"], today=day("2026-03-01")).warnings if p.code == "financing_due"]
