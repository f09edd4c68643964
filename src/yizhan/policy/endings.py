"""Documents that end and have no successor: what stands in them is paid until then, and by nothing afterwards. Pure.

Nothing stops a bill after the last day of a document as long as the area's choices（scheme.md）go on: its rules just hold no
more. That may be right, or somebody forgot to enter what came after; only people know, so they are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from yizhan.engine.scheme import DocumentFacts, Scheme

SOON_DAYS = 90
"""Days before its last day from which a document is said to end soon. The bureau's own choice: no document asks for it."""


def without_successor(scheme: Scheme) -> Iterator[DocumentFacts]:
    """Documents proper（正文）with a last day, after which no other document proper of the area or above begins."""
    texts = [d for d in scheme.documents if d.nature == "正文"]
    latest = max((d.begins_on for d in texts), default=date.min)
    return (d for d in texts if d.ends_on is not None and d.begins_on == latest)


def ended(scheme: Scheme, on: date) -> tuple[DocumentFacts, ...]:
    """Those whose last day lies before `on`."""
    return tuple(d for d in without_successor(scheme) if d.ends_on is not None and d.ends_on < on)


def ending(scheme: Scheme, on: date) -> tuple[DocumentFacts, ...]:
    """Those that end within `SOON_DAYS` from `on`."""
    days = ((d, (d.ends_on - on).days) for d in without_successor(scheme) if d.ends_on is not None)
    return tuple(d for d, left in days if 0 <= left <= SOON_DAYS)
