"""What a password must be, and how a refusal explains itself.

Long, and not to be guessed: what somebody could find out about the officer or the bureau (names, the user name, dates,
mobile numbers, words such as 医保) does not count towards the length, and what stands in the lists of common passwords is
refused. Classes of characters and ageing are asked by 等保三级 alone (profile `mlps3`), since they make passwords worse:
NIST SP 800-63B 3.1.1.2.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.utils import timezone
from pypinyin import Style, lazy_pinyin

from yizhan.agency.staff.errors import WeakPassword
from yizhan.agency.staff.models import Officer
from yizhan.errors import InputProblem, Problems

SHORTEST = 12
LONGEST = 128
UNGUESSABLE = 8
"""Characters that must be left when everything that can be guessed is taken away."""
CHANGED_EVERY = timedelta(days=90)
"""Under `mlps3` only."""

_DATE = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
)
_MOBILE = re.compile(r"1[3-9]\d{9}")
_RUN = re.compile(r"(.)\1{3,}")
_CLASSES = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^a-zA-Z0-9]")
_TAIL = re.compile(r"[\d\W_]+$|^[\d\W_]+")


def strict() -> bool:
    """Whether the bureau follows 等保三级 to the letter."""
    return settings.YIZHAN_PROFILE == "mlps3"


def is_old(officer: Officer) -> bool:
    """Whether the password has to be changed before anything else is done."""
    set_at = officer.password_set_at
    return set_at is None or (strict() and timezone.now() - set_at > CHANGED_EVERY)


def check_password_rules(password: str, officer: Officer) -> None:
    """Raises Problems: every rule that the password breaks for this officer."""
    found: list[InputProblem] = []
    if len(password) < SHORTEST:
        found.append(WeakPassword(why_zh=f"至少 {SHORTEST} 个字符", why_en=f"at least {SHORTEST} characters"))
    if len(password) > LONGEST:
        found.append(WeakPassword(why_zh=f"最多 {LONGEST} 个字符", why_en=f"at most {LONGEST} characters"))
    elif is_common(password):
        found.append(
            WeakPassword(
                why_zh="在常用密码表里，最先被人试", why_en="it is among the common passwords, which are tried first"
            )
        )
    else:
        found += _guessable(password, officer)
    if strict() and sum(bool(re.search(kind, password)) for kind in _CLASSES) < 3:
        found.append(WeakPassword(
            why_zh="本单位按等保三级，要含大写、小写、数字、符号中的三类",
            why_en="this bureau follows MLPS level 3: three of capitals, small letters, digits, signs",
        ))  # fmt: skip
    if found:
        raise Problems(found)


def is_common(password: str) -> bool:
    """Whether the password, or what is left without digits and signs around it, is in the lists."""
    low = password.lower()
    return low in _common() or (_TAIL.sub("", low) in _common() and len(_TAIL.sub("", low)) >= 4)


def _guessable(password: str, officer: Officer) -> list[InputProblem]:
    rest = password.lower()
    pieces = []
    for piece in sorted({p.lower() for p in (*_context(), *_about(officer)) if len(p) >= 2}, key=len, reverse=True):
        if piece in rest:
            pieces.append(piece)
            rest = rest.replace(piece, "")
    for pattern in (_MOBILE, _DATE):
        pieces += [match[0] for match in pattern.finditer(rest)]
        rest = pattern.sub("", rest)
    rest = _without_sequences(_RUN.sub(r"\1", rest))
    if len(rest) >= UNGUESSABLE and len(set(rest)) >= 5:
        return []
    if pieces:
        # Which piece of a password could be guessed is told to its owner alone, on the page where it was just typed.
        named = "、".join(_shown(p) for p in pieces[:3])
        return [WeakPassword(
            why_zh=f"{named} 别人猜得到，不计入长度；其余部分至少要 {UNGUESSABLE} 个不同的字符",
            why_en=f"{named} can be guessed and does not count; the rest needs {UNGUESSABLE} different characters",
        )]  # fmt: skip
    return [WeakPassword(why_zh="多是重复或连续的字符", why_en="it is mostly repeated or consecutive characters")]


def _shown(piece: str) -> str:
    return "日期 date" if piece.isdigit() and len(piece) <= 8 else "手机号 mobile number" if piece.isdigit() else piece


def _without_sequences(text: str) -> str:
    """The text without characters that follow from the one before: 1234, abcd, 4321."""
    kept = [c for i, c in enumerate(text) if i < 2 or ord(c) - ord(text[i - 1]) not in (1, -1, 0)
            or ord(c) - ord(text[i - 1]) != ord(text[i - 1]) - ord(text[i - 2])]  # fmt: skip
    return "".join(kept)


def _about(officer: Officer) -> set[str]:
    """Words that somebody who knows the officer would try."""
    words = {officer.username, officer.name, *re.split(r"[._-]", officer.username)}
    places = [officer.area.name, officer.area.name_en]
    if officer.institution:
        places.append(officer.institution.name)
    for name in (officer.name, *places):
        syllables = lazy_pinyin(name, style=Style.NORMAL)
        words |= {name, "".join(syllables), "".join(s[:1] for s in syllables)} if name else set()
    words |= {"".join(lazy_pinyin(officer.area.name[:-1], style=Style.NORMAL)), officer.area.name[:-1]}
    return {word for word in words if len(word) >= (2 if not word.isascii() else 4)}


@cache
def _common() -> frozenset[str]:
    own = (Path(__file__).parent / "common_passwords.txt").read_text(encoding="utf-8").split()
    return frozenset({*CommonPasswordValidator().passwords, *own})


@cache
def _context() -> tuple[str, ...]:
    """Words of the trade and of keyboards, which a guesser tries first."""
    return tuple((Path(__file__).parent / "guessable_words.txt").read_text(encoding="utf-8").split())
