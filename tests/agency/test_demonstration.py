"""The demonstration's data: the same for everybody, made once, and completed after a kill anywhere."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from tests.agency.conftest import Database
from tests.agency.gateway_calling import Hospital
from tests.agency.served import PASSWORD, environment
from yizhan.agency import demonstration
from yizhan.agency.demonstration import country, make_demonstration, population, sign_ins
from yizhan.agency.demonstration.country import AREAS, COUNTIES, STAGE
from yizhan.agency.enrolment.models import Charge, Cover, Difference, Double, Enrolment, SubsidyBatch
from yizhan.agency.gateway.his.commands import patients_of
from yizhan.agency.gateway.models import Caller
from yizhan.agency.laboratory.models import Study
from yizhan.agency.ledger.models import Movement
from yizhan.agency.ledger.verifying import verify
from yizhan.agency.people.identifiers import PROVINCES, read_identifier
from yizhan.agency.people.models import IdentityMark, Person
from yizhan.agency.providers.models import Agreement, AgreementEvent, Item, Mapping, Version
from yizhan.agency.rosters.models import GapItem, Roster, RosterRow
from yizhan.agency.staff.models import Audit, Institution, Officer
from yizhan.agency.staff.rights import Role
from yizhan.agency.staff.scope import acting

CODE = "import django; django.setup(); from yizhan.agency.demonstration import make_demonstration; print(make_demonstration())"


def child(database: Database, folder: Path) -> subprocess.Popen[bytes]:
    """A process that makes the demonstration."""
    env = environment(database.url, folder) | {"YIZHAN_DEMO": "1"}
    for name in ("YIZHAN_SECRET_FILE", "YIZHAN_KEY_FILE"):
        del env[name]
    return subprocess.Popen([sys.executable, "-P", "-c", CODE], env=env, stdout=subprocess.PIPE)


def test_killed_and_begun_twice_at_once_it_is_made_once(own_database: Database, tmp_path: Path) -> None:
    killed = child(own_database, tmp_path)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with acting(STAGE):
            if Audit.objects.filter(act="demonstration.first_lists.yuhu").exists():
                break
        time.sleep(0.05)
    killed.kill()
    killed.communicate()
    both = [child(own_database, tmp_path), child(own_database, tmp_path)]
    said = [process.communicate(timeout=120)[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("None" in text for text in said) == [False, True]
    assert make_demonstration() is None
    shows_everything()


def shows_everything() -> None:
    """What the demonstration is for: every role, and work in every state."""
    assert {role for officer in Officer.objects.filter(demo=True) for role in officer.roles} == set(Role)
    with acting(STAGE):
        assert 300 <= Person.objects.living_rows().count() <= 500
        assert {"open", "review", "mapping", "unreadable", "returned", "applied"} <= set(
            Roster.objects.values_list("state", flat=True)
        )
        rows = set(RosterRow.objects.filter(roster__state="open").values_list("state", flat=True))
        assert {"conflict", "rejected", "new", "new_person", "ended", "elsewhere", "not_found"} <= rows
        assert IdentityMark.objects.exclude(withdrawn_at=None).exists()
        assert {"approved", "proposed"} <= set(SubsidyBatch.objects.values_list("state", flat=True))
        assert Double.objects.filter(keeps="").exists() and Double.objects.exclude(keeps="").exists()
        kinds = set(Difference.objects.values_list("kind", flat=True))
        assert {"too_little", "too_much", "name_differs", "unknown_person", "paid_twice", "number_conflict"} <= kinds
        assert set(GapItem.objects.values_list("kind", flat=True)) > {"certified_not_insured", "duplicates"}
        assert Enrolment.objects.live().count() < Person.objects.living_rows().count()
        assert Charge.objects.filter(balance__gt=0).exists()
        assert {"applied", "draft"} == set(Version.objects.values_list("state", flat=True))
        assert {"approved", "proposed", "rejected"} == set(Mapping.objects.values_list("state", flat=True))
        assert [(s.shared, len(s.changes)) for s in Study.objects.order_by("pk")] == [(True, 0), (True, 1)]
        assert {"approved", "rejected", "proposed"} == set(Movement.objects.values_list("state", flat=True))
        assert Cover.objects.live().exists() and Cover.objects.exclude(withdrawn_at=None).exists()
        checked = verify()
        assert checked.entries > 15 and not checked.differences
        assert Agreement.objects.count() == 9 and AgreementEvent.objects.exists()
        assert all("演示" in name for name in Item.objects.values_list("name", flat=True)), "recognisably made up"
    the_played_hospitals_patients_are_known()
    for lang in ("zh", "en"):
        lines = sign_ins(lang)
        assert PASSWORD in lines[-1]
        assert all(any(line.split()[:1] == [name] for line in lines) for name, _ in country.SHOWN)


def the_played_hospitals_patients_are_known() -> None:
    """Whoever `./yizhan his` calls to its desk by itself is found there by certificate and name."""
    his = Hospital(Institution.objects.get(code="H43030201"))
    with acting(STAGE):
        Caller.objects.filter(institution=his.institution).update(a_second=10_000)
    assert all(his.finds(p.number, p.name) for p in (*patients_of("H43030201"), *patients_of("H43032101")))


def test_numbers_are_nobodys_and_the_same_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not doctest.testmod(population).failed
    townships = {
        code: [(c, n) for c, n, _, level, above in AREAS if level == "township" and above == code]
        for code in COUNTIES.values()
    }
    monkeypatch.setattr(population, "_townships", lambda code: townships[code])
    people = {county: population.drawn(county) for county in COUNTIES}
    assert people == {county: population.drawn(county) for county in COUNTIES}
    numbers = [m.number for made in people.values() for m in made]
    assert len(set(numbers)) == len(numbers)
    for county in ("yuhu", "xiangtan-county"):
        # What `./yizhan his` knows of them, which opens no database.
        known = {(m.number, m.name) for m in people[county]}
        assert {(p.number, p.name) for p in patients_of(f"H{COUNTIES[county]}01")} <= known
    for made in people.values():
        for m in made:
            assert m.number[2:4] == "99", "no division of China has these digits"
            read = read_identifier("resident_id", m.number, date(2026, 1, 1))
            assert (read.born_on, read.sex, read.warnings) == (m.born_on, m.sex, ())
            assert m.number[:2] in PROVINCES


def test_the_password_printed_is_the_one_set() -> None:
    assert demonstration.PASSWORD == PASSWORD
    assert "YIZHAN_DEMO" in os.environ
