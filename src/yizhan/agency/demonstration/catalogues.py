"""Agreements, catalogues and mappings of the demonstration. All items, prices and ratios are made up, and their names say so.

Each city has catalogues of its own from 2018 on, another version from this year, and one that waits for its reviewer.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from django.utils import timezone

from yizhan.agency.demonstration.country import COUNTIES, officer
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.providers.actions import agreements, catalogues, mappings
from yizhan.agency.providers.models import Mapping as Mapped
from yizhan.agency.providers.models import Version
from yizhan.agency.spreadsheets import write_csv
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.scope import acting

CITIES = {"xiangtan": "430300", "chifeng": "150400"}
BEGINNING = date(2018, 1, 1)

DRUGS = """
    YS1001 演示阿莫西林胶囊    0.25g×24粒  盒  甲类  0     西药费
    YS1002 演示二甲双胍片      0.5g×30片   盒  甲类  0     西药费
    YS1003 演示氯化钠注射液    100ml       瓶  甲类  0     西药费
    YS1004 演示阿托伐他汀片    20mg×7片    盒  乙类  10%   西药费
    YS1005 演示头孢曲松        1g          支  乙类  10%   西药费
    YS1006 演示胰岛素注射液    3ml         支  乙类  15%   西药费
    YS1007 演示谈判单抗        100mg       支  乙类  30%   西药费   是  限演示肿瘤二线治疗
    YS1008 演示靶向片          150mg×30片  盒  乙类  25%   西药费   是  限演示基因阳性
    YS1009 演示进口止痛贴      5贴         盒  丙类  100%  西药费
    YS1101 演示丹参片          100片       瓶  甲类  0     中成药费
    YS1102 演示清热颗粒        10g×10袋    盒  乙类  10%   中成药费
    YS1201 演示黄芪            统货        克  甲类  0     中药饮片费
    YS1202 演示野山参          统货        克  丙类  100%  中药饮片费
"""

SERVICES = """
    YS2001 演示普通挂号        -  次  甲类  0     挂号费      1     1     1     挂号费
    YS2002 演示门诊诊查        -  次  甲类  0     诊察费      5     8     10    诊查费
    YS2003 演示住院诊查        -  日  甲类  0     诊察费      8     10    15    诊查费
    YS2004 演示普通床位        -  日  甲类  0     床位费      12    18    30    -
    YS2005 演示单人病房        -  日  丙类  100%  床位费      -     -     -     -
    YS2006 演示一级护理        -  日  甲类  0     护理费      10    15    20    -
    YS2007 演示血常规          -  次  甲类  0     化验费      15    18    20    -
    YS2008 演示生化全套        -  次  乙类  5%    化验费      80    100   120   -
    YS2009 演示胸部X线         -  次  甲类  0     检查费      40    50    60    -
    YS2010 演示CT平扫          -  次  乙类  10%   检查费      150   200   240   -
    YS2011 演示磁共振          -  次  乙类  20%   检查费      -     400   480   -
    YS2012 演示静脉输液        -  次  甲类  0     治疗费      6     8     10    -
    YS2013 演示血液透析        -  次  乙类  5%    治疗费      -     380   400   -
    YS2014 演示康复训练        -  次  乙类  5%    治疗费      20    30    35    -
    YS2015 演示阑尾切除术      -  次  甲类  0     手术费      500   700   900   -
    YS2016 演示白内障手术      -  次  乙类  5%    手术费      -     1500  1800  -
    YS2017 演示家庭医生签约    -  年  甲类  0     一般诊疗费  -     -     -     签约服务费
    YS2018 演示陪护            -  日  丙类  100%  其他费      -     -     -     -
"""

SUPPLIES = """
    YS3001 演示输液器          -  套  甲类  0     2     3     3
    YS3002 演示人工晶体        -  枚  乙类  20%   -     800   1200
    YS3003 演示骨钉            -  枚  乙类  20%   -     1000  1500
    YS3004 演示进口支架        -  个  乙类  30%   -     -     3000
    YS3005 演示美容敷料        -  片  丙类  100%  -     -     -
"""

_COLUMNS: Mapping[str, Sequence[str]] = {
    "drug": ("国家编码", "名称", "规格", "单位", "类别", "先付比例", "费用类别", "谈判药品", "限定支付范围"),
    "service": ("国家编码", "名称", "规格", "单位", "类别", "先付比例", "费用类别", "一级限价", "二级限价", "三级限价", "单列收费"),
    "supply": ("国家编码", "名称", "规格", "单位", "类别", "先付比例", "一级限价", "二级限价", "三级限价"),
}  # fmt: skip
_TABLES = {"drug": DRUGS, "service": SERVICES, "supply": SUPPLIES}


def rows(kind: str) -> list[dict[str, str]]:
    """The items of a catalogue, by the headings of its template."""
    found = []
    for line in _TABLES[kind].strip().splitlines():
        cells = ["" if cell == "-" else cell for cell in line.split()]
        row = dict(zip(_COLUMNS[kind], cells, strict=False))
        found.append(row | ({"康复项目": "是"} if "康复" in row["名称"] else {}))
    return found


def _as_file(items: Sequence[Mapping[str, str]]) -> bytes:
    header = list(dict.fromkeys(column for item in items for column in item))
    target = io.BytesIO()
    write_csv(target, header, [[item.get(column, "") for column in header] for item in items])
    return target.getvalue()


def sign_agreements(city: str) -> None:
    """An agreement for every institution of a city; one ends soon, one is suspended, some are designated."""
    acting_user, today = officer(f"{city}.city"), timezone.localdate()
    inside = Institution.objects.filter(area_path__gte=acting_user.area_path, area_path__lt=acting_user.area_path + "~")
    for place, institution in enumerate(inside.order_by("code"), 1):
        small = institution.tier == "township"
        if small:
            agreements.set_kind(institution, kind="health_centre", acting_user=acting_user)
        cares = (
            ["inpatient", "outpatient", "chronic", "family_doctor"]
            if small
            else ["inpatient", "outpatient", "chronic", "observation", "birth"]
        )
        made = agreements.sign(
            institution, number=f"演协〔2018〕{place}号", first=BEGINNING,
            last=today + timedelta(days=30) if place == 4 else date(today.year + 1, 12, 31), cares=cares, treat_first=small, deposit=not small,
            signed_on=BEGINNING, signed_for_bureau="演示签字人", signed_for_institution="示例签字人", acting_user=acting_user,
        )  # fmt: skip
        for kind in ("poverty_relief", "special_outpatient", *(() if small else ("severe_programme",))):
            agreements.designate(
                institution,
                kind=kind,
                first=BEGINNING,
                last=None,
                document="演示定点〔2018〕1号",
                acting_user=acting_user,
            )
        if place == 4:
            for kind, days in (("suspended", 45), ("resumed", 15)):
                agreements.change_standing(
                    made, kind=kind, from_on=today - timedelta(days=days), document=f"演示〔{today.year}〕{days}号",
                    reason="演示：病历不完整，限期整改" if kind == "suspended" else "演示：整改通过", acting_user=acting_user,
                )  # fmt: skip


def apply_catalogues(city: str) -> None:
    """The catalogues since 2018, and this year's drugs and services."""
    this_year = date(timezone.localdate().year, 1, 1)
    made = [_import(city, kind, rows(kind), BEGINNING) for kind in _TABLES]
    work_off()
    _apply(city, made)
    made = [_import(city, kind, _changed(kind, "先付比例", "10%", "8%"), this_year) for kind in ("drug", "service")]
    work_off()
    _apply(city, made)


def wait_for_review(city: str) -> None:
    """Next year's drugs: one new, one gone, a class and a ratio changed. Read, and not applied."""
    items = [
        dict(item, 类别="甲类", 先付比例="0") if item["国家编码"] == "YS1004" else item
        for item in _changed("drug", "先付比例", "10%", "5%")
    ]
    new = {
        "国家编码": "YS1010",
        "名称": "演示新药片",
        "规格": "10mg×14片",
        "单位": "盒",
        "类别": "乙类",
        "先付比例": "20%",
        "费用类别": "西药费",
    }
    _import(
        city,
        "drug",
        [*(item for item in items if item["国家编码"] != "YS1003"), new],
        date(timezone.localdate().year + 1, 1, 1),
    )
    work_off()


def _changed(kind: str, column: str, before: str, after: str) -> list[dict[str, str]]:
    return [item | ({column: after} if item[column] == before else {}) for item in rows(kind)]


def _import(city: str, kind: str, items: Sequence[Mapping[str, str]], from_on: date) -> Version:
    maker = officer(f"{city}.city")
    return catalogues.import_version(
        _as_file(items), file_name=f"演示目录{from_on.year}.csv", area=maker.area, kind=kind, from_on=from_on,
        document=f"演示目录〔{from_on.year}〕1号", acting_user=maker,
    )  # fmt: skip


def _apply(city: str, made: Sequence[Version]) -> None:
    checker = officer(f"{city}.reviewer")
    for version in made:
        with acting(checker):
            now = Version.objects.get(pk=version.pk)
        catalogues.apply(now, seen_base=now.compared_with_id, acting_user=checker)


def map_items(county: str) -> None:
    """The county hospital maps its items: most are approved, one is rejected, three wait."""
    manager, checker = officer(f"{county}.hospital"), officer(f"{county}.officer")
    known = [item for kind in _TABLES for item in rows(kind)]
    proposals = [
        mappings.Proposal(
            hospital_code(item["国家编码"]),
            item["名称"].replace("演示", "院内"),
            item["单位"],
            item["国家编码"],
            BEGINNING,
            None,
            place,
        )
        for place, item in enumerate(known, 2)
    ]
    mappings.propose(proposals, acting_user=manager)
    with acting(checker):
        found = Mapped.objects.filter(institution=manager.institution, state="proposed")
        mappings.reject(found.filter(national_code="YS3005"), why="演示：院内名称与目录不是同一种", acting_user=checker)
        mappings.approve(found.exclude(national_code__in=["YS1202", "YS2018", "YS3004"]), acting_user=checker)


def hospital_code(national_code: str) -> str:
    """What the demonstration's hospitals call an item: Y1001 for YS1001."""
    return national_code.replace("S", "")


def make(step: str) -> None:
    """One step by its name: agreements, catalogues or mappings."""
    if step == "mappings":
        for county in COUNTIES:
            map_items(county)
        return
    for city in CITIES:
        if step == "agreements":
            sign_agreements(city)
        else:
            apply_catalogues(city)
            wait_for_review(city)
