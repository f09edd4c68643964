"""Addresses of background work."""

from __future__ import annotations

from django.urls import path

from yizhan.agency.jobs import views

app_name = "jobs"
urlpatterns = [
    path("", views.runs, name="list"),
    path("<int:number>", views.run, name="run"),
    path("<int:number>/cancel", views.cancel, name="cancel"),
    path("<int:number>/file", views.download, name="download"),
]
