"""Every write about an institution's agreements and what it is designated for."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils import timezone

from yizhan.agency.providers.errors import (
    AgreementNumberTaken,
    AgreementOverlaps,
    AgreementWithdrawn,
    CareNeeded,
    DaysOutOfOrder,
    DesignationOverlaps,
    EventAgain,
    EventEarlier,
    EventOutside,
    ReasonMissing,
    TerminationAtStart,
)
from yizhan.agency.providers.kinds import CARES, DESIGNATIONS, EVENTS, STANDINGS
from yizhan.agency.providers.models import Agreement, AgreementEvent, Designation
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import INSTITUTION_KINDS, Institution, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, demand
from yizhan.errors import Problem, Problems

OPEN_ENDED = "…"
_DAY = timedelta(days=1)


def set_kind(institution: Institution, *, kind: str, acting_user: Officer) -> None:
    """Say what kind of institution it is: a key of INSTITUTION_KINDS. Raises NotAllowed, NotFound."""
    demand(acting_user, Right.AGREEMENT_EDIT)
    with acting(acting_user):
        institution = _locked(institution, acting_user)
        if kind not in INSTITUTION_KINDS:
            raise NotFound
        institution.kind = kind
        institution.save(update_fields=["kind"])
        record("institution.set_kind", institution, kind=kind, acting_user=acting_user)


def sign(
    institution: Institution, *, number: str, first: date, last: date, cares: Collection[str], treat_first: bool = False,
    deposit: bool = True, note: str = "", signed_on: date, signed_for_bureau: str, signed_for_institution: str,
    acting_user: Officer,
) -> Agreement:  # fmt: skip
    """Enter an agreement that was signed. `last` is its last day; `cares` are kinds of care of engine.facts.

    Raises NotAllowed, NotFound (institution out of scope), Problems (DaysOutOfOrder, CareNeeded, AgreementOverlaps,
    AgreementNumberTaken).
    """
    demand(acting_user, Right.AGREEMENT_EDIT)
    with acting(acting_user):
        institution = _locked(institution, acting_user)
        known = Agreement.objects.filter(institution=institution, withdrawn_at=None)
        problems: list[Problem] = []
        if not cares or not set(cares) <= set(CARES):
            problems.append(CareNeeded())
        if known.filter(number=number).exists():
            problems.append(AgreementNumberTaken(number=number))
        if last < first:
            problems.append(DaysOutOfOrder(first=first, last=last))
        elif other := known.filter(valid__overlap=DateRange(first, last + _DAY)).order_by("valid").first():
            problems.append(AgreementOverlaps(first=other.valid.lower, last=other.last_day, number=other.number))
        if problems:
            raise Problems(problems)
        made = Agreement.objects.create(
            institution=institution, area_path=institution.area_path, number=number, valid=DateRange(first, last + _DAY),
            signed_to=last, cares=[care for care in CARES if care in cares], treat_first=treat_first, deposit=deposit,
            note=note[:300], signed_on=signed_on, signed_for_bureau=signed_for_bureau,
            signed_for_institution=signed_for_institution, made_by=acting_user,
        )  # fmt: skip
        record(
            "agreement.sign",
            made,
            institution=institution.code,
            number=number,
            first=first,
            last=last,
            acting_user=acting_user,
        )
    return made


def withdraw(agreement: Agreement, *, why: str, acting_user: Officer) -> None:
    """Declare that an agreement was entered wrongly and never held. Raises NotAllowed, NotFound, ReasonMissing, AgreementWithdrawn."""
    demand(acting_user, Right.AGREEMENT_EDIT)
    with acting(acting_user):
        agreement = _locked_agreement(agreement, acting_user)
        if not why.strip():
            raise ReasonMissing
        agreement.withdrawn_at, agreement.withdrawn_why = timezone.now(), why.strip()[:300]
        agreement.withdrawn_by = acting_user
        agreement.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_why"])
        record(
            "agreement.withdraw",
            agreement,
            number=agreement.number,
            why=agreement.withdrawn_why,
            acting_user=acting_user,
        )


def change_standing(
    agreement: Agreement, *, kind: str, from_on: date, reason: str, document: str = "", acting_user: Officer
) -> AgreementEvent:
    """Suspend, resume or terminate an agreement from a day on (`kind`: a key of EVENTS). A termination ends its period.

    Raises NotAllowed, NotFound, AgreementWithdrawn, Problems (ReasonMissing, EventOutside, EventEarlier, EventAgain,
    TerminationAtStart).
    """
    demand(acting_user, Right.AGREEMENT_EDIT)
    with acting(acting_user):
        if kind not in EVENTS:
            raise NotFound
        agreement = _locked_agreement(agreement, acting_user)
        problems = _event_problems(agreement, kind, from_on)
        if not reason.strip():
            problems.append(ReasonMissing())
        if problems:
            raise Problems(problems)
        event = AgreementEvent.objects.create(
            agreement=agreement, institution_id=agreement.institution_id, area_path=agreement.area_path, kind=kind,
            from_on=from_on, reason=reason.strip()[:300], document=document.strip()[:120], made_by=acting_user,
        )  # fmt: skip
        if kind == "terminated":
            agreement.valid = DateRange(agreement.valid.lower, from_on)
            agreement.save(update_fields=["valid"])
        record(
            f"agreement.{kind}",
            agreement,
            number=agreement.number,
            from_on=from_on,
            reason=event.reason,
            acting_user=acting_user,
        )
    return event


def _event_problems(agreement: Agreement, kind: str, from_on: date) -> list[Problem]:
    if from_on not in agreement.valid:
        return [EventOutside(on=from_on, first=agreement.valid.lower, last=agreement.last_day)]
    if kind == "terminated" and from_on == agreement.valid.lower:
        return [TerminationAtStart()]
    latest = AgreementEvent.objects.filter(agreement=agreement).order_by("-from_on", "-id").first()
    if latest is not None and latest.from_on > from_on:
        words = EVENTS[latest.kind]
        return [EventEarlier(later=latest.from_on, kind_zh=words.zh, kind_en=words.en)]
    suspended = latest is not None and latest.kind == "suspended"
    if (kind == "suspended") == suspended and kind != "terminated":
        words = STANDINGS["suspended" if suspended else "active"].words
        return [EventAgain(on=from_on, state_zh=words.zh, state_en=words.en)]
    return []


def designate(
    institution: Institution, *, kind: str, first: date, last: date | None, document: str, acting_user: Officer
) -> Designation:
    """Choose an institution for something (a key of DESIGNATIONS) from a day on; `last` is the last day, None means open.

    Raises NotAllowed, NotFound, Problems (DaysOutOfOrder, DesignationOverlaps).
    """
    demand(acting_user, Right.AGREEMENT_EDIT)
    with acting(acting_user):
        institution = _locked(institution, acting_user)
        if kind not in DESIGNATIONS:
            raise NotFound
        if last is not None and last < first:
            raise Problems([DaysOutOfOrder(first=first, last=last)])
        valid = DateRange(first, last + _DAY if last else None)
        other = Designation.objects.filter(
            institution=institution, kind=kind, withdrawn_at=None, valid__overlap=valid
        ).first()
        if other is not None:
            words = DESIGNATIONS[kind]
            raise Problems(
                [
                    DesignationOverlaps(
                        first=other.valid.lower, last=other.last_day or OPEN_ENDED, kind_zh=words.zh, kind_en=words.en
                    )
                ]
            )
        made = Designation.objects.create(
            institution=institution, area_path=institution.area_path, kind=kind, valid=valid, document=document.strip()[:120],
            made_by=acting_user,
        )  # fmt: skip
        record(
            "designation.add",
            made,
            institution=institution.code,
            kind=kind,
            first=first,
            last=last,
            acting_user=acting_user,
        )
    return made


def end_designation(designation: Designation, *, last: date, why: str, acting_user: Officer) -> None:
    """Let a designation end after its last day; a last day before its first means that it never held.

    Raises NotAllowed, NotFound, Problems (ReasonMissing, EventOutside).
    """
    demand(acting_user, Right.AGREEMENT_EDIT)
    with acting(acting_user):
        found = Designation.objects.select_for_update().filter(pk=designation.pk, withdrawn_at=None).first()
        if found is None or not found.area_path.startswith(acting_user.area_path):
            raise NotFound
        problems: list[Problem] = [] if why.strip() else [ReasonMissing()]
        if found.last_day is not None and last > found.last_day:
            problems.append(EventOutside(on=last, first=found.valid.lower, last=found.last_day))
        if problems:
            raise Problems(problems)
        if last < found.valid.lower:
            found.withdrawn_at = timezone.now()
        else:
            found.valid = DateRange(found.valid.lower, last + _DAY)
        found.ended_by, found.ended_why = acting_user, why.strip()[:300]
        found.save(update_fields=["valid", "ended_by", "ended_why", "withdrawn_at"])
        record("designation.end", found, kind=found.kind, last=last, why=found.ended_why, acting_user=acting_user)


def _locked(institution: Institution, acting_user: Officer) -> Institution:
    """The institution, locked, so that two officers do not sign at once. Raises NotFound: out of scope."""
    found = Institution.objects.select_for_update().filter(pk=institution.pk).first()
    if found is None or not found.area_path.startswith(acting_user.area_path):
        raise NotFound
    return found


def _locked_agreement(agreement: Agreement, acting_user: Officer) -> Agreement:
    found = Agreement.objects.select_for_update().filter(pk=agreement.pk).first()
    if found is None or not found.area_path.startswith(acting_user.area_path):
        raise NotFound
    if found.withdrawn_at is not None:
        raise AgreementWithdrawn
    return found
