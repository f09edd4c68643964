"""What care refuses. `ORDER` lists the refusals of a settlement in the order in which they are checked (docs/refusals.md)."""

from __future__ import annotations

from yizhan.agency.enrolment.errors import NoPolicyThere
from yizhan.agency.staff.errors import NotAllowed, NotFound
from yizhan.errors import InputProblem, Problem

# --- Settling ---------------------------------------------------------------------------------------------------------


class MessageReused(InputProblem):
    code = "message_reused"
    zh = "请求编号 {message} 已经用于另一笔结算，内容不同。请换一个编号；如果是重发，请原样重发。"
    en = "message {message} was used for another settlement with other content. Use a new number; to repeat one, send it unchanged."


class VisitCancelled(InputProblem):
    code = "visit_cancelled"
    zh = "就诊 {visit} 已取消，不能结算。要结算请重新登记就诊。"
    en = "visit {visit} was cancelled and cannot be settled; register the visit again."


class VisitNotApproved(InputProblem):
    code = "visit_not_approved"
    zh = "{visit} 还没有复核；手工报销由另一人复核后才结算。"
    en = "{visit} has not been approved; a paper bill is settled when a second person approves it."


class NotDischarged(InputProblem):
    code = "not_discharged"
    zh = "就诊 {visit} 还没有出院日期。请先登记出院；住院中要结算，请做中途结算。"
    en = "visit {visit} has no day of discharge. Record the discharge first, or settle mid-stay."


class DischargeAhead(InputProblem):
    code = "discharge_ahead"
    zh = "就诊 {visit} 的出院日期 {day} 还没有到（今天 {today}）。请更正日期。"
    en = "visit {visit} is discharged on {day}, which is still ahead (today {today}). Correct the day."


class AlreadySettled(InputProblem):
    code = "already_settled"
    zh = "{institution} 的就诊 {visit} 已经结算过（结算号 {settlement}）。要改请先撤销。"
    en = "visit {visit} of {institution} was settled already (settlement {settlement}). Reverse it first to change it."


class NothingToSettle(InputProblem):
    code = "nothing_to_settle"
    zh = "就诊 {visit} 没有费用。请先录入费用明细。"
    en = "visit {visit} has no cost. Enter bill lines first."


class RefundsExceedBill(InputProblem):
    code = "refunds_exceed_bill"
    zh = "就诊 {visit} 的退费大于收费（{pot_zh} 合计 {amount} 元）。请核对退费明细。"
    en = "visit {visit} has more refunds than charges ({pot_en}: {amount} yuan). Check the refund lines."


class LinesOutsideStay(InputProblem):
    code = "lines_outside_stay"
    zh = "就诊 {visit} 有 {count} 条费用不在 {admitted} 至 {discharged} 之间，第一条是 {first}。请更正费用日期或出入院日期。"
    en = "visit {visit} has {count} lines outside {admitted} – {discharged}; the first is on {first}. Correct their day or that of the stay."


class PersonDead(InputProblem):
    code = "person_dead"
    zh = "登记的死亡日期是 {died}，出院日期 {discharged} 在它以后。请核对人员或更正出院日期。"
    en = "the person is recorded as having died on {died}, and was discharged on {discharged}, after that. Check the person, or correct the day of discharge."


class NoAgreement(InputProblem):
    code = "no_agreement"
    zh = "{institution} 在 {on} 没有有效的定点协议：{why_zh}。请联系协议管理部门。"
    en = "{institution} had no agreement in force on {on}: {why_en}. Ask the bureau that manages agreements."


class CareNotCovered(InputProblem):
    code = "care_not_covered"
    zh = "{institution} 的协议不包括“{care_zh}”。"
    en = "the agreement of {institution} does not cover {care_en}."


class StayOverlaps(InputProblem):
    code = "stay_overlaps"
    zh = "这个人在 {admitted} 至 {discharged} 已有一次住院结算（{where_zh}），时间重叠。请核对出入院日期；对方有误时请医保局协调撤销。"
    en = "a stay of this person from {admitted} to {discharged} ({where_en}) is settled already and overlaps. Check the days; if the other is wrong, have it reversed."


class NotRegisteredDisease(InputProblem):
    code = "not_registered_disease"
    zh = "就诊 {visit} 按门诊慢特病办理，但没有这个病的有效登记（诊断：{diagnoses}）。请补诊断、先办登记，或按普通门诊登记就诊。"
    en = "visit {visit} is for a chronic or special disease, but no registration of it is in force (diagnoses: {diagnoses}). Add the diagnosis, file the registration, or register the visit as ordinary outpatient care."


class FirstPartOpen(InputProblem):
    code = "first_part_open"
    zh = "就诊 {visit} 是 {first} 的接续，前一段还没有有效的结算。请先结算前一段。"
    en = "visit {visit} continues {first}, which has no settlement in force. Settle the first part first."


class CutTooEarly(InputProblem):
    code = "cut_too_early"
    zh = "就诊 {visit} 中途截断，而这一段的费用还没有超过起付标准。中途结算不能减轻起付：请把截断以后的费用并回来，或以后再截断。"
    en = "visit {visit} was cut, and this part's cost does not exceed the deductible. Cutting a stay must not save a deductible: put the later charges back, or cut later."


class LaterBillSettled(InputProblem):
    code = "later_bill_settled"
    zh = "这个人 {on} 已有一单结算在后面；{visit}（{day}）早于它，请按先后顺序录入。"
    en = "a bill of {on} was settled for this person already; {visit} ({day}) is earlier. Enter bills in their order."


class FiguresChanged(InputProblem):
    code = "figures_changed"
    zh = "预结算以后情况有变：{what_zh}原为 {before} 元，现在是 {now} 元，没有结算。请看新的一单，再确认。"
    en = "something changed since the preview: {what_en} was {before} yuan and is now {now}; nothing was settled. Look at the new bill, then confirm."


class Busy(InputProblem):
    code = "person_busy"
    zh = "这个人的另一笔业务正在办理，等了 {seconds} 秒还没有完成。没有写入任何数据，请再试一次。"
    en = "something else is being done for this person and did not end within {seconds} seconds. Nothing was written; try again."


ORDER: tuple[type[Problem], ...] = (
    Busy, NotFound, NotAllowed, MessageReused, VisitNotApproved, VisitCancelled, NotDischarged, DischargeAhead, AlreadySettled, NoAgreement,
    CareNotCovered, PersonDead, NotRegisteredDisease, NothingToSettle, LinesOutsideStay, FirstPartOpen, StayOverlaps, LaterBillSettled, NoPolicyThere,
    RefundsExceedBill, CutTooEarly, FiguresChanged,
)  # fmt: skip
"""Between RefundsExceedBill and CutTooEarly the engine reads and settles the bill, and may refuse it for its own reasons."""


# --- Reversing and changing -------------------------------------------------------------------------------------------


class NotSettled(InputProblem):
    code = "not_settled"
    zh = "就诊 {visit} 没有有效的结算，不能{act_zh}。"
    en = "visit {visit} has no settlement in force that could be {act_en}."


class NotToday(InputProblem):
    code = "not_today"
    zh = "窗口只能撤销当天的结算；这一笔是 {on} 的，请由经办机构撤销。"
    en = "the window reverses settlements of the same day only; this one is of {on}. Ask the bureau to reverse it."


class ContinuationStands(InputProblem):
    code = "continuation_stands"
    zh = "就诊 {visit} 有接续的一段（{next}），不能单独{act_zh}。请先处理接续的一段。"
    en = "visit {visit} goes on in {next} and cannot be {act_en} alone. See to that part first."


class NotPlanned(InputProblem):
    code = "not_planned"
    zh = "就诊 {visit} 现在是“{state_zh}”，不是预约，不能办理入院。"
    en = "visit {visit} is “{state_en}” now, no planned admission."


class NotHeld(InputProblem):
    code = "not_held"
    zh = "这一笔没有待评审的金额。"
    en = "nothing of this settlement waits for a review."


class VisitFrozen(InputProblem):
    code = "visit_frozen"
    zh = "就诊 {visit} 已经结算，不能再改。请先撤销结算，或办理退费、更正。"
    en = "visit {visit} is settled and cannot be changed. Reverse the settlement first, or refund or correct it."


class NotOfTheWindow(InputProblem):
    code = "not_of_the_window"
    zh = "{visit} 来自{source_zh}，不能在窗口更改。手工报销请在手工报销里更改并重新送复核；以往账单请在结算上更正。"
    en = "{visit} is a {source_en} and is not changed at the window. Change a paper bill on its own page and send it for review again; correct a past bill while it is settled."


class WhyNeeded(InputProblem):
    code = "why_needed"
    zh = "请写明原因。"
    en = "give the reason."


class NoRuleAsks(InputProblem):
    code = "no_rule_asks"
    zh = "当地政策里，就诊 {visit} 的医疗类别（{care_zh}）没有看救助申请的规定，批准了也不改变支付。"
    en = "no rule of the area looks at an application for assistance in visit {visit} ({care_en}); approving it would change nothing."


class ApprovedAlready(InputProblem):
    code = "application_approved"
    zh = "就诊 {visit} 这个人 {year} 年度的救助申请已经批准（{document}）。"
    en = "the application for assistance of the person of visit {visit} was approved already for {year} ({document})."


class NotApproved(InputProblem):
    code = "application_not_approved"
    zh = "就诊 {visit} 这个人当年没有已批准的救助申请，不能撤销。"
    en = "the person of visit {visit} has no approved application for assistance in that year that could be withdrawn."


class DocumentNeeded(InputProblem):
    code = "approval_document_needed"
    zh = "请写明批准的文号或编号。"
    en = "give the number of the approval."


class NothingDue(InputProblem):
    code = "nothing_due"
    zh = "没有可以提出的付款：应补的人都没有登记账号，或者已在待复核的付款里。"
    en = "there is nothing to propose: whoever is owed has no account on record, or a payment waits for a reviewer already."


class ReplayRefused(InputProblem):
    code = "replay_refused"
    zh = "后面的结算 {visit} 不能重算：{why}"
    en = "the later settlement {visit} cannot be recomputed: {why}"


class ConfirmationUsed(InputProblem):
    code = "confirmation_used"
    zh = "这次确认已经用过（结算号 {settlement}），那一笔后来有变动。请看现在的一单，再确认。"
    en = "this confirmation was used before (settlement {settlement}), and that settlement has changed since. Look at the bill as it is now, then confirm."


# --- Visits and lines -------------------------------------------------------------------------------------------------


class VisitNumberTaken(InputProblem):
    code = "visit_number_taken"
    zh = "就诊号 {visit} 已经用过。"
    en = "the visit number {visit} is taken."


class WrongDays(InputProblem):
    code = "visit_days"
    zh = "日期顺序不对：{first} 在前，{second} 在后。请更正入院或出院日期。"
    en = "days out of order: {first} should come before {second}. Correct admission or discharge."


class LineNotThere(InputProblem):
    code = "line_not_there"
    zh = "没有第 {position} 条费用。请刷新后再办。"
    en = "there is no line {position}. Reload and try again."


class TooManyLines(InputProblem):
    code = "too_many_lines"
    zh = "一次就诊最多 {most} 条费用，这样会有 {lines} 条。请做中途结算，分次录入。"
    en = "a visit has at most {most} lines; this would make {lines}. Settle mid-stay and enter them in parts."


class NoLines(InputProblem):
    code = "no_lines"
    zh = "文件里没有费用明细。请核对文件。"
    en = "the file holds no bill lines. Check the file."


class LinesTooLarge(InputProblem):
    code = "lines_too_large"
    zh = "JSON 文件超过 {most} MB。一次就诊最多 5,000 条，请分次上传。"
    en = "the JSON file is larger than {most} MB. A visit has at most 5,000 lines; upload it in parts."


class LinesUnreadable(InputProblem):
    code = "lines_unreadable"
    zh = 'JSON 应为费用明细的列表，或 {{"lines": [...]}}；每条写 on、code、name、quantity、price，可写 amount、signed。请改正后重新上传。'
    en = 'the JSON should be a list of lines, or {{"lines": [...]}}, each with on, code, name, quantity, price, and perhaps amount and signed. Correct it and upload it again.'


class LineUnreadable(InputProblem):
    code = "line_unreadable"
    zh = "第 {row} 行“{column_zh}”{why_zh}。没有录入任何一条，请改正后重新上传。"
    en = "row {row}, {column_en}: {why_en}. No line was entered; correct the file and upload it again."


class NothingToReturn(InputProblem):
    code = "nothing_to_return"
    zh = "没有填要退的数量。请在要退的项目后面填数量。"
    en = "no quantity to return was given. Fill in the quantity beside what is returned."


class OverRefund(InputProblem):
    code = "over_refund"
    zh = "第 {position} 条“{name}”要退的数量超过还没有退的数量。请核对。"
    en = "line {position} “{name}”: more would be returned than is left. Check the quantity."


class MoreThanOwed(InputProblem):
    code = "more_than_owed"
    zh = "就诊 {visit} 的病人还欠 {owed} 元，收的比欠的多，没有记账。请核对金额。"
    en = "the patient of visit {visit} owes {owed} yuan; more than that would be taken, and nothing was booked. Check the amount."


class ReturnNotChanged(InputProblem):
    code = "return_not_changed"
    zh = "第 {position} 条是第 {returned} 条的退费，不能改成别的费用。请删除它，再重新退费。"
    en = "line {position} takes back line {returned} and cannot become another charge. Remove it, then return anew."


class PaymentTaken(InputProblem):
    code = "payment_taken"
    zh = "就诊 {visit} 还有预交金没有退（{yuan} 元）。请先退款，再取消。"
    en = "visit {visit} still holds a deposit of {yuan} yuan. Give it back first, then cancel."


class DepositNotTaken(InputProblem):
    code = "deposit_not_taken"
    zh = "{institution} {why_zh}，不收预交金。个人负担在结算以后收。"
    en = "{institution} {why_en}, so no deposit is taken. The patient's share is taken after settling."


class PaymentTooEarly(InputProblem):
    code = "payment_too_early"
    zh = "就诊 {visit} 还没有结算，只能收预交金或退款。"
    en = "visit {visit} is not settled yet; only a deposit can be taken, or money given back."


class LinesOfHospital(InputProblem):
    code = "lines_of_hospital"
    zh = "费用明细由医院录入和更改。已结算的，医保局可以撤销、退费或更正。"
    en = "bill lines are the hospital's to enter and change. The bureau may reverse, return items of, or correct a settled bill."


class AdmissionAhead(InputProblem):
    code = "admission_ahead"
    zh = "入院（就诊）日期 {day} 还没有到。请改日期，或登记为预约入院。"
    en = "the day of admission {day} is still ahead. Correct it, or register a planned admission."


class BegunAfterDeath(InputProblem):
    code = "begun_after_death"
    zh = "登记的死亡日期是 {died}，就诊从 {admitted} 开始，在它以后，不能登记。请核对证件和日期；死亡登记有误的，请参保地更正。"
    en = "the person is recorded as having died on {died}; a visit that begins on {admitted}, after that, cannot be registered. Check the certificate and the day; if the record of the death is wrong, let the insuring county correct it."


class NotDueYet(InputProblem):
    code = "not_due_yet"
    zh = "就诊 {visit} 在 {settled} 结算，{due} 到期，到期以前没有交清不算拖欠，不能提请认定。期限 {days} 天是{area}政策“约定”里的代用数字：文件没有写期限。"
    en = "visit {visit} was settled on {settled} and is due on {due}; until then nothing is in default, and no finding can be proposed. The {days} days are a stand-in among the choices of {area_en}: no document gives a day."


class ReceiptTaken(InputProblem):
    code = "receipt_taken"
    zh = "收据号 {receipt} 已经用过。请核对，不要重复收款。"
    en = "receipt {receipt} was used already. Check that the money was not taken twice."


class OverPaidBack(InputProblem):
    code = "over_paid_back"
    zh = "要退的金额超过已收的 {yuan} 元。请核对。"
    en = "more would be given back than the {yuan} yuan that were taken. Check the amount."


# --- Settling anew ----------------------------------------------------------------------------------------------------


class DifferenceChanged(InputProblem):
    code = "difference_changed"
    zh = "复核以后这个人的账单或身份又变了，差额与核定的不同。没有改动；请放进新的一批重新测算、复核。"
    en = "this person's bills or identities changed after the approval, and the difference is another. Nothing was changed; compute and approve it in a new batch."


class NobodyTouched(InputProblem):
    code = "nobody_touched"
    zh = "没有选中账单。请核对所选的名单、人员或日期。"
    en = "no bill was selected. Check the roster, the persons or the days."


class PersonsUnknown(InputProblem):
    code = "persons_unknown"
    zh = "本辖区没有这些人员编号：{numbers}。请核对。"
    en = "these person numbers are not of your area: {numbers}. Check them."


class TooManyPersons(InputProblem):
    code = "too_many_persons"
    zh = "一批最多 {most} 人，现在选中 {found} 人。请缩小日期或区划，分几批提出。"
    en = "a batch holds at most {most} persons, and {found} were selected. Narrow the days or the area and propose several."


class AreaOutside(InputProblem):
    code = "area_outside"
    zh = "区划 {area} 不在您的辖区内。请选辖区内的区划。"
    en = "area {area} is not in yours. Choose one in your area."


# --- Arrears ----------------------------------------------------------------------------------------------------------


class NothingOwed(InputProblem):
    code = "nothing_owed"
    zh = "就诊 {visit} 没有欠费，不能提请认定恶意拖欠。"
    en = "nothing is owed for visit {visit}; no default can be proposed."


class DefaultProposed(InputProblem):
    code = "default_proposed"
    zh = "就诊 {visit} 已经提请过认定（{state_zh}）。请先办结那一份。"
    en = "a finding for visit {visit} was proposed already ({state_en}). Decide that one first."


# --- Paper bills ------------------------------------------------------------------------------------------------------


class SettledDirectly(InputProblem):
    code = "settled_directly"
    zh = "“{name}”是直接结算的定点机构，应当在窗口结算。确需手工报销的，请写明原因。"
    en = "bills of {name} are settled directly and belong to its window. Give the reason if this one has to be reimbursed by hand."


class BillTwice(InputProblem):
    code = "bill_twice"
    zh = "同一个人有相近的账单：{found}。确实是另一笔费用的，请写明怎样核对过。"
    en = "this person has a similar bill: {found}. If it is another cost, write how you made sure."


class PotsDisagree(InputProblem):
    code = "pots_disagree"
    zh = "四部分合计 {sum} 元，与发票总额 {total} 元不符。请核对发票和费用清单。"
    en = "the four parts sum to {sum} yuan, the invoice says {total}. Check the invoice and the list of charges."


class ChargesExceedBill(InputProblem):
    code = "charges_exceed_bill"
    zh = "其中的挂号费、诊查费等合计 {charges} 元，超过总额 {total} 元。请核对。"
    en = "registration, consultation and other fees sum to {charges} yuan, more than the bill of {total}. Check them."


class GivenExceedsBill(InputProblem):
    code = "given_exceeds_bill"
    zh = "别处已付 {given} 元，超过总额 {total} 元。请核对。"
    en = "{given} yuan were paid elsewhere, more than the bill of {total}. Check them."


class AttachmentRefused(InputProblem):
    code = "attachment_refused"
    zh = "附件“{name}”不能收：只收 10 MB 以内的 PDF、JPG、PNG。"
    en = "attachment {name} is refused: only PDF, JPG and PNG up to 10 MB."


# --- Files of past bills ----------------------------------------------------------------------------------------------


class BillsUnreadable(InputProblem):
    code = "bills_unreadable"
    zh = '文件应是 JSON：{{"bills": [{{"id_number", "name", "institution", "claim"}}]}}，claim 的写法见 docs/settle.md。{why}'
    en = 'the file should be JSON: {{"bills": [{{"id_number", "name", "institution", "claim"}}]}}, with claims as in docs/settle.md. {why}'


class PersonNotFound(InputProblem):
    code = "bill_person_not_found"
    zh = "没有找到证件号和姓名都相符的人（{mask}）；请先登记。"
    en = "nobody has this number and name ({mask}); register the person first."


class InstitutionNotFound(InputProblem):
    code = "bill_institution_not_found"
    zh = "没有编码为 {code} 的机构。"
    en = "there is no institution with the code {code}."
