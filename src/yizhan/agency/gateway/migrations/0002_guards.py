"""Row security by area and institution; messages that stay as they were; and the door, which asks before it knows who calls."""

from django.db import migrations
from django.db.migrations import RunSQL

from yizhan.agency.staff.guards import RUNTIME, append_only, changes_only, may_remove, row_security, withdrawn_once

# Whoever calls is not known yet, so that row security would show nothing: the owner's rights, for this one question. Along
# with it come what was answered under the number before, whether the number was voided, and a number for the new message.
_DOOR = RunSQL(
    f"""
    create function gateway_door(asked_code text, asked_msgid text)
    returns table (caller jsonb, institution jsonb, former_holds boolean, first jsonb, void boolean, number bigint)
    language sql volatile security definer set search_path = public, pg_temp as $$
        select to_jsonb(c), to_jsonb(i), coalesce(c.former_until > statement_timestamp(), false),
            (select jsonb_build_object('id', m.id, 'infno', m.infno, 'digest', m.digest, 'answer', m.answer_sealed)
             from gateway_message m where m.institution_id = i.id and m.msgid = asked_msgid and m.taken),
            exists (select 1 from gateway_voided v where v.institution_id = i.id and v.msgid = asked_msgid),
            nextval('gateway_message_id_seq')
        from staff_institution i join gateway_caller c on c.institution_id = i.id
        where i.code = asked_code and c.is_active
    $$;
    revoke execute on function gateway_door(text, text) from public;
    grant execute on function gateway_door(text, text) to {RUNTIME};
    """,
    "drop function gateway_door(text, text);",
)


class Migration(migrations.Migration):
    dependencies = [("gateway", "0001_initial"), ("care", "0002_guards"), ("staff", "0004_door_guards")]

    operations = [
        row_security("gateway_caller", institution="institution_id"),
        row_security("gateway_signin", institution="institution_id"),
        changes_only("gateway_signin", "ended_at"),
        row_security("gateway_nonce", institution="institution_id"),
        may_remove("gateway_nonce"),
        row_security("gateway_token", institution="institution_id"),
        may_remove("gateway_token"),
        row_security("gateway_message", institution="institution_id"),
        append_only("gateway_message"),
        row_security("gateway_voided", institution="institution_id"),
        append_only("gateway_voided"),
        row_security("gateway_told", institution="institution_id"),
        changes_only("gateway_told", "med_type", "insutype", "more"),
        row_security("gateway_change", institution="institution_id"),
        append_only("gateway_change"),
        row_security("gateway_line", institution="institution_id"),
        changes_only("gateway_line", "position", "visit_id"),
        may_remove("gateway_line"),
        row_security("gateway_file", institution="institution_id"),
        changes_only("gateway_file", "ends_at"),
        may_remove("gateway_file"),
        row_security("gateway_settlementlist", institution="institution_id"),
        append_only("gateway_settlementlist"),
        row_security("gateway_clearing", institution="institution_id"),
        changes_only("gateway_clearing", "withdrawn_at"),
        withdrawn_once("gateway_clearing"),
        _DOOR,
    ]
