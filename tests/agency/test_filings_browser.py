"""A referral in real Chromium, by those whose work it is: township, county hospital, bureau, with its effect shown."""

from __future__ import annotations

from datetime import date

from playwright.sync_api import expect

from tests.agency.browsing import IN_A_BROWSER, Desk, go
from yizhan.agency.people.identifiers import synthetic_id

pytestmark = IN_A_BROWSER

NAME = "闻人听雨"
NUMBER = synthetic_id("439902", date(1966, 6, 6), 779)


def test_a_referral_goes_from_the_township_to_the_bureau(desk: Desk) -> None:
    bureau = desk.page("yuhu.officer")
    go(bureau, desk, "/people/register")
    bureau.fill("[name=name]", NAME)
    bureau.fill("[name=id_number]", NUMBER)
    bureau.locator("main form button.main").click()
    expect(bureau.locator("h1")).to_contain_text(NAME)

    township = desk.page("yuhu.township")
    go(township, desk, "/filings/new")
    township.fill("[name=id_number]", NUMBER)
    township.fill("[name=name]", NAME)
    township.press("[name=name]", "Enter")
    township.get_by_role("link", name="转诊", exact=True).click()
    township.fill("[name=to_institution]", "湘潭市演示医院")
    township.fill("[name=why]", "本院条件有限")
    township.get_by_role("button", name="看对报销的影响").click()
    expect(township.locator("#effect")).to_contain_text("少付（元）")
    township.get_by_role("button", name="提出", exact=True).click()
    expect(township.locator("h1")).to_contain_text("待县级医院意见")
    number = township.url.rpartition("/")[2]

    county = desk.page("yuhu.window", lang="en")
    county.get_by_role("link", name="referrals for your opinion").click()
    county.locator(f"a[href='/filings/{number}']").click()
    county.fill("[name=words]", "同意转诊")
    county.get_by_role("button", name="Agree").click()
    expect(county.locator("h1")).to_contain_text("awaits the bureau")

    go(bureau, desk, f"/filings/{number}")
    expect(bureau.locator("#effect")).to_contain_text("10000.00")
    bureau.fill("[name=amount]", "50000")
    bureau.get_by_role("button", name="试算").click()
    expect(bureau.locator("#effect")).to_contain_text("政策范围内 50000.00 元")
    assert bureau.url.endswith(f"/filings/{number}"), "only the part was exchanged"
    bureau.get_by_role("button", name="备案", exact=True).click()
    expect(bureau.locator("h1")).to_contain_text("已备案")
    expect(bureau.locator("ol.steps li")).to_have_count(3)


def test_a_clerk_finds_nobody_without_number_and_name(desk: Desk) -> None:
    page = desk.page("xiangtan.window")
    go(page, desk, "/filings/new")
    page.fill("[name=id_number]", NUMBER)
    page.fill("[name=name]", "另一个人")
    page.press("[name=name]", "Enter")
    expect(page.get_by_role("heading", name="不相符")).to_be_visible()
