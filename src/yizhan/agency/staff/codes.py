"""Codes on paper that prove themselves（核验码）: printed as QR, scanned or typed at a window.

    YZ1-123-1300000-…-K7Q2…      a body of numbers, and a mark

The mark is a keyed hash of the body, so nobody without the keys can make a code, and a changed figure does not verify. A body
holds no name and no diagnosis. Letters and digits are those that scanners send right through an input method; what a clerk
types may be full-width, in small letters or with spaces, and 0, 1 and 8 in the mark are read as the letters that they look
like.
"""

from __future__ import annotations

import re
from base64 import b32encode
from unicodedata import normalize

from yizhan.agency import crypto

MARK = "[A-Z2-7]{26}"
"""What a mark looks like, for the patterns of the kinds of codes."""

MARK_BYTES = 16
LONGEST = 200
"""Characters of a typed code; the longest real one has about 110."""

_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−－﹣_"), "-")
_LOOKALIKES = str.maketrans("018", "OIB")


def mark_of(body: str, purpose: str, *, using: crypto.Keys | None = None) -> str:
    """The mark of a body. Codes of different purposes have different marks of the same body."""
    return b32encode(crypto.mac(body, purpose, using=using)[:MARK_BYTES]).decode().rstrip("=")


def signed(body: str, purpose: str, *, using: crypto.Keys | None = None) -> str:
    """The code of a body."""
    return f"{body}-{mark_of(body, purpose, using=using)}"


def parted(typed: str) -> tuple[str, str]:
    """Body and mark of what was scanned or typed, written as they were printed."""
    plain = re.sub(r"\s", "", normalize("NFKC", typed[:LONGEST]).translate(_DASHES)).upper()
    body, _, mark = plain.rpartition("-")
    return body, mark.translate(_LOOKALIKES)


def is_genuine(body: str, mark: str, purpose: str, *, using: crypto.Keys | None = None) -> bool:
    """Whether the mark is that of the body."""
    return crypto.same_bytes(mark_of(body, purpose, using=using).encode(), mark.encode())
