"""What a hospital's system asks before it treats: entitlement, institutions, catalogues, and its mappings of them."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils import timezone

from tests.agency.caring import CODE, ready
from tests.agency.filing import city_hospital
from tests.agency.gateway_calling import Hospital, connected, golden
from tests.agency.past import resident
from tests.agency.test_gateway import CLASS_B, class_b
from tests.agency.world import World
from yizhan.agency.enrolment.models import Enrolment
from yizhan.agency.gateway.models import File
from yizhan.agency.gateway.zipped import unpacked
from yizhan.agency.providers.actions import mappings
from yizhan.agency.providers.models import Mapping
from yizhan.agency.staff.scope import System, acting


@pytest.fixture
def his(world: World) -> Hospital:
    ready(world.yuhu.hospital, world.yuhu.area)
    return connected(world.yuhu)


def asked(his: Hospital, infno: str, content: Any, name: str = "") -> Any:
    answer = his.call(infno, content)
    golden(name or infno, his, answer)
    return answer["output"]


def checking(psn_no: str, on: date, med_type: str = "21") -> dict[str, Any]:
    return {
        "data": {
            "psn_no": psn_no, "insutype": "390", "fixmedins_code": "H43030201", "med_type": med_type,
            "begntime": f"{on} 09:00:00", "endtime": "", "dise_codg": "J18.9", "dise_name": "肺炎",
        }
    }  # fmt: skip


def enjoyed(output: Any) -> dict[str, str]:
    return {row["fund_pay_type"]: row["trt_enjymnt_flag"] for row in output["trtinfo"]}


def test_a_fund_would_pay_whom_its_policies_name(world: World, his: Hospital) -> None:
    poor, on = resident(world.yuhu, "registered_poor"), date(2019, 5, 5)
    golden("2001-not-shown", his, his.call("2001", checking(poor.number, on)))
    assert his.refused("2001", checking(poor.number, on)) == "certificate_not_shown"
    his.knows(poor)
    rows = enjoyed(asked(his, "2001", checking(poor.number, on)))
    assert (rows["390101"], rows["390201"], rows["610101"]) == ("1", "1", "1")
    with acting(System("tests")):
        Enrolment.objects.create(
            person=poor, area_path=poor.area_path, year=2018, scheme="employee", enrolled_on=date(2018, 1, 1),
            insured=DateRange(date(2018, 1, 1), date(2019, 1, 1)),
        )  # fmt: skip
    output = asked(his, "2001", checking(poor.number, on), "2001-not-insured")
    assert set(enjoyed(output).values()) == {"0"} and all(row["trt_chk_rslt"] for row in output["trtinfo"])
    answer = his.call("2001", checking("99999999", on))
    golden("2001-unknown-person", his, answer)
    assert his.refused("2001", checking("99999999", on)) == "insured_person_not_found"


def test_institutions_are_found_by_code_and_name(world: World, his: Hospital) -> None:
    other = city_hospital(world)
    by_code = asked(
        his, "1201", {"medinsinfo": {"fixmedins_type": "1", "fixmedins_code": other.code, "fixmedins_name": ""}}
    )
    assert [row["fixmedins_name"] for row in by_code["medinsinfo"]] == [other.name]
    named = his.ask("1201", {"medinsinfo": {"fixmedins_name": "湘潭市中心"}})
    assert named == by_code
    # Another province's are not told.
    assert his.ask("1201", {"medinsinfo": {"fixmedins_code": world.pengjiang.hospital.code}}) == {"medinsinfo": []}
    golden("1201-nothing-asked", his, his.call("1201", {"medinsinfo": {"fixmedins_type": "1"}}))


def test_a_catalogue_comes_as_a_file_with_its_version(world: World, his: Hospital) -> None:
    class_b(world.yuhu)
    output = asked(his, "1301", {"data": {"ver": "F000"}})
    assert output["data_cnt"] == 1
    body = his.post(
        json.dumps(his.envelope("9102", {"fsDownloadIn": {"file_qury_no": output["file_qury_no"]}})).encode()
    )
    header, row = unpacked(output["filename"], body)
    found = dict(zip(header, row, strict=True))
    assert (found["med_list_codg"], found["chrgitm_lv"], found["selfpay_prop"]) == (CLASS_B, "02", "0.1000")
    # Who has the version in force gets no file again.
    again = asked(his, "1301", {"data": {"ver": found["ver"]}}, "1301-same-version")
    assert (again["file_qury_no"], again["data_cnt"]) == (None, 0)
    # Whoever asks again without it gets the same file, as long as it can be fetched.
    assert his.ask("1301", {"data": {"ver": ""}})["file_qury_no"] == output["file_qury_no"]
    with acting(System("tests")):
        File.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    fetched = {"fsDownloadIn": {"file_qury_no": output["file_qury_no"]}}
    assert his.refused("9102", fetched) == "file_not_found"
    assert his.ask("1301", {"data": {"ver": ""}})["file_qury_no"] != output["file_qury_no"]
    with acting(System("tests")):
        assert File.objects.count() == 1, "what nobody may fetch any more is gone"
    # A version that begins later is nothing newer until its day; then it is, also to who has the former one.
    today = timezone.localdate()
    class_b(world.yuhu, today + timedelta(days=1))
    assert his.ask("1301", {"data": {"ver": found["ver"]}})["data_cnt"] == 0
    class_b(world.yuhu, today)
    newer = his.ask("1301", {"data": {"ver": found["ver"]}})
    assert newer["data_cnt"] == 1 and f"{today:%Y%m%d}" in newer["filename"]
    assert his.ask("1306", {"data": {"ver": ""}})["data_cnt"] == 1
    assert his.ask("1305", {"data": {"ver": ""}})["data_cnt"] == 0
    assert asked(his, "1303", {"data": {"ver": ""}}) is None


def test_items_limits_and_ratios_are_told_in_pages(world: World, his: Hospital) -> None:
    class_b(world.yuhu)
    page = {"data": {"query_date": "", "hilist_code": CLASS_B, "updt_time": "", "page_num": 1, "page_size": 10}}
    assert asked(his, "1319", page)["data"][0]["selfpay_prop"] == 0.1
    assert asked(his, "1318", page)["recordCounts"] == 0
    assert asked(his, "1312", page)["data"][0]["chrgitm_lv"] == "02"
    second = his.ask("1312", {"data": {"page_num": 2, "page_size": 1}})
    assert (second["pages"], second["pageNum"], len(second["data"])) == (2, 2, 1)
    first = his.ask("1312", {"data": {"page_num": 1, "page_size": 1}})
    assert first["data"] != second["data"] and (first["lastPage"], second["lastPage"]) == (False, True)
    # Behind the last page there is nothing, and of what holds no more nothing is told.
    behind = his.ask("1312", {"data": {"page_num": 3, "page_size": 1}})
    assert (behind["data"], behind["size"], behind["recordCounts"], behind["lastPage"]) == ([], 0, 2, True)
    assert (
        his.ask("1312", {"data": {"vali_flag": "0", "updt_time": "2026-01-01", "page_num": 1, "page_size": 9}})[
            "recordCounts"
        ]
        == 0
    )
    assert his.refused("1312", {"data": {"page_num": 0, "page_size": 9999}}) == "field_wrong"


def mapping(code: str, national: str = CODE, on: Any = "") -> dict[str, Any]:
    return {
        "fixmedins_hilist_id": code, "fixmedins_hilist_name": f"院内{code}", "list_type": "301", "med_list_codg": national,
        "begndate": str(on or timezone.localdate()), "enddate": "", "prcunt": "个",
    }  # fmt: skip


def test_mappings_are_sent_reviewed_and_taken_back(world: World, his: Hospital) -> None:
    asked(his, "3301", {"data": [mapping("A1"), mapping("A2")]})
    with acting(System("tests")):
        assert set(Mapping.objects.values_list("proposed_by", "state")) == {(None, "proposed")}
        first = Mapping.objects.filter(code="A1")
    # The bureau decides, as over what a hospital's manager sends.
    assert mappings.approve(first, acting_user=world.yuhu.officer) == 1
    asked(his, "1317", {"data": {"medins_list_codg": "A1", "page_num": 1, "page_size": 10}})
    answer = his.call("3301", {"data": mapping("A3", "没有的编码")})
    golden("3301-code-unknown", his, answer)
    assert answer["infcode"] == -1
    back = {"fixmedins_code": "H43030201", "list_type": "301", "med_list_codg": CODE}
    # One that was approved is not taken back, and then the other is not either.
    answer = his.call("3302", {"data": [back | {"fixmedins_hilist_id": code} for code in ("A1", "A2")]})
    golden("3302-approved", his, answer)
    with acting(System("tests")):
        assert Mapping.objects.get(code="A2").state == "proposed"
    asked(his, "3302", {"data": back | {"fixmedins_hilist_id": "A2"}})
    with acting(System("tests")):
        assert dict(Mapping.objects.values_list("code", "state")) == {"A1": "approved", "A2": "withdrawn"}


def test_pages_show_what_the_hospitals_system_sent(world: World, his: Hospital) -> None:
    his.ask("3301", {"data": mapping("A1", on=timezone.localdate() - timedelta(days=1))})
    page = world.client(world.yuhu.officer).get("/providers/mappings?state=proposed")
    assert "医院系统" in page.content.decode()
