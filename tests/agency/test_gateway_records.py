"""What a hospital's system asks and sends after settling: queries, settlement lists, applications for clearing, checks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.agency.caring import BORN, CODE, patient, ready
from tests.agency.filing import approved, asked, city_hospital, clerk_of
from tests.agency.gateway_calling import Hospital, connected, golden
from tests.agency.test_gateway import admission, admitted, fee, in_bed, settling
from tests.agency.world import World
from yizhan.agency.care.models import Visit
from yizhan.agency.filings.actions import filing as filings
from yizhan.agency.gateway.actions import grant
from yizhan.agency.gateway.models import Clearing, SettlementList
from yizhan.agency.gateway.not_served import NOT_SERVED
from yizhan.agency.gateway.registry import TRANSACTIONS
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.staff.scope import System, acting

DAY = timedelta(days=1)


@pytest.fixture
def his(world: World) -> Hospital:
    ready(world.yuhu.hospital, world.yuhu.area)
    return connected(world.yuhu)


@pytest.fixture
def other(world: World, his: Hospital) -> Hospital:
    """Another institution of the county, which treated nobody."""
    ready(world.yuhu.clinic, world.yuhu.area)
    grant(world.yuhu.clinic, profile="none", acting_user=System("tests"))
    return Hospital(world.yuhu.clinic)


@pytest.fixture
def settled(world: World, his: Hospital) -> dict[str, str]:
    """A settled stay, by its numbers."""
    told = in_bed(his, patient(world))
    info = his.ask("2304", settling(told, "20000.00", invono="FP0001"))["setlinfo"]
    return {**told, "setl_id": info["setl_id"]}


def kept(his: Hospital, infno: str, content: Any, name: str = "") -> Any:
    answer = his.call(infno, content)
    golden(name or infno, his, answer)
    return answer["output"]


def refusal(answer: Mapping[str, Any]) -> str:
    assert answer["infcode"] == -1, answer
    code: str = answer["err_msg"].rpartition("[")[2].rstrip("]")
    return code


def of_days(told: Mapping[str, str], **more: Any) -> dict[str, Any]:
    today = timezone.localdate()
    period = {"begntime": f"{today - 30 * DAY} 00:00:00", "endtime": f"{today} 23:59:59"}
    return {"data": {"psn_no": told["psn_no"], **period, **more}}


# --- Queries ----------------------------------------------------------------------------------------------------------


def test_visits_and_what_was_settled_are_told_to_who_treated(his: Hospital, settled: dict[str, str]) -> None:
    assert len(kept(his, "5201", of_days(settled, med_type="21"))["mdtrtinfo"]) == 1
    assert kept(his, "5202", {"data": settled})["diseinfo"][0]["diag_code"] == "J18.9"
    shown = kept(his, "5203", {"data": settled})
    assert shown["setlinfo"]["refd_setl_flag"] == "0"
    assert sum(row["fund_payamt"] for row in shown["setldetail"]) == shown["setlinfo"]["fund_pay_sumamt"]
    rows = kept(his, "5204", {"data": settled})
    assert [row["det_item_fee_sumamt"] for row in rows] == [5000.0] * 4 and rows[0]["med_list_codg"] == CODE
    assert kept(his, "5303", of_days(settled))["data"] == []
    # No certificate number goes out whole.
    assert synthetic_id("430302", BORN, 1) not in str([shown, his.ask("5201", of_days(settled))])


def test_a_settlement_that_was_taken_back_says_so(his: Hospital, settled: dict[str, str]) -> None:
    his.ask("2305", {"data": settled})
    info = kept(his, "5203", {"data": settled}, "5203-reversed")["setlinfo"]
    assert (info["refd_setl_flag"], info["medfee_sumamt"]) == ("1", 20000.0)
    # Settled anew under another number: the first stays taken back, and takes nothing back any more.
    now = his.ask("2304", settling(settled, "20000.00"))["setlinfo"]["setl_id"]
    assert his.ask("5203", {"data": settled})["setlinfo"]["refd_setl_flag"] == "1"
    assert his.ask("5203", {"data": settled | {"setl_id": now}})["setlinfo"]["refd_setl_flag"] == "0"
    assert his.refused("2305", {"data": settled}) == "settlement_taken_back"
    his.ask("2305", {"data": settled | {"setl_id": now}})


def test_another_institution_is_told_nothing(
    world: World, his: Hospital, other: Hospital, settled: dict[str, str]
) -> None:
    assert other.ask("5201", of_days(settled)) == {"mdtrtinfo": []}
    assert other.ask("5205", of_days(settled)) == {"feedetail": []}
    assert other.refused("5202", {"data": settled}) == "visit_not_found"
    answer = other.call("5203", {"data": settled})
    assert refusal(answer) == "settlement_not_found"
    assert other.refused("5204", {"data": settled}) == "settlement_not_found"
    assert other.refused("5204", {"data": {**settled, "setl_id": ""}}) == "visit_not_found"
    answer = other.call("5206", {"data": {"psn_no": settled["psn_no"]}})
    golden("5206-not-treated-here", other, answer)
    assert refusal(answer) == "person_not_treated_here"
    assert other.refused("4101", {"setlinfo": {**settled}}) == "settlement_not_found"


def test_the_years_sums_are_of_all_institutions(
    world: World, his: Hospital, other: Hospital, settled: dict[str, str]
) -> None:
    output = kept(his, "5206", {"data": {"psn_no": settled["psn_no"], "cum_ym": ""}})
    sums = {row["cum_type_code"]: row["cum"] for row in output["cuminfo"]}
    info = his.ask("5203", {"data": settled})["setlinfo"]
    assert (sums["C0000"], sums["F0000"]) == (1, 20000.0)
    assert (sums["D390101"], sums["Q0000"]) == (info["hifp_pay"], info["act_pay_dedc"])
    assert his.refused("5206", {"data": {"psn_no": settled["psn_no"], "cum_ym": "26"}}) == "field_wrong"
    # Of another year in which nothing was done here, nothing is told.
    assert his.refused("5206", {"data": {"psn_no": settled["psn_no"], "cum_ym": "2019"}}) == "person_not_treated_here"
    with acting(System("tests")):
        assert Visit.objects.count() == 1


def test_chronic_care_and_stays_in_the_house(world: World, his: Hospital) -> None:
    person, today = patient(world), timezone.localdate()
    registering = {
        "psn_no": person.number, "insutype": "390", "begntime": f"{today} 08:00:00", "mdtrt_cert_type": "02",
        "ipt_otp_no": "MZ1", "med_type": "14", "dept_name": "内科", "dr_name": "医生甲",
    }  # fmt: skip
    his.knows(person)
    output = his.ask("2201", {"data": registering})
    told = {"mdtrt_id": output["data"]["mdtrt_id"], "psn_no": person.number}
    his.ask("2204", {"feedetail": [fee("C1", told, today, "60.00", chrg_bchno="B1")]})
    assert [row["feedetl_sn"] for row in kept(his, "5205", of_days(told))["feedetail"]] == ["C1"]
    admitted(his, person)
    no_end = {"begntime": "0001-01-01T00:00:00", "endtime": "9999-12-31 23:59:59"}
    assert len(his.ask("5303", {"data": {"psn_no": person.number, **no_end}})["data"]) == 1
    assert his.refused("5201", {"data": {"psn_no": person.number, **no_end}}) == "field_missing"
    assert his.refused("5303", {"data": {"psn_no": person.number, "begntime": "9999-12-31"}}) == "field_wrong"
    output = his.ask("5303", {"data": {"psn_no": person.number}})
    assert [(row["inhosp_stas"], row["ipt_otp_no"]) for row in output["data"]] == [("1", "ZY0001")]


def test_filings_are_told_once_they_are_decided(world: World, his: Hospital) -> None:
    person = patient(world)
    one = {"data": {"psn_no": person.number}}
    row = asked(world, person, "chronic", by=world.yuhu.window, disease="糖尿病", diagnoses=["M01600 糖尿病"])
    his.knows(person)
    assert his.ask("5301", one) == {"feedetail": []}
    filings.decide(row, decision="approve", acting_user=world.yuhu.reviewer)
    assert kept(his, "5301", one)["feedetail"][0]["opsp_dise_code"] == "M01600"
    approved(world, person, "referral", by=world.yuhu.window)
    assert len(kept(his, "5304", one)["refmedin"]) == 1
    approved(world, person, "family_doctor", by=world.yuhu.window, to_institution=world.yuhu.hospital)
    approved(world, person, "choice", by=world.yuhu.window, to_institution=world.yuhu.clinic)
    chosen = kept(his, "5302", one)["psnfixmedin"]
    assert [(row["fixmedins_code"], row["memo"]) for row in chosen] == [
        (world.yuhu.clinic.code, "选定机构"),
        (world.yuhu.hospital.code, "家庭医生签约"),
    ]


def test_what_the_bureau_filed_is_told_to_who_showed_the_certificate(
    world: World, his: Hospital, other: Hospital
) -> None:
    person, here = patient(world), world.yuhu.hospital
    one, elsewhere = {"data": {"psn_no": person.number}}, city_hospital(world)
    approved(world, person, "chronic", disease="糖尿病", diagnoses=["M01600 糖尿病"], why="病案在市医院")
    approved(world, person, "special", disease="终末期肾病", by=clerk_of(world.yuhu.clinic, "clinic.window"))
    approved(world, person, "family_doctor", to_institution=world.yuhu.clinic)
    approved(world, person, "referral", to_institution=here)
    approved(world, person, "referral", to_institution=elsewhere)
    # Whoever only names a number is told nothing.
    answer = his.call("5301", one)
    golden("5301-not-shown", his, answer)
    assert [his.refused(infno, one) for infno in ("5301", "5302")] == ["certificate_not_shown"] * 2
    # Referrals count where they lead: that between others is nobody's business here.
    assert [row["reflin_medins_no"] for row in his.ask("5304", one)["refmedin"]] == [here.code]
    assert other.ask("5304", one) == {"refmedin": []}
    his.knows(person)
    shown = kept(his, "5301", one, "5301-of-the-bureau")["feedetail"]
    assert {row["opsp_dise_name"] for row in shown} == {"糖尿病", "终末期肾病"}
    assert his.ask("5302", one)["psnfixmedin"][0]["fixmedins_code"] == world.yuhu.clinic.code
    # Neither who made them nor why.
    assert world.yuhu.clinic.code not in str(shown) and "市医院" not in str(shown)


def test_nothing_is_done_for_a_number_that_was_only_guessed(world: World, his: Hospital, other: Hospital) -> None:
    """Persons' numbers run on: a visit of somebody whom one only counted up to would tell who that is."""
    person, today = patient(world), str(timezone.localdate())
    entering = admission(person, timezone.localdate(), "ZY2")
    entering["mdtrtinfo"]["mdtrt_cert_no"] = ""
    registering = {"psn_no": person.number, "ipt_otp_no": "MZ1", "begntime": today}
    sale = {
        "druginfo": {"psn_no": person.number, "medfee_sumamt": "1.00"},
        "drugdetail": [fee("D1", {}, today, "1.00")],
    }
    for certificate_no in ("", synthetic_id("430302", BORN, 3), "x" * 300, "1|2"):
        entering["mdtrtinfo"]["mdtrt_cert_no"] = certificate_no
        assert his.refused("2401", entering) == "certificate_not_shown"
    assert his.refused("2201", {"data": registering}) == "certificate_not_shown"
    assert his.refused("2102", sale) == "certificate_not_shown"
    # Another institution's knowledge is not one's own.
    other.knows(person)
    assert his.refused("2201", {"data": registering}) == "certificate_not_shown"
    card = f"{synthetic_id('430302', BORN, 1)}|{'9F' * 120}"
    told = {
        "mdtrt_id": his.ask("2201", {"data": registering | {"mdtrt_cert_no": card}})["data"]["mdtrt_id"],
        "psn_no": person.number,
    }
    # From then on it is known.
    his.ask("2204", {"feedetail": [fee("F1", told, today, "100.00")]})
    assert his.ask("2206", settling(told, "100.00"))["setlinfo"]["certno"] == synthetic_id("430302", BORN, 1)
    assert his.ask("5301", {"data": {"psn_no": person.number}}) == {"feedetail": []}


# --- Settlement lists and clearing ------------------------------------------------------------------------------------


def listed(his: Hospital, settled: Mapping[str, str]) -> dict[str, Any]:
    """A settlement list as the hospital's system fills it in from the settlement's answer."""
    shown, today = his.ask("5203", {"data": settled}), timezone.localdate()
    paid = [{"fund_pay_type": r["fund_pay_type"], "fund_payamt": r["fund_payamt"]} for r in shown["setldetail"]]
    return {
        "setlinfo": {
            "mdtrt_id": settled["mdtrt_id"], "setl_id": settled["setl_id"], "fixmedins_code": "H43030201",
            "psn_name": "试样甲", "adm_time": f"{today - 5 * DAY} 09:00:00", "dscg_time": f"{today} 10:00:00",
            "psn_cashpay": shown["setlinfo"]["cash_payamt"], "acct_pay": 0,
        },
        "payinfo": paid, "iteminfo": [{"med_chrgitm": "08", "amt": "20000.00"}],
        "diseinfo": [{"diag_type": "1", "diag_code": "J18.9", "diag_name": "肺炎", "maindiag_flag": "1"}],
    }  # fmt: skip


def test_a_settlement_list_is_kept_if_it_agrees(his: Hospital, settled: dict[str, str]) -> None:
    sent = listed(his, settled)
    answer = his.call("4101", sent)
    golden("4101", his, answer | {"output": {"setl_list_id": "<setl_list_id>"}})
    assert answer["warn_msg"] is None
    with acting(System("tests")):
        row = SettlementList.objects.get()
        assert str(row.pk) == answer["output"]["setl_list_id"] and "试样甲" not in row.sealed
    other = sent | {"diseinfo": [{**sent["diseinfo"][0], "diag_code": "J15.9"}]}
    assert "J15.9" in his.call("4101A", other)["warn_msg"]


def test_a_settlement_list_that_differs_is_refused(his: Hospital, settled: dict[str, str]) -> None:
    sent = listed(his, settled)
    wrong = sent | {"iteminfo": [{"med_chrgitm": "08", "amt": "19999.99"}], "payinfo": sent["payinfo"][:-1]}
    answer = his.call("4101", wrong)
    golden("4101-differs", his, answer)
    assert refusal(answer) == "settlement_list_differs"
    for name, value in (("psn_name", "别人"), ("dscg_time", "2020-01-01"), ("psn_cashpay", "1.00")):
        answer = his.call("4101", sent | {"setlinfo": {**sent["setlinfo"], name: value}})
        assert refusal(answer) == "settlement_list_differs" and name in answer["err_msg"]
    with acting(System("tests")):
        assert not SettlementList.objects.exists()
    his.ask("2305", {"data": settled})
    assert his.refused("4101", sent) == "settlement_not_found"


def clearing(his: Hospital, settled: Mapping[str, str], **more: Any) -> dict[str, Any]:
    info, today = his.ask("5203", {"data": settled})["setlinfo"], timezone.localdate()
    return {
        "data": {
            "clr_type": "21", "clr_way": "1", "setlym": "202601", "psntime": 1, "medfee_sumamt": info["medfee_sumamt"],
            "med_sumfee": info["medfee_sumamt"], "fund_appy_sum": info["fund_pay_sumamt"], "cash_payamt": info["cash_payamt"],
            "acct_pay": 0, "begndate": str(today - 3 * DAY), "enddate": str(today), **more,
        }
    }  # fmt: skip


def test_clearing_is_asked_for_once_and_taken_back(his: Hospital, settled: dict[str, str]) -> None:
    asked_for = clearing(his, settled)
    answer = his.call("3203", asked_for)
    number = answer["output"]["result"]["clr_appy_evt_id"]
    golden("3203", his, answer | {"output": {"result": {"clr_appy_evt_id": "<clr_appy_evt_id>"}}})
    again = clearing(his, settled, begndate=str(timezone.localdate()))
    assert his.refused("3203", again) == "clearing_overlaps"
    assert his.refused("3203", clearing(his, settled, enddate="9999-12-31")) == "field_wrong"
    assert his.call("3204", {"data": {"clr_appy_evt_id": number}})["infcode"] == 0
    answer = his.call("3204", {"data": {"clr_appy_evt_id": "0"}})
    golden("3204-unknown", his, answer)
    assert his.refused("3204", {"data": {"clr_appy_evt_id": number}}) == "clearing_not_found"
    his.ask("3203", again)
    with acting(System("tests")):
        assert [row.withdrawn_at is None for row in Clearing.objects.order_by("number")] == [False, True]


def test_clearing_that_differs_is_refused_with_all_that_differs(his: Hospital, settled: dict[str, str]) -> None:
    answer = his.call("3203", clearing(his, settled, psntime=2, fund_appy_sum="1.00"))
    golden("3203-differs", his, answer)
    assert refusal(answer) == "clearing_differs" and "psntime" in answer["err_msg"]
    with acting(System("tests")):
        assert not Clearing.objects.exists()


def test_another_institutions_application_is_not_taken_back(
    other: Hospital, his: Hospital, settled: dict[str, str]
) -> None:
    number = his.ask("3203", clearing(his, settled))["result"]["clr_appy_evt_id"]
    assert other.refused("3204", {"data": {"clr_appy_evt_id": number}}) == "clearing_not_found"


# --- Checks, and what is not served -----------------------------------------------------------------------------------


def test_no_rules_no_findings_and_the_answer_says_so(his: Hospital) -> None:
    content = {"data": {"patient_dtos": [{"patn_id": "1"}], "syscode": "HIS", "trig_scen": "1"}}
    assert kept(his, "3101", content) == {"result": []}
    answer = his.call("3102", content)
    assert "没有做任何审核" in answer["warn_msg"]
    golden("3101-nobody", his, his.call("3101", {"data": {}}))
    golden("3103", his, his.call("3103", {"data": {"warns": []}}))


def test_every_other_number_says_why_it_is_not_served(his: Hospital) -> None:
    assert not set(NOT_SERVED) & set(TRANSACTIONS)
    for number in ("3501", "3507", "4102", "4401", "7101", "1901"):
        golden(f"refused-{number}", his, his.call(number, {"data": {}}))
    refused = {number: refusal(his.call(number, {"data": {}})) for number in list(NOT_SERVED)[::4]}
    assert set(refused.values()) == {"transaction_not_served"}
    for number, (name, why) in NOT_SERVED.items():
        # The whole reason has to fit into err_msg.
        assert len(f"本平台不办理 {number}（{name.zh}）：{why.zh}[transaction_not_served]") <= 200
    assert his.refused("8888", {}) == "unknown_transaction"
