"""Addresses of people. They carry the platform's own numbers, never a certificate's and never a name."""

from __future__ import annotations

from django.urls import path

from yizhan.agency.people import merge_views, views

app_name = "people"
urlpatterns = [
    path("", views.people, name="list"),
    path("export", views.export, name="export"),
    path("register", views.register, name="register"),
    path("look-up", views.look_up, name="look_up"),
    path("merges", merge_views.merges, name="merges"),
    path("merges/<int:key>", merge_views.merge, name="merge"),
    path("merges/<int:key>/decide", merge_views.decide, name="decide_merge"),
    path("merges/<int:key>/undo", merge_views.undo, name="undo_merge"),
    path("households/<str:number>", views.household, name="household"),
    path("households/<str:number>/add", views.add_member, name="add_member"),
    path("households/<str:number>/<int:key>/remove", views.remove_member, name="remove_member"),
    path("<str:number>", views.person, name="person"),
    path("<str:number>/reveal", views.reveal, name="reveal"),
    path("<str:number>/held", views.held, name="held"),
    path("<str:number>/correct", views.correct, name="correct"),
    path("<str:number>/account", views.account, name="account"),
    path("<str:number>/move", views.move, name="move"),
    path("<str:number>/death", views.death, name="death"),
    path("<str:number>/household", views.new_household, name="new_household"),
    path("<str:number>/merge", merge_views.propose, name="propose_merge"),
    path("<str:number>/marks/add", views.add_mark, name="add_mark"),
    path("<str:number>/marks/<int:key>/end", views.end_mark, name="end_mark"),
    path("<str:number>/marks/<int:key>/withdraw", views.withdraw_mark, name="withdraw_mark"),
]
