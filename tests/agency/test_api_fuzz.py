"""Every operation of the API as its own document describes it, asked by Schemathesis with values that fit and values that do not.

Whatever is asked: no fault, only answers that the document has, each in the form that the document gives. YIZHAN_FUZZ=1000 asks so
often of each operation (YIZHAN_FUZZ_SEED another draw); the suite asks a few times.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from tests.agency.caring import patient, settled, stay
from tests.agency.filing import asked as asked_filing
from tests.agency.listing import line, send
from tests.agency.world import World
from yizhan.agency.api import door
from yizhan.agency.api.actions import make_key
from yizhan.agency.api.service import SCOPES
from yizhan.agency.jobs.models import Run
from yizhan.agency.ledger.models import Posting
from yizhan.agency.providers.models import Version
from yizhan.agency.staff import ceilings
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.scope import acting
from yizhan.agency.wsgi import application

COUNT, SEED = int(os.environ.get("YIZHAN_FUZZ", "1")), int(os.environ.get("YIZHAN_FUZZ_SEED", "1"))
OF_HOSPITALS = {"people_look_up"}
"""Operations that only a hospital's staff may ask."""


def key_of(officer: Officer) -> str:
    """A key for all that the API serves and the officer may."""
    scopes = [str(right) for right in SCOPES if right in officer.rights]
    return make_key(
        officer, name="fuzz", scopes=scopes, ends_on=timezone.localdate() + timedelta(days=1), acting_user=officer
    ).secret


@dataclass(frozen=True)
class Busy:
    """Keys of hospital staff and of an officer who may all the rest; numbers of things that are there, by the part of a path before them."""

    hospital: str
    officer: str
    there: Mapping[str, int]

    def about(self, path: str) -> Mapping[str, Any]:
        """Parameters, or a body, that ask about something that is there."""
        if path.endswith("/calculations"):
            case = resources.files("yizhan").joinpath("cases", "chifeng.json")
            return {"body": json.loads(case.read_text(encoding="utf-8"))}
        number = next((n for part, n in self.there.items() if f"/{part}/{{number}}" in path), 1)
        return {"area": "150400", "number": number}


@pytest.fixture
def busy(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Busy]:
    """Something of everything to be asked about."""
    yuhu = world.yuhu
    bill = settled(yuhu, stay(yuhu, patient(world)))
    roster = send(yuhu.liaison_civil, yuhu.area, [line(4, "钱新"), ("孙错", "123", "", "")])
    filing = asked_filing(world, bill.person)
    with acting(yuhu.officer):
        there = {
            "people": bill.person_id, "rosters": roster.pk, "filings": filing.pk, "settlements": bill.pk, "jobs": Run.objects.latest("id").pk,
            "accounts": Posting.objects.filter(institution_id=None)[0].account_id, "catalogues": Version.objects.latest("id").pk,
        }  # fmt: skip
    everything = ["county_officer", "reviewer", "finance_officer", "supervisor", "policy_officer", "auditor"]
    Officer.objects.filter(pk=yuhu.officer.pk).update(roles=everything)
    officer = Officer.objects.get(pk=yuhu.officer.pk)
    monkeypatch.setattr(door, "A_SECOND", 1_000_000)
    for kind in ceilings.CEILINGS:
        monkeypatch.setitem(ceilings.CEILINGS, kind, ceilings.Ceiling(ceilings.CEILINGS[kind].words, 10**9))
    # The test is one transaction on one connection, which the end of a request must not close.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield Busy(key_of(yuhu.window), key_of(officer), there)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def test_every_answer_is_one_that_the_document_has(busy: Busy) -> None:
    load_all_checks()
    left_out = {"use_after_free", "ensure_resource_availability", "max_response_time", "positive_data_acceptance"}
    checks = [check for check in CHECKS.get_all() if check.__name__ not in left_out]
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app=application)
    schema.config.generation.update(with_security_parameters=False)  # the key is ours
    statuses: Counter[tuple[str, int]] = Counter()
    wrong: list[str] = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        name = operation.definition.raw["operationId"]
        headers = {"Authorization": f"Bearer {busy.hospital if name in OF_HOSPITALS else busy.officer}"}
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            there = busy.about(operation.path) if mode == GenerationMode.POSITIVE else {}
            try:
                for status in asked(operation.as_strategy(generation_mode=mode), headers, checks, there):
                    statuses[name, status] += 1
            except Unsatisfiable:
                continue  # nothing about it can be wrong
            except BaseExceptionGroup as failed:
                wrong.append(f"{name} ({mode.name}): {failed!r} {getattr(failed, 'exceptions', '')}"[:3000])
    assert not wrong, "\n\n".join(wrong)
    unanswered = {name for name, _ in statuses} - {name for name, status in statuses if status < 300}
    print(sorted(unanswered), Counter(status for _, status in statuses.elements()))


def asked(
    cases: SearchStrategy[Any], headers: dict[str, str], checks: list[Any], there: Mapping[str, Any]
) -> list[int]:
    """The statuses of what was answered; every other case is about something that is there. Raises what the checks find."""
    statuses: list[int] = []

    @seed(SEED)
    @settings(
        max_examples=COUNT, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases)
    def ask(case: Any) -> None:
        if len(statuses) % 2 == 0:
            case.path_parameters.update({k: v for k, v in there.items() if k in case.path_parameters})
            case.body = there.get("body", case.body)
        response = case.call(headers=headers)
        statuses.append(response.status_code)
        case.validate_response(response, checks=checks, headers=headers)

    ask()
    return statuses
