"""Approved applications for assistance（救助申请，湘潭 三（二）5）: the bureau's decision, and the fact that bills are settled with.

No hospital states it and no clerk: a reviewer approves, with a document, for a person and the policy year of a bill that
somebody else registered. Bills of that year that are settled are settled anew, and the differences go to the person directly,
who has long gone home; those that are not settled yet are settled with it. Ending an approval takes the same way back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone

from yizhan.agency.care.claims import policy_day
from yizhan.agency.care.errors import (
    ApprovedAlready,
    DocumentNeeded,
    NoRuleAsks,
    NotApproved,
    VisitCancelled,
    WhyNeeded,
)
from yizhan.agency.care.models import AssistanceApproval, Settlement, Visit
from yizhan.agency.care.rewriting import PERSON_OF_VISIT, Change, Planned, carry_out, holding, plan
from yizhan.agency.care.settling import read_visit, writing
from yizhan.agency.enrolment.beneficiaries import pooling_area
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import SamePerson
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, demand
from yizhan.engine.facts import FACTS
from yizhan.engine.settlement import looked_at
from yizhan.errors import Problem, Problems
from yizhan.policy.areas import load_scheme

FACT = "application"


def asked_for(visit: Visit) -> bool:
    """Whether some rule of the area looks at an application in this kind of care."""
    try:
        scheme = load_scheme(pooling_area(visit.area_path))
    except Problem:
        return False
    return FACT in looked_at(scheme).get(visit.care, ())


def year_of(visit: Visit) -> int:
    """The policy year of a visit; of one that has not ended, by today. Raises NoPolicyThere."""
    scheme = load_scheme(pooling_area(visit.area_path))
    today = timezone.localdate()
    ends = visit.discharged_on or max(today, visit.admitted_on)
    days = {"admitted_on": visit.admitted_on, "discharged_on": ends, "settled_on": ends}
    return scheme.conventions.year_of(days[scheme.conventions.policy_date])


def approvals(visit: Visit) -> QuerySet[AssistanceApproval]:
    """Approvals of the visit's person and year, the latest first, those that were withdrawn too."""
    person = visit.person.merged_into_id or visit.person_id
    rows = AssistanceApproval.objects.select_related("made_by", "ended_by", "visit")
    return rows.filter(Q(person=person) | Q(person__merged_into=person), year=year_of(visit)).order_by("-id")


def standing_approval(visit: Visit) -> AssistanceApproval | None:
    """The approval that stands for a visit's person and year."""
    return approvals(visit).filter(ended_at=None).first()


def approve_application(visit_id: int, *, document: str, why: str, acting_user: Officer) -> AssistanceApproval:
    """Approve the application for assistance that was made on account of a visit, for the person's policy year.

    Raises NotFound, NotAllowed, SamePerson for who registered the visit, VisitCancelled, ApprovedAlready, NoRuleAsks, Busy,
    and Problems: DocumentNeeded, WhyNeeded, or a bill that cannot be recomputed.
    """
    demand(acting_user, Right.SETTLEMENT_APPROVE)
    _say_why(why, document)
    with writing(acting_user, PERSON_OF_VISIT, visit_id):
        visit = read_visit(visit_id, locked=True, acting_user=acting_user)
        _refuse(visit, acting_user)
        row = AssistanceApproval.objects.create(
            visit=visit, person_id=visit.person.merged_into_id or visit.person_id, institution_id=visit.institution_id,
            area_path=visit.area_path, year=year_of(visit), document=document.strip(), why=why.strip(),
            registered_by_id=visit.made_by_id, made_by=acting_user,
        )  # fmt: skip
        settled = _settle_anew(visit, "approved", f"{row.why}（{row.document}）", acting_user)
        record(
            "application.approve", row, person_id=row.person_id, document=row.document, why=row.why, year=row.year,
            settlements=[new.pk for new in settled], acting_user=acting_user,
        )  # fmt: skip
        return row


def withdraw_application(visit_id: int, *, why: str, acting_user: Officer) -> AssistanceApproval:
    """End the approval for a visit's person and year; bills are settled without it, and the person owes the differences.

    Raises NotFound, NotAllowed, SamePerson, NotApproved, Busy, and Problems: WhyNeeded, or a bill that cannot be recomputed.
    """
    demand(acting_user, Right.SETTLEMENT_APPROVE)
    _say_why(why)
    with writing(acting_user, PERSON_OF_VISIT, visit_id):
        visit = read_visit(visit_id, locked=True, acting_user=acting_user)
        row = approvals(visit).filter(ended_at=None).first()
        if row is None:
            raise NotApproved(visit=visit.number)
        if acting_user.pk in (visit.made_by_id, row.registered_by_id):
            raise SamePerson
        row.ended_at, row.ended_by, row.ended_why = timezone.now(), acting_user, why.strip()
        row.save(update_fields=["ended_at", "ended_by", "ended_why"])
        settled = _settle_anew(visit, "not_applied", f"撤销救助申请：{row.ended_why}", acting_user)
        record(
            "application.withdraw", row, person_id=row.person_id, why=row.ended_why, year=row.year,
            settlements=[new.pk for new in settled], acting_user=acting_user,
        )  # fmt: skip
        return row


def _say_why(why: str, document: str = "–") -> None:
    problems: list[Problem] = []
    if not document.strip():
        problems.append(DocumentNeeded())
    if not why.strip():
        problems.append(WhyNeeded())
    if problems:
        raise Problems(problems)


def _refuse(visit: Visit, acting_user: Officer) -> None:
    if visit.made_by_id == acting_user.pk:
        raise SamePerson
    if visit.state == "cancelled":
        raise VisitCancelled(visit=visit.number)
    if standing := standing_approval(visit):
        raise ApprovedAlready(visit=visit.number, year=standing.year, document=standing.document)
    if not asked_for(visit):
        care = FACTS["care"]
        words = {"care_zh": care.word(visit.care, "zh"), "care_en": care.word(visit.care, "en")}
        raise NoRuleAsks(visit=visit.number, **words)


def _changes(visit: Visit, value: str) -> dict[int, Change]:
    """What becomes of the bills of the person's year that hold: those in whose kind of care a rule looks at it.

    A past or paper bill that was entered with an approval of its own keeps it.
    """
    scheme, year = load_scheme(pooling_area(visit.area_path)), year_of(visit)
    change = Change("resettled", facts={FACT: value}, by_person=True)
    return {
        row.pk: change
        for row in holding(visit.persons)
        if pooling_area(row.area_path) == scheme.area and asked_for(row.visit)
        and scheme.conventions.year_of(policy_day(row.claim, scheme)) == year
        and row.claim.get(FACT) != value and row.visit.facts.get(FACT) != "approved"
    }  # fmt: skip


def _settle_anew(visit: Visit, value: str, why: str, acting_user: Officer) -> list[Settlement]:
    """Settle the bills of the year with the fact; the later bills of the person follow."""
    changes = _changes(visit, value)
    return carry_out(visit.persons, changes, why=why[:200], acting_user=acting_user) if changes else []


@dataclass(frozen=True, slots=True)
class Effect:
    """What a decision would come to for the bills that are settled: their rows as planned, and the sums in fen."""

    planned: tuple[Planned, ...]

    @property
    def difference(self) -> int:
        """What the person is better off by; negative: owes."""
        return sum(found.difference_fen for found in self.planned)

    @property
    def by_payer(self) -> dict[tuple[str, str], int]:
        """(layer, payer) → what it pays more."""
        sums: Counter[tuple[str, str]] = Counter()
        for found in self.planned:
            sums.update(found.by_payer)
        return {key: fen for key, fen in sums.items() if fen}


def effect_of(visit_id: int, *, approved: bool, acting_user: Officer) -> Effect:
    """What approving（or withdrawing）would come to for the bills of the year that are settled, without writing.

    Raises Problems where it cannot be said.
    """
    with acting(acting_user, across_institutions=True):
        visit = read_visit(visit_id, acting_user=acting_user)
        changes = _changes(visit, "approved" if approved else "not_applied")
        return Effect(tuple(plan(visit.persons, changes)) if changes else ())
