"""What the database keeps of settlements: one chain a visit, parts that sum, a settled visit that stays as it was settled."""

from django.db import migrations
from django.db.migrations import RunSQL

from yizhan.agency.ledger.models import NO_FUNDS
from yizhan.agency.staff.guards import append_only, changes_only, may_remove, row_security

# A row may replace only a row of its own visit.
_ONE_CHAIN = RunSQL(
    "alter table care_settlement add constraint settlement_of_visit unique (visit_id, id);"
    "alter table care_settlement add constraint replaces_in_chain foreign key (visit_id, replaces_id)"
    " references care_settlement (visit_id, id);",
    "alter table care_settlement drop constraint replaces_in_chain;"
    "alter table care_settlement drop constraint settlement_of_visit;",
)

# All payments of a settlement are written in one statement, as many as the settlement says: none is added later.
_PAYMENTS_SUM = RunSQL(
    """
    create function care_payments_sum() returns trigger language plpgsql security definer set search_path = public as $$
    declare wrong bigint;
    begin
        select s.id into wrong from (select distinct settlement_id from added) n
        join care_settlement s on s.id = n.settlement_id
        cross join lateral (
            select count(*) n, sum(amount_fen) paid, coalesce(sum(amount_fen) filter (where held), 0) held,
                   sum(person_fen) person,
                   bool_and((p.person_id, p.institution_id, p.area_path) is not distinct from (s.person_id, s.institution_id, s.area_path)) own
            from care_settlementpayment p where p.settlement_id = s.id) a
        where (a.n, a.paid, a.held, a.person) is distinct from (s.payment_count, s.paid_fen, s.held_fen, s.person_fen)
           or not a.own limit 1;
        if wrong is not null then
            raise exception 'payments of settlement % are not those that it says', wrong using errcode = 'check_violation';
        end if;
        return null;
    end $$;
    create trigger payments_sum after insert on care_settlementpayment referencing new table as added
        for each statement execute function care_payments_sum();
    """,
    "drop trigger payments_sum on care_settlementpayment; drop function care_payments_sum();",
)

# What `booking.booked` makes of a row's payments, less that of the row it replaces, against the postings of its entry.
_MISPOSTED = f"""
    create function care_misposted(settlement bigint) returns boolean language plpgsql stable security definer
        set search_path = public, pg_temp as $$
    declare bill record;
    begin
        select person_id, area_path, institution_id, replaces_id into bill from care_settlement where id = settlement;
        return exists (
            select 1 from (
                select legs.fund, legs.account, p.sign * legs.fen fen
                from (select p.payer, p.held, p.advanced_by, p.amount_fen - p.person_fen through, p.person_fen person,
                             case when bill.institution_id is null then p.person_fen else p.amount_fen end amount,
                             case when p.settlement_id = settlement then 1 else -1 end sign
                      from care_settlementpayment p where p.settlement_id in (settlement, bill.replaces_id)) p
                cross join lateral (values
                    ('', case when p.payer in {NO_FUNDS} then 'borne' when p.held then 'held' else 'from_funds' end, p.through),
                    ('', 'patient', -p.through), (p.payer, 'benefit', p.amount),
                    (p.payer, 'advance_owed', case when p.advanced_by <> '' then -p.amount end),
                    (p.advanced_by, 'advance_given', case when p.advanced_by <> '' then p.amount end),
                    (coalesce(nullif(p.advanced_by, ''), p.payer), 'to_hospital', -p.through),
                    (coalesce(nullif(p.advanced_by, ''), p.payer), 'to_person', -p.person)) legs(fund, account, fen)
                where legs.fen <> 0
                  and (bill.institution_id is not null or legs.fund <> '' and legs.account <> 'to_hospital')
                  and (legs.fund = '' or not p.held and p.payer not in {NO_FUNDS})
                union all
                select '', t.account, t.sign * case when s.id = settlement then s.total_fen else -s.total_fen end
                from care_settlement s, (values ('patient', 1), ('billed', -1)) t(account, sign)
                where s.id in (settlement, bill.replaces_id) and bill.institution_id is not null
                union all
                select case when e.person_id is distinct from bill.person_id or l.person_id is distinct from bill.person_id
                              or (e.area_path, l.area_path) is distinct from (bill.area_path, bill.area_path)
                              or not starts_with(bill.area_path, b.area_path)
                              or coalesce(b.institution_id, bill.institution_id) is distinct from bill.institution_id then '?'
                            else b.payer end, a.kind, -l.fen
                from ledger_entry e join ledger_posting l on l.entry_id = e.id join ledger_account a on a.id = l.account_id
                join ledger_book b on b.id = a.book_id
                where e.document_kind = 'settlement' and e.document_id = settlement
            ) legs group by fund, account having sum(fen) <> 0);
    end $$;
"""

_BOOKED = RunSQL(
    _MISPOSTED
    + """
    create function care_posted() returns trigger language plpgsql security definer set search_path = public as $$
    declare e record;
    begin
        for e in select distinct n.document_kind, n.document_id from added p join ledger_entry n on n.id = p.entry_id
                 where n.document_kind in ('settlement', 'patient_payment') loop
            if e.document_kind = 'settlement' and care_misposted(e.document_id)
               or e.document_kind = 'patient_payment' and care_payment_misposted(e.document_id) then
                raise exception '% %: these are not its postings', e.document_kind, e.document_id
                    using errcode = 'check_violation';
            end if;
        end loop;
        return null;
    end $$;
    create trigger of_document after insert on ledger_posting referencing new table as added
        for each statement execute function care_posted();

    create function care_settlement_whole() returns trigger language plpgsql security definer set search_path = public as $$
    begin
        if new.payment_count = 0 and (new.paid_fen, new.held_fen, new.person_fen) <> (0, 0, 0) or new.payment_count > 0
           and not exists (select 1 from care_settlementpayment p where p.settlement_id = new.id) then
            raise exception 'settlement % has no payments', new.id using errcode = 'check_violation';
        end if;
        if not exists (select 1 from ledger_entry e join ledger_posting p on p.entry_id = e.id
                       where e.document_kind = 'settlement' and e.document_id = new.id) and care_misposted(new.id) then
            raise exception 'settlement % has no entry in the books', new.id using errcode = 'check_violation';
        end if;
        return null;
    end $$;
    create constraint trigger settlement_whole after insert on care_settlement deferrable initially deferred
        for each row execute function care_settlement_whole();
    """,
    """
    drop trigger settlement_whole on care_settlement; drop trigger of_document on ledger_posting;
    drop function care_settlement_whole(); drop function care_posted(); drop function care_misposted(bigint);
    """,
)

_PATIENTS_MONEY = RunSQL(
    """
    create function care_payment_misposted(payment bigint) returns boolean language plpgsql stable security definer
        set search_path = public, pg_temp as $$
    begin
        return exists (
            select 1 from (
                select m.institution_id at, t.account, t.sign * m.fen fen from care_patientpayment m,
                    (values ('cash', 1), ('patient', -1)) t(account, sign) where m.id = payment
                union all
                select case when (e.person_id, l.person_id) is distinct from (m.person_id, m.person_id) then 0 else b.institution_id end,
                       a.kind, -l.fen
                from ledger_entry e join ledger_posting l on l.entry_id = e.id join ledger_account a on a.id = l.account_id
                join ledger_book b on b.id = a.book_id left join care_patientpayment m on m.id = payment
                where e.document_kind = 'patient_payment' and e.document_id = payment
            ) legs group by at, account having sum(fen) <> 0);
    end $$;
    create function care_payment_of_visit() returns trigger language plpgsql security definer set search_path = public as $$
    begin
        if not exists (select 1 from care_visit v where v.id = new.visit_id and v.person_id = new.person_id
                       and v.institution_id = new.institution_id) then
            raise exception 'a payment is of the person and the institution of its visit' using errcode = 'check_violation';
        end if;
        return new;
    end $$;
    create trigger of_visit before insert on care_patientpayment for each row execute function care_payment_of_visit();
    create function care_payment_whole() returns trigger language plpgsql security definer set search_path = public as $$
    begin
        if care_payment_misposted(new.id) then
            raise exception 'payment % has no entry in the books', new.id using errcode = 'check_violation';
        end if;
        return null;
    end $$;
    create constraint trigger payment_whole after insert on care_patientpayment deferrable initially deferred
        for each row execute function care_payment_whole();
    """,
    """
    drop trigger payment_whole on care_patientpayment; drop trigger of_visit on care_patientpayment;
    drop function care_payment_whole(); drop function care_payment_of_visit(); drop function care_payment_misposted(bigint);
    """,
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
    create trigger lines_frozen_move after update on care_billline referencing new table as touched
        for each statement execute function care_lines_frozen();
    create trigger lines_frozen_delete after delete on care_billline referencing old table as touched
        for each statement execute function care_lines_frozen();
    """,
    """
    drop trigger lines_frozen_insert on care_billline; drop trigger lines_frozen_update on care_billline;
    drop trigger lines_frozen_move on care_billline;
    drop trigger lines_frozen_delete on care_billline; drop trigger visit_frozen on care_visit;
    drop function care_lines_frozen(); drop function care_visit_frozen(); drop function care_live(bigint);
    """,
)

BUREAU_ONLY = "null"
"""In the place of an institution's column: no institution's staff see the row."""


class Migration(migrations.Migration):
    dependencies = [
        ("care", "0001_initial"),
        ("ledger", "0002_guards"),
        ("staff", "0002_guards"),
        ("people", "0002_guards"),
    ]

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
        _PATIENTS_MONEY,
        _BOOKED,
        _FROZEN,
    ]
