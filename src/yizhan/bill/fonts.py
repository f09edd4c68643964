"""Which characters can be printed. A glyph that no font has would be an empty box, or nothing, and nobody would notice.

The fonts are those of the wheel `manimgx-fonts-cjk` (Noto Sans CJK, SIL Open Font License), so that paper looks the same on
every machine, and those in the folders of `YIZHAN_FONTS`, for characters that Noto has not. Fonts of the system are not
looked at: a bill must not change with the machine. Typesetting leaves missing glyphs out without a word, so the character
maps of the fonts are read here and every text is compared with them before it is set.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from struct import unpack_from

from yizhan.errors import InputProblem, Problems

PACKAGE = "manimgx_fonts_cjk"
FAMILY = "Noto Sans CJK SC"
FOLDERS = "YIZHAN_FONTS"
"""Environment: further folders with fonts, separated as in PATH."""


class FontMissing(InputProblem):
    code = "font_missing"
    zh = "打印需要的中文字体没有安装（Python 包 manimgx-fonts-cjk）；请按锁定文件重新安装。"
    en = "the Chinese font for printing is not installed (Python package manimgx-fonts-cjk); install from the lock file again."


def folders() -> list[Path]:
    """Where fonts are taken from, the package first. Raises FontMissing."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise Problems([FontMissing()])
    more = [Path(each) for each in os.environ.get(FOLDERS, "").split(os.pathsep) if each]
    return [Path(spec.submodule_search_locations[0]), *more]


def printable(text: str, shown: frozenset[int], missing: list[str]) -> str:
    """The text with what has no glyph, or would be invisible, as its code: 〔U+202E〕. Adds such characters to `missing`."""
    if shown.issuperset(map(ord, text)):
        return text
    return "".join(c if ord(c) in shown else " " if c.isspace() else _coded(c, missing) for c in text)


def _coded(c: str, missing: list[str]) -> str:
    missing.append(c)
    return f"〔U+{ord(c):04X}〕"


_SELECTORS = frozenset((*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
"""They choose among the forms of the character before; without that form the plain one is printed, which is right too."""


@lru_cache(maxsize=8)
def coverage(files: tuple[tuple[str, int], ...]) -> frozenset[int]:
    """The code points that show when set in these fonts (file, index in it): with a glyph, and no control character."""
    mapped = {point for name, index in files for point in code_points(Path(name).read_bytes(), index)}
    return _SELECTORS | {p for p in mapped if unicodedata.category(chr(p)) not in ("Cc", "Cf", "Cs")}


def code_points(font: bytes, index: int = 0) -> Iterator[int]:
    """What the character map of an OpenType font, or of one in a collection, maps to a glyph (ISO/IEC 14496-22, `cmap`)."""
    start = unpack_from(">I", font, 12 + 4 * index)[0] if font[:4] == b"ttcf" else 0
    tables = unpack_from(">H", font, start + 4)[0]
    for k in range(tables):
        tag, _, offset, _ = unpack_from(">4sIII", font, start + 12 + 16 * k)
        if tag == b"cmap":
            for j in range(unpack_from(">H", font, offset + 2)[0]):
                at = offset + unpack_from(">I", font, offset + 4 + 8 * j + 4)[0]
                yield from _subtable(font, at)


def _subtable(font: bytes, at: int) -> Iterator[int]:
    form = unpack_from(">H", font, at)[0]
    if form == 12:
        for k in range(unpack_from(">I", font, at + 12)[0]):
            first, last, glyph = unpack_from(">III", font, at + 16 + 12 * k)
            yield from range(first + (glyph == 0), last + 1)
    elif form == 4:
        segments = unpack_from(">H", font, at + 6)[0] // 2
        ends: Sequence[int] = unpack_from(f">{segments}H", font, at + 14)
        starts: Sequence[int] = unpack_from(f">{segments}H", font, at + 16 + 2 * segments)
        for first, last in zip(starts, ends, strict=True):
            yield from range(first, min(last, 0xFFFE) + 1)
