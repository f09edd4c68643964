"""What goes back to the department: its own rows with the reason of each, and the template for the next list."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from yizhan.agency import crypto
from yizhan.agency.rosters.columns import template_columns
from yizhan.agency.rosters.models import FILE_PURPOSE, Roster, RosterFile, RosterRow
from yizhan.agency.rosters.reasons import text_of
from yizhan.agency.rosters.states import DECISIONS, ROW_STATES
from yizhan.agency.spreadsheets import Column, Sheet, Table, read_table, template_xlsx, write_xlsx
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.scope import Actor

REASON_ZH, REASON_EN = "退回原因", "Reason"


def write_returned(roster: Roster, target: BinaryIO, *, acting_user: Actor) -> int:
    """Write the rejected and left-out rows as a workbook, with all columns that were sent. Returns how many.

    The file holds full numbers: those that the department itself sent. Recorded as an export.
    """
    stored = RosterFile.objects.get(roster=roster)
    table = read_table(
        b64decode(crypto.unseal(stored.sealed, purpose=FILE_PURPOSE, row=str(roster.pk))), roster.file_name
    )
    wanted = returned_rows(roster)
    columns = [Column(name) for name in table.columns]
    write_xlsx(
        target,
        [
            Sheet(
                "退回 returned",
                [*columns, Column(REASON_ZH, width=50), Column(REASON_EN, width=50)],
                _rows(table, wanted),
            )
        ],
    )
    record("roster.returned_rows", roster, rows=len(wanted), acting_user=acting_user)
    return len(wanted)


def _rows(table: Table, wanted: dict[int, tuple[str, str]]) -> Iterator[tuple[str, ...]]:
    for number, cells in table.rows:
        if number in wanted:
            yield (*cells, *wanted[number])


def returned_rows(roster: Roster) -> dict[int, tuple[str, str]]:
    """Row of the file → its reasons in Chinese and English."""
    rows = RosterRow.objects.filter(roster=roster, number__isnull=False)
    rows = rows.filter(state="rejected") | rows.filter(decision__in=["exclude", "keep"])
    return {
        row.number or 0: (_why(row, "zh"), _why(row, "en"))
        for row in rows.only("number", "state", "reasons", "decision", "note")
    }


def _why(row: RosterRow, lang: str) -> str:
    joint = "；" if lang == "zh" else "; "
    pieces = [text_of(reason, lang, names=False) for reason in row.reasons]
    if row.decision:
        pieces.insert(0, getattr(DECISIONS[row.decision], lang))
    if not pieces:
        pieces = [getattr(ROW_STATES[row.state].words, lang)]
    if row.note:
        pieces.append(row.note)
    return joint.join(pieces)


def write_template(target: BinaryIO, *, kind: str, identities: Sequence[str]) -> None:
    """Write an empty list for these categories, with an explanation and lists to choose from."""
    template_xlsx(target, template_columns(kind, identities))
