"""The desk in real Chromium, served by granian with a worker beside it, over the demonstration's data.

Every page is watched: no word in the console, no violation of the security policy, no request to another machine. The
flows follow one another as at a bureau, each by the officer whose work it is.
"""

from __future__ import annotations

import io
import re
import time
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.agency.browsing import IN_A_BROWSER, Desk, go
from tests.agency.served import PASSWORD
from yizhan.agency.demonstration.country import INSTITUTIONS
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.spreadsheets import Column, Sheet, write_xlsx

pytestmark = IN_A_BROWSER

HOSPITALS = [name for _, name, *_ in INSTITUTIONS]

EVERYBODY = {
    "yuhu.officer": "zh en", "yuhu.reviewer": "zh", "yuhu.finance": "en", "yuhu.supervisor": "zh", "yuhu.auditor": "en",
    "yuhu.civil": "zh en", "yuhu.tax": "zh", "yuhu.window": "zh en", "yuhu.hospital": "en", "songshan.officer": "en",
    "xiangtan.city": "zh", "hunan.province": "en", "xiangtan.policy": "zh", "system": "zh en", "security": "zh en", "audit": "zh en",
}  # fmt: skip
"""Every role, and the languages in which its pages are opened; each page is opened in both by somebody."""

READERS = ("yuhu.officer", "yuhu.reviewer", "yuhu.finance", "yuhu.supervisor", "yuhu.auditor")
"""Who sees the same of one county: what one of them opened, the next need not open again. What their rights add or take
away on a page is tested without a browser.
"""


@pytest.fixture(scope="module")
def opened() -> set[tuple[str, str]]:
    """(language, address) of what one of the READERS has opened."""
    return set()


@pytest.mark.parametrize("username", EVERYBODY)
def test_every_page_of_a_role_opens_clean(desk: Desk, opened: set[tuple[str, str]], username: str) -> None:
    page = desk.page(username)
    for lang in EVERYBODY[username].split():
        page.context.add_cookies(
            [{"name": "language", "value": {"zh": "zh-hans", "en": "en"}[lang], "url": desk.address}]
        )
        go(page, desk, "/")
        assert page.get_attribute("html", "lang") == {"zh": "zh-CN", "en": "en"}[lang]
        where = page.eval_on_selector_all(
            "nav.side a, .figure[href]", "links => links.map(a => a.getAttribute('href'))"
        )
        before = opened if username in READERS else set()
        for link in dict.fromkeys(where):
            if (lang, link) in before:
                continue
            before.add((lang, link))
            go(page, desk, link)
            assert page.locator("h1").inner_text().strip(), link
            if lang == "en":
                words = page.locator("nav.side, h1, th, .head .acts, .filters").all_inner_texts()
                for name in HOSPITALS:  # a name has no other language
                    words = [text.replace(name, "") for text in words]
                chinese = [line for text in words for line in text.split("\n") if re.search("[一-龥]", line)]
                assert not chinese, f"{link}: Chinese words on an English page"


def test_sign_in_and_search_need_no_mouse(desk: Desk) -> None:
    page = desk.page()
    page.goto(f"{desk.address}/sign-in")
    page.keyboard.type("yuhu.officer")  # the cursor is there already
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("nav.side")).to_be_visible()
    page.keyboard.press("F2")
    page.keyboard.type("mmtal")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="买买提·艾力")).to_be_visible()
    assert "mmtal" not in page.url
    while page.evaluate("document.activeElement.textContent") != "买买提·艾力":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("买买提·艾力")


def test_rare_characters_and_single_names_are_found(desk: Desk) -> None:
    page = desk.page("yuhu.officer")
    for typed, name in (
        ("谭㛃", "谭㛃"),
        ("yy", "易䶮"),
        ("柳𬭚", "柳𬭚"),
        ("阿卜杜热依木", "阿卜杜热依木·麦麦提图尔荪尼亚孜·艾合买提江"),
    ):
        page.keyboard.press("F2")
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def test_after_signing_out_back_shows_no_person(desk: Desk) -> None:
    page = desk.page("yuhu.officer")
    go(page, desk, "/people/")
    page.get_by_role("button", name="退出").click()
    expect(page.locator("[name=password]")).to_be_visible()
    page.go_back()
    expect(page.locator("[name=password]")).to_be_visible()
    assert "439***" not in page.locator("body").inner_text()


def test_the_language_changes_on_the_page_where_one_is(desk: Desk) -> None:
    page = desk.page("yuhu.officer")
    go(page, desk, "/rosters/")
    page.get_by_text("English", exact=True).click()
    expect(page.locator("h1")).to_have_text("Rosters")
    page.get_by_text("中文", exact=True).click()
    expect(page.locator("h1")).to_have_text("名单")


EVIL = "'\"><svg onload=alert(1)>"


def test_a_name_that_is_a_script_never_runs(desk: Desk) -> None:
    page = desk.page("yuhu.officer")
    page.on("dialog", lambda dialog: desk.faults.append(f"the name ran: {dialog.message}"))
    go(page, desk, "/people/register")
    page.fill("[name=name]", EVIL)
    page.fill("[name=id_number]", synthetic_id("439902", date(1966, 6, 6), 777))
    page.locator("main form button.main").click()
    expect(page.locator("h1")).to_contain_text(EVIL)
    person = page.url
    page.keyboard.press("F2")
    page.keyboard.type(EVIL)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=EVIL)).to_be_visible()
    for where in ("/correct", "/account", "/move", "/marks/add", "/merge"):
        go(page, desk, person.removeprefix(desk.address) + where)
    page.get_by_text("English", exact=True).first.click()
    assert page.locator("svg[onload]").count() == 0


# --- The main flows ---------------------------------------------------------------------------------------------------


def a_list(folder: Path) -> Path:
    """A change list of civil affairs with odd headings: one new mark, one new person, two rows that are wrong."""
    month = date.today().replace(day=1)
    rows = [
        ("闻人听雪", synthetic_id("439902", date(1958, 2, 3), 641), "低保", "新增", month),
        ("", synthetic_id("439902", date(1958, 2, 4), 641), "低保", "新增", month),
        ("无效号码", "439902195802050000", "低保", "新增", month),
        ("买买提·艾力", synthetic_id("439902", date(1961, 7, 1), 643), "特困", "退出", None),
    ]
    target = io.BytesIO()
    columns = [Column("户内人员"), Column("号"), Column("类别"), Column("增减"), Column("起始日期", "date")]
    write_xlsx(target, [Sheet("名单", columns, rows)])
    path = folder / "浏览器名单.xlsx"
    path.write_bytes(target.getvalue())
    return path


def test_a_roster_goes_from_the_department_to_the_person(desk: Desk, tmp_path: Path) -> None:
    liaison = desk.page("yuhu.civil")
    go(liaison, desk, "/rosters/upload")
    liaison.set_input_files("[name=file]", a_list(tmp_path))
    liaison.select_option("[name=kind]", "monthly")
    liaison.fill("[name=effective_on]", date.today().replace(day=1).isoformat())
    for category in ("低保", "特困"):
        liaison.get_by_label(category, exact=True).check()
    liaison.locator("main form[method=post] button.main").first.click()

    # The page follows the work by itself. Nobody could know the columns, so the sender is asked.
    liaison.get_by_role("link", name="确认列").click(timeout=20_000)
    for name, heading in (("name", "户内人员"), ("id_number", "号"), ("act", "增减")):
        liaison.select_option(f"select[name={name}]", heading)
    liaison.locator("main form[method=post] button.main").first.click()
    number = roster_number(liaison)

    officer = desk.page("yuhu.officer")
    wait_for_state(officer, desk, number, "待核对")
    go(officer, desk, f"/rosters/{number}?state=rejected")
    expect(officer.locator("tbody")).to_contain_text("没有姓名")
    expect(officer.locator("tbody")).to_contain_text("校验码不对")
    go(officer, desk, f"/rosters/{number}?state=not_found")
    officer.locator("thead input[type=checkbox]").check()
    officer.get_by_role("button", name="剔除此行").click()
    officer.get_by_role("button", name="送复核").click()
    wait_for_state(officer, desk, number, "待复核")

    reviewer = desk.page("yuhu.reviewer")
    reviewer.on("dialog", lambda dialog: dialog.accept())
    go(reviewer, desk, f"/rosters/{number}/review")
    reviewer.get_by_role("button", name=re.compile("同意")).click()
    wait_for_state(reviewer, desk, number, "已应用")

    officer.keyboard.press("F2")
    officer.keyboard.type("闻人听雪")
    officer.keyboard.press("Enter")
    officer.get_by_role("link", name="闻人听雪").click()
    expect(officer.locator("svg.timeline")).to_be_visible()
    expect(officer.locator(".identities")).to_contain_text("低保")


def roster_number(page: Page) -> int:
    """The newest roster of the list."""
    page.goto(re.sub(r"/(rosters|jobs)/.*", "/rosters/", page.url))
    return int(page.locator("tbody tr").first.locator("a").first.inner_text())


def wait_for_state(page: Page, desk: Desk, number: int, state: str) -> None:
    """Look at the roster until it is in this state; the worker needs its moment."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        go(page, desk, f"/rosters/{number}")
        if state in page.locator(".head, .mark").first.inner_text():
            return
        page.wait_for_timeout(200)
    raise AssertionError(f"roster {number} is not {state}: {page.locator('.head').inner_text()}")


def test_a_person_is_enrolled_and_the_premium_explained(desk: Desk) -> None:
    page = desk.page("yuhu.officer")
    go(page, desk, "/enrolment/coverage/missing?year=2026")
    row = page.locator("tbody tr", has_text="没有参保登记").first
    row.locator("a").first.click()
    number = re.search(r"[0-9]{10}|/([0-9]+)/", page.url)
    assert number is not None
    go(page, desk, "/enrolment/")
    page.get_by_role("link", name="参保登记", exact=True).last.click()
    page.locator("main form[method=post] input").nth(1).fill(number[0].strip("/").zfill(10))
    page.locator("main form[method=post] button.main").click()
    expect(page.locator("main")).to_contain_text("缴费怎样算")
    expect(page.locator("main")).to_contain_text("2026年度个人缴费 400.00 元")


def test_finance_approves_what_the_county_proposed(desk: Desk) -> None:
    officer = desk.page("yuhu.officer")
    go(officer, desk, "/enrolment/subsidies")
    officer.locator("tbody a", has_text="Z002").click()
    where = officer.url.removeprefix(desk.address)
    expect(officer.get_by_role("button", name="核定")).to_have_count(0)
    finance = desk.page("yuhu.finance")
    go(finance, desk, where)
    finance.locator("input[type=date]").first.fill(date.today().isoformat())
    finance.on("dialog", lambda dialog: dialog.accept())
    finance.get_by_role("button", name=re.compile("核定|同意")).first.click()
    expect(finance.locator(".head, .mark").first).to_contain_text("已核定")
