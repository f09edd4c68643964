"""Evidence: papers that are handed in for a filing, sealed, and opened for who may see them."""

from __future__ import annotations

import os
import tempfile
from base64 import b64decode, b64encode
from datetime import date
from pathlib import Path

from django.db import connection

from yizhan.agency import crypto
from yizhan.agency.filings.actions.filing import add_step, locked, moved, not_its_turn
from yizhan.agency.filings.errors import EvidenceLate, EvidenceUnreadable
from yizhan.agency.filings.kinds import OPEN
from yizhan.agency.filings.models import Evidence, Filing
from yizhan.agency.spreadsheets.reading import scan
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, demand

PURPOSE = "filing.evidence"
MOST_BYTES = 5 << 20
MOST_PAPERS = 12
_SIGNS = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


def add_evidence(filing: Filing, *, name: str, content: bytes, on: date, acting_user: Officer) -> Evidence:
    """Hand in a paper while nothing is decided; an emergency that waits for it goes to the bureau.

    Raises NotFound, EvidenceUnreadable, EvidenceLate, NotItsTurn, Problems where the bureau's scanner objects.
    """
    demand(acting_user, Right.FILING_MAKE)
    with acting(acting_user):
        row = locked(filing, acting_user=acting_user, maker=True)
        act = ("补交证明", "hand in evidence")
        if row.state not in OPEN:
            raise not_its_turn(row, act)
        if row.lapsed_on(on):
            raise EvidenceLate(due=row.due_on)
        kind = next((kind for sign, kind in _SIGNS.items() if content.startswith(sign)), "")
        if not kind or len(content) > MOST_BYTES or row.evidence.count() >= MOST_PAPERS:
            raise EvidenceUnreadable(name=name[:60], most=MOST_BYTES >> 20, papers=MOST_PAPERS)
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            scan(Path(file.name), os.environ.get("YIZHAN_SCAN_COMMAND", ""))
        with connection.cursor() as cursor:
            cursor.execute("select nextval('filings_evidence_id_seq')")
            key = cursor.fetchone()[0]
        sealed = crypto.seal(b64encode(content).decode("ascii"), purpose=PURPOSE, row=f"{row.pk}.{key}")
        made = Evidence.objects.create(
            pk=key, filing=row, name=name[-120:], kind=kind, bytes=len(content), sealed=sealed, added_by=acting_user,
        )  # fmt: skip
        if row.state == "evidence":
            row = moved(row, "decision", act=act)
        add_step(row, "evidence", words=name, acting_user=acting_user)
        record("filing.evidence", row, person_id=row.person_id, bytes=len(content), acting_user=acting_user)
        return made


def open_evidence(evidence: Evidence, *, acting_user: Officer) -> bytes:
    """A paper's content, recorded as seen. Raises crypto.SealBroken where it was moved or altered."""
    demand(acting_user, Right.FILING_SEE)
    with acting(acting_user):
        record("filing.see_evidence", evidence.filing, person_id=evidence.filing.person_id, acting_user=acting_user)
        row = f"{evidence.filing_id}.{evidence.pk}"
        return b64decode(crypto.unseal(evidence.sealed, purpose=PURPOSE, row=row))
