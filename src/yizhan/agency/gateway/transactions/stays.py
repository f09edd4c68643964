"""2401–2405: admission, discharge, changes, and taking them back."""

from __future__ import annotations

from typing import Any

from yizhan.agency.care import actions, queries
from yizhan.agency.care.models import Visit
from yizhan.agency.gateway import codes
from yizhan.agency.gateway.actions import change as keep_change
from yizhan.agency.gateway.envelope import Node
from yizhan.agency.gateway.errors import CareUnknown, SettledStays
from yizhan.agency.gateway.finding import person_of, refuse_unknown, told_of
from yizhan.agency.gateway.models import Told
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.staff.rights import Right

STAYS = ("inpatient", "birth")
"""Kinds of care that lie between an admission and a discharge."""


def care_of(call: Call, med_type: str) -> str:
    """Our kind of care for a med_type, by its beginning. Raises CareUnknown."""
    found = codes.by_prefix(call.institution.area_path, "care", med_type, call.today)
    if not found:
        raise CareUnknown(med_type=med_type)
    return found


def diagnoses_of(root: Node, main: tuple[str, str] = ("", "")) -> list[str]:
    """Code and name, the main one first; none twice."""
    rows = []
    for node in root.nodes("diseinfo"):
        code, name = node.text("diag_code", most=20), node.text("diag_name", most=75)
        first = node.text("maindiag_flag", most=3) != "1"
        rows.append((first, node.text("diag_srt_no", most=5).zfill(5), f"{code} {name}".strip()))
    ordered = [f"{main[0]} {main[1]}".strip(), *(text for *_, text in sorted(rows))]
    return list(dict.fromkeys(text[:100] for text in ordered if text))


def register(
    call: Call, *, number: str, med_type: str, told: dict[str, Any], insutype: str, cert_type: str, cert_no: str, psn_no: str,
    **visit: Any,
) -> Visit:  # fmt: skip
    """Register a visit and what the interface alone speaks of. A number that was cancelled may be used again."""
    person = person_of(call, psn_no)
    refuse_unknown(call, person, cert_no)
    care = care_of(call, med_type)
    used = Visit.objects.filter(institution=call.institution, number__startswith=number)
    before = [v for v in used.values_list("number", "state") if v[0] == number or v[0].startswith(f"{number}#")]
    # The number stays with the visit that was cancelled: the new one has a mark behind it.
    ours = f"{number}#{len(before) + 1}" if before and all(state == "cancelled" for _, state in before) else number
    row = actions.register_visit(
        person, institution=call.institution, number=ours, care=care, source="gateway", acting_user=call.machine,
        **visit,
    )  # fmt: skip
    Told.objects.create(
        visit=row, institution=call.institution, area_path=call.institution.area_path, mdtrt=row.pk, number=number,
        insutype=insutype, med_type=med_type, cert_type=cert_type, more=told,
    )  # fmt: skip
    call.visit_id = row.pk
    return row


@transaction("2401", "入院办理", "admission", Right.VISIT_EDIT)
def admit(call: Call) -> Any:
    """Register a stay."""
    with call.reading() as root:
        node = root.node("mdtrtinfo")
        psn_no, number = node.text("psn_no", need=True, most=30), node.text("ipt_no", need=True, most=30)
        begins, med_type = node.day("begntime", need=True), node.text("med_type", need=True, most=10)
        main = (node.text("dscg_maindiag_code", most=20), node.text("dscg_maindiag_name", most=75))
        diagnoses = diagnoses_of(root, main)
        said = {
            "insutype": node.text("insutype", most=6), "cert_type": node.text("mdtrt_cert_type", most=3),
            "cert_no": node.text("mdtrt_cert_no"),
            "department": node.text("adm_dept_name", most=60), "doctor": node.text("chfpdr_name", most=60),
            "bed": node.text("adm_bed", most=20),
        }  # fmt: skip
        more = {name: node.text(name, most=100) for name in ("atddr_no", "medrcdno", "adm_dept_codg")}
    assert begins is not None
    row = register(
        call, psn_no=psn_no, number=number, med_type=med_type, told={k: v for k, v in more.items() if v},
        admitted_on=begins, diagnoses=diagnoses, **said,
    )  # fmt: skip
    return {"result": {"mdtrt_id": str(row.pk)}}


@transaction("2402", "出院办理", "discharge", Right.VISIT_EDIT)
def discharge(call: Call) -> Any:
    """End a stay. Of one that was settled first, as some provinces do it, only the way of leaving is noted."""
    with call.reading() as root:
        node = root.node("dscginfo")
        told = told_of(call, node.text("mdtrt_id", need=True), node.text("psn_no", need=True), cares=STAYS)
        ends = node.day("endtime", need=True)
        diagnoses = diagnoses_of(root)
        changes: dict[str, Any] = {"discharged_on": ends}
        left = {"dscg_dept_codg": node.text("dscg_dept_codg", most=30)}
        if department := node.text("dscg_dept_name", most=60):
            changes["department"] = department
            left |= {
                "dscg_dept_name": department,
                "adm_dept_name": told.more.get("adm_dept_name") or told.visit.department,
            }
        if bed := node.text("dscg_bed", most=20):
            changes["bed"] = bed
            left |= {"dscg_bed": bed, "adm_bed": told.more.get("adm_bed") or told.visit.bed}
        way, died = node.text("dscg_way", most=3), node.day("die_date")
    if diagnoses:
        changes["diagnoses"] = diagnoses
    visit, stays = told.visit, {}
    if queries.is_settled(visit):
        if visit.discharged_on != ends or (diagnoses and diagnoses != visit.diagnoses):
            raise SettledStays(mdtrt_id=told.mdtrt, what_zh="出院日期和诊断", what_en="day of discharge and diagnoses")
        changes, stays = {}, {"discharged_on": ends}
    more = {"dscg_way": way, "die_date": died.isoformat() if died else "", **left}
    told_too = {"more": {**told.more, **{name: value for name, value in more.items() if value}}}
    keep_change(told, told_too=told_too, stays=stays, acting_user=call.machine, **changes)
    return None


@transaction("2403", "住院信息变更", "change of a stay", Right.VISIT_EDIT)
def change(call: Call) -> Any:
    """Change what was said at the admission."""
    with call.reading() as root:
        node = root.node("adminfo") if root.mapping.get("adminfo") else root.node("mdtrtinfo")
        told = told_of(call, node.text("mdtrt_id", need=True), node.text("psn_no", need=True), cares=STAYS)
        main = (node.text("dscg_maindiag_code", most=20), node.text("dscg_maindiag_name", most=75))
        changes: dict[str, Any] = {
            "admitted_on": node.day("begntime"), "discharged_on": node.day("endtime"),
            "department": node.text("adm_dept_name", most=60), "doctor": node.text("chfpdr_name", most=60),
            "bed": node.text("adm_bed", most=20), "diagnoses": diagnoses_of(root, main),
        }  # fmt: skip
        med_type = node.text("med_type", most=10)
    told_too = {}
    if med_type and med_type != told.med_type:
        changes["care"], told_too = care_of(call, med_type), {"med_type": med_type}
        if changes["care"] not in STAYS:
            raise CareUnknown(med_type=med_type)
    keep_change(told, told_too=told_too, acting_user=call.machine, **{k: v for k, v in changes.items() if v})
    return None


@transaction("2404", "入院撤销", "cancel an admission", Right.VISIT_EDIT)
def cancel(call: Call) -> Any:
    """Cancel a stay that is not settled."""
    told = _of_data(call)
    actions.cancel_visit(told.visit_id, why="医院接口入院撤销（2404）", acting_user=call.machine)
    return None


@transaction("2405", "出院撤销", "cancel a discharge", Right.VISIT_EDIT)
def cancel_discharge(call: Call) -> Any:
    """The patient is in the hospital again."""
    told = _of_data(call)
    keep_change(told, discharged_on=None, acting_user=call.machine)
    return None


def _of_data(call: Call) -> Told:
    with call.reading() as root:
        node = root.node("data")
        return told_of(call, node.text("mdtrt_id", need=True), node.text("psn_no", need=True), cares=STAYS)
