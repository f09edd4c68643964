"""The audit trail: every act in it, nobody able to change it, and every change found. Rows E of docs/security.md."""

from __future__ import annotations

import ast
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from tests.agency.world import World, make_world
from yizhan.agency.staff import actions, commands, queries, seals
from yizhan.agency.staff.acts import ACTS
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.models import Audit, Officer
from yizhan.agency.staff.scope import System, acting

pytestmark = pytest.mark.xdist_group("audit trail")
"""Its quiet server takes a while to make."""

AGENCY = Path(__file__).resolve().parents[2] / "src/yizhan/agency"
TESTER = System("test")
_WRITES = {"save", "create", "update", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "delete"}
_WRITING_SQL = re.compile(r"\b(?:insert into|update [a-z_]+ set|delete from)\b", re.IGNORECASE)


def act(count: int = 1) -> None:
    for n in range(count):
        with transaction.atomic():
            record("test.act", acting_user=TESTER, n=n)


# --- E1: every act makes a row ----------------------------------------------------------------------------------------


ACTION_FILES = sorted([*AGENCY.glob("*/actions.py"), *AGENCY.glob("*/actions/*.py")])


def app_of(path: Path) -> str:
    return path.relative_to(AGENCY).parts[0]


def public_functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every public function of every app's actions, those of later apps too.

    Where the actions of an app are several modules, those that only other actions or the steps of a run call are parts
    of an act, which the act or the run records.
    """
    for path in ACTION_FILES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            if path.name == "actions.py" or node.name in CALLED_ELSEWHERE:
                yield f"{app_of(path)}.{node.name}", node


def called(node: ast.AST) -> set[str]:
    """Names of what is called below a node."""
    calls = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
    return {c.id if isinstance(c, ast.Name) else c.attr for c in calls if isinstance(c, ast.Name | ast.Attribute)}


CALLED_ELSEWHERE = {
    name
    for path in AGENCY.rglob("*.py")
    if path not in ACTION_FILES and path.name != "work.py"
    for name in called(ast.parse(path.read_text(encoding="utf-8")))
}
ACTIONS = dict(public_functions())


@pytest.mark.parametrize("name", ACTIONS)
def test_e1_every_action_names_who_acts_and_records_it(name: str) -> None:
    node = ACTIONS[name]
    writes = bool(called(node) & _WRITES) or _WRITING_SQL.search(ast.unparse(node))
    names_actor = [argument.arg for argument in node.args.kwonlyargs][-1:] == ["acting_user"]
    assert names_actor or not writes, f"{name}: the last keyword-only argument should be acting_user"
    positional = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
    assert not names_actor or len(positional) <= 2, f"{name}: object first, the rest keyword-only"
    if names_actor and not records(name):
        pytest.fail(f"{name} takes acting_user and calls record() neither itself nor through another action")


def records(name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether an action calls record(), itself or through another action: of its own app, else of the app it hands over to."""
    app = name.partition(".")[0]
    calls = called(ACTIONS[name]) if name in ACTIONS else called(PRIVATE[name])
    if "record" in calls:
        return True
    mine = {f"{app}.{call}" for call in calls} & (set(ACTIONS) | set(PRIVATE))
    others = {action for action in ACTIONS if action.partition(".")[2] in calls} if not mine else set()
    return any(records(other, seen | {name}) for other in (mine | others) - seen - {name})


PRIVATE = {
    f"{app_of(path)}.{node.name}": node
    for path in ACTION_FILES
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.FunctionDef) and f"{app_of(path)}.{node.name}" not in ACTIONS
}


def test_e1_every_act_has_words_for_who_reads_the_trail() -> None:
    nameless = set()
    for path in AGENCY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and called(ast.Expr(node)) >= {"record"} and node.args:
                act = node.args[0]
                is_record = isinstance(node.func, ast.Name) and node.func.id == "record"
                if is_record and isinstance(act, ast.Constant) and act.value not in ACTS:
                    nameless.add(str(act.value))
    assert not nameless, f"staff/acts.py has no words for {sorted(nameless)}"
    assert all(words.zh and words.en for words in ACTS.values())


def test_e1_an_act_and_its_refusal_are_both_in_the_trail(world: World) -> None:
    client = world.client(world.yuhu.officer)
    assert client.get("/officers").status_code == 403
    actions.change_roles(world.yuhu.officer, ["auditor"], acting_user=world.yuhu.security_admin)
    with acting(TESTER):
        rows = list(Audit.objects.order_by("id").values_list("officer_id", "act", "outcome"))
    assert rows == [
        (world.yuhu.officer.pk, "officer.manage", "refused"),
        (world.yuhu.security_admin.pk, "officer.change_roles", "done"),
    ]


def test_e3_what_cannot_be_recorded_is_not_done(quiet_database) -> None:
    world = make_world()
    with psycopg.connect(quiet_database.owner_url, autocommit=True) as owner:
        owner.execute("revoke insert on staff_audit from yizhan_app")
    with pytest.raises(DatabaseError):
        actions.change_roles(world.yuhu.officer, ["auditor"], acting_user=world.yuhu.security_admin)
    assert Officer.objects.get(pk=world.yuhu.officer.pk).roles == ["county_officer"]


# --- E2: it cannot be changed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["staff_audit", "staff_auditseal", "staff_auditleaf"])
@pytest.mark.parametrize(
    "change", ["delete from {}", "truncate {} cascade", "update {} set id = id", "alter table {} disable trigger all"]
)
def test_e2_the_programs_may_not_change_it(db: None, table: str, change: str) -> None:
    statement = change.format(table).replace("id = id", "digest = digest" if table == "staff_auditleaf" else "id = id")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_e2_not_even_the_owner_changes_it_by_mistake(quiet_database) -> None:
    act()
    with psycopg.connect(quiet_database.owner_url, autocommit=True) as owner:
        for statement in ("update staff_audit set act = 'x'", "delete from staff_audit", "truncate staff_audit"):
            with pytest.raises(psycopg.Error, match="append-only"):
                owner.execute(statement)


def tamper(url: str, statement: str) -> None:
    """What somebody could do who owns the tables and switches the guards off."""
    with psycopg.connect(url, autocommit=True) as owner:
        for table in ("staff_audit", "staff_auditseal", "staff_auditleaf"):
            owner.execute(f"alter table {table} disable trigger user")
        owner.execute(statement)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("update staff_audit set detail = '{\"n\": 7}' where id = 3", "#1 / 3: this row was changed"),
        ("update staff_audit set officer_name = 'x' where id = 3", "#1 / 3: this row was changed"),
        ("delete from staff_audit where id = 3", "#1 / 3: this row was removed"),
        ("update staff_auditleaf set digest = '\\x00' where audit_id = 3", "#1: the seal or its leaves were changed"),
        ("update staff_auditseal set root = '\\x00' where number = 1", "#2: it does not follow the seal before"),
        ("insert into staff_audit (at, officer_name, source, act, outcome, object_kind, object_id, area_path, detail, xid)"
         " values (now(), '', '', 'x', 'done', '', '', '000000.', '{}', '1')", "this row was slipped in after the seal"),
    ],
)  # fmt: skip
def test_e2_every_change_is_found_and_named(quiet_database, statement: str, says: str) -> None:
    act(5)
    seals.seal()
    act(2)
    seals.seal()
    assert seals.verify() == []
    tamper(quiet_database.owner_url, statement)
    from django.utils import translation

    with translation.override("en"):
        assert says in "\n".join(map(str, seals.verify()))


def test_e2_a_chain_that_was_cut_is_found_by_the_head_kept_elsewhere(quiet_database, tmp_path: Path) -> None:
    act(2)
    seals.seal()
    act(2)
    seals.seal()
    kept = tmp_path / "head.txt"
    kept.write_text(seals.head() + "\n", encoding="utf-8")
    assert commands.audit("verify", None, "zh", head_file=kept)[1]
    tamper(
        quiet_database.owner_url,
        "delete from staff_auditleaf where audit_id > 2; delete from staff_auditseal where number = 2;"
        "delete from staff_audit where id > 2",
    )
    assert commands.audit("verify", None, "zh")[1], "without the head the rest looks whole"
    lines, sound = commands.audit("verify", None, "zh", head_file=kept)
    assert not sound
    assert "链头" in lines[0]


def test_sealing_takes_every_row_once_while_others_write(quiet_database) -> None:
    stop = threading.Event()

    def write(number: int) -> int:
        written = 0
        try:
            while not stop.is_set():
                try:
                    with transaction.atomic():
                        record("test.act", acting_user=TESTER, writer=number)
                        time.sleep(0.02 * number)
                        if written % 7 == 6:
                            raise InterruptedError
                except InterruptedError:
                    pass
                written += 1
        finally:
            connection.close()
        return written

    with ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(write, n) for n in range(4)]
        for _ in range(8):
            time.sleep(0.15)
            seals.seal()
        stop.set()
        assert all(writer.result() for writer in writers)
    seals.seal()
    assert seals.unsealed() == 0
    assert seals.verify() == []


def test_only_one_seals_at_a_time(quiet_database) -> None:
    act()
    with psycopg.connect(quiet_database.url) as other:
        other.execute("select pg_advisory_xact_lock(%s)", [0x5EA1])
        assert seals.seal() is None
    assert seals.seal() is not None
    assert seals.seal() is None, "nothing is left to seal"


def test_a_restored_database_begins_another_epoch_and_seals_on(quiet_database) -> None:
    act(2)
    first = seals.seal()
    assert first is not None
    tamper(
        quiet_database.owner_url, "update staff_auditseal set epoch = '1.1', to_xid = '99999999999'"
    )  # as a chain that another server sealed
    act(2)
    second = seals.seal()
    assert second is not None
    assert second.epoch != "1.1"
    assert second.epoch.endswith(".2")
    assert second.rows == 2
    assert not [fault for fault in seals.verify() if fault.seal == 2]


# --- Who reads it, and what is counted --------------------------------------------------------------------------------


def test_only_the_own_area_is_shown_and_not_to_the_other_administrators(world: World) -> None:
    """C5: the system administrator reads no audit rows."""
    actions.change_roles(world.yuhu.officer, ["auditor"], acting_user=world.yuhu.security_admin)
    actions.change_roles(world.songshan.officer, ["auditor"], acting_user=world.songshan.security_admin)
    shown = world.client(world.yuhu.audit_admin).get("/audit").content.decode()
    assert world.yuhu.security_admin.name in shown
    assert world.songshan.security_admin.name not in shown
    everything = world.client(world.audit_admin).get("/audit").content.decode()
    assert world.songshan.security_admin.name in everything
    for administrator in (world.yuhu.system_admin, world.yuhu.security_admin):
        assert world.client(administrator).get("/audit").status_code == 403


def test_the_trail_is_searched_by_officer_act_person_and_date(world: World) -> None:
    area = world.yuhu.area.path
    for number, name in ((11, world.yuhu.officer), (12, world.yuhu.reviewer)):
        record("person.see", person_id=number, area_path=area, acting_user=name)
    client = world.client(world.yuhu.audit_admin)
    for asked, count in (
        ({"person_id": 11}, 1),
        ({"officer": world.yuhu.reviewer.name}, 1),
        ({"officer": world.yuhu.reviewer.username}, 1),
        ({"act": "person."}, 2),
        ({"until": "2001-01-01"}, 0),
    ):
        client.post("/audit", asked)
        assert client.get("/audit").content.decode().count("<code>person.see</code></td>") == count, asked


def test_an_alarm_of_today_waits_for_who_reads_the_trail(world: World) -> None:
    """D5: who passes a ceiling raises an alarm."""
    record("person.unmask", outcome="refused", acting_user=world.yuhu.officer, codes=["over_ceiling"])
    client = world.client(world.yuhu.audit_admin)
    assert "告警" in client.get("/").content.decode()
    assert world.yuhu.officer.name in client.get("/audit?outcome=alarm").content.decode()


def test_the_head_is_taken_away_as_a_line_of_text_and_that_is_recorded(quiet_database) -> None:
    world = make_world()
    act()
    seals.seal()
    answer = world.client(world.yuhu.audit_admin).get("/audit/head")
    assert answer.content.decode().strip() == seals.head()
    with acting(TESTER):
        assert Audit.objects.filter(act="audit.head").count() == 1


def test_e6_the_yearly_report_counts_what_the_trail_holds(world: World) -> None:
    area = world.yuhu.area.path
    for person in (1, 2, 2):
        record("person.unmask", person_id=person, area_path=area, acting_user=world.yuhu.officer, purpose="核对")
    record("people.export", acting_user=world.yuhu.officer)
    with acting(TESTER):
        year = Audit.objects.latest("at").at.year
        found = queries.report(year)
    assert found["persons_by_officer"] == [(world.yuhu.officer.name, 2)]
    assert found["unmaskings_by_purpose"] == [("核对", 3)]
    assert found["exports_by_officer"] == [(world.yuhu.officer.name, 1)]
    assert any("核对" in line for line in commands.audit("report", year, "zh")[0])


def test_the_operator_makes_the_first_officer_on_an_empty_database(db: None) -> None:
    """A6: there are no accounts until somebody makes one."""
    from argparse import Namespace

    asked = Namespace(
        username="first.admin", name="首位", role=["security_admin"], area="", department="", institution=""
    )
    assert "first.admin" in commands.user("create", asked, "傍晚的渡船-kettle-93-quartz")[0]
    made = Officer.objects.get()
    assert made.area_path == "000000."
    assert made.check_password("傍晚的渡船-kettle-93-quartz")
    assert len(commands.user("list", asked)) == 1
