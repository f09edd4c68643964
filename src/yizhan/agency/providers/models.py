"""Agreements with institutions, catalogues of what insurance covers, and what a hospital calls its items.

An agreement is a period; what happens to it later is a row of its own, so that the standing of an institution is derived
for any day. A catalogue version is complete: it holds every item of its kind, and the next one replaces it from its first
day. A bill line is split by the version in force on the line's day.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from yizhan.agency.providers.kinds import (
    CATALOGUES,
    CLASSES,
    DESIGNATIONS,
    EVENTS,
    MAPPING_STATES,
    VERSION_STATES,
    State,
)
from yizhan.agency.staff.models import Area, Institution, PathField
from yizhan.engine.money import RATIO_ONE


def _officer(**options: object) -> models.ForeignKey:
    return models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_constraint=False, **options)  # type: ignore[arg-type]  # passed on as it came


def last_day(valid: object) -> date | None:
    """The last day of a period; None while it is open."""
    upper: date | None = getattr(valid, "upper", None)
    return upper - timedelta(days=1) if upper else None


class Agreement(models.Model):
    """The terms on which an institution treats insured people（定点服务协议）.

    `valid` is when it binds: a termination shortens it, `signed_to` keeps what was signed.
    """

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="agreements")
    area_path = PathField()
    number = models.CharField(max_length=60)
    valid = DateRangeField()
    signed_to = models.DateField(help_text="last day, as signed")
    cares = ArrayField(models.CharField(max_length=20), help_text="kinds of care that it covers (engine.facts)")
    treat_first = models.BooleanField(default=False, help_text="treat first, pay later: 先诊疗后付费")
    deposit = models.BooleanField(default=True, help_text="a deposit may be taken at admission")
    note = models.CharField(max_length=300, blank=True)
    signed_on = models.DateField()
    signed_for_bureau = models.CharField(max_length=60)
    signed_for_institution = models.CharField(max_length=60)
    made_by = _officer()
    made_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = _officer(null=True)
    withdrawn_why = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="one_agreement_at_a_time",
                expressions=[("institution", RangeOperators.EQUAL), ("valid", RangeOperators.OVERLAPS)],
                condition=Q(withdrawn_at=None),
            ),
            models.UniqueConstraint(
                fields=["institution", "number"], condition=Q(withdrawn_at=None), name="one_agreement_a_number"
            ),
            models.CheckConstraint(condition=Q(valid__isempty=False), name="agreement_not_empty"),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | ~Q(withdrawn_why=""), name="agreement_withdrawn_with_reason"
            ),
        ]

    if TYPE_CHECKING:
        institution_id: int

    @property
    def last_day(self) -> date | None:
        """The last day on which it binds."""
        return last_day(self.valid)


class AgreementEvent(models.Model):
    """What happened to an agreement: suspended, resumed, terminated, from a day on. Never changed; the later row counts."""

    agreement = models.ForeignKey(Agreement, models.PROTECT, related_name="events")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    area_path = PathField()
    kind = models.CharField(max_length=12)
    from_on = models.DateField()
    reason = models.CharField(max_length=300)
    document = models.CharField(max_length=120, blank=True)
    made_by = _officer()
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=list(EVENTS)), name="agreement_event_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="agreement_event_with_reason"),
        ]
        indexes = [models.Index(fields=["agreement", "from_on", "id"], name="agreement_event_day")]


class Designation(models.Model):
    """Something that an institution is chosen for, for a period（扶贫定点、专项救治定点、门诊慢特病定点）."""

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="designations")
    area_path = PathField()
    kind = models.CharField(max_length=20)
    valid = DateRangeField()
    document = models.CharField(max_length=120)
    made_by = _officer()
    made_at = models.DateTimeField(db_default=Now())
    ended_by = _officer(null=True)
    ended_why = models.CharField(max_length=300, blank=True)
    withdrawn_at = models.DateTimeField(null=True, help_text="it never held")

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="one_designation_at_a_time",
                expressions=[
                    ("institution", RangeOperators.EQUAL),
                    ("kind", RangeOperators.EQUAL),
                    ("valid", RangeOperators.OVERLAPS),
                ],
                condition=Q(withdrawn_at=None),
            ),
            models.CheckConstraint(condition=Q(valid__isempty=False), name="designation_not_empty"),
            models.CheckConstraint(condition=Q(kind__in=list(DESIGNATIONS)), name="designation_known"),
        ]

    @property
    def last_day(self) -> date | None:
        """The last day; None while it is open."""
        return last_day(self.valid)


class Version(models.Model):
    """All items of one kind that an area's insurance covers from a day on（目录版本）. In force until the next one begins.

    `area` is a province, or a city that has its own: the nearest one upward from the insured person's area counts.
    """

    area = models.ForeignKey(Area, models.PROTECT)
    area_path = PathField()
    kind = models.CharField(max_length=10)
    from_on = models.DateField()
    document = models.CharField(max_length=120)
    file_name = models.CharField(max_length=200)
    state = models.CharField(max_length=12, default="reading")
    rows = models.IntegerField(default=0)
    compared_with = models.ForeignKey("self", models.PROTECT, null=True, related_name="+", db_constraint=False)
    counts = models.JSONField(default=dict, help_text="change → items, against `compared_with`")
    problems = models.JSONField(default=list, help_text="why the file could not be read: [{code, at, zh, en}]")
    run_id = models.BigIntegerField(null=True)
    made_by = _officer()
    made_at = models.DateTimeField(db_default=Now())
    applied_by = _officer(null=True)
    applied_at = models.DateTimeField(null=True)
    ended_by = _officer(null=True, help_text="who dropped or withdrew it")
    ended_at = models.DateTimeField(null=True)
    ended_why = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["area", "kind", "from_on"],
                condition=~Q(state__in=["dropped", "unreadable", "withdrawn"]),
                name="one_version_a_day",
            ),
            models.CheckConstraint(condition=Q(kind__in=list(CATALOGUES)), name="version_kind_known"),
            models.CheckConstraint(condition=Q(state__in=list(VERSION_STATES)), name="version_state_known"),
            models.CheckConstraint(
                condition=Q(applied_by=None) | ~Q(applied_by=F("made_by")), name="version_maker_is_not_checker"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["applied", "withdrawn"])
                | Q(applied_by__isnull=False, applied_at__isnull=False),
                name="version_applied_by_somebody",
            ),
        ]
        indexes = [
            models.Index(
                fields=["area_path", "kind", "-from_on"], condition=Q(state="applied"), name="version_in_force"
            )
        ]

    if TYPE_CHECKING:
        area_id: int
        made_by_id: int
        compared_with_id: int | None

    def __str__(self) -> str:
        return f"{self.pk:04d}"

    @property
    def shown_state(self) -> State:
        """The state as pages show it."""
        return VERSION_STATES[self.state]


class VersionFile(models.Model):
    """The file that a version was read from, as it was sent."""

    version = models.OneToOneField(Version, models.PROTECT, related_name="file")
    area_path = PathField()
    content = models.BinaryField()
    digest = models.BinaryField()


class Item(models.Model):
    """A drug, service or supply of a catalogue version, and how it is paid."""

    version = models.ForeignKey(Version, models.PROTECT, related_name="items", db_index=False)
    code = models.CharField(max_length=30, db_collation="C", help_text="national code")
    name = models.CharField(max_length=200, db_collation="C")
    spec = models.CharField(max_length=200, blank=True, help_text="specification, dosage form")
    unit = models.CharField(max_length=30, blank=True)
    payment_class = models.CharField(max_length=1, help_text="a, b, c: 甲乙丙")
    first_pay = models.IntegerField(
        help_text="share that the patient bears first, in ten-thousandths; 10000 in class c"
    )
    limits = models.JSONField(
        default=dict, help_text="hospital grade → fen a unit; a grade that is missing has no limit"
    )
    restriction = models.CharField(max_length=500, blank=True, help_text="限定支付范围")
    negotiated = models.BooleanField(default=False, help_text="nationally negotiated, high value")
    rehabilitation = models.BooleanField(default=False, help_text="medical rehabilitation")
    fee = models.CharField(max_length=2, help_text="category of cost: a key of FEES")
    charge = models.CharField(max_length=20, blank=True, help_text="one of engine.facts.CHARGES, or empty")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "code"], name="one_item_a_code"),
            models.CheckConstraint(condition=Q(payment_class__in=list(CLASSES)), name="item_class_known"),
            models.CheckConstraint(
                condition=Q(payment_class="a", first_pay=0)
                | Q(payment_class="b", first_pay__range=(0, RATIO_ONE))
                | Q(payment_class="c", first_pay=RATIO_ONE),
                name="item_ratio_of_its_class",
            ),
        ]
        # The version comes second: a further index that begins with it would be chosen for whole versions by mistake.
        indexes = [models.Index(fields=["name", "version"], name="item_name")]

    if TYPE_CHECKING:
        version_id: int


class Mapping(models.Model):
    """What a hospital calls an item, and which national item it is（目录对照）. Counts once somebody else has approved it.

    `proposed_by` is null where the hospital's own system sent it.
    """

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="mappings", db_index=False)
    area_path = PathField()
    code = models.CharField(max_length=50, db_collation="C", help_text="the hospital's own")
    name = models.CharField(max_length=200)
    unit = models.CharField(max_length=30, blank=True)
    national_code = models.CharField(max_length=30, db_collation="C")
    valid = DateRangeField()
    state = models.CharField(max_length=10, default="proposed")
    proposed_by = _officer(null=True)
    proposed_at = models.DateTimeField(db_default=Now())
    decided_by = _officer(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_why = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="one_mapping_at_a_time",
                expressions=[
                    ("institution", RangeOperators.EQUAL),
                    ("code", RangeOperators.EQUAL),
                    ("valid", RangeOperators.OVERLAPS),
                ],
                condition=Q(state="approved"),
            ),
            models.UniqueConstraint(
                fields=["institution", "code"], condition=Q(state="proposed"), name="one_proposal_a_code"
            ),
            models.CheckConstraint(condition=Q(valid__isempty=False), name="mapping_not_empty"),
            models.CheckConstraint(condition=Q(state__in=list(MAPPING_STATES)), name="mapping_state_known"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("proposed_by")), name="mapping_maker_is_not_checker"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "rejected"]) | Q(decided_by__isnull=False),
                name="mapping_decided_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["institution", "code"], name="mapping_code"),
            models.Index(fields=["area_path", "id"], condition=Q(state="proposed"), name="mapping_waits"),
        ]

    if TYPE_CHECKING:
        institution_id: int
        proposed_by_id: int | None

    @property
    def shown_state(self) -> State:
        """The state as pages show it."""
        return MAPPING_STATES[self.state]

    @property
    def last_day(self) -> date | None:
        """The last day; None while it is open."""
        return last_day(self.valid)
