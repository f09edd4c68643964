"""2601: a message whose fate the sender does not know is undone, or kept from ever coming true."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from yizhan.agency.care import actions, queries
from yizhan.agency.care.models import Settlement
from yizhan.agency.gateway.actions import put_back
from yizhan.agency.gateway.errors import CannotReverse, ChangedSince
from yizhan.agency.gateway.finding import number
from yizhan.agency.gateway.models import Line, Message, Told, Voided
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.gateway.transactions.fees import remove
from yizhan.agency.gateway.transactions.settlements import take_back
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.rights import Right

SETTLING = ("2102", "2207", "2207A", "2304")
REGISTERING = ("2201", "2201A", "2401")
ENTERING = ("2204", "2301")
CHANGING = ("2203", "2203A", "2402", "2403", "2405")
"""What these found is put back, unless it was changed again since."""
TAKING_BACK = ("2103", "2202", "2205", "2208", "2302", "2305", "2404", "2502", "2504", "2506", "2601", "3302", "3204")
TAKEN_BACK_BY = {
    "2501": "2502",
    "2501A": "2502",
    "2503": "2504",
    "2505": "2506",
    "2507": "2506",
    "3301": "3302",
    "3203": "3204",
    "4101": "4101",
    "4101A": "4101A",
}
"""What has a transaction of its own that takes it back, or replaces it."""
LEAVING_NOTHING = (
    "1101", "1201", "1301", "1302", "1305", "1306", "1312", "1317", "1318", "1319", "2001", "2101", "2206", "2206A", "2303",
    "3101", "3102", "3103", "3201", "3202", "5201", "5202", "5203", "5204", "5205", "5206", "5301", "5302", "5303", "5304",
    "9001", "9002", "9101", "9102",
)  # fmt: skip
"""Questions, sign-ins and files: nothing that counts stands of them. Together with the others these are all that is served."""


@transaction("2601", "冲正交易", "reversal", Right.SETTLEMENT_REVERSE, alone=True)
def reverse(call: Call) -> Any:
    """Undo a message by its number. One that never came is void from now on, should it still be on its way: this writes its
    number, which only one of the two can.
    """
    with call.reading() as root:
        node = root.node("data")
        omsgid, oinfno = node.text("omsgid", need=True, most=40), node.text("oinfno", need=True, most=8)
        psn_no = number(node.text("psn_no", most=30))
    void = Voided.objects.filter(institution=call.institution, msgid=omsgid).exists()
    if void:
        return
    first = Message.objects.filter(institution=call.institution, msgid=omsgid, taken=True).first()
    if first is not None and first.infno[:4] != oinfno[:4]:
        raise _refusal(omsgid, oinfno, f"它是 {first.infno}", f"it is {first.infno}")
    if first is not None and psn_no and first.person_id not in (None, psn_no):
        raise _refusal(omsgid, oinfno, "它是另一个人的", "it is about another person")
    if first is None:
        _forestall(call, omsgid, oinfno)
    else:
        call.person_id, call.visit_id = first.person_id, first.visit_id
        _undo(call, first)
    Voided.objects.create(
        institution=call.institution, area_path=call.institution.area_path, msgid=omsgid, message_id=call.machine.message
    )  # fmt: skip


def _refusal(omsgid: str, oinfno: str, zh: str, en: str) -> CannotReverse:
    return CannotReverse(omsgid=omsgid, oinfno=oinfno, why_zh=zh, why_en=en)


def _forestall(call: Call, omsgid: str, oinfno: str) -> None:
    Message.objects.create(
        institution=call.institution, area_path=call.institution.area_path, infno=oinfno, msgid=omsgid, digest="",
        taken=True, codes=["message_void"], operator=call.envelope.operator, operator_name=call.envelope.operator_name,
        reference="", request_sealed="", received_at=call.received, milliseconds=0,
    )  # fmt: skip
    record("message.void", infno=oinfno, acting_user=call.machine)


def _undo(call: Call, first: Message) -> None:
    if first.infno in SETTLING:
        _undo_settlement(call, first)
    elif first.infno in REGISTERING and first.visit_id:
        told = Told.objects.select_related("visit").get(visit=first.visit_id)
        if queries.is_settled(told.visit):
            raise _refusal(first.msgid, first.infno, "这次就诊已经结算", "the visit is settled")
        if told.visit.state != "cancelled":
            actions.cancel_visit(told.visit_id, why="医院接口冲正（2601）", acting_user=call.machine)
    elif first.infno in ENTERING and first.visit_id:
        told = Told.objects.select_related("visit").get(visit=first.visit_id)
        numbers = list(Line.objects.filter(visit=told.visit, message_id=first.pk).values_list("sn", flat=True))
        if numbers:
            remove(call, told, numbers)
    elif first.infno in CHANGING and first.visit_id:
        told = Told.objects.select_related("visit").get(visit=first.visit_id)
        put_back(told, message=first.pk, acting_user=call.machine)
    elif by := TAKEN_BACK_BY.get(first.infno):
        raise _refusal(
            first.msgid, first.infno, f"它已办成；请按原报文号重发取回结果，再用 {by} 办理",
            f"it was carried out; send it again under its number for its answer, then use {by}",
        )  # fmt: skip
    elif first.infno in TAKING_BACK:
        raise _refusal(
            first.msgid, first.infno, "撤销类交易不能再冲正，请重新办理", "what took something back is not reversed: do it anew"
        )  # fmt: skip


def _undo_settlement(call: Call, first: Message) -> None:
    row = Settlement.objects.select_related("visit", "person").filter(
        institution_id=call.machine.institution_id, message_id=first.msgid, visit=first.visit_id
    )
    settled = row.first()
    live = Settlement.objects.live().filter(visit=first.visit_id).first()
    if settled is None or live is None or live.ordinal != settled.ordinal:
        raise _refusal(
            first.msgid, first.infno, "退费结算标志不为未退费，不能办理冲正交易", "the settlement was cancelled already"
        )
    told = Told.objects.select_related("visit").get(visit=settled.visit_id)
    take_back(call, settled, told, why="医院接口冲正（2601）")
    # The day of discharge that it brought along, where the settlement came first, and nobody confirmed it since.
    with suppress(ChangedSince):
        put_back(told, message=first.pk, acting_user=call.machine)
    if first.infno == "2102":
        actions.cancel_visit(told.visit_id, why="医院接口冲正（2601）", acting_user=call.machine)
