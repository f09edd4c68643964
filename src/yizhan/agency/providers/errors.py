"""What is wrong with agreements, catalogues, mappings and bill lines, and what to do."""

from __future__ import annotations

from yizhan.errors import InputProblem

# --- Bill lines -------------------------------------------------------------------------------------------------------


class AmountNotPrice(InputProblem):
    code = "amount_not_price"
    zh = "第{number}行“{name}”：金额写的是 {amount} 元，数量×单价是 {expected} 元，相差超过一分；请核对。"
    en = "line {number} “{name}”: the amount says {amount} yuan, quantity × price is {expected} yuan, more than a fen apart; check them."


class LineEmpty(InputProblem):
    code = "line_empty"
    zh = "第{number}行“{name}”：数量是零；请改正或删去这一行。"
    en = "line {number} “{name}”: the quantity is zero; correct the line or delete it."


class LineSigns(InputProblem):
    code = "line_signs"
    zh = "第{number}行“{name}”：单价不能是负数；退费时数量和金额都写负数。"
    en = "line {number} “{name}”: a price is never negative; of a refund, quantity and amount both are."


class LineTooLarge(InputProblem):
    code = "line_too_large"
    zh = "第{number}行“{name}”：{amount} 元超出上限 {most} 元；请核对是否多写了位数。"
    en = "line {number} “{name}”: {amount} yuan exceeds the most accepted, {most} yuan; check for extra digits."


# --- Agreements -------------------------------------------------------------------------------------------------------


class AgreementOverlaps(InputProblem):
    code = "agreement_overlaps"
    zh = "这家机构 {first} 至 {last} 已有协议 {number}，时间重叠；请先解除原协议，或改开始日期。"
    en = "the institution has agreement {number} from {first} to {last}, which overlaps; terminate that one first, or change the first day."


class AgreementNumberTaken(InputProblem):
    code = "agreement_number_taken"
    zh = "这家机构已有编号为 {number} 的协议；请换一个编号。"
    en = "the institution already has an agreement {number}; choose another number."


class DaysOutOfOrder(InputProblem):
    code = "days_out_of_order"
    zh = "最后一天（{last}）早于第一天（{first}）；请改正。"
    en = "the last day ({last}) is before the first ({first}); correct them."


class CareNeeded(InputProblem):
    code = "care_needed"
    zh = "请至少选择一种医疗类别。"
    en = "choose at least one kind of care."


class EventOutside(InputProblem):
    code = "event_outside"
    zh = "日期 {on} 不在协议期内（{first} 至 {last}）；请改正。"
    en = "{on} lies outside the agreement ({first} to {last}); correct the day."


class EventAgain(InputProblem):
    code = "event_again"
    zh = "协议在 {on} 已经是“{state_zh}”，不用再办。"
    en = "on {on} the agreement is “{state_en}” already; there is nothing to do."


class EventEarlier(InputProblem):
    code = "event_earlier"
    zh = "{later} 已有一次变动（{kind_zh}），新的变动不能早于它；请从 {later} 或以后办理。"
    en = "there is a later change ({kind_en} from {later}); a new one cannot be earlier than that. Enter it from {later} on."


class TerminationAtStart(InputProblem):
    code = "termination_at_start"
    zh = "从协议第一天起解除等于从未签订；请用“作废”。"
    en = "terminating from the first day means that it was never signed; use “withdraw” instead."


class AgreementWithdrawn(InputProblem):
    code = "agreement_withdrawn"
    zh = "这份协议已经作废。"
    en = "this agreement has been withdrawn."


class ReasonMissing(InputProblem):
    code = "reason_missing"
    zh = "请写明理由。"
    en = "state the reason."


class DesignationOverlaps(InputProblem):
    code = "designation_overlaps"
    zh = "这家机构在 {first} 至 {last} 已是“{kind_zh}”，时间重叠。"
    en = "the institution is designated for {kind_en} from {first} to {last} already; the periods overlap."


# --- Catalogues -------------------------------------------------------------------------------------------------------


class CatalogueArea(InputProblem):
    code = "catalogue_area"
    zh = "目录由省或市维护；{area_zh}不是省也不是市。"
    en = "catalogues are kept by provinces and cities; {area_en} is neither."


class VersionExists(InputProblem):
    code = "version_exists"
    zh = "{from_on} 起的这类目录已有版本 {number}（{state_zh}）；请先作废或撤回它，或改生效日期。"
    en = "there is a version {number} of this catalogue from {from_on} ({state_en}); drop or withdraw it first, or change the first day."


class CatalogueMoved(InputProblem):
    code = "catalogue_moved"
    zh = "您打开页面以后，现行目录变了，差异要重新看。请刷新页面，核对后再启用。"
    en = "the catalogue in force changed after you opened the page, and with it the differences. Reload it and look again."


class VersionState(InputProblem):
    code = "version_state"
    zh = "目录版本现在是“{now_zh}”，不能这样办。请刷新页面。"
    en = "the version is now “{now_en}”, so this cannot be done. Reload the page."


class FileEmpty(InputProblem):
    code = "catalogue_file_empty"
    zh = "文件是空的，或没有一行数据；请重新选择文件。"
    en = "the file is empty or has no row; choose it again."


class ColumnAbsent(InputProblem):
    code = "column_absent"
    zh = "没有“{column_zh}”这一列；请照模板写表头。"
    en = "there is no column “{column_zh}” ({column_en}); write the header as in the template."


class ColumnStrange(InputProblem):
    code = "column_strange"
    zh = "不认识“{column}”这一列；请照模板改名或删去。"
    en = "unknown column “{column}”; rename it as in the template, or delete it."


class CellWrong(InputProblem):
    code = "cell_wrong"
    zh = "第{row}行“{column_zh}”：{why_zh}。"
    en = "row {row}, {column_en}: {why_en}."


class CodeTwice(InputProblem):
    code = "code_twice"
    zh = "第{row}行：编码 {found} 与第{other}行重复。"
    en = "row {row}: code {found} stands in row {other} already."


class MoreProblems(InputProblem):
    code = "more_problems"
    zh = "另有 {count} 处问题没有列出；改正以上各处后重新上传，会再检查一遍。"
    en = "{count} more problems are not listed; correct these and upload the file again, it is checked anew."


# --- Mappings ---------------------------------------------------------------------------------------------------------


class NotOfInstitution(InputProblem):
    code = "not_of_institution"
    zh = "只有医院管理员可以为本机构上报目录对照。"
    en = "mappings are sent in by a hospital manager, for the own institution."


class NationalCodeUnknown(InputProblem):
    code = "national_code_unknown"
    zh = "第{row}行：国家编码 {found} 不在 {on} 有效的目录里；请核对编码和日期。"
    en = "row {row}: national code {found} is in no catalogue in force on {on}; check code and day."


class MappingNotOpen(InputProblem):
    code = "mapping_not_open"
    zh = "所选的对照已有人处理过；请刷新页面。"
    en = "the chosen mappings were dealt with already; reload the page."


class MappingReplacesAll(InputProblem):
    code = "mapping_replaces_all"
    zh = "“{item}”（{found}）自 {first} 起已有审核通过的对照，新的起始日期 {from_on} 不晚于它；请退回让医院改日期，或先撤销原对照。"
    en = "“{item}” ({found}) has an approved mapping from {first}, and the new one begins on {from_on}, not later; reject it so that the hospital changes the day, or withdraw the old one first."


class NothingSelected(InputProblem):
    code = "nothing_selected"
    zh = "没有选中任何一条。"
    en = "nothing was chosen."


class TooManyMappings(InputProblem):
    code = "too_many_mappings"
    zh = "一次最多上传 {most} 条对照，文件有 {found} 条；请拆开上传。"
    en = "at most {most} mappings are taken at once, the file has {found}; split it."
