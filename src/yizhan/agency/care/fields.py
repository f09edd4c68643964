"""Fields of care's forms: what people type into them, full-width or half-width, and what it becomes."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from django import forms

from yizhan.agency.desk.fields import LAST_DAY, YuanField, plain_number
from yizhan.agency.desk.words import lang, say
from yizhan.engine.facts import FACTS

__all__ = [
    "DiagnosesField",
    "FourDecimalsField",
    "YuanField",
    "choices_of",
    "day_input",
    "plain_number",
    "read_ten_thousandths",
]

_AMOUNT = re.compile(r"-?[0-9]{1,11}(\.[0-9]{1,4})?")


def read_ten_thousandths(typed: str) -> int:
    """A quantity or price with up to four decimals as an integer of 1/10,000. Raises ValueError.

    >>> read_ten_thousandths("１,２３４.５")
    12345000
    """
    text = plain_number(typed)
    if not _AMOUNT.fullmatch(text):
        raise ValueError(typed)
    whole, _, part = text.partition(".")
    sign = -1 if whole.startswith("-") else 1
    return sign * (int(whole.lstrip("-") or 0) * 10_000 + int(part.ljust(4, "0") or 0))


def number_in(text: str) -> int | None:
    """A number of ours, or an amount in fen, as an address or a hidden field gives it; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def choices_of(fact: str, *, only: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """The values of a closed fact, in the language of the request."""
    values = (v for v in FACTS[fact].values if not only or v.code in only)
    return [(value.code, value.zh if lang() == "zh" else value.en) for value in values]


def day_input(*, most: date | None = None) -> forms.DateInput:
    """A date as the browser picks one."""
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "max": (most or LAST_DAY).isoformat()})


class FourDecimalsField(forms.CharField):
    """A quantity or a price; cleaned to an integer of 1/10,000."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput({"inputmode": "decimal", "autocomplete": "off", "class": "number"})
        super().__init__(**{"max_length": 20, "widget": widget, **options})

    def clean(self, value: Any) -> int:
        """1/10,000."""
        text = super().clean(value)
        try:
            return read_ten_thousandths(text)
        except ValueError:
            raise forms.ValidationError(
                say("应为数字，最多四位小数。", "A number with at most four decimals.")
            ) from None


class DiagnosesField(forms.CharField):
    """Diagnoses, the main one first; cleaned to a list."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 300, "required": False, **options})

    def clean(self, value: Any) -> list[str]:
        """Codes and names as they were written, without empty ones."""
        parts = re.split(r"[,，、;；\n]", super().clean(value))
        return [" ".join(part.split()) for part in parts if part.strip()]
