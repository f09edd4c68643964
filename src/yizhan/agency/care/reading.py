"""A file of past bills: JSON, each with the person's number and name, the hospital's code and a claim of docs/settle.md."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from yizhan.agency.care.errors import BillsUnreadable, InstitutionNotFound, PersonNotFound
from yizhan.agency.people.identifiers import mask_identifier, read_identifier
from yizhan.agency.people.models import Person
from yizhan.agency.people.names import same_name
from yizhan.agency.people.sealing import number_hash
from yizhan.agency.staff.models import Institution
from yizhan.errors import Problem, Problems


def _no_number(word: str) -> None:
    raise ValueError(word)


MOST_BYTES = 10_000_000
MOST_BILLS = 5_000


def read_bills(data: bytes, today: date) -> list[dict[str, Any]]:
    """[{person, institution, claim}] with ids instead of numbers, so that no number is stored with the work.

    Raises Problems with everything that is wrong: no JSON, unknown persons (a wrong name and an unknown number alike),
    unknown institutions.
    """
    if len(data) > MOST_BYTES:
        raise Problems([BillsUnreadable(why=f"> {MOST_BYTES // 1_000_000} MB")])
    try:
        bills = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)["bills"]
        if "\\u0000" in json.dumps(bills) or not json.dumps(bills, ensure_ascii=False).encode():
            raise ValueError("NUL")  # the database keeps neither that nor half a character, which cannot be encoded
        if (
            not isinstance(bills, list)
            or not 0 < len(bills) <= MOST_BILLS
            or not all(isinstance(b, dict) for b in bills)
        ):
            raise ValueError(f"1 – {MOST_BILLS}")
        wanted = [(str(b["id_number"]), str(b["name"]), str(b["institution"]), dict(b["claim"])) for b in bills]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Problems([BillsUnreadable(why=str(error)[:80])]) from None
    problems: list[Problem] = []
    hashes: list[bytes | None] = []
    for k, (number, _, _, _) in enumerate(wanted):
        try:
            hashes.append(number_hash(read_identifier("resident_id", number, today)))
        except Problem as refused:
            refused.at = f"bills[{k}]"
            problems.append(refused)
            hashes.append(None)
    living = Person.objects.filter(merged_into=None, id_hash__in=[h for h in hashes if h])
    people = {bytes(p.id_hash): p for p in living}
    codes = {code for _, _, code, _ in wanted}
    institutions = dict(Institution.objects.filter(code__in=codes).values_list("code", "id"))
    found = []
    for k, ((number, name, code, claim), key) in enumerate(zip(wanted, hashes, strict=True)):
        person = people.get(key) if key else None
        if key and (person is None or not same_name(person.name, name)):
            problems.append(PersonNotFound(at=f"bills[{k}]", mask=mask_identifier(number)))
        if code not in institutions:
            problems.append(InstitutionNotFound(at=f"bills[{k}]", code=code))
        if person is not None and code in institutions:
            found.append({"person": person.pk, "institution": institutions[code], "claim": claim})
    if problems:
        raise Problems(problems)
    return found
