"""A table of bills comes out as its bills would one by one, to the fen, or it is refused.

The shipped areas are settled with the compiled loop. The fictitious places are settled with the same loop as plain Python
(Numba's own switch), because compiling thirty structures takes minutes; a few structures say enough about Numba.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.years import Draw, PersonYear
from yizhan.batch.table import Settler, column_names, result_columns, settle_table
from yizhan.engine.claim import Costs
from yizhan.engine.facts import CHARGES, FACTS, POTS
from yizhan.engine.scheme import Scheme
from yizhan.engine.settlement import settle
from yizhan.errors import Problems
from yizhan.policy.areas import AreaFolder, Library

SHIPPED = Library()
PLACES = Library(Path(__file__).parent / "places" / "policies")

PATIENT = ("patient", "patient_in_scope", "patient_first_pay", "patient_over_limit", "patient_own")


# --- Tables of drawn persons ------------------------------------------------------------------------------------------


@cache
def drawn_years(library: Library, code: str, persons: int) -> tuple[PersonYear, ...]:
    """Persons and their bills in an area, the same every time."""
    return tuple(Draw(library.scheme(code), Random(code)).years(persons, 6))


def table_of(scheme: Scheme, years: Sequence[PersonYear], mixed: bool = False) -> pa.Table:
    """The bills as a program would send them: some columns in codes, some in legal terms; or `mixed` from row to row."""
    random = Random(scheme.area)
    in_terms = {fact: random.random() < 0.5 for fact in FACTS}

    def word(fact: str, code: str) -> str:
        term = random.random() < 0.5 if mixed else in_terms[fact]
        return FACTS[fact].word(code, "zh") if term else code

    rows = [row for year in years for row in _rows(scheme, year, word, random)]
    names = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    types = {name: pa.int64() for name in (*POTS, *CHARGES, "sequence")} | {
        name: pa.date32() for name in ("admitted_on", "discharged_on", "settled_on", "born_on")
    }
    return pa.table({name: pa.array([row[name] for row in rows], types.get(name, pa.string())) for name in names})


def _rows(
    scheme: Scheme, year: PersonYear, word: Callable[[str, str], str], random: Random
) -> Iterator[dict[str, object]]:
    person, conventions = year.person, scheme.conventions
    for sequence, claim in enumerate(year.claims):
        identity_on = claim.day(conventions.identity_date)
        begins_on = date(conventions.year_of(claim.discharged_on), *conventions.year_starts)
        held = [word("identity", code) for code in sorted(person.identities_on(identity_on))]
        diseases = sorted(_names(claim.facts.get("diagnoses")))
        facts = {**person.facts, **{k: v for k, v in claim.facts.items() if k != "diagnoses"}}
        yield {
            "area": scheme.area,
            "person": person.person,
            "admitted_on": claim.admitted_on,
            "discharged_on": claim.discharged_on,
            "settled_on": claim.settled_on,
            "sequence": sequence,
            "identities": ";".join(random.sample(held, len(held))),
            "identity_changed": "yes" if person.identities_changed(begins_on, identity_on) else "no",
            "born_on": person.born_on,
            "diagnoses": ";".join(random.sample(diseases, len(diseases))) if "diagnoses" in claim.facts else None,
            **dict(zip(POTS, claim.costs.pots, strict=True)),
            **dict(zip(CHARGES, claim.costs.charges, strict=True)),
            **{fact: word(fact, str(value)) for fact, value in facts.items()},
        }


def _names(value: object) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset()


def one_by_one(scheme: Scheme, years: Sequence[PersonYear]) -> pa.Table:
    """The result that the table should give, from single settlements."""
    columns: dict[str, list[int]] = {name: [] for name in (*result_columns([scheme]), *PATIENT)}
    for year in years:
        state = None
        for claim in year.claims:
            settlement = settle(claim, year.person, state, scheme)
            state = settlement.year_state
            row = dict.fromkeys(columns, 0)
            for payment in settlement.payments:
                name = payment.layer.name
                found = {
                    name: payment.amount, f"{name}·倾斜": payment.tilt, f"{name}·降比": payment.penalty,
                    f"{name}·起付": payment.deductible, f"{name}·待审": payment.amount if payment.held else 0,
                    **{f"{name}·{payer}": amount for payer, amount in payment.by_payer},
                }  # fmt: skip
                row |= {column: amount for column, amount in found.items() if column in row}
            row |= dict(zip(PATIENT, (settlement.patient_share, *settlement.patient), strict=True))
            for column, amount in row.items():
                columns[column].append(amount)
    return pa.table({name: pa.array(amounts, pa.int64()) for name, amounts in columns.items()})


def assert_same(found: pa.Table, expected: pa.Table) -> None:
    """Every amount column of both tables is the same."""
    assert set(expected.column_names) <= set(found.column_names)
    for name in expected.column_names:
        ours, theirs = found[name].to_numpy(), expected[name].to_numpy()
        rows = np.flatnonzero(ours != theirs)
        assert not len(rows), f"{name}, row {rows[0]} and {len(rows) - 1} more: {ours[rows[0]]} ≠ {theirs[rows[0]]}"


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loops of this test run as plain Python."""
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)


# --- The same fen -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("area", SHIPPED.pooling_areas, ids=lambda area: area.name)
def test_a_table_of_a_shipped_area_is_settled_as_its_bills_are(area: AreaFolder) -> None:
    scheme, years = SHIPPED.scheme(area.code), drawn_years(SHIPPED, area.code, 400)
    assert_same(settle_table(table_of(scheme, years)), one_by_one(scheme, years))


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(
    "area",
    [area for area in PLACES.pooling_areas if area.code != "997301"],  # 报错县 refuses all grade-two hospitals
    ids=lambda area: area.name,
)
def test_a_table_of_a_fictitious_place_is_settled_as_its_bills_are(area: AreaFolder) -> None:
    scheme, years = PLACES.scheme(area.code), drawn_years(PLACES, area.code, 200)
    assert_same(settle_table(table_of(scheme, years), PLACES.root), one_by_one(scheme, years))


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(("library", "code"), [(PLACES, "999912"), (SHIPPED, "430300")], ids=["双河", "湘潭"])
def test_a_value_is_the_same_in_code_and_in_legal_term(library: Library, code: str) -> None:
    """Further stays in hospitals of one grade, of one disease: whatever the rows call them."""
    scheme, years = library.scheme(code), drawn_years(library, code, 100)
    assert_same(settle_table(table_of(scheme, years, mixed=True), library.root), one_by_one(scheme, years))


@pytest.mark.usefixtures("uncompiled")
def test_areas_may_be_mixed_in_one_table() -> None:
    parts = [(PLACES.scheme(code), drawn_years(PLACES, code, 20)) for code in ("999901", "999912", "999941")]
    table = pa.concat_tables([table_of(*part) for part in parts], promote_options="default")
    shuffled = table.take(pa.array(_merged([table_of(*part).num_rows for part in parts])))
    found = settle_table(shuffled, PLACES.root)
    for scheme, years in parts:
        rows = found.filter(pc.equal(found["area"], scheme.area))
        assert_same(rows, one_by_one(scheme, years))


def _merged(sizes: Sequence[int]) -> list[int]:
    """Row numbers of several tables laid behind each other, taken from each in turn."""
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    return [start + n for n in range(max(sizes)) for start, size in zip(starts, sizes, strict=True) if n < size]


@pytest.mark.usefixtures("uncompiled")
def test_charges_need_no_columns_where_the_bills_have_none() -> None:
    """石桥市 waives charges: without their columns there are none to waive."""
    scheme = PLACES.scheme("999902")
    years = [_without_charges(year) for year in drawn_years(PLACES, "999902", 50)]
    table = table_of(scheme, years).drop_columns(list(CHARGES))
    assert_same(settle_table(table, PLACES.root), one_by_one(scheme, years))


def _without_charges(year: PersonYear) -> PersonYear:
    claims = tuple(replace(claim, costs=Costs(claim.costs.pots)) for claim in year.claims)
    return replace(year, claims=claims)


@pytest.mark.usefixtures("uncompiled")
def test_days_and_ages_may_be_given_instead_of_dates() -> None:
    """白河市 has a deductible by the day, 中原市 a ratio by age."""
    day = date(2020, 3, 11)
    table = pa.table({
        "area": ["999911", "999941"], "person": [1, 1], "discharged_on": [day, day], "in_scope": [1_000_000, 1_080_000],
        "days": [5, 1], "age": [45, 45], "care": ["住院", "住院"], "identities": ["", ""], "insurance": ["resident"] * 2,
        "institution_level": ["二级", "三级"], "institution_tier": ["县级", "县级"], "institution": ["某院", "某院"],
        "referral": ["by_rule"] * 2, "emergency": ["no", "no"], "diagnoses": ["肺炎", "肺炎"],
    })  # fmt: skip
    found = settle_table(table, PLACES.root)
    assert found["基本医保"].to_pylist() == [740_000, 690_000]
    assert found["基本医保·起付"].to_pylist() == [75_000, 80_000]


# --- Chunks, threads, sums --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(
    ("library", "code"),
    [
        (SHIPPED, "150400"), (SHIPPED, "430300"), (PLACES, "999912"), (PLACES, "999913"), (PLACES, "999921"),
        (PLACES, "999922"), (PLACES, "998100"), (PLACES, "996600"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_chunks_that_cut_persons_and_years_give_the_same(library: Library, code: str) -> None:
    scheme, years = library.scheme(code), drawn_years(library, code, 40)
    table = table_of(scheme, years)
    random = Random(code)
    cuts = [0, *sorted(random.sample(range(1, table.num_rows), 25)), table.num_rows]
    settler = Settler(scheme)
    found: dict[str, list[int]] = {name: [] for name in result_columns([scheme])}
    for begin, end in pairwise(cuts):
        chunk = settler.settle(table.slice(begin, end - begin))
        amounts = dict(zip(column_names(scheme, chunk.outputs), chunk.out.tolist(), strict=True))
        for name in found:
            found[name] += amounts.get(name, [0] * (end - begin))
    expected = one_by_one(scheme, years)
    assert_same(pa.table({name: pa.array(amounts) for name, amounts in found.items()}), expected.select(list(found)))


def test_two_threads_give_the_same_as_one() -> None:
    """Threads share a table of 50,000 rows and more; 江门's small table, forty times under other names."""
    scheme, years = SHIPPED.scheme("440700"), drawn_years(SHIPPED, "440700", 400)
    small = table_of(scheme, years)
    copies = -(-60_000 // small.num_rows)
    place = small.column_names.index("person")
    big = pa.concat_tables(
        small.set_column(place, "person", pc.binary_join_element_wise(f"{n:03d}", small["person"], "-"))
        for n in range(copies)
    )
    one, two = settle_table(big), settle_table(big, threads=2)
    assert one.equals(two)
    expected = one_by_one(scheme, years)
    assert_same(two, pa.concat_tables([expected] * copies))


@pytest.mark.usefixtures("uncompiled")
def test_sums_are_the_totals_of_the_columns() -> None:
    scheme, years = SHIPPED.scheme("150400"), drawn_years(SHIPPED, "150400", 40)
    table, expected = table_of(scheme, years), one_by_one(scheme, years)
    layers = [scheme.layers[k].name for k in _active(scheme, table)]
    sums = np.zeros((1, len(layers) + 5), dtype=np.int64)
    Settler(scheme).settle(table, sums)
    pots = [f"patient_{pot}" for pot in POTS]
    assert sums[0].tolist() == [*(pc.sum(expected[name]).as_py() for name in (*layers, *pots)), table.num_rows]


def _active(scheme: Scheme, table: pa.Table) -> list[int]:
    """The layers that can pay something in this table, in order."""
    outputs = Settler(scheme, sample=0).settle(table).outputs
    return sorted({layer for layer, _ in outputs})


# --- Stays cut at the year's end --------------------------------------------------------------------------------------


def cut_stay(area: str, parts: Sequence[tuple[str, str, int]], **facts: str) -> pa.Table:
    """One person's bills: admitted, discharged, in-scope fen. A part of a stay that begins on 1 January continues one."""
    days = [(date.fromisoformat(admitted), date.fromisoformat(discharged)) for admitted, discharged, _ in parts]
    n = len(parts)
    return pa.table({
        "area": [area] * n, "person": ["江一"] * n, "admitted_on": [a for a, _ in days], "discharged_on": [d for _, d in days],
        "in_scope": [fen for _, _, fen in parts], "care": ["inpatient"] * n,
        "year_end_part": ["yes" if a == date(2021, 1, 1) else "no" for a, _ in days],
        **{name: [value] * n for name, value in facts.items()},
    })  # fmt: skip


@pytest.mark.usefixtures("uncompiled")
def test_a_cut_stay_is_two_rows() -> None:
    """困难分割市, 低保 and 特困: the amounts of tests/test_places.py, each part a row."""
    parts = [
        ("2020-12-28", "2020-12-31", 500_000),
        ("2021-01-01", "2021-01-05", 300_000),
        ("2021-02-01", "2021-02-05", 500_000),
    ]
    found = settle_table(cut_stay("996500", parts, identities="低保;特困"), PLACES.root)
    assert found["基本医保"].to_pylist() == [270_000, 180_000, 270_000]
    assert found["大病保险"].to_pylist() == [0, 0, 25_000]
    assert found["补充保险"].to_pylist() == [65_000, 60_000, 52_500]


@pytest.mark.usefixtures("uncompiled")
def test_the_count_of_stays_goes_on_over_a_cut() -> None:
    """年末分割市: the cut stay is the second, so 250 are due, once; the next one in January is a further stay too."""
    parts = [
        ("2020-12-01", "2020-12-05", 500_000), ("2020-12-28", "2020-12-31", 300_000),
        ("2021-01-01", "2021-01-05", 200_000), ("2021-01-10", "2021-01-20", 500_000),
    ]  # fmt: skip
    found = settle_table(cut_stay("996400", parts, identities="特困"), PLACES.root)
    assert found["基本医保·起付"].to_pylist() == [50_000, 25_000, 0, 25_000]
    assert found["patient"].to_pylist() == [165_000, 101_250, 40_000, 157_500]


@pytest.mark.usefixtures("uncompiled")
def test_a_cut_stay_carries_its_deductible_into_the_next_row() -> None:
    """年末分割市: 100 yuan of the deductible fell on 2020, 400 are left."""
    parts = [("2020-12-28", "2020-12-31", 10_000), ("2021-01-01", "2021-01-05", 490_000)]
    found = settle_table(cut_stay("996400", parts, identities=""), PLACES.root)
    assert found["基本医保"].to_pylist() == [0, 270_000]
    assert found["基本医保·起付"].to_pylist() == [10_000, 40_000]


# --- What is refused --------------------------------------------------------------------------------------------------

DAY = date(2019, 5, 1)
GOOD = pa.table({
    "area": ["440700"] * 4,
    "person": ["a", "a", "b", "c"],
    "discharged_on": [DAY, date(2019, 6, 1), DAY, DAY],
    "admitted_on": [DAY, date(2019, 5, 20), DAY, DAY],
    "sequence": [1, 1, 1, 1],
    "in_scope": [1_000_000, 2_000_000, 50_000, 0],
    "own": [0, 5_000, 0, 100],
    "registration_fee": [0, 500, 0, 0],
    "identities": ["", "重点帮扶对象", "特困;低保", "subsistence"],
    "care": ["inpatient", "住院", "inpatient", "inpatient"],
    "institution_level": ["level_2", "三级", "level_2", "level_2"],
    "place": ["own_county", "本市", "own_county", "own_county"],
    "referral": ["by_rule", "按规定", "by_rule", "by_rule"],
    "emergency": ["no", "否", "no", "no"],
    "expert_review": ["pending", "pending", "pending", "pending"],
})  # fmt: skip


def with_column(name: str, values: Sequence[object], of: pa.DataType | None = None) -> pa.Table:
    """The good table with one column replaced or added."""
    column = pa.array(values, of)
    if name in GOOD.column_names:
        return GOOD.set_column(GOOD.column_names.index(name), name, column)
    return GOOD.append_column(name, column)


REFUSED = {
    "persons not in order": (GOOD.take([2, 0, 1, 3]), "not_sorted", "row 1: "),
    "dates not in order": (GOOD.take([1, 0, 2, 3]), "not_sorted", "row 1: "),
    "sequence not in order": (GOOD.take([0, 0, 2, 3]).set_column(4, "sequence", pa.array([2, 1, 1, 1])), "not_sorted", "row 1: "),
    "a bill twice": (GOOD.take([0, 1, 1, 2, 3]), "not_sorted", "row 2: "),
    "a negative amount": (with_column("in_scope", [1, 2, -3, 4]), "rows_refused", "row 2, for example): 金额为负"),
    "an amount too large": (with_column("in_scope", [1, 10**12 + 1, 3, 4]), "rows_refused", "row 1, for example): 金额超出上限"),
    "charges above the bill": (with_column("registration_fee", [0, 0, 50_001, 0]), "rows_refused", "row 2, for example): 收费项目"),
    "admitted after discharge": (with_column("admitted_on", [DAY, DAY, DAY, date(2019, 5, 2)]), "rows_refused", "row 3, for example): 入院日期"),
    "a day without a policy": (with_column("discharged_on", [DAY, date(2021, 1, 1), DAY, DAY]), "rows_refused", "row 1, for example): 这一天"),
    "a day that is missing": (with_column("discharged_on", [DAY, date(2019, 6, 1), None, DAY]), "rows_refused", "row 2, for example): 没有值"),
    "an unknown value": (with_column("place", ["own_county", "邻市", "own_county", "own_county"]), "unknown_value", "“邻市” is not a value of place of care"),
    "an unknown identity": (with_column("identities", ["", "贫困户", "", ""]), "unknown_value", "“贫困户” is not a value of identity"),
    "a fact that is missing in a row": (with_column("institution_level", ["level_2", None, "level_2", "level_2"]), "rows_refused", "1 rows cannot be settled (row 1, for example): 缺少“医院等级”"),
    "a fact that is missing": (GOOD.drop_columns(["institution_level"]), "rows_refused", "4 rows cannot be settled (row 0, for example): 缺少“医院等级”"),
    "a column that is missing": (GOOD.drop_columns(["in_scope"]), "missing_column", "the table has no column “in_scope”"),
    "an unknown column": (GOOD.append_column("hospital", pa.array(["x"] * 4)), "unknown_key", "unknown key “hospital”"),
    "yuan with decimals": (with_column("in_scope", [1.5, 2.0, 3.0, 4.0]), "bad_column", "column “in_scope” should be a whole number"),
    "dates as text": (with_column("discharged_on", ["2019-05-01"] * 4), "bad_column", "column “discharged_on” should be a date"),
    "codes as numbers": (with_column("care", [1, 1, 1, 1]), "bad_column", "column “care” should be text"),
    "an unknown area": (with_column("area", ["440700", "990000", "440700", "440700"]), "no_policy_for_area", "no policy for area 990000"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_table_is_refused_as_a_whole(case: str) -> None:
    table, code, words = REFUSED[case]
    with pytest.raises(Problems) as refused:
        settle_table(table)
    assert code in {problem.code for problem in refused.value.problems}
    assert any(words in problem.text("en") for problem in refused.value.problems), refused.value


@pytest.mark.usefixtures("uncompiled")
def test_the_good_table_is_good() -> None:
    found = settle_table(GOOD)
    assert found.num_rows == 4
    total = pc.add(found["patient"], pc.add(found["基本医保"], found["大病保险"]))
    assert total.to_pylist()[0] == 1_000_000


def test_all_mistakes_in_the_columns_are_told_together() -> None:
    table = GOOD.drop_columns(["person"]).append_column("hospital", pa.array(["x"] * 4))
    with pytest.raises(Problems) as refused:
        settle_table(table)
    assert [problem.code for problem in refused.value.problems] == ["missing_column", "unknown_key"]


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("again", [0, 1], ids=["an earlier bill", "the last bill again"])
def test_a_chunk_that_does_not_follow_is_refused(again: int) -> None:
    settler = Settler(SHIPPED.scheme("440700"))
    settler.settle(GOOD.slice(0, 2))
    with pytest.raises(Problems) as refused:
        settler.settle(GOOD.slice(again, 1))
    assert [problem.code for problem in refused.value.problems] == ["not_sorted"]
