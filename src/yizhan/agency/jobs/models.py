"""A run: long work that somebody started, how far it has come, and what came of it.

The row is the whole truth about the work. A step and the advance of `position` are one transaction, so that a killed
worker's run goes on where it stood and no step is done twice (docs/adr/0009).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from yizhan.agency.desk.words import Words, say
from yizhan.agency.staff.models import PathField


class State:
    """A state as pages show it."""

    def __init__(self, zh: str, en: str, tone: str) -> None:
        self.words = Words(zh, en)
        self.tone = tone


STATES = {
    "waiting": State("等待", "waiting", "plain"),
    "running": State("进行中", "running", "wait"),
    "done": State("完成", "done", "good"),
    "failed": State("失败", "failed", "bad"),
    "cancelled": State("已取消", "cancelled", "plain"),
}
UNFINISHED = ("waiting", "running")


class Run(models.Model):
    """Long work on somebody's behalf（后台任务）."""

    kind = models.CharField(max_length=40)
    title_zh = models.CharField(max_length=120)
    title_en = models.CharField(max_length=120)
    officer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True)
    area_path = PathField()
    department = models.CharField(max_length=30, blank=True, help_text="set when a liaison started it")
    about = models.JSONField(default=dict, help_text="what the work is about: ids, options")
    state = models.CharField(max_length=10, default="waiting")
    position = models.IntegerField(default=0, help_text="steps done")
    total = models.IntegerField(null=True, help_text="steps in all; None until the work has begun")
    cancel_asked = models.BooleanField(default=False)
    result = models.JSONField(default=dict)
    problems = models.JSONField(default=list, help_text="[{code, zh, en}]")
    file = models.BinaryField(null=True, help_text="what the work made, where it made a file")
    file_name = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["area_path", "-created_at"], name="run_area"),
            models.Index(fields=["id"], condition=models.Q(state__in=UNFINISHED), name="run_unfinished"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=list(STATES)), name="run_state_known"),
        ]

    if TYPE_CHECKING:
        officer_id: int | None

    @property
    def title(self) -> str:
        """What is being done, in the language of the request."""
        return say(self.title_zh, self.title_en)

    @property
    def shown_state(self) -> State:
        """The state as pages show it."""
        return STATES[self.state]

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.state not in UNFINISHED

    @property
    def percent(self) -> int:
        """Progress from 0 to 100."""
        if self.state == "done":
            return 100
        return self.position * 100 // self.total if self.total else 0
