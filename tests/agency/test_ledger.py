"""The books: balanced fund by fund, never overdrawn, never diverted, and what the documents say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from tests.agency.caring import patient, settled, stay
from tests.agency.conftest import Database
from tests.agency.served import environment
from tests.agency.world import Place, World, make_world
from yizhan.agency.care import rewriting
from yizhan.agency.care.models import Settlement
from yizhan.agency.ledger import queries
from yizhan.agency.ledger.actions import decide, propose
from yizhan.agency.ledger.errors import MoreThanOwed, NotProposed, OtherPurpose, Overdrawn, Unbalanced
from yizhan.agency.ledger.models import Balance, Book, Entry, Movement, Posting
from yizhan.agency.ledger.posting import FundKey, HospitalKey, Leg, book_id, post
from yizhan.agency.ledger.verifying import verify
from yizhan.agency.staff.errors import NotAllowed, SamePerson
from yizhan.agency.staff.scope import Actor, System, acting
from yizhan.errors import Problems

BASIC, ASSISTANCE = "城乡居民基本医疗保险基金", "城乡医疗救助资金"
EVERYBODY = System("tests")


def open_book(key: FundKey | HospitalKey) -> Book:
    """A book that nothing was posted to yet."""
    fund = key if isinstance(key, FundKey) else FundKey("", "")
    institution = key.institution_id if isinstance(key, HospitalKey) else None
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into ledger_book (id, kind, area_path, payer, institution_id) values (%s, %s, %s, %s, %s)"
            " on conflict do nothing",
            [book_id(key), "hospital" if institution else "fund", fund.area_path, fund.payer, institution],
        )
    return Book.objects.get(pk=book_id(key))


def fund(place: Place, payer: str = BASIC, path: str = "") -> Book:
    with acting(place.finance):
        return open_book(FundKey(path or place.area.path.replace(f"{place.area.code}.", ""), payer))


def moved(place: Place, kind: str, book: Book, fen: int, **more: Any) -> Movement:
    """Proposed by finance, approved by the reviewer."""
    about: dict[str, Any] = {
        "on": timezone.localdate(),
        "document": "演财〔2026〕1号",
        "why": "演示",
        "acting_user": place.finance,
    }
    return decide(propose(kind, book, fen=fen, **about | more), approved=True, acting_user=place.reviewer)


def legs_of(key: FundKey, fen: int) -> list[Leg]:
    return [Leg(key, "benefit", fen), Leg(key, "to_hospital", -fen)]


def write(legs: list[Leg], actor: Actor, number: int = 1, area_path: str = "") -> None:
    with acting(actor):
        post(
            "test", number, on=timezone.localdate(), legs=legs, person_id=None, area_path=area_path or actor.area_path,
            acting_user=actor,
        )  # fmt: skip


def test_an_entry_is_one_statement_and_balances_in_every_book(world: World) -> None:
    officer = world.yuhu.officer
    basic, assistance = FundKey(world.xiangtan.area.path, BASIC), FundKey(world.xiangtan.area.path, ASSISTANCE)
    with acting(officer), pytest.MonkeyPatch.context():
        post(
            "test",
            1,
            on=timezone.localdate(),
            legs=legs_of(basic, 5),
            person_id=None,
            area_path=officer.area_path,
            acting_user=officer,
        )
    with pytest.raises(Unbalanced):
        write([Leg(basic, "benefit", 5), Leg(assistance, "to_hospital", -5)], officer, 2)
    with acting(officer):
        assert Posting.objects.count() == 2


def test_the_database_refuses_what_is_unbalanced_late_or_changed(world: World) -> None:
    officer = world.yuhu.officer
    key = FundKey(world.xiangtan.area.path, BASIC)
    write(legs_of(key, 5), officer)
    write(legs_of(FundKey(world.xiangtan.area.path, ASSISTANCE), 5), officer, 2)
    with acting(officer):
        entry = Entry.objects.order_by("pk").first()
        assert entry is not None
        accounts = [p.account_id for p in Posting.objects.order_by("pk")]
    columns = '(entry_id, account_id, area_path, "on", fen)'

    def insert(*rows: tuple[int, int]) -> None:
        values = ", ".join(f"({entry.pk}, {account}, '{officer.area_path}', now(), {fen})" for account, fen in rows)
        with connection.cursor() as cursor:
            cursor.execute(f"insert into ledger_posting {columns} values {values}")

    for act in (
        lambda: insert((accounts[0], 7)),
        lambda: insert((accounts[0], 7), (accounts[1], -7)),  # balanced, but after the entry was written
        lambda: insert((accounts[0], 7), (accounts[3], -7)),  # balanced, but across two funds
        lambda: Posting.objects.update(fen=1),
        lambda: Posting.objects.all().delete(),
        lambda: Entry.objects.update(area_path=""),
        lambda: Balance.objects.create(book_id=Book.objects.values_list("pk", flat=True)[0], fen=1),
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), acting(officer):
            act()


def test_a_fund_cannot_be_overdrawn_or_diverted(world: World) -> None:
    yuhu = world.yuhu
    settled(yuhu, stay(yuhu, patient(world), yuan=60_000))
    basic, assistance = fund(yuhu), fund(yuhu, ASSISTANCE)
    with acting(yuhu.finance):
        hospital = Book.objects.get(institution=yuhu.hospital)
        owed = queries.owed_to_hospital(basic, yuhu.hospital.pk)
    assert owed > 0
    with pytest.raises(Overdrawn):
        moved(yuhu, "to_hospital", basic, owed, other=hospital)
    moved(yuhu, "receipt", basic, owed * 2, income="income_premium")
    with pytest.raises(MoreThanOwed):
        moved(yuhu, "to_hospital", basic, owed + 1, other=hospital)
    with pytest.raises(Problems) as refused:
        moved(yuhu, "between_levels", basic, 1, other=assistance)
    assert isinstance(refused.value.problems[0], OtherPurpose)
    said = {
        "fen": 1,
        "on": timezone.localdate(),
        "document": "x",
        "why": "x",
        "area_path": yuhu.area.path,
        "made_by": yuhu.finance,
    }
    for wrong in (
        {"kind": "between_levels", "other": assistance},
        {"kind": "between_levels", "other": basic},
        {"kind": "to_hospital", "other": assistance},
        {"kind": "clear_advance", "other": hospital},
        {"kind": "receipt", "income": "income_premium", "other": hospital},
        {"kind": "receipt", "income": "income_county"},
        {"kind": "receipt", "income": "income_premium", "giver": yuhu.area},
        {"kind": "receipt"},
        {"kind": "to_person"},
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), acting(yuhu.finance):
            Movement.objects.create(book=basic, **said, **wrong)
    moved(yuhu, "to_hospital", basic, owed, other=hospital)
    with acting(yuhu.finance):
        assert Balance.objects.get(book=basic).fen == owed
        assert queries.owed_to_hospital(basic, yuhu.hospital.pk) == 0
        glance = {f.book.payer: f for f in queries.overview(yuhu.area.path, on=timezone.localdate())}
    assert glance[BASIC].to_hospital == 0 and glance[BASIC].income == owed * 2 and not glance[BASIC].shortfall
    with acting(EVERYBODY):
        assert not verify().differences


def test_a_shortfall_is_seen_and_refuses_no_patient(world: World) -> None:
    yuhu = world.yuhu
    row = settled(yuhu, stay(yuhu, patient(world), yuan=60_000))
    with acting(yuhu.finance):
        found = queries.overview(yuhu.area.path, on=timezone.localdate())
    assert sum(f.shortfall for f in found) == row.paid_fen
    page = world.client(yuhu.finance).get("/ledger/").content.decode()
    assert "结算照常进行" in page


def test_two_persons_move_money(world: World) -> None:
    yuhu = world.yuhu
    about: dict[str, Any] = {"on": timezone.localdate(), "document": "演财〔2026〕1号", "why": "演示"}
    row = propose("receipt", fund(yuhu), fen=100, income="income_premium", acting_user=yuhu.finance, **about)
    with pytest.raises(NotAllowed):
        decide(row, approved=True, acting_user=yuhu.finance)
    both = yuhu.reviewer
    both.roles = ["reviewer", "finance_officer"]
    both.save(update_fields=["roles"])
    own = propose("receipt", fund(yuhu), fen=100, income="income_premium", acting_user=both, **about)
    with pytest.raises(SamePerson):
        decide(own, approved=True, acting_user=both)
    decide(row, approved=True, acting_user=yuhu.reviewer_two)
    with pytest.raises(NotProposed):
        decide(row, approved=True, acting_user=yuhu.reviewer_two)


def command(database: Database, folder: Path, *arguments: str, status: int = 0) -> str:
    """What `./yizhan ledger verify` prints."""
    code = "from yizhan.agency import running; running.make_secrets()"
    subprocess.run([sys.executable, "-P", "-c", code], env=environment(database.url, folder), check=True)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "yizhan.cli", "ledger", "verify", *arguments], env=environment(database.url, folder),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_verification_names_what_differs(own_database: Database, tmp_path: Path) -> None:
    """What only the owner of the database can do, with its guards switched off, is found."""
    import psycopg

    world = make_world()
    yuhu = world.yuhu
    rows = [settled(yuhu, stay(yuhu, patient(world, k, f"试样{k}"), yuan=10_000)) for k in (1, 2, 3)]
    rewriting.reverse(rows[0].visit_id, on=timezone.localdate(), why="录错", acting_user=yuhu.window)
    with acting(EVERYBODY):
        assert not verify().differences
        entries = dict(Entry.objects.filter(document_kind="settlement").values_list("document_id", "pk"))
    assert "0 differences" in command(own_database, tmp_path, "--lang", "en")
    with psycopg.connect(own_database.owner_url) as owner:
        owner.execute("alter table ledger_posting disable trigger user; alter table ledger_entry disable trigger user")
        owner.execute("update ledger_posting set fen = fen + 1 where entry_id = %s", [entries[rows[1].pk]])
        owner.execute("delete from ledger_posting where entry_id = %s", [entries[rows[2].pk]])
        owner.execute("delete from ledger_entry where id = %s", [entries[rows[2].pk]])
        owner.execute("update ledger_balance set fen = 5")
        owner.execute(
            "insert into ledger_balance select id, 7 from ledger_book where kind = 'fund' limit 1 on conflict do nothing"
        )
    said = command(own_database, tmp_path, status=1)
    assert f"settlement {rows[1].pk}" in said and "应为" in said
    with acting(EVERYBODY):
        found = {(d.kind, d.number) for d in verify().differences}
    assert found == {("settlement", rows[1].pk), ("settlement", rows[2].pk), ("", 0)}


def test_payments_at_the_same_time_never_overdraw(own_database: Database) -> None:
    world = make_world()
    yuhu = world.yuhu
    with acting(yuhu.finance):
        hospital = open_book(HospitalKey(yuhu.hospital.pk))
    settled(yuhu, stay(yuhu, patient(world), yuan=60_000))
    basic = fund(yuhu)
    moved(yuhu, "receipt", basic, 1_000, income="income_premium")
    about: dict[str, Any] = {
        "on": timezone.localdate(),
        "document": "演财〔2026〕1号",
        "why": "演示",
        "acting_user": yuhu.finance,
    }
    asked = [propose("to_hospital", basic, fen=300, other=hospital, **about) for _ in range(8)]
    at_once = Barrier(8)
    outcomes: list[str] = []

    def approve(row: Movement) -> None:
        at_once.wait()
        try:
            decide(row, approved=True, acting_user=yuhu.reviewer)
            outcomes.append("paid")
        except Overdrawn:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [Thread(target=approve, args=[row]) for row in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["paid"] * 3 + ["refused"] * 5
    with acting(EVERYBODY):
        assert Balance.objects.get(book=basic).fen == 100
        assert not verify().differences


def test_a_hospital_sees_its_own_book_only(world: World) -> None:
    settled(world.yuhu, stay(world.yuhu, patient(world), yuan=60_000))
    settled(world.xiangtan_county, stay(world.xiangtan_county, patient(world, 2, "试样乙"), yuan=60_000))
    with acting(world.yuhu.window):
        books = set(Posting.objects.values_list("account__book__institution_id", flat=True))
    assert books == {world.yuhu.hospital.pk}
    assert world.client(world.yuhu.window).get("/ledger/").status_code == 403


def test_pages_of_the_books(world: World) -> None:
    yuhu = world.yuhu
    row = settled(yuhu, stay(yuhu, patient(world), yuan=60_000))
    browser = world.client(yuhu.finance)
    for address in (
        "/ledger/",
        "/ledger/trial-balance",
        "/ledger/trial-balance?books=hospital",
        "/ledger/movements",
        "/ledger/movements/propose",
    ):
        assert browser.get(address).status_code == 200, address
    with acting(yuhu.finance):
        posting = Posting.objects.filter(fen__gt=0, institution_id=None).select_related("entry").first()
    assert posting is not None and posting.entry.document_id == row.pk
    page = browser.get(f"/ledger/accounts/{posting.account_id}").content.decode()
    assert f"/care/{row.pk}" in page and f"/ledger/entries/settlement/{row.pk}" in page
    entry = browser.get(f"/ledger/entries/settlement/{row.pk}").content.decode()
    assert "应付医疗机构" in entry and "应收个人" in entry
    assert browser.get("/ledger/entries/settlement/987654").status_code == 404
    assert f"/ledger/entries/settlement/{row.pk}" in browser.get(f"/care/{row.pk}").content.decode()
    english = world.client(yuhu.finance)
    english.cookies["language"] = "en"
    assert "resident basic medical insurance fund" in english.get("/ledger/").content.decode()
    for kind in Movement.KINDS:
        assert browser.get("/ledger/movements/propose", {"kind": kind}).status_code == 200
    owed = browser.get("/ledger/movements/propose", {"kind": "to_hospital"}).content.decode()
    assert "账上应结的" in owed and "amount=" in owed
    assert b"".join(browser.post("/ledger/trial-balance/export")).startswith(b"PK")
    said = {
        "kind": "receipt",
        "income": "income_subsidy",
        "book": posting.account.book_id,
        "amount": "1,200.50",
        "on": timezone.localdate().isoformat(),
        "document": "演财1号",
        "why": "拨入",
    }
    assert browser.post("/ledger/movements/propose", {**said, "amount": "x"}).status_code == 422
    assert browser.post("/ledger/movements/propose", {**said, "kind": "to_person"}).status_code == 422
    answer = browser.post("/ledger/movements/propose", said)
    assert answer.status_code == 302 and "1,200.50" in browser.get(answer["Location"]).content.decode()
    stranger = world.client(world.songshan.finance)
    assert stranger.get(f"/ledger/accounts/{posting.account_id}").status_code == 404
    assert stranger.get(f"/ledger/entries/settlement/{row.pk}").status_code == 404
    assert stranger.get(answer["Location"]).status_code == 404
    assert "60,000" not in stranger.get("/ledger/trial-balance").content.decode()
    with acting(yuhu.officer):
        assert Settlement.objects.count() == 1
