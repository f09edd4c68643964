"""What is wrong with a bill or with a file of bills."""

from __future__ import annotations

from yizhan.errors import InputProblem


class AlreadySettled(InputProblem):
    code = "already_settled"
    zh = "{institution} 的单号 {claim} 已经结算过，内容不同，不能再结一次。"
    en = "claim {claim} of {institution} was settled already, with other content; it cannot be settled again."


class LaterBillSettled(InputProblem):
    code = "later_bill_settled"
    zh = "这个人 {on} 已有一单结算在后面；{claim}（{day}）早于它，请按先后顺序录入。"
    en = "a bill of {on} was settled for this person already; {claim} ({day}) is earlier. Enter bills in their order."


class NoPolicyThere(InputProblem):
    code = "no_policy_there"
    zh = "{area} 没有可用的政策，不能结算。"
    en = "there is no policy for {area}, so nothing can be settled there."


class BillsUnreadable(InputProblem):
    code = "bills_unreadable"
    zh = '文件应是 JSON：{{"bills": [{{"id_number", "name", "institution", "claim"}}]}}，claim 的写法见 docs/settle.md。{why}'
    en = 'the file should be JSON: {{"bills": [{{"id_number", "name", "institution", "claim"}}]}}, with claims as in docs/settle.md. {why}'


class PersonNotFound(InputProblem):
    code = "bill_person_not_found"
    zh = "没有找到证件号和姓名都相符的人（{mask}）；请先登记。"
    en = "nobody has this number and name ({mask}); register the person first."


class InstitutionNotFound(InputProblem):
    code = "bill_institution_not_found"
    zh = "没有编码为 {code} 的机构。"
    en = "there is no institution with the code {code}."
