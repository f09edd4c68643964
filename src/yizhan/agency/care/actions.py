"""Visits, their lines, and what patients pay. Settling is `settling`, changing what was settled `rewriting`.

Whatever changes a visit locks its row, as settling does, so that a bill is settled either before or after a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Max, Sum
from django.utils import timezone

from yizhan.agency.care.books import legs_of
from yizhan.agency.care.claims import APPROVED_ONLY, FACTS_BY_WORD, STATED
from yizhan.agency.care.errors import (
    AdmissionAhead,
    AlreadySettled,
    BegunAfterDeath,
    ConfirmationUsed,
    DepositNotTaken,
    LineNotThere,
    LinesOfHospital,
    MoreThanOwed,
    NotDischarged,
    NothingToReturn,
    NotOfTheWindow,
    NotPlanned,
    OverPaidBack,
    OverRefund,
    PaymentTaken,
    PaymentTooEarly,
    ReceiptTaken,
    ReturnNotChanged,
    TooManyLines,
    VisitFrozen,
    VisitNumberTaken,
    WhyNeeded,
    WrongDays,
)
from yizhan.agency.care.line_files import MOST_LINES
from yizhan.agency.care.models import SOURCES, BillLine, PatientPayment, Printing, Settlement, Visit
from yizhan.agency.care.rewriting import correct, refuse_without_continuation
from yizhan.agency.care.settling import read_visit, settle
from yizhan.agency.care.years import Asked
from yizhan.agency.enrolment.beneficiaries import pooling_area
from yizhan.agency.ledger.posting import post
from yizhan.agency.people.models import Person
from yizhan.agency.providers.queries import standing
from yizhan.agency.providers.splitting import Charge, split_lines
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Institution, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand, institution_of
from yizhan.engine.facts import POTS
from yizhan.engine.money import half_up, yuan_grouped
from yizhan.errors import Problem, Problems

# --- Visits -----------------------------------------------------------------------------------------------------------


def register_visit(
    person: Person,
    *,
    institution: Institution | None,
    number: str = "",
    care: str,
    admitted_on: date,
    discharged_on: date | None = None,
    planned: bool = False,
    diagnoses: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
    amounts: Mapping[str, Any] | None = None,
    source: str = "window",
    department: str = "",
    doctor: str = "",
    bed: str = "",
    continues: Visit | None = None,
    acting_user: Actor,
) -> Visit:
    """Register a visit（就诊登记、预约入院）. Without a number it gets one of ours.

    A hospital may state only facts of `claims.STATED`. Outpatient care is discharged on the day it is given. Raises NotFound for another institution, VisitNumberTaken, Problems for days out of order.
    """
    demand(acting_user, Right.VISIT_EDIT if source in ("window", "gateway", "manual") else Right.SETTLEMENT_IMPORT)
    own = institution_of(acting_user)
    if own is not None and (institution is None or institution.pk != own):
        raise NotFound
    stated = _statable(dict(facts or {}), source, acting_user)
    if care != "inpatient" and not planned:
        discharged_on = discharged_on or admitted_on
    if discharged_on is not None and discharged_on < admitted_on:
        raise Problems([WrongDays(first=admitted_on, second=discharged_on)])
    if admitted_on > timezone.localdate() and not planned:
        raise Problems([AdmissionAhead(day=admitted_on)])
    state = "planned" if planned else "discharged" if discharged_on else "admitted"
    if source == "manual":
        state = "proposed"
    with acting(acting_user):
        person = Person.objects.select_related("merged_into").get(pk=person.pk)
        person = person.merged_into or person
        _refuse_dead(person, admitted_on)
        row = Visit(
            number=number or _own_number(admitted_on), institution=institution, person=person, area_path=person.area_path,
            care=care, admitted_on=admitted_on, discharged_on=discharged_on, state=state, department=department,
            doctor=doctor, bed=bed, diagnoses=list(diagnoses), facts=stated, amounts=dict(amounts) if amounts else None,
            continues=continues, source=source, made_by=acting_user if isinstance(acting_user, Officer) else None,
        )  # fmt: skip
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            if "a_number" in str(error):
                raise VisitNumberTaken(visit=row.number) from None
            raise
        record("visit.register", row, person_id=person.pk, care=care, state=state, acting_user=acting_user)
        return row


def _refuse_dead(person: Person, admitted_on: date) -> None:
    """Who died is treated no more: a visit may end after the day of death only by mistake, and never begins there."""
    if person.died_on is not None and person.died_on < admitted_on:
        raise Problems([BegunAfterDeath(died=person.died_on, admitted=admitted_on)])


def _statable(facts: dict[str, Any], source: str, acting_user: Actor) -> dict[str, Any]:
    """Of these facts, those that this actor may state of a visit that came in this way."""
    if source in ("import", "manual"):
        return facts
    if institution_of(acting_user) is None:
        return {key: value for key, value in facts.items() if FACTS_BY_WORD.get(key, key) not in APPROVED_ONLY}
    return {key: value for key, value in facts.items() if key in STATED}


def _own_number(on: date) -> str:
    with connection.cursor() as cursor:
        cursor.execute("select nextval('care_visit_id_seq')")
        return f"V{on:%Y%m%d}{cursor.fetchone()[0]:06d}"


_CHANGEABLE = (
    "admitted_on", "discharged_on", "diagnoses", "department", "doctor", "bed", "care", "facts", "state",
)  # fmt: skip


def change_visit(visit_id: int, *, acting_user: Actor, **changes: Any) -> Visit:
    """Change what is known of a visit that is not settled: days, diagnoses, department, facts.

    Raises NotFound, VisitFrozen, Problems for days out of order.
    """
    demand(acting_user, Right.VISIT_EDIT)
    with acting(acting_user):
        visit = _open_visit(visit_id, acting_user=acting_user)
        changed = _change(visit, changes, acting_user=acting_user)
        record("visit.change", visit, person_id=visit.person_id, changed=changed, acting_user=acting_user)
        return visit


def _change(visit: Visit, changes: Mapping[str, Any], *, acting_user: Actor) -> dict[str, list[Any]]:
    """What came to be another: name → [before, now]."""
    before = {name: getattr(visit, name) for name in _CHANGEABLE}
    unknown = set(changes) - set(_CHANGEABLE)
    assert not unknown, unknown
    # What the bureau stated stays, whatever the hospital states anew.
    kept = {key: value for key, value in visit.facts.items() if key not in STATED}
    for name, value in changes.items():
        setattr(visit, name, value)
    if "facts" in changes:
        visit.facts = kept | _statable(dict(visit.facts), visit.source, acting_user)
    if visit.discharged_on is not None and visit.discharged_on < visit.admitted_on:
        raise Problems([WrongDays(first=visit.admitted_on, second=visit.discharged_on)])
    if "admitted_on" in changes:
        _refuse_dead(visit.person.merged_into or visit.person, visit.admitted_on)
    if "state" not in changes and visit.state in ("admitted", "discharged"):
        visit.state = "discharged" if visit.discharged_on else "admitted"
    visit.save(update_fields=[*dict.fromkeys([*changes, "facts", "state"])])
    return {name: [was, getattr(visit, name)] for name, was in before.items() if was != getattr(visit, name)}


def admit(visit_id: int, *, on: date, acting_user: Actor) -> Visit:
    """A planned admission takes place（预约入院 → 入院）. Raises NotFound, NotPlanned, AdmissionAhead."""
    demand(acting_user, Right.VISIT_EDIT)
    with acting(acting_user):
        visit = _open_visit(visit_id, acting_user=acting_user)
        if visit.state != "planned":
            words = visit.state_words
            raise NotPlanned(visit=visit.number, state_zh=words.zh, state_en=words.en)
        if on > timezone.localdate():
            raise AdmissionAhead(day=on)
        return change_visit(visit_id, state="admitted", admitted_on=on, acting_user=acting_user)


def cancel_visit(visit_id: int, *, why: str, acting_user: Actor) -> Visit:
    """Cancel a visit that is not settled. Raises WhyNeeded, VisitFrozen; PaymentTaken while a deposit is kept."""
    demand(acting_user, Right.VISIT_EDIT)
    if not why.strip():
        raise WhyNeeded
    with acting(acting_user):
        visit = _open_visit(visit_id, acting_user=acting_user)
        refuse_without_continuation(visit, act=("取消", "cancelled"))
        if kept := sum(p.fen for p in PatientPayment.objects.filter(visit=visit)):
            raise PaymentTaken(visit=visit.number, yuan=yuan_grouped(kept))
        visit.state = "cancelled"
        visit.save(update_fields=["state"])
        record("visit.cancel", visit, person_id=visit.person_id, why=why, acting_user=acting_user)
        return visit


def cut_stay(visit_id: int, *, on: date, acting_user: Actor) -> Visit:
    """Settle mid-stay（中途结算）: end the visit on a day and let another continue it from there. Returns the other one.

    Lines after the day go with it. The visit that ended is then settled like any other.
    """
    demand(acting_user, Right.VISIT_EDIT)
    with acting(acting_user):
        visit = _open_visit(visit_id, acting_user=acting_user)
        if visit.state != "admitted" or visit.care != "inpatient":
            raise NotDischarged(visit=visit.number)
        if not visit.admitted_on <= on <= timezone.localdate():
            raise Problems([WrongDays(first=visit.admitted_on, second=on)])
        _change(visit, {"discharged_on": on}, acting_user=acting_user)
        rest = register_visit(
            visit.person, institution=visit.institution, care=visit.care, admitted_on=on, diagnoses=visit.diagnoses,
            facts=visit.facts, source=visit.source, department=visit.department, doctor=visit.doctor, bed=visit.bed,
            continues=visit, acting_user=acting_user,
        )  # fmt: skip
        BillLine.objects.filter(visit=visit, on__gt=on).update(visit=rest)
        record("visit.cut", visit, person_id=visit.person_id, ended_on=on, acting_user=acting_user)
        return rest


def _open_visit(visit_id: int, *, acting_user: Actor) -> Visit:
    """A visit that the window may change: neither settled, nor one that a second officer approves as it was entered."""
    visit = read_visit(visit_id, locked=True, acting_user=acting_user)
    if visit.source in ("manual", "import") or visit.state == "proposed":
        words = SOURCES[visit.source]
        raise NotOfTheWindow(visit=visit.number, source_zh=words.zh, source_en=words.en)
    if Settlement.objects.live().filter(visit=visit).exists():
        raise VisitFrozen(visit=visit.number)
    return visit


def _with_own_lines(visit_id: int, *, acting_user: Actor) -> Visit:
    visit = _open_visit(visit_id, acting_user=acting_user)
    if isinstance(acting_user, Officer) and institution_of(acting_user) is None:
        raise LinesOfHospital
    return visit


# --- Lines ------------------------------------------------------------------------------------------------------------


def add_lines(visit_id: int, charges: Sequence[Charge], *, acting_user: Actor) -> list[BillLine]:
    """Add lines to a visit that is not settled, split by the catalogue in force on their days. All or none.

    Raises NotFound, VisitFrozen, and Problems with everything that is wrong in the lines.
    """
    demand(acting_user, Right.VISIT_EDIT)
    with acting(acting_user):
        visit = _with_own_lines(visit_id, acting_user=acting_user)
        rows = _add(visit, charges, acting_user=acting_user)
        record("visit.add_lines", visit, person_id=visit.person_id, **_told(rows), acting_user=acting_user)
        return rows


def _add(visit: Visit, charges: Sequence[Charge], *, acting_user: Actor) -> list[BillLine]:
    assert visit.institution is not None
    splits, problems = split_lines(charges, institution=visit.institution, area_path=visit.area_path)
    last = BillLine.objects.filter(visit=visit).aggregate(last=Max("position"))["last"] or 0
    if last + len(charges) > MOST_LINES:
        problems.append(TooManyLines(most=MOST_LINES, lines=last + len(charges)))
    if problems:
        raise Problems(problems)
    officer = acting_user if isinstance(acting_user, Officer) else None
    return BillLine.objects.bulk_create(
        BillLine(
            visit=visit, person_id=visit.person_id, institution_id=visit.institution_id, area_path=visit.area_path,
            position=last + k, on=charge.on, code=charge.code, name=charge.name, national_code=split.national_code,
            category=split.category, quantity=charge.quantity, price=charge.price, amount_fen=charge.amount_fen,
            in_scope=split.pots[0], first_pay=split.pots[1], over_limit=split.pots[2], own=split.pots[3],
            charge=split.charge, own_signed=charge.own_expense_signed, special_drug=split.special_drug, why=split.why,
            added_by=officer,
        )
        for k, (charge, split) in enumerate(zip(charges, splits, strict=True), start=1)
    )  # fmt: skip


def take_in_lines(visit_id: int, charges: Sequence[Charge], *, replace: bool = False, acting_user: Actor) -> int:
    """Enter the lines of a file, in place of those that are there or after them. All or none; returns how many.

    Raises what `add_lines` raises.
    """
    with acting(acting_user):
        if replace:
            clear_lines(visit_id, acting_user=acting_user)
        return len(add_lines(visit_id, charges, acting_user=acting_user))


def replace_line(visit_id: int, *, position: int, charge: Charge | None, acting_user: Actor) -> None:
    """Put another line in the place of one, or remove it. Raises NotFound, VisitFrozen, LineNotThere, ReturnNotChanged, Problems."""
    demand(acting_user, Right.VISIT_EDIT)
    with acting(acting_user):
        visit = _with_own_lines(visit_id, acting_user=acting_user)
        line = BillLine.objects.filter(visit=visit, position=position).first()
        if line is None:
            raise LineNotThere(position=position)
        if charge is not None and "refunds" in line.why:
            raise ReturnNotChanged(position=position, returned=line.why["refunds"])
        # What was returned of it goes with it: else it would be taken off twice.
        refunds = BillLine.objects.filter(visit=visit, why__refunds=position)
        was = _told([line, *refunds])
        refunds.delete()
        line.delete()
        added = _add(visit, [charge], acting_user=acting_user) if charge is not None else []
        for row in added:
            row.position = position
            row.save(update_fields=["position"])
        record(
            "visit.change_line", visit, person_id=visit.person_id, position=position, was=was, now=_told(added),
            acting_user=acting_user,
        )  # fmt: skip


def clear_lines(visit_id: int, *, acting_user: Actor) -> int:
    """Remove all lines of a visit that is not settled. Returns how many."""
    demand(acting_user, Right.VISIT_EDIT)
    with acting(acting_user):
        visit = _with_own_lines(visit_id, acting_user=acting_user)
        rows = BillLine.objects.filter(visit=visit)
        was = _told(rows.order_by("position"))
        count, _ = rows.delete()
        record("visit.clear_lines", visit, person_id=visit.person_id, **was, acting_user=acting_user)
        return count


TOLD = 20
"""Lines that the audit trail names one by one; of more it tells how many and their sum."""


def _told(rows: Iterable[BillLine]) -> dict[str, Any]:
    """Lines as the audit trail tells them: how many, their sum in fen, and [position, code, name, quantity, fen] of the first."""
    rows = list(rows)
    named = [
        [row.position, row.code, row.name, f"{Decimal(row.quantity).scaleb(-4).normalize():f}", row.amount_fen]
        for row in rows[:TOLD]
    ]
    return {"lines": len(rows), "fen": sum(row.amount_fen for row in rows), "named": named}


def correct_visit(
    visit_id: int, changes: Mapping[str, Any], *, on: date, why: str, acting_user: Actor
) -> list[Settlement]:
    """Correct days, diagnoses or care of a settled visit, and settle it again in its old place（更正）.

    Returns the rows of settlement written. Raises what `rewriting.correct` raises.
    """

    def edit(visit: Visit) -> None:
        changed = _change(visit, changes, acting_user=acting_user)
        record("visit.change", visit, person_id=visit.person_id, changed=changed, why=why, acting_user=acting_user)

    return correct(visit_id, edit, on=on, why=why, acting_user=acting_user)


def refund_lines(visit_id: int, back: Mapping[int, int], *, on: date, why: str, acting_user: Actor) -> list[Settlement]:
    """Take back quantities（1/10,000）of lines by position（部分退费）. A settled visit is corrected; one that is not
    settled gets lines with negative quantities. Returns the rows of settlement written.

    Raises NothingToReturn, LineNotThere, OverRefund, and what `rewriting.correct` raises.
    """

    def edit(visit: Visit) -> None:
        lines = list(BillLine.objects.filter(visit=visit).order_by("position"))
        by_position = {line.position: line for line in lines}
        last = lines[-1].position if lines else 0
        problems: list[Problem] = []
        added: list[BillLine] = []
        for position, quantity in back.items():
            line = by_position.get(position)
            if line is None:
                problems.append(LineNotThere(position=position))
                continue
            earlier = [other for other in lines if other.why.get("refunds") == position]
            if not 0 < quantity <= line.quantity + sum(other.quantity for other in earlier):
                problems.append(OverRefund(position=position, name=line.name))
                continue
            last += 1
            added.append(_returned(line, earlier, quantity, position=last, acting_user=acting_user))
        if problems:
            raise Problems(problems)
        BillLine.objects.bulk_create(added)
        record("visit.refund_lines", visit, person_id=visit.person_id, **_told(added), why=why, acting_user=acting_user)

    if not why.strip():
        raise WhyNeeded
    if not back:
        raise NothingToReturn
    with acting(acting_user):
        visit = read_visit(visit_id, acting_user=acting_user)
        if Settlement.objects.live().filter(visit=visit).exists():
            return correct(visit_id, edit, on=on, why=why, acting_user=acting_user)
        demand(acting_user, Right.VISIT_EDIT)
        edit(_open_visit(visit_id, acting_user=acting_user))
        return []


def _returned(
    line: BillLine, earlier: Sequence[BillLine], quantity: int, *, position: int, acting_user: Actor
) -> BillLine:
    """The line that takes back a quantity（1/10,000）of another, split as that one was, whatever the catalogue says today.

    What is returned in all is rounded, pot by pot, and not each part: parts that return everything return every fen.
    """
    returned = quantity - sum(other.quantity for other in earlier)
    pots = [
        half_up(getattr(line, pot) * returned, line.quantity) + sum(getattr(other, pot) for other in earlier)
        for pot in POTS
    ]
    return BillLine(
        visit_id=line.visit_id, person_id=line.person_id, institution_id=line.institution_id, area_path=line.area_path,
        position=position, on=line.on, code=line.code, name=line.name, national_code=line.national_code, category=line.category,
        quantity=-quantity, price=line.price, amount_fen=-sum(pots), **{p: -fen for p, fen in zip(POTS, pots, strict=True)},
        charge=line.charge, own_signed=line.own_signed, special_drug=line.special_drug, why={**line.why, "refunds": line.position},
        added_by=acting_user if isinstance(acting_user, Officer) else None,
    )  # fmt: skip


# --- Patients' money --------------------------------------------------------------------------------------------------


def take_money(
    visit_id: int, *, kind: str, fen: int, method: str, receipt: str = "", on: date, why: str = "", message_id: str = "",
    acting_user: Actor,
) -> PatientPayment:  # fmt: skip
    """Take a deposit or payment, or give money back（`fen` is positive in both cases）.

    The receipt's number is the institution's; without one it gets one of ours. `message_id` is the number of a page's
    confirmation: confirmed twice, money moves once, and the first row is the answer. Raises NotFound, ReceiptTaken,
    MoreThanOwed, OverPaidBack where more would be given back than was taken, DepositNotTaken where the agreement has none, or too late.
    """
    demand(acting_user, Right.PATIENT_MONEY)
    with acting(acting_user):
        visit = read_visit(visit_id, locked=True, acting_user=acting_user)
        if visit.institution is None:
            raise NotFound
        known = PatientPayment.objects.filter(visit=visit, message_id=message_id).first() if message_id else None
        if known is not None:
            return known
        settled = Settlement.objects.live().filter(visit=visit).first()
        kept = sum(p.fen for p in PatientPayment.objects.filter(visit=visit))
        if kind == "deposit":
            _refuse_deposit(visit, visit.institution, settled=settled is not None)
        elif kind == "payment":
            if settled is None:
                raise PaymentTooEarly(visit=visit.number)
            if fen > (owed := max(0, settled.due_fen - kept)):
                raise MoreThanOwed(visit=visit.number, owed=yuan_grouped(owed))
        if kind == "refund" and fen > kept:
            raise OverPaidBack(yuan=yuan_grouped(kept))
        signed = -fen if kind == "refund" else fen
        row = PatientPayment(
            visit=visit, person_id=visit.person_id, institution=visit.institution, area_path=visit.area_path, kind=kind,
            method=method, receipt=receipt or _own_receipt(on), on=on, fen=signed, why=why, message_id=message_id,
            recorded_by=acting_user if isinstance(acting_user, Officer) else None,
        )  # fmt: skip
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            if "one_payment_a_receipt" in str(error):
                raise ReceiptTaken(receipt=receipt) from None
            raise
        post(
            "patient_payment", row.pk, on=on, legs=legs_of(row), person_id=visit.person_id, area_path=visit.area_path,
            acting_user=acting_user,
        )  # fmt: skip
        record(
            "patient.pay", row, person_id=visit.person_id, kind=kind, fen=signed, method=method, receipt=row.receipt,
            acting_user=acting_user,
        )  # fmt: skip
        return row


def _refuse_deposit(visit: Visit, institution: Institution, *, settled: bool) -> None:
    if settled:
        why = ("已经结算这次就诊", "has settled this visit already")
    elif visit.state == "cancelled":
        why = ("已经取消这次就诊", "has cancelled this visit")
    elif not standing(institution.pk, visit.admitted_on).deposit:
        why = ("按协议先诊疗后付费", "treats first and is paid later by its agreement")
    else:
        return
    raise DepositNotTaken(institution=institution.name, why_zh=why[0], why_en=why[1])


def check_out(
    visit_id: int, *, on: date, message_id: str, expected_fen: int | None, expected_total_fen: int | None = None,
    method: str = "", acting_user: Actor,
) -> Settlement:  # fmt: skip
    """Settle and, with a `method`, take what the patient owes or give back what was deposited too much: one transaction.

    A repeated message gets the first answer and moves no money again; ConfirmationUsed where that answer no longer holds. Raises
    what `settle` and `take_money` raise.
    """
    with acting(acting_user) if method else nullcontext():  # settling alone is one transaction by itself
        row = settle(
            visit_id, on=on, message_id=message_id, expected_fen=expected_fen, expected_total_fen=expected_total_fen,
            acting_user=acting_user,
        )  # fmt: skip
        if row.repeated:
            with acting(acting_user):
                if Settlement.objects.filter(replaces=row).exists():
                    raise Problems([ConfirmationUsed(settlement=row.pk)])
        if not method:
            return row
        moved = PatientPayment.objects.filter(visit=visit_id)
        if not moved.filter(recorded_at__gte=row.recorded_at).exists():
            owed = row.due_fen - (moved.aggregate(sum=Sum("fen"))["sum"] or 0)
            if owed:
                kind = "payment" if owed > 0 else "refund"
                take_money(visit_id, kind=kind, fen=abs(owed), method=method, on=on, acting_user=acting_user)
        return row


def _own_receipt(on: date) -> str:
    with connection.cursor() as cursor:
        cursor.execute("select nextval('care_patientpayment_id_seq')")
        return f"R{on:%Y%m%d}{cursor.fetchone()[0]:06d}"


# --- Paper ------------------------------------------------------------------------------------------------------------


def count_printing(rows: Sequence[Settlement], *, lang: str, acting_user: Officer) -> dict[int, int]:
    """Note that these bills are printed. Returns how often each was printed before."""
    with acting(acting_user):
        numbers = [row.pk for row in rows]
        counted = Printing.objects.filter(settlement__in=numbers).values_list("settlement").annotate(n=Count("pk"))
        before = dict.fromkeys(numbers, 0) | dict(counted)
        Printing.objects.bulk_create(
            Printing(
                settlement=row, institution_id=row.institution_id, area_path=row.area_path, lang=lang, by=acting_user
            )
            for row in rows
        )
        record("settlement.print", acting_user=acting_user, bills=numbers, lang=lang)
        return before


# --- Past bills -------------------------------------------------------------------------------------------------------

_NOT_FACTS = (
    "claim", "care", "admitted_on", "discharged_on", "settled_on", "diagnoses", "amounts", "amounts_by_year", "charges", "lines",
    "given",
)  # fmt: skip
_AMOUNTS = ("amounts", "amounts_by_year", "charges", "lines", "given")


def settle_bill(
    person: Person, *, institution: Institution, claim: Mapping[str, Any], acting_user: Actor
) -> Settlement:
    """Register and settle a past bill that comes as a claim of docs/settle.md; a repeat gets the first answer.

    The identities, the insured periods and the year so far come from the platform. Raises AlreadySettled where the number
    was used for another bill, and Problems with everything that is wrong in the claim.
    """
    demand(acting_user, Right.SETTLEMENT_IMPORT)
    number = str(claim.get("claim", ""))
    with acting(acting_user):
        before = Visit.objects.filter(institution=institution, number=number).select_related("person").first()
        read = Asked(pooling_area(person.area_path), {}, claim).read().claims[0]
        facts = {key: value for key, value in claim.items() if key not in _NOT_FACTS}
        amounts = {key: claim[key] for key in _AMOUNTS if key in claim}
        if before is not None:
            live = Settlement.objects.live().filter(visit=before).first()
            if live is None or (before.person_id, before.facts, before.amounts) != (person.pk, facts, amounts):
                raise AlreadySettled(visit=number, institution=institution.name, settlement=live.pk if live else "–")
            return live
        visit = register_visit(
            person, institution=institution, number=read.number, care=str(read.facts["care"]), admitted_on=read.admitted_on,
            discharged_on=read.discharged_on, diagnoses=list(claim.get("diagnoses", [])), facts=facts, amounts=amounts,
            source="import", acting_user=acting_user,
        )  # fmt: skip
        return settle(visit.pk, on=read.settled_on, acting_user=acting_user)
