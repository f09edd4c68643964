"""How often one may try to sign in: growing waits, then ten minutes; never for good, and never for the rightful browser.

Tries are counted by account and origin. The origin of most is their network (the first 24 bits of the address, 64 for
IPv6); a browser in which somebody has signed in before has a counter of its own, so that a stranger who keeps guessing locks
out himself alone. Names that do not exist are counted like those that do.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from math import ceil

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import get_random_string

from yizhan.agency.crypto import lookup, same_bytes
from yizhan.agency.staff.models import Attempts

FREE = 3
"""Tries without a wait."""
LOCKED_AFTER = 10
LOCK = timedelta(minutes=10)
FORGOTTEN = timedelta(minutes=30)
"""Failures older than this do not count any more."""

_COOKIE = "__Host-known" if settings.HTTPS else "known"
_KNOWN_FOR = 180 * 86_400
_SALT = "yizhan.known-device"


def account_of(username: str, *, step: str = "password") -> bytes:
    """What an account is counted under: a hash, since people type passwords and ID numbers into the wrong field."""
    return lookup(f"{step}:{username.strip().lower()}", "staff.attempts")


def wait_after(failures: int) -> timedelta:
    """How long nobody may try again after so many failures in a row: nothing, 2 s, 4 s … 64 s, then ten minutes."""
    if failures >= LOCKED_AFTER:
        return LOCK
    return timedelta(seconds=2 ** (failures - FREE) if failures > FREE else 0)


def admit(account: bytes, origin: str, *, now: datetime | None = None) -> int:
    """Count a try before it is judged, so that many at once gain nothing. Returns the seconds to wait; 0: go on."""
    now = now or timezone.now()
    with transaction.atomic():
        Attempts.objects.bulk_create([Attempts(account=account, origin=origin, failed_at=now)], ignore_conflicts=True)
        row = Attempts.objects.select_for_update().filter(account=account, origin=origin).first()
        if row is None:  # somebody else's success has just removed it
            return 1
        if row.closed_until and row.closed_until > now:
            return ceil((row.closed_until - now).total_seconds())
        if now - row.failed_at > FORGOTTEN:
            row.failures = 0
        row.failures += 1
        row.failed_at = now
        wait = wait_after(row.failures)
        row.closed_until = now + wait if wait else None
        row.save(update_fields=["failures", "failed_at", "closed_until"])
    return 0


def failures(account: bytes, origin: str) -> int:
    """Tries in a row that were not followed by a success."""
    return Attempts.objects.filter(account=account, origin=origin).values_list("failures", flat=True).first() or 0


def forget(account: bytes, origin: str) -> None:
    """The right person was it. Counters that nobody has touched for a day go too."""
    Attempts.objects.filter(account=account, origin=origin).delete()
    Attempts.objects.filter(failed_at__lt=timezone.now() - timedelta(days=1)).delete()


def origin_of(request: HttpRequest, account: bytes, source: str) -> str:
    """Where a try comes from: a device known to this account, else a network."""
    try:
        known = signing.loads(request.COOKIES.get(_COOKIE, ""), salt=_SALT, max_age=_KNOWN_FOR)
        for owner, device in known:
            if same_bytes(bytes.fromhex(owner), account[:16]):
                return f"device {device}"
    except (signing.BadSignature, ValueError, TypeError):
        pass
    return network_of(source)


def network_of(source: str) -> str:
    """198.51.100.7 → 198.51.100.0/24."""
    try:
        address = ip_address(source)
    except ValueError:
        return "unknown"
    return str(ip_network(f"{address}/{24 if address.version == 4 else 64}", strict=False))


def remember_device(request: HttpRequest, response: HttpResponse, account: bytes) -> None:
    """Let this browser count apart for this account from now on. At most five accounts a browser: a shared window."""
    try:
        known = [pair for pair in signing.loads(request.COOKIES.get(_COOKIE, ""), salt=_SALT) if len(pair) == 2]
    except (signing.BadSignature, ValueError, TypeError):
        known = []
    owner = account[:16].hex()
    mine = next((pair for pair in known if pair[0] == owner), [owner, get_random_string(22)])
    rest = [pair for pair in known if pair[0] != owner][:4]
    value = signing.dumps([mine, *rest], salt=_SALT)
    response.set_cookie(_COOKIE, value, max_age=_KNOWN_FOR, secure=settings.HTTPS, httponly=True, samesite="Lax")
