"""Persons, visits and settlements by the numbers of the interface, each within what the institution may see.

Settling works across institutions; so everything here names the institution itself and does not lean on row security alone.
"""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from yizhan.agency.care.models import Settlement, Visit
from yizhan.agency.gateway.errors import CertificateNotShown, PersonUnknown, SettlementUnknown, VisitUnknown, WrongCare
from yizhan.agency.gateway.models import Message, Told
from yizhan.agency.gateway.registry import Call
from yizhan.agency.people.models import Person
from yizhan.agency.people.sealing import possible_hashes
from yizhan.agency.statements import Columns, prepared
from yizhan.engine.facts import FACTS

_MOST = 2**63 - 1


def number(text: str) -> int:
    """A number of ours from its text; 0 where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) <= _MOST else 0


def person_of(call: Call, psn_no: str) -> Person:
    """The person of a number, or the one with whom it was merged. Raises PersonUnknown."""
    found = Person.objects.select_related("merged_into").filter(pk=number(psn_no)).first()
    if found is None:
        raise PersonUnknown(asked=psn_no)
    found = found.merged_into or found
    call.person_id = found.pk
    return found


def refuse_unknown(call: Call, person: Person, certificate: str = "") -> None:
    """Persons' numbers run on and can be guessed. So the institution has to show that it knows the person's certificate: it names
    its number now, or looked the person up by it (1101), or registered a visit, which asked the same. Raises CertificateNotShown.
    """
    # What stands behind a bar is a card's cipher text.
    if bytes(person.id_hash) in possible_hashes(certificate.partition("|")[0].strip().upper()):
        return
    ids = [person.pk, *Person.objects.filter(merged_into=person).values_list("pk", flat=True)]
    own = {"institution_id": call.machine.institution_id}
    if Message.objects.filter(**own, infno="1101", taken=True, person_id__in=ids).exists():
        return
    if not Told.objects.filter(**own, visit__person__in=ids).exists():
        raise CertificateNotShown(psn_no=person.number)


_T, _V, _P = Columns(Told, "t"), Columns(Visit, "v"), Columns(Person, "p")

# Plain SQL, because every message about a visit asks.
_TOLD = f"""
    select {_T.sql}, {_V.sql}, {_P.sql} from gateway_told t join care_visit v on v.id = t.visit_id
    join people_person p on p.id = v.person_id
    where t.institution_id = %s and t.mdtrt = %s
    order by v.state = 'cancelled', t.visit_id desc limit 1
"""


def _told(institution_id: int, mdtrt: int) -> Told | None:
    with prepared() as cursor:
        cursor.execute(_TOLD, [institution_id, mdtrt])
        row = cursor.fetchone()
    if row is None:
        return None
    values = iter(row)
    told, visit, person = _T.read(values), _V.read(values), _P.read(values)
    assert told is not None and visit is not None and person is not None
    visit.person, told.visit = person, visit
    return told


def told_of(call: Call, mdtrt_id: str, psn_no: str, *, cares: tuple[str, ...] = ()) -> Told:
    """What was told of a visit of the calling institution; of one in parts, of the last that was not cancelled.

    `cares` are those that the transaction is for. Raises VisitUnknown, WrongCare.
    """
    found = _told(call.machine.institution_id, number(mdtrt_id))
    asked = number(psn_no)
    if found is None or asked not in (found.visit.person_id, found.visit.person.merged_into_id):
        raise VisitUnknown(mdtrt_id=mdtrt_id, psn_no=psn_no)
    if cares and found.visit.care not in cares:
        care = FACTS["care"]
        words = {"care_zh": care.word(found.visit.care, "zh"), "care_en": care.word(found.visit.care, "en")}
        raise WrongCare(mdtrt_id=mdtrt_id, infno=call.envelope.infno, **words)
    call.person_id, call.visit_id = found.visit.person.merged_into_id or found.visit.person_id, found.visit_id
    return found


def first_open(call: Call, told: Told) -> Told:
    """Of a stay that was cut, the first part that is not settled: one whose settlement was taken back is settled anew first."""
    parts = Told.objects.filter(institution=call.institution, mdtrt=told.mdtrt).select_related("visit__person")
    settled = Settlement.objects.live().filter(visit=OuterRef("pk"))
    found = parts.exclude(visit__state="cancelled").filter(~Exists(settled)).order_by("visit_id").first() or told
    call.visit_id = found.visit_id
    return found


def settlement_of(call: Call, setl_id: str, mdtrt_id: str, psn_no: str) -> tuple[Settlement, Told]:
    """A row of settlement of the calling institution, and what was told of its visit. Raises SettlementUnknown, VisitUnknown."""
    rows = Settlement.objects.select_related("visit", "person", "institution")
    row = rows.filter(pk=number(setl_id), institution_id=call.machine.institution_id).first()
    told = Told.objects.filter(visit=row.visit_id).first() if row else None
    if row is None or told is None or (mdtrt_id and told.mdtrt != number(mdtrt_id)):
        raise SettlementUnknown(setl_id=setl_id, mdtrt_id=mdtrt_id)
    if psn_no and number(psn_no) not in (row.person_id, row.person.merged_into_id):
        raise SettlementUnknown(setl_id=setl_id, mdtrt_id=mdtrt_id)
    call.person_id, call.visit_id = row.person.merged_into_id or row.person_id, row.visit_id
    return row, told
