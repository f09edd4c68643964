"""Tables that come in: read in a process apart, kept row by row without full numbers, then worked on by a run.

The same content is taken once. A row that cannot be read at all refuses the whole file where money is concerned
(receipts); in lists of people it is kept with its reason, and comes back with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from yizhan.agency import crypto
from yizhan.agency.desk.logs import masked_text
from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.actions.enrolling import Wish, enter, named_by_hash, record_elsewhere_insured, signer
from yizhan.agency.enrolment.errors import BadCell, ColumnMissing, FileAlreadyTaken, FileEmpty
from yizhan.agency.enrolment.models import EVENTS, TIERS, Double, Enrolment, ListFile, ListRow
from yizhan.agency.enrolment.queries import residents
from yizhan.agency.enrolment.years import year_at
from yizhan.agency.jobs.actions import start
from yizhan.agency.people.bulk import NewPerson, register_in_bulk
from yizhan.agency.people.identifiers import KINDS, Identifier, mask_identifier, read_identifier
from yizhan.agency.people.models import Person
from yizhan.agency.people.sealing import number_hash
from yizhan.agency.spreadsheets import Table, TemplateColumn, read_table
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Area
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.errors import InputProblem, Problem, Problems

STEP = 500
"""Rows worked on in one transaction."""

MOST_PROBLEMS = 50
"""Mistakes told at once."""

_ID = TemplateColumn(
    "证件号码", "居民身份证号或其他证件号码", "number of the resident ID or another certificate", width=24
)
_ID_KIND = TemplateColumn(
    "证件类型", "不填为居民身份证", "empty: resident ID", choices=tuple(k.zh for k in KINDS.values())
)
_NAME = TemplateColumn("姓名", "与证件一致", "as on the certificate", required=True)
ID_COLUMNS = (TemplateColumn(_ID.name, _ID.zh, _ID.en, required=True, width=24), _NAME, _ID_KIND)
"""By what a list names a person."""

COLUMNS: Mapping[str, tuple[TemplateColumn, ...]] = {
    "residents": (
        *ID_COLUMNS,
        TemplateColumn("参保日期", "不填为今天", "day of enrolment; empty: today", kind="date"),
        TemplateColumn("参保事由", "不填为一般参保", "empty: ordinary enrolment", choices=tuple(w.zh for w in EVENTS.values())),
        TemplateColumn("事由日期", "出生、迁入等的日期", "day of birth, of moving in and so on", kind="date"),
        TemplateColumn("档次", "分档缴费的地区填写", "where there are tiers", choices=tuple(w.zh for w in TIERS.values())),
    ),
    "employees": (
        *ID_COLUMNS,
        TemplateColumn("开始日期", "职工医保待遇开始的日期", "first insured day as an employee", kind="date", required=True),
        TemplateColumn("结束日期", "没有结束的不填", "last insured day; empty: still insured", kind="date"),
        TemplateColumn("参保地或单位", "例如：长沙市某公司", "where insured, or the employer"),
    ),
    "receipts": (
        TemplateColumn("回执号", "税务的电子税票号，一笔一个", "number of the tax receipt, one for each payment", required=True, width=24),
        TemplateColumn("人员编号", "征缴名单上的十位编号；没有就填证件号码", "ten digits, as on our list; else the certificate's number"),
        TemplateColumn(_ID.name, _ID.zh, _ID.en, width=24),
        _NAME,
        TemplateColumn("缴费金额", "元，两位小数", "yuan, two decimals", kind="amount", required=True),
        TemplateColumn("缴费日期", "例如 2026-01-08", "for example 2026-01-08", kind="date", required=True),
    ),
}  # fmt: skip
"""What each kind of table is made of; the docs page and the templates follow it."""

RIGHTS = {"residents": Right.ENROLMENT_EDIT, "employees": Right.ENROLMENT_EDIT, "receipts": Right.TAX_EXCHANGE}


@dataclass(frozen=True, slots=True)
class _Parsed:
    row: int
    name: str
    id_hash: bytes
    id_mask: str
    cells: dict[str, object]
    problem: Problem | None
    identifier: Identifier | None = None


def take_file(
    kind: str, *, content: bytes, filename: str, year: int, area: Area | None = None, acting_user: Actor
) -> ListFile:
    """Take a table in, and start the run that works on it. `area`: whose it is, where not the actor's whole area.

    Raises NotAllowed, NotFound, FileAlreadyTaken; Problems: an unreadable file, missing columns, rows that cannot be read where
    money is concerned, no policies or figures for the year.
    """
    demand(acting_user, RIGHTS[kind])
    with acting(acting_user):
        path = area.path if area else acting_user.area_path
        if not path.startswith(acting_user.area_path):
            raise NotFound()
        # A province's list of residents may be of several pooling areas: there each row is judged by its own.
        if kind == "receipts" or (kind == "residents" and path.count(".") > 2):
            year_at(path, year)
        digest, filename = crypto.digest(content), masked_text(filename)
        _refuse_known(kind, year, digest, path)
        parsed = _parsed(kind, read_table(content, filename))
        fen = sum(int(p.cells["fen"]) for p in parsed if "fen" in p.cells)  # type: ignore[call-overload]  # a number
        try:
            with transaction.atomic():
                file = ListFile.objects.create(
                    kind=kind, area_path=path, year=year, name=filename[:120], digest=digest, rows=len(parsed),
                    fen=fen, uploaded_by_id=signer(acting_user),
                )  # fmt: skip
        except IntegrityError:  # somebody uploaded it while we read
            _refuse_known(kind, year, digest, path)
            raise
        ListRow.objects.bulk_create((_row(file, place, p) for place, p in enumerate(parsed)), batch_size=1000)
        if kind == "residents":
            _register_unknown(parsed, acting_user)
        title = Words(f"{file.words.zh} {filename}"[:120], f"{file.words.en} {filename}"[:120])
        run = start(f"enrolment.{kind}", title=title, about={"file": file.pk}, acting_user=acting_user)
        file.run_id = run.pk
        file.save(update_fields=["run_id"])
        record("enrolment.take_file", file, kind=kind, rows=len(parsed), digest=digest.hex(), acting_user=acting_user)
        return file


def _refuse_known(kind: str, year: int, digest: bytes, path: str) -> None:
    known = ListFile.objects.select_related("uploaded_by").filter(
        kind=kind, year=year, digest=digest, area_path=path
    ).first()  # fmt: skip
    if known is not None:
        when = timezone.localtime(known.uploaded_at).strftime("%Y-%m-%d %H:%M")
        raise FileAlreadyTaken(when=when, by=known.uploaded_by.name)


def _row(file: ListFile, place: int, parsed: _Parsed) -> ListRow:
    row = ListRow(
        file=file, area_path=file.area_path, place=place, row=parsed.row, name=masked_text(parsed.name)[:60], id_hash=parsed.id_hash,
        id_mask=parsed.id_mask, cells=parsed.cells,
    )  # fmt: skip
    if parsed.problem is not None:
        row.outcome, row.why = "refused", told(parsed.problem)
    return row


def _register_unknown(parsed: list[_Parsed], acting_user: Actor) -> None:
    """Register whom a county's list of residents names and nobody knows yet, where the number tells sex and birth."""
    if acting_user.area_path.count(".") < 4 or not acting_user.may(Right.PERSON_EDIT):
        return
    known = {
        bytes(h)
        for h in Person.objects.filter(id_hash__in=[p.id_hash for p in parsed if p.id_hash]).values_list(
            "id_hash", flat=True
        )
    }
    unknown = [
        NewPerson(p.name, p.identifier, p.identifier.sex, p.identifier.born_on, acting_user.area_path)
        for p in parsed
        if p.identifier and p.identifier.born_on and p.identifier.sex and p.id_hash not in known
    ]
    if unknown:
        register_in_bulk(unknown, acting_user=acting_user)


def told(problem: Problem | Problems) -> dict[str, str]:
    """Why something was refused, in both languages, as rows keep it."""
    found = problem.problems if isinstance(problem, Problems) else (problem,)
    return {lang: " ".join(p.text(lang) for p in found) for lang in ("zh", "en")}


# --- Reading ----------------------------------------------------------------------------------------------------------


def _parsed(kind: str, table: Table) -> list[_Parsed]:
    columns = COLUMNS[kind]
    places = {name: place for place, name in reversed(list(enumerate(table.columns)))}
    needed = [column.name for column in columns if column.required]
    missing = [name for name in needed if name not in places]
    if kind == "receipts" and not {"人员编号", "证件号码"} & set(places):
        missing.append("人员编号")
    if missing:
        both = "、".join(needed)
        raise Problems([ColumnMissing(column_zh=c, column_en=c, needed_zh=both, needed_en=both) for c in missing])
    today = timezone.localdate()
    read: list[_Parsed] = []
    problems: list[Problem] = []
    for row, texts in table.rows:
        cells = {column.name: texts[places[column.name]] if column.name in places else "" for column in columns}
        try:
            read.append(_read_row(kind, row, cells, needed, today))
        except Problem as problem:
            if kind == "receipts":
                problems.append(problem)
            else:
                name = cells["姓名"]
                read.append(_Parsed(row, name, b"", "", {}, problem))
        if len(problems) == MOST_PROBLEMS:
            break
    if problems:
        raise Problems(problems)
    if not read:
        raise Problems([FileEmpty()])
    return read


def _read_row(kind: str, row: int, cells: dict[str, str], needed: list[str], today: date) -> _Parsed:
    for name in needed:
        if not cells[name]:
            raise bad_cell(row, name, "没有填写", "is empty")
    id_hash, mask, identifier = b"", "", None
    if cells.get("证件号码"):
        try:
            identifier = read_identifier(_word(row, "证件类型", cells, _KINDS, "resident_id"), cells["证件号码"], today)
            id_hash, mask = number_hash(identifier), mask_identifier(identifier.value)
        except InputProblem as problem:
            if kind != "receipts":
                raise bad_cell(row, "证件号码", problem.text("zh"), problem.text("en")) from None
    found: dict[str, object] = {}
    if kind == "residents":
        found = {
            "enrolled_on": read_day(row, "参保日期", cells), "event_on": read_day(row, "事由日期", cells),
            "event": _word(row, "参保事由", cells, _EVENTS, "ordinary"), "tier": _word(row, "档次", cells, _TIERS, ""),
        }  # fmt: skip
    elif kind == "employees":
        found = {
            "since": read_day(row, "开始日期", cells), "until": read_day(row, "结束日期", cells), "place": cells["参保地或单位"],
        }  # fmt: skip
    else:
        found = {
            "number": cells["回执号"][:60], "person_number": cells["人员编号"], "fen": read_fen(row, "缴费金额", cells),
            "paid_on": read_day(row, "缴费日期", cells),
        }  # fmt: skip
    return _Parsed(row, cells["姓名"], id_hash, mask, found, None, identifier)


_KINDS = {kind.zh: code for code, kind in KINDS.items()} | {"身份证": "resident_id"}
_EVENTS = {words.zh: code for code, words in EVENTS.items()}
_TIERS = {words.zh: code for code, words in TIERS.items()}
_DAY = re.compile(r"([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})日?(?: 00:00:00)?")
_AMOUNT = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,2}))?元?")


def bad_cell(row: int, column: str, why_zh: str, why_en: str) -> BadCell:
    """A mistake in a cell, without the number of a certificate that may stand in it."""
    # What stands in the wrong column may be the number of a certificate; the reason is kept with the row.
    return BadCell(row=row, column_zh=column, column_en=column, why_zh=masked_text(why_zh), why_en=masked_text(why_en))


def _word(row: int, column: str, cells: Mapping[str, str], known: Mapping[str, str], empty: str) -> str:
    text = cells.get(column, "")
    if not text:
        return empty
    if text in known.values():
        return text
    if text not in known:
        listed = "、".join(known)
        raise bad_cell(row, column, f"不认识“{text}”，可填：{listed}", f"“{text}” is unknown, allowed: {listed}")
    return known[text]


def read_day(row: int, column: str, cells: Mapping[str, str]) -> str | None:
    """A cell's day as 2026-01-08; None where it is empty. Raises BadCell."""
    text = cells[column]
    if not text:
        return None
    found = _DAY.fullmatch(text)
    try:
        return date(*map(int, found.groups())).isoformat() if found else date.fromisoformat(text).isoformat()
    except ValueError:
        raise bad_cell(
            row, column, f"“{text}”不是日期，请写成 2026-01-08", f"“{text}” is no date; write 2026-01-08"
        ) from None


def read_fen(row: int, column: str, cells: Mapping[str, str], *, zero: bool = False) -> int:
    """A cell's yuan as fen; above zero, unless `zero` may stand there. Raises BadCell."""
    text = cells[column]
    found = _AMOUNT.fullmatch(text.replace(",", "").replace("，", ""))
    fen = int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0")) if found else 0
    if not found or (not fen and not zero):
        above = ("大于零的", " above zero") if not zero else ("", "")
        raise bad_cell(row, column, f"“{text}”不是{above[0]}金额", f"“{text}” is no amount{above[1]}")
    return fen


def read_number(row: int, cells: Mapping[str, str], today: date) -> Identifier:
    """The certificate that a row names. Raises BadCell."""
    try:
        return read_identifier(_word(row, "证件类型", cells, _KINDS, "resident_id"), cells["证件号码"], today)
    except BadCell:
        raise
    except InputProblem as problem:
        raise bad_cell(row, "证件号码", problem.text("zh"), problem.text("en")) from None


# --- Working ----------------------------------------------------------------------------------------------------------


def rows_of_step(file: ListFile, position: int) -> list[ListRow]:
    """The rows of one step that wait for their outcome."""
    here = Q(place__gte=position * STEP, place__lt=(position + 1) * STEP)
    return list(ListRow.objects.filter(here, file=file, outcome="").order_by("place"))


def keep_outcomes(rows: list[ListRow]) -> None:
    """Write what became of the rows: a statement for each outcome and reason, of which there are few."""
    same: dict[str, list[ListRow]] = {}
    for row in rows:
        same.setdefault(json.dumps([row.outcome, row.why]), []).append(row)
    for alike in same.values():
        ListRow.objects.filter(pk__in=[row.pk for row in alike]).update(outcome=alike[0].outcome, why=alike[0].why)


def _optional_day(text: object) -> date | None:
    return date.fromisoformat(str(text)) if text else None


_UNKNOWN = {
    "zh": "本辖区没有这个证件号码的人；请先登记人员",
    "en": "nobody with this number is known in this area; register the person first",
}
_OTHER_NAME = {"zh": "姓名与已登记的不一致", "en": "the name differs from the one registered"}


def enrol_rows(file: ListFile, position: int, *, acting_user: Actor) -> None:
    """Enrol the people of some rows. Called inside `acting`, by the run."""
    rows = rows_of_step(file, position)
    named = named_by_hash(bytes(row.id_hash) for row in rows)
    by_path: dict[str, list[tuple[ListRow, Wish]]] = {}
    for row in rows:
        meant = named.get(bytes(row.id_hash))
        if meant is None or not meant.is_called(row.name):
            row.outcome, row.why = ("not_found", _UNKNOWN) if meant is None else ("refused", _OTHER_NAME)
            continue
        person = meant.person
        wish = Wish(
            person, _optional_day(row.cells["enrolled_on"]) or timezone.localdate(), event=row.cells["event"],
            event_on=_optional_day(row.cells["event_on"]), tier=row.cells["tier"],
        )  # fmt: skip
        by_path.setdefault(person.area_path[:21], []).append((row, wish))
    for path in sorted(by_path):
        pairs = by_path[path]
        outcomes: Sequence[Enrolment | Problem | Problems]
        try:
            year = year_at(path, file.year)
        except Problems as refused:  # a place without policies, on a list of a whole province
            outcomes = [refused] * len(pairs)
        else:
            outcomes = enter([wish for _, wish in pairs], year, acting_user=acting_user)
        for (row, _), outcome in zip(pairs, outcomes, strict=True):
            if isinstance(outcome, Enrolment):
                row.outcome = "enrolled"
            else:
                codes = {p.code for p in (outcome.problems if isinstance(outcome, Problems) else (outcome,))}
                row.outcome, row.why = "already" if codes == {"already_enrolled"} else "refused", told(outcome)
    keep_outcomes(rows)
    record("enrolment.enrol_rows", file, position=position, rows=len(rows), acting_user=acting_user)


def note_employees(file: ListFile, position: int, *, acting_user: Actor) -> None:
    """Note who is insured as an employee, and open a case for each who is a resident at the same time. By the run."""
    rows = rows_of_step(file, position)
    named = named_by_hash(bytes(row.id_hash) for row in rows)
    enrolled = residents([meant.person.pk for meant in named.values()], file.year)
    for row in rows:
        meant = named.get(bytes(row.id_hash))
        if meant is None or not meant.is_called(row.name):
            row.outcome, row.why = ("not_found", _UNKNOWN) if meant is None else ("refused", _OTHER_NAME)
            continue
        person = meant.person
        since, last = _optional_day(row.cells["since"]), _optional_day(row.cells["until"])
        if since is None or (last is not None and last < since):
            row.outcome, row.why = "refused", {"zh": "结束日期早于开始日期", "en": "the last day is before the first"}
            continue
        until = date.fromordinal(last.toordinal() + 1) if last else None
        new = record_elsewhere_insured(
            person, year=file.year, scheme="employee", since=since, until=until, place=str(row.cells["place"]),
            acting_user=acting_user,
        )  # fmt: skip
        row.outcome = "recorded" if new else "already"
        known = enrolled.get(person.pk)
        if known is not None and _overlap(known, since, until):
            Double.objects.bulk_create(
                [Double(person=person, area_path=person.area_path, year=file.year, other_scheme="employee", other_since=since,
                        other_until=until, found_in="list")],
                ignore_conflicts=True,
            )  # fmt: skip
            row.outcome = "double"
    keep_outcomes(rows)
    record("enrolment.note_employees", file, position=position, rows=len(rows), acting_user=acting_user)


def _overlap(known: Enrolment, since: date, until: date | None) -> bool:
    if known.insured is None:
        return True
    return since < (known.insured.upper or date.max) and known.insured.lower < (until or date.max)
