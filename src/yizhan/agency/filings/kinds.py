"""Kinds of filings, their states, and what may follow what: one table for the code, the database and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from yizhan.agency.desk.words import Words


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of filing: its name, what it is for, the kind of care whose bills it may change, and which fact it tells.

    `care` and `fact` are codes of engine.facts; no `fact`: bills never look at it. `by_hospital`: institutions may ask for
    it. `named`: it is for one disease. `goes_to`: the word for the institution that it is about, "" where there is none.
    """

    words: Words
    about: Words
    care: str = "inpatient"
    fact: str = ""
    by_hospital: bool = True
    named: bool = False
    goes_to: Words | None = None


KINDS: Mapping[str, Kind] = {
    "referral": Kind(
        Words("转诊", "referral"),
        Words("病人要到上级或外地医院住院。乡镇卫生院提出的，先由县级医院出具意见，再由医保备案。",
              "The patient goes to a hospital above or elsewhere. A township's goes to the county hospital for its opinion, then to the bureau."),
        fact="referral", goes_to=Words("转入医院", "hospital to go to"),
    ),
    "emergency": Kind(
        Words("急诊", "emergency"),
        Words("来不及转诊的急诊。要在期限内补交证明，逾期不再算例外。",
              "An emergency that left no time for a referral. Evidence is due in time; after that it counts no more."),
        fact="emergency", goes_to=Words("急诊医院", "hospital of the emergency"),
    ),
    "offsite": Kind(
        Words("异地居住", "residence elsewhere"),
        Words("长期住在外地的，在居住地住院不用转诊。", "Who lives elsewhere needs no referral to hospitals of that place."),
        fact="referral",
    ),
    "chronic": Kind(
        Words("门诊慢性病", "chronic disease"),
        Words("按病种登记门诊慢性病定额。", "A registration for the quota of one chronic disease."),
        care="chronic", fact="quota_chronic", named=True,
    ),
    "special": Kind(
        Words("门诊特殊病", "special outpatient disease"),
        Words("按病种登记门诊特殊病。", "A registration for one special outpatient disease."),
        care="chronic", named=True,
    ),
    "severe": Kind(
        Words("专项救治", "severe-disease programme"),
        Words("纳入大病专项救治，按病种登记。", "The severe-disease programme, for one disease."),
        fact="severe_programme", named=True,
    ),
    "certificate": Kind(
        Words("救助证", "relief certificate"),
        Words("发给救助对象，与身份证一起在医院出示。", "For those entitled to relief; shown at the hospital beside the ID card."),
        by_hospital=False,
    ),
    "family_doctor": Kind(
        Words("家庭医生签约", "family-doctor contract"),
        Words("与基层机构签约的家庭医生团队。", "A contract with a team of family doctors."),
        care="family_doctor", goes_to=Words("签约机构", "institution of the team"),
    ),
    "choice": Kind(
        Words("选定机构", "choice of an institution"),
        Words("参保人选定看门诊、慢性病的机构。", "The institution that a person chose for outpatient or chronic care."),
        care="outpatient", goes_to=Words("选定的机构", "institution chosen"),
    ),
    "injury": Kind(
        Words("意外伤害", "injury"),
        Words("因意外伤害就医：写明时间、地点、经过，由医保核实有没有应由第三人负担的费用。",
              "Care after an accident: when, where and how, so that the bureau can look whether a third party has to bear it."),
    ),
}  # fmt: skip

REGISTRATIONS = ("chronic", "special", "severe", "certificate", "family_doctor")
"""Kinds of which a person holds one at a time, for a disease where they are for one."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a filing stands: words, a tone of the desk, and whose turn it is ("" : nobody's)."""

    words: Words
    tone: str
    turn: str = ""


STATES: Mapping[str, State] = {
    "opinion": State(Words("待县级医院意见", "awaits the county hospital's opinion"), "wait", "hospital"),
    "evidence": State(Words("待补证明", "awaits evidence"), "wait", "maker"),
    "decision": State(Words("待医保备案", "awaits the bureau"), "wait", "bureau"),
    "returned": State(Words("已退回补正", "returned to be completed"), "wait", "maker"),
    "approved": State(Words("已备案", "filed"), "good"),
    "ended": State(Words("已终止", "ended"), "plain"),
    "rejected": State(Words("未通过", "rejected"), "bad"),
    "revoked": State(Words("已撤销", "revoked"), "plain"),
    "forged": State(Words("手续伪造，已撤销", "forged, revoked"), "bad"),
    "withdrawn": State(Words("已撤回", "withdrawn"), "plain"),
}
"""`ended` counted until its last day; `revoked` and `forged` never did."""

FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "opinion": ("decision", "rejected", "returned", "withdrawn"),
    "evidence": ("decision", "rejected", "withdrawn"),
    "returned": ("opinion", "decision", "withdrawn"),
    "decision": ("approved", "rejected", "returned", "withdrawn"),
    "approved": ("ended", "revoked", "forged"),
    "ended": ("revoked", "forged"),
}
"""What may follow a state; nothing follows the others."""

OPEN = tuple(state for state, about in STATES.items() if about.turn)
"""States in which somebody still has to do something."""

DECIDED = ("approved", "ended", "revoked", "forged")
"""States that a bureau's approval leads to."""

STEPS: Mapping[str, Words] = {
    "made": Words("提出", "made"),
    "township_opinion": Words("乡镇卫生院意见", "township hospital's opinion"),
    "county_opinion": Words("县级医院意见", "county hospital's opinion"),
    "evidence": Words("补交证明", "evidence added"),
    "completed": Words("补正", "completed"),
    "decision": Words("医保备案", "bureau's decision"),
    "ended": Words("终止", "ended"),
    "revoked": Words("撤销", "revoked"),
    "withdrawn": Words("撤回", "withdrawn"),
}

MAKING = ("made", "township_opinion", "county_opinion", "evidence", "completed")
"""Steps whose officer does not decide afterwards."""

ISSUES: Mapping[str, Words] = {
    "first": Words("首次发放", "first issue"),
    "lost": Words("遗失补发", "the former was lost"),
    "damaged": Words("损坏换发", "the former was damaged"),
    "changed": Words("内容变更换发", "what it says changed"),
}
"""Why a certificate was printed on new paper; the paper before it is void."""
