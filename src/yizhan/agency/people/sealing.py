"""A person's numbers as they are stored: sealed, hashed to be found again, masked to be shown.

A hash says which number it is, not on which certificate: the resident ID is the same number on the card, in the household
register and on the certificate of disability, and whoever was registered by one of them is found by all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from yizhan.agency import crypto
from yizhan.agency.people.identifiers import KINDS, Identifier, mask_account, mask_identifier, mask_phone

ID_NUMBER, PHONE, ACCOUNT = "person.id_number", "person.phone", "account.number"
"""Purposes of the seals, by column."""

_EIGHTEEN = re.compile(r"[0-9]{17}[0-9X]")


@dataclass(frozen=True, slots=True)
class Stored:
    """A number as its columns hold it."""

    sealed: str
    mask: str


def number_hash(identifier: Identifier) -> bytes:
    """What `Person.id_hash` holds for this number."""
    return number_hashes([identifier])[0]


def number_hashes(identifiers: Iterable[Identifier]) -> list[bytes]:
    """`number_hash` of many, in their order."""
    return crypto.lookups((_told_apart(i.kind, i.value) for i in identifiers), ID_NUMBER)


def possible_hashes(value: str) -> list[bytes]:
    """The hashes of a normalised number on whichever certificate it may stand; always of the same length."""
    return crypto.lookups((_told_apart(kind, value) for kind in KINDS), ID_NUMBER)


def resident_hashes(values: Sequence[str]) -> list[bytes]:
    """The hashes of resident IDs, in their order."""
    return crypto.lookups((_told_apart("resident_id", value) for value in values), ID_NUMBER)


def _told_apart(kind: str, value: str) -> str:
    if kind == "disability" and _EIGHTEEN.fullmatch(value[:18]):
        value = value[:18]
    return f"resident_id:{value}" if _EIGHTEEN.fullmatch(value) else f"{kind}:{value}"


def stored_number(identifier: Identifier) -> Stored:
    """The number of a certificate, for `id_sealed` and `id_mask`."""
    return Stored(crypto.seal(identifier.value, purpose=ID_NUMBER), mask_identifier(identifier.value))


def stored_phone(value: str) -> Stored:
    """A telephone, for `phone_sealed` and `phone_mask`; of none, nothing."""
    return Stored(crypto.seal(value, purpose=PHONE), mask_phone(value)) if value else Stored("", "")


def stored_account(value: str) -> Stored:
    """A bank account, for `account_sealed` and `account_mask`."""
    return Stored(crypto.seal(value, purpose=ACCOUNT), mask_account(value))
