"""A hospital's own system at work: it settles one stay after another over the national interface, each message signed.

Run as a process of its own, as the clerks are (`bench.clerks`), whose answer has the same form:

    python -m yizhan.agency.bench.hospitals <{"port", "seconds", "at_once", "institution", "key_id", "secret",
                                              "stays": [[visit, person, yuan], …]}
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from yizhan.agency.bench.clerks import Browser, Day, NotAnswered, spend
from yizhan.agency.gateway.sending import message, signed

ADDRESS = "/fsi/api/rsfComIfsService/callService"


def work(job: dict[str, Any], stays: Iterator[list[Any]], until: float, day: Day) -> None:
    """Settle the next stay until there is none left, or the time (of `time.perf_counter`) has come."""
    line = Browser(job["port"])
    while time.perf_counter() < until and (stay := next(stays, None)) is not None:
        body = message(job["institution"], *stay)
        headers = signed(body, key_id=job["key_id"], secret=job["secret"], at=int(time.time()))
        begin = time.perf_counter()
        try:
            status, answer = line.send(ADDRESS, body, headers)
        except NotAnswered as error:
            status, answer = 0, str(error)
        if status == 200 and '"infcode":0' in answer:
            day.milliseconds.append((time.perf_counter() - begin) * 1000)
        else:
            day.other.append(f"{status} {answer[:2000]}")
    line.close()


def main() -> None:
    """As many messages under way as the job on standard input says."""
    job = json.load(sys.stdin)
    stays = iter(job["stays"])
    spend([partial(work, job, stays)] * job["at_once"], job["seconds"])


if __name__ == "__main__":
    main()
