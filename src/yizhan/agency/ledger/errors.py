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


class SideNeeded(InputProblem):
    code = "movement_side"
    zh = "“{kind_zh}”的对方应是{side_zh}。"
    en = "the other side of a {kind_en} is {side_en}."


class IncomeNeeded(InputProblem):
    code = "movement_income"
    zh = "收入要选收入科目。"
    en = "say which income a receipt is."


class GiverNeeded(InputProblem):
    code = "movement_giver"
    zh = "“{income_zh}”要写明由哪个{level_zh}承担，并且在这个基金的统筹区和您的辖区内。"
    en = "say which {level_en} bears “{income_en}”; it must lie in the fund's pooling area and in yours."


class DayAhead(InputProblem):
    code = "movement_day"
    zh = "日期 {on} 还没有到。钱到账或付出以后再记。"
    en = "{on} has not come yet. Record money once it has moved."


class NoFundsHere(InputProblem):
    code = "no_funds_here"
    zh = "{area}没有可用的政策，不知道有哪些基金。"
    en = "there are no policies for {area}, so its funds are not known."
