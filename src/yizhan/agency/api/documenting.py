"""The OpenAPI document as a page shows it: groups of operations, their parameters, and the fields of what they answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from yizhan.agency.desk.words import Words
from yizhan.agency.staff.rights import Right

GROUPS = {
    "me": Words("密钥", "The key"),
    "people": Words("人员", "People"),
    "rosters": Words("名单和缺口", "Rosters and gaps"),
    "enrolment": Words("参保与资助", "Enrolment"),
    "filings": Words("备案", "Filings"),
    "settlements": Words("结算", "Settlements"),
    "calculations": Words("试算", "Calculation"),
    "policies": Words("政策", "Policies"),
    "funds": Words("基金", "Funds"),
    "providers": Words("医药机构和目录", "Providers"),
    "jobs": Words("后台任务", "Jobs"),
    "audit": Words("审计", "Audit"),
}
"""What the modules of operations are about."""

DEEPEST = 3
"""Objects inside objects that are unfolded; the document itself has them all."""


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One parameter or field."""

    name: str
    type: str
    needed: bool
    about: str


@dataclass(frozen=True, slots=True)
class OperationLine:
    """One operation."""

    method: str
    path: str
    anchor: str
    said: str
    about: str
    right: str
    words: str
    parameters: list[FieldLine] = field(default_factory=list)
    body: list[FieldLine] = field(default_factory=list)
    answer: list[FieldLine] = field(default_factory=list)
    media: str = ""


@dataclass(frozen=True, slots=True)
class GroupLine:
    """Operations that belong together."""

    said: str
    anchor: str
    operations: list[OperationLine]


def groups(schema: Mapping[str, Any], lang: str) -> list[GroupLine]:
    """All of the document, in `zh` or `en`."""
    found: dict[str, list[OperationLine]] = {name: [] for name in GROUPS}
    for path, methods in schema["paths"].items():
        for method, told in methods.items():
            found[told["tags"][0]].append(_operation(schema, path, method, told, lang))
    return [
        GroupLine(words.zh if lang == "zh" else words.en, name, found[name])
        for name, words in GROUPS.items()
        if found[name]
    ]


def _operation(schema: Mapping[str, Any], path: str, method: str, told: Mapping[str, Any], lang: str) -> OperationLine:
    right = Right(told["x-right"]) if told["x-right"] else None
    parameters = [
        FieldLine(p["name"], _type(schema, p["schema"]), p["required"], _picked(p.get("description", ""), lang))
        for p in told["parameters"]
    ]
    body = told.get("requestBody", {}).get("content", {})
    answered = next(told["responses"][code] for code in ("200", "201") if code in told["responses"])
    content: Mapping[str, Any] = answered.get("content") or {"": {}}
    media, shape = next(iter(content.items()))
    return OperationLine(
        method.upper(), path, told["operationId"], told["x-words"][lang], told.get("description", "") if lang == "en" else "",
        str(right) if right else "", (right.words.zh if lang == "zh" else right.words.en) if right else "", parameters,
        [line for content in body.values() for line in _fields(schema, content["schema"], lang)],
        list(_fields(schema, shape.get("schema", {}), lang)), media,
    )  # fmt: skip


def _picked(text: str, lang: str) -> str:
    """Of a description in both languages, "中文 / English", the one that is asked for; one that has just one says it to both."""
    zh, both, en = text.partition(" / ")
    return en if both and lang == "en" else zh


def _resolved(schema: Mapping[str, Any], shape: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in shape:
        shape = schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    return shape


def _one(schema: Mapping[str, Any], shape: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """What a shape is besides null, and whether it may be null."""
    options = [option for option in shape.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1 and len(shape["anyOf"]) == 2:
        return _resolved(schema, options[0]), True
    return _resolved(schema, shape), False


def _type(schema: Mapping[str, Any], shape: Mapping[str, Any]) -> str:
    found, nullable = _one(schema, shape)
    kind = found.get("type", "")
    if kind == "array":
        said = f"[{_type(schema, found.get('items', {}))}]"
    elif "enum" in found:
        said = " | ".join(str(value) for value in found["enum"][:12]) + (" | …" if len(found["enum"]) > 12 else "")
    elif "const" in found:
        said = str(found["const"])
    elif isinstance(kind, list):
        said = " | ".join(kind)
    else:
        said = found.get("format") or kind or "…"
    return f"{said} | null" if nullable else said


def _fields(schema: Mapping[str, Any], shape: Mapping[str, Any], lang: str, within: str = "") -> Iterator[FieldLine]:
    found, _ = _one(schema, shape)
    if found.get("type") == "array":
        yield from _fields(schema, found.get("items", {}), lang, f"{within}[]" if within else "")
        return
    needed = set(found.get("required", ()))
    for name, inner in found.get("properties", {}).items():
        path = f"{within}.{name}" if within else name
        yield FieldLine(path, _type(schema, inner), name in needed, _picked(inner.get("description", ""), lang))
        if path.count(".") + 1 < DEEPEST and not _small(schema, inner):
            yield from _fields(schema, inner, lang, path)


def _small(schema: Mapping[str, Any], shape: Mapping[str, Any]) -> bool:
    """Words and codes that stand everywhere are not unfolded each time."""
    found = _one(schema, shape)[0]
    return _one(schema, found.get("items", found))[0].get("title") in ("Said", "Coded", "Place", "Where")
