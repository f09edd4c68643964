"""Funds before their first bill, shares of city and counties (FUND-1), and advances cleared on pages from end to end (JM-4)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test import Client
from django.utils import timezone

from tests.agency.past import past_settled, past_stay, resident
from tests.agency.test_holds_and_default import MAY, fresh
from tests.agency.test_settling import refused
from tests.agency.world import Place, World
from yizhan.agency.care import rewriting
from yizhan.agency.care.models import Settlement
from yizhan.agency.ledger import queries
from yizhan.agency.ledger.actions import decide, open_books, propose
from yizhan.agency.ledger.errors import (
    DayAhead,
    GiverNeeded,
    IncomeNeeded,
    MoreThanOwed,
    NoFundsHere,
    SideNeeded,
)
from yizhan.agency.ledger.models import Balance, Book, Movement
from yizhan.agency.ledger.verifying import verify
from yizhan.agency.people import merging
from yizhan.agency.people.models import IdentityMark
from yizhan.agency.staff.errors import NotAllowed, NotFound
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.scope import System, acting

RELIEF, ASSISTANCE = "医疗保障精准扶贫资金", "城乡医疗救助资金"
TODAY = timezone.localdate


def about(place: Place, **more: Any) -> dict[str, Any]:
    return {"on": TODAY(), "document": "演财〔2026〕1号", "why": "演示", "acting_user": place.finance} | more


def book(place: Place, payer: str) -> Book:
    with acting(place.finance):
        return Book.objects.get(
            kind="fund", payer=payer, area_path__in=[place.area.path, place.area.path.rsplit(".", 2)[0] + "."]
        )


def receive(place: Place, payer: str, fen: int, income: str = "income_subsidy", **more: Any) -> None:
    row = propose("receipt", book(place, payer), fen=fen, income=income, **about(place, **more))
    decide(row, approved=True, acting_user=place.reviewer)


def cash(place: Place, payer: str) -> int:
    return Balance.objects.get(book=book(place, payer)).fen


# --- Books ------------------------------------------------------------------------------------------------------------


def test_books_of_all_funds_that_policies_name_are_opened_once(world: World) -> None:
    place = world.pengjiang
    new = open_books(acting_user=place.finance)
    names = [b.payer for b in new]
    assert names == ["城乡居民基本医疗保险基金", "城乡居民大病保险资金", ASSISTANCE, RELIEF]
    assert {b.area_path for b in new} == {world.jiangmen.area.path}, "money is pooled in the city"
    assert open_books(acting_user=world.jiangmen.finance) == []
    with acting(place.finance):
        assert [f.book.payer for f in queries.overview(place.area.path, on=TODAY())] == names
        assert Audit.objects.filter(act="ledger.open_books").count() == 1
    assert "疾病应急救助基金" in [b.payer for b in open_books(acting_user=world.yuhu.finance)]
    refused(NotAllowed, lambda: open_books(acting_user=place.officer))
    refused(NoFundsHere, lambda: open_books(acting_user=System("tests", "000000.990000.")))
    with acting(System("tests")):
        assert not verify().differences, "an empty book is no difference"


def test_finance_opens_books_and_records_the_first_money_on_pages(world: World) -> None:
    place = world.pengjiang
    finance = world.client(place.finance)
    assert "开设基金账" in finance.get("/ledger/movements/propose").content.decode()
    assert world.client(place.reviewer).post("/ledger/open").status_code == 403
    assert finance.post("/ledger/open").status_code == 302
    page = finance.get("/ledger/").content.decode()
    assert RELIEF in page and ASSISTANCE in page
    moved(world, place, kind="receipt", book=book(place, ASSISTANCE).pk, income="income_subsidy", amount="500,000")
    assert cash(place, ASSISTANCE) == 50_000_000


# --- Shares -----------------------------------------------------------------------------------------------------------


def test_shares_are_told_apart_by_who_bears_them(world: World) -> None:
    place, city = world.pengjiang, world.jiangmen
    open_books(acting_user=city.finance)
    past_settled(place, past_stay(place, resident(place, "key_aid"), MAY, (1_060_000, 50_000, 0, 100_000)))
    receive(city, RELIEF, 3_000, "income_city", giver=city.area)
    receive(place, RELIEF, 2_000, "income_county", giver=place.area)
    with acting(city.finance):
        found = {
            (s.book.payer, s.giver.code): (s.given, s.benefit)
            for s in queries.shares(city.area.path, year=TODAY().year)
        }
    spent = 102_000 + 80_000
    assert found == {(RELIEF, "440700"): (3_000, spent), (RELIEF, "440703"): (2_000, spent)}
    page = world.client(city.finance).get("/ledger/shares").content.decode()
    assert "蓬江区" in page and "县（市、区）承担收入" in page and "30.00" in page
    assert world.client(place.finance, **{"Accept-Language": "en"}).get("/ledger/shares?year=2019").status_code == 200
    with acting(place.finance):
        glance = {f.book.payer: f for f in queries.overview(place.area.path, on=TODAY())}
    assert (glance[RELIEF].cash, glance[RELIEF].income) == (5_000, 2_000), (
        "the whole fund's money, the county's own income"
    )


def test_what_is_no_movement_is_refused_with_all_its_reasons(world: World) -> None:
    place, city = world.pengjiang, world.jiangmen
    open_books(acting_user=city.finance)
    relief, assistance = book(place, RELIEF), book(place, ASSISTANCE)
    for kind, more, why in (
        ("receipt", {}, IncomeNeeded),
        ("receipt", {"income": "cash"}, IncomeNeeded),
        ("receipt", {"income": "income_county"}, GiverNeeded),
        ("receipt", {"income": "income_county", "giver": city.area}, GiverNeeded),
        ("receipt", {"income": "income_city", "giver": city.area}, GiverNeeded),  # a county speaks for no city
        ("receipt", {"income": "income_county", "giver": world.yuhu.area}, GiverNeeded),
        ("receipt", {"income": "income_other", "other": assistance}, SideNeeded),
        ("receipt", {"income": "income_other", "on": TODAY().replace(year=TODAY().year + 1, day=1)}, DayAhead),
        ("to_hospital", {"other": assistance}, SideNeeded),
        ("to_hospital", {}, SideNeeded),
        ("to_person", {}, SideNeeded),
        ("clear_advance", {"other": relief}, SideNeeded),
        ("between_levels", {}, SideNeeded),
        ("clear_advance", {"other": assistance}, MoreThanOwed),
        ("to_person", {"person_id": 1}, MoreThanOwed),
        ("nonsense", {}, NotFound),
    ):
        refused(why, lambda kind=kind, more=more: propose(kind, relief, fen=1, **about(place, **more)))
    with acting(city.finance):
        assert not Movement.objects.exists()


# --- Advances ---------------------------------------------------------------------------------------------------------


def moved(world: World, place: Place, **said: Any) -> None:
    """Proposed by finance and approved by a reviewer, on their pages."""
    finance, reviewer = world.client(place.finance), fresh(world, place.reviewer)
    form = {"on": TODAY().isoformat(), "document": "演财〔2026〕2号", "why": "演示", **said}
    answer = finance.post("/ledger/movements/propose", form)
    assert answer.status_code == 302, answer.content.decode()
    decided = reviewer.post(f"{answer['Location']}/decide", {"decision": "approve"})
    assert decided.status_code == 302, decided.content.decode()


def glance(browser: Client, payer: str) -> list[str]:
    """A fund's row of the overview: money, owed to institutions and persons, advanced, owed for advances."""
    page = browser.get("/ledger/").content.decode()
    row = next(row for row in page.split("<tr>") if f"<td>{payer}</td>" in row)
    return [cell.split("</td>")[0] for cell in row.split('<td class="number">')[1:6]]


def test_an_advance_is_cleared_between_the_funds_on_pages(world: World) -> None:
    """JM-4: the relief fund pays the hospital what assistance owes; assistance pays it back, and no more."""
    place = world.pengjiang
    finance = world.client(place.finance)
    finance.post("/ledger/open")
    past_settled(place, past_stay(place, resident(place, "key_aid"), MAY, (1_060_000, 50_000, 0, 100_000)))
    assert glance(finance, ASSISTANCE) == ["0.00", "0.00", "0.00", "0.00", "2,080.00"]
    assert glance(finance, RELIEF) == ["0.00", "3,900.00", "0.00", "2,080.00", "0.00"]
    relief, assistance = book(place, RELIEF), book(place, ASSISTANCE)
    with acting(place.finance):
        hospital = Book.objects.get(institution=place.hospital)
    moved(world, place, kind="receipt", book=relief.pk, income="income_county", giver=place.area.pk, amount="3,900")
    moved(world, place, kind="receipt", book=assistance.pk, income="income_subsidy", amount="10,000")
    moved(world, place, kind="to_hospital", book=relief.pk, other=hospital.pk, amount="3,900")
    too_much = finance.post("/ledger/movements/propose", {
        "kind": "clear_advance", "book": assistance.pk, "other": relief.pk, "amount": "2,080.01", "on": TODAY().isoformat(),
        "document": "x", "why": "x",
    })  # fmt: skip
    assert too_much.status_code == 422 and "2,080.00" in too_much.content.decode()
    moved(world, place, kind="clear_advance", book=assistance.pk, other=relief.pk, amount="2,000")
    moved(world, place, kind="clear_advance", book=assistance.pk, other=relief.pk, amount="80")
    assert glance(finance, ASSISTANCE) == ["7,920.00", "0.00", "0.00", "0.00", "0.00"]
    assert glance(finance, RELIEF) == ["2,080.00", "0.00", "0.00", "0.00", "0.00"]
    trial = finance.get("/ledger/trial-balance").content.decode()
    assert "应收垫付款" in trial and 'class="mark mark-bad"' not in trial
    with acting(System("tests")):
        assert not verify().differences


def test_an_advance_that_falls_away_after_clearing_is_owed_back(world: World) -> None:
    """The bill is reversed after the funds cleared: each fund's book still balances, and says who owes whom."""
    place = world.pengjiang
    open_books(acting_user=place.finance)
    visit = past_stay(place, resident(place, "key_aid"), MAY, (1_060_000, 50_000, 0, 100_000))
    past_settled(place, visit)
    receive(place, ASSISTANCE, 208_000)
    clear = propose("clear_advance", book(place, ASSISTANCE), other=book(place, RELIEF), fen=208_000, **about(place))
    decide(clear, approved=True, acting_user=place.reviewer)
    rewriting.reverse(visit.pk, on=MAY, why="录错", acting_user=place.officer)
    refused(
        MoreThanOwed,
        lambda: propose("clear_advance", book(place, RELIEF), other=book(place, ASSISTANCE), fen=1, **about(place)),
    )
    back = propose("return_advance", book(place, RELIEF), other=book(place, ASSISTANCE), fen=208_000, **about(place))
    decide(back, approved=True, acting_user=place.reviewer)
    assert (cash(place, ASSISTANCE), cash(place, RELIEF)) == (208_000, 0)
    with acting(place.finance):
        assert queries.owed_for_advances(book(place, ASSISTANCE), book(place, RELIEF)) == 0
    with acting(System("tests")):
        assert not verify().differences


def test_what_an_institution_or_a_person_owes_comes_back_and_no_more(world: World) -> None:
    """A bill is reversed after it was paid: the hospital has too much, and pays it back into the funds that paid."""
    place = world.pengjiang
    open_books(acting_user=place.finance)
    visit = past_stay(place, resident(place, "key_aid"), MAY, (1_060_000, 50_000, 0, 100_000))
    past_settled(place, visit)
    receive(place, RELIEF, 390_000)
    relief = book(place, RELIEF)
    with acting(place.finance):
        hospital = Book.objects.get(institution=place.hospital)
    refused(MoreThanOwed, lambda: propose("from_hospital", relief, other=hospital, fen=1, **about(place)))
    paid = propose("to_hospital", relief, other=hospital, fen=390_000, **about(place))
    decide(paid, approved=True, acting_user=place.reviewer)
    rewriting.reverse(visit.pk, on=MAY, why="录错", acting_user=place.officer)
    refused(MoreThanOwed, lambda: propose("from_hospital", relief, other=hospital, fen=390_001, **about(place)))
    back = propose("from_hospital", relief, other=hospital, fen=390_000, **about(place))
    decide(back, approved=True, acting_user=place.reviewer)
    assert cash(place, RELIEF) == 390_000
    refused(MoreThanOwed, lambda: propose("from_person", relief, person_id=visit.person_id, fen=1, **about(place)))
    with acting(System("tests")):
        assert not verify().differences


# --- One debt, several levels of the bureau ---------------------------------------------------------------------------


def test_what_the_city_paid_the_county_does_not_pay_again(world: World) -> None:
    place, city = world.pengjiang, world.jiangmen
    open_books(acting_user=city.finance)
    past_settled(place, past_stay(place, resident(place, "key_aid"), MAY, (1_060_000, 50_000, 0, 100_000)))
    relief = book(place, RELIEF)
    receive(city, RELIEF, 1_000_000, "income_city", giver=city.area)
    with acting(city.finance):
        hospital = Book.objects.get(institution=place.hospital)
    paid = propose("to_hospital", relief, other=hospital, fen=390_000, **about(city))
    decide(paid, approved=True, acting_user=city.reviewer)
    refused(MoreThanOwed, lambda: propose("to_hospital", relief, other=hospital, fen=1, **about(place)))


@pytest.mark.parametrize("payer", ["county", "city"])
def test_a_merged_person_is_paid_once_by_whichever_level(world: World, payer: str) -> None:
    place, city = world.yuhu, world.xiangtan
    who = place if payer == "county" else city
    person, double = resident(place, sequence=1), resident(place, sequence=2)
    visit = past_stay(place, double, MAY, (1_000_000, 0, 0, 0))
    row = past_settled(place, visit)
    with acting(place.officer):
        IdentityMark.objects.create(
            person=double, area_path=double.area_path, identity="registered_poor", valid=DateRange(MAY.replace(year=2018), None),
            certified_by="other",
        )  # fmt: skip
    rewriting.settle_anew(double, [row.pk], why="身份补录", acting_user=place.reviewer)
    merge = merging.propose_merge(person, dropped=double, why="证件核对为同一人", acting_user=place.officer)
    merging.decide_merge(merge, accept=True, acting_user=place.reviewer)
    open_books(acting_user=who.finance)
    basic = book(place, "城乡居民基本医疗保险基金")
    with acting(place.finance):
        owed = queries.owed_to_person(basic, person.pk)
    assert owed > 0
    receive(who, basic.payer, owed * 2)
    moved_out = propose("to_person", basic, person_id=person.pk, fen=owed, **about(who))
    decide(moved_out, approved=True, acting_user=who.reviewer)
    marked = IdentityMark.objects.filter(person=person)
    with acting(place.officer):
        marked.update(withdrawn_at=timezone.now(), withdrawn_why="误标", withdrawn_by=place.officer)
        (held,) = Settlement.objects.live()
    rewriting.settle_anew(person, [held.pk], why="身份撤销", acting_user=place.reviewer)
    refused(MoreThanOwed, lambda: propose("from_person", basic, person_id=person.pk, fen=owed + 1, **about(who)))
    returned = propose("from_person", basic, person_id=person.pk, fen=owed, **about(who))
    decide(returned, approved=True, acting_user=who.reviewer)
    assert cash(who, basic.payer) == owed * 2
    for level in (place, city):
        refused(
            MoreThanOwed, lambda level=level: propose("to_person", basic, person_id=person.pk, fen=1, **about(level))
        )
    page = world.client(place.finance).get("/care/dues").content.decode()
    assert f"{basic.payer} " not in page.partition("<tbody>")[2]
    with acting(System("tests")):
        assert not verify().differences
