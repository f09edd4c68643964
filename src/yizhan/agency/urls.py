"""All addresses of the desk."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("yizhan.agency.staff.urls")),
    path("jobs/", include("yizhan.agency.jobs.urls")),
    path("people/", include("yizhan.agency.people.urls")),
    path("rosters/", include("yizhan.agency.rosters.urls")),
    path("enrolment/", include("yizhan.agency.enrolment.urls")),
    path("ledger/", include("yizhan.agency.ledger.urls")),
    path("providers/", include("yizhan.agency.providers.urls")),
    path("filings/", include("yizhan.agency.filings.urls")),
    path("care/", include("yizhan.agency.care.urls")),
    path("laboratory/", include("yizhan.agency.laboratory.urls")),
    path("", include("yizhan.agency.api.urls")),
    path("", include("yizhan.agency.gateway.urls")),
]

handler400 = "yizhan.agency.staff.views.door.bad_request"
handler404 = "yizhan.agency.staff.views.door.not_there"
handler500 = "yizhan.agency.staff.views.door.broken"
