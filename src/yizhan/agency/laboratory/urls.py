"""Addresses of the laboratory."""

from __future__ import annotations

from django.urls import path

from yizhan.agency.laboratory import views

app_name = "laboratory"
urlpatterns = [
    path("", views.studies, name="list"),
    path("new", views.new, name="new"),
    path("<int:number>", views.study, name="study"),
    path("<int:number>/settings", views.settings, name="settings"),
    path("<int:number>/figures", views.figures, name="figures"),
    path("<int:number>/run", views.run, name="run"),
    path("<int:number>/again", views.again, name="again"),
    path("<int:number>/remove", views.remove, name="remove"),
    path("<int:number>/share", views.share, name="share"),
    path("<int:number>/cases/<int:place>", views.case, name="case"),
    path("<int:number>/cliffs/<int:place>", views.cliff, name="cliff"),
    path("<int:number>/workbook", views.workbook, name="workbook"),
    path("<int:number>/cells", views.cells, name="cells"),
    path("<int:number>/brief", views.brief, name="brief"),
]
