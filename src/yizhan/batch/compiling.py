"""Compile a loop, and keep it: a structure is compiled once per machine, under the hash of its source."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yizhan.engine.loop import Structure


def cache_folder() -> Path:
    """Where compiled loops are kept: YIZHAN_CACHE, or the user's cache folder, or else a private temporary one.

    What lies there is run, so a folder into which somebody else can write is not used.
    """
    named = os.environ.get("YIZHAN_CACHE") or os.environ.get("XDG_CACHE_HOME")
    folder = (Path(named) if named else Path.home() / ".cache") / "yizhan" / "kernels"
    try:
        for part in (folder, folder / "__pycache__"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        if all(_private(part) for part in (folder, folder / "__pycache__")) and os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="yizhan-kernels-"))


def _private(folder: Path) -> bool:
    """Whether the folder is the user's own and nobody else can write into it."""
    about = folder.stat()
    mine = not hasattr(os, "geteuid") or about.st_uid == os.geteuid()
    return mine and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


_LOADED: dict[str, Callable[..., int]] = {}
"""Loops by the hash of their source, and by what decides the source: writing it takes half a second."""


def compiled(structure: Structure) -> Callable[..., int]:
    """The loop of a structure, ready to be called.

    Its source is written to the cache folder and imported from there, because Numba keeps machine code beside a file. The
    source is compared before it is trusted, and written under another name first, so that two processes cannot meet.
    """
    told = repr(structure)
    if told in _LOADED:
        return _LOADED[told]
    source = structure.source
    digest = hashlib.sha256(source.encode()).hexdigest()[:20]
    found = _LOADED.get(digest)
    if found is None:
        path = cache_folder() / f"loop_{digest}.py"
        if not path.exists() or path.read_text(encoding="utf-8") != source:
            fresh = path.with_suffix(f".{os.getpid()}")
            fresh.write_text(source, encoding="utf-8")
            fresh.replace(path)
        spec = importlib.util.spec_from_file_location(f"yizhan_loop_{digest}", path)
        assert spec is not None and spec.loader is not None
        module: Any = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        found = _LOADED[digest] = module.loop
    _LOADED[told] = found
    return found
