"""A hospital's own system settles over the national interface: whole days of it, and what is kept of every message."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.agency.calling import Hospital, connected
from tests.agency.caring import BORN, CODE, patient, ready
from tests.agency.world import World
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.people.models import Person

DAY = timedelta(days=1)


def fee(sn: str, told: dict[str, str], on: Any, yuan: str = "1000.00", cnt: str = "1", **more: Any) -> dict[str, Any]:
    each = f"{float(yuan) / float(cnt):.4f}"
    return {
        "feedetl_sn": sn, **told, "med_type": "21", "fee_ocur_time": f"{on} 10:00:00", "med_list_codg": CODE,
        "medins_list_codg": CODE, "det_item_fee_sumamt": yuan, "cnt": cnt, "pric": each, "bilg_dept_codg": "01",
        "bilg_dept_name": "内科", "bilg_dr_codg": "D1", "bilg_dr_name": "医生甲", **more,
    }  # fmt: skip


@pytest.fixture
def his(world: World) -> Hospital:
    ready(world.yuhu.hospital, world.yuhu.area)
    return connected(world.yuhu)


def admitted(his: Hospital, person: Person, number: str = "ZY0001", days: int = 5) -> dict[str, str]:
    begins = timezone.localdate() - days * DAY
    output = his.ask(
        "2401",
        {
            "mdtrtinfo": {
                "psn_no": person.number, "insutype": "390", "begntime": f"{begins} 09:00:00", "mdtrt_cert_type": "02",
                "med_type": "21", "ipt_no": number, "atddr_no": "D1", "chfpdr_name": "医生甲", "adm_dept_name": "内科",
                "adm_bed": "3", "dscg_maindiag_code": "J18.9", "dscg_maindiag_name": "肺炎",
            },
            "diseinfo": {"diag_type": "1", "maindiag_flag": "1", "diag_srt_no": 1, "diag_code": "J18.9", "diag_name": "肺炎"},
        },
    )  # fmt: skip
    return {"mdtrt_id": output["result"]["mdtrt_id"], "psn_no": person.number}


def settling(told: dict[str, str], total: str) -> dict[str, Any]:
    return {
        "data": {
            **told, "mdtrt_cert_type": "02", "mdtrt_cert_no": "", "medfee_sumamt": total, "psn_setlway": "01",
            "acct_used_flag": "0", "insutype": "390", "mid_setl_flag": "0", "invono": "",
        }
    }  # fmt: skip


def test_an_inpatient_day(world: World, his: Hospital) -> None:
    person = patient(world)
    number = synthetic_id("430302", BORN, 1)
    his.ask("9001", {"signIn": {"opter_no": "0001", "ip": "10.0.0.8", "mac": ""}})
    known = his.ask("1101", {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": number, "psn_name": "试样甲"}})
    assert known["baseinfo"]["psn_no"] == person.number
    told = admitted(his, person)
    today = timezone.localdate()
    lines = [fee(f"F{k}", told, today - k * DAY, "5000.00") for k in range(4)]
    split = his.ask("2301", {"feedetail": lines})["result"]
    assert [row["inscp_scp_amt"] for row in split] == [5000.0] * 4
    shown = his.ask("2303", settling(told, "20000.00"))["setlinfo"]
    his.ask("2402", {"dscginfo": {**told, "insutype": "390", "endtime": f"{today} 10:00:00", "dscg_way": "1"}})
    message = his.envelope("2304", settling(told, "20000.00"))
    settled = his.send(message)
    info = settled["output"]["setlinfo"]
    assert (info["fund_pay_sumamt"], info["medfee_sumamt"]) == (shown["fund_pay_sumamt"], 20000.0)
    assert info["medins_setl_id"] == message["msgid"]
    assert his.send(message) == settled
    equal = his.ask("3201", {
        "data": {
            "insutype": "", "clr_type": "21", "setl_optins": "430300", "stmt_begndate": str(today), "stmt_enddate": str(today),
            "medfee_sumamt": info["medfee_sumamt"], "fund_pay_sumamt": info["fund_pay_sumamt"], "acct_pay": 0,
            "fixmedins_setl_cnt": 1,
        }
    })  # fmt: skip
    assert equal["stmtinfo"]["stmt_rslt"] == "0", equal
    back = his.ask("2305", {"data": {**told, "setl_id": info["setl_id"]}})
    assert back["setlinfo"]["fund_pay_sumamt"] == -info["fund_pay_sumamt"]
