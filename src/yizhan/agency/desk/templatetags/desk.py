"""What templates may write: two languages, money, dates, masked numbers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from yizhan.agency.desk.words import lang
from yizhan.agency.desk.words import say as _say
from yizhan.engine.money import yuan_grouped
from yizhan.errors import Problem

register = template.Library()


@register.simple_tag
def say(zh: str, en: str, **found: object) -> str:
    """{% say "共 {n} 人" "{n} people" n=count %}"""
    return _say(zh, en, **found)


@register.filter
def yuan(fen: int | None) -> str:
    """Fen as yuan: 1,234.50; nothing for None."""
    return "" if fen is None else yuan_grouped(fen)


@register.filter
def decimals(value: int) -> str:
    """A quantity or price in 1/10,000 without zeros that say nothing: 25000 → 2.5."""
    whole, part = divmod(abs(value), 10_000)
    return f"{'-' if value < 0 else ''}{whole}.{part:04d}".rstrip("0").rstrip(".")


@register.filter
def plus(one: int, other: int) -> int:
    """The sum of two amounts."""
    return one + other


@register.filter
def minus(one: int, other: int) -> int:
    """The difference of two amounts."""
    return one - other


@register.filter
def size_of(fen: int) -> int:
    """An amount without its sign, where words say the direction."""
    return abs(fen)


@register.filter
def day(value: date | datetime | None) -> str:
    """2026-11-02; nothing for None."""
    if isinstance(value, datetime):
        value = timezone.localtime(value).date()
    return value.isoformat() if value else ""


@register.filter
def instant(value: datetime | None) -> str:
    """2026-11-02 14:05 in local time."""
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M") if value else ""


@register.filter
def state(value: Any) -> SafeString:
    """A status as a coloured mark: anything with `.words` and `.tone` (good, wait, bad, plain)."""
    return format_html('<span class="mark mark-{}">{}</span>', value.tone, str(value.words))


@register.simple_tag
def problem(found: Problem) -> str:
    """A refusal in the language of the request."""
    return found.text(lang())
