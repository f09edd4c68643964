"""Row security; keys that only end; the door, which asks before it knows who calls; and keys that end with their officer."""

from django.db import migrations
from django.db.migrations import RunSQL

from yizhan.agency.staff.guards import RUNTIME, changes_only, row_security

# Who calls is not known yet, so that row security would show nothing: the owner's rights, for this one question.
_DOOR = RunSQL(
    f"""
    create function api_door(asked bytea) returns setof api_key
    language sql stable security definer set search_path = public, pg_temp as $$
        select k.* from api_key k where k.digest = asked
    $$;
    revoke execute on function api_door(bytea) from public;
    grant execute on function api_door(bytea) to {RUNTIME};
    """,
    "drop function api_door(bytea);",
)

# Whoever suspends an officer, and however, ends the keys too: resuming the officer does not bring them back.
_WITH_THE_OFFICER = RunSQL(
    """
    create function api_end_keys() returns trigger
    language plpgsql security definer set search_path = public, pg_temp as $$
    begin
        update api_key set ended_at = now(), ended_why = 'suspended' where officer_id = new.id and ended_at is null;
        return null;
    end $$;
    create trigger end_keys after update of is_active on staff_officer for each row
        when (old.is_active and not new.is_active) execute function api_end_keys();
    """,
    "drop trigger end_keys on staff_officer; drop function api_end_keys();",
)

_ENDED_ONCE = RunSQL(
    "create trigger ended_once before update on api_key for each row when (old.ended_at is not null)"
    " execute function yizhan_keep();",
    "drop trigger ended_once on api_key;",
)


class Migration(migrations.Migration):
    dependencies = [("api", "0001_initial"), ("staff", "0004_door_guards")]

    operations = [
        row_security("api_key"),
        changes_only("api_key", "used_at", "used_from", "ended_at", "ended_why", "ended_by_id"),
        _DOOR,
        _WITH_THE_OFFICER,
        _ENDED_ONCE,
    ]
