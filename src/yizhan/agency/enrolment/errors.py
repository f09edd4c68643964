"""What enrolment refuses, and why."""

from __future__ import annotations

from yizhan.errors import InputProblem


class AlreadyEnrolled(InputProblem):
    code = "already_enrolled"
    zh = "{name} {year} 年度已经参加{scheme_zh}（{since} 起），一个人一年只参加一种。"
    en = "{name} is already insured for {year} ({scheme_en}, since {since}); a person has one insurance a year."


class EnrolledElsewhere(InputProblem):
    code = "enrolled_elsewhere"
    zh = "{name} {year} 年度已在别的县区参加{scheme_zh}（{since} 起）。请先由上级经办机构处理重复参保。"
    en = "{name} is insured for {year} in another county ({scheme_en}, since {since}). Let the city's bureau decide the double enrolment first."


class PersonDied(InputProblem):
    code = "person_died"
    zh = "{name} 已于 {died_on} 去世，不能参保。"
    en = "{name} died on {died_on} and cannot be enrolled."


class NotEnrolled(InputProblem):
    code = "not_enrolled"
    zh = "{name} {year} 年度没有居民参保登记。"
    en = "{name} has no resident enrolment for {year}."


class DayNotInYear(InputProblem):
    code = "day_not_in_year"
    zh = "{on} 不在 {first} 至 {last} 之间。"
    en = "{on} does not lie between {first} and {last}."


class PeriodNotLonger(InputProblem):
    code = "period_not_longer"
    zh = "{year} 年度的集中缴费期已经到 {now} 为止；只能延长，不能缩短。"
    en = "the collection period for {year} already lasts until {now}; it can be made longer only."


class CountyNeeded(InputProblem):
    code = "county_needed"
    zh = "“{name}”不是县级区划；资助和税务名单按县办理。"
    en = "“{name}” is no county; subsidies and lists for the tax office are made by county."


class BatchOpen(InputProblem):
    code = "batch_open"
    zh = "{name} {year} 年度还有未办结的资助批次；请先核定、退回或撤回。"
    en = "{name} still has an open batch of subsidies for {year}; approve, refuse or withdraw it first."


class BatchNotReady(InputProblem):
    code = "batch_not_ready"
    zh = "批次 {number} 现在是“{state_zh}”，不能这样办。"
    en = "batch {number} is “{state_en}” now, so this cannot be done."


class NothingToDecide(InputProblem):
    code = "nothing_to_decide"
    zh = "批次 {number} 没有需要资助或追回的人。"
    en = "batch {number} has nobody to subsidise or claim back from."


class AccountChanged(InputProblem):
    code = "account_changed"
    zh = "批次 {number} 测算以后，有 {count} 人的资助已变动；请撤回后重新测算。"
    en = "the subsidies of {count} people changed after batch {number} was computed; withdraw it and compute anew."


class DocumentNeeded(InputProblem):
    code = "document_needed"
    zh = "这一批要由{who_zh}申请；请填写申请文号。"
    en = "{who_en} must apply for this batch; give the number of the application."


class FileAlreadyTaken(InputProblem):
    code = "file_already_taken"
    zh = "同样内容的文件已于 {when} 由 {by} 上传，没有再次处理。"
    en = "a file with the same content was uploaded on {when} by {by}; it was not taken again."


class ColumnMissing(InputProblem):
    code = "column_missing"
    zh = "缺少“{column_zh}”一列。需要的列：{needed_zh}。可下载模板填写。"
    en = "the column “{column_en}” is missing. Needed: {needed_en}. A template can be downloaded."


class BadCell(InputProblem):
    code = "bad_cell"
    zh = "第 {row} 行“{column_zh}”：{why_zh}"
    en = "row {row}, “{column_en}”: {why_en}"


class FileEmpty(InputProblem):
    code = "file_empty"
    zh = "文件里没有数据行。"
    en = "the file has no rows."


class NothingForList(InputProblem):
    code = "nothing_for_list"
    zh = "{name} {year} 年度没有新增或变动，不需要新的名单。"
    en = "nothing is new or changed for {name} and {year}; no list is needed."


class ListNotReady(InputProblem):
    code = "list_not_ready"
    zh = "名单 {number} 还在生成，请稍后下载。"
    en = "list {number} is still being made; download it later."


class DecisionNotAllowed(InputProblem):
    code = "decision_not_allowed"
    zh = "“{kind_zh}”不能这样处理；可选：{allowed_zh}。"
    en = "“{kind_en}” cannot be decided so; choose among: {allowed_en}."


class NothingToRefund(InputProblem):
    code = "nothing_to_refund"
    zh = "{name} 没有多缴的钱。"
    en = "{name} has paid nothing too much."


class MoreThanPaid(InputProblem):
    code = "more_than_paid"
    zh = "退费 {fen} 元超过可退的 {most} 元。"
    en = "a refund of {fen} yuan exceeds the {most} yuan that may be paid back."


class RefundOpen(InputProblem):
    code = "refund_open"
    zh = "{name} 已有一笔待核定的退费。"
    en = "a refund for {name} is waiting for approval already."


class OtherBureau(InputProblem):
    code = "other_bureau"
    zh = "要终止的{scheme_zh}参保不在您的辖区。请由同时管辖两地的上级经办机构处理：跨县由市级，跨市由省级。"
    en = "the enrolment to end ({scheme_en}) lies beyond your area. Let the bureau above both decide: across counties the city's, across cities the province's."


class BothEnrolled(InputProblem):
    code = "both_enrolled"
    zh = "两条记录在 {years} 年度都有参保或资助，合并后会成为两份。请先按重复参保终止其中一份（有资助或缴费的先退清），再合并。"
    en = "both records are enrolled or subsidised for {years}, which merging would double. End one of them as double enrolment first (take back what was granted or paid), then merge."


class NoPolicyThere(InputProblem):
    code = "no_policy_there"
    zh = "{area} 没有可用的政策，不能结算。"
    en = "there is no policy for {area}, so nothing can be settled there."


class NoSuchInsurer(InputProblem):
    code = "no_such_insurer"
    zh = "当地政策里没有“{insurer}”这项补充保险；可选：{known_zh}。"
    en = "the area's policies name no supplementary insurance “{insurer}”; choose among: {known_en}."


class WrongCoverDays(InputProblem):
    code = "wrong_cover_days"
    zh = "终保日期 {last} 早于起保日期 {first}。"
    en = "the last day {last} is before the first day {first}."


class CoverOverlaps(InputProblem):
    code = "cover_overlaps"
    zh = "{name} 已登记“{insurer}” {first} 至 {last}，日期重叠。登记错了的，请先撤销原来的。"
    en = "{name} holds “{insurer}” from {first} to {last} already, and the days overlap. If that is wrong, withdraw it first."


class CoverWithdrawn(InputProblem):
    code = "cover_withdrawn"
    zh = "这份补充保险已经撤销（{why}）。"
    en = "this cover was withdrawn already ({why})."


class WhyWithdrawn(InputProblem):
    code = "why_withdrawn"
    zh = "请写明撤销的原因。"
    en = "say why it is withdrawn."


class FileTooLong(InputProblem):
    code = "file_too_long"
    zh = "文件有 {rows} 行，一次最多 {most} 行。请分成几份。"
    en = "the file has {rows} rows; at most {most} are taken at once. Split it."
