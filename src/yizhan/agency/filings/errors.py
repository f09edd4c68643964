"""What filings refuse."""

from __future__ import annotations

from yizhan.errors import InputProblem


class NotItsTurn(InputProblem):
    code = "filing_not_its_turn"
    zh = "这项备案现在是“{now_zh}”，不能{act_zh}。"
    en = "the filing is “{now_en}” now, so this cannot be done: {act_en}."


class AlreadyRegistered(InputProblem):
    code = "filing_registered"
    zh = "这个人的“{kind_zh}{disease}”在这段时间里已有登记（{number}）。要改请先撤销原来的。"
    en = "this person has a filing “{kind_en} {disease}” in these days already ({number}). Revoke that one first."


class FilingIncomplete(InputProblem):
    code = "filing_incomplete"
    zh = "请填写{field_zh}：{why_zh}。"
    en = "give {field_en}: {why_en}."


class EvidenceLate(InputProblem):
    code = "evidence_late"
    zh = "证明最迟应在 {due} 补交，已经过期。急诊不再算作例外；情况特殊的，请医保经办机构另行备案。"
    en = "the evidence was due on {due}. The emergency no longer counts; in a special case let the bureau file it anew."


class EvidenceUnreadable(InputProblem):
    code = "evidence_kind"
    zh = "“{name}”不是 PDF、JPEG 或 PNG，或者超过 {most} MB，或者已有 {papers} 份。请换一份上传。"
    en = "“{name}” is no PDF, JPEG or PNG, or larger than {most} MB, or {papers} are there already. Upload another."


class ReasonNeeded(InputProblem):
    code = "filing_reason"
    zh = "请写明理由。"
    en = "give the reason."


class TermThere(InputProblem):
    code = "filing_term_there"
    zh = "“{kind_zh}”自 {on} 起的期限已经有了，不能改写。请换一个起始日期另设。"
    en = "a term of “{kind_en}” from {on} is there already and stays as it is. Set another from another day."


class NotKnown(InputProblem):
    code = "filing_not_known"
    zh = "没有叫“{name}”的{what_zh}。相近的：{near}。"
    en = "no {what_en} is called “{name}”. Near to it: {near}."
