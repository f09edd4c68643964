"""What all tests share: how Hypothesis draws, and one test for each row of each 算例.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from yizhan.errors import Problems
from yizhan.policy.areas import Library
from yizhan.policy.examples import read_examples, run

# The same draws on every machine, and no stopwatch. `--hypothesis-profile=search` draws afresh.
settings.register_profile(
    "ci", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", parent=settings.get_profile("ci"), derandomize=False)
settings.load_profile("ci")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes an `outcome` runs once for each row of the worked examples below its module's LIBRARY."""
    if "outcome" in metafunc.fixturenames:
        metafunc.parametrize("outcome", list(_rows(metafunc.module.LIBRARY)))


def _rows(library: Library) -> Iterator[object]:
    for area in library.pooling_areas:
        try:
            scheme = library.scheme(area.code)
            for outcome in run(read_examples(area, library.root, scheme), scheme):
                yield pytest.param(outcome, id=f"{area.name}-{outcome.example.name}")
        except Problems as found:
            yield pytest.param(found, id=f"{area.name}-cannot-be-read")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep a group of tests (`xdist_group`) in one process.

    pytest-xdist 3.8 writes the group into an attribute that pytest 9.2 no longer reads, so groups were spread over all
    processes, and each made the demonstration that one was to make for all. May go when xdist writes where pytest reads.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        groups = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
        if groups and "@" not in item.nodeid and hasattr(item, "_id"):
            item._id = type(item._id).parse(f"{item.nodeid}@{'_'.join(groups)}")
