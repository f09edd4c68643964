"""Addresses of signing in, one's own account, officers, areas and the audit trail."""

from __future__ import annotations

from django.urls import path, re_path

from yizhan.agency.staff.views import account, areas, audit, door, officers

app_name = "staff"
urlpatterns = [
    path("", door.home, name="home"),
    path("sign-in", door.sign_in, name="sign_in"),
    path("sign-in/code", door.second_factor, name="second_factor"),
    path("sign-in/reset", door.reset, name="reset"),
    path("sign-out", door.sign_out, name="sign_out"),
    path("language", door.language, name="language"),
    path("csp", door.csp, name="csp"),
    path("account", account.account, name="account"),
    path("account/password", account.change_password, name="change_password"),
    path("account/factor", account.factor, name="factor"),
    path("account/confirm", account.confirm, name="confirm"),
    path("account/sessions/end", account.end_session, name="end_session"),
    path("officers", officers.officers, name="officers"),
    path("officers/new", officers.new_officer, name="new_officer"),
    path("officers/<int:number>", officers.officer, name="officer"),
    path("officers/<int:number>/roles", officers.change_roles, name="change_roles"),
    path("officers/<int:number>/suspend", officers.suspend, name="suspend"),
    path("officers/<int:number>/resume", officers.resume, name="resume"),
    path("officers/<int:number>/reset-code", officers.reset_code, name="reset_code"),
    path("officers/<int:number>/factor/drop", officers.drop_factor, name="drop_factor"),
    path("ceilings", officers.grants, name="grants"),
    path("areas", areas.areas, name="areas"),
    path("areas/new", areas.new_area, name="new_area"),
    path("institutions", areas.institutions, name="institutions"),
    path("institutions/new", areas.new_institution, name="new_institution"),
    re_path(r"^(?P<what>areas|institutions)/import$", areas.import_table, name="import_table"),
    re_path(r"^(?P<what>areas|institutions)/template$", areas.template, name="template"),
    path("audit", audit.audit, name="audit"),
    path("audit/head", audit.head, name="audit_head"),
]
