"""Who may do what: one table. What it does not grant is denied.

A page names one right (`staff.pages.page`). A right speaks of an act; which persons, rosters or hospitals it reaches is
the scope of the officer (area, department, institution), kept by queries and by the database. docs/rights.md is
made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from yizhan.agency.desk.words import Words


class Role(StrEnum):
    """What an officer is employed for. An administrator is nothing else (三员分立)."""

    COUNTY = "county_officer"
    CITY = "city_officer"
    PROVINCE = "province_officer"
    REVIEWER = "reviewer"
    FINANCE = "finance_officer"
    SUPERVISOR = "supervisor"
    POLICY = "policy_officer"
    AUDITOR = "auditor"
    LIAISON = "liaison"
    WINDOW = "window_clerk"
    HOSPITAL = "hospital_manager"
    SYSTEM_ADMIN = "system_admin"
    SECURITY_ADMIN = "security_admin"
    AUDIT_ADMIN = "audit_admin"

    @property
    def words(self) -> Words:
        """The role's name."""
        return _ROLE_WORDS[self]


_ROLE_WORDS: Mapping[Role, Words] = {
    Role.COUNTY: Words("县级经办员", "county officer"),
    Role.CITY: Words("市级经办员", "city officer"),
    Role.PROVINCE: Words("省级经办员", "province officer"),
    Role.REVIEWER: Words("复核员", "reviewer"),
    Role.FINANCE: Words("基金财务", "finance officer"),
    Role.SUPERVISOR: Words("基金监管员", "supervisor"),
    Role.POLICY: Words("政策管理员", "policy officer"),
    Role.AUDITOR: Words("审计（只读）", "auditor (read only)"),
    Role.LIAISON: Words("部门联络员", "department liaison"),
    Role.WINDOW: Words("医院窗口", "hospital window clerk"),
    Role.HOSPITAL: Words("医院管理员", "hospital manager"),
    Role.SYSTEM_ADMIN: Words("系统管理员", "system administrator"),
    Role.SECURITY_ADMIN: Words("安全管理员", "security administrator"),
    Role.AUDIT_ADMIN: Words("审计管理员", "audit administrator"),
}

ADMINISTRATORS = (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN)


class Right(StrEnum):
    """An act that may be granted."""

    PERSON_SEE = "person.see"
    PERSON_LOOK_UP = "person.look_up"
    PERSON_UNMASK = "person.unmask"
    PERSON_EDIT = "person.edit"
    PERSON_MERGE = "person.merge"
    PERSON_MERGE_DECIDE = "person.merge_decide"
    PERSON_EXPORT = "person.export"
    MARK_EDIT = "mark.edit"
    ROSTER_SEE = "roster.see"
    ROSTER_UPLOAD = "roster.upload"
    ROSTER_DECIDE = "roster.decide"
    ROSTER_REVIEW = "roster.review"
    ROSTER_WITHDRAW = "roster.withdraw"
    GAP_SEE = "gap.see"
    GAP_WORK = "gap.work"
    ENROLMENT_SEE = "enrolment.see"
    ENROLMENT_EDIT = "enrolment.edit"
    SUBSIDY_SEE = "subsidy.see"
    SUBSIDY_PROPOSE = "subsidy.propose"
    SUBSIDY_APPROVE = "subsidy.approve"
    TAX_EXCHANGE = "tax.exchange"
    COVERAGE_SEE = "coverage.see"
    PROVIDER_SEE = "provider.see"
    AGREEMENT_EDIT = "agreement.edit"
    CATALOGUE_SEE = "catalogue.see"
    CATALOGUE_IMPORT = "catalogue.import"
    CATALOGUE_APPLY = "catalogue.apply"
    MAPPING_EDIT = "mapping.edit"
    MAPPING_REVIEW = "mapping.review"
    FILING_SEE = "filing.see"
    FILING_MAKE = "filing.make"
    FILING_OPINE = "filing.opine"
    FILING_DECIDE = "filing.decide"
    VISIT_SEE = "visit.see"
    VISIT_EDIT = "visit.edit"
    SETTLEMENT_SEE = "settlement.see"
    SETTLEMENT_SETTLE = "settlement.settle"
    SETTLEMENT_MANUAL = "settlement.manual"
    SETTLEMENT_REVERSE = "settlement.reverse"
    SETTLEMENT_REVERSE_LATER = "settlement.reverse_later"
    SETTLEMENT_RESETTLE = "settlement.resettle"
    SETTLEMENT_APPROVE = "settlement.approve"
    SETTLEMENT_IMPORT = "settlement.import"
    PATIENT_MONEY = "patient.money"
    LEDGER_SEE = "ledger.see"
    TRANSFER_PROPOSE = "transfer.propose"
    TRANSFER_APPROVE = "transfer.approve"
    MESSAGE_SEE = "message.see"
    MESSAGE_REPLAY = "message.replay"
    LABORATORY_SEE = "laboratory.see"
    LABORATORY_RUN = "laboratory.run"
    LABORATORY_RECORDS = "laboratory.records"
    JOB_SEE = "job.see"
    OFFICER_MANAGE = "officer.manage"
    CEILING_GRANT = "ceiling.grant"
    AREA_MANAGE = "area.manage"
    AUDIT_SEE = "audit.see"

    @property
    def words(self) -> Words:
        """What the right allows."""
        return _RIGHT_WORDS[self]


_RIGHT_WORDS: Mapping[Right, Words] = {
    Right.PERSON_SEE: Words("查看人员（脱敏）", "see persons (masked)"),
    Right.PERSON_LOOK_UP: Words("凭完整证件号和姓名核对一人", "check one person by full number and name"),
    Right.PERSON_UNMASK: Words("按用途查看完整证件号、电话、账号", "see full numbers, for a stated purpose"),
    Right.PERSON_EDIT: Words("登记和更正人员、家庭、联系方式", "register and correct persons and households"),
    Right.PERSON_MERGE: Words("提出合并重复人员", "propose to merge duplicates"),
    Right.PERSON_MERGE_DECIDE: Words("复核、撤销合并", "decide and undo merges"),
    Right.PERSON_EXPORT: Words("导出人员", "export persons"),
    Right.MARK_EDIT: Words("凭文件逐人标识身份", "mark a person's identity by document"),
    Right.ROSTER_SEE: Words("查看名单", "see rosters"),
    Right.ROSTER_UPLOAD: Words("上传名单", "upload rosters"),
    Right.ROSTER_DECIDE: Words("核对差异、处理冲突、送复核", "decide conflicts and send for review"),
    Right.ROSTER_REVIEW: Words("复核并应用名单", "review and apply rosters"),
    Right.ROSTER_WITHDRAW: Words("撤回已应用的名单", "withdraw an applied roster"),
    Right.GAP_SEE: Words("查看缺口", "see gaps"),
    Right.GAP_WORK: Words("分派和办结缺口", "assign and close gaps"),
    Right.ENROLMENT_SEE: Words("查看参保", "see enrolment"),
    Right.ENROLMENT_EDIT: Words("办理参保、处理重复参保", "enrol, resolve double enrolment"),
    Right.SUBSIDY_SEE: Words("查看参保资助", "see premium subsidies"),
    Right.SUBSIDY_PROPOSE: Words("测算并提请资助", "compute and propose subsidies"),
    Right.SUBSIDY_APPROVE: Words("核定资助", "approve subsidies"),
    Right.TAX_EXCHANGE: Words("与税务交换名单和回执", "exchange lists and receipts with the tax office"),
    Right.COVERAGE_SEE: Words("查看参保覆盖", "see coverage"),
    Right.PROVIDER_SEE: Words("查看定点机构和协议", "see institutions and their agreements"),
    Right.AGREEMENT_EDIT: Words("签订、变更、中止定点协议", "make, change and suspend agreements"),
    Right.CATALOGUE_SEE: Words("查看三大目录和对照", "see catalogues and mappings"),
    Right.CATALOGUE_IMPORT: Words("导入目录版本", "import catalogue versions"),
    Right.CATALOGUE_APPLY: Words("复核并启用目录版本", "review and put into force catalogue versions"),
    Right.MAPPING_EDIT: Words("上报医院项目与国家目录的对照", "map hospital items to national items"),
    Right.MAPPING_REVIEW: Words("审核目录对照", "review mappings"),
    Right.FILING_SEE: Words("查看备案、登记和救助证", "see filings, registrations and relief certificates"),
    Right.FILING_MAKE: Words("提出备案和登记", "make filings and registrations"),
    Right.FILING_OPINE: Words("签署医院意见", "give a hospital's opinion"),
    Right.FILING_DECIDE: Words("核准、撤销备案和登记", "decide and revoke filings and registrations"),
    Right.VISIT_SEE: Words("查看就诊和费用明细", "see visits and bill lines"),
    Right.VISIT_EDIT: Words("登记就诊、录入费用", "register visits and enter bill lines"),
    Right.SETTLEMENT_SETTLE: Words("窗口结算", "settle at the window"),
    Right.SETTLEMENT_MANUAL: Words("手工报销外地票据", "reimburse paper bills from elsewhere"),
    Right.SETTLEMENT_REVERSE: Words("撤销当日结算、退费", "reverse settlements of the day, refund lines"),
    Right.SETTLEMENT_REVERSE_LATER: Words("撤销以往结算", "reverse settlements of earlier days"),
    Right.SETTLEMENT_RESETTLE: Words("提出重新结算和回补", "propose re-settlement and back-payment"),
    Right.SETTLEMENT_APPROVE: Words(
        "复核手工报销、回补、待审、恶意拖欠", "approve manual reimbursement, back-payment, held parts, default"
    ),
    Right.PATIENT_MONEY: Words("收退预交金、收取个人负担", "take and return deposits and patients' payments"),
    Right.LEDGER_SEE: Words("查看基金账", "see the books of the funds"),
    Right.TRANSFER_PROPOSE: Words("提出拨款、支付和划转", "propose receipts, payments and transfers"),
    Right.TRANSFER_APPROVE: Words("复核拨款、支付和划转", "approve receipts, payments and transfers"),
    Right.SETTLEMENT_SEE: Words(
        "查看结算记录、追溯涉及的结算", "see settled bills, and those that changes of the past touch"
    ),
    Right.SETTLEMENT_IMPORT: Words("录入已发生的账单并结算", "enter and settle past bills"),
    Right.MESSAGE_SEE: Words(
        "查看医院接口报文和对账（脱敏）", "see messages of hospitals' systems and reconciliation (masked)"
    ),
    Right.MESSAGE_REPLAY: Words(
        "试演报文（办理后撤回，不写入）", "replay a message (carried out, rolled back, not written)"
    ),
    Right.LABORATORY_SEE: Words("查看政策测算", "see studies of the laboratory"),
    Right.LABORATORY_RUN: Words("建立和运行政策测算", "make and run studies of the laboratory"),
    Right.LABORATORY_RECORDS: Words("用本单位的记录做政策测算", "run studies on the bureau's own people and bills"),
    Right.JOB_SEE: Words("查看后台任务", "see background jobs"),
    Right.OFFICER_MANAGE: Words("管理用户和权限", "manage officers and rights"),
    Right.CEILING_GRANT: Words("放宽当日查看上限", "raise a colleague's ceiling for the day"),
    Right.AREA_MANAGE: Words("管理区划和机构", "manage areas and institutions"),
    Right.AUDIT_SEE: Words("查看审计日志", "see the audit trail"),
}

_OFFICERS = (Role.COUNTY, Role.CITY, Role.PROVINCE)
_READERS = (*_OFFICERS, Role.REVIEWER, Role.AUDITOR)
_HOSPITAL = (Role.WINDOW, Role.HOSPITAL)

GRANTED: Mapping[Right, tuple[Role, ...]] = {
    Right.PERSON_SEE: (*_READERS, Role.SUPERVISOR),
    Right.PERSON_LOOK_UP: _HOSPITAL,
    Right.PERSON_UNMASK: (*_OFFICERS, Role.REVIEWER, Role.SUPERVISOR),
    Right.PERSON_EDIT: (Role.COUNTY, Role.CITY),
    Right.PERSON_MERGE: (Role.COUNTY, Role.CITY),
    Right.PERSON_MERGE_DECIDE: (Role.REVIEWER,),
    Right.PERSON_EXPORT: _OFFICERS,
    Right.MARK_EDIT: (Role.COUNTY, Role.CITY),
    Right.ROSTER_SEE: (*_READERS, Role.LIAISON),
    Right.ROSTER_UPLOAD: (Role.LIAISON, Role.COUNTY, Role.CITY),
    Right.ROSTER_DECIDE: (Role.COUNTY, Role.CITY),
    Right.ROSTER_REVIEW: (Role.REVIEWER,),
    Right.ROSTER_WITHDRAW: (Role.REVIEWER,),
    Right.GAP_SEE: (*_READERS, Role.SUPERVISOR),
    Right.GAP_WORK: (Role.COUNTY, Role.CITY),
    Right.ENROLMENT_SEE: (*_READERS, Role.FINANCE),
    Right.ENROLMENT_EDIT: _OFFICERS,
    Right.SUBSIDY_SEE: (*_READERS, Role.FINANCE),
    Right.SUBSIDY_PROPOSE: (Role.COUNTY, Role.CITY),
    Right.SUBSIDY_APPROVE: (Role.FINANCE,),
    Right.TAX_EXCHANGE: (Role.COUNTY, Role.CITY, Role.FINANCE),
    Right.COVERAGE_SEE: (*_READERS, Role.FINANCE, Role.SUPERVISOR, Role.POLICY),
    Right.PROVIDER_SEE: (*_READERS, Role.FINANCE, Role.SUPERVISOR, *_HOSPITAL),
    Right.AGREEMENT_EDIT: _OFFICERS,
    Right.CATALOGUE_SEE: (*_READERS, Role.SUPERVISOR, Role.POLICY, *_HOSPITAL),
    Right.CATALOGUE_IMPORT: (Role.CITY, Role.PROVINCE),
    Right.CATALOGUE_APPLY: (Role.REVIEWER,),
    Right.MAPPING_EDIT: (Role.HOSPITAL,),
    Right.MAPPING_REVIEW: _OFFICERS,
    Right.FILING_SEE: (*_READERS, Role.SUPERVISOR, *_HOSPITAL),
    Right.FILING_MAKE: (Role.COUNTY, Role.CITY, *_HOSPITAL),
    Right.FILING_OPINE: _HOSPITAL,
    Right.FILING_DECIDE: (Role.COUNTY, Role.CITY, Role.REVIEWER),
    Right.VISIT_SEE: (*_READERS, Role.SUPERVISOR, *_HOSPITAL),
    Right.VISIT_EDIT: (*_HOSPITAL, Role.COUNTY, Role.CITY),
    Right.SETTLEMENT_SETTLE: (Role.WINDOW,),
    Right.SETTLEMENT_MANUAL: (Role.COUNTY, Role.CITY),
    Right.SETTLEMENT_REVERSE: (Role.WINDOW, Role.COUNTY, Role.CITY),
    Right.SETTLEMENT_REVERSE_LATER: (Role.COUNTY, Role.CITY),
    Right.SETTLEMENT_RESETTLE: (Role.COUNTY, Role.CITY),
    Right.SETTLEMENT_APPROVE: (Role.REVIEWER,),
    Right.PATIENT_MONEY: (Role.WINDOW,),
    Right.LEDGER_SEE: (*_READERS, Role.FINANCE),
    Right.TRANSFER_PROPOSE: (Role.FINANCE,),
    Right.TRANSFER_APPROVE: (Role.REVIEWER,),
    Right.SETTLEMENT_SEE: (*_READERS, Role.FINANCE, Role.SUPERVISOR, *_HOSPITAL),
    Right.SETTLEMENT_IMPORT: (Role.COUNTY, Role.CITY),
    Right.MESSAGE_SEE: (*_READERS, Role.SUPERVISOR, *_HOSPITAL),
    Right.MESSAGE_REPLAY: (Role.COUNTY, Role.CITY, Role.HOSPITAL),
    Right.LABORATORY_SEE: (*_READERS, Role.FINANCE, Role.SUPERVISOR, Role.POLICY),
    Right.LABORATORY_RUN: (Role.POLICY, Role.CITY, Role.PROVINCE),
    Right.LABORATORY_RECORDS: (Role.CITY, Role.PROVINCE),
    Right.JOB_SEE: (*_READERS, Role.FINANCE, Role.POLICY, Role.LIAISON, Role.SYSTEM_ADMIN),
    Right.OFFICER_MANAGE: (Role.SECURITY_ADMIN,),
    Right.CEILING_GRANT: (Role.REVIEWER, Role.SECURITY_ADMIN),
    Right.AREA_MANAGE: (Role.SYSTEM_ADMIN,),
    Right.AUDIT_SEE: (Role.AUDIT_ADMIN, Role.AUDITOR),
}


def rights_of(roles: list[str]) -> frozenset[Right]:
    """All that these roles together allow."""
    return frozenset(right for right, granted in GRANTED.items() if set(granted) & set(roles))


def as_page() -> str:
    """The table as docs/rights.md shows it: rights in rows, roles in columns."""
    roles = list(Role)
    lines = [
        "# 权限表 Rights",
        "",
        "本页由 `yizhan/agency/staff/rights.py` 生成；没有写“●”的一律不允许。人员、名单、医院能看到哪些，另由区划、部门、机构的范围限定，",
        "由查询和数据库行级安全两道把关。三类管理员（系统、安全、审计）各自只任一职，数据库拒绝兼任。",
        "",
        "Rendered from `yizhan/agency/staff/rights.py`; what has no ● is denied. Which persons, rosters and hospitals an act reaches is the",
        "officer's scope (area, department, institution), kept by the queries and by row-level security. The three administrators hold that one",
        "role and no other; the database refuses two.",
        "",
        "| 权限 right | " + " | ".join(role.words.zh for role in roles) + " |",
        "|---|" + ":-:|" * len(roles),
    ]
    for right in Right:
        marks = " | ".join("●" if role in GRANTED[right] else "" for role in roles)
        lines.append(f"| {right.words.zh}<br>{right.words.en} `{right}` | {marks} |")
    lines += ["", "| 岗位 role | English | code |", "|---|---|---|"]
    lines += [f"| {role.words.zh} | {role.words.en} | `{role}` |" for role in roles]
    return "\n".join(lines) + "\n"
