"""A hospital's own system settles over the national interface: whole days of it, with every message as a golden file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from tests.agency.caring import BORN, CODE, SINCE, patient, ready
from tests.agency.filing import approved
from tests.agency.gateway_calling import Hospital, certificate, connected, golden
from tests.agency.past import resident
from tests.agency.world import Place, World
from yizhan.agency.care.models import Visit
from yizhan.agency.enrolment.actions.covers import record_cover
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.people.models import Person
from yizhan.agency.providers.models import Item, Version
from yizhan.agency.staff.scope import System, acting

pytestmark = pytest.mark.xdist_group("gateway day")

DAY = timedelta(days=1)
CLASS_B = "XB9002"
"""National code of an item of class B, of which a tenth is paid first."""


def fee(
    sn: str, told: dict[str, str], on: Any, yuan: str, code: str = CODE, cnt: str = "1", **more: Any
) -> dict[str, Any]:
    each = f"{float(yuan) / float(cnt):.4f}"
    return {
        "feedetl_sn": sn, **told, "med_type": "21", "fee_ocur_time": f"{on} 10:00:00", "med_list_codg": code,
        "medins_list_codg": code, "det_item_fee_sumamt": yuan, "cnt": cnt, "pric": each, "bilg_dept_codg": "01",
        "bilg_dept_name": "内科", "bilg_dr_codg": "D1", "bilg_dr_name": "医生甲", **more,
    }  # fmt: skip


def admission(
    person: Person, begins: date, number: str, disease: tuple[str, str] = ("J18.9", "肺炎")
) -> dict[str, Any]:
    code, name = disease
    return {
        "mdtrtinfo": {
            "psn_no": person.number, "insutype": "390", "begntime": f"{begins} 09:00:00", "mdtrt_cert_type": "02",
            "mdtrt_cert_no": certificate(person), "med_type": "21", "ipt_no": number, "atddr_no": "D1", "chfpdr_name": "医生甲", "adm_diag_dscr": name,
            "adm_dept_codg": "01", "adm_dept_name": "内科", "adm_bed": "3", "dscg_maindiag_code": code,
            "dscg_maindiag_name": name,
        },
        "diseinfo": {"diag_type": "1", "maindiag_flag": "1", "diag_srt_no": 1, "diag_code": code, "diag_name": name},
    }  # fmt: skip


def admitted(his: Hospital, person: Person, number: str = "ZY0001", days: int = 5) -> dict[str, str]:
    output = his.ask("2401", admission(person, timezone.localdate() - days * DAY, number))
    return {"mdtrt_id": output["result"]["mdtrt_id"], "psn_no": person.number}


def discharged(his: Hospital, told: dict[str, str], on: Any) -> None:
    his.ask("2402", {"dscginfo": {**told, "insutype": "390", "endtime": f"{on} 10:00:00", "dscg_way": "1"}})


def settling(told: dict[str, str], total: str, **more: Any) -> dict[str, Any]:
    return {
        "data": {
            **told, "mdtrt_cert_type": "02", "mdtrt_cert_no": "", "medfee_sumamt": total, "psn_setlway": "01",
            "acct_used_flag": "0", "insutype": "390", "mid_setl_flag": "0", "invono": "", **more,
        }
    }  # fmt: skip


def in_bed(his: Hospital, person: Person, number: str = "ZY0001", yuan: int = 20_000) -> dict[str, str]:
    """A stay that ended today, with its lines."""
    told, today = admitted(his, person, number), timezone.localdate()
    each = f"{yuan / 4:.2f}"
    his.ask("2301", {"feedetail": [fee(f"{number}-{k}", told, today - k * DAY, each) for k in range(4)]})
    discharged(his, told, today)
    return told


@pytest.fixture
def his(world: World) -> Hospital:
    ready(world.yuhu.hospital, world.yuhu.area)
    return connected(world.yuhu)


def ask(his: Hospital, infno: str, content: Any, name: str = "") -> Any:
    """The output of a message that is taken; request and answer are compared with the golden file of that name."""
    answer = his.call(infno, content)
    golden(name or infno, his, answer)
    assert answer["infcode"] == 0, answer["err_msg"]
    return answer["output"]


def test_an_inpatient_day(world: World, his: Hospital) -> None:
    asked = partial(ask, his)
    person, today = patient(world), timezone.localdate()
    number = synthetic_id("430302", BORN, 1)
    asked("9001", {"signIn": {"opter_no": "0001", "ip": "10.0.0.8", "mac": "00-00-00-00-00-01"}})
    asked(
        "1101",
        {
            "data": {
                "mdtrt_cert_type": "02",
                "mdtrt_cert_no": number,
                "psn_cert_type": "01",
                "certno": "",
                "psn_name": "试样甲",
            }
        },
    )
    output = asked("2401", admission(person, today - 5 * DAY, "ZY0001"))
    told = {"mdtrt_id": output["result"]["mdtrt_id"], "psn_no": person.number}
    lines = [fee(f"F{k}", told, today - k * DAY, "5000.00") for k in range(5)]
    asked("2301", {"feedetail": lines})
    asked("2302", {"data": [{"feedetl_sn": "F4", **told}]})
    shown = asked("2303", settling(told, "20000.00"))["setlinfo"]
    asked(
        "2402",
        {
            "dscginfo": {
                **told,
                "insutype": "390",
                "endtime": f"{today} 10:00:00",
                "dscg_dept_codg": "01",
                "dscg_dept_name": "内科",
                "dscg_way": "1",
            }
        },
    )
    info = asked("2304", settling(told, "20000.00"))["setlinfo"]
    same = ("fund_pay_sumamt", "psn_part_amt", "hifp_pay", "act_pay_dedc", "medfee_sumamt")
    assert {name: info[name] for name in same} == {name: shown[name] for name in same}
    assert info["medins_setl_id"] == his.sent[-1]["msgid"]
    period = {"stmt_begndate": str(today), "stmt_enddate": str(today)}
    sums = {
        "medfee_sumamt": info["medfee_sumamt"],
        "fund_pay_sumamt": info["fund_pay_sumamt"],
        "acct_pay": 0,
        "fixmedins_setl_cnt": 1,
    }
    about = {"insutype": "390", "clr_type": "21", "setl_optins": "430300", **period}
    asked("3201", {"data": {**about, **sums}})
    answer = asked("3201", {"data": {**about, **sums, "medfee_sumamt": "1.00"}}, "3201-differs")
    assert answer["stmtinfo"]["stmt_rslt"] == "1"
    asked("2305", {"data": {**told, "setl_id": info["setl_id"]}})
    asked("2405", {"data": told})
    asked(
        "2403",
        {
            "adminfo": {
                **told,
                "begntime": f"{today - 6 * DAY} 09:00:00",
                "endtime": "",
                "med_type": "21",
                "adm_bed": "7",
            }
        },
    )
    asked("2302", {"data": {"feedetl_sn": "0000", **told}}, "2302-all")
    asked("2404", {"data": told})
    asked("9002", {"signOut": {"sign_no": "1", "opter_no": "0001"}})


def test_an_outpatient_day_with_two_chargings(world: World, his: Hospital) -> None:
    asked = partial(ask, his)
    person, today = patient(world), timezone.localdate()
    his.knows(person)
    about = {"insutype": "390", "mdtrt_cert_type": "02", "mdtrt_cert_no": "", "atddr_no": "D1", "dr_name": "医生甲"}
    registering = {
        **about,
        "psn_no": person.number,
        "begntime": f"{today} 08:00:00",
        "ipt_otp_no": "MZ1",
        "dept_code": "01",
        "dept_name": "内科",
        "caty": "03",
    }
    output = asked("2201", {"data": registering})
    told = {"mdtrt_id": output["data"]["mdtrt_id"], "psn_no": person.number}
    illness = {
        "diag_type": "1",
        "diag_srt_no": "1",
        "diag_code": "J06.9",
        "diag_name": "上呼吸道感染",
        "maindiag_flag": "1",
    }
    asked("2203A", {"mdtrtinfo": {**told, "med_type": "11", "begntime": f"{today} 08:00:00"}, "diseinfo": [illness]})
    asked(
        "2204",
        {
            "feedetail": [
                fee("A1", told, today, "60.00", chrg_bchno="B1"),
                fee("A2", told, today, "40.00", chrg_bchno="B1"),
            ]
        },
    )
    asked("2205", {"data": {**told, "chrg_bchno": "0000"}})
    his.ask("2204", {"feedetail": [fee("A3", told, today, "100.00", chrg_bchno="B1")]})
    first = settling(told, "100.00", med_type="11", chrg_bchno="B1")
    shown = asked("2206A", first)["setlinfo"]
    info = asked("2207A", first)["setlinfo"]
    assert (info["psn_part_amt"], info["clr_type"]) == (shown["psn_part_amt"], "11")
    # A second charging begun, taken back, and begun anew leaves no empty visit at the window.
    his.ask("2204", {"feedetail": [fee("A0", told, today, "30.00", chrg_bchno="B2")]})
    his.ask("2205", {"data": {**told, "chrg_bchno": "B2"}})
    his.ask("2204", {"feedetail": [fee("A4", told, today, "30.00", chrg_bchno="B2")]})
    with acting(System("tests")):
        assert sorted(Visit.objects.values_list("state", flat=True)) == ["cancelled", "discharged", "discharged"]
    second = his.ask("2207", settling(told, "30.00", med_type="11", chrg_bchno="B2"))["setlinfo"]
    assert second["mdtrt_id"] == info["mdtrt_id"] and second["setl_id"] != info["setl_id"]
    back = asked("2208", {"data": {**told, "setl_id": info["setl_id"]}})["setlinfo"]
    assert back["medfee_sumamt"] == -100.0
    asked("2205", {"data": {**told, "chrg_bchno": "B1"}}, "2205-batch")
    assert his.refused("2202", {"data": {**told, "ipt_otp_no": "MZ1"}}) == "visit_frozen"
    other = his.ask("2201", {"data": registering | {"ipt_otp_no": "MZ2"}})["data"]["mdtrt_id"]
    asked("2202", {"data": {**told, "mdtrt_id": other, "ipt_otp_no": "MZ2"}})


def test_a_purchase_is_one_message_and_its_preview_keeps_nothing(world: World, his: Hospital) -> None:
    person, today = patient(world), timezone.localdate()
    his.knows(person)
    line = fee("D1", {}, today, "25.00")
    sale = {
        "druginfo": {
            "psn_no": person.number, "mdtrt_cert_type": "02", "mdtrt_cert_no": "", "begntime": f"{today} 09:00:00",
            "medfee_sumamt": "25.00", "insutype": "390", "med_type": "41", "acct_used_flag": "0",
        },
        "drugdetail": [line],
    }  # fmt: skip
    answer = his.call("2101", sale)
    golden("2101", his, answer)
    with acting(System("tests")):
        assert not Visit.objects.exists()
    answer = his.call("2102", sale)
    golden("2102", his, answer)
    info = answer["output"]["setlinfo"]
    assert (info["medfee_sumamt"], info["clr_type"]) == (25.0, "41")
    wrong = sale | {"druginfo": {**sale["druginfo"], "medfee_sumamt": "26.00"}}  # type: ignore[dict-item]
    assert his.refused("2102", wrong) == "totals_differ"
    golden("2103", his, his.call("2103", {"data": {"psn_no": person.number, "setl_id": info["setl_id"]}}))
    with acting(System("tests")):
        assert Visit.objects.count() == 1


# --- Poor persons, several payers -------------------------------------------------------------------------------------


def class_b(place: Place, from_on: date = SINCE) -> None:
    """A catalogue with an item of class B beside the one of class A, in force from a day."""
    city = place.area.parent
    assert city is not None
    with acting(System("tests")):
        version = Version.objects.create(
            area=city, area_path=city.path, kind="drug", from_on=from_on,
            document="演示目录", file_name="演示.csv", state="reading", rows=1, made_by=place.officer,
        )  # fmt: skip
        Item.objects.create(
            version=version, code=CLASS_B, name="演示乙类", payment_class="b", first_pay=1_000, fee="09"
        )
        Version.objects.filter(pk=version.pk).update(state="draft")
        applied = {"state": "applied", "applied_by": place.reviewer, "applied_at": timezone.now()}
        Version.objects.filter(pk=version.pk).update(**applied)


def settled_in_2019(
    his: Hospital, person: Person, lines: Sequence[tuple[str, str]], disease: tuple[str, str], name: str
) -> dict[str, Any]:
    """A stay of May 2019 over the interface, its 2303 and 2304 as golden files; setlinfo with the rows as fund → yuan."""
    ends = date(2019, 5, 5)
    output = his.ask("2401", admission(person, ends - 5 * DAY, "ZY2019", disease))
    told = {"mdtrt_id": output["result"]["mdtrt_id"], "psn_no": person.number}
    his.ask("2301", {"feedetail": [fee(f"F{k}", told, ends, yuan, code) for k, (code, yuan) in enumerate(lines)]})
    discharged(his, told, ends)
    total = f"{sum(float(yuan) for _, yuan in lines):.2f}"
    answer = his.call("2304", settling(told, total))
    golden(name, his, answer)
    output = answer["output"]
    rows = {row["fund_pay_type"]: row["fund_payamt"] for row in output["setldetail"]}
    return {**output["setlinfo"], "rows": rows}


def test_six_payers_of_one_poor_patient_as_worked_out_by_hand(world: World) -> None:
    """湘潭 算例 九“丁巳”: package, basic, critical illness, supplementary, assistance, waiver."""
    yuhu = world.yuhu
    type(yuhu.hospital).objects.filter(pk=yuhu.hospital.pk).update(level="level_3")
    yuhu.hospital.refresh_from_db()
    ready(yuhu.hospital, yuhu.area)
    class_b(yuhu)
    person = resident(yuhu, "registered_poor")
    year = (date(2019, 1, 1), date(2019, 12, 31))
    record_cover(
        person, insurer="商业补充医疗保险", first_day=year[0], last_day=year[1], premium_fen=None, paid_by="finance",
        document="演示保单", acting_user=yuhu.officer,
    )  # fmt: skip
    approved(world, person, "severe", disease="胃癌", from_on=year[0])
    lines = [(CODE, "26000.00"), (CLASS_B, "20000.00"), ("无目录", "4000.00")]
    info = settled_in_2019(connected(yuhu), person, lines, ("C16.9", "胃癌"), "2304-six-payers")
    assert info["rows"] == {
        "999996": 10000.0, "390101": 27160.0, "390201": 2904.0, "620101": 4968.0, "610101": 3477.6, "630101": 745.2,
    }  # fmt: skip
    assert (info["hifp_pay"], info["hifmi_pay"], info["maf_pay"]) == (27160.0, 2904.0, 3477.6)
    # In Hunan what the hospital waives stands among the others; what it bears of the package is its own.
    assert (info["oth_pay"], info["hosp_part_amt"], info["psn_part_amt"]) == (5713.2, 10000.0, 745.2)
    assert (info["preselfpay_amt"], info["fulamt_ownpay_amt"], info["inscp_scp_amt"]) == (2000.0, 4000.0, 44000.0)


def test_the_guarantee_is_a_row_of_its_own_and_stands_among_the_others(world: World, his: Hospital) -> None:
    """湘潭 算例 八“专项本县·建档立卡3000”."""
    person = resident(world.yuhu, "registered_poor")
    approved(world, person, "severe", disease="肺癌", from_on=date(2019, 1, 1))
    lines = [(CODE, "10000.00"), ("无目录", "3000.00")]
    info = settled_in_2019(his, person, lines, ("C34.9", "肺癌"), "2304-guarantee")
    assert info["rows"] == {"390101": 7990.0, "610101": 1407.0, "640101": 1653.0}
    assert (info["oth_pay"], info["psn_part_amt"], info["act_pay_dedc"]) == (1653.0, 1950.0, 600.0)


def test_what_a_hospital_shares_is_no_funds_money(world: World) -> None:
    """江门: of the own expense the poverty-relief fund pays four fifths, the hospital the last."""
    place = world.pengjiang
    ready(place.hospital, place.area)
    person = resident(place, "key_aid")
    lines = [(CODE, "10900.00"), ("无目录", "800.00")]
    info = settled_in_2019(connected(place), person, lines, ("J18.9", "肺炎"), "2304-shared-by-hospital")
    assert info["rows"]["999996"] == info["hosp_part_amt"] == 160.0
    assert info["rows"]["640101"] == info["oth_pay"]
