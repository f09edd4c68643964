"""The forms of the window: who came, what is charged, what is taken."""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Any

from django import forms
from django.utils import timezone

from yizhan.agency.care.fields import DiagnosesField, FourDecimalsField, YuanField, choices_of, day_input
from yizhan.agency.care.line_files import amount_of
from yizhan.agency.care.models import PatientPayment
from yizhan.agency.desk.fields import DayField
from yizhan.agency.desk.words import later, say
from yizhan.agency.people.forms import NumberForm
from yizhan.agency.providers.splitting import Charge


def _text(attrs: dict[str, Any] | None = None, **more: Any) -> forms.TextInput:
    return forms.TextInput({"autocomplete": "off", **(attrs or {}), **more})


class VisitForm(forms.Form):
    """What is known of a visit."""

    care = forms.ChoiceField(label=later("医疗类别", "Care"))
    admitted_on = DayField(label=later("入院（就诊）日期", "Admitted"), widget=day_input())
    discharged_on = DayField(
        label=later("出院日期", "Discharged"), widget=day_input(), required=False,
        help_text=later("在院的留空；门诊不用填。", "Empty while in hospital; not needed for outpatients."),
    )  # fmt: skip
    diagnoses = DiagnosesField(
        label=later("诊断（ICD-10）", "Diagnoses (ICD-10)"), widget=_text(whole=True),
        help_text=later("编码或名称，主要诊断在前，用逗号分开。", "Codes or names, the main one first, separated by commas."),
    )  # fmt: skip
    department = forms.CharField(label=later("科室", "Department"), max_length=60, required=False, widget=_text())
    doctor = forms.CharField(label=later("医师", "Doctor"), max_length=60, required=False, widget=_text())
    bed = forms.CharField(label=later("床位", "Bed"), max_length=20, required=False, widget=_text())

    def __init__(self, *args: Any, cares: tuple[str, ...] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["care"].choices = choices_of("care", only=cares)  # type: ignore[attr-defined]

    @property
    def visit(self) -> dict[str, Any]:
        """The fields of a visit."""
        given = self.cleaned_data
        names = ("care", "admitted_on", "discharged_on", "diagnoses", "department", "doctor", "bed")
        return {name: given[name] for name in names}


class RegisterForm(NumberForm, VisitForm):
    """Somebody who came: the certificate first, as it is laid on the counter."""

    field_order = (
        "id_number", "name", "id_kind", "care", "admitted_on", "discharged_on", "diagnoses", "department", "doctor", "bed", "number",
        "planned",
    )  # fmt: skip

    name = forms.CharField(label=later("姓名", "Name"), max_length=60, widget=_text())

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["name" if self.initial.get("id_number") else "id_number"].widget.attrs["autofocus"] = True

    number = forms.CharField(
        label=later("住院号（门诊号）", "Hospital's number"), max_length=40, required=False, widget=_text(),
        help_text=later("留空由系统编号。", "Empty: the platform gives one."),
    )  # fmt: skip
    planned = forms.BooleanField(
        label=later("预约入院（床位紧张）", "Planned admission (beds are short)"), required=False,
        help_text=later("到期入院时再办入院。", "Admit when the bed is free."),
    )  # fmt: skip


class LineForm(forms.Form):
    """One bill line. `position`: of the line in whose place it is put."""

    position = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    code = forms.CharField(label=later("项目", "Item"), max_length=50, widget=_text())
    name = forms.CharField(max_length=200, required=False, widget=forms.HiddenInput)
    on = DayField(label=later("日期", "Day"), widget=day_input())
    quantity = FourDecimalsField(label=later("数量", "Quantity"))
    price = FourDecimalsField(label=later("单价", "Price"))
    signed = forms.BooleanField(label=later("签字自费", "signed own cost"), required=False)

    @property
    def begun(self) -> bool:
        """Whether something stands in the row that is not entered yet; day and quantity stand there from the start."""
        return any(self.data.get(name, "").strip() for name in ("position", "code", "price"))

    def charge(self) -> Charge:
        """The line as it was typed."""
        given = self.cleaned_data
        code = unicodedata.normalize("NFKC", given["code"]).strip()
        return Charge(
            given["on"], code, (given["name"] or code).strip(), given["quantity"], given["price"],
            amount_of(given["quantity"], given["price"]), given["signed"],
        )  # fmt: skip


class LinesFile(forms.Form):
    """A file of bill lines."""

    file = forms.FileField(
        label=later("费用明细文件", "File of bill lines"),
        help_text=later(
            ".xlsx、.csv 或 .json，一次就诊最多 5,000 条。列名见模板。",
            ".xlsx, .csv or .json; at most 5,000 lines a visit. The template shows the columns.",
        ),
    )
    replace = forms.BooleanField(label=later("先清空已录入的费用", "Remove the lines entered so far"), required=False)


class MoneyForm(forms.Form):
    """Money over the counter."""

    kind = forms.ChoiceField(label=later("款项", "What"))
    fen = YuanField(label=later("金额（元）", "Amount (yuan)"), required=True)
    method = forms.ChoiceField(label=later("方式", "How"))
    receipt = forms.CharField(
        label=later("收据号", "Receipt"), max_length=40, required=False, widget=_text(),
        help_text=later("留空由系统编号。", "Empty: the platform gives one."),
    )  # fmt: skip
    why = forms.CharField(label=later("说明", "Note"), max_length=200, required=False, widget=_text())
    message_id = forms.CharField(max_length=60, required=False, widget=forms.HiddenInput())

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, words in (("kind", PatientPayment.KINDS), ("method", PatientPayment.METHODS)):
            self.fields[name].choices = [(code, str(text)) for code, text in words.items()]  # type: ignore[attr-defined]

    def clean_fen(self) -> int:
        """Something has to move."""
        if not self.cleaned_data["fen"]:
            raise forms.ValidationError(say("金额应大于零。", "The amount should be more than zero."))
        return int(self.cleaned_data["fen"])


class DayForm(forms.Form):
    """A day on which something happens to a visit."""

    on = DayField(label=later("日期", "Day"), widget=day_input())

    def __init__(self, *args: Any, first: date | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["on"].initial = timezone.localdate
        if first is not None:
            self.fields["on"].widget.attrs["min"] = first.isoformat()


class WhyForm(forms.Form):
    """A reason, which goes into the audit trail."""

    why = forms.CharField(
        label=later("原因", "Reason"), max_length=200, widget=_text(whole=True, autofocus=True),
        help_text=later("会记入审计日志；请勿填写证件号码。", "Goes into the audit trail; do not write certificate numbers here."),
    )  # fmt: skip


class CorrectForm(WhyForm, VisitForm):
    """What was wrong in a settled visit."""

    field_order = ("care", "admitted_on", "discharged_on", "diagnoses", "department", "doctor", "bed", "why")
