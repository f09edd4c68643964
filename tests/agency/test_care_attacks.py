"""What somebody tried with a clerk's password, or by accident: each would have moved money that it should not."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from tests.agency.caring import CODE, DAY, patient, settled, stay
from tests.agency.providing import applied, signed
from tests.agency.test_settling import refused
from tests.agency.world import World
from yizhan.agency.care import actions, queries, rewriting
from yizhan.agency.care.errors import (
    AdmissionAhead,
    BegunAfterDeath,
    ContinuationStands,
    CutTooEarly,
    DepositNotTaken,
    FirstPartOpen,
    LinesOfHospital,
    LinesTooLarge,
    NothingToSettle,
    NotPlanned,
    PaymentTooEarly,
    PersonDead,
    StayOverlaps,
)
from yizhan.agency.care.models import BillLine, PatientPayment, Settlement, Visit
from yizhan.agency.care.settling import presettle
from yizhan.agency.ledger.verifying import verify
from yizhan.agency.people.models import Person
from yizhan.agency.providers.splitting import Charge
from yizhan.agency.staff.scope import System, acting
from yizhan.errors import Problems

SYSTEM = System("tests")
TODAY = timezone.localdate


@pytest.fixture(autouse=True)
def the_books_say_what_the_documents_say(world: World) -> Any:
    yield
    with acting(System("verify")):
        assert not verify().differences


def now(visit: Visit) -> Settlement | None:
    with acting(SYSTEM):
        return queries.live_settlement(visit)


def returned(world: World, visit: Visit, position: int, quantity: int) -> None:
    actions.refund_lines(visit.pk, {position: quantity}, on=TODAY(), why="退", acting_user=world.yuhu.window)


# --- Returning items --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("price", "count"), [(51, 100), (49, 100), (3_333, 3)])
def test_parts_that_return_everything_return_every_fen(world: World, price: int, count: int) -> None:
    visit = stay(world.yuhu, patient(world), yuan=100)
    fen = round(price * count / 100)
    actions.add_lines(
        visit.pk, [Charge(TODAY(), CODE, "小片", count * 10_000, price, fen)], acting_user=world.yuhu.window
    )
    for back in range(1, count + 1):
        returned(world, visit, 2, 10_000)
        with acting(SYSTEM):
            given = -sum(line.amount_fen for line in BillLine.objects.filter(visit=visit, amount_fen__lt=0))
        assert abs(given - fen * back / count) <= 0.5, "never more than half a fen beside what is due"
    assert given == fen


def test_what_is_returned_is_split_as_it_was_charged(world: World) -> None:
    """Not by the catalogue of today: the item was unknown then, and is class A now."""
    visit = stay(world.yuhu, patient(world), yuan=1_000)
    charge = Charge(TODAY(), "XN0001", "新药", 10_000, 5_000_000, 50_000)
    actions.add_lines(visit.pk, [charge], acting_user=world.yuhu.window)
    alone = stay(world.yuhu, patient(world, 2, "试样乙"), yuan=1_000)
    settled(world.yuhu, visit)
    applied(
        world.xiangtan,
        [{"国家编码": "XN0001", "名称": "新药", "类别": "甲类", "费用类别": "西药费"}],
        from_on=date(2026, 1, 1),
    )
    returned(world, visit, 2, 10_000)
    found, same = now(visit), settled(world.yuhu, alone)
    assert found is not None
    assert (found.total_fen, found.paid_fen, found.patient_fen) == (same.total_fen, same.paid_fen, same.patient_fen)


def test_a_stay_that_is_returned_whole_counts_no_more(world: World) -> None:
    yuhu, person = world.yuhu, patient(world)
    first = stay(yuhu, person, days_ago=20, yuan=5_000)
    second = stay(yuhu, person, yuan=10_000)
    settled(yuhu, first)
    settled(yuhu, second)
    rows = actions.refund_lines(first.pk, {1: 10_000}, on=TODAY(), why="没有做", acting_user=yuhu.officer)
    assert [row.kind for row in rows] == ["reversed", "replayed"]
    alone = settled(yuhu, stay(yuhu, patient(world, 2, "试样乙"), yuan=10_000))
    found = now(second)
    assert found is not None
    assert found.paid_fen == alone.paid_fen
    refused(NothingToSettle, lambda: settled(yuhu, first))


# --- Cut stays --------------------------------------------------------------------------------------------------------


def cut(world: World, person: Person, *, first: int, second: int) -> tuple[Visit, Visit]:
    """A stay of eight days, cut after three, with so many yuan before and after."""
    yuhu, today = world.yuhu, TODAY()
    visit = stay(yuhu, person, length=8, yuan=1)
    actions.clear_lines(visit.pk, acting_user=yuhu.window)
    actions.change_visit(visit.pk, discharged_on=None, acting_user=yuhu.window)
    for yuan, days in ((first, 7), (second, 1)):
        line = Charge(today - days * DAY, CODE, "演示项目", 10_000, yuan * 10_000, yuan * 100)
        actions.add_lines(visit.pk, [line], acting_user=yuhu.window)
    rest = actions.cut_stay(visit.pk, on=today - 5 * DAY, acting_user=yuhu.window)
    actions.change_visit(rest.pk, discharged_on=today, acting_user=yuhu.window)
    return visit, rest


def test_cutting_a_stay_saves_no_deductible(world: World) -> None:
    sham, rest = cut(world, patient(world), first=1, second=9_999)
    refused(CutTooEarly, lambda: settled(world.yuhu, sham))
    refused(FirstPartOpen, lambda: settled(world.yuhu, rest))
    whole = settled(world.yuhu, stay(world.yuhu, patient(world, 2, "试样乙"), yuan=10_000))
    first, second = cut(world, patient(world, 3, "试样丙"), first=4_000, second=6_000)
    paid = settled(world.yuhu, first).paid_fen + settled(world.yuhu, second).paid_fen
    assert paid <= whole.paid_fen


def test_the_parts_of_a_stay_stand_together(world: World) -> None:
    first, rest = cut(world, patient(world), first=4_000, second=6_000)
    yuhu = world.yuhu
    refused(ContinuationStands, lambda: actions.cancel_visit(first.pk, why="空", acting_user=yuhu.window))
    settled(yuhu, first)
    settled(yuhu, rest)
    refused(ContinuationStands, lambda: rewriting.reverse(first.pk, on=TODAY(), why="错", acting_user=yuhu.window))
    rewriting.reverse(rest.pk, on=TODAY(), why="错", acting_user=yuhu.window)
    rewriting.reverse(first.pk, on=TODAY(), why="错", acting_user=yuhu.window)
    refused(FirstPartOpen, lambda: settled(yuhu, rest))
    actions.cancel_visit(rest.pk, why="不分了", acting_user=yuhu.window)
    actions.cancel_visit(first.pk, why="不分了", acting_user=yuhu.window)


# --- Persons, days, places --------------------------------------------------------------------------------------------


def test_nothing_is_paid_after_a_death(world: World) -> None:
    person = patient(world)
    visit = stay(world.yuhu, person, length=10, yuan=1_000)
    with acting(SYSTEM):
        Person.objects.filter(pk=person.pk).update(died_on=TODAY() - 2 * DAY)
    refused(PersonDead, lambda: settled(world.yuhu, visit))
    with acting(SYSTEM):
        Person.objects.filter(pk=person.pk).update(died_on=TODAY())
    assert settled(world.yuhu, visit).total_fen == 100_000
    with acting(SYSTEM):
        Person.objects.filter(pk=person.pk).update(died_on=TODAY() - 2 * DAY)
    refused(BegunAfterDeath, lambda: stay(world.yuhu, person, length=1))
    refused(BegunAfterDeath, lambda: stay(world.yuhu, person, length=1, planned=True))
    last = stay(world.yuhu, person, days_ago=2, length=0)  # on the day of death itself
    refused(
        BegunAfterDeath,
        lambda: actions.change_visit(
            last.pk, admitted_on=TODAY(), discharged_on=TODAY(), acting_user=world.yuhu.window
        ),
    )


def test_where_else_a_patient_lay_is_told_to_the_bureau_only(world: World) -> None:
    person = patient(world)
    settled(world.xiangtan_county, stay(world.xiangtan_county, person, days_ago=3))
    visit = stay(world.yuhu, person, length=30)
    told = {}
    for officer in (world.yuhu.window, world.xiangtan.officer):
        with pytest.raises(Problems) as found:
            presettle(visit.pk, on=TODAY(), acting_user=officer)
        (told[officer.username],) = [p for p in found.value.problems if isinstance(p, StayOverlaps)]
    name = world.xiangtan_county.hospital.name
    assert name not in told[world.yuhu.window.username].text("zh")
    assert name in told[world.xiangtan.officer.username].text("zh")


def test_only_a_planned_admission_is_admitted(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=100)
    window = world.yuhu.window
    refused(NotPlanned, lambda: actions.admit(visit.pk, on=TODAY(), acting_user=window))
    actions.cancel_visit(visit.pk, why="登记错", acting_user=window)
    refused(NotPlanned, lambda: actions.admit(visit.pk, on=TODAY(), acting_user=window))
    refused(AdmissionAhead, lambda: stay(world.yuhu, visit.person, days_ago=-20))


def test_the_bureau_enters_no_lines_for_a_hospital(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=100)
    client = world.client(world.yuhu.officer)
    line = {"code": CODE, "name": "x", "on": str(TODAY()), "quantity": "1", "price": "9"}
    for where, sent in (("lines", line), ("lines/clear", {}), ("lines/1/remove", {})):
        answer = client.post(f"/care/visits/{visit.pk}/{where}", sent)
        assert answer.status_code == 422
        assert LinesOfHospital.code in answer.content.decode()


# --- Money ------------------------------------------------------------------------------------------------------------


def test_the_ban_on_deposits_has_no_side_door(world: World) -> None:
    signed(world.yuhu, first=date(2026, 1, 1), last=date(2099, 12, 31), treat_first=True, deposit=False)
    visit = stay(world.yuhu, patient(world), yuan=1_000)

    def take(kind: str) -> Any:
        return actions.take_money(
            visit.pk, kind=kind, fen=1_000, method="cash", on=TODAY(), acting_user=world.yuhu.window
        )

    refused(DepositNotTaken, lambda: take("deposit"))
    refused(PaymentTooEarly, lambda: take("payment"))
    actions.cancel_visit(visit.pk, why="不住了", acting_user=world.yuhu.window)
    refused(PaymentTooEarly, lambda: take("payment"))


def test_a_repeated_confirmation_takes_no_money_again(world: World) -> None:
    visit, window = stay(world.yuhu, patient(world), yuan=1_000), world.yuhu.window
    said: dict[str, Any] = {
        "on": TODAY(),
        "message_id": "m",
        "expected_fen": None,
        "method": "cash",
        "acting_user": window,
    }
    row = actions.check_out(visit.pk, **said)
    actions.take_money(visit.pk, kind="refund", fen=100, method="cash", on=TODAY(), acting_user=window)
    assert actions.check_out(visit.pk, **said).pk == row.pk
    with acting(SYSTEM):
        assert sum(PatientPayment.objects.values_list("fen", flat=True)) == row.due_fen - 100


# --- Files and addresses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"[" + b"{}," * 2_000_000 + b"{}]", LinesTooLarge.code),
        (b"[" * 100_000, "lines_unreadable"),
        (json.dumps([{"on": "2026-11-01", "code": "a\0b", "name": "x", "quantity": 1, "price": 1}]).encode(), "line_unreadable"),
        (b'[{"on": "2026-11-01", "code": "a", "name": "\\ud800", "quantity": 1, "price": 1}]', "line_unreadable"),
    ],
    ids=["large", "deep", "null", "surrogate"],
)  # fmt: skip
def test_a_hostile_file_is_refused_in_words(world: World, content: bytes, code: str) -> None:
    visit = stay(world.yuhu, patient(world), yuan=100)
    client = world.client(world.yuhu.window)
    answer = client.post(f"/care/visits/{visit.pk}/lines/import", {"file": SimpleUploadedFile("x.json", content)})
    assert answer.status_code == 422
    assert code in answer.content.decode()


def test_numbers_in_addresses_that_are_none_are_no_fault(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=100)
    window, officer = world.client(world.yuhu.window), world.client(world.yuhu.officer)
    many = "9" * 5_000
    assert window.post(f"/care/visits/{visit.pk}/settle", {"message": "m", "expected": many}).status_code < 500
    for browser, where in (
        (officer, f"/care/arrears?institution={many}"), (officer, f"/care/touched?roster={many}"),
        (window, f"/care/visits/{visit.pk}/items?code=a&on=2026-99-99"), (window, f"/care/visits/{visit.pk}?line={many}"),
    ):  # fmt: skip
        assert browser.get(where).status_code == 200, where[:60]
