"""What the database itself keeps of studies: their area, and that a study is not changed once it has been run."""

from __future__ import annotations

from django.db import migrations
from django.db.migrations import RunSQL

from yizhan.agency.staff.guards import append_only, changes_only, may_remove, row_security, row_security_through

_BUREAU = "'healthcare_security'"
"""In the place of a department's column: the staff of other departments see no row."""

_NOBODY = "null"
"""In the place of an institution's column: no institution's staff see or write here."""

_MAY_CHANGE = "array['state', 'shared']"

_FIXED = RunSQL(
    "create trigger fixed_once_run before update on laboratory_study for each row when (old.state <> 'draft'"
    f" and to_jsonb(old) - {_MAY_CHANGE} is distinct from to_jsonb(new) - {_MAY_CHANGE})"
    " execute function yizhan_keep();",
    "drop trigger fixed_once_run on laboratory_study;",
)

_DRAFT = (
    "name", "question", "profile", "area_code", "persons", "seed", "years", "growth_stays", "growth_cost", "growth_funding",
    "growth_insured", "elasticity", "nearer", "changes", "state", "shared", "run_id",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("laboratory", "0001_initial"), ("staff", "0002_guards")]

    operations = [
        row_security("laboratory_study", department=_BUREAU, institution=_NOBODY),
        changes_only("laboratory_study", *_DRAFT),
        _FIXED,
        row_security_through("laboratory_part", column="study_id", to="laboratory_study"),
        may_remove("laboratory_part"),
        row_security_through("laboratory_result", column="study_id", to="laboratory_study"),
        append_only("laboratory_result"),
    ]
