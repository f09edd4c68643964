"""Row security, append-only entries that the database adds up, and the two questions that may look beyond an area."""

from django.db import migrations

from yizhan.agency.staff.guards import append_only, changes_only, row_security, row_security_through, withdrawn_once

TABLES = (
    "population", "enrolment", "charge", "subsidybatch", "subsidyline", "taxlist", "taxrow", "listfile", "listrow",
    "receipt", "difference", "double",
)  # fmt: skip

READ_BY_ALL = migrations.RunSQL(
    """
    alter table enrolment_extension enable row level security;
    create policy seen on enrolment_extension for select using (true);
    create policy added on enrolment_extension for insert with check (
        area_path >= (select coalesce(nullif(current_setting('yizhan.area', true), ''), '~~'))
        and area_path < (select coalesce(nullif(current_setting('yizhan.area', true), ''), '~~') || '~'));
    """,
    "drop policy seen on enrolment_extension; drop policy added on enrolment_extension;"
    "alter table enrolment_extension disable row level security;",
)
"""A longer collection period is decided for a whole pooling area and binds the counties in it, who must see it."""

SUMS = migrations.RunSQL(
    """
    create function enrolment_begin() returns trigger language plpgsql as $$
    begin
        new.subsidised := 0; new.received := 0; new.refunded := 0;
        return new;
    end $$;
    create trigger begins_empty before insert on enrolment_charge for each row execute function enrolment_begin();

    create function enrolment_add_up() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
    begin
        update enrolment_charge c
           set subsidised = c.subsidised + s.subsidised, received = c.received + s.received, refunded = c.refunded + s.refunded
          from (select charge_id,
                       coalesce(sum(fen) filter (where kind = 'subsidy'), 0) as subsidised,
                       coalesce(sum(fen) filter (where kind = 'received'), 0) as received,
                       coalesce(sum(fen) filter (where kind = 'refunded'), 0) as refunded
                  from added group by charge_id) s
         where c.id = s.charge_id;
        if exists (select from enrolment_entry e
                    where e.kind = 'subsidy' and e.charge_id in (select charge_id from added where kind = 'subsidy' and fen < 0)
                    group by e.charge_id, e.payer having sum(e.fen) < 0) then
            raise exception 'a payer would get back more than it gave' using errcode = 'check_violation';
        end if;
        return null;
    end $$;
    create trigger adds_up after insert on enrolment_entry referencing new table as added
        for each statement execute function enrolment_add_up();
    """,
    """
    drop trigger adds_up on enrolment_entry; drop function enrolment_add_up();
    drop trigger begins_empty on enrolment_charge; drop function enrolment_begin();
    """,
)

ELSEWHERE = migrations.RunSQL(
    """
    create function enrolment_elsewhere(persons bigint[], asked integer)
    returns table (person_id bigint, scheme text, since date, until date, other_path text, settled boolean)
    language sql stable security definer set search_path = public, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
        with mine as (select coalesce(nullif(current_setting('yizhan.area', true), ''), '~~') as path)
        select p.id, e.scheme::text, lower(e.insured), upper(e.insured),
               case when e.area_path >= mine.path and e.area_path < mine.path || '~' then e.area_path end,
               coalesce(c.balance <= 0 and not c.void, e.scheme = 'employee')
          from mine
          join people_person p on p.id = any(persons) and p.area_path >= mine.path and p.area_path < mine.path || '~'
          cross join lateral (select p.id union all select m.id from people_person m where m.merged_into_id = p.id) same
          join enrolment_enrolment e on e.person_id = same.id and e.year = asked and e.withdrawn_at is null
          left join enrolment_charge c on c.person_id = e.person_id and c.year = e.year and e.scheme <> 'employee'
         where left(e.area_path, 28) <> left(p.area_path, 28)
         order by p.id, lower(e.insured)
    $$;
    revoke all on function enrolment_elsewhere(bigint[], integer) from public;
    grant execute on function enrolment_elsewhere(bigint[], integer) to yizhan_app;

    create function enrolment_receipts_known(asked text, numbers text[])
    returns table (number text, fen bigint, paid_on date, person_id bigint)
    language sql stable security definer set search_path = public, pg_temp as $$
        select r.number::text, r.fen, r.paid_on, c.person_id
          from enrolment_receipt r join enrolment_charge c on c.id = r.charge_id
         where r.pooling = asked and r.number = any(numbers)
           and (strpos(coalesce(current_setting('yizhan.area', true), ''), asked || '.') > 0 or exists (
               select 1 from staff_area a where a.code = asked and nullif(current_setting('yizhan.area', true), '') is not null
                  and a.path >= current_setting('yizhan.area', true) and a.path < current_setting('yizhan.area', true) || '~'))
    $$;
    revoke all on function enrolment_receipts_known(text, text[]) from public;
    grant execute on function enrolment_receipts_known(text, text[]) to yizhan_app;
    """,
    "drop function enrolment_elsewhere(bigint[], integer); drop function enrolment_receipts_known(text, text[]);",
)
"""Whether somebody is insured in another county: of persons in the actor's area alone, and where only if that lies in it
too (28 characters of a path name the county). Its plan is bound to indexes: a run adds people by the thousand before there are
statistics of them. Which receipt numbers are counted already in
the actor's own pooling area, whoever counted them."""


FOLLOW_PERSON = migrations.RunSQL(
    """
    create function enrolment_follow_person() returns trigger language plpgsql security definer
    set search_path = public, pg_temp as $$
    begin
        update enrolment_enrolment set area_path = new.area_path
         where person_id = new.id and withdrawn_at is null and left(area_path, 21) = left(new.area_path, 21);
        update enrolment_charge set area_path = new.area_path
         where person_id = new.id and left(area_path, 21) = left(new.area_path, 21);
        return null;
    end $$;
    create trigger enrolment_follows after update of area_path on people_person for each row
        when (old.area_path is distinct from new.area_path) execute function enrolment_follow_person();
    """,
    "drop trigger enrolment_follows on people_person; drop function enrolment_follow_person();",
)
"""Who moves within the pooling area takes the enrolment along; who leaves it stays insured where the premium was paid."""


class Migration(migrations.Migration):
    dependencies = [("enrolment", "0001_initial"), ("people", "0002_guards"), ("staff", "0002_guards")]

    operations = [
        *(row_security(f"enrolment_{table}") for table in TABLES),
        *(row_security_through(f"enrolment_{table}", column="charge_id", to="enrolment_charge") for table in ("entry", "refund")),
        READ_BY_ALL,
        SUMS,
        ELSEWHERE,
        FOLLOW_PERSON,
        *(append_only(f"enrolment_{table}") for table in ("extension", "population", "taxrow", "receipt", "entry")),
        changes_only("enrolment_enrolment", "withdrawn_at", "withdrawn_by_id", "withdrawn_why"),
        withdrawn_once("enrolment_enrolment"),
        changes_only("enrolment_charge", "void"),
        changes_only(
            "enrolment_subsidybatch", "state", "document", "run_id", "counts", "decided_by_id", "decided_at", "decided_why",
            "money_on",
        ),
        changes_only("enrolment_subsidyline", "open"),
        changes_only("enrolment_taxlist", "rows", "fen", "digest", "run_id"),
        changes_only("enrolment_listfile", "run_id"),
        changes_only("enrolment_listrow", "outcome", "why"),
        changes_only(
            "enrolment_difference", "decision", "decided_by_id", "decided_at", "note", "charge_id", "receipt_id"
        ),
        changes_only("enrolment_refund", "state", "decided_by_id", "decided_at", "decided_why", "tax_list_id"),
        changes_only("enrolment_double", "keeps", "from_on", "note", "decided_by_id", "decided_at"),
    ]  # fmt: skip
