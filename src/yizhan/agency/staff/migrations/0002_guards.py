"""The audit trail: who wrote a row in which transaction, append-only, readable by area."""

from django.db import migrations

from yizhan.agency.staff.guards import append_only, may_remove, row_security


class Migration(migrations.Migration):
    dependencies = [("staff", "0001_initial"), ("sessions", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "alter table staff_audit add column xid xid8 not null default pg_current_xact_id();"
            "create index staff_audit_xid on staff_audit (xid, id);",
            "alter table staff_audit drop column xid;",
        ),
        row_security("staff_audit", write_anywhere=True),
        append_only("staff_audit"),
        append_only("staff_auditseal"),
        may_remove("django_session"),
    ]
