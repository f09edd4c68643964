"""A person's year so far: the sums of each policy year after the last bill that holds. Pure.

The state is that of the last bill in the order of (day of settling, act of settling). Where a policy changed the meaning of
its sums since then, they are computed anew from the bills themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from yizhan.engine.claim import YearState
from yizhan.engine.scheme import Scheme
from yizhan.engine.settlement import Settlement as Outcome
from yizhan.engine.settlement import settle, structure_of
from yizhan.exchange import Request, read_request, read_state, settlement_as_json, state_as_json

States = dict[int, YearState]


@dataclass(frozen=True, slots=True)
class Asked:
    """A bill as it is put to the engine: area, beneficiary and claim in the words of docs/settle.md."""

    area: str
    beneficiary: Mapping[str, Any]
    claim: Mapping[str, Any]

    def read(self) -> Request:
        """The same, read. Raises Problems with everything that is wrong."""
        asked = {"area": self.area, "beneficiary": self.beneficiary, "claims": [self.claim]}
        return read_request(json.dumps(asked, ensure_ascii=False, default=str))


@dataclass(frozen=True, slots=True)
class Answered:
    """What the engine made of a bill: the outcome, and the texts that are kept of it."""

    request: Request
    outcome: Outcome

    @property
    def result(self) -> dict[str, Any]:
        """The settlement as docs/settle.md describes it."""
        claim, scheme = self.request.claims[0], self.request.scheme
        return settlement_as_json(self.outcome, claim, self.request.beneficiary, scheme, whole=True)

    @property
    def states(self) -> dict[str, Any]:
        """Each policy year of the bill after it, by year."""
        person = self.request.beneficiary.person
        return {str(state.year): state_as_json(state, person) for state in self.outcome.states}


def answer(asked: Asked, states: Mapping[int, YearState]) -> Answered:
    """Settle one bill on the years so far. Raises Problems."""
    request = asked.read()
    return Answered(request, settle(request.claims[0], request.beneficiary, states, request.scheme))


def go_on(states: States, outcome: Outcome) -> None:
    """Let the years so far include a bill."""
    states.update({state.year: state for state in outcome.states})


def read_states(stored: Iterable[Mapping[str, Any]], scheme: Scheme) -> States | None:
    """The years that the last bills left, as they are kept. None: kept under other sums, to be computed anew.

    Bills of another pooling area do not count here.
    """
    found: States = {}
    for state in stored:
        if not state["structure"].startswith(f"{scheme.area}-"):
            continue
        if state["structure"] != structure_of(scheme):
            return None
        found[state["year"]] = read_state(state, scheme, "")
    return found


def computed_states(bills: Iterable[Asked]) -> States:
    """The years so far from the bills that hold, in their order. Raises Problems."""
    states: States = {}
    for bill in bills:
        go_on(states, answer(bill, states).outcome)
    return states
