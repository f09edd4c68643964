"""The desk in real Chromium, for the tests in a browser: one desk over the demonstration's data, served by granian with a worker.

Every page is watched: no word in the console, no violation of the security policy, no request to another machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.agency.served import PASSWORD, chromium, served
from yizhan.agency.embedded import Server

IN_A_BROWSER = [pytest.mark.xdist_group("browser"), pytest.mark.usefixtures("nothing_amiss")]
"""The marks of a module of such tests: all of them in one process, which has the desk."""

MISSING = (
    "Chromium is missing, so nothing was tried in a browser. Install the package chromium, name one by YIZHAN_CHROMIUM, "
    "or let it be installed with YIZHAN_INSTALL_CHROMIUM=1"
)


@dataclass
class Desk:
    """A running desk and the browser in front of it. `faults` is what no page may do."""

    address: str
    browser: Browser
    faults: list[str] = field(default_factory=list)

    def page(self, username: str = "", *, lang: str = "zh") -> Page:
        """A browser of its own, signed in where a user name is given."""
        context = self.browser.new_context(viewport={"width": 1366, "height": 768})
        context.set_default_timeout(15_000)
        context.add_cookies([{"name": "language", "value": {"zh": "zh-hans", "en": "en"}[lang], "url": self.address}])
        context.on("request", lambda request: self._foreign(request.url))
        page = context.new_page()
        page.on("console", lambda said: self._heard(said.type, said.text, page.url))
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        if username:
            page.goto(f"{self.address}/sign-in")
            page.fill("[name=username]", username)
            page.fill("[name=password]", PASSWORD)
            page.press("[name=password]", "Enter")
            expect(page.locator("nav.side")).to_be_visible()
        return page

    def _foreign(self, url: str) -> None:
        if not url.startswith(
            (self.address, "data:", "blob:", "chrome:", "chrome-extension:")
        ):  # the browser reads PDF itself
            self.faults.append(f"a request left this machine: {url}")

    def _heard(self, kind: str, text: str, where: str) -> None:
        if kind in ("error", "warning") and "status of 4" not in text:
            self.faults.append(f"{where}: {text}")


@pytest.fixture(scope="session")
def demonstrated(
    database_server: Server, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a desk over a database of its own, for all such tests: making the data takes longer than most of them."""
    name = f"clone_{os.getpid()}_browser"
    database_server.create_database(name, template=template_database)
    try:
        with served(database_server.url(database=name), tmp_path_factory.mktemp("desk")) as address:
            yield address
    finally:
        database_server.drop_database(name)


@pytest.fixture(scope="module")
def desk(demonstrated: str) -> Iterator[Desk]:
    """The desk and a browser. The browser ends with the module: while it runs, Django takes the process for an asynchronous one.

    Without a browser everything is skipped, and in CI it fails.
    """
    if not chromium():
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        # As root, as in CI, Chromium refuses to start with its sandbox.
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield Desk(demonstrated, browser)
        browser.close()


@pytest.fixture
def nothing_amiss(desk: Desk) -> Iterator[None]:
    """Whatever a test opens, no page may violate the policy, complain, or ask another machine."""
    desk.faults.clear()
    yield
    for context in desk.browser.contexts:
        context.close()
    assert not desk.faults, desk.faults


def go(page: Page, desk: Desk, where: str) -> None:
    """Open a page of the desk."""
    answer = page.goto(desk.address + where)
    assert answer is not None and answer.status == 200, f"{where}: {answer and answer.status}"


def when_done(page: Page) -> None:
    """Wait until the run on this page has ended; it asks for its progress by itself."""
    expect(page.locator(".mark", has_text=re.compile("完成|done"))).to_be_visible(timeout=20_000)
