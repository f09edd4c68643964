"""What the database keeps of settlements: one chain a visit, parts that sum, a settled visit that stays as it was settled."""

from django.db import migrations
from django.db.migrations import RunSQL

from yizhan.agency.staff.guards import append_only, changes_only, may_remove, row_security

# A row may replace only a row of its own visit.
_ONE_CHAIN = RunSQL(
    "alter table care_settlement add constraint settlement_of_visit unique (visit_id, id);"
    "alter table care_settlement add constraint replaces_in_chain foreign key (visit_id, replaces_id)"
    " references care_settlement (visit_id, id);",
    "alter table care_settlement drop constraint replaces_in_chain;"
    "alter table care_settlement drop constraint settlement_of_visit;",
)

# All payments of a settlement are written in one statement.
_PAYMENTS_SUM = RunSQL(
    """
    create function care_payments_sum() returns trigger language plpgsql security definer set search_path = public as $$
    declare wrong bigint;
    begin
        select s.id into wrong from care_settlement s
        join (select settlement_id, sum(amount_fen) paid, coalesce(sum(amount_fen) filter (where held), 0) held,
                     sum(person_fen) person
              from added group by settlement_id) a on a.settlement_id = s.id
        where (a.paid, a.held, a.person) is distinct from (s.paid_fen, s.held_fen, s.person_fen) limit 1;
        if wrong is not null then
            raise exception 'payments of settlement % do not sum to it', wrong using errcode = 'check_violation';
        end if;
        return null;
    end $$;
    create trigger payments_sum after insert on care_settlementpayment referencing new table as added
        for each statement execute function care_payments_sum();
    """,
    "drop trigger payments_sum on care_settlementpayment; drop function care_payments_sum();",
)

_FROZEN = RunSQL(
    """
    create function care_live(visit bigint) returns boolean language sql stable security definer
        set search_path = public as $$
        select exists (
            select 1 from care_settlement s where s.visit_id = visit and s.kind <> 'reversed'
            and not exists (select 1 from care_settlement n where n.replaces_id = s.id))
    $$;
    create function care_visit_frozen() returns trigger language plpgsql as $$
    begin
        if to_jsonb(old) - 'area_path' is distinct from to_jsonb(new) - 'area_path' and care_live(old.id) then
            raise exception 'visit % is settled: reverse it first', old.id using errcode = 'restrict_violation';
        end if;
        return new;
    end $$;
    create trigger visit_frozen before update on care_visit for each row execute function care_visit_frozen();
    create function care_lines_frozen() returns trigger language plpgsql as $$
    declare settled bigint;
    begin
        select visit_id into settled from (select distinct visit_id from touched) t where care_live(visit_id) limit 1;
        if settled is not null then
            raise exception 'visit % is settled: reverse it first', settled using errcode = 'restrict_violation';
        end if;
        return null;
    end $$;
    create trigger lines_frozen_insert after insert on care_billline referencing new table as touched
        for each statement execute function care_lines_frozen();
    create trigger lines_frozen_update after update on care_billline referencing old table as touched
        for each statement execute function care_lines_frozen();
    create trigger lines_frozen_delete after delete on care_billline referencing old table as touched
        for each statement execute function care_lines_frozen();
    """,
    """
    drop trigger lines_frozen_insert on care_billline; drop trigger lines_frozen_update on care_billline;
    drop trigger lines_frozen_delete on care_billline; drop trigger visit_frozen on care_visit;
    drop function care_lines_frozen(); drop function care_visit_frozen(); drop function care_live(bigint);
    """,
)

BUREAU_ONLY = "null"
"""In the place of an institution's column: no institution's staff see the row."""


class Migration(migrations.Migration):
    dependencies = [("care", "0001_initial"), ("staff", "0002_guards"), ("people", "0002_guards")]

    operations = [
        row_security("care_visit", institution="institution_id", persons=("person_id",)),
        row_security("care_billline", institution="institution_id"),
        may_remove("care_billline"),
        row_security("care_settlement", institution="institution_id", persons=("person_id",)),
        append_only("care_settlement"),
        row_security("care_settlementpayment", institution="institution_id"),
        append_only("care_settlementpayment"),
        row_security("care_printing", institution="institution_id"),
        append_only("care_printing"),
        row_security("care_patientpayment", institution="institution_id"),
        append_only("care_patientpayment"),
        row_security("care_resettlement", institution=BUREAU_ONLY),
        changes_only(
            "care_resettlement",
            "asked",
            "state",
            "compute_run_id",
            "carry_run_id",
            "sums",
            "decided_at",
            "decided_by_id",
            "decided_why",
        ),
        row_security("care_resettlementline", institution=BUREAU_ONLY, persons=("person_id",)),
        changes_only("care_resettlementline", "area_path", "problems", "state", "new_settlement_id"),
        row_security("care_defaultfinding", institution="institution_id", persons=("person_id",)),
        changes_only(
            "care_defaultfinding",
            "area_path",
            "state",
            "decided_at",
            "decided_by_id",
            "decided_why",
            "cost_fen",
            "ended_at",
            "ended_by_id",
            "ended_why",
        ),
        row_security("care_assistanceapproval", institution="institution_id", persons=("person_id",)),
        changes_only("care_assistanceapproval", "area_path", "ended_at", "ended_by_id", "ended_why"),
        row_security("care_paperbill", institution=BUREAU_ONLY, persons=("person_id",)),
        changes_only(
            "care_paperbill",
            "area_path",
            "invoice",
            "hospital",
            "hospital_code",
            "direct_why",
            "twice_why",
            "state",
            "made_by_id",
            "sent_at",
            "decided_at",
            "decided_by_id",
            "decided_why",
        ),
        row_security("care_paperfile", institution=BUREAU_ONLY),
        append_only("care_paperfile"),
        _ONE_CHAIN,
        _PAYMENTS_SUM,
        _FROZEN,
    ]
