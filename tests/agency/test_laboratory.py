"""The laboratory's pages: a study from its first form to its brief, who may see and change it, and that it stays as it was run.

One tiny study is computed for the whole module: one area, one structure of rules, so that one loop is compiled.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import openpyxl
import pyarrow.parquet as pq
import pypdf
import pytest
from django.db import DatabaseError, transaction

from tests.agency.world import World, make_world
from yizhan.agency.jobs import actions as jobs
from yizhan.agency.jobs.worker import advance, work_off
from yizhan.agency.laboratory import actions, bench, pictures, queries
from yizhan.agency.laboratory.errors import FigureUnclear, NotYourStudy, StudyFixed
from yizhan.agency.laboratory.models import Part, Result, Study
from yizhan.agency.laboratory.tables import shown_table
from yizhan.agency.staff.scope import acting
from yizhan.errors import Problems
from yizhan.simulation.tables import Column, Table, as_data, of_data

PROFILE = "chifeng-2018"
SETTINGS = {
    "name": "倾斜加到八个点", "question": "困难人员住院倾斜由5个百分点加到8个百分点，要多花多少？", "profile": PROFILE, "area_code": "150400",
    "persons": 3000, "seed": 1, "years": [2018], "growth_stays": 0, "growth_cost": 6, "growth_funding": 0, "growth_insured": 0,
}  # fmt: skip
FORM = {
    "name": "第二项", "question": "", "profile": PROFILE, "persons": "2000", "seed": "2", "first_year": "", "count": "2",
    "growth_stays": "1", "growth_cost": "3.5", "growth_funding": "0", "growth_insured": "0",
}  # fmt: skip


def tilt() -> str:
    """The place of the tilt of the poor in hospital: five points, in article 11."""
    return next(
        queries.place_of(f) for f in queries.printed("150400") if f.article == "第11条" and f.text == "5个百分点"
    )


@pytest.fixture(scope="module")
def computed(
    database_server, template_database: str, django_db_setup: None, django_db_blocker
) -> Iterator[SimpleNamespace]:
    """A study that was computed in a database of the module's own: (world, study)."""
    from tests.agency.conftest import _clone, _pointed_at

    with (
        django_db_blocker.unblock(),
        _clone(database_server, template_database) as database,
        _pointed_at(database),
    ):
        world = make_world()
        officer = world.chifeng.officer
        study = actions.create(SETTINGS, acting_user=officer)
        actions.set_figures(study, {tilt(): "8个百分点"}, acting_user=officer)
        run = actions.run(study, acting_user=officer)
        work_off()
        with acting(officer):
            study = queries.study(officer, study.pk)
            run.refresh_from_db()
            assert run.state == "done", run.problems
            result = queries.result(study, cells=True)
        yield SimpleNamespace(world=world, officer=officer, study=study, result=result)


# --- Before the run ----------------------------------------------------------------------------------------------------------


def test_a_study_is_made_step_by_step_in_the_browser(world: World) -> None:
    client = world.client(world.chifeng.officer)
    answer = client.post("/laboratory/new", FORM)
    assert answer.status_code == 302
    where = answer["Location"]
    page = client.get(where).content.decode()
    assert "第11条" in page and "5个百分点" in page and "困难" in page
    assert client.post(where, {f"at:{tilt()}": "8个百分点"}).status_code == 302
    with acting(world.chifeng.officer):
        study = Study.objects.get()
    assert (study.years, study.area_code, float(study.growth_cost)) == ([2018, 2019], "150400", 3.5)
    assert [(c["old"], c["new"], c["article"]) for c in study.changes] == [("5个百分点", "8个百分点", "第11条")]
    assert "已改动" in client.get(where).content.decode()
    assert client.post(where, {f"at:{tilt()}": ""}).status_code == 302
    with acting(world.chifeng.officer):
        study.refresh_from_db()
    assert study.changes == []


@pytest.mark.parametrize("typed", ["很多", "8", "8个百分点\n```", "<b>8%</b>"])
def test_what_is_no_figure_is_refused_and_shown_again(world: World, typed: str) -> None:
    study = actions.create(SETTINGS, acting_user=world.chifeng.officer)
    with pytest.raises(Problems) as refused:
        actions.set_figures(study, {tilt(): typed}, acting_user=world.chifeng.officer)
    assert isinstance(refused.value.problems[0], FigureUnclear)
    client = world.client(world.chifeng.officer)
    assert client.post(f"/laboratory/{study.pk}/figures", {f"at:{tilt()}": typed}).status_code == 422


def test_a_change_that_the_documents_do_not_bear_is_refused_before_it_is_kept(world: World) -> None:
    """A ratio of more than all is a figure, and no rule."""
    study = actions.create(SETTINGS, acting_user=world.chifeng.officer)
    place = next(queries.place_of(f) for f in queries.printed("150400") if f.text == "80%")
    with pytest.raises(Problems):
        actions.set_figures(study, {place: "180%"}, acting_user=world.chifeng.officer)
    with acting(world.chifeng.officer):
        study.refresh_from_db()
    assert study.changes == []


def test_every_figure_of_an_area_can_be_found_beside_its_article() -> None:
    for area in ("150400", "430300"):
        rules = queries.articles(area, [])
        places = [piece[1] for of in rules for line in of.lines for piece in line.pieces]
        assert sorted(places) == sorted(queries.place_of(f) for f in queries.printed(area))
        for of in rules:
            for line in of.lines:
                whole = "".join(before + old for before, _, old, _ in line.pieces) + line.rest
                assert any(whole == f.context for f in queries.printed(area))
    assert {of.number for of in queries.articles("150400", [], "第11条 5个百分点")} == {"第11条"}


def test_who_did_not_make_a_study_does_not_change_it_and_sees_it_only_when_it_is_shown(world: World) -> None:
    mine, other = world.xiangtan.officer, world.xiangtan.policy
    study = actions.create(SETTINGS, acting_user=mine)
    client = world.client(other)
    assert client.get(f"/laboratory/{study.pk}").status_code == 404
    actions.share(study, shared=True, acting_user=mine)
    assert client.get(f"/laboratory/{study.pk}").status_code == 200
    with pytest.raises(Problems) as refused:
        actions.set_figures(study, {}, acting_user=other)
    assert isinstance(refused.value.problems[0], NotYourStudy)
    assert client.post(f"/laboratory/{study.pk}/share", {"shared": "no"}).status_code == 422
    assert world.client(world.chifeng.policy).get(f"/laboratory/{study.pk}").status_code == 404
    answer = client.post(f"/laboratory/{study.pk}/again")
    assert answer.status_code == 302
    with acting(other):
        following = Study.objects.get(follows=study)
    assert (following.made_by_id, following.state, following.shared) == (other.pk, "draft", False)


def test_a_run_that_is_stopped_leaves_no_part_and_no_result(world: World) -> None:
    officer = world.chifeng.officer
    study = actions.create(SETTINGS, acting_user=officer)
    run = actions.run(study, acting_user=officer)
    assert advance(run.pk)  # begins
    assert advance(run.pk)  # settles
    with acting(officer):
        assert Part.objects.count() == 1
        jobs.cancel(run, acting_user=officer)
    assert not advance(run.pk)
    with acting(officer):
        study.refresh_from_db()
        assert (study.state, Part.objects.count(), Result.objects.count()) == ("stopped", 0, 0)
    page = world.client(officer).get(f"/laboratory/{study.pk}").content.decode()
    assert "没有算完" in page
    assert world.client(officer).post(f"/laboratory/{study.pk}/brief").status_code == 422


# --- After it ----------------------------------------------------------------------------------------------------------------


def test_a_study_costs_the_poor_nothing_and_the_fund_what_they_save(computed: SimpleNamespace) -> None:
    changes = {row[1]: row[4] for row in computed.result.table("changes")["rows"]}
    assert changes["基本医保"] > 0 > changes["个人"]
    assert sum(changes.values()) == 0
    winners = computed.result.table("winners")["rows"]
    assert sum(row[3] for row in winners) > 10
    assert all(row[3] == row[5] == 0 for row in winners if row[1] == "")


def test_bills_of_the_cases_and_cliffs_say_what_the_tables_say(computed: SimpleNamespace) -> None:
    assert computed.result.cases and computed.result.cliffs
    for case in computed.result.cases:
        paid = [sum(s["patient"] for s in side) for side in _patients(case["settled"])]
        assert paid == [case["before"], case["after"]]
    for cliff in computed.result.cliffs:
        assert [sum(s["patient"] for s in side) for side in _patients(cliff["settled"])] == cliff["pays"]
        assert cliff["pays"][0] > cliff["pays"][1]


def _patients(sides: list) -> list:
    from yizhan.bill.data import one_bill

    return [[{"patient": one_bill(stored).patient} for stored in side] for side in sides]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("where", ["", *(f"?part={part}" for part in ("people", "places", "cliffs", "fund", "fit")), "/cases/0", "/cliffs/0"])  # fmt: skip
def test_every_page_of_a_result_says_what_it_shows(computed: SimpleNamespace, where: str, lang: str) -> None:
    client = computed.world.client(computed.officer)
    client.cookies["language"] = {"zh": "zh-hans", "en": "en"}[lang]
    answer = client.get(f"/laboratory/{computed.study.pk}{where}")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert " style=" not in page and "<script>" not in page
    for svg in re.findall(r'<svg [^>]*role="img".*?</svg>', page, re.DOTALL):
        assert re.search(r"<desc [^>]*>[^<]{8,}</desc>", svg), svg[:200]
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    if not where.startswith("/"):
        assert ("拟的" if lang == "zh" else "stand-ins") in page
    if lang == "en":
        assert "现行政策" not in page and "改革方案" not in page


def test_no_page_beyond_what_is_there(computed: SimpleNamespace) -> None:
    client = computed.world.client(computed.officer)
    for where in ("cases/99", "cliffs/99"):
        assert client.get(f"/laboratory/{computed.study.pk}/{where}").status_code == 404


def test_what_leaves_as_a_file_says_what_the_pages_say(computed: SimpleNamespace) -> None:
    client = computed.world.client(computed.officer)
    at = f"/laboratory/{computed.study.pk}"
    book = openpyxl.load_workbook(io.BytesIO(b"".join(client.post(f"{at}/workbook").streaming_content)))
    assert len(book.sheetnames) == len(computed.result.tables) + 1
    paid = {
        row[1].value: row[4].value
        for row in book["改前与改后"].iter_rows()
        if isinstance(row[4].value, int | float)
    }
    changes = {row[1]: row[4] for row in computed.result.table("changes")["rows"]}
    assert paid == {layer: pytest.approx(fen / 1_000_000, abs=0.006) for layer, fen in changes.items()}
    cells = pq.read_table(io.BytesIO(b"".join(client.post(f"{at}/cells").streaming_content)))
    outlay = {(r[0], r[2]): r[3] for r in computed.result.table("outlay")["rows"]}
    for scenario in ("现行政策", "改革方案"):
        mine = [row for row in cells.to_pylist() if row["scenario"] == scenario]
        assert sum(row["基本医保"] for row in mine) == outlay[scenario, "基本医保"]
        assert sum(row["patient"] for row in mine) == outlay[scenario, "个人"]


@pytest.mark.parametrize("lang", ["zh-hans", "en"])
def test_the_brief_has_two_pages_and_all_that_decides(computed: SimpleNamespace, lang: str) -> None:
    client = computed.world.client(computed.officer)
    client.cookies["language"] = lang
    answer = client.post(f"/laboratory/{computed.study.pk}/brief")
    pages = pypdf.PdfReader(io.BytesIO(answer.content)).pages
    assert len(pages) == 2
    text = re.sub(r"\s", "", "".join(page.extract_text() for page in pages))
    wanted = ("8个百分点", "花多少", "谁得谁失", "悬崖", "拟的") if lang == "zh-hans" else ("8个百分点", "Whatitcosts", "Whowins", "Cliffs", "stand-ins")  # fmt: skip
    assert all(word in text for word in wanted)


def test_what_was_run_is_fixed_by_the_database_too(computed: SimpleNamespace) -> None:
    with pytest.raises(Problems) as refused:
        actions.set_figures(computed.study, {}, acting_user=computed.officer)
    assert isinstance(refused.value.problems[0], StudyFixed)
    for change in ({"persons": 5000}, {"changes": []}, {"seed": 9}):
        with pytest.raises(DatabaseError, match="append-only"), acting(computed.officer), transaction.atomic():
            Study.objects.filter(pk=computed.study.pk).update(**change)
    with pytest.raises(DatabaseError), acting(computed.officer), transaction.atomic():
        Result.objects.filter(pk=computed.study.pk).update(cases=[])


def test_shown_to_the_area_and_no_longer(computed: SimpleNamespace) -> None:
    policy = computed.world.client(computed.world.chifeng.policy)
    at = f"/laboratory/{computed.study.pk}"
    assert policy.get(at).status_code == 404
    client = computed.world.client(computed.officer)
    client.post(f"{at}/share", {"shared": "yes"})
    assert policy.get(at).status_code == 200
    assert policy.post(f"{at}/brief").status_code == 200
    client.post(f"{at}/share", {"shared": "no"})
    assert policy.get(at).status_code == 404


# --- Pure parts --------------------------------------------------------------------------------------------------------------


def test_parts_of_a_run_are_read_as_they_were_written(computed: SimpleNamespace) -> None:
    at_hand = bench.Bench(computed.study)
    try:
        whole = at_hand.worker.settle(range(at_hand.population.buckets))
        read = bench.read(bench.written(whole))
        assert at_hand.outcome([bench.written(whole)]).layers(0) == {
            row[2]: row[3] for row in computed.result.table("outlay")["rows"] if row[0] == "现行政策" and row[2] != "个人"
        } | {name: 0 for name in at_hand.outcome([bench.written(whole)]).layer_names if not at_hand.outcome([bench.written(whole)]).layers(0)[name]}  # fmt: skip
        for one, two in zip(whole, read, strict=True):
            assert one.measures == two.measures and one.winners == two.winners
            assert all((getattr(one, name) == getattr(two, name)).all() for name in bench._SUMS)
    finally:
        at_hand.close()


def test_a_table_comes_back_from_json_as_it_was() -> None:
    table = Table("a", "甲", "A", (Column("数", "n", "wan"), Column("谁", "who", "said")), ((1_000_000, ("一", "one")),), "注", "note")
    assert of_data(as_data(table)) == replace(table, rows=((1_000_000, ["一", "one"]),))
    shown = shown_table(as_data(table), {})
    assert shown is not None and shown.rows == ((("1.00", True), ("一", False)),)


def test_pictures_have_no_bar_outside_their_frame() -> None:
    outlay = {"rows": [["now", 2018, "基本医保", 700, 0, 0, 0, None], ["now", 2018, "个人", 300, None, None, None, None]]}
    drawn = pictures.waterfall(outlay, {}, 0)
    assert [(b.x, b.width) for b in drawn.bars] == [(230, 480), (230 + 144, 336), (230, 144)]
    counties = {"rows": [["甲县", 10, 0.3, 500], ["乙县", 20, 0.5, 900], ["丙县", 5, None, 1]]}
    tiles = pictures.tiles(counties, "share", 0)
    assert [(t.name, t.shade) for t in tiles.tiles] == [("甲县", 0), ("乙县", 4)]
    fund = pictures.fund([{"rows": [[2018, m, 0, 0, 300 - 100 * m, 0.0] for m in range(1, 13)]}])
    assert fund.edge and "2018" in fund.edge_text and "4" in fund.edge_text
