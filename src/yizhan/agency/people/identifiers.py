"""Numbers by which people are known: certificates, mobile phones, bank accounts. What they prove, and how they are masked.

The resident ID (公民身份号码, GB 11643) proves itself by its check character and carries day of birth and sex. A division
code that we do not know is only a warning: divisions are renamed and dissolved, people keep their numbers. Other
certificates have no public check, so an unusual form is a warning and only what cannot be a number is refused.

No message and no `repr` of this module shows a full number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from yizhan.errors import BadIdNumber, InputProblem, UnknownValue

# --- What may go wrong ------------------------------------------------------------------------------------------------


class BadCertificateNumber(InputProblem):
    code = "bad_certificate_number"
    zh = "{kind_zh}号码 {masked} 不对：{why_zh}。"
    en = "the number {masked} ({kind_en}) is wrong: {why_en}."


class BadMobile(InputProblem):
    code = "bad_mobile"
    zh = "“{masked}”不是手机号；应为 1 开头的 11 位数字。"
    en = "“{masked}” is not a mobile number; it should be 11 digits beginning with 1."


class BadAccount(InputProblem):
    code = "bad_account"
    zh = "“{masked}”不是银行账号；应为 {least} 到 {most} 位数字。"
    en = "“{masked}” is not a bank account; it should be {least} to {most} digits."


class DivisionUnknown(InputProblem):
    code = "division_unknown"
    zh = "号码开头的地区代码 {division} 不在代码表里；可能是已撤销的区划，请核对。"
    en = "the division code {division} at its beginning is not in the table; it may be a dissolved division, please check."


class NumberUpgraded(InputProblem):
    code = "number_upgraded"
    zh = "15 位的旧号码已换成 18 位 {masked}，请与证件核对。"
    en = "the old number of 15 digits was turned into one of 18, {masked}; check it against the certificate."


class OtherKind(InputProblem):
    code = "other_kind"
    zh = "这个号码看来是“{kind_zh}”的号码，请核对证件类型。"
    en = "this looks like a number of “{kind_en}”; check the kind of certificate."


class UnusualForm(InputProblem):
    code = "unusual_form"
    zh = "{kind_zh}的号码通常是{form_zh}，请核对。"
    en = "a number of {kind_en} usually is {form_en}; please check."


class VeryOld(InputProblem):
    code = "very_old"
    zh = "按号码已满 {age} 岁，请核对。"
    en = "by this number the person is {age} years old; please check."


class AccountUnproven(InputProblem):
    code = "account_unproven"
    zh = "银行账号 {masked} 不符合银行卡的校验规则：可能录错，也可能是存折账号，请核对。"
    en = "bank account {masked} fails the check of bank cards: it is mistyped, or the account of a passbook; please check."


# --- Kinds of certificates --------------------------------------------------------------------------------------------

FEMALE, MALE = "female", "male"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of certificate. `form` is what its numbers usually look like; an empty one says nothing."""

    code: str
    zh: str
    en: str
    form: str = ""
    form_zh: str = ""
    form_en: str = ""


_EIGHTEEN = ("18 位", "18 characters")
KINDS: Mapping[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind("resident_id", "居民身份证", "resident ID card", "", *_EIGHTEEN),
        Kind("household_register", "户口簿", "household register", r"[0-9]{9}", "9 位户号或 18 位身份号码", "9 digits of the household, or 18 characters of the person"),
        Kind("birth_certificate", "出生医学证明", "medical certificate of birth", r"[A-Z][0-9]{9}", "1 个字母加 9 位数字", "a letter and 9 digits"),
        Kind("hk_macao_residence", "港澳居民居住证", "residence permit for Hong Kong and Macao residents", r"8[12]0000[0-9]{11}[0-9X]", "18 位，以 810000 或 820000 开头", "18 characters beginning with 810000 or 820000"),
        Kind("taiwan_residence", "台湾居民居住证", "residence permit for Taiwan residents", r"830000[0-9]{11}[0-9X]", "18 位，以 830000 开头", "18 characters beginning with 830000"),
        Kind("hk_macao_travel", "港澳居民来往内地通行证", "mainland travel permit for Hong Kong and Macao residents", r"[HM](?:[0-9]{8}|[0-9]{10})", "H 或 M 加 8 位或 10 位数字", "H or M and 8 or 10 digits"),
        Kind("taiwan_travel", "台湾居民来往大陆通行证", "mainland travel permit for Taiwan residents", r"[0-9]{8}(?:[0-9]{2})?", "8 位数字", "8 digits"),
        Kind("foreign_permanent", "外国人永久居留身份证", "foreign permanent resident ID card", r"[A-Z]{3}[0-9]{12}", "以 9 开头的 18 位，旧证为 3 个字母加 12 位数字", "18 characters beginning with 9; on old cards 3 letters and 12 digits"),
        Kind("passport", "护照", "passport", r"[A-Z0-9]{7,9}", "7 到 9 位字母和数字", "7 to 9 letters and digits"),
        Kind("officer", "军官证", "military officer's certificate", r"[一-龥]字第[0-9]{6,8}号?", "“某字第”加 6 到 8 位数字", "“某字第” and 6 to 8 digits"),
        Kind("armed_police", "武警警官证", "armed police officer's certificate", r"武?[一-龥]?字第[0-9]{6,8}号?", "“武字第”加 6 到 8 位数字", "“武字第” and 6 to 8 digits"),
        Kind("disability", "残疾人证", "certificate of disability", "", *_EIGHTEEN),
        Kind("other", "其他证件", "another certificate"),
    )
}  # fmt: skip
"""Kinds of certificates by their code."""

PROVINCES = frozenset(
    f"{first}{second}"
    for first, seconds in {"1": "12345", "2": "123", "3": "1234567", "4": "123456", "5": "01234", "6": "12345", "7": "1", "8": "12"}.items()
    for second in seconds
)  # fmt: skip
"""The first two digits of the division codes (GB/T 2260): 34 provinces and their equals."""

OLDEST = 120
"""Years of age above which a number is probably mistyped."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A number that was read. `sex` is empty and `born_on` None where the number does not tell."""

    value: str = field(repr=False)
    kind: str
    born_on: date | None = None
    sex: str = ""
    warnings: tuple[InputProblem, ...] = field(default=(), compare=False)


def read_identifier(kind: str, text: str, today: date, *, divisions: Collection[str] = ()) -> Identifier:
    """The number of a certificate, normalised, with what it tells.

    `divisions` are the six-digit codes known; without them only the province is looked at. Raises UnknownValue (kind),
    BadIdNumber (whatever has 18 characters and a check character), BadCertificateNumber (the others).
    """
    if kind not in KINDS:
        raise UnknownValue(
            value=kind, fact_zh="证件类型", fact_en="kind of certificate",
            allowed_zh="、".join(k.zh for k in KINDS.values()), allowed_en=", ".join(KINDS),
        )  # fmt: skip
    value = _normalised(text)
    if kind == "resident_id" or (kind in _CHECKED and re.fullmatch(_CHECKED[kind], value)):
        return _read_resident(kind, value, today, divisions)
    if kind == "disability" and len(value) >= 20:  # the resident ID, category and grade, and how often it was replaced
        owner = _read_resident(kind, value[:18], today, divisions)
        return Identifier(value, kind, owner.born_on, owner.sex, owner.warnings)
    return _read_other(KINDS[kind], value)


_CHECKED = {
    "household_register": r"[0-9]{17}[0-9X]",
    "hk_macao_residence": r".{18}",
    "taiwan_residence": r".{18}",
    "foreign_permanent": r"9.{17}",
}
"""Kinds whose numbers of this form are made as the resident ID is."""


def _normalised(text: str) -> str:
    """Half width, capitals, no blanks, no joints, nothing invisible."""
    if _FORM.fullmatch(text):
        return text
    text = unicodedata.normalize("NFKC", text).upper()
    kept = (c for c in text if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf"))
    return "".join(kept).strip("'‘’`").replace("-", "").replace("–", "").replace("—", "")


# --- Resident ID ------------------------------------------------------------------------------------------------------

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2, 1)
_CHECK_CHARACTERS = "10X98765432"
_FORM = re.compile(r"[0-9]{17}[0-9X]")


def check_character(first17: str) -> str:
    """The last character for these 17 digits (ISO 7064, MOD 11-2).

    >>> check_character("11010519491231002")
    'X'
    """
    return _CHECK_CHARACTERS[sum(int(d) * w for d, w in zip(first17, _WEIGHTS[:17], strict=True)) % 11]


def synthetic_id(division: str, born_on: date, sequence: int) -> str:
    """A number with a right check character for demonstrations and tests. An odd sequence (0 to 999) is a man's.

    >>> synthetic_id("990000", date(1950, 1, 1), 1)
    '990000195001010019'
    """
    first17 = f"{division}{born_on:%Y%m%d}{sequence:03d}"
    return first17 + check_character(first17)


def _read_resident(kind: str, value: str, today: date, divisions: Collection[str]) -> Identifier:
    def refused(zh: str, en: str) -> BadIdNumber:
        return BadIdNumber(masked=mask_identifier(value), why_zh=zh, why_en=en)

    warnings: list[InputProblem] = []
    if re.fullmatch(r"[0-9]{15}", value):
        first17 = f"{value[:6]}19{value[6:]}"
        value = first17 + check_character(first17)
        warnings.append(NumberUpgraded(masked=mask_identifier(value)))
    if not _FORM.fullmatch(value) or value[0] == "0":
        raise refused(*_why_no_form(value))
    if check_character(value[:17]) != value[17]:
        if value.endswith("000"):
            raise refused(
                "校验码不对，末三位都是0：可能被表格软件改成了数字，请把这一列设为文本后重新录入",
                "the check character does not fit and the last three digits are 0: a spreadsheet may have turned it into a "
                "number; format the column as text and enter it again",
            )
        raise refused("校验码不对，可能录错了一位", "the check character does not fit; a digit may be mistyped")
    try:
        born_on = date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    except ValueError:
        raise refused("出生日期不存在", "its date of birth does not exist") from None
    if born_on > today:
        raise refused("出生日期在今天以后", "its date of birth lies in the future")
    age = today.year - born_on.year - ((today.month, today.day) < (born_on.month, born_on.day))
    if age > OLDEST:
        warnings.append(VeryOld(age=age))
    warnings += _doubts(kind, value, divisions)
    return Identifier(value, kind, born_on, MALE if int(value[16]) % 2 else FEMALE, tuple(warnings))


def _why_no_form(value: str) -> tuple[str, str]:
    if not value:
        return "没有填写", "it is empty"
    if "*" in value:
        return "是脱敏以后的号码，请用完整号码", "it is a masked number; the full one is needed"
    if re.fullmatch(r"[0-9.]+E\+?[0-9]+", value):
        return (
            "被表格软件改成了科学计数法，请把这一列设为文本后重新录入",
            "a spreadsheet turned it into scientific notation; format the column as text and enter it again",
        )
    if len(value) != 18:
        return f"应为18位，实为{len(value)}位", f"it should have 18 characters and has {len(value)}"
    return (
        "应为17位数字加校验码（数字或X），不以0开头",
        "it should be 17 digits and a check character (digit or X), not beginning with 0",
    )


def _doubts(kind: str, value: str, divisions: Collection[str]) -> list[InputProblem]:
    """What the first digits say against the kind of certificate, or of a division that is not known."""
    right = _kind_by_prefix(value)
    taken = "resident_id" if kind in ("household_register", "disability") else kind
    if right == taken:
        known = value[:6] in divisions if divisions else value[:2] in PROVINCES
        return [] if known or taken != "resident_id" else [DivisionUnknown(division=value[:6])]
    if right == "resident_id":
        return [_unusual(KINDS[kind])]
    return [OtherKind(kind_zh=KINDS[right].zh, kind_en=KINDS[right].en)]


def _kind_by_prefix(value: str) -> str:
    if value[:6] in ("810000", "820000"):
        return "hk_macao_residence"
    if value[:6] == "830000":
        return "taiwan_residence"
    return "foreign_permanent" if value[0] == "9" and value[1:3] in PROVINCES else "resident_id"


def typo_variants(number: str) -> list[str]:
    """The resident IDs that one wrong character or one swap of neighbours may have turned into this number.

    `number` has the form of a resident ID, normalised; else there are none. Only variants with a right check character
    and an existing date of birth are given: some 10 of 180. The number itself is not among them.
    """
    if not _FORM.fullmatch(number):
        return []
    digits = [10 if c == "X" else int(c) for c in number]
    # With the check character as weight 1, a right number sums to 1 (mod 11); `off` is what is missing.
    off = (1 - sum(d * w for d, w in zip(digits, _WEIGHTS, strict=True))) % 11
    found: list[str] = []
    for place, weight in enumerate(_WEIGHTS):
        right = (digits[place] + off * pow(weight, -1, 11)) % 11
        if right < 10 or place == 17:
            found.append(f"{number[:place]}{'0123456789X'[right]}{number[place + 1 :]}")
        swapped = f"{number[:place]}{number[place + 1 : place + 2]}{number[place]}{number[place + 2 :]}"
        if place < 17 and _FORM.fullmatch(swapped) and check_character(swapped[:17]) == swapped[17]:
            found.append(swapped)
    return [n for n in dict.fromkeys(found) if n != number and n[0] != "0" and _is_day(n[6:14])]


def _is_day(text: str) -> bool:
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


# --- Other certificates -----------------------------------------------------------------------------------------------

_LONGEST = 30


def _read_other(kind: Kind, value: str) -> Identifier:
    def refused(zh: str, en: str) -> BadCertificateNumber:
        masked = mask_identifier(value)
        return BadCertificateNumber(kind_zh=kind.zh, kind_en=kind.en, masked=masked, why_zh=zh, why_en=en)

    if not value:
        raise refused("没有填写", "it is empty")
    if "*" in value:
        raise refused("是脱敏以后的号码，请用完整号码", "it is a masked number; the full one is needed")
    if not all(c.isalnum() or c in "()/" for c in value):
        raise refused("有字母、数字、汉字以外的字符", "it has characters other than letters and digits")
    if not 4 <= len(value) <= _LONGEST:
        raise refused(f"应为4到{_LONGEST}位", f"it should have 4 to {_LONGEST} characters")
    if not re.search(r"[0-9]", value):
        raise refused("没有数字", "it has no digit")
    usual = not kind.form_zh or (kind.form and re.fullmatch(kind.form, value))
    return Identifier(value, kind.code, warnings=() if usual else (_unusual(kind),))


def _unusual(kind: Kind) -> UnusualForm:
    return UnusualForm(kind_zh=kind.zh, kind_en=kind.en, form_zh=kind.form_zh, form_en=kind.form_en)


# --- Mobile phones and bank accounts ----------------------------------------------------------------------------------

ACCOUNT_LENGTHS = (8, 32)


def read_mobile(text: str) -> str:
    """A mobile number of the mainland, 11 digits, without +86 and joints. Raises BadMobile."""
    value = re.sub(r"^(?:\+|00)86", "", _normalised(text))
    if not re.fullmatch(r"1[3-9][0-9]{9}", value):
        raise BadMobile(masked=mask_phone(value))
    return value


def read_account(text: str) -> tuple[str, tuple[InputProblem, ...]]:
    """A bank account in digits, and what is doubtful about it. Raises BadAccount."""
    value = _normalised(text)
    least, most = ACCOUNT_LENGTHS
    if not re.fullmatch(rf"[0-9]{{{least},{most}}}", value):
        raise BadAccount(masked=mask_account(value), least=least, most=most)
    return value, () if _luhn(value) else (AccountUnproven(masked=mask_account(value)),)


def _luhn(digits: str) -> bool:
    """The check of bank cards (ISO/IEC 7812)."""
    doubled = (2 * int(d) for d in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0


# --- Masks ------------------------------------------------------------------------------------------------------------


def mask_identifier(value: str) -> str:
    """The first three and last four of a long number, less of a short one, and never half of it.

    >>> mask_identifier("990000195001010019"), mask_identifier("E12345678"), mask_identifier("123")
    ('990***********0019', 'E******78', '***')
    """
    length = len(value)
    shown = (3, 4) if length >= 15 else (1, 2) if length >= 8 else (0, 1) if length >= 4 else (0, 0)
    return _masked(value, *shown)


def mask_name(name: str) -> str:
    """The first character and one star, whatever the length, so that the length says nothing; of a single one, the star.

    >>> mask_name("张三"), mask_name("欧阳娜娜"), mask_name("买买提·艾力"), mask_name("张")
    ('张*', '欧*', '买*', '*')
    """
    letters = _letters(name.strip())
    return f"{letters[0]}*" if len(letters) > 1 else "*" * len(letters)


def mask_phone(value: str) -> str:
    """The first three and last four of a mobile number, the last two of a shorter one.

    >>> mask_phone("13812345678"), mask_phone("1234567")
    ('138****5678', '*****67')
    """
    return _masked(value, 3, 4) if len(value) >= 11 else _masked(value, 0, 2 if len(value) >= 5 else 0)


def mask_account(value: str) -> str:
    """Four stars and the last four, whatever the length; of a short one the stars.

    >>> mask_account("6222000000000012"), mask_account("1234")
    ('****0012', '****')
    """
    return f"****{value[-4:]}" if len(value) >= 8 else "****" if value else ""


def _masked(value: str, first: int, last: int) -> str:
    return value[:first] + "*" * (len(value) - first - last) + value[len(value) - last :]


def _letters(text: str) -> list[str]:
    """The characters of a text, each with the marks and variation selectors that follow it."""
    letters: list[str] = []
    for c in text:
        if letters and unicodedata.category(c) in ("Mn", "Mc", "Me"):
            letters[-1] += c
        else:
            letters.append(c)
    return letters
