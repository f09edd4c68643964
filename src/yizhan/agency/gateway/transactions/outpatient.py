"""2201, 2202, 2203: outpatient registration, taking it back, and what the visit is about."""

from __future__ import annotations

from typing import Any

from yizhan.agency.care import actions, queries
from yizhan.agency.gateway.actions import change
from yizhan.agency.gateway.errors import CareUnknown, SettledStays
from yizhan.agency.gateway.finding import told_of
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.gateway.transactions.fees import OUTPATIENT
from yizhan.agency.gateway.transactions.stays import care_of, diagnoses_of, register
from yizhan.agency.staff.rights import Right

ORDINARY = "11"
"""med_type until 2203 says which it is."""


@transaction("2201", "门诊挂号", "outpatient registration", Right.VISIT_EDIT, also=("2201A",))
def register_outpatient(call: Call) -> Any:
    """Register a visit of one day."""
    with call.reading() as root:
        node = root.node("data")
        psn_no, number = node.text("psn_no", need=True, most=30), node.text("ipt_otp_no", need=True, most=30)
        begins = node.day("begntime", need=True)
        med_type = node.text("med_type", most=10) or ORDINARY
        said = {
            "insutype": node.text("insutype", most=6), "cert_type": node.text("mdtrt_cert_type", most=3), "cert_no": node.text("mdtrt_cert_no"),
            "department": node.text("dept_name", most=60), "doctor": node.text("dr_name", most=60),
        }  # fmt: skip
        doctor = node.text("atddr_no", most=30)
    row = register(
        call, psn_no=psn_no, number=number, med_type=med_type, told={"atddr_no": doctor}, admitted_on=begins, **said
    )
    return {"data": {"mdtrt_id": str(row.pk), "psn_no": row.person.number, "ipt_otp_no": number}}


@transaction("2202", "门诊挂号撤销", "cancel a registration", Right.VISIT_EDIT)
def cancel_registration(call: Call) -> Any:
    """Cancel a visit that is not settled."""
    with call.reading() as root:
        node = root.node("data")
        told = told_of(call, node.text("mdtrt_id", need=True), node.text("psn_no", need=True), cares=OUTPATIENT)
    actions.cancel_visit(told.visit_id, why="医院接口挂号撤销（2202）", acting_user=call.machine)


@transaction("2203", "门诊就诊信息上传", "what a visit is about", Right.VISIT_EDIT, also=("2203A",))
def describe(call: Call) -> Any:
    """Kind of care and diagnoses. Sent again after settling, it may only say the same."""
    with call.reading() as root:
        node = root.node("mdtrtinfo")
        told = told_of(call, node.text("mdtrt_id", need=True), node.text("psn_no", need=True), cares=OUTPATIENT)
        med_type = node.text("med_type", need=True, most=10)
        main = (node.text("dise_codg", most=30), node.text("dise_name", most=60))
        diagnoses = diagnoses_of(root, main)
    care = care_of(call, med_type)
    if queries.is_settled(told.visit):
        if (care, diagnoses) != (told.visit.care, told.visit.diagnoses):
            raise SettledStays(mdtrt_id=told.mdtrt, what_zh="医疗类别和诊断", what_en="kind of care and diagnoses")
        return
    if care not in OUTPATIENT:
        raise CareUnknown(med_type=med_type)
    told_too = {"med_type": med_type}
    change(told, told_too=told_too, care=care, diagnoses=diagnoses, acting_user=call.machine)
