"""The command line: ./yizhan COMMAND.

Exit status: 0 done; 1 `check` or `audit verify` found errors; 2 the input was refused, and nothing was written; 130
interrupted. Refusals go to standard error in the language chosen, with a stable code in front, all that was found at once.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from yizhan import __version__
from yizhan.bill.data import one_bill
from yizhan.bill.terminal import printable, render
from yizhan.engine.claim import IdentityMark
from yizhan.engine.facts import FACTS
from yizhan.engine.money import parse_yuan, yuan, yuan_grouped
from yizhan.engine.premium import EVENTS, Entry, premium_of
from yizhan.engine.settlement import looked_at
from yizhan.errors import (
    EngineFault,
    InputProblem,
    MissingKey,
    PackageNeeded,
    Problem,
    Problems,
    UnknownValue,
    Unreadable,
    Unwritable,
)
from yizhan.exchange import Request, as_json, input_schema, output_schema, read_request, settle_request
from yizhan.policy import values
from yizhan.policy.areas import Library, load_scheme
from yizhan.policy.checks import check, check_against, print_report
from yizhan.policy.diff import diff_schemes
from yizhan.policy.review import review_page
from yizhan.policy.signatures import sign

CASES = ("chifeng", "xiangtan", "shenyang", "jiangmen")
"""The cases that `demo` settles, one file each in `yizhan/cases`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and (stream.encoding or "").lower() != "utf-8":
            stream.reconfigure(encoding="utf-8", errors="replace")
    options = _parser().parse_args(arguments)
    try:
        command: Callable[[argparse.Namespace], int] = options.run
        return command(options)
    except Problems as refused:
        return _refuse(refused.problems, options)
    except Problem as fault:
        return _refuse([fault], options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _refuse([Unwritable(at=str(error.filename or "stdout"), why=error.strerror or "?")], options)


def _refuse(problems: Sequence[Problem], options: argparse.Namespace) -> int:
    lang = getattr(options, "lang", "zh")
    if getattr(options, "json", False):
        print(json.dumps({"problems": [p.as_dict() for p in problems]}, ensure_ascii=False, indent=2))
    for problem in problems:
        print(printable(f"[{problem.code}] {problem.text(lang)}"), file=sys.stderr)
    if len(problems) > 1 or any(isinstance(p, InputProblem) for p in problems):
        count = len(problems)
        print(
            f"共 {count} 处问题，没有写入任何结果。" if lang == "zh" else f"{count} problem(s); nothing was written.",
            file=sys.stderr,
        )
    return 3 if any(isinstance(p, EngineFault) for p in problems) else 2


# --- Commands ---------------------------------------------------------------------------------------------------------


def _settle(options: argparse.Namespace) -> int:
    request = read_request(_read(options.file), options.policies)
    settlements = settle_request(request)
    if options.json:
        print(json.dumps(as_json(request, settlements, whole=True), ensure_ascii=False, indent=2))
    else:
        _print_bills(request, options.lang)
    return 0


def _print_bills(request: Request, lang: str) -> None:
    for settled in as_json(request, settle_request(request), whole=True)["settlements"]:
        print(render(one_bill(settled, lang), request.beneficiary.person))


def _read(name: str) -> str:
    try:
        if name == "-" and sys.stdin is None:
            raise Problems([Unreadable(at="-", why="标准输入是关着的 standard input is closed")])
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise Problems([Unreadable(at=name, why=error.strerror or "?")]) from None
    except UnicodeDecodeError:
        raise Problems([Unreadable(at=name, why="不是 UTF-8 编码 not UTF-8")]) from None


def _demo(options: argparse.Namespace) -> int:
    for case in CASES:
        text = resources.files("yizhan").joinpath("cases", f"{case}.json").read_text(encoding="utf-8")
        _print_bills(read_request(text, options.policies), options.lang)
    return _agency("demo")(options)


def _agency(name: str) -> Callable[[argparse.Namespace], int]:
    """A command of the agency, which is loaded only when it is called: most commands need no database."""
    return _from("yizhan.agency.commands", "agency", name)


def _from(module: str, extra: str, name: str) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        command: Callable[[argparse.Namespace], int] = getattr(_needs(module, extra), name)
        return command(options)

    return run


def _schema(options: argparse.Namespace) -> int:
    schemas = {"input": input_schema(), "output": output_schema()}
    print(json.dumps(schemas[options.which] if options.which else schemas, ensure_ascii=False, indent=2))
    return 0


def _batch(options: argparse.Namespace) -> int:
    files = _needs("yizhan.batch.files")
    source, target = Path(options.source), Path(options.target) if options.target else None
    if target is None and not options.sums:
        raise Problems([MissingKey(key="OUT.parquet", meaning="结果文件，或加 --sums the result file, or --sums")])
    if target is not None and target.exists() and target.resolve() == source.resolve():
        raise Problems([Unwritable(at=str(target), why="结果不能写在输入文件上 the result cannot replace its input")])
    with _progress(options.lang) as progress:
        result = files.settle_file(
            source, target, options.policies, already_sorted=options.sorted, threads=options.threads, progress=progress
        )
    if options.json:
        sums = {
            area: {k: v if k == "bills" else yuan(v) for k, v in known.items()} for area, known in result.sums.items()
        }
        print(
            json.dumps(
                {"bills": result.bills, "sorted_first": result.sorted_first, "sums": sums}, ensure_ascii=False, indent=2
            )
        )
        return 0
    said = ("已排序后结算", "sorted first, then settled") if result.sorted_first else ("结算", "settled")
    print(f"{said[0]} {result.bills:,} 单" if options.lang == "zh" else f"{said[1]} {result.bills:,} bills")
    if options.sums:
        for area, known in result.sums.items():
            print(area)
            for name, amount in known.items():
                print(f"  {name}  {amount:,}" if name == "bills" else f"  {name}  {yuan_grouped(amount)}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    if options.areas == ["settle"]:
        return _agency("bench")(options)
    bench = _needs("yizhan.batch.bench")
    for figure in bench.measure(options.areas or list(bench.YEARS), options.bills, options.policies):
        print(f"{figure.zh if options.lang == 'zh' else figure.en}: {figure.value:.2f} {figure.unit}", flush=True)
    return 0


def _laboratory(name: str) -> Callable[[argparse.Namespace], int]:
    """A command of the laboratory, likewise."""
    return _from("yizhan.simulation.commands", "batch", name)


def _needs(module: str, extra: str = "batch") -> Any:
    """A module that needs an extra. Raises Problems naming the package that is missing."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and not error.name.startswith("yizhan"):
            raise Problems([PackageNeeded(package=error.name, extra=extra)]) from None
        raise


@contextmanager
def _progress(lang: str) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error, where that is a terminal."""
    words = {"sort": ("排序", "sorting"), "settle": ("结算", "settling")}
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        tasks: dict[str, Any] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(words[stage][0 if lang == "zh" else 1], total=total)
            bar.update(tasks[stage], completed=done)

        yield show


def _check(options: argparse.Namespace) -> int:
    library = Library(options.policies)
    if options.against:
        report = check_against(library, _read(options.against), options.document)
    else:
        report = check(library, options.areas or None, today=date.today())
    print(print_report(report, options.lang))
    return 1 if report.errors else 0


def _review(options: argparse.Namespace) -> int:
    library = Library(options.policies)
    if options.sign:
        for path in sign(library, options.area, options.on, options.sign, date.today()):
            print(path)
    page = review_page(library, options.area, options.on, date.today(), options.lang)
    fresh = options.output.with_name(f".{options.output.name}.{os.getpid()}")
    try:
        fresh.write_text(page, encoding="utf-8")
        fresh.replace(options.output)
    except OSError as error:
        raise Problems([Unwritable(at=str(options.output), why=error.strerror or "?")]) from None
    print(options.output)
    return 0


def _diff(options: argparse.Namespace) -> int:
    print(diff_schemes(Library(options.policies), options.area, options.first, options.second, options.lang), end="")
    return 0


def _day(text: str) -> date:
    try:
        return values.day(text)
    except values.Reason as reason:
        raise argparse.ArgumentTypeError(f"“{text}”：{reason.zh} {reason.en}") from None


def _facts(options: argparse.Namespace) -> int:
    scheme = load_scheme(options.area, options.policies)
    zh = options.lang == "zh"
    for care, facts in looked_at(scheme).items():
        print(FACTS["care"].word(care, options.lang))
        for code in facts:
            fact = FACTS[code]
            values = "/".join(v.zh if zh else v.code for v in fact.values)
            print(
                f"  {fact.code:20} {fact.zh if zh else fact.en}{f'：{values}' if values and zh else f': {values}' if values else ''}"
            )
    return 0


def _premium(options: argparse.Namespace) -> int:
    scheme = load_scheme(options.area, options.policies)
    days = (options.begins, options.ends)
    marks = [IdentityMark(_identity(word), on, to) for word, on, to in _paired(options.identity, *days)]
    premium = premium_of(
        scheme, options.year, marks=marks, entry=Entry(options.event, options.event_on), enrolled_on=options.enrolled,
        received_on=options.received, granted=options.granted,
    )  # fmt: skip
    for sentence in premium.sentences(options.lang):
        print(printable(sentence))
    for note in premium.notes:
        stand_in = note.kind == "stand_in"
        kind = (
            ("代用：" if stand_in else "读法：")
            if options.lang == "zh"
            else ("stand-in: " if stand_in else "reading: ")
        )
        print(printable(f"※ {kind}{note.reason}〔{note.citation.text(options.lang)}〕"))
    return 0


def _paired(
    identities: Sequence[str], begins: Sequence[date], ends: Sequence[date]
) -> Iterator[tuple[str, date, date | None]]:
    """The n-th --identity with the n-th --from and --to; without them, held throughout."""
    for n, identity in enumerate(identities):
        yield identity, begins[n] if n < len(begins) else date.min, ends[n] if n < len(ends) else None


def _identity(word: str) -> str:
    fact = FACTS["identity"]
    found = fact.value(word)
    if found is None:
        zh, en = "、".join(v.zh for v in fact.values), ", ".join(v.code for v in fact.values)
        raise Problems([
            UnknownValue(at="--identity", value=word, fact_zh=fact.zh, fact_en=fact.en, allowed_zh=zh, allowed_en=en)
        ])  # fmt: skip
    return found.code


def _event(text: str) -> str:
    for code, (zh, _) in EVENTS.items():
        if text in (code, zh):
            return code
    raise argparse.ArgumentTypeError(f"“{text}”：{'、'.join(zh for zh, _ in EVENTS.values())} {', '.join(EVENTS)}")


def _amount(text: str) -> int:
    try:
        return parse_yuan(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}”：应写成 160.00 write it as 160.00") from None


def _areas(options: argparse.Namespace) -> int:
    from yizhan.policy.areas import Library

    for area in Library(options.policies).pooling_areas:
        print(f"{area.code}  {area.name}")
    return 0


# --- Options ----------------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="yizhan", description="一站：居民医保一站式结算 One-stop settlement of resident medical insurance."
    )
    parser.add_argument("--version", action="version", version=f"yizhan {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], words: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=words, description=words)
        command.set_defaults(run=run)
        command.add_argument(
            "--policies", type=Path, metavar="DIR", help="政策文件夹 folder of policies (default: those shipped)"
        )
        command.add_argument("--lang", choices=("zh", "en"), default="zh", help="语言 language")
        return command

    settle = add("settle", _settle, "结算一人的各单 settle a person's bills")
    settle.add_argument("file", metavar="FILE", help="JSON 文件，- 为标准输入 JSON file, or - for standard input")
    settle.add_argument("--json", action="store_true", help="输出 JSON print JSON for other programs")
    demo = add(
        "demo",
        _demo,
        "结算各地的示例，再打开演示平台 settle a telling case or two of each jurisdiction, then serve a demonstration",
    )
    demo.add_argument("--no-serve", action="store_true", help="不打开平台 end after the bills")
    demo.add_argument("--fresh", action="store_true", help="清空演示数据重建 throw the demonstration's data away first")
    demo.add_argument(
        "--port", type=int, default=8000, metavar="N", help="端口 port (default 8000, else the next free one)"
    )
    _add_agency(add)
    schema = add("schema", _schema, "输入输出的 JSON Schema the JSON Schemas of settle's input and output")
    schema.add_argument("which", nargs="?", choices=("input", "output"))
    checking = add(
        "check", _check, "检查政策；有错误时退出码为 1 check the policies; exit status 1 if there are errors"
    )
    checking.add_argument("areas", nargs="*", metavar="AREA", help="统筹区，不写为全部 areas (default: all)")
    checking.add_argument("--against", metavar="OFFICIAL.txt", help="与官方原文核对数字 compare with the official text")
    checking.add_argument("--document", metavar="NAME", help="原文是哪个文件（文号或简称） which document that text is")
    review = add("review", _review, "供人审阅签署的网页 make the page that an officer reads and signs")
    review.add_argument("area", metavar="AREA")
    review.add_argument("--on", type=_day, required=True, metavar="DATE", help="哪一天的规定 rules of which day")
    review.add_argument("-o", dest="output", type=Path, required=True, metavar="PAGE.html")
    review.add_argument("--sign", metavar="NAME", help="以此姓名签署所示条文 sign the articles shown, as this person")
    diff = add("diff", _diff, "两个日子之间改了什么、对谁改了 what changed for whom between two days")
    diff.add_argument("area", metavar="AREA")
    diff.add_argument("first", type=_day, metavar="DATE1")
    diff.add_argument("second", type=_day, metavar="DATE2")
    batch = add(
        "batch", _batch, "结算一个 Parquet 文件里的账单 settle a Parquet file of bills (columns: docs/batch.md)"
    )
    batch.add_argument("source", metavar="IN.parquet")
    batch.add_argument("target", metavar="OUT.parquet", nargs="?")
    batch.add_argument(
        "--sums", action="store_true", help="打印合计；可以不写结果文件 print sums; OUT.parquet may then be left out"
    )
    batch.add_argument(
        "--sorted", action="store_true", help="没有排好序就拒绝 refuse a file that is not sorted, instead of sorting it"
    )
    batch.add_argument(
        "--threads",
        type=int,
        choices=range(1, 257),
        metavar="N",
        help="线程数 number of threads (default: all processors)",
    )
    batch.add_argument("--json", action="store_true", help="输出 JSON print JSON for other programs")
    _add_laboratory(add)
    bench = add(
        "bench",
        _bench,
        "在本机测速：引擎；写 settle 则测平台结算 measure the engine's speed, or with “settle” the desk's",
    )
    bench.add_argument("areas", nargs="*", metavar="AREA|settle")
    bench.add_argument(
        "--bills", type=int, default=2_000_000, metavar="N", help="每地账单数 bills for each area (default 2,000,000)"
    )
    bench.add_argument(
        "--seconds",
        type=int,
        default=10,
        metavar="N",
        help="settle：每种窗口数测几秒 of each number of clerks (default 10)",
    )
    bench.add_argument(
        "--workers", type=int, default=2, metavar="N", help="settle：平台进程数 processes of the desk (default 2)"
    )
    facts = add(
        "facts", _facts, "各类就医时一个地方的规则要看哪些事实 which facts an area's rules look at, by kind of care"
    )
    facts.add_argument("area", metavar="AREA")
    premium = add(
        "premium",
        _premium,
        "一个人一个年度的参保费：谁出多少、为什么 a person's premium of a year: who pays what, and why",
    )
    premium.add_argument("area", metavar="AREA")
    premium.add_argument("year", type=int, metavar="YEAR", help="参保年度 enrolment year")
    premium.add_argument(
        "--identity", action="append", default=[], metavar="NAME", help="身份，可写几个 may be repeated"
    )
    premium.add_argument(
        "--from", dest="begins", type=_day, action="append", default=[], metavar="DATE", help="该身份何日起 since when"
    )
    premium.add_argument(
        "--to", dest="ends", type=_day, action="append", default=[], metavar="DATE", help="该身份何日止 until when"
    )
    premium.add_argument(
        "--event", type=_event, default="ordinary", metavar="EVENT", help="新生儿、迁入等 newborn, moved_in and so on"
    )
    premium.add_argument("--event-on", type=_day, metavar="DATE", help="出生或变动之日 day of the birth or change")
    premium.add_argument("--enrolled", type=_day, metavar="DATE", help="参保日 day of enrolment (default: in time)")
    premium.add_argument("--received", type=_day, metavar="DATE", help="资助到账日 day on which the subsidy arrived")
    premium.add_argument(
        "--granted", type=_amount, default=0, metavar="YUAN", help="此前的资助 what was granted before, such as 160.00"
    )
    add("areas", _areas, "有政策的统筹区 list the areas that bills can be settled for")
    return parser


def _add_laboratory(add: Callable[..., argparse.ArgumentParser]) -> None:
    simulate = add(
        "simulate", _laboratory("simulate"), "人造人口在现行规则下一年的支出和负担 what rules cost a made-up population"
    )
    simulate.add_argument(
        "--area", metavar="CODE", default="",
        help="一省（如 430000）各统筹区一起算 every pooling area below a code, each with its own profile",
    )  # fmt: skip
    simulate.add_argument(
        "--stats",
        action="store_true",
        help="加一张用时表，与只读写 Parquet 相比 how long it takes, beside Parquet alone",
    )
    comparing = add("compare", _laboratory("compare"), "改革前后：花多少、谁得谁失 a reform against the present rules")
    comparing.add_argument(
        "--reform", type=Path, metavar="DIR", help="改革方案的政策文件夹 folder of the reform's policies"
    )
    comparing.add_argument(
        "--change", action="append", default=[], metavar="TEXT",
        help="改一个数，如“赤卫计发〔2018〕39号 第11条 70%%=75%%” change one printed figure; may be repeated",
    )  # fmt: skip
    comparing.add_argument(
        "--elasticity", type=float, default=0.0, metavar="E",
        help="住院次数随自负比例变化的弹性，如 -0.2，不写为不变 behaviour: stays by own share (default: none)",
    )  # fmt: skip
    comparing.add_argument(
        "--nearer",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="市级以上住院下沉一级的份额 stays moved nearer (default 0)",
    )
    cliffs = add(
        "cliffs", _laboratory("cliffs"), "悬崖：哪里差一点，个人就多付很多 where a small step costs a patient much"
    )
    cliffs.add_argument(
        "--least", type=float, default=100.0, metavar="YUAN", help="差多少元才算 from how much (default 100)"
    )
    cliffs.add_argument(
        "--cases", type=Path, metavar="DIR", help="把相邻两例写成 settle 的输入 write the neighbouring cases"
    )
    forecast = add(
        "forecast", _laboratory("forecast"), "基金收支预测和预算建议 forecast of the basic fund, and budgets"
    )
    for name, words in (
        ("stays", "就医人次每年的倍数 yearly factor of stays and visits"), ("cost", "次均费用每年的倍数 of cost"),
        ("funding", "人均筹资每年的倍数 of funding per head"), ("insured", "参保人数每年的倍数 of the insured"),
    ):  # fmt: skip
        forecast.add_argument(f"--{name}", type=float, default=1.0, metavar="FACTOR", help=words)
    forecast.add_argument(
        "--actual", type=Path, metavar="FILE.csv", help="实际支出（year,month,outlay）what then happened"
    )
    for command in (simulate, comparing):
        command.add_argument(
            "--cluster",
            choices=("spark", "ray"),
            default="",
            help="在 Spark 或 Ray 上算（另装同名的包）settle on a cluster",
        )
    for command in (simulate, comparing, cliffs):  # bills on record neither grow nor go on: no forecast
        command.add_argument(
            "--records", type=Path, metavar="DIR", help="用记录在案的人和账单 people and bills on record"
        )
    for command in (simulate, comparing, cliffs, forecast):
        command.add_argument(
            "profile", metavar="PROFILE", nargs="?", default="chifeng-2018",
            help="人口画像或 .toml 文件（默认 chifeng-2018）profile, or a .toml file",
        )  # fmt: skip
        command.add_argument("--persons", type=_count, metavar="N", help="人数 persons (default: the profile's)")
        command.add_argument("--seed", type=int, default=1, metavar="N", help="种子 seed (default 1)")
        command.add_argument("--years", type=int, nargs="+", default=[], metavar="YEAR", help="年度 years")
        command.add_argument("--workers", type=int, default=1, metavar="N", help="进程数 processes (default 1)")
        command.add_argument("--json", action="store_true", help="输出 JSON print JSON for other programs")


def _count(text: str) -> int:
    value = int(text.replace(",", "").replace("_", ""))
    if value < 1:
        raise argparse.ArgumentTypeError("≥ 1")
    return value


def _add_agency(add: Callable[..., argparse.ArgumentParser]) -> None:
    serve = add("serve", _agency("serve"), "运行平台 serve the desk and its background work")
    serve.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="监听地址 address to listen on (default 127.0.0.1)"
    )
    serve.add_argument("--port", type=int, default=8000, metavar="N", help="端口 port (default 8000)")
    serve.add_argument("--workers", type=int, default=2, metavar="N", help="进程数 number of processes (default 2)")
    serve.add_argument(
        "--init", action="store_true", help="生成会话密钥和加密密钥 make the secret and key files that are missing"
    )
    add("migrate", _agency("migrate"), "建立或升级数据表 make or bring up to date all tables")
    add("worker", _agency("worker"), "处理后台任务 work off background jobs (serve starts one itself)")
    add("stop", _agency("stop"), "停止自带的数据库 stop the private database server")
    user = add("user", _agency("user"), "用户 make an officer, set a password, list officers")
    user.add_argument("act", choices=("create", "password", "list"))
    user.add_argument("username", nargs="?", default="")
    user.add_argument("--name", default="", help="姓名 name")
    user.add_argument("--role", action="append", default=[], help="岗位，可重复 role; may be repeated")
    user.add_argument("--area", default="", help="行政区划代码 code of the area")
    user.add_argument("--department", default="healthcare_security", help="部门 department")
    user.add_argument("--institution", default="", help="医院编码 code of the hospital")
    access = add(
        "access", _agency("access"), "医院接口 let a hospital's system in, change its key, shut it out; list them"
    )
    access.add_argument("code", nargs="?", default="", help="机构编码 code of the institution")
    access.add_argument("--profile", default="", help="验签方式，换发密钥 none, csb, tif, ca or token; makes a new key")
    access.add_argument(
        "--public-key", default="", help="机构的 SM2 公钥，PEM 文件或十六进制 SM2 public key, a PEM file or hexadecimal"
    )
    access.add_argument(
        "--former-days", type=int, default=7, help="旧密钥再用几天 days that the former key still holds"
    )
    access.add_argument("--sign-check", choices=("off", "known", "operator"), help="签到核对 check of sign_no")
    access.add_argument("--a-second", type=int, help="每秒报文上限 most messages a second")
    access.add_argument("--at-once", type=int, help="并发上限 most messages at once")
    access.add_argument("--text-code", choices=("yes", "no"), help="infcode 写成文本 infcode as text")
    access.add_argument("--stop", action="store_true", help="停用 shut out")
    access.add_argument("--demo", action="store_true", help="演示数据库 the demonstration's database")
    key = add("key", _agency("key"), "数据接口密钥 make a key of the API for an officer, end one, list them")
    key.add_argument("username", nargs="?", default="", help="用户名 whose key")
    key.add_argument("--name", default="", help="用途 what it is for")
    key.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="RIGHT",
        help="权限，可重复；默认全部 right; may be repeated; all by default",
    )
    key.add_argument("--days", type=int, default=90, metavar="N", help="有效天数 days that it holds (default 90)")
    key.add_argument(
        "--network",
        action="append",
        default=[],
        metavar="CIDR",
        help="只从这里，可重复 only from here; may be repeated",
    )
    key.add_argument("--end", type=int, metavar="N", help="停用 end this one")
    key.add_argument("--demo", action="store_true", help="演示数据库 the demonstration's database")
    _add_his(add)
    ledger = add("ledger", _agency("ledger"), "账 verify that the books say what settlements and payments say")
    ledger.add_argument("act", choices=("verify",))
    ledger.add_argument("--demo", action="store_true", help="演示数据库 of the demonstration's database")
    ledger.add_argument("--books-only", action="store_true", help="不重新计算 calculate no settlement again")
    records = add(
        "records", _agency("records"), "脱敏导出人和账单，供测算用 people and bills without names, for the laboratory"
    )
    records.add_argument("folder", type=Path, metavar="DIR", help="新文件夹 a new folder")
    records.add_argument("--area", required=True, metavar="CODE", help="统筹区代码 code of the pooling area")
    records.add_argument("--year", type=int, required=True, help="出院年份 year of discharge")
    records.add_argument("--demo", action="store_true", help="演示数据库 of the demonstration's database")
    audit = add("audit", _agency("audit"), "审计日志 verify or seal the audit trail, print its head, report on a year")
    audit.add_argument("act", choices=("verify", "seal", "head", "report"))
    audit.add_argument("--year", type=int, default=date.today().year)
    audit.add_argument(
        "--head", type=Path, metavar="FILE", help="早先用 audit head 留下的链头 a head that was kept: verify against it"
    )
    audit.add_argument("--demo", action="store_true", help="演示数据库 of the demonstration's database")


def _add_his(add: Callable[..., argparse.ArgumentParser]) -> None:
    his = add(
        "his", _agency("his"), "扮演医院系统：办一天业务再对账 play a hospital's system for a day, then reconcile"
    )
    his.add_argument("address", metavar="ADDRESS", help="http://127.0.0.1:8000")
    his.add_argument("--institution", required=True, metavar="CODE", help="机构编码 code of the institution")
    his.add_argument(
        "--profile",
        choices=("none", "csb", "tif", "ca", "token"),
        default="none",
        help="签名方式 how it signs (default none)",
    )
    his.add_argument("--key", default="", metavar="ID", help="密钥编号 key id")
    his.add_argument("--secret", type=Path, metavar="FILE", help="密钥文件 file that holds the secret")
    his.add_argument(
        "--sm2-key", type=Path, metavar="FILE", help="SM2 私钥（PEM 或十六进制），token 用 SM2 private key, for token"
    )
    his.add_argument("--day", choices=("inpatient", "outpatient"), default="inpatient", help="住院日或门诊日 which day")
    his.add_argument("--visits", type=_count, default=5, metavar="N", help="就诊数 visits (default 5)")
    his.add_argument("--lost", type=float, default=0, metavar="PERCENT", help="丢失的答复 answers that are lost")
    his.add_argument("--repeat", type=float, default=0, metavar="PERCENT", help="重复的报文 messages that come twice")
    his.add_argument("--reorder", action="store_true", help="就诊交错，副本迟到 visits mixed, copies come late")
    his.add_argument("--seed", type=int, metavar="N", help="种子：同样的差错 seed: the same faults again")
    his.add_argument("--patients", type=Path, metavar="FILE.csv", help="证件号,姓名 number,name in each row")
    his.add_argument(
        "--items",
        nargs="+",
        default=[],
        metavar="CODE=YUAN",
        help="收费项目 what is charged (default: the demonstration's)",
    )


if __name__ == "__main__":
    sys.exit(main())
