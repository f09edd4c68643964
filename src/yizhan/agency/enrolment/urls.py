"""Addresses of enrolment."""

from __future__ import annotations

from django.urls import path

from yizhan.agency.enrolment import gaps
from yizhan.agency.enrolment.views import coverage, covers, doubles, held, people, subsidies, tax
from yizhan.agency.people import panels

gaps.register()
panels.add(people.panel)
held.register()

app_name = "enrolment"
urlpatterns = [
    path("", people.enrolments, name="list"),
    path("export", people.export_enrolments, name="export"),
    path("enrol", people.enrol, name="enrol"),
    path("enrol/<int:person>", people.enrol, name="enrol_person"),
    path("import", people.import_list, name="import"),
    path("template/<slug:kind>", people.template, name="template"),
    path("files/<int:number>", people.file, name="file"),
    path("files/<int:number>/export", people.export_file, name="export_file"),
    path("year/<int:year>", people.year_page, name="year"),
    path("person/<int:person>/<int:year>", people.person_year, name="person"),
    path("person/<int:person>/<int:year>/end", people.end, name="end"),
    path("accounts/<int:charge>/refund", people.propose_refund, name="propose_refund"),
    path("subsidies", subsidies.batches, name="subsidies"),
    path("subsidies/propose", subsidies.propose, name="propose"),
    path("subsidies/<int:number>", subsidies.batch, name="batch"),
    path("subsidies/<int:number>/approve", subsidies.approve, name="approve"),
    path("subsidies/<int:number>/refuse", subsidies.refuse, name="refuse"),
    path("subsidies/<int:number>/withdraw", subsidies.withdraw, name="withdraw"),
    path("subsidies/<int:number>/export", subsidies.export_batch, name="export_batch"),
    path("subsidies/<int:number>/lines/<int:line>", subsidies.line, name="line"),
    path("tax", tax.lists, name="tax"),
    path("tax/make", tax.make_list, name="make_list"),
    path("tax/lists/<int:number>", tax.tax_list, name="tax_list"),
    path("tax/lists/<int:number>/file", tax.hand_over, name="hand_over"),
    path("tax/receipts", tax.receipt_files, name="receipts"),
    path("tax/differences", tax.differences, name="differences"),
    path("tax/differences/export", tax.export_differences, name="export_differences"),
    path("tax/differences/<int:number>", tax.difference, name="difference"),
    path("tax/refunds", tax.refund_list, name="refunds"),
    path("tax/refunds/propose", tax.propose_refunds, name="propose_refunds"),
    path("tax/refunds/decide", tax.decide_refunds, name="decide_refunds"),
    path("tax/refunds/died/<int:number>", tax.end_for_death, name="end_for_death"),
    path("doubles", doubles.cases, name="doubles"),
    path("doubles/look", doubles.look, name="look"),
    path("doubles/<int:number>", doubles.case, name="double"),
    path("covers", covers.covers, name="covers"),
    path("covers/record", covers.record_cover, name="record_cover"),
    path("covers/record/<int:person>", covers.record_cover, name="record_cover_of"),
    path("covers/import", covers.import_covers, name="import_covers"),
    path("covers/template", covers.cover_template, name="cover_template"),
    path("covers/of/<int:person>", covers.covers_of, name="covers_of"),
    path("covers/<int:number>/withdraw", covers.withdraw_cover, name="withdraw_cover"),
    path("coverage", coverage.coverage, name="coverage"),
    path("coverage/missing", coverage.missing, name="missing"),
    path("coverage/missing/export", coverage.export_missing, name="export_missing"),
    path("coverage/population", coverage.population, name="population"),
]
