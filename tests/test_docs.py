"""What the documentation shows is what the program does."""

from __future__ import annotations

import doctest
import json
import re
from importlib import import_module
from pathlib import Path

import jsonschema
import pytest

from yizhan.batch.columns import COLUMNS
from yizhan.bill.data import one_bill
from yizhan.bill.terminal import render
from yizhan.engine.facts import FACTS
from yizhan.exchange import as_json, input_schema, output_schema, read_request, settle_request
from yizhan.policy.areas import Library
from yizhan.policy.rules import BLOCK_KEYS, CONVENTIONS, FIGURES, FINANCING_KEYS, ITEM_KEYS, SUBSIDY_KEYS

ROOT = Path(__file__).parents[1]
CASES = sorted((ROOT / "src/yizhan/cases").glob("*.json"))


def squeezed(text: str) -> str:
    """A text without blanks, so that wrapping and padding do not matter."""
    return re.sub(r"\s", "", text)


def code_blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a Markdown file in one language; blocks inside ```` fences are text."""
    blocks: list[str] = []
    fence, kind = "", ""
    lines: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        opened = re.match(r"^(`{3,})(\w*)$", line)
        if not fence and opened:
            fence, kind, lines = opened[1], opened[2], []
        elif fence and line == fence:
            if kind == language:
                blocks.append("\n".join(lines))
            fence = ""
        elif fence:
            lines.append(line)
    return blocks


@pytest.mark.parametrize("module", ["yizhan", "yizhan.engine.money", "yizhan.policy.areas"])
def test_docstrings_show_what_happens(module: str) -> None:
    result = doctest.testmod(import_module(module))
    assert result.attempted and not result.failed


def test_the_python_guide_runs_as_printed() -> None:
    result = doctest.testfile(
        str(ROOT / "docs/python.md"), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert result.attempted > 8 and not result.failed


@pytest.mark.parametrize(("readme", "lang"), [("README.md", "en"), ("README.zh-CN.md", "zh")])
def test_the_bill_in_the_readme_is_the_bill_of_the_case(readme: str, lang: str) -> None:
    request = read_request((ROOT / "src/yizhan/cases/chifeng.json").read_text(encoding="utf-8"))
    settled = as_json(request, settle_request(request), whole=True)["settlements"][0]
    printed = squeezed(render(one_bill(settled, lang), request.beneficiary.person))
    shown = next(b for b in code_blocks(ROOT / readme, "") if "▶" in b)
    lines = [line for line in shown.splitlines() if line.strip()]
    assert len(lines) > 10
    for line in lines:
        for piece in re.split(r"\s{4,}(?=\[B\])", line):
            assert squeezed(piece) in printed, f"{readme} shows “{piece.strip()}”, which the bill does not"


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_rule_in_the_readme_is_the_rule_in_the_policy(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    rule = re.search(r"^```rule\n(.*?)^```$", text, re.M | re.S)
    assert rule is not None
    policy = squeezed((ROOT / "policies/150400-赤峰/赤卫计发2018-39号.md").read_text(encoding="utf-8"))
    assert squeezed(rule[1]).rstrip("…") in policy


def test_the_claim_in_the_readme_can_be_sent_as_it_stands() -> None:
    request = read_request(code_blocks(ROOT / "README.md", "json")[0])
    assert settle_request(request)[0].patient_share == 2_200_00


def test_the_documented_input_is_settled_as_documented() -> None:
    request = read_request(code_blocks(ROOT / "docs/settle.md", "json")[0])
    shown = json.loads(code_blocks(ROOT / "docs/settle.md", "json")[1])["settlements"][0]
    found = as_json(request, settle_request(request))["settlements"][0]
    for key in ("claim", "policy_on", "identity_on", "identities", "paid", "held", "patient"):
        assert found[key] == shown[key], key
    basic, shown_basic = found["payments"][0], shown["payments"][0]
    for key in ("layer", "layer_en", "code", "amount", "normal", "tilt", "deductible", "payers"):
        assert basic[key] == shown_basic[key], key


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.stem)
def test_cases_meet_both_schemas(case: Path) -> None:
    text = case.read_text(encoding="utf-8")
    for schema in (input_schema(), output_schema()):
        jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(text), input_schema())
    request = read_request(text)
    jsonschema.validate(as_json(request, settle_request(request)), output_schema())


def test_the_policy_format_names_every_key_and_fact() -> None:
    text = (ROOT / "docs/policy-format.md").read_text(encoding="utf-8")
    words = [
        *FIGURES,
        *ITEM_KEYS,
        *BLOCK_KEYS,
        *FINANCING_KEYS,
        *SUBSIDY_KEYS,
        *CONVENTIONS,
        *(f.zh for f in FACTS.values() if f.about != "amount"),
    ]
    words += [v.zh for f in FACTS.values() for v in f.values]
    missing = [word for word in words if word not in text]
    assert not missing, f"docs/policy-format.md does not mention {missing}"


def test_the_batch_page_names_every_column() -> None:
    text = (ROOT / "docs/batch.md").read_text(encoding="utf-8")
    facts = {f.code for f in FACTS.values()}
    missing = [name for name in COLUMNS if f"`{name}`" not in text and name not in facts]
    assert not missing, f"docs/batch.md does not mention {missing}"


def test_the_small_place_of_the_policy_format_works(tmp_path: Path) -> None:
    """Somebody who copies the last section of policy-format.md gets a place that settles as the section says."""
    blocks = re.findall(
        r"^````markdown\n(.*?)^````$", (ROOT / "docs/policy-format.md").read_text(encoding="utf-8"), re.M | re.S
    )
    scheme_md, law_md = blocks[-2:]
    folder = tmp_path / "999900-样例市"
    folder.mkdir()
    (folder / "scheme.md").write_text(scheme_md, encoding="utf-8")
    (folder / "样例办法.md").write_text(law_md, encoding="utf-8")
    nation = tmp_path / "000000-国家"
    nation.mkdir()
    source = ROOT / "policies/000000-国家/层.md"
    (nation / "层.md").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    assert [a.code for a in Library(tmp_path).pooling_areas] == ["999900"]
    claim = {
        "claim": "1", "care": "inpatient", "discharged_on": "2020-05-01",
        "amounts": {"total": "11000.00", "in_scope": "10500.00", "own": "500.00"},
    }  # fmt: skip
    for identities, paid, patient in (([], "7000.00", "4000.00"), (["低保"], "9170.00", "1830.00")):
        marks = [{"identity": i, "from": "2019-01-01"} for i in identities]
        text = json.dumps({"area": "999900", "beneficiary": {"identities": marks}, "claims": [claim]})
        request = read_request(text, tmp_path)
        found = as_json(request, settle_request(request))["settlements"][0]
        assert (found["paid"], found["patient"]["total"]) == (paid, patient)
