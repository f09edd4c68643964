"""Kinds of filings, their states, and what may follow what: one table for the code, the database and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from yizhan.agency.desk.words import Words


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of filing. `dated`: it holds for a period; `by_hospital`: institutions may ask for it."""

    words: Words
    responsible: Words
    by_hospital: bool = True
    named: str = ""


_BUREAU = Words("医保经办机构", "the bureau")

KINDS: Mapping[str, Kind] = {
    "referral": Kind(Words("转诊", "referral"), _BUREAU),
    "emergency": Kind(Words("急诊", "emergency"), _BUREAU),
    "offsite": Kind(Words("异地居住", "residence elsewhere"), _BUREAU),
    "chronic": Kind(Words("门诊慢性病", "chronic disease"), _BUREAU, named="disease"),
    "special": Kind(Words("门诊特殊病", "special outpatient disease"), _BUREAU, named="disease"),
    "severe": Kind(Words("专项救治", "severe-disease programme"), _BUREAU, named="disease"),
    "certificate": Kind(Words("救助证", "relief certificate"), _BUREAU, by_hospital=False),
    "family_doctor": Kind(Words("家庭医生签约", "family-doctor contract"), _BUREAU),
}


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
    "rejected": State(Words("未通过", "rejected"), "bad"),
    "revoked": State(Words("已撤销", "revoked"), "plain"),
    "forged": State(Words("手续伪造，已撤销", "forged, revoked"), "bad"),
    "withdrawn": State(Words("已撤回", "withdrawn"), "plain"),
}

FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "opinion": ("decision", "rejected", "returned", "withdrawn"),
    "evidence": ("decision", "withdrawn"),
    "returned": ("decision", "withdrawn"),
    "decision": ("approved", "rejected", "returned", "withdrawn"),
    "approved": ("revoked", "forged"),
}
"""What may follow a state; nothing follows the others."""

OPEN = tuple(state for state in FOLLOWS if state != "approved")
"""States in which somebody still has to do something."""

STEPS: Mapping[str, Words] = {
    "made": Words("提出", "made"),
    "township_opinion": Words("乡镇卫生院意见", "township hospital's opinion"),
    "county_opinion": Words("县级医院意见", "county hospital's opinion"),
    "evidence": Words("补交证明", "evidence added"),
    "completed": Words("补正", "completed"),
    "decision": Words("医保备案", "bureau's decision"),
    "revoked": Words("撤销", "revoked"),
    "withdrawn": Words("撤回", "withdrawn"),
}
