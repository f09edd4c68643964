"""What the database itself keeps, as migration operations: row security, append-only tables, the runtime role's grants.

The runtime role owns nothing and may create nothing, so it can switch none of this off (docs/adr/0008).
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.migrations import RunSQL

RUNTIME = "yizhan_app"

_IN_AREA = """{column} >= (select coalesce(nullif(current_setting('yizhan.area', true), ''), '~~'))
    and {column} < (select coalesce(nullif(current_setting('yizhan.area', true), ''), '~~') || '~')"""
# The scalar subqueries are read once a statement and become an index condition; `unset` compares as '~~' and shows nothing.

_OF_DEPARTMENT = """(select coalesce(current_setting('yizhan.department', true), '')) in ('', {column})"""


_OF_INSTITUTION = """(select coalesce(current_setting('yizhan.institution', true), '')) in ('', {column}::text)"""


def row_security(
    table: str,
    *,
    column: str = "area_path",
    department: str = "",
    institution: str = "",
    persons: Sequence[str] = (),
    write_anywhere: bool = False,
) -> RunSQL:
    """Show and accept rows of the actor's area only; with `department`, only those of the actor's department too; with
    `institution` (a column), to the staff of an institution only its own.

    `persons` are columns that name a person: a row about somebody whom the actor does not see is not accepted, whatever
    area it claims. `write_anywhere` lets rows of other areas be added, though not seen (the audit trail).
    """
    seen = _IN_AREA.format(column=column)
    if department:
        seen += f" and {_OF_DEPARTMENT.format(column=department)}"
    if institution:
        seen += f" and {_OF_INSTITUTION.format(column=institution)}"
    written = "true" if write_anywhere else seen
    # The policies of people_person apply inside a policy, too. "offset 0" makes the database look this one person up: it
    # would otherwise read all persons of the area with each row that is written, as row security lets it believe they are few.
    written += "".join(
        f" and exists (select 1 from people_person p where p.id = {table}.{c} offset 0)" for c in persons
    )
    return RunSQL(
        f"alter table {table} enable row level security;"
        f"create policy seen on {table} for select to {RUNTIME} using ({seen});"
        f"create policy added on {table} for insert to {RUNTIME} with check ({written});"
        f"create policy changed on {table} for update to {RUNTIME} using ({seen}) with check ({seen});"
        f"create policy removed on {table} for delete to {RUNTIME} using ({seen});",
        f"alter table {table} disable row level security;"
        + "".join(f"drop policy {p} on {table};" for p in ("seen", "added", "changed", "removed")),
    )


def row_security_through(table: str, *, column: str, to: str) -> RunSQL:
    """Show rows that refer to a visible row of another table (`column` → `to.id`)."""
    seen = f"exists (select 1 from {to} t where t.id = {table}.{column}"
    return RunSQL(
        f"alter table {table} enable row level security;"
        f"create policy whole on {table} for all to {RUNTIME} using ({seen})) with check ({seen} offset 0));",
        f"drop policy whole on {table}; alter table {table} disable row level security;",
    )


def append_only(table: str) -> RunSQL:
    """Refuse every change and removal, the owner's too; correct by a further row."""
    return RunSQL(
        f"create trigger keep_rows before update or delete on {table} for each row execute function yizhan_keep();"
        f"create trigger keep_all before truncate on {table} for each statement execute function yizhan_keep();"
        f"revoke update, delete, truncate on {table} from {RUNTIME};",
        f"drop trigger keep_rows on {table}; drop trigger keep_all on {table};",
    )


def changes_only(table: str, *columns: str) -> RunSQL:
    """Let only these columns be changed, and no row be removed."""
    return RunSQL(
        f"revoke update on {table} from {RUNTIME}; grant update ({', '.join(columns)}) on {table} to {RUNTIME};",
        f"grant update on {table} to {RUNTIME};",
    )


def withdrawn_once(table: str) -> RunSQL:
    """Refuse to change a row that has been withdrawn: what was believed, and until when, stays as it is.

    Its `area_path` may change, which says who may see it and not what was believed.
    """
    return RunSQL(
        f"create trigger withdrawn_once before update on {table} for each row when (old.withdrawn_at is not null"
        " and to_jsonb(old) - 'area_path' is distinct from to_jsonb(new) - 'area_path') execute function yizhan_keep();",
        f"drop trigger withdrawn_once on {table};",
    )


def may_remove(table: str) -> RunSQL:
    """Let the runtime role delete rows here. It may nowhere else."""
    return RunSQL(f"grant delete on {table} to {RUNTIME};", f"revoke delete on {table} from {RUNTIME};")


FOUNDATION = RunSQL(
    f"""
    create extension if not exists btree_gist;
    alter default privileges grant select, insert, update on tables to {RUNTIME};
    alter default privileges grant usage, select on sequences to {RUNTIME};
    grant select on django_migrations to {RUNTIME};
    create function yizhan_keep() returns trigger language plpgsql as $$
    begin
        raise exception '% is append-only: add a correcting row', tg_table_name using errcode = 'restrict_violation';
    end $$;
    """,
    RunSQL.noop,
)
"""Runs before any table is made: what the runtime role may do with the tables to come."""
