"""What every answer carries, what a foreign site cannot do, and what is said when something fails. Rows K, M, A6."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from django.conf import settings as present
from django.test import Client

from tests.agency.world import PASSWORD, World
from yizhan.agency.desk.logs import Lines
from yizhan.agency.staff import readiness
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.views import door
from yizhan.errors import Problems

CSP = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
    "connect-src 'self'", "form-action 'self'", "base-uri 'none'", "object-src 'none'", "frame-ancestors 'none'", "report-uri /csp",
}  # fmt: skip
TEMPLATES = Path(__file__).resolve().parents[2] / "src/yizhan/agency"


def answers(world: World) -> list[object]:
    """Answers of every kind: pages, lists, refusals, redirects, files, errors."""
    officer, admin = world.client(world.yuhu.officer), world.client(world.yuhu.security_admin)
    auditor = world.client(world.yuhu.audit_admin)
    return [
        Client().get("/sign-in"),
        Client().post("/sign-in", {"username": "x", "password": "y"}),
        Client().get("/"),
        officer.get("/"),
        officer.get("/account"),
        officer.get("/officers"),
        officer.get("/no-such-page"),
        admin.get("/officers"),
        admin.get("/officers/999999"),
        admin.post("/officers/new", {}),
        auditor.get("/audit"),
        auditor.get("/audit/head"),
        Client(enforce_csrf_checks=True).post("/sign-in", {}),
    ]


def test_k2_k3_every_answer_carries_the_same_guards(world: World) -> None:
    for answer in answers(world):
        header = answer.headers  # type: ignore[attr-defined]
        assert {part.strip() for part in header["Content-Security-Policy"].split(";")} == CSP
        assert header["X-Content-Type-Options"] == "nosniff"
        assert header["Referrer-Policy"] == "same-origin"
        assert header["Cross-Origin-Opener-Policy"] == "same-origin"
        assert header["Cross-Origin-Resource-Policy"] == "same-origin"
        assert header["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in header
        assert "Server" not in header


def test_k1_cookies_are_out_of_reach_of_scripts_and_other_sites(world: World) -> None:
    client = Client()
    client.get("/sign-in")
    client.post("/sign-in", {"username": world.yuhu.officer.username, "password": PASSWORD})
    client.post("/language", {"language": "en"})
    assert {present.SESSION_COOKIE_NAME, present.CSRF_COOKIE_NAME, "known", "language"} <= set(client.cookies)
    for name, morsel in client.cookies.items():
        assert morsel["httponly"], name
        assert morsel["samesite"] == "Lax", name
        assert not morsel["domain"], name
        assert len(morsel.value) < 4_000, name


def test_k1_behind_tls_cookies_are_secure_and_bound_to_the_host() -> None:
    """Settings are read when the process starts, so another process reads them."""
    import os
    import subprocess
    import sys

    code = (
        "from yizhan.agency import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE,"
        " s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS, s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.DEBUG)"
    )
    environment = {**os.environ, "YIZHAN_HTTPS": "1", "PYTHONPATH": str(TEMPLATES.parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["__Host-session", "__Host-csrf", "True", "True", "31536000", "True", "False"]


def test_k2_no_template_has_script_or_style_inside() -> None:
    for path in TEMPLATES.rglob("templates/**/*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\bsrc=)|javascript:|https?://", text), path


def test_k4_a_form_without_our_token_is_refused_in_words(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/sign-in", {"username": world.yuhu.officer.username, "password": PASSWORD})
    assert answer.status_code == 403
    assert "什么也没有改" in answer.content.decode()


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 302), ("none", 302)]
)
def test_k4_an_act_that_another_site_started_is_refused(world: World, site: str, status: int) -> None:
    client = world.client(world.yuhu.officer)
    answer = client.post("/language", {"language": "en"}, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == status
    assert client.get("/account", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200, "a link may lead here"


def test_the_language_is_kept_and_leads_back_to_our_own_page_alone(world: World) -> None:
    client = world.client(world.yuhu.officer)
    assert client.post("/language", {"language": "en", "next": "/account"})["Location"] == "/account"
    assert "My account" in client.get("/account").content.decode()
    assert client.post("/language", {"language": "zh-hans", "next": "https://evil.example/"})["Location"] == "/"
    assert client.post("/language", {"language": "tlh"}).status_code == 302
    assert "我的账户" in client.get("/account").content.decode()


# --- Reports of the browser -------------------------------------------------------------------------------------------


def test_k2_a_report_of_the_browser_is_logged_in_short(db: None, caplog: pytest.LogCaptureFixture) -> None:
    report = {
        "csp-report": {
            "violated-directive": "script-src",
            "document-uri": "http://h/people/1?q=secret",
            "source-file": "x" * 500,
        }
    }
    with caplog.at_level(logging.WARNING):
        answer = Client(enforce_csrf_checks=True).post(
            "/csp", json.dumps(report), content_type="application/csp-report"
        )
    assert answer.status_code == 204
    assert "script-src" in caplog.text
    assert "secret" not in caplog.text
    assert "xxx" not in caplog.text


@pytest.mark.parametrize(("body", "status"), [("{", 400), ("[]", 400), ('{"csp-report": 1}', 400), ("x" * 9_000, 413)])
def test_k2_a_report_that_is_none_is_refused(db: None, body: str, status: int) -> None:
    assert Client().post("/csp", body, content_type="application/csp-report").status_code == status


# --- M: errors --------------------------------------------------------------------------------------------------------


def test_m1_a_fault_of_ours_shows_a_number_and_no_trace(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(officer: Officer) -> None:
        raise RuntimeError("the secret of this fault")

    monkeypatch.setattr(door, "waiting_for", fails)
    client = world.client(world.yuhu.officer)
    client.raise_request_exception = False
    with caplog.at_level(logging.ERROR):
        answer = client.get("/")
    shown = answer.content.decode()
    assert answer.status_code == 500
    number = re.search(r"<strong>([0-9A-F]{8})</strong>", shown)
    assert number
    assert f"fault {number[1]}" in caplog.text
    assert "secret" not in shown
    assert "Traceback" not in shown
    assert answer["Cache-Control"] == "no-store"


def test_m1_what_is_not_there_is_said_in_words(world: World) -> None:
    client = world.client(world.yuhu.officer)
    answer = client.get("/no-such-page")
    assert answer.status_code == 404
    assert "没有这个页面" in answer.content.decode()
    assert not present.DEBUG


def test_m1_an_unknown_host_is_refused(db: None) -> None:
    client = Client(headers={"Host": "evil.example"})
    answer = client.get("/sign-in")
    assert answer.status_code == 400
    assert "evil" not in answer.content.decode()


def test_m2_a_log_line_shows_no_number_and_cannot_be_forged() -> None:
    name = '李四"}\n{"level": "error", "message": "forged"}'
    record = logging.LogRecord("yizhan", logging.WARNING, "", 0, "saw %s with 430302199001011234", (name,), None)
    line = Lines().format(record)
    assert "\n" not in line
    assert "199001011" not in line
    assert json.loads(line)["level"] == "warning"


# --- A6: what has to be in order before serving -----------------------------------------------------------------------


def refusals(**options: object) -> str:
    try:
        readiness.refuse_unready(**{"https": True, "host": "0.0.0.0", **options})  # type: ignore[arg-type]
    except Problems as refused:
        return "\n".join(f"{problem.text('zh')} {problem.text('en')}" for problem in refused.problems)
    return ""


def test_a6_accounts_of_the_demonstration_are_refused_outside_it(world: World, settings) -> None:
    settings.SECRET_KEY = "s" * 60
    Officer.objects.filter(pk=world.yuhu.officer.pk).update(demo=True)
    assert "演示账号" not in refusals()
    settings.DEMO = False
    assert "演示账号" in refusals()
    assert refusals().count("demonstration") == 1


@pytest.mark.parametrize("secret", ["", present.SECRET_KEY])
def test_a6_a_missing_or_known_secret_is_refused(db: None, settings, secret: str) -> None:
    settings.DEMO = False
    settings.SECRET_KEY = secret
    assert "会话密钥" in refusals()


def test_a6_pages_for_other_machines_need_tls(db: None, settings) -> None:
    assert "TLS" in refusals(https=False)
    assert "TLS" not in refusals(https=False, host="127.0.0.1")
    assert "TLS" not in refusals(https=True)
