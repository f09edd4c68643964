"""Where hospitals' systems call, whose path is advisory (`infno` in the body says what is asked); and pages about it."""

from __future__ import annotations

from django.urls import path

from yizhan.agency.gateway import console, views

app_name = "gateway"
urlpatterns = [
    path("fsi/api/<path:service>", views.service, name="service"),
    path("mbs/fmi/fsi/api/<path:service>", views.service, name="service_mbs"),
    path("eapdomain/<path:service>", views.service, name="service_eapdomain"),
    path("auth/oauth/token", views.token, name="token"),
    path("CSB", views.service, name="service_csb"),
    path("gateway/messages", console.messages, name="messages"),
    path("gateway/messages/<int:number>", console.message, name="message"),
    path("gateway/messages/<int:number>/replay", console.replay_message, name="replay"),
    path("gateway/reconciliation", console.reconciliation, name="reconciliation"),
    path("gateway/callers", console.callers, name="callers"),
]
