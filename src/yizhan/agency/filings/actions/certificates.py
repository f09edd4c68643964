"""Relief certificates on paper: issued anew, printed again, checked at a hospital."""

from __future__ import annotations

from django.utils import timezone

from yizhan.agency.filings.actions.filing import locked, not_its_turn
from yizhan.agency.filings.certificates import CertificateCode, Checked, read_code, standing
from yizhan.agency.filings.errors import ReasonNeeded
from yizhan.agency.filings.kinds import ISSUES
from yizhan.agency.filings.models import Filing, Printing
from yizhan.agency.filings.queries import filings
from yizhan.agency.people.models import Person
from yizhan.agency.people.queries import counted_identity
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.ceilings import use
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, demand


def issue_certificate(filing: Filing, *, why: str, words: str = "", acting_user: Officer) -> Printing:
    """Issue a certificate on new paper; papers before it are void. The first needs no words.

    Raises NotFound, NotItsTurn, ReasonNeeded.
    """
    demand(acting_user, Right.FILING_MAKE)
    with acting(acting_user):
        row = _certificate(filing, acting_user)
        latest = row.printings.order_by("-issue").first()
        why = "first" if latest is None else why
        if why not in ISSUES or (latest is not None and (why == "first" or not words.strip())):
            raise ReasonNeeded
        issue = latest.issue + 1 if latest else 1
        made = Printing.objects.create(
            filing=row, issue=issue, copy=1, why=why, words=words.strip()[:200], by=acting_user
        )
        record("filing.issue_certificate", row, person_id=row.person_id, issue=issue, why=why, acting_user=acting_user)
        return made


def print_again(filing: Filing, *, acting_user: Officer) -> Printing:
    """Print the latest paper once more, as the printer spoiled it. Raises NotFound, NotItsTurn."""
    demand(acting_user, Right.FILING_MAKE)
    with acting(acting_user):
        row = _certificate(filing, acting_user)
        latest = row.printings.order_by("-issue", "-copy").first()
        if latest is None:
            raise NotFound
        made = Printing.objects.create(
            filing=row, issue=latest.issue, copy=latest.copy + 1, why=latest.why, words=latest.words, by=acting_user
        )
        record(
            "filing.print_certificate",
            row,
            person_id=row.person_id,
            issue=made.issue,
            copy=made.copy,
            acting_user=acting_user,
        )
        return made


def _certificate(filing: Filing, acting_user: Officer) -> Filing:
    row = locked(filing, acting_user=acting_user, maker=True)
    if row.kind != "certificate":
        raise NotFound
    if row.state != "approved":
        raise not_its_turn(row, ("打印救助证", "print a certificate"))
    return row


def check_certificate(typed: str, *, acting_user: Officer) -> Checked:
    """What a scanned or typed code proves, today. Looks beyond the own institution, as a window must; counted and recorded.

    Raises NotAllowed, OverCeiling, Problems: NotACode, NotOurs.
    """
    demand(acting_user, Right.FILING_SEE)
    code: CertificateCode = read_code(typed)
    with acting(acting_user, across_institutions=True):
        use("look_up", acting_user=acting_user)
        today = timezone.localdate()
        row = filings().filter(pk=code.filing, kind="certificate").first()
        printings = list(row.printings.order_by("issue", "copy")) if row else []
        person: Person | None = (row.person.merged_into or row.person) if row else None
        counted = counted_identity(person, today) if person else None
        found = standing(code, row, printings, person, counted, today)
        record(
            "filing.check_certificate", row, person_id=person.pk if person else None, good=found.good, acting_user=acting_user,
        )  # fmt: skip
        return found
