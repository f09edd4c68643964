"""Settings of the agency, from the environment. Besides `running`, which also reads YIZHAN_HOME (the data folder), nothing
else in the project reads it.

DATABASE_URL         runtime role; the launcher sets it to the private server where an operator names none
DATABASE_URL_OWNER   owner of the tables, for `./yizhan migrate` alone
YIZHAN_DEMO=1        demonstration: made-up people, known secrets. Refused together with a database of your own
YIZHAN_SECRET_FILE   file with the secret that signs sessions and forms
YIZHAN_KEY_FILE      file with the keys that seal identifiers (docs/crypto.md)
YIZHAN_HOSTS         names under which the desk is served, separated by commas
YIZHAN_PROFILE       `default`, or `mlps3` (等保三级: password classes and ageing)
YIZHAN_TOTP_ROLES    roles that must sign in with a second factor, separated by commas
YIZHAN_HTTPS=1       served behind TLS: Secure cookies, HSTS
YIZHAN_CIPHER_MACHINE  class that signs and encrypts messages of hospitals in a cipher machine, by its dotted name
YIZHAN_SCAN_COMMAND  run on every uploaded file before it is opened
"""

from __future__ import annotations

import os
from pathlib import Path

from csp.constants import NONE, SELF

from yizhan.agency.database_url import connection_settings
from yizhan.agency.staff.secrets import read_secret

HERE = Path(__file__).parent
DEMO = os.environ.get("YIZHAN_DEMO") == "1"
HTTPS = os.environ.get("YIZHAN_HTTPS") == "1"
DEBUG = False

SECRET_KEY = read_secret(os.environ.get("YIZHAN_SECRET_FILE", ""), demo=DEMO)
YIZHAN_KEY_FILE = os.environ.get("YIZHAN_KEY_FILE", "")
YIZHAN_CIPHER_MACHINE = os.environ.get("YIZHAN_CIPHER_MACHINE", "")
YIZHAN_SCAN_COMMAND = os.environ.get("YIZHAN_SCAN_COMMAND", "")
YIZHAN_PROFILE = os.environ.get("YIZHAN_PROFILE", "default")
YIZHAN_TOTP_ROLES = tuple(filter(None, os.environ.get("YIZHAN_TOTP_ROLES", "").split(",")))

ALLOWED_HOSTS = os.environ.get("YIZHAN_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
ROOT_URLCONF = "yizhan.agency.urls"
WSGI_APPLICATION = "yizhan.agency.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "django_tables2",
    "yizhan.agency.desk",
    "yizhan.agency.staff",
    "yizhan.agency.jobs",
    "yizhan.agency.ledger",
    "yizhan.agency.providers",
    "yizhan.agency.people",
    "yizhan.agency.rosters",
    "yizhan.agency.enrolment",
    "yizhan.agency.filings",
    "yizhan.agency.care",
    "yizhan.agency.laboratory",
    "yizhan.agency.api",
    "yizhan.agency.gateway",
]
MIDDLEWARE = [
    "yizhan.agency.api.door.AnswersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "yizhan.agency.desk.language.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "yizhan.agency.staff.pages.PageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "yizhan.agency.navigation.frame",
            ],
            "builtins": ["yizhan.agency.desk.templatetags.desk"],
        },
    }
]

# Settings are also read where no database is named (types, tests without one): connecting is what fails there.
DATABASES = {"default": connection_settings(os.environ.get("DATABASE_URL", "postgresql:///yizhan"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "staff.Officer"
AUTHENTICATION_BACKENDS = ["yizhan.agency.staff.sign_in.Backend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "staff:sign_in"
SESSION_ENGINE = "yizhan.agency.staff.sessions"
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
CSRF_FAILURE_VIEW = "yizhan.agency.staff.views.forged"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "report-uri": "/csp",
    }
}

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "中文"), ("en", "English")]
LANGUAGE_COOKIE_NAME = "language"
USE_I18N = USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

STATIC_URL = "/static/"
STATIC_ROOT = os.environ.get("YIZHAN_STATIC", "")
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
DJANGO_TABLES2_TEMPLATE = "desk/table.html"
SILENCED_SYSTEM_CHECKS: list[str] = []
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "yizhan.agency.desk.logs.Lines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
