"""What a year costs where a person is insured, and what one person pays of it.

The figures are those of the policies (`engine.premium`); a bureau may have made the collection period longer by a document.
The scheme with the longer period is made once, so that the engine's memory of it serves everybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

from django.db.backends.postgresql.psycopg_any import DateRange

from yizhan.agency.enrolment.models import Enrolment, Extension
from yizhan.agency.people.models import IdentityMark
from yizhan.engine import claim
from yizhan.engine.premium import ORDINARY, Entry, Premium, premium_of
from yizhan.engine.scheme import Financing, Scheme
from yizhan.errors import FinancingMissing, Problems
from yizhan.policy.areas import load_scheme


@dataclass(frozen=True, slots=True)
class Year:
    """An enrolment year of a pooling area: the rules, their figures, and the document that made the period longer."""

    year: int
    scheme: Scheme
    longer_by: str = ""

    @property
    def financing(self) -> Financing:
        """Figures and collection period."""
        return self.scheme.financing[self.year]

    @property
    def first_day(self) -> date:
        """The first day of the year."""
        return date(self.year, *self.scheme.conventions.year_starts)

    @property
    def last_day(self) -> date:
        """The last day of the year."""
        return date(self.year + 1, *self.scheme.conventions.year_starts) - timedelta(days=1)


def day_of(year: int, today: date) -> date:
    """The day on which a year is looked at: today, or the year's end that is nearest to it."""
    return min(max(today, date(year, 1, 1)), date(year, 12, 31))


def scheme_at(area_path: str) -> Scheme:
    """The rules of the pooling area in which a place lies. Raises Problems: no policies there."""
    codes = area_path.strip(".").split(".")
    return load_scheme(codes[min(3, len(codes) - 1)])


def year_at(area_path: str, year: int) -> Year:
    """An enrolment year as it stands now in the pooling area of a place. Raises Problems: no policies, no figures."""
    scheme = scheme_at(area_path)
    if year not in scheme.financing:
        known = ", ".join(str(y) for y in sorted(scheme.financing)) or "–"
        raise Problems([FinancingMissing(area_zh=scheme.name, area_en=scheme.name_en, year=year, known=known)])
    longer = Extension.objects.filter(area_code=scheme.area, year=year).order_by("-period_to", "-id").first()
    if longer is None:
        return Year(year, scheme)
    return Year(year, _with_longer_period(scheme, year, longer.period_to), longer.document)


def years_at(area_path: str) -> list[int]:
    """The years with figures in the pooling area of a place, latest first; none where there are no policies."""
    try:
        return sorted(scheme_at(area_path).financing, reverse=True)
    except Problems:
        return []


@lru_cache(maxsize=64)
def _with_longer_period(scheme: Scheme, year: int, period_to: date) -> Scheme:
    financing = replace(scheme.financing[year], period_to=period_to)
    return replace(scheme, financing={**scheme.financing, year: financing})


def marks_of(person_ids: Iterable[int]) -> dict[int, list[claim.IdentityMark]]:
    """The marks known now of each of these persons, as the engine takes them. One statement."""
    found: dict[int, list[claim.IdentityMark]] = {}
    rows = IdentityMark.objects.known().filter(person_id__in=list(person_ids)).order_by("id")
    for person_id, identity, valid, by in rows.values_list("person_id", "identity", "valid", "certified_by"):
        to_on = valid.upper - timedelta(days=1) if valid.upper else None
        mark = claim.IdentityMark(identity, valid.lower or date.min, to_on, by)
        found.setdefault(person_id, []).append(mark)
    return found


def entry_of(enrolment: Enrolment | None) -> Entry:
    """Why somebody comes in, as the engine takes it."""
    return Entry(enrolment.event, enrolment.event_on) if enrolment else ORDINARY


def premium_on(
    year: Year,
    marks: Iterable[claim.IdentityMark],
    *,
    today: date,
    entry: Entry = ORDINARY,
    enrolled_on: date | None = None,
    received_on: date | None = None,
    granted: int = 0,
) -> Premium:
    """The premium of one person by what is known today. Raises Problems as `premium_of` does."""
    return premium_of(
        year.scheme, year.year, marks=tuple(marks), entry=entry, enrolled_on=enrolled_on, received_on=received_on,
        as_known_on=today, granted=granted,
    )  # fmt: skip


def insured_range(premium: Premium) -> DateRange | None:
    """The insured days of a premium as a database range; None where it is not known when they begin."""
    if premium.insured_from is None:
        return None
    return DateRange(premium.insured_from, premium.insured_to + timedelta(days=1))


def told(premium: Premium) -> dict[str, object]:
    """The premium in words, both languages, as it is kept with an account or a line."""
    return {
        "zh": list(premium.sentences("zh")), "en": list(premium.sentences("en")),
        "stand_in": any(note.kind == "stand_in" for note in premium.notes), "digest": premium.scheme.digest,
    }  # fmt: skip
