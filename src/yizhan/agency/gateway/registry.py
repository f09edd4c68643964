"""The register of transactions: which numbers are served, by which function, under which right.

@transaction("2401", "入院办理", "admission", Right.VISIT_EDIT)
def admit(call: Call) -> Any: ...      returns the node `output`; raises what is refused
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from yizhan.agency.desk.words import Words
from yizhan.agency.gateway import codes
from yizhan.agency.gateway.envelope import Envelope, Node, input_of
from yizhan.agency.gateway.errors import NotServed, UnknownTransaction
from yizhan.agency.gateway.not_served import NOT_SERVED
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Machine
from yizhan.errors import Problem, Problems


@dataclass
class Call:
    """A message at work: what was said, who says it, when; and what is noted of it for the store."""

    envelope: Envelope
    institution: Institution
    machine: Machine
    received: datetime
    today: date
    content: Any
    person_id: int | None = None
    visit_id: int | None = None
    warnings: list[str] = field(default_factory=list)

    @contextmanager
    def reading(self) -> Iterator[Node]:
        """The root of the input. At the end everything that was found wrong is raised together. Raises Problems."""
        problems: list[Problem] = []
        yield input_of(self.content, problems)
        if problems:
            raise Problems(problems)

    def code(self, kind: str, value: str, default: str = "") -> str:
        """The national or local code of one of our words, or the other way round (`codes`)."""
        return codes.code(self.institution.area_path, kind, value, self.today) or default


class Download(bytes):
    """An output that is sent as it is, without an envelope: the bytes of a file."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A number that is served. `alone`: it opens its own lock and scope in the order that settling asks for."""

    infno: str
    words: Words
    right: Right
    act: Callable[[Call], Any]
    alone: bool = False


TRANSACTIONS: dict[str, Transaction] = {}


def transaction(
    infno: str, zh: str, en: str, right: Right, *, alone: bool = False, also: tuple[str, ...] = ()
) -> Callable[[Callable[[Call], Any]], Callable[[Call], Any]]:
    """Register a transaction, and its letter variants."""

    def mark(act: Callable[[Call], Any]) -> Callable[[Call], Any]:
        for number in (infno, *also):
            assert number not in TRANSACTIONS, number
            TRANSACTIONS[number] = Transaction(number, Words(zh, en), right, act, alone)
        return act

    return mark


def found(infno: str) -> Transaction:
    """The transaction of a number. Raises UnknownTransaction, NotServed."""
    if infno in TRANSACTIONS:
        return TRANSACTIONS[infno]
    if infno in NOT_SERVED:
        name, why = NOT_SERVED[infno]
        raise NotServed(infno=infno, name_zh=name.zh, name_en=name.en, why_zh=why.zh, why_en=why.en)
    raise UnknownTransaction(infno=infno)
