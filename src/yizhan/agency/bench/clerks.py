"""Clerks at their windows: each a browser with a session of its own, settling one visit after another over HTTP.

Run as a process of its own, so that measuring takes little from what is measured:

    python -m yizhan.agency.bench.clerks <{"port": …, "seconds": …, "visits": [visit, …], "clerks": [cookies, …]}
    {"milliseconds": [of each settlement, …], "seconds": …, "processor_seconds": …, "other": [what was not answered with 303, …]}
"""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from urllib.parse import urlencode

HOST = "127.0.0.1"
TIMEOUT = 30.0
_COOKIE = re.compile(rb"^set-cookie: *([^=;\r\n]+)=([^;\r\n]*)", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(rb"^content-length: *([0-9]+)", re.IGNORECASE | re.MULTILINE)


class NotAnswered(Exception):
    """The connection ended before an answer was there: nobody knows whether the act took place."""


@dataclass(slots=True)
class Browser:
    """What a clerk's browser keeps: cookies, and one connection."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    _connection: socket.socket | None = None

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page. Raises NotAnswered."""
        return self._ask("GET", path, b"")

    def post(self, path: str, **form: str) -> tuple[int, str]:
        """Send a form with the token against forgery. Raises NotAnswered."""
        return self._ask("POST", path, urlencode({"csrfmiddlewaretoken": self.cookies["csrf"], **form}).encode())

    def send(self, path: str, body: bytes, headers: str) -> tuple[int, str]:
        """Send bytes with further header lines, each with its end. Raises NotAnswered."""
        return self._ask("POST", path, body, headers)

    def sign_in(self, username: str, password: str) -> bool:
        """Whether it could. Raises NotAnswered."""
        self.get("/sign-in")
        return self.post("/sign-in", username=username, password=password)[0] == 302

    def close(self) -> None:
        """Forget the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _ask(self, method: str, path: str, body: bytes, more: str = "") -> tuple[int, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {HOST}:{self.port}\r\nCookie: {cookies}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        )
        try:
            if self._connection is None:
                self._connection = socket.create_connection((HOST, self.port), timeout=TIMEOUT)
                self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection.sendall(head.encode() + body)
            return self._answer(self._connection)
        except OSError as error:
            self.close()
            raise NotAnswered(str(error)) from None
        except NotAnswered:
            self.close()
            raise

    def _answer(self, connection: socket.socket) -> tuple[int, str]:
        found = b""
        while b"\r\n\r\n" not in found:
            found += _more(connection)
        head, _, body = found.partition(b"\r\n\r\n")
        for name, value in _COOKIE.findall(head):
            self.cookies[name.decode()] = value.decode()
        length = _LENGTH.search(head)
        while length is not None and len(body) < int(length[1]):
            body += _more(connection)
        return int(head.split(b" ", 2)[1]), body.decode(errors="replace")


def _more(connection: socket.socket) -> bytes:
    if received := connection.recv(65536):
        return received
    raise NotAnswered("closed")


@dataclass(slots=True)
class Day:
    """What the clerks did: how long each settlement took, and what was not answered with 303."""

    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0
    processor_seconds: float = 0.0
    other: list[str] = field(default_factory=list)


def work(port: int, cookies: dict[str, str], visits: Iterator[int], until: float, day: Day) -> None:
    """Settle the next visit until there is none left, or the time (of `time.perf_counter`) has come."""
    browser = Browser(port, dict(cookies))
    while (begin := time.perf_counter()) < until and (visit := next(visits, None)) is not None:
        try:
            status, body = browser.post(f"/care/visits/{visit}/settle", message=f"bench-{visit}", expected="")
        except NotAnswered as error:
            status, body = 0, str(error)
        browser.cookies.pop("messages", None)  # the page after, which nobody opens here, would have shown them
        if status in (302, 303) and "/sign-in" not in body:
            day.milliseconds.append((time.perf_counter() - begin) * 1000)
        else:
            day.other.append(f"{status} {body[:2000]}")
    browser.close()


def spend(works: Sequence[Callable[[float, Day], None]], seconds: float) -> None:
    """Let all work at once, each until the time that it is told, and print their day. They are this process's only task."""
    day, begin = Day(), time.perf_counter()
    threads = [threading.Thread(target=work, args=(begin + seconds, day)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    day.seconds, day.processor_seconds = time.perf_counter() - begin, time.process_time()
    json.dump(asdict(day), sys.stdout)


def main() -> None:
    """The clerks of the job on standard input."""
    job = json.load(sys.stdin)
    visits = iter(job["visits"])
    spend([partial(work, job["port"], cookies, visits) for cookies in job["clerks"]], job["seconds"])


if __name__ == "__main__":
    main()
