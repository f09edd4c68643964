"""The form of a study: whom, how many, which years, and what grows."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from yizhan.agency.desk.words import lang, later, say
from yizhan.agency.laboratory import queries
from yizhan.agency.laboratory.models import FEWEST, LONGEST, MOST, ON_RECORD, PERCENT, USUAL, Study
from yizhan.agency.staff.models import Officer


class StudyForm(forms.Form):
    """What a study is made with; cleaned to the keys of actions.SETTINGS."""

    name = forms.CharField(label=later("名称", "Name"), max_length=60)
    profile = forms.ChoiceField(
        label=later("地区和人口画像", "Area and profile"),
        widget=forms.Select(attrs={"whole": True}),
        help_text=later(
            "画像决定人造的人是什么样；政策用该地区现行的文件。选本单位的记录时，人数、种子、增长和行为不起作用。",
            "The profile says what the made-up people are like; the rules are the area's. With own records, persons, seed, growth and behaviour have no effect.",
        ),
    )
    question = forms.CharField(
        label=later("要回答的问题", "Question"), max_length=300, required=False,
        widget=forms.Textarea(attrs={"rows": 2, "whole": True}),
    )  # fmt: skip
    persons = forms.IntegerField(
        label=later("人数", "Persons"), min_value=FEWEST, max_value=MOST, initial=USUAL,
        help_text=later("少于 262,144 人没有标准误，罕见的情况也看不准。", "Fewer than 262,144 give no standard error, and rare cases are seen badly."),
    )  # fmt: skip
    seed = forms.IntegerField(
        label=later("种子", "Seed"), min_value=1, max_value=2**31 - 1, initial=1,
        help_text=later("同一个种子总是同一批人。", "The same seed always draws the same people."),
    )  # fmt: skip
    first_year = forms.IntegerField(
        label=later("第一年", "First year"), min_value=2000, max_value=2100, required=False,
        help_text=later("不填就是画像的年份；本单位的记录是今年。", "Left empty, it is the profile's; of own records this one."),
    )  # fmt: skip
    count = forms.IntegerField(label=later("几年", "Years"), min_value=1, max_value=LONGEST, initial=1)
    growth_stays = forms.DecimalField(
        label=later("住院和门诊次数每年增长（%）", "Stays and visits grow a year by (%)"), decimal_places=2, initial=0, validators=PERCENT,
    )  # fmt: skip
    growth_cost = forms.DecimalField(
        label=later("次均费用每年增长（%）", "Cost of each grows a year by (%)"),
        decimal_places=2,
        initial=0,
        validators=PERCENT,
    )
    growth_funding = forms.DecimalField(
        label=later("人均筹资每年增长（%）", "Funding per head grows a year by (%)"), decimal_places=2, initial=0, validators=PERCENT,
    )  # fmt: skip
    growth_insured = forms.DecimalField(
        label=later("参保人数每年增长（%）", "The insured grow a year by (%)"),
        decimal_places=2,
        initial=0,
        validators=PERCENT,
    )

    elasticity = forms.DecimalField(
        label=later("住院次数随自负比例变化的弹性", "Elasticity of stays by the own share"), decimal_places=2, initial=0,
        min_value=-2, max_value=0,
        help_text=later(
            "0 就是人不因规则改变而多住院、少住院。要设就是负数，如 -0.2；没有本地依据，结果上会写明。",
            "0: nobody goes to hospital more or less often because of the rules. Else below 0, such as -0.2; there is no local evidence, and the result says so.",
        ),
    )  # fmt: skip
    nearer = forms.DecimalField(
        label=later("改后，市级以上住院下沉一级的份额（%）", "After the reform, stays above the county had one place nearer (%)"),
        decimal_places=2, initial=0, min_value=0, max_value=100,
        help_text=later("只在改了数时起作用；设了行为，就不再逐人比较。", "Works only where figures are changed; with behaviour, persons are not compared one by one."),
    )  # fmt: skip

    def __init__(self, *args: Any, officer: Officer, study: Study | None = None, **kwargs: Any) -> None:
        if study is not None:
            kwargs["initial"] = {
                **{name: getattr(study, name) for name in self.base_fields if hasattr(study, name)},
                "first_year": study.years[0], "count": len(study.years),
            }  # fmt: skip
        super().__init__(*args, **kwargs)
        self.known = {p.key: p for p in sorted(queries.profiles(), key=lambda p: p.area not in officer.area_path)}
        self.on_record = {f"{ON_RECORD}{a.code}": a for a in queries.areas_on_record(officer)}
        self.fields["profile"].choices = [  # type: ignore[attr-defined]  # a choice field
            (p.key, say("{name}（{s}/{n} 个数是拟的）", "{name} ({s} of {n} figures are stand-ins)", name=p.name if lang() == "zh" else p.name_en, s=p.stand_ins, n=p.figures))
            for p in self.known.values()
        ] + [
            (key, say("{a}：本单位的人和账单", "{a}: the bureau's own people and bills", a=area.name if lang() == "zh" else area.name_en or area.name))
            for key, area in self.on_record.items()
        ]  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Years as a list, and the area of the profile."""
        found = dict(super().clean() or {})
        first, count = found.pop("first_year", None), found.pop("count", None)
        known = self.known.get(found.get("profile", ""))
        if known is not None and count is not None:
            begins = first or known.year
            found |= {"years": list(range(begins, begins + count)), "area_code": known.area}
        elif (area := self.on_record.get(found.get("profile", ""))) is not None:
            if count != 1:
                self.add_error(
                    "count", say("本单位的记录一次看一年。", "Own records are looked at one year at a time.")
                )
            begins = first or timezone.localdate().year
            found |= {"years": [begins], "area_code": area.code, "persons": USUAL}
        return found
