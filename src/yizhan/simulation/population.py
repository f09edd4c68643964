"""Made-up people and their year of bills, drawn by a profile from a seed.

    population = Population((Part(load("chifeng-2018"), 3_398_890),), seed=1)
    persons = population.persons(bucket)          who they are: the same in every year, but for the identity
    identities = population.identities(bucket, 2021)   what they hold in a year, by the profile's transitions
    bills = population.bills(bucket, 2018)        what they were charged, sorted, in the columns of docs/batch.md

People are drawn in buckets of `BUCKET`; each bucket has random numbers of its own, so that one bucket can be drawn without
the others, on any machine, in any order, and the whole never stands in memory. What a profile fixes as a mean is met in
expectation by construction, not by trial: stays per person follow a negative binomial distribution whose mean and share
of repeat stays are those of the profile (a person's frailty is gamma distributed, and lasts); costs are lognormal about the
mean of the place of care, scaled to the group's published mean. What comes out is compared with the profile in `fit`.

Nobody in it exists: a person is a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from yizhan.batch.columns import EPOCH
from yizhan.engine.money import MOST_FEN
from yizhan.simulation.profile import GROUPS, Profile

BUCKET = 32_768
"""Persons of a bucket. Another number would draw other people."""

PERSONS, BILLS, MOVES = 1, 2, 3
"""What a stream of random numbers is for; kept apart so that another year leaves the persons as they are."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """So many persons of one profile."""

    profile: Profile
    persons: int


@dataclass(frozen=True)
class Growth:
    """How a year differs from the profile's: factors for stays per person, visits per person, and cost.

    `stays_of` has a factor more for persons of some identities (code → factor; "" for none); `nearer` is the share of stays
    above the county that are had one place of care nearer instead. Both are for behaviour, which is off unless asked for.
    """

    stays: float = 1.0
    visits: float = 1.0
    cost: float = 1.0
    stays_of: tuple[tuple[str, float], ...] = ()
    nearer: float = 0.0


STEADY = Growth()


@dataclass(frozen=True)
class Persons:
    """The persons of a bucket, column by column. `poor` is 1 for an identity of need; incomes are fen per head and year."""

    part: int
    first: int
    household: Ints
    age: Ints
    female: NDArray[np.bool_]
    poor: Ints
    identity: Ints
    county: Ints
    income: Ints
    disease: Ints
    frailty: Floats
    registered: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.age)


@dataclass(frozen=True)
class Population:
    """Persons of one or more profiles, numbered through. Deterministic: the seed and this version of numpy decide."""

    parts: tuple[Part, ...]
    seed: int = 1

    @property
    def size(self) -> int:
        return sum(part.persons for part in self.parts)

    @cached_property
    def _buckets(self) -> list[tuple[int, int, int]]:
        """Per bucket: its part, its number within the part, its first person."""
        found, first = [], 0
        for number, part in enumerate(self.parts):
            for k in range(-(-part.persons // BUCKET)):
                found.append((number, k, first + k * BUCKET))
            first += part.persons
        return found

    @property
    def buckets(self) -> int:
        return len(self._buckets)

    def part_of(self, bucket: int) -> int:
        """The number of the part that a bucket belongs to."""
        return self._buckets[bucket][0]

    def profile(self, bucket: int) -> Profile:
        """The profile by which a bucket is drawn."""
        return self.parts[self._buckets[bucket][0]].profile

    def _random(self, bucket: int, *purpose: int) -> np.random.Generator:
        part, k, _ = self._buckets[bucket]
        return np.random.default_rng([self.seed, part, k, *purpose])

    def persons_in(self, bucket: int) -> int:
        """How many persons a bucket holds."""
        part, k, _ = self._buckets[bucket]
        return min(BUCKET, self.parts[part].persons - k * BUCKET)

    def persons(self, bucket: int) -> Persons:
        """Who lives in a bucket."""
        part, _, first = self._buckets[bucket]
        count = self.persons_in(bucket)
        return _draw_persons(self.parts[part].profile, self._random(bucket, PERSONS), count, part, first)

    def bills(self, bucket: int, year: int, growth: Growth = STEADY, persons: Persons | None = None) -> pa.Table:
        """The bills of a calendar year, sorted by person, day of discharge and sequence; amounts in whole fen."""
        who = persons or self.persons(bucket)
        who = replace(who, identity=self.identities(bucket, year, who))
        return _draw_bills(self.profile(bucket), self._random(bucket, BILLS, year), who, year, growth)

    def identities(self, bucket: int, year: int, persons: Persons | None = None) -> Ints:
        """The identity of each person in a year, numbered as in `identities_of`: the profile's transitions up to it have been.

        A household moves together, as it was marked together. Who is ill, and how often, does not change with a mark.
        """
        who, profile = persons or self.persons(bucket), self.profile(bucket)
        codes = identities_of(profile)
        found = who.identity
        home = who.household - int(who.household[0]) if len(who) else who.household
        for moving in sorted({t.year for t in profile.transitions if t.year <= year}):
            drawn = self._random(bucket, MOVES, moving).random(int(home.max()) + 1)[home]
            before, passed = found, np.zeros(len(codes))
            found = before.copy()
            for t in (t for t in profile.transitions if t.year == moving):
                held = codes.index(t.before)
                moves = (before == held) & (drawn >= passed[held]) & (drawn < passed[held] + t.share)
                found[moves] = codes.index(t.after)
                passed[held] += t.share
        return found


# --- Who ----------------------------------------------------------------------------------------------------------------

CHILD_UNTIL = 15
"""Children's diseases are drawn below this age."""


def identities_of(profile: Profile) -> list[str]:
    """Codes of the identities in the order in which `Persons.identity` numbers them; the first is none."""
    moved = (code for t in profile.transitions for code in (t.before, t.after))
    return list(dict.fromkeys(["", *profile.under("identities"), *moved]))


def diseases_of(profile: Profile) -> list[str]:
    """Names in the order in which `Persons.disease` numbers them; the first is none."""
    return ["", *profile["diseases.adult"], *profile["diseases.child"]]


def _pick(rng: np.random.Generator, shares: Sequence[float], count: int) -> Ints:
    """`count` draws of 0, 1, 2 … with these shares."""
    edges = np.cumsum(np.asarray(shares, dtype=float))
    return np.minimum(np.searchsorted(edges / edges[-1], rng.random(count), side="right"), len(edges) - 1)


def _draw_persons(profile: Profile, rng: np.random.Generator, count: int, part: int, first: int) -> Persons:
    sizes = 1 + _pick(rng, profile["households.sizes"], count)
    homes = int(np.searchsorted(np.cumsum(sizes), count)) + 1
    household = np.repeat(np.arange(homes), sizes[:homes])[:count]
    poor = (rng.random(homes) < profile["persons.poor_share"]).astype(np.int64)
    identity = (1 + _pick(rng, list(profile.under("identities").values()), homes)) * poor
    spread = profile["households.income_sigma"]
    mean = profile.for_groups("households.income")[poor]
    income = np.maximum(1, (mean * np.exp(rng.normal(-spread * spread / 2, spread, homes))).astype(np.int64))
    county = _pick(rng, list(profile.counties.values()), homes)
    age = _ages(profile, rng, count)
    group = poor[household]
    disease = _diseases(profile, rng, group, age)
    intensity, shape = _intensity(profile), _shapes(profile)
    frailty = rng.gamma(shape[group]) / shape[group]
    frailty *= intensity.admissions(group, age, disease > 0)
    registered = rng.random(count) < np.minimum(1.0, profile["chronic.registered"] * intensity.by_age[age])
    return Persons(
        part, first, first + household, age, rng.random(count) < 0.5, group, identity[household], county[household],
        income[household], disease, frailty, registered,
    )  # fmt: skip


def _ages(profile: Profile, rng: np.random.Generator, count: int) -> Ints:
    bands = profile["ages.bands"]
    band = _pick(rng, [share for _, _, share, _ in bands], count)
    low = np.array([b[0] for b in bands])
    width = np.array([b[1] - b[0] + 1 for b in bands])
    return low[band] + (rng.random(count) * width[band]).astype(np.int64)


def _diseases(profile: Profile, rng: np.random.Generator, group: Ints, age: Ints) -> Ints:
    adult, child = (list(profile[f"diseases.{who}"].values()) for who in ("adult", "child"))
    ill = rng.random(len(age)) < _ill_share(profile)[group]
    grown = age >= CHILD_UNTIL
    which = np.where(grown, 1 + _pick(rng, adult, len(age)), 1 + len(adult) + _pick(rng, child, len(age)))
    return np.where(ill, which, 0)


@dataclass(frozen=True)
class Intensity:
    """Stays per person and year in expectation: the group's mean, spread over ages and illness so that the mean is kept."""

    mean: Floats
    by_age: Floats
    ill: float
    spread: Floats

    def admissions(self, group: Ints, age: Ints, ill: NDArray[np.bool_]) -> Floats:
        return np.asarray(self.mean[group] * self.by_age[age] * np.where(ill, self.ill, 1.0) / self.spread[group])


def _intensity(profile: Profile) -> Intensity:
    bands = profile["ages.bands"]
    by_age = np.zeros(121)
    for low, high, _, often in bands:
        by_age[low : high + 1] = often
    by_age /= sum(share * often for _, _, share, often in bands)
    ill = profile["diseases.admissions"]
    return Intensity(profile.stays_per_person(), by_age, ill, 1 + _ill_share(profile) * (ill - 1))


def _ill_share(profile: Profile) -> Floats:
    return np.array([profile["diseases.ordinary_share"], profile["diseases.poor_share"]])


def _shapes(profile: Profile) -> Floats:
    """Per group the shape of the gamma distributed frailty with which the share of repeat stays is the profile's.

    Repeat stays are those that are not a person's first of the year: 1 − P(at least one) ÷ mean. Solved by bisection, over
    the age bands and illness, in which the mean varies already.
    """
    intensity, bands = _intensity(profile), profile["ages.bands"]
    repeats = profile.for_groups("admissions.repeat")
    shares = _ill_share(profile)
    found = []
    for group, repeat in enumerate(repeats):
        mean = intensity.mean[group]
        cells = [
            (share * odds, mean * intensity.by_age[low] * factor / intensity.spread[group])
            for low, _, share, _ in bands
            for odds, factor in ((1 - shares[group], 1.0), (shares[group], intensity.ill))
        ]
        low, high = 0.001, 100.0
        for _ in range(60):
            shape = (low * high) ** 0.5
            once = sum(weight * (1 - (1 + m / shape) ** -shape) for weight, m in cells)
            low, high = (shape, high) if 1 - once / mean > repeat else (low, shape)
        found.append(shape)
    return np.array(found)


# --- What they were charged -----------------------------------------------------------------------------------------------

INPATIENT, OUTPATIENT, CHRONIC = range(3)
CARES = ("inpatient", "outpatient", "chronic")


@dataclass
class Drawn:
    """Bills of one kind of care before they are put together, column by column."""

    care: int
    person: Ints
    day: Ints
    stay: Ints
    setting: Ints
    total: Ints
    own: Ints
    first_pay: Ints
    referred: NDArray[np.bool_]
    emergency: NDArray[np.bool_]
    inadmissible: NDArray[np.bool_]
    in_quota: NDArray[np.bool_]


def _draw_bills(profile: Profile, rng: np.random.Generator, who: Persons, year: int, growth: Growth) -> pa.Table:
    begin = (date(year, 1, 1) - EPOCH).days
    length = (date(year + 1, 1, 1) - EPOCH).days - begin
    kinds = [
        _draw_stays(profile, rng, who, length, growth),
        _draw_visits(profile, rng, who, length, growth),
        _draw_chronic(profile, rng, who, length, growth),
    ]
    care = np.concatenate([np.full(len(kind.person), kind.care) for kind in kinds])
    columns = {
        name: np.concatenate([getattr(kind, name) for kind in kinds])
        for name in Drawn.__annotations__
        if name != "care"
    }
    order = np.argsort(columns["person"] * 400 + columns["day"], kind="stable")
    return _table(profile, who, begin, care[order], {name: values[order] for name, values in columns.items()})


def _events(rng: np.random.Generator, often: Floats) -> Ints:
    """The number of the person of each event, in ascending order."""
    return np.repeat(np.arange(len(often)), rng.poisson(often))


def _lognormal(rng: np.random.Generator, mean: Floats, spread: float) -> Ints:
    """Fen about a mean, never less than one yuan and never more than a bill may come to."""
    drawn = mean * np.exp(rng.normal(-spread * spread / 2, spread, len(mean)))
    return np.clip(np.rint(drawn), 100, MOST_FEN // 100).astype(np.int64)


def _share(rng: np.random.Generator, total: Ints, mean: Floats | float, firm: float = 12.0) -> Ints:
    """A part of each bill, its share beta distributed about the mean."""
    at = np.broadcast_to(np.asarray(mean, dtype=float), total.shape)
    return np.rint(total * rng.beta(at * firm, (1 - at) * firm)).astype(np.int64)


def _draw_stays(profile: Profile, rng: np.random.Generator, who: Persons, length: int, growth: Growth) -> Drawn:
    person = _events(rng, who.frailty * growth.stays * _stays_of(profile, who, growth))
    count = len(person)
    group = who.poor[person]
    setting = np.zeros(count, dtype=np.int64)
    for g, name in enumerate(GROUPS):
        here = group == g
        setting[here] = _pick(rng, [s.share[name] for s in profile.settings], int(here.sum()))
    if growth.nearer:
        above = np.array([s.tier not in ("township", "county") for s in profile.settings])[setting]
        setting = np.where(above & (rng.random(count) < growth.nearer), setting - 1, setting)
    ill = who.disease[person] > 0
    cost, mean_days = _means(profile)
    factor = np.where(ill, profile["diseases.cost"], 1.0) / _ill_cost(profile)[group]
    total = _lognormal(rng, cost[group, setting] * factor * growth.cost, profile["stays.cost_sigma"])
    own = _share(rng, total, np.array([s.own for s in profile.settings])[setting])
    first_pay = _share(rng, total - own, np.array([s.first_pay for s in profile.settings])[setting])
    day = np.floor(rng.random(count) * length).astype(np.int64)
    order = np.argsort(person * 400 + day, kind="stable")
    day = day[order]  # persons ascend already: the days are put in order within each of them
    stay = np.floor(1 + rng.gamma(2.0, np.maximum(0.0, mean_days[group, setting] - 1) / 2) + rng.random(count)).astype(
        np.int64
    )
    gap = np.full(count, 4 * length)
    same = person[1:] == person[:-1]
    gap[1:][same] = (day[1:] - day[:-1])[same]
    higher = np.array([s.tier not in ("township", "county") for s in profile.settings])[setting]
    return Drawn(
        INPATIENT, person, day, np.minimum(np.maximum(1, stay), gap), setting, total, own, first_pay,
        ~(higher & (rng.random(count) < profile.for_groups("stays.not_referred")[group])),
        rng.random(count) < profile["stays.emergency"],
        (group == 1) & (rng.random(count) < profile["stays.not_indicated_poor"]), np.ones(count, dtype=bool),
    )  # fmt: skip


def _stays_of(profile: Profile, who: Persons, growth: Growth) -> Floats:
    factors = dict(growth.stays_of)
    return np.array([factors.get(code, 1.0) for code in identities_of(profile)])[who.identity]


def _means(profile: Profile) -> tuple[Floats, Floats]:
    """(group, setting) → mean cost in fen and mean days of a stay, scaled to the group's published means."""
    shares = np.array([[s.share[group] for s in profile.settings] for group in GROUPS])
    cost = np.array([s.cost for s in profile.settings])
    days = np.array([s.days for s in profile.settings])
    scale_cost = profile.for_groups("stays.cost") / (shares @ cost)
    scale_days = profile.for_groups("stays.days") / (shares @ days)
    return scale_cost[:, None] * cost, scale_days[:, None] * days


def _ill_cost(profile: Profile) -> Floats:
    """Per group the mean factor of cost that illness brings, over stays, by which costs are divided to keep the mean."""
    intensity = _intensity(profile)
    of_stays = _ill_share(profile) * intensity.ill / intensity.spread
    return np.asarray(1 + of_stays * (profile["diseases.cost"] - 1))


def _draw_visits(profile: Profile, rng: np.random.Generator, who: Persons, length: int, growth: Growth) -> Drawn:
    often = profile["outpatient.visits"] * growth.visits * _intensity(profile).by_age[who.age]
    person = _events(rng, often)
    primary = rng.random(len(person)) < profile["outpatient.primary"]
    keys = [s.tier for s in profile.settings]
    setting = np.where(primary, keys.index("township"), keys.index("county"))
    return _ambulatory(profile, rng, "outpatient", OUTPATIENT, person, setting, length, growth)


def _draw_chronic(profile: Profile, rng: np.random.Generator, who: Persons, length: int, growth: Growth) -> Drawn:
    registered = who.registered.sum()
    often = profile["chronic.visits"] * growth.visits * len(who) / max(1, registered)
    person = _events(rng, np.where(who.registered, often, 0.0))
    setting = np.full(len(person), [s.tier for s in profile.settings].index("county"))
    drawn = _ambulatory(profile, rng, "chronic", CHRONIC, person, setting, length, growth)
    drawn.in_quota = rng.random(len(person)) < profile["chronic.in_quota"]
    return drawn


def _ambulatory(
    profile: Profile,
    rng: np.random.Generator,
    stem: str,
    care: int,
    person: Ints,
    setting: Ints,
    length: int,
    growth: Growth,
) -> Drawn:
    count = len(person)
    total = _lognormal(rng, np.full(count, profile[f"{stem}.cost"] * growth.cost), profile[f"{stem}.cost_sigma"])
    own = _share(rng, total, profile[f"{stem}.own"])
    first_pay = _share(rng, total - own, profile[f"{stem}.first_pay"])
    day = np.floor(rng.random(count) * length).astype(np.int64)
    no, yes = np.zeros(count, dtype=bool), np.ones(count, dtype=bool)
    return Drawn(care, person, day, np.zeros(count, dtype=np.int64), setting, total, own, first_pay, yes, no, no, yes)


def _words(words: Sequence[str], codes: NDArray[np.integer | np.bool_]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(list(words)))


def _table(profile: Profile, who: Persons, begin: int, care: Ints, of: dict[str, np.ndarray]) -> pa.Table:
    person, setting, count = of["person"], of["setting"], len(care)
    settings = profile.settings
    counties = list(profile.counties)
    hospitals = [*(f"{county}人民医院" for county in counties), *(f"{s.tier}·{s.place}" for s in settings)]
    tiers = np.array([s.tier == "county" for s in settings])
    hospital = np.where(tiers[setting], who.county[person], len(counties) + setting)
    day = begin + of["day"]
    quota_yes = np.where(of["in_quota"], 0, 1)
    ill = who.disease[person] > 0
    constant = {
        "linked": "no", "special_drug": "no", "application": "not_applied", "expert_review": "passed", "wilful_default": "no",
        "supplementary": "yes", "designated": "yes", "tcm": "no", "tier": "tier_1", "insurance": "resident",
    }  # fmt: skip
    return pa.table({
        "area": _words([profile.area], np.zeros(count, np.int32)), "person": who.first + person, "sequence": np.arange(count),
        "admitted_on": pa.array((day - of["stay"]).astype(np.int32)).cast(pa.date32()),
        "discharged_on": pa.array(day.astype(np.int32)).cast(pa.date32()),
        "identities": _words(identities_of(profile), who.identity[person]),
        "age": who.age[person], "sex": _words(["male", "female"], who.female[person]),
        "insured_county": _words(counties, who.county[person]), "care": _words(CARES, care),
        "institution": _words(hospitals, hospital),
        "institution_tier": _words([s.tier for s in settings], setting),
        "institution_level": _words([s.level for s in settings], setting),
        "place": _words([s.place for s in settings], setting),
        "referral": _words(["none", "by_rule"], of["referred"]), "emergency": _words(["no", "yes"], of["emergency"]),
        "diagnoses": _words(diseases_of(profile), np.where(care == INPATIENT, who.disease[person], 0)),
        "severe_programme": _words(["no", "yes"], ill & (care == INPATIENT)),
        "quota_chronic": _words(["yes", "no"], quota_yes),
        "audit": _words(["normal", "no_indication"], of["inadmissible"]),
        **{name: _words([word], np.zeros(count, np.int32)) for name, word in constant.items()},
        "in_scope": of["total"] - of["own"] - of["first_pay"], "first_pay": of["first_pay"],
        "over_limit": np.zeros(count, dtype=np.int64), "own": of["own"], "setting": setting,
    })  # fmt: skip
