"""What the tax office confirmed: counted once, whoever uploads it how often, and compared with what we asked for.

Money of a known person is always counted, because it was paid; whether it fits is another question, and where it does not,
a difference is opened for an officer to decide. Money of an unknown person is counted when somebody says whose it is.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.utils import timezone

from yizhan.agency.enrolment.actions.enrolling import (
    Named,
    Wish,
    charge_of,
    end_enrolment,
    enter,
    named_by_hash,
    replace_enrolment,
)
from yizhan.agency.enrolment.actions.files import keep_outcomes, rows_of_step
from yizhan.agency.enrolment.actions.refunds import propose_refund
from yizhan.agency.enrolment.errors import DecisionNotAllowed, NotEnrolled
from yizhan.agency.enrolment.models import (
    ALLOWED_DECISIONS,
    DECISIONS,
    DIFFERENCES,
    Charge,
    Difference,
    Enrolment,
    Entry,
    ListFile,
    ListRow,
    Receipt,
)
from yizhan.agency.enrolment.queries import accounts, residents
from yizhan.agency.enrolment.years import Year, entry_of, insured_range, marks_of, premium_on, year_at
from yizhan.agency.people.models import Person
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound, Outdated
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.engine.premium import ORDINARY
from yizhan.errors import Problem, Problems

_LOCK = 7_202
"""First key of the advisory lock under which the receipts of a pooling area are counted; the second is its code."""


def count_rows(file: ListFile, position: int, *, acting_user: Actor) -> None:
    """Count some rows of a file of receipts. Called inside `acting`, by the run."""
    year = year_at(file.area_path, file.year)
    pooling = year.scheme.area
    _lock(pooling)
    rows = rows_of_step(file, position)
    known = _known(pooling, [str(row.cells["number"]) for row in rows])
    persons = _persons(rows)
    ids = sorted({meant.person.pk for meant in persons.values()})
    charges = accounts(ids, file.year, locked=True)
    enrolments = residents(ids, file.year)
    counting = _Counting(year, file, acting_user)
    for row in rows:
        number, meant = str(row.cells["number"]), persons.get(row.pk)
        before = known.get(number)
        if before is not None:
            _repeated(counting, row, before, meant)
            continue
        charge = charges.get(meant.person.pk) if meant else None
        if meant is None or not meant.is_called(row.name):
            counting.differs(row, "unknown_person" if meant is None else "name_differs")
        elif charge is None:
            counting.differs(row, "not_enrolled")
        else:
            counting.count(row, charge, enrolments.get(meant.person.pk))
            known[number] = _Known(int(row.cells["fen"]), date.fromisoformat(row.cells["paid_on"]), charge.person_id)
    counting.write()
    keep_outcomes(rows)
    record(
        "receipts.count", file, position=position, counted=len(counting.receipts), differences=len(counting.differences),
        acting_user=acting_user,
    )  # fmt: skip


def _lock(pooling: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, %s)", [_LOCK, int(pooling)])


@dataclass(frozen=True, slots=True)
class _Known:
    fen: int
    paid_on: date
    person_id: int


def _known(pooling: str, numbers: list[str]) -> dict[str, _Known]:
    with connection.cursor() as cursor:
        cursor.execute("select * from enrolment_receipts_known(%s, %s)", [pooling, numbers])
        return {number: _Known(fen, paid_on, person_id) for number, fen, paid_on, person_id in cursor.fetchall()}


def _persons(rows: list[ListRow]) -> dict[int, Named]:
    """Whom each row means: by our own number where the row has it, else by the certificate's."""
    numbers = {
        row.pk: int(str(row.cells["person_number"])) for row in rows if str(row.cells["person_number"]).isdecimal()
    }
    by_id = Person.objects.select_related("merged_into").in_bulk([n for n in numbers.values() if n < 2**62])
    by_hash = named_by_hash({bytes(row.id_hash) for row in rows if row.id_hash})
    found: dict[int, Named] = {}
    for row in rows:
        record = by_id.get(numbers.get(row.pk, 0))
        meant = Named(record) if record else by_hash.get(bytes(row.id_hash))
        if meant is not None:
            found[row.pk] = meant
    return found


def _repeated(counting: _Counting, row: ListRow, before: _Known, meant: Named | None) -> None:
    same = (before.fen, before.paid_on) == (row.cells["fen"], date.fromisoformat(row.cells["paid_on"]))
    if same and (meant is None or before.person_id in _numbers_of(meant)):
        row.outcome = "repeated"
    else:
        counting.differs(row, "number_conflict", expected=before.fen)


def _numbers_of(meant: Named) -> set[int]:
    """All numbers of a person: its own, and of what was merged into it. Asked for the few receipts that come again."""
    person = meant.person
    return {person.pk, *person.merged.values_list("pk", flat=True)}


class _Counting:
    """Gathers what a few hundred rows bring, and writes it in a handful of statements."""

    def __init__(self, year: Year, file: ListFile, acting_user: Actor) -> None:
        self.year, self.file, self.acting_user = year, file, acting_user
        self.receipts: list[Receipt] = []
        self.differences: list[Difference] = []
        self.owed: dict[int, int] = {}
        self.late: list[tuple[Enrolment, date]] = []
        open_rows = Difference.objects.filter(receipt=None, year=file.year, decision="")
        self.waiting = {
            (row["row__cells__number"], row["kind"]) for row in open_rows.values("row__cells__number", "kind")
        }

    def differs(
        self,
        row: ListRow,
        kind: str,
        *,
        expected: int | None = None,
        charge: Charge | None = None,
        receipt: Receipt | None = None,
    ) -> None:
        """Open a difference; of a receipt that nobody could place, one is enough."""
        number = str(row.cells["number"])
        if receipt is None and (number, kind) in self.waiting:
            row.outcome = "repeated"
            return
        self.waiting.add((number, kind))
        row.outcome, words = "different", DIFFERENCES[kind]
        row.why = {"zh": words.zh, "en": words.en}
        self.differences.append(
            Difference(
                area_path=charge.area_path if charge else self.file.area_path, year=self.file.year, kind=kind, row=row,
                receipt=receipt, charge=charge, expected=expected, found=int(row.cells["fen"]),
            )
        )  # fmt: skip

    def count(self, row: ListRow, charge: Charge, enrolment: Enrolment | None) -> Receipt:
        """Count a payment for an account, and compare it with what is owed there."""
        fen, paid_on = int(row.cells["fen"]), date.fromisoformat(row.cells["paid_on"])
        receipt = Receipt(
            area_path=charge.area_path, pooling=self.year.scheme.area, year=self.file.year, number=row.cells["number"],
            row=row, charge=charge, fen=fen, paid_on=paid_on,
        )  # fmt: skip
        self.receipts.append(receipt)
        owed = self.owed.get(charge.pk, charge.balance)
        self.owed[charge.pk] = owed - fen
        row.outcome = "counted"
        if owed <= 0:
            self.differs(row, "paid_twice", expected=0, charge=charge, receipt=receipt)
        elif fen != owed:
            self.differs(row, "too_little" if fen < owed else "too_much", expected=owed, charge=charge, receipt=receipt)
        if enrolment is not None and owed > 0 and paid_on > self._last_day(enrolment):
            self.late.append((enrolment, paid_on))
            self.differs(row, "late", expected=owed, charge=charge, receipt=receipt)
        return receipt

    def _last_day(self, enrolment: Enrolment) -> date:
        """Until when this person could pay in time."""
        premium = premium_on(self.year, (), today=timezone.localdate(), entry=entry_of(enrolment), enrolled_on=None)
        return premium.window[1]

    def write(self) -> None:
        """Write all of it; the entries add to the accounts by themselves."""
        Receipt.objects.bulk_create(self.receipts)
        for difference in self.differences:
            difference.receipt_id = difference.receipt.pk if difference.receipt else None
        Difference.objects.bulk_create(self.differences)
        Entry.objects.bulk_create(
            Entry(
                charge=receipt.charge, area_path=receipt.charge.area_path, kind="received", fen=receipt.fen, on=receipt.paid_on,
                receipt=receipt, recorded_by_id=self.acting_user.pk,
            )
            for receipt in self.receipts
        )  # fmt: skip
        paid: dict[int, date] = defaultdict(lambda: date.min)
        for enrolment, paid_on in self.late:
            paid[enrolment.pk] = max(paid[enrolment.pk], paid_on)
        for enrolment in {e.pk: e for e, _ in self.late}.values():
            date_late(enrolment, self.year, paid[enrolment.pk], acting_user=self.acting_user)


def date_late(enrolment: Enrolment, year: Year, paid_on: date, *, acting_user: Actor) -> None:
    """Begin the insurance of somebody who paid late where the rules let it begin; nowhere, if they let nobody in."""
    person_id = enrolment.person.merged_into_id or enrolment.person_id
    marks = marks_of([person_id]).get(person_id, ())
    try:
        premium = premium_on(year, marks, today=timezone.localdate(), entry=entry_of(enrolment), enrolled_on=paid_on)
        insured, begins = insured_range(premium), premium.start
    except Problems:
        insured, begins = None, ""
    if insured != enrolment.insured:
        replace_enrolment(
            enrolment, insured=insured, why="集中缴费期后缴费 paid late", enrolled_on=paid_on, start=begins,
            acting_user=acting_user,
        )  # fmt: skip


# --- Deciding ---------------------------------------------------------------------------------------------------------


def decide_difference(
    difference: Difference, *, decision: str, person: Person | None = None, note: str = "", acting_user: Actor
) -> None:
    """Decide what becomes of a receipt that did not fit.

    `assign` counts it for `person` and enrols that person where needed; `refund` proposes to pay back what is too much;
    `accept`, `wait` and `returned` move no money. Raises NotAllowed, NotFound, Outdated, DecisionNotAllowed, and what
    enrolling or refunding raises.
    """
    demand(acting_user, Right.TAX_EXCHANGE)
    with acting(acting_user):
        row = (
            Difference.objects.select_for_update(of=("self",))
            .select_related("row", "receipt")
            .filter(pk=difference.pk)
            .first()
        )
        if row is None:
            raise NotFound()
        if row.decision:
            now = DECISIONS[row.decision]
            raise Outdated(now_zh=now.zh, now_en=now.en)
        if decision not in ALLOWED_DECISIONS[row.kind]:
            allowed = [DECISIONS[d] for d in row.allowed]
            raise DecisionNotAllowed(
                kind_zh=row.words.zh, kind_en=row.words.en, allowed_zh="、".join(d.zh for d in allowed),
                allowed_en=", ".join(d.en for d in allowed),
            )  # fmt: skip
        if decision == "assign" or (decision == "refund" and row.charge_id is None):
            _assign(row, _meant(row, person), enrol=decision == "assign", acting_user=acting_user)
        if decision == "refund":
            _pay_back(row, acting_user)
        row.decision, row.note = decision, note[:200]
        row.decided_by_id, row.decided_at = acting_user.pk, timezone.now()
        row.save(update_fields=["decision", "note", "decided_by", "decided_at", "charge", "receipt"])
        record(
            "difference.decide", row, person_id=row.charge.person_id if row.charge else None, kind=row.kind, decision=decision,
            note=note, acting_user=acting_user,
        )  # fmt: skip


def _meant(row: Difference, person: Person | None) -> Person:
    """The person named by the officer, else the one whom the row's number names. Raises NotFound."""
    if person is None:
        meant = _persons([row.row]).get(row.row_id)
        person = meant.person if meant else None
    found = Person.objects.living_rows().filter(pk=person.pk).first() if person else None
    if found is None:
        raise NotFound()
    return found


def _assign(row: Difference, person: Person, *, enrol: bool, acting_user: Actor) -> None:
    """Count the receipt for this person. Raises NotFound: somebody else's receipt meanwhile; what enrolling raises."""
    year = year_at(person.area_path, row.year)
    paid_on = date.fromisoformat(row.row.cells["paid_on"])
    _lock(year.scheme.area)
    if _known(year.scheme.area, [row.row.cells["number"]]):
        raise NotFound()
    enrolment = residents([person.pk], row.year).get(person.pk)
    if enrolment is None and enrol:
        outcome = enter([Wish(person, paid_on)], year, acting_user=acting_user)[0]
        if isinstance(outcome, Problem | Problems):
            raise outcome
        enrolment = outcome
    charge = accounts([person.pk], row.year, locked=True).get(person.pk)
    if charge is None:
        premium = premium_on(year, (), today=timezone.localdate(), entry=ORDINARY)
        charge = charge_of(person, premium)
        charge.void = True
        charge.save()
        charge.refresh_from_db()
    counting = _Counting(year, row.row.file, acting_user)
    receipt = counting.count(row.row, charge, enrolment)
    counting.write()
    keep_outcomes([row.row])
    row.charge, row.receipt = charge, receipt


def _pay_back(row: Difference, acting_user: Actor) -> None:
    assert row.charge is not None
    charge = Charge.objects.select_related("person").get(pk=row.charge.pk)
    if row.kind == "late":
        known = Enrolment.objects.live().resident().filter(person=charge.person, year=row.year).first()
        if known is None:
            raise NotEnrolled(name=charge.person.name, year=row.year)
        first = known.insured.lower if known.insured else known.enrolled_on
        end_enrolment(known, from_on=first, why="逾期缴费不予参保 paid too late", acting_user=acting_user)
        charge.refresh_from_db()
    reason = "paid_twice" if row.kind in ("paid_twice", "too_much") else "other"
    propose_refund(charge, fen=charge.refundable, reason=reason, note=row.words.zh, acting_user=acting_user)
