"""Rows of a table settled one by one by `engine.settlement`: what the loop is checked against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from yizhan.batch.columns import (
    value_of,
)
from yizhan.engine.claim import Beneficiary, Claim, Costs, YearState
from yizhan.engine.classes import MISSING
from yizhan.engine.facts import CHARGES, FACTS, POTS, RUNTIME
from yizhan.engine.scheme import Citation, Scheme
from yizhan.engine.settlement import YEAR_DAYS, Part, open_year, resolver_of, settle_best


def settle_rows(table: pa.Table, scheme: Scheme) -> list[tuple[dict[tuple[int, str], int], tuple[int, ...]]]:
    """Settle one person's rows with `engine.settlement`: per row the amounts by (layer, what), and the patient's pots."""
    found = []
    for outcome in _settled(table, scheme):
        amounts: dict[tuple[int, str], int] = {}
        names = [layer.name for layer in scheme.layers]
        for payment in outcome.payments:
            j = names.index(payment.layer.name)
            amounts |= {
                (j, "pay"): payment.amount, (j, "tilt"): payment.tilt, (j, "penalty"): payment.penalty,
                (j, "deductible"): payment.deductible, (j, "held"): payment.amount if payment.held else 0,
                (j, "over"): payment.run.over if payment.run is not None else 0,
            }  # fmt: skip
            payers = resolver_of(scheme).payers[payment.layer.name]
            amounts |= {(j, f"payer.{payers.index(payer)}"): amount for payer, amount in payment.by_payer}
        found.append((amounts, tuple(outcome.left)))
    return found


def cited_rows(table: pa.Table, scheme: Scheme) -> list[list[Citation]]:
    """Settle one person's rows; per row the places of the documents from which its figures come, in the order of the layers."""
    return [
        list(dict.fromkeys(c for p in outcome.payments if p.case is not None for c in p.case.cites))
        for outcome in _settled(table, scheme)
    ]


def _settled(table: pa.Table, scheme: Scheme) -> Iterator[Any]:
    """What each of one person's rows comes to, one after another."""
    conventions = scheme.conventions
    state: YearState | None = None
    for row in table.to_pylist():
        on = row["discharged_on"]
        days = {
            "discharged_on": on, "admitted_on": row.get("admitted_on") or on, "settled_on": row.get("settled_on") or on,
        }  # fmt: skip
        costs = Costs(
            tuple(row.get(p) or 0 for p in POTS),  # type: ignore[arg-type]  # four pots
            tuple(row.get(c) or 0 for c in CHARGES),  # type: ignore[arg-type]  # four charges
        )
        claim = Claim("", days["admitted_on"], on, days["settled_on"], costs)
        counts_on = days[YEAR_DAYS.get(conventions.cross_year, "discharged_on")]
        year = conventions.year_of(counts_on)
        continues = value_of("year_end_part", row.get("year_end_part"), scheme) == "yes"
        policy_on = days[conventions.policy_date]
        identity_on = days[conventions.identity_date]
        part = Part(claim, costs, year, policy_on, identity_on, days["admitted_on"], on, counts_on, continues)
        facts = _row_facts(row, part, scheme)
        state = open_year(state, part, scheme)
        outcome = settle_best(part, facts, state, scheme)
        state = outcome.state
        yield outcome


def _row_facts(row: Mapping[str, Any], part: Part, scheme: Scheme) -> dict[str, object]:
    facts: dict[str, object] = {
        f.code: value_of(f.code, row.get(f.code), scheme)
        for f in FACTS.values()
        if f.kind != "number" and f.code not in ("identity", *RUNTIME) and f.code in row
    }
    facts.setdefault("diagnoses", MISSING)
    age = row.get("age")
    if row.get("born_on"):
        age = Beneficiary(born_on=row["born_on"]).age_on(part.identity_on)
    facts |= {
        "identity": value_of("identity", row.get("identities"), scheme) if "identities" in row else MISSING,
        "age": age,
        "days": row["days"] if "days" in row else max(1, (part.ends_on - part.begins_on).days),
        "total": part.costs.total,
        **dict(zip(POTS, part.costs.pots, strict=True)),
        **dict(zip(CHARGES, part.costs.charges, strict=True)),
    }
    facts.setdefault("year_end_part", "no")
    if scheme.conventions.identity_change != "due_less_paid":
        facts.setdefault("identity_changed", "no")
    return facts
