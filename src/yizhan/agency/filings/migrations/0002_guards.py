"""Row security by area, and for an institution's staff by the three institutions of a filing; the order of states."""

from django.db import migrations
from django.db.migrations import RunSQL

from yizhan.agency.filings.kinds import FOLLOWS
from yizhan.agency.staff.guards import append_only, changes_only, row_security, row_security_through

_OWN = """(select coalesce(current_setting('yizhan.institution', true), '')) in
    ('', institution_id::text, opinion_of_id::text, to_institution_id::text)"""
_PAIRS = ", ".join(f"('{state}', '{after}')" for state, following in FOLLOWS.items() for after in following)

_FILINGS = RunSQL(
    f"""
    create policy own_institution on filings_filing as restrictive for all to yizhan_app using ({_OWN}) with check ({_OWN});
    create function filings_next_state() returns trigger language plpgsql as $$
    begin
        if (old.state, new.state) not in ({_PAIRS}) then
            raise exception 'filing %: % does not follow %', old.id, new.state, old.state using errcode = 'check_violation';
        end if;
        return new;
    end $$;
    create trigger next_state before update on filings_filing for each row when (old.state is distinct from new.state)
        execute function filings_next_state();
    """,
    "drop trigger next_state on filings_filing; drop function filings_next_state();"
    "drop policy own_institution on filings_filing;",
)

# What an area decided is published, and that of a city binds its counties.
_TERMS = RunSQL(
    "create policy published on filings_term for select to yizhan_app using (true);",
    "drop policy published on filings_term;",
)


class Migration(migrations.Migration):
    dependencies = [("filings", "0001_initial"), ("staff", "0002_guards"), ("people", "0002_guards")]

    operations = [
        row_security("filings_term"),
        append_only("filings_term"),
        _TERMS,
        row_security("filings_filing", persons=("person_id",)),
        changes_only(
            "filings_filing", "state", "decided_at", "decided_by_id", "valid", "diagnoses", "why", "area_path", "due_on"
        ),
        _FILINGS,
        row_security_through("filings_step", column="filing_id", to="filings_filing"),
        append_only("filings_step"),
        row_security_through("filings_evidence", column="filing_id", to="filings_filing"),
        append_only("filings_evidence"),
    ]
