"""Row security by area and institution, catalogues that all may read, the order of states, and two reads across areas."""

from django.db import migrations

from yizhan.agency.providers.kinds import VERSION_FOLLOWS
from yizhan.agency.staff.guards import append_only, changes_only, may_remove, row_security, withdrawn_once

_AREA = "(select coalesce(nullif(current_setting('yizhan.area', true), ''), '~~'))"
_OWN = f"area_path >= {_AREA} and area_path < {_AREA} || '~'"
_OF_BUREAU = "(select coalesce(current_setting('yizhan.institution', true), '')) = ''"
_PAIRS = ", ".join(f"('{state}', '{after}')" for state, following in VERSION_FOLLOWS.items() for after in following)


def _bureau_writes(table: str) -> migrations.RunSQL:
    """An institution's staff read their own agreement and write none of it."""
    return migrations.RunSQL(
        f"create policy bureau_adds on {table} as restrictive for insert to yizhan_app with check ({_OF_BUREAU});"
        f"create policy bureau_changes on {table} as restrictive for update to yizhan_app using ({_OF_BUREAU});",
        f"drop policy bureau_adds on {table}; drop policy bureau_changes on {table};",
    )


CATALOGUES = migrations.RunSQL(
    f"""
    alter table providers_version enable row level security;
    create policy seen on providers_version for select to yizhan_app using (true);
    create policy added on providers_version for insert to yizhan_app with check ({_OWN} and {_OF_BUREAU} and state = 'reading');
    create policy changed on providers_version for update to yizhan_app using ({_OWN} and {_OF_BUREAU});
    alter table providers_item enable row level security;
    create policy seen on providers_item for select to yizhan_app using (true);
    create policy added on providers_item for insert to yizhan_app with check (
        version_id in (select v.id from providers_version v where v.state = 'reading' and {_OWN} and {_OF_BUREAU}));
    create policy removed on providers_item for delete to yizhan_app using (
        version_id in (select v.id from providers_version v where v.state in ('reading', 'dropped', 'unreadable') and {_OWN}));
    revoke update on providers_item from yizhan_app;

    create function providers_next_state() returns trigger language plpgsql as $$
    begin
        if (old.state, new.state) not in ({_PAIRS}) then
            raise exception 'catalogue version %: % does not follow %', old.id, new.state, old.state using errcode = 'check_violation';
        end if;
        return new;
    end $$;
    create trigger next_state before update on providers_version for each row when (old.state is distinct from new.state)
        execute function providers_next_state();
    """,
    """
    drop trigger next_state on providers_version; drop function providers_next_state();
    drop policy seen on providers_item; drop policy added on providers_item; drop policy removed on providers_item;
    alter table providers_item disable row level security;
    drop policy seen on providers_version; drop policy added on providers_version; drop policy changed on providers_version;
    alter table providers_version disable row level security;
    """,
)
"""Catalogues are published, and those of a province bind its counties. What has been applied is never changed."""

MAPPINGS = migrations.RunSQL(
    f"""
    create policy begins_proposed on providers_mapping as restrictive for insert to yizhan_app with check (state = 'proposed');
    create policy bureau_decides on providers_mapping as restrictive for update to yizhan_app
        using (true) with check ({_OF_BUREAU} or state in ('proposed', 'withdrawn'));
    create function providers_decided() returns trigger language plpgsql as $$
    begin
        if not (old.state = 'proposed' or (old.state = 'approved' and new.state in ('approved', 'withdrawn'))) then
            raise exception 'mapping %: % does not follow %', old.id, new.state, old.state using errcode = 'check_violation';
        end if;
        return new;
    end $$;
    create trigger decided before update on providers_mapping for each row execute function providers_decided();
    """,
    """
    drop trigger decided on providers_mapping; drop function providers_decided();
    drop policy begins_proposed on providers_mapping; drop policy bureau_decides on providers_mapping;
    """,
)

# With the owner's rights, since a bill is also settled by a bureau whose area the institution does not lie in.
ACROSS = migrations.RunSQL(
    """
    create function providers_standing(institution bigint, day date)
        returns table (closed_on date, number text, valid daterange, cares text[], treat_first boolean, deposit boolean,
                       event text, event_on date, last_on date, designations text[])
        language sql stable security definer set search_path = public, pg_temp as $$
        select i.ended_on, a.number, a.valid, a.cares::text[], a.treat_first, a.deposit, e.kind, e.from_on,
               (select max(upper(p.valid)) - 1 from providers_agreement p
                 where p.institution_id = i.id and p.withdrawn_at is null and upper(p.valid) <= day),
               array(select d.kind::text from providers_designation d
                      where d.institution_id = i.id and d.withdrawn_at is null and d.valid @> day order by d.kind)
          from staff_institution i
          left join providers_agreement a on a.institution_id = i.id and a.withdrawn_at is null and a.valid @> day
          left join lateral (select x.kind, x.from_on from providers_agreementevent x
                              where x.agreement_id = a.id and x.from_on <= day order by x.from_on desc, x.id desc limit 1) e on true
         where i.id = institution and coalesce(current_setting('yizhan.area', true), '') <> ''
    $$;
    create function providers_mappings(institution bigint, codes text[], first date, last date)
        returns table (id bigint, code text, national_code text, valid daterange, state text)
        language sql stable security definer set search_path = public, pg_temp rows 5000 as $$
        select m.id, m.code, m.national_code, m.valid, m.state from unnest(codes) c(code)
         cross join lateral (select * from providers_mapping m
                              where m.institution_id = institution and m.code = c.code collate "C" and m.state <> 'withdrawn'
                                and m.valid && daterange(first, last, '[]') offset 0) m
         where coalesce(current_setting('yizhan.area', true), '') <> ''
           and coalesce(current_setting('yizhan.institution', true), '') in ('', institution::text)
    $$;
    revoke all on function providers_standing(bigint, date), providers_mappings(bigint, text[], date, date) from public;
    grant execute on function providers_standing(bigint, date), providers_mappings(bigint, text[], date, date) to yizhan_app;
    """,
    "drop function providers_standing(bigint, date); drop function providers_mappings(bigint, text[], date, date);",
)

_BY_INSTITUTION = ("agreement", "agreementevent", "designation")


class Migration(migrations.Migration):
    dependencies = [("providers", "0001_initial"), ("staff", "0002_guards")]

    operations = [
        *(row_security(f"providers_{table}", institution="institution_id") for table in (*_BY_INSTITUTION, "mapping")),
        *(_bureau_writes(f"providers_{table}") for table in _BY_INSTITUTION),
        row_security("providers_versionfile"),
        append_only("providers_agreementevent"),
        append_only("providers_versionfile"),
        changes_only("providers_agreement", "valid", "withdrawn_at", "withdrawn_by_id", "withdrawn_why"),
        withdrawn_once("providers_agreement"),
        changes_only("providers_designation", "valid", "ended_by_id", "ended_why", "withdrawn_at"),
        withdrawn_once("providers_designation"),
        changes_only(
            "providers_version", "state", "rows", "compared_with_id", "counts", "problems", "run_id", "applied_by_id",
            "applied_at", "ended_by_id", "ended_at", "ended_why",
        ),
        changes_only("providers_mapping", "state", "valid", "decided_by_id", "decided_at", "decided_why"),
        may_remove("providers_item"),
        CATALOGUES,
        MAPPINGS,
        ACROSS,
    ]  # fmt: skip
