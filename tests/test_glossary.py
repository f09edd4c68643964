"""One word, one meaning: the tables of docs/glossary.md are kept, and the words that it refuses stay out of the code."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
POLICY_FORMAT = ROOT / "docs" / "policy-format.md"


@dataclass(frozen=True)
class Refused:
    """A word that names may not contain, what to say instead, and the one part of the code where it is at home."""

    word: str
    instead: str
    allowed_in: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile("_" + re.escape(self.word).replace(r"\*", "[a-z0-9]*") + "_")

    def within(self, name: str) -> bool:
        """Whether the words of a name contain this one."""
        return self.pattern.search(f"_{in_words(name)}_") is not None


@cache
def in_words(name: str) -> str:
    """`PsnNo`, `PSN_NO` and `psn_no` are all `psn_no`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")


def rows(text: str, first_cell: str) -> Iterator[list[str]]:
    """The rows of every table of a page whose heading begins with this cell."""
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == first_cell:
            inside = True
        elif inside and not set(line) <= set("|-: "):
            yield cells


def refused_words() -> list[Refused]:
    """The last table of the glossary."""
    found = rows(GLOSSARY.read_text(encoding="utf-8"), "refused")
    return [Refused(word.strip("`"), instead, allowed) for word, instead, allowed in found]


def names(source: str) -> Iterator[tuple[int, str]]:
    """Every name in a module with its line, and every text that could be one, such as the key of a dict."""
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 1)
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield line, name
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield line, name
            case ast.keyword(arg=str(name)) | ast.alias(name=name):
                yield line, name
            case ast.Constant(value=str(name)) if name.isidentifier():
                yield line, name


def breaches(path: str, source: str, refused: list[Refused]) -> list[str]:
    """`file:line: name: say … instead`, for each refused word in a module."""
    return [
        f"{path}:{line}: {name}: say {word.instead} instead"
        for line, name in names(source)
        for word in refused
        if word.within(name) and not (word.allowed_in and word.allowed_in in path)
    ]


def test_refused_words_are_found() -> None:
    refused = [Refused("reimburs*", "payment", ""), Refused("psn_no", "person", "gateway")]
    for good in ("payment = 1", "def imburse(): ...", "psn_note = 1", "text = 'no reimbursement here'"):
        assert not breaches("src/yizhan/engine/a.py", good, refused), good
    for bad in (
        "reimbursed_fen = 1",
        "class ReimbursementRule: ...",
        "def f(reimburse): ...",
        "f(reimburse=1)",
        "bill.reimbursed",
        "row['psn_no']",
        "PSN_NO = 1",
        "from a import reimburse",
    ):
        assert breaches("src/yizhan/engine/a.py", bad, refused), bad
    assert not breaches("src/yizhan/gateway/a.py", "psn_no = 1", refused)
    assert breaches("src/yizhan/engine/a.py", "a = 1\nreimburse = 2", refused) == [
        "src/yizhan/engine/a.py:2: reimburse: say payment instead"
    ]


def test_code_uses_no_refused_word() -> None:
    refused = refused_words()
    assert len(refused) > 20
    found = [
        breach
        for folder in ("src", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != Path(__file__).resolve()
        for breach in breaches(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"), refused)
    ]
    assert not found, "\n".join(["docs/glossary.md refuses:", *found])


def test_one_word_has_one_meaning() -> None:
    terms = list(rows(GLOSSARY.read_text(encoding="utf-8"), "English term"))
    assert len(terms) > 80
    assert all(len(cells) == 4 and all(cells) for cells in terms), [cells for cells in terms if len(cells) != 4]
    for column in range(3):
        counts = Counter(cells[column] for cells in terms if cells[column] != "–")
        twice = [word for word, count in counts.items() if count > 1]
        assert not twice, f"docs/glossary.md has two meanings for {', '.join(twice)}"


def test_classes_and_constants_of_the_glossary_exist() -> None:
    defined = {name for path in (ROOT / "src").rglob("*.py") for _, name in names(path.read_text(encoding="utf-8"))}
    listed = [cells[2].strip("`") for cells in rows(GLOSSARY.read_text(encoding="utf-8"), "English term")]
    gone = [name for name in listed if name[0].isupper() and name not in defined]
    assert not gone, f"docs/glossary.md names {', '.join(gone)}, which no code defines: rename there too"


def test_every_fact_of_the_policy_format_is_explained() -> None:
    explained = {cells[2].strip("`"): cells[1] for cells in rows(GLOSSARY.read_text(encoding="utf-8"), "English term")}
    facts = list(rows(POLICY_FORMAT.read_text(encoding="utf-8"), "fact"))
    assert len(facts) > 25
    missing = [code for _, codes, *_ in facts for code in re.findall(r"`(\w+)`", codes) if code not in explained]
    assert not missing, f"docs/glossary.md lacks the facts {', '.join(missing)}"
    chinese = {term for zh, *_ in facts for term in re.split(r"[, ]+", zh)}
    unknown = sorted(chinese - set(explained.values()))
    assert not unknown, f"docs/glossary.md lacks the facts {'、'.join(unknown)}"
