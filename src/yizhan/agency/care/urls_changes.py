"""Addresses of what the bureau does with settled bills, and of paper bills. Included by `urls`, under the same name."""

from __future__ import annotations

from django.urls import path

from yizhan.agency.care import views_applications, views_changes, views_paper

urlpatterns = [
    path("touched", views_changes.touched, name="touched"),
    path("touched/export", views_changes.export_touched, name="export_touched"),
    path("resettlements", views_changes.resettlements, name="resettlements"),
    path("resettlements/new", views_changes.new_resettlement, name="new_resettlement"),
    path("resettlements/<int:number>", views_changes.resettlement, name="resettlement"),
    path("resettlements/<int:number>/decide", views_changes.decide_resettlement, name="decide_resettlement"),
    path("resettlements/<int:number>/go-on", views_changes.go_on_resettlement, name="go_on_resettlement"),
    path("resettlements/<int:number>/withdraw", views_changes.withdraw_resettlement, name="withdraw_resettlement"),
    path("resettlements/<int:number>/export", views_changes.export_resettlement, name="export_resettlement"),
    path("dues", views_changes.dues_page, name="dues"),
    path("dues/export", views_changes.export_dues, name="export_dues"),
    path("dues/propose", views_changes.propose_dues, name="propose_dues"),
    path("dues/bank", views_changes.bank_file, name="bank_file"),
    path("applications/<int:visit>", views_applications.application, name="application"),
    path("held", views_changes.held, name="held"),
    path("held/<int:visit>", views_changes.decide_held_part, name="decide_held"),
    path("arrears", views_changes.arrears_page, name="arrears"),
    path("arrears/<int:visit>/notice", views_changes.notice, name="notice"),
    path("arrears/<int:visit>/default", views_changes.propose_finding, name="propose_default"),
    path("defaults", views_changes.defaults_page, name="defaults"),
    path("defaults/<int:number>", views_changes.finding, name="finding"),
    path("paper", views_paper.paper_bills, name="paper_bills"),
    path("paper/new", views_paper.whose, name="new_paper"),
    path("paper/new/<int:person>", views_paper.enter_paper, name="enter_paper"),
    path("paper/<int:number>", views_paper.paper_bill, name="paper_bill"),
    path("paper/<int:number>/change", views_paper.change_paper, name="change_paper"),
    path("paper/<int:number>/send", views_paper.send_paper, name="send_paper"),
    path("paper/<int:number>/attach", views_paper.attach_file, name="attach_file"),
    path("paper/<int:number>/files/<int:file>", views_paper.open_file, name="paper_file"),
    path("paper/<int:number>/decide", views_paper.decide_paper, name="decide_paper"),
]
