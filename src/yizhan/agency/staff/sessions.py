"""Sessions: which browser is signed in, for how long, and how many at once.

The cookie holds a random key, the table only its digest: a copy of the database opens no session. A session ends after
some idle minutes, after half a day however busy the officer was, and at once when somebody ends it. An ended row stays
for a day, so that the browser can be told why.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import IntegrityError, transaction
from django.utils import timezone

from yizhan.agency.crypto import digest
from yizhan.agency.desk.words import Words
from yizhan.agency.staff.models import Officer, Session
from yizhan.agency.staff.rights import Role
from yizhan.agency.statements import Columns, prepared

IDLE_WINDOW = timedelta(minutes=15)
"""At a hospital's window, which others walk past."""
IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
HALFWAY = timedelta(minutes=10)
"""Between the password and the second factor."""
LIVE_AT_WINDOW = 1
LIVE = 3
_TOUCH = timedelta(seconds=20)
_KEPT = timedelta(days=1)

ENDED_WHY = {
    "idle": Words("太久没有操作，已自动退出，请重新登录。", "You were signed out because nothing happened for a while."),
    "too_many": Words("您的账号在别处登录，这里已退出。如果不是您本人，请立即修改密码并告知安全管理员。",
                      "Your account signed in elsewhere, so this browser was signed out. If that was not you, change your password and tell the security administrator."),
    "ended": Words("这个会话已被结束，请重新登录。", "This session was ended. Sign in again."),
    "password": Words("密码已修改，请用新密码登录。", "The password was changed. Sign in with the new one."),
    "rights": Words("您的岗位有变动，请重新登录。", "Your roles were changed. Sign in again."),
    "suspended": Words("账号已停用，请联系安全管理员。", "The account is suspended. Ask the security administrator."),
}  # fmt: skip
"""Why a session ended, as its browser is told."""


def idle_limit(officer: Officer) -> timedelta:
    """How long this officer may do nothing."""
    return IDLE_WINDOW if Role.WINDOW in officer.roles else IDLE


def live_limit(officer: Officer) -> int:
    """In how many browsers this officer may be signed in."""
    return LIVE_AT_WINDOW if Role.WINDOW in officer.roles else LIVE


def stored_key(key: str) -> str:
    """The digest under which the session of a cookie is stored: 160 bit."""
    return digest(key.encode()).hex()[:40]


_SESSIONS, _OFFICERS = Columns(Session, "s"), Columns(Officer, "o")
_STORED = f"""
    select {_SESSIONS.sql}, {_OFFICERS.sql} from staff_session s left join staff_officer o on o.id = s.officer_id
    where s.session_key = %s
"""


def _stored(key: str) -> Session | None:
    """The row of a browser's session, with its officer. Every request asks."""
    with prepared() as cursor:
        cursor.execute(_STORED, [stored_key(key)])
        values = iter(cursor.fetchone() or [None])
    row = _SESSIONS.read(values)
    if row is not None:
        row.officer = _OFFICERS.read(values)
    return row


class SessionStore(SessionBase):
    """A session in the table. `ended_why` is a word of ENDED_WHY where the browser's session has ended."""

    ended_why = ""

    def load(self) -> dict[str, Any]:
        """What the session holds; empty where there is none or it has ended. Counts as activity."""
        row = _stored(self._key())
        now = timezone.now()
        if row is None or row.ended_why or row.expire_date <= now:
            self.ended_why = (row.ended_why or ("idle" if row.officer_id else "")) if row else ""
            self._session_key = None
            return {}
        if row.officer and row.ends_at and now - row.seen_at > _TOUCH:
            Session.objects.filter(pk=row.pk, ended_why="").update(
                seen_at=now, expire_date=min(now + idle_limit(row.officer), row.ends_at)
            )
        return self.decode(row.session_data)

    def exists(self, session_key: str) -> bool:
        """Whether there is such a session, living or ended."""
        return Session.objects.filter(session_key=stored_key(session_key)).exists()

    def create(self) -> None:
        """A new session under a new key."""
        while True:
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]  # Django's, not in its stubs
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        """Write what the session holds, and whose it is."""
        if self.session_key is None:
            self.create()
            return
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]  # Django's, not in its stubs
        officer = Officer.objects.filter(pk=data["_auth_user_id"]).first() if "_auth_user_id" in data else None
        now = timezone.now()
        values: dict[str, Any] = {"session_data": self.encode(data), "officer": officer}
        if must_create:
            try:
                with transaction.atomic():
                    Session.objects.create(session_key=stored_key(self._key()), **values, **_limits(officer, now, None))
            except IntegrityError:
                raise CreateError from None
            return
        row = Session.objects.filter(session_key=stored_key(self._key()), ended_why="").first()
        if row is None:
            raise UpdateError
        values |= _limits(officer, now, row.ends_at)
        values |= {"device": data.get("device", row.device), "source": data.get("source", row.source)}
        Session.objects.filter(pk=row.pk).update(**values)

    def delete(self, session_key: str | None = None) -> None:
        """Remove the session."""
        key = session_key or self.session_key
        if key is not None:
            Session.objects.filter(session_key=stored_key(key)).delete()

    @classmethod
    def clear_expired(cls) -> None:
        """Remove what ended more than a day ago."""
        Session.objects.filter(expire_date__lt=timezone.now() - _KEPT).delete()

    def _key(self) -> str:
        return self.session_key or ""


def _limits(officer: Officer | None, now: datetime, ends_at: datetime | None) -> dict[str, datetime]:
    if officer is None:
        return {"expire_date": now + HALFWAY}
    ends_at = ends_at or now + LONGEST
    return {"ends_at": ends_at, "expire_date": min(now + idle_limit(officer), ends_at)}


def end_sessions(officer: Officer, why: str, *, but: str | None = None) -> int:
    """End all sessions of an officer but the one whose cookie holds `but`. `why` is a word of ENDED_WHY."""
    living = Session.objects.filter(officer=officer, ended_why="")
    if but:
        living = living.exclude(session_key=stored_key(but))
    return living.update(ended_why=why, expire_date=timezone.now())


def end_oldest(officer: Officer) -> int:
    """End the oldest sessions beyond the number that this officer may have at once."""
    now = timezone.now()
    living = Session.objects.select_for_update().filter(officer=officer, ended_why="", expire_date__gt=now)
    beyond = [row.pk for row in living.order_by("-created_at")][live_limit(officer) :]
    return Session.objects.filter(pk__in=beyond).update(ended_why="too_many", expire_date=now)


def living_sessions(officer: Officer) -> list[Session]:
    """Where this officer is signed in, the latest first."""
    living = Session.objects.filter(officer=officer, ended_why="", expire_date__gt=timezone.now())
    return list(living.order_by("-created_at"))
