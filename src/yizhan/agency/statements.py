"""Plain SQL for what runs with every bill: planned once a connection, and read into and written from models.

Django writes the values into the text of each statement, so the database plans it anew every time, and building the text
takes longer than answering it. That is the right price everywhere but on the few statements of a settlement.

A plan is kept by the connection. A pooler that hands connections on after each transaction has to know prepared
statements: PgBouncer does since 1.21 (docs/operations.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper
from django.db.models.expressions import DatabaseDefault, Value


@contextmanager
def prepared() -> Iterator[CursorWrapper]:
    """A cursor whose statements are prepared: values go beside the text, which is planned once and then only run.

    A parameter whose type the statement does not tell needs a cast (`%s::date`).
    """
    database = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    bound = ServerBindingCursor(database.connection)  # type: ignore[call-arg]  # a cursor of psycopg; not in the stubs
    with database._prepare_cursor(bound) as cursor:  # type: ignore[attr-defined]  # what database.cursor() does
        yield cursor


Row = TypeVar("Row", bound=models.Model)


class Columns(Generic[Row]):
    """The columns of a model in a statement: `sql` for its `select`, and the instance that their values make."""

    def __init__(self, model: type[Row], alias: str) -> None:
        fields = model._meta.concrete_fields
        self.sql = ", ".join(f'{alias}."{field.column}"' for field in fields)
        self._model = model
        self._names = [field.attname for field in fields]
        self._fields = fields

    def read(self, values: Iterator[Any]) -> Row | None:
        """The instance of the next values; None where an outer join found no row."""
        found = list(islice(values, len(self._names)))
        if found[0] is None:
            return None
        database = connections[DEFAULT_DB_ALIAS]
        for place, field in enumerate(self._fields):
            for convert in field.get_db_converters(database):
                found[place] = convert(found[place], Value(None), database)
        return self._model.from_db(DEFAULT_DB_ALIAS, self._names, found)


def insert(rows: Sequence[models.Model]) -> None:
    """Write rows of one model in one statement. What is left to a default of the database stays out of it."""
    if not rows:
        return
    fields = [
        field
        for field in rows[0]._meta.concrete_fields
        if not isinstance(getattr(rows[0], field.attname), DatabaseDefault)
        and not (field.primary_key and rows[0].pk is None)
    ]
    database = connections[DEFAULT_DB_ALIAS]
    values = [field.get_db_prep_save(getattr(row, field.attname), database) for row in rows for field in fields]
    with prepared() as cursor:
        cursor.execute(_insert(rows[0]._meta.db_table, tuple(field.column for field in fields), len(rows)), values)
    for row in rows:
        row._state.adding = False


@lru_cache(maxsize=256)
def _insert(table: str, columns: tuple[str, ...], rows: int) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    places = f"({', '.join(['%s'] * len(columns))})"
    return f'insert into "{table}" ({names}) values {", ".join([places] * rows)}'
