"""Paper bills（手工报销）over HTTP: entered by one officer, looked at by another, and out of the window's reach."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from tests.agency.caring import patient
from tests.agency.test_holds_and_default import fresh
from tests.agency.world import World
from yizhan.agency.care import actions
from yizhan.agency.care.errors import NotOfTheWindow
from yizhan.agency.care.models import PaperBill, PaperFile, Settlement, Visit
from yizhan.agency.people.models import Person
from yizhan.agency.providers.splitting import Charge
from yizhan.agency.staff.scope import System, acting

DAY = timedelta(days=1)
BUREAU = System("tests")


def form(**other: str) -> dict[str, str]:
    """What the officer types from the papers."""
    today = timezone.localdate()
    return {
        "hospital": "外地医院", "invoice": "FP1", "care": "inpatient", "admitted_on": str(today - 9 * DAY),
        "discharged_on": str(today - 3 * DAY), "total": "20000", "in_scope": "20000", "institution_level": "level_3",
        "institution_tier": "municipal", "place": "own_province", "designated": "yes", "emergency": "no", "referral": "by_rule",
        "quota_chronic": "no", "severe_programme": "no", "special_drug": "no", "tcm": "no",
    } | other  # fmt: skip


def entered(client: Client, person: Person, **other: str) -> PaperBill:
    answer = client.post(f"/care/paper/new/{person.pk}", form(**other))
    assert answer.status_code == 302, answer.content.decode()
    with acting(BUREAU):
        return PaperBill.objects.order_by("-pk")[0]


def stands(row: PaperBill) -> str:
    with acting(BUREAU):
        return PaperBill.objects.get(pk=row.pk).state


def decided(client: Client, row: PaperBill, decision: str) -> None:
    path = f"/care/paper/{row.pk}/decide"
    page = client.get(path)
    assert page.status_code == 200
    share = page.context["shown"]["parts"].patient
    answer = client.post(path, {"decision": decision, "why": "已核对原件", "share": str(share)})
    assert answer.status_code == 302, answer.content.decode()


def test_a_paper_bill_goes_from_entry_to_settlement_over_the_pages(world: World) -> None:
    officer, reviewer = world.client(world.yuhu.officer), fresh(world, world.yuhu.reviewer)
    row = entered(officer, patient(world))
    picture = SimpleUploadedFile("发票.pdf", b"%PDF-1.7 made up")
    assert officer.post(f"/care/paper/{row.pk}/attach", {"files": picture}).status_code == 302
    with acting(BUREAU):
        assert PaperFile.objects.filter(bill=row).count() == 1
    assert officer.post(f"/care/paper/{row.pk}/send").status_code == 302
    assert stands(row) == "proposed"
    assert officer.post(f"/care/paper/{row.pk}/decide", {"decision": "approve", "why": "x"}).status_code == 403
    decided(reviewer, row, "approve")
    assert stands(row) == "approved"
    with acting(BUREAU):
        (settled,) = Settlement.objects.filter(visit=row.visit_id)
    assert (settled.total_fen, settled.person_fen) == (2_000_000, settled.paid_fen)
    assert settled.paid_fen > 0


def test_a_bill_that_was_sent_back_is_changed_and_sent_again(world: World) -> None:
    officer, reviewer = world.client(world.yuhu.officer), fresh(world, world.yuhu.reviewer)
    row = entered(officer, patient(world))
    assert officer.post(f"/care/paper/{row.pk}/send").status_code == 302
    decided(reviewer, row, "return")
    assert stands(row) == "returned"
    changed = world.client(world.yuhu.officer_two)
    answer = changed.post(f"/care/paper/{row.pk}/change", form(invoice="FP2", total="300", in_scope="300"))
    assert answer.status_code == 302, answer.content.decode()
    with acting(BUREAU):
        now = PaperBill.objects.get(pk=row.pk)
    assert (now.state, now.invoice, now.made_by_id) == ("draft", "FP2", world.yuhu.officer_two.pk)
    assert changed.post(f"/care/paper/{row.pk}/send").status_code == 302
    decided(reviewer, row, "approve")
    with acting(BUREAU):
        assert Settlement.objects.get(visit=row.visit_id).total_fen == 30_000


def test_the_window_changes_no_paper_bill(world: World) -> None:
    """Four eyes: what the reviewer approves is what the officer entered, and nobody slips anything in between."""
    yuhu = world.yuhu
    officer, today = world.client(yuhu.officer), timezone.localdate()
    row = entered(officer, patient(world))
    acts = (
        lambda: actions.change_visit(row.visit_id, care="outpatient", acting_user=yuhu.officer),
        lambda: actions.admit(row.visit_id, on=today, acting_user=yuhu.officer),
        lambda: actions.cancel_visit(row.visit_id, why="x", acting_user=yuhu.officer),
        lambda: actions.cut_stay(row.visit_id, on=today, acting_user=yuhu.officer),
        lambda: actions.add_lines(row.visit_id, [Charge(today, "X", "x", 10_000, 100, 1)], acting_user=yuhu.officer),
        lambda: actions.clear_lines(row.visit_id, acting_user=yuhu.officer),
        lambda: actions.refund_lines(row.visit_id, {1: 1}, on=today, why="x", acting_user=yuhu.officer),
    )
    for sent in (False, True):
        if sent:
            assert officer.post(f"/care/paper/{row.pk}/send").status_code == 302
        with acting(BUREAU):
            before = Visit.objects.filter(pk=row.visit_id).values().get()
        for act in acts:
            with pytest.raises(NotOfTheWindow):
                act()
        posted = officer.post(
            f"/care/visits/{row.visit_id}/change",
            {"care": "outpatient", "admitted_on": str(today - DAY), "discharged_on": str(today), "diagnoses": "C16.9"},
        )
        assert posted.status_code == 422
        with acting(BUREAU):
            assert Visit.objects.filter(pk=row.visit_id).values().get() == before
