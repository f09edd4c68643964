"""The laboratory's pages before a study is run: its forms, the figures beside their articles, who may see and change it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.agency.world import World
from yizhan.agency.laboratory import actions, pictures, queries
from yizhan.agency.laboratory.errors import FigureUnclear, NotYourStudy, StudyFixed
from yizhan.agency.laboratory.models import Study
from yizhan.agency.laboratory.tables import shown_table
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.scope import acting
from yizhan.errors import Problems
from yizhan.simulation.tables import Column, Table, as_data, of_data

PROFILE = "chifeng-2018"
SETTINGS = {
    "name": "倾斜加到八个点", "question": "困难人员住院倾斜由5个百分点加到8个百分点，要多花多少？", "profile": PROFILE, "area_code": "150400",
    "persons": 3000, "seed": 1, "years": [2018], "growth_stays": 0, "growth_cost": 6, "growth_funding": 0, "growth_insured": 0,
    "elasticity": 0, "nearer": 0,
}  # fmt: skip
FORM = {
    "name": "第二项", "question": "", "profile": PROFILE, "persons": "2000", "seed": "2", "first_year": "", "count": "2",
    "growth_stays": "1", "growth_cost": "3.5", "growth_funding": "0", "growth_insured": "0", "elasticity": "-0.2", "nearer": "0",
}  # fmt: skip


def tilt() -> str:
    """The place of the tilt of the poor in hospital: five points, in article 11."""
    return next(
        queries.place_of(f) for f in queries.printed("150400") if f.article == "第11条" and f.text == "5个百分点"
    )


# --- Before the run ----------------------------------------------------------------------------------------------------------


def test_a_study_is_made_step_by_step_in_the_browser(world: World) -> None:
    client = world.client(world.chifeng.officer)
    late = client.post("/laboratory/new", FORM | {"first_year": "2020"})
    assert late.status_code == 422
    assert "管不到 2021 年全年" in late.content.decode()
    answer = client.post("/laboratory/new", FORM)
    assert answer.status_code == 302
    where = answer["Location"]
    page = client.get(where).content.decode()
    for words in ("第11条", "5个百分点", "贫困", "赤卫计发〔2018〕39号"):
        assert words in page, words
    assert client.post(where, {f"at:{tilt()}": "8个百分点"}).status_code == 302
    with acting(world.chifeng.officer):
        study = Study.objects.get()
    assert (study.years, study.area_code, float(study.growth_cost)) == ([2018, 2019], "150400", 3.5)
    assert (float(study.elasticity), study.behaves) == (-0.2, True)
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
        lines = [line for of in rules for block in of.blocks for line in block if line.pieces]
        places = [piece.place for line in lines for piece in line.pieces]
        assert sorted(places) == sorted(queries.place_of(f) for f in queries.printed(area))
        contexts = {f.context for f in queries.printed(area)}
        for line in lines:
            assert ("".join(piece.before + piece.old for piece in line.pieces) + line.rest).strip() in contexts
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


def test_a_draft_is_put_away_by_who_made_it_and_a_study_that_was_run_is_not(world: World) -> None:
    officer = world.chifeng.officer
    study = actions.create(SETTINGS, acting_user=officer)
    actions.share(study, shared=True, acting_user=officer)
    assert world.client(world.chifeng.policy).post(f"/laboratory/{study.pk}/remove").status_code == 422
    client = world.client(officer)
    assert "删除草稿" in client.get(f"/laboratory/{study.pk}").content.decode()
    assert client.post(f"/laboratory/{study.pk}/remove").status_code == 302
    assert "已删除测算" in client.get("/laboratory/").content.decode()
    assert client.get(f"/laboratory/{study.pk}").status_code == 404
    with acting(officer):
        assert Study.objects.get().state == "removed"
        assert Audit.objects.filter(act="study.remove").count() == 1
        Study.objects.update(state="running")
    with pytest.raises(Problems) as refused:
        actions.remove(study, acting_user=officer)
    assert isinstance(refused.value.problems[0], StudyFixed)


# --- Pure parts --------------------------------------------------------------------------------------------------------------


def test_a_table_comes_back_from_json_as_it_was() -> None:
    table = Table(
        "a",
        "甲",
        "A",
        (Column("数", "n", "wan"), Column("谁", "who", "said")),
        ((1_000_000, ("一", "one")),),
        "注",
        "note",
    )
    assert of_data(as_data(table)) == replace(table, rows=((1_000_000, ["一", "one"]),))
    shown = shown_table(as_data(table), {})
    assert shown is not None and shown.rows == ((("1.00", True), ("一", False)),)


def test_pictures_have_no_bar_outside_their_frame() -> None:
    outlay = {
        "rows": [["now", 2018, "基本医保", 700, 0, 0, 0, None], ["now", 2018, "个人", 300, None, None, None, None]]
    }
    drawn = pictures.waterfall(outlay, {}, 0)
    assert [(b.x, b.width) for b in drawn.bars] == [(230, 480), (230 + 144, 336), (230, 144)]
    counties = {"rows": [["甲县", 10, 0.3, 500], ["乙县", 20, 0.5, 900], ["丙县", 5, None, 1]]}
    tiles = pictures.tiles(counties, "share", 0)
    assert [(t.name, t.shade) for t in tiles.tiles] == [("甲县", 0), ("乙县", 4)]
    fund = pictures.fund([{"rows": [[2018, m, 0, 0, 300 - 100 * m, 0.0] for m in range(1, 13)]}])
    assert fund.edge and "2018" in fund.edge_text and "4" in fund.edge_text
