"""The words of agreements and catalogues: kinds, classes, categories of cost, states. One table each.

Categories of cost keep the codes of the national interface (med_chrgitm_type), because bills are reported by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from yizhan.agency.desk.words import Words
from yizhan.engine.facts import CHARGES, FACTS

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


LEVELS: Mapping[str, Words] = {v.code: Words(v.zh, v.en) for v in FACTS["institution_level"].values}
CARES: Mapping[str, Words] = {v.code: Words(v.zh, v.en) for v in FACTS["care"].values}

# --- Agreements -------------------------------------------------------------------------------------------------------

EVENTS: Mapping[str, Words] = {
    "suspended": Words("中止", "suspended"),
    "resumed": Words("恢复", "resumed"),
    "terminated": Words("解除", "terminated"),
}

DESIGNATIONS: Mapping[str, Words] = {
    "poverty_relief": Words("扶贫（救助）定点", "poverty relief"),
    "severe_programme": Words("大病专项救治定点", "severe-disease programme"),
    "special_outpatient": Words("门诊慢特病定点", "special outpatient care"),
}

STANDINGS = _table(
    State("active", Words("有效", "in force"), "good"),
    State("suspended", Words("中止", "suspended"), "bad"),
    State("none", Words("无协议", "no agreement"), "bad"),
    State("ended", Words("已终止服务", "closed"), "plain"),
)

# --- Catalogues -------------------------------------------------------------------------------------------------------

CATALOGUES: Mapping[str, Words] = {
    "drug": Words("药品", "drugs"),
    "service": Words("医疗服务项目", "services"),
    "supply": Words("医用耗材", "supplies"),
}

CLASSES: Mapping[str, Words] = {
    "a": Words("甲类", "class A"),
    "b": Words("乙类", "class B"),
    "c": Words("丙类", "class C"),
}

FEES: Mapping[str, Words] = {
    "01": Words("床位费", "bed"),
    "02": Words("诊察费", "consultation"),
    "03": Words("检查费", "examination"),
    "04": Words("化验费", "laboratory"),
    "05": Words("治疗费", "treatment"),
    "06": Words("手术费", "operation"),
    "07": Words("护理费", "nursing"),
    "08": Words("卫生材料费", "supplies"),
    "09": Words("西药费", "Western drugs"),
    "10": Words("中药饮片费", "herbal pieces"),
    "11": Words("中成药费", "Chinese patent drugs"),
    "12": Words("一般诊疗费", "general treatment"),
    "13": Words("挂号费", "registration"),
    "14": Words("其他费", "other"),
}
"""Categories of cost on a bill, by the national codes."""

OTHER_FEE = "14"

FEES_OF: Mapping[str, tuple[str, ...]] = {
    "drug": ("09", "10", "11"),
    "service": ("01", "02", "03", "04", "05", "06", "07", "12", "13", "14"),
    "supply": ("08",),
}
"""Catalogue → the categories that its items may have."""

CHARGE_WORDS: Mapping[str, Words] = dict(
    zip(
        CHARGES,
        (
            Words("挂号费", "registration fee"),
            Words("诊查费", "consultation fee"),
            Words("药品加价", "drug mark-up"),
            Words("签约服务费", "contract fee"),
        ),
        strict=True,
    )
)

VERSION_STATES = _table(
    State("reading", Words("读取中", "being read"), "wait", Words("系统正在读取文件并与现行目录比较。", "The file is being read and compared with the catalogue in force.")),
    State("unreadable", Words("读取失败", "unreadable"), "bad", Words("文件没有读成；请按下面的原因改正后重新导入。", "The file could not be read; correct it as told below and import it again.")),
    State("draft", Words("待复核", "to be reviewed"), "wait", Words("请复核员核对差异后启用，导入的人不能自己启用。", "A reviewer, who is not the importer, looks at the differences and puts the version into force.")),
    State("applied", Words("已启用", "applied"), "good", Words("自生效日起，费用明细按这个版本划分。", "Bill lines from its first day on are split by this version.")),
    State("dropped", Words("已作废", "dropped"), "plain", Words("没有启用就作废了。", "It was given up before it was applied.")),
    State("withdrawn", Words("已撤回", "withdrawn"), "plain", Words("启用后又撤回；已按它划分的明细保留当时的依据。", "It was withdrawn after it had been applied; lines split by it keep what they were based on.")),
)  # fmt: skip

VERSION_FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "reading": ("draft", "unreadable"),
    "unreadable": ("dropped",),
    "draft": ("applied", "dropped"),
    "applied": ("withdrawn",),
}

CHANGES: Mapping[str, Words] = {
    "added": Words("新增", "added"),
    "removed": Words("删除", "removed"),
    "class": Words("类别变化", "class changed"),
    "ratio": Words("先付比例变化", "first-pay ratio changed"),
    "limit": Words("限价变化", "price limit changed"),
    "other": Words("其他变化", "changed otherwise"),
}
"""What a version changes, in the order in which it is shown. An item may stand under several."""

# --- Mappings ---------------------------------------------------------------------------------------------------------

MAPPING_STATES = _table(
    State("proposed", Words("待审核", "to be reviewed"), "wait"),
    State("approved", Words("已通过", "approved"), "good"),
    State("rejected", Words("已退回", "rejected"), "bad"),
    State("withdrawn", Words("已撤销", "withdrawn"), "plain"),
)
