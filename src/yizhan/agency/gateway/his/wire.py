"""The line between a hospital and the platform, with the faults that lines have.

An answer is lost after the message went out, or the message itself on its way; the sender cannot tell which. A copy of
a message comes twice, or late, after others. The draws are seeded: the same seed does the same to the same day.
"""

from __future__ import annotations

import base64
import http.client
import json
import random
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from yizhan.agency import crypto
from yizhan.agency.gateway.errors import AddressWrong, NotReached

PATH = "/fsi/api/rsfComIfsService/callService"
TIMEOUT = 60.0


class Lost(Exception):
    """No answer was read. Nobody here knows whether the message was carried out."""


@dataclass(frozen=True, slots=True)
class Signer:
    """How messages show who sends them (`gateway.profiles`)."""

    profile: str = "none"
    key_id: str = ""
    secret: str = field(default="", repr=False)
    private: int = field(default=0, repr=False)
    """SM2 private key, for the profile `token`; 0: its messages carry no signature of their own."""

    def body(self, plain: bytes) -> bytes:
        """The body as it is sent: with the profile `token` the input signed and encrypted."""
        if self.profile != "token":
            return plain
        message, software = json.loads(plain), crypto.SoftwareMachine()
        text = json.dumps(message["input"], ensure_ascii=False).encode()
        if self.private:
            signature = crypto.sm2_signed(self.private, self.key_id.encode(), text)
            message |= {"signtype": "SM2", "cainfo": base64.b64encode(signature).decode()}
        sealed = base64.b64encode(software.sm4_seal(self.key_id.encode()[:16], text)).decode()
        return json.dumps(message | {"enc_type": "SM4", "input": sealed}, ensure_ascii=False).encode()

    def opened(self, answer: bytes) -> bytes:
        """The answer with its output in clear."""
        if self.profile != "token" or not answer.startswith(b"{"):
            return answer
        told = json.loads(answer)
        if told.get("enctype") != "SM4":
            return answer
        text = crypto.SoftwareMachine().sm4_open(self.key_id.encode()[:16], base64.b64decode(told["output"]))
        return json.dumps(told | {"output": json.loads(text)}, ensure_ascii=False).encode()

    def headers(self, body: bytes, infno: str) -> dict[str, str]:
        """The headers of one message, signed now."""
        now, key, software = str(int(time.time())), self.secret.encode(), crypto.SoftwareMachine()
        if self.profile == "csb":
            said = {
                "_api_access_key": self.key_id, "_api_name": infno, "_api_timestamp": f"{now}000", "_api_version": "1.0.0",
            }  # fmt: skip
            text = "&".join(f"{name}={value}" for name, value in said.items()).encode()
            return said | {"_api_signature": base64.b64encode(software.hmac_sha1(key, text)).decode()}
        if self.profile == "tif":
            nonce = secrets.token_hex(12)
            text = f"{now}{self.secret}{nonce}{now}".encode()
            return {
                "x-tif-paasid": self.key_id, "x-tif-timestamp": now, "x-tif-nonce": nonce,
                "x-tif-signature": crypto.digest(text).hex(),
            }  # fmt: skip
        if self.profile == "ca":
            mac = software.hmac_sm3(key, f"{now}\n".encode() + body).hex()
            return {"x-ca-key": self.key_id, "x-ca-signature": f"{now}:{mac}"}
        return {}


@dataclass
class Faults:
    """What goes wrong, each in so many of 100 messages."""

    lost: float = 0
    repeat: float = 0
    reorder: float = 0
    seed: int = 1
    draw: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)

    def happens(self, share: float) -> bool:
        """Draw. Nothing is drawn for what never happens."""
        return share > 0 and self.draw.random() * 100 < share


@dataclass
class Wire:
    """One address, as seen by one institution."""

    address: str
    institution: str
    signer: Signer = field(default_factory=Signer)
    faults: Faults = field(default_factory=Faults)
    _token: str = ""
    _token_until: float = 0

    def __post_init__(self) -> None:
        parts = urlsplit(self.address if "//" in self.address else f"http://{self.address}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AddressWrong(address=self.address)
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._path = parts.path if parts.path.strip("/") else PATH

    def reach(self, patience: float) -> None:
        """Wait until the platform can be reached. Raises NotReached."""
        deadline = time.monotonic() + patience
        while True:
            try:
                connection = self._connection()
                connection.connect()
                connection.close()
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise NotReached(address=self.address, why=error.strerror or type(error).__name__) from None
                time.sleep(0.2)

    def post(self, body: bytes, infno: str, *, faulty: bool = True) -> bytes:
        """The answer's bytes. Raises Lost."""
        lost = faulty and self.faults.happens(self.faults.lost)
        if lost and self.faults.draw.random() < 0.5:
            raise Lost("on its way there")
        sent = self.signer.body(body)
        headers = {"Content-Type": "text/plain;charset=UTF-8", **self._headers(sent, infno)}
        status, answer = self._send(self._path, sent, headers)
        if status >= 500:
            raise Lost(f"HTTP {status}")
        if lost:
            raise Lost("on its way back")
        return self.signer.opened(answer)

    def _headers(self, body: bytes, infno: str) -> dict[str, str]:
        if self.signer.profile != "token":
            return self.signer.headers(body, infno)
        if time.monotonic() > self._token_until:
            self._ask_token()
        return {"Authorization": f"Bearer {self._token}"}

    def _ask_token(self) -> None:
        """Ask for a token, and for another when half of its time is over."""
        basic = base64.b64encode(f"{self.signer.key_id}:{self.signer.secret}".encode()).decode()
        form = urlencode({"username": self.institution, "password": self.signer.secret}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {basic}"}
        status, answer = self._send("/auth/oauth/token", form, headers)
        if status != 200:
            raise NotReached(address="/auth/oauth/token", why=f"HTTP {status}")
        told = json.loads(answer)
        self._token, self._token_until = told["access_token"], time.monotonic() + told["expires_in"] / 2

    def _send(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            connection.request("POST", path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Lost(str(error) or type(error).__name__) from None
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=TIMEOUT)
