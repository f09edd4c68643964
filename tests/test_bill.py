"""The one bill: the same amounts in the settlement, in what is stored of it, in the terminal and on paper."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pypdf import PdfReader

from yizhan.bill.data import OneBill, one_bill
from yizhan.bill.fonts import code_points, folders
from yizhan.bill.paper import Paper, print_bills, unprintable
from yizhan.bill.picture import waterfall
from yizhan.bill.terminal import render
from yizhan.bill.words import WORDS
from yizhan.engine.money import capitals, yuan_grouped
from yizhan.engine.settlement import Settlement
from yizhan.exchange import as_json, output_schema, read_request, settle_request, settlement_as_json
from yizhan.policy.areas import Library
from yizhan.policy.examples import Outcome, read_examples, run

pytestmark = pytest.mark.xdist_group("bill")

CASES = sorted(Path(__file__).resolve().parents[1].joinpath("src/yizhan/cases").glob("*.json"))


@pytest.fixture(scope="module")
def worked() -> list[tuple[Outcome, Settlement, dict[str, Any]]]:
    """Every worked example of the shipped policies: its outcome, its settlement and what is stored of it."""
    library = Library()
    found = []
    for area in library.pooling_areas:
        scheme = library.scheme(area.code)
        for outcome in run(read_examples(area, library.root, scheme), scheme):
            if outcome.settlement is not None:
                e = outcome.example
                stored = settlement_as_json(outcome.settlement, e.claim, e.beneficiary, scheme, whole=True)
                found.append((outcome, outcome.settlement, json.loads(json.dumps(stored))))
    assert len({s.area for _, s, _ in found}) == 4
    return found


def case(name: str, lang: str = "zh") -> list[OneBill]:
    request = read_request(next(c for c in CASES if c.stem == name).read_text(encoding="utf-8"))
    return [one_bill(s, lang) for s in as_json(request, settle_request(request), whole=True)["settlements"]]


def text_of(pdf: bytes, page: int | None = None) -> str:
    pages = PdfReader(io.BytesIO(pdf)).pages
    return "\n".join(p.extract_text() for k, p in enumerate(pages) if page in (None, k))


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


# --- The data ---------------------------------------------------------------------------------------------------------


def test_every_worked_example_has_the_same_amounts_settled_stored_and_on_the_bill(
    worked: Sequence[tuple[Outcome, Settlement, dict[str, Any]]],
) -> None:
    for outcome, settlement, stored in worked:
        for lang in ("zh", "en"):
            bill = one_bill(stored, lang)
            at = outcome.example.at
            assert bill.paid + bill.patient == bill.total == settlement.costs.total, at
            assert (bill.paid, bill.patient, bill.held) == (
                settlement.paid,
                settlement.patient_share,
                settlement.held,
            ), at
            assert [p.billed for p in bill.pots] == list(settlement.costs.pots), at
            assert [p.yours for p in bill.pots] == list(settlement.patient), at
            assert bill.in_words == capitals(settlement.patient_share), at
            for line, payment in zip(bill.layers, settlement.payments, strict=True):
                assert (line.amount, line.normal, line.tilt) == (payment.amount, payment.normal, payment.tilt), at
                assert line.normal + line.tilt == line.amount == sum(fen for _, fen in line.payers), at
                assert [fen for _, fen in line.payers] == [fen for _, fen in payment.by_payer], at
                assert line.base == (payment.run.base if payment.run else None), at


def test_the_year_on_the_bill_is_the_year_of_the_settlement(
    worked: Sequence[tuple[Outcome, Settlement, dict[str, Any]]],
) -> None:
    short = 0
    for _, settlement, stored in worked:
        after = settlement.year_state.sums
        for line, told in zip(one_bill(stored).sums, stored["bill"]["sums"], strict=True):
            assert line.before + line.now == line.after == after[told["sum"]]
            assert line.ceiling is None or line.left == max(0, line.ceiling - line.after)
            short += bool(line.short)
    assert short, "no example is short of the deductible of a layer that adds up over the year"


def test_each_ratio_on_the_bill_stands_in_a_step_of_its_layer(
    worked: Sequence[tuple[Outcome, Settlement, dict[str, Any]]],
) -> None:
    shown = 0
    for outcome, _, stored in worked:
        for layer in one_bill(stored).layers:
            for ratio in layer.ratio.split("、") if layer.ratio and layer.amount else ():
                shown += 1
                assert any(ratio in step.text for step in layer.steps), (outcome.example.at, layer)
    assert shown > 100


def test_what_is_stored_is_all_that_a_bill_needs(worked: Sequence[tuple[Outcome, Settlement, dict[str, Any]]]) -> None:
    schema = output_schema()["properties"]["settlements"]["items"]
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for outcome, _, stored in worked[::7]:
        assert not list(validator.iter_errors(stored)), outcome.example.at


def test_documents_are_letters_and_every_letter_is_explained(
    worked: Sequence[tuple[Outcome, Settlement, dict[str, Any]]],
) -> None:
    for outcome, _, stored in worked:
        for lang in ("zh", "en"):
            bill = one_bill(stored, lang)
            known = {letter for letter, _ in bill.documents}
            names = [name for _, name in bill.documents]
            said = "\n".join([*(p.articles for p in bill.layers), *(n.articles for n in bill.notes)])
            told = "\n".join(step.told for p in bill.layers for step in p.steps)
            assert set(re.findall(r"\[[A-Z]+\]", said + told)) <= known, outcome.example.at
            assert not [name for name in names if name in told], (outcome.example.at, lang)


def test_the_referral_that_was_missed_is_told_in_yuan() -> None:
    unreferred = case("chifeng")[1]
    assert unreferred.advice == ("如果按规定转诊：您付 7,050.00 元（相差 4,918.10 元）",)
    assert case("chifeng", "en")[1].advice[0].startswith("with a referral by the rules you would pay 7,050.00 yuan")


def test_without_the_alternatives_a_bill_prints_all_the_same() -> None:
    request = read_request(CASES[0].read_text(encoding="utf-8"))
    plain = as_json(request, settle_request(request))["settlements"][1]
    assert "alternatives" not in plain["bill"]
    assert one_bill(plain).advice == ()


def test_a_held_part_says_for_whom_it_waits_and_what_a_refusal_would_cost() -> None:
    bill = case("jiangmen")[0]
    assert bill.held_line == "其中 10,000.01 元待专家评审，现在不用付，也还没有拨付，若不通过，您要付 10,000.01 元"


def test_the_terminal_prints_the_same_bill() -> None:
    for name in ("xiangtan", "shenyang"):
        for bill in case(name):
            page = render(bill, "演示")
            assert bill.answer in page and bill.in_words in page
            for layer in bill.layers:
                assert yuan_grouped(layer.amount) in page


def test_every_word_of_the_bill_exists_twice_and_is_used() -> None:
    sources = "".join(
        p.read_text(encoding="utf-8") for p in Path("src/yizhan").rglob("*") if p.suffix in (".py", ".typ", ".html")
    )
    for key, (zh, en) in WORDS.items():
        assert zh and (en or key == "capitals"), key
        assert set(re.findall(r"\{\w+\}", zh)) == set(re.findall(r"\{\w+\}", en)) or key == "capitals", key
        assert re.search(rf"""["'.]{key}\b(?!": \()""", sources), f"nothing says {key}"


# --- Paper ------------------------------------------------------------------------------------------------------------

HOSTILE = ('#read("/etc/passwd")', "*粗* _斜_ `码`", "\\ $x^2$ <a> @b", "#image(sys.inputs.data)", "“”、〔〕//…")


def paper(bill: OneBill, name: str = "张*") -> Paper:
    return Paper(bill, (("姓名", name), ("就诊号", "V1")), "YZ1-1-2-3-4-20190512-ABC")


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("name", [c.stem for c in CASES])
def test_the_figures_on_paper_are_those_of_the_bill(name: str, lang: str) -> None:
    for bill in case(name, lang):
        printed = print_bills([paper(bill)])
        assert not printed.missing
        said = squeezed(text_of(printed.pdf))
        amounts = [bill.total, bill.paid, bill.patient, *(p.yours for p in bill.pots if p.billed)]
        amounts += [x for layer in bill.layers for x in (layer.amount, layer.normal)]
        amounts += [x for s in bill.sums for x in (s.before, s.now, s.after, s.left) if x is not None]
        for fen in amounts:
            assert yuan_grouped(fen) in said
        for text in (bill.title, *bill.advice, *(layer.name for layer in bill.layers), *(n.text for n in bill.notes)):
            assert squeezed(text) in said, text
        assert lang == "en" or bill.in_words in said


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_looks_like_markup_prints_as_it_stands(name: str) -> None:
    said = squeezed(text_of(print_bills([paper(case("xiangtan")[0], name)]).pdf))
    assert squeezed(name) in said
    assert "root:" not in said


@pytest.mark.parametrize("name", ["李𠮷", "䶮女士", "买买提·艾力", "㛃𠅤𬎆", "龘"])
def test_rare_characters_of_names_print(name: str) -> None:
    printed = print_bills([paper(case("xiangtan")[0], name)])
    assert not printed.missing
    assert name in text_of(printed.pdf)


@pytest.mark.parametrize(
    ("name", "code"), [("李\U0002a6d6", "U+2A6D6"), ("李\ue815", "U+E815"), ("张\u202e三", "U+202E")]
)
def test_what_no_font_has_or_nobody_would_see_is_printed_as_its_code_and_told(name: str, code: str) -> None:
    printed = print_bills([paper(case("xiangtan")[0], name)])
    assert [f"U+{ord(c):04X}" for c in printed.missing] == [code]
    said = squeezed(text_of(printed.pdf))
    assert f"〔{code}〕" in said and "请手写补正" in said
    assert [f"U+{ord(c):04X}" for c in unprintable([name])] == [code]


def test_the_character_map_is_read_as_the_font_declares_it() -> None:
    font = next(folders()[0].glob("*.ttc")).read_bytes()
    points = set(code_points(font, 2))
    assert len(points) == 44_810, (
        "another font came with the wheel: see docs/adr/0011-the-bill-is-typeset-with-fonts-from-a-wheel.md"
    )
    assert {ord(c) for c in "一站式结算单𠮷䶮·"} <= points
    assert 0x2A6D6 not in points


def test_equal_bills_are_equal_bytes_and_fonts_are_inside() -> None:
    one = print_bills([paper(case("xiangtan")[0])]).pdf
    print_bills([paper(case("shenyang")[0])])
    assert print_bills([paper(case("xiangtan")[0])]).pdf == one
    fonts = re.findall(rb"/FontName\s*/([A-Z]{6}\+[\w-]+)", one)
    assert fonts and all(b"NotoSansCJKsc" in name for name in fonts)


def test_a_batch_begins_each_bill_on_a_page_of_its_own_and_counts_its_pages() -> None:
    bills = [bill for name in ("chifeng", "xiangtan", "jiangmen") for bill in case(name)]
    pdf = print_bills([paper(bill) for bill in bills]).pdf
    pages = [squeezed(page.extract_text()) for page in PdfReader(io.BytesIO(pdf)).pages]
    starts = [k for k, page in enumerate(pages) if "第1页，共" in page]
    assert len(starts) == len(bills)
    for bill, first, after in zip(bills, starts, [*starts[1:], len(pages)], strict=True):
        assert squeezed(bill.answer.split(" ")[1]) in pages[first]
        assert f"第1页，共{after - first}页" in pages[first]


def test_a_bill_fits_on_half_a_sheet() -> None:
    pdf = print_bills([paper(case("xiangtan")[0])], "a5").pdf
    box = PdfReader(io.BytesIO(pdf)).pages[0].mediabox
    assert (round(float(box.width)), round(float(box.height))) == (595, 420)


# --- The picture ------------------------------------------------------------------------------------------------------


def test_the_waterfall_steps_down_from_the_bill_to_the_patient(
    worked: Sequence[tuple[Outcome, Settlement, dict[str, Any]]],
) -> None:
    for outcome, settlement, stored in worked:
        rows = waterfall(one_bill(stored)).rows
        left = settlement.costs.total
        for row in rows[1:-1]:
            assert row.starts + row.fen == left, outcome.example.at
            left -= row.fen
        assert rows[0].fen == settlement.costs.total and rows[-1].fen == left == settlement.patient_share


def two_stays(**second: str) -> list[OneBill]:
    """Two stays of one year in the county hospital of Xiangtan's own county; the second may be elsewhere."""
    claim = {
        "care": "inpatient", "institution_level": "level_2", "institution_tier": "county", "place": "own_county", "referral": "by_rule",
        "emergency": "no", "application": "not_applied", "diagnoses": ["R69 没有名单的病"],
        "amounts": {"total": "20000.00", "in_scope": "18000.00", "first_pay": "0.00", "over_limit": "0.00", "own": "2000.00"},
    }  # fmt: skip
    stays: list[dict[str, Any]] = [
        {**claim, "claim": "1", "admitted_on": "2026-05-10", "discharged_on": "2026-05-20"},
        {**claim, "claim": "2", "admitted_on": "2026-06-10", "discharged_on": "2026-06-20", **second},
    ]
    asked = {"area": "430300", "beneficiary": {"born_on": "1960-03-05", "insurance": "resident"}, "claims": stays}
    request = read_request(json.dumps(asked))
    stored = as_json(request, settle_request(request), whole=True)["settlements"]
    return [one_bill(s, lang) for s in stored for lang in ("zh", "en")]


def test_a_step_says_why_another_deductible_is_taken_off() -> None:
    first, _, second, english = two_stays()
    assert not any("次住院" in step.text for step in first.layers[0].steps)
    assert [s.text for s in second.layers[0].steps if s.text.startswith("起付")] == [
        "起付标准 800.00 元（今年在同级医院第 2 次住院，按 50% 算），本次扣除 400.00 元"
    ]
    assert any("(stay no. 2 this year in hospitals of this grade, at 50%)" in s.text for s in english.layers[0].steps)


def test_a_bill_says_nothing_of_diseases_on_no_list_nor_of_referrals_that_nobody_needs() -> None:
    at_home = two_stays()[2]
    assert at_home.advice == ()
    away = two_stays(institution_level="level_3", institution_tier="municipal", place="own_city")[2]
    assert [line[:8] for line in away.advice] == ["如果没有按规定转"]
