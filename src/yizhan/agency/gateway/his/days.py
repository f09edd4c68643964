"""What happens on a day: each visit is a script that hands over after every message, so that visits may be mixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from yizhan.agency.gateway.errors import Refused
from yizhan.agency.gateway.his.system import FateUnknown, System
from yizhan.engine.money import parse_yuan, yuan


@dataclass(frozen=True, slots=True)
class Patient:
    """Somebody at the desk, as the certificate shows him."""

    number: str
    name: str


@dataclass(frozen=True, slots=True)
class Item:
    """What is charged: national code and price in fen."""

    code: str
    fen: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A day: which, for whom, with which items."""

    today: date
    patients: Sequence[Patient]
    items: Sequence[Item]
    visits: int


Script = Iterator[None]
TAKEN_BACK = 4
"""Every so manieth visit has its settlement cancelled, and settled again after a line was taken out."""


def play(system: System, kind: str, plan: Plan) -> None:
    """Play a day until so many visits went to their end. Who is refused is told, and the next patient is called."""
    draw, mixed = system.wire.faults.draw, system.wire.faults.reorder > 0
    waiting, begun, done = iter(enumerate(plan.patients, 1)), 0, 0
    running: list[Script] = []
    while True:
        while begun < plan.visits and len(running) < (3 if mixed else 1) and (found := next(waiting, None)):
            running.append(DAYS[kind](system, plan, *found))
            begun += 1
        if not running:
            break
        script = draw.choice(running) if mixed else running[0]
        try:
            next(script)
            continue
        except StopIteration:
            done += 1
        except FateUnknown:
            system.say("结算没有等到答复，留到对账时处理", "a settlement was not answered; left for the evening")
            done += 1
        except Refused as refused:
            begun -= 1
            system.counts["refused"] += 1
            system.say(refused.text("zh"), refused.text("en"))
        running.remove(script)
    system.counts["visits"] += done


def _known(system: System, patient: Patient) -> str:
    output = system.ask("1101", {"data": {
        "mdtrt_cert_type": "02", "mdtrt_cert_no": patient.number, "psn_cert_type": "01", "certno": patient.number,
        "psn_name": patient.name,
    }})  # fmt: skip
    number: str = output["baseinfo"]["psn_no"]
    return number


def _lines(told: Mapping[str, str], days: Sequence[date], items: Sequence[Item], mark: str) -> list[dict[str, Any]]:
    charged = [(day, item) for day in days for item in items]
    return [
        {
            "feedetl_sn": f"{mark}-{k}", **told, "med_type": "21", "fee_ocur_time": f"{day} 10:00:00",
            "med_list_codg": item.code, "medins_list_codg": item.code, "det_item_fee_sumamt": yuan(item.fen), "cnt": "1",
            "pric": yuan(item.fen), "bilg_dept_codg": "01", "bilg_dept_name": "内科", "bilg_dr_codg": "D1",
            "bilg_dr_name": "演示医师", "chrg_bchno": mark,
        }
        for k, (day, item) in enumerate(charged)
    ]  # fmt: skip


def _settling(told: Mapping[str, str], lines: Sequence[Mapping[str, Any]], **more: str) -> dict[str, Any]:
    fen = sum(parse_yuan(line["det_item_fee_sumamt"]) for line in lines)
    return {"data": {
        **told, "mdtrt_cert_type": "02", "mdtrt_cert_no": "", "medfee_sumamt": yuan(fen), "psn_setlway": "01",
        "acct_used_flag": "0", "insutype": "390", "mid_setl_flag": "0", "invono": "", **more,
    }}  # fmt: skip


_DISEASE = {"diag_type": "1", "maindiag_flag": "1", "diag_srt_no": "1"}


def inpatient(system: System, plan: Plan, ordinal: int, patient: Patient) -> Script:
    """A stay of three days that ends today: admitted, charged in two uploads, previewed, discharged, settled."""
    psn_no, first = _known(system, patient), plan.today - timedelta(days=2)
    yield
    number = f"{system.run[-10:]}Z{ordinal}"
    output = system.ask("2401", {
        "mdtrtinfo": {
            "psn_no": psn_no, "insutype": "390", "begntime": f"{first} 09:00:00", "mdtrt_cert_type": "02",
            "med_type": "21", "ipt_no": number, "atddr_no": "D1", "chfpdr_name": "演示医师", "adm_diag_dscr": "肺炎",
            "adm_dept_codg": "01", "adm_dept_name": "内科", "adm_bed": "3", "dscg_maindiag_code": "J18.9",
            "dscg_maindiag_name": "肺炎",
        },
        "diseinfo": [{**_DISEASE, "diag_code": "J18.9", "diag_name": "肺炎"}],
    })  # fmt: skip
    told = {"mdtrt_id": str(output["result"]["mdtrt_id"]), "psn_no": psn_no}
    yield
    try:
        lines: list[Any] = []
        for day in (first, plan.today):
            uploaded = _lines(told, [day], plan.items, f"{number}-{day:%d}")
            system.ask("2301", {"feedetail": uploaded})
            lines += uploaded
            yield
        asked = _settling(told, lines, med_type="21")
        system.ask("2303", asked)
        yield
        system.ask("2402", {"dscginfo": {
            **told, "insutype": "390", "endtime": f"{plan.today} 10:00:00", "dscg_dept_codg": "01",
            "dscg_dept_name": "内科", "dscg_way": "1",
        }})  # fmt: skip
        yield
        bill = system.settle("2304", asked)
    except Refused:
        _give_up(system, told, "2302", "2404")
        raise
    if ordinal % TAKEN_BACK == 0:
        yield
        system.take_back("2305", bill)
        yield
        system.settle("2304", asked)


def outpatient(system: System, plan: Plan, ordinal: int, patient: Patient) -> Script:
    """A visit of today: registered, charged, charged wrongly and corrected, previewed, settled."""
    psn_no = _known(system, patient)
    yield
    number = f"{system.run[-10:]}M{ordinal}"
    registering = {
        "psn_no": psn_no, "insutype": "390", "begntime": f"{plan.today} 08:00:00", "mdtrt_cert_type": "02",
        "mdtrt_cert_no": "", "ipt_otp_no": number, "atddr_no": "D1", "dr_name": "演示医师", "dept_code": "01",
        "dept_name": "内科", "caty": "03",
    }  # fmt: skip
    told = {"mdtrt_id": str(system.ask("2201", {"data": registering})["data"]["mdtrt_id"]), "psn_no": psn_no}
    yield
    try:
        if ordinal % TAKEN_BACK == 2:
            # He went home before he was called, and comes back.
            system.ask("2202", {"data": {**told, "ipt_otp_no": number}})
            yield
            told["mdtrt_id"] = str(system.ask("2201", {"data": registering})["data"]["mdtrt_id"])
            yield
        system.ask("2203A", {
            "mdtrtinfo": {**told, "med_type": "11", "begntime": f"{plan.today} 08:00:00"},
            "diseinfo": [{**_DISEASE, "diag_code": "J06.9", "diag_name": "上呼吸道感染"}],
        })  # fmt: skip
        yield
        system.ask("2204", {"feedetail": _lines(told, [plan.today], plan.items, f"{number}-x")})
        yield
        system.ask("2205", {"data": {**told, "chrg_bchno": "0000"}})
        yield
        lines = _lines(told, [plan.today], plan.items[:3], f"{number}-y")
        system.ask("2204", {"feedetail": lines})
        yield
        asked = _settling(told, lines, med_type="11", chrg_bchno=f"{number}-y")
        system.ask("2206A", asked)
        yield
        bill = system.settle("2207A", asked)
    except Refused:
        _give_up(system, told, "2205", "2202")
        raise
    if ordinal % TAKEN_BACK == 0:
        yield
        system.take_back("2208", bill)


def _give_up(system: System, told: Mapping[str, str], *back: str) -> None:
    """What was begun for a patient who is refused is taken back, so that no half visit stays behind."""
    for infno in back:
        with suppress(Refused):
            system.ask(infno, {"data": {**told, "feedetl_sn": "0000", "chrg_bchno": "0000"}})


DAYS: Mapping[str, Callable[[System, Plan, int, Patient], Script]] = {
    "inpatient": inpatient, "outpatient": outpatient,
}  # fmt: skip
