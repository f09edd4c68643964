"""The API as django-ninja serves it: operations, each under a right and inside `acting`, and the document about them.

@operation("GET", "/rosters", Right.ROSTER_SEE, Rows[RosterOut], said=("名单", "rosters"))
def rosters(request: Request, page: Query[Paging]) -> ...: ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.renderers import JSONRenderer
from ninja.security.base import AuthBase
from ninja.signature.utils import get_typed_signature

from yizhan.agency.api.door import A_SECOND, AT_ONCE, PROBLEM_TYPE, ROOT, Request, door
from yizhan.agency.api.errors import BadParameter, NotInScope, RequestUnclear
from yizhan.agency.desk.words import Words
from yizhan.agency.staff.errors import NotAllowed
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting
from yizhan.errors import Problem, Problems

SCOPES: dict[Right, list[str]] = {}
"""The rights that the API serves, with the operations of each: what a key may be made for."""

ABOUT = (
    "部门、报表和医保局其他系统用的接口：名单、参保、结算、基金、政策。以密钥为凭（Authorization: Bearer），权限不超过密钥所有人当时的权限。金额为整数分，日期为 ISO 格式。"
    "每个拒绝都是 application/problem+json，给出与工作台相同的代码和中英文说明。"
    "\n\nFor departments, reporting and other systems of a bureau: rosters, enrolment, settlements, funds, policies. A key (Authorization: Bearer) "
    "may what its officer may at that moment, and of that what it was made for. Amounts are whole fen, days ISO dates. Each refusal is "
    "application/problem+json with the code that the desk gives, in Chinese and English."
)


class _Bearer(AuthBase):
    """Says in the document how one shows who one is. The door has asked already."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> Any:
        """Who calls."""
        return getattr(request, "bearer", None)


class _Renderer(JSONRenderer):
    """Chinese as it is, not escaped."""

    json_dumps_params = {"ensure_ascii": False}


platform = NinjaAPI(
    renderer=_Renderer(),
    title="一站 yizhan",
    version="1",
    description=ABOUT,
    openapi_url=None,
    docs_url=None,
    urls_namespace="api_v1",
    auth=_Bearer(),
)


def operation(
    method: str, path: str, right: Right | None, response: Any, *, said: tuple[str, str], by: Any = None, **more: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Serve a function under a right (None: any key). It runs inside `acting`, as a page does, and answers with `response`.

    `by`: how an answer that is no JSON is documented, as {media type: schema}.
    """

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        name = f"{function.__module__.rpartition('.')[2]}_{function.__name__}"

        @wraps(function)
        def served(request: Request, **asked: Any) -> Any:
            _refuse_unknown(request, name)
            _refuse_right(request, right)
            with acting(request.bearer):
                return function(request, **asked)

        # Resolved here, where the function's own names are known.
        served.__signature__ = get_typed_signature(function)  # type: ignore[attr-defined]  # read by inspect
        if right is not None:
            SCOPES.setdefault(right, []).append(name)
        about: dict[str, Any] = {"x-words": {"zh": said[0], "en": said[1]}, "x-right": str(right) if right else None}
        if by is not None:
            about["responses"] = {200: {"description": "OK", "content": by}}
        about |= more.pop("openapi_extra", {})
        register = platform.api_operation(
            [method], path, response=response, operation_id=name, url_name=name, summary=" ".join(said), openapi_extra=about,
            tags=[function.__module__.rpartition(".")[2]], description=inspect.getdoc(function), **more,
        )  # fmt: skip
        register(served)
        return function

    return mark


def _refuse_right(request: Request, right: Right | None) -> None:
    """Raises NotInScope, where the officer may and the key may not; NotAllowed, where the officer may not."""
    if right is None or request.bearer.may(right):
        return
    if str(right) not in request.bearer.key.scopes:
        raise NotInScope(right=str(right), right_zh=right.words.zh, right_en=right.words.en)
    raise NotAllowed(right_zh=right.words.zh, right_en=right.words.en)


def _refuse_unknown(request: Request, name: str) -> None:
    """A misspelt filter would be left out in silence, and the answer be taken for what was asked. Raises Problems."""
    unknown = sorted(set(request.GET) - _parameters()[name])
    if unknown:
        why = {"why_zh": "没有这个参数", "why_en": "there is no such parameter"}
        raise Problems([BadParameter(field=field[:40], **why) for field in unknown])


@cache
def _parameters() -> dict[str, frozenset[str]]:
    return {
        told["operationId"]: frozenset(p["name"] for p in told["parameters"] if p["in"] == "query")
        for methods in schema()["paths"].values()
        for told in methods.values()
    }


# --- What is refused --------------------------------------------------------------------------------------------------

_WHY = {
    "missing": ("没有填", "is missing"),
    "extra_forbidden": ("没有这一项", "there is no such field"),
    "int_parsing": ("应为整数", "should be a whole number"),
    "int_type": ("应为整数", "should be a whole number"),
    "bool_parsing": ("应为 true 或 false", "should be true or false"),
    "string_type": ("应为文本", "should be text"),
    "string_too_long": ("太长", "is too long"),
    "string_pattern_mismatch": ("格式不对", "has another form"),
    "greater_than_equal": ("太小", "is too small"),
    "less_than_equal": ("太大", "is too large"),
    "literal_error": ("不是可用的值", "is none of the values allowed"),
    "list_type": ("应为列表", "should be a list"),
    "model_attributes_type": ("应为对象", "should be an object"),
    "value_error": ("不合要求", "does not fit"),
}
"""What is said of a parameter, by what the check of its form found."""


@platform.exception_handler(ValidationError)
def _bad_parameters(request: HttpRequest, error: Any) -> HttpResponse:
    problems: list[Problem] = []
    for found in error.errors:
        kind = found["type"]
        date = ("应为 2026-11-02 这样的日期", "should be a date such as 2026-11-02")
        zh, en = date if kind.startswith("date") else _WHY.get(kind, ("与接口文档不符", found["msg"]))
        named = ".".join(str(piece) for piece in found["loc"][1:]) or "body"
        problems.append(BadParameter(field=named[:80], why_zh=zh, why_en=en))
    raise Problems(problems)


@platform.exception_handler(HttpError)
def _unclear(request: HttpRequest, error: Any) -> HttpResponse:
    raise RequestUnclear


# --- The document -----------------------------------------------------------------------------------------------------

_REFUSAL = {
    "type": "object",
    "title": "Refusal",
    "description": "为什么没有办 why nothing was done (RFC 9457)",
    "required": ["title", "status", "problems"],
    "additionalProperties": False,
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "problems": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["code", "at", "zh", "en"],
                "additionalProperties": False,
                "properties": {
                    "code": {"type": "string", "description": "不随版本改变的代码 a stable code"},
                    "at": {"type": "string", "description": "在哪里 where"},
                    "zh": {"type": "string"},
                    "en": {"type": "string"},
                },
            },
        },
    },
}
REFUSALS = {
    400: Words("请求看不懂", "the request cannot be read"),
    401: Words("没有密钥，或者密钥不能用", "no key, or one that is not valid"),
    403: Words("没有这项权限，或者网络不对", "not granted, or from another network"),
    404: Words("没有，或者不在管辖范围内", "not found, or outside the officer's area"),
    409: Words("与现状冲突", "in conflict with what is there"),
    413: Words("请求太长", "the request is too long"),
    422: Words("内容不合要求", "the content does not fit"),
    429: Words("太密，或者到了当日上限", "too many calls, or the day's ceiling is reached"),
    500: Words("平台出错", "the platform failed"),
}
_TEXT_HEADER = {"required": True, "schema": {"type": "string"}}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": _TEXT_HEADER},
    429: {"Retry-After": {"required": True, "description": "秒 seconds", "schema": {"type": "integer", "minimum": 1}}},
}


@cache
def schema() -> dict[str, Any]:
    """The OpenAPI document, the refusals of every operation included."""
    found: dict[str, Any] = platform.get_openapi_schema(path_prefix=ROOT.lstrip("/"))
    found["components"]["schemas"]["Refusal"] = _REFUSAL
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    for methods in found["paths"].values():
        for told in methods.values():
            for status, words in REFUSALS.items():
                refusal = {"description": f"{words.zh} {words.en}", "content": content}
                told["responses"][str(status)] = refusal | ({"headers": _HEADERS[status]} if status in _HEADERS else {})
            told["responses"] = {str(status): answer for status, answer in told["responses"].items()}
    found["x-limits"] = {"a_second": A_SECOND, "at_once": AT_ONCE}
    return found


def urls() -> list[URLPattern]:
    """The addresses of all operations, each behind the door."""
    from yizhan.agency.api import operations

    operations.load()
    found = []
    for pattern in platform.urls[0]:
        if isinstance(pattern, URLPattern) and pattern.name != "api-root":
            pattern.callback = door(pattern.callback)
            found.append(pattern)
    return found
