"""Many clerks and one person: never above a ceiling, never twice, never in each other's way for long."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.agency.caring import DAY, patient, settled, stay
from tests.agency.conftest import Database
from tests.agency.faults import at_once, patiently, whole, year_problems
from tests.agency.served import ROOT
from tests.agency.test_care import corrected
from tests.agency.world import World, make_world
from yizhan.agency.care import actions, queries, rewriting, settling
from yizhan.agency.care.errors import Busy
from yizhan.agency.care.models import Settlement, Visit
from yizhan.agency.care.settling import LIMITS, settle, writing
from yizhan.agency.people.merging import decide_merge, propose_merge
from yizhan.agency.staff.scope import System, acting
from yizhan.errors import InputProblem, Problems

CLERKS = 32
ALL = System("tests")


@pytest.fixture
def crowd(own_database: Database) -> Iterator[World]:
    """A world that commits; whatever the test did, its settlements are whole afterwards."""
    yield make_world()
    assert not whole()


def settling_of(world: World, visit: Visit, **more: Any) -> Any:
    """A clerk who settles a visit, again if told to."""
    return partial(patiently, partial(settled, world.yuhu, visit, **more))


def codes(outcomes: list[Any]) -> Counter[str]:
    """What came of acts: "ok", or the code of the first refusal. Anything else that was raised fails the test."""
    found: Counter[str] = Counter()
    for outcome in outcomes:
        if isinstance(outcome, Problems):
            found[outcome.problems[0].code] += 1
        elif isinstance(outcome, InputProblem):
            found[outcome.code] += 1
        else:
            assert not isinstance(outcome, BaseException), repr(outcome)
            found["ok"] += 1
    return found


def test_different_bills_of_one_person_never_pass_a_ceiling(crowd: World) -> None:
    person = patient(crowd)
    visits = [stay(crowd.yuhu, person, days_ago=k, length=1, yuan=60_000) for k in range(CLERKS)]
    outcomes = at_once([settling_of(crowd, visit, message_id=f"m-{visit.pk}") for visit in visits])
    assert codes(outcomes) == {"ok": CLERKS}
    with acting(ALL):
        rows = list(Settlement.objects.order_by("ordinal"))
        assert not year_problems([person.pk])
    assert len({row.visit_id for row in rows}) == CLERKS
    reached = [s for s in rows[-1].result["bill"]["sums"] if s["ceiling"] is not None and s["after"] == s["ceiling"]]
    assert reached, "bills of 1.92 million come up to a ceiling"


def test_one_visit_is_settled_once_whoever_asks(crowd: World) -> None:
    visit = stay(crowd.yuhu, patient(crowd))
    outcomes = at_once([settling_of(crowd, visit, message_id=f"m-{k}") for k in range(CLERKS)])
    assert codes(outcomes) == {"ok": 1, "already_settled": CLERKS - 1}


def test_one_message_gets_one_answer(crowd: World) -> None:
    visit = stay(crowd.yuhu, patient(crowd))
    outcomes = at_once([settling_of(crowd, visit, message_id="m") for _ in range(CLERKS)])
    assert codes(outcomes) == {"ok": CLERKS}
    assert len({(row.pk, row.patient_fen, row.paid_fen) for row in outcomes}) == 1
    with acting(ALL):
        assert Settlement.objects.count() == 1


def test_checking_out_at_once_takes_the_money_once(crowd: World) -> None:
    yuhu, today = crowd.yuhu, timezone.localdate()
    visit = stay(yuhu, patient(crowd))
    out = partial(
        actions.check_out, visit.pk, on=today, message_id="m", expected_fen=None, method="cash", acting_user=yuhu.window
    )
    outcomes = at_once([partial(patiently, out) for _ in range(12)])
    assert codes(outcomes) == {"ok": 12}
    with acting(ALL):
        assert sum(p.fen for p in visit.patient_payments.all()) == outcomes[0].due_fen


def test_reversing_settling_and_refunding_at_once_leave_one_history(crowd: World) -> None:
    yuhu, person, today = crowd.yuhu, patient(crowd), timezone.localdate()
    visits = [stay(yuhu, person, days_ago=4 * k, length=2, yuan=60_000, lines=6) for k in range(5)]
    clerk, officer = yuhu.window, yuhu.reviewer

    def acts(seed: int) -> Any:
        draw = random.Random(seed)

        def one() -> None:
            visit = draw.choice(visits)
            match draw.randrange(6):
                case 0 | 1:
                    settle(visit.pk, on=today, message_id=f"{seed}-{draw.random()}", acting_user=clerk)
                case 2:
                    rewriting.reverse(visit.pk, on=today, why="录错", acting_user=clerk)
                case 3:
                    back = {draw.randrange(1, 7): 5_000}
                    actions.refund_lines(visit.pk, back, on=today, why="未使用", acting_user=clerk)
                case 4:
                    with acting(ALL):
                        rows = list(Settlement.objects.live().filter(person=person).values_list("pk", flat=True))
                    rewriting.settle_anew(person, rows, why="重新结算", acting_user=officer)
                case 5:
                    actions.take_money(visit.pk, kind="payment", fen=100, method="cash", on=today, acting_user=clerk)

        def run() -> Counter[str]:
            found: list[Any] = []
            for _ in range(8):
                try:
                    one()
                    found.append(None)
                except (Problems, InputProblem) as refused:
                    found.append(refused)
            return codes(found)

        return run

    outcomes = at_once([acts(seed) for seed in range(10)])
    done: Counter[str] = Counter()
    for outcome in outcomes:
        assert isinstance(outcome, Counter), repr(outcome)
        done += outcome
    assert done["ok"] > 10, done


def test_settling_while_records_are_merged_misses_neither_ones_bills(crowd: World) -> None:
    yuhu = crowd.yuhu
    kept, dropped = patient(crowd), patient(crowd, 2, "试样乙")
    merge = propose_merge(kept, dropped=dropped, why="同一人重复登记", acting_user=yuhu.officer)
    bills = [
        stay(yuhu, (kept, dropped)[k % 2], days_ago=3 * k, length=2, yuan=90_000) for k in range(12)
    ]  # fmt: skip
    acts = [settling_of(crowd, visit) for visit in bills[:8]]
    acts.insert(4, partial(decide_merge, merge, accept=True, acting_user=yuhu.reviewer))
    assert codes(at_once(acts)) == {"ok": 9}
    # What follows is settled on the sums of both, one after the other, whichever record it was registered under.
    assert codes(at_once([settling_of(crowd, visit) for visit in bills[8:]])) == {"ok": 4}
    with acting(ALL):
        rows = list(Settlement.objects.live().order_by("settled_on", "ordinal"))
        assert len(rows) == 12
        assert not year_problems([kept.pk, dropped.pk])


def test_a_roster_that_was_being_applied_while_a_bill_was_settled_is_found_to_touch_it(crowd: World) -> None:
    """Its rows carry an instant before the settlement, which could not see them."""
    person, begun, end = patient(crowd), threading.Event(), threading.Event()
    visit = stay(crowd.yuhu, person)

    def apply() -> None:
        with acting(ALL):
            today = timezone.localdate()
            corrected(crowd, person, "subsistence", today - 60 * DAY, today + 60 * DAY)
            begun.set()
            end.wait(30)
        connection.close()

    thread = threading.Thread(target=apply)
    thread.start()
    begun.wait(30)
    row = settled(crowd.yuhu, visit)
    end.set()
    thread.join()
    with acting(ALL):
        assert row.identities == [] and [found.pk for found in queries.touched()] == [row.pk]
    (anew,) = rewriting.settle_anew(person, [row.pk], why="身份补报", acting_user=crowd.yuhu.reviewer)
    with acting(ALL):
        assert anew.identities == ["subsistence"] and not queries.touched()


# --- A clerk who stops in the middle ----------------------------------------------------------------------------------

_STOPS = """
import os, signal, sys
import django
django.setup()
from django.db import connection
from django.utils import timezone
from yizhan.agency.care.settling import settle
from yizhan.agency.staff.models import Officer

def stop(execute, sql, *rest):
    done = execute(sql, *rest)
    if sql.startswith('insert into "care_settlement"'):
        os.kill(os.getpid(), signal.SIGSTOP)
    return done

with connection.execute_wrapper(stop):
    settle(int(sys.argv[1]), on=timezone.localdate(), acting_user=Officer.objects.get(pk=int(sys.argv[2])))
print("settled")
"""


def test_a_clerk_who_stops_in_the_middle_holds_nobody_up_and_cannot_go_on(crowd: World) -> None:
    yuhu, person = crowd.yuhu, patient(crowd)
    stopped, other = stay(yuhu, person, days_ago=20), stay(yuhu, person)
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _STOPS, str(stopped.pk), str(yuhu.window.pk)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "DJANGO_SETTINGS_MODULE": "yizhan.agency.settings"},
    )  # fmt: skip
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), process.communicate()
        row = settled(yuhu, other)
        process.send_signal(signal.SIGCONT)
        said, fault = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode != 0 and "settled" not in said
    assert "idle-in-transaction timeout" in fault or "terminating connection" in fault, fault[-2000:]
    assert "care.errors.Busy" in fault, "he is told to ask again, and not of a fault"
    with acting(ALL):
        assert [found.pk for found in Settlement.objects.all()] == [row.pk]
    # He asks again, and is answered.
    assert settled(yuhu, stopped).total_fen == 2_000_000


def test_the_database_itself_ends_who_sleeps_on_a_persons_lock(crowd: World) -> None:
    """Also after the settlement, while the transaction that it is a part of is still open."""

    def told() -> dict[str, str]:
        with connection.cursor() as cursor:
            cursor.execute(
                "select name, setting || coalesce(unit, '') from pg_settings where name = any(%s)", [list(LIMITS)]
            )
            return dict(cursor.fetchall())

    expected = {
        "lock_timeout": "3000ms",
        "idle_in_transaction_session_timeout": "2000ms",
        "plan_cache_mode": "force_generic_plan",
    }
    assert settling.WAIT_SECONDS > settling.IDLE_SECONDS, "who waits gets through when the sleeper is ended"
    person = patient(crowd)
    with acting(crowd.yuhu.window):
        with writing(crowd.yuhu.window, "%s::bigint", person.pk):
            assert told() == expected
        assert told() == expected
    assert told()["lock_timeout"] == "0ms"


def test_whoever_waits_too_long_is_told_so(crowd: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the person's lock, and for the visit that somebody is changing."""
    monkeypatch.setitem(LIMITS, "lock_timeout", "200ms")  # so that the test need not wait for seconds
    visit = stay(crowd.yuhu, patient(crowd))
    for held in ("select pg_advisory_xact_lock(%s)", "select 1 from care_visit where id = %s for update"):
        number = settling.PERSON_LOCK + visit.person_id if "advisory" in held else visit.pk
        holding, release = threading.Event(), threading.Event()

        def hold(
            statement: str = held, key: int = number, begun: threading.Event = holding, end: threading.Event = release
        ) -> None:
            with acting(ALL), connection.cursor() as cursor:
                cursor.execute(statement, [key])
                begun.set()
                end.wait(30)
            connection.close()

        thread = threading.Thread(target=hold)
        thread.start()
        holding.wait(30)
        with pytest.raises(Busy):
            settled(crowd.yuhu, visit)
        release.set()
        thread.join()
    assert settled(crowd.yuhu, visit).total_fen == 2_000_000
