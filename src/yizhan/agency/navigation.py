"""What stands in the column on the left: which page, in which words, for whom. One table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from yizhan.agency.desk.words import Words
from yizhan.agency.staff.rights import Right


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation, shown to those who hold the right."""

    page: str
    words: Words
    right: Right | None


@dataclass(frozen=True, slots=True)
class Group:
    """Pages that belong together, under one heading."""

    words: Words
    entries: tuple[Entry, ...]


GROUPS = (
    Group(
        Words("工作台", "Desk"),
        (Entry("staff:home", Words("首页", "Home"), None),),
    ),
    Group(
        Words("人员与身份", "People"),
        (
            Entry("people:list", Words("人员", "People"), Right.PERSON_SEE),
            Entry("people:look_up", Words("核对身份", "Check a person"), Right.PERSON_LOOK_UP),
            Entry("people:merges", Words("重复人员", "Duplicates"), Right.PERSON_SEE),
            Entry("rosters:list", Words("名单", "Rosters"), Right.ROSTER_SEE),
            Entry("rosters:deadlines", Words("报送时限", "Deadlines"), Right.ROSTER_SEE),
            Entry("rosters:gaps", Words("缺口排查", "Gaps"), Right.GAP_SEE),
        ),
    ),
    Group(
        Words("参保与资助", "Enrolment"),
        (
            Entry("enrolment:list", Words("参保登记", "Enrolment"), Right.ENROLMENT_SEE),
            Entry("enrolment:coverage", Words("参保覆盖", "Coverage"), Right.COVERAGE_SEE),
            Entry("enrolment:subsidies", Words("参保资助", "Premium subsidy"), Right.SUBSIDY_SEE),
            Entry("enrolment:tax", Words("税务交换", "Tax office"), Right.TAX_EXCHANGE),
            Entry("enrolment:covers", Words("补充保险", "Supplementary"), Right.ENROLMENT_SEE),
            Entry("enrolment:doubles", Words("重复参保", "Double enrolment"), Right.ENROLMENT_SEE),
        ),
    ),
    Group(
        Words("医药管理", "Providers"),
        (
            Entry("providers:list", Words("定点机构", "Institutions"), Right.PROVIDER_SEE),
            Entry("providers:catalogues", Words("三大目录", "Catalogues"), Right.CATALOGUE_SEE),
            Entry("providers:items", Words("查项目", "Look up an item"), Right.CATALOGUE_SEE),
            Entry("providers:mappings", Words("目录对照", "Mappings"), Right.CATALOGUE_SEE),
        ),
    ),
    Group(
        Words("备案", "Filings"),
        (
            Entry("filings:list", Words("备案办理", "Filings"), Right.FILING_SEE),
            Entry("filings:new", Words("提出备案", "Make a filing"), Right.FILING_MAKE),
            Entry("filings:check", Words("核验救助证", "Certificates"), Right.FILING_SEE),
            Entry("filings:terms", Words("备案期限", "Terms of filings"), Right.FILING_SEE),
        ),
    ),
    Group(
        Words("结算", "Settlement"),
        (
            Entry("care:visits", Words("窗口", "Window"), Right.VISIT_SEE),
            Entry("care:list", Words("结算记录", "Settled bills"), Right.SETTLEMENT_SEE),
            Entry("care:verify", Words("核验结算单", "Verify a bill"), Right.SETTLEMENT_SEE),
            Entry("care:arrears", Words("欠费", "Arrears"), Right.SETTLEMENT_SEE),
            Entry("care:held", Words("待审支付", "Held parts"), Right.SETTLEMENT_SEE),
            Entry("care:paper_bills", Words("手工报销", "Paper bills"), Right.LEDGER_SEE),
            Entry("care:touched", Words("待重新结算", "To settle anew"), Right.SETTLEMENT_SEE),
            Entry("care:resettlements", Words("重新结算", "Re-settlement"), Right.LEDGER_SEE),
            Entry("care:policies", Words("政策文件", "Documents"), Right.SETTLEMENT_SEE),
            Entry("care:dues", Words("回补款", "Back-payments"), Right.LEDGER_SEE),
        ),
    ),
    Group(
        Words("医院接口", "Interface"),
        (
            Entry("gateway:messages", Words("报文", "Messages"), Right.MESSAGE_SEE),
            Entry("gateway:reconciliation", Words("对账", "Reconciliation"), Right.MESSAGE_SEE),
            Entry("gateway:callers", Words("接入机构", "Callers"), Right.MESSAGE_SEE),
        ),
    ),
    Group(
        Words("基金", "Funds"),
        (
            Entry("ledger:overview", Words("基金账", "Funds"), Right.LEDGER_SEE),
            Entry("ledger:movements", Words("拨款和支付", "Movements"), Right.LEDGER_SEE),
        ),
    ),
    Group(
        Words("实验室", "Laboratory"),
        (
            Entry("laboratory:list", Words("政策测算", "Studies"), Right.LABORATORY_SEE),
            Entry("laboratory:new", Words("新建测算", "New study"), Right.LABORATORY_RUN),
        ),
    ),
    Group(
        Words("系统", "System"),
        (
            Entry("jobs:list", Words("后台任务", "Jobs"), Right.JOB_SEE),
            Entry("staff:officers", Words("用户与权限", "Officers and rights"), Right.OFFICER_MANAGE),
            Entry("staff:grants", Words("当日查看上限", "Ceilings today"), Right.CEILING_GRANT),
            Entry("staff:areas", Words("区划与机构", "Areas and institutions"), Right.AREA_MANAGE),
            Entry("staff:audit", Words("审计日志", "Audit trail"), Right.AUDIT_SEE),
            Entry("api:documentation", Words("数据接口", "API"), None),
        ),
    ),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context of the layout: the groups and entries that this officer may open, the present one marked."""
    officer = getattr(request, "user", None)
    if officer is None or not officer.is_authenticated:
        return {"groups": (), "demo": settings.DEMO}
    match = request.resolver_match
    here = match.view_name if match else ""
    shown = []
    for group in GROUPS:
        entries = [
            {"url": url, "words": e.words, "here": here == e.page}
            for e in group.entries
            if (e.right is None or officer.may(e.right)) and (url := _address(e.page))
        ]
        if entries:
            shown.append({"words": group.words, "entries": entries})
    of_hospital = officer.institution_id is not None and officer.may(Right.VISIT_SEE)
    find = _address("care:find") if of_hospital else _address("people:list") if officer.may(Right.PERSON_SEE) else ""
    return {
        "groups": shown, "can_find": bool(find), "find_url": find, "find_visits": of_hospital, "demo": settings.DEMO,
    }  # fmt: skip


def _address(page: str) -> str:
    """The page's address, or "" where its app is not installed; the tests of rights hold every entry to exist."""
    try:
        return reverse(page)
    except NoReverseMatch:
        return ""
