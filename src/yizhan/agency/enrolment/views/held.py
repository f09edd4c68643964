"""What enrolment holds about a person, for the print that the person may ask for. Records merged into one are one person's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db.models import Q
from django.utils import timezone

from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.models import (
    BATCH_STATES,
    DECISIONS,
    EVENTS,
    KEEPS,
    PAID_BY,
    SCHEMES,
    TIERS,
    Charge,
    Cover,
    Difference,
    Double,
    Enrolment,
    Entry,
    ListRow,
    Receipt,
    Refund,
    SubsidyLine,
    TaxRow,
)
from yizhan.agency.enrolment.queries import of_person
from yizhan.agency.enrolment.views.choosing import identity_words, payer_words
from yizhan.agency.people.models import Person
from yizhan.agency.people.panels import Held, add_held
from yizhan.agency.people.queries import area_names
from yizhan.engine.money import yuan_grouped

_YEAR, _RECORDED, _BY = Words("年度", "Year"), Words("登记时间", "Recorded"), Words("登记人", "By")
_PROPOSED, _DECIDED = Words("提请", "Proposed"), Words("核定", "Decided")


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M")
    return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)


def _rows(rows: Iterable[Sequence[object]]) -> list[list[str]]:
    return [[_text(value) for value in row] for row in rows]


def _of_account(person: Person) -> Q:
    return Q(charge__person=person) | Q(charge__person__merged_into=person)


def enrolments(person: Person) -> Held:
    """Memberships, those that were corrected included."""
    columns = (
        _YEAR, Words("险种", "Scheme"), Words("档次", "Tier"), Words("参保地", "Where"), Words("单位或经办机构", "Employer or bureau"),
        Words("事由", "Why"), Words("事由日期", "Day of that"), Words("参保日期", "Enrolled"), Words("待遇期", "Insured"), _RECORDED, _BY,
        Words("更正时间", "Withdrawn"), Words("更正理由", "Why it was"),
    )  # fmt: skip
    found = list(
        Enrolment.objects.filter(of_person(person)).select_related("recorded_by", "withdrawn_by").order_by("year", "id")
    )
    areas = area_names({row.area_path for row in found})
    return Held(
        Words("参保", "Enrolment"),
        columns,
        _rows(
            (
                row.year, SCHEMES[row.scheme], TIERS.get(row.tier, ""), areas.get(row.area_path, ""), row.place, EVENTS[row.event],
                row.event_on, row.enrolled_on, f"{row.insured.lower} – {row.last_day or ''}" if row.insured else "", row.recorded_at,
                row.recorded_by or "", row.withdrawn_at, row.withdrawn_why,
            )
            for row in found
        ),
        ("enrolment_enrolment",),
    )  # fmt: skip


def charges(person: Person) -> Held:
    """The premium accounts, a line for each year."""
    columns = (
        _YEAR, Words("个人缴费标准（元）", "Own premium (yuan)"), Words("财政补助", "Government part"), Words("资助", "Subsidised"),
        Words("已缴", "Paid"), Words("已退", "Paid back"), Words("结余", "Balance"),
    )  # fmt: skip
    rows = Charge.objects.filter(of_person(person)).order_by("year", "id")
    return Held(
        Words("参保费账户", "Premium accounts"),
        columns,
        _rows(
            (
                row.year, *(yuan_grouped(fen) for fen in (row.own_premium, row.government_part, row.subsidised, row.received,
                row.refunded, row.balance)),
            )
            for row in rows
        ),
        ("enrolment_charge",),
    )  # fmt: skip


def subsidies(person: Person) -> Held:
    """What payers gave, took back, or were asked for."""
    columns = (
        _YEAR, Words("批次", "Batch"), Words("状态", "State"), Words("出资", "Payer"), Words("身份", "Category"), Words("金额（元）", "Yuan"),
        Words("认定", "Certified by"), Words("申请", "Applied by"), Words("依据", "Article"), _PROPOSED, _DECIDED,
    )  # fmt: skip
    rows = SubsidyLine.objects.filter(of_person(person)).select_related("batch__proposed_by", "batch__decided_by")
    return Held(
        Words("参保资助", "Premium subsidies"),
        columns,
        _rows(
            (
                row.year, row.batch.number, BATCH_STATES[row.batch.state].words, payer_words(row.payer, row.area_path),
                identity_words(row.identity) if row.identity else "", yuan_grouped(row.fen), row.certified_by, row.applied_by,
                row.citation, row.batch.proposed_by, row.batch.decided_by or "",
            )
            for row in rows.order_by("id")
        ),
        ("enrolment_subsidyline",),
    )  # fmt: skip


_ENTRIES = {
    "subsidy": Words("资助", "subsidy"),
    "received": Words("个人缴费", "paid"),
    "refunded": Words("退费", "refund"),
}


def entries(person: Person) -> Held:
    """Every movement on the accounts."""
    columns = (_YEAR, Words("日期", "Day"), Words("事项", "What"), Words("金额（元）", "Yuan"), _RECORDED, _BY)
    rows = Entry.objects.filter(_of_account(person)).select_related("charge", "recorded_by").order_by("on", "id")
    return Held(
        Words("账目", "Entries"),
        columns,
        _rows(
            (row.charge.year, row.on, _ENTRIES[row.kind], yuan_grouped(row.fen), row.recorded_at, row.recorded_by or "")
            for row in rows
        ),
        ("enrolment_entry",),
    )


def receipts(person: Person) -> Held:
    """What the tax office confirmed."""
    columns = (
        _YEAR,
        Words("回执号", "Receipt"),
        Words("缴费日期", "Paid on"),
        Words("金额（元）", "Yuan"),
        Words("回执上的姓名", "Name on it"),
    )
    rows = Receipt.objects.filter(_of_account(person)).select_related("row").order_by("paid_on", "id")
    return Held(
        Words("缴费回执", "Receipts of the tax office"),
        columns,
        _rows((row.year, row.number, row.paid_on, yuan_grouped(row.fen), row.row.name) for row in rows),
        ("enrolment_receipt",),
    )


def differences(person: Person) -> Held:
    """Receipts that did not fit, and what was decided."""
    columns = (
        _YEAR, Words("差异", "Difference"), Words("应缴（元）", "Owed (yuan)"), Words("实缴（元）", "Paid (yuan)"), Words("处理", "Decision"),
        Words("处理人", "Decided by"), Words("处理时间", "Decided"), Words("说明", "Note"),
    )  # fmt: skip
    rows = Difference.objects.filter(_of_account(person)).select_related("decided_by").order_by("id")
    return Held(
        Words("回执差异", "Differences"),
        columns,
        _rows(
            (
                row.year, row.words, yuan_grouped(row.expected) if row.expected is not None else "", yuan_grouped(row.found),
                DECISIONS.get(row.decision, ""), row.decided_by or "", row.decided_at, row.note,
            )
            for row in rows
        ),
        ("enrolment_difference",),
    )  # fmt: skip


def refunds(person: Person) -> Held:
    """Money paid back, or proposed to be."""
    columns = (
        _YEAR, Words("金额（元）", "Yuan"), Words("原因", "Reason"), Words("说明", "Note"), Words("状态", "State"), _PROPOSED,
        Words("提请时间", "Proposed at"), _DECIDED, Words("核定时间", "Decided at"), Words("退回原因", "Why it went back"),
    )  # fmt: skip
    rows = Refund.objects.filter(_of_account(person)).select_related("proposed_by", "decided_by").order_by("id")
    return Held(
        Words("退费", "Refunds"),
        columns,
        _rows(
            (
                row.year, yuan_grouped(row.fen), row.reason_words, row.note, row.shown_state.words, row.proposed_by, row.proposed_at,
                row.decided_by or "", row.decided_at, row.decided_why,
            )
            for row in rows
        ),
        ("enrolment_refund",),
    )  # fmt: skip


def tax_rows(person: Person) -> Held:
    """What the tax office was told."""
    columns = (
        _YEAR, Words("名单", "List"), Words("类别", "Kind"), Words("姓名", "Name"), Words("证件号码", "Number"), Words("金额（元）", "Yuan"),
        Words("生成时间", "Made"),
    )  # fmt: skip
    rows = TaxRow.objects.filter(of_person(person)).select_related("tax_list").order_by("id")
    return Held(
        Words("交税务的名单", "Lists for the tax office"),
        columns,
        _rows(
            (
                row.tax_list.year, row.tax_list.number, row.tax_list.words, row.name, row.id_mask, yuan_grouped(row.fen),
                row.tax_list.made_at,
            )
            for row in rows
        ),
        ("enrolment_taxrow",),
    )  # fmt: skip


def list_rows(person: Person) -> Held:
    """Rows of uploaded tables with one of the person's numbers."""
    columns = (
        _YEAR, Words("文件", "File"), Words("类别", "Kind"), Words("行", "Row"), Words("姓名", "Name"), Words("证件号码", "Number"),
        Words("结果", "Outcome"), Words("上传时间", "Uploaded"), Words("上传人", "By"),
    )  # fmt: skip
    hashes = Person.objects.filter(Q(pk=person.pk) | Q(merged_into=person)).values_list("id_hash", flat=True)
    rows = ListRow.objects.filter(id_hash__in=list(hashes)).select_related("file__uploaded_by").order_by("id")
    return Held(
        Words("名单和回执文件中的行", "Rows of lists and receipts"),
        columns,
        _rows(
            (
                row.file.year, row.file.name, row.file.words, row.row, row.name, row.id_mask, row.shown_outcome.words,
                row.file.uploaded_at, row.file.uploaded_by,
            )
            for row in rows
        ),
        ("enrolment_listrow",),
    )  # fmt: skip


def doubles(person: Person) -> Held:
    """Cases of double enrolment."""
    columns = (
        _YEAR, Words("另参加", "Also insured as"), Words("起", "Since"), Words("止", "Until"), _RECORDED, Words("处理", "Decision"),
        Words("自", "From"), Words("处理人", "Decided by"), Words("说明", "Note"),
    )  # fmt: skip
    rows = Double.objects.filter(of_person(person)).select_related("decided_by").order_by("id")
    return Held(
        Words("重复参保", "Double enrolment"),
        columns,
        _rows(
            (
                row.year, SCHEMES[row.other_scheme], row.other_since, row.other_until, row.recorded_at, KEEPS.get(row.keeps, ""),
                row.from_on, row.decided_by or "", row.note,
            )
            for row in rows
        ),
        ("enrolment_double",),
    )  # fmt: skip


def covers(person: Person) -> Held:
    """Supplementary insurance, what was withdrawn included."""
    columns = (
        Words("承保资金", "Insurer"), Words("起保", "From"), Words("终保", "To"), Words("保费（元）", "Premium (yuan)"),
        Words("缴费方", "Paid by"), Words("依据", "Document"), _RECORDED, _BY, Words("撤销时间", "Withdrawn"), Words("撤销理由", "Why it was"),
    )  # fmt: skip
    rows = Cover.objects.filter(of_person(person)).select_related("recorded_by").order_by("valid", "id")
    return Held(
        Words("补充保险", "Supplementary insurance"),
        columns,
        _rows(
            (
                payer_words(row.insurer, row.area_path), row.valid.lower, row.last_day,
                yuan_grouped(row.premium_fen) if row.premium_fen is not None else "", PAID_BY[row.paid_by], row.document,
                row.recorded_at, row.recorded_by or "", row.withdrawn_at, row.withdrawn_why,
            )
            for row in rows
        ),
        ("enrolment_cover",),
    )  # fmt: skip


def register() -> None:
    """Add all of it to the print."""
    parts = (
        enrolments,
        charges,
        subsidies,
        entries,
        receipts,
        differences,
        refunds,
        tax_rows,
        list_rows,
        doubles,
        covers,
    )
    for part in parts:
        add_held(part)
