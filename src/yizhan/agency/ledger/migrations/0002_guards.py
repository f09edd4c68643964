"""What the database keeps of the books: entries whole and balanced in each book, funds neither overdrawn nor diverted."""

from django.db import migrations
from django.db.migrations import RunSQL

from yizhan.agency.staff.guards import RUNTIME, append_only, changes_only, row_security

_ENTRIES = RunSQL(
    f"""
    create function ledger_is_movement(entry bigint) returns boolean language plpgsql stable security definer
        set search_path = public, pg_temp as $$
    begin
        return exists (
            select 1 from ledger_entry e join ledger_movement m on m.id = e.document_id
            where e.id = entry and e.document_kind = 'movement' and m.state = 'approved' and e."on" = m."on"
              and e.person_id is not distinct from m.person_id and not exists (
                select 1 from (
                    select a.book_id book, a.kind account, p.fen from ledger_posting p
                    join ledger_account a on a.id = p.account_id where p.entry_id = entry
                    union all
                    select case when own then m.book_id else m.other_id end, coalesce(nullif(account, ''), m.income), -sign * m.fen
                    from (values
                        ('receipt', true, 'cash', 1), ('receipt', true, '', -1),
                        ('to_hospital', true, 'to_hospital', 1), ('to_hospital', true, 'cash', -1),
                        ('to_hospital', false, 'cash', 1), ('to_hospital', false, 'from_funds', -1),
                        ('from_hospital', true, 'to_hospital', -1), ('from_hospital', true, 'cash', 1),
                        ('from_hospital', false, 'cash', -1), ('from_hospital', false, 'from_funds', 1),
                        ('to_person', true, 'to_person', 1), ('to_person', true, 'cash', -1),
                        ('from_person', true, 'to_person', -1), ('from_person', true, 'cash', 1),
                        ('clear_advance', true, 'advance_owed', 1), ('clear_advance', true, 'cash', -1),
                        ('clear_advance', false, 'cash', 1), ('clear_advance', false, 'advance_given', -1),
                        ('return_advance', true, 'advance_given', 1), ('return_advance', true, 'cash', -1),
                        ('return_advance', false, 'cash', 1), ('return_advance', false, 'advance_owed', -1),
                        ('between_levels', true, 'transfer_out', 1), ('between_levels', true, 'cash', -1),
                        ('between_levels', false, 'cash', 1), ('between_levels', false, 'transfer_in', -1)
                    ) legs(kind, own, account, sign) where legs.kind = m.kind
                ) both_sides group by book, account having sum(fen) <> 0));
    end $$;
    create function ledger_whole() returns trigger language plpgsql security definer set search_path = public as $$
    declare wrong record;
    begin
        select p.entry_id, b.payer, sum(p.fen) fen into wrong
        from added p join ledger_account a on a.id = p.account_id join ledger_book b on b.id = a.book_id
        group by p.entry_id, b.id, b.payer having sum(p.fen) <> 0 limit 1;
        if found then
            raise exception 'entry %: % sums to % and not to zero', wrong.entry_id, wrong.payer, wrong.fen
                using errcode = 'check_violation';
        end if;
        -- An entry is written in one statement; what comes later is another entry.
        select n.entry_id into wrong from (select entry_id, count(*) k from added group by entry_id) n
        where n.k <> (select count(*) from ledger_posting p where p.entry_id = n.entry_id) limit 1;
        if found then
            raise exception 'entry % is written already', wrong.entry_id using errcode = 'restrict_violation';
        end if;
        -- A posting stands where its book stands.
        select p.entry_id into wrong from added p join ledger_account a on a.id = p.account_id
        join ledger_book b on b.id = a.book_id where p.institution_id is distinct from b.institution_id limit 1;
        if found then
            raise exception 'entry %: a posting names another institution than its book', wrong.entry_id
                using errcode = 'check_violation';
        end if;
        -- Money comes into a fund, leaves it or goes to another only as an approved movement says.
        select p.entry_id into wrong from added p join ledger_account a on a.id = p.account_id
        join ledger_book b on b.id = a.book_id
        where b.kind = 'fund' and (a.kind = 'cash' or a.kind like 'income%' or a.kind like 'transfer%')
        group by p.entry_id having not ledger_is_movement(p.entry_id) limit 1;
        if found then
            raise exception 'entry % moves the money of a fund, and no approved movement says so', wrong.entry_id
                using errcode = 'check_violation';
        end if;
        -- The money of a fund; the check of the balance refuses to overdraw it. An entry touches few funds; their
        -- balances are locked in the order of the books, so that two entries never wait for each other.
        insert into ledger_balance (book_id, fen) select distinct b.id, 0 from added p
        join ledger_account a on a.id = p.account_id join ledger_book b on b.id = a.book_id
        where b.kind = 'fund' and a.kind = 'cash' order by b.id on conflict do nothing;
        if found or exists (select 1 from added p join ledger_account a on a.id = p.account_id where a.kind = 'cash') then
            perform 1 from ledger_balance l where l.book_id in (
                select a.book_id from added p join ledger_account a on a.id = p.account_id where a.kind = 'cash')
                order by l.book_id for update;
            update ledger_balance l set fen = l.fen + m.fen
            from (select a.book_id, sum(p.fen) fen from added p join ledger_account a on a.id = p.account_id
                  where a.kind = 'cash' group by a.book_id) m where m.book_id = l.book_id;
        end if;
        return null;
    end $$;
    create trigger whole after insert on ledger_posting referencing new table as added
        for each statement execute function ledger_whole();
    revoke insert, update, delete on ledger_balance from {RUNTIME};
    revoke update, delete on ledger_book from {RUNTIME};
    revoke update, delete on ledger_account from {RUNTIME};
    """,
    "drop trigger whole on ledger_posting; drop function ledger_whole(); drop function ledger_is_movement(bigint);",
)

_MOVEMENTS = RunSQL(
    """
    create function ledger_one_purpose() returns trigger language plpgsql security definer set search_path = public as $$
    begin
        if not exists (
            select 1 from ledger_book b left join ledger_book o on o.id = new.other_id
            where b.id = new.book_id and b.kind = 'fund' and case new.kind
                when 'to_hospital' then o.kind = 'hospital'
                when 'from_hospital' then o.kind = 'hospital'
                when 'clear_advance' then o.kind = 'fund' and o.id <> b.id
                when 'return_advance' then o.kind = 'fund' and o.id <> b.id
                when 'between_levels' then o.kind = 'fund' and o.id <> b.id
                else o.id is null end) then
            raise exception 'a % has no such other side', new.kind using errcode = 'check_violation';
        end if;
        if new.kind = 'between_levels' and not exists (
            select 1 from ledger_book b join ledger_book o on o.id = new.other_id
            where b.id = new.book_id and b.kind = 'fund' and o.kind = 'fund' and b.payer = o.payer) then
            raise exception 'a transfer stays within one fund' using errcode = 'check_violation';
        end if;
        if tg_op = 'INSERT' and new.state <> 'proposed' or tg_op = 'UPDATE' and old.state <> 'proposed' then
            raise exception 'a movement is proposed, and then decided once' using errcode = 'restrict_violation';
        end if;
        return new;
    end $$;
    create trigger one_purpose before insert or update on ledger_movement
        for each row execute function ledger_one_purpose();
    """,
    "drop trigger one_purpose on ledger_movement; drop function ledger_one_purpose();",
)

_STANDS = RunSQL(
    """
    create function ledger_stands(book bigint, account_kind text, institution bigint, persons bigint[]) returns bigint
    language sql stable security definer set search_path = public, pg_temp as $$
        select coalesce(sum(p.fen), 0)::bigint from ledger_posting p
        join ledger_account a on a.id = p.account_id join ledger_entry e on e.id = p.entry_id
        where a.book_id = book and a.kind = account_kind and (institution is null or e.institution_id = institution)
          and (persons is null or p.person_id = any(persons))
    $$;
    revoke all on function ledger_stands(bigint, text, bigint, bigint[]) from public;
    grant execute on function ledger_stands(bigint, text, bigint, bigint[]) to yizhan_app;
    """,
    "drop function ledger_stands(bigint, text, bigint, bigint[]);",
)
"""What an account stands at in all: a county must not pay again what the city paid, whose postings it does not see. One sum
towards one institution or person is told, no row."""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial"), ("staff", "0002_guards")]

    operations = [
        row_security("ledger_entry", institution="institution_id"),
        append_only("ledger_entry"),
        row_security("ledger_posting", institution="institution_id"),
        append_only("ledger_posting"),
        row_security("ledger_movement", institution="null"),  # no institution's staff see the money of funds
        changes_only("ledger_movement", "state", "decided_at", "decided_by_id", "decided_why"),
        _ENTRIES,
        _MOVEMENTS,
        _STANDS,
    ]
