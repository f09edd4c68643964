"""Catalogues, mappings and agreements for tests: made by the actions that officers use. All items are made up."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from tests.agency.world import Place, World
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.providers.actions import agreements, catalogues, mappings
from yizhan.agency.providers.models import Agreement, Version
from yizhan.agency.providers.models import Mapping as Mapped
from yizhan.agency.spreadsheets import write_csv
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.scope import System, acting

EVERYBODY = System("tests")
SINCE = date(2026, 1, 1)

DRUGS: tuple[Mapping[str, str], ...] = (
    {"国家编码": "XA0001", "名称": "演示甲类片", "单位": "片", "类别": "甲类", "费用类别": "西药费"},
    {"国家编码": "XA0002", "名称": "演示乙类胶囊", "单位": "盒", "类别": "乙类", "先付比例": "10%", "费用类别": "西药费"},
    {"国家编码": "XA0003", "名称": "演示自费针", "单位": "支", "类别": "丙类", "费用类别": "西药费"},
    {"国家编码": "XA0004", "名称": "演示谈判药", "单位": "支", "类别": "乙类", "先付比例": "30%", "费用类别": "西药费", "谈判药品": "是", "限定支付范围": "限演示病种"},
    {"国家编码": "ZA0001", "名称": "演示饮片", "单位": "克", "类别": "甲类", "费用类别": "中药饮片费"},
)  # fmt: skip
SERVICES: tuple[Mapping[str, str], ...] = (
    {"国家编码": "001102", "名称": "演示诊察", "单位": "次", "类别": "甲类", "费用类别": "诊察费", "一级限价": "5", "二级限价": "10", "三级限价": "20", "单列收费": "诊查费"},
    {"国家编码": "003401", "名称": "演示康复训练", "单位": "次", "类别": "乙类", "先付比例": "5%", "费用类别": "治疗费", "二级限价": "30.00", "康复项目": "是"},
)  # fmt: skip

ITEMS = {"drug": DRUGS, "service": SERVICES}


def csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    """A CSV file of rows that name their columns."""
    header = list(dict.fromkeys(column for row in rows for column in row))
    target = io.BytesIO()
    write_csv(target, header, [[row.get(column, "") for column in header] for row in rows])
    return target.getvalue()


def import_version(
    maker: Officer, rows: Sequence[Mapping[str, str]], *, kind: str = "drug", from_on: date = SINCE, work: bool = True
) -> Version:
    """A version of the maker's area, read and compared."""
    made = catalogues.import_version(
        csv(rows), file_name="演示目录.csv", area=maker.area, kind=kind, from_on=from_on, document=f"演示目录〔{from_on.year}〕{from_on.month}号",
        acting_user=maker,
    )  # fmt: skip
    if work:
        work_off()
    return fresh(made)


def fresh(version: Version) -> Version:
    """The version as it is now."""
    with acting(EVERYBODY):
        return Version.objects.select_related("area").get(pk=version.pk)


def applied(place: Place, rows: Sequence[Mapping[str, str]], **about: Any) -> Version:
    """A version that a place's officer imported and its reviewer put into force."""
    made = import_version(place.officer, rows, **about)
    catalogues.apply(made, seen_base=made.compared_with_id, acting_user=place.reviewer)
    return fresh(made)


def catalogues_of(place: Place) -> dict[str, Version]:
    """Kind → the version of the rows above, in force."""
    return {kind: applied(place, rows, kind=kind) for kind, rows in ITEMS.items()}


def mapped(place: Place, codes: Mapping[str, str], *, first: date = SINCE, last: date | None = None) -> None:
    """Mappings of a place's hospital, from its own codes to national ones, approved."""
    proposals = [
        mappings.Proposal(code, f"院内{code}", "", national, first, last, row)
        for row, (code, national) in enumerate(codes.items(), 2)
    ]
    mappings.propose(proposals, acting_user=place.hospital_manager)
    with acting(place.officer):
        mappings.approve(Mapped.objects.filter(institution=place.hospital, state="proposed"), acting_user=place.officer)


def signed(
    place: Place,
    *,
    first: date = SINCE,
    last: date = date(2026, 12, 31),
    number: str = "演协〔2026〕1号",
    **terms: Any,
) -> Agreement:
    """An agreement with the place's hospital."""
    about: dict[str, Any] = {
        "cares": ("inpatient", "outpatient"), "signed_on": first, "signed_for_bureau": "张演", "signed_for_institution": "李示", **terms,
    }  # fmt: skip
    return agreements.sign(place.hospital, number=number, first=first, last=last, acting_user=place.officer, **about)


def set_up(world: World) -> None:
    """Xiangtan's catalogues, an agreement and mappings of Yuhu's hospital."""
    catalogues_of(world.xiangtan)
    signed(world.yuhu)
    mapped(world.yuhu, {"Y1": "XA0001", "Y2": "XA0002", "Y3": "XA0003", "Y4": "XA0004", "F1": "001102", "F2": "003401"})
