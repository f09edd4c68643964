"""Mutated messages, drawn with a seed (`test_gateway_fuzz` plays them).

Each is a message of a real day with one to four things about it changed: bytes, JSON, fields, numbers of other persons,
visits and institutions. Whatever comes, the answer is an answer of the interface, no fault, and no more is written than
a message that was taken says.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

VALUES: tuple[Any, ...] = (
    None, "", " ", "0", "-1", -1, 0, 1.5, "1e9", 10**30, "9" * 400, "NaN", True, [], {}, [[]], [{}], {"a": {"b": 1}},
    "2026-02-30 10:00:00", "0001-01-01", "9999-12-31 23:59:59", "'; drop table care_visit; --", "%s%d{0}{field}", "𬭚䶮",
    "\u202e", "\ud800", "\x07", "A" * 5000, "01", "11", "21", "41", "52", "0000", "9223372036854775807", "9223372036854775808",
    "-0.00", "0.005", "99999999999999.99", "١٢٣", "１２３", "2304", "null", [None], [1, "a", None],
)  # fmt: skip


@dataclass
class Mutator:
    """Draws mutated messages from a stock of messages that were taken."""

    stock: Sequence[dict[str, Any]]
    others: Sequence[str]
    """Numbers of persons, visits, settlements and institutions that are another's."""
    draw: random.Random

    def next(self) -> bytes:
        """One body."""
        message = deepcopy(self.draw.choice(self.stock))
        message["msgid"] = f"F{self.draw.randrange(10**12)}" if self.draw.random() < 0.9 else message["msgid"]
        for _ in range(self.draw.choice((1, 1, 2, 3))):
            self.draw.choice(self._ways())(message)
        body = json.dumps(message).encode()
        return self._bytes(body) if self.draw.random() < 0.12 else body

    def _ways(self) -> list[Callable[[dict[str, Any]], None]]:
        return [
            self._set,
            self._set,
            self._set,
            self._drop,
            self._twin,
            self._swap,
            self._other,
            self._infno,
            self._wrap,
        ]

    def _place(self, value: Any) -> tuple[Any, Any] | None:
        """(container, key) of something inside; deeper things more often."""
        found: tuple[Any, Any] | None = None
        while isinstance(value, dict | list) and value:
            key = self.draw.choice(list(value)) if isinstance(value, dict) else self.draw.randrange(len(value))
            found = (value, key)
            value = value[key]
            if self.draw.random() < 0.15:
                break
        return found

    def _inside(self, message: dict[str, Any]) -> tuple[Any, Any]:
        inner = self._place(message["input"]) if self.draw.random() < 0.85 and "input" in message else None
        return inner or (message, self.draw.choice(list(message)))

    def _set(self, message: dict[str, Any]) -> None:
        container, key = self._inside(message)
        container[key] = deepcopy(self.draw.choice(VALUES))

    def _drop(self, message: dict[str, Any]) -> None:
        container, key = self._inside(message)
        if container is not message or key not in ("input", "infno", "msgid"):
            del container[key]

    def _twin(self, message: dict[str, Any]) -> None:
        container, key = self._inside(message)
        container[key] = [deepcopy(container[key])] * self.draw.randint(1, 3)

    def _swap(self, message: dict[str, Any]) -> None:
        message["input"] = deepcopy(self.draw.choice(self.stock)["input"])

    def _other(self, message: dict[str, Any]) -> None:
        container, key = self._inside(message)
        container[key] = self.draw.choice(self.others)

    def _infno(self, message: dict[str, Any]) -> None:
        message["infno"] = self.draw.choice(self.stock)["infno"]

    def _wrap(self, message: dict[str, Any]) -> None:
        message["input"] = json.dumps(message["input"]) if self.draw.random() < 0.5 else [message["input"]]

    def _bytes(self, body: bytes) -> bytes:
        found = bytearray(body)
        for _ in range(self.draw.randint(1, 6)):
            place = self.draw.randrange(len(found))
            way = self.draw.randrange(4)
            if way == 0:
                found[place] = self.draw.randrange(256)
            elif way == 1:
                del found[place : place + self.draw.randint(1, 9)]
            elif way == 2:
                found[place:place] = self.draw.choice(
                    (b"\x00", b"\xff", b'"', b"{", b"[" * 2000, b"\\u0000", b"e400", b"\xef\xbb\xbf")
                )
            else:
                found += found[:place]
            if not found:
                return b""
        return bytes(found)


@dataclass
class Outcome:
    """What came of many messages."""

    codes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, body: bytes, status: int, answer: bytes, foreign: Sequence[str]) -> str:
        """Look at one answer; returns its code, "" where it was taken."""
        try:
            said = json.loads(answer)
            code = "" if said["infcode"] == 0 else said["err_msg"].rpartition("[")[2].rstrip("]")
        except (ValueError, KeyError, AttributeError):
            said, code = None, "no answer"
        if status != 200 or code in ("no answer", "gateway_fault") or (said and len(said["err_msg"] or "") > 200):
            self.wrong.append(f"{status} {code}: {body[:1500]!r} → {answer[:300]!r}")
        if found := [
            one
            for one in foreign
            if one in answer.decode(errors="replace") and one not in body.decode(errors="replace")
        ]:
            self.wrong.append(f"another's data {found}: {body[:1500]!r}")
        self.codes[code] += 1
        return code
