"""Filings step by step: who may do what in which state, in the programs and in the database."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from tests.agency.caring import patient
from tests.agency.filing import DAY, PDF, approved, asked, city_hospital, clerk_of, today, township
from tests.agency.world import World
from yizhan.agency import crypto
from yizhan.agency.filings import queries
from yizhan.agency.filings.actions import filing as actions
from yizhan.agency.filings.actions.evidence import MOST_BYTES, add_evidence, open_evidence
from yizhan.agency.filings.actions.terms import set_term
from yizhan.agency.filings.kinds import FOLLOWS, KINDS, OPEN, STATES
from yizhan.agency.filings.models import Evidence, Filing, FilingStep, Term
from yizhan.agency.people.actions import move_person
from yizhan.agency.people.merging import decide_merge, propose_merge
from yizhan.agency.people.models import Person
from yizhan.agency.staff.errors import NotAllowed, NotFound, SamePerson
from yizhan.agency.staff.models import Audit, Officer
from yizhan.agency.staff.scope import System, acting
from yizhan.errors import InputProblem, Problems

ALL = System("tests")


@pytest.fixture
def person(world: World) -> Person:
    return patient(world)


def codes(refused: Problems) -> list[str]:
    return [p.code for p in refused.problems]


def steps(row: Filing) -> list[tuple[str, str]]:
    with acting(ALL):
        return list(FilingStep.objects.filter(filing=row).order_by("id").values_list("name", "outcome"))


def states(row: Filing) -> str:
    with acting(ALL):
        return Filing.objects.get(pk=row.pk).state


# --- The way of a referral --------------------------------------------------------------------------------------------


def test_a_townships_referral_goes_by_the_county_hospital_to_the_bureau(world: World, person: Person) -> None:
    row, clerk = township(world, person)
    assert (row.state, row.number[:2]) == ("opinion", "ZZ")
    actions.opine(row, opinion="agree", words="同意转诊", acting_user=world.yuhu.window)
    actions.decide(row, decision="approve", acting_user=world.yuhu.officer)
    assert steps(row) == [("township_opinion", "opinion"), ("county_opinion", "decision"), ("decision", "approved")]
    with acting(ALL):
        made = list(FilingStep.objects.filter(filing=row).order_by("id").values_list("officer_id", "institution_id"))
        rows = Audit.objects.filter(person_id=person.pk, act__startswith="filing.").order_by("id")
        told = list(rows.values_list("act", flat=True))
    assert made == [
        (clerk.pk, world.yuhu.clinic.pk), (world.yuhu.window.pk, world.yuhu.hospital.pk), (world.yuhu.officer.pk, None),
    ]  # fmt: skip
    assert told == ["filing.make", "filing.opine", "filing.decide"]


def test_the_bureau_does_not_decide_before_the_hospital_said_something(world: World, person: Person) -> None:
    row, _ = township(world, person)
    with pytest.raises(InputProblem) as refused:
        actions.decide(row, decision="approve", acting_user=world.yuhu.officer)
    assert refused.value.code == "filing_not_its_turn"
    assert "待县级医院意见" in refused.value.text("zh")
    assert states(row) == "opinion"


def test_what_the_hospital_returned_goes_back_to_the_hospital(world: World, person: Person) -> None:
    row, clerk = township(world, person)
    actions.opine(row, opinion="return", words="请补检查单", acting_user=world.yuhu.window)
    actions.complete(row, words="已补", acting_user=clerk)
    assert states(row) == "opinion"
    actions.opine(row, opinion="agree", words="同意", acting_user=world.yuhu.window)
    actions.decide(row, decision="return", words="请写明科室", acting_user=world.yuhu.officer)
    actions.complete(row, words="肾内科", acting_user=clerk)
    assert states(row) == "decision"


def test_who_made_or_completed_it_does_not_decide_it(world: World, person: Person) -> None:
    officer, other = world.yuhu.officer, world.yuhu.officer_two
    row = asked(world, person)
    with pytest.raises(SamePerson):
        actions.decide(row, decision="approve", acting_user=officer)
    actions.decide(row, decision="return", words="缺检查单", acting_user=other)
    actions.complete(row, words="已补", acting_user=other)
    with pytest.raises(SamePerson):
        actions.decide(row, decision="approve", acting_user=other)
    assert actions.decide(row, decision="approve", acting_user=world.yuhu.reviewer).decided_by == world.yuhu.reviewer


@pytest.mark.parametrize("worker", ["officer", "officer_two"])
def test_the_database_lets_nobody_decide_what_they_worked_on(world: World, person: Person, worker: str) -> None:
    row = asked(world, person)
    actions.decide(row, decision="return", words="缺检查单", acting_user=world.yuhu.reviewer)
    actions.complete(row, words="已补", acting_user=world.yuhu.officer_two)
    decider: Officer = getattr(world.yuhu, worker)
    with acting(decider), pytest.raises(IntegrityError), transaction.atomic():
        Filing.objects.filter(pk=row.pk).update(state="approved", decided_by=decider)


def test_nobody_approves_without_a_name(world: World, person: Person) -> None:
    row = asked(world, person)
    with acting(world.yuhu.officer), pytest.raises(IntegrityError), transaction.atomic():
        Filing.objects.filter(pk=row.pk).update(state="approved")


def test_reasons_are_needed_where_somebody_is_turned_away(world: World, person: Person) -> None:
    row = asked(world, person)
    for act in (
        lambda: actions.decide(row, decision="refuse", words=" ", acting_user=world.yuhu.reviewer),
        lambda: actions.decide(row, decision="return", acting_user=world.yuhu.reviewer),
        lambda: actions.withdraw(row, words="", acting_user=world.yuhu.officer),
        lambda: actions.revoke(row, words="", acting_user=world.yuhu.officer),
        lambda: actions.end(row, last=today(), words="", acting_user=world.yuhu.officer),
    ):
        with pytest.raises(InputProblem) as refused:
            act()
        assert refused.value.code == "filing_reason"


@pytest.mark.parametrize("state", STATES)
def test_the_database_keeps_the_order_of_states(world: World, person: Person, state: str) -> None:
    row = asked(world, person)
    following = FOLLOWS.get("decision", ())
    with acting(world.yuhu.reviewer):
        change: dict[str, Any] = {"state": state}
        if state in ("approved", "ended", "revoked", "forged"):
            change["decided_by"] = world.yuhu.reviewer
        if state in following or state == "decision":
            assert Filing.objects.filter(pk=row.pk).update(**change) == 1
        else:
            with pytest.raises(DatabaseError, match="does not follow"), transaction.atomic():
                Filing.objects.filter(pk=row.pk).update(**change)


def test_the_database_lets_no_township_pass_the_county_hospital(world: World, person: Person) -> None:
    row, clerk = township(world, person)
    actions.opine(row, opinion="return", words="请补", acting_user=world.yuhu.window)
    with acting(clerk), pytest.raises(IntegrityError, match="has not agreed"), transaction.atomic():
        Filing.objects.filter(pk=row.pk).update(state="decision")


def test_states_are_known_and_end(world: World) -> None:
    assert {after for following in FOLLOWS.values() for after in following} <= set(STATES)
    assert set(OPEN) == {"opinion", "evidence", "decision", "returned"}
    assert all("withdrawn" in FOLLOWS[state] for state in OPEN)


@pytest.mark.parametrize("table", ["filings_filingstep", "filings_evidence", "filings_printing", "filings_term"])
def test_what_was_done_is_not_changed(world: World, person: Person, table: str) -> None:
    approved(world, person)
    with acting(world.yuhu.officer), pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"update {table} set id = id")


@pytest.mark.parametrize("column", ["kind", "person_id", "why", "made_by_id", "number", "to_institution_id", "due_on"])
def test_what_was_asked_is_not_changed(world: World, person: Person, column: str) -> None:
    row = asked(world, person)
    with acting(world.yuhu.officer), pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"update filings_filing set {column} = {column} where id = %s", [row.pk])


# --- Making -----------------------------------------------------------------------------------------------------------


def test_everything_that_is_missing_is_said_at_once(world: World, person: Person) -> None:
    with pytest.raises(Problems) as refused:
        actions.make(
            "referral",
            person,
            from_on=today(),
            to_on=today() - DAY,
            why=" ",
            acting_user=clerk_of(world.yuhu.clinic, "c"),
        )
    told = " ".join(p.text("zh") for p in refused.value.problems)
    assert len(refused.value.problems) == 4
    assert all(word in told for word in ("事由", "转入医院", "县级医院", "截止日期"))
    for kind, word in (("emergency", "急诊日期"), ("offsite", "居住地"), ("chronic", "病种"), ("severe", "病种")):
        with pytest.raises(Problems) as refused:
            actions.make(kind, person, from_on=today(), why="需要", acting_user=world.yuhu.officer)
        assert word in " ".join(p.text("zh") for p in refused.value.problems)


def test_a_period_comes_from_the_term_of_the_nearest_area(world: World, person: Person) -> None:
    said: dict[str, Any] = {"from_on": date(2020, 1, 1), "document": "潭医保发〔2020〕1号"}
    set_term(
        world.xiangtan.area,
        kind="referral",
        days_valid=30,
        days_evidence=None,
        **said,
        acting_user=world.xiangtan.officer,
    )
    assert asked(world, person).last_day == today() + 29 * DAY
    set_term(world.yuhu.area, kind="referral", days_valid=1, days_evidence=None, **said, acting_user=world.yuhu.officer)
    assert asked(world, person).last_day == today()
    later = said | {"from_on": today() + DAY}
    set_term(
        world.yuhu.area, kind="referral", days_valid=10, days_evidence=None, **later, acting_user=world.yuhu.officer
    )
    assert asked(world, person).last_day == today()
    assert asked(world, person, from_on=today() + DAY).last_day == today() + 10 * DAY
    assert asked(world, person, "chronic").last_day is None


def test_terms_are_refused_without_a_source_or_twice(world: World) -> None:
    said: dict[str, Any] = {
        "from_on": today(),
        "days_valid": 30,
        "days_evidence": None,
        "document": "文",
        "kind": "referral",
    }
    officer = world.yuhu.officer
    with pytest.raises(Problems) as refused:
        set_term(world.yuhu.area, **said | {"document": " ", "days_valid": 0, "days_evidence": 3}, acting_user=officer)
    assert codes(refused.value) == ["filing_incomplete"] * 3
    with pytest.raises(Problems) as refused:
        set_term(world.yuhu.area, **said | {"kind": "emergency"}, acting_user=officer)
    assert "当次就诊" in refused.value.problems[0].text("zh")
    set_term(world.yuhu.area, **said, acting_user=officer)
    with pytest.raises(Problems) as refused:
        set_term(world.yuhu.area, **said, acting_user=officer)
    assert codes(refused.value) == ["filing_term_there"]
    with pytest.raises(NotFound):
        set_term(world.xiangtan_county.area, **said, acting_user=officer)
    with pytest.raises(NotAllowed):
        set_term(world.yuhu.area, **said, acting_user=world.yuhu.window)
    with acting(world.songshan.officer):
        assert Term.objects.count() == 1  # published: a city's binds its counties


def test_one_registration_for_a_disease_at_a_time(world: World, person: Person) -> None:
    first = asked(world, person, "chronic")
    with pytest.raises(Problems) as refused:
        asked(world, person, "chronic")
    assert first.number in refused.value.problems[0].text("zh")
    asked(world, person, "chronic", disease="高血压")
    actions.decide(first, decision="refuse", words="不符合", acting_user=world.yuhu.reviewer)
    second = asked(world, person, "chronic", to_on=today() + 10 * DAY)
    actions.decide(second, decision="approve", acting_user=world.yuhu.reviewer)
    asked(world, person, "chronic", from_on=today() + 11 * DAY)
    with acting(world.yuhu.officer), pytest.raises(IntegrityError), transaction.atomic():
        Filing.objects.filter(pk=second.pk).update(valid=DateRange(today(), None))


def test_a_registration_of_a_merged_record_is_in_the_way_too(world: World, person: Person) -> None:
    other = patient(world, 9, "试样乙")
    first = asked(world, other, "severe")
    merge = propose_merge(person, dropped=other, why="同一人，旧号录错", acting_user=world.yuhu.officer)
    decide_merge(merge, accept=True, acting_user=world.yuhu.reviewer)
    with pytest.raises(Problems) as refused:
        asked(world, person, "severe")
    assert first.number in refused.value.problems[0].text("en")
    with acting(world.yuhu.officer):
        assert [row.pk for row in queries.of_person(person)] == [first.pk]
    assert asked(world, other, "offsite").person_id == person.pk, "a merged record leads to the one that was kept"


def test_a_certificate_is_not_for_hospitals_to_ask_for(world: World, person: Person) -> None:
    with pytest.raises(NotFound):
        asked(world, person, "certificate", by=world.yuhu.window)
    assert asked(world, person, "certificate").number.startswith("JZ")
    assert not KINDS["certificate"].by_hospital


def test_nothing_is_filed_for_days_after_a_death(world: World, person: Person) -> None:
    with acting(world.yuhu.officer):
        Person.objects.filter(pk=person.pk).update(died_on=today() - DAY)
    with pytest.raises(Problems) as refused:
        asked(world, person)
    assert "去世" in refused.value.problems[0].text("zh")
    asked(world, person, from_on=today() - DAY)


def test_filings_go_where_their_person_goes(world: World, person: Person) -> None:
    row = approved(world, person, "chronic")
    move_person(person, area=world.xiangtan_county.area, why="全家迁往那里", acting_user=world.xiangtan.officer)
    with acting(world.yuhu.officer):
        assert not Filing.objects.filter(pk=row.pk).exists()
    with acting(world.xiangtan_county.officer):
        assert Filing.objects.get(pk=row.pk).area_path == world.xiangtan_county.area.path


# --- Evidence ---------------------------------------------------------------------------------------------------------


def emergency(world: World, person: Person, days: int | None = 5, **said: Any) -> Filing:
    if days:
        set_term(
            world.yuhu.area, kind="emergency", from_on=date(2020, 1, 1), days_valid=None, days_evidence=days, document="暂定",
            stand_in=True, acting_user=world.yuhu.officer,
        )  # fmt: skip
    return asked(world, person, "emergency", by=world.yuhu.window, **said)


def test_an_emergency_waits_for_evidence_that_is_sealed(world: World, person: Person) -> None:
    row = emergency(world, person)
    assert (row.state, row.due_on, row.to_institution) == ("evidence", today() + 5 * DAY, world.yuhu.hospital)
    made = add_evidence(row, name="急诊病历.pdf", content=PDF, on=today() + 5 * DAY, acting_user=world.yuhu.window)
    assert states(row) == "decision"
    with acting(ALL):
        kept = Evidence.objects.get(pk=made.pk)
    assert PDF not in kept.sealed.encode() and kept.kind == "application/pdf" and kept.bytes == len(PDF)
    with acting(world.yuhu.officer):
        assert open_evidence(queries.evidence(row.pk, made.pk), acting_user=world.yuhu.officer) == PDF
    with acting(ALL):
        assert Audit.objects.filter(act="filing.see_evidence", person_id=person.pk).count() == 1


def test_evidence_moved_to_another_filing_does_not_open(world: World, person: Person) -> None:
    row = emergency(world, person)
    made = add_evidence(row, name="病历.pdf", content=PDF, on=today(), acting_user=world.yuhu.window)
    made.filing = asked(world, person, "offsite")
    with acting(world.yuhu.officer), pytest.raises(crypto.SealBroken):
        open_evidence(made, acting_user=world.yuhu.officer)


def test_late_evidence_is_refused_and_the_bureau_closes_the_case(world: World, person: Person) -> None:
    on = today() - 10 * DAY
    row = emergency(world, person, from_on=on, emergency_on=on)
    with pytest.raises(InputProblem) as refused:
        add_evidence(row, name="a.pdf", content=PDF, on=today(), acting_user=world.yuhu.window)
    assert refused.value.code == "evidence_late"
    with acting(world.yuhu.officer):
        shown = queries.filing(row.pk)
        assert "close" in queries.acts_of(shown, world.yuhu.officer, today())
        late = queries.overdue(world.yuhu.officer)
    assert late is not None and late.late and late.count == 1
    with pytest.raises(InputProblem):
        actions.decide(row, decision="approve", acting_user=world.yuhu.officer)
    assert actions.decide(row, decision="refuse", words="逾期", acting_user=world.yuhu.officer).state == "rejected"


def test_an_emergency_in_time_is_not_refused_before_its_evidence(world: World, person: Person) -> None:
    row = emergency(world, person)
    with pytest.raises(InputProblem) as refused:
        actions.decide(row, decision="refuse", words="不等了", acting_user=world.yuhu.officer)
    assert refused.value.code == "filing_not_its_turn"


@pytest.mark.parametrize(
    "content", [b"", b"MZ\x90", b"<html>", b"%PDF-" + b"0" * MOST_BYTES], ids=["empty", "exe", "html", "large"]
)
def test_only_papers_are_evidence(world: World, person: Person, content: bytes) -> None:
    row = emergency(world, person)
    with pytest.raises(InputProblem) as refused:
        add_evidence(row, name="病历", content=content, on=today(), acting_user=world.yuhu.window)
    assert refused.value.code == "evidence_kind"
    assert states(row) == "evidence"


def test_evidence_is_scanned_before_it_is_kept(world: World, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    row = emergency(world, person)
    monkeypatch.setenv("YIZHAN_SCAN_COMMAND", "false")
    with pytest.raises(Problems) as refused:
        add_evidence(row, name="a.pdf", content=PDF, on=today(), acting_user=world.yuhu.window)
    assert codes(refused.value) == ["malware_suspected"]
    assert states(row) == "evidence"


def test_no_evidence_after_the_decision(world: World, person: Person) -> None:
    row = approved(world, person)
    with pytest.raises(InputProblem) as refused:
        add_evidence(row, name="a.pdf", content=PDF, on=today(), acting_user=world.yuhu.officer)
    assert refused.value.code == "filing_not_its_turn"


# --- Ends -------------------------------------------------------------------------------------------------------------


def test_an_ended_filing_keeps_its_days_and_a_revoked_one_none(world: World, person: Person) -> None:
    row = approved(world, person, "chronic", from_on=today() - 30 * DAY)
    for last in (today() - 31 * DAY,):
        with pytest.raises(InputProblem) as refused:
            actions.end(row, last=last, words="不再符合", acting_user=world.yuhu.officer)
        assert refused.value.code == "filing_incomplete"
    ended = actions.end(row, last=today(), words="不再符合", acting_user=world.yuhu.officer)
    assert (ended.state, ended.last_day) == ("ended", today())
    assert ended.holds_on(today()) and not ended.holds_on(today() + DAY)
    asked(world, person, "chronic", from_on=today() + DAY)
    revoked = actions.revoke(ended, words="当初就不符合", acting_user=world.yuhu.officer)
    assert not revoked.holds_on(today())
    with pytest.raises(InputProblem):
        actions.revoke(revoked, forged=True, words="再来", acting_user=world.yuhu.officer)


def test_only_the_side_that_made_it_takes_it_back(world: World, person: Person) -> None:
    row = asked(world, person, by=world.yuhu.window)
    for stranger in (world.yuhu.officer, clerk_of(city_hospital(world), "city.window")):
        with pytest.raises(NotFound):
            actions.withdraw(row, words="撤", acting_user=stranger)
    assert actions.withdraw(row, words="病人不去了", acting_user=world.yuhu.hospital_manager).state == "withdrawn"
