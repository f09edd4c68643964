"""Row security by area, marks that can only be withdrawn, and whatever belongs to a person seen where the person is."""

from django.db import migrations

from yizhan.agency.staff.guards import changes_only, row_security, withdrawn_once

FOLLOWING = ("account", "householdmember", "identitymark")

# The owner's rights: when the person has left the officer's area, the officer may no longer touch the rows.
FOLLOW_PERSON = migrations.RunSQL(
    "create function people_follow_person() returns trigger language plpgsql security definer"
    " set search_path = public, pg_temp as $$ begin "
    + " ".join(f"update people_{t} set area_path = new.area_path where person_id = new.id;" for t in FOLLOWING)
    # Those merged into the person too, each firing this again: their numbers lead here.
    + " update people_person set area_path = new.area_path where merged_into_id = new.id; return null; end $$;"
    "create trigger follow_person after update of area_path on people_person for each row"
    " when (old.area_path is distinct from new.area_path) execute function people_follow_person();",
    "drop trigger follow_person on people_person; drop function people_follow_person();",
)


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial"), ("staff", "0002_guards")]

    operations = [
        *(row_security(f"people_{table}") for table in ("person", "household")),
        row_security("people_merge", persons=("kept_id", "dropped_id")),
        *(row_security(f"people_{table}", persons=("person_id",)) for table in FOLLOWING),
        changes_only("people_account", "withdrawn_at"),
        changes_only("people_householdmember", "withdrawn_at"),
        changes_only("people_identitymark", "withdrawn_at", "withdrawn_by_id", "withdrawn_why", "withdrawn_roster_id"),
        *(withdrawn_once(f"people_{table}") for table in FOLLOWING),
        FOLLOW_PERSON,
    ]
