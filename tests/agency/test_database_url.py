"""A database address leads where it says, and never over a wire in plain text."""

from __future__ import annotations

import pytest

from yizhan.agency.database_url import ConnectionNotVerified, NotPostgres, OptionNotAllowed, connection_settings
from yizhan.errors import InputProblem


def test_every_part_of_an_address_is_read() -> None:
    settings = connection_settings("postgresql://yi:p%40ss@db.example.org:5433/zhan?sslrootcert=/etc/ca.pem")
    assert settings["ENGINE"] == "django.db.backends.postgresql"
    assert (settings["USER"], settings["PASSWORD"]) == ("yi", "p@ss")
    assert (settings["HOST"], settings["PORT"], settings["NAME"]) == ("db.example.org", "5433", "zhan")
    assert settings["OPTIONS"]["sslrootcert"] == "/etc/ca.pem"
    assert settings["CONN_MAX_AGE"] is None


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("postgresql://yi@/zhan?host=/var/run/postgresql", "/var/run/postgresql"),
        ("postgresql://yi@%2Fvar%2FRun/zhan", "/var/Run"),
        ("postgresql://yi@localhost/zhan", "localhost"),
        ("postgres://yi@127.0.0.1:5432/zhan?sslmode=disable", "127.0.0.1"),
        ("postgresql://yi@[::1]/zhan?sslmode=prefer", "::1"),
    ],
)
def test_this_machine_needs_no_certificate(url: str, host: str) -> None:
    settings = connection_settings(url)
    assert settings["HOST"] == host
    assert settings["OPTIONS"].get("sslmode") != "verify-full"


@pytest.mark.parametrize("host", ["db.example.org", "10.1.2.3", "[2001:db8::1]", "", "localhost.example.org"])
def test_another_host_is_verified_unless_told_otherwise(host: str) -> None:
    options = connection_settings(f"postgresql://yi@{host}/zhan")["OPTIONS"]
    assert (options["sslmode"], options["gssencmode"]) == ("verify-full", "disable")


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
@pytest.mark.parametrize("host", ["db.example.org", "10.1.2.3", "", "127.0.0.1,10.1.2.3"])
def test_another_host_is_refused_without_verification(host: str, mode: str) -> None:
    with pytest.raises(ConnectionNotVerified) as refused:
        connection_settings(f"postgresql://yi:hush@/zhan?host={host}&sslmode={mode}")
    assert mode in refused.value.text("zh")
    assert "DATABASE_URL" in refused.value.text("en")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite:///data.db",
        "mysql://yi:hush@db/zhan",
        "host=db dbname=zhan password=hush",
        "postgresql://yi:hush@db",
        "postgresql://yi:hush@db:port:hush/zhan?sslmode",
        "postgresql://yi:hush@db/zhan?pool=hush",
        "postgresql://yi:hu%zzsh@db/zhan",
    ],
)
def test_what_is_no_postgresql_address_is_refused(url: str) -> None:
    with pytest.raises(NotPostgres) as refused:
        connection_settings(url)
    assert "hush" not in f"{refused.value.text('zh')} {refused.value.text('en')} {refused.value.__cause__}"


@pytest.mark.parametrize("option", ["hostaddr=10.1.2.3", "service=other", "ssl_min_protocol_version=TLSv1"])
def test_options_that_lead_elsewhere_are_refused(option: str) -> None:
    with pytest.raises(OptionNotAllowed) as refused:
        connection_settings(f"postgresql://yi@localhost/zhan?{option}")
    assert option.partition("=")[0] in refused.value.text("zh")
    assert isinstance(refused.value, InputProblem)
