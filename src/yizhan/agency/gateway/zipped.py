"""Tables in files, as both sides of the interface write them: a ZIP with one text of tab-separated rows. Pure."""

from __future__ import annotations

import io
import zipfile

from yizhan.agency.gateway.errors import FileUnreadable

LARGEST_UNPACKED = 32 << 20
MOST_ROWS, MOST_CELLS = 300_000, 20
"""Bytes, rows, and cells of a row: a small ZIP may hold a text that fills the memory once it is cut up."""


def packed(name: str, rows: list[list[str]]) -> bytes:
    """A ZIP with one text of tab-separated rows; what is missing is written null."""
    text = "".join("\t".join(cell or "null" for cell in row) + "\n" for row in rows)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        # A fixed day: the same rows give the same bytes.
        archive.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), text.encode())
    return target.getvalue()


def unpacked(name: str, content: bytes) -> list[list[str]]:
    """The rows of such a ZIP. Raises FileUnreadable."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = archive.infolist()
            if len(inside) != 1 or inside[0].file_size > LARGEST_UNPACKED:
                raise FileUnreadable(
                    name=name, why_zh="应当只有一个不太大的文本", why_en="it should hold one text, not too large"
                )
            with archive.open(inside[0]) as file:
                text = file.read(LARGEST_UNPACKED + 1).decode("utf-8-sig")
    except (zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError, RuntimeError, EOFError):
        raise FileUnreadable(
            name=name, why_zh="不是 ZIP 里的 UTF-8 文本", why_en="it is no UTF-8 text in a ZIP"
        ) from None
    if text.count("\n") > MOST_ROWS:
        raise FileUnreadable(
            name=name,
            why_zh=f"超过 {MOST_ROWS} 行，请缩短日期",
            why_en=f"it has more than {MOST_ROWS} rows; name fewer days",
        )
    rows = [line.split("\t", MOST_CELLS) for line in text.split("\n") if line.strip()]
    return [["" if cell.strip().lower() == "null" else cell.strip() for cell in row] for row in rows]
