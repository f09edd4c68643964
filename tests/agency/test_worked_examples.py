"""The worked examples of every shipped policy, settled through the platform's own pages: to the fen what the engine says.

A part of them in every run; all of them with YIZHAN_ALL_EXAMPLES=1.
"""

from __future__ import annotations

import json
import os
from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test import Client

from tests.agency.world import make_world
from yizhan.agency.care.models import Settlement
from yizhan.agency.enrolment.actions.covers import record_cover
from yizhan.agency.enrolment.beneficiaries import insurers_at
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.people.bulk import NewPerson, register_in_bulk
from yizhan.agency.people.identifiers import read_identifier, synthetic_id
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.staff.models import Area, Institution, Officer
from yizhan.agency.staff.scope import acting
from yizhan.engine.claim import Claim
from yizhan.engine.facts import CHARGES, POTS
from yizhan.engine.money import parse_yuan, yuan
from yizhan.policy.areas import AreaFolder, Library
from yizhan.policy.examples import Example, read_examples, run

LIBRARY = Library()
EVERY = 1 if os.environ.get("YIZHAN_ALL_EXAMPLES") else 12
"""Of how many persons one is taken."""

PROVINCES = {
    "15": ("150000", "内蒙古自治区"),
    "21": ("210000", "辽宁省"),
    "43": ("430000", "湖南省"),
    "44": ("440000", "广东省"),
}


@pytest.mark.parametrize("folder", LIBRARY.pooling_areas, ids=lambda folder: folder.name)
def test_worked_examples_settled_through_pages_come_to_the_engines_amounts(db: None, folder: AreaFolder) -> None:
    scheme = LIBRARY.scheme(folder.code)
    groups: dict[str, list[Any]] = {}
    for outcome in run(read_examples(folder, LIBRARY.root, scheme), scheme):
        assert not outcome.problems
        groups.setdefault(outcome.example.sequence, []).append(outcome)
    # Where the rows of one person tell other identities each, no register of periods says the same.
    fit = [
        g
        for g in groups.values()
        if len({o.example.beneficiary.identities for o in g}) == 1 and all(o.settlement for o in g)
    ]
    taken = fit[::EVERY]
    place = Place(folder)
    people = place.register([[o.example for o in group] for group in taken])
    bills = [
        {
            "id_number": number, "name": f"算例{k}", "institution": place.institution.code,
            "claim": {**as_claim(outcome.example.claim), "claim": f"E{k}-{n}"},
        }
        for (k, group), number in zip(enumerate(taken), people, strict=True)
        for n, outcome in enumerate(group)
    ]  # fmt: skip
    answer = place.browser.post(
        "/care/import", {"file": SimpleUploadedFile("e.json", json.dumps({"bills": bills}).encode())}
    )
    assert answer.status_code == 302, answer.content.decode()
    work_off()
    page = place.browser.get(answer["Location"]).content.decode()
    with acting(place.officer):
        settled = {row.visit.number: row for row in Settlement.objects.select_related("visit")}
    assert len(settled) == len(bills), page
    for k, group in enumerate(taken):
        for n, outcome in enumerate(group):
            row, expected = settled[f"E{k}-{n}"], outcome.settlement
            paid = {(p["layer"], p["year"]): parse_yuan(p["amount"]) for p in row.result["payments"]}
            assert paid == {(p.layer.name, p.year): p.amount for p in expected.payments}, outcome.example.name
            assert (row.paid_fen, row.held_fen, row.patient_fen) == (
                expected.paid,
                expected.held,
                expected.patient_share,
            )


class Place:
    """A pooling area with the counties that its examples name, an officer of the city and one hospital."""

    def __init__(self, folder: AreaFolder) -> None:
        world = make_world()
        self.areas = dict(world.areas)
        province, name = PROVINCES[folder.code[:2]]
        above = self._area(province, name, "province", world.areas["000000"])
        self.city = self._area(folder.code, folder.name, "city", above)
        self.officer = Officer.objects.create(
            username="examples", name="算例员", roles=["city_officer"], area=self.city, area_path=self.city.path,
            department="healthcare_security", password=world.yuhu.officer.password, password_set_at=world.yuhu.officer.password_set_at,
        )  # fmt: skip
        self.institution = Institution.objects.create(
            code="H-EXAMPLES", name="算例医院", level="level_2", tier="county", area=self.city, area_path=self.city.path
        )
        self.browser = Client()
        self.browser.force_login(self.officer)

    def _area(self, code: str, name: str, level: str, parent: Area) -> Area:
        if code not in self.areas:
            path = f"{parent.path}{code}."
            self.areas[code] = Area.objects.create(code=code, name=name, level=level, parent=parent, path=path)
        return self.areas[code]

    def register(self, groups: list[list[Example]]) -> list[str]:
        """Register the persons of examples, each row of one person, with their identities. Returns their numbers."""
        numbers, rows = [], []
        for k, group in enumerate(groups):
            who = group[0].beneficiary
            born = who.born_on or date(1970, 1, 1)
            parity = 0 if who.facts.get("sex") == "female" else 1
            number = synthetic_id(f"99{k // 400:04d}", born, 2 * (k % 400) + parity)
            numbers.append(number)
            county = str(who.facts.get("insured_county", "算例县"))
            code = next(
                (c for c, a in self.areas.items() if a.name == county),
                f"{self.city.code[:4]}{90 + len(self.areas) % 10}",
            )
            area = self._area(code, county, "county", self.city)
            identifier = read_identifier("resident_id", number, date(2026, 11, 2))
            rows.append(
                NewPerson(
                    identifier=identifier, name=f"算例{k}", sex="male" if parity else "female", born_on=born, phone="",
                    address="", area_path=area.path,
                )
            )  # fmt: skip
        ids = register_in_bulk(rows, acting_user=self.officer)
        with acting(self.officer):
            IdentityMark.objects.bulk_create(
                IdentityMark(
                    person_id=number or 0, area_path=row.area_path, identity=mark.identity, certified_by=mark.certified_by or "other",
                    valid=DateRange(mark.from_on, mark.to_on and date.fromordinal(mark.to_on.toordinal() + 1)),
                )
                for number, row, group in zip(ids, rows, groups, strict=True)
                for mark in dict.fromkeys(mark for example in group for mark in example.beneficiary.identities)
            )  # fmt: skip
            self.cover(groups, [number or 0 for number in ids])
        return numbers

    def cover(self, groups: list[list[Example]], persons: list[int]) -> None:
        """Note who holds supplementary insurance, on the days of the bills; who has no record holds none."""
        for number, group in zip(persons, groups, strict=True):
            person = Person.objects.get(pk=number)
            for day in {e.claim.discharged_on for e in group if e.beneficiary.facts.get("supplementary") == "yes"}:
                record_cover(
                    person, insurer=insurers_at(person.area_path)[0], first_day=day, last_day=day, document="算例",
                    acting_user=self.officer,
                )  # fmt: skip


def as_claim(claim: Claim) -> dict[str, Any]:
    """A claim as docs/settle.md describes it."""
    body: dict[str, Any] = {
        "admitted_on": claim.admitted_on.isoformat(), "discharged_on": claim.discharged_on.isoformat(),
        "settled_on": claim.settled_on.isoformat(), "amounts": amounts(claim.costs.pots),
        "charges": {c: yuan(fen) for c, fen in zip(CHARGES, claim.costs.charges, strict=True) if fen},
    }  # fmt: skip
    body |= {key: sorted(value) if isinstance(value, frozenset) else value for key, value in claim.facts.items()}
    if claim.by_year:
        body["amounts_by_year"] = {str(year): amounts(costs.pots) for year, costs in claim.by_year.items()}
    if claim.given:
        body["given"] = {
            layer: {"amount": yuan(given.amount)}
            | ({} if given.deductible is None else {"deductible": yuan(given.deductible)})
            for layer, given in claim.given.items()
        }
    return {key: value for key, value in body.items() if value not in ({}, None)}


def amounts(pots: tuple[int, ...]) -> dict[str, str]:
    """Pots and their total in yuan."""
    return {"total": yuan(sum(pots)), **{pot: yuan(fen) for pot, fen in zip(POTS, pots, strict=True)}}
