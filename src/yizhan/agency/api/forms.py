"""What an officer fills in about a key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from yizhan.agency.api.actions import LONGEST_DAYS
from yizhan.agency.api.service import SCOPES
from yizhan.agency.desk.fields import DayField
from yizhan.agency.desk.words import later
from yizhan.agency.staff.models import Officer


class NewKey(forms.Form):
    """What for, until when, from where, and what it may."""

    name = forms.CharField(
        label=later("用途", "What for"),
        max_length=60,
        help_text=later("哪个系统、谁来维护", "which system, and who looks after it"),
    )
    ends_on = DayField(label=later("最后一天", "Last day"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    networks = forms.CharField(
        label=later("只从这些网络", "Only from these networks"), max_length=400, required=False,
        help_text=later("如 10.1.2.0/24；多个用空格隔开，留空不限", "such as 10.1.2.0/24; several with blanks between; empty: from anywhere"),
    )  # fmt: skip
    scopes = forms.MultipleChoiceField(
        label=later("可用权限（不超过您本人当时的权限）", "Rights (never more than your own at that moment)"),
        widget=forms.CheckboxSelectMultiple(attrs={"whole": True, "class": "choices"}),
    )

    def __init__(self, *args: Any, of: Officer, **options: Any) -> None:
        super().__init__(*args, **options)
        scopes: Any = self.fields["scopes"]
        scopes.choices = [(str(right), right.words) for right in SCOPES if right in of.rights]
        self.fields["ends_on"].initial = timezone.localdate() + timedelta(days=LONGEST_DAYS // 4)

    def clean_networks(self) -> list[str]:
        """One by one."""
        return self.cleaned_data["networks"].replace(",", " ").replace("，", " ").split()
