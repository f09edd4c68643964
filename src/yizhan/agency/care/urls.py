"""Addresses of settled bills."""

from __future__ import annotations

from django.urls import path

from yizhan.agency.care import views

app_name = "care"
urlpatterns = [
    path("", views.bills, name="list"),
    path("import", views.import_bills, name="import"),
    path("touched", views.touched, name="touched"),
    path("touched/export", views.export_touched, name="export_touched"),
    path("<int:number>", views.bill, name="bill"),
]
