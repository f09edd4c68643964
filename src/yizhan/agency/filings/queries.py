"""Filings as pages show them."""

from __future__ import annotations

from datetime import date

from django.db.models import Q, QuerySet
from django.urls import reverse

from yizhan.agency.desk.words import Words
from yizhan.agency.filings.kinds import OPEN
from yizhan.agency.filings.models import Filing, Term
from yizhan.agency.people.models import Person
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.home import Waiting, waits
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import institution_of


def term_on(area_path: str, kind: str, on: date) -> Term | None:
    """The term in force for a kind on a day: of the nearest area upward that set one."""
    paths = [area_path[: k + 1] for k, c in enumerate(area_path) if c == "."]
    rows = Term.objects.filter(area_path__in=paths, kind=kind, from_on__lte=on)
    return rows.order_by("-area_path", "-from_on", "-id").first()


def filings(*, kind: str = "", state: str = "") -> QuerySet[Filing]:
    """Filings of the officer's area or institution, latest first. `state` may be `open`."""
    rows = Filing.objects.select_related(
        "person__merged_into", "institution", "opinion_of", "to_institution", "place", "made_by", "decided_by"
    )
    if kind:
        rows = rows.filter(kind=kind)
    if state == "open":
        rows = rows.filter(state__in=OPEN)
    elif state:
        rows = rows.filter(state=state)
    return rows.order_by("-id")


def filing(number: int) -> Filing:
    """One. Raises NotFound."""
    found = filings().filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def of_person(person: Person) -> QuerySet[Filing]:
    """A person's filings, those of merged records included, latest first."""
    return filings().filter(Q(person=person) | Q(person__merged_into=person))


@waits
def to_decide(officer: Officer) -> Waiting | None:
    """Filings that wait for the bureau."""
    if not officer.may(Right.FILING_DECIDE):
        return None
    path = officer.area_path
    count = Filing.objects.filter(state="decision", area_path__gte=path, area_path__lt=path + "~").count()
    return Waiting(Words("待备案", "filings to decide"), count, f"{reverse('filings:list')}?state=decision")


@waits
def to_opine(officer: Officer) -> Waiting | None:
    """Referrals that wait for this hospital's opinion."""
    own = institution_of(officer)
    if own is None or not officer.may(Right.FILING_OPINE):
        return None
    count = Filing.objects.filter(state="opinion", opinion_of_id=own).count()
    return Waiting(
        Words("待出具意见的转诊", "referrals for your opinion"), count, f"{reverse('filings:list')}?state=opinion"
    )
