"""The one bill over HTTP: its page, its PDF, and the code that proves it genuine."""

from __future__ import annotations

import io
import re
from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader

from tests.agency.caring import CODE, patient, stay
from tests.agency.caring import settled as at_the_window
from tests.agency.test_care import a_claim, a_person, settled
from tests.agency.world import World
from yizhan.agency import crypto
from yizhan.agency.care import actions, rewriting
from yizhan.agency.care.verification import DIFFERS, GENUINE, SUPERSEDED, UNKNOWN, read_code, sign_bill, standing
from yizhan.agency.crypto import DemoKeys
from yizhan.agency.providers.splitting import Charge
from yizhan.agency.staff.ceilings import CEILINGS, Ceiling
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.scope import acting
from yizhan.engine.money import capitals, yuan_grouped
from yizhan.errors import Problems

ON = date(2019, 5, 12)


def a_code(settlement: int = 7, total: int = 1_300_000, patient: int = 195_000) -> str:
    return sign_bill(settlement, total=total, paid=total - patient, patient=patient, on=ON, using=DemoKeys().load())


# --- The code ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["international", "sm"])
def test_a_code_says_what_was_settled_and_only_its_maker_can_make_it(profile: str) -> None:
    keys = DemoKeys(profile).load()
    code = sign_bill(7, total=1_300_000, paid=1_105_000, patient=195_000, on=ON, using=keys)
    found = read_code(code, using=keys)
    assert (found.settlement, found.total, found.paid, found.patient, found.on) == (
        7,
        1_300_000,
        1_105_000,
        195_000,
        ON,
    )
    other = crypto.Keys(
        keys.encryption.values(), keys.current.key_id, crypto.LookupKey(keys.lookup_key.algorithm, ON, b"x" * 32)
    )
    with pytest.raises(Problems) as refused:
        read_code(code, using=other)
    assert refused.value.problems[0].code == "bill_code_not_genuine"


@pytest.mark.parametrize("place", range(6))
def test_a_changed_part_does_not_verify(place: int) -> None:
    parts = a_code().split("-")
    parts[place + 1] = {4: "20190513", 5: "A" * 26}.get(place, parts[place + 1] + "0")
    with pytest.raises(Problems) as refused:
        read_code("-".join(parts), using=DemoKeys().load())
    assert refused.value.problems[0].code == "bill_code_not_genuine"


@pytest.mark.parametrize(
    "typed", ["", "YZ1", "1" * 500, "YZ1-7-1-1-1-20190512-" + "A" * 25, "YZ1-7-1-1-1-20191399-" + "A" * 26, "张三"]
)
def test_what_is_no_code_is_told_so(typed: str) -> None:
    with pytest.raises(Problems) as refused:
        read_code(typed, using=DemoKeys().load())
    assert refused.value.problems[0].code == "not_a_bill_code"


def test_a_code_reads_as_scanners_and_input_methods_leave_it() -> None:
    code, keys = a_code(), DemoKeys().load()
    wide = "".join(chr(ord(c) + 0xFEE0) for c in code)
    for typed in (code.lower(), f" {code}\r\n", wide, code.replace("-", "—"), " ".join(code)):
        assert read_code(typed, using=keys) == read_code(code, using=keys)
    *head, mark = code.split("-")
    alike = mark.replace("O", "0").replace("I", "1").replace("B", "8")
    assert read_code("-".join([*head, alike]), using=keys).settlement == 7


def test_a_genuine_code_is_held_against_the_record() -> None:
    class Row:
        total_fen, paid_fen, patient_fen = 1_300_000, 1_105_000, 195_000

    code = read_code(a_code(), using=DemoKeys().load())
    assert standing(code, Row(), superseded=False) is GENUINE
    assert standing(code, Row(), superseded=True) is SUPERSEDED
    assert standing(code, None, superseded=False) is UNKNOWN
    changed = Row()
    changed.patient_fen = 0
    assert standing(code, changed, superseded=False) is DIFFERS


# --- Pages ------------------------------------------------------------------------------------------------------------


def test_the_page_and_the_pdf_say_what_was_settled(world: World) -> None:
    row = settled(world, a_person(world, "买买提·艾力𠮷"), a_claim())
    client = world.client(world.yuhu.officer)
    page = client.get(f"/care/{row.pk}").content.decode()
    for fen in (row.total_fen, row.paid_fen, row.patient_fen):
        assert yuan_grouped(fen) in page
    assert capitals(row.patient_fen) in page
    for payment in row.result["payments"]:
        assert all(step["zh"].partition("〔")[0] in page for step in payment["steps"])
    assert "<svg" in page and "style=" not in page and "<script>" not in page
    code = re.search(r"YZ1-[A-Z0-9-]+", page)
    assert code is not None
    for lang in ("zh", "en"):
        answer = client.post(f"/care/{row.pk}/{lang}.pdf")
        assert answer.headers["Content-Type"] == "application/pdf"
        said = "".join(p.extract_text() for p in PdfReader(io.BytesIO(answer.content)).pages)
        assert "买买提·艾力𠮷" in said and yuan_grouped(row.patient_fen) in said
        assert row.person.id_mask in said
    assert client.post(f"/care/{row.pk}/fr.pdf").status_code == 404
    verified = client.post("/care/verify", {"code": code[0].lower()})
    assert verified.status_code == 200 and str(GENUINE.words.zh) in verified.content.decode()


def test_a_printed_bill_is_on_the_audit_trail(world: World) -> None:
    row = settled(world, a_person(world), a_claim())
    client = world.client(world.yuhu.officer)
    client.post(f"/care/{row.pk}/zh.pdf")
    with acting(world.yuhu.auditor):
        assert Audit.objects.filter(act="settlement.print", officer=world.yuhu.officer).count() == 1


def test_what_a_browser_fetches_beforehand_is_no_copy(world: World) -> None:
    row = settled(world, a_person(world), a_claim())
    client = world.client(world.yuhu.officer)
    page = client.get(f"/care/{row.pk}").content.decode()
    assert ".pdf" not in "".join(re.findall(r"<a [^>]*>", page)) and page.count('data-key="F9"') == 1
    for fetch in (client.get, client.head):
        assert fetch(f"/care/{row.pk}/zh.pdf").status_code == 405
    assert "补打" not in PdfReader(io.BytesIO(client.post(f"/care/{row.pk}/zh.pdf").content)).pages[0].extract_text()


def test_who_opens_bills_and_visits_is_counted_and_recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    row = settled(world, a_person(world), a_claim())
    client = world.client(world.yuhu.officer)
    pages = (f"/care/{row.pk}", f"/care/visits/{row.visit_id}", f"/care/visits/{row.visit_id}/lines/all")
    monkeypatch.setitem(CEILINGS, "bill_page", Ceiling(CEILINGS["bill_page"].words, 4))
    for page in pages:
        assert client.get(page).status_code == 200
    assert client.post(f"/care/{row.pk}/zh.pdf").status_code == 200
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 422 and "over_ceiling" in answer.content.decode()
    assert client.post(f"/care/{row.pk}/zh.pdf").status_code == 422
    with acting(world.yuhu.auditor):
        seen = Audit.objects.filter(act__in=["settlement.see", "visit.see"], person_id=row.person_id)
        assert sorted(seen.values_list("act", flat=True)) == ["settlement.see", "visit.see", "visit.see"]


def test_many_bills_are_printed_at_once_and_none_of_another_area(world: World) -> None:
    rows = [settled(world, a_person(world, "试样甲", k), a_claim(f"A-{k}")) for k in (1, 2, 3)]
    client = world.client(world.yuhu.officer)
    answer = client.post("/care/print", {"bill": [row.pk for row in reversed(rows)]})
    pages = [re.sub(r"\s", "", p.extract_text()) for p in PdfReader(io.BytesIO(answer.content)).pages]
    assert sum("第1页，共" in page for page in pages) == 3
    assert client.post("/care/print", {"bill": [rows[0].pk, 10**9]}).status_code == 404
    assert client.post("/care/print", {"bill": ["x"]}).status_code == 404
    client = world.client(world.songshan.officer)
    assert client.post("/care/print", {"bill": [rows[0].pk]}).status_code == 404
    assert client.post(f"/care/{rows[0].pk}/zh.pdf").status_code == 404


def test_a_name_that_no_font_has_is_told_before_and_after_printing(world: World) -> None:
    row = settled(world, a_person(world, "李\U0002a6d6"), a_claim())
    client = world.client(world.yuhu.officer)
    assert "U+2A6D6" in client.get(f"/care/{row.pk}").content.decode()
    said = "".join(p.extract_text() for p in PdfReader(io.BytesIO(client.post(f"/care/{row.pk}/zh.pdf").content)).pages)
    assert "〔U+2A6D6〕" in said
    assert "刚才打印的结算单里有字库没有的字" in client.get("/care/").content.decode()


def test_a_name_that_is_markup_for_the_typesetter_prints_as_it_stands(world: World) -> None:
    row = settled(world, a_person(world, "#panic() *甲* $x$ \\"), a_claim())
    answer = world.client(world.yuhu.officer).post(f"/care/{row.pk}/zh.pdf")
    said = "".join(p.extract_text() for p in PdfReader(io.BytesIO(answer.content)).pages)
    assert "#panic()*甲*$x$\\" in said.replace(" ", "")


def test_a_code_of_nobody_is_refused_and_one_of_elsewhere_shows_no_more_than_it_says(world: World) -> None:
    row = settled(world, a_person(world, "试样甲"), a_claim())
    client = world.client(world.yuhu.officer)
    page = client.get(f"/care/{row.pk}").content.decode()
    found = re.search(r"YZ1-[A-Z0-9-]+", page)
    assert found is not None
    forged = client.post("/care/verify", {"code": found[0].replace(f"-{row.total_fen}-", f"-{row.total_fen + 1}-")})
    assert forged.status_code == 422 and "bill_code_not_genuine" in forged.content.decode()
    client = world.client(world.songshan.officer)
    elsewhere = client.post("/care/verify", {"code": found[0]}).content.decode()
    assert str(UNKNOWN.words.zh) in elsewhere
    assert f"/care/{row.pk}" not in elsewhere and "试样甲" not in elsewhere


def test_the_second_print_says_so(world: World) -> None:
    row = settled(world, a_person(world), a_claim())
    client = world.client(world.yuhu.officer)
    first, second, lying = (client.post(f"/care/{row.pk}/zh.pdf{size}").content for size in ("", "", "?size=a5"))
    texts = [PdfReader(io.BytesIO(pdf)).pages[0].extract_text() for pdf in (first, second, lying)]
    assert "补打" not in texts[0]
    assert "补打 1" in texts[1]
    assert "补打 2" in texts[2]
    wide, high = (PdfReader(io.BytesIO(lying)).pages[0].mediabox[k] for k in (2, 3))
    assert wide > high


def said(client: Client, number: int) -> tuple[str, str]:
    """What the page and the paper of a settlement say, without markup and spaces."""
    page = re.sub(r"<[^>]*>|\s", "", client.get(f"/care/{number}").content.decode())
    paper = client.post(f"/care/{number}/zh.pdf").content
    return page, re.sub(r"\s", "", "".join(p.extract_text() for p in PdfReader(io.BytesIO(paper)).pages))


def test_an_old_bill_says_what_it_said_whatever_became_of_its_visit(world: World) -> None:
    yuhu, today = world.yuhu, timezone.localdate()
    visit = stay(yuhu, patient(world), yuan=1_000, diagnoses=["K35.8 阑尾炎"])
    first = at_the_window(yuhu, visit)
    client = world.client(yuhu.window)
    before = said(client, first.pk)
    for text in before:
        assert (
            "K35.8" in text and str(visit.admitted_on) in text and "卫生材料费1,000.00" in text and "作废" not in text
        )
    _, corrected = actions.correct_visit(
        visit.pk, {"admitted_on": today - timedelta(days=2), "diagnoses": ["C16.9 胃癌"]}, on=today, why="诊断录错",
        acting_user=yuhu.window,
    )  # fmt: skip
    page, paper = said(client, first.pk)
    for text in (page, paper):
        assert "K35.8" in text and "C16.9" not in text and str(visit.admitted_on) in text
    assert f"作废：{today}已由结算{corrected.pk}取代·补打1" in paper
    assert "已被后来的结算取代" in page and f"看那一笔（{corrected.pk}）" in page
    (gone,) = rewriting.reverse(visit.pk, on=today, why="重录", acting_user=yuhu.window)
    actions.clear_lines(visit.pk, acting_user=yuhu.window)
    actions.add_lines(visit.pk, [Charge(today, CODE, "演示项目", 10_000, 70_000, 700)], acting_user=yuhu.window)
    page, paper = said(client, corrected.pk)
    for text in (page, paper):
        assert "C16.9" in text and "卫生材料费1,000.00" in text
    assert f"作废：{today}已撤销（{gone.pk}）" in paper and "这一笔已撤销" in page
    again = at_the_window(yuhu, visit)
    for text in said(client, again.pk):
        assert "卫生材料费7.00" in text and "作废" not in text
    assert f"已由结算{again.pk}取代" in said(client, first.pk)[1]


def test_the_bill_says_who_came_where_and_how_the_money_moved(world: World) -> None:
    visit = stay(world.yuhu, patient(world), department="骨科")
    row = at_the_window(world.yuhu, visit)
    actions.take_money(visit.pk, kind="payment", fen=100_000, method="cash", on=ON, acting_user=world.yuhu.window)
    actions.take_money(visit.pk, kind="refund", fen=1_000, method="cash", on=ON, acting_user=world.yuhu.window)
    owed = row.due_fen - 99_000
    assert owed > 0
    client = world.client(world.yuhu.window)
    page = client.get(f"/care/{row.pk}").content.decode()
    paper = client.post(f"/care/{row.pk}/zh.pdf").content
    said = re.sub(r"\s", "", "".join(p.extract_text() for p in PdfReader(io.BytesIO(paper)).pages))
    for text in (page, said):
        for told in ("骨科", "急诊：否", "性别、年龄", "还应交", yuan_grouped(owed), "1,000.00", "10.00"):
            assert told in text, told
    assert "岁" in said and "66" in said
    english = client.post(f"/care/{row.pk}/en.pdf").content
    assert "still to pay" in "".join(p.extract_text() for p in PdfReader(io.BytesIO(english)).pages)
    rewriting.reverse(visit.pk, on=timezone.localdate(), why="误", acting_user=world.yuhu.window)
    assert (
        "还应交" not in client.get(f"/care/{row.pk}").content.decode()
    )  # the paper of what holds no more asks for nothing


def test_a_document_that_ended_is_said_on_the_bill_and_to_the_bureau(world: World) -> None:
    name = "潭医保发〔2021〕26号"
    row = at_the_window(world.yuhu, stay(world.yuhu, patient(world)))
    client = world.client(world.yuhu.officer)
    page = client.get(f"/care/{row.pk}").content.decode()
    assert f"{name} 到 2026-10-01 为止" in page
    client.cookies["language"] = "en"
    assert "ended on 2026-10-01 and no successor" in client.get(f"/care/{row.pk}").content.decode()
    client.cookies["language"] = "zh-hans"
    assert name in client.get("/").content.decode()
    documents = client.get("/care/policies").content.decode()
    assert documents.count("没有接续</span>") == 1 and "已由后来的文件接续" in documents


def test_above_the_pooling_areas_the_documents_of_each_are_shown(world: World) -> None:
    page = world.client(world.hunan.officer).get("/care/policies")
    assert page.status_code == 200
    assert "潭医保发〔2021〕26号" in page.content.decode()
