"""Filings as pages show them: lists, whose turn it is, what an officer may do now, and what waits at home."""

from __future__ import annotations

from datetime import date

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone

from yizhan.agency.desk.words import Words
from yizhan.agency.filings.kinds import FOLLOWS, KINDS, MAKING, OPEN, STATES
from yizhan.agency.filings.models import Evidence, Filing, FilingStep, Printing, Term
from yizhan.agency.people.models import Person
from yizhan.agency.people.names import normalise_name
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.home import Waiting, waits
from yizhan.agency.staff.models import Institution, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import institution_of

_LAST = "\U0010ffff"

# --- Terms ------------------------------------------------------------------------------------------------------------


def term_on(area_path: str, kind: str, on: date) -> Term | None:
    """The term in force for a kind on a day: of the nearest area upward that set one."""
    rows = _terms_above(area_path).filter(kind=kind, from_on__lte=on)
    return rows.order_by("-area_path", "-from_on", "-id").first()


def terms(area_path: str, on: date) -> list[tuple[str, Words, Term | None, list[Term]]]:
    """For each kind: its code, words, the term in force on the day, and every other that the area or one above it set."""
    rows = list(_terms_above(area_path).select_related("area", "made_by").order_by("-area_path", "-from_on", "-id"))
    found = []
    for code, kind in KINDS.items():
        own = [row for row in rows if row.kind == code]
        now = next((row for row in own if row.from_on <= on), None)
        found.append((code, kind.words, now, [row for row in own if row is not now]))
    return found


def _terms_above(area_path: str) -> QuerySet[Term]:
    return Term.objects.filter(area_path__in=[area_path[: k + 1] for k, c in enumerate(area_path) if c == "."])


# --- Filings ----------------------------------------------------------------------------------------------------------

VIEWS = {
    "mine": Words("等我办理", "waiting for me"),
    "open": Words("未办结", "open"),
    "overdue": Words("补证逾期", "evidence overdue"),
    **{code: state.words for code, state in STATES.items()},
}
"""What a list may show; three that are no state, then the states."""


def filings() -> QuerySet[Filing]:
    """Filings of the officer's area or institution, latest first, each with the time of its last step (`moved_at`)."""
    moved = FilingStep.objects.filter(filing=OuterRef("pk")).order_by("-id").values("at")[:1]
    rows = Filing.objects.select_related(
        "person__merged_into", "institution", "opinion_of", "to_institution", "place", "made_by", "decided_by"
    )
    return rows.annotate(moved_at=Subquery(moved)).order_by("-id")


def listed(officer: Officer, *, today: date, kind: str = "", state: str = "", search: str = "") -> QuerySet[Filing]:
    """Those of a list: `state` is a key of VIEWS, `search` the beginning of a number or of a name. What is due comes first."""
    rows = filings()
    if not institution_of(officer):
        rows = rows.filter(area_path__gte=officer.area_path, area_path__lt=officer.area_path + "~")
    if kind:
        rows = rows.filter(kind=kind)
    if state == "mine":
        rows = rows.filter(turn_of(officer))
    elif state == "open":
        rows = rows.filter(state__in=OPEN)
    elif state == "overdue":
        rows = rows.filter(_overdue(today))
    elif state:
        rows = rows.filter(state=state)
    if search:
        name = normalise_name(search)
        named = Q(person__name_matched__gte=name, person__name_matched__lt=name + _LAST)
        rows = rows.filter(Q(number__istartswith=search) | named)
    if state in OPEN or state in ("mine", "open", "overdue"):
        rows = rows.order_by(F("due_on").asc(nulls_last=True), "id")
    return rows


def counts(officer: Officer, *, today: date) -> list[tuple[str, Words, int]]:
    """The first views of a list with their counts: mine, open, overdue. One statement."""
    rows = listed(officer, today=today).order_by()
    conditions = {"mine": turn_of(officer), "open": Q(state__in=OPEN), "overdue": _overdue(today)}
    counted = rows.aggregate(**{code: Count("pk", filter=condition) for code, condition in conditions.items()})
    return [(code, VIEWS[code], counted[code]) for code in conditions]


def filing(number: int) -> Filing:
    """One. Raises NotFound."""
    found = filings().filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def holds_certificate(person: Person, on: date) -> bool:
    """Whether a relief certificate of this person is in force on a day: then a window asks for it and checks it."""
    return of_person(person).filter(kind="certificate", state="approved", valid__contains=on).exists()


def of_person(person: Person) -> QuerySet[Filing]:
    """A person's filings, those of merged records included, latest first."""
    return filings().filter(Q(person=person) | Q(person__merged_into=person))


def steps_of(row: Filing) -> list[FilingStep]:
    """What was done about a filing, in order."""
    return list(row.steps.select_related("officer", "institution").order_by("id"))


def hospitals_near(area_path: str) -> QuerySet[Institution]:
    """Institutions that a person of an area may be sent to: all of the city, of the province those above counties."""
    codes = area_path.split(".")
    city, province = (".".join(codes[:n]) + "." for n in (3, 2))
    above = Q(area_path__startswith=province, tier__in=("municipal", "provincial", "ministry"))
    rows = Institution.objects.filter(Q(area_path__startswith=city) | above, ended_on=None)
    return rows.exclude(kind="pharmacy").order_by("-area_path", "code")


def evidence_of(row: Filing) -> list[Evidence]:
    """The papers handed in, without their contents."""
    return list(row.evidence.defer("sealed").select_related("added_by").order_by("id"))


def evidence(number: int, key: int) -> Evidence:
    """One paper of a filing. Raises NotFound."""
    found = Evidence.objects.select_related("filing").filter(filing=number, pk=key).first()
    if found is None:
        raise NotFound
    return found


def printings_of(row: Filing) -> list[Printing]:
    """The printings of a certificate, in order."""
    return list(row.printings.select_related("by").order_by("issue", "copy"))


# --- Whose turn -------------------------------------------------------------------------------------------------------

BUREAU = Words("医保经办机构", "the bureau")


def turn(row: Filing) -> Words | None:
    """Who has to do something about a filing now; None when nobody has to."""
    who = {"hospital": row.opinion_of, "maker": row.institution, "bureau": None}
    of = STATES[row.state].turn
    if not of:
        return None
    institution = who[of]
    return Words(institution.name, institution.name) if institution else BUREAU


def turn_of(officer: Officer) -> Q:
    """Filings that wait for this officer's side, and for a right that the officer holds."""
    own = institution_of(officer)
    found = Q(pk__in=())
    if officer.may(Right.FILING_MAKE):
        found |= Q(state__in=[s for s, about in STATES.items() if about.turn == "maker"], institution=own)
    if officer.may(Right.FILING_OPINE) and own is not None:
        found |= Q(state="opinion", opinion_of=own)
    if officer.may(Right.FILING_DECIDE):
        found |= Q(state="decision")
    return found


def acts_of(row: Filing, officer: Officer, today: date) -> frozenset[str]:
    """What this officer may do about a filing now: opine, evidence, complete, withdraw, decide, close, end, revoke, print.

    The acts themselves ask again.
    """
    own = institution_of(officer)
    made_here = officer.may(Right.FILING_MAKE) and own == row.institution_id
    bureau = officer.may(Right.FILING_DECIDE) and own is None
    worked = row.made_by_id == officer.pk or row.steps.filter(officer=officer, name__in=MAKING).exists()
    may = {
        "opine": row.state == "opinion"
        and own is not None
        and own == row.opinion_of_id
        and officer.may(Right.FILING_OPINE),
        "evidence": row.state in OPEN and made_here and not row.lapsed_on(today),
        "complete": row.state == "returned" and made_here,
        "withdraw": "withdrawn" in FOLLOWS.get(row.state, ()) and made_here,
        "decide": row.state == "decision" and bureau and not worked,
        "another": row.state == "decision" and bureau and worked,
        "close": row.lapsed_on(today) and bureau and not worked,
        "end": row.state == "approved" and bureau,
        "revoke": row.state in ("approved", "ended") and bureau,
        "print": row.kind == "certificate" and row.state == "approved" and made_here,
    }
    return frozenset(act for act, allowed in may.items() if allowed)


def _overdue(today: date) -> Q:
    return Q(state="evidence", due_on__lt=today)


# --- The home page ----------------------------------------------------------------------------------------------------


def _inside(officer: Officer) -> QuerySet[Filing]:
    return Filing.objects.filter(area_path__gte=officer.area_path, area_path__lt=officer.area_path + "~")


def _list(state: str) -> str:
    return f"{reverse('filings:list')}?state={state}"


@waits
def to_decide(officer: Officer) -> Waiting | None:
    """Filings that wait for the bureau."""
    if not officer.may(Right.FILING_DECIDE):
        return None
    count = _inside(officer).filter(state="decision").count()
    return Waiting(Words("待备案", "filings to decide"), count, _list("decision"))


@waits
def to_opine(officer: Officer) -> Waiting | None:
    """Referrals that wait for this hospital's opinion."""
    own = institution_of(officer)
    if own is None or not officer.may(Right.FILING_OPINE):
        return None
    count = Filing.objects.filter(state="opinion", opinion_of_id=own).count()
    return Waiting(Words("待出具意见的转诊", "referrals for your opinion"), count, _list("opinion"))


@waits
def to_complete(officer: Officer) -> Waiting | None:
    """Filings of the own side that were returned, or wait for its evidence."""
    if not officer.may(Right.FILING_MAKE):
        return None
    own = institution_of(officer)
    rows = Filing.objects.filter(institution=own) if own else _inside(officer).filter(institution=None)
    count = rows.filter(state__in=("returned", "evidence")).count()
    return Waiting(Words("待补正、补证明的备案", "filings to complete"), count, _list("mine"))


@waits
def overdue(officer: Officer) -> Waiting | None:
    """Emergencies whose evidence did not come in time."""
    if not (officer.may(Right.FILING_MAKE) or officer.may(Right.FILING_DECIDE)):
        return None
    own = institution_of(officer)
    rows = Filing.objects.filter(institution=own) if own else _inside(officer)
    count = rows.filter(_overdue(timezone.localdate())).count()
    return Waiting(Words("补证逾期的急诊", "emergencies with overdue evidence"), count, _list("overdue"), late=True)
