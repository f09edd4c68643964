"""5201–5206, 5301–5304: what is on record. Of visits and settlements an institution is told its own only.

Certificate numbers are masked: who asks has a person's number already, and needs no other. Only the year's sums of 5206 go
beyond the institution, as sums do, and only of persons whom it treats; and registrations and family-doctor contracts, which
count wherever somebody is treated, of persons whose certificate it showed to have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from yizhan.agency import crypto
from yizhan.agency.care.models import BillLine, Settlement
from yizhan.agency.enrolment.beneficiaries import pooling_area
from yizhan.agency.filings.models import Filing
from yizhan.agency.gateway import codes
from yizhan.agency.gateway.envelope import Node, input_of, yuan
from yizhan.agency.gateway.errors import FieldWrong, NeverHere
from yizhan.agency.gateway.finding import number, person_of, refuse_unknown, settlement_of, told_of
from yizhan.agency.gateway.models import Caller, Line, Message, Told
from yizhan.agency.gateway.queries import content_of
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.gateway.transactions.catalogues import LIST_TYPES, SERVICE
from yizhan.agency.gateway.transactions.fees import split_of
from yizhan.agency.gateway.transactions.persons import person_type
from yizhan.agency.gateway.transactions.settlements import amounts, setlinfo
from yizhan.agency.gateway.transactions.stays import STAYS
from yizhan.agency.people.identifiers import mask_identifier
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.people.sealing import ID_NUMBER
from yizhan.agency.providers.models import Item
from yizhan.agency.providers.queries import all_in_force
from yizhan.agency.staff.rights import Right
from yizhan.engine.money import parse_yuan
from yizhan.errors import Problems

MOST = 1_000
"""Rows of an answer."""

IN_HOUSE, LEFT = "1", "0"
"""inhosp_stas."""


def _period(node: Node, *, need: bool = True) -> tuple[date, date]:
    """The days that a query is about: until the end of time where none is said."""
    first, last = node.day("begntime", need=need), node.until("endtime")
    if first and last and last < first:
        node.problems.append(
            FieldWrong(field="data.endtime", value=last, form_zh="不早于 begntime", form_en="no day before begntime")
        )
    return first or date.min, last or date.max


def _visits(call: Call, person: Person, first: date, last: date) -> list[Told]:
    """The institution's visits of a person that touch these days, as told over the interface; the latest first."""
    rows = Told.objects.filter(institution_id=call.machine.institution_id).select_related("visit__person")
    rows = rows.filter(Q(visit__person=person) | Q(visit__person__merged_into=person)).exclude(visit__state="cancelled")
    rows = rows.filter(Q(visit__discharged_on=None) | Q(visit__discharged_on__gte=first), visit__admitted_on__lte=last)
    found = list(rows.order_by("-visit_id")[: MOST + 1])
    _warn_of_more(call, found)
    return found[:MOST]


def _warn_of_more(call: Call, found: list[Any]) -> None:
    if len(found) > MOST:
        call.warnings.append(f"只列出前 {MOST} 条，请缩短时间")


def _masked(person: Person) -> str:
    return mask_identifier(crypto.unseal(person.id_sealed, purpose=ID_NUMBER))


def _about(call: Call, person: Person) -> dict[str, Any]:
    return {
        "psn_no": person.number, "psn_cert_type": call.code("cert_type", person.id_kind, "99"), "certno": _masked(person),
        "psn_name": person.name, "gend": call.code("sex", person.sex, "9"), "naty": None,
        "brdy": person.born_on.isoformat(), "age": person.age_on(call.today),
    }  # fmt: skip


def _all_shown(call: Call, found: Sequence[Told], person: Person) -> list[dict[str, Any]]:
    """Visits, as 5201 and 5303 tell them."""
    poor = list(IdentityMark.objects.known().filter(person=person).values_list("valid", flat=True))
    return [_shown(call, told, person, poor) for told in found]


def _shown(call: Call, told: Told, person: Person, poor: Sequence[Any]) -> dict[str, Any]:
    visit = told.visit
    ends = visit.discharged_on
    main, _, named = (visit.diagnoses[0] if visit.diagnoses else "").partition(" ")
    return {
        "mdtrt_id": str(told.mdtrt), **_about(call, person), "insutype": told.insutype,
        "psn_type": person_type(call, person, "resident"), "cvlserv_flag": "0",
        "begntime": f"{visit.admitted_on} 00:00:00",
        "endtime": f"{visit.discharged_on} 00:00:00" if visit.discharged_on else None,
        "mdtrt_cert_type": told.cert_type or None, "med_type": told.med_type, "ipt_otp_no": told.number,
        "medrcdno": told.more.get("medrcdno"), "atddr_no": told.more.get("atddr_no"), "chfpdr_name": visit.doctor or None,
        "adm_dept_codg": told.more.get("adm_dept_codg"),
        "adm_dept_name": told.more.get("adm_dept_name") or visit.department or None,
        "adm_bed": told.more.get("adm_bed") or visit.bed or None, "dscg_dept_codg": told.more.get("dscg_dept_codg"),
        "dscg_dept_name": told.more.get("dscg_dept_name"), "dscg_bed": told.more.get("dscg_bed"), "dscg_maindiag_code": main or None, "dscg_maindiag_name": named or None,
        "dscg_way": told.more.get("dscg_way"), "die_date": told.more.get("die_date"),
        "inhosp_stas": IN_HOUSE if visit.state == "admitted" else LEFT, "insu_optins": codes.division(person.area_path),
        "maf_psn_flag": "1" if any(visit.admitted_on in period for period in poor) else "0",
        "ars_year_ipt_flag": "1" if ends and ends.year != visit.admitted_on.year else "0",
        "ipt_days": (ends - visit.admitted_on).days if ends and visit.care in STAYS else None,
        "otp_diag_info": "；".join(visit.diagnoses)[:200] if visit.care not in STAYS and visit.diagnoses else None,
    }  # fmt: skip


@transaction("5201", "就诊信息查询", "visits", Right.VISIT_SEE)
def visits(call: Call) -> Any:
    """The institution's visits of a person."""
    with call.reading() as root:
        node = root.node("data")
        psn_no, (first, last) = node.text("psn_no", need=True, most=30), _period(node)
        med_type, mdtrt_id = node.text("med_type", most=10), node.text("mdtrt_id", most=30)
    person = person_of(call, psn_no)
    found = [
        one
        for one in _visits(call, person, first, last)
        if (not med_type or one.med_type == med_type) and (not mdtrt_id or one.mdtrt == number(mdtrt_id))
    ]
    return {"mdtrtinfo": _all_shown(call, found, person)}


@transaction("5303", "在院信息查询", "patients in the house", Right.VISIT_SEE)
def in_house(call: Call) -> Any:
    """The institution's stays of a person that have not ended."""
    with call.reading() as root:
        node = root.node("data")
        psn_no, (first, last) = node.text("psn_no", need=True, most=30), _period(node, need=False)
    person = person_of(call, psn_no)
    found = [
        one for one in _visits(call, person, first, last) if one.visit.state == "admitted" and one.visit.care in STAYS
    ]
    return {"data": _all_shown(call, found, person)}


@transaction("5202", "诊断信息查询", "diagnoses", Right.VISIT_SEE)
def diagnoses(call: Call) -> Any:
    """The diagnoses of a visit, the main one first."""
    with call.reading() as root:
        node = root.node("data")
        told = told_of(call, node.text("mdtrt_id", need=True, most=30), node.text("psn_no", need=True, most=30))
    rows = []
    for place, text in enumerate(told.visit.diagnoses, 1):
        code, _, name = text.partition(" ")
        rows.append(
            {
                "diag_info_id": f"{told.visit_id}-{place}", "mdtrt_id": str(told.mdtrt), "psn_no": told.visit.person.number,
                "inout_diag_type": "2" if told.visit.discharged_on else "1", "diag_type": "1",
                "maindiag_flag": "1" if place == 1 else "0", "diag_srt_no": place, "diag_code": code, "diag_name": name or code,
                "diag_dept": told.visit.department or None, "dise_dor_no": told.more.get("atddr_no"),
                "dise_dor_name": told.visit.doctor or None,
            }
        )  # fmt: skip
    return {"diseinfo": rows}


# --- Settlements ------------------------------------------------------------------------------------------------------


@transaction("5203", "结算信息查询", "a settlement", Right.SETTLEMENT_SEE)
def settlement(call: Call) -> Any:
    """A settlement as it holds now; one that was taken back, as it held, with refd_setl_flag 1."""
    with call.reading() as root:
        node = root.node("data")
        row, told = settlement_of(
            call, node.text("setl_id", need=True, most=30), node.text("mdtrt_id", need=True, most=30),
            node.text("psn_no", need=True, most=30),
        )  # fmt: skip
    # Of this settling: the visit may have been settled anew since, under another number.
    last = Settlement.objects.filter(ordinal=row.ordinal).select_related("replaces", "person").latest("pk")
    shown = last.replaces if last.kind == "reversed" and last.replaces else last
    found = amounts(call, shown.result)
    told.visit = row.visit
    main, _, named = (row.visit.diagnoses[0] if row.visit.diagnoses else "").partition(" ")
    info = setlinfo(call, told, row.person, shown.beneficiary, found, shown)
    info |= {
        "setl_id": str(row.pk), "certno": _masked(row.person), "setl_time": _moment(row.recorded_at), "pay_loc": "2",
        "fixmedins_code": call.institution.code, "fixmedins_name": call.institution.name,
        "hosp_lv": call.code("hosp_lv", call.institution.level), "begndate": shown.admitted_on.isoformat(),
        "enddate": shown.discharged_on.isoformat(), "insu_optins": codes.division(row.person.area_path),
        "fixmedins_poolarea": pooling_area(call.institution.area_path), **_said_with(call, shown),
        "lmtpric_hosp_lv": call.code("hosp_lv", call.institution.level),
        "dedc_hosp_lv": call.code("hosp_lv", call.institution.level), "dise_codg": main or None, "dise_name": named or None,
        "psn_pay": info["psn_part_amt"], "cash_payamt": info["psn_cash_pay"],
        "refd_setl_flag": "1" if last.kind == "reversed" else "0", "year": str(shown.years[-1]),
    }  # fmt: skip
    return {"setlinfo": info, "setldetail": found.detail()}


def _said_with(call: Call, row: Settlement) -> dict[str, Any]:
    """Who settled, when, and the invoice that the message named; of a row that no message wrote, only when."""
    message = Message.objects.filter(institution=call.institution, msgid=row.message_id, taken=True).first()
    known: dict[str, Any] = {"opter_id": None, "opter_name": None, "invono": None, "opt_time": _moment(row.recorded_at)}
    if message is not None:
        said = input_of(_content(call, message), []).node("data")
        known |= {"opter_id": message.operator or None, "opter_name": message.operator_name or None}
        known["invono"] = said.text("invono", most=50) or None
    return known


def _content(call: Call, message: Message) -> Any:
    return content_of(message, Caller.objects.filter(institution=call.institution).first())


def _moment(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}"


@transaction("5204", "费用明细查询", "lines", Right.VISIT_SEE)
def lines(call: Call) -> Any:
    """The lines of a settlement, or of all parts of a visit, with their split."""
    with call.reading() as root:
        node = root.node("data")
        psn_no, mdtrt_id = node.text("psn_no", need=True, most=30), node.text("mdtrt_id", need=True, most=30)
        setl_id = node.text("setl_id", most=30)
    if setl_id:
        parts = [settlement_of(call, setl_id, mdtrt_id, psn_no)[1]]
    else:
        told = told_of(call, mdtrt_id, psn_no)
        parts = list(Told.objects.filter(institution_id=call.machine.institution_id, mdtrt=told.mdtrt))
    return _lines(call, parts, setl_id)


ECHOED = (
    "fee_ocur_time", "rx_drord_no", "sin_dos_dscr", "used_frqu_dscr", "prd_days", "medc_way_dscr", "bilg_dept_codg",
    "bilg_dept_name", "bilg_dr_codg", "bilg_dr_name", "acord_dept_codg", "acord_dept_name", "orders_dr_code", "orders_dr_name",
    "hosp_appr_flag", "tcmdrug_used_way", "etip_flag", "etip_hosp_code", "dscg_tkdrug_flag", "matn_fee_flag",
)  # fmt: skip
"""What the hospital said of a line and the bill does not need: told back from the message that brought the line."""


def _lines(call: Call, parts: Iterable[Told], setl_id: str = "") -> list[dict[str, Any]]:
    about = {one.visit_id: one for one in parts}
    uploaded = {(row.visit_id, row.position): row for row in Line.objects.filter(visit__in=about)}
    rows = list(BillLine.objects.filter(visit__in=about).order_by("visit", "position"))
    versions = [version.pk for version in all_in_force(call.institution.area_path, call.today).values()]
    items = {
        item.code: item for item in Item.objects.filter(version__in=versions, code__in={r.national_code for r in rows})
    }
    said = _as_said(call, {row.message_id for row in uploaded.values()})
    found = []
    for row in rows:
        told, line, item = about[row.visit_id], uploaded.get((row.visit_id, row.position)), items.get(row.national_code)
        echoed = said.get((line.message_id, line.sn), {}) if line else {}
        found.append(
            {
                "mdtrt_id": str(told.mdtrt), "setl_id": setl_id or None, "med_type": told.med_type,
                **{name: echoed.get(name) or None for name in ECHOED},
                "fee_ocur_time": echoed.get("fee_ocur_time") or f"{row.on} 00:00:00",
                **split_of(line.sn if line else str(row.position), row), "hilist_code": row.national_code or None,
                "hilist_name": item.name if item else None, "spec": (item.spec or None) if item else None,
                "list_type": LIST_TYPES.get(row.category, SERVICE), "med_list_codg": row.national_code or None,
                "medins_list_codg": row.code, "medins_list_name": row.name,
            }
        )  # fmt: skip
    return found


def _as_said(call: Call, messages: Collection[int]) -> dict[tuple[int, str], dict[str, str]]:
    """(message, number of a line) → what the message said of it."""
    found = {}
    for message in Message.objects.filter(institution=call.institution, pk__in=messages):
        root = input_of(_content(call, message), [])
        for node in (*root.nodes("feedetail"), *root.nodes("drugdetail")):
            found[message.pk, node.text("feedetl_sn", most=30)] = {name: node.text(name, most=200) for name in ECHOED}
    return found


@transaction("5205", "人员慢特病用药记录查询", "lines of chronic care", Right.VISIT_SEE)
def chronic_lines(call: Call) -> Any:
    """The institution's lines of a person's chronic care."""
    with call.reading() as root:
        node = root.node("data")
        psn_no, (first, last) = node.text("psn_no", need=True, most=30), _period(node)
    person = person_of(call, psn_no)
    parts = [one for one in _visits(call, person, first, last) if one.visit.care == "chronic"]
    here = {"fixmedins_code": call.institution.code, "fixmedins_name": call.institution.name, "psn_no": person.number}
    return {"feedetail": [line | here for line in _lines(call, parts)]}


# --- The year ---------------------------------------------------------------------------------------------------------


@transaction("5206", "人员累计信息查询", "the year's sums", Right.SETTLEMENT_SEE, alone=True)
def accumulated(call: Call) -> Any:
    """Sums of a person's year over all institutions, in the codes that one province's clients read. Raises NeverHere.

    Who treats somebody may know how far the year has come; of anybody else nothing is told.
    """
    with call.reading() as root:
        node = root.node("data")
        psn_no, said = node.text("psn_no", need=True, most=30), node.text("cum_ym", most=6) or str(call.today.year)
        if not (said.isascii() and said.isdecimal() and len(said) in (4, 6)):
            node.problems.append(
                FieldWrong(field="data.cum_ym", value=said, form_zh="yyyy 或 yyyyMM", form_en="yyyy or yyyyMM")
            )
    person, year = person_of(call, psn_no), int(said[:4])
    here = _visits(call, person, date(max(1, year), 1, 1), date(max(1, year), 12, 31))
    if not here:
        raise Problems([NeverHere(psn_no=psn_no)])
    rows = Settlement.objects.live().filter(Q(person=person) | Q(person__merged_into=person), years__contains=[year])
    if len(said) == 6:
        rows = rows.filter(settled_on__month=int(said[4:]), settled_on__year=year)
    sums: dict[str, int] = {"C0000": 0, "F0000": 0, "Q0000": 0}
    scheme = here[0].insutype
    for row in rows.order_by("settled_on", "ordinal"):
        scheme = call.code("insutype", row.beneficiary.get("insurance", "")) or scheme
        # A bill of two years is counted in its last; what was paid of it, in the year of each payment.
        if row.years[-1] == year:
            sums["C0000"] += 100
            sums["F0000"] += row.total_fen
        for payment in row.result["payments"]:
            if payment["year"] == year:
                sums["Q0000"] += (
                    parse_yuan(payment["deductible"]) if payment["code"].startswith(("3901", "3101")) else 0
                )
                if payment["code"]:
                    code = f"D{payment['code']}"
                    sums[code] = sums.get(code, 0) + parse_yuan(payment["amount"])
    return {
        "cuminfo": [
            {"insutype": scheme or None, "year": str(year), "cum_ym": said, "cum_type_code": code, "cum": yuan(fen)}
            for code, fen in sums.items()
        ]
    }


# --- Filings ----------------------------------------------------------------------------------------------------------


def _filings(person: Person, kinds: tuple[str, ...], on: date) -> QuerySet[Filing]:
    """Filings of a person that hold on a day or later, of those that row security shows."""
    rows = Filing.objects.filter(Q(person=person) | Q(person__merged_into=person), kind__in=kinds)
    rows = rows.filter(Q(valid__endswith__gt=on) | Q(valid__upper_inf=True), state__in=("approved", "ended"))
    return rows.select_related("to_institution", "institution").order_by("valid", "id")


def _of_all(call: Call, kinds: tuple[str, ...]) -> tuple[Person, list[Filing]]:
    """The person who is asked about, and such filings, whoever made them."""
    person, _ = _asked(call)
    refuse_unknown(call, person)
    return person, list(_filings(person, kinds, call.today)[:MOST])


def _asked(call: Call) -> tuple[Person, Node]:
    with call.reading() as root:
        node = root.node("data")
        psn_no = node.text("psn_no", need=True, most=30)
    return person_of(call, psn_no), node


def _days(row: Filing) -> dict[str, Any]:
    return {
        "begndate": row.valid.lower.isoformat(),
        "enddate": (row.valid.upper - timedelta(days=1)).isoformat() if row.valid.upper else None,
    }


@transaction("5301", "人员慢特病备案查询", "registrations of chronic diseases", Right.FILING_SEE, alone=True)
def registrations(call: Call) -> Any:
    """Registrations that the bureau decided: they count wherever the person is treated, so all are told; who made one is not."""
    rows = []
    for row in _of_all(call, ("chronic", "special"))[1]:
        code = next((text.partition(" ")[0] for text in row.diagnoses if text.endswith(f" {row.disease}")), None)
        rows.append({"opsp_dise_code": code, "opsp_dise_name": row.disease, **_days(row)})
    return {"feedetail": rows}


@transaction("5302", "人员定点信息查询", "a person's institutions", Right.FILING_SEE, alone=True)
def chosen_institutions(call: Call) -> Any:
    """The institutions that somebody chose, then those of family-doctor contracts: the memo tells which."""
    person, found = _of_all(call, ("choice", "family_doctor"))
    found.sort(key=lambda row: row.kind)
    rows = [(row, row.to_institution or row.institution) for row in found]
    return {
        "psnfixmedin": [
            {
                "psn_no": person.number, "insutype": None, "fix_srt_no": str(place), "fixmedins_code": there.code if there else None,
                "fixmedins_name": there.name if there else None, **_days(row), "memo": row.kind_words.zh,
            }
            for place, (row, there) in enumerate(rows, 1)
        ]
    }  # fmt: skip


@transaction("5304", "转院信息查询", "referrals", Right.FILING_SEE)
def referrals(call: Call) -> Any:
    """Referrals from here or to here, whoever asked for them; one between others counts on no bill of here."""
    person, _ = _asked(call)
    return {
        "refmedin": [
            {
                "trt_dcla_detl_sn": row.number, "psn_no": person.number, "psn_name": person.name, **_days(row),
                "fixmedins_code": row.institution.code if row.institution else None,
                "fixmedins_name": row.institution.name if row.institution else None,
                "reflin_medins_no": row.to_institution.code if row.to_institution else None,
                "reflin_medins_name": row.to_institution.name if row.to_institution else None,
                "refl_date": row.valid.lower.isoformat(), "refl_rea": row.why, "hosp_agre_refl_flag": "1",
            }
            for row in _filings(person, ("referral",), call.today)[:MOST]
        ]
    }  # fmt: skip
