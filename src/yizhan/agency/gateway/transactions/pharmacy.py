"""2101–2103: a pharmacy sells, settles and takes back in one message each."""

from __future__ import annotations

from typing import Any

from django.db import transaction as database

from yizhan.agency.care import actions, settling
from yizhan.agency.gateway.finding import settlement_of
from yizhan.agency.gateway.models import Told
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.gateway.transactions.fees import enter_fees, fees_of
from yizhan.agency.gateway.transactions.settlements import amounts, compare, setlinfo, take_back
from yizhan.agency.gateway.transactions.stays import register
from yizhan.agency.staff.rights import Right

SALE = "41"
"""med_type of a purchase."""


def _sell(call: Call, *, settles: bool) -> Any:
    with call.reading() as root:
        node = root.node("druginfo")
        psn_no, total = node.text("psn_no", need=True, most=30), node.fen("medfee_sumamt", need=True) or 0
        begins, med_type = node.day("begntime") or call.today, node.text("med_type", most=10) or SALE
        said = {
            "insutype": node.text("insutype", most=6),
            "cert_type": node.text("mdtrt_cert_type", most=3),
            "cert_no": node.text("mdtrt_cert_no"),
        }
        name, code = node.text("dise_name", most=60), node.text("dise_codg", most=30)
        fees = fees_of(call, root, "drugdetail")
    visit = register(
        call, psn_no=psn_no, number=call.envelope.msgid[-30:], med_type=med_type, told={}, admitted_on=begins,
        diagnoses=[text for text in (f"{code} {name}".strip(),) if text], **said,
    )  # fmt: skip
    told = Told.objects.select_related("visit__person").get(visit=visit)
    split = enter_fees(call, told, fees)
    if settles:
        row = settling.settle(visit.pk, on=call.today, message_id=call.envelope.msgid, acting_user=call.machine)
        found = amounts(call, row.result)
        info = setlinfo(call, told, row.person, row.beneficiary, found, row)
    else:
        shown = settling.presettle(visit.pk, on=call.today, acting_user=call.machine)
        found = amounts(call, shown.answered.result)
        info = setlinfo(call, told, shown.known.person, shown.asked.beneficiary, found)
    compare(call, node, found, total)
    return {"setlinfo": info, "setldetail": found.detail(), "detlcutinfo": split}


@transaction("2101", "药店预结算", "pharmacy preview", Right.VISIT_EDIT)
def preview_sale(call: Call) -> Any:
    """What the purchase comes to. Nothing of it is kept: the same purchase is sent whole when it is settled."""
    with database.atomic():
        found = _sell(call, settles=False)
        database.set_rollback(True)
    call.visit_id = None
    return found


@transaction("2102", "药店结算", "pharmacy settlement", Right.SETTLEMENT_SETTLE)
def settle_sale(call: Call) -> Any:
    """Register, enter and settle a purchase."""
    return _sell(call, settles=True)


@transaction("2103", "药店结算撤销", "cancel a pharmacy settlement", Right.SETTLEMENT_REVERSE, alone=True)
def cancel_sale(call: Call) -> Any:
    """Take the settlement back, and the purchase with it: nothing of it waits at a window."""
    with call.reading() as root:
        node = root.node("data")
        setl_id, psn_no = node.text("setl_id", need=True, most=30), node.text("psn_no", need=True, most=30)
        mdtrt_id = node.text("mdtrt_id", most=30)
    row, told = settlement_of(call, setl_id, mdtrt_id, psn_no)
    answer = take_back(call, row, told, why="医院接口撤销结算（2103）")
    actions.cancel_visit(told.visit_id, why="医院接口撤销结算（2103）", acting_user=call.machine)
    return answer
