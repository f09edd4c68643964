"""Officers, areas and institutions over HTTP: by their administrators, and refused to others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.agency.world import PASSWORD, World
from yizhan.agency.staff import actions, ceilings, queries
from yizhan.agency.staff.errors import NotAllowed, NotFound, OverCeiling, OwnAccount
from yizhan.agency.staff.models import Area, Audit, Institution, Officer
from yizhan.agency.staff.scope import System, acting

NEW_OFFICER = {
    "username": "zhang.san",
    "name": "张三",
    "department": "healthcare_security",
    "roles": ["county_officer"],
}


def table(text: str, name: str = "表.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode("utf-8-sig"))


def test_the_security_administrator_adds_an_officer(world: World) -> None:
    client = world.client(world.yuhu.security_admin)
    answer = client.post("/officers/new", NEW_OFFICER | {"area": world.yuhu.area.pk})
    made = Officer.objects.get(username="zhang.san")
    assert answer["Location"] == f"/officers/{made.pk}"
    assert (made.roles, made.area_path) == (["county_officer"], world.yuhu.area.path)
    assert not made.has_usable_password()
    assert "待设密码" in client.get(f"/officers/{made.pk}").content.decode()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"username": "张三"}, "用户名"),
        ({"username": "yuhu.officer"}, "已经有了"),
        ({"roles": ["system_admin", "county_officer"]}, "三员分立"),
        ({"roles": ["system_admin", "security_admin"]}, "三员分立"),
        ({"roles": ["window_clerk"]}, "机构"),
    ],
)
def test_a_wrong_form_is_shown_again_with_what_was_typed(world: World, change: dict[str, object], says: str) -> None:
    """C5: the three administrators are kept apart, kindly."""
    answer = world.client(world.yuhu.security_admin).post(
        "/officers/new", NEW_OFFICER | {"area": world.yuhu.area.pk} | change
    )
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert "张三" in answer.content.decode()
    assert not Officer.objects.filter(username="zhang.san").exists()


def test_c5_the_database_refuses_two_administrators_in_one(world: World) -> None:
    with pytest.raises(IntegrityError, match="administrators_apart"), transaction.atomic():
        Officer.objects.filter(pk=world.yuhu.security_admin.pk).update(roles=["system_admin", "security_admin"])


def test_c3_extra_fields_of_a_form_are_not_stored(world: World) -> None:
    client = world.client(world.yuhu.security_admin)
    client.post(
        "/officers/new",
        NEW_OFFICER
        | {"area": world.yuhu.area.pk, "area_path": "000000.", "is_active": "", "demo": "on", "password": "x"},
    )
    made = Officer.objects.get(username="zhang.san")
    assert (made.area_path, made.is_active, made.demo) == (world.yuhu.area.path, True, False)


def test_d1_officers_of_other_areas_are_not_found_like_those_that_do_not_exist(world: World) -> None:
    client = world.client(world.yuhu.security_admin)
    answers = []
    for number in (world.songshan.officer.pk, world.xiangtan.officer.pk, 10**9):
        with CaptureQueriesContext(connection) as statements:
            answer = client.get(f"/officers/{number}")
        assert answer.status_code == 404
        answers.append((len(answer.content) - len(str(number)), len(statements)))  # the address is in the page
    assert len(set(answers)) == 1
    listed = client.get("/officers").content.decode()
    assert world.yuhu.officer.username in listed
    assert world.songshan.officer.username not in listed


def test_d1_an_officer_is_not_made_in_a_foreign_area(world: World) -> None:
    client = world.client(world.yuhu.security_admin)
    assert client.post("/officers/new", NEW_OFFICER | {"area": world.songshan.area.pk}).status_code == 422
    with pytest.raises(NotFound):
        actions.create_officer(
            "zhang.san", name="张三", roles=["auditor"], area=world.songshan.area, acting_user=world.yuhu.security_admin
        )


def test_nobody_changes_the_own_account(world: World) -> None:
    admin = world.yuhu.security_admin
    for act in (
        lambda: actions.change_roles(admin, ["auditor"], acting_user=admin),
        lambda: actions.suspend_officer(admin, why="试", acting_user=admin),
        lambda: actions.make_reset_code(admin, acting_user=admin),
        lambda: actions.drop_factor(admin, acting_user=admin),
    ):
        with pytest.raises(OwnAccount):
            act()


def test_an_operator_sets_passwords_and_an_officer_does_not_for_others(world: World) -> None:
    actions.set_password(world.yuhu.officer, "傍晚的渡船-kettle-93-quartz", acting_user=System("operator"))
    with pytest.raises(NotAllowed):
        actions.set_password(world.yuhu.officer, "傍晚的渡船-kettle-93-quartz", acting_user=world.yuhu.security_admin)


def test_roles_are_changed_and_what_they_were_is_recorded(world: World) -> None:
    client = world.client(world.yuhu.security_admin)
    url = f"/officers/{world.yuhu.officer.pk}"
    assert client.post(f"{url}/roles", {"roles": ["reviewer", "county_officer"]}).status_code == 302
    with acting(System("test")):
        row = Audit.objects.get(act="officer.change_roles")
    assert row.detail == {"before": ["county_officer"], "after": ["county_officer", "reviewer"]}
    assert client.post(f"{url}/roles", {"roles": ["reviewer", "audit_admin"]}).status_code == 422


def test_suspending_needs_a_reason_and_can_be_undone(world: World) -> None:
    client = world.client(world.yuhu.security_admin)
    url = f"/officers/{world.yuhu.officer.pk}"
    assert client.post(f"{url}/suspend", {"why": " "}).status_code == 422
    assert client.post(f"{url}/suspend", {"why": "调离"}).status_code == 302
    assert "已停用" in client.get(url).content.decode()
    assert client.post(f"{url}/resume").status_code == 302
    assert "在用" in client.get(url).content.decode()


def test_a9_accounts_unused_for_ninety_days_are_listed(world: World) -> None:
    stale = world.yuhu.officer
    Officer.objects.filter(pk=stale.pk).update(last_login=timezone.now() - timedelta(days=91))
    client = world.client(world.yuhu.security_admin)
    assert "九十天没有登录的账号" in client.get("/").content.decode()
    listed = client.get("/officers?state=unused").content.decode()
    assert stale.username in listed
    assert world.yuhu.reviewer.username not in listed
    in_90_days = queries.officers(world.yuhu.security_admin, state="unused", now=timezone.now() + timedelta(days=91))
    assert world.yuhu.reviewer in in_90_days


def test_k5_words_of_a_search_do_not_stand_in_the_address(world: World) -> None:
    client = world.client(world.yuhu.security_admin)
    answer = client.post("/officers", {"search": "window"})
    assert answer["Location"] == "/officers"
    listed = client.get("/officers?page=1").content.decode()
    assert world.yuhu.window.username in listed
    assert world.yuhu.finance.username not in listed


def test_a_list_takes_as_many_statements_for_many_rows_as_for_few(world: World) -> None:
    client = world.client(world.yuhu.security_admin)
    client.post("/officers", {"search": "window"})
    with CaptureQueriesContext(connection) as few:
        client.get("/officers")
    client.post("/officers", {"search": ""})
    area = world.yuhu.area
    Officer.objects.bulk_create(
        Officer(username=f"many.{n}", name="众", roles=["auditor"], area=area, area_path=area.path, department="other")
        for n in range(60)
    )
    with CaptureQueriesContext(connection) as many:
        client.get("/officers")
    assert len(many) == len(few)


# --- D5: ceilings -----------------------------------------------------------------------------------------------------


def test_d5_the_201st_unmasking_of_a_day_is_refused_until_a_second_person_grants_more(world: World) -> None:
    officer = world.yuhu.officer
    for _ in range(200):
        ceilings.use("unmask", acting_user=officer)
    with pytest.raises(OverCeiling, match="200"):
        ceilings.use("unmask", acting_user=officer)
    with pytest.raises(NotAllowed):
        actions.grant_more(officer, kind="unmask", count=5, why="清查", acting_user=officer)
    form = {"username": officer.username, "kind": "unmask", "count": 5, "why": "清查低保户"}
    assert world.client(world.songshan.reviewer).post("/ceilings", form).status_code == 422
    assert world.client(world.yuhu.reviewer).post("/ceilings", form).status_code == 302
    ceilings.use("unmask", 5, acting_user=officer)
    with pytest.raises(OverCeiling):
        ceilings.use("unmask", acting_user=officer)
    assert ceilings.used_today(officer)["unmask"] == (205, 205)


def test_d5_nobody_raises_the_own_ceiling_by_code_or_by_sql(world: World) -> None:
    reviewer = world.yuhu.reviewer
    with pytest.raises(OwnAccount):
        actions.grant_more(reviewer, kind="unmask", count=5, why="清查", acting_user=reviewer)
    ceilings.use("unmask", acting_user=reviewer)
    with pytest.raises(IntegrityError, match="nobody_grants_themselves"), transaction.atomic():
        connection.cursor().execute(
            "update staff_dailyuse set granted = 9, granted_by_id = officer_id where officer_id = %s", [reviewer.pk]
        )


# --- Areas and institutions -------------------------------------------------------------------------------------------


def test_the_system_administrator_adds_an_area_and_an_institution(world: World) -> None:
    client = world.client(world.yuhu.system_admin)
    area = {"code": "430302102", "name": "昭潭街道", "level": "township", "parent": "430302"}
    assert client.post("/areas/new", area).status_code == 302
    assert Area.objects.get(code="430302102").path == f"{world.yuhu.area.path}430302102."
    home = {"code": "H43030299", "name": "昭潭医院", "level": "level_1", "tier": "township", "area": "430302102"}
    assert client.post("/institutions/new", home).status_code == 302
    assert "昭潭医院" in client.get("/institutions").content.decode()
    assert client.post("/areas/new", area | {"code": "150404102", "parent": "150404"}).status_code == 422
    assert client.post("/institutions/new", home | {"code": "H1", "area": "430302"}).status_code == 422


AREAS_CSV = "代码,名称,级别,上级代码,英文名称\n430302103,先锋街道,乡镇街道,430302,Xianfeng\n430302103001,渡口社区,村社区,430302103,\n"


def test_a_table_of_areas_is_imported_once_however_often_it_is_sent(world: World) -> None:
    client = world.client(world.yuhu.system_admin)
    for _ in range(2):
        assert client.post("/areas/import", {"file": table(AREAS_CSV)}).status_code == 302
    assert Area.objects.filter(code__startswith="430302103").count() == 2
    assert Area.objects.get(code="430302103001").path == f"{world.yuhu.area.path}430302103.430302103001."


def test_all_mistakes_of_a_table_are_shown_at_once_and_nothing_is_written(world: World) -> None:
    wrong = AREAS_CSV + "12,短码,县级,430302,\n430302104,某街道,街道,430302,\n150404105,外地镇,乡镇街道,150404,\n"
    answer = world.client(world.yuhu.system_admin).post("/areas/import", {"file": table(wrong)})
    assert answer.status_code == 422
    assert all(row in answer.content.decode() for row in ("第4行", "第5行", "第6行"))
    assert not Area.objects.filter(code__startswith="430302103").exists()


def test_a_table_of_institutions_is_imported_by_its_chinese_words(world: World) -> None:
    client = world.client(world.yuhu.system_admin)
    text = "代码,名称,医院等级,医院归属,区划代码\nH43030277,江边医院,二级,县级,430302\n"
    assert client.post("/institutions/import", {"file": table(text)}).status_code == 302
    made = Institution.objects.get(code="H43030277")
    assert (made.level, made.tier) == ("level_2", "county")
    wrong = text.replace("二级", "很好")
    assert client.post("/institutions/import", {"file": table(wrong)}).status_code == 422


def test_the_empty_table_that_is_offered_can_be_read_back(world: World) -> None:
    client = world.client(world.yuhu.system_admin)
    for what in ("areas", "institutions"):
        offered = b"".join(client.get(f"/{what}/template").streaming_content)  # type: ignore[attr-defined]
        answer = client.post(f"/{what}/import", {"file": SimpleUploadedFile("t.xlsx", offered)})
        assert "表里没有这一列" not in answer.content.decode()


def test_everybody_in_the_world_signs_in_with_the_one_password(world: World) -> None:
    assert world.yuhu.officer.check_password(PASSWORD)
    assert {officer.roles[0] for officer in world.one_of_each_role().values()} == set(world.one_of_each_role())
