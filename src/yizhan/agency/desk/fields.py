"""Fields that forms of several apps have: days, and amounts as people type them, full-width or half-width, with or without commas."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Any

from django import forms

from yizhan.agency.desk.words import say
from yizhan.engine.money import MOST_FEN, parse_yuan

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2200, 12, 31)
"""Between them lies every day that anybody means; the calendar's own ends have no day before or after them."""


def read_day(text: str) -> date | None:
    """The day of an address or a form（2026-11-02）; None where it is none, or none that anybody means."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if FIRST_DAY <= found <= LAST_DAY else None


class DayField(forms.DateField):
    """A day."""

    def clean(self, value: Any) -> date | None:
        """The day; None where nothing was entered."""
        found: date | None = super().clean(value)
        if found is not None and not FIRST_DAY <= found <= LAST_DAY:
            raise forms.ValidationError(
                say("应在 {first} 和 {last} 之间。", "Between {first} and {last}.", first=FIRST_DAY, last=LAST_DAY)
            )
        return found


def plain_number(typed: str) -> str:
    """What a number is without the habits of typing it: １２，３４５．５０元 → 12345.50."""
    text = unicodedata.normalize("NFKC", typed).replace("。", ".").strip()
    return re.sub(r"[\s,，、¥￥元]", "", text)


class YuanField(forms.CharField):
    """An amount in yuan, as people type it（１，２００.５、1200元）; cleaned to fen, None where nothing was entered."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput({"inputmode": "decimal", "autocomplete": "off", "class": "number"})
        super().__init__(**{"max_length": 20, "widget": widget, "required": False, **options})

    def clean(self, value: Any) -> int | None:
        """Fen."""
        text = plain_number(super().clean(value))
        if not text:
            return None
        whole, point, part = text.partition(".")
        try:
            fen = parse_yuan(f"{whole}.{part.ljust(2, '0')}" if point else f"{whole}.00")
        except ValueError:
            fen = -1
        if not 0 <= fen <= MOST_FEN:
            raise forms.ValidationError(say("应为金额，如 1234.50。", "An amount such as 1234.50."))
        return fen
