"""Referrals and registrations over the interface: asked for by the hospital's system, decided by the bureau."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.utils import timezone

from tests.agency.caring import BORN, patient, ready
from tests.agency.filing import city_hospital
from tests.agency.gateway_calling import Hospital, connected, golden
from tests.agency.world import World
from yizhan.agency.filings.actions import filing as actions
from yizhan.agency.filings.models import Filing, FilingStep
from yizhan.agency.gateway.actions import grant
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.people.models import Person
from yizhan.agency.staff.scope import System, acting


@pytest.fixture
def his(world: World) -> Hospital:
    ready(world.yuhu.hospital, world.yuhu.area)
    return connected(world.yuhu)


def known(his: Hospital, world: World) -> Person:
    """A patient whom the hospital looked up."""
    person = patient(world)
    his.knows(person)
    return person


def referral(person: Person, to: str, **more: Any) -> dict[str, Any]:
    today = timezone.localdate()
    return {
        "refmedin": {
            "psn_no": person.number, "insutype": "390", "tel": "", "addr": "", "insu_optins": "430302", "diag_code": "C16.9",
            "diag_name": "胃癌", "dise_cond_dscr": "", "reflin_medins_no": to, "reflin_medins_name": "上级医院",
            "mdtrtarea_admdvs": "430300", "hosp_agre_refl_flag": "1", "refl_type": "1", "refl_date": str(today),
            "refl_rea": "病情需要", "refl_opnn": "同意转院", "begndate": str(today), "enddate": "", **more,
        }
    }  # fmt: skip


def chronic(person: Person, **more: Any) -> dict[str, Any]:
    today = timezone.localdate()
    return {
        "data": {
            "psn_no": person.number, "insutype": "390", "opsp_dise_code": "M01600", "opsp_dise_name": "糖尿病", "tel": "",
            "addr": "", "insu_optins": "430302", "ide_fixmedins_no": "H43030201", "ide_fixmedins_name": "雨湖区人民医院",
            "hosp_ide_date": str(today), "diag_dr_codg": "D1", "diag_dr_name": "医生甲", "begndate": str(today), "enddate": "",
            **more,
        }
    }  # fmt: skip


def stored(number: str) -> Filing:
    with acting(System("tests")):
        return Filing.objects.select_related("person", "to_institution", "opinion_of").get(number=number)


def test_a_referral_is_asked_for_and_decided_by_the_bureau(world: World, his: Hospital) -> None:
    person, to = known(his, world), city_hospital(world)
    answer = his.call("2501", referral(person, to.code))
    golden("2501", his, answer)
    row = stored(answer["output"]["result"]["trt_dcla_detl_sn"])
    assert (row.state, row.made_by_id, row.institution_id, row.to_institution) == (
        "decision",
        None,
        world.yuhu.hospital.pk,
        to,
    )
    with acting(System("tests")):
        assert FilingStep.objects.get(filing=row).officer is None
    page = world.client(world.yuhu.officer).get(f"/filings/{row.pk}")
    assert page.status_code == 200 and "医院系统" in page.content.decode()
    assert actions.decide(row, decision="approve", acting_user=world.yuhu.reviewer).state == "approved"
    # Once it is decided, only the bureau may end it.
    answer = his.call("2502", {"data": {"trt_dcla_detl_sn": row.number, "psn_no": person.number, "memo": "病人不去了"}})
    golden("2502-decided", his, answer)
    assert answer["infcode"] == -1 and stored(row.number).state == "approved"


def test_what_waits_is_taken_back_by_who_made_it(world: World, his: Hospital) -> None:
    person, to = known(his, world), city_hospital(world)
    number = his.ask("2501A", referral(person, to.code, refl_old_mdtrt_id="123", enddate="9999-12-31"))["result"][
        "trt_dcla_detl_sn"
    ]
    assert stored(number).from_stay and stored(number).valid.upper is None
    back = {"data": {"trt_dcla_detl_sn": number, "psn_no": person.number, "memo": "病人不去了"}}
    # A registration's number is not for it, nor is another institution.
    assert his.refused("2504", back) == "filing_not_found"
    grant(world.yuhu.clinic, profile="none", acting_user=System("tests"))
    assert Hospital(world.yuhu.clinic).refused("2502", back) == "filing_not_found"
    golden("2502", his, his.call("2502", back))
    assert stored(number).state == "withdrawn"


def test_a_referral_is_not_reversed_silently(world: World, his: Hospital) -> None:
    """A reversal that left the referral would be believed."""
    person = known(his, world)
    message = his.envelope("2501", referral(person, city_hospital(world).code))
    number = his.send(message)["output"]["result"]["trt_dcla_detl_sn"]
    reversal = {"data": {"psn_no": person.number, "omsgid": message["msgid"], "oinfno": "2501"}}
    golden("2601-referral", his, his.call("2601", reversal))
    assert his.refused("2601", reversal) == "cannot_reverse"
    assert his.send(message)["output"]["result"]["trt_dcla_detl_sn"] == number
    assert stored(number).state == "decision"


def test_what_is_wrong_with_a_referral_is_refused_together(world: World, his: Hospital) -> None:
    person = known(his, world)
    answer = his.call("2501", referral(person, "H00000000"))
    golden("2501-unknown-hospital", his, answer)
    assert answer["err_msg"].endswith("[institution_not_found]")
    wrong = referral(person, city_hospital(world).code, hosp_agre_refl_flag="0", refl_date="", diag_code="")
    golden("2501-wrong", his, his.call("2501", wrong))
    ends = referral(person, city_hospital(world).code, enddate="2020-01-01")
    assert his.refused("2501", ends) == "filing_incomplete"


def test_a_township_asks_its_county_hospital_first(world: World, his: Hospital) -> None:
    grant(world.yuhu.clinic, profile="none", acting_user=System("tests"))
    clinic = Hospital(world.yuhu.clinic)
    number = clinic.ask("2501", referral(known(clinic, world), city_hospital(world).code))["result"]["trt_dcla_detl_sn"]
    row = stored(number)
    assert (row.state, row.opinion_of) == ("opinion", world.yuhu.hospital)


def test_a_chronic_disease_is_registered_once(world: World, his: Hospital) -> None:
    person = known(his, world)
    answer = his.call("2503", chronic(person))
    golden("2503", his, answer)
    number = answer["output"]["result"]["trt_dcla_detl_sn"]
    row = stored(number)
    assert (row.kind, row.disease, row.state) == ("chronic", "糖尿病", "decision")
    again = his.call("2503", chronic(person))
    assert again["err_msg"].endswith("[filing_registered]")
    golden("2503-twice", his, again | {"err_msg": again["err_msg"].replace(number, "<trt_dcla_detl_sn>")})
    golden(
        "2504", his, his.call("2504", {"data": {"trt_dcla_detl_sn": number, "psn_no": person.number, "memo": "填错"}})
    )
    assert stored(number).state == "withdrawn"


def test_a_choice_is_noted_decided_and_told(world: World, his: Hospital) -> None:
    person, today = patient(world), timezone.localdate()
    chosen = {
        "psn_no": person.number, "tel": "", "addr": "", "biz_appy_type": "1", "begndate": str(today), "enddate": "",
        "fix_srt_no": "1", "fixmedins_code": world.yuhu.hospital.code, "fixmedins_name": "雨湖区人民医院", "memo": "本人申请",
    }  # fmt: skip
    golden("2505-wrong", his, his.call("2505", {"data": chosen | {"fix_srt_no": "", "begndate": "明天"}}))
    assert his.refused("2505", {"data": chosen}) == "certificate_not_shown"
    his.knows(person)
    answer = his.call("2505", {"data": chosen})
    golden("2505", his, answer)
    number = answer["output"]["result"]["trt_dcla_detl_sn"]
    row = stored(number)
    assert (row.kind, row.state, row.to_institution) == ("choice", "decision", world.yuhu.hospital)
    assert row.why == "第 1 顺位，业务类型 1 本人申请"
    back = {"data": {"trt_dcla_detl_sn": number, "psn_no": person.number, "memo": "填错"}}
    assert his.refused("2504", back) == "filing_not_found"
    golden("2506", his, his.call("2506", back))
    assert stored(number).state == "withdrawn"


def test_an_injury_is_noted_with_when_where_and_how(world: World, his: Hospital) -> None:
    person = patient(world)
    hurt = {
        "psn_no": person.number, "psn_name": person.name, "psn_cert_type": "01", "certno": synthetic_id("430302", BORN, 1), "insutype": "390", "trum_time": "2026-02-27 08:30:00",
        "trum_site": "演示路工地", "trum_rea": "高处跌落", "adm_time": "2026-02-27 10:00:00", "begndate": "", "enddate": "", "memo": "",
    }  # fmt: skip
    answer = his.call("2507", {"data": hurt})
    golden("2507", his, answer)
    number = answer["output"]["result"]["trt_dcla_detl_sn"]
    row = stored(number)
    assert (row.kind, row.state, row.valid.lower) == ("injury", "decision", date(2026, 2, 27))
    assert row.why == "2026-02-27 演示路工地 高处跌落"
    assert his.refused("2507", {"data": hurt | {"trum_rea": ""}}) == "field_missing"
    assert actions.decide(row, decision="approve", acting_user=world.yuhu.reviewer).state == "approved"
    # Once it is decided, only the bureau may end it.
    assert his.refused("2506", {"data": {"trt_dcla_detl_sn": number, "psn_no": person.number}}) == "filing_not_its_turn"
