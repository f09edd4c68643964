"""A desk as users meet it: granian and a worker as processes of their own, over the demonstration's data. And Chromium.

For the tests in a real browser, and for `look.py`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PASSWORD = "paper-lantern-47"
"""Of the demonstration; written out, since its module needs Django's settings."""

PATIENCE = 240.0
"""Seconds until the desk answers; the demonstration's data are made first."""

_CODE = """
import sys
import django
from yizhan.agency import running
running.make_secrets()
django.setup()
from yizhan.agency.demonstration import make_demonstration
make_demonstration()
running.serve("127.0.0.1", int(sys.argv[1]), workers=1)
"""


def environment(url: str, secrets: Path) -> dict[str, str]:
    """What such processes are told: the database, and secrets of their own."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "TZ", "COVERAGE_PROCESS_START")
        if name in os.environ
    }
    return kept | {
        "PYTHONPATH": str(ROOT / "src"),
        "DJANGO_SETTINGS_MODULE": "yizhan.agency.settings",
        "DATABASE_URL": url,
        "YIZHAN_SECRET_FILE": str(secrets / "session"),
        "YIZHAN_KEY_FILE": str(secrets / "keys.json"),
    }


@contextmanager
def served(url: str, folder: Path) -> Iterator[str]:
    """The address of a desk over this database, which the runtime role opens by `url`. Ends all processes afterwards."""
    port = free_port()
    log = folder / "desk.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CODE, str(port)],
            env=environment(url, folder),
            stdin=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(f"{address}/sign-in", process)
            yield address
        except BaseException:
            print(log.read_text(encoding="utf-8")[-4000:], file=sys.stderr)
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(address: str, process: subprocess.Popen[bytes] | None = None, *, patience: float = PATIENCE) -> None:
    """Return when the address answers. Fails where the process ended, or patience did."""
    # No proxy of the environment may come between.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            raise AssertionError(f"the desk ended with status {process.returncode}")
        with suppress(OSError):
            opener.open(address, timeout=5).close()
            return
        time.sleep(0.1)
    raise AssertionError(f"{address} did not answer in {patience:.0f} s")


def free_port() -> int:
    """A port that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def chromium() -> str:
    """The browser of this machine: YIZHAN_CHROMIUM, else one on PATH. Installed from Debian's packages where that is allowed
    (as root, with CI=true or YIZHAN_INSTALL_CHROMIUM=1). "" where there is none.
    """
    given = os.environ.get("YIZHAN_CHROMIUM", "")
    if given:
        return given
    found = next(filter(None, map(shutil.which, NAMES)), "")
    allowed = os.environ.get("CI") == "true" or os.environ.get("YIZHAN_INSTALL_CHROMIUM") == "1"
    if found or not allowed or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found
    quiet = {"DEBIAN_FRONTEND": "noninteractive", **os.environ}
    for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", *command], env=quiet, check=False, stdout=subprocess.DEVNULL)
    return next(filter(None, map(shutil.which, NAMES)), "")
