"""Who sees and touches filings: other hospitals, other counties, other departments; by page, by action and by SQL."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from tests.agency.caring import patient
from tests.agency.filing import PDF, approved, asked, city_hospital, clerk_of, today, township
from tests.agency.world import World
from yizhan.agency.filings.actions import filing as actions
from yizhan.agency.filings.actions.evidence import add_evidence, open_evidence
from yizhan.agency.filings.models import Evidence, Filing, FilingStep, Printing, Term
from yizhan.agency.people.models import Person
from yizhan.agency.staff.errors import NotAllowed, NotFound
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.scope import System, acting

ALL = System("tests")


@pytest.fixture
def person(world: World) -> Person:
    return patient(world)


def sees(officer: Officer, row: Filing) -> list[bool]:
    """Whether the database shows an officer the filing, its steps and its evidence."""
    with acting(officer):
        return [
            Filing.objects.filter(pk=row.pk).exists(),
            FilingStep.objects.filter(filing=row.pk).exists(),
            Evidence.objects.filter(filing=row.pk).exists(),
        ]


def with_evidence(world: World, person: Person) -> Filing:
    row, clerk = township(world, person)
    add_evidence(row, name="病历.pdf", content=PDF, on=today(), acting_user=clerk)
    return row


def test_the_three_institutions_of_a_filing_see_it_and_no_other(world: World, person: Person) -> None:
    row = with_evidence(world, person)
    clinic = Officer.objects.get(username="clinic.window")
    receiving = clerk_of(city_hospital(world), "city.window")
    for officer in (
        clinic,
        world.yuhu.window,
        world.yuhu.hospital_manager,
        receiving,
        world.yuhu.officer,
        world.xiangtan.officer,
    ):
        assert sees(officer, row) == [True] * 3, officer.username
    for officer in (
        world.xiangtan_county.window, world.songshan.window, clerk_of(world.xiangtan_county.clinic, "other.clinic"),
        world.xiangtan_county.officer, world.songshan.officer, world.jiangmen.officer, world.yuhu.liaison_civil, world.yuhu.liaison_rural,
        world.yuhu.liaison_tax,
    ):  # fmt: skip
        assert sees(officer, row) == [False] * 3, officer.username


@pytest.mark.parametrize(
    "stranger", ["xiangtan_county.window", "xiangtan_county.officer", "songshan.officer", "yuhu.liaison_civil"]
)
def test_a_stranger_reaches_a_filing_by_no_door(world: World, person: Person, stranger: str) -> None:
    row = with_evidence(world, person)
    place, attribute = stranger.split(".")
    officer: Officer = getattr(getattr(world, place), attribute)
    browser = world.client(officer)
    expected = 403 if "liaison" in attribute else 404
    for path in ("", "/effect"):
        assert browser.get(f"/filings/{row.pk}{path}").status_code == expected
    for act in ("opine", "decide", "complete", "withdraw", "end", "revoke", "evidence", "issue", "reprint"):
        answer = browser.post(f"/filings/{row.pk}/{act}", {"words": "改", "decision": "approve", "opinion": "agree"})
        assert answer.status_code in (403, 404), act
    with acting(ALL):
        key = Evidence.objects.get().pk
        untouched = Filing.objects.get(pk=row.pk)
    assert browser.get(f"/filings/{row.pk}/evidence/{key}").status_code == expected
    assert row.number not in browser.get("/filings/").content.decode()
    assert untouched.state == "opinion"


def test_actions_do_not_trust_the_object_that_they_are_given(world: World, person: Person) -> None:
    row = with_evidence(world, person)
    stranger = world.xiangtan_county.window
    row.opinion_of_id, row.institution_id = stranger.institution_id, stranger.institution_id
    for act in (
        lambda: actions.opine(row, opinion="agree", words="同意", acting_user=stranger),
        lambda: actions.withdraw(row, words="撤", acting_user=stranger),
        lambda: actions.complete(row, words="补", acting_user=stranger),
        lambda: add_evidence(row, name="a.pdf", content=PDF, on=today(), acting_user=stranger),
    ):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(NotFound):
        actions.decide(row, decision="approve", acting_user=world.xiangtan_county.officer)
    with acting(ALL):
        paper = Evidence.objects.select_related("filing").get()
    with pytest.raises(NotAllowed):
        open_evidence(paper, acting_user=world.yuhu.liaison_civil)


def test_the_hospital_that_receives_a_patient_changes_nothing(world: World, person: Person) -> None:
    row, _ = township(world, person)
    receiving = clerk_of(city_hospital(world), "city.window")
    for act in (
        lambda: actions.opine(row, opinion="agree", words="同意", acting_user=receiving),
        lambda: actions.withdraw(row, words="撤", acting_user=receiving),
    ):
        with pytest.raises(NotFound):
            act()
    page = world.client(receiving).get(f"/filings/{row.pk}").content.decode()
    assert "同意转诊" not in page and "撤回" not in page


def test_hospitals_decide_nothing(world: World, person: Person) -> None:
    row = asked(world, person, by=world.yuhu.window)
    for officer in (world.yuhu.window, world.yuhu.hospital_manager, world.yuhu.supervisor, world.yuhu.auditor):
        with pytest.raises(NotAllowed):
            actions.decide(row, decision="approve", acting_user=officer)
        with pytest.raises(NotAllowed):
            actions.revoke(row, words="撤", acting_user=officer)
    with pytest.raises(NotAllowed):
        asked(world, person, by=world.yuhu.auditor)


def test_a_filing_for_somebody_elsewhere_is_refused_by_action_and_by_sql(world: World, person: Person) -> None:
    for stranger in (world.songshan.officer, world.songshan.window, world.xiangtan_county.officer):
        with pytest.raises(NotFound):
            asked(world, person, "offsite", by=stranger)
    row = asked(world, person)
    for stranger in (world.songshan.officer, world.xiangtan_county.officer, world.yuhu.liaison_civil):
        about: dict[str, Any] = {
            "number": "ZZ1", "kind": "referral", "person_id": person.pk, "area_path": stranger.area_path, "state": "decision",
            "valid": row.valid, "why": "x", "made_by": stranger,
        }  # fmt: skip
        with acting(stranger), pytest.raises(DatabaseError), transaction.atomic():
            Filing.objects.create(**about)


@pytest.mark.parametrize("stranger", ["xiangtan_county.window", "xiangtan_county.officer", "yuhu.liaison_civil"])
def test_sql_of_a_stranger_changes_no_row_and_adds_no_step(world: World, person: Person, stranger: str) -> None:
    row = approved(world, person)
    place, attribute = stranger.split(".")
    officer: Officer = getattr(getattr(world, place), attribute)
    with acting(officer):
        assert Filing.objects.filter(pk=row.pk).update(state="forged") == 0
        with pytest.raises(DatabaseError), transaction.atomic():
            FilingStep.objects.create(filing_id=row.pk, name="revoked", outcome="forged", officer=officer)
        with pytest.raises(DatabaseError), transaction.atomic():
            Evidence.objects.create(filing_id=row.pk, name="a", kind="image/png", bytes=1, sealed="x", added_by=officer)
        with pytest.raises(DatabaseError), transaction.atomic():
            Printing.objects.create(filing_id=row.pk, issue=1, copy=1, why="first", by=officer)
        with pytest.raises(DatabaseError), transaction.atomic():
            Term.objects.create(
                area=world.yuhu.area, area_path=world.yuhu.area.path, kind="referral", from_on=today(), document="x", made_by=officer,
            )  # fmt: skip
    with acting(officer), pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("delete from filings_filing")
    with acting(ALL):
        assert Filing.objects.get(pk=row.pk).state == "approved"


def test_a_hospital_cannot_make_a_filing_of_another_by_sql(world: World, person: Person) -> None:
    window = world.xiangtan_county.window
    row = asked(world, person)
    about: dict[str, Any] = {
        "number": "ZZ1", "kind": "referral", "person_id": person.pk, "area_path": person.area_path, "state": "decision",
        "valid": row.valid, "why": "x", "made_by": window, "institution": world.yuhu.hospital,
    }  # fmt: skip
    with acting(window), pytest.raises(DatabaseError), transaction.atomic():
        Filing.objects.create(**about)
