"""Adding a settled chunk of bills to a tally: where each bill and each person-year belongs, and what is summed there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from yizhan.engine.scheme import Scheme
from yizhan.simulation.population import INPATIENT, Ints, Persons, identities_of
from yizhan.simulation.profile import Profile
from yizhan.simulation.tallies import (
    AMOUNT_BASE,
    AMOUNT_BINS,
    BILL_MEASURES,
    CASES,
    CATASTROPHIC,
    COHORT_MEASURES,
    DECILES,
    PERSON_MEASURES,
    SHARE_BINS,
    Axes,
    Case,
    Tally,
)


class Places:
    """Where each bill and each person-year of a chunk belongs: cells as flat numbers.

    `held` is the identity of each person in each year, (year, person), numbered as in `identities_of`.
    """

    def __init__(self, axes: Axes, profile: Profile, who: Persons, held: Ints, bills: pa.Table) -> None:
        self.axes, self.who = axes, who
        self.person = bills["person"].to_numpy() - who.first
        day = bills["discharged_on"].combine_chunks().cast(pa.int32()).to_numpy().astype("datetime64[D]")
        year = day.astype("datetime64[Y]").astype(int) + 1970
        self.year = year - axes.years[0] if _consecutive(axes.years) else np.searchsorted(axes.years, year)
        self.month = day.astype("datetime64[M]").astype(int) % 12
        self.care = bills["care"].combine_chunks().indices.to_numpy()
        setting = np.array([axes.settings.index(s.key) for s in profile.settings])[bills["setting"].to_numpy()]
        numbered = np.array([axes.identities.index(code) for code in identities_of(profile)])
        self.identity, self.origin = numbered[held], numbered[who.identity]
        county = np.array([axes.counties.index(name) for name in profile.counties])[who.county]
        decile = np.searchsorted(axes.decile_edges, who.income, side="right")
        self.county, self.decile = county, decile
        at = (
            self.year,
            self.care,
            setting,
            self.identity[self.year, self.person],
            decile[self.person],
            county[self.person],
        )
        self.bill_cell = np.ravel_multi_index(at, axes.of_bills)
        self.month_cell = np.ravel_multi_index(
            (self.year, self.month, county[self.person]), (len(axes.years), 12, len(axes.counties))
        )
        self.total = sum(bills[p].to_numpy() for p in ("in_scope", "first_pay", "over_limit", "own"))
        self.in_scope = bills["in_scope"].to_numpy()
        stay = day - bills["admitted_on"].combine_chunks().cast(pa.int32()).to_numpy().astype("datetime64[D]")
        self.days = stay.astype(int)
        self.persons = len(who)
        self.poverty_line = int(profile["households.income_ordinary"])
        self.person_year = self.year * self.persons + self.person
        self.household = np.unique(who.household, return_inverse=True)[1]

    def per_person(self, values: Ints) -> Ints:
        """(year, person) → sum over the person's bills."""
        size = len(self.axes.years) * self.persons
        return _summed(self.person_year, values, size).reshape(len(self.axes.years), self.persons)


def _consecutive(years: Sequence[int]) -> bool:
    return list(years) == list(range(years[0], years[0] + len(years)))


def _summed(cell: Ints, values: Ints, size: int) -> Ints:
    """Sums by cell. Exact: a chunk's sums stay below 2^53 fen, which is 90 million million yuan."""
    return np.bincount(cell, weights=values, minlength=size).astype(np.int64)


def add(
    tally: Tally,
    places: Places,
    scheme: Scheme,
    outputs: Sequence[tuple[int, str]],
    out: Ints,
    patient: Ints,
    bucket_of: Ints,
) -> Ints:
    """Add a settled chunk to a tally. Returns what each person paid in each year, (year, person)."""
    axes = places.axes
    paid = patient.sum(axis=0)
    columns: dict[str, Ints] = {
        "bills": np.ones(len(paid), np.int64), "total": places.total, "in_scope": places.in_scope, "patient": paid,
        "patient_in_scope": patient[0], "days": places.days,
    }  # fmt: skip
    over: dict[int, Ints] = {}
    for (layer, what), values in zip(outputs, out, strict=True):
        name = scheme.layers[layer].name
        if what == "over":
            over[layer] = values
        elif not what.startswith("payer."):
            columns[name if what == "pay" else f"{name}·{what}"] = values
    size, months = int(np.prod(axes.of_bills)), len(axes.years) * 12 * len(axes.counties)
    in_bucket = bucket_of[places.person] * len(axes.years) + places.year
    for measure, values in columns.items():
        n = tally.measures.index(measure)
        tally.bills[..., n] += _summed(places.bill_cell, values, size).reshape(axes.of_bills)
        tally.months[..., n] += _summed(places.month_cell, values, months).reshape(tally.months.shape[:-1])
        sums = _summed(in_bucket, values, tally.by_bucket.shape[0] * len(axes.years))
        tally.by_bucket[..., n] += sums.reshape(tally.by_bucket.shape[:-1])
    owed = places.per_person(paid)
    _add_persons(tally, places, owed)
    _add_cohorts(tally, places, owed, places.per_person(patient[0]))
    names = [m for m in tally.measures[len(BILL_MEASURES) :] if "·" not in m]
    for layer, values in over.items():
        reached = places.per_person(values) > 0
        at = names.index(scheme.layers[layer].name)
        for year in range(len(axes.years)):
            tally.limits[year, :, at] += np.bincount(
                places.identity[year][reached[year]], minlength=len(axes.identities)
            )
    return owed


def _add_persons(tally: Tally, places: Places, owed: Ints) -> None:
    axes, who = places.axes, places.who
    total = places.per_person(places.total)
    bills = places.per_person(np.ones(len(places.person), np.int64))
    stays = places.per_person((places.care == INPATIENT).astype(np.int64))
    size = np.bincount(places.household)
    income = np.zeros(len(size), np.int64)
    income[places.household] = who.income
    for year in range(len(axes.years)):
        of_home = np.bincount(places.household, weights=owed[year]).astype(np.int64)
        measures = {
            "persons": np.ones(places.persons, np.int64), "with_bills": bills[year] > 0, "with_stays": stays[year] > 0,
            "total": total[year], "patient": owed[year],
            "poorer": ((income * size - of_home) * 2 < places.poverty_line * size)[places.household],
            **{
                f"catastrophic_{share}": (of_home * 100 >= share * income * size)[places.household]
                & (of_home[places.household] > 0)
                for share in CATASTROPHIC
            },
        }  # fmt: skip
        cell = np.ravel_multi_index((places.identity[year], places.decile, places.county), axes.of_persons[1:])
        for measure, values in measures.items():
            n = PERSON_MEASURES.index(measure)
            found = _summed(cell, values, int(np.prod(axes.of_persons[1:])))
            tally.persons[year, ..., n] += found.reshape(axes.of_persons[1:])
        ill = stays[year] > 0
        share = owed[year][ill] * SHARE_BINS // np.maximum(1, total[year][ill])
        amount = np.log(np.maximum(1.0, owed[year][ill] / 100)) / np.log(AMOUNT_BASE)
        of = places.identity[year][ill]
        np.add.at(tally.share_bins[year], (of, share), 1)
        np.add.at(tally.amount_bins[year], (of, np.minimum(AMOUNT_BINS - 1, amount.astype(np.int64))), 1)


def _add_cohorts(tally: Tally, places: Places, owed: Ints, owed_in_scope: Ints) -> None:
    """Persons by what they held at first and what they hold in each year, and what was left to them."""
    codes = len(places.axes.identities)
    sums = {
        "total": places.per_person(places.total), "patient": owed, "in_scope": places.per_person(places.in_scope),
        "patient_in_scope": owed_in_scope,
        "with_stays": places.per_person((places.care == INPATIENT).astype(np.int64)) > 0,
    }  # fmt: skip
    for year in range(len(places.axes.years)):
        cell = places.origin * codes + places.identity[year]
        for n, measure in enumerate(COHORT_MEASURES):
            values = np.ones(places.persons, np.int64) if measure == "persons" else sums[measure][year]
            tally.cohorts[year, ..., n] += _summed(cell, values, codes * codes).reshape(codes, codes)


def compare(tally: Tally, places: Places, before: Ints, after: Ints) -> None:
    """Who pays less and who more than under the first scenario, and the most striking of them."""
    axes = places.axes
    total = None
    for year, gain in enumerate(before - after):
        won, lost = gain > 0, gain < 0
        if not (won.any() or lost.any()):
            continue
        cell = places.identity[year] * DECILES + places.decile
        for n, values in enumerate((won, lost, np.where(won, gain, 0), np.where(lost, -gain, 0))):
            found = _summed(cell, values, len(axes.identities) * DECILES)
            tally.gains[year, ..., n] += found.reshape(len(axes.identities), DECILES)
        total = places.per_person(places.total) if total is None else total
        for cases, size in ((tally.winners, gain), (tally.losers, -gain)):
            for person in np.argsort(-size, kind="stable")[:CASES]:
                if size[person] > 0:
                    cases.append(Case(
                        places.who.first + int(person), axes.years[year], axes.identities[places.identity[year][person]],
                        int(total[year][person]), int(before[year][person]), int(after[year][person]),
                    ))  # fmt: skip
    tally.keep_most()
