"""Numbers that the law prints: found in a text, understood, and looked for in the rules.

    numbers(text)                    every amount, percentage, date and count of a text, with its meaning
    Article prose  ──┐
    official text  ──┼── numbers ──  must all be among  ──  spoken(…): what rules, readings and notes say
    the words of     │
    a stretch 不建模 ─┘   (left out of the official text)

Two numbers are the same when they mean the same: `3万`, `3万元` and `30,000元`; `50%`, `减半` and `按50%`; `5%` and `5个百分点`
(which of the two is meant is a matter for a reading, see `READINGS`); `2019年1月1日` and `2019-01-01`; `11家` and a list of
eleven hospitals. Whether a number is *right* only a person can say; whether it was forgotten, this file can.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from yizhan.policy.document import Article, Document, Listing, Mapping, Node, Text

UNIT = 10**6
"""Amounts of yuan, percent and things are counted in millionths, so that 0.2 % is a whole number too."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number: `kind` is money, ratio, date, day (of any year), year or count; `unit` the measure word of a count.

    Numbers are equal when they mean the same, whatever their `text`; `word` marks 减半 and the like.
    """

    kind: str
    value: int
    unit: str = ""
    text: str = field(default="", compare=False)
    start: int = field(default=0, compare=False)
    word: bool = field(default=False, compare=False)


# --- Reading numbers --------------------------------------------------------------------------------------------------

_DIGITS = r"(?<![0-9.,])(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?"
_HAN = "[一二三四五六七八九十两][零〇一二两三四五六七八九十百千]*"
_WORDS = {"减半": 50, "一半": 50, "翻倍": 200, "翻一番": 200}
_HAN_SEVERAL = "(?<![几数第])(?:[二两三四五六七八九]十?|十)[一二三四五六七八九]?"
_MEASURES = "种|类|家|次|周?岁|天|个月|年|人"

_NUMBER = re.compile(
    "|".join((
        r"(?P<year>(?<![0-9])[12][0-9]{3})\s*年\s*(?P<month>[0-9]{1,2})\s*月\s*(?P<dom>[0-9]{1,2})\s*日",
        r"(?P<iso>(?<![0-9])[12][0-9]{3}-[0-9]{2}-[0-9]{2}(?![0-9]))",
        r"(?P<md>(?<![0-9年])[0-9]{1,2})\s*月\s*(?P<mdd>[0-9]{1,2})\s*日",
        rf"(?P<percent>{_DIGITS})\s*[%％]",
        rf"百分之(?P<hundredths>{_DIGITS}|{_HAN})",
        rf"(?P<points>{_DIGITS}|{_HAN})\s*个\s*百分点",
        rf"(?P<yuan>{_DIGITS})\s*(?P<scale>[百千万亿]{{0,2}})\s*元",
        r"(?P<han_yuan>[一二三四五六七八九十两][零〇一二两三四五六七八九十百千万亿]*)元",
        rf"(?P<bare>{_DIGITS})\s*(?P<bare_scale>[万亿])(?!\s*(?:{_MEASURES}|余|多|户|名|个|平方|吨|千瓦))",
        r"(?P<whole_year>(?<![0-9])[12][0-9]{3})\s*年",
        rf"(?P<count>{_DIGITS})\s*(?P<count_scale>万?)\s*(?P<measure>{_MEASURES})",
        rf"(?P<several>{_HAN_SEVERAL})(?P<several_measure>种|类|家|周?岁|天|个月)",
        rf"(?P<word>{'|'.join(_WORDS)})",
    ))
)  # fmt: skip
_SCALES = {"": 1, "百": 100, "千": 1000, "万": 10**4, "百万": 10**6, "千万": 10**7, "亿": 10**8}
_HAN_DIGITS = {"零": 0, "〇": 0, **{c: k for k, c in enumerate("一二三四五六七八九", start=1)}, "两": 2}
_FULL_WIDTH = str.maketrans("０１２３４５６７８９％．", "0123456789%.")


def numbers(text: str) -> Iterator[Number]:
    """Every number of a text that the law may mean, in order.

    >>> [(n.kind, n.value // UNIT) for n in numbers("超过3万元的报80%，最多12个月")]
    [('money', 30000), ('ratio', 80), ('count', 12)]
    """
    for found in _NUMBER.finditer(text.translate(_FULL_WIDTH)):
        kind, value, unit = _meaning(found)
        yield Number(kind, value, unit, found[0], found.start(), found["word"] is not None)


def _meaning(found: re.Match[str]) -> tuple[str, int, str]:
    said = found.groupdict()
    if said["year"] or said["iso"]:
        year, month, day = (said["year"], said["month"], said["dom"]) if said["year"] else said["iso"].split("-")
        try:
            return "date", date(int(year), int(month), int(day)).toordinal(), ""
        except ValueError:  # no such day
            return "year", int(year), ""
    if said["md"]:
        return "day", int(said["md"]) * 100 + int(said["mdd"]), ""
    for key in ("percent", "hundredths", "points"):
        if said[key]:
            return "ratio", _exact(said[key]), ""
    if said["yuan"]:
        return "money", _exact(said["yuan"]) * _SCALES.get(said["scale"], 1), ""
    if said["han_yuan"]:
        return "money", _han(said["han_yuan"]) * UNIT, ""
    if said["bare"]:
        return "money", _exact(said["bare"]) * _SCALES[said["bare_scale"]], ""
    if said["word"]:
        return "ratio", _WORDS[said["word"]] * UNIT, ""
    if said["whole_year"]:
        return "year", int(said["whole_year"]), ""
    if said["several"]:
        return "count", _han(said["several"]) * UNIT, said["several_measure"].removeprefix("周")
    return "count", _exact(said["count"]) * _SCALES[said["count_scale"]], said["measure"].removeprefix("周")


def _exact(digits: str) -> int:
    """A number in digits (or in Chinese numerals), in millionths."""
    if not digits[0].isdigit():
        return _han(digits) * UNIT
    whole, _, fraction = digits.replace(",", "").partition(".")
    return int(whole) * UNIT + int(fraction.ljust(6, "0")[:6] or 0)


def _han(words: str) -> int:
    """A number in Chinese numerals.

    >>> _han("八十"), _han("十五"), _han("两万五千"), _han("三百零五")
    (80, 15, 25000, 305)
    """
    total = section = digit = 0
    for c in words:
        if c in _HAN_DIGITS:
            digit = _HAN_DIGITS[c]
        elif c in "万亿":
            total = (total + section + digit) * _SCALES[c]
            section = digit = 0
        else:
            section += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[c]
            digit = 0
    return total + section + digit


# --- What rules say ---------------------------------------------------------------------------------------------------

Definitions = dict[str, tuple[str, ...]]
"""Names of lists (定义) of all documents of an area, with their words."""


def definitions(documents: Iterable[Document]) -> Definitions:
    """The 定义 of these documents. A name inside a list stands for its own list."""
    plain: Definitions = {}
    for document in documents:
        for article in document.articles:
            for block in article.blocks:
                node = block.get("定义")
                for name, body in node.items if isinstance(node, Mapping) else ():
                    if isinstance(body, Mapping):
                        plain[name.text] = tuple(w for _, listed in body.items for w in _words(listed))
    return {name: _expanded(words, plain) for name, words in plain.items()}


def _words(node: Node) -> list[str]:
    if isinstance(node, Text):
        return [w.strip() for w in node.text.split("、") if w.strip()]
    return [w for item in node.items for w in _words(item)] if isinstance(node, Listing) else []


def _expanded(words: Iterable[str], known: Definitions, depth: int = 8) -> tuple[str, ...]:
    found = [
        w for word in words for w in (_expanded(known[word], known, depth - 1) if depth and word in known else (word,))
    ]
    return tuple(dict.fromkeys(found))


def spoken(document: Document, article: Article, known: Definitions) -> set[Number]:
    """The numbers that an article's rules, readings and notes say, and the document's own first and last day.

    The prose of the article may use these. Lists speak too: eleven hospitals in a list are `11家`, and so are six and
    five in two lists under one key. An age that must not
    be reached says the last age before it (`不满15岁` is `14岁`), a factor what it takes away (`按70%` is `降低30%`), and
    so does a ceiling on all layers together (95 % is the patient's floor of 5 %).
    """
    found: set[Number] = set()
    lists: dict[str, set[str]] = {}
    for block in article.blocks:
        for key, node in block.items:
            for text in _texts(key, node):
                found |= _said(text)
            for name, words in _lists(key.text, node, known):
                lists.setdefault(name, set()).update(words)
                found.add(Number("count", len(words) * UNIT))
            if key.text == "合计上限":
                found |= {_rest(n) for text in _texts(key, node) for n in numbers(text) if n.kind == "ratio"}
    found |= {Number("count", len(words) * UNIT) for words in lists.values()}
    for note in article.not_modelled:
        found |= set(numbers(note.reason))
    for key_text in ("施行", "废止", "代用"):
        if key_text in document.front:
            found |= set(numbers(document.front[key_text].text))
    return found


def _texts(key: Text, node: Node) -> Iterator[str]:
    yield key.text
    if isinstance(node, Text):
        yield node.text
    elif isinstance(node, Listing):
        for item in node.items:
            yield from _texts(Text("", 0), item)
    else:
        for inner, value in node.items:
            yield from _texts(inner, value)


def _said(text: str) -> set[Number]:
    found = set(numbers(text))
    if "全额" in text:
        found.add(Number("ratio", 100 * UNIT))
    for factor in re.findall(rf"按({_DIGITS})%", text):
        found.add(_rest(Number("ratio", _exact(factor))))
    for cell in re.split(r"[|\n]", text):  # a key of 每年, a value of 自年度, a cell of 筹资标准
        if re.fullmatch("[12][0-9]{3}", cell.strip()):
            found.add(Number("year", int(cell)))
    for age in re.findall(r"不满([0-9]+)周?岁", text):
        found.add(Number("count", (int(age) - 1) * UNIT, "岁"))
    return found


def _rest(ratio: Number) -> Number:
    return Number("ratio", 100 * UNIT - ratio.value)


def _lists(name: str, node: Node, known: Definitions) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The lists inside a node with the keys that they stand under: as written, and with definitions written out."""
    if isinstance(node, Mapping):
        for key, value in node.items:
            yield from _lists(key.text, value, known)
        return
    if isinstance(node, Text) and "|" in node.text:
        rows = [
            [c.strip() for c in line.strip().strip("|").split("|")] for line in node.text.splitlines() if "|" in line
        ]
        for header, *cells in zip(*rows, strict=False):
            for cell in cells:
                yield from _lists(header, Text(cell, node.line), known)
        return
    for item in node.items if isinstance(node, Listing) else ():
        yield from _lists(name, item, known)
    words = _words(node)
    yield f"{name}（原文）", tuple(words)
    yield name, _expanded(words, known)


def is_spoken(number: Number, said: set[Number]) -> bool:
    """Whether a number of a text is among those that the rules say."""
    if number in said:
        return True
    if number.kind == "count" and number.unit in ("种", "类", "家", "人"):
        return Number("count", number.value) in said
    days = [date.fromordinal(n.value) for n in said if n.kind == "date"]
    if number.kind == "day":
        return any(day.month * 100 + day.day == number.value for day in days)
    return number.kind == "year" and any(day.year == number.value for day in days)


def prose_lines(article: Article) -> Iterator[Text]:
    """The lines of an article that people read: its title and its prose."""
    yield Text(article.title, article.line)
    yield from article.prose


def unspoken(document: Document, article: Article, known: Definitions) -> Iterator[tuple[Number, int]]:
    """The numbers of an article's prose that its rules do not say, each once, with its line."""
    said = spoken(document, article, known)
    seen: set[Number] = set()
    for line in prose_lines(article):
        for number in numbers(line.text):
            if number not in seen and not is_spoken(number, said):
                seen.add(number)
                yield number, line.line


# --- Words that leave something open ----------------------------------------------------------------------------------

READINGS = re.compile(rf"以下|以上|左右|原则上|(?:提高|降低)\s*{_DIGITS}\s*[%％]|(?:提高|降低)百分之{_HAN}")
"""Words whose meaning somebody has to choose: is the number itself included, points or percent, how near."""


def open_words(article: Article) -> Iterator[tuple[str, int]]:
    """Words of an article that require a reading, each once with its line; none if the article has one, or a note."""
    if article.not_modelled or any(_has_reading(block) for block in article.blocks):
        return
    seen: set[str] = set()
    for line in article.prose:
        for found in READINGS.finditer(line.text.translate(_FULL_WIDTH)):
            if found[0] not in seen:
                seen.add(found[0])
                yield found[0], line.line


def _has_reading(node: Node) -> bool:
    if isinstance(node, Mapping):
        return any(key.text == "读法" or _has_reading(value) for key, value in node.items)
    if isinstance(node, Listing):
        return any(_has_reading(item) for item in node.items)
    return "读法" in node.text.partition("\n")[0]


# --- Official texts ---------------------------------------------------------------------------------------------------

_BRACKETS = str.maketrans("〔［【[（〈《", "(((((((") | str.maketrans("〕］】]）〉》", ")))))))")


class Squeezed:
    """A text without its white space, so that words broken over lines are found; `where` maps back."""

    def __init__(self, text: str) -> None:
        self.where = [k for k, c in enumerate(text) if not c.isspace()]
        self.text = "".join(text[k] for k in self.where).translate(_BRACKETS).translate(_FULL_WIDTH)
        self.whole = text

    def find(self, words: str, after: int = 0) -> int | None:
        """Where words begin in the squeezed text, at or after a place; None if they do not occur."""
        wanted = Squeezed(words).text if words else ""
        found = self.text.find(wanted, after) if wanted else -1
        return None if found < 0 else found

    def around(self, first: int, last: int, reach: int = 12) -> str:
        """The words from `first` to `last` of the whole text with some on either side, without white space."""
        before = "".join(self.whole[max(0, first - 3 * reach) : first].split())[-reach:]
        behind = "".join(self.whole[last : last + 3 * reach].split())[:reach]
        return before + "".join(self.whole[first:last].split()) + behind


Stretch = tuple[int, int]
"""From where to where in a text; the end is not included."""


def left_out(official: Squeezed, document: Document) -> tuple[list[Stretch], list[tuple[Article, str, int]]]:
    """The stretches of an official text that a document declares 不建模, and declarations whose words do not occur.

    The latter as article, words and line. Without 至, a stretch is the rest of its line.
    """
    stretches: list[Stretch] = []
    lost: list[tuple[Article, str, int]] = []
    for article in document.articles:
        for note in (note for note in article.not_modelled if note.begins):
            first = official.find(note.begins)
            last = official.find(note.ends, first + 1) if first is not None and note.ends not in ("", "文末") else None
            if first is None:
                lost.append((article, note.begins, note.line))
            elif last is not None:
                stretches.append((official.where[first], official.where[last]))
            elif note.ends in ("", "文末"):
                line_ends = official.whole.find("\n", official.where[first])
                whole = note.ends == "文末" or line_ends < 0
                stretches.append((official.where[first], len(official.whole) if whole else line_ends))
            else:
                lost.append((article, note.ends, note.line))
    return stretches, lost


def official_numbers(official: Squeezed, stretches: Iterable[Stretch]) -> Iterator[Number]:
    """The amounts, percentages and points of an official text outside the stretches that are left out."""
    skipped = tuple(stretches)
    for number in numbers(official.whole):
        inside = any(first <= number.start < last for first, last in skipped)
        if number.kind in ("money", "ratio") and not number.word and not inside:
            yield number
