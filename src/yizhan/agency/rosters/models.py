"""Rosters and their rows; duties to send them; gaps to be closed.

A roster's file holds full numbers, so it is sealed; rows keep the keyed hash, the mask and the sealed number. What applying
did stands in the marks themselves: `roster_id` brought them, `withdrawn_roster_id` took them away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField, DateRangeField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from yizhan.agency.people.models import Person
from yizhan.agency.rosters.states import DECISIONS, FOLLOWS, KINDS, ROSTER_STATES, ROW_STATES, State
from yizhan.agency.staff.models import Area, PathField

FILE_PURPOSE = "roster.file"


def _officer(**options: object) -> models.ForeignKey:
    return models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_constraint=False, **options)  # type: ignore[arg-type]  # passed on as it came


class Roster(models.Model):
    """A list of persons with an identity, as a department sends it（名单）."""

    area = models.ForeignKey(Area, models.PROTECT)
    area_path = PathField()
    department = models.CharField(max_length=30)
    identities = ArrayField(models.CharField(max_length=30), help_text="categories that the list is about")
    kind = models.CharField(max_length=10)
    effective_on = models.DateField(
        help_text="day from which the list speaks; of a monthly one, the first of the month"
    )
    document = models.CharField(max_length=120, blank=True)
    file_name = models.CharField(max_length=200)
    state = models.CharField(max_length=12, default="reading")
    columns = ArrayField(models.TextField(), default=list, help_text="header of the file")
    mapping = models.JSONField(default=dict, help_text="field → header word; {} until it is known")
    rows = models.IntegerField(default=0)
    counts = models.JSONField(default=dict, help_text="row state → rows, as the comparison found them")
    problems = models.JSONField(default=list, help_text="why the file could not be read: [{code, zh, en}]")
    run_id = models.BigIntegerField(null=True, help_text="the last run about it")
    uploaded_by = _officer()
    uploaded_at = models.DateTimeField(db_default=Now())
    compared_at = models.DateTimeField(null=True)
    sent_by = _officer(null=True)
    sent_at = models.DateTimeField(null=True)
    sent_note = models.CharField(max_length=300, blank=True)
    decided_by = _officer(null=True)
    decided_at = models.DateTimeField(null=True)
    return_why = models.CharField(max_length=300, blank=True)
    applied_at = models.DateTimeField(null=True)
    withdrawn_by = _officer(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_why = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=list(ROSTER_STATES)), name="roster_state_known"),
            models.CheckConstraint(condition=Q(kind__in=list(KINDS)), name="roster_kind_known"),
            models.CheckConstraint(
                condition=Q(decided_by=None)
                | (~Q(decided_by=F("uploaded_by")) & (Q(sent_by=None) | ~Q(decided_by=F("sent_by")))),
                name="roster_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["applying", "applied", "withdrawing", "withdrawn"])
                | Q(decided_by__isnull=False, sent_by__isnull=False),
                name="roster_applied_only_after_review",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["withdrawing", "withdrawn"])
                | (Q(withdrawn_by__isnull=False) & ~Q(withdrawn_why="")),
                name="roster_withdrawn_with_reason",
            ),
        ]
        indexes = [models.Index(fields=["area_path", "-uploaded_at"], name="roster_area")]

    if TYPE_CHECKING:
        area_id: int
        uploaded_by_id: int
        sent_by_id: int | None
        decided_by_id: int | None

    def __str__(self) -> str:
        return f"{self.pk:06d}"

    @property
    def shown_state(self) -> State:
        """The state as pages show it."""
        return ROSTER_STATES[self.state]

    def may_become(self, state: str) -> bool:
        """Whether `state` may follow the present one."""
        return state in FOLLOWS[self.state]


class RosterFile(models.Model):
    """The file as it was sent, sealed."""

    roster = models.OneToOneField(Roster, models.PROTECT, related_name="file")
    area_path = PathField()
    department = models.CharField(max_length=30)
    sealed = models.TextField()
    digest = models.BinaryField(help_text="of the open content")


class RosterColumns(models.Model):
    """How a department heads its columns: confirmed once, used again for the same header."""

    area_path = PathField()
    department = models.CharField(max_length=30)
    signature = models.BinaryField()
    mapping = models.JSONField()
    confirmed_by = _officer()
    confirmed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["area_path", "department", "signature"], name="one_mapping_a_header")
        ]


class RosterRow(models.Model):
    """One row of a roster and what it would change; also the known marks that a complete list no longer has."""

    roster = models.ForeignKey(Roster, models.PROTECT, related_name="lines")
    area_path = PathField()
    department = models.CharField(max_length=30)
    number = models.IntegerField(
        null=True, help_text="row of the file as Excel shows it; None for a known mark that the file lacks"
    )
    name = models.CharField(max_length=60, blank=True)
    name_matched = models.TextField(db_collation="C", blank=True)
    id_kind = models.CharField(max_length=20, blank=True)
    id_hash = models.BinaryField(null=True)
    id_mask = models.CharField(max_length=30, blank=True)
    id_sealed = models.TextField(blank=True, help_text="the number, also one that failed its check")
    sex = models.CharField(max_length=6, blank=True)
    born_on = models.DateField(null=True)
    phone_sealed = models.TextField(blank=True)
    phone_mask = models.CharField(max_length=20, blank=True)
    address = models.CharField(max_length=200, blank=True)
    place_path = PathField(blank=True, help_text="township or village of the person, where the file names one")
    identity = models.CharField(max_length=30, blank=True)
    act = models.CharField(max_length=5, blank=True)
    from_on = models.DateField(null=True)
    to_on = models.DateField(null=True, help_text="last day")
    document = models.CharField(max_length=120, blank=True)
    valid_id = models.BooleanField(default=False)
    person = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+", db_constraint=False)
    named_person_id = models.BigIntegerField(null=True, help_text="the person whom an officer says this row means")
    state = models.CharField(max_length=10, blank=True)
    change = models.CharField(
        max_length=6, blank=True, help_text="add, change, end or none: what applying it does to marks"
    )
    target = DateRangeField(null=True, help_text="the mark that applying it records")
    basis = ArrayField(models.BigIntegerField(), default=list, help_text="marks that applying it withdraws")
    reasons = models.JSONField(default=list, help_text="[{code, …}]: why it is rejected or contradicts")
    warnings = models.JSONField(default=list, help_text="[{code, …}]")
    candidates = models.JSONField(default=list, help_text="[{person, why, score}]: whom a mistyped number may mean")
    needs = models.BooleanField(default=False, help_text="cannot be sent to review before somebody decides")
    decision = models.CharField(max_length=10, blank=True)
    note = models.CharField(max_length=300, blank=True)
    decided_by = _officer(null=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["", *ROW_STATES]), name="roster_row_state_known"),
            models.CheckConstraint(condition=Q(decision__in=["", *DECISIONS]), name="roster_row_decision_known"),
        ]
        indexes = [
            models.Index(fields=["roster", "state", "number"], name="roster_row_tab"),
            models.Index(fields=["roster"], condition=Q(needs=True, decision=""), name="roster_row_undecided"),
            models.Index(fields=["id_hash"], name="roster_row_hash"),
            models.Index(fields=["person"], name="roster_row_person"),
        ]

    if TYPE_CHECKING:
        roster_id: int
        person_id: int | None

    @property
    def shown_state(self) -> State:
        """The state as pages show it."""
        return ROW_STATES[self.state]

    @property
    def undecided(self) -> bool:
        """Whether it holds up the review."""
        return self.needs and not self.decision


class PastChange(models.Model):
    """A period before the day of applying in which somebody's identity is now known to be different（追溯变更）."""

    roster = models.ForeignKey(Roster, models.PROTECT, related_name="past_changes")
    area_path = PathField()
    department = models.CharField(max_length=30)
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    identity = models.CharField(max_length=30)
    kind = models.CharField(max_length=10, help_text="gained or lost")
    period = DateRangeField()
    by_withdrawal = models.BooleanField(default=False)
    recorded_at = models.DateTimeField(db_default=Now())


class RosterDuty(models.Model):
    """Until when a department has to send which roster（报送时限）."""

    area = models.ForeignKey(Area, models.PROTECT)
    area_path = PathField()
    department = models.CharField(max_length=30)
    identity = models.CharField(max_length=30)
    kind = models.CharField(max_length=10)
    due_month = models.IntegerField(null=True, help_text="of a yearly list")
    due_day = models.IntegerField(help_text="31 is the last day of the month")
    responsible = _officer(null=True, blank=True)
    citation = models.CharField(max_length=200, blank=True)
    note = models.CharField(max_length=300, blank=True)
    from_on = models.DateField()
    to_on = models.DateField(null=True, blank=True, help_text="last day on which the duty holds")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["area", "department", "identity", "kind"], condition=Q(to_on=None), name="one_duty_at_a_time"
            ),
            models.CheckConstraint(condition=Q(due_day__gte=1, due_day__lte=31), name="duty_day_exists"),
            models.CheckConstraint(
                condition=Q(kind="monthly", due_month=None) | Q(kind="initial", due_month__gte=1, due_month__lte=12),
                name="duty_month_of_yearly_lists",
            ),
        ]


class GapItem(models.Model):
    """Something that should not be so, until somebody has seen to it（缺口）."""

    kind = models.CharField(max_length=30)
    area_path = PathField()
    person = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    key = models.CharField(max_length=120, help_text="what makes two findings the same gap")
    detail = models.JSONField(default=dict)
    found_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now(), help_text="last census that still found it")
    responsible = _officer(null=True)
    due_on = models.DateField(null=True)
    note = models.CharField(max_length=300, blank=True)
    closed_at = models.DateTimeField(null=True)
    closed_by = _officer(null=True)
    close_why = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "area_path", "key"], condition=Q(closed_at=None), name="one_open_gap"
            ),
            models.CheckConstraint(condition=Q(closed_at=None) | ~Q(close_why=""), name="gap_closed_with_reason"),
        ]
        indexes = [models.Index(fields=["area_path", "kind"], condition=Q(closed_at=None), name="gap_open")]
