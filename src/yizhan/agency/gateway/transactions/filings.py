"""2501–2507: referrals, registrations, choices and injuries, made and taken back as people at the window do.

A filing counts once the bureau has decided it, or the county hospital first; the answer's `warn_msg` says who is next.
"""

from __future__ import annotations

from typing import Any

from yizhan.agency.filings.actions import filing as actions
from yizhan.agency.filings.drafting import first_state
from yizhan.agency.filings.models import Filing
from yizhan.agency.filings.queries import turn
from yizhan.agency.gateway import codes
from yizhan.agency.gateway.envelope import Node
from yizhan.agency.gateway.errors import FieldWrong, FilingUnknown, InstitutionUnknown
from yizhan.agency.gateway.finding import person_of, refuse_unknown
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.rights import Right

AGREED = "1"
"""hosp_agre_refl_flag: the hospital that sends the patient agrees."""


@transaction("2501", "转院备案", "referral", Right.FILING_MAKE, also=("2501A",))
def refer(call: Call) -> Any:
    """File a referral to one hospital. 2501A names the stay from which the patient comes: then the two are linked."""
    with call.reading() as root:
        node = root.node("refmedin")
        psn_no, to = node.text("psn_no", need=True, most=30), node.text("reflin_medins_no", need=True, most=30)
        agreed = node.text("hosp_agre_refl_flag", need=True, most=3)
        if agreed and agreed != AGREED:
            node.problems.append(
                FieldWrong(
                    field="refmedin.hosp_agre_refl_flag", value=agreed, form_zh="1（本院同意）", form_en="1 (the hospital agrees)"
                )
            )  # fmt: skip
        referred, begins = node.day("refl_date", need=True), node.day("begndate")
        ends = node.until("enddate")
        diagnosis = _named(node, "diag_code", "diag_name")
        said = [node.text(name, most=2000) for name in ("refl_rea", "refl_opnn", "dise_cond_dscr")]
        from_stay = bool(node.text("refl_old_mdtrt_id", most=30))
    row = actions.make(
        "referral", _known(call, psn_no), from_on=begins or referred or call.today, to_on=ends,
        to_institution=_institution(to), opinion_of=_opinion_of(call), diagnoses=[diagnosis] if diagnosis else [],
        from_stay=from_stay, why=_why(said), acting_user=call.machine,
    )  # fmt: skip
    return _made(call, row)


def _known(call: Call, psn_no: str, certificate: str = "") -> Person:
    person = person_of(call, psn_no)
    refuse_unknown(call, person, certificate)
    return person


def _opinion_of(call: Call) -> Institution | None:
    """The county hospital that is asked about a township's referral, if the county has just one: no field names it."""
    if first_state("referral", call.institution) != "opinion":
        return None
    county = "".join(f"{code}." for code in call.institution.area_path.split(".")[:4] if code)
    rows = Institution.objects.filter(tier="county", kind__in=("hospital", "tcm_hospital"), ended_on=None)
    found = list(rows.filter(area_path__startswith=county)[:2])
    return found[0] if len(found) == 1 else None


@transaction("2503", "人员慢特病备案", "registration of a chronic disease", Right.FILING_MAKE)
def register_disease(call: Call) -> Any:
    """Register a chronic or special disease, as the area's table has its code."""
    with call.reading() as root:
        node = root.node("data")
        psn_no, code = node.text("psn_no", need=True, most=30), node.text("opsp_dise_code", need=True, most=30)
        name = node.text("opsp_dise_name", need=True, most=100)
        begins, ends = node.day("begndate", need=True), node.until("enddate")
        said = [node.text(field, most=200) for field in ("ide_fixmedins_name", "hosp_ide_date", "diag_dr_name")]
    kind = codes.by_prefix(call.institution.area_path, "opsp_kind", code, call.today) or "chronic"
    row = actions.make(
        kind, _known(call, psn_no), from_on=begins or call.today, to_on=ends, disease=name, diagnoses=[f"{code} {name}"],
        why=_why(["鉴定", *said]), acting_user=call.machine,
    )  # fmt: skip
    return _made(call, row)


@transaction("2505", "人员定点备案", "choice of an institution", Right.FILING_MAKE)
def choose(call: Call) -> Any:
    """Note the institution that somebody chose, its place among several, and for which business."""
    with call.reading() as root:
        node = root.node("data")
        psn_no, to = node.text("psn_no", need=True, most=30), node.text("fixmedins_code", need=True, most=30)
        business, place = node.text("biz_appy_type", need=True, most=3), node.text("fix_srt_no", need=True, most=3)
        begins, ends = node.day("begndate", need=True), node.until("enddate")
        memo = node.text("memo", most=500)
    row = actions.make(
        "choice", _known(call, psn_no), from_on=begins or call.today, to_on=ends, to_institution=_institution(to),
        why=_why([f"第 {place} 顺位，业务类型 {business}", memo]), acting_user=call.machine,
    )  # fmt: skip
    return _made(call, row)


@transaction("2507", "人员意外伤害备案", "injury", Right.FILING_MAKE)
def tell_injury(call: Call) -> Any:
    """Note when, where and how somebody was hurt. It holds from that day, or from the one that is named."""
    with call.reading() as root:
        node = root.node("data")
        psn_no, certificate = node.text("psn_no", need=True, most=30), node.text("certno", most=600)
        how = node.text("trum_rea", need=True, most=500)
        hurt, begins, ends = node.day("trum_time", need=True), node.day("begndate"), node.until("enddate")
        said = [f"{hurt}" if hurt else "", node.text("trum_site", most=500), how, node.text("memo", most=500)]
    row = actions.make(
        "injury", _known(call, psn_no, certificate), from_on=begins or hurt or call.today, to_on=ends, why=_why(said),
        acting_user=call.machine,
    )  # fmt: skip
    return _made(call, row)


def _named(node: Node, code: str, name: str) -> str:
    return f"{node.text(code, need=True, most=20)} {node.text(name, need=True, most=75)}".strip()


def _why(said: list[str]) -> str:
    return " ".join(text for text in said if text)[:300]


def _institution(code: str) -> Institution:
    found = Institution.objects.filter(code=code, ended_on=None).first()
    if found is None:
        raise InstitutionUnknown(code=code)
    return found


def _made(call: Call, row: Filing) -> dict[str, Any]:
    call.person_id = row.person_id
    if next_one := turn(row):
        call.warnings.append(f"已提出（{row.shown_state.words.zh}），由{next_one.zh}办理后生效")
    if row.kind in ("choice", "injury"):
        call.warnings.append("备案留存，现行各地规定不看它，不改变报销")
    return {"result": {"trt_dcla_detl_sn": row.number}}


# --- Taking back ------------------------------------------------------------------------------------------------------


@transaction("2502", "转院备案撤销", "take a referral back", Right.FILING_MAKE)
def take_referral_back(call: Call) -> Any:
    """Withdraw a referral that is not decided yet. A decided one the bureau ends or revokes."""
    return _withdraw(call, ("referral",))


@transaction("2504", "人员慢特病备案撤销", "take a registration back", Right.FILING_MAKE)
def take_registration_back(call: Call) -> Any:
    """Withdraw a registration that is not decided yet."""
    return _withdraw(call, ("chronic", "special"))


@transaction("2506", "人员定点备案撤销", "take a choice back", Right.FILING_MAKE)
def take_choice_back(call: Call) -> Any:
    """Withdraw a choice that is not decided yet; an injury, too, since no number is meant for that."""
    return _withdraw(call, ("choice", "injury"))


def _withdraw(call: Call, kinds: tuple[str, ...]) -> Any:
    with call.reading() as root:
        node = root.node("data")
        number, psn_no = node.text("trt_dcla_detl_sn", need=True, most=30), node.text("psn_no", need=True, most=30)
        memo = node.text("memo", most=300)
    person = person_of(call, psn_no)
    rows = Filing.objects.filter(number=number, kind__in=kinds, institution_id=call.machine.institution_id)
    row = rows.filter(person_id__in=(person.pk, *person.merged.values_list("pk", flat=True))).first()
    if row is None:
        raise FilingUnknown(number=number)
    actions.withdraw(row, words=memo or f"医院接口撤销（{call.envelope.infno}）", acting_user=call.machine)
    return {"result": {"trt_dcla_detl_sn": row.number}}
