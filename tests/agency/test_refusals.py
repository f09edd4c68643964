"""Refusals of a settlement: in the order that docs/refusals.md gives, all that can be found at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.agency.caring import patient, ready, settled, stay
from tests.agency.world import World
from yizhan.agency.care import actions, errors
from yizhan.agency.care.refusals import as_page
from yizhan.agency.care.settling import presettle, settle
from yizhan.errors import Problems

DOCS = Path(__file__).resolve().parents[2] / "docs"
DAY = timedelta(days=1)


def codes(act: Any) -> list[str]:
    with pytest.raises((Problems, errors.Problem)) as found:
        act()
    problems = found.value.problems if isinstance(found.value, Problems) else [found.value]
    return [p.code for p in problems if isinstance(p, errors.Problem)]


def test_the_page_of_refusals_is_written_from_the_classes() -> None:
    assert (DOCS / "refusals.md").read_text(encoding="utf-8") == as_page(), "write docs/refusals.md anew (see its head)"


def test_every_refusal_says_what_was_found_and_what_to_do_in_two_languages() -> None:
    for error in errors.ORDER:
        assert error.code and error.zh and error.en
    assert len({error.code for error in errors.ORDER}) == len(errors.ORDER)


def test_several_faults_of_one_visit_are_reported_at_once_and_in_order(world: World) -> None:
    yuhu, person, today = world.yuhu, patient(world), timezone.localdate()
    settled(yuhu, stay(yuhu, person, days_ago=3, length=10))
    empty = actions.register_visit(
        person, institution=yuhu.hospital, care="inpatient", admitted_on=today - 8 * DAY, discharged_on=today - 2 * DAY,
        acting_user=yuhu.window,
    )  # fmt: skip
    found = codes(lambda: settle(empty.pk, on=today - 3 * DAY, acting_user=yuhu.window))
    assert found == ["discharge_ahead", "nothing_to_settle", "stay_overlaps", "later_bill_settled"]
    order = [error.code for error in errors.ORDER]
    assert found == sorted(found, key=order.index)


def test_what_must_be_cleared_up_first_stands_alone(world: World) -> None:
    yuhu, person, today = world.yuhu, patient(world), timezone.localdate()
    ready(yuhu.hospital, yuhu.area)
    stay_on = actions.register_visit(
        person, institution=yuhu.hospital, care="inpatient", admitted_on=today - 8 * DAY, acting_user=yuhu.window
    )
    assert codes(lambda: settle(stay_on.pk, on=today, acting_user=yuhu.window)) == ["not_discharged"]
    # A preview is the bill as of today, so it only lacks the cost.
    assert codes(lambda: presettle(stay_on.pk, on=today, acting_user=yuhu.window)) == ["nothing_to_settle"]
    actions.cancel_visit(stay_on.pk, why="登记错", acting_user=yuhu.window)
    assert codes(lambda: settle(stay_on.pk, on=today, acting_user=yuhu.window)) == ["visit_cancelled"]
    assert codes(lambda: settle(987654321, on=today, acting_user=yuhu.window)) == ["not_found"]
    done = stay(yuhu, person)
    assert codes(lambda: settle(done.pk, on=today, acting_user=yuhu.officer)) == ["not_allowed"]
    settled(yuhu, done)
    assert codes(lambda: settled(yuhu, done)) == ["already_settled"]
