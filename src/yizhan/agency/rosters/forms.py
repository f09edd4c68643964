"""The forms of rosters, duties and gaps."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django import forms

from yizhan.agency.desk.fields import DayField
from yizhan.agency.desk.words import later, say
from yizhan.agency.people.models import IDENTITIES
from yizhan.agency.rosters import columns, queries
from yizhan.agency.rosters.gaps import CLOSED
from yizhan.agency.rosters.models import Roster, RosterDuty
from yizhan.agency.rosters.states import KINDS
from yizhan.agency.staff.models import DEPARTMENTS, Area, Officer
from yizhan.agency.staff.scope import department_of

MOST_BYTES = 40 << 20


def identity_words(code: str) -> str:
    """A category in the language of the request."""
    value = IDENTITIES.get(code)
    return say(value.zh, value.en) if value else code


def identity_choices(department: str = "") -> list[tuple[str, str]]:
    """Categories to choose from, those that the department certifies first."""
    first = columns.CERTIFIES.get(department, ())
    return [(code, identity_words(code)) for code in sorted(IDENTITIES, key=lambda code: code not in first)]


class _Day(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class UploadForm(forms.Form):
    """A list to be sent: whose, of what, from when."""

    file = forms.FileField(
        label=later("名单文件", "file"),
        help_text=later(".xlsx 或 .csv，最多 20 MB、20 万行。", ".xlsx or .csv, at most 20 MB and 200,000 rows."),
    )
    kind = forms.ChoiceField(
        label=later("名单种类", "kind of list"),
        help_text=later(
            "完整名单：没有写到的人视为已退出。月度变动：只写变动的人。",
            "A complete list: whoever is missing has left. Monthly changes: only those who join or leave.",
        ),
    )
    effective_on = DayField(
        label=later("生效日期", "holds from"),
        widget=_Day(),
        help_text=later("月度变动填当月1日。", "Of monthly changes, the first of the month."),
    )
    department = forms.ChoiceField(label=later("认定部门", "department"))
    area: forms.ModelChoiceField[Area] = forms.ModelChoiceField(
        label=later("地区", "area"), queryset=None, empty_label=None
    )
    document = forms.CharField(label=later("文号", "document"), max_length=120, required=False)
    identities = forms.MultipleChoiceField(
        label=later(
            "身份类别（多个类别时，文件里要有“身份类别”列）",
            "categories (if several, the file needs a column 身份类别)",
        ),
        widget=forms.CheckboxSelectMultiple(attrs={"whole": True, "class": "choices"}),
    )

    def __init__(self, *args: Any, viewer: Officer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = department_of(viewer)
        self.fields["kind"].choices = [(code, words) for code, words in KINDS.items()]  # type: ignore[attr-defined]  # a choice field
        self.fields["department"].choices = [  # type: ignore[attr-defined]  # a choice field
            (code, words)
            for code, words in DEPARTMENTS.items()
            if code == own or (not own and code in columns.CERTIFIES)
        ]
        areas = queries.areas_below(viewer)
        self.fields["area"].queryset = areas  # type: ignore[attr-defined]  # a model choice field
        self.fields["area"].initial = viewer.area_id
        certified = columns.CERTIFIES.get(own, tuple(IDENTITIES)) if own else ()
        chosen = [(code, identity_words(code)) for code in certified] or identity_choices()
        self.fields["identities"].choices = chosen  # type: ignore[attr-defined]  # a choice field

    def clean_file(self) -> Any:
        """Refuse what is too large before reading it."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(say("文件太大，最多 40 MB。", "the file is too large; at most 40 MB."))
        return file


class MappingForm(forms.Form):
    """Which column is which."""

    def __init__(self, *args: Any, roster: Roster, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        needed = columns.required(roster.kind, roster.identities)
        guessed = columns.guess(roster.columns)
        named = [(column, column) for column in roster.columns if column]
        for code, field in columns.FIELDS.items():
            if code == "act" and roster.kind == "initial":
                continue
            self.fields[code] = forms.ChoiceField(
                label=str(field.words), required=code in needed, initial=guessed.get(code, ""), help_text=str(field.help),
                choices=[("", say("（没有这一列）", "(no such column)")), *named],
            )  # fmt: skip


class DutyForm(forms.ModelForm):
    """One deadline."""

    class Meta:
        model = RosterDuty
        fields = (
            "area",
            "department",
            "identity",
            "kind",
            "due_month",
            "due_day",
            "responsible",
            "citation",
            "note",
            "from_on",
            "to_on",
        )

    def __init__(self, *args: Any, viewer: Officer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = {
            "area": later("地区", "area"), "department": later("部门", "department"), "identity": later("身份类别", "category"),
            "kind": later("名单种类", "kind of list"), "due_month": later("月（完整名单）", "month (complete list)"),
            "due_day": later("日", "day"), "responsible": later("责任人", "responsible"), "citation": later("依据", "by which article"),
            "note": later("说明", "note"), "from_on": later("自", "from"), "to_on": later("至（最后一天）", "until (last day)"),
        }  # fmt: skip
        for code, label in labels.items():
            self.fields[code].label = label
        for field in self.fields.values():
            field.help_text = ""  # the model's are for developers
        self.fields["due_day"].help_text = say("31 表示月末。", "31 is the last day of the month.")
        self.fields["area"].queryset = queries.areas_below(viewer)  # type: ignore[attr-defined]  # a model choice field
        self.fields["responsible"].queryset = Officer.objects.filter(  # type: ignore[attr-defined]  # a model choice field
            is_active=True,
            area_path__gte=viewer.area_path,
            area_path__lt=viewer.area_path + "~",
            roles__overlap=["liaison", "county_officer", "city_officer"],
        ).order_by("name")
        self.fields["from_on"].widget = _Day()
        self.fields["to_on"].widget = _Day()
        self.fields["department"] = forms.ChoiceField(label=labels["department"], choices=list(DEPARTMENTS.items()))
        self.fields["identity"] = forms.ChoiceField(label=labels["identity"], choices=identity_choices())
        self.fields["kind"] = forms.ChoiceField(label=labels["kind"], choices=list(KINDS.items()))

    def clean(self) -> dict[str, Any]:
        """A yearly list needs its month; the day has to exist."""
        found = super().clean() or {}
        if found.get("kind") == "initial" and not 1 <= (found.get("due_month") or 0) <= 12:
            self.add_error(
                "due_month", say("完整名单要填月份（1 至 12）。", "a complete list needs its month (1 to 12).")
            )
        if not 1 <= (found.get("due_day") or 0) <= 31:
            self.add_error("due_day", say("应为 1 至 31。", "1 to 31."))
        return found

    def _post_clean(self) -> None:
        """Not the model's: its constraints are asked by the action, which answers in words."""


class GapForm(forms.Form):
    """Who sees to gaps, until when; or how they were closed."""

    responsible: forms.ModelChoiceField[Officer] = forms.ModelChoiceField(
        label=later("责任人", "responsible"), queryset=None, required=False
    )
    due_on = DayField(label=later("期限", "until"), required=False, widget=_Day())
    why = forms.ChoiceField(label=later("办结方式", "closed as"), required=False)
    note = forms.CharField(label=later("备注", "note"), max_length=300, required=False)

    def __init__(self, *args: Any, viewer: Officer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["responsible"].queryset = queries.colleagues(viewer)  # type: ignore[attr-defined]  # a model choice field
        self.fields["why"].choices = [("", "—"), *((code, words) for code, words in CLOSED.items() if code != "gone")]  # type: ignore[attr-defined]  # a choice field


def months(today: date, back: int = 11) -> Iterable[date]:
    """The first days of this month and those before it, the latest first."""
    year, month = today.year, today.month
    for _ in range(back + 1):
        yield date(year, month, 1)
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
