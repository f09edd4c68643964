"""What an attacker tried, who had signed in or not, and what it came to."""

from __future__ import annotations

import json
import threading
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import ProgrammingError, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.agency import listing
from tests.agency.test_care import a_claim
from tests.agency.world import World
from yizhan.agency.care.actions import settle_bill
from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.actions import files
from yizhan.agency.jobs.actions import start
from yizhan.agency.jobs.models import Run
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.people.actions import register_person
from yizhan.agency.people.identifiers import read_identifier, synthetic_id
from yizhan.agency.rosters import actions as rosters
from yizhan.agency.rosters.models import RosterRow
from yizhan.agency.staff import throttle
from yizhan.agency.staff.errors import SamePerson
from yizhan.agency.staff.models import Audit, Session
from yizhan.agency.staff.scope import System, acting

NUMBER = synthetic_id("430302", date(1960, 3, 5), 1)
EVERYBODY = System("test")


def stored_in(text: str) -> list[str]:
    """The columns of the database in which a text stands open."""
    found = []
    with acting(EVERYBODY), connection.cursor() as cursor:
        cursor.execute(
            "select table_name, column_name from information_schema.columns where table_schema = 'public'"
            " and data_type in ('text', 'character varying', 'jsonb', 'ARRAY')"
        )
        for table, column in cursor.fetchall():
            cursor.execute(f'select 1 from "{table}" where "{column}"::text like %s limit 1', [f"%{text}%"])
            found += [f"{table}.{column}"] * len(cursor.fetchall())
    return found


def test_a_number_in_the_wrong_place_is_nowhere_kept_open(world: World) -> None:
    liaison, officer = world.yuhu.liaison_civil, world.yuhu.officer
    lists: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
        ((NUMBER, "周试一", "", ""), listing.HEADER),
        (("周试一", NUMBER, NUMBER, ""), listing.HEADER),
        (("周试一", "", NUMBER, "x"), ("周试二", NUMBER, "x", "y")),
        (("周试一", NUMBER, "", "", f"住址{NUMBER}", NUMBER), (*listing.HEADER, "住址", "文号")),
    ]
    for row, header in lists:
        listing.send(liaison, world.yuhu.area, [row], header=header)
    columns = ("证件号码", "姓名", "参保日期", "参保事由")
    for row in ((NUMBER, "周试一", NUMBER, ""), (NUMBER, "周试一", "", NUMBER), ("周试一", NUMBER, "", "")):
        content = listing.csv([row], header=columns)
        files.take_file("residents", content=content, filename=f"{NUMBER}.csv", year=2026, acting_user=officer)
    work_off()
    browser = world.client(officer)
    assert browser.get(f"/people/{NUMBER}").status_code == 404
    assert browser.post("/people/", {"q": NUMBER}).status_code == 302
    assert stored_in(NUMBER) == []


def test_what_somebody_typed_into_an_address_is_masked_in_the_trail(world: World) -> None:
    world.client(world.yuhu.officer).get(f"/people/{NUMBER}")
    with acting(world.yuhu.audit_admin):
        assert Audit.objects.filter(outcome="refused").latest("id").detail["path"] == "/people/430****0019"


def test_a_request_does_not_say_how_many_rows_a_page_has(world: World) -> None:
    names = [listing.name_of(k) for k in range(60)]
    listing.register(world.yuhu.officer, world.yuhu.area, names)
    browser = world.client(world.yuhu.officer)
    for asked in ("per_page=60", "per_page=0", "per_page=-1", "page=0&per_page=x", f"page={'9' * 40}"):
        page = browser.get(f"/people/?{asked}")
        assert page.status_code == 200 and 0 < len(page.context["table"].page.object_list) <= 50


def test_text_that_the_database_does_not_know_is_refused_before_anything_remembers_it(world: World) -> None:
    browser = world.client(world.yuhu.officer)
    assert browser.post("/people/", {"q": "a\0b"}).status_code == 400
    assert browser.get("/people/").status_code == 200
    assert browser.get("/enrolment/?area=%00").status_code == 400
    assert browser.get("/people/households/H%00").status_code == 400
    assert browser.get("/care/touched?roster=%C2%B2").status_code == 200  # a digit to Unicode, and no number


def test_a_long_request_is_refused_before_it_is_read(world: World) -> None:
    big = SimpleUploadedFile("名单.csv", b"x" * (2 << 20))
    assert Client().post("/sign-in", {"username": "a", "password": "b", "file": big}).status_code == 413
    officer = world.client(world.yuhu.officer)
    assert officer.post("/care/import", {"file": big}).status_code == 422
    assert officer.get("/care/", CONTENT_LENGTH=str(65 << 20)).status_code == 413


def test_who_may_only_read_stops_nobodys_work(world: World) -> None:
    with acting(world.yuhu.officer):
        run = start("gaps.census", title=Words("甲", "a"), about={"area_path": ""}, acting_user=world.yuhu.officer)
    for officer in (world.yuhu.auditor, world.yuhu.finance, world.yuhu.reviewer):
        assert world.client(officer).post(f"/jobs/{run.pk}/cancel").status_code == 403
    with acting(EVERYBODY):
        assert not Run.objects.get(pk=run.pk).cancel_asked
    assert world.client(world.yuhu.system_admin).post(f"/jobs/{run.pk}/cancel").status_code == 302


@pytest.mark.parametrize("column", ["officer_id", "about", "kind", "area_path", "department"])
def test_on_whose_behalf_a_run_works_cannot_be_changed(world: World, column: str) -> None:
    with pytest.raises(ProgrammingError), acting(EVERYBODY), connection.cursor() as cursor:
        cursor.execute(f"update jobs_run set {column} = {column}")


def test_a_childs_name_on_a_bill_is_masked_as_everywhere(world: World) -> None:
    born = date.today().replace(day=1) - timedelta(days=5 * 366)
    number = read_identifier("resident_id", synthetic_id("430302", born, 1), date.today())
    child = register_person("周小试", identifier=number, area=world.yuhu.area, acting_user=world.yuhu.officer)
    claim = a_claim("C-1", "2022-05-12")
    claim.pop("insurance")
    bill = settle_bill(child, institution=world.yuhu.hospital, claim=claim, acting_user=world.yuhu.officer)
    for path in ("/care/", f"/care/{bill.pk}"):
        assert "周小试" in world.client(world.yuhu.officer).get(path).content.decode()
        seen = world.client(world.yuhu.finance).get(path).content.decode()
        assert "周小试" not in seen and "周*" in seen


@pytest.mark.parametrize(
    "claim", ['{"a": NaN}', '{"a": "\\u0000"}', '{"a": "\\ud800"}', '{"a": ' + "[" * 50_000 + "]" * 50_000 + "}"]
)
def test_bills_that_the_database_cannot_keep_are_refused(world: World, claim: str) -> None:
    register_person(
        "周试一", identifier=read_identifier("resident_id", NUMBER, date(2026, 1, 1)), area=world.yuhu.area, acting_user=world.yuhu.officer
    )  # fmt: skip
    bill = {"id_number": NUMBER, "name": "周试一", "institution": world.yuhu.hospital.code}
    text = json.dumps({"bills": [bill]}, ensure_ascii=False)[:-3] + f', "claim": {claim}}}]}}'
    answer = world.client(world.yuhu.officer).post(
        "/care/import", {"file": SimpleUploadedFile("b.json", text.encode())}
    )
    assert answer.status_code == 422


def test_who_decided_a_row_is_no_reviewer_of_the_roster(world: World) -> None:
    place = world.yuhu
    person = listing.register(place.officer, place.area, ["周试一"])
    listing.mark(place.officer, *person, department="disabled_federation")
    roster = listing.send(place.liaison_civil, place.area, [listing.line(0, "周试一")])
    both = place.officer_two
    both.roles = ["county_officer", "reviewer"]
    both.save(update_fields=["roles"])
    with acting(EVERYBODY):
        assert RosterRow.objects.filter(roster=roster, needs=True).exists()
    listing.decide(roster, both, "keep", needs=True)
    rosters.send_to_review(listing.fresh(roster), acting_user=place.officer)
    with pytest.raises(SamePerson):
        rosters.approve(listing.fresh(roster), acting_user=both)
    rosters.approve(listing.fresh(roster), acting_user=place.reviewer)


def test_receipts_of_another_pooling_area_are_not_told(world: World) -> None:
    asked = "select * from enrolment_receipts_known(%s, %s)"
    with acting(world.yuhu.officer), CaptureQueriesContext(connection), connection.cursor() as cursor:
        cursor.execute(asked, ["150400", ["R-1"]])
        assert cursor.fetchall() == []


def test_a_secret_that_is_being_set_up_does_not_lie_open_in_the_session(world: World) -> None:
    browser = Client()
    browser.post("/sign-in", {"username": "yuhu.officer", "password": "渡口-lantern-47-orchard"})
    secret = browser.get("/account/factor").context["secret"].replace(" ", "")
    assert browser.get("/account/factor").context["secret"].replace(" ", "") == secret
    assert secret not in str(browser.session.items())
    assert Session.objects.filter(officer=world.yuhu.officer).exists()


def test_tries_beside_a_success_are_refused_in_words(own_database: object) -> None:
    account = throttle.account_of("somebody")
    answers: list[object] = []

    def go() -> None:
        try:
            for _ in range(30):
                answers.append(throttle.admit(account, "198.51.100.0/24"))
                throttle.forget(account, "198.51.100.0/24")
        except Exception as fault:  # whatever it is, it fails the test
            answers.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 120 and all(isinstance(answer, int) for answer in answers)
