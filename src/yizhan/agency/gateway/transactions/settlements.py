"""2303, 2304, 2305, 2206, 2207, 2208: what a bill comes to, its settlement, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

from yizhan.agency import crypto
from yizhan.agency.care import actions, rewriting, settling
from yizhan.agency.care.models import BillLine, Settlement
from yizhan.agency.enrolment.beneficiaries import pooling_area
from yizhan.agency.gateway import codes
from yizhan.agency.gateway.actions import change
from yizhan.agency.gateway.amounts import POTS, Amounts, amounts_of
from yizhan.agency.gateway.envelope import Node
from yizhan.agency.gateway.errors import SettlementTakenBack, TotalsDiffer
from yizhan.agency.gateway.finding import first_open, settlement_of, told_of
from yizhan.agency.gateway.models import Line, Told
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.gateway.transactions.fees import OUTPATIENT, of_batch
from yizhan.agency.gateway.transactions.persons import person_type
from yizhan.agency.gateway.transactions.stays import STAYS
from yizhan.agency.people.models import Person
from yizhan.agency.people.sealing import ID_NUMBER
from yizhan.agency.staff.rights import Right
from yizhan.engine.money import yuan as yuan_text


@transaction("2303", "住院预结算", "inpatient preview", Right.VISIT_SEE)
def preview_stay(call: Call) -> Any:
    """What the stay would come to if it ended today, or as it ended."""
    return _preview(call, STAYS)


@transaction("2304", "住院结算", "inpatient settlement", Right.SETTLEMENT_SETTLE, alone=True)
def settle_stay(call: Call) -> Any:
    """Settle the stay, or its part so far."""
    return _settle(call, STAYS)


@transaction("2305", "住院结算撤销", "cancel an inpatient settlement", Right.SETTLEMENT_REVERSE, alone=True)
def cancel_stay(call: Call) -> Any:
    """Take the settlement back; the answer has its amounts with the sign turned."""
    return _cancel(call)


def amounts(call: Call, result: Mapping[str, Any]) -> Amounts:
    """The amounts of a result in the columns of the area."""
    area, on = call.institution.area_path, call.today
    return amounts_of(
        result, field_of=partial(codes.by_prefix, area, "fund_field", on=on), name_of=partial(codes.code, area, "fund_name", on=on)
    )  # fmt: skip


def _visit(call: Call, node: Node, cares: tuple[str, ...]) -> tuple[Told, int, bool, date | None]:
    told = told_of(call, node.text("mdtrt_id", need=True), node.text("psn_no", need=True), cares=cares)
    if cares is OUTPATIENT:
        told = of_batch(call, told, node.text("chrg_bchno", most=30))
    elif told.mdtrt != told.visit_id:
        told = first_open(call, told)
    total = node.fen("medfee_sumamt", need=True) or 0
    midway = node.text("mid_setl_flag", most=3) == "1"
    return told, total, midway, node.day("dscgTime") or node.day("dscg_time")


def compare(call: Call, node: Node, found: Amounts, total: int) -> None:
    """Refuse another total; of the parts that the hospital's system computed itself, only warn."""
    if total != found.fen["medfee_sumamt"]:
        raise TotalsDiffer(theirs=yuan_text(total), ours=yuan_text(found.fen["medfee_sumamt"]))
    for column in POTS:
        said = node.fen(column)
        if said and said != found.fen[column]:
            call.warnings.append(f"{column} 按目录为 {yuan_text(found.fen[column])} 元，报文为 {yuan_text(said)} 元")


def _preview(call: Call, cares: tuple[str, ...]) -> Any:
    with call.reading() as root:
        node = root.node("data")
        told, total, _, ends = _visit(call, node, cares)
    settled = settling.presettle(told.visit_id, on=ends or call.today, acting_user=call.machine)
    found = amounts(call, settled.answered.result)
    compare(call, node, found, total)
    info = setlinfo(call, told, settled.known.person, settled.asked.beneficiary, found)
    return {"setlinfo": info, "setldetail": found.detail()}


def _settle(call: Call, cares: tuple[str, ...]) -> Any:
    with call.reading() as root:
        node = root.node("data")
        told, total, midway, ends = _visit(call, node, cares)
    visit = told.visit
    if midway and visit.state == "admitted":
        rest = actions.cut_stay(visit.pk, on=ends or call.today, acting_user=call.machine)
        # Lines of later days went along, and so do their numbers.
        moved = BillLine.objects.filter(visit=rest).values("position")
        Line.objects.filter(visit=visit, position__in=moved).update(visit=rest)
        Told.objects.create(
            visit=rest, institution=call.institution, area_path=call.institution.area_path, mdtrt=told.mdtrt, number=told.number,
            insutype=told.insutype, med_type=told.med_type, cert_type=told.cert_type, more=told.more,
        )  # fmt: skip
    elif visit.discharged_on is None and ends is not None:
        # Settled before the discharge is reported, as some provinces do it.
        change(told, discharged_on=ends, acting_user=call.machine)
    row = settling.settle(
        visit.pk, on=call.today, message_id=call.envelope.msgid, content=str(total), acting_user=call.machine
    )
    found = amounts(call, row.result)
    compare(call, node, found, total)
    info = setlinfo(call, told, row.person, row.beneficiary, found, row)
    return {"setlinfo": info, "setldetail": found.detail()}


def _cancel(call: Call) -> Any:
    with call.reading() as root:
        node = root.node("data")
        asked = [node.text(name, need=True, most=30) for name in ("setl_id", "mdtrt_id", "psn_no")]
    row, told = settlement_of(call, *asked)
    return take_back(call, row, told, why=f"医院接口撤销结算（{call.envelope.infno}）")


def take_back(call: Call, row: Settlement, told: Told, *, why: str) -> Any:
    """Reverse what holds of a settlement, and answer with its amounts turned. Raises SettlementTakenBack, and what
    `rewriting.reverse` raises.
    """
    live = rewriting.live_of(row.visit, act=("撤销", "reversed"))
    if live.ordinal != row.ordinal:
        raise SettlementTakenBack(setl_id=row.pk, now=live.ordinal)
    written = rewriting.reverse(row.visit_id, on=call.today, why=why, acting_user=call.machine)
    reversal = next(one for one in written if one.visit_id == row.visit_id)
    found = amounts(call, live.result)
    return {
        "setlinfo": {
            "mdtrt_id": str(told.mdtrt),
            "setl_id": str(reversal.pk),
            "clr_optins": pooling_area(row.area_path),
            "setl_time": f"{call.received:%Y-%m-%d %H:%M:%S}",
            **found.info(sign=-1),
            "psn_part_amt": None,
            "hosp_part_amt": None,
            "medins_setl_id": call.envelope.msgid,
            "setl_type": "2",
            "begndate": live.admitted_on.isoformat(),
            "enddate": live.discharged_on.isoformat(),
        },
        "setldetail": found.detail(sign=-1),
    }


def setlinfo(
    call: Call,
    told: Told,
    person: Person,
    beneficiary: Mapping[str, Any],
    found: Amounts,
    row: Settlement | None = None,
) -> dict[str, Any]:
    """setlinfo of a preview, or of a row of settlement."""
    scheme = beneficiary.get("insurance", "")
    return {
        "mdtrt_id": str(told.mdtrt),
        **({"setl_id": str(row.pk)} if row else {}),
        "psn_no": person.number,
        "psn_name": person.name,
        "psn_cert_type": call.code("cert_type", person.id_kind, "99"),
        "certno": crypto.unseal(person.id_sealed, purpose=ID_NUMBER),
        "gend": call.code("sex", person.sex, "9"),
        "naty": None,
        "brdy": person.born_on.isoformat(),
        "age": person.age_on(call.today),
        "insutype": call.code("insutype", scheme) or told.insutype,
        "psn_type": person_type(call, person, scheme),
        "cvlserv_flag": "0",
        "setl_time": f"{call.received:%Y-%m-%d %H:%M:%S}",
        "mdtrt_cert_type": told.cert_type or None,
        "med_type": told.med_type,
        **found.info(),
        "medins_setl_id": row.message_id if row else call.envelope.msgid,
        "clr_optins": pooling_area(told.visit.area_path),
        "clr_way": call.code("clr_way", "item"),
        "clr_type": call.code("clr_type", told.visit.care),
    }


@transaction("2206", "门诊预结算", "outpatient preview", Right.VISIT_SEE, also=("2206A",))
def preview_outpatient(call: Call) -> Any:
    """What the visit comes to."""
    return _preview(call, OUTPATIENT)


@transaction("2207", "门诊结算", "outpatient settlement", Right.SETTLEMENT_SETTLE, alone=True, also=("2207A",))
def settle_outpatient(call: Call) -> Any:
    """Settle the visit."""
    return _settle(call, OUTPATIENT)


@transaction("2208", "门诊结算撤销", "cancel an outpatient settlement", Right.SETTLEMENT_REVERSE, alone=True)
def cancel_outpatient(call: Call) -> Any:
    """Take the settlement back."""
    return _cancel(call)
