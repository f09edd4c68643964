"""A claim put to the engine: what every layer would pay and why. Nothing is stored, and nobody is named."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse, JsonResponse

from yizhan.agency.api.door import Request
from yizhan.agency.api.errors import BadParameter
from yizhan.agency.api.service import operation
from yizhan.errors import Problems
from yizhan.exchange import as_json, input_schema, output_schema, read_request, settle_request

MOST_CLAIMS = 50


def _asked() -> dict[str, Any]:
    """The input of `./yizhan settle`, without the certificate number."""
    found = input_schema()
    del found["$schema"], found["properties"]["beneficiary"]["properties"]["id_number"]
    found["properties"]["claims"]["maxItems"] = MOST_CLAIMS
    return found


def _answered() -> dict[str, Any]:
    found = output_schema()
    del found["$schema"]
    return found


@operation(
    "POST", "calculations", None, None, said=("试算", "calculate"), by={"application/json": {"schema": _answered()}},
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _asked()}}}},
)  # fmt: skip
def calculate(request: Request) -> HttpResponse:
    """The format of `./yizhan settle` and of its `--json` (docs/settle.md); amounts are yuan as text there. A certificate number is refused."""
    text = _text(request.body)
    read = read_request(text)
    if len(read.claims) > MOST_CLAIMS:
        raise BadParameter(field="claims", why_zh=f"最多 {MOST_CLAIMS} 单", why_en=f"at most {MOST_CLAIMS}")
    if "id_number" in json.loads(text)["beneficiary"]:
        raise BadParameter(
            field="beneficiary.id_number", why_zh="试算不收证件号，请写 born_on 和 sex",
            why_en="no certificate number is taken for a calculation; give born_on and sex",
        )  # fmt: skip
    return JsonResponse(as_json(read, settle_request(read), whole=True), json_dumps_params={"ensure_ascii": False})


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Problems([BadParameter(field="body", why_zh="不是 UTF-8 编码", why_en="is not UTF-8")]) from None
