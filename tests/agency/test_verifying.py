"""What only the owner of the database can do, with its guards switched off, is found by `ledger verify`, and named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection, connections, transaction
from django.utils import timezone

from tests.agency.caring import patient, settled, stay
from tests.agency.conftest import Database
from tests.agency.test_ledger import command
from tests.agency.world import make_world
from yizhan.agency.care import actions, rewriting
from yizhan.agency.care.models import Settlement
from yizhan.agency.database_url import connection_settings
from yizhan.agency.ledger.verifying import Verified, verify
from yizhan.agency.staff.scope import System, acting

TABLES = (
    "care_settlement", "care_settlementpayment", "care_billline", "care_visit", "care_patientpayment", "ledger_entry", "ledger_posting",
)  # fmt: skip

MORE = "set amount_fen = amount_fen + 100, normal_fen = normal_fen + 100"
BASIC = "settlement_id = {first} and position = 0"

FALSIFIED = {
    "a payment": (f"update care_settlementpayment {MORE} where {BASIC}", "paid is|各方支付"),
    "a payment moved to another year": (
        f"update care_settlementpayment set year = year - 1 where {BASIC}", "its payments say",
    ),
    "a payment of another layer": (
        f"update care_settlementpayment set layer = '大病保险' where {BASIC}", "its payments say",
    ),
    "a tilt": (
        f"update care_settlementpayment set tilt_fen = tilt_fen + 1, normal_fen = normal_fen - 1 where {BASIC}", "its payments say",
    ),
    "a payment sent to the person": (
        f"update care_settlementpayment set person_fen = 100 where {BASIC};"
        "update care_settlement set person_fen = 100 where id = {first}", "归个人|to the person",
    ),
    "a payment, its row and its answer alike": (
        f"update care_settlementpayment {MORE} where {BASIC};"
        "update care_settlement set paid_fen = paid_fen + 100, patient_fen = patient_fen - 100 where id = {first};"
        "update care_settlement set result = jsonb_set(jsonb_set(jsonb_set(jsonb_set(result, '{{paid}}',"
        " to_jsonb((paid_fen / 100.0)::numeric(12, 2)::text)), '{{patient,total}}', to_jsonb((patient_fen / 100.0)::numeric(12, 2)::text)),"
        " '{{payments,0,payers,0,amount}}', to_jsonb((p.amount_fen / 100.0)::numeric(12, 2)::text)),"
        " '{{payments,0,amount}}', to_jsonb((p.amount_fen / 100.0)::numeric(12, 2)::text))"
        " from care_settlementpayment p where p.settlement_id = care_settlement.id and p.position = 0 and care_settlement.id = {first}",
        "when it is calculated again",
    ),
    "an answer that is none": ("update care_settlement set result = '{{\"payments\": [1]}}' where id = {first}", "cannot be read"),
    "what a row holds back": ("update care_settlement set held_fen = 1 where id = {first}", "waits for a review"),
    "the answer that was kept": (
        "update care_settlement set result = jsonb_set(result, '{{payments,0,deductible}}', '\"1.00\"') where id = {first}",
        "payments[0].deductible",
    ),
    "the words of the answer": (
        "update care_settlement set result = jsonb_set(result, '{{payments,0,steps,0,zh}}', '\"x\"') where id = {first}",
        "worded in another way",
    ),
    "the year that a bill left": (
        "update care_settlement set states = jsonb_set(states, array[years[1]::text, 'sums', '基本医保.deductible'], '\"0.00\"')"
        " where id = {first}", "states.",
    ),
    "the claim": (
        "update care_settlement set claim = jsonb_set(claim, '{{institution_level}}', '\"level_1\"') where id = {first}",
        "when it is calculated again",
    ),
    "who the person was": (
        "update care_settlement set beneficiary = jsonb_set(beneficiary, '{{identities}}', '[{{\"identity\": \"subsistence\","
        " \"from\": \"2015-01-01\", \"certified_by\": \"民政\"}}]') where id = {first}", "when it is calculated again",
    ),
    "the person of an entry": (
        "update ledger_entry set person_id = {other} where document_kind = 'settlement' and document_id = {first}", "the person should be",
    ),
    "the day of an entry": (
        "update ledger_entry set \"on\" = \"on\" - 31 where document_kind = 'settlement' and document_id = {first}", "the day should be",
    ),
    "the institution of an entry": (
        "update ledger_entry set institution_id = null where document_kind = 'settlement' and document_id = {first}",
        "the institution should be",
    ),
    "the person of a posting": (
        "update ledger_posting set person_id = {other} where id = (select min(id) from ledger_posting where entry_id ="
        " (select id from ledger_entry where document_kind = 'settlement' and document_id = {first}))", "1 postings name another person",
    ),
    "the person of a payment": (
        f"update care_settlementpayment set person_id = {{other}} where {BASIC}", "a payment names another person",
    ),
    "a line of a settled visit": (
        "update care_billline set amount_fen = amount_fen + 100, in_scope = in_scope + 100 where visit_id = {visit}", "amounts of the visit",
    ),
    "a line of another category": ("update care_billline set category = '01' where visit_id = {visit}", "lines by category"),
    "a line that was moved into it": (
        "update care_billline set visit_id = {visit}, position = 99 where visit_id = {open}", "amounts of the visit",
    ),
    "the days of a settled visit": (
        "update care_visit set admitted_on = admitted_on - 1 where id = {visit}", "admitted_on of the visit",
    ),
    "a patient's payment that moved nothing": (
        "delete from ledger_posting where entry_id in (select id from ledger_entry where document_kind = 'patient_payment');"
        "delete from ledger_entry where document_kind = 'patient_payment'", "the document has no entry",
    ),
    "a patient's payment of somebody else": (
        "update care_patientpayment set person_id = {other}", "another person or institution than its visit",
    ),
    "a reversal that kept its answer": (
        "update care_settlement set years = '{{2026}}' where kind = 'reversed'", "still has payments or a result",
    ),
}  # fmt: skip
"""What is changed → how, and words of the finding."""


@contextmanager
def falsified(statements: str) -> Iterator[None]:
    """The database as its owner may leave it, for a moment."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"alter table {table} disable trigger user")
            for statement in filter(None, statements.split(";")):
                cursor.execute(statement)
                assert cursor.rowcount > 0, statement
        yield
        transaction.set_rollback(True)


def looked() -> Verified:
    with acting(System("verify")):
        return verify()


def test_whatever_is_falsified_is_found_and_named(own_database: Database) -> None:
    world = make_world()
    yuhu, today = world.yuhu, timezone.localdate()
    person, other = patient(world), patient(world, 2, "试样乙")
    first = settled(yuhu, stay(yuhu, person, days_ago=20, yuan=9_000))
    second = settled(yuhu, stay(yuhu, person, yuan=60_000))
    actions.take_money(first.visit_id, kind="payment", fen=100, method="cash", on=today, acting_user=yuhu.window)
    gone = settled(yuhu, stay(yuhu, other, yuan=9_000))
    rewriting.reverse(gone.visit_id, on=today, why="录错", acting_user=yuhu.window)
    names = {"first": first.pk, "second": second.pk, "visit": first.visit_id, "open": gone.visit_id, "other": other.pk}
    connections.close_all()
    connections["default"].settings_dict.update(connection_settings(own_database.owner_url))
    clean = looked()
    assert not clean.differences and clean.replayed == 3 and not clean.not_replayed
    unseen = {}
    for what, (statements, words) in FALSIFIED.items():
        with falsified(statements.format(**names)):
            told = [f"{d.words.zh} {d.words.en}" for d in looked().differences]
        if not any(word in line for line in told for word in words.split("|")):
            unseen[what] = told
    assert not unseen


def test_bills_of_policies_that_are_gone_are_counted_unless_they_come_out_the_same(own_database: Database) -> None:
    world = make_world()
    row = settled(world.yuhu, stay(world.yuhu, patient(world), yuan=9_000))
    connections.close_all()
    connections["default"].settings_dict.update(connection_settings(own_database.owner_url))
    of_others = f"update care_settlement set digest = 'elder' where id = {row.pk}"
    with falsified(of_others):
        found = looked()
        assert (found.replayed, dict(found.not_replayed), found.differences) == (1, {}, ())
    elder = "update care_settlement set claim = jsonb_set(claim, '{institution_level}', '\"level_1\"')"
    with falsified(f"{of_others};{elder}"):
        found = looked()
        assert (found.replayed, dict(found.not_replayed), found.differences) == (0, {"elder": 1}, ())
    with falsified(elder), acting(System("verify")):
        assert verify().differences
        assert not verify(replay=False).differences


def test_the_command_proves_everything_unless_it_is_told_not_to(own_database: Database, tmp_path: Path) -> None:
    world = make_world()
    settled(world.yuhu, stay(world.yuhu, patient(world), yuan=9_000))
    assert "calculated 1 settlements again" in command(own_database, tmp_path, "--lang", "en")
    connections.close_all()
    connections["default"].settings_dict.update(connection_settings(own_database.owner_url))
    with connection.cursor() as cursor:
        cursor.execute("alter table care_settlement disable trigger user")
        cursor.execute("update care_settlement set claim = jsonb_set(claim, '{institution_level}', '\"level_1\"')")
    assert "按当时所存" in command(own_database, tmp_path, status=1) or "重新计算应为" in command(
        own_database, tmp_path, status=1
    )
    assert "again" not in command(own_database, tmp_path, "--lang", "en", "--books-only")
    with acting(System("verify")):
        assert Settlement.objects.count() == 1
