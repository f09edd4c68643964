"""Addresses of rosters, deadlines and gaps."""

from __future__ import annotations

from django.urls import path

from yizhan.agency.rosters import views

app_name = "rosters"
urlpatterns = [
    path("", views.rosters, name="list"),
    path("upload", views.upload, name="upload"),
    path("template", views.template, name="template"),
    path("deadlines", views.deadlines, name="deadlines"),
    path("deadlines/adopt", views.adopt, name="adopt"),
    path("deadlines/new", views.duty, name="duty_new"),
    path("deadlines/<int:duty_number>", views.duty, name="duty"),
    path("gaps", views.gaps, name="gaps"),
    path("gaps/census", views.census, name="census"),
    path("gaps/<slug:kind>", views.gap, name="gap"),
    path("gaps/<slug:kind>/act", views.gap_act, name="gap_act"),
    path("<int:number>", views.roster, name="roster"),
    path("<int:number>/columns", views.mapping, name="mapping"),
    path("<int:number>/decide", views.decide, name="decide"),
    path("<int:number>/rows/<int:row_number>", views.row, name="row"),
    path("<int:number>/again", views.again, name="again"),
    path("<int:number>/drop", views.drop, name="drop"),
    path("<int:number>/send", views.send, name="send"),
    path("<int:number>/review", views.review, name="review"),
    path("<int:number>/withdraw", views.withdraw, name="withdraw"),
    path("<int:number>/returned", views.returned, name="returned"),
    path("<int:number>/past", views.past, name="past"),
]
