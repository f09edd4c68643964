"""Two languages, written side by side.

Every word that a user reads is given in Chinese and English where it stands, `say("人员", "People")`, so that neither can
be forgotten. There are no message catalogues to compile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from django.utils.functional import lazystr
from django.utils.translation import get_language


def lang() -> str:
    """`zh` or `en`: the language of the request at hand."""
    return "en" if (get_language() or "").startswith("en") else "zh"


def say(zh: str, en: str, **found: object) -> str:
    """The one of two texts that suits the request, its {braces} filled."""
    text = zh if lang() == "zh" else en
    return text.format(**found) if found else text


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages; str() gives the one that suits the request at hand."""

    zh: str
    en: str

    def __str__(self) -> str:
        return say(self.zh, self.en)


def later(zh: str, en: str) -> str:
    """`say` for labels that are written before there is a request: forms, table columns, navigation."""
    return cast("str", lazystr(Words(zh, en)))
