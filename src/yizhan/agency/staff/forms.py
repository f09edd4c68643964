"""What officers fill in about accounts, areas and the audit trail."""

from __future__ import annotations

from typing import Any

from django import forms

from yizhan.agency.desk.fields import DayField
from yizhan.agency.desk.words import Words, lang, later, say
from yizhan.agency.staff.ceilings import CEILINGS
from yizhan.agency.staff.models import AREA_LEVELS, DEPARTMENTS, Area, Institution, Officer
from yizhan.agency.staff.rights import Role
from yizhan.errors import InputProblem, Problem, Problems


def show_problems(form: forms.Form, refused: Problems | Problem, *, field: str | None = None) -> None:
    """Put a refusal beside the field that caused it, so that the form can be shown again."""
    for problem in refused.problems if isinstance(refused, Problems) else (refused,):
        form.add_error(field, problem.text(lang()))


REFUSALS = (InputProblem, Problems)
"""What an action may raise for what somebody typed."""


def _password(zh: str, en: str, *, new: bool = False, **options: Any) -> forms.CharField:
    # Password managers are welcome: nothing is done to keep them, or the clipboard, out.
    widget = forms.PasswordInput(
        attrs={"autocomplete": "new-password" if new else "current-password", "maxlength": 200}
    )
    return forms.CharField(label=later(zh, en), strip=False, max_length=200, widget=widget, **options)


def _code(zh: str, en: str, **options: Any) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"})
    return forms.CharField(label=later(zh, en), max_length=12, widget=widget, **options)


def _words(options: dict[str, Words]) -> list[tuple[str, str]]:
    return [(key, later(words.zh, words.en)) for key, words in options.items()]


class _Twice(forms.Form):
    """A new password, typed twice."""

    def clean(self) -> dict[str, Any]:
        """Both must agree."""
        data = super().clean() or {}
        if data.get("new") and data.get("again") and data["new"] != data["again"]:
            self.add_error("again", say("两次输入的不一样。", "The two differ."))
        return data


class SignIn(forms.Form):
    """Name and password."""

    username = forms.CharField(
        label=later("用户名", "User name"),
        max_length=60,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autofocus": True, "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    password = _password("密码", "Password")


class SecondFactor(forms.Form):
    """A code of the authenticator app."""

    code = _code("动态验证码（六位）", "Code of the app (six digits)")


class ChangePassword(_Twice):
    """The old password and a new one."""

    old = _password("现在的密码", "Present password")
    new = _password(
        "新密码",
        "New password",
        new=True,
        help_text=later(
            "至少 12 个字符；一句话也可以。姓名、日期、手机号不计入长度。",
            "At least 12 characters; a sentence will do. Names, dates and mobile numbers do not count.",
        ),
    )
    again = _password("再输一遍", "Once more", new=True)


class UseResetCode(_Twice):
    """A one-time code and a new password."""

    username = forms.CharField(label=later("用户名", "User name"), max_length=60)
    code = forms.CharField(
        label=later("一次性重置码", "One-time code"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    factor = _code("动态验证码（绑定过的才填）", "Code of the app (if you have one)", required=False)
    new = _password("新密码", "New password", new=True)
    again = _password("再输一遍", "Once more", new=True)


class Confirm(forms.Form):
    """The password once more."""

    password = _password("密码", "Password")


class OfficerSearch(forms.Form):
    """Which officers to list."""

    search = forms.CharField(label=later("姓名、用户名、单位", "Name, user name, area"), required=False, max_length=40)
    role = forms.ChoiceField(label=later("岗位", "Role"), required=False)
    state = forms.ChoiceField(
        label=later("状态", "State"),
        required=False,
        choices=[
            ("", later("全部", "all")),
            ("active", later("在用", "active")),
            ("suspended", later("已停用", "suspended")),
            ("unused", later("九十天没有登录", "unused for 90 days")),
        ],
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        roles = [(role.value, later(role.words.zh, role.words.en)) for role in Role]
        self.fields["role"].choices = [("", later("全部", "all")), *roles]  # type: ignore[attr-defined]  # a ChoiceField


class Roles(forms.Form):
    """The roles of an officer."""

    roles = forms.MultipleChoiceField(
        label=later("岗位", "Roles"),
        choices=[(role.value, later(role.words.zh, role.words.en)) for role in Role],
        widget=forms.CheckboxSelectMultiple(attrs={"whole": True}),
        help_text=later(
            "系统、安全、审计管理员只能单独任职。", "The three administrators hold that one role and no other."
        ),
    )


class NewOfficer(Roles):
    """Somebody who is to work here. Areas and institutions are those of the administrator's own area."""

    username = forms.CharField(
        label=later("用户名", "User name"),
        max_length=40,
        help_text=later(
            "小写字母、数字、点、横线；不用身份证号。", "Small letters, digits, dots, dashes; no ID number."
        ),
    )
    name = forms.CharField(label=later("姓名", "Name"), max_length=60)
    area = forms.ModelChoiceField(Area.objects.none(), label=later("所属区划", "Area"))
    department = forms.ChoiceField(label=later("部门", "Department"), choices=_words(DEPARTMENTS))
    institution = forms.ModelChoiceField(
        Institution.objects.none(), label=later("定点机构（医院人员）", "Institution (hospital staff)"), required=False
    )
    field_order = ("username", "name", "area", "department", "institution", "roles")

    def __init__(self, *args: Any, of: Officer, **options: Any) -> None:
        super().__init__(*args, **options)
        path = of.area_path
        areas = Area.objects.filter(path__gte=path, path__lt=f"{path}~").exclude(level="village").order_by("path")
        homes = Institution.objects.filter(area_path__gte=path, area_path__lt=f"{path}~", ended_on=None)
        self.fields["area"].queryset = areas  # type: ignore[attr-defined]  # a ModelChoiceField
        self.fields["institution"].queryset = homes.order_by("area_path", "code")  # type: ignore[attr-defined]


class Grant(forms.Form):
    """How much more a colleague may look at today."""

    username = forms.CharField(label=later("用户名", "User name"), max_length=40)
    kind = forms.ChoiceField(
        label=later("计数项", "Count"), choices=_words({key: c.words for key, c in CEILINGS.items()})
    )
    count = forms.IntegerField(label=later("放宽多少", "How much more"), min_value=1)
    why = forms.CharField(label=later("原因", "Reason"), max_length=200)


class AreaSearch(forms.Form):
    """Which areas to list."""

    search = forms.CharField(label=later("名称或代码", "Name or code"), required=False, max_length=40)
    level = forms.ChoiceField(
        label=later("级别", "Level"), required=False, choices=[("", later("全部", "all")), *_words(AREA_LEVELS)]
    )


class InstitutionSearch(forms.Form):
    """Which institutions to list."""

    search = forms.CharField(label=later("名称或代码", "Name or code"), required=False, max_length=40)


class NewArea(forms.Form):
    """A place below another."""

    code = forms.CharField(label=later("行政区划代码", "Code"), max_length=12)
    name = forms.CharField(label=later("名称", "Name"), max_length=60)
    name_en = forms.CharField(label=later("英文名称", "Name in English"), max_length=80, required=False)
    level = forms.ChoiceField(label=later("级别", "Level"), choices=_words(AREA_LEVELS))
    parent = forms.CharField(label=later("上级代码", "Code of the area above"), max_length=12)


class NewInstitution(forms.Form):
    """A hospital, clinic or pharmacy."""

    code = forms.CharField(label=later("机构代码", "Code"), max_length=20)
    name = forms.CharField(label=later("名称", "Name"), max_length=100)
    level = forms.ChoiceField(label=later("医院等级", "Grade"))
    tier = forms.ChoiceField(label=later("医院归属", "Tier"))
    area = forms.CharField(label=later("区划代码", "Code of its area"), max_length=12)

    def __init__(self, *args: Any, levels: list[tuple[str, str]], tiers: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["level"].choices = levels  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["tier"].choices = tiers  # type: ignore[attr-defined]


class Upload(forms.Form):
    """A table as xlsx or csv."""

    file = forms.FileField(label=later("表格（xlsx 或 csv）", "Table (xlsx or csv)"), allow_empty_file=True)


class AuditSearch(forms.Form):
    """What of the audit trail to list."""

    officer = forms.CharField(label=later("姓名或用户名", "Name or user name"), required=False, max_length=60)
    act = forms.CharField(
        label=later("操作", "Act"), required=False, max_length=60, widget=forms.TextInput(attrs={"list": "acts"})
    )
    person_id = forms.IntegerField(label=later("人员编号", "Person number"), required=False, min_value=1)
    outcome = forms.ChoiceField(
        label=later("结果", "Outcome"),
        required=False,
        choices=[
            ("", later("全部", "all")),
            ("done", later("办成", "done")),
            ("refused", later("拒绝", "refused")),
            ("alarm", later("超限告警", "ceiling alarms")),
        ],
    )
    since = DayField(label=later("自", "From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = DayField(label=later("至", "To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
