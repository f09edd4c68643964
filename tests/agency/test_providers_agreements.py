"""Agreements: how an institution stands on any day, who may change that, and what the database keeps."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.agency.providing import EVERYBODY, SINCE, signed
from tests.agency.world import World
from yizhan.agency.providers import queries
from yizhan.agency.providers.actions import agreements
from yizhan.agency.providers.models import Agreement, AgreementEvent, Designation
from yizhan.agency.staff.errors import NotAllowed, NotFound
from yizhan.agency.staff.scope import Actor, acting
from yizhan.errors import Problems

LAST = date(2026, 12, 31)


def standing(world: World, on: date, actor: Actor | None = None) -> queries.Standing:
    with acting(actor or world.yuhu.window):
        return queries.standing(world.yuhu.hospital.pk, on)


def change(agreement: Agreement, world: World, kind: str, on: date, reason: str = "整改") -> AgreementEvent:
    return agreements.change_standing(
        agreement, kind=kind, from_on=on, reason=reason, document="演协停〔2026〕1号", acting_user=world.yuhu.officer
    )


def test_an_agreement_binds_from_its_first_to_its_last_day(world: World) -> None:
    signed(world.yuhu, treat_first=True, deposit=False)
    days = [date(2025, 12, 31), SINCE, LAST, date(2027, 1, 1)]
    assert [standing(world, on).active for on in days] == [False, True, True, False]
    before, first, _, after = (standing(world, on) for on in days)
    assert first == queries.Standing(
        True, agreement="演协〔2026〕1号", cares=frozenset({"inpatient", "outpatient"}), treat_first=True
    )
    assert first.covers("inpatient") and not first.covers("pharmacy")
    assert (
        "没有有效的定点协议" in before.why_zh and "2026-12-31" in after.why_zh and "ended on 2026-12-31" in after.why_en
    )


def test_a_suspension_holds_until_it_is_lifted_and_the_later_row_of_a_day_counts(world: World) -> None:
    agreement = signed(world.yuhu)
    change(agreement, world, "suspended", date(2026, 3, 1))
    change(agreement, world, "resumed", date(2026, 4, 1))
    days = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 31), date(2026, 4, 1)]
    assert [standing(world, on).active for on in days] == [True, False, False, True]
    suspended = standing(world, days[1])
    assert (suspended.state, suspended.agreement) == ("suspended", "演协〔2026〕1号")
    assert not suspended.covers("inpatient")
    change(agreement, world, "suspended", date(2026, 4, 1))
    assert not standing(world, days[3]).active


def test_a_termination_ends_the_period_and_another_agreement_may_follow(world: World) -> None:
    agreement = signed(world.yuhu)
    change(agreement, world, "terminated", date(2026, 5, 1))
    assert [standing(world, on).active for on in (date(2026, 4, 30), date(2026, 5, 1))] == [True, False]
    signed(world.yuhu, first=date(2026, 5, 1), number="演协〔2026〕2号")
    assert standing(world, date(2026, 5, 1)).agreement == "演协〔2026〕2号"


def test_all_that_is_wrong_with_an_agreement_is_said_at_once(world: World) -> None:
    signed(world.yuhu)
    with pytest.raises(Problems) as refused:
        signed(world.yuhu, cares=())
    assert {p.code for p in refused.value.problems} == {"care_needed", "agreement_number_taken", "agreement_overlaps"}


@pytest.mark.parametrize(
    ("kind", "on", "reason", "codes"),
    [
        ("suspended", date(2027, 1, 1), "", {"event_outside", "reason_missing"}),
        ("resumed", date(2026, 3, 1), "x", {"event_again"}),
        ("terminated", SINCE, "x", {"termination_at_start"}),
    ],
)
def test_changes_that_cannot_be_are_refused(world: World, kind: str, on: date, reason: str, codes: set[str]) -> None:
    agreement = signed(world.yuhu)
    with pytest.raises(Problems) as refused:
        change(agreement, world, kind, on, reason)
    assert {p.code for p in refused.value.problems} == codes


def test_a_change_is_not_entered_before_a_later_one(world: World) -> None:
    agreement = signed(world.yuhu)
    change(agreement, world, "suspended", date(2026, 3, 1))
    with pytest.raises(Problems, match="later change"):
        change(agreement, world, "resumed", date(2026, 2, 1))


def test_designations_hold_for_their_periods(world: World) -> None:
    officer = world.yuhu.officer
    signed(world.yuhu)
    made = agreements.designate(
        world.yuhu.hospital,
        kind="severe_programme",
        first=SINCE,
        last=None,
        document="演〔2026〕3号",
        acting_user=officer,
    )
    assert standing(world, SINCE).designations == {"severe_programme"}
    with pytest.raises(Problems, match="overlap"):
        agreements.designate(
            world.yuhu.hospital, kind="severe_programme", first=LAST, last=None, document="演", acting_user=officer
        )
    agreements.end_designation(made, last=date(2026, 6, 30), why="名单调整", acting_user=officer)
    assert standing(world, date(2026, 6, 30)).designations
    assert not standing(world, date(2026, 7, 1)).designations


def test_a_closed_institution_and_an_unknown_one(world: World) -> None:
    signed(world.yuhu)
    world.yuhu.hospital.ended_on = date(2026, 2, 1)
    world.yuhu.hospital.save()
    assert standing(world, date(2026, 1, 31)).active
    assert standing(world, date(2026, 2, 1)).state == "ended"
    with acting(world.yuhu.officer), pytest.raises(NotFound):
        queries.standing(0, SINCE)


def test_one_statement_wherever_the_institution_lies(world: World) -> None:
    signed(world.yuhu)
    for actor in (world.xiangtan_county.officer, world.xiangtan_county.window, world.songshan.officer):
        with acting(actor), CaptureQueriesContext(connection) as seen:
            assert queries.standing(world.yuhu.hospital.pk, SINCE).active
            assert len(seen) == 1
            assert not Agreement.objects.exists()


def test_agreements_are_shown_to_the_bureau_of_the_area_and_to_the_institution_itself(world: World) -> None:
    signed(world.yuhu)
    seen = {}
    for name, actor in {
        "officer": world.yuhu.officer, "city": world.xiangtan.officer, "own": world.yuhu.hospital_manager,
        "other county": world.xiangtan_county.officer, "other hospital": world.xiangtan_county.hospital_manager,
    }.items():  # fmt: skip
        with acting(actor):
            seen[name] = Agreement.objects.count()
    assert seen == {"officer": 1, "city": 1, "own": 1, "other county": 0, "other hospital": 0}


def test_nobody_makes_agreements_outside_the_area_or_without_the_right(world: World) -> None:
    terms: dict[str, Any] = {
        "cares": ["inpatient"],
        "signed_on": SINCE,
        "signed_for_bureau": "甲",
        "signed_for_institution": "乙",
    }
    with pytest.raises(NotFound):
        agreements.sign(
            world.yuhu.hospital, number="1", first=SINCE, last=LAST, acting_user=world.xiangtan_county.officer, **terms
        )
    for officer in (world.yuhu.hospital_manager, world.yuhu.reviewer):
        with pytest.raises(NotAllowed):
            agreements.sign(world.yuhu.hospital, number="1", first=SINCE, last=LAST, acting_user=officer, **terms)


def test_the_database_itself_refuses_what_the_actions_do(world: World) -> None:
    agreement = signed(world.yuhu)
    event = change(agreement, world, "suspended", date(2026, 3, 1))

    def refused(actor: Actor, write: object) -> None:
        with pytest.raises(DatabaseError), acting(actor), transaction.atomic():
            write()  # type: ignore[operator]  # a function without arguments

    hospital, officer = world.yuhu.hospital_manager, world.yuhu.officer
    again = {
        "institution": world.yuhu.hospital, "area_path": world.yuhu.area.path, "valid": agreement.valid, "signed_to": LAST, "cares": ["x"],
        "signed_on": SINCE, "signed_for_bureau": "a", "signed_for_institution": "b", "made_by": hospital,
    }  # fmt: skip
    refused(officer, lambda: Agreement.objects.create(number="overlapping", **again))
    refused(hospital, lambda: AgreementEvent.objects.create(
        agreement=agreement, institution=world.yuhu.hospital, area_path=world.yuhu.area.path, kind="resumed", from_on=LAST,
        reason="自己恢复", made_by=hospital,
    ))  # fmt: skip
    refused(hospital, lambda: Designation.objects.create(
        institution=world.yuhu.hospital, area_path=world.yuhu.area.path, kind="poverty_relief", valid=agreement.valid, document="x", made_by=hospital,
    ))  # fmt: skip
    refused(officer, lambda: AgreementEvent.objects.filter(pk=event.pk).update(reason="改写"))
    refused(officer, lambda: Agreement.objects.filter(pk=agreement.pk).update(number="改号"))
    with acting(hospital):
        assert Agreement.objects.filter(pk=agreement.pk).update(withdrawn_why="x") == 0
    with acting(EVERYBODY):
        assert AgreementEvent.objects.get().reason == "整改"


def test_agreements_that_end_soon_wait_on_the_home_page_unless_one_follows(world: World) -> None:
    today = timezone.localdate()
    signed(world.yuhu, first=date(today.year - 1, 1, 1), last=today)
    with acting(world.yuhu.officer):
        waiting = queries.agreements_ending(world.yuhu.officer)
    assert waiting is not None and waiting.count == 1
    signed(world.yuhu, first=date(today.year + 1, 1, 1), last=date(today.year + 1, 12, 31), number="下一份")
    with acting(world.yuhu.officer):
        waiting = queries.agreements_ending(world.yuhu.officer)
    assert waiting is not None and waiting.count == 0
