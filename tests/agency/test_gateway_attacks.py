"""What somebody tries who is not this institution, or who is and wants more than his own."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import logging
import re
import time
import zipfile
from typing import Any

import pytest
from django.utils import timezone

from tests.agency.caring import BORN, patient, ready
from tests.agency.filing import city_hospital
from tests.agency.gateway_calling import ADDRESS, Hospital, connected
from tests.agency.test_gateway import in_bed, settling
from tests.agency.test_gateway_door import SIGNING_IN, csb, outcome
from tests.agency.test_gateway_filings import referral
from tests.agency.world import World
from yizhan.agency import crypto
from yizhan.agency.desk.logs import Lines
from yizhan.agency.gateway.actions import Granted, grant
from yizhan.agency.gateway.envelope import LONGEST, MOST_NODES
from yizhan.agency.gateway.models import Message, Nonce
from yizhan.agency.gateway.zipped import MOST_ROWS
from yizhan.agency.people.identifiers import synthetic_id
from yizhan.agency.staff.models import Audit
from yizhan.agency.staff.scope import System, acting

ALL = System("tests")
OUTSIDE = "203.119.1.9"


@pytest.fixture
def his(world: World) -> Hospital:
    ready(world.yuhu.hospital, world.yuhu.area)
    return connected(world.yuhu)


def test_without_a_signature_nobody_comes_in_through_a_proxy_or_a_browser(world: World, his: Hospital) -> None:
    inside = [
        ("10.1.2.3", {}), ("192.168.7.1", {}), ("fd00::1", {}), ("::1", {}), ("::ffff:10.0.0.1", {}),
        ("127.0.0.1", {"HTTP_X_FORWARDED_FOR": "10.0.0.7"}), ("10.0.0.1", {"HTTP_X_FORWARDED_FOR": "10.0.0.9, 10.0.0.7"}),
        ("10.0.0.1", {"HTTP_FORWARDED": 'for="[fd00::7]";proto=https, for=10.1.1.1'}),
    ]  # fmt: skip
    outside = [
        (OUTSIDE, {}), (f"::ffff:{OUTSIDE}", {}), ("2001:4860:4860::8888", {}), ("100.64.0.1", {}), ("", {}), ("unix:", {}),
        ("127.0.0.1", {"HTTP_X_FORWARDED_FOR": OUTSIDE}), ("10.0.0.1", {"HTTP_X_FORWARDED_FOR": f"127.0.0.1, {OUTSIDE}"}),
        # What the sender wrote himself stands first, what our proxy added last; a private one does not cover the other.
        ("10.0.0.1", {"HTTP_X_FORWARDED_FOR": f"{OUTSIDE}, 10.0.0.7"}), ("10.0.0.1", {"HTTP_X_FORWARDED_FOR": "unknown"}),
        ("127.0.0.1", {"HTTP_X_REAL_IP": OUTSIDE}), ("127.0.0.1", {"HTTP_FORWARDED": f"for={OUTSIDE};by=10.0.0.1"}),
        ("127.0.0.1", {"HTTP_ORIGIN": "https://evil.example"}), ("10.0.0.1", {"HTTP_ORIGIN": "null"}),
    ]  # fmt: skip
    for address, headers in inside:
        his.client.defaults["REMOTE_ADDR"] = address
        assert outcome(his, his.envelope("9001", SIGNING_IN), **headers) == "ok", (address, headers)
    for address, headers in outside:
        his.client.defaults["REMOTE_ADDR"] = address
        assert outcome(his, his.envelope("9001", SIGNING_IN), **headers) == "source_refused", (address, headers)


def tif(granted: Granted, nonce: str, at: int) -> dict[str, str]:
    made = hashlib.sha256(f"{at}{granted.secret}{nonce}{at}".encode()).hexdigest()
    said = {"PAASID": granted.caller.key_id, "TIMESTAMP": str(at), "NONCE": nonce, "SIGNATURE": made}
    return {f"HTTP_X_TIF_{name}": value for name, value in said.items()}


def ca(granted: Granted, body: bytes, at: int) -> dict[str, str]:
    mac = crypto.SoftwareMachine().hmac_sm3(granted.secret.encode(), f"{at}\n".encode() + body).hex()
    return {"HTTP_X_CA_KEY": granted.caller.key_id, "HTTP_X_CA_SIGNATURE": f"{at}:{mac}"}


def test_a_key_is_good_for_its_institution_and_a_signature_for_its_moment(world: World) -> None:
    own, other = world.yuhu.hospital, world.xiangtan_county.hospital
    his, theirs, now = Hospital(own), Hospital(other), int(time.time())
    for profile in ("csb", "tif", "ca", "token"):
        mine, foreign = (grant(one, profile=profile, acting_user=ALL) for one in (own, other))

        def signed(
            granted: Granted, body: bytes, at: int = now, nonce: str = "n", profile: str = profile
        ) -> dict[str, str]:
            if profile == "csb":
                return csb(granted.caller.key_id, granted.secret, at)
            if profile == "tif":
                return tif(granted, nonce, at)
            if profile == "ca":
                return ca(granted, body, at)
            basic = base64.b64encode(f"{granted.caller.key_id}:{granted.secret}".encode()).decode()
            form = {"username": granted.caller.institution.code, "password": granted.secret}
            answer = his.client.post("/auth/oauth/token", form, headers={"Authorization": f"Basic {basic}"})
            return {"HTTP_AUTHORIZATION": f"Bearer {answer.json()['access_token']}"}

        body = json.dumps(his.envelope("9001", SIGNING_IN)).encode()
        assert outcome(his, body, **signed(mine, body)) == "ok"
        # Another's key, and its key under our key's name.
        assert outcome(his, body, **signed(foreign, body)) == "signature_refused", profile
        crossed = signed(foreign, body)
        for name in ("HTTP__API_ACCESS_KEY", "HTTP_X_TIF_PAASID", "HTTP_X_CA_KEY"):
            if name in crossed:
                crossed[name] = mine.caller.key_id
        assert outcome(his, body, **crossed) == "signature_refused", profile
        if profile != "token":
            assert outcome(his, body, **signed(mine, body, now - 400)) == "message_too_old"
            assert outcome(his, body, **signed(mine, body, now + 400)) == "message_too_old"
        # The same nonce at two institutions is two nonces; at one, it is good for one message.
        again = json.dumps(theirs.envelope("9001", SIGNING_IN)).encode()
        assert outcome(theirs, again, **signed(foreign, again)) == "ok", profile
        for headers in (
            {},
            {"HTTP_AUTHORIZATION": "Bearer"},
            {"HTTP_X_CA_SIGNATURE": ":" * 999},
            {"HTTP__API_SIGNATURE": "é"},
        ):
            assert outcome(his, body, **headers) == "signature_refused", (profile, headers)
    with acting(ALL):
        assert Nonce.objects.count() == 2


def test_a_signed_number_of_the_service_bus_is_that_of_the_body(world: World) -> None:
    granted, now = grant(world.yuhu.hospital, profile="csb", acting_user=ALL), int(time.time())
    his, key = Hospital(world.yuhu.hospital), granted.caller.key_id
    message = his.envelope("9001", SIGNING_IN)
    assert outcome(his, message, **csb(key, granted.secret, now, "fsiService")) == "ok"
    assert outcome(his, message, **csb(key, granted.secret, now, "9001")) == "ok"
    assert outcome(his, message, **csb(key, granted.secret, now, "2304")) == "signature_refused"


def test_bodies_that_grow_when_they_are_read(world: World, his: Hospital) -> None:
    many = his.envelope("2301", {"feedetail": []})
    long = json.dumps(many | {"x": "A" * LONGEST}).encode()
    nodes = json.dumps(many | {"x": [[]] * (MOST_NODES + 1)}).encode()
    for body in (long, nodes, b"[" * 3_000_000, gzip.compress(json.dumps(many).encode())):
        assert outcome(his, body, HTTP_CONTENT_ENCODING="gzip") == "message_unreadable", body[:40]
    assert his.client.post(ADDRESS, b"x" * ((16 << 20) + 1), content_type="text/plain").status_code == 413
    # A file is longer, and what it holds when it is unpacked may be longer still.
    his.ask("9101", {"fsUploadIn": {"in": base64.b64encode(b"\0" * LONGEST).decode(), "filename": "x.zip"}})
    today = str(timezone.localdate())
    for text in ("\n" * (MOST_ROWS + 1), "\t" * 40_000_000):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.txt", text)
        sent = his.ask(
            "9101", {"fsUploadIn": {"in": base64.b64encode(packed.getvalue()).decode(), "filename": "x.zip"}}
        )
        about = {"file_qury_no": sent["file_qury_no"], "stmt_begndate": today, "stmt_enddate": today}
        assert his.refused("3202", {"data": about}) == "file_unreadable"


def test_what_a_message_says_forges_neither_log_nor_trail(
    world: World, his: Hospital, caplog: pytest.LogCaptureFixture
) -> None:
    forged = '甲\n{"level":"error"}\u202e\u2028乙'
    his.ask("1101", {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": number_of(world)}}, opter_name=forged)
    with acting(ALL):
        assert Audit.objects.get(act="person.look_up").officer_name == '医院系统 甲{"level":"error"}乙'
    caplog.set_level(logging.WARNING)
    outcome(his, his.envelope("9001", SIGNING_IN, fixmedins_code='H1\n{"at":"x"}'))
    his.client.post("/auth/oauth/token", {"username": "H1\r\nx: y", "password": "p"})
    lines = [Lines().format(record) for record in caplog.records if record.name.startswith("yizhan")]
    assert len(lines) == 2 and not any("\n" in line for line in lines)
    assert all(json.loads(line)["level"] == "warning" for line in lines)


def number_of(world: World) -> str:
    patient(world)
    return synthetic_id("430302", BORN, 1)


def test_a_refusal_does_not_tell_what_another_has(world: World, his: Hospital) -> None:
    """What is another's and what is nowhere get the same words."""
    ready(world.xiangtan_county.hospital, world.xiangtan_county.area)
    other, person = connected(world.xiangtan_county), patient(world)
    told = in_bed(other, person)
    setl_id = other.ask("2304", settling(told, "20000.00"))["setlinfo"]["setl_id"]
    filed = other.ask("2501", referral(person, city_hospital(world).code))["result"]["trt_dcla_detl_sn"]
    file = other.ask("9101", {"fsUploadIn": {"in": "AAAA", "filename": "x"}})["file_qury_no"]
    psn_no, period = person.number, {"stmt_begndate": "2026-01-01", "stmt_enddate": "2026-01-02"}
    asked: list[tuple[str, str, Any]] = [
        (told["mdtrt_id"], infno, lambda number: {"data": {"mdtrt_id": number, "psn_no": psn_no, "setl_id": setl_id}})
        for infno in ("2202", "2205", "2302", "2303", "2304", "2305", "2404", "2405", "5202", "5203", "5204")
    ]
    asked += [(setl_id, infno, lambda number: {"data": {"setl_id": number, "mdtrt_id": told["mdtrt_id"], "psn_no": psn_no}})
              for infno in ("2305", "2208", "2103", "5203", "5204")]  # fmt: skip
    asked += [(filed, "2502", lambda number: {"data": {"trt_dcla_detl_sn": number, "psn_no": psn_no}})]
    asked += [(file, "9102", lambda number: {"fsDownloadIn": {"file_qury_no": number}})]
    asked += [(file, "3202", lambda number: {"data": {"file_qury_no": number, **period}})]
    for number, infno, content in asked:
        nowhere = number[:-1] + ("8" if number[-1] == "7" else "7") if len(number) > 4 else "987654"
        words = []
        for one in (number, nowhere):
            answer = his.call(infno, content(one))
            assert answer["infcode"] == -1, (infno, answer)
            words.append(re.sub("[0-9A-F]*[0-9][0-9A-F]*", "N", answer["err_msg"]))
        assert words[0] == words[1], infno
    # Its message number is free here, and undoing it does nothing there.
    his.ask("2601", {"data": {"psn_no": psn_no, "omsgid": other.sent[3]["msgid"], "oinfno": other.sent[3]["infno"]}})
    assert other.ask("5203", {"data": {**told, "setl_id": setl_id}})["setlinfo"]["refd_setl_flag"] == "0"
    with acting(ALL):
        assert Message.objects.filter(institution=other.institution, taken=True).count() == len(other.sent)
