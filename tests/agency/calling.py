"""A hospital's system as tests play it: messages in the form of the national interface, and the answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from django.test import Client

from tests.agency.world import Place
from yizhan.agency.gateway.actions import grant
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.scope import System

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

    def refused(self, infno: str, content: Any, **more: Any) -> str:
        """Send a message that has to be refused; the code of the refusal."""
        answer = self.call(infno, content, **more)
        assert answer["infcode"] == -1, answer
        code: str = answer["err_msg"].rpartition("[")[2].rstrip("]")
        return code


def connected(place: Place, profile: str = "none") -> Hospital:
    """The county hospital of a place, let in."""
    grant(place.hospital, profile=profile, acting_user=System("tests"))
    return Hospital(place.hospital)
