"""What is refused about persons, their marks and their merging."""

from __future__ import annotations

from yizhan.errors import InputProblem


class RegisteredElsewhere(InputProblem):
    """Says that the number is taken, and nothing of where or by whom."""

    code = "registered_elsewhere"
    zh = "这个证件号码已在别处登记。请报市级核查；确属同一人的，由市级办理迁移。"
    en = "this number is registered elsewhere. Ask the city to check; if it is the same person, the city moves the record."


class AlreadyRegistered(InputProblem):
    code = "already_registered"
    zh = "这个证件号码已经登记，人员编号 {number}。请打开该人员核对，不要重复登记。"
    en = "this number is registered already, as person {number}. Open that person instead of registering twice."


class NumberDisagrees(InputProblem):
    code = "number_disagrees"
    zh = "{what_zh}与证件号码不一致（号码显示为 {found_zh}）；请核对证件，改正其中一项。"
    en = "the {what_en} disagrees with the number (which says {found_en}); check the certificate and correct one of them."


class BirthNeeded(InputProblem):
    code = "birth_needed"
    zh = "这种证件号码不含性别和出生日期，请另外填写。"
    en = "this kind of number tells neither sex nor day of birth; fill them in."


class NameNeeded(InputProblem):
    code = "name_needed"
    zh = "请填写姓名，最多 {most} 个字。"
    en = "give a name, of at most {most} characters."


class TooLong(InputProblem):
    code = "too_long"
    zh = "{what_zh}太长：最多 {most} 个字。"
    en = "the {what_en} is too long: at most {most} characters."


class ReasonNeeded(InputProblem):
    code = "reason_needed"
    zh = "请写明{what_zh}（至少 {least} 个字），它会记入审计日志。"
    en = "say {what_en} (at least {least} characters); it goes into the audit trail."


class NothingChanged(InputProblem):
    code = "nothing_changed"
    zh = "没有改动：填写的内容与现有的一样。"
    en = "nothing was changed: what you filled in is what is there."


class MergedAway(InputProblem):
    code = "merged_away"
    zh = "这个人员已并入 {number}；请在那里办理。"
    en = "this person was merged into {number}; continue there."


class DayInFuture(InputProblem):
    code = "day_in_future"
    zh = "{what_zh}（{day}）在今天以后；请核对。"
    en = "the {what_en} ({day}) lies in the future; check it."


class DaysReversed(InputProblem):
    code = "days_reversed"
    zh = "首日（{first}）晚于末日（{last}）；请核对。"
    en = "the first day ({first}) is after the last ({last}); check them."


class NotAnArea(InputProblem):
    code = "not_an_area"
    zh = "人员要归到县级、乡镇或村；请选择其中之一。"
    en = "a person belongs to a county, township or village; choose one."


class SameArea(InputProblem):
    code = "same_area"
    zh = "此人已在{area}，不需要迁移。"
    en = "the person is in {area} already."


# --- Households -------------------------------------------------------------------------------------------------------


class InAHousehold(InputProblem):
    code = "in_a_household"
    zh = "此人这段时间已在另一户（户号 {number}）；请先办理退出。"
    en = "the person is in another household ({number}) in these days; end that membership first."


class HeadTaken(InputProblem):
    code = "head_taken"
    zh = "这一户这段时间已有户主；请选择其他关系，或先让原户主退出。"
    en = "the household has a head in these days; choose another relation, or end the head's membership first."


# --- Marks ------------------------------------------------------------------------------------------------------------


class MarkOverlaps(InputProblem):
    code = "mark_overlaps"
    zh = "此人自 {first} 起{until_zh}已有“{identity_zh}”标识；请先终止或撤回原标识。"
    en = "the person is marked “{identity_en}” from {first}{until_en} already; end or withdraw that mark first."


class MarkWithdrawn(InputProblem):
    code = "mark_withdrawn"
    zh = "这条标识已经撤回，不能再改；请刷新页面看现在的标识。"
    en = "this mark has been withdrawn and cannot be changed; reload the page to see what holds now."


class NotWithinMark(InputProblem):
    code = "not_within_mark"
    zh = "末日 {last} 不在这条标识的期限内（{first} 起）。从来不应标识的，请用“撤回”。"
    en = "{last} is not within the mark, which begins on {first}. If it was never true, withdraw it."


# --- Merges -----------------------------------------------------------------------------------------------------------


class SameRecord(InputProblem):
    code = "same_record"
    zh = "两条是同一个人员编号；请选择另一条重复的记录。"
    en = "both are the same person number; choose the other record."


class MergeOpen(InputProblem):
    code = "merge_open"
    zh = "其中一人已有合并申请等待复核；请先办结。"
    en = "a merge of one of them is waiting for review; have it decided first."


class MergeNotOpen(InputProblem):
    code = "merge_not_open"
    zh = "这个合并申请已经办结；请刷新页面。"
    en = "this merge has been decided already; reload the page."


class NotMerged(InputProblem):
    code = "not_merged"
    zh = "这次合并没有生效或已撤销，不能再撤销。"
    en = "this merge is not in effect, so it cannot be undone."


class LaterMergeFirst(InputProblem):
    code = "later_merge_first"
    zh = "保留的人员后来又并入了 {number}；请先撤销那次合并。"
    en = "the person who was kept has since been merged into {number}; undo that merge first."


class ChangedSinceMerge(InputProblem):
    code = "changed_since_merge"
    zh = "合并以后，随并入人员转来的{what_zh}又改过（{which}）。请先在保留的人员上撤回这些改动，再撤销合并。"
    en = (
        "{what_en} that came with the merged person were changed since ({which}). Withdraw these changes on the person who "
        "was kept, then undo the merge."
    )
