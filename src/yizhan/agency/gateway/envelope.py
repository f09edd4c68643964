"""The message as bytes, and as what it says. Pure, and forgiving where real clients differ from the specification.

    read(body)                → Envelope      everything that the sender said, scalars as text
    Node(mapping).fen("pric")                 one field, in whatever form it came
    answer(…)                 → bytes         the envelope of the answer

Numbers stay text until a field is read: `20000.00` and `"20000"` are the same amount, and none passes through a float.
A key that occurs twice in one object is refused: two programs would read two amounts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from yizhan.agency.gateway.errors import FieldMissing, FieldWrong, MessageUnreadable
from yizhan.errors import Problem, Problems

LONGEST_NUMBER = 40
"""Characters of a message number: real ones have 17 to 31."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands around the input. `input` is a mapping, or text where the body is encrypted."""

    infno: str
    msgid: str
    institution: str
    operator: str
    operator_name: str
    sign_no: str
    enrolled_at: str
    input: Any
    whole: Mapping[str, Any] = field(repr=False)

    def text(self, name: str) -> str:
        """Another field of the envelope, "" where it is missing."""
        return _text(self.whole.get(name)) or ""


# --- Reading ----------------------------------------------------------------------------------------------------------


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)[:40].encode(errors="replace").decode()
        raise MessageUnreadable(why_zh=f"“{twice}”出现了两次", why_en=f"“{twice}” occurs twice")
    return found


def _no_constant(word: str) -> None:
    raise MessageUnreadable(why_zh=f"{word} 不是数", why_en=f"{word} is no number")


DEEPEST = 24
"""Levels of a message: real ones have five. What is deeper could be read here, and not by whoever looks at it later."""

_HALVES = re.compile(r"\\u[dD][89a-fA-F]")
"""Where half of a character may stand."""


def _too_deep(value: Any, left: int = DEEPEST) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left == 0 or any(_too_deep(one, left - 1) for one in inside if isinstance(one, dict | list))


class _AsText(dict[str, str]):
    """A number as it was written; short ones share one text, since a file may come as millions of them."""

    def __missing__(self, number: str) -> str:
        return number


_AS_TEXT = _AsText({str(k): str(k) for k in range(-128, 256)}).__getitem__
_OF_FILE = re.compile(rb'"infno"\s*:\s*"?9101"?')


def parsed(text: str) -> Any:
    """JSON with its numbers as text; no level too many, no null and no half of a character in it. Raises MessageUnreadable."""
    if "\\u0000" in text or "\0" in text:
        raise MessageUnreadable(why_zh="里面有空字符", why_en="it holds a null character")
    try:
        value = json.loads(
            text, parse_float=str, parse_int=_AS_TEXT, parse_constant=_no_constant, object_pairs_hook=_object
        )
        if _too_deep(value):
            raise RecursionError
        if _HALVES.search(text):
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError:
        raise MessageUnreadable(why_zh="嵌套太深", why_en="it is nested too deep") from None
    except UnicodeEncodeError:
        raise MessageUnreadable(
            why_zh="里面有半个字符（\\ud800 之类）", why_en="it holds half a character (such as \\ud800)"
        ) from None
    except ValueError as error:
        place = f"{getattr(error, 'lineno', '?')}:{getattr(error, 'colno', '?')}"
        raise MessageUnreadable(why_zh=f"JSON 在 {place} 处有误", why_en=f"its JSON is wrong at {place}") from None


def decoded(body: bytes, charset: str = "") -> str:
    """The text of a body: UTF-8, whatever the header says, unless it says a Chinese charset and means it."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        if charset.lower() in ("gbk", "gb2312", "gb18030"):
            return body.decode("gb18030", errors="replace")
        raise MessageUnreadable(why_zh="不是 UTF-8", why_en="it is not UTF-8") from None


LONGEST = 4 << 20
"""Bytes of a message without a file."""
MOST_NODES = 100_000


def read(body: bytes, charset: str = "") -> Envelope:
    """What a body says. Raises MessageUnreadable, and Problems with what is missing in the envelope."""
    # Nobody has shown yet who he is: what would take much memory is not even parsed.
    if len(body) > LONGEST and not _OF_FILE.search(body[:4096]):
        raise MessageUnreadable(why_zh="超过 4 MB，请分几次上传", why_en="it has more than 4 MB; send it in parts")
    if body.count(b"{") + body.count(b"[") > MOST_NODES:
        raise MessageUnreadable(why_zh=f"节点超过 {MOST_NODES} 个", why_en=f"it has more than {MOST_NODES} nodes")
    text = decoded(body, charset)
    return parsed_as_envelope(parsed(text))


def parsed_as_envelope(whole: Any) -> Envelope:
    """The envelope of a parsed body. Raises MessageUnreadable, Problems."""
    if not isinstance(whole, dict):
        raise MessageUnreadable(why_zh="最外层不是对象", why_en="it is no object")
    problems: list[Problem] = []
    node = Node(whole, problems)
    envelope = Envelope(
        infno=node.text("infno", need=True, most=8), msgid=node.text("msgid", need=True, most=LONGEST_NUMBER),
        institution=node.text("fixmedins_code", need=True, most=30), operator=node.text("opter", most=50),
        operator_name=node.text("opter_name", most=60), sign_no=node.text("sign_no", most=60),
        enrolled_at=node.text("insuplc_admdvs", most=12), input=whole.get("input"), whole=whole,
    )  # fmt: skip
    if problems:
        raise Problems(problems)
    return envelope


_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"


def member(text: str, name: str) -> str:
    """The value of a member of an object exactly as it was written: what a signature covers. "" where there is none."""
    place = text.find("{") + 1
    while 0 < place < len(text):
        place = _past(text, place, _SPACE + ",")
        if place >= len(text) or text[place] != '"':
            return ""
        key, place = _DECODER.raw_decode(text, place)
        begin = _past(text, place, _SPACE + ":")
        _, place = _DECODER.raw_decode(text, begin)
        if key == name:
            return text[begin:place]
    return ""


def _past(text: str, place: int, characters: str) -> int:
    while place < len(text) and text[place] in characters:
        place += 1
    return place


def stored(text: str) -> Any:
    """JSON of our own database, numbers as numbers."""
    return json.loads(text)


def said(envelope: Envelope, content: Any) -> bytes:
    """What a message asks, in one form: the same for a repeat, whose time, signature or sign-in may be others."""
    asked = {"infno": envelope.infno, "input": content}
    return json.dumps(asked, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()


# --- Fields -----------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str | None:
    """A scalar as text; "" where there is none; None for what is no scalar."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return value.strip() if isinstance(value, str) else None


_DECIMAL = re.compile(r"([+-]?)([0-9]{1,14})(?:\.([0-9]{0,12}))?")
_MOMENT = re.compile(
    r"([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})日?(?:[ T]?([0-9]{2}):?([0-9]{2})(?::?([0-9]{2}))?(?:\.[0-9]+)?(?:Z|[+-][0-9:]{5})?)?"
)


class Node:
    """One node of an input. Each reading notes what is wrong and goes on, so that all mistakes are reported together."""

    def __init__(self, mapping: Any, problems: list[Problem], name: str = "") -> None:
        self.mapping: Mapping[str, Any] = mapping if isinstance(mapping, dict) else {}
        self.problems = problems
        self.name = name

    def _at(self, name: str) -> str:
        return f"{self.name}.{name}" if self.name else name

    def _wrong(self, name: str, value: object, zh: str, en: str) -> None:
        shown = str(value)
        # What is wrong in a number of a person is not repeated whole.
        shown = shown if len(shown) <= 24 else f"{shown[:20]}…"
        self.problems.append(FieldWrong(field=self._at(name), value=shown, form_zh=zh, form_en=en))

    def text(self, name: str, *, need: bool = False, most: int = 4000) -> str:
        """A text; "" where there is none."""
        value = _text(self.mapping.get(name))
        if value is None:
            self._wrong(name, type(self.mapping[name]).__name__, "文本", "a text")
            return ""
        if any((ord(c) < 32 and c not in "\t\r\n") or 0xD800 <= ord(c) <= 0xDFFF for c in value):
            self._wrong(name, "…", "不含控制字符的文本", "a text without control characters")
            return ""
        if len(value) > most:
            self._wrong(name, value, f"不超过 {most} 字的文本", f"a text of at most {most} characters")
            return ""
        if need and not value:
            self.problems.append(FieldMissing(field=self._at(name)))
        return value

    def moment(self, name: str, *, need: bool = False) -> datetime | None:
        """An instant without a zone, in any of the forms that are sent; midnight where only a day is said. The first day of
        the calendar is what some programs write for nothing; its last one has no day after it.
        """
        value = self.text(name, need=need, most=40)
        if not value:
            return None
        match = _MOMENT.fullmatch(value)
        try:
            if match is None:
                raise ValueError
            found = datetime(*(int(part or 0) for part in match.groups()))  # type: ignore[arg-type]  # six of them
        except ValueError:
            found = datetime.max
        if found.year == date.min.year:
            if need:
                self.problems.append(FieldMissing(field=self._at(name)))
            return None
        if found.year == date.max.year:
            self._wrong(name, value, "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd HH:mm:ss")
            return None
        return found

    def day(self, name: str, *, need: bool = False) -> date | None:
        """A day, also where an instant is said."""
        found = self.moment(name, need=need)
        return found.date() if found else None

    def until(self, name: str) -> date | None:
        """The last day of a period; None where it has no end, which some write as the end of time."""
        return None if self.text(name, most=40).startswith("9999") else self.day(name)

    def scaled(self, name: str, places: int, *, need: bool = False) -> int | None:
        """A decimal as a whole number of 10^-places. More decimals are refused unless they are zeros."""
        found = self.decimal(name, need=need)
        if found is None:
            return None
        digits, decimals = found
        if decimals > places and digits % 10 ** (decimals - places):
            self._wrong(name, self.mapping[name], f"最多 {places} 位小数", f"a number with at most {places} decimals")
            return None
        return digits * 10 ** (places - decimals) if decimals <= places else digits // 10 ** (decimals - places)

    def decimal(self, name: str, *, need: bool = False) -> tuple[int, int] | None:
        """A decimal as (digits, how many of them are decimals)."""
        value = self.text(name, need=need, most=40)
        if not value:
            return None
        match = _DECIMAL.fullmatch(value)
        if match is None:
            self._wrong(name, value, "数字", "a number")
            return None
        sign, whole, decimals = match[1], match[2], match[3] or ""
        number = int(whole + decimals)
        return (-number if sign == "-" else number), len(decimals)

    def fen(self, name: str, *, need: bool = False) -> int | None:
        """An amount in yuan, as fen."""
        return self.scaled(name, 2, need=need)

    def count(self, name: str, *, need: bool = False) -> int | None:
        """A whole number."""
        return self.scaled(name, 0, need=need)

    def nodes(self, name: str) -> list[Node]:
        """The nodes of a list, also where a single one is sent instead."""
        value = self.mapping.get(name)
        found = value if isinstance(value, list) else [] if value in (None, "") else [value]
        return [Node(one, self.problems, f"{self._at(name)}[{k}]") for k, one in enumerate(found)]

    def node(self, name: str) -> Node:
        """A single node, also where a list of one is sent instead."""
        found = self.nodes(name)
        return Node(found[0].mapping if found else {}, self.problems, self._at(name))


def input_of(content: Any, problems: list[Problem]) -> Node:
    """The root of an input. Some clients send JSON as a text."""
    if isinstance(content, str) and content.strip().startswith("{"):
        content = parsed(content)
    return Node(content, problems, "")


# --- Answering --------------------------------------------------------------------------------------------------------

LONGEST_REFUSAL = 200
"""Characters of err_msg; hospitals' systems keep it in a column of this length."""


def refusal_text(problems: Sequence[Problem], lang: str) -> str:
    """All that was refused in one text, led by the most telling and closed by its code."""
    joint = "；" if lang == "zh" else "; "
    text, code = joint.join(p.text(lang) for p in problems), f"[{problems[0].code}]"
    room = LONGEST_REFUSAL - len(code)
    return (text if len(text) <= room else f"{text[: room - 1]}…") + code


def answer(
    *,
    reference: str | None,
    received: datetime,
    answered: datetime,
    output: Any = None,
    warning: str | None = None,
    problems: Sequence[Problem] = (),
    lang: str = "zh",
    as_text: bool = False,
    enctype: str | None = None,
) -> bytes:
    """The envelope of an answer. `as_text` writes infcode as text, as some clients expect it."""
    code: int | str = -1 if problems else 0
    return json.dumps(
        {
            "infcode": str(code) if as_text else code,
            "inf_refmsgid": reference,
            "refmsg_time": _stamp(received),
            "respond_time": _stamp(answered),
            "enctype": enctype,
            "signtype": None,
            "cainfo": None,
            "warn_msg": warning,
            "err_msg": refusal_text(problems, lang) if problems else None,
            "output": None if problems else output,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def _stamp(at: datetime) -> str:
    """yyyyMMddHHmmssSSS."""
    return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"


def yuan(fen: int) -> float:
    """Fen as the number of yuan of an answer. The nearest float of a decimal with two places prints as that decimal."""
    return fen / 100
