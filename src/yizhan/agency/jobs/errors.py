"""What a run may be refused for, and why one may fail."""

from __future__ import annotations

from yizhan.errors import InputProblem


class RunEnded(InputProblem):
    code = "run_ended"
    zh = "任务已经结束（{state_zh}），不能再取消。"
    en = "the run has ended already ({state_en}) and cannot be cancelled."


class StarterGone(InputProblem):
    code = "starter_gone"
    zh = "发起任务的用户已停用，或不再有“{right_zh}”的权限，任务停在第 {position} 步。"
    en = "who started the run was suspended or has lost the right “{right_en}”; it stopped at step {position}."


class Broken(InputProblem):
    code = "run_broken"
    zh = "程序出错，任务停在第 {position} 步，这一步没有写入任何数据。请把编号 {run} 报给系统管理员。"
    en = "the program failed at step {position}, and nothing of that step was written. Report run {run} to the system administrator."
