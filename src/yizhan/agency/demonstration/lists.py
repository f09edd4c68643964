"""The rosters of the demonstration, as departments would send them: some applied, some that wait for somebody.

Yuhu's civil affairs send a list with every mistake that a list can have; whoever decides it sees what each one looks like.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial

from django.utils import timezone

from yizhan.agency.demonstration.country import COUNTIES, latest_year, officer, period_to
from yizhan.agency.demonstration.population import Made, division, drawn, known
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.people.actions import add_mark, end_mark, record_death, withdraw_mark
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.people.models import IDENTITIES
from yizhan.agency.rosters.actions import (
    adopt_known_duties,
    approve,
    assign_gaps,
    decide,
    return_to_officer,
    send_to_review,
    start_census,
    upload,
)
from yizhan.agency.rosters.models import GapItem, Roster, RosterRow
from yizhan.agency.spreadsheets import Column, Sheet, write_xlsx
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.scope import acting

COLUMNS = ("姓名", "身份证号", "类别", "变动", "起始日期", "截止日期", "乡镇", "文号")
TOWNSHIPS = {"430302100": "姜畲镇", "430302101": "鹤岭镇", "430302001": "雨湖路街道"}


def workbook(
    columns: Sequence[str], rows: Iterable[Sequence[str | int | date | None]], kinds: Mapping[str, str] | None = None
) -> bytes:
    """A list as a department would save it."""
    target = io.BytesIO()
    kinds = kinds or {}
    heads = [Column(c, kinds.get(c, "date" if "日期" in c else "text")) for c in columns]  # type: ignore[arg-type]  # a kind
    write_xlsx(target, [Sheet("名单", heads, list(rows))])
    return target.getvalue()


def _listed(people: Iterable[tuple[Made, str, date]]) -> bytes:
    """A complete list: who, in which category, since when."""
    columns = ("姓名", "身份证号", "类别", "起始日期", "乡镇")
    return workbook(
        columns,
        (
            (m.name, m.number, IDENTITIES[identity].zh, since, TOWNSHIPS.get(m.township))
            for m, identity, since in people
        ),
    )


def categories(county: str, today: date) -> dict[str, list[tuple[Made, str]]]:
    """Department → who is in which of its categories. By the shape of households, so that low income holds for all members."""
    found: dict[str, list[tuple[Made, str]]] = {
        "civil_affairs": [],
        "disabled_federation": [],
        "rural_revitalisation": [],
    }
    for m in drawn(county):
        kind, turn = m.household % 7, m.household // 7 % 3
        if kind == 1:
            found["civil_affairs"].append((m, "extremely_poor" if turn != 1 else "subsistence"))
        elif kind == 3:
            found["civil_affairs"].append((m, "subsistence"))
        elif kind == 5 and turn == 0:
            found["civil_affairs"].append((m, "low_income_margin"))
        elif kind == 5:
            found["rural_revitalisation"].append((m, ("", "monitored", "marginal_prone")[turn]))
        elif kind == 4 and turn == 2:
            found["rural_revitalisation"].append((m, "stably_lifted"))
        elif kind == 6 and m.relation == "spouse":
            found["disabled_federation"].append((m, "severely_disabled"))
    return found


def first_lists_day(year: int) -> date:
    """The day from which the year's first lists hold; never further back than a list may reach."""
    return max(date(year - 1, 9, 1), date(timezone.localdate().year - 3, 1, 1))


def send(
    username: str,
    content: bytes,
    *,
    file_name: str,
    identities: Iterable[str],
    kind: str,
    effective_on: date,
    document: str,
) -> Roster:
    """Upload a list and let it be compared."""
    sender = officer(username)
    roster = upload(
        content, file_name=file_name, area=sender.area, department=sender.department, identities=sorted(set(identities)), kind=kind,
        effective_on=effective_on, document=document, acting_user=sender,
    )  # fmt: skip
    work_off()
    return roster


def apply(roster: Roster, county: str) -> None:
    """Leave out what contradicts, have it reviewed, and apply it."""
    checking, reviewing = officer(f"{county}.officer"), officer(f"{county}.reviewer")
    with acting(checking):
        undecided = RosterRow.objects.filter(roster=roster, needs=True, decision="")
        if undecided.exists():
            decide(roster, undecided, decision="keep", note="按现有情况", acting_user=checking)
            left = RosterRow.objects.filter(roster=roster, needs=True, decision="")
            if left.exists():
                decide(roster, left, decision="exclude", note="退回部门核实", acting_user=checking)
    send_to_review(roster, note="已逐条核对", acting_user=checking)
    approve(roster, acting_user=reviewing)
    work_off()


# --- What has been applied --------------------------------------------------------------------------------------------


def apply_first_lists(county: str) -> None:
    """The complete lists with which an enrolment year begins."""
    today = timezone.localdate()
    adopted = officer(f"{county}.officer")
    day = first_lists_day(latest_year(county))
    if adopted.area.code.startswith("4303"):
        adopt_known_duties(adopted.area, acting_user=adopted)
    posts = {
        "civil_affairs": ("civil", "民政"),
        "disabled_federation": ("disabled", "残联"),
        "rural_revitalisation": ("rural", "乡村振兴"),
    }
    for department, people in categories(county, today).items():
        post, word = posts[department]
        roster = send(
            f"{county}.{post}",
            _listed((m, identity, _since(m, day)) for m, identity in people),
            file_name=f"{word}首批名单{day.year}.xlsx",
            identities=(identity for _, identity in people),
            kind="initial",
            effective_on=day,
            document=f"{word}名单〔{day.year}〕1号",
        )
        apply(roster, county)


def _since(m: Made, day: date) -> date:
    """The first day of a mark: within the three years before the list, and not before birth."""
    return max(m.born_on, day - timedelta(days=m.household * 37 % 900))


def apply_poor_of_songshan() -> None:
    """赤卫计发〔2018〕39号 is about people who are on record as poor: a list of the poverty office, sent by the bureau."""
    today = timezone.localdate()
    people = [
        (m, "registered_poor", max(m.born_on, date(2016, 1, 1))) for m in drawn("songshan") if m.household % 3 == 2
    ]
    sender = officer("songshan.officer")
    roster = upload(
        _listed(people), file_name="建档立卡人员.xlsx", area=sender.area, department="poverty_office", identities=["registered_poor"],
        kind="initial", effective_on=first_lists_day(today.year), document="松扶贫〔2018〕3号", acting_user=sender,
    )  # fmt: skip
    work_off()
    with acting(sender):
        roster.refresh_from_db()
        undecided = RosterRow.objects.filter(roster=roster, needs=True, decision="")
        if undecided.exists():
            decide(roster, undecided, decision="exclude", note="退回核实", acting_user=sender)
    send_to_review(roster, acting_user=sender)
    approve(roster, acting_user=officer("songshan.reviewer"))
    work_off()


def tell_history() -> None:
    """Marks by hand: one added, one ended, one withdrawn; a death."""
    today = timezone.localdate()
    acting_user = officer("yuhu.officer")
    made = drawn("yuhu")
    persons = known("yuhu", made, today)
    pairs = list(zip(made, persons, strict=True))
    by_name = {m.name: p for m, p in pairs}
    show = by_name["买买提·艾力"]
    mark = partial(add_mark, department="civil_affairs", acting_user=acting_user)
    first = mark(
        show, identity="low_income_margin", first_day=today - timedelta(days=900), document="民低边〔2024〕7号"
    )
    end_mark(first, last_day=today - timedelta(days=400), why="家庭收入变化，转为低保", acting_user=acting_user)
    wrong = mark(show, identity="illness_poor", first_day=today - timedelta(days=300), document="民函〔2025〕11号")
    withdraw_mark(wrong, why="认错人，应为同村另一人", acting_user=acting_user)
    mark(show, identity="subsistence", first_day=today - timedelta(days=399), document="民低〔2025〕23号")
    singles = [p for m, p in pairs if m.household % 7 == 3 and m.relation == "parent"]
    record_death(singles[0], died_on=today - timedelta(days=45), why="民政殡葬信息比对", acting_user=acting_user)
    soon = next(p for m, p in pairs if m.household == 2)
    mark(
        soon, identity="illness_poor", first_day=today - timedelta(days=350), last_day=today + timedelta(days=12),
        document="民函〔2025〕30号",
    )  # fmt: skip


def apply_late_list(since: date, county: str) -> None:
    """A monthly list that says something of the past.

    Some were in sudden hardship when their bills were settled, since that day: they have to be settled anew. Some were
    watched before the collection period ended: they get a subsidy.
    """
    today = timezone.localdate()
    month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    people = [m for m in drawn(county) if m.household in (7, 14, 21) and m.relation in ("head", "spouse")]
    watched = [m for m in drawn(county) if m.household in (16, 23, 30)]
    about = [(m, "突发严重困难", since) for m in people]
    about += [(m, "监测对象", max(m.born_on, period_to(county) - timedelta(days=60))) for m in watched]
    rows = [
        (m.name, m.number, word, "新增", day, None, TOWNSHIPS[m.township], "乡振〔监测〕6号") for m, word, day in about
    ]
    roster = send(
        "yuhu.rural", workbook(COLUMNS, rows), file_name=f"监测对象变动{month:%Y%m}.xlsx", identities=["sudden_hardship", "monitored"],
        kind="monthly", effective_on=month, document="乡振〔监测〕6号",
    )  # fmt: skip
    apply(roster, county)


# --- What waits for somebody ------------------------------------------------------------------------------------------


def send_waiting_lists() -> None:
    """One to decide, one to review, one whose columns nobody knows, one that cannot be read, one that was returned."""
    today = timezone.localdate()
    month = today.replace(day=1)
    civil = ["subsistence", "extremely_poor", "low_income_margin"]
    send(
        "yuhu.civil", workbook(COLUMNS, _typed(_mistaken(today)), TYPED), file_name=f"民政变动{month:%Y%m}.xlsx", identities=civil, kind="monthly",
        effective_on=month, document=f"民低〔{month.year}〕{month.month}号",
    )  # fmt: skip
    disabled = send(
        "yuhu.disabled", workbook(COLUMNS, _disabled(today)), file_name=f"残联变动{month:%Y%m}.xlsx", identities=["severely_disabled"],
        kind="monthly", effective_on=month, document=f"残函〔{month.year}〕{month.month}号",
    )  # fmt: skip
    send_to_review(disabled, note="与残疾人证系统核对过", acting_user=officer("yuhu.officer"))
    people = drawn("yuhu")
    unclear = workbook(
        ("户主", "人员", "编号", "情况", "时间"),
        ((None, m.name, m.number, "增加", month.isoformat()) for m in people[30:36]),
    )
    send(
        "yuhu.rural",
        unclear,
        file_name="乡镇上报汇总.xlsx",
        identities=["monitored"],
        kind="monthly",
        effective_on=month,
        document="",
    )
    cut = workbook(COLUMNS, [(m.name, "1.00300E+17", "低保", "新增", month, None, None, None) for m in people[:3]])
    send(
        "xiangtan-county.civil", cut, file_name="低保新增（另存过）.xlsx", identities=["subsistence"], kind="monthly",
        effective_on=month, document="民低〔湘潭县〕7号",
    )  # fmt: skip
    other = [m for m in drawn("xiangtan-county") if m.household % 7 == 6]
    rows = [(m.name, m.number, "低保", "新增", month, None, None, "民低〔湘潭县〕8号") for m in other]
    back = send(
        "xiangtan-county.civil", workbook(COLUMNS, rows), file_name="低保新增.xlsx", identities=["subsistence"], kind="monthly",
        effective_on=month, document="民低〔湘潭县〕8号",
    )  # fmt: skip
    send_to_review(back, acting_user=officer("xiangtan-county.officer"))
    return_to_officer(
        back, why="第一批里有两户还在公示期，请等公示结束", acting_user=officer("xiangtan-county.reviewer")
    )


def _mistaken(today: date) -> list[tuple[str | date | None, ...]]:
    """Rows of civil affairs, with every mistake that a list can have."""
    month = today.replace(day=1)
    nowhere = division(COUNTIES["yuhu"])
    groups = categories("yuhu", today)["civil_affairs"]
    poor = [m for m, identity in groups if identity == "extremely_poor"]
    allowed = [m for m, identity in groups if identity == "subsistence"]
    plain = [m for m in drawn("yuhu") if m.household % 7 == 2]
    watched = [m for m, _ in categories("yuhu", today)["rural_revitalisation"]]
    elsewhere = next(m for m in drawn("xiangtan-county") if m.household % 7 == 2)
    document = f"民低〔{month.year}〕{month.month}号"

    def row(
        name: str,
        number: str,
        category: str,
        act: str,
        since: str | date | None = month,
        last: str | date | None = None,
        town: str = "姜畲镇",
    ) -> tuple[str | date | None, ...]:
        return name, number, category, act, since, last, town, document

    def of(
        m: Made, category: str, act: str, since: str | date | None = month, last: str | date | None = None
    ) -> tuple[str | date | None, ...]:
        return row(m.name, m.number, category, act, since, last, TOWNSHIPS[m.township])

    yesterday = month - timedelta(days=1)
    new = [
        row(name, synthetic_id(nowhere, date(1971 + k * 3, 5, 2 + k), 901 + k), "低保", "新增", town=town)
        for k, (name, town) in enumerate(
            (("聂素秋", "姜畲镇"), ("聂小舟", "鹤岭镇"), ("阿不都拉·吐尔地", "鹤岭镇"), ("鄢㛃", "雨湖路街道"))
        )
    ]
    typed_wrong = plain[3].number[:9] + plain[3].number[10] + plain[3].number[9] + plain[3].number[11:]
    return [
        *new,
        *(of(m, "低保", "新增") for m in plain[4:14]),
        *(of(m, "低保", "退出", None, yesterday) for m in allowed[8:12]),
        of(poor[1], "低保", "新增"),
        of(allowed[2], "特困", "新增"),
        row(f"{plain[0].name}花", plain[0].number, "低保", "新增"),
        row(plain[3].name, typed_wrong, "低保", "新增"),
        of(elsewhere, "低保", "新增") if elsewhere.township in TOWNSHIPS else row(elsewhere.name, elsewhere.number, "低保", "新增"),
        of(allowed[0], "低保", "新增", month),
        row("无此人", synthetic_id(nowhere, date(1949, 12, 1), 902), "低保", "退出", None, yesterday),
        of(watched[0], "低保边缘", "退出", None, yesterday),
        row("祝望", plain[15].number[:17] + ("0" if plain[15].number[17] != "0" else "1"), "低保", "新增"),
        row("", plain[16].number, "低保", "新增"),
        of(plain[17], "低保", "新增", "2026年13月"),
        of(plain[18], "五保", "新增"),
        of(plain[19], "低保", "调查中"),
        of(plain[4], "低保", "新增"),
    ]  # fmt: skip


TYPED = {"起始日期": "text", "截止日期": "text"}


def _typed(rows: Iterable[Sequence[str | date | None]]) -> Iterable[Sequence[str | None]]:
    """Days as somebody types them who has turned the columns into text."""
    return [[cell.isoformat() if isinstance(cell, date) else cell for cell in row] for row in rows]


def _disabled(today: date) -> list[tuple[str | date | None, ...]]:
    month = today.replace(day=1)
    people = [m for m in drawn("yuhu") if m.household % 7 == 2 and m.relation == "parent"]
    have = [m for m, _ in categories("yuhu", today)["disabled_federation"]]
    joining = [
        (m.name, m.number, "重度残疾", "新增", month, None, TOWNSHIPS[m.township], "残证〔续〕") for m in people[:5]
    ]
    leaving = [
        (m.name, m.number, "重度残疾", "退出", None, month - timedelta(days=1), TOWNSHIPS[m.township], "")
        for m in have[:2]
    ]
    return [*joining, *leaving]


def look_for_gaps() -> None:
    """A census in each county; in Yuhu some of what it found is given to somebody."""
    for county in ("yuhu", "xiangtan-county", "songshan"):
        start_census(acting_user=officer(f"{county}.officer"))
    work_off()
    mine: Officer = officer("yuhu.officer")
    with acting(mine):
        ids = list(
            GapItem.objects.filter(closed_at=None, area_path__startswith=mine.area_path)
            .order_by("id")
            .values_list("pk", flat=True)
        )
        some = GapItem.objects.filter(pk__in=ids[::3])
        if ids:
            assign_gaps(
                some,
                responsible=mine,
                due_on=timezone.localdate() + timedelta(days=14),
                note="逐户核实",
                acting_user=mine,
            )
