"""Bills on record, and what they would come to once a roster has corrected the past."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from tests.agency.world import World
from yizhan.agency.care import queries
from yizhan.agency.care.actions import settle_bill
from yizhan.agency.care.errors import AlreadySettled, LaterBillSettled
from yizhan.agency.care.models import Settlement
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.people.actions import register_person
from yizhan.agency.people.identifiers import read_identifier, synthetic_id
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.rosters.models import PastChange, Roster
from yizhan.agency.staff.errors import NotAllowed
from yizhan.agency.staff.scope import acting
from yizhan.errors import Problems

TODAY = date(2026, 11, 2)
BORN = date(1960, 3, 5)


def a_person(world: World, name: str = "试样甲", sequence: int = 1) -> Person:
    number = read_identifier("resident_id", synthetic_id("430302", BORN, sequence), TODAY)
    return register_person(name, identifier=number, area=world.yuhu.area, acting_user=world.yuhu.officer)


def a_claim(number: str = "A-1", on: str = "2022-05-12", **more: Any) -> dict[str, Any]:
    admitted = f"{on[:8]}01"
    return {
        "claim": number, "care": "inpatient", "institution": "演示县医院", "institution_tier": "county", "institution_level": "level_2",
        "place": "own_county", "referral": "by_rule", "emergency": False, "linked": False, "severe_programme": False,
        "application": "not_applied", "diagnoses": [], "admitted_on": admitted, "discharged_on": on,
        "insurance": "resident",
        "amounts": {"total": "60000.00", "in_scope": "50000.00", "first_pay": "0.00", "over_limit": "0.00", "own": "10000.00"},
        **more,
    }  # fmt: skip


def settled(world: World, person: Person, claim: dict[str, Any]) -> Settlement:
    claim.pop("insurance", None)
    return settle_bill(person, institution=world.yuhu.hospital, claim=claim, acting_user=world.yuhu.officer)


def test_a_bill_is_settled_once_and_a_repeat_gets_the_first_answer(world: World) -> None:
    person = a_person(world)
    first = settled(world, person, a_claim())
    assert first.total_fen == 6_000_000 == first.paid_fen + first.patient_fen
    assert settled(world, person, a_claim()).pk == first.pk
    changed = a_claim()
    changed["amounts"] = {**changed["amounts"], "in_scope": "40000.00", "own": "20000.00"}
    with pytest.raises(AlreadySettled):
        settled(world, person, changed)
    with pytest.raises(Problems) as late:
        settled(world, person, a_claim("A-0", "2022-04-12"))
    assert isinstance(late.value.problems[0], LaterBillSettled)
    with pytest.raises(Problems):
        settled(world, person, {**a_claim("A-2", "2022-06-12"), "care": "unknown"})
    with pytest.raises(NotAllowed):
        settle_bill(person, institution=world.yuhu.hospital, claim=a_claim("B"), acting_user=world.yuhu.auditor)
    with acting(world.yuhu.officer):
        assert Settlement.objects.count() == 1


def test_the_year_goes_on_from_bill_to_bill(world: World) -> None:
    person = a_person(world)
    settled(world, person, a_claim())
    second = settled(world, person, a_claim("A-2", "2022-08-12"))
    alone = settled(world, a_person(world, "试样乙", 2), a_claim("B-2", "2022-08-12"))
    assert second.result["year_state"]["sums"] != alone.result["year_state"]["sums"]
    assert second.patient_fen < alone.patient_fen  # the yearly deductible of critical illness insurance is used up


def test_a_settlement_is_never_changed_or_removed(world: World) -> None:
    row = settled(world, a_person(world), a_claim())
    for act in (
        lambda: Settlement.objects.filter(pk=row.pk).update(patient_fen=0, paid_fen=row.total_fen),
        lambda: Settlement.objects.filter(pk=row.pk).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), acting(world.yuhu.officer):
            act()


def corrected(
    world: World, person: Person, identity: str, begins: date, ends: date | None, *, applied_on: date = TODAY
) -> Roster:
    """A roster that, applied on a day, says that the person was marked in the past."""
    officer = world.yuhu.officer
    with acting(officer):
        roster = Roster.objects.filter(area_path=officer.area_path).first() or Roster.objects.create(
            area=world.yuhu.area, area_path=officer.area_path, department="civil_affairs", uploaded_by=officer, **ROSTER
        )
        IdentityMark.objects.create(
            person=person, area_path=person.area_path, identity=identity, valid=DateRange(begins, ends),
            certified_by="civil_affairs", roster_id=roster.pk,
        )  # fmt: skip
        PastChange.objects.create(
            roster=roster, area_path=person.area_path, department="civil_affairs", person=person, identity=identity,
            kind="gained", period=DateRange(begins, ends or applied_on),
        )  # fmt: skip
    return roster


ROSTER: dict[str, Any] = {
    "identities": ["subsistence"], "kind": "monthly", "effective_on": date(2026, 11, 1), "file_name": "名单.xlsx",
}  # fmt: skip


def test_a_correction_of_the_past_lists_the_bills_that_it_touches(world: World) -> None:
    """SET-5: late facts lead to re-settlement."""
    person, other = a_person(world), a_person(world, "试样乙", 2)
    first = settled(world, person, a_claim())
    second = settled(world, person, a_claim("A-2", "2022-08-12"))
    before = settled(world, other, a_claim("B-1"))
    roster = corrected(world, person, "subsistence", date(2022, 7, 1), None)
    corrected(world, other, "subsistence", date(2023, 1, 1), None)
    with acting(world.yuhu.officer):
        assert list(queries.touched()) == [second] == list(queries.touched(roster.pk))
        (anew,) = queries.settled_anew(queries.touched(), acting_user=world.yuhu.officer)
        assert anew.identities == ("subsistence",)
        assert anew.planned and anew.patient_fen is not None and anew.patient_fen < second.patient_fen
        assert anew.difference == second.patient_fen - anew.patient_fen == sum(anew.planned.by_payer.values())
        unchanged = queries.settled_anew([first, before], acting_user=world.yuhu.officer)
        assert [r.difference for r in unchanged] == [0, 0]
    # What is settled after the correction is not touched by it.
    third = settled(world, person, a_claim("A-3", "2022-09-12"))
    assert third.identities == ["subsistence"]
    with acting(world.yuhu.officer):
        assert list(queries.touched()) == [second]
    page = world.client(world.yuhu.officer).get("/care/touched").content.decode()
    assert "A-2" in page and "A-1" not in page and "低保" in page
    assert "B-1" not in page


def test_bills_of_other_areas_are_not_found(world: World) -> None:
    row = settled(world, a_person(world), a_claim())
    corrected(world, row.person, "subsistence", date(2022, 1, 1), None)
    for stranger in (world.songshan.officer, world.xiangtan_county.officer):
        browser = world.client(stranger)
        assert browser.get(f"/care/{row.pk}").status_code == browser.get("/care/987654321").status_code == 404
        for page in ("/care/", "/care/touched"):
            assert b"A-1" not in browser.get(page).content
        assert b"A-1" not in b"".join(browser.post("/care/touched/export"))
    assert world.client(world.yuhu.liaison_civil).get("/care/").status_code == 403
    assert b"A-1" in world.client(world.xiangtan.officer).get("/care/").content
    assert world.client(world.yuhu.officer).get(f"/care/{row.pk}").status_code == 200


def a_file(bills: list[dict[str, Any]]) -> SimpleUploadedFile:
    return SimpleUploadedFile("bills.json", json.dumps({"bills": bills}, ensure_ascii=False).encode())


def test_past_bills_come_from_a_file(world: World) -> None:
    person = a_person(world)
    number = synthetic_id("430302", BORN, 1)
    claims = [a_claim("A-1"), a_claim("A-2", "2022-08-12"), {**a_claim("A-3", "2022-09-12"), "care": "nonsense"}]
    for claim in claims:
        claim.pop("insurance")
    bills = [
        {"id_number": number, "name": "试样甲", "institution": world.yuhu.hospital.code, "claim": c} for c in claims
    ]
    browser = world.client(world.yuhu.officer)
    answer = browser.post("/care/import", {"file": a_file(bills)})
    assert answer.status_code == 302
    work_off()
    page = browser.get(answer["Location"]).content.decode()
    assert "A-3：" in page and "unknown_value" in page
    with acting(world.yuhu.officer):
        assert [s.visit.number for s in person.settlements.order_by("id")] == ["A-1", "A-2"]
    browser.post("/care/import", {"file": a_file(bills)})
    work_off()
    with acting(world.yuhu.officer):
        assert Settlement.objects.count() == 2


def test_a_file_of_bills_with_mistakes_is_refused_whole(world: World) -> None:
    a_person(world)
    number = synthetic_id("430302", BORN, 1)
    bill = {"id_number": number, "name": "试样甲", "institution": world.yuhu.hospital.code, "claim": {"claim": "A"}}
    wrong = [bill, {**bill, "name": "别人"}, {**bill, "institution": "H0"}, {**bill, "id_number": "1"}]
    browser = world.client(world.yuhu.officer)
    answer = browser.post("/care/import", {"file": a_file(wrong)})
    page = answer.content.decode()
    assert answer.status_code == 422
    for place in ("bills[1]", "bills[2]", "bills[3]"):
        assert place in page
    assert number not in page
    for data in (b"{", b"[]", b'{"bills": []}', b'{"bills": [1]}', b"\xff"):
        answer = browser.post("/care/import", {"file": SimpleUploadedFile("x.json", data)})
        assert answer.status_code == 422 and "bills_unreadable" in answer.content.decode()
    assert world.client(world.yuhu.auditor).post("/care/import", {"file": a_file([bill])}).status_code == 403
