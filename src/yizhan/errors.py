"""Everything that yizhan refuses, and the words in which it does so.

    Problem                one thing found to be wrong: code, zh, en
    ├── InputProblem         in what a caller sent (a claim, a table, an option)
    ├── PolicyProblem        in a policy document: begins with file:line and article
    └── EngineFault          a broken promise of our own (never the caller's fault)
    Problems               all that was found in one upload, raised together

A situation is a class. Its `zh` and `en` say what was found and what to do; the words in braces are filled from the
keyword arguments. A problem is raised when it stands alone and collected when more may follow, so that somebody who
uploads a file sees all of its mistakes at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class Problem(Exception):
    """One thing found to be wrong, in Chinese and English, with a stable code."""

    code: ClassVar[str] = ""
    zh: ClassVar[str] = ""
    en: ClassVar[str] = ""

    def __init__(self, *, at: str = "", **found: object) -> None:
        self.at = at
        self.found = found
        super().__init__(self.text("en"))

    def text(self, lang: str = "zh") -> str:
        """The message in `zh` or `en`, led by where it was found."""
        words = (self.zh if lang == "zh" else self.en).format(**self.found)
        joint = "：" if lang == "zh" else ": "
        return f"{self.at}{joint}{words}" if self.at else words

    def as_dict(self) -> dict[str, str]:
        """The problem as other programs read it."""
        return {"code": self.code, "at": self.at, "zh": self.text("zh"), "en": self.text("en")}

    def __str__(self) -> str:
        return self.text("en")


class InputProblem(Problem):
    """Something in what the caller sent. `at` is the path to it, such as `claims[0].amounts.total`."""


class PolicyProblem(Problem):
    """Something in a policy document. `at` is `file:line 文号 条`."""


class EngineFault(Problem):
    """A promise of the engine itself does not hold. Nothing was paid; report it."""

    code = "engine_fault"
    zh = "引擎自检没有通过：{what}。结果已作废，没有写入任何数据，请报告开发者。"
    en = "the engine's own check failed: {what}. The result is void and nothing was written; please report this."


class Problems(Exception):
    """All problems found in one input, in the order in which they were found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(p.text("en") for p in self.problems))


# --- What a caller may have sent -------------------------------------------------------------------------------------


class NotJson(InputProblem):
    code = "not_json"
    zh = "不是有效的 JSON（第{line}行第{column}列）：{why}。请检查引号和逗号。"
    en = "not valid JSON (line {line}, column {column}): {why}. Check quotes and commas."


class Unreadable(InputProblem):
    code = "unreadable"
    zh = "读不到：{why}。请检查路径和权限。"
    en = "cannot be read: {why}. Check the path and the permissions."


class Unwritable(InputProblem):
    code = "unwritable"
    zh = "写不了：{why}。请检查路径、权限和磁盘空间。"
    en = "cannot be written: {why}. Check the path, the permissions and the space on the disk."


class WrongShape(InputProblem):
    code = "wrong_shape"
    zh = "应为{expected_zh}，实为 {found}。"
    en = "should be {expected_en}, found {found}."


class UnknownKey(InputProblem):
    code = "unknown_key"
    zh = "不认识的项“{key}”。{hint_zh}"
    en = "unknown key “{key}”. {hint_en}"


class MissingKey(InputProblem):
    code = "missing_key"
    zh = "缺少“{key}”（{meaning}）。"
    en = "“{key}” is missing ({meaning})."


class SaidTwice(InputProblem):
    code = "said_twice"
    zh = "“{key}”和“{other}”是同一项，只能写一个。"
    en = "“{key}” and “{other}” are the same fact; give one of them."


class UnknownValue(InputProblem):
    code = "unknown_value"
    zh = "“{value}”不是“{fact_zh}”的值；可用：{allowed_zh}。"
    en = "“{value}” is not a value of {fact_en}; allowed: {allowed_en}."


class BadAmount(InputProblem):
    code = "bad_amount"
    zh = '{value} 不是金额；请写成以元为单位、两位小数的文本，例如 "1234.50"。'
    en = 'found {value}, which is not an amount; write yuan as text with two decimals, for example "1234.50".'


class AmountTooLarge(InputProblem):
    code = "amount_too_large"
    zh = "{value} 元超出单笔上限 {most} 元；请核对是否多写了位数。"
    en = "{value} yuan exceeds the largest amount accepted, {most} yuan; check for extra digits."


class AmountsDisagree(InputProblem):
    code = "amounts_disagree"
    zh = "费用总额 {total} 元，各部分合计 {parts} 元，相差 {gap} 元；请核对{what_zh}。"
    en = "the total is {total} yuan but the parts sum to {parts} yuan, a gap of {gap} yuan; check {what_en}."


class ChargesByYear(InputProblem):
    code = "charges_by_year"
    zh = "住院按年末切开时，收费项目要分年：请改用带日期的明细 lines（每行可写 charge）。"
    en = "where a stay is cut at the year's end, its charges belong to years: give dated lines, each with its charge, instead."


class BadDate(InputProblem):
    code = "bad_date"
    zh = "“{value}”不是日期；请写成 2019-10-01 的形式。"
    en = "“{value}” is not a date; write it as 2019-10-01."


class DatesOutOfOrder(InputProblem):
    code = "dates_out_of_order"
    zh = "{first_zh}（{first}）晚于{second_zh}（{second}）；请核对。"
    en = "{first_en} ({first}) is after {second_en} ({second}); check them."


class ClaimsOutOfOrder(InputProblem):
    code = "claims_out_of_order"
    zh = "这一单（{on}）早于前一单（{before}）；同一人的各单须按结算先后排列。"
    en = "this claim ({on}) comes before the one listed above it ({before}); list a person's claims in the order of settling."


class DuplicateClaim(InputProblem):
    code = "duplicate_claim"
    zh = "单号“{claim}”出现了两次；一次就诊只能结算一次。"
    en = "claim number “{claim}” occurs twice; one visit is settled once."


class BadIdNumber(InputProblem):
    code = "bad_id_number"
    zh = "身份证号 {masked} 不对：{why_zh}。"
    en = "ID number {masked} is wrong: {why_en}."


class BadCode(InputProblem):
    code = "bad_code"
    zh = "“{value}”不是{what_zh}；应为{form_zh}。"
    en = "“{value}” is not {what_en}; it should be {form_en}."


class NoPolicyForArea(InputProblem):
    code = "no_policy_for_area"
    zh = "没有统筹区 {area} 的政策。已有：{known}。"
    en = "there is no policy for area {area}. Available: {known}."


class NoPolicyForDate(InputProblem):
    code = "no_policy_for_date"
    zh = (
        "{area} 的政策自 {first} 起{until_zh}，没有 {on} 适用的规定，不能算。请医保局政策岗录入那一天施行的文件，再算。"
    )
    en = (
        "the policies of {area} begin on {first}{until_en}; none applies on {on}, so nothing can be settled. Let the bureau "
        "enter the documents in force on that day first."
    )


class FactNeeded(InputProblem):
    code = "fact_needed"
    zh = "缺少“{fact_zh}”（{key}）：{needed_by} 要看它才能决定{layer}。请补上。"
    en = "“{key}” ({fact_en}) is missing: {needed_by} needs it to decide {layer}. Please supply it."


class NotInsured(InputProblem):
    code = "not_insured"
    zh = "{on} 不在参保有效期内（{periods}），不能结算；请先核对参保缴费。"
    en = (
        "{on} lies outside the insured periods ({periods}), so it cannot be settled; check enrolment and premium first."
    )


class YearSplitNeeded(InputProblem):
    code = "year_split_needed"
    zh = "住院跨年（{admitted} 至 {discharged}），{area} 的规定要按年末切开：请在 amounts_by_year 里分别给出两年的费用，或给出带日期的明细 lines。"
    en = (
        "the stay crosses the year's end ({admitted} to {discharged}) and {area} cuts it there: give each year's cost in "
        "amounts_by_year, or dated lines."
    )


class GivenDeductibleNeeded(InputProblem):
    code = "given_deductible_needed"
    zh = "“{layer}”由别处结算，但 {needed_by} 不计入起付部分：请同时给出那里扣的起付金额（given.{layer}.deductible）。"
    en = (
        "“{layer}” was settled elsewhere, but {needed_by} leaves the deductible part out: also give the deductible charged "
        "there (given.{layer}.deductible)."
    )


class FinancingMissing(InputProblem):
    code = "financing_missing"
    zh = "{area_zh}没有 {year} 年度的筹资标准（已有：{known}）；请在政策的“筹资标准”里补上这一年。"
    en = "{area_en} has no premium figures for {year} (known: {known}); add the year under 筹资标准 in its policies."


class EnrolmentClosed(InputProblem):
    code = "enrolment_closed"
    zh = "{year} 年度的参保缴费到 {last} 截止，{on} 不能再参保。"
    en = "enrolment for {year} closed on {last}; on {on} it is too late."


class EnrolmentDates(InputProblem):
    code = "enrolment_dates"
    zh = "日期不对：{event_zh}的日子是 {event_on}，参保日是 {enrolled_on}，{year} 年度到 {ends} 为止。"
    en = "the dates do not fit: {event_en} on {event_on}, enrolled on {enrolled_on}; the year {year} ends on {ends}."


class GrantsTooLarge(InputProblem):
    code = "grants_too_large"
    zh = "此前的资助 {granted} 元不在 0 和当年筹资总额 {total} 元之间。"
    en = "earlier grants of {granted} yuan are not between 0 and the year's whole financing of {total} yuan."


class GivenTooLarge(InputProblem):
    code = "given_too_large"
    zh = "给定的“{layer}”支付 {given} 元，多于可付的 {room} 元；请核对。"
    en = "the given payment of “{layer}”, {given} yuan, exceeds what is left to pay, {room} yuan; check it."


class StateOfOtherScheme(InputProblem):
    code = "state_of_other_scheme"
    zh = "年度累计状态属于 {found}，不是 {expected}；请从头重算（不带 year_state）。"
    en = "the year state belongs to {found}, not to {expected}; settle again from the start, without year_state."


class StateOfOtherPerson(InputProblem):
    code = "state_of_other_person"
    zh = "年度累计状态是另一个人的；请用这个人上一次结算返回的状态。"
    en = "the year state is another person's; send the one returned by this person's last settlement."


class NotSorted(InputProblem):
    code = "not_sorted"
    zh = "第 {row} 行：同一统筹区的账单须按人、日期、序号排列，{why_zh}。请先排序（或不加 --sorted，由程序排序）。"
    en = "row {row}: bills of an area must be sorted by person, date and sequence, {why_en}. Sort them, or leave out --sorted."


class RowsRefused(InputProblem):
    code = "rows_refused"
    zh = "{count} 行不能结算（例如第 {row} 行）：{why}"
    en = "{count} rows cannot be settled (row {row}, for example): {why}"


class MissingColumn(InputProblem):
    code = "missing_column"
    zh = "表里没有“{column}”列（{meaning}）。"
    en = "the table has no column “{column}” ({meaning})."


class BadColumn(InputProblem):
    code = "bad_column"
    zh = "“{column}”列应为{expected_zh}，实为 {found}。"
    en = "column “{column}” should be {expected_en}, found {found}."


class PackageNeeded(InputProblem):
    code = "package_needed"
    zh = "这个命令需要 {package}：请用 pip install 'yizhan[{extra}]' 安装。"
    en = "this command needs {package}: install it with pip install 'yizhan[{extra}]'."


# --- What a policy document may say wrongly ---------------------------------------------------------------------------


class BadDocument(PolicyProblem):
    code = "bad_document"
    zh = "{why_zh}"
    en = "{why_en}"


class BareNumber(PolicyProblem):
    code = "bare_number"
    zh = "“{key}: {value}”只有数字；请写上单位，如 {value}元、{value}%、{value}个百分点。"
    en = "“{key}: {value}” is a bare number; write its unit, such as {value}元, {value}% or {value}个百分点."


class BadValue(PolicyProblem):
    code = "bad_value"
    zh = "“{key}”的值“{value}”看不懂：{why_zh}。"
    en = "the value “{value}” of “{key}” cannot be read: {why_en}."


class UnknownPolicyKey(PolicyProblem):
    code = "unknown_policy_key"
    zh = "不认识的项“{key}”。{hint_zh}"
    en = "unknown key “{key}”. {hint_en}"


class RepeatedKey(PolicyProblem):
    code = "repeated_key"
    zh = "“{key}”在同一处写了两次。"
    en = "“{key}” is written twice in one place."


class RulesConflict(PolicyProblem):
    code = "rules_conflict"
    zh = "“{layer}·{figure}”有两条规定同时适用（{case}）：{one} 与 {other}。请用“例外于”写明哪一条是例外，或把条件分开；两条都看身份时，可在“身份从高到低”里排次序。"
    en = (
        "two rules set “{layer}·{figure}” in one case ({case}): {one} and {other}. Write which of them is the exception "
        "(例外于), or separate their conditions; if both depend on the identity, rank them in 身份从高到低."
    )


class RuleMissing(PolicyProblem):
    code = "rule_missing"
    zh = "“{layer}”在这种情形下缺少“{figure}”（{case}）：有规定说到这种情形，但没有说全。"
    en = "“{layer}” lacks “{figure}” in this case ({case}): rules speak of the case but not of all that it needs."


class YearlyFigureMissing(PolicyProblem):
    code = "yearly_figure_missing"
    zh = "“{name}”没有 {year} 年的数字；请在“每年”里补上。"
    en = "“{name}” has no figure for {year}; add it under 每年."


class NumberNotModelled(PolicyProblem):
    code = "number_not_modelled"
    zh = "条文里的“{number}”在规则、读法、不建模中都没有出现。"
    en = "“{number}” stands in the article but in no rule, reading or 不建模 note."


class ReadingNeeded(PolicyProblem):
    code = "reading_needed"
    zh = "条文用了“{word}”，意思要由人选定：请加一条读法。"
    en = "the article says “{word}”, whose meaning has to be chosen: add a 读法."


class BoundNotMet(PolicyProblem):
    code = "bound_not_met"
    zh = "“{layer}·{figure}”为 {value}，不符合 {by} 的要求“{bound}”（{case_zh}）。"
    en = "“{layer}·{figure}” is {value}, which does not meet the bound “{bound}” of {by} ({case_en})."


class ExampleWrong(PolicyProblem):
    code = "example_wrong"
    zh = "算例“{name}”：{what}应为 {expected}，算得 {found}。"
    en = "example “{name}”: {what} should be {expected}, computed {found}."


class ExamplesMissing(PolicyProblem):
    code = "examples_missing"
    zh = "界限“{layer}·{figure} {value}”缺少算例：{sides_zh}。"
    en = "the threshold “{layer}·{figure} {value}” has no example {sides_en}."


class OfficialNumberMissing(PolicyProblem):
    code = "official_number_missing"
    zh = "原文的“{number}”没有建模，也没有声明不建模（原文：…{context}…）。"
    en = "“{number}” of the official text is neither modelled nor declared 不建模 (text: …{context}…)."


class OfficialStretchMissing(PolicyProblem):
    code = "official_stretch_missing"
    zh = "不建模的一段用“{words}”标起止，原文里没有这几个字；请照原文改。"
    en = "a stretch 不建模 is marked by “{words}”, which the official text does not contain; correct it after the text."


class OfficialDocumentUnknown(PolicyProblem):
    code = "official_document_unknown"
    zh = "原文里没有找到任何一份已录文件的文号或名称{asked_zh}；请用文号或名称指定是哪一份。已录：{known}。"
    en = "the official text names no document that is in the library{asked_en}; say which one it is. Known: {known}."


class ThresholdsUnshown(PolicyProblem):
    code = "thresholds_unshown"
    zh = "代用文件的 {total} 个界限里，{count} 个没有齐全的算例：{which}。"
    en = "of {total} thresholds in this stand-in document, {count} lack an example on some side: {which}."


class DocumentExpired(PolicyProblem):
    code = "document_expired"
    zh = "“{name}”已于 {ended} 期满（{today}）。"
    en = "“{name}” ended on {ended} (today is {today})."


class NotSigned(PolicyProblem):
    code = "not_signed"
    zh = "“{name}”有 {count} 条没有签署：{which}。"
    en = "{count} articles of “{name}” are not signed: {which}."


class ChangedSinceSigned(PolicyProblem):
    code = "changed_since_signed"
    zh = "{by} 于 {on} 签署以后，这一条改过了（签的是 {signed}，现在是 {now}）；请重新审签。"
    en = "changed since {by} signed it on {on} (signed {signed}, now {now}); have it signed again."


class YearlyFigureDue(PolicyProblem):
    code = "yearly_figure_due"
    zh = "“{name}”只到 {last} 年，还没有 {year} 年的数字；请在“每年”里补上。"
    en = "“{name}” ends with {last} and has no figure for {year} yet; add it under 每年."


class FinancingDue(PolicyProblem):
    code = "financing_due"
    zh = "“筹资标准”只到 {last} 年度，还没有 {year} 年度的；请补上。"
    en = "筹资标准 ends with {last} and has no figures for {year} yet; add them."


class StandInUsed(PolicyProblem):
    code = "stand_in_used"
    zh = "代用：{reason}"
    en = "stand-in: {reason}"


class ReadingTaken(PolicyProblem):
    code = "reading_taken"
    zh = "读法：{reason}"
    en = "reading: {reason}"


class Notch(PolicyProblem):
    code = "notch"
    zh = "{fact_zh}在 {value} 元处有跳跃：{below} 元时个人负担 {before} 元，{above} 元时 {after} 元；多一分钱费用，个人少负担 {gain} 元（{case_zh}）。"
    en = (
        "a notch of the {fact_en} at {value} yuan: the patient bears {before} yuan of {below} and {after} yuan of {above}; one "
        "fen more of cost leaves the patient {gain} yuan better off ({case_en})."
    )


class TiltWorse(PolicyProblem):
    code = "tilt_worse"
    zh = "倾斜反而变差：计入 {base} 元时，“{layer}”按倾斜付 {tilted} 元，按一般规定付 {normal} 元，少 {loss} 元（{case_zh}）。"
    en = (
        "a tilt that makes it worse: of {base} yuan, “{layer}” pays {tilted} yuan under the tilt and {normal} yuan under the "
        "ordinary rule, {loss} yuan less ({case_en})."
    )


class MixedException(PolicyProblem):
    code = "mixed_exception"
    zh = "这一项在一个“例外于”下既给定（{sets}）又调整（{adjusts}），会把别条的调整也顶替掉；请拆成两项。"
    en = (
        "under one 例外于 this item both sets ({sets}) and adjusts ({adjusts}), so it displaces the adjusters of other articles "
        "too; make two items of it."
    )


class AdjustersStack(PolicyProblem):
    code = "adjusters_stack"
    zh = "“{layer}·{figure}”有两项按身份调整：{one}（{one_text}）与 {other}（{other_text}）；同时有两种身份的人（如{both_zh}）两项都得。不该叠加就用“例外于”，或写成一项。"
    en = (
        "two items adjust “{layer}·{figure}” by identity: {one} ({one_text}) and {other} ({other_text}); a person with both "
        "identities ({both_en}) gets both. If they should not add up, write 例外于, or make one item of them."
    )


class EmptyLayer(PolicyProblem):
    code = "empty_layer"
    zh = "次序里的“{layer}”没有任何规则，永远不会支付。"
    en = "“{layer}” stands in 次序 but has no rule and will never pay."


class RankNotMonotone(PolicyProblem):
    code = "rank_not_monotone"
    zh = (
        "身份从高到低：“{higher_zh}”排在“{lower_zh}”前面，可是两种身份都有的人个人负担 {both} 元，只有“{lower_zh}”的人只负担 {alone} 元"
        "（算例“{example}”，{case_zh}）。请调整次序，或改用 身份取舍: 最有利。"
    )
    en = (
        "“{higher_en}” ranks above “{lower_en}”, yet a person with both bears {both} yuan and one with only “{lower_en}” {alone} "
        "yuan (example “{example}”, {case_en}). Change the order, or use 身份取舍: 最有利."
    )
