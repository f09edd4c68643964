"""My account: the own sessions, password and second factor, and proving once more who one is."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from yizhan.agency.desk.words import say
from yizhan.agency.staff import actions, ceilings, factors, forms, panels, passwords, sessions, throttle
from yizhan.agency.staff.audit import record, source
from yizhan.agency.staff.errors import TryLater
from yizhan.agency.staff.pages import SIGNED_IN, Request, page
from yizhan.agency.staff.rights import Role
from yizhan.agency.staff.sign_in import mark_fresh, require_fresh, unfinished


@page(SIGNED_IN, while_unfinished=True)
def account(request: Request) -> HttpResponse:
    """Who I am here, where I am signed in, and what I have looked at today."""
    officer = request.user
    used = [
        {"words": ceilings.CEILINGS[kind].words, "used": used, "most": most}
        for kind, (used, most) in ceilings.used_today(officer).items()
    ]
    return render(
        request,
        "staff/account.html",
        {
            "roles": [Role(role).words for role in officer.roles],
            "living": sessions.living_sessions(officer),
            "here": sessions.stored_key(request.session.session_key or ""),
            "used": used,
            "panels": panels.shown(officer, officer),
            "factor_required": factors.is_required(officer),
            "idle": int(sessions.idle_limit(officer).total_seconds()) // 60,
        },
    )


@page(SIGNED_IN, while_unfinished=True)
@require_POST
def end_session(request: Request) -> HttpResponse:
    """End one of my sessions."""
    actions.end_session(request.POST.get("session", ""), acting_user=request.user)
    messages.success(request, say("已结束那个会话。", "That session was ended."))
    return redirect("staff:account")


@page(SIGNED_IN, while_unfinished=True)
def change_password(request: Request) -> HttpResponse:
    """Change my password."""
    officer = request.user
    must = passwords.is_old(officer)
    form = forms.ChangePassword(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if seconds := _try(request, "change"):
            form.add_error(None, say(TryLater.zh, TryLater.en, seconds=seconds))
            return render(request, "staff/change_password.html", {"form": form, "must": must}, status=429)
        try:
            actions.change_password(
                officer,
                old=form.cleaned_data["old"],
                new=form.cleaned_data["new"],
                keep_session=request.session.session_key,
                acting_user=officer,
            )
        except forms.REFUSALS as refused:
            wrong_old = getattr(refused, "code", "") == "wrong_password"
            record("officer.change_password", officer, outcome="refused", acting_user=officer)
            forms.show_problems(form, refused, field="old" if wrong_old else "new")
        else:
            _forget(request, "change")
            update_session_auth_hash(request, officer)
            messages.success(
                request, say("密码已修改，其他会话都已退出。", "The password was changed; all other sessions ended.")
            )
            return redirect("staff:account")
    wrong_old = "old" in form.errors
    return render(
        request,
        "staff/change_password.html",
        {"form": form, "must": must},
        status=(403 if wrong_old else 422) if form.errors else 200,
    )


@page(SIGNED_IN, while_unfinished=True)
def factor(request: Request) -> HttpResponse:
    """Set up the authenticator app: scan, type a code."""
    officer = request.user
    if officer.totp_sealed is not None:
        return redirect("staff:account")
    require_fresh(request)
    kept = request.session.setdefault("new_factor", factors.sealed(factors.new_secret(), officer).decode())
    secret = factors.unsealed(kept.encode(), officer)
    form = forms.SecondFactor(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.enrol_factor(officer, secret=secret, code=form.cleaned_data["code"], acting_user=officer)
        except forms.REFUSALS as refused:
            forms.show_problems(form, refused, field="code")
        else:
            del request.session["new_factor"]
            messages.success(
                request,
                say("已启用动态验证码，下次登录时要用。", "The app is set up; you need it at your next sign-in."),
            )
            return redirect("staff:account")
    spaced = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
    context = {
        "form": form,
        "picture": factors.picture(secret, officer),
        "secret": spaced,
        "must": bool(unfinished(officer)),
    }
    return render(request, "staff/factor.html", context, status=422 if form.errors else 200)


@page(SIGNED_IN, while_unfinished=True)
def confirm(request: Request) -> HttpResponse:
    """Give the password once more, then go on."""
    back = request.POST.get("next") or request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None) or not back.startswith("/"):
        back = ""
    form = forms.Confirm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if seconds := _try(request, "confirm"):
            form.add_error(None, say(TryLater.zh, TryLater.en, seconds=seconds))
            return render(request, "staff/confirm.html", {"form": form, "next": back}, status=429)
        try:
            actions.confirm(request.user, password=form.cleaned_data["password"], acting_user=request.user)
        except forms.REFUSALS as refused:
            record("sign_in.confirm", request.user, outcome="refused", acting_user=request.user)
            forms.show_problems(form, refused, field="password")
        else:
            _forget(request, "confirm")
            request.session.cycle_key()
            mark_fresh(request)
            return redirect(back or "staff:account")
    return render(request, "staff/confirm.html", {"form": form, "next": back}, status=422 if form.errors else 200)


def _try(request: Request, step: str) -> int:
    account = throttle.account_of(request.user.username, step=step)
    return throttle.admit(account, throttle.network_of(source.get()))


def _forget(request: Request, step: str) -> None:
    throttle.forget(throttle.account_of(request.user.username, step=step), throttle.network_of(source.get()))
