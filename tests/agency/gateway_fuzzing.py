"""Mutated messages, drawn with a seed (`test_gateway_fuzz` plays them).

Each is a message of a real day with one to four things about it changed: bytes, JSON, fields, amounts, days, numbers of other
persons, visits and institutions. Whatever comes, the answer is an answer of the interface, no fault, and no more is written
than a message that was taken says.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

VALUES: tuple[Any, ...] = (
    None, "", " ", "0", "-1", -1, 0, 1.5, "1e9", 10**30, "9" * 400, "NaN", True, [], {}, [[]], [{}], {"a": {"b": 1}},
    "2026-02-30 10:00:00", "0001-01-01", "9999-12-31 23:59:59", "'; drop table care_visit; --", "%s%d{0}{field}", "𬭚䶮",
    "\u202e", "\ud800", "\x07", "A" * 5000, "01", "11", "21", "41", "52", "0000", "9223372036854775807", "9223372036854775808",
    "-0.00", "0.005", "99999999999999.99", "١٢٣", "１２３", "2304", "null", [None], [1, "a", None], "\x7f\x85\u2028\ufeff",
    "e\u0301" * 50, "\U0010ffff", "，" * 300, "../../etc/passwd", "a\r\nx-injected: 1", "<script>alert(1)</script>", "\t\n",
    "2147483648", "-9223372036854775809", ".5", "5.", "+1", "--1", "0x10", "1_000", "1,000.00", "1e-9", "0.00000000000001",
    "999999999999999999", {"": ""}, {"data": {"data": []}}, [[[[[[{}]]]]]], "{", "[1", "{}", "{\"data\":{}}", "|", "a|b|c",
)  # fmt: skip

DAYS = (
    "0000-00-00", "0001-01-01 00:00:00", "1582-10-10", "1899-12-31", "2024-02-29", "2023-02-29", "2026-13-01", "20260101",
    "2026/1/1", "2026年1月1日", "9999-12-31", "10000-01-01", "2026-01-01 24:00:00", "2026-01-01 23:59:60", "2026-01-01T10:00",
    "2026-01-01 10:00:00.123+08:00", "99999999999", "today", "2100-01-01", "1900-01-01", "2026-1", "٢٠٢٦-٠١-٠١",
)  # fmt: skip

RAW: tuple[str, ...] = (
    "NaN", "Infinity", "-Infinity", "1e999999", "-1E400", "9" * 5000, "-0", "1." + "0" * 3000 + "1", "[" * 900 + "]" * 900,
    '{"a":' * 900 + "1" + "}" * 900, "[" * 40_000, '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\u0001"', "[1,]",
    '{"a":1,"a":2}', '{"\\ud83d":1,"\\ud83d":2}', '{"\\ud83d":1}', "nul", "'x'", '"' + "长" * 20_000 + '"', "0.1e-400", "00", "+1",
    '"\\', "[" + "{}," * 3000 + "{}]", "[" + '"",' * 3000 + '""]', "{}" * 2, "/* */", "\u00a0",
)  # fmt: skip
"""Texts that stand where a value of JSON should: not all of them are one."""

_MARK = "\ue000raw{}\ue000"
_MARKED = re.compile('"\ue000raw([0-9]+)\ue000"')


@dataclass
class Mutator:
    """Draws mutated messages from a stock of messages that were taken."""

    stock: Sequence[dict[str, Any]]
    theirs: Mapping[str, Sequence[str]]
    """Name of a field → numbers that are another's: persons, visits, settlements, files, filings, institutions."""
    draw: random.Random

    def next(self) -> bytes:
        """One body."""
        message = deepcopy(self.draw.choice(self.stock))
        message["msgid"] = f"F{self.draw.randrange(10**12)}" if self.draw.random() < 0.9 else message["msgid"]
        for _ in range(self.draw.choice((1, 1, 2, 3))):
            self.draw.choice(self._ways())(message)
        text = json.dumps(message, ensure_ascii=self.draw.random() < 0.5)
        text = _MARKED.sub(lambda found: RAW[int(found[1])], text.replace("\\ue000", "\ue000"))
        if self.draw.random() < 0.03:
            text = self._twice(text)
        body = text.encode("utf-8", errors="surrogatepass")
        return self._bytes(body) if self.draw.random() < 0.12 else body

    def _twice(self, text: str) -> str:
        """A key twice in one object, with two values."""
        name = self.draw.choice(re.findall(r'"[a-z_]+": ', text) or [""])
        return text.replace(name, f'{name}"1", {name}', 1) if name else text

    def _ways(self) -> list[Callable[[dict[str, Any]], None]]:
        return [
            self._set, self._set, self._set, self._drop, self._twin, self._swap, self._other, self._other, self._infno, self._wrap,
            self._raw, self._day, self._amount, self._amount, self._key, self._envelope, self._empty,
        ]  # fmt: skip

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

    def _leaves(self, value: Any, like: Callable[[str, Any], bool]) -> list[tuple[Any, Any]]:
        """(container, key) of everything inside whose name and value are so."""
        found: list[tuple[Any, Any]] = []
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, one in pairs:
            if isinstance(one, dict | list):
                found += self._leaves(one, like)
            elif like(str(key), one):
                found.append((value, key))
        return found

    def _set(self, message: dict[str, Any]) -> None:
        container, key = self._inside(message)
        container[key] = deepcopy(self.draw.choice(VALUES))

    def _raw(self, message: dict[str, Any]) -> None:
        container, key = self._inside(message)
        container[key] = _MARK.format(self.draw.randrange(len(RAW)))

    def _day(self, message: dict[str, Any]) -> None:
        if places := self._leaves(message.get("input"), lambda name, _: bool(re.search("time|date|ym$", name))):
            container, key = self.draw.choice(places)
            container[key] = self.draw.choice(DAYS)

    def _amount(self, message: dict[str, Any]) -> None:
        """Another sign, size or precision of what is a number."""
        number = re.compile(r"-?[0-9]{1,12}(\.[0-9]+)?")
        places = self._leaves(message.get("input"), lambda _, v: bool(number.fullmatch(str(v))) and v is not True)
        if places:
            container, key = self.draw.choice(places)
            said = str(container[key])
            container[key] = self.draw.choice((
                f"-{said}", said + "0", "0", f"{said}.001", f"{said}9999999999", f"0{said}", said[:-1] or "1", f" {said} ",
                f"{said}e2", "0.01", "-0.01",
            ))  # fmt: skip

    def _key(self, message: dict[str, Any]) -> None:
        """A name that nobody knows, or one twice over."""
        container, _ = self._inside(message)
        if isinstance(container, dict):
            name = self.draw.choice(
                ("", "\ud800", "\x00", "exp_content", "A" * 3000, "psn_no ", "PSN_NO", "__class__", "名")
            )
            container[name] = deepcopy(self.draw.choice(VALUES))

    def _envelope(self, message: dict[str, Any]) -> None:
        name = self.draw.choice(
            [name for name in message if name != "input"] + ["enc_type", "cainfo", "sign_no", "signtype"]
        )
        message[name] = deepcopy(self.draw.choice(VALUES))

    def _empty(self, message: dict[str, Any]) -> None:
        """A node without anything in it, or no node at all."""
        content = message.get("input")
        if isinstance(content, dict) and content:
            content[self.draw.choice(list(content))] = self.draw.choice(({}, [], [{}, {}], None, "", [[]], "null"))

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
        """Another's number: where such a number stands, or anywhere."""
        places = self._leaves(message, lambda name, _: name in self.theirs)
        container, key = self.draw.choice(places) if places and self.draw.random() < 0.8 else self._inside(message)
        name = key if key in self.theirs else self.draw.choice(list(self.theirs))
        container[key] = self.draw.choice(self.theirs[name])

    def _infno(self, message: dict[str, Any]) -> None:
        message["infno"] = self.draw.choice(self.stock)["infno"]

    def _wrap(self, message: dict[str, Any]) -> None:
        message["input"] = json.dumps(message.get("input")) if self.draw.random() < 0.5 else [message.get("input")]

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
    taken: Counter[str] = field(default_factory=Counter)
    """Of what was taken, by transaction."""
    wrong: list[str] = field(default_factory=list)

    def note(self, body: bytes, status: int, kind: str, answer: bytes, foreign: Sequence[str]) -> str:
        """Look at one answer; returns its code, "" where it was taken."""
        try:
            file = kind == "application/octet-stream"
            said: dict[str, Any] | None = json.loads('{"infcode":0,"err_msg":""}' if file else answer)
            assert said is not None
            code = "" if said["infcode"] == 0 else said["err_msg"].rpartition("[")[2].rstrip("]")
        except (ValueError, KeyError, AttributeError):
            said, code = None, "no answer"
        if status != 200 or code in ("no answer", "gateway_fault") or (said and len(said["err_msg"] or "") > 200):
            self.wrong.append(f"{status} {code}: {body[:600]!r} → {answer[:500].decode(errors='replace')}")
        text, asked = answer.decode(errors="replace"), body.decode(errors="replace")
        if found := [one for one in foreign if one in text and one not in asked]:
            self.wrong.append(f"another's data {found}: {body[:1500]!r} → {text[:600]}")
        self.codes[code] += 1
        if not code and (named := re.search(r'"infno": "([0-9A-Z]{4,5})"', asked)):
            self.taken[named[1]] += 1
        return code
