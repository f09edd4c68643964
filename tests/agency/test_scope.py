"""The second wall: what the database shows and takes, whatever the programs ask. Rows D of docs/security.md."""

from __future__ import annotations

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.db.utils import ProgrammingError

from tests.agency.world import World
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.scope import System, acting

SCOPED_COLUMNS = ("area_path", "person_id", "institution_id", "household_id")
"""A table with such a column belongs to somebody, and is shown only to those who may see that somebody."""

READ_BY_ALL = {
    "enrolment_extension": "a longer collection period binds the counties of a pooling area, who must see it",
    "filings_term": "how long filings hold is published, and what a city sets binds its counties",
    "providers_version": "catalogues are published, and a province's bind its cities",
    "providers_item": "catalogues are published, and a province's bind its cities",
}
"""Secured tables that everybody reads, and why; rows are written by their own area alone."""

WITHOUT = {
    "staff_officer": "read at the door before anybody is known; every query of the apps filters by area",
    "ledger_book": "names of funds and institutions, which are published; what stands in them has row security",
    "staff_institution": "the list of designated institutions is published; treatment elsewhere needs all of them",
}
"""Tables with such a column that have no row security, and why."""


def tables_with_scope() -> dict[str, list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select table_name::text, array_agg(column_name::text order by column_name) from information_schema.columns"
            " where table_schema = 'public' and column_name = any(%s) group by 1 order by 1",
            [list(SCOPED_COLUMNS)],
        )
        return dict(cursor.fetchall())


def secured() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("select relname::text from pg_class where relrowsecurity and relkind in ('r', 'p')")
        return {row[0] for row in cursor.fetchall()}


def test_d2_every_table_of_persons_and_areas_has_row_security(db: None) -> None:
    found = tables_with_scope()
    assert "people_person" in found
    missing = sorted(set(found) - secured() - set(WITHOUT))
    assert not missing, f"{missing}: add row_security() to a migration of the app (staff.guards)"
    assert not set(WITHOUT) & secured(), "an exception that is none any more"


def test_d2_every_secured_table_says_what_may_be_read_and_written(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select tablename::text, array_agg(distinct cmd::text), bool_and(qual is not null or cmd = 'INSERT')"
            " from pg_policies where roles && array['yizhan_app', 'public']::name[] group by 1"
        )
        policies = {table: (set(commands), guarded) for table, commands, guarded in cursor.fetchall()}
    for table in secured():
        assert table in policies, f"{table} has row security and no policy for the programs' role: nobody sees it"
        commands, guarded = policies[table]
        assert guarded, table
        assert commands == {"ALL"} or {"SELECT", "INSERT"} <= commands, (table, commands)


def test_d2_with_no_area_set_no_table_shows_a_row(world: World) -> None:
    record("test.act", acting_user=world.yuhu.officer)
    with connection.cursor() as cursor:
        cursor.execute("select set_config('yizhan.area', '', true)")
        for table in sorted(secured() - set(READ_BY_ALL)):
            cursor.execute(f'select count(*) from "{table}"')
            assert cursor.fetchone()[0] == 0, table


def test_d2_every_secured_table_refuses_rows_while_no_area_is_set(db: None) -> None:
    """An empty insert fails for the row security or for what is missing, and never writes."""
    for table in sorted(secured() - {"staff_audit"}):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f'insert into "{table}" default values')


def test_d2_the_programs_can_neither_pass_nor_switch_off_the_wall(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select rolname::text, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole from pg_roles where rolname = current_user"
        )
        assert cursor.fetchone() == ("yizhan_app", False, False, False, False)
        cursor.execute("select count(*) from pg_tables where schemaname = 'public' and tableowner = current_user")
        assert cursor.fetchone()[0] == 0
    for statement in (
        "alter table staff_audit disable row level security",
        "drop policy seen on staff_audit",
        "create table public.mine (id int)",
        "set role yizhan_owner",
    ):
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_d2_what_may_be_deleted_is_named(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select table_name::text from information_schema.table_privileges where grantee = 'yizhan_app'"
            " and privilege_type in ('DELETE', 'TRUNCATE') and table_schema = 'public' and table_name not like 'procrastinate%%'"
        )
        removable = {row[0] for row in cursor.fetchall()}
    assert {"staff_session", "staff_attempts"} <= removable
    assert not {table for table in removable if table.startswith(("people_", "enrolment_", "staff_audit"))}, removable


def test_the_scope_ends_with_the_transaction_and_is_restored_after_a_nested_one(world: World) -> None:
    for officer in (world.yuhu.officer, world.songshan.officer):
        record("test.act", acting_user=officer)
    with acting(System("test")):
        assert Audit.objects.count() == 2
        with acting(world.yuhu.officer):
            assert Audit.objects.count() == 1
            with pytest.raises(ValueError, match="stop"), acting(world.songshan.officer):
                raise ValueError("stop")
            assert [row.area_path for row in Audit.objects.all()] == [world.yuhu.area.path]
        assert Audit.objects.count() == 2
    assert Audit.objects.count() == 0


def test_the_scope_does_not_stay_on_the_connection(own_database) -> None:
    with acting(System("test")):
        record("test.act", acting_user=System("test"))
        assert Audit.objects.count() == 1
    assert Audit.objects.count() == 0
    with psycopg.connect(own_database.url) as other:
        row = other.execute("select count(*) from staff_audit").fetchone()
        assert row == (0,)
