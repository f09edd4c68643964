"""Settle an Arrow table of bills with the compiled loop.

One row is one bill of one person; amounts are whole fen. Rows of an area are sorted by person, date and sequence: the
year's sums run from row to row, so any other order would be silently wrong, and is refused. A `Settler` takes an area's
rows in chunks and carries the open year from one chunk to the next. It finds the class of every fact with array
look-ups, lets the resolver find the figures of each combination that occurs, and calls the loop. A few persons of each chunk
are settled again with `engine.settlement`; a difference of one fen voids the run.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from math import prod
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from yizhan.batch.columns import (
    COLUMNS,
    KEYS,
    Calendar,
    Coded,
    Ints,
    ages,
    check_columns,
    coded,
    day_numbers,
    refuse_nulls,
    value_of,
    whole,
)
from yizhan.batch.combinations import Combinations, Registry, foreseen
from yizhan.batch.compiling import compiled
from yizhan.batch.single import settle_rows
from yizhan.engine.classes import MISSING, SCOPE_FACTS
from yizhan.engine.facts import CHARGES, FACTS, POTS
from yizhan.engine.kernel import LayerPlan, plan_layer
from yizhan.engine.loop import Structure
from yizhan.engine.money import MOST_FEN, NO_LIMIT
from yizhan.engine.scheme import Scheme
from yizhan.engine.settlement import YEAR_DAYS, resolver_of, stay_keys
from yizhan.errors import (
    EngineFault,
    NotSorted,
    Problems,
    RowsRefused,
)
from yizhan.policy.areas import load_scheme

MOST_DAYS, MOST_YEARS = 3660, 150
EARLIEST, LATEST = -25_567, 84_005
"""Days since 1970 of the first of January 1900 and the last of December 2199."""

PATIENT = ("patient", "patient_in_scope", "patient_first_pay", "patient_over_limit", "patient_own")


@dataclass
class Chunk:
    """The result of one chunk: a column of fen for each (layer, what), and what is left to the patient by pot."""

    outputs: tuple[tuple[int, str], ...]
    out: Ints
    patient: Ints


class Settler:
    """Settles the sorted bills of one area, chunk after chunk. With `over` it also says what ceilings cut off."""

    def __init__(self, scheme: Scheme, threads: int = 1, sample: int = 5, seed: int = 0, over: bool = False) -> None:
        self.scheme, self.threads, self.sample, self.over = scheme, threads, sample, over
        self.resolver = resolver_of(scheme)
        self.registries = [Registry({}, [], {}) for _ in scheme.layers]
        self.cases = Combinations(scheme, self.registries)
        self.classes: dict[str, list[Any]] = {}
        self.year = np.zeros(max(1, len(self.resolver.slots.names)), dtype=np.int64)
        self.stays: dict[str, int] = {}
        self.last: tuple[Any, int] | None = None
        self.last_key: tuple[Any, int, int] | None = None
        self.rows = 0
        self.random = random.Random(seed)
        self.structure: Structure | None = None
        self.structure_of_sizes: tuple[int, ...] = ()
        self.arrays: tuple[Any, ...] = ()

    def begin(self) -> None:
        """Forget the persons settled so far, so that rows of other persons may come in any order of chunks."""
        self.year[:] = 0
        self.stays, self.last, self.last_key = {}, None, None

    def foresee(self, table: pa.Table, first: date, last: date) -> None:
        """Find the figures of every case that bills with the words of `table`, settled by the rules of these days, can come to.

        Then the loop is planned and compiled once, whatever the chunks bring; a case that was not foreseen makes a new plan,
        as without this. Words are those of the dictionaries, also where no row has them.
        """
        words: dict[str, list[object]] = {}
        for fact in self.resolver.classes.facts:
            if FACTS[fact].kind != "number":
                words[fact] = list(dict.fromkeys(self._text_classes(table, fact)[1]))
        for layer, registry in zip(self.scheme.layers, self.registries, strict=True):
            for cases in foreseen(self.scheme, layer, words, first, last):
                registry.keep(cases)

    def settle(self, table: pa.Table, sums: Ints | None = None) -> Chunk:
        """Settle a chunk. With `sums`, adds to it (columns: active layers, patient by pot, bills) and returns no rows.

        Raises Problems: rows out of order, facts missing, values unknown; EngineFault if a check fails.
        """
        if table.num_rows == 0:
            return Chunk((), np.zeros((0, 0), np.int64), np.zeros((4, 0), np.int64))
        prepared = self.prepare(table)
        structure = self.plan(sums is not None)
        outputs = structure.outputs
        size = 0 if sums is not None else table.num_rows
        out = np.empty((len(outputs), size), dtype=np.int64)
        patient = np.empty((4, size), dtype=np.int64)
        self.run(structure, prepared, out, patient, np.zeros((1, 1), np.int64) if sums is None else sums)
        if sums is None and self.sample:
            self._check_sample(table, prepared, outputs, out, patient)
        self.rows += table.num_rows
        return Chunk(outputs, out, patient)

    # --- preparing ----------------------------------------------------------------------------------------------------

    def prepare(self, table: pa.Table) -> dict[str, Any]:
        n = table.num_rows
        conventions = self.scheme.conventions
        discharged = day_numbers(table, "discharged_on")
        days_of = {
            "discharged_on": discharged,
            "admitted_on": day_numbers(table, "admitted_on", discharged),
            "settled_on": day_numbers(table, "settled_on", discharged),
        }
        self._in_order(days_of["admitted_on"], discharged)
        for days in days_of.values():
            self._refuse(
                (days < EARLIEST) | (days > LATEST), "日期不在 1900 至 2199 年之间 a date is not in 1900 to 2199"
            )
        first = min(int(d.min()) for d in days_of.values())
        last = max(int(d.max()) for d in days_of.values())
        calendar = Calendar(self.scheme, first, last)
        policy = days_of[conventions.policy_date]
        self._check_alive(calendar, policy)
        counts_on = days_of[YEAR_DAYS.get(conventions.cross_year, "discharged_on")]
        year = calendar.year[counts_on - first]
        pots = np.empty((4, n), dtype=np.int64)
        for p, pot in enumerate(POTS):
            pots[p] = whole(table, pot)
        charges = np.zeros((4, n if any(c in table.column_names for c in CHARGES) else 1), dtype=np.int64)
        for k, charge in enumerate(CHARGES):
            if charge in table.column_names:
                charges[k] = whole(table, charge)
        total = pots[0] + pots[1] + pots[2] + pots[3]
        self._check_amounts(pots, charges, total)
        days = np.maximum(1, discharged - days_of["admitted_on"])
        if "days" in table.column_names:
            days = whole(table, "days")
            self._refuse((days < 0) | (days > MOST_DAYS), "住院天数不在 0 至 3660 之间 days of stay are not 0 to 3660")
        numbers = {"days": days, "total": total, **dict(zip(POTS, pots, strict=True))}
        for k, charge in enumerate(CHARGES):
            numbers[charge] = charges[k] if charges.shape[1] == n else np.zeros(n, np.int64)
        if "born_on" in table.column_names:
            born = day_numbers(table, "born_on")
            self._refuse(
                (born > discharged) | (born < EARLIEST),
                "出生日期晚于出院或早于1900年 born after discharge or before 1900",
            )
        facts = self._read_facts(table, numbers, days_of[conventions.identity_date])
        combo = self._combinations(calendar.period[policy - first], facts)
        changes, keys = self._person_years(table, discharged, year)
        linked, counting = self._stay_flags(table)
        opens = np.zeros(n, dtype=np.int8)
        opens[changes] = keys
        stays = self._stays(table, opens, counting)
        return {
            "combo": combo, "opens": opens, "pots": pots,
            "month": calendar.month[counts_on - first], "days": days, "linked": linked, "stays": stays, "charges": charges,
            "year": year, "policy": policy, "discharged": discharged, "admitted": days_of["admitted_on"],
        }  # fmt: skip

    def _refuse(self, bad: Any, why: str) -> None:
        if bad.any():
            raise Problems(
                [RowsRefused(at=self.scheme.name, count=int(bad.sum()), row=self.rows + int(np.argmax(bad)), why=why)]
            )

    def _in_order(self, admitted: Ints, discharged: Ints) -> None:
        self._refuse(admitted > discharged, "入院日期晚于出院日期 admitted after discharge")

    def _check_alive(self, calendar: Calendar, policy: Ints) -> None:
        self._refuse(~calendar.alive[policy - calendar.first], "这一天没有适用的政策 no policy applies on the day")

    def _check_amounts(self, pots: Ints, charges: Ints, total: Ints) -> None:
        self._refuse((pots < 0).any(axis=0), "金额为负 an amount is negative")
        self._refuse((pots > MOST_FEN).any(axis=0) | (total > MOST_FEN), "金额超出上限 an amount is too large")
        if charges.shape[1] == total.shape[0]:
            self._refuse(
                (charges < 0).any(axis=0) | (charges > MOST_FEN).any(axis=0) | (charges.sum(axis=0) > total),
                "收费项目合计超过费用总额 charges exceed the bill",
            )

    def _read_facts(
        self, table: pa.Table, numbers: Mapping[str, Ints], identity_on: Ints
    ) -> dict[str, tuple[Coded | None, list[Any]]]:
        """For each fact that rules look at: which class each row has, and the classes. None: one class for all."""
        facts: dict[str, tuple[Coded | None, list[Any]]] = {}
        for fact in self.resolver.classes.facts:
            if FACTS[fact].kind == "number":
                facts[fact] = self._number_classes(table, fact, numbers, identity_on)
            else:
                facts[fact] = self._text_classes(table, fact)
        return facts

    def _number_classes(
        self, table: pa.Table, fact: str, numbers: Mapping[str, Ints], identity_on: Ints
    ) -> tuple[Coded | None, list[Any]]:
        if fact == "age":
            found = ages(table, identity_on)
            if found is None:
                return None, [MISSING]
            if "born_on" not in table.column_names:
                self._refuse((found < 0) | (found > MOST_YEARS), "年龄不在 0 至 150 之间 age is not 0 to 150")
        else:
            found = numbers[fact]
        cuts = self.resolver.classes.cuts[fact]
        codes: NDArray[Any] = np.zeros(len(found), dtype=np.int16)
        for cut in cuts if len(cuts) <= 8 else ():
            codes += found >= cut
        if len(cuts) > 8:
            codes = np.searchsorted(np.array(cuts, dtype=np.int64), found, side="right")
        edges = [0, *cuts]
        return (np.arange(len(edges)), codes), [self.resolver.classes.interval(fact, edge) for edge in edges]

    def _text_classes(self, table: pa.Table, fact: str) -> tuple[Coded | None, list[Any]]:
        column = "identities" if fact == "identity" else fact
        if column not in table.column_names:
            default: object = {"year_end_part": "no", "identity_changed": "no"}.get(fact)
            if fact == "identity_changed" and self.scheme.conventions.identity_change == "due_less_paid":
                default = None
            return None, [self.resolver.classes.class_of(fact, default)]
        codes, texts = coded(table, column)
        classes = self.classes.setdefault(fact, [])
        lut = np.empty(len(texts), dtype=np.int64)
        for k, text in enumerate(texts):
            found = self.resolver.classes.class_of(fact, value_of(fact, text, self.scheme))
            if found not in classes:
                classes.append(found)
            lut[k] = classes.index(found)
        return (lut, codes), classes

    def _combinations(self, period: Ints, facts: Mapping[str, tuple[Coded | None, list[Any]]]) -> NDArray[np.int32]:
        """The number of each row's class combination. Raises Problems for those that cannot be resolved."""
        sizes = (len(self.resolver.classes.days), *(len(classes) for _, classes in facts.values()))
        if prod(sizes) > 2**62:
            raise EngineFault(what="too many combinations of facts to number")
        whole: Any = np.int32 if prod(sizes) < 2**31 else np.int64
        stride = prod(sizes[1:])
        key = period.astype(whole) * whole(stride)
        for codes, classes in facts.values():
            stride //= len(classes)
            if codes is not None and len(classes) > 1:
                weights, coded = codes
                key += (weights * stride).astype(whole)[coded]
        combo, refused = self.cases.number(key, sizes, [classes for _, classes in facts.values()])
        if refused:
            raise Problems([
                RowsRefused(at=self.scheme.name, count=int(at.sum()), row=self.rows + int(np.argmax(at)), why=f"{p.text('zh')} {p.text('en')}")
                for p, at in refused.values()
            ])  # fmt: skip
        return combo

    def _person_years(self, table: pa.Table, discharged: Ints, year: Ints) -> tuple[Ints, NDArray[np.int8]]:
        """Rows where a person (1) or a policy year (2) begins. Raises Problems with NotSorted."""
        persons = table["person"].combine_chunks()
        if persons.null_count:
            refuse_nulls(persons, "person")
        if pa.types.is_dictionary(persons.type):
            persons = persons.dictionary_decode()
        sequence = whole(table, "sequence")
        n = table.num_rows
        same = np.zeros(n, dtype=bool)
        if n > 1:
            later, earlier = persons.slice(1), persons.slice(0, n - 1)
            same[1:] = pc.equal(later, earlier).to_numpy(zero_copy_only=False)
            down = pc.less(later, earlier).to_numpy(zero_copy_only=False)
            self._sorted(~down, "人的次序倒了", "persons are not in ascending order", 1)
            before = (discharged[1:] < discharged[:-1]) | (
                (discharged[1:] == discharged[:-1]) & (sequence[1:] < sequence[:-1])
            )
            self._sorted(~(same[1:] & before), "日期或序号倒了", "dates or sequence go backwards", 1)
            if "sequence" in table.column_names:
                twice = same[1:] & (discharged[1:] == discharged[:-1]) & (sequence[1:] == sequence[:-1])
                self._sorted(~twice, "同一人同日同序号出现两次", "the same person, day and sequence occur twice", 1)
            back = same[1:] & (year[1:] < year[:-1])
            self._sorted(~back, "政策年度倒了", "the policy year goes backwards", 1)
        key = (persons[0].as_py(), int(discharged[0]), int(sequence[0]))
        if self.last_key is not None:
            if key < self.last_key or (key == self.last_key and "sequence" in table.column_names):
                raise Problems(
                    [NotSorted(row=self.rows, why_zh="接不上前一段", why_en="it does not follow the chunk before")]
                )
            same[0] = key[0] == self.last_key[0]
        new_year = np.zeros(n, dtype=bool)
        new_year[1:] = year[1:] != year[:-1]
        new_year[0] = self.last is not None and int(year[0]) != self.last[1]
        opens = np.where(same, np.where(new_year, 2, 0), 1).astype(np.int8)
        self.last = (persons[n - 1].as_py(), int(year[n - 1]))
        self.last_key = (persons[n - 1].as_py(), int(discharged[n - 1]), int(sequence[n - 1]))
        changes = np.flatnonzero(opens)
        return changes, opens[changes]

    def _sorted(self, good: NDArray[np.bool_], zh: str, en: str, offset: int) -> None:
        if not good.all():
            raise Problems([NotSorted(row=self.rows + offset + int(np.argmin(good)), why_zh=zh, why_en=en)])

    def _stay_flags(self, table: pa.Table) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
        """Which bills continue a stay, and which are further stays of their own."""
        continues = _says(table, "linked", "yes") | _says(table, "year_end_part", "yes")
        return continues.astype(np.int8), _says(table, "care", "inpatient") & ~continues

    def _stays(self, table: pa.Table, opens: NDArray[np.int8], counting: NDArray[np.bool_]) -> NDArray[np.int8]:
        """Earlier stays of the year for each bill, by each scope that some rule counts by.

        A count begins anew where a person or a year begins, but runs on over the year's end within a stay that is cut there.
        """
        n = table.num_rows
        scopes = self.resolver.scopes
        stays = np.zeros((4, n if scopes else 1), dtype=np.int8)
        if not scopes:
            return stays
        anew = opens == 1
        runs_on = self.scheme.conventions.cross_year == "split"
        anew |= (opens == 2) & ~(_says(table, "year_end_part", "yes") & runs_on)
        starts = np.maximum.accumulate(np.where(anew, np.arange(n), 0))
        carried = (starts == 0) & (not anew[0])
        for scope in sorted(scopes):
            numbers, names = self._stay_names(table, scope)
            for k, name in enumerate(names):
                here = counting & (numbers == k)
                earlier = np.cumsum(here) - here
                before = np.where(carried, self.stays.get(name, 0), 0)
                where = numbers == k
                stays[scope][where] = np.minimum(100, earlier - earlier[starts] + before)[where]
        self._carry_stays(table, anew, counting)
        return stays

    def _stay_names(self, table: pa.Table, scope: int) -> tuple[NDArray[Any], list[str]]:
        """Under which name the stay of each row counts in a scope: (number of each row, the names)."""
        column = SCOPE_FACTS[scope]
        if not column or column not in table.column_names:
            return np.zeros(table.num_rows, np.int32), [stay_keys({})[scope]]
        codes, texts = coded(table, column)
        named = [stay_keys({column: value_of(column, text, self.scheme)})[scope] for text in texts]
        names = list(dict.fromkeys(named))
        return np.array([names.index(name) for name in named], dtype=np.int32)[codes], names

    def _carry_stays(self, table: pa.Table, anew: NDArray[np.bool_], counting: NDArray[np.bool_]) -> None:
        """Remember the stays of the person with whom the chunk ends, for the next chunk."""
        begun = np.flatnonzero(anew)
        counts = {} if len(begun) else dict(self.stays)
        columns = [c for c in SCOPE_FACTS if c and c in table.column_names]
        for row in range(int(begun[-1]) if len(begun) else 0, table.num_rows):
            if counting[row]:
                facts = {c: value_of(c, table[c][row].as_py(), self.scheme) for c in columns}
                for name in stay_keys(facts):
                    counts[name] = counts.get(name, 0) + 1
        self.stays = counts

    # --- running ------------------------------------------------------------------------------------------------------

    def plan(self, sums_only: bool) -> Structure:
        self.cases.arrays()
        sizes = (sums_only, *(len(registry.cases) for registry in self.registries))
        if self.structure is None or sizes != self.structure_of_sizes:
            self.structure, self.structure_of_sizes = self._plan(sums_only), sizes
        return self.structure

    def _plan(self, sums_only: bool) -> Structure:
        plans: list[LayerPlan | None] = []
        tables, normals, wholes, tilted, penalised = [], [], [], [], []
        layers = len(self.scheme.layers)
        for layer, registry in zip(self.scheme.layers, self.registries, strict=True):
            cases = registry.cases
            twins = [c.normal or c.figures for c in cases], [c.unpenalised or c.figures for c in cases]
            rows = [c.figures for c in cases]
            tilt = np.array(
                [0 if c.normal is c.figures else 2 if c.normal is None else 1 for c in cases] or [0], np.int8
            )
            penalty = np.array(
                [0 if c.unpenalised is c.figures else 2 if c.unpenalised is None else 1 for c in cases] or [0], np.int8
            )
            tilted.append(tilt)
            penalised.append(penalty)
            if not cases:
                plans.append(None)
                tables.append(np.zeros((1, 1), np.int64))
                normals.append(tables[-1])
                wholes.append(tables[-1])
                continue
            runtime = tuple((r.fact, r.cuts) for r in self.resolver.runtime[layer.name])
            plan, flat = plan_layer(
                [*rows, *twins[0], *twins[1]], self.resolver.order[layer.name], len(self.resolver.payers[layer.name]), layers,
                runtime, bool(tilt.any()), bool(penalty.any()),
            )  # fmt: skip
            plans.append(plan)
            array = np.array([[row[p] for p in plan.columns] for row in flat], dtype=np.int64).reshape(
                len(flat), len(plan.columns)
            )
            if array.shape[1] == 0:
                array = np.zeros((len(flat), 1), np.int64)
            k = len(rows)
            tables.append(np.ascontiguousarray(array[:k]))
            normals.append(np.ascontiguousarray(array[k : 2 * k]))
            wholes.append(np.ascontiguousarray(array[2 * k :]))
        names = self.resolver.slots.names
        self.arrays = (tuple(tables), tuple(normals), tuple(wholes), tuple(tilted), tuple(penalised))
        return Structure(
            tuple(plans), len(names), self.resolver.slots.known("全自费.month"),
            tuple(k for k, name in enumerate(names) if name.endswith(".chain")), bool(self.scheme.limits),
            self.scheme.conventions.identity_choice == "best", sums_only, self.over,
        )  # fmt: skip

    def run(self, structure: Structure, prepared: dict[str, Any], out: Ints, patient: Ints, sums: Ints) -> None:
        """Call the loop, in parts cut between persons when there are several threads."""
        loop = compiled(structure)
        rows, ratio, of, alternatives, first, count = self.cases.arrays()
        cuts = self._cuts(prepared["opens"])
        years = [self.year, *(np.zeros_like(self.year) for _ in cuts[2:])]
        totals = [sums, *(np.zeros_like(sums) for _ in cuts[2:])]
        group = np.zeros(len(prepared["combo"]), dtype=np.int8)

        def run(k: int) -> int:
            return loop(
                cuts[k], cuts[k + 1], prepared["combo"], first, count, alternatives, prepared["opens"], prepared["pots"],
                prepared["month"], prepared["days"], prepared["linked"], prepared["stays"], prepared["charges"],
                rows, ratio, of, *self.arrays, years[k], np.zeros_like(self.year), group, out, patient, totals[k],
            )  # fmt: skip

        parts = range(len(cuts) - 1)
        if len(parts) == 1:
            broken = [run(0)]
        else:
            with ThreadPoolExecutor(len(parts)) as pool:
                broken = list(pool.map(run, parts))
        if max(broken) >= 0:
            raise EngineFault(what=f"row {self.rows + max(broken)}: payments + patient ≠ bill")
        self.year = years[-1]
        for more in totals[1:]:
            sums += more

    def _cuts(self, opens: NDArray[np.int8]) -> list[int]:
        n = len(opens)
        cuts = [0]
        for k in range(1, self.threads):
            at = k * n // self.threads
            later = np.flatnonzero(opens[at : at + 100_000] == 1)
            if n >= 50_000 and len(later) and at + int(later[0]) > cuts[-1]:
                cuts.append(at + int(later[0]))
        return [*cuts, n]

    # --- the check against the engine ---------------------------------------------------------------------------------

    def _check_sample(
        self, table: pa.Table, prepared: dict[str, Any], outputs: Sequence[tuple[int, str]], out: Ints, patient: Ints
    ) -> None:
        """Settle a few persons again, bill by bill, and compare. Raises EngineFault at the first difference."""
        starts = np.append(np.flatnonzero(prepared["opens"] == 1), table.num_rows)
        if len(starts) < 2:
            return
        for _ in range(self.sample):
            k = self.random.randrange(len(starts) - 1)
            begin, end = int(starts[k]), min(int(starts[k + 1]), int(starts[k]) + 50)
            settled = settle_rows(table.slice(begin, end - begin), self.scheme)
            for offset, (amounts, left) in enumerate(settled):
                row = begin + offset
                for n, (layer, what) in enumerate(outputs):
                    if int(out[n, row]) != amounts.get((layer, what), 0):
                        name = self.scheme.layers[layer].name
                        raise EngineFault(
                            what=f"row {self.rows + row}, {name} {what}: {out[n, row]} ≠ {amounts.get((layer, what), 0)}"
                        )
                if tuple(int(x) for x in patient[:, row]) != left:
                    raise EngineFault(what=f"row {self.rows + row}: patient {patient[:, row]} ≠ {left}")


def _says(table: pa.Table, column: str, code: str) -> NDArray[np.bool_]:
    """Rows whose cell is this value, in code or in legal term."""
    if column not in table.column_names:
        return np.zeros(table.num_rows, dtype=bool)
    codes, texts = coded(table, column)
    values = [FACTS[column].value(text) if text is not None else None for text in texts]
    return cast(NDArray[np.bool_], np.array([v is not None and v.code == code for v in values])[codes])


def column_names(scheme: Scheme, outputs: Iterable[tuple[int, str]]) -> list[str]:
    """Names of result columns: 基本医保, 基本医保·倾斜, 基本医保·起付, 自费分担·定点医疗机构 …"""
    words = {"pay": "", "tilt": "·倾斜", "penalty": "·降比", "deductible": "·起付", "held": "·待审"}
    names = []
    for layer, what in outputs:
        name = scheme.layers[layer].name
        if what.startswith("payer."):
            names.append(f"{name}·{resolver_of(scheme).payers[name][int(what[6:])]}")
        else:
            names.append(name + words[what])
    return names


def result_columns(schemes: Iterable[Scheme]) -> list[str]:
    """Every amount column that bills of these areas can have, in a fixed order."""
    names: dict[str, None] = {}
    for scheme in schemes:
        resolver = resolver_of(scheme)
        whats = ["pay", "tilt", "penalty", "deductible", "held"]
        for j, layer in enumerate(scheme.layers):
            payers = (
                [f"payer.{k}" for k in range(len(resolver.payers[layer.name]))]
                if len(resolver.payers[layer.name]) > 1
                else []
            )
            natures = {rule.nature for rule in resolver.rules[layer.name]}
            wanted = [w for w in whats if w == "pay" or (w == "tilt" and "tilt" in natures) or (w == "penalty" and "penalty" in natures)
                      or (w == "deductible" and layer.kind == "基本医保")
                      or (w == "held" and any("待审" in rule.sets for rule in resolver.rules[layer.name]))]  # fmt: skip
            names |= dict.fromkeys(column_names(scheme, [(j, w) for w in (*wanted, *payers)]))
    return list(names)


class TableSettler:
    """Settles chunks of a table with bills of several areas; one Settler for each area."""

    def __init__(self, policies: Path | None = None, threads: int = 1, sample: int = 5) -> None:
        self.policies, self.threads, self.sample = policies, threads, sample
        self.settlers: dict[str, Settler] = {}

    def settler(self, area: str) -> Settler:
        """The settler of an area, by code or name. Raises Problems for an unknown area."""
        scheme = load_scheme(area, self.policies)
        if scheme.area not in self.settlers:
            self.settlers[scheme.area] = Settler(scheme, self.threads, self.sample)
        return self.settlers[scheme.area]

    def settle(self, table: pa.Table, columns: Sequence[str]) -> pa.Table:
        """Settle a chunk; the result has the key columns, `columns`, and what is left to the patient, all in fen."""
        codes, areas = coded(table, "area")
        n = table.num_rows
        amounts = {name: np.zeros(n, dtype=np.int64) for name in columns}
        left = np.zeros((4, n), dtype=np.int64)
        settlers = [self.settler(area) for area in areas]
        for settler in dict.fromkeys(settlers):
            rows = np.flatnonzero(np.array([s is settler for s in settlers])[codes])
            if not len(rows):
                continue
            whole = len(rows) == n
            chunk = settler.settle(table if whole else table.take(pa.array(rows)))
            for name, values in zip(column_names(settler.scheme, chunk.outputs), chunk.out, strict=True):
                if whole:
                    amounts[name] = values
                else:
                    amounts[name][rows] = values
            if whole:
                left = chunk.patient
            else:
                left[:, rows] = chunk.patient
        keys = {name: table[name] for name in KEYS if name in table.column_names}
        patient = [left.sum(axis=0), *left]
        return pa.table({**keys, **amounts, **dict(zip(PATIENT, patient, strict=True))})


def areas_of(table: pa.Table) -> list[str]:
    """The areas that occur in a table."""
    return [a for a in pc.unique(table["area"]).to_pylist() if a is not None]


def settle_table(table: pa.Table, policies: Path | None = None, threads: int = 1) -> pa.Table:
    """Settle an Arrow table of bills, sorted by person, date and sequence within each area.

    Columns are those of `COLUMNS`; amounts are whole fen, in and out. The result has the key columns, one column for each
    layer (and its tilt, penalty, deductible, held part and payers where it has them), and what is left to the patient.

    Raises Problems: columns or values that are not known, rows that are not sorted or cannot be settled.
    """
    check_columns(table.schema)
    settler = TableSettler(policies, threads)
    schemes = [load_scheme(area, policies) for area in areas_of(table)]
    return settler.settle(table, result_columns(schemes))


__all__ = ["COLUMNS", "MOST_FEN", "NO_LIMIT", "Settler", "TableSettler", "check_columns", "settle_rows", "settle_table"]
