"""Addresses of settled bills."""

from __future__ import annotations

from django.urls import include, path

from yizhan.agency.care import bill_pages, views

app_name = "care"
urlpatterns = [
    path("", views.bills, name="list"),
    path("import", views.import_bills, name="import"),
    path("refusals", views.refusals, name="refusals"),
    path("verify", bill_pages.verify, name="verify"),
    path("print", bill_pages.print_bills, name="print"),
    path("<int:number>", bill_pages.bill, name="bill"),
    path("<int:number>/<str:lang>.pdf", bill_pages.bill_pdf, name="pdf"),
    path("", include("yizhan.agency.care.urls_window")),
    path("", include("yizhan.agency.care.urls_changes")),
]
