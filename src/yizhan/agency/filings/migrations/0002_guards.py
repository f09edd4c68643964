"""Row security by area, and for an institution's staff by the three institutions of a filing; the order of states; two
pairs of eyes; a filing that goes where its person goes."""

from django.db import migrations
from django.db.migrations import RunSQL

from yizhan.agency.filings.kinds import FOLLOWS, MAKING
from yizhan.agency.staff.guards import append_only, changes_only, row_security, row_security_through

_OWN = """(select coalesce(current_setting('yizhan.institution', true), '')) in
    ('', institution_id::text, opinion_of_id::text, to_institution_id::text)"""
_PAIRS = ", ".join(f"('{state}', '{after}')" for state, following in FOLLOWS.items() for after in following)
_MAKING = ", ".join(f"'{name}'" for name in MAKING)

_FILINGS = RunSQL(
    f"""
    create policy own_institution on filings_filing as restrictive for all to yizhan_app using ({_OWN}) with check ({_OWN});
    create function filings_next_state() returns trigger language plpgsql as $$
    begin
        if (old.state, new.state) not in ({_PAIRS}) then
            raise exception 'filing %: % does not follow %', old.id, new.state, old.state using errcode = 'check_violation';
        end if;
        if new.state in ('opinion', 'decision') and old.state = 'returned'
            and (new.state = 'opinion') is distinct from (new.opinion_of_id is not null and not exists (
                select 1 from filings_filingstep s where s.filing_id = new.id and s.name = 'county_opinion' and s.outcome = 'decision'
            )) then
            raise exception 'filing %: the county hospital has not agreed yet', old.id using errcode = 'check_violation';
        end if;
        if new.state = 'approved' and exists (
            select 1 from filings_filingstep s
            where s.filing_id = new.id and s.officer_id = new.decided_by_id and s.name in ({_MAKING})) then
            raise exception 'filing %: who worked on it does not decide it', old.id using errcode = 'check_violation';
        end if;
        return new;
    end $$;
    create trigger next_state before update on filings_filing for each row when (old.state is distinct from new.state)
        execute function filings_next_state();
    """,
    "drop trigger next_state on filings_filing; drop function filings_next_state();"
    "drop policy own_institution on filings_filing;",
)

# The owner's rights: when the person has left the officer's area, the officer may no longer touch the rows.
_FOLLOW_PERSON = RunSQL(
    """
    create function filings_follow_person() returns trigger language plpgsql security definer
        set search_path = public, pg_temp as $$
    begin
        update filings_filing set area_path = new.area_path where person_id = new.id;
        return null;
    end $$;
    create trigger filings_follow_person after update of area_path on people_person for each row
        when (old.area_path is distinct from new.area_path) execute function filings_follow_person();
    """,
    "drop trigger filings_follow_person on people_person; drop function filings_follow_person();",
)

# What an area decided is published, and that of a city binds its counties.
_TERMS = RunSQL(
    "create policy published on filings_term for select to yizhan_app using (true);",
    "drop policy published on filings_term;",
)

_BUREAU = "'healthcare_security'"
"""In the place of a department's column: the staff of other departments see no row."""

_NOBODY = "null"
"""In the place of an institution's column: no institution's staff write here."""


class Migration(migrations.Migration):
    dependencies = [("filings", "0001_initial"), ("staff", "0002_guards"), ("people", "0002_guards")]

    operations = [
        row_security("filings_term", department=_BUREAU, institution=_NOBODY),
        append_only("filings_term"),
        _TERMS,
        row_security("filings_filing", department=_BUREAU, persons=("person_id",)),
        changes_only("filings_filing", "state", "decided_at", "decided_by_id", "valid", "area_path"),
        _FILINGS,
        _FOLLOW_PERSON,
        row_security_through("filings_filingstep", column="filing_id", to="filings_filing"),
        append_only("filings_filingstep"),
        row_security_through("filings_evidence", column="filing_id", to="filings_filing"),
        append_only("filings_evidence"),
        row_security_through("filings_printing", column="filing_id", to="filings_filing"),
        append_only("filings_printing"),
    ]
