"""The relief certificate: issued, printed, checked at a hospital's window, void when it should be. SET-4, row F9 of docs/security.md."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.agency.caring import patient, settled, stay
from tests.agency.enrolling import mark, withdraw_marks
from tests.agency.filing import DAY, approved, asked, today
from tests.agency.world import World
from yizhan.agency import crypto
from yizhan.agency.care.verification import sign_bill
from yizhan.agency.filings.actions import filing as actions
from yizhan.agency.filings.actions.certificates import check_certificate, issue_certificate, print_again
from yizhan.agency.filings.certificates import CertificateCode, Checked, code_of, read_code
from yizhan.agency.filings.models import Filing, Printing
from yizhan.agency.people.merging import decide_merge, propose_merge
from yizhan.agency.people.models import Person
from yizhan.agency.staff.codes import signed
from yizhan.agency.staff.errors import NotAllowed, NotFound
from yizhan.agency.staff.models import Audit, Officer
from yizhan.agency.staff.scope import System, acting
from yizhan.bill.certificate import Certificate, print_certificate
from yizhan.errors import InputProblem, Problems

ALL = System("tests")
PURPOSE = "certificate.verification"


@pytest.fixture
def person(world: World) -> Person:
    found = patient(world)
    mark(world.yuhu.officer, found, "extremely_poor")
    return found


@pytest.fixture
def row(world: World, person: Person) -> Filing:
    return approved(world, person, "certificate", from_on=today() - 10 * DAY, to_on=today() + 10 * DAY)


def issued(world: World, row: Filing, why: str = "first", words: str = "") -> str:
    return code_of(issue_certificate(row, why=why, words=words, acting_user=world.yuhu.officer))


def checked(world: World, code: str, by: Officer | None = None) -> Checked:
    return check_certificate(code, acting_user=by or world.yuhu.window)


# --- The code ---------------------------------------------------------------------------------------------------------


def test_the_window_asks_for_the_certificate_of_who_holds_one(world: World) -> None:
    person = patient(world)
    visit = stay(world.yuhu, person)
    client, where = world.client(world.yuhu.window), f"/care/visits/{visit.pk}"
    assert "此人持有救助证" not in client.get(where).content.decode()
    approved(world, person, "certificate")
    assert "此人持有救助证" in client.get(where).content.decode()
    settled(world.yuhu, visit)
    assert "此人持有救助证" not in client.get(where).content.decode()


def test_a_code_says_which_paper_it_is_and_names_nobody(world: World, row: Filing) -> None:
    code = issued(world, row)
    assert read_code(code) == CertificateCode(row.pk, 1, 1, today())
    assert code.split("-")[1:5] == [str(row.pk), "1", "1", f"{today():%Y%m%d}"], "nothing of the person"
    assert re.fullmatch(r"YZC-\d+-1-1-\d{8}-[A-Z2-7]{26}", code)


def test_what_a_scanner_or_a_hand_makes_of_a_code_is_read(world: World, row: Filing) -> None:
    code = issued(world, row)
    wide = code.translate({c: c + 0xFEE0 for c in range(0x21, 0x7F)})
    body, mark_of_it = code.rsplit("-", 1)
    for typed in (
        code.lower(),
        f"  {code[:9]} {code[9:]}\n",
        wide,
        f"{body}-{mark_of_it.replace('O', '0').replace('I', '1').replace('B', '8')}",
    ):
        assert read_code(typed) == read_code(code), typed


def test_a_changed_or_foreign_code_is_refused(world: World, row: Filing) -> None:
    code = issued(world, row)
    body, mark_of_it = code.rsplit("-", 1)
    other = body.replace("YZC-", "YZC-0")
    for typed, expected in (
        (body, "not_a_certificate_code"), ("", "not_a_certificate_code"), (code + "A", "not_a_certificate_code"),
        (sign_bill(1, total=1, paid=1, patient=0, on=today()), "not_a_certificate_code"),
        (f"{other}-{mark_of_it}", "certificate_not_genuine"), (signed(other, PURPOSE), "certificate_not_genuine"),
        (signed(body, "bill.verification"), "certificate_not_genuine"),
        (signed(body, PURPOSE, using=crypto.DemoKeys("sm").load()), "certificate_not_genuine"),
    ):  # fmt: skip
        with pytest.raises(Problems) as refused:
            read_code(typed)
        assert refused.value.problems[0].code == expected, typed


@given(
    filing=st.integers(1, 10**17), issue=st.integers(1, 9999), copy=st.integers(1, 9999), on=st.dates(date(2020, 1, 1))
)
def test_every_code_reads_back_and_no_figure_of_it_can_be_changed(filing: int, issue: int, copy: int, on: date) -> None:
    said = CertificateCode(filing, issue, copy, on)
    code = signed(said.body, PURPOSE)
    assert read_code(code) == said
    changed = CertificateCode(filing + 1, issue, copy, on)
    with pytest.raises(Problems):
        read_code(code.replace(said.body, changed.body))


# --- At the window ----------------------------------------------------------------------------------------------------


def test_a_window_sees_whose_it_is_and_what_holds_today(world: World, row: Filing) -> None:
    code = issued(world, row)
    found = checked(world, code)
    assert found.good and found.words.zh == "真实有效"
    assert found.counted is not None and found.counted.identity == "extremely_poor"
    page = world.client(world.yuhu.window).post("/filings/certificates", {"code": code}).content.decode()
    assert "真实有效" in page and "特困" in page and row.person.number in page
    assert row.person.name not in page and row.person.name[0] + "*" in page, "masked"
    with acting(ALL):
        told = Audit.objects.filter(act="filing.check_certificate").values_list(
            "officer_id", "person_id", "detail__good"
        )
        assert list(told) == [(world.yuhu.window.pk, row.person_id, True)] * 2


def test_hospitals_of_the_city_may_check_and_those_of_another_learn_only_that_it_is_genuine(
    world: World, row: Filing
) -> None:
    code = issued(world, row)
    assert checked(world, code, world.xiangtan_county.window).good
    far = checked(world, code, world.songshan.window)
    assert (far.tone, far.person, far.counted) == ("wait", None, None)
    page = world.client(world.songshan.window).post("/filings/certificates", {"code": code}).content.decode()
    assert "请向发证的医保局核实" in page and row.person.number not in page and row.number not in page
    with pytest.raises(NotAllowed):
        checked(world, code, world.yuhu.liaison_civil)


def test_a_certificate_stands_for_what_holds_today_not_when_it_was_printed(world: World, row: Filing) -> None:
    code = issued(world, row)
    withdraw_marks(world.yuhu.officer, row.person, "extremely_poor")
    found = checked(world, code)
    assert (found.good, found.tone) == (False, "wait")
    assert "没有救助身份" in found.why.zh


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("revoked", "从来不算数"), ("forged", "从来不算数"), ("ended", "最后一天是"), ("dead", "去世"),
    ],
)  # fmt: skip
def test_why_a_certificate_no_longer_holds(world: World, row: Filing, what: str, words: str) -> None:
    code = issued(world, row)
    if what in ("revoked", "forged"):
        actions.revoke(row, forged=what == "forged", words="查实", acting_user=world.yuhu.officer)
    elif what == "ended":
        actions.end(row, last=today() - DAY, words="退出", acting_user=world.yuhu.officer)
    else:
        with acting(ALL):
            Person.objects.filter(pk=row.person_id).update(died_on=today() - DAY)
    found = checked(world, code)
    assert (found.good, found.tone) == (False, "bad") and words in found.why.zh
    page = world.client(world.yuhu.window).post("/filings/certificates", {"code": code}).content.decode()
    assert words in page and "特困" not in page.split('role="status"')[-1], "no identity beside a void paper"


@pytest.mark.parametrize(("first", "last", "words"), [(-20, -1, "为止"), (1, 20, "起才有效")])
def test_outside_its_days_a_certificate_does_not_hold(
    world: World, person: Person, first: int, last: int, words: str
) -> None:
    row = approved(world, person, "certificate", from_on=today() + first * DAY, to_on=today() + last * DAY)
    found = checked(world, issued(world, row))
    assert not found.good and words in found.why.zh


def test_a_replaced_paper_is_void_and_a_reprint_is_seen(world: World, row: Filing) -> None:
    first = issued(world, row)
    again = code_of(print_again(row, acting_user=world.yuhu.officer))
    assert again != first and checked(world, first).good and checked(world, again).good
    assert [(p.issue, p.copy) for p in checked(world, first).printings] == [(1, 1), (1, 2)]
    second = issued(world, row, "lost", "在集市遗失")
    old = checked(world, again)
    assert old.tone == "bad" and "第 2 本" in old.why.zh and "遗失补发" in old.why.zh
    assert checked(world, second).good


def test_a_code_of_a_printing_that_never_was_is_told(world: World, row: Filing) -> None:
    issued(world, row)
    for said in (CertificateCode(row.pk, 1, 2, today()), CertificateCode(row.pk, 1, 1, today() - DAY)):
        found = checked(world, signed(said.body, PURPOSE))
        assert found.tone == "bad" and "报告医保局" in found.why.zh
    other = asked(world, row.person, "offsite")
    assert checked(world, signed(CertificateCode(other.pk, 1, 1, today()).body, PURPOSE)).filing is None


def test_a_certificate_of_a_merged_record_is_its_persons(world: World, person: Person, row: Filing) -> None:
    code = issued(world, row)
    kept = patient(world, 9, "试样甲")
    mark(world.yuhu.officer, kept, "subsistence")
    merge = propose_merge(kept, dropped=person, why="同一人，旧号录错", acting_user=world.yuhu.officer)
    decide_merge(merge, accept=True, acting_user=world.yuhu.reviewer)
    found = checked(world, code)
    assert found.person == kept and found.good
    assert found.counted is not None and set(found.counted.ranked) == {"extremely_poor", "subsistence"}


# --- Issuing ----------------------------------------------------------------------------------------------------------


def test_only_an_approved_certificate_is_printed_and_a_new_one_needs_a_reason(world: World, person: Person) -> None:
    waiting = asked(world, person, "certificate")
    with pytest.raises(InputProblem) as refused:
        issued(world, waiting)
    assert refused.value.code == "filing_not_its_turn"
    actions.decide(waiting, decision="approve", acting_user=world.yuhu.reviewer)
    with pytest.raises(NotFound):
        print_again(waiting, acting_user=world.yuhu.officer)
    issued(world, waiting)
    for why, words in (("first", "又一本"), ("lost", " "), ("nonsense", "x")):
        with pytest.raises(InputProblem):
            issued(world, waiting, why, words)
    with pytest.raises(NotFound):
        issued(world, approved(world, person, "offsite"))
    with pytest.raises(NotAllowed):
        issue_certificate(waiting, why="lost", words="丢了", acting_user=world.yuhu.reviewer)
    with acting(ALL):
        assert Printing.objects.count() == 1


def test_a_certificate_is_printed_over_http_and_checked(world: World, row: Filing) -> None:
    desk = world.client(world.yuhu.officer)
    assert "发证并打印" in desk.get(f"/filings/{row.pk}").content.decode()
    printed = desk.post(f"/filings/{row.pk}/issue", {"why": "first"})
    assert (printed.status_code, printed.headers["Content-Type"]) == (200, "application/pdf")
    assert printed.content.startswith(b"%PDF-")
    assert desk.post(f"/filings/{row.pk}/reprint").content.startswith(b"%PDF-")
    refused = desk.post(f"/filings/{row.pk}/issue", {"why": "lost", "words": ""})
    assert refused.status_code == 422
    assert desk.post(f"/filings/{row.pk}/issue", {"why": "lost", "words": "在集市遗失"}).status_code == 200
    page = desk.get(f"/filings/{row.pk}").content.decode()
    assert "遗失补发 · 在集市遗失" in page and "再打印一次" in page
    assert world.client(world.yuhu.window).post(f"/filings/{row.pk}/issue").status_code == 404
    wrong = world.client(world.yuhu.window).post("/filings/certificates", {"code": "YZC-1-1"})
    assert wrong.status_code == 422 and "共六段" in wrong.content.decode()


def test_equal_certificates_are_equal_bytes_and_markup_prints_as_it_stands() -> None:
    rows: Any = (("姓名", "#panic() *粗* $x$ <b>"), ("身份", "特困（民政）"))
    one = Certificate("湘潭市雨湖区", "JZ202600000001", rows, "YZC-1-1-1-20260301-AAAA")
    assert print_certificate(one).pdf == print_certificate(one).pdf
    assert print_certificate(one).missing == ()
    assert print_certificate(one, "en").pdf != print_certificate(one).pdf
