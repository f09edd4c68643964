"""What has to be in order before pages are served to others."""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from yizhan.agency import crypto
from yizhan.agency.staff.errors import NotReady
from yizhan.agency.staff.guards import RUNTIME
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.secrets import is_known
from yizhan.errors import InputProblem, Problem, Problems


def refuse_unready(*, https: bool, host: str) -> None:
    """For `serve`, with the tables there.

    Raises Problems: known or missing secrets, a database role before which the second wall does not stand, accounts of the
    demonstration, nobody who could sign in, pages in the clear.
    """
    found: list[Problem] = []
    if not _has_secret():
        found.append(NotReady(
            why_zh="没有会话密钥（YIZHAN_SECRET_FILE），请先运行 ./yizhan serve --init",
            why_en="there is no session secret (YIZHAN_SECRET_FILE); run ./yizhan serve --init first",
        ))  # fmt: skip
    try:
        crypto.keys()
    except InputProblem as problem:
        found.append(problem)
    found += _wrong_role()
    found += refuse_demo_leftovers()
    if not Officer.objects.filter(is_active=True).exclude(password__startswith="!").exists():
        found.append(NotReady(
            why_zh="还没有人能登录。请先建安全管理员：./yizhan user create 用户名 --name 姓名 --role security_admin",
            why_en="nobody can sign in yet. Make a security administrator: ./yizhan user create USERNAME --name NAME --role security_admin",
        ))  # fmt: skip
    if not https and not _is_loopback(host):
        found.append(NotReady(
            why_zh="对外提供服务必须经过 TLS（YIZHAN_HTTPS=1），否则只能监听本机地址",
            why_en="pages for other machines need TLS (YIZHAN_HTTPS=1); without it, listen on this machine alone",
        ))  # fmt: skip
    if found:
        raise Problems(found)


def _wrong_role() -> list[Problem]:
    """Row security is written for the runtime role, and stops neither the tables' owner nor a superuser (docs/adr/0008)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select current_user, rolsuper or rolbypassrls or pg_has_role(current_user, tableowner, 'member')"
            " from pg_roles, pg_tables where rolname = current_user and tablename = 'staff_officer'"
        )
        role, unstopped = cursor.fetchone() or (RUNTIME, False)
    if role == RUNTIME and not unstopped:
        return []
    return [NotReady(
        why_zh=f"DATABASE_URL 用的账号是 {role}，应是 {RUNTIME}：它不拥有表，数据库才拦得住越权",
        why_en=f"DATABASE_URL uses the role {role}; it has to be {RUNTIME}, which owns no table, so that the database can stop it",
    )]  # fmt: skip


def refuse_demo_leftovers() -> list[Problem]:
    """What is wrong if accounts of the demonstration stand in a database that is none."""
    if settings.DEMO or not Officer.objects.filter(demo=True).exists():
        return []
    return [NotReady(
        why_zh="数据库里有演示账号，密码人人知道；请用另一个库，不要拿演示库改成正式库",
        why_en="the database holds accounts of the demonstration, whose passwords everybody knows; use another database",
    )]  # fmt: skip


def _has_secret() -> bool:
    try:
        return settings.DEMO or not is_known(settings.SECRET_KEY)
    except ImproperlyConfigured:  # Django refuses to read an empty one
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
