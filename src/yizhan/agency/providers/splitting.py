"""A bill line is split into the four pots by the catalogue in force on its day, and says why.

    splits, problems = split_lines(charges, institution=hospital, area_path="000000.430000.430300.430302.")
    explain(splits[0], "zh")   → 乙类，先付10%（5.00元），其余45.00元计入政策范围内。依据：…

`split_charge` decides one line and is pure. `split_lines` reads what the lines of a visit need, in three statements
however many lines there are: the institution's mappings, the versions in force, the items.

What is above the price limit of the hospital's grade goes to over_limit; of the rest, class A is in scope, class B leaves
its first-pay share, rounded half up, to first_pay; class C and whatever has no approved mapping or catalogue item is own.
A refund is split as the charge would be, with the sign turned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import connection

from yizhan.agency.providers.errors import AmountNotPrice, LineEmpty, LineSigns, LineTooLarge
from yizhan.agency.providers.kinds import CATALOGUES, CLASSES, LEVELS, OTHER_FEE
from yizhan.agency.staff.models import Institution
from yizhan.engine.money import MOST_FEN, half_up, percent, share_of, yuan, yuan_grouped
from yizhan.errors import Problem

TEN_THOUSANDTHS = 10_000
"""Quantities are in ten-thousandths of a unit, prices in ten-thousandths of a yuan: the national interface has four decimals."""

_PER_FEN = TEN_THOUSANDTHS * TEN_THOUSANDTHS // 100
"""quantity × price of one fen."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a bill line says.

    `quantity` in 1/10000 of the unit, `price` in 1/10000 yuan a unit, `amount_fen` in fen; of a refund quantity and amount
    are negative. `own_expense_signed`: the patient signed to bear the item alone, which counts where the catalogue restricts
    its use. `fee`: the hospital's category of cost, used only where no catalogue knows the item. `price_rounded`: the price had
    more decimals than four, and quantity × exact price was found right.
    """

    on: date
    code: str
    name: str
    quantity: int
    price: int
    amount_fen: int
    own_expense_signed: bool = False
    fee: str = ""
    price_rounded: bool = False


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """What a catalogue in force says of a national code. `limit`: fen a unit at the hospital's grade; None is no limit."""

    code: str
    kind: str
    payment_class: str
    first_pay: int
    limit: int | None
    restriction: str
    negotiated: bool
    fee: str
    charge: str
    version: int
    document: str
    from_on: date


@dataclass(frozen=True, slots=True)
class Split:
    """A line in its pots (in_scope, first_pay, over_limit, own; fen) and what the settlement needs of it.

    `category` is the national category of cost (kinds.FEES), `kind` the catalogue (drug, service, supply, or "" if none knows it).
    `why` is JSON: `key` names the reason (WHY), the rest what it was decided by; `sentence` writes it out.
    """

    pots: tuple[int, int, int, int]
    charge: str = ""
    national_code: str = ""
    category: str = OTHER_FEE
    kind: str = ""
    special_drug: bool = False
    why: dict[str, Any] = field(default_factory=dict)


WHY = (
    "class_a",
    "class_b",
    "class_c",
    "signed",
    "not_listed",
    "no_mapping",
    "mapping_proposed",
    "mapping_rejected",
)
"""The reasons of a split, as `why["key"]`."""


# --- One line ---------------------------------------------------------------------------------------------------------


def split_charge(
    charge: Charge, item: CatalogueItem | None, *, level: str, mapping: int | None = None, missing: str = "no_mapping"
) -> Split:
    """Split one line. Without an `item` it is own, and `missing` is the reason (a word of WHY)."""
    if item is None:
        why: dict[str, Any] = {"key": missing, "signed": charge.own_expense_signed}
        own = (0, 0, 0, charge.amount_fen)
        return Split(
            own, category=charge.fee or OTHER_FEE, national_code="" if missing != "not_listed" else charge.code, why=why
        )
    why = {
        "class": item.payment_class,
        "version": item.version,
        "document": item.document,
        "from_on": item.from_on.isoformat(),
    }
    if mapping is not None:
        why["mapping"] = mapping
    if item.restriction:
        why["restriction"] = item.restriction
    if item.payment_class == "c" or (item.restriction and charge.own_expense_signed):
        why |= {"key": "class_c" if item.payment_class == "c" else "signed", "signed": charge.own_expense_signed}
        pots = (0, 0, 0, charge.amount_fen)
    else:
        pots = _shares(charge, item)
        why["key"] = f"class_{item.payment_class}"
        if item.payment_class == "b":
            why["ratio"] = item.first_pay
        if item.limit is not None:
            why |= {"limit": item.limit, "level": level}
    return Split(
        pots, charge=item.charge, national_code=item.code, category=item.fee, kind=item.kind, special_drug=item.negotiated, why=why
    )  # fmt: skip


def _shares(charge: Charge, item: CatalogueItem) -> tuple[int, int, int, int]:
    sign = -1 if charge.amount_fen < 0 else 1
    amount = abs(charge.amount_fen)
    over = 0
    if item.limit is not None:
        over = max(0, amount - half_up(item.limit * abs(charge.quantity), TEN_THOUSANDTHS))
    first = share_of(amount - over, item.first_pay)
    return (sign * (amount - over - first), sign * first, sign * over, 0)


def faults_of(charge: Charge, number: int) -> list[Problem]:
    """What is wrong with line `number` (from 1) in itself: its amount is not quantity × price within one fen, and the like."""
    at, found = f"lines[{number - 1}]", {"number": number, "name": charge.name}
    if not charge.quantity:
        return [LineEmpty(at=at, **found)]
    if charge.price < 0 or charge.quantity * charge.amount_fen < 0:
        return [LineSigns(at=at, **found)]
    if abs(charge.amount_fen) > MOST_FEN:
        return [LineTooLarge(at=at, amount=yuan_grouped(charge.amount_fen), most=yuan_grouped(MOST_FEN), **found)]
    product = charge.quantity * charge.price
    rounding = abs(charge.quantity) // 2 if charge.price_rounded else 0
    if abs(product - charge.amount_fen * _PER_FEN) > _PER_FEN + rounding:
        expected = half_up(abs(product), _PER_FEN) * (-1 if product < 0 else 1)
        return [AmountNotPrice(at=at, amount=yuan(charge.amount_fen), expected=yuan(expected), **found)]
    return []


# --- The lines of a visit ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Version:
    number: int
    kind: str
    area_path: str
    from_on: date
    document: str


@dataclass(frozen=True, slots=True)
class _Mapped:
    number: int
    national_code: str
    first: date | None
    end: date | None
    state: str

    def holds(self, on: date) -> bool:
        return (self.first is None or self.first <= on) and (self.end is None or on < self.end)


def split_lines(
    charges: Sequence[Charge], *, institution: Institution, area_path: str
) -> tuple[list[Split], list[Problem]]:
    """Split lines by the catalogues of the insured person's area (`area_path`) and the institution's mappings.

    A line's code is the institution's own where an approved mapping holds on the day, else a national code. One split for
    each line, in their order; the problems name lines that cannot be right, whose splits must not be used. At most three
    SQL statements. Inside `acting`.
    """
    problems = [problem for number, charge in enumerate(charges, 1) for problem in faults_of(charge, number)]
    if not charges:
        return [], problems
    mappings = _mappings(charges, institution)
    in_force = _versions_on(area_path, last=max(charge.on for charge in charges))
    chosen = [_mapped(mappings.get(charge.code, ()), charge.on) for charge in charges]
    codes = {
        charge.code if found is None or found.state != "approved" else found.national_code
        for charge, found in zip(charges, chosen, strict=True)
    }
    versions = {version.number: version for on in {charge.on for charge in charges} for version in in_force(on)}
    items = _items(versions, codes, institution.level)
    splits = []
    for charge, found in zip(charges, chosen, strict=True):
        approved = found if found is not None and found.state == "approved" else None
        code = approved.national_code if approved else charge.code
        item = next((items[key] for version in in_force(charge.on) if (key := (version.number, code)) in items), None)
        missing = "not_listed" if approved else f"mapping_{found.state}" if found else "no_mapping"
        split = split_charge(
            charge, item, level=institution.level, mapping=approved.number if approved else None, missing=missing
        )
        if item is None:
            split.why.update({"code": code} | ({"mapping": approved.number} if approved else {}))
        splits.append(split)
    return splits, problems


def _mapped(found: Sequence[_Mapped], on: date) -> _Mapped | None:
    """The mapping of a code on a day: the approved one, else the one that waits, else a rejected one."""
    holding = [mapping for mapping in found if mapping.holds(on)]
    return min(holding, key=lambda m: (("approved", "proposed", "rejected").index(m.state), -m.number), default=None)


def _mappings(charges: Sequence[Charge], institution: Institution) -> dict[str, list[_Mapped]]:
    if not institution.pk:
        return {}
    days = [charge.on for charge in charges]
    codes = sorted({charge.code for charge in charges})
    found: dict[str, list[_Mapped]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, code, national_code, lower(valid), upper(valid), state from providers_mappings(%s, %s::text[], %s, %s)",
            [institution.pk, codes, min(days), max(days)],
        )
        for number, code, national_code, first, end, state in cursor.fetchall():
            found.setdefault(code, []).append(_Mapped(number, national_code, first, end, state))
    return found


def _versions_on(area_path: str, *, last: date) -> Callable[[date], Sequence[_Version]]:
    """From a day to the versions in force on it, at most one a kind: of the nearest area upward that has one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, kind, area_path, from_on, document from providers_version where state = 'applied'"
            " and area_path = any(%s) and from_on <= %s order by area_path desc, from_on desc",
            [upward(area_path), last],
        )
        versions = [_Version(*row) for row in cursor.fetchall()]
    known: dict[date, tuple[_Version, ...]] = {}

    def in_force(on: date) -> Sequence[_Version]:
        if on not in known:
            nearest: dict[str, _Version] = {}
            for version in versions:
                if version.from_on <= on:
                    nearest.setdefault(version.kind, version)
            known[on] = tuple(nearest[kind] for kind in CATALOGUES if kind in nearest)
        return known[on]

    return in_force


def upward(area_path: str) -> list[str]:
    """The paths of an area and of all above it.

    >>> upward("000000.430000.430300.")
    ['000000.', '000000.430000.', '000000.430000.430300.']
    """
    codes = [code for code in area_path.split(".") if code]
    return ["".join(f"{code}." for code in codes[: place + 1]) for place in range(len(codes))]


def _items(versions: Mapping[int, _Version], codes: set[str], level: str) -> dict[tuple[int, str], CatalogueItem]:
    if not versions:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            # One look-up in the unique index for each version and code: asked as one join, PostgreSQL reads whole versions
            # where its figures of the table lag behind an import.
            "select i.version_id, i.code, i.payment_class, i.first_pay, (i.limits ->> %s)::bigint, i.restriction, i.negotiated,"
            " i.fee, i.charge from unnest(%s::bigint[]) v(id) cross join unnest(%s::text[]) c(code)"
            ' cross join lateral (select * from providers_item i where i.version_id = v.id and i.code = c.code collate "C" limit 1) i',
            [level, list(versions), sorted(codes)],
        )
        found = {}
        for number, code, payment_class, first_pay, limit, restriction, negotiated, fee, charge in cursor.fetchall():
            version = versions[number]
            found[number, code] = CatalogueItem(
                code, version.kind, payment_class, first_pay, limit, restriction, negotiated, fee, charge,
                number, version.document, version.from_on,
            )  # fmt: skip
    return found


# --- In words ---------------------------------------------------------------------------------------------------------


def explain(split: Split, lang: str) -> str:
    """Why a line was split so, in `zh` or `en`."""
    return sentence(split.why, split.pots, lang)


_WITHOUT_ITEM = {
    "not_listed": (
        "国家编码{code}不在当日有效的目录里，全自费。如编码有误，请医院管理员重新上报对照。",
        "National code {code} is in no catalogue of that day: own expense. If the code is wrong, the hospital manager should map the item anew.",
    ),
    "no_mapping": (
        "医院项目{code}没有审核通过的目录对照，全自费。请医院管理员上报对照，审核通过后重新计算。",
        "Hospital item {code} has no approved mapping: own expense. The hospital manager should map it; once approved, compute the line anew.",
    ),
    "mapping_proposed": (
        "医院项目{code}的目录对照还在审核，暂按全自费。请医保局审核后重新计算。",
        "The mapping of hospital item {code} awaits review: own expense for now. Compute the line anew once the bureau has reviewed it.",
    ),
    "mapping_rejected": (
        "医院项目{code}的目录对照被退回，全自费。请医院管理员按退回理由改正后重新上报。",
        "The mapping of hospital item {code} was rejected: own expense. The hospital manager should correct it as told and send it again.",
    ),
}


def sentence(why: Mapping[str, Any], pots: Sequence[int], lang: str) -> str:
    """The same from what a bill line keeps: `why` and its pots in fen."""
    zh, pick = lang == "zh", 0 if lang == "zh" else 1
    key = why["key"]
    pieces = []
    if key in _WITHOUT_ITEM:
        pieces.append(_WITHOUT_ITEM[key][pick].format(code=why.get("code", "")))
    else:
        pieces.append(_of_class(why, pots, zh))
        if pots[2]:
            unit = yuan_grouped(why["limit"])
            level = LEVELS[why["level"]] if why.get("level") in LEVELS else None
            pieces.append(
                f"{level.zh if level else ''}医院限价每单位{unit}元，超出的{yuan_grouped(pots[2])}元计入超限价。"
                if zh
                else f"The limit at {level.en if level else 'this'} hospitals is {unit} yuan a unit; {yuan_grouped(pots[2])} yuan above it are over the limit."
            )
        if why.get("restriction"):
            pieces.append(f"限定支付：{why['restriction']}。" if zh else f"Restricted to: {why['restriction']}.")
    if key != "signed" and pots[3] and not why.get("signed"):
        pieces.append("没有自费知情同意的记录。" if zh else "No signed consent to own expense is on record.")
    if why.get("document"):
        pieces.append(
            f"依据：{why['document']}（自{why['from_on']}）。"
            if zh
            else f"By {why['document']}, from {why['from_on']}."
        )
    return ("" if zh else " ").join(pieces)


def _of_class(why: Mapping[str, Any], pots: Sequence[int], zh: bool) -> str:
    words = CLASSES[why["class"]]
    if why["key"] == "signed":
        return (
            f"{words.zh}，但在限定支付范围外使用，患者已签自费同意，全自费。"
            if zh
            else f"{words.en}, but used outside its restriction with the patient's signed consent: own expense."
        )
    if why["key"] == "class_c":
        return f"{words.zh}，全自费。" if zh else f"{words.en}: own expense."
    if why["key"] == "class_b":
        ratio, first, rest = percent(why["ratio"]), yuan_grouped(pots[1]), yuan_grouped(pots[0])
        return (
            f"{words.zh}，先付{ratio}（{first}元），其余{rest}元计入政策范围内。"
            if zh
            else f"{words.en}: {ratio} paid first ({first} yuan), the other {rest} yuan are in scope."
        )
    amount = yuan_grouped(pots[0])
    return f"{words.zh}，{amount}元计入政策范围内。" if zh else f"{words.en}: {amount} yuan are in scope."
