"""Other rules than those that ship: a reform drafted as a folder of policies, or printed figures changed one by one.

    figures(None, "150400")                                  every figure that rules of the area print, with its place
    parse_change("赤卫计发〔2018〕39号 第11条 70%=75%", None)    a change as an officer writes it
    changed(None, changes, folder)                           the policies with the changes, as a folder of their own

A change replaces a figure in the text of a rule, so that a changed scheme is read, checked and cited like any other. What
no figure says (a new rule, another order of layers) is drafted as documents.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from yizhan.errors import Problems
from yizhan.policy.areas import Library, shipped_policies
from yizhan.simulation.errors import ChangeNotFound, ChangeUnclear

FIGURE = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:万元|千元|元|%|个百分点|周岁|岁|天|次)|减半|全额")
"""A figure as rules print it: an amount, a share, points, an age, a number of days or times."""

_SAID = re.compile(r"^\s*-?\s*(?:读法|代用|英文名|自|至|例外于|名称|来源)\s*[：:]")
"""Lines of a rule block that decide nothing, or say which days and articles are meant."""


@dataclass(frozen=True, slots=True)
class PrintedFigure:
    """A figure in a rule: document, article, and the place in its file (line from 1, column from 0)."""

    document: str
    article: str
    title: str
    file: str
    line: int
    column: int
    text: str
    context: str


@dataclass(frozen=True, slots=True)
class Change:
    """One printed figure, and what stands in its place."""

    file: str
    line: int
    column: int
    old: str
    new: str


def figures(policies: Path | None, area: str) -> list[PrintedFigure]:
    """Every figure that the rules of an area's documents print, in the order of the documents.

    Raises Problems: an unknown area, mistakes of its documents.
    """
    library = Library(policies)
    found = []
    for document in library.documents(library.area(area)):
        starts = [article.line for article in document.articles]
        for number, column, text, line in _printed(document.path):
            at = sum(1 for start in starts if start <= number) - 1
            if at >= 0:
                article = document.articles[at]
                found.append(PrintedFigure(
                    document.name, article.number, article.title, document.file, number, column, text, line.strip(),
                ))  # fmt: skip
    return found


def _printed(path: Path) -> Iterator[tuple[int, int, str, str]]:
    """(line, column, figure, the line) within rule blocks."""
    inside = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            inside = line.startswith("```rule")
        elif inside and not _SAID.match(line):
            for found in FIGURE.finditer(line):
                yield number, found.start(), found[0], line


_CHANGE = re.compile(
    r"(?P<document>\S+(?: \S+)??) +(?P<article>第?\S+?条?) +(?P<old>[^=\s]+?)(?:#(?P<nth>[0-9]+))?=(?P<new>\S+)"
)


def parse_change(text: str, area: str, policies: Path | None = None) -> Change:
    """A change as `DOCUMENT ARTICLE OLD=NEW`; `OLD#2` means the second place where the article prints it.

    Raises Problems: ChangeUnclear (not of this form, or the figure is printed in several places), ChangeNotFound.
    """
    given = _CHANGE.fullmatch(text.strip())
    if given is None:
        raise Problems(
            [ChangeUnclear(given=text, why_zh="写法是“文件 条 原数=新数”", why_en="write “DOCUMENT ARTICLE OLD=NEW”")]
        )
    known = figures(policies, area)
    wanted = given["article"].removeprefix("第").removesuffix("条")
    here = [
        figure for figure in known
        if figure.document == given["document"]
        and figure.article.removeprefix("第").removesuffix("条") == wanted and figure.text == given["old"]
    ]  # fmt: skip
    if not here:
        printed = "、".join(dict.fromkeys(
            f.text for f in known
            if f.document == given["document"] and f.article.removeprefix("第").removesuffix("条") == wanted
        ))  # fmt: skip
        documents = "、".join(dict.fromkeys(f.document for f in known))
        raise Problems([ChangeNotFound(given=text, printed=printed or "—", documents=documents)])
    nth = int(given["nth"] or 0)
    if nth > len(here) or (nth == 0 and len(here) > 1):
        lines = "、".join(f"#{n} {f.context}" for n, f in enumerate(here, 1))
        raise Problems(
            [
                ChangeUnclear(
                    given=text,
                    why_zh=f"这个数印在 {len(here)} 处：{lines}",
                    why_en=f"it is printed in {len(here)} places: {lines}",
                )
            ]
        )
    at = here[max(1, nth) - 1]
    return Change(at.file, at.line, at.column, at.text, given["new"])


def changed(policies: Path | None, changes: Iterable[Change], folder: Path) -> Path:
    """Write the policies with the changes to `folder`, which must not exist; returns it.

    Raises Problems: ChangeNotFound where a place does not print the old figure. What the new figures mean is checked when
    the folder is read.
    """
    shutil.copytree(policies or shipped_policies(), folder)
    by_file: dict[str, list[Change]] = {}
    for change in changes:
        by_file.setdefault(change.file, []).append(change)
    for file, here in by_file.items():
        path = folder / file
        lines = path.read_text(encoding="utf-8").split("\n")
        for change in sorted(here, key=lambda c: (c.line, -c.column)):
            lines[change.line - 1] = _replaced(lines[change.line - 1], change)
        path.write_text("\n".join(lines), encoding="utf-8")
    return folder


def _replaced(line: str, change: Change) -> str:
    end = change.column + len(change.old)
    if line[change.column : end] != change.old:
        raise Problems(
            [
                ChangeNotFound(
                    given=f"{change.file}:{change.line} {change.old}", printed=line.strip(), documents=change.file
                )
            ]
        )
    return line[: change.column] + change.new + line[end:]
