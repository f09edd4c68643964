"""The pages about the interface: who sees which messages, what is masked, and that a replay writes nothing."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.utils import timezone

from tests.agency.caring import BORN, patient, ready
from tests.agency.gateway_calling import Hospital, connected
from tests.agency.test_gateway import admitted, discharged, fee, in_bed, settling
from tests.agency.world import World
from yizhan.agency.care.models import Settlement
from yizhan.agency.gateway.models import Message, Told
from yizhan.agency.gateway.transactions.reconciliation import RESULTS
from yizhan.agency.gateway.zipped import packed
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.scope import System, acting

ALL = System("tests")


@pytest.fixture
def his(world: World) -> Hospital:
    ready(world.yuhu.hospital, world.yuhu.area)
    return connected(world.yuhu)


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def last(infno: str) -> Message:
    with acting(ALL):
        return Message.objects.filter(infno=infno).latest("id")


def test_a_message_shows_masked_what_was_said_and_leads_to_its_visit(world: World, his: Hospital) -> None:
    told = in_bed(his, patient(world))
    his.ask("2304", settling(told, "20000.00"))
    row, client = last("2304"), world.client(world.yuhu.window)
    listed = text(client.get("/gateway/messages", {"infno": "2304"}))
    assert row.msgid in listed and "住院结算" in listed
    shown = text(client.get(f"/gateway/messages/{row.pk}"))
    number = synthetic_id("430302", BORN, 1)
    assert number not in shown and "试样甲" not in shown and f"{number[:3]}***" in shown
    assert f"/care/visits/{row.visit_id}" in shown and "结算" in shown
    assert row.msgid in text(client.get("/gateway/messages", {"msgid": row.msgid}))
    with acting(ALL):
        assert Audit.objects.filter(act="message.see", detail__seen=row.pk).count() == 1


def test_a_refusal_is_explained_in_both_languages(world: World, his: Hospital) -> None:
    told, today = admitted(his, patient(world)), timezone.localdate()
    his.ask("2301", {"feedetail": [fee("F1", told, today, "20000.00")]})
    assert his.refused("2304", settling(told, "19999.99")) == "not_discharged"
    row, client = last("2304"), world.client(world.yuhu.window)
    assert "请先登记出院" in text(client.get(f"/gateway/messages/{row.pk}"))
    client.cookies["language"] = "en"
    shown = text(client.get(f"/gateway/messages/{row.pk}"))
    assert "has no day of discharge. Record the discharge first" in shown


def test_nobody_sees_the_messages_of_another_hospital(world: World, his: Hospital) -> None:
    his.ask("9001", {"signIn": {"opter_no": "0001", "ip": "10.0.0.8"}})
    row = last("9001")
    for other in (world.songshan.officer, world.songshan.window, world.xiangtan_county.window):
        client = world.client(other)
        assert row.msgid not in text(client.get("/gateway/messages"))
        assert client.get(f"/gateway/messages/{row.pk}").status_code == 404
        assert world.yuhu.hospital.name not in text(client.get("/gateway/reconciliation"))
        assert world.yuhu.hospital.name not in text(client.get("/gateway/callers")).partition("<table>")[2]
    assert row.msgid in text(world.client(world.yuhu.officer).get("/gateway/messages"))
    assert world.client(world.yuhu.liaison_civil).get("/gateway/messages").status_code == 403


def test_a_replay_says_what_would_come_and_writes_nothing(world: World, his: Hospital) -> None:
    told, today = admitted(his, patient(world)), timezone.localdate()
    his.ask("2301", {"feedetail": [fee("F1", told, today, "20000.00")]})
    his.refused("2304", settling(told, "20000.00"))
    row, client = last("2304"), world.client(world.yuhu.hospital_manager)
    assert "[not_discharged]" not in text(client.post(f"/gateway/messages/{row.pk}/replay"))
    discharged(his, told, today)

    def counted() -> tuple[int, ...]:
        with acting(ALL):
            return tuple(kind.objects.count() for kind in (Settlement, Message, Told))

    before = counted()
    shown = text(client.post(f"/gateway/messages/{row.pk}/replay"))
    assert "没有写入" in shown and "fund_pay_sumamt" in shown and "试样甲" not in shown
    assert counted() == before
    with acting(ALL):
        assert Audit.objects.filter(act="message.replay").count() == 2
        assert not Audit.objects.filter(act="settlement.settle").exists()
    assert world.client(world.yuhu.window).post(f"/gateway/messages/{row.pk}/replay").status_code == 403
    assert his.ask("2304", settling(told, "20000.00"))["setlinfo"]["medfee_sumamt"] == 20000.0


def test_reconciliation_shows_both_sides_of_a_day(world: World, his: Hospital) -> None:
    told = in_bed(his, patient(world))
    info = his.ask("2304", settling(told, "20000.00"))["setlinfo"]
    client, today = world.client(world.yuhu.window), str(timezone.localdate())
    assert "还没有对账" in text(client.get("/gateway/reconciliation"))
    about = {"insutype": "", "clr_type": "", "setl_optins": "430300", "stmt_begndate": today, "stmt_enddate": today}
    sums = {"medfee_sumamt": 20000, "fund_pay_sumamt": info["fund_pay_sumamt"], "acct_pay": 0, "fixmedins_setl_cnt": 1}
    his.ask("3201", {"data": about | sums | {"fixmedins_setl_cnt": 0, "medfee_sumamt": 0, "fund_pay_sumamt": 0}})
    assert "不平" in text(client.get("/gateway/reconciliation"))
    his.ask("3201", {"data": about | sums})
    assert "不平" not in text(client.get("/gateway/reconciliation"))
    day = text(client.get("/gateway/reconciliation", {"on": today}))
    assert info["setl_id"] in day and "20,000.00" in day and "还没有对明细账" in day
    # The hospital says it has none: the page leads to the message that settled, and to the visit.
    empty = base64.b64encode(packed("bills.txt", [])).decode()
    sent = his.ask("9101", {"fsUploadIn": {"in": empty, "filename": "bills.txt.zip"}})
    his.ask("3202", {"data": about | {"file_qury_no": sent["file_qury_no"]}})
    day = text(client.get("/gateway/reconciliation", {"on": today}))
    row = last("2304")
    assert (
        RESULTS["only_here"] in day and f"/gateway/messages/{row.pk}" in day and f"/care/visits/{row.visit_id}" in day
    )
    assert "20,000.00" in text(world.client(world.yuhu.officer).get("/gateway/reconciliation"))


def test_callers_show_profile_and_age_and_never_a_key(world: World, his: Hospital) -> None:
    shown = text(world.client(world.yuhu.officer).get("/gateway/callers"))
    assert world.yuhu.hospital.name in shown and "不验签" in shown and "secret" not in shown
