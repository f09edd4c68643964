"""Keys by which an officer's programs call, and the officer as such a key lets him act."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from yizhan.agency.desk.words import Words
from yizhan.agency.staff.models import Officer, PathField
from yizhan.agency.staff.rights import Right

ENDED_WHY = {
    "owner": Words("本人停用", "ended by its owner"),
    "administrator": Words("安全管理员停用", "ended by the security administrator"),
    "operator": Words("运维停用", "ended by the operator"),
    "suspended": Words("账号停用时一并停用", "ended with the account"),
}


class Key(models.Model):
    """A key of an officer（接口密钥）. Of what is shown once only the digest is kept."""

    officer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    area_path = PathField(help_text="that of the officer")
    name = models.CharField(max_length=60, help_text="what it is for")
    digest = models.BinaryField(unique=True)
    scopes = ArrayField(
        models.CharField(max_length=40), help_text="rights that it may use, as far as the officer has them"
    )
    networks = ArrayField(
        models.CharField(max_length=49), default=list, help_text="from where it may be used; none: anywhere"
    )
    made_at = models.DateTimeField(db_default=Now())
    ends_on = models.DateField(help_text="last day")
    used_at = models.DateTimeField(null=True)
    used_from = models.CharField(max_length=45, blank=True)
    ended_at = models.DateTimeField(null=True)
    ended_why = models.CharField(max_length=20, blank=True, help_text="a key of ENDED_WHY")
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(scopes=[]), name="key_may_something"),
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_why="")
                | (Q(ended_at__isnull=False) & Q(ended_why__in=list(ENDED_WHY))),
                name="key_ended_for_a_reason",
            ),
        ]
        indexes = [models.Index(fields=["officer", "-id"], name="key_officer")]

    if TYPE_CHECKING:
        officer_id: int

    def holds_on(self, day: date) -> bool:
        """Whether it may still be used."""
        return self.ended_at is None and day <= self.ends_on

    @property
    def state(self) -> Words:
        """Why it may be used no more, if so."""
        return ENDED_WHY[self.ended_why] if self.ended_at else Words("", "")


class Bearer(Officer):
    """An officer acting through a key: with the rights of today, as far as the key was made for them."""

    key: Key

    class Meta:
        proxy = True

    @property
    def rights(self) -> frozenset[Right]:
        """What the officer may now and the key was made for."""
        return super().rights & frozenset(self.key.scopes)

    @property
    def means(self) -> Mapping[str, object]:  # type: ignore[override]  # of an officer in person it is a constant
        """The key's number, which the audit trail names."""
        return {"key": self.key.pk}
