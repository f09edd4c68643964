"""The door: who is let in, what a repeat gets, what a reversal undoes, and what real clients send otherwise than written."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.agency.caring import BORN, patient, ready
from tests.agency.gateway_calling import Hospital, connected, golden
from tests.agency.test_gateway import admission, admitted, discharged, fee, in_bed, settling
from tests.agency.world import World
from yizhan.agency import crypto, sm2
from yizhan.agency.care.actions import change_visit
from yizhan.agency.care.models import Settlement, Visit
from yizhan.agency.gateway.actions import grant, stop
from yizhan.agency.gateway.commands import public_key
from yizhan.agency.gateway.errors import NoSuchKey
from yizhan.agency.gateway.his.commands import private_key
from yizhan.agency.gateway.models import Message
from yizhan.agency.gateway.registry import TRANSACTIONS
from yizhan.agency.gateway.transactions import reversal
from yizhan.agency.gateway.zipped import packed, unpacked
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.staff import limits
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.scope import System, acting

ALL = System("tests")


@pytest.fixture
def his(world: World) -> Hospital:
    ready(world.yuhu.hospital, world.yuhu.area)
    return connected(world.yuhu)


def rows() -> list[Settlement]:
    with acting(ALL):
        return list(Settlement.objects.order_by("id"))


# --- Once -------------------------------------------------------------------------------------------------------------


def test_a_repeat_gets_the_first_answer_byte_for_byte(world: World, his: Hospital) -> None:
    told = in_bed(his, patient(world))
    message = his.envelope("2304", settling(told, "20000.00"))
    first = his.post(json.dumps(message).encode())
    again = message | {"inf_time": "2026-03-01 09:30:00", "sign_no": "359754"}
    assert his.post(json.dumps(again, indent=1).encode(), content_type="application/json; charset=utf-8") == first
    assert len(rows()) == 1


def test_a_number_is_not_used_for_two_messages(world: World, his: Hospital) -> None:
    told = in_bed(his, patient(world))
    message = his.envelope("2304", settling(told, "20000.00"))
    his.send(message)
    other = his.send(message | {"input": settling(told, "20000.01")})
    golden("refused-message_number_used", his, other)
    assert other["err_msg"].endswith("[message_number_used]")


def test_a_refusal_writes_nothing_and_leaves_the_number_free(world: World, his: Hospital) -> None:
    told = admitted(his, patient(world))
    today = timezone.localdate()
    his.ask("2301", {"feedetail": [fee("F1", told, today, "20000.00")]})
    message = his.envelope("2304", settling(told, "20000.00"))
    refused = his.send(message)
    golden("refused-not_discharged", his, refused)
    discharged(his, told, today)
    assert his.send(message)["infcode"] == 0
    with acting(ALL):
        kept = list(Message.objects.filter(infno="2304").order_by("id").values_list("taken", "codes"))
        assert Audit.objects.filter(act="message.refuse", outcome="refused").count() == 1
    assert kept == [(False, ["not_discharged"]), (True, [])]


def test_another_total_is_refused_and_nothing_is_settled(world: World, his: Hospital) -> None:
    told = in_bed(his, patient(world))
    assert his.refused("2304", settling(told, "19999.99")) == "totals_differ"
    golden("refused-totals_differ", his, his.call("2303", settling(told, "19999.99")))
    assert not rows()


def test_the_trail_names_the_message(world: World, his: Hospital) -> None:
    told = in_bed(his, patient(world))
    his.ask("2304", settling(told, "20000.00"))
    with acting(ALL):
        row = Audit.objects.get(act="settlement.settle")
        message = Message.objects.get(pk=row.detail["message"])
    assert (message.infno, row.officer_name, row.officer_id) == ("2304", "医院系统 窗口甲", None)
    assert "430302" not in message.request_sealed


def test_a_settlement_takes_few_statements(world: World, his: Hospital) -> None:
    told = in_bed(his, patient(world))
    said: list[str] = []

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        said.append(" ".join(sql.split())[:100])
        return execute(sql, *rest)

    with connection.execute_wrapper(count):
        his.ask("2304", settling(told, "20000.00"))
    # Three of them are the test's own transaction around it: two savepoints, and the scope restored.
    assert len(said) <= 21, "\n".join(said)


# --- Reversal ---------------------------------------------------------------------------------------------------------


def undo(message: dict[str, Any], told: dict[str, str]) -> dict[str, Any]:
    return {"data": {"psn_no": told["psn_no"], "omsgid": message["msgid"], "oinfno": message["infno"]}}


def test_a_settlement_of_unknown_fate_is_undone_and_its_message_is_void(world: World, his: Hospital) -> None:
    told = in_bed(his, patient(world))
    message = his.envelope("2304", settling(told, "20000.00"))
    his.send(message)
    golden("2601", his, his.call("2601", undo(message, told)))
    assert [row.kind for row in rows()] == ["settled", "reversed"]
    assert his.call("2601", undo(message, told))["infcode"] == 0, "once more does no harm"
    assert his.send(message)["err_msg"].endswith("[message_void]")
    assert his.ask("2304", settling(told, "20000.00"))["setlinfo"]["medfee_sumamt"] == 20000.0


def test_a_message_that_never_came_is_void_when_it_comes_late(world: World, his: Hospital) -> None:
    told = in_bed(his, patient(world))
    message = his.envelope("2304", settling(told, "20000.00"))
    golden("2601-unknown", his, his.call("2601", undo(message, told)))
    answer = his.send(message)
    golden("refused-message_void", his, answer)
    assert not rows()


def test_what_was_cancelled_since_is_not_reversed(world: World, his: Hospital) -> None:
    told = in_bed(his, patient(world))
    message = his.envelope("2304", settling(told, "20000.00"))
    setl_id = his.send(message)["output"]["setlinfo"]["setl_id"]
    his.ask("2305", {"data": {**told, "setl_id": setl_id}})
    golden("refused-cannot_reverse", his, his.call("2601", undo(message, told)))
    assert his.sent[-1]["infno"] == "2601"
    assert [row.kind for row in rows()] == ["settled", "reversed"]


def test_an_admission_and_lines_are_reversed(world: World, his: Hospital) -> None:
    person = patient(world)
    entering = his.envelope("2401", admission(person, timezone.localdate(), "ZY1"))
    told = {"mdtrt_id": his.send(entering)["output"]["result"]["mdtrt_id"], "psn_no": person.number}
    lines = his.envelope("2301", {"feedetail": [fee("F1", told, timezone.localdate(), "100.00")]})
    his.send(lines)
    his.ask("2601", undo(lines, told))
    his.ask("2601", undo(entering, told))
    with acting(ALL):
        visit = Visit.objects.get()
        assert (visit.state, visit.lines.count()) == ("cancelled", 0)
    his.ask("2401", admission(person, timezone.localdate(), "ZY1"))


def of_visit(told: dict[str, str]) -> dict[str, Any]:
    """A stay or visit as 5201 tells it."""
    with acting(ALL):
        row = Visit.objects.select_related("told").get(pk=told["mdtrt_id"])
        return {
            "state": row.state, "ends": row.discharged_on, "begins": row.admitted_on, "bed": row.bed, "care": row.care,
            "doctor": row.doctor, "diagnoses": row.diagnoses, "med_type": row.told.med_type, "more": row.told.more,
        }  # fmt: skip


def test_changes_of_a_stay_are_put_back(world: World, his: Hospital) -> None:
    told, today = admitted(his, patient(world)), timezone.localdate()
    before = of_visit(told)
    changing = his.envelope(
        "2403", {"adminfo": {**told, "begntime": str(today - timedelta(days=3)), "adm_bed": "7", "chfpdr_name": "乙"}}
    )
    his.send(changing)
    leaving = his.envelope("2402", {"dscginfo": {**told, "endtime": str(today), "dscg_way": "1"}})
    his.send(leaving)
    his.ask("2301", {"feedetail": [fee("F1", told, today, "20000.00")]})
    assert of_visit(told)["state"] == "discharged"
    # What came between does not matter, as long as it is another thing; the order neither.
    his.ask("2601", undo(changing, told))
    assert of_visit(told) | {"state": "", "ends": None, "more": 0} == before | {"state": "", "more": 0}
    golden("2601-discharge", his, his.call("2601", undo(leaving, told)))
    assert of_visit(told) == before
    assert his.call("2601", undo(leaving, told))["infcode"] == 0, "once more does no harm"
    assert his.send(leaving)["err_msg"].endswith("[message_void]")
    # A settlement that brought the discharge along takes it back.
    settled = his.envelope("2304", settling(told, "20000.00", dscgTime=str(today)))
    assert his.send(settled)["output"]["setlinfo"]["medfee_sumamt"] == 20000.0
    his.ask("2601", undo(settled, told))
    assert of_visit(told) == before
    # But not one that the discharge itself confirmed since.
    settled = his.envelope("2304", settling(told, "20000.00", dscgTime=str(today)))
    his.send(settled)
    discharged(his, told, today)
    his.ask("2601", undo(settled, told))
    assert of_visit(told)["state"] == "discharged"


def test_what_was_changed_again_or_settled_is_not_put_back(world: World, his: Hospital) -> None:
    told, today = admitted(his, patient(world)), timezone.localdate()
    his.ask("2301", {"feedetail": [fee("F1", told, today, "20000.00")]})
    first = his.envelope("2403", {"adminfo": {**told, "adm_bed": "7"}})
    his.send(first)
    again = his.envelope("2403", {"adminfo": {**told, "adm_bed": "8"}})
    his.send(again)
    answer = his.call("2601", undo(first, told))
    golden(
        "2601-changed-since",
        his,
        answer | {"err_msg": answer["err_msg"].replace(f"就诊 {told['mdtrt_id']} ", "就诊 <mdtrt_id> ")},
    )
    assert of_visit(told)["bed"] == "8" and his.send(first)["infcode"] == 0, "it was not voided"
    # One that only said the same again counts as well: it was answered.
    same = his.envelope("2403", {"adminfo": {**told, "adm_bed": "8"}})
    his.send(same)
    assert his.refused("2601", undo(again, told)) == "changed_since"
    his.ask("2601", undo(same, told))
    assert of_visit(told)["bed"] == "8"
    # As soon as the later one is undone, the first may be.
    his.ask("2601", undo(again, told))
    his.ask("2601", undo(first, told))
    assert of_visit(told)["bed"] == "3"
    leaving = his.envelope("2402", {"dscginfo": {**told, "endtime": str(today), "dscg_way": "1"}})
    his.send(leaving)
    setl_id = his.ask("2304", settling(told, "20000.00"))["setlinfo"]["setl_id"]
    assert his.refused("2601", undo(leaving, told)) == "settled_visit_stays"
    his.ask("2305", {"data": {**told, "setl_id": setl_id}})
    back = his.envelope("2405", {"data": told})
    his.send(back)
    assert his.refused("2601", undo(leaving, told)) == "changed_since"
    his.ask("2601", undo(back, told))
    his.ask("2601", undo(leaving, told))
    assert (of_visit(told)["state"], of_visit(told)["more"]) == ("admitted", {"atddr_no": "D1", "adm_dept_codg": "01"})
    # The desk at the window changes things as well.
    his.send(moving := his.envelope("2403", {"adminfo": {**told, "adm_bed": "9"}}))
    change_visit(int(told["mdtrt_id"]), bed="10", acting_user=world.yuhu.window)
    assert his.refused("2601", undo(moving, told)) == "changed_since"


def test_what_a_visit_was_about_is_put_back(world: World, his: Hospital) -> None:
    person, today = patient(world), timezone.localdate()
    his.knows(person)
    registering = {"psn_no": person.number, "begntime": str(today), "ipt_otp_no": "MZ1", "mdtrt_cert_type": "02"}
    told = {"mdtrt_id": his.ask("2201", {"data": registering})["data"]["mdtrt_id"], "psn_no": person.number}
    before = of_visit(told)
    illness = {"diag_type": "1", "diag_srt_no": "1", "diag_code": "I10", "diag_name": "高血压", "maindiag_flag": "1"}
    for infno in ("2203", "2203A"):
        about = his.envelope(infno, {"mdtrtinfo": {**told, "med_type": "14"}, "diseinfo": [illness]})
        his.send(about)
        assert (of_visit(told)["care"], of_visit(told)["med_type"]) == ("chronic", "14")
        his.ask("2601", undo(about, told))
        assert of_visit(told) == before
    # Whatever is served, a reversal of it does something, or says why not, or has nothing to do.
    ways = [
        reversal.SETTLING, reversal.REGISTERING, reversal.ENTERING, reversal.CHANGING, reversal.TAKING_BACK,
        tuple(reversal.TAKEN_BACK_BY), reversal.LEAVING_NOTHING,
    ]  # fmt: skip
    assert Counter(infno for way in ways for infno in way) == Counter(list(TRANSACTIONS))
    shown = his.envelope("5202", {"data": told})
    his.send(shown)
    undoing = his.envelope("2601", undo(shown, told))
    his.send(undoing)
    assert his.refused("2601", undo(undoing, told)) == "cannot_reverse"
    again = his.envelope("2201A", {"data": registering | {"ipt_otp_no": "MZ2"}})
    told = {"mdtrt_id": his.send(again)["output"]["data"]["mdtrt_id"], "psn_no": person.number}
    his.ask("2601", undo(again, told))
    assert of_visit(told)["state"] == "cancelled"


# --- What clients send otherwise --------------------------------------------------------------------------------------


def test_tolerances_of_recorded_clients(world: World, his: Hospital) -> None:
    person, today = patient(world), timezone.localdate()
    number = synthetic_id("430302", BORN, 1)
    card = f"{number}|{'9F' * 120}"
    his.ask("1101", {"data": [{"mdtrt_cert_type": "03", "mdtrt_cert_no": card, "card_sn": "", "expContent": ""}]})
    golden(
        "quirk-card-with-cipher", his, his.call("1101", {"data": [{"mdtrt_cert_type": "03", "mdtrt_cert_no": card}]})
    )
    asked = admission(person, today, "ZY7")
    asked["mdtrtinfo"] |= {"begntime": f"{today:%Y%m%d}", "exp_content": {"er_flag": "0"}, "mdtrt_cert_type3": "x"}
    output = his.ask("2401", asked, serv_code="1", serv_sign="2", infver=1, opter=7)
    told = {"mdtrt_id": int(output["result"]["mdtrt_id"]), "psn_no": person.pk}
    line = fee("F1", {}, today, "90.36", cnt="20") | told
    line |= {"det_item_fee_sumamt": 90.36, "cnt": 20, "pric": 4.518, "memo": None, "exp_content": "[]"}
    answer = his.call("2301", {"feedetail": line})
    golden("quirk-single-object-numbers", his, answer)
    assert answer["output"]["result"][0]["det_item_fee_sumamt"] == 90.36
    text = his.call("2303", json.dumps(settling({"mdtrt_id": str(told["mdtrt_id"]), "psn_no": person.number}, "90.36")))
    golden("quirk-input-as-text", his, text)
    assert text["infcode"] == 0, text
    his.client.post("/fsi/api/dscgService/dischargeProcess", b"{}", content_type="text/plain")


def test_a_price_with_six_decimals_is_taken_where_it_gives_the_amount(world: World, his: Hospital) -> None:
    told, today = admitted(his, patient(world)), timezone.localdate()
    line = fee("F1", told, today, "123.46", cnt="1000") | {"pric": "0.123456"}
    assert his.ask("2301", {"feedetail": [line]})["result"][0]["inscp_scp_amt"] == 123.46
    wrong = fee("F2", told, today, "123.56", cnt="1000") | {"pric": "0.123456"}
    assert his.refused("2301", {"feedetail": [wrong]}) == "field_wrong"


def test_lines_are_returned_and_not_twice(world: World, his: Hospital) -> None:
    told, today = admitted(his, patient(world)), timezone.localdate()
    his.ask("2301", {"feedetail": [fee("F1", told, today, "300.00", cnt="3")]})
    back = fee("R1", told, today, "-100.00", cnt="-1", init_feedetl_sn="F1") | {"pric": "100"}
    answer = his.call("2301", {"feedetail": [back]})
    golden("2301-return", his, answer)
    assert answer["output"]["result"][0]["inscp_scp_amt"] == -100.0
    much = back | {"feedetl_sn": "R2", "cnt": "-3", "det_item_fee_sumamt": "-300.00"}
    assert his.refused("2301", {"feedetail": [much]}) == "over_refund"
    assert his.refused("2301", {"feedetail": [back]}) == "line_uploaded_twice"
    assert (
        his.refused("2301", {"feedetail": [back | {"feedetl_sn": "R3", "init_feedetl_sn": "F9"}]}) == "line_not_found"
    )
    his.ask("2303", settling(told, "200.00"))


def test_a_discharge_reported_after_settling(world: World, his: Hospital) -> None:
    told, today = admitted(his, patient(world)), timezone.localdate()
    his.ask("2301", {"feedetail": [fee("F1", told, today, "20000.00")]})
    his.ask("2304", settling(told, "20000.00", dscgTime=str(today)))
    discharged(his, told, today)
    late = {"dscginfo": {**told, "endtime": str(today - timedelta(days=1)), "dscg_way": "1"}}
    assert his.refused("2402", late) == "settled_visit_stays"


def test_a_stay_is_settled_in_parts_under_one_number(world: World, his: Hospital) -> None:
    told, today = admitted(his, patient(world), days=6), timezone.localdate()
    middle = today - timedelta(days=3)
    his.ask("2301", {"feedetail": [fee("F1", told, middle, "20000.00")]})
    first = his.ask("2304", settling(told, "20000.00", mid_setl_flag="1", dscgTime=str(middle)))["setlinfo"]
    golden("2304-midway", his, his.send(his.sent[-1]))
    his.ask("2301", {"feedetail": [fee("F2", told, today, "3000.00")]})
    discharged(his, told, today)
    second = his.ask("2304", settling(told, "3000.00"))["setlinfo"]
    assert first["mdtrt_id"] == second["mdtrt_id"] == told["mdtrt_id"]
    assert (first["medfee_sumamt"], second["medfee_sumamt"]) == (20000.0, 3000.0)


def test_a_part_of_a_stay_is_taken_back_corrected_and_settled_anew(world: World, his: Hospital) -> None:
    told, today = admitted(his, patient(world), days=6), timezone.localdate()
    middle = today - timedelta(days=3)
    his.ask("2301", {"feedetail": [fee("F1", told, middle, "20000.00"), fee("F2", told, today, "3000.00")]})
    midway = his.envelope("2304", settling(told, "20000.00", mid_setl_flag="1", dscgTime=str(middle)))
    assert his.send(midway)["infcode"] == 0
    his.ask("2601", undo(midway, told))
    # The cut stays: lines go to the part of their days, and the first part is settled first.
    his.ask("2301", {"feedetail": [fee("F3", told, middle, "15000.00")]})
    his.ask("2302", {"data": [{"feedetl_sn": "F1", **told}]})
    again = his.ask("2304", settling(told, "15000.00", mid_setl_flag="1", dscgTime=str(middle)))["setlinfo"]
    assert again["medfee_sumamt"] == 15000.0
    his.ask("2302", {"data": [{"feedetl_sn": "F2", **told}]})
    his.ask("2301", {"feedetail": [fee("F4", told, today, "700.00")]})
    discharged(his, told, today)
    assert his.ask("2304", settling(told, "700.00"))["setlinfo"]["medfee_sumamt"] == 700.0
    shown = his.ask("5204", {"data": told})
    assert [row["feedetl_sn"] for row in shown] == ["F3", "F4"]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("twice", b'{"infno":"2304","msgid":"M1","fixmedins_code":"H","input":{"data":{"a":1,"a":2}}}'),
        ("no-json", b"infno=2304"),
        ("list", b"[]"),
        ("deep", b"[" * 5000),
        ("deep and whole", b'{"a":' * 300 + b"1" + b"}" * 300),
        ("half a character", b'{"infno":"2304","msgid":"M1","fixmedins_code":"H1","\\ud83d":1}'),
        ("half a character twice", b'{"\\ud83d":1,"\\ud83d":2}'),
        ("nan", b'{"infno":NaN}'),
        ("null-character", b'{"infno":"2304\\u0000"}'),
        ("latin", b'{"infno":"\xff"}'),
        ("empty", b""),
        ("no-number", b'{"infno":"2304","fixmedins_code":"H43030201","input":{}}'),
    ],
)
def test_what_is_no_message_is_refused_with_words(world: World, his: Hospital, name: str, body: bytes) -> None:
    answer = json.loads(his.post(body))
    assert answer["infcode"] == -1
    assert answer["err_msg"].endswith(("[message_unreadable]", "[field_missing]"))
    with acting(ALL):
        assert not Message.objects.exists()


def test_unknown_numbers_persons_and_visits(world: World, his: Hospital) -> None:
    golden("refused-unknown_transaction", his, his.call("7777", {}))
    number = synthetic_id("430302", BORN, 77)
    golden(
        "refused-insured_person_not_found",
        his,
        his.call("1101", {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": number}}),
    )
    patient(world)
    wrong = {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": synthetic_id("430302", BORN, 1), "psn_name": "别人"}}
    assert his.refused("1101", wrong) == "insured_person_not_found"
    assert his.refused("1101", {"data": {"mdtrt_cert_type": "01", "mdtrt_cert_no": "8" * 28}}) == "certificate_not_read"
    golden("refused-visit_not_found", his, his.call("2303", settling({"mdtrt_id": "1", "psn_no": "1"}, "1.00")))
    golden("refused-field_missing", his, his.call("2304", {"data": {}}))


def test_another_hospitals_visit_is_not_there(world: World, his: Hospital) -> None:
    told = in_bed(his, patient(world))
    setl_id = his.ask("2304", settling(told, "20000.00"))["setlinfo"]["setl_id"]
    grant(world.yuhu.clinic, profile="none", acting_user=ALL)
    other = Hospital(world.yuhu.clinic)
    assert other.refused("2304", settling(told, "20000.00")) == "visit_not_found"
    assert other.refused("2305", {"data": {**told, "setl_id": setl_id}}) == "settlement_not_found"
    assert other.refused("2404", {"data": told}) == "visit_not_found"


# --- Who calls --------------------------------------------------------------------------------------------------------


def test_who_was_not_let_in_or_was_shut_out(world: World, his: Hospital) -> None:
    stranger = Hospital(world.songshan.hospital)
    assert stranger.refused("9001", {}) == "not_connected"
    stop(world.yuhu.hospital, acting_user=ALL)
    golden("refused-not_connected", his, his.call("9001", {}))


def test_without_a_signature_only_from_the_internal_net(world: World, his: Hospital) -> None:
    his.client.defaults["REMOTE_ADDR"] = "10.1.2.3"
    his.ask("9001", {"signIn": {"opter_no": "1", "ip": "1"}})
    his.client.defaults["REMOTE_ADDR"] = "203.119.1.9"
    assert his.refused("9001", {"signIn": {"opter_no": "2", "ip": "1"}}) == "source_refused"


def csb(key: str, secret: str, at: int, infno: str = "9001") -> dict[str, str]:
    """The headers of the service bus, made here by the standard library alone."""
    said = {"_api_access_key": key, "_api_name": infno, "_api_timestamp": str(at), "_api_version": "1.0.0"}
    text = "&".join(f"{name}={value}" for name, value in sorted(said.items()))
    mac = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    said["_api_signature"] = base64.b64encode(mac).decode()
    return {f"HTTP_{name.upper()}": value for name, value in said.items()}


def test_the_service_bus_key_its_window_and_its_rotation(world: World) -> None:
    hospital = world.yuhu.hospital
    first = grant(hospital, profile="csb", acting_user=ALL)
    his, now = Hospital(hospital), int(time.time())

    def told(headers: dict[str, str]) -> str:
        body = json.dumps(his.envelope("9001", {"signIn": {"opter_no": "1", "ip": "1"}})).encode()
        answer = json.loads(his.client.post("/CSB", body, content_type="application/json", **headers).content)  # type: ignore[arg-type]  # headers of WSGI
        return "ok" if answer["infcode"] == 0 else answer["err_msg"].rpartition("[")[2].rstrip("]")

    key = first.caller.key_id
    assert told(csb(key, first.secret, now)) == "ok"
    assert told(csb(key, first.secret, now * 1000)) == "ok"
    assert told(csb(key, first.secret, now - 360)) == "message_too_old"
    assert told(csb(key, first.secret, now + 360)) == "message_too_old"
    assert told(csb(key, first.secret[:-1], now)) == "signature_refused"
    assert told(csb("other", first.secret, now)) == "signature_refused"
    assert told(csb(key, first.secret, now) | {"HTTP__API_NAME": "2304"}) == "signature_refused"
    assert told({}) == "signature_refused"
    second = grant(hospital, profile="csb", acting_user=ALL)
    assert second.caller.key_id == key
    assert told(csb(key, first.secret, now)) == told(csb(key, second.secret, now)) == "ok"
    third = grant(hospital, profile="csb", former_days=0, acting_user=ALL)
    assert told(csb(key, second.secret, now)) == "signature_refused"
    assert told(csb(key, third.secret, now)) == "ok"
    assert first.secret not in third.caller.secret_sealed + third.caller.former_sealed
    # Shut out, perhaps because the key leaked, and let in again: the old key does not hold for some days more.
    stop(hospital, acting_user=ALL)
    assert told(csb(key, third.secret, now)) == "not_connected"
    fourth = grant(hospital, profile="csb", acting_user=ALL)
    assert told(csb(key, third.secret, now)) == "signature_refused"
    assert told(csb(key, fourth.secret, now)) == "ok"


def test_a_noisy_hospital_is_told_to_wait(world: World, his: Hospital) -> None:
    grant(world.yuhu.hospital, profile="none", terms={"a_second": 3}, acting_user=ALL)
    limits._BUCKETS.clear()
    codes = [his.call("9001", {"signIn": {"opter_no": "1", "ip": "1"}}) for _ in range(12)]
    limits._BUCKETS.clear()
    assert any((answer["err_msg"] or "").endswith("[too_many_messages]") for answer in codes)
    assert codes[0]["infcode"] == 0


def test_sign_in_is_checked_where_an_institution_wants_it(world: World, his: Hospital) -> None:
    grant(world.yuhu.hospital, profile="none", terms={"sign_check": "operator", "code_as_text": True}, acting_user=ALL)
    question = {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": synthetic_id("430302", BORN, 1)}}
    patient(world)
    refused = his.call("1101", question)
    golden("refused-sign_in_needed", his, refused)
    assert refused["infcode"] == "-1"
    number = his.call("9001", {"signIn": {"opter_no": "0001", "ip": "1"}})["output"]["signinoutb"]["sign_no"]
    assert his.call("1101", question, sign_no=number)["infcode"] == "0"
    assert his.call("1101", question, sign_no=number, opter="0002")["infcode"] == "-1"


# --- Files ------------------------------------------------------------------------------------------------------------


def test_both_sides_compare_bill_by_bill(world: World, his: Hospital) -> None:
    today = timezone.localdate()
    settled = []
    for sequence in (1, 2, 3):
        told = in_bed(his, patient(world, sequence), f"ZY{sequence}")
        settled.append(his.ask("2304", settling(told, "20000.00"))["setlinfo"])
    lost, right, wrong = settled
    mine = [
        [one["setl_id"], one["mdtrt_id"], one["psn_no"], "20000", f"{one['fund_pay_sumamt']}", "0", "0"]
        for one in (right, wrong)
    ]
    mine[1][4] = "1.00"
    mine.append(["999999", "1", "1", "5.00", "1.00", "null", "0"])
    content = packed("detail.txt", mine)
    signed = [byte - 256 if byte > 127 else byte for byte in content]
    uploaded = his.ask("9101", {"fsUploadIn": {"in": signed, "filename": "detail.txt.zip", "fixmedins_code": "x"}})
    about = {
        "setl_optins": "430300", "file_qury_no": uploaded["file_qury_no"], "stmt_begndate": str(today), "stmt_enddate": str(today),
        "medfee_sumamt": "0", "fund_pay_sumamt": "0", "cash_payamt": "0", "fixmedins_setl_cnt": 3, "clr_type": "21",
    }  # fmt: skip
    answer = his.call("3202", {"data": about})
    golden("3202", his, answer)
    number = answer["output"]["fileinfo"]["file_qury_no"]
    asked = {"fsDownloadIn": {"file_qury_no": number, "filename": "plc", "fixmedins_code": his.institution.code}}
    table = unpacked("result", his.post(json.dumps(his.envelope("9102", asked)).encode()))
    found = {row[0]: row[8][:4] for row in table[1:]}
    assert found == {lost["setl_id"]: "医保有、", wrong["setl_id"]: "双方金额", "999999": "机构有、"}
    assert his.refused("9102", {"fsDownloadIn": {"file_qury_no": "1", "filename": "plc"}}) == "file_not_found"
    broken = his.ask("9101", {"fsUploadIn": {"in": base64.b64encode(b"PK no zip").decode(), "filename": "x.zip"}})
    assert his.refused("3202", {"data": about | {"file_qury_no": broken["file_qury_no"]}}) == "file_unreadable"


# --- Other profiles ---------------------------------------------------------------------------------------------------


def outcome(his: Hospital, message: Any, **headers: str) -> str:
    """ "ok", or the code of the refusal, of a message with headers as WSGI has them."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    answer = json.loads(his.client.post("/eapdomain/callService", body, content_type="text/plain", **headers).content)  # type: ignore[arg-type]
    return "ok" if answer["infcode"] == 0 else answer["err_msg"].rpartition("[")[2].rstrip("]")


SIGNING_IN = {"signIn": {"opter_no": "1", "ip": "1"}}


def test_a_tif_nonce_is_good_for_one_message(world: World) -> None:
    granted = grant(world.yuhu.hospital, profile="tif", acting_user=ALL)
    his, now = Hospital(world.yuhu.hospital), int(time.time())

    def signed(nonce: str, at: int = now, token: str = granted.secret) -> dict[str, str]:
        made = hashlib.sha256(f"{at}{token}{nonce}{at}".encode()).hexdigest()
        said = {"PAASID": granted.caller.key_id, "TIMESTAMP": str(at), "NONCE": nonce, "SIGNATURE": made.upper()}
        return {f"HTTP_X_TIF_{name}": value for name, value in said.items()}

    message = his.envelope("9001", SIGNING_IN)
    assert outcome(his, message, **signed("n1")) == "ok"
    assert outcome(his, message, **signed("n1")) == "ok", "the same message once more"
    assert outcome(his, his.envelope("9001", SIGNING_IN), **signed("n1")) == "signature_refused"
    assert outcome(his, his.envelope("9001", SIGNING_IN), **signed("n2")) == "ok"
    assert outcome(his, message, **signed("n3", token="x")) == "signature_refused"
    assert outcome(his, message, **signed("n4", at=now - 400)) == "message_too_old"
    assert outcome(his, message, **signed("")) == "signature_refused"


def test_a_ca_signature_covers_every_byte(world: World) -> None:
    granted = grant(world.yuhu.hospital, profile="ca", acting_user=ALL)
    his, now = Hospital(world.yuhu.hospital), int(time.time())

    def signed(body: bytes, at: int = now) -> dict[str, str]:
        mac = crypto.SoftwareMachine().hmac_sm3(granted.secret.encode(), f"{at}\n".encode() + body).hex()
        return {"HTTP_X_CA_KEY": granted.caller.key_id, "HTTP_X_CA_SIGNATURE": f"{at}:{mac}"}

    body = json.dumps(his.envelope("9001", SIGNING_IN)).encode()
    assert outcome(his, body, **signed(body)) == "ok"
    assert outcome(his, body + b" ", **signed(body)) == "signature_refused"
    assert outcome(his, body, **signed(body, now - 301 - 5)) == "message_too_old"
    assert outcome(his, body, **signed(body) | {"HTTP_X_CA_SIGNATURE": f"{now}:00"}) == "signature_refused"


def test_token_signature_and_encrypted_body(world: World) -> None:
    private = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
    public = sm2.public_of(private)
    granted = grant(world.yuhu.hospital, profile="token", terms={"public_key": public.hex()}, acting_user=ALL)
    his, client = Hospital(world.yuhu.hospital), granted.caller.key_id
    basic = base64.b64encode(f"{client}:{granted.secret}".encode()).decode()
    form = {"username": his.institution.code, "password": granted.secret, "scope": "server", "grant_type": "password"}

    def asked(form: dict[str, str], basic: str) -> Any:
        return his.client.post("/auth/oauth/token", form, headers={"Authorization": f"Basic {basic}"})

    assert asked(form | {"password": "x"}, basic).status_code == 401
    assert asked(form, "x").status_code == 401
    assert asked({"username": "x", "password": "y"}, basic).status_code == 401
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {asked(form, basic).json()['access_token']}"}

    def message(content: Any, *, encrypt: bool, key: int = private) -> dict[str, Any]:
        text = json.dumps(content, ensure_ascii=False)
        e = sm2.digest(public, client.encode(), text.encode(), crypto.sm3)
        said = his.envelope("9001", content, signtype="SM2", cainfo=base64.b64encode(sm2.sign(key, e)).decode())
        if encrypt:
            sealed = crypto.SoftwareMachine().sm4_seal(client.encode(), text.encode())
            said |= {"enc_type": "SM4", "input": base64.b64encode(sealed).decode()}
        return said

    assert outcome(his, message(SIGNING_IN, encrypt=False), **bearer) == "ok"
    assert outcome(his, message(SIGNING_IN, encrypt=False)) == "signature_refused"
    assert outcome(his, message(SIGNING_IN, encrypt=False), HTTP_AUTHORIZATION="Bearer x") == "signature_refused"
    assert outcome(his, message(SIGNING_IN, encrypt=False, key=7), **bearer) == "signature_refused"
    assert outcome(his, message(SIGNING_IN, encrypt=False) | {"input": {"signIn": {}}}, **bearer) == "signature_refused"
    assert outcome(his, message(SIGNING_IN, encrypt=True) | {"input": "AAAA"}, **bearer) == "signature_refused"
    body = json.dumps(message(SIGNING_IN, encrypt=True)).encode()
    answer = json.loads(his.client.post("/fsi/api/x", body, content_type="application/json", **bearer).content)  # type: ignore[arg-type]
    assert answer["enctype"] == "SM4"
    opened = crypto.SoftwareMachine().sm4_open(client.encode(), base64.b64decode(answer["output"]))
    assert json.loads(opened)["signinoutb"]["sign_no"]


def test_sm2_and_sm4_as_their_standards_print_them() -> None:
    private = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
    public = sm2.public_of(private)
    assert public.hex().upper().startswith("09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020CCEA490C")
    e = sm2.digest(public, b"1234567812345678", b"message digest", crypto.sm3)
    assert e == 0xF0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640
    signature = sm2.sign(private, e, 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21)
    assert signature.hex().upper() == (
        "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
        "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
    )
    der = bytes.fromhex("3046022100") + signature[:32] + bytes.fromhex("022100") + signature[32:]
    assert sm2.verify(public, e, signature)
    assert sm2.verify(b"\x04" + public, e, der)
    for place in range(0, 64, 7):
        assert not sm2.verify(public, e, signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :])
    assert not sm2.verify(public, e ^ 1, signature)
    assert not sm2.verify(public, e, b"\0" * 64)
    assert not sm2.verify(b"\x01" * 64, e, signature)
    assert not sm2.verify(public, e, b"0" * 70)
    block = bytes.fromhex("0123456789abcdeffedcba9876543210")
    sealed = crypto.SoftwareMachine().sm4_seal(block, block)
    assert sealed[:16].hex() == "681edf34d206965e86b3e94f536e4246"
    assert crypto.SoftwareMachine().sm4_open(block, sealed) == block
    with pytest.raises(ValueError, match="padding"):
        crypto.SoftwareMachine().sm4_open(block, sealed[:16])


def test_keys_are_read_as_openssl_writes_them(tmp_path: Path) -> None:
    private = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
    secret, public = private.to_bytes(32, "big"), sm2.public_of(private)

    def pem(kind: str, der: bytes) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.pem"
        text = base64.encodebytes(der).decode()
        path.write_text(f"-----BEGIN {kind}-----\n{text}-----END {kind}-----\n", encoding="utf-8")
        return path

    point = bytes.fromhex("03420004") + public
    for kind, before in (
        ("EC PRIVATE KEY", "3077"),
        ("SM2 PRIVATE KEY", "3077"),
        ("PRIVATE KEY", "308187020100301306"),
    ):
        written = pem(kind, bytes.fromhex(f"{before}0201010420") + secret + bytes.fromhex("a144") + point)
        assert private_key(written) == private
    in_hex = tmp_path / "hex"
    in_hex.write_text(f"{private:064x}\n", encoding="utf-8")
    assert private_key(in_hex) == private
    assert (
        public_key(str(pem("PUBLIC KEY", bytes.fromhex("3059301306") + point)))
        == public_key(public.hex())
        == public.hex()
    )
    assert public_key("04" + public.hex()) == "04" + public.hex()
    for wrong in (pem("PRIVATE KEY", b"\x02\x01\x00"), pem("PUBLIC KEY", b"abc")):
        with pytest.raises(NoSuchKey):
            private_key(wrong)
    for said in ("", "zz", "00" * 64, public.hex()[:-2], str(tmp_path)):
        with pytest.raises(NoSuchKey):
            public_key(said)


def test_a_file_of_other_things_than_bytes_is_refused(world: World, his: Hospital) -> None:
    for content in ([[1]], [None], [80, {}], ["x"], [300], {"a": 1}, "no base64"):
        assert his.refused("9101", {"fsUploadIn": {"in": content, "filename": "x.zip"}}) == "field_wrong"
