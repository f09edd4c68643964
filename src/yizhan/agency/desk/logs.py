"""Log lines as JSON, one event a line: a name with a line break in it cannot forge a second one.

What people are called by, and their numbers, do not belong in logs; runs of digits as long as an identifier are masked as
a last resort.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

_LONG_DIGITS = re.compile(r"(?<![0-9])([0-9]{3})[0-9]{8,14}([0-9]{3}[0-9Xx])(?![0-9])")

_ROW = re.compile(r"DETAIL:  .*")
"""In which PostgreSQL quotes the row that it refused, names included."""


def masked_text(text: str) -> str:
    """The text with the middle of each identifier in it left out; of certificates, accounts and the like.

    >>> masked_text("证件 43030219900101001X 有误")
    '证件 430****001X 有误'
    """
    return _LONG_DIGITS.sub(r"\1****\2", text)


class Lines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = _ROW.sub("DETAIL:  …", self.formatException(record.exc_info))
        return masked_text(json.dumps(line, ensure_ascii=False))
