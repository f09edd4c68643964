"""3201, 3202: both sides compare what was settled: totals first, then bill by bill in files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Q

from yizhan.agency.care.models import Settlement
from yizhan.agency.gateway.errors import FileUnreadable
from yizhan.agency.gateway.models import Told
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.gateway.transactions.files import content_of, ends, keep
from yizhan.agency.gateway.transactions.settlements import amounts
from yizhan.agency.gateway.zipped import packed, unpacked
from yizhan.agency.staff.rights import Right
from yizhan.engine.money import yuan


@dataclass(frozen=True, slots=True)
class Booked:
    """A bill as both sides count it: fen, and whether it was taken back."""

    setl_id: str
    mdtrt_id: str
    psn_no: str
    cost: int
    funds: int
    account: int
    cash: int
    reversed: bool


def bills(call: Call, first: date, last: date, *, insutype: str = "", clr_type: str = "") -> list[Booked]:
    """The bills of the institution that were settled over the interface on these days, as they hold now; reversed ones marked,
    with the amounts that were reversed.
    """
    # A reversal is a bill of both sides also where its visit was settled anew since.
    rows = Settlement.objects.filter(Q(pk__in=Settlement.objects.latest_rows().values("pk")) | Q(kind="reversed"))
    rows = rows.filter(
        institution_id=call.machine.institution_id, visit__source="gateway", settled_on__range=(first, last)
    )
    rows = rows.select_related("replaces", "person", "visit").order_by("id")
    told = {one.visit_id: one for one in Told.objects.filter(visit__in=[row.visit_id for row in rows])}
    found = []
    for row in rows:
        shown = row.replaces if row.kind == "reversed" and row.replaces else row
        scheme = call.code("insutype", shown.beneficiary.get("insurance", ""))
        if (insutype and scheme != insutype) or (clr_type and call.code("clr_type", row.care) != clr_type):
            continue
        fen = amounts(call, shown.result).fen
        mdtrt = told[row.visit_id].mdtrt if row.visit_id in told else row.visit_id
        found.append(
            Booked(
                str(_first(row).pk), str(mdtrt), row.person.number, fen["medfee_sumamt"], fen["fund_pay_sumamt"], 0,
                fen["psn_cash_pay"], row.kind == "reversed",
            )
        )  # fmt: skip
    return found


def _first(row: Settlement) -> Settlement:
    """The row by which the bill was settled: whose number the hospital's system knows."""
    return (
        Settlement(pk=row.ordinal)
        if row.kind != "reversed" or row.replaces is None
        else Settlement(pk=row.replaces.ordinal)
    )


@transaction("3201", "医药机构费用结算对总账", "reconciliation of totals", Right.SETTLEMENT_SEE)
def totals(call: Call) -> Any:
    """Compare sums. What was taken back counts on neither side, with refd_setl_flag 1 twice: with both signs."""
    with call.reading() as root:
        node = root.node("data")
        insutype, clr_type = node.text("insutype", most=6), node.text("clr_type", most=6)
        optins = node.text("setl_optins", most=6)
        first, last = node.day("stmt_begndate", need=True), node.day("stmt_enddate", need=True)
        said = {name: node.fen(name) or 0 for name in ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")}
        count, refunds = node.count("fixmedins_setl_cnt") or 0, node.text("refd_setl_flag", most=3) == "1"
    assert first is not None and last is not None
    found = bills(call, first, last, insutype=insutype, clr_type=clr_type)
    standing = [bill for bill in found if not bill.reversed]
    ours = {
        "medfee_sumamt": sum(bill.cost for bill in standing), "fund_pay_sumamt": sum(bill.funds for bill in standing),
        "acct_pay": sum(bill.account for bill in standing),
    }  # fmt: skip
    counted = len(standing) + (2 * (len(found) - len(standing)) if refunds else 0)
    differing = [
        f"{name} 平台 {yuan(ours[name])} 元，机构 {yuan(said[name])} 元" for name in ours if ours[name] != said[name]
    ]
    if counted != count:
        differing.append(f"笔数 平台 {counted}，机构 {count}")
    return {
        "stmtinfo": {
            "setl_optins": optins,
            "stmt_rslt": call.code("statement", "differs" if differing else "equal"),
            "stmt_rslt_dscr": "；".join(differing)[:200] if differing else "对账平",
        }
    }


COLUMNS = ("setl_id", "mdtrt_id", "psn_no", "medfee_sumamt", "fund_pay_sumamt", "acct_pay", "refd_setl_flag")
"""Of the file that is sent."""

RESULTS = {
    "only_here": "医保有、机构没有：可按报文号重发结算取回结果，或冲正（2601）",
    "only_there": "机构有、医保没有：请核对是否结算成功，必要时重新结算",
    "differs": "双方金额或退费标志不一致",
}
"""What may be found, and what to do."""


@transaction("3202", "医药机构费用结算对明细账", "reconciliation of bills", Right.SETTLEMENT_SEE)
def bill_by_bill(call: Call) -> Any:
    """Compare bill by bill. The answer names a file with a row for each bill that one side lacks or has otherwise."""
    with call.reading() as root:
        node = root.node("data")
        number = node.text("file_qury_no", need=True, most=40)
        first, last = node.day("stmt_begndate", need=True), node.day("stmt_enddate", need=True)
        clr_type = node.text("clr_type", most=6)
    assert first is not None and last is not None
    source, content = content_of(call, number)
    theirs = {row[0]: row for row in _read(source.name, unpacked(source.name, content))}
    ours = {bill.setl_id: bill for bill in bills(call, first, last, clr_type=clr_type)}
    rows = [[*COLUMNS, "stmt_rslt", "memo"]]
    rows += [
        [*_row(bill), "1", RESULTS["only_here"]]
        for key, bill in ours.items()
        if key not in theirs and not bill.reversed
    ]
    rows += [[*row, "1", RESULTS["only_there"]] for key, row in theirs.items() if key not in ours]
    for key, row in theirs.items():
        if key in ours and row[:7] != _row(ours[key]):
            rows.append([*_row(ours[key]), "1", f"{RESULTS['differs']}：机构 {' '.join(row[3:7])}"])
    kept = keep(
        call, f"{call.institution.code}_{first:%Y%m%d}_{last:%Y%m%d}_result.txt.zip", packed("result.txt", rows)
    )
    return {"fileinfo": {"file_qury_no": kept.number, "filename": kept.name, "dld_endtime": ends(kept)}}


def _row(bill: Booked) -> list[str]:
    return [
        bill.setl_id, bill.mdtrt_id, bill.psn_no, yuan(bill.cost), yuan(bill.funds), yuan(bill.account),
        "1" if bill.reversed else "0",
    ]  # fmt: skip


_AMOUNT = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")


def _read(name: str, rows: list[list[str]]) -> Iterable[list[str]]:
    """Rows of seven columns, amounts in one form. A row of names at the top is left out."""
    for number, row in enumerate(rows, 1):
        if number == 1 and row[:1] == ["setl_id"]:
            continue
        if len(row) < len(COLUMNS) or not all(_AMOUNT.fullmatch(cell or "0") for cell in row[3:6]):
            raise FileUnreadable(name=name, why_zh=f"第 {number} 行不是 7 栏", why_en=f"row {number} has not 7 columns")
        yield [*row[:3], *(_two_decimals(cell or "0") for cell in row[3:6]), row[6] or "0"]


def _two_decimals(text: str) -> str:
    whole, _, decimals = text.partition(".")
    return f"{whole}.{f'{decimals:0<2}'[:2]}"
