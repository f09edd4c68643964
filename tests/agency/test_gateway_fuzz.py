"""Mutated messages at the door. YIZHAN_FUZZ=10000 plays so many (YIZHAN_FUZZ_SEED another draw); the suite plays a few hundred."""

from __future__ import annotations

import json
import os
import random
from copy import deepcopy
from typing import Any

from django.db import connection
from django.utils import timezone

from tests.agency.caring import BORN, CODE, patient, ready
from tests.agency.faults import whole
from tests.agency.filing import city_hospital
from tests.agency.gateway_calling import ADDRESS, Hospital
from tests.agency.gateway_fuzzing import Mutator, Outcome
from tests.agency.past import resident
from tests.agency.test_gateway import admission, admitted, discharged, fee, in_bed, settling
from tests.agency.test_gateway_catalogues import checking, mapping
from tests.agency.test_gateway_filings import chronic, referral
from tests.agency.test_gateway_records import clearing, listed, of_days
from tests.agency.world import World
from yizhan.agency.gateway.actions import grant
from yizhan.agency.gateway.registry import TRANSACTIONS
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.scope import System, acting

ALL = System("tests")
COUNT, SEED = int(os.environ.get("YIZHAN_FUZZ", "100")), int(os.environ.get("YIZHAN_FUZZ_SEED", "1"))
OF_INSTITUTIONS = (
    "care_visit", "care_billline", "care_settlement", "filings_filing", "providers_mapping", "gateway_told", "gateway_line",
    "gateway_file", "gateway_signin", "gateway_voided", "gateway_settlementlist", "gateway_clearing",
)  # fmt: skip
TABLES = (
    *OF_INSTITUTIONS, "care_settlementpayment", "care_patientpayment", "filings_filingstep", "ledger_entry", "ledger_posting", "people_person",
    "people_identitymark", "gateway_caller",
)  # fmt: skip
_STATE = "select " + " || ".join(
    f"coalesce((select md5(string_agg(t::text, '' order by t::text)) from {table} t), '-')" for table in TABLES
)
_HALF = """
    select 'visit without words of the interface', v.id from care_visit v
    where v.source = 'gateway' and not exists (select from gateway_told t where t.visit_id = v.id)
    union all select 'line without its number', b.visit_id from care_billline b join care_visit v on v.id = b.visit_id
    where v.source = 'gateway' and b.why->'refunds' is null
    and not exists (select from gateway_line l where l.visit_id = b.visit_id and l.position = b.position)
    union all select 'number without its line', l.visit_id from gateway_line l
    where not exists (select from care_billline b where b.visit_id = l.visit_id and b.position = l.position)
    union all select 'visit by a message that is not kept', v.id from care_visit v join gateway_told t on t.visit_id = v.id
    where not exists (select from gateway_message m where m.visit_id = v.id and m.taken)
"""


def said(query: str) -> list[Any]:
    with acting(ALL), connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def of(institution: Institution) -> list[Any]:
    """All that is kept of an institution."""
    parts = [
        f"coalesce((select md5(string_agg(t::text, '' order by t::text)) from {table} t"
        f" where t.institution_id = {institution.pk}), '-')"
        for table in OF_INSTITUTIONS
    ]
    return said("select " + ", ".join(parts))


def connected(institution: Institution) -> Hospital:
    grant(institution, profile="none", terms={"a_second": 1_000_000, "at_once": 64}, acting_user=ALL)
    return Hospital(institution)


def a_day(his: Hospital, persons: list[Person], to: Institution) -> None:
    """Messages of every number, on visits in every state."""
    today = timezone.localdate()
    first, second, third = persons
    number = synthetic_id("430302", BORN, 1)
    sign_no = his.ask("9001", {"signIn": {"opter_no": "0001", "mac": "00", "ip": "10.0.0.8"}})["signinoutb"]["sign_no"]
    his.ask("1101", {"data": {
        "mdtrt_cert_type": "02", "mdtrt_cert_no": number, "psn_cert_type": "01", "certno": number, "psn_name": "试样甲",
        "begntime": f"{today} 00:00:00", "card_sn": "",
    }})  # fmt: skip
    his.knows(second, third)
    his.ask("1201", {"medinsinfo": {"fixmedins_type": "1", "fixmedins_code": "", "fixmedins_name": "人民医院"}})
    his.ask("2001", checking(first.number, today))
    for infno in ("1301", "1302", "1305", "1306"):
        his.ask(infno, {"data": {"ver": ""}})
    for infno in ("1312", "1318", "1319"):
        his.ask(infno, {"data": {"query_date": str(today), "hilist_code": CODE, "page_num": 1, "page_size": 10}})
    his.ask("3301", {"data": [mapping("A1"), mapping("A2")]})
    his.ask("3302", {"data": {"fixmedins_hilist_id": "A2", "list_type": "301", "med_list_codg": CODE}})
    his.ask("1317", {"data": {"medins_list_codg": "", "med_list_codg": CODE, "page_num": 1, "page_size": 10}})
    told = in_bed(his, first, "ZY1")
    his.ask("2303", settling(told, "20000.00"))
    info = his.ask("2304", settling(told, "20000.00"))["setlinfo"]
    his.ask("2305", {"data": {**told, "setl_id": info["setl_id"]}})
    his.ask("2405", {"data": told})
    lying = admitted(his, second, "ZY2")
    his.ask("2301", {"feedetail": [fee("L1", lying, today, "300.00", cnt="3"), fee("L2", lying, today, "40.00")]})
    his.ask("2302", {"data": [{"feedetl_sn": "L2", **lying}]})
    back = fee("L3", lying, today, "100.00") | {"det_item_fee_sumamt": "-100.00", "cnt": "-1", "init_feedetl_sn": "L1"}
    his.ask("2301", {"feedetail": [back]})
    his.ask("2403", {"adminfo": {**lying, "begntime": f"{today} 09:00:00", "med_type": "21", "adm_bed": "7"}})
    discharged(his, lying, today)
    setl_id = his.ask("2304", settling(lying, "200.00"))["setlinfo"]["setl_id"]
    settled = {**lying, "setl_id": setl_id}
    for infno in ("5202", "5203", "5204"):
        his.ask(infno, {"data": settled})
    for infno in ("5201", "5205", "5303"):
        his.ask(infno, of_days(lying, med_type=""))
    his.ask("5206", {"data": {"psn_no": second.number, "cum_ym": str(today.year)}})
    his.ask(
        "4101",
        listed(his, settled) | {"iteminfo": [{"med_chrgitm": "08", "amt": "200.00"}]} | _name_of(second, his, settled),
    )
    made = his.ask("3203", clearing(his, settled))["result"]["clr_appy_evt_id"]
    his.ask("3204", {"data": {"clr_appy_evt_id": made}})
    about = {"data": {"psn_no": second.number, "insutype": "390"}}
    for infno in ("5301", "5302", "5304"):
        his.ask(infno, about)
    filed = his.ask("2501", referral(first, to.code, refl_old_mdtrt_id=told["mdtrt_id"]))["result"]["trt_dcla_detl_sn"]
    his.ask("2502", {"data": {"trt_dcla_detl_sn": filed, "psn_no": first.number, "memo": "不去了"}})
    his.ask("2501", referral(second, to.code))
    filed = his.ask("2503", chronic(first))["result"]["trt_dcla_detl_sn"]
    his.ask("2504", {"data": {"trt_dcla_detl_sn": filed, "psn_no": first.number, "memo": "填错"}})
    his.ask("2503", chronic(second))
    his.ask("3101", {"data": {"patient_dtos": [{"patn_id": "1"}], "syscode": "HIS", "trig_scen": "1"}})
    his.ask("3103", {"data": {"warns": [{"warn_rslt_id": "1"}]}})
    registering = {
        "psn_no": third.number, "insutype": "390", "begntime": f"{today} 08:00:00", "mdtrt_cert_type": "02",
        "ipt_otp_no": "MZ1", "atddr_no": "D1", "dr_name": "医生甲", "dept_code": "01", "dept_name": "内科",
    }  # fmt: skip
    seen = {"mdtrt_id": his.ask("2201", {"data": registering})["data"]["mdtrt_id"], "psn_no": third.number}
    illness = {"diag_type": "1", "maindiag_flag": "1", "diag_srt_no": "1", "diag_code": "J06.9", "diag_name": "感冒"}
    his.ask("2203A", {"mdtrtinfo": {**seen, "med_type": "11", "begntime": f"{today} 08:00:00"}, "diseinfo": [illness]})
    his.ask("2204", {"feedetail": [fee("A1", seen, today, "60.00", chrg_bchno="B1")]})
    his.ask("2206A", settling(seen, "60.00", chrg_bchno="B1"))
    paid = his.ask("2207A", settling(seen, "60.00", chrg_bchno="B1"))["setlinfo"]
    his.ask("2208", {"data": {**seen, "setl_id": paid["setl_id"]}})
    his.ask("2205", {"data": {**seen, "chrg_bchno": "B1"}})
    his.ask("2202", {"data": {**seen, "ipt_otp_no": "MZ1"}})
    sale = {"psn_no": third.number, "mdtrt_cert_type": "02", "begntime": f"{today} 09:00:00", "medfee_sumamt": "25.00",
            "insutype": "390", "med_type": "41"}  # fmt: skip
    his.ask("2101", {"druginfo": sale, "drugdetail": [fee("D1", {}, today, "25.00")]})
    sold = his.ask("2102", {"druginfo": sale, "drugdetail": [fee("D1", {}, today, "25.00")]})["setlinfo"]
    his.ask("2103", {"data": {"setl_id": sold["setl_id"], "mdtrt_id": sold["mdtrt_id"], "psn_no": third.number}})
    his.ask("2601", {"data": {"psn_no": first.number, "omsgid": "never-came", "oinfno": "2304"}})
    period = {"clr_type": "", "setl_optins": "430300", "stmt_begndate": str(today), "stmt_enddate": str(today)}
    sums = {"medfee_sumamt": "0", "fund_pay_sumamt": "0", "acct_pay": "0", "fixmedins_setl_cnt": "0"}
    his.ask("3201", {"data": {**period, **sums}})
    sent = his.ask("9101", {"fsUploadIn": {"in": [80, 75, 5, 6, *[0] * 18], "filename": "x.zip"}})
    his.call("3202", {"data": {**period, "file_qury_no": sent["file_qury_no"]}})
    his.post(json.dumps(his.envelope("9102", {"fsDownloadIn": {"file_qury_no": sent["file_qury_no"]}})).encode())
    his.sent.append(his.envelope("9102", {"fsDownloadIn": {"file_qury_no": sent["file_qury_no"]}}))
    lying = admitted(his, first, "ZY4")
    his.ask("2404", {"data": lying})
    his.ask("2401", admission(third, today, "ZY3"))
    his.ask("9002", {"signOut": {"sign_no": sign_no, "opter_no": "0001"}})


def _name_of(person: Person, his: Hospital, settled: dict[str, str]) -> dict[str, Any]:
    """The front of a settlement list of a stay of one day."""
    sent, today = listed(his, settled), timezone.localdate()
    return {"setlinfo": sent["setlinfo"] | {"psn_name": person.name, "adm_time": f"{today} 09:00:00"}}


def stock_of(his: Hospital) -> list[dict[str, Any]]:
    """What was sent, and under each further number that the same transaction has."""
    stock = [deepcopy(message) for message in his.sent]
    for infno in TRANSACTIONS:
        if not any(message["infno"] == infno for message in stock):
            like = [m for m in stock if m["infno"][:4] == infno[:4]] or [m for m in stock if m["infno"] == "3101"]
            stock += [deepcopy(message) | {"infno": infno} for message in like]
    return stock


def theirs_of(
    neighbour: Hospital, person: Person, to: Institution, stranger: Person
) -> tuple[dict[str, list[str]], list[str]]:
    """(numbers of another institution by the name of their field, words that stand in nothing but its data)."""
    today = timezone.localdate()
    neighbour.ask("9001", {"signIn": {"opter_no": "邻", "ip": "10.0.0.9"}})
    told = in_bed(neighbour, person, "LY1", 13_579)
    asked = admission(person, today, "LY2", ("Z99", "邻院诊断"))
    asked["mdtrtinfo"] |= {"adm_dept_name": "邻院科室", "chfpdr_name": "邻院医生", "adm_bed": "邻床"}
    lying = neighbour.ask("2401", asked)["result"]["mdtrt_id"]
    neighbour.ask(
        "2301",
        {
            "feedetail": [
                fee("L1", {"mdtrt_id": lying, "psn_no": person.number}, today, "97.31", medins_list_name="邻院项目")
            ]
        },
    )
    setl_id = neighbour.ask("2304", settling(told, "13579.00"))["setlinfo"]["setl_id"]
    filed = neighbour.ask("2501", referral(person, to.code, refl_rea="邻院理由"))["result"]["trt_dcla_detl_sn"]
    registered = neighbour.ask("2503", chronic(person, opsp_dise_name="邻院慢病"))["result"]["trt_dcla_detl_sn"]
    neighbour.ask("3301", {"data": [mapping("L1")]})
    settled = {**told, "setl_id": setl_id}
    made = neighbour.ask("3203", clearing(neighbour, settled))["result"]["clr_appy_evt_id"]
    file = neighbour.ask("9101", {"fsUploadIn": {"in": [80, 75, 5, 6, *[0] * 18], "filename": "邻院.zip"}})[
        "file_qury_no"
    ]
    numbers = [message["msgid"] for message in neighbour.sent]
    theirs = {
        "mdtrt_id": [told["mdtrt_id"], lying], "psn_no": [person.number, stranger.number], "setl_id": [setl_id],
        "trt_dcla_detl_sn": [filed, registered], "clr_appy_evt_id": [made], "file_qury_no": [file], "omsgid": numbers,
        "msgid": numbers, "fixmedins_code": [neighbour.institution.code], "refl_old_mdtrt_id": [told["mdtrt_id"]],
        "feedetl_sn": ["LY1-0"], "init_feedetl_sn": ["LY1-0"], "fixmedins_hilist_id": ["L1"],
    }  # fmt: skip
    words = [
        "13579.0",
        "邻院诊断",
        "邻院科室",
        "邻院医生",
        "邻床",
        "邻院项目",
        "97.31",
        "邻院理由",
        "邻院.zip",
        "邻院慢病",
    ]
    return theirs, words


def swept(stock: list[dict[str, Any]], theirs: dict[str, list[str]]) -> list[bytes]:
    """Each number of messages once for each field in which another's number may stand."""
    found: dict[tuple[str, str, str], bytes] = {}
    for message in stock:
        for name, numbers in theirs.items():
            for number in numbers[:2]:
                changed = _with(message["input"], name, number)
                if changed != message["input"]:
                    body = message | {"input": changed, "msgid": f"S{len(found)}-{message['infno']}"}
                    found.setdefault((message["infno"], name, number), json.dumps(body).encode())
    return list(found.values())


def _with(value: Any, name: str, number: str) -> Any:
    """The same with a number in the place of every value of that name."""
    if isinstance(value, dict):
        return {k: number if k == name else _with(v, name, number) for k, v in value.items()}
    return [_with(one, name, number) for one in value] if isinstance(value, list) else value


def test_mutated_messages_write_nothing_half_and_show_nothing_of_others(world: World) -> None:
    for place in (world.yuhu, world.xiangtan_county, world.pengjiang):
        ready(place.hospital, place.area)
    his, neighbour, to = connected(world.yuhu.hospital), connected(world.xiangtan_county.hospital), city_hospital(world)
    a_day(his, [patient(world, k) for k in (1, 2, 3)], to)
    theirs, foreign = theirs_of(neighbour, patient(world, 4, "邻院甲"), to, resident(world.pengjiang, "key_aid"))
    # From now on it signs: else whoever writes its code in the envelope is this institution.
    grant(neighbour.institution, profile="ca", acting_user=ALL)
    stock = stock_of(his)
    assert {message["infno"] for message in stock} >= set(TRANSACTIONS)
    mutator, outcome = Mutator(stock, theirs, random.Random(SEED)), Outcome()
    before, kept = said(_STATE), of(neighbour.institution)
    sweep, played = swept(stock, theirs), 0
    while played < len(sweep) + COUNT:
        body = sweep[played] if played < len(sweep) else mutator.next()
        played += 1
        answer = his.client.post(ADDRESS, body, content_type="text/plain")
        code = outcome.note(body, answer.status_code, answer.headers["Content-Type"], answer.content, foreign)
        after = said(_STATE)
        if code and after != before:
            outcome.wrong.append(f"refused with {code}, and yet something was written: {body[:1500]!r}")
        half = said(_HALF) if after != before else []
        if half:
            outcome.wrong.append(f"{half}: {body[:1500]!r}")
        before = after
        if half or len(outcome.wrong) >= 12:
            break
    assert not outcome.wrong, f"{len(outcome.wrong)} of {played}:\n" + "\n".join(outcome.wrong[:12])
    assert of(neighbour.institution) == kept, "another institution's rows were changed"
    assert not whole()
    assert outcome.codes[""] > COUNT // 20 and len(outcome.codes) > 10, outcome.codes
    print(json.dumps([outcome.codes.most_common(), outcome.taken.most_common()], ensure_ascii=False))
