"""Who read which article, in which wording: `签署.md` in an area's folder.

    | 文件 | 条 | 摘要 | 签署人 | 日期 |

A signature covers the digest of an article: its text, its rules, its notes and what its document says of itself. Whatever
is edited later shows as *changed since signed*. The last row of an article counts; a second officer adds a row, an officer
who signs again replaces his own. `policy.checks` reads the same rows and warns of what nobody signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from yizhan.engine.scheme import Scheme
from yizhan.errors import BadCode, BadDocument, Problems, Unwritable
from yizhan.policy.areas import SIGNATURES, Library
from yizhan.policy.checks import SIGNATURE_COLUMNS, Signature, read_signatures
from yizhan.policy.diff import check_day
from yizhan.policy.document import Article, Document

UNSIGNED, SIGNED, CHANGED = "unsigned", "signed", "changed"

_HEAD = ("# 签署", "", "由 `./yizhan review` 写入：谁在哪一天读过哪一条。摘要变了，就要重读。", "")


@dataclass(frozen=True, slots=True)
class State:
    """Whether an article is signed as it stands, and the signature that counts."""

    kind: str
    last: Signature | None = None


def signatures_of(documents: Iterable[Document]) -> dict[tuple[str, str], Signature]:
    """The signature that counts for each (document, article). Raises Problems: rows that cannot be read."""
    documents = list(documents)
    found: dict[tuple[str, str], Signature] = {}
    for folder in dict.fromkeys(document.path.parent for document in documents):
        names = _names(d for d in documents if d.path.parent == folder)
        for signature in _rows(folder):
            found[names.get(signature.document, signature.document), signature.article] = signature
    return found


def state_of(document: Document, article: Article, found: dict[tuple[str, str], Signature]) -> State:
    """Whether an article is signed, signed in another wording, or not signed."""
    last = found.get((document.name, article.number))
    if last is None:
        return State(UNSIGNED)
    return State(SIGNED if last.digest == article.digest else CHANGED, last)


def sign(library: Library, area_code: str, on: date, officer: str, today: date) -> list[Path]:
    """Sign every article that the page of a day shows, in the folders where the documents lie.

    Returns the files written. Raises Problems: an unknown area or day, a name that cannot stand in a table, an existing
    签署.md that cannot be read.
    """
    area = library.area(area_code)
    scheme = library.scheme(area.code)
    check_day(scheme, on)
    officer = " ".join(officer.split())
    if not officer or "|" in officer:
        raise Problems([
            BadCode(
                at="sign", value=officer, what_zh="签署人的姓名", what_en="an officer's name", form_zh="姓名，不含竖线",
                form_en="a name without a vertical bar",
            )
        ])  # fmt: skip
    documents = library.documents(area)
    written = []
    for folder in dict.fromkeys(document.path.parent for document in documents):
        here = [document for document in documents if document.path.parent == folder]
        live = [document for document in here if in_force(document, scheme, on)]
        if live:
            written.append(_write(folder, here, live, officer, today))
    return written


def in_force(document: Document, scheme: Scheme, on: date) -> bool:
    """Whether a document's days include this one, and not all of its rules were ended by others before."""
    about = document.about
    rules = [rule for rule in scheme.rules if rule.citation.document == document.name]
    ended = bool(rules) and all(rule.ends_on < on for rule in rules)
    return about.begins_on <= on and (about.ends_on is None or on <= about.ends_on) and not ended


def _names(documents: Iterable[Document]) -> dict[str, str]:
    return {nickname: document.name for document in documents for nickname in document.nicknames}


def _rows(folder: Path) -> list[Signature]:
    signed, bad = read_signatures(folder)
    if bad:
        columns = " | ".join(SIGNATURE_COLUMNS)
        why = (f"签署的一行应写成 | {columns} |", f"a signature should be written as | {columns} |")
        raise Problems([BadDocument(at=f"{folder / SIGNATURES}:{line}", why_zh=why[0], why_en=why[1]) for line in bad])
    return signed


def _write(folder: Path, here: Sequence[Document], live: Sequence[Document], officer: str, today: date) -> Path:
    """Merge the new rows into the folder's file; text around the table stays."""
    names = _names(here)
    rows = {(names.get(s.document, s.document), s.article, s.by): s for s in _rows(folder)}
    for document in live:
        for article in document.articles:
            new = Signature(document.name, article.number, article.digest, officer, today.isoformat(), 0)
            rows[document.name, article.number, officer] = new
    place = {(d.name, a.number): (n, m) for n, d in enumerate(here) for m, a in enumerate(d.articles)}
    nowhere = (len(here), 0)
    ordered = sorted(
        (replace(signature, document=key[0]) for key, signature in rows.items()),
        key=lambda s: (place.get((s.document, s.article), nowhere), s.on, s.by),
    )
    path = folder / SIGNATURES
    old = path.read_text(encoding="utf-8").splitlines() if path.exists() else list(_HEAD)
    first = next((n for n, line in enumerate(old) if line.startswith("|")), len(old))
    around = [line for line in old[first:] if not line.startswith("|")]
    table = [_line(SIGNATURE_COLUMNS), _line(["---"] * len(SIGNATURE_COLUMNS))]
    table += [_line([s.document, s.article, s.digest, s.by, s.on]) for s in ordered]
    try:
        path.write_text("\n".join([*old[:first], *table, *around]) + "\n", encoding="utf-8")
    except OSError as error:
        raise Problems([Unwritable(at=str(path), why=error.strerror or "?")]) from None
    return path


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
