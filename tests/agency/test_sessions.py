"""Sessions: their keys, their ends, and that nothing outlives them. The letters name rows of docs/security.md."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.utils import timezone

from tests.agency.world import PASSWORD, World
from yizhan.agency.staff import actions, sign_in
from yizhan.agency.staff.errors import NotFound, NotFresh
from yizhan.agency.staff.models import Audit, Officer, Session
from yizhan.agency.staff.scope import System, acting
from yizhan.agency.staff.sessions import LIVE, stored_key


def signed_in(officer: Officer) -> Client:
    client = Client()
    answer = client.post("/sign-in", {"username": officer.username, "password": PASSWORD})
    assert answer.status_code == 302, answer.content.decode()
    return client


def is_in(client: Client) -> bool:
    return client.get("/account").status_code == 200


def later(client: Client, **past: timedelta) -> None:
    """Let time pass for this browser's session: move what the row remembers into the past."""
    row = Session.objects.get(session_key=stored_key(client.cookies[settings.SESSION_COOKIE_NAME].value))
    Session.objects.filter(pk=row.pk).update(**{name: getattr(row, name) - by for name, by in past.items()})


def test_b1_signing_in_gives_a_new_key_and_the_old_one_is_worth_nothing(world: World) -> None:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = "planted0by0somebody0else00000000"
    client.post("/sign-in", {"username": world.yuhu.officer.username, "password": PASSWORD})
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert key != "planted0by0somebody0else00000000"
    client.post("/account/confirm", {"password": PASSWORD})
    renewed = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert renewed != key
    old = Client()
    old.cookies[settings.SESSION_COOKIE_NAME] = key
    assert not is_in(old)
    assert is_in(client)


def test_b1_the_table_holds_no_key_that_a_browser_could_use(world: World) -> None:
    client = signed_in(world.yuhu.officer)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert not Session.objects.filter(session_key=key).exists()
    stolen = Client()
    stolen.cookies[settings.SESSION_COOKIE_NAME] = Session.objects.get(session_key=stored_key(key)).session_key
    assert not is_in(stolen)


@pytest.mark.parametrize(("who", "minutes"), [("window", 15), ("officer", 30)])
def test_b2_an_idle_session_ends_sooner_at_the_window(world: World, who: str, minutes: int) -> None:
    client = signed_in(getattr(world.yuhu, who))
    row = Session.objects.get(officer=getattr(world.yuhu, who))
    assert row.expire_date - row.seen_at == pytest.approx(timedelta(minutes=minutes), abs=timedelta(seconds=5))
    later(client, expire_date=timedelta(minutes=minutes))
    answer = client.get("/account")
    assert answer.status_code == 302
    assert "太久没有操作" in client.get(answer["Location"]).content.decode()


def test_b2_who_works_stays_signed_in_but_not_beyond_half_a_day(world: World) -> None:
    client = signed_in(world.yuhu.officer)
    later(client, seen_at=timedelta(minutes=29), expire_date=timedelta(minutes=29))
    assert is_in(client)
    row = Session.objects.get(officer=world.yuhu.officer)
    assert row.expire_date - timezone.now() > timedelta(minutes=29)
    later(client, seen_at=timedelta(minutes=1), ends_at=timedelta(hours=11, minutes=59, seconds=50))
    assert is_in(client)
    assert Session.objects.get(pk=row.pk).expire_date - timezone.now() < timedelta(seconds=15)


def test_b3_suspending_an_officer_ends_every_session_at_once(world: World) -> None:
    client = signed_in(world.yuhu.officer)
    actions.suspend_officer(world.yuhu.officer, why="调离", acting_user=world.yuhu.security_admin)
    assert not is_in(client)


def test_b3_changing_the_password_ends_the_other_sessions_and_keeps_this_one(world: World) -> None:
    here, there = signed_in(world.yuhu.officer), signed_in(world.yuhu.officer)
    new = "傍晚的渡船-kettle-93-quartz"
    here.post("/account/password", {"old": PASSWORD, "new": new, "again": new})
    assert is_in(here)
    answer = there.get("/account")
    assert answer.status_code == 302
    assert "密码已修改" in there.get(answer["Location"]).content.decode()


def test_b3_an_officer_sees_the_own_sessions_and_ends_one(world: World) -> None:
    here, there = signed_in(world.yuhu.officer), signed_in(world.yuhu.officer)
    key = stored_key(there.cookies[settings.SESSION_COOKIE_NAME].value)
    assert key in here.get("/account").content.decode()
    here.post("/account/sessions/end", {"session": key})
    assert not is_in(there)
    assert is_in(here)


def test_b3_nobody_ends_the_sessions_of_another(world: World) -> None:
    other = signed_in(world.yuhu.reviewer)
    key = stored_key(other.cookies[settings.SESSION_COOKIE_NAME].value)
    answer = signed_in(world.yuhu.officer).post("/account/sessions/end", {"session": key})
    assert answer.status_code == 404
    assert is_in(other)
    with pytest.raises(NotFound):
        actions.end_session("0" * 40, acting_user=world.yuhu.officer)


def test_b3_a_change_of_roles_works_from_the_next_request(world: World) -> None:
    """C4 too."""
    client = signed_in(world.yuhu.reviewer)
    assert client.get("/ceilings").status_code == 200
    actions.change_roles(world.yuhu.reviewer, ["auditor"], acting_user=world.yuhu.security_admin)
    assert client.get("/ceilings").status_code == 302
    assert signed_in(world.yuhu.reviewer).get("/ceilings").status_code == 403


def test_b4_signing_out_leaves_nothing_behind(world: World) -> None:
    client = signed_in(world.yuhu.officer)
    assert client.get("/account")["Cache-Control"] == "no-store"
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    answer = client.post("/sign-out")
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert not is_in(client)


def test_b4_signing_out_is_no_link(world: World) -> None:
    client = signed_in(world.yuhu.officer)
    assert client.get("/sign-out").status_code == 405
    assert is_in(client)


def test_b5_what_is_grave_needs_a_proof_of_the_last_minutes(world: World) -> None:
    client = world.client(world.yuhu.security_admin)
    answer = client.post(f"/officers/{world.yuhu.officer.pk}/reset-code")
    assert answer.status_code == 403
    assert "/account/confirm" in answer.content.decode()
    assert not world.yuhu.officer.reset_codes.exists()
    with acting(System("test")):
        assert Audit.objects.filter(outcome="refused", detail__codes=["not_fresh"]).exists()
    client.post("/account/confirm", {"password": PASSWORD})
    assert client.post(f"/officers/{world.yuhu.officer.pk}/reset-code").status_code == 200


def test_b5_a_proof_grows_stale() -> None:
    request = HttpRequest()
    request.session = {"fresh_at": (timezone.now() - timedelta(minutes=5, seconds=1)).isoformat()}  # type: ignore[assignment]
    with pytest.raises(NotFresh):
        sign_in.require_fresh(request)
    sign_in.mark_fresh(request)
    sign_in.require_fresh(request)


def test_a9_a_window_clerk_has_one_live_session_and_the_first_is_told(world: World) -> None:
    first = signed_in(world.yuhu.window)
    second = signed_in(world.yuhu.window)
    assert is_in(second)
    answer = first.get("/account")
    assert answer.status_code == 302
    assert "在别处登录" in first.get(answer["Location"]).content.decode()


def test_a9_others_have_three_live_sessions(world: World) -> None:
    browsers = [signed_in(world.yuhu.officer) for _ in range(LIVE + 1)]
    assert [is_in(client) for client in browsers] == [False, True, True, True]


def test_a_part_of_a_page_sends_the_whole_page_to_the_door(world: World) -> None:
    answer = Client().get("/account", headers={"HX-Request": "true"})
    assert isinstance(answer, HttpResponse)
    assert answer["HX-Redirect"] == "/sign-in"
