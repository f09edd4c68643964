"""Paying back: proposed by who enrols or exchanges with the tax office, approved by finance, never more than was paid."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from yizhan.agency.enrolment.actions.enrolling import signer
from yizhan.agency.enrolment.errors import MoreThanPaid, NothingToRefund, RefundOpen
from yizhan.agency.enrolment.models import REFUND_REASONS, Charge, Entry, Refund
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotAllowed, NotFound, Outdated, SamePerson
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.engine.money import yuan


def propose_refund(charge: Charge, *, fen: int, reason: str, note: str = "", acting_user: Actor) -> Refund:
    """Propose to pay back what a person paid too much, or a part of it.

    Raises NotAllowed, NotFound, NothingToRefund, MoreThanPaid, RefundOpen.
    """
    if not (acting_user.may(Right.TAX_EXCHANGE) or acting_user.may(Right.ENROLMENT_EDIT)):
        words = Right.TAX_EXCHANGE.words
        raise NotAllowed(right_zh=words.zh, right_en=words.en)
    with acting(acting_user):
        account = Charge.objects.select_for_update(of=("self",)).select_related("person").filter(pk=charge.pk).first()
        if account is None or reason not in REFUND_REASONS:
            raise NotFound()
        if account.refundable <= 0 or fen <= 0:
            raise NothingToRefund(name=account.person.name)
        if fen > account.refundable:
            raise MoreThanPaid(fen=yuan(fen), most=yuan(account.refundable))
        try:
            with transaction.atomic():
                refund = Refund.objects.create(
                    area_path=account.area_path, year=account.year, charge=account, fen=fen, reason=reason, note=note[:200],
                    proposed_by_id=signer(acting_user),
                )  # fmt: skip
        except IntegrityError:
            raise RefundOpen(name=account.person.name) from None
        record("refund.propose", refund, person_id=account.person_id, fen=fen, reason=reason, acting_user=acting_user)
        return refund


def decide_refund(refund: Refund, *, approved: bool, why: str = "", acting_user: Actor) -> None:
    """Approve a refund, which enters the account, or send it back.

    Raises NotAllowed, NotFound, Outdated, SamePerson, MoreThanPaid: something was subsidised or paid back meanwhile.
    """
    demand(acting_user, Right.SUBSIDY_APPROVE)
    with acting(acting_user):
        row = Refund.objects.select_for_update(of=("self",)).filter(pk=refund.pk).first()
        if row is None:
            raise NotFound()
        if row.state != "proposed":
            now = row.shown_state.words
            raise Outdated(now_zh=now.zh, now_en=now.en)
        if row.proposed_by_id == acting_user.pk:
            raise SamePerson()
        charge = Charge.objects.select_for_update().get(pk=row.charge_id)
        if approved and row.fen > charge.refundable:
            raise MoreThanPaid(fen=yuan(row.fen), most=yuan(charge.refundable))
        row.state = "approved" if approved else "refused"
        row.decided_by_id, row.decided_at, row.decided_why = acting_user.pk, timezone.now(), why[:200]
        row.save(update_fields=["state", "decided_by", "decided_at", "decided_why"])
        if approved:
            Entry.objects.create(
                charge=charge, area_path=charge.area_path, kind="refunded", fen=row.fen, on=timezone.localdate(), refund=row,
                recorded_by_id=acting_user.pk,
            )  # fmt: skip
        record(f"refund.{row.state}", row, person_id=charge.person_id, fen=row.fen, why=why, acting_user=acting_user)
