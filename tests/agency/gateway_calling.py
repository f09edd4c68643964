"""A hospital's system as tests play it: messages in the form of the national interface, and the answers."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from django.test import Client
from django.utils import timezone

from tests.agency.world import Place
from yizhan.agency import crypto
from yizhan.agency.gateway.actions import grant
from yizhan.agency.people.models import Person
from yizhan.agency.people.sealing import ID_NUMBER
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.scope import System

GOLDEN = Path(__file__).parent / "gateway_golden"
VOLATILE = {
    "msgid", "omsgid", "inf_refmsgid", "refmsg_time", "respond_time", "mdtrt_id", "setl_id", "psn_no", "setl_time",
    "medins_setl_id", "sign_no", "sign_time", "file_qury_no", "dld_endtime", "age", "certno", "mdtrt_cert_no", "brdy",
    "trt_dcla_detl_sn", "year", "cum_ym", "rid", "dld_end_time", "diag_info_id", "updt_time", "crte_time", "opt_time",
}  # fmt: skip
"""Keys whose values are others in every run."""

SERIAL = count(1)
ADDRESS = "/fsi/api/rsfComIfsService/callService"


@dataclass
class Hospital:
    """An institution's system: `call` sends one message and returns the answer's envelope."""

    institution: Institution
    client: Client = field(default_factory=Client)
    sent: list[dict[str, Any]] = field(default_factory=list)

    def envelope(self, infno: str, content: Any, **more: Any) -> dict[str, Any]:
        """The envelope of a message, as such systems write it."""
        return {
            "infno": infno, "msgid": f"{self.institution.code}20260301080000{next(SERIAL):04d}",
            "mdtrtarea_admvs": "430302", "insuplc_admdvs": "430302", "recer_sys_code": "FSI_LOCAL", "dev_no": "",
            "dev_safe_info": "", "cainfo": "", "signtype": "", "infver": "V1.0", "opter_type": "1", "opter": "0001",
            "opter_name": "窗口甲", "inf_time": "2026-03-01 08:00:00", "fixmedins_code": self.institution.code,
            "fixmedins_name": self.institution.name, "sign_no": "", "input": content, **more,
        }  # fmt: skip

    def call(self, infno: str, content: Any, **more: Any) -> dict[str, Any]:
        """Send a message and read the answer."""
        return self.send(self.envelope(infno, content, **more))

    def send(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send an envelope."""
        self.sent.append(dict(message))
        answer: dict[str, Any] = json.loads(self.post(json.dumps(message, ensure_ascii=False).encode()))
        return answer

    def post(self, body: bytes, *, content_type: str = "text/plain", **headers: str) -> bytes:
        """Send bytes."""
        answer = self.client.post(ADDRESS, body, content_type=content_type, headers=headers or None)
        assert answer.status_code == 200, answer.status_code
        return answer.content

    def ask(self, infno: str, content: Any, **more: Any) -> Any:
        """Send a message that has to be taken, and read its output."""
        answer = self.call(infno, content, **more)
        assert answer["infcode"] == 0, answer["err_msg"]
        return answer["output"]

    def finds(self, number: str, name: str) -> bool:
        """Whether 1101 finds whoever shows this certificate under this name."""
        shown = {"mdtrt_cert_type": "02", "mdtrt_cert_no": number, "psn_name": name}
        return bool(self.ask("1101", {"data": shown})["baseinfo"]["psn_name"] == name)

    def knows(self, *persons: Person) -> None:
        """Look persons up by their certificates, as a hospital does before anything else."""
        for person in persons:
            assert self.finds(certificate(person), person.name)

    def refused(self, infno: str, content: Any, **more: Any) -> str:
        """Send a message that has to be refused; the code of the refusal."""
        answer = self.call(infno, content, **more)
        assert answer["infcode"] == -1, answer
        code: str = answer["err_msg"].rpartition("[")[2].rstrip("]")
        return code


def certificate(person: Person) -> str:
    """The number on somebody's certificate."""
    return crypto.unseal(person.id_sealed, purpose=ID_NUMBER)


def connected(place: Place, profile: str = "none") -> Hospital:
    """The county hospital of a place, let in."""
    grant(place.hospital, profile=profile, acting_user=System("tests"))
    return Hospital(place.hospital)


# --- Golden files -----------------------------------------------------------------------------------------------------


def golden(name: str, hospital: Hospital, answer: Mapping[str, Any]) -> None:
    """Compare the last message and its answer with a file; YIZHAN_WRITE_GOLDEN=1 writes it anew, to be read before it is kept."""
    message = hospital.sent[-1]
    found = {"request": _still(message), "answer": _still(answer)}
    path = GOLDEN / f"{name}.json"
    text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    if os.environ.get("YIZHAN_WRITE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"no golden file {path.name}: YIZHAN_WRITE_GOLDEN=1 writes it"
    assert json.loads(path.read_text(encoding="utf-8")) == json.loads(text), name


def _still(value: Any, key: str = "") -> Any:
    """The same with names in the place of what changes from run to run."""
    if isinstance(value, Mapping):
        return {k: _still(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_still(one, key) for one in value]
    if key in VOLATILE and value not in (None, ""):
        return f"<{key}>"
    if isinstance(value, str):
        value = re.sub(r"[HP][0-9]{8}20260301080000[0-9]{4}", "<msgid>", value)
        value = re.sub(r'"(mdtrt_id|psn_no)": "?[0-9]+"?', r'"\1": "<\1>"', value)
        value = re.sub(r"(?<![0-9])(20[0-9]{6})_[0-9]{4}(?![0-9])", r"\1_<version>", value)
        if key == "err_msg":
            value = re.sub(r"(?<![0-9])[0-9]{10}(?![0-9])", "<psn_no>", value)
        today = timezone.localdate()
        value = value.replace(f'"year":{today.year}', '"year":<year>')
        for days in range(8):
            day: date = today - timedelta(days=days)
            value = value.replace(day.isoformat(), f"<today-{days}>" if days else "<today>")
            value = value.replace(f"{day:%Y%m%d}", f"<day-{days}>" if days else "<day>")
    return value
