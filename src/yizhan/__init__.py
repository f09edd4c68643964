"""yizhan（一站）: one-stop settlement of Chinese resident medical insurance and medical assistance.

    >>> from yizhan import load_scheme, settle
    >>> scheme = load_scheme("150400")
    >>> scheme.name
    '赤峰'

`settle` settles one claim and says why; `settle_table` settles an Arrow table of bills (it needs the extra `batch`),
`settle_spark` a Spark DataFrame of them (it needs `batch` and `spark`);
`load_scheme` reads the policies of an area. docs/python.md shows all three at work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yizhan.engine.claim import Beneficiary, Claim, Costs, Given, IdentityMark, YearState
from yizhan.engine.settlement import Settlement, settle
from yizhan.policy.areas import Library, load_scheme

if TYPE_CHECKING:
    from yizhan.batch.cluster import settle_spark
    from yizhan.batch.table import settle_table

__version__ = "0.1.0"

__all__ = [
    "Beneficiary", "Claim", "Costs", "Given", "IdentityMark", "Library", "Settlement", "YearState", "__version__",
    "load_scheme", "settle", "settle_spark", "settle_table",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load what settles tables when it is first asked for: it brings in NumPy, Arrow and a compiler."""
    if name == "settle_table":
        from yizhan.batch.table import settle_table

        return settle_table
    if name == "settle_spark":
        from yizhan.batch.cluster import settle_spark

        return settle_spark
    raise AttributeError(name)
