"""Kinds of work. An app declares its own beside its actions, in a module `work.py`.

    @work("roster.compare", right=Right.ROSTER_UPLOAD)
    class Compare(Work):
        def total(self, run): ...            how many steps, known when the work begins
        def step(self, run, position): ...   one step
        def finish(self, run): ...           after the last step

Each call is one transaction with what the run remembers of it; each may be killed anywhere and is then done again from
its beginning. What it leaves in `run.result`, `run.file` and `run.file_name` is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

from django.apps import apps
from django.utils.module_loading import module_has_submodule

from yizhan.agency.jobs.models import Run
from yizhan.agency.staff.rights import Right


class Work:
    """One kind of long work."""

    right: Right
    """Without it the starter cannot go on; asked again at every step."""

    def total(self, run: Run) -> int:
        """How many steps it takes. May prepare them."""
        raise NotImplementedError

    def step(self, run: Run, position: int) -> None:
        """Do one step, counted from 0."""
        raise NotImplementedError

    def finish(self, run: Run) -> None:
        """After the last step."""

    def given_up(self, run: Run) -> None:
        """After the run failed or was cancelled: leave what it worked on in a state that officers understand."""


_KINDS: dict[str, Work] = {}
_Kind = TypeVar("_Kind", bound=type[Work])


def work(kind: str, *, right: Right) -> Callable[[_Kind], _Kind]:
    """Declare a kind of work."""

    def declare(cls: _Kind) -> _Kind:
        cls.right = right
        _KINDS[kind] = cls()
        return cls

    return declare


def work_of(kind: str) -> Work:
    """The work of this kind. Raises KeyError: no app declares it."""
    if kind not in _KINDS:
        for app in apps.get_app_configs():
            if app.module and module_has_submodule(app.module, "work"):
                import_module(f"{app.name}.work")
    return _KINDS[kind]
