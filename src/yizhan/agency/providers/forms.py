"""The forms of agreements, catalogues and mappings."""

from __future__ import annotations

from typing import Any

from django import forms

from yizhan.agency.desk.fields import DayField
from yizhan.agency.desk.words import later, say
from yizhan.agency.providers.kinds import CARES, CATALOGUES, DESIGNATIONS, EVENTS

MOST_BYTES = 40 << 20
_REASON = later("理由", "reason")
_DOCUMENT = later("文号", "document")


class _Day(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class AgreementForm(forms.Form):
    """An agreement as it was signed."""

    number = forms.CharField(label=later("协议编号", "number"), max_length=60)
    first = DayField(label=later("第一天", "first day"), widget=_Day())
    last = DayField(label=later("最后一天", "last day"), widget=_Day())
    signed_on = DayField(label=later("签订日期", "signed on"), widget=_Day())
    signed_for_bureau = forms.CharField(label=later("经办机构签字人", "signed for the bureau"), max_length=60)
    signed_for_institution = forms.CharField(label=later("医药机构签字人", "signed for the institution"), max_length=60)
    cares = forms.MultipleChoiceField(
        label=later("协议范围（医疗类别）", "kinds of care covered"),
        widget=forms.CheckboxSelectMultiple(attrs={"whole": True}),
        choices=list(CARES.items()),
        required=False,
    )
    treat_first = forms.BooleanField(
        label=later("先诊疗后付费", "treat first, pay later"), required=False,
        help_text=later("入院不交预交金，出院一次结清个人负担。", "No deposit at admission; the own share is paid at discharge."),
    )  # fmt: skip
    deposit = forms.BooleanField(label=later("可以收预交金", "deposits may be taken"), required=False, initial=True)
    note = forms.CharField(label=later("其他约定", "other terms"), max_length=300, required=False)

    def clean(self) -> dict[str, Any]:
        """Somebody who treats first takes no deposit."""
        found = super().clean() or {}
        if found.get("treat_first") and found.get("deposit"):
            self.add_error(
                "deposit", say("先诊疗后付费的机构不收预交金；请去掉一项。", "who treats first takes no deposit; clear one of the two.")
            )  # fmt: skip
        return found


class EventForm(forms.Form):
    """Something that happens to an agreement."""

    kind = forms.ChoiceField(label=later("变动", "change"), choices=list(EVENTS.items()))
    from_on = DayField(label=later("自哪天起", "from"), widget=_Day())
    document = forms.CharField(label=_DOCUMENT, max_length=120, required=False)
    reason = forms.CharField(label=_REASON, max_length=300, widget=forms.Textarea(attrs={"rows": 2, "whole": True}))


class DesignationForm(forms.Form):
    """What an institution is chosen for."""

    kind = forms.ChoiceField(label=later("定点资格", "designated for"), choices=list(DESIGNATIONS.items()))
    first = DayField(label=later("第一天", "first day"), widget=_Day())
    last = DayField(
        label=later("最后一天", "last day"), widget=_Day(), required=False,
        help_text=later("空着表示一直有效。", "Empty means until further notice."),
    )  # fmt: skip
    document = forms.CharField(label=_DOCUMENT, max_length=120)


class EndForm(forms.Form):
    """The last day of something, and why."""

    last = DayField(
        label=later("最后一天", "last day"), widget=_Day(),
        help_text=later("填第一天以前的日子，就是从未有效。", "A day before the first means that it never held."),
    )  # fmt: skip
    why = forms.CharField(label=_REASON, max_length=300)


class CatalogueForm(forms.Form):
    """A catalogue to be imported."""

    file = forms.FileField(
        label=later("目录文件", "file"),
        help_text=later(".xlsx 或 .csv，最多 20 MB、20 万行。", ".xlsx or .csv, at most 20 MB and 200,000 rows."),
    )
    kind = forms.ChoiceField(label=later("目录", "catalogue"), choices=list(CATALOGUES.items()))
    from_on = DayField(
        label=later("生效日期", "in force from"), widget=_Day(),
        help_text=later("这一天起的费用明细按新版本划分。", "Bill lines from this day on are split by it."),
    )  # fmt: skip
    document = forms.CharField(
        label=_DOCUMENT,
        max_length=120,
        help_text=later("费用明细的说明里会写出来。", "Bill lines name it as their ground."),
    )

    def clean_file(self) -> Any:
        """Refuse what is too large before reading it."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(say("文件太大，最多 40 MB。", "the file is too large; at most 40 MB."))
        return file


class ItemSearch(forms.Form):
    """Which items of the catalogues to show."""

    q = forms.CharField(max_length=60, required=False, strip=True)
    on = DayField(required=False, widget=_Day())
    kind = forms.ChoiceField(choices=[("", ""), *CATALOGUES.items()], required=False)


class MappingForm(forms.Form):
    """One item of the hospital, and which national item it is."""

    code = forms.CharField(label=later("医院编码", "hospital code"), max_length=50)
    name = forms.CharField(label=later("医院名称", "hospital name"), max_length=200)
    unit = forms.CharField(label=later("单位", "unit"), max_length=30, required=False)
    national_code = forms.CharField(label=later("国家编码", "national code"), max_length=30)
    first = DayField(label=later("起始日期", "first day"), widget=_Day())
    last = DayField(
        label=later("最后一天", "last day"), widget=_Day(), required=False,
        help_text=later("空着表示一直有效。", "Empty means until further notice."),
    )  # fmt: skip


class MappingFile(forms.Form):
    """A file of mappings."""

    file = forms.FileField(
        label=later("对照文件", "file"),
        help_text=later(".xlsx 或 .csv，最多 2 万行。", ".xlsx or .csv, at most 20,000 rows."),
    )

    clean_file = CatalogueForm.clean_file
