"""Names: made comparable, given pinyin for search and order, and compared where a clerk may have mistyped.

What a person's certificate prints is kept as it is given (民委发〔2016〕33号: separator U+00B7, 50 characters or more, all of
GB 18030); the functions here make what lies beside it. Pinyin is for finding and sorting only, so one reading is enough:
for a surname that of the surname, for other characters the commonest.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

from rapidfuzz.distance import Levenshtein

SEPARATOR = "·"

_HAN = r"\u2e80-\u2fdf\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_IS_HAN = re.compile(f"[{_HAN}]")
_SEPARATORS = re.compile(rf"(?<=[{_HAN}])[\s]*[•‧・･．.·∙⋅᛫●◦・]+[\s]*(?=[{_HAN}])")
_HAN_BLANKS = re.compile(rf"(?<=[{_HAN}·])\s+|\s+(?=[{_HAN}·])")


def _private_to_public() -> dict[int, str]:
    """Rare characters that systems on GBK keep in the private use area, such as 䶮 at U+E863, by GB 18030's own table."""
    table = {}
    for code in range(0xE815, 0xE865):
        trail = 0x50 + code - 0xE815
        public = bytes([0xFE, trail + (trail >= 0x7F)]).decode("gb18030")
        if public != chr(code):
            table[code] = public
    return table


_PUBLIC = _private_to_public()
_INVISIBLE = ("Cc", "Cf")


@lru_cache(maxsize=65_536)
def normalise_name(name: str) -> str:
    """A name for matching: one separator, no blanks between Han, narrow capitals in Latin, nothing invisible.

    >>> normalise_name("买买提 • 艾力"), normalise_name("张　三"), normalise_name("Ｊohn  smith")
    ('买买提·艾力', '张三', 'JOHN SMITH')
    """
    name = unicodedata.normalize("NFC", name.translate(_PUBLIC))
    kept = [c for c in name if (unicodedata.category(c) not in _INVISIBLE and not _is_variation(c)) or c in "\t\n\r"]
    name = "".join(chr(ord(c) - 0xFEE0) if "！" <= c <= "～" and c != "．" else c for c in kept)
    name = _HAN_BLANKS.sub("", _SEPARATORS.sub(SEPARATOR, name))
    return " ".join(name.upper().split())


def _is_variation(c: str) -> bool:
    """Whether it only chooses among the shapes of the character before it."""
    return "\ufe00" <= c <= "\ufe0f" or "\U000e0100" <= c <= "\U000e01ef"


# --- Pinyin -----------------------------------------------------------------------------------------------------------

_SURNAME_READINGS = """
    单:shan4 曾:zeng1 仇:qiu2 解:xie4 区:ou1 朴:piao2 查:zha1 黑:he4 盖:ge3 缪:miao4 翟:zhai2 覃:qin2
    乐:yue4 任:ren2 宁:ning4 折:she2 召:shao4 繁:po2 冼:xian3 员:yun4 种:chong2 重:chong2 洗:xian3
    秘:bi4 句:gou1 隗:wei3 逄:pang2 祭:zhai4 佴:nai4 乜:nie4 撒:sa4 粘:nian2 牟:mu4 能:nai4 么:yao1
    幺:yao1 藏:zang4 阚:kan4 谌:chen2 郗:xi1 都:du1 呙:guo1 莘:shen1 郇:xun2 干:gan1 隽:juan4 厍:she4
    圈:juan4 贠:yun4 郄:qie4 颉:xie2 尉:wei4 薄:bo2 柏:bai3 应:ying1 华:hua4 和:he2 哈:ha3 那:na1 纪:ji3
    卜:bu3 晁:chao2 车:che1 过:guo1 行:xing2 相:xiang4 葛:ge3 臧:zang1 褚:chu3 曲:qu1 石:shi2 万:wan4
    沈:shen3 贾:jia3 於:yu1 余:yu2 俞:yu2 便:pian2 术:zhu2 长:chang2 朝:chao2 景:jing3 奇:qi2 载:dai4
    邸:di3 芮:rui4 妫:gui1 麴:qu1 殷:yin1 燕:yan1 令:ling2 钭:tou3 难:nan4 尉迟:yu4chi2 万俟:mo4qi2
    长孙:zhang3sun1 单于:chan2yu2 澹台:tan2tai2 鲜于:xian1yu2 令狐:ling2hu2 亓官:qi2guan1 颛孙:zhuan1sun1
    乐正:yue4zheng4 夹谷:jia1gu3 宰父:zai3fu3 拓跋:tuo4ba2 羊舌:yang2she2 皇甫:huang2fu3 尉犁:yu4li2
    贺兰:he4lan2 呼延:hu1yan2 濮阳:pu2yang2 漆雕:qi1diao1 子车:zi3ju1 毌丘:guan4qiu1 可朱浑:ke3zhu1hun2
"""
_SURNAMES = dict(pair.split(":") for pair in _SURNAME_READINGS.split())
"""Surnames that read otherwise than the character usually does, and those of two characters that do."""

_LONGEST_SURNAME = max(map(len, _SURNAMES))
_SYLLABLE = re.compile(r"[a-z]+[0-9]")
_PIECE = re.compile(rf"([{_HAN}])|((?:(?![{_HAN}])[^\W_])+)")


@cache
def _reading(character: str) -> str:
    """The commonest reading with its tone (`zhang1`), or "" where none is known."""
    from pypinyin import Style, pinyin  # a quarter of a second to load, and not every command needs it

    found = pinyin(character, style=Style.TONE3, neutral_tone_with_five=True, errors="ignore")
    reading = found[0][0] if found else ""
    return reading if _SYLLABLE.fullmatch(reading) else ""


def _readings(name: str) -> list[tuple[str, str]]:
    """(piece, reading) for each Han character and each other word of a normalised name; words read as themselves."""
    pieces = [(han or word, _reading(han) if han else _plain(word)) for han, word in _PIECE.findall(name)]
    if SEPARATOR in name:
        return pieces  # a name given by its sound, which has no Chinese surname
    # Something is left for the given name, so 单于 is 单 (shan) and not the surname of two characters.
    for length in range(max(1, min(_LONGEST_SURNAME, len(name) - 1)), 0, -1):
        surname = _SURNAMES.get(name[:length])
        if surname:
            sounds = _SYLLABLE.findall(surname)
            return [*zip(name[:length], sounds, strict=True), *pieces[length:]]
    return pieces


def _plain(word: str) -> str:
    """A word in small letters without accents."""
    if word.isascii():
        return word.lower()
    bare = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", bare).lower()


@lru_cache(maxsize=65_536)
def pinyin_initials(name: str) -> str:
    """What a clerk types to find a name: the first letter of each syllable or word, in small letters.

    A character without a known reading stands for itself, so that the result is the same everywhere.

    >>> pinyin_initials("单雄信"), pinyin_initials("尉迟恭"), pinyin_initials("买买提·艾力"), pinyin_initials("John Smith")
    ('sxx', 'ycg', 'mmtal', 'js')
    """
    return "".join((reading or piece)[0] for piece, reading in _readings(normalise_name(name)))


def pinyin_key(name: str) -> str:
    """A text whose order, byte by byte (C collation), is that of the names in pinyin; for a stored column to ORDER BY.

    Syllable, tone and character follow each other, so that those of one surname stand together. What has no reading
    comes last.

    >>> pinyin_key("李明"), pinyin_key("李明") < pinyin_key("林冲")
    ('li3李ming2明', True)
    """
    pieces = []
    for piece, reading in _readings(normalise_name(name)):
        if _IS_HAN.match(piece):
            pieces.append(f"{reading or '~'}{piece}")
        else:
            pieces.append(f"{reading} ")
    return "".join(pieces).rstrip()


# --- Comparison -------------------------------------------------------------------------------------------------------

HOMOPHONES = 90
"""Similarity of names that sound alike and are written differently."""


def same_name(one: str, other: str) -> bool:
    """Whether two names are one name written in ways that do not matter."""
    return normalise_name(one) == normalise_name(other)


def name_similarity(one: str, other: str) -> int:
    """How alike two names are, 0 to 100: 100 the same name, 98 but for separators, 90 all characters sound alike.

    A name typed partly in pinyin (张JIE) sounds as it is typed.
    """
    one, other = normalise_name(one), normalise_name(other)
    if not one or not other:
        return 0
    if one == other:
        return 100
    bare, other_bare = (re.sub(r"[\s·.\-']", "", name) for name in (one, other))
    if bare == other_bare:
        return 98
    written = Levenshtein.normalized_similarity(bare, other_bare)
    heard = Levenshtein.normalized_similarity(_sounds(one), _sounds(other))
    return max(int(100 * written), int(HOMOPHONES * heard))


def _sounds(name: str) -> list[str]:
    return [reading.rstrip("012345") or piece for piece, reading in _readings(name)]
