"""The code of a relief certificate（救助证核验码）, and what it proves on a day.

    YZC-412-2-1-20261128-K7Q2…      filing, paper, printing, day of issue, mark

It names nobody: whom it is for and what holds today is read from the record when a window checks it. How codes are signed
and read: `staff.codes`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils import timezone

from yizhan.agency import crypto
from yizhan.agency.desk.words import Words
from yizhan.agency.filings.models import Filing, Printing
from yizhan.agency.people.models import Person
from yizhan.agency.people.queries import Counted
from yizhan.agency.staff.codes import MARK, is_genuine, parted, signed
from yizhan.errors import InputProblem, Problems

PURPOSE = "certificate.verification"
_FORM = re.compile(rf"YZC-([0-9]{{1,18}})-([0-9]{{1,4}})-([0-9]{{1,4}})-([0-9]{{8}})-{MARK}")


class NotACertificateCode(InputProblem):
    code = "not_a_certificate_code"
    zh = "这不是救助证的核验码：核验码以 YZC- 开头，共六段。请重新扫描，或对照证件逐段输入。"
    en = "this is no code of a relief certificate: it begins with YZC- and has six parts. Scan it again, or type it part by part."


class CertificateNotOurs(InputProblem):
    code = "certificate_not_genuine"
    zh = "核验不通过：这本救助证不是本系统出具的，或者被改动过。请按普通参保人员办理，留下复印件并报告医保局。"
    en = "not genuine: this certificate was not issued here, or it was altered. Treat as an ordinary insured person, keep a copy and tell the bureau."


@dataclass(frozen=True, slots=True)
class CertificateCode:
    """What a code says."""

    filing: int
    issue: int
    copy: int
    on: date

    @property
    def body(self) -> str:
        """The part that the mark is made of."""
        return f"YZC-{self.filing}-{self.issue}-{self.copy}-{self.on:%Y%m%d}"


def code_of(paper: Printing, *, using: crypto.Keys | None = None) -> str:
    """The code that is printed on a paper."""
    said = CertificateCode(paper.filing_id, paper.issue, paper.copy, timezone.localdate(paper.at))
    return signed(said.body, PURPOSE, using=using)


def read_code(typed: str, *, using: crypto.Keys | None = None) -> CertificateCode:
    """A code as scanned or typed. Raises Problems: NotACertificateCode, CertificateNotOurs."""
    body, mark = parted(typed)
    found = _FORM.fullmatch(f"{body}-{mark}")
    if found is None:
        raise Problems([NotACertificateCode()])
    filing, issue, copy, day = found.groups()
    try:
        code = CertificateCode(int(filing), int(issue), int(copy), datetime.strptime(day, "%Y%m%d").date())
    except ValueError:
        raise Problems([NotACertificateCode()]) from None
    # Numbers are signed as they were written: a zero in front would be another text.
    if code.body != body or not is_genuine(body, mark, PURPOSE, using=using):
        raise Problems([CertificateNotOurs()])
    return code


@dataclass(frozen=True, slots=True)
class Checked:
    """What a genuine code proves today: in force or not and why, for whom, and which identities it stands for.

    `good`: benefits of these identities may be given on it. `printings` are all of its; `filing` and `person` are None where
    the certificate was issued outside the reader's area.
    """

    code: CertificateCode
    words: Words
    tone: str
    why: Words
    filing: Filing | None = None
    person: Person | None = None
    counted: Counted | None = None
    printings: Sequence[Printing] = ()

    @property
    def good(self) -> bool:
        """Genuine, in force, and somebody's who holds an identity today."""
        return self.tone == "good"


def standing(
    code: CertificateCode,
    filing: Filing | None,
    printings: Sequence[Printing],
    person: Person | None,
    counted: Counted | None,
    today: date,
) -> Checked:
    """Compare a genuine code with what is on record. Pure."""
    genuine = Words("真实", "genuine")
    if filing is None or person is None or counted is None:
        why = Words("不是本市发的证，这里查不到是否仍然有效；请向发证的医保局核实。",
                    "Issued outside this city: whether it still holds cannot be seen here; ask the bureau that issued it.")  # fmt: skip
        return Checked(code, Words("真实，但不在您可查的范围", "genuine, but outside what you may see"), "wait", why)

    def answer(words: Words, tone: str, why: Words) -> Checked:
        return Checked(code, words, tone, why, filing, person, counted, printings)

    if not any((p.issue, p.copy, timezone.localdate(p.at)) == (code.issue, code.copy, code.on) for p in printings):
        why = Words("登记里没有这一次打印，请报告医保局。", "No such printing is on record: tell the bureau.")
        return answer(Words("与记录不符", "differs from the record"), "bad", why)
    void = Words("真实，但已失效", "genuine, but no longer in force")
    latest = printings[-1]
    if latest.issue > code.issue:
        on = timezone.localdate(latest.at)
        why = Words(f"{on} 已另发新证（第 {latest.issue} 本，{latest.why_words.zh}），这一本作废，请收回。",
                    f"A new one (no. {latest.issue}) was issued on {on}: {latest.why_words.en}. This one is void: keep it.")  # fmt: skip
        return answer(void, "bad", why)
    if not filing.holds_on(today):
        return answer(void, "bad", _why_not(filing, today))
    if person.died_on is not None and person.died_on <= today:
        why = Words(f"持证人已于 {person.died_on} 去世。", f"The holder died on {person.died_on}.")
        return answer(void, "bad", why)
    if not counted.ranked:
        why = Words("证件有效，但持证人今天没有救助身份，按普通参保人员办理。",
                    "The certificate is in force, but its holder has no identity today: treat as an ordinary insured person.")  # fmt: skip
        return answer(Words("真实有效，今天没有身份", "genuine and in force; no identity today"), "wait", why)
    return answer(Words("真实有效", "genuine and in force"), "good", counted.why if counted.identity else genuine)


def _why_not(filing: Filing, today: date) -> Words:
    if filing.state in ("revoked", "forged"):
        words = filing.shown_state.words
        return Words(f"{words.zh}，从来不算数。请收回。", f"It was {words.en}: it never counted. Keep it.")
    if filing.valid.lower > today:
        return Words(f"{filing.valid.lower} 起才有效。", f"It holds from {filing.valid.lower} on.")
    last = filing.last_day
    if filing.state == "ended":
        return Words(f"已终止，最后一天是 {last}。", f"It was ended; its last day was {last}.")
    return Words(f"有效期到 {last} 为止。", f"It held until {last}.")
