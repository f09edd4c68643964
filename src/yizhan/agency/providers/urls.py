"""Addresses of providers."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "providers"
urlpatterns: list[URLPattern] = []
