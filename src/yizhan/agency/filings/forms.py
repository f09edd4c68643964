"""What is filled in about filings. One form for all kinds: each shows the fields that it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.text import capfirst

from yizhan.agency.desk.words import lang, later, say
from yizhan.agency.filings.effects import MOST_FEN, SAMPLE_FEN
from yizhan.agency.filings.errors import NotKnown
from yizhan.agency.filings.kinds import ISSUES, KINDS
from yizhan.agency.people.forms import choices, day
from yizhan.agency.staff.codes import LONGEST
from yizhan.agency.staff.models import Area, Institution, Officer
from yizhan.agency.staff.scope import institution_of
from yizhan.engine.money import parse_yuan, yuan

_REASON = forms.Textarea(attrs={"rows": 2, "whole": True})

FIELDS: Mapping[str, Sequence[str]] = {
    "referral": ("to_institution", "opinion_of", "from_on", "to_on", "diagnoses", "from_stay", "why"),
    "emergency": ("to_institution", "emergency_on", "diagnoses", "why"),
    "offsite": ("place", "from_on", "to_on", "why"),
    "chronic": ("disease", "diagnoses", "from_on", "to_on", "why"),
    "special": ("disease", "diagnoses", "from_on", "to_on", "why"),
    "severe": ("disease", "diagnoses", "from_on", "to_on", "why"),
    "certificate": ("from_on", "to_on", "why"),
    "family_doctor": ("to_institution", "from_on", "to_on", "why"),
    "choice": ("to_institution", "from_on", "to_on", "why"),
    "injury": ("from_on", "to_on", "diagnoses", "why"),
}
"""Which fields a kind has."""


class YuanField(forms.CharField):
    """An amount in yuan; cleaned to fen."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput({"inputmode": "decimal", "autocomplete": "off", "class": "number", "size": 12})
        super().__init__(**{"max_length": 20, "widget": widget, **options})

    def clean(self, value: Any) -> int | None:
        """Fen; None where nothing was entered."""
        text = super().clean(value).strip().replace(",", "").replace("，", "").removesuffix("元")
        if not text:
            return None
        if "." in text and len(text.rpartition(".")[2]) == 1:
            text += "0"
        try:
            fen = parse_yuan(text if "." in text else f"{text}.00")
        except ValueError:
            fen = -1
        if not 0 < fen <= MOST_FEN:
            raise forms.ValidationError(say("应为金额，如 10000 或 1234.50。", "An amount such as 10000 or 1234.50."))
        return fen


class _NamedField(forms.CharField):
    """Something that has a code and a name: typed as either, chosen from what the browser suggests, cleaned to the row."""

    what = ("", "")

    def __init__(self, suggestions: str, **options: Any) -> None:
        widget = forms.TextInput({"list": suggestions, "autocomplete": "off"})
        super().__init__(**{"max_length": 100, "widget": widget, **options})

    def clean(self, value: Any) -> Any:
        """The row; None where nothing was entered."""
        typed = " ".join(super().clean(value).split())
        if not typed:
            return None
        exact, near = self.find(typed)
        if exact is not None:
            return exact
        told = "、".join(f"{row.name}（{row.code}）" for row in near) or "—"
        refused = NotKnown(name=typed, what_zh=self.what[0], what_en=self.what[1], near=told)
        raise forms.ValidationError(refused.text(lang()))

    def find(self, typed: str) -> tuple[Any, Sequence[Any]]:
        """The row with this code or name, else rows whose name is near."""
        raise NotImplementedError


class InstitutionField(_NamedField):
    """An institution by its code or its name."""

    what = ("机构", "institution")

    def find(self, typed: str) -> tuple[Any, Sequence[Any]]:
        """Among those that have not closed."""
        rows = Institution.objects.filter(ended_on=None)
        found = rows.filter(code=typed.upper()).first() or rows.filter(name=typed).first()
        return found, list(rows.filter(name__icontains=typed[:20]).order_by("code")[:5])


class PlaceField(_NamedField):
    """A province, city or county by its code or its name."""

    what = ("地方", "place")

    def find(self, typed: str) -> tuple[Any, Sequence[Any]]:
        """A name that several places have is told apart by the code."""
        rows = Area.objects.filter(level__in=("province", "city", "county"))
        named = list(rows.filter(name=typed)[:2])
        found = rows.filter(code=typed).first() or (named[0] if len(named) == 1 else None)
        return found, list(rows.filter(name__startswith=typed[:20]).order_by("code")[:5])


class FilingForm(forms.Form):
    """A filing of a kind, as this officer may ask for it."""

    to_institution = InstitutionField("institutions")
    opinion_of = forms.ModelChoiceField(
        Institution.objects.none(), label=later("出具意见的县级医院", "County hospital for its opinion")
    )
    place = PlaceField(
        "places", label=later("居住地（省、市、县）", "Place (province, city, county)"),
        help_text=later("名称或区划代码。在这里的医院住院不用转诊。", "Its name or code. No referral is needed to hospitals there."),
    )  # fmt: skip
    disease = forms.CharField(
        label=later("病种", "Disease"),
        max_length=100,
        widget=forms.TextInput({"list": "diseases", "autocomplete": "off"}),
    )
    emergency_on = day("急诊日期", "Day of the emergency")
    from_on = day("起始日期", "First day")
    to_on = day(
        "最后一天", "Last day", required=False,
        help_text=later("空着按备案期限；没有期限的长期有效。", "Empty: by the term of the area; without a term, until further notice."),
    )  # fmt: skip
    diagnoses = forms.CharField(
        label=later("诊断", "Diagnoses"), max_length=300, required=False,
        help_text=later("名称或 ICD-10 编码，用逗号分开；按病种登记的，结算时靠它对上就诊的诊断。", "Names or ICD-10 codes, separated by commas; a registration is matched to a visit by them."),
    )  # fmt: skip
    from_stay = forms.BooleanField(
        label=later("从住院转来（接续）", "Comes from a stay (linked)"), required=False,
        help_text=later("正在本院住院、直接转过去的，两段住院接续。", "A patient who is moved from a stay here: the two stays are linked."),
    )  # fmt: skip
    why = forms.CharField(label=later("事由", "Reason"), max_length=300, widget=_REASON)
    sample = YuanField(label=later("试算金额（元，政策范围内）", "Sample bill (yuan, in scope)"), required=False)

    def __init__(self, *args: Any, kind: str, officer: Officer, **options: Any) -> None:
        today = timezone.localdate()
        options.setdefault("initial", {"from_on": today, "emergency_on": today, "sample": yuan(SAMPLE_FEN)})
        super().__init__(*args, **options)
        own = officer.institution if institution_of(officer) else None
        shown = {*FIELDS[kind], "sample"}
        if kind == "emergency" and own is not None:
            shown -= {"to_institution"}
        if own is None or own.tier != "township":
            shown -= {"opinion_of"}
        for name in [name for name in self.fields if name not in shown]:
            del self.fields[name]
        if (goes_to := KINDS[kind].goes_to) and (field := self.fields.get("to_institution")):
            field.label, field.required = capfirst(str(goes_to)), kind != "family_doctor"
            field.help_text = say("名称或机构编码，输入几个字后选择。", "Its name or code; type a little and choose.")
            self.initial.setdefault("to_institution", own.name if own and kind in ("family_doctor", "choice") else "")
        if own is not None and "opinion_of" in self.fields:
            county = ".".join(own.area_path.split(".")[:4]) + "."
            rows = Institution.objects.filter(tier="county", ended_on=None, area_path__startswith=county).order_by(
                "code"
            )
            self.fields["opinion_of"].queryset = rows  # type: ignore[attr-defined]  # a ModelChoiceField
            self.initial.setdefault("opinion_of", rows.first())

    def said(self) -> dict[str, Any]:
        """What was filled in, as `make` takes it."""
        given = self.cleaned_data
        diagnoses = given.get("diagnoses", "").replace("，", ",").replace("、", ",").split(",")
        return {
            "from_on": given.get("emergency_on") or given.get("from_on"), "to_on": given.get("to_on"),
            "to_institution": given.get("to_institution"), "opinion_of": given.get("opinion_of"), "place": given.get("place"),
            "diagnoses": [word.strip() for word in diagnoses if word.strip()], "disease": given.get("disease", ""),
            "from_stay": given.get("from_stay", False), "emergency_on": given.get("emergency_on"), "why": given["why"],
        }  # fmt: skip


class WhoseForm(forms.Form):
    """Whose filing it is: what finds a person on the pages of people."""

    q = forms.CharField(
        label=later("姓名、拼音首字母、证件号码或人员编号", "Name, pinyin initials, certificate or person number"), max_length=60,
        widget=forms.TextInput({"autofocus": True, "autocomplete": "off", "whole": True}),
    )  # fmt: skip


class SampleForm(forms.Form):
    """The bill by which the effect of a filing is shown."""

    amount = YuanField(required=False)
    institution = forms.IntegerField(required=False, min_value=1)


class TermForm(forms.Form):
    """How long filings of a kind hold, and by which document."""

    kind = forms.ChoiceField(
        label=later("种类", "Kind"), choices=choices({code: kind.words for code, kind in KINDS.items()})
    )
    from_on = day("自哪天起", "From")
    days_valid = forms.IntegerField(
        label=later("有效期（天）", "Holds for (days)"), min_value=1, max_value=36_500, required=False,
        help_text=later("含起始当天；空着为长期。", "The first day included; empty: until further notice."),
    )  # fmt: skip
    days_evidence = forms.IntegerField(
        label=later("补证期限（天）", "Evidence within (days)"), min_value=1, max_value=36_500, required=False,
        help_text=later("只用于急诊，从急诊当天起算。", "For emergencies only, from the day of the emergency."),
    )  # fmt: skip
    document = forms.CharField(label=later("文号", "Document"), max_length=120)
    article = forms.CharField(label=later("条款", "Article"), max_length=40, required=False)
    stand_in = forms.BooleanField(
        label=later("暂定（没有文件规定）", "Provisional (no document says so)"), required=False,
        help_text=later("文号处写明由谁决定。", "Say under “document” who decided."),
    )  # fmt: skip


class IssueForm(forms.Form):
    """Why a certificate is issued anew."""

    why = forms.ChoiceField(
        label=later("原因", "Why"), choices=choices({code: words for code, words in ISSUES.items() if code != "first"})
    )
    words = forms.CharField(label=later("说明", "Explanation"), max_length=200)


class CodeForm(forms.Form):
    """What a scanner types, or a clerk."""

    code = forms.CharField(
        label=later("救助证核验码", "Code of the certificate"),
        max_length=LONGEST,
        help_text=later("用扫码枪扫证件上的二维码，或照着输入；大小写、全角半角都可以。",
                        "Scan the QR code of the certificate, or type it; small letters and full-width ones are fine."),
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false", "whole": True}),
    )  # fmt: skip
