"""Row security: runs of one's own area, and of one's own department where one is confined to it. On whose behalf a run works,
and on what, stays as it was started."""

from django.db import migrations

from yizhan.agency.staff.guards import changes_only, row_security


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial"), ("staff", "0002_guards")]

    operations = [
        row_security("jobs_run", department="department"),
        changes_only(
            "jobs_run", "state", "position", "total", "cancel_asked", "result", "problems", "file", "file_name", "started_at",
            "ended_at",
        ),
    ]  # fmt: skip
