"""How many calls of one program are taken: so many a second, so many at once, in each process that serves.

One noisy program must not starve the others. The bounds are each process's own; with n processes a program gets at most n
times as much.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from yizhan.errors import Problem


@dataclass
class _Bucket:
    left: float
    filled_at: float
    in_work: int = 0


_LOCK = threading.Lock()
_BUCKETS: dict[Hashable, _Bucket] = {}


@contextmanager
def within(who: Hashable, *, a_second: int, at_once: int, refuse: Callable[[int], Problem]) -> Iterator[None]:
    """Take one call of this program, or raise what `refuse` makes of the seconds after which the next may be taken."""
    now = time.monotonic()
    with _LOCK:
        bucket = _BUCKETS.setdefault(who, _Bucket(a_second, now))
        bucket.left = min(float(a_second), bucket.left + (now - bucket.filled_at) * a_second)
        bucket.filled_at = now
        if bucket.left < 1 or bucket.in_work >= at_once:
            raise refuse(max(1, math.ceil((1 - bucket.left) / a_second)))
        bucket.left -= 1
        bucket.in_work += 1
    try:
        yield
    finally:
        with _LOCK:
            bucket.in_work -= 1
