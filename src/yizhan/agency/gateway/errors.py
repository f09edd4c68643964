"""What the gateway refuses. The words go to a hospital's system as `err_msg`, followed by the code in brackets."""

from __future__ import annotations

from yizhan.errors import InputProblem

# --- The message ------------------------------------------------------------------------------------------------------


class MessageUnreadable(InputProblem):
    code = "message_unreadable"
    zh = "报文读不出：{why_zh}。请发送一个 UTF-8 的 JSON 对象。"
    en = "the message cannot be read: {why_en}. Send one JSON object in UTF-8."


class FieldMissing(InputProblem):
    code = "field_missing"
    zh = "{field} 不能为空"
    en = "{field} is missing"


class FieldWrong(InputProblem):
    code = "field_wrong"
    zh = "{field}“{value}”不对：应为{form_zh}"
    en = "{field} “{value}” is wrong: it should be {form_en}"


class UnknownTransaction(InputProblem):
    code = "unknown_transaction"
    zh = "交易报文不正确：未知交易编号 {infno}"
    en = "the message is not right: unknown transaction number {infno}"


class NotServed(InputProblem):
    code = "transaction_not_served"
    zh = "本平台不办理 {infno}（{name_zh}）：{why_zh}"
    en = "{infno} ({name_en}) is not served here: {why_en}"


# --- Who calls --------------------------------------------------------------------------------------------------------


class NotConnected(InputProblem):
    code = "not_connected"
    zh = "机构 {institution} 没有开通医院接口，或者已停用。请联系医保局。"
    en = "institution {institution} has no access to the hospital interface, or it was stopped. Ask the bureau."


class SignatureRefused(InputProblem):
    code = "signature_refused"
    zh = "签名不对（{why_zh}）。请核对密钥、签名算法和时间。"
    en = "the signature is refused ({why_en}). Check the key, the algorithm and the clock."


class OutsideWindow(InputProblem):
    code = "message_too_old"
    zh = "签名时间与平台时间相差超过 {minutes} 分钟。请核对时钟，用新的时间重新签名，报文号不变。"
    en = "the signature's time is more than {minutes} minutes off the platform's. Check the clock and sign again, with the same message number."


class NotFromHere(InputProblem):
    code = "source_refused"
    zh = "这个机构的接口不验签，只能从本机或内网发送；报文来自 {source}。"
    en = "messages of this institution carry no signature and are taken from this machine or the internal net only; this one came from {source}."


class NoSuchKey(InputProblem):
    code = "sm2_key_wrong"
    zh = "{where} 不是 SM2 {what_zh}。应为 PEM 文件（openssl ecparam -name SM2 -genkey -noout），或十六进制。"
    en = "{where} is no SM2 {what_en}. It should be a PEM file (openssl ecparam -name SM2 -genkey -noout), or hexadecimal."


class TooManyMessages(InputProblem):
    code = "too_many_messages"
    zh = "报文太密，这一条没有受理。请稍候 1 秒，按原报文号重发。"
    en = "too many messages; this one was not taken. Wait a second and send it again under the same number."


class SignInNeeded(InputProblem):
    code = "sign_in_needed"
    zh = "签到编号（sign_no）{why_zh}。请先签到（9001），再发送。"
    en = "the sign-in number (sign_no) {why_en}. Sign in first (9001), then send."


# --- Once, and only once ----------------------------------------------------------------------------------------------


class NumberUsed(InputProblem):
    code = "message_number_used"
    zh = "报文号 {msgid} 已经用于另一条内容不同的报文（{infno}）。请换一个报文号。"
    en = "message number {msgid} was used for another message with other content ({infno}). Use a new number."


class NoAccessYet(InputProblem):
    code = "no_access_yet"
    zh = "机构 {institution} 还没有开通接口。请先用 --profile 选择验签方式。"
    en = "institution {institution} has no access yet. Choose how it signs with --profile first."


class MessageVoid(InputProblem):
    code = "message_void"
    zh = "报文 {msgid} 已经冲正，不再受理。请用新的报文号重新办理。"
    en = "message {msgid} was reversed and is not taken any more. Do it again under a new number."


class Fault(InputProblem):
    code = "gateway_fault"
    zh = "系统故障（编号 {number}），结果未知。请按原报文号重发，或用 2601 冲正后再查询。"
    en = "a fault of the system (number {number}); the outcome is unknown. Send the message again under its number, or reverse it (2601) and ask."


# --- What is asked ----------------------------------------------------------------------------------------------------


class PersonUnknown(InputProblem):
    code = "insured_person_not_found"
    zh = "没有找到参保人（{asked}），或者姓名不符。请核对证件；确属参保人的，请到医保经办机构登记。"
    en = "no insured person was found ({asked}), or the name differs. Check the certificate, or have the person registered at the bureau."


class CertificateNotRead(InputProblem):
    code = "certificate_not_read"
    zh = "本平台还没有接通{what_zh}的解码，不能只凭它办理。请用居民身份证（mdtrt_cert_type 02），或同时填证件号码 certno。"
    en = "{what_en} cannot be decoded here yet. Use the resident ID card (mdtrt_cert_type 02), or also give its number in certno."


class CertificateNotShown(InputProblem):
    code = "certificate_not_shown"
    zh = "本机构没有出示过人员 {psn_no} 的证件。请先按证件查询人员信息（1101），或在登记时填证件号码（mdtrt_cert_no）。"
    en = "your institution never showed the certificate of person {psn_no}. Look the person up by it first (1101), or give its number when you register (mdtrt_cert_no)."


class VisitUnknown(InputProblem):
    code = "visit_not_found"
    zh = "没有找到就诊 {mdtrt_id}（人员 {psn_no}），或者不是本机构通过接口登记的。"
    en = "visit {mdtrt_id} (person {psn_no}) was not found, or your institution did not register it over the interface."


class SettlementUnknown(InputProblem):
    code = "settlement_not_found"
    zh = "没有找到结算 {setl_id}（就诊 {mdtrt_id}）。"
    en = "settlement {setl_id} (visit {mdtrt_id}) was not found."


class SettlementTakenBack(InputProblem):
    code = "settlement_taken_back"
    zh = "结算 {setl_id} 已经撤销；这次就诊后来重新结算为 {now}。没有再撤销，要撤销请用 {now}。"
    en = "settlement {setl_id} was cancelled already; the visit was settled anew as {now}. Nothing was cancelled; use {now} if that is meant."


class TotalsDiffer(InputProblem):
    code = "totals_differ"
    zh = "医疗费总额不符：报文 {theirs} 元，已上传的明细合计 {ours} 元。没有结算。请核对明细上传是否完整。"
    en = "the total cost differs: the message says {theirs} yuan, the lines uploaded sum to {ours}. Nothing was settled. Check that all lines were uploaded."


class LineTwice(InputProblem):
    code = "line_uploaded_twice"
    zh = "费用明细流水号 {sn} 重复。已上传的不再上传；要改请先撤销（2205、2302）。"
    en = "line number {sn} occurs twice. What was uploaded is not uploaded again; cancel it first (2205, 2302) to change it."


class LineUnknown(InputProblem):
    code = "line_not_found"
    zh = "没有费用明细流水号 {sn}。"
    en = "there is no line number {sn}."


class ReturnDiffers(InputProblem):
    code = "return_differs"
    zh = "退费明细 {sn} 的金额是 {theirs} 元，按原明细应退 {ours} 元。"
    en = "the returned line {sn} says {theirs} yuan; by the line that it returns it is {ours}."


class CareUnknown(InputProblem):
    code = "care_not_mapped"
    zh = "医疗类别 {med_type} 没有对应的本地待遇，不能登记。"
    en = "med_type {med_type} has no benefits here and cannot be registered."


class WrongCare(InputProblem):
    code = "care_of_other_transaction"
    zh = "就诊 {mdtrt_id} 是“{care_zh}”，不能用交易 {infno} 办理。"
    en = "visit {mdtrt_id} is {care_en}; transaction {infno} is not for it."


class SettledStays(InputProblem):
    code = "settled_visit_stays"
    zh = "就诊 {mdtrt_id} 已经结算，{what_zh}不能再改。请先撤销结算。"
    en = "visit {mdtrt_id} is settled, and its {what_en} cannot be changed. Cancel the settlement first."


class CannotReverse(InputProblem):
    code = "cannot_reverse"
    zh = "报文 {omsgid}（{oinfno}）不能冲正：{why_zh}。"
    en = "message {omsgid} ({oinfno}) cannot be reversed: {why_en}."


class ChangedSince(InputProblem):
    code = "changed_since"
    zh = "就诊 {mdtrt_id} 的{what_zh}后来又改过，不能再恢复，没有冲正。请用 2402、2403、2203 直接报送正确的内容。"
    en = "visit {mdtrt_id}: {what_en} changed again since and cannot be put back; nothing was reversed. Send what is right with 2402, 2403 or 2203."


class NotReplayed(InputProblem):
    code = "message_not_replayed"
    zh = "这条报文（{infno}）不能试演：内容没有留存，或者解不开。"
    en = "this message ({infno}) cannot be replayed: its content was not kept, or cannot be opened."


class FileUnknown(InputProblem):
    code = "file_not_found"
    zh = "没有文件 {number}，或者已过下载期限。"
    en = "there is no file {number}, or its time is over."


class FileUnreadable(InputProblem):
    code = "file_unreadable"
    zh = "文件 {name} 读不出：{why_zh}。"
    en = "file {name} cannot be read: {why_en}."


class MappingNotWaiting(InputProblem):
    code = "mapping_not_waiting"
    zh = "项目 {code} 没有待审核的对照，没有撤销任何一条。已经审核的，请医保局终止。"
    en = "no mapping of item {code} awaits review; none was taken back. One that was reviewed is ended by the bureau."


class InstitutionUnknown(InputProblem):
    code = "institution_not_found"
    zh = "没有机构 {code}，或者已停止服务。请用 1201 查询机构编码。"
    en = "there is no institution {code}, or it closed. Ask for its code with 1201."


class FilingUnknown(InputProblem):
    code = "filing_not_found"
    zh = "没有备案 {number}，或者不是本机构为这个人提出的。"
    en = "there is no filing {number}, or your institution did not make it for this person."


class ListDiffers(InputProblem):
    code = "settlement_list_differs"
    zh = "结算清单与结算不符：{what} 清单 {theirs}，结算 {ours}。没有保存，请改正后重新上传。"
    en = "the settlement list differs from the settlement: {what} is {theirs} there and {ours} here. It was not kept; correct it and send it again."


class ClearingDiffers(InputProblem):
    code = "clearing_differs"
    zh = "清算申请与平台不符：{what} 报文 {theirs}，平台 {ours}。没有登记，请先对账（3201、3202）。"
    en = "the application for clearing differs: {what} is {theirs} in the message and {ours} here. It was not taken; reconcile first (3201, 3202)."


class ClearingThere(InputProblem):
    code = "clearing_overlaps"
    zh = "这一清算类别在 {first}—{last} 里已有申请 {number}。要重新申请，请先撤销它（3204）。"
    en = "days from {first} to {last} stand in application {number} of this kind already. Take it back first (3204)."


class ClearingUnknown(InputProblem):
    code = "clearing_not_found"
    zh = "没有清算申请 {number}，或者已经撤销。"
    en = "there is no application for clearing {number}, or it was taken back."


class NeverHere(InputProblem):
    code = "person_not_treated_here"
    zh = "本机构没有通过接口为 {psn_no} 登记过这段时间的就诊，不能查询。"
    en = "your institution registered no visit of {psn_no} in that time over the interface, so this is not told."


# --- The played hospital (`./yizhan his`) -----------------------------------------------------------------------------


class AddressWrong(InputProblem):
    code = "address_wrong"
    zh = "地址“{address}”不对：应为 http://主机:端口 或 https://主机"
    en = "the address “{address}” is wrong: it should be http://host:port or https://host"


class NotReached(InputProblem):
    code = "platform_not_reached"
    zh = "连不上 {address}：{why}。请核对地址，并确认平台已经运行。"
    en = "{address} cannot be reached: {why}. Check the address, and that the platform runs."


class Refused(InputProblem):
    code = "answered_refusal"
    zh = "{infno} 被退回：{text}"
    en = "{infno} was refused: {text}"


class PatientsNeeded(InputProblem):
    code = "patients_needed"
    zh = "没有机构 {institution} 的演示病人。请用 --patients 给一份 CSV：每行“证件号,姓名”。"
    en = "there are no made-up patients for institution {institution}. Give a CSV with --patients: number,name in each row."
