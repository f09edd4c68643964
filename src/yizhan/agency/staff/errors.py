"""What the platform refuses, whoever asks: rights, scope, stale pages."""

from __future__ import annotations

from yizhan.errors import InputProblem


class NotFound(InputProblem):
    """Also what lies outside the officer's scope: the two cannot be told apart."""

    code = "not_found"
    zh = "没有找到，或者不在您的管辖范围内。"
    en = "not found, or outside your area."


class NotAllowed(InputProblem):
    code = "not_allowed"
    zh = "您的岗位没有这项权限（{right_zh}）。需要时请联系安全管理员。"
    en = "your role does not grant this ({right_en}). Ask the security administrator if you need it."


class SamePerson(InputProblem):
    code = "same_person"
    zh = "经办和复核不能是同一个人；请由另一位复核员办理。"
    en = "the maker cannot be the checker; let another reviewer decide."


class Outdated(InputProblem):
    code = "outdated"
    zh = "您打开页面以后，别人已经改过（现在是“{now_zh}”）。请刷新后再办。"
    en = "somebody changed this after you opened the page (it is now “{now_en}”). Reload it, then decide."


class BadForm(InputProblem):
    code = "bad_form"
    zh = "{field_zh}：{why_zh}"
    en = "{field_en}: {why_en}"


class AlreadyThere(InputProblem):
    code = "already_there"
    zh = "“{code}”已经有了；请换一个，或直接修改原有的。"
    en = "“{code}” is taken; choose another, or change what is there."


class BadStaffCode(InputProblem):
    code = "bad_staff_code"
    zh = "“{code}”不是{what_zh}。"
    en = "“{code}” is not {what_en}."


class UnknownWord(InputProblem):
    code = "unknown_word"
    zh = "不认识的{what_zh}“{word}”；可用：{known}。"
    en = "unknown {what_en} “{word}”; allowed: {known}."


class BadRoles(InputProblem):
    code = "bad_roles"
    zh = "至少要有一个岗位；系统、安全、审计三类管理员只能单独任职（三员分立），不能再兼任何岗位。"
    en = "there must be a role; the system, security and audit administrators hold that one role and no other."


class InstitutionNeeded(InputProblem):
    code = "institution_needed"
    zh = "医院窗口和医院管理员必须属于一家定点机构；请选择机构。"
    en = "hospital staff belong to an institution; choose one."


class WeakPassword(InputProblem):
    code = "weak_password"
    zh = "这个密码不能用：{why_zh}。"
    en = "this password is refused: {why_en}."


class SignInRefused(InputProblem):
    code = "sign_in_refused"
    zh = "用户名或密码不对，或者账号已停用。忘记密码请找安全管理员开一次性重置码。"
    en = "user name or password is wrong, or the account is suspended. If you forgot it, ask the security administrator for a one-time code."


class TryLater(InputProblem):
    code = "try_later"
    zh = "试得太多了，请 {seconds} 秒后再试。从您平时用的浏览器登录不受影响。"
    en = "too many tries; wait {seconds} seconds. Browsers that you use regularly are not affected."


class WrongCode(InputProblem):
    code = "wrong_code"
    zh = "验证码不对，或者已经用过。请等下一个验证码（30 秒一换），并核对手机时间。"
    en = "the code is wrong or was used before. Wait for the next one (every 30 seconds) and check the phone's clock."


class WrongPassword(InputProblem):
    code = "wrong_password"
    zh = "现在的密码不对；什么也没有改。"
    en = "the present password is wrong; nothing was changed."


class SamePassword(InputProblem):
    code = "same_password"
    zh = "新密码和现在的一样；请换一个。"
    en = "the new password equals the present one; choose another."


class ResetRefused(InputProblem):
    code = "reset_refused"
    zh = "重置码不对、已用过或已过期（24 小时内一次有效）；开码的管理员也不能自己用。请安全管理员重新开一个。"
    en = "the code is wrong, used or expired (valid once within 24 hours), and who made it cannot use it. Ask the security administrator for another."


class NotFresh(InputProblem):
    code = "not_fresh"
    zh = "这一步要再确认是您本人：请输入密码（五分钟内有效）。"
    en = "confirm that it is you: enter your password (good for five minutes)."


class OverCeiling(InputProblem):
    code = "over_ceiling"
    zh = "今天“{what_zh}”已用 {used}，上限 {most}，这次要 {asked}。请复核员或安全管理员为您放宽当日上限，并写明原因。"
    en = "today's “{what_en}”: {used} used of {most}, and this needs {asked}. A reviewer or the security administrator may grant more for today, with a reason."


class OwnAccount(InputProblem):
    code = "own_account"
    zh = "不能改自己的岗位、停用或重置自己；请另一位安全管理员办理。"
    en = "nobody changes their own roles, suspends or resets themselves; let another security administrator do it."


class NotReady(InputProblem):
    code = "not_ready"
    zh = "不能启动：{why_zh}。"
    en = "will not start: {why_en}."
