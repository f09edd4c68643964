"""Parts that wait for a review (JM-3), advances between funds (JM-4), arrears and wilful default (CF-6)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from tests.agency.past import live, paid, past_settled, past_stay, resident
from tests.agency.test_settling import refused
from tests.agency.world import PASSWORD, World
from yizhan.agency.care import actions, defaults, queries, rewriting
from yizhan.agency.care.booking import booked
from yizhan.agency.care.errors import DefaultProposed, NotHeld, NothingOwed, WhyNeeded
from yizhan.agency.care.models import DefaultFinding, Settlement, Visit
from yizhan.agency.enrolment.beneficiaries import pooling_path
from yizhan.agency.ledger.posting import FundKey, HospitalKey
from yizhan.agency.staff.errors import NotAllowed, NotFound, Outdated, SamePerson
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.scope import acting

RELIEF, MA = "医疗保障精准扶贫资金", "医疗救助资金"
MAY = date(2019, 5, 6)
LATER = date(2100, 1, 1)
"""A day on which every own share is due."""


def fresh(world: World, officer: Officer) -> Client:
    """A browser whose officer has just given the password again."""
    browser = world.client(officer)
    browser.post("/account/confirm", {"password": PASSWORD, "next": "/"})
    return browser


def held_visit(world: World) -> Visit:
    """算例 江门: 自费1万多一分."""
    person = resident(world.pengjiang, "key_aid")
    level = {"institution_level": "level_3"}
    return past_stay(world.pengjiang, person, MAY, (1_090_000, 0, 0, 1_000_001), facts=level)


def test_own_cost_above_ten_thousand_waits_for_the_experts(world: World) -> None:
    place = world.pengjiang
    row = past_settled(place, held_visit(world))
    assert (row.held_fen, row.patient_fen) == (1_000_001, 0)
    shares = paid(place, row)
    assert [fen for (layer, _), fen in shares.items() if layer == "自费分担"] == [800_001, 200_000]
    assert shares["基本医保", "城乡居民基本医疗保险基金"] == 650_000
    assert sum(fen for (layer, _), fen in shares.items() if layer == "医疗救助") == 352_000
    assert shares["精准扶贫资金", RELIEF] == 88_000
    with acting(place.officer):
        books = booked(
            rewriting.payments_of([row])[row.pk], total_fen=row.total_fen, pool=pooling_path(row.area_path),
            institution_id=row.institution_id,
        )  # fmt: skip
    pool = pooling_path(row.area_path)
    assert books[HospitalKey(place.hospital.pk), "held"] == 800_001
    assert books[FundKey(pool, RELIEF), "benefit"] == 88_000, "what is held is not posted to the fund"
    assert not {book: None for (book, _), fen in books.items() if sum(f for (b, _), f in books.items() if b == book)}


def test_assistance_is_advanced_by_the_relief_fund(world: World) -> None:
    """JM-4, 算例 全额·二级."""
    place = world.pengjiang
    visit = past_stay(place, resident(place, "key_aid"), MAY, (1_060_000, 50_000, 0, 100_000))
    row = past_settled(place, visit)
    assert row.patient_fen == 0
    with acting(place.officer):
        (assistance,) = [p for p in rewriting.payments_of([row])[row.pk] if p.layer == "医疗救助"]
        everything = rewriting.payments_of([row])[row.pk]
    assert (assistance.amount, assistance.advanced_by) == (208_000, RELIEF)
    pool = pooling_path(row.area_path)
    books = booked(everything, total_fen=row.total_fen, pool=pool, institution_id=row.institution_id)
    owes, gave = FundKey(pool, assistance.payer), FundKey(pool, RELIEF)
    assert (books[owes, "benefit"], books[owes, "advance_owed"]) == (208_000, -208_000)
    assert books[owes, "to_hospital"] == 0
    assert books[gave, "advance_given"] == 208_000
    assert books[gave, "to_hospital"] == -(208_000 + 102_000 + 80_000)


@pytest.mark.parametrize(("passed", "patient"), [(True, 0), (False, 1_000_001)])
def test_the_review_decides_who_pays_the_held_part(world: World, passed: bool, patient: int) -> None:
    place = world.pengjiang
    visit = held_visit(world)
    past_settled(place, visit)
    decide: dict[str, Any] = {"passed": passed, "acting_user": place.reviewer}
    refused(NotAllowed, lambda: rewriting.decide_held(visit.pk, passed=passed, why="x", acting_user=place.officer))
    refused(WhyNeeded, lambda: rewriting.decide_held(visit.pk, why=" ", **decide))
    refused(NotFound, lambda: rewriting.decide_held(visit.pk, passed=True, why="x", acting_user=world.yuhu.reviewer))
    rows = rewriting.decide_held(visit.pk, why="专家意见", **decide)
    assert [row.kind for row in rows] == ["released"]
    assert (rows[0].held_fen, rows[0].patient_fen, rows[0].person_fen) == (0, patient, 0)
    refused(NotHeld, lambda: rewriting.decide_held(visit.pk, why="again", **decide))


def test_held_parts_are_decided_on_their_page(world: World) -> None:
    place = world.pengjiang
    visit = held_visit(world)
    past_settled(place, visit)
    page = world.client(place.reviewer).get("/care/held").content.decode()
    assert visit.number in page and "10,000.01" in page and "专家评审" in page
    assert visit.number in world.client(place.window).get("/care/held").content.decode(), "its hospital waits for it"
    assert visit.number not in world.client(world.yuhu.reviewer).get("/care/held").content.decode()
    assert "待审支付" in world.client(place.reviewer).get("/").content.decode()
    where = f"/care/held/{visit.pk}"
    assert world.client(place.officer).get(where).status_code == 403
    assert world.client(place.reviewer).get(where).status_code == 302, "prove who you are first"
    assert world.client(place.reviewer).post(where, {"decision": "passed"}).status_code == 403
    browser = fresh(world, place.reviewer)
    assert browser.get(where).status_code == 200
    assert browser.post(where, {"decision": "passed", "why": ""}).status_code == 422
    given = {"decision": "passed", "why": "合理、必要", "document": "专审〔2019〕3号"}
    assert browser.post(where, given).status_code == 302
    row = live(place, visit)
    assert (row.held_fen, row.why) == (0, "合理、必要（专审〔2019〕3号）")
    assert visit.number not in browser.get("/care/held").content.decode()


# --- Arrears and default ----------------------------------------------------------------------------------------------

OCTOBER = date(2018, 10, 8)


def unpaid(world: World) -> Visit:
    """算例 赤峰: 胃癌, guarantee 3,060, own share 2,200; 100 were paid."""
    place = world.songshan
    person = resident(place, "registered_poor")
    visit = past_stay(place, person, OCTOBER, (2_000_000, 0, 0, 200_000), diagnoses=["胃癌"])
    row = past_settled(place, visit)
    assert (row.patient_fen, sum(fen for (layer, _), fen in paid(place, row).items() if layer == "政府兜底")) == (220_000, 306_000)  # fmt: skip
    actions.take_money(
        visit.pk, kind="payment", fen=10_000, method="cash", on=date(2018, 10, 3), acting_user=place.window
    )
    return visit


def account(world: World, visit: Visit) -> queries.PatientAccount:
    with acting(world.songshan.window):
        return queries.patient_account(visit)


def test_wilful_default_takes_the_guarantee_of_that_bill_until_it_is_paid(world: World) -> None:
    place = world.songshan
    visit = unpaid(world)
    (owed,) = _arrears(place.window)
    assert (owed.fen, owed.visit_id) == (210_000, visit.pk)
    refused(
        WhyNeeded,
        lambda: defaults.propose_default(visit.pk, evidence=" ", on=LATER, acting_user=place.hospital_manager),
    )
    found = defaults.propose_default(visit.pk, evidence="三次催缴，拒付", on=LATER, acting_user=place.hospital_manager)
    assert (found.due_fen, found.arrears_fen) == (220_000, 210_000)
    refused(
        DefaultProposed, lambda: defaults.propose_default(visit.pk, evidence="又", on=LATER, acting_user=place.window)
    )
    refused(NotAllowed, lambda: defaults.decide_default(found.pk, found=True, why="x", acting_user=place.officer))
    found = defaults.decide_default(found.pk, found=True, why="有能力而拒付", acting_user=place.reviewer)
    row = live(place, visit)
    assert (found.cost_fen, row.patient_fen, row.person_fen) == (306_000, 526_000, 0)
    assert row.claim["wilful_default"] == "yes"
    assert account(world, visit).arrears_fen == 516_000
    actions.take_money(visit.pk, kind="payment", fen=210_000, method="cash", on=OCTOBER, acting_user=place.window)
    with acting(place.reviewer):
        assert defaults.paid_up(found)
    found = defaults.withdraw_default(found.pk, why="已缴清", acting_user=place.reviewer)
    assert (found.state, live(place, visit).patient_fen) == ("withdrawn", 220_000)
    assert account(world, visit).arrears_fen == 0
    refused(NothingOwed, lambda: defaults.propose_default(visit.pk, evidence="又", on=LATER, acting_user=place.window))
    refused(Outdated, lambda: defaults.withdraw_default(found.pk, why="又", acting_user=place.reviewer))


def _arrears(officer: Officer) -> list[defaults.Arrears]:
    with acting(officer):
        return defaults.arrears(acting_user=officer)


def test_a_finding_outlives_a_correction_and_lapses_with_a_reversal(world: World) -> None:
    place = world.songshan
    visit = unpaid(world)
    found = defaults.propose_default(visit.pk, evidence="拒付", on=LATER, acting_user=place.window)
    defaults.decide_default(found.pk, found=True, why="属实", acting_user=place.reviewer)
    rewriting.correct(visit.pk, lambda v: None, on=date(2018, 10, 9), why="核对", acting_user=place.officer)
    assert live(place, visit).claim["wilful_default"] == "yes"
    rewriting.reverse(visit.pk, on=date(2018, 10, 9), why="录错", acting_user=place.officer)
    again = past_settled(place, visit)
    assert (again.claim["wilful_default"], again.patient_fen) == ("no", 220_000)
    second = defaults.propose_default(visit.pk, evidence="仍拒付", on=LATER, acting_user=place.window)
    with acting(place.officer):
        assert DefaultFinding.objects.get(pk=found.pk).state == "lapsed"
    rejected = defaults.decide_default(second.pk, found=False, why="确有困难", acting_user=place.reviewer)
    assert rejected.state == "rejected" and live(place, visit).pk == again.pk


def test_a_finding_without_consequence_today_stands_in_the_claim(world: World) -> None:
    place = world.songshan
    person = resident(place)
    visit = past_stay(place, person, OCTOBER, (2_000_000, 0, 0, 200_000), diagnoses=["胃癌"])
    before = past_settled(place, visit)
    found = defaults.propose_default(visit.pk, evidence="拒付", on=LATER, acting_user=place.window)
    found = defaults.decide_default(found.pk, found=True, why="属实", acting_user=place.reviewer)
    row = live(place, visit)
    assert found.cost_fen == 0 and row.patient_fen == before.patient_fen and row.claim["wilful_default"] == "yes"


def test_whoever_proposes_a_finding_does_not_decide_it(world: World) -> None:
    place = world.songshan
    visit = unpaid(world)
    both = place.officer
    both.roles = ["county_officer", "reviewer"]
    found = defaults.propose_default(visit.pk, evidence="拒付", on=LATER, acting_user=both)
    refused(SamePerson, lambda: defaults.decide_default(found.pk, found=True, why="x", acting_user=both))
    with pytest.raises(IntegrityError), transaction.atomic(), acting(both):
        DefaultFinding.objects.filter(pk=found.pk).update(state="decided", decided_by=both)
    stranger = world.yuhu
    refused(NotFound, lambda: defaults.propose_default(visit.pk, evidence="x", on=LATER, acting_user=stranger.window))
    refused(NotFound, lambda: defaults.decide_default(found.pk, found=True, why="x", acting_user=stranger.reviewer))
    with acting(stranger.window):
        assert not DefaultFinding.objects.exists()


def test_arrears_and_findings_have_their_pages(world: World) -> None:
    place = world.songshan
    visit = unpaid(world)
    browser = world.client(place.hospital_manager)
    page = browser.get("/care/arrears").content.decode()
    assert visit.number in page and "2,100.00" in page
    assert visit.number not in world.client(world.yuhu.window).get("/care/arrears").content.decode()
    notice = browser.get(f"/care/arrears/{visit.pk}/notice").content.decode()
    assert "2,100.00" in notice and place.hospital.name in notice
    assert "不再享受：政府兜底。" in notice, "what stops paying is the area's own word"
    assert "".join(map(str, defaults.consequences(world.yuhu.area.path))) == "", "Xiangtan has no such rule"
    assert world.client(world.yuhu.window).get(f"/care/arrears/{visit.pk}/notice").status_code == 404
    assert browser.post(f"/care/arrears/{visit.pk}/default", {"evidence": ""}).status_code == 422
    early = browser.post(f"/care/arrears/{visit.pk}/default", {"evidence": "三次催缴，拒付"})
    assert early.status_code == 422 and "代用数字" in early.content.decode(), "nothing is in default on day 0"
    assert f"/care/arrears/{visit.pk}/default" not in page
    row = defaults.propose_default(visit.pk, evidence="三次催缴，拒付", on=LATER, acting_user=place.hospital_manager)
    where = f"/care/defaults/{row.pk}"
    assert "三次催缴" in browser.get(where).content.decode()
    assert browser.post(where, {"decision": "found", "why": "x"}).status_code == 403
    assert world.client(place.reviewer).get(f"{where}?decide=1").status_code == 302
    reviewer = fresh(world, place.reviewer)
    assert reviewer.post(where, {"decision": "", "why": "x"}).status_code == 422
    assert reviewer.post(where, {"decision": "found", "why": "属实"}).status_code == 302
    assert "3,060.00" in reviewer.get(where).content.decode()
    assert reviewer.post(where, {"decision": "withdraw", "why": "已缴清"}).status_code == 302
    assert live(place, visit).patient_fen == 220_000
    assert where in reviewer.get("/care/defaults").content.decode()
    assert Settlement.objects.count() == 0, "outside `acting` nobody sees a row"
