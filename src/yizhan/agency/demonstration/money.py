"""Enrolment, subsidies, the tax office and a few settled bills of the demonstration."""

from __future__ import annotations

from datetime import date, timedelta

from django.utils import timezone

from yizhan.agency.care.actions import settle_bill
from yizhan.agency.demonstration.country import latest_year, officer
from yizhan.agency.demonstration.lists import workbook
from yizhan.agency.demonstration.population import Made, drawn, known
from yizhan.agency.enrolment.actions import doubles, files, receipts, subsidies, tax
from yizhan.agency.enrolment.actions.enrolling import record_population
from yizhan.agency.enrolment.actions.refunds import decide_refund
from yizhan.agency.enrolment.errors import RefundOpen
from yizhan.agency.enrolment.models import Difference, Double, Refund, TaxList, TaxRow
from yizhan.agency.enrolment.years import Year, year_at
from yizhan.agency.jobs.worker import work_off
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.scope import acting

HEADS = {"yuhu": 231, "xiangtan-county": 99, "songshan": 140}
"""Resident population, a little above those registered, so that coverage is a figure below one hundred percent."""


def enrol(county: str) -> None:
    """Most people of a county, by a list; a few later, and some not at all."""
    acting_user = officer(f"{county}.officer")
    year = year_at(acting_user.area_path, latest_year(county))
    days = (year.financing.period_to - year.financing.period_from).days
    rows = []
    for place, m in enumerate(drawn(county)):
        if (
            place % 9 == 4
            or (m.household % 7 == 1 and m.household // 7 % 3 == 2)
            or m.born_on > year.financing.period_to
        ):
            continue  # not enrolled; some of the extremely poor are by their subsidy
        rows.append(
            (m.number, m.name, year.financing.period_from + timedelta(days=place * 7 % min(days, 100)), None, None)
        )
    columns = ("证件号码", "姓名", "参保日期", "参保事由", "事由日期")
    files.take_file(
        "residents",
        content=workbook(columns, rows),
        filename=f"{year.year}年度参保名单.xlsx",
        year=year.year,
        acting_user=acting_user,
    )
    work_off()
    record_population(
        acting_user.area, year=year.year, heads=HEADS[county], counted_on=date(year.year - 1, 12, 31), source="统计公报（演示）",
        acting_user=acting_user,
    )  # fmt: skip


def subsidise(county: str) -> None:
    """Compute, propose and approve what the policies give."""
    acting_user = officer(f"{county}.officer")
    year = latest_year(county)
    batch = subsidies.propose_subsidies(
        acting_user.area, year=year, document=f"资助申请〔{year}〕1号", acting_user=acting_user
    )
    work_off()
    batch.refresh_from_db()
    if batch.state == "proposed":
        money_on = year_at(acting_user.area_path, year).financing.period_to - timedelta(days=30)
        subsidies.approve(
            batch, money_on=money_on, document=f"资助申请〔{year}〕1号", acting_user=officer(f"{county}.finance")
        )


def propose_more(county: str) -> None:
    """What rosters have changed since then, for finance to decide."""
    acting_user = officer(f"{county}.officer")
    year = latest_year(county)
    subsidies.propose_subsidies(acting_user.area, year=year, document=f"资助申请〔{year}〕2号", acting_user=acting_user)
    work_off()


def tell_tax_office(county: str) -> None:
    """The list of what everybody has to pay."""
    acting_user = officer(f"{county}.officer")
    tax_list = tax.make_list("due", acting_user.area, year=latest_year(county), acting_user=acting_user)
    work_off()
    tax_list.refresh_from_db()
    tax.hand_over(tax_list, acting_user=acting_user)


def take_receipts(county: str) -> None:
    """What the tax office confirms, with the differences that there always are."""
    acting_user = officer(f"{county}.officer")
    with acting(acting_user):
        tax_list = TaxList.objects.filter(area=acting_user.area, kind="due").latest("pk")
        lines = list(TaxRow.objects.filter(tax_list=tax_list, fen__gt=0).order_by("id"))
        year = year_at(tax_list.area_path, tax_list.year)
    rows = [
        _receipt(year, k, f"{line.person_id:010d}", line.name, line.fen) for k, line in enumerate(lines) if k % 8 != 5
    ]
    _spoil(rows, year)
    columns = ("回执号", "人员编号", "证件号码", "姓名", "缴费金额", "缴费日期")
    content = workbook(columns, rows, {"缴费金额": "amount"})
    files.take_file(
        "receipts", content=content, filename=f"税务回执{year.year}.xlsx", year=year.year, acting_user=acting_user
    )
    work_off()


Receipt = tuple[str, str, None, str, int, date]


def _spoil(rows: list[Receipt], year: Year) -> None:
    """One of each difference: too little, too much, another name, paid twice, an unknown person, a number used twice."""
    for place, more, name in ((2, -10_000, ""), (4, 5_000, ""), (6, 0, "生")):
        number, person, _, known, fen, paid_on = rows[place]
        rows[place] = (number, person, None, f"{known}{name}", fen + more, paid_on)
    rows.append(_receipt(year, 901, rows[8][1], rows[8][3], rows[8][4]))
    rows.append(_receipt(year, 902, "9999999999", "无名氏", year.financing.own_premium))
    rows.append((rows[0][0], *rows[10][1:]))


def _receipt(year: Year, k: int, number: str, name: str, fen: int) -> Receipt:
    paid_on = year.financing.period_from + timedelta(days=60 + k % 40)
    return f"DEMO{year.year}{k:06d}", number, None, name, fen, paid_on


def decide_some(county: str) -> None:
    """One refund through to the end, one that waits."""
    acting_user = officer(f"{county}.officer")
    with acting(acting_user):
        back = list(Difference.objects.filter(kind__in=("paid_twice", "too_much"), decision="").order_by("id")[:2])
    for difference in back:
        receipts.decide_difference(difference, decision="refund", note="多缴，退还本人", acting_user=acting_user)
    with acting(acting_user):
        first = Refund.objects.filter(state="proposed").order_by("id").first()
    if first is not None:
        decide_refund(first, approved=True, acting_user=officer(f"{county}.finance"))


def find_doubles(county: str) -> None:
    """People who are insured as employees, too; one case is decided."""
    acting_user = officer(f"{county}.officer")
    year = year_at(acting_user.area_path, latest_year(county))
    people = [m for m in drawn(county) if m.household % 7 == 0 and m.relation == "head"][:8]
    rows = [(m.number, m.name, date(year.year, 3, 1), None, "长沙市演示公司") for m in people]
    columns = ("证件号码", "姓名", "开始日期", "结束日期", "参保地或单位")
    files.take_file(
        "employees",
        content=workbook(columns, rows),
        filename="职工参保名单.xlsx",
        year=year.year,
        acting_user=acting_user,
    )
    work_off()
    with acting(acting_user):
        cases = list(Double.objects.filter(keeps="").order_by("id"))
    for case in cases:
        try:
            doubles.decide_double(
                case, keeps="other", from_on=date(year.year, 3, 1), note="本人已在单位参保", acting_user=acting_user
            )
        except RefundOpen:
            continue  # the tax office's receipts led to a refund already
        break


# --- Settled bills ----------------------------------------------------------------------------------------------------


def settle_bills() -> date:
    """A few bills in Yuhu and Songshan. Returns the day of the first one in Yuhu."""
    today = timezone.localdate()
    yuhu = [m for m in drawn("yuhu") if m.household in (7, 14, 21, 3, 8) and m.relation == "head"]
    day = billed(today)
    for k, m in enumerate(yuhu):
        _settle("yuhu", m, "H43030201", day + timedelta(days=k * 3), 12_000 + k * 9_000, today)
    for k, m in enumerate([m for m in drawn("songshan") if m.household in (2, 5) and m.relation == "head"]):
        _settle("songshan", m, "H15040401", date(2020, 5, 8 + k), 30_000 + k * 20_000, today)
    return day


def billed(today: date) -> date:
    """The day of the first bill: lately, but while 潭医保发〔2021〕26号 was in force (until 1 October 2026)."""
    return min(today - timedelta(days=90), date(2026, 8, 10))


def _settle(county: str, m: Made, hospital: str, discharged_on: date, yuan: int, today: date) -> None:
    acting_user = officer(f"{county}.officer")
    institution = Institution.objects.get(code=hospital)
    own = yuan // 5
    claim = {
        "claim": f"DEMO-{county}-{m.household:03d}", "admitted_on": (discharged_on - timedelta(days=9)).isoformat(),
        "discharged_on": discharged_on.isoformat(), "care": "inpatient", "institution": institution.name,
        "institution_tier": institution.tier, "institution_level": institution.level, "place": "own_county",
        "referral": "by_rule", "emergency": False, "linked": False, "severe_programme": False, "application": "not_applied",
        "diagnoses": [],
        "amounts": {
            "total": f"{yuan}.00", "in_scope": f"{yuan - own}.00", "first_pay": "0.00", "over_limit": "0.00", "own": f"{own}.00",
        },
    }  # fmt: skip
    if county == "songshan":
        claim["audit"] = "normal"
    person = known(county, [m], today)[0]
    settle_bill(person, institution=institution, claim=claim, acting_user=acting_user)
