"""What a settlement has to say besides its amounts: the ratios that acted, the year's sums, what else it might have been.

All of it is read off a settlement that is finished; only the alternatives are settled anew, one run each. A bill that is
kept with these can be printed for ever, even when the documents that it was settled by have changed or gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from yizhan.engine.claim import Beneficiary, Claim
from yizhan.engine.money import NO_LIMIT
from yizhan.engine.scheme import Scheme
from yizhan.engine.settlement import Payment, Settlement, settle
from yizhan.engine.steps import CUMULATIVE, RATIO, TOP_UP
from yizhan.errors import Problems

NAMED = "另设·"
"""How the sum of a named ceiling (另设限额) begins."""

KINDS = {
    "base": ("{name}：累计计入", "{name}: cost counted"),
    "paid": ("{name}：累计支付", "{name}: paid"),
    "paid_in_year": ("{name}：累计支付", "{name}: paid"),
    "deductible": ("{name}：累计起付", "{name}: deductibles charged"),
}


@dataclass(frozen=True, slots=True)
class YearSum:
    """One of the year's sums, in fen. `ceiling` limits it, at `starts_at` the layer begins to pay; None for none."""

    slot: str
    name: str
    name_en: str
    before: int
    after: int
    ceiling: int | None
    starts_at: int | None


@dataclass(frozen=True, slots=True)
class Alternative:
    """What the patient would pay, in fen, if one fact were otherwise."""

    fact: str
    value: str
    patient: int


def ratios_of(payment: Payment) -> tuple[int, ...]:
    """The ratios by which a layer reckoned this bill: one, those of the bands that it reached, or none."""
    run, case = payment.run, payment.case
    if run is None or case is None or (case.figures.barred and not run.raw):
        return ()
    f = case.figures
    if f.formula == TOP_UP:
        return (f.top_up,)
    if f.formula not in (RATIO, CUMULATIVE):
        return ()
    if len(f.bands) == 1:
        return (f.bands[0][2],)
    # A cumulative layer reckons the whole sum; what this bill adds to it lies in the bands above the sum before.
    low, high = (run.base_before, run.base_before + run.counted) if f.formula == CUMULATIVE else (0, run.counted)
    below = f.deductible if f.formula == CUMULATIVE else run.deductible
    shift = 0 if f.on_total else below
    reached = [r for begin, end, r in f.bands if min(end + shift, high) > max(begin + shift, low, below)]
    return tuple(dict.fromkeys(reached))


def year_sums(settlement: Settlement, scheme: Scheme) -> Iterator[YearSum]:
    """The sums of the year that hold anything, as they were before this bill and are after it."""
    before, after = settlement.year_before, settlement.year_state
    ceilings, starts = _limits(settlement)
    for slot in settlement.slots:
        now = after.sums.get(slot, 0)
        named = _label(slot, scheme) if now else None
        if named:
            was = before.sums.get(slot, 0) if before.year == after.year else 0
            yield YearSum(slot, *named, was, now, ceilings.get(slot), starts.get(slot))


@lru_cache(maxsize=8192)
def _label(slot: str, scheme: Scheme) -> tuple[str, str] | None:
    if slot.startswith(NAMED):
        name = slot.split(".", maxsplit=1)[0].removeprefix(NAMED)
        return name, scheme.word(name, "en")
    name, _, kind = slot.partition(".")
    if kind not in KINDS:
        return None
    zh, en = KINDS[kind]
    return zh.format(name=name), en.format(name=english_names(scheme).get(name, name))


@lru_cache(maxsize=64)
def english_names(scheme: Scheme) -> dict[str, str]:
    """English names of the layers, payers and other names of a scheme that have one."""
    return {**scheme.english, **{layer.name: layer.en for layer in scheme.layers}}


def _limits(settlement: Settlement) -> tuple[dict[str, int], dict[str, int]]:
    """The ceilings that held for this bill, and where cumulative layers begin, by the sum that they look at."""
    ceilings: dict[str, int] = {}
    starts: dict[str, int] = {}
    for payment in settlement.payments:
        if payment.case is None:
            continue
        f = payment.case.figures
        pairs = [
            (f.annual_slot, f.annual),
            (f.deductible_slot, f.deductible_annual),
            *zip(f.account_slot, f.account_cap, strict=True),
        ]
        ceilings |= {settlement.slots[slot]: cap for slot, cap in pairs if slot >= 0 and cap < NO_LIMIT}
        if f.formula == CUMULATIVE and f.base_slot >= 0 and f.deductible and not f.sums_monthly:
            starts[settlement.slots[f.base_slot]] = f.deductible
    return ceilings, starts


def _needs_none(claim: Claim, scheme: Scheme) -> bool:
    """Whether a stay needs no referral: in a township's hospital, and, unless the area wants one there, in the own county's."""
    tier, place = claim.facts.get("institution_tier"), claim.facts.get("place")
    at_home = tier == "county" and place == "own_county" and scheme.conventions.referral_above == "county"
    return tier == "township" or at_home


def alternatives(
    claim: Claim, beneficiary: Beneficiary, settlement: Settlement, scheme: Scheme
) -> Iterator[Alternative]:
    """What the patient would pay with (without) a referral, and if a review refused what is held; where that differs."""
    had = claim.facts.get("referral")
    asked = [("referral", "none" if had == "by_rule" else "by_rule")] if had in ("by_rule", "none") else []
    if had == "by_rule" and _needs_none(claim, scheme):
        asked = []  # nobody is without one where none is needed
    if settlement.held:
        asked.append(("expert_review", "rejected"))
    for fact, value in asked:
        try:
            other = settle(
                replace(claim, facts={**claim.facts, fact: value}), beneficiary, settlement.year_before, scheme
            )
        except Problems:
            continue  # a bill that could not be settled otherwise has no alternative
        if fact == "expert_review" or other.patient_share != settlement.patient_share:
            yield Alternative(fact, value, other.patient_share)
