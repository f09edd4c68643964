"""Row security: runs of one's own area, and of one's own department where one is confined to it."""

from django.db import migrations

from yizhan.agency.staff.guards import row_security


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial"), ("staff", "0002_guards")]

    operations = [row_security("jobs_run", department="department")]
