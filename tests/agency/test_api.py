"""The API: keys, what each lets its officer's programs ask, and that they are refused and recorded as the officer would be."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import Sum
from django.test import Client
from django.test.client import MULTIPART_CONTENT
from django.utils import timezone
from jsonschema import Draft202012Validator, FormatChecker

from tests.agency.caring import patient, settled, stay
from tests.agency.enrolling import IN_PERIOD, mark, people, set_today
from tests.agency.filing import asked as asked_filing
from tests.agency.listing import apply, fresh, line, register, send, states, xlsx
from tests.agency.world import PASSWORD, World
from yizhan.agency.api import commands, door, operations, service
from yizhan.agency.api.actions import MOST_KEYS, Made, end_key, make_key
from yizhan.agency.api.models import Key
from yizhan.agency.api.shapes import Shape
from yizhan.agency.care.models import Settlement, SettlementPayment
from yizhan.agency.crypto import digest
from yizhan.agency.enrolment.actions import enrolling, subsidies
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.rosters.models import Roster
from yizhan.agency.staff import actions as staff
from yizhan.agency.staff import ceilings, limits
from yizhan.agency.staff.errors import BadStaffCode
from yizhan.agency.staff.models import Audit, AuditLeaf, AuditSeal, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import System, acting
from yizhan.errors import Problems
from yizhan.exchange import as_json, read_request, settle_request

ALL = System("test")
TODAY = timezone.localdate


@dataclass
class Caller:
    """A program with a key."""

    secret: str
    source: str = "127.0.0.1"

    def ask(self, path: str, **parameters: Any) -> Any:
        answer = Client().get(f"/api/v1/{path}", parameters, headers=self.headers, REMOTE_ADDR=self.source)
        fits(path, answer)
        return answer

    def send(self, path: str, data: Any, content_type: str = "application/json") -> Any:
        return Client().post(f"/api/v1/{path}", data, content_type, headers=self.headers, REMOTE_ADDR=self.source)

    def got(self, path: str, **parameters: Any) -> Any:
        """What was answered, which is no refusal."""
        answer = self.ask(path, **parameters)
        assert answer.status_code == 200, answer.content.decode()
        return answer.json()

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


def made(officer: Officer, *scopes: Right, **terms: Any) -> Made:
    """A key for these rights, or for all that the officer has and the API serves."""
    operations.load()  # the addresses do so, and this may be asked before them
    wanted = scopes or tuple(right for right in service.SCOPES if right in officer.rights)
    terms = {"name": "报表系统", "ends_on": TODAY() + timedelta(days=30), **terms}
    return make_key(officer, scopes=map(str, wanted), acting_user=officer, **terms)


def caller(officer: Officer, *scopes: Right, **terms: Any) -> Caller:
    return Caller(made(officer, *scopes, **terms).secret)


def fits(path: str, answer: Any) -> None:
    """What the document says of an answer is true of it."""
    document = service.schema()
    for template, methods in document["paths"].items():
        # Where a word and a number stand in one place, the word's own address comes first in the document.
        if "get" in methods and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), f"/api/v1/{path}"):
            told = methods["get"]["responses"][str(answer.status_code)]["content"]
            ((media, shape),) = told.items()
            assert answer.headers["Content-Type"].startswith(media), path
            if media.endswith("json"):
                whole = {**shape["schema"], "components": document["components"]}
                Draft202012Validator(whole, format_checker=FormatChecker()).validate(answer.json())
            return


def refused(answer: Any) -> tuple[int, list[str]]:
    """Status and codes of a refusal, which has the one form."""
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert answer.headers["Content-Type"] == door.PROBLEM_TYPE
    told = answer.json()
    assert told["status"] == answer.status_code and all(p["zh"] and p["en"] for p in told["problems"])
    return answer.status_code, [p["code"] for p in told["problems"]]


def trail(act: str) -> list[Audit]:
    with acting(ALL):
        return list(Audit.objects.filter(act=act).order_by("id"))


@pytest.fixture(autouse=True)
def nobody_called_before() -> None:
    limits._BUCKETS.clear()


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_made_at_the_desk_shown_once_and_ended_there(world: World) -> None:
    officer = world.yuhu.officer
    browser = world.client(officer)
    asked = browser.get("/account/keys/new")
    assert asked.status_code == 302 and asked["Location"].startswith("/account/confirm")
    form = {
        "name": "日报",
        "ends_on": str(TODAY() + timedelta(days=9)),
        "networks": "127.0.0.0/8",
        "scopes": ["roster.see"],
    }
    assert browser.post("/account/keys/new", form).status_code == 403
    browser.post("/account/confirm", {"password": PASSWORD})
    assert browser.post("/account/keys/new", form | {"scopes": ["officer.manage"]}).status_code == 422
    assert browser.post("/account/keys/new", form | {"ends_on": "2099-01-01"}).status_code == 422
    shown = browser.post("/account/keys/new", form).content.decode()
    secret = shown.partition('<p class="code">')[2].partition("<")[0]
    with acting(officer):
        (key,) = Key.objects.all()
    with connection.cursor() as cursor:
        cursor.execute("select k::text from api_key k")
        assert secret not in str(cursor.fetchall())
    me = Caller(secret).got("me")
    assert (me["officer"], me["area"]["code"]) == (officer.username, "430302")
    assert [(scope["code"], scope["granted"]) for scope in me["scopes"]] == [("roster.see", True)]
    account = browser.get("/account").content.decode()
    assert "日报" in account and "127.0.0.0/8" in account and secret not in account
    (row,) = trail("key.make")
    assert row.detail["scopes"] == ["roster.see"] and secret not in json.dumps(row.detail)
    assert "/account/keys/new" in account
    assert "/account/keys/new" not in world.client(world.yuhu.security_admin).get("/account").content.decode()
    assert "日报" not in world.client(world.yuhu.reviewer).get("/account").content.decode()
    assert browser.post(f"/account/keys/{key.pk}/end").status_code == 302
    assert refused(Caller(secret).ask("me")) == (401, ["key_refused"])
    assert [r.detail["why"] for r in trail("key.end")] == ["owner"]


def test_a_key_needs_terms_that_fit(world: World) -> None:
    officer = world.yuhu.officer
    with pytest.raises(Problems) as found:
        make_key(
            officer, name=" ", scopes=["audit.see", "nothing"], ends_on=TODAY() - timedelta(days=1), networks=["10.0.0.300"],
            acting_user=officer,
        )  # fmt: skip
    assert [p.code for p in found.value.problems] == ["key_terms", "key_scope", "key_scope", "key_terms", "key_terms"]
    for _ in range(MOST_KEYS):
        made(officer)
    with pytest.raises(Exception, match="10 keys"):
        made(officer)


def test_whoever_may_not_pass_the_door_is_told_why_and_it_is_recorded(world: World) -> None:
    officer, admin = world.yuhu.officer, world.yuhu.security_admin
    assert refused(Client().get("/api/v1/me")) == (401, ["key_needed"])
    assert refused(Caller("yizhan_guessed").ask("me")) == (401, ["key_refused"])
    signed_in = world.client(officer).get("/api/v1/me")
    assert refused(signed_in) == (401, ["key_needed"]), "a cookie is no key"
    assert signed_in.headers["WWW-Authenticate"].startswith("Bearer")
    here = made(officer, networks=["10.1.0.0/16"])
    for source in ("10.1.2.3", "::ffff:10.1.2.3"):
        assert Caller(here.secret, source).ask("me").status_code == 200
    assert refused(Caller(here.secret, "10.2.2.3").ask("me")) == (403, ["key_network"])
    (row,) = trail("key.refuse")
    assert (row.officer_id, row.detail["key"], row.detail["codes"]) == (officer.pk, here.key.pk, ["key_network"])
    over = made(officer)
    with acting(officer):
        late = Key.objects.create(
            officer=officer, area_path=officer.area_path, name="旧", digest=digest(b"old"),
            scopes=["roster.see"], ends_on=TODAY() - timedelta(days=1),
        )  # fmt: skip
    assert refused(Caller("old").ask("me")) == (401, ["key_refused"]) and late.pk
    page = world.client(admin).get(f"/officers/{officer.pk}").content.decode()
    assert "报表系统" in page
    stranger = world.client(world.songshan.security_admin)
    assert stranger.post(f"/officers/{officer.pk}/keys/{over.key.pk}/end").status_code == 404
    assert world.client(admin).post(f"/officers/{officer.pk}/keys/{over.key.pk}/end").status_code == 302
    assert refused(Caller(over.secret).ask("me")) == (401, ["key_refused"])
    with acting(admin):
        assert [k.ended_why for k in Key.objects.filter(pk=over.key.pk)] == ["administrator"]
    with pytest.raises(Exception, match="does not grant"):
        end_key(here.key, acting_user=world.yuhu.reviewer)


def test_a_key_ends_with_its_officer_and_loses_what_he_loses(world: World) -> None:
    officer, admin = world.yuhu.officer, world.yuhu.security_admin
    program = caller(officer, Right.ROSTER_SEE, Right.LEDGER_SEE)
    program.got("funds")
    assert refused(program.ask("gaps")) == (403, ["key_scope"])
    staff.change_roles(officer, ["liaison"], acting_user=admin)
    assert refused(program.ask("funds")) == (403, ["not_allowed"])
    assert {scope["code"]: scope["granted"] for scope in program.got("me")["scopes"]} == {
        "roster.see": True,
        "ledger.see": False,
    }
    staff.suspend_officer(officer, why="离岗", acting_user=admin)
    assert refused(program.ask("me")) == (401, ["key_refused"])
    staff.resume_officer(officer, acting_user=admin)
    assert refused(program.ask("me")) == (401, ["key_refused"]), "what was ended stays ended"
    with acting(officer):
        assert [key.ended_why for key in Key.objects.all()] == ["suspended"]


def test_the_operator_makes_lists_and_ends_keys(world: World) -> None:
    about = {"lang": "en", "username": "", "name": "", "scope": [], "days": 90, "network": [], "end": None}

    def said(**options: Any) -> list[str]:
        return list(commands.key(Namespace(**about | options)))

    officer = world.yuhu.liaison_civil
    head, secret, _ = said(username=officer.username, name="reports", scope=["roster.see"])
    assert Caller(secret).got("me")["officer"] == officer.username and secret not in head
    number = head.split()[0]
    assert said()[0].split()[:4] == [number, officer.username, "reports", "roster.see"]
    assert said(end=int(number)) == [f"key {number} was ended."]
    assert "ended by the operator" in said()[0]
    assert refused(Caller(secret).ask("me")) == (401, ["key_refused"])
    with pytest.raises(BadStaffCode):
        said(username="nobody", name="x")
    assert [row.officer_name for row in trail("key.make")] == ["./yizhan key"]


def test_a_noisy_program_is_told_when_to_come_again_and_others_are_not_held_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "A_SECOND", 2)
    noisy, other = caller(world.yuhu.officer), caller(world.yuhu.reviewer)
    answers = [noisy.ask("me") for _ in range(12)]
    late = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].status_code == 200 and late
    assert refused(late[0]) == (429, ["too_many_calls"]) and int(late[0].headers["Retry-After"]) >= 1
    assert other.ask("me").status_code == 200
    assert not trail("key.refuse"), "recording each would be the work saved"


def test_the_ceiling_of_the_day_holds_and_raises_its_alarm(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    yuhu = world.yuhu
    settled(yuhu, stay(yuhu, patient(world)))
    monkeypatch.setitem(ceilings.CEILINGS, "export_rows", ceilings.Ceiling(ceilings.CEILINGS["export_rows"].words, 1))
    program = caller(yuhu.officer)
    program.got("settlements")
    again = program.ask("settlements")
    assert refused(again) == (429, ["over_ceiling"]) and int(again.headers["Retry-After"]) > 0
    assert [row.detail["codes"] for row in trail("key.refuse")] == [["over_ceiling"]]
    assert [row.detail["rows"] for row in trail("key.rows")] == [1], "what was refused took no rows"


def test_every_refusal_has_the_one_form_wherever_it_comes_from(world: World) -> None:
    program = caller(world.yuhu.officer)
    assert refused(program.ask("nothing")) == (404, ["no_such_address"])
    assert refused(program.ask("people/9999999999")) == (404, ["not_found"])
    assert refused(program.send("funds", {})) == (405, ["method_not_served"])
    assert refused(program.ask("settlements", institution="a\0b")) == (400, ["request_unclear"])
    assert refused(program.ask("settlements", size=100_000)) == (422, ["bad_parameter"])
    assert refused(program.ask("settlements", since="1700000000")) == (422, ["bad_parameter"]), "seconds are no day"
    assert refused(program.ask("settlements", form="2026")) == (422, ["bad_parameter"]), (
        "no misspelt filter is left out in silence"
    )
    long = Client().post("/api/v1/calculations", headers=program.headers, CONTENT_LENGTH=str(17 << 20))
    assert refused(long) == (413, ["request_too_long"])
    assert long.headers["Cache-Control"] == "no-store" and long.headers["X-Content-Type-Options"] == "nosniff"


# --- Scope ------------------------------------------------------------------------------------------------------------


def test_a_program_sees_what_its_officer_sees_and_nothing_else(world: World) -> None:
    yuhu = world.yuhu
    bill = settled(yuhu, stay(yuhu, patient(world)))
    roster = send(yuhu.officer, yuhu.area, [line(4, "钱新")])
    ours, theirs = caller(yuhu.officer), caller(world.songshan.officer)
    number = ours.got("settlements")["items"][0]["person"]["number"]
    for path in (
        f"settlements/{bill.pk}",
        f"rosters/{roster.pk}",
        f"rosters/{roster.pk}/rows",
        f"people/{number}",
        f"people/{number}/enrolments/2026",
    ):
        assert ours.ask(path).status_code == 200, path
        assert refused(theirs.ask(path)) == (404, ["not_found"]), path
    for path in ("settlements", "rosters"):
        assert theirs.got(path)["items"] == [], path
    civil, rural = caller(yuhu.liaison_civil), caller(yuhu.liaison_rural)
    assert [row["number"] for row in civil.got("rosters")["items"]] == [roster.pk]
    assert rural.got("rosters")["items"] == [] and refused(rural.ask(f"rosters/{roster.pk}")) == (404, ["not_found"])
    window, neighbour = caller(yuhu.window), caller(world.xiangtan_county.window)
    assert window.got(f"settlements/{bill.pk}")["institution"]["code"] == yuhu.hospital.code
    assert refused(neighbour.ask(f"settlements/{bill.pk}")) == (404, ["not_found"])
    assert neighbour.got("settlements")["items"] == []
    assert [row["code"] for row in window.got("institutions")["items"]] == [yuhu.hospital.code]


def test_nobody_is_looked_up_but_by_number_and_name_together(world: World) -> None:
    patient(world, 1, "试样甲")
    number = synthetic_id("430302", date(1960, 3, 5), 1)
    window = caller(world.yuhu.window)
    found = window.send("people/look-up", {"id_number": number, "name": "试样甲"})
    assert found.json()["found"] and number not in found.content.decode()
    assert not window.send("people/look-up", {"id_number": number, "name": "试样乙"}).json()["found"]
    wrong = window.send("people/look-up", {"id_number": number[:-1] + "Y", "name": "试样甲"})
    assert refused(wrong) == (422, ["bad_id_number"]) and number[:-1] not in wrong.content.decode()
    assert refused(window.send("people/look-up", {"id_number": number, "name": "甲", "x": 1})) == (
        422,
        ["bad_parameter"],
    )
    assert refused(window.send("people/look-up", b"{")) == (400, ["request_unclear"])
    assert refused(caller(world.yuhu.officer).send("people/look-up", {"id_number": number, "name": "甲"})) == (
        403,
        ["key_scope"],
    )
    assert [row.detail["found"] for row in trail("person.look_up")] == [True, False]


# --- Rosters ----------------------------------------------------------------------------------------------------------


def test_a_roster_is_sent_by_a_department_s_program_and_applied_at_the_desk(world: World) -> None:
    yuhu = world.yuhu
    register(yuhu.officer, yuhu.area, ["周名"])
    department = made(yuhu.liaison_civil, Right.ROSTER_SEE, Right.ROSTER_UPLOAD, Right.JOB_SEE)
    program = Caller(department.secret)
    content = xlsx([line(0, "周名"), line(4, "钱新"), ("孙错", "123", "", "")])

    def form(**other: Any) -> dict[str, Any]:
        return {
            "kind": "initial", "effective_on": "2026-09-01", "area": "430302", "department": "civil_affairs", "document": "民〔2026〕9号",
            "identities": ["subsistence"], "file": SimpleUploadedFile("九月.xlsx", content), **other,
        }  # fmt: skip

    sent = program.send("rosters", form(), MULTIPART_CONTENT)
    assert sent.status_code == 201, sent.content.decode()
    roster = sent.json()
    assert roster["state"]["code"] == "reading" and roster["job"]
    assert refused(program.send("rosters", form(), MULTIPART_CONTENT)) == (409, ["file_sent_twice"])
    assert refused(
        program.send("rosters", form(department="tax", file=SimpleUploadedFile("x.csv", b"a")), MULTIPART_CONTENT)
    ) == (422, ["not_your_department"])
    assert refused(program.send("rosters", form(area="430321"), MULTIPART_CONTENT)) == (404, ["not_found"])
    work_off()
    assert program.got(f"jobs/{roster['job']}")["state"]["code"] == "done"
    read = program.got(f"rosters/{roster['number']}")
    assert read["state"]["code"] == "open" and {c["code"]: c["rows"] for c in read["counts"]} == states(
        fresh(found(roster))
    )
    rows = program.got(f"rosters/{roster['number']}/rows")["items"]
    assert [row["row"] for row in rows] == [2, 3, 4]
    assert rows[2]["state"]["code"] == "rejected" and rows[2]["reasons"][0]["zh"] and "123" not in rows[2]["id_mask"]
    page = program.got(f"rosters/{roster['number']}/rows", size=2)
    rest = program.got(f"rosters/{roster['number']}/rows", size=2, cursor=page["next"])
    assert page["items"] + rest["items"] == rows and rest["next"] is None
    apply(found(roster), maker=yuhu.officer, checker=yuhu.reviewer)
    assert program.got(f"rosters/{roster['number']}")["state"]["code"] == "applied"
    returned = program.ask(f"rosters/{roster['number']}/returned")
    assert returned.status_code == 200 and b"".join(returned.streaming_content)[:2] == b"PK"
    for act in ("roster.upload", "run.start", "roster.returned_rows", "key.rows"):
        assert trail(act)[0].detail["key"] == department.key.pk, act
    assert all("key" not in row.detail for row in trail("roster.send_to_review")), (
        "what was done in person names no key"
    )
    assert program.got("rosters/deadlines") == []
    assert refused(program.send(f"rosters/{roster['number']}/drop", {})) == (409, ["roster_state"]), (
        "what is applied is withdrawn"
    )
    unclear = xlsx([line(5, "冯新")], ("谁", "号", "起始日期", "截止日期"))
    other = program.send("rosters", form(file=SimpleUploadedFile("十月.xlsx", unclear)), MULTIPART_CONTENT).json()[
        "number"
    ]
    work_off()
    assert program.got(f"rosters/{other}")["state"]["code"] == "mapping"
    asked = program.send(f"rosters/{other}/columns", {"mapping": {"name": "谁"}})
    assert refused(asked) == (422, ["column_needed"])
    asked = program.send(f"rosters/{other}/columns", {"mapping": {"name": "谁", "id_number": "号"}})
    assert asked.json()["mapping"] == {"name": "谁", "id_number": "号"}
    work_off()
    assert program.got(f"rosters/{other}")["state"]["code"] == "open"
    assert program.send(f"rosters/{other}/drop", {}).json()["state"]["code"] == "dropped"


def found(told: Mapping[str, Any]) -> Roster:
    with acting(ALL):
        return Roster.objects.select_related("area").get(pk=told["number"])


# --- Money ------------------------------------------------------------------------------------------------------------


def test_a_bill_is_told_with_its_reasons_and_all_its_sums_agree(world: World) -> None:
    yuhu = world.yuhu
    row = settled(yuhu, stay(yuhu, patient(world)))
    program = caller(yuhu.officer)
    bill = program.got(f"settlements/{row.pk}")
    assert bill["total_fen"] == bill["paid_fen"] + bill["patient_fen"] == 2_000_000
    assert sum(p["amount_fen"] for p in bill["payments"]) == bill["paid_fen"] > 0
    assert all(sum(one["fen"] for one in p["payers"]) == p["amount_fen"] for p in bill["payments"])
    assert sum(pot["billed_fen"] for pot in bill["pots"]) == bill["total_fen"]
    assert sum(pot["patient_fen"] for pot in bill["pots"]) == bill["patient_fen"]
    with acting(ALL):
        assert (
            SettlementPayment.objects.filter(settlement=row).aggregate(fen=Sum("amount_fen"))["fen"] == bill["paid_fen"]
        )
    steps = [step for p in bill["payments"] for step in p["steps"]]
    assert steps and all(step["zh"] and step["en"] for step in steps) and any(step["citations"] for step in steps)
    assert synthetic_id("430302", date(1960, 3, 5), 1) not in json.dumps(bill)
    listed = program.got("settlements", since=str(TODAY()), until=str(TODAY()), institution=yuhu.hospital.code)["items"]
    assert [one["number"] for one in listed] == [row.pk] and listed[0]["patient_fen"] == bill["patient_fen"]
    assert program.got("settlements", until="2020-01-01")["items"] == program.got("settlements/touched")["items"] == []
    paper = program.send(f"settlements/{row.pk}/pdf?lang=en", {})
    assert paper.headers["Content-Type"] == "application/pdf" and paper.content[:4] == b"%PDF"
    assert [r.detail.get("key") for r in trail("settlement.see")] == [
        r.detail["key"] for r in trail("settlement.print")
    ]
    trial = program.got("funds/trial-balance")
    assert sum(x["closing_fen"] for x in trial["lines"]) == 0 and trial["lines"]
    statement = program.got(f"funds/accounts/{trial['lines'][0]['account']}")
    assert (
        statement["closing_fen"]
        == trial["lines"][0]["closing_fen"]
        == sum(posting["fen"] for posting in program.got(f"funds/accounts/{statement['account']}/postings")["items"])
    )
    assert {fund["book"]["area"] for fund in program.got("funds")} == {"430300"}


def test_a_calculation_is_that_of_the_command_and_stores_nothing(world: World) -> None:
    program = caller(world.yuhu.liaison_civil)
    text = resources.files("yizhan").joinpath("cases", "chifeng.json").read_text(encoding="utf-8")
    request = read_request(text)
    answer = program.send("calculations", text)
    assert answer.json() == json.loads(json.dumps(as_json(request, settle_request(request), whole=True)))
    told = json.loads(text)
    told["beneficiary"]["id_number"] = synthetic_id("430302", date(1960, 3, 5), 1)
    del told["beneficiary"]["born_on"]
    assert refused(program.send("calculations", told)) == (422, ["bad_parameter"])
    assert refused(program.send("calculations", {"area": "150400"})) == (422, ["missing_key"] * 3)
    with acting(ALL):
        assert not Settlement.objects.exists()


def test_policies_are_told_with_their_digests_and_as_sentences(world: World) -> None:
    program = caller(world.yuhu.policy)
    areas = {area["code"]: area for area in program.got("policies")}
    assert {"150400", "430300"} <= set(areas)
    documents = program.got("policies/150400", on="2018-10-10")
    live = [d for d in documents if d["in_force"]]
    assert live and all(d["digest"] and d["title"]["en"] for d in live)
    name = next(d["name"] for d in live if "39" in d["name"])
    articles = program.got("policies/150400/articles", on="2018-10-10", document=name, size=200)["items"]
    assert {a["document"] for a in articles} == {name}
    for code in areas:
        for page in (
            program.got(f"policies/{code}/articles", on=day, size=200) for day in ("2019-06-01", "2024-06-01")
        ):
            assert page["next"] is None
    said = next(a for a in articles if a["number"] == "第11条")["rules"]
    assert said and all(rule["said"]["zh"] and rule["said"]["en"] for rule in said)
    assert refused(program.ask("policies/999999")) == (422, ["no_policy_for_area"])


def test_enrolment_is_told_in_figures_and_line_by_line(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    set_today(monkeypatch, IN_PERIOD)
    yuhu = world.yuhu
    poor, ordinary = people(yuhu.officer, yuhu.area, ["周贫", "吴常"])
    mark(yuhu.officer, poor, "extremely_poor")
    for person in (poor, ordinary):
        enrolling.enrol(person, year=2026, enrolled_on=IN_PERIOD, acting_user=yuhu.officer)
    subsidies.propose_subsidies(yuhu.area, year=2026, document="潭民〔2025〕1号", acting_user=yuhu.officer)
    work_off()
    filing = asked_filing(world, poor)
    program = caller(yuhu.officer, ends_on=IN_PERIOD + timedelta(days=3))
    coverage = program.got("enrolment/coverage", year=2026)
    assert coverage["whole"]["certified"]["people"] == 1 and coverage["whole"]["area"]["code"] == "430302"
    rows = program.got("enrolment/enrolments", year=2026)["items"]
    assert {row["person"]["name"]: row["balance_fen"] > 0 for row in rows} == {"周贫": True, "吴常": True}
    (batch,) = program.got("enrolment/subsidies", year=2026)["items"]
    lines = program.got(f"enrolment/subsidies/{batch['number']}/lines")["items"]
    assert sum(one["fen"] for one in lines) == batch["total_fen"] > 0
    year = program.got(f"people/{poor.number}/enrolments/2026")
    assert year["premium"]["due_fen"] == year["premium"]["balance_fen"] > 0
    held = program.got(f"people/{poor.number}", on="2025-06-01")
    assert [m["identity"]["code"] for m in held["marks"]] == ["extremely_poor"] == [held["counts"]]
    assert program.got("enrolment/tax-differences", year=2026)["items"] == []
    assert [row["name"] for row in program.got("filings")["items"]] == [filing.number]
    assert [step["name"]["code"] for step in program.got(f"filings/{filing.pk}")["steps"]] == ["made"]
    gaps = {gap["code"]: gap["all"] for gap in program.got("gaps")}
    assert "ending_soon" in gaps and program.got("gaps/ending_soon")["items"] == []


# --- The trail and the document ---------------------------------------------------------------------------------------


def test_the_trail_is_collected_seal_by_seal(world: World) -> None:
    yuhu = world.yuhu
    caller(yuhu.officer)
    program = caller(yuhu.auditor)
    assert program.got("audit") == {"items": [], "next": "0", "more": False}, "what is not sealed yet comes later"
    with acting(ALL):
        rows = list(Audit.objects.order_by("id"))
        for number, row in enumerate(rows, start=1):
            sealed = AuditSeal.objects.create(
                number=number,
                epoch="1",
                from_xid="1",
                to_xid="2",
                rows=1,
                previous=b"",
                root=b"",
                sealed_at=timezone.now(),
            )
            AuditLeaf.objects.create(audit_id=row.pk, seal=sealed, digest=bytes([number]))
    first = program.got("audit", size=1)
    assert (
        first["more"] and first["items"][0]["act"] == "key.make" and first["items"][0]["words"]["zh"] == "建立接口密钥"
    )
    rest = program.got("audit", since=first["next"])
    assert [a["number"] for a in (*first["items"], *rest["items"])] == [row.pk for row in rows]
    assert program.got("audit", since=rest["next"])["items"] == []
    assert caller(world.songshan.auditor).got("audit")["items"] == []


def test_the_document_is_for_those_who_may_call(world: World, settings: Any) -> None:
    settings.DEMO = False
    assert refused(Client().get("/api/openapi.json")) == (401, ["key_needed"])
    document = Client().get("/api/openapi.json", headers=caller(world.yuhu.officer).headers).json()
    assert document == world.client(world.yuhu.officer).get("/api/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    served = [told for methods in document["paths"].values() for told in methods.values()]
    assert all(path.startswith("/api/v1/") for path in document["paths"])
    assert {told["tags"][0] for told in served} == {name.rpartition(".")[2] for name in operations.MODULES}
    for told in served:
        assert {"400", "401", "403", "404", "422", "429"} <= set(told["responses"]), told["operationId"]
    rights = {told["x-right"] for told in served if told["x-right"]}
    assert rights == {str(right) for right in service.SCOPES}
    assert Client().get("/api/").status_code == 302
    for language, words in (("zh-hans", "一张结算单"), ("en", "one bill")):
        browser = world.client(world.yuhu.officer)
        browser.cookies["language"] = language
        page = browser.get("/api/").content.decode()
        assert words in page and all(path in page for path in document["paths"])


def test_no_two_shapes_have_one_name() -> None:
    """The document knows shapes by their names: of two alike, one would describe the other's answers."""

    def below(shape: type[Any]) -> list[type[Any]]:
        return [kind for one in shape.__subclasses__() for kind in (one, *below(one))]

    names = Counter(shape.__name__ for shape in below(Shape))
    assert not [name for name, times in names.items() if times > 1]


def test_the_guide_names_every_operation(world: World) -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs/api.md").read_text(encoding="utf-8")
    for path, methods in service.schema()["paths"].items():
        for method, told in methods.items():
            right = f"`{told['x-right']}`" if told["x-right"] else "—"
            said = f"{told['x-words']['zh']} {told['x-words']['en']}"
            assert f"| {method.upper()} `{path.removeprefix('/api/v1')}` | {said} | {right} |" in guide, path
