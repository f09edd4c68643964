"""A result in a few figures and sentences: what stands on top of its page and in the brief.

Figures are for all the insured of the area: what was found for the people drawn, times how many insured one of them stands
for. Whatever is not known, or not of this world, is said here first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yizhan.agency.desk.words import say
from yizhan.agency.laboratory.models import Result, Study
from yizhan.agency.laboratory.pictures import wan

SURE = 1.96
"""Standard errors within which 95 of 100 draws lie."""

PATIENTS = "个人"


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure: its value, what it is, and whether it is bad news."""

    value: str
    words: str
    bad: bool = False


def headlines(study: Study, result: Result) -> list[Headline]:
    """The figures on top: of a reform what it costs and whom it touches, else what is paid and left."""
    found = _of_reform(study, result) if study.changes else _of_present(study, result)
    years = result.table("fund_years_after" if study.changes else "fund_years")
    if years is not None:
        last = years["rows"][-1]
        months = say("{n} 个月", "{n} months", n=f"{last[7]:.1f}")
        words = say("基本医保可支付，{year}年末", "of reserve, end of {year}", year=last[0])
        found.append(Headline(months, words, last[7] < 0))
    return found


def _of_reform(study: Study, result: Result) -> list[Headline]:
    scale = result.about["scale"]
    rows = (result.table("changes") or {"rows": []})["rows"]
    funds = sum(row[4] for row in rows if row[1] != PATIENTS) * scale
    patients = sum(row[4] for row in rows if row[1] == PATIENTS) * scale
    found = [
        Headline(_signed(funds), say("各资金合计增减（万元，{y}年）", "more paid by the funds (10,000 yuan, {y})", y=study.years_text), funds > 0),
        Headline(_signed(patients), say("个人负担增减（万元）", "more paid by patients (10,000 yuan)"), patients > 0),
    ]  # fmt: skip
    winners = result.table("winners")
    if winners is None:
        return found
    won, lost = (round(sum(row[k] for row in winners["rows"]) * scale) for k in (3, 5))
    return [
        *found,
        Headline(f"{won:,}", say("少付的（人年）", "person-years pay less")),
        Headline(f"{lost:,}", say("多付的（人年）", "person-years pay more"), lost > 0),
    ]


def _of_present(study: Study, result: Result) -> list[Headline]:
    scale = result.about["scale"]
    rows = (result.table("outlay") or {"rows": []})["rows"]
    funds = sum(row[3] for row in rows if row[2] != PATIENTS) * scale
    patients = sum(row[3] for row in rows if row[2] == PATIENTS) * scale
    share = patients / max(1.0, funds + patients)
    return [
        Headline(
            wan(funds), say("各资金支出（万元，{y}年）", "paid by the funds (10,000 yuan, {y})", y=study.years_text)
        ),
        Headline(wan(patients), say("个人负担（万元）", "left to patients (10,000 yuan)")),
        Headline(f"{share:.1%}", say("个人负担占总费用", "of the whole cost is left to patients")),
    ]


def _signed(fen: float) -> str:
    return f"+{wan(fen)}" if fen > 0 else wan(fen)


def cautions(study: Study, result: Result) -> list[str]:
    """What has to be known before a figure is believed, the gravest first."""
    about = result.about
    if study.on_record:
        return _of_records(study, about)
    found = [
        say("人是按人口画像造出来的，不是真人；画像的 {n} 个数里有 {s} 个是拟的（没有出处）。",
            "The people are made up by a profile, none of them exists; {s} of its {n} figures are stand-ins without a source.",
            n=about["figures"], s=about["stand_ins"]),
    ]  # fmt: skip
    if about["stand_in_documents"]:
        found.append(_stand_ins(about))
    if about["scale"] > 1.005:
        found.append(say(
            "算了 {p} 人，全体参保 {i} 人；总量按每人代表 {k} 人放大，表里的数没有放大（基金预测除外）。",
            "{p} of {i} insured were drawn; totals on top are multiplied by {k}, the tables are not, except for the fund.",
            p=f"{about['persons']:,}", i=f"{about['insured']:,}", k=f"{about['scale']:.2f}",
        ))  # fmt: skip
    found.append(uncertainty(result))
    worst = fit(result)
    if worst:
        found.append(worst)
    found.append(behaviour(study))
    return found


def _of_records(study: Study, about: Mapping[str, Any]) -> list[str]:
    found = [
        say("这是{a} {y} 年记录在案的 {p} 人和他们的有效账单，不是造的人；编号是随机的，算完就没有了，这里只有合计，看不到任何一个人。",
            "These are the {p} people on record in {a} and their standing bills of {y}, not made-up ones; their numbers were random and are gone. Only sums are kept, nobody can be seen.",
            a=say(*about["area"]), y=study.years_text, p=f"{about['persons']:,}"),
        say("登记簿里没有收入，所以没有灾难性支出、收入分组和基金预测；人少的格子自己留意，不要外传。",
            "The register has no incomes, hence no catastrophic spending, no deciles and no forecast. Rows of few people are for the bureau only."),
    ]  # fmt: skip
    if about["stand_in_documents"]:
        found.append(_stand_ins(about))
    return [*found, behaviour(study)]


def _stand_ins(about: Mapping[str, Any]) -> str:
    return say(
        "这个地区的政策里，{documents} 是代用的：没有找到原文，按邻近或以后的文件拟定。",
        "Of the area's documents {documents} stand in for texts that were not found.", documents="、".join(about["stand_in_documents"]),
    )  # fmt: skip


def behaviour(study: Study) -> str:
    """How the people of a study respond to its reform, or that they do not."""
    if not study.behaves:
        return say("人不会因为规则变了而改变就医：多报或少报引起的多住院、少住院没有算。",
                   "Nobody here goes to hospital more or less often because the rules changed.")  # fmt: skip
    elasticity, nearer = study.behaviour
    return say("改后的人会变：住院次数随自负比例变化，弹性 {e}；市级以上住院有 {n}% 下沉一级。这两个数是建测算的人设的，没有本地依据；账单不同，所以没有逐人比较。",
               "After the reform people behave otherwise: stays follow the own share with elasticity {e}, and {n} % of stays above the county are had one place nearer. Whoever made the study set both, without local evidence; bills differ, so persons are not compared.",
               e=elasticity, n=nearer)  # fmt: skip


def uncertainty(result: Result) -> str:
    """How far chance alone moves what the basic fund pays, or that it cannot be said."""
    rows = (result.table("outlay") or {"rows": []})["rows"]
    known = [row for row in rows if row[2] == "基本医保" and row[7] is not None and row[3]]
    if not known:
        return say(
            "人数太少，给不出抽样误差。", "Too few people were drawn to say how far chance alone moves a figure."
        )
    share = max(SURE * row[7] / row[3] for row in known)
    return say("只因抽样，基本医保支出可能上下浮动 {s}（95% 的把握）；画像和政策本身的误差不在其内。",
               "By chance alone the basic fund's outlay may be off by {s} either way (95 of 100 draws); errors of profile and rules come on top.",
               s=f"{share:.1%}")  # fmt: skip


def fit(result: Result) -> str:
    """The figure of the profile that the population misses most, among those that are no stand-ins."""
    rows = (result.table("fit") or {"rows": []})["rows"]
    if not rows:
        return ""
    worst = max(rows, key=lambda row: abs(row[3]))
    near = sum(abs(row[3]) <= 0.05 for row in rows)
    return say("人口与画像：{n} 个数里 {k} 个相差不到 5%，相差最大的是“{w}”，{d}。",
               "Fit: {k} of {n} figures of the profile are met within 5 %; the farthest off is “{w}”, by {d}.",
               n=len(rows), k=near, w=say(*worst[0]), d=f"{worst[3]:+.1%}")  # fmt: skip


def dry(result: Result, key: str) -> str:
    """When the basic fund is first empty, in a sentence."""
    table = result.table(key)
    return say(table["note_zh"], table["note_en"]) if table else ""
