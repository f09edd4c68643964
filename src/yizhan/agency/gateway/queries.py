"""What the console shows of the interface: messages, masked; who may call; and the state of reconciliation, day by day."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Q, QuerySet

from yizhan.agency import crypto
from yizhan.agency.care.models import Settlement
from yizhan.agency.desk.words import Words
from yizhan.agency.gateway import codes
from yizhan.agency.gateway.amounts import amounts_of
from yizhan.agency.gateway.envelope import Node, parsed
from yizhan.agency.gateway.models import MESSAGE, Caller, File, Message
from yizhan.agency.gateway.registry import TRANSACTIONS
from yizhan.agency.people.identifiers import mask_identifier, mask_name, mask_phone
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Audit, Institution
from yizhan.errors import InputProblem

# --- Messages ---------------------------------------------------------------------------------------------------------


def messages(
    *, infno: str = "", outcome: str = "", institution: str = "", msgid: str = "", on: date | None = None
) -> QuerySet[Message]:
    """Messages within the scope of whoever acts, the last first. `outcome`: taken or refused."""
    found = Message.objects.select_related("institution").order_by("-id")
    if infno:
        found = found.filter(infno__startswith=infno)
    if outcome:
        found = found.filter(taken=outcome == "taken")
    if institution:
        found = found.filter(institution__code=institution)
    if msgid:
        found = found.filter(Q(msgid=msgid) | Q(reference=msgid))
    if on:
        found = found.filter(received_at__date=on)
    return found


def message(number: int) -> Message:
    """One message. Raises NotFound."""
    found = Message.objects.select_related("institution").filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def name_of(infno: str) -> str:
    """What a transaction is called."""
    found = TRANSACTIONS.get(infno)
    return str(found.words) if found else ""


def request_of(row: Message) -> Any:
    """A request as it was said, numbers as text; None where nothing came (a number that was voided beforehand)."""
    if not row.request_sealed:
        return None
    return parsed(crypto.unseal(row.request_sealed, purpose=MESSAGE, row=str(row.pk)))


def answer_of(row: Message) -> Any:
    """The answer, or the refusals in both languages; None where none was kept (a file, a message of the past)."""
    if not row.answer_sealed:
        return None
    return parsed(crypto.unseal(row.answer_sealed, purpose=MESSAGE, row=str(row.pk)))


def content_of(row: Message, caller: Caller | None) -> Any:
    """The input of a request, opened where it came encrypted."""
    whole = request_of(row)
    content = whole.get("input") if isinstance(whole, dict) else None
    if isinstance(content, str) and content and not content.lstrip().startswith("{"):
        try:
            key = (caller.key_id if caller else "").encode()[:16]
            return parsed(crypto.machine().sm4_open(key, base64.b64decode(content, validate=True)).decode())
        except (ValueError, InputProblem):
            return None
    return content


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a message was refused: its code, and what was found and what to do, in both languages."""

    code: str
    words: Words


def explained(row: Message) -> list[Explained]:
    """Of a refused message."""
    kept = answer_of(row) if not row.taken else None
    if isinstance(kept, dict) and isinstance(kept.get("problems"), list):
        return [Explained(p["code"], Words(p["zh"], p["en"])) for p in kept["problems"]]
    return [Explained(code, Words("", "")) for code in row.codes]


def trail(row: Message) -> QuerySet[Audit]:
    """What the audit trail says that a message did."""
    until = row.received_at + timedelta(milliseconds=row.milliseconds, minutes=2)
    acts = Audit.objects.filter(at__range=(row.received_at - timedelta(minutes=2), until), detail__message=row.pk)
    return acts.order_by("id")


_IDENTIFIERS = {"certno", "mdtrt_cert_no", "cert_no", "card_sn", "patn_cert_no", "coner_certno", "agnter_certno"}
_NAMES = {"psn_name", "patn_name", "coner_name", "agnter_name"}
_HIDDEN = {"brdy", "cainfo", "in", "bankacct", "bank_acct", "ecToken", "ec_token"}
_PHONE, _ADDRESS = re.compile("tel|phone|mob"), re.compile("addr")
_NUMBER = re.compile(r"(?<![0-9])(?:[0-9]{17}[0-9Xx]|[0-9]{15})(?![0-9])")


def masked(value: Any, key: str = "") -> Any:
    """The same message without what tells who somebody is.

    >>> masked({"certno": "990000195001010019", "psn_name": "张三", "memo": "990000195001010019 来院", "cnt": "2"})
    {'certno': '990***********0019', 'psn_name': '张*', 'memo': '990***********0019 来院', 'cnt': '2'}
    """
    if isinstance(value, Mapping):
        return {name: masked(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return "…" if key in _HIDDEN else [masked(one, key) for one in value]
    if not isinstance(value, str) or not value:
        return value
    if key in _IDENTIFIERS:
        return mask_identifier(value)
    if key in _NAMES:
        return mask_name(value)
    if key in _HIDDEN or _ADDRESS.search(key):
        return "…"
    if _PHONE.search(key):
        return mask_phone(value)
    if value.lstrip()[:1] in "{[" and key == "input":
        try:
            return masked(parsed(value))
        except InputProblem:
            return "…"
    return _NUMBER.sub(lambda found: mask_identifier(found[0]), value)


def printed(value: Any) -> str:
    """JSON to read."""
    return json.dumps(masked(value), ensure_ascii=False, indent=1)


# --- Callers ----------------------------------------------------------------------------------------------------------


def callers() -> QuerySet[Caller]:
    """Who may call, within the scope of whoever acts."""
    return Caller.objects.select_related("institution").order_by("institution__code")


# --- Reconciliation ---------------------------------------------------------------------------------------------------

DAYS = 14


@dataclass(slots=True)
class Day:
    """A day of one institution: what the platform has, what the hospital said last (3201), and whether they agree."""

    on: date
    bills: int = 0
    cost: int = 0
    funds: int = 0
    said_bills: int | None = None
    said_cost: int = 0
    said_funds: int = 0
    said_at: datetime | None = None
    said_in: int = 0
    compared: Message | None = None

    @property
    def state(self) -> str:
        """none: nothing to compare; open: the hospital did not ask yet; equal; differs."""
        if self.said_bills is None:
            return "open" if self.bills else "none"
        same = (self.bills, self.cost, self.funds) == (self.said_bills, self.said_cost, self.said_funds)
        return "equal" if same else "differs"


def bills_of(institution: Institution, first: date, last: date) -> list[tuple[Settlement, int, int]]:
    """(row, cost, funds in fen) of what stands of an institution and was settled over the interface."""
    rows = Settlement.objects.live().filter(
        institution=institution, visit__source="gateway", settled_on__range=(first, last)
    )
    area = institution.area_path
    found = []
    for row in rows.select_related("person", "visit").order_by("-id"):
        fen = amounts_of(
            row.result, field_of=partial(codes.by_prefix, area, "fund_field", on=row.settled_on),
            name_of=partial(codes.code, area, "fund_name", on=row.settled_on),
        ).fen  # fmt: skip
        found.append((row, fen["medfee_sumamt"], fen["fund_pay_sumamt"]))
    return found


def days(institution: Institution, today: date) -> list[Day]:
    """The last days, the latest first."""
    first = today - timedelta(days=DAYS - 1)
    found = {first + timedelta(days=k): Day(first + timedelta(days=k)) for k in range(DAYS)}
    for row, cost, funds in bills_of(institution, first, today):
        day = found[row.settled_on]
        day.bills, day.cost, day.funds = day.bills + 1, day.cost + cost, day.funds + funds
    asked = Message.objects.filter(
        institution=institution, infno__in=("3201", "3202"), taken=True, received_at__date__gte=first
    )
    for said in asked.order_by("id")[:500]:
        _note(found, said)
    return list(reversed(found.values()))


def _note(found: Mapping[date, Day], row: Message) -> None:
    """What a message of reconciliation says of one day. One about several days, or a kind of care, tells nothing of a day."""
    whole = request_of(row)
    node = Node(whole.get("input") if isinstance(whole, dict) else {}, []).node("data")
    first, last = node.day("stmt_begndate"), node.day("stmt_enddate")
    if first is None or first != last or first not in found or node.text("clr_type") or node.text("insutype"):
        return
    day = found[first]
    if row.infno == "3202":
        day.compared = row
        return
    day.said_bills, day.said_at, day.said_in = node.count("fixmedins_setl_cnt") or 0, row.received_at, row.pk
    day.said_cost, day.said_funds = node.fen("medfee_sumamt") or 0, node.fen("fund_pay_sumamt") or 0


@dataclass(frozen=True, slots=True)
class Differing:
    """A bill that one side lacks or has otherwise, as 3202 found it, and what it leads to."""

    setl_id: str
    cost: str
    funds: str
    what: str
    visit_id: int | None
    message_id: int | None


def differing(row: Message) -> list[Differing]:
    """What a message 3202 found, while its file is kept."""
    from yizhan.agency.gateway.transactions.files import read
    from yizhan.agency.gateway.zipped import unpacked

    answer = answer_of(row)
    number = answer["output"]["fileinfo"]["file_qury_no"] if isinstance(answer, dict) else ""
    file = File.objects.filter(institution=row.institution, number=number).first()
    if file is None:
        return []
    rows = unpacked(file.name, read(file))[1:]
    settled = {str(s.pk): s for s in Settlement.objects.filter(pk__in=_numbers(rows), institution=row.institution)}
    sent = {
        m.msgid: m.pk for m in Message.objects.filter(
            institution=row.institution, msgid__in=[s.message_id for s in settled.values()], taken=True
        )
    }  # fmt: skip
    found = []
    for cells in rows:
        bill = settled.get(cells[0])
        found.append(
            Differing(
                cells[0], cells[3], cells[4], cells[-1], bill.visit_id if bill else None,
                sent.get(bill.message_id) if bill else None,
            )
        )  # fmt: skip
    return found


def _numbers(rows: Sequence[Sequence[str]]) -> list[int]:
    return [int(cells[0]) for cells in rows if cells[0].isascii() and cells[0].isdecimal() and len(cells[0]) < 19]
