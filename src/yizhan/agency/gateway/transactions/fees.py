"""2301, 2302, 2204, 2205: bill lines are uploaded and taken back. The catalogue splits them, not the sender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from yizhan.agency.care import actions, queries
from yizhan.agency.care.errors import VisitFrozen
from yizhan.agency.care.models import BillLine
from yizhan.agency.gateway.envelope import Node, yuan
from yizhan.agency.gateway.errors import FieldMissing, FieldWrong, LineTwice, LineUnknown, ReturnDiffers
from yizhan.agency.gateway.finding import first_open, told_of
from yizhan.agency.gateway.models import Line, Told
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.gateway.transactions.stays import STAYS
from yizhan.agency.providers.models import Mapping as Mapped
from yizhan.agency.providers.splitting import Charge
from yizhan.agency.staff.rights import Right
from yizhan.engine.money import half_up
from yizhan.engine.money import yuan as yuan_text
from yizhan.errors import Problem, Problems

OUTPATIENT = ("outpatient", "chronic", "observation", "birth", "family_doctor", "internet", "pharmacy")
"""Kinds of care without a stay in bed."""

NO_LIMIT = 999999
"""pric_uplmt_amt where no limit is set."""

CLASSES: Mapping[str, str] = {"a": "01", "b": "02", "c": "03"}
"""chrgitm_lv."""


@dataclass(frozen=True, slots=True)
class Fee:
    """A line as it was sent. `own` is the hospital's code, `national` the one that it says is the nation's."""

    sn: str
    returns: str
    on: date
    own: str
    national: str
    name: str
    quantity: int
    price: int
    rounded: bool
    fen: int
    unapproved: bool
    batch: str = ""

    def charge(self, *, mapped: bool) -> Charge:
        """The line as the catalogues split it: by the hospital's code where a mapping of it is on record."""
        return Charge(
            on=self.on, code=self.own if mapped or not self.national else self.national, name=self.name or self.own,
            quantity=self.quantity, price=self.price, amount_fen=self.fen, own_expense_signed=self.unapproved,
            price_rounded=self.rounded,
        )  # fmt: skip


def _fee(call: Call, node: Node) -> Fee:
    fen, quantity = node.fen("det_item_fee_sumamt", need=True), node.scaled("cnt", 4, need=True)
    price, rounded = _price(node, quantity or 0, fen or 0)
    own, national = node.text("medins_list_codg", most=50), node.text("med_list_codg", most=50)
    if not own and not national:
        node.problems.append(FieldMissing(field=f"{node.name}.med_list_codg"))
    return Fee(
        sn=node.text("feedetl_sn", need=True, most=30), returns=node.text("init_feedetl_sn", most=30),
        on=node.day("fee_ocur_time", need=True) or call.today, own=own or national, national=national,
        name=node.text("medins_list_name", most=200) or node.text("list_name", most=200), quantity=quantity or 0,
        price=price, rounded=rounded, fen=fen or 0,
        unapproved=call.code("approval", node.text("hosp_appr_flag", most=3)) == "own",
        batch=node.text("chrg_bchno", most=30),
    )  # fmt: skip


def _price(node: Node, quantity: int, fen: int) -> tuple[int, bool]:
    """The price in 1/10,000 yuan, and whether it was rounded to that. One with more decimals has to give the amount itself."""
    found = node.decimal("pric", need=True)
    if found is None:
        return 0, False
    digits, decimals = found
    if decimals <= 4 or digits % 10 ** (decimals - 4) == 0:
        return digits * 10**4 // 10**decimals, False
    if abs(quantity * digits * 100 - fen * 10 ** (4 + decimals)) > 10 ** (4 + decimals):
        node.problems.append(
            FieldWrong(field=f"{node.name}.pric", value=node.mapping["pric"], form_zh="金额除以数量", form_en="amount ÷ quantity")
        )  # fmt: skip
    return half_up(digits, 10 ** (decimals - 4)), True


# --- Upload -----------------------------------------------------------------------------------------------------------


@transaction("2301", "住院费用明细上传", "inpatient lines", Right.VISIT_EDIT)
def upload_of_stay(call: Call) -> Any:
    """Enter lines of a stay; each is answered with its split."""
    return _upload(call, STAYS)


@transaction("2204", "门诊费用明细信息上传", "outpatient lines", Right.VISIT_EDIT)
def upload_of_outpatient(call: Call) -> Any:
    """Enter lines of a visit; each is answered with its split."""
    return _upload(call, OUTPATIENT)


def fees_of(call: Call, root: Node, name: str) -> list[Fee]:
    """The lines of a node; there has to be one."""
    nodes = root.nodes(name)
    if not nodes:
        root.problems.append(FieldMissing(field=name))
    return [_fee(call, node) for node in nodes]


def _upload(call: Call, cares: tuple[str, ...]) -> Any:
    with call.reading() as root:
        nodes = root.nodes("feedetail")
        fees = fees_of(call, root, "feedetail")
        visits = {(n.text("mdtrt_id", need=True, most=30), n.text("psn_no", need=True, most=30)) for n in nodes}
        if len(visits) > 1:
            root.problems.append(
                FieldWrong(field="feedetail.mdtrt_id", value=len(visits), form_zh="同一次就诊", form_en="one visit's")
            )
    told = told_of(call, *visits.pop(), cares=cares)
    if cares is OUTPATIENT and queries.is_settled(told.visit):
        told = further_charging(call, told, max(fee.on for fee in fees))
    elif cares is STAYS and told.mdtrt != told.visit_id:
        told = _part_of_days(call, told, max(fee.on for fee in fees))
    return {"result": enter_fees(call, told, fees)}


def _part_of_days(call: Call, told: Told, last: date) -> Told:
    """The part of a stay that was cut to which lines of these days belong: an earlier one, where it is not settled any more."""
    part = first_open(call, told)
    if part.visit.discharged_on is not None and last <= part.visit.discharged_on:
        return part
    call.visit_id = told.visit_id
    return told


def further_charging(call: Call, told: Told, on: date) -> Told:
    """A visit is charged again after its first charging was settled: a visit of its own here, under the same number there."""
    before = told.visit
    parts = Told.objects.filter(institution=call.institution, mdtrt=told.mdtrt).count()
    visit = actions.register_visit(
        before.person, institution=call.institution, number=f"{told.number}-{parts + 1}", care=before.care, admitted_on=on,
        diagnoses=before.diagnoses, department=before.department, doctor=before.doctor, source="gateway",
        acting_user=call.machine,
    )  # fmt: skip
    call.visit_id = visit.pk
    row = Told.objects.create(
        visit=visit, institution=call.institution, area_path=told.area_path, mdtrt=told.mdtrt, number=told.number,
        insutype=told.insutype, med_type=told.med_type, cert_type=told.cert_type, more=told.more,
    )  # fmt: skip
    row.visit = visit
    return row


def of_batch(call: Call, told: Told, batch: str) -> Told:
    """The part of a visit that a charging belongs to; the last, where none is named."""
    if not batch:
        return told
    line = Line.objects.filter(institution=call.institution, batch=batch, visit__told__mdtrt=told.mdtrt).last()
    if line is None or line.visit_id == told.visit_id:
        return told
    call.visit_id = line.visit_id
    return Told.objects.select_related("visit__person").get(visit=line.visit_id)


def enter_fees(call: Call, told: Told, fees: Sequence[Fee]) -> list[dict[str, Any]]:
    """Enter lines, and return what some of them take back. Raises LineTwice, LineUnknown, ReturnDiffers, and what
    `actions.add_lines` and `actions.refund_lines` raise.
    """
    visit = told.visit
    if queries.is_settled(visit):
        raise VisitFrozen(visit=told.number)
    before = {row.sn: row for row in Line.objects.filter(visit=visit)}
    seen: set[str] = set(before)
    problems: list[Problem] = []
    for fee in fees:
        if fee.sn in seen:
            problems.append(LineTwice(sn=fee.sn))
        seen.add(fee.sn)
        if fee.returns and fee.quantity < 0 and fee.returns not in seen:
            problems.append(LineUnknown(sn=fee.returns))
    if problems:
        raise Problems(problems)
    last_day = max(fee.on for fee in fees)
    if visit.care not in STAYS and visit.discharged_on and last_day > visit.discharged_on:
        # Billed after midnight: the visit goes on until its last line.
        actions.change_visit(visit.pk, discharged_on=last_day, acting_user=call.machine)
    new = [fee for fee in fees if not (fee.returns and fee.quantity < 0)]
    mapped = _mapped(call, new)
    rows = (
        actions.add_lines(visit.pk, [f.charge(mapped=f.own in mapped) for f in new], acting_user=call.machine)
        if new
        else []
    )
    at = {row.sn: row.position for row in before.values()}
    entered = {fee.sn: row for fee, row in zip(new, rows, strict=True)}
    at |= {sn: row.position for sn, row in entered.items()}
    for fee in fees:
        if fee.sn not in entered:
            entered[fee.sn] = _return(call, told, fee, at[fee.returns])
    Line.objects.bulk_create(
        Line(
            visit=visit, institution=call.institution, area_path=call.institution.area_path, sn=fee.sn,
            position=entered[fee.sn].position, returns=fee.returns, batch=fee.batch, message_id=call.machine.message,
        )
        for fee in fees
    )  # fmt: skip
    return [split_of(fee.sn, entered[fee.sn]) for fee in fees]


def _mapped(call: Call, fees: Sequence[Fee]) -> set[str]:
    """The hospital's codes for which a mapping is on record, approved or not."""
    rows = Mapped.objects.filter(institution=call.institution, code__in={fee.own for fee in fees})
    return set(rows.exclude(state="withdrawn").values_list("code", flat=True))


def _return(call: Call, told: Told, fee: Fee, position: int) -> BillLine:
    """Take back a quantity of a line, split as that line was."""
    actions.refund_lines(
        told.visit_id, {position: -fee.quantity}, on=call.today, why=f"医院接口退费 {fee.returns}",
        acting_user=call.machine,
    )  # fmt: skip
    row = BillLine.objects.filter(visit=told.visit_id, why__refunds=position).latest("position")
    if row.amount_fen != fee.fen:
        raise ReturnDiffers(sn=fee.sn, theirs=yuan_text(fee.fen), ours=yuan_text(row.amount_fen))
    return row


def split_of(sn: str, row: BillLine) -> dict[str, Any]:
    """How a line was split, as a row of `result`."""
    ratio = row.why.get("ratio", 0) if row.why.get("class") == "b" else 0
    own = row.why.get("key") not in ("class_a", "class_b")
    limit = row.why.get("limit")
    return {
        "feedetl_sn": sn,
        "det_item_fee_sumamt": yuan(row.amount_fen),
        "cnt": row.quantity / 10_000,
        "pric": row.price / 10_000,
        "pric_uplmt_amt": yuan(limit) if limit is not None else NO_LIMIT,
        "selfpay_prop": 1 if own else ratio / 10_000,
        "fulamt_ownpay_amt": yuan(row.own),
        "overlmt_amt": yuan(row.over_limit),
        "preselfpay_amt": yuan(row.first_pay),
        "inscp_scp_amt": yuan(row.in_scope),
        "chrgitm_lv": CLASSES.get(row.why.get("class", ""), "03"),
        "med_chrgitm_type": row.category,
        "bas_medn_flag": "0",
        "hi_nego_drug_flag": "1" if row.special_drug else "0",
        "chld_medc_flag": "0",
        "list_sp_item_flag": "0",
        "lmt_used_flag": "1" if row.why.get("restriction") else "0",
        "drt_reim_flag": "0",
        "memo": _why(row),
    }


def _why(row: BillLine) -> str | None:
    from yizhan.agency.providers.splitting import sentence

    known = row.why.get("key") in ("class_a", "class_b", "class_c", "signed")
    return None if known else sentence(row.why, (row.in_scope, row.first_pay, row.over_limit, row.own), "zh")[:500]


# --- Taking back ------------------------------------------------------------------------------------------------------


@transaction("2302", "住院费用明细撤销", "cancel inpatient lines", Right.VISIT_EDIT)
def cancel_of_stay(call: Call) -> Any:
    """Remove lines by their numbers; 0000 removes all."""
    return _cancel(call, STAYS)


@transaction("2205", "门诊费用明细信息撤销", "cancel outpatient lines", Right.VISIT_EDIT)
def cancel_of_outpatient(call: Call) -> Any:
    """Remove lines by their numbers; 0000 removes all, and so does a charge batch without one."""
    return _cancel(call, OUTPATIENT)


ALL_LINES = "0000"


def _cancel(call: Call, cares: tuple[str, ...]) -> Any:
    with call.reading() as root:
        nodes = root.nodes("data") or [root.node("data")]
        numbers = [n.text("feedetl_sn", most=30) for n in nodes]
        batch = nodes[0].text("chrg_bchno", most=30)
        visits = {(n.text("mdtrt_id", need=True, most=30), n.text("psn_no", need=True, most=30)) for n in nodes}
        if len(visits) > 1:
            root.problems.append(
                FieldWrong(field="data.mdtrt_id", value=len(visits), form_zh="同一次就诊", form_en="one visit's")
            )
    told = told_of(call, *visits.pop(), cares=cares)
    if batch and batch != ALL_LINES:
        told = of_batch(call, told, batch)
        numbers = list(Line.objects.filter(visit=told.visit, batch=batch).values_list("sn", flat=True))
        if not numbers:
            raise Problems([LineUnknown(sn=batch)])
    elif cares is STAYS and told.mdtrt != told.visit_id:
        told = _part_with(call, told, numbers)
    remove(call, told, numbers)


def _part_with(call: Call, told: Told, numbers: Sequence[str]) -> Told:
    """The part of a stay that was cut in which these lines stand; the last, where they stand in none or several."""
    rows = Line.objects.filter(institution=call.institution, visit__told__mdtrt=told.mdtrt, sn__in=numbers)
    found = set(rows.values_list("visit", flat=True))
    if len(found) != 1:
        return told
    call.visit_id = found.pop()
    return Told.objects.select_related("visit__person").get(visit=call.visit_id)


def remove(call: Call, told: Told, numbers: Sequence[str]) -> None:
    """Remove lines, and with them what returned them. Raises LineUnknown, VisitFrozen.

    A further charging of which nothing is left is no visit of its own any more, and waits at no window.
    """
    rows = {row.sn: row for row in Line.objects.filter(visit=told.visit)}
    gone = set(numbers)
    if ALL_LINES in numbers or not any(numbers):
        gone = set(rows)
        actions.clear_lines(told.visit_id, acting_user=call.machine)
    else:
        if unknown := [sn for sn in numbers if sn not in rows]:
            raise Problems([LineUnknown(sn=sn) for sn in unknown])
        for sn in numbers:
            actions.replace_line(told.visit_id, position=rows[sn].position, charge=None, acting_user=call.machine)
    Line.objects.filter(visit=told.visit, sn__in=gone).delete()
    Line.objects.filter(visit=told.visit, returns__in=gone).delete()
    left = Line.objects.filter(visit=told.visit).exists()
    if told.mdtrt != told.visit_id and told.visit.care not in STAYS and not left:
        actions.cancel_visit(
            told.visit_id, why=f"医院接口撤销费用明细（{call.envelope.infno}）", acting_user=call.machine
        )
