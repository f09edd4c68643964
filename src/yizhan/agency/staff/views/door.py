"""At the door: signing in and out, the language, and what is answered when something is wrong with a request."""

from __future__ import annotations

import json
import logging
import secrets

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from yizhan.agency.desk.words import Words, say
from yizhan.agency.staff import actions, forms, passwords, throttle
from yizhan.agency.staff.audit import record, source
from yizhan.agency.staff.errors import ResetRefused, SignInRefused, TryLater
from yizhan.agency.staff.home import waiting_for
from yizhan.agency.staff.models import NATION, Officer
from yizhan.agency.staff.pages import PUBLIC, SIGNED_IN, Request, page
from yizhan.agency.staff.scope import Actor, System, acting
from yizhan.agency.staff.sessions import SessionStore
from yizhan.agency.staff.sign_in import mark_fresh, stand_halfway, who_stands_halfway

log = logging.getLogger(__name__)

PROFILES = {
    "default": Words("密码规则：至少 12 个字符，不强制定期更换。", "Password rules: at least 12 characters, no forced renewal."),
    "mlps3": Words("密码规则（等保三级）：至少 12 个字符、三类字符，每 90 天更换。", "Password rules (MLPS level 3): at least 12 characters of three classes, renewed every 90 days."),
}  # fmt: skip


@page(PUBLIC)
def sign_in(request: HttpRequest) -> HttpResponse:
    """Name and password. The answer does not tell which of the two was wrong."""
    form = forms.SignIn(request.POST if request.method == "POST" else None)
    back = _safe(request, request.POST.get("next") or request.GET.get("next", ""))
    if request.method != "POST":
        if request.user.is_authenticated:
            return redirect("staff:home")
        return _door(request, form, back)
    if not form.is_valid():
        return _door(request, form, back, status=422)
    account = throttle.account_of(form.cleaned_data["username"])
    origin = throttle.origin_of(request, account, source.get())
    if seconds := throttle.admit(account, origin):
        form.add_error(None, say(TryLater.zh, TryLater.en, seconds=seconds))
        return _door(request, form, back, status=429)
    officer = authenticate(request, username=form.cleaned_data["username"], password=form.cleaned_data["password"])
    if not isinstance(officer, Officer):
        _record_refusal(form.cleaned_data["username"], account, origin)
        form.add_error(None, say(SignInRefused.zh, SignInRefused.en))
        return _door(request, form, back, status=422)
    throttle.forget(account, origin)
    if officer.totp_sealed is not None:
        stand_halfway(request, officer)
        request.session["next"] = back
        return redirect("staff:second_factor")
    return _enter(request, officer, back)


@page(PUBLIC)
def second_factor(request: HttpRequest) -> HttpResponse:
    """The code of the authenticator app, after the right password."""
    officer = who_stands_halfway(request)
    if officer is None:
        return redirect("staff:sign_in")
    form = forms.SecondFactor(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "staff/second_factor.html", {"form": form}, status=422 if form.errors else 200)
    account = throttle.account_of(officer.username, step="factor")
    origin = throttle.network_of(source.get())
    if seconds := throttle.admit(account, origin):
        form.add_error(None, say(TryLater.zh, TryLater.en, seconds=seconds))
        return render(request, "staff/second_factor.html", {"form": form}, status=429)
    try:
        actions.use_factor_code(officer, form.cleaned_data["code"], acting_user=officer)
    except forms.REFUSALS as refused:
        record("sign_in.factor", officer, outcome="refused", acting_user=officer)
        forms.show_problems(form, refused, field="code")
        return render(request, "staff/second_factor.html", {"form": form}, status=422)
    throttle.forget(account, origin)
    return _enter(request, officer, request.session.get("next", ""))


@page(SIGNED_IN, while_unfinished=True)
@require_POST
def sign_out(request: Request) -> HttpResponse:
    """End this session, and leave nothing behind in the browser."""
    actions.sign_out(request.user, acting_user=request.user)
    request.session.flush()
    response = redirect("staff:sign_in")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@page(PUBLIC)
def reset(request: HttpRequest) -> HttpResponse:
    """Set a password by a one-time code from the security administrator."""
    form = forms.UseResetCode(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "staff/reset.html", {"form": form}, status=422 if form.errors else 200)
    typed = form.cleaned_data
    account = throttle.account_of(typed["username"], step="reset")
    origin = throttle.network_of(source.get())
    if seconds := throttle.admit(account, origin):
        form.add_error(None, say(TryLater.zh, TryLater.en, seconds=seconds))
        return render(request, "staff/reset.html", {"form": form}, status=429)
    officer = Officer.objects.filter(username=typed["username"].strip().lower()).first()
    present = request.user if request.user.is_authenticated else None
    try:
        if officer is None:
            raise ResetRefused()
        actions.use_reset_code(
            officer,
            code=typed["code"],
            new=typed["new"],
            factor_code=typed["factor"],
            browser_of=present,
            acting_user=officer,
        )
    except forms.REFUSALS as refused:
        actor: Actor = present or officer or System("reset", NATION)
        record("officer.reset", officer, outcome="refused", acting_user=actor)
        forms.show_problems(form, refused)
        return render(request, "staff/reset.html", {"form": form}, status=422)
    throttle.forget(account, origin)
    messages.success(request, say("密码已设好，请登录。", "The password is set. Sign in."))
    return redirect("staff:sign_in")


@page(SIGNED_IN)
def home(request: Request) -> HttpResponse:
    """What waits for this officer today."""
    return render(request, "staff/home.html", {"waiting": waiting_for(request.user)})


@page(PUBLIC)
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Answer in this language from now on."""
    chosen = request.POST.get("language", "")
    response = redirect(_safe(request, request.POST.get("next", "")) or "staff:home")
    if chosen in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            max_age=365 * 86_400,
            secure=settings.HTTPS,
            httponly=True,
            samesite="Lax",
        )
    return response


@page(PUBLIC)
def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from our own page, or came too late."""
    return render(request, "staff/forged.html", status=403)


LONGEST_REPORT = 8_192


@csrf_exempt
@page(PUBLIC)
@require_POST
def csp(request: HttpRequest) -> HttpResponse:
    """A browser reports what the content security policy stopped. Only what is needed to find the page is logged."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > LONGEST_REPORT:
        return HttpResponse(status=413)
    try:
        report = json.loads(request.body)["csp-report"]
        found = {
            key: str(report.get(key, "")).partition("?")[0][:200]
            for key in ("violated-directive", "blocked-uri", "document-uri")
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return HttpResponse(status=400)
    log.warning("content security policy: %s", json.dumps(found))
    return HttpResponse(status=204)


def broken(request: HttpRequest) -> HttpResponse:
    """Something of ours failed: a number to report, and nothing of what it was."""
    number = secrets.token_hex(4).upper()
    log.error("fault %s at %s %s", number, request.method, request.path)
    # Without the request: the layout asks the database, which may be what failed.
    return HttpResponse(render_to_string("staff/broken.html", {"number": number}), status=500)


def not_there(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No page has this address."""
    return render(request, "staff/not_there.html", status=404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A request that no browser of ours sends: an unknown host, too many fields."""
    return HttpResponse(render_to_string("staff/bad_request.html"), status=400)


def _door(request: HttpRequest, form: forms.SignIn, back: str, *, status: int = 200) -> HttpResponse:
    rules = PROFILES["mlps3" if passwords.strict() else "default"]
    return render(request, "staff/sign_in.html", {"form": form, "next": back, "rules": rules}, status=status)


def _enter(request: HttpRequest, officer: Officer, back: str) -> HttpResponse:
    """Signed in: a new session key, older sessions beyond the number allowed end, this browser is known from now on."""
    login(request, officer, backend=settings.AUTHENTICATION_BACKENDS[0])
    request.session["device"] = device_of(request)
    request.session["source"] = source.get()
    mark_fresh(request)
    request.session.save()
    SessionStore.clear_expired()
    ended = actions.begin_session(officer, device=device_of(request), acting_user=officer)
    if ended:
        messages.warning(
            request,
            say("您在别处的会话（{n} 个）已自动退出。", "Your sessions elsewhere ({n}) were signed out.", n=ended),
        )
    response = redirect(back or "staff:home")
    throttle.remember_device(request, response, throttle.account_of(officer.username))
    return response


def _record_refusal(username: str, account: bytes, origin: str) -> None:
    """A refused try, and an alarm when it was one too many. What was typed for an unknown name is not kept."""
    officer = Officer.objects.filter(username=username.strip().lower()).first()
    actor: Actor = officer or System("sign-in", NATION)
    with acting(actor):
        failures = throttle.failures(account, origin)
        act = "sign_in.locked" if failures == throttle.LOCKED_AFTER else "sign_in"
        record(act, officer, outcome="refused", acting_user=actor, failures=failures, at=timezone.now())


def device_of(request: HttpRequest) -> str:
    """The browser in a few words, as an officer recognises it: “Chrome · Windows”."""
    agent = request.headers.get("User-Agent", "")
    browsers = {"Edg/": "Edge", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
    systems = {"Windows": "Windows", "Android": "Android", "iPhone": "iPhone", "Mac OS": "macOS", "Linux": "Linux"}
    browser = next((name for mark, name in browsers.items() if mark in agent), "")
    system = next((name for mark, name in systems.items() if mark in agent), "")
    return " · ".join(filter(None, (browser, system)))


def _safe(request: HttpRequest, address: str) -> str:
    """An address of our own to go on to, else ""."""
    if address.startswith("/") and url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return address
    return ""
