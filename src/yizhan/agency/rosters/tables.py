"""The lists of rosters, rows, deadlines and gaps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from yizhan.agency.desk.tables import Day, List, Number
from yizhan.agency.desk.templatetags.desk import day, instant, state
from yizhan.agency.desk.words import later, say
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.people.queries import shown_name
from yizhan.agency.rosters.duties import Due
from yizhan.agency.rosters.forms import identity_words
from yizhan.agency.rosters.gaps import CLOSED
from yizhan.agency.rosters.models import GapItem, PastChange, Roster, RosterRow
from yizhan.agency.rosters.reasons import text_of
from yizhan.agency.rosters.states import DECISIONS, KINDS
from yizhan.agency.staff.models import DEPARTMENTS, Officer
from yizhan.agency.staff.rights import Right


def period(valid: Any) -> str:
    """A half-open period as first and last day; open at the end where it has none."""
    if valid is None:
        return "—"
    if valid.isempty:
        return "—"
    last = (valid.upper - timedelta(days=1)).isoformat() if valid.upper else ""
    first = valid.lower.isoformat() if valid.lower else ""
    return f"{first} ～ {last}" if last else say("{first} 起", "from {first}", first=first)


def _shown(person: Person, officer: Officer) -> str:
    """Name and masked number, with a link for those who may open the person's page."""
    name = shown_name(person, officer)
    if officer.may(Right.PERSON_SEE):
        name = format_html('<a href="{}">{}</a>', reverse("people:person", args=[person.number]), name)
    return format_html("{} <span class='quiet'>{}</span>", name, person.id_mask)


class Rosters(List):
    """Rosters, latest first."""

    id = tables.Column(verbose_name=later("编号", "No."))
    department = tables.Column(verbose_name=later("部门", "Department"))
    kind = tables.Column(verbose_name=later("种类", "Kind"))
    identities = tables.Column(verbose_name=later("身份类别", "Categories"), orderable=False)
    effective_on = Day(verbose_name=later("生效", "From"))
    area = tables.Column(verbose_name=later("地区", "Area"), order_by="area_path")
    rows = Number(verbose_name=later("行数", "Rows"))
    state = tables.Column(verbose_name=later("状态", "State"))
    uploaded_by = tables.Column(verbose_name=later("上传", "Uploaded"), accessor="uploaded_by__name", orderable=False)
    uploaded_at = tables.Column(verbose_name=later("时间", "At"))

    class Meta(List.Meta):
        empty_text = later(
            "还没有名单。点右上角“上传名单”，或先下载模板。", "No rosters yet. Upload one, or fetch the template first."
        )

    def render_id(self, record: Roster) -> str:
        """A link to the roster."""
        return format_html('<a href="{}">{}</a>', reverse("rosters:roster", args=[record.pk]), record)

    def render_department(self, value: str) -> str:
        """Its name."""
        return str(DEPARTMENTS[value])

    def render_kind(self, value: str) -> str:
        """Complete or monthly."""
        return str(KINDS[value])

    def render_identities(self, value: list[str]) -> str:
        """The first three, and how many more."""
        words = say("、", ", ").join(identity_words(code) for code in value[:3])
        return words if len(value) <= 3 else say("{words} 等 {n} 类", "{words} … ({n})", words=words, n=len(value))

    def render_state(self, record: Roster) -> str:
        """A mark."""
        return state(record.shown_state)

    def render_uploaded_at(self, value: Any) -> str:
        """Local time."""
        return instant(value)


class Rows(List):
    """Rows of a roster with what they would change."""

    chosen = tables.Column(empty_values=(), orderable=False)
    number = tables.Column(verbose_name=later("行", "Row"), empty_values=())
    name = tables.Column(verbose_name=later("姓名", "Name"), attrs={"td": {"class": "name"}})
    id_mask = tables.Column(verbose_name=later("证件号码", "Number"), orderable=False, attrs={"td": {"class": "tight"}})
    identity = tables.Column(verbose_name=later("类别", "Category"))
    known = tables.Column(
        verbose_name=later("已知", "Known"), empty_values=(), orderable=False, attrs={"td": {"class": "tight"}}
    )
    target = tables.Column(
        verbose_name=later("应用后", "After applying"),
        empty_values=(),
        orderable=False,
        attrs={"td": {"class": "tight"}},
    )
    reasons = tables.Column(verbose_name=later("原因", "Why"), empty_values=(), orderable=False)
    decision = tables.Column(verbose_name=later("决定", "Decision"), empty_values=())

    class Meta(List.Meta):
        empty_text = later("这一类没有行。", "There are no such rows.")

    def __init__(
        self, *args: Any, marks: Mapping[int, IdentityMark], choosable: bool, names: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.marks = marks
        self.names = names
        if choosable:
            self.columns["chosen"].column.verbose_name = format_html(
                '<input type="checkbox" data-checks="input[name=rows]" aria-label="{}">',
                say("全选本页", "all on this page"),
            )
        else:
            self.columns.hide("chosen")

    def render_chosen(self, record: RosterRow) -> str:
        """A box to choose the row by."""
        label = say("第{n}行", "row {n}", n=record.number or record.name)
        return format_html('<input type="checkbox" name="rows" value="{}" aria-label="{}">', record.pk, label)

    def render_number(self, record: RosterRow) -> str:
        """The row of the file, or that the file lacks it."""
        where = reverse("rosters:row", args=[record.roster_id, record.pk])
        return format_html('<a href="{}">{}</a>', where, record.number or say("名单无", "not in it"))

    def render_identity(self, value: str) -> str:
        """Its words."""
        return identity_words(value)

    def render_known(self, record: RosterRow) -> str:
        """The marks that would be replaced."""
        return "；".join(period(self.marks[mark].valid) for mark in record.basis if mark in self.marks) or "—"

    def render_target(self, record: RosterRow) -> str:
        """The period that would be recorded; of wholly withdrawn ones, that."""
        if record.change == "none":
            return "—"
        return period(record.target) if record.target else say("整段撤销", "none of it")

    def render_reasons(self, record: RosterRow) -> str:
        """All of them, one a line; candidates by their number."""
        lines = [text_of(reason, names=self.names) for reason in (*record.reasons, *record.warnings)]
        if record.candidates and record.undecided:
            lines.append(say("候选 {n} 人", "{n} candidates", n=len(record.candidates)))
        return format_html_join("", "<div>{}</div>", ((line,) for line in lines))

    def render_decision(self, record: RosterRow) -> str:
        """What was decided, or that it still has to be."""
        if record.decision:
            return format_html("<b>{}</b> <span class='quiet'>{}</span>", DECISIONS[record.decision], record.note)
        if record.needs:
            return format_html('<span class="mark mark-bad">{}</span>', say("待决定", "undecided"))
        return ""


class Deadlines(List):
    """What was due, and whether it came."""

    state = tables.Column(verbose_name=later("情况", "Status"), orderable=False)
    due_on = Day(verbose_name=later("期限", "Due"), orderable=False)
    department = tables.Column(verbose_name=later("部门", "Department"), accessor="duty__department", orderable=False)
    identity = tables.Column(verbose_name=later("身份类别", "Category"), accessor="duty__identity", orderable=False)
    kind = tables.Column(verbose_name=later("名单", "List"), accessor="duty__kind", orderable=False)
    area = tables.Column(verbose_name=later("地区", "Area"), accessor="duty__area", orderable=False)
    roster = tables.Column(verbose_name=later("收到", "Received"), default="—", orderable=False)
    responsible = tables.Column(verbose_name=later("责任人", "Responsible"), empty_values=(), orderable=False)
    citation = tables.Column(
        verbose_name=later("依据", "Article"), accessor="duty__citation", orderable=False, default="—"
    )

    class Meta(List.Meta):
        empty_text = later("这个月没有登记报送时限。", "No deadlines are entered for this month.")

    def __init__(self, *args: Any, editable: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.editable = editable

    def render_state(self, value: Any) -> str:
        """A mark."""
        return state(value)

    def render_department(self, value: str) -> str:
        """Its name."""
        return str(DEPARTMENTS[value])

    def render_identity(self, record: Due, value: str) -> str:
        """The category; officers change the duty from here."""
        words = identity_words(value)
        return (
            format_html('<a href="{}">{}</a>', reverse("rosters:duty", args=[record.duty.pk]), words)
            if self.editable
            else words
        )

    def render_kind(self, value: str) -> str:
        """Complete or monthly."""
        return str(KINDS[value])

    def render_roster(self, value: Roster) -> str:
        """The first roster that came, and when."""
        return format_html(
            '<a href="{}">{}</a> {}', reverse("rosters:roster", args=[value.pk]), value, day(value.uploaded_at)
        )

    def render_responsible(self, record: Due) -> str:
        """Who has to see to it."""
        who = record.duty.responsible
        return who.name if who else format_html('<span class="mark mark-wait">{}</span>', say("未指定", "nobody"))


class Gaps(List):
    """Work items of one kind."""

    chosen = tables.Column(empty_values=(), orderable=False)
    person = tables.Column(verbose_name=later("人员", "Person"), empty_values=(), orderable=False)
    detail = tables.Column(verbose_name=later("情况", "What"), orderable=False)
    found_at = tables.Column(verbose_name=later("发现", "Found"))
    responsible = tables.Column(
        verbose_name=later("责任人", "Responsible"),
        accessor="responsible__name",
        default="—",
        order_by="responsible__name",
    )
    due_on = tables.Column(verbose_name=later("期限", "Due"), default="—")
    note = tables.Column(verbose_name=later("备注", "Note"), orderable=False)
    close_why = tables.Column(verbose_name=later("办结", "Closed"), orderable=False)

    class Meta(List.Meta):
        empty_text = later("没有这一类缺口。点“重新排查”再查一遍。", "No such gap. Start a new census to look again.")

    def __init__(self, *args: Any, choosable: bool, closed: bool, today: Any, officer: Officer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today, self.officer = today, officer
        if choosable:
            self.columns["chosen"].column.verbose_name = format_html(
                '<input type="checkbox" data-checks="input[name=items]" aria-label="{}">',
                say("全选本页", "all on this page"),
            )
        else:
            self.columns.hide("chosen")
        if not closed:
            self.columns.hide("close_why")

    def render_chosen(self, record: GapItem) -> str:
        """A box to choose the item by."""
        return format_html('<input type="checkbox" name="items" value="{}" aria-label="{}">', record.pk, record.pk)

    def render_person(self, record: GapItem) -> str:
        """Name and masked number."""
        if record.person is None:
            return f"{record.detail.get('name', '')} {record.detail.get('mask', '')}"
        return _shown(record.person, self.officer)

    def render_detail(self, value: dict[str, Any]) -> str:
        """What was found, in words."""
        pieces = [identity_words(value["identity"])] if value.get("identity") else []
        if value.get("department") in DEPARTMENTS:
            pieces.append(str(DEPARTMENTS[value["department"]]))
        if value.get("day"):
            pieces.append(say("到 {day}", "until {day}", day=value["day"]))
        if value.get("household"):
            pieces.append(say("户号 {n}", "household {n}", n=value["household"]))
        if value.get("roster"):
            pieces.append(
                say("名单 {n:06d} 第 {row} 行", "roster {n:06d}, row {row}", n=value["roster"], row=value.get("row"))
            )
        if value.get("other"):
            pieces.append(say("与人员 {n:010d} 相同", "same as person {n:010d}", n=value["other"]))
        return " · ".join(pieces)

    def render_found_at(self, value: Any) -> str:
        """The day."""
        return day(value)

    def render_due_on(self, value: Any) -> str:
        """The day; what is overdue stands out."""
        return (
            format_html('<span class="mark mark-bad">{}</span>', value.isoformat())
            if value < self.today
            else value.isoformat()
        )

    def render_close_why(self, record: GapItem) -> str:
        """How and by whom."""
        if not record.close_why:
            return ""
        return f"{CLOSED[record.close_why]} {record.closed_by.name if record.closed_by else ''} {day(record.closed_at)}"


class PastChanges(List):
    """Persons and periods of the past that a roster changed."""

    person = tables.Column(verbose_name=later("人员", "Person"), orderable=False)
    identity = tables.Column(verbose_name=later("身份类别", "Category"), orderable=False)
    kind = tables.Column(verbose_name=later("变化", "Change"), orderable=False)
    period = tables.Column(verbose_name=later("期间", "Period"), orderable=False, attrs={"td": {"class": "tight"}})
    by_withdrawal = tables.Column(verbose_name=later("来自", "From"), orderable=False)

    class Meta(List.Meta):
        empty_text = later("这份名单没有改变过去。", "This roster did not change the past.")

    def __init__(self, *args: Any, officer: Officer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.officer = officer

    def render_person(self, record: PastChange) -> str:
        """Name and masked number."""
        return _shown(record.person, self.officer)

    def render_identity(self, value: str) -> str:
        """Its words."""
        return identity_words(value)

    def render_kind(self, value: str) -> str:
        """Gained or lost."""
        return say("补上身份", "gained") if value == "gained" else say("失去身份", "lost")

    def render_period(self, value: Any) -> str:
        """First and last day."""
        return period(value)

    def render_by_withdrawal(self, value: bool) -> str:
        """Applied or withdrawn."""
        return say("撤回", "withdrawal") if value else say("应用", "applying")
