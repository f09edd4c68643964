"""Where programs call, `/api/v1/…`; the document about it; and pages about keys."""

from __future__ import annotations

from django.urls import include, path

from yizhan.agency.api import service, views

app_name = "api"
urlpatterns = [
    path("api/", views.documentation, name="documentation"),
    path("api/openapi.json", views.document, name="document"),
    path("api/v1/", include(service.urls())),
    path("account/keys/new", views.new_key, name="new_key"),
    path("account/keys/<int:number>/end", views.end_key, name="end_key"),
    path("officers/<int:officer>/keys/<int:number>/end", views.end_key_of, name="end_key_of"),
]
