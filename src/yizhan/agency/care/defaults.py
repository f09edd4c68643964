"""Treat first, pay later（先诊疗后付费）: who owes a hospital what, and when not paying it is a wilful default（恶意拖欠）.

A finding is proposed with evidence by the hospital, or by the bureau for it, and decided by a reviewer of the bureau. What
follows from it the policies say, as of any other fact: in Chifeng the guarantee of that bill (39号第15条). The bill is settled
with the fact, and the hospital then asks the rest of the patient. Once it is paid, or for a stated reason, the finding is
withdrawn and the bill settled without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from yizhan.agency.care.errors import DefaultProposed, NotDueYet, NothingOwed, WhyNeeded
from yizhan.agency.care.models import DefaultFinding, Settlement, Visit
from yizhan.agency.care.queries import patient_account
from yizhan.agency.care.rewriting import find_default
from yizhan.agency.care.settling import read_visit
from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.years import scheme_at
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, Outdated, SamePerson
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, demand, institution_of
from yizhan.errors import Problems


def days_to_pay(area_path: str) -> int:
    """Days from settling until the own share is due, by the choices of the area（约定: 欠费期限）; 0 where it says nothing."""
    try:
        return scheme_at(area_path).conventions.arrears_days
    except Problems:
        return 0


def consequences(area_path: str) -> tuple[Words, ...]:
    """The layers that stop paying after a wilful default by the policies of the area."""
    try:
        scheme = scheme_at(area_path)
    except Problems:
        return ()
    stopped = {r.layer for r in scheme.rules if any(c.fact == "wilful_default" and "yes" in c.values for c in r.when)}
    return tuple(Words(layer.name, layer.en) for layer in scheme.layers if layer.name in stopped)


# --- Who owes what ----------------------------------------------------------------------------------------------------

_ARREARS = """
    select s.id, s.visit_id, v.number, s.person_id, coalesce(p.merged_into_id, p.id), s.institution_id, s.discharged_on,
        (s.recorded_at at time zone %(zone)s)::date, s.area_path, s.patient_fen, s.total_fen - s.paid_fen + s.person_fen,
        coalesce(m.paid, 0), f.id, f.state
    from care_settlement s
    join care_visit v on v.id = s.visit_id
    join people_person p on p.id = s.person_id
    left join lateral (select sum(fen)::bigint paid from care_patientpayment x where x.visit_id = s.visit_id) m on true
    left join care_defaultfinding f on f.visit_id = s.visit_id and f.state in ('proposed', 'decided')
    where s.institution_id is not null and s.kind <> 'reversed'
        and (v.source not in ('import', 'gateway') or m.paid is not null)
        and not exists (select 1 from care_settlement n where n.replaces_id = s.id)
        and s.total_fen - s.paid_fen + s.person_fen > coalesce(m.paid, 0)
        and (%(institution)s::bigint is null or s.institution_id = %(institution)s)
    order by 8, s.id limit %(most)s
"""


@dataclass(frozen=True, slots=True)
class Arrears:
    """What is owed to an institution for a visit, in fen. `due_fen` is all that it asks of the patient."""

    settlement_id: int
    visit_id: int
    number: str
    record_id: int
    person_id: int
    institution_id: int
    discharged_on: date
    settled_on: date
    area_path: str
    patient_fen: int
    due_fen: int
    paid_fen: int
    finding_id: int | None
    finding_state: str | None

    @property
    def fen(self) -> int:
        """Owed."""
        return self.due_fen - self.paid_fen

    def days(self, today: date) -> int:
        """Days since the bill was settled."""
        return (today - self.settled_on).days

    def overdue(self, today: date) -> bool:
        """Whether the day on which it was due is past."""
        return self.days(today) > days_to_pay(self.area_path)


MOST = 2_000
"""Bills in arrears that are listed, the oldest first."""


def arrears(*, institution_id: int | None = None, acting_user: Officer) -> list[Arrears]:
    """Settled visits that are not paid, the longest first; to an institution's staff its own. One statement.

    Bills of the time before the platform are listed only if a payment of the patient is on record: else nothing is known of them.
    """
    known = {"institution": institution_of(acting_user) or institution_id, "most": MOST}
    with connection.cursor() as cursor:
        cursor.execute(_ARREARS, {**known, "zone": timezone.get_current_timezone_name()})
        return [Arrears(*row) for row in cursor.fetchall()]


# --- Findings ---------------------------------------------------------------------------------------------------------


def findings() -> QuerySet[DefaultFinding]:
    """Findings that the officer may see, the latest first."""
    rows = DefaultFinding.objects.select_related("visit", "person__merged_into", "institution", "made_by", "decided_by", "ended_by")  # fmt: skip
    return rows.order_by("-id")


def propose_default(visit_id: int, *, evidence: str, on: date, acting_user: Officer) -> DefaultFinding:
    """Propose that the own share of a settled visit is wilfully not paid. `on` is today.

    Raises NotFound, NotAllowed, WhyNeeded without evidence, NothingOwed, NotDueYet, DefaultProposed.
    """
    demand(acting_user, Right.VISIT_EDIT)
    if not evidence.strip():
        raise WhyNeeded
    with acting(acting_user):
        visit = read_visit(visit_id, locked=True, acting_user=acting_user)
        account = patient_account(visit)
        if visit.institution is None or account.arrears_fen <= 0:
            raise NothingOwed(visit=visit.number)
        live = Settlement.objects.live().get(visit=visit)
        _refuse_early(visit, live, on)
        earlier = DefaultFinding.objects.select_for_update(of=("self",)).filter(visit=visit, state="decided").first()
        if earlier is not None and live.claim.get("wilful_default") != "yes":
            earlier.state = "lapsed"  # the bill was reversed since, and settled again
            earlier.save(update_fields=["state"])
        row = DefaultFinding(
            visit=visit, person_id=visit.person_id, institution=visit.institution, area_path=visit.area_path,
            evidence=evidence.strip(), due_fen=account.due_fen, arrears_fen=account.arrears_fen, made_by=acting_user,
        )  # fmt: skip
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            if "one_finding_a_visit" not in str(error):
                raise
            words = DefaultFinding.objects.get(visit=visit, state__in=("proposed", "decided")).shown_state.words
            raise DefaultProposed(visit=visit.number, state_zh=words.zh, state_en=words.en) from None
        record("default.propose", row, person_id=row.person_id, fen=row.arrears_fen, acting_user=acting_user)
        return row


def _refuse_early(visit: Visit, live: Settlement, on: date) -> None:
    """The days run from the settlement that holds, as on the list: who is asked for another amount gets the days again."""
    settled, days = timezone.localdate(live.recorded_at), days_to_pay(visit.area_path)
    due = settled + timedelta(days=days)
    if on <= due:
        scheme = scheme_at(visit.area_path)
        raise NotDueYet(
            visit=visit.number, settled=settled, due=due, days=days, area=scheme.name, area_en=scheme.name_en
        )


def _locked(number: int, state: str, acting_user: Officer) -> DefaultFinding:
    row = DefaultFinding.objects.select_for_update(of=("self",)).select_related("visit").filter(pk=number).first()
    if row is None:
        raise NotFound
    if row.state != state:
        words = row.shown_state.words
        raise Outdated(now_zh=words.zh, now_en=words.en)
    if row.made_by_id == acting_user.pk:
        raise SamePerson
    return row


def decide_default(number: int, *, found: bool, why: str, acting_user: Officer) -> DefaultFinding:
    """Decide a proposal. If found, the bill is settled with the fact; what that costs is kept with the finding.

    Raises NotFound, NotAllowed, SamePerson, Outdated, WhyNeeded, NothingOwed where it was paid meanwhile, and what
    `rewriting.find_default` raises.
    """
    demand(acting_user, Right.SETTLEMENT_APPROVE)
    if not why.strip():
        raise WhyNeeded
    with acting(acting_user):
        row = _locked(number, "proposed", acting_user)
        row.decided_at, row.decided_by, row.decided_why = timezone.now(), acting_user, why.strip()
        row.state = "decided" if found else "rejected"
        if found:
            if patient_account(row.visit).arrears_fen <= 0:
                raise NothingOwed(visit=row.visit.number)
            before = Settlement.objects.live().get(visit=row.visit)
            rows = find_default(row.visit_id, default=True, why=why, acting_user=acting_user)
            row.cost_fen = next((before.paid_fen - r.paid_fen for r in rows if r.replaces_id == before.pk), 0)
        row.save(update_fields=["state", "decided_at", "decided_by", "decided_why", "cost_fen"])
        record(
            "default.decide", row, person_id=row.person_id, found=found, cost=row.cost_fen, why=why,
            acting_user=acting_user,
        )  # fmt: skip
        return row


def withdraw_default(number: int, *, why: str, acting_user: Officer) -> DefaultFinding:
    """Withdraw a finding, because the share was paid or for another reason; the bill is settled without it.

    Raises NotFound, NotAllowed, SamePerson, Outdated, WhyNeeded, and what `rewriting.find_default` raises.
    """
    demand(acting_user, Right.SETTLEMENT_APPROVE)
    if not why.strip():
        raise WhyNeeded
    with acting(acting_user):
        row = _locked(number, "decided", acting_user)
        if Settlement.objects.live().filter(visit=row.visit_id, claim__wilful_default="yes").exists():
            find_default(row.visit_id, default=False, why=why, acting_user=acting_user)
        row.state, row.ended_at, row.ended_by, row.ended_why = "withdrawn", timezone.now(), acting_user, why.strip()
        row.save(update_fields=["state", "ended_at", "ended_by", "ended_why"])
        record("default.withdraw", row, person_id=row.person_id, why=why, acting_user=acting_user)
        return row


def paid_up(row: DefaultFinding) -> bool:
    """Whether what was due before the finding has been paid since."""
    return patient_account(row.visit).paid_fen >= row.due_fen


def notice_of(visit_id: int, *, acting_user: Officer) -> dict[str, Any]:
    """What a printed reminder says. Raises NotFound, NothingOwed."""
    with acting(acting_user):
        visit = read_visit(visit_id, acting_user=acting_user)
        account = patient_account(visit)
        live = Settlement.objects.live().filter(visit=visit).first()
        if live is None or visit.institution is None or account.arrears_fen <= 0:
            raise NothingOwed(visit=visit.number)
        record("arrears.notice", visit, person_id=visit.person_id, fen=account.arrears_fen, acting_user=acting_user)
        return {
            "visit": visit,
            "bill": live,
            "account": account,
            "today": timezone.localdate(),
            "stopped": consequences(visit.area_path),
        }
