"""Mutated messages at the door. YIZHAN_FUZZ=10000 plays so many (YIZHAN_FUZZ_SEED another draw); the suite plays a few hundred."""

from __future__ import annotations

import json
import os
import random
from typing import Any

from django.db import connection
from django.utils import timezone

from tests.agency.caring import patient, ready
from tests.agency.faults import whole
from tests.agency.gateway_calling import ADDRESS, Hospital
from tests.agency.gateway_fuzzing import Mutator, Outcome
from tests.agency.past import resident
from tests.agency.test_gateway import admission, admitted, discharged, fee, in_bed, settling
from tests.agency.world import World
from yizhan.agency.gateway.actions import grant
from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.scope import System, acting

ALL = System("tests")
COUNT, SEED = int(os.environ.get("YIZHAN_FUZZ", "150")), int(os.environ.get("YIZHAN_FUZZ_SEED", "1"))
TABLES = ("care_visit", "care_billline", "care_settlement", "care_settlementpayment", "gateway_told", "gateway_line")
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


def connected(institution: Institution) -> Hospital:
    grant(institution, profile="none", terms={"a_second": 1_000_000, "at_once": 64}, acting_user=ALL)
    return Hospital(institution)


def a_day(his: Hospital, persons: list[Person]) -> None:
    """Messages of every kind that changes something, on visits in every state."""
    today = timezone.localdate()
    first, second, third = persons
    his.ask("9001", {"signIn": {"opter_no": "0001", "ip": "10.0.0.8"}})
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
    his.ask("2304", settling(lying, "200.00"))
    registering = {
        "psn_no": third.number, "insutype": "390", "begntime": f"{today} 08:00:00", "mdtrt_cert_type": "02",
        "ipt_otp_no": "MZ1", "atddr_no": "D1", "dr_name": "医生甲", "dept_code": "01", "dept_name": "内科",
    }  # fmt: skip
    seen = {"mdtrt_id": his.ask("2201", {"data": registering})["data"]["mdtrt_id"], "psn_no": third.number}
    his.ask("2203A", {"mdtrtinfo": {**seen, "med_type": "11", "begntime": f"{today} 08:00:00"}, "diseinfo": []})
    his.ask("2204", {"feedetail": [fee("A1", seen, today, "60.00", chrg_bchno="B1")]})
    his.ask("2206A", settling(seen, "60.00", chrg_bchno="B1"))
    paid = his.ask("2207A", settling(seen, "60.00", chrg_bchno="B1"))["setlinfo"]
    his.ask("2208", {"data": {**seen, "setl_id": paid["setl_id"]}})
    his.ask("2205", {"data": {**seen, "chrg_bchno": "B1"}})
    his.ask("2202", {"data": {**seen, "ipt_otp_no": "MZ1"}})
    sale = {"psn_no": third.number, "mdtrt_cert_type": "02", "begntime": f"{today} 09:00:00", "medfee_sumamt": "25.00",
            "insutype": "390", "med_type": "41"}  # fmt: skip
    his.ask("2102", {"druginfo": sale, "drugdetail": [fee("D1", {}, today, "25.00")]})
    his.ask("2601", {"data": {"psn_no": first.number, "omsgid": "never-came", "oinfno": "2304"}})
    about = {"clr_type": "", "setl_optins": "430300", "stmt_begndate": str(today), "stmt_enddate": str(today)}
    his.ask(
        "3201",
        {"data": {**about, "medfee_sumamt": "0", "fund_pay_sumamt": "0", "acct_pay": "0", "fixmedins_setl_cnt": "0"}},
    )
    sent = his.ask("9101", {"fsUploadIn": {"in": [80, 75, 5, 6, *[0] * 18], "filename": "x.zip"}})
    his.call("3202", {"data": {**about, "file_qury_no": sent["file_qury_no"]}})
    his.call("9102", {"fsDownloadIn": {"file_qury_no": "1"}})
    his.ask("2401", admission(third, today, "ZY3"))


def test_mutated_messages_write_nothing_half_and_show_nothing_of_others(world: World) -> None:
    for place in (world.yuhu, world.xiangtan_county, world.pengjiang):
        ready(place.hospital, place.area)
    his, neighbour = connected(world.yuhu.hospital), connected(world.xiangtan_county.hospital)
    a_day(his, [patient(world, k) for k in (1, 2, 3)])
    stranger, theirs = resident(world.pengjiang, "key_aid"), patient(world, 4, "邻院甲")
    told = in_bed(neighbour, theirs, "LY1", 13_579)
    setl_id = neighbour.ask("2304", settling(told, "13579.00"))["setlinfo"]["setl_id"]
    neighbours = f"select md5(string_agg(t::text, '' order by t.id)) from care_visit t where institution_id = {neighbour.institution.pk}"
    stock = [message for message in his.sent if message["infno"] != "9102"]
    others = [
        told["mdtrt_id"],
        told["psn_no"],
        setl_id,
        stranger.number,
        neighbour.institution.code,
        neighbour.sent[-1]["msgid"],
    ]
    foreign = ["13579.0", neighbour.institution.name]
    mutator, outcome = Mutator(stock, others, random.Random(SEED)), Outcome()
    before, kept = said(_STATE), said(neighbours)
    for _ in range(COUNT):
        body = mutator.next()
        answer = his.client.post(ADDRESS, body, content_type="text/plain")
        code = outcome.note(body, answer.status_code, answer.content, foreign)
        after = said(_STATE)
        if code and after != before:
            outcome.wrong.append(f"refused with {code}, and yet something was written: {body[:1500]!r}")
        if half := said(_HALF):
            outcome.wrong.append(f"{half}: {body[:1500]!r}")
            break
        before = after
    assert not outcome.wrong, f"{len(outcome.wrong)} of {COUNT}:\n" + "\n".join(outcome.wrong[:12])
    assert said(neighbours) == kept, "another institution's visits were changed"
    assert not whole()
    assert outcome.codes[""] > COUNT // 20 and len(outcome.codes) > 10, outcome.codes
    print(json.dumps(outcome.codes.most_common(), ensure_ascii=False))
