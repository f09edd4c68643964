"""The relief certificate on paper（救助证）: a sheet to be cut and folded, with the code by which a hospital checks it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yizhan.bill.paper import Printed, print_sheet

TEMPLATE = Path(__file__).with_name("certificate.typ")

WORDS = {
    "title": ("医疗救助证", "Medical relief certificate"),
    "use": (
        "与居民身份证一起在定点医院出示；医院扫码核验，救助身份以核验当天的登记为准。证件遗失请即向医保局报失补发，旧证作废。",
        "Show it beside the ID card. The hospital scans the code; the identity is what is on record that day. If lost, tell the bureau: a new one makes this void.",
    ),
    "seal": ("（发证机关盖章）", "(seal of the issuing bureau)"),
    "scan": ("核验码", "verification code"),
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is printed: `rows` are (label, value) pairs, `mark` a word such as 补发 beside the title, `code` the QR code's text."""

    area: str
    number: str
    rows: tuple[tuple[str, str], ...]
    code: str
    mark: str = ""


def print_certificate(certificate: Certificate, lang: str = "zh") -> Printed:
    """A PDF of one page. Raises FontMissing."""
    texts = {
        "area": certificate.area, "number": certificate.number, "rows": [list(pair) for pair in certificate.rows],
        "mark": certificate.mark, "words": {key: pair[lang != "zh"] for key, pair in WORDS.items()},
    }  # fmt: skip
    return print_sheet(TEMPLATE, texts, lang=lang, code=certificate.code)
