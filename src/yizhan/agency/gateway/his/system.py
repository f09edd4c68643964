"""The hospital's system: it asks until it is answered, and believes of its bills only what it was answered.

Of a settlement whose answer is lost, nobody here knows whether it took place. There are three right ways on, and the
system takes each of them by turns as the seed says: send the same message again; undo it (2601) and settle under a new
number; or leave it until the evening, when both sides compare their bills.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from yizhan.agency.gateway.errors import NotReached, Refused
from yizhan.agency.gateway.his.wire import Lost, Wire
from yizhan.engine.money import parse_yuan

CHINA = timezone(timedelta(hours=8))
SETTLING = ("2207A", "2304")
UNDOING = ("2402",)
"""What is not settled and yet undone now and then, instead of being sent again."""
WAIT = frozenset({"too_many_messages", "person_busy", "gateway_fault"})
"""Codes of refusals after which the same message is sent again."""
DONE_THERE = 60.0
"""Seconds without any answer after which the platform counts as gone."""


class FateUnknown(Exception):
    """A settlement was left for the evening."""


@dataclass(slots=True)
class Bill:
    """A bill as the hospital keeps it: fen."""

    setl_id: str
    mdtrt_id: str
    psn_no: str
    cost: int
    funds: int
    cash: int
    taken_back: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """A settlement that was sent and not answered."""

    message: Mapping[str, Any]
    mdtrt_id: str
    psn_no: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a message that is still on its way. `first` is the answer that it has to get, None: it was undone."""

    due: int
    body: bytes
    infno: str
    first: bytes | None


@dataclass
class System:
    """One hospital's system during one day."""

    wire: Wire
    run: str
    operator: str = "0001"
    say: Callable[[str, str], None] = lambda zh, en: None
    bills: dict[str, Bill] = field(default_factory=dict)
    open: list[Open] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    sign_no: str = ""
    _told_to_wait: str = ""
    _serial: int = 0
    _copies: list[Copy] = field(default_factory=list)

    def ask(self, infno: str, content: Any) -> Any:
        """The output of a message that was taken. Raises Refused, FateUnknown, NotReached."""
        answer = json.loads(self.asked(self.message(infno, content)))
        return answer["output"]

    def message(self, infno: str, content: Any) -> dict[str, Any]:
        """A new message."""
        self._serial += 1
        now = datetime.now(CHINA)
        return {
            "infno": infno, "msgid": f"{self.wire.institution}{self.run}{self._serial:06d}",
            "mdtrtarea_admvs": self.wire.institution[1:7], "insuplc_admdvs": "", "recer_sys_code": "HIS", "dev_no": "",
            "dev_safe_info": "", "cainfo": "", "signtype": "", "infver": "V1.0", "opter_type": "1",
            "opter": self.operator, "opter_name": "演示窗口", "inf_time": f"{now:%Y-%m-%d %H:%M:%S}",
            "fixmedins_code": self.wire.institution, "fixmedins_name": "", "sign_no": self.sign_no, "input": content,
        }  # fmt: skip

    def asked(self, message: dict[str, Any]) -> bytes:
        """Send a message until it is answered; what goes on then is the class's thought."""
        while True:
            self._deliver_copies()
            body = json.dumps(message, ensure_ascii=False).encode()
            try:
                answer = self._answered(message["infno"], body)
            except Lost:
                self.counts["lost"] += 1
                message = self._after_loss(message)
                continue
            self._check_copies(message, body, answer)
            return answer

    def certain(self, infno: str, content: Any) -> Any:
        """Ask without leaving anything open."""
        return json.loads(self.again(self.message(infno, content)))["output"]

    def again(self, message: dict[str, Any]) -> bytes:
        """Send the same message until it is answered."""
        body, deadline = json.dumps(message, ensure_ascii=False).encode(), time.monotonic() + DONE_THERE
        while True:
            try:
                return self._answered(message["infno"], body)
            except Lost as lost:
                self.counts["lost"] += 1
                self._wait(deadline, lost)

    def _answered(self, infno: str, body: bytes) -> bytes:
        deadline = time.monotonic() + DONE_THERE
        while True:
            self.counts["sent"] += 1
            answer = self.wire.post(body, infno)
            if infno == "9102" and not answer.startswith(b"{"):
                return answer
            told = json.loads(answer)
            if int(told["infcode"]) == 0:
                self._told_to_wait = ""
                return answer
            text = str(told["err_msg"])
            if code_of(text) not in WAIT or time.monotonic() > deadline:
                raise Refused(infno=infno, text=text)
            self._told_to_wait = text
            self.counts["waited"] += 1
            time.sleep(0.2)

    # --- Answers that were lost ---------------------------------------------------------------------------------------

    def _after_loss(self, message: dict[str, Any]) -> dict[str, Any]:
        """The message to send next."""
        self._wait(time.monotonic() + DONE_THERE, None)
        infno, content = message["infno"], message["input"]
        ways = (
            ("again", "undo", "evening") if infno in SETTLING else ("again", "undo") if infno in UNDOING else ("again",)
        )
        way = self.wire.faults.draw.choice(ways) if len(ways) > 1 else "again"
        asked = next(iter(content.values()), None) if isinstance(content, dict) else None
        if way == "again" or not isinstance(asked, dict):
            self.counts["resent"] += 1
            return message
        if way == "evening":
            self.counts["left"] += 1
            self.open.append(Open(message, asked["mdtrt_id"], asked["psn_no"]))
            raise FateUnknown
        return self.undone(message)

    def undone(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Reverse a message by its number; the same under a new number. The old one, should it come late, has to be refused."""
        asked = next(iter(message["input"].values()))
        self.certain("2601", {"data": {
            "psn_no": asked["psn_no"], "omsgid": message["msgid"], "oinfno": message["infno"],
        }})  # fmt: skip
        self.counts["undone"] += 1
        if self.wire.faults.reorder:
            body = json.dumps(message, ensure_ascii=False).encode()
            self._copies.append(Copy(self.counts["sent"] + 3, body, message["infno"], None))
        return self.message(message["infno"], message["input"])

    def _wait(self, deadline: float, lost: Lost | None) -> None:
        """Until the platform can be reached again. Raises NotReached."""
        if lost is not None and time.monotonic() > deadline:
            raise NotReached(address=self.wire.address, why=self._told_to_wait or str(lost))
        self.wire.reach(DONE_THERE)

    # --- Copies -------------------------------------------------------------------------------------------------------

    def _check_copies(self, message: Mapping[str, Any], body: bytes, answer: bytes) -> None:
        faults, infno = self.wire.faults, message["infno"]
        if faults.happens(faults.repeat):
            self._deliver(Copy(0, body, infno, answer))
        if faults.happens(faults.reorder):
            late = self.counts["sent"] + faults.draw.randint(2, 9)
            self._copies.append(Copy(late, body, infno, answer))

    def _deliver_copies(self, *, all_of_them: bool = False) -> None:
        due = [copy for copy in self._copies if all_of_them or copy.due <= self.counts["sent"]]
        self._copies = [copy for copy in self._copies if copy not in due]
        for copy in due:
            self.counts["late"] += 1
            self._deliver(copy)

    def finish(self) -> None:
        """Everything that is still on its way arrives."""
        self._deliver_copies(all_of_them=True)

    def _deliver(self, copy: Copy) -> None:
        """A copy arrives, and gets what the first one got."""
        self.counts["repeated"] += 1
        while True:
            try:
                answer = self.wire.post(copy.body, copy.infno, faulty=False)
            except Lost as lost:
                self._wait(time.monotonic() + DONE_THERE, lost)
                continue
            code = code_of(str(json.loads(answer).get("err_msg") or "")) if answer.startswith(b"{") else ""
            if code not in WAIT:
                break
            time.sleep(0.2)
        if copy.first is None and code != "message_void":
            self.wrong.append(f"{copy.infno}: undone, and yet taken when it came late")
        elif copy.first is not None and answer != copy.first:
            self.wrong.append(f"{copy.infno}: a copy got another answer than the first")

    # --- Bills --------------------------------------------------------------------------------------------------------

    def settle(self, infno: str, content: Any) -> Bill:
        """Settle, and keep what was answered. Raises Refused, FateUnknown."""
        return self.keep(self.ask(infno, content))

    def keep(self, output: Mapping[str, Any]) -> Bill:
        """Keep the bill of an answer."""
        info = output["setlinfo"]
        cost, funds, cash = (
            parse_yuan(f"{info[name]:.2f}") for name in ("medfee_sumamt", "fund_pay_sumamt", "psn_cash_pay")
        )
        bill = Bill(info["setl_id"], info["mdtrt_id"], info["psn_no"], cost, funds, cash)
        self.bills[bill.setl_id] = bill
        return bill

    def take_back(self, infno: str, bill: Bill) -> None:
        """Cancel a settlement."""
        self.ask(infno, {"data": {"setl_id": bill.setl_id, "mdtrt_id": bill.mdtrt_id, "psn_no": bill.psn_no}})
        bill.taken_back = True


def code_of(err_msg: str) -> str:
    """The code at the end of a refusal."""
    return err_msg.rpartition("[")[2].rstrip("]")
