"""Settling a bill by what the platform knows about the person, and keeping it.

The calculation is `engine.settle`, reached through `exchange` so that a bill is read and answered here exactly as by
`yizhan settle`. It is computed first and written once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from yizhan.agency.care.errors import AlreadySettled, LaterBillSettled
from yizhan.agency.care.models import Settlement
from yizhan.agency.care.queries import beneficiary_of, of_person, pooling_area
from yizhan.agency.people.models import Person
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.models import Institution, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.exchange import as_json, read_request, settle_request


def settle_bill(
    person: Person, *, institution: Institution, claim: Mapping[str, Any], acting_user: Actor
) -> Settlement:
    """Settle one bill of a person and keep it; a repeat of the same bill gets the first answer.

    `claim` is a claim of docs/settle.md; its number is unique for the institution. The identities, the insured periods and
    the year so far come from the platform. Raises AlreadySettled, LaterBillSettled, NoPolicyThere, and Problems with
    everything that is wrong in the claim.
    """
    demand(acting_user, Right.SETTLEMENT_IMPORT)
    with acting(acting_user):
        # One bill of a person at a time: the year's sums are read, then written.
        person = Person.objects.select_for_update().get(pk=person.pk)
        number = str(claim.get("claim", ""))
        before = Settlement.objects.filter(institution=institution, claim_number=number).first()
        if before is not None:
            if before.person_id != person.pk or before.claim != dict(claim):
                raise AlreadySettled(institution=institution.name, claim=number)
            return before
        last = of_person(person).last()
        day = str(claim.get("settled_on") or claim.get("discharged_on") or "")
        if last is not None and "" < day < last.settled_on.isoformat():
            raise LaterBillSettled(on=last.settled_on, claim=number, day=day)
        asked = {
            "area": pooling_area(person.area_path),
            "beneficiary": beneficiary_of(person),
            "year_state": last.result["year_state"] if last else None,
            "claims": [claim],
        }
        request = read_request(json.dumps(asked, ensure_ascii=False, default=str))
        settled = settle_request(request)[0]
        answer = as_json(request, [settled])
        row = Settlement.objects.create(
            person=person, area_path=person.area_path, institution=institution, claim_number=number,
            care=str(request.claims[0].facts["care"]), admitted_on=request.claims[0].admitted_on,
            discharged_on=request.claims[0].discharged_on, settled_on=request.claims[0].settled_on,
            identity_on=settled.identity_on, identities=sorted(settled.identities), total_fen=settled.costs.total,
            paid_fen=settled.paid, patient_fen=settled.patient_share, claim=dict(claim), result=answer["settlements"][0],
            digest=answer["digest"], recorded_at=timezone.now(),
            recorded_by=acting_user if isinstance(acting_user, Officer) else None,
        )  # fmt: skip
        record(
            "settlement.settle",
            row,
            person_id=person.pk,
            total=row.total_fen,
            paid=row.paid_fen,
            acting_user=acting_user,
        )
        return row
