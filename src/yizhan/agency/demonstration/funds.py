"""Money of the demonstration's funds: books, appropriations, shares, a payment to a hospital, and who holds supplementary insurance."""

from __future__ import annotations

from datetime import date, timedelta

from django.utils import timezone

from yizhan.agency.demonstration.country import COUNTIES, officer
from yizhan.agency.demonstration.lists import workbook
from yizhan.agency.demonstration.population import Made, drawn
from yizhan.agency.enrolment.actions.covers import take_covers, withdraw_cover
from yizhan.agency.enrolment.models import Cover
from yizhan.agency.ledger import queries
from yizhan.agency.ledger.actions import decide, open_books, propose
from yizhan.agency.ledger.models import Book, Movement
from yizhan.agency.staff.models import Area
from yizhan.agency.staff.scope import acting

BASIC, ILLNESS, ASSISTANCE = "城乡居民基本医疗保险基金", "城乡居民大病保险资金", "城乡医疗救助资金"

RECEIPTS = (
    (BASIC, 8_600_000, "income_premium", "税务划转居民医保费"),
    (BASIC, 21_000_000, "income_subsidy", "中央和省级财政补助"),
    (ILLNESS, 1_900_000, "income_other", "大病保险年度筹资到账"),
    (ASSISTANCE, 3_000_000, "income_subsidy", "中央和省级医疗救助补助"),
    (ASSISTANCE, 450_000, "income_county", "县级财政医疗救助资金"),
)
"""Fund, yuan, income, why: what comes into the funds of each county's pooling area."""


def pay_in(county: str) -> None:
    """Open the books and pay in what a year needs: proposed by finance, approved by the reviewer."""
    finance, reviewer = officer(f"{county}.finance"), officer(f"{county}.reviewer")
    open_books(acting_user=finance)
    for place, (payer, yuan, income, why) in enumerate(RECEIPTS, start=1):
        decide(_receipt(county, payer, yuan, income, why, place), approved=True, acting_user=reviewer)


def _receipt(county: str, payer: str, yuan: int, income: str, why: str, place: int, *, days_ago: int = 30) -> Movement:
    finance = officer(f"{county}.finance")
    giver = Area.objects.get(code=COUNTIES[county]) if income == "income_county" else None
    return propose(
        "receipt", _fund(county, payer), fen=yuan * 100, on=timezone.localdate() - timedelta(days=days_ago),
        document=f"演财拨〔{timezone.localdate().year}〕{place}号", why=why, income=income, giver=giver, acting_user=finance,
    )  # fmt: skip


def _fund(county: str, payer: str) -> Book:
    finance = officer(f"{county}.finance")
    with acting(finance):
        return next(book for book in queries.funds(finance.area_path) if book.payer == payer)


def pay_out(county: str) -> None:
    """Pay the county's hospital a part of what it is owed; one appropriation was sent back, one waits for the reviewer."""
    finance, reviewer = officer(f"{county}.finance"), officer(f"{county}.reviewer")
    basic = _fund(county, BASIC)
    with acting(finance):
        hospital = next(
            b
            for b in queries.hospitals(finance.area_path)
            if queries.owed_to_hospital(basic, b.institution_id or 0) > 0
        )
        owed = queries.owed_to_hospital(basic, hospital.institution_id or 0)
    paid = propose(
        "to_hospital", basic, fen=owed // 200 * 100, other=hospital, on=timezone.localdate() - timedelta(days=3),
        document="演付1号", why="上月结算款，先付一半", acting_user=finance,
    )  # fmt: skip
    decide(paid, approved=True, acting_user=reviewer)
    wrong = _receipt(county, ASSISTANCE, 450_000, "income_county", "县级财政医疗救助资金", 5, days_ago=2)
    decide(wrong, approved=False, why="与第5号重复", acting_user=reviewer)
    _receipt(county, ASSISTANCE, 120_000, "income_other", "社会捐赠", 6, days_ago=1)


def cover(county: str) -> None:
    """Supplementary insurance of 2021, which 潭医保发〔2021〕26号 三（二）4 lets run out, and of this year; one was noted wrongly."""
    acting_user = officer(f"{county}.officer")
    columns = ("证件号码", "姓名", "起保日期", "终保日期", "保费", "缴费方", "保单号或文号")
    poor = [m for m in drawn(county) if m.household % 7 == 4][:40]
    for year, people, paid_by in ((2021, poor, "财政"), (timezone.localdate().year, poor[::3], "财政和本人")):
        rows = [_row(m, year, paid_by) for m in people if m.born_on < date(year, 1, 1)]
        content = workbook(columns, rows, {"保费": "amount"})
        take_covers(content, f"特惠保{year}.xlsx", acting_user=acting_user)
    with acting(acting_user):
        wrong = Cover.objects.live().order_by("-id").first()
    if wrong is not None:
        withdraw_cover(wrong, why="保险公司名单有误，本人未投保", acting_user=acting_user)


def _row(m: Made, year: int, paid_by: str) -> tuple[str, str, date, date, int, str, str]:
    return m.number, m.name, date(year, 1, 1), date(year, 12, 31), 6_000, paid_by, f"特惠保〔{year}〕1号"
