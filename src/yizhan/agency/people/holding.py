"""Everything that is held about a person, as tables to print: what the person may ask for (个人信息保护法 44–47).

Numbers stay masked: who asks holds the certificates. `tables` of each part name the database tables that it shows, so
that a test can find one that was forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.utils import timezone

from yizhan.agency.desk.words import Words, say
from yizhan.agency.people import panels, queries
from yizhan.agency.people.models import HouseholdMember, IdentityMark, Merge, Person
from yizhan.agency.people.panels import Held
from yizhan.agency.staff.models import Audit


def everything(person: Person) -> list[Held]:
    """All parts, those of later apps included."""
    return [
        _record(person),
        _marks(person),
        _members(person),
        _accounts(person),
        _merges(person),
        *panels.held(person),
        _looks(person),
    ]


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M")
    return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)


def _rows(*rows: Sequence[object]) -> list[list[str]]:
    return [[_text(value) for value in row] for row in rows]


def _record(person: Person) -> Held:
    records = [person, *Person.objects.filter(merged_into=person).order_by("pk")]
    areas = queries.area_names(p.area_path for p in records)
    columns = (
        Words("人员编号", "Person no."), Words("姓名", "Name"), Words("检索用拼音", "Pinyin, for searching"), Words("性别", "Sex"),
        Words("出生日期", "Born"), Words("死亡日期", "Died"), Words("证件", "Certificate"), Words("号码", "Number"), Words("手机", "Mobile"),
        Words("住址", "Address"), Words("区划", "Area"), Words("登记时间", "Recorded"),
    )  # fmt: skip
    rows = (
        (
            p.number, p.name, p.initials, p.sex_words, p.born_on, p.died_on, p.kind_words, p.id_mask, p.phone_mask, p.address,
            areas[p.area_path], p.recorded_at,
        )
        for p in records
    )  # fmt: skip
    return Held(
        Words("基本信息（含并入的记录）", "The record, with those merged into it"),
        columns,
        _rows(*rows),
        ("people_person",),
    )


def _marks(person: Person) -> Held:
    columns = (
        Words("身份", "Identity"), Words("首日", "First day"), Words("末日", "Last day"), Words("认定部门", "Certified by"),
        Words("文号", "Document"), Words("名单", "Roster"), Words("登记时间", "Recorded"), Words("登记人", "By"),
        Words("撤回时间", "Withdrawn"), Words("撤回人", "By"), Words("撤回理由", "Why"),
    )  # fmt: skip
    marks: list[IdentityMark] = []
    for each in (person, *Person.objects.filter(merged_into=person).order_by("pk")):
        marks += queries.marks_of(each)
    rows = (
        (
            m.words, m.valid.lower, m.last_day, m.department, m.document, m.roster_id, m.recorded_at, m.recorded_by or "",
            m.withdrawn_at, m.withdrawn_by or "", m.withdrawn_why,
        )
        for m in marks
    )  # fmt: skip
    return Held(Words("身份标识", "Identity marks"), columns, _rows(*rows), ("people_identitymark",))


def _members(person: Person) -> Held:
    columns = (
        Words("户号", "Household"), Words("户地址", "Its address"), Words("与户主关系", "Relation to the head"), Words("自", "From"),
        Words("至", "To"), Words("登记时间", "Recorded"), Words("撤回时间", "Withdrawn"),
    )  # fmt: skip
    members = HouseholdMember.objects.filter(person=person).select_related("household").order_by("pk")
    rows = (
        (
            m.household.number,
            m.household.address,
            m.relation_words,
            m.valid.lower,
            m.last_day,
            m.recorded_at,
            m.withdrawn_at,
        )
        for m in members
    )
    return Held(Words("家庭户", "Households"), columns, _rows(*rows), ("people_householdmember", "people_household"))


def _accounts(person: Person) -> Held:
    columns = (
        Words("户名", "Holder"),
        Words("开户行", "Bank"),
        Words("账号", "Account"),
        Words("登记时间", "Recorded"),
        Words("停用时间", "Withdrawn"),
    )
    accounts = person.accounts.order_by("pk")
    rows = ((a.holder, a.bank, a.account_mask, a.recorded_at, a.withdrawn_at) for a in accounts)
    return Held(Words("回补账户", "Accounts for back-payments"), columns, _rows(*rows), ("people_account",))


def _merges(person: Person) -> Held:
    columns = (
        Words("保留", "Kept"), Words("并入", "Merged into it"), Words("依据", "By what"), Words("状态", "State"), Words("申请人", "Proposed by"),
        Words("申请时间", "Proposed"), Words("复核人", "Decided by"), Words("复核时间", "Decided"),
    )  # fmt: skip
    rows = (
        (
            m.kept.number,
            m.dropped.number,
            m.why,
            Merge.STATES[m.state][0],
            m.proposed_by,
            m.proposed_at,
            m.decided_by or "",
            m.decided_at,
        )
        for m in queries.merges_of(person)
    )
    return Held(Words("合并记录", "Merges"), columns, _rows(*rows), ("people_merge",))


def _looks(person: Person) -> Held:
    columns = (Words("时间", "When"), Words("人员", "Who"), Words("事项", "What"), Words("结果", "Outcome"))
    rows = Audit.objects.filter(person_id=person.pk).order_by("-pk")[:1000]
    shown = ((r.at, r.officer_name, act_words(r.act), outcome_words(r.outcome)) for r in rows)
    return Held(Words("谁查看、改动过", "Who looked and who changed"), columns, _rows(*shown), ("staff_audit",))


ACTS = {
    "person.see": Words("打开页面", "opened the page"),
    "person.register": Words("登记", "registered"),
    "person.correct": Words("更正信息", "corrected the record"),
    "person.account": Words("登记账户", "set the account"),
    "person.move": Words("迁移区划", "moved to another area"),
    "person.death": Words("死亡登记", "recorded the death"),
    "person.unmask": Words("查看完整号码", "saw a full number"),
    "person.look_up": Words("窗口核对", "checked at a window"),
    "person.print_held": Words("打印全部信息", "printed everything held"),
    "person.merge_propose": Words("提出合并", "proposed a merge"),
    "person.merge_decide": Words("复核合并", "decided a merge"),
    "person.merge_undo": Words("撤销合并", "undid a merge"),
    "household.add_member": Words("加入家庭户", "added to a household"),
    "household.remove_member": Words("退出家庭户", "removed from a household"),
    "mark.add": Words("增加身份标识", "added a mark"),
    "mark.end": Words("终止身份标识", "ended a mark"),
    "mark.withdraw": Words("撤回身份标识", "withdrew a mark"),
}
"""Acts of this app on a person, as people read them."""


def act_words(act: str) -> str:
    """An act of the audit trail in words; those of other apps stay as they are."""
    return str(ACTS.get(act, act))


def outcome_words(outcome: str) -> str:
    """Done or refused."""
    return say("已办", "done") if outcome == "done" else say("被拒", "refused")
