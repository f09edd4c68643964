"""Who holds supplementary insurance（补充保险、扶贫特惠保）: noted one by one or from a list, withdrawn with a reason.

The insurer sells it and keeps its money; what counts here is who holds it on which days, because policies ask. A list is
taken whole or not at all, with everything that is wrong in it told at once; what is known already is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from yizhan.agency.enrolment.actions.enrolling import named_by_hash
from yizhan.agency.enrolment.actions.files import ID_COLUMNS, MOST_PROBLEMS, bad_cell, read_day, read_fen, read_number
from yizhan.agency.enrolment.beneficiaries import insurers_at
from yizhan.agency.enrolment.errors import (
    ColumnMissing,
    CoverOverlaps,
    CoverWithdrawn,
    FileEmpty,
    FileTooLong,
    NoSuchInsurer,
    WhyWithdrawn,
    WrongCoverDays,
)
from yizhan.agency.enrolment.models import PAID_BY, Cover
from yizhan.agency.enrolment.queries import kept, of_person, of_persons
from yizhan.agency.people.identifiers import Identifier
from yizhan.agency.people.models import Person
from yizhan.agency.people.sealing import number_hash
from yizhan.agency.spreadsheets import Table, TemplateColumn, read_table
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.errors import InputProblem, Problem, Problems

MOST_ROWS = 50_000
"""Rows of one list: it is taken in one transaction, while the officer waits."""

_PAID_BY = {words.zh: code for code, words in PAID_BY.items()}

COLUMNS: tuple[TemplateColumn, ...] = (
    *ID_COLUMNS,
    TemplateColumn(
        "承保资金",
        "与政策文件里的名称一致；只有一种时可不填",
        "the payer as the policies name it; empty where there is one only",
    ),
    TemplateColumn("起保日期", "保险责任开始的日期", "first insured day", kind="date", required=True),
    TemplateColumn("终保日期", "保险责任的最后一天", "last insured day", kind="date", required=True),
    TemplateColumn("保费", "元，两位小数；不知道可不填", "yuan; empty where it is not known", kind="amount"),
    TemplateColumn("缴费方", "不填为财政", "empty: public finance", choices=tuple(_PAID_BY)),
    TemplateColumn(
        "保单号或文号", "保单、名单或文件的编号", "number of the policy, list or document", required=True, width=24
    ),
)
"""The columns of a list of covers; the template and docs/enrolment.md follow it."""


def record_cover(
    person: Person,
    *,
    insurer: str,
    first_day: date,
    last_day: date,
    premium_fen: int | None = None,
    paid_by: str = "finance",
    document: str,
    acting_user: Actor,
) -> Cover:
    """Note that a person holds supplementary insurance from a first to a last day.

    Raises NotAllowed, NotFound, NoPolicyThere, NoSuchInsurer, WrongCoverDays, CoverOverlaps.
    """
    demand(acting_user, Right.ENROLMENT_EDIT)
    with acting(acting_user):
        there = Person.objects.living_rows().select_for_update(no_key=True).filter(pk=person.pk).first()
        if there is None or paid_by not in PAID_BY:
            raise NotFound()
        _check(insurer, there.area_path, first_day, last_day)
        same = Cover.objects.live().filter(of_person(there), insurer=insurer)
        known = same.filter(valid__overlap=_days(first_day, last_day)).first()
        if known is not None:
            raise CoverOverlaps(name=there.name, insurer=insurer, first=known.valid.lower, last=known.last_day)
        row = Cover.objects.create(
            person=there, area_path=there.area_path, insurer=insurer, valid=_days(first_day, last_day),
            premium_fen=premium_fen, paid_by=paid_by, document=document.strip()[:100], recorded_by_id=acting_user.pk,
        )  # fmt: skip
        record(
            "cover.record",
            row,
            person_id=there.pk,
            insurer=insurer,
            days=[first_day, last_day],
            acting_user=acting_user,
        )
        return row


def _days(first_day: date, last_day: date) -> tuple[date, date]:
    """Half-open, as the database keeps periods."""
    return first_day, last_day + timedelta(days=1)


def _check(insurer: str, area_path: str, first_day: date, last_day: date) -> None:
    known = insurers_at(area_path)
    if insurer not in known:
        raise NoSuchInsurer(
            insurer=insurer, known_zh="、".join(known) or "（没有）", known_en=", ".join(known) or "(none)"
        )
    if last_day < first_day:
        raise WrongCoverDays(first=first_day, last=last_day)


def withdraw_cover(cover: Cover, *, why: str, acting_user: Actor) -> None:
    """Say that somebody does not hold a cover after all. Raises NotAllowed, NotFound, WhyWithdrawn, CoverWithdrawn."""
    demand(acting_user, Right.ENROLMENT_EDIT)
    if not why.strip():
        raise WhyWithdrawn()
    with acting(acting_user):
        row = Cover.objects.select_for_update(of=("self",)).filter(pk=cover.pk).first()
        if row is None:
            raise NotFound()
        if row.withdrawn_at is not None:
            raise CoverWithdrawn(why=row.withdrawn_why)
        row.withdrawn_at, row.withdrawn_by_id, row.withdrawn_why = timezone.now(), acting_user.pk, why.strip()[:200]
        row.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_why"])
        record("cover.withdraw", row, person_id=row.person_id, why=why, acting_user=acting_user)


# --- Lists ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a list: covers added, and rows that said what was known already."""

    added: int
    known: int


@dataclass(frozen=True, slots=True)
class _Said:
    """A row of a list, read."""

    row: int
    name: str
    number: Identifier
    insurer: str
    first_day: date
    last_day: date
    premium_fen: int | None
    paid_by: str
    document: str


def take_covers(content: bytes, filename: str, *, acting_user: Actor) -> Taken:
    """Take in a list of covers, all rows or none. About ten statements however many rows.

    Raises NotAllowed; Problems with all mistakes of the list: unreadable cells, unknown people, names that differ, insurers that
    the policies do not name, covers that overlap others.
    """
    demand(acting_user, Right.ENROLMENT_EDIT)
    with acting(acting_user):
        said = _read(read_table(content, filename))
        rows, known = _rows(said, acting_user)
        try:
            with transaction.atomic():
                Cover.objects.bulk_create(rows, batch_size=1000)
        except IntegrityError as error:
            if "one_cover_at_a_time" not in str(error):
                raise
            return take_covers(content, filename, acting_user=acting_user)  # somebody noted one meanwhile: say which
        record("cover.take_list", rows=len(said), added=len(rows), file=filename[:120], acting_user=acting_user)
        return Taken(len(rows), known)


def _read(table: Table) -> list[_Said]:
    places = {name: place for place, name in reversed(list(enumerate(table.columns)))}
    needed = [column.name for column in COLUMNS if column.required]
    if missing := [name for name in needed if name not in places]:
        both = "、".join(needed)
        raise Problems([ColumnMissing(column_zh=c, column_en=c, needed_zh=both, needed_en=both) for c in missing])
    if len(table.rows) > MOST_ROWS:
        raise Problems([FileTooLong(rows=len(table.rows), most=MOST_ROWS)])
    today = timezone.localdate()
    found: list[_Said] = []
    problems: list[Problem] = []
    for row, texts in table.rows:
        cells = {column.name: texts[places[column.name]] if column.name in places else "" for column in COLUMNS}
        try:
            found.append(_read_row(row, cells, needed, today))
        except InputProblem as problem:
            problems.append(problem)
    if problems:
        raise Problems(problems[:MOST_PROBLEMS])
    if not found:
        raise Problems([FileEmpty()])
    return found


def _read_row(row: int, cells: Mapping[str, str], needed: Sequence[str], today: date) -> _Said:
    for name in needed:
        if not cells[name]:
            raise bad_cell(row, name, "没有填写", "is empty")
    first, last = (date.fromisoformat(read_day(row, name, cells) or "") for name in ("起保日期", "终保日期"))
    if last < first:
        raise bad_cell(row, "终保日期", "早于起保日期", "is before the first day")
    paid_by = cells["缴费方"] or PAID_BY["finance"].zh
    if paid_by not in _PAID_BY:
        listed = "、".join(_PAID_BY)
        raise bad_cell(
            row, "缴费方", f"不认识“{paid_by}”，可填：{listed}", f"“{paid_by}” is unknown, allowed: {listed}"
        )
    return _Said(
        row, cells["姓名"], read_number(row, cells, today), cells["承保资金"], first, last,
        read_fen(row, "保费", cells, zero=True) if cells["保费"] else None, _PAID_BY[paid_by], cells["保单号或文号"][:100],
    )  # fmt: skip


def _rows(said: Sequence[_Said], acting_user: Actor) -> tuple[list[Cover], int]:
    """The covers to add, and how many rows are known already. Raises Problems with all that does not fit."""
    hashes = [number_hash(row.number) for row in said]
    named = named_by_hash(hashes)
    whose: dict[int, list[tuple[str, date, date]]] = {}
    for cover in (
        Cover.objects.live()
        .filter(of_persons([n.person.pk for n in named.values()]))
        .select_related("person__merged_into")
    ):
        whose.setdefault(kept(cover.person).pk, []).append((cover.insurer, cover.valid.lower, cover.last_day))
    insurers: dict[str, tuple[str, ...]] = {}
    rows: list[Cover] = []
    known = 0
    problems: list[Problem] = []
    for row, id_hash in zip(said, hashes, strict=True):
        meant = named.get(id_hash)
        if meant is None:
            problems.append(
                bad_cell(
                    row.row,
                    "证件号码",
                    "本辖区没有这个人；请先登记人员",
                    "nobody here has it; register the person first",
                )
            )
            continue
        if not meant.is_called(row.name):
            problems.append(bad_cell(row.row, "姓名", "与已登记的不一致", "differs from the one registered"))
            continue
        person = meant.person
        if person.area_path not in insurers:
            insurers[person.area_path] = insurers_at(person.area_path)
        there = insurers[person.area_path]
        insurer = row.insurer or (there[0] if len(there) == 1 else "")
        if insurer not in there:
            listed = "、".join(there) or "（没有 none）"
            problems.append(bad_cell(row.row, "承保资金", f"政策里没有“{insurer}”；可填：{listed}", f"the policies do not name “{insurer}”, allowed: {listed}"))  # fmt: skip
            continue
        mine = whose.setdefault(person.pk, [])
        if (insurer, row.first_day, row.last_day) in mine:
            known += 1
            continue
        other = next((c for c in mine if c[0] == insurer and c[1] <= row.last_day and row.first_day <= c[2]), None)
        if other is not None:
            problems.append(bad_cell(row.row, "起保日期", f"与已登记的 {other[1]} 至 {other[2]} 重叠", f"overlaps the cover from {other[1]} to {other[2]}"))  # fmt: skip
            continue
        mine.append((insurer, row.first_day, row.last_day))
        rows.append(
            Cover(
                person=person, area_path=person.area_path, insurer=insurer, valid=_days(row.first_day, row.last_day),
                premium_fen=row.premium_fen, paid_by=row.paid_by, document=row.document, recorded_by_id=acting_user.pk,
            )
        )  # fmt: skip
    if problems:
        raise Problems(problems[:MOST_PROBLEMS])
    return rows, known
