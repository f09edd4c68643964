"""What the laboratory refuses."""

from __future__ import annotations

from yizhan.errors import InputProblem


class UnknownProfile(InputProblem):
    code = "unknown_profile"
    zh = "没有叫“{given}”的人口画像。现有：{known}；自己的画像请给 .toml 文件的路径。"
    en = "there is no population profile called “{given}”. Known are: {known}; give the path of a .toml file for your own."


class NoProfileBelow(InputProblem):
    code = "no_profile_below"
    zh = "{given} 以下没有带人口画像的统筹区。现有：{known}。"
    en = "no pooling area below {given} has a population profile. There are: {known}."


class WrongProfile(InputProblem):
    code = "wrong_profile"
    zh = "人口画像 {file} 有错：{why}。每个数字要写来源（source）或注明是拟的（stand_in），份额合计要是 1。"
    en = "the population profile {file} is wrong: {why}. Each figure needs a source or a stand_in note, and shares must add up to 1."


class ChangeUnclear(InputProblem):
    code = "change_unclear"
    zh = "看不懂要改什么：“{given}”。{why_zh}；同一条里有几处时写“原数#2=新数”。"
    en = "it is not clear what to change: “{given}”. {why_en}; where an article prints it several times write “OLD#2=NEW”."


class ChangeNotFound(InputProblem):
    code = "change_not_found"
    zh = "找不到要改的数：“{given}”。这里印的是：{printed}；有规则的文件：{documents}。"
    en = "the figure to change was not found: “{given}”. Printed here: {printed}; documents with rules: {documents}."


class ActualsUnreadable(InputProblem):
    code = "actuals_unreadable"
    zh = "读不懂实际支出：{why}。要有 year、month、outlay 三列，金额是元，如 1234.50。"
    en = (
        "the actual outlay cannot be read: {why}. It needs the columns year, month and outlay, in yuan such as 1234.50."
    )


class RecordsUnusable(InputProblem):
    code = "records_unusable"
    zh = "记录不能用：{why}。一个文件夹里要有 persons.parquet 和 bills.parquet，列见 docs/laboratory.md。"
    en = "the records cannot be used: {why}. A folder needs persons.parquet and bills.parquet; docs/laboratory.md has the columns."
