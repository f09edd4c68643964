"""What `./yizhan user` and `./yizhan audit` do. They print nothing themselves: they return lines."""

from __future__ import annotations

import argparse
from pathlib import Path

from django.utils import timezone

from yizhan.agency.staff import actions, queries, seals
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import NATION, Area, Institution, Officer
from yizhan.agency.staff.rights import Role
from yizhan.agency.staff.scope import System, acting

OPERATOR = System("operator")


def user(act: str, options: argparse.Namespace, password: str = "") -> list[str]:
    """`create`, `password` or `list`. Raises what the actions raise.

    create     options.username, .name, .role (a list), .area (code; the nation if empty),
               .department, .institution (code)
    password   options.username
    """
    if act == "list":
        return [_line(officer) for officer in Officer.objects.select_related("area").order_by("area_path", "username")]
    if act == "create":
        officer = actions.create_officer(
            options.username,
            name=options.name or options.username,
            roles=options.role,
            area=_area(getattr(options, "area", "") or ""),
            department=getattr(options, "department", "") or "healthcare_security",
            institution=_institution(getattr(options, "institution", "") or ""),
            acting_user=OPERATOR,
        )
        if password:
            actions.set_password(officer, password, acting_user=OPERATOR)
        return [_line(officer)]
    found = Officer.objects.select_related("area", "institution").filter(username=options.username).first()
    if found is None:
        raise NotFound(at=options.username)
    actions.set_password(found, password, acting_user=OPERATOR)
    return [_line(found)]


def audit(act: str, year: int | None, lang: str, *, head_file: Path | None = None) -> tuple[list[str], bool]:
    """`verify`, `seal`, `head` or `report`: lines to print, and whether the trail is as it was sealed."""
    zh = lang == "zh"
    if act == "seal":
        sealed = seals.seal()
        if sealed is None:
            return ["没有待封存的记录" if zh else "nothing to seal"], True
        return [
            f"封存 #{sealed.number}：{sealed.rows} 条" if zh else f"seal #{sealed.number}: {sealed.rows} rows"
        ], True
    if act == "head":
        return [seals.head() or ("还没有封存" if zh else "no seal yet")], True
    if act == "report":
        return _report(year or timezone.localdate().year, zh), True
    kept = head_file.read_text(encoding="utf-8").strip() if head_file else ""
    faults = seals.verify(kept)
    lines = [
        f"#{f.seal}{f' · {f.row}' if f.row is not None else ''} {f.words.zh if zh else f.words.en}" for f in faults
    ]
    waiting = seals.unsealed()
    sound = "审计日志与封存一致" if zh else "the audit trail is as it was sealed"
    lines += [] if faults else [sound]
    lines.append(
        f"待封存 {waiting} 条；链头 {seals.head()}" if zh else f"{waiting} rows wait for a seal; head {seals.head()}"
    )
    return lines, not faults


_TITLES = {
    "persons_by_officer": ("各人员查看、处理的人数", "persons seen or handled, by officer"),
    "acts": ("办成的操作", "acts done"),
    "refused": ("被拒绝的操作", "acts refused"),
    "unmaskings_by_purpose": ("按用途查看完整号码", "full numbers seen, by purpose"),
    "exports_by_officer": ("导出", "exports, by officer"),
}


def _report(year: int, zh: bool) -> list[str]:
    with acting(OPERATOR):
        found = queries.report(year)
    lines = [f"{year} 年个人信息处理情况" if zh else f"handling of personal information in {year}"]
    for key, rows in found.items():
        lines += ["", _TITLES[key][0 if zh else 1], *(f"  {count:>8}  {name}" for name, count in rows)]
        lines += [] if rows else ["  " + ("没有" if zh else "none")]
    return lines


def _line(officer: Officer) -> str:
    state = "" if officer.is_active else "  ×"
    return f"{officer.username}  {officer.name}  {', '.join(Role(r).words.zh for r in officer.roles)}  {officer.area}{state}"


def _area(code: str) -> Area:
    """The area of this code; without one, the nation, which is made where it is missing."""
    code = code or NATION.rstrip(".")
    found = Area.objects.filter(code=code).first()
    if found is None and f"{code}." == NATION:
        return actions.create_area(
            code, name="全国", name_en="the nation", level="nation", parent=None, acting_user=OPERATOR
        )
    if found is None:
        raise NotFound(at=code)
    return found


def _institution(code: str) -> Institution | None:
    if not code:
        return None
    found = Institution.objects.filter(code=code).first()
    if found is None:
        raise NotFound(at=code)
    return found
