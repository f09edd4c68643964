"""Every write about areas, institutions, officers, and how officers sign in."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.hashers import check_password
from django.utils import timezone

from yizhan.agency.crypto import digest
from yizhan.agency.spreadsheets import Table
from yizhan.agency.staff import ceilings, factors, passwords, sessions
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import (
    AlreadyThere,
    BadForm,
    BadRoles,
    BadStaffCode,
    InstitutionNeeded,
    NotAllowed,
    NotFound,
    OwnAccount,
    ResetRefused,
    SamePassword,
    UnknownWord,
    WrongCode,
    WrongPassword,
)
from yizhan.agency.staff.models import AREA_LEVELS, DEPARTMENTS, NATION, Area, DailyUse, Institution, Officer, ResetCode
from yizhan.agency.staff.rights import ADMINISTRATORS, Right, Role
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.engine.facts import FACTS
from yizhan.errors import InputProblem, Problems

_AREA_CODE = re.compile(r"[0-9]{6}(?:[0-9]{3}(?:[0-9]{3})?)?")
_INSTITUTION_CODE = re.compile(r"[A-Z0-9]{4,20}")
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,39}")

HOSPITAL_ROLES = (Role.WINDOW, Role.HOSPITAL)


# --- Areas and institutions -------------------------------------------------------------------------------------------


def create_area(
    code: str, *, name: str, level: str, parent: Area | None, name_en: str = "", acting_user: Actor
) -> Area:
    """Add a place below `parent`; None makes the nation.

    Raises NotAllowed, NotFound (a parent out of scope), BadStaffCode, UnknownWord, AlreadyThere.
    """
    demand(acting_user, Right.AREA_MANAGE)
    above = parent.path if parent else ""
    if not (above or NATION).startswith(acting_user.area_path):
        raise NotFound()
    if not _AREA_CODE.fullmatch(code):
        raise BadStaffCode(
            code=code, what_zh="行政区划代码（6、9 或 12 位数字）", what_en="an area code (6, 9 or 12 digits)"
        )
    if level not in AREA_LEVELS:
        raise UnknownWord(word=level, what_zh="区划级别", what_en="level of an area", known=", ".join(AREA_LEVELS))
    with acting(acting_user):
        area, new = Area.objects.get_or_create(
            code=code,
            defaults={"name": name, "name_en": name_en, "level": level, "parent": parent, "path": f"{above}{code}."},
        )
        if not new:
            raise AlreadyThere(code=code)
        record("area.create", area, area_path=area.path, acting_user=acting_user, code=code, name=name)
    return area


def create_institution(code: str, *, name: str, level: str, tier: str, area: Area, acting_user: Actor) -> Institution:
    """Add a hospital, clinic or pharmacy（定点医药机构）. `level` and `tier` are words of engine.facts.

    Raises NotAllowed, NotFound (area out of scope), BadStaffCode, AlreadyThere.
    """
    demand(acting_user, Right.AREA_MANAGE)
    _in_scope(area.path, acting_user)
    if not _INSTITUTION_CODE.fullmatch(code):
        raise BadStaffCode(
            code=code,
            what_zh="机构代码（4 至 20 位大写字母、数字）",
            what_en="an institution's code (4 to 20 capitals and digits)",
        )
    with acting(acting_user):
        institution, new = Institution.objects.get_or_create(
            code=code, defaults={"name": name, "level": level, "tier": tier, "area": area, "area_path": area.path}
        )
        if not new:
            raise AlreadyThere(code=code)
        record("institution.create", institution, acting_user=acting_user, code=code, name=name)
    return institution


# --- Officers ---------------------------------------------------------------------------------------------------------


def create_officer(
    username: str,
    *,
    name: str,
    roles: Iterable[str],
    area: Area,
    department: str = "healthcare_security",
    institution: Institution | None = None,
    demo: bool = False,
    acting_user: Actor,
) -> Officer:
    """Add somebody who may sign in once a password is set, by a link or on the command line.

    Raises NotAllowed, NotFound (area or institution out of scope), BadStaffCode, UnknownWord, BadRoles,
    InstitutionNeeded, AlreadyThere.
    """
    demand(acting_user, Right.OFFICER_MANAGE)
    _in_scope(area.path, acting_user)
    if not _USERNAME.fullmatch(username):
        raise BadStaffCode(
            code=username,
            what_zh="用户名（3 至 40 位小写字母、数字、点、横线）",
            what_en="a user name (3 to 40 small letters, digits, dots, dashes)",
        )
    if department not in DEPARTMENTS:
        raise UnknownWord(word=department, what_zh="部门", what_en="department", known=", ".join(DEPARTMENTS))
    granted = checked_roles(roles, institution)
    if institution is not None:
        _in_scope(institution.area_path, acting_user)
    with acting(acting_user):
        officer, new = Officer.objects.get_or_create(
            username=username,
            defaults={
                "name": name, "roles": granted, "area": area, "area_path": area.path, "department": department,
                "institution": institution, "demo": demo, "password": "!",
            },
        )  # fmt: skip
        if not new:
            raise AlreadyThere(code=username)
        record("officer.create", officer, acting_user=acting_user, username=username, roles=granted)
    return officer


def checked_roles(roles: Iterable[str], institution: Institution | None) -> list[str]:
    """The roles, each once, in the order of the table. Raises UnknownWord, BadRoles, InstitutionNeeded."""
    asked = set(roles)
    if unknown := asked - set(Role):
        raise UnknownWord(word=min(unknown), what_zh="岗位", what_en="role", known=", ".join(Role))
    if not asked or (asked & set(ADMINISTRATORS) and len(asked) > 1):
        raise BadRoles()
    if asked & set(HOSPITAL_ROLES) and institution is None:
        raise InstitutionNeeded()
    return [role.value for role in Role if role in asked]


def _in_scope(path: str, actor: Actor) -> None:
    if not path.startswith(actor.area_path):
        raise NotFound()


def change_roles(officer: Officer, roles: Iterable[str], *, acting_user: Actor) -> Officer:
    """Give an officer these roles in place of the present ones. Takes effect at once: the officer's sessions end.

    Raises NotAllowed, NotFound, OwnAccount, UnknownWord, BadRoles, InstitutionNeeded.
    """
    with acting(acting_user):
        officer = _managed(officer, acting_user)
        before = list(officer.roles)
        officer.roles = checked_roles(roles, officer.institution)
        if officer.roles != before:
            officer.save(update_fields=["roles"])
            sessions.end_sessions(officer, "rights")
        record("officer.change_roles", officer, acting_user=acting_user, before=before, after=officer.roles)
    return officer


def suspend_officer(officer: Officer, *, why: str, acting_user: Actor) -> Officer:
    """Let an officer sign in no more; sessions end at once. Raises NotAllowed, NotFound, OwnAccount, BadForm."""
    if not why.strip():
        raise BadForm(field_zh="原因", field_en="reason", why_zh="请写明", why_en="is needed")
    with acting(acting_user):
        officer = _managed(officer, acting_user)
        officer.is_active = False
        officer.save(update_fields=["is_active"])
        ended = sessions.end_sessions(officer, "suspended")
        record("officer.suspend", officer, acting_user=acting_user, why=why.strip(), sessions_ended=ended)
    return officer


def resume_officer(officer: Officer, *, acting_user: Actor) -> Officer:
    """Let a suspended officer sign in again. Raises NotAllowed, NotFound, OwnAccount."""
    with acting(acting_user):
        officer = _managed(officer, acting_user)
        officer.is_active = True
        officer.save(update_fields=["is_active"])
        record("officer.resume", officer, acting_user=acting_user)
    return officer


def grant_more(officer: Officer, *, kind: str, count: int, why: str, acting_user: Actor) -> DailyUse:
    """Raise a colleague's ceiling for today. For reviewers and security administrators of the officer's area.

    Raises NotAllowed, NotFound, OwnAccount, UnknownWord, BadForm.
    """
    demand(acting_user, Right.CEILING_GRANT)
    if kind not in ceilings.CEILINGS:
        raise UnknownWord(word=kind, what_zh="计数项", what_en="count", known=", ".join(ceilings.CEILINGS))
    if not why.strip() or not 0 < count <= ceilings.CEILINGS[kind].most:
        most = ceilings.CEILINGS[kind].most
        raise BadForm(
            field_zh="放宽", field_en="more", why_zh=f"写明原因，1 至 {most}", why_en=f"give a reason, and 1 to {most}"
        )
    _in_scope(officer.area_path, acting_user)
    if officer.pk == acting_user.pk:
        raise OwnAccount()
    with acting(acting_user):
        row = ceilings.count_of(officer, kind)
        row.granted += count
        row.granted_by = acting_user if isinstance(acting_user, Officer) else None
        row.save(update_fields=["granted", "granted_by"])
        record("ceiling.grant", officer, acting_user=acting_user, kind=kind, count=count, why=why.strip())
    return row


# --- Signing in -------------------------------------------------------------------------------------------------------

RESET_VALID = timedelta(hours=24)
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without I, O, 0 and 1, which people confuse on paper. Five bits a character."""


def make_reset_code(officer: Officer, *, acting_user: Actor) -> str:
    """A code of 100 bits, shown once, with which this officer sets a password within 24 hours. Earlier codes lapse.

    Who makes it cannot use it; an officer with a second factor needs that too. Raises NotAllowed, NotFound, OwnAccount.
    """
    with acting(acting_user):
        officer = _managed(officer, acting_user)
        now = timezone.now()
        officer.reset_codes.filter(used_at=None).update(used_at=now)
        code = "".join(secrets.choice(_ALPHABET) for _ in range(20))
        ResetCode.objects.create(
            officer=officer,
            code_digest=digest(code.encode()),
            made_by=acting_user if isinstance(acting_user, Officer) else None,
            ends_at=now + RESET_VALID,
        )
        record("officer.reset_code", officer, acting_user=acting_user)
    return "-".join(code[i : i + 5] for i in range(0, 20, 5))


def use_reset_code(
    officer: Officer,
    *,
    code: str,
    new: str,
    factor_code: str = "",
    browser_of: Actor | None = None,
    acting_user: Officer,
) -> None:
    """Set a password by a one-time code. `browser_of`: who is signed in where the code is typed.

    Raises ResetRefused, WrongCode, Problems (the password's). The code is used up only where the password is set.
    """
    with acting(acting_user):
        officer = (
            Officer.objects.select_for_update(of=("self",)).select_related("area", "institution").get(pk=officer.pk)
        )
        typed = digest("".join(code.upper().split("-")).replace(" ", "").encode())
        found = officer.reset_codes.select_for_update().filter(
            code_digest=typed, used_at=None, ends_at__gt=timezone.now()
        ).first()  # fmt: skip
        if found is None or not officer.is_active or (browser_of is not None and browser_of.pk != officer.pk):
            raise ResetRefused()
        if officer.totp_sealed is not None:
            _use_factor(officer, factor_code)
        passwords.check_password_rules(new, officer)
        found.used_at = timezone.now()
        found.save(update_fields=["used_at"])
        _store_password(officer, new)
        record("officer.reset", officer, acting_user=acting_user)


def set_password(officer: Officer, new: str, *, acting_user: Actor) -> None:
    """Set a password from the command line: the operator's way in. Raises Problems."""
    demand(acting_user, Right.OFFICER_MANAGE)
    if isinstance(acting_user, Officer):
        raise NotAllowed(right_zh="设置他人密码", right_en="set somebody's password")
    with acting(acting_user):
        passwords.check_password_rules(new, officer)
        _store_password(officer, new)
        record("officer.set_password", officer, acting_user=acting_user)


def change_password(
    officer: Officer, *, old: str, new: str, keep_session: str | None = None, acting_user: Officer
) -> None:
    """Change the own password; other sessions end at once, `keep_session` (a key) stays.

    Raises NotFound (somebody else's), WrongPassword, SamePassword, Problems (all rules that it breaks).
    """
    if officer.pk != acting_user.pk:
        raise NotFound()
    with acting(acting_user):
        locked = (
            Officer.objects.select_for_update(of=("self",)).select_related("area", "institution").get(pk=officer.pk)
        )
        if not check_password(old, locked.password):
            raise WrongPassword()
        if old == new:
            raise SamePassword()
        passwords.check_password_rules(new, locked)
        _store_password(locked, new, keep_session=keep_session)
        record("officer.change_password", locked, acting_user=acting_user)
    officer.password, officer.password_set_at = locked.password, locked.password_set_at


def enrol_factor(officer: Officer, *, secret: str, code: str, acting_user: Officer) -> None:
    """Sign in with an authenticator app from now on; `code` shows that the app has the secret.

    Raises NotFound (somebody else's), WrongCode.
    """
    if officer.pk != acting_user.pk:
        raise NotFound()
    with acting(acting_user):
        locked = Officer.objects.select_for_update().get(pk=officer.pk)
        step = factors.step_of(code, secret, after=0)
        if step is None:
            raise WrongCode()
        locked.totp_sealed, locked.totp_last_step = factors.sealed(secret, locked), step
        locked.save(update_fields=["totp_sealed", "totp_last_step"])
        record("officer.enrol_factor", locked, acting_user=acting_user)


def drop_factor(officer: Officer, *, acting_user: Actor) -> None:
    """Forget an officer's authenticator app: lost or replaced. Raises NotAllowed, NotFound, OwnAccount."""
    with acting(acting_user):
        officer = _managed(officer, acting_user)
        officer.totp_sealed, officer.totp_last_step = None, 0
        officer.save(update_fields=["totp_sealed", "totp_last_step"])
        sessions.end_sessions(officer, "ended")
        record("officer.drop_factor", officer, acting_user=acting_user)


def use_factor_code(officer: Officer, code: str, *, acting_user: Officer) -> None:
    """Accept a code of the authenticator app, once. Raises WrongCode."""
    with acting(acting_user):
        locked = Officer.objects.select_for_update().get(pk=officer.pk)
        _use_factor(locked, code)
        record("sign_in.factor", locked, acting_user=acting_user)


def begin_session(officer: Officer, *, device: str, acting_user: Officer) -> int:
    """Record that somebody signed in, and end the oldest sessions beyond the number allowed. Returns how many ended."""
    with acting(acting_user):
        ended = sessions.end_oldest(officer)
        record("sign_in", officer, acting_user=acting_user, device=device, ended_elsewhere=ended)
    return ended


def end_session(session_key: str, *, acting_user: Officer) -> None:
    """End one of the own sessions, by its stored key. Raises NotFound."""
    with acting(acting_user):
        own = [row for row in sessions.living_sessions(acting_user) if row.session_key == session_key]
        if not own:
            raise NotFound()
        own[0].ended_why, own[0].expire_date = "ended", timezone.now()
        own[0].save(update_fields=["ended_why", "expire_date"])
        record("session.end", acting_user=acting_user, device=own[0].device)


def sign_out(officer: Officer, *, acting_user: Officer) -> None:
    """Record that somebody signed out; the view drops the session itself."""
    with acting(acting_user):
        record("sign_out", officer, acting_user=acting_user)


def confirm(officer: Officer, *, password: str, acting_user: Officer) -> None:
    """Prove once more who one is, before something grave. Raises WrongPassword."""
    with acting(acting_user):
        if officer.pk != acting_user.pk or not check_password(password, officer.password):
            raise WrongPassword()
        record("sign_in.confirm", officer, acting_user=acting_user)


def take_head(line: str, *, acting_user: Actor) -> None:
    """Record that the head of the audit trail was taken away to be kept elsewhere. Raises NotAllowed."""
    demand(acting_user, Right.AUDIT_SEE)
    with acting(acting_user):
        record("audit.head", acting_user=acting_user, head=line)


# --- Tables of areas and institutions ---------------------------------------------------------------------------------


def import_areas(table: Table, *, acting_user: Actor) -> tuple[int, int]:
    """Add the areas of a table with the columns 代码, 名称, 级别, 上级代码 (and 英文名称); a second time adds nothing.

    Returns how many are new and how many were renamed. Raises NotAllowed, and Problems: all mistakes of all rows.
    """
    demand(acting_user, Right.AREA_MANAGE)
    columns = _columns(table, ("代码", "名称", "级别", "上级代码"))
    levels = {words.zh: key for key, words in AREA_LEVELS.items()} | {key: key for key in AREA_LEVELS}
    problems: list[InputProblem] = []
    with acting(acting_user):
        known = {area.code: area for area in Area.objects.select_for_update()}
        new, renamed = 0, 0
        for number, cells in table.rows:
            code, name, level, above = (cells[columns[key]] for key in ("代码", "名称", "级别", "上级代码"))
            name_en = cells[columns["英文名称"]] if "英文名称" in columns else ""
            parent, there = known.get(above), known.get(code)
            at = f"第{number}行"
            if not _AREA_CODE.fullmatch(code):
                problems.append(BadStaffCode(at=at, code=code, what_zh="行政区划代码", what_en="an area code"))
            elif level not in levels:
                problems.append(
                    UnknownWord(at=at, word=level, what_zh="级别", what_en="level", known="、".join(levels))
                )
            elif not name:
                problems.append(BadForm(at=at, field_zh="名称", field_en="name", why_zh="没有填", why_en="is empty"))
            elif parent is None or not parent.path.startswith(acting_user.area_path):
                problems.append(
                    UnknownWord(at=at, word=above, what_zh="上级代码", what_en="code of the area above", known="–")
                )
            elif there is not None and there.parent_id != parent.pk:
                problems.append(
                    BadForm(
                        at=at,
                        field_zh="上级代码",
                        field_en="area above",
                        why_zh=f"{code} 已属于另一上级",
                        why_en=f"{code} lies in another area already",
                    )
                )
            elif there is None:
                known[code] = Area.objects.create(
                    code=code,
                    name=name,
                    name_en=name_en,
                    level=levels[level],
                    parent=parent,
                    path=f"{parent.path}{code}.",
                )
                new += 1
            elif (there.name, there.name_en or name_en) != (name, name_en or there.name_en):
                there.name, there.name_en = name, name_en or there.name_en
                there.save(update_fields=["name", "name_en"])
                renamed += 1
        if problems:
            raise Problems(problems)
        record("area.import", acting_user=acting_user, new=new, renamed=renamed)
    return new, renamed


def import_institutions(table: Table, *, acting_user: Actor) -> tuple[int, int]:
    """Add the institutions of a table with the columns 代码, 名称, 医院等级, 医院归属, 区划代码; a second time adds nothing.

    Returns how many are new and how many were changed. Raises NotAllowed, and Problems: all mistakes of all rows.
    """
    demand(acting_user, Right.AREA_MANAGE)
    columns = _columns(table, ("代码", "名称", "医院等级", "医院归属", "区划代码"))
    levels, tiers = institution_words("institution_level"), institution_words("institution_tier")
    problems: list[InputProblem] = []
    with acting(acting_user):
        known = {row.code: row for row in Institution.objects.select_for_update()}
        areas = {area.code: area for area in Area.objects.filter(path__startswith=acting_user.area_path)}
        new, changed = 0, 0
        for number, cells in table.rows:
            code, name, level, tier, where = (
                cells[columns[key]] for key in ("代码", "名称", "医院等级", "医院归属", "区划代码")
            )
            at = f"第{number}行"
            area, there = areas.get(where), known.get(code)
            if not _INSTITUTION_CODE.fullmatch(code):
                problems.append(BadStaffCode(at=at, code=code, what_zh="机构代码", what_en="an institution's code"))
            elif level not in levels or tier not in tiers:
                word, words = (level, levels) if level not in levels else (tier, tiers)
                problems.append(
                    UnknownWord(at=at, word=word, what_zh="等级或归属", what_en="grade or tier", known="、".join(words))
                )
            elif not name:
                problems.append(BadForm(at=at, field_zh="名称", field_en="name", why_zh="没有填", why_en="is empty"))
            elif area is None or (there is not None and there.area_id != area.pk):
                problems.append(UnknownWord(at=at, word=where, what_zh="区划代码", what_en="area code", known="–"))
            elif there is None:
                known[code] = Institution.objects.create(
                    code=code, name=name, level=levels[level], tier=tiers[tier], area=area, area_path=area.path
                )
                new += 1
            elif (there.name, there.level, there.tier) != (name, levels[level], tiers[tier]):
                there.name, there.level, there.tier = name, levels[level], tiers[tier]
                there.save(update_fields=["name", "level", "tier"])
                changed += 1
        if problems:
            raise Problems(problems)
        record("institution.import", acting_user=acting_user, new=new, changed=changed)
    return new, changed


def institution_words(fact: str) -> dict[str, str]:
    """What may be written for a fact of institutions, in Chinese or as the engine's own word → the engine's word."""
    values = FACTS[fact].values
    return {value.zh: value.code for value in values} | {value.code: value.code for value in values}


def _columns(table: Table, needed: tuple[str, ...]) -> dict[str, int]:
    found = {name: place for place, name in enumerate(table.columns)}
    if missing := [name for name in needed if name not in found]:
        raise Problems(
            [
                BadForm(field_zh=name, field_en=name, why_zh="表里没有这一列", why_en="the table lacks this column")
                for name in missing
            ]
        )
    return found


# --- What several of them do ------------------------------------------------------------------------------------------


def _managed(officer: Officer, actor: Actor) -> Officer:
    """The officer, locked, where the actor manages officers there."""
    demand(actor, Right.OFFICER_MANAGE)
    found = (
        Officer.objects.select_for_update(of=("self",))
        .select_related("area", "institution")
        .filter(pk=officer.pk, area_path__startswith=actor.area_path)
        .first()
    )
    if found is None:
        raise NotFound()
    if found.pk == actor.pk:
        raise OwnAccount()
    return found


def _use_factor(officer: Officer, code: str) -> None:
    step = factors.step_of(code, factors.secret_of(officer), after=officer.totp_last_step)
    if step is None:
        raise WrongCode()
    officer.totp_last_step = step
    officer.save(update_fields=["totp_last_step"])


def _store_password(officer: Officer, new: str, *, keep_session: str | None = None) -> None:
    officer.set_password(new)
    officer.password_set_at = timezone.now()
    officer.save(update_fields=["password", "password_set_at"])
    sessions.end_sessions(officer, "password", but=keep_session)
