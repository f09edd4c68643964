"""A filing before it is made: what is missing, from when to when it would hold, who would have to decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange

from yizhan.agency.filings.errors import FilingIncomplete
from yizhan.agency.filings.kinds import KINDS
from yizhan.agency.filings.models import Filing
from yizhan.agency.filings.queries import term_on
from yizhan.agency.people.models import Person
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.scope import Actor, institution_of, officer_of
from yizhan.errors import Problem, Problems

DAY = timedelta(days=1)


def first_state(kind: str, own: Institution | None) -> str:
    """Where a filing begins that `own`, or a bureau where that is None, makes."""
    if kind == "emergency":
        return "evidence"
    return "opinion" if kind == "referral" and own is not None and own.tier == "township" else "decision"


def own_institution(actor: Actor) -> Institution | None:
    """The institution for which somebody acts; None for a bureau."""
    number = institution_of(actor)
    return Institution.objects.get(pk=number) if number else None


def drafted(kind: str, person: Person, *, acting_user: Actor, **said: Any) -> Filing:
    """The filing that `make` would make of the same arguments, not written: for its effect to be shown before.

    Inside `acting`. Raises NotFound, Problems with all that is missing.
    """
    own = own_institution(acting_user)
    if own is not None and not KINDS[kind].by_hospital:
        raise NotFound
    found = Person.objects.select_related("merged_into").filter(pk=person.pk).first()
    if found is None:
        raise NotFound
    found = found.merged_into or found
    from_on, to_on = said["from_on"], said["to_on"]
    term = term_on(found.area_path, kind, from_on)
    if to_on is None and term is not None and term.days_valid:
        to_on = from_on + (term.days_valid - 1) * DAY
    if kind == "emergency":
        # It counts for the stay that has its day, however long that is.
        to_on = from_on
        said["to_institution"] = own or said["to_institution"]
    state = first_state(kind, own)
    if problems := _missing(kind, found, state=state, **said | {"to_on": to_on}):
        raise Problems(problems)
    due = None
    if kind == "emergency" and term is not None and term.days_evidence:
        due = said["emergency_on"] + term.days_evidence * DAY
    return Filing(
        kind=kind, person=found, area_path=found.area_path, institution=own, state=state,
        opinion_of=said["opinion_of"] if state == "opinion" else None, to_institution=said["to_institution"],
        place=said["place"], valid=DateRange(from_on, to_on + DAY if to_on else None), diagnoses=list(said["diagnoses"]),
        disease=said["disease"].strip(), from_stay=said["from_stay"], emergency_on=said["emergency_on"], due_on=due,
        why=said["why"].strip(), made_by=officer_of(acting_user),
    )  # fmt: skip


def _missing(kind: str, person: Person, *, state: str, **said: Any) -> list[Problem]:
    goes_to = KINDS[kind].goes_to
    wanted: list[tuple[bool, tuple[str, str], tuple[str, str]]] = [
        (not said["why"].strip(), ("事由", "the reason"), ("病情或理由", "the condition or the reason")),
        (
            kind in ("referral", "emergency", "choice") and said["to_institution"] is None,
            (goes_to.zh, f"the {goes_to.en}") if goes_to else ("", ""),
            ("备案只对这一家机构有效", "the filing holds for that institution alone"),
        ),
        (
            state == "opinion" and said["opinion_of"] is None,
            ("县级医院", "the county hospital"), ("乡镇转诊要经它出具意见", "it gives its opinion on a township's referral"),
        ),
        (kind == "offsite" and said["place"] is None, ("居住地", "the place"), ("异地居住要写明地方", "where the person lives")),
        (
            KINDS[kind].named and not said["disease"].strip(),
            ("病种", "the disease"), ("按病种登记", "the registration is for one disease"),
        ),
        (
            kind == "emergency" and said["emergency_on"] is None,
            ("急诊日期", "the day of the emergency"), ("从这一天算补交证明的期限", "the evidence is due from that day"),
        ),
        (
            said["to_on"] is not None and said["to_on"] < said["from_on"],
            ("截止日期", "the last day"), ("不能早于起始日期", "it may not be before the first"),
        ),
        (
            person.died_on is not None and person.died_on < said["from_on"],
            ("起始日期", "the first day"), (f"此人已于 {person.died_on} 去世", f"the person died on {person.died_on}"),
        ),
    ]  # fmt: skip
    return [
        FilingIncomplete(field_zh=field[0], field_en=field[1], why_zh=why[0], why_en=why[1])
        for missing, field, why in wanted
        if missing
    ]
