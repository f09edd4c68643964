"""DATABASE_URL, read once and refused where it would send insured people's data over a wire that anybody can read.

libpq itself takes the URL apart, so what is judged here is what will be connected to. A socket and loopback stay on this
machine; every other host must show a certificate for its name (`sslmode=verify-full`). GB/T 22239-2019 8.1.2.2 and
8.1.4.8 ask for confidential and authentic transport; `prefer`, the default of libpq, falls back to plain text in silence.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from yizhan.errors import InputProblem

SCHEMES = ("postgresql://", "postgres://")
OPTIONS = (
    "application_name",
    "channel_binding",
    "connect_timeout",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "sslcert",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
)
"""What may follow `?`, besides host and port. `hostaddr` and `service` are not here: they lead to another host than named."""


class NotPostgres(InputProblem):
    code = "database_url_unreadable"
    zh = "数据库地址看不懂。只支持 PostgreSQL，写法：postgresql://用户:口令@主机:端口/库名?sslmode=verify-full，口令里的特殊字符用 %XX。"
    en = (
        "the database address cannot be read. Only PostgreSQL is supported, written "
        "postgresql://user:password@host:port/name?sslmode=verify-full, with special characters of the password as %XX."
    )


class OptionNotAllowed(InputProblem):
    code = "database_option_not_allowed"
    zh = "数据库地址里不能用“{option}”。可用：{allowed}。"
    en = "“{option}” is not allowed in the database address. Allowed: {allowed}."


class ConnectionNotVerified(InputProblem):
    code = "database_connection_not_verified"
    zh = "到 {host} 的数据库连接用了 sslmode={found}，别人可能读到或冒充。请改为 sslmode=verify-full，并用 sslrootcert 指明根证书。"
    en = (
        "the connection to the database on {host} uses sslmode={found}, so others could read it or pose as the server. Use "
        "sslmode=verify-full and name the root certificate by sslrootcert."
    )


def connection_settings(url: str, *, at: str = "DATABASE_URL") -> dict[str, Any]:
    """The entry of Django's DATABASES for a `postgresql://` URL.

    A socket is named by `?host=/folder`. A remote host without `sslmode` gets `verify-full`. Connections are kept open,
    and looked at before each request. Raises NotPostgres, OptionNotAllowed, ConnectionNotVerified; none of them repeats
    the password.
    """
    if not url.startswith(SCHEMES):
        raise NotPostgres(at=at)
    try:
        parts = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:
        raise NotPostgres(at=at) from None  # libpq's own words may quote the password
    name = parts.pop("dbname", "")
    if not name:
        raise NotPostgres(at=at)
    user, password = parts.pop("user", ""), parts.pop("password", "")
    host, port = parts.pop("host", ""), parts.pop("port", "")
    for option in parts:
        if option not in OPTIONS:
            raise OptionNotAllowed(at=at, option=option, allowed=", ".join(OPTIONS))
    if not all(map(_stays_here, host.split(","))):
        # Sockets ignore sslmode, so an empty host, which PGHOST could lead elsewhere, is held to the same.
        mode = parts.setdefault("sslmode", "verify-full")
        if mode != "verify-full":
            raise ConnectionNotVerified(at=at, host=host or "PGHOST", found=mode)
        parts["gssencmode"] = "disable"  # libpq would otherwise try Kerberos first, to which sslmode does not apply
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": user,
        "PASSWORD": password,
        "HOST": host,
        "PORT": port,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        # What Django sends is never prepared; of `agency.statements`, what runs a second time is.
        "OPTIONS": {**parts, "prepare_threshold": 1},
    }


def _stays_here(host: str) -> bool:
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
