"""1101: who somebody is, what he is insured by, and which identities he holds."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange

from yizhan.agency.enrolment.queries import insured_periods
from yizhan.agency.gateway import codes
from yizhan.agency.gateway.envelope import Node
from yizhan.agency.gateway.errors import CertificateNotRead, PersonUnknown
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.people.identifiers import KINDS, mask_identifier, read_identifier
from yizhan.agency.people.models import IDENTITY_WORDS, IdentityMark, Person
from yizhan.agency.people.names import same_name
from yizhan.agency.people.sealing import number_hash
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.rights import Right

CREDENTIALS = {
    "01": ("医保电子凭证", "an electronic credential"),
    "03": ("社会保障卡", "a social security card"),
}
"""Kinds of mdtrt_cert_type that hold no certificate number, and what they are."""


@transaction("1101", "人员信息获取", "person information", Right.PERSON_LOOK_UP)
def person_information(call: Call) -> Any:
    """Found by the number of a certificate; the name has to fit where one is said. Every question is recorded."""
    with call.reading() as root:
        data = root.node("data")
        kind, number = certificate_of(call, data)
        name = data.text("psn_name", most=60)
        since = data.day("begntime")
    identifier = read_identifier(kind, number, call.today)
    row = Person.objects.filter(id_hash=number_hash(identifier)).select_related("merged_into").first()
    person = (row.merged_into or row) if row is not None and (not name or same_name(row.name, name)) else None
    record(
        "person.look_up", person, person_id=person.pk if person else None, found=person is not None,
        acting_user=call.machine,
    )  # fmt: skip
    if person is None:
        raise PersonUnknown(asked=mask_identifier(identifier.value))
    call.person_id = person.pk
    return {
        "baseinfo": base_of(call, person, identifier.value),
        "insuinfo": insured_of(call, person),
        "idetinfo": identities_of(call, person, since or call.today),
    }


def certificate_of(call: Call, data: Node) -> tuple[str, str]:
    """(kind, number) of the certificate that a message names. Raises CertificateNotRead."""
    how = data.text("mdtrt_cert_type", most=3)
    shown = data.text("mdtrt_cert_no")
    said = data.text("certno", most=50)
    if how in CREDENTIALS and not said:
        # The cards of the third generation show the resident number; a cipher text may follow it.
        number = shown.partition("|")[0].strip()
        if how != "03" or len(number) != 18:
            zh, en = CREDENTIALS[how]
            raise CertificateNotRead(what_zh=zh, what_en=en)
        return "resident_id", number
    if not said and not shown:
        data.text("mdtrt_cert_no", need=True)
        return "resident_id", ""
    kind = call.code("cert_kind", data.text("psn_cert_type", most=6).zfill(2)) if said else "resident_id"
    return kind if kind in KINDS else "resident_id", said or shown


def base_of(call: Call, person: Person, number: str) -> dict[str, Any]:
    """baseinfo. The number is the one that was asked by, so that nothing is shown that the sender did not know."""
    return {
        "psn_no": person.number,
        "psn_cert_type": call.code("cert_type", person.id_kind, "99"),
        "certno": number,
        "psn_name": person.name,
        "gend": call.code("sex", person.sex, "9"),
        "naty": None,
        "brdy": person.born_on.isoformat(),
        "age": person.age_on(call.today),
        "exp_content": None,
    }


def person_type(call: Call, person: Person, scheme: str) -> str:
    """psn_type: employees apart, residents by age."""
    if scheme == "employee":
        return call.code("person_type", "employee")
    age = person.age_on(call.today)
    return call.code("person_type", "minor" if age < 18 else "old" if age >= 60 else "adult")


NORMAL, PAUSED, ENDED = "1", "2", "4"
"""psn_insu_stas."""


def insured_of(call: Call, person: Person) -> list[dict[str, Any]]:
    """insuinfo: a row for each scheme, with its latest period."""
    rows: dict[str, dict[str, Any]] = {}
    for period in insured_periods(person):
        over = period.to_on is not None and period.to_on < call.today
        ahead = period.from_on > call.today
        if ahead and period.scheme in rows and rows[period.scheme]["psn_insu_stas"] == NORMAL:
            continue
        rows[period.scheme] = {
            "balc": 0,
            "insutype": call.code("insutype", period.scheme),
            "psn_type": person_type(call, person, period.scheme),
            "psn_insu_stas": ENDED if over else PAUSED if ahead else NORMAL,
            "psn_insu_date": period.from_on.isoformat(),
            "paus_insu_date": period.to_on.isoformat() if over and period.to_on else None,
            "cvlserv_flag": "0",
            "insuplc_admdvs": codes.division(person.area_path),
            "emp_name": None,
        }
    return list(rows.values())


def identities_of(call: Call, person: Person, since: date) -> list[dict[str, Any]]:
    """idetinfo: every period of an identity that reaches a day or lies after it, as known now."""
    marks = IdentityMark.objects.known().filter(person=person, valid__overlap=DateRange(since, None))
    return [
        {
            "psn_idet_type": call.code("identity", mark.identity, "99"),
            "psn_type_lv": None,
            "memo": IDENTITY_WORDS[mark.identity].zh,
            "begntime": f"{mark.valid.lower} 00:00:00",
            "endtime": f"{mark.valid.upper - timedelta(days=1)} 23:59:59" if mark.valid.upper else None,
        }
        for mark in marks.order_by("valid", "identity")
    ]
