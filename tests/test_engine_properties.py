"""What the engine promises for every person and every bill, under every shipped scheme.

Persons and bills come from `tests.years`. A failure prints the bill; shrinking makes it small.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.years import Draw, PersonYear
from yizhan.engine.claim import Beneficiary, Claim, Costs, IdentityMark, YearState
from yizhan.engine.money import yuan
from yizhan.engine.scheme import Scheme
from yizhan.engine.settlement import Settlement, settle
from yizhan.policy.areas import Library

SHIPPED = Library()
PLACES = Library(Path(__file__).parent / "places" / "policies")
SCHEMES = [SHIPPED.scheme(area.code) for area in SHIPPED.pooling_areas]
MANY_MECHANISMS = [PLACES.scheme(code) for code in ("999901", "999902", "999913", "999922", "999931", "998100")]

SHIPPED_SCHEME = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
ANY_SCHEME = pytest.mark.parametrize("scheme", [*SCHEMES, *MANY_MECHANISMS], ids=lambda scheme: scheme.name)
WITHOUT_GATES = pytest.mark.parametrize(
    "scheme", [*SCHEMES, *(s for s in MANY_MECHANISMS if s.area != "999902")], ids=lambda scheme: scheme.name
)
"""All but 石桥市, where a layer pays only after another has paid (须有支付): such a gate is a notch by itself."""
RANDOM = st.randoms(use_true_random=False)

INPATIENT = {"care": "inpatient"}


def year_of(scheme: Scheme, random: Random, bills: int = 5) -> PersonYear:
    """One person with a few bills."""
    return Draw(scheme, random).person_year("张三", random.randint(1, bills))


def settled(
    scheme: Scheme, person: Beneficiary, claims: tuple[Claim, ...], state: YearState | None = None
) -> list[Settlement]:
    """A person's claims in order, from a state of the year."""
    found: list[Settlement] = []
    for claim in claims:
        found.append(settle(claim, person, found[-1].year_state if found else state, scheme))
    return found


def told(settlements: list[Settlement]) -> list[object]:
    """What was paid, by whom, and what is left; and what the year came to."""
    return [
        (
            [(p.year, p.layer.name, p.amount, p.tilt, p.penalty, p.deductible, p.by_payer, p.held) for p in s.payments],
            s.patient,
            dict(s.year_state.sums),
            dict(s.year_state.stays),
        )
        for s in settlements
    ]


# --- Every bill -------------------------------------------------------------------------------------------------------


@ANY_SCHEME
@settings(max_examples=60)
@given(random=RANDOM)
def test_payments_and_patient_make_the_bill(scheme: Scheme, random: Random) -> None:
    year = year_of(scheme, random)
    for claim, settlement in zip(year.claims, settled(scheme, year.person, year.claims), strict=True):
        assert settlement.paid + settlement.patient_share == claim.costs.total
        assert all(0 <= left <= pot for left, pot in zip(settlement.patient, claim.costs.pots, strict=True))
        for payment in settlement.payments:
            assert 0 <= payment.amount <= claim.costs.total
            assert payment.normal + payment.tilt == payment.amount and payment.tilt >= 0 and payment.normal >= 0
            assert sum(amount for _, amount in payment.by_payer) == payment.amount
            assert all(amount >= 0 for _, amount in payment.by_payer)
            assert 0 <= payment.deductible <= claim.costs.total and payment.penalty >= 0
        names = [layer.name for layer in scheme.layers]
        paid_by = [names.index(payment.layer.name) for payment in settlement.payments]
        assert paid_by == sorted(set(paid_by))
        assert {names[k] for k in paid_by} | set(settlement.unused) == set(names)
        assert all(amount >= 0 for amount in settlement.year_state.sums.values())


@ANY_SCHEME
@settings(max_examples=25)
@given(random=RANDOM)
def test_settling_changes_nothing_and_says_the_same_again(scheme: Scheme, random: Random) -> None:
    year = year_of(scheme, random)
    person, claims = copy.deepcopy(year.person), copy.deepcopy(year.claims)
    first = settled(scheme, year.person, year.claims)
    states = copy.deepcopy([s.year_state for s in first])
    again = settled(scheme, year.person, year.claims)
    assert (year.person, year.claims) == (person, claims)
    assert [s.year_state for s in first] == states
    assert told(first) == told(again)
    assert [s.sentence() for p in first[-1].payments for s in p.steps] == [
        s.sentence() for p in again[-1].payments for s in p.steps
    ]


@ANY_SCHEME
@settings(max_examples=15)
@given(random=RANDOM)
def test_the_order_of_rules_does_not_matter(scheme: Scheme, random: Random) -> None:
    year = year_of(scheme, random)
    rules = list(scheme.rules)
    random.shuffle(rules)
    assert told(settled(replace(scheme, rules=tuple(rules)), year.person, year.claims)) == told(
        settled(scheme, year.person, year.claims)
    )


# --- Taking a bill back -----------------------------------------------------------------------------------------------


@ANY_SCHEME
@settings(max_examples=40)
@given(random=RANDOM)
def test_taking_a_bill_back_and_replaying_is_as_if_it_had_never_been(scheme: Scheme, random: Random) -> None:
    year = year_of(scheme, random)
    taken_back = random.randrange(len(year.claims))
    before = settled(scheme, year.person, year.claims)[taken_back].year_before
    earlier, later = year.claims[:taken_back], year.claims[taken_back + 1 :]
    never = settled(scheme, year.person, earlier + later)[taken_back:]
    assert told(settled(scheme, year.person, later, before)) == told(never)


@SHIPPED_SCHEME
@settings(max_examples=25)
@given(random=RANDOM)
def test_a_bill_that_comes_after_the_new_year_is_settled_on_the_old_years_sums(scheme: Scheme, random: Random) -> None:
    year = year_of(scheme, random)
    (*before, late) = year.claims
    assume(before)
    in_time = settled(scheme, year.person, year.claims)[-1]
    assume(len(in_time.states) == 1 and scheme.conventions.cross_year != "settlement_year")
    state = settled(scheme, year.person, tuple(before))[-1].year_state
    assume(state.year == in_time.year_state.year)
    new_year = YearState(state.structure, state.year + 1, {})
    found = settle(late, year.person, {state.year: state, new_year.year: new_year}, scheme)
    assert told([found]) == told([in_time])
    assert found.states == in_time.states == (found.year_state,)


# --- More cost --------------------------------------------------------------------------------------------------------


@WITHOUT_GATES
@settings(max_examples=100)
@given(random=RANDOM, more=st.sampled_from([1, 2, 99, 100, 10_000, 1_000_000]))
def test_more_cost_in_scope_never_leaves_the_patient_better_off(scheme: Scheme, random: Random, more: int) -> None:
    """Except where the law itself says so.

    At an amount that a rule names the figures differ, and in a fixed package (定额包干) each fen inside the catalogue takes
    the place of one outside it. A penalty part is the difference of two rounded amounts, so it may shrink by a fen while
    the cost grows by one.
    """
    year = year_of(scheme, random, bills=3)
    *earlier, last = year.claims
    state = settled(scheme, year.person, tuple(earlier))[-1].year_state if earlier else None
    pots = last.costs.pots
    dearer = replace(last, costs=replace(last.costs, pots=(pots[0] + more, *pots[1:])))
    now, then = (settle(claim, year.person, state, scheme) for claim in (last, dearer))
    assume([p.case.figures for p in now.payments if p.case] == [p.case.figures for p in then.payments if p.case])
    assume(not then.payment("定额包干"))
    rounding = int(any(p.penalty for p in (*now.payments, *then.payments)))
    assert then.patient_share >= now.patient_share - rounding, f"{yuan(now.patient_share)}, {yuan(then.patient_share)}"


@pytest.mark.parametrize(("at", "gain"), [(899_999, 0), (900_000, 39_000), (900_001, -1)], ids=yuan)
def test_the_notch_of_chifeng_is_where_the_law_puts_it(at: int, gain: int) -> None:
    """39号 第8条: at a municipal grade-three hospital, bills of up to 9,000 yuan are paid 5 points less.

    (9000 − 1200) × 60 % = 4,680 and (9000.01 − 1200) × 65 % = 5,070.01: a fen more of cost, 390 yuan less to pay.
    """
    scheme = SHIPPED.scheme("150400")
    facts = {
        **INPATIENT, "institution_tier": "municipal", "institution_level": "level_3", "place": "own_city", "audit": "normal",
        "referral": "by_rule", "emergency": "no", "wilful_default": "no", "diagnoses": frozenset({"肺炎"}),
    }  # fmt: skip
    day = date(2019, 5, 1)
    bills = [Claim("", day, day, day, Costs((fen, 0, 0, 0)), facts) for fen in (at, at + 1)]
    now, then = (settle(bill, Beneficiary(), None, scheme).patient_share for bill in bills)
    assert now - then == gain


# --- How cost is cut into bills ---------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(
    in_scope=st.integers(0, 30_000_000),
    own=st.integers(0, 5_000_000),
    cuts=st.lists(st.integers(0, 30_000_000), max_size=6),
    poor=st.booleans(),
)
def test_cutting_cost_into_bills_changes_no_yearly_total(in_scope: int, own: int, cuts: list[int], poor: bool) -> None:
    """切分市: no rule of it is per stay."""
    scheme = PLACES.scheme("999951")
    person = Beneficiary("甲", identities=(IdentityMark("subsistence", date.min),) if poor else ())
    day = date(2020, 6, 1)
    edges = [0, *sorted(min(cut, in_scope) for cut in cuts), in_scope]
    pieces = [(high - low, own if k == 0 else 0) for k, (low, high) in enumerate(pairwise(edges))]

    def totals(bills: list[tuple[int, int]]) -> tuple[list[int], int]:
        claims = tuple(Claim(f"{n}", day, day, day, Costs((a, 0, 0, b)), INPATIENT) for n, (a, b) in enumerate(bills))
        found = settled(scheme, person, claims)
        layers = [sum(s.payment(layer.name) or 0 for s in found) for layer in scheme.layers]
        return layers, sum(s.patient_share for s in found)

    assert totals(pieces) == totals([(in_scope, own)])


@settings(max_examples=60)
@given(bills=st.lists(st.integers(0, 10_000_000), min_size=1, max_size=5), random=RANDOM)
def test_the_order_of_bills_of_a_year_changes_no_yearly_total(bills: list[int], random: Random) -> None:
    scheme, day = PLACES.scheme("999951"), date(2020, 6, 1)
    shuffled = random.sample(bills, len(bills))
    one, other = (
        settled(scheme, Beneficiary(), tuple(Claim("", day, day, day, Costs((b, 0, 0, 0)), INPATIENT) for b in order))
        for order in (bills, shuffled)
    )
    assert sum(s.patient_share for s in one) == sum(s.patient_share for s in other)
    assert one[-1].year_state.sums == other[-1].year_state.sums


# --- Layers -----------------------------------------------------------------------------------------------------------


@given(in_scope=st.integers(0, 10**9))
def test_two_layers_that_pay_the_same_both_count(in_scope: int) -> None:
    """对半市: half, then all of the rest. A set of amounts would count one of them only."""
    day = date(2020, 6, 1)
    claim = Claim("", day, day, day, Costs((in_scope, 0, 0, 0)), INPATIENT)
    settlement = settle(claim, Beneficiary(), None, PLACES.scheme("999952"))
    half = (in_scope + 1) // 2
    assert [p.amount for p in settlement.payments] == [half, in_scope - half]
    assert (settlement.paid, settlement.patient_share) == (in_scope, 0)


@given(in_scope=st.one_of(st.integers(0, 10_000), st.integers(0, 10**9)))
def test_each_layer_is_rounded_before_the_next(in_scope: int) -> None:
    """对半市: five shares of the rest, recomputed with Python's decimal numbers."""
    day = date(2020, 6, 1)
    claim = Claim("", day, day, day, Costs((in_scope, 0, 0, 0)), {"care": "chronic"})
    settlement = settle(claim, Beneficiary(), None, PLACES.scheme("999952"))
    left = Decimal(in_scope) / 100
    for share, payment in zip(("33.33", "12.5", "7.77", "50", "66.67"), settlement.payments, strict=True):
        paid = (left * Decimal(share) / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert Decimal(payment.amount) / 100 == paid
        left -= paid
    assert Decimal(settlement.patient_share) / 100 == left
