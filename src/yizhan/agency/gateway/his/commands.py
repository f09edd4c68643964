"""`./yizhan his`: play a day of a hospital against an address, and say at the end whether both sides agree."""

from __future__ import annotations

import argparse
import base64
import csv
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib import resources
from pathlib import Path

from yizhan.agency.gateway.errors import NoSuchKey, PatientsNeeded
from yizhan.agency.gateway.his.days import Item, Patient, Plan, play
from yizhan.agency.gateway.his.evening import Evening, bills_there, reconcile
from yizhan.agency.gateway.his.system import CHINA, System
from yizhan.agency.gateway.his.wire import Faults, Signer, Wire
from yizhan.engine.money import parse_yuan
from yizhan.errors import Unreadable

PATIENCE = 60.0
"""Seconds to wait for the platform at the beginning."""

ITEMS = (
    Item("YS2004", 2_500),
    Item("YS1005", 1_200),
    Item("YS2008", 10_000),
    Item("YS2010", 26_000),
    Item("YS1003", 400),
)
"""What is charged where nothing else is said: items of the demonstration."""


AGREE = ("对账平。", "both sides agree.")
"""The last line of a day that ended well."""


def his(options: argparse.Namespace) -> Iterator[str]:
    """Lines to print; the last one begins with the outcome. Raises what `days.play` and `evening.reconcile` raise."""
    now = datetime.now(CHINA)
    seed = options.seed if options.seed is not None else int(time.time()) % 1_000_000
    faults = Faults(options.lost, options.repeat, 10 if options.reorder else 0, seed)
    secret = _read(options.secret).strip() if options.secret else ""
    signer = Signer(options.profile, options.key, secret, private_key(options.sm2_key) if options.sm2_key else 0)
    wire = Wire(options.address, options.institution, signer, faults)
    lines: list[str] = []
    zh = options.lang == "zh"
    system = System(wire, f"{now:%Y%m%d%H%M%S}", say=lambda one, other: lines.append(f"  {one if zh else other}"))
    patients = _rows(_read(options.patients)) if options.patients else patients_of(options.institution)
    faults.draw.shuffle(patients)
    plan = Plan(now.date(), patients, _items(options.items) or ITEMS, options.visits)
    yield f"种子 {seed}" if zh else f"seed {seed}"
    evening = whole_day(system, options.day, plan)
    for line, times in Counter(lines).items():
        yield line if times == 1 else f"{line} ×{times}"
    yield from report(system, evening, zh=zh)


def whole_day(system: System, kind: str, plan: Plan) -> Evening:
    """Sign in, play, reconcile, sign out."""
    system.wire.reach(PATIENCE)
    signing = {"opter_no": system.operator, "mac": "00-00-00-00-00-01", "ip": "127.0.0.1"}
    system.sign_no = system.certain("9001", {"signIn": signing})["signinoutb"]["sign_no"]
    before = bills_there(system, plan.today)
    play(system, kind, plan)
    evening = reconcile(system, plan.today, before)
    system.certain("9002", {"signOut": {"sign_no": system.sign_no, "opter_no": system.operator}})
    return evening


def report(system: System, evening: Evening, *, zh: bool) -> Iterator[str]:
    """What happened, what disagreed and how it was resolved, and both sides' totals."""
    said = system.counts
    yield (
        f"就诊 {said['visits']}，退回 {said['refused']}；报文 {said['sent']}，丢失 {said['lost']}，重发 {said['resent']}，"
        f"冲正 {said['undone']}，留到对账 {said['left']}；副本 {said['repeated']}（其中迟到 {said['late']}）"
        if zh
        else f"visits {said['visits']}, refused {said['refused']}; messages {said['sent']}, lost {said['lost']}, sent again "
        f"{said['resent']}, reversed {said['undone']}, left for the evening {said['left']}; copies {said['repeated']} (late {said['late']})"
    )
    yield from ("  " + (one if zh else other) for one, other in evening.found)
    yield from (f"  {wrong}" for wrong in system.wrong)
    yield from ("  " + "  ".join(row) for row in evening.rows)
    yield f"医院  笔数 总费用 基金  {evening.ours}" if zh else f"hospital  bills, cost, funds  {evening.ours}"
    yield f"平台  笔数 总费用 基金  {evening.theirs}" if zh else f"platform  bills, cost, funds  {evening.theirs}"
    if evening.agrees and not system.wrong:
        yield AGREE[0 if zh else 1]
    else:
        yield "对账不平。" if zh else "the sides DISAGREE."


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Unreadable(at=str(path), why=error.strerror or "?") from None


_KEY = bytes.fromhex("0201010420")
"""What stands before the 32 bytes of a private key in its DER, of both forms that OpenSSL writes."""


def private_key(path: Path) -> int:
    """The SM2 private key of a PEM as OpenSSL writes it without a password, or of 64 hexadecimal digits. Raises
    Unreadable, NoSuchKey.
    """
    text = _read(path).strip()
    try:
        if "PRIVATE KEY" not in text:
            return int.from_bytes(bytes.fromhex(text.rjust(64, "0")), "big")
        inside = [line for line in text.rpartition("-----BEGIN")[2].splitlines()[1:] if not line.startswith("-----")]
        _, found, rest = base64.b64decode("".join(inside)).partition(_KEY)
        if not found:
            raise ValueError
        return int.from_bytes(rest[:32], "big")
    except ValueError:
        raise NoSuchKey(where=path, what_zh="私钥", what_en="private key") from None


def patients_of(institution: str) -> list[Patient]:
    """The demonstration's patients of an institution's county. Raises PatientsNeeded."""
    file = resources.files("yizhan.agency.gateway.his").joinpath("patients", f"{institution[1:7]}.csv")
    if not file.is_file():
        raise PatientsNeeded(institution=institution)
    return _rows(file.read_text(encoding="utf-8"))


def _rows(text: str) -> list[Patient]:
    rows = (row for row in csv.reader(text.splitlines()) if len(row) >= 2 and row[0].strip())
    return [Patient(row[0].strip(), row[1].strip()) for row in rows]


def _items(texts: Sequence[str]) -> list[Item]:
    """CODE=YUAN."""
    return [Item(code, parse_yuan(price)) for code, _, price in (text.partition("=") for text in texts)]
