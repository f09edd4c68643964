"""The one bill（一单） of a settlement on record: what its page shows, and its PDF.

Both are made of what was stored when the bill was settled, lines, days and diagnoses included, so they say in ten years what
they say today, whatever has become of the visit. One settlement and its visit are given, no row is read here: a page or a batch of bills costs the statements that found them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Protocol

from django.utils import timezone

from yizhan.agency.care import queries
from yizhan.agency.care.models import Settlement
from yizhan.agency.care.verification import sign_bill
from yizhan.agency.people.identifiers import mask_name
from yizhan.agency.providers.kinds import FEES
from yizhan.bill.data import OneBill, one_bill
from yizhan.bill.paper import Paper, Printed, print_bills
from yizhan.bill.picture import waterfall
from yizhan.bill.words import WORDS, word
from yizhan.engine.facts import FACTS

AT_ONCE = 50
"""Bills that one PDF should hold: each takes some 4 MB of memory while the file is made."""


class SettledRow(Protocol):
    """A settlement on record."""

    @property
    def pk(self) -> Any: ...

    @property
    def result(self) -> Any: ...

    @property
    def claim(self) -> Any: ...

    @property
    def categories(self) -> Any: ...

    @property
    def admitted_on(self) -> date: ...

    @property
    def discharged_on(self) -> date: ...

    @property
    def total_fen(self) -> int: ...

    @property
    def paid_fen(self) -> int: ...

    @property
    def patient_fen(self) -> int: ...

    @property
    def person_fen(self) -> int: ...

    @property
    def department(self) -> str: ...

    @property
    def beneficiary(self) -> Any: ...

    @property
    def recorded_at(self) -> datetime: ...


class Account(Protocol):
    """What an institution asks of the patient, and what was paid, in fen（queries.PatientAccount）."""

    @property
    def due_fen(self) -> int: ...

    @property
    def deposits_fen(self) -> int: ...

    @property
    def payments_fen(self) -> int: ...

    @property
    def refunds_fen(self) -> int: ...

    @property
    def arrears_fen(self) -> int: ...


class VisitRow(Protocol):
    """The visit that was settled."""

    @property
    def number(self) -> str: ...

    @property
    def person(self) -> Any: ...

    @property
    def where(self) -> str: ...


def context(
    settlement: SettledRow,
    visit: VisitRow,
    lang: str,
    *,
    name: str = "",
    mark: str = "",
    account: Account | None = None,
) -> dict[str, Any]:
    """All that `care/bill.html` shows and `pdf` prints, in `zh` or `en`.

    `name` is the person's name as this officer may see it; without one it is masked. `mark` is printed beside the title: 补打 2, 作废.
    `account` is what the patient paid by now; none for a bill that no longer holds, or that no institution asked for.
    """
    categories = [
        (FEES[code].zh if lang == "zh" else FEES[code].en, (a, b, c, d)) for code, a, b, c, d in settlement.categories
    ]
    bill = one_bill(settlement.result, lang, categories)
    code = sign_bill(
        settlement.pk,
        total=settlement.total_fen, paid=settlement.paid_fen, patient=settlement.patient_fen,
        on=timezone.localtime(settlement.recorded_at).date(),
    )  # fmt: skip
    money = _money(settlement, account, lang)
    money_title = word("money", lang, on=timezone.localdate()) if money else ""
    head = _head(settlement, visit, bill, name or mask_name(visit.person.name))
    return {
        "one": bill,
        "picture": waterfall(bill),
        "head": head,
        "money_title": money_title,
        "money": money,
        "code": code,
        "w": {key: texts[lang != "zh"] for key, texts in WORDS.items() if "{" not in texts[0]},
        "unused": word("unused", lang, layers=("、" if lang == "zh" else ", ").join(bill.unused))
        if bill.unused
        else "",
        "year_words": word("year", lang, year=bill.year),
        "paper": Paper(bill, head, code, mark, money_title, money),
    }


def _head(settlement: SettledRow, visit: VisitRow, bill: OneBill, name: str) -> tuple[tuple[str, str], ...]:
    """Who, where and when, as (label, value); the certificate number masked, as everywhere."""
    said = (
        ("name", name),
        ("sex_age", _sex_age(settlement, bill.lang)),
        ("id_number", visit.person.id_mask),
        ("person_number", visit.person.number),
        ("institution", visit.where),
        ("department", settlement.department),
        ("visit", visit.number),
        ("stay", word("dates", bill.lang, admitted=settlement.admitted_on, discharged=settlement.discharged_on)),
        ("diagnoses", "、".join(map(str, settlement.claim.get("diagnoses", ())))),
        ("number", str(settlement.pk)),
        ("settled_at", timezone.localtime(settlement.recorded_at).strftime("%Y-%m-%d %H:%M")),
    )
    return tuple((word(key, bill.lang), value) for key, value in said if value)


def _sex_age(settlement: SettledRow, lang: str) -> str:
    """As the person was known when the bill was settled, on the day of admission."""
    known = settlement.beneficiary
    born, day = date.fromisoformat(known["born_on"]), settlement.admitted_on
    age = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return word("years_old", lang, sex=FACTS["sex"].word(known["sex"], lang), n=max(age, 0))


def _money(settlement: SettledRow, account: Account | None, lang: str) -> tuple[tuple[str, int], ...]:
    """What the patient paid and what is still to move, as (label, fen); what is nothing is left out, but the last line."""
    said: list[tuple[str, int]] = []
    if account is not None:
        owed = account.arrears_fen
        said = [
            ("due", account.due_fen if account.due_fen != settlement.patient_fen else 0), ("deposits", account.deposits_fen),
            ("payments", account.payments_fen), ("refunds", account.refunds_fen),
        ]  # fmt: skip
    found = settlement.person_fen
    said.append(("to_person" if found > 0 else "from_person", abs(found)))
    nothing = account is not None and not account.deposits_fen
    told = [(word(key, lang), fen) for key, fen in said if fen or (key == "payments" and nothing)]
    if account is not None:
        told.append((word("still_due" if owed > 0 else "to_return" if owed < 0 else "even", lang), abs(owed)))
    return tuple(told)


def pdf(contexts: Sequence[dict[str, Any]], lang: str) -> bytes:
    """One PDF of these bills, which were made in this language; each begins on a page of its own. Raises FontMissing."""
    return printed(contexts, lang).pdf


def printed(contexts: Sequence[dict[str, Any]], lang: str, size: str = "a4") -> Printed:
    """The same, with the characters that no font has, so that the page can ask for them to be added by hand."""
    papers: list[Paper] = [found["paper"] for found in contexts]
    assert all(paper.bill.lang == lang for paper in papers)
    return print_bills(papers, size)


def void_words(found: Settlement, lang: str) -> str:
    """What the paper of a row that holds no more says beside its title."""
    fate = queries.fate(found)
    if fate is None:
        return ""
    on = timezone.localdate(fate.row.recorded_at)
    return word("void_reversed" if fate.reversed else "void_superseded", lang, n=fate.row.pk, on=on)
