"""The other side of a message: a 2304 as a hospital's system writes and signs it. Pure; for measuring (`./yizhan bench settle`)."""

from __future__ import annotations

import json
from typing import Any

from yizhan.agency.crypto import SoftwareMachine


def message(institution: str, visit: int, person: str, total: str) -> bytes:
    """A 2304, as hospitals' systems write it."""
    envelope: dict[str, Any] = {
        "infno": "2304", "msgid": f"{institution}20260301{visit:010d}", "mdtrtarea_admvs": "430302", "insuplc_admdvs": "430302",
        "recer_sys_code": "HIS", "dev_no": "", "dev_safe_info": "", "cainfo": "", "signtype": "", "infver": "V1.0",
        "opter_type": "1", "opter": "0001", "opter_name": "示例窗口", "inf_time": "2026-03-01 08:00:00",
        "fixmedins_code": institution, "fixmedins_name": "示例医院", "sign_no": "",
        "input": {
            "data": {
                "psn_no": person, "mdtrt_cert_type": "02", "mdtrt_cert_no": "", "medfee_sumamt": total, "psn_setlway": "01",
                "mdtrt_id": str(visit), "acct_used_flag": "0", "insutype": "390", "invono": "", "mid_setl_flag": "0",
            }
        },
    }  # fmt: skip
    return json.dumps(envelope, ensure_ascii=False).encode()


def signed(body: bytes, *, key_id: str, secret: str, at: int) -> str:
    """Header lines of the profile `ca`: HMAC-SM3 over the time and the whole body."""
    mac = SoftwareMachine().hmac_sm3(secret.encode(), f"{at}\n".encode() + body).hex()
    return f"x-ca-key: {key_id}\r\nx-ca-signature: {at}:{mac}\r\n"
