"""Areas, institutions, officers and the audit trail.

Rows that belong somewhere carry `area_path`, the codes from the nation down, each followed by a dot:
`000000.430000.430300.430302.` What lies in an area begins with its path, which is what the database's row security
compares (collation C, so that a range is a prefix).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from yizhan.agency.desk.words import Words, say
from yizhan.agency.staff.rights import ADMINISTRATORS, Right, Role, rights_of

NATION = "000000."

NO_MEANS: Mapping[str, object] = MappingProxyType({})
"""How somebody acts who acts in person: the audit trail has nothing to add to the name."""

AREA_LEVELS = {
    "nation": Words("国家", "nation"),
    "province": Words("省级", "province"),
    "city": Words("市级", "city"),
    "county": Words("县级", "county"),
    "township": Words("乡镇街道", "township"),
    "village": Words("村社区", "village"),
}

DEPARTMENTS = {
    "healthcare_security": Words("医保局", "healthcare security"),
    "civil_affairs": Words("民政", "civil affairs"),
    "rural_revitalisation": Words("乡村振兴", "rural revitalisation"),
    "poverty_office": Words("扶贫办", "poverty office"),
    "disabled_federation": Words("残联", "disabled persons' federation"),
    "tax": Words("税务", "tax office"),
    "finance": Words("财政", "finance"),
    "health": Words("卫健", "health commission"),
    "other": Words("其他", "other"),
}


INSTITUTION_KINDS = {
    "hospital": Words("综合医院", "general hospital"),
    "tcm_hospital": Words("中医医院", "hospital of Chinese medicine"),
    "specialist": Words("专科医院", "specialist hospital"),
    "health_centre": Words("卫生院、社区卫生服务中心", "health centre"),
    "clinic": Words("诊所、村卫生室", "clinic"),
    "pharmacy": Words("零售药店", "pharmacy"),
}


class PathField(models.TextField):
    """Codes from the nation down, each followed by a dot."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs["db_collation"] = "C"
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as it came


class Area(models.Model):
    """A place of the administrative division（行政区划）."""

    code = models.CharField(max_length=12, unique=True)
    name = models.CharField(max_length=60)
    name_en = models.CharField(max_length=80, blank=True)
    level = models.CharField(max_length=10)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="parts")
    path = PathField(unique=True)

    def __str__(self) -> str:
        return say(self.name, self.name_en or self.name)


class Institution(models.Model):
    """A hospital, clinic or pharmacy with which bills are settled（定点医药机构）."""

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(
        max_length=20, default="hospital", db_default="hospital", help_text="a key of INSTITUTION_KINDS"
    )
    level = models.CharField(max_length=20, help_text="institution_level of engine.facts")
    tier = models.CharField(max_length=20, help_text="institution_tier of engine.facts")
    area = models.ForeignKey(Area, models.PROTECT)
    area_path = PathField(db_index=True)
    ended_on = models.DateField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class Officer(AbstractBaseUser):
    """Someone who signs in: an officer of a bureau, a department's liaison, a hospital's clerk."""

    username = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    roles = ArrayField(models.CharField(max_length=20))
    area = models.ForeignKey(Area, models.PROTECT)
    area_path = PathField()
    department = models.CharField(max_length=30)
    institution = models.ForeignKey(Institution, models.PROTECT, null=True, blank=True)
    is_active = models.BooleanField(default=True)
    demo = models.BooleanField(default=False, help_text="made for the demonstration; refused elsewhere")
    created_at = models.DateTimeField(auto_now_add=True)
    password_set_at = models.DateTimeField(null=True)
    totp_sealed = models.BinaryField(null=True)
    totp_last_step = models.BigIntegerField(default=0)

    USERNAME_FIELD = "username"
    means = NO_MEANS
    objects = BaseUserManager["Officer"]()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(roles__overlap=[r.value for r in ADMINISTRATORS]) | Q(roles__len=1),
                name="administrators_apart",
                violation_error_message="an administrator holds no other role",
            ),
            models.CheckConstraint(
                condition=~Q(roles__overlap=[Role.WINDOW.value, Role.HOSPITAL.value]) | Q(institution__isnull=False),
                name="hospital_staff_has_institution",
            ),
        ]

    if TYPE_CHECKING:
        area_id: int
        institution_id: int | None

    def __str__(self) -> str:
        return self.name

    def may(self, right: Right) -> bool:
        """Whether some role of this officer grants the right."""
        return self.is_active and right in self.rights

    @property
    def rights(self) -> frozenset[Right]:
        """All that this officer's roles allow."""
        return rights_of(self.roles)

    @property
    def is_liaison(self) -> bool:
        """Whether this officer works for another department and sees that department's business only."""
        return Role.LIAISON in self.roles


class Session(AbstractBaseSession):
    """A browser in which somebody is signed in, or halfway there. `session_key` is the digest of what the cookie holds."""

    officer = models.ForeignKey(Officer, models.CASCADE, null=True)
    device = models.CharField(max_length=60, blank=True)
    source = models.CharField(max_length=45, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField(null=True, help_text="however busy the officer is")
    ended_why = models.CharField(max_length=20, blank=True, help_text="a word of sessions.ENDED_WHY; the row is dead")


class Attempts(models.Model):
    """Failed tries to sign in to one account from one origin: a network of 256 addresses, or a known device."""

    account = models.BinaryField(help_text="lookup hash of the name that was tried, whether it exists or not")
    origin = models.CharField(max_length=60)
    failures = models.IntegerField(default=0)
    failed_at = models.DateTimeField()
    closed_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "origin"], name="one_counter_an_origin")]


class ResetCode(models.Model):
    """A code with which somebody sets a password without the old one. Used once, within a day（一次性重置码）."""

    officer = models.ForeignKey(Officer, models.PROTECT, related_name="reset_codes")
    code_digest = models.BinaryField()
    made_by = models.ForeignKey(Officer, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(made_by=F("officer")), name="nobody_resets_themselves"),
        ]


class DailyUse(models.Model):
    """How much of something that is counted an officer did on a day, and what a second person granted beyond the ceiling."""

    officer = models.ForeignKey(Officer, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, help_text="a key of ceilings.CEILINGS")
    day = models.DateField()
    used = models.IntegerField(default=0)
    granted = models.IntegerField(default=0)
    granted_by = models.ForeignKey(Officer, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["officer", "kind", "day"], name="one_count_a_day"),
            models.CheckConstraint(
                condition=Q(granted_by=None) | ~Q(granted_by=F("officer")), name="nobody_grants_themselves"
            ),
        ]


class Audit(models.Model):
    """One act, done or refused. Never changed; sealed in batches（审计日志）."""

    at = models.DateTimeField(db_index=True)
    officer = models.ForeignKey(Officer, models.PROTECT, null=True, db_constraint=False)
    officer_name = models.CharField(max_length=60)
    source = models.CharField(max_length=45, blank=True)
    act = models.CharField(max_length=60, db_index=True)
    outcome = models.CharField(max_length=10)
    object_kind = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=40, blank=True)
    person_id = models.BigIntegerField(null=True, db_index=True)
    area_path = PathField()
    detail = models.JSONField(default=dict)


class AuditSeal(models.Model):
    """A batch of audit rows, chained to the batch before it."""

    number = models.BigIntegerField(unique=True)
    epoch = models.CharField(max_length=40)
    from_xid = models.TextField()
    to_xid = models.TextField()
    rows = models.IntegerField()
    previous = models.BinaryField()
    root = models.BinaryField()
    sealed_at = models.DateTimeField()


class AuditLeaf(models.Model):
    """The digest of one audit row, and the seal that holds it."""

    audit_id = models.BigIntegerField(primary_key=True)
    seal = models.ForeignKey(AuditSeal, models.PROTECT, related_name="leaves")
    digest = models.BinaryField()
