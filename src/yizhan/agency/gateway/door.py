"""The door: a message is taken once, by whom it says, wholly or not at all; and its answer is kept with what it did.

    handle(Incoming) → Reply

What a message changes, its answer and its number are written in one transaction. Whoever sends it again gets the first
answer byte for byte; two copies that come at once do the work twice and write it once, since the number is unique. A
refusal writes nothing but a note of itself, and does not use up the number: after a lost answer, sending the same message
again is always right.
"""

from __future__ import annotations

import base64
import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, OperationalError
from django.utils import timezone
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled

from yizhan.agency import crypto
from yizhan.agency.care.errors import Busy
from yizhan.agency.care.settling import LIMITS, WAIT_SECONDS
from yizhan.agency.gateway import codes, profiles, registry
from yizhan.agency.gateway import envelope as envelopes
from yizhan.agency.gateway.envelope import Envelope
from yizhan.agency.gateway.errors import Fault, MessageVoid, NotConnected, NumberUsed, SignatureRefused, SignInNeeded
from yizhan.agency.gateway.limits import within
from yizhan.agency.gateway.models import MESSAGE, Message, Nonce, SignIn
from yizhan.agency.gateway.tokens import refuse_token
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.models import Institution
from yizhan.agency.staff.scope import Machine, acting, demand
from yizhan.agency.statements import insert, prepared
from yizhan.errors import InputProblem, Problem, Problems

log = logging.getLogger(__name__)

IN_THE_WAY = (LockNotAvailable, QueryCanceled, DeadlockDetected)
"""What the database says where somebody else is at work on the same person for too long."""

JSON_TYPE = "application/json;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came: bytes, path, headers as WSGI has them, address of the sender."""

    body: bytes
    path: str
    headers: Mapping[str, Any] = field(repr=False)
    source: str
    lang: str = "zh"
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back."""

    body: bytes
    content_type: str = JSON_TYPE


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows when a message comes: the caller, its institution, an earlier message of this number, and the
    number under which this one will be kept.
    """

    institution: Institution
    caller: Mapping[str, Any]
    former_holds: bool
    first: Mapping[str, Any] | None
    void: bool
    number: int

    @property
    def key(self) -> profiles.Key:
        """The caller's keys that hold."""
        sealed = (self.caller["secret_sealed"], self.caller["former_sealed"] if self.former_holds else "")
        return profiles.Key(self.institution.code, self.caller["key_id"], sealed, self.caller["public_key"])


def handle(incoming: Incoming) -> Reply:
    """Answer a message."""
    received = timezone.localtime()
    try:
        envelope = envelopes.read(incoming.body, incoming.charset)
    except (Problems, InputProblem) as refused:
        return _refusal(refused, received, incoming.lang)
    known = None
    try:
        known = _known(envelope)
        if known is None:
            raise NotConnected(institution=envelope.institution)
        opened = _open(envelope, known, incoming, received)
        return _heard(envelope, opened, known, incoming, received)
    except (Problems, InputProblem) as refused:
        # Whoever sent it did not show that he is this institution: nothing is kept under its name.
        log.warning("not let in: institution %s: %s", envelope.institution, _problems(refused)[0].code)
        return _refusal(refused, received, incoming.lang, known)
    except Exception:
        number = secrets.token_hex(4).upper()
        log.exception("fault %s in message %s", number, envelope.infno)
        return _refusal(Fault(number=number), received, incoming.lang, known)


def _open(envelope: Envelope, known: Known, incoming: Incoming, received: datetime) -> profiles.Opened:
    """Check who sends, and read what is sent."""
    profile = known.caller["profile"]
    proof = profiles.Proof(
        incoming.headers, incoming.body, incoming.source, received, envelope.input, envelope.whole
    )  # fmt: skip
    if profile == "token":
        refuse_token(known.institution, incoming.headers, received)
    opened = profiles.check(profile, known.key, proof)
    if nonce := profiles.nonce_of(profile, incoming.headers):
        _refuse_nonce(nonce, envelope, known, received)
    return opened


def _refuse_nonce(nonce: str, envelope: Envelope, known: Known, received: datetime) -> None:
    """A nonce belongs to one message: with its headers nobody sends another. The same message again is no harm."""
    with acting(machine_of(envelope, known)):
        old = received - timedelta(minutes=3 * profiles.WINDOW_MINUTES)
        Nonce.objects.filter(institution=known.institution, at__lt=old).delete()
        row, made = Nonce.objects.get_or_create(
            institution=known.institution, nonce=nonce,
            defaults={"msgid": envelope.msgid, "area_path": known.institution.area_path, "at": received},
        )  # fmt: skip
    if not made and row.msgid != envelope.msgid:
        raise SignatureRefused(why_zh="x-tif-nonce 已经用过", why_en="x-tif-nonce was used before")


def _heard(envelope: Envelope, opened: profiles.Opened, known: Known, incoming: Incoming, received: datetime) -> Reply:
    """Answer a message of somebody who showed who he is; a refusal is kept."""
    try:
        with within(known.institution.pk, a_second=known.caller["a_second"], at_once=known.caller["at_once"]):
            try:
                return _once(envelope, opened, known, incoming, received)
            except OperationalError as error:
                if isinstance(error.__cause__, IN_THE_WAY):
                    raise Busy(seconds=WAIT_SECONDS) from None
                raise
    except (Problems, InputProblem) as refused:
        _note(refused, envelope, known, incoming, received)
        return _refusal(refused, received, incoming.lang, known)


def _known(envelope: Envelope) -> Known | None:
    with prepared() as cursor:
        cursor.execute("select * from gateway_door(%s::text, %s::text)", [envelope.institution, envelope.msgid])
        row = cursor.fetchone()
    if row is None:
        return None
    caller, institution, former_holds, first, void, number = row
    caller, institution, first = _json(caller), _json(institution), _json(first)
    if institution["ended_on"]:
        institution["ended_on"] = date.fromisoformat(institution["ended_on"])
    return Known(Institution(**institution), caller, former_holds, first, void, number)


def _json(value: Any) -> Any:
    return envelopes.stored(value) if isinstance(value, str) else value


def _once(envelope: Envelope, opened: profiles.Opened, known: Known, incoming: Incoming, received: datetime) -> Reply:
    """Take the message, or give the answer that it got before."""
    digest = crypto.digest(envelopes.said(envelope, opened.content)).hex()
    for attempt in range(TRIES):
        if known.void:
            raise MessageVoid(msgid=envelope.msgid)
        if known.first is not None:
            if known.first["digest"] != digest:
                raise NumberUsed(msgid=envelope.msgid, infno=known.first["infno"])
            if known.first["answer"]:
                return Reply(crypto.unseal(known.first["answer"], purpose=MESSAGE, row=str(known.first["id"])).encode())
        try:
            return _take(envelope, opened, digest, known, incoming, received)
        except (Problems, InputProblem, IntegrityError) as failed:
            # A copy of the message may have come first, and what it did is in the way: then its answer is there by now,
            # since both are written at once. What this one did is undone.
            again = _known(envelope)
            nothing = again is None or (again.first is None and not again.void)
            if nothing and (not isinstance(failed, IntegrityError) or attempt + 1 == TRIES):
                raise
            known = again or known
    raise AssertionError("unreachable")


TRIES = 3
"""How often a message is begun anew that met another one in the middle."""


def machine_of(envelope: Envelope, known: Known) -> Machine:
    """Who acts: the hospital's system, for one of its operators."""
    # The audit trail shows the name: nothing in it may look like something else.
    who = "".join(c for c in envelope.operator_name or envelope.operator if c.isprintable()) or "?"
    return Machine(f"医院系统 {who}"[:60], known.institution.area_path, known.institution.pk, known.number)


def _take(
    envelope: Envelope, opened: profiles.Opened, digest: str, known: Known, incoming: Incoming, received: datetime
) -> Reply:
    transaction = registry.found(envelope.infno)
    machine = machine_of(envelope, known)
    # What settles works under the locks and limits of settling from the beginning, so that the database is told once.
    limits = LIMITS if transaction.alone else {}
    with acting(machine, across_institutions=transaction.alone, limits=limits):
        demand(machine, transaction.right)
        if known.caller["sign_check"] != "off" and envelope.infno != "9001":
            _refuse_unsigned(envelope, known, received)
        call = registry.Call(envelope, known.institution, machine, received, received.date(), opened.content)
        output = transaction.act(call)
        again = known.first is not None
        download = isinstance(output, registry.Download)
        body = bytes(output) if download else _answer(known, received, opened, output=output, warnings=call.warnings)
        if not again:
            _keep(call, digest, known, incoming, answer="" if download else body.decode())
    return Reply(body, "application/octet-stream" if download else JSON_TYPE)


def _refuse_unsigned(envelope: Envelope, known: Known, received: datetime) -> None:
    rows = SignIn.objects.filter(institution=known.institution, number=envelope.sign_no, ended_at=None)
    found = rows.first() if envelope.sign_no else None
    if found is None:
        raise SignInNeeded(why_zh="没有填，或者无效", why_en="is missing or not one of ours")
    of_today = timezone.localdate(found.at) == received.date()
    if known.caller["sign_check"] == "operator" and (found.operator != envelope.operator or not of_today):
        raise SignInNeeded(why_zh="不是这个操作员当日的", why_en="is not this operator's of today")


def _answer(
    known: Known, received: datetime, opened: profiles.Opened, *, output: Any, warnings: Sequence[str]
) -> bytes:
    enctype = None
    if opened.sealed_with and output is not None:
        plain = json.dumps(output, ensure_ascii=False, separators=(",", ":")).encode()
        output = base64.b64encode(crypto.machine().sm4_seal(opened.sealed_with, plain)).decode()
        enctype = "SM4"
    return envelopes.answer(
        reference=reference_of(known, received), received=received, answered=timezone.localtime(), output=output,
        warning="；".join(warnings) or None, as_text=known.caller["code_as_text"], enctype=enctype,
    )  # fmt: skip


def reference_of(known: Known, received: datetime) -> str:
    """inf_refmsgid: division (6), instant (14), and the number of the message (10)."""
    return f"{codes.division(known.institution.area_path)}{received:%Y%m%d%H%M%S}{known.number:010d}"


def _keep(call: registry.Call, digest: str, known: Known, incoming: Incoming, *, answer: str) -> None:
    row = _row(call.envelope, known, incoming, call.received, digest=digest, taken=True)
    row.person_id, row.visit_id = call.person_id, call.visit_id
    row.answer_sealed = crypto.seal(answer, purpose=MESSAGE, row=str(known.number)) if answer else ""
    insert([row])


def _row(
    envelope: Envelope, known: Known, incoming: Incoming, received: datetime, *, digest: str, taken: bool
) -> Message:
    took = timezone.now() - received
    return Message(
        id=known.number, institution_id=known.institution.pk, area_path=known.institution.area_path,
        infno=envelope.infno, msgid=envelope.msgid, digest=digest, taken=taken, operator=envelope.operator,
        operator_name=envelope.operator_name, reference=reference_of(known, received),
        request_sealed=crypto.seal(
            envelopes.decoded(incoming.body, incoming.charset), purpose=MESSAGE, row=str(known.number)
        ),
        received_at=received, milliseconds=max(0, round(took.total_seconds() * 1000)),
    )  # fmt: skip


def _note(
    refused: Problems | InputProblem, envelope: Envelope, known: Known, incoming: Incoming, received: datetime
) -> None:
    """Keep a refused message, and record the refusal. Too many messages are not kept: that would be the work saved."""
    problems = _problems(refused)
    codes = [problem.code for problem in problems]
    if "too_many_messages" in codes:
        return
    machine = machine_of(envelope, known)
    with acting(machine):
        row = _row(envelope, known, incoming, received, digest="", taken=False)
        row.codes = codes
        found = {"problems": [{"code": p.code, "zh": p.text("zh"), "en": p.text("en")} for p in problems]}
        row.answer_sealed = crypto.seal(json.dumps(found, ensure_ascii=False), purpose=MESSAGE, row=str(known.number))
        insert([row])
        record("message.refuse", outcome="refused", infno=envelope.infno, codes=codes, acting_user=machine)


def _problems(refused: Problems | InputProblem) -> Sequence[Problem]:
    return refused.problems if isinstance(refused, Problems) else [refused]


def _refusal(refused: Problems | InputProblem, received: datetime, lang: str, known: Known | None = None) -> Reply:
    return Reply(
        envelopes.answer(
            reference=None, received=received, answered=timezone.localtime(), problems=_problems(refused), lang=lang,
            as_text=bool(known and known.caller["code_as_text"]),
        )
    )  # fmt: skip
