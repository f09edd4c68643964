"""Where hospitals' systems call. The path is advisory: `infno` in the body says what is asked."""

from __future__ import annotations

from django.urls import path

from yizhan.agency.gateway import views

app_name = "gateway"
urlpatterns = [
    path("fsi/api/<path:service>", views.service, name="service"),
    path("mbs/fmi/fsi/api/<path:service>", views.service, name="service_mbs"),
    path("eapdomain/<path:service>", views.service, name="service_eapdomain"),
    path("auth/oauth/token", views.token, name="token"),
    path("CSB", views.service, name="service_csb"),
]
