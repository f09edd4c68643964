"""What the rosters refuse."""

from __future__ import annotations

from yizhan.errors import InputProblem


class FileMissing(InputProblem):
    code = "file_missing"
    zh = "请选择要上传的文件（.xlsx 或 .csv）。"
    en = "choose the file to upload (.xlsx or .csv)."


class NotYourDepartment(InputProblem):
    code = "not_your_department"
    zh = "您只能上传本部门（{department_zh}）的名单。"
    en = "you can upload rosters of your own department ({department_en}) only."


class CategoryNeeded(InputProblem):
    code = "category_needed"
    zh = "请至少选择一个身份类别。"
    en = "choose at least one category."


class FirstOfMonth(InputProblem):
    code = "first_of_month"
    zh = "月度变动名单的日期应是当月1日，不是 {found}。"
    en = "a list of monthly changes is dated the first of its month, not {found}."


class EffectiveOutside(InputProblem):
    code = "effective_outside"
    zh = "生效日期 {found} 不合理；应在 {first} 至 {last} 之间。"
    en = "the effective day {found} is not plausible; it should lie between {first} and {last}."


class FileSentTwice(InputProblem):
    code = "file_sent_twice"
    zh = "同一个文件已经上传过（名单 {number}，{state_zh}）；如确需重传，请先作废那一份。"
    en = (
        "the same file was uploaded before (roster {number}, {state_en}); drop that one first if it must be sent again."
    )


class ColumnNeeded(InputProblem):
    code = "column_needed"
    zh = "没有指定“{field_zh}”是哪一列；这一项必填。"
    en = "no column was chosen for “{field_en}”, which is required."


class ColumnChosenTwice(InputProblem):
    code = "column_chosen_twice"
    zh = "“{column}”这一列被选了两次。"
    en = "the column “{column}” was chosen twice."


class ColumnUnknown(InputProblem):
    code = "column_unknown"
    zh = "文件里没有“{column}”这一列。"
    en = "the file has no column “{column}”."


class WrongState(InputProblem):
    code = "roster_state"
    zh = "名单现在是“{now_zh}”，不能这样办。请刷新页面。"
    en = "the roster is now “{now_en}”, so this cannot be done. Reload the page."


class Undecided(InputProblem):
    code = "rows_undecided"
    zh = "还有 {count} 行没有决定；全部决定以后才能送复核。"
    en = "{count} rows are not decided yet; decide them all before sending the roster to review."


class DecisionNotPossible(InputProblem):
    code = "decision_not_possible"
    zh = "“{decision_zh}”不能用于“{state_zh}”的行。"
    en = "“{decision_en}” cannot be said of a row that is “{state_en}”."


class NothingChosen(InputProblem):
    code = "nothing_chosen"
    zh = "没有选中任何行。"
    en = "no row was chosen."


class ReasonNeeded(InputProblem):
    code = "reason_needed"
    zh = "请写明理由。"
    en = "state the reason."


class NoSuchCandidate(InputProblem):
    code = "no_such_candidate"
    zh = "所选的人不在这一行的候选人里。"
    en = "the chosen person is not among the candidates of this row."


class LaterRosterChanged(InputProblem):
    code = "later_roster_changed"
    zh = "不能撤回：有 {count} 项标识后来又被改过（{who}）。请先撤回后来的名单，或逐人更正。"
    en = "cannot be withdrawn: {count} marks were changed later (by {who}). Withdraw the later rosters first, or correct the persons one by one."


class DutyExists(InputProblem):
    code = "duty_exists"
    zh = "这个部门、类别的报送时限已经有了；请修改原有的一条。"
    en = "there is a deadline for this department and category already; change that one."


class NoKnownDates(InputProblem):
    code = "no_known_dates"
    zh = "本地的政策文件里没有报送日期；请逐条登记。"
    en = "the policy documents of this area print no dates; enter them one by one."


class DueNeeded(InputProblem):
    code = "due_needed"
    zh = "请选择责任人和办结期限；期限不能早于今天。"
    en = "choose who is responsible and until when; not before today."


class CloseReasonNeeded(InputProblem):
    code = "close_reason_needed"
    zh = "请选择办结方式。"
    en = "say how the gap was closed."
