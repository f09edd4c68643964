"""What care's documents should have posted, for `ledger verify`: each settlement and each payment of a patient."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection
from django.urls import reverse
from django.utils import timezone

from yizhan.agency.care.booking import Booked, difference
from yizhan.agency.care.models import PatientPayment, Settlement
from yizhan.agency.care.proving import hold
from yizhan.agency.care.rewriting import payments_of
from yizhan.agency.care.settling import books_of
from yizhan.agency.ledger.posting import HospitalKey, Leg
from yizhan.agency.ledger.verifying import CHECKS, DOCUMENTS, PAGES, RECORDS, Document

CHUNK = 1_000

WIDE = ("claim", "beneficiary", "result", "categories", "states")
"""Columns of a settlement that say nothing to the books, and are most of it."""


def settlements() -> Iterator[Document]:
    """Each row's booking less that of the row it replaces, from the payments as they are stored."""
    after = 0
    found = Settlement.objects.defer(*WIDE, *(f"replaces__{name}" for name in WIDE)).select_related("replaces")
    while rows := list(found.filter(pk__gt=after).order_by("pk")[:CHUNK]):
        paid = payments_of({*rows, *(row.replaces for row in rows if row.replaces is not None)})
        for row in rows:
            before = books_of(row.replaces, paid[row.replaces.pk]) if row.replaces is not None else Booked()
            legs = difference(books_of(row, paid[row.pk]), before)
            yield Document(row.pk, legs, timezone.localdate(row.recorded_at), row.person_id, row.area_path)
        after = rows[-1].pk


def patient_payments() -> Iterator[Document]:
    """Money against what the patient owes."""
    for row in PatientPayment.objects.order_by("pk").iterator(CHUNK):
        yield Document(row.pk, legs_of(row), row.on, row.person_id, row.area_path)


def legs_of(row: PatientPayment) -> list[Leg]:
    """The postings of a payment of a patient."""
    book = HospitalKey(row.institution_id)
    return [Leg(book, "cash", row.fen), Leg(book, "patient", -row.fen)]


def records_of(person_id: int) -> list[int]:
    """All records of one person, merged ones included, by the number of any of them."""
    same = "coalesce(merged_into_id, id)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"select id from people_person where {same} = (select {same} from people_person where id = %s)", [person_id]
        )
        return [row[0] for row in cursor.fetchall()]


def register() -> None:
    """Let the ledger know of care's documents, and of whom records are."""
    if records_of not in RECORDS:
        RECORDS.append(records_of)
    if hold not in CHECKS:
        CHECKS.append(hold)
    DOCUMENTS["settlement"], DOCUMENTS["patient_payment"] = settlements, patient_payments
    PAGES["settlement"] = lambda number: reverse("care:bill", args=[number])
