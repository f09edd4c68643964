"""Look at every page: python tests/agency/look.py FOLDER [--only WORD] saves it in zh and en, as each role sees it.

Run by hand. The pages are those of the navigation, and what their first links lead to.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.agency.served import PASSWORD, chromium, environment, served  # noqa: E402  # after the path

SIZE = (1366, 768)

LINKS: dict[str, tuple[str, ...]] = {
    "yuhu.officer": (
        "/people/", "/people/register", "/people/merges", "/people/merges/*", "/people/*", "/people/*/correct", "/people/*/account",
        "/people/*/move", "/people/*/death", "/people/*/marks/add", "/people/*/merge", "/people/*/household", "/people/households/*",
        "/rosters/", "/rosters/upload", "/rosters/9", "/rosters/9?state=rejected", "/rosters/9?state=conflict", "/rosters/9/rows/*",
        "/rosters/8", "/rosters/8/past", "/rosters/10", "/rosters/deadlines", "/rosters/deadlines/new", "/rosters/gaps", "/rosters/gaps/*",
        "/enrolment/", "/enrolment/enrol", "/enrolment/import", "/enrolment/files/*", "/enrolment/person/*/*", "/enrolment/year/2026",
        "/enrolment/subsidies", "/enrolment/subsidies/*", "/enrolment/subsidies/*/lines/*", "/enrolment/tax", "/enrolment/tax/lists/*",
        "/enrolment/tax/receipts", "/enrolment/tax/differences", "/enrolment/tax/differences/*", "/enrolment/tax/refunds",
        "/enrolment/covers", "/enrolment/covers/of/*", "/enrolment/covers/import", "/enrolment/covers/record", "/enrolment/doubles", "/enrolment/doubles/*", "/enrolment/coverage", "/enrolment/coverage/missing*", "/care/", "/care/*", "/care/touched",
        "/care/import", "/care/resettlements", "/care/resettlements/new", "/care/arrears", "/care/held", "/care/paper", "/providers/", "/providers/*", "/providers/*/agreement", "/providers/*/agreements/*", "/providers/*/designate",
        "/filings/", "/filings/?state=mine", "/filings/*", "/filings/new", "/filings/terms", "/filings/terms/new", "/filings/certificates",
        "/providers/catalogues", "/providers/catalogues/*", "/providers/items", "/providers/mappings", "/providers/mappings?state=proposed",
        "/jobs/", "/jobs/*", "/account", "/account/password", "/account/factor",
    ),
    "yuhu.reviewer": ("/rosters/10", "/people/merges/*"),
    "yuhu.finance": (
        "/enrolment/subsidies/*", "/enrolment/tax/refunds", "/ledger/", "/ledger/shares", "/ledger/trial-balance",
        "/ledger/trial-balance?books=hospital", "/ledger/movements", "/ledger/movements/*", "/ledger/movements/propose?kind=receipt",
        "/ledger/movements/propose?kind=to_hospital", "/ledger/movements/propose?kind=clear_advance", "/care/dues",
    ),
    "yuhu.civil": ("/rosters/", "/rosters/upload"),
    "yuhu.rural": ("/rosters/11", "/rosters/11/columns"),
    "yuhu.window": ("/people/look-up", "/filings/new", "/filings/certificates", "/filings/?state=opinion", "/filings/*"),
    "yuhu.township": ("/filings/", "/filings/*"),
    "yuhu.hospital": ("/providers/", "/providers/mappings", "/providers/mappings/propose"),
    "yuhu.supervisor": (),
    "yuhu.auditor": (),
    "xiangtan-county.civil": ("/rosters/12",),
    "xiangtan-county.officer": ("/rosters/13",),
    "songshan.officer": (),
    "xiangtan.city": ("/providers/catalogues", "/providers/catalogues/*", "/providers/catalogues/import"),
    "xiangtan.reviewer": ("/providers/catalogues?state=draft", "/providers/catalogues/*"),
    "hunan.province": (),
    "xiangtan.policy": ("/laboratory/", "/laboratory/new"),
    "system": ("/areas", "/areas/new", "/institutions", "/institutions/new", "/areas/import"),
    "security": ("/officers", "/officers/new", "/officers/*", "/ceilings"),
    "audit": ("/audit",),
}  # fmt: skip
"""User → the pages that are looked at besides those of the navigation; * is filled from a link seen before."""


def sign_in(page: Page, address: str, username: str, password: str) -> None:
    """Sign in by the form."""
    page.goto(f"{address}/sign-in")
    page.fill("[name=username]", username)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    page.wait_for_load_state()


def speak(page: Page, address: str, lang: str) -> None:
    """Choose the language by its cookie."""
    page.context.add_cookies([{"name": "language", "value": {"zh": "zh-hans", "en": "en"}[lang], "url": address}])


def navigation(page: Page) -> list[str]:
    """The addresses in the column on the left."""
    return page.eval_on_selector_all("nav a[href]", "links => links.map(a => a.getAttribute('href'))")


class Looker:
    """Goes from page to page and keeps what it sees."""

    def __init__(self, page: Page, address: str, folder: Path) -> None:
        self.page, self.address, self.folder = page, address, folder
        self.seen: set[str] = set()

    def look(self, where: str, name: str) -> None:
        """Save one page, as long as it is."""
        answer = self.page.goto(self.address + where)
        self.page.wait_for_load_state()
        if answer is None or answer.status >= 400:
            print(f"{answer and answer.status} {where}")
        links = self.page.eval_on_selector_all("a[href]", "links => links.map(a => a.getAttribute('href'))")
        self.seen.update(links)
        self.page.screenshot(path=self.folder / f"{name}.png", full_page=True)

    def fill(self, pattern: str) -> str:
        """An address that was seen and fits the pattern; "" if none was."""
        if "*" not in pattern:
            return pattern
        fits = re.compile(
            re.escape(pattern).replace(r"\*", "[^/?]+" if not pattern.endswith("missing*") else ".*") + "$"
        )
        return min(
            (
                link
                for link in self.seen
                if fits.match(link)
                and not link.endswith(
                    (
                        "/register",
                        "/look-up",
                        "/merges",
                        "/export",
                        "/upload",
                        "/import",
                        "/enrol",
                        "/tax",
                        "/new",
                        "/receipts",
                        "/propose",
                    )
                )
            ),
            default="",
            key=lambda link: (len(link), link),
        )


def main() -> None:
    """Start a desk of its own and look at everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="users whose name has this")
    parser.add_argument("--address", default="", help="a desk that runs already")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.address:
        look_at(options.address, options.folder, options.only)
        return
    from yizhan.agency.embedded import OWNER, Server

    with tempfile.TemporaryDirectory(prefix="yizhan-look-") as name:
        place = Path(name)
        place.chmod(0o755)
        with Server(place / "db", durable=False) as server:
            env = environment(server.url(), place) | {"DATABASE_URL_OWNER": server.url(OWNER)}
            code = "import django; from yizhan.agency import running; running.make_secrets(); django.setup(); running.migrate(verbosity=0)"
            subprocess.run([sys.executable, "-P", "-c", code], env=env, check=True)
            with served(server.url(), place) as address:
                look_at(address, options.folder, options.only)


def look_at(address: str, folder: Path, only: str = "") -> None:
    """Save the pages of this desk."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for username, further in LINKS.items():
            if only not in username:
                continue
            context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]})
            page = context.new_page()
            page.on(
                "console",
                lambda message: print("console:", message.text) if message.type in ("error", "warning") else None,
            )
            if username == "yuhu.officer":
                for lang in ("zh", "en"):
                    speak(page, address, lang)
                    page.goto(f"{address}/sign-in")
                    page.screenshot(path=folder / f"sign-in.{lang}.png")
            sign_in(page, address, username, PASSWORD)
            looker = Looker(page, address, folder)
            for lang in ("zh", "en"):
                speak(page, address, lang)
                page.goto(address)
                number = 0
                for where in dict.fromkeys([*navigation(page), *further]):
                    target = looker.fill(where)
                    if not target:
                        print("no link like", where)
                        continue
                    number += 1
                    word = re.sub(r"[^a-z]+", "-", where).strip("-") or "home"
                    looker.look(target, f"{username}.{number:02d}-{word}.{lang}")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
