"""Both languages everywhere, nothing inline, nothing that Chromium 109 cannot do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

AGENCY = Path(__file__).resolve().parents[2] / "src" / "yizhan" / "agency"
TEMPLATES = sorted(AGENCY.rglob("templates/**/*.html"))
STYLES = sorted(AGENCY.rglob("static/**/*.css"))
SCRIPTS = sorted(AGENCY.rglob("static/**/*.js"))

_TAG = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}|<!--.*?-->", re.DOTALL)
_HAN = re.compile(r"[\u3400-\u9fff]")
_IF = re.compile(r"{%\s*(?:el)?if\s.*?%}", re.DOTALL)  # compares with words of the law, shows none
_WORDS = re.compile(r"{%\s*say\s+(.*?)%}", re.DOTALL)
_INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:")
_ELSEWHERE = re.compile(r"""(?:src|href|action)=["'](?:https?:)?//""")

TOO_NEW_CSS = (
    "color-mix(",
    "@starting-style",
    "@scope",
    "anchor(",
    "text-wrap: balance",
    "subgrid",
    "light-dark(",
    ":user-valid",
)
TOO_NEW_JS = (
    "toSorted",
    "toReversed",
    "Object.groupBy",
    "Promise.withResolvers",
    "URL.canParse",
    "startViewTransition",
)


def untranslated(html: str) -> list[str]:
    """Chinese outside `say`, and `say` with one language only. Strings given to other tags count as outside."""
    found = []
    for words in _WORDS.findall(html):
        texts = re.findall(r"\"([^\"]*)\"|'([^']*)'|([\w.]+)", words)
        if len(texts) < 2:
            found.append(words)
    without = _IF.sub("", _WORDS.sub("", html))
    found += [
        m[0]
        for m in re.finditer(
            r"[^\s<>]*[\u3400-\u9fff][^\s<>]*", re.sub(r"{#.*?#}|<!--.*?-->", "", without, flags=re.DOTALL)
        )
    ]
    return [f for f in found if f != "中文"]


def test_untranslated_words_are_found() -> None:
    assert untranslated("<p>人员</p>") and untranslated('{% say "人员" %}') and untranslated('{% link "人员" %}')
    assert not untranslated('<p>{% say "人员" "People" %}</p>{# 说明 #}')


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_every_template_speaks_both_languages(path: Path) -> None:
    assert not untranslated(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_no_template_has_inline_script_or_style_or_loads_from_elsewhere(path: Path) -> None:
    html = path.read_text(encoding="utf-8")
    assert not _INLINE.findall(_TAG.sub("", html))
    assert not _ELSEWHERE.findall(html)


def test_inline_script_is_found() -> None:
    assert (
        _INLINE.search("<a onclick='x()'>") and _INLINE.search("<p style='x'>") and _INLINE.search("<script>x</script>")
    )
    assert not _INLINE.search('<script src="/static/desk.js" defer></script><a data-on="x">')


@pytest.mark.parametrize("path", [*STYLES, *SCRIPTS], ids=lambda p: p.name)
def test_styles_and_scripts_keep_to_chromium_109(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not [word for word in (TOO_NEW_CSS if path.suffix == ".css" else TOO_NEW_JS) if word in text]


def test_python_speaks_both_languages() -> None:
    """Chinese in the agency's code stands in docstrings, in `say`, `later`, `Words`, `State`, or in an error's `zh`."""
    # What a reader can check at a glance is left to review; a lone `messages.success(request, "…")` is what this finds.
    lone = re.compile(r"messages\.\w+\(\s*\w+,\s*f?[\"'][^\"']*" + _HAN.pattern)
    for path in AGENCY.rglob("*.py"):
        assert not lone.search(path.read_text(encoding="utf-8")), path
