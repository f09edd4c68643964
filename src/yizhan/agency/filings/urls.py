"""Addresses of filings."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "filings"
urlpatterns: list[URLPattern] = []
