"""What can be wrong with a table that somebody sends, as `child.py` names it, and with one that we write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from yizhan.errors import InputProblem, Problem


class UploadTooLarge(InputProblem):
    code = "upload_too_large"
    zh = "文件有 {found_mb} MB，最多 {most_mb} MB；请拆成几个文件上传。"
    en = "the file has {found_mb} MB, at most {most_mb} MB are accepted; split it and upload the parts."


class UnpacksTooLarge(InputProblem):
    code = "unpacks_too_large"
    zh = "文件展开后过大（最多 {most_mb} MB，最多为压缩后的 {ratio} 倍）；请只保留名单所在的工作表，另存后再上传。"
    en = "unpacked, the file is too large (at most {most_mb} MB and {ratio} times its packed size); keep only the sheet with the table and save it anew."


class TooManyParts(InputProblem):
    code = "too_many_parts"
    zh = "工作簿由 {found} 个部分组成，最多 {most} 个；请把名单单独存成一个工作簿。"
    en = "the workbook consists of {found} parts, at most {most} are accepted; save the table as a workbook of its own."


class UploadNeedsTooMuch(InputProblem):
    code = "upload_needs_too_much"
    zh = "读这个文件所需的内存或时间超出限度；请拆成几个文件，或把名单复制到新的工作簿后再上传。"
    en = "reading this file needs more memory or time than allowed; split it, or copy the table into a new workbook."


class UnknownKind(InputProblem):
    code = "unknown_kind"
    zh = "只接受 .xlsx 和 .csv 文件；请另存为其中一种后再上传。"
    en = "only .xlsx and .csv files are accepted; save the table as one of them."


class NotAWorkbook(InputProblem):
    code = "not_a_workbook"
    zh = "文件名是 .xlsx，内容却不是 Excel 工作簿；请用 Excel 或 WPS 打开后另存为 .xlsx。"
    en = "the name says .xlsx but the content is no workbook; open it in Excel or WPS and save it as .xlsx."


class NotACsv(InputProblem):
    code = "not_a_csv"
    zh = "文件名是 .csv，内容却不是 UTF-8 或 GB18030 文本；请另存为“CSV UTF-8（逗号分隔）”。"
    en = "the name says .csv but the content is no text in UTF-8 or GB18030; save it as “CSV UTF-8”."


class OldWorkbook(InputProblem):
    code = "old_workbook"
    zh = "这是旧格式（.xls）或加了密码的工作簿；请去掉密码，另存为 .xlsx。"
    en = (
        "this is a workbook in the old format (.xls), or one with a password; remove the password and save it as .xlsx."
    )


class MacroRefused(InputProblem):
    code = "macro_refused"
    zh = "不接受含宏的工作簿；请另存为不含宏的 .xlsx。"
    en = "workbooks with macros are refused; save it as .xlsx, without macros."


class ExternalLinkRefused(InputProblem):
    code = "external_link_refused"
    zh = "工作簿链接到别的文件；请在“数据—编辑链接”中断开链接，只保留数值。"
    en = "the workbook links to other files; break the links (Data, Edit Links) and keep values only."


class DoctypeRefused(InputProblem):
    code = "doctype_refused"
    zh = "工作簿的“{part}”里有 DOCTYPE 声明，正常的 Excel 文件没有；请把名单复制到新的工作簿。"
    en = (
        "the part “{part}” has a DOCTYPE declaration, which no normal workbook has; copy the table into a new workbook."
    )


class UnreadableWorkbook(InputProblem):
    code = "unreadable_workbook"
    zh = "文件已损坏或加了密码，读不出来；请用 Excel 或 WPS 打开，把名单复制到新的工作簿后另存。"
    en = "the file is damaged or has a password and cannot be read; open it in Excel or WPS and copy the table into a new workbook."


class SheetMissing(InputProblem):
    code = "sheet_missing"
    zh = "没有可见的工作表“{sheet}”；现有：{known}。"
    en = "there is no visible sheet “{sheet}”; there are: {known}."


class NoHeader(InputProblem):
    code = "no_header"
    zh = "前 {within} 行里没有找到表头（至少两列有名称的一行）；请照模板写上表头。"
    en = "no header (a row with at least two names) in the first {within} rows; write it as the template shows."


class ColumnNamedTwice(InputProblem):
    code = "column_named_twice"
    zh = "表头里“{column}”出现了两次；请改名或删去一列。"
    en = "the header has “{column}” twice; rename or delete one of the columns."


class ColumnWithoutName(InputProblem):
    code = "column_without_name"
    zh = "{cells} 有内容，这一列在表头里却没有名称；请补上名称，或清空这些单元格。"
    en = "{cells:en} hold something, but the header has no name for the column; name it, or clear these cells."


class CellOutside(InputProblem):
    code = "cell_outside"
    zh = "第 {row} 行 {column} 列在模板之外；请删去该单元格的内容。"
    en = "row {row}, column {column} is outside the template; clear that cell."


class TooManyRows(InputProblem):
    code = "too_many_rows"
    zh = "名单超过 {most} 行；请拆成几个文件上传。"
    en = "the table has more than {most} rows; split it and upload the parts."


class FormulaInCell(InputProblem):
    code = "formula_in_cell"
    zh = "{cells} 是公式，显示的值不一定是真的；请复制这些单元格，用“选择性粘贴—数值”贴回。"
    en = "{cells:en} hold formulas, and what they show need not be true; copy these cells and paste them as values."


class ErrorInCell(InputProblem):
    code = "error_in_cell"
    zh = "{cells} 是错误值、无效的数字或不存在的日期；请改正。"
    en = "{cells:en} hold an error, an invalid number or a day that never was; correct them."


class NumberLostDigits(InputProblem):
    code = "number_lost_digits"
    zh = "{cells}：身份证号、银行卡号等长号码被 Excel 存成了数字，末几位已丢失；请把该列设为“文本”，照原件重新填写。"
    en = "{cells:en}: Excel stored long numbers, such as ID or bank card numbers, as numbers and lost their last digits; format the column as text and enter them again from the original."


class CellTooLong(InputProblem):
    code = "cell_too_long"
    zh = "{cells} 的文字超过 32767 个字；请缩短。"
    en = "the text of {cells:en} has more than 32,767 characters; shorten it."


class LineTooLong(InputProblem):
    code = "line_too_long"
    zh = "第 {row} 行超过 {most} 个字；这不是一张表。"
    en = "line {row} has more than {most} characters; this is no table."


class BadQuotes(InputProblem):
    code = "bad_quotes"
    zh = "第 {row} 行的引号没有成对；请用 Excel 或 WPS 重新另存为 CSV。"
    en = "the quotation marks of row {row} do not match; save the table as CSV anew, from Excel or WPS."


class MalwareSuspected(InputProblem):
    code = "malware_suspected"
    zh = "安全扫描没有放行这个文件；文件没有打开，请联系系统管理员。"
    en = "the malware scan did not pass this file; it was not opened. Ask the system administrator."


class ScanFailed(InputProblem):
    code = "scan_failed"
    zh = "安全扫描没有完成，文件没有打开；请稍后再试，或联系系统管理员。"
    en = (
        "the malware scan did not finish, so the file was not opened; try again later, or ask the system administrator."
    )


BY_CODE: dict[str, type[InputProblem]] = {
    kind.code: kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, InputProblem) and kind.code
}


class Cells:
    """The cells that a problem is about: the first ones by name, then how many there are in all."""

    def __init__(self, cells: Sequence[str], count: int) -> None:
        self._cells = cells
        self._count = count

    def __format__(self, spec: str) -> str:
        more = len(self._cells) < self._count
        joint, rest = (", ", " and others ({count} in all)") if spec == "en" else ("、", "等 {count} 处")
        return joint.join(self._cells) + (rest.format(count=self._count) if more else "")

    def __str__(self) -> str:
        return format(self, "zh")


def problem_from_child(code: str, found: dict[str, Any]) -> Problem:
    """The problem that the reading process named; lists of cells written out."""
    count, cells = found.pop("count", 0), found.pop("cells", None)
    if isinstance(cells, list) and isinstance(count, int):
        found["cells"] = Cells(cells, count)
    known = found.get("known")
    if isinstance(known, list):
        found["known"] = "、".join(map(str, known))
    return BY_CODE[code](**found)
