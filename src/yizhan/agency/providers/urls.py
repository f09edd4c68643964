"""Addresses of institutions, catalogues and mappings."""

from __future__ import annotations

from django.urls import path

from yizhan.agency.providers.views import catalogues, institutions, mappings

app_name = "providers"
urlpatterns = [
    path("", institutions.institutions, name="list"),
    path("<int:number>", institutions.institution, name="institution"),
    path("<int:number>/kind", institutions.set_kind, name="set_kind"),
    path("<int:number>/agreement", institutions.agreement, name="agreement"),
    path("<int:number>/agreements/<int:agreement_number>", institutions.event, name="event"),
    path("<int:number>/designate", institutions.designate, name="designate"),
    path(
        "<int:number>/designations/<int:designation_number>/end", institutions.end_designation, name="end_designation"
    ),
    path("catalogues", catalogues.versions, name="catalogues"),
    path("catalogues/import", catalogues.import_version, name="import"),
    path("catalogues/template", catalogues.template, name="template"),
    path("catalogues/<int:number>", catalogues.version, name="version"),
    path("catalogues/<int:number>/apply", catalogues.apply, name="apply"),
    path("catalogues/<int:number>/compare", catalogues.compare, name="compare"),
    path("catalogues/<int:number>/end", catalogues.end, name="end"),
    path("items", catalogues.items, name="items"),
    path("mappings", mappings.mappings, name="mappings"),
    path("mappings/propose", mappings.propose, name="propose"),
    path("mappings/template", mappings.template, name="mapping_template"),
    path("mappings/decide", mappings.decide, name="decide"),
    path("mappings/<int:number>/end", mappings.end, name="mapping_end"),
]
