"""What the API refuses besides what its operations do."""

from __future__ import annotations

from yizhan.errors import InputProblem


class KeyNeeded(InputProblem):
    code = "key_needed"
    zh = "没有接口密钥。请在请求头写 Authorization: Bearer 密钥；密钥在工作台“我的账户”里建立。"
    en = "there is no key. Send the header Authorization: Bearer KEY; keys are made at the desk, under “My account”."


class KeyRefused(InputProblem):
    code = "key_refused"
    zh = "接口密钥不能用：{why_zh}。请在工作台“我的账户”里核对，或另建一个。"
    en = "the key is refused: {why_en}. Look at it under “My account” at the desk, or make another."


class NetworkRefused(InputProblem):
    code = "key_network"
    zh = "这个密钥不能从 {source} 使用，只允许从建立时填写的网络来。"
    en = "this key may not be used from {source}, only from the networks that were named when it was made."


class NotInScope(InputProblem):
    code = "key_scope"
    zh = "这个密钥建立时没有选“{right_zh}”（{right}）。需要时另建一个密钥。"
    en = "this key was not made for this: {right_en} ({right}). Make another if you need it."


class TooManyCalls(InputProblem):
    code = "too_many_calls"
    zh = "请求太密，这一个没有受理。请 {seconds} 秒后再发。"
    en = "too many calls; this one was not taken. Send it again in {seconds} seconds."


class BadParameter(InputProblem):
    code = "bad_parameter"
    zh = "{field}：{why_zh}。"
    en = "{field}: {why_en}."


class NoSuchAddress(InputProblem):
    code = "no_such_address"
    zh = "接口没有这个地址；有哪些见 /api/openapi.json。"
    en = "the API has no such address; /api/openapi.json lists them."


class MethodNotServed(InputProblem):
    code = "method_not_served"
    zh = "这个地址不接受 {method}。"
    en = "{method} is not served at this address."


class RequestTooLong(InputProblem):
    code = "request_too_long"
    zh = "请求太长，最多 {most} MB；更大的文件请在工作台上传。"
    en = "the request is too long, at most {most} MB; upload larger files at the desk."


class RequestUnclear(InputProblem):
    code = "request_unclear"
    zh = "看不懂这个请求：请求体或参数不合格式。"
    en = "the request cannot be read: its body or its parameters are malformed."


class ApiFault(InputProblem):
    code = "fault"
    zh = "平台出错（编号 {number}），什么也没有改；请把编号告诉管理员。"
    en = "the platform failed (number {number}) and changed nothing; tell the administrator this number."


class BadKeyTerms(InputProblem):
    code = "key_terms"
    zh = "{what_zh}。"
    en = "{what_en}."


class TooManyKeys(InputProblem):
    code = "too_many_keys"
    zh = "您已有 {count} 个在用的密钥；请先停用不用的。"
    en = "you have {count} keys in use already; end those that you do not need."
