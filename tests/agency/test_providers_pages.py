"""The pages of institutions, catalogues and mappings, as each role meets them."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.agency.providing import (
    DRUGS,
    EVERYBODY,
    SERVICES,
    SINCE,
    applied,
    catalogues_of,
    csv,
    fresh,
    import_version,
    mapped,
    set_up,
    signed,
)
from tests.agency.world import World
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.providers import queries
from yizhan.agency.providers.actions import catalogues, mappings
from yizhan.agency.providers.errors import CatalogueMoved
from yizhan.agency.providers.models import Agreement, Item, Mapping, Version
from yizhan.agency.staff.errors import SamePerson
from yizhan.agency.staff.models import Audit, Institution
from yizhan.agency.staff.scope import acting
from yizhan.errors import Problems

TERMS = {
    "number": "演协〔2026〕9号", "first": "2026-01-01", "last": "2026-12-31", "signed_on": "2025-12-20", "signed_for_bureau": "张演",
    "signed_for_institution": "李示", "cares": ["inpatient", "chronic"],
}  # fmt: skip


def text(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]  # an answer of the test client


def statements(world: World, officer: object, where: str) -> int:
    client = world.client(officer)  # type: ignore[arg-type]  # an officer
    client.get(where)
    with CaptureQueriesContext(connection) as seen:
        assert client.get(where).status_code == 200
    return len(seen)


# --- Institutions -----------------------------------------------------------------------------------------------------


def test_an_agreement_is_entered_suspended_and_resumed_over_http(world: World) -> None:
    client, where = world.client(world.yuhu.officer), f"/providers/{world.yuhu.hospital.pk}"
    assert "无协议" in text(client.get("/providers/"))
    assert client.post(f"{where}/agreement", TERMS).status_code == 302
    page = text(client.get(where))
    assert "演协〔2026〕9号" in page and "有效" in page and "住院" in page
    with acting(EVERYBODY):
        agreement = Agreement.objects.get()
    change = f"{where}/agreements/{agreement.pk}"
    answer = client.post(
        change,
        {"act": "change", "kind": "suspended", "from_on": "2026-03-01", "reason": "违规整改", "document": "演停1号"},
    )
    assert answer.status_code == 302
    page = text(client.get(where))
    assert "自 2026-03-01 起中止" in page and "违规整改" in page
    assert "中止" in text(client.get("/providers/?state=suspended"))
    again = client.post(change, {"act": "change", "kind": "suspended", "from_on": "2026-04-01", "reason": "再停"})
    assert again.status_code == 422 and "event_again" in text(again) and "再停" in text(again)
    assert (
        client.post(
            change, {"act": "change", "kind": "resumed", "from_on": "2026-04-01", "reason": "整改完成"}
        ).status_code
        == 302
    )
    assert "有效" in text(client.get(where))
    assert client.post(change, {"act": "withdraw", "why": ""}).status_code == 422
    assert client.post(change, {"act": "withdraw", "why": "录错机构"}).status_code == 302
    assert "无协议" in text(client.get(where))
    with acting(EVERYBODY):
        acts = list(Audit.objects.filter(act__startswith="agreement.").order_by("id").values_list("act", flat=True))
    assert acts == ["agreement.sign", "agreement.suspended", "agreement.resumed", "agreement.withdraw"]


def test_a_wrong_form_comes_back_with_what_was_typed_and_every_mistake(world: World) -> None:
    client, where = world.client(world.yuhu.officer), f"/providers/{world.yuhu.hospital.pk}/agreement"
    wrong = client.post(where, {**TERMS, "last": "2025-01-01", "cares": []})
    assert wrong.status_code == 422
    assert "days_out_of_order" in text(wrong) and "care_needed" in text(wrong) and "演协〔2026〕9号" in text(wrong)
    both = client.post(where, {**TERMS, "treat_first": "on", "deposit": "on"})
    assert both.status_code == 422 and "先诊疗后付费的机构不收预交金" in text(both)
    english = world.client(world.yuhu.officer)
    english.cookies["language"] = "en"
    assert "at least one kind of care" in text(english.post(where, {**TERMS, "cares": []}))


def test_a_designation_is_entered_and_ended(world: World) -> None:
    client, where = world.client(world.yuhu.officer), f"/providers/{world.yuhu.hospital.pk}"
    sent = {"kind": "poverty_relief", "first": "2026-01-01", "last": "", "document": "演〔2026〕3号"}
    assert client.post(f"{where}/designate", sent).status_code == 302
    assert client.post(f"{where}/designate", sent).status_code == 422
    with acting(EVERYBODY):
        made = queries.designations(world.yuhu.hospital).get()
    end = f"{where}/designations/{made.pk}/end"
    assert client.post(end, {"last": "2026-06-30", "why": ""}).status_code == 422
    assert client.post(end, {"last": "2026-06-30", "why": "名单调整"}).status_code == 302
    assert "2026-06-30" in text(client.get(where))


def test_the_staff_of_an_institution_see_their_own_and_change_nothing(world: World) -> None:
    signed(world.yuhu)
    for officer in (world.yuhu.hospital_manager, world.yuhu.window):
        client = world.client(officer)
        assert client.get("/providers/")["Location"] == f"/providers/{world.yuhu.hospital.pk}"
        page = text(client.get(f"/providers/{world.yuhu.hospital.pk}"))
        assert "演协〔2026〕1号" in page and "登记协议" not in page
        for other in (world.yuhu.clinic, world.xiangtan_county.hospital):
            assert client.get(f"/providers/{other.pk}").status_code == 404
        assert client.get(f"/providers/{world.yuhu.hospital.pk}/agreement").status_code == 403


def test_an_officer_reaches_institutions_of_the_own_area_only(world: World) -> None:
    there = world.client(world.xiangtan_county.officer)
    assert there.get(f"/providers/{world.yuhu.hospital.pk}").status_code == 404
    assert there.post(f"/providers/{world.yuhu.hospital.pk}/agreement", TERMS).status_code == 404
    assert "雨湖区人民医院" not in text(there.get("/providers/"))
    city = text(world.client(world.xiangtan.officer).post("/providers/", {"q": "雨湖"}))
    assert "雨湖区人民医院" in city and "湘潭县人民医院" not in city


def test_the_kind_of_an_institution_is_changed_to_a_known_one(world: World) -> None:
    client, where = world.client(world.yuhu.officer), f"/providers/{world.yuhu.hospital.pk}/kind"
    assert client.post(where, {"kind": "tcm_hospital"}).status_code == 302
    assert client.post(where, {"kind": "castle"}).status_code == 404
    assert Institution.objects.get(pk=world.yuhu.hospital.pk).kind == "tcm_hospital"


def test_the_list_costs_the_same_for_three_and_for_sixty_institutions(world: World) -> None:
    few = statements(world, world.yuhu.officer, "/providers/")
    Institution.objects.bulk_create(
        Institution(
            code=f"X{n:05}",
            name=f"演示诊所{n}",
            level="level_1",
            tier="township",
            area=world.yuhu.area,
            area_path=world.yuhu.area.path,
        )
        for n in range(60)
    )
    assert statements(world, world.yuhu.officer, "/providers/") == few


# --- Catalogues -------------------------------------------------------------------------------------------------------


def upload(content: bytes, **other: object) -> dict[str, object]:
    return {
        "file": SimpleUploadedFile("演示目录.csv", content),
        "kind": "drug",
        "from_on": "2026-01-01",
        "document": "演示目录〔2026〕1号",
        **other,
    }


def test_a_catalogue_goes_from_upload_to_force_over_http(world: World) -> None:
    maker, checker = world.client(world.xiangtan.officer), world.client(world.xiangtan.reviewer)
    answer = maker.post("/providers/catalogues/import", upload(csv(DRUGS)))
    assert answer.status_code == 302
    where = answer["Location"]
    assert "hx-trigger" in text(maker.get(where))
    work_off()
    page = text(checker.get(where))
    assert "待复核" in page and "演示甲类片" in page and "复核通过并启用" in page
    assert "复核通过并启用" not in text(maker.get(where))
    assert maker.post(f"{where}/apply", {"base": ""}).status_code == 403
    assert text(world.client(world.yuhu.officer).get("/providers/catalogues")).count("没有现行目录") == 3
    assert checker.post(f"{where}/apply", {"base": ""}).status_code == 302
    county = world.client(world.yuhu.officer)
    assert text(county.get("/providers/catalogues")).count("没有现行目录") == 2
    found = text(county.post("/providers/items", {"q": "演示乙", "on": "2026-02-01", "kind": ""}))
    assert "XA0002" in found and "10%" in found and "XA0001" not in found
    assert "XA0002" not in text(county.post("/providers/items", {"q": "演示乙", "on": "2025-12-31", "kind": ""}))
    assert "XA0002" in text(county.post("/providers/items", {"q": "XA0002", "on": "", "kind": "drug"}))
    # A page of the answer is a link, and finds what was asked.
    assert "XA0002" in text(county.get("/providers/items"))


def test_the_difference_counts_and_shows_each_kind_of_change(world: World) -> None:
    applied(world.xiangtan, SERVICES, kind="service")
    rows = [
        {**SERVICES[0], "三级限价": "25"},
        {**SERVICES[1], "先付比例": "8%", "限定支付范围": "限演示"},
        {"国家编码": "009999", "名称": "演示新项目", "类别": "丙类", "费用类别": "检查费"},
    ]
    made = import_version(world.xiangtan.officer, rows, kind="service", from_on=date(2026, 7, 1))
    assert made.counts == {"added": 1, "removed": 0, "class": 0, "ratio": 1, "limit": 1, "other": 1}
    client = world.client(world.xiangtan.reviewer)
    where = f"/providers/catalogues/{made.pk}"
    assert "演示新项目" in text(client.get(f"{where}?change=added"))
    ratio = text(client.get(f"{where}?change=ratio"))
    assert "<del>5%</del> → <b>8%</b>" in ratio
    assert "20.00" in text(client.get(f"{where}?change=limit")) and "25.00" in text(client.get(f"{where}?change=limit"))
    third = import_version(world.xiangtan.officer, SERVICES[:1], kind="service", from_on=date(2026, 8, 1))
    assert third.counts["removed"] == 1
    assert "完整目录，不是其中一部分" in text(client.get(f"/providers/catalogues/{third.pk}?change=removed"))


def test_every_wrong_cell_is_named_at_once(world: World) -> None:
    rows = [
        {**DRUGS[0], "类别": "丁类", "名称": ""},
        {**DRUGS[1], "先付比例": ""},
        {**DRUGS[2], "先付比例": "50%", "一级限价": "便宜"},
        {**DRUGS[3], "费用类别": "手术费", "谈判药品": "也许"},
        DRUGS[4],
        DRUGS[4],
    ]
    made = import_version(world.xiangtan.officer, rows)
    assert made.state == "unreadable"
    found = [(p["code"], p["zh"]) for p in made.problems]
    assert [code for code, _ in found] == ["cell_wrong"] * 7 + ["code_twice"]
    page = text(world.client(world.xiangtan.officer).get(f"/providers/catalogues/{made.pk}"))
    for words in (
        "第2行“名称”",
        "第2行“类别”",
        "乙类必须写先付比例",
        "丙类应为100%",
        "不是元数",
        "西药费、中药饮片费",
        "应为“是”或“否”",
        "第7行",
    ):
        assert words in page, words
    with acting(EVERYBODY):
        assert not Item.objects.filter(version=made).exists()


def test_columns_that_are_missing_or_strange_are_named(world: World) -> None:
    made = import_version(world.xiangtan.officer, [{"国家编码": "X", "名称": "演示", "价钱": "1"}])
    assert [p["code"] for p in made.problems] == ["column_strange", "column_absent", "column_absent"]
    drop = world.client(world.xiangtan.officer).post(f"/providers/catalogues/{made.pk}/end", {"why": ""})
    assert drop.status_code == 302 and fresh(made).state == "dropped"


def test_the_template_is_read_back_as_an_empty_catalogue(world: World) -> None:
    client = world.client(world.xiangtan.officer)
    for kind in ("drug", "service", "supply"):
        content = b"".join(client.get(f"/providers/catalogues/template?kind={kind}").streaming_content)  # type: ignore[attr-defined]  # a file
        sent = upload(content, kind=kind, file=SimpleUploadedFile("模板.xlsx", content))
        where = client.post("/providers/catalogues/import", sent)["Location"]
        work_off()
        assert "catalogue_file_empty" in text(client.get(where))


def test_one_version_a_day_and_only_of_provinces_and_cities(world: World) -> None:
    import_version(world.xiangtan.officer, DRUGS)
    again = world.client(world.xiangtan.officer).post("/providers/catalogues/import", upload(csv(DRUGS)))
    assert again.status_code == 422 and "version_exists" in text(again)
    with pytest.raises(Problems, match="provinces and cities"):
        catalogues.import_version(
            b"x",
            file_name="a.csv",
            area=world.yuhu.area,
            kind="drug",
            from_on=SINCE,
            document="x",
            acting_user=world.xiangtan.officer,
        )
    assert world.client(world.yuhu.officer).get("/providers/catalogues/import").status_code == 403


def test_nobody_applies_what_they_imported_nor_what_was_compared_with_another(world: World) -> None:
    first = import_version(world.xiangtan.officer, DRUGS)
    later = import_version(world.xiangtan.officer, DRUGS[1:], from_on=date(2026, 6, 1))
    both = world.xiangtan.reviewer
    both.roles = ["reviewer", "city_officer"]
    both.save()
    own = import_version(both, DRUGS, kind="drug", from_on=date(2026, 9, 1))
    with pytest.raises(SamePerson):
        catalogues.apply(own, seen_base=None, acting_user=both)
    catalogues.apply(first, seen_base=None, acting_user=both)
    with pytest.raises(CatalogueMoved):
        catalogues.apply(later, seen_base=None, acting_user=both)
    client = world.client(world.xiangtan.reviewer_two)
    where = f"/providers/catalogues/{later.pk}"
    assert "现行目录变了" in text(client.get(where))
    assert client.post(f"{where}/apply", {"base": ""}).status_code == 422
    assert client.post(f"{where}/compare").status_code == 302
    assert fresh(later).counts["removed"] == 1
    assert client.post(f"{where}/apply", {"base": str(first.pk)}).status_code == 302
    assert fresh(later).state == "applied"


def test_a_withdrawn_version_needs_a_reason_and_leaves_its_day_free(world: World) -> None:
    made = applied(world.xiangtan, DRUGS)
    client, where = world.client(world.xiangtan.reviewer), f"/providers/catalogues/{made.pk}/end"
    assert client.post(where, {"why": ""}).status_code == 422
    assert world.client(world.xiangtan.officer).post(where, {"why": "想撤"}).status_code == 403
    assert client.post(where, {"why": "发错了文件"}).status_code == 302
    assert fresh(made).state == "withdrawn"
    assert applied(world.xiangtan, DRUGS[:2]).rows == 2


def test_a_draft_that_is_dropped_leaves_no_items(world: World) -> None:
    made = import_version(world.xiangtan.officer, DRUGS)
    assert (
        world.client(world.xiangtan.officer).post(f"/providers/catalogues/{made.pk}/end", {"why": "重做"}).status_code
        == 302
    )
    assert fresh(made).state == "dropped"
    with acting(EVERYBODY):
        assert not Item.objects.filter(version=made).exists()
    assert import_version(world.xiangtan.officer, DRUGS).state == "draft"


def test_a_county_or_another_city_cannot_touch_a_citys_catalogue(world: World) -> None:
    made = import_version(world.xiangtan.officer, DRUGS)
    assert world.client(world.yuhu.reviewer).get(f"/providers/catalogues/{made.pk}").status_code == 404
    catalogues.apply(made, seen_base=None, acting_user=world.xiangtan.reviewer)
    where = f"/providers/catalogues/{made.pk}"
    for officer in (world.yuhu.reviewer, world.chifeng.reviewer):
        assert world.client(officer).post(f"{where}/end", {"why": "不喜欢"}).status_code == 404
    assert world.client(world.yuhu.reviewer).get(where).status_code == 200
    assert world.client(world.chifeng.officer).get(where).status_code == 404


def test_the_database_keeps_applied_catalogues_as_they_are(world: World) -> None:
    made = applied(world.xiangtan, DRUGS)
    with acting(world.xiangtan.officer):
        one = Item.objects.filter(version=made).first()
        assert one is not None
        assert Item.objects.filter(version=made).delete()[0] == 0
        for write in (
            lambda: Item.objects.filter(pk=one.pk).update(payment_class="c", first_pay=10_000),
            lambda: Item.objects.create(
                version=made, code="NEW", name="塞进去", payment_class="a", first_pay=0, fee="09"
            ),
            lambda: Version.objects.filter(pk=made.pk).update(state="draft"),
            lambda: Version.objects.filter(pk=made.pk).update(applied_by=made.made_by_id),
            lambda: Version.objects.filter(pk=made.pk).update(from_on=SINCE),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                write()
    with acting(world.yuhu.officer):
        assert Version.objects.filter(pk=made.pk).update(state="withdrawn") == 0


def test_the_pages_of_catalogues_cost_the_same_for_few_and_many(world: World) -> None:
    many = [{**DRUGS[0], "国家编码": f"XB{n:04}"} for n in range(70)]
    few = applied(world.xiangtan, DRUGS)
    large = import_version(world.xiangtan.officer, many, from_on=date(2026, 6, 1))
    reviewer = world.xiangtan.reviewer
    pages = [statements(world, reviewer, f"/providers/catalogues/{v.pk}") for v in (few, large)]
    assert max(pages) - min(pages) <= 1  # a draft looks whether its base still counts
    assert "1 / 2" in text(world.client(reviewer).get(f"/providers/catalogues/{large.pk}?change=added"))


# --- Mappings ---------------------------------------------------------------------------------------------------------

HEADER = ("医院编码", "医院名称", "单位", "国家编码", "起始日期", "截止日期")


def mapping_file(*rows: tuple[str, ...]) -> dict[str, object]:
    return {"file": SimpleUploadedFile("对照.csv", csv([dict(zip(HEADER, row, strict=True)) for row in rows]))}


def test_mappings_go_from_a_file_to_approval_over_http(world: World) -> None:
    catalogues_of(world.xiangtan)
    manager, officer = world.client(world.yuhu.hospital_manager), world.client(world.yuhu.officer)
    sent = mapping_file(
        ("Y1", "院内甲片", "片", "XA0001", "2026-01-01", ""), ("Y2", "院内乙", "盒", "XA0002", "2026/2/1", "2026-12-31")
    )
    assert manager.post("/providers/mappings/propose", sent).status_code == 302
    page = text(officer.get("/providers/mappings?state=proposed"))
    assert "院内甲片" in page and "演示甲类片" in page and "雨湖区人民医院" in page
    assert manager.post("/providers/mappings/decide", {"scope": "all", "verdict": "approve"}).status_code == 403
    assert officer.post("/providers/mappings/decide", {"scope": "chosen", "verdict": "approve"}).status_code == 422
    with acting(EVERYBODY):
        first = Mapping.objects.get(code="Y1")
    assert (
        officer.post(
            "/providers/mappings/decide", {"mappings": [str(first.pk)], "verdict": "reject", "why": ""}
        ).status_code
        == 422
    )
    assert (
        officer.post(
            "/providers/mappings/decide", {"mappings": [str(first.pk)], "verdict": "reject", "why": "剂型不符"}
        ).status_code
        == 302
    )
    assert "剂型不符" in text(manager.get("/providers/mappings?state=rejected"))
    again = officer.post("/providers/mappings/decide", {"mappings": [str(first.pk)], "verdict": "approve"})
    assert again.status_code == 422 and "mapping_not_open" in text(again)
    assert officer.post("/providers/mappings/decide", {"scope": "all", "verdict": "approve"}).status_code == 302
    with acting(EVERYBODY):
        assert set(Mapping.objects.values_list("code", "state")) == {("Y1", "rejected"), ("Y2", "approved")}


def test_all_that_is_wrong_with_a_file_of_mappings_is_said_at_once(world: World) -> None:
    catalogues_of(world.xiangtan)
    sent = mapping_file(
        ("", "无码", "", "XA0001", "2026-01-01", ""),
        ("Y2", "乙", "", "XA9999", "2026-01-01", ""),
        ("Y3", "丙", "", "XA0001", "二月", ""),
        ("Y4", "丁", "", "XA0001", "2026-02-01", "2026-01-01"),
        ("Y5", "戊", "", "XA0001", "2026-02-01", ""),
        ("Y5", "戊", "", "XA0001", "2026-02-01", ""),
        ("Y6", "早", "", "XA0001", "2025-06-01", ""),
    )
    answer = world.client(world.yuhu.hospital_manager).post("/providers/mappings/propose", sent)
    assert answer.status_code == 422
    for words in (
        "第2行“医院编码”",
        "XA9999",
        "“二月”不是日期",
        "早于起始日期",
        "Y5 与第6行重复",
        "不在 2025-06-01 有效的目录里",
    ):
        assert words in text(answer), words
    with acting(EVERYBODY):
        assert not Mapping.objects.exists()


def test_one_item_is_entered_by_hand_and_replaces_what_waits(world: World) -> None:
    catalogues_of(world.xiangtan)
    client = world.client(world.yuhu.hospital_manager)
    sent = {"code": "Y1", "name": "院内片", "unit": "片", "national_code": "XA0003", "first": "2026-01-01", "last": ""}
    assert client.post("/providers/mappings/propose", sent).status_code == 302
    assert client.post("/providers/mappings/propose", {**sent, "national_code": "XA0001"}).status_code == 302
    assert client.post("/providers/mappings/propose", {**sent, "national_code": "空空"}).status_code == 422
    with acting(EVERYBODY):
        assert sorted(Mapping.objects.values_list("national_code", "state")) == [
            ("XA0001", "proposed"),
            ("XA0003", "withdrawn"),
        ]
    assert b"".join(client.get("/providers/mappings/template").streaming_content)[:2] == b"PK"  # type: ignore[attr-defined]  # a file


def test_a_new_mapping_ends_the_old_one_the_day_before_and_cannot_swallow_it(world: World) -> None:
    catalogues_of(world.xiangtan)
    mapped(world.yuhu, {"Y1": "XA0001"}, first=date(2026, 3, 1))
    with pytest.raises(Problems, match="approved mapping from 2026-03-01"):
        mapped(world.yuhu, {"Y1": "XA0002"}, first=date(2026, 3, 1))
    with acting(EVERYBODY):
        waiting = Mapping.objects.filter(state="proposed")
        mappings.reject(waiting, why="日期", acting_user=world.yuhu.officer)
    mapped(world.yuhu, {"Y1": "XA0002"}, first=date(2026, 5, 1))
    with acting(EVERYBODY):
        old, new = Mapping.objects.filter(state="approved").order_by("id")
    assert (old.last_day, new.valid.lower, new.last_day) == (date(2026, 4, 30), date(2026, 5, 1), None)
    client = world.client(world.yuhu.officer)
    where = f"/providers/mappings/{new.pk}/end"
    assert client.get(where).status_code == 200
    assert client.post(where, {"last": "2026-06-30", "why": "停用"}).status_code == 302
    assert client.post(where, {"last": "2026-07-30", "why": "停用"}).status_code == 422
    assert client.post(where, {"last": "2026-04-30", "why": "录错"}).status_code == 302
    with acting(EVERYBODY):
        assert Mapping.objects.get(pk=new.pk).state == "withdrawn"


def test_mappings_are_shown_to_the_institution_and_to_its_bureau_only(world: World) -> None:
    set_up(world)
    seen = {}
    for name, officer in {
        "own": world.yuhu.hospital_manager, "window": world.yuhu.window, "bureau": world.yuhu.officer, "city": world.xiangtan.officer,
        "other hospital": world.xiangtan_county.hospital_manager, "other county": world.xiangtan_county.officer,
    }.items():  # fmt: skip
        with acting(officer):
            seen[name] = Mapping.objects.count()
    assert seen == {"own": 6, "window": 6, "bureau": 6, "city": 6, "other hospital": 0, "other county": 0}


def test_a_hospital_approves_nothing_of_its_own_even_in_the_database(world: World) -> None:
    catalogues_of(world.xiangtan)
    manager = world.yuhu.hospital_manager
    mappings.propose([mappings.Proposal("Y1", "片", "", "XA0001", SINCE)], acting_user=manager)
    with acting(manager):
        one = Mapping.objects.get()
        for write in (
            lambda: Mapping.objects.filter(pk=one.pk).update(state="approved", decided_by=world.yuhu.officer),
            lambda: Mapping.objects.filter(pk=one.pk).update(national_code="XA0003"),
            lambda: Mapping.objects.create(
                institution=world.yuhu.hospital, area_path=world.yuhu.area.path, code="Y9", name="x", national_code="XA0001", valid=one.valid,
                state="approved", proposed_by=manager, decided_by=world.yuhu.officer,
            ),
        ):  # fmt: skip
            with pytest.raises(DatabaseError), transaction.atomic():
                write()
    with acting(world.yuhu.officer), pytest.raises(DatabaseError), transaction.atomic():
        Mapping.objects.filter(pk=one.pk).update(state="approved", decided_by=manager)


def test_the_list_of_mappings_costs_the_same_for_few_and_many(world: World) -> None:
    catalogues_of(world.xiangtan)
    manager, counts = world.yuhu.hospital_manager, []
    for first, last in ((0, 3), (3, 60)):
        proposals = [mappings.Proposal(f"Y{n}", "片", "", "XA0001", SINCE, None, n) for n in range(first, last)]
        mappings.propose(proposals, acting_user=manager)
        counts.append(statements(world, world.yuhu.officer, "/providers/mappings?state=proposed"))
    assert counts[0] == counts[1]


def test_what_waits_stands_on_the_home_pages(world: World) -> None:
    catalogues_of(world.xiangtan)
    import_version(world.xiangtan.officer, DRUGS, from_on=timezone.localdate())
    mappings.propose([mappings.Proposal("Y1", "片", "", "XA0001", SINCE)], acting_user=world.yuhu.hospital_manager)
    assert "待复核的目录版本" in text(world.client(world.xiangtan.reviewer).get("/"))
    assert "待审核的目录对照" in text(world.client(world.yuhu.officer).get("/"))
    with acting(world.yuhu.officer):
        mappings.reject(Mapping.objects.all(), why="不符", acting_user=world.yuhu.officer)
    assert "被退回的目录对照" in text(world.client(world.yuhu.hospital_manager).get("/"))
