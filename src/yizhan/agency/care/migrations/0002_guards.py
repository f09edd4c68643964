"""Row security by area; a settlement is never changed or removed."""

from django.db import migrations

from yizhan.agency.staff.guards import append_only, row_security


class Migration(migrations.Migration):
    dependencies = [("care", "0001_initial"), ("staff", "0002_guards"), ("people", "0002_guards")]

    operations = [row_security("care_settlement", persons=("person_id",)), append_only("care_settlement")]
