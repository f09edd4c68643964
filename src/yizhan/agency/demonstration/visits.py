"""A day at the windows of the demonstration: patients in house, discharged and waiting to be settled, settled and paid, in arrears.

Songshan's policies end in 2020, so its window settles late bills of that year.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import cycle, islice

from django.utils import timezone

from yizhan.agency.care import actions
from yizhan.agency.care.line_files import amount_of
from yizhan.agency.care.models import Visit
from yizhan.agency.demonstration import catalogues
from yizhan.agency.demonstration.country import officer
from yizhan.agency.demonstration.population import Made, drawn, known
from yizhan.agency.enrolment.models import Enrolment
from yizhan.agency.filings.actions import filing
from yizhan.agency.people.models import Person
from yizhan.agency.providers.splitting import Charge
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.scope import acting

TODAY = {"songshan": date(2020, 11, 20)}
"""The day at a window whose policies are of the past."""

_DAILY = ("YS2003", "YS2004", "YS2006", "YS1003", "YS3001", "YS2012")
"""Charged on every day in hospital: doctor's visit, bed, nursing, infusion."""
_ONCE = ("YS1005", "YS2007", "YS2008", "YS2010", "YS1004", "YS1009", "YS2015", "YS3003")
_PRICES = {
    "YS2002": 8, "YS2003": 10, "YS2004": 25, "YS2006": 15, "YS1003": 4, "YS3001": 3, "YS2012": 8, "YS1005": 12, "YS2007": 18, "YS2008": 100, "YS2010": 260,
    "YS1004": 32, "YS1009": 85, "YS2015": 900, "YS3003": 1_450, "YS1002": 9, "YS1006": 58, "YS2013": 400,
}  # fmt: skip
"""Yuan; made up."""


def make(county: str) -> None:
    """The day of one county's window."""
    clerk = officer(f"{county}.window")
    today = TODAY.get(county, timezone.localdate())
    people = _insured(county)
    waiting = [
        (0, 9, "K35.8 急性阑尾炎", 6), (1, 14, "C16.9 胃恶性肿瘤", 30), (2, 6, "J18.9 肺炎", 2), (3, 21, "S72.0 股骨颈骨折", 14),
    ]  # fmt: skip
    for place, days, diagnosis, more in waiting:
        _stay(clerk, people[place], today - timedelta(days=days), today, diagnosis, more=more)
    for place, code, disease, icd, diagnosis in (
        (4, "YS1006", "糖尿病", "E11", "E11.9 2型糖尿病"), (5, "YS2013", "终末期肾病", "N18.5", "N18.5 慢性肾脏病5期"),
    ):  # fmt: skip
        _register(county, people[place], disease, icd, today - timedelta(days=60))
        visit = _visit(clerk, people[place], "chronic", today, today, diagnosis)
        _charge(clerk, visit, [(today, "YS2002", 1), (today, code, 4), (today, "YS1002", 3)])
    for place, days in ((6, 3), (7, 11)):
        visit = _stay(clerk, people[place], today - timedelta(days=days), None, "I63.9 脑梗死", until=today)
        if place == 7:
            actions.take_money(visit.pk, kind="deposit", fen=200_000, method="cash", on=today, acting_user=clerk)
    actions.register_visit(
        people[8], institution=clerk.institution, care="inpatient", admitted_on=today + timedelta(days=4), planned=True,
        diagnoses=["H25.9 老年性白内障"], department="眼科", acting_user=clerk,
    )  # fmt: skip
    for place, method in ((9, "mobile"), (10, "")):
        visit = _stay(clerk, people[place], today - timedelta(days=8), today, "J44.1 慢性阻塞性肺病急性加重", more=9)
        if place == 9:
            actions.take_money(visit.pk, kind="deposit", fen=100_000, method="card", on=today, acting_user=clerk)
        actions.check_out(
            visit.pk, on=today, message_id=f"demonstration-{place}", expected_fen=None, method=method, acting_user=clerk
        )


def _insured(county: str) -> Sequence[Person]:
    """Grown-up people of a county who are insured, the heads of poor households among them."""
    grown: list[Made] = [m for m in drawn(county) if m.relation == "head"]
    persons = known(county, grown, timezone.localdate())
    with acting(officer(f"{county}.officer")):
        insured = set(Enrolment.objects.live().filter(insured__isnull=False).values_list("person_id", flat=True))
    return [person for person in persons if person.pk in insured and person.died_on is None]


def _register(county: str, person: Person, disease: str, diagnosis: str, on: date) -> None:
    """A chronic disease, registered by the bureau: without it no chronic visit is settled."""
    row = filing.make(
        "chronic", person, disease=disease, diagnoses=[diagnosis], from_on=on, why="长期用药", acting_user=officer(f"{county}.officer"),
    )  # fmt: skip
    filing.decide(row, decision="approve", words="材料齐全", acting_user=officer(f"{county}.reviewer"))


def _visit(clerk: Officer, person: Person, care: str, first: date, last: date | None, diagnosis: str) -> Visit:
    return actions.register_visit(
        person, institution=clerk.institution, care=care, admitted_on=first, discharged_on=last, diagnoses=[diagnosis],
        department="内科", doctor="演示医师", bed="12" if care == "inpatient" else "", acting_user=clerk,
    )  # fmt: skip


def _stay(
    clerk: Officer,
    person: Person,
    first: date,
    last: date | None,
    diagnosis: str,
    *,
    more: int = 0,
    until: date | None = None,
) -> Visit:
    visit = _visit(clerk, person, "inpatient", first, last, diagnosis)
    days = ((last or until or first) - first).days
    daily = [(first + timedelta(days=n), code, 1) for n in range(days) for code in _DAILY]
    once = [(first, code, 1 + k // len(_ONCE)) for k, code in enumerate(islice(cycle(_ONCE), more))]
    _charge(clerk, visit, [*daily, *once])
    return visit


def _charge(clerk: Officer, visit: Visit, items: Sequence[tuple[date, str, int]]) -> None:
    actions.add_lines(visit.pk, list(_charges(items)), acting_user=clerk)


def _charges(items: Sequence[tuple[date, str, int]]) -> Iterator[Charge]:
    names = {row["国家编码"]: row["名称"] for kind in ("drug", "service", "supply") for row in catalogues.rows(kind)}
    for on, code, count in items:
        quantity, price = count * 10_000, _PRICES[code] * 10_000
        name = names[code].replace("演示", "院内")
        yield Charge(on, catalogues.hospital_code(code), name, quantity, price, amount_of(quantity, price))
