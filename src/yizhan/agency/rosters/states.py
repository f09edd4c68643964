"""The states of a roster and of its rows, and which of them follow each other. The database keeps the same table.

reading ─► mapping ─► reading ─► open ─► review ─► applying ─► applied ─► withdrawing ─► withdrawn
                                   ▲        │          │
                                   ├ returned ◄        │  the world changed: decide anew
                                   └───────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass

from yizhan.agency.desk.words import Words

NO_HINT = Words("", "")


@dataclass(frozen=True, slots=True)
class State:
    """A state as pages show it. `tone` is good, wait, bad or plain."""

    code: str
    words: Words
    tone: str
    hint: Words = NO_HINT


def _table(*states: State) -> dict[str, State]:
    return {state.code: state for state in states}


ROSTER_STATES = _table(
    State("reading", Words("读取比对中", "being read"), "wait", Words("系统正在读取文件并与已知情况比对。", "The file is being read and compared with what is known.")),
    State("mapping", Words("待确认列", "columns to confirm"), "wait", Words("有的列认不准，请上传人确认每一列是什么。", "Some columns are unclear; whoever uploaded the file should say what each one is.")),
    State("unreadable", Words("读取失败", "unreadable"), "bad", Words("文件读不了或比对没有完成；请按原因改正后重新上传。", "The file could not be read or compared; correct it as told, and upload it again.")),
    State("open", Words("待核对", "to be checked"), "wait", Words("经办员核对差异、处理冲突，然后送复核。", "An officer looks at the differences, decides conflicts, and sends the roster to review.")),
    State("returned", Words("复核退回", "returned by review"), "bad", Words("复核员退回了名单；请按理由处理后重新送复核。", "The reviewer returned the roster; act on the reason and send it again.")),
    State("review", Words("待复核", "in review"), "wait", Words("等另一位复核员同意或退回。", "A reviewer, who is somebody else, approves or returns it.")),
    State("applying", Words("应用中", "being applied"), "wait", Words("系统正在一次性写入全部身份标识。", "All identity marks are being written, in one piece.")),
    State("applied", Words("已应用", "applied"), "good", Words("名单已生效。", "The roster is in force.")),
    State("withdrawing", Words("撤回中", "being withdrawn"), "wait", Words("系统正在撤回这份名单写入的标识。", "The marks that this roster brought are being withdrawn.")),
    State("withdrawn", Words("已撤回", "withdrawn"), "plain", Words("名单已撤回，此前的情况已恢复。", "The roster was withdrawn, and what was known before holds again.")),
    State("dropped", Words("已作废", "dropped"), "plain", Words("名单没有应用就作废了。", "The roster was given up before it was applied.")),
)  # fmt: skip

FOLLOWS: dict[str, tuple[str, ...]] = {
    "reading": ("mapping", "open", "unreadable"),
    "mapping": ("reading", "dropped"),
    "unreadable": ("dropped",),
    "open": ("reading", "review", "dropped"),
    "returned": ("reading", "review", "dropped"),
    "review": ("returned", "applying"),
    "applying": ("applied", "open", "review"),
    "applied": ("withdrawing",),
    "withdrawing": ("withdrawn", "applied"),
    "withdrawn": (),
    "dropped": (),
}
"""State → the states that may follow it."""

DECIDABLE = ("open", "returned")
"""States in which an officer decides rows."""

PENDING = ("open", "returned", "review", "applying")
"""States in which a roster may yet change what is known."""

ROW_STATES = _table(
    State("conflict", Words("冲突", "conflict"), "bad", Words("与已知情况或其他部门、其他名单不一致，要逐条决定。", "It contradicts what is known, another department or another roster, and has to be decided.")),
    State("elsewhere", Words("在其他地区", "elsewhere"), "bad", Words("这个人或这项标识归其他地区管；请先办理转移，再重新比对。", "The person, or the mark, belongs to another area; have it transferred, then compare again.")),
    State("not_found", Words("查无此人", "not found"), "bad", Words("要退出的人或标识不在已知情况里。", "Whoever should leave the category is not known in it.")),
    State("new", Words("新增标识", "new mark"), "good", Words("人已知，标识是新的。", "The person is known, the mark is new.")),
    State("new_person", Words("新增人员", "new person"), "good", Words("人和标识都是新的。", "Both the person and the mark are new.")),
    State("changed", Words("日期变更", "dates changed"), "wait", Words("标识已知，起止日期不同。", "The mark is known, with other dates.")),
    State("ended", Words("终止", "ended"), "wait", Words("标识到期终止：名单写明退出，或完整名单里没有了。", "The mark ends: the roster says so, or a complete list no longer has the person.")),
    State("unchanged", Words("无变化", "unchanged"), "plain", Words("与已知情况一致。", "As it is known already.")),
    State("rejected", Words("不合格", "rejected"), "bad", Words("这一行有错，退回部门改正。", "The row is wrong and goes back to the department.")),
)  # fmt: skip

CHANGING = ("new", "new_person", "changed", "ended")
"""Row states that change what is known when the roster is applied."""

DECISIONS = {
    "take": Words("按名单", "take the roster"),
    "keep": Words("保留现有", "keep ours"),
    "exclude": Words("剔除此行", "leave the row out"),
}

KINDS = {
    "initial": Words("完整名单", "complete list"),
    "monthly": Words("月度变动", "monthly changes"),
}
"""A complete list says who is in the category, so that whoever is missing has left it; a change list says so by row."""

GONE_BACK = "changed_since"
"""Reason of a row that has to be decided anew, because something else changed after the comparison."""

LEAVING = "leave"
JOINING = "join"
