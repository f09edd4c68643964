"""Addresses of the books."""

from __future__ import annotations

from django.urls import path

from yizhan.agency.ledger import views

app_name = "ledger"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("open", views.open_books, name="open_books"),
    path("shares", views.shares, name="shares"),
    path("trial-balance", views.trial_balance, name="trial_balance"),
    path("trial-balance/export", views.export_trial_balance, name="export_trial_balance"),
    path("accounts/<int:number>", views.statement, name="statement"),
    path("entries/<slug:kind>/<int:number>", views.entry, name="entry"),
    path("movements", views.movements, name="movements"),
    path("movements/propose", views.propose, name="propose"),
    path("movements/document", views.decide_document, name="decide_document"),
    path("movements/<int:number>", views.movement, name="movement"),
    path("movements/<int:number>/decide", views.decide, name="decide"),
]
