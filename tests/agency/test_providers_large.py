"""Catalogues as large as real ones: a hundred thousand drugs are read, compared, applied, and split by."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.agency.providing import EVERYBODY, SINCE, applied, fresh, import_version
from tests.agency.world import World
from yizhan.agency.providers import comparing, queries
from yizhan.agency.providers.actions import catalogues, mappings
from yizhan.agency.providers.models import Mapping
from yizhan.agency.providers.splitting import Charge, split_lines
from yizhan.agency.staff.scope import acting

ITEMS, LINES = 100_000, 5_000


def drug(n: int, ratio: str = "10%") -> dict[str, str]:
    return {
        "国家编码": f"XD{n:06}", "名称": f"演示药{n % 5000}号", "规格": f"{n % 7}毫克×{n % 50}片", "单位": "盒", "类别": "乙类", "先付比例": ratio,
        "二级限价": "60", "三级限价": "80", "费用类别": "西药费",
    }  # fmt: skip


def test_a_hundred_thousand_drugs_and_five_thousand_lines(world: World) -> None:
    first = applied(world.xiangtan, [drug(n) for n in range(ITEMS)])
    assert (first.rows, first.counts["added"]) == (ITEMS, ITEMS)
    rows = [drug(n, "15%" if n % 100 == 0 else "10%") for n in range(1000, ITEMS + 500)]
    second = import_version(world.xiangtan.officer, rows, from_on=date(2026, 6, 1))
    assert second.counts == {"added": 500, "removed": 1000, "class": 0, "ratio": 990, "limit": 0, "other": 0}
    with acting(world.xiangtan.reviewer):
        page = comparing.differences(second, "ratio", first=900, most=50)
        assert [d.code for d in page][:1] == ["XD091000"]
        assert queries.items(world.yuhu.area.path, on=SINCE, search="演示药77号")[:50].count() == 20
    catalogues.apply(second, seen_base=first.pk, acting_user=world.xiangtan.reviewer)
    assert fresh(second).state == "applied"

    proposals = [mappings.Proposal(f"Y{n}", "片", "", f"XD{n + 2000:06}", SINCE, None, n) for n in range(LINES)]
    mappings.propose(proposals, acting_user=world.yuhu.hospital_manager)
    with acting(EVERYBODY):
        assert mappings.approve(Mapping.objects.filter(state="proposed"), acting_user=world.yuhu.officer) == LINES
    # A bill over both versions, each line another drug.
    bill = [
        Charge(date(2026, 5, 28) + timedelta(days=n % 8), f"Y{n}", "片", 20_000, 700_000, 14_000) for n in range(LINES)
    ]
    with acting(world.yuhu.window), CaptureQueriesContext(connection) as seen:
        splits, problems = split_lines(bill, institution=world.yuhu.hospital, area_path=world.yuhu.area.path)
    assert len(seen) == 3
    assert not problems and {sum(split.pots) for split in splits} == {14_000}
    assert {split.pots for split in splits} == {(10_800, 1_200, 2_000, 0), (10_200, 1_800, 2_000, 0)}
