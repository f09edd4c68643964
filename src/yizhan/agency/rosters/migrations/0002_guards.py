"""Row security by area and department, the order of states, and a look across areas that tells no more than yes or no."""

from django.db import migrations

from yizhan.agency.rosters.states import DECIDABLE, FOLLOWS
from yizhan.agency.staff.guards import append_only, changes_only, may_remove, row_security

_PAIRS = ", ".join(f"('{state}', '{after}')" for state, following in FOLLOWS.items() for after in following)

STATES = migrations.RunSQL(
    f"""
    create function rosters_next_state() returns trigger language plpgsql as $$
    begin
        if (old.state, new.state) not in ({_PAIRS}) then
            raise exception 'roster %: % does not follow %', old.id, new.state, old.state using errcode = 'check_violation';
        end if;
        if new.state = 'review' and exists (
            select 1 from rosters_rosterrow w where w.roster_id = new.id and w.needs and w.decision = ''
        ) then
            raise exception 'roster %: rows are undecided', old.id using errcode = 'check_violation';
        end if;
        return new;
    end $$;
    create trigger next_state before update on rosters_roster for each row when (old.state is distinct from new.state)
        execute function rosters_next_state();
    create function rosters_first_state() returns trigger language plpgsql as $$
    begin
        if new.state <> 'reading' then
            raise exception 'a roster begins with being read' using errcode = 'check_violation';
        end if;
        return new;
    end $$;
    create trigger first_state before insert on rosters_roster for each row execute function rosters_first_state();
    create function rosters_still_decidable() returns trigger language plpgsql as $$
    begin
        -- `reading` and `applying`: the comparison and the application themselves ask for a decision anew, and make none.
        if not exists (select 1 from rosters_roster q where q.id = new.roster_id and (q.state in {DECIDABLE!r}
                       or (new.decision = '' and q.state in ('reading', 'applying')))) then
            raise exception 'roster %: not to be decided now', new.roster_id using errcode = 'check_violation';
        end if;
        return new;
    end $$;
    create trigger still_decidable before update on rosters_rosterrow for each row when (old.decision is distinct from new.decision)
        execute function rosters_still_decidable();
    """,
    """
    drop trigger still_decidable on rosters_rosterrow; drop function rosters_still_decidable();
    drop trigger first_state on rosters_roster; drop function rosters_first_state();
    drop trigger next_state on rosters_roster; drop function rosters_next_state();
    """,
)

# With the owner's rights, for rows of a roster that the caller sees: is the number known where the roster's area does not
# reach? Says neither where nor who.
ELSEWHERE = migrations.RunSQL(
    """
    create function rosters_elsewhere(roster bigint) returns setof bigint language plpgsql stable security definer
        set search_path = public, pg_temp as $$
    begin
        return query
            select w.id from rosters_rosterrow w
            join rosters_roster q on q.id = w.roster_id
            join people_person p on p.id_hash = w.id_hash
            left join people_person k on k.id = p.merged_into_id
            where w.roster_id = roster and w.person_id is null and w.number is not null and w.state <> 'rejected' and w.named_person_id is null
              and q.area_path >= coalesce(nullif(current_setting('yizhan.area', true), ''), '~~')
              and q.area_path < coalesce(nullif(current_setting('yizhan.area', true), ''), '~~') || '~'
              and coalesce(current_setting('yizhan.department', true), '') in ('', q.department)
              and not (coalesce(k.area_path, p.area_path) >= q.area_path and coalesce(k.area_path, p.area_path) < q.area_path || '~');
    end $$;
    revoke all on function rosters_elsewhere(bigint) from public;
    grant execute on function rosters_elsewhere(bigint) to yizhan_app;
    """,
    "drop function rosters_elsewhere(bigint);",
)


class Migration(migrations.Migration):
    dependencies = [("rosters", "0001_initial"), ("staff", "0002_guards"), ("people", "0002_guards")]

    operations = [
        *(
            row_security(f"rosters_{table}", department="department")
            for table in ("roster", "rosterfile", "rostercolumns", "rosterrow", "pastchange", "rosterduty")
        ),
        row_security("rosters_gapitem"),
        append_only("rosters_rosterfile"),
        append_only("rosters_pastchange"),
        changes_only(
            "rosters_roster", "state", "columns", "mapping", "rows", "counts", "problems", "run_id", "compared_at", "sent_by_id",
            "sent_at", "sent_note", "decided_by_id", "decided_at", "return_why", "applied_at", "withdrawn_by_id", "withdrawn_at",
            "withdrawn_why",
        ),
        may_remove("rosters_rosterrow"),
        STATES,
        ELSEWHERE,
    ]  # fmt: skip
