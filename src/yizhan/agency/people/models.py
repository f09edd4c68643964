"""Persons, households and identity marks.

A person's certificate number, telephone and account are sealed (`agency.crypto`); the keyed hash beside them finds a
person by the full number, the mask is what pages show. Names stay readable: they are searched and sorted.

An identity mark is bitemporal. `valid` says when somebody belonged to the category; `recorded_at` … `withdrawn_at` says
when we believed it. What we believed is never changed, only withdrawn and recorded anew: what was known when a bill was
settled can always be asked.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now

from yizhan.agency.desk.words import Words
from yizhan.agency.people.identifiers import KINDS
from yizhan.agency.staff.models import DEPARTMENTS, PathField
from yizhan.engine.facts import FACTS

IDENTITIES = {value.code: value for value in FACTS["identity"].values}
"""Every category that the law knows, by code."""

IDENTITY_WORDS = {value.code: Words(value.zh, value.en) for value in FACTS["identity"].values}

SEXES = {value.code: value for value in FACTS["sex"].values}
SEX_WORDS = {value.code: Words(value.zh, value.en) for value in FACTS["sex"].values}

DAY = timedelta(days=1)


class TsTzRange(Func):
    """tstzrange(from, to)."""

    function = "tstzrange"


class PersonQuerySet(models.QuerySet["Person"]):
    """Persons, with the ways in which they are looked for."""

    def living_rows(self) -> PersonQuerySet:
        """Without those that were merged into another."""
        return self.filter(merged_into__isnull=True)


class Person(models.Model):
    """One human being, as far as we know（参保人）. Two rows found to be the same are merged, never deleted."""

    name = models.CharField(max_length=60)
    name_key = models.TextField(db_collation="C", help_text="full pinyin; lists sort by it")
    initials = models.TextField(db_collation="C", help_text="pinyin initials")
    name_matched = models.TextField(db_collation="C", help_text="the name as names are compared")
    sex = models.CharField(max_length=6)
    born_on = models.DateField()
    died_on = models.DateField(null=True, blank=True)
    id_kind = models.CharField(max_length=20)
    id_sealed = models.TextField()
    id_hash = models.BinaryField(help_text="finds the number again (people.sealing)")
    id_mask = models.CharField(max_length=30)
    phone_sealed = models.TextField(blank=True)
    phone_mask = models.CharField(max_length=20, blank=True)
    address = models.CharField(max_length=200, blank=True)
    area_path = PathField(help_text="township or county that is responsible for the person")
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, related_name="merged")
    recorded_at = models.DateTimeField(db_default=Now())

    objects = PersonQuerySet.as_manager()

    class Meta:
        constraints = [
            # Of merged persons too: their number still leads to the person that was kept.
            # On an expression, so that no search uses this index: it would look at rows of other areas (`person_id_hash`).
            models.UniqueConstraint(Func(F("id_hash"), Value("hex"), function="encode"), name="one_person_a_number"),
            models.CheckConstraint(condition=~Q(merged_into=F("id")), name="not_merged_into_itself"),
        ]
        indexes = [
            models.Index(fields=["initials", "area_path"], name="person_initials"),
            models.Index(fields=["name_matched", "area_path"], name="person_name"),
            models.Index(fields=["area_path", "name_key", "id"], name="person_sorted"),
            # With the area, so that a number held elsewhere costs no look at its row: its search takes no longer.
            models.Index(fields=["id_hash", "area_path"], name="person_id_hash"),
        ]

    if TYPE_CHECKING:
        merged_into_id: int | None

    def __str__(self) -> str:
        return self.name

    @property
    def number(self) -> str:
        """Person number（人员编号）, ten digits."""
        return f"{self.pk:010d}"

    @property
    def sex_words(self) -> Words:
        """Female or male."""
        return SEX_WORDS[self.sex]

    @property
    def kind_words(self) -> Words:
        """The kind of certificate."""
        kind = KINDS[self.id_kind]
        return Words(kind.zh, kind.en)

    def age_on(self, day: date) -> int:
        """Completed years of age."""
        return day.year - self.born_on.year - ((day.month, day.day) < (self.born_on.month, self.born_on.day))


class Account(models.Model):
    """A bank account into which back-payments go. Replaced by a further row."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="accounts")
    area_path = PathField()
    holder = models.CharField(max_length=60)
    bank = models.CharField(max_length=80)
    account_sealed = models.TextField()
    account_mask = models.CharField(max_length=30)
    recorded_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person"], condition=Q(withdrawn_at=None), name="one_account_at_a_time")
        ]


class Household(models.Model):
    """People whose means are counted together（户）."""

    number = models.CharField(max_length=30, unique=True)
    address = models.CharField(max_length=200, blank=True)
    area_path = PathField()
    recorded_at = models.DateTimeField(db_default=Now())


class HouseholdMember(models.Model):
    """Somebody's membership of a household, over time."""

    RELATIONS = {
        "head": Words("户主", "head"), "spouse": Words("配偶", "spouse"), "child": Words("子女", "child"),
        "parent": Words("父母", "parent"), "grandchild": Words("孙子女", "grandchild"),
        "sibling": Words("兄弟姐妹", "sibling"), "other": Words("其他", "other"),
    }  # fmt: skip

    household = models.ForeignKey(Household, models.PROTECT, related_name="members")
    person = models.ForeignKey(Person, models.PROTECT, related_name="memberships")
    area_path = PathField()
    relation = models.CharField(max_length=12)
    valid = DateRangeField()
    recorded_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="one_household_at_a_time",
                expressions=[("person", RangeOperators.EQUAL), ("valid", RangeOperators.OVERLAPS)],
                condition=Q(withdrawn_at=None),
            ),
            models.CheckConstraint(condition=Q(valid__isempty=False), name="membership_not_empty"),
        ]

    @property
    def relation_words(self) -> Words:
        """Relation to the head."""
        return self.RELATIONS[self.relation]

    @property
    def last_day(self) -> date | None:
        """The last day in the household; None until further notice."""
        return self.valid.upper - DAY if self.valid.upper else None


class MarkQuerySet(models.QuerySet["IdentityMark"]):
    """Marks, by what was true and by what was known."""

    def known(self, at: object = None) -> MarkQuerySet:
        """What we believed at this instant; now, where none is given."""
        if at is None:
            return self.filter(withdrawn_at=None)
        return self.filter(Q(withdrawn_at=None) | Q(withdrawn_at__gt=at), recorded_at__lte=at)

    def on(self, day: date) -> MarkQuerySet:
        """Those that hold on a day."""
        return self.filter(valid__contains=day)


class IdentityMark(models.Model):
    """Somebody's belonging to a category, certified by a department（身份标识）.

    `valid` is half-open: the last day is the one before its upper bound; no upper bound means until further notice.
    """

    person = models.ForeignKey(Person, models.PROTECT, related_name="marks")
    area_path = PathField(help_text="that of the person, whom it follows")
    identity = models.CharField(max_length=30)
    valid = DateRangeField()
    certified_by = models.CharField(max_length=30)
    document = models.CharField(max_length=120, blank=True, help_text="number of the certificate or document")
    roster_id = models.BigIntegerField(null=True, db_index=True, help_text="the roster that brought it")
    recorded_at = models.DateTimeField(db_default=Now())
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_constraint=False
    )
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_constraint=False
    )
    withdrawn_why = models.CharField(max_length=200, blank=True)
    withdrawn_roster_id = models.BigIntegerField(null=True, db_index=True, help_text="the roster that withdrew it")

    objects = MarkQuerySet.as_manager()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="one_mark_at_a_time",
                expressions=[
                    ("person", RangeOperators.EQUAL),
                    ("identity", RangeOperators.EQUAL),
                    ("valid", RangeOperators.OVERLAPS),
                    (TsTzRange("recorded_at", "withdrawn_at"), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=Q(valid__isempty=False), name="mark_not_empty"),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | Q(withdrawn_at__gt=F("recorded_at")), name="withdrawn_after_recorded"
            ),
        ]
        indexes = [models.Index(fields=["area_path", "identity"], name="mark_area")]

    if TYPE_CHECKING:
        person_id: int

    @property
    def words(self) -> Words:
        """The category."""
        return IDENTITY_WORDS[self.identity]

    @property
    def department(self) -> Words:
        """Who certified it."""
        return DEPARTMENTS[self.certified_by]

    @property
    def last_day(self) -> date | None:
        """The last day of belonging; None until further notice."""
        return self.valid.upper - DAY if self.valid.upper else None


class Merge(models.Model):
    """Two persons found to be one: proposed, decided by somebody else, and undone if it was wrong."""

    STATES = {
        "proposed": (Words("待复核", "waiting for review"), "wait"),
        "merged": (Words("已合并", "merged"), "good"),
        "refused": (Words("已退回", "refused"), "bad"),
        "undone": (Words("已撤销", "undone"), "plain"),
    }

    kept = models.ForeignKey(Person, models.PROTECT, related_name="+")
    dropped = models.ForeignKey(Person, models.PROTECT, related_name="+")
    area_path = PathField()
    why = models.CharField(max_length=300)
    state = models.CharField(max_length=10, default="proposed")
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(db_default=Now())
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    moved = models.JSONField(default=dict, help_text="what merging moved, so that undoing can move it back")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("proposed_by")), name="merge_maker_is_not_checker"
            ),
            models.CheckConstraint(
                condition=Q(state="proposed") | Q(decided_by__isnull=False), name="merge_has_a_checker"
            ),
            models.UniqueConstraint(
                fields=["dropped"], condition=Q(state__in=["proposed", "merged"]), name="one_merge_at_a_time"
            ),
        ]
