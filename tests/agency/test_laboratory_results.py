"""What a study found, on its pages and as files; and that it stays as it was run.

One tiny study is computed for the whole module: one area, one structure of rules, so that one loop is compiled.
"""

from __future__ import annotations

import io
import re
from types import SimpleNamespace
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pypdf
import pytest
from django.db import DatabaseError, transaction

from tests.agency.test_laboratory import SETTINGS, tilt
from tests.agency.world import make_world
from yizhan.agency.jobs import actions as jobs
from yizhan.agency.jobs.worker import advance, work_off
from yizhan.agency.laboratory import actions, bench, queries
from yizhan.agency.laboratory.errors import StudyFixed
from yizhan.agency.laboratory.models import Part, Result, Study
from yizhan.agency.staff.scope import acting
from yizhan.bill.data import one_bill
from yizhan.errors import Problems
from yizhan.simulation.tallies import SUMS, read, written

pytestmark = pytest.mark.xdist_group("laboratory")


@pytest.fixture(scope="module")
def computed(module_database) -> SimpleNamespace:
    """A study that was computed: world, officer, study, result."""
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
    return SimpleNamespace(world=world, officer=officer, study=study, result=result)


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
        assert re.search(r' aria-label="[^"]{12,}"', svg), svg[:200]
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
        row[1].value: row[4].value for row in book["改前与改后"].iter_rows() if isinstance(row[4].value, int | float)
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
    changes: tuple[dict[str, Any], ...] = ({"persons": 5000}, {"changes": []}, {"seed": 9})
    for change in changes:
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


def test_parts_of_a_run_are_read_as_they_were_written(computed: SimpleNamespace) -> None:
    at_hand = bench.Bench(computed.study)
    try:
        whole = at_hand.worker.settle(range(at_hand.population.buckets))
        kept = written(whole)
        layers = at_hand.outcome([kept]).layers(0)
        rows = computed.result.table("outlay")["rows"]
        assert {name: paid for name, paid in layers.items() if paid} == {
            row[2]: row[3] for row in rows if row[0] == "现行政策" and row[2] != "个人" and row[3]
        }
        for one, two in zip(whole, read(kept), strict=True):
            assert one.measures == two.measures and one.winners == two.winners
            assert all((getattr(one, name) == getattr(two, name)).all() for name in SUMS)
    finally:
        at_hand.close()


def test_behaviour_stands_with_its_result_and_compares_nobody(computed: SimpleNamespace) -> None:
    """Over two years, so that the transition is shown as well."""
    officer = computed.officer
    given = SETTINGS | {"years": [2018, 2019], "elasticity": -0.5, "nearer": 20}
    study = actions.create(given, acting_user=officer)
    actions.set_figures(study, {tilt(): "8个百分点"}, acting_user=officer)
    actions.run(study, acting_user=officer)
    work_off()
    with acting(officer):
        result = queries.result(queries.study(officer, study.pk))
    assert result.table("winners") is None and result.table("changes") and result.cases == []
    client = computed.world.client(officer)
    for where, words in (("", "弹性 -0.5"), ("?part=people", "各年过渡（改后）"), ("?part=places", "弹性 -0.5")):
        assert words in client.get(f"/laboratory/{study.pk}{where}").content.decode(), where
    brief = client.post(f"/laboratory/{study.pk}/brief")
    text = re.sub(r"\s", "", "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(brief.content)).pages))
    assert "起初的身份20182019" in text and "弹性-0.5" in text
    assert client.post(f"/laboratory/{study.pk}/workbook").status_code == 200


def test_a_run_that_is_stopped_leaves_no_part_and_no_result(computed: SimpleNamespace) -> None:
    world, officer = computed.world, computed.officer
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
        assert (study.state, Part.objects.count(), Result.objects.filter(study=study).count()) == ("stopped", 0, 0)
    page = world.client(officer).get(f"/laboratory/{study.pk}").content.decode()
    assert "没有算完" in page
    assert world.client(officer).post(f"/laboratory/{study.pk}/brief").status_code == 422
