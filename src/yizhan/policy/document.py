"""A policy document: Markdown for people, rule blocks for the engine. This file reads the outside of both.

A document is front matter, a title and articles (`## 第15条 分级诊疗`). An article is prose, rule blocks (YAML read as
text: no implicit types, a repeated key is an error), and notes of what is not modelled (`> 不建模：…`). The inside of a
rule block is read by `policy.rules`. Everything keeps its line, so that every error can name it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path

import yaml

from yizhan.engine.scheme import Citation, DocumentFacts
from yizhan.errors import BadDocument, PolicyProblem, Problems, RepeatedKey
from yizhan.policy import values


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar of a rule block and its line in the file."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of a rule block."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping of a rule block; keys keep their lines."""

    items: tuple[tuple[Text, Node], ...]
    line: int

    def get(self, key: str) -> Node | None:
        """The value of a key."""
        return next((value for name, value in self.items if name.text == key), None)


Node = Text | Listing | Mapping


@dataclass(frozen=True, slots=True)
class NotModelled:
    """A declaration 不建模: its reason, and the stretch of the official text that it leaves out, if any."""

    reason: str
    line: int
    begins: str = ""
    ends: str = ""


@dataclass
class Article:
    """One article: its number (the first word of the heading), prose, rule blocks and notes.

    `under` is what its document says of itself and decides with: area, days, nature, stand-in.
    """

    number: str
    title: str
    line: int
    prose: list[Text] = field(default_factory=list)
    blocks: list[Mapping] = field(default_factory=list)
    block_text: list[str] = field(default_factory=list)
    not_modelled: list[NotModelled] = field(default_factory=list)
    under: str = ""

    @property
    def text(self) -> str:
        """The article's prose."""
        return "\n".join(p.text for p in self.prose)

    @property
    def digest(self) -> str:
        """Fingerprint of prose, rules, notes and of the document's days: what a signature covers."""
        notes = (note.reason for note in self.not_modelled)
        body = "\n".join([self.under, self.number, self.title, self.text, *self.block_text, *notes])
        return sha256(body.encode()).hexdigest()[:16]


@dataclass
class Document:
    """One file of an area's folder."""

    path: Path
    file: str
    front: dict[str, Text]
    articles: list[Article]
    about: DocumentFacts
    depth: int

    @property
    def name(self) -> str:
        """How the document is cited."""
        return self.about.name

    @property
    def nicknames(self) -> tuple[str, ...]:
        """All names by which other documents may cite it."""
        return tuple(self.front[k].text for k in ("文号", "简称") if k in self.front)

    def cite(self, article: Article, line: int) -> Citation:
        """A citation of one line of an article."""
        return Citation(self.name, article.number, article.title, self.about.title_en, self.file, line)


FRONT_KEYS = ("文号", "简称", "名称", "英文名", "统筹区", "施行", "废止", "来源", "性质", "代用")
DECIDING_KEYS = ("统筹区", "施行", "废止", "性质", "代用")
NATURES = ("正文", "代用", "约定")

_NOTE = re.compile(r">\s*不建模(?:［自“(?P<begins>[^”]+)”(?:至(?P<end>文末|“[^”]+”))?］)?[：:]\s*(?P<reason>.+)")
_TABLE_KEY = re.compile(r"^\s*表:\s*\|")


def read_document(path: Path, root: Path, depth: int) -> Document:
    """Read one file. Raises Problems with everything found wrong on its outside."""
    file = str(path.relative_to(root))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why_zh, why_en = f"读不到（{error}）；文件应是 UTF-8 文本", f"cannot be read ({error}); it should be UTF-8 text"
        raise Problems([BadDocument(at=file, why_zh=why_zh, why_en=why_en)]) from None
    problems: list[PolicyProblem] = []
    lines = text.splitlines()
    front, start = _front_matter(lines, file, problems)
    articles = list(_articles(lines, start, file, problems))
    seen: dict[str, int] = {}
    for article in articles:
        if article.number in seen:
            problems.append(
                _bad(
                    file,
                    article.line,
                    f"条号“{article.number}”与第 {seen[article.number]} 行重复",
                    f"article “{article.number}” repeats line {seen[article.number]}",
                )
            )
        seen[article.number] = article.line
    about = _about(front, file, text, problems)
    if problems or about is None:
        raise Problems(problems)
    for article in articles:
        article.under = "\n".join(f"{key}: {front[key].text}" for key in DECIDING_KEYS if key in front)
    return Document(path, file, front, articles, about, depth)


def _bad(file: str, line: int, zh: str, en: str) -> BadDocument:
    return BadDocument(at=f"{file}:{line}", why_zh=zh, why_en=en)


def _front_matter(lines: list[str], file: str, problems: list[PolicyProblem]) -> tuple[dict[str, Text], int]:
    front: dict[str, Text] = {}
    if not lines or lines[0].strip() != "---":
        problems.append(
            _bad(
                file,
                1,
                "文件应以 --- 开头，写文号、名称、统筹区、施行",
                "the file should begin with --- and its front matter",
            )
        )
        return front, 0
    for number, line in enumerate(lines[1:], start=2):
        if line.strip() == "---":
            return front, number
        key, colon, value = line.partition(":")
        if not colon:
            key, colon, value = line.partition("：")
        key = key.strip()
        if key not in FRONT_KEYS:
            problems.append(
                _bad(
                    file,
                    number,
                    f"不认识的文件头“{key}”；可用：{'、'.join(FRONT_KEYS)}",
                    f"unknown front matter “{key}”",
                )
            )
        elif key in front:
            problems.append(RepeatedKey(at=f"{file}:{number}", key=key))
        else:
            front[key] = Text(value.strip(), number)
    problems.append(_bad(file, len(lines), "文件头没有用 --- 结束", "the front matter is not closed with ---"))
    return front, len(lines)


def _about(front: dict[str, Text], file: str, text: str, problems: list[PolicyProblem]) -> DocumentFacts | None:
    def get(key: str) -> str:
        return front[key].text if key in front else ""

    if not (get("文号") or get("简称")):
        problems.append(_bad(file, 1, "文件头缺少 文号 或 简称", "the front matter needs 文号 or 简称"))
    for key in ("名称", "统筹区", "施行"):
        if not get(key):
            problems.append(_bad(file, 1, f"文件头缺少 {key}", f"the front matter lacks {key}"))
    nature = get("性质") or "正文"
    if nature not in NATURES:
        problems.append(
            _bad(
                file,
                front["性质"].line,
                f"性质应为 {'、'.join(NATURES)}",
                f"性质 should be one of {', '.join(NATURES)}",
            )
        )
    if nature == "代用" and not get("代用"):
        problems.append(
            _bad(
                file, 1, "代用的文件要在文件头写明“代用”的理由和来源", "a stand-in file must give its reason under 代用"
            )
        )
    days: dict[str, date] = {}
    for key in ("施行", "废止"):
        if get(key):
            try:
                days[key] = values.day(get(key))
            except values.Reason as reason:
                problems.append(_bad(file, front[key].line, f"{key}：{reason.zh}", f"{key}: {reason.en}"))
    if len(days) == 2 and days["废止"] < days["施行"]:
        problems.append(_bad(file, front["废止"].line, "废止早于施行", "废止 is before 施行"))
    if problems:
        return None
    return DocumentFacts(
        name=get("文号") or get("简称"), title=get("名称") or get("简称") or get("文号"), title_en=get("英文名"), file=file,
        area=get("统筹区"), begins_on=days["施行"], ends_on=days.get("废止"), source=get("来源"), nature=nature,
        stand_in=get("代用"), digest=sha256(text.encode()).hexdigest(),
    )  # fmt: skip


def _articles(lines: list[str], start: int, file: str, problems: list[PolicyProblem]) -> Iterator[Article]:
    article: Article | None = None
    block: list[str] | None = None
    block_line = 0
    for number, line in enumerate(lines[start:], start=start + 1):
        if block is not None:
            if line.strip() == "```":
                if article is None:
                    problems.append(
                        _bad(
                            file,
                            block_line,
                            "规则块要写在某一条（## 标题）之下",
                            "a rule block must stand under an article (##)",
                        )
                    )
                else:
                    _add_block(article, block, block_line, file, problems)
                block = None
            else:
                block.append(line)
        elif line.strip() == "```rule":
            block, block_line = [], number
        elif line.startswith("```"):
            problems.append(
                _bad(
                    file,
                    number,
                    "规则块要以 ```rule 开头；别的代码块不会被读",
                    "a rule block begins with ```rule; other fenced blocks are not read",
                )
            )
            block, block_line = [], number
        elif line.startswith("## "):
            if article is not None:
                yield article
            words = line[3:].strip().split(maxsplit=1)
            if not words:
                problems.append(_bad(file, number, "## 后面要写条号", "the number of the article must follow ##"))
            article = Article(words[0] if words else "", words[1] if len(words) > 1 else "", number)
        elif article is not None and (note := _NOTE.match(line)):
            end = (note["end"] or "").strip("“”")
            article.not_modelled.append(NotModelled(note["reason"], number, note["begins"] or "", end))
        elif line.startswith(">") and "不建模" in line:
            problems.append(
                _bad(file, number, "不建模的写法应为“> 不建模：理由”", "write a note as “> 不建模：reason”")
            )
        elif article is not None and line.strip():
            article.prose.append(Text(line.strip(), number))
    if block is not None:
        problems.append(_bad(file, block_line, "规则块没有用 ``` 结束", "the rule block is not closed with ```"))
    if article is not None:
        yield article


def _add_block(article: Article, block: list[str], line: int, file: str, problems: list[PolicyProblem]) -> None:
    where = f"{file}:{{}} {article.number}"
    for offset, text in enumerate(block):
        found = re.match(r"^(\s*-?\s*[^\s:：#{}\[\]|]+)：", text)
        if found and not _in_table(block, offset):
            at = where.format(line + 1 + offset)
            problems.append(
                BadDocument(
                    at=at,
                    why_zh="这里用了全角冒号“：”；请用半角冒号加空格",
                    why_en="a full-width colon; use a half-width colon and a space",
                )
            )
            return
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse("\n".join(block), Loader=yaml.BaseLoader)):
            at = where.format(line)
            problems.append(
                BadDocument(
                    at=at,
                    why_zh="规则块里不能用 & 和 * 引用",
                    why_en="& and * references may not stand in a rule block",
                )
            )
            return
        root = yaml.compose("\n".join(block), Loader=yaml.BaseLoader)
    except RecursionError:
        problems.append(BadDocument(at=where.format(line), why_zh="嵌套太深", why_en="nested too deeply"))
        return
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = where.format(line + 1 + (mark.line if mark else 0))
        why = str(getattr(error, "problem", error))
        problems.append(
            BadDocument(
                at=at,
                why_zh=f"规则块读不懂（{why}）。常见原因：冒号后没有空格、用了全角的：，｛｝、缩进不齐、引号不成对",
                why_en=f"the rule block cannot be read ({why}). Common causes: no space after a colon, full-width ：，｛｝, uneven indent, unpaired quotes",
            )
        )
        return
    if root is None:
        return
    node = _node(root, line + 1, where, problems)
    if isinstance(node, Mapping):
        article.blocks.append(node)
        article.block_text.append("\n".join(block))
    else:
        problems.append(
            BadDocument(
                at=where.format(line), why_zh="规则块应是“键: 值”", why_en="a rule block should be “key: value”"
            )
        )


def _in_table(block: list[str], offset: int) -> bool:
    return any(_TABLE_KEY.match(line.replace("- ", "  ")) for line in block[:offset]) and "|" in block[offset]


def _node(node: yaml.Node, first: int, where: str, problems: list[PolicyProblem]) -> Node:
    line = first + node.start_mark.line
    if isinstance(node, yaml.ScalarNode):
        return Text(str(node.value).strip(), line)
    if isinstance(node, yaml.SequenceNode):
        return Listing(tuple(_node(child, first, where, problems) for child in node.value), line)
    assert isinstance(node, yaml.MappingNode)
    items: list[tuple[Text, Node]] = []
    for key, value in node.value:
        name = Text(str(key.value).strip(), first + key.start_mark.line)
        if any(name.text == known.text for known, _ in items):
            problems.append(RepeatedKey(at=where.format(name.line), key=name.text))
        if isinstance(value, yaml.ScalarNode) and not str(value.value).strip() and value.style is None:
            problems.append(
                BadDocument(
                    at=where.format(name.line),
                    why_zh=f"“{name.text}”没有值；冒号后要有空格",
                    why_en=f"“{name.text}” has no value; a space must follow the colon",
                )
            )
        items.append((name, _node(value, first, where, problems)))
    return Mapping(tuple(items), line)
