"""The secret that signs sessions and forms: read from a file, or the known one of the demonstration."""

from __future__ import annotations

from pathlib import Path

from yizhan.errors import InputProblem

_DEMO = "demonstration only: everybody knows this secret"


class SecretNeeded(InputProblem):
    code = "secret_needed"
    zh = "没有会话密钥：{why_zh}。用 ./yizhan serve --init 生成，或把 YIZHAN_SECRET_FILE 指向只有本用户可读、至少 50 个字符的文件。"
    en = "there is no session secret: {why_en}. Make one with ./yizhan serve --init, or point YIZHAN_SECRET_FILE to a file of at least 50 characters that only this user can read."


def read_secret(file: str, *, demo: bool) -> str:
    """The secret from this file, or "" where none is named: whatever serves pages then refuses to start.

    Raises SecretNeeded: the file cannot be read, is open to others, or too short.
    """
    if demo and not file:
        return _DEMO
    if not file:
        return ""
    path = Path(file)
    try:
        if path.stat().st_mode & 0o077:
            raise SecretNeeded(why_zh=f"{path.name} 别人也能读", why_en=f"others can read {path.name}")
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretNeeded(why_zh=f"读不了 {path.name}", why_en=f"{path.name} cannot be read") from error
    if len(secret) < 50:
        raise SecretNeeded(why_zh=f"{path.name} 太短", why_en=f"{path.name} is too short")
    return secret


def is_known(secret: str) -> bool:
    """Whether this is the secret of the demonstration."""
    return secret == _DEMO
