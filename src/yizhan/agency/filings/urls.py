"""Addresses of filings. They carry the platform's own numbers, never a certificate's and never a name."""

from __future__ import annotations

from django.urls import path

from yizhan.agency.filings.views import certificates, listing, making, one, terms

app_name = "filings"
urlpatterns = [
    path("", listing.filings, name="list"),
    path("new", making.whose, name="new"),
    path("new/<str:person>", making.kind, name="kind"),
    path("new/<str:person>/<str:kind>", making.make, name="make"),
    path("terms", terms.terms, name="terms"),
    path("terms/new", terms.new_term, name="new_term"),
    path("certificates", certificates.check, name="check"),
    path("<int:number>", one.filing, name="filing"),
    path("<int:number>/effect", one.effect, name="effect"),
    path("<int:number>/opine", one.opine, name="opine"),
    path("<int:number>/decide", one.decide, name="decide"),
    path("<int:number>/complete", one.complete, name="complete"),
    path("<int:number>/withdraw", one.withdraw, name="withdraw"),
    path("<int:number>/end", one.end, name="end"),
    path("<int:number>/revoke", one.revoke, name="revoke"),
    path("<int:number>/evidence", one.add_evidence, name="add_evidence"),
    path("<int:number>/evidence/<int:key>", one.evidence, name="evidence"),
    path("<int:number>/issue", certificates.issue, name="issue"),
    path("<int:number>/reprint", certificates.reprint, name="reprint"),
]
