"""What people do when rules change: off unless asked for, and then with its parameters shown.

    response = respond(population, [PRESENT, reform], Behaviour(elasticity=-0.2, nearer=0.05), years)
    outcome = run(population, response, years)

Use of hospitals follows what it costs the patient: where the own share of a group's stays changes from s to t, its stays
change by the factor (t ÷ s) ^ elasticity. The own shares come from a first run without behaviour, over a sample; the
response is not repeated on the shares that it leads to. Neither parameter is known for the places whose rules ship here: the
RAND experiment found about −0.2 for medical care in all (Manning et al., 1987), which says little of the poor of a county. So
there is no default, and a result with behaviour says which it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from yizhan.simulation.population import BUCKET, Growth, Part, Population
from yizhan.simulation.run import CHUNK, Scenario, run


@dataclass(frozen=True)
class Behaviour:
    """How people respond: elasticity of stays with regard to the own share (usually below 0), and the share of stays above
    the county that a reform brings one place of care nearer."""

    elasticity: float = 0.0
    nearer: float = 0.0


def respond(
    population: Population, scenarios: Sequence[Scenario], behaviour: Behaviour, years: Sequence[int] = (),
    growth: Sequence[Growth] = (),
) -> tuple[Scenario, ...]:  # fmt: skip
    """The scenarios, all but the first with the growth that their people's behaviour brings.

    Raises Problems: as `run`.
    """
    years = tuple(years) or (population.parts[0].profile.year,)
    growth = tuple(growth) or tuple(Growth() for _ in years)
    sample = Population(
        tuple(Part(p.profile, min(p.persons, CHUNK * BUCKET)) for p in population.parts), population.seed
    )
    found = run(sample, scenarios, years[:1], growth=growth[:1])
    shares = []
    for number in range(len(scenarios)):
        owed, total = (found.bills(number, m, "identity", care="inpatient") for m in ("patient", "total"))
        shares.append([o / t if t else 0.0 for o, t in zip(owed, total, strict=True)])
    answers = [scenarios[0]]
    for scenario, own in zip(scenarios[1:], shares[1:], strict=True):
        factors = tuple(
            (code, (now / before) ** behaviour.elasticity if now and before else 1.0)
            for code, before, now in zip(found.axes.identities, shares[0], own, strict=True)
        )
        changed = tuple(replace(g, stays_of=factors, nearer=behaviour.nearer) for g in growth)
        answers.append(replace(scenario, growth=changed))
    return tuple(answers)
