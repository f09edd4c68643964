"""The closed vocabulary of facts: what a rule may look at, and what a claim may say.

A rule names facts and values by their Chinese legal terms; programs use the English codes. Both stand in `FACTS`, in
one table, so that policy documents, claims, batch columns and schemas speak of the same things. A fact has one of
five kinds:

    closed   one of a listed set of values            医院等级: 三级
    set      several listed values at once            身份: {低保, 重度残疾}
    name     a word that documents list               医院, 参保地
    names    several such words at once               病种
    number   an age, days, or an amount in fen        compared only with the cuts that rules name

An amount is known before settling starts, except the two in `RUNTIME`, which are known only in the middle of it.
"""

from __future__ import annotations

from dataclasses import dataclass

POTS = ("in_scope", "first_pay", "over_limit", "own")
"""The four pots into which a bill falls, in the order used everywhere: 政策范围内 先行自付 超限价 全自费."""

CHARGES = ("registration_fee", "consultation_fee", "drug_markup", "contract_fee")
"""Charges inside the pots that a rule may single out: 挂号费 诊查费 药品加价 签约服务费."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a closed fact: English code, Chinese legal term, English words."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact that rules may look at.

    `about` is `person`, `claim`, `amount`, or `engine` (known to the engine, never given). `unit` is for numbers:
    `fen`, `years` or `days`.
    """

    code: str
    zh: str
    en: str
    kind: str
    about: str
    values: tuple[Value, ...] = ()
    unit: str = ""

    @property
    def several(self) -> bool:
        """Whether a claim may hold several values of this fact at once."""
        return self.kind in ("set", "names")

    def value(self, word: str) -> Value | None:
        """The closed value of this code or Chinese term."""
        return next((v for v in self.values if word in (v.code, v.zh)), None)

    def word(self, code: str, lang: str) -> str:
        """A value in the language asked for; names stay as they are."""
        found = self.value(code)
        if found is None:
            return code
        return found.zh if lang == "zh" else found.en


def _values(table: str) -> tuple[Value, ...]:
    rows = (line.split(maxsplit=2) for line in table.strip().splitlines())
    return tuple(Value(code, zh, en) for code, zh, en in rows)


_YES_NO = _values("""
    yes 是 yes
    no  否 no
""")

_IDENTITIES = _values("""
    extremely_poor          特困             extremely poor
    orphan                  孤儿             orphan
    unsupported_child       事实无人抚养儿童   de-facto unsupported child
    subsistence             低保             on subsistence allowance
    severely_disabled       重度残疾          severely disabled
    returned_to_poverty     返贫致贫          returned to poverty
    registered_poor         建档立卡          registered poor
    monitored               监测对象          monitored low-income
    low_income_margin       低保边缘          low-income margin
    illness_poor            因病致贫          poor through illness
    unstable_lifted         脱贫不稳定        lifted but unstable
    marginal_prone          边缘易致贫        marginal, prone to poverty
    sudden_hardship         突发严重困难       in sudden hardship
    stably_lifted           稳定脱贫          stably lifted
    key_aid                 重点帮扶对象       key-aid person
    five_guarantees         五保             five-guarantees household
    three_without           三无             “three without”
""")

_ALL = (
    Fact("identity", "身份", "identity", "set", "person", _IDENTITIES),
    Fact("age", "年龄", "age", "number", "person", unit="years"),
    Fact("sex", "性别", "sex", "closed", "person", _values("female 女 female\n male 男 male")),
    Fact(
        "insurance",
        "参保险种",
        "insurance",
        "closed",
        "person",
        _values("""
            resident          居民医保  resident insurance
            rural_cooperative 新农合    rural cooperative scheme
            urban_resident    城镇居民  urban resident insurance
            employee          职工医保  employee insurance
        """),
    ),
    Fact("tier", "档次", "premium tier", "closed", "person", _values("tier_1 一档 tier 1\n tier_2 二档 tier 2")),
    Fact("insured_county", "参保地", "insured county", "name", "person"),
    Fact("supplementary", "补充保险参保", "holds supplementary insurance", "closed", "person", _YES_NO),
    Fact(
        "care",
        "医疗类别",
        "kind of care",
        "closed",
        "claim",
        _values("""
            inpatient     住院        inpatient
            outpatient    普通门诊     ordinary outpatient
            chronic       门诊慢特病   chronic or special outpatient
            observation   门诊观察     outpatient observation
            pharmacy      购药        pharmacy
            birth         生育        childbirth
            family_doctor 家庭医生签约 family-doctor contract
            internet      互联网诊疗   internet consultation
        """),
    ),
    Fact(
        "institution_level",
        "医院等级",
        "hospital grade",
        "closed",
        "claim",
        _values("""
            level_1       一级   grade 1
            level_2       二级   grade 2
            level_3       三级   grade 3
            level_3_super 特三级  grade 3 special
            ungraded      未定级  ungraded
        """),
    ),
    Fact(
        "institution_tier",
        "医院归属",
        "hospital tier",
        "closed",
        "claim",
        _values("""
            township  乡镇  township
            county    县级  county
            municipal 市级  municipal
            provincial 省级 provincial
            ministry  部属  ministry
        """),
    ),
    Fact("institution", "医院", "hospital", "name", "claim"),
    Fact("tcm", "中医医院", "hospital of Chinese medicine", "closed", "claim", _YES_NO),
    Fact("designated", "定点", "designated institution", "closed", "claim", _YES_NO),
    Fact(
        "place",
        "就医地",
        "place of care",
        "closed",
        "claim",
        _values("""
            own_county   本县  own county
            own_city     本市  elsewhere in the city
            own_province 本省  elsewhere in the province
            elsewhere    外省  another province
        """),
    ),
    Fact(
        "referral",
        "转诊",
        "referral",
        "closed",
        "claim",
        _values("""
            by_rule 按规定   by the rules
            none    未按规定  not by the rules
            forged  伪造     forged
        """),
    ),
    Fact("emergency", "急诊", "emergency", "closed", "claim", _YES_NO),
    Fact("linked", "接续", "linked stay", "closed", "claim", _YES_NO),
    Fact("diagnoses", "病种", "disease", "names", "claim"),
    Fact("quota_chronic", "慢病定额", "quota-managed chronic disease", "closed", "claim", _YES_NO),
    Fact("severe_programme", "专项救治", "severe-disease programme", "closed", "claim", _YES_NO),
    Fact("special_drug", "高值药品", "high-value negotiated drug", "closed", "claim", _YES_NO),
    Fact(
        "application",
        "申请",
        "application for assistance",
        "closed",
        "claim",
        _values("""
            not_applied 未申请 not applied
            approved    已批准 approved
        """),
    ),
    Fact(
        "expert_review",
        "评审",
        "expert review",
        "closed",
        "claim",
        _values("""
            pending  未评审 pending
            passed   通过   passed
            rejected 不通过 rejected
        """),
    ),
    Fact("wilful_default", "恶意拖欠", "wilful default", "closed", "claim", _YES_NO),
    Fact(
        "audit",
        "审核",
        "audit finding",
        "closed",
        "claim",
        _values("""
            normal        正常      normal
            no_indication 无住院指征 no indication for admission
            bed_hanging   挂床      bed-hanging
        """),
    ),
    Fact("days", "住院天数", "days of stay", "number", "claim", unit="days"),
    Fact("total", "费用总额", "total of the bill", "number", "amount", unit="fen"),
    Fact("in_scope", "政策范围内", "in-scope cost", "number", "amount", unit="fen"),
    Fact("first_pay", "先行自付", "first-pay", "number", "amount", unit="fen"),
    Fact("over_limit", "超限价", "over-limit cost", "number", "amount", unit="fen"),
    Fact("own", "全自费", "fully own cost", "number", "amount", unit="fen"),
    Fact("registration_fee", "挂号费", "registration fee", "number", "amount", unit="fen"),
    Fact("consultation_fee", "诊查费", "consultation fee", "number", "amount", unit="fen"),
    Fact("drug_markup", "药品加价", "drug mark-up", "number", "amount", unit="fen"),
    Fact("contract_fee", "签约服务费", "family-doctor contract fee", "number", "amount", unit="fen"),
    Fact("layer_base", "本层基数", "base of the layer", "number", "engine", unit="fen"),
    Fact("own_this_month", "全自费（当月）", "fully own cost this month", "number", "engine", unit="fen"),
    Fact("year_end_part", "年末续住", "part after the year's end", "closed", "engine", _YES_NO),
    Fact("identity_changed", "身份年内变化", "identity changed this year", "closed", "engine", _YES_NO),
)

FACTS = {fact.code: fact for fact in _ALL}
FACTS_ZH = {fact.zh: fact for fact in _ALL}

RUNTIME = ("layer_base", "own_this_month")
"""Numbers that are known only in the middle of settling."""

DEPARTMENTS = {
    "civil_affairs": "民政", "rural_revitalisation": "乡村振兴", "poverty_office": "扶贫办",
    "disabled_federation": "残联", "healthcare_security": "医保局", "other": "其他",
}  # fmt: skip
"""Departments that certify identities."""
