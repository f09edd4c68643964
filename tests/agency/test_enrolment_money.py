"""Premium, subsidies, receipts and refunds: what a person's account of a year comes to, to the fen."""

from __future__ import annotations

import threading
from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection

from tests.agency.conftest import Database
from tests.agency.enrolling import IN_PERIOD, mark, number_of, people, set_today, withdraw_marks
from tests.agency.world import World, make_world
from yizhan.agency.enrolment import queries
from yizhan.agency.enrolment.actions import enrolling, files, receipts, refunds, subsidies, tax
from yizhan.agency.enrolment.errors import (
    AlreadyEnrolled,
    BatchOpen,
    DocumentNeeded,
    FileAlreadyTaken,
    MoreThanPaid,
    NothingForList,
    NothingToRefund,
    RefundOpen,
)
from yizhan.agency.enrolment.models import Charge, Difference, Enrolment, Entry, ListFile, Receipt, Refund, SubsidyBatch
from yizhan.agency.jobs.models import Run
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.people import merging
from yizhan.agency.people.models import Merge, Person
from yizhan.agency.staff import ceilings
from yizhan.agency.staff.errors import NotAllowed, NotFound, SamePerson
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.scope import acting
from yizhan.errors import Problems

YEAR = 2026
OWN, WHOLE = 400_00, 1_100_00
MONEY_ON = date(2026, 1, 15)


@pytest.fixture(autouse=True)
def in_the_collection_period(monkeypatch: pytest.MonkeyPatch) -> None:
    set_today(monkeypatch, IN_PERIOD)


def enrol(world: World, *persons: Person, on: date = IN_PERIOD, **how: Any) -> None:
    for person in persons:
        enrolling.enrol(person, year=YEAR, enrolled_on=on, acting_user=world.yuhu.officer, **how)


def charge(world: World, person: Person) -> Charge:
    with acting(world.yuhu.officer):
        return Charge.objects.get(person=person, year=YEAR)


def batch(world: World) -> SubsidyBatch:
    made = subsidies.propose_subsidies(
        world.yuhu.area, year=YEAR, document="潭民〔2025〕1号", acting_user=world.yuhu.officer
    )
    work_off()
    with acting(world.yuhu.officer):
        return queries.batch(made.pk)


def subsidise(world: World) -> SubsidyBatch:
    made = batch(world)
    subsidies.approve(made, money_on=MONEY_ON, acting_user=world.yuhu.finance)
    return made


HEAD = "回执号,人员编号,证件号码,姓名,缴费金额,缴费日期"


def receive(officer: Officer, *rows: tuple[str, Person | str, str, str], name: str = "") -> ListFile:
    """Upload receipts: (number, person or words for columns, yuan, day), and let the run count them."""
    lines = [HEAD]
    for number, who, yuan, day in rows:
        whose = f"{who.number},,{name or who.name}" if isinstance(who, Person) else who
        lines.append(f"{number},{whose},{yuan},{day}")
    content = "\n".join(lines).encode()
    file = files.take_file("receipts", content=content, filename="回执.csv", year=YEAR, acting_user=officer)
    work_off()
    return file


def differences(world: World) -> list[tuple[str, int]]:
    with acting(world.yuhu.officer):
        return [(d.kind, d.found) for d in Difference.objects.filter(decision="").order_by("id")]


def conserved(world: World) -> bool:
    """Own premium = covered by subsidies + paid + balance, for each account and as its entries say."""
    with acting(world.nation.system_admin), connection.cursor() as cursor:
        cursor.execute("""
            select count(*) from enrolment_charge c
            left join lateral (select coalesce(sum(fen) filter (where kind = 'subsidy'), 0) s, coalesce(sum(fen) filter (where kind = 'received'), 0) r,
                                      coalesce(sum(fen) filter (where kind = 'refunded'), 0) b from enrolment_entry e where e.charge_id = c.id) e on true
            where c.due <> c.covered + c.received - c.refunded + c.balance
               or (c.subsidised, c.received, c.refunded) is distinct from (e.s, e.r, e.b)
        """)
        return cursor.fetchone()[0] == 0


# --- What the rules give ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "subsidy"),
    [
        ("extremely_poor", 400_00),
        ("severely_disabled", 400_00),
        ("orphan", 400_00),
        ("unsupported_child", 400_00),
        ("subsistence", 200_00),
        ("monitored", 200_00),
        ("returned_to_poverty", 200_00),
        ("stably_lifted", 0),
    ],
)
def test_xiangtan_subsidises_by_category(world: World, identity: str, subsidy: int) -> None:
    """SUB-1, by hand: own premium 400 yuan for 2026, all of it or half."""
    (person,) = people(world.yuhu.officer, world.yuhu.townships[0], ["张三"])
    mark(world.yuhu.officer, person, identity)
    enrol(world, person)
    found = batch(world)
    if not subsidy:
        assert found.state == "withdrawn" and found.counts == {"nothing": 1}
        return
    subsidies.approve(found, money_on=MONEY_ON, acting_user=world.yuhu.finance)
    account = charge(world, person)
    assert (account.due, account.covered, account.paid, account.owed) == (OWN, subsidy, 0, OWN - subsidy)
    with acting(world.yuhu.officer):
        assert bool(queries.insured_periods(person)) == (subsidy == OWN)
        assert Enrolment.objects.live().get().insured.lower == date(2026, 1, 1)


def test_a_mark_gained_after_the_collection_period_brings_nothing_in_xiangtan(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SUB-2: inside the period yes, after it no."""
    early, late = people(world.yuhu.officer, world.yuhu.area, ["早认定", "晚认定"])
    enrol(world, early, late)
    mark(world.yuhu.officer, early, "subsistence", date(2026, 2, 28))
    mark(world.yuhu.officer, late, "subsistence", date(2026, 3, 1))
    set_today(monkeypatch, date(2026, 3, 2))
    subsidise(world)
    assert (charge(world, early).subsidised, charge(world, late).subsidised) == (200_00, 0)


def test_who_is_fully_subsidised_is_enrolled_by_the_approval(world: World) -> None:
    full, half = people(world.yuhu.officer, world.yuhu.area, ["全额", "半额"])
    mark(world.yuhu.officer, full, "extremely_poor")
    mark(world.yuhu.officer, half, "subsistence")
    found = subsidise(world)
    assert found.counts == {"granted": 1, "not_enrolled": 1}
    with acting(world.yuhu.officer):
        assert list(Enrolment.objects.live().values_list("person", flat=True)) == [full.pk]
        (period,) = queries.insured_periods(full)
    assert (period.from_on, period.to_on) == (date(2026, 1, 1), date(2026, 12, 31))


def test_chifeng_county_finance_pays_thirty_percent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """CF 10: own premium 210 yuan for 2018, of which the county's finance pays at least 30 %: 63 yuan."""
    there = world.songshan
    (person,) = people(there.officer, there.area, ["其木格"])
    mark(there.officer, person, "registered_poor", date(2017, 1, 1))
    set_today(monkeypatch, date(2018, 1, 10))
    enrolling.enrol(person, year=2018, enrolled_on=date(2018, 1, 10), acting_user=there.officer)
    made = subsidies.propose_subsidies(there.area, year=2018, acting_user=there.officer)
    work_off()
    with acting(there.officer):
        (line,) = made.lines.all()
    assert (line.fen, line.payer, line.stand_in) == (63_00, "旗县区财政", True)
    assert "30" in " ".join(line.explanation["en"])


def test_hunan_pays_the_whole_financing_for_who_is_found_poor_late(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HN 3, by hand for 2019: 220 + 520 yuan by local government, for somebody not enrolled; insured from the money on."""
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["新致贫"])
    mark(world.yuhu.officer, person, "registered_poor", date(2019, 5, 6))
    set_today(monkeypatch, date(2019, 6, 3))
    made = subsidies.propose_subsidies(
        world.yuhu.area, year=2019, document="潭政〔2019〕1号", acting_user=world.yuhu.officer
    )
    work_off()
    with acting(world.yuhu.officer):
        (line,) = made.lines.all()
    assert (line.fen, line.enrols) == (740_00, True)
    subsidies.approve(made, money_on=date(2019, 6, 20), acting_user=world.yuhu.finance)
    with acting(world.yuhu.officer):
        account = Charge.objects.get()
        (period,) = queries.insured_periods(person)
    assert (account.subsidised, account.covered, account.owed, account.refundable) == (740_00, 220_00, 0, 0)
    assert period.from_on == date(2019, 6, 20)


def test_a_newborn_is_insured_from_birth(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (child,) = people(world.yuhu.officer, world.yuhu.area, ["新生儿"])
    set_today(monkeypatch, date(2026, 6, 1))
    enrol(world, child, on=date(2026, 6, 1), event="newborn", event_on=date(2026, 5, 4))
    receive(world.yuhu.officer, ("T1", child, "400", "2026-06-02"))
    with acting(world.yuhu.officer):
        (period,) = queries.insured_periods(child)
    assert period.from_on == date(2026, 5, 4)
    assert not differences(world)


def test_who_comes_late_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """90 days after 2026-04-01 is 2026-06-30."""
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["晚来"])
    set_today(monkeypatch, date(2026, 4, 1))
    enrol(world, person, on=date(2026, 4, 1))
    with acting(world.yuhu.officer):
        assert Enrolment.objects.get().insured.lower == date(2026, 6, 30)


def test_a_longer_period_by_document_lets_people_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["晚来"])
    city = world.xiangtan
    enrolling.extend_period(
        city.area, year=YEAR, period_to=date(2026, 6, 30), document="潭医保〔2026〕9号", acting_user=city.officer
    )
    set_today(monkeypatch, date(2026, 4, 1))
    enrol(world, person, on=date(2026, 4, 1))
    with acting(world.yuhu.officer):
        assert Enrolment.objects.get().insured.lower == date(2026, 1, 1)
    with pytest.raises(NotFound):
        enrolling.extend_period(
            city.area, year=YEAR, period_to=date(2026, 9, 30), document="x", acting_user=world.yuhu.officer
        )


# --- Never twice ------------------------------------------------------------------------------------------------------


def test_a_person_is_enrolled_once_a_year(world: World) -> None:
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["张三"])
    enrol(world, person)
    with pytest.raises(AlreadyEnrolled):
        enrol(world, person)
    row = Enrolment(
        person=person, area_path=person.area_path, year=YEAR, scheme="rural_cooperative", enrolled_on=IN_PERIOD
    )
    with pytest.raises(IntegrityError), acting(world.yuhu.officer):
        row.save()


def test_computing_again_gives_only_differences(world: World) -> None:
    """A better mark tops up, a withdrawn mark is taken back as a row below zero; nothing is edited."""
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["张三"])
    mark(world.yuhu.officer, person, "subsistence")
    enrol(world, person)
    subsidise(world)
    assert batch(world).state == "withdrawn"
    mark(world.yuhu.officer, person, "extremely_poor")
    subsidise(world)
    assert charge(world, person).subsidised == 400_00
    withdraw_marks(world.yuhu.officer, person, "extremely_poor")
    subsidise(world)
    assert charge(world, person).subsidised == 200_00
    with acting(world.yuhu.officer):
        assert list(Entry.objects.order_by("id").values_list("fen", flat=True)) == [200_00, 200_00, -200_00]
    assert conserved(world)


def test_one_batch_is_open_at_a_time(world: World) -> None:
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["张三"])
    mark(world.yuhu.officer, person, "subsistence")
    enrol(world, person)
    open_one = batch(world)
    with pytest.raises(BatchOpen):
        batch(world)
    subsidies.withdraw(open_one, acting_user=world.yuhu.officer)
    assert batch(world).state == "proposed"


def test_the_database_refuses_more_subsidy_than_premium(world: World) -> None:
    """Even where the code were wrong: the account's check, the trigger that adds up, and one entry a line."""
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["张三"])
    mark(world.yuhu.officer, person, "extremely_poor")
    enrol(world, person)
    made = subsidise(world)
    with acting(world.yuhu.officer):
        line = made.lines.get()
        account = Charge.objects.get()
        entry = Entry(charge=account, area_path=account.area_path, kind="subsidy", fen=1, on=MONEY_ON, line=line)
    with pytest.raises(IntegrityError), acting(world.yuhu.officer):
        entry.save()
    line.pk, line.fen, line.open = None, WHOLE - OWN + 1, False
    with pytest.raises(IntegrityError, match="subsidy_within_premium"), acting(world.yuhu.officer):
        line.save()
        Entry.objects.create(
            charge=account, area_path=account.area_path, kind="subsidy", fen=line.fen, on=MONEY_ON, line=line
        )
    for column in ("subsidised", "received", "own_premium"):
        with pytest.raises(Exception, match="permission denied"), acting(world.yuhu.officer):
            Charge.objects.filter(pk=account.pk).update(**{column: 1})


def test_maker_is_not_checker(world: World) -> None:
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["张三"])
    mark(world.yuhu.officer, person, "subsistence")
    enrol(world, person)
    both = world.yuhu.officer
    both.roles = ["county_officer", "finance_officer"]
    made = batch(world)
    for act in (
        lambda: subsidies.approve(made, money_on=MONEY_ON, acting_user=both),
        lambda: subsidies.refuse(made, why="x", acting_user=both),
    ):
        with pytest.raises(SamePerson):
            act()
    with pytest.raises(IntegrityError), acting(both):
        SubsidyBatch.objects.filter(pk=made.pk).update(state="approved", decided_by=both)
    with pytest.raises(NotAllowed):
        subsidies.approve(made, money_on=MONEY_ON, acting_user=world.yuhu.reviewer)
    with pytest.raises(NotFound):
        subsidies.approve(made, money_on=MONEY_ON, acting_user=world.songshan.finance)


def test_departments_apply_for_their_people(world: World) -> None:
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["张三"])
    mark(world.yuhu.officer, person, "monitored")
    enrol(world, person)
    made = subsidies.propose_subsidies(world.yuhu.area, year=YEAR, acting_user=world.yuhu.officer)
    work_off()
    with pytest.raises(DocumentNeeded):
        subsidies.approve(made, money_on=MONEY_ON, acting_user=world.yuhu.finance)
    subsidies.approve(made, money_on=MONEY_ON, document="潭乡振〔2025〕3号", acting_user=world.yuhu.finance)


# --- Lists and receipts -----------------------------------------------------------------------------------------------


def due_list(world: World) -> Any:
    made = tax.make_list("due", world.yuhu.area, year=YEAR, acting_user=world.yuhu.officer)
    work_off()
    with acting(world.yuhu.officer):
        return queries.tax_list(made.pk)


def test_a_list_holds_what_is_due_after_subsidy_and_the_next_only_changes(world: World) -> None:
    half, none = people(world.yuhu.officer, world.yuhu.area, ["半额", "无资助"])
    mark(world.yuhu.officer, half, "subsistence")
    enrol(world, half, none)
    subsidise(world)
    first = due_list(world)
    content = tax.hand_over(first, acting_user=world.yuhu.officer)
    assert (first.rows, first.fen) == (2, 600_00)
    assert f"{half.number},{number_of(0)},半额,2026,200.00" in content.decode("utf-8-sig")
    with pytest.raises(NothingForList):
        due_list(world)
    mark(world.yuhu.officer, none, "orphan")
    subsidise(world)
    second = due_list(world)
    assert (second.rows, second.fen) == (1, 0)
    assert tax.hand_over(first, acting_user=world.yuhu.finance) == content
    with acting(world.yuhu.officer), connection.cursor() as cursor:
        cursor.execute("select count(*) from enrolment_taxrow where id_sealed like %s", [f"%{number_of(0)}%"])
        assert cursor.fetchone()[0] == 0


def test_receipts_are_counted_and_whoever_paid_is_insured(world: World) -> None:
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["张三"])
    enrol(world, person)
    receive(world.yuhu.officer, ("T1", person, "400.00", "2026-01-08"))
    assert charge(world, person).balance == 0
    assert not differences(world)
    with acting(world.yuhu.officer):
        assert len(queries.insured_periods(person)) == 1
    assert conserved(world)


def test_the_same_receipt_counts_once_whoever_sends_it_again(world: World) -> None:
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["张三"])
    enrol(world, person)
    receive(world.yuhu.officer, ("T1", person, "400.00", "2026-01-08"), ("T1", person, "400.00", "2026-01-08"))
    with pytest.raises(FileAlreadyTaken):
        receive(world.yuhu.officer, ("T1", person, "400.00", "2026-01-08"), ("T1", person, "400.00", "2026-01-08"))
    receive(world.yuhu.officer, ("T1", person, "400.00", "2026-01-08"))
    receive(world.xiangtan.officer, ("T1", person, "400.0", "2026-01-08"))
    assert charge(world, person).received == 400_00
    assert not differences(world)
    receive(world.yuhu.officer, ("T1", person, "300.00", "2026-01-08"))
    assert charge(world, person).received == 400_00
    assert differences(world) == [("number_conflict", 300_00)]


def test_what_does_not_fit_becomes_a_difference(world: World) -> None:
    names = ["少缴", "多缴", "缴两次", "逾期", "姓名不符", "没登记"]
    little, much, twice, late, named, stranger = people(world.yuhu.officer, world.yuhu.area, names)
    enrol(world, little, much, twice, late, named)
    receive(
        world.yuhu.officer,
        ("T1", little, "300", "2026-01-08"),
        ("T2", much, "450", "2026-01-08"),
        ("T3", twice, "400", "2026-01-08"),
        ("T4", twice, "400", "2026-01-09"),
        ("T5", late, "400", "2026-03-01"),
        ("T6", f"{named.number},,别人", "400", "2026-01-08"),
        ("T7", stranger, "400", "2026-01-08"),
        ("T8", f",{number_of(999)},路人", "400", "2026-01-08"),
    )
    assert differences(world) == [
        ("too_little", 300_00), ("too_much", 450_00), ("paid_twice", 400_00), ("late", 400_00), ("name_differs", 400_00),
        ("not_enrolled", 400_00), ("unknown_person", 400_00),
    ]  # fmt: skip
    with acting(world.yuhu.officer):
        # 90 days after the day of payment.
        assert Enrolment.objects.live().get(person=late).insured.lower == date(2026, 5, 30)
    assert conserved(world)


def decide(world: World, kind: str, decision: str, person: Person | None = None) -> None:
    with acting(world.yuhu.officer):
        found = Difference.objects.get(kind=kind, decision="")
    receipts.decide_difference(found, decision=decision, person=person, acting_user=world.yuhu.officer)


def test_differences_are_decided(world: World) -> None:
    much, stranger, renamed = people(world.yuhu.officer, world.yuhu.area, ["多缴", "没登记", "改名"])
    enrol(world, much, renamed)
    receive(
        world.yuhu.officer,
        ("T1", much, "450", "2026-01-08"),
        ("T2", stranger, "400", "2026-01-08"),
        ("T3", f"{renamed.number},,旧名", "400", "2026-01-08"),
    )
    decide(world, "too_much", "refund")
    decide(world, "not_enrolled", "assign")
    decide(world, "name_differs", "assign", renamed)
    assert charge(world, stranger).balance == charge(world, renamed).balance == 0
    with acting(world.yuhu.officer):
        assert Refund.objects.get().fen == 50_00
        assert Receipt.objects.count() == 3
    receive(world.yuhu.officer, ("T3", f"{renamed.number},,旧名", "400", "2026-01-08"))
    assert not differences(world)
    assert conserved(world)


def test_two_uploads_at_once_count_once(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file: one is refused. Two files with the same receipts: worked on at once, each counted once."""
    world = make_world()
    (first, second) = people(world.yuhu.officer, world.yuhu.area, ["甲", "乙"])
    enrol(world, first, second)
    rows = "\n".join(f"T{k},{p.number},,{p.name},400.00,2026-01-08" for k, p in enumerate((first, second)))
    contents = [f"{HEAD}\n{rows}", f"{HEAD}\n{rows}", f"{HEAD}\n{rows}\n", f"{HEAD},备注\n{rows}"]
    outcomes: list[str] = []

    def upload(content: str) -> None:
        try:
            files.take_file(
                "receipts", content=content.encode(), filename="a.csv", year=YEAR, acting_user=world.yuhu.officer
            )
            outcomes.append("taken")
        except FileAlreadyTaken:
            outcomes.append("refused")
        finally:
            connection.close()

    def worker() -> None:
        try:
            work_off()
        finally:
            connection.close()

    for step in ([(upload, (c,)) for c in contents], [(worker, ())] * 3):
        threads = [threading.Thread(target=act, args=args) for act, args in step]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    work_off()
    assert sorted(outcomes) == ["refused", "taken", "taken", "taken"]
    with acting(world.yuhu.officer):
        assert set(Run.objects.filter(kind="enrolment.receipts").values_list("state", flat=True)) == {"done"}
        assert Receipt.objects.count() == Entry.objects.filter(kind="received").count() == 2
        assert list(Charge.objects.values_list("received", flat=True)) == [400_00, 400_00]


# --- Refunds ----------------------------------------------------------------------------------------------------------


def test_a_subsidy_after_payment_is_paid_back_once_and_listed(world: World) -> None:
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["张三"])
    enrol(world, person)
    receive(world.yuhu.officer, ("T1", person, "400", "2026-01-08"))
    with pytest.raises(NothingToRefund):
        refunds.propose_refund(charge(world, person), fen=1, reason="other", acting_user=world.yuhu.officer)
    mark(world.yuhu.officer, person, "subsistence")
    subsidise(world)
    account = charge(world, person)
    assert account.refundable == 200_00
    with pytest.raises(MoreThanPaid):
        refunds.propose_refund(account, fen=200_01, reason="subsidised_later", acting_user=world.yuhu.officer)
    refund = refunds.propose_refund(account, fen=200_00, reason="subsidised_later", acting_user=world.yuhu.officer)
    with pytest.raises(RefundOpen):
        refunds.propose_refund(account, fen=1, reason="other", acting_user=world.yuhu.officer)
    refunds.decide_refund(refund, approved=True, acting_user=world.yuhu.finance)
    assert (charge(world, person).paid, charge(world, person).balance) == (200_00, 0)
    made = tax.make_list("refund", world.yuhu.area, year=YEAR, acting_user=world.yuhu.finance)
    work_off()
    with acting(world.yuhu.officer):
        assert Refund.objects.get().state == "listed"
        assert queries.tax_list(made.pk).fen == 200_00
    with pytest.raises(NothingForList):
        tax.make_list("refund", world.yuhu.area, year=YEAR, acting_user=world.yuhu.finance)
    assert conserved(world)


def test_a_refund_is_approved_by_somebody_else(world: World) -> None:
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["张三"])
    enrol(world, person)
    receive(world.yuhu.officer, ("T1", person, "500", "2026-01-08"))
    refund = refunds.propose_refund(
        charge(world, person), fen=100_00, reason="paid_twice", acting_user=world.yuhu.finance
    )
    with pytest.raises(SamePerson):
        refunds.decide_refund(refund, approved=True, acting_user=world.yuhu.finance)
    with pytest.raises(NotAllowed):
        refunds.decide_refund(refund, approved=True, acting_user=world.yuhu.officer)
    with pytest.raises(NotFound):
        refunds.decide_refund(refund, approved=True, acting_user=world.songshan.finance)


def test_who_died_before_the_year_gets_all_back(world: World) -> None:
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["张三"])
    mark(world.yuhu.officer, person, "subsistence")
    enrol(world, person)
    subsidise(world)
    receive(world.yuhu.officer, ("T1", person, "200", "2025-12-08"))
    with acting(world.yuhu.officer):
        Person.objects.filter(pk=person.pk).update(died_on=date(2025, 12, 30))
        (row,) = queries.died_before(YEAR, world.yuhu.area.path)
    account = enrolling.end_enrolment(
        row, from_on=date(2026, 1, 1), why="年度开始前去世", acting_user=world.yuhu.officer
    )
    assert account is not None and account.refundable == 200_00
    subsidise(world)
    assert charge(world, person).subsidised == 0
    with acting(world.yuhu.officer):
        assert not queries.insured_periods(person)
    assert conserved(world)


def test_a_file_of_receipts_with_a_broken_row_is_refused_whole(world: World) -> None:
    content = f"{HEAD}\nT1,1,,甲,abc,2026-01-08\nT2,1,,甲,5,昨天\n".encode()
    with pytest.raises(Problems) as refused:
        files.take_file("receipts", content=content, filename="a.csv", year=YEAR, acting_user=world.yuhu.officer)
    assert [p.code for p in refused.value.problems] == ["bad_cell", "bad_cell"]
    with acting(world.yuhu.officer):
        assert not ListFile.objects.exists()


# --- Merged records ---------------------------------------------------------------------------------------------------


def merged(world: World, kept: Person, dropped: Person) -> Merge:
    merge = merging.propose_merge(kept, dropped=dropped, why="同一人两条记录", acting_user=world.yuhu.officer)
    return merging.decide_merge(merge, accept=True, acting_user=world.yuhu.reviewer)


def test_what_a_merged_record_had_counts_for_the_one_that_was_kept(world: World) -> None:
    kept, dropped = people(world.yuhu.officer, world.yuhu.area, ["张三", "张叁"])
    mark(world.yuhu.officer, dropped, "extremely_poor")
    enrol(world, dropped)
    subsidise(world)
    mark(world.yuhu.officer, kept, "extremely_poor")
    merge = merged(world, kept, dropped)
    with acting(world.yuhu.officer):
        assert [p.year for p in queries.insured_periods(kept)] == [YEAR]
        assert queries.account(kept, YEAR).charge == Charge.objects.get()
        whole, _ = queries.coverage(world.yuhu.area, year=YEAR, on=date(2026, 3, 1))
        assert (whole.certified.people, whole.certified.insured) == (1, 1)
        assert not queries.missing(world.yuhu.area.path, year=YEAR, on=date(2026, 3, 1))
    with pytest.raises(AlreadyEnrolled):
        enrol(world, kept)
    assert batch(world).state == "withdrawn", "nobody is subsidised a second time"
    merging.undo_merge(merge, why="是两个人", acting_user=world.yuhu.reviewer)
    with acting(world.yuhu.officer):
        assert not queries.insured_periods(kept)
        assert [p.year for p in queries.insured_periods(dropped)] == [YEAR]


def test_who_is_enrolled_after_a_merge_keeps_one_account_that_an_undone_merge_gives_back(world: World) -> None:
    """The dropped record paid and fell away; enrolled anew as the kept person, it is the same account that counts."""
    officer = world.yuhu.officer
    kept, dropped = people(officer, world.yuhu.area, ["张三", "张叁"])
    enrol(world, dropped)
    receive(officer, ("T1", dropped, "400", "2026-01-08"))
    with acting(officer):
        enrolling.end_enrolment(
            Enrolment.objects.live().get(), from_on=date(2026, 1, 1), why="误登", acting_user=officer
        )
    merge = merged(world, kept, dropped)
    enrol(world, kept)
    with acting(officer):
        account = queries.account(kept, YEAR)
        assert account.charge is not None and account.resident is not None
        assert (account.charge.balance, account.charge.void, Charge.objects.count()) == (0, False, 1)
        assert account.resident.person_id == account.charge.person_id == dropped.pk
        assert [p.year for p in queries.insured_periods(kept)] == [YEAR]
    with acting(officer):
        assert not queries.overpaid(YEAR, world.yuhu.area.path)
    merging.undo_merge(merge, why="是两个人", acting_user=world.yuhu.reviewer)
    with acting(officer):
        assert not queries.insured_periods(kept)
        assert [p.year for p in queries.insured_periods(dropped)] == [YEAR]


def test_receipts_and_lists_that_name_a_merged_record_mean_the_person(world: World) -> None:
    officer = world.yuhu.officer
    kept, dropped = people(officer, world.yuhu.area, ["张三", "张叁"])
    enrol(world, dropped)
    first = due_list(world)
    merge = merged(world, kept, dropped)
    receive(officer, ("T1", dropped, "400", "2026-01-08"))
    assert differences(world) == []
    with acting(officer):
        account = queries.account(kept, YEAR)
        assert account.charge is not None and account.charge.balance == 0
        assert [line.person_id for line in first.lines.all()] == [dropped.pk]
    receive(officer, ("T1", kept, "400", "2026-01-08"))
    assert differences(world) == [], "the same receipt under the kept number is the same receipt"
    with acting(officer), pytest.raises(NothingForList):
        tax.make_list("due", world.yuhu.area, year=YEAR, acting_user=officer)
    merging.undo_merge(merge, why="是两个人", acting_user=world.yuhu.reviewer)


def test_a_subsidy_that_waits_stands_against_a_merge_and_is_followed_by_one(world: World) -> None:
    officer = world.yuhu.officer
    kept, dropped = people(officer, world.yuhu.area, ["张三", "张叁"])
    mark(officer, dropped, "extremely_poor")
    waiting = batch(world)
    enrol(world, kept)
    with pytest.raises(Problems, match=str(YEAR)):
        merged(world, kept, dropped)
    with acting(officer):
        own = Enrolment.objects.live().get(person=kept)
        enrolling.end_enrolment(own, from_on=date(2026, 1, 1), why="误登", acting_user=officer)
    merged(world, kept, dropped)
    subsidies.approve(waiting, money_on=date(2026, 1, 15), acting_user=world.yuhu.finance)
    with acting(officer):
        account = queries.account(kept, YEAR)
        assert account.resident is not None and account.charge is not None
        assert (account.charge.subsidised, account.charge.balance) == (400_00, 0)
        assert [p.year for p in queries.insured_periods(kept)] == [YEAR]
        assert queries.year_sums(YEAR, world.yuhu.area.path)["people"] == 1
    assert batch(world).state == "withdrawn"


def test_nothing_is_due_from_whom_a_batch_would_have_enrolled(world: World) -> None:
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["张三"])
    mark(world.yuhu.officer, person, "extremely_poor")
    subsidies.withdraw(batch(world), acting_user=world.yuhu.officer)
    with acting(world.yuhu.officer):
        sums = queries.year_sums(YEAR, world.yuhu.area.path)
        assert (sums["people"], sums["due"], sums["owed"]) == (0, 0, 0)


def test_a_list_handed_over_is_counted_against_a_ceiling_of_its_own(world: World) -> None:
    enrol(world, *people(world.yuhu.officer, world.yuhu.area, ["张三", "李四"]))
    made = due_list(world)
    tax.hand_over(made, acting_user=world.yuhu.officer)
    tax.hand_over(made, acting_user=world.yuhu.officer)
    with acting(world.yuhu.officer):
        used = ceilings.used_today(world.yuhu.officer)
    assert (used["tax_rows"], used["export_rows"][0]) == ((4, 2_000_000), 0)


def test_records_that_are_both_enrolled_are_not_merged(world: World) -> None:
    kept, dropped = people(world.yuhu.officer, world.yuhu.area, ["张三", "张叁"])
    enrol(world, kept)
    waiting = merging.propose_merge(kept, dropped=dropped, why="同一人两条记录", acting_user=world.yuhu.officer)
    enrol(world, dropped)
    with pytest.raises(Problems, match=str(YEAR)):
        merging.decide_merge(waiting, accept=True, acting_user=world.yuhu.reviewer)
    merging.decide_merge(waiting, accept=False, acting_user=world.yuhu.reviewer)
    with pytest.raises(Problems, match=str(YEAR)):
        merging.propose_merge(kept, dropped=dropped, why="同一人两条记录", acting_user=world.yuhu.officer)


def test_nothing_is_decided_without_somebody_who_decided_it(world: World) -> None:
    """C6, by SQL: maker and checker are two, and there is a checker."""
    (person,) = people(world.yuhu.officer, world.yuhu.area, ["张三"])
    mark(world.yuhu.officer, person, "extremely_poor")
    enrol(world, person)
    made = batch(world)
    for state in ("approved", "refused"):
        with pytest.raises(IntegrityError, match="subsidy_has_a_checker"), acting(world.yuhu.officer):
            SubsidyBatch.objects.filter(pk=made.pk).update(state=state)
