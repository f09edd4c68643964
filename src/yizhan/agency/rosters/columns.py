"""The columns of a roster: what each field is called by those who write lists, and which column of a file is which.

A header is matched by its words, cleaned of brackets, stars and blanks. What is guessed with certainty is used at once;
otherwise whoever uploaded the file says so on a page, and it is remembered for that department and header.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yizhan.agency.crypto import digest
from yizhan.agency.desk.words import Words
from yizhan.agency.people.identifiers import KINDS as CERTIFICATES
from yizhan.agency.people.models import IDENTITIES
from yizhan.agency.rosters.errors import ColumnChosenTwice, ColumnNeeded, ColumnUnknown
from yizhan.agency.rosters.states import JOINING, LEAVING
from yizhan.agency.spreadsheets import TemplateColumn
from yizhan.errors import Problem, Problems


@dataclass(frozen=True, slots=True)
class Field:
    """Something that a roster says of a person, and the words that head its column."""

    code: str
    words: Words
    headings: tuple[str, ...]
    help: Words


FIELDS: Mapping[str, Field] = {
    field.code: field
    for field in (
        Field("name", Words("姓名", "name"), ("姓名", "人员姓名", "参保人姓名", "对象姓名", "救助对象姓名", "保障对象姓名", "成员姓名", "name"),
              Words("与证件一致；少数民族姓名用间隔号“·”。", "As on the certificate.")),
        Field("id_number", Words("证件号码", "certificate number"), ("身份证号", "身份证号码", "公民身份号码", "公民身份证号码", "居民身份证号码", "身份证", "证件号码", "证件号", "有效证件号码", "idnumber", "id"),
              Words("居民身份证 18 位；本列是文本格式，请勿改为数字。", "18 characters of the resident ID; keep the column as text.")),
        Field("id_kind", Words("证件类型", "kind of certificate"), ("证件类型", "证件种类", "有效证件类型", "证件类别"),
              Words("不填按居民身份证。", "Empty means the resident ID card.")),
        Field("sex", Words("性别", "sex"), ("性别", "sex", "gender"), Words("可不填；填了要与身份证号一致。", "Optional; has to agree with the number.")),
        Field("born_on", Words("出生日期", "date of birth"), ("出生日期", "出生年月", "出生年月日", "出生"), Words("可不填；填了要与身份证号一致。没有 18 位号码的证件必填。", "Optional where the number tells it; has to agree with it.")),
        Field("identity", Words("身份类别", "category"), ("类别", "身份类别", "人员类别", "困难类别", "对象类别", "救助类别", "保障类别", "属性", "人员属性", "救助对象类别", "category"),
              Words("名单只有一个类别时可不填。", "May be left out where the list has one category only.")),
        Field("act", Words("变动", "change"), ("变动", "变动类型", "变更类型", "增减", "增减类型", "变化情况", "变动情况", "操作", "操作类型", "change"),
              Words("月度变动名单必填：新增或退出。", "Required in monthly lists: joining or leaving.")),
        Field("from_on", Words("起始日期", "first day"), ("起始日期", "开始日期", "认定日期", "认定时间", "享受开始日期", "纳入日期", "纳入时间", "起始时间", "生效日期", "批准日期", "from"),
              Words("不填按名单的生效日期。", "Empty means the day from which the list holds.")),
        Field("to_on", Words("截止日期", "last day"), ("截止日期", "终止日期", "结束日期", "退出日期", "退出时间", "享受截止日期", "有效期至", "停保日期", "to"),
              Words("最后一天；不填表示继续有效。退出的行填最后一天。", "The last day; empty means until further notice.")),
        Field("document", Words("文号或证号", "document"), ("文号", "证号", "低保证号", "特困证号", "残疾证号", "残疾人证号", "认定文号", "文件号", "document"),
              Words("认定文件或证书的编号。", "Number of the document or certificate.")),
        Field("phone", Words("联系电话", "telephone"), ("联系电话", "电话", "手机", "手机号", "手机号码", "联系方式", "phone"), Words("", "")),
        Field("place", Words("乡镇街道", "township"), ("乡镇", "街道", "乡镇街道", "所属乡镇", "镇街", "乡镇名称", "township"), Words("新增人员归到这个乡镇。", "New persons are entered there.")),
        Field("address", Words("住址", "address"), ("住址", "地址", "家庭住址", "家庭地址", "户籍地址", "现住址", "address"), Words("", "")),
    )
}  # fmt: skip

ALWAYS = ("name", "id_number")

SEX_WORDS = {"男": "male", "女": "female", "1": "male", "2": "female", "M": "male", "F": "female"}
JOIN_WORDS = ("新增", "增加", "增", "纳入", "新纳入", "加入", "变更", "调整", "转入", "join")
LEAVE_WORDS = ("退出", "减少", "减", "终止", "停保", "取消", "死亡", "转出", "清退", "注销", "leave")
ACTS = {**dict.fromkeys(JOIN_WORDS, JOINING), **dict.fromkeys(LEAVE_WORDS, LEAVING)}

IDENTITY_WORDS: dict[str, str] = {value.zh: code for code, value in IDENTITIES.items()} | {
    code: code for code in IDENTITIES
} | {
    "最低生活保障": "subsistence", "低保对象": "subsistence", "城市低保": "subsistence", "农村低保": "subsistence", "低保户": "subsistence",
    "特困人员": "extremely_poor", "特困供养": "extremely_poor", "特困供养人员": "extremely_poor", "孤儿": "orphan",
    "事实无人抚养": "unsupported_child", "重度残疾人": "severely_disabled", "重残": "severely_disabled",
    "返贫致贫人口": "returned_to_poverty", "脱贫不稳定户": "unstable_lifted", "脱贫不稳定人口": "unstable_lifted",
    "边缘易致贫户": "marginal_prone", "边缘易致贫人口": "marginal_prone", "突发严重困难户": "sudden_hardship", "突发严重困难人口": "sudden_hardship",
    "稳定脱贫人口": "stably_lifted", "脱贫户": "stably_lifted", "监测户": "monitored", "低保边缘家庭": "low_income_margin",
    "低保边缘户": "low_income_margin", "低边": "low_income_margin", "建档立卡贫困人口": "registered_poor", "因病致贫重病患者": "illness_poor",
}  # fmt: skip
"""How lists call the categories."""

CERTIFICATE_WORDS = {kind.zh: code for code, kind in CERTIFICATES.items()} | {
    code: code for code in CERTIFICATES
} | {"身份证": "resident_id", "居民身份证（户口簿）": "resident_id"}  # fmt: skip

CERTIFIES: Mapping[str, tuple[str, ...]] = {
    "civil_affairs": (
        "extremely_poor",
        "subsistence",
        "orphan",
        "unsupported_child",
        "low_income_margin",
        "illness_poor",
    ),
    "rural_revitalisation": (
        "returned_to_poverty",
        "monitored",
        "unstable_lifted",
        "marginal_prone",
        "sudden_hardship",
        "stably_lifted",
    ),
    "poverty_office": ("registered_poor", "stably_lifted"),
    "disabled_federation": ("severely_disabled",),
    "healthcare_security": tuple(IDENTITIES),
    "other": tuple(IDENTITIES),
}
"""Department → the categories that it certifies（湘潭 三（一）、湖南三）; shown first in the forms, and nothing is refused by it."""

_NOISE = re.compile(r"[\s*＊:：/、,，。.·_\-]|[（(【\[].*?[）)】\]]")


def cleaned(heading: str) -> str:
    """A heading as headings are compared: half width, without brackets and what they hold, stars, blanks."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", heading)).lower()


_BY_HEADING = {cleaned(heading): field.code for field in FIELDS.values() for heading in field.headings}


def signature(columns: Sequence[str]) -> bytes:
    """What makes two headers the same: their words, whatever their order. 32 bytes."""
    return digest("\n".join(sorted(cleaned(column) for column in columns if column)).encode())


def guess(columns: Sequence[str]) -> dict[str, str]:
    """Field → column, as far as the headings say."""
    found: dict[str, str] = {}
    for column in columns:
        field = _BY_HEADING.get(cleaned(column))
        if field and field not in found:
            found[field] = column
    return found


def required(kind: str, identities: Sequence[str]) -> tuple[str, ...]:
    """The fields without which such a list cannot be read."""
    needed = list(ALWAYS)
    if len(identities) > 1:
        needed.append("identity")
    if kind == "monthly":
        needed.append("act")
    return tuple(needed)


def sure(columns: Sequence[str], mapping: Mapping[str, str], kind: str, identities: Sequence[str]) -> bool:
    """Whether a guessed mapping may be used unseen: all that is required is there, and no field could be two columns."""
    claims = [_BY_HEADING[cleaned(column)] for column in columns if cleaned(column) in _BY_HEADING]
    return all(field in mapping for field in required(kind, identities)) and len(claims) == len(set(claims))


def check_mapping(
    columns: Sequence[str], mapping: Mapping[str, str], kind: str, identities: Sequence[str]
) -> dict[str, str]:
    """A mapping that somebody chose, without empty fields. Raises Problems: ColumnNeeded, ColumnUnknown, ColumnChosenTwice."""
    chosen = {field: column for field, column in mapping.items() if field in FIELDS and column}
    problems: list[Problem] = [
        ColumnNeeded(field_zh=FIELDS[field].words.zh, field_en=FIELDS[field].words.en)
        for field in required(kind, identities)
        if field not in chosen
    ]
    used = list(chosen.values())
    problems += [ColumnUnknown(column=column) for column in dict.fromkeys(used) if column not in columns]
    problems += [ColumnChosenTwice(column=column) for column in dict.fromkeys(used) if used.count(column) > 1]
    if problems:
        raise Problems(problems)
    return chosen


_EXAMPLES = {
    "name": ("张三", "买买提·艾力"), "id_number": ("990000195001010019",), "from_on": ("2026-09-01",), "to_on": ("2026-12-31",),
    "born_on": ("1950-01-01",), "phone": ("13800000000",), "document": ("民低〔2026〕1号",),
}  # fmt: skip


def template_columns(kind: str, identities: Sequence[str]) -> list[TemplateColumn]:
    """The columns of the template for such a list; those with a closed set of words offer it."""
    choices = {
        "sex": ("男", "女"),
        "identity": tuple(IDENTITIES[code].zh for code in identities),
        "act": ("新增", "退出"),
        "id_kind": tuple(k.zh for k in CERTIFICATES.values()),
    }
    needed = required(kind, identities)
    left_out = {"act"} if kind == "initial" else set()
    return [
        TemplateColumn(
            field.words.zh, field.help.zh, field.help.en, "date" if code.endswith("_on") else "text", code in needed,
            choices.get(code, ()), _EXAMPLES.get(code, ()),
        )
        for code, field in FIELDS.items()
        if code not in left_out
    ]  # fmt: skip
