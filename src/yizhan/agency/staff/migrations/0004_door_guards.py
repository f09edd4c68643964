"""What the door may remove, and what nobody may: seals and their leaves stay."""

from django.db import migrations

from yizhan.agency.staff.guards import append_only, changes_only, may_remove


class Migration(migrations.Migration):
    dependencies = [("staff", "0003_door")]

    operations = [
        may_remove("staff_session"),
        may_remove("staff_attempts"),
        append_only("staff_auditleaf"),
        changes_only("staff_resetcode", "used_at"),
    ]
