"""Settlements on the pages of others: a roster's, a person's, the home page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.urls import reverse
from django.utils import timezone

from yizhan.agency.care.models import DefaultFinding, PaperBill, Resettlement, Settlement
from yizhan.agency.care.queries import of_person, touched, worklist
from yizhan.agency.care.settling import year_states
from yizhan.agency.desk.words import Words
from yizhan.agency.people.models import Person
from yizhan.agency.people.panels import Held
from yizhan.agency.rosters.models import Roster
from yizhan.agency.rosters.past import Touched
from yizhan.agency.staff.home import Waiting
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import institution_of
from yizhan.engine.claim import YearState
from yizhan.engine.money import yuan_grouped
from yizhan.engine.scheme import Scheme

SHOWN = 20
"""Bills on a person's page; all of them are in the print."""


def settlements_of(roster: Roster) -> Iterable[Touched]:
    """The settlements that a roster touched."""
    for row in touched(roster.pk):
        yield Touched(row.person_id, row.visit.number, row.settled_on, reverse("care:bill", args=[row.pk]))


def bills_of(person: Person, officer: Officer) -> tuple[str, dict[str, Any]] | None:
    """A person's latest bills."""
    if not officer.may(Right.SETTLEMENT_SEE):
        return None
    return "care/panel.html", {"bills": of_person(person).select_related("institution").reverse()[:SHOWN]}


def held_bills(person: Person) -> Held:
    """All bills of a person, for the print of everything held."""
    header = (
        Words("单号", "Claim"),
        Words("医院", "Hospital"),
        Words("出院", "Discharged"),
        Words("总费用", "Bill"),
        Words("个人负担", "Patient"),
    )
    rows = [
        (b.visit.number, b.visit.where, b.discharged_on.isoformat(), yuan_grouped(b.total_fen), yuan_grouped(b.patient_fen))
        for b in of_person(person).select_related("institution")
    ]  # fmt: skip
    return Held(
        Words("结算记录", "Settled bills"), header, rows,
        ("care_visit", "care_billline", "care_settlement", "care_settlementpayment", "care_patientpayment"),
    )  # fmt: skip


def to_settle_anew(officer: Officer) -> Waiting | None:
    """Bills that a corrected past touches."""
    if not officer.may(Right.SETTLEMENT_IMPORT):
        return None
    return Waiting(
        Words("涉及追溯、待重新结算的账单", "bills to settle anew"), touched().count(), reverse("care:touched")
    )


def visits_to_settle(officer: Officer) -> Waiting | None:
    """Patients of this hospital who are discharged and not settled; those of an earlier day are late."""
    if institution_of(officer) is None or not officer.may(Right.SETTLEMENT_SETTLE):
        return None
    today = timezone.localdate()
    rows = worklist("to_settle", today)
    late = rows.filter(discharged_on__lt=today).exists()
    return Waiting(Words("出院待结算", "visits to settle"), rows.count(), reverse("care:visits"), late)


def batches_to_decide(officer: Officer) -> Waiting | None:
    """Batches of bills to settle anew that wait for a reviewer."""
    if not officer.may(Right.SETTLEMENT_APPROVE):
        return None
    count = Resettlement.objects.filter(state="proposed").exclude(made_by=officer).count()
    return Waiting(Words("重新结算待复核", "re-settlements to decide"), count, reverse("care:resettlements"))


def papers_to_decide(officer: Officer) -> Waiting | None:
    """Paper bills that wait for a reviewer."""
    if not officer.may(Right.SETTLEMENT_APPROVE):
        return None
    count = PaperBill.objects.filter(state="proposed").exclude(made_by=officer).count()
    return Waiting(
        Words("手工报销待复核", "paper bills to decide"), count, reverse("care:paper_bills") + "?state=proposed"
    )


def papers_sent_back(officer: Officer) -> Waiting | None:
    """Paper bills that came back to who entered them."""
    if not officer.may(Right.SETTLEMENT_MANUAL):
        return None
    count = PaperBill.objects.filter(state="returned", made_by=officer).count()
    return Waiting(Words("退回修改的手工报销", "paper bills sent back"), count, reverse("care:paper_bills"))


def findings_to_decide(officer: Officer) -> Waiting | None:
    """Proposed findings of wilful default."""
    if not officer.may(Right.SETTLEMENT_APPROVE):
        return None
    count = DefaultFinding.objects.filter(state="proposed").exclude(made_by=officer).count()
    return Waiting(Words("恶意拖欠待认定", "findings of default to decide"), count, reverse("care:defaults"))


def held_parts(officer: Officer) -> Waiting | None:
    """Payments that wait for an expert review."""
    if not officer.may(Right.SETTLEMENT_APPROVE):
        return None
    count = Settlement.objects.live().filter(held_fen__gt=0).count()
    return Waiting(Words("待审支付", "held parts"), count, reverse("care:held"))


def years_of(person: Person, scheme: Scheme) -> Mapping[int, YearState]:
    """A person's policy years so far, for the effect of a filing. Inside `acting(…, across_institutions=True)`."""
    numbers = [person.pk, *Person.objects.filter(merged_into=person).values_list("pk", flat=True)]
    return year_states(numbers, scheme.area)
