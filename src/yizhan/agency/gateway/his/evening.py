"""Reconciliation: the hospital asks what the platform has, and looks into every bill that one side lacks.

3202 with an empty file answers with every bill that stands at the platform. Bills that stood before the day was played
are another's (an earlier day of the same system, say): both sides have them, and they count on both.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from yizhan.agency.gateway.his.system import Bill, System
from yizhan.agency.gateway.zipped import packed, unpacked
from yizhan.engine.money import parse_yuan, yuan

HEAD = ["setl_id", "mdtrt_id", "psn_no", "medfee_sumamt", "fund_pay_sumamt", "acct_pay", "refd_setl_flag"]


@dataclass(frozen=True, slots=True)
class Sums:
    """Bills that stand, and what they come to: fen."""

    bills: int
    cost: int
    funds: int

    def __str__(self) -> str:
        return f"{self.bills}  {yuan(self.cost)}  {yuan(self.funds)}"


def sums(bills: Iterable[Bill]) -> Sums:
    """Of the bills that were not taken back."""
    standing = [bill for bill in bills if not bill.taken_back]
    return Sums(len(standing), sum(bill.cost for bill in standing), sum(bill.funds for bill in standing))


def bills_there(system: System, today: date) -> dict[str, Bill]:
    """What stands at the platform for the day."""
    return {row[0]: _bill(row) for row in _compared(system, today, []) if row[6] == "0"}


def _bill(row: list[str]) -> Bill:
    return Bill(row[0], row[1], row[2], parse_yuan(row[3]), parse_yuan(row[4]), 0, row[6] == "1")


def _compared(system: System, today: date, bills: Iterable[Bill]) -> list[list[str]]:
    """The rows in which both sides differ, by 3202 with its files."""
    rows = [HEAD] + [
        [b.setl_id, b.mdtrt_id, b.psn_no, yuan(b.cost), yuan(b.funds), "0.00", "1" if b.taken_back else "0"]
        for b in bills
    ]
    content = base64.b64encode(packed("bills.txt", rows)).decode()
    sent = system.certain("9101", {"fsUploadIn": {"in": content, "filename": "bills.txt.zip"}})
    about = {
        "setl_optins": system.wire.institution[1:7], "stmt_begndate": str(today), "stmt_enddate": str(today), "clr_type": "",
        "file_qury_no": sent["file_qury_no"],
    }  # fmt: skip
    found = system.certain("3202", {"data": about})["fileinfo"]
    asked = {"fsDownloadIn": {"file_qury_no": found["file_qury_no"], "filename": found["filename"]}}
    return unpacked(found["filename"], system.again(system.message("9102", asked)))[1:]


@dataclass(frozen=True, slots=True)
class Evening:
    """How the day ended: what disagreed first, and whether both sides agree now."""

    ours: Sums
    theirs: Sums
    said: str
    rows: list[list[str]]
    found: list[tuple[str, str]]

    @property
    def agrees(self) -> bool:
        """Whether totals and all bills are equal."""
        return self.ours == self.theirs and not self.rows and self.said == "0"


def reconcile(system: System, today: date, before: dict[str, Bill]) -> Evening:
    """Settle what was left open, then compare totals (3201) and bills (3202)."""
    system.finish()
    there, found = bills_there(system, today), []
    while system.open:
        found.append(_resolve(system, there))
    for key, bill in bills_there(system, today).items():
        if key not in system.bills and key not in before:
            found.append((f"平台有 {key}（{yuan(bill.cost)} 元），医院没有", f"{key} ({yuan(bill.cost)} yuan) is at the platform only"))  # fmt: skip
    there = bills_there(system, today)
    ours = [*before.values(), *system.bills.values()]
    mine = sums(ours)
    answer = system.certain("3201", {"data": {
        "insutype": "", "clr_type": "", "setl_optins": system.wire.institution[1:7], "stmt_begndate": str(today),
        "stmt_enddate": str(today), "medfee_sumamt": yuan(mine.cost), "fund_pay_sumamt": yuan(mine.funds), "acct_pay": "0",
        "fixmedins_setl_cnt": mine.bills,
    }})["stmtinfo"]  # fmt: skip
    return Evening(mine, sums(there.values()), answer["stmt_rslt"], _compared(system, today, ours), found)


def _resolve(system: System, there: dict[str, Bill]) -> tuple[str, str]:
    """A settlement that nobody answered. If the platform has it, the same message brings its answer; if not, it is undone
    first, lest it come late, and settled under a new number.
    """
    left = system.open.pop()
    known = [bill for bill in there.values() if bill.mdtrt_id == left.mdtrt_id and bill.setl_id not in system.bills]
    message: dict[str, Any] = dict(left.message)
    if not known:
        message = system.undone(message)
    bill = system.keep(json.loads(system.again(message))["output"])
    if known:
        return (
            f"平台有、医院没有：{bill.setl_id}（{yuan(bill.cost)} 元），按原报文号重发取回",
            f"at the platform only: {bill.setl_id} ({yuan(bill.cost)} yuan); its answer fetched by the same message",
        )
    return (
        f"两边都没有：就诊 {left.mdtrt_id}，冲正后用新报文号结算为 {bill.setl_id}",
        f"at neither: visit {left.mdtrt_id}; reversed, and settled under a new number as {bill.setl_id}",
    )
