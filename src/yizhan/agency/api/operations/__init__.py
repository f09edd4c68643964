"""The operations, one module for what each is about."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "me", "people", "rosters", "enrolment", "filings", "settlements", "calculations", "policies", "funds", "providers", "jobs",
    "audit",
)  # fmt: skip
"""In the order in which the document shows them."""


def load() -> None:
    """Register every operation."""
    for name in MODULES:
        import_module(f"{__name__}.{name}")
