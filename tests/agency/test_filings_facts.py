"""What filings tell about a bill, and what they change on one before they are decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.agency.caring import CODE, patient, ready, settled, stay
from tests.agency.enrolling import mark
from tests.agency.filing import DAY, PDF, approved, asked, city_hospital, clerk_of, today, township
from tests.agency.world import World
from yizhan.agency.care import actions as care
from yizhan.agency.care.settling import presettle
from yizhan.agency.filings import queries
from yizhan.agency.filings.actions import filing as actions
from yizhan.agency.filings.actions.evidence import add_evidence
from yizhan.agency.filings.actions.terms import set_term
from yizhan.agency.filings.effects import Effect, effect_of, sample_for
from yizhan.agency.filings.facts import Filed, Found, Stay, facts_for, is_of_disease, needs_referral, told
from yizhan.agency.filings.models import Filing
from yizhan.agency.people.merging import decide_merge, propose_merge, undo_merge
from yizhan.agency.people.models import Person
from yizhan.agency.providers.splitting import Charge
from yizhan.agency.staff.models import Institution, Officer
from yizhan.agency.staff.scope import System, acting

YUHU = "000000.430000.430300.430302."


@pytest.fixture
def person(world: World) -> Person:
    return patient(world)


def found(
    world: World,
    person: Person | Sequence[int],
    *,
    at: Institution | None = None,
    admitted: int = 0,
    length: int = 3,
    diagnoses: Sequence[str] = (),
    on: date | None = None,
    acting_user: Officer | None = None,
) -> Found:
    """What is on record about a stay that begins `admitted` days from today."""
    begins = today() + admitted * DAY
    persons = [person.pk] if isinstance(person, Person) else person
    with acting(acting_user or world.yuhu.officer, across_institutions=True):
        return facts_for(
            persons, institution=at or city_hospital(world), care="inpatient", admitted_on=begins,
            discharged_on=begins + length * DAY, diagnoses=diagnoses, on=on or begins + length * DAY,
        )  # fmt: skip


def referral(world: World, person: Person, **asked_of: Any) -> str:
    return found(world, person, **asked_of).facts["referral"]


# --- Referrals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "tier", "area", "needed"),
    [
        (YUHU + "430302100.", "township", "000000.150000.150400.150404.", False),
        (YUHU + "430302100.", "county", YUHU, False),
        (YUHU, "county", YUHU, False),
        (YUHU, "county", YUHU + "430302100.", False),
        (YUHU, "county", "000000.430000.430300.430321.", True),
        (YUHU, "county", "000000.430000.430300.4303021.", True),
        (YUHU, "municipal", YUHU, True),
        (YUHU, "provincial", "000000.430000.", True),
        ("000000.430000.430300.", "county", YUHU, True),
        ("000000.150000.150400.150404.", "township", "000000.150000.150400.150404.", False),
        ("000000.150000.150400.150404.", "county", "000000.150000.150400.150404.", True),
    ],
)  # fmt: skip
def test_which_institutions_need_a_referral(person: str, tier: str, area: str, needed: bool) -> None:
    where = Institution(pk=1, code="H", name="医院", level="level_2", tier=tier, area_path=area)
    assert needs_referral(person, where) is needed


def test_a_referral_counts_for_its_hospital_and_its_days(world: World, person: Person) -> None:
    assert referral(world, person) == "none"
    row = approved(world, person, from_on=today(), to_on=today() + 9 * DAY)
    assert referral(world, person) == "by_rule"
    assert referral(world, person, admitted=9) == "by_rule", "its last day, though the stay goes on beyond it"
    assert referral(world, person, admitted=10) == "none"
    assert referral(world, person, admitted=-1) == "none", "admitted the day before"
    other = Institution.objects.create(
        code="H43030009", name="湘潭市演示二院", level="level_3", tier="municipal", area=world.xiangtan.area,
        area_path=world.xiangtan.area.path,
    )  # fmt: skip
    assert referral(world, person, at=other) == "none"
    assert found(world, person).filings == (row.pk,)
    assert found(world, person, at=world.yuhu.hospital) == Found({"referral": "by_rule"}, ()), "none is needed there"


@pytest.mark.parametrize(
    "state", ["opinion", "decision", "returned", "rejected", "withdrawn", "revoked", "ended", "forged"]
)
def test_only_what_is_filed_counts(world: World, person: Person, state: str) -> None:
    row, clerk = township(world, person)
    if state != "opinion":
        actions.opine(row, opinion="agree", words="同意", acting_user=world.yuhu.window)
    decider = world.yuhu.officer
    if state in ("returned", "rejected"):
        decision = {"returned": "return", "rejected": "refuse"}[state]
        actions.decide(row, decision=decision, words="不行", acting_user=decider)
    if state == "withdrawn":
        actions.withdraw(row, words="不去了", acting_user=clerk)
    if state in ("revoked", "ended", "forged"):
        actions.decide(row, decision="approve", acting_user=decider)
        if state == "ended":
            actions.end(row, last=today(), words="已回", acting_user=decider)
        else:
            actions.revoke(row, forged=state == "forged", words="查实", acting_user=decider)
    assert referral(world, person) == {"ended": "by_rule", "forged": "forged"}.get(state, "none")
    assert referral(world, person, admitted=1) == ("forged" if state == "forged" else "none")


def test_a_forged_referral_stays_forged_whatever_is_filed_later(world: World, person: Person) -> None:
    row = approved(world, person, from_stay=True)
    actions.revoke(row, forged=True, words="公章伪造", acting_user=world.yuhu.officer)
    genuine = approved(world, person, from_stay=True)
    result = found(world, person)
    assert result.facts == {"referral": "forged"}
    assert row.pk in result.filings and genuine.pk not in result.filings


def test_a_patient_who_is_moved_comes_from_a_linked_stay(world: World, person: Person) -> None:
    approved(world, person)
    assert "linked" not in found(world, person).facts
    approved(world, person, from_stay=True)
    assert found(world, person).facts == {"referral": "by_rule", "linked": "yes"}


@pytest.mark.parametrize(
    ("place", "counts"), [("chifeng", True), ("songshan", True), ("inner_mongolia", True), ("yuhu", False)]
)
def test_who_lives_elsewhere_needs_no_referral_there(world: World, person: Person, place: str, counts: bool) -> None:
    where = getattr(world, place).area
    approved(world, person, "offsite", place=where, to_on=today() + DAY)
    assert (referral(world, person, at=world.songshan.hospital) == "by_rule") is counts
    assert referral(world, person) == "none"
    assert referral(world, person, at=world.songshan.hospital, admitted=2) == "none"


def test_a_place_with_a_longer_code_is_another_place(world: World, person: Person) -> None:
    approved(world, person, "offsite", place=world.songshan.area)
    near = Institution(
        pk=77,
        code="X",
        name="近处医院",
        level="level_3",
        tier="municipal",
        area_path=world.songshan.area.path[:-1] + "1.",
    )
    assert referral(world, person, at=near) == "none"


# --- Emergencies ------------------------------------------------------------------------------------------------------


def emergency(world: World, person: Person, *, days: int = 5) -> tuple[Filing, Officer]:
    set_term(
        world.yuhu.area, kind="emergency", from_on=date(2020, 1, 1), days_valid=None, days_evidence=days, document="暂定",
        acting_user=world.yuhu.officer,
    )  # fmt: skip
    clerk = clerk_of(city_hospital(world), "city.window")
    return asked(world, person, "emergency", by=clerk), clerk


def test_an_emergency_counts_until_its_evidence_is_late(world: World, person: Person) -> None:
    row, clerk = emergency(world, person)
    assert found(world, person, on=today() + 5 * DAY).facts["emergency"] == "yes"
    assert "emergency" not in found(world, person, on=today() + 6 * DAY).facts
    add_evidence(row, name="病历.pdf", content=PDF, on=today() + 5 * DAY, acting_user=clerk)
    assert found(world, person, on=today() + 90 * DAY).facts["emergency"] == "yes", "handed in, not yet decided"
    actions.decide(row, decision="return", words="看不清", acting_user=world.yuhu.officer)
    assert found(world, person, on=today() + 5 * DAY).facts["emergency"] == "yes"
    assert "emergency" not in found(world, person, on=today() + 6 * DAY).facts
    actions.complete(row, words="已补清晰件", acting_user=clerk)
    actions.decide(row, decision="approve", acting_user=world.yuhu.officer)
    result = found(world, person, on=today() + 90 * DAY)
    assert (result.facts, result.filings) == ({"referral": "none", "emergency": "yes"}, (row.pk,))
    actions.revoke(row, words="不是急诊", acting_user=world.yuhu.officer)
    assert "emergency" not in found(world, person).facts


def test_an_emergency_counts_for_its_hospital_and_its_stay_alone(world: World, person: Person) -> None:
    emergency(world, person)
    assert "emergency" not in found(world, person, at=world.yuhu.hospital).facts
    assert "emergency" not in found(world, person, admitted=1).facts
    assert found(world, person, admitted=-2).facts["emergency"] == "yes", "it happened during the stay"
    assert "emergency" not in found(world, person, admitted=-9).facts


def test_an_emergency_that_a_bureau_files_names_its_hospital(world: World, person: Person) -> None:
    row = asked(world, person, "emergency", to_institution=world.xiangtan_county.hospital)
    assert row.due_on is None
    assert found(world, person, at=world.xiangtan_county.hospital, on=today() + 999 * DAY).facts["emergency"] == "yes"
    assert "emergency" not in found(world, person).facts


# --- Registrations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("disease", "codes", "diagnoses", "same"),
    [
        ("终末期肾病", (), ("终末期肾病",), True),
        ("终末期肾病", (), ("N18.5",), True),
        ("终末期肾病", (), ("J18.9", "n18.0 "), True),
        ("终末期肾病", (), ("S82.1",), False),
        ("终末期肾病", (), (), False),
        ("高血压", (), ("I10",), False),
        ("高血压", ("I10",), ("I10",), True),
        ("高血压", ("I10",), ("I10.x05",), True),
        ("高血压", ("I10",), ("I100",), False),
        ("糖尿病", ("E11.9",), ("E11.901",), False),
        ("糖尿病", ("E11",), ("E11.901",), True),
        ("慢性肾衰竭", ("N18.5",), ("N18.5 慢性肾脏病5期",), True),
        ("2型糖尿病", (), ("E11.9 2型糖尿病",), True),
        ("糖尿病", ("E11",), ("E110 某病",), False),
        ("食管癌", (), ("胃癌",), False),
    ],
)  # fmt: skip
def test_a_registration_is_for_its_disease(
    disease: str, codes: tuple[str, ...], diagnoses: tuple[str, ...], same: bool
) -> None:
    filed = Filed(1, "severe", "approved", None, "", disease, codes)
    assert is_of_disease(filed, diagnoses, YUHU) is same


@pytest.mark.parametrize(("kind", "fact"), [("severe", "severe_programme"), ("chronic", "quota_chronic")])
def test_a_registration_counts_if_it_holds_at_discharge(world: World, person: Person, kind: str, fact: str) -> None:
    row = approved(world, person, kind, from_on=today(), to_on=today() + 9 * DAY)
    result = found(world, person, diagnoses=["N18.5"])
    assert (result.facts[fact], result.filings, result.other_disease) == ("yes", (row.pk,), ())
    assert found(world, person, admitted=-2, diagnoses=["N18.5"]).facts[fact] == "yes", "it began during the stay"
    assert fact not in found(world, person, admitted=8, diagnoses=["N18.5"]).facts, "it ended during the stay"
    other = found(world, person, diagnoses=["S82.1"])
    assert fact not in other.facts and other.other_disease == (row.pk,)


def test_kinds_that_no_bill_looks_at_tell_nothing(world: World, person: Person) -> None:
    for kind in ("certificate", "family_doctor", "choice", "injury"):
        approved(world, person, kind)
    assert found(world, person, diagnoses=["终末期肾病"]) == Found({"referral": "none"}, ())


def test_a_special_disease_is_registered_and_tells_nothing_else(world: World, person: Person) -> None:
    row = approved(world, person, "special")
    assert found(world, person, diagnoses=["终末期肾病"]) == Found({"referral": "none"}, (row.pk,), (), True)
    assert not found(world, person, diagnoses=["J00"]).registered


# --- All of it --------------------------------------------------------------------------------------------------------


def test_filings_of_a_merged_record_count_for_who_was_kept(world: World, person: Person) -> None:
    other = patient(world, 9, "试样乙")
    row = approved(world, other)
    assert referral(world, person) == "none"
    merge = propose_merge(person, dropped=other, why="同一人，旧号录错", acting_user=world.yuhu.officer)
    decide_merge(merge, accept=True, acting_user=world.yuhu.reviewer)
    result = found(world, [person.pk, other.pk])
    assert (result.facts["referral"], result.filings) == ("by_rule", (row.pk,))
    # The order of the numbers does not matter, nor that the dropped record stands first.
    assert found(world, [other.pk, person.pk]) == result
    undo_merge(merge, why="其实是两个人", acting_user=world.yuhu.reviewer)
    assert referral(world, person) == "none"
    assert referral(world, other) == "by_rule"


def test_one_statement_for_any_number_of_filings(world: World, person: Person) -> None:
    for kind in ("referral", "offsite", "severe", "chronic", "special", "family_doctor"):
        approved(world, person, kind)
    with acting(world.yuhu.officer), CaptureQueriesContext(connection) as seen:
        facts_for(
            [person.pk], institution=city_hospital(world), care="inpatient", admitted_on=today(), discharged_on=today(),
            diagnoses=["N18.5"], on=today(),
        )  # fmt: skip
    wanted = [q for q in seen.captured_queries if "staff_institution" not in q["sql"]]
    assert len(wanted) == 1


def test_a_window_learns_what_other_institutions_filed(world: World, person: Person) -> None:
    row, _ = township(world, person)
    actions.opine(row, opinion="agree", words="同意", acting_user=world.yuhu.window)
    actions.decide(row, decision="approve", acting_user=world.yuhu.officer)
    approved(world, person, "severe")
    window = clerk_of(city_hospital(world), "city.window")
    result = found(world, person, diagnoses=["N18.5"], acting_user=window)
    assert result.facts == {"referral": "by_rule", "severe_programme": "yes"}


def test_nobody_on_record_tells_nothing(world: World) -> None:
    assert found(world, [10**9]).facts == {"referral": "none"}


def test_facts_are_told_without_a_database() -> None:
    where = Institution(
        pk=5, code="H", name="医院", level="level_3", tier="municipal", area_path="000000.430000.430300."
    )
    stay_there = Stay(where, date(2026, 3, 1), date(2026, 3, 9), (), date(2026, 3, 9))
    filed = [Filed(1, "referral", "approved", 5, "", ""), Filed(2, "referral", "approved", 6, "", "")]
    assert told(filed, person_path=YUHU, stay=stay_there) == Found({"referral": "by_rule"}, (1,))


# --- On a real bill, and before one -----------------------------------------------------------------------------------


def settle_at_city(world: World, person: Person) -> Any:
    """A stay at the city's hospital, calculated."""
    where = city_hospital(world)
    window = Officer.objects.filter(institution=where).first() or clerk_of(where, "city.window")
    ready(where, world.xiangtan.area)
    visit = care.register_visit(
        person,
        institution=where,
        care="inpatient",
        admitted_on=today() - 3 * DAY,
        discharged_on=today(),
        acting_user=window,
    )
    care.add_lines(
        visit.pk, [Charge(today(), CODE, "演示项目", 10_000, 10_000_00 * 100, 10_000_00)], acting_user=window
    )
    return presettle(visit.pk, on=today(), acting_user=window)


def effect(world: World, row: Filing, **asked_of: Any) -> Effect:
    with acting(world.yuhu.officer, across_institutions=True):
        shown = queries.filing(row.pk)
        return effect_of(shown, sample_for(shown, today=today(), **asked_of), on=today())


def test_the_effect_that_is_shown_is_the_one_that_comes(world: World, person: Person) -> None:
    row = asked(world, person, from_on=today() - 3 * DAY)
    before = settle_at_city(world, person).outcome
    shown = effect(world, row)
    actions.decide(row, decision="approve", acting_user=world.yuhu.reviewer)
    after = settle_at_city(world, person).outcome
    assert shown.patient_without == before.patient_share
    assert shown.patient_with == after.patient_share
    assert shown.saved == before.patient_share - after.patient_share > 0
    assert shown.why_none is None
    assert [(f.zh, a.zh, b.zh) for f, a, b in shown.changed] == [("转诊", "未按规定", "按规定")]
    basic = next(layer for layer in shown.layers if layer.name.zh == "基本医保")
    assert basic.more > 0 and "湘潭代用基本医保 3" in [c.zh for c in basic.articles]
    for layer in shown.layers:
        assert layer.with_it == (after.payment(layer.name.zh) or 0)
        assert layer.without == (before.payment(layer.name.zh) or 0)


def test_the_effect_counts_the_persons_identity_and_year(world: World, person: Person) -> None:
    row = asked(world, person)
    plain = effect(world, row)
    settled(world.yuhu, stay(world.yuhu, person, days_ago=9, yuan=400_000))
    later = effect(world, row)
    assert later.patient_with != plain.patient_with, "what was settled this year counts"
    mark(world.yuhu.officer, person, "extremely_poor")
    assert effect(world, row).patient_with < later.patient_with


def test_the_effect_grows_with_the_bill_and_writes_nothing(world: World, person: Person) -> None:
    row = asked(world, person)
    small, large = effect(world, row, fen=1_000_00), effect(world, row, fen=50_000_00)
    assert small.sample is not None and (small.sample.fen, small.sample.institution) == (1_000_00, city_hospital(world))
    assert large.saved > small.saved >= 0
    for shown in (small, large):
        assert shown.patient_with + sum(layer.with_it for layer in shown.layers) == shown.sample.fen  # type: ignore[union-attr]
    with acting(System("tests")):
        assert Filing.objects.get(pk=row.pk).state == "decision"


@pytest.mark.parametrize(
    ("kind", "words"),
    [("certificate", "没有任何规定看这一项"), ("family_doctor", "没有任何规定看这一项"), ("choice", "没有任何规定看这一项"), ("injury", "没有任何规定看这一项"), ("special", "没有任何规定看这一项"), ("chronic", "没有任何规定看“慢病定额”")],
)  # fmt: skip
def test_where_no_rule_looks_the_page_says_so(world: World, person: Person, kind: str, words: str) -> None:
    shown = effect(world, asked(world, person, kind))
    assert shown.saved == 0 and not any(layer.more for layer in shown.layers)
    assert shown.problems or (shown.why_none is not None and words in shown.why_none.zh), shown


def test_a_referral_that_is_not_needed_says_so(world: World, person: Person) -> None:
    shown = effect(world, asked(world, person, to_institution=world.yuhu.hospital))
    assert shown.why_none is not None and "不需要它" in shown.why_none.zh
    approved(world, person)
    assert "不需要它" in (effect(world, asked(world, person)).why_none or shown.why_none).zh


def test_what_cannot_be_settled_is_said(world: World, person: Person) -> None:
    shown = effect(world, asked(world, person, from_on=date(2001, 1, 1), to_on=date(2001, 2, 1)))
    assert [p.code for p in shown.problems] == ["no_policy_for_date"]


def test_somebody_elsewhere_is_tried_at_a_hospital_of_that_place(world: World, person: Person) -> None:
    shown = effect(world, asked(world, person, "offsite", place=world.pengjiang.area))
    assert shown.sample is not None and shown.sample.institution == world.pengjiang.hospital
    far = world.guangdong.area
    Institution.objects.filter(area_path__startswith=far.path).update(ended_on=today())
    shown = effect(world, asked(world, person, "offsite", place=far))
    assert shown.sample is not None and not shown.sample.institution.code
    assert shown.sample.institution.name == "广东省的三级医院" and shown.saved > 0
