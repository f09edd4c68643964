"""A result as files: the workbook with every table, and the brief."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from django.utils import timezone

from yizhan.agency.desk.words import lang, say
from yizhan.agency.laboratory.models import Result, Study
from yizhan.agency.laboratory.pictures import wan
from yizhan.agency.laboratory.summary import cautions, dry, headlines, uncertainty
from yizhan.agency.laboratory.tables import Shown, shown_table
from yizhan.agency.spreadsheets import Column, Sheet, write_xlsx
from yizhan.bill.paper import Printed, print_sheet
from yizhan.simulation.tables import ALL_OF_THEM, identity_words, shown

BRIEF = Path(__file__).with_name("brief.typ")

_KINDS: dict[str, Any] = {"fen": "amount", "wan": "amount", "count": "integer"}
"""Kinds of cells that a workbook holds as numbers; all others are written as they are read."""


def _cell(kind: str, value: Any, text: str) -> Any:
    if value is None or kind not in _KINDS:
        return "" if value is None else text
    # Ten thousand yuan as an amount: hundredths of it, as the pages round.
    return round(value / 10_000) if kind == "wan" else round(value)


def workbook(study: Study, result: Result) -> io.BytesIO:
    """Every table as a sheet; the first says what the figures are worth."""
    english = result.about["english"]
    sheets = [Sheet(say("说明", "Read first"), [Column(say("说明", "Read first"), width=120)], [(line,) for line in _about(study, result)])]  # fmt: skip
    for data in result.tables:
        table = shown_table(data, english)
        assert table is not None
        kinds = [column[2] for column in data["columns"]]
        columns = [Column(head, _KINDS.get(kind, "text")) for (head, _), kind in zip(table.heads, kinds, strict=True)]
        rows = [
            [_cell(kind, value, text) for kind, value, (text, _) in zip(kinds, values, texts, strict=True)]
            for values, texts in zip(data["rows"], table.rows, strict=True)
        ]
        sheets.append(Sheet(table.title, columns, rows, table.note))
    out = io.BytesIO()
    write_xlsx(out, sheets)
    out.seek(0)
    return out


def _about(study: Study, result: Result) -> list[str]:
    changed = [f"{c['document']} {c['article']}：{c['old']} → {c['new']}" for c in study.changes]
    return [study.name, study.question, *(f"{h.words}：{h.value}" for h in headlines(study, result)), *changed, *cautions(study, result)]  # fmt: skip


# --- The brief ---------------------------------------------------------------------------------------------------------------

MOST_ROWS = 12
"""Rows of a table in the brief, so that it stays on two pages; if there are more, it says so."""


LONGEST_BAR = 85
"""Millimetres."""


def brief(study: Study, result: Result) -> Printed:
    """Two pages for who decides: question, cost, who wins and loses, cliffs, the fund, uncertainty, stand-ins."""
    about = result.about
    facts = [
        [say("地区", "Area"), say(*about["area"])],
        [say("人口画像", "Profile"), say(*about["profile"])],
        [say("人数 · 年度", "Persons · years"), f"{about['persons']:,} · {study.years_text}"],
        [say("建立", "Made by"), f"{study.made_by.name} · {timezone.localdate(result.made_at)} · {say('测算', 'study')} {study.pk}"],
    ]  # fmt: skip
    sections = [_question(study), _changes(study), _cost(study, result), _people(study, result)]
    second = [None if study.on_record else _cliffs(study, result), _fund(study, result), _doubts(study, result)]
    texts = {
        "title": study.name, "kind": say("政策测算简报", "Brief of a policy study"), "facts": facts,
        "headlines": [[h.value, h.words] for h in headlines(study, result)],
        "pages": [[s for s in sections if s], [s for s in second if s]],
        "foot": say("由一站政策实验室按本单位的记录生成；只有合计。", "Made by the laboratory of yizhan from the bureau's own records. Sums only.") if study.on_record
        else say("由一站政策实验室生成；人都是造的，不涉及任何个人。", "Made by the laboratory of yizhan. Everybody in it is made up."),
    }  # fmt: skip
    return print_sheet(BRIEF, texts, lang=lang(), code=f"study {study.pk}")


def _section(
    title: str, *lines: str, heads: list[list[Any]] | None = None, rows: list[list[str]] | None = None,
    bars: list[list[Any]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    cut = len(rows or []) - MOST_ROWS
    rest = say("另有 {n} 行，见测算页。", "{n} more rows are on the study's page.", n=cut) if cut > 0 else ""
    told = [line for line in (*lines, rest) if line]
    return {"title": title, "lines": told, "heads": heads or [], "rows": (rows or [])[:MOST_ROWS], "bars": bars or []}


def _question(study: Study) -> dict[str, Any]:
    return _section(
        say("问题", "The question"),
        study.question or say("现行规则一年要花多少，个人负担多少？", "What do the present rules cost, and what is left to patients?"),
    )  # fmt: skip


def _changes(study: Study) -> dict[str, Any] | None:
    if not study.changes:
        return None
    heads = [
        [say("文件", "Document"), False],
        [say("条", "Article"), False],
        [say("现在", "Now"), True],
        [say("改为", "Becomes"), True],
    ]
    rows = [[c["document"], f"{c['article']} {c['title']}".strip(), c["old"], c["new"]] for c in study.changes]
    return _section(say("改什么", "What is changed"), heads=heads, rows=rows)


def _of(table: Shown, *columns: int) -> tuple[list[list[Any]], list[list[str]]]:
    heads = [list(table.heads[k]) for k in columns]
    return heads, [[row[k][0] for k in columns] for row in table.rows]


def _cost(study: Study, result: Result) -> dict[str, Any]:
    """What every layer pays for all the insured, over all years."""
    scale, english = result.about["scale"], result.about["english"]
    paid: dict[str, list[float]] = {}
    scenarios = list(dict.fromkeys(row[0] for row in result.table("outlay")["rows"]))  # type: ignore[index]  # every result has it
    for scenario, _, layer, fen, *_ in result.table("outlay")["rows"]:  # type: ignore[index]  # every result has it
        paid.setdefault(layer, [0.0] * len(scenarios))[scenarios.index(scenario)] += fen * scale
    heads: list[list[Any]] = [[say("谁付", "Who pays"), False]]
    names = [say("现行", "Now"), say("改后", "After"), say("增减", "Difference")][: 1 if len(scenarios) == 1 else 3]
    heads += [[say("{n}（万元）", "{n} (10,000 yuan)", n=name), True] for name in names]
    rows = [
        [say(layer, english.get(layer, layer)), *(wan(fen) for fen in fens), *([wan(fens[1] - fens[0])] if len(fens) > 1 else [])]
        for layer, fens in paid.items()
    ]  # fmt: skip
    years = say("全体参保人，{years} 年合计。", "All the insured, {years}, all years together.", years=study.years_text)
    most = max(1.0, *(fen for fens in paid.values() for fen in fens))
    bars = [
        [say(layer, english.get(layer, layer)), [[round(fen * LONGEST_BAR / most, 2), wan(fen)] for fen in fens]]
        for layer, fens in paid.items()
    ]  # fmt: skip
    return _section(say("花多少", "What it costs"), years, uncertainty(result), heads=heads, rows=rows, bars=bars)


def _people(study: Study, result: Result) -> dict[str, Any]:
    """Who pays less and who more, by identity over all years, scaled to all the insured; without a reform what is left to whom."""
    table, scale = result.table("winners"), result.about["scale"]
    if table is None and result.table("transition") is not None:
        return _transition(result)
    if table is None:
        burden = shown_table(result.table("burden_after") or result.table("burden"), result.about["english"])
        assert burden is not None
        heads, rows = _of(burden, 0, 1, 2, 6, 8, 9)
        return _section(say("个人负担", "What is left to patients"), heads=heads, rows=rows)
    sums: dict[str, list[int]] = {}
    for _, identity, _, won, gained, lost, given, _ in table["rows"]:
        of = sums.setdefault(identity, [0, 0, 0, 0])
        for k, more in enumerate((won, won * (gained or 0), lost, lost * (given or 0))):
            of[k] += more
    heads = [
        [say("身份", "Identity"), False], [say("少付（人年）", "Pay less"), True], [say("人均少付（元）", "Less, each (yuan)"), True],
        [say("多付（人年）", "Pay more"), True], [say("人均多付（元）", "More, each (yuan)"), True],
    ]  # fmt: skip
    tongue = lang()
    rows = [
        [
            identity_words(identity, tongue), f"{round(won * scale):,}", shown("fen", gained // won if won else None, tongue),
            f"{round(lost * scale):,}", shown("fen", given // lost if lost else None, tongue),
        ]
        for identity, (won, gained, lost, given) in sums.items()
    ]  # fmt: skip
    none = say("没有人的负担变化。", "Nobody pays anything else than before.")
    whom = say("放大到全体参保人，各年合计。", "Scaled to all the insured, all years together.")
    nobody = not any(won or lost for won, _, lost, _ in sums.values())
    return _section(say("谁得谁失", "Who wins, who loses"), none if nobody else whom, heads=heads, rows=rows)


def _transition(result: Result) -> dict[str, Any]:
    """The own share of those who held an identity at first, year beside year."""
    rows: dict[str, dict[int, float | None]] = {}
    for first, year, _, now, _, _, own, *_ in (result.table("transition_after") or result.table("transition"))["rows"]:  # type: ignore[index]  # asked before
        if now[1] == ALL_OF_THEM[1]:
            rows.setdefault(first, {})[year] = own
    years = sorted({year for of in rows.values() for year in of})
    heads = [[say("起初的身份", "Identity at first"), False], *([str(year), True] for year in years)]
    told = [
        [identity_words(first, lang()), *(shown("share", of.get(year), lang()) for year in years)]
        for first, of in rows.items()
    ]
    why = say("同一批人各年自付占总费用的比例。", "What part of the whole cost the same people paid, year by year.")
    return _section(say("各年过渡", "The transition"), why, heads=heads, rows=told)


def _cliffs(study: Study, result: Result) -> dict[str, Any]:
    last = max((cliff["scenario"] for cliff in result.cliffs), default=0)
    told = [cliff for cliff in result.cliffs if cliff["scenario"] == last and not cliff["meant"]]
    heads = [
        [say("差一步", "The step"), False], [say("条文", "Articles"), False], [say("吃亏的人", "Persons"), True],
        [say("人均（元）", "Each (yuan)"), True],
    ]  # fmt: skip
    rows = [
        [say(c["zh"], c["en"]), "、".join(c["articles"][:2]) or "—", f"{c['affected']:,}", shown("fen", c["mean"], lang())]
        for c in told
    ]  # fmt: skip
    why = say(
        "差一步就多付的地方，人数已放大到全体参保人；规则有意的（身份、转诊、就近）不在其内。",
        "Where one step more costs a patient money, scaled to all the insured; those that rules mean (identity, referral, place) are left out.",
    )  # fmt: skip
    none = "" if rows else say("没有找到。", "None was found.")
    return _section(say("悬崖", "Cliffs"), why, none, heads=heads, rows=rows)


def _fund(study: Study, result: Result) -> dict[str, Any] | None:
    key = "fund_years_after" if study.changes else "fund_years"
    table = shown_table(result.table(key), result.about["english"])
    if table is None:
        return None
    heads, rows = _of(table, 0, 1, 2, 5, 6, 7)
    growth = say(
        "每年增长：次数 {a}%，次均费用 {b}%，人均筹资 {c}%，参保人数 {d}%。",
        "Growth a year: stays and visits {a} %, their cost {b} %, funding per head {c} %, the insured {d} %.",
        **dict(zip("abcd", study.growth, strict=True)),
    )  # fmt: skip
    after = say("按改后的规则。", "Under the changed rules.") if study.changes else ""
    return _section(say("基本医保基金", "The basic fund"), after, dry(result, key), growth, heads=heads, rows=rows)


def _doubts(study: Study, result: Result) -> dict[str, Any]:
    return _section(say("这些数有多可靠", "How far to trust these figures"), *cautions(study, result))
