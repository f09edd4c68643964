"""Why a row is rejected, contradicts what is known, or deserves a second look: codes and their words.

Rows store `{"code": …, …}`; the words stand here, once. A problem that another module raised about a cell (a wrong number)
is stored with its own words.
"""

from __future__ import annotations

from typing import Any

from yizhan.agency.desk.words import Words, say
from yizhan.agency.people.identifiers import mask_name
from yizhan.agency.people.models import IDENTITIES
from yizhan.agency.staff.models import DEPARTMENTS
from yizhan.errors import Problem

WORDS = {
    # rejected
    "name_empty": Words("没有姓名", "the name is missing"),
    "name_strange": Words("姓名“{found}”不像姓名", "“{found}” does not look like a name"),
    "id_empty": Words("没有证件号码", "the certificate number is missing"),
    "id_kind_unknown": Words("不认识证件类型“{found}”", "unknown kind of certificate “{found}”"),
    "identity_empty": Words("没有身份类别", "the category is missing"),
    "identity_unknown": Words("不认识身份类别“{found}”", "unknown category “{found}”"),
    "identity_outside": Words("“{found}”不在这份名单的类别里", "“{found}” is no category of this roster"),
    "act_empty": Words("没有写明是新增还是退出", "it does not say whether the person joins or leaves"),
    "act_unknown": Words("不认识变动“{found}”；请写新增或退出", "unknown change “{found}”; write 新增 or 退出"),
    "date_unreadable": Words(
        "{field_zh}“{found}”不是日期；请写成 2026-09-01", "the {field_en} “{found}” is no date; write it as 2026-09-01"
    ),
    "dates_turned": Words(
        "起始日期 {from_on} 晚于截止日期 {to_on}", "the first day {from_on} lies after the last day {to_on}"
    ),
    "date_implausible": Words("{field_zh} {found} 不合理", "the {field_en} {found} is not plausible"),
    "before_birth": Words("起始日期 {found} 早于出生日期", "the first day {found} lies before the date of birth"),
    "sex_differs": Words("性别“{found}”与身份证号不符", "the sex “{found}” contradicts the number"),
    "sex_unknown": Words("不认识性别“{found}”", "unknown sex “{found}”"),
    "birth_differs": Words("出生日期 {found} 与身份证号不符", "the date of birth {found} contradicts the number"),
    "birth_needed": Words(
        "这种证件的号码不含出生日期，要另填", "numbers of this kind do not tell the date of birth; enter it"
    ),
    "sex_needed": Words("这种证件的号码不含性别，要另填", "numbers of this kind do not tell the sex; enter it"),
    "duplicate": Words("与第 {other} 行重复（同一人同一类别）", "same person and category as row {other}"),
    "too_long": Words("{field_zh}过长", "the {field_en} is too long"),
    "phone_bad": Words("电话不是手机号，没有采用", "the telephone is no mobile number and was left out"),
    # conflicts
    "name_differs": Words(
        "这个号码的人姓名是“{known}”，名单写“{found}”", "this number belongs to “{known}”, the roster says “{found}”"
    ),
    "other_department": Words(
        "{department}已认定同一类别，日期有重叠", "{department} certified the same category for overlapping dates"
    ),
    "dates_overlap": Words("与 {count} 段已知标识重叠", "overlaps {count} known periods"),
    "incompatible": Words(
        "与已有的“{identity}”（{department}认定）不能同时存在",
        "cannot hold together with “{identity}”, certified by {department}",
    ),
    "pending": Words(
        "名单 {roster} 也在改同一人的这项标识，还没有应用",
        "roster {roster}, not yet applied, changes the same mark of this person",
    ),
    "person_died": Words("此人已于 {died} 死亡登记", "the person is registered as having died on {died}"),
    "maybe_known": Words(
        "可能是已知的人，号码录错了：请看候选人", "may be somebody known whose number was mistyped: see the candidates"
    ),
    "maybe_in_row": Words(
        "名单里没有此人，但第 {row} 行可能就是他（号码或内容有误）",
        "not in the list, but row {row} may be this person (mistyped)",
    ),
    "row_rejected": Words("名单第 {row} 行写了此人，但那一行不合格", "row {row} names this person, but is rejected"),
    "changed_since": Words("比对以后情况变了，请重新决定", "something changed after the comparison; decide anew"),
    "not_marked": Words("此人没有这项标识", "the person does not have this mark"),
    "unknown_person": Words("没有这个人", "nobody with this number is known"),
    "person_elsewhere": Words("此人登记在其他地区", "the person is registered in another area"),
    "mark_elsewhere": Words("其他地区已认定此人这一类别", "another area certified this category for the person"),
    # warnings
    "place_unknown": Words(
        "本地没有乡镇“{found}”，归到县级", "there is no township “{found}” here; the county was used"
    ),
    # candidates
    "typo": Words("号码只差一位或相邻两位颠倒", "the numbers differ in one character or a swap"),
    "same_name_birth": Words("同名、同出生日期", "same name and date of birth"),
    "same_name": Words("同名", "same name"),
}


def from_problem(problem: Problem) -> dict[str, Any]:
    """A problem of another module, as rows store it. It names no full number."""
    return {"code": problem.code, "zh": problem.text("zh"), "en": problem.text("en")}


def text_of(reason: dict[str, Any], lang: str = "", *, names: bool = True) -> str:
    """A stored reason in words; of the request's language where none is given.

    Without `names`, the name that we know for a number is masked: a department learns that its name is another, not which.
    """
    lang = lang or say("zh", "en")
    words = WORDS.get(reason["code"])
    if words is None:
        return str(reason.get(lang, reason["code"]))
    found = {"found": "", **reason}
    if not names and "known" in found:
        found["known"] = mask_name(found["known"])
    if found.get("department") in DEPARTMENTS:
        found["department"] = getattr(DEPARTMENTS[found["department"]], lang)
    if found.get("identity") in IDENTITIES:
        found["identity"] = getattr(IDENTITIES[found["identity"]], lang)
    template: str = getattr(words, lang)
    return template.format_map(found)
