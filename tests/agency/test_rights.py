"""Rights: one table, shown as it is, and kept by every address of the desk. Rows C of docs/security.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.agency.world import World
from yizhan.agency import navigation
from yizhan.agency.staff.pages import MACHINE, PUBLIC, SIGNED_IN, PageMiddleware
from yizhan.agency.staff.rights import GRANTED, Right, Role, as_page, rights_of

DOCS = Path(__file__).resolve().parents[2] / "docs"


def addresses(patterns: list[URLPattern | URLResolver], space: str = "") -> Iterator[tuple[str, URLPattern]]:
    """(name, pattern) of everything that the desk answers to."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, f"{pattern.namespace}:" if pattern.namespace else space)
        else:
            yield f"{space}{pattern.name}", pattern


ALL = dict(addresses(get_resolver().url_patterns))


def right_of(name: str) -> Right | str | None:
    """Which right opens an address."""
    return getattr(ALL[name].callback, "right", None)


def without_arguments() -> Iterator[str]:
    for name, pattern in ALL.items():
        if not pattern.pattern.regex.groups and "<" not in str(pattern.pattern):
            yield name


def test_c1_the_page_of_rights_is_the_table() -> None:
    assert (DOCS / "rights.md").read_text(encoding="utf-8") == as_page(), (
        "write it anew: PYTHONPATH=src python -c "
        "'from yizhan.agency.staff.rights import as_page; print(as_page(), end=\"\")' > docs/rights.md"
    )


def test_c1_every_right_has_words_and_somebody_who_holds_it() -> None:
    assert set(GRANTED) == set(Right)
    assert all(GRANTED[right] and right.words.zh and right.words.en for right in Right)
    assert {role for roles in GRANTED.values() for role in roles} <= set(Role)


@pytest.mark.parametrize("name", ALL)
def test_c2_every_address_leads_to_a_page_with_a_right(name: str) -> None:
    right = right_of(name)
    assert isinstance(right, Right) or right in (SIGNED_IN, PUBLIC, MACHINE), f"{name}: decorate its view with @page"


def test_c2_what_is_public_is_only_the_door() -> None:
    public = {name for name in ALL if right_of(name) == PUBLIC}
    assert public == {"staff:sign_in", "staff:second_factor", "staff:reset", "staff:language", "staff:csp"}


def test_c2_a_view_that_is_no_page_is_refused() -> None:
    def unmarked(request: object) -> HttpResponse:
        return HttpResponse("seen")

    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    refused = PageMiddleware(lambda r: HttpResponse()).process_view(request, unmarked, (), {})
    assert refused is not None
    assert refused.status_code == 404


@pytest.mark.parametrize("role", Role)
def test_c2_every_page_opens_for_those_roles_that_the_table_names(world: World, role: Role) -> None:
    officer = world.one_of_each_role()[role]
    client = world.client(officer)
    wrong = []
    for name in without_arguments():
        right = right_of(name)
        if right == PUBLIC:
            continue
        status = client.get(reverse(name)).status_code
        may = not isinstance(right, Right) or role in GRANTED[right]
        if (status == 403) == may or status >= 500:
            wrong.append(f"{name}: {status}, granted: {may}")
    assert not wrong, "\n".join(wrong)


def test_c2_who_is_not_signed_in_is_sent_to_the_door_everywhere(db: None) -> None:
    for name in without_arguments():
        if right_of(name) not in (PUBLIC, MACHINE):
            assert Client().get(reverse(name)).status_code == 302, name


def test_c2_refusals_name_the_right_that_is_missing(world: World) -> None:
    shown = world.client(world.yuhu.officer).get("/officers").content.decode()
    assert Right.OFFICER_MANAGE.words.zh in shown
    assert "安全管理员" in shown


def test_c5_administrators_do_not_work_on_cases_and_see_no_persons() -> None:
    for role in (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN):
        held = rights_of([role])
        assert not [
            right for right in held if right.startswith(("person.", "roster.", "enrolment.", "subsidy.", "mark."))
        ]
    held_by = {role: rights_of([role]) for role in (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN)}
    assert held_by[Role.SYSTEM_ADMIN].isdisjoint(held_by[Role.SECURITY_ADMIN] | held_by[Role.AUDIT_ADMIN])
    assert held_by[Role.SECURITY_ADMIN].isdisjoint(held_by[Role.AUDIT_ADMIN])


def test_auditors_hold_no_right_that_writes() -> None:
    for right in rights_of([Role.AUDITOR]):
        assert right.endswith(".see"), right


def test_every_entry_of_the_navigation_leads_to_a_page_under_the_same_right() -> None:
    for group in navigation.GROUPS:
        for entry in group.entries:
            assert entry.page in ALL, f"{entry.page} is in the navigation and nowhere else"
            right = right_of(entry.page)
            assert right == (entry.right or SIGNED_IN), entry.page
