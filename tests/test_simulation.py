"""The laboratory: populations that meet their profiles, runs that add up, reforms by hand arithmetic, cliffs that `settle` confirms."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from yizhan.cli import main
from yizhan.engine.facts import POTS
from yizhan.errors import Problems
from yizhan.exchange import read_request, settle_request
from yizhan.policy.areas import load_scheme
from yizhan.simulation import forecast as forecasting
from yizhan.simulation import reports
from yizhan.simulation.behaviour import Behaviour, respond
from yizhan.simulation.cliffs import Cliff, Search, as_request, find_cliffs
from yizhan.simulation.fit import fit
from yizhan.simulation.population import BUCKET, Growth, Part, Population, identities_of
from yizhan.simulation.profile import load, shipped
from yizhan.simulation.recorded import Recorded, write
from yizhan.simulation.run import PRESENT, Outcome, Scenario, run, settler_for
from yizhan.simulation.scenarios import changed, figures, parse_change
from yizhan.simulation.tables import shown
from yizhan.simulation.tallies import CATASTROPHIC, SUMS
from yizhan.simulation.validation import validation

pytestmark = pytest.mark.xdist_group("laboratory")

CHIFENG = "chifeng-2018"
POINTS = "赤卫计发〔2018〕39号 第11条 5个百分点#1=8个百分点"
"""The tilt of the poor in hospital: three points more."""


LEAVE = """
[[transitions]]
key = "a"
year = {year}
from = "registered_poor"
to = "{to}"
share = {{ value = {share}, stand_in = "for a test" }}

"""


def people(count: int, seed: int = 1) -> Population:
    return Population((Part(load(CHIFENG), count),), seed)


@pytest.fixture(scope="module")
def reform(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    folder = tmp_path_factory.mktemp("reform") / "policies"
    return Scenario("改革", "reform", changed(None, [parse_change(POINTS, "150400")], folder))


@pytest.fixture(scope="module")
def two_years(reform: Scenario) -> Outcome:
    """Two years of two buckets, one of them not full, under the present rules and a reform."""
    return run(
        people(BUCKET + 5000), (PRESENT, reform), (2018, 2019), growth=forecasting.path(Growth(1.0, 1.0, 1.06), 2)
    )


# --- Population ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", shipped())
def test_every_figure_of_a_profile_has_a_source_or_says_that_it_is_a_stand_in(key: str) -> None:
    assert all(bool(f.source) != bool(f.stand_in) for f in load(key).figures.values())


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("value = 0.2809, source", "value = 0.2809, origin", "admissions.poor_stays_share"),
        ("stably_lifted = { value = 0.5500", "stably_lifted = { value = 0.6500", "identities: Σ = 1.1000"),
        ('tier = "township"', 'tier = "village"', "village"),
        ("[persons]", "[persons]\nextra = 3", "persons.extra"),
        ("[persons]", "[persons", "TOML"),
        ('extends = "national"', "", "ages.bands?"),
        ("[funding]", LEAVE.format(year=2018, to="stably_lifted", share=0.5) + "[funding]", "2018 ≤ 2018"),
        ("[funding]", LEAVE.format(year=2019, to="rich", share=0.5) + "[funding]", "to 'rich'?"),
        ("[funding]", LEAVE.format(year=2019, to="stably_lifted", share=1.5) + "[funding]", "transitions.a.share?"),
        ("[funding]", (LEAVE * 2).format(year=2019, to="", share=0.6) + "[funding]", "Σ = 1.2000 > 1"),
    ],
)
def test_a_wrong_profile_is_refused_with_what_is_wrong(tmp_path: Path, old: str, new: str, named: str) -> None:
    text = (Path(__file__).parents[1] / f"src/yizhan/simulation/profiles/{CHIFENG}.toml").read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "mine.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Problems) as refused:
        load(str(file))
    assert named in str(refused.value) or named == "TOML"
    assert refused.value.problems[0].code == "wrong_profile"


def test_the_same_seed_draws_the_same_people_and_another_year_leaves_them_as_they_are() -> None:
    one, two = people(3000), people(3000)
    assert one.bills(0, 2018).equals(two.bills(0, 2018))
    assert not one.bills(0, 2018).equals(people(3000, seed=2).bills(0, 2018))
    assert not one.bills(0, 2018).equals(one.bills(0, 2019))
    assert one.bills(0, 2019)["age"].to_pylist()[:5] == two.bills(0, 2019)["age"].to_pylist()[:5]


def test_a_bucket_is_drawn_alike_however_many_follow_it() -> None:
    small, large = people(BUCKET + 10), people(3 * BUCKET)
    assert small.bills(0, 2018).equals(large.bills(0, 2018))
    assert np.array_equal(small.persons(0).income, large.persons(0).income)


def test_identities_change_by_year_and_household_and_nothing_else_does(tmp_path: Path) -> None:
    """Half of the registered poor are lifted in 2019: the households that were drawn, whatever is drawn beside them."""
    file = tmp_path / "moving.toml"
    head = 'extends = "chifeng-2018"\nname = "甲"\nname_en = "A"\n'
    file.write_text(head + LEAVE.format(year=2019, to="stably_lifted", share=0.5), encoding="utf-8")
    moving = Population((Part(load(str(file)), 20_000),), 1)
    still = people(20_000)
    poor, lifted = (identities_of(moving.parts[0].profile).index(code) for code in ("registered_poor", "stably_lifted"))
    who = moving.persons(0)
    before, after = moving.identities(0, 2018), moving.identities(0, 2019)
    assert np.array_equal(before, who.identity)
    assert np.array_equal(after, moving.identities(0, 2020))
    assert set(before[before != after]) == {poor}
    assert set(after[before != after]) == {lifted}
    assert 0.4 < (before != after).sum() / (before == poor).sum() < 0.6
    for homes in (set(who.household[before != after]), set(who.household[(before == poor) & (after == poor)])):
        assert homes
    assert not set(who.household[before != after]) & set(who.household[(before == poor) & (after == poor)])
    assert moving.bills(0, 2019).drop_columns(["identities"]).equals(still.bills(0, 2019).drop_columns(["identities"]))

    found = run(moving, (PRESENT,), (2018, 2019))
    cohorts = found.tallies[0].cohorts
    assert cohorts[1, poor, :, 0].tolist() == np.bincount(after[before == poor], minlength=cohorts.shape[2]).tolist()
    for year in (0, 1):
        of_year = found.persons(0, "patient", "identity", year=2018 + year)
        assert cohorts[year, :, :, 3].sum(axis=0).tolist() == of_year.tolist()
    rows = [row for row in reports.transition(found).rows if row[0] == "registered_poor"]
    assert [(row[1], row[3][1]) for row in rows] == [
        (2018, "all of them"), (2019, "all of them"), (2019, "stably lifted"), (2019, "registered poor"),
    ]  # fmt: skip
    assert rows[1][4] == rows[2][4] + rows[3][4] == rows[0][4]


def test_stays_of_one_person_do_not_overlap() -> None:
    bills = people(20000).bills(0, 2018)
    stays = bills.filter(pa.compute.equal(bills["care"].cast(pa.string()), "inpatient"))
    person = stays["person"].to_numpy()
    begin, end = (stays[n].combine_chunks().cast(pa.int32()).to_numpy() for n in ("admitted_on", "discharged_on"))
    again = person[1:] == person[:-1]
    assert again.sum() > 500
    assert (begin[1:][again] >= end[:-1][again]).all()
    assert (begin <= end).all()


def test_the_population_meets_its_profile(two_years: Outcome) -> None:
    """Within what chance leaves to 37,768 persons: means of heavy-tailed costs by a tenth, shares of few stays by more."""
    found = {row.path: row for row in fit(two_years)}
    assert len(found) > 20
    for path in (
        "admissions.all",
        "stays.cost_ordinary",
        "stays.cost_poor",
        "admissions.repeat_ordinary",
        "outpatient.visits",
    ):
        assert abs(found[path].difference) < 0.1, (path, found[path])
    for path in ("persons.poor_share", "stays.days_ordinary", "stays.days_poor", "admissions.poor_stays_share"):
        assert abs(found[path].difference) < 0.12, (path, found[path])


# --- Runs ---------------------------------------------------------------------------------------------------------------


def test_layers_and_patients_pay_every_bill_in_every_cell(two_years: Outcome) -> None:
    tally = two_years.tallies[0]
    layers = [tally.measures.index(name) for name in two_years.layer_names]
    at = tally.measures.index
    paid = tally.bills[..., layers].sum(axis=-1) + tally.bills[..., at("patient")]
    assert (paid == tally.bills[..., at("total")]).all()
    assert tally.bills[..., at("total")].sum() > 10**10


def test_every_way_of_adding_up_gives_the_same(two_years: Outcome) -> None:
    tally = two_years.tallies[1]
    for n, measure in enumerate(tally.measures):
        whole = int(tally.bills[..., n].sum())
        assert whole == int(tally.months[..., n].sum()) == int(tally.by_bucket[..., n].sum()), measure
    assert two_years.persons(1, "patient").sum() == two_years.bills(1, "patient").sum()
    assert int(two_years.persons(0, "persons", year=2018)) == BUCKET + 5000


def test_workers_change_nothing(reform: Scenario) -> None:
    population = people(9 * 4096, seed=3)
    alone = run(population, (PRESENT, reform))
    population = Population(population.parts, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("yizhan.simulation.run.CHUNK", 1)
        together = run(population, (PRESENT, reform), workers=2)
    for one, two in zip(alone.tallies, together.tallies, strict=True):
        for name in SUMS:
            assert np.array_equal(getattr(one, name), getattr(two, name)), name
        assert one.winners == two.winners
        assert one.losers == two.losers


def test_a_word_that_is_no_axis_is_refused(two_years: Outcome) -> None:
    with pytest.raises(ValueError, match="colour"):
        two_years.bills(0, "total", "colour")


def test_catastrophic_spending_grows_as_the_share_falls(two_years: Outcome) -> None:
    found = [int(two_years.persons(0, f"catastrophic_{share}")) for share in CATASTROPHIC]
    assert found[0] > found[1] > found[2] > 0


# --- A reform by hand -----------------------------------------------------------------------------------------------------

TEN = [
    # identity, in scope (yuan), tier: what 基本医保 pays with 10 points of tilt before October 2018 is not touched by the
    # reform; what it pays from October on has 5 points, under the reform 8.
    ("registered_poor", 3000, "county"), ("registered_poor", 10000, "county"), ("registered_poor", 200, "county"),
    ("subsistence", 5000, "county"), ("extremely_poor", 4000, "township"), ("", 3000, "county"), ("", 10000, "township"),
    ("", 900, "county"), ("stably_lifted", 2000, "township"), ("stably_lifted", 150, "township"),
]  # fmt: skip


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten persons with one stay each in November 2018, on record."""
    folder = tmp_path_factory.mktemp("ten") / "records"
    drawn = people(200)
    write(drawn, (2018,), folder)
    bills = pq.read_table(folder / "bills.parquet")
    stays = bills.filter(pa.compute.equal(bills["care"].cast(pa.string()), "inpatient")).slice(0, 1).to_pylist()[0]
    rows = [
        {
            **stays, "person": n, "sequence": n, "identities": identity, "diagnoses": "", "referral": "by_rule", "emergency": "no",
            "admitted_on": np.datetime64("2018-11-01").astype(object), "discharged_on": np.datetime64("2018-11-08").astype(object),
            "institution_tier": tier, "institution_level": "level_2" if tier == "county" else "ungraded", "place": "own_county",
            "audit": "normal", **dict.fromkeys(POTS, 0), "in_scope": yuan * 100,
        }
        for n, (identity, yuan, tier) in enumerate(TEN)
    ]  # fmt: skip
    persons = [
        {"person": n, "household": n, "age": 50, "sex": "male", "identities": row[0], "insured_county": "某旗", "income": 1000_00}
        for n, row in enumerate(TEN)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(persons), folder / "persons.parquet")
    pq.write_table(pa.Table.from_pylist(rows), folder / "bills.parquet")
    return folder


def by_hand(points: int) -> int:
    """What basic insurance pays for the ten, in fen: 400 (county) or 200 (township) yuan of deductible, 75 % or 80 % + 5 points;
    the poor half the deductible and `points` more."""
    paid = 0
    for identity, yuan, tier in TEN:
        deductible, ratio = (400, 75) if tier == "county" else (200, 80 + 5)
        if identity:
            deductible, ratio = deductible // 2, ratio + points
        paid += max(0, yuan - deductible) * ratio
    return paid


def test_the_laboratory_says_of_ten_persons_what_hand_arithmetic_says(ten: Path, reform: Scenario) -> None:
    found = run(Recorded.open(ten, 2018), (PRESENT, reform))
    assert found.layers(0)["基本医保"] == by_hand(5)
    assert found.layers(1)["基本医保"] == by_hand(8)
    poor = sum(1 for identity, yuan, tier in TEN if identity and yuan > (200 if tier == "county" else 100))
    won = found.tallies[1].gains.sum(axis=(0, 1, 2))
    touched = [row for row in reports.cases(found, 1).rows if row[6] > 0]
    assert len(touched) == int(won[0]) <= poor
    assert int(won[2]) == int(found.bills(0, "patient") - found.bills(1, "patient"))
    assert int(won[1]) == 0


def test_records_say_what_the_population_says_that_was_written_to_them(tmp_path: Path) -> None:
    population = people(3000)
    bills = write(population, (2018, 2019), tmp_path / "records")
    drawn = run(population, (PRESENT,), (2018, 2019))
    read = run(Recorded.open(tmp_path / "records", 2018), (PRESENT,), (2018, 2019))
    assert drawn.layers(0) == read.layers(0)
    assert bills == int(drawn.bills(0, "bills"))
    assert int(drawn.persons(0, "catastrophic_10")) == int(read.persons(0, "catastrophic_10"))


def test_records_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Problems, match=r"persons\.parquet"):
        Recorded.open(tmp_path, 2018)
    pq.write_table(pa.table({"person": [1]}), tmp_path / "persons.parquet")
    with pytest.raises(Problems, match="household"):
        Recorded.open(tmp_path, 2018)


# --- Changed figures -------------------------------------------------------------------------------------------------------


def test_a_reform_costs_what_it_costs_the_poor_and_nobody_else(two_years: Outcome) -> None:
    table = reports.winners_and_losers(two_years, 1)
    ordinary = [row for row in table.rows if row[1] == ""]
    assert ordinary
    assert all(row[3] == row[5] == 0 for row in ordinary)
    assert sum(row[3] for row in table.rows) > 50
    before, after = two_years.layers(0)["基本医保"], two_years.layers(1)["基本医保"]
    assert after > before


def test_a_change_is_found_by_article_and_refused_where_it_is_not_printed() -> None:
    known = figures(None, "150400")
    assert any(f.text == "9000元" and f.article == "第8条" for f in known)
    with pytest.raises(Problems, match="3 places"):
        parse_change("赤卫计发〔2018〕39号 第11条 5个百分点=8个百分点", "150400")
    with pytest.raises(Problems, match="9000元"):
        parse_change("赤卫计发〔2018〕39号 第8条 70%=75%", "150400")
    with pytest.raises(Problems, match="DOCUMENT ARTICLE OLD=NEW"):
        parse_change("70%", "150400")


def test_a_change_whose_place_has_moved_is_refused(tmp_path: Path) -> None:
    change = replace(parse_change(POINTS, "150400"), column=0)
    with pytest.raises(Problems, match="was not found"):
        changed(None, [change], tmp_path / "policies")


def test_behaviour_is_off_unless_asked_for_and_then_moves_the_poor_towards_care(reform: Scenario) -> None:
    population = people(8000)
    still = respond(population, (PRESENT, reform), Behaviour())
    moved = respond(population, (PRESENT, reform), Behaviour(elasticity=-0.5, nearer=0.2))
    assert all(factor == 1.0 for _, factor in still[1].growth[0].stays_of)
    factors = dict(moved[1].growth[0].stays_of)
    assert factors["registered_poor"] > factors[""] == 1.0
    assert not moved[0].growth
    found = run(population, moved)
    stays = [int(found.bills(n, "bills", care="inpatient")) for n in (0, 1)]
    assert stays[1] > stays[0]
    above = [int(found.bills(n, "bills", care="inpatient", setting="municipal")) for n in (0, 1)]
    assert above[1] < above[0]
    assert found.tallies[1].gains.sum() == 0


# --- Cliffs ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def search() -> Search:
    return Search(people(BUCKET), PRESENT, 2018)


@pytest.fixture(scope="module")
def cliffs(search: Search) -> list[Cliff]:
    return search.cliffs()


def confirm(cliffs: list[Cliff], area: str) -> None:
    """Settle the neighbours of each cliff as the window would: they pay what the cliff says."""
    for cliff in cliffs:
        for bills, pays in (
            (cliff.example.before, cliff.example.pays_before),
            (cliff.example.after, cliff.example.pays_after),
        ):
            settled = settle_request(read_request(json.dumps(as_request(bills, area))))
            assert sum(s.patient_share for s in settled) == pays, (area, cliff.zh)
        assert cliff.example.pays_before > cliff.example.pays_after
        assert cliff.edge.articles


def test_the_known_cliffs_of_chifeng_are_found(cliffs: list[Cliff]) -> None:
    amounts = {(c.edge.fact, c.edge.at) for c in cliffs if c.kind == "amount"}
    assert {("total", 900_001), ("total", 3_000_001)} <= amounts
    assert any(c.kind == "date" and c.edge.at == "2018-10-01" for c in cliffs)
    assert any("第8条" in article for c in cliffs for article in c.edge.articles)
    assert len(cliffs) >= 8
    confirm(cliffs, "150400")


@pytest.mark.parametrize("key", [key for key in shipped() if key not in (CHIFENG, "national")])
def test_settle_says_of_both_neighbours_what_the_cliffs_of_every_area_say(key: str) -> None:
    profile = load(key)
    found = find_cliffs(Population((Part(profile, 5_000),), 1), PRESENT, profile.year)
    assert {"identity", "place"} <= {c.kind for c in found}
    confirm(found, profile.area)


def test_the_curve_of_a_cliff_falls_at_its_edge(search: Search, cliffs: list[Cliff]) -> None:
    cliff = next(c for c in cliffs if c.edge.at == 3_000_001)
    points = dict(search.curve(cliff))
    assert points[3_000_000] - points[3_000_001] > 10_000


def test_of_many_who_take_a_step_some_are_settled_and_counted_for_all(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {c.zh: c for c in search.cliffs() if c.kind == "identity"}
    monkeypatch.setattr("yizhan.simulation.cliffs.MOST_STEPPING", 4_000)
    for cliff in (c for c in search.cliffs() if c.kind == "identity"):
        assert cliff.beside == whole[cliff.zh].beside
        assert cliff.affected == pytest.approx(whole[cliff.zh].affected, rel=0.1)


def test_a_loop_is_planned_once_whoever_is_drawn() -> None:
    """Cases that turn up in no bill of the first chunk were foreseen, so that a later one changes nothing of the loop."""
    population = people(3 * BUCKET)
    few = people(200).bills(0, 2018)
    settler = settler_for(load_scheme("150400"), few, (2018,))
    sources = set()
    for table in (few, *(population.bills(bucket, 2018) for bucket in range(3))):
        settler.begin()
        settler.prepare(table)
        sources.add(settler.plan(False).source)
    assert len(sources) == 1


# --- Forecast and validation -------------------------------------------------------------------------------------------------


def test_a_forecast_balances_and_names_the_month_in_which_the_fund_runs_dry(two_years: Outcome) -> None:
    funding = forecasting.Funding(70000, 10**10, (1 / 12,) * 12)
    found = forecasting.forecast(two_years, funding)
    assert len(found.months) == 24
    balance = funding.carried
    for month in found.months:
        balance += month.income - month.outlay
        assert month.balance == balance
    dry = next(m for m in found.months if m.balance < 0)
    assert found.dry == (dry.year, dry.month)
    scale = forecasting.scale_of(two_years)
    outlay = sum(m.outlay for m in found.months if m.year == 2018)
    assert abs(outlay - int(two_years.bills(0, "基本医保", year=2018)) * scale) < 12
    rich = forecasting.forecast(two_years, replace(funding, per_head=10**7))
    assert rich.dry is None


def test_budgets_of_counties_sum_to_the_city(two_years: Outcome) -> None:
    rows = forecasting.budget(two_years).rows
    for year in (2018, 2019):
        of = [row[2:] for row in rows if row[0] == year]
        for column in zip(*of, strict=True):
            assert abs(sum(column[:-1]) - column[-1]) <= len(column)


def test_a_forecast_is_put_beside_what_happened(two_years: Outcome, tmp_path: Path) -> None:
    file = tmp_path / "actual.csv"
    file.write_text("year,month,outlay\n2018,1,200000000.00\n2018,2,190000000.00\n", encoding="utf-8")
    found = forecasting.forecast(two_years, forecasting.Funding.of(load(CHIFENG)))
    rows = forecasting.against(found, forecasting.read_actuals(file)).rows
    assert [row[3] for row in rows] == [20_000_000_000, 19_000_000_000, 39_000_000_000]
    assert rows[-1][4] == rows[0][4] + rows[1][4]
    file.write_text("year,month,outlay\n2018,13,1.00\n2018,x,1.00\n2018,3,a lot\n", encoding="utf-8")
    with pytest.raises(Problems) as refused:
        forecasting.read_actuals(file)
    assert len(refused.value.problems) == 3


def test_the_validation_table_has_every_figure_of_the_document(two_years: Outcome) -> None:
    rows = {row[0][1]: row for row in validation(two_years).rows}
    assert rows["income of the basic fund"][3] == pytest.approx(0, abs=0.001)
    assert set(rows) >= {"outlay of the basic fund", "extra outlay of the tilt, the poor", "guarantee money"}
    assert all(row[2] > 0 for row in rows.values())


def test_every_cell_of_every_table_can_be_read_in_both_languages(two_years: Outcome, cliffs: list[Cliff]) -> None:
    found = [*reports.tables(two_years), reports.fit_table(two_years), validation(two_years)]
    assert len(found) >= 10
    for table in found:
        assert table.rows, table.key
        for row in table.rows:
            for column, value in zip(table.columns, row, strict=True):
                for lang in ("zh", "en"):
                    assert shown(column.kind, value, lang) or column.kind == "flag"


# --- The command line --------------------------------------------------------------------------------------------------------

SOME = ["--persons", "8000", "--json"]


def found_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The tables that a command prints, by key."""
    assert main([*arguments, *SOME]) == 0
    return {table["key"]: table for table in json.loads(capsys.readouterr().out)}


def test_simulate_and_compare_print_their_tables(capsys: pytest.CaptureFixture[str]) -> None:
    alone = found_by(capsys, "simulate", CHIFENG, "--stats")
    assert [row[0][1] for row in alone["speed"]["rows"]][1] == "settling"
    assert alone["speed"]["rows"][2][4] == 1.0
    assert {"outlay", "burden", "by_setting", "by_county", "by_decile", "ceilings", "fit", "validation"} <= set(alone)
    changes = found_by(capsys, "compare", CHIFENG, "--change", POINTS)["changes"]["rows"]
    paid = {row[2]: row[3] for row in alone["outlay"]["rows"]}
    assert {row[1]: row[2] for row in changes} == paid, "before the reform is what simulate says"
    assert all((row[1] == "基本医保") <= (row[4] > 0) for row in changes)


def test_a_province_is_the_sum_of_what_its_areas_print(capsys: pytest.CaptureFixture[str]) -> None:
    areas = found_by(capsys, "simulate", "--area", "440000", "--years", "2019")
    assert [row[0][1] for row in areas["areas"]["rows"]] == ["Jiangmen", "in all"]
    alone = found_by(capsys, "simulate", "jiangmen-2019", "--years", "2019")["outlay"]["rows"]
    scale = areas["areas"]["rows"][0][1] / 8000
    paid = {row[2]: row[3] for row in areas["area_layers"]["rows"] if row[0][1] == "Jiangmen"}
    assert paid == {row[2]: round(row[3] * scale) for row in alone if row[2] != "个人"}
    assert areas["areas"]["rows"][0][3:] == areas["areas"]["rows"][1][3:]
    assert main(["simulate", "--area", "440000", "--records", "x"]) == 2
    assert "records_unusable" in capsys.readouterr().err
    assert main(["simulate", "--area", "110000"]) == 2
    assert "no_profile_below" in capsys.readouterr().err


def test_cliffs_writes_cases_that_settle_reads(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = found_by(capsys, "cliffs", CHIFENG, "--cases", str(tmp_path))["cliffs"]["rows"]
    assert len(list(tmp_path.iterdir())) == 2 * len(rows) > 10
    assert main(["settle", str(tmp_path / "01a.json"), "--json"]) == 0


def test_forecast_goes_on_for_years_and_knows_no_records(capsys: pytest.CaptureFixture[str]) -> None:
    years = found_by(capsys, "forecast", CHIFENG, "--years", "2018", "2019", "--cost", "1.5")["fund_years"]["rows"]
    assert [row[0] for row in years] == [2018, 2019]
    assert years[1][2] > years[0][2]
    with pytest.raises(SystemExit):
        main(["forecast", "--records", "x"])


def test_behaviour_is_refused_for_bills_on_record(ten: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["compare", "--records", str(ten), "--years", "2018", "--change", POINTS, "--elasticity", "-0.2"]
    assert main(given) == 2
    assert "records_unusable" in capsys.readouterr().err
