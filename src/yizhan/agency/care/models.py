"""Settled bills: what was claimed, what was paid, and what we believed about the person when it was settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Institution, PathField


class Settlement(models.Model):
    """One bill as it was settled（结算）. Never changed: a correction is a further row (next: reversal and back-payment)."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="settlements")
    area_path = PathField(help_text="the area that answered for the person on that day")
    institution = models.ForeignKey(Institution, models.PROTECT)
    claim_number = models.CharField(max_length=40)
    care = models.CharField(max_length=20)
    admitted_on = models.DateField()
    discharged_on = models.DateField()
    identity_on = models.DateField(help_text="day on which the identities count")
    settled_on = models.DateField(help_text="day of the bill in the order of the year")
    identities = ArrayField(models.CharField(max_length=30), help_text="those that were taken into account")
    total_fen = models.BigIntegerField()
    paid_fen = models.BigIntegerField()
    patient_fen = models.BigIntegerField()
    claim = models.JSONField(help_text="the claim as docs/settle.md describes it")
    result = models.JSONField(help_text="the settlement as docs/settle.md describes it")
    digest = models.CharField(max_length=16, help_text="of the policies that it was settled by")
    recorded_at = models.DateTimeField(help_text="what was known at this instant decided")
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["institution", "claim_number"], name="one_settlement_a_claim"),
            models.CheckConstraint(condition=Q(total_fen=F("paid_fen") + F("patient_fen")), name="parts_sum_to_bill"),
            models.CheckConstraint(condition=Q(paid_fen__gte=0, patient_fen__gte=0), name="no_negative_part"),
        ]
        indexes = [
            models.Index(fields=["person", "identity_on"], name="settlement_person"),
            models.Index(fields=["area_path", "-id"], name="settlement_area"),
        ]

    if TYPE_CHECKING:
        person_id: int
        institution_id: int
