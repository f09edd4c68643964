"""The one bill while it is being made: what every layer would pay, before anything is written.

A preview answers with either a bill or the reasons why there is none; both are what a clerk sees beside the lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from yizhan.agency.care.models import Visit
from yizhan.agency.care.settling import Settled, presettle
from yizhan.agency.filings.models import Filing
from yizhan.agency.providers.splitting import Charge
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.scope import acting
from yizhan.bill.data import OneBill, one_bill
from yizhan.errors import Problem, Problems


@dataclass(frozen=True, slots=True)
class Preview:
    """A bill that is not settled. `problems` say why it cannot be; `drafted`: it holds a line that is not entered
    yet; `open_line`: a line was begun that it does not hold. `idle` are registrations of the patient that do not count, as no diagnosis of the visit is theirs."""

    bill: OneBill | None
    settled: Settled | None
    problems: tuple[Problem, ...] = ()
    drafted: bool = False
    open_line: bool = False
    idle: tuple[Filing, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether it may be settled as it stands."""
        return self.bill is not None and not self.drafted and not self.open_line

    @property
    def share_fen(self) -> int | None:
        """What the patient would bear; None where it cannot be said."""
        return self.settled.outcome.patient_share if self.settled else None

    @property
    def total_fen(self) -> int | None:
        """The whole bill; None where there is none."""
        return self.settled.outcome.costs.total if self.settled else None

    @property
    def due_fen(self) -> int:
        """What the institution would ask of the patient: what waits for a review is not asked."""
        return self.settled.outcome.patient_share if self.settled else 0


def preview(
    visit: Visit,
    *,
    on: date,
    lang: str,
    draft: Sequence[Charge] = (),
    open_line: bool = False,
    acting_user: Officer,
) -> Preview:
    """What a visit would come to today. Writes nothing, raises nothing that a clerk could mend."""
    try:
        settled = presettle(visit.pk, on=on, draft=draft, acting_user=acting_user)
    except Problems as refused:
        return Preview(None, None, refused.problems, bool(draft), open_line)
    idle: tuple[Filing, ...] = ()
    if other := settled.known.found.other_disease:
        # The bureau's, or another hospital's; of the patient whose certificate lies here, and nothing else is shown of it.
        with acting(acting_user, across_institutions=True):
            idle = tuple(Filing.objects.filter(pk__in=other).order_by("pk"))
    return Preview(one_bill(settled.answered.result, lang), settled, (), bool(draft), open_line, idle)
