"""The operations, one module for what each is about."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "yizhan.agency.api.operations.me",
    "yizhan.agency.api.operations.people",
    "yizhan.agency.api.operations.rosters",
    "yizhan.agency.api.operations.enrolment",
    "yizhan.agency.api.operations.filings",
    "yizhan.agency.api.operations.settlements",
    "yizhan.agency.api.operations.calculations",
    "yizhan.agency.api.operations.policies",
    "yizhan.agency.api.operations.funds",
    "yizhan.agency.api.operations.providers",
    "yizhan.agency.api.operations.jobs",
    "yizhan.agency.api.operations.audit",
)
"""In the order in which the document shows them."""


def load() -> None:
    """Register every operation."""
    for name in MODULES:
        import_module(name)
