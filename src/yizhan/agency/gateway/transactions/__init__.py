"""What is served, one module for each subject. Importing a module registers its transactions."""

from __future__ import annotations


def load() -> None:
    """Load them all."""
    from yizhan.agency.gateway.transactions import (  # noqa: F401  # for what they register
        catalogues,
        checks,
        clearing,
        entitlement,
        fees,
        files,
        filings,
        outpatient,
        persons,
        pharmacy,
        reconciliation,
        records,
        reversal,
        settlements,
        sign_in,
        stays,
    )
