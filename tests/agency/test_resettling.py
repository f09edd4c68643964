"""Settling many bills anew: proposed, computed, approved by a second person, carried out as approved or not at all. SET-5."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from tests.agency.past import past_settled, past_stay, resident
from tests.agency.test_care import a_claim, a_person, corrected
from tests.agency.test_care import settled as settled_past
from tests.agency.test_holds_and_default import fresh
from tests.agency.test_settling import patient, refused, settled, stay
from tests.agency.world import World
from yizhan.agency.care import dues, queries, resettling
from yizhan.agency.care.errors import AreaOutside, NobodyTouched, PersonsUnknown, WhyNeeded
from yizhan.agency.care.models import Resettlement, ResettlementLine, Settlement
from yizhan.agency.jobs.models import Run
from yizhan.agency.jobs.worker import advance, work_off
from yizhan.agency.ledger import actions as ledger_actions
from yizhan.agency.ledger import queries as ledger
from yizhan.agency.ledger.actions import open_books
from yizhan.agency.ledger.errors import Overdrawn
from yizhan.agency.ledger.models import Book
from yizhan.agency.ledger.verifying import verify
from yizhan.agency.people.actions import set_account
from yizhan.agency.people.models import Person
from yizhan.agency.staff.errors import NotAllowed, NotFound, Outdated, SamePerson
from yizhan.agency.staff.scope import System, acting
from yizhan.engine.money import yuan_grouped
from yizhan.policy import areas
from yizhan.policy.areas import Library

TOUCHED = {"kind": "touched"}


def late_identity(world: World, person: Person, *rows: Settlement) -> None:
    since, applied_on = rows[0].identity_on - timedelta(days=30), rows[0].identity_on + timedelta(days=1)
    corrected(world, person, "subsistence", since, None, applied_on=applied_on)


def proposed(world: World, selection: dict[str, object] | None = None) -> Resettlement:
    batch = resettling.propose(selection or TOUCHED, why="低保身份补报", acting_user=world.yuhu.officer)
    work_off()
    return seen(world, batch)


def seen(world: World, batch: Resettlement) -> Resettlement:
    with acting(world.yuhu.officer):
        return Resettlement.objects.get(pk=batch.pk)


def lines(world: World, batch: Resettlement) -> list[ResettlementLine]:
    with acting(world.yuhu.officer):
        return list(batch.lines.order_by("id"))


def carried_out(world: World, batch: Resettlement) -> Resettlement:
    resettling.approve(batch.pk, why="核对无误", acting_user=world.yuhu.reviewer)
    work_off()
    return seen(world, batch)


def two_bills(world: World, sequence: int = 1, name: str = "试样甲") -> list[Settlement]:
    person = patient(world, sequence, name)
    first = settled(world.yuhu, stay(world.yuhu, person, days_ago=20, yuan=60_000))
    return [first, settled(world.yuhu, stay(world.yuhu, person, yuan=60_000))]


def test_a_batch_is_computed_approved_and_carried_out_person_by_person(world: World) -> None:
    first, second = two_bills(world)
    late_identity(world, first.person, first)
    batch = proposed(world)
    assert batch.state == "proposed"
    asked, follows = lines(world, batch)
    assert (asked.settlement_id, asked.follows, asked.identities_now) == (first.pk, False, ["subsistence"])
    assert (follows.settlement_id, follows.follows) == (second.pk, True)
    assert asked.difference_fen == sum(asked.changes.values()) > 0
    assert batch.sums["due"] == asked.difference_fen + follows.difference_fen == sum(batch.sums["funds"].values())
    with acting(world.yuhu.officer):
        assert list(queries.of_person(first.person)) == [first, second], "computing writes no settlement"
    batch = carried_out(world, batch)
    assert batch.state == "done" and [line.state for line in lines(world, batch)] == ["done", "done"]
    with acting(world.yuhu.officer):
        now = list(queries.of_person(first.person))
        assert [row.kind for row in now] == ["resettled", "replayed"]
        assert sum(row.person_fen for row in now) == batch.sums["due"]
        (due,) = dues.dues()
        assert (due.fen, due.person) == (batch.sums["due"], first.person)
        assert not list(queries.touched())
    refused(NobodyTouched, lambda: resettling.propose(TOUCHED, why="再来", acting_user=world.yuhu.officer))


def test_who_proposes_does_not_approve_and_the_database_keeps_it(world: World) -> None:
    first, _ = two_bills(world)
    late_identity(world, first.person, first)
    yuhu = world.yuhu
    refused(WhyNeeded, lambda: resettling.propose(TOUCHED, why=" ", acting_user=yuhu.officer))
    refused(NotAllowed, lambda: resettling.propose(TOUCHED, why="x", acting_user=yuhu.reviewer))
    batch = proposed(world)
    refused(NotAllowed, lambda: resettling.approve(batch.pk, acting_user=yuhu.officer))
    both = yuhu.officer
    both.roles = ["county_officer", "reviewer"]
    refused(SamePerson, lambda: resettling.approve(batch.pk, acting_user=both))
    refused(SamePerson, lambda: resettling.reject(batch.pk, why="x", acting_user=both))
    with pytest.raises(IntegrityError), transaction.atomic(), acting(yuhu.officer):
        Resettlement.objects.filter(pk=batch.pk).update(state="approved", decided_by=yuhu.officer)
    with pytest.raises(IntegrityError), transaction.atomic(), acting(yuhu.officer):
        Resettlement.objects.filter(pk=batch.pk).update(state="done")
    for stranger in (world.songshan.reviewer, world.xiangtan_county.reviewer):
        refused(NotFound, lambda who=stranger: resettling.approve(batch.pk, acting_user=who))
    with acting(yuhu.window):
        assert not Resettlement.objects.exists() and not ResettlementLine.objects.exists()


def test_a_batch_that_is_sent_back_or_withdrawn_changes_nothing(world: World) -> None:
    first, second = two_bills(world)
    late_identity(world, first.person, first)
    batch = proposed(world)
    refused(WhyNeeded, lambda: resettling.reject(batch.pk, why="", acting_user=world.yuhu.reviewer))
    resettling.reject(batch.pk, why="名单文号不对", acting_user=world.yuhu.reviewer)
    assert {line.state for line in lines(world, batch)} == {"dropped"}
    refused(Outdated, lambda: resettling.approve(batch.pk, acting_user=world.yuhu.reviewer))
    again = proposed(world)
    resettling.withdraw(again.pk, acting_user=world.yuhu.officer_two)
    with acting(world.yuhu.officer):
        assert list(queries.of_person(first.person)) == [first, second]
        assert list(queries.touched()) == [first]


def test_a_difference_that_is_no_longer_the_approved_one_is_not_carried_out(world: World) -> None:
    first, second = two_bills(world)
    other, _ = two_bills(world, 2, "试样乙")
    late_identity(world, first.person, first)
    late_identity(world, other.person, other)
    batch = proposed(world)
    from yizhan.agency.care.rewriting import reverse

    reverse(second.visit_id, on=date.today(), why="录错", acting_user=world.yuhu.officer)
    batch = carried_out(world, batch)
    found = lines(world, batch)
    assert {line.state for line in found if line.person_id == first.person_id} == {"changed"}
    assert {line.state for line in found if line.person_id == other.person_id} == {"done"}
    assert found[0].problems[0]["code"] == "difference_changed"
    assert batch.sums["changed"] == 2
    with acting(world.yuhu.officer):
        assert [row.pk for row in queries.of_person(first.person)] == [first.pk]
    once_more = carried_out(world, proposed(world))
    assert [line.state for line in lines(world, once_more)] == ["done"]


def test_a_bill_waits_in_one_batch_at_a_time(world: World) -> None:
    first, _ = two_bills(world)
    late_identity(world, first.person, first)
    proposed(world)
    refused(NobodyTouched, lambda: resettling.propose(TOUCHED, why="又一批", acting_user=world.yuhu.officer))
    selection = {"kind": "persons", "persons": [first.person_id]}
    refused(NobodyTouched, lambda: resettling.propose(selection, why="又一批", acting_user=world.yuhu.officer))


def test_a_run_that_is_stopped_goes_on_where_it_stood(world: World) -> None:
    people = [two_bills(world, number, f"试样{number}") for number in (1, 2, 3)]
    for first, _ in people:
        late_identity(world, first.person, first)
    batch = proposed(world)
    resettling.approve(batch.pk, acting_user=world.yuhu.reviewer)
    run = seen(world, batch).carry_run_id
    assert run is not None
    for _ in range(2):  # the beginning, and one person
        advance(run)
    assert sorted(line.state for line in lines(world, batch)) == ["done"] * 2 + ["open"] * 4
    with acting(world.yuhu.reviewer):
        Run.objects.filter(pk=run).update(cancel_asked=True)
    work_off()
    refused(NotAllowed, lambda: resettling.go_on(batch.pk, acting_user=world.yuhu.officer))
    resettling.go_on(batch.pk, acting_user=world.yuhu.reviewer_two)
    work_off()
    assert {line.state for line in lines(world, batch)} == {"done"}
    with acting(world.yuhu.officer):
        assert Settlement.objects.filter(kind="resettled").count() == 3


def test_what_changes_nothing_is_looked_at_once(world: World) -> None:
    person = a_person(world)
    settled_past(world, person, a_claim())
    corrected(world, person, "low_income_margin", date(2022, 1, 1), None)
    with acting(world.yuhu.officer):
        before = queries.settled_anew(queries.touched(), acting_user=world.yuhu.officer)
    batch = proposed(world)
    if before[0].difference == 0 and before[0].planned is None:
        assert [line.state for line in lines(world, batch)] == ["unchanged"] and batch.state == "withdrawn"
        with acting(world.yuhu.officer):
            assert not list(queries.touched())


def test_bills_are_selected_by_persons_and_by_days(world: World) -> None:
    yuhu = world.yuhu
    one, two = a_person(world), a_person(world, "试样乙", 2)
    bills = [settled_past(world, one, a_claim()), settled_past(world, one, a_claim("A-2", "2022-08-12"))]
    other = settled_past(world, two, a_claim("B-1", "2022-06-12"))
    check: dict[str, Any] = {"acting_user": yuhu.officer}
    days: dict[str, Any] = {"begins": date(2022, 6, 1), "ends": date(2022, 8, 31), "area": yuhu.area.path}
    with acting(yuhu.officer):
        found = resettling.persons_of(resettling.checked_selection("period", **days, **check))
        assert found == {one.pk: [bills[1].pk], two.pk: [other.pk]}
        found = resettling.persons_of(resettling.checked_selection("persons", persons=[two.pk], **check))
        assert found == {two.pk: [other.pk]}
    refused(
        AreaOutside, lambda: resettling.checked_selection("period", **{**days, "area": world.hunan.area.path}, **check)
    )
    refused(PersonsUnknown, lambda: resettling.checked_selection("persons", persons=[987654321], **check))
    refused(NotFound, lambda: resettling.checked_selection("roster", roster=987654321, **check))


def test_dues_name_the_fund_and_the_account_and_go_to_the_bank_in_full(world: World) -> None:
    first, _ = two_bills(world)
    late_identity(world, first.person, first)
    carried_out(world, proposed(world))
    number = "6222020200112233445"
    set_account(
        first.person, holder="试样甲", bank="演示银行", number=number, why="本人申请", acting_user=world.yuhu.officer
    )
    with acting(world.yuhu.finance):
        (due,) = dues.dues()
        assert due.account is not None and number not in due.account.account_mask
    refused(NotAllowed, lambda: dues.for_the_bank(purpose="回补", acting_user=world.yuhu.officer))
    found, without = dues.for_the_bank(purpose="回补", acting_user=world.yuhu.finance)
    assert not without and {line.account for line in found} == {number}
    assert sum(line.fen for line in found) >= due.fen


def test_a_policy_that_came_late_is_paid_back_to_those_who_were_settled_before_it(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """CF appendix 一: people who were in hospital before the guarantee was carried out were paid afterwards（回补）. SET-5."""
    yuhu = world.yuhu
    shutil.copytree(Library().root, tmp_path / "policies")
    guarantee = tmp_path / "policies/430000-湖南/湖南三年行动2018.md"
    text = guarantee.read_text(encoding="utf-8")
    rule = "政府兜底:\n  当: {医疗类别: 住院, 身份: [建档立卡, 特困], 就医地: 本县}\n"
    late = text.replace(rule, f"{rule}  自: 2019-12-01\n")
    assert late != text
    guarantee.write_text(late, encoding="utf-8")
    before = Library(tmp_path / "policies")
    monkeypatch.setattr(areas, "library_of", lambda _: before)
    on = date(2019, 5, 5)
    poor = [resident(yuhu, "registered_poor", sequence=k, name=f"试样{k}") for k in (1, 2)]
    visits = [past_stay(yuhu, person, on, (1_000_000, 0, 0, 300_000)) for person in poor]
    rows = [past_settled(yuhu, visit) for visit in visits]
    other = past_settled(yuhu, past_stay(yuhu, resident(yuhu, sequence=3), on, (1_000_000, 0, 0, 0)))
    assert [row.patient_fen for row in rows] == [195_000 + 165_300] * 2
    monkeypatch.undo()
    days: dict[str, Any] = {"begins": date(2019, 1, 1), "ends": date(2019, 11, 30), "area": yuhu.area.path}
    batch = proposed(world, resettling.checked_selection("period", **days, acting_user=yuhu.officer))
    assert batch.sums["funds"] == {"政府兜底 政府兜底保障资金": 2 * 165_300}
    assert (batch.sums["unchanged"], batch.sums["persons_due"], batch.sums["owed"]) == (1, 2, 0)
    carried_out(world, batch)
    with acting(yuhu.officer):
        now = [Settlement.objects.live().get(visit=visit) for visit in visits]
        assert [(row.patient_fen, row.person_fen, row.due_fen) for row in now] == [
            (195_000, 165_300, rows[0].due_fen)
        ] * 2
        assert Settlement.objects.live().get(visit=other.visit_id) == other
    with acting(yuhu.finance):
        assert [due.by_payer for due in dues.dues()] == [{"政府兜底保障资金": 165_300}] * 2
    with acting(System("tests")):
        assert not verify().differences


def test_money_that_came_late_needs_no_bill_to_be_settled_anew(world: World) -> None:
    """A settlement accrues: the fund owes from that day on, and pays when it has been paid in."""
    yuhu = world.yuhu
    row = past_settled(
        yuhu, past_stay(yuhu, resident(yuhu, "registered_poor"), date(2019, 5, 5), (1_000_000, 0, 0, 300_000))
    )
    open_books(acting_user=yuhu.finance)
    with acting(yuhu.finance):
        fund = Book.objects.get(payer="政府兜底保障资金")
        hospital = Book.objects.get(institution=yuhu.hospital)
        assert {f.book.payer: f.shortfall for f in ledger.overview(yuhu.area.path, on=date.today())}[
            fund.payer
        ] == 165_300
    about: dict[str, Any] = {
        "fen": 165_300,
        "on": timezone.localdate(),
        "document": "演财1号",
        "why": "兜底资金到位",
        "acting_user": yuhu.finance,
    }
    pay = ledger_actions.propose("to_hospital", fund, other=hospital, **about)
    refused(Overdrawn, lambda: ledger_actions.decide(pay, approved=True, acting_user=yuhu.reviewer))
    come = ledger_actions.propose("receipt", fund, income="income_county", giver=yuhu.area, **about)
    ledger_actions.decide(come, approved=True, acting_user=yuhu.reviewer)
    ledger_actions.decide(pay, approved=True, acting_user=yuhu.reviewer)
    with acting(yuhu.finance):
        assert not any(f.shortfall for f in ledger.overview(yuhu.area.path, on=date.today()) if f.book == fund)
        assert Settlement.objects.live().get() == row


def test_back_payments_are_proposed_together_and_decided_together(world: World) -> None:
    yuhu = world.yuhu
    finance, reviewer = world.client(yuhu.finance), fresh(world, yuhu.reviewer)
    for k, name in ((1, "试样甲"), (2, "试样乙"), (3, "试样丙")):
        first, _ = two_bills(world, k, name)
        late_identity(world, first.person, first)
        if k < 3:
            set_account(
                first.person,
                holder=name,
                bank="演示银行",
                number=f"622202020011223344{k}",
                why="本人申请",
                acting_user=yuhu.officer,
            )
    carried_out(world, proposed(world))
    with acting(yuhu.finance):
        found = dues.dues()
        paid = [due for due in found if due.account is not None]
        total = sum(due.fen for due in paid)
    form = {"document": "演代发〔2026〕1号", "on": timezone.localdate().isoformat(), "why": "回补款"}
    assert finance.post("/care/dues/propose", {**form, "document": ""}).status_code == 422
    assert finance.post("/care/dues/propose", form).status_code == 302
    again = finance.post("/care/dues/propose", form)
    assert again.status_code == 422 and "待复核" in again.content.decode()
    where = {"document": form["document"]}
    page = reviewer.get("/ledger/movements/document", where).content.decode()
    assert yuan_grouped(total) in page
    short = reviewer.post("/ledger/movements/document", {**where, "decision": "approve"})
    assert short.status_code == 422, "no money was paid in"
    with acting(yuhu.finance):
        books = {b.payer: b for b in Book.objects.filter(kind="fund")}
    for payer in {payer for due in paid for payer in due.by_payer}:
        come = ledger_actions.propose(
            "receipt", books[payer], fen=10**8, on=timezone.localdate(), document="演财1号", why="拨入", income="income_subsidy",
            acting_user=yuhu.finance,
        )  # fmt: skip
        ledger_actions.decide(come, approved=True, acting_user=yuhu.reviewer)
    assert reviewer.post("/ledger/movements/document", {**where, "decision": "approve"}).status_code == 302
    assert reviewer.post("/ledger/movements/document", {**where, "decision": "approve"}).status_code == 404
    with acting(yuhu.finance):
        assert [due.person.pk for due in dues.dues()] == [due.person.pk for due in found if due.account is None]
    with acting(System("tests")):
        assert not verify().differences
