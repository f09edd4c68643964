"""Sealing the audit trail: rows in batches, each batch chained to the one before, so that nothing can be changed unseen.

A row carries the id of the transaction that wrote it. What lies below the oldest transaction still running can grow no
more, so it can be sealed without making writers wait for one another: each row's digest becomes a leaf, and the seal's
root is the digest of the root before, of the batch and of its leaves. The head, printed daily and kept elsewhere, shows
when the end of the chain was cut off.

A database restored elsewhere counts its transactions anew: the seals then begin another epoch, named by the server's
own identifier. Rows of the last moments before a seal are protected by the database's guards alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.db import connection
from django.utils import timezone

from yizhan.agency import crypto
from yizhan.agency.desk.words import Words
from yizhan.agency.staff.models import AuditLeaf, AuditSeal
from yizhan.agency.staff.scope import System, acting

SEALER = System("audit seals")
_ONE_SEALER = 0x5EA1
"""Key of the advisory lock."""
_GENESIS = bytes(32)
_COLUMNS = "id, xid::text, at, officer_id, officer_name, source, act, outcome, object_kind, object_id, person_id, area_path, detail::text"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not agree with its seal. `row` is None where the seal itself is wrong."""

    seal: int
    row: int | None
    words: Words

    def __str__(self) -> str:
        return f"#{self.seal}{f' / {self.row}' if self.row is not None else ''}: {self.words}"


def seal() -> AuditSeal | None:
    """Seal what is finished and not sealed yet. None: nothing to seal, or somebody else is at it."""
    with acting(SEALER), connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [_ONE_SEALER])
        if not cursor.fetchone()[0]:
            return None
        # In a statement before the rows are read: whatever has a smaller id is finished by then.
        cursor.execute(
            "select pg_snapshot_xmin(pg_current_snapshot())::text, system_identifier::text from pg_control_system()"
        )
        to_xid, server = cursor.fetchone()
        last = AuditSeal.objects.order_by("-number").first()
        epoch, from_xid = _epoch(last, server, to_xid)
        cursor.execute(
            f"select {_COLUMNS} from staff_audit a where xid >= %s::xid8 and xid < %s::xid8 and not exists"
            " (select 1 from staff_auditleaf l where l.audit_id = a.id) order by xid, id",
            [from_xid, to_xid],
        )
        leaves = [(row[0], _digest_of_row(row)) for row in cursor.fetchall()]
        if not leaves:
            return None
        sealed = AuditSeal(
            number=last.number + 1 if last else 1, epoch=epoch, from_xid=from_xid, to_xid=to_xid, rows=len(leaves),
            previous=bytes(last.root) if last else _GENESIS, sealed_at=timezone.now(),
        )  # fmt: skip
        sealed.root = _root(sealed, leaves)
        sealed.save()
        cursor.execute(
            "insert into staff_auditleaf (audit_id, seal_id, digest) select row, %s, digest"
            " from unnest(%s::bigint[], %s::bytea[]) as leaf (row, digest)",
            [sealed.pk, [row for row, _ in leaves], [digest for _, digest in leaves]],
        )
    return sealed


def verify(head: str = "") -> list[Fault]:
    """Compare the whole trail with its seals. Empty: it is as it was sealed.

    `head` is a line of `head()` that was kept elsewhere: with it, a chain whose end was cut off is found too.
    """
    faults: list[Fault] = []
    previous, expected = _GENESIS, 1
    roots: dict[int, str] = {}
    with acting(SEALER):
        for sealed in AuditSeal.objects.order_by("number").iterator():
            number = sealed.number
            if number != expected:
                faults.append(Fault(number, None, Words("前面缺封存", "seals before it are missing")))
            if bytes(sealed.previous) != previous:
                faults.append(Fault(number, None, Words("与前一封存不相连", "it does not follow the seal before")))
            leaves = [(leaf.audit_id, bytes(leaf.digest)) for leaf in _leaves(sealed)]
            if len(leaves) != sealed.rows or _root(sealed, leaves) != bytes(sealed.root):
                faults.append(Fault(number, None, Words("封存或其摘要被改", "the seal or its leaves were changed")))
            faults += _row_faults(number, leaves)
            previous, expected = bytes(sealed.root), number + 1
            roots[number] = previous.hex()
        faults += _added_rows()
    if head:
        number, root = _read_head(head)
        if roots.get(number) != root:
            faults.append(
                Fault(
                    number,
                    None,
                    Words(
                        "与保存在别处的链头不符：链被截断或改写",
                        "it differs from the head kept elsewhere: the chain was cut or rewritten",
                    ),
                )
            )
    return faults


def head() -> str:
    """One line to print and keep elsewhere: number, time, server, root. "" before the first seal."""
    last = AuditSeal.objects.order_by("-number").first()
    if last is None:
        return ""
    sealed_at = timezone.localtime(last.sealed_at).isoformat(timespec="seconds")
    return f"{last.number} {sealed_at} {last.epoch} {bytes(last.root).hex()}"


def unsealed() -> int:
    """How many rows wait for a seal."""
    with acting(SEALER), connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from staff_audit a where not exists (select 1 from staff_auditleaf l where l.audit_id = a.id)"
        )
        return cursor.fetchone()[0]


def _read_head(line: str) -> tuple[int, str]:
    parts = line.split()
    try:
        return int(parts[0]), parts[-1]
    except (IndexError, ValueError):
        return 0, ""


def _epoch(last: AuditSeal | None, server: str, to_xid: str) -> tuple[str, str]:
    """The epoch that now runs, and the transaction from which its next seal reads."""
    if last is None:
        return f"{server}.1", "0"
    its_server, _, count = last.epoch.partition(".")
    if its_server == server and int(last.to_xid) <= int(to_xid):
        return last.epoch, last.to_xid
    return f"{server}.{int(count) + 1}", "0"


def _leaves(sealed: AuditSeal) -> Iterator[AuditLeaf]:
    return sealed.leaves.order_by("audit_id").iterator(chunk_size=5_000)


def _root(sealed: AuditSeal, leaves: Iterable[tuple[int, bytes]]) -> bytes:
    said = f"{sealed.number} {sealed.epoch} {sealed.from_xid} {sealed.to_xid} {sealed.rows}".encode()
    body = b"".join(row.to_bytes(8, "big") + digest for row, digest in sorted(leaves))
    return crypto.sm3(bytes(sealed.previous) + len(said).to_bytes(2, "big") + said + body)


def _digest_of_row(row: tuple[Any, ...]) -> bytes:
    at = row[2].astimezone(UTC).isoformat(timespec="microseconds")
    pieces = [b"-" if value is None else b"+" + str(value).encode() for value in (*row[:2], at, *row[3:])]
    return crypto.sm3(b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces))


def _row_faults(number: int, leaves: list[tuple[int, bytes]]) -> Iterator[Fault]:
    for start in range(0, len(leaves), 5_000):
        part = dict(leaves[start : start + 5_000])
        with connection.cursor() as cursor:
            cursor.execute(f"select {_COLUMNS} from staff_audit where id = any(%s)", [list(part)])
            found = {row[0]: _digest_of_row(row) for row in cursor.fetchall()}
        for row, digest in part.items():
            if row not in found:
                yield Fault(number, row, Words("这一行被删除", "this row was removed"))
            elif found[row] != digest:
                yield Fault(number, row, Words("这一行被改动", "this row was changed"))


def _added_rows() -> list[Fault]:
    """Rows that pretend to be of a time that was already sealed."""
    last = AuditSeal.objects.order_by("-number").first()
    if last is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "select id from staff_audit a where xid < %s::xid8 and not exists"
            " (select 1 from staff_auditleaf l where l.audit_id = a.id) order by id",
            [last.to_xid],
        )
        found = [row[0] for row in cursor.fetchall()]
    return [
        Fault(last.number, row, Words("这一行是封存后补进去的", "this row was slipped in after the seal"))
        for row in found
    ]
