"""The agency's commands, as `yizhan.cli` calls them. Each opens the database first and prints what it did."""

from __future__ import annotations

import argparse
import getpass
import sys

from yizhan.agency import running
from yizhan.agency.embedded import DATABASE, Server
from yizhan.errors import InputProblem


class PasswordsDiffer(InputProblem):
    code = "passwords_differ"
    zh = "两次输入的密码不一样；没有写入。"
    en = "the two passwords differ; nothing was written."


class UsernameNeeded(InputProblem):
    code = "username_needed"
    zh = "请写用户名：./yizhan user {act} 用户名"
    en = "name the user: ./yizhan user {act} USERNAME"


def say(options: argparse.Namespace, zh: str, en: str) -> None:
    """Print one of two texts."""
    print(zh if options.lang == "zh" else en, flush=True)


def serve(options: argparse.Namespace) -> int:
    """Serve the desk and work off background jobs until stopped."""
    if options.init:
        _make_secrets(options)
        return 0
    with running.database() as server:
        from django.conf import settings

        from yizhan.agency.staff.readiness import refuse_unready

        running.refuse_unmigrated()
        refuse_unready(https=settings.HTTPS, host=options.host)
        port = running.free_port(options.host, options.port)
        say(
            options,
            f"一站 http://{options.host}:{port}/ （Ctrl-C 停止）",
            f"yizhan http://{options.host}:{port}/ (Ctrl-C stops it)",
        )
        running.serve(options.host, port, workers=options.workers, server=server)
    return 0


def _make_secrets(options: argparse.Namespace) -> None:
    made = running.make_secrets()
    for path in made:
        if path.suffix == ".json":
            say(
                options,
                f"已生成 {path}：请立刻另存一份，与数据库备份分开放；丢了它，证件号码就再也打不开。",
                f"made {path}: keep a copy at once, apart from the database's backups; without it no number can be opened again.",
            )
        else:
            say(options, f"已生成 {path}", f"made {path}")
    if not made:
        say(options, "密钥文件都已经有了，没有改动。", "the key files are there already; nothing was changed.")


def migrate(options: argparse.Namespace) -> int:
    """Make or bring up to date all tables."""
    with running.database():
        running.migrate(verbosity=0)
        say(options, "数据表已是最新。", "the tables are up to date.")
    return 0


def worker(options: argparse.Namespace) -> int:
    """Work off background jobs; started by `serve`, or by hand on another machine."""
    with running.database():
        running.refuse_unmigrated()
        running.work()
    return 0


def demo(options: argparse.Namespace) -> int:
    """Make the demonstration's database where it is missing, and serve it."""
    if options.fresh:
        with Server(running.demo_home()) as server:
            # Not the folder: another demonstration may be using the server, and finds the new database by itself.
            server.drop_database(DATABASE)
            server.create_database(DATABASE)
    with running.database(demo=True) as server:
        say(options, "\n正在准备演示数据库……", "\npreparing the demonstration's database …")
        running.migrate(verbosity=0)
        from yizhan.agency.demonstration import make_demonstration, sign_ins, studies

        made = make_demonstration()
        if made:
            say(options, f"已建立演示数据：{made.zh}", f"made the demonstration's data: {made.en}")
        if options.no_serve:
            return 0
        studies.compute()
        port = running.free_port("127.0.0.1", options.port, tries=20)
        say(
            options,
            f"\n演示平台：http://127.0.0.1:{port}/  （按 Ctrl-C 停止）",
            f"\nThe desk: http://127.0.0.1:{port}/  (Ctrl-C stops it)",
        )
        for line in sign_ins(options.lang):
            print(line)
        sys.stdout.flush()
        running.serve("127.0.0.1", port, workers=1, server=server)
    return 0


def bench(options: argparse.Namespace) -> int:
    """Measure how fast the desk settles, in a database of its own that is gone afterwards."""
    from yizhan.agency.bench.settling import measure

    for figure in measure(seconds=options.seconds, workers=options.workers):
        value = (
            f"{figure.value:.0f}" if figure.unit == "" and float(figure.value).is_integer() else f"{figure.value:.2f}"
        )
        say(options, f"{figure.zh}: {value} {figure.unit}".rstrip(), f"{figure.en}: {value} {figure.unit}".rstrip())
    return 0


def stop(options: argparse.Namespace) -> int:
    """Stop the private servers of this machine, whoever uses them."""
    for home in (running.home(), running.demo_home()):
        if home.exists():
            Server(home).stop()
    say(options, "自带的数据库已停止。", "the private database server is stopped.")
    return 0


def user(options: argparse.Namespace) -> int:
    """Make an officer, set a password, list officers."""
    if options.act != "list" and not options.username:
        raise UsernameNeeded(act=options.act)
    with running.database():
        from django.db import transaction

        from yizhan.agency.staff import commands

        running.refuse_unmigrated()
        password = "" if options.act == "list" else _password(options)
        with transaction.atomic():  # a password that is refused makes no officer
            lines = commands.user(options.act, options, password)
        for line in lines:
            print(line)
    return 0


def _password(options: argparse.Namespace) -> str:
    """From the terminal, twice and unseen; else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    zh = options.lang == "zh"
    password = getpass.getpass("密码：" if zh else "password: ")
    if getpass.getpass("再输入一次：" if zh else "once more: ") != password:
        raise PasswordsDiffer
    return password


def access(options: argparse.Namespace) -> int:
    """Let a hospital's system in, change its key, shut it out; without a code list who may call. A key is printed once."""
    with running.database(demo=options.demo):
        running.refuse_unmigrated()
        from yizhan.agency.gateway import commands

        for line in commands.access(options):
            print(line)
    return 0


def key(options: argparse.Namespace) -> int:
    """Make a key of the API for an officer, end one, or list all. A key is printed once."""
    with running.database(demo=options.demo):
        running.refuse_unmigrated()
        from yizhan.agency.api import commands

        for line in commands.key(options):
            print(line)
    return 0


def his(options: argparse.Namespace) -> int:
    """Play a day of a hospital's system. Exit status 1: the sides do not agree."""
    from yizhan.agency.gateway.his import commands

    last = ""
    for line in commands.his(options):
        print(line, flush=True)
        last = line
    return 0 if last in commands.AGREE else 1


def records(options: argparse.Namespace) -> int:
    """Write the agency's people and bills, without anything that names them, for the laboratory."""
    with running.database(demo=options.demo):
        running.refuse_unmigrated()
        from yizhan.agency.laboratory.records import export

        persons, bills = export(options.folder, options.area, options.year)
    say(
        options,
        f"{options.folder}：{persons:,} 人，{bills:,} 单。用法：./yizhan simulate --records {options.folder} --years {options.year}",
        f"{options.folder}: {persons:,} persons, {bills:,} bills. Use: ./yizhan simulate --records {options.folder} --years {options.year}",
    )
    return 0


def audit(options: argparse.Namespace) -> int:
    """Verify or seal the audit trail, print its head, report on a year. Exit status 1: it was tampered with."""
    with running.database(demo=options.demo):
        from yizhan.agency.staff import commands

        running.refuse_unmigrated()
        lines, sound = commands.audit(options.act, options.year, options.lang, head_file=options.head)
        for line in lines:
            print(line)
    return 0 if sound else 1


def ledger(options: argparse.Namespace) -> int:
    """Compare the books with the settlements, payments and movements, and these with what they were made from. 1: they differ."""
    with running.database(demo=options.demo):
        running.refuse_unmigrated()
        from yizhan.agency.ledger.verifying import verify
        from yizhan.agency.staff.scope import System, acting

        with acting(System("ledger.verify")):
            found = verify(replay=not options.books_only)
        for difference in found.differences:
            document = f"{difference.kind} {difference.number}".strip()
            print(f"{document}: {difference.words.zh if options.lang == 'zh' else difference.words.en}")
        say(
            options,
            f"核对了 {found.entries} 笔凭证、{found.postings} 条分录，{len(found.differences)} 处不符。",
            f"compared {found.entries} entries with {found.postings} postings: {len(found.differences)} differences.",
        )
        if not options.books_only:
            say(
                options,
                f"重新计算了 {found.replayed} 笔结算，结果相同。",
                f"calculated {found.replayed} settlements again: as they stand.",
            )
        for digest, count in sorted(found.not_replayed.items()):
            say(
                options,
                f"{count} 笔按政策版本 {digest} 结算，该版本不再安装，未能重新计算。",
                f"{count} were settled by policies {digest}, which are no longer installed: not calculated again.",
            )
        return 1 if found.differences else 0
