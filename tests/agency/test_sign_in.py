"""Signing in: passwords, guessing, second factors and resets. The letters name rows of docs/security.md."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from statistics import median

import pyotp
import pytest
from django.contrib.auth.hashers import check_password
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as drawing
from hypothesis import strategies as st

from tests.agency.world import PASSWORD, World, make_world
from yizhan.agency.staff import actions, factors, passwords, throttle
from yizhan.agency.staff.errors import WrongCode
from yizhan.agency.staff.models import Area, Attempts, Audit, Officer
from yizhan.agency.staff.scope import System, acting
from yizhan.agency.staff.sign_in import Backend
from yizhan.errors import Problems

NEW = "傍晚的渡船-kettle-93-quartz"
OFFICE = "198.51.100.20"
ELSEWHERE = "203.0.113.9"


def browser(source: str = OFFICE) -> Client:
    return Client(REMOTE_ADDR=source)


def try_to_sign_in(client: Client, officer: Officer | str, password: str = PASSWORD) -> int:
    name = officer if isinstance(officer, str) else officer.username
    return client.post("/sign-in", {"username": name, "password": password}).status_code


def refused_acts() -> list[str]:
    with acting(System("test")):
        return list(Audit.objects.filter(outcome="refused").order_by("id").values_list("act", flat=True))


# --- A1 to A3: passwords ----------------------------------------------------------------------------------------------


@drawing(max_examples=3)
@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=64, max_size=64))
def test_a1_a_password_counts_to_its_last_character(password: str) -> None:
    officer = Officer()
    officer.set_password(password)
    assert officer.check_password(password)
    assert not officer.check_password(password[:-1])


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("short-9a", "12"),
        ("x" * 130, "128"),
        ("woaini1314520", "常用"),
        ("Password2024!", "常用"),
        ("医保局-yizhan-2026", "医保局"),
        ("李小渡-lixiaodu-01", "李小渡"),
        ("yuhu-yuhuqu-yuhu", "yuhu"),
        ("19870605abcdz", "日期"),
        ("13912345678zq", "手机号"),
        ("aaaaaaaaaaaaaa", "重复"),
        ("cdefghijklmnopqrst", "连续"),
    ],
)
def test_a2_a_password_that_can_be_guessed_is_refused_and_told_why(password: str, says: str) -> None:
    officer = Officer(username="lxd", name="李小渡", area=Area(name="雨湖区", name_en="Yuhu"))
    with pytest.raises(Problems) as refused:
        passwords.check_password_rules(password, officer)
    assert any(says in problem.text("zh") for problem in refused.value.problems)
    assert all(problem.text("en") for problem in refused.value.problems)


@pytest.mark.parametrize("password", [NEW, PASSWORD, "four horses cross the river", "大雨下了三天没有人在桥上走"])
def test_a2_a_long_sentence_is_accepted(password: str) -> None:
    passwords.check_password_rules(password, Officer(username="lxd", name="李小渡", area=Area(name="雨湖区")))


def test_a2_the_profile_mlps3_asks_for_classes_and_renewal_and_says_so(world: World, settings) -> None:
    officer = world.yuhu.officer
    assert "不强制" in browser().get("/sign-in").content.decode()
    settings.YIZHAN_PROFILE = "mlps3"
    assert "等保三级" in browser().get("/sign-in").content.decode()
    with pytest.raises(Problems):
        passwords.check_password_rules("four horses cross the river", officer)
    officer.password_set_at = timezone.now() - timedelta(days=91)
    officer.save(update_fields=["password_set_at"])
    answer = world.client(officer).get("/")
    assert answer.status_code == 302
    assert answer["Location"] == "/account/password"


def test_a3_changing_the_password_needs_the_present_one(world: World) -> None:
    officer = world.yuhu.officer
    client = world.client(officer)
    wrong = client.post("/account/password", {"old": "not this one 123", "new": NEW, "again": NEW})
    assert wrong.status_code == 403
    officer.refresh_from_db()
    assert officer.check_password(PASSWORD)
    right = client.post("/account/password", {"old": PASSWORD, "new": NEW, "again": NEW})
    assert right.status_code == 302
    officer.refresh_from_db()
    assert officer.check_password(NEW)
    assert client.get("/account").status_code == 200


def test_a3_a_weak_new_password_is_shown_with_all_its_faults(world: World) -> None:
    answer = world.client(world.yuhu.officer).post("/account/password", {"old": PASSWORD, "new": "abc", "again": "abc"})
    assert answer.status_code == 422
    assert "至少 12 个字符" in answer.content.decode()


def test_a3_the_second_factor_is_set_up_only_with_a_fresh_proof(world: World) -> None:
    client = world.client(world.yuhu.officer)
    stale = client.get("/account/factor")
    assert stale.status_code == 302
    assert stale["Location"].startswith("/account/confirm")
    assert client.post("/account/confirm", {"password": "wrong wrong wrong"}).status_code == 422
    done = client.post("/account/confirm", {"password": PASSWORD, "next": "/account/factor"})
    assert done["Location"] == "/account/factor"
    assert 'src="data:image/svg+xml' in client.get("/account/factor").content.decode()


# --- A4, A5: guessing -------------------------------------------------------------------------------------------------


def test_a4_guessing_from_elsewhere_does_not_lock_out_the_rightful_browser(world: World) -> None:
    officer = world.yuhu.officer
    mine = browser(ELSEWHERE)
    assert try_to_sign_in(mine, officer) == 302
    mine.post("/sign-out")
    statuses = {try_to_sign_in(browser(ELSEWHERE), officer, f"guess number {n}") for n in range(200)}
    assert statuses == {422, 429}
    assert try_to_sign_in(browser(ELSEWHERE), officer) == 429, "the guesser cannot get in even with the right password"
    assert try_to_sign_in(mine, officer) == 302, "the known device can, at once"
    assert try_to_sign_in(browser(OFFICE), officer) == 302, "and so can another network"


def test_a4_waits_grow_and_the_lock_ends_by_itself(db: None) -> None:
    account, now = throttle.account_of("somebody"), timezone.now()
    waits = []
    for _ in range(throttle.LOCKED_AFTER):
        assert throttle.admit(account, "net", now=now) == 0
        waits.append(
            throttle.admit(account, "net", now=now) if throttle.failures(account, "net") > throttle.FREE else 0
        )
        now += timedelta(seconds=waits[-1])
    assert waits == [0, 0, 0, 2, 4, 8, 16, 32, 64, 600]
    assert throttle.admit(account, "net", now=now) == 0


def test_a4_the_tenth_failure_is_an_alarm_in_the_audit_trail(world: World) -> None:
    officer = world.yuhu.officer
    for _ in range(throttle.LOCKED_AFTER):
        Attempts.objects.update(closed_until=None)
        try_to_sign_in(browser(), officer, "wrong wrong wrong")
    assert refused_acts() == ["sign_in"] * 9 + ["sign_in.locked"]


def test_a4_many_tries_at_once_gain_nothing(own_database) -> None:
    account = throttle.account_of("somebody")
    start = threading.Barrier(12)

    def attempt(_: int) -> int:
        start.wait()
        try:
            return throttle.admit(account, "net")
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        waits = list(pool.map(attempt, range(12)))
    assert waits.count(0) == throttle.FREE + 1


def test_a5_nobody_learns_whether_an_account_exists(world: World) -> None:
    known = browser().post("/sign-in", {"username": world.yuhu.officer.username, "password": "wrong wrong wrong"})
    unknown = browser().post("/sign-in", {"username": "nobody.of.this.name", "password": "wrong wrong wrong"})
    without_token = [r.content.replace(r.context["csrf_token"].encode(), b"") for r in (known, unknown)]
    shown = [
        body.replace(name, b"")
        for body, name in zip(without_token, (b"yuhu.officer", b"nobody.of.this.name"), strict=True)
    ]
    assert known.status_code == unknown.status_code == 422
    assert shown[0] == shown[1]


def test_a5_an_unknown_name_takes_as_long_as_a_wrong_password(world: World) -> None:
    spent: dict[str, list[float]] = {"known": [], "unknown": []}
    names = {"known": world.yuhu.officer.username, "unknown": "nobody.of.this.name"}
    backend = Backend()
    backend.authenticate(None, "nobody.of.this.name", "warm up the dummy")
    for n in range(3):
        for kind, name in names.items():
            begun = time.process_time()  # of all threads; other programs on the machine do not count
            backend.authenticate(None, name, f"wrong number {n}")
            spent[kind].append(time.process_time() - begun)
    assert median(spent["unknown"]) == pytest.approx(
        median(spent["known"]), rel=0.5
    )  # without the dummy it is a hundredth


def test_a5_what_was_typed_for_an_unknown_name_is_not_kept(world: World) -> None:
    try_to_sign_in(browser(), "430302199001011234")
    with acting(System("test")):
        row = Audit.objects.get(act="sign_in")
    assert "430302" not in f"{row.officer_name} {row.detail} {row.object_id}"


def test_a5_a_suspended_account_looks_like_a_wrong_password(world: World) -> None:
    Officer.objects.filter(pk=world.yuhu.officer.pk).update(is_active=False)
    assert try_to_sign_in(browser(), world.yuhu.officer) == 422


def test_a_sign_in_goes_on_to_our_own_pages_alone(world: World) -> None:
    officer = world.yuhu.officer
    for asked, goes in (("/account", "/account"), ("https://evil.example/", "/"), ("//evil.example/", "/")):
        answer = browser().post("/sign-in", {"username": officer.username, "password": PASSWORD, "next": asked})
        assert answer["Location"] == goes


# --- A7, A8: second factor and reset ----------------------------------------------------------------------------------


def enrolled(officer: Officer) -> str:
    secret = factors.new_secret()
    officer.totp_sealed = factors.sealed(secret, officer)
    officer.save(update_fields=["totp_sealed"])
    return secret


def test_a7_a_code_of_the_app_is_asked_for_and_works_once(world: World) -> None:
    officer = world.yuhu.officer
    code = pyotp.TOTP(enrolled(officer)).now()
    client = browser()
    assert try_to_sign_in(client, officer) == 302
    assert client.get("/account").status_code == 302, "the password alone opens nothing"
    assert client.post("/sign-in/code", {"code": "000000"}).status_code in (422,)
    assert client.post("/sign-in/code", {"code": code})["Location"] == "/"
    assert client.get("/account").status_code == 200
    again = browser()
    try_to_sign_in(again, officer)
    assert again.post("/sign-in/code", {"code": code}).status_code == 422


def test_a7_the_same_code_twice_at_once_succeeds_once(own_database) -> None:
    officer = make_world().yuhu.officer
    code = pyotp.TOTP(enrolled(officer)).now()
    start = threading.Barrier(2)

    def attempt(_: int) -> bool:
        start.wait()
        try:
            actions.use_factor_code(officer, code, acting_user=officer)
        except WrongCode:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, range(2))) == [False, True]


def test_a7_a_role_that_needs_the_factor_reaches_nothing_before_it_is_set_up(world: World, settings) -> None:
    settings.YIZHAN_TOTP_ROLES = ("reviewer",)
    client = world.client(world.yuhu.reviewer)
    assert client.get("/")["Location"] == "/account/factor"
    client.post("/account/confirm", {"password": PASSWORD})
    client.get("/account/factor")
    secret = client.get("/account/factor").context["secret"].replace(" ", "")
    assert client.post("/account/factor", {"code": "123"}).status_code == 422
    assert client.post("/account/factor", {"code": pyotp.TOTP(secret).now()})["Location"] == "/account"
    assert client.get("/").status_code == 200
    officer = Officer.objects.get(pk=world.yuhu.reviewer.pk)
    assert secret.encode() not in bytes(officer.totp_sealed or b"")


def test_a8_a_reset_code_is_used_once_within_a_day(world: World) -> None:
    officer, admin = world.yuhu.officer, world.yuhu.security_admin
    code = actions.make_reset_code(officer, acting_user=admin)
    form = {"username": officer.username, "code": code, "new": NEW, "again": NEW}
    assert browser().post("/sign-in/reset", {**form, "code": "AAAAA-BBBBB-CCCCC-DDDDD"}).status_code == 422
    assert browser().post("/sign-in/reset", form).status_code == 302
    assert try_to_sign_in(browser(), officer, NEW) == 302
    assert browser().post("/sign-in/reset", form).status_code == 422, "used"
    late = actions.make_reset_code(officer, acting_user=admin)
    officer.reset_codes.filter(used_at=None)
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from staff_resetcode where used_at is null")
        assert cursor.fetchone()[0] == 1, "a new code makes the earlier ones lapse"
    assert late != code


def test_a8_who_made_a_code_cannot_use_it(world: World) -> None:
    officer, admin = world.yuhu.officer, world.yuhu.security_admin
    code = actions.make_reset_code(officer, acting_user=admin)
    form = {"username": officer.username, "code": code, "new": NEW, "again": NEW}
    assert world.client(admin).post("/sign-in/reset", form).status_code == 422
    assert check_password(PASSWORD, Officer.objects.get(pk=officer.pk).password)
    assert browser().post("/sign-in/reset", form).status_code == 302, "the refused try did not use it up"


def test_a8_a_reset_needs_the_second_factor_where_there_is_one(world: World) -> None:
    officer = world.yuhu.officer
    secret = enrolled(officer)
    code = actions.make_reset_code(officer, acting_user=world.yuhu.security_admin)
    form = {"username": officer.username, "code": code, "new": NEW, "again": NEW}
    assert browser().post("/sign-in/reset", form).status_code == 422
    assert browser().post("/sign-in/reset", {**form, "factor": pyotp.TOTP(secret).now()}).status_code == 302


def test_a8_a_code_is_not_kept_as_it_was_shown(world: World) -> None:
    officer = world.yuhu.officer
    code = actions.make_reset_code(officer, acting_user=world.yuhu.security_admin)
    stored = bytes(officer.reset_codes.get().code_digest)
    assert len(stored) == 32
    assert code.replace("-", "").encode() not in stored
