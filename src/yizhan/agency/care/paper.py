"""Paper bills from elsewhere（手工报销）: entered by an officer, looked at by another, settled by the same engine.

The institution of such a visit is none of ours: what decides the case (level, tier, place, referral) the officer states from
the papers, and every payment goes to the person. Two things are left out visibly: what was paid elsewhere already, and what
the rules let the hospital bear, which the patient asks of that hospital with the settlement in hand.
"""

from __future__ import annotations

import os
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from yizhan.agency import crypto
from yizhan.agency.care.actions import register_visit
from yizhan.agency.care.booking import HOSPITALS
from yizhan.agency.care.errors import (
    AttachmentRefused,
    BillTwice,
    ChargesExceedBill,
    DischargeAhead,
    GivenExceedsBill,
    PotsDisagree,
    SettledDirectly,
    WhyNeeded,
    WrongDays,
)
from yizhan.agency.care.models import PaperBill, PaperFile, Settlement, Visit
from yizhan.agency.care.settling import Settled, presettle, read_visit, settle
from yizhan.agency.people.models import Person
from yizhan.agency.spreadsheets.reading import scan
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, Outdated, SamePerson
from yizhan.agency.staff.models import Institution, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, demand
from yizhan.engine.facts import POTS
from yizhan.engine.money import parse_yuan, yuan, yuan_grouped
from yizhan.errors import Problem, Problems

FILE_PURPOSE = "care.paper_file"
MOST_BYTES = 10 << 20
"""Of one attachment."""
MOST_FILES = 8
MAGIC = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
"""How a file of each accepted kind begins."""

NEAR = timedelta(days=60)
"""How far apart two bills of the same total may be and still be looked at as one that was handed in twice."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What stands on the papers. Amounts in fen; `given`: layer → (paid elsewhere, deductible there or None)."""

    hospital: str
    invoice: str
    care: str
    admitted_on: date
    discharged_on: date
    total: int
    pots: tuple[int, int, int, int]
    facts: Mapping[str, str]
    hospital_code: str = ""
    diagnoses: Sequence[str] = ()
    charges: Mapping[str, int] = field(default_factory=dict)
    given: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    direct_why: str = ""
    twice_why: str = ""

    @property
    def amounts(self) -> dict[str, Any]:
        """The pots, charges and what was paid elsewhere, as docs/settle.md writes them."""
        found: dict[str, Any] = {
            "amounts": {"total": yuan(self.total), **{p: yuan(f) for p, f in zip(POTS, self.pots, strict=True)}},
            "charges": {charge: yuan(fen) for charge, fen in self.charges.items() if fen},
        }
        given = {
            layer: {"amount": yuan(paid)} | ({} if deductible is None else {"deductible": yuan(deductible)})
            for layer, (paid, deductible) in self.given.items()
        }
        return found | ({"given": given} if given else {})

    @property
    def all_facts(self) -> dict[str, Any]:
        """What is stated with the visit."""
        return {**self.facts, "institution": self.hospital}


def paper_of(bill: PaperBill) -> Paper:
    """What was entered, to be shown in the form again."""
    visit = bill.visit
    amounts: Mapping[str, Any] = visit.amounts or {}
    assert visit.discharged_on is not None
    pots = amounts["amounts"]
    return Paper(
        hospital=bill.hospital, hospital_code=bill.hospital_code, invoice=bill.invoice, care=visit.care,
        admitted_on=visit.admitted_on, discharged_on=visit.discharged_on, total=parse_yuan(pots["total"]),
        pots=tuple(parse_yuan(pots[p]) for p in POTS),  # type: ignore[arg-type]  # four of them
        facts={key: value for key, value in visit.facts.items() if key != "institution"}, diagnoses=tuple(visit.diagnoses),
        charges={charge: parse_yuan(text) for charge, text in amounts.get("charges", {}).items()},
        given={
            layer: (parse_yuan(g["amount"]), parse_yuan(g["deductible"]) if "deductible" in g else None)
            for layer, g in amounts.get("given", {}).items()
        },
        direct_why=bill.direct_why, twice_why=bill.twice_why,
    )  # fmt: skip


# --- What stands against a bill ---------------------------------------------------------------------------------------


def direct_institution(name: str, code: str) -> Institution | None:
    """The institution of ours with this code or name; bills of it are settled directly."""
    same = Q(name=name.strip()) | (Q(code=code.strip()) if code.strip() else Q())
    return Institution.objects.filter(same, ended_on=None).first()


@dataclass(frozen=True, slots=True)
class Similar:
    """A bill that may be the same: its visit and why."""

    visit: Visit
    why_zh: str
    why_en: str
    total_fen: int | None = None


def similar_bills(person: Person, paper: Paper, *, without: int | None = None) -> list[Similar]:
    """Bills that may be this one handed in before: the same invoice, overlapping days, or the same total within `NEAR`.

    Visits that were cancelled or rejected do not count. A few statements. Inside `acting`.
    """
    kept = person.merged_into_id or person.pk
    theirs = Visit.objects.filter(Q(person=kept) | Q(person__merged_into=kept)).exclude(state="cancelled")
    near = theirs.filter(
        admitted_on__lte=paper.discharged_on + NEAR, discharged_on__gte=paper.admitted_on - NEAR
    ).select_related("institution", "paper")
    totals = dict(Settlement.objects.live().filter(visit__in=near).values_list("visit_id", "total_fen"))
    found: dict[int, Similar] = {}
    for visit in near:
        total = totals.get(visit.pk)
        if total is None and visit.amounts and "amounts" in visit.amounts:
            total = parse_yuan(visit.amounts["amounts"]["total"])
        assert visit.discharged_on is not None
        if visit.admitted_on <= paper.discharged_on and visit.discharged_on >= paper.admitted_on:
            found[visit.pk] = Similar(visit, "日期重叠", "overlapping days", total)
        elif total == paper.total:
            found[visit.pk] = Similar(visit, "总额相同", "the same total", total)
    same = PaperBill.objects.filter(invoice=paper.invoice).exclude(state="rejected").select_related("visit")
    for bill in same:
        found[bill.visit_id] = Similar(bill.visit, "发票号相同", "the same invoice")
    found.pop(without or 0, None)
    return list(found.values())


def refusals_of(person: Person, paper: Paper, *, today: date, without: int | None = None) -> list[Problem]:
    """Everything that is wrong on the papers, or needs a reason that is not given."""
    problems: list[Problem] = []
    if paper.discharged_on < paper.admitted_on:
        problems.append(WrongDays(first=paper.admitted_on, second=paper.discharged_on))
    if paper.discharged_on > today:
        problems.append(DischargeAhead(visit=paper.invoice, day=paper.discharged_on, today=today))
    if sum(paper.pots) != paper.total:
        problems.append(PotsDisagree(sum=yuan_grouped(sum(paper.pots)), total=yuan_grouped(paper.total)))
    if sum(paper.charges.values()) > paper.total:
        charges = yuan_grouped(sum(paper.charges.values()))
        problems.append(ChargesExceedBill(charges=charges, total=yuan_grouped(paper.total)))
    given = sum(fen for fen, _ in paper.given.values())
    if given > paper.total:
        problems.append(GivenExceedsBill(given=yuan_grouped(given), total=yuan_grouped(paper.total)))
    direct = direct_institution(paper.hospital, paper.hospital_code)
    if direct is not None and not paper.direct_why.strip():
        problems.append(SettledDirectly(name=direct.name))
    if not problems and not paper.twice_why.strip():
        twins = similar_bills(person, paper, without=without)
        if twins:
            told = "；".join(
                f"{t.visit.number} {t.visit.admitted_on}–{t.visit.discharged_on}（{t.why_zh}）" for t in twins
            )
            problems.append(BillTwice(found=told))
    return problems


# --- Entering ---------------------------------------------------------------------------------------------------------


def enter_bill(person: Person, paper: Paper, *, acting_user: Officer) -> PaperBill:
    """Enter a paper bill as a draft. Raises NotAllowed, and Problems with everything that is wrong."""
    demand(acting_user, Right.SETTLEMENT_MANUAL)
    with acting(acting_user):
        if problems := refusals_of(person, paper, today=timezone.localdate()):
            raise Problems(problems)
        visit = register_visit(
            person, institution=None, care=paper.care, admitted_on=paper.admitted_on, discharged_on=paper.discharged_on,
            diagnoses=paper.diagnoses, facts=paper.all_facts, amounts=paper.amounts, source="manual", acting_user=acting_user,
        )  # fmt: skip
        row = PaperBill.objects.create(
            visit=visit, person=visit.person, area_path=visit.area_path, invoice=paper.invoice, hospital=paper.hospital,
            hospital_code=paper.hospital_code, direct_why=paper.direct_why, twice_why=paper.twice_why, made_by=acting_user,
        )  # fmt: skip
        record("paper.enter", row, person_id=row.person_id, total=paper.total, acting_user=acting_user)
        return row


def change(number: int, paper: Paper, *, acting_user: Officer) -> PaperBill:
    """Change a draft, or a bill that was sent back. Who changes it last is its maker.

    Raises NotFound, NotAllowed, Outdated, and Problems with everything that is wrong.
    """
    demand(acting_user, Right.SETTLEMENT_MANUAL)
    with acting(acting_user):
        row = _locked(number, "draft", "returned")
        if problems := refusals_of(row.person, paper, today=timezone.localdate(), without=row.visit_id):
            raise Problems(problems)
        visit = read_visit(row.visit_id, locked=True, acting_user=acting_user)
        visit.care, visit.admitted_on, visit.discharged_on = paper.care, paper.admitted_on, paper.discharged_on
        visit.diagnoses, visit.facts, visit.amounts = list(paper.diagnoses), paper.all_facts, paper.amounts
        visit.save(update_fields=["care", "admitted_on", "discharged_on", "diagnoses", "facts", "amounts"])
        row.invoice, row.hospital, row.hospital_code = paper.invoice, paper.hospital, paper.hospital_code
        row.direct_why, row.twice_why = paper.direct_why, paper.twice_why
        row.state, row.decided_by, row.decided_at, row.made_by = "draft", None, None, acting_user
        stated = ["invoice", "hospital", "hospital_code", "direct_why", "twice_why"]
        row.save(update_fields=[*stated, "state", "decided_by", "decided_at", "made_by"])
        record("paper.change", row, person_id=row.person_id, total=paper.total, acting_user=acting_user)
        return row


def preview(person: Person, paper: Paper, *, acting_user: Officer) -> Settled:
    """What a paper bill would come to, without keeping anything. Raises Problems."""
    demand(acting_user, Right.SETTLEMENT_MANUAL)
    with acting(acting_user):
        if problems := [
            p for p in refusals_of(person, paper, today=timezone.localdate()) if not isinstance(p, BillTwice)
        ]:
            raise Problems(problems)
        with transaction.atomic():
            visit = register_visit(
                person, institution=None, care=paper.care, admitted_on=paper.admitted_on, discharged_on=paper.discharged_on,
                diagnoses=paper.diagnoses, facts=paper.all_facts, amounts=paper.amounts, source="manual", acting_user=acting_user,
            )  # fmt: skip
            settled = presettle(visit.pk, on=timezone.localdate(), acting_user=acting_user)
            transaction.set_rollback(True)
        return settled


def attach(number: int, *, name: str, content: bytes, acting_user: Officer) -> PaperFile:
    """Keep a picture of the papers, sealed. Raises NotFound, NotAllowed, Outdated, AttachmentRefused,
    Problems where the bureau's scanner objects."""
    demand(acting_user, Right.SETTLEMENT_MANUAL)
    with acting(acting_user):
        row = _locked(number, "draft", "returned")
        kind = next((kind for begins, kind in MAGIC.items() if content.startswith(begins)), "")
        if not kind or len(content) > MOST_BYTES or row.files.count() >= MOST_FILES:
            raise AttachmentRefused(name=name[:80])
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            scan(Path(file.name), os.environ.get("YIZHAN_SCAN_COMMAND", ""))
        with connection.cursor() as cursor:
            cursor.execute("select nextval('care_paperfile_id_seq')")
            key = cursor.fetchone()[0]
        sealed = crypto.seal(b64encode(content).decode("ascii"), purpose=FILE_PURPOSE, row=str(key))
        found = PaperFile.objects.create(
            pk=key, bill=row, area_path=row.area_path, name=name[-120:], kind=kind, bytes=len(content), sealed=sealed,
            added_by=acting_user,
        )  # fmt: skip
        record("paper.attach", found, person_id=row.person_id, bytes=len(content), acting_user=acting_user)
        return found


def read_file(number: int, file: int, *, acting_user: Officer) -> tuple[PaperFile, bytes]:
    """An attachment, opened. Raises NotFound."""
    with acting(acting_user):
        found = PaperFile.objects.select_related("bill").filter(pk=file, bill=number).first()
        if found is None:
            raise NotFound
        record("paper.open_file", found, person_id=found.bill.person_id, acting_user=acting_user)
        return found, b64decode(crypto.unseal(found.sealed, purpose=FILE_PURPOSE, row=str(found.pk)))


# --- Review -----------------------------------------------------------------------------------------------------------


def _locked(number: int, *states: str) -> PaperBill:
    row = PaperBill.objects.select_for_update(of=("self",)).select_related("person__merged_into", "visit").filter(pk=number).first()  # fmt: skip
    if row is None:
        raise NotFound
    if row.state not in states:
        words = row.shown_state.words
        raise Outdated(now_zh=words.zh, now_en=words.en)
    return row


def send(number: int, *, acting_user: Officer) -> PaperBill:
    """Send a draft to the reviewer. It must be one that can be settled. Raises NotFound, NotAllowed, Outdated, Problems."""
    demand(acting_user, Right.SETTLEMENT_MANUAL)
    with acting(acting_user):
        row = _locked(number, "draft")
        presettle(row.visit_id, on=timezone.localdate(), acting_user=acting_user)
        row.state, row.sent_at, row.made_by = "proposed", timezone.now(), acting_user
        row.save(update_fields=["state", "sent_at", "made_by"])
        record("paper.send", row, person_id=row.person_id, acting_user=acting_user)
        return row


def _decided(number: int, state: str, why: str, acting_user: Officer) -> PaperBill:
    row = _locked(number, "proposed")
    if row.made_by_id == acting_user.pk:
        raise SamePerson
    row.state, row.decided_at, row.decided_by, row.decided_why = state, timezone.now(), acting_user, why.strip()
    row.save(update_fields=["state", "decided_at", "decided_by", "decided_why"])
    return row


def approve_paper(number: int, *, expected_fen: int | None = None, why: str = "", acting_user: Officer) -> Settlement:
    """Approve and settle. `expected_fen`: the patient's share that the reviewer saw.

    Raises NotFound, NotAllowed, SamePerson, Outdated, and what `settling.settle` raises.
    """
    demand(acting_user, Right.SETTLEMENT_APPROVE)
    with acting(acting_user):
        row = _decided(number, "approved", why, acting_user)
        Visit.objects.filter(pk=row.visit_id).update(state="discharged")
        settled = settle(
            row.visit_id, on=timezone.localdate(), expected_fen=expected_fen, acting_user=acting_user
        )  # fmt: skip
        record("paper.approve", row, person_id=row.person_id, paid=settled.paid_fen, acting_user=acting_user)
        return settled


def send_back(number: int, *, why: str, final: bool = False, acting_user: Officer) -> PaperBill:
    """Send a bill back to be mended, or refuse it for good（`final`）. Raises NotFound, NotAllowed, SamePerson, Outdated, WhyNeeded."""
    demand(acting_user, Right.SETTLEMENT_APPROVE)
    if not why.strip():
        raise WhyNeeded
    with acting(acting_user):
        row = _decided(number, "rejected" if final else "returned", why, acting_user)
        if final:
            Visit.objects.filter(pk=row.visit_id).update(state="cancelled")
        record(
            "paper.reject" if final else "paper.return", row, person_id=row.person_id, why=why, acting_user=acting_user
        )
        return row


# --- Shown ------------------------------------------------------------------------------------------------------------


def papers() -> QuerySet[PaperBill]:
    """Paper bills that the officer may see, the latest first."""
    return PaperBill.objects.select_related("person__merged_into", "visit", "made_by", "decided_by").order_by("-id")


def paper(number: int) -> PaperBill:
    """One. Raises NotFound."""
    found = papers().filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True, slots=True)
class Shares:
    """Who gets what of a paper bill, in fen: the person from the funds, what waits, and what is left out and why."""

    total: int
    to_person: int
    held: int
    elsewhere: int
    hospital: int
    patient: int


def shares(settled: Settled) -> Shares:
    """The parts of a calculated bill; they sum to its total."""
    outcome = settled.outcome
    elsewhere = sum(p.amount for p in outcome.payments if p.given)
    hospital = sum(p.amount for p in settled.payments if p.payer in HOSPITALS)
    held = sum(p.person for p in settled.payments if p.held)
    person = sum(p.person for p in settled.payments) - held
    return Shares(outcome.costs.total, person, held, elsewhere, hospital, outcome.patient_share)
