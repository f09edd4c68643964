"""Two studies of the laboratory: how Xiangtan's transition went, and a tilt that is raised. Both are shown to the city.

They are drafts at first, so that the demonstration stays quick to make; `compute` hands them to the worker, once there is one.
"""

from __future__ import annotations

from yizhan.agency.demonstration.country import STAGE, officer
from yizhan.agency.laboratory import actions, bench, queries
from yizhan.agency.laboratory.models import Study
from yizhan.agency.staff.scope import acting

_MAKER = "xiangtan.policy"
_SETTINGS = {
    "profile": "xiangtan-2019", "area_code": "430300", "persons": 32_768, "seed": 1, "years": [2020, 2021, 2022, 2023],
    "growth_stays": 0, "growth_cost": 4, "growth_funding": 6, "growth_insured": 0, "elasticity": 0, "nearer": 0,
}  # fmt: skip
"""The same years in both: one loop is compiled for both."""

_TRANSITION = {
    "name": "从六重保障到三重保障", "question": "2021年10月六重减为三重，2022年起身份改认：原来的建档立卡户，自负比例前后差多少？",
}  # fmt: skip
_TILT = {
    "name": "大病保险倾斜加到十个百分点", "question": "特困、低保、返贫致贫的大病保险倾斜由5个百分点加到10个百分点，要多花多少？",
}  # fmt: skip


def make() -> None:
    """Both, as drafts of the city's policy officer."""
    maker = officer(_MAKER)
    for words in (_TRANSITION, _TILT):
        study = actions.create({**_SETTINGS, **words}, acting_user=maker)
        actions.share(study, shared=True, acting_user=maker)
    raised = next(
        queries.place_of(f) for f in queries.printed("430300") if f.article == "三（二）2" and f.text == "5个百分点"
    )
    actions.set_figures(study, {raised: "10个百分点"}, acting_user=maker)


def compute() -> None:
    """Hand over to the worker what is still as `make` left it, if this installation can compute it."""
    if not bench.available():
        return
    with acting(STAGE):
        waiting = list(
            Study.objects.filter(state="draft", name__in=(_TRANSITION["name"], _TILT["name"])).order_by("pk")
        )
    for study in waiting:
        actions.run(study, acting_user=officer(_MAKER))
