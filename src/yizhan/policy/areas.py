"""The library of policies: folders of documents, and the scheme that they make for each area.

    load_scheme("430300")            the scheme of Xiangtan from the policies that ship with yizhan
    Library(Path("my/policies"))     another folder

An area inherits the documents of the folders above it and of 000000-国家. Reading is done once for each area.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path

from yizhan.engine.resolution import Resolver
from yizhan.engine.scheme import Rule, Scheme
from yizhan.errors import (
    BadCode,
    BadDocument,
    NoPolicyForArea,
    PolicyProblem,
    Problem,
    Problems,
    RulesConflict,
    Unreadable,
)
from yizhan.policy.document import Document, read_document
from yizhan.policy.rules import CONVENTIONS, Found, Reader, Repeal, Vocabulary, conventions_of

NATION = "000000"
EXAMPLES = "算例"
SIGNATURES = "签署.md"

REQUIRED_CONVENTIONS = ("政策日期", "身份日期", "跨年住院", "费率变化", "身份变化")
"""Choices that decide amounts and have no natural default."""

_FOLDER = re.compile(r"([0-9]{6})-(.+)")


@dataclass(frozen=True, slots=True)
class AreaFolder:
    """A folder of policies: code, name, and the folders whose documents it inherits, itself last."""

    code: str
    name: str
    path: Path
    chain: tuple[Path, ...]

    @property
    def settles(self) -> bool:
        """Whether bills can be settled under it: it has a scheme.md."""
        return (self.path / "scheme.md").exists()


def shipped_policies() -> Path:
    """The policies that ship with yizhan: in the wheel beside the package, in a checkout at its root."""
    inside = Path(__file__).parent.parent / "policies"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "policies"


class Library:
    """A folder of policies. Raises Problems if it is not there."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or shipped_policies()
        if not self.root.is_dir():
            raise Problems([Unreadable(at=str(self.root), why="no such folder 没有这个文件夹")])
        nation = next((p for p in sorted(self.root.iterdir()) if p.name.startswith(f"{NATION}-")), None)
        self.areas: dict[str, AreaFolder] = {}
        self._collect(self.root, (nation,) if nation else ())
        self._schemes: dict[str, Scheme] = {}
        self._documents: dict[Path, Document] = {}

    def _collect(self, folder: Path, chain: tuple[Path, ...]) -> None:
        for path in sorted(folder.iterdir()):
            found = _FOLDER.fullmatch(path.name)
            if not found or not path.is_dir() or path.is_symlink() or path in chain:
                continue
            if found[1] in self.areas:
                other = self.areas[found[1]].path.name
                why_zh = f"与 {other} 是同一个代码；一个地区只能有一个文件夹"
                why_en = f"has the code of {other}; an area has one folder"
                raise Problems([BadDocument(at=str(path.relative_to(self.root)), why_zh=why_zh, why_en=why_en)])
            self.areas[found[1]] = AreaFolder(found[1], found[2], path, (*chain, path))
            self._collect(path, (*chain, path))

    @property
    def pooling_areas(self) -> tuple[AreaFolder, ...]:
        """Areas under which bills can be settled."""
        return tuple(area for area in self.areas.values() if area.settles)

    def area(self, code: str) -> AreaFolder:
        """The folder for a code, or the nearest one above it. Raises Problems: a malformed or unknown code."""
        if not re.fullmatch("[0-9]{6}", code):
            named = [a for a in self.pooling_areas if code in (a.name, f"{a.name}市")]
            if named:
                return named[0]
            raise Problems([
                BadCode(at="area", value=code, what_zh="统筹区代码", what_en="an area code", form_zh=f"六位数字或已有的地名：{self._known()}", form_en=f"six digits, or the name of an area: {self._known()}")
            ])  # fmt: skip
        for candidate in (code, code[:4] + "00", code[:2] + "0000"):
            found = self.areas.get(candidate)
            if found is not None and found.settles:
                return found
        raise Problems([NoPolicyForArea(at="area", area=code, known=self._known())])

    def _known(self) -> str:
        listed = "、".join(f"{a.code} {a.name}" for a in self.pooling_areas)
        return listed or f"无（{self.root} 里没有一个“六位代码-名称”的文件夹带 scheme.md）"

    def documents(self, area: AreaFolder) -> list[Document]:
        """Every document that an area inherits, the nation's first. Raises Problems: all mistakes of all files."""
        documents: list[Document] = []
        problems: list[Problem] = []
        for depth, folder in enumerate(area.chain):
            for path in sorted(folder.glob("*.md")):
                if not path.is_file() or path.name.startswith((EXAMPLES, "签署", "README")):
                    continue
                try:
                    if path not in self._documents:
                        self._documents[path] = read_document(path, self.root, depth)
                    documents.append(replace(self._documents[path], depth=depth))
                except Problems as found:
                    problems += found.problems
        if problems:
            raise Problems(problems)
        return documents

    def scheme(self, code: str) -> Scheme:
        """The scheme of an area. Raises Problems: unknown area, mistakes in its documents."""
        area = self.area(code)
        if area.code not in self._schemes:
            self._schemes[area.code] = _build(area, self.documents(area))
        return self._schemes[area.code]


def _build(area: AreaFolder, documents: list[Document]) -> Scheme:
    problems: list[PolicyProblem] = []
    vocabulary = Vocabulary()
    problems += _named(documents, vocabulary)
    for document in documents:
        Reader(document, vocabulary, problems).declarations()
    found = Found()
    for document in documents:
        Reader(document, vocabulary, problems).rules(found)
    problems += _incomplete(area, vocabulary, found)
    if problems:
        raise Problems(problems)
    digest = sha256()
    for document in sorted(documents, key=lambda d: d.file):
        digest.update(f"{document.file}\n{document.about.digest}\n".encode())
    own = next(d.about for d in documents if d.path == area.path / "scheme.md")
    scheme = Scheme(
        begins_on=own.begins_on, ends_on=own.ends_on or date.max, area=area.code, name=area.name, name_en=found.name_en or area.code,
        layers=tuple(vocabulary.layers[name] for name in vocabulary.order[0]), rules=tuple(_repealed(found.rules, found.repeals)),
        conventions=conventions_of(found), digest=digest.hexdigest()[:16], documents=tuple(d.about for d in documents),
        limits=tuple(found.limits), bounds=tuple(found.bounds), yearly=vocabulary.yearly,
        subsidies=tuple(found.subsidies), financing=found.financing, impossible=tuple(found.impossible), disease_codes=vocabulary.disease_codes,
        english=vocabulary.english,
    )  # fmt: skip
    try:
        Resolver(scheme)
    except RulesConflict as conflict:
        raise Problems([conflict]) from None
    return scheme


def _named(documents: Sequence[Document], vocabulary: Vocabulary) -> Iterator[BadDocument]:
    """Enter every document under its names; documents in a wrong folder, or with the name of another."""
    for document in documents:
        at = f"{document.file}:1"
        code = _FOLDER.fullmatch(document.path.parent.name)
        if code and document.about.area != code[1]:
            why_zh = f"统筹区 {document.about.area} 与文件夹 {code[1]} 不同"
            yield BadDocument(
                at=at, why_zh=why_zh, why_en=f"统筹区 {document.about.area} differs from its folder, {code[1]}"
            )
        for name in document.nicknames:
            if name in vocabulary.documents:
                other = vocabulary.documents[name].file
                yield BadDocument(
                    at=at, why_zh=f"“{name}”与 {other} 同名", why_en=f"“{name}” is also the name of {other}"
                )
            vocabulary.documents[name] = document


def _incomplete(area: AreaFolder, vocabulary: Vocabulary, found: Found) -> Iterator[BadDocument]:
    """Choices that were not made, layers in 次序 that are not declared, and layers with rules that are not in 次序."""
    names, where = vocabulary.order
    for key in REQUIRED_CONVENTIONS:
        if CONVENTIONS[key][0] not in found.conventions:
            at = f"{area.path.name}/scheme.md:1"
            why_zh = f"约定里没有“{key}”；没有默认，必须选定"
            yield BadDocument(at=at, why_zh=why_zh, why_en=f"约定 lacks {key}; there is no default")
    for name in names:
        if name not in vocabulary.layers:
            why_zh = f"次序里的“{name}”没有在“层”里声明"
            yield BadDocument(at=where, why_zh=why_zh, why_en=f"“{name}” in 次序 is not declared under 层")
    for layer in sorted({r.layer for r in found.rules} - set(names)):
        rule = next(r for r in found.rules if r.layer == layer)
        why_zh = f"“{layer}”不在次序里，永远不会支付"
        yield BadDocument(at=rule.citation.place, why_zh=why_zh, why_en=f"“{layer}” is not in 次序 and would never pay")


def _repealed(rules: Iterable[Rule], repeals: list[Repeal]) -> list[Rule]:
    """Rules with repealed articles ended, and gone on for those who keep them."""
    rules = list(rules)
    for repeal in repeals:
        changed: list[Rule] = []
        for rule in rules:
            cited = (rule.citation.document, rule.citation.article) == (repeal.document, repeal.article)
            if not cited or rule.ends_on <= repeal.last_on:
                changed.append(rule)
                continue
            if rule.begins_on <= repeal.last_on:
                changed.append(replace(rule, ends_on=repeal.last_on))
            if repeal.kept and repeal.kept_until > repeal.last_on:
                begins = max(rule.begins_on, repeal.last_on + timedelta(days=1))
                ends = min(rule.ends_on, repeal.kept_until)
                kept = tuple(c for c in repeal.kept if c not in rule.when)
                changed.append(replace(rule, when=(*rule.when, *kept), begins_on=begins, ends_on=ends))
        rules = changed
    return rules


@cache
def library_of(root: Path | None = None) -> Library:
    """A folder of policies, read once; the shipped ones by default."""
    return Library(root)


def load_scheme(area: str, policies: Path | None = None) -> Scheme:
    """The scheme of a pooling area, by six-digit code or name.

    Raises Problems: an unknown area, or every mistake found in its documents.

    >>> load_scheme("150400").name
    '赤峰'
    """
    return library_of(policies).scheme(area)


def load_schemes() -> list[Scheme]:
    """The schemes of all pooling areas. Raises Problems: every mistake found in the documents of the first that has one."""
    library = library_of(None)
    return [library.scheme(area.code) for area in library.pooling_areas]
