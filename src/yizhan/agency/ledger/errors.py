"""What the ledger refuses."""

from __future__ import annotations

from yizhan.errors import EngineFault, InputProblem


class Unbalanced(EngineFault):
    code = "ledger_unbalanced"
    zh = "账套“{book}”的分录合计 {fen} 分，不是零。没有写入任何数据，请报告开发者。"
    en = "the postings in the book “{book}” sum to {fen} fen, not to zero. Nothing was written; please report this."


class UnknownAccount(EngineFault):
    code = "ledger_unknown_account"
    zh = "没有科目“{account}”。没有写入任何数据，请报告开发者。"
    en = "there is no account “{account}”. Nothing was written; please report this."


class Overdrawn(InputProblem):
    code = "fund_overdrawn"
    zh = "“{fund}”只有 {has} 元，不够支付 {fen} 元。请先拨入资金；其他基金的钱不能挪用。"
    en = "“{fund}” has {has} yuan, which does not cover {fen} yuan. Pay money in first; that of other funds may not be used."


class OtherPurpose(InputProblem):
    code = "other_purpose"
    zh = "“{fund}”和“{other}”是两个基金，钱不能互相划转。"
    en = "“{fund}” and “{other}” are two funds; money may not be moved between them."


class MoreThanOwed(InputProblem):
    code = "more_than_owed"
    zh = "应付只有 {owed} 元，不能支付 {fen} 元。请核对。"
    en = "only {owed} yuan are owed; {fen} yuan cannot be paid. Check the amount."


class AmountNeeded(InputProblem):
    code = "movement_amount"
    zh = "金额要大于零。"
    en = "the amount must be more than zero."


class NotProposed(InputProblem):
    code = "movement_decided"
    zh = "这一笔已经办过（{state_zh}）。"
    en = "this was decided already ({state_en})."


class WordsNeeded(InputProblem):
    code = "movement_words"
    zh = "请写明文号或凭证号，以及事由。"
    en = "give the document or voucher number, and the reason."
