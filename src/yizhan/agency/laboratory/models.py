"""Studies of the laboratory: a question, whom and what it is asked of, which figures are changed, and what was found.

A study is a draft until it is run, and never changed afterwards: whoever asks otherwise makes another study. Nobody in it
exists; what is kept are sums over made-up people, and a few of their bills.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from yizhan.agency.jobs.models import Run, State
from yizhan.agency.staff.models import PathField

STATES = {
    "draft": State("草稿", "draft", "plain"),
    "running": State("运行中", "running", "wait"),
    "done": State("有结果", "done", "good"),
    "stopped": State("没有算完", "stopped", "bad"),
    "removed": State("已删除", "deleted", "plain"),
}

FEWEST, MOST = 1_000, 5_000_000
"""Persons of a study."""

USUAL = 262_144
"""Persons that a study has unless somebody says otherwise: enough buckets for a standard error."""

ON_RECORD = "records:"
"""What stands in the place of a profile's key before the code of a pooling area whose own records are looked at."""

LONGEST = 5
"""Years of a study."""


class Study(models.Model):
    """A question to the laboratory（测算）. `growth_*` are percent a year; `elasticity` and `nearer` are how people respond to a
    reform (`simulation.behaviour`); `changes` are the printed figures that the reform changes."""

    name = models.CharField(max_length=60)
    question = models.CharField(max_length=300, blank=True)
    area_path = PathField(help_text="where it was made; officers of this area may be shown it")
    profile = models.CharField(max_length=60, help_text="key of a shipped profile, or records:CODE")
    area_code = models.CharField(max_length=6, help_text="pooling area of the profile, whose rules are settled by")
    persons = models.IntegerField(default=USUAL)
    seed = models.IntegerField(default=1)
    years = ArrayField(models.IntegerField())
    growth_stays = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    growth_cost = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    growth_funding = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    growth_insured = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    elasticity = models.DecimalField(
        max_digits=4, decimal_places=2, default=0, help_text="of stays by own share; 0: none"
    )
    nearer = models.DecimalField(
        max_digits=5, decimal_places=2, default=0, help_text="percent of stays above the county had nearer"
    )
    changes = models.JSONField(
        default=list, help_text="[{file, line, column, old, new, document, article, title, context}]"
    )
    state = models.CharField(max_length=10, default="draft")
    shared = models.BooleanField(default=False, help_text="whether officers of the area are shown it")
    follows = models.ForeignKey("self", models.PROTECT, null=True, related_name="followed_by")
    run = models.ForeignKey(Run, models.PROTECT, null=True, related_name="+")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=list(STATES)), name="study_state_known"),
            models.CheckConstraint(condition=Q(persons__gte=FEWEST, persons__lte=MOST), name="study_persons_bounded"),
            models.CheckConstraint(condition=Q(years__len__gte=1, years__len__lte=LONGEST), name="study_years_bounded"),
        ]
        indexes = [models.Index(fields=["area_path", "-id"], name="study_area")]

    if TYPE_CHECKING:
        made_by_id: int
        run_id: int | None
        follows_id: int | None
        result: Result

    @property
    def shown_state(self) -> State:
        """The state as pages show it."""
        return STATES[self.state]

    @property
    def persons_text(self) -> str:
        """262,144"""
        return f"{self.persons:,}"

    @property
    def growth(self) -> tuple[str, ...]:
        """Growth of stays, cost, funding and insured, in percent a year, as people write it."""
        of = (self.growth_stays, self.growth_cost, self.growth_funding, self.growth_insured)
        return tuple(f"{float(percent):g}" for percent in of)

    @property
    def on_record(self) -> bool:
        """Whether it looks at the bureau's own people and bills instead of made-up ones."""
        return self.profile.startswith(ON_RECORD)

    @property
    def behaves(self) -> bool:
        """Whether people are asked to respond to changed rules: only where something is changed."""
        return bool(self.changes) and bool(self.elasticity or self.nearer) and not self.on_record

    @property
    def behaviour(self) -> tuple[str, str]:
        """Elasticity, and the percent of stays had nearer, as people write them."""
        return f"{float(self.elasticity):g}", f"{float(self.nearer):g}"

    @property
    def years_text(self) -> str:
        """2019 or 2019–2021."""
        return f"{self.years[0]}–{self.years[-1]}" if len(self.years) > 1 else str(self.years[0])


class Part(models.Model):
    """What one step of a run found; put together and removed when the run ends."""

    study = models.ForeignKey(Study, models.PROTECT, related_name="parts")
    position = models.IntegerField()
    found = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "position"], name="one_part_a_step")]


class Result(models.Model):
    """What a study found. Never changed.

    `tables` are those of simulation.tables.as_data; `about` says what it was computed with; `cases` and `cliffs` carry the
    bills of single persons as they were settled. `cells` is a Parquet file of all sums.
    """

    study = models.OneToOneField(Study, models.PROTECT, primary_key=True)
    about = models.JSONField()
    tables = models.JSONField()
    cases = models.JSONField()
    cliffs = models.JSONField()
    cells = models.BinaryField()
    made_at = models.DateTimeField(db_default=Now())

    def table(self, key: str) -> dict[str, Any] | None:
        """A table by its key, as JSON."""
        found: dict[str, Any] | None = next((t for t in self.tables if t["key"] == key), None)
        return found


PERCENT = [MinValueValidator(-50), MaxValueValidator(50)]
"""What growth may be, in percent a year."""
