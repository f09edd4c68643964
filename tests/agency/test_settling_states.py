"""Any sequence of settling, reversing, refunding, correcting, reviewing, paying and clearing, against a model of ten lines.

The model knows of each visit what its bill comes to, whether it is settled, and what the patient paid. After every step the
database must say the same, and be whole: payments and patient make up each bill, the books verify, one settlement of a visit
holds, and the person's year is what the engine makes of the bills that remain, in their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.agency.caring import CODE, ready
from tests.agency.faults import whole
from tests.agency.past import past_stay, resident
from tests.agency.test_ledger import moved
from tests.agency.world import Place, World
from yizhan.agency.care import actions, queries, rewriting
from yizhan.agency.care.models import BillLine, Settlement, Visit
from yizhan.agency.care.settling import settle
from yizhan.agency.ledger.queries import funds, hospitals, owed_to_hospital
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.staff.scope import System, acting

ALL = System("tests")
DAY = timedelta(days=1)
EXAMPLES = 6
STEPS = 12
"""Sequences of each area, and steps of each; thousands, if somebody has an evening."""

IDENTITIES = {"yuhu": "subsistence", "songshan": "registered_poor", "pengjiang": "key_aid"}
BEGINS = {"yuhu": date(2026, 1, 8), "songshan": date(2018, 3, 8), "pengjiang": date(2019, 1, 8)}
"""Days on which the area's documents are in force, early in a policy year."""

FACTS = {"songshan": {"audit": "normal"}, "pengjiang": {"institution_level": "level_3"}}


def bill(name: str, place: Place, person: Person, on: date, yuan: int, own_fen: int) -> Visit:
    """A stay that ended on this day, with two lines that may be given back and one that the insurance never covers."""
    visit = past_stay(place, person, on, (0, 0, 0, own_fen), facts=FACTS.get(name))
    with acting(place.officer):
        BillLine.objects.bulk_create(
            BillLine(
                visit=visit, person=person, institution=place.hospital, area_path=visit.area_path, position=k, on=on, code=CODE,
                name="演示项目", national_code=CODE, category="08", quantity=20_000, price=yuan * 2_500, amount_fen=yuan * 50,
                in_scope=yuan * 50, first_pay=0, over_limit=0, own=0,
            )
            for k in (1, 2)
        )  # fmt: skip
    return visit


@dataclass
class Modelled:
    """What the model knows of a visit. `back` are the quantities of lines that were given back."""

    total: int
    settled: bool
    paid: int
    back: dict[int, int]


class Year(RuleBasedStateMachine):
    """One person's year. `world` and `name` of the area are set by the test."""

    world: World
    name: str

    @initialize()
    def a_person(self) -> None:
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.place: Place = getattr(self.world, self.name)
        self.person = resident(self.place)
        self.day = BEGINS[self.name]
        self.model: dict[int, Modelled] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    def draw(self, data: Any, *, settled: bool) -> int:
        """A visit that is, or is not, settled."""
        return int(data.draw(st.sampled_from([key for key, m in self.model.items() if m.settled is settled])))

    def some(self, *, settled: bool) -> bool:
        return any(m.settled is settled for m in self.model.values())

    @precondition(lambda self: len(self.model) < 4)
    @rule(yuan=st.sampled_from([800, 9_000, 60_000, 250_000]), own=st.sampled_from([0, 20_001, 1_000_001]))
    def be_treated(self, yuan: int, own: int) -> None:
        self.day += 8 * DAY
        visit = bill(self.name, self.place, self.person, self.day, yuan, own)
        self.model[visit.pk] = Modelled(yuan * 100 + own, False, 0, {1: 0, 2: 0})
        settle(visit.pk, on=self.day, acting_user=self.place.officer)
        self.model[visit.pk].settled = True

    @precondition(lambda self: self.some(settled=False))
    @rule(data=st.data())
    def settle_again(self, data: Any) -> None:
        key = self.draw(data, settled=False)
        settle(key, on=self.day, message_id=f"m-{key}-{data.draw(st.integers())}", acting_user=self.place.officer)
        self.model[key].settled = True

    @precondition(lambda self: self.some(settled=True))
    @rule(data=st.data())
    def reverse(self, data: Any) -> None:
        key = self.draw(data, settled=True)
        rewriting.reverse(key, on=timezone.localdate(), why="费用录错", acting_user=self.place.officer)
        self.model[key].settled = False

    @precondition(lambda self: self.some(settled=True))
    @rule(data=st.data(), position=st.sampled_from([1, 2]))
    def refund(self, data: Any, position: int) -> None:
        key = self.draw(data, settled=True)
        model = self.model[key]
        if model.back[position] == 20_000:
            return
        actions.refund_lines(
            key, {position: 10_000}, on=timezone.localdate(), why="未使用", acting_user=self.place.officer
        )
        model.back[position] += 10_000
        model.total = self.lines_of(key)
        model.settled = model.total > 0  # what is returned whole is reversed

    @precondition(lambda self: self.some(settled=True))
    @rule(data=st.data(), fen=st.sampled_from([1, 99, 123_456]))
    def correct(self, data: Any, fen: int) -> None:
        key = self.draw(data, settled=True)

        def edit(visit: Visit) -> None:
            BillLine.objects.create(
                visit=visit, person_id=visit.person_id, institution_id=visit.institution_id, area_path=visit.area_path,
                position=BillLine.objects.filter(visit=visit).count() + 1, on=visit.admitted_on, code=CODE, name="补记", category="14",
                quantity=10_000, price=fen * 100, amount_fen=fen, in_scope=fen, first_pay=0, over_limit=0, own=0,
            )  # fmt: skip

        rewriting.correct(key, edit, on=timezone.localdate(), why="漏记", acting_user=self.place.officer)
        self.model[key].total += fen

    @precondition(lambda self: self.some(settled=True))
    @rule(since=st.sampled_from([30, 10, 1]))
    def become_poor_and_be_settled_anew(self, since: int) -> None:
        with acting(self.place.officer):
            if not IdentityMark.objects.filter(person=self.person).exists():
                IdentityMark.objects.create(
                    person=self.person, area_path=self.person.area_path, identity=IDENTITIES[self.name],
                    valid=DateRange(self.day - since * DAY, None), certified_by="other",
                )  # fmt: skip
        with acting(ALL):
            rows = list(Settlement.objects.live().values_list("pk", flat=True))
        rewriting.settle_anew(self.person, rows, why="身份补报", acting_user=self.place.reviewer)

    @precondition(lambda self: self.some(settled=True))
    @rule(data=st.data(), passed=st.booleans())
    def decide_held(self, data: Any, passed: bool) -> None:
        with acting(ALL):
            held = list(Settlement.objects.live().filter(held_fen__gt=0).order_by("pk").values_list("visit", flat=True))
        if held:
            rewriting.decide_held(
                data.draw(st.sampled_from(held)), passed=passed, why="专家意见", acting_user=self.place.reviewer
            )

    @precondition(lambda self: self.model)
    @rule(data=st.data(), fen=st.sampled_from([1, 5_000]), back=st.booleans())
    def pay(self, data: Any, fen: int, back: bool) -> None:
        key = data.draw(st.sampled_from(list(self.model)))
        if back and self.model[key].paid < fen:
            return
        with acting(ALL):
            settled = Settlement.objects.live().filter(visit=key).exists()
        kind = "refund" if back else "payment" if settled else "deposit"
        actions.take_money(key, kind=kind, fen=fen, method="cash", on=self.day, acting_user=self.place.window)
        self.model[key].paid += -fen if back else fen

    @rule()
    def clear(self) -> None:
        """Every fund gets its money and pays the hospital what it owes."""
        with acting(ALL):
            path = self.place.area.path.replace(f"{self.place.area.code}.", "")
            hospital = [book for book in hospitals(path) if book.institution_id == self.place.hospital.pk]
            owed = {fund: owed_to_hospital(fund, self.place.hospital.pk) for fund in funds(path)} if hospital else {}
        for fund, fen in owed.items():
            if fen > 0:
                moved(self.place, "receipt", fund, fen, income="income_other")
                moved(self.place, "to_hospital", fund, fen, other=hospital[0])

    def lines_of(self, key: int) -> int:
        with acting(ALL):
            return sum(line.amount_fen for line in BillLine.objects.filter(visit=key))

    @invariant()
    def the_database_says_what_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        with acting(ALL):
            live = {row.visit_id: row for row in Settlement.objects.live()}
            accounts = {key: queries.patient_account(Visit.objects.get(pk=key)) for key in self.model}
        assert {key: row.total_fen for key, row in live.items()} == {
            k: m.total for k, m in self.model.items() if m.settled
        }
        assert {key: account.paid_fen for key, account in accounts.items()} == {
            k: m.paid for k, m in self.model.items()
        }
        assert all(accounts[key].due_fen == row.due_fen for key, row in live.items())

    @invariant()
    def it_is_whole(self) -> None:
        if hasattr(self, "model"):
            assert not whole()


@pytest.mark.parametrize("name", BEGINS)
def test_any_sequence_leaves_the_books_and_the_year_right(world: World, name: str) -> None:
    ready(getattr(world, name).hospital, getattr(world, name).area)
    machine = type(f"Year_{name}", (Year,), {"world": world, "name": name})
    run_state_machine_as_test(machine, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS))


@pytest.mark.parametrize("name", BEGINS)
def test_any_history_of_reversals_leaves_the_year_of_what_remains(world: World, name: str) -> None:
    """Through the whole stack: somebody else, who never had the reversed bills, ends with the same year to the fen."""
    place: Place = getattr(world, name)
    ready(place.hospital, place.area)
    drawn = st.lists(st.tuples(st.sampled_from([800, 9_000, 60_000, 250_000]), st.booleans()), min_size=2, max_size=5)

    @settings(max_examples=EXAMPLES)
    @given(bills=drawn, order=st.randoms(use_true_random=False))
    def histories(bills: list[tuple[int, bool]], order: Any) -> None:
        with transaction.atomic():
            one, other = resident(place), resident(place, sequence=2)
            days = [BEGINS[name] + 8 * k * DAY for k in range(len(bills))]
            visits = [bill(name, place, one, on, yuan, 0) for on, (yuan, _) in zip(days, bills, strict=True)]
            for visit, on in zip(visits, days, strict=True):
                settle(visit.pk, on=on, acting_user=place.officer)
            gone = [visit for visit, (_, stays) in zip(visits, bills, strict=True) if not stays]
            order.shuffle(gone)
            for visit in gone:
                rewriting.reverse(visit.pk, on=timezone.localdate(), why="费用录错", acting_user=place.officer)
            for on, (yuan, stays) in zip(days, bills, strict=True):
                if stays:
                    settle(bill(name, place, other, on, yuan, 0).pk, on=on, acting_user=place.officer)
            assert year_of(one) == year_of(other)
            transaction.set_rollback(True)

    histories()


def year_of(person: Person) -> list[Any]:
    """Each bill that holds, by what it came to and the year that it left."""
    with acting(ALL):
        rows = list(Settlement.objects.live().filter(person=person).order_by("settled_on", "ordinal"))
    return [
        (row.paid_fen, row.patient_fen, [{k: v for k, v in s.items() if k != "person"} for s in row.states.values()])
        for row in rows
    ]
