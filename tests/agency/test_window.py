"""The window over HTTP: a patient comes, is registered, charged, settled, pays, and changes his mind. What is refused writes nothing."""

from __future__ import annotations

import io
import json
import re
from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.agency.caring import BORN, CODE, DAY, patient, ready, settled, stay
from tests.agency.filing import approved
from tests.agency.providing import csv, set_up, signed
from tests.agency.world import World
from yizhan.agency.care import actions, queries
from yizhan.agency.care.errors import (
    AlreadySettled,
    ConfirmationUsed,
    FiguresChanged,
    MoreThanOwed,
    NotDischarged,
    NotRegisteredDisease,
    ReturnNotChanged,
    TooManyLines,
    VisitFrozen,
)
from yizhan.agency.care.models import BillLine, PatientPayment, Settlement, Visit
from yizhan.agency.ledger.verifying import verify
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.providers.models import Agreement
from yizhan.agency.providers.splitting import Charge
from yizhan.agency.spreadsheets import Column, Sheet, write_xlsx
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.scope import System, acting
from yizhan.engine.money import yuan, yuan_grouped

NUMBER = synthetic_id("430302", BORN, 1)
SYSTEM = System("tests")


@pytest.fixture(autouse=True)
def the_books_say_what_the_documents_say(world: World) -> Any:
    """After every test here."""
    yield
    with acting(System("verify")):
        assert not verify().differences


def registration(**more: str) -> dict[str, str]:
    today = timezone.localdate()
    return {
        "id_kind": "resident_id", "id_number": NUMBER, "name": "试样甲", "care": "inpatient", "admitted_on": str(today - 5 * DAY),
        "discharged_on": str(today), "diagnoses": "K35.8 阑尾炎，I10", "department": "外科", **more,
    }  # fmt: skip


def a_line(**more: str) -> dict[str, str]:
    return {
        "code": CODE,
        "name": "演示项目",
        "on": str(timezone.localdate()),
        "quantity": "2",
        "price": "10.005",
        **more,
    }


def page_of(client: Client, visit: Visit) -> str:
    answer = client.get(f"/care/visits/{visit.pk}")
    assert answer.status_code == 200
    return answer.content.decode()


def message_in(page: str) -> str:
    found = re.search(r'name="message" value="([0-9a-f]{32})"', page)
    assert found is not None
    return found[1]


def only_visit() -> Visit:
    with acting(SYSTEM):
        return Visit.objects.get()


# --- Who comes --------------------------------------------------------------------------------------------------------


def test_a_patient_is_registered_by_number_and_name_and_found_again_by_either(world: World) -> None:
    person = patient(world)
    ready(world.yuhu.hospital, world.yuhu.area)
    client = world.client(world.yuhu.window)
    wrong = client.post("/care/visits/new", registration(name="试样乙"))
    assert wrong.status_code == 422
    assert "没有号码和姓名同时相符" in wrong.content.decode()
    unread = client.post("/care/visits/new", registration(id_number="430302196003050011"))
    assert unread.status_code == 422
    with acting(SYSTEM):
        assert not Visit.objects.exists()
    answer = client.post("/care/visits/new", registration())
    visit = only_visit()
    assert answer["Location"] == f"/care/visits/{visit.pk}"
    assert (visit.person_id, visit.state, visit.diagnoses) == (person.pk, "discharged", ["K35.8 阑尾炎", "I10"])
    for typed in (NUMBER, NUMBER.lower(), visit.number, "试样甲", "syj", str(person.pk)):
        assert client.post("/care/visits/find", {"q": typed})["Location"] == f"/care/visits/{visit.pk}", typed
    assert NUMBER not in page_of(client, visit)


def test_an_unknown_certificate_leads_to_registration_and_other_words_to_the_list(world: World) -> None:
    client = world.client(world.yuhu.window)
    page = client.post("/care/visits/find", {"q": NUMBER}).content.decode()
    assert f'value="{NUMBER}"' in page
    assert "登记就诊" in page
    assert "这里没有就诊" in client.post("/care/visits/find", {"q": "没有这个人"}).content.decode()
    assert client.post("/care/visits/find", {"q": " "})["Location"] == "/care/visits/"
    officer = world.client(world.yuhu.officer).post("/care/visits/find", {"q": NUMBER})
    assert 'name="id_number"' not in officer.content.decode(), "an officer registers nobody at a window"


def test_another_hospital_finds_and_opens_nothing_of_it(world: World) -> None:
    visit = stay(world.yuhu, patient(world))
    stranger = world.client(world.xiangtan_county.window)
    assert "登记就诊" in stranger.post("/care/visits/find", {"q": NUMBER}).content.decode()
    assert visit.number not in stranger.get("/care/visits/?part=all").content.decode()
    for where in (
        "",
        "/lines/all",
        "/refund",
        "/money",
        "/reverse",
        "/correct",
        "/change",
        "/lines/import",
        "/items?code=X",
    ):
        assert stranger.get(f"/care/visits/{visit.pk}{where}").status_code == 404, where
    for where, sent in (
        ("/settle", {"message": "m"}),
        ("/lines", a_line()),
        ("/lines/clear", {}),
        ("/lines/1/remove", {}),
        ("/preview", {}),
    ):
        assert stranger.post(f"/care/visits/{visit.pk}{where}", sent).status_code == 404, where


def test_a_second_stay_at_once_is_asked_about(world: World) -> None:
    patient(world)
    ready(world.yuhu.hospital, world.yuhu.area)
    client = world.client(world.yuhu.window)
    client.post("/care/visits/new", registration(discharged_on=""))
    again = client.post("/care/visits/new", registration(discharged_on=""))
    assert again.status_code == 422
    assert "没有出院的就诊" in again.content.decode()
    assert client.post("/care/visits/new", registration(discharged_on="", again="1")).status_code == 302


# --- Lines ------------------------------------------------------------------------------------------------------------


def test_lines_are_entered_one_by_one_changed_and_removed(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=100)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}/lines"
    part = client.post(where, a_line(), headers={"HX-Request": "true"})
    assert part.headers["HX-Trigger"] == "line-entered"
    assert part.content.decode().startswith('<div id="work">')
    with acting(SYSTEM):
        row = BillLine.objects.get(position=2)
    assert (row.quantity, row.price, row.amount_fen) == (20_000, 100_050, 2_001)
    assert client.post(where, a_line(position="2", quantity="１．５")).status_code == 302
    with acting(SYSTEM):
        assert BillLine.objects.get(position=2).amount_fen == 1_501
    for wrong in (
        {"quantity": "x"},
        {"price": "1.23456"},
        {"on": ""},
        {"code": ""},
        {"quantity": "0"},
        {"position": "9"},
    ):
        answer = client.post(where, a_line(**wrong), headers={"HX-Request": "true"})
        assert answer.status_code == 422, wrong
        assert 'class="problems"' in answer.content.decode()
    assert client.post(f"{where}/2/remove").status_code == 302
    with acting(SYSTEM):
        assert [row.position for row in BillLine.objects.all()] == [1]
    client.post(f"{where}/clear")
    with acting(SYSTEM):
        assert not BillLine.objects.exists()


def a_workbook(rows: list[tuple[Any, ...]]) -> bytes:
    target = io.BytesIO()
    columns = [Column(name) for name in ("费用日期", "项目编码", "项目名称", "数量", "单价", "金额", "自费签字")]
    write_xlsx(target, [Sheet("费用明细", columns, rows)])
    return target.getvalue()


def sent(client: Client, visit: Visit, content: bytes, name: str, **more: str) -> Any:
    return client.post(f"/care/visits/{visit.pk}/lines/import", {"file": SimpleUploadedFile(name, content), **more})


def test_every_line_is_found_by_number_code_or_name_and_leads_to_where_it_is_changed(world: World) -> None:
    visit = stay(world.yuhu, patient(world), lines=130, yuan=1_300)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}"
    assert f'href="{where}?line=1#line"' not in client.get(where).content.decode(), (
        "only the last lines stand on the page"
    )
    for asked, positions in (("1", [1]), ("演示项目77", [78]), (CODE.lower(), [1, 2, 50]), ("没有这个", [])):
        page = client.get(f"{where}/lines/all", {"find": asked}).content.decode()
        assert all(f'href="{where}?line={n}#line"' in page for n in positions), asked
        assert positions or "?line=" not in page
    edit = client.get(f"{where}?line=1").content.decode()
    assert "第 1 条改为" in edit and f'action="{where}/lines/1/remove"' in edit
    assert client.post(f"{where}/lines/1/remove").status_code == 302
    assert client.post(f"{where}/lines", {"position": "x", "code": "x"}).status_code == 422
    settled(world.yuhu, visit)
    assert "?line=" not in client.get(f"{where}/lines/all").content.decode(), "what is settled is not changed"


def test_lines_come_from_a_workbook_a_csv_or_json_alike(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=100)
    client, today = world.client(world.yuhu.window), str(timezone.localdate())
    rows = [(today, CODE, f"演示项目{k}", "1.5", "3.33", "", "") for k in range(3)]
    assert sent(client, visit, a_workbook(rows), "明细.xlsx", replace="on").status_code == 302
    keys = ("费用日期", "项目编码", "项目名称", "数量", "单价", "金额", "自费签字")
    assert sent(client, visit, csv([dict(zip(keys, row, strict=True)) for row in rows]), "明细.csv").status_code == 302
    lines = [
        {"on": today, "code": CODE, "name": f"演示项目{k}", "quantity": 1.5, "price": "3.33", "signed": False}
        for k in range(3)
    ]
    assert sent(client, visit, json.dumps({"lines": lines}).encode(), "明细.json").status_code == 302
    with acting(SYSTEM):
        found = list(BillLine.objects.values_list("quantity", "price", "amount_fen", "name").order_by("position"))
    assert len(found) == 9
    assert found[:3] == found[3:6] == found[6:]
    assert found[0] == (15_000, 33_300, 500, "演示项目0")


def test_a_file_with_mistakes_enters_nothing_and_names_them_all(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=100)
    client, today = world.client(world.yuhu.window), str(timezone.localdate())
    rows = [
        (today, CODE, "好的", "1", "2", "2.00", ""), ("昨天", CODE, "甲", "1", "2", "", ""), (today, "", "乙", "1", "2", "", ""),
        (today, CODE, "丙", "一", "2", "", ""), (today, CODE, "丁", "1", "2", "", "也许"),
    ]  # fmt: skip
    answer = sent(client, visit, a_workbook(rows), "明细.xlsx")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert page.count("<code>line_unreadable</code>") == 4
    for number in (3, 4, 5, 6):
        assert f"第 {number} 行" in page
    # What the catalogue's arithmetic refuses is named the same way, all at once.
    wrong_sums = [(today, CODE, f"和{k}", "1", "2", "9.00", "") for k in range(3)]
    page = sent(client, visit, a_workbook(wrong_sums), "明细.xlsx").content.decode()
    assert page.count("amount_not_price") == 3
    for content, name in ((b"[1]", "x.json"), (b"{", "x.json"), (b"[]", "x.json"), (b"nothing", "x.pdf")):
        assert sent(client, visit, content, name).status_code == 422
    with acting(SYSTEM):
        assert BillLine.objects.count() == 1


def test_five_thousand_lines_are_taken_and_one_more_is_not(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=100)
    today = timezone.localdate().isoformat()
    lines = [{"on": today, "code": CODE, "name": "演示项目", "quantity": 1, "price": 1} for _ in range(4_999)]
    client = world.client(world.yuhu.window)
    assert sent(client, visit, json.dumps(lines).encode(), "x.json").status_code == 302
    with acting(SYSTEM):
        assert BillLine.objects.count() == 5_000
    refused = client.post(f"/care/visits/{visit.pk}/lines", a_line())
    assert refused.status_code == 422
    assert TooManyLines.code in refused.content.decode()
    assert settled(world.yuhu, visit).total_fen == 10_000 + 499_900


def test_the_item_that_a_clerk_means_is_found_by_code_and_by_name(world: World) -> None:
    set_up(world)
    visit = stay(world.yuhu, patient(world), yuan=100)
    client = world.client(world.yuhu.window)
    for typed, code in (("Y1", "Y1"), ("院内Y2", "Y2"), ("XA0003", "XA0003"), ("演示自", "XA0003")):
        page = client.get(f"/care/visits/{visit.pk}/items", {"code": typed}).content.decode()
        assert f'data-code="{code}"' in page, typed
    assert "目录里没有" in client.get(f"/care/visits/{visit.pk}/items", {"code": "没有"}).content.decode()
    with CaptureQueriesContext(connection) as seen:
        client.get(f"/care/visits/{visit.pk}/items", {"code": "Y"})
    assert len(seen) < 25


# --- What it comes to -------------------------------------------------------------------------------------------------


def test_a_preview_counts_the_line_that_is_being_typed_and_writes_nothing(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=20_000)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}/preview"
    with acting(SYSTEM):
        before = Audit.objects.count()
    entered = client.post(where, {}).content.decode()
    assert "含正在录入的一条" not in entered
    typed = client.post(where, a_line(quantity="1", price="1000"))
    assert "含正在录入的一条" in typed.content.decode()
    assert "21,000.00" in typed.content.decode()
    assert 'form="settle"' not in typed.content.decode(), "what is not entered cannot be settled"
    with acting(SYSTEM):
        assert (BillLine.objects.count(), Settlement.objects.count(), Audit.objects.count()) == (1, 0, before)


def test_a_line_that_is_begun_or_being_changed_is_never_left_out_of_a_settlement(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=20_000)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}"
    untouched = {"code": "", "price": "", "quantity": "1", "on": str(timezone.localdate())}
    assert 'form="settle"' in client.post(f"{where}/preview", untouched).content.decode()
    refused = client.post(f"{where}/lines", a_line(quantity="x"), headers={"HX-Request": "true"})
    begun = client.post(f"{where}/preview", a_line(price=""))
    changing = client.post(f"{where}/preview", a_line(position="1"))
    for answer in (refused, begun, changing):
        page = answer.content.decode()
        assert "正在录入的一条没有算进来" in page
        assert "20,000.00" in page
        assert 'form="settle"' not in page


def test_a_registration_of_another_disease_is_pointed_out(world: World) -> None:
    person = patient(world)
    filing = approved(world, person, "severe", from_on=timezone.localdate() - 30 * DAY)
    visit = stay(world.yuhu, person, diagnoses=["K35.8"])
    client = world.client(world.yuhu.window)
    assert filing.number in page_of(client, visit)
    actions.change_visit(visit.pk, diagnoses=["终末期肾病"], acting_user=world.yuhu.window)
    assert filing.number not in page_of(client, visit)


def test_lines_that_no_catalogue_knows_stand_out_and_a_code_is_read_full_width(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=100)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}"
    client.post(f"{where}/lines", a_line(code="".join(chr(ord(c) + 0xFEE0) for c in CODE)))
    assert "没有目录对照" not in page_of(client, visit)
    client.post(f"{where}/lines", a_line(code="QQQ1", quantity="1", price="88"))
    assert "1 条没有目录对照，共 88.00 元" in page_of(client, visit)
    assert "1 条没有目录对照" in client.post(f"{where}/preview", {}).content.decode()


def test_a_return_is_removed_and_not_changed_into_a_charge(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=1_000)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}"
    client.post(f"{where}/refund", {"back-1": "1", "why": "未使用"})
    answer = client.post(f"{where}/lines", a_line(position="2"))
    assert answer.status_code == 422
    assert ReturnNotChanged.code in answer.content.decode() or "退费，不能改成" in answer.content.decode()


def test_removing_a_line_removes_what_was_returned_of_it(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=10_000, lines=4)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}"
    client.post(f"{where}/refund", {"back-1": "1", "why": "未使用"})
    client.post(f"{where}/lines/1/remove")
    assert settled(world.yuhu, visit).total_fen == 750_000


def test_a_planned_admission_can_be_opened_before_its_day(world: World) -> None:
    patient(world)
    ready(world.yuhu.hospital, world.yuhu.area)
    client, today = world.client(world.yuhu.window), timezone.localdate()
    planned = registration(admitted_on=str(today + 9 * DAY), discharged_on="", planned="on")
    answer = client.post("/care/visits/new", planned)
    assert client.get(answer["Location"]).status_code == 200


def test_a_chronic_disease_that_nobody_registered_is_not_paid_as_one(world: World) -> None:
    person, today = patient(world), timezone.localdate()
    ready(world.yuhu.hospital, world.yuhu.area)
    visit = actions.register_visit(
        person, institution=world.yuhu.hospital, care="chronic", admitted_on=today, diagnoses=["终末期肾病"], acting_user=world.yuhu.window
    )  # fmt: skip
    client = world.client(world.yuhu.window)
    client.post(f"/care/visits/{visit.pk}/lines", a_line())
    assert NotRegisteredDisease.code in page_of(client, visit)
    approved(world, person, "chronic")
    assert NotRegisteredDisease.code not in page_of(client, visit)


def test_a_visit_that_cannot_be_settled_says_why_on_its_page(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=20_000)
    with acting(SYSTEM):
        Agreement.objects.update(withdrawn_at=timezone.now(), withdrawn_by=world.yuhu.officer, withdrawn_why="演示")
    client = world.client(world.yuhu.window)
    page = page_of(client, visit)
    assert "no_agreement" in page
    assert 'form="settle"' not in page
    answer = client.post(f"/care/visits/{visit.pk}/settle", {"message": message_in(page), "expected": ""})
    assert answer.status_code == 422
    assert "no_agreement" in answer.content.decode()


def test_one_confirmation_settles_once_and_takes_the_money_once(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=20_000)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}/settle"
    page = page_of(client, visit)
    expected = re.search(r'name="expected" value="([0-9]+)"', page)
    assert expected is not None
    confirmation = {"message": message_in(page), "expected": expected[1], "method": "cash"}
    assert client.post(where, {**confirmation, "expected": "1"}).status_code == 422
    first = client.post(where, confirmation)
    assert first["Location"] == f"/care/visits/{visit.pk}"
    assert client.post(where, confirmation).status_code == 302
    with acting(SYSTEM):
        row, payment = Settlement.objects.get(), PatientPayment.objects.get()
    assert row.patient_fen == int(expected[1]) == payment.fen
    other = client.post(where, {**confirmation, "message": "f" * 32})
    assert other.status_code == 422
    assert AlreadySettled.code in other.content.decode()
    shown = page_of(client, visit)
    assert yuan_grouped(row.patient_fen) in shown
    assert "F9" in shown
    frozen = client.post(f"/care/visits/{visit.pk}/lines", a_line())
    assert frozen.status_code == 422
    assert VisitFrozen.code in frozen.content.decode()


def test_a_line_from_another_window_makes_the_confirmation_ask_again(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=20_000)
    client = world.client(world.yuhu.window)
    page = page_of(client, visit)
    expected = re.search(r'name="expected" value="([0-9]+)"', page)
    world.client(world.yuhu.window).post(f"/care/visits/{visit.pk}/lines", a_line(quantity="1", price="5000"))
    answer = client.post(
        f"/care/visits/{visit.pk}/settle", {"message": message_in(page), "expected": expected[1] if expected else ""}
    )
    assert answer.status_code == 422
    assert FiguresChanged.code in answer.content.decode()
    assert message_in(answer.content.decode()), "the page can be confirmed again"


def test_a_bill_that_grew_without_the_share_makes_the_confirmation_ask_again(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=20_000)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}/settle"
    page = page_of(client, visit)
    total = re.search(r'name="expected_total" value="([0-9]+)"', page)
    assert total is not None
    asked = {"message": message_in(page), "expected": "", "expected_total": str(int(total[1]) - 100)}
    answer = client.post(where, asked)
    assert answer.status_code == 422
    assert "总费用原为" in answer.content.decode()
    assert client.post(where, {**asked, "expected_total": total[1]}).status_code == 302


def test_an_old_confirmation_does_not_pass_for_a_settlement_that_was_reversed(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=20_000)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}"
    old = {"message": message_in(page_of(client, visit)), "expected": "", "method": "cash"}
    assert client.post(f"{where}/settle", old).status_code == 302
    client.post(f"{where}/reverse", {"why": "录错"})
    again = client.post(f"{where}/settle", old)
    assert again.status_code == 422
    assert ConfirmationUsed.code in again.content.decode()
    with acting(SYSTEM):
        assert PatientPayment.objects.count() == 1


def test_who_may_not_settle_cannot(world: World) -> None:
    visit = stay(world.yuhu, patient(world))
    for officer in (world.yuhu.hospital_manager, world.yuhu.officer, world.yuhu.auditor, world.yuhu.finance):
        answer = world.client(officer).post(f"/care/visits/{visit.pk}/settle", {"message": "m", "expected": ""})
        assert answer.status_code == 403
    page = page_of(world.client(world.yuhu.auditor), visit)
    assert 'id="line"' not in page


# --- Money ------------------------------------------------------------------------------------------------------------


def test_a_deposit_is_taken_counted_and_the_rest_given_back(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=1_000)
    money = {"kind": "deposit", "fen": "５,０００", "method": "cash", "receipt": "SJ-1"}
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}"
    assert client.post(f"{where}/money", money).status_code == 302
    assert client.post(f"{where}/money", money).status_code == 422, "a receipt twice"
    assert client.post(f"{where}/money", {**money, "fen": "0"}).status_code == 422
    page = page_of(client, visit)
    client.post(f"{where}/settle", {"message": message_in(page), "expected": "", "method": "cash"})
    with acting(SYSTEM):
        row = Settlement.objects.get()
        taken = [p.fen for p in PatientPayment.objects.order_by("pk")]
    assert taken == [500_000, row.patient_fen - 500_000]
    late = client.post(f"{where}/money", {**money, "receipt": ""})
    assert late.status_code == 422
    assert "不收预交金" in late.content.decode()
    over = client.post(f"{where}/money", {"kind": "refund", "fen": "100000", "method": "cash"})
    assert over.status_code == 422


def test_money_confirmed_twice_moves_once_and_never_more_than_is_owed(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=20_000)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}"
    client.post(f"{where}/settle", {"message": message_in(page_of(client, visit)), "expected": ""})
    shown = client.get(f"{where}/money").content.decode()
    number = re.search(r'name="message_id" value="([0-9a-f]{32})"', shown)
    assert number is not None
    part = {"kind": "payment", "fen": "100", "method": "cash", "message_id": number[1]}
    assert [client.post(f"{where}/money", part).status_code for _ in range(2)] == [302, 302]
    with acting(SYSTEM):
        row, payment = Settlement.objects.get(), PatientPayment.objects.get()
    assert payment.fen == 10_000
    rest = row.patient_fen - payment.fen
    more = {"kind": "payment", "fen": yuan(rest + 1), "method": "cash", "message_id": "a" * 32}
    refused = client.post(f"{where}/money", more)
    assert refused.status_code == 422
    assert MoreThanOwed.code in refused.content.decode() or yuan_grouped(rest) in refused.content.decode()
    assert client.post(f"{where}/money", {**more, "fen": yuan(rest)}).status_code == 302
    assert client.post(f"{where}/money", {**more, "fen": yuan(rest)}).status_code == 302, "the last payment, sent again"
    with acting(SYSTEM):
        assert sum(p.fen for p in PatientPayment.objects.all()) == row.patient_fen


def test_who_treats_first_takes_no_deposit(world: World) -> None:
    signed(world.yuhu, first=date(2026, 1, 1), last=date(2099, 12, 31), treat_first=True, deposit=False)
    visit = stay(world.yuhu, patient(world), yuan=1_000)
    money = {"kind": "deposit", "fen": "500", "method": "cash"}
    answer = world.client(world.yuhu.window).post(f"/care/visits/{visit.pk}/money", money)
    assert answer.status_code == 422
    assert "先诊疗后付费" in answer.content.decode()
    with acting(SYSTEM):
        assert not PatientPayment.objects.exists()


# --- What becomes of it -----------------------------------------------------------------------------------------------


def test_a_bill_is_reversed_changed_and_settled_again(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=20_000)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}"
    first = settled(world.yuhu, visit)
    assert client.post(f"{where}/reverse", {"why": " "}).status_code == 422
    assert client.post(f"{where}/reverse", {"why": "费用录错"}).status_code == 302
    assert client.post(f"{where}/reverse", {"why": "再来"}).status_code == 422
    page = page_of(client, visit)
    assert "费用录错" in page
    assert client.post(f"{where}/lines", a_line(quantity="1", price="100")).status_code == 302
    client.post(f"{where}/settle", {"message": message_in(page), "expected": "", "method": ""})
    with acting(SYSTEM):
        now = queries.live_settlement(visit)
    assert now is not None
    assert now.total_fen == first.total_fen + 10_000


def test_the_bureau_reverses_what_a_hospital_settled(world: World) -> None:
    visit = stay(world.yuhu, patient(world), days_ago=3)
    settled(world.yuhu, visit)
    officer = world.client(world.yuhu.officer)
    assert 'data-key="F6"' in page_of(officer, visit)
    assert officer.post(f"/care/visits/{visit.pk}/reverse", {"why": "对账差错"}).status_code == 302
    assert 'id="line"' not in page_of(officer, visit), "lines are the hospital's to enter"


def confirmed(client: Client, where: str, typed: dict[str, str]) -> str:
    """Look at what a change comes to, and confirm it. Returns the page that shows the effect."""
    rows = whole_books()
    looked = client.post(where, typed)
    assert looked.status_code == 200, looked.content.decode()
    assert whole_books() == rows, "looking writes nothing"
    page = looked.content.decode()
    token = re.search(r'name="seen" value="([0-9a-f]+)"', page)
    assert token is not None
    assert client.post(where, {**typed, "seen": token[1][::-1]}).status_code == 200, "something else was looked at"
    assert whole_books() == rows
    assert client.post(where, {**typed, "seen": token[1]}).status_code == 302
    return page


def whole_books() -> list[int]:
    """How many rows stand where settling, booking and the trail write."""
    tables = (
        "care_settlement",
        "care_settlementpayment",
        "care_billline",
        "ledger_posting",
        "ledger_entry",
        "staff_audit",
    )
    with acting(SYSTEM), connection.cursor() as cursor:
        cursor.execute("select " + ", ".join(f"(select count(*) from {table})" for table in tables))
        return list(cursor.fetchone())


def test_what_a_change_of_the_past_comes_to_is_shown_before_it_is_confirmed(world: World) -> None:
    person = patient(world)
    first = settled(world.yuhu, stay(world.yuhu, person, days_ago=20))
    second = settled(world.yuhu, stay(world.yuhu, person, days_ago=3))
    client = world.client(world.yuhu.window)
    reverse = client.get(f"/care/visits/{first.visit_id}/reverse").content.decode()
    assert first.visit.number in reverse and second.visit.number in reverse
    assert "排在它们之后" in reverse
    assert yuan_grouped(second.patient_fen) in reverse
    page = confirmed(client, f"/care/visits/{first.visit_id}/refund", {"back-1": "0.5", "why": "用了一半"})
    with acting(SYSTEM):
        now, follows = (queries.live_settlement(row.visit) for row in (first, second))
    assert now is not None and follows is not None
    for fen in (first.patient_fen, now.patient_fen, second.patient_fen, follows.patient_fen):
        assert yuan_grouped(fen) in page
    assert now.total_fen == first.total_fen // 2


def test_what_another_hospital_billed_is_counted_and_not_shown(world: World) -> None:
    person = patient(world)
    first = settled(world.yuhu, stay(world.yuhu, person, days_ago=20))
    other = settled(world.xiangtan_county, stay(world.xiangtan_county, person, days_ago=3))
    clerk = world.client(world.yuhu.window).get(f"/care/visits/{first.visit_id}/reverse").content.decode()
    assert "另有 1 单" in clerk and other.visit.number not in clerk
    bureau = world.client(world.yuhu.officer).get(f"/care/visits/{first.visit_id}/reverse").content.decode()
    assert other.visit.number in bureau


def test_a_correction_offers_only_what_the_agreement_covers(world: World) -> None:
    signed(world.yuhu, first=date(2026, 1, 1), last=date(2099, 12, 31))
    visit = stay(world.yuhu, patient(world))
    settled(world.yuhu, visit)
    page = world.client(world.yuhu.window).get(f"/care/visits/{visit.pk}/correct").content.decode()
    assert re.findall(r'<option value="([a-z_]+)"', page) == ["inpatient", "outpatient"]


def test_items_are_returned_before_and_after_settling(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=10_000, lines=4)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}/refund"
    assert client.get(where).status_code == 200
    assert client.post(where, {"back-1": "1", "why": "未使用"}).status_code == 302
    assert client.post(where, {"back-1": "1", "why": "再退"}).status_code == 422, "it was returned already"
    row = settled(world.yuhu, visit)
    assert row.total_fen == 750_000
    confirmed(client, where, {"back-2": "0.5", "why": "用了一半"})
    assert client.post(where, {"back-2": "x", "why": "错"}).status_code == 422
    assert client.post(where, {"why": "什么也没填"}).status_code == 422
    with acting(SYSTEM):
        now = queries.live_settlement(visit)
    assert now is not None
    assert (now.kind, now.total_fen) == ("corrected", 625_000)


def test_a_settled_visit_is_corrected_in_its_place(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=10_000)
    settled(world.yuhu, visit)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}/correct"
    today = timezone.localdate()
    changed = {
        "care": "inpatient",
        "admitted_on": str(today - 7 * DAY),
        "discharged_on": str(today),
        "diagnoses": "C16.9",
    }
    assert client.post(where, changed).status_code == 422, "a reason is needed"
    confirmed(client, where, {**changed, "why": "入院日期录错"})
    with acting(SYSTEM):
        now = queries.live_settlement(visit)
    assert now is not None
    assert (now.kind, now.admitted_on, now.claim["diagnoses"]) == ("corrected", today - 7 * DAY, ["C16.9"])
    backwards = client.post(where, {**changed, "admitted_on": str(today + DAY), "why": "x"})
    assert backwards.status_code == 422


def test_a_stay_is_planned_admitted_cut_and_discharged(world: World) -> None:
    patient(world)
    ready(world.yuhu.hospital, world.yuhu.area)
    client, today = world.client(world.yuhu.window), timezone.localdate()
    client.post("/care/visits/new", registration(admitted_on=str(today + 3 * DAY), discharged_on="", planned="on"))
    visit = only_visit()
    where = f"/care/visits/{visit.pk}"
    assert visit.state == "planned"
    assert visit.number in client.get("/care/visits/?part=planned").content.decode()
    assert client.post(f"{where}/admit", {"on": str(today - 10 * DAY)}).status_code == 302
    for day in (today - 8 * DAY, today - 2 * DAY):
        client.post(f"{where}/lines", a_line(on=str(day), quantity="1", price="1000"))
    refused = client.post(f"{where}/settle", {"message": "m" * 32, "expected": ""})
    assert refused.status_code == 422
    assert NotDischarged.code in refused.content.decode()
    assert client.post(f"{where}/cut", {"on": str(today - 5 * DAY)}).status_code == 302
    with acting(SYSTEM):
        rest = Visit.objects.exclude(pk=visit.pk).get()
        assert (rest.continues_id, rest.state, rest.lines.count()) == (visit.pk, "admitted", 1)
    assert rest.number in page_of(client, visit)
    assert client.post(f"/care/visits/{rest.pk}/discharge", {"on": str(today)}).status_code == 302
    for part in (visit, rest):
        page = page_of(client, part)
        assert (
            client.post(f"/care/visits/{part.pk}/settle", {"message": message_in(page), "expected": ""}).status_code
            == 302
        )
    with acting(SYSTEM):
        assert [row.total_fen for row in Settlement.objects.order_by("pk")] == [100_000, 100_000]
        assert Settlement.objects.latest("pk").claim["linked"] == "yes"


def test_a_visit_is_cancelled_once_its_deposit_is_back(world: World) -> None:
    visit = stay(world.yuhu, patient(world), yuan=1_000)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}"
    client.post(f"{where}/money", {"kind": "deposit", "fen": "100", "method": "cash"})
    assert client.post(f"{where}/cancel", {"why": "不住了"}).status_code == 422
    client.post(f"{where}/money", {"kind": "refund", "fen": "100", "method": "cash"})
    assert client.post(f"{where}/cancel", {"why": "不住了"}).status_code == 302
    assert client.post(f"{where}/settle", {"message": "m" * 32, "expected": ""}).status_code == 422


def test_a_hospital_states_nothing_that_a_filing_has_to_show(world: World) -> None:
    person = patient(world)
    ready(world.yuhu.hospital, world.yuhu.area)
    facts = {"emergency": "yes", "application": "approved", "special_drug": "yes", "referral": "by_rule"}
    visit = actions.register_visit(
        person, institution=world.yuhu.hospital, care="inpatient", admitted_on=timezone.localdate(), facts=facts, acting_user=world.yuhu.window
    )  # fmt: skip
    assert visit.facts == {"special_drug": "yes"}
    changed = actions.change_visit(visit.pk, facts=facts | {"special_drug": "no"}, acting_user=world.yuhu.window)
    assert changed.facts == {"special_drug": "no"}


# --- The list ---------------------------------------------------------------------------------------------------------


def test_the_days_visits_stand_under_what_is_to_be_done(world: World) -> None:
    first, second = stay(world.yuhu, patient(world)), stay(world.yuhu, patient(world, 2, "试样乙"))
    settled(world.yuhu, second)
    client = world.client(world.yuhu.window)
    waiting, done = (client.get(f"/care/visits/?part={part}").content.decode() for part in ("to_settle", "settled"))
    assert first.number in waiting
    assert second.number not in waiting
    assert second.number in done
    assert first.number not in done
    with CaptureQueriesContext(connection) as few:
        client.get("/care/visits/?part=all")
    for k in range(3, 9):
        stay(world.yuhu, patient(world, k, f"试样{k}"))
    with CaptureQueriesContext(connection) as many:
        client.get("/care/visits/?part=all")
    assert len(many) == len(few)


def test_the_page_of_a_visit_takes_as_many_statements_for_500_lines(world: World) -> None:
    few, many = stay(world.yuhu, patient(world), lines=2), stay(world.yuhu, patient(world, 2, "试样乙"), lines=500)
    client = world.client(world.yuhu.window)
    page_of(client, few)
    counts = []
    for visit in (few, many):
        with CaptureQueriesContext(connection) as seen:
            page_of(client, visit)
        counts.append(len(seen))
    assert counts[0] == counts[1]


# --- What the trail tells ---------------------------------------------------------------------------------------------


def told(world: World, act: str) -> dict[str, Any]:
    """What the last row of an act says besides."""
    with acting(SYSTEM):
        found: dict[str, Any] = Audit.objects.filter(act=act).order_by("-id").values_list("detail", flat=True)[0]
    return found


def test_the_trail_tells_what_was_before_and_what_is_now(world: World) -> None:
    window, today = world.yuhu.window, timezone.localdate()
    visit = stay(world.yuhu, patient(world), yuan=1_000)
    assert told(world, "visit.add_lines") == {
        "lines": 1,
        "fen": 100_000,
        "named": [[1, CODE, "演示项目0", "1", 100_000]],
    }
    charge = Charge(today, CODE, "另一项", 15_000, 100_000, 1_500)
    actions.replace_line(visit.pk, position=1, charge=charge, acting_user=window)
    changed = told(world, "visit.change_line")
    assert changed["was"]["named"] == [[1, CODE, "演示项目0", "1", 100_000]]
    assert changed["now"]["named"] == [[1, CODE, "另一项", "1.5", 1_500]]
    actions.replace_line(visit.pk, position=1, charge=None, acting_user=window)
    assert told(world, "visit.change_line")["now"] == {"lines": 0, "fen": 0, "named": []}
    actions.add_lines(
        visit.pk, [Charge(today, CODE, f"第{k}项", 20_000, 100_000, 2_000) for k in range(30)], acting_user=window
    )
    many = told(world, "visit.add_lines")
    assert (many["lines"], many["fen"], len(many["named"])) == (30, 60_000, 20)
    actions.clear_lines(visit.pk, acting_user=window)
    assert (told(world, "visit.clear_lines")["lines"], told(world, "visit.clear_lines")["fen"]) == (30, 60_000)
    actions.change_visit(visit.pk, department="内科", bed="", acting_user=window)
    assert told(world, "visit.change") == {"changed": {"department": ["", "内科"]}}
    actions.add_lines(visit.pk, [Charge(today, CODE, "一项", 20_000, 50_000_000, 1_000_000)], acting_user=window)
    settled(world.yuhu, visit)
    admitted = visit.admitted_on
    actions.correct_visit(visit.pk, {"admitted_on": admitted + DAY}, on=today, why="录错", acting_user=window)
    assert told(world, "visit.change") == {
        "changed": {"admitted_on": [str(admitted), str(admitted + DAY)]},
        "why": "录错",
    }
    actions.refund_lines(visit.pk, {1: 10_000}, on=today, why="未用", acting_user=window)
    assert told(world, "visit.refund_lines")["named"] == [[2, CODE, "一项", "-1", -500_000]]
    row = actions.take_money(visit.pk, kind="payment", fen=100, method="card", on=today, acting_user=window)
    assert told(world, "patient.pay") == {"kind": "payment", "fen": 100, "method": "card", "receipt": row.receipt}
