"""How many messages of one institution are taken: so many a second, so many at once, in each process that serves.

One noisy hospital must not starve the others. The bounds are each process's own; with n processes an institution gets at
most n times as much.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from yizhan.agency.gateway.errors import TooManyMessages


@dataclass
class _Bucket:
    left: float
    filled_at: float
    in_work: int = 0


_LOCK = threading.Lock()
_BUCKETS: dict[int, _Bucket] = {}


@contextmanager
def within(institution_id: int, *, a_second: int, at_once: int) -> Iterator[None]:
    """Take one message, or raise TooManyMessages."""
    now = time.monotonic()
    with _LOCK:
        bucket = _BUCKETS.setdefault(institution_id, _Bucket(a_second, now))
        bucket.left = min(float(a_second), bucket.left + (now - bucket.filled_at) * a_second)
        bucket.filled_at = now
        if bucket.left < 1 or bucket.in_work >= at_once:
            raise TooManyMessages
        bucket.left -= 1
        bucket.in_work += 1
    try:
        yield
    finally:
        with _LOCK:
            bucket.in_work -= 1
