"""3203, 3204, 4101: applications for clearing, and settlement lists, each checked against what was settled."""

from __future__ import annotations

import json
from typing import Any

from yizhan.agency.care.queries import live_settlement
from yizhan.agency.gateway.actions import Sums, apply_for_clearing, keep_list, withdraw_clearing
from yizhan.agency.gateway.amounts import Amounts
from yizhan.agency.gateway.envelope import Node
from yizhan.agency.gateway.errors import ClearingDiffers, FieldWrong, ListDiffers, SettlementUnknown
from yizhan.agency.gateway.finding import number, settlement_of
from yizhan.agency.gateway.models import Told
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.gateway.transactions.reconciliation import bills
from yizhan.agency.gateway.transactions.settlements import amounts
from yizhan.agency.people.names import same_name
from yizhan.agency.staff.rights import Right
from yizhan.engine.money import yuan
from yizhan.errors import Problem, Problems

# --- Applications for clearing ----------------------------------------------------------------------------------------


@transaction("3203", "清算申请", "application for clearing", Right.SETTLEMENT_SETTLE)
def apply(call: Call) -> Any:
    """Take an application whose sums agree with the bills that stand. Money is paid by the funds' books, not by this."""
    with call.reading() as root:
        node = root.node("data")
        kind = node.text("clr_type", need=True, most=6)
        first, last = node.day("begndate", need=True), node.day("enddate", need=True)
        if first and last and not first <= last <= call.today:
            zh, en = "不早于 begndate、不晚于今天", "no day before begndate nor after today"
            node.problems.append(FieldWrong(field="data.enddate", value=last, form_zh=zh, form_en=en))
        said = {
            name: node.fen(name, need=True) for name in ("medfee_sumamt", "fund_appy_sum", "cash_payamt", "acct_pay")
        }
        count = node.count("psntime", need=True)
    assert first is not None and last is not None
    standing = [bill for bill in bills(call, first, last, clr_type=kind) if not bill.reversed]
    sums = Sums(
        len(standing), sum(b.cost for b in standing), sum(b.funds for b in standing), sum(b.cash for b in standing)
    )
    ours = {"medfee_sumamt": sums.cost, "fund_appy_sum": sums.funds, "cash_payamt": sums.cash, "acct_pay": 0}
    problems: list[Problem] = [
        ClearingDiffers(what=name, theirs=yuan(said[name] or 0), ours=yuan(fen))
        for name, fen in ours.items()
        if said[name] != fen
    ]
    if count != sums.bills:
        problems.append(ClearingDiffers(what="psntime", theirs=count, ours=sums.bills))
    if problems:
        raise Problems(problems)
    made = apply_for_clearing(kind, sums, first=first, last=last, acting_user=call.machine)
    call.warnings.append("申请已登记；拨款由医保局按基金账办理")
    return {"result": {"clr_appy_evt_id": str(made.number)}}


@transaction("3204", "清算申请撤销", "take an application for clearing back", Right.SETTLEMENT_SETTLE)
def take_application_back(call: Call) -> Any:
    """Take an application of the institution back."""
    with call.reading() as root:
        asked = root.node("data").text("clr_appy_evt_id", need=True, most=30)
    withdraw_clearing(number(asked), acting_user=call.machine)
    return None


# --- Settlement lists -------------------------------------------------------------------------------------------------


@transaction("4101", "医疗保障基金结算清单信息上传", "settlement list", Right.SETTLEMENT_SETTLE, also=("4101A",))
def settlement_list(call: Call) -> Any:
    """Keep a list whose person, days and amounts are those of its settlement; all that differs is refused together."""
    with call.reading() as root:
        node = root.node("setlinfo")
        asked = (node.text("setl_id", need=True, most=30), node.text("mdtrt_id", need=True, most=30))
        row, told = settlement_of(call, *asked, node.text("psn_no", most=30))
        live = live_settlement(row.visit)
        if live is None or live.ordinal != row.ordinal:
            raise SettlementUnknown(setl_id=asked[0], mdtrt_id=asked[1])
        found = amounts(call, live.result)
        node.problems += [*_of_person(node, told, row.person.name), *_of_amounts(root, node, found)]
        _warn_of_diagnoses(call, root, told)
    content = json.dumps(call.content, ensure_ascii=False, separators=(",", ":"))
    made = keep_list(live, content, infno=call.envelope.infno, acting_user=call.machine)
    return {"setl_list_id": str(made.pk)}


def _of_person(node: Node, told: Told, name: str) -> list[Problem]:
    """The name and the days, where they are said."""
    visit = told.visit
    said_name = node.text("psn_name", most=60)
    days = {"adm_time": visit.admitted_on, "dscg_time": visit.discharged_on}
    problems: list[Problem] = []
    if said_name and not same_name(said_name, name):
        problems.append(ListDiffers(what="psn_name", theirs="另一个姓名", ours="参保人姓名"))
    for field, ours in days.items():
        theirs = node.day(field)
        if theirs is not None and theirs != ours:
            problems.append(ListDiffers(what=field, theirs=theirs, ours=ours))
    return problems


def _of_amounts(root: Node, node: Node, found: Amounts) -> list[Problem]:
    """Each fund, the total of the items, cash and account, where they are said."""
    pairs: list[tuple[str, int, int]] = []
    if paid := root.nodes("payinfo"):
        said: dict[str, int] = {}
        for one in paid:
            code = one.text("fund_pay_type", need=True, most=10)
            said[code] = said.get(code, 0) + (one.fen("fund_payamt", need=True) or 0)
        ours = {row["code"]: row["fen"] for row in found.rows}
        pairs += [(f"payinfo {code}", said.get(code, 0), ours.get(code, 0)) for code in sorted({*said, *ours})]
    if items := root.nodes("iteminfo"):
        pairs.append(("iteminfo", sum(one.fen("amt", need=True) or 0 for one in items), found.fen["medfee_sumamt"]))
    for field, column in (("psn_cashpay", "psn_cash_pay"), ("acct_pay", "acct_pay")):
        told = node.fen(field)
        if told is not None:
            pairs.append((field, told, found.fen[column]))
    return [ListDiffers(what=what, theirs=yuan(a), ours=yuan(b)) for what, a, b in pairs if a != b]


def _warn_of_diagnoses(call: Call, root: Node, told: Told) -> None:
    """The main diagnosis may be coded anew after the discharge: that it differs is only said."""
    mains = [
        one.text("diag_code", most=20) for one in root.nodes("diseinfo") if one.text("maindiag_flag", most=3) == "1"
    ]
    ours = told.visit.diagnoses[0].partition(" ")[0] if told.visit.diagnoses else ""
    if mains and ours and mains[0] != ours:
        call.warnings.append(f"主诊断：清单 {mains[0]}，结算 {ours}")
