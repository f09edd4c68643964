"""2001, 1201: which funds would pay for somebody, and who the institutions of the province are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db.models import Q

from yizhan.agency.care.claims import claim_of
from yizhan.agency.care.models import Visit
from yizhan.agency.care.years import Asked, answer
from yizhan.agency.enrolment.beneficiaries import beneficiary_of, pooling_area
from yizhan.agency.filings.facts import facts_for
from yizhan.agency.gateway.finding import person_of, refuse_unknown
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.gateway.transactions.stays import care_of
from yizhan.agency.people.models import Person
from yizhan.agency.providers.queries import standing
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.rights import Right
from yizhan.engine.money import parse_yuan
from yizhan.errors import InputProblem, Problems
from yizhan.policy.areas import load_scheme

TRIAL = {"amounts": {"total": "1000000.00", "in_scope": "1000000.00"}}
"""The bill that is tried: large enough to pass every deductible. Only whether a fund pays is told, never how much."""

CHECKED_FUND = "01"
"""trt_chk_type: the funds' own check."""


@transaction("2001", "人员待遇享受检查", "entitlement check", Right.VISIT_SEE, alone=True)
def entitlement(call: Call) -> Any:
    """A row for each fund of the person's area: whether it would pay for such care here on that day, and why not."""
    with call.reading() as root:
        node = root.node("data")
        psn_no, med_type = node.text("psn_no", need=True, most=30), node.text("med_type", need=True, most=10)
        on = node.day("begntime", need=True) or call.today
        disease = f"{node.text('dise_codg', most=30)} {node.text('dise_name', most=60)}".strip()
    person, care = person_of(call, psn_no), care_of(call, med_type)
    refuse_unknown(call, person)
    scheme = load_scheme(pooling_area(person.area_path))
    paying, why = _paying(call, person, care, on, [disease] if disease else [])
    funds = {layer.code: layer.name for layer in scheme.layers if layer.code}
    return {
        "trtinfo": [
            {
                "psn_no": person.number,
                "trt_chk_type": CHECKED_FUND,
                "fund_pay_type": code,
                "trt_enjymnt_flag": "1" if code in paying else "0",
                "begndate": on.isoformat(),
                "enddate": None,
                "trt_chk_rslt": None if code in paying else (why or f"按参保地政策，“{name}”不支付这种就诊")[:500],
            }
            for code, name in funds.items()
        ]
    }


def _paying(call: Call, person: Person, care: str, on: date, diagnoses: list[str]) -> tuple[set[str], str]:
    """The codes of the funds that pay something of the trial bill; or none, and what is in the way of all."""
    stands = standing(call.institution.pk, on)
    if not stands.covers(care):
        return set(), stands.why_zh or "定点协议不含这类就诊"
    try:
        return _paid(_tried(call, person, care, on, diagnoses)), ""
    except Problems as refused:
        return set(), "；".join(problem.text("zh") for problem in refused.problems)
    except InputProblem as refused:
        return set(), refused.text("zh")


def _tried(call: Call, person: Person, care: str, on: date, diagnoses: list[str]) -> Mapping[str, Any]:
    area = pooling_area(person.area_path)
    visit = Visit(
        number="待遇检查", institution=call.institution, person=person, area_path=person.area_path, care=care, admitted_on=on,
        discharged_on=on, diagnoses=diagnoses, facts={}, amounts=TRIAL, source="gateway",
    )  # fmt: skip
    persons = [person.pk, *Person.objects.filter(merged_into=person).values_list("pk", flat=True)]
    filed = facts_for(
        persons, institution=call.institution, care=care, admitted_on=on, discharged_on=on, diagnoses=diagnoses, on=call.today
    )  # fmt: skip
    claim = claim_of(
        visit,
        institution=call.institution,
        sums=(),
        filed=filed.facts,
        on=max(on, call.today),
        scheme=load_scheme(area),
    )
    return answer(Asked(area, beneficiary_of(person, on=on), claim), {}).result


def _paid(result: Mapping[str, Any]) -> set[str]:
    return {payment["code"] for payment in result["payments"] if parse_yuan(payment["amount"]) > 0}


MOST_INSTITUTIONS = 100


@transaction("1201", "医药机构信息获取", "institutions", Right.PROVIDER_SEE)
def institutions(call: Call) -> Any:
    """Institutions of the province by code or a part of their name; at most a hundred."""
    with call.reading() as root:
        node = root.node("medinsinfo")
        code, name = node.text("fixmedins_code", most=30), node.text("fixmedins_name", most=100)
        kind = node.text("fixmedins_type", most=6)
        if not code and not name:
            node.text("fixmedins_name", need=True)
    province = "".join(f"{part}." for part in call.institution.area_path.split(".")[:2])
    rows = Institution.objects.filter(area_path__startswith=province)
    rows = rows.filter(Q(code=code) if code else Q(name__icontains=name))
    rows = rows.filter(Q(ended_on=None) | Q(ended_on__gt=call.today)).order_by("code")
    found = [row for row in rows if not kind or medins_type(call, row) == kind]
    if len(found) > MOST_INSTITUTIONS:
        call.warnings.append(f"共 {len(found)} 家，只列出前 {MOST_INSTITUTIONS} 家，请把名称写得更全")
    return {
        "medinsinfo": [
            {
                "fixmedins_code": row.code,
                "fixmedins_name": row.name,
                "uscc": None,
                "fixmedins_type": medins_type(call, row),
                "hosp_lv": call.code("hosp_lv", row.level),
            }
            for row in found[:MOST_INSTITUTIONS]
        ]
    }


def medins_type(call: Call, row: Institution) -> str:
    """fixmedins_type: pharmacies apart from all that treat."""
    return call.code("medins_type", row.kind, "1")
