"""Profiles: the published figures that a made-up population is drawn by, each with its source or marked as a stand-in.

A profile is a TOML file; it may build on another (`extends`) and say only what it knows better. A figure is a table `{value = …, source = "…"}`, or `{value = …, stand_in = "chosen by …"}` where no
source was found; anything else that is a number is a mistake of the file. What is read here is checked here, so that
drawing cannot fail.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from yizhan.engine.facts import FACTS
from yizhan.errors import Problems
from yizhan.simulation.errors import UnknownProfile, WrongProfile

SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a profile: its place in the file, its value, where it comes from, and what else the file says of it."""

    path: str
    value: Any
    source: str
    stand_in: str
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_stand_in(self) -> bool:
        return not self.source


@dataclass(frozen=True, slots=True)
class Setting:
    """Where people are admitted: tier, grade and place in the words of FACTS; costs relative, shares of a bill."""

    key: str
    tier: str
    level: str
    place: str
    cost: float
    days: float
    own: float
    first_pay: float
    share: Mapping[str, float]
    """Group (ordinary, poor) → share of its stays."""

    @property
    def words(self) -> tuple[str, str]:
        """What it is called, in Chinese and English: 县级（本县）."""
        tier, place = (
            FACTS[fact].value(code) for fact, code in (("institution_tier", self.tier), ("place", self.place))
        )
        assert tier is not None and place is not None
        return f"{tier.zh}（{place.zh}）", f"{tier.en} ({place.en})"


@dataclass(frozen=True, slots=True)
class Transition:
    """From the first of January of a year on, a share of those who hold one identity ("" for none) hold another."""

    year: int
    before: str
    after: str
    share: float


GROUPS = ("ordinary", "poor")
"""Persons without and with an identity of need; figures that differ between them are given for each."""


@dataclass(frozen=True)
class Profile:
    """What a population is drawn by. `figures` is path → Figure, in the order of the file."""

    key: str
    name: str
    name_en: str
    area: str
    year: int
    counties: Mapping[str, float]
    settings: tuple[Setting, ...]
    figures: Mapping[str, Figure]
    transitions: tuple[Transition, ...] = ()

    def __getitem__(self, path: str) -> Any:
        """The value of a figure, such as `profile["stays.cost_poor"]`."""
        return self.figures[path].value

    def under(self, table: str) -> dict[str, Any]:
        """The figures of one table: name → value."""
        return {path.split(".", 1)[1]: f.value for path, f in self.figures.items() if path.startswith(f"{table}.")}

    @property
    def stand_ins(self) -> list[Figure]:
        """The figures that nobody published."""
        return [figure for figure in self.figures.values() if figure.is_stand_in]

    def for_groups(self, stem: str) -> np.ndarray:
        """The figures `stem_ordinary` and `stem_poor`, in the order of GROUPS."""
        return np.array([self[f"{stem}_{group}"] for group in GROUPS], dtype=float)

    def stays_per_person(self) -> np.ndarray:
        """Stays per person and year of each group, from the rate of all and the poor's share of stays."""
        poor, stays = self["persons.poor_share"], self["admissions.all"]
        of_poor = self["admissions.poor_stays_share"]
        return np.array([stays * (1 - of_poor) / (1 - poor), stays * of_poor / poor])


SHIPPED = files("yizhan.simulation") / "profiles"


def shipped() -> list[str]:
    """The keys of the profiles that come with yizhan."""
    return sorted(entry.name.removesuffix(SUFFIX) for entry in SHIPPED.iterdir() if entry.name.endswith(SUFFIX))


@cache
def load(key: str) -> Profile:
    """A shipped profile by its key, or one from a file (a path that ends with .toml).

    Raises Problems: UnknownProfile, WrongProfile.
    """
    text = _text(key)
    seen = [key]
    while (base := text.pop("extends", None)) is not None:
        if base in seen:
            raise Problems([WrongProfile(file=key, why=f"extends: {' → '.join([*seen, base])}")])
        seen.append(base)
        text = _merged(_text(base), text)
    return _read(Path(key).stem if key.endswith(SUFFIX) else key, text)


def _text(key: str) -> dict[str, Any]:
    path = Path(key)
    source = path if path.suffix == SUFFIX else SHIPPED / f"{key}{SUFFIX}"
    if not source.is_file():
        raise Problems([UnknownProfile(given=key, known=", ".join(shipped()))])
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Problems([WrongProfile(file=key, why=str(error))]) from None


WHOLE = ("identities", "counties", "settings", "transitions")
"""Tables that a profile replaces as a whole, because their shares add up to one or follow on one another."""


def _merged(base: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A profile over the one that it builds on, figure by figure."""
    for name, value in own.items():
        if isinstance(value, Mapping) and name not in WHOLE and isinstance(base.get(name), Mapping):
            base[name] = {**base[name], **value}
        else:
            base[name] = value
    return base


def _read(key: str, text: Mapping[str, Any]) -> Profile:
    wrong: list[str] = []
    figures = {figure.path: figure for figure in _figures("", text, wrong)}
    settings = []
    for number, entry in enumerate(text.get("settings", ())):
        stem = f"settings.{entry.get('key', number)}"
        for fact, word in (("institution_tier", "tier"), ("institution_level", "level"), ("place", "place")):
            if FACTS[fact].value(str(entry.get(word))) is None:
                wrong.append(f"{stem}.{word}: {entry.get(word)!r}")
        value: dict[str, Any] = {
            name: figures[f"{stem}.{name}"].value if f"{stem}.{name}" in figures else None for name in _OF_SETTING
        }
        if None in value.values():
            wrong.append(f"{stem}: {', '.join(name for name, given in value.items() if given is None)}?")
            continue
        settings.append(Setting(
            str(entry["key"]), entry["tier"], entry["level"], entry["place"], value["cost"], value["days"], value["own"],
            value["first_pay"], {group: value[group] for group in GROUPS},
        ))  # fmt: skip
    transitions = [found for entry in text.get("transitions", ()) if (found := _transition(entry, figures, wrong))]
    wrong += [f"{path}?" for path in NEEDED if path not in figures]
    wrong += [f"{name}?" for name in ("name", "name_en", "area", "year", "counties") if name not in text]
    if not wrong:
        wrong += [*_sums(text, settings, figures), *_leaving(transitions, text["year"])]
    if wrong:
        raise Problems([WrongProfile(file=key, why="; ".join(wrong))])
    return Profile(
        key, text["name"], text["name_en"], text["area"], text["year"], text["counties"], tuple(settings), figures,
        tuple(sorted(transitions, key=lambda t: t.year)),
    )  # fmt: skip


def _transition(entry: Mapping[str, Any], figures: Mapping[str, Figure], wrong: list[str]) -> Transition | None:
    """A transition of the file; its mistakes go to `wrong`. `key` names it, since its share is a figure like any other."""
    path = f"transitions.{entry.get('key', '?')}.share"
    share = figures[path].value if path in figures else None
    codes = {value.code for value in FACTS["identity"].values}
    year, before, after = (entry.get(name) for name in ("year", "from", "to"))
    if not isinstance(year, int) or before not in {*codes, ""} or after not in {*codes, ""} or before == after:
        wrong.append(f"{path.removesuffix('.share')}: year {year!r}, from {before!r}, to {after!r}?")
        return None
    if not isinstance(share, (int, float)) or not 0 <= share <= 1:
        wrong.append(f"{path}?")
        return None
    return Transition(year, before, after, float(share))


def _leaving(transitions: Sequence[Transition], year: int) -> list[str]:
    """Transitions of the profile's own year or before it, and identities that more leave than hold them."""
    wrong = [f"transitions {t.before} → {t.after}: {t.year} ≤ {year}" for t in transitions if t.year <= year]
    shares: dict[tuple[int, str], float] = {}
    for t in transitions:
        shares[t.year, t.before] = shares.get((t.year, t.before), 0.0) + t.share
    return wrong + [
        f"transitions {y} {code}: Σ = {share:.4f} > 1" for (y, code), share in shares.items() if share > 1 + 1e-6
    ]


_OF_SETTING = ("cost", "days", "own", "first_pay", *GROUPS)

NEEDED = (
    "persons.insured", "persons.poor_share", "ages.bands", "households.sizes", "households.income_ordinary",
    "households.income_poor", "households.income_sigma", "admissions.all", "admissions.poor_stays_share",
    "admissions.repeat_ordinary", "admissions.repeat_poor", "stays.cost_ordinary", "stays.cost_poor", "stays.days_ordinary",
    "stays.days_poor", "stays.cost_sigma", "stays.emergency", "stays.not_referred_ordinary", "stays.not_referred_poor",
    "stays.not_indicated_poor", "diseases.poor_share", "diseases.ordinary_share", "diseases.admissions", "diseases.cost",
    "diseases.adult", "diseases.child", "outpatient.visits", "outpatient.cost", "outpatient.cost_sigma", "outpatient.own",
    "outpatient.first_pay", "outpatient.primary", "chronic.visits", "chronic.registered", "chronic.cost",
    "chronic.cost_sigma", "chronic.own", "chronic.first_pay", "chronic.in_quota", "funding.per_head",
    "funding.carried", "funding.months",
)  # fmt: skip
"""The figures that every profile has."""


def _figures(stem: str, table: Mapping[str, Any], wrong: list[str]) -> Iterator[Figure]:
    for name, entry in table.items():
        path = f"{stem}.{name}" if stem else name
        if isinstance(entry, Mapping) and "value" in entry:
            source, stand_in = str(entry.get("source", "")), str(entry.get("stand_in", ""))
            if bool(source) == bool(stand_in):
                wrong.append(f"{path}: source | stand_in?")
            more = {key: text for key, text in entry.items() if key not in ("value", "source", "stand_in")}
            yield Figure(path, entry["value"], source, stand_in, more)
        elif isinstance(entry, Mapping) and name != "counties":
            yield from _figures(path, entry, wrong)
        elif isinstance(entry, list):
            for part in entry:
                yield from _figures(f"{path}.{part.get('key', '?')}", part, wrong)
        elif (
            stem and isinstance(entry, (int, float)) and name != "year"
        ):  # of a transition, which is when, not how much
            wrong.append(f"{path}: source | stand_in?")


def _sums(text: Mapping[str, Any], settings: list[Setting], figures: Mapping[str, Figure]) -> list[str]:
    """Distributions that do not come to one."""
    found = {
        "counties": sum(text["counties"].values()),
        "identities": sum(f.value for path, f in figures.items() if path.startswith("identities.")),
        "ages.bands": sum(band[2] for band in figures["ages.bands"].value),
        "funding.months": sum(figures["funding.months"].value),
        "households.sizes": sum(figures["households.sizes"].value),
        **{f"settings.{group}": sum(setting.share[group] for setting in settings) for group in GROUPS},
        **{f"diseases.{who}": sum(figures[f"diseases.{who}"].value.values()) for who in ("adult", "child")},
    }
    return [f"{what}: Σ = {value:.4f} ≠ 1" for what, value in found.items() if abs(value - 1) > 1e-6]
