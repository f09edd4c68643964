"""Settlements on the pages of others: a roster's, a person's, the home page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from yizhan.agency.care.models import (
    AssistanceApproval,
    DefaultFinding,
    PaperBill,
    Resettlement,
    ResettlementLine,
    Settlement,
)
from yizhan.agency.care.queries import of_person, touched, worklist
from yizhan.agency.care.settling import year_states
from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.years import scheme_at
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
from yizhan.errors import Problems
from yizhan.policy.endings import ended, ending

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


def _at(value: datetime | None) -> str:
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M") if value else ""


def _name(officer: object) -> str:
    return str(officer or "")


def _of(person: Person) -> Q:
    return Q(person=person) | Q(person__merged_into=person)


def held_resettlements(person: Person) -> Held:
    """What batches of re-settlement computed of the person's bills, and what became of it."""
    header = (
        Words("批次", "Batch"), Words("单号", "Claim"), Words("原因", "Why"), Words("原个人负担（元）", "Patient then (yuan)"),
        Words("测算个人负担", "Patient as computed"), Words("差额", "Difference"), Words("结果", "Outcome"),
        Words("批次状态", "State of the batch"), Words("提出", "Proposed by"), Words("复核", "Decided by"), Words("测算时间", "Computed"),
    )  # fmt: skip
    lines = ResettlementLine.objects.filter(_of(person)).select_related(
        "batch__made_by", "batch__decided_by", "settlement__visit"
    )
    rows = [
        (
            str(line.batch_id), line.settlement.visit.number, line.batch.why, yuan_grouped(line.patient_was),
            yuan_grouped(line.patient_now), yuan_grouped(line.difference_fen), str(line.shown_state.words),
            str(line.batch.shown_state.words), _name(line.batch.made_by), _name(line.batch.decided_by), _at(line.made_at),
        )
        for line in lines.order_by("id")
    ]  # fmt: skip
    return Held(Words("重新结算", "Re-settlement"), header, rows, ("care_resettlementline",))


def held_findings(person: Person) -> Held:
    """Findings of wilful default, those that were refused or withdrawn too."""
    header = (
        Words("单号", "Claim"), Words("医院", "Hospital"), Words("证据", "Evidence"), Words("欠费（元）", "Arrears (yuan)"),
        Words("状态", "State"), Words("提出", "Proposed by"), Words("提出时间", "Proposed"), Words("复核", "Decided by"),
        Words("复核意见", "Why"), Words("撤销理由", "Why withdrawn"),
    )  # fmt: skip
    found = DefaultFinding.objects.filter(_of(person)).select_related("visit", "institution", "made_by", "decided_by")
    rows = [
        (
            row.visit.number, row.institution.name, row.evidence, yuan_grouped(row.arrears_fen), str(row.shown_state.words),
            _name(row.made_by), _at(row.made_at), _name(row.decided_by), row.decided_why, row.ended_why,
        )
        for row in found.order_by("id")
    ]  # fmt: skip
    return Held(Words("恶意拖欠认定", "Findings of default"), header, rows, ("care_defaultfinding",))


def held_approvals(person: Person) -> Held:
    """Approved applications for assistance, those that were withdrawn too."""
    header = (
        Words("年度", "Year"), Words("单号", "Claim"), Words("批准文号", "Document"), Words("依据", "Why"), Words("批准", "Approved by"),
        Words("批准时间", "Approved"), Words("撤销", "Withdrawn by"), Words("撤销时间", "Withdrawn"), Words("撤销理由", "Why withdrawn"),
    )  # fmt: skip
    found = AssistanceApproval.objects.filter(_of(person)).select_related("visit", "made_by", "ended_by")
    rows = [
        (
            str(row.year), row.visit.number, row.document, row.why, _name(row.made_by), _at(row.made_at), _name(row.ended_by), _at(row.ended_at),
            row.ended_why,
        )
        for row in found.order_by("id")
    ]  # fmt: skip
    return Held(Words("救助申请", "Applications for assistance"), header, rows, ("care_assistanceapproval",))


def held_papers(person: Person) -> Held:
    """Paper bills handed in, and which pictures of them are kept."""
    header = (
        Words("单号", "Claim"), Words("医院", "Hospital"), Words("发票号", "Invoice"), Words("状态", "State"),
        Words("录入", "Entered by"), Words("录入时间", "Entered"), Words("复核", "Decided by"), Words("复核意见", "Why"),
        Words("直接结算医院仍手工报销的理由", "Why though the hospital settles directly"), Words("疑似重复仍受理的理由", "Why though a similar bill is there"),
        Words("附件", "Attachments"),
    )  # fmt: skip
    found = (
        PaperBill.objects.filter(_of(person)).select_related("visit", "made_by", "decided_by").prefetch_related("files")
    )
    rows = [
        (
            row.visit.number, row.hospital, row.invoice, str(row.shown_state.words), _name(row.made_by), _at(row.made_at),
            _name(row.decided_by), row.decided_why, row.direct_why, row.twice_why, "、".join(file.name for file in row.files.all()),
        )
        for row in found.order_by("id")
    ]  # fmt: skip
    return Held(Words("手工报销", "Paper bills"), header, rows, ("care_paperbill", "care_paperfile"))


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


def documents_ending(officer: Officer) -> Waiting | None:
    """Documents of the area that ended, or end soon, without a successor: bills after their last day are settled without them."""
    if institution_of(officer) is not None or not officer.may(Right.SETTLEMENT_SEE):
        return None
    try:
        scheme = scheme_at(officer.area_path)
    except Problems:
        return None
    today = timezone.localdate()
    gone, soon = ended(scheme, today), ending(scheme, today)
    named = "、".join(d.name for d in (*gone, *soon))
    words = Words(f"政策文件到期、没有接续：{named}", "documents that end without a successor")
    return Waiting(words, len(gone) + len(soon), reverse("care:policies"), bool(gone))


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
