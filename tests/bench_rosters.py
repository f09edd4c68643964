"""How long a large roster takes, and how much memory. A script, not a test:

python tests/bench_rosters.py [rows=100000] [known=200000]

Makes a private server in a temporary folder, `known` persons half of whom are marked, and a workbook of `rows` rows, one in
ten of them with other dates. Prints seconds of each step, the peak memory of this process and of the reading child.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yizhan.agency.embedded import Server

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]


def main(rows: int, known: int) -> None:
    """Measure and print."""
    from yizhan.agency.embedded import Server

    with tempfile.TemporaryDirectory(prefix="yizhan-bench-") as folder:
        Path(folder).chmod(0o755)  # the server's account enters it where root starts this
        with Server(Path(folder) / "pg") as server:
            run(server, rows, known)


def run(server: Server, rows: int, known: int) -> None:
    """Migrate as the owner, measure as the runtime role."""
    from yizhan.agency.embedded import APP, DATABASE, OWNER

    os.environ |= {
        "YIZHAN_DEMO": "1",
        "DJANGO_SETTINGS_MODULE": "yizhan.agency.settings",
        "DATABASE_URL": server.url(OWNER, DATABASE),
    }
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    from yizhan.agency.database_url import connection_settings

    django.setup()
    call_command("migrate", verbosity=0)
    connections.close_all()
    settings.DATABASES["default"] |= connection_settings(server.url(APP, DATABASE))
    connections.settings["default"].update(settings.DATABASES["default"])
    try:
        measure(rows, known)
    finally:
        connections.close_all()


def measure(rows: int, known: int) -> None:
    """The steps, one after the other."""
    from tests.agency.listing import fresh, line, mark, name_of, register, send, states, xlsx
    from tests.agency.world import make_world
    from yizhan.agency.jobs.models import Run
    from yizhan.agency.jobs.worker import advance, work_off
    from yizhan.agency.rosters import actions
    from yizhan.agency.staff.scope import System, acting

    world = make_world()
    place, officer = world.yuhu, world.yuhu.officer
    began = time.perf_counter()
    people: list[int] = []
    for first in range(0, known, 50_000):
        people += register(
            officer, place.area, [name_of(k) for k in range(first, min(known, first + 50_000))], first=first
        )
    mark(officer, *people[: known // 2])
    print(f"{'known persons and marks':32}{time.perf_counter() - began:8.1f} s   ({known} persons, {known // 2} marks)")
    shift = known // 40
    lines = [line(k, name_of(k), "2025-06-01" if k % 10 == 0 else "") for k in range(shift, shift + rows)]
    began = time.perf_counter()
    size = len(xlsx(lines))
    print(f"{'the workbook':32}{time.perf_counter() - began:8.1f} s   ({size / 1e6:.1f} MB, {rows} rows)")
    began = whole = time.perf_counter()
    roster = send(place.liaison_civil, place.area, lines, work=False)
    print(f"{'upload (writing it included)':32}{time.perf_counter() - began:8.1f} s")
    with acting(System("bench")):
        number = Run.objects.get(kind="roster.compare").pk
    going, step = True, 0
    while going:
        began = time.perf_counter()
        going = advance(number)
        print(f"{'compare, step ' + str(step):32}{time.perf_counter() - began:8.1f} s")
        step += 1
    print(
        f"{'DIFFERENCE READY, in all':32}{time.perf_counter() - whole:8.1f} s   {states(roster)} {fresh(roster).state}"
    )
    print(
        f"{'peak memory':32}{_peak(resource.RUSAGE_SELF):8.0f} MB worker, {_peak(resource.RUSAGE_CHILDREN):.0f} MB reading child"
    )
    actions.send_to_review(roster, acting_user=officer)
    actions.approve(roster, acting_user=place.reviewer)
    began = time.perf_counter()
    work_off()
    with acting(System("bench")):
        result = Run.objects.get(kind="roster.apply").result
    print(f"{'applied':32}{time.perf_counter() - began:8.1f} s   {fresh(roster).state} {result}")
    began = time.perf_counter()
    actions.withdraw(roster, why="bench", acting_user=place.reviewer)
    work_off()
    print(f"{'withdrawn':32}{time.perf_counter() - began:8.1f} s   {fresh(roster).state}")
    print(f"{'peak memory at the end':32}{_peak(resource.RUSAGE_SELF):8.0f} MB")


def _peak(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1024


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    main(*(given + [100_000, 200_000][len(given) :]))
