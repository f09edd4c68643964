"""Approved applications for assistance: decided by the bureau, for a policy year, settled before and after. XT-5."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from tests.agency.caring import patient, settled, stay
from tests.agency.past import live, paid, past_settled, past_stay, resident
from tests.agency.test_holds_and_default import fresh
from tests.agency.test_settling import refused
from tests.agency.world import World
from yizhan.agency.care import actions, dues, rewriting
from yizhan.agency.care.applications import approve_application, effect_of, withdraw_application
from yizhan.agency.care.errors import (
    ApprovedAlready,
    DocumentNeeded,
    NoRuleAsks,
    NotApproved,
    VisitCancelled,
    WhyNeeded,
)
from yizhan.agency.care.models import AssistanceApproval, Settlement, Visit
from yizhan.agency.care.settling import presettle, settle
from yizhan.agency.ledger.verifying import verify
from yizhan.agency.staff.errors import NotAllowed, NotFound, SamePerson
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.scope import System, acting

SAID: dict[str, Any] = {"document": "潭救〔2021〕1号", "why": "家庭支出困难，审核属实"}
ON = date(2021, 11, 11)
CITY = {"institution_level": "level_3", "institution_tier": "municipal", "place": "own_city"}


WITHOUT, WITH = 1_948_800, 1_349_400
"""算例 没有身份·已批准: of 60,000 yuan 35,280 + 5,232 are paid, and 5,994 of tilted assistance with an approval."""


def bill(world: World, *, on: date = ON, fen: int = 6_000_000, who: Any = None, sequence: int = 1) -> Visit:
    return past_stay(world.yuhu, who or resident(world.yuhu, sequence=sequence), on, (fen, 0, 0, 0), facts=CITY)


def test_an_approval_before_settling_is_found_by_the_settlement(world: World) -> None:
    yuhu = world.yuhu
    visit = bill(world)
    row = approve_application(visit.pk, **SAID, acting_user=yuhu.reviewer)
    assert (row.year, row.document, row.made_by) == (2021, SAID["document"], yuhu.reviewer)
    now = past_settled(yuhu, visit)
    assert now.claim["application"] == "approved" and now.patient_fen == WITH
    assert paid(yuhu, now)["倾斜救助", "城乡医疗救助资金"] == WITHOUT - WITH
    rewriting.reverse(visit.pk, on=ON, why="录错", acting_user=yuhu.officer)
    assert past_settled(yuhu, visit).patient_fen == WITH, "the approval outlives a reversal"
    with acting(yuhu.officer):
        assert Audit.objects.filter(act="application.approve", person_id=visit.person_id).count() == 1


def test_an_approval_afterwards_pays_the_difference_to_the_person_and_ending_it_takes_it_back(world: World) -> None:
    yuhu = world.yuhu
    visit = bill(world)
    before = past_settled(yuhu, visit)
    assert before.patient_fen == WITHOUT
    effect = effect_of(visit.pk, approved=True, acting_user=yuhu.reviewer)
    assert (effect.difference, effect.by_payer) == (WITHOUT - WITH, {("倾斜救助", "城乡医疗救助资金"): WITHOUT - WITH})
    approve_application(visit.pk, **SAID, acting_user=yuhu.reviewer)
    now = live(yuhu, visit)
    assert (now.kind, now.patient_fen, now.person_fen) == ("resettled", WITH, WITHOUT - WITH)
    assert SAID["document"] in now.why
    with acting(yuhu.finance):
        assert [due.fen for due in dues.dues()] == [WITHOUT - WITH]
        assert now.due_fen == before.due_fen, "the hospital's account with the patient stays as it was"
    rewriting.correct(visit.pk, lambda _: None, on=ON, why="核对", acting_user=yuhu.officer)
    assert live(yuhu, visit).patient_fen == WITH
    withdraw_application(visit.pk, why="收入核查不符", acting_user=yuhu.reviewer)
    after = live(yuhu, visit)
    assert (after.patient_fen, after.person_fen, after.claim["application"]) == (before.patient_fen, 0, "not_applied")
    with acting(yuhu.finance):
        assert dues.dues() == []
    with acting(System("tests")):
        assert not verify().differences


def test_an_approval_is_for_the_year_and_all_its_bills(world: World) -> None:
    """读法: 批准以后，当年各单按已批准重算、补付. What is below the threshold together is above it."""
    yuhu = world.yuhu
    first = bill(world, fen=3_000_000)
    person = first.person
    second = bill(world, on=date(2021, 12, 1), fen=3_000_000, who=person)
    other_year = bill(world, on=date(2022, 6, 1), fen=3_000_000, who=person)
    rows = [past_settled(yuhu, visit) for visit in (first, second, other_year)]
    approve_application(second.pk, **SAID, acting_user=yuhu.reviewer)
    claims = [live(yuhu, visit).claim["application"] for visit in (first, second, other_year)]
    assert claims == ["approved", "approved", "not_applied"]
    now = [live(yuhu, visit) for visit in (first, second, other_year)]
    alone = bill(world, fen=3_000_000, sequence=2)
    approve_application(alone.pk, **SAID, acting_user=yuhu.reviewer)
    assert past_settled(yuhu, alone).patient_fen == now[0].patient_fen
    assert sum(row.patient_fen for row in now[:2]) < sum(row.patient_fen for row in rows[:2])
    later = bill(world, on=date(2021, 12, 20), fen=1_000_000, who=person)
    with acting(yuhu.officer):
        assert (
            presettle(later.pk, on=date(2022, 7, 1), acting_user=yuhu.officer).asked.claim["application"] == "approved"
        )
    withdraw_application(first.pk, why="收入核查不符", acting_user=yuhu.reviewer)
    assert [live(yuhu, v).patient_fen for v in (first, second, other_year)] == [row.patient_fen for row in rows]


def test_what_stands_against_an_approval(world: World) -> None:
    yuhu = world.yuhu
    visit = bill(world)

    def approve(**more: Any) -> Any:
        return approve_application(visit.pk, **{**SAID, "acting_user": yuhu.reviewer, **more})

    for kind, more in (
        (NotAllowed, {"acting_user": yuhu.officer}),
        (NotFound, {"acting_user": world.songshan.reviewer}),
        (DocumentNeeded, {"document": " "}),
        (WhyNeeded, {"why": ""}),
    ):
        refused(kind, lambda more=more: approve(**more))
    both = yuhu.officer
    both.roles = ["reviewer", "county_officer"]
    both.save(update_fields=["roles"])
    refused(SamePerson, lambda: approve(acting_user=both))
    refused(NotApproved, lambda: withdraw_application(visit.pk, why="x", acting_user=yuhu.reviewer))
    approve()
    refused(ApprovedAlready, approve)
    refused(SamePerson, lambda: withdraw_application(visit.pk, why="x", acting_user=both))
    refused(WhyNeeded, lambda: withdraw_application(visit.pk, why=" ", acting_user=yuhu.reviewer))
    outside = past_stay(world.songshan, resident(world.songshan), ON, (1_000_000, 0, 0, 0))
    refused(NoRuleAsks, lambda: approve_application(outside.pk, **SAID, acting_user=world.songshan.reviewer))
    gone = stay(yuhu, resident(yuhu, sequence=3))
    actions.cancel_visit(gone.pk, why="登记错", acting_user=yuhu.window)
    refused(VisitCancelled, lambda: approve_application(gone.pk, **SAID, acting_user=yuhu.reviewer))


def test_nobody_states_an_approval_with_a_visit(world: World) -> None:
    yuhu = world.yuhu
    person = patient(world)
    visit = stay(yuhu, person, facts={"application": "approved", "申请": "已批准"})
    row = settled(yuhu, visit)
    assert row.claim["application"] == "not_applied"
    own = actions.register_visit(
        patient(world, 2, "试样乙"), institution=yuhu.hospital, care="inpatient", admitted_on=timezone.localdate(),
        facts={"application": "approved", "申请": "approved"}, acting_user=yuhu.officer,
    )  # fmt: skip
    assert own.facts == {}


def test_the_database_keeps_approvals(world: World) -> None:
    yuhu = world.yuhu
    visit = bill(world)
    row = approve_application(visit.pk, **SAID, acting_user=yuhu.reviewer)
    fields = {
        "visit": visit, "person": visit.person, "area_path": visit.area_path, "document": "x", "why": "x",
        "made_by": yuhu.reviewer,
    }  # fmt: skip
    for wrong in (
        {"year": 2021},
        {"year": 2023, "document": ""},
        {"year": 2023, "registered_by": yuhu.reviewer},
        {"year": 2023, "ended_at": timezone.now()},
    ):
        with acting(yuhu.reviewer), pytest.raises(IntegrityError), transaction.atomic():
            AssistanceApproval.objects.create(**{**fields, **wrong})
    with acting(yuhu.reviewer):
        for act in (
            lambda: AssistanceApproval.objects.filter(pk=row.pk).update(document="另一份"),
            lambda: AssistanceApproval.objects.filter(pk=row.pk).delete(),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                act()
    with acting(world.songshan.reviewer):
        assert not AssistanceApproval.objects.exists()


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_reviewer_decides_on_the_page_that_the_bill_leads_to(world: World, language: str) -> None:
    yuhu = world.yuhu
    visit = bill(world)
    row = past_settled(yuhu, visit)
    where = f"/care/applications/{visit.pk}"
    reviewer = fresh(world, yuhu.reviewer)
    reviewer.cookies["language"] = language
    assert where in reviewer.get(f"/care/{row.pk}").content.decode()
    assert where not in world.client(yuhu.officer).get(f"/care/{row.pk}").content.decode()
    assert world.client(yuhu.officer).get(where).status_code == 403
    assert world.client(yuhu.reviewer).get(where).status_code == 302, "prove who you are first"
    assert fresh(world, world.songshan.reviewer).get(where).status_code == 404
    page = reviewer.get(where).content.decode()
    assert "5,994.00" in page and "13,494.00" in page
    assert reviewer.post(where, {"document": "", "why": "x"}).status_code == 422
    answer = reviewer.post(where, SAID)
    assert answer.status_code == 302 and "13,494.00" in reviewer.get(answer["Location"]).content.decode()
    assert SAID["document"] in reviewer.get(where).content.decode()
    assert reviewer.post(where, {"why": ""}).status_code == 422
    assert reviewer.post(where, {"why": "收入核查不符"}).status_code == 302
    assert "收入核查不符" in reviewer.get(where).content.decode()
    with acting(yuhu.officer):
        assert Settlement.objects.live().get(visit=visit).patient_fen == row.patient_fen


def test_the_page_of_a_visit_that_is_not_settled(world: World) -> None:
    yuhu = world.yuhu
    visit = bill(world)
    reviewer = fresh(world, yuhu.reviewer)
    where = f"/care/applications/{visit.pk}"
    assert "还没有结算过的账单" in reviewer.get(where).content.decode()
    assert reviewer.post(where, SAID)["Location"] == where
    assert "已批准" in reviewer.get(where).content.decode()
    assert settle(visit.pk, on=ON, acting_user=yuhu.officer).patient_fen == WITH
