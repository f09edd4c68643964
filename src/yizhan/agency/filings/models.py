"""Filings: what somebody asks a bureau to put on record, step by step, and what then counts when a bill is settled."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from yizhan.agency.desk.words import Words
from yizhan.agency.filings.kinds import DECIDED, ISSUES, KINDS, REGISTRATIONS, STATES, STEPS, State
from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Area, Institution, PathField


def _officer(**options: object) -> models.ForeignKey[object, object]:
    return models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", **options)  # type: ignore[arg-type]


class Term(models.Model):
    """How long filings of a kind hold and how long evidence may take, as an area's documents have it（备案期限）.

    The later row counts. `stand_in`: no document says so; the bureau set it for the time being.
    """

    area = models.ForeignKey(Area, models.PROTECT)
    area_path = PathField()
    kind = models.CharField(max_length=20)
    from_on = models.DateField()
    days_valid = models.IntegerField(null=True)
    days_evidence = models.IntegerField(null=True)
    document = models.CharField(max_length=120)
    article = models.CharField(max_length=40, blank=True)
    stand_in = models.BooleanField(default=False)
    made_by = _officer()
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["area", "kind", "from_on"], name="one_term_a_day"),
            models.CheckConstraint(condition=Q(kind__in=list(KINDS)), name="term_kind_known"),
            models.CheckConstraint(condition=Q(days_valid=None) | Q(days_valid__gt=0), name="term_days_valid_positive"),
            models.CheckConstraint(
                condition=Q(days_evidence=None) | Q(days_evidence__gt=0), name="term_days_evidence_positive"
            ),
        ]


class Filing(models.Model):
    """One filing（备案、登记）.

    `institution` made it, `opinion_of` is asked for an opinion, `to_institution` is where the patient goes, or went as an
    emergency; null where a bureau made it or none is meant. `made_by` is null where the institution's own system did. `valid` is when it holds once approved. `due_on`: last day for
    evidence.
    """

    number = models.CharField(max_length=30, unique=True)
    kind = models.CharField(max_length=20)
    person = models.ForeignKey(Person, models.PROTECT, related_name="filings")
    area_path = PathField(help_text="that of the person, whom it follows")
    institution = models.ForeignKey(Institution, models.PROTECT, null=True, related_name="+")
    opinion_of = models.ForeignKey(Institution, models.PROTECT, null=True, related_name="+")
    to_institution = models.ForeignKey(Institution, models.PROTECT, null=True, related_name="+")
    place = models.ForeignKey(
        Area, models.PROTECT, null=True, related_name="+", help_text="where the person lives, offsite"
    )
    state = models.CharField(max_length=12)
    valid = DateRangeField()
    diagnoses = ArrayField(models.CharField(max_length=100), default=list)
    disease = models.CharField(max_length=100, blank=True, help_text="the disease registered")
    from_stay = models.BooleanField(default=False, help_text="the patient comes from a stay at the referring hospital")
    emergency_on = models.DateField(null=True)
    due_on = models.DateField(null=True)
    why = models.CharField(max_length=300)
    made_at = models.DateTimeField(db_default=Now())
    made_by = _officer(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = _officer(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=list(KINDS)), name="filing_kind_known"),
            models.CheckConstraint(condition=Q(state__in=list(STATES)), name="filing_state_known"),
            models.CheckConstraint(condition=Q(valid__isempty=False), name="filing_valid_not_empty"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("made_by")), name="filing_maker_is_not_decider"
            ),
            models.CheckConstraint(
                condition=Q(made_by__isnull=False) | Q(institution__isnull=False), name="filing_made_by_somebody"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=list(DECIDED)) | Q(decided_by__isnull=False),
                name="filing_approved_by_somebody",
            ),
            ExclusionConstraint(
                name="one_registration_a_disease",
                expressions=[
                    ("person", RangeOperators.EQUAL), ("kind", RangeOperators.EQUAL), ("disease", RangeOperators.EQUAL),
                    ("valid", RangeOperators.OVERLAPS),
                ],
                condition=Q(kind__in=list(REGISTRATIONS)) & Q(state__in=["decision", "returned", "approved", "ended"]),
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["person", "kind"], name="filing_person"),
            models.Index(fields=["area_path", "state", "kind"], name="filing_area"),
            models.Index(fields=["institution", "state"], name="filing_institution"),
            models.Index(fields=["to_institution", "state"], name="filing_to_institution"),
        ]

    if TYPE_CHECKING:
        person_id: int
        institution_id: int | None
        opinion_of_id: int | None
        to_institution_id: int | None
        made_by_id: int | None

    @property
    def kind_words(self) -> Words:
        """What it is."""
        return KINDS[self.kind].words

    @property
    def shown_state(self) -> State:
        """Where it stands."""
        return STATES[self.state]

    @property
    def last_day(self) -> date | None:
        """The last day on which it holds."""
        return self.valid.upper - timedelta(days=1) if self.valid.upper else None

    def lapsed_on(self, on: date) -> bool:
        """Whether evidence did not come in time."""
        return self.state == "evidence" and self.due_on is not None and self.due_on < on

    def holds_on(self, on: date) -> bool:
        """Whether it is filed and its period includes the day."""
        last = self.last_day
        return self.state in ("approved", "ended") and self.valid.lower <= on and (last is None or on <= last)


class FilingStep(models.Model):
    """Something that was done about a filing: an opinion, evidence, a decision. Never changed."""

    filing = models.ForeignKey(Filing, models.PROTECT, related_name="steps")
    name = models.CharField(max_length=20)
    outcome = models.CharField(max_length=12, help_text="the state that it led to")
    words = models.CharField(max_length=300, blank=True)
    officer = _officer(null=True)
    institution = models.ForeignKey(Institution, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(name__in=list(STEPS)), name="filing_step_known"),
            models.CheckConstraint(condition=Q(outcome__in=list(STATES)), name="filing_step_outcome_known"),
        ]

    @property
    def name_words(self) -> Words:
        """What was done."""
        return STEPS[self.name]

    @property
    def shown_outcome(self) -> State:
        """What it led to."""
        return STATES[self.outcome]


class Evidence(models.Model):
    """A paper that was handed in: sealed, as it names a person and an illness."""

    filing = models.ForeignKey(Filing, models.PROTECT, related_name="evidence")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, help_text="media type, by content")
    bytes = models.IntegerField()
    sealed = models.TextField()
    added_at = models.DateTimeField(db_default=Now())
    added_by = _officer()


class Printing(models.Model):
    """A relief certificate on paper（救助证证本）, and each printing of it. Never changed.

    `issue` counts the papers of a filing: a later one makes those before it void. `copy` counts the printings of one paper.
    """

    filing = models.ForeignKey(Filing, models.PROTECT, related_name="printings")
    issue = models.IntegerField()
    copy = models.IntegerField()
    why = models.CharField(max_length=10, help_text="a key of kinds.ISSUES")
    words = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(db_default=Now())
    by = _officer()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["filing", "issue", "copy"], name="one_printing_a_copy"),
            models.CheckConstraint(condition=Q(why__in=list(ISSUES)), name="printing_why_known"),
            models.CheckConstraint(condition=Q(issue__gt=0) & Q(copy__gt=0), name="printing_counted_from_one"),
        ]

    @property
    def why_words(self) -> Words:
        """Why it was issued."""
        return ISSUES[self.why]
