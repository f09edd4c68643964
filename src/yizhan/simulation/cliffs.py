"""Cliffs（悬崖效应）: where a small step in a fact makes a patient better or worse off by more than it should.

    cliffs = find_cliffs(population, Scenario(...), year=2018)

A population is settled as it is, and again with one step taken by everybody who stands beside an edge; whoever pays more on
the side where he stands than on the other is on the wrong side of a cliff, and the difference is his loss. Steps are
looked for, not listed: every amount, age and number of days at which some rule cuts, every day on which rules change,
every identity that rules name, and the next place of care. Each person takes one step in one bill, so that what follows in
his year is counted as well.

A cliff's weight is the persons affected times their loss. Whether the law means it is not judged here: an identity is meant
to help. Costs have a direction: a higher bill that leaves the patient less to pay is a cliff wherever it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from yizhan.batch.columns import EPOCH
from yizhan.batch.single import cited_rows
from yizhan.engine.facts import FACTS, POTS
from yizhan.engine.money import MOST_FEN
from yizhan.engine.scheme import Condition, Scheme
from yizhan.engine.settlement import resolver_of
from yizhan.policy.areas import load_scheme
from yizhan.policy.thresholds import cut_text, cutting_rules
from yizhan.simulation.population import Ints, Population, identities_of
from yizhan.simulation.run import Scenario, settler_for
from yizhan.simulation.tables import Column, Table

LEAST = 10_000
"""Fen from which a difference counts: what a day of care costs a poor family."""

NEAR_AMOUNT, NEAR_DAYS = 0.5, 7
"""How near an edge somebody stands: within half of the amount, or within a week."""

SAMPLE_BUCKETS = 6
"""Buckets that are searched; what is found there is scaled to the population."""

MOST_STEPPING = 30_000
"""Persons who take one step; where more could, every nth does, and what is found is scaled to all of them."""


@dataclass(frozen=True)
class Edge:
    """Where rules cut: a fact, the first number (or code) beyond it, and the articles that say so."""

    fact: str
    at: int | str
    articles: tuple[str, ...]

    @property
    def printed(self) -> str:
        """The edge as the law prints it."""
        if isinstance(self.at, str):
            return FACTS[self.fact].word(self.at, "zh") if self.fact in FACTS else self.at
        return cut_text(self.fact, self.at)


@dataclass(frozen=True)
class Neighbours:
    """Two cases beside an edge: one person's bills of the year as they are and with the step taken, and what each leaves to him.

    `changed` is the number of the bill that the step changes (the first, if several).
    """

    person: int
    before: tuple[dict[str, Any], ...]
    after: tuple[dict[str, Any], ...]
    changed: int
    pays_before: int
    pays_after: int


@dataclass(frozen=True)
class Cliff:
    """One edge, the persons on its wrong side (scaled to the population), and their losses in fen.

    `zh` and `en` say what those on the other side have: 费用总额多到9,000.01元.
    """

    edge: Edge
    kind: str
    zh: str
    en: str
    beside: int
    affected: int
    loss: int
    largest: int
    example: Neighbours

    @property
    def meant(self) -> bool:
        """Whether the rules may intend the difference: help for those in need, care near home, a referral."""
        return self.kind in ("identity", "referral", "place")

    @property
    def mean(self) -> int:
        return self.loss // max(1, self.affected)


@dataclass(frozen=True)
class Step:
    """A step that some take: which bills change, and how the table looks with it. `cost` is what it adds to a bill, in fen."""

    edge: Edge
    kind: str
    zh: str
    en: str
    rows: Ints
    table: pa.Table
    cost: Ints


def find_cliffs(
    population: Population, scenario: Scenario, year: int, least: int = LEAST,
    progress: Callable[[int, int], None] | None = None,
) -> list[Cliff]:  # fmt: skip
    """The cliffs of the rules for one part's area, the heaviest first: persons affected × loss.

    Raises Problems: no policies for the area or year.
    """
    return Search(population, scenario, year).cliffs(least, progress)


class Search:
    """The bills among which cliffs are looked for, what they come to as they are, and the settler that settles them again.

    `years` are those in which the caller settles these people elsewhere: one loop then serves both. Raises Problems: no
    policies for the area or year.
    """

    def __init__(self, population: Population, scenario: Scenario, year: int, years: Sequence[int] = ()) -> None:
        self.profile = population.parts[0].profile
        self.scheme, self.year = load_scheme(self.profile.area, scenario.policies), year
        buckets = range(min(SAMPLE_BUCKETS, population.buckets))
        drawn = [(population.persons(b), population.bills(b, year)) for b in buckets]
        self.first, self.persons = drawn[0][0].first, sum(len(persons) for persons, _ in drawn)
        self.scale = population.size / self.persons
        self.bills = pa.concat_tables([table for _, table in drawn]).combine_chunks()
        self.person = self.bills["person"].to_numpy() - self.first
        self.day = self.bills["discharged_on"].combine_chunks().cast(pa.int32()).to_numpy()
        self.settler = settler_for(self.scheme, self.bills, years or (year,))
        self.paid = self.pays(self.bills)

    def cliffs(self, least: int = LEAST, progress: Callable[[int, int], None] | None = None) -> list[Cliff]:
        """The cliffs, the heaviest first. Losses below `least` fen do not count."""
        steps = list(_steps(self, self.year))
        found = []
        for number, step in enumerate(steps, 1):
            found += self.cliff(step, least)
            if progress is not None:
                progress(number, len(steps))
        return sorted(found, key=lambda c: -c.loss)

    def pays(self, bills: pa.Table) -> Ints:
        """What each person pays in the year; of persons without these bills nothing."""
        self.settler.begin()
        left = self.settler.settle(bills).patient.sum(axis=0)
        of = bills["person"].to_numpy() - self.first
        return np.bincount(of, weights=left, minlength=self.persons).astype(np.int64)

    def code(self, column: str) -> tuple[Ints, list[str]]:
        """Codes of a column of words, and the words."""
        values = self.bills[column].combine_chunks()
        return values.indices.to_numpy().astype(np.int64), values.dictionary.to_pylist()

    @property
    def stays(self) -> NDArray[np.bool_]:
        """Which bills are of stays in hospital."""
        codes, words = self.code("care")
        return codes == (words.index("inpatient") if "inpatient" in words else -1)

    def one_each(self, rows: NDArray[np.bool_]) -> Ints:
        """Of these rows the first of each person."""
        at = np.flatnonzero(rows)
        return at[np.unique(self.person[at], return_index=True)[1]]

    def with_words(self, rows: Ints, **columns: str) -> pa.Table:
        """The table with another word in some rows of some columns."""
        table = self.bills
        for column, word in columns.items():
            codes, words = self.code(column)
            codes[rows] = len(words)
            array = pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array([*words, word]))
            table = table.set_column(table.column_names.index(column), column, array)
        return table

    def with_numbers(self, rows: Ints, **columns: Ints) -> pa.Table:
        """The table with other numbers in some rows of some columns; days as days since 1970."""
        table = self.bills
        for name, values in columns.items():
            kind = table.schema.field(name).type
            old = table[name].combine_chunks()
            new = (old.cast(pa.int32()) if pa.types.is_date(kind) else old).to_numpy().copy()
            new[rows] = values
            array = pa.array(new).cast(kind) if pa.types.is_date(kind) else pa.array(new, type=kind)
            table = table.set_column(table.column_names.index(name), name, array)
        return table

    def cliff(self, step: Step, least: int) -> list[Cliff]:
        """The cliff that a step shows, if anybody stands on its wrong side.

        Only those who take the step are settled again, and of very many only every nth; counts are scaled back.
        """
        everybody = np.unique(self.person[step.rows])
        if not len(everybody):
            return []
        persons = everybody[:: -(-len(everybody) // MOST_STEPPING)]
        taken = np.zeros(self.persons, dtype=bool)
        taken[persons] = True
        scale = self.scale * len(everybody) / len(persons)
        after = self.pays(step.table.take(pa.array(np.flatnonzero(taken[self.person]))))
        mine = taken[self.person[step.rows]]
        rows, cost = step.rows[mine], step.cost[mine]
        of = np.searchsorted(persons, self.person[rows])
        saved = np.bincount(of, weights=np.maximum(0, -cost)).astype(np.int64)
        loss = self.paid[persons] - after[persons] - saved
        hit = loss >= least
        if not hit.any():
            return []
        worst = int(np.argmax(loss))
        who = int(persons[worst])
        own = np.flatnonzero(self.person == who)
        changed = int(np.searchsorted(own, rows[np.flatnonzero(of == worst)[0]]))
        before, then = self.bills.take(own), step.table.take(own)
        example = Neighbours(
            self.first + who, tuple(before.to_pylist()), tuple(then.to_pylist()), changed, int(self.paid[who]), int(after[who]),
        )  # fmt: skip
        edge = step.edge
        if not edge.articles:
            edge = replace(edge, articles=self._apart(before, then))
        return [Cliff(
            edge, step.kind, step.zh, step.en, round(len(everybody) * self.scale), round(int(hit.sum()) * scale),
            round(int(loss[hit].sum()) * scale), int(loss[worst]), example,
        )]  # fmt: skip

    def _apart(self, before: pa.Table, after: pa.Table) -> tuple[str, ...]:
        """The articles by which only one of two sides is settled, or by other rows of their tables; at most three."""
        found: dict[str, None] = {}
        for one, other in zip(cited_rows(before, self.scheme), cited_rows(after, self.scheme), strict=True):
            for c in (*other, *one):
                if (c in one) != (c in other):
                    found[f"{c.document} {c.article}"] = None
        return tuple(found)[:3]

    def curve(self, cliff: Cliff, points: int = 241) -> list[tuple[int, int]]:
        """What the patient of the example pays of his bill (fen) for bills from half to one and a half of the one beside the edge.

        What changes is the in-scope part; his earlier bills of the year stay as they are. The two fen at an edge of amounts
        are among the points.
        """
        bill, year = cliff.example.before[cliff.example.changed], cliff.example.before[: cliff.example.changed]
        rest = sum(bill[pot] for pot in POTS) - bill["in_scope"]
        middle = cliff.edge.at if cliff.kind == "amount" and isinstance(cliff.edge.at, int) else rest + bill["in_scope"]
        totals = sorted(
            {*np.linspace(max(rest, middle // 2), middle * 3 // 2, points).astype(int).tolist(), middle - 1, middle}
        )
        rows = [
            {**row, "person": n, "in_scope": total - rest if k == len(year) else row["in_scope"]}
            for n, total in enumerate(totals) for k, row in enumerate((*year, bill))
        ]  # fmt: skip
        self.settler.begin()
        left = self.settler.settle(pa.Table.from_pylist(rows)).patient.sum(axis=0)
        return [(int(total), int(left[(n + 1) * (len(year) + 1) - 1])) for n, total in enumerate(totals)]


# --- Steps -----------------------------------------------------------------------------------------------------------------


def edges(scheme: Scheme, year: int) -> list[Edge]:
    """Where the rules in force in a year cut numbers."""
    articles: dict[tuple[str, int], dict[str, None]] = {}
    for rule in cutting_rules(scheme):
        if rule.begins_on.year > year or rule.ends_on.year < year:
            continue
        for condition in (*rule.when, *rule.unless):
            for cut in _cuts(condition):
                cited = f"{rule.citation.document} {rule.citation.article}"
                articles.setdefault((condition.fact, cut), {})[cited] = None
    return [Edge(fact, cut, tuple(cited)) for (fact, cut), cited in sorted(articles.items())]


def _cuts(condition: Condition) -> list[int]:
    """The first number of each interval that a condition tells apart."""
    if FACTS[condition.fact].kind != "number":
        return []
    return [cut for cut in (condition.low, condition.high + 1) if 0 < cut <= MOST_FEN]


def _steps(searched: Search, year: int) -> Iterator[Step]:
    for edge in edges(searched.scheme, year):
        if edge.fact in ("total", *POTS):
            yield from _amount_steps(searched, edge)
        elif edge.fact == "age":
            yield from _age_steps(searched, edge)
        elif edge.fact == "days":
            yield from _day_steps(searched, edge)
    yield from _date_steps(searched, year)
    yield from _identity_steps(searched)
    yield from _referral_steps(searched)
    yield from _place_steps(searched)


def _amount_steps(searched: Search, edge: Edge) -> Iterator[Step]:
    """Bills below the edge raised to it, and bills above lowered below it; what is added or taken is in scope."""
    assert isinstance(edge.at, int)
    pots = {pot: searched.bills[pot].to_numpy() for pot in POTS}
    value = sum(pots.values()) if edge.fact == "total" else pots[edge.fact]
    pot = "in_scope" if edge.fact == "total" else edge.fact
    stays = searched.stays
    for target, rows, word, english in (
        (edge.at, (value < edge.at) & (value >= edge.at * (1 - NEAR_AMOUNT)), "多到", "raised to"),
        (
            edge.at - 1,
            (value >= edge.at) & (value <= edge.at * (1 + NEAR_AMOUNT)) & (pots[pot] >= value - edge.at + 1),
            "少到",
            "lowered to",
        ),
    ):
        at = searched.one_each(rows & stays)
        cost = target - value[at]
        words = FACTS[edge.fact]
        amount = f"{target // 100:,}.{target % 100:02d}"
        yield Step(
            edge, "amount", f"{words.zh}{word}{amount}元", f"{words.en} {english} {amount} yuan", at,
            searched.with_numbers(at, **{pot: pots[pot][at] + cost}), cost,
        )  # fmt: skip


def _age_steps(searched: Search, edge: Edge) -> Iterator[Step]:
    """A year older for those who are one year too young, a year younger for those who just came over the edge."""
    assert isinstance(edge.at, int)
    age = searched.bills["age"].to_numpy()
    for here, there in ((edge.at - 1, edge.at), (edge.at, edge.at - 1)):
        rows = np.flatnonzero(age == here)
        yield Step(
            edge, "age", f"{here}岁改为{there}岁", f"aged {there} instead of {here}", rows,
            searched.with_numbers(rows, age=np.full(len(rows), there)), np.zeros(len(rows), np.int64),
        )  # fmt: skip


def _day_steps(searched: Search, edge: Edge) -> Iterator[Step]:
    assert isinstance(edge.at, int)
    admitted = searched.bills["admitted_on"].combine_chunks().cast(pa.int32()).to_numpy()
    stay = searched.day - admitted
    for here, there in ((edge.at - 1, edge.at), (edge.at, edge.at - 1)):
        rows = searched.one_each((stay == here) & (here > 0))
        yield Step(
            edge, "days", f"住院{here}天改为{there}天", f"a stay of {there} days instead of {here}", rows,
            searched.with_numbers(rows, admitted_on=(searched.day[rows] - there)), np.zeros(len(rows), np.int64),
        )  # fmt: skip


def _date_steps(searched: Search, year: int) -> Iterator[Step]:
    """A bill within a week of a day on which rules change, moved to the other side of it."""
    classes = resolver_of(searched.scheme).classes
    inpatient = searched.stays
    last = np.append(searched.person[1:] != searched.person[:-1], True)
    only = last & np.append(True, searched.person[1:] != searched.person[:-1])
    for day in classes.days:
        if day.year != year or (day.month, day.day) == (1, 1):
            continue
        number = (day - EPOCH).days
        begun = sorted(
            {
                f"{r.citation.document} {r.citation.article}"
                for r in searched.scheme.rules
                if day in (r.begins_on, r.ends_on + timedelta(days=1) if r.ends_on.year < 9999 else r.begins_on)
            }
        )
        edge = Edge("day", day.isoformat(), tuple(begun[:3]))
        for target, rows, word, english in (
            (number, (searched.day < number) & (searched.day >= number - NEAR_DAYS), "推迟到", "discharged later, on"),
            (
                number - 1,
                (searched.day >= number) & (searched.day < number + NEAR_DAYS),
                "提前到",
                "discharged earlier, on",
            ),
        ):
            at = np.flatnonzero(rows & inpatient & only)
            on = (EPOCH + timedelta(days=target)).isoformat()
            admitted = searched.bills["admitted_on"].combine_chunks().cast(pa.int32()).to_numpy()[at]
            yield Step(
                edge, "date", f"出院{word}{on}", f"{english} {on}", at,
                searched.with_numbers(at, discharged_on=np.full(len(at), target), admitted_on=np.minimum(admitted, target - 1)),
                np.zeros(len(at), np.int64),
            )  # fmt: skip


def _identity_steps(searched: Search) -> Iterator[Step]:
    """Everybody without an identity of need, seen as if he held each that rules name: what is lost without it."""
    codes, words = searched.code("identities")
    if "" not in words:
        return
    named = resolver_of(searched.scheme).classes.named.get("identity", set())
    rows = np.flatnonzero(codes == words.index(""))
    for identity in identities_of(searched.profile)[1:]:
        if identity in named:
            word, english = FACTS["identity"].word(identity, "zh"), FACTS["identity"].word(identity, "en")
            yield Step(
                Edge("identity", identity, ()), "identity", f"没有身份改为{word}", f"{english} instead of no identity", rows,
                searched.with_words(rows, identities=identity), np.zeros(len(rows), np.int64),
            )  # fmt: skip


def _referral_steps(searched: Search) -> Iterator[Step]:
    codes, words = searched.code("referral")
    if "none" in words:
        rows = np.flatnonzero(codes == words.index("none"))
        yield Step(
            Edge("referral", "by_rule", ()), "referral", "没有转诊改为按规定转诊", "referred by the rules instead of not", rows,
            searched.with_words(rows, referral="by_rule"), np.zeros(len(rows), np.int64),
        )  # fmt: skip


def _place_steps(searched: Search) -> Iterator[Step]:
    """The same bill at the place of care before it in the profile's order, which is the nearer one."""
    setting = searched.bills["setting"].to_numpy()
    settings = searched.profile.settings
    for k in range(1, len(settings)):
        rows = searched.one_each((setting == k) & searched.stays)
        nearer = settings[k - 1]
        table = searched.with_words(
            rows, institution_tier=nearer.tier, institution_level=nearer.level, place=nearer.place
        )
        yield Step(
            Edge("institution_tier", nearer.tier, ()), "place",
            f"同样的费用在{nearer.words[0]}而不在{settings[k].words[0]}", f"the same bill at {nearer.words[1]} instead of {settings[k].words[1]}",
            rows, table, np.zeros(len(rows), np.int64),
        )  # fmt: skip


def cliffs_table(found: Sequence[Cliff]) -> Table:
    """The cliffs, the heaviest first: those that rules hardly mean before those they may."""
    rows = [
        ((cliff.zh, cliff.en), "、".join(cliff.edge.articles) or "—", cliff.meant, cliff.beside, cliff.affected, cliff.loss, cliff.mean, cliff.largest)
        for cliff in sorted(found, key=lambda c: (c.meant, -c.loss))
    ]  # fmt: skip
    return Table("cliffs", "悬崖", "Cliffs", (
        Column("一步", "step", "said"), Column("条文", "articles", "text"),
        Column("规则或有意", "may be meant", "flag"), Column("站在边上的人", "persons beside", "count"),
        Column("吃亏的人", "persons on the wrong side", "count"), Column("合计（万元）", "loss (10,000 yuan)", "wan"),
        Column("人均（元）", "each (yuan)", "fen"), Column("最多（元）", "largest (yuan)", "fen"),
    ), tuple(rows))  # fmt: skip


# --- The neighbouring cases as `settle` reads them ---------------------------------------------------------------------------


def as_request(bills: tuple[dict[str, Any], ...], area: str) -> dict[str, Any]:
    """The bills of one person as an input of `./yizhan settle` (docs/settle.md)."""
    first = bills[0]
    born = first["discharged_on"].year - first["age"] - 1
    facts = [
        name for name in first
        if name in FACTS and name not in ("age", "sex", "identities", *POTS) and FACTS[name].about == "claim"
    ]  # fmt: skip
    identities = [i for i in str(first["identities"]).split(";") if i]
    return {
        "area": area,
        "beneficiary": {
            "person": str(first["person"]), "born_on": f"{born}-12-31", "sex": first["sex"], "insurance": first["insurance"],
            "insured_county": first["insured_county"], "supplementary": first["supplementary"], "tier": first["tier"],
            "identities": [{"identity": i, "from": "2000-01-01", "to": None, "certified_by": "poverty_office"} for i in identities],
        },
        "claims": [{
            "claim": f"{bill['person']}-{n}", **{fact: bill[fact] for fact in facts if fact != "diagnoses"},
            "diagnoses": [d for d in str(bill["diagnoses"]).split(";") if d],
            "admitted_on": bill["admitted_on"].isoformat(), "discharged_on": bill["discharged_on"].isoformat(),
            "amounts": {
                "total": _yuan(sum(bill[pot] for pot in POTS)), **{pot: _yuan(bill[pot]) for pot in POTS},
            },
        } for n, bill in enumerate(bills, 1)],
    }  # fmt: skip


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
