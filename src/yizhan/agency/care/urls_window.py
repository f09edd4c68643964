"""Addresses of the window. Included by `urls`, under the same name."""

from __future__ import annotations

from django.urls import path

from yizhan.agency.care import views_lines, views_visit, views_window

urlpatterns = [
    path("visits/", views_window.visits, name="visits"),
    path("visits/find", views_window.find, name="find"),
    path("visits/new", views_window.new_visit, name="new_visit"),
    path("visits/lines-template", views_lines.lines_template, name="lines_template"),
    path("visits/<int:number>", views_window.visit, name="visit"),
    path("visits/<int:number>/preview", views_window.visit_preview, name="preview"),
    path("visits/<int:number>/settle", views_window.settle_visit, name="settle"),
    path("visits/<int:number>/lines", views_lines.enter_line, name="enter_line"),
    path("visits/<int:number>/lines/all", views_lines.all_lines, name="lines"),
    path("visits/<int:number>/lines/import", views_lines.import_lines, name="import_lines"),
    path("visits/<int:number>/lines/clear", views_lines.clear, name="clear_lines"),
    path("visits/<int:number>/lines/<int:position>/remove", views_lines.remove_line, name="remove_line"),
    path("visits/<int:number>/items", views_lines.items, name="find_items"),
    path("visits/<int:number>/refund", views_lines.refund, name="refund"),
    path("visits/<int:number>/change", views_visit.change, name="change_visit"),
    path("visits/<int:number>/discharge", views_visit.discharge, name="discharge"),
    path("visits/<int:number>/admit", views_visit.admit, name="admit"),
    path("visits/<int:number>/cut", views_visit.cut, name="cut_stay"),
    path("visits/<int:number>/cancel", views_visit.cancel, name="cancel_visit"),
    path("visits/<int:number>/money", views_visit.money, name="money"),
    path("visits/<int:number>/reverse", views_visit.reverse_settlement, name="reverse"),
    path("visits/<int:number>/correct", views_visit.correct, name="correct"),
]
