"""`yizhan settle` with input as it comes: good, bad, and absurd. Everything goes through the command line."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from yizhan.cli import CASES, main

ROOT = Path(__file__).parents[1]
GOOD: dict[str, Any] = json.loads((ROOT / "src/yizhan/cases/chifeng.json").read_text(encoding="utf-8"))

Edit = Callable[[dict[str, Any]], None]


def put(path: str, value: Any) -> Edit:
    """An edit that sets a place such as `claims.0.amounts.total`."""

    def edit(body: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        place: Any = body
        for step in steps:
            place = place[int(step) if step.isdigit() else step]
        place[int(last) if last.isdigit() else last] = value

    return edit


def drop(path: str) -> Edit:
    """An edit that removes a place."""

    def edit(body: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        place: Any = body
        for step in steps:
            place = place[int(step) if step.isdigit() else step]
        del place[int(last) if last.isdigit() else last]

    return edit


BAD: list[tuple[str, Edit, str, str]] = [
    ("sum of pots", put("claims.0.amounts.total", "22000.01"), "amounts_disagree", "claims[0].amounts"),
    ("negative amount", put("claims.0.amounts.own", "-2000.00"), "bad_amount", "claims[0].amounts.own"),
    ("amount as number", put("claims.0.amounts.own", 2000.00), "bad_amount", "claims[0].amounts.own"),
    ("one decimal", put("claims.0.amounts.own", "2000.0"), "bad_amount", "claims[0].amounts.own"),
    ("full-width digits", put("claims.0.amounts.own", "２０００.00"), "bad_amount", "claims[0].amounts.own"),
    ("absurd amount", put("claims.0.amounts.own", "99999999999999.00"), "amount_too_large", "claims[0].amounts.own"),
    ("dates out of order", put("claims.0.admitted_on", "2018-10-20"), "dates_out_of_order", "claims[0]"),
    ("settled before discharge", put("claims.0.settled_on", "2018-10-18"), "dates_out_of_order", "claims[0]"),
    ("no such day", put("claims.0.discharged_on", "2018-02-30"), "bad_date", "claims[0].discharged_on"),
    ("claims out of order", put("claims.1.discharged_on", "2018-10-01"), "dates_out_of_order", "claims[1]"),
    ("unknown identity", put("beneficiary.identities.0.identity", "贫困"), "unknown_value", "beneficiary.identities[0].identity"),
    ("unknown department", put("beneficiary.identities.0.certified_by", "x"), "unknown_value", "beneficiary.identities[0].certified_by"),
    ("identity without a day", drop("beneficiary.identities.0.from"), "missing_key", "beneficiary.identities[0]"),
    ("identity ends early", put("beneficiary.identities.0.to", "2015-01-01"), "dates_out_of_order", "beneficiary.identities[0]"),
    ("unknown level", put("claims.0.institution_level", "四级"), "unknown_value", "claims[0].institution_level"),
    ("unknown key", put("claims.0.institution_levle", "level_2"), "unknown_key", "claims[0]"),
    ("unknown area", put("area", "990000"), "no_policy_for_area", "area"),
    ("malformed area", put("area", "15O400"), "bad_code", "area"),
    ("no policy yet", put("claims.0.admitted_on", "2016-01-01"), "", ""),
    ("missing amounts", drop("claims.0.amounts"), "missing_key", "claims[0]"),
    ("missing care", drop("claims.0.care"), "missing_key", "claims[0]"),
    ("same claim twice", put("claims.1.claim", "CF-1"), "duplicate_claim", "claims[1]"),
    ("no claims", put("claims", []), "missing_key", "claims"),
    ("claims as object", put("claims", {}), "wrong_shape", "claims"),
    ("a fact that decides", drop("claims.0.referral"), "fact_needed", "claims[0]"),
    ("id checksum", put("beneficiary.id_number", "110105194912310021"), "bad_id_number", "beneficiary.id_number"),
    ("id too short", put("beneficiary.id_number", "1101051949123100"), "bad_id_number", "beneficiary.id_number"),
    ("id against birth", put("beneficiary.id_number", "11010519491231002X"), "bad_id_number", "beneficiary.id_number"),
    ("not insured", put("beneficiary.insured", [{"from": "2019-01-01"}]), "not_insured", "claims[0]"),
    ("given layer unknown", put("claims.0.given", {"基本医疗": {"amount": "1.00"}}), "unknown_key", "claims[0].given"),
    ("given too much", put("claims.0.given", {"基本医保": {"amount": "20000.01"}}), "given_too_large", "claims[0]"),
    ("state of elsewhere", put("year_state", {"structure": "x", "year": 2018}), "state_of_other_scheme", "year_state"),
    ("charges exceed bill", put("claims.0.charges", {"挂号费": "30000.00"}), "amounts_disagree", "claims[0].charges"),
    ("lines disagree", put("claims.0.lines", [{"total": "5.00", "in_scope": "5.00"}]), "amounts_disagree", "claims[0].lines"),
    ("empty fact", put("claims.0.place", ""), "unknown_value", "claims[0].place"),
    ("empty date", put("claims.0.discharged_on", ""), "bad_date", "claims[0].discharged_on"),
    ("empty hospital", put("claims.0.institution", " "), "wrong_shape", "claims[0].institution"),
    ("one fact twice", put("claims.0.转诊", "未按规定"), "said_twice", "claims[0]"),
    ("negative zero", put("claims.0.amounts.own", "-0.00"), "bad_amount", "claims[0].amounts.own"),
    ("insured since when", put("beneficiary.insured", [{}]), "missing_key", "beneficiary.insured[0]"),
    ("claim number is a list", put("claims.0.claim", ["CF-1"]), "wrong_shape", "claims[0].claim"),
    ("days absurd", put("claims.0.days", -1), "wrong_shape", "claims[0].days"),
]  # fmt: skip


def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, *options: str) -> tuple[int, str, str]:
    """Settle a text; returns the exit status, standard output and standard error."""
    path = tmp_path / "input.json"
    path.write_text(text, encoding="utf-8")
    status = main(["settle", str(path), *options])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize(("name", "edit", "code", "at"), [b for b in BAD if b[2]], ids=[b[0] for b in BAD if b[2]])
def test_bad_input_is_refused_with_code_place_and_both_languages(
    name: str, edit: Edit, code: str, at: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = copy.deepcopy(GOOD)
    edit(body)
    status, out, err = run(capsys, tmp_path, json.dumps(body), "--json")
    assert status == 2
    problems = json.loads(out)["problems"]
    found = next((p for p in problems if p["code"] == code), None)
    assert found is not None, f"{name}: {problems}"
    assert found["at"] == at
    assert found["zh"] != found["en"] and f"[{code}]" in err


def test_all_problems_are_reported_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = copy.deepcopy(GOOD)
    for edit in (
        put("claims.0.amounts.own", "x"),
        put("claims.1.institution_level", "四级"),
        put("beneficiary.sex", "?"),
        put("area", "990000"),
    ):
        edit(body)
    status, out, _ = run(capsys, tmp_path, json.dumps(body), "--json")
    assert status == 2
    assert {p["code"] for p in json.loads(out)["problems"]} >= {"bad_amount", "unknown_value", "no_policy_for_area"}


def test_a_full_identifier_is_never_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = copy.deepcopy(GOOD)
    body["beneficiary"]["id_number"] = "110105194912310021"
    _, out, err = run(capsys, tmp_path, json.dumps(body), "--json")
    assert "110105194912310021" not in out + err


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', '{"area": "150400", "area": "430300"}', "[" * 100_000])
def test_what_is_no_request_at_all_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, tmp_path, text)
    assert status == 2
    assert err.startswith("[")


def test_a_bill_before_any_policy_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = copy.deepcopy(GOOD)
    body["claims"] = body["claims"][:1]
    body["claims"][0] |= {"admitted_on": "2010-01-01", "discharged_on": "2010-01-02"}
    status, _, err = run(capsys, tmp_path, json.dumps(body))
    assert status == 2
    assert "no_policy_for_date" in err


def test_files_that_cannot_be_read_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gbk.json").write_bytes("一站式结算".encode("gbk") + b"\xff")
    for name in ("absent.json", "gbk.json", "."):
        assert main(["settle", str(tmp_path / name)]) == 2
        assert "[unreadable]" in capsys.readouterr().err


def test_chinese_terms_and_codes_settle_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = copy.deepcopy(GOOD)
    claim = body["claims"][0]
    for code, zh, value in (
        ("care", "医疗类别", "住院"),
        ("institution_level", "医院等级", "二级"),
        ("institution_tier", "医院归属", "县级"),
        ("referral", "转诊", "按规定"),
        ("emergency", "急诊", "否"),
    ):
        del claim[code]
        claim[zh] = value
    body["beneficiary"]["identities"][0]["identity"] = "建档立卡"
    _, first, _ = run(capsys, tmp_path, json.dumps(GOOD), "--json")
    status, second, _ = run(capsys, tmp_path, json.dumps(body), "--json")
    assert status == 0 and json.loads(first) == json.loads(second)


def test_the_year_state_carries_a_year_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two bills in one input, or one after the other with the state handed over: the same fen."""
    _, both, _ = run(capsys, tmp_path, json.dumps(GOOD), "--json")
    first, second = copy.deepcopy(GOOD), copy.deepcopy(GOOD)
    first["claims"], second["claims"] = GOOD["claims"][:1], GOOD["claims"][1:]
    _, one, _ = run(capsys, tmp_path, json.dumps(first), "--json")
    second["year_state"] = json.loads(one)["year_state"]
    status, two, _ = run(capsys, tmp_path, json.dumps(second), "--json")
    assert status == 0
    assert json.loads(two)["settlements"][0] == json.loads(both)["settlements"][1]
    assert json.loads(two)["year_state"] == json.loads(both)["year_state"]


def test_a_year_state_is_its_persons_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, tmp_path, json.dumps(GOOD), "--json")
    body = copy.deepcopy(GOOD)
    body["claims"] = [
        {**GOOD["claims"][1], "claim": "CF-3", "admitted_on": "2018-12-10", "discharged_on": "2018-12-20"}
    ]
    body["year_state"] = json.loads(out)["year_state"]
    assert run(capsys, tmp_path, json.dumps(body), "--json")[0] == 0
    body["beneficiary"]["person"] = "演示-赤峰-2"
    status, out, _ = run(capsys, tmp_path, json.dumps(body), "--json")
    assert status == 2 and json.loads(out)["problems"][0]["code"] == "state_of_other_person"


def test_lines_give_the_amounts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = copy.deepcopy(GOOD)
    body["claims"] = body["claims"][:1]
    del body["claims"][0]["amounts"]
    body["claims"][0]["lines"] = [
        {"on": "2018-10-09", "name": "演示药", "total": "12000.00", "in_scope": "11000.00", "own": "1000.00"},
        {"on": "2018-10-10", "name": "演示检查", "total": "10000.00", "in_scope": "9000.00", "own": "1000.00"},
    ]
    status, out, _ = run(capsys, tmp_path, json.dumps(body), "--json")
    assert status == 0
    assert json.loads(out)["settlements"][0]["patient"]["total"] == "2200.00"


def test_every_case_of_the_demo_prints_its_bills_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    """`demo` itself, which then opens the desk, is tried in tests/agency/test_running.py."""
    for lang, words in (("zh", "您应付"), ("en", "you pay")):
        for case in CASES:
            assert main(["settle", str(ROOT / f"src/yizhan/cases/{case}.json"), "--lang", lang]) == 0
        out = capsys.readouterr().out
        assert out.count("▶") == 6 and words in out


def test_a_reader_who_goes_away_is_no_error() -> None:
    """`yizhan schema | head -1` ends quietly."""
    command = f"{sys.executable} -m yizhan schema | head -1"
    done = subprocess.run(
        ["sh", "-c", command], cwd=ROOT / "src", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0 and done.stderr == ""


def test_an_area_says_which_facts_it_looks_at(capsys: pytest.CaptureFixture[str]) -> None:
    """Every fact that settling asks for by name is in the list."""
    assert main(["facts", "150400", "--lang", "en"]) == 0
    out = capsys.readouterr().out
    stays = out.split("inpatient", 1)[1].split("\nordinary outpatient", 1)[0]
    for fact in (
        "identity",
        "institution_level",
        "institution_tier",
        "referral",
        "emergency",
        "wilful_default",
        "audit",
    ):
        assert fact in stays
