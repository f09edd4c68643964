"""The pages of filings, as a township, a hospital and a bureau meet them."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.agency.caring import BORN, patient
from tests.agency.enrolling import mark
from tests.agency.filing import DAY, PDF, approved, asked, city_hospital, clerk_of, today, township
from tests.agency.world import World
from yizhan.agency.filings.actions import filing as actions
from yizhan.agency.filings.actions.terms import set_term
from yizhan.agency.filings.forms import FIELDS
from yizhan.agency.filings.kinds import KINDS
from yizhan.agency.filings.models import Filing, FilingStep
from yizhan.agency.filings.views.making import CHECKED
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.people.merging import decide_merge, propose_merge
from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.scope import System, acting

ALL = System("tests")


@pytest.fixture
def person(world: World) -> Person:
    return patient(world)


def text(answer: Any) -> str:
    return str(answer.content.decode())


def at(row: Filing, what: str = "") -> str:
    return f"/filings/{row.pk}" + (f"/{what}" if what else "")


def now(row: Filing) -> Filing:
    with acting(ALL):
        return Filing.objects.get(pk=row.pk)


def check(client: Client, name: str = "试样甲", sequence: int = 1) -> Any:
    """A clerk checks the person by number and name."""
    number = synthetic_id("430302", BORN, sequence)
    return client.post("/filings/new", {"id_kind": "resident_id", "id_number": number, "name": name})


# --- The whole way over HTTP ------------------------------------------------------------------------------------------


def test_a_referral_from_the_township_to_the_bureau_over_http(world: World, person: Person) -> None:
    clinic = clerk_of(world.yuhu.clinic, "clinic.window")
    there = city_hospital(world)
    township_desk, county, bureau = (world.client(o) for o in (clinic, world.yuhu.window, world.yuhu.officer))
    found = check(township_desk)
    assert found.url == f"/filings/new/{person.number}"
    assert "转诊" in text(township_desk.get(found.url))
    where = f"{found.url}/referral"
    form = {
        "to_institution": there.name,
        "opinion_of": world.yuhu.hospital.pk,
        "from_on": today(),
        "diagnoses": "N18.5，高血压",
        "why": "需透析",
    }
    assert there.name in text(township_desk.get(where)), "suggested while typing"
    shown = township_desk.post(where, form | {"preview": "1", "sample": "20000"})
    assert shown.status_code == 200 and "20000.00" in text(shown) and "少付" in text(shown)
    with acting(ALL):
        assert not Filing.objects.exists(), "a trial keeps nothing"
    made = township_desk.post(where, form, follow=True)
    assert "已提出" in text(made)
    with acting(ALL):
        row = Filing.objects.get()
    assert (row.diagnoses, row.to_institution_id, row.institution_id) == (
        ["N18.5", "高血压"],
        there.pk,
        world.yuhu.clinic.pk,
    )
    assert "待出具意见的转诊" in text(county.get("/"))
    page = text(county.get(at(row)))
    assert "同意转诊" in page and "需透析" in page and 'name="decision"' not in page
    assert "意见已出具" in text(county.post(at(row, "opine"), {"opinion": "agree", "words": "同意"}, follow=True))
    page = text(bureau.get(at(row)))
    assert "少付（元）" in page and "湘潭代用基本医保 3" in page and "未按规定" in page
    done = text(bureau.post(at(row, "decide"), {"decision": "approve"}, follow=True))
    assert "已决定：已备案" in done and 'name="decision"' not in done
    assert now(row).decided_by_id == world.yuhu.officer.pk
    assert all(word in done for word in ("乡镇卫生院意见", "县级医院意见", "医保备案", world.yuhu.clinic.name))


def test_what_is_refused_stands_above_with_what_was_typed(world: World, person: Person) -> None:
    row = asked(world, person)
    bureau = world.client(world.yuhu.reviewer)
    answer = bureau.post(at(row, "decide"), {"decision": "refuse", "words": "  "})
    assert answer.status_code == 422 and "请写明理由" in text(answer)
    actions.decide(row, decision="approve", acting_user=world.yuhu.officer_two)
    answer = bureau.post(at(row, "decide"), {"decision": "refuse", "words": "与病情不符"})
    assert answer.status_code == 422 and "已备案" in text(answer)
    assert bureau.post(at(row, "decide"), {"decision": "maybe"}).status_code == 404
    with acting(ALL):
        refused = list(Audit.objects.filter(outcome="refused").values_list("act", "detail__codes"))
    assert ("filings:decide", ["filing_reason"]) in refused and ("filings:decide", ["filing_not_its_turn"]) in refused


def test_the_maker_is_told_that_somebody_else_decides(world: World, person: Person) -> None:
    row = asked(world, person)
    page = text(world.client(world.yuhu.officer).get(at(row)))
    assert "请另一位同事决定" in page and 'name="decision"' not in page
    answer = world.client(world.yuhu.officer).post(at(row, "decide"), {"decision": "approve"})
    assert answer.status_code == 422 and "不能是同一个人" in text(answer)


def test_the_effect_follows_the_sample_that_is_asked_for(world: World, person: Person) -> None:
    row = asked(world, person, "severe")
    bureau = world.client(world.yuhu.officer)
    page = text(bureau.get(at(row)))
    assert "没有差别" in page and world.yuhu.hospital.name in page
    part = text(bureau.get(at(row, "effect") + "?" + f"amount=5万&institution={city_hospital(world).pk}"))
    assert "10000.00" in part, "what is no amount is not taken for one"
    part = text(bureau.get(at(row, "effect") + "?" + f"amount=50,000&institution={city_hospital(world).pk}"))
    assert "50000.00" in part and city_hospital(world).name in part and "<html" not in part
    assert "1234.50" in text(bureau.get(at(row), {"amount": "1234.5"}))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_made_over_http(world: World, person: Person, kind: str) -> None:
    desk = world.client(world.yuhu.officer)
    where = f"/filings/new/{person.number}/{kind}"
    page = text(desk.get(where))
    fields = {name for name in FIELDS[kind] if name != "opinion_of"}
    assert fields <= set(re.findall(r'name="(\w+)"', page))
    form: dict[str, Any] = {
        "to_institution": city_hospital(world).code, "place": "赤峰市", "disease": "终末期肾病", "emergency_on": today(),
        "from_on": today(), "why": "符合条件", "diagnoses": "N18.5",
    }  # fmt: skip
    empty = desk.post(where, {})
    assert empty.status_code == 422
    tried = desk.post(where, form | {"preview": "1"})
    assert tried.status_code == 200 and "试算" in text(tried)
    assert desk.post(where, form).status_code == 302
    with acting(ALL):
        row = Filing.objects.get()
    assert row.kind == kind
    for lang, words in (("zh-hans", str(KINDS[kind].words.zh)), ("en", KINDS[kind].words.en.capitalize())):
        desk.cookies["language"] = lang
        shown = desk.get(at(row))
        assert shown.status_code == 200 and words in text(shown), lang


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_ends_of_the_calendar_are_no_days(world: World, person: Person, day: str) -> None:
    """There is none before the one and none after the other, which a period needs."""
    desk = world.client(world.yuhu.officer)
    refused = desk.post(
        f"/filings/new/{person.number}/certificate", {"from_on": today(), "to_on": day, "why": "符合条件"}
    )
    assert refused.status_code == 422 and "应在 1900-01-01 和 2200-12-31 之间" in text(refused)
    row = approved(world, person, "certificate")
    assert desk.post(at(row, "end"), {"last": day, "words": "到期"}).status_code == 422
    for address in ("/ledger/trial-balance?until=", f"/people/{person.number}?day=", "/enrolment/covers?on="):
        assert desk.get(address + day).status_code == 200, address


def test_a_name_that_nobody_has_is_refused_with_what_is_near(world: World, person: Person) -> None:
    city_hospital(world)
    where = f"/filings/new/{person.number}/referral"
    answer = world.client(world.yuhu.officer).post(where, {"to_institution": "中心", "from_on": today(), "why": "需要"})
    assert answer.status_code == 422 and "湘潭市中心医院（H43030001）" in text(answer)
    where = f"/filings/new/{person.number}/offsite"
    answer = world.client(world.yuhu.officer).post(where, {"place": "湘潭", "from_on": today(), "why": "需要"})
    assert answer.status_code == 422 and "湘潭县（430321）" in text(answer) and "湘潭市（430300）" in text(answer)


def test_evidence_is_handed_in_seen_and_saved_but_never_shown(world: World, person: Person) -> None:
    set_term(
        world.yuhu.area, kind="emergency", from_on=date(2020, 1, 1), days_valid=None, days_evidence=5, document="暂定",
        acting_user=world.yuhu.officer,
    )  # fmt: skip
    row = asked(world, person, "emergency", by=world.yuhu.window)
    window, bureau = world.client(world.yuhu.window), world.client(world.yuhu.officer)
    assert "还剩 5 天" in text(window.get("/filings/?state=mine"))
    nothing = window.post(at(row, "evidence"), {})
    assert nothing.status_code == 422 and "文件" in text(nothing)
    wrong = window.post(at(row, "evidence"), {"file": SimpleUploadedFile("病历.pdf", b"<script>")})
    assert wrong.status_code == 422 and "不是 PDF" in text(wrong)
    window.post(at(row, "evidence"), {"file": SimpleUploadedFile("病历.pdf", PDF)})
    assert now(row).state == "decision"
    link = re.search(rf'href="({at(row)}/evidence/\d+)"', text(bureau.get(at(row))))
    assert link is not None
    saved = bureau.get(link[1])
    assert b"".join(saved.streaming_content) == PDF  # type: ignore[attr-defined]  # a file
    assert (
        saved.headers["Content-Disposition"].startswith("attachment")
        and saved.headers["X-Content-Type-Options"] == "nosniff"
    )
    stranger = world.client(clerk_of(city_hospital(world), "city.window"))
    assert stranger.get(link[1]).status_code == 404
    assert bureau.get(f"{at(asked(world, person, 'offsite'))}/evidence/{link[1].rpartition('/')[2]}").status_code == 404


# --- The list ---------------------------------------------------------------------------------------------------------


def test_the_list_shows_what_waits_for_whom(world: World, person: Person) -> None:
    at_county, clinic = township(world, person)
    at_bureau = asked(world, person)
    done = approved(world, person, "offsite")
    late = asked(
        world, person, "emergency", by=world.yuhu.window, emergency_on=today() - 9 * DAY, from_on=today() - 9 * DAY
    )
    set_term(
        world.yuhu.area, kind="emergency", from_on=date(2020, 1, 1), days_valid=None, days_evidence=5, document="暂定",
        acting_user=world.yuhu.officer,
    )  # fmt: skip
    overdue = asked(
        world, person, "emergency", by=world.yuhu.window, emergency_on=today() - 9 * DAY, from_on=today() - 9 * DAY
    )
    everything = [at_county, at_bureau, done, late, overdue]

    def seen(officer: Any, query: str = "") -> set[str]:
        shown = text(world.client(officer).get(f"/filings/{query}"))
        return {row.number for row in everything if row.number in shown}

    numbers = {row.number for row in everything}
    assert seen(world.yuhu.officer) == numbers
    assert seen(world.yuhu.officer, "?state=mine") == {at_bureau.number}
    assert seen(world.yuhu.officer, "?state=overdue") == {overdue.number}
    assert seen(world.yuhu.officer, "?state=open") == numbers - {done.number}
    assert seen(world.yuhu.officer, "?kind=offsite") == {done.number}
    assert seen(world.yuhu.officer, "?state=nonsense&kind=nonsense") == numbers
    assert seen(world.yuhu.window, "?state=mine") == {at_county.number, late.number, overdue.number}
    assert seen(clinic) == {at_county.number}
    assert seen(world.xiangtan.officer) == numbers
    assert seen(world.yuhu.supervisor, "?state=mine") == set()
    assert "逾期 4 天" in text(world.client(world.yuhu.officer).get("/filings/?state=overdue"))
    home = text(world.client(world.yuhu.officer).get("/"))
    assert "补证逾期的急诊" in home and "figure late" in home
    found = world.client(world.yuhu.officer).post("/filings/", {"q": done.number[:8]})
    assert done.number in text(found) and at_county.number not in text(found)
    assert done.number in text(world.client(world.yuhu.officer).post("/filings/", {"q": "试样"}))
    assert done.number not in text(world.client(world.yuhu.officer).post("/filings/", {"q": "李"}))


def test_the_pages_cost_the_same_for_many_filings(world: World, person: Person) -> None:
    client = world.client(world.yuhu.officer)

    def statements(where: str) -> int:
        client.get(where)
        with CaptureQueriesContext(connection) as counted:
            assert client.get(where).status_code == 200
        return len(counted)

    row = approved(world, person, "chronic")
    before = [statements(where) for where in ("/filings/", at(row), f"/people/{person.number}", "/filings/terms")]
    for k in range(12):
        approved(world, person, "chronic", disease=f"病种{k}")
    assert [statements(w) for w in ("/filings/", at(row), f"/people/{person.number}", "/filings/terms")] == before


# --- A clerk ----------------------------------------------------------------------------------------------------------


def test_a_clerk_makes_filings_only_for_whom_was_checked(world: World, person: Person) -> None:
    desk = world.client(world.yuhu.window)
    where = f"/filings/new/{person.number}"
    for path in (where, f"{where}/referral"):
        assert desk.get(path).status_code == 404
    assert "不相符" in text(check(desk, "张三"))
    assert desk.get(where).status_code == 404
    assert check(desk).status_code == 302
    assert desk.get(where).status_code == 200
    other = patient(world, 7, "试样乙")
    assert desk.get(f"/filings/new/{other.number}").status_code == 404
    for number in ("x", "0", "-1", "9" * 30, "１", f"{person.number}x"):
        assert desk.get(f"/filings/new/{number}/referral").status_code == 404
    session = desk.session
    session[CHECKED] = {str(person.pk): session[CHECKED][str(person.pk)] - 1801}
    session.save()
    assert desk.get(where).status_code == 404, "half an hour later"
    assert world.client(world.yuhu.hospital_manager).get(where).status_code == 404, "another session"
    with acting(ALL):
        looked = list(Audit.objects.filter(act="person.look_up").values_list("officer_id", "detail__found"))
    assert looked == [(world.yuhu.window.pk, False), (world.yuhu.window.pk, True)]


def test_a_clerk_of_another_county_of_the_city_may_check_and_ask(world: World, person: Person) -> None:
    desk = world.client(world.xiangtan_county.window)
    assert check(desk).status_code == 302
    where = f"/filings/new/{person.number}/emergency"
    page = text(desk.get(where))
    assert 'name="to_institution"' not in page, "an emergency is the own hospital's"
    assert desk.post(where, {"emergency_on": today(), "why": "车祸"}).status_code == 302
    with acting(world.yuhu.officer):
        assert Filing.objects.get().to_institution_id == world.xiangtan_county.hospital.pk
    elsewhere = world.client(world.songshan.window)
    assert "不相符" in text(check(elsewhere)), "another city's people are not to be found"


def test_what_hospitals_do_not_make_they_are_not_offered(world: World, person: Person) -> None:
    desk = world.client(world.yuhu.window)
    check(desk)
    assert "救助证" not in re.sub(r"<nav.*?</nav>", "", text(desk.get(f"/filings/new/{person.number}")), flags=re.S)
    assert desk.get(f"/filings/new/{person.number}/certificate").status_code == 404
    assert desk.get(f"/filings/new/{person.number}/nonsense").status_code == 404


def test_an_officer_finds_the_person_as_everywhere(world: World, person: Person) -> None:
    patient(world, 7, "试样乙")
    desk = world.client(world.yuhu.officer)
    several = text(desk.post("/filings/new", {"q": "试样"}))
    assert "试样甲" in several and "试样乙" in several and person.number in several
    assert desk.post("/filings/new", {"q": "试样甲"}).headers["Location"] == f"/filings/new/{person.number}"
    assert "没有符合的人员" in text(desk.post("/filings/new", {"q": "无此人"}))
    assert world.client(world.songshan.officer).get(f"/filings/new/{person.number}").status_code == 404


# --- Terms, and the pages of a person ---------------------------------------------------------------------------------


def test_terms_are_set_and_shown_with_their_source(world: World, person: Person) -> None:
    desk = world.client(world.xiangtan.officer)
    form = {
        "kind": "referral",
        "from_on": today(),
        "days_valid": "30",
        "document": "潭医保发〔2026〕9号",
        "article": "第3条",
    }
    assert desk.post("/filings/terms/new", form | {"document": " "}).status_code == 422
    assert desk.post("/filings/terms/new", form | {"days_evidence": "3"}).status_code == 422
    assert desk.post("/filings/terms/new", form).status_code == 302
    assert desk.post("/filings/terms/new", form).status_code == 422
    for officer in (world.yuhu.officer, world.yuhu.window):
        shown = text(world.client(officer).get("/filings/terms"))
        assert "潭医保发〔2026〕9号 第3条" in shown and "30 天" in shown
    assert "潭医保发" not in text(world.client(world.songshan.officer).get("/filings/terms"))
    assert world.client(world.yuhu.window).get("/filings/terms/new").status_code == 403
    page = text(world.client(world.yuhu.officer).get(f"/filings/new/{person.number}/referral"))
    assert "30 天" in page and "潭医保发〔2026〕9号" in page


def test_a_persons_page_and_print_hold_the_filings_of_merged_records(world: World, person: Person) -> None:
    other = patient(world, 9, "试样乙")
    row = approved(world, other, "severe")
    merge = propose_merge(person, dropped=other, why="同一人，旧号录错", acting_user=world.yuhu.officer)
    decide_merge(merge, accept=True, acting_user=world.yuhu.reviewer)
    desk = world.client(world.yuhu.officer)
    page = text(desk.get(f"/people/{person.number}"))
    assert row.number in page and reverse("filings:kind", args=[person.number]) in page
    held = text(desk.get(f"/people/{person.number}/held"))
    assert row.number in held and "终末期肾病" in held and "医保备案" in held
    assert "试样甲" in text(desk.get(at(row))), "the filing names who was kept"
    auditor = text(world.client(world.yuhu.auditor).get(f"/people/{person.number}"))
    assert row.number in auditor and "提出备案</a>" not in auditor


def test_a_filing_is_ended_and_revoked_over_http(world: World, person: Person) -> None:
    row = approved(world, person, "chronic", from_on=today() - 9 * DAY)
    desk = world.client(world.yuhu.officer)
    assert "今天有效" in text(desk.get(at(row))) and "补办：起始后 9 天才提出" in text(desk.get(at(row)))
    assert desk.post(at(row, "end"), {"last": "x", "words": "不符合"}).status_code == 422
    assert desk.post(at(row, "end"), {"last": today() - 30 * DAY, "words": "不符合"}).status_code == 422
    assert "最后一天" in text(desk.post(at(row, "end"), {"last": today() - DAY, "words": "不符合"}, follow=True))
    shown = text(desk.get(at(row)))
    assert "今天有效" not in shown and "已终止" in shown
    desk.post(at(row, "revoke"), {"forged": "yes", "words": "病历伪造"})
    assert now(row).state == "forged"
    with acting(ALL):
        assert FilingStep.objects.filter(filing=row).last().words == "病历伪造"  # type: ignore[union-attr]


def test_identities_are_shown_where_a_filing_is_decided(world: World, person: Person) -> None:
    mark(world.yuhu.officer, person, "extremely_poor")
    assert "特困" in text(world.client(world.yuhu.officer).get(at(asked(world, person))))
