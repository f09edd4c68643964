"""Waivers at the window (JM-5): bill lines with a charge give the amounts of the areas' worked examples."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from yizhan.agency.care.claims import DaySum, claim_of
from yizhan.agency.care.models import Visit
from yizhan.agency.care.years import Asked, answer
from yizhan.engine.facts import CHARGES
from yizhan.policy.areas import Library
from yizhan.policy.examples import Example, read_examples

LIBRARY = Library()
AREAS = {"440700": "江门", "210100": "沈阳"}


def examples() -> Iterator[Any]:
    """Rows with a charge, or of a pharmacy, that settle alone."""
    for code, area_name in AREAS.items():
        folder = next(area for area in LIBRARY.pooling_areas if area.code == code)
        for example in read_examples(folder, LIBRARY.root, LIBRARY.scheme(code)):
            charged = any(example.claim.costs.charges) or example.claim.facts.get("care") == "pharmacy"
            if (
                charged
                and example.sequence.endswith(f":{example.line}")
                and not example.claim.given
                and not example.expected.get("拒绝")
            ):
                yield pytest.param(code, example, id=f"{area_name}-{example.name}")


def lines_of(example: Example) -> list[DaySum]:
    """The bill as lines: each charge a line of its own, taken from the pots from the last to the first."""
    pots, on = list(example.claim.costs.pots), example.claim.discharged_on
    found = []
    for charge, fen in zip(CHARGES, example.claim.costs.charges, strict=True):
        part = [0, 0, 0, 0]
        for pot in (3, 2, 1, 0):
            part[pot] = min(pots[pot], fen - sum(part))
            pots[pot] -= part[pot]
        if fen:
            found.append(DaySum(on, charge, (part[0], part[1], part[2], part[3]), False, 1))
    return [DaySum(on, "", (pots[0], pots[1], pots[2], pots[3]), False, 1), *found]


def person_of(example: Example) -> dict[str, Any]:
    person = example.beneficiary
    known: dict[str, Any] = {
        "person": person.person or "演示", "born_on": person.born_on.isoformat() if person.born_on else "1970-01-01", "sex": "female",
        "identities": [
            {"identity": m.identity, "from": "2000-01-01", "to": m.to_on.isoformat() if m.to_on else None, "certified_by": "other"}
            for m in person.identities
        ],
    }  # fmt: skip
    return known | {key: person.facts[key] for key in ("insurance", "insured_county") if key in person.facts}


@pytest.mark.parametrize(("code", "example"), list(examples()))
def test_charges_at_the_window_give_the_waiver_of_the_worked_example(code: str, example: Example) -> None:
    claim, scheme = example.claim, LIBRARY.scheme(code)
    facts: dict[str, Any] = {k: sorted(v) if isinstance(v, frozenset | set) else v for k, v in claim.facts.items()}
    care = str(facts.pop("care"))
    diagnoses = facts.pop("diagnoses", [])
    visit = Visit(
        number="1", care=care, admitted_on=claim.admitted_on, discharged_on=claim.discharged_on, diagnoses=diagnoses,
        facts=facts, area_path="000000.", source="import",
    )  # fmt: skip
    asked = claim_of(visit, institution=None, sums=lines_of(example), filed={}, on=claim.settled_on, scheme=scheme)
    outcome = answer(Asked(code, person_of(example), asked), {}).outcome
    for column in ("窗口减免", "个人负担"):
        said = example.expected.get(column, "")
        found = (
            outcome.patient_share
            if column == "个人负担"
            else sum(p.amount for p in outcome.payments if p.layer.name == column)
        )
        if said not in ("", "无"):
            assert int(Decimal(said.removesuffix("元")) * 100) == found, column


def test_a_stay_over_the_years_end_keeps_its_charges() -> None:
    scheme = LIBRARY.scheme("440700")
    code, example = next(examples()).values
    assert code == "440700"
    last = example.claim.discharged_on.replace(month=12, day=31)
    visit = Visit(
        number="1",
        care="inpatient",
        admitted_on=last,
        discharged_on=last + timedelta(days=5),
        facts={},
        area_path="000000.",
    )
    sums = [DaySum(last, "registration_fee", (0, 0, 0, 1_000), False, 1), DaySum(last, "", (50_000, 0, 0, 0), False, 3)]
    lines = claim_of(visit, institution=None, sums=sums, filed={}, on=last + timedelta(days=5), scheme=scheme)["lines"]
    assert [(line.get("charge", ""), line["total"]) for line in lines] == [
        ("", "500.00"),
        ("registration_fee", "10.00"),
    ]


def test_refunds_of_a_charge_reduce_it() -> None:
    scheme = LIBRARY.scheme("440700")
    _, example = next(examples()).values
    on = example.claim.discharged_on
    visit = Visit(number="1", care="inpatient", admitted_on=on, discharged_on=on, facts={}, area_path="000000.")
    sums = [
        DaySum(on, "registration_fee", (0, 0, 0, 2_000), False, 2), DaySum(on, "registration_fee", (0, 0, 0, -500), False, 1),
        DaySum(on, "", (50_000, 0, 0, 0), False, 3),
    ]  # fmt: skip
    claim = claim_of(visit, institution=None, sums=sums, filed={}, on=on, scheme=scheme)
    assert claim["charges"] == {"registration_fee": "15.00"}
