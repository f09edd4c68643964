"""The verification code of a bill（核验码）: printed as a QR code, it proves what was settled without telling who was ill.

    YZ1-123-1300000-1105000-195000-20190512-K7Q2…      settlement, total, paid, patient (fen), day, mark

How codes are signed and read: `staff.codes`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from yizhan.agency import crypto
from yizhan.agency.desk.words import Words
from yizhan.agency.staff.codes import MARK, is_genuine, parted, signed
from yizhan.errors import InputProblem, Problems

PURPOSE = "bill.verification"

_FORM = re.compile(rf"YZ1-([0-9]{{1,18}})-([0-9]{{1,15}})-([0-9]{{1,15}})-([0-9]{{1,15}})-([0-9]{{8}})-{MARK}")


class NotACode(InputProblem):
    code = "not_a_bill_code"
    zh = "这不是结算单的核验码：核验码以 YZ1- 开头，共七段。请重新扫描，或对照单据逐段输入。"
    en = "this is no verification code of a bill: it begins with YZ1- and has seven parts. Scan it again, or type it part by part."


class NotOurs(InputProblem):
    code = "bill_code_not_genuine"
    zh = "核验不通过：这张结算单不是本系统出具的，或者被改动过。请留下原件，不要据此付款，并报告医保局。"
    en = "not genuine: this bill was not issued here, or it was altered. Keep it, pay nothing on it, and tell the bureau."


@dataclass(frozen=True, slots=True)
class BillCode:
    """What a code says; amounts in fen."""

    settlement: int
    total: int
    paid: int
    patient: int
    on: date

    @property
    def body(self) -> str:
        """The part that the mark is made of."""
        return f"YZ1-{self.settlement}-{self.total}-{self.paid}-{self.patient}-{self.on:%Y%m%d}"


def sign_bill(
    settlement: int, *, total: int, paid: int, patient: int, on: date, using: crypto.Keys | None = None
) -> str:
    """The code of a settlement: its number, amounts in fen, and the day on which it was recorded."""
    return signed(BillCode(settlement, total, paid, patient, on).body, PURPOSE, using=using)


def read_code(text: str, *, using: crypto.Keys | None = None) -> BillCode:
    """A code as scanned or typed. Raises Problems: NotACode, NotOurs."""
    head, mark = parted(text)
    found = _FORM.fullmatch(f"{head}-{mark}")
    if found is None:
        raise Problems([NotACode()])
    settlement, total, paid, patient, day = found.groups()
    try:
        on = datetime.strptime(day, "%Y%m%d").date()
    except ValueError:
        raise Problems([NotACode()]) from None
    code = BillCode(int(settlement), int(total), int(paid), int(patient), on)
    # Numbers are signed as they were written: a zero in front would be another text.
    if code.body != head or not is_genuine(code.body, mark, PURPOSE, using=using):
        raise Problems([NotOurs()])
    return code


class Recorded(Protocol):
    """A settlement on record, as far as a code speaks of it."""

    @property
    def total_fen(self) -> int: ...

    @property
    def paid_fen(self) -> int: ...

    @property
    def patient_fen(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of the settlement that a genuine code names."""

    words: Words
    tone: str


GENUINE = Standing(Words("真实有效", "genuine and in force"), "good")
SUPERSEDED = Standing(Words("真实，但已被后来的结算取代", "genuine, but a later settlement took its place"), "wait")
UNKNOWN = Standing(Words("真实，但不在您可查的范围", "genuine, but outside what you may see"), "wait")
DIFFERS = Standing(Words("与记录不符，请报告医保局", "differs from the record: tell the bureau"), "bad")


def standing(code: BillCode, recorded: Recorded | None, *, superseded: bool) -> Standing:
    """Compare a genuine code with the settlement on record; None: the officer does not see it."""
    if recorded is None:
        return UNKNOWN
    if (code.total, code.paid, code.patient) != (recorded.total_fen, recorded.paid_fen, recorded.patient_fen):
        return DIFFERS
    return SUPERSEDED if superseded else GENUINE
