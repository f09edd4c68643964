"""Forms of persons: what may be typed, and what it becomes. What is not a field here never reaches an action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils import timezone

from yizhan.agency.desk.fields import LAST_DAY, DayField
from yizhan.agency.desk.words import Words, lang, later
from yizhan.agency.people.identifiers import KINDS, Identifier, read_identifier
from yizhan.agency.people.models import IDENTITY_WORDS, SEX_WORDS, HouseholdMember
from yizhan.agency.staff.models import DEPARTMENTS, Area
from yizhan.errors import Problem

EMPTY = ("", "—")


def choices(table: Mapping[str, Words], *, empty: bool = False) -> Any:
    """Choices of a table of words, in the language of the request."""
    return lambda: [*([EMPTY] if empty else []), *((code, str(words)) for code, words in table.items())]


def day(zh: str, en: str, **options: Any) -> DayField:
    """A field for a date."""
    widget = forms.DateInput(attrs={"type": "date", "max": LAST_DAY.isoformat()}, format="%Y-%m-%d")
    return DayField(label=later(zh, en), widget=widget, **options)


def why(zh: str = "理由", en: str = "Why") -> forms.CharField:
    """A field for the reason of a change."""
    hint = later(
        "会记入审计日志；请勿填写证件号码。", "Goes into the audit trail; do not write certificate numbers here."
    )
    widget = forms.TextInput(attrs={"whole": True})
    return forms.CharField(label=later(zh, en), max_length=200, widget=widget, help_text=hint)


class NumberForm(forms.Form):
    """A certificate: its kind and number."""

    id_kind = forms.ChoiceField(
        label=later("证件类型", "Kind of certificate"),
        choices=choices({k.code: Words(k.zh, k.en) for k in KINDS.values()}),
    )
    id_number = forms.CharField(
        label=later("证件号码", "Number"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        """`identifier` is the number as it was read; what is wrong with it stands at the field."""
        found = super().clean() or {}
        if found.get("id_number") and found.get("id_kind"):
            try:
                found["identifier"] = read_identifier(found["id_kind"], found["id_number"], timezone.localdate())
            except Problem as problem:
                self.add_error("id_number", problem.text(lang()))
        return found

    @property
    def identifier(self) -> Identifier | None:
        """The number that was read, if one was given."""
        return self.cleaned_data.get("identifier")


class AreaForm(forms.Form):
    """A form that asks for an area of the officer's scope."""

    area = forms.ChoiceField(label=later("所属区划", "Area"))

    def __init__(self, *args: Any, areas: list[Area], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.areas = {area.code: area for area in areas}
        indent = min((area.path.count(".") for area in areas), default=0)
        self.fields["area"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            (area.code, "　" * (area.path.count(".") - indent) + str(area)) for area in areas
        ]

    @property
    def chosen(self) -> Area:
        """The area that was chosen."""
        return self.areas[self.cleaned_data["area"]]


class RegisterForm(AreaForm, NumberForm):
    """A new person."""

    field_order = ("name", "id_kind", "id_number", "sex", "born_on", "area", "phone", "address")

    name = forms.CharField(label=later("姓名", "Name"), max_length=60)
    sex = forms.ChoiceField(
        label=later("性别", "Sex"), choices=choices(SEX_WORDS, empty=True), required=False,
        help_text=later("居民身份证可不填", "may be left out with a resident ID"),
    )  # fmt: skip
    born_on = day(
        "出生日期",
        "Day of birth",
        required=False,
        help_text=later("居民身份证可不填", "may be left out with a resident ID"),
    )
    phone = forms.CharField(label=later("手机", "Mobile"), max_length=20, required=False)
    address = forms.CharField(
        label=later("住址", "Address"), max_length=200, required=False, widget=forms.TextInput(attrs={"whole": True})
    )


class CorrectForm(NumberForm):
    """What may be corrected of a person. Numbers are given anew or left empty; they are never shown."""

    field_order = ("name", "sex", "born_on", "id_kind", "id_number", "phone", "no_phone", "address", "why")

    name = forms.CharField(label=later("姓名", "Name"), max_length=60)
    sex = forms.ChoiceField(label=later("性别", "Sex"), choices=choices(SEX_WORDS))
    born_on = day("出生日期", "Day of birth")
    phone = forms.CharField(
        label=later("新手机号", "New mobile"),
        max_length=20,
        required=False,
        help_text=later("不改则留空", "empty: unchanged"),
    )
    no_phone = forms.BooleanField(label=later("删除手机号", "Remove the mobile"), required=False)
    address = forms.CharField(
        label=later("住址", "Address"), max_length=200, required=False, widget=forms.TextInput(attrs={"whole": True})
    )
    why = why()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        number = self.fields["id_number"]
        number.required, number.label = False, later("新证件号码", "New number")
        number.help_text = later("不改则留空", "empty: unchanged")


class AccountForm(forms.Form):
    """The bank account for back-payments."""

    holder = forms.CharField(label=later("户名", "Holder"), max_length=60)
    bank = forms.CharField(label=later("开户行", "Bank"), max_length=80)
    number = forms.CharField(
        label=later("账号", "Account"), max_length=40, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    why = why()


class MoveForm(AreaForm):
    """Another area that answers for the person."""

    why = why()


class DeathForm(forms.Form):
    """The day of death."""

    died_on = day(
        "死亡日期",
        "Day of death",
        required=False,
        help_text=later("误登记的，清空即可", "empty it if it was recorded wrongly"),
    )
    why = why("依据", "By what")


class MarkForm(forms.Form):
    """A mark by document."""

    identity = forms.ChoiceField(label=later("身份", "Identity"), choices=choices(IDENTITY_WORDS))
    department = forms.ChoiceField(label=later("认定部门", "Certified by"), choices=choices(DEPARTMENTS))
    document = forms.CharField(label=later("认定文件文号", "Number of the document"), max_length=120)
    first_day = day("首日", "First day")
    last_day = day("末日", "Last day", required=False, help_text=later("留空为长期", "empty: until further notice"))


class EndForm(forms.Form):
    """The last day of a mark or of a membership."""

    last_day = day("末日", "Last day")
    why = why()


class WhyForm(forms.Form):
    """A reason and nothing else."""

    why = why()


class HouseholdForm(AreaForm):
    """A household for a person who becomes its head, or another member."""

    relation = forms.ChoiceField(
        label=later("与户主关系", "Relation to the head"), choices=choices(HouseholdMember.RELATIONS)
    )
    first_day = day("自", "From")
    address = forms.CharField(
        label=later("地址", "Address"), max_length=200, required=False, widget=forms.TextInput(attrs={"whole": True})
    )


class MemberForm(forms.Form):
    """Somebody who joins a household."""

    number = forms.CharField(label=later("人员编号", "Person number"), max_length=10)
    relation = forms.ChoiceField(
        label=later("与户主关系", "Relation to the head"), choices=choices(HouseholdMember.RELATIONS)
    )
    first_day = day("自", "From")


class MergeForm(forms.Form):
    """The other record of the same person."""

    number = forms.CharField(
        label=later("另一条记录的人员编号", "Person number of the other record"), max_length=10,
        help_text=later("它并入本人员，本人员编号保留", "it is merged into this person, whose number stays"),
    )  # fmt: skip
    why = why("依据", "By what")


class LookUpForm(NumberForm):
    """A certificate and the name on it, as the window has seen them."""

    field_order = ("id_kind", "id_number", "name")

    name = forms.CharField(label=later("姓名", "Name"), max_length=60)


class RevealForm(forms.Form):
    """Which field is needed in full, and what for."""

    field = forms.CharField(max_length=20)
    purpose = forms.CharField(max_length=200)
