"""What somebody looked for, kept in the session: words typed into a search never stand in an address.

Addresses end up in logs, histories and bookmarks. A search is posted, remembered, and the list is opened again; paging and
sorting then need the number of the page alone.
"""

from __future__ import annotations

from typing import TypeVar

from django import forms
from django.http import HttpRequest

F = TypeVar("F", bound=forms.Form)


def remembered(request: HttpRequest, name: str, form_class: type[F]) -> F:
    """The form of a search, filled with what was asked last. A link may ask for something else: `?state=unused`.

    After a POST the caller redirects to the list. A form with mistakes is not remembered.
    """
    asked = request.GET if any(key in form_class.base_fields for key in request.GET) else None
    if request.method == "POST":
        asked = request.POST
    if asked is not None:
        form = form_class(asked)
        if form.is_valid():
            request.session[name] = {key: asked[key] for key in form_class.base_fields if asked.get(key)}
        return form
    form = form_class(request.session.get(name, {}))
    form.is_valid()
    return form
