"""What one person's insurance costs in one enrolment year: who pays how much of it, and from which day it holds.

    own premium + government part = subsidies + what the person pays + what government pays as for everybody

A person has one window for coming in: the collection period (集中缴费期), or after it the days after birth or after a
change such as moving in. A mark held on any day of the window counts as *in time*; one that begins later in the year
is *late*, and each row of 参保资助 says what it gives to either. Three choices are ours, because no document makes them:

- a mark that ended inside the window still counts, because the rosters are drawn up in it;
- of several rows the one that gives most counts, and only that one: a person is subsidised once (SY 二(一)1). Of equal
  rows that of the identity ranked higher counts, so that the payer does not depend on the order of files;
- a row that raises the year's whole financing (当年筹资总额) is for people who are not enrolled yet: for the others
  government has paid its part.

What was granted before for the same person and year is taken off, and never claimed back here. Amounts are fen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from yizhan.engine.claim import IdentityMark
from yizhan.engine.facts import FACTS
from yizhan.engine.money import RATIO_ONE, percent, share_of, yuan, yuan_grouped
from yizhan.engine.scheme import Financing, Note, PremiumSubsidy, Scheme
from yizhan.errors import EnrolmentClosed, EnrolmentDates, FinancingMissing, GrantsTooLarge, Problems

EVENTS = {
    "ordinary": ("一般参保", "ordinary enrolment"),
    "newborn": ("新生儿", "birth"),
    "moved_in": ("迁入", "moving in"),
    "released": ("刑满释放", "release from prison"),
    "demobilised": ("退役", "discharge from the army"),
    "graduated": ("毕业", "graduation"),
    "left_employment": ("职工停保", "the end of employees' insurance"),
}
"""Why somebody comes in: code → Chinese, English."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Why a person comes in, and the day of birth, of the move and so on (None for ordinary enrolment)."""

    event: str = "ordinary"
    on: date | None = None


ORDINARY = Entry()


@dataclass(frozen=True, slots=True)
class Subsidy:
    """The row that counts, the identity that decided it, and what it gives in fen before earlier grants are taken off."""

    row: PremiumSubsidy
    identity: str
    fen: int


@dataclass(frozen=True, slots=True)
class NotApplied:
    """An identity that brings no subsidy, or a row that does not count, and why (a key of `WHY_NOT`)."""

    identity: str
    reason: str
    row: PremiumSubsidy | None = None


@dataclass(frozen=True, slots=True)
class Premium:
    """One person's premium of one year. Every amount is fen.

    `granted` was granted before, `grant` is due now. `window` is the time in which marks count as in time, `late` says
    that the person was enrolled after it. `insured_from` is None where it is not known yet, or where the insurance
    would begin after the year; `start` says which day it is (a key of `STARTS`).
    """

    scheme: Scheme
    financing: Financing
    subsidy: Subsidy | None
    granted: int
    grant: int
    person: int
    government: int
    window: tuple[date, date]
    late: bool
    insured_from: date | None
    insured_to: date
    start: str
    not_applied: tuple[NotApplied, ...]

    @property
    def year(self) -> int:
        """The enrolment year."""
        return self.financing.year

    @property
    def own_premium(self) -> int:
        """The year's own premium (个人缴费标准)."""
        return self.financing.own_premium

    @property
    def own_covered(self) -> int:
        """The part of the own premium that subsidies pay, earlier grants included."""
        return self.own_premium - self.person

    @property
    def identity(self) -> str:
        """The identity that decided, or an empty text."""
        return self.subsidy.identity if self.subsidy else ""

    @property
    def notes(self) -> tuple[Note, ...]:
        """Stand-ins and readings that touched the result, each once."""
        return tuple(dict.fromkeys((*self.financing.notes, *(self.subsidy.row.notes if self.subsidy else ()))))

    def sentences(self, lang: str = "zh") -> tuple[str, ...]:
        """The premium in words: the sum, who certifies and applies, from when insured, and what did not count."""
        return tuple(_sentences(self, lang))


def premium_of(
    scheme: Scheme,
    year: int,
    *,
    marks: Sequence[IdentityMark] = (),
    entry: Entry = ORDINARY,
    enrolled_on: date | None = None,
    received_on: date | None = None,
    as_known_on: date | None = None,
    granted: int = 0,
) -> Premium:
    """The premium of one person in one enrolment year.

    `enrolled_on` is the day on which the person is enrolled (None: in time); `received_on` the day on which the money
    of a subsidy arrived, where the insurance begins with it. Marks that begin after `as_known_on` do not count yet.
    `granted` is what was granted for this person and year before, in fen.

    Raises Problems: a year without 筹资标准, a person who comes too late to be enrolled, days that do not fit, earlier
    grants above the year's whole financing.
    """
    financing = scheme.financing.get(year)
    if financing is None:
        known = ", ".join(str(y) for y in sorted(scheme.financing)) or "–"
        raise Problems([FinancingMissing(area_zh=scheme.name, area_en=scheme.name_en, year=year, known=known)])
    if not 0 <= granted <= financing.total:
        raise Problems([GrantsTooLarge(granted=yuan(granted), total=yuan(financing.total))])
    begins, ends = _days_of(scheme, year)
    first, last, special = _window(financing, entry)
    if entry.on is not None and (entry.on > ends or (enrolled_on is not None and enrolled_on < entry.on)):
        zh, en = EVENTS[entry.event]
        enrolled = enrolled_on or "–"
        raise Problems([
            EnrolmentDates(event_zh=zh, event_en=en, event_on=entry.on, enrolled_on=enrolled, year=year, ends=ends)
        ])  # fmt: skip
    late = enrolled_on is not None and enrolled_on > last
    held = _held(marks, first, last, ends, as_known_on)
    subsidy, not_applied = _decided(scheme, year, held, late)
    insured_from, start = _start(financing, subsidy, entry, special, late, begins, ends, enrolled_on, received_on)

    entitled = subsidy.fen if subsidy else 0
    grant = max(0, entitled - granted)
    subsidised = granted + grant
    own_covered = min(subsidised, financing.own_premium)
    person = financing.own_premium - own_covered
    government = financing.government_part - (subsidised - own_covered)
    assert financing.own_premium == own_covered + person
    assert financing.total == subsidised + person + government
    return Premium(
        scheme, financing, subsidy, granted, grant, person, government, (first, last), late, insured_from, ends, start,
        not_applied,
    )  # fmt: skip


@lru_cache(maxsize=512)
def _days_of(scheme: Scheme, year: int) -> tuple[date, date]:
    starts = scheme.conventions.year_starts
    return date(year, *starts), date(year + 1, *starts) - timedelta(days=1)


def _window(financing: Financing, entry: Entry) -> tuple[date, date, bool]:
    """First and last day of the person's window, and whether it is a newborn's or mover's own."""
    first, last = financing.period_from, financing.period_to
    days = None
    if entry.event == "newborn":
        days = financing.newborn_days
    elif entry.event in financing.changes:
        days = financing.change_days
    if days is None or entry.on is None:
        return first, last, False
    return (entry.on if entry.on > last else first), max(last, entry.on + timedelta(days=days)), True


Held = frozenset[tuple[str, str]]
"""Identities and what their marks are to the window: in_time, late, or a reason of `WHY_NOT`."""

_BEST_FIRST = ("in_time", "late", "ended", "not_known", "after_year")


def _held(marks: Iterable[IdentityMark], first: date, last: date, ends: date, as_known_on: date | None) -> Held:
    found: dict[str, int] = {}
    for mark in marks:
        if as_known_on is not None and mark.from_on > as_known_on:
            state = 3
        elif mark.to_on is not None and mark.to_on < first:
            state = 2
        elif mark.from_on <= last:
            state = 0
        else:
            state = 1 if mark.from_on <= ends else 4
        found[mark.identity] = min(state, found.get(mark.identity, state))
    return frozenset((identity, _BEST_FIRST[state]) for identity, state in found.items())


@lru_cache(maxsize=65_536)
def _decided(scheme: Scheme, year: int, held: Held, late: bool) -> tuple[Subsidy | None, tuple[NotApplied, ...]]:
    """The row that counts, and why no other does. The same for everybody with these identities."""
    financing = scheme.financing[year]
    rank = {identity: k for k, identity in enumerate(scheme.conventions.identity_rank)}
    order = sorted(held, key=lambda pair: (rank.get(pair[0], len(rank)), pair[0]))
    candidates: list[Subsidy] = []
    not_applied: list[NotApplied] = []
    for identity, state in order:
        rows = [r for r in scheme.subsidies if identity in r.identities and r.from_year <= year <= r.to_year]
        if not rows:
            not_applied.append(NotApplied(identity, "no_row"))
        for row in rows:
            base = financing.total if row.base == "当年筹资总额" else financing.own_premium
            reason = _reason(row, state, late)
            if reason:
                not_applied.append(NotApplied(identity, reason, row))
            else:
                candidates.append(Subsidy(row, identity, share_of(base, row.ratio)))
    best = max(candidates, key=lambda subsidy: subsidy.fen, default=None)
    not_applied += [NotApplied(s.identity, "less", s.row) for s in candidates if s is not best]
    return best, tuple(not_applied)


def _reason(row: PremiumSubsidy, state: str, late: bool) -> str:
    """Why a row gives nothing to somebody whose mark stands so to the window; empty if it gives."""
    if state not in ("in_time", "late"):
        return state
    if row.ratio == 0:
        return "nothing"
    if state == "in_time" and row.in_period != "享受":
        return "only_late"
    if state == "late" and row.late != "享受":
        return "marked_late"
    return "enrolled" if row.base == "当年筹资总额" and not late else ""


def _start(
    financing: Financing,
    subsidy: Subsidy | None,
    entry: Entry,
    special: bool,
    late: bool,
    begins: date,
    ends: date,
    enrolled_on: date | None,
    received_on: date | None,
) -> tuple[date | None, str]:
    """The first insured day and which day that is. Raises Problems if nobody may come in any more."""
    if not late:
        since = entry.on if entry.on is not None else begins
        if special and entry.event == "newborn":
            return (since, "birth") if since > begins else (begins, "year")
        if since <= begins and (enrolled_on is None or enrolled_on <= financing.period_to):
            return begins, "year"
        return max(enrolled_on or since, begins), "enrolled"
    assert enrolled_on is not None
    if subsidy is not None and subsidy.row.begins == "资助到账日":
        if received_on is not None and received_on > ends:
            return None, "too_late"
        return (max(received_on, begins), "received") if received_on is not None else (None, "awaited")
    if subsidy is not None and subsidy.row.begins == "参保日" and enrolled_on <= ends:
        return max(enrolled_on, begins), "enrolled"
    if financing.waiting_days is None or enrolled_on > ends:
        raise Problems([EnrolmentClosed(year=financing.year, last=financing.period_to, on=enrolled_on)])
    on = max(enrolled_on + timedelta(days=financing.waiting_days), begins)
    return (on, "waited") if on <= ends else (None, "too_late")


# --- In words ---------------------------------------------------------------------------------------------------------

WHY_NOT = {
    "no_row": ("本地{year}年度没有资助这种身份的规定", "no rule here subsidises this identity in {year}"),
    "nothing": ("规定不资助", "the rule gives nothing"),
    "marked_late": ("{last} 以后才认定，当年不享受", "marked after {last}: not entitled this year"),
    "only_late": ("只资助 {last} 以后新增的人", "only for people marked after {last}"),
    "enrolled": ("只资助还没有参保的人", "only for people not enrolled yet"),
    "ended": ("{first} 以前就不再是这种身份", "the mark ended before {first}"),
    "not_known": ("还没有认定", "not certified yet"),
    "after_year": ("年度过后才认定", "marked after the year"),
    "less": ("一个人只资助一次，取了资助多的一种", "a person is subsidised once, by what gives most"),
}
"""Why an identity or a row does not count."""

STARTS = {
    "year": ("从年度第一天起", "from the first day of the year"),
    "birth": ("从出生那天起", "from birth"),
    "enrolled": ("从参保那天起", "from the day of enrolment"),
    "received": ("从资助到账那天起", "from the day on which the subsidy arrived"),
    "waited": ("参保后等待 {waiting} 天", "{waiting} days after enrolment"),
    "awaited": ("资助到账那天起享受待遇，款还没有到", "insured once the subsidy arrives, which it has not yet"),
    "too_late": ("到年度末也轮不到享受待遇", "the insurance would begin after the year's end"),
}
"""Which day the first insured day is."""

_SENTENCES = {
    "own": ("{year}年度个人缴费 {own} 元", "own premium for {year}: {own} yuan"),
    "total": (
        "{year}年度筹资总额 {total} 元（个人缴费 {own} 元、财政补助 {part} 元）",
        "whole financing for {year}: {total} yuan (own premium {own}, government part {part})",
    ),
    "subsidy": (
        "{identity}资助{least}{ratio} = {fen} 元，由{payer}付〔{cite}〕",
        "subsidy ({identity}): {least}{ratio} = {fen} yuan, paid by {payer} 〔{cite}〕",
    ),
    "none": ("没有资助", "no subsidy"),
    "granted": ("此前已资助 {granted} 元，这次补 {grant} 元", "{granted} yuan were granted before, {grant} yuan are due now"),
    "person": ("您付 {person} 元", "you pay {person} yuan"),
    "certified": ("{identity}由{by}认定", "certified by {by} ({identity})"),
    "applied": ("资助由{by}申请", "{by} applies for the subsidy"),
    "insured": ("{begins} 至 {ends} 享受待遇，{start}", "insured from {begins} to {ends}, {start}"),
    "not_applied": ("{identity}没有资助：{why}{cite}", "no subsidy ({identity}): {why}{cite}"),
    "less": ("{identity}的资助不再给：{why}{cite}", "not given as well ({identity}): {why}{cite}"),
}  # fmt: skip


def _sentences(p: Premium, lang: str) -> Iterable[str]:
    at = 0 if lang == "zh" else 1
    joint, stop = ("；", "。") if lang == "zh" else ("; ", ".")

    def say(key: str, **found: object) -> str:
        return _SENTENCES[key][at].format(**found)

    def named(word: str) -> str:
        return p.scheme.word(word, lang)

    def identity(code: str) -> str:
        return FACTS["identity"].word(code, lang)

    row = p.subsidy.row if p.subsidy else None
    whole = row is not None and row.base == "当年筹资总额"
    sums = {
        "own": yuan_grouped(p.own_premium), "part": yuan_grouped(p.financing.government_part),
        "total": yuan_grouped(p.financing.total), "year": p.year,
    }  # fmt: skip
    told = [say("total" if whole else "own", **sums)]
    if p.subsidy is None or row is None:
        told[0] += ("，" if lang == "zh" else ", ") + say("none")
    else:
        told[0] += ("，" if lang == "zh" else ", ") + say(
            "subsidy", identity=identity(p.identity), ratio=_share(row, lang), fen=yuan_grouped(p.subsidy.fen),
            least=("至少 ", "at least ")[at] if row.at_least else (" ", "")[at],
            payer=named(row.paid_by) if row.paid_by else ("（没有写明）", "(not said)")[at], cite=row.citation.text(lang),
        )  # fmt: skip
    if p.granted:
        told.append(say("granted", granted=yuan_grouped(p.granted), grant=yuan_grouped(p.grant)))
    told.append(say("person", person=yuan_grouped(p.person)))
    yield joint.join(told) + stop
    if row is not None:
        told = [say("certified", identity=identity(p.identity), by=named(row.certified_by))] if row.certified_by else []
        told += [say("applied", by=named(row.applied_by))] if row.applied_by else []
        if told:
            yield joint.join(told) + stop
    start = STARTS[p.start][at].format(waiting=p.financing.waiting_days)
    if p.insured_from is None:
        yield start + stop
    else:
        yield say("insured", begins=p.insured_from, ends=p.insured_to, start=start) + stop
    for other in p.not_applied:
        if other.identity == p.identity:
            continue
        why = WHY_NOT[other.reason][at].format(year=p.year, first=p.window[0], last=p.window[1])
        cite = f"〔{other.row.citation.text(lang)}〕" if other.row else ""
        key = "less" if other.reason == "less" else "not_applied"
        yield say(key, identity=identity(other.identity), why=why, cite=cite) + stop


def _share(row: PremiumSubsidy, lang: str) -> str:
    if row.ratio == RATIO_ONE:
        return "全额" if lang == "zh" else "all of it"
    return percent(row.ratio)
