"""A day at the window in real Chromium, by keyboard alone: find, enter, look, settle, print, reverse, settle again.

The visits are those of the demonstration. A mouse event fails a test that promises the keyboard.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect
from pypdf import PdfReader

from tests.agency.browsing import IN_A_BROWSER, Desk, go

pytestmark = IN_A_BROWSER

NO_MOUSE = """
for (const kind of ["mousedown", "click"]) addEventListener(kind, (event) => {
  if (event.isTrusted && event.detail > 0) console.error("a mouse was used");
}, true);
"""

MOST_KEYS = 6
"""Keystrokes that settle and print a prepared visit once the reader has read the certificate (security_ops: the target)."""


class Keys:
    """Presses keys and counts them; what a reader types counts as one."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def press(self, *names: str) -> None:
        for name in names:
            self.count += 1
            self.page.keyboard.press(name)

    def read(self, text: str) -> None:
        """As a reader in keyboard mode types: fast, with an Enter."""
        self.count += 1
        self.page.keyboard.type(text, delay=4)
        self.page.keyboard.press("Enter")


@pytest.fixture
def clerk(desk: Desk) -> Iterator[Page]:
    page = desk.page("yuhu.window")
    page.add_init_script(NO_MOUSE)
    yield page


def visits_waiting(page: Page, desk: Desk) -> list[str]:
    go(page, desk, "/care/visits/")
    return page.locator("tbody td:first-child a").all_inner_texts()


def due(page: Page) -> str:
    return page.locator("#preview .due b, .due.wide b").first.inner_text()


def test_a_prepared_visit_is_settled_and_printed_in_six_keystrokes(desk: Desk, clerk: Page) -> None:
    number = visits_waiting(clerk, desk)[0]
    keys = Keys(clerk)
    keys.press("F2")
    keys.read(number)
    expect(clerk.locator("#preview .due b")).to_be_visible()
    shown = due(clerk)
    keys.press("F8")
    expect(clerk.locator("dialog#confirm")).to_be_visible()
    keys.press("Enter")
    expect(clerk.locator(".note-success")).to_be_visible()
    assert due(clerk) == shown
    printing = clerk.locator("[data-key=F9]")
    link = printing.evaluate("button => button.form.action")
    token = clerk.locator("#print [name=csrfmiddlewaretoken]").input_value()
    with clerk.context.expect_page():
        keys.press("F9")
    assert keys.count <= MOST_KEYS
    pdf = clerk.context.request.post(link, form={"csrfmiddlewaretoken": token}, headers={"Referer": clerk.url}).body()
    assert shown in PdfReader(io.BytesIO(pdf)).pages[0].extract_text()


def test_enter_waits_for_the_candidates_of_what_was_typed(desk: Desk, clerk: Page) -> None:
    """A slow answer neither loses the item nor takes one of an earlier text."""
    number = visits_waiting(clerk, desk)[0]
    go(clerk, desk, clerk.locator("tbody td:first-child a").first.get_attribute("href") or "")
    expect(clerk.locator("#id_code")).to_be_focused()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    clerk.route("**/items?*", hold)
    clerk.keyboard.type("院内CT")
    clerk.keyboard.press("Enter")
    expect(clerk.locator("#id_code")).to_be_focused()
    clerk.wait_for_function("document.querySelector('#candidates li') === null")
    with clerk.expect_response("**/items?*"):
        while not held:
            clerk.wait_for_timeout(50)
        held.pop().continue_()
    expect(clerk.locator("#id_quantity")).to_be_focused()
    assert "CT" in clerk.locator("#chosen").inner_text(), number
    clerk.unroute("**/items?*")


def test_lines_are_typed_with_candidates_full_width_and_a_live_bill(desk: Desk, clerk: Page) -> None:
    number = visits_waiting(clerk, desk)[0]
    keys = Keys(clerk)
    keys.press("F2")
    keys.read(number)
    expect(clerk.locator("#id_code")).to_be_focused()
    before = due(clerk)
    clerk.keyboard.type("院内CT", delay=120)
    expect(clerk.locator("#candidates [role=option]").first).to_be_visible()
    clerk.keyboard.press("Enter")
    expect(clerk.locator("#id_quantity")).to_be_focused()
    clerk.keyboard.type("２")
    clerk.keyboard.press("Enter")
    expect(clerk.locator("#id_price")).to_be_focused()
    clerk.keyboard.type("２６０．５", delay=90)
    expect(clerk.locator("#amount")).to_have_text("521.00")
    expect(clerk.locator("#preview .mark-wait")).to_have_text("含正在录入的一条")
    assert due(clerk) != before
    draft = due(clerk)
    clerk.keyboard.press("F8")
    expect(clerk.locator("dialog#confirm button.main")).to_have_count(0)  # not while a line is open
    clerk.keyboard.press("Escape")
    clerk.keyboard.press("Enter")  # back on the price
    expect(clerk.locator("#id_code")).to_be_focused()
    expect(clerk.locator("#id_code")).to_have_value("")
    expect(clerk.locator("#preview .mark-wait")).to_have_count(0)
    assert due(clerk) == draft
    expect(clerk.locator(".entered tbody tr").first).to_contain_text("521.00")
    # What is refused says why and keeps what was typed.
    clerk.locator("#id_code").fill("Y2007")
    clerk.locator("#id_quantity").fill("x")
    clerk.locator("#id_price").fill("18")
    clerk.locator("#id_price").focus()
    clerk.keyboard.press("Enter")
    expect(clerk.locator("#work .problems")).to_be_visible()
    expect(clerk.locator("#id_code")).to_have_value("Y2007")


def test_a_reader_finds_the_person_wherever_the_cursor_stands(desk: Desk, clerk: Page) -> None:
    waiting = visits_waiting(clerk, desk)
    keys = Keys(clerk)
    keys.press("F2")
    keys.read(waiting[0])
    expect(clerk.locator("#id_price")).to_be_visible()
    clerk.locator("#id_price").focus()
    keys.read("".join(chr(ord(c) + 0xFEE0) for c in waiting[1]))  # a full-width input method is on
    expect(clerk.locator(".crumbs")).to_contain_text(waiting[1])


def test_keys_that_are_held_or_pressed_twice_settle_once(desk: Desk, clerk: Page) -> None:
    waiting = visits_waiting(clerk, desk)
    keys = Keys(clerk)
    keys.press("F2")
    keys.read(waiting[0])
    expect(clerk.locator("#preview .due b")).to_be_visible()
    clerk.keyboard.down("F8")
    clerk.keyboard.down("F8")
    clerk.keyboard.up("F8")
    clerk.keyboard.press("F8")
    expect(clerk.locator("dialog#confirm")).to_be_visible()
    # The same confirmation once more, as a lost answer or a reload would send it.
    form = clerk.evaluate("Object.fromEntries(new FormData(document.getElementById('settle')))")
    clerk.keyboard.press("Enter")
    clerk.keyboard.press("Enter")
    expect(clerk.locator(".note-success")).to_be_visible()
    where = clerk.url
    again = clerk.context.request.post(f"{where}/settle", form=form, headers={"Origin": desk.address})
    assert again.status == 200
    assert re.sub(r"\s+", "", clerk.locator(".preview .final").inner_text()) == "0.00"
    expect(clerk.locator(".preview tbody tr")).to_have_count(1 + clerk.locator(".preview h2 + table tbody tr").count())


def test_a_settled_visit_is_reversed_and_settled_again(desk: Desk, clerk: Page) -> None:
    go(clerk, desk, "/care/visits/?part=settled")
    clerk.locator("tbody a").first.focus()
    clerk.keyboard.press("Enter")
    expect(clerk.locator("[data-key=F6]")).to_be_visible()
    paid = due(clerk)
    clerk.keyboard.press("F6")
    expect(clerk.locator("[name=why]")).to_be_focused()
    clerk.keyboard.type("费用录错")
    clerk.keyboard.press("Enter")
    expect(clerk.locator(".note-warning").first).to_contain_text("费用录错")
    clerk.keyboard.press("F8")
    clerk.keyboard.press("Enter")
    expect(clerk.locator(".note-success")).to_be_visible()
    assert due(clerk) == paid


def test_somebody_unknown_is_registered_by_keyboard(desk: Desk, clerk: Page) -> None:
    go(clerk, desk, "/care/visits/")
    clerk.keyboard.press("F3")
    expect(clerk.locator("[name=id_number]")).to_be_visible()
    clerk.locator("[name=id_number]").focus()
    clerk.keyboard.type("430302196003050011", delay=4)
    clerk.keyboard.press("Enter")
    expect(clerk.locator("[name=name]")).to_be_focused()  # a reader may fill the field that asks for it
    clerk.keyboard.type("没有此人")
    for _ in range(12):
        if clerk.locator(".wrong, .problems").count():
            break
        clerk.keyboard.press("Enter")
    expect(clerk.locator(".wrong, .problems").first).to_be_visible()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_keys_and_the_amount_stand_on_a_small_screen(desk: Desk, lang: str) -> None:
    page = desk.page("yuhu.window", lang=lang)
    go(page, desk, "/care/visits/")
    page.locator("tbody a").first.click()
    for part in ("nav.keys", "#preview .due"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 768, f"{part} lies below the screen"
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 1366
    keys = page.locator("nav.keys").inner_text()
    assert all(f"F{n}" in keys for n in (2, 3, 4, 7, 8, 10))
